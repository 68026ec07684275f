/* A projection's record: which product makes its result and which its gradients. */
#include "test.h"
#include "train/train.h"
#include "trit/trit.h"

static trit_device *device;
static trit_error err;

enum { n = 5, m = 40, k = 20 };

static trit_tensor *random_matrix(int64_t rows, int64_t cols, uint64_t seed) {
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_randn(&t, device, trit_dtype_f32, 2, (const int64_t[]){rows, cols}, seed, &err));
    return t;
}

static void assert_same(const char *what, const trit_tensor *a, const trit_tensor *b) {
    assert_non_null(a);
    assert_int_equal(trit_tensor_n_elements(a), trit_tensor_n_elements(b));
    const float *x = trit_tensor_data((trit_tensor *)a), *y = trit_tensor_data((trit_tensor *)b);
    for (int64_t i = 0; i < trit_tensor_n_elements(a); i++)
        if (x[i] != y[i]) fail_msg("%s: element %lld: %.9g and %.9g", what, (long long)i, (double)x[i], (double)y[i]);
}

/* All of it with ternary weights or float ones, in F32 or bfloat16. */
static void compare(bool is_ternary, bool in_bf16) {
    trit_tensor *x = random_matrix(n, k, 1), *master = random_matrix(m, k, 2), *gy = random_matrix(n, m, 3), *qx = NULL, *w = NULL, *y = NULL;
    trit_tensor *want_y = NULL, *want_gx = NULL, *want_gw = NULL, *turned = NULL, *turned_gy = NULL;
    trit_tape *tape;
    assert_ok(trit_tensor_absmax_int8(&qx, x, is_ternary, &err));
    assert_ok(trit_tensor_absmean_ternary(&w, master, 0, is_ternary, &err));
    assert_ok(trit_tape_new(&tape, &err));
    assert_ok(trit_tape_watch(tape, qx, &err));
    assert_ok(trit_tape_watch(tape, master, &err));
    assert_ok(trit_linear_apply(&y, tape, qx, w, master, (trit_linear_opts){.is_ternary = is_ternary, .in_bf16 = in_bf16}, &err));
    assert_ok(trit_tape_backward(tape, y, gy, &err));

    assert_ok(trit_tensor_transpose(&turned, w, 0, 1, &err));
    assert_ok(trit_tensor_transpose(&turned_gy, gy, 0, 1, &err));
    if (is_ternary) {
        assert_ok(trit_tensor_ternary_product(&want_y, qx, w, &err));
        assert_ok((in_bf16 ? trit_tensor_ternary_product_grad_i16 : trit_tensor_ternary_product_grad)(&want_gx, gy, w, &err));
    } else {
        assert_ok((in_bf16 ? trit_tensor_matmul_bf16 : trit_tensor_matmul)(&want_y, qx, turned, &err));
        assert_ok((in_bf16 ? trit_tensor_matmul_bf16 : trit_tensor_matmul)(&want_gx, gy, w, &err));
    }
    assert_ok((in_bf16 ? trit_tensor_matmul_bf16 : trit_tensor_matmul)(&want_gw, turned_gy, qx, &err));
    assert_same("y", y, want_y);
    assert_same("gradient of x", trit_tape_gradient(tape, qx), want_gx);
    assert_same("gradient of the master", trit_tape_gradient(tape, master), want_gw);
    trit_tape_free(tape);
    trit_tensor *const all[] = {x, master, gy, qx, w, y, want_y, want_gx, want_gw, turned, turned_gy};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
}

static void products(void **state) {
    (void)state;
    for (int way = 0; way < 4; way++) compare(way & 1, way & 2);
}

/* The ways on the way back differ, or the test above would not see which was taken. */
static void gradients_differ(void **state) {
    trit_tensor *gy = random_matrix(n, m, 3), *master = random_matrix(m, k, 2), *w = NULL, *a = NULL, *b = NULL;
    (void)state;
    assert_ok(trit_tensor_absmean_ternary(&w, master, 0, 1, &err));
    assert_ok(trit_tensor_ternary_product_grad(&a, gy, w, &err));
    assert_ok(trit_tensor_ternary_product_grad_i16(&b, gy, w, &err));
    assert_memory_not_equal(trit_tensor_data(a), trit_tensor_data(b), n * k * sizeof(float));
    trit_tensor *const all[] = {gy, master, w, a, b};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
}

static int open_device(void **state) {
    (void)state;
    return trit_device_open(&device, NULL, NULL, &err) != trit_ok;
}

static int close_device(void **state) {
    (void)state;
    trit_device_close(device);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(products), cmocka_unit_test(gradients_differ)};
    return cmocka_run_group_tests(tests, open_device, close_device);
}
