/* t3_mul with the dot-product instructions of ARMv8.2. One token needs no codes, as x86/t3_vnni.h explains; here bytes are signed, and
 * 3 f - next = 256 times the trit.
 *
 * Vector instructions for 5 x 16 weights, one token: xor of what was loaded, 5 times 3 of two additions, 10 sdot, and 5 loads of
 * activations that repeat them (ld1r). */
#include "kernel/arm/t3_bytes.h"
#include "quant/layout.h"

typedef struct t3_sums {
    int32x4_t now, next; /* sums of f q, of next q */
} t3_sums;

typedef int32x4_t t3_dots;

static inline t3_sums t3_zero(void) {
    return (t3_sums){vdupq_n_s32(0), vdupq_n_s32(0)};
}

static inline t3_dots t3_dots_zero(void) {
    return vdupq_n_s32(0);
}

static inline t3_sums t3_add(t3_sums sums, t2_bytes f, t2_bytes next, int8x16_t four) {
    return (t3_sums){vdotq_s32(sums.now, f, four), vdotq_s32(sums.next, next, four)};
}

static inline t2_wide t3_settle(t2_wide wide, t3_sums sums) {
    return vsraq_n_s32(wide, vsubq_s32(vmulq_n_s32(sums.now, 3), sums.next), 8);
}

static inline t3_dots t3_dot(t3_dots dots, t2_bytes codes, int8x16_t four) {
    return vdotq_s32(dots, codes, four);
}

static inline t2_wide t3_widen(t2_wide wide, t3_dots dots) {
    return vaddq_s32(wide, dots);
}

#define T3_MUL trit_t3_mul_dotprod
enum { T3_OFFSET = 0, T3_SPAN = 256, T3_PLANES = trit_t3_planes, T3_VECTORS = 4, T3_TOKENS = 4 };
#include "kernel/t3_template.h"
