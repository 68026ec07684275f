/* int16 vectors with AdvSIMD. Meanings: ../x86/i16_avx2.h. Its widening multiply-add takes a row by one weight, so pairs stay apart. */
#ifndef TRIT_KERNEL_ARM_I16_NEON_H
#define TRIT_KERNEL_ARM_I16_NEON_H

#include "kernel/arm/v16_neon.h"

enum { i16_width = 8 };
typedef int16x8_t i16_vector;
typedef int32x4_t i16_sums;
typedef struct i16_pairs {
    int16x8_t row[2], partner[2];
} i16_pairs;
typedef struct i16_lanes {
    int32x4_t v[4]; /* lanes 4 i to 4 i + 3 in v[i] */
} i16_lanes;

static inline i16_vector i16_load(const int16_t *p) {
    return vld1q_s16(p);
}

static inline i16_vector i16_widen(const void *p) {
    return vmovl_s8(vld1_s8(p));
}

static inline i16_sums i16_zero(void) {
    return vdupq_n_s32(0);
}

static inline i16_sums i16_dot(i16_sums sums, i16_vector a, i16_vector b) {
    return vmlal_high_s16(vmlal_s16(sums, vget_low_s16(a), vget_low_s16(b)), a, b);
}

static inline void i16_totals(int32_t out[4], const i16_sums s[4]) {
    vst1q_s32(out, vpaddq_s32(vpaddq_s32(s[0], s[1]), vpaddq_s32(s[2], s[3])));
}

static inline i16_pairs i16_pair(const void *row, const void *partner) {
    int8x16_t a = vld1q_s8(row), b = vld1q_s8(partner);
    return (i16_pairs){{vmovl_s8(vget_low_s8(a)), vmovl_high_s8(a)}, {vmovl_s8(vget_low_s8(b)), vmovl_high_s8(b)}};
}

static inline i16_lanes i16_lanes_zero(void) {
    int32x4_t zero = vdupq_n_s32(0);
    return (i16_lanes){{zero, zero, zero, zero}};
}

static inline i16_lanes i16_mul_pairs(i16_lanes sums, i16_pairs pairs, const int16_t w[2]) {
    for (int i = 0; i < 2; i++) {
        int32x4_t low = vmlal_n_s16(sums.v[2 * i], vget_low_s16(pairs.row[i]), w[0]);
        int32x4_t high = vmlal_high_n_s16(sums.v[2 * i + 1], pairs.row[i], w[0]);
        sums.v[2 * i] = vmlal_n_s16(low, vget_low_s16(pairs.partner[i]), w[1]);
        sums.v[2 * i + 1] = vmlal_high_n_s16(high, pairs.partner[i], w[1]);
    }
    return sums;
}

static inline v16 i16_to_float(i16_lanes sums) {
    v16 x;
    for (int i = 0; i < 4; i++) x.v[i] = vcvtq_f32_s32(sums.v[i]);
    return x;
}

static inline void i16_store(int16_t *p, v16 x) {
    vst1q_s16(p, vmovn_high_s32(vmovn_s32(vcvtnq_s32_f32(x.v[0])), vcvtnq_s32_f32(x.v[1])));
    vst1q_s16(p + 8, vmovn_high_s32(vmovn_s32(vcvtnq_s32_f32(x.v[2])), vcvtnq_s32_f32(x.v[3])));
}

#endif
