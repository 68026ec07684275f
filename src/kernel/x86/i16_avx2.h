/* int16 vectors with AVX2, with AVX-VNNI where the compiler may use it. This header also says what each function of i16 means; those for
 * the other instruction sets (i16_sse41.h, ../arm/i16_neon.h) mean the same. Sums wrap around in 32 bits; loads and stores need no
 * alignment. */
#ifndef TRIT_KERNEL_X86_I16_AVX2_H
#define TRIT_KERNEL_X86_I16_AVX2_H

#include "kernel/x86/v16_avx2.h"

enum { i16_width = 16 }; /* int16s of a vector */
typedef __m256i i16_vector;
typedef __m256i i16_sums; /* int32 lanes of partial sums */
typedef struct i16_pairs { /* sixteen values of one row and sixteen of another */
    __m256i a, b;          /* columns 0-7, 8-15 */
} i16_pairs;
typedef struct i16_lanes { /* sixteen int32 sums */
    __m256i a, b;
} i16_lanes;

static inline i16_vector i16_load(const int16_t *p) {
    return _mm256_loadu_si256((const void *)p);
}

/* i16_width int8s */
static inline i16_vector i16_widen(const void *p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(p));
}

static inline i16_sums i16_zero(void) {
    return _mm256_setzero_si256();
}

/* sums += a * b, in any lanes */
static inline i16_sums i16_dot(i16_sums sums, i16_vector a, i16_vector b) {
#ifdef __AVXVNNI__
    return _mm256_dpwssd_avx_epi32(sums, a, b);
#else
    return _mm256_add_epi32(sums, _mm256_madd_epi16(a, b));
#endif
}

/* out[i] = the lanes of s[i] added up */
static inline void i16_totals(int32_t out[4], const i16_sums s[4]) {
    __m256i halves = _mm256_hadd_epi32(_mm256_hadd_epi32(s[0], s[1]), _mm256_hadd_epi32(s[2], s[3]));
    _mm_storeu_si128((void *)out, _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1)));
}

/* sixteen int8s of each row */
static inline i16_pairs i16_pair(const void *row, const void *partner) {
    __m128i a = _mm_loadu_si128(row), b = _mm_loadu_si128(partner);
    return (i16_pairs){_mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b)), _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(a, b))};
}

static inline i16_lanes i16_lanes_zero(void) {
    return (i16_lanes){_mm256_setzero_si256(), _mm256_setzero_si256()};
}

/* lane by lane: sums += row * w[0] + partner * w[1] */
static inline i16_lanes i16_mul_pairs(i16_lanes sums, i16_pairs pairs, const int16_t w[2]) {
    int32_t both;
    __builtin_memcpy(&both, w, sizeof both);
    const __m256i weights = _mm256_set1_epi32(both);
    return (i16_lanes){i16_dot(sums.a, pairs.a, weights), i16_dot(sums.b, pairs.b, weights)};
}

static inline v16 i16_to_float(i16_lanes sums) {
    return (v16){_mm256_cvtepi32_ps(sums.a), _mm256_cvtepi32_ps(sums.b)};
}

/* sixteen int16s, rounded to nearest even; the lanes are within int16 */
static inline void i16_store(int16_t *p, v16 x) {
    __m256i packed = _mm256_packs_epi32(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)); /* 0-3, 8-11, 4-7, 12-15 */
    _mm256_storeu_si256((void *)p, _mm256_permute4x64_epi64(packed, 0xd8));
}

#endif
