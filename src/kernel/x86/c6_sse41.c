/* c6_mul with SSE4.1: the steps and the bounds of c6_avx2.c, in vectors of 16. */
#include "kernel/x86/t2_xmm.h"

static inline t2_wide add_two(t2_wide sums, const t2_bytes codes[2], const int8_t *x) {
    const __m128i pairs = _mm_add_epi16(_mm_maddubs_epi16(codes[0], t2_four(x)), _mm_maddubs_epi16(codes[1], t2_four(x + 4)));
    return _mm_add_epi32(sums, _mm_madd_epi16(pairs, _mm_set1_epi16(1)));
}

static inline t2_wide c6_dot(t2_wide sums, const t2_bytes codes[4], const int8_t *x) {
    return add_two(add_two(sums, codes, x), codes + 2, x + 8);
}

static inline __m128 c6_scales(const uint8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four)));
}

#define C6_MUL trit_c6_mul_sse41
enum { C6_TOKENS = 2 };
#include "kernel/c6_template.h"
