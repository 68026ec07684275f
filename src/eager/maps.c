/* The public functions of single elements: a row of tensor/maps.def each. What they share is in map.c. */
#include "trit/maps.h"

#include "eager/eager.h"

trit_status trit_tensor_neg(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_neg, a, err);
}

trit_status trit_tensor_abs(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_abs, a, err);
}

trit_status trit_tensor_sign(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_sign, a, err);
}

trit_status trit_tensor_square(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_square, a, err);
}

trit_status trit_tensor_sqrt(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_sqrt, a, err);
}

trit_status trit_tensor_rsqrt(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_rsqrt, a, err);
}

trit_status trit_tensor_reciprocal(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_reciprocal, a, err);
}

trit_status trit_tensor_exp(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_exp, a, err);
}

trit_status trit_tensor_exp2(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_exp2, a, err);
}

trit_status trit_tensor_expm1(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_expm1, a, err);
}

trit_status trit_tensor_log(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_log, a, err);
}

trit_status trit_tensor_log2(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_log2, a, err);
}

trit_status trit_tensor_log10(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_log10, a, err);
}

trit_status trit_tensor_log1p(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_log1p, a, err);
}

trit_status trit_tensor_sin(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_sin, a, err);
}

trit_status trit_tensor_cos(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_cos, a, err);
}

trit_status trit_tensor_tan(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_tan, a, err);
}

trit_status trit_tensor_asin(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_asin, a, err);
}

trit_status trit_tensor_acos(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_acos, a, err);
}

trit_status trit_tensor_atan(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_atan, a, err);
}

trit_status trit_tensor_sinh(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_sinh, a, err);
}

trit_status trit_tensor_cosh(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_cosh, a, err);
}

trit_status trit_tensor_tanh(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_tanh, a, err);
}

trit_status trit_tensor_erf(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_erf, a, err);
}

trit_status trit_tensor_floor(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_floor, a, err);
}

trit_status trit_tensor_ceil(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_ceil, a, err);
}

trit_status trit_tensor_round(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_round, a, err);
}

trit_status trit_tensor_trunc(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_trunc, a, err);
}

trit_status trit_tensor_isnan(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_isnan, a, err);
}

trit_status trit_tensor_isinf(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_isinf, a, err);
}

trit_status trit_tensor_isfinite(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_isfinite, a, err);
}

trit_status trit_tensor_logical_not(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_logical_not, a, err);
}

/* A bool is one bit. */
trit_status trit_tensor_bit_not(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, a->view.dtype == trit_dtype_bool ? trit_op_logical_not : trit_op_bit_not, a, err);
}

trit_status trit_tensor_relu(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_relu, a, err);
}

trit_status trit_tensor_relu2(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_relu2, a, err);
}

trit_status trit_tensor_gelu(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_gelu, a, err);
}

trit_status trit_tensor_gelu_tanh(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_gelu_tanh, a, err);
}

trit_status trit_tensor_silu(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_silu, a, err);
}

trit_status trit_tensor_sigmoid(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_sigmoid, a, err);
}

trit_status trit_tensor_softplus(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return trit_eager_map1(out, trit_op_softplus, a, err);
}

trit_status trit_tensor_add(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_add, a, b, err);
}

trit_status trit_tensor_sub(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_sub, a, b, err);
}

trit_status trit_tensor_mul(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_mul, a, b, err);
}

trit_status trit_tensor_div(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_div, a, b, err);
}

trit_status trit_tensor_floor_div(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_floor_div, a, b, err);
}

trit_status trit_tensor_mod(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_mod, a, b, err);
}

trit_status trit_tensor_pow(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_pow, a, b, err);
}

trit_status trit_tensor_minimum(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_minimum, a, b, err);
}

trit_status trit_tensor_maximum(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_maximum, a, b, err);
}

trit_status trit_tensor_atan2(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_atan2, a, b, err);
}

trit_status trit_tensor_hypot(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_hypot, a, b, err);
}

trit_status trit_tensor_eq(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_eq, a, b, err);
}

trit_status trit_tensor_ne(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_ne, a, b, err);
}

trit_status trit_tensor_lt(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_lt, a, b, err);
}

trit_status trit_tensor_le(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_le, a, b, err);
}

trit_status trit_tensor_gt(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_gt, a, b, err);
}

trit_status trit_tensor_ge(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_ge, a, b, err);
}

trit_status trit_tensor_logical_and(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_logical_and, a, b, err);
}

trit_status trit_tensor_logical_or(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_logical_or, a, b, err);
}

trit_status trit_tensor_logical_xor(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_logical_xor, a, b, err);
}

trit_status trit_tensor_bit_and(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_bit_and, a, b, err);
}

trit_status trit_tensor_bit_or(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_bit_or, a, b, err);
}

trit_status trit_tensor_bit_xor(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_bit_xor, a, b, err);
}

trit_status trit_tensor_shift_left(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_shift_left, a, b, err);
}

trit_status trit_tensor_shift_right(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return trit_eager_map2(out, trit_op_shift_right, a, b, err);
}

trit_status trit_tensor_relu_grad(trit_tensor **out, const trit_tensor *x, const trit_tensor *dy, trit_error *err) {
    return trit_eager_map2(out, trit_op_relu_grad, x, dy, err);
}

trit_status trit_tensor_relu2_grad(trit_tensor **out, const trit_tensor *x, const trit_tensor *dy, trit_error *err) {
    return trit_eager_map2(out, trit_op_relu2_grad, x, dy, err);
}

trit_status trit_tensor_gelu_grad(trit_tensor **out, const trit_tensor *x, const trit_tensor *dy, trit_error *err) {
    return trit_eager_map2(out, trit_op_gelu_grad, x, dy, err);
}

trit_status trit_tensor_gelu_tanh_grad(trit_tensor **out, const trit_tensor *x, const trit_tensor *dy, trit_error *err) {
    return trit_eager_map2(out, trit_op_gelu_tanh_grad, x, dy, err);
}

trit_status trit_tensor_silu_grad(trit_tensor **out, const trit_tensor *x, const trit_tensor *dy, trit_error *err) {
    return trit_eager_map2(out, trit_op_silu_grad, x, dy, err);
}

trit_status trit_tensor_sigmoid_grad(trit_tensor **out, const trit_tensor *y, const trit_tensor *dy, trit_error *err) {
    return trit_eager_map2(out, trit_op_sigmoid_grad, y, dy, err);
}

trit_status trit_tensor_tanh_grad(trit_tensor **out, const trit_tensor *y, const trit_tensor *dy, trit_error *err) {
    return trit_eager_map2(out, trit_op_tanh_grad, y, dy, err);
}
