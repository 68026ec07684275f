/* What the t2 and t3 kernels of both AVX2 tiers share. */
#ifndef TRIT_KERNEL_X86_T2_YMM_H
#define TRIT_KERNEL_X86_T2_YMM_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

enum { T2_BYTES = 32 };
typedef __m256i t2_bytes, t2_sums, t2_wide;

static inline __m256i t2_zero(void) {
    return _mm256_setzero_si256();
}

static inline __m256i t2_wide_zero(void) {
    return _mm256_setzero_si256();
}

static inline __m256i t2_load(const void *p) {
    return _mm256_load_si256(p);
}

static inline __m256i t2_low(__m256i w) {
    return _mm256_and_si256(w, _mm256_set1_epi8(3));
}

static inline __m256i t2_second(__m256i w) {
    return _mm256_and_si256(w, _mm256_set1_epi8(12));
}

/* The shift is of 16-bit lanes: it drags bits over from the other byte. */
static inline __m256i t2_upper(__m256i w) {
    return _mm256_srli_epi16(w, 4);
}

static inline __m256i t2_part(__m256i w, int i) {
    return t2_low(_mm256_srli_epi16(w, 2 * i));
}

static inline __m256i t2_four(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm256_set1_epi32(four);
}

static inline __m256i t2_whole(__m256i ones, __m256i fours) {
    return _mm256_add_epi32(ones, _mm256_srai_epi32(fours, 2));
}

static inline void t2_store(int32_t *p, __m256i wide) {
    _mm256_storeu_si256((void *)p, wide);
}

#endif
