/* Layouts that the kernels share with those who write them. Drawings, numbers, and where things stand.
 *
 * Tile, the order of weights in memory: 16 rows stand together, so that a vector of int32 lanes has a row a lane, needs no sum
 * across lanes at the end, and reads one stream. A chunk is 64 bytes, four of each row:
 *
 *      bytes 4 r .. 4 r + 3 of a chunk      row r of the tile (r = 0..15)
 *
 *   The last tile of a matrix is whole; rows that do not exist hold anything and nothing asks for their results.
 *
 * T2, the CPU's form of ternary weights, 2 bits a weight: chunks of 16 inputs, ceil(K / 64) * 4 of them.
 *
 *      byte 4 r + b of a chunk:         bits 7:6     5:4         3:2         1:0
 *      code of row r and input          b + 12       b + 8       b + 4       b          (code = trit + 1: 0, 1, 2)
 *
 *   Four activations, the same for all rows, meet each two bits of the bytes. Inputs beyond K have code 1 (trit 0).
 *   The sum over codes is mended by the sum of the activations: dot(q, trit) = dot(q, code) - sum(q).
 *   Scales are float [n_tiles, n_groups, 16], zero for rows that do not exist; group = 0 means one scale a row (n_groups = 1), otherwise
 *   64, 128 or 256 inputs share one.
 *
 * T3, the same weights in base 3, 1.6 bits a weight: blocks of 320 inputs, which are five planes of 64, ceil(K / 320) of them. A block is 16
 * chunks.
 *
 *      byte 4 r + b of chunk c:   the trits t0 .. t4 of row r and inputs 4 c + b, + 64, + 128, + 192, + 256 of the block
 *      byte = 128 + v * 256 / 243 to the nearest, v = 81 t0 + 27 t1 + 9 t2 + 3 t3 + t4 = -121 .. 121
 *
 *   So f = byte / 256 is a fraction in the middle of what v may take, the first trit + 1 is floor(3 f), and the fraction that is left,
 *   which the byte times 3 modulo 256 gives exactly, says the next one. A plane is what a group of 64 is: chunks never divide a group.
 *   Inputs beyond K have trit 0; planes beyond them are in the last block and nothing reads activations for them. Scales as with T2.
 *
 * C6, coarse weights of 6 bits with a scale for each 64 inputs: blocks of 256 inputs, ceil(K / 256) of them. A block is 49 chunks: one of scales, then
 * three for each run of 16 inputs. Scales come first because a line read out of turn stops the processor's own reading ahead.
 *
 *      byte 16 g + r of the first:   the scale of row r and group g, inputs 64 g to 64 g + 63 of the block
 *      byte 4 r + b of a run's 0:   bits 3:0 of the codes of row r and input b, in its bits 3:0, and of input b + 4, in 7:4
 *      byte 4 r + b of its 1:       the same of inputs b + 8 and b + 12
 *      byte 4 r + b of its 2:       bits 5:4 of the codes of inputs b, b + 4, b + 8, b + 12, in its bits 1:0, 3:2, 5:4, 7:6
 *
 *   weight = (code - 32) * scale of the group (0 to 255) * scale of the row; those are float [n_tiles, 16]. Inputs beyond K have any code: their
 *   activations are 0.
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
 *   Codes beyond n are 0.
 */
#ifndef TRIT_QUANT_LAYOUT_H
#define TRIT_QUANT_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

enum { trit_tile_rows = 16, trit_chunk_bytes = 64, trit_t2_chunk = 16, trit_a8_sum_block = 64 };
enum { trit_t3_planes = 5, trit_t3_block = trit_t3_planes * trit_a8_sum_block, trit_t3_block_bytes = 16 * trit_chunk_bytes };
enum { trit_c6_zero = 32, trit_c6_run = 16, trit_c6_group = trit_a8_sum_block, trit_c6_groups = 4 /* of a block */ };
enum { trit_c6_run_bytes = 3 * trit_chunk_bytes, trit_c6_group_bytes = trit_c6_group / trit_c6_run * trit_c6_run_bytes };
enum { trit_c6_block_bytes = trit_c6_groups * trit_c6_group_bytes + trit_chunk_bytes };
enum { trit_pack_block_bytes = 64, trit_two_bit_block = 256, trit_base3_block = 320 };

static inline size_t trit_k256(size_t k) {
    return (k + 255) / 256 * 256;
}

static inline size_t trit_n_tiles(size_t n_rows) {
    return (n_rows + trit_tile_rows - 1) / trit_tile_rows;
}

static inline size_t trit_t2_tile_bytes(size_t k) {
    return (k + 63) / 64 * 4 * trit_chunk_bytes;
}

static inline size_t trit_t3_tile_bytes(size_t k) {
    return (k + trit_t3_block - 1) / trit_t3_block * trit_t3_block_bytes;
}

static inline size_t trit_c6_group_at(size_t group) { /* in its block */
    return trit_chunk_bytes + group * trit_c6_group_bytes;
}

static inline size_t trit_c6_tile_bytes(size_t k) {
    return trit_k256(k) / 256 * trit_c6_block_bytes;
}

static inline size_t trit_a8_row_bytes(size_t k) {
    return (trit_k256(k) + trit_k256(k) / trit_a8_sum_block * sizeof(int32_t) + sizeof(float) + 63) / 64 * 64;
}

static inline const int32_t *trit_a8_sums(const int8_t *row, size_t k) {
    return (const int32_t *)(const void *)(row + trit_k256(k));
}

/* The sum of q over blocks of 64 inputs [first, end). */
static inline int32_t trit_a8_sum(const int8_t *row, size_t k, size_t first, size_t end) {
    const int32_t *sums = trit_a8_sums(row, k);
    int32_t total = 0;
    for (size_t i = first; i < end; i++) total += sums[i];
    return total;
}

static inline const float *trit_a8_scale(const int8_t *row, size_t k) {
    return (const float *)(const void *)(trit_a8_sums(row, k) + trit_k256(k) / trit_a8_sum_block);
}

#endif
