/* t2_mul of one tier, written once over bytes in vectors. A tier's file (x86/t2_avx2.c, ...) provides these and includes this
 * file:
 *
 *      T2_MUL                              the name of the tier's function
 *      t2_bytes, t2_sums                   a vector of T2_WIDTH bytes; int32 lanes of partial sums
 *      t2_zero()                           no sum
 *      t2_load(p)                          T2_WIDTH bytes of a block of weights
 *      t2_part(w, i)                       w >> 2 i & 3 in each byte: the codes of inputs 64 i + ... (layout T2)
 *      t2_dot(sums, codes, x)              sums += codes * x[0..T2_WIDTH) in any lanes
 *      t2_dot4(sums, codes[4], x)          the same for codes[i] and x + 64 i, i = 0..3
 *      t2_total4(out[4], a, b, c, d)       the lanes of each added up
 *      T2_ROWS, T2_TOKENS, T2_GEMV_ROWS    the tile for many tokens and for one
 *
 * A trit is code - 1, so dot(q, trit) = dot(q, code) - sum(q), and the layout keeps sum(q). Lanes and totals wrap around in 32
 * bits where K is huge; the difference, which fits, is right all the same. */
#ifndef TRIT_KERNEL_T2_TEMPLATE_H
#define TRIT_KERNEL_T2_TEMPLATE_H

#include <stdbool.h>

#include "kernel/variants.h"
#include "quant/layout.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { max_rows = 4, max_tokens = 4 };

/* sum(q) of a token */
static int32_t token_sum(const trit_t2_mul *a, uint32_t token) {
    const int32_t *sums = trit_a8_sums(a->x + token * a->x_stride, a->k);
    uint32_t total = 0;
    for (size_t i = 0, n = trit_k256(a->k) / trit_a8_sum_block; i < n; i++) total += (uint32_t)sums[i];
    return (int32_t)total;
}

static inline int32_t difference(int32_t codes, int32_t sum) {
    return (int32_t)((uint32_t)codes - (uint32_t)sum);
}

/* Rows are too short for the processor to see where the streams go next, so the rows of a later tile are fetched: whole tiles
 * ahead, at least 6 KiB, which is what memory delivers in some 200 ns. Beyond the matrix a prefetch does no harm. */
static inline size_t prefetch_distance(size_t tile_bytes) {
    const size_t least = 6 * 1024;
    return tile_bytes == 0 || tile_bytes >= least ? tile_bytes : (least + tile_bytes - 1) / tile_bytes * tile_bytes;
}

/* Group 0: n_rows x n_tokens results. The weights of a row are unpacked once for all tokens of the tile. */
ALWAYS_INLINE void tile(const trit_t2_mul *a, uint32_t row, uint32_t token, const int32_t *token_sums, int n_rows, int n_tokens) {
    const size_t n_bytes = trit_t2_row_bytes(a->k), ahead = prefetch_distance((size_t)n_rows * a->w_stride);
    const uint8_t *w = a->w + row * a->w_stride;
    const int8_t *x = a->x + token * a->x_stride;
    t2_sums sums[max_rows * max_tokens];
    for (int i = 0; i < max_rows * max_tokens; i++) sums[i] = t2_zero();

    for (size_t at = 0; at < n_bytes; at += T2_WIDTH) {
        const int8_t *q = x + at / 64 * 256 + at % 64;
        for (int i = 0; i < n_rows; i++) {
            const uint8_t *p = w + (size_t)i * a->w_stride + at;
            t2_bytes packed = t2_load(p);
            if (n_tokens == 1 && at % 64 == 0) __builtin_prefetch(p + ahead);
            t2_bytes codes[4];
            for (int part = 0; part < 4; part++) codes[part] = t2_part(packed, part);
            for (int j = 0; j < n_tokens; j++)
                sums[i * n_tokens + j] = t2_dot4(sums[i * n_tokens + j], codes, q + (size_t)j * a->x_stride);
        }
    }

    int32_t total[max_rows * max_tokens];
    for (int i = 0; i < n_rows * n_tokens; i += 4) t2_total4(total + i, sums[i], sums[i + 1], sums[i + 2], sums[i + 3]);
    for (int j = 0; j < n_tokens; j++) {
        float *y = a->y + (token + (uint32_t)j) * a->y_stride + row;
        float x_scale = *trit_a8_scale(x + (size_t)j * a->x_stride, a->k);
        for (int i = 0; i < n_rows; i++)
            y[i] = ((float)difference(total[i * n_tokens + j], token_sums[j]) * a->w_scale[row + (uint32_t)i]) * x_scale;
    }
}

/* The groups of one block, whose four parts have the sums part[0..3], added to `total` in rising order. */
static inline float add_groups(float total, const int32_t part[4], uint32_t group, const float *scale, uint32_t n_groups) {
    if (group == 64) {
        for (uint32_t g = 0; g < n_groups && g < 4; g++) total += (float)part[g] * scale[g];
    } else if (group == 128) {
        for (uint32_t g = 0; g < n_groups && g < 2; g++) total += (float)(part[2 * g] + part[2 * g + 1]) * scale[g];
    } else {
        total += (float)(part[0] + part[1] + part[2] + part[3]) * scale[0];
    }
    return total;
}

/* Groups of 64, 128 or 256 inputs: one row and n_tokens tokens. A group is one, two or four parts of a block. */
ALWAYS_INLINE void grouped(const trit_t2_mul *a, uint32_t row, uint32_t token, int n_tokens) {
    const uint32_t n_groups = (a->k + a->group - 1) / a->group, per_block = trit_t2_block / a->group;
    const uint8_t *w = a->w + row * a->w_stride;
    const int8_t *x = a->x + token * a->x_stride;
    const float *scale = a->w_scale + (size_t)row * n_groups;
    float total[max_tokens] = {0};
    for (uint32_t b = 0; b * per_block < n_groups; b++) {
        t2_sums sums[max_tokens][4];
        for (int j = 0; j < n_tokens; j++)
            for (int part = 0; part < 4; part++) sums[j][part] = t2_zero();
        for (size_t at = 0; at < trit_t2_block_bytes; at += T2_WIDTH) {
            t2_bytes packed = t2_load(w + (size_t)b * trit_t2_block_bytes + at);
            const int8_t *q = x + (size_t)b * trit_t2_block + at;
            for (int part = 0; part < 4; part++) {
                t2_bytes codes = t2_part(packed, part);
                for (int j = 0; j < n_tokens; j++)
                    sums[j][part] = t2_dot(sums[j][part], codes, q + (size_t)j * a->x_stride + 64 * part);
            }
        }
        for (int j = 0; j < n_tokens; j++) {
            const int32_t *of_part = trit_a8_sums(x + (size_t)j * a->x_stride, a->k) + 4 * (size_t)b;
            int32_t part[4];
            t2_total4(part, sums[j][0], sums[j][1], sums[j][2], sums[j][3]);
            for (int i = 0; i < 4; i++) part[i] = difference(part[i], of_part[i]);
            total[j] = add_groups(total[j], part, a->group, scale + (size_t)b * per_block, n_groups - b * per_block);
        }
    }
    for (int j = 0; j < n_tokens; j++)
        a->y[(token + (uint32_t)j) * a->y_stride + row] = total[j] * *trit_a8_scale(x + (size_t)j * a->x_stride, a->k);
}

/* Groups of 256, a whole block each: four rows at once, so that one t2_total4 serves them all. */
ALWAYS_INLINE void blocks_of_four_rows(const trit_t2_mul *a, uint32_t row, uint32_t token, int n_tokens) {
    const size_t n_blocks = trit_k256(a->k) / trit_t2_block, ahead = prefetch_distance(4 * a->w_stride);
    const uint8_t *w = a->w + row * a->w_stride;
    const int8_t *x = a->x + token * a->x_stride;
    const float *scale = a->w_scale + row * n_blocks;
    float total[max_tokens][4] = {{0}};
    for (size_t b = 0; b < n_blocks; b++) {
        t2_sums sums[max_tokens][4];
        for (int j = 0; j < n_tokens; j++)
            for (int i = 0; i < 4; i++) sums[j][i] = t2_zero();
        for (size_t at = 0; at < trit_t2_block_bytes; at += T2_WIDTH)
            for (int i = 0; i < 4; i++) {
                const uint8_t *p = w + (size_t)i * a->w_stride + b * trit_t2_block_bytes + at;
                t2_bytes packed = t2_load(p), codes[4];
                if (n_tokens == 1 && at == 0) __builtin_prefetch(p + ahead);
                for (int part = 0; part < 4; part++) codes[part] = t2_part(packed, part);
                for (int j = 0; j < n_tokens; j++)
                    sums[j][i] = t2_dot4(sums[j][i], codes, x + (size_t)j * a->x_stride + b * trit_t2_block + at);
            }
        for (int j = 0; j < n_tokens; j++) {
            const int32_t *of_part = trit_a8_sums(x + (size_t)j * a->x_stride, a->k) + 4 * b;
            int32_t of_row[4], of_block = of_part[0] + of_part[1] + of_part[2] + of_part[3];
            t2_total4(of_row, sums[j][0], sums[j][1], sums[j][2], sums[j][3]);
            for (size_t i = 0; i < 4; i++) total[j][i] += (float)(of_row[i] - of_block) * scale[i * n_blocks + b];
        }
    }
    for (int j = 0; j < n_tokens; j++)
        for (uint32_t i = 0; i < 4; i++)
            a->y[(token + (uint32_t)j) * a->y_stride + row + i] = total[j][i] * *trit_a8_scale(x + (size_t)j * a->x_stride, a->k);
}

static void mul_grouped(const trit_t2_mul *a, uint32_t row0, uint32_t row1) {
    uint32_t r = row0;
    if (a->group == trit_t2_block)
        for (; r + 4 <= row1; r += 4) {
            uint32_t t = 0;
            for (; t + 2 <= a->n_tokens; t += 2) blocks_of_four_rows(a, r, t, 2);
            if (t < a->n_tokens) blocks_of_four_rows(a, r, t, 1);
        }
    for (; r < row1; r++) {
        uint32_t t = 0;
        for (; t + 2 <= a->n_tokens; t += 2) grouped(a, r, t, 2);
        if (t < a->n_tokens) grouped(a, r, t, 1);
    }
}

static void mul_one(const trit_t2_mul *a, uint32_t row0, uint32_t row1, uint32_t token) {
    int32_t sum = token_sum(a, token);
    uint32_t r = row0;
    for (; r + T2_GEMV_ROWS <= row1; r += T2_GEMV_ROWS) tile(a, r, token, &sum, T2_GEMV_ROWS, 1);
    for (; r < row1; r++) tile(a, r, token, &sum, 1, 1);
}

static void mul_many(const trit_t2_mul *a, uint32_t row0, uint32_t row1, uint32_t token) {
    int32_t sums[T2_TOKENS];
    for (uint32_t j = 0; j < T2_TOKENS; j++) sums[j] = token_sum(a, token + j);
    uint32_t r = row0;
    for (; r + T2_ROWS <= row1; r += T2_ROWS) tile(a, r, token, sums, T2_ROWS, T2_TOKENS);
    for (; r < row1; r++) tile(a, r, token, sums, 1, T2_TOKENS);
}

/* Rows go in blocks that stay in the second-level cache while the tokens pass by; a token tile stays in the first level. */
void T2_MUL(const trit_t2_mul *a, uint32_t row0, uint32_t row1) {
    if (a->group != 0) {
        mul_grouped(a, row0, row1);
        return;
    }
    const size_t block_bytes = 128 * 1024;
    size_t rows = a->w_stride ? block_bytes / a->w_stride : row1;
    rows = rows < 16 ? 16 : rows - rows % 8;
    for (uint32_t first = row0; first < row1;) {
        uint32_t last = row1 - first < rows ? row1 : first + (uint32_t)rows, t = 0;
        for (; t + T2_TOKENS <= a->n_tokens; t += T2_TOKENS) mul_many(a, first, last, t);
        for (; t < a->n_tokens; t++) mul_one(a, first, last, t);
        first = last;
    }
}

#endif
