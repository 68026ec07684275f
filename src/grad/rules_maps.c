/* Functions of single elements: gy times the derivative. */
#include "grad/calc.h"
#include "trit/index.h"

static const double ln2 = 0.69314718055994530942, ln10 = 2.30258509299404568402, two_over_sqrt_pi = 1.12837916709551257390;

/* The sum of the others has the derivative 1: gy, which the walk sums to the shape that was repeated and converts. */
trit_tensor *trit_rule_same(trit_calc *c, uint32_t i) {
    (void)i;
    return c->gy;
}

trit_tensor *trit_rule_neg(trit_calc *c, uint32_t i) {
    (void)i;
    return neg(c, c->gy);
}

trit_tensor *trit_rule_abs(trit_calc *c, uint32_t i) {
    (void)i;
    return mul(c, c->gy, of(c, trit_tensor_sign, in(c, 0)));
}

/* 2 x */
trit_tensor *trit_rule_square(trit_calc *c, uint32_t i) {
    (void)i;
    return mul(c, c->gy, add(c, in(c, 0), in(c, 0)));
}

/* 1 / (2 y) */
trit_tensor *trit_rule_sqrt(trit_calc *c, uint32_t i) {
    (void)i;
    return over(c, c->gy, add(c, result(c), result(c)));
}

/* -y^3 / 2 */
trit_tensor *trit_rule_rsqrt(trit_calc *c, uint32_t i) {
    (void)i;
    return mul(c, mul(c, c->gy, number(c, -0.5)), mul(c, result(c), of(c, trit_tensor_square, result(c))));
}

/* -y^2 */
trit_tensor *trit_rule_reciprocal(trit_calc *c, uint32_t i) {
    (void)i;
    return neg(c, mul(c, c->gy, of(c, trit_tensor_square, result(c))));
}

trit_tensor *trit_rule_exp(trit_calc *c, uint32_t i) {
    (void)i;
    return mul(c, c->gy, result(c));
}

trit_tensor *trit_rule_exp2(trit_calc *c, uint32_t i) {
    (void)i;
    return mul(c, c->gy, mul(c, result(c), number(c, ln2)));
}

/* y + 1 */
trit_tensor *trit_rule_expm1(trit_calc *c, uint32_t i) {
    (void)i;
    return add(c, c->gy, mul(c, c->gy, result(c)));
}

trit_tensor *trit_rule_log(trit_calc *c, uint32_t i) {
    (void)i;
    return over(c, c->gy, in(c, 0));
}

trit_tensor *trit_rule_log2(trit_calc *c, uint32_t i) {
    (void)i;
    return over(c, c->gy, mul(c, in(c, 0), number(c, ln2)));
}

trit_tensor *trit_rule_log10(trit_calc *c, uint32_t i) {
    (void)i;
    return over(c, c->gy, mul(c, in(c, 0), number(c, ln10)));
}

trit_tensor *trit_rule_log1p(trit_calc *c, uint32_t i) {
    (void)i;
    return over(c, c->gy, add(c, number(c, 1), in(c, 0)));
}

trit_tensor *trit_rule_sin(trit_calc *c, uint32_t i) {
    (void)i;
    return mul(c, c->gy, of(c, trit_tensor_cos, in(c, 0)));
}

trit_tensor *trit_rule_cos(trit_calc *c, uint32_t i) {
    (void)i;
    return neg(c, mul(c, c->gy, of(c, trit_tensor_sin, in(c, 0))));
}

/* 1 + y^2 */
trit_tensor *trit_rule_tan(trit_calc *c, uint32_t i) {
    (void)i;
    return add(c, c->gy, mul(c, c->gy, of(c, trit_tensor_square, result(c))));
}

/* 1 / sqrt(1 - x^2) */
trit_tensor *trit_rule_asin(trit_calc *c, uint32_t i) {
    (void)i;
    return mul(c, c->gy, of(c, trit_tensor_rsqrt, sub(c, number(c, 1), of(c, trit_tensor_square, in(c, 0)))));
}

trit_tensor *trit_rule_acos(trit_calc *c, uint32_t i) {
    return neg(c, trit_rule_asin(c, i));
}

/* 1 / (1 + x^2) */
trit_tensor *trit_rule_atan(trit_calc *c, uint32_t i) {
    (void)i;
    return over(c, c->gy, add(c, number(c, 1), of(c, trit_tensor_square, in(c, 0))));
}

trit_tensor *trit_rule_sinh(trit_calc *c, uint32_t i) {
    (void)i;
    return mul(c, c->gy, of(c, trit_tensor_cosh, in(c, 0)));
}

trit_tensor *trit_rule_cosh(trit_calc *c, uint32_t i) {
    (void)i;
    return mul(c, c->gy, of(c, trit_tensor_sinh, in(c, 0)));
}

trit_tensor *trit_rule_tanh(trit_calc *c, uint32_t i) {
    (void)i;
    return of2(c, trit_tensor_tanh_grad, result(c), c->gy);
}

/* 2 / sqrt(pi) exp(-x^2) */
trit_tensor *trit_rule_erf(trit_calc *c, uint32_t i) {
    (void)i;
    return mul(c, mul(c, c->gy, number(c, two_over_sqrt_pi)), of(c, trit_tensor_exp, neg(c, of(c, trit_tensor_square, in(c, 0)))));
}

trit_tensor *trit_rule_relu(trit_calc *c, uint32_t i) {
    (void)i;
    return of2(c, trit_tensor_relu_grad, in(c, 0), c->gy);
}

trit_tensor *trit_rule_relu2(trit_calc *c, uint32_t i) {
    (void)i;
    return of2(c, trit_tensor_relu2_grad, in(c, 0), c->gy);
}

trit_tensor *trit_rule_gelu(trit_calc *c, uint32_t i) {
    (void)i;
    return of2(c, trit_tensor_gelu_grad, in(c, 0), c->gy);
}

trit_tensor *trit_rule_gelu_tanh(trit_calc *c, uint32_t i) {
    (void)i;
    return of2(c, trit_tensor_gelu_tanh_grad, in(c, 0), c->gy);
}

trit_tensor *trit_rule_silu(trit_calc *c, uint32_t i) {
    (void)i;
    return of2(c, trit_tensor_silu_grad, in(c, 0), c->gy);
}

trit_tensor *trit_rule_sigmoid(trit_calc *c, uint32_t i) {
    (void)i;
    return of2(c, trit_tensor_sigmoid_grad, result(c), c->gy);
}

trit_tensor *trit_rule_softplus(trit_calc *c, uint32_t i) {
    (void)i;
    return mul(c, c->gy, of(c, trit_tensor_sigmoid, in(c, 0)));
}

trit_tensor *trit_rule_leaky_relu(trit_calc *c, uint32_t i) {
    trit_tensor *t = NULL;
    double slope;
    if (i == 1) return NULL; /* a number */
    c->status = trit_tensor_get(in(c, 1), NULL, &slope, c->err);
    if (c->status != trit_ok) return NULL;
    return trit_calc_own(c, trit_tensor_leaky_relu_grad(&t, in(c, 0), c->gy, slope, c->err), &t);
}

trit_tensor *trit_rule_sub(trit_calc *c, uint32_t i) {
    return i == 0 ? c->gy : neg(c, c->gy);
}

trit_tensor *trit_rule_mul(trit_calc *c, uint32_t i) {
    return mul(c, c->gy, in(c, 1 - i));
}

/* y = a / b: 1 / b and -y / b */
trit_tensor *trit_rule_div(trit_calc *c, uint32_t i) {
    if (i == 0) return over(c, c->gy, in(c, 1));
    return neg(c, mul(c, c->gy, over(c, result(c), in(c, 1))));
}

/* a - b floor(a / b) */
trit_tensor *trit_rule_mod(trit_calc *c, uint32_t i) {
    if (i == 0) return c->gy;
    return neg(c, mul(c, c->gy, of2(c, trit_tensor_floor_div, in(c, 0), in(c, 1))));
}

/* b a^(b - 1), 0 where b is; y log(a), 0 where a is and b is not negative. */
trit_tensor *trit_rule_pow(trit_calc *c, uint32_t i) {
    trit_tensor *a = in(c, 0), *b = in(c, 1), *zero = number(c, 0);
    if (i == 0) {
        trit_tensor *slope = mul(c, b, of2(c, trit_tensor_pow, a, sub(c, b, number(c, 1))));
        return trit_calc_only(c, of2(c, trit_tensor_ne, b, zero), mul(c, c->gy, slope));
    }
    trit_tensor *has_slope = of2(c, trit_tensor_logical_or, of2(c, trit_tensor_ne, a, zero), of2(c, trit_tensor_lt, b, zero));
    return trit_calc_only(c, has_slope, mul(c, c->gy, mul(c, result(c), of(c, trit_tensor_log, a))));
}

/* Of the winner; of equals each has a half. */
static trit_tensor *winner(trit_calc *c, const trit_tensor *loses) {
    trit_tensor *equal = of2(c, trit_tensor_eq, in(c, 0), in(c, 1)), *half = mul(c, c->gy, number(c, 0.5)), *shared = NULL;
    if (!equal || !half || !loses) return NULL;
    trit_calc_own(c, trit_tensor_where(&shared, equal, half, c->gy, c->err), &shared);
    return trit_calc_only(c, of(c, trit_tensor_logical_not, loses), shared);
}

trit_tensor *trit_rule_minimum(trit_calc *c, uint32_t i) {
    return winner(c, of2(c, trit_tensor_gt, in(c, i), in(c, 1 - i)));
}

trit_tensor *trit_rule_maximum(trit_calc *c, uint32_t i) {
    return winner(c, of2(c, trit_tensor_lt, in(c, i), in(c, 1 - i)));
}

/* b / (a^2 + b^2) and -a / (a^2 + b^2) */
trit_tensor *trit_rule_atan2(trit_calc *c, uint32_t i) {
    trit_tensor *norm = add(c, of(c, trit_tensor_square, in(c, 0)), of(c, trit_tensor_square, in(c, 1)));
    trit_tensor *slope = over(c, mul(c, c->gy, in(c, 1 - i)), norm);
    return i == 0 ? slope : neg(c, slope);
}

trit_tensor *trit_rule_hypot(trit_calc *c, uint32_t i) {
    return mul(c, c->gy, over(c, in(c, i), result(c)));
}
