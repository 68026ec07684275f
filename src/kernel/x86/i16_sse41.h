/* int16 vectors with SSE4.1. Meanings: i16_avx2.h. */
#ifndef TRIT_KERNEL_X86_I16_SSE41_H
#define TRIT_KERNEL_X86_I16_SSE41_H

#include "kernel/x86/v16_sse41.h"

enum { i16_width = 8 };
typedef __m128i i16_vector;
typedef __m128i i16_sums;
typedef struct i16_pairs {
    __m128i v[4]; /* columns 4 i to 4 i + 3 in v[i] */
} i16_pairs;
typedef i16_pairs i16_lanes;

static inline i16_vector i16_load(const int16_t *p) {
    return _mm_loadu_si128((const void *)p);
}

static inline i16_vector i16_widen(const void *p) {
    return _mm_cvtepi8_epi16(_mm_loadl_epi64(p));
}

static inline i16_sums i16_zero(void) {
    return _mm_setzero_si128();
}

static inline i16_sums i16_dot(i16_sums sums, i16_vector a, i16_vector b) {
    return _mm_add_epi32(sums, _mm_madd_epi16(a, b));
}

static inline void i16_totals(int32_t out[4], const i16_sums s[4]) {
    _mm_storeu_si128((void *)out, _mm_hadd_epi32(_mm_hadd_epi32(s[0], s[1]), _mm_hadd_epi32(s[2], s[3])));
}

static inline i16_pairs i16_pair(const void *row, const void *partner) {
    __m128i a = _mm_loadu_si128(row), b = _mm_loadu_si128(partner);
    __m128i low = _mm_unpacklo_epi8(a, b), high = _mm_unpackhi_epi8(a, b);
    return (i16_pairs){{_mm_cvtepi8_epi16(low), _mm_cvtepi8_epi16(_mm_srli_si128(low, 8)), _mm_cvtepi8_epi16(high),
                        _mm_cvtepi8_epi16(_mm_srli_si128(high, 8))}};
}

static inline i16_lanes i16_lanes_zero(void) {
    __m128i zero = _mm_setzero_si128();
    return (i16_lanes){{zero, zero, zero, zero}};
}

static inline i16_lanes i16_mul_pairs(i16_lanes sums, i16_pairs pairs, const int16_t w[2]) {
    int32_t both;
    __builtin_memcpy(&both, w, sizeof both);
    for (int i = 0; i < 4; i++) sums.v[i] = i16_dot(sums.v[i], pairs.v[i], _mm_set1_epi32(both));
    return sums;
}

static inline v16 i16_to_float(i16_lanes sums) {
    v16 x;
    for (int i = 0; i < 4; i++) x.v[i] = _mm_cvtepi32_ps(sums.v[i]);
    return x;
}

static inline void i16_store(int16_t *p, v16 x) {
    _mm_storeu_si128((void *)p, _mm_packs_epi32(_mm_cvtps_epi32(x.v[0]), _mm_cvtps_epi32(x.v[1])));
    _mm_storeu_si128((void *)(p + 8), _mm_packs_epi32(_mm_cvtps_epi32(x.v[2]), _mm_cvtps_epi32(x.v[3])));
}

#endif
