/* What the ops of a list make of tensors in training, and the weights that they read: quantized masters, with what adapters add. */
#include "base/error.h"
#include "base/math.h"
#include "train/forward_parts.h"
#include "trit/index.h"
#include "trit/linalg.h"
#include "trit/maps.h"
#include "trit/nn.h"

/* ---- Weights ---- */

static int64_t group_of(const trit_forward *f, const trit_param *p) {
    return f->group == 1 ? trit_tensor_shape(p->master)[1] : f->group;
}

static trit_status number(trit_tensor **out, const trit_forward *f, double x, trit_error *err) {
    return trit_tensor_full(out, f->params->device, f->params->dtype, 0, NULL, x, err);
}

trit_status trit_forward_scale(trit_tensor **out, const trit_forward *f, const trit_tensor *x, double factor, trit_error *err) {
    trit_tensor *by = NULL;
    if (factor == 1) {
        *out = trit_tensor_retain((trit_tensor *)x);
        return trit_ok;
    }
    trit_status status = number(&by, f, factor, err);
    if (status == trit_ok) status = trit_tensor_mul(out, x, by, err);
    trit_tensor_free(by);
    return status;
}

/* The master and what its adapter adds to it, recorded unless the tape is paused. The caller frees. */
static trit_status adapted(trit_tensor **out, const trit_forward *f, const trit_param *p, trit_error *err) {
    const trit_adapter *x = p->adapter;
    trit_tensor *product = NULL, *more = NULL;
    if (!trit_param_is_inside(p)) {
        *out = trit_tensor_retain(p->master);
        return trit_ok;
    }
    trit_status status = trit_tensor_matmul(&product, x->b->master, x->a->master, err);
    if (status == trit_ok) status = trit_forward_scale(&more, f, product, x->scale, err);
    if (status == trit_ok) status = trit_tensor_add(out, p->master, more, err);
    trit_tensor_free(product);
    trit_tensor_free(more);
    return status;
}

/* A weight as the forward pass sees it, unrecorded: the walk gives its gradient to what it was made of. */
static trit_status quantize(trit_tensor **out, const trit_forward *f, const trit_param *p, double lambda, trit_error *err) {
    trit_tensor *w = NULL;
    trit_tape_pause(f->tape);
    trit_status status = adapted(&w, f, p, err);
    if (status == trit_ok && (!p->is_ternary || p->is_finished || lambda == 0)) *out = trit_tensor_retain(w);
    else if (status == trit_ok) status = trit_tensor_absmean_ternary(out, w, group_of(f, p), lambda, err);
    trit_tape_resume(f->tape);
    trit_tensor_free(w);
    return status;
}

trit_status trit_forward_weight(trit_tensor **out, trit_forward *f, trit_param *p, trit_error *err) {
    *out = p->master;
    if ((!p->is_ternary || p->is_finished || f->lambda == 0) && !trit_param_is_inside(p)) return trit_ok;
    size_t i = 0;
    while (f->params->at[i] != p) i++;
    trit_status status = f->quantized[i] ? trit_ok : quantize(&f->quantized[i], f, p, f->lambda, err);
    *out = f->quantized[i];
    return status;
}

trit_status trit_forward_trits(trit_tensor **out, trit_forward *f, trit_param *p, trit_error *err) {
    trit_tensor *w = NULL, *made = NULL;
    trit_status status = f->lambda == 1 ? trit_forward_weight(&w, f, p, err) : quantize(&made, f, p, 1, err);
    if (status == trit_ok) *out = made ? made : trit_tensor_retain(w);
    return status;
}
/* ---- Ops ---- */

/* Cosines and sines of positions [0, n), as the op `angles` computes them. */
static trit_status new_angles(trit_tensor **out, const trit_forward *f, const trit_rope *rope, int64_t n, trit_error *err) {
    const bool is_long = rope->inv_freq_long && f->params->model->config.context_length > rope->original_context;
    const double *inv_freq = is_long ? rope->inv_freq_long : rope->inv_freq;
    const trit_dtype dtype = f->params->dtype;
    const size_t half = rope->half, bytes = trit_dtype_bytes(dtype);
    trit_status status = trit_tensor_new(out, f->params->device, dtype, 2, (int64_t[]){n, (int64_t)(2 * half)}, err);
    if (status != trit_ok) return status;
    char *row = trit_tensor_data(*out);
    for (int64_t t = 0; t < n; t++, row += 2 * half * bytes)
        for (size_t i = 0; i < half; i++) {
            double s, c;
            trit_sincos((double)t * inv_freq[i], &s, &c);
            trit_element_set(dtype, row + i * bytes, (double)((float)c * rope->magnitude));
            trit_element_set(dtype, row + (half + i) * bytes, (double)((float)s * rope->magnitude));
        }
    return trit_ok;
}

static trit_status angles(trit_tensor **out, trit_forward *f, const trit_rope *rope, trit_error *err) {
    trit_tensor **table = &f->angles[rope == &f->params->model->local_rope];
    const int64_t *position = trit_tensor_data(f->position), n = trit_tensor_n_elements(f->position);
    int64_t most = 0;
    for (int64_t t = 0; t < n; t++)
        if (position[t] > most) most = position[t];
    if (*table && trit_tensor_shape(*table)[0] <= most) {
        trit_tensor_free(*table);
        *table = NULL;
    }
    trit_status status = *table ? trit_ok : new_angles(table, f, rope, most + 1, err);
    return status == trit_ok ? trit_tensor_take(out, *table, f->position, 0, err) : status;
}

/* y + bias in place of y. */
static trit_status add_bias(trit_tensor **y, const trit_param *bias, trit_error *err) {
    trit_tensor *sum = NULL;
    trit_status status = trit_tensor_add(&sum, *y, bias->master, err);
    if (status != trit_ok) return status;
    trit_tensor_free(*y);
    *y = sum;
    return trit_ok;
}

static trit_status op_embed(trit_walk *w, const trit_op *op, const trit_param *table, trit_tensor **out) {
    trit_tensor *rows = NULL;
    trit_status status = trit_tensor_take(&rows, table->master, w->f->token, 0, w->err);
    if (status == trit_ok) status = trit_forward_scale(out, w->f, rows, (double)op->factor, w->err);
    trit_tensor_free(rows);
    return status;
}

static trit_status op_rms_norm(trit_walk *w, const trit_op *op, const trit_param *p, trit_tensor **out) {
    trit_tensor *one = NULL, *factor = NULL;
    trit_status status = p->is_less_one ? number(&one, w->f, 1, w->err) : trit_ok;
    if (one) status = trit_tensor_add(&factor, p->master, one, w->err);
    if (status == trit_ok)
        status = trit_tensor_rms_norm(out, w->value[op->in[0]], factor ? factor : p->master, op->n_heads, (double)op->eps, w->err);
    trit_tensor_free(one);
    trit_tensor_free(factor);
    return status;
}

/* Both quantized wholly: then sums of whole numbers are the same, and faster. */
static bool is_ternary(const trit_forward *f, const trit_op *op, const trit_param *p) {
    const bool is_int8 = f->program->values[op->in[0]].type == trit_value_a8;
    return p->is_ternary && !p->is_grouped && is_int8 && f->lambda == 1 && f->group <= 1 && f->params->dtype == trit_dtype_f32;
}

static trit_status op_linear(trit_walk *w, const trit_op *op, trit_param *p, const trit_param *bias, trit_tensor **out) {
    const trit_linear_opts o = {.is_ternary = is_ternary(w->f, op, p), .in_bf16 = w->f->in_bf16};
    trit_tensor *weight, *master = NULL;
    trit_status status = trit_forward_weight(&weight, w->f, p, w->err);
    if (status == trit_ok) status = adapted(&master, w->f, p, w->err);
    if (status == trit_ok) status = trit_linear_apply(out, w->f->tape, w->value[op->in[0]], weight, master, o, w->err);
    trit_tensor_free(master);
    return status == trit_ok && bias ? add_bias(out, bias, w->err) : status;
}

static trit_status op_attention(trit_walk *w, const trit_op *op, trit_tensor **out) {
    const int64_t head_dim = op->head_dim, n_kv_heads = trit_tensor_shape(w->k)[1] / head_dim;
    const bool in_bf16 = w->f->in_bf16 && w->f->params->dtype == trit_dtype_f32;
    return (in_bf16 ? trit_tensor_attention_bf16 : trit_tensor_attention)(out, w->value[op->in[0]], w->k, w->v, w->f->first[op->window != 0], op->n_heads,
                                                                         n_kv_heads, (double)op->factor, w->err);
}

trit_status trit_forward_compute(trit_tensor **out, trit_walk *w, size_t i) {
    trit_forward *f = w->f;
    const trit_op *op = &f->program->ops[i];
    trit_tensor *a = op->in[0] >= 0 ? w->value[op->in[0]] : NULL, *b = op->in[1] >= 0 ? w->value[op->in[1]] : NULL;
    switch (op->kind) {
    case trit_op_embed: return op_embed(w, op, f->weight[i], out);
    case trit_op_rms_norm: return op_rms_norm(w, op, f->weight[i], out);
    case trit_op_quantize: return trit_tensor_absmax_int8(out, a, f->lambda, w->err);
    case trit_op_linear: return op_linear(w, op, f->weight[i], f->bias[i], out);
    case trit_op_angles: return angles(out, f, op->rope, w->err);
    case trit_op_rope: return trit_tensor_rope(out, a, b, op->n_heads, op->rope->neox, w->err);
    case trit_op_kv_store:
        w->k = a;
        w->v = b;
        return trit_ok;
    case trit_op_attention: return op_attention(w, op, out);
    case trit_op_add: return trit_tensor_add(out, a, b, w->err);
    case trit_op_glu: return trit_tensor_glu(out, a, b, op->activation, w->err);
    case trit_op_scale: return trit_forward_scale(out, f, a, (double)op->factor, w->err);
    case trit_op_select: /* every token's logits are wanted */
        *out = trit_tensor_retain(a);
        return trit_ok;
    default: return trit_error_set(w->err, trit_unsupported, "training: the graph's op %s cannot be trained", trit_op_name(op->kind));
    }
}
