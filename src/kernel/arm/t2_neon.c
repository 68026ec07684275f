/* t2_mul for AArch64 without the dot-product instructions: products are added in int16 and fours of their sums in int32.
 *
 * A product is within 3 * 128 = 384, four times that where the code stands at bits 3:2. In a chunk a lane takes two of the latter
 * (3072) for one token, or four of the former (1536) for several: eight and sixteen chunks stay within 24576. */
#include "kernel/arm/t2_bytes.h"

typedef struct t2_sums {
    int16x8_t low, high; /* rows 0 and 1, rows 2 and 3: four lanes each */
} t2_sums;

static inline t2_sums t2_zero(void) {
    return (t2_sums){vdupq_n_s16(0), vdupq_n_s16(0)};
}

static inline t2_sums t2_dot(t2_sums sums, t2_bytes codes, int8x16_t four) {
    return (t2_sums){vmlal_s8(sums.low, vget_low_s8(codes), vget_low_s8(four)), vmlal_high_s8(sums.high, codes, four)};
}

static inline t2_wide t2_widen(t2_wide wide, t2_sums sums) {
    return vaddq_s32(wide, vpaddq_s32(vpaddlq_s16(sums.low), vpaddlq_s16(sums.high)));
}

#define T2_MUL trit_t2_mul_neon
enum { T2_GEMV_SPAN = 8, T2_GEMM_SPAN = 16, T2_GEMV_SETS = 1, T2_VECTORS = 2, T2_TOKENS = 4 };
#include "kernel/t2_template.h"
