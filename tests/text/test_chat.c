/* The public way to chat templates. */
#include "test.h"

#include <pthread.h>

#include "trit/chat.h"

static trit_error err;

static void renders(const char *source, const char *conversation, const trit_chat_opts *opts, const char *want) {
    trit_text out = {0};
    assert_ok(trit_chat_render(source, strlen(source), conversation, strlen(conversation), opts, &out, &err));
    assert_string_equal(out.data, want);
    assert_int_equal(out.n, strlen(want));
    trit_text_fini(&out);
}

static void refuses(const char *source, const char *conversation, trit_status want) {
    trit_text out = {0};
    assert_int_equal(trit_chat_render(source, strlen(source), conversation, strlen(conversation), NULL, &out, &err), want);
    assert_int_equal(err.status, want);
    assert_null(out.data);
}

static void test_variables(void **state) {
    static const trit_chat_opts opts = {.bos_token = "<s>", .eos_token = "</s>", .now = {2024, 2, 29, 23, 59, 58}};
    (void)state;
    renders("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}", "{\"messages\": [{\"content\": \"x\"}]}", &opts, "<s>x</s>");
    renders("{{ bos_token }}{{ eos_token }}", "{\"bos_token\": \"B\"}", &opts, "B</s>");
    renders("{{ bos_token }}|{{ bos_token is defined }}", "{}", NULL, "|False");
    renders("{{ tools is none }} {{ documents is none }} {{ messages is defined }}", "{}", NULL, "True True False");
    renders("{{ tools|length }}", "{\"tools\": [1, 2]}", NULL, "2");
    renders("{{ enable_thinking }}", "{\"enable_thinking\": false}", NULL, "False");
    renders("{{ strftime_now('%a %d %b %Y %j %T') }}", "{}", &opts, "Thu 29 Feb 2024 060 23:59:58");
    renders("", "{}", NULL, "");
}

/* Without a given time the clock counts. */
static void test_clock(void **state) {
    trit_text out = {0};
    static const char source[] = "{{ strftime_now('%Y') }}";
    (void)state;
    assert_ok(trit_chat_render(source, sizeof source - 1, "{}", 2, NULL, &out, &err));
    assert_int_equal(out.n, 4);
    assert_true(strtol(out.data, NULL, 10) >= 2024);
    trit_text_fini(&out);
}

static void test_errors(void **state) {
    (void)state;
    refuses("{{", "{}", trit_format);
    refuses("x", "{", trit_format);
    refuses("x", "[]", trit_arg);
    refuses("{{ raise_exception('no') }}", "{}", trit_arg);
    assert_string_equal(err.message, "template line 1: no");
    refuses("{{ x.y }}", "{}", trit_format);
    assert_int_equal(trit_chat_render("{{", 2, "{}", 2, NULL, &(trit_text){0}, NULL), trit_format);
}

/* A buffer is used again, and keeps its text where a rendering fails. */
static void test_reuse(void **state) {
    trit_text out = {0};
    (void)state;
    assert_ok(trit_chat_render("long text {{ n }}", 17, "{\"n\": 1}", 8, NULL, &out, &err));
    assert_int_equal(trit_chat_render("{{ n.x.y }}", 11, "{\"n\": 1}", 8, NULL, &out, &err), trit_format);
    assert_string_equal(out.data, "long text 1");
    assert_ok(trit_chat_render("{{ n }}", 7, "{\"n\": 2}", 8, NULL, &out, &err));
    assert_string_equal(out.data, "2");
    trit_text_fini(&out);
}

static void *render_often(void *bad) {
    static const char source[] = "{% for i in range(50) %}{{ i }}{{ messages|tojson }}{% endfor %}";
    static const char conversation[] = "{\"messages\": [1, 2.5, \"x\"]}";
    trit_text first = {0}, next = {0};
    trit_error own;
    bool good = trit_chat_render(source, sizeof source - 1, conversation, sizeof conversation - 1, NULL, &first, &own) == trit_ok;
    for (int i = 0; good && i < 50; i++)
        good = trit_chat_render(source, sizeof source - 1, conversation, sizeof conversation - 1, NULL, &next, &own) == trit_ok &&
               strcmp(first.data, next.data) == 0;
    *(bool *)bad = !good;
    trit_text_fini(&first);
    trit_text_fini(&next);
    return NULL;
}

static void test_threads(void **state) {
    enum { n_threads = 4 };
    pthread_t threads[n_threads];
    bool bad[n_threads];
    (void)state;
    for (int i = 0; i < n_threads; i++) assert_int_equal(pthread_create(&threads[i], NULL, render_often, &bad[i]), 0);
    for (int i = 0; i < n_threads; i++) {
        pthread_join(threads[i], NULL);
        assert_false(bad[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variables), cmocka_unit_test(test_clock), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_reuse),     cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
