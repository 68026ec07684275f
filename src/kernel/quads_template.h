/* quads_mul of one tier: portable loops on the compiler's vectors. The including file names the function in QUADS_MUL and the width of its
 * vectors in VECTOR_BYTES, and may have TURN_16, which turns sixteen rows and columns in registers.
 *
 * Sixteen rows, a tile, are four tables of 81 sums by 16 tokens, 20 KB. A lookup is an addition of a cache line and does the work of 64 multiply-adds.
 * Two tiles pass the columns together: half of the tables come from the second-level cache then, but sums are read and written half as often. */
#ifndef TRIT_KERNEL_QUADS_TEMPLATE_H
#define TRIT_KERNEL_QUADS_TEMPLATE_H

#include <string.h>

#include "kernel/turn.h"
#include "kernel/variants.h"

typedef float vec __attribute__((vector_size(VECTOR_BYTES), may_alias));

enum { n_tokens_at_once = trit_quad_tokens, n_rows_at_once = trit_quads_at_once * trit_quad_rows };
enum { lanes = VECTOR_BYTES / 4, n_vectors = n_tokens_at_once / lanes, n_pairs = 9 };

typedef float sums[n_tokens_at_once];

/* to[c][r] = from[r][c] of sixteen by sixteen; strides in elements. */
#ifndef TURN_16
static void turn_16(float *to, size_t to_stride, const float *from, size_t from_stride) {
    for (size_t r = 0; r < 16; r += 2)
        for (size_t c = 0; c < 16; c += 2) trit_turn_pairs(to + c * to_stride + r, 4 * to_stride, from + r * from_stride + c, 4 * from_stride);
}
#define TURN_16 turn_16
#endif

static void turn(float *to, size_t to_stride, const float *from, size_t from_stride, uint32_t n_rows, uint32_t n_cols) {
    if (n_rows == 16 && n_cols == 16)
        TURN_16(to, to_stride, from, from_stride);
    else
        for (size_t r = 0; r < n_rows; r++)
            for (size_t c = 0; c < n_cols; c++) to[c * to_stride + r] = from[r * from_stride + c];
}

/* Sixteen rows by sixteen tokens, zeros where there are none. */
static void lay_out(sums x[n_rows_at_once], const trit_quads_mul *p, uint32_t token, uint32_t row) {
    const uint32_t n_tokens = p->n_tokens - token < n_tokens_at_once ? p->n_tokens - token : n_tokens_at_once;
    const uint32_t n_rows = p->n_rows - row < n_rows_at_once ? p->n_rows - row : n_rows_at_once;
    if (n_tokens < n_tokens_at_once || n_rows < n_rows_at_once) memset(x, 0, n_rows_at_once * sizeof *x);
    turn(x[0], n_tokens_at_once, p->x + token * p->x_stride + row, p->x_stride, n_tokens, n_rows);
    for (uint32_t r = 0; r < n_rows; r++) {
        const float scale = p->scale[row + r];
        for (size_t v = 0; v < n_vectors; v++) ((vec *)x[r])[v] *= scale;
    }
    for (uint32_t t = 0; t < n_tokens && row + 2 * n_rows_at_once <= p->n_rows; t++) /* the next ones */
        __builtin_prefetch(p->x + (token + t) * p->x_stride + row + n_rows_at_once);
}

/* All sums of four rows, each added, subtracted or left out. */
static void make_sums(sums table[trit_quad_sums], const float *x) {
    for (size_t v = 0; v < n_vectors; v++) {
        const vec *at = (const vec *)x + v, x0 = at[0], x1 = at[n_vectors], x2 = at[2 * n_vectors], x3 = at[3 * n_vectors], zero = {0};
        const vec low[n_pairs] = {-x0 - x1, -x1, x0 - x1, -x0, zero, x0, x1 - x0, x1, x0 + x1};
        const vec high[n_pairs] = {-x2 - x3, -x3, x2 - x3, -x2, zero, x2, x3 - x2, x3, x2 + x3};
        vec *to = (vec *)table + v;
        for (size_t h = 0; h < n_pairs; h++)
#pragma GCC unroll 9
            for (size_t l = 0; l < n_pairs; l++, to += n_vectors) *to = low[l] + high[h];
    }
}

/* What n_tiles (a constant) tiles add to all columns. A column's four numbers of a tile are read as one word: loads are what this is made of. */
static inline __attribute__((always_inline)) void add_sums(float *y, const float *tables, const uint16_t *quads, uint32_t k, size_t n_tiles) {
    for (uint32_t c = 0; c < k; c++, y += n_tokens_at_once, quads += trit_quads_at_once) {
        vec sum[n_vectors];
        for (size_t v = 0; v < n_vectors; v++) sum[v] = ((const vec *)y)[v];
#pragma GCC unroll 2
        for (size_t i = 0; i < n_tiles; i++) {
            uint64_t four;
            memcpy(&four, quads + i * k * trit_quads_at_once, sizeof four);
#pragma GCC unroll 4
            for (size_t q = 0; q < trit_quads_at_once; q++) {
                const size_t at = (i * trit_quads_at_once + q) * trit_quad_sums * n_tokens_at_once + (uint16_t)(four >> 16 * q);
                const vec *found = (const vec *)(tables + at);
                for (size_t v = 0; v < n_vectors; v++) sum[v] += found[v];
            }
        }
        for (size_t v = 0; v < n_vectors; v++) ((vec *)y)[v] = sum[v];
    }
}

static void write(const trit_quads_mul *p, uint32_t token) {
    const uint32_t n_tokens = p->n_tokens - token < n_tokens_at_once ? p->n_tokens - token : n_tokens_at_once;
    for (uint32_t c = 0; c < p->k; c += 16)
        turn(p->y + token * p->y_stride + c, p->y_stride, p->room + (size_t)c * n_tokens_at_once, n_tokens_at_once, p->k - c < 16 ? p->k - c : 16, n_tokens);
}

/* The tables of sixteen rows. */
static void make_tables(sums tables[trit_quads_at_once][trit_quad_sums], const trit_quads_mul *p, uint32_t token, uint32_t row) {
    _Alignas(64) sums x[n_rows_at_once];
    lay_out(x, p, token, row);
    for (size_t q = 0; q < trit_quads_at_once; q++) make_sums(tables[q], x[q * trit_quad_rows]);
}

void QUADS_MUL(const trit_quads_mul *p) {
    _Alignas(64) sums tables[2][trit_quads_at_once][trit_quad_sums];
    for (uint32_t token = 0; token < p->n_tokens; token += n_tokens_at_once) {
        memset(p->room, 0, p->k * sizeof(sums));
        for (uint32_t row = 0; row < p->n_rows; row += 2 * n_rows_at_once) {
            const uint16_t *quads = p->quads + (size_t)row / n_rows_at_once * p->k * trit_quads_at_once;
            const bool are_two = p->n_rows - row > n_rows_at_once;
            make_tables(tables[0], p, token, row);
            if (are_two) make_tables(tables[1], p, token, row + n_rows_at_once);
            if (are_two)
                add_sums(p->room, tables[0][0][0], quads, p->k, 2);
            else
                add_sums(p->room, tables[0][0][0], quads, p->k, 1);
        }
        write(p, token);
    }
}

#endif
