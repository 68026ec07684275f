/* The log's levels and cleaning, and the table of environment variables. */
#include "test.h"

#include "base/env.h"
#include "base/log.h"
#include "base/progress.h"
#include "trit/trit.h"

typedef struct heard {
    unsigned n;
    trit_log_level level;
    char line[1024];
} heard;

static void sink(void *user, trit_log_level level, const char *line) {
    heard *h = user;
    h->n++;
    h->level = level;
    snprintf(h->line, sizeof h->line, "%s", line);
}

static void test_levels(void **state) {
    (void)state;
    heard h = {0};
    trit_logf(trit_log_error, "nobody listens");
    trit_log_to(sink, &h, trit_log_warn);
    trit_logf(trit_log_info, "too quiet");
    assert_int_equal(h.n, 0);
    assert_false(trit_log_wants(trit_log_info));
    trit_logf(trit_log_warn, "tensor %s", "a\n\x1b[31mb");
    assert_int_equal(h.n, 1);
    assert_int_equal(h.level, trit_log_warn);
    assert_string_equal(h.line, "tensor a??[31mb");
    trit_log_set_level(trit_log_debug);
    trit_logf(trit_log_debug, "%2000d", 1);
    assert_int_equal(h.n, 2);
    assert_true(strlen(h.line) < 1000);
    trit_log_to(NULL, NULL, trit_log_none);
    trit_logf(trit_log_error, "nobody listens");
    assert_int_equal(h.n, 2);
}

static void test_level_names(void **state) {
    (void)state;
    static const char *const names[] = {"none", "error", "warn", "info", "debug"};
    trit_log_level level = trit_log_none;
    for (int i = 0; i < 5; i++) {
        assert_true(trit_log_level_of(&level, names[i]));
        assert_int_equal(level, i);
    }
    assert_false(trit_log_level_of(&level, "loud"));
    assert_int_equal(level, trit_log_debug);
}

static void test_env(void **state) {
    (void)state;
    size_t n = 0;
    const char *name, *meaning;
    for (; (name = trit_env_at(n, &meaning)); n++) {
        assert_true(*name && *meaning);
        setenv(name, "x", 1);
        assert_string_equal(trit_env_get(name), "x");
        setenv(name, "", 1);
        assert_null(trit_env_get(name));
        unsetenv(name);
        assert_null(trit_env_get(name));
    }
    assert_true(n >= 5);
    assert_null(trit_env_at(n + 100, NULL));
    assert_string_equal(trit_env_at(0, NULL), "TRIT_CPU");
}

/* Standard error of a test is no terminal: nothing may be drawn. */
static void test_progress_is_silent(void **state) {
    (void)state;
    trit_progress p;
    trit_progress_init(&p, "loading", false);
    for (uint64_t i = 0; i <= 10; i++) trit_progress_update(&p, i, 10);
    trit_progress_update(&p, 0, 0);
    assert_false(p.drawn);
    trit_progress_fini(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_level_names),
        cmocka_unit_test(test_env),
        cmocka_unit_test(test_progress_is_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
