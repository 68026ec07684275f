/* Tiers and their caps. What this processor has is not known here, so the rules are tested against trit_cpu_has. */
#include "base/cpu.h"
#include "test.h"

static void test_names(void **unused) {
    (void)unused;
    assert_string_equal(trit_cpu_tier_name(trit_cpu_scalar), "scalar");
    assert_string_equal(trit_cpu_tier_name(trit_cpu_avx512vnni), "avx512vnni");
    assert_string_equal(trit_cpu_tier_name(trit_n_cpu_tiers), "unknown");
    assert_string_equal(trit_cpu_tier_text(trit_cpu_scalar), "portable C");
    assert_string_equal(trit_cpu_tier_text(trit_n_cpu_tiers), "unknown");
    assert_non_null(trit_cpu_name());
    assert_true(strlen(trit_cpu_name()) < 64);
}

/* One family at most, and within it only AVX-VNNI may be missing below a tier that is there. */
static void test_has(void **unused) {
    (void)unused;
    assert_true(trit_cpu_has(trit_cpu_scalar));
    assert_false(trit_cpu_has(trit_n_cpu_tiers));
    assert_false(trit_cpu_has(trit_cpu_sse41) && trit_cpu_has(trit_cpu_neon));
    static const trit_cpu_tier needs[][2] = {{trit_cpu_avx2, trit_cpu_sse41},       {trit_cpu_avxvnni, trit_cpu_avx2},
                                             {trit_cpu_avx512, trit_cpu_avx2},      {trit_cpu_avx512vnni, trit_cpu_avx512},
                                             {trit_cpu_avx512bf16, trit_cpu_avx512vnni},
                                             {trit_cpu_dotprod, trit_cpu_neon},     {trit_cpu_i8mm, trit_cpu_dotprod}};
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++)
        if (trit_cpu_has(needs[i][0])) assert_true(trit_cpu_has(needs[i][1]));
}

static trit_cpu_tier best(const char *cap) {
    trit_cpu_tier tier = trit_n_cpu_tiers;
    trit_error err;
    assert_ok(trit_cpu_best(&tier, cap, &err));
    assert_true(trit_cpu_has(tier));
    return tier;
}

static void test_best(void **unused) {
    (void)unused;
    trit_cpu_tier top = best(NULL);
    assert_int_equal(best(""), top);
    assert_int_equal(best("scalar"), trit_cpu_scalar);
    for (trit_cpu_tier t = top + 1; t < trit_n_cpu_tiers; t++) assert_false(trit_cpu_has(t));
    for (trit_cpu_tier t = 0; t < trit_n_cpu_tiers; t++) {
        trit_cpu_tier capped = best(trit_cpu_tier_name(t));
        if (trit_cpu_has(t)) assert_int_equal(capped, t);
        assert_true(capped <= t || capped == top);
    }
    bool x86 = trit_cpu_has(trit_cpu_sse41), arm = trit_cpu_has(trit_cpu_neon);
    if (x86) assert_int_equal(best("neon"), top); /* no cap of its own family */
    if (arm) assert_int_equal(best("avx2"), top);
}

static void test_unknown(void **unused) {
    (void)unused;
    trit_cpu_tier tier = trit_cpu_avx2;
    trit_error err;
    assert_int_equal(trit_cpu_best(&tier, "avx9000", &err), trit_arg);
    assert_int_equal(tier, trit_cpu_avx2);
    assert_non_null(strstr(err.message, "avx9000"));
    assert_int_equal(trit_cpu_best(&tier, "AVX2", NULL), trit_arg);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_has), cmocka_unit_test(test_best),
                                       cmocka_unit_test(test_unknown)};
    return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
