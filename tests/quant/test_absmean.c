/* The quantizer of b1.58: the mean, the ties, the floor, and recognising what is ternary already. */
#include "test.h"

#include <float.h>
#include <math.h>

#include "quant/quant.h"

static void mean(void **state) {
    (void)state;
    const float w[11] = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 0};
    assert_true(trit_absmean(w, 11) == 5);
    assert_true(trit_absmean(w, 1) == 1);
    assert_true(trit_absmean(w + 10, 1) == 1e-5f); /* the floor */
    assert_true(trit_absmean(w, 0) == 1e-5f);
    const float broken[2] = {1, NAN};
    assert_true(isnan(trit_absmean(broken, 2)));
}

/* The mean of many small values is as exact as a float can be. */
static void mean_of_many(void **state) {
    (void)state;
    enum { n = 1000003 };
    float *w = malloc(n * sizeof *w);
    uint32_t seed = 3;
    long long sum = 0;
    for (int i = 0; i < n; i++) {
        const int v = (int)(test_lcg(&seed) % 2001) - 1000;
        sum += abs(v);
        w[i] = (float)v / 65536;
    }
    assert_true(trit_absmean(w, n) == (float)((double)sum / 65536 / n));
    free(w);
}

static void ties_and_ends(void **state) {
    (void)state;
    const float g = 0.5f, w[] = {0.25f, -0.25f, 0.250001f, -0.250001f, 0.2f, 0.75f, 7, -7, 0, INFINITY, NAN};
    const int8_t expected[] = {0, 0, 1, -1, 0, 1, 1, -1, 0, 1, 0}; /* +-0.5 goes to the even 0, 1.5 is clamped to 1 */
    int8_t trits[sizeof w / sizeof w[0]];
    trit_absmean_trits(w, sizeof w / sizeof w[0], g, trits);
    assert_memory_equal(trits, expected, sizeof expected);
}

/* What a quotient decides is decided without one: next to half of scales of every size, down to the smallest that are not 0. */
static void next_to_the_half(void **state) {
    (void)state;
    uint32_t seed = 4;
    for (int k = 0; k < 20000; k++) {
        const float g = ldexpf((float)(test_lcg(&seed) & 0xffffff) + 1, (int)(test_lcg(&seed) % 250) - 149);
        float w[14] = {g / 2, g, FLT_MAX, FLT_TRUE_MIN, 0, INFINITY, NAN};
        int8_t trits[14];
        w[7] = nextafterf(g / 2, INFINITY);
        w[8] = nextafterf(w[7], INFINITY);
        w[9] = nextafterf(g / 2, 0);
        for (int i = 10; i < 14; i++) w[i] = -w[i < 12 ? i - 10 : i - 5];
        trit_absmean_trits(w, 14, g, trits);
        for (int i = 0; i < 14; i++) {
            const float x = w[i] / g;
            if (trits[i] != (x > 0.5f) - (x < -0.5f)) fail_msg("%a / %a becomes %d", (double)w[i], (double)g, trits[i]);
        }
    }
}

/* Against the formula in rintf. */
static void formula(void **state) {
    (void)state;
    enum { n = 3 * 5461 };
    float w[64];
    int8_t trits[64];
    uint32_t seed = 9;
    for (int block = 0; block < n / 64; block++) {
        for (int i = 0; i < 64; i++) w[i] = (float)((int)(test_lcg(&seed) % 512) - 256) / 128;
        const float g = trit_absmean(w, 64);
        trit_absmean_trits(w, 64, g, trits);
        for (int i = 0; i < 64; i++) assert_true((float)trits[i] == fmaxf(-1, fminf(1, rintf(w[i] / g))));
    }
}

static void ternary(void **state) {
    (void)state;
    float scale = -7;
    const float good[] = {0, 0.3f, -0.3f, -0.0f, 0.3f}, other[] = {0.3f, -0.3f, 0.30000001f, 0.3f}, far[] = {0, 1, 1, -2};
    const float zeros[] = {0, -0.0f}, infinite[] = {INFINITY, 0}, broken[] = {NAN, NAN};
    assert_true(trit_is_ternary(good, 5, &scale) && scale == 0.3f);
    assert_true(trit_is_ternary(other, 4, &scale)); /* 0.30000001f is the same float */
    assert_true(trit_is_ternary(zeros, 2, &scale) && scale == 1);
    assert_true(trit_is_ternary(zeros, 0, &scale) && scale == 1);
    scale = -7;
    assert_false(trit_is_ternary(far, 4, &scale));
    assert_false(trit_is_ternary(infinite, 2, &scale));
    assert_false(trit_is_ternary(broken, 2, &scale));
    assert_false(trit_is_ternary(broken, 1, &scale));
    assert_true(scale == -7);
}

/* Groups of 64 with scales of their own, the last one short: exact as groups of 64, none of the coarser ones. */
static void ternary_groups(void **state) {
    (void)state;
    enum { n = 64 * 5 + 10, n_groups = 6 };
    static const float given[n_groups] = {0.5f, 0.25f, 0, 0.3f, 7, 1e-20f};
    float w[n], scales[n_groups];
    int8_t trits[n];
    uint32_t seed = 4;
    for (int i = 0; i < n; i++) w[i] = given[i / 64] * (float)((int)(test_lcg(&seed) % 3) - 1);
    assert_true(trit_ternary_row(w, n, 64, trits, scales));
    for (int g = 0; g < n_groups; g++) assert_true(scales[g] == (given[g] != 0 ? given[g] : 1));
    for (int i = 0; i < n; i++) assert_true((float)trits[i] * scales[i / 64] == w[i]);
    assert_true(trit_ternary_row(w, n, 32, trits, (float[11]){0})); /* finer is as true */
    assert_false(trit_ternary_row(w, n, 128, trits, scales));
    assert_false(trit_ternary_row(w, n, 0, trits, scales));
    assert_true(trit_ternary_row(w, 64, 0, trits, scales) && scales[0] == 0.5f);
    assert_true(trit_ternary_row(w, 64, 256, trits, scales) && scales[0] == 0.5f); /* a row shorter than a group */
    w[70] = 0.26f;
    assert_false(trit_ternary_row(w, n, 64, trits, scales));
    w[70] = NAN;
    assert_false(trit_ternary_row(w, n, 64, trits, scales));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean),    cmocka_unit_test(mean_of_many), cmocka_unit_test(ties_and_ends),
        cmocka_unit_test(next_to_the_half), cmocka_unit_test(formula), cmocka_unit_test(ternary),      cmocka_unit_test(ternary_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
