/* Functions of floats that are no single instruction, a part of map_type.h: without branches, so that loops over them become vector
 * code, and from additions, multiplications, divisions and roots alone, so that they have the same bits on every machine. Most are computed
 * in double and rounded once, within 0.521 units in the last place; exp, log, tanh, sin, cos and pow are wanted so often that they are computed in
 * float where that costs at most 1.6 units: what each is within stands beside it (measured by tests/kernel/test_map_f32.c). The polynomials
 * are minimax, by Remez' exchange; their errors, which stand beside them, are far below half a unit of a float. */

static inline uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static const uint64_t sign_bit = 1ull << 63, fraction_bits = (1ull << 52) - 1;
static const double ln_2 = 0x1.62e42fefa39efp-1, log2_e = 0x1.71547652b82fep+0, log10_e = 0x1.bcb7b1526e50ep-2;
static const double pi_half = 0x1.921fb54442d18p+0, sqrt_half = 0x1.6a09e667f3bcdp-1;
/* Added and taken away again it rounds to a whole number, which stands in the low bits of the sum: 1.5 * 2^52, whose unit is 1. */
static const double whole_shift = 0x1.8p52;

static inline double magnitude(double x) {
    return from_bits(bits_of(x) & ~sign_bit);
}

/* `x`, which is not negative, with the sign of `s`. */
static inline double with_sign(double x, double s) {
    return from_bits(bits_of(x) | (bits_of(s) & sign_bit));
}

/* NaN stays. */
static inline double clamp(double x, double low, double high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}

/* ---- exponentials: e^x = 2^k e^r, k = x / ln 2 rounded, |r| <= ln 2 / 2 ---- */

/* Beyond, e^x is 0 or infinite as a float, and all that is made of it here is what it is at infinity. */
static const double exp_far = 200;

/* e^r - 1 = r (1 + r P(r)), within 2^-32 r. */
static inline double expm1_near(double r) {
    double p = 0x1.a1a0ba570f567p-13;
    p = p * r + 0x1.6d7492c3a7b1ap-10;
    p = p * r + 0x1.11109020c4696p-7;
    p = p * r + 0x1.5554adc625279p-5;
    p = p * r + 0x1.555555889ff8ep-3;
    p = p * r + 0x1.00000027e3198p-1;
    return r * (1 + r * p);
}

static inline double exp_any(double x) {
    x = clamp(x, -exp_far, exp_far);
    const double shifted = x * log2_e + whole_shift, r = x - (shifted - whole_shift) * ln_2;
    return from_bits(bits_of(1 + expm1_near(r)) + (bits_of(shifted) << 52));
}

static inline double expm1_any(double x) {
    x = clamp(x, -exp_far, exp_far);
    const double shifted = x * log2_e + whole_shift, r = x - (shifted - whole_shift) * ln_2;
    const double power = from_bits(bits_of(1) + (bits_of(shifted) << 52));
    return power * expm1_near(r) + (power - 1);
}

/* In float, which is twice as fast: the steps of kernel/numbers.h, and 2^k by two factors, so that results below the normal floats
 * come out too. Within 0.99 units in the last place, 1.01 below the normal floats. */
static inline float exp_f32(float a) {
    a = a < -104.0f ? -104.0f : a;
    a = a > 89.0f ? 89.0f : a;
    const float shifted = a * trit_exp_log2e + trit_exp_shift, k = shifted - trit_exp_shift;
    const float r = (a - k * trit_exp_ln2_hi) - k * trit_exp_ln2_lo;
    float p = trit_exp_c6;
    p = p * r + trit_exp_c5;
    p = p * r + trit_exp_c4;
    p = p * r + trit_exp_c3;
    p = p * r + trit_exp_c2;
    p = (p * (r * r) + r) + 1.0f;
    const uint32_t power = trit_bits_from_f32(shifted) - trit_bits_from_f32(trit_exp_shift); /* k, its sign above */
    const uint32_t half = (power + 256) / 2 - 128;
    return p * trit_f32_from_bits((half + 127) << 23) * trit_f32_from_bits((power - half + 127) << 23);
}

static inline float exp2_f32(float a) {
    return (float)exp_any(a * ln_2);
}

static inline float expm1_f32(float a) {
    return (float)with_sign(magnitude(expm1_any(a)), a);
}

static inline float sinh_f32(float a) {
    const double e = expm1_any(magnitude(a));
    return (float)with_sign(0.5 * (e + e / (1 + e)), a);
}

static inline float cosh_f32(float a) {
    const double e = exp_any(magnitude(a));
    return (float)(0.5 * (e + 1 / e));
}

/* In float: (e^2x - 1) / (e^2x + 1), x = |a| = k ln 2 / 2 + r; both divided by 2^(k + 1) they are n = (1/2 - 2^-(k + 1)) + r + r^2 P(r) and n + 2^-k. An
 * error of n counts the less the nearer the quotient is to 1, and k times half of the float next to ln 2, whose last 3 bits are 0, is exact where that
 * matters. Near 0 roundings of n and its neighbour would add up; there, with k = 0, the quotient is x + (r^2 P(r) - x n) / (n + 1).
 * P: minimax, r + r^2 P(r) within 2^-27. Within 1.51 units in the last place. */
static inline float tanh_f32(float a) {
    const uint32_t bits = trit_bits_from_f32(fabsf(a)), far = trit_bits_from_f32(10.0f); /* 1 from 9.02 on */
    const uint32_t near = trit_mask(!(fabsf(a) > 0.26f)); /* NaN, too, which stays */
    const float x = trit_f32_from_bits(bits < far ? bits : far);
    const float shifted = trit_f32_from_bits(~near & trit_bits_from_f32(x)) * (2 * trit_exp_log2e) + trit_exp_shift;
    const float r = x - (shifted - trit_exp_shift) * 0x1.62e43p-2f, z = r * r;
    const float p = ((0x1.99d806p-7f * r + 0x1.6ff9bp-5f) * z + (0x1.1110e6p-3f * r + 0x1.555144p-2f)) * z + (0x1.555558p-1f * r + 0x1.000002p+0f);
    const uint32_t power = trit_bits_from_f32(shifted) << 23; /* k, where an exponent stands */
    const float part = trit_f32_from_bits(trit_bits_from_f32(1.0f) - power), half = trit_f32_from_bits(trit_bits_from_f32(0.5f) - power);
    const float more = z * p, n = ((0.5f - half) + r) + more, known = trit_f32_from_bits(near & bits);
    const float rest = trit_f32_from_bits((near & trit_bits_from_f32(more)) | (~near & trit_bits_from_f32(n)));
    return copysignf(known + (rest - known * n) / (n + part), a);
}

/* ---- logarithms: x = 2^k m, m in [sqrt(1/2), sqrt(2)) ---- */

/* log of 2^k (1 + f), by s = f / (2 + f): log(1 + f) = 2 s + s^3 L(s^2), within 2^-37. */
static inline double log_near(double k, double f) {
    const double s = f / (2 + f), z = s * s;
    double p = 0x1.e2f718101ac07p-3;
    p = p * z + 0x1.2438d3324a718p-2;
    p = p * z + 0x1.999a7a9b0b75fp-2;
    p = p * z + 0x1.555554fd94588p-1;
    return k * ln_2 + s * (2 + z * p);
}

/* The exponent k with its bias 1023 above m's fraction, counted from sqrt(1/2). */
static inline uint64_t log_split(double x) {
    return bits_of(x) - bits_of(sqrt_half) + bits_of(1);
}

static inline double log_exponent(uint64_t split) {
    return from_bits(split >> 52 | bits_of(0x1p52)) - (0x1p52 + 1023);
}

static inline double log_mantissa(uint64_t split) {
    return from_bits((split & fraction_bits) + bits_of(sqrt_half));
}

/* What is no logarithm of a positive number. */
static inline double log_special(double y, double x) {
    y = x < (double)INFINITY ? y : x;
    return x > 0 ? y : x == 0 ? -(double)INFINITY : (double)NAN;
}

static inline double log_any(double x) {
    const uint64_t split = log_split(x);
    return log_special(log_near(log_exponent(split), log_mantissa(split) - 1), x);
}

/* In float, of normal numbers: log(1 + f) = f - (h - s (h + z L(z))), h = f^2 / 2, s = f / (2 + f), z = s^2, so that what is rounded is small beside f,
 * which is exact. Within 2^-30 but for rounding. Within 0.82 units in the last place. */
static inline float log_normal_f32(float a) {
    const uint32_t split = trit_bits_from_f32(a) - trit_bits_from_f32((float)sqrt_half);
    const float k = (float)((int32_t)split >> 23);
    const float f = trit_f32_from_bits((split & 0x7fffff) + trit_bits_from_f32((float)sqrt_half)) - 1.0f;
    const float s = f / (2.0f + f), z = s * s, h = 0.5f * f * f;
    const float p = 0x1.31e0dap-2f * (z * z) + (0x1.995ed4p-2f * z + 0x1.55557ap-1f);
    return (f - (h - (s * (h + z * p) + k * trit_exp_ln2_lo))) + k * trit_exp_ln2_hi;
}

static inline bool is_normal_positive(float a) {
    return trit_bits_from_f32(a) - 0x00800000u < 0x7f000000u;
}

static inline float log_f32(float a) {
    const float y = log_normal_f32(a), odd = (float)log_any(a);
    return is_normal_positive(a) ? y : odd;
}

static inline float log2_f32(float a) {
    return (float)(log_any(a) * log2_e);
}

static inline float log10_f32(float a) {
    return (float)(log_any(a) * log10_e);
}

/* 1 + x is rounded; what is lost goes into f. */
static inline double log1p_any(double x) {
    const double sum = 1 + x, lost = x - (sum - 1);
    const uint64_t split = log_split(sum);
    const double scale = from_bits((2046ull << 52) - (split & ~fraction_bits)); /* 2^-k */
    return log_special(log_near(log_exponent(split), log_mantissa(split) - 1 + lost * scale), sum);
}

static inline float log1p_f32(float a) {
    return (float)with_sign(magnitude(log1p_any(a)), a);
}

/* b log2(a) of a normal a, as log_near with coefficients by 1 / ln 2. */
static inline double power_exponent(float a, float scale, float b) {
    const uint32_t split = trit_bits_from_f32(a) - trit_bits_from_f32((float)sqrt_half);
    const float k = (float)((int32_t)split >> 23) - scale;
    const double f = trit_f32_from_bits((split & 0x7fffff) + trit_bits_from_f32((float)sqrt_half)) - 1.0f, s = f / (2 + f), z = s * s;
    double p = 0x1.5c6259a95c945p-2;
    p = p * z + 0x1.a5965720ed4b2p-2;
    p = p * z + 0x1.2777675481d31p-1;
    p = p * z + 0x1.ec709d450f95cp-1;
    return (double)b * ((double)k + s * (0x1.71547652b82fep+1 + z * p));
}

/* 2^x within 2^-28, |x| < 1000. */
static inline float power_of_2(double x) {
    const double shifted = x + whole_shift, r = x - (shifted - whole_shift);
    double p = 0x1.470bb77a46f52p-13;
    p = p * r + 0x1.5f72ab5408bedp-10;
    p = p * r + 0x1.3b270d9c9d74fp-7;
    p = p * r + 0x1.c6ae726c4070ep-5;
    p = p * r + 0x1.ebfbe2c625c2ap-3;
    p = p * r + 0x1.62e431179312ep-1;
    return (float)from_bits(bits_of(1 + r * p) + (bits_of(shifted) << 52));
}

/* |a|^b by logarithms, of a normal positive a and |b| <= 7, which keeps the exponent within 1000. Within 0.55 units in the last place. */
static const float power_near = 7;

static inline float pow_near_f32(float a, float b) {
    return power_of_2(power_exponent(a, 0, b));
}

/* The same of all: odd whole exponents keep a's sign; others of negative numbers have no power. */
static inline float pow_f32(float a, float b) {
    const float base = fabsf(a), far = INFINITY;
    const bool is_small = base < 0x1p-126f;
    const double x = a, y = b, half = 0.5 * y;
    const double exponent = power_exponent(is_small ? base * 0x1p24f : base, is_small ? 24.0f : 0.0f, b);
    const double of_0 = b < 0 ? (double)INFINITY : -(double)INFINITY;
    double t = base == 0 ? of_0 : base == far ? -of_0 : exponent;
    t = ((base != base) | (b != b)) ? (double)NAN : t;
    float power = power_of_2(clamp(t, -exp_far, exp_far));
    power = ((b == 0) | (a == 1) | ((base == 1) & (fabsf(b) == far))) ? 1 : power;
    const bool is_whole = (fabsf(b) >= 0x1p24f) | ((y + whole_shift) - whole_shift == y);
    const bool is_even = (fabsf(b) >= 0x1p25f) | ((half + whole_shift) - whole_shift == half);
    const float with_odd = copysignf(power, a);
    power = (is_whole & !is_even) ? with_odd : power;
    return ((x < 0) & (base < far) & !is_whole & (y == y)) ? NAN : power;
}

/* ---- angles ---- */

/* Up to here a float and the nearest multiple k of pi / 2 have their difference r in double by two steps: k fits 20 bits, and
 * k times the first 33 bits of pi / 2 is exact. */
static const float angle_far = 0x1p20f;

typedef struct angle {
    double sine, cosine; /* of r, |r| <= pi / 4 */
    uint64_t quarter;    /* k in its low bits */
} angle;

/* sin r = r (1 + z S(z)), cos r = 1 - z / 2 + z^2 C(z), z = r^2; within 2^-37 and 2^-32. */
static inline angle angle_of(double x) {
    const double shifted = x * 0x1.45f306dc9c883p-1 + whole_shift, k = shifted - whole_shift;
    const double r = (x - k * 0x1.921fb544p+0) - k * 0x1.0b4611a626331p-34, z = r * r;
    double s = 0x1.6cd82ec919b63p-19, c = 0x1.9a0236fc43befp-16;
    s = s * z - 0x1.a00f9d16925c8p-13;
    s = s * z + 0x1.11110895e73f1p-7;
    s = s * z - 0x1.5555554cba59ep-3;
    c = c * z - 0x1.6c0c8b851ee75p-10;
    c = c * z + 0x1.55554ab448107p-5;
    return (angle){.sine = r * (1 + z * s), .cosine = 1 - z * (0.5 - z * c), .quarter = bits_of(shifted)};
}

static inline double quarter_sine(const angle *a, uint64_t quarter) {
    const double y = (quarter & 1) ? a->cosine : a->sine;
    return from_bits(bits_of(y) ^ (quarter & 2) << 62);
}

/* Sine and cosine as above, r in double, the polynomials in float; within 2^-27 and 2^-32 up to |r| = 0.84, since k is chosen in float. Within
 * 1.6 units in the last place. */
static inline float sine_f32(float a, uint32_t quarter) {
    const float shifted = a * 0x1.45f306p-1f + trit_exp_shift, k = shifted - trit_exp_shift;
    const double exact = ((double)a - (double)k * 0x1.921fb544p+0) - (double)k * 0x1.0b4611a626331p-34;
    const float r = (float)exact, z = r * r;
    const float w = z * z, s = (0x1.110474p-7f - 0x1.985998p-13f * z) * w - 0x1.55553ep-3f * z; /* +0 of r = -0 */
    const float c = (0x1.555546p-5f - 0x1.6c09a8p-10f * z) + 0x1.9930e4p-16f * w;
    const float sine = r + r * s, cosine = 1.0f - (0.5f * z - w * c);
    quarter += trit_bits_from_f32(shifted);
    const float y = (quarter & 1) ? cosine : sine;
    return trit_f32_from_bits(trit_bits_from_f32(y) ^ (quarter & 2) << 30);
}

static inline float sin_f32(float a) {
    return sine_f32(a, 0);
}

static inline float cos_f32(float a) {
    return sine_f32(a, 1);
}

static inline float tan_f32(float a) {
    const angle x = angle_of(a);
    return (float)(quarter_sine(&x, x.quarter) / quarter_sine(&x, x.quarter + 1));
}

/* atan q = q (1 + z A(z)), z = q^2, 0 <= q <= 1; within 2^-34. */
static inline double atan_near(double q) {
    const double z = q * q;
    double p = -0x1.74eda098a95edp-11;
    p = p * z + 0x1.47a29a6d6b9b9p-8;
    p = p * z - 0x1.0dde522028dacp-6;
    p = p * z + 0x1.1c4cfbf8256a1p-5;
    p = p * z - 0x1.c023af6e2f12ep-5;
    p = p * z + 0x1.29c10b1fb8fabp-4;
    p = p * z - 0x1.702e5403ddce7p-4;
    p = p * z + 0x1.c675a220266cfp-4;
    p = p * z - 0x1.248a9d0881581p-3;
    p = p * z + 0x1.99993e99b8023p-3;
    p = p * z - 0x1.55555498b37f4p-2;
    return q * (1 + z * p);
}

/* The angle of the point (x, y), not both 0 or infinite. */
static inline double atan2_any(double y, double x) {
    const double up = magnitude(y), along = magnitude(x);
    const bool is_steep = up > along;
    double t = atan_near((is_steep ? along : up) / (is_steep ? up : along));
    t = is_steep ? pi_half - t : t;
    t = (bits_of(x) & sign_bit) ? 2 * pi_half - t : t;
    return with_sign(t, y);
}

static inline float atan_f32(float a) {
    return (float)atan2_any(a, 1);
}

static inline float asin_f32(float a) {
    const double x = a;
    return (float)atan2_any(x, sqrt((1 - x) * (1 + x)));
}

static inline float acos_f32(float a) {
    const double x = a;
    return (float)atan2_any(sqrt((1 - x) * (1 + x)), x);
}

/* Both infinite: as if both were 1. Both 0: as if x were 1. */
static inline float atan2_f32(float a, float b) {
    const double up = magnitude(a), along = magnitude(b);
    const bool are_far = (up == (double)INFINITY) & (along == (double)INFINITY);
    const double x = (are_far | ((up == 0) & (along == 0))) ? 1 : along, y = are_far ? 1 : up;
    return (float)atan2_any(with_sign(y, a), with_sign(x, b));
}

static inline float hypot_f32(float a, float b) {
    const double x = magnitude(a), y = magnitude(b), far = (double)INFINITY;
    return (float)(((x == far) | (y == far)) ? far : sqrt(x * x + y * y));
}

/* ---- the error function and activations ---- */

/* erfc(z) e^(z^2) = t E(t), t = 1 / (1 + 0.4 z), z >= 0; within 2^-33 up to z = 10.3, where erfc is below all floats. */
static inline double erfc_scaled(double z) {
    const double t = 1 / (1 + 0.4 * z);
    double p = 0x1.64141fcd4e462p-6;
    p = p * t - 0x1.46185be297f93p-3;
    p = p * t + 0x1.ee74a716058afp-2;
    p = p * t - 0x1.844c8650e85cdp-1;
    p = p * t + 0x1.4d286458d70e4p-1;
    p = p * t - 0x1.8b50fb1a46ea4p-2;
    p = p * t + 0x1.e6ecacea0b493p-3;
    p = p * t + 0x1.235c93545853ep-4;
    p = p * t + 0x1.744346e6cdf76p-3;
    p = p * t + 0x1.a66cf0dd38d3bp-3;
    p = p * t + 0x1.ce66a44c60c32p-3;
    p = p * t + 0x1.ce2d352924a41p-3;
    return t * p;
}

/* erf(z) = z E(z^2) within 2^-29 for |z| <= 1, else by erfc. */
static inline float erf_f32(float a) {
    const double x = a, z = x * x, far = magnitude(x);
    double near = 0x1.496a1205dd8a7p-14;
    near = near * z - 0x1.a3f71ee6f44a4p-11;
    near = near * z + 0x1.5405bdbe5ae84p-8;
    near = near * z - 0x1.b7f90fd9c848cp-6;
    near = near * z + 0x1.ce2cf783e6fbap-4;
    near = near * z - 0x1.81273deb8b3c5p-2;
    near = near * z + 0x1.20dd74fe4bd53p+0;
    const double beyond = with_sign(1 - exp_any(-z) * erfc_scaled(far), x);
    return (float)(far < 1 ? x * near : beyond);
}

/* The normal distribution function, given e^(-x^2 / 2). */
static inline double normal_below(double x, double bell) {
    const double tail = 0.5 * bell * erfc_scaled(magnitude(x) * sqrt_half);
    return x < 0 ? tail : 1 - tail;
}

static inline float gelu_f32(float a) {
    const double x = a < -40 ? -40 : (double)a; /* below, the product is 0 as a float */
    return (float)(x * normal_below(x, exp_any(-0.5 * x * x)));
}

static inline float gelu_grad_f32(float a, float b) {
    const double x = clamp(a, -40, 40), bell = exp_any(-0.5 * x * x);
    return (float)(b * (normal_below(x, bell) + 0x1.9884533d43651p-2 * x * bell)); /* 1 / sqrt(2 pi) */
}

static inline double sigmoid_any(double x) {
    return 1 / (1 + exp_any(-x));
}

static inline float sigmoid_f32(float a) {
    return (float)sigmoid_any(a);
}

static inline float silu_f32(float a) {
    const double x = a < -(float)exp_far ? -exp_far : (double)a;
    return (float)(x * sigmoid_any(x));
}

static inline float silu_grad_f32(float a, float b) {
    const double x = clamp(a, -exp_far, exp_far), s = sigmoid_any(x);
    return (float)(b * (s * (1 + x * (1 - s))));
}

static inline float softplus_f32(float a) {
    const double x = a;
    return (float)((x < 0 ? 0 : x) + log1p_any(exp_any(-magnitude(x))));
}

/* 0.5 (1 + tanh(z)) = sigmoid(2 z), which is exact where it is small; z = sqrt(2 / pi) (x + 0.044715 x^3). */
static inline double gelu_tanh_gate(double x) {
    return sigmoid_any(0x1.9884533d43651p+0 * (x + 0.044715 * (x * x * x)));
}

static inline float gelu_tanh_f32(float a) {
    const double x = a < -40 ? -40 : (double)a;
    return (float)(x * gelu_tanh_gate(x));
}

static inline float gelu_tanh_grad_f32(float a, float b) {
    const double x = clamp(a, -40, 40), s = gelu_tanh_gate(x), slope = 0x1.9884533d43651p+0 * (1 + 0.134145 * (x * x));
    return (float)(b * (s + x * s * (1 - s) * slope));
}
