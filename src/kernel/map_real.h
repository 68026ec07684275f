/* Functions of floats of type T, a part of map_type.h. */

static inline T NAME(abs)(T a) {
    return FN(fabs)(a);
}

/* Masks and no branches where NaN takes part, so that loops become vector code. */
static inline T NAME(minimum)(T a, T b) {
    return (a < b) | (a != a) ? a : b;
}

static inline T NAME(maximum)(T a, T b) {
    return (a > b) | (a != a) ? a : b;
}

static inline T NAME(sign)(T a) {
    return a != a ? a : (T)((a > 0) - (a < 0));
}

static inline T NAME(floor)(T a) {
    return FN(floor)(a);
}

static inline T NAME(ceil)(T a) {
    return FN(ceil)(a);
}

static inline T NAME(round)(T a) {
    return FN(rint)(a);
}

static inline T NAME(trunc)(T a) {
    return FN(trunc)(a);
}

static inline bool NAME(isnan)(T a) {
    return a != a;
}

static inline bool NAME(isinf)(T a) {
    return FN(fabs)(a) == (T)INFINITY;
}

static inline bool NAME(isfinite)(T a) {
    return FN(fabs)(a) < (T)INFINITY;
}

static inline T NAME(sqrt)(T a) {
    return FN(sqrt)(a);
}

static inline T NAME(rsqrt)(T a) {
    return 1 / FN(sqrt)(a);
}

static inline T NAME(reciprocal)(T a) {
    return 1 / a;
}

static inline T NAME(div)(T a, T b) {
    return a / b;
}

/* Python's: the rest has the sign of b, and floor_div is the whole number nearest to (a - mod) / b. */
static inline T NAME(mod)(T a, T b) {
    const T rest = FN(fmod)(a, b);
    if (rest == 0) return FN(copysign)(0, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

static inline T NAME(floor_div)(T a, T b) {
    if (b == 0) return a / b;
    const T rest = FN(fmod)(a, b);
    T quotient = (a - rest) / b;
    if (rest != 0 && (rest < 0) != (b < 0)) quotient -= 1;
    if (quotient == 0) return FN(copysign)(0, a / b);
    const T whole = FN(floor)(quotient);
    return quotient - whole > (T)0.5 ? whole + 1 : whole;
}

static inline T NAME(exp)(T a) {
    return FN(exp)(a);
}

static inline T NAME(exp2)(T a) {
    return FN(exp2)(a);
}

static inline T NAME(expm1)(T a) {
    return FN(expm1)(a);
}

static inline T NAME(log)(T a) {
    return FN(log)(a);
}

static inline T NAME(log2)(T a) {
    return FN(log2)(a);
}

static inline T NAME(log10)(T a) {
    return FN(log10)(a);
}

static inline T NAME(log1p)(T a) {
    return FN(log1p)(a);
}

static inline T NAME(sin)(T a) {
    return FN(sin)(a);
}

static inline T NAME(cos)(T a) {
    return FN(cos)(a);
}

static inline T NAME(tan)(T a) {
    return FN(tan)(a);
}

static inline T NAME(asin)(T a) {
    return FN(asin)(a);
}

static inline T NAME(acos)(T a) {
    return FN(acos)(a);
}

static inline T NAME(atan)(T a) {
    return FN(atan)(a);
}

static inline T NAME(sinh)(T a) {
    return FN(sinh)(a);
}

static inline T NAME(cosh)(T a) {
    return FN(cosh)(a);
}

static inline T NAME(tanh)(T a) {
    return FN(tanh)(a);
}

static inline T NAME(erf)(T a) {
    return FN(erf)(a);
}

static inline T NAME(pow)(T a, T b) {
    return FN(pow)(a, b);
}

static inline T NAME(atan2)(T a, T b) {
    return FN(atan2)(a, b);
}

static inline T NAME(hypot)(T a, T b) {
    return FN(hypot)(a, b);
}

/* ---- activations ---- */

static inline T NAME(relu)(T a) {
    return a < 0 ? 0 : a; /* NaN stays */
}

static inline T NAME(relu_grad)(T a, T b) {
    return a > 0 ? b : 0;
}

static inline T NAME(relu2)(T a) {
    return NAME(relu)(a) * NAME(relu)(a);
}

static inline T NAME(relu2_grad)(T a, T b) {
    return 2 * NAME(relu)(a) * b;
}

static inline T NAME(leaky_relu)(T a, T b) {
    return a > 0 ? a : a * b;
}

static inline T NAME(leaky_relu_slope)(T a, T b) {
    return a > 0 ? 1 : b;
}

static inline T NAME(sigmoid)(T a) {
    return 1 / (1 + NAME(exp)(-a));
}

static inline T NAME(sigmoid_grad)(T a, T b) {
    return b * (a * (1 - a));
}

static inline T NAME(tanh_grad)(T a, T b) {
    return b * (1 - a * a);
}

static inline T NAME(silu)(T a) {
    return a * NAME(sigmoid)(a);
}

static inline T NAME(silu_grad)(T a, T b) {
    const T s = NAME(sigmoid)(a);
    return b * (s * (1 + a * (1 - s)));
}

static inline T NAME(softplus)(T a) {
    return NAME(maximum)(a, 0) + NAME(log1p)(NAME(exp)(-NAME(abs)(a)));
}

/* The distribution function by way of erfc, which is exact where it is small. */
static inline T NAME(normal_below)(T a) {
    return (T)0.5 * FN(erfc)(a * (T)-0.70710678118654752440);
}

static inline T NAME(gelu)(T a) {
    return a * NAME(normal_below)(a);
}

static inline T NAME(gelu_grad)(T a, T b) {
    const T density = (T)0.39894228040143267794 * NAME(exp)((T)-0.5 * a * a);
    return b * (NAME(normal_below)(a) + a * density);
}

/* 0.5 (1 + tanh(z)) = sigmoid(2 z), which is exact where it is small. z = sqrt(2 / pi) (a + 0.044715 a^3). */
static inline T NAME(gelu_tanh_gate)(T a) {
    return NAME(sigmoid)((T)1.59576912160573071176 * (a + (T)0.044715 * (a * a * a)));
}

static inline T NAME(gelu_tanh)(T a) {
    return a * NAME(gelu_tanh_gate)(a);
}

static inline T NAME(gelu_tanh_grad)(T a, T b) {
    const T s = NAME(gelu_tanh_gate)(a), slope = (T)1.59576912160573071176 * (1 + (T)0.134145 * (a * a));
    return b * (s + a * s * (1 - s) * slope);
}
