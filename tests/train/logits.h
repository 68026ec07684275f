/* Logits of a short text: by the engine that opens what a trainer wrote, and by the trainer itself. */
#ifndef TRIT_TESTS_TRAIN_LOGITS_H
#define TRIT_TESTS_TRAIN_LOGITS_H

#include "test.h"
#include "train/trainer.h"
#include "trit/linalg.h"
#include "trit/trit.h"

enum { n_ids = 12, n_vocab = 28 };

static const int32_t logits_ids[n_ids] = {19, 7, 4, 26, 2, 0, 19, 26, 18, 0, 19, 27};

static inline void logits_collect(void *user, uint32_t position, const float *logits, uint32_t n) {
    assert_int_equal(n, n_vocab);
    memcpy((float *)user + (size_t)position * n_vocab, logits, n * sizeof *logits);
}

/* By the engine; `lora`: an adapter, or NULL. */
static inline void engine_logits(const char *ref, const char *lora, float *out) {
    trit_error err;
    trit_model *model;
    trit_engine *engine;
    const trit_event *events;
    size_t n_events;
    assert_ok(trit_model_open(&model, ref, &(trit_model_opts){.loras = &(trit_lora_opts){.path = lora}, .n_loras = lora != NULL}, &err));
    assert_ok(trit_engine_new(&engine, model, &(trit_engine_opts){.kv = trit_kv_f32}, &err));
    const trit_request q = {.prompt = logits_ids, .n_prompt = n_ids, .all_logits = true, .on_logits = logits_collect, .prefill_only = true, .user = out};
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    assert_ok(trit_engine_step(engine, &events, &n_events, &err));
    trit_engine_free(engine);
    trit_model_close(model);
}

/* By a trainer's forward pass. */
static inline void trainer_logits(trit_trainer *t, float *out) {
    trit_error err;
    int32_t token[n_ids], target[n_ids];
    uint32_t position[n_ids];
    int64_t first[n_ids] = {0};
    for (uint32_t i = 0; i < n_ids; i++) {
        token[i] = target[i] = logits_ids[i];
        position[i] = i;
    }
    const trit_train_batch batch = {.n_rows = 1, .seq_len = n_ids, .token = token, .target = target, .position = position, .first = first};
    trit_tensor *hidden = NULL, *turned = NULL, *logits = NULL;
    trit_tape_pause(trit_forward_tape(t->forward));
    trit_forward_begin(t->forward, 1);
    assert_ok(trit_forward_run(&hidden, t->forward, &batch, &err));
    assert_ok(trit_tensor_transpose(&turned, trit_forward_head(t->forward)->master, 0, 1, &err));
    assert_ok(trit_tensor_matmul(&logits, hidden, turned, &err));
    trit_tape_resume(trit_forward_tape(t->forward));
    memcpy(out, trit_tensor_data(logits), n_ids * n_vocab * sizeof *out);
    trit_tensor_free(hidden);
    trit_tensor_free(turned);
    trit_tensor_free(logits);
}

#endif
