/* base/stats: medians and tests against values worked out by hand, and the promise of `trit bench regress`: of
 * twenty equal builds at most one is blamed, and of ten that are 10 % slower all are. */
#include <math.h>

#include "base/rng.h"
#include "base/stats.h"
#include "test.h"

static void summaries(void **state) {
    (void)state;
    const double odd[] = {5, 1, 4, 2, 3}, even[] = {4, 1, 2, 3}, one[] = {7};
    trit_summary s = trit_stats_summary(odd, 5);
    assert_true(s.median == 3 && s.q1 == 2 && s.q3 == 4 && s.min == 1 && s.max == 5);
    s = trit_stats_summary(even, 4);
    assert_true(s.median == 2.5 && s.q1 == 1.75 && s.q3 == 3.25);
    s = trit_stats_summary(one, 1);
    assert_true(s.median == 7 && s.q1 == 7 && s.q3 == 7);
}

static void assert_near(double x, double expected) {
    if (!(fabs(x - expected) <= 1e-9 * fabs(expected))) fail_msg("%.17g is not %.17g", x, expected);
}

/* Of C(n_a + n_b, n_b) orders, those with all of b below all of a are one; and so on. */
static void rank_tests(void **state) {
    (void)state;
    const double a[] = {11, 12, 13, 14, 15}, low[] = {1, 2, 3, 4, 5}, next[] = {1, 2, 3, 4, 11.5}, high[] = {21, 22, 23, 24, 25};
    assert_near(trit_stats_lower_p(a, 5, low, 5), 1.0 / 252);
    assert_near(trit_stats_lower_p(a, 5, next, 5), 2.0 / 252);
    assert_near(trit_stats_lower_p(a, 5, high, 5), 1.0);
    assert_near(trit_stats_lower_p(a, 5, a, 5), 183.0 / 252); /* U = 15 of 25: ties count against */
    assert_near(trit_stats_lower_p(a, 3, low, 2), 1.0 / 10);
    /* As many as a run may have: one order of C(200, 100), and near the middle of all. */
    double x[100], y[100];
    for (int i = 0; i < 100; i++) x[i] = 1000 + i, y[i] = 1 + i;
    double least = trit_stats_lower_p(x, 100, y, 100);
    assert_true(least >= 0 && least < 1e-12);
    for (int i = 0; i < 100; i++) x[i] = 2 * i + 1, y[i] = 2 * i + 2;
    double p = trit_stats_lower_p(x, 100, y, 100); /* U = 5050 of 10000: the middle, a little above */
    assert_true(p > 0.5 && p < 0.6);
}

/* Of the 2^n ways to give ranks 1 to n a sign, those whose ranks of "not lower" add up to no more. */
static void paired_rank_tests(void **state) {
    (void)state;
    const double all[] = {0.9, 0.8, 0.7}, most[] = {1.1, 0.8, 0.7}, tie[] = {2, 0.5}, none[] = {1, 1, 1}, one[] = {0.5};
    assert_near(trit_stats_paired_lower_p(all, 3), 1.0 / 8);
    assert_near(trit_stats_paired_lower_p(most, 3), 2.0 / 8);
    assert_near(trit_stats_paired_lower_p(tie, 2), 3.0 / 4); /* the higher one has rank 2 */
    assert_near(trit_stats_paired_lower_p(none, 3), 1.0);
    assert_near(trit_stats_paired_lower_p(one, 1), 1.0 / 2);
    double ratio[trit_stats_max];
    for (int i = 0; i < trit_stats_max; i++) ratio[i] = i % 2 ? 1 + 0.001 * (i + 1) : 1 / (1 + 0.001 * i);
    double p = trit_stats_paired_lower_p(ratio, trit_stats_max);
    assert_true(p > 0.5 && p < 0.6);
    for (int i = 0; i < trit_stats_max; i++) ratio[i] = 0.9;
    p = trit_stats_paired_lower_p(ratio, trit_stats_max);
    assert_true(p > 0 && p < 1e-29);
}

static void intervals(void **state) {
    (void)state;
    double a[40], b[40], low, high, again_low, again_high;
    for (int i = 0; i < 40; i++) a[i] = 100 + i % 7, b[i] = 1.2 * (100 + i % 5);
    trit_stats_ratio_interval(a, 40, b, 40, 0.95, &low, &high);
    trit_stats_ratio_interval(a, 40, b, 40, 0.95, &again_low, &again_high);
    assert_true(low == again_low && high == again_high);
    assert_true(low > 1.15 && low < 1.2 && high > 1.17 && high < 1.22);
    trit_stats_ratio_interval(a, 40, a, 40, 0.95, &low, &high);
    assert_true(low < 1 && high > 1);
}

/* Speeds as shares of their median: 30 repetitions each of three products (f32_mul, f16_mul, bf16_mul of 32 tokens, AVX2) by
 * `trit bench --kernels -r 30`, on two cores of an AMD EPYC with four other programs running. Their spread is 6 %. */
static const double noise[] = {
    1.004, 1.072, 0.992, 1.070, 1.101, 1.000, 0.993, 0.903, 0.986, 0.952, 0.897, 0.984,
    0.928, 0.963, 1.034, 1.025, 0.945, 1.008, 1.065, 0.962, 1.006, 1.000, 0.899, 1.086,
    1.023, 1.070, 0.949, 0.959, 1.053, 1.026, 1.099, 1.095, 1.091, 0.987, 1.079, 1.075,
    0.994, 0.909, 0.944, 0.995, 0.918, 0.984, 0.988, 0.991, 1.057, 1.072, 0.816, 1.043,
    1.059, 0.926, 1.088, 1.005, 0.993, 1.055, 1.075, 1.043, 0.945, 0.971, 1.005, 0.947,
    1.077, 1.083, 1.079, 0.973, 0.985, 1.043, 0.938, 0.872, 1.004, 0.909, 1.080, 1.018,
    0.954, 0.994, 1.027, 0.958, 1.076, 1.004, 1.027, 0.963, 1.000, 1.053, 0.983, 1.000,
    1.061, 1.000, 0.934, 0.918, 0.975, 0.935,
};
enum { n_noise = sizeof noise / sizeof noise[0], n_rows = 8, n_repetitions = 20 };

/* One run: each row's repetitions drawn from the noise, and now and then a spell of some rounds in which all rows are slower. */
static void draw_run(double rate[n_rows][n_repetitions], uint64_t seed, double factor) {
    uint64_t c = 0;
    for (int k = 0; k < n_repetitions; k++) {
        double spell = trit_rng_unit(seed, c++) < 0.1 ? 0.85 : 1;
        for (int row = 0; row < n_rows; row++) rate[row][k] = (10 + row) * factor * spell * noise[(size_t)(trit_rng_unit(seed, c++) * n_noise)];
    }
}

/* Is any row called slower, as regress does it: a suspicion is measured again and judged by both runs together? */
static bool blamed(uint64_t seed, double factor) {
    static double before[n_rows][n_repetitions], after[n_rows][n_repetitions], again[n_rows][n_repetitions], both[n_rows][2 * n_repetitions];
    trit_stats_pair pairs[n_rows];
    trit_stats_verdict verdicts[n_rows];
    draw_run(before, 3 * seed, 1);
    draw_run(after, 3 * seed + 1, factor);
    draw_run(again, 3 * seed + 2, factor);
    for (int row = 0; row < n_rows; row++) pairs[row] = (trit_stats_pair){before[row], after[row], n_repetitions, n_repetitions, false};
    if (!trit_stats_judge(pairs, n_rows, 0.05, 0.05, verdicts)) return false;
    for (int row = 0; row < n_rows; row++) {
        memcpy(both[row], after[row], sizeof after[row]);
        memcpy(both[row] + n_repetitions, again[row], sizeof again[row]);
        pairs[row].after = both[row];
        pairs[row].n_after = 2 * n_repetitions;
    }
    return trit_stats_judge(pairs, n_rows, 0.05, 0.05, verdicts) > 0;
}

static void equal_builds_pass_and_slower_ones_do_not(void **state) {
    (void)state;
    int n_equal = 0, n_slower = 0, n_faster = 0;
    for (uint64_t seed = 0; seed < 200; seed++) n_equal += blamed(seed, 1);
    for (uint64_t seed = 1000; seed < 1100; seed++) n_slower += blamed(seed, 0.9), n_faster += blamed(seed, 1.1);
    print_message("of 200 equal builds %d were blamed, of 100 that are 10 %% slower %d, of 100 faster ones %d\n", n_equal, n_slower, n_faster);
    assert_true(n_equal <= 2);
    assert_int_equal(n_slower, 100);
    assert_int_equal(n_faster, 0);
}

/* The threshold holds: 3 % slower is significant where noise is low, and still not named. */
static void small_differences_are_not_named(void **state) {
    (void)state;
    double before[20], after[20];
    for (int i = 0; i < 20; i++) before[i] = 100 + 0.01 * i, after[i] = 97 + 0.01 * i;
    trit_stats_pair pair = {before, after, 20, 20, false};
    trit_stats_verdict v;
    assert_int_equal(trit_stats_judge(&pair, 1, 0.05, 0.05, &v), 0);
    assert_true(v.p < 1e-9 && v.ratio < 0.971 && v.ratio > 0.969);
    assert_int_equal(trit_stats_judge(&pair, 1, 0.02, 0.05, &v), 1);
    assert_true(v.slower);
}

/* What hits both of a pair does not count: speeds that halve and double from block to block, with 3 % between the two of a pair. */
static void pairs_see_through_a_load_that_changes(void **state) {
    (void)state;
    enum { n_blocks = 16 };
    int n_equal = 0, n_slower = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        double before[n_blocks], equal[n_blocks], slower[n_blocks];
        uint64_t c = 0;
        for (int i = 0; i < n_blocks; i++) {
            double load = 0.5 + 1.5 * trit_rng_unit(seed, c++);
            before[i] = 100 * load * (1 + 0.5 * (noise[(size_t)(trit_rng_unit(seed, c++) * n_noise)] - 1));
            equal[i] = 100 * load * (1 + 0.5 * (noise[(size_t)(trit_rng_unit(seed, c++) * n_noise)] - 1));
            slower[i] = 0.9 * equal[i];
        }
        trit_stats_verdict v;
        n_equal += trit_stats_judge(&(trit_stats_pair){before, equal, n_blocks, n_blocks, true}, 1, 0.05, 0.05, &v) > 0;
        n_slower += trit_stats_judge(&(trit_stats_pair){before, slower, n_blocks, n_blocks, true}, 1, 0.05, 0.05, &v) > 0;
    }
    print_message("in pairs: of 200 equal builds %d were blamed, of 200 that are 10 %% slower %d\n", n_equal, n_slower);
    assert_true(n_equal <= 2);
    assert_true(n_slower >= 198);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(summaries),
        cmocka_unit_test(rank_tests),
        cmocka_unit_test(paired_rank_tests),
        cmocka_unit_test(intervals),
        cmocka_unit_test(equal_builds_pass_and_slower_ones_do_not),
        cmocka_unit_test(small_differences_are_not_named),
        cmocka_unit_test(pairs_see_through_a_load_that_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
