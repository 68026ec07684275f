/* t3_mul for AArch64 without the dot-product instructions: trits by comparisons, products added in int16.
 *
 * A product is within 128, and a lane takes one of each chunk: 80 of five planes stay within 10240, for several tokens; 64 of a
 * plane's four blocks within 8192. */
#include "kernel/arm/t3_bytes.h"
#include "quant/layout.h"

typedef struct t3_sums {
    int16x8_t low, high; /* rows 0 and 1, rows 2 and 3: four lanes each */
} t3_sums, t3_dots;

static inline t3_dots t3_zero(void) {
    return (t3_dots){vdupq_n_s16(0), vdupq_n_s16(0)};
}

static inline t3_dots t3_dots_zero(void) {
    return t3_zero();
}

static inline t3_dots t3_dot(t3_dots dots, t2_bytes codes, int8x16_t four) {
    return (t3_dots){vmlal_s8(dots.low, vget_low_s8(codes), vget_low_s8(four)), vmlal_high_s8(dots.high, codes, four)};
}

static inline t2_wide t3_widen(t2_wide wide, t3_dots dots) {
    return vaddq_s32(wide, vpaddq_s32(vpaddlq_s16(dots.low), vpaddlq_s16(dots.high)));
}

static inline t3_sums t3_add(t3_sums sums, t2_bytes f, t2_bytes next, int8x16_t four) {
    (void)next;
    return t3_dot(sums, t3_code(f), four);
}

static inline t2_wide t3_settle(t2_wide wide, t3_sums sums) {
    return t3_widen(wide, sums);
}

#define T3_MUL trit_t3_mul_neon
enum { T3_OFFSET = 0, T3_SPAN = 4, T3_PLANES = trit_t3_planes, T3_VECTORS = 2, T3_TOKENS = 4 };
#include "kernel/t3_template.h"
