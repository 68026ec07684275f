/* The scalar twin of every exp: the steps of kernel/numbers.h in plain C. */
#ifndef TRIT_KERNEL_REF_EXP_H
#define TRIT_KERNEL_REF_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernel/numbers.h"

/* e^x: 0 below -87.3, infinity above 88.72283, NaN for NaN, else within 0.99 units in the last place. */
static inline float trit_exp_f32(float x) {
    if (x != x) return x;
    if (x < trit_exp_low) return 0.0f;
    if (x > trit_exp_high) return INFINITY;
    float shifted = x * trit_exp_log2e + trit_exp_shift; /* k in the low bits */
    float k = shifted - trit_exp_shift;
    float r = x - k * trit_exp_ln2_hi;
    r = r - k * trit_exp_ln2_lo;
    float p = trit_exp_c6;
    p = p * r + trit_exp_c5;
    p = p * r + trit_exp_c4;
    p = p * r + trit_exp_c3;
    p = p * r + trit_exp_c2;
    p = (p * (r * r) + r) + 1.0f;
    /* p is in [0.707, 1.415) and 2^k p is a normal float: add k to the exponent. The rest of `shifted` is shifted out. */
    uint32_t bits, power;
    memcpy(&bits, &p, sizeof bits);
    memcpy(&power, &shifted, sizeof power);
    bits += power << 23;
    memcpy(&p, &bits, sizeof p);
    return p;
}

#endif
