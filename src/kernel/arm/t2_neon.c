/* t2_mul for AArch64 without the dot-product instructions: products widen to int16 and pairs of their sums to int32. */
#include "kernel/arm/t2_bytes.h"

static inline t2_sums t2_dot(t2_sums sums, t2_bytes codes, const int8_t *x) {
    int8x16_t c = vreinterpretq_s8_u8(codes), q = vld1q_s8(x);
    sums = vpadalq_s16(sums, vmull_s8(vget_low_s8(c), vget_low_s8(q)));
    return vpadalq_s16(sums, vmull_high_s8(c, q));
}

/* A product is within 3 * 128 = 384 and the four that meet in an int16 lane within 1536. */
static inline t2_sums t2_dot4(t2_sums sums, const t2_bytes codes[4], const int8_t *x) {
    int16x8_t low = vdupq_n_s16(0), high = low;
    for (int i = 0; i < 4; i++) {
        int8x16_t c = vreinterpretq_s8_u8(codes[i]), q = vld1q_s8(x + 64 * i);
        low = vmlal_s8(low, vget_low_s8(c), vget_low_s8(q));
        high = vmlal_high_s8(high, c, q);
    }
    return vpadalq_s16(vpadalq_s16(sums, low), high);
}

#define T2_MUL trit_t2_mul_neon
enum { T2_WIDTH = 16, T2_ROWS = 2, T2_TOKENS = 4, T2_GEMV_ROWS = 4 };
#include "kernel/t2_template.h"
