/* t2_mul with the dot-product instructions of ARMv8.2: sdot adds four products into each int32 lane. */
#include "kernel/arm/t2_bytes.h"

static inline t2_sums t2_dot(t2_sums sums, t2_bytes codes, const int8_t *x) {
    return vdotq_s32(sums, vreinterpretq_s8_u8(codes), vld1q_s8(x));
}

static inline t2_sums t2_dot4(t2_sums sums, const t2_bytes codes[4], const int8_t *x) {
    for (int i = 0; i < 4; i++) sums = t2_dot(sums, codes[i], x + 64 * i);
    return sums;
}

#define T2_MUL trit_t2_mul_dotprod
enum { T2_WIDTH = 16, T2_ROWS = 4, T2_TOKENS = 4, T2_GEMV_ROWS = 4 };
#include "kernel/t2_template.h"
