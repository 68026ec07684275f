/* What the t2 and t3 kernels of SSE4.1 share. */
#ifndef TRIT_KERNEL_X86_T2_XMM_H
#define TRIT_KERNEL_X86_T2_XMM_H

#include <smmintrin.h>
#include <stdint.h>
#include <string.h>

enum { T2_BYTES = 16 };
typedef __m128i t2_bytes, t2_sums, t2_wide;

static inline __m128i t2_zero(void) {
    return _mm_setzero_si128();
}

static inline __m128i t2_wide_zero(void) {
    return _mm_setzero_si128();
}

static inline __m128i t2_load(const void *p) {
    return _mm_load_si128(p);
}

static inline __m128i t2_low(__m128i w) {
    return _mm_and_si128(w, _mm_set1_epi8(3));
}

static inline __m128i t2_second(__m128i w) {
    return _mm_and_si128(w, _mm_set1_epi8(12));
}

static inline __m128i t2_upper(__m128i w) {
    return _mm_srli_epi16(w, 4);
}

static inline __m128i t2_part(__m128i w, int i) {
    return t2_low(_mm_srli_epi16(w, 2 * i));
}

static inline __m128i t2_four(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm_set1_epi32(four);
}

static inline __m128i t2_whole(__m128i ones, __m128i fours) {
    return _mm_add_epi32(ones, _mm_srai_epi32(fours, 2));
}

static inline void t2_store(int32_t *p, __m128i wide) {
    _mm_storeu_si128((void *)p, wide);
}

#endif
