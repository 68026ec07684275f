/* Elementary functions by argument reduction and Taylor series; plain and slow, used for tables and sampling. */
#include "base/math.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* ln 2 in two parts, pi/2 in three: all but the last have their low bits zero, so that a product with an integer is exact. pi/2's
 * have 23 bits, which leaves 30 for the integer. */
static const double ln2_hi = 6.93147180369123816490e-01, ln2_lo = 1.90821492927058770002e-10;
static const double half_pi_1 = 1.570796251296997070312e+00, half_pi_2 = 7.549789415861596353352e-08,
                    half_pi_3 = 5.390302858158118968110e-15;

/* 2^n for -1022 <= n <= 1023. */
static double power_of_two(int n) {
    uint64_t bits = (uint64_t)(n + 1023) << 52;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* 1.5 * 2^52: adding it to |x| < 2^51 leaves no fraction bits, and the nearest integer in the lowest ones. */
static const double integer_shift = 6755399441055744.0;

/* Nearest integer; |x| < 2^51. */
static double nearest(double x) {
    return (x + integer_shift) - integer_shift;
}

static const double log2_e = 1.44269504088896340736;

/* e^x / 2^k for the integer k nearest to x / ln 2: between 0.707 and 1.415. */
static inline double exp_fraction(double x, double k) {
    static const double inverse_factorial[] = {1.0,           1.0,            1.0 / 2,         1.0 / 6,          1.0 / 24,
                                               1.0 / 120,     1.0 / 720,      1.0 / 5040,      1.0 / 40320,      1.0 / 362880,
                                               1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
    double r = (x - k * ln2_hi) - k * ln2_lo; /* |r| <= ln2 / 2 = 0.347 */
    double sum = inverse_factorial[13];
    for (int i = 12; i >= 0; i--) sum = sum * r + inverse_factorial[i]; /* what is left out: 0.347^14 / 14! = 4e-18 */
    return sum;
}

double trit_exp(double x) {
    if (x != x) return x;
    if (x > 709.78) return x > 709.79 ? HUGE_VAL : trit_exp(x - 1.0) * 2.718281828459045235;
    if (x < -745.0) return 0.0;
    double k = nearest(x * log2_e), fraction = exp_fraction(x, k);
    int n = (int)k;
    return n < -1000 ? fraction * power_of_two(n + 100) * power_of_two(-100) : fraction * power_of_two(n - 1) * 2.0;
}

/* e^x is a normal number for |x| <= this, so that 2^k is an addition to the exponent. */
static const double exp_plain_max = 690.0;

/* Without branches, so that compilers make vectors of it. What is not plain gets some number, and is done again. */
void trit_exp_each(double *y, const double *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        double shifted = x[i] * log2_e + integer_shift, fraction = exp_fraction(x[i], shifted - integer_shift);
        uint64_t bits, k;
        memcpy(&bits, &fraction, sizeof bits);
        memcpy(&k, &shifted, sizeof k);
        bits += k << 52;
        memcpy(&y[i], &bits, sizeof bits);
    }
    for (size_t i = 0; i < n; i++)
        if (!(fabs(x[i]) <= exp_plain_max)) y[i] = trit_exp(x[i]);
}

double trit_log(double x) {
    if (x != x || x < 0) return NAN;
    if (x == 0) return -HUGE_VAL;
    if (x > 1.7976931348623157e308) return x;
    int n = 0;
    if (x < 2.2250738585072014e-308) { /* subnormal */
        x *= power_of_two(60);
        n = -60;
    }
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    n += (int)(bits >> 52) - 1023;
    bits = (bits & 0x000fffffffffffffu) | (uint64_t)1023 << 52;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.41421356237309505) {
        m *= 0.5;
        n++;
    }
    /* log m = 2 atanh((m - 1) / (m + 1)), |s| <= 0.1716, s^23 / 23 = 1e-19 */
    double s = (m - 1.0) / (m + 1.0), s2 = s * s, sum = 0.0;
    for (int i = 23; i >= 1; i -= 2) sum = sum * s2 + 1.0 / i;
    return (double)n * ln2_hi + ((double)n * ln2_lo + 2.0 * s * sum);
}

double trit_pow(double base, double exponent) {
    return trit_exp(exponent * trit_log(base));
}

void trit_sincos(double x, double *sin, double *cos) {
    double k = nearest(x * 0.63661977236758134308);
    double r = ((x - k * half_pi_1) - k * half_pi_2) - k * half_pi_3; /* |r| <= pi / 4 */
    double r2 = r * r, s = 1.0, c = 1.0;
    for (int i = 10; i >= 1; i--) s = 1.0 - r2 * s / ((2.0 * i) * (2.0 * i + 1.0)); /* sin r / r */
    for (int i = 10; i >= 1; i--) c = 1.0 - r2 * c / ((2.0 * i - 1.0) * (2.0 * i)); /* cos r */
    s *= r;
    switch ((int64_t)k & 3) {
    case 0: *sin = s, *cos = c; break;
    case 1: *sin = c, *cos = -s; break;
    case 2: *sin = -s, *cos = -c; break;
    default: *sin = -c, *cos = s; break;
    }
}

double trit_log_sum_exp(const float *x, size_t n) {
    float max = x[0];
    for (size_t i = 1; i < n; i++)
        if (x[i] > max) max = x[i];
    enum { at_once = 256 };
    double sum = 0, d[at_once], e[at_once];
    for (size_t i = 0; i < n; i += at_once) {
        const size_t m = n - i < at_once ? n - i : at_once;
        for (size_t k = 0; k < m; k++) d[k] = (double)x[i + k] - (double)max;
        trit_exp_each(e, d, m);
        for (size_t k = 0; k < m; k++) sum += e[k];
    }
    return (double)max + trit_log(sum);
}

bool trit_any_nan(const float *x, size_t n) {
    bool any = false;
    for (size_t i = 0; i < n; i++) any |= isnan(x[i]) != 0;
    return any;
}

bool trit_all_finite(const float *x, size_t n) {
    float sum = 0; /* 0 * x is 0 for every finite x and NaN for the rest */
    for (size_t i = 0; i < n; i++) sum += 0.0f * x[i];
    return sum == 0.0f;
}

uint32_t trit_argmax(const float *x, uint32_t n) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}
