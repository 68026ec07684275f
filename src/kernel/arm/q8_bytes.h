/* What the q8 kernels of the AArch64 tiers share: sixteen bytes a vector, four rows. */
#ifndef TRIT_KERNEL_ARM_Q8_BYTES_H
#define TRIT_KERNEL_ARM_Q8_BYTES_H

#include <arm_neon.h>
#include <string.h>

enum { Q8_BYTES = 16, Q8_OFFSET = 0 };
typedef int8x16_t q8_bytes, q8_four;

static inline q8_bytes q8_load(const int8_t *p) {
    return vld1q_s8(p);
}

static inline q8_four q8_fours(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

#endif
