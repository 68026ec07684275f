/* device/measured: what a file may hold. */
#include "device/measured.h"
#include "test.h"

static void a_file_keeps_what_can_be_true(void **state) {
    (void)state;
    const double mine[] = {3.25, 1, 2.5, 0.5}, one = 1;
    double found[4];
    trit_text first = {0}, second = {0};
    const trit_str a = trit_str_from("a \"quoted\" processor"), b = trit_str_from("another one");
    assert_true(trit_measured_write(&first, 4, mine, trit_str_from("{\"x\": [0, 1], \"y\": 7, \"z\": {\"t2_ms\": [1, 1]}}"), a));
    assert_null(strstr(first.data, "\"x\""));
    assert_null(strstr(first.data, "\"z\""));
    assert_true(trit_measured_write(&second, 1, &one, (trit_str){first.data, first.n}, b));
    assert_true(trit_measured_read(found, 4, (trit_str){second.data, second.n}, a));
    assert_memory_equal(&found, &mine, sizeof mine);
    assert_true(trit_measured_read(found, 1, (trit_str){second.data, second.n}, b));
    assert_false(trit_measured_read(found, 3, (trit_str){second.data, second.n}, a));
    assert_false(trit_measured_read(found, 1, (trit_str){second.data, second.n}, trit_str_from("x")));
    static const char *const broken[] = {"", "{", "[]", "{\"k\": 1}", "{\"k\": []}", "{\"k\": [1, \"x\"]}", "{\"k\": [1, 1e9]}", "{\"k\": [-1, 1]}",
                                         "{\"k\": {\"0\": 1, \"1\": 1}}"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_false(trit_measured_read(found, 2, trit_str_from(broken[i]), trit_str_from("k")));
    const double large[] = {2e6, 9e8}, too_large = 1e9; /* thousand millions a second of a large accelerator */
    first.n = 0;
    assert_true(trit_measured_write(&first, 2, large, trit_str_from(""), a));
    assert_true(trit_measured_read(found, 2, (trit_str){first.data, first.n}, a));
    assert_memory_equal(found, large, sizeof large);
    assert_false(trit_measured_write(&first, 1, &too_large, trit_str_from(""), a)); /* nor would it be read */
    trit_text_fini(&first);
    trit_text_fini(&second);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_file_keeps_what_can_be_true)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
