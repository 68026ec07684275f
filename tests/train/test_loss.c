/* The head and the loss together give what the product, log softmax and a choice of elements give one by one, gradients included. */
#include <math.h>

#include "test.h"
#include "train/train.h"
#include "trit/trit.h"

static trit_device *device;
static trit_error err;

static trit_tensor *random_tensor(trit_dtype dtype, int64_t rows, int64_t cols, uint64_t seed) {
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_randn(&t, device, dtype, 2, (const int64_t[]){rows, cols}, seed, &err));
    return t;
}

/* -sum of log softmax(x w^T)[t, target[t]] over targets, divided, from functions of one step each. */
static trit_tensor *slow_loss(const trit_tensor *x, const trit_tensor *w, const int32_t *target, double divisor) {
    const int64_t n = trit_tensor_shape(x)[0];
    trit_tensor *turned = NULL, *logits = NULL, *log_p = NULL, *index = NULL, *weight = NULL, *chosen = NULL, *counted = NULL, *sum = NULL;
    assert_ok(trit_tensor_transpose(&turned, w, 0, 1, &err));
    assert_ok(trit_tensor_matmul(&logits, x, turned, &err));
    assert_ok(trit_tensor_log_softmax(&log_p, logits, 1, &err));
    assert_ok(trit_tensor_zeros(&index, device, trit_dtype_i64, 2, (const int64_t[]){n, 1}, &err));
    assert_ok(trit_tensor_zeros(&weight, device, trit_tensor_dtype(x), 2, (const int64_t[]){n, 1}, &err));
    for (int64_t i = 0; i < n; i++) {
        const int64_t at[] = {i, 0};
        if (target[i] < 0) continue;
        assert_ok(trit_tensor_set(index, at, target[i], &err));
        assert_ok(trit_tensor_set(weight, at, -1 / divisor, &err));
    }
    assert_ok(trit_tensor_gather(&chosen, log_p, index, 1, &err));
    assert_ok(trit_tensor_mul(&counted, chosen, weight, &err));
    assert_ok(trit_tensor_sum(&sum, counted, 0, NULL, false, &err));
    trit_tensor *const all[] = {turned, logits, log_p, index, weight, chosen, counted};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
    return sum;
}

static void assert_near(const trit_tensor *a, const trit_tensor *b, double most) {
    assert_int_equal(trit_tensor_n_elements(a), trit_tensor_n_elements(b));
    const int64_t n_cols = trit_tensor_n_dims(a) ? trit_tensor_shape(a)[1] : 1;
    for (int64_t i = 0; i < trit_tensor_n_elements(a); i++) {
        double x, y;
        assert_ok(trit_tensor_get(a, (const int64_t[]){i / n_cols, i % n_cols}, &x, &err));
        assert_ok(trit_tensor_get(b, (const int64_t[]){i / n_cols, i % n_cols}, &y, &err));
        if (!(fabs(x - y) <= most)) fail_msg("element %lld: %.17g and %.17g", (long long)i, x, y);
    }
}

static void compare(trit_dtype dtype, int64_t n, int64_t dim, int64_t vocab, double most, bool in_bf16) {
    trit_tape *tape;
    trit_tensor *x = random_tensor(dtype, n, dim, 1), *w = random_tensor(dtype, vocab, dim, 2), *fast = NULL;
    int32_t *target = malloc((size_t)n * sizeof *target);
    assert_non_null(target);
    for (int64_t i = 0; i < n; i++) target[i] = i % 5 == 3 ? -1 : (int32_t)((i * 7919) % vocab);
    assert_ok(trit_tape_new(&tape, &err));
    assert_ok(trit_tape_watch(tape, x, &err));
    assert_ok(trit_tape_watch(tape, w, &err));
    trit_tensor *slow = slow_loss(x, w, target, 3), *gx = NULL, *gw = NULL;
    assert_ok(trit_tape_backward(tape, slow, NULL, &err));
    assert_ok(trit_tensor_copy(&gx, trit_tape_gradient(tape, x), &err));
    assert_ok(trit_tensor_copy(&gw, trit_tape_gradient(tape, w), &err));
    trit_tape_clear(tape);
    double sum = 0;
    const trit_loss_opts o = {.target = target, .divisor = 3, .sum = &sum, .in_bf16 = in_bf16};
    assert_ok(trit_head_loss(&fast, x, w, &o, &err));
    assert_near(fast, slow, most * 10);
    assert_ok(trit_tape_backward(tape, fast, NULL, &err));
    assert_near(trit_tape_gradient(tape, x), gx, most);
    assert_near(trit_tape_gradient(tape, w), gw, most);
    trit_tensor *const all[] = {slow, fast, gx, gw, x, w};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
    trit_tape_free(tape);
    free(target);
}

static void equals_single_steps(void **state) {
    (void)state;
    compare(trit_dtype_f64, 11, 6, 13, 1e-14, false);
    compare(trit_dtype_f32, 11, 6, 13, 1e-6, false);
    compare(trit_dtype_f32, 11, 6, 13, 1e-2, true);
    compare(trit_dtype_f64, 150, 3, 40000, 1e-13, false); /* several blocks */
}

/* Without a record there is no gradient, and the loss has the same bits. */
static void loss_alone(void **state) {
    (void)state;
    trit_tape *tape;
    trit_tensor *x = random_tensor(trit_dtype_f32, 9, 4, 1), *w = random_tensor(trit_dtype_f32, 5, 4, 2), *alone = NULL, *recorded = NULL;
    const int32_t target[9] = {0, 1, 2, 3, 4, -1, -1, 1, 0};
    double a = 0, b = 0;
    assert_ok(trit_head_loss(&alone, x, w, &(trit_loss_opts){.target = target, .divisor = 7, .sum = &a}, &err));
    assert_ok(trit_tape_new(&tape, &err));
    assert_ok(trit_tape_watch(tape, x, &err));
    assert_ok(trit_head_loss(&recorded, x, w, &(trit_loss_opts){.target = target, .divisor = 7, .sum = &b}, &err));
    assert_true(a == b);
    assert_int_equal(trit_tape_backward(tape, alone, NULL, &err), trit_arg);
    assert_ok(trit_tape_backward(tape, recorded, NULL, &err));
    assert_non_null(trit_tape_gradient(tape, x));
    trit_tensor *const all[] = {alone, recorded, x, w};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
    trit_tape_free(tape);
}

int main(void) {
    assert_int_equal(trit_device_open(&device, NULL, NULL, &err), trit_ok);
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_single_steps), cmocka_unit_test(loss_alone)};
    const int n = cmocka_run_group_tests(tests, NULL, NULL);
    trit_device_close(device);
    return n;
}
