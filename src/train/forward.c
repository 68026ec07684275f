/* The forward pass of training: a walk over the op list that the architecture wrote, with tensors for values, while a tape records.
 *
 * A layer's ops are one run of the list. What they read from before it and leave behind is found from the list too, so gradient
 * checkpointing needs no word from an architecture. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "train/data.h"
#include "train/forward_parts.h"

/* ---- What is known before the first run ---- */

static void find_last_uses(trit_forward *f) {
    const trit_program *p = f->program;
    for (size_t i = 0; i < p->n_ops; i++)
        for (size_t j = 0; j < 2; j++)
            if (p->ops[i].in[j] >= 0) f->last_use[p->ops[i].in[j]] = i;
    if (p->result >= 0) f->last_use[p->result] = p->n_ops;
}

static bool is_of_layer(const trit_forward *f, size_t op) {
    const trit_op *o = &f->program->ops[op];
    return o->layer < f->params->model->config.n_layers && o->kind != trit_op_embed && o->kind != trit_op_angles;
}

/* Tapped values are wanted to the end; `layer` counts from 1. */
static void tap(trit_forward *f, uint32_t layer) {
    const trit_program *p = f->program;
    for (size_t i = 0; i < 3; i++) f->tapped[i] = -1;
    for (size_t i = 0; i < p->n_ops; i++) {
        const trit_op *op = &p->ops[i];
        if (op->layer + 1 != layer) continue;
        if (op->kind == trit_op_attention) f->tapped[0] = op->in[0];
        if (op->kind == trit_op_kv_store) memcpy(&f->tapped[1], op->in, 2 * sizeof *op->in);
    }
    for (size_t i = 0; i < 3; i++)
        if (f->tapped[i] >= 0) f->last_use[f->tapped[i]] = p->n_ops;
}

/* The op that makes a value. */
static size_t maker_of(const trit_program *p, trit_value v) {
    size_t i = 0;
    while (p->ops[i].out != v) i++;
    return i;
}

static void find_border(trit_segment *s, trit_value *border) {
    const trit_program *p = s->f->program;
    s->in = border;
    for (trit_value v = 0; v < (trit_value)p->n_values; v++) {
        bool reads = false;
        for (size_t i = s->first; i < s->last; i++) reads |= p->ops[i].in[0] == v || p->ops[i].in[1] == v;
        if (reads && maker_of(p, v) < s->first) s->in[s->n_in++] = v;
    }
    s->out = s->in + s->n_in;
    for (size_t i = s->first; i < s->last; i++)
        if (p->ops[i].out >= 0 && s->f->last_use[p->ops[i].out] >= s->last) s->out[s->n_out++] = p->ops[i].out;
}

/* Each layer a segment, with room for its border; runs of other ops have none. */
static trit_status find_segments(trit_forward *f, trit_error *err) {
    const trit_program *p = f->program;
    f->border = trit_alloc(3 * p->n_ops, sizeof *f->border); /* of an op: two values from before, one left behind */
    f->segments = trit_alloc_zero(p->n_ops, sizeof *f->segments);
    if (!f->border || !f->segments) return trit_error_memory(err, p->n_ops * sizeof *f->segments, "the layers of a forward pass");
    for (size_t i = 0, last; i < p->n_ops; i = last) {
        last = i + 1;
        if (!is_of_layer(f, i)) continue;
        while (last < p->n_ops && is_of_layer(f, last) && p->ops[last].layer == p->ops[i].layer) last++;
        trit_segment *s = &f->segments[f->n_segments++];
        *s = (trit_segment){.f = f, .first = i, .last = last};
        find_border(s, s == f->segments ? f->border : s[-1].out + s[-1].n_out);
    }
    return trit_ok;
}

static trit_status find_params(trit_forward *f, trit_error *err) {
    for (size_t i = 0; i < f->program->n_ops; i++) {
        const trit_op *op = &f->program->ops[i];
        if (!op->weight) continue;
        f->weight[i] = trit_params_of(f->params, op->weight, false);
        f->bias[i] = trit_params_of(f->params, op->weight, true);
        if (!f->weight[i]) return trit_error_set(err, trit_unsupported, "training: op %s reads a weight that is no parameter", op->label);
    }
    return trit_ok;
}

trit_status trit_forward_new(trit_forward **out, const trit_forward_opts *o, trit_error *err) {
    trit_forward *f = trit_alloc_zero(1, sizeof *f);
    if (!f) return trit_error_memory(err, sizeof *f, "a forward pass");
    const trit_program *p = &o->params->model->embedder;
    *f = (trit_forward){.params = o->params, .program = p, .group = o->params->model->config.master_group, .checkpoints = o->checkpoints, .in_bf16 = o->in_bf16,
                         .lambda = 1};
    f->quantized = trit_alloc_zero(o->params->n, sizeof *f->quantized);
    f->weight = trit_alloc_zero(p->n_ops, sizeof *f->weight);
    f->bias = trit_alloc_zero(p->n_ops, sizeof *f->bias);
    f->last_use = trit_alloc_zero(p->n_values, sizeof *f->last_use);
    const bool ok = f->quantized && f->weight && f->bias && f->last_use;
    trit_status status = ok ? trit_tape_new(&f->tape, err) : trit_error_memory(err, p->n_ops * sizeof *f->weight, "a forward pass");
    if (status == trit_ok) status = find_params(f, err);
    if (status == trit_ok) find_last_uses(f);
    if (status == trit_ok) tap(f, o->tapped);
    if (status == trit_ok) status = find_segments(f, err);
    for (size_t i = 0; i < f->params->n && status == trit_ok; i++)
        if (!f->params->at[i]->is_frozen) status = trit_tape_watch(f->tape, f->params->at[i]->master, err);
    if (status == trit_ok)
        *out = f;
    else
        trit_forward_free(f);
    return status;
}

static void drop(trit_tensor **t) {
    trit_tensor_free(*t);
    *t = NULL;
}

static void drop_quantized(trit_forward *f) {
    for (size_t i = 0; f->quantized && i < f->params->n; i++) drop(&f->quantized[i]);
}

static void drop_run(trit_forward *f) {
    drop(&f->token);
    drop(&f->position);
    for (size_t i = 0; i < 2; i++) drop(&f->first[i]);
    for (size_t i = 0; i < 3; i++) drop(&f->taken[i]);
}

void trit_forward_free(trit_forward *f) {
    if (!f) return;
    trit_tape_free(f->tape);
    drop_quantized(f);
    drop_run(f);
    for (size_t i = 0; i < 2; i++) drop(&f->angles[i]);
    trit_free(f->quantized);
    trit_free(f->weight);
    trit_free(f->bias);
    trit_free(f->last_use);
    trit_free(f->border);
    trit_free(f->segments);
    trit_free(f);
}

trit_tape *trit_forward_tape(const trit_forward *f) {
    return f->tape;
}

trit_param *trit_forward_head(const trit_forward *f) {
    const trit_model *m = f->params->model;
    return trit_params_of(f->params, trit_has(&m->output) ? &m->output : &m->token_embd, false);
}

bool trit_param_is_inside(const trit_param *p) {
    return p->adapter && p->adapter->is_inside;
}

void trit_forward_changed(trit_forward *f) {
    for (size_t i = 0; i < f->params->n; i++)
        if (!f->params->at[i]->is_frozen || trit_param_is_inside(f->params->at[i])) drop(&f->quantized[i]);
}

void trit_forward_begin(trit_forward *f, double lambda) {
    if (f->lambda != lambda) drop_quantized(f);
    f->lambda = lambda;
}

/* ---- Inputs of a run ---- */

static trit_status list_of_i64(trit_tensor **out, const trit_forward *f, int64_t n, trit_error *err) {
    return trit_tensor_new(out, f->params->device, trit_dtype_i64, 1, &n, err);
}

/* Where a token's window begins: at `first`, or later. */
static void narrow(int64_t *first, int64_t n, int64_t window) {
    for (int64_t t = 0; t < n; t++)
        if (window && first[t] < t - window + 1) first[t] = t - window + 1;
}

static trit_status take_batch(trit_forward *f, const trit_train_batch *b, trit_error *err) {
    const int64_t n = (int64_t)b->n_rows * b->seq_len;
    drop_run(f);
    trit_status status = list_of_i64(&f->token, f, n, err);
    if (status == trit_ok) status = list_of_i64(&f->position, f, n, err);
    for (size_t i = 0; i < 2 && status == trit_ok; i++) status = list_of_i64(&f->first[i], f, n, err);
    if (status != trit_ok) return status;
    int64_t *token = trit_tensor_data(f->token), *position = trit_tensor_data(f->position);
    for (int64_t t = 0; t < n; t++) {
        token[t] = b->token[t];
        position[t] = b->position[t];
    }
    for (size_t i = 0; i < 2; i++) memcpy(trit_tensor_data(f->first[i]), b->first, (size_t)n * sizeof *b->first);
    narrow(trit_tensor_data(f->first[1]), n, f->params->model->config.window);
    return trit_ok;
}
/* ---- The walk ---- */

/* Keys and values of the layer are read after kv_store, by attention. */
static bool is_wanted(const trit_walk *w, trit_value v, size_t after) {
    return w->f->last_use[v] > after || w->value[v] == w->k || w->value[v] == w->v;
}

static trit_status run_ops(trit_walk *w, size_t first, size_t last) {
    const trit_program *p = w->f->program;
    trit_status status = trit_ok;
    for (size_t i = first; i < last && status == trit_ok; i++) {
        const trit_op *op = &p->ops[i];
        trit_tensor *made = NULL;
        status = trit_forward_compute(&made, w, i);
        if (op->out >= 0) w->value[op->out] = made;
        if (op->kind == trit_op_attention) w->k = w->v = NULL;
        for (trit_value v = 0; v < (trit_value)p->n_values; v++)
            if (w->value[v] && !is_wanted(w, v, i)) drop(&w->value[v]);
    }
    return status;
}

static trit_status walk_init(trit_walk *w, trit_forward *f, trit_error *err) {
    *w = (trit_walk){.f = f, .value = trit_alloc_zero(f->program->n_values, sizeof *w->value), .err = err};
    return w->value ? trit_ok : trit_error_memory(err, f->program->n_values * sizeof *w->value, "values of a forward pass");
}

static void walk_fini(trit_walk *w) {
    for (size_t i = 0; w->value && i < w->f->program->n_values; i++) trit_tensor_free(w->value[i]);
    trit_free(w->value);
}

/* A layer as a function of what it reads, for the tape to call again. */
static trit_status run_segment(void *user, trit_tensor *const *in, size_t n_in, trit_tensor **out, size_t n_out, trit_error *err) {
    const trit_segment *s = user;
    trit_walk w;
    trit_status status = walk_init(&w, s->f, err);
    for (size_t i = 0; i < n_in && status == trit_ok; i++) w.value[s->in[i]] = trit_tensor_retain(in[i]);
    if (status == trit_ok) status = run_ops(&w, s->first, s->last);
    for (size_t i = 0; i < n_out && status == trit_ok; i++) out[i] = trit_tensor_retain(w.value[s->out[i]]);
    walk_fini(&w);
    return status;
}

static trit_status checkpoint(trit_walk *w, trit_segment *s) {
    trit_tensor **io = trit_alloc_zero(s->n_in + s->n_out, sizeof(trit_tensor *)), **out = io + s->n_in;
    if (!io) return trit_error_memory(w->err, (s->n_in + s->n_out) * sizeof *io, "the border of a layer");
    for (size_t i = 0; i < s->n_in; i++) io[i] = w->value[s->in[i]];
    trit_status status = trit_tape_checkpoint(w->f->tape, run_segment, s, io, s->n_in, out, s->n_out, w->err);
    for (size_t i = 0; i < s->n_out && status == trit_ok; i++) w->value[s->out[i]] = out[i];
    for (size_t i = 0; i < s->n_in; i++)
        if (w->f->last_use[s->in[i]] < s->last) drop(&w->value[s->in[i]]);
    trit_free(io);
    return status;
}

static trit_status run_list(trit_walk *w) {
    trit_forward *f = w->f;
    trit_status status = trit_ok;
    size_t at = 0;
    for (size_t i = 0; i < f->n_segments && status == trit_ok && f->checkpoints; i++) {
        status = run_ops(w, at, f->segments[i].first);
        if (status == trit_ok) status = checkpoint(w, &f->segments[i]);
        at = f->segments[i].last;
    }
    return status == trit_ok ? run_ops(w, at, f->program->n_ops) : status;
}

trit_status trit_forward_run(trit_tensor **out, trit_forward *f, const trit_train_batch *batch, trit_error *err) {
    trit_walk w = {.f = f};
    trit_status status = take_batch(f, batch, err);
    if (status == trit_ok) status = walk_init(&w, f, err);
    if (status == trit_ok) status = run_list(&w);
    if (status == trit_ok) status = trit_forward_scale(out, f, w.value[f->program->result], (double)f->params->model->config.output_factor, err);
    for (size_t i = 0; i < 3 && status == trit_ok; i++)
        if (f->tapped[i] >= 0) f->taken[i] = trit_tensor_retain(w.value[f->tapped[i]]);
    walk_fini(&w);
    return status;
}

void trit_forward_take(trit_forward *f, trit_tensor *qkv[3]) {
    memcpy(qkv, f->taken, sizeof f->taken);
    memset(f->taken, 0, sizeof f->taken);
}
