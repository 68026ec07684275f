/* New tensors, and copies. */
#include "base/error.h"
#include "device/device.h"
#include "eager/eager.h"

trit_status trit_tensor_new(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims, const int64_t *shape, trit_error *err) {
    int64_t n;
    size_t n_bytes;
    trit_status status = trit_shape_check(n_dims, shape, dtype, &n, &n_bytes, err);
    if (status != trit_ok) return status;
    trit_storage *storage;
    status = device->vt->storage_new(device, &storage, n_bytes, err);
    if (status != trit_ok) return status;
    trit_view view = {.data = storage->data, .dtype = dtype, .n_dims = n_dims};
    for (uint32_t d = 0; d < n_dims; d++) view.shape[d] = shape[d];
    trit_view_set_contiguous(&view);
    status = trit_tensor_make(out, device, storage, &view, err);
    trit_storage_free(storage);
    return status;
}

trit_status trit_tensor_borrow(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims, const int64_t *shape,
                               const int64_t *strides, void *data, trit_error *err) {
    int64_t n;
    size_t n_bytes;
    trit_status status = trit_shape_check(n_dims, shape, dtype, &n, &n_bytes, err);
    if (status != trit_ok) return status;
    trit_view view = {.data = data, .dtype = dtype, .n_dims = n_dims};
    for (uint32_t d = 0; d < n_dims; d++) view.shape[d] = shape[d];
    trit_view_set_contiguous(&view);
    for (uint32_t d = 0; strides && d < n_dims; d++) view.stride[d] = strides[d];
    status = trit_view_check_blocks(&view, "borrow", err);
    if (status != trit_ok) return status;
    trit_storage *storage;
    status = trit_storage_borrow(&storage, data, n_bytes, err);
    if (status != trit_ok) return status;
    status = trit_tensor_make(out, device, storage, &view, err);
    trit_storage_free(storage);
    return status;
}

trit_status trit_eager_contiguous(trit_tensor **out, const trit_tensor *t, trit_dtype dtype, trit_error *err) {
    if (t->view.dtype != dtype || !trit_view_is_contiguous(&t->view)) {
        *out = NULL;
        return trit_tensor_cast(out, t, dtype, err);
    }
    union {
        const trit_tensor *in;
        trit_tensor *out;
    } same = {t}; /* counting an owner changes nothing else */
    *out = trit_tensor_retain(same.out);
    return trit_ok;
}

trit_status trit_tensor_assign(trit_tensor *to, const trit_tensor *from, trit_error *err) {
    trit_eager_op op = {.kind = trit_op_copy, .type = from->view.dtype, .result = to->view.dtype, .n_in = 1, .in = {from},
                        .n_dims = to->view.n_dims, .expands = true};
    for (uint32_t d = 0; d < op.n_dims; d++) op.shape[d] = to->view.shape[d];
    return trit_eager_run(&to, &op, err);
}

trit_status trit_tensor_cast(trit_tensor **out, const trit_tensor *t, trit_dtype dtype, trit_error *err) {
    trit_eager_op op = {.kind = trit_op_copy, .type = t->view.dtype, .result = dtype, .n_in = 1, .in = {t}, .n_dims = t->view.n_dims,
                        .expands = true};
    for (uint32_t d = 0; d < op.n_dims; d++) op.shape[d] = t->view.shape[d];
    return trit_eager_run(out, &op, err);
}

trit_status trit_tensor_copy(trit_tensor **out, const trit_tensor *t, trit_error *err) {
    return trit_tensor_cast(out, t, t->view.dtype, err);
}

trit_status trit_tensor_from(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims, const int64_t *shape, const void *data,
                             trit_error *err) {
    /* Only read. */
    union {
        const void *in;
        void *out;
    } p = {data};
    trit_tensor *borrowed;
    trit_status status = trit_tensor_borrow(&borrowed, device, dtype, n_dims, shape, NULL, p.out, err);
    if (status != trit_ok) return status;
    status = trit_tensor_copy(out, borrowed, err);
    trit_tensor_free(borrowed);
    return status;
}

trit_status trit_tensor_full(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims, const int64_t *shape, double value,
                             trit_error *err) {
    trit_tensor *result, *single;
    trit_status status = trit_tensor_borrow(&single, device, trit_dtype_f64, 0, NULL, NULL, &value, err);
    if (status != trit_ok) return status;
    status = trit_tensor_new(&result, device, dtype, n_dims, shape, err);
    if (status == trit_ok) {
        status = trit_tensor_assign(result, single, err);
        if (status == trit_ok)
            *out = result;
        else
            trit_tensor_free(result);
    }
    trit_tensor_free(single);
    return status;
}

trit_status trit_tensor_zeros(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims, const int64_t *shape, trit_error *err) {
    return trit_tensor_full(out, device, dtype, n_dims, shape, 0, err);
}

trit_status trit_tensor_ones(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims, const int64_t *shape, trit_error *err) {
    return trit_tensor_full(out, device, dtype, n_dims, shape, 1, err);
}
