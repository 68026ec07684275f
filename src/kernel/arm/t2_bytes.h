/* What the t2 and t3 kernels of the AArch64 tiers share: sixteen bytes a vector, four rows; codes as signed bytes 0 to 3, or 0 to 12. */
#ifndef TRIT_KERNEL_ARM_T2_BYTES_H
#define TRIT_KERNEL_ARM_T2_BYTES_H

#include <arm_neon.h>
#include <string.h>

enum { T2_BYTES = 16 };
typedef int8x16_t t2_bytes;
typedef int32x4_t t2_wide;

static inline t2_wide t2_wide_zero(void) {
    return vdupq_n_s32(0);
}

static inline t2_bytes t2_load(const uint8_t *p) {
    return vreinterpretq_s8_u8(vld1q_u8(p));
}

static inline t2_bytes t2_low(t2_bytes w) {
    return vandq_s8(w, vdupq_n_s8(3));
}

static inline t2_bytes t2_second(t2_bytes w) {
    return vandq_s8(w, vdupq_n_s8(12));
}

static inline t2_bytes t2_upper(t2_bytes w) {
    return vreinterpretq_s8_u8(vshrq_n_u8(vreinterpretq_u8_s8(w), 4));
}

static inline t2_bytes t2_part(t2_bytes w, int i) {
    return t2_low(vreinterpretq_s8_u8(vshlq_u8(vreinterpretq_u8_s8(w), vdupq_n_s8((int8_t)(-2 * i)))));
}

static inline int8x16_t t2_four(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

static inline t2_wide t2_whole(t2_wide ones, t2_wide fours) {
    return vsraq_n_s32(ones, fours, 2);
}

static inline void t2_store(int32_t *p, t2_wide wide) {
    vst1q_s32(p, wide);
}

#endif
