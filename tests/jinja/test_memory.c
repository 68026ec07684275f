/* Every allocation of compiling and rendering fails once: the status says so, nothing is leaked, and what was in the caller's
 * buffer stays. This program's malloc counts, and fails when told to; it stands in front of the C library's. */
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "test.h"

#include "trit/chat.h"

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define TRIT_COUNTS_MALLOC 1
#else
#define TRIT_COUNTS_MALLOC 0
#endif

#if TRIT_COUNTS_MALLOC
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static long n_calls, fail_at = -1, live;

static void *counted(void *p) {
    live += p != NULL;
    return p;
}

void *malloc(size_t n) {
    return n_calls++ == fail_at ? NULL : counted(__libc_malloc(n));
}

void *calloc(size_t n, size_t size) {
    return n_calls++ == fail_at ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *p, size_t n) {
    if (n_calls++ == fail_at) return NULL;
    void *q = __libc_realloc(p, n);
    return p ? q : counted(q);
}

void free(void *p) {
    live -= p != NULL;
    __libc_free(p);
}

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
