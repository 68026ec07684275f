/* What a step needs of memory at its highest, by the counters of the device's pool: logits exist for a block of tokens at a time, and gradient
 * checkpointing keeps less of the layers. */
#include "tiny.h"

enum { seq_len = 64 };

static trit_error err;

/* Rows of one document each, every token a target. */
static trit_train_batch new_batch(uint32_t n_rows, uint32_t n_vocab) {
    const size_t n = (size_t)n_rows * seq_len;
    trit_train_batch b = {.n_rows = n_rows, .seq_len = seq_len, .n_targets = n, .token = calloc(n, sizeof *b.token), .target = calloc(n, sizeof *b.target),
                          .position = calloc(n, sizeof *b.position), .first = calloc(n, sizeof *b.first)};
    assert_true(b.token && b.target && b.position && b.first);
    for (size_t i = 0; i < n; i++) {
        b.token[i] = (int32_t)(trit_rng_u64(1, i) % n_vocab);
        b.target[i] = (int32_t)(trit_rng_u64(2, i) % n_vocab);
        b.position[i] = (uint32_t)(i % seq_len);
        b.first[i] = (int64_t)(i - i % seq_len);
    }
    return b;
}

static void free_batch(trit_train_batch *b) {
    free(b->token);
    free(b->target);
    free(b->position);
    free(b->first);
}

/* A pass forward and back on a device of its own, since a peak is that of a device's life. */
static uint64_t peak_of(const trit_synthetic *shape, uint32_t n_rows, bool checkpoints) {
    trit_device *device;
    trit_params *p;
    trit_forward *f;
    trit_pool_metrics m;
    trit_train_batch b = new_batch(n_rows, shape->vocab_size);
    assert_ok(trit_device_open(&device, NULL, &(trit_device_opts){.n_threads = 1}, &err));
    assert_ok(trit_params_new(&p, device, &(trit_params_opts){.shape = shape, .dtype = trit_dtype_f32, .seed = 1}, &err));
    assert_ok(trit_forward_new(&f, &(trit_forward_opts){.params = p, .checkpoints = checkpoints}, &err));
    trit_forward_begin(f, 1);
    trit_tensor *loss = tiny_loss(f, &b, (double)b.n_targets, NULL);
    assert_ok(trit_tape_backward(trit_forward_tape(f), loss, NULL, &err));
    assert_non_null(trit_tape_gradient(trit_forward_tape(f), trit_forward_head(f)->master));
    trit_pool_measure(trit_device_pool(device), &m);
    trit_tensor_free(loss);
    trit_forward_free(f);
    trit_params_free(p);
    trit_device_close(device);
    free_batch(&b);
    return m.peak_committed;
}

/* Many tokens, many words, hardly any model: nearly all would be logits. */
static void logits_are_never_whole(void **state) {
    (void)state;
    enum { n_rows = 64, n_vocab = 8192 };
    trit_synthetic shape = tiny_shape("bitnet");
    shape.n_layers = 1;
    shape.vocab_size = n_vocab;
    shape.context_length = seq_len;
    const uint64_t whole = (uint64_t)n_rows * seq_len * n_vocab * sizeof(float), peak = peak_of(&shape, n_rows, false);
    if (!(peak < whole / 4)) fail_msg("%llu bytes, and all logits together would be %llu", (unsigned long long)peak, (unsigned long long)whole);
}

/* Many layers, few words: nearly all is what layers keep for the way back. */
static void checkpoints_need_less(void **state) {
    (void)state;
    trit_synthetic shape = {.name = "deep", .what = "deep", .arch = "bitnet", .n_layers = 12, .dim = 64, .ff_dim = 128, .n_heads = 2, .n_kv_heads = 1,
                            .head_dim = 32, .vocab_size = tiny_vocab, .context_length = seq_len, .norm_eps = 1e-5f, .rope_theta = 100, .tied = true};
    const uint64_t kept = peak_of(&shape, 32, false), again = peak_of(&shape, 32, true);
    if (!(again < kept / 2)) fail_msg("%llu bytes with checkpoints, %llu without", (unsigned long long)again, (unsigned long long)kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(logits_are_never_whole), cmocka_unit_test(checkpoints_need_less)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
