/* The product of matrices of bfloat16 pairs, and what makes the pairs, for one tier: portable loops on the compiler's vectors. The including file names
 * the functions in BF16_MATMUL, BF16_ROUND and BF16_PAIRS, as far as it has them, and the width of its vectors in VECTOR_BYTES, and may have
 * ADD_PAIRS, a function (y, a, b): what the pairs of a word and of a vector of words add to a vector of floats. */
#ifndef TRIT_KERNEL_PAIRS_TEMPLATE_H
#define TRIT_KERNEL_PAIRS_TEMPLATE_H

#include <stdbool.h>
#include <string.h>

#include "kernel/variants.h"
#include "tensor/half.h"

#ifdef BF16_MATMUL

typedef float pairs_floats __attribute__((vector_size(VECTOR_BYTES)));
typedef uint32_t pairs_words __attribute__((vector_size(VECTOR_BYTES)));

#ifndef ADD_PAIRS
static inline __attribute__((always_inline)) pairs_floats add_pairs(pairs_floats y, float a, pairs_floats b) {
    const pairs_words left = (pairs_words){0} + trit_bits_from_f32(a), right = (pairs_words)b;
    y += (pairs_floats)(left & 0xffff0000u) * (pairs_floats)(right & 0xffff0000u);
    return y + (pairs_floats)(left << 16) * (pairs_floats)(right << 16);
}
#define ADD_PAIRS add_pairs
#endif

static float add_pair(float y, float a, float b) {
    const uint32_t of_a = trit_bits_from_f32(a), of_b = trit_bits_from_f32(b);
    y += trit_f32_from_bits(of_a & 0xffff0000u) * trit_f32_from_bits(of_b & 0xffff0000u);
    return y + trit_f32_from_bits(of_a << 16) * trit_f32_from_bits(of_b << 16);
}

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

/* trit_bf16_from_f32 without branches, in the upper half with what is cut off below it, and without magnitudes below 2^-56. */
static inline __attribute__((always_inline)) uint32_t pairs_rounded(float x) {
    const uint32_t bits = trit_bits_from_f32(x), size = bits & 0x7fffffffu;
    const uint32_t near = size > 0x7f800000u ? bits | 0x00400000u : bits + 0x7fffu + (bits >> 16 & 1u);
    return size < 0x23800000u ? bits & 0x80000000u : near;
}

void BF16_ROUND(uint16_t *restrict y, const float *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = (uint16_t)(pairs_rounded(x[i]) >> 16);
}

void BF16_PAIRS(uint32_t *restrict y, const float *restrict even, const float *restrict odd, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = pairs_rounded(even[i]) >> 16 | (pairs_rounded(odd[i]) & 0xffff0000u);
}

#endif

#endif
