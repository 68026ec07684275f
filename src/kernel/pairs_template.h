/* The product of matrices of bfloat16 pairs, and what makes the pairs, for one tier: portable loops on the compiler's vectors. The including file names
 * the functions in BF16_MATMUL, BF16_ROUND and BF16_PAIRS, as far as it has them, and the width of its vectors in VECTOR_BYTES, and may have
 * ADD_PAIRS, a function (y, a, b): what the pairs of a word and of a vector of words add to a vector of floats. */
#ifndef TRIT_KERNEL_PAIRS_TEMPLATE_H
#define TRIT_KERNEL_PAIRS_TEMPLATE_H

#include <stdbool.h>
#include <string.h>

#include "kernel/variants.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

static inline uint32_t pairs_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float pairs_float(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#ifdef BF16_MATMUL

/* Two registers' worth of the sixteen floats and sums of AVX2, as in matmul_template.h. */
enum { matmul_rows = 6 };

typedef float pairs_floats __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t pairs_words __attribute__((vector_size(VECTOR_BYTES)));

#ifndef ADD_PAIRS
ALWAYS_INLINE pairs_floats add_pairs(pairs_floats y, float a, pairs_floats b) {
    const pairs_words left = (pairs_words){0} + pairs_bits(a), right = (pairs_words)b;
    y += (pairs_floats)(left & 0xffff0000u) * (pairs_floats)(right & 0xffff0000u);
    return y + (pairs_floats)(left << 16) * (pairs_floats)(right << 16);
}
#define ADD_PAIRS add_pairs
#endif

static float add_pair(float y, float a, float b) {
    const uint32_t of_a = pairs_bits(a), of_b = pairs_bits(b);
    y += pairs_float(of_a & 0xffff0000u) * pairs_float(of_b & 0xffff0000u);
    return y + pairs_float(of_a << 16) * pairs_float(of_b << 16);
}

/* A pointer to the elements of a that the compiler takes for another one, so that it reads an element once for each vector of b. */
#ifdef READS_AGAIN
static inline const void *again(const void *a) {
    __asm__("" : "+r"(a));
    return a;
}
#define AGAIN(a) again(a)
#else
#define AGAIN(a) (a)
#endif

/* Words travel as floats: nothing looks at them but the two sums. */
#define T float
#define U float
#define NAME(x) x##_pairs
#define MULADD(y, a, b) _Generic((y), float: add_pair, default: ADD_PAIRS)(y, a, b)
#include "kernel/matmul_type.h"

void BF16_MATMUL(const trit_matmul *p) {
    matmul_pairs(p);
}

#endif

#ifdef BF16_ROUND

/* The bits of a bfloat16 in the upper half, with what is cut off below them. NaN stays one. */
ALWAYS_INLINE uint32_t pairs_rounded(float x) {
    const uint32_t bits = pairs_bits(x), size = bits & 0x7fffffffu;
    const uint32_t near = size > 0x7f800000u ? bits | 0x00400000u : bits + 0x7fffu + (bits >> 16 & 1u);
    return size < 0x23800000u ? bits & 0x80000000u : near; /* 2^-56 */
}

void BF16_ROUND(uint16_t *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = (uint16_t)(pairs_rounded(x[i]) >> 16);
}

void BF16_PAIRS(uint32_t *restrict y, const float *restrict even, const float *restrict odd, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = pairs_rounded(even[i]) >> 16 | (pairs_rounded(odd[i]) & 0xffff0000u);
}

#endif

#endif
