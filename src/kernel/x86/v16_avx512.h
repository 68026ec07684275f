/* Sixteen float lanes in one AVX-512 register. This header also says what each function of v16 means; those for the other
 * instruction sets (v16_avx2.h, v16_sse41.h, ../arm/v16_neon.h) mean the same. Loads and stores need no alignment. */
#ifndef TRIT_KERNEL_X86_V16_AVX512_H
#define TRIT_KERNEL_X86_V16_AVX512_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

typedef __m512 v16;

static inline v16 v16_zero(void) {
    return _mm512_setzero_ps();
}

static inline v16 v16_set1(float x) {
    return _mm512_set1_ps(x);
}

static inline v16 v16_load(const void *p) {
    return _mm512_loadu_ps(p);
}

/* exact widening of 16 halves, bfloat16s */
static inline v16 v16_load_f16(const void *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(p));
}

static inline v16 v16_load_bf16(const void *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p)), 16));
}

/* 16 trits of four bytes (layout T2): codes less one, from each two bits of all four in turn */
static inline v16 v16_load_trits(const void *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    __m128i codes = _mm_and_si128(_mm_srlv_epi32(_mm_set1_epi32(four), _mm_setr_epi32(0, 2, 4, 6)), _mm_set1_epi8(3));
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_sub_epi8(codes, _mm_set1_epi8(1))));
}

static inline void v16_store(float *p, v16 a) {
    _mm512_storeu_ps(p, a);
}

/* rounded to nearest even */
static inline void v16_store_f16(uint16_t *p, v16 a) {
    /* all lanes by a mask: the form without one warns of a sign in GCC's unoptimized builds */
    _mm256_storeu_si256((void *)p, _mm512_maskz_cvtps_ph(0xffff, a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/* rounded to nearest even; the lanes are within -128..127 */
static inline void v16_store_i8(int8_t *p, v16 a) {
    _mm_storeu_si128((void *)p, _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a)));
}

static inline v16 v16_add(v16 a, v16 b) {
    return _mm512_add_ps(a, b);
}

static inline v16 v16_sub(v16 a, v16 b) {
    return _mm512_sub_ps(a, b);
}

static inline v16 v16_mul(v16 a, v16 b) {
    return _mm512_mul_ps(a, b);
}

static inline v16 v16_div(v16 a, v16 b) {
    return _mm512_div_ps(a, b);
}

static inline v16 v16_abs(v16 a) {
    return _mm512_abs_ps(a);
}

/* a > b ? a : b, hence b where one of them is NaN */
static inline v16 v16_max(v16 a, v16 b) {
    return _mm512_max_ps(a, b);
}

/* a < b ? a : b */
static inline v16 v16_min(v16 a, v16 b) {
    return _mm512_min_ps(a, b);
}

/* a < b ? yes : no */
static inline v16 v16_where_less(v16 a, v16 b, v16 yes, v16 no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}

/* is a NaN ? yes : no */
static inline v16 v16_where_nan(v16 a, v16 yes, v16 no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), no, yes);
}

/* a times 2^k, k being the low 9 bits of `shifted`, added to the bits of the exponent */
static inline v16 v16_add_exponent(v16 a, v16 shifted) {
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), _mm512_slli_epi32(_mm512_castps_si512(shifted), 23)));
}

/* the lanes folded by halves: l + 8, l + 4, l + 2, l + 1 */
static inline float v16_sum(v16 a) {
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* the largest lane; none is NaN */
static inline float v16_largest(v16 a) {
    __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

#endif
