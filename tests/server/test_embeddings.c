/* Vectors over HTTP: the bits of trit_embed, in both encodings, for every form of input, beside answers that are being made. */
#include "client.h"

#include "trit/embed.h"

static serving s;

static int begin(void **state) {
    (void)state;
    serve(&s, (trit_server_opts){.max_waiting = 4});
    return 0;
}

static int end(void **state) {
    (void)state;
    stop_serving(&s);
    return 0;
}

static const char *const texts[] = {"A dog ran.", "Once upon a time", "The sun was hot and the cat was in the shade.", "One", "Two words",
                                    "A dog ran.", "Lily liked to play", "It was late.",     "The end.",                                      "Ten"};

enum { n_texts = sizeof texts / sizeof texts[0] };

/* What the library says. The caller frees. */
static float *expected(uint32_t dims, trit_pooling pooling, uint64_t *n_tokens) {
    trit_embedder *e;
    trit_error err = {0};
    trit_ids ids[n_texts] = {{0}};
    assert_ok(trit_embedder_new(&e, s.model, &(trit_embed_opts){.dims = dims, .pooling = pooling, .max_sequences = 3}, &err));
    float *out = malloc(n_texts * trit_embedder_dims(e) * sizeof *out);
    assert_non_null(out);
    *n_tokens = 0;
    for (size_t i = 0; i < n_texts; i++) {
        assert_ok(trit_tokenizer_encode(trit_model_tokenizer(s.model), &ids[i], texts[i], strlen(texts[i]), NULL, &err));
        *n_tokens += ids[i].n;
    }
    assert_ok(trit_embed(e, out, ids, n_texts, &err));
    for (size_t i = 0; i < n_texts; i++) trit_ids_fini(&ids[i]);
    trit_embedder_free(e);
    return out;
}

static json_t *ask_for(const char *more) {
    char body[2048];
    json_t *list = json_array();
    for (size_t i = 0; i < n_texts; i++) json_array_append_new(list, json_string(texts[i]));
    char *input = json_dumps(list, 0);
    assert_true(snprintf(body, sizeof body, "{\"input\": %s%s}", input, more) < (int)sizeof body);
    free(input);
    json_decref(list);
    answer a = post(&s, "/v1/embeddings", body);
    return json_of(&a, 200);
}

static void are_the_librarys(void **state) {
    (void)state;
    uint64_t n_tokens;
    trit_model_info info;
    trit_model_describe(s.model, &info);
    float *wanted = expected(0, trit_pooling_default, &n_tokens);
    json_t *v = ask_for(", \"model\": \"story\", \"user\": \"ignored\"");
    assert_string_equal(text_at(v, "object"), "list");
    assert_string_equal(text_at(v, "model"), "story");
    assert_int_equal(json_integer_value(at(v, "usage.prompt_tokens")), n_tokens);
    assert_int_equal(json_integer_value(at(v, "usage.total_tokens")), n_tokens);
    assert_int_equal(json_array_size(at(v, "data")), n_texts);
    for (size_t i = 0; i < n_texts; i++) {
        json_t *row = json_array_get(at(v, "data"), i), *vector = at(row, "embedding");
        assert_int_equal(json_integer_value(at(row, "index")), i);
        assert_int_equal(json_array_size(vector), info.dim);
        for (uint32_t k = 0; k < info.dim; k++) {
            const float got = (float)json_number_value(json_array_get(vector, k));
            assert_memory_equal(&got, &wanted[i * info.dim + k], sizeof got);
        }
    }
    json_decref(v);
    free(wanted);
}

/* RFC 4648, by hand: the test has a reader of its own. */
static size_t decode(const char *code, unsigned char *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = 0;
    uint32_t bits = 0;
    for (size_t i = 0; code[i] && code[i] != '='; i++) {
        bits = bits << 6 | (uint32_t)(strchr(digits, code[i]) - digits);
        if (i % 4) out[n++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    return n;
}

static void cut_and_encoded(void **state) {
    (void)state;
    enum { dims = 24 };
    uint64_t n_tokens;
    float *wanted = expected(dims, trit_pooling_default, &n_tokens);
    json_t *v = ask_for(", \"encoding_format\": \"base64\", \"dimensions\": 24");
    for (size_t i = 0; i < n_texts; i++) {
        unsigned char bytes[dims * 4 + 4];
        const char *code = json_string_value(at(json_array_get(at(v, "data"), i), "embedding"));
        assert_non_null(code);
        assert_int_equal(strlen(code), dims * 4 / 3 * 4);
        assert_int_equal(decode(code, bytes), dims * 4);
        for (size_t k = 0; k < dims; k++) {
            const uint32_t bits = bytes[4 * k] | (uint32_t)bytes[4 * k + 1] << 8 | (uint32_t)bytes[4 * k + 2] << 16 | (uint32_t)bytes[4 * k + 3] << 24;
            assert_memory_equal(&bits, &wanted[i * dims + k], sizeof bits);
        }
    }
    json_decref(v);
    free(wanted);
}

/* A text, its tokens, and lists of them are the same. */
static void forms_of_input(void **state) {
    (void)state;
    trit_ids ids = {0};
    trit_error err = {0};
    char list[512] = "", body[4][2048];
    json_t *answers[4];
    assert_ok(trit_tokenizer_encode(trit_model_tokenizer(s.model), &ids, texts[2], strlen(texts[2]), NULL, &err));
    for (size_t i = 0; i < ids.n; i++) snprintf(list + strlen(list), sizeof list - strlen(list), "%s%d", i ? "," : "", (int)ids.data[i]);
    snprintf(body[0], sizeof body[0], "{\"input\": \"%s\"}", texts[2]);
    snprintf(body[1], sizeof body[1], "{\"input\": [\"%s\"], \"encoding_format\": \"float\", \"dimensions\": null}", texts[2]);
    snprintf(body[2], sizeof body[2], "{\"input\": [%s]}", list);
    snprintf(body[3], sizeof body[3], "{\"input\": [[%s]]}", list);
    for (size_t i = 0; i < 4; i++) {
        answer a = post(&s, "/v1/embeddings", body[i]);
        answers[i] = json_of(&a, 200);
        assert_true(json_equal(answers[i], answers[0]));
    }
    for (size_t i = 0; i < 4; i++) json_decref(answers[i]);
    trit_ids_fini(&ids);
}

static void refusals(void **state) {
    (void)state;
    static const struct {
        const char *body;
        const char *code, *param;
    } bad[] = {
        {"{}", "missing_required_parameter", "input"},
        {"{\"input\": []}", "invalid_value", "input"},
        {"{\"input\": [[]]}", "invalid_value", "input"},
        {"{\"input\": 7}", "invalid_value", "input"},
        {"{\"input\": [1, -1]}", "invalid_value", "input"},
        {"{\"input\": [\"a\", [1]], \"dimensions\": 0}", "invalid_value", "dimensions"},
        {"{\"input\": \"a\", \"dimensions\": 100000}", "invalid_value", "dimensions"},
        {"{\"input\": \"a\", \"dimensions\": \"8\"}", "invalid_value", "dimensions"},
        {"{\"input\": \"a\", \"encoding_format\": \"hex\"}", "invalid_value", "encoding_format"},
        {"{\"input\": \"a\", \"encoding_format\": 1}", "invalid_value", "encoding_format"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        answer a = post(&s, "/v1/embeddings", bad[i].body);
        json_t *v = json_of(&a, 400);
        if (strcmp(text_at(v, "error.code"), bad[i].code) != 0 || strcmp(text_at(v, "error.param"), bad[i].param) != 0) fail_msg("%s", bad[i].body);
        json_decref(v);
    }
    /* Too long: of two texts neither is computed, and the next request is as ever. */
    char *body = malloc(70000);
    assert_non_null(body);
    strcpy(body, "{\"input\": [\"One\", \"");
    for (size_t n = strlen(body), i = 0; i < 9000; i++) memcpy(body + n + 6 * i, "again ", 7);
    strcat(body, "\"]}");
    expect(post(&s, "/v1/embeddings", body), 400, "context_length_exceeded");
    free(body);
    expect(post(&s, "/v1/embeddings", "{\"input\": \"One\"}"), 200, NULL);
}

/* Answers and vectors at the same time; a client that leaves takes nothing with it. */
static void beside_answers(void **state) {
    (void)state;
    static const char many[] = "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n\r\n"
                               "{\"input\": [[1,2,3,4,5,6,7,8,9],[1,2,3,4,5,6,7],[1,2,3,4,5]]}";
    const int answering = begin_post(&s, "{\"prompt\": \"Once\", \"max_tokens\": 40, \"ignore_eos\": true}"), leaving = dial(&s);
    say(leaving, many, sizeof many - 1);
    close(leaving);
    uint64_t n_tokens;
    float *wanted = expected(0, trit_pooling_default, &n_tokens);
    json_t *v = ask_for("");
    const float first = (float)json_number_value(at(v, "data.0.embedding.0"));
    assert_memory_equal(&first, wanted, sizeof first);
    assert_true(metric(&s, "trit_embedded_tokens_total{model=\"story\"}") >= (double)n_tokens);
    close(answering);
    json_decref(v);
    free(wanted);
}

/* A list that takes long ends with its time, with its client, and with the server; the one behind it is told too. */
static void cut_short(void **state) {
    (void)state;
    serving slow;
    enum { n_lists = 1500 };
    static const char one[] = "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20],";
    char *body = malloc(64 + n_lists * sizeof one), head[128];
    assert_non_null(body);
    strcpy(body, "{\"input\": [");
    for (size_t n = strlen(body), i = 0; i < n_lists; i++) memcpy(body + n + i * (sizeof one - 1), one, sizeof one);
    strcpy(body + strlen(body) - 1, "]}");
    assert_int_equal(setenv("TRIT_CPU", "scalar", 1), 0); /* it outlasts the test, however fast the machine is */
    serve(&slow, (trit_server_opts){.deadline_s = 1, .engine.chunk = 16}); /* an end waits for a step */
    expect(post(&slow, "/v1/embeddings", body), 504, "deadline_exceeded");
    stop_serving(&slow);
    serve(&slow, (trit_server_opts){.engine.chunk = 16}); /* without a deadline that could come first */
    assert_int_equal(unsetenv("TRIT_CPU"), 0);
    snprintf(head, sizeof head, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: %zu\r\n\r\n",
             strlen(body));
    int fd[3];
    for (int i = 0; i < 3; i++) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        char said[sizeof go_on];
        fd[i] = dial(&slow);
        say(fd[i], head, strlen(head));
        /* The server has the request now: it will be answered, however late the machine lets anybody read the rest. */
        for (size_t n = 0; n < sizeof go_on - 1; n++) assert_int_equal(recv(fd[i], said + n, 1, 0), 1);
        assert_memory_equal(said, go_on, sizeof go_on - 1);
        say(fd[i], body, strlen(body));
    }
    close(fd[0]);
    trit_os_sleep_ms(50);
    trit_server_stop(slow.server, 0);
    for (int i = 1; i < 3; i++) {
        expect(hear(fd[i]), 503, "shutting_down");
        close(fd[i]);
    }
    free(body);
    trit_model_close(slow.model);
    trit_device_close(slow.device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_the_librarys), cmocka_unit_test(cut_and_encoded), cmocka_unit_test(forms_of_input),
        cmocka_unit_test(refusals),         cmocka_unit_test(beside_answers),  cmocka_unit_test(cut_short),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
