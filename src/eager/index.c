/* Tensors by position: shapes are settled here and inputs laid out as the device wants them. */
#include "trit/index.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "eager/eager.h"
#include "trit/reduce.h"

static trit_status bad_shapes(const char *what, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    char x[trit_shape_text_bytes], y[trit_shape_text_bytes];
    return trit_error_set(err, trit_arg, "%s: shapes %s and %s do not fit together", what, trit_shape_text(x, a->view.n_dims, a->view.shape),
                          trit_shape_text(y, b->view.n_dims, b->view.shape));
}

trit_status trit_tensor_where(trit_tensor **out, const trit_tensor *condition, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    trit_eager_op op = {.kind = trit_op_where, .n_in = 3, .in = {condition, a, b}, .expands = true};
    trit_status status = trit_dtype_promote(&op.type, a->view.dtype, b->view.dtype, err);
    op.result = op.type;
    if (status == trit_ok) status = trit_shape_broadcast(&op.n_dims, op.shape, &a->view, &b->view, "where", err);
    trit_view both = {.n_dims = op.n_dims};
    memcpy(both.shape, op.shape, sizeof both.shape);
    if (status == trit_ok) status = trit_shape_broadcast(&op.n_dims, op.shape, &both, &condition->view, "where", err);
    return status == trit_ok ? trit_eager_run(out, &op, err) : status;
}

/* Indices as I64, the others as `type`, all contiguous; then the op, then what was made is freed. */
static trit_status run_indexed(trit_tensor **out, trit_eager_op *op, trit_error *err) {
    trit_tensor *own[3] = {NULL};
    const char *name = trit_op_name(op->kind);
    const trit_dtype dtype = op->in[0]->view.dtype; /* of the result in the end */
    trit_status status = trit_ok;
    if (!trit_dtype_is_integer(op->in[1]->view.dtype))
        return trit_error_set(err, trit_arg, "%s: indices of %s are no whole numbers", name, trit_dtype_label(op->in[1]->view.dtype));
    for (uint32_t i = 0; i < op->n_in && status == trit_ok; i++) {
        status = trit_eager_contiguous(&own[i], op->in[i], i == 1 ? trit_dtype_i64 : op->type, err);
        op->in[i] = own[i];
    }
    trit_tensor *wide = NULL;
    if (status == trit_ok && op->result == dtype)
        status = trit_eager_run(out, op, err);
    else if (status == trit_ok)
        status = trit_eager_run(&wide, op, err);
    if (status == trit_ok && wide) status = trit_tensor_cast(out, wide, dtype, err);
    trit_tensor_free(wide);
    for (uint32_t i = 0; i < 3; i++) trit_tensor_free(own[i]);
    return status;
}

/* What is added up is added in F32 where elements are halves. */
static trit_status settle_add(trit_eager_op *op, const trit_tensor *t, trit_error *err) {
    const trit_dtype dtype = t->view.dtype;
    op->type = dtype == trit_dtype_f16 || dtype == trit_dtype_bf16 ? trit_dtype_f32 : dtype;
    op->result = op->type;
    if (dtype == trit_dtype_bool) return trit_error_set(err, trit_arg, "%s: BOOL has no sums", trit_op_name(op->kind));
    return trit_ok;
}

/* The shape of take's result. */
static trit_status take_shape(trit_eager_op *op, const trit_tensor *t, const trit_tensor *indices, int32_t axis, trit_error *err) {
    uint32_t a;
    trit_status status = trit_axis_check(&a, axis, t->view.n_dims, "take", err);
    if (status != trit_ok) return status;
    if (t->view.n_dims - 1 + indices->view.n_dims > trit_max_dims)
        return trit_error_set(err, trit_arg, "take: a result of more than %d dimensions", trit_max_dims);
    op->attrs.axis = (int32_t)a;
    for (uint32_t d = 0; d < a; d++) op->shape[op->n_dims++] = t->view.shape[d];
    for (uint32_t d = 0; d < indices->view.n_dims; d++) op->shape[op->n_dims++] = indices->view.shape[d];
    for (uint32_t d = a + 1; d < t->view.n_dims; d++) op->shape[op->n_dims++] = t->view.shape[d];
    return trit_ok;
}

trit_status trit_tensor_take(trit_tensor **out, const trit_tensor *t, const trit_tensor *indices, int32_t axis, trit_error *err) {
    trit_eager_op op = {.kind = trit_op_take, .type = t->view.dtype, .result = t->view.dtype, .n_in = 2, .in = {t, indices},
                        .is_plain = true};
    trit_status status = take_shape(&op, t, indices, axis, err);
    return status == trit_ok ? run_indexed(out, &op, err) : status;
}

static bool has_shape(const trit_tensor *t, uint32_t n_dims, const int64_t *shape) {
    return t->view.n_dims == n_dims && memcmp(t->view.shape, shape, n_dims * sizeof *shape) == 0;
}

trit_status trit_tensor_take_add(trit_tensor **out, const trit_tensor *t, const trit_tensor *indices, const trit_tensor *src, int32_t axis,
                                 trit_error *err) {
    trit_eager_op op = {.kind = trit_op_take_add, .n_in = 3, .in = {t, indices, src}, .is_plain = true};
    trit_status status = take_shape(&op, t, indices, axis, err);
    if (status == trit_ok) status = settle_add(&op, t, err);
    if (status != trit_ok) return status;
    if (!has_shape(src, op.n_dims, op.shape)) return bad_shapes("take_add", indices, src, err);
    op.n_dims = t->view.n_dims;
    memcpy(op.shape, t->view.shape, sizeof op.shape);
    return run_indexed(out, &op, err);
}

/* Indices have the shape of t but for the axis. */
static trit_status settle_gather(trit_eager_op *op, const trit_tensor *t, const trit_tensor *indices, int32_t axis, trit_error *err) {
    const char *name = trit_op_name(op->kind);
    uint32_t a;
    trit_status status = trit_axis_check(&a, axis, t->view.n_dims, name, err);
    if (status != trit_ok) return status;
    bool fits = indices->view.n_dims == t->view.n_dims;
    for (uint32_t d = 0; fits && d < t->view.n_dims; d++) fits = d == a || indices->view.shape[d] == t->view.shape[d];
    if (!fits) return bad_shapes(name, t, indices, err);
    const trit_view *result = op->kind == trit_op_gather ? &indices->view : &t->view;
    op->attrs.axis = (int32_t)a;
    op->n_dims = result->n_dims;
    memcpy(op->shape, result->shape, sizeof op->shape);
    return trit_ok;
}

trit_status trit_tensor_gather(trit_tensor **out, const trit_tensor *t, const trit_tensor *indices, int32_t axis, trit_error *err) {
    trit_eager_op op = {.kind = trit_op_gather, .type = t->view.dtype, .result = t->view.dtype, .n_in = 2, .in = {t, indices},
                        .is_plain = true};
    trit_status status = settle_gather(&op, t, indices, axis, err);
    return status == trit_ok ? run_indexed(out, &op, err) : status;
}

static trit_status scatter(trit_tensor **out, trit_op_kind kind, const trit_tensor *t, const trit_tensor *indices, const trit_tensor *src,
                           int32_t axis, trit_error *err) {
    trit_eager_op op = {.kind = kind, .type = t->view.dtype, .result = t->view.dtype, .n_in = 3, .in = {t, indices, src}, .is_plain = true};
    trit_status status = settle_gather(&op, t, indices, axis, err);
    if (status == trit_ok && kind == trit_op_scatter_add) status = settle_add(&op, t, err);
    if (status != trit_ok) return status;
    if (!has_shape(src, indices->view.n_dims, indices->view.shape)) return bad_shapes(trit_op_name(kind), indices, src, err);
    return run_indexed(out, &op, err);
}

trit_status trit_tensor_scatter(trit_tensor **out, const trit_tensor *t, const trit_tensor *indices, const trit_tensor *src, int32_t axis,
                                trit_error *err) {
    return scatter(out, trit_op_scatter, t, indices, src, axis, err);
}

trit_status trit_tensor_scatter_add(trit_tensor **out, const trit_tensor *t, const trit_tensor *indices, const trit_tensor *src, int32_t axis,
                                    trit_error *err) {
    return scatter(out, trit_op_scatter_add, t, indices, src, axis, err);
}

/* Up to trit_call_max_in tensors, which agree with the first. */
static trit_status concat_some(trit_tensor **out, trit_dtype type, uint32_t n, const trit_tensor *const *tensors, uint32_t axis, trit_error *err) {
    trit_eager_op op = {.kind = trit_op_concat, .type = type, .result = type, .n_in = n, .n_dims = tensors[0]->view.n_dims,
                        .attrs = {.axis = (int32_t)axis}};
    memcpy(op.shape, tensors[0]->view.shape, sizeof op.shape);
    op.shape[axis] = 0;
    for (uint32_t i = 0; i < n; i++) {
        const trit_view *v = &tensors[i]->view;
        bool fits = v->n_dims == op.n_dims;
        for (uint32_t d = 0; fits && d < v->n_dims; d++) fits = d == axis || v->shape[d] == op.shape[d];
        if (!fits) return bad_shapes("concat", tensors[0], tensors[i], err);
        if (v->shape[axis] > INT64_MAX - op.shape[axis]) return trit_error_set(err, trit_arg, "concat: the result is too large");
        op.shape[axis] += v->shape[axis];
        op.in[i] = tensors[i];
    }
    return trit_eager_run(out, &op, err);
}

/* More than an op takes: eighths by themselves, then those. */
static trit_status concat(trit_tensor **out, trit_dtype type, uint32_t n, const trit_tensor *const *tensors, uint32_t axis, trit_error *err) {
    if (n <= trit_call_max_in) return concat_some(out, type, n, tensors, axis, err);
    trit_status status = trit_ok;
    trit_tensor *part[trit_call_max_in] = {NULL};
    const trit_tensor *joined[trit_call_max_in] = {NULL};
    uint32_t n_parts = 0;
    for (; n_parts < trit_call_max_in && status == trit_ok; n_parts++) {
        const uint32_t first = (uint32_t)((uint64_t)n * n_parts / trit_call_max_in), last = (uint32_t)((uint64_t)n * (n_parts + 1) / trit_call_max_in);
        status = concat(&part[n_parts], type, last - first, tensors + first, axis, err);
        joined[n_parts] = part[n_parts];
    }
    if (status == trit_ok) status = concat_some(out, type, n_parts, joined, axis, err);
    for (uint32_t i = 0; i < trit_call_max_in; i++) trit_tensor_free(part[i]);
    return status;
}

trit_status trit_tensor_concat(trit_tensor **out, uint32_t n, const trit_tensor *const *tensors, int32_t axis, trit_error *err) {
    uint32_t a;
    trit_dtype type;
    if (n == 0) return trit_error_set(err, trit_arg, "concat: no tensors");
    trit_status status = trit_axis_check(&a, axis, tensors[0]->view.n_dims, "concat", err);
    if (status == trit_ok) status = trit_dtype_promote_all(&type, n, tensors, err);
    return status == trit_ok ? concat(out, type, n, tensors, a, err) : status;
}

trit_status trit_tensor_stack(trit_tensor **out, uint32_t n, const trit_tensor *const *tensors, int32_t axis, trit_error *err) {
    if (n == 0) return trit_error_set(err, trit_arg, "stack: no tensors");
    trit_tensor **raised = trit_alloc_zero(n, sizeof *raised);
    if (!raised) return trit_error_memory(err, n * sizeof *raised, "a stack of tensors");
    trit_status status = trit_ok;
    for (uint32_t i = 0; i < n && status == trit_ok; i++) {
        if (tensors[i]->view.n_dims != tensors[0]->view.n_dims) status = bad_shapes("stack", tensors[0], tensors[i], err);
        if (status == trit_ok) status = trit_tensor_unsqueeze(&raised[i], tensors[i], axis, err);
    }
    if (status == trit_ok) status = trit_tensor_concat(out, n, (const trit_tensor *const *)raised, axis, err);
    for (uint32_t i = 0; i < n; i++) trit_tensor_free(raised[i]);
    trit_free(raised);
    return status;
}

/* How many elements are not 0. */
static trit_status count(int64_t *out, const trit_tensor *t, trit_error *err) {
    trit_tensor *n = NULL;
    trit_status status = trit_tensor_count_nonzero(&n, t, 0, NULL, false, err);
    if (status == trit_ok) *out = *(const int64_t *)trit_tensor_data(n);
    trit_tensor_free(n);
    return status;
}

trit_status trit_tensor_masked_select(trit_tensor **out, const trit_tensor *t, const trit_tensor *mask, trit_error *err) {
    trit_tensor *wide;
    trit_status status = trit_tensor_expand(&wide, mask, t->view.n_dims, t->view.shape, err);
    if (status != trit_ok) return status;
    trit_eager_op op = {.kind = trit_op_masked_select, .type = t->view.dtype, .result = t->view.dtype, .n_in = 2, .in = {t, wide}, .n_dims = 1,
                        .is_plain = true};
    status = count(&op.shape[0], wide, err);
    if (status == trit_ok) status = trit_eager_run(out, &op, err);
    trit_tensor_free(wide);
    return status;
}

trit_status trit_tensor_nonzero(trit_tensor **out, const trit_tensor *t, trit_error *err) {
    trit_eager_op op = {.kind = trit_op_nonzero, .type = trit_dtype_i64, .result = trit_dtype_i64, .n_in = 1, .in = {t}, .n_dims = 2,
                        .shape = {0, t->view.n_dims}, .is_plain = true};
    trit_status status = count(&op.shape[0], t, err);
    return status == trit_ok ? trit_eager_run(out, &op, err) : status;
}
