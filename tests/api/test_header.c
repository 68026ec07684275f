/* The umbrella header first and alone, as a user's first line; then what the smallest calls say. */
#include "trit/trit.h"

#include "test.h"

static void test_version(void **state) {
    (void)state;
    assert_string_equal(trit_version(), TRIT_VERSION);
}

static void test_status_texts(void **state) {
    (void)state;
#define TRIT_STATUS(name, value, exit_code, text)           \
    assert_int_equal(trit_##name, value);                   \
    assert_string_equal(trit_status_text(trit_##name), text); \
    assert_int_equal(trit_status_exit_code(trit_##name), exit_code);
#include "trit/status.def"
#undef TRIT_STATUS
    assert_non_null(trit_status_text((trit_status)1000));
}

/* Lists end with NULL and stay at NULL. */
static void test_lists(void **state) {
    (void)state;
    size_t n = 0;
    const char *meaning = NULL;
    while (trit_env_at(n, &meaning)) {
        assert_true(meaning && *meaning);
        n++;
    }
    assert_true(n >= 4);
    assert_null(trit_env_at(n + 1, NULL));
    assert_null(trit_env_at((size_t)-1, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_status_texts),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests_name("api/header", tests, NULL, NULL);
}
