/* The scalar twins, which are the specification: against the formulas in double precision, and the reference vectors. */
#include <float.h>
#include <math.h>

#include "base/json.h"
#include "kernel/kernel.h"
#include "quant/layout.h"
#include "tensor/half.h"
#include "test.h"

static const trit_kernels *scalar;
static uint32_t seed = 1;

static float number(void) {
    return ((float)test_lcg(&seed) - 32768.0f) / 8192.0f;
}

static void fill(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = number();
}

static void near(double got, double expected, double tolerance) {
    if (!(fabs(got - expected) <= tolerance)) fail_msg("%.9g, expected %.9g within %g", got, expected, tolerance);
}

static void set_trit(uint8_t *w, size_t k, size_t row, size_t i, int trit) {
    uint8_t *byte = w + row / 16 * trit_t2_tile_bytes(k) + i / 16 * 64 + 4 * (row % 16) + i % 4;
    unsigned shift = 2 * (unsigned)(i % 16 / 4);
    *byte = (uint8_t)((*byte & ~(3u << shift)) | (unsigned)(trit + 1) << shift);
}

/* Five trits of T3 at once: 64 inputs apart from i, those beyond k are 0. */
static void set_five(uint8_t *w, size_t k, size_t row, size_t i, const int8_t *trits) {
    int v = 0;
    for (size_t plane = 0; plane < 5; plane++) v = 3 * v + (i + 64 * plane < k ? trits[i + 64 * plane] : 0);
    w[row / 16 * trit_t3_tile_bytes(k) + i / 320 * 1024 + i % 64 / 4 * 64 + 4 * (row % 16) + i % 4] = (uint8_t)lrint(128 + v * 256 / 243.0);
}

/* ---- ternary ---- */

/* The layouts by their drawings, and the product with groups that end within a block. */
static void check_ternary(bool is_t3) {
    enum { k = 700, n_rows = 19, n_tokens = 2 };
    static const uint32_t groups[] = {0, 64, 128, 256};
    for (size_t g = 0; g < 4; g++) {
        uint32_t group = groups[g], n_groups = group ? (k + group - 1) / group : 1;
        size_t w_stride = is_t3 ? trit_t3_tile_bytes(k) : trit_t2_tile_bytes(k), x_stride = trit_a8_row_bytes(k);
        uint8_t *w = aligned_alloc(64, 2 * w_stride);
        int8_t *x = aligned_alloc(64, n_tokens * x_stride), trits[n_rows][k];
        float in[k], scale[2 * 16 * 11], y[n_tokens][n_rows];
        memset(w, 0x55, 2 * w_stride);
        fill(scale, 2 * 16 * n_groups);
        for (size_t r = 0; r < n_rows; r++)
            for (size_t i = 0; i < k; i++) trits[r][i] = (int8_t)(test_lcg(&seed) % 3) - 1;
        for (size_t r = 0; r < n_rows; r++)
            for (size_t i = 0; i < k; i++)
                if (!is_t3) set_trit(w, k, r, i, trits[r][i]);
                else if (i % 320 < 64) set_five(w, k, r, i, trits[r]);
        for (size_t t = 0; t < n_tokens; t++) {
            fill(in, k);
            scalar->a8_quantize(x + t * x_stride, in, k);
        }
        trit_t2_mul a = {.w = w, .w_stride = w_stride, .w_scale = scale, .k = k, .group = group, .x = x, .x_stride = x_stride,
                         .n_tokens = n_tokens, .y = y[0], .y_stride = n_rows};
        (is_t3 ? scalar->t3_mul : scalar->t2_mul)(&a, 0, n_rows);
        for (size_t t = 0; t < n_tokens; t++)
            for (size_t r = 0; r < n_rows; r++) {
                double sum = 0;
                for (size_t i = 0; i < k; i++)
                    sum += (double)x[t * x_stride + i] * trits[r][i] * (double)scale[(r / 16 * n_groups + (group ? i / group : 0)) * 16 + r % 16];
                near((double)y[t][r], sum * (double)*trit_a8_scale(x + t * x_stride, k), 1e-4);
            }
        free(w), free(x);
    }
}

static void test_t2_mul(void **unused) {
    (void)unused;
    check_ternary(false);
}

static void test_t3_mul(void **unused) {
    (void)unused;
    check_ternary(true);
}

static void test_a8(void **unused) {
    (void)unused;
    static const float x[] = {127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 63.5f};
    static const int8_t q[] = {127, 0, 2, 2, 0, -2, -2, 64};
    int8_t *row = aligned_alloc(64, trit_a8_row_bytes(300));
    scalar->a8_quantize(row, x, 8);
    assert_memory_equal(row, q, 8);
    assert_int_equal(trit_a8_sums(row, 8)[0], 191);
    assert_true(*trit_a8_scale(row, 8) == 1.0f);

    float zero[8] = {0}, bad[8] = {NAN, 1.0f, -2.0f, NAN, 0.0f, 0.0f, 0.0f, 0.0f}, wide[300];
    scalar->a8_quantize(row, zero, 8);
    assert_int_equal(trit_a8_sums(row, 8)[0], 0);
    assert_true(*trit_a8_scale(row, 8) == 1e-5f / 127.0f);
    scalar->a8_quantize(row, bad, 8);
    assert_int_equal(row[0], 0);
    assert_int_equal(row[1], 64);
    assert_int_equal(row[2], -127);

    for (size_t i = 0; i < 300; i++) wide[i] = i < 64 ? 1.0f : i < 256 ? 0.0f : -1.0f;
    scalar->a8_quantize(row, wide, 300);
    const int32_t *sums = trit_a8_sums(row, 300);
    assert_int_equal(sums[0], 64 * 127);
    assert_int_equal(sums[1] + sums[2] + sums[3], 0);
    assert_int_equal(sums[4], 44 * -127);
    for (size_t i = 300; i < 512; i++) assert_int_equal(row[i], 0);
    free(row);
}

static void check_act_quant(const trit_json *of) {
    float x[64];
    size_t n = trit_json_length(trit_json_get(of, "x"));
    const trit_json *q = trit_json_get(of, "q") ? trit_json_get(of, "q") : trit_json_get(of, "q_half_even");
    assert_in_range(n, 1, 64);
    for (size_t i = 0; i < n; i++) x[i] = (float)trit_json_as_real(trit_json_at(trit_json_get(of, "x"), i), 0);
    int8_t *row = aligned_alloc(64, trit_a8_row_bytes((uint32_t)n));
    scalar->a8_quantize(row, x, (uint32_t)n);
    double s = trit_json_as_real(trit_json_get(of, "s"), 0);
    near(1.0 / (double)*trit_a8_scale(row, n), s, s * 1e-6);
    for (size_t i = 0; i < n; i++) assert_int_equal(row[i], trit_json_as_int(trit_json_at(q, i), 999));
    free(row);
}

/* flt(n) and tern(n) of the reference data are the generator's (test_lcg) as the file has them. */
static void check_i2s_linear(const trit_json *of, const trit_json *document) {
    enum { k = 128 };
    const trit_json *flt = trit_json_get(document, "flt256"), *tern = trit_json_get(document, "tern256");
    float x[k], y[2], scale[16] = {0.75f, 0.75f};
    for (size_t i = 0; i < k; i++) x[i] = (float)trit_json_as_real(trit_json_at(flt, i), 0);
    int8_t *row = aligned_alloc(64, trit_a8_row_bytes(k));
    uint8_t *w = aligned_alloc(64, trit_t2_tile_bytes(k));
    memset(w, 0x55, trit_t2_tile_bytes(k));
    for (size_t i = 0; i < 2 * k; i++) set_trit(w, k, i / k, i % k, (int)trit_json_as_int(trit_json_at(tern, i), 0));
    scalar->a8_quantize(row, x, k);
    for (size_t i = 0; i < k; i++) assert_int_equal(row[i], trit_json_as_int(trit_json_at(trit_json_get(of, "q"), i), 999));
    assert_int_equal(trit_a8_sums(row, k)[0] + trit_a8_sums(row, k)[1], trit_json_as_int(trit_json_get(of, "sum_q"), 0));
    trit_t2_mul a = {.w = w, .w_stride = trit_t2_tile_bytes(k), .w_scale = scale, .k = k, .x = row, .x_stride = trit_a8_row_bytes(k),
                     .n_tokens = 1, .y = y, .y_stride = 2};
    scalar->t2_mul(&a, 0, 2);
    for (size_t r = 0; r < 2; r++) {
        double expected = trit_json_as_real(trit_json_at(trit_json_get(of, "y"), r), 0);
        near((double)y[r], expected, fabs(expected) * 3e-7);
    }
    free(row), free(w);
}

static void test_vectors(void **unused) {
    (void)unused;
    require_shared("spec/examples/vectors.json");
    size_t n;
    char *text = test_read(test_shared("spec/examples/vectors.json"), &n);
    trit_json *document;
    trit_error err;
    assert_ok(trit_json_parse(&document, text, n, "vectors.json", &err));
    const trit_json *list = trit_json_get(document, "act_quant");
    assert_true(trit_json_length(list) >= 3);
    for (size_t i = 0; i < trit_json_length(list); i++) check_act_quant(trit_json_at(list, i));
    check_i2s_linear(trit_json_get(document, "i2s_linear"), document);
    trit_json_free(document);
    free(text);
}

/* ---- floats ---- */

/* The order of a sum is part of the contract: a case in which another order gives other bits. */
static void test_lanes(void **unused) {
    (void)unused;
    float w[20] = {0}, x[20], y;
    for (size_t i = 0; i < 20; i++) x[i] = 1.0f;
    w[0] = 1e8f, w[16] = 1.0f, w[8] = -1e8f, w[4] = 3.0f;
    trit_float_mul a = {.w = w, .w_stride = sizeof w, .k = 20, .x = x, .x_stride = 20, .n_tokens = 1, .y = &y, .y_stride = 1};
    scalar->f32_mul(&a, 0, 1);
    assert_true(y == 3.0f); /* 1e8 + 1 is 1e8 in lane 0, lane 8 cancels it, lane 4 remains */
}

static void test_products(void **unused) {
    (void)unused;
    enum { k = 333, n_rows = 4, n_tokens = 3 };
    float w32[n_rows][k], x[n_tokens][k], y[n_tokens][n_rows];
    uint16_t w16[n_rows][k];
    fill(&x[0][0], n_tokens * k);
    fill(&w32[0][0], n_rows * k);
    for (int kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < n_rows * k; i++)
            (&w16[0][0])[i] = kind == 1 ? trit_f16_from_f32((&w32[0][0])[i]) : trit_bf16_from_f32((&w32[0][0])[i]);
        trit_float_mul a = {.w = kind == 0 ? (const void *)w32 : w16, .w_stride = kind == 0 ? sizeof w32[0] : sizeof w16[0], .k = k,
                            .x = x[0], .x_stride = k, .n_tokens = n_tokens, .y = y[0], .y_stride = n_rows};
        (kind == 0 ? scalar->f32_mul : kind == 1 ? scalar->f16_mul : scalar->bf16_mul)(&a, 0, n_rows);
        for (size_t t = 0; t < n_tokens; t++)
            for (size_t r = 0; r < n_rows; r++) {
                double sum = 0;
                for (size_t i = 0; i < k; i++) {
                    float v = kind == 0 ? w32[r][i] : kind == 1 ? trit_f32_from_f16(w16[r][i]) : trit_f32_from_bf16(w16[r][i]);
                    sum += (double)v * (double)x[t][i];
                }
                near((double)y[t][r], sum, 1e-3);
            }
    }
}

static double mean_of_squares(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sum / (double)n;
}

static void test_rms_norm(void **unused) {
    (void)unused;
    enum { n = 100 };
    float x[n], w[n], y[n];
    fill(x, n);
    fill(w, n);
    scalar->rms_norm(y, x, w, n, 1e-5f);
    double r = 1.0 / sqrt(mean_of_squares(x, n) + 1e-5);
    for (size_t i = 0; i < n; i++) near((double)y[i], (double)x[i] * r * (double)w[i], 1e-5);
    scalar->rms_norm(x, x, NULL, n, 1e-5f);
    near(mean_of_squares(x, n), 1.0, 1e-4);
}

static void test_activations(void **unused) {
    (void)unused;
    for (float g = -100.0f; g <= 100.0f; g += 0.37f) {
        const float u = 1.5f;
        float y;
        double v = (double)g, s = v / (1.0 + exp(-v)), t = 0.5 * v * (1.0 + tanh(0.7978845608 * (v + 0.044715 * v * v * v)));
        scalar->silu_mul(&y, &g, &u, 1);
        near((double)y, s * 1.5, fabs(s) * 1e-6 + 1e-30);
        scalar->gelu_mul(&y, &g, &u, 1);
        near((double)y, t * 1.5, fabs(v) * 3e-7);
        scalar->relu2_mul(&y, &g, &u, 1);
        near((double)y, v > 0 ? v * v * 1.5 : 0, fabs(v * v) * 1e-6);
    }
    float y, one = 1.0f, nan = NAN, big = 1e30f, low = -1e30f;
    scalar->relu2_mul(&y, &nan, &one, 1);
    assert_true(isnan(y));
    scalar->silu_mul(&y, &low, &one, 1);
    assert_true(y == 0.0f);
    scalar->gelu_mul(&y, &low, &one, 1);
    assert_true(y == 0.0f);
    scalar->gelu_mul(&y, &big, &one, 1);
    assert_true(y == big);
}

static void test_elements(void **unused) {
    (void)unused;
    float a[3] = {1, 2, 3}, b[3] = {10, 20, 30};
    scalar->add(a, a, b, 3);
    assert_true(a[0] == 11 && a[1] == 22 && a[2] == 33);
    scalar->mul(a, a, b, 2);
    assert_true(a[0] == 110 && a[1] == 440 && a[2] == 33);
    scalar->scale(b, a, 0.5f, 3);
    assert_true(b[0] == 55 && b[1] == 220 && b[2] == 16.5f);
}

/* Both forms rotate the same pairs by the same angle; only where the pairs stand differs. */
static void test_rope(void **unused) {
    (void)unused;
    enum { d = 10, half = d / 2 };
    float in[d], neox[d], norm[d], cosine[half], sine[half];
    fill(in, d);
    for (size_t i = 0; i < half; i++) cosine[i] = (float)cos(0.3 + (double)i), sine[i] = (float)sin(0.3 + (double)i);
    memcpy(neox, in, sizeof in);
    for (size_t i = 0; i < half; i++) norm[2 * i] = in[i], norm[2 * i + 1] = in[i + half];
    scalar->rope_neox(neox, cosine, sine, d);
    scalar->rope_norm(norm, cosine, sine, d);
    for (size_t i = 0; i < half; i++) {
        double a = (double)in[i], b = (double)in[i + half], angle = 0.3 + (double)i;
        near((double)neox[i], a * cos(angle) - b * sin(angle), 1e-6);
        near((double)neox[i + half], b * cos(angle) + a * sin(angle), 1e-6);
        assert_true(norm[2 * i] == neox[i] && norm[2 * i + 1] == neox[i + half]);
    }
}

static void test_softmax(void **unused) {
    (void)unused;
    enum { n = 77 };
    float x[n], in[n];
    fill(in, n);
    in[5] = -INFINITY;
    memcpy(x, in, sizeof x);
    double most = -INFINITY, total = 0;
    for (size_t i = 0; i < n; i++)
        if (0.5 * (double)in[i] > most) most = 0.5 * (double)in[i];
    float sum = scalar->softmax_exp(x, n, 0.5f);
    for (size_t i = 0; i < n; i++) {
        near((double)x[i], exp(0.5 * (double)in[i] - most), 1e-6);
        total += (double)x[i];
    }
    near((double)sum, total, 1e-4);
    assert_true(x[5] == 0.0f);
}

/* Rows through store, scores and mix in each form; q8 is within half a step, f16 within half a unit. Its int16 queries and weights add next
 * to nothing to that. */
static void test_attention(void **unused) {
    (void)unused;
    enum { d = 70, n = 9, n_queries = 3, stride = 320, q_stride = 256 };
    float in[n][d], q[n_queries][q_stride], p[n_queries][n], score[n_queries][n], y[n_queries][d], q8_scale[n_queries];
    int16_t q8[n_queries][q_stride];
    unsigned char rows[n * stride];
    fill(&in[0][0], n * d), fill(&q[0][0], n_queries * q_stride), fill(&p[0][0], n_queries * n);
    assert_int_equal(trit_kv_query_width(d), q_stride);
    for (size_t t = 0; t < n_queries; t++) q8_scale[t] = scalar->kv_query_q8(q8[t], q[t], d);
    for (size_t j = 0; j < d; j++) assert_int_equal(q8[0][128 + j / 4 * 4 + (size_t)"\0\2\1\3"[j % 4]], q8[0][j]); /* the second half */
    for (int form = 0; form < 3; form++) {
        double step = form == 0 ? 1e-6 : form == 1 ? 4.0 / 2048 : 4.0 / 127;
        for (size_t i = 0; i < n; i++)
            (form == 0 ? scalar->kv_store_f32 : form == 1 ? scalar->kv_store_f16 : scalar->kv_store_q8)(rows + i * stride, in[i], d);
        trit_kv_span s = {.rows = rows, .stride = stride, .n = n, .d = d};
        trit_kv_scores scores = {.keys = s, .q = q[0], .q8 = q8[0], .q8_scale = q8_scale, .q_stride = q_stride, .n_queries = n_queries,
                                 .score = score[0], .score_stride = n};
        (form == 0 ? scalar->kv_scores_f32 : form == 1 ? scalar->kv_scores_f16 : scalar->kv_scores_q8)(&scores);
        for (size_t t = 0; t < n_queries; t++)
            for (size_t i = 0; i < n; i++) {
                double sum = 0;
                for (size_t j = 0; j < d; j++) sum += (double)q[t][j] * (double)in[i][j];
                near((double)score[t][i], sum, 4 * d * step);
            }
        for (size_t j = 0; j < n_queries * d; j++) y[j / d][j % d] = 1.0f;
        trit_kv_mix mix = {.values = s, .p = p[0], .p_stride = n, .n_queries = n_queries, .y = y[0], .y_stride = d};
        (form == 0 ? scalar->kv_mix_f32 : form == 1 ? scalar->kv_mix_f16 : scalar->kv_mix_q8)(&mix);
        for (size_t t = 0; t < n_queries; t++)
            for (size_t j = 0; j < d; j++) {
                double sum = 1.0;
                for (size_t i = 0; i < n; i++) sum += (double)p[t][i] * (double)in[i][j];
                near((double)y[t][j], sum, 4 * n * step);
            }
    }
}

/* What int16 loses, apart from what int8 keys and values lose: 2^-15 of the largest of a query, and of a page's weights. */
static void test_int16(void **unused) {
    (void)unused;
    enum { d = 128, n = 32, row_bytes = d + 4 };
    float x[d], q[d], p[n], score[n], y[d] = {0}, q8_scale;
    int16_t q8[2 * d];
    _Alignas(4) unsigned char rows[n * row_bytes];
    fill(q, d);
    for (size_t i = 0; i < n; i++) {
        fill(x, d);
        p[i] = expf(-(float)(i % 11));
        scalar->kv_store_q8(rows + i * row_bytes, x, d);
    }
    trit_kv_span s = {.rows = rows, .stride = row_bytes, .n = n, .d = d};
    assert_int_equal(trit_kv_query_width(d), 2 * d);
    q8_scale = scalar->kv_query_q8(q8, q, d);
    scalar->kv_scores_q8(&(trit_kv_scores){.keys = s, .q8 = q8, .q8_scale = &q8_scale, .q_stride = d, .n_queries = 1, .score = score});
    scalar->kv_mix_q8(&(trit_kv_mix){.values = s, .p = p, .n_queries = 1, .y = y});
    double mixed[d] = {0};
    for (size_t i = 0; i < n; i++) {
        float scale;
        memcpy(&scale, rows + i * row_bytes + d, sizeof scale);
        double dot = 0;
        for (size_t j = 0; j < d; j++) {
            double value = (double)(int8_t)rows[i * row_bytes + j] * (double)scale;
            dot += (double)q[j] * value;
            mixed[j] += (double)p[i] * value;
        }
        near((double)score[i], dot, 4.0 * 4.0 * d / 32767 / 2);
    }
    for (size_t j = 0; j < d; j++) near((double)y[j], mixed[j], 4.0 * n / 32767 / 2);
}

/* One q8 row by hand. */
static void test_q8_row(void **unused) {
    (void)unused;
    struct {
        int8_t q[8];
        float scale;
    } row;
    const float x[5] = {127.0f, -63.5f, 0.5f, NAN, 2.5f};
    memset(&row, 0x55, sizeof row);
    scalar->kv_store_q8(&row, x, 5);
    static const int8_t expected[8] = {127, -64, 0, 0, 2, 0, 0, 0};
    assert_memory_equal(row.q, expected, 8);
    assert_true(row.scale == 1.0f);
    const float none[5] = {0};
    scalar->kv_store_q8(&row, none, 5);
    assert_true(row.scale == 0.0f && row.q[0] == 0);
}

static int setup(void **unused) {
    (void)unused;
    scalar = trit_kernels_for(trit_cpu_scalar);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_t2_mul),   cmocka_unit_test(test_t3_mul),
        cmocka_unit_test(test_a8),       cmocka_unit_test(test_vectors),     cmocka_unit_test(test_lanes),
        cmocka_unit_test(test_products), cmocka_unit_test(test_rms_norm), cmocka_unit_test(test_activations), cmocka_unit_test(test_elements),
        cmocka_unit_test(test_rope),     cmocka_unit_test(test_softmax),  cmocka_unit_test(test_attention),   cmocka_unit_test(test_int16),
        cmocka_unit_test(test_q8_row),
    };
    return cmocka_run_group_tests_name("scalar kernels", tests, setup, NULL);
}
