/* Mean squared inputs of every projection over a text: the model runs, and what goes into each product is looked at on its way. The
 * engine stops at the final norm, whose output is the head's input, so that no logits are computed. */
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/engine.h"
#include "model/importance.h"
#include "model/model.h"

enum { default_tokens = 16384, default_window = 512 };

/* Sums of squares of the columns of the value that a slot holds now. */
typedef struct slot_sums {
    double *column; /* [cols] or NULL: no product reads the value */
    uint32_t cols;
} slot_sums;

typedef struct calibration {
    const trit_model *model;
    const trit_program *program;
    trit_engine *engine;
    slot_sums *slot;   /* [n_slots] */
    bool *feeds;       /* [n_values]: does a product read it, perhaps as int8? */
    double **weight;   /* [n_layers * trit_n_layer_tensors]: sums of what a projection read; NULL: it read nothing */
    double *head;      /* [dim] */
    uint64_t n_tokens;
    bool failed;       /* no memory */
} calibration;

static void find_feeds(calibration *c) {
    for (size_t i = c->program->n_ops; i-- > 0;) {
        const trit_op *op = &c->program->ops[i];
        if (op->kind == trit_op_linear) c->feeds[op->in[0]] = true;
        if (op->kind == trit_op_quantize && c->feeds[op->out]) c->feeds[op->in[0]] = true;
    }
}

static double *room(calibration *c, double **at, uint32_t n) {
    if (!*at) *at = trit_alloc_zero(n, sizeof **at);
    c->failed |= !*at;
    return *at;
}

static void sum_columns(calibration *c, const trit_value_desc *v, const uint8_t *rows, uint32_t n_rows) {
    slot_sums *s = &c->slot[v->slot];
    if (s->cols != v->cols) {
        trit_free(s->column);
        *s = (slot_sums){.cols = v->cols};
    }
    if (!room(c, &s->column, v->cols)) return;
    for (uint32_t i = 0; i < v->cols; i++) s->column[i] = 0;
    for (uint32_t r = 0; r < n_rows; r++) {
        const float *row = (const float *)(const void *)(rows + r * v->row_bytes);
        for (uint32_t i = 0; i < v->cols; i++) s->column[i] += (double)row[i] * (double)row[i];
    }
}

static void copy_columns(calibration *c, uint32_t to, uint32_t from) {
    const slot_sums *s = &c->slot[from];
    if (to == from || !s->column) return;
    if (c->slot[to].cols != s->cols) {
        trit_free(c->slot[to].column);
        c->slot[to] = (slot_sums){.cols = s->cols};
    }
    if (!room(c, &c->slot[to].column, s->cols)) return;
    for (uint32_t i = 0; i < s->cols; i++) c->slot[to].column[i] = s->column[i];
}

static void take_input(calibration *c, const trit_weight *w, const slot_sums *s) {
    const size_t i = ((uintptr_t)w - (uintptr_t)c->model->layers) / sizeof *w; /* huge for a weight that is none of the layers' */
    if (i >= (size_t)c->model->config.n_layers * trit_n_layer_tensors || !s->column || s->cols != w->n_cols) return;
    if (!room(c, &c->weight[i], w->n_cols)) return;
    for (uint32_t k = 0; k < w->n_cols; k++) c->weight[i][k] += s->column[k];
}

/* The device's trace: called by one thread, in the order of the list. */
static void look(void *user, const trit_op *op, const trit_value_desc *value, const void *rows, uint32_t n_rows) {
    calibration *c = user;
    const trit_value_desc *values = c->program->values;
    if (op->kind == trit_op_linear) take_input(c, op->weight, &c->slot[values[op->in[0]].slot]);
    if (!c->feeds[op->out]) return;
    if (op->kind == trit_op_quantize) copy_columns(c, value->slot, values[op->in[0]].slot);
    else sum_columns(c, value, rows, n_rows);
}

static void take_head(void *user, uint32_t position, const float *state, uint32_t n) {
    calibration *c = user;
    (void)position;
    for (uint32_t i = 0; i < n; i++) c->head[i] += (double)state[i] * (double)state[i];
}

static void fini(calibration *c) {
    trit_engine_free(c->engine);
    for (size_t i = 0; c->slot && i < c->program->n_slots; i++) trit_free(c->slot[i].column);
    for (size_t i = 0; c->weight && i < (size_t)c->model->config.n_layers * trit_n_layer_tensors; i++) trit_free(c->weight[i]);
    trit_free(c->slot);
    trit_free(c->feeds);
    trit_free(c->weight);
    trit_free(c->head);
}

static trit_status init(calibration *c, const trit_model *m, uint32_t window, trit_error *err) {
    *c = (calibration){.model = m};
    const trit_status status = trit_engine_new(&c->engine, m, &(trit_engine_opts){.context = window, .embeddings = true, .no_prefix_cache = true}, err);
    if (status != trit_ok) return status;
    c->program = trit_engine_program(c->engine);
    c->slot = trit_alloc_zero(c->program->n_slots, sizeof *c->slot);
    c->feeds = trit_alloc_zero(c->program->n_values, sizeof *c->feeds);
    c->weight = trit_alloc_zero((size_t)m->config.n_layers * trit_n_layer_tensors, sizeof *c->weight);
    c->head = trit_alloc_zero(m->config.dim, sizeof *c->head);
    if (!c->slot || !c->feeds || !c->weight || !c->head) return trit_error_memory(err, c->program->n_values, "calibration");
    find_feeds(c);
    trit_engine_trace(c->engine, look, c);
    return trit_ok;
}

static trit_status run_window(calibration *c, const int32_t *ids, size_t n, trit_error *err) {
    const trit_event *events;
    size_t n_events;
    const trit_request q = {.prompt = ids, .n_prompt = n, .prefill_only = true, .all_logits = true, .on_logits = take_head, .user = c};
    trit_status status = trit_engine_submit(c->engine, &q, NULL, err);
    while (status == trit_ok && !trit_engine_idle(c->engine)) {
        status = trit_engine_step(c->engine, &events, &n_events, err);
        for (size_t i = 0; i < n_events && status == trit_ok; i++)
            if (events[i].stop == trit_stop_error) status = trit_error_set(err, trit_numeric, "%s", events[i].error->message);
    }
    c->n_tokens += n;
    return c->failed && status == trit_ok ? trit_error_memory(err, 0, "calibration") : status;
}

/* ---- The result ---- */

static trit_status put(trit_importance *out, const calibration *c, const char *name, const double *sums, uint32_t n, trit_error *err) {
    float *mean = trit_importance_add(out, name, n);
    if (!mean) return trit_error_memory(err, n * sizeof *mean, "the importance of columns");
    for (uint32_t i = 0; i < n; i++) {
        mean[i] = (float)(sums[i] / (double)c->n_tokens);
        if (!isfinite(mean[i])) return trit_error_set(err, trit_numeric, "%s: an input of the model is not finite", name);
    }
    return trit_ok;
}

static trit_status collect(trit_importance *out, const calibration *c, trit_error *err) {
    char name[48];
    const uint32_t dim = c->model->config.dim;
    trit_status status = put(out, c, trit_end_names[trit_model_is_tied(c->model) ? trit_end_embd : trit_end_head][0], c->head, dim, err);
    for (size_t i = 0; i < (size_t)c->model->config.n_layers * trit_n_layer_tensors && status == trit_ok; i++) {
        const trit_weight *w = (const trit_weight *)c->model->layers + i;
        snprintf(name, sizeof name, "blk.%zu.%s.weight", i / trit_n_layer_tensors, trit_layer_name(i % trit_n_layer_tensors));
        if (c->weight[i]) status = put(out, c, name, c->weight[i], w->n_cols, err);
    }
    out->n_tokens = c->n_tokens;
    return status;
}

static trit_status run_text(calibration *c, const trit_ids *ids, uint32_t window, const trit_calibrate_opts *o, trit_error *err) {
    const size_t most = o->max_tokens ? o->max_tokens : default_tokens, n = ids->n < most ? ids->n : most;
    trit_status status = trit_ok;
    for (size_t at = 0; at < n && status == trit_ok; at += window) {
        status = run_window(c, ids->data + at, n - at < window ? n - at : window, err);
        const size_t done = n - at < window ? n : at + window;
        if (status == trit_ok && o->progress && !o->progress(o->user, done, n))
            status = trit_error_set(err, trit_cancelled, "interrupted while calibrating");
    }
    return status;
}

trit_status trit_calibrate(trit_importance **out, const trit_model *model, const char *text, size_t n, const trit_calibrate_opts *opts,
                           trit_error *err) {
    static const trit_calibrate_opts defaults = {0};
    const trit_calibrate_opts *o = opts ? opts : &defaults;
    const uint32_t context = model->config.context_length, asked = o->window ? o->window : default_window, window = asked < context ? asked : context;
    if (!model->tokenizer) return trit_error_set(err, trit_unsupported, "the model has no tokenizer to read a text with");
    if (!n) return trit_error_set(err, trit_arg, "a text to calibrate with: it is empty");
    calibration c = {.model = model};
    trit_ids ids = {0};
    trit_importance *made = trit_alloc_zero(1, sizeof *made);
    trit_status status = made ? trit_tokenizer_encode(model->tokenizer, &ids, text, n, NULL, err) : trit_error_memory(err, sizeof *made, "calibration");
    if (status == trit_ok && !ids.n) status = trit_error_set(err, trit_arg, "a text to calibrate with: it has no tokens");
    if (status == trit_ok) status = init(&c, model, window, err);
    if (status == trit_ok) status = run_text(&c, &ids, window, o, err);
    if (status == trit_ok) status = collect(made, &c, err);
    fini(&c);
    trit_ids_fini(&ids);
    if (status == trit_ok) *out = made;
    else trit_importance_free(made);
    return status;
}
