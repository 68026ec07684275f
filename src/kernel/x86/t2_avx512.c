/* t2_mul with AVX-512 BW and no VNNI: maddubs multiplies codes (unsigned) by activations (signed) and adds pairs in int16. */
#include "kernel/x86/t2_zmm.h"

typedef __m512i t2_bytes;
typedef __m512i t2_sums;

static inline __m512i widened(__m512i pairs) {
    return _mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
}

static inline t2_sums t2_dot(t2_sums sums, t2_bytes codes, const void *x) {
    return _mm512_add_epi32(sums, widened(_mm512_maddubs_epi16(codes, _mm512_loadu_si512(x))));
}

/* A code is at most 3 and an activation at least -128, so a pair is within 2 * 3 * 128 = 768 and four of them within 3072:
 * int16 holds the sums of a block, and madd by ones takes them to int32 before the next. */
static inline t2_sums t2_dot4(t2_sums sums, const t2_bytes codes[4], const int8_t *x) {
    __m512i a = _mm512_maddubs_epi16(codes[0], _mm512_loadu_si512(x));
    __m512i b = _mm512_maddubs_epi16(codes[1], _mm512_loadu_si512(x + 64));
    __m512i c = _mm512_maddubs_epi16(codes[2], _mm512_loadu_si512(x + 128));
    __m512i d = _mm512_maddubs_epi16(codes[3], _mm512_loadu_si512(x + 192));
    return _mm512_add_epi32(sums, widened(_mm512_add_epi16(_mm512_add_epi16(a, b), _mm512_add_epi16(c, d))));
}

#define T2_MUL trit_t2_mul_avx512
enum { T2_WIDTH = 64, T2_ROWS = 4, T2_TOKENS = 4, T2_GEMV_ROWS = 4 };
#include "kernel/t2_template.h"
