/* What the t2 kernels of the AArch64 tiers share: sixteen bytes a vector, codes as signed bytes 0 to 3. */
#ifndef TRIT_KERNEL_ARM_T2_BYTES_H
#define TRIT_KERNEL_ARM_T2_BYTES_H

#include <arm_neon.h>

typedef uint8x16_t t2_bytes;
typedef int32x4_t t2_sums;

static inline t2_sums t2_zero(void) {
    return vdupq_n_s32(0);
}

static inline t2_bytes t2_load(const uint8_t *p) {
    return vld1q_u8(p);
}

static inline t2_bytes t2_part(t2_bytes w, int i) {
    return vandq_u8(vshlq_u8(w, vdupq_n_s8((int8_t)(-2 * i))), vdupq_n_u8(3));
}

/* addp adds neighbours of both operands: twice, and the four sums are whole. */
static inline void t2_total4(int32_t out[4], t2_sums a, t2_sums b, t2_sums c, t2_sums d) {
    vst1q_s32(out, vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d)));
}

#endif
