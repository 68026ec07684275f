/* What the t2 and t3 kernels of both AVX-512 tiers share: a vector is a whole chunk, sixteen rows. */
#ifndef TRIT_KERNEL_X86_T2_ZMM_H
#define TRIT_KERNEL_X86_T2_ZMM_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

enum { T2_BYTES = 64 };
typedef __m512i t2_bytes, t2_sums, t2_wide;

static inline __m512i t2_zero(void) {
    return _mm512_setzero_si512();
}

static inline __m512i t2_wide_zero(void) {
    return _mm512_setzero_si512();
}

static inline __m512i t2_load(const void *p) {
    return _mm512_load_si512(p);
}

static inline __m512i t2_low(__m512i w) {
    return _mm512_and_si512(w, _mm512_set1_epi8(3));
}

static inline __m512i t2_second(__m512i w) {
    return _mm512_and_si512(w, _mm512_set1_epi8(12));
}

/* The shift is of 16-bit lanes: it drags bits over from the other byte. */
static inline __m512i t2_upper(__m512i w) {
    return _mm512_srli_epi16(w, 4);
}

/* The count of a shift has another type with each compiler, hence the literals. */
static inline __m512i t2_part(__m512i w, int i) {
    switch (i) {
    case 0: return t2_low(w);
    case 1: return t2_low(_mm512_srli_epi16(w, 2));
    case 2: return t2_low(_mm512_srli_epi16(w, 4));
    default: return t2_low(_mm512_srli_epi16(w, 6));
    }
}

static inline __m512i t2_four(const int8_t *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm512_set1_epi32(four);
}

static inline __m512i t2_whole(__m512i ones, __m512i fours) {
    return _mm512_add_epi32(ones, _mm512_srai_epi32(fours, 2));
}

static inline void t2_store(int32_t *p, __m512i wide) {
    _mm512_storeu_si512(p, wide);
}

#endif
