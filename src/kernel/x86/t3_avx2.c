/* t3_mul with AVX2: codes by comparisons, then maddubs as in t2_avx2.c.
 *
 * A code is at most 2 and an activation at least -128, so a pair is within 2 * 2 * 128 = 512. A lane takes 16 of them from a plane for
 * one token, and from a plane for several: three blocks and three planes stay within 24576.
 *
 * Vector instructions for 5 x 32 weights, one token:   xor of what was loaded                       1
 *                                                     5 codes: 2 compare, add, abs                 20
 *                                                     4 times 3: 2 add                              8
 *                                                     5 products: maddubs, add                     10
 *                                                                                                  39 */
#include "kernel/x86/t2_ymm.h"

typedef t2_bytes t3_sums, t3_dots;

static inline t3_sums t3_zero(void) {
    return t2_zero();
}

static inline t3_dots t3_dots_zero(void) {
    return t2_zero();
}

/* Bytes as signed ones, less 128: comparisons are of those, and 3 * 128 is 128 modulo 256. */
static inline t2_bytes t3_load(const void *p) {
    return _mm256_xor_si256(t2_load(p), _mm256_set1_epi8(-128));
}

static inline t2_bytes t3_times3(t2_bytes f) {
    return _mm256_add_epi8(f, _mm256_add_epi8(f, f));
}

/* Thirds of the range begin at -42 and 43; comparisons give 0 or -1. */
static inline t2_bytes t3_code(t2_bytes f) {
    return _mm256_abs_epi8(_mm256_add_epi8(_mm256_cmpgt_epi8(f, _mm256_set1_epi8(-43)), _mm256_cmpgt_epi8(f, _mm256_set1_epi8(42))));
}

static inline t3_dots t3_dot(t3_dots dots, t2_bytes codes, t2_bytes four) {
    return _mm256_add_epi16(dots, _mm256_maddubs_epi16(codes, four));
}

static inline t2_wide t3_widen(t2_wide wide, t3_dots dots) {
    return _mm256_add_epi32(wide, _mm256_madd_epi16(dots, _mm256_set1_epi16(1)));
}

static inline t3_sums t3_add(t3_sums sums, t2_bytes f, t2_bytes next, t2_bytes four) {
    (void)next;
    return t3_dot(sums, t3_code(f), four);
}

static inline t2_wide t3_settle(t2_wide wide, t3_sums sums) {
    return t3_widen(wide, sums);
}

#define T3_MUL trit_t3_mul_avx2
enum { T3_OFFSET = 1, T3_SPAN = 3, T3_PLANES = 3, T3_VECTORS = 2, T3_TOKENS = 4 };
#include "kernel/t3_template.h"
