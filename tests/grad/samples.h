/* A sample for each op that has a rule: shapes at random, and the call. Part of test_rules.c. */
#ifndef TRIT_TESTS_GRAD_SAMPLES_H
#define TRIT_TESTS_GRAD_SAMPLES_H

#include "op/op.h"
#include "test.h"
#include "trit/trit.h"

enum { max_in = 3 };

/* What is drawn for one call. */
typedef struct sample_args {
    uint32_t n_dims[max_in];
    int64_t shape[max_in][trit_max_dims];
    int32_t axis, order[trit_max_dims];
    uint32_t n_slices;
    trit_slice slices[trit_max_dims];
    int64_t offset;
    uint32_t n_indices; /* dimensions of the indices or of the condition; their elements are below `limit` */
    int64_t indices_shape[trit_max_dims], limit;
    trit_tensor *indices;
} sample_args;

typedef struct sample {
    trit_op_kind kind;
    uint32_t n_in;
    double low, high; /* of the inputs */
    void (*draw)(sample_args *a, uint32_t *seed);
    trit_status (*f1)(trit_tensor **out, const trit_tensor *a, trit_error *err);
    trit_status (*f2)(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
    trit_status (*fn)(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err); /* else */
} sample;

static int64_t pick(uint32_t *s, int64_t n) {
    return test_lcg(s) % n;
}

/* Sizes of 1 to 3, now and then 0. */
static void draw_shape(uint32_t *n, int64_t *shape, uint32_t *s, uint32_t low, uint32_t high) {
    *n = low + (uint32_t)pick(s, high - low + 1);
    for (uint32_t d = 0; d < *n; d++) shape[d] = pick(s, 12) == 0 ? 0 : 1 + pick(s, 3);
}

static void draw_any(sample_args *a, uint32_t *s) {
    draw_shape(&a->n_dims[0], a->shape[0], s, 0, 3);
}

/* Another shape that repeats with the first. */
static void draw_repeating(sample_args *a, uint32_t *s, uint32_t i) {
    const uint32_t lost = (uint32_t)pick(s, a->n_dims[0] + 1);
    a->n_dims[i] = a->n_dims[0] - lost;
    for (uint32_t d = 0; d < a->n_dims[i]; d++) a->shape[i][d] = pick(s, 3) == 0 ? 1 : a->shape[0][lost + d];
}

static void draw_two(sample_args *a, uint32_t *s) {
    draw_any(a, s);
    draw_repeating(a, s, 1);
}

static void draw_axis(sample_args *a, uint32_t *s) {
    draw_shape(&a->n_dims[0], a->shape[0], s, 1, 3);
    a->axis = (int32_t)pick(s, a->n_dims[0]);
}

static void draw_reshape(sample_args *a, uint32_t *s) {
    draw_shape(&a->n_dims[0], a->shape[0], s, 3, 3);
    a->n_dims[1] = 2;
    a->shape[1][0] = a->shape[0][0] * a->shape[0][1];
    a->shape[1][1] = a->shape[0][2];
}

static trit_status call_reshape(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_reshape(out, in[0], a->n_dims[1], a->shape[1], err);
}

static void draw_permute(sample_args *a, uint32_t *s) {
    draw_shape(&a->n_dims[0], a->shape[0], s, 3, 3);
    const int32_t first = (int32_t)pick(s, 3), step = 1 + (int32_t)pick(s, 2);
    for (int32_t d = 0; d < 3; d++) a->order[d] = (first + d * step) % 3 - (pick(s, 2) ? 3 : 0);
}

static trit_status call_permute(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_permute(out, in[0], a->order, err);
}

/* in[0] of shape[0] is what repeats to shape[1]. */
static void draw_expand(sample_args *a, uint32_t *s) {
    draw_shape(&a->n_dims[1], a->shape[1], s, 2, 4);
    a->n_dims[0] = a->n_dims[1] - 1;
    for (uint32_t d = 0; d < a->n_dims[0]; d++) a->shape[0][d] = pick(s, 2) ? 1 : a->shape[1][d + 1];
}

static trit_status call_expand(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_expand(out, in[0], a->n_dims[1], a->shape[1], err);
}

static void draw_slice(sample_args *a, uint32_t *s) {
    draw_shape(&a->n_dims[0], a->shape[0], s, 1, 3);
    a->n_slices = 1 + (uint32_t)pick(s, a->n_dims[0]);
    for (uint32_t d = 0; d < a->n_slices; d++) {
        static const int64_t steps[] = {1, 2, -1, -2};
        a->slices[d] = (trit_slice){.kind = trit_slice_range, .first = pick(s, 4) - 1, .step = steps[pick(s, 4)], .has_first = pick(s, 2)};
        if (a->shape[0][d] && pick(s, 3) == 0) a->slices[d] = (trit_slice){.kind = trit_slice_index, .first = -1};
    }
}

static trit_status call_slice(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_slice(out, in[0], a->n_slices, a->slices, err);
}

static void draw_diagonal(sample_args *a, uint32_t *s) {
    draw_shape(&a->n_dims[0], a->shape[0], s, 2, 3);
    a->offset = pick(s, 5) - 2;
}

static trit_status call_diagonal(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_diagonal(out, in[0], a->offset, -1, 0, err);
}

static void draw_where(sample_args *a, uint32_t *s) {
    draw_two(a, s);
    a->n_indices = a->n_dims[0];
    memcpy(a->indices_shape, a->shape[0], sizeof a->indices_shape);
    a->limit = 2;
}

static trit_status call_where(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_where(out, a->indices, in[0], in[1], err);
}

/* Slices taken along an axis, some of them twice; shape[1] is that of what is taken. */
static void draw_take(sample_args *a, uint32_t *s) {
    draw_axis(a, s);
    a->limit = a->shape[0][a->axis];
    draw_shape(&a->n_indices, a->indices_shape, s, 0, 2);
    if (a->limit == 0) {
        a->n_indices = 1;
        a->indices_shape[0] = 0;
    }
    const uint32_t axis = (uint32_t)a->axis;
    uint32_t n = 0;
    for (uint32_t d = 0; d < axis; d++) a->shape[1][n++] = a->shape[0][d];
    for (uint32_t d = 0; d < a->n_indices; d++) a->shape[1][n++] = a->indices_shape[d];
    for (uint32_t d = axis + 1; d < a->n_dims[0]; d++) a->shape[1][n++] = a->shape[0][d];
    a->n_dims[1] = n;
}

static trit_status call_take(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_take(out, in[0], a->indices, a->axis, err);
}

static trit_status call_take_add(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_take_add(out, in[0], a->indices, in[1], a->axis, err);
}

static void draw_gather(sample_args *a, uint32_t *s) {
    draw_axis(a, s);
    a->limit = a->shape[0][a->axis];
    a->n_indices = a->n_dims[1] = a->n_dims[0];
    memcpy(a->indices_shape, a->shape[0], sizeof a->indices_shape);
    if (a->limit) a->indices_shape[a->axis] = 1 + pick(s, 4);
    memcpy(a->shape[1], a->indices_shape, sizeof a->indices_shape);
}

static trit_status call_gather(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_gather(out, in[0], a->indices, a->axis, err);
}

static trit_status call_scatter_add(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_scatter_add(out, in[0], a->indices, in[1], a->axis, err);
}

static trit_status call_scatter(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_scatter(out, in[0], a->indices, in[1], a->axis, err);
}

static void draw_masked(sample_args *a, uint32_t *s) {
    draw_any(a, s);
    a->n_indices = a->n_dims[0] - (uint32_t)pick(s, a->n_dims[0] + 1);
    for (uint32_t d = 0; d < a->n_indices; d++) a->indices_shape[d] = a->shape[0][a->n_dims[0] - a->n_indices + d];
    a->limit = 2;
}

static trit_status call_masked_select(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_masked_select(out, in[0], a->indices, err);
}

static void draw_concat(sample_args *a, uint32_t *s) {
    draw_axis(a, s);
    for (uint32_t i = 1; i < 3; i++) {
        a->n_dims[i] = a->n_dims[0];
        memcpy(a->shape[i], a->shape[0], sizeof a->shape[0]);
        a->shape[i][a->axis] = pick(s, 4);
    }
}

static trit_status call_concat(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_concat(out, 3, (const trit_tensor *const[]){in[0], in[1], in[2]}, a->axis, err);
}

/* Some axes, by the bits of `offset`. */
static void draw_axes(sample_args *a, uint32_t *s) {
    draw_any(a, s);
    for (uint32_t d = 0; d < a->n_dims[0]; d++)
        if (a->shape[0][d] == 0) a->shape[0][d] = 2; /* extremes of nothing are errors */
    a->offset = pick(s, 1 << a->n_dims[0]);
    a->axis = (int32_t)pick(s, 2);
}

typedef trit_status fold_fn(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err);

static trit_status call_fold(trit_tensor **out, fold_fn *fn, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    int32_t axes[trit_max_dims];
    uint32_t n = 0;
    for (uint32_t d = 0; d < a->n_dims[0]; d++)
        if (a->offset >> d & 1) axes[n++] = (int32_t)d - (a->axis ? (int32_t)a->n_dims[0] : 0);
    return fn(out, in[0], n, axes, a->axis, err);
}

static trit_status call_sum(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return call_fold(out, trit_tensor_sum, in, a, err);
}

static trit_status call_prod(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return call_fold(out, trit_tensor_prod, in, a, err);
}

static trit_status call_min(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return call_fold(out, trit_tensor_min, in, a, err);
}

static trit_status call_max(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return call_fold(out, trit_tensor_max, in, a, err);
}

static trit_status call_logsumexp(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return call_fold(out, trit_tensor_logsumexp, in, a, err);
}

static trit_status call_median(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return call_fold(out, trit_tensor_median, in, a, err);
}

static trit_status fold_quantiles(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err) {
    return trit_tensor_quantiles(out, t, 3, (const double[]){0.3, 1, 0.71}, n_axes, axes, keepdims, err);
}

static trit_status call_quantile(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return call_fold(out, fold_quantiles, in, a, err);
}

static trit_status call_sort(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_sort(out, in[0], a->axis, a->n_dims[0] == 2, err);
}

static trit_status call_softmax(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_softmax(out, in[0], a->axis, err);
}

static trit_status call_log_softmax(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_log_softmax(out, in[0], a->axis, err);
}

static trit_status call_cumsum(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_cumsum(out, in[0], a->axis, err);
}

static trit_status call_cumprod(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_cumprod(out, in[0], a->axis, err);
}

/* Matrices, and batches of them that repeat. */
static void draw_matmul(sample_args *a, uint32_t *s) {
    draw_two(a, s);
    const int64_t k = 1 + pick(s, 3);
    a->shape[0][a->n_dims[0]++] = 1 + pick(s, 3);
    a->shape[0][a->n_dims[0]++] = k;
    a->shape[1][a->n_dims[1]++] = pick(s, 5) ? k : (a->shape[0][a->n_dims[0] - 1] = 0);
    a->shape[1][a->n_dims[1]++] = 1 + pick(s, 3);
}

/* Rows of `axis` parts. */
static void draw_rms_norm(sample_args *a, uint32_t *s) {
    draw_shape(&a->n_dims[0], a->shape[0], s, 1, 3);
    a->axis = 1 + (int32_t)pick(s, 3);
    a->n_dims[1] = 1;
    a->shape[1][0] = 1 + pick(s, 4);
    a->shape[0][a->n_dims[0] - 1] = a->axis * a->shape[1][0];
}

static trit_status call_rms_norm(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_rms_norm(out, in[0], in[1], a->axis, 0.1, err);
}

/* Heads of 4 to 7, of which 4 elements are turned; `indices` become the angles. */
static void draw_rope(sample_args *a, uint32_t *s) {
    a->axis = 1 + (int32_t)pick(s, 3);
    a->offset = pick(s, 2);
    a->n_dims[0] = a->n_indices = 2;
    a->shape[0][0] = a->indices_shape[0] = pick(s, 4);
    a->shape[0][1] = a->axis * (4 + pick(s, 4));
    a->indices_shape[1] = 4;
    a->limit = 4;
}

static trit_status call_rope(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    trit_tensor *angles = NULL;
    trit_status status = trit_tensor_cast(&angles, a->indices, trit_dtype_f64, err);
    if (status == trit_ok) status = trit_tensor_rope(out, in[0], angles, a->axis, a->offset, err);
    trit_tensor_free(angles);
    return status;
}

/* One to three heads of queries for each of one or two of keys, by `axis` and `offset`, and rows that see at most `limit` rows. */
static void draw_attention(sample_args *a, uint32_t *s) {
    a->offset = 1 + pick(s, 2);
    a->axis = (int32_t)(a->offset * (1 + pick(s, 3)));
    a->limit = 1 + pick(s, 4);
    a->n_indices = 1;
    a->indices_shape[0] = pick(s, 8);
    const int64_t d = 1 + pick(s, 4);
    for (uint32_t i = 0; i < 3; i++) {
        a->n_dims[i] = 2;
        a->shape[i][0] = a->indices_shape[0];
        a->shape[i][1] = d * (i == 0 ? a->axis : a->offset);
    }
}

static trit_status call_attention(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    trit_tensor *from = NULL;
    trit_status status = trit_tensor_copy(&from, a->indices, err);
    int64_t *first = status == trit_ok ? trit_tensor_data(from) : NULL; /* how many rows before are seen */
    for (int64_t t = 0; first && t < a->indices_shape[0]; t++) first[t] = first[t] < t ? t - first[t] : 0;
    if (status == trit_ok) status = trit_tensor_attention(out, in[0], in[1], in[2], from, a->axis, a->offset, 0.7, err);
    trit_tensor_free(from);
    return status;
}

static void draw_glu(sample_args *a, uint32_t *s) {
    draw_any(a, s);
    a->n_dims[1] = a->n_dims[0];
    memcpy(a->shape[1], a->shape[0], sizeof a->shape[0]);
    a->axis = (int32_t)pick(s, 3);
}

static trit_status call_glu(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    return trit_tensor_glu(out, in[0], in[1], (trit_activation)a->axis, err);
}

/* Where gradients pass straight through, only what is not quantized has them as derivatives. */
static trit_status call_absmax_int8(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    (void)a;
    return trit_tensor_absmax_int8(out, in[0], 0, err);
}

static void draw_matrix(sample_args *a, uint32_t *s) {
    draw_shape(&a->n_dims[0], a->shape[0], s, 2, 2);
}

static trit_status call_absmean_ternary(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    (void)a;
    return trit_tensor_absmean_ternary(out, in[0], 2, 0, err);
}

static trit_status call_copy(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    (void)a;
    return trit_tensor_copy(out, in[0], err);
}

static trit_status call_cast(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    (void)a;
    return trit_tensor_cast_with(out, in[0], trit_dtype_f64, NULL, NULL, err);
}

static trit_status call_leaky_relu(trit_tensor **out, trit_tensor *const *in, const sample_args *a, trit_error *err) {
    (void)a;
    return trit_tensor_leaky_relu(out, in[0], 0.1, err);
}

#define ONE(name, from, to) {.kind = trit_op_##name, .n_in = 1, .low = (from), .high = (to), .draw = draw_any, .f1 = trit_tensor_##name}
#define TWO(name, from, to) {.kind = trit_op_##name, .n_in = 2, .low = (from), .high = (to), .draw = draw_two, .f2 = trit_tensor_##name}
#define ANY(name, n, drawn) {.kind = trit_op_##name, .n_in = (n), .low = -2, .high = 2, .draw = draw_##drawn, .fn = call_##name}

static const sample samples[] = {
    ONE(neg, -2, 2),
    ONE(abs, -2, 2),
    ONE(square, -2, 2),
    ONE(sqrt, 0.1, 3),
    ONE(rsqrt, 0.3, 3),
    ONE(reciprocal, 0.3, 2),
    ONE(exp, -2, 2),
    ONE(exp2, -2, 2),
    ONE(expm1, -2, 2),
    ONE(log, 0.2, 3),
    ONE(log2, 0.2, 3),
    ONE(log10, 0.2, 3),
    ONE(log1p, -0.8, 2),
    ONE(sin, -3, 3),
    ONE(cos, -3, 3),
    ONE(tan, -1, 1),
    ONE(asin, -0.9, 0.9),
    ONE(acos, -0.9, 0.9),
    ONE(atan, -3, 3),
    ONE(sinh, -2, 2),
    ONE(cosh, -2, 2),
    ONE(tanh, -2, 2),
    ONE(erf, -2, 2),
    ONE(relu, -2, 2),
    ONE(relu2, -2, 2),
    ONE(gelu, -3, 3),
    ONE(gelu_tanh, -3, 3),
    ONE(silu, -3, 3),
    ONE(sigmoid, -3, 3),
    ONE(softplus, -3, 3),
    ANY(leaky_relu, 1, any),
    TWO(add, -2, 2),
    TWO(sub, -2, 2),
    TWO(mul, -2, 2),
    TWO(div, 0.5, 2),
    TWO(mod, 0.5, 2),
    TWO(pow, 0.3, 2),
    TWO(minimum, -2, 2),
    TWO(maximum, -2, 2),
    TWO(atan2, 0.3, 2),
    TWO(hypot, 0.3, 2),
    {.kind = trit_op_matmul, .n_in = 2, .low = -2, .high = 2, .draw = draw_matmul, .f2 = trit_tensor_matmul},
    ANY(copy, 1, any),
    ANY(cast, 1, any),
    ANY(sum, 1, axes),
    ANY(prod, 1, axes),
    ANY(min, 1, axes),
    ANY(max, 1, axes),
    ANY(sort, 1, axis),
    ANY(median, 1, axes),
    ANY(quantile, 1, axes),
    ANY(softmax, 1, axis),
    ANY(log_softmax, 1, axis),
    ANY(logsumexp, 1, axes),
    ANY(cumsum, 1, axis),
    ANY(cumprod, 1, axis),
    ANY(reshape, 1, reshape),
    ANY(permute, 1, permute),
    ANY(expand, 1, expand),
    ANY(slice, 1, slice),
    ANY(diagonal, 1, diagonal),
    ANY(where, 2, where),
    ANY(take, 1, take),
    ANY(take_add, 2, take),
    ANY(gather, 1, gather),
    ANY(scatter, 2, gather),
    ANY(scatter_add, 2, gather),
    ANY(masked_select, 1, masked),
    ANY(concat, 3, concat),
    ANY(rms_norm, 2, rms_norm),
    ANY(rope, 1, rope),
    ANY(attention, 3, attention),
    ANY(glu, 2, glu),
    ANY(absmax_int8, 1, any),
    ANY(absmean_ternary, 1, matrix),
};
enum { n_samples = sizeof samples / sizeof samples[0] };

#endif
