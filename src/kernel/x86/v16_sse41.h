/* Sixteen float lanes in four SSE registers: lanes 4 i to 4 i + 3 in v[i]. Meanings: v16_avx512.h. Halves are converted with
 * integer steps, as this tier has no instruction for them. */
#ifndef TRIT_KERNEL_X86_V16_SSE41_H
#define TRIT_KERNEL_X86_V16_SSE41_H

#include <smmintrin.h>
#include <stdint.h>
#include <string.h>

typedef struct v16 {
    __m128 v[4];
} v16;

static inline v16 v16_set1(float x) {
    __m128 v = _mm_set1_ps(x);
    return (v16){{v, v, v, v}};
}

static inline v16 v16_zero(void) {
    return v16_set1(0.0f);
}

static inline v16 v16_load(const void *p) {
    const float *f = p;
    return (v16){{_mm_loadu_ps(f), _mm_loadu_ps(f + 4), _mm_loadu_ps(f + 8), _mm_loadu_ps(f + 12)}};
}

/* Four halves in the low half of h. The magnitude's bits, moved to a float's places, are 2^112 too small (the difference of the
 * biases); the product mends that and is exact for subnormals too. Infinity and NaN get all bits of the exponent. */
static inline __m128 v16_widen_f16(__m128i h) {
    __m128i bits = _mm_cvtepu16_epi32(h), magnitude = _mm_and_si128(bits, _mm_set1_epi32(0x7fff));
    __m128i sign = _mm_slli_epi32(_mm_xor_si128(bits, magnitude), 16);
    __m128i special = _mm_and_si128(_mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x7bff)), _mm_set1_epi32(0x7f800000));
    __m128 value = _mm_mul_ps(_mm_castsi128_ps(_mm_slli_epi32(magnitude, 13)), _mm_set1_ps(0x1p112f));
    return _mm_or_ps(value, _mm_castsi128_ps(_mm_or_si128(sign, special)));
}

static inline v16 v16_load_f16(const void *p) {
    const __m128i *h = p;
    __m128i low = _mm_loadu_si128(h), high = _mm_loadu_si128(h + 1);
    return (v16){{v16_widen_f16(low), v16_widen_f16(_mm_srli_si128(low, 8)), v16_widen_f16(high), v16_widen_f16(_mm_srli_si128(high, 8))}};
}

static inline v16 v16_load_bf16(const void *p) {
    const __m128i *h = p, zero = _mm_setzero_si128();
    __m128i low = _mm_loadu_si128(h), high = _mm_loadu_si128(h + 1);
    return (v16){{_mm_castsi128_ps(_mm_unpacklo_epi16(zero, low)), _mm_castsi128_ps(_mm_unpackhi_epi16(zero, low)),
                  _mm_castsi128_ps(_mm_unpacklo_epi16(zero, high)), _mm_castsi128_ps(_mm_unpackhi_epi16(zero, high))}};
}

static inline v16 v16_from_i8(__m128i q) {
    return (v16){{_mm_cvtepi32_ps(_mm_cvtepi8_epi32(q)), _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_srli_si128(q, 4))),
                  _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_srli_si128(q, 8))), _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_srli_si128(q, 12)))}};
}

/* No shift by lane here: a product moves each lane's bits to 7:6 of its bytes, and loses none that are wanted. */
static inline v16 v16_load_trits(const void *p) {
    int32_t four;
    memcpy(&four, p, sizeof four);
    __m128i moved = _mm_mullo_epi32(_mm_set1_epi32(four), _mm_setr_epi32(64, 16, 4, 1));
    __m128i codes = _mm_and_si128(_mm_srli_epi32(moved, 6), _mm_set1_epi8(3));
    return v16_from_i8(_mm_sub_epi8(codes, _mm_set1_epi8(1)));
}

static inline void v16_store(float *p, v16 x) {
    for (int i = 0; i < 4; i++) _mm_storeu_ps(p + 4 * i, x.v[i]);
}

/* Four halves in the low halves of four int32, the steps of trit_f16_from_f32 (tensor/half.h). */
static inline __m128i v16_narrow_f16(__m128 x) {
    __m128i bits = _mm_castps_si128(x), magnitude = _mm_and_si128(bits, _mm_set1_epi32(0x7fffffff));
    __m128i sign = _mm_srli_epi32(_mm_xor_si128(bits, magnitude), 16), upper = _mm_srli_epi32(magnitude, 13);

    __m128i odd = _mm_and_si128(upper, _mm_set1_epi32(1));
    __m128i rounded = _mm_add_epi32(_mm_add_epi32(magnitude, odd), _mm_set1_epi32(0xfff - ((127 - 15) << 23)));
    __m128i h = _mm_srli_epi32(rounded, 13);

    __m128i small = _mm_castps_si128(_mm_add_ps(_mm_castsi128_ps(magnitude), _mm_set1_ps(0.5f)));
    small = _mm_sub_epi32(small, _mm_set1_epi32(0x3f000000));
    h = _mm_blendv_epi8(h, small, _mm_cmplt_epi32(magnitude, _mm_set1_epi32(0x38800000)));

    __m128i nan = _mm_or_si128(_mm_set1_epi32(0x7e00), _mm_and_si128(upper, _mm_set1_epi32(0x3ff)));
    h = _mm_blendv_epi8(h, _mm_set1_epi32(0x7c00), _mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x477fefff)));
    h = _mm_blendv_epi8(h, nan, _mm_cmpgt_epi32(magnitude, _mm_set1_epi32(0x7f800000)));
    return _mm_or_si128(sign, h);
}

static inline void v16_store_f16(uint16_t *p, v16 x) {
    _mm_storeu_si128((void *)p, _mm_packus_epi32(v16_narrow_f16(x.v[0]), v16_narrow_f16(x.v[1])));
    _mm_storeu_si128((void *)(p + 8), _mm_packus_epi32(v16_narrow_f16(x.v[2]), v16_narrow_f16(x.v[3])));
}

static inline void v16_store_i8(int8_t *p, v16 x) {
    __m128i low = _mm_packs_epi32(_mm_cvtps_epi32(x.v[0]), _mm_cvtps_epi32(x.v[1]));
    __m128i high = _mm_packs_epi32(_mm_cvtps_epi32(x.v[2]), _mm_cvtps_epi32(x.v[3]));
    _mm_storeu_si128((void *)p, _mm_packs_epi16(low, high));
}

static inline v16 v16_add(v16 x, v16 y) {
    for (int i = 0; i < 4; i++) x.v[i] = _mm_add_ps(x.v[i], y.v[i]);
    return x;
}

static inline v16 v16_sub(v16 x, v16 y) {
    for (int i = 0; i < 4; i++) x.v[i] = _mm_sub_ps(x.v[i], y.v[i]);
    return x;
}

static inline v16 v16_mul(v16 x, v16 y) {
    for (int i = 0; i < 4; i++) x.v[i] = _mm_mul_ps(x.v[i], y.v[i]);
    return x;
}

static inline v16 v16_div(v16 x, v16 y) {
    for (int i = 0; i < 4; i++) x.v[i] = _mm_div_ps(x.v[i], y.v[i]);
    return x;
}

static inline v16 v16_abs(v16 x) {
    for (int i = 0; i < 4; i++) x.v[i] = _mm_andnot_ps(_mm_set1_ps(-0.0f), x.v[i]);
    return x;
}

static inline v16 v16_max(v16 x, v16 y) {
    for (int i = 0; i < 4; i++) x.v[i] = _mm_max_ps(x.v[i], y.v[i]);
    return x;
}

static inline v16 v16_min(v16 x, v16 y) {
    for (int i = 0; i < 4; i++) x.v[i] = _mm_min_ps(x.v[i], y.v[i]);
    return x;
}

static inline v16 v16_where_less(v16 x, v16 y, v16 yes, v16 no) {
    for (int i = 0; i < 4; i++) no.v[i] = _mm_blendv_ps(no.v[i], yes.v[i], _mm_cmplt_ps(x.v[i], y.v[i]));
    return no;
}

static inline v16 v16_where_nan(v16 x, v16 yes, v16 no) {
    for (int i = 0; i < 4; i++) no.v[i] = _mm_blendv_ps(no.v[i], yes.v[i], _mm_cmpunord_ps(x.v[i], x.v[i]));
    return no;
}

static inline v16 v16_add_exponent(v16 x, v16 shifted) {
    for (int i = 0; i < 4; i++)
        x.v[i] = _mm_castsi128_ps(_mm_add_epi32(_mm_castps_si128(x.v[i]), _mm_slli_epi32(_mm_castps_si128(shifted.v[i]), 23)));
    return x;
}

static inline float v16_sum(v16 x) {
    __m128 four = _mm_add_ps(_mm_add_ps(x.v[0], x.v[2]), _mm_add_ps(x.v[1], x.v[3]));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline float v16_largest(v16 x) {
    __m128 four = _mm_max_ps(_mm_max_ps(x.v[0], x.v[2]), _mm_max_ps(x.v[1], x.v[3]));
    __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

#endif
