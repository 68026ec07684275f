/* t2_mul with SSSE3's maddubs, which multiplies codes (unsigned) by activations (signed) and adds pairs in int16. */
#include <smmintrin.h>
#include <stdint.h>

typedef __m128i t2_bytes;
typedef __m128i t2_sums;

static inline __m128i t2_zero(void) {
    return _mm_setzero_si128();
}

static inline __m128i t2_load(const void *p) {
    return _mm_loadu_si128(p);
}

/* The shift is of 16-bit lanes; what it drags over from the other byte is masked away. */
static inline __m128i t2_part(__m128i w, int i) {
    return _mm_and_si128(_mm_srli_epi16(w, 2 * i), _mm_set1_epi8(3));
}

/* hadd adds neighbours of both operands: twice, and the four sums are whole. */
static inline void t2_total4(int32_t out[4], __m128i a, __m128i b, __m128i c, __m128i d) {
    _mm_storeu_si128((void *)out, _mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d)));
}

static inline __m128i pairs(__m128i codes, const void *x) {
    return _mm_maddubs_epi16(codes, _mm_loadu_si128(x));
}

static inline __m128i widened(__m128i v) {
    return _mm_madd_epi16(v, _mm_set1_epi16(1));
}

static inline t2_sums t2_dot(t2_sums sums, t2_bytes codes, const void *x) {
    return _mm_add_epi32(sums, widened(pairs(codes, x)));
}

/* A code is at most 3 and an activation at least -128, so a pair is within 2 * 3 * 128 = 768 and four of them within 3072:
 * int16 holds the sums of a block, and madd by ones takes them to int32 before the next. */
static inline t2_sums t2_dot4(t2_sums sums, const t2_bytes codes[4], const int8_t *x) {
    __m128i low = _mm_add_epi16(pairs(codes[0], x), pairs(codes[1], x + 64));
    __m128i high = _mm_add_epi16(pairs(codes[2], x + 128), pairs(codes[3], x + 192));
    return _mm_add_epi32(sums, widened(_mm_add_epi16(low, high)));
}

#define T2_MUL trit_t2_mul_sse41
enum { T2_WIDTH = 16, T2_ROWS = 2, T2_TOKENS = 4, T2_GEMV_ROWS = 4 };
#include "kernel/t2_template.h"
