/* c6_mul with NEON: products are within 63 * 128 = 8064, so int16 holds four of them; pairs are then added into int32. */
#include "kernel/arm/c6_bytes.h"

static inline t2_wide c6_dot(t2_wide sums, const t2_bytes codes[4], const int8_t *x) {
    int16x8_t low = vdupq_n_s16(0), high = low; /* rows 0 and 1, rows 2 and 3 */
    for (int i = 0; i < 4; i++) {
        const int8x16_t four = t2_four(x + 4 * i);
        low = vmlal_s8(low, vget_low_s8(codes[i]), vget_low_s8(four));
        high = vmlal_high_s8(high, codes[i], four);
    }
    return vaddq_s32(sums, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
}

#define C6_MUL trit_c6_mul_neon
enum { C6_TOKENS = 2 };
#include "kernel/c6_template.h"
