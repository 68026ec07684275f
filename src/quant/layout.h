/* Layouts that the kernels share with those who write them. Plain numbers and drawings, no code.
 *
 * T2, the CPU's memory form of ternary weights, 2 bits a weight. A row of K inputs is ceil(K / 256) blocks of 64 bytes:
 *
 *      byte j of a block (j = 0..63):   bits 7:6        5:4         3:2        1:0
 *      code of element                  j + 192         j + 128     j + 64     j          (code = trit + 1: 0, 1, 2)
 *
 *   so one 64-byte load gives four vectors of 64 consecutive inputs by shift and mask. Elements beyond K have code 1 (trit 0).
 *   The sum over codes is mended by the sum of the activations: dot(q, trit) = dot(q, code) - sum(q).
 *   Scales are float [n_rows, n_groups]; group = 0 means one a row (n_groups = 1), otherwise 64, 128 or 256 inputs share one.
 *
 * A8, a row of activations quantized per token (absmax, int8). For K inputs, K256 = K rounded up to 256:
 *
 *      int8   q[K256]           zeros beyond K
 *      int32  sum[K256 / 64]    sum of q over each 64 inputs
 *      float  scale             x = q * scale, scale = max(max|x|, 1e-5) / 127
 *      pad to a multiple of 64 bytes
 *
 * Packed trits of files (quant/pack/), code = trit + 1. A block is 64 bytes; the last block of a list is shorter, and in it s, the
 * bytes that its n trits need, stands for 64.
 *
 *      two-bit, 256 trits, s = ceil(n / 4):   byte j has code j in bits 1:0, j + s in 3:2, j + 2 s in 5:4, j + 3 s in 7:6
 *      base-3,  320 trits, s = ceil(n / 5):   byte j is ceil(v * 256 / 243), v = the codes j, j + s, ... j + 4 s as digits of base
 *                                             3, the first the highest: the fraction v / 243 in 8 bits
 *
 *   Codes beyond n are 0. A whole two-bit block is a block of T2.
 */
#ifndef TRIT_QUANT_LAYOUT_H
#define TRIT_QUANT_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

enum { trit_t2_block = 256, trit_t2_block_bytes = 64, trit_a8_sum_block = 64, trit_pack_block_bytes = 64, trit_two_bit_block = 256, trit_base3_block = 320 };

static inline size_t trit_k256(size_t k) {
    return (k + 255) / 256 * 256;
}

static inline size_t trit_t2_row_bytes(size_t k) {
    return trit_k256(k) / 4;
}

static inline size_t trit_a8_row_bytes(size_t k) {
    return (trit_k256(k) + trit_k256(k) / trit_a8_sum_block * sizeof(int32_t) + sizeof(float) + 63) / 64 * 64;
}

static inline const int32_t *trit_a8_sums(const int8_t *row, size_t k) {
    return (const int32_t *)(const void *)(row + trit_k256(k));
}

static inline const float *trit_a8_scale(const int8_t *row, size_t k) {
    return (const float *)(const void *)(trit_a8_sums(row, k) + trit_k256(k) / trit_a8_sum_block);
}

#endif
