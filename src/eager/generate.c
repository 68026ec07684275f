/* Tensors made from numbers alone. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "eager/eager.h"

static trit_status generate(trit_tensor **out, trit_device *device, trit_op_kind kind, trit_dtype dtype, uint32_t n_dims, const int64_t *shape,
                            trit_attrs attrs, trit_error *err) {
    int64_t n;
    size_t n_bytes;
    trit_status status = trit_shape_check(n_dims, shape, dtype, &n, &n_bytes, err);
    if (status != trit_ok) return status;
    trit_eager_op op = {.kind = kind, .type = kind == trit_op_randint ? trit_dtype_i64 : trit_dtype_f64, .result = dtype, .device = device,
                        .n_dims = n_dims, .attrs = attrs};
    if (n_dims) memcpy(op.shape, shape, n_dims * sizeof *shape);
    return trit_eager_run(out, &op, err);
}

trit_status trit_tensor_arange(trit_tensor **out, trit_device *device, trit_dtype dtype, double first, double last, double step, trit_error *err) {
    const double count = ceil((last - first) / step);
    if (step == 0 || !isfinite(first) || !isfinite(last) || !isfinite(step) || count > 0x1p62)
        return trit_error_set(err, trit_arg, "arange: from %g to %g by %g", first, last, step);
    const int64_t n = count > 0 ? (int64_t)count : 0;
    return generate(out, device, trit_op_arange, dtype, 1, &n, (trit_attrs){.a = first, .b = step}, err);
}

trit_status trit_tensor_linspace(trit_tensor **out, trit_device *device, trit_dtype dtype, double first, double last, int64_t n, trit_error *err) {
    if (n < 0 || !isfinite(first) || !isfinite(last))
        return trit_error_set(err, trit_arg, "linspace: %lld elements from %g to %g", (long long)n, first, last);
    const double step = n > 1 ? (last - first) / (double)(n - 1) : 0;
    return generate(out, device, trit_op_arange, dtype, 1, &n, (trit_attrs){.n = n > 1, .a = first, .b = step, .c = last}, err);
}

trit_status trit_tensor_rand(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims, const int64_t *shape, uint64_t seed,
                             trit_error *err) {
    return generate(out, device, trit_op_rand, dtype, n_dims, shape, (trit_attrs){.n = (int64_t)seed}, err);
}

trit_status trit_tensor_randn(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims, const int64_t *shape, uint64_t seed,
                              trit_error *err) {
    return generate(out, device, trit_op_randn, dtype, n_dims, shape, (trit_attrs){.n = (int64_t)seed}, err);
}

trit_status trit_tensor_randint(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims, const int64_t *shape, int64_t low,
                                int64_t high, uint64_t seed, trit_error *err) {
    if (low >= high) return trit_error_set(err, trit_arg, "randint: nothing lies between %lld and %lld", (long long)low, (long long)high);
    const trit_attrs attrs = {.n = (int64_t)seed, .n2 = low, .n3 = (int64_t)((uint64_t)high - (uint64_t)low)};
    return generate(out, device, trit_op_randint, dtype, n_dims, shape, attrs, err);
}

trit_status trit_tensor_eye(trit_tensor **out, trit_device *device, trit_dtype dtype, int64_t n_rows, int64_t n_cols, int64_t offset,
                            trit_error *err) {
    trit_tensor *result, *diagonal = NULL, *one = NULL;
    double value = 1;
    trit_status status = trit_tensor_zeros(&result, device, dtype, 2, (const int64_t[]){n_rows, n_cols}, err);
    if (status != trit_ok) return status;
    status = trit_tensor_diagonal(&diagonal, result, offset, 0, 1, err);
    if (status == trit_ok) status = trit_tensor_borrow(&one, device, trit_dtype_f64, 0, NULL, NULL, &value, err);
    if (status == trit_ok) status = trit_tensor_assign(diagonal, one, err);
    trit_tensor_free(diagonal);
    trit_tensor_free(one);
    if (status == trit_ok)
        *out = result;
    else
        trit_tensor_free(result);
    return status;
}
