/* Functions of doubles that are no single instruction, a part of map_type.h: what the C library gives, one by one. */

static inline double exp_f64(double a) {
    return exp(a);
}

static inline double exp2_f64(double a) {
    return exp2(a);
}

static inline double expm1_f64(double a) {
    return expm1(a);
}

static inline double log_f64(double a) {
    return log(a);
}

static inline double log2_f64(double a) {
    return log2(a);
}

static inline double log10_f64(double a) {
    return log10(a);
}

static inline double log1p_f64(double a) {
    return log1p(a);
}

static inline double sin_f64(double a) {
    return sin(a);
}

static inline double cos_f64(double a) {
    return cos(a);
}

static inline double tan_f64(double a) {
    return tan(a);
}

static inline double asin_f64(double a) {
    return asin(a);
}

static inline double acos_f64(double a) {
    return acos(a);
}

static inline double atan_f64(double a) {
    return atan(a);
}

static inline double sinh_f64(double a) {
    return sinh(a);
}

static inline double cosh_f64(double a) {
    return cosh(a);
}

static inline double tanh_f64(double a) {
    return tanh(a);
}

static inline double erf_f64(double a) {
    return erf(a);
}

static inline double pow_f64(double a, double b) {
    return pow(a, b);
}

static inline double atan2_f64(double a, double b) {
    return atan2(a, b);
}

static inline double hypot_f64(double a, double b) {
    return hypot(a, b);
}

/* Beyond, e^x is 0 or infinite, and all that is made of it here is what it is at infinity. */
static const double exp_far_f64 = 800;

static inline double clamp_f64(double x, double low, double high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

/* The exponential of what is not positive never overflows. */
static inline double sigmoid_f64(double a) {
    const double e = exp(-fabs(a));
    return (a < 0 ? e : 1) / (1 + e);
}

static inline double silu_f64(double a) {
    const double x = a < -exp_far_f64 ? -exp_far_f64 : a;
    return x * sigmoid_f64(x);
}

static inline double silu_grad_f64(double a, double b) {
    const double x = clamp_f64(a, -exp_far_f64, exp_far_f64), s = sigmoid_f64(x);
    return b * (s * (1 + x * (1 - s)));
}

static inline double softplus_f64(double a) {
    return (a < 0 ? 0 : a) + log1p(exp(-fabs(a)));
}

/* The normal distribution function by way of erfc, which is exact where it is small. */
static inline double normal_below_f64(double a) {
    return 0.5 * erfc(a * -0x1.6a09e667f3bcdp-1);
}

static inline double gelu_f64(double a) {
    const double x = a < -40 ? -40 : a; /* below, the product is 0 */
    return x * normal_below_f64(x);
}

static inline double gelu_grad_f64(double a, double b) {
    const double x = clamp_f64(a, -40, 40);
    return b * (normal_below_f64(x) + 0x1.9884533d43651p-2 * x * exp(-0.5 * x * x)); /* 1 / sqrt(2 pi) */
}

/* 0.5 (1 + tanh(z)) = sigmoid(2 z), which is exact where it is small; z = sqrt(2 / pi) (x + 0.044715 x^3). */
static inline double gelu_tanh_gate_f64(double x) {
    return sigmoid_f64(0x1.9884533d43651p+0 * (x + 0.044715 * (x * x * x)));
}

static inline double gelu_tanh_f64(double a) {
    const double x = a < -40 ? -40 : a;
    return x * gelu_tanh_gate_f64(x);
}

static inline double gelu_tanh_grad_f64(double a, double b) {
    const double x = clamp_f64(a, -40, 40), s = gelu_tanh_gate_f64(x), slope = 0x1.9884533d43651p+0 * (1 + 0.134145 * (x * x));
    return b * (s + x * s * (1 - s) * slope);
}
