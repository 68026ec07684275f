/* Products of matrices: what NumPy cannot show (tests/numpy/test_matmul.py has the values). */
#include <math.h>

#include "test.h"

#include "base/rng.h"
#include "tensor/half.h"
#include "trit/device.h"
#include "trit/linalg.h"

static trit_device *one, *two, *six;

static int open_devices(void **state) {
    (void)state;
    trit_error err;
    assert_ok(trit_device_open(&one, "cpu", &(trit_device_opts){.n_threads = 1}, &err));
    assert_ok(trit_device_open(&two, "cpu", &(trit_device_opts){.n_threads = 2}, &err));
    assert_ok(trit_device_open(&six, "cpu", &(trit_device_opts){.n_threads = 6}, &err));
    return 0;
}

static int close_devices(void **state) {
    (void)state;
    trit_device_close(one);
    trit_device_close(two);
    trit_device_close(six);
    return 0;
}

/* The same numbers for the same shape and type. */
static trit_tensor *numbers(trit_device *device, trit_dtype dtype, uint32_t n_dims, const int64_t *shape) {
    trit_error err;
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_new(&t, device, dtype, n_dims, shape, &err));
    for (int64_t i = 0; i < trit_tensor_n_elements(t); i++) {
        const double x = trit_rng_unit(5, (uint64_t)i) * 2 - 1;
        if (dtype == trit_dtype_f32) ((float *)trit_tensor_data(t))[i] = (float)x;
        if (dtype == trit_dtype_f64) ((double *)trit_tensor_data(t))[i] = x;
        if (dtype == trit_dtype_i32) ((int32_t *)trit_tensor_data(t))[i] = (int32_t)(x * 1e9);
    }
    return t;
}

static void same_bits_for_any_number_of_threads(void **state) {
    (void)state;
    trit_error err;
    static const int64_t sizes[][3] = {{300, 200, 150}, {65, 33, 700}, {1, 2000, 300}, {2000, 1, 300}, {130, 1000, 64}};
    static const trit_dtype types[] = {trit_dtype_f32, trit_dtype_f64, trit_dtype_i32};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
            const int64_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
            trit_device *devices[] = {one, two};
            trit_tensor *y[2] = {NULL, NULL};
            for (int i = 0; i < 2; i++) {
                trit_tensor *a = numbers(devices[i], types[t], 2, (int64_t[]){m, k}), *b = numbers(devices[i], types[t], 2, (int64_t[]){k, n});
                assert_ok(trit_tensor_matmul(&y[i], a, b, &err));
                trit_tensor_free(a), trit_tensor_free(b);
            }
            assert_memory_equal(trit_tensor_data(y[0]), trit_tensor_data(y[1]), (size_t)(m * n) * (types[t] == trit_dtype_f64 ? 8 : 4));
            trit_tensor_free(y[0]), trit_tensor_free(y[1]);
        }
}

/* To bfloat16 and back. */
static void round_all(trit_tensor *t) {
    float *x = trit_tensor_data(t);
    for (int64_t i = 0; i < trit_tensor_n_elements(t); i++) x[i] = trit_f32_from_bf16(trit_bf16_from_f32(x[i]));
}

/* Operands along memory and across it, an odd number of elements, more than is laid out at once: near the exact product of what was rounded, and the same
 * bits for one thread, two and six, whose pairs are made elsewhere. */
static void bf16(void **state) {
    (void)state;
    trit_error err;
    static const int64_t sizes[][3] = {{1, 1, 1}, {7, 5, 3}, {300, 200, 151}, {65, 33, 777}, {1, 500, 300}, {500, 1, 300}, {130, 70, 2}, {40, 60, 0}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int turned = 0; turned < 4; turned++) {
            const int64_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
            trit_device *devices[] = {one, two, six};
            trit_tensor *y[3] = {NULL, NULL, NULL};
            for (int i = 0; i < 3; i++) {
                trit_tensor *a = numbers(devices[i], trit_dtype_f32, 2, turned & 1 ? (int64_t[]){k, m} : (int64_t[]){m, k}), *u = a;
                trit_tensor *b = numbers(devices[i], trit_dtype_f32, 2, turned & 2 ? (int64_t[]){n, k} : (int64_t[]){k, n}), *v = b;
                if (turned & 1) assert_ok(trit_tensor_transpose(&u, a, 0, 1, &err));
                if (turned & 2) assert_ok(trit_tensor_transpose(&v, b, 0, 1, &err));
                assert_ok(trit_tensor_matmul_bf16(&y[i], u, v, &err));
                round_all(a), round_all(b);
                const float *x = trit_tensor_data(a), *w = trit_tensor_data(b);
                for (int64_t r = 0; r < m; r++)
                    for (int64_t c = 0; c < n; c++) {
                        double sum = 0;
                        for (int64_t l = 0; l < k; l++) sum += (double)x[turned & 1 ? l * m + r : r * k + l] * (double)w[turned & 2 ? c * k + l : l * n + c];
                        assert_float_equal(((const float *)trit_tensor_data(y[i]))[r * n + c], sum, 1e-5f * (1 + fabsf((float)sum)));
                    }
                if (u != a) trit_tensor_free(u);
                if (v != b) trit_tensor_free(v);
                trit_tensor_free(a), trit_tensor_free(b);
            }
            for (int i = 1; i < 3; i++) assert_memory_equal(trit_tensor_data(y[0]), trit_tensor_data(y[i]), (size_t)(m * n) * 4);
            for (int i = 0; i < 3; i++) trit_tensor_free(y[i]);
        }
}

/* Every second column and row of operands, which have to be copied, and a result that is an input. */
static void bf16_views(void **state) {
    (void)state;
    trit_error err;
    enum { n = 20 };
    const trit_slice steps[] = {{.kind = trit_slice_range, .step = 2}, {.kind = trit_slice_range, .step = 2}};
    trit_tensor *x = numbers(one, trit_dtype_f32, 2, (int64_t[]){2 * n, 2 * n}), *few = NULL, *plain = NULL, *want = NULL;
    assert_ok(trit_tensor_slice(&few, x, 2, steps, &err));
    assert_ok(trit_tensor_copy(&plain, few, &err));
    assert_ok(trit_tensor_matmul_bf16(&want, plain, plain, &err));
    trit_tensor *y = NULL;
    assert_ok(trit_tensor_matmul_bf16(&y, few, few, &err));
    assert_memory_equal(trit_tensor_data(y), trit_tensor_data(want), n * n * sizeof(float));
    assert_ok(trit_tensor_matmul_bf16(&plain, plain, plain, &err));
    assert_memory_equal(trit_tensor_data(plain), trit_tensor_data(want), n * n * sizeof(float));
    trit_tensor *const all[] = {x, few, plain, want, y};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
}

static void bf16_refused(void **state) {
    (void)state;
    trit_error err;
    trit_tensor *a = numbers(one, trit_dtype_f32, 2, (int64_t[]){2, 3}), *b = numbers(one, trit_dtype_f64, 2, (int64_t[]){3, 2}), *y = NULL;
    assert_int_equal(trit_tensor_matmul_bf16(&y, a, a, &err), trit_arg);
    assert_string_equal(err.message, "matmul_bf16: shapes [2, 3] and [2, 3] do not fit together");
    assert_int_equal(trit_tensor_matmul_bf16(&y, a, b, &err), trit_arg);
    assert_string_equal(err.message, "matmul_bf16: types F32 and F64, but it takes F32");
    trit_tensor_free(a), trit_tensor_free(b);
}

/* The result may be an input. */
static void in_place(void **state) {
    (void)state;
    trit_error err;
    double x[] = {1, 2, 3, 4};
    trit_tensor *a = NULL;
    assert_ok(trit_tensor_borrow(&a, one, trit_dtype_f64, 2, (int64_t[]){2, 2}, NULL, x, &err));
    assert_ok(trit_tensor_matmul(&a, a, a, &err));
    const double square[] = {7, 10, 15, 22};
    assert_memory_equal(x, square, sizeof x);
    trit_tensor_free(a);
}

static void refused(void **state) {
    (void)state;
    trit_error err;
    trit_tensor *a = numbers(one, trit_dtype_f32, 3, (int64_t[]){2, 3, 4}), *b = numbers(one, trit_dtype_f32, 3, (int64_t[]){3, 4, 5});
    trit_tensor *c = numbers(one, trit_dtype_f32, 0, NULL), *y = NULL;
    trit_status (*const products[])(trit_tensor **, const trit_tensor *, const trit_tensor *, trit_error *) = {
        trit_tensor_matmul, trit_tensor_inner, trit_tensor_vecdot};
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        assert_int_equal(products[i](&y, a, b, &err), trit_arg);
        assert_non_null(strstr(err.message, "[2, 3, 4]"));
        assert_non_null(strstr(err.message, "[3, 4, 5]"));
        assert_null(y);
    }
    assert_int_equal(trit_tensor_matmul(&y, a, c, &err), trit_arg);
    trit_tensor *elsewhere = numbers(two, trit_dtype_f32, 2, (int64_t[]){4, 4});
    assert_int_equal(trit_tensor_matmul(&y, a, elsewhere, &err), trit_arg);
    trit_tensor *narrow = numbers(one, trit_dtype_f32, 2, (int64_t[]){4, 4}), *out = numbers(one, trit_dtype_f32, 2, (int64_t[]){3, 4});
    assert_int_equal(trit_tensor_matmul(&out, a, narrow, &err), trit_arg);
    trit_tensor *all[] = {a, b, c, elsewhere, narrow, out};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
}

/* Nothing to add is zero; nothing to write is nothing. */
static void no_elements(void **state) {
    (void)state;
    trit_error err;
    trit_tensor *a = numbers(one, trit_dtype_f32, 2, (int64_t[]){2, 0}), *b = numbers(one, trit_dtype_f32, 2, (int64_t[]){0, 3}), *y = NULL;
    assert_ok(trit_tensor_matmul(&y, a, b, &err));
    for (int i = 0; i < 6; i++) assert_float_equal(((float *)trit_tensor_data(y))[i], 0, 0);
    trit_tensor_free(y), y = NULL;
    assert_ok(trit_tensor_inner(&y, b, b, &err));
    assert_int_equal(trit_tensor_n_elements(y), 0);
    trit_tensor_free(a), trit_tensor_free(b), trit_tensor_free(y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_for_any_number_of_threads),
        cmocka_unit_test(bf16),
        cmocka_unit_test(bf16_views),
        cmocka_unit_test(bf16_refused),
        cmocka_unit_test(in_place),
        cmocka_unit_test(refused),
        cmocka_unit_test(no_elements),
    };
    return cmocka_run_group_tests(tests, open_devices, close_devices);
}
