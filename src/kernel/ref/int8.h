/* A float into an int8 as every kernel does it: NaN becomes 0, the rest is clamped and rounded to nearest, ties to even. */
#ifndef TRIT_KERNEL_REF_INT8_H
#define TRIT_KERNEL_REF_INT8_H

#include <stdint.h>

static inline int8_t trit_int8_from_f32(float x) {
    if (x != x) return 0;
    if (x < -128.0f) x = -128.0f;
    if (x > 127.0f) x = 127.0f;
    float shifted = x + 12582912.0f; /* 1.5 * 2^23: a unit of 1, so the addition rounds */
    return (int8_t)(shifted - 12582912.0f);
}

#endif
