/* The quantizer of BitNet b1.58 (arXiv:2402.17764 eq. 1-3) and its inverse question: is this tensor ternary already? */
#include <math.h>

#include "quant/quant.h"

/* Eight sums, so that the additions do not wait for each other, joined in one order: the same bits on every machine. */
double trit_abs_sum(const float *w, uint64_t n) {
    double sums[8] = {0};
    uint64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int lane = 0; lane < 8; lane++) sums[lane] += fabs((double)w[i + (unsigned)lane]);
    for (int lane = 0; i < n; i++, lane++) sums[lane] += fabs((double)w[i]);
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

float trit_absmean(const float *w, uint64_t n) {
    const float mean = n ? (float)(trit_abs_sum(w, n) / (double)n) : 0;
    return mean < 1e-5f ? 1e-5f : mean; /* a NaN stays one, for the caller to see */
}

/* Round to nearest even puts exactly +-0.5 on 0, so of all w / g only those beyond +-0.5 become +-1. Nothing is divided for that: a w
 * above g / 2 is so by one part in 2^24 at least, and the quotient of floats above 0.5 with it; and 2 w is exact, or infinite. */
void trit_absmean_trits(const float *w, uint64_t n, float scale, int8_t *trits) {
    for (uint64_t i = 0; i < n; i++) trits[i] = (int8_t)((2 * w[i] > scale) - (2 * w[i] < -scale));
}

bool trit_is_ternary(const float *w, uint64_t n, float *scale) {
    float value = 0;
    for (uint64_t i = 0; i < n; i++) {
        const float a = fabsf(w[i]);
        if (a == 0) continue;
        if (value == 0) value = a;
        if (a != value || isinf(a)) return false; /* a NaN equals nothing */
    }
    *scale = value != 0 ? value : 1;
    return true;
}

bool trit_ternary_row(const float *w, uint64_t n, uint32_t group, int8_t *trits, float *scales) {
    const uint64_t step = group ? group : n;
    for (uint64_t at = 0; at < n; at += step) {
        const uint64_t m = n - at < step ? n - at : step;
        if (!trit_is_ternary(w + at, m, scales++)) return false;
        for (uint64_t i = at; i < at + m; i++) trits[i] = (int8_t)((w[i] > 0) - (w[i] < 0));
    }
    return true;
}
