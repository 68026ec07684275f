/* q8_mul with NEON: products widen to int16, pairs of them are added into int32. */
#include "kernel/arm/q8_bytes.h"

typedef struct q8_sums {
    int32x4_t low, high; /* rows 0 and 1, rows 2 and 3: two lanes each */
} q8_sums;

enum { Q8_SETS = 1, Q8_TOKENS = 2 };

static inline q8_sums q8_zero(void) {
    return (q8_sums){vdupq_n_s32(0), vdupq_n_s32(0)};
}

static inline q8_sums q8_dot(q8_sums sums, q8_bytes w, q8_four x) {
    return (q8_sums){vpadalq_s16(sums.low, vmull_s8(vget_low_s8(w), vget_low_s8(x))), vpadalq_s16(sums.high, vmull_high_s8(w, x))};
}

static inline void q8_store(int32_t *p, q8_sums sums) {
    vst1q_s32(p, vpaddq_s32(sums.low, sums.high));
}

#define Q8_MUL trit_q8_mul_neon
#include "kernel/q8_template.h"
