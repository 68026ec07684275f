/* Factorizations: errors, parts that are not wanted, results into tensors, and memory (tests/numpy/test_linalg.py has the values). Without
 * LAPACKE only what needs none. */
#include "test.h"

#include <math.h>

#include "linalg/lapack.h"
#include "trit/device.h"
#include "trit/linalg.h"

static trit_device *device;

static int open_device(void **state) {
    (void)state;
    trit_error err;
    assert_ok(trit_device_open(&device, "cpu", &(trit_device_opts){.n_threads = 2}, &err));
    return 0;
}

static int close_device(void **state) {
    (void)state;
    trit_device_close(device);
    return 0;
}

#define require_lapack()                                         \
    do {                                                         \
        if (!trit_lapack_for(trit_dtype_f64)) {                  \
            print_message("skipped: built without LAPACKE\n");   \
            skip();                                              \
        }                                                        \
    } while (0)

static trit_tensor *matrix(int64_t m, int64_t n, const double *values) {
    trit_error err;
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_from(&t, device, trit_dtype_f64, 2, (int64_t[]){m, n}, values, &err));
    return t;
}

static double at(const trit_tensor *t, int64_t i) {
    return ((const double *)trit_tensor_data(t))[i];
}

static void refused(void **state) {
    (void)state;
    require_lapack();
    trit_error err;
    trit_tensor *singular = matrix(2, 2, (double[]){1, 2, 2, 4}), *wide = matrix(1, 2, (double[]){1, 2}), *out = NULL;
    trit_tensor *odd = matrix(2, 2, (double[]){1, 0, 0, NAN}), *indefinite = matrix(2, 2, (double[]){1, 2, 2, 1}), *halves = NULL;
    assert_ok(trit_tensor_cast(&halves, singular, trit_dtype_bf16, &err));
    assert_int_equal(trit_tensor_inv(&out, singular, &err), trit_numeric);
    assert_non_null(strstr(err.message, "condition number"));
    assert_int_equal(trit_tensor_inv(&out, wide, &err), trit_arg);
    assert_non_null(strstr(err.message, "[1, 2]"));
    assert_int_equal(trit_tensor_inv(&out, halves, &err), trit_arg);
    assert_non_null(strstr(err.message, "BF16"));
    assert_int_equal(trit_tensor_svd(NULL, &out, NULL, odd, false, &err), trit_numeric);
    assert_non_null(strstr(err.message, "[1, 1]"));
    assert_int_equal(trit_tensor_cholesky(&out, indefinite, false, &err), trit_numeric);
    assert_non_null(strstr(err.message, "order 2"));
    assert_int_equal(trit_tensor_solve(&out, indefinite, wide, &err), trit_arg);
    assert_null(out);
    trit_tensor *all[] = {singular, wide, odd, indefinite, halves};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
}

/* Parts that are not wanted are not made; what a tensor is given for is written into it, or nothing new is left. */
static void parts(void **state) {
    (void)state;
    require_lapack();
    trit_error err;
    trit_tensor *a = matrix(2, 2, (double[]){3, 0, 0, 4}), *s = matrix(1, 2, (double[]){0, 0}), *u = NULL, *r = NULL, *flat = NULL;
    assert_int_equal(trit_tensor_svd(&u, &s, NULL, a, false, &err), trit_arg);
    assert_null(u);
    assert_ok(trit_tensor_reshape(&flat, s, 1, (int64_t[]){2}, &err));
    assert_ok(trit_tensor_svd(NULL, &flat, NULL, a, false, &err));
    assert_float_equal(at(s, 0), 4, 1e-12);
    assert_float_equal(at(s, 1), 3, 1e-12);
    assert_ok(trit_tensor_qr(NULL, &r, a, false, &err));
    assert_float_equal(fabs(at(r, 3)), 4, 1e-12);
    assert_ok(trit_tensor_inv(&a, a, &err)); /* in place */
    assert_float_equal(at(a, 0), 1.0 / 3, 1e-12);
    trit_tensor *all[] = {a, s, r, flat};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
}

static void complex_pair(void **state) {
    (void)state;
    require_lapack();
    trit_error err;
    trit_tensor *a = matrix(2, 2, (double[]){0, -1, 1, 0}), *wr = NULL, *wi = NULL;
    assert_ok(trit_tensor_eig(&wr, &wi, NULL, NULL, a, &err));
    assert_float_equal(at(wr, 0), 0, 1e-12);
    assert_float_equal(at(wi, 0), 1, 1e-12);
    assert_float_equal(at(wi, 1), -1, 1e-12);
    trit_tensor_free(a), trit_tensor_free(wr), trit_tensor_free(wi);
}

/* Without LAPACKE too. */
static void without(void **state) {
    (void)state;
    trit_error err;
    trit_tensor *a = matrix(2, 2, (double[]){3, 0, 0, -4}), *y = NULL;
    if (!trit_lapack_for(trit_dtype_f64)) {
        assert_int_equal(trit_tensor_inv(&y, a, &err), trit_unsupported);
        assert_non_null(strstr(err.message, "LAPACKE"));
    }
    static const double norms[] = {[trit_norm_frobenius] = 5, [trit_norm_one] = 4, [trit_norm_infinity] = 4};
    static const trit_norm kinds[] = {trit_norm_frobenius, trit_norm_one, trit_norm_infinity};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_ok(trit_tensor_matrix_norm(&y, a, kinds[i], &err));
        assert_float_equal(at(y, 0), norms[kinds[i]], 1e-12);
    }
    assert_ok(trit_tensor_trace(&y, a, 0, &err));
    assert_float_equal(at(y, 0), -1, 0);
    trit_tensor_free(a), trit_tensor_free(y);
}

static void sums(void **state) {
    (void)state;
    trit_error err;
    trit_tensor *a = matrix(2, 2, (double[]){1, 2, 3, 4}), *y = NULL;
    const trit_tensor *const two[] = {a, a};
    assert_ok(trit_tensor_einsum(&y, "ij,jk->ki", 2, two, &err));
    assert_float_equal(at(y, 0), 7, 0);
    trit_tensor_free(y), y = NULL;
    assert_ok(trit_tensor_einsum(&y, " ii ", 1, two, &err));
    assert_int_equal(trit_tensor_n_dims(y), 0);
    assert_float_equal(at(y, 0), 5, 0);
    trit_tensor_free(y), y = NULL;
    assert_ok(trit_tensor_einsum(&a, "ij->ji", 1, two, &err)); /* in place */
    assert_float_equal(at(a, 1), 3, 0);
    static const char *const good[] = {"ij,jk", "ij,jk->", "ij,jk->ik ", "...,..."};
    static const char *const bad[] = {"", "ij", "ij,jk,kl", "i?,jk", "ij,jk->ikl", "ij,jk->iki", "i..j,jk", "abcdefghij,jk", "ij,jk-", "...,...->"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_ok(trit_tensor_einsum(&y, good[i], 2, two, &err));
        trit_tensor_free(y), y = NULL;
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_int_equal(trit_tensor_einsum(&y, bad[i], 2, two, &err), trit_arg);
    trit_tensor_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused), cmocka_unit_test(parts), cmocka_unit_test(complex_pair), cmocka_unit_test(without), cmocka_unit_test(sums),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
