/* t2_mul with AVX-512 BW and no VNNI: maddubs multiplies codes (unsigned) by activations (signed) and adds pairs in int16; the steps
 * and the bounds of t2_avx2.c. */
#include "kernel/x86/t2_zmm.h"

static inline t2_sums t2_dot(t2_sums sums, t2_bytes codes, __m512i four) {
    return _mm512_add_epi16(sums, _mm512_maddubs_epi16(codes, four));
}

static inline t2_wide t2_widen(t2_wide wide, t2_sums sums) {
    return _mm512_add_epi32(wide, _mm512_madd_epi16(sums, _mm512_set1_epi16(1)));
}

#define T2_MUL trit_t2_mul_avx512
enum { T2_GEMV_SPAN = 4, T2_GEMM_SPAN = 8, T2_GEMV_SETS = 2, T2_VECTORS = 2, T2_TOKENS = 8 };
#include "kernel/t2_template.h"
