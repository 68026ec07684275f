/* Sixteen float lanes in four AdvSIMD registers: lanes 4 i to 4 i + 3 in v[i]. Meanings: x86/v16_avx512.h. AdvSIMD's own max and
 * min answer NaN for NaN, so they are comparisons and selections here. */
#ifndef TRIT_KERNEL_ARM_V16_NEON_H
#define TRIT_KERNEL_ARM_V16_NEON_H

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

typedef struct v16 {
    float32x4_t v[4];
} v16;

static inline v16 v16_set1(float x) {
    float32x4_t v = vdupq_n_f32(x);
    return (v16){{v, v, v, v}};
}

static inline v16 v16_zero(void) {
    return v16_set1(0.0f);
}

static inline v16 v16_load(const void *p) {
    const float *f = p;
    return (v16){{vld1q_f32(f), vld1q_f32(f + 4), vld1q_f32(f + 8), vld1q_f32(f + 12)}};
}

/* The conversions between half and single are part of AArch64; arithmetic in half precision, which is not, is not used. */
static inline v16 v16_load_f16(const void *p) {
    const uint16_t *h = p;
    float16x8_t low = vreinterpretq_f16_u16(vld1q_u16(h)), high = vreinterpretq_f16_u16(vld1q_u16(h + 8));
    return (v16){{vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low), vcvt_f32_f16(vget_low_f16(high)), vcvt_high_f32_f16(high)}};
}

static inline v16 v16_load_bf16(const void *p) {
    const uint16_t *h = p;
    uint16x8_t low = vld1q_u16(h), high = vld1q_u16(h + 8);
    return (v16){{vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(low), 16)), vreinterpretq_f32_u32(vshll_high_n_u16(low, 16)),
                  vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(high), 16)), vreinterpretq_f32_u32(vshll_high_n_u16(high, 16))}};
}

static inline v16 v16_from_i8(int8x16_t q) {
    int16x8_t low = vmovl_s8(vget_low_s8(q)), high = vmovl_high_s8(q);
    return (v16){{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
                  vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))}};
}

static inline v16 v16_load_trits(const void *p) {
    static const int32_t shift[4] = {0, -2, -4, -6};
    uint32_t four;
    memcpy(&four, p, sizeof four);
    uint32x4_t moved = vshlq_u32(vdupq_n_u32(four), vld1q_s32(shift));
    uint8x16_t codes = vandq_u8(vreinterpretq_u8_u32(moved), vdupq_n_u8(3));
    return v16_from_i8(vreinterpretq_s8_u8(vsubq_u8(codes, vdupq_n_u8(1))));
}

static inline void v16_store(float *p, v16 x) {
    for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, x.v[i]);
}

static inline void v16_store_f16(uint16_t *p, v16 x) {
    vst1q_u16(p, vreinterpretq_u16_f16(vcvt_high_f16_f32(vcvt_f16_f32(x.v[0]), x.v[1])));
    vst1q_u16(p + 8, vreinterpretq_u16_f16(vcvt_high_f16_f32(vcvt_f16_f32(x.v[2]), x.v[3])));
}

static inline void v16_store_i8(int8_t *p, v16 x) {
    int16x8_t low = vmovn_high_s32(vmovn_s32(vcvtnq_s32_f32(x.v[0])), vcvtnq_s32_f32(x.v[1]));
    int16x8_t high = vmovn_high_s32(vmovn_s32(vcvtnq_s32_f32(x.v[2])), vcvtnq_s32_f32(x.v[3]));
    vst1q_s8(p, vmovn_high_s16(vmovn_s16(low), high));
}

static inline v16 v16_add(v16 x, v16 y) {
    for (int i = 0; i < 4; i++) x.v[i] = vaddq_f32(x.v[i], y.v[i]);
    return x;
}

static inline v16 v16_sub(v16 x, v16 y) {
    for (int i = 0; i < 4; i++) x.v[i] = vsubq_f32(x.v[i], y.v[i]);
    return x;
}

static inline v16 v16_mul(v16 x, v16 y) {
    for (int i = 0; i < 4; i++) x.v[i] = vmulq_f32(x.v[i], y.v[i]);
    return x;
}

static inline v16 v16_div(v16 x, v16 y) {
    for (int i = 0; i < 4; i++) x.v[i] = vdivq_f32(x.v[i], y.v[i]);
    return x;
}

static inline v16 v16_abs(v16 x) {
    for (int i = 0; i < 4; i++) x.v[i] = vabsq_f32(x.v[i]);
    return x;
}

static inline v16 v16_where_less(v16 x, v16 y, v16 yes, v16 no) {
    for (int i = 0; i < 4; i++) no.v[i] = vbslq_f32(vcltq_f32(x.v[i], y.v[i]), yes.v[i], no.v[i]);
    return no;
}

static inline v16 v16_where_nan(v16 x, v16 yes, v16 no) {
    for (int i = 0; i < 4; i++) no.v[i] = vbslq_f32(vceqq_f32(x.v[i], x.v[i]), no.v[i], yes.v[i]);
    return no;
}

static inline v16 v16_max(v16 x, v16 y) {
    return v16_where_less(y, x, x, y);
}

static inline v16 v16_min(v16 x, v16 y) {
    return v16_where_less(x, y, x, y);
}

static inline v16 v16_add_exponent(v16 x, v16 shifted) {
    for (int i = 0; i < 4; i++)
        x.v[i] = vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(x.v[i]), vshlq_n_s32(vreinterpretq_s32_f32(shifted.v[i]), 23)));
    return x;
}

static inline float v16_sum(v16 x) {
    float32x4_t four = vaddq_f32(vaddq_f32(x.v[0], x.v[2]), vaddq_f32(x.v[1], x.v[3]));
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

static inline float v16_largest(v16 x) {
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(x.v[0], x.v[1]), vmaxq_f32(x.v[2], x.v[3])));
}

#endif
