/* t2_mul with AVX2: maddubs multiplies codes (unsigned) by activations (signed) and adds pairs in int16.
 *
 * A code is at most 3 and an activation at least -128, so a pair is within 2 * 3 * 128 = 768, four times that where the code stands
 * at bits 3:2. In a chunk a lane takes two of the latter (6144) for one token, or four of the former (3072) for several: four and
 * eight chunks stay within 24576. */
#include "kernel/x86/t2_ymm.h"

static inline t2_sums t2_dot(t2_sums sums, t2_bytes codes, __m256i four) {
    return _mm256_add_epi16(sums, _mm256_maddubs_epi16(codes, four));
}

static inline t2_wide t2_widen(t2_wide wide, t2_sums sums) {
    return _mm256_add_epi32(wide, _mm256_madd_epi16(sums, _mm256_set1_epi16(1)));
}

#define T2_MUL trit_t2_mul_avx2
enum { T2_GEMV_SPAN = 4, T2_GEMM_SPAN = 8, T2_GEMV_SETS = 1, T2_VECTORS = 2, T2_TOKENS = 4 };
#include "kernel/t2_template.h"
