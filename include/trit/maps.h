/* Tensor functions that work element by element. Inputs of different shapes repeat to a common one, as NumPy broadcasts; results and
 * types: trit/tensor.h. Errors of all: arg (types that the function does not take, shapes that do not fit together, devices that
 * differ, a result that does not fit into *out), memory. Halves are computed in F32 and rounded once. */
#ifndef TRIT_MAPS_H
#define TRIT_MAPS_H

#include "trit/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Arithmetic. Whole numbers wrap around. BOOL: add is or, mul is and; abs, minimum and maximum keep it; neg, sub and
 * sign are errors; square, floor_div, mod and pow count it as I8. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_neg(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_abs(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_sign(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_square(trit_tensor **out, const trit_tensor *a, trit_error *err);

/* Of whole numbers these are F64, as all that follow here where nothing else is said. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_sqrt(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_rsqrt(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_reciprocal(trit_tensor **out, const trit_tensor *a, trit_error *err);

TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_add(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_sub(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_mul(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_div(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
/* floor(a / b), and what is left, which has the sign of b. Whole numbers by 0 give 0. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_floor_div(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_mod(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);

/* Errors: arg (a negative whole exponent of whole numbers). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_pow(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);

/* NaN where one is NaN. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_minimum(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_maximum(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);

/* Between two bounds, with types as those of numbers below; NaN stays. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_clip(trit_tensor **out, const trit_tensor *a, double low, double high, trit_error *err);

/* Exponentials and logarithms. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_exp(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_exp2(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_expm1(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_log(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_log2(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_log10(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_log1p(trit_tensor **out, const trit_tensor *a, trit_error *err);

/* Angles, in radians. atan2(a, b): of the point (b, a). hypot: sqrt(a a + b b) without overflow on the way. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_sin(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_cos(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_tan(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_asin(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_acos(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_atan(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_sinh(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_cosh(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_tanh(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_erf(trit_tensor **out, const trit_tensor *a, trit_error *err);

TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_atan2(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_hypot(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);

/* To whole numbers, of the same type; round: of two nearest ones the even one. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_floor(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_ceil(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_round(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_trunc(trit_tensor **out, const trit_tensor *a, trit_error *err);

/* Questions: results are BOOL. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_isnan(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_isinf(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_isfinite(trit_tensor **out, const trit_tensor *a, trit_error *err);

TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_eq(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_ne(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_lt(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_le(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_gt(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_ge(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);

/* Zero is false, all else is true (NaN too): results are BOOL. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_logical_not(trit_tensor **out, const trit_tensor *a, trit_error *err);

TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_logical_and(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_logical_or(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_logical_xor(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);

/* Bits of whole numbers and bools; floats are errors. Shifts by a negative number, or by the number of bits or more, leave 0 or -1. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_bit_not(trit_tensor **out, const trit_tensor *a, trit_error *err);

TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_bit_and(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_bit_or(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_bit_xor(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_shift_left(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_shift_right(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);

/* Activations. relu2 is relu squared; gelu is a times the normal distribution function, gelu_tanh its approximation by tanh; silu is
 * a sigmoid(a); softplus is log(1 + exp(a)); leaky_relu is a where a > 0, else slope a. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_relu(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_relu2(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_gelu(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_gelu_tanh(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_silu(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_sigmoid(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_softplus(trit_tensor **out, const trit_tensor *a, trit_error *err);

TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_leaky_relu(trit_tensor **out, const trit_tensor *a, double slope, trit_error *err);

/* Their gradients: with respect to x, or to the function's input where its result y is given, of dy, that with respect to the result. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_relu_grad(trit_tensor **out, const trit_tensor *x, const trit_tensor *dy, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_relu2_grad(trit_tensor **out, const trit_tensor *x, const trit_tensor *dy, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_gelu_grad(trit_tensor **out, const trit_tensor *x, const trit_tensor *dy, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_gelu_tanh_grad(trit_tensor **out, const trit_tensor *x, const trit_tensor *dy, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_silu_grad(trit_tensor **out, const trit_tensor *x, const trit_tensor *dy, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_sigmoid_grad(trit_tensor **out, const trit_tensor *y, const trit_tensor *dy, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_tanh_grad(trit_tensor **out, const trit_tensor *y, const trit_tensor *dy, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_leaky_relu_grad(trit_tensor **out, const trit_tensor *x, const trit_tensor *dy, double slope,
                                                                trit_error *err);

/* Numbers in place of tensors. Any function of two tensors takes one on either side:
 *
 *     status = trit_tensor_with_number(&y, trit_tensor_mul, x, 0.5, &err);
 *     status = trit_number_with_tensor(&y, trit_tensor_sub, 1, x, &err);
 *
 * A number takes the type of the tensor beside it, as Python's numbers do in NumPy 2: an F32 tensor stays F32. Beside whole numbers,
 * whole ones take their type and others are F64; beside BOOL they are I64 and F64. Errors: arg (a whole number that the type of the tensor's
 * whole numbers does not hold). */
typedef trit_status trit_tensor_fn2(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_with_number(trit_tensor **out, trit_tensor_fn2 *fn, const trit_tensor *a, double b,
                                                             trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_number_with_tensor(trit_tensor **out, trit_tensor_fn2 *fn, double a, const trit_tensor *b,
                                                             trit_error *err);
/* That number: a new tensor without dimensions, of the type it takes beside `t` and on its device. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_number(trit_tensor **out, const trit_tensor *t, double value, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
