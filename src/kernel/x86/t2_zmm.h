/* What the t2 kernels of both AVX-512 tiers share. */
#ifndef TRIT_KERNEL_X86_T2_ZMM_H
#define TRIT_KERNEL_X86_T2_ZMM_H

#include <immintrin.h>
#include <stdint.h>

static inline __m512i t2_zero(void) {
    return _mm512_setzero_si512();
}

static inline __m512i t2_load(const void *p) {
    return _mm512_loadu_si512(p);
}

/* The shift is of 16-bit lanes; what it drags over from the other byte is masked away. Its count has another type with each
 * compiler, hence the literals. */
static inline __m512i t2_part(__m512i w, int i) {
    const __m512i three = _mm512_set1_epi8(3);
    switch (i) {
    case 0: return _mm512_and_si512(w, three);
    case 1: return _mm512_and_si512(_mm512_srli_epi16(w, 2), three);
    case 2: return _mm512_and_si512(_mm512_srli_epi16(w, 4), three);
    default: return _mm512_and_si512(_mm512_srli_epi16(w, 6), three);
    }
}

static inline __m256i t2_halves(__m512i v) {
    return _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
}

/* A transposition that adds on the way: after two rounds each lane quartet holds the four sums. */
static inline void t2_total4(int32_t out[4], __m512i a, __m512i b, __m512i c, __m512i d) {
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b)); /* a b a b */
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    __m512i abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd)); /* a b c d */
    __m256i half = t2_halves(abcd);
    _mm_storeu_si128((void *)out, _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
}

#endif
