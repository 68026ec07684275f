/* Ternary products of tensors beside products of the same floats, and of whole numbers counted out. */
#include <math.h>

#include "test.h"
#include "trit/trit.h"

static trit_error err;

static trit_tensor *random_matrix(trit_device *device, int64_t rows, int64_t cols, uint64_t seed) {
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_randn(&t, device, trit_dtype_f32, 2, (const int64_t[]){rows, cols}, seed, &err));
    return t;
}

static void free_all(size_t n, trit_tensor *const *t) {
    for (size_t i = 0; i < n; i++) trit_tensor_free(t[i]);
}

/* x as int8, w as trits with a scale for all of it (group 0) or for each row. */
static trit_tensor *product(trit_device *device, int64_t n, int64_t m, int64_t k, bool by_rows, trit_tensor **floats) {
    trit_tensor *x = random_matrix(device, n, k, 1), *w = random_matrix(device, m, k, 2), *qx = NULL, *qw = NULL, *turned = NULL, *y = NULL;
    assert_ok(trit_tensor_absmax_int8(&qx, x, 1, &err));
    assert_ok(trit_tensor_absmean_ternary(&qw, w, by_rows ? k : 0, 1, &err));
    assert_ok(trit_tensor_ternary_product(&y, qx, qw, &err));
    assert_ok(trit_tensor_transpose(&turned, qw, 0, 1, &err));
    if (floats) assert_ok(trit_tensor_matmul(floats, qx, turned, &err));
    free_all(5, (trit_tensor *const[]){x, w, qx, qw, turned});
    return y;
}

static void as_floats(void **state) {
    static const int64_t sizes[][3] = {{1, 1, 1}, {3, 17, 5}, {70, 16, 64}, {130, 33, 300}, {5, 100, 1025}};
    trit_device *device;
    (void)state;
    assert_ok(trit_device_open(&device, NULL, NULL, &err));
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
        const int64_t *s = sizes[i / 2];
        trit_tensor *floats = NULL, *y = product(device, s[0], s[1], s[2], i % 2, &floats);
        const float *a = trit_tensor_data(y), *b = trit_tensor_data(floats);
        for (int64_t e = 0; e < s[0] * s[1]; e++)
            if (!(fabsf(a[e] - b[e]) <= 1e-5f * sqrtf((float)s[2])))
                fail_msg("case %zu, element %lld: %.9g and %.9g", i, (long long)e, (double)a[e], (double)b[e]);
        free_all(2, (trit_tensor *const[]){y, floats});
    }
    trit_device_close(device);
}

typedef trit_status (*product_grad)(trit_tensor **out, const trit_tensor *gy, const trit_tensor *w, trit_error *err);

static const product_grad grads[] = {trit_tensor_ternary_product_grad, trit_tensor_ternary_product_grad_i16};
enum { n_grads = sizeof grads / sizeof grads[0] };

/* Its gradient for x, and the product of the same floats. */
static trit_tensor *gradient(product_grad grad, trit_device *device, int64_t n, int64_t m, int64_t k, bool by_rows, trit_tensor **floats) {
    trit_tensor *gy = random_matrix(device, n, m, 1), *w = random_matrix(device, m, k, 2), *qw = NULL, *gx = NULL;
    assert_ok(trit_tensor_absmean_ternary(&qw, w, by_rows ? k : 0, 1, &err));
    assert_ok(grad(&gx, gy, qw, &err));
    if (floats) assert_ok(trit_tensor_matmul(floats, gy, qw, &err));
    free_all(3, (trit_tensor *const[]){gy, w, qw});
    return gx;
}

static void gradient_as_floats(void **state) {
    static const int64_t sizes[][3] = {{1, 1, 1}, {3, 17, 5}, {70, 16, 64}, {130, 33, 300}, {5, 1025, 100}};
    trit_device *device;
    (void)state;
    assert_ok(trit_device_open(&device, NULL, NULL, &err));
    for (size_t i = 0; i < 2 * n_grads * sizeof sizes / sizeof sizes[0]; i++) {
        const int64_t *s = sizes[i / (2 * n_grads)];
        const bool is_i16 = i / 2 % n_grads;
        trit_tensor *floats = NULL, *gx = gradient(grads[is_i16], device, s[0], s[1], s[2], i % 2, &floats);
        const float *a = trit_tensor_data(gx), *b = trit_tensor_data(floats);
        /* As many roundings of sums that grow as its root, in two orders. As whole numbers, of which the largest stands for 5 or less, each is wrong by
         * 5 / 2046 at most, and their sum by less than five times its root. */
        const float bound = (is_i16 ? 5 * 5 / 2046.0f : 1e-5f) * sqrtf((float)s[1]);
        assert_int_equal(trit_tensor_n_elements(gx), s[0] * s[2]);
        for (int64_t e = 0; e < s[0] * s[2]; e++)
            if (!(fabsf(a[e] - b[e]) <= bound)) fail_msg("case %zu, element %lld: %.9g and %.9g", i, (long long)e, (double)a[e], (double)b[e]);
        free_all(2, (trit_tensor *const[]){gx, floats});
    }
    trit_device_close(device);
}

static void threads_same_bits(void **state) {
    trit_device *one, *three;
    (void)state;
    assert_ok(trit_device_open(&one, NULL, &(trit_device_opts){.n_threads = 1}, &err));
    assert_ok(trit_device_open(&three, NULL, &(trit_device_opts){.n_threads = 3}, &err));
    static const int64_t tokens[] = {3, 150, 400}; /* the team shares rows of w, and from 192 on tokens */
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        trit_tensor *a = product(one, tokens[i], 250, 130, false, NULL), *b = product(three, tokens[i], 250, 130, false, NULL);
        assert_memory_equal(trit_tensor_data(a), trit_tensor_data(b), (size_t)tokens[i] * 250 * sizeof(float));
        for (size_t j = 0; j < n_grads; j++) {
            trit_tensor *ga = gradient(grads[j], one, tokens[i], 250, 130, false, NULL), *gb = gradient(grads[j], three, tokens[i], 250, 130, false, NULL);
            assert_memory_equal(trit_tensor_data(ga), trit_tensor_data(gb), (size_t)tokens[i] * 130 * sizeof(float));
            free_all(2, (trit_tensor *const[]){ga, gb});
        }
        free_all(2, (trit_tensor *const[]){a, b});
    }
    trit_device_close(one);
    trit_device_close(three);
}

/* A NaN or an infinity reaches the products of its row, as activation and as weight; one among weights that share a scale reaches them all. */
static void not_finite(void **state) {
    enum { n = 3, m = 5, k = 40, row = 1 };
    static const float bad[] = {NAN, INFINITY};
    trit_device *device;
    (void)state;
    assert_ok(trit_device_open(&device, NULL, NULL, &err));
    for (size_t i = 0; i < 8; i++) {
        const bool in_weights = i / 2 % 2, by_rows = i / 4;
        trit_tensor *x = random_matrix(device, n, k, 1), *w = random_matrix(device, m, k, 2), *qx = NULL, *qw = NULL, *y = NULL;
        ((float *)trit_tensor_data(in_weights ? w : x))[row * k + 7] = bad[i % 2];
        assert_ok(trit_tensor_absmax_int8(&qx, x, 1, &err));
        assert_ok(trit_tensor_absmean_ternary(&qw, w, by_rows ? k : 0, 1, &err));
        assert_ok(trit_tensor_ternary_product(&y, qx, qw, &err));
        const float *z = trit_tensor_data(y);
        for (int e = 0; e < n * m; e++) {
            const bool reached = !in_weights ? e / m == row : !by_rows || e % m == row;
            if (isfinite(z[e]) == reached) fail_msg("case %zu, element %d: %g", i, e, (double)z[e]);
        }
        free_all(5, (trit_tensor *const[]){x, w, qx, qw, y});
    }
    trit_device_close(device);
}

/* Of gradients too: those of a token, as far as trits take them or, in whole numbers, all; and all where the scale is bad. */
static void gradients_not_finite(void **state) {
    enum { n = 3, m = 5, k = 40, row = 1 };
    trit_device *device;
    (void)state;
    assert_ok(trit_device_open(&device, NULL, NULL, &err));
    for (size_t c = 0; c < 2 * n_grads; c++) {
        const bool i = c % 2, is_i16 = c / 2;
        trit_tensor *gy = random_matrix(device, n, m, 1), *w = random_matrix(device, m, k, 2), *qw = NULL, *gx = NULL;
        ((float *)trit_tensor_data(i ? w : gy))[row * (i ? k : m) + 3] = NAN;
        assert_ok(trit_tensor_absmean_ternary(&qw, w, 0, 1, &err));
        assert_ok(grads[is_i16](&gx, gy, qw, &err));
        const float *z = trit_tensor_data(gx);
        size_t n_bad = 0;
        for (int e = 0; e < n * k; e++) {
            n_bad += isfinite(z[e]) ? 0 : 1;
            if (!i && e / k != row && !isfinite(z[e])) fail_msg("element %d: %g", e, (double)z[e]);
        }
        assert_true(i ? n_bad == n * k : is_i16 ? n_bad == k : n_bad > 0);
        free_all(4, (trit_tensor *const[]){gy, w, qw, gx});
    }
    trit_device_close(device);
}

static void bad_input(void **state) {
    trit_device *device;
    trit_tensor *x, *w, *flat = NULL, *wide = NULL, *y = NULL;
    (void)state;
    assert_ok(trit_device_open(&device, NULL, NULL, &err));
    x = random_matrix(device, 2, 3, 1);
    w = random_matrix(device, 4, 5, 1);
    assert_int_equal(trit_tensor_ternary_product(&y, x, w, &err), trit_arg);
    assert_string_equal(err.message, "ternary_product: x [2, 3] and w [4, 5]: matrices with rows of one length, 4194304 at most, are what it takes");
    assert_ok(trit_tensor_cast(&wide, x, trit_dtype_f64, &err));
    assert_int_equal(trit_tensor_ternary_product(&y, wide, x, &err), trit_arg);
    assert_ok(trit_tensor_reshape(&flat, x, 1, (const int64_t[]){6}, &err));
    assert_int_equal(trit_tensor_ternary_product(&y, flat, x, &err), trit_arg);
    assert_int_equal(trit_tensor_ternary_product_grad(&y, x, w, &err), trit_arg);
    assert_string_equal(err.message, "ternary_product_grad: gy [2, 3] and w [4, 5]: matrices, w with as many rows as gy has columns, rows of 4194304 at "
                                     "most, are what it takes");
    assert_int_equal(trit_tensor_ternary_product_grad_i16(&y, x, w, &err), trit_arg);
    assert_string_equal(err.message, "ternary_product_grad_i16: gy [2, 3] and w [4, 5]: matrices, w with as many rows as gy has columns, rows of 4194304 at "
                                     "most, are what it takes");
    assert_null(y);
    free_all(4, (trit_tensor *const[]){x, w, flat, wide});
    trit_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_floats), cmocka_unit_test(gradient_as_floats), cmocka_unit_test(threads_same_bits),
                                       cmocka_unit_test(not_finite), cmocka_unit_test(gradients_not_finite), cmocka_unit_test(bad_input)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
