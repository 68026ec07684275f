/* Functions of single elements as a C program meets them: errors, results in place and into other types, views that overlap, numbers, and
 * the same bits for any number of threads. Their values are held against NumPy's in tests/numpy/test_maps.py. */
#include <math.h>

#include "test.h"
#include "trit/trit.h"

static trit_error err;
static trit_device *device;

static trit_device *open_device(unsigned n_threads) {
    trit_device *d;
    assert_ok(trit_device_open(&d, "cpu", &(trit_device_opts){.n_threads = n_threads}, &err));
    return d;
}

static int set_up(void **s) {
    (void)s;
    device = open_device(2);
    return 0;
}

static int tear_down(void **s) {
    (void)s;
    trit_device_close(device);
    return 0;
}

/* [n] of 0, 1, 2, ... */
static trit_tensor *counting(trit_dtype dtype, int64_t n) {
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_zeros(&t, device, dtype, 1, &n, &err));
    for (int64_t i = 0; i < n; i++) assert_ok(trit_tensor_set(t, &i, (double)i, &err));
    return t;
}

static double at(const trit_tensor *t, int64_t i) {
    double x;
    assert_ok(trit_tensor_get(t, &i, &x, &err));
    return x;
}

static void expect_error(trit_status status, const char *message) {
    assert_int_equal(status, trit_arg);
    if (!strstr(err.message, message)) fail_msg("\"%s\" is not in \"%s\"", message, err.message);
}

static void errors(void **s) {
    (void)s;
    trit_tensor *three = counting(trit_dtype_f32, 3), *four = counting(trit_dtype_f32, 4), *bools = NULL, *out = NULL;
    trit_tensor *whole = counting(trit_dtype_i32, 3), *below = NULL;
    assert_ok(trit_tensor_lt(&bools, three, three, &err));
    expect_error(trit_tensor_add(&out, three, four, &err), "[3]");
    expect_error(trit_tensor_neg(&out, bools, &err), "neg: not for elements of type BOOL");
    expect_error(trit_tensor_sub(&out, bools, bools, &err), "sub: not for elements of type BOOL");
    expect_error(trit_tensor_bit_and(&out, three, whole, &err), "bit_and");
    expect_error(trit_tensor_shift_left(&out, three, three, &err), "shift_left: not for elements of type F32");
    expect_error(trit_tensor_exp(&four, three, &err), "[3] does not fit into a tensor [4]");
    expect_error(trit_tensor_exp(&whole, three, &err), "results of F32 cannot be written as I32");
    expect_error(trit_tensor_with_number(&out, trit_tensor_add, whole, 3e9, &err), "3000000000 does not fit into elements of type I32");
    assert_null(out);
    assert_ok(trit_tensor_with_number(&below, trit_tensor_sub, whole, 1, &err));
    trit_tensor *kept = counting(trit_dtype_i32, 3);
    expect_error(trit_tensor_pow(&kept, whole, below, &err), "pow: ");
    for (int64_t i = 0; i < 3; i++) assert_true(at(kept, i) == (double)i); /* before anything is written */
    trit_tensor *const all[] = {three, four, bools, whole, below, kept};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
}

static void in_place(void **s) {
    (void)s;
    trit_tensor *x = counting(trit_dtype_f32, 3000), *wide = counting(trit_dtype_f64, 3000), *narrow = counting(trit_dtype_f16, 3000);
    trit_tensor *const was = x;
    assert_ok(trit_tensor_add(&x, x, x, &err));
    assert_ok(trit_tensor_square(&x, x, &err));
    assert_ptr_equal(x, was);
    assert_ok(trit_tensor_with_number(&wide, trit_tensor_div, x, 2, &err)); /* into a wider type, and into a narrower float */
    assert_ok(trit_tensor_sqrt(&narrow, x, &err));
    for (int64_t i = 0; i < 1000; i++) {
        const double square = 4.0 * (double)i * (double)i;
        assert_true(at(x, i) == square);
        assert_true(at(wide, i) == square / 2);
        assert_true(at(narrow, i) == 2.0 * (double)i);
    }
    trit_tensor_free(x);
    trit_tensor_free(wide);
    trit_tensor_free(narrow);
}

/* x[1:] = x[:-1] + x[:-1] reads every element before it is written over, and so does x[::-1] = -x. */
static void overlapping(void **s) {
    (void)s;
    enum { n = 5000 };
    trit_tensor *x = counting(trit_dtype_i32, n), *head = NULL, *tail = NULL, *turned = NULL;
    assert_ok(trit_tensor_slice(&head, x, 1, &(trit_slice){.kind = trit_slice_range, .last = -1, .has_last = true}, &err));
    assert_ok(trit_tensor_slice(&tail, x, 1, &(trit_slice){.kind = trit_slice_range, .first = 1, .has_first = true}, &err));
    assert_ok(trit_tensor_add(&tail, head, head, &err));
    for (int64_t i = 0; i < n; i++) assert_true(at(x, i) == (i ? 2.0 * (double)(i - 1) : 0));
    assert_ok(trit_tensor_slice(&turned, x, 1, &(trit_slice){.kind = trit_slice_range, .step = -1}, &err));
    assert_ok(trit_tensor_neg(&turned, x, &err));
    for (int64_t i = 0; i < n; i++) assert_true(at(x, n - 1 - i) == (i ? -2.0 * (double)(i - 1) : 0));
    trit_tensor *const all[] = {x, head, tail, turned};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
}

static void numbers(void **s) {
    (void)s;
    trit_tensor *f = counting(trit_dtype_f16, 4), *w = counting(trit_dtype_u8, 4), *b = NULL, *y = NULL;
    assert_ok(trit_tensor_with_number(&b, trit_tensor_gt, w, 1, &err));
    const struct {
        const trit_tensor *t;
        double number;
        trit_dtype want;
    } cases[] = {{f, 0.1, trit_dtype_f16}, {f, 2, trit_dtype_f16}, {w, 255, trit_dtype_u8}, {w, 0.5, trit_dtype_f64},
                 {b, 2, trit_dtype_i64},   {b, 0.5, trit_dtype_f64}, {w, INFINITY, trit_dtype_f64}, {w, NAN, trit_dtype_f64}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_ok(trit_tensor_number(&y, cases[i].t, cases[i].number, &err));
        assert_int_equal(trit_tensor_dtype(y), cases[i].want);
        assert_int_equal(trit_tensor_n_dims(y), 0);
        trit_tensor_free(y);
        y = NULL;
    }
    expect_error(trit_tensor_number(&y, w, -1, &err), "does not fit into elements of type U8");
    assert_ok(trit_number_with_tensor(&y, trit_tensor_sub, 1, f, &err));
    for (int64_t i = 0; i < 4; i++) assert_true(at(y, i) == 1.0 - (double)i);
    assert_ok(trit_tensor_clip(&y, f, 1, 2, &err));
    for (int64_t i = 0; i < 4; i++) assert_true(at(y, i) == (i < 1 ? 1 : i > 2 ? 2 : (double)i));
    trit_tensor *const all[] = {f, w, b, y};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
}

/* More elements than one thread would take alone. */
static void threads(void **s) {
    (void)s;
    enum { n = 100003 };
    static float x[n], y[2][n];
    for (int i = 0; i < n; i++) x[i] = (float)(i - n / 2) * 0.37f;
    trit_status (*const functions[])(trit_tensor **, const trit_tensor *, trit_error *) = {trit_tensor_sin, trit_tensor_gelu, trit_tensor_exp};
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
        for (unsigned n_threads = 1; n_threads <= 2; n_threads++) {
            trit_device *d = open_device(n_threads);
            trit_tensor *in = NULL, *out = NULL;
            assert_ok(trit_tensor_borrow(&in, d, trit_dtype_f32, 1, (int64_t[]){n}, NULL, x, &err));
            assert_ok(functions[f](&out, in, &err));
            memcpy(y[n_threads - 1], trit_tensor_data(out), sizeof y[0]);
            trit_tensor_free(in);
            trit_tensor_free(out);
            trit_device_close(d);
        }
        assert_memory_equal(y[0], y[1], sizeof y[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(errors),  cmocka_unit_test(in_place), cmocka_unit_test(overlapping),
                                       cmocka_unit_test(numbers), cmocka_unit_test(threads)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
