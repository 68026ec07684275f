/* q8_mul of one tier, written once over bytes in vectors. A tier's file provides these and includes this file:
 *
 *      Q8_MUL                          the name of the tier's function
 *      Q8_BYTES                        of a vector: four of each row, so Q8_BYTES / 4 rows
 *      q8_bytes, q8_load(p)            weights of one chunk (layout Q8), prepared for q8_dot
 *      q8_four, q8_fours(p)            four activations, again and again, prepared for q8_dot
 *      q8_sums, q8_zero()              int32 lanes, one or two a row
 *      q8_dot(sums, w, x)              sums += (w + Q8_OFFSET) * x
 *      q8_store(p, sums)               Q8_BYTES / 4 sums, one a row
 *      Q8_OFFSET                       what q8_load adds to a weight
 *      Q8_SETS                         sets of sums for one token, to hide the latency of q8_dot
 *      Q8_TOKENS                       as many at once as the registers hold sums of
 *
 * Sums are of integers, so their order is free; with an offset they may wrap around on the way. */
#ifndef TRIT_KERNEL_Q8_TEMPLATE_H
#define TRIT_KERNEL_Q8_TEMPLATE_H

#include <assert.h>

#include "kernel/variants.h"
#include "quant/layout.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { rows_a_vector = Q8_BYTES / 4, vectors_a_tile = trit_chunk_bytes / Q8_BYTES };

/* Products of several tokens take so long that the processor sees too few of the next loads; without asking for what comes, eight tokens at once
 * get half of what memory gives. Addresses beyond the weights do no harm. */
enum { ahead_bytes = 8192 };

/* The sums of a tile's rows with n_tokens tokens. */
ALWAYS_INLINE void dots(int32_t sum[Q8_TOKENS][trit_tile_rows], const int8_t *w, const int8_t *x, size_t x_stride, size_t n_chunks, int n_tokens) {
    enum { max_sets = Q8_SETS > Q8_TOKENS ? Q8_SETS : Q8_TOKENS };
    const int n_sets = n_tokens == 1 ? Q8_SETS : n_tokens;
    q8_sums sums[max_sets][vectors_a_tile];
    for (int s = 0; s < n_sets; s++)
        for (int v = 0; v < vectors_a_tile; v++) sums[s][v] = q8_zero();
    size_t c = 0;
    if (n_tokens == 1)
        for (; c + Q8_SETS <= n_chunks; c += Q8_SETS)
            for (size_t s = 0; s < Q8_SETS; s++) {
                const q8_four four = q8_fours(x + (c + s) * trit_q8_chunk);
                for (int v = 0; v < vectors_a_tile; v++)
                    sums[s][v] = q8_dot(sums[s][v], q8_load(w + (c + s) * trit_chunk_bytes + v * Q8_BYTES), four);
            }
    for (; c < n_chunks; c++) {
        q8_bytes of_rows[vectors_a_tile];
        for (int v = 0; v < vectors_a_tile; v++) of_rows[v] = q8_load(w + c * trit_chunk_bytes + v * Q8_BYTES);
        if (n_tokens > 1) __builtin_prefetch((const void *)((uintptr_t)w + c * trit_chunk_bytes + ahead_bytes), 0, 2); /* into the second-level cache */
        for (int j = 0; j < n_tokens; j++) {
            const q8_four four = q8_fours(x + (size_t)j * x_stride + c * trit_q8_chunk);
            for (int v = 0; v < vectors_a_tile; v++) sums[j][v] = q8_dot(sums[j][v], of_rows[v], four);
        }
    }
    for (int j = 0; j < n_tokens; j++)
        for (int v = 0; v < vectors_a_tile; v++) {
            int32_t lane[rows_a_vector];
            q8_store(sum[j] + v * rows_a_vector, sums[j][v]);
            for (int s = 1; s < Q8_SETS && n_tokens == 1; s++) {
                q8_store(lane, sums[s][v]);
                for (int r = 0; r < rows_a_vector; r++) sum[0][v * rows_a_vector + r] = (int32_t)((uint32_t)sum[0][v * rows_a_vector + r] + (uint32_t)lane[r]);
            }
        }
}

/* Results of one tile of rows, those from row1 on not written, and tokens [token, token + n_tokens). */
ALWAYS_INLINE void products(const trit_q8_mul *a, uint32_t row, uint32_t row1, uint32_t token, int n_tokens) {
    const int8_t *x = a->x + token * a->x_stride;
    const float *scale = a->w_scale + row;
    const uint32_t n_rows = row1 - row < trit_tile_rows ? row1 - row : trit_tile_rows;
    int32_t sum[Q8_TOKENS][trit_tile_rows];
    dots(sum, a->w + row / trit_tile_rows * a->w_stride, x, a->x_stride, (a->k + trit_q8_chunk - 1) / trit_q8_chunk, n_tokens);
    for (int j = 0; j < n_tokens; j++) {
        const int8_t *q = x + (size_t)j * a->x_stride;
        const uint32_t mend = Q8_OFFSET ? (uint32_t)Q8_OFFSET * (uint32_t)trit_a8_sum(q, a->k, 0, trit_k256(a->k) / trit_a8_sum_block) : 0;
        const float x_scale = *trit_a8_scale(q, a->k);
        float *y = a->y + (token + (uint32_t)j) * a->y_stride + row, of_tile[trit_tile_rows];
        for (uint32_t r = 0; r < trit_tile_rows; r++) of_tile[r] = ((float)(int32_t)((uint32_t)sum[j][r] - mend) * scale[r]) * x_scale;
        for (uint32_t r = 0; r < n_rows; r++) y[r] = of_tile[r];
    }
}

/* A tile is read from memory once and met by all tokens while it is in the cache. */
void Q8_MUL(const trit_q8_mul *a, uint32_t row0, uint32_t row1) {
    assert(row0 % trit_tile_rows == 0);
    for (uint32_t r = row0; r < row1; r += trit_tile_rows) {
        uint32_t t = 0;
        for (; t + Q8_TOKENS <= a->n_tokens; t += Q8_TOKENS) products(a, r, row1, t, Q8_TOKENS);
        for (; Q8_TOKENS > 4 && t + 4 <= a->n_tokens; t += 4) products(a, r, row1, t, 4);
        for (; Q8_TOKENS > 2 && t + 2 <= a->n_tokens; t += 2) products(a, r, row1, t, 2);
        for (; t < a->n_tokens; t++) products(a, r, row1, t, 1);
    }
}

#endif
