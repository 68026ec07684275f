/* Numbers beside tensors, and the functions that take some. */
#include <math.h>

#include "base/error.h"
#include "eager/eager.h"
#include "trit/maps.h"

/* [-2^(bits - 1), 2^(bits - 1)) or [0, 256). */
static bool holds(trit_dtype integer, double value) {
    if (integer == trit_dtype_u8) return value >= 0 && value < 256;
    const double end = ldexp(1, (int)(8 * trit_dtype_bytes(integer)) - 1);
    return value >= -end && value < end;
}

trit_status trit_tensor_number(trit_tensor **out, const trit_tensor *t, double value, trit_error *err) {
    trit_dtype dtype = t->view.dtype;
    trit_status status = trit_dtype_check_plain(dtype, "a number beside a tensor", err);
    if (status != trit_ok) return status;
    if (!trit_dtype_is_float(dtype)) {
        if (dtype == trit_dtype_bool) dtype = trit_dtype_i64;
        if (value != rint(value) || isinf(value))
            dtype = trit_dtype_f64;
        else if (!holds(dtype, value))
            return trit_error_set(err, trit_arg, "the number %.17g does not fit into elements of type %s", value, trit_dtype_label(dtype));
    }
    return trit_tensor_full(out, t->device, dtype, 0, NULL, value, err);
}

trit_status trit_tensor_with_number(trit_tensor **out, trit_tensor_fn2 *fn, const trit_tensor *a, double b, trit_error *err) {
    trit_tensor *number;
    trit_status status = trit_tensor_number(&number, a, b, err);
    if (status != trit_ok) return status;
    status = fn(out, a, number, err);
    trit_tensor_free(number);
    return status;
}

trit_status trit_number_with_tensor(trit_tensor **out, trit_tensor_fn2 *fn, double a, const trit_tensor *b, trit_error *err) {
    trit_tensor *number;
    trit_status status = trit_tensor_number(&number, b, a, err);
    if (status != trit_ok) return status;
    status = fn(out, number, b, err);
    trit_tensor_free(number);
    return status;
}

trit_status trit_tensor_clip(trit_tensor **out, const trit_tensor *a, double low, double high, trit_error *err) {
    trit_tensor *raised = NULL;
    trit_status status = trit_tensor_with_number(&raised, trit_tensor_maximum, a, low, err);
    if (status != trit_ok) return status;
    status = trit_tensor_with_number(out, trit_tensor_minimum, raised, high, err);
    trit_tensor_free(raised);
    return status;
}

static trit_status leaky_relu(trit_tensor **out, const trit_tensor *a, const trit_tensor *slope, trit_error *err) {
    return trit_eager_map2(out, trit_op_leaky_relu, a, slope, err);
}

static trit_status leaky_relu_slope(trit_tensor **out, const trit_tensor *a, const trit_tensor *slope, trit_error *err) {
    return trit_eager_map2(out, trit_op_leaky_relu_slope, a, slope, err);
}

trit_status trit_tensor_leaky_relu(trit_tensor **out, const trit_tensor *a, double slope, trit_error *err) {
    return trit_tensor_with_number(out, leaky_relu, a, slope, err);
}

trit_status trit_tensor_leaky_relu_grad(trit_tensor **out, const trit_tensor *x, const trit_tensor *dy, double slope, trit_error *err) {
    trit_tensor *slopes = NULL;
    trit_status status = trit_tensor_with_number(&slopes, leaky_relu_slope, x, slope, err);
    if (status != trit_ok) return status;
    status = trit_tensor_mul(out, slopes, dy, err);
    trit_tensor_free(slopes);
    return status;
}
