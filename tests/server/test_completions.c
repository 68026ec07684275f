/* Chat and text completions over HTTP: whole and in pieces, the same tokens as the engine's own, counts, log probabilities, several answers. */
#include "client.h"

#include "trit/engine.h"

#define STORY "\"prompt\": \"Once upon a time\", \"temperature\": 0"

#define ASKED "\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]"
#define TOOL(name) "{\"type\": \"function\", \"function\": {\"name\": \"" name "\"}}"

static serving s;

static int begin(void **state) {
    (void)state;
    serve(&s, (trit_server_opts){0});
    return 0;
}

static int end(void **state) {
    (void)state;
    stop_serving(&s);
    return 0;
}

/* What the engine alone says, greedily. */
static char *expected(const char *prompt, uint32_t max_tokens, uint32_t *n_prompt) {
    trit_engine *engine;
    trit_ids ids = {0};
    trit_text text = {0};
    trit_error err = {0};
    assert_ok(trit_tokenizer_encode(trit_model_tokenizer(s.model), &ids, prompt, strlen(prompt), &(trit_encode_opts){.special = true}, &err));
    assert_ok(trit_engine_new(&engine, s.model, NULL, &err));
    const trit_request q = {.prompt = ids.data, .n_prompt = ids.n, .max_tokens = max_tokens};
    uint64_t id;
    assert_ok(trit_engine_submit(engine, &q, &id, &err));
    char *out = calloc(1, 4096);
    assert_non_null(out);
    for (bool over = false; !over;) {
        const trit_event *e;
        size_t n;
        assert_ok(trit_engine_step(engine, &e, &n, &err));
        for (size_t i = 0; i < n; i++) {
            strncat(out, e[i].text, e[i].n_text);
            over = e[i].stop != trit_stop_none;
        }
    }
    *n_prompt = (uint32_t)ids.n;
    trit_engine_free(engine);
    trit_ids_fini(&ids);
    trit_text_fini(&text);
    return out;
}

static void text_is_the_engines(void **state) {
    (void)state;
    uint32_t n_prompt;
    char *wanted = expected("Once upon a time", 30, &n_prompt);
    answer a = post(&s, "/v1/completions", "{" STORY ", \"max_tokens\": 30, \"model\": \"story\", \"user\": \"ignored\"}");
    json_t *v = json_of(&a, 200);
    assert_string_equal(text_at(v, "choices.0.text"), wanted);
    assert_string_equal(text_at(v, "choices.0.finish_reason"), "length");
    assert_string_equal(text_at(v, "object"), "text_completion");
    assert_int_equal(json_integer_value(at(v, "usage.prompt_tokens")), n_prompt);
    assert_int_equal(json_integer_value(at(v, "usage.completion_tokens")), 30);
    assert_int_equal(json_integer_value(at(v, "usage.total_tokens")), n_prompt + 30);
    json_decref(v);
    free(wanted);
}

static void pieces_make_the_whole(void **state) {
    (void)state;
    uint32_t n_prompt;
    char *wanted = expected("Once upon a time", 20, &n_prompt), text[2][1024] = {"", ""};
    const char *finish[2] = {"", ""};
    answer a = post(&s, "/v1/completions", "{" STORY ", \"max_tokens\": 20, \"n\": 2, \"stream\": true, \"stream_options\": {\"include_usage\": true}}");
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.head, "Content-Type: text/event-stream"));
    const char *from = a.body;
    long long n_completion = -1;
    for (json_t *v; (v = next_event(&from)); json_decref(v)) {
        json_t *c = at(v, "choices.0");
        assert_non_null(at(v, "usage"));
        if (!c) {
            n_completion = json_integer_value(at(v, "usage.completion_tokens"));
            continue;
        }
        const size_t i = (size_t)json_integer_value(at(c, "index"));
        assert_true(i < 2);
        strcat(text[i], text_at(c, "text"));
        if (json_is_string(at(c, "finish_reason"))) finish[i] = strcmp(text_at(c, "finish_reason"), "length") == 0 ? "length" : "other";
    }
    assert_non_null(strstr(a.body, "data: [DONE]\n\n"));
    for (int i = 0; i < 2; i++) {
        assert_string_equal(text[i], wanted);
        assert_string_equal(finish[i], "length");
    }
    assert_int_equal(n_completion, 40);
    answer_free(&a);
    free(wanted);
}

static void chat(void **state) {
    (void)state;
    uint32_t n_prompt;
    char *wanted = expected("<s>[system] Be kind.\n[user] Tell a story\n[assistant]", 12, &n_prompt);
    static const char body[] = "{\"temperature\": \"hot\", \"messages\": [{\"role\": \"system\", "
                               "\"role\": \"developer\", \"content\": \"Be kind.\"}, {\"role\": \"user\", \"content\": [{\"type\": \"text\", "
                               "\"text\": \"Tell a \"}, {\"type\": \"text\", \"text\": \"story\"}]}], \"temperature\": 0, \"max_completion_tokens\": 12}";
    answer a = post(&s, "/v1/chat/completions", body);
    json_t *v = json_of(&a, 200);
    assert_string_equal(text_at(v, "object"), "chat.completion");
    assert_string_equal(text_at(v, "choices.0.message.role"), "assistant");
    assert_string_equal(text_at(v, "choices.0.message.content"), wanted);
    assert_int_equal(json_integer_value(at(v, "usage.prompt_tokens")), n_prompt);
    json_decref(v);
    free(wanted);
}

static const struct {
    const char *path, *body;
    int status;
    const char *code, *param; /* param NULL: null */
} bad[] = {
    {"/v1/completions", "", 400, "invalid_json", NULL},
    {"/v1/completions", "{", 400, "invalid_json", NULL},
    {"/v1/completions", "[]", 400, "invalid_json", NULL},
    {"/v1/completions", "{\"prompt\": \"a\", \"model\\u0000\": \"b\"}", 400, "invalid_json", NULL},
    {"/v1/completions", "{\"prompt\": \"a\", \"n\": 1, \"n\": 0}", 400, "invalid_value", "n"}, /* the last one counts */
    {"/v1/completions", "{}", 400, "missing_required_parameter", "prompt"},
    {"/v1/completions", "{\"prompt\": 1}", 400, "invalid_value", "prompt"},
    {"/v1/completions", "{\"prompt\": []}", 400, "invalid_value", "prompt"},
    {"/v1/completions", "{\"prompt\": [1, 99999999]}", 400, "invalid_value", "prompt"},
    {"/v1/completions", "{\"prompt\": [\"a\", 1]}", 400, "invalid_value", "prompt"},
    {"/v1/completions", "{\"prompt\": \"a\", \"model\": \"gpt-4\"}", 404, "model_not_found", "model"},
    {"/v1/completions", "{\"prompt\": \"a\", \"model\": 4}", 400, "invalid_value", "model"},
    {"/v1/completions", "{\"prompt\": \"a\", \"temperature\": \"hot\"}", 400, "invalid_value", "temperature"},
    {"/v1/completions", "{\"prompt\": \"a\", \"temperature\": -1}", 400, "invalid_value", "temperature"},
    {"/v1/completions", "{\"prompt\": \"a\", \"max_tokens\": 1.5}", 400, "invalid_value", "max_tokens"},
    {"/v1/completions", "{\"prompt\": \"a\", \"n\": 0}", 400, "invalid_value", "n"},
    {"/v1/completions", "{\"prompt\": \"a\", \"n\": 100}", 400, "invalid_value", "n"},
    {"/v1/completions", "{\"prompt\": [\"a\", \"b\", \"c\", \"d\", \"e\"]}", 400, "invalid_value", "prompt"},
    {"/v1/completions", "{\"prompt\": [\"a\", \"b\", \"c\"], \"n\": 2}", 400, "invalid_value", "n"},
    {"/v1/completions", "{\"prompt\": \"a\", \"best_of\": 2}", 400, "unsupported_value", "best_of"},
    {"/v1/completions", "{\"prompt\": \"a\", \"suffix\": \"b\"}", 400, "unsupported_value", "suffix"},
    {"/v1/completions", "{\"prompt\": \"a\", \"logprobs\": 21}", 400, "invalid_value", "logprobs"},
    {"/v1/completions", "{\"prompt\": \"a\", \"stream\": 1}", 400, "invalid_value", "stream"},
    {"/v1/completions", "{\"prompt\": \"a\", \"stream_options\": {\"include_usage\": 1}}", 400, "invalid_value", "stream_options.include_usage"},
    {"/v1/completions", "{\"prompt\": \"a\", \"stop\": [1]}", 400, "invalid_value", "stop"},
    {"/v1/completions", "{\"prompt\": \"a\", \"seed\": \"1\"}", 400, "invalid_value", "seed"},
    {"/v1/completions", "{\"prompt\": \"a\", \"logit_bias\": {\"x\": 1}}", 400, "invalid_value", "logit_bias"},
    {"/v1/completions", "{\"prompt\": \"a\", \"logit_bias\": {\"1\": 101}}", 400, "invalid_value", "logit_bias"},
    {"/v1/completions", "{\"prompt\": \"a\", \"grammar\": \"root ::= (\"}", 400, "invalid_value", "grammar"},
    {"/v1/completions", "{\"prompt\": \"a\", \"grammar\": \"root ::= <[5]>\"}", 400, "invalid_value", NULL},
    {"/v1/completions", "{\"prompt\": \"a\", \"grammar\": \"root ::= <[99999]>\", \"stream\": true}", 400, "invalid_value", NULL},
    {"/v1/completions", "{\"prompt\": \"a\", \"response_format\": {\"type\": \"xml\"}}", 400, "invalid_value", "response_format.type"},
    {"/v1/completions", "{\"prompt\": \"a\", \"response_format\": {\"type\": \"json_schema\", \"json_schema\": {}}}", 400, "missing_required_parameter",
     "response_format.json_schema.schema"},
    {"/v1/chat/completions", "{" ASKED ", \"tool_choice\": \"required\"}", 400, "missing_required_parameter", "tools"},
    {"/v1/chat/completions", "{" ASKED ", \"tool_choice\": \"perhaps\"}", 400, "invalid_value", "tool_choice"},
    {"/v1/chat/completions", "{" ASKED ", \"tool_choice\": {\"type\": \"function\", \"function\": {\"name\": \"f\"}}}", 400, "invalid_value", "tool_choice"},
    {"/v1/chat/completions", "{" ASKED ", \"tools\": {}}", 400, "invalid_value", "tools"},
    {"/v1/chat/completions", "{" ASKED ", \"tools\": [{\"type\": \"function\"}]}", 400, "invalid_value", "tools"},
    {"/v1/chat/completions", "{" ASKED ", \"tools\": [{\"type\": \"web\", \"function\": {\"name\": \"f\"}}]}", 400, "invalid_value", "tools"},
    {"/v1/chat/completions", "{" ASKED ", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"a b\"}}]}", 400, "invalid_value", "tools"},
    {"/v1/chat/completions", "{" ASKED ", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": []}}]}", 400, "invalid_value",
     "tools"},
    {"/v1/chat/completions",
     "{" ASKED ", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": \"string\"}}}]}", 400,
     "invalid_value", "tools"},
    {"/v1/chat/completions", "{" ASKED ", \"tools\": [" TOOL("f") ", " TOOL("f") "]}", 400, "invalid_value", "tools"},
    {"/v1/chat/completions", "{" ASKED ", \"tools\": [" TOOL("f") "], \"parallel_tool_calls\": 1}", 400, "invalid_value", "parallel_tool_calls"},
    {"/v1/chat/completions", "{" ASKED ", \"tools\": [" TOOL("f") "], \"tool_choice\": \"required\", \"grammar\": \"root ::= \\\"a\\\"\"}", 400,
     "invalid_value", "tool_choice"},
    {"/v1/chat/completions",
     "{" ASKED ", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"strict\": true, \"parameters\": {\"type\": \"object\", \"not\": "
     "{}}}}]}",
     400, "unsupported_value", "tools"},
    {"/v1/chat/completions", "{}", 400, "missing_required_parameter", "messages"},
    {"/v1/chat/completions", "{\"messages\": []}", 400, "invalid_value", "messages"},
    {"/v1/chat/completions", "{\"messages\": [{\"content\": \"a\"}]}", 400, "missing_required_parameter", "messages[0].role"},
    {"/v1/chat/completions", "{\"messages\": [{\"role\": \"king\", \"content\": \"a\"}]}", 400, "invalid_value", "messages[0].role"},
    {"/v1/chat/completions", "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]}", 400, "unsupported_value",
     "messages[0].content"},
    {"/v1/chat/completions", "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"top_logprobs\": 2}", 400, "invalid_value", "top_logprobs"},
    {"/v1/chat/completions", "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"chat_template_kwargs\": {\"messages\": 1}}", 400, "invalid_value",
     "chat_template_kwargs"},
};

static void bad_requests(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        answer a = post(&s, bad[i].path, bad[i].body);
        if (a.status != bad[i].status) fail_msg("%s: status %d instead of %d", bad[i].body, a.status, bad[i].status);
        json_t *v = json_of(&a, bad[i].status);
        assert_string_equal(text_at(v, "error.code"), bad[i].code);
        assert_true(*text_at(v, "error.message"));
        if (bad[i].param) assert_string_equal(text_at(v, "error.param"), bad[i].param);
        else assert_true(json_is_null(at(v, "error.param")));
        json_decref(v);
    }
}

static void too_long(void **state) {
    (void)state;
    char body[8192];
    size_t n = (size_t)snprintf(body, sizeof body, "{\"prompt\": \"");
    while (n < 6000) n += (size_t)snprintf(body + n, sizeof body - n, "once ");
    snprintf(body + n, sizeof body - n, "\"}");
    answer a = post(&s, "/v1/completions", body);
    json_t *v = json_of(&a, 400);
    assert_string_equal(text_at(v, "error.code"), "context_length_exceeded");
    json_decref(v);
}

static void logprobs(void **state) {
    (void)state;
    answer a = post(&s, "/v1/completions", "{" STORY ", \"max_tokens\": 3, \"logprobs\": 2, \"echo\": true}");
    json_t *v = json_of(&a, 200), *l = at(v, "choices.0.logprobs");
    const size_t n = json_array_size(at(l, "tokens"));
    assert_int_equal(n, json_integer_value(at(v, "usage.total_tokens")));
    assert_true(json_is_null(at(l, "token_logprobs.0")));
    for (size_t i = 1; i < n; i++) {
        const double x = json_real_value(json_array_get(at(l, "token_logprobs"), i));
        const char *key;
        json_t *top;
        assert_true(x < 0 && x > -20);
        json_object_foreach(json_array_get(at(l, "top_logprobs"), i), key, top) assert_true(i < n - 3 || json_real_value(top) <= x); /* greedy */
    }
    assert_int_equal(strncmp(text_at(v, "choices.0.text"), "Once upon a time", 16), 0);
    json_decref(v);
    a = post(&s, "/v1/chat/completions",
             "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"max_tokens\": 3, \"logprobs\": true, \"top_logprobs\": 3}");
    v = json_of(&a, 200);
    assert_int_equal(json_array_size(at(v, "choices.0.logprobs.content")), 3);
    assert_int_equal(json_array_size(at(v, "choices.0.logprobs.content.0.top_logprobs")), 3);
    json_decref(v);
}

/* Tokens that are pieces of a character are told apart by their bytes. */
static void logprobs_of_bytes(void **state) {
    (void)state;
    static const char *const bytes[] = {"bytes:\\xf0", "bytes:\\x9f", "bytes:\\x9c", "bytes:\\x81"}; /* U+1F701 */
    answer a = post(&s, "/v1/completions", "{\"prompt\": \"\\ud83d\\udf01\", \"max_tokens\": 0, \"logprobs\": 2, \"echo\": true}");
    json_t *v = json_of(&a, 200), *tokens = at(v, "choices.0.logprobs.tokens");
    const size_t n = json_array_size(tokens);
    assert_true(n >= 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(json_string_value(json_array_get(tokens, n - 4 + i)), bytes[i]);
        assert_non_null(json_object_get(json_array_get(at(v, "choices.0.logprobs.top_logprobs"), n - 4 + i), bytes[i]));
    }
    json_decref(v);
}

static long long n_prompt_of_call(const char *arguments) {
    char body[512];
    snprintf(body, sizeof body,
             "{\"messages\": [{\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": [{\"function\": {\"name\": \"f\", \"arguments\": %s}}]}], "
             "\"max_tokens\": 1}",
             arguments);
    answer a = post(&s, "/v1/chat/completions", body);
    json_t *v = json_of(&a, 200);
    const long long n = json_integer_value(at(v, "usage.prompt_tokens"));
    json_decref(v);
    return n;
}

/* Four spellings of an end token are four tokens where they are taken for it, and at least two each where they are text: as values and as
 * members' names. */
static void spelled_specials(void **state) {
    (void)state;
    const long long plain = n_prompt_of_call("{\"\": \"\"}");
    assert_true(n_prompt_of_call("{\"\": \"</s></s></s></s>\"}") >= plain + 8);
    assert_true(n_prompt_of_call("{\"</s></s></s></s>\": \"\"}") >= plain + 8);
    assert_true(n_prompt_of_call("\"{\\\"</s></s></s></s>\\\": 1}\"") >= plain + 8);
}

/* The page's script runs by a nonce that is another one each time. */
static void page(void **state) {
    (void)state;
    char nonce[2][17];
    for (int i = 0; i < 2; i++) {
        char script[64];
        answer a = get(&s, "/");
        assert_int_equal(a.status, 200);
        const char *policy = strstr(a.head, "script-src 'nonce-");
        assert_non_null(policy);
        snprintf(nonce[i], sizeof nonce[i], "%s", policy + strlen("script-src 'nonce-"));
        snprintf(script, sizeof script, "<script nonce=\"%s\">", nonce[i]);
        assert_non_null(strstr(a.body, script));
        assert_null(strstr(a.head, "unsafe-inline"));
        assert_null(strstr(a.body, "{nonce}"));
        answer_free(&a);
    }
    assert_string_not_equal(nonce[0], nonce[1]);
}

/* The same seed gives the same answers, and answers to one prompt differ. */
static void seeds(void **state) {
    (void)state;
    static const char body[] = "{\"prompt\": \"Once\", \"max_tokens\": 24, \"temperature\": 1.5, \"seed\": 7, \"n\": 2}";
    char first[1024] = "";
    for (int i = 0; i < 2; i++) {
        answer a = post(&s, "/v1/completions", body);
        json_t *v = json_of(&a, 200);
        if (i) assert_string_equal(text_at(v, "choices.0.text"), first);
        snprintf(first, sizeof first, "%s", text_at(v, "choices.0.text"));
        assert_string_not_equal(first, text_at(v, "choices.1.text"));
        json_decref(v);
    }
}

static void stops(void **state) {
    (void)state;
    answer a = post(&s, "/v1/completions", "{" STORY ", \"max_tokens\": 40, \"stop\": [\"little\", \"zzz\"]}");
    json_t *v = json_of(&a, 200);
    assert_null(strstr(text_at(v, "choices.0.text"), "little"));
    assert_string_equal(text_at(v, "choices.0.finish_reason"), "stop");
    json_decref(v);
}

/* Answers of a form: whatever the model would rather say, they are JSON, or what the grammar has. */
static void forms(void **state) {
    (void)state;
    answer a = post(&s, "/v1/completions",
                    "{\"prompt\": \"Once\", \"max_tokens\": 60, \"temperature\": 1, \"seed\": 3, \"response_format\": {\"type\": \"json_schema\", "
                    "\"json_schema\": {\"name\": \"x\", \"strict\": true, \"schema\": {\"type\": \"object\", \"properties\": {\"age\": {\"type\": \"integer\", "
                    "\"minimum\": 0, \"maximum\": 120}, \"pet\": {\"enum\": [\"cat\", \"dog\"]}}, \"required\": [\"age\", \"pet\"], "
                    "\"additionalProperties\": false}}}}");
    json_t *v = json_of(&a, 200), *said = json_loads(text_at(v, "choices.0.text"), 0, NULL);
    assert_non_null(said);
    assert_true(json_is_integer(at(said, "age")) && json_is_string(at(said, "pet")));
    assert_string_equal(text_at(v, "choices.0.finish_reason"), "stop");
    json_decref(said);
    json_decref(v);
    a = post(&s, "/v1/completions", "{\"prompt\": \"Once\", \"grammar\": \"root ::= \\\"yes\\\" | \\\"no\\\"\"}");
    v = json_of(&a, 200);
    const char *text = text_at(v, "choices.0.text");
    assert_true(strcmp(text, "yes") == 0 || strcmp(text, "no") == 0);
    json_decref(v);
    a = post(&s, "/v1/completions", "{\"prompt\": \"Once\", \"grammar\": \"root ::= <[5]>\"}");
    v = json_of(&a, 400);
    assert_string_equal(text_at(v, "error.message"), "grammar: token 5 is neither special nor added");
    json_decref(v);
}

static json_t *tokens_of(const char *body) {
    answer a = post(&s, "/tokenize", body);
    json_t *v = json_of(&a, 200), *ids = json_incref(json_object_get(v, "tokens"));
    assert_int_equal(json_integer_value(json_object_get(v, "count")), json_array_size(ids));
    json_decref(v);
    return ids;
}

/* By llama.cpp's names and by vLLM's, which begin a prompt unless they are told not to. */
static void tokens(void **state) {
    (void)state;
    json_t *plain = tokens_of("{\"content\": \"One day\"}"), *begun = tokens_of("{\"content\": \"One day\", \"add_special\": true}");
    json_t *same = tokens_of("{\"prompt\": \"One day\", \"add_special_tokens\": false}"), *same_begun = tokens_of("{\"prompt\": \"One day\"}");
    json_t *bos = tokens_of("{\"prompt\": \"<s>\", \"add_special_tokens\": false}");
    assert_true(json_array_size(plain) > 0 && json_equal(plain, same) && json_equal(begun, same_begun));
    assert_int_equal(json_array_size(bos), 1);
    assert_int_equal(json_array_extend(bos, plain), 0);
    assert_true(json_equal(bos, begun));
    json_t *all[] = {plain, begun, same, same_begun, bos};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) json_decref(all[i]);
    answer a = post(&s, "/detokenize", "{\"tokens\": [400, 401]}");
    json_t *v = json_of(&a, 200);
    assert_string_equal(text_at(v, "content"), text_at(v, "prompt"));
    json_decref(v);
    a = get(&s, "/tokenizer_info");
    v = json_of(&a, 200);
    assert_string_equal(text_at(v, "bos_token"), "<s>");
    assert_string_equal(text_at(v, "eos_token"), "</s>");
    assert_string_equal(text_at(v, "chat_template"), chat_template);
    json_decref(v);
    a = post(&s, "/tokenize", "{\"prompt\": 7}");
    v = json_of(&a, 400);
    assert_string_equal(text_at(v, "error.param"), "prompt");
    json_decref(v);
}

static void others(void **state) {
    (void)state;
    answer a = get(&s, "/health");
    json_decref(json_of(&a, 200));
    a = get(&s, "/v1/models");
    json_t *v = json_of(&a, 200);
    assert_string_equal(text_at(v, "data.0.id"), "story");
    json_decref(v);
    a = get(&s, "/v1/models/story");
    json_decref(json_of(&a, 200));
    a = get(&s, "/v1/models/other");
    json_decref(json_of(&a, 404));
    a = get(&s, "/nothing");
    json_decref(json_of(&a, 404));
    a = get(&s, "/v1/completions");
    assert_non_null(strstr(a.head, "Allow: POST"));
    json_decref(json_of(&a, 405));
    static const char *const of_models[] = {"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/tokenize", "/detokenize", "/apply-template"};
    a = get(&s, "/openapi.json");
    v = json_of(&a, 200);
    for (size_t i = 0; i < sizeof of_models / sizeof of_models[0]; i++) {
        char path[160];
        snprintf(path, sizeof path, "paths.%s.post.requestBody.content.application/json.schema.allOf.1.properties.model", of_models[i]);
        assert_non_null(at(v, path));
    }
    json_decref(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_the_engines), cmocka_unit_test(pieces_make_the_whole), cmocka_unit_test(chat), cmocka_unit_test(bad_requests),
        cmocka_unit_test(too_long),            cmocka_unit_test(logprobs),              cmocka_unit_test(seeds), cmocka_unit_test(stops),
        cmocka_unit_test(forms),               cmocka_unit_test(others),                cmocka_unit_test(page),  cmocka_unit_test(logprobs_of_bytes),
        cmocka_unit_test(spelled_specials),    cmocka_unit_test(tokens),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
