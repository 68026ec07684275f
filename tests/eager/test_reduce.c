/* Folds, running sums and order: what NumPy cannot show (tests/numpy/test_reduce.py and test_order.py have the values). */
#include "test.h"

#include <math.h>

#include "base/rng.h"
#include "trit/device.h"
#include "trit/reduce.h"

static trit_device *one, *two;

static int open_devices(void **state) {
    (void)state;
    trit_error err;
    assert_ok(trit_device_open(&one, "cpu", &(trit_device_opts){.n_threads = 1}, &err));
    assert_ok(trit_device_open(&two, "cpu", &(trit_device_opts){.n_threads = 2}, &err));
    return 0;
}

static int close_devices(void **state) {
    (void)state;
    trit_device_close(one);
    trit_device_close(two);
    return 0;
}

/* The same numbers for the same shape. */
static trit_tensor *numbers(trit_device *device, uint32_t n_dims, const int64_t *shape) {
    trit_error err;
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_new(&t, device, trit_dtype_f32, n_dims, shape, &err));
    for (int64_t i = 0; i < trit_tensor_n_elements(t); i++)
        ((float *)trit_tensor_data(t))[i] = (float)(trit_rng_unit(7, (uint64_t)i) * 2 - 1);
    return t;
}

/* Everything that divides work, over one axis. */
static trit_status run(int what, trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err) {
    switch (what) {
    case 0: return trit_tensor_sum(out, t, 1, &axis, false, err);
    case 1: return trit_tensor_prod(out, t, 1, &axis, false, err);
    case 2: return trit_tensor_max(out, t, 1, &axis, false, err);
    case 3: return trit_tensor_count_nonzero(out, t, 1, &axis, false, err);
    case 4: return trit_tensor_logsumexp(out, t, 1, &axis, false, err);
    case 5: return trit_tensor_softmax(out, t, axis, err);
    case 6: return trit_tensor_log_softmax(out, t, axis, err);
    case 7: return trit_tensor_cumsum(out, t, axis, err);
    case 8: return trit_tensor_argmax(out, t, axis, false, err);
    case 9: return trit_tensor_argsort(out, t, axis, true, err);
    case 10: return trit_tensor_topk(NULL, out, t, 3, axis, true, err);
    default: return trit_tensor_median(out, t, 1, &axis, false, err);
    }
}

/* Few long rows, along memory and across it; many short ones. */
static void same_bits_for_any_number_of_threads(void **state) {
    (void)state;
    trit_error err;
    static const int64_t shapes[][2] = {{3, 150000}, {150000, 3}, {300, 250}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (int32_t axis = 0; axis < 2; axis++)
            for (int what = 0; what < 12; what++) {
                trit_device *devices[] = {one, two};
                trit_tensor *y[2] = {NULL, NULL};
                for (int i = 0; i < 2; i++) {
                    trit_tensor *t = numbers(devices[i], 2, shapes[s]);
                    assert_ok(run(what, &y[i], t, axis, &err));
                    trit_tensor_free(t);
                }
                const size_t n_bytes = (size_t)trit_tensor_n_elements(y[0]) * (trit_tensor_dtype(y[0]) == trit_dtype_i64 ? 8 : 4);
                assert_memory_equal(trit_tensor_data(y[0]), trit_tensor_data(y[1]), n_bytes);
                trit_tensor_free(y[0]), trit_tensor_free(y[1]);
            }
}

/* The result may be the input. */
static void in_place(void **state) {
    (void)state;
    trit_error err;
    trit_tensor *t = numbers(two, 2, (int64_t[]){40, 70});
    static const int whats[] = {5, 6, 7};
    for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++)
        for (int32_t axis = 0; axis < 2; axis++) {
            trit_tensor *y = NULL;
            assert_ok(run(whats[i], &y, t, axis, &err));
            assert_ok(run(whats[i], &t, t, axis, &err));
            assert_memory_equal(trit_tensor_data(t), trit_tensor_data(y), 40 * 70 * sizeof(float));
            trit_tensor_free(y);
        }
    trit_tensor *y = NULL;
    assert_ok(trit_tensor_sort(&y, t, 1, false, &err));
    assert_ok(trit_tensor_sort(&t, t, 1, false, &err));
    assert_memory_equal(trit_tensor_data(t), trit_tensor_data(y), 40 * 70 * sizeof(float));
    trit_tensor_free(y);
    trit_tensor_free(t);
}

/* Results in tensors that are there, of a wider type, or a view. */
static void into_tensors(void **state) {
    (void)state;
    trit_error err;
    float x[] = {3, 1, 2, 6, 5, 4};
    double wide[2] = {0}, spread[4] = {0};
    int64_t places[4] = {0};
    float values[4] = {0};
    trit_tensor *t = NULL, *y = NULL, *view = NULL, *p = NULL, *v = NULL;
    assert_ok(trit_tensor_borrow(&t, one, trit_dtype_f32, 2, (int64_t[]){2, 3}, NULL, x, &err));
    assert_ok(trit_tensor_borrow(&y, one, trit_dtype_f64, 1, (int64_t[]){2}, NULL, wide, &err));
    assert_ok(trit_tensor_borrow(&view, one, trit_dtype_f64, 1, (int64_t[]){2}, (int64_t[]){-2}, spread + 3, &err));
    assert_ok(trit_tensor_borrow(&p, one, trit_dtype_i64, 2, (int64_t[]){2, 2}, NULL, places, &err));
    assert_ok(trit_tensor_borrow(&v, one, trit_dtype_f32, 2, (int64_t[]){2, 2}, NULL, values, &err));
    assert_ok(trit_tensor_sum(&y, t, 1, (int32_t[]){1}, false, &err));
    assert_true(wide[0] == 6 && wide[1] == 15);
    assert_ok(trit_tensor_mean(&view, t, 1, (int32_t[]){-1}, false, &err));
    assert_true(spread[3] == 2 && spread[1] == 5 && spread[0] == 0 && spread[2] == 0);
    assert_ok(trit_tensor_quantile(&y, t, 0.5, 1, (int32_t[]){1}, false, &err));
    assert_true(wide[0] == 2 && wide[1] == 5);
    assert_ok(trit_tensor_topk(&v, &p, t, 2, 1, true, &err));
    assert_memory_equal(values, ((const float[]){3, 2, 6, 5}), sizeof values);
    assert_memory_equal(places, ((const int64_t[]){0, 2, 0, 1}), sizeof places);
    assert_ok(trit_tensor_topk(&v, NULL, t, 2, 1, false, &err));
    assert_memory_equal(values, ((const float[]){1, 2, 4, 5}), sizeof values);
    trit_tensor *const all[] = {t, y, view, p, v};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
}

#define refused(call, ...)                                                                            \
    do {                                                                                              \
        err.message[0] = '\0';                                                                        \
        assert_int_equal(call, trit_arg);                                                             \
        const char *const words_[] = {__VA_ARGS__};                                                   \
        for (size_t w_ = 0; w_ < sizeof words_ / sizeof words_[0]; w_++)                              \
            if (!strstr(err.message, words_[w_])) fail_msg("'%s' lacks '%s'", err.message, words_[w_]); \
        assert_null(y);                                                                               \
    } while (0)

static void refusals(void **state) {
    (void)state;
    trit_error err;
    trit_tensor *y = NULL, *t = numbers(one, 2, (int64_t[]){3, 4}), *none = numbers(one, 2, (int64_t[]){0, 4}), *single = numbers(one, 0, NULL);
    refused(trit_tensor_sum(&y, t, 1, (int32_t[]){2}, false, &err), "sum", "axis 2", "[3, 4]");
    refused(trit_tensor_mean(&y, t, 1, (int32_t[]){-3}, false, &err), "axis -3", "[3, 4]");
    refused(trit_tensor_prod(&y, t, 2, ((int32_t[]){1, -1}), false, &err), "prod", "axis -1", "twice", "[3, 4]");
    refused(trit_tensor_softmax(&y, single, 0, &err), "softmax", "axis 0", "[]");
    refused(trit_tensor_sort(&y, t, INT32_MAX, false, &err), "sort", "2147483647");
    refused(trit_tensor_cumsum(&y, t, INT32_MIN, &err), "cumsum", "[3, 4]");
    refused(trit_tensor_max(&y, none, 1, (int32_t[]){0}, false, &err), "max", "no elements", "[0, 4]");
    refused(trit_tensor_argmin(&y, none, trit_all_axes, false, &err), "argmin", "no elements", "[0, 4]");
    refused(trit_tensor_quantile(&y, none, 0.5, 0, NULL, false, &err), "quantile", "no elements");
    refused(trit_tensor_quantile(&y, t, 1.5, 0, NULL, false, &err), "quantile", "1.5");
    refused(trit_tensor_quantiles(&y, t, 1, (double[]){NAN}, 0, NULL, false, &err), "quantile", "nan");
    refused(trit_tensor_topk(&y, NULL, t, 5, 1, true, &err), "topk", "5", "[3, 4]");
    refused(trit_tensor_sum_to(&y, t, 1, (int64_t[]){3}, &err), "sum_to", "[3]", "[3, 4]");
    trit_tensor *small = numbers(one, 1, (int64_t[]){3});
    assert_int_equal(trit_tensor_sum(&small, t, 1, (int32_t[]){0}, false, &err), trit_arg);
    assert_non_null(strstr(err.message, "[4]"));
    assert_non_null(strstr(err.message, "[3]"));
    trit_tensor *const all[] = {t, none, single, small};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
}

/* Bytes other than 1 are true too. */
static void bools(void **state) {
    (void)state;
    trit_error err;
    uint8_t x[] = {0, 2, 255, 1};
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_borrow(&t, one, trit_dtype_bool, 1, (int64_t[]){4}, NULL, x, &err));
    for (int what = 0; what < 4; what++) {
        static const double want[] = {3, 0, 1, 3};
        trit_tensor *y = NULL;
        double value;
        assert_ok(run(what, &y, t, 0, &err));
        assert_ok(trit_tensor_get(y, NULL, &value, &err));
        assert_true(value == want[what]);
        trit_tensor_free(y);
    }
    trit_tensor_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_for_any_number_of_threads), cmocka_unit_test(in_place), cmocka_unit_test(into_tensors),
        cmocka_unit_test(refusals), cmocka_unit_test(bools),
    };
    return cmocka_run_group_tests_name("reduce", tests, open_devices, close_devices);
}
