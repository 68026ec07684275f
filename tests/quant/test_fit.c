/* Encoders that search for their scales: their error on normal floats against that of ggml's encoders, and the scales themselves against
 * brute force. The figures of ggml 0.21.0 (commit d99724f2) come from tools/quant/golden.c. */
#include "test.h"

#include <math.h>

#include "quant/fit.h"
#include "quant/quant.h"

enum { n_rows = 16, n_cols = 1024, n = n_rows * n_cols };

static float x[n], y[n], w[n_cols];

/* The same values as in golden.c. */
static void draw(void) {
    uint32_t seed = 1;
    for (size_t i = 0; i < n; i++) {
        x[i] = 0;
        for (int k = 0; k < 12; k++) x[i] += (float)test_lcg(&seed) / 65536 - 0.5f;
    }
    for (size_t i = 0; i < n_cols; i++) {
        const float a = (float)(test_lcg(&seed) + 1) / 65536, b = (float)(test_lcg(&seed) + 1) / 65536;
        w[i] = a * b;
    }
}

/* Sum of w (x - y)^2 over sum of w x^2. */
static double error_of(trit_dtype dtype, bool weighted) {
    static uint8_t bytes[n * 4];
    const trit_quant_format *f = trit_quant_format_of(dtype);
    uint64_t n_bytes;
    double sums[2] = {0};
    assert_true(trit_dtype_n_bytes(dtype, n_rows, n_cols, &n_bytes));
    for (uint64_t r = 0; r < n_rows; r++) {
        if (weighted) f->pack_by(x + r * n_cols, w, n_cols, bytes + r * (n_bytes / n_rows));
        else f->pack(x + r * n_cols, n_cols, bytes + r * (n_bytes / n_rows));
    }
    const trit_quant_matrix m = {.dtype = dtype, .data = bytes, .n_bytes = n_bytes, .n_rows = n_rows, .n_cols = n_cols, .scale = 1};
    for (uint64_t r = 0; r < n_rows; r++) f->unpack(&m, r, y + r * n_cols);
    for (size_t i = 0; i < n; i++) {
        const double weight = weighted ? (double)w[i % n_cols] : 1, off = (double)x[i] - (double)y[i];
        sums[0] += weight * off * off;
        sums[1] += weight * (double)x[i] * (double)x[i];
    }
    return sums[0] / sums[1];
}

static void against_ggml(void **state) {
    (void)state;
    static const struct {
        trit_dtype dtype;
        double plain, weighted; /* of ggml; 0: not compared */
    } all[] = {
        {trit_dtype_q4_0, 0.007086, 0.005855},
        {trit_dtype_q4_1, 0.005915, 0.004201},
        {trit_dtype_q5_0, 0.001767, 0.001452},
        {trit_dtype_q5_1, 0.001389, 0.000962},
        {trit_dtype_q2_k, 0.085646, 0.057563},
        {trit_dtype_q3_k, 0.021993, 0.017598},
        {trit_dtype_q4_k, 0.004961, 0.004325},
        {trit_dtype_q5_k, 0.001279, 0.001089},
        {trit_dtype_q6_k, 0.000310, 0.000258},
    };
    draw();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        const char *label = trit_dtype_info(all[i].dtype)->label;
        const double plain = error_of(all[i].dtype, false), weighted = all[i].weighted > 0 ? error_of(all[i].dtype, true) : 0;
        print_message("%s: %.6f (ggml %.6f), weighted %.6f (%.6f)\n", label, plain, all[i].plain, weighted, all[i].weighted);
        if (!(plain <= 1.02 * all[i].plain) || !(weighted <= 1.02 * all[i].weighted)) fail_msg("%s: a larger error than ggml's", label);
    }
}

/* The best of 4000 scales, each with the levels that are nearest. */
static double brute_scale(const float *v, const float *weight, size_t count, int lo, int hi) {
    double best = INFINITY;
    for (int k = 1; k <= 4000; k++)
        for (int sign = -1; sign <= 1; sign += 2) {
            const double d = sign * 4.5 * k / 4000;
            double sum = 0;
            for (size_t i = 0; i < count; i++) {
                double q = nearbyint((double)v[i] / d);
                q = q < lo ? lo : q > hi ? hi : q;
                sum += (weight ? (double)weight[i] : 1) * ((double)v[i] - d * q) * ((double)v[i] - d * q);
            }
            best = sum < best ? sum : best;
        }
    return best;
}

static double scale_error(const float *v, const float *weight, size_t count, int lo, int hi) {
    const double d = (double)trit_fit_scale(v, weight, count, lo, hi);
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double q = d != 0 ? nearbyint((double)v[i] / d) : 0;
        q = q < lo ? lo : q > hi ? hi : q;
        sum += (weight ? (double)weight[i] : 1) * ((double)v[i] - d * q) * ((double)v[i] - d * q);
    }
    return sum;
}

static void against_brute_force(void **state) {
    (void)state;
    static const int levels[][2] = {{-1, 1}, {-3, 3}, {-4, 3}, {-7, 7}, {-8, 7}, {-31, 31}};
    static const size_t counts[] = {16, 32, 128, 1024};
    draw();
    for (size_t l = 0; l < sizeof levels / sizeof levels[0]; l++)
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
            for (int weighted = 0; weighted < 2; weighted++) {
                double got = 0, best = 0;
                for (size_t at = 0; at + counts[c] <= 4096; at += 1024) {
                    got += scale_error(x + at, weighted ? w : NULL, counts[c], levels[l][0], levels[l][1]);
                    best += brute_scale(x + at, weighted ? w : NULL, counts[c], levels[l][0], levels[l][1]);
                }
                if (!(got <= 1.08 * best)) fail_msg("levels %d to %d, %zu values: error %g, possible %g", levels[l][0], levels[l][1], counts[c], got, best);
            }
}

static void affine(void **state) {
    (void)state;
    static const float exact[] = {-1.5f, -1.0f, 0.5f, 2.0f, 6.0f, -0.5f};
    const trit_fit f = trit_fit_affine(exact, NULL, 6, 15, false); /* 15 steps of a half from -1.5 */
    assert_true(fabsf(f.d - 0.5f) < 1e-6f && fabsf(f.offset + 1.5f) < 1e-6f);
    const trit_fit g = trit_fit_affine(exact + 2, NULL, 3, 12, true);
    assert_true(fabsf(g.d - 0.5f) < 1e-6f && g.offset == 0);
    static const float same[] = {3, 3, 3}, zeros[4] = {0}, odd[] = {1, NAN, INFINITY};
    assert_true(trit_fit_affine(same, NULL, 3, 3, false).offset == 3);
    assert_true(trit_fit_scale(zeros, NULL, 4, -4, 3) == 0 && trit_fit_affine(zeros, NULL, 4, 3, true).d == 0);
    (void)trit_fit_scale(odd, NULL, 3, -4, 3);
    (void)trit_fit_affine(odd, NULL, 3, 15, true);
}

/* Weights that are all zero are as weights that are all alike, in the fits and in blocks of every type that takes weights. */
static void without_weight(void **state) {
    (void)state;
    static const float none[n_cols];
    float alike[n_cols];
    uint8_t plain[n_cols * 4], weighted[n_cols * 4];
    draw();
    for (int i = 0; i < n_cols; i++) alike[i] = 1;
    for (size_t count = 16; count <= 256; count *= 2) {
        assert_true(trit_fit_scale(x, none, count, -4, 3) == trit_fit_scale(x, NULL, count, -4, 3) && trit_fit_scale(x, none, count, -4, 3) != 0);
        const trit_fit f = trit_fit_affine(x, none, count, 15, true), g = trit_fit_affine(x, NULL, count, 15, true);
        assert_true(f.d == g.d && f.offset == g.offset && f.d > 0);
    }
    for (int d = 0; d < trit_n_dtypes; d++) {
        const trit_quant_format *f = trit_quant_format_of((trit_dtype)d);
        uint64_t n_bytes;
        if (!f || !f->pack_by || !trit_dtype_n_bytes((trit_dtype)d, 1, n_cols, &n_bytes)) continue;
        f->pack_by(x, alike, n_cols, plain);
        f->pack_by(x, none, n_cols, weighted);
        if (memcmp(plain, weighted, n_bytes) != 0) fail_msg("%s: other bytes with weights of zero", trit_dtype_info((trit_dtype)d)->label);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_ggml), cmocka_unit_test(against_brute_force), cmocka_unit_test(affine),
                                       cmocka_unit_test(without_weight)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
