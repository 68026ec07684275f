#include "train/distill.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/data.h"
#include "trit/linalg.h"
#include "trit/maps.h"
#include "trit/reduce.h"

struct trit_teacher {
    trit_params *params;
    trit_forward *forward;
    trit_tensor *head;   /* [dim, vocab], a view */
    trit_tensor *hidden; /* [T, dim] of the rows that it looked at; NULL: none yet */
    trit_tensor *qkv[3]; /* of the same rows: its layer's queries, keys and values; NULL: attention is not learnt */
    double temperature, share, attention;
    bool in_bf16;
    uint32_t n_heads;    /* of relations */
};

/* ---- The model ---- */

static trit_status check_tokens(const trit_tokenizer *mine, const trit_tokenizer *theirs, const char *ref, trit_error *err) {
    const uint32_t n = trit_tokenizer_size(mine) < trit_tokenizer_size(theirs) ? trit_tokenizer_size(mine) : trit_tokenizer_size(theirs);
    for (uint32_t i = 0; i < n; i++) {
        size_t n_mine, n_theirs;
        const char *a = trit_tokenizer_piece(mine, (int32_t)i, &n_mine), *b = trit_tokenizer_piece(theirs, (int32_t)i, &n_theirs);
        if (n_mine != n_theirs || memcmp(a, b, n_mine) != 0)
            return trit_error_set(err, trit_arg, "teacher %.200s: its token %u is \"%.*s\", but the student's is \"%.*s\"", ref, i,
                                  (int)(n_theirs < 60 ? n_theirs : 60), b, (int)(n_mine < 60 ? n_mine : 60), a);
    }
    return trit_ok;
}

/* It computes as the engine has it: masters are quantized, all else stays what the file has, activations too. */
static trit_status open_params(trit_teacher *t, trit_device *device, const trit_teacher_opts *o, trit_error *err) {
    trit_model *m = NULL;
    trit_status status = trit_model_open(&m, o->ref, &(trit_model_opts){.device = device, .no_weights = true}, err);
    if (status != trit_ok) return status;
    const trit_tokenizer *theirs = trit_model_tokenizer(m);
    if (o->student->vocab_size != m->config.vocab_size)
        status = trit_error_set(err, trit_arg, "teacher %.200s: %u tokens, but the student has %u", o->ref, m->config.vocab_size, o->student->vocab_size);
    else if (o->context > m->config.context_length)
        status = trit_error_set(err, trit_arg, "teacher %.200s: a context of %u tokens, but the student's documents have up to %u", o->ref,
                                m->config.context_length, o->context);
    if (status == trit_ok && o->tokenizer && theirs) status = check_tokens(o->tokenizer, theirs, o->ref, err);
    trit_model_close(m);
    const trit_params_opts opts = {.base = o->ref, .is_frozen = true, .dtype = trit_dtype_f32};
    return status == trit_ok ? trit_params_new(&t->params, device, &opts, err) : status;
}

static uint32_t common_divisor(uint32_t a, uint32_t b) {
    return b ? common_divisor(b, a % b) : a;
}

/* Heads of keys divide into relation heads without remainder, and so do those of queries, which are so many times more. */
static trit_status settle_heads(trit_teacher *t, const trit_teacher_opts *o, trit_error *err) {
    const trit_config *models[] = {o->student, &t->params->model->config};
    t->n_heads = o->n_heads ? o->n_heads : common_divisor(models[0]->n_kv_heads, models[1]->n_kv_heads);
    for (size_t i = 0; i < 2; i++) {
        const uint32_t width = models[i]->n_kv_heads * models[i]->head_dim;
        if (width % t->n_heads)
            return trit_error_set(err, trit_arg, "distill_heads: %u do not divide the width of the %s's keys, %u", t->n_heads, i ? "teacher" : "student",
                                  width);
    }
    return trit_ok;
}

/* As deep in the teacher as layer `layer` is in the student, both counted from 1. */
static uint32_t layer_of(const trit_teacher *t, const trit_teacher_opts *o) {
    const uint64_t n = o->student->n_layers;
    return (uint32_t)(((uint64_t)o->layer * t->params->model->config.n_layers + n - 1) / n);
}

static trit_status open_teacher(trit_teacher *t, trit_device *device, const trit_teacher_opts *o, trit_error *err) {
    trit_status status = open_params(t, device, o, err);
    if (status == trit_ok && o->attention > 0) status = settle_heads(t, o, err);
    if (status != trit_ok) return status;
    const trit_forward_opts opts = {.params = t->params, .in_bf16 = o->in_bf16, .tapped = o->attention > 0 ? layer_of(t, o) : 0};
    status = trit_forward_new(&t->forward, &opts, err);
    if (status != trit_ok) return status;
    trit_tape_pause(trit_forward_tape(t->forward));
    return trit_tensor_transpose(&t->head, trit_forward_head(t->forward)->master, 0, 1, err);
}

trit_status trit_teacher_new(trit_teacher **out, trit_device *device, const trit_teacher_opts *o, trit_error *err) {
    trit_teacher *t = trit_alloc_zero(1, sizeof *t);
    if (!t) return trit_error_memory(err, sizeof *t, "a teacher");
    t->temperature = o->temperature;
    t->share = o->share;
    t->in_bf16 = o->in_bf16;
    t->attention = o->attention;
    trit_status status = open_teacher(t, device, o, err);
    if (status == trit_ok)
        *out = t;
    else
        trit_teacher_free(t);
    return status;
}

/* What it thought of the rows before. */
static void forget(trit_teacher *t) {
    trit_tensor_free(t->hidden);
    t->hidden = NULL;
    for (size_t i = 0; i < 3; i++) trit_tensor_free(t->qkv[i]);
    memset(t->qkv, 0, sizeof t->qkv);
}

void trit_teacher_free(trit_teacher *t) {
    if (!t) return;
    forget(t);
    trit_tensor_free(t->head);
    trit_forward_free(t->forward);
    trit_params_free(t->params);
    trit_free(t);
}

trit_status trit_teacher_look(trit_teacher *t, const trit_train_batch *rows, trit_error *err) {
    forget(t);
    const trit_status status = trit_forward_run(&t->hidden, t->forward, rows, err);
    trit_forward_take(t->forward, t->qkv);
    return status;
}

/* ---- The loss ---- */

static trit_status scale(trit_tensor *x, double factor, trit_error *err) {
    trit_tensor *by = NULL;
    if (factor == 1) return trit_ok;
    trit_status status = trit_tensor_full(&by, x->device, x->view.dtype, 0, NULL, factor, err);
    if (status == trit_ok) status = trit_tensor_mul(&x, x, by, err);
    trit_tensor_free(by);
    return status;
}

/* What the teacher thinks of tokens first ... first + n - 1: log p. */
static trit_status log_p_of(trit_tensor **out, const trit_teacher *t, int64_t first, int64_t n, trit_error *err) {
    const trit_slice range = {.kind = trit_slice_range, .first = first, .last = first + n, .has_first = true, .has_last = true};
    trit_tensor *rows = NULL, *logits = NULL;
    trit_status status = trit_tensor_slice(&rows, t->hidden, 1, &range, err);
    if (status == trit_ok) status = trit_train_matmul(&logits, rows, t->head, t->in_bf16, err);
    if (status == trit_ok) status = scale(logits, 1 / t->temperature, err);
    if (status == trit_ok) status = trit_tensor_log_softmax(&logits, logits, 1, err);
    trit_tensor_free(rows);
    if (status == trit_ok) *out = logits;
    else trit_tensor_free(logits);
    return status;
}

/* Sums of rows whose token counts. */
static double sum_counted(const trit_tensor *sums, const int32_t *target) {
    const bool is_f32 = sums->view.dtype == trit_dtype_f32;
    const void *x = trit_tensor_data((trit_tensor *)sums);
    double sum = 0;
    for (int64_t i = 0; i < sums->view.shape[0]; i++)
        if (target[i] >= 0) sum += is_f32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
    return sum;
}

/* z, the student's logits, becomes share T (p_student - p_teacher); *sum += share T^2 KL. */
static trit_status learn(const trit_teacher *t, trit_tensor *z, int64_t first, const int32_t *target, double *sum, trit_error *err) {
    trit_tensor *theirs = NULL, *p = NULL, *kl = NULL;
    trit_status status = log_p_of(&theirs, t, first, z->view.shape[0], err);
    if (status == trit_ok) status = trit_tensor_exp(&p, theirs, err);
    if (status == trit_ok) status = scale(z, 1 / t->temperature, err);
    if (status == trit_ok) status = trit_tensor_log_softmax(&z, z, 1, err);
    if (status == trit_ok) status = trit_tensor_sub(&theirs, theirs, z, err);
    if (status == trit_ok) status = trit_tensor_mul(&theirs, theirs, p, err);
    if (status == trit_ok) status = trit_tensor_sum(&kl, theirs, 1, (const int32_t[]){1}, false, err);
    if (status == trit_ok) *sum += t->share * t->temperature * t->temperature * sum_counted(kl, target);
    if (status == trit_ok) status = trit_tensor_exp(&z, z, err);
    if (status == trit_ok) status = trit_tensor_sub(&z, z, p, err);
    if (status == trit_ok) status = scale(z, t->share * t->temperature, err);
    trit_tensor_free(theirs);
    trit_tensor_free(p);
    trit_tensor_free(kl);
    return status;
}

static void clear_uncounted(trit_tensor *g, const int32_t *target) {
    const size_t row = (size_t)g->view.shape[1] * trit_dtype_bytes(g->view.dtype);
    for (int64_t i = 0; i < g->view.shape[0]; i++)
        if (target[i] < 0) memset((char *)g->view.data + (size_t)i * row, 0, row);
}

trit_status trit_teacher_block(void *user, trit_tensor *logits, int64_t first, const int32_t *target, double *sum, trit_error *err) {
    const trit_teacher *t = user;
    trit_tensor *own = NULL;
    double own_sum = 0;
    trit_status status = t->share < 1 ? trit_tensor_copy(&own, logits, err) : trit_ok;
    if (status == trit_ok && own) status = trit_cross_entropy(own, target, true, &own_sum, err);
    if (status == trit_ok && own) status = scale(own, 1 - t->share, err);
    *sum = (1 - t->share) * own_sum;
    if (status == trit_ok) status = learn(t, logits, first, target, sum, err);
    if (status == trit_ok) clear_uncounted(logits, target);
    if (status == trit_ok && own) status = trit_tensor_add(&logits, logits, own, err);
    trit_tensor_free(own);
    return status;
}

trit_status trit_teacher_attention(trit_tensor **out, const trit_teacher *t, trit_tensor *const own[3], const trit_train_batch *rows, double divisor,
                                   double *sum, trit_error *err) {
    *out = NULL;
    if (!(t->attention > 0)) return trit_ok;
    const trit_relation_opts o = {.rows = rows, .n_heads = t->n_heads, .weight = t->attention, .divisor = divisor, .sum = sum};
    return trit_relation_loss(out, own, t->qkv, &o, err);
}
