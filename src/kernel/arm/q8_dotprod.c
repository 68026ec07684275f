/* q8_mul with the dot-product instructions of ARMv8.2: sdot adds four products into each int32 lane. */
#include "kernel/arm/q8_bytes.h"

typedef int32x4_t q8_sums;

enum { Q8_SETS = 2, Q8_TOKENS = 4 };

static inline q8_sums q8_zero(void) {
    return vdupq_n_s32(0);
}

static inline q8_sums q8_dot(q8_sums sums, q8_bytes w, q8_four x) {
    return vdotq_s32(sums, w, x);
}

static inline void q8_store(int32_t *p, q8_sums sums) {
    vst1q_s32(p, sums);
}

#define Q8_MUL trit_q8_mul_dotprod
#include "kernel/q8_template.h"
