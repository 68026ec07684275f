/* device/cpu/sort and sort_long: rows against qsort, of every way that keys take: by digits, by runs, by parts of parts, by bytes; some elements and all. */
#include <math.h>

#include "device/cpu/sort.h"
#include "tensor/half.h"
#include "test.h"
#include "trit/pool.h"

enum { n_row = (1 << 17) + 7, n_long = 1 << 20, step = 2 /* of a result that has no room for keys */ };

static trit_error err;

/* Falling, too, NaN are last; -0 is below 0. */
static double direction;

static int by_order(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y)) return isnan(x) - isnan(y);
    if (x != y) return (x > y ? 1 : -1) * (int)direction;
    return (!!signbit(y) - !!signbit(x)) * (int)direction;
}

/* ---- rows ---- */

typedef enum fill { spread, narrow, alike, outlier, odd, n_fills } fill;

static uint64_t bits_of(fill f, trit_dtype dtype, uint64_t random, size_t i) {
    static const double odds[] = {0, -0.0, NAN, INFINITY, -INFINITY, 1, -1, 5e-8};
    if (f == spread) return random; /* of floats NaN are among them */
    const double x = f == narrow ? (double)(random % 1000) / 8 : f == odd ? odds[random % 8] : f == outlier && i == n_row / 3 ? 200 : 3;
    const float single = (float)x;
    uint64_t bits = 0;
    if (dtype == trit_dtype_f64) memcpy(&bits, &x, sizeof x);
    else if (dtype == trit_dtype_f32) memcpy(&bits, &single, sizeof single);
    else if (dtype == trit_dtype_f16) bits = trit_f16_from_f32(single);
    else bits = isfinite(x) && x >= 0 ? (uint64_t)x : 7;
    return bits;
}

static void put(void *row, trit_dtype dtype, size_t i, uint64_t bits) {
    const size_t size = trit_dtype_bytes(dtype);
    memcpy((char *)row + i * size, &bits, size); /* the low bytes: this machine's order */
}

static double get(const void *row, trit_dtype dtype, size_t i) {
    switch (dtype) {
    case trit_dtype_f64: return ((const double *)row)[i];
    case trit_dtype_f32: return (double)((const float *)row)[i];
    case trit_dtype_f16: return (double)trit_f32_from_f16(((const uint16_t *)row)[i]);
    default: return ((const uint8_t *)row)[i];
    }
}

static trit_view view_of(void *data, trit_dtype dtype, int64_t n, int64_t stride) {
    return (trit_view){.data = data, .dtype = dtype, .n_dims = 1, .shape = {n}, .stride = {stride}};
}

/* ---- the tests ---- */

static void *row, *sorted;
static double *want;

static int set_up(void **state) {
    (void)state;
    row = malloc(n_long * sizeof(double));
    sorted = malloc(n_long * sizeof(double) * step);
    want = malloc(n_row * sizeof *want);
    return !row || !sorted || !want;
}

static int tear_down(void **state) {
    (void)state;
    free(row);
    free(sorted);
    free(want);
    return 0;
}

/* Fills the first n elements of the row, and `want` in any order. */
static void fill_row(trit_dtype dtype, fill f, size_t n, uint32_t *seed) {
    for (size_t i = 0; i < n; i++) {
        uint64_t random = 0;
        for (int k = 0; k < 4; k++) random = random << 16 | test_lcg(seed);
        put(row, dtype, i, bits_of(f, dtype, random, i));
        want[i] = get(row, dtype, i);
    }
}

static void expect_wanted(trit_dtype dtype, size_t n, int64_t stride) {
    for (size_t i = 0; i < n; i++) {
        const double got = get(sorted, dtype, i * (size_t)stride);
        if (isnan(got) ? !isnan(want[i]) : got != want[i] || !signbit(got) != !signbit(want[i]))
            fail_msg("%s, stride %d, %s: element %zu of %zu is %g instead of %g", trit_dtype_label(dtype), (int)stride, direction < 0 ? "down" : "up", i,
                     n, got, want[i]);
    }
}

static void expect_sorted(cpu_device *cpu, trit_dtype dtype, int64_t stride) {
    cpu_order o;
    const trit_view x = view_of(row, dtype, n_row, 1), y = view_of(sorted, dtype, n_row, stride);
    trit_cpu_order_init(&o, cpu, dtype, direction < 0);
    assert_true(trit_cpu_sort_is_long(&o, n_row));
    assert_true(trit_cpu_sort_long(&o, cpu, &x, &y, n_row));
    expect_wanted(dtype, n_row, stride);
}

static const trit_dtype dtypes[] = {trit_dtype_f32, trit_dtype_f64, trit_dtype_f16, trit_dtype_u8};
enum { n_dtypes = sizeof dtypes / sizeof dtypes[0] };

static void as_qsort(void **state) {
    (void)state;
    trit_device *one, *three;
    uint32_t seed = 5;
    assert_ok(trit_device_open(&one, "cpu", &(trit_device_opts){.n_threads = 1}, &err));
    assert_ok(trit_device_open(&three, "cpu", &(trit_device_opts){.n_threads = 3}, &err));
    for (size_t d = 0; d < n_dtypes; d++)
        for (fill f = 0; f < n_fills; f++) {
            fill_row(dtypes[d], f, n_row, &seed);
            for (direction = 1; direction >= -1; direction -= 2) {
                qsort(want, n_row, sizeof *want, by_order);
                expect_sorted((cpu_device *)one, dtypes[d], 1);
                expect_sorted((cpu_device *)three, dtypes[d], 1);
                expect_sorted((cpu_device *)three, dtypes[d], step);
            }
        }
    trit_device_close(one);
    trit_device_close(three);
}

static void short_rows(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, few_elements - 1, few_elements, 300, 4095, 4096, 70001};
    trit_device *one;
    uint32_t seed = 6;
    assert_ok(trit_device_open(&one, "cpu", &(trit_device_opts){.n_threads = 1}, &err));
    for (size_t d = 0; d < n_dtypes; d++)
        for (fill f = 0; f < n_fills; f++)
            for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
                const size_t n = sizes[s];
                fill_row(dtypes[d], f, n, &seed);
                for (direction = 1; direction >= -1; direction -= 2) {
                    cpu_order o;
                    size_t n_bytes;
                    const trit_view x = view_of(row, dtypes[d], (int64_t)n, 1), y = view_of(sorted, dtypes[d], (int64_t)n, 1);
                    trit_cpu_order_init(&o, (cpu_device *)one, dtypes[d], direction < 0);
                    assert_true(trit_cpu_sort_bytes(&o, n, false, &n_bytes));
                    void *const memory = malloc(n_bytes); /* exactly, so that a sanitizer sees more */
                    assert_non_null(memory);
                    trit_cpu_sort_values(&o, &x, &y, n, memory);
                    free(memory);
                    qsort(want, n, sizeof *want, by_order);
                    expect_wanted(dtypes[d], n, 1);
                }
            }
    trit_device_close(one);
}

/* One value that is the whole row asks for no more memory of many threads than of one: a second copy. */
static void memory_of_one_value(void **state) {
    (void)state;
    const uint64_t row_bytes = n_long * sizeof(float);
    trit_device *d;
    trit_pool_metrics before, after;
    cpu_order o;
    assert_ok(trit_device_open(&d, "cpu", &(trit_device_opts){.n_threads = 16}, &err));
    trit_cpu_order_init(&o, (cpu_device *)d, trit_dtype_f32, false);
    memset(row, 0, row_bytes);
    const trit_view x = view_of(row, trit_dtype_f32, n_long, 1), y = view_of(sorted, trit_dtype_f32, n_long, 1);
    trit_pool_measure(trit_device_pool(d), &before);
    assert_true(trit_cpu_sort_long(&o, (cpu_device *)d, &x, &y, n_long));
    trit_pool_measure(trit_device_pool(d), &after);
    assert_in_range(after.peak_committed - before.peak_committed, 0, 2 * row_bytes);
    trit_device_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_qsort), cmocka_unit_test(short_rows), cmocka_unit_test(memory_of_one_value)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
