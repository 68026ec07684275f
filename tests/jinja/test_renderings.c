/* Chat templates of published models against what Jinja2 and a JavaScript Jinja both made of them, byte for byte. */
#include "test.h"

#include "jinja/jinja.h"

static trit_error err;

static trit_json *parse_file(const char *relative) {
    size_t n;
    char *text = test_read(test_shared(relative), &n);
    trit_json *json = NULL;
    assert_ok(trit_json_parse(&json, text, n, relative, &err));
    free(text);
    return json;
}

/* A special token of a template: as the table has it (null: none), "<s>" and "</s>" for templates that are not in it. */
static const char *token_of(const trit_json *tokens, const char *template, const char *which, const char *otherwise) {
    const trit_json *named = trit_json_get(tokens, template);
    return named ? trit_json_as_str(trit_json_get(named, which)).p : otherwise;
}

static trit_jinja *compile(const char *name) {
    char path[300];
    size_t n;
    trit_jinja *template = NULL;
    snprintf(path, sizeof path, "data/chat/templates/%s.jinja", name);
    char *source = test_read(test_shared(path), &n);
    trit_status status = trit_jinja_compile(&template, source, n, &err);
    if (status != trit_ok) print_message("%s: %s\n", name, err.message);
    free(source);
    return template;
}

/* Where two texts part, for people. */
static void show(const char *name, const char *which, trit_str want, const trit_text *got) {
    size_t at = 0;
    while (at < want.n && at < got->n && want.p[at] == got->data[at]) at++;
    print_message("%s, case %s: differs at byte %zu: wanted \"%.60s\", got \"%.60s\"\n", name, which, at, want.p + at, got->data + at);
}

/* Is this line's rendering the one that it should be? */
static bool check_line(const trit_json *line, const trit_json *cases, const trit_json *tokens, bool with_none) {
    const char *name = trit_json_as_str(trit_json_get(line, "template")).p, *which = trit_json_as_str(trit_json_get(line, "case")).p;
    trit_str want = trit_json_as_str(trit_json_get(line, "out"));
    trit_text got = {0};
    trit_jinja *template = compile(name);
    if (!template) return false;
    static const char *const none[] = {"tools", "documents", NULL}; /* absent or none: the templates take both alike */
    trit_jinja_opts opts = {
        .none = with_none ? none : NULL,
        .bos_token = token_of(tokens, name, "bos_token", "<s>"),
        .eos_token = token_of(tokens, name, "eos_token", "</s>"),
        .now = {2024, 7, 26, 12, 0, 0},
    };
    trit_status status = trit_jinja_render(template, &got, trit_json_get(cases, which), &opts, &err);
    bool same = status == trit_ok && trit_str_equal(want, (trit_str){got.data, got.n});
    if (status != trit_ok)
        print_message("%s, case %s: %s\n", name, which, err.message);
    else if (!same)
        show(name, which, want, &got);
    trit_text_fini(&got);
    trit_jinja_free(template);
    return same;
}

static void test_all(void **state) {
    (void)state;
    require_shared("data/chat/renderings.jsonl");
    trit_json *cases = parse_file("data/chat/cases.json"), *tokens = parse_file("data/chat/special_tokens.json");
    size_t n, n_lines = 0, n_same = 0, n_same_none = 0;
    char *text = test_read(test_shared("data/chat/renderings.jsonl"), &n);
    for (char *line = text, *end; *line; line = end + 1) {
        trit_json *json = NULL;
        end = strchr(line, '\n');
        if (!end) break;
        assert_ok(trit_json_parse(&json, line, (size_t)(end - line), "renderings.jsonl", &err));
        n_same += check_line(json, cases, tokens, false);
        n_same_none += check_line(json, cases, tokens, true);
        n_lines++;
        trit_json_free(json);
    }
    print_message("%zu of %zu renderings, %zu where absent tools are none\n", n_same, n_lines, n_same_none);
    assert_true(n_lines > 0);
    assert_int_equal(n_same, n_lines);
    assert_int_equal(n_same_none, n_lines);
    free(text);
    trit_json_free(cases);
    trit_json_free(tokens);
}

/* Templates that no rendering uses at least compile. */
static void test_compile_all(void **state) {
    static const char *const others[] = {"google-gemma-4-31B-it-interleaved", "moonshotai-Kimi-K2", "deepseek-ai-DeepSeek-V4",
                                         "CohereForAI-c4ai-command-r-plus-tool_use"};
    (void)state;
    require_shared("data/chat/templates/google-gemma-4-31B-it-interleaved.jinja");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        trit_jinja *template = compile(others[i]);
        assert_non_null(template);
        trit_jinja_free(template);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_compile_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
