/* c6_mul with AVX2: maddubs multiplies codes (unsigned) by activations (signed). A pair is within 2 * 63 * 128 = 16128, so int16 holds two of
 * them, and madd by ones takes those to int32. */
#include "kernel/x86/t2_ymm.h"

static inline t2_wide add_two(t2_wide sums, const t2_bytes codes[2], const int8_t *x) {
    const __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(codes[0], t2_four(x)), _mm256_maddubs_epi16(codes[1], t2_four(x + 4)));
    return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

static inline t2_wide c6_dot(t2_wide sums, const t2_bytes codes[4], const int8_t *x) {
    return add_two(add_two(sums, codes, x), codes + 2, x + 8);
}

static inline __m256 c6_scales(const uint8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p)));
}

#define C6_MUL trit_c6_mul_avx2
enum { C6_TOKENS = 4 };
#include "kernel/c6_template.h"
