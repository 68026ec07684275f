/* The n-th allocation fails, for every n of making parameters, a pass forward and back, a checkpointed one, and a step: an error, and nothing is
 * lost. */
#include "counting_malloc.h"
#include "run.h"
#include "tiny.h"
#include "train/trainer.h"

#if TRIT_COUNTS_MALLOC

static trit_device *device;

static trit_status pass(trit_forward *f, bool in_bf16, trit_error *err) {
    const trit_train_batch *b = tiny_batch();
    trit_tensor *hidden = NULL, *loss = NULL;
    const trit_loss_opts o = {.target = b->target, .divisor = 10, .in_bf16 = in_bf16};
    trit_status status = trit_forward_run(&hidden, f, b, err);
    if (status == trit_ok) status = trit_head_loss(&loss, hidden, trit_forward_head(f)->master, &o, err);
    if (status == trit_ok) status = tiny_add_attention(&loss, f, 2, 0.5, err);
    if (status == trit_ok) status = trit_tape_backward(trit_forward_tape(f), loss, NULL, err);
    trit_tensor_free(hidden);
    trit_tensor_free(loss);
    return status;
}

/* With and without gradient checkpointing, which is also with and without bfloat16. */
static trit_status all(bool checkpoints, trit_error *err) {
    const trit_synthetic shape = tiny_shape("bitnet");
    trit_params *p = NULL;
    trit_forward *f = NULL;
    trit_status status = trit_params_new(&p, device, &(trit_params_opts){.shape = &shape, .dtype = trit_dtype_f32}, err);
    const trit_forward_opts o = {.params = p, .checkpoints = checkpoints, .in_bf16 = checkpoints, .tapped = 2};
    if (status == trit_ok) status = trit_forward_new(&f, &o, err);
    if (status == trit_ok) status = pass(f, checkpoints, err);
    trit_forward_free(f);
    trit_params_free(p);
    return status;
}

/* Blocks that are left after allocation i of n failed. */
static long left_by(long i, long n, bool checkpoints) {
    trit_error err;
    const long before = atomic_load(&live);
    atomic_store(&n_calls, 0);
    atomic_store(&fail_at, i);
    const trit_status status = all(checkpoints, &err);
    atomic_store(&fail_at, -1);
    if (status != trit_memory && status != trit_ok) fail_msg("allocation %ld of %ld: %s", i, n, err.message);
    return atomic_load(&live) - before;
}

/* What ends early frees in another order, for which the device's pool may need one more block, once or twice in all: it keeps that. */
static void every_allocation(bool checkpoints) {
    trit_error err;
    assert_ok(all(checkpoints, &err)); /* what the device keeps for later is there now */
    const long before = atomic_load(&live);
    atomic_store(&n_calls, 0);
    assert_ok(all(checkpoints, &err));
    const long n = atomic_load(&n_calls);
    int n_grown = 0;
    assert_true(n > 100);
    assert_int_equal(atomic_load(&live), before);
    for (long i = 0; i < n; i++) {
        long left = left_by(i, n, checkpoints);
        if (left && ++n_grown <= 2) left = left_by(i, n, checkpoints);
        if (left) fail_msg("allocation %ld of %ld: %ld blocks are left", i, n, left);
    }
}

static void kept(void **state) {
    (void)state;
    every_allocation(false);
}

static void computed_again(void **state) {
    (void)state;
    every_allocation(true);
}

/* A step that fails has changed nothing, or the trainer knows that it is good for nothing any more. */
static void steps(void **state) {
    (void)state;
    trit_error err;
    char folder[run_path_bytes];
    size_t n_broken = 0;
    run_folder(folder, "train-memory");
    const char *const more[] = {"optimizer", "muon", NULL};
    trit_trainer *t = run_new(folder, more), *whole = run_new(folder, more);
    run_steps(t, 1);
    run_steps(whole, 1);
    atomic_store(&n_calls, 0);
    const trit_train_stats want = run_steps(whole, 1);
    const long n = atomic_load(&n_calls);
    for (long i = 0; i < n; i++) {
        trit_train_stats s;
        atomic_store(&n_calls, 0);
        atomic_store(&fail_at, i);
        const trit_status status = trit_trainer_step(t, &s, &err);
        atomic_store(&fail_at, -1);
        if (status == trit_memory && !t->is_broken) continue; /* nothing was changed, as the last step shows */
        if (status != trit_ok && !(status == trit_memory && trit_trainer_save(t, folder, &err) == trit_fail)) fail_msg("allocation %ld: %s", i, err.message);
        n_broken += status != trit_ok;
        trit_trainer_free(t);
        t = run_new(folder, more);
        run_steps(t, 1);
    }
    assert_true(n_broken > 0);
    const trit_train_stats got = run_steps(t, 1);
    assert_true(got.loss == want.loss && got.grad_norm == want.grad_norm);
    trit_trainer_free(t);
    trit_trainer_free(whole);
}

int main(void) {
    trit_error err;
    assert_int_equal(trit_device_open(&device, NULL, &(trit_device_opts){.n_threads = 1}, &err), trit_ok);
    const struct CMUnitTest tests[] = {cmocka_unit_test(kept), cmocka_unit_test(computed_again), cmocka_unit_test(steps)};
    const int n = cmocka_run_group_tests(tests, NULL, NULL);
    trit_device_close(device);
    return n;
}

#else

int main(void) {
    puts("skipped: malloc cannot be counted here");
    return 0;
}

#endif
