/* base/sum: every bit counts, at every length and place, and so does where a block ends. */
#include "test.h"

#include "base/sum.h"

static void every_bit_counts(void **state) {
    (void)state;
    uint8_t data[200];
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)test_lcg(&seed);
    for (size_t n = 1; n <= sizeof data; n++) {
        const uint64_t sum = trit_sum_bytes(7, data, n);
        assert_int_equal(trit_sum_bytes(7, data, n), sum);
        for (size_t i = 0; i < n; i++)
            for (unsigned bit = 0; bit < 8; bit++) {
                data[i] ^= (uint8_t)(1u << bit);
                if (trit_sum_bytes(7, data, n) == sum) fail_msg("bit %u of byte %zu of %zu counts for nothing", bit, i, n);
                data[i] ^= (uint8_t)(1u << bit);
            }
    }
}

static void what_came_before_counts(void **state) {
    (void)state;
    static const char zeros[64] = {0};
    assert_int_not_equal(trit_sum_bytes(1, "abc", 3), trit_sum_bytes(2, "abc", 3));
    assert_int_not_equal(trit_sum_number(trit_sum_number(0, 1), 2), trit_sum_number(trit_sum_number(0, 2), 1));
    assert_int_not_equal(trit_sum_text(trit_sum_text(0, "ab"), "c"), trit_sum_text(trit_sum_text(0, "a"), "bc"));
    for (size_t n = 0; n < sizeof zeros; n++) assert_int_not_equal(trit_sum_bytes(0, zeros, n), trit_sum_bytes(0, zeros, n + 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(what_came_before_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
