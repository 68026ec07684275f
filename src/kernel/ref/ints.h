/* A float into an int8 or int16 as every kernel does it: NaN becomes 0, the rest is clamped and rounded to nearest, ties to even. */
#ifndef TRIT_KERNEL_REF_INTS_H
#define TRIT_KERNEL_REF_INTS_H

#include <stdint.h>

static inline float trit_round_within(float x, float low, float high) {
    if (x != x) return 0.0f;
    if (x < low) x = low;
    if (x > high) x = high;
    float shifted = x + 12582912.0f; /* 1.5 * 2^23: a unit of 1, so the addition rounds */
    return shifted - 12582912.0f;
}

static inline int8_t trit_int8_from_f32(float x) {
    return (int8_t)trit_round_within(x, -128.0f, 127.0f);
}

static inline int16_t trit_int16_from_f32(float x, float limit) {
    return (int16_t)trit_round_within(x, -limit, limit);
}

#endif
