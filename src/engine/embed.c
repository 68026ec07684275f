/* Embeddings: an engine whose outputs are hidden states, and the pooling of them. */
#include "trit/embed.h"

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

static trit_status finish(const trit_embedder *e, float *out, const text *t, trit_error *err) {
    float divisor = t->pooling == trit_pooling_mean ? (float)t->n_tokens : 1;
    double square = 0;
    for (uint32_t i = 0; i < e->dims; i++) {
        out[i] = t->pooled[i] / divisor;
        square += (double)out[i] * (double)out[i];
    }
    if (!isfinite(square)) return trit_error_set(err, trit_numeric, "the embedding is not finite: the weights are broken or overflow");
    if (!e->normalize) return trit_ok;
    double norm = sqrt(square) > 1e-12 ? sqrt(square) : 1e-12;
    for (uint32_t i = 0; i < e->dims; i++) out[i] = (float)((double)out[i] / norm);
    return trit_ok;
}

/* Runs what was submitted; keeps the first error, but goes on until the engine is idle. */
static trit_status run(trit_embedder *e, trit_error *err) {
    trit_status status = trit_ok;
    const trit_event *events;
    size_t n;
    while (!trit_engine_idle(e->engine)) {
        trit_status step = trit_engine_step(e->engine, &events, &n, status == trit_ok ? err : NULL);
        if (step != trit_ok) return step;
        for (size_t i = 0; i < n && status == trit_ok; i++)
            if (events[i].stop == trit_stop_error) status = trit_error_set(err, trit_numeric, "%s", events[i].error->message);
    }
    return status;
}

/* Up to n_together texts. Nothing is computed unless all of them may be: those before a refused one end as they began. */
static trit_status embed_group(trit_embedder *e, float *out, const trit_ids *texts, size_t n, trit_error *err) {
    trit_status status = trit_ok;
    for (size_t i = 0; i < n && status == trit_ok; i++) {
        e->running[i] = (text){.pooling = e->pooling, .pooled = e->pooled + i * e->width, .n_tokens = texts[i].n};
        trit_request q = {.prompt = texts[i].data, .n_prompt = texts[i].n, .prefill_only = true, .all_logits = e->pooling != trit_pooling_last,
                          .on_logits = take_state, .user = &e->running[i]};
        status = trit_engine_submit(e->engine, &q, &e->running[i].id, err);
    }
    for (size_t i = 0; i < n && status != trit_ok && e->running[i].id; i++) trit_engine_cancel(e->engine, e->running[i].id);
    trit_status ran = run(e, status == trit_ok ? err : NULL);
    if (status == trit_ok) status = ran;
    for (size_t i = 0; i < n && status == trit_ok; i++) status = finish(e, out + i * e->dims, &e->running[i], err);
    return status;
}

trit_status trit_embed(trit_embedder *e, float *out, const trit_ids *texts, size_t n, trit_error *err) {
    for (size_t i = 0; i < n; i += e->n_together) {
        size_t group = n - i < e->n_together ? n - i : e->n_together;
        trit_status status = embed_group(e, out + i * e->dims, texts + i, group, err);
        if (status != trit_ok) return status;
    }
    return trit_ok;
}
