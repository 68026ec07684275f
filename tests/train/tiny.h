/* A model of a few hundred weights and a batch for it: two layers, two rows of tokens, the second of them two documents. */
#ifndef TRIT_TESTS_TRAIN_TINY_H
#define TRIT_TESTS_TRAIN_TINY_H

#include "base/rng.h"
#include "test.h"
#include "train/data.h"
#include "train/distill.h"
#include "train/train.h"
#include "trit/maps.h"
#include "trit/trit.h"

enum { tiny_rows = 2, tiny_seq = 6, tiny_tokens = tiny_rows * tiny_seq, tiny_vocab = 11 };

static inline trit_synthetic tiny_shape(const char *arch) {
    return (trit_synthetic){.name = "tiny", .what = "tiny", .arch = arch, .n_layers = 2, .dim = 8, .ff_dim = 12, .n_heads = 2, .n_kv_heads = 1,
                            .head_dim = 4, .vocab_size = tiny_vocab, .context_length = 16, .norm_eps = 1e-5f, .rope_theta = 100, .tied = true};
}

/* Larger and rounder than a new model's: every part counts, norms too. */
static inline void tiny_spread(trit_params *p) {
    for (size_t i = 0; i < p->n; i++) {
        trit_tensor *m = p->at[i]->master;
        const size_t bytes = trit_dtype_bytes(p->dtype);
        for (int64_t e = 0; e < trit_tensor_n_elements(m); e++) {
            char *at = (char *)trit_tensor_data(m) + (size_t)e * bytes;
            const double noise = trit_rng_unit(i + 1, (uint64_t)e) - 0.5;
            trit_element_set(p->dtype, at, trit_tensor_n_dims(m) == 2 ? 1.5 * noise : trit_element_get(p->dtype, at) + noise);
        }
    }
}

static inline const trit_train_batch *tiny_batch(void) {
    static int32_t token[tiny_tokens] = {1, 4, 2, 9, 3, 3, 10, 0, 5, 7, 4, 6}, target[tiny_tokens] = {4, 2, 9, 3, 3, 8, 0, -1, 7, 4, 6, -1};
    static uint32_t position[tiny_tokens] = {0, 1, 2, 3, 4, 5, 0, 1, 0, 1, 2, 3};
    static int64_t first[tiny_tokens] = {0, 0, 0, 0, 0, 0, 6, 6, 8, 8, 8, 8};
    static trit_train_batch batch = {.n_rows = tiny_rows, .seq_len = tiny_seq, .n_targets = 10, .token = token, .target = target,
                                     .position = position, .first = first};
    return &batch;
}

/* The loss of the batch; recorded where the tape is not paused. */
static inline trit_tensor *tiny_loss(trit_forward *f, const trit_train_batch *b, double divisor, trit_error *e) {
    trit_error err = {0};
    trit_tensor *hidden = NULL, *weight = NULL, *loss = NULL;
    const trit_loss_opts o = {.target = b->target, .divisor = divisor};
    assert_ok(trit_forward_run(&hidden, f, b, &err));
    assert_ok(trit_forward_weight(&weight, f, trit_forward_head(f), &err));
    assert_ok(trit_head_loss(&loss, hidden, weight, &o, &err));
    trit_tensor_free(hidden);
    if (e) *e = err;
    return loss;
}

/* Queries, keys and values of a wider teacher: 12, 6 and 6 numbers a token. */
static inline trit_status tiny_teacher(trit_tensor *out[3], trit_device *device, trit_dtype dtype, trit_error *err) {
    static const int64_t width[] = {12, 6, 6};
    trit_status status = trit_ok;
    for (size_t i = 0; i < 3 && status == trit_ok; i++) {
        status = trit_tensor_new(&out[i], device, dtype, 2, (int64_t[]){tiny_tokens, width[i]}, err);
        for (int64_t e = 0; status == trit_ok && e < tiny_tokens * width[i]; e++)
            trit_element_set(dtype, (char *)trit_tensor_data(out[i]) + (size_t)e * trit_dtype_bytes(dtype), 2 * trit_rng_unit(100 + i, (uint64_t)e) - 1);
    }
    return status;
}

/* *loss of a run of f, and what such a teacher's attention adds to it. */
static inline trit_status tiny_add_attention(trit_tensor **loss, trit_forward *f, uint32_t n_heads, double weight, trit_error *err) {
    const trit_relation_opts o = {.rows = tiny_batch(), .n_heads = n_heads, .weight = weight, .divisor = 10};
    trit_tensor *own[3], *theirs[3] = {0}, *more = NULL, *both = NULL;
    trit_forward_take(f, own);
    trit_status status = tiny_teacher(theirs, own[0]->device, trit_tensor_dtype(own[0]), err);
    if (status == trit_ok) status = trit_relation_loss(&more, own, theirs, &o, err);
    if (status == trit_ok) status = trit_tensor_add(&both, *loss, more, err);
    for (size_t i = 0; i < 3; i++) {
        trit_tensor_free(own[i]);
        trit_tensor_free(theirs[i]);
    }
    trit_tensor_free(more);
    if (status != trit_ok) return status;
    trit_tensor_free(*loss);
    *loss = both;
    return status;
}

static inline double tiny_value(const trit_tensor *number) {
    return trit_element_get(trit_tensor_dtype(number), trit_tensor_data(number));
}

#endif
