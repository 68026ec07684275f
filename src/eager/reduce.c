/* Many elements into one, and what follows a dimension: axes, the shapes they leave, and types. */
#include "trit/reduce.h"

#include "base/error.h"
#include "eager/eager.h"

trit_status trit_eager_axis(uint32_t *out, const trit_tensor *t, int32_t axis, const char *what, trit_error *err) {
    const uint32_t n = t->view.n_dims;
    if (trit_axis_check(out, axis, n, what, NULL) == trit_ok) return trit_ok;
    char shape[trit_shape_text_bytes];
    return trit_error_set(err, trit_arg, "%s: there is no axis %d in shape %s", what, axis, trit_shape_text(shape, n, t->view.shape));
}

trit_status trit_eager_axes(uint32_t *out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, const char *what, trit_error *err) {
    uint32_t mask = 0;
    for (uint32_t i = 0; axes && i < n_axes; i++) {
        uint32_t d;
        trit_status status = trit_eager_axis(&d, t, axes[i], what, err);
        if (status != trit_ok) return status;
        if (mask >> d & 1) {
            char shape[trit_shape_text_bytes];
            return trit_error_set(err, trit_arg, "%s: axis %d of shape %s twice", what, axes[i], trit_shape_text(shape, t->view.n_dims, t->view.shape));
        }
        mask |= 1u << d;
    }
    *out = axes ? mask : (1u << t->view.n_dims) - 1;
    return trit_ok;
}

int64_t trit_eager_reduce_shape(trit_eager_op *op, const trit_tensor *t, bool keepdims) {
    int64_t n = 1;
    op->n_dims = 0;
    for (uint32_t d = 0; d < t->view.n_dims; d++) {
        const bool goes = op->attrs.axes >> d & 1;
        if (goes) n *= t->view.shape[d];
        if (!goes || keepdims) op->shape[op->n_dims++] = goes ? 1 : t->view.shape[d];
    }
    return n;
}

trit_dtype trit_eager_computed(trit_dtype t) {
    return t == trit_dtype_f16 || t == trit_dtype_bf16 ? trit_dtype_f32 : t;
}

static trit_dtype real(trit_dtype t) {
    return trit_dtype_is_float(t) ? t : trit_dtype_f64;
}

static trit_dtype wide(trit_dtype t) {
    return trit_dtype_is_float(t) ? t : trit_dtype_i64;
}

/* The op over its axes; result: the type of its elements. */
static trit_status reduce(trit_tensor **out, trit_op_kind kind, trit_dtype type, trit_dtype result, const trit_tensor *t, uint32_t n_axes,
                          const int32_t *axes, bool keepdims, trit_error *err) {
    trit_eager_op op = {.kind = kind, .type = trit_eager_computed(type), .result = result, .n_in = 1, .in = {t}};
    trit_status status = trit_eager_axes(&op.attrs.axes, t, n_axes, axes, trit_op_name(kind), err);
    if (status != trit_ok) return status;
    trit_eager_reduce_shape(&op, t, keepdims);
    return trit_eager_run(out, &op, err);
}

trit_status trit_tensor_sum(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err) {
    return reduce(out, trit_op_sum, t->view.dtype, wide(t->view.dtype), t, n_axes, axes, keepdims, err);
}

trit_status trit_tensor_prod(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err) {
    return reduce(out, trit_op_prod, t->view.dtype, wide(t->view.dtype), t, n_axes, axes, keepdims, err);
}

/* An extreme of nothing does not exist. */
static trit_status extreme(trit_tensor **out, trit_op_kind kind, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims,
                           trit_error *err) {
    trit_eager_op op = {.kind = kind, .type = trit_eager_computed(t->view.dtype), .result = t->view.dtype, .n_in = 1, .in = {t}};
    trit_status status = trit_eager_axes(&op.attrs.axes, t, n_axes, axes, trit_op_name(kind), err);
    if (status != trit_ok) return status;
    if (trit_eager_reduce_shape(&op, t, keepdims) == 0) {
        char shape[trit_shape_text_bytes];
        return trit_error_set(err, trit_arg, "%s: of no elements, in shape %s", trit_op_name(kind),
                              trit_shape_text(shape, t->view.n_dims, t->view.shape));
    }
    return trit_eager_run(out, &op, err);
}

trit_status trit_tensor_min(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err) {
    return extreme(out, trit_op_min, t, n_axes, axes, keepdims, err);
}

trit_status trit_tensor_max(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err) {
    return extreme(out, trit_op_max, t, n_axes, axes, keepdims, err);
}

trit_status trit_tensor_any(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err) {
    return reduce(out, trit_op_any, t->view.dtype, trit_dtype_bool, t, n_axes, axes, keepdims, err);
}

trit_status trit_tensor_all(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err) {
    return reduce(out, trit_op_all, t->view.dtype, trit_dtype_bool, t, n_axes, axes, keepdims, err);
}

trit_status trit_tensor_count_nonzero(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims,
                                      trit_error *err) {
    return reduce(out, trit_op_count_nonzero, t->view.dtype, trit_dtype_i64, t, n_axes, axes, keepdims, err);
}

trit_status trit_tensor_logsumexp(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err) {
    return reduce(out, trit_op_logsumexp, real(t->view.dtype), real(t->view.dtype), t, n_axes, axes, keepdims, err);
}

trit_status trit_tensor_sum_to(trit_tensor **out, const trit_tensor *t, uint32_t n_dims, const int64_t *shape, trit_error *err) {
    const trit_view *v = &t->view;
    trit_eager_op op = {.kind = trit_op_sum, .type = trit_eager_computed(v->dtype), .result = wide(v->dtype), .n_in = 1, .in = {t}, .n_dims = n_dims};
    bool fits = n_dims <= v->n_dims;
    for (uint32_t d = 0; fits && d < v->n_dims; d++) {
        const uint32_t lacking = v->n_dims - n_dims;
        const int64_t size = d < lacking ? 1 : shape[d - lacking];
        if (d >= lacking) op.shape[d - lacking] = size;
        if (d < lacking || (size == 1 && v->shape[d] != 1)) op.attrs.axes |= 1u << d;
        fits = d < lacking || size == 1 || size == v->shape[d];
    }
    if (!fits) {
        char from[trit_shape_text_bytes], to[trit_shape_text_bytes];
        return trit_error_set(err, trit_arg, "sum_to: shape %s does not repeat to %s",
                              trit_shape_text(to, n_dims < trit_max_dims ? n_dims : trit_max_dims, shape),
                              trit_shape_text(from, v->n_dims, v->shape));
    }
    if (op.attrs.axes == 0) return trit_tensor_cast(out, t, op.result, err);
    return trit_eager_run(out, &op, err);
}

/* Of t's shape, along one axis. */
static trit_status follow(trit_tensor **out, trit_op_kind kind, trit_dtype result, const trit_tensor *t, int32_t axis, trit_error *err) {
    trit_eager_op op = {.kind = kind, .type = trit_eager_computed(result), .result = result, .n_in = 1, .in = {t}, .n_dims = t->view.n_dims, .expands = true};
    uint32_t d;
    trit_status status = trit_eager_axis(&d, t, axis, trit_op_name(kind), err);
    if (status != trit_ok) return status;
    for (uint32_t i = 0; i < op.n_dims; i++) op.shape[i] = t->view.shape[i];
    op.attrs.axes = 1u << d;
    op.attrs.axis = (int32_t)d;
    return trit_eager_run(out, &op, err);
}

trit_status trit_tensor_softmax(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err) {
    return follow(out, trit_op_softmax, real(t->view.dtype), t, axis, err);
}

trit_status trit_tensor_log_softmax(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err) {
    return follow(out, trit_op_log_softmax, real(t->view.dtype), t, axis, err);
}

trit_status trit_tensor_cumsum(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err) {
    return follow(out, trit_op_cumsum, wide(t->view.dtype), t, axis, err);
}

trit_status trit_tensor_cumprod(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err) {
    return follow(out, trit_op_cumprod, wide(t->view.dtype), t, axis, err);
}
