/* t2_mul with SSSE3's maddubs, which multiplies codes (unsigned) by activations (signed) and adds pairs in int16: the steps and the
 * bounds of t2_avx2.c. */
#include "kernel/x86/t2_xmm.h"

static inline __m128i t2_dot(t2_sums sums, t2_bytes codes, __m128i four) {
    return _mm_add_epi16(sums, _mm_maddubs_epi16(codes, four));
}

static inline __m128i t2_widen(t2_wide wide, t2_sums sums) {
    return _mm_add_epi32(wide, _mm_madd_epi16(sums, _mm_set1_epi16(1)));
}

#define T2_MUL trit_t2_mul_sse41
enum { T2_GEMV_SPAN = 4, T2_GEMM_SPAN = 8, T2_GEMV_SETS = 1, T2_VECTORS = 2, T2_TOKENS = 4 };
#include "kernel/t2_template.h"
