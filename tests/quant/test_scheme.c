/* Schemes: their names, their levels and scales against numpy, and what a range by least squares gains. */
#include "test.h"

#include <math.h>

#include "quant/quant.h"
#include "trit/quant.h"

enum { n_rows = 10, n_cols = 100, n = n_rows * n_cols };

static trit_error err;
static float x[n], y[n];
static int16_t level[n];
static trit_scheme_scale scales[n];

static void draw(void) {
    uint32_t seed = 7;
    for (int i = 0; i < n; i++) x[i] = (float)test_lcg(&seed) / 65536 - 0.5f;
}

/* Mean squared error of the matrix under the scheme; *sum is that of the levels' sizes. */
static double error_of(const char *text, long *sum) {
    trit_scheme s;
    trit_quant_error e = {0};
    int low, high;
    assert_ok(trit_scheme_parse(&s, text, &err));
    trit_scheme_levels(&s, &low, &high);
    assert_ok(trit_scheme_quantize_matrix(&s, x, n_rows, n_cols, level, scales, &err));
    const int step = s.grain == trit_grain_tensor ? n : s.grain == trit_grain_row ? n_cols : (int)s.group;
    const trit_scheme_scale *by = scales;
    *sum = 0;
    for (int at = 0; at < n;) {
        const int left = s.grain == trit_grain_tensor ? n : n_cols - at % n_cols, m = left < step ? left : step;
        trit_scheme_restore(*by++, level + at, (size_t)m, y + at);
        at += m;
    }
    assert_int_equal(by - scales, trit_scheme_n_scales(&s, n_rows, n_cols));
    for (int i = 0; i < n; i++) {
        if (level[i] < low || level[i] > high) fail_msg("%s: level %d", text, level[i]);
        *sum += labs(level[i]);
    }
    trit_quant_error_add(&e, x, y, n);
    return trit_quant_mse(&e);
}

/* numpy 2.4.6, in float: symmetric q = clip(rint(x / s)), s = max|x| / top; asymmetric q = clip(rint((x - min) / s)), s = (max - min) / (2^b - 1);
 * ternary s = mean|x|; 1 bit q = sign(x), s = mean|x|. */
static void as_numpy(void **state) {
    (void)state;
    static const struct {
        const char *scheme;
        double mse;
        long sum;
    } all[] = {
        {"4bit-row", 0.000426878024489, 3593},         {"8bit-row", 1.2626189573e-06, 65161},
        {"3bit-asym-g32", 0.00139601812735, 3436},     {"2bit-asym-row", 0.00873179305601, 1477},
        {"8bit-asym-tensor", 1.31252341492e-06, 125180}, {"ternary", 0.0130651279745, 759},
        {"1bit-tensor", 0.0207370154229, 1000},
    };
    draw();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        long sum;
        const double mse = error_of(all[i].scheme, &sum);
        if (fabs(mse - all[i].mse) > 1e-6 * all[i].mse || sum != all[i].sum)
            fail_msg("%s: mse %.12g instead of %.12g, levels %ld instead of %ld", all[i].scheme, mse, all[i].mse, sum, all[i].sum);
    }
}

/* The definition of b1.58 is one function of the library and one scheme: the same trits. */
static void ternary_is_absmean(void **state) {
    (void)state;
    int8_t trits[n];
    long sum;
    draw();
    (void)error_of("ternary-tensor", &sum);
    const float g = trit_absmean(x, n);
    trit_absmean_trits(x, n, g, trits);
    assert_true(scales[0].scale == g && scales[0].offset == 0);
    for (int i = 0; i < n; i++) assert_int_equal(level[i], trits[i]);
}

/* Outliers: the range of all values wastes its levels on them. */
static void ranges(void **state) {
    (void)state;
    static const char *const kinds[] = {"ternary-row", "2bit-row", "3bit-row", "4bit-row", "4bit-asym-row", "2bit-asym-g32", "6bit-tensor"};
    draw();
    for (int i = 0; i < n; i += 97) x[i] *= 8;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char text[trit_scheme_text_max];
        long sum;
        const double full = error_of(kinds[i], &sum);
        snprintf(text, sizeof text, "%s-mse", kinds[i]);
        const double best = error_of(text, &sum);
        if (!(best <= full)) fail_msg("%s: %g, with all values in range %g", text, best, full);
    }
    trit_scheme s;
    assert_ok(trit_scheme_parse(&s, "8bit-tensor-p90", &err));
    draw();
    const float top = trit_scheme_fit(&s, x, NULL, n).scale * 127; /* |x| is even in 0..0.5 */
    assert_true(top > 0.44f && top < 0.46f);
}

static void names(void **state) {
    (void)state;
    static const char *const same[] = {"ternary-tensor", "ternary-row-mse",   "ternary-g256",     "1bit-g128",
                                       "8bit-row",       "3bit-asym-g64-mse", "4bit-tensor-p99.9"};
    static const char *const bad[] = {"", "-", "quaternary", "9bit", "0bit", "4bits", "4bit-", "4bit-g16", "4bit-g", "ternary-asym", "ternary-p99", "4bit-p",
                                      "4bit-p100", "4bit-p1.2.3", "4bit-p50", "1bit-mse", "4bit-row-x", "4bit--row",
                                      "int4-12345678901234567890123456789012345"};
    char text[trit_scheme_text_max];
    trit_scheme s;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_ok(trit_scheme_parse(&s, same[i], &err));
        trit_scheme_text(&s, text);
        assert_string_equal(text, same[i]);
    }
    assert_ok(trit_scheme_parse(&s, "int4-g32-asym", &err));
    trit_scheme_text(&s, text);
    assert_string_equal(text, "4bit-asym-g32");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (trit_scheme_parse(&s, bad[i], &err) != trit_arg) fail_msg("\"%s\" is taken", bad[i]);
    assert_ok(trit_scheme_parse(&s, "4bit-asym-g32", &err));
    assert_true(trit_scheme_bits_per_weight(&s, 8, 64) == 5);
}

static void odd_values(void **state) {
    (void)state;
    static const char *const all[] = {"ternary",         "ternary-mse",   "1bit-row",          "4bit-tensor",
                                      "4bit-tensor-mse", "4bit-asym-row", "4bit-asym-row-mse", "4bit-row-p99"};
    const float values[][4] = {{0, 0, 0, 0}, {NAN, 1, 2, 3}, {INFINITY, 1, -1, 0}, {1e-40f, 0, -1e-40f, 0}, {3e38f, -3e38f, 3e38f, 1}, {5, 5, 5, 5}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            trit_scheme s;
            int low, high;
            assert_ok(trit_scheme_parse(&s, all[i], &err));
            trit_scheme_levels(&s, &low, &high);
            assert_ok(trit_scheme_quantize_matrix(&s, values[k], 1, 4, level, scales, &err));
            for (int c = 0; c < 4; c++) assert_true(level[c] >= low && level[c] <= high);
        }
}

static void halves(void **state) {
    (void)state;
    const float in[] = {1, -0.5f, 65504, 1e9f, 0.1f};
    uint16_t h[5];
    float out[5];
    trit_to_f16(in, 5, h);
    trit_from_f16(h, 5, out);
    assert_true(out[0] == 1 && out[1] == -0.5f && out[2] == 65504 && isinf(out[3]) && fabsf(out[4] - 0.1f) < 3e-5f);
}

/* Fields beyond their bounds: a word about the field, and nothing is made. */
static void out_of_bounds(void **state) {
    (void)state;
    static const struct {
        trit_scheme s;
        const char *why;
    } all[] = {
        {{.kind = trit_scheme_symmetric}, "scheme: 0 bits are not between 1 and 8"},
        {{.kind = trit_scheme_asymmetric, .bits = 33}, "scheme: 33 bits are not between 1 and 8"},
        {{.kind = trit_scheme_symmetric, .bits = 4, .grain = trit_grain_group}, "scheme: a group of 0 columns is none of 32, 64, 128 and 256"},
        {{.kind = trit_scheme_symmetric, .bits = 4, .range = trit_range_percentile, .percentile = 1.5f},
         "scheme: a percentile of 1.5 is not between 0.5 and 1"},
        {{.kind = (trit_scheme_kind)7, .bits = 4}, "scheme: kind 7 is none"},
        {{.kind = trit_scheme_symmetric, .bits = 1, .grain = (trit_scheme_grain)3}, "scheme: grain 3 is none"},
        {{.bits = 2, .range = (trit_scheme_range)9}, "scheme: range 9 is none"},
    };
    draw();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        level[0] = 99;
        assert_int_equal(trit_scheme_quantize_matrix(&all[i].s, x, n_rows, n_cols, level, scales, &err), trit_arg);
        assert_string_equal(err.message, all[i].why);
        assert_int_equal(level[0], 99);
        const trit_scheme_scale by = trit_scheme_fit(&all[i].s, x, NULL, n);
        assert_true(by.scale == 0 && by.offset == 0);
        trit_scheme_quantize(&all[i].s, by, x, n, level);
        for (int k = 0; k < n; k++) assert_int_equal(level[k], 0);
        assert_true(trit_scheme_bits_per_weight(&all[i].s, n_rows, n_cols) == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_numpy), cmocka_unit_test(ternary_is_absmean), cmocka_unit_test(ranges),
        cmocka_unit_test(names),    cmocka_unit_test(odd_values),         cmocka_unit_test(halves), cmocka_unit_test(out_of_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
