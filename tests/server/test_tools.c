/* Tools over HTTP with a model that has no idea of them: calls that are required come, hold to their functions' schemas, and are the same
 * streamed as whole. */
#include "client.h"

#include "server/tools.h"

#define ASKED "\"messages\": [{\"role\": \"user\", \"content\": \"Weather in Paris?\"}], \"temperature\": 1.5, \"seed\": 11"
#define WEATHER(more)                                                                                                                              \
    "{\"type\": \"function\", \"function\": {\"name\": \"get_weather\", \"description\": \"The weather\", " more "\"parameters\": {\"type\": \"object\", " \
    "\"properties\": {\"city\": {\"enum\": [\"Paris\", \"Rome\"]}, \"days\": {\"type\": \"integer\", \"minimum\": 1, \"maximum\": 9}}, "                 \
    "\"required\": [\"city\", \"days\"], \"additionalProperties\": false}}}"
#define STOP "{\"type\": \"function\", \"function\": {\"name\": \"stop\"}}"
#define TOOLS "\"tools\": [" WEATHER("") ", " STOP "]"

/* The model has a short memory, so templates say little. */
static const char hermes[] = "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}{% for m in messages %}[{{ m.role }}]{{ m.content }}"
                             "{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}{% endfor %}[assistant]";
static const char coder[] = "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}{% for m in messages %}{{ m.content }}{{ m.tool_calls }}{% endfor %}"
                            "{# <parameter= #}";
static const char llama[] = "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}{% for m in messages %}{{ m.content }}{{ m.tool_calls }}{% endfor %}"
                            "{# \"parameters\": </think> #}";
static const char nothing[] = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]";
static const char python[] = "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}{% for m in messages %}{{ m.content }}{{ m.tool_calls }}{% endfor %}"
                             "{# List of tools: #}";
static const char listed[] = "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}{% for m in messages %}{{ m.content }}{{ m.tool_calls }}{% endfor %}"
                             "{# (params_name1=params_value1) #}";
static const char gemma[] = "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}{% for m in messages %}{{ m.content }}{{ m.tool_calls }}{% endfor %}"
                            "{# <|tool_call>call: #}";
static const char *const all[] = {hermes, coder, llama, python, listed, gemma};

static json_t *ask(const serving *s, const char *body) {
    answer a = post(s, "/v1/chat/completions", body);
    return json_of(&a, 200);
}

static void check_weather(const char *arguments) {
    json_t *v = json_loads(arguments, 0, NULL);
    if (!v) fail_msg("no JSON: %s", arguments);
    const char *city = text_at(v, "city");
    assert_true(strcmp(city, "Paris") == 0 || strcmp(city, "Rome") == 0);
    assert_in_range(json_integer_value(at(v, "days")), 1, 9);
    json_decref(v);
}

static void check_call(json_t *call) {
    assert_string_equal(text_at(call, "type"), "function");
    assert_int_equal(strlen(text_at(call, "id")), 9);
    if (strcmp(text_at(call, "function.name"), "get_weather") == 0) check_weather(text_at(call, "function.arguments"));
    else assert_string_equal(text_at(call, "function.name"), "stop");
}

/* The pieces of calls put together again, as clients do it. */
static json_t *put_together(const char *stream, char *finish, size_t size) {
    json_t *calls = json_array();
    for (json_t *v; (v = next_event(&stream)); json_decref(v)) {
        json_t *pieces = at(v, "choices.0.delta.tool_calls"), *piece;
        size_t i;
        if (json_is_string(at(v, "choices.0.finish_reason"))) snprintf(finish, size, "%s", text_at(v, "choices.0.finish_reason"));
        json_array_foreach(pieces, i, piece) {
            const size_t index = (size_t)json_integer_value(at(piece, "index"));
            if (index == json_array_size(calls)) {
                assert_true(*text_at(piece, "id") && *text_at(piece, "function.name"));
                json_array_append_new(calls, json_deep_copy(piece));
                json_object_del(json_array_get(calls, index), "index");
                continue;
            }
            assert_null(at(piece, "function.name"));
            json_t *function = at(json_array_get(calls, index), "function");
            char whole[4096];
            snprintf(whole, sizeof whole, "%s%s", text_at(function, "arguments"), text_at(piece, "function.arguments"));
            json_object_set_new(function, "arguments", json_string(whole));
        }
    }
    return calls;
}

static void required_calls(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        serving s;
        serve_by(&s, all[i], (trit_server_opts){.reasoning = trit_reasoning_none});
        json_t *v = ask(&s, "{" ASKED ", " TOOLS ", \"tool_choice\": \"required\"}"), *calls = at(v, "choices.0.message.tool_calls"), *call;
        size_t k;
        assert_true(json_array_size(calls) > 0);
        assert_true(json_is_null(at(v, "choices.0.message.content")));
        json_array_foreach(calls, k, call) check_call(call);
        char finish[32] = "";
        answer a = post(&s, "/v1/chat/completions", "{" ASKED ", " TOOLS ", \"tool_choice\": \"required\", \"stream\": true}");
        assert_int_equal(a.status, 200);
        json_t *streamed = put_together(a.body, finish, sizeof finish);
        assert_string_equal(finish, text_at(v, "choices.0.finish_reason")); /* length where further calls filled the context */
        assert_int_equal(json_array_size(streamed), json_array_size(calls));
        json_array_foreach(calls, k, call) {
            assert_string_equal(text_at(json_array_get(streamed, k), "function.name"), text_at(call, "function.name"));
            assert_string_equal(text_at(json_array_get(streamed, k), "function.arguments"), text_at(call, "function.arguments"));
        }
        answer_free(&a);
        json_decref(streamed);
        json_decref(v);
        stop_serving(&s);
    }
}

static void named_and_single(void **state) {
    (void)state;
    serving s;
    serve_by(&s, hermes, (trit_server_opts){0});
    json_t *v = ask(&s, "{" ASKED ", " TOOLS ", \"tool_choice\": {\"type\": \"function\", \"function\": {\"name\": \"get_weather\"}}}");
    assert_int_equal(json_array_size(at(v, "choices.0.message.tool_calls")), 1);
    assert_string_equal(text_at(v, "choices.0.message.tool_calls.0.function.name"), "get_weather");
    assert_string_equal(text_at(v, "choices.0.finish_reason"), "tool_calls");
    check_call(at(v, "choices.0.message.tool_calls.0"));
    json_decref(v);
    v = ask(&s, "{" ASKED ", " TOOLS ", \"tool_choice\": \"required\", \"parallel_tool_calls\": false}");
    assert_int_equal(json_array_size(at(v, "choices.0.message.tool_calls")), 1);
    json_decref(v);
    stop_serving(&s);
}

/* A strict function that need not be called: the answer may be any text, and in a call its arguments hold to the schema; another's need not. */
static void strict_among_others(void **state) {
    (void)state;
    static const char asked[] = "{\"tools\": [" WEATHER("\"strict\": true, ") ", " STOP "]}";
    static const struct {
        const char *sign, *text;
        bool fits;
    } answers[] = {
        {hermes, "Hello <b>there</b>.", true},
        {hermes, "", true},
        {hermes, "So: <tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\", \"days\": 2}}\n</tool_call>", true},
        {hermes, "So: <tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Oslo\", \"days\": 2}}\n</tool_call>", false},
        {hermes, "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {}}\n</tool_call>", false},
        {hermes, "<tool_call>\n{\"name\": \"stop\", \"arguments\": {\"why\": 1}}\n</tool_call>", true},
        {hermes, "<tool_call>\n{\"name\": \"go\", \"arguments\": {}}\n</tool_call>", false},
        {coder,
         "<tool_call>\n<function=get_weather>\n<parameter=city>\n\"Rome\"\n</parameter>\n<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>",
         true},
        {coder, "<tool_call>\n<function=get_weather>\n<parameter=days>\n2\n</parameter>\n</function>\n</tool_call>", false},
        {python, "So: <|tool_call_start|>[get_weather(city=\"Rome\", days=2), stop()]<|tool_call_end|>", true},
        {python, "<|tool_call_start|>[get_weather(city=\"Oslo\", days=2)]<|tool_call_end|>", false},
        {python, "<|tool_call_start|>[get_weather(city=\"Rome\")]<|tool_call_end|>", false},
        {python, "<|tool_call_start|>[get_weather(days=2)]<|tool_call_end|>", false},
        {python, "[stop()]", true},
        {listed, "Hello", true},
        {listed, "[get_weather(city=\"Rome\", days=2)]", true},
        {listed, "[get_weather(city=\"Rome\", days=0)]", false},
        {listed, "[1]", false},
        {gemma, "<|tool_call>call:get_weather{city:\"Rome\",days:2}<tool_call|>", true},
        {gemma, "<|tool_call>call:get_weather{city:\"Rome\",days:2,}<tool_call|>", false},
        {gemma, "<|tool_call>call:stop{}<tool_call|>", true},
        {llama, "Hello", true},
        {llama, "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Rome\", \"days\": 2}}", true},
        {llama, "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Rome\", \"days\": 0}}", false},
    };
    trit_json *body;
    trit_tools tools;
    trit_refusal r;
    trit_error err = {0};
    assert_ok(trit_json_parse(&body, asked, sizeof asked - 1, "tools", &err));
    assert_true(trit_tools_read(&tools, body, &r));
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        trit_grammar *grammar;
        assert_true(trit_tools_grammar(&grammar, &tools, trit_tool_family_of(answers[i].sign), NULL, false, NULL, &r));
        assert_non_null(grammar);
        const trit_status status = trit_grammar_check(grammar, answers[i].text, strlen(answers[i].text), NULL);
        if ((status == trit_ok) != answers[i].fits) fail_msg("%s", answers[i].text);
        trit_grammar_free(grammar);
    }
    trit_tools_fini(&tools);
    trit_json_free(body);
}

/* Arguments of which some may be left out have commas between the others. */
static void keywords_that_may_be_left_out(void **state) {
    (void)state;
    static const char asked[] =
        "{\"tool_choice\": \"required\", \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": \"object\", "
        "\"properties\": {\"a\": {\"type\": \"boolean\", \"description\": \"d\"}, \"b\": {\"type\": \"string\"}, \"c\": {\"type\": \"integer\"}}, "
        "\"required\": [\"b\"]}}}, "
        "{\"type\": \"function\", \"function\": {\"name\": \"g\", \"parameters\": {\"type\": \"object\", "
        "\"properties\": {\"a\": {\"type\": \"null\", \"title\": \"d\"}, "
        "\"b\": {\"type\": \"string\", \"enum\": [\"x\"]}, \"c\": {\"type\": \"boolean\", \"const\": true}}}}}]}";
    static const struct {
        const char *sign, *text;
        bool fits;
    } answers[] = {
        {listed, "[f(a=True, b=\"x\", c=1)]", true}, {listed, "[f(b=\"x\")]", true},
        {listed, "[f(b=\"x\", c=1), g()]", true}, {listed, "[f(a=False, b=\"\")]", true},
        {listed, "[f(a=True)]", false}, {listed, "[f(, b=\"x\")]", false},
        {listed, "[f(b=\"x\" c=1)]", false}, {listed, "[f(b=\"x\", )]", false},
        {listed, "[f(a=true, b=\"x\")]", false}, {listed, "[g(a=null)]", false},
        {listed, "[g(b=\"x\")]", true}, {listed, "[g(a=None)]", true},
        {listed, "[g(a=None, b=\"x\")]", true}, {listed, "[g(b=\"y\")]", false},
        {listed, "[g(c=true)]", true}, {listed, "[g(c=False)]", false},
        {gemma, "<|tool_call>call:f{a:true,b:<|\"|>x \"<|y|>\n<|\"|>,c:1}<tool_call|>", true},
        {gemma, "<|tool_call>call:f{b:<|\"|><|\"|>}<tool_call|>", true}, {gemma, "<|tool_call>call:f{b:x}<tool_call|>", false},
        {gemma, "<|tool_call>call:g{b:<|\"|>x<|\"|>}<tool_call|>", true}, {gemma, "<|tool_call>call:g{b:<|\"|>y<|\"|>}<tool_call|>", false},
        {gemma, "<|tool_call>call:g{}<tool_call|><|tool_call>call:g{a:null}<tool_call|>", true},
    };
    trit_json *body;
    trit_tools tools;
    trit_refusal r;
    trit_error err = {0};
    assert_ok(trit_json_parse(&body, asked, sizeof asked - 1, "tools", &err));
    assert_true(trit_tools_read(&tools, body, &r));
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        trit_grammar *grammar;
        if (!trit_tools_grammar(&grammar, &tools, trit_tool_family_of(answers[i].sign), NULL, false, NULL, &r)) fail_msg("%s", r.message);
        const trit_status status = trit_grammar_check(grammar, answers[i].text, strlen(answers[i].text), NULL);
        if ((status == trit_ok) != answers[i].fits) fail_msg("%s", answers[i].text);
        trit_grammar_free(grammar);
    }
    trit_tools_fini(&tools);
    trit_json_free(body);
}

/* Such an answer comes, and so does one that must not be a call. */
static void strict_and_none(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        serving s;
        serve_by(&s, all[i], (trit_server_opts){0});
        json_t *v = ask(&s, "{" ASKED ", \"tools\": [" WEATHER("\"strict\": true, ") ", " STOP "], \"max_tokens\": 30}");
        assert_true(*text_at(v, "choices.0.message.content"));
        json_decref(v);
        v = ask(&s, "{" ASKED ", " TOOLS ", \"tool_choice\": \"none\", \"max_tokens\": 5}");
        assert_true(*text_at(v, "choices.0.message.content"));
        json_decref(v);
        stop_serving(&s);
    }
}

/* Where marks are special tokens they are read, and the others stay out of texts. Each token is made likely in its turn. */
static void special_tokens(void **state) {
    (void)state;
    static const struct {
        int token;
        const char *content, *reasoning;
    } ways[] = {{0, "aaa", ""}, {3, "", "[THINK][THINK]"}, {4, "[/THINK][/THINK][/THINK]", ""}, {5, "", ""}};
    serving s;
    char body[400];
    serve_with(&s, test_source("tests/server/special_tokens.json"), "{% for m in messages %}{{ m.content }}{% endfor %}{# [/THINK] #}", (trit_server_opts){0});
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        snprintf(body, sizeof body, "{" ASKED ", \"max_tokens\": 3, \"logit_bias\": {\"%d\": 100}}", ways[i].token);
        json_t *v = ask(&s, body), *reasoning = at(v, "choices.0.message.reasoning_content");
        assert_string_equal(text_at(v, "choices.0.message.content"), ways[i].content);
        assert_string_equal(reasoning ? json_string_value(reasoning) : "", ways[i].reasoning);
        json_decref(v);
    }
    stop_serving(&s);
}

/* Printable characters, and the marks of LFM2's calls as special tokens. */
static void write_tokenizer(const char *path) {
    json_t *vocab = json_object(), *added = json_array();
    static const char *const marks[] = {"<|tool_call_start|>", "<|tool_call_end|>"};
    int n = 0;
    json_object_set_new(vocab, "\n", json_integer(n++));
    for (char c[2] = " "; *c < 127; ++*c) json_object_set_new(vocab, c, json_integer(n++));
    for (size_t i = 0; i < 2; i++) {
        json_array_append_new(added, json_pack("{s:i, s:s, s:b}", "id", n, "content", marks[i], "special", 1));
        json_object_set_new(vocab, marks[i], json_integer(n++));
    }
    json_t *v = json_pack("{s:o, s:{s:s}, s:{s:s, s:{s:s}, s:s}, s:{s:s, s:s, s:o}}", "added_tokens", added, "decoder", "type", "Fuse", "pre_tokenizer",
                          "type", "Split", "pattern", "Regex", ".|\n", "behavior", "Isolated", "model", "type", "WordLevel", "unk_token", "?", "vocab", vocab);
    assert_non_null(v);
    json_object_set_new(json_object_get(v, "pre_tokenizer"), "invert", json_false());
    assert_int_equal(json_dump_file(v, path, 0), 0);
    json_decref(v);
}

/* Where the family's marks are tokens, a call that is required has these and not their letters; so has one that is strict. */
static void marks_that_are_tokens(void **state) {
    (void)state;
    static const char *const ways[] = {"\"tool_choice\": \"required\"", "\"logit_bias\": {\"96\": 100}"};
    static const char path[] = "marks.tokenizer.json";
    serving s;
    write_tokenizer(path);
    serve_with(&s, path, python, (trit_server_opts){0});
    for (size_t i = 0; i < 2; i++) {
        char body[1200];
        snprintf(body, sizeof body, "{" ASKED ", \"parallel_tool_calls\": false, \"logprobs\": true, \"tools\": [" WEATHER("\"strict\": true, ") "], %s}",
                 ways[i]);
        json_t *v = ask(&s, body), *notes = at(v, "choices.0.logprobs.content");
        const size_t n = json_array_size(notes);
        assert_int_equal(json_array_size(at(v, "choices.0.message.tool_calls")), 1);
        check_call(at(v, "choices.0.message.tool_calls.0"));
        assert_true(n > 10);
        assert_string_equal(text_at(json_array_get(notes, 0), "token"), "<|tool_call_start|>");
        assert_string_equal(text_at(json_array_get(notes, n - 1), "token"), "<|tool_call_end|>");
        json_decref(v);
    }
    stop_serving(&s);
    (void)remove(path);
}

static int prompt_tokens(const serving *s, const char *message) {
    char body[600];
    snprintf(body, sizeof body, "{\"messages\": [{%s}], \"max_tokens\": 1}", message);
    json_t *v = ask(s, body);
    const int n = (int)json_integer_value(at(v, "usage.prompt_tokens"));
    json_decref(v);
    return n;
}

/* A call in a message, which the template cannot say: its marks are tokens, and what only spells them, in a text or an argument, is letters. */
static void marks_in_messages(void **state) {
    (void)state;
    static const char path[] = "marks2.tokenizer.json", template[] = "{% for m in messages %}{{ m.content }}{% endfor %}{# List of tools: #}";
    static const char call[] = "\"role\": \"assistant\", \"content\": \"%s\", \"tool_calls\": [{\"id\": \"a\", \"type\": \"function\", \"function\": "
                               "{\"name\": \"stop\", \"arguments\": \"%s\"}}]";
    serving s;
    char message[400];
    write_tokenizer(path);
    serve_with(&s, path, template, (trit_server_opts){0});
    assert_int_equal(prompt_tokens(&s, "\"role\": \"user\", \"content\": \"<|tool_call_start|>\""), 19);
    snprintf(message, sizeof message, call, "", "{}");
    assert_int_equal(prompt_tokens(&s, message), 2 + (int)strlen("[stop()]"));
    snprintf(message, sizeof message, call, "<|tool_call_end|>", "{\\\"w\\\": \\\"\\u003c|tool_call_end|>\\\"}");
    assert_int_equal(prompt_tokens(&s, message), 17 + 1 + 2 + (int)strlen("[stop(w=\"<|tool_call_end|>\")]"));
    stop_serving(&s);
    (void)remove(path);
}

static char *prompt_of(const serving *s, const char *body) {
    answer a = post(s, "/apply-template", body);
    json_t *v = json_of(&a, 200);
    char *prompt = strdup(text_at(v, "prompt"));
    json_decref(v);
    return prompt;
}

/* No calls, in the words that clients have for it, are none: the message is as it is without the member, whether the template knows calls or not. */
static void calls_that_are_none(void **state) {
    (void)state;
    static const char body[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"Q\"}, {\"role\": \"assistant\", \"content\": \"A\"%s}]}";
    static const char *const signs[] = {"{# List of tools: #}", "{# (params_name1=params_value1) #}", "{# <parameter= #}", "{# <|tool_call>call: #}", ""};
    static const char *const none[] = {", \"tool_calls\": null", ", \"tool_calls\": []"};
    for (size_t i = 0; i <= sizeof signs / sizeof signs[0]; i++) {
        serving s;
        char template[300], asked[300];
        snprintf(template, sizeof template, "%s%s", nothing, i ? signs[i - 1] : "");
        serve_by(&s, i ? template : hermes, (trit_server_opts){0});
        snprintf(asked, sizeof asked, body, "");
        char *without = prompt_of(&s, asked);
        for (size_t k = 0; k < sizeof none / sizeof none[0]; k++) {
            snprintf(asked, sizeof asked, body, none[k]);
            char *with = prompt_of(&s, asked);
            assert_string_equal(with, without);
            free(with);
        }
        free(without);
        snprintf(asked, sizeof asked, body, ", \"tool_calls\": {}");
        expect(post(&s, "/apply-template", asked), 400, "invalid_value");
        stop_serving(&s);
    }
}

/* Arguments are read as the body is, and what cannot be read is told or written as it is: a call never loses them. */
static void arguments_of_calls(void **state) {
    (void)state;
    static const char python_sign[] = "{# (params_name1=params_value1) #}", coder_sign[] = "{# <parameter= #}", gemma_sign[] = "{# <|tool_call>call: #}";
    static const struct {
        const char *sign, *arguments, *wanted; /* wanted: in the prompt, or in the error's message, which has the place */
        bool fails;
    } cases[] = {
        {python_sign, "\"{\\\"a\\\": 1, \\\"a\\\": 2}\"", "[stop(a=2)]", false},
        {coder_sign, "\"{\\\"a\\\": 1, \\\"a\\\": 2}\"", "<parameter=a>\n2\n</parameter>", false},
        {gemma_sign, "\"{\\\"a\\\": 1, \\\"a\\\": 2}\"", "call:stop{a:2}", false},
        {python_sign, "\"\"", "[stop()]", false},
        {python_sign, "\" \\n\"", "[stop()]", false},
        {python_sign, "\"null\"", "[stop()]", false},
        {python_sign, "{\"a\": \"x\"}", "[stop(a=\"x\")]", false},
        {python_sign, "\"{\\\"a\\\": 1e999}\"", "'messages[1].tool_calls': call 0: arguments: ", true},
        {python_sign, "\"{\\\"a\\\": \\\"\\\\ud800\\\"}\"", "'messages[1].tool_calls': call 0: arguments: ", true},
        {coder_sign, "\"{\\\"a\\\": \"", "'messages[1].tool_calls': call 0: arguments: ", true},
        {gemma_sign, "\"a\"", "'messages[1].tool_calls': call 0: arguments: ", true},
        {python_sign, "\"\\u0000\"", "'messages[1].tool_calls': call 0: arguments: ", true},
        {python_sign, "\"[1]\"", "'messages[1].tool_calls': call 0: arguments: an object is wanted, not ", true},
        {python_sign, "7", "'messages[1].tool_calls': call 0: arguments: an object is wanted, not ", true},
        {"", "\"{\\\"a\\\": 1e999}\"", "\"arguments\": {\"a\": 1e999}}", false},
        {"", "\"{\\\"a\\\": \"", "\"arguments\": {\"a\": }", false},
        {"", "\"\"", "\"arguments\": {}}", false},
        {NULL, "\"{\\\"a\\\": 1, \\\"a\\\": 2}\"", "\"arguments\": {\"a\": 2}}", false},
        {NULL, "\"\"", "\"arguments\": {}}", false},
        {NULL, "\"a\"", "\"arguments\": \"a\"}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        serving s;
        char template[300], body[600];
        snprintf(template, sizeof template, "%s%s", nothing, cases[i].sign ? cases[i].sign : "");
        serve_by(&s, cases[i].sign ? template : hermes, (trit_server_opts){0});
        snprintf(body, sizeof body,
                 "{\"messages\": [{\"role\": \"user\", \"content\": \"Q\"}, {\"role\": \"assistant\", \"content\": null, \"tool_calls\": "
                 "[{\"id\": \"a\", \"type\": \"function\", \"function\": {\"name\": \"stop\", \"arguments\": %s}}]}]}",
                 cases[i].arguments);
        answer a = post(&s, "/apply-template", body);
        if (a.status != (cases[i].fails ? 400 : 200)) fail_msg("case %zu: %d %s", i, a.status, a.body);
        json_t *v = json_of(&a, cases[i].fails ? 400 : 200);
        const char *text = text_at(v, cases[i].fails ? "error.message" : "prompt");
        if (!strstr(text, cases[i].wanted)) fail_msg("case %zu: %s", i, text);
        if (cases[i].fails) assert_string_equal(text_at(v, "error.code"), "invalid_value");
        json_decref(v);
        stop_serving(&s);
    }
}

/* What a template cannot say of tools stands in the messages. */
static void told_in_words(void **state) {
    (void)state;
    static const char body[] = "{\"messages\": [{\"role\": \"system\", \"content\": \"Be kind.\"}, {\"role\": \"user\", \"content\": \"Q\"}, "
                               "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"a\", "
                               "\"type\": \"function\", \"function\": {\"name\": \"stop\", \"arguments\": "
                               "\"{\\\"why\\\": 1}\"}}]}, {\"role\": \"tool\", \"tool_call_id\": \"a\", \"content\": \"done\"}], " TOOLS "}";
    serving s;
    serve_by(&s, nothing, (trit_server_opts){0});
    char *prompt = prompt_of(&s, body);
    assert_int_equal(strncmp(prompt, "[system]Be kind.\n\nYou can call functions.", 40), 0);
    assert_non_null(strstr(prompt, "\"get_weather\""));
    assert_non_null(strstr(prompt, "{\"name\": \"NAME\", \"arguments\": {\"PARAMETER\":\"VALUE\"}}[user]Q"));
    assert_non_null(strstr(prompt, "[assistant]{\"name\": \"stop\", \"arguments\": {\"why\": 1}}[tool]done[assistant]"));
    free(prompt);
    stop_serving(&s);
    serve_by(&s, hermes, (trit_server_opts){0});
    prompt = prompt_of(&s, body);
    assert_non_null(strstr(prompt, "<tool_call>{\"name\": \"stop\", \"arguments\": {\"why\": 1}}</tool_call>"));
    assert_null(strstr(prompt, "You can call"));
    free(prompt);
    stop_serving(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(required_calls),
        cmocka_unit_test(named_and_single),
        cmocka_unit_test(strict_among_others),
        cmocka_unit_test(keywords_that_may_be_left_out),
        cmocka_unit_test(strict_and_none),
        cmocka_unit_test(special_tokens),
        cmocka_unit_test(marks_that_are_tokens),
        cmocka_unit_test(marks_in_messages),
        cmocka_unit_test(calls_that_are_none),
        cmocka_unit_test(arguments_of_calls),
        cmocka_unit_test(told_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
