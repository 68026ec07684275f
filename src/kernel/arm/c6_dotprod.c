/* c6_mul with the dot-product instructions of ARMv8.2: sdot adds four products into each int32 lane. */
#include "kernel/arm/c6_bytes.h"

static inline t2_wide c6_dot(t2_wide sums, const t2_bytes codes[4], const int8_t *x) {
    for (int i = 0; i < 4; i++) sums = vdotq_s32(sums, codes[i], t2_four(x + 4 * i));
    return sums;
}

#define C6_MUL trit_c6_mul_dotprod
enum { C6_TOKENS = 4 };
#include "kernel/c6_template.h"
