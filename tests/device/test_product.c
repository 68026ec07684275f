/* device/cpu/product: sums of whole numbers, at the edges of tiles, parts and panels, with operands laid along memory and across it. */
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(edges), cmocka_unit_test(wide)};
    return cmocka_run_group_tests(tests, open_device, close_device);
}
