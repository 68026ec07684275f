/* t2_mul with the dot-product instructions of ARMv8.2: sdot adds four products into each int32 lane. */
#include "kernel/arm/t2_bytes.h"

typedef int32x4_t t2_sums;

static inline t2_sums t2_zero(void) {
    return vdupq_n_s32(0);
}

static inline t2_sums t2_dot(t2_sums sums, t2_bytes codes, int8x16_t four) {
    return vdotq_s32(sums, codes, four);
}

static inline t2_wide t2_widen(t2_wide wide, t2_sums sums) {
    return vaddq_s32(wide, sums);
}

#define T2_MUL trit_t2_mul_dotprod
enum { T2_GEMV_SPAN = 1 << 18, T2_GEMM_SPAN = 1 << 18, T2_GEMV_SETS = 1, T2_VECTORS = 4, T2_TOKENS = 4 };
#include "kernel/t2_template.h"
