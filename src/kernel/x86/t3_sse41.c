/* t3_mul with SSSE3's maddubs: the steps and the bounds of t3_avx2.c, in vectors of 16. */
#include "kernel/x86/t2_xmm.h"

typedef t2_bytes t3_sums, t3_dots;

static inline t3_sums t3_zero(void) {
    return t2_zero();
}

static inline t3_dots t3_dots_zero(void) {
    return t2_zero();
}

/* Bytes as signed ones, less 128: comparisons are of those, and 3 * 128 is 128 modulo 256. */
static inline t2_bytes t3_load(const void *p) {
    return _mm_xor_si128(t2_load(p), _mm_set1_epi8(-128));
}

static inline t2_bytes t3_times3(t2_bytes f) {
    return _mm_add_epi8(f, _mm_add_epi8(f, f));
}

/* Thirds of the range begin at -42 and 43; comparisons give 0 or -1. */
static inline t2_bytes t3_code(t2_bytes f) {
    return _mm_abs_epi8(_mm_add_epi8(_mm_cmpgt_epi8(f, _mm_set1_epi8(-43)), _mm_cmpgt_epi8(f, _mm_set1_epi8(42))));
}

static inline t3_dots t3_dot(t3_dots dots, t2_bytes codes, t2_bytes four) {
    return _mm_add_epi16(dots, _mm_maddubs_epi16(codes, four));
}

static inline t2_wide t3_widen(t2_wide wide, t3_dots dots) {
    return _mm_add_epi32(wide, _mm_madd_epi16(dots, _mm_set1_epi16(1)));
}

static inline t3_sums t3_add(t3_sums sums, t2_bytes f, t2_bytes next, t2_bytes four) {
    (void)next;
    return t3_dot(sums, t3_code(f), four);
}

static inline t2_wide t3_settle(t2_wide wide, t3_sums sums) {
    return t3_widen(wide, sums);
}

#define T3_MUL trit_t3_mul_sse41
enum { T3_OFFSET = 1, T3_SPAN = 3, T3_PLANES = 3, T3_VECTORS = 2, T3_TOKENS = 4 };
#include "kernel/t3_template.h"
