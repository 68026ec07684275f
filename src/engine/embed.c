/* Embeddings: an engine whose outputs are hidden states, and the pooling of them. */
#include "trit/embed.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/model.h"
#include "trit/engine.h"

enum { default_sequences = 8, default_context = 8192 };

/* One text on its way. */
typedef struct text {
    uint64_t id; /* of its request */
    trit_pooling pooling;
    float *pooled; /* [width] */
    size_t n_tokens;
} text;

struct trit_embedder {
    trit_engine *engine;
    trit_pooling pooling;
    bool normalize;
    uint32_t width, dims; /* of the model, of a vector */
    uint32_t n_together;
    float *pooled;        /* [n_together, width] */
    text *running;        /* [n_together] */
    size_t n_running;
    trit_error failed;    /* the first of theirs */
};

static const char *const names[] = {
    [trit_pooling_default] = "", [trit_pooling_mean] = "mean", [trit_pooling_cls] = "cls", [trit_pooling_last] = "last"};

const char *trit_pooling_name(trit_pooling pooling) {
    return names[pooling];
}

bool trit_pooling_find(trit_pooling *out, const char *name) {
    for (size_t i = trit_pooling_mean; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (trit_pooling)i;
            return true;
        }
    return false;
}

static trit_status settle(trit_embedder *e, const trit_model *model, const trit_embed_opts *o, trit_error *err) {
    const trit_config *c = &model->config;
    e->width = c->dim;
    e->dims = o->dims ? o->dims : c->dim;
    if (e->dims > c->dim) return trit_error_set(err, trit_arg, "dims: %u is beyond the model's %u", e->dims, c->dim);
    e->pooling = o->pooling ? o->pooling : c->pooling ? c->pooling : trit_pooling_last;
    e->normalize = !o->no_normalize;
    e->n_together = o->max_sequences ? o->max_sequences : default_sequences;
    e->pooled = trit_alloc(e->n_together, (size_t)e->width * sizeof *e->pooled);
    e->running = trit_alloc(e->n_together, sizeof *e->running);
    if (!e->pooled || !e->running) return trit_error_memory(err, (size_t)e->width * sizeof *e->pooled, "the embeddings");
    uint32_t context = c->context_length < default_context ? c->context_length : default_context;
    trit_engine_opts eo = {.max_sequences = e->n_together, .context = o->context ? o->context : context, .chunk = o->chunk,
                           .kv = o->kv, .embeddings = true, .no_prefix_cache = e->pooling != trit_pooling_last};
    eo.cache_tokens = eo.context; /* texts are short mostly: long ones wait for each other */
    return trit_engine_new(&e->engine, model, &eo, err);
}

trit_status trit_embedder_new(trit_embedder **out, const trit_model *model, const trit_embed_opts *opts, trit_error *err) {
    static const trit_embed_opts defaults = {0};
    trit_embedder *e = trit_alloc_zero(1, sizeof *e);
    if (!e) return trit_error_memory(err, sizeof *e, "the embedder");
    trit_status status = settle(e, model, opts ? opts : &defaults, err);
    if (status != trit_ok) {
        trit_embedder_free(e);
        return status;
    }
    *out = e;
    return trit_ok;
}

void trit_embedder_free(trit_embedder *e) {
    if (!e) return;
    trit_engine_free(e->engine);
    trit_free(e->pooled);
    trit_free(e->running);
    trit_free(e);
}

uint32_t trit_embedder_dims(const trit_embedder *e) {
    return e->dims;
}

trit_pooling trit_embedder_pooling(const trit_embedder *e) {
    return e->pooling;
}

/* Positions come in rising order, so that sums have one order too. */
static void take_state(void *user, uint32_t position, const float *state, uint32_t n) {
    text *t = user;
    if (t->pooling == trit_pooling_mean && position > 0)
        for (uint32_t i = 0; i < n; i++) t->pooled[i] += state[i];
    else if (t->pooling == trit_pooling_last || position == 0)
        memcpy(t->pooled, state, n * sizeof *state);
}

trit_status trit_embed_begin(trit_embedder *e, const trit_ids *texts, size_t n, trit_error *err) {
    trit_status status = trit_ok;
    assert(trit_engine_idle(e->engine));
    if (n > e->n_together) return trit_error_set(err, trit_arg, "%zu texts together, at most %u", n, e->n_together);
    e->failed = (trit_error){0};
    for (e->n_running = 0; e->n_running < n && status == trit_ok; e->n_running += status == trit_ok) {
        const size_t i = e->n_running;
        e->running[i] = (text){.pooling = e->pooling, .pooled = e->pooled + i * e->width, .n_tokens = texts[i].n};
        const trit_request q = {.prompt = texts[i].data, .n_prompt = texts[i].n, .prefill_only = true, .all_logits = e->pooling != trit_pooling_last,
                                .on_logits = take_state, .user = &e->running[i]};
        status = trit_engine_submit(e->engine, &q, &e->running[i].id, err);
    }
    if (status == trit_ok) return status;
    bool over = false;
    for (size_t i = 0; i < e->n_running; i++) trit_engine_cancel(e->engine, e->running[i].id);
    while (!over && trit_embed_step(e, &over, NULL) == trit_ok) {} /* they end as they began */
    return status;
}

trit_status trit_embed_step(trit_embedder *e, bool *over, trit_error *err) {
    const trit_event *events;
    size_t n;
    trit_status status = trit_engine_step(e->engine, &events, &n, err);
    if (status != trit_ok) return status;
    for (size_t i = 0; i < n; i++)
        if (events[i].stop == trit_stop_error && e->failed.status == trit_ok)
            (void)trit_error_set(&e->failed, trit_numeric, "%s", events[i].error->message);
    *over = trit_engine_idle(e->engine);
    if (!*over || e->failed.status == trit_ok) return trit_ok;
    if (err) *err = e->failed;
    return e->failed.status;
}

trit_status trit_embed_take(const trit_embedder *e, float *out, size_t i, uint32_t dims, trit_error *err) {
    const text *t = &e->running[i];
    const float divisor = t->pooling == trit_pooling_mean ? (float)t->n_tokens : 1;
    double square = 0;
    if (!dims) dims = e->dims;
    if (dims > e->width) return trit_error_set(err, trit_arg, "dims: %u is beyond the model's %u", dims, e->width);
    for (uint32_t k = 0; k < dims; k++) {
        out[k] = t->pooled[k] / divisor;
        square += (double)out[k] * (double)out[k];
    }
    if (!isfinite(square)) return trit_error_set(err, trit_numeric, "the embedding is not finite: the weights are broken or overflow");
    if (!e->normalize) return trit_ok;
    const double norm = sqrt(square) > 1e-12 ? sqrt(square) : 1e-12;
    for (uint32_t k = 0; k < dims; k++) out[k] = (float)((double)out[k] / norm);
    return trit_ok;
}

trit_status trit_embed(trit_embedder *e, float *out, const trit_ids *texts, size_t n, trit_error *err) {
    for (size_t i = 0; i < n; i += e->n_together) {
        const size_t group = n - i < e->n_together ? n - i : e->n_together;
        trit_status status = trit_embed_begin(e, texts + i, group, err);
        for (bool over = false; status == trit_ok && !over;) status = trit_embed_step(e, &over, err);
        for (size_t k = 0; k < group && status == trit_ok; k++) status = trit_embed_take(e, out + (i + k) * e->dims, k, 0, err);
        if (status != trit_ok) return status;
    }
    return trit_ok;
}
