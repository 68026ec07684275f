/* int16 vectors with AVX-512, with VNNI where the compiler may use it. This header also says what each function of i16 means; those for
 * the other instruction sets (i16_avx2.h, i16_sse41.h, ../arm/i16_neon.h) mean the same. Sums wrap around in 32 bits; loads and stores need
 * no alignment. */
#ifndef TRIT_KERNEL_X86_I16_AVX512_H
#define TRIT_KERNEL_X86_I16_AVX512_H

#include "kernel/x86/v16_avx512.h"

enum { i16_width = 32 };   /* int16s of a vector */
typedef __m512i i16_vector;
typedef __m512i i16_sums;  /* int32 lanes of partial sums */
typedef __m512i i16_pairs; /* sixteen values of one row and sixteen of another */
typedef __m512i i16_lanes; /* sixteen int32 sums */

static inline i16_vector i16_load(const int16_t *p) {
    return _mm512_loadu_si512(p);
}

/* i16_width int8s */
static inline i16_vector i16_widen(const void *p) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(p));
}

static inline i16_sums i16_zero(void) {
    return _mm512_setzero_si512();
}

/* sums += a * b, in any lanes */
static inline i16_sums i16_dot(i16_sums sums, i16_vector a, i16_vector b) {
#ifdef __AVX512VNNI__
    return _mm512_dpwssd_epi32(sums, a, b);
#else
    return _mm512_add_epi32(sums, _mm512_madd_epi16(a, b));
#endif
}

/* out[i] = the lanes of s[i] added up */
static inline void i16_totals(int32_t out[4], const i16_sums s[4]) {
    for (int i = 0; i < 4; i++) out[i] = _mm512_reduce_add_epi32(s[i]);
}

/* sixteen int8s of each row */
static inline i16_pairs i16_pair(const void *row, const void *partner) {
    __m128i a = _mm_loadu_si128(row), b = _mm_loadu_si128(partner);
    return _mm512_cvtepi8_epi16(_mm256_set_m128i(_mm_unpackhi_epi8(a, b), _mm_unpacklo_epi8(a, b)));
}

static inline i16_lanes i16_lanes_zero(void) {
    return _mm512_setzero_si512();
}

/* lane by lane: sums += row * w[0] + partner * w[1] */
static inline i16_lanes i16_mul_pairs(i16_lanes sums, i16_pairs pairs, const int16_t w[2]) {
    int32_t both;
    __builtin_memcpy(&both, w, sizeof both);
    return i16_dot(sums, pairs, _mm512_set1_epi32(both));
}

static inline v16 i16_to_float(i16_lanes sums) {
    return _mm512_cvtepi32_ps(sums);
}

/* sixteen int16s, rounded to nearest even; the lanes are within int16 */
static inline void i16_store(int16_t *p, v16 a) {
    _mm256_storeu_si256((void *)p, _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(a)));
}

#endif
