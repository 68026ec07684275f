/* Positions and order: the smallest and largest by place, sorting, the first k, medians and quantiles. */
#include "base/error.h"
#include "eager/eager.h"
#include "trit/index.h"
#include "trit/reduce.h"

static void of_shape(trit_eager_op *op, const trit_tensor *t) {
    op->n_dims = t->view.n_dims;
    for (uint32_t d = 0; d < op->n_dims; d++) op->shape[d] = t->view.shape[d];
}

static trit_status no_elements(const trit_tensor *t, const char *what, trit_error *err) {
    char shape[trit_shape_text_bytes];
    return trit_error_set(err, trit_arg, "%s: of no elements, in shape %s", what, trit_shape_text(shape, t->view.n_dims, t->view.shape));
}

static trit_status arg(trit_tensor **out, trit_op_kind kind, const trit_tensor *t, int32_t axis, bool keepdims, trit_error *err) {
    const char *name = trit_op_name(kind);
    trit_eager_op op = {.kind = kind, .type = trit_eager_computed(t->view.dtype), .result = trit_dtype_i64, .n_in = 1, .in = {t}};
    trit_status status = trit_eager_axes(&op.attrs.axes, t, 1, axis == trit_all_axes ? NULL : &axis, name, err);
    if (status != trit_ok) return status;
    if (trit_eager_reduce_shape(&op, t, keepdims) == 0) return no_elements(t, name, err);
    return trit_eager_run(out, &op, err);
}

trit_status trit_tensor_argmin(trit_tensor **out, const trit_tensor *t, int32_t axis, bool keepdims, trit_error *err) {
    return arg(out, trit_op_argmin, t, axis, keepdims, err);
}

trit_status trit_tensor_argmax(trit_tensor **out, const trit_tensor *t, int32_t axis, bool keepdims, trit_error *err) {
    return arg(out, trit_op_argmax, t, axis, keepdims, err);
}

static trit_status order(trit_tensor **out, trit_op_kind kind, trit_dtype result, const trit_tensor *t, int32_t axis, bool is_descending,
                         trit_error *err) {
    uint32_t d;
    trit_eager_op op = {.kind = kind, .type = t->view.dtype, .result = result, .n_in = 1, .in = {t}, .expands = true};
    trit_status status = trit_eager_axis(&d, t, axis, trit_op_name(kind), err);
    if (status != trit_ok) return status;
    of_shape(&op, t);
    op.attrs.axis = (int32_t)d;
    op.attrs.n = is_descending;
    return trit_eager_run(out, &op, err);
}

trit_status trit_tensor_sort(trit_tensor **out, const trit_tensor *t, int32_t axis, bool is_descending, trit_error *err) {
    return order(out, trit_op_sort, t->view.dtype, t, axis, is_descending, err);
}

trit_status trit_tensor_argsort(trit_tensor **out, const trit_tensor *t, int32_t axis, bool is_descending, trit_error *err) {
    return order(out, trit_op_argsort, trit_dtype_i64, t, axis, is_descending, err);
}

trit_status trit_tensor_topk(trit_tensor **values, trit_tensor **indices, const trit_tensor *t, int64_t k, int32_t axis, bool is_largest,
                             trit_error *err) {
    uint32_t d;
    trit_eager_op op = {.kind = trit_op_topk, .type = t->view.dtype, .result = trit_dtype_i64, .n_in = 1, .in = {t}};
    trit_status status = trit_eager_axis(&d, t, axis, "topk", err);
    if (status != trit_ok) return status;
    of_shape(&op, t);
    if (k < 0 || k > op.shape[d]) {
        char shape[trit_shape_text_bytes];
        return trit_error_set(err, trit_arg, "topk: %lld of axis %d of shape %s", (long long)k, axis, trit_shape_text(shape, op.n_dims, op.shape));
    }
    op.shape[d] = k;
    op.attrs.axis = (int32_t)d;
    op.attrs.n = is_largest;
    /* Both are made before one is given: a result may be an input. */
    trit_tensor *places = NULL, *chosen = NULL;
    status = trit_eager_run(&places, &op, err);
    if (status == trit_ok && values) status = trit_tensor_gather(&chosen, t, places, axis, err);
    if (status == trit_ok && values && *values) status = trit_eager_check_out(*values, chosen, err);
    if (status == trit_ok && indices && *indices) status = trit_eager_check_out(*indices, places, err);
    if (status == trit_ok && values) {
        status = trit_eager_give(values, chosen, err);
        chosen = NULL;
    }
    if (status == trit_ok && indices) {
        status = trit_eager_give(indices, places, err);
        places = NULL;
    }
    trit_tensor_free(chosen);
    trit_tensor_free(places);
    return status;
}

/* in[1]: the shares, or none. */
static trit_status shares(trit_tensor **out, trit_op_kind kind, const trit_tensor *t, const trit_tensor *q, uint32_t n_axes, const int32_t *axes,
                          bool keepdims, trit_error *err) {
    const trit_dtype result = trit_dtype_is_float(t->view.dtype) ? t->view.dtype : trit_dtype_f64;
    trit_eager_op op = {.kind = kind, .type = t->view.dtype, .result = result, .n_in = q ? 2 : 1, .in = {t, q}};
    trit_status status = trit_eager_axes(&op.attrs.axes, t, n_axes, axes, trit_op_name(kind), err);
    if (status != trit_ok) return status;
    const int64_t n = trit_eager_reduce_shape(&op, t, keepdims);
    if (q) {
        if (n == 0) return no_elements(t, "quantile", err);
        if (op.n_dims == trit_max_dims) return trit_error_set(err, trit_arg, "quantiles: more than %d dimensions", trit_max_dims);
        for (uint32_t d = op.n_dims++; d > 0; d--) op.shape[d] = op.shape[d - 1];
        op.shape[0] = q->view.shape[0];
    }
    return trit_eager_run(out, &op, err);
}

trit_status trit_tensor_median(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err) {
    return shares(out, trit_op_median, t, NULL, n_axes, axes, keepdims, err);
}

trit_status trit_tensor_quantiles(trit_tensor **out, const trit_tensor *t, uint32_t n_q, const double *q, uint32_t n_axes, const int32_t *axes,
                                  bool keepdims, trit_error *err) {
    trit_tensor *list = NULL;
    for (uint32_t i = 0; i < n_q; i++)
        if (!(q[i] >= 0 && q[i] <= 1)) return trit_error_set(err, trit_arg, "quantile: a share of %g; between 0 and 1", q[i]);
    trit_status status = trit_tensor_from(&list, t->device, trit_dtype_f64, 1, (const int64_t[]){n_q}, q, err);
    if (status == trit_ok) status = shares(out, trit_op_quantile, t, list, n_axes, axes, keepdims, err);
    trit_tensor_free(list);
    return status;
}

trit_status trit_tensor_quantile(trit_tensor **out, const trit_tensor *t, double q, uint32_t n_axes, const int32_t *axes, bool keepdims,
                                 trit_error *err) {
    trit_tensor *list = NULL, *row = NULL;
    trit_eager_op kept = {0};
    trit_status status = trit_eager_axes(&kept.attrs.axes, t, n_axes, axes, "quantile", err);
    if (status == trit_ok) status = trit_tensor_quantiles(&list, t, 1, &q, n_axes, axes, false, err);
    if (status == trit_ok) (void)trit_eager_reduce_shape(&kept, t, keepdims);
    if (status == trit_ok) status = trit_tensor_reshape(&row, list, kept.n_dims, kept.shape, err);
    trit_tensor_free(list);
    return status == trit_ok ? trit_eager_give(out, row, err) : status;
}
