/* device/cpu/product: sums of whole numbers, at the edges of tiles, parts and panels, with operands laid along memory and across it. */
#include <math.h>

#include "base/alloc.h"
#include "device/cpu/matmul.h"
#include "test.h"

enum { most_m = 505, most_k = 400, usual_n = 69, wide_m = 13, wide_n = 4200, gap = 3 /* elements between rows that are not ours */ };

static int32_t a[most_m * most_k], b[most_k * usual_n], want[wide_m * wide_n]; /* [m, most_k], [k, n], [m, n] */
_Static_assert(most_m * usual_n <= wide_m * wide_n, "the longest product is not larger than the widest");

static void put(void *to, trit_dtype type, int64_t at, int32_t v) {
    if (type == trit_dtype_f32) ((float *)to)[at] = (float)v;
    else if (type == trit_dtype_f64) ((double *)to)[at] = v;
    else ((int8_t *)to)[at] = (int8_t)v;
}

static double get(const void *from, trit_dtype type, int64_t at) {
    if (type == trit_dtype_f32) return (double)((const float *)from)[at];
    return type == trit_dtype_f64 ? ((const double *)from)[at] : ((const int8_t *)from)[at];
}

/* Small enough for sums that I8 has: +-1 and zeros. */
static void fill(void) {
    uint32_t seed = 3;
    for (int i = 0; i < most_m * most_k; i++) a[i] = (int32_t)(test_lcg(&seed) % 3) - 1;
    for (int i = 0; i < most_k * usual_n; i++) b[i] = (int32_t)(test_lcg(&seed) % 3) - 1;
}

static void multiply(int64_t m, int64_t n, int64_t k) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            int32_t sum = 0;
            for (int64_t l = 0; l < k; l++) sum += a[i * most_k + l] * b[l * n + j];
            want[i * n + j] = sum;
        }
}

/* [rows, cols], or that across memory; *row, *col: the strides. */
static void *lay(const int32_t *x, int64_t x_row, int64_t rows, int64_t cols, trit_dtype type, bool turned, int64_t *row, int64_t *col) {
    *row = turned ? 1 : cols + gap;
    *col = turned ? rows + gap : 1;
    void *out = trit_alloc_zero((size_t)((rows + gap) * (cols + gap)), trit_dtype_bytes(type));
    assert_non_null(out);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) put(out, type, i * *row + j * *col, x[i * x_row + j]);
    return out;
}

static void expect(const trit_kernels *kernels, int64_t m, int64_t n, int64_t k, trit_dtype type, bool turns_a, bool turns_b) {
    cpu_product p = {.kind = cpu_product_matrix, .type = type, .m = m, .n = n, .k = k, .y_row = n + gap};
    void *const x = lay(a, most_k, m, k, type, turns_a, &p.a_row, &p.a_col);
    void *const w = lay(b, n, k, n, type, turns_b, &p.b_row, &p.b_col);
    void *const y = trit_alloc_zero((size_t)(m * p.y_row), trit_dtype_bytes(type));
    assert_non_null(y);
    for (int64_t i = 0; i < m * p.y_row; i++) put(y, type, i, 77);
    p.a = x, p.b = w, p.y = y;
    trit_cpu_product(kernels, &p);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < p.y_row; j++) {
            const double got = get(y, type, i * p.y_row + j), right = j < n ? want[i * n + j] : 77;
            if (got != right)
                fail_msg("%s [%d, %d]%s by [, %d]%s: element %d, %d is %g instead of %g", trit_dtype_label(type), (int)m, (int)k,
                         turns_a ? " turned" : "", (int)n, turns_b ? " turned" : "", (int)i, (int)j, got, right);
        }
    trit_free(x), trit_free(w), trit_free(y);
}

static void expect_all(const trit_kernels *kernels, int64_t m, int64_t n, int64_t k) {
    static const trit_dtype types[] = {trit_dtype_f32, trit_dtype_f64, trit_dtype_i8};
    multiply(m, n, k);
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
        for (int turned = 0; turned < 4; turned++) expect(kernels, m, n, k, types[t], turned & 1, turned & 2);
}

static void edges(void **state) {
    static const int64_t ms[] = {1, 5, 6, 7, 251, 252, 253, most_m}, ks[] = {1, 191, 192, 193, most_k};
    const cpu_device *d = *state;
    for (size_t m = 0; m < sizeof ms / sizeof ms[0]; m++)
        for (size_t k = 0; k < sizeof ks / sizeof ks[0]; k++) expect_all(d->kernels, ms[m], usual_n, ks[k]);
}

/* More columns than are laid out at once, by few rows, and by more. */
static void wide(void **state) {
    const cpu_device *d = *state;
    expect_all(d->kernels, 3, wide_n, 5);
    expect_all(d->kernels, wide_m, wide_n, 5);
}

/* ---- Mostly zeros ---- */

static float *numbers(int64_t n, unsigned zeros_in_16, uint32_t *seed) {
    float *x = trit_alloc_aligned((size_t)n, sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) {
        const bool is_zero = test_lcg(seed) % 16 < zeros_in_16;
        x[i] = is_zero ? (test_lcg(seed) % 2 ? 0.0f : -0.0f) : (float)(test_lcg(seed) % 2001) * 1e-3f - 1.0f;
    }
    return x;
}

/* [rows, cols] of `gap` more columns, or that across memory. */
static float *place(const float *x, int64_t rows, int64_t cols, bool turned, int64_t *row, int64_t *col) {
    *row = turned ? 1 : cols + gap;
    *col = turned ? rows + gap : 1;
    float *out = trit_alloc_zero((size_t)((rows + gap) * (cols + gap)), sizeof *out);
    assert_non_null(out);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) out[i * *row + j * *col] = x[i * cols + j];
    return out;
}

static bool same(float x, float y) {
    return memcmp(&x, &y, sizeof x) == 0 || (isnan(x) && isnan(y));
}

/* The bits of one sum after the other, whichever operand has the zeros, and how they lie; and what is not finite reaches all that it meets. */
static void expect_sparse(const trit_kernels *kernels, int64_t m, int64_t n, int64_t k, unsigned zeros_a, unsigned zeros_b, bool is_finite) {
    uint32_t seed = 5;
    float *x = numbers(m * k, zeros_a, &seed), *w = numbers(k * n, zeros_b, &seed), *y = trit_alloc((size_t)(m * (n + gap)), sizeof *y);
    assert_non_null(y);
    if (!is_finite) {
        float *dense = zeros_a ? w : x;
        dense[3] = INFINITY, dense[k * (zeros_a ? n : m) - 1] = NAN, dense[k + 70] = -INFINITY;
    }
    float *sums = trit_alloc_zero((size_t)(m * n), sizeof *sums);
    assert_non_null(sums);
    for (int64_t i = 0; i < m; i++)
        for (int64_t l = 0; l < k; l++)
            for (int64_t j = 0; j < n; j++) sums[i * n + j] += x[i * k + l] * w[l * n + j];
    for (int turned = 0; turned < 4; turned++) {
        cpu_product p = {.kind = cpu_product_matrix, .type = trit_dtype_f32, .m = m, .n = n, .k = k, .y = y, .y_row = n + gap};
        float *const at = place(x, m, k, turned & 1, &p.a_row, &p.a_col), *const by = place(w, k, n, turned & 2, &p.b_row, &p.b_col);
        p.a = at, p.b = by;
        for (int64_t i = 0; i < m * (n + gap); i++) y[i] = 77;
        assert_true(trit_cpu_product_sparse(kernels, &p));
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n + gap; j++) {
                const float got = y[i * (n + gap) + j], right = j < n ? sums[i * n + j] : 77;
                if (!same(got, right))
                    fail_msg("[%d, %d] by [, %d], way %d: %d, %d is %a instead of %a", (int)m, (int)k, (int)n, turned, (int)i, (int)j, (double)got,
                             (double)right);
            }
        trit_free(at), trit_free(by);
    }
    trit_free(x), trit_free(w), trit_free(y), trit_free(sums);
}

static void sparse(void **state) {
    static const int64_t sizes[][3] = {{960, 320, 65}, {33, 35, 1900}, {16, 2100, 64}, {517, 16, 300}, {700, 500, 71}};
    const cpu_device *d = *state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int finite = 0; finite < 2; finite++) {
            expect_sparse(d->kernels, sizes[i][0], sizes[i][1], sizes[i][2], 11, 0, finite);
            expect_sparse(d->kernels, sizes[i][0], sizes[i][1], sizes[i][2], 0, 14, finite);
        }
}

/* Few zeros, and small products, are not worth it. */
static void dense(void **state) {
    static float x[300 * 100], w[100 * 300], y[300 * 300];
    const cpu_device *d = *state;
    cpu_product p = {.kind = cpu_product_matrix, .type = trit_dtype_f32, .m = 300, .n = 300, .k = 100, .a = x, .a_row = 100, .a_col = 1, .b = w, .b_row = 300,
                     .b_col = 1, .y = y, .y_row = 300};
    assert_true(trit_cpu_product_sparse(d->kernels, &p));
    for (int i = 0; i < 300 * 100; i++) x[i] = w[i] = (float)(i % 5);
    assert_false(trit_cpu_product_sparse(d->kernels, &p));
    for (int i = 0; i < 300 * 100; i++) x[i] = 0;
    p.k = 20;
    assert_false(trit_cpu_product_sparse(d->kernels, &p));
    p.k = 100, p.type = trit_dtype_i32;
    assert_false(trit_cpu_product_sparse(d->kernels, &p));
}

static int open_device(void **state) {
    trit_error err;
    fill();
    return trit_device_open((trit_device **)state, "cpu", &(trit_device_opts){.n_threads = 1}, &err) != trit_ok;
}

static int close_device(void **state) {
    trit_device_close(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(edges), cmocka_unit_test(wide), cmocka_unit_test(sparse), cmocka_unit_test(dense)};
    return cmocka_run_group_tests(tests, open_device, close_device);
}
