/* What the t2 kernels of both AVX2 tiers share. */
#ifndef TRIT_KERNEL_X86_T2_YMM_H
#define TRIT_KERNEL_X86_T2_YMM_H

#include <immintrin.h>
#include <stdint.h>

static inline __m256i t2_zero(void) {
    return _mm256_setzero_si256();
}

static inline __m256i t2_load(const void *p) {
    return _mm256_loadu_si256(p);
}

/* The shift is of 16-bit lanes; what it drags over from the other byte is masked away. */
static inline __m256i t2_part(__m256i w, int i) {
    return _mm256_and_si256(_mm256_srli_epi16(w, 2 * i), _mm256_set1_epi8(3));
}

/* hadd adds neighbours of both operands: twice, and each half holds the four sums. */
static inline void t2_total4(int32_t out[4], __m256i a, __m256i b, __m256i c, __m256i d) {
    __m256i abcd = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    _mm_storeu_si128((void *)out, _mm_add_epi32(_mm256_castsi256_si128(abcd), _mm256_extracti128_si256(abcd, 1)));
}

#endif
