/* Every allocation of compiling and rendering fails once: the status says so, nothing is leaked, and what was in the caller's
 * buffer stays. */
#include "test.h"

#include "counting_malloc.h"
#include "trit/chat.h"

#if TRIT_COUNTS_MALLOC
static const char source[] =
    "{% macro show(x) %}{{ x|tojson(indent=2) }}{% endmacro %}{% set ns = namespace(text='') %}"
    "{% for m in messages if m.role != 'system' %}{% set ns.text = ns.text ~ m.role|capitalize ~ ': ' ~ m.content|trim %}"
    "{% for i in range(300) %}{% set ns.text = ns.text ~ '0123456789' ~ i %}{% endfor %}{% endfor %}"
    "{{ ns.text }}{{ show(messages) }}{{ messages|map(attribute='role')|join(',') }}{{ '1.5'|float + 1.25 }}{{ 'a,b'.split(',') }}";
static const char conversation[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"x\"}, {\"role\": \"user\", \"content\": \" hi \"}, {\"role\": \"user\", \"content\": \"yo\"}]}";

static void test_every_allocation(void **state) {
    static char kept[] = "before";
    trit_error err;
    trit_text out = {0};
    (void)state;
    /* The first call of all takes what libraries keep for good. */
    assert_ok(trit_chat_render(source, sizeof source - 1, conversation, sizeof conversation - 1, NULL, &out, &err));
    trit_text_fini(&out);
    long before = live;
    n_calls = 0;
    assert_ok(trit_chat_render(source, sizeof source - 1, conversation, sizeof conversation - 1, NULL, &out, &err));
    trit_text_fini(&out);
    assert_int_equal(live, before);
    long n_all = n_calls;
    assert_true(n_all > 10);
    for (long i = 0; i < n_all; i++) {
        out = (trit_text){.data = kept, .n = 6, .capacity = 7};
        n_calls = 0;
        fail_at = i;
        trit_status status = trit_chat_render(source, sizeof source - 1, conversation, sizeof conversation - 1, NULL, &out, &err);
        fail_at = -1;
        if (status != trit_memory) fail_msg("allocation %ld of %ld: %s", i, n_all, status == trit_ok ? "ok" : err.message);
        assert_ptr_equal(out.data, kept);
        assert_string_equal(kept, "before");
        assert_int_equal(live, before);
    }
    print_message("%ld allocations\n", n_all);
}
#else
static void test_every_allocation(void **state) {
    (void)state;
    skip();
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
