/* Mean, variance, deviation and norm, made of the functions that they are defined by. */
#include "base/error.h"
#include "eager/eager.h"
#include "trit/maps.h"
#include "trit/reduce.h"

/* Halves are computed in F32; whole numbers in F64. */
static trit_dtype real(trit_dtype t) {
    return trit_dtype_is_float(t) ? trit_eager_computed(t) : trit_dtype_f64;
}

/* Elements that one of the result stands for; the axes are in order, as a sum over them was made. */
static int64_t count(const trit_tensor *t, uint32_t n_axes, const int32_t *axes) {
    trit_eager_op op = {0};
    trit_status status = trit_eager_axes(&op.attrs.axes, t, n_axes, axes, "", NULL);
    return status == trit_ok ? trit_eager_reduce_shape(&op, t, false) : 0;
}

/* *x: t, or *made of it, of the type. */
static trit_status widen(const trit_tensor **x, trit_tensor **made, const trit_tensor *t, trit_dtype type, trit_error *err) {
    *x = t;
    if (t->view.dtype == type) return trit_ok;
    trit_status status = trit_tensor_cast(made, t, type, err);
    if (status == trit_ok) *x = *made;
    return status;
}

/* x, which this takes, as a result of the type that belongs to t. */
static trit_status hand_over(trit_tensor **out, trit_tensor *x, const trit_tensor *t, trit_error *err) {
    const trit_dtype result = trit_dtype_is_float(t->view.dtype) ? t->view.dtype : trit_dtype_f64;
    if (x->view.dtype == result) return trit_eager_give(out, x, err);
    trit_status status = trit_tensor_cast(out, x, result, err);
    trit_tensor_free(x);
    return status;
}

/* The mean in the type that it is computed in. I64 is summed as F64, whose sums do not wrap around. */
static trit_status mean(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err) {
    const trit_tensor *x;
    trit_tensor *wide = NULL, *sum = NULL;
    const trit_dtype in = t->view.dtype;
    trit_status status = widen(&x, &wide, t, in == trit_dtype_i64 || trit_dtype_is_float(in) ? real(in) : in, err);
    if (status == trit_ok) status = trit_tensor_sum(&sum, x, n_axes, axes, keepdims, err);
    if (status == trit_ok) status = trit_tensor_with_number(out, trit_tensor_div, sum, (double)count(t, n_axes, axes), err);
    trit_tensor_free(wide);
    trit_tensor_free(sum);
    return status;
}

trit_status trit_tensor_mean(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err) {
    trit_tensor *m = NULL;
    trit_status status = mean(&m, t, n_axes, axes, keepdims, err);
    return status == trit_ok ? hand_over(out, m, t, err) : status;
}

/* The sum of squares of what is left of x without its mean, over the rest of the degrees of freedom. */
static trit_status variance(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, double ddof, bool keepdims,
                            trit_error *err) {
    const trit_tensor *x;
    trit_tensor *wide = NULL, *m = NULL, *rest = NULL, *square = NULL, *sum = NULL;
    const double n = (double)count(t, n_axes, axes) - ddof;
    trit_status status = widen(&x, &wide, t, real(t->view.dtype), err);
    if (status == trit_ok) status = trit_tensor_mean(&m, x, n_axes, axes, true, err);
    if (status == trit_ok) status = trit_tensor_sub(&rest, x, m, err);
    if (status == trit_ok) status = trit_tensor_mul(&square, rest, rest, err);
    if (status == trit_ok) status = trit_tensor_sum(&sum, square, n_axes, axes, keepdims, err);
    if (status == trit_ok) status = trit_tensor_with_number(out, trit_tensor_div, sum, n > 0 ? n : 0, err);
    trit_tensor *const made[] = {wide, m, rest, square, sum};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) trit_tensor_free(made[i]);
    return status;
}

trit_status trit_tensor_var(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, double ddof, bool keepdims,
                            trit_error *err) {
    trit_tensor *v = NULL;
    trit_status status = variance(&v, t, n_axes, axes, ddof, keepdims, err);
    return status == trit_ok ? hand_over(out, v, t, err) : status;
}

/* The square root of x, which this takes. */
static trit_status hand_over_root(trit_tensor **out, trit_tensor *x, const trit_tensor *t, trit_error *err) {
    trit_tensor *root = NULL;
    trit_status status = trit_tensor_sqrt(&root, x, err);
    trit_tensor_free(x);
    return status == trit_ok ? hand_over(out, root, t, err) : status;
}

trit_status trit_tensor_std(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, double ddof, bool keepdims,
                            trit_error *err) {
    trit_tensor *v = NULL;
    trit_status status = variance(&v, t, n_axes, axes, ddof, keepdims, err);
    return status == trit_ok ? hand_over_root(out, v, t, err) : status;
}

trit_status trit_tensor_norm(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err) {
    const trit_tensor *x;
    trit_tensor *wide = NULL, *square = NULL, *sum = NULL;
    trit_status status = widen(&x, &wide, t, real(t->view.dtype), err);
    if (status == trit_ok) status = trit_tensor_mul(&square, x, x, err);
    if (status == trit_ok) status = trit_tensor_sum(&sum, square, n_axes, axes, keepdims, err);
    trit_tensor_free(wide);
    trit_tensor_free(square);
    return status == trit_ok ? hand_over_root(out, sum, t, err) : status;
}
