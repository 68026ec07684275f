/* Products of bfloat16 pairs by VDPBF16PS, which does twice the multiply-adds of a vector of floats, and the pairs by VCVTNEPS2BF16. The instructions have
 * the order and the rounding of the specification, but for what is too small, which becomes 0 before. */
#include <immintrin.h>

#define BF16_MATMUL trit_bf16_matmul_avx512bf16
#define VECTOR_BYTES 64

typedef float floats __attribute__((vector_size(VECTOR_BYTES)));

static inline __attribute__((always_inline)) floats by_instruction(floats y, float a, floats b) {
    return (floats)_mm512_dpbf16_ps((__m512)y, (__m512bh)_mm512_set1_ps(a), (__m512bh)b);
}

#define ADD_PAIRS by_instruction
#include "kernel/pairs_template.h"

/* Magnitudes below 2^-56 become 0 with their sign: what is left of the bits without the sign is less. */
static inline __attribute__((always_inline)) __m512 without_small(__m512 x) {
    const __m512i bits = _mm512_castps_si512(x), floor = _mm512_set1_epi32(0x23800000), sign = _mm512_set1_epi32((int)0x80000000u);
    return _mm512_castsi512_ps(_mm512_mask_and_epi32(bits, _mm512_cmplt_epu32_mask(_mm512_andnot_si512(sign, bits), floor), bits, sign));
}

/* Sixteen of the first, then of the second. Not by VCVTNE2PS2BF16, which does both at once: the emulator that the check runs reads beyond its register. */
static inline __attribute__((always_inline)) __m512i halves(__m512 first, __m512 second) {
    const __m256i low = (__m256i)_mm512_cvtneps_pbh(without_small(first)), high = (__m256i)_mm512_cvtneps_pbh(without_small(second));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

static inline __attribute__((always_inline)) __mmask16 lanes_below(size_t n) {
    return (__mmask16)(n < 16 ? (1u << n) - 1 : 0xffffu);
}

void trit_bf16_round_avx512bf16(uint16_t *restrict y, const float *restrict x, size_t n) {
    size_t i = 0;
    for (; i + 32 <= n; i += 32) _mm512_storeu_si512(y + i, halves(_mm512_loadu_ps(x + i), _mm512_loadu_ps(x + i + 16)));
    if (i == n) return;
    const size_t rest = n - i, more = rest > 16 ? rest - 16 : 0;
    const __m512 second = more ? _mm512_maskz_loadu_ps(lanes_below(more), x + i + 16) : _mm512_setzero_ps();
    _mm512_mask_storeu_epi16(y + i, (__mmask32)((1u << rest) - 1), halves(_mm512_maskz_loadu_ps(lanes_below(rest), x + i), second));
}

void trit_bf16_pairs_avx512bf16(uint32_t *restrict y, const float *restrict even, const float *restrict odd, size_t n) {
    const __m512i turns = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1,
                                           16, 0);
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_si512(y + i, _mm512_permutexvar_epi16(turns, halves(_mm512_loadu_ps(even + i), _mm512_loadu_ps(odd + i))));
    if (i == n) return;
    const __mmask16 rest = lanes_below(n - i);
    _mm512_mask_storeu_epi32(y + i, rest, _mm512_permutexvar_epi16(turns, halves(_mm512_maskz_loadu_ps(rest, even + i), _mm512_maskz_loadu_ps(rest, odd + i))));
}
