/* Functions of floats of type T that are one instruction or a few, a part of map_type.h. */

static inline T NAME(abs)(T a) {
    return FN(fabs)(a);
}

/* Masks and no branches where NaN takes part, so that loops become vector code. */
static inline T NAME(minimum)(T a, T b) {
    return ((a < b) | (a != a)) ? a : b;
}

static inline T NAME(maximum)(T a, T b) {
    return ((a > b) | (a != a)) ? a : b;
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

static inline T NAME(sigmoid_grad)(T a, T b) {
    return b * (a * (1 - a));
}

static inline T NAME(tanh_grad)(T a, T b) {
    return b * (1 - a * a);
}
