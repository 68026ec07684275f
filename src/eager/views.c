/* Views as tensors. */
#include <string.h>

#include "base/error.h"
#include "eager/eager.h"

trit_status trit_tensor_reshape(trit_tensor **out, const trit_tensor *t, uint32_t n_dims, const int64_t *shape, trit_error *err) {
    int64_t full[trit_max_dims];
    trit_status status = trit_shape_fill(full, &t->view, n_dims, shape, err);
    if (status != trit_ok) return status;
    trit_view view;
    if (trit_view_reshape(&view, &t->view, n_dims, full)) return trit_eager_view(out, t, &view, trit_op_reshape, NULL, err);
    trit_tensor *copy = NULL;
    status = trit_tensor_copy(&copy, t, err);
    if (status != trit_ok) return status;
    if (trit_view_reshape(&view, &copy->view, n_dims, full)) status = trit_eager_view(out, copy, &view, trit_op_reshape, NULL, err);
    trit_tensor_free(copy);
    return status;
}

trit_status trit_tensor_permute(trit_tensor **out, const trit_tensor *t, const int32_t *order, trit_error *err) {
    trit_view view;
    trit_status status = trit_view_permute(&view, &t->view, order, err);
    if (status != trit_ok) return status;
    trit_view_args args = {0};
    for (uint32_t d = 0; d < view.n_dims; d++) args.order[d] = order ? order[d] : (int32_t)(view.n_dims - 1 - d);
    return trit_eager_view(out, t, &view, trit_op_permute, &args, err);
}

trit_status trit_tensor_transpose(trit_tensor **out, const trit_tensor *t, int32_t axis_a, int32_t axis_b, trit_error *err) {
    uint32_t a, b;
    trit_status status = trit_axis_check(&a, axis_a, t->view.n_dims, "transpose", err);
    if (status == trit_ok) status = trit_axis_check(&b, axis_b, t->view.n_dims, "transpose", err);
    if (status != trit_ok) return status;
    int32_t order[trit_max_dims] = {0};
    for (uint32_t d = 0; d < t->view.n_dims; d++) order[d] = (int32_t)(d == a ? b : d == b ? a : d);
    return trit_tensor_permute(out, t, order, err);
}

trit_status trit_tensor_squeeze(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err) {
    trit_view view;
    trit_status status = trit_view_squeeze(&view, &t->view, axis, err);
    return status == trit_ok ? trit_eager_view(out, t, &view, trit_op_reshape, NULL, err) : status;
}

trit_status trit_tensor_squeeze_all(trit_tensor **out, const trit_tensor *t, trit_error *err) {
    trit_view view;
    trit_view_squeeze_all(&view, &t->view);
    return trit_eager_view(out, t, &view, trit_op_reshape, NULL, err);
}

trit_status trit_tensor_unsqueeze(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err) {
    trit_view view;
    trit_status status = trit_view_unsqueeze(&view, &t->view, axis, err);
    return status == trit_ok ? trit_eager_view(out, t, &view, trit_op_reshape, NULL, err) : status;
}

trit_status trit_tensor_expand(trit_tensor **out, const trit_tensor *t, uint32_t n_dims, const int64_t *shape, trit_error *err) {
    trit_view view;
    int64_t n;
    size_t n_bytes;
    trit_status status = trit_view_expand(&view, &t->view, n_dims, shape, "expand", err);
    if (status == trit_ok) status = trit_shape_check(n_dims, shape, t->view.dtype, &n, &n_bytes, err);
    return status == trit_ok ? trit_eager_view(out, t, &view, trit_op_expand, NULL, err) : status;
}

trit_status trit_tensor_diagonal(trit_tensor **out, const trit_tensor *t, int64_t offset, int32_t axis_a, int32_t axis_b, trit_error *err) {
    trit_view view;
    trit_status status = trit_view_diagonal(&view, &t->view, offset, axis_a, axis_b, err);
    const trit_view_args args = {.offset = offset, .axis_a = axis_a, .axis_b = axis_b};
    return status == trit_ok ? trit_eager_view(out, t, &view, trit_op_diagonal, &args, err) : status;
}

trit_status trit_tensor_slice(trit_tensor **out, const trit_tensor *t, uint32_t n, const trit_slice *slices, trit_error *err) {
    trit_view view;
    trit_status status = trit_view_slice(&view, &t->view, n, slices, err);
    if (status != trit_ok) return status;
    trit_view_args args = {.n_slices = n};
    for (uint32_t i = 0; i < n; i++) args.slices[i] = slices[i];
    return trit_eager_view(out, t, &view, trit_op_slice, &args, err);
}
