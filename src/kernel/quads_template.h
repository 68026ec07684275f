/* quads_mul and quads_i16_mul of one tier: portable loops on the compiler's vectors. The including file names the functions in QUADS_MUL and
 * QUADS_I16_MUL and the width of its vectors in VECTOR_BYTES, and may have TURN_16, which turns sixteen rows and columns in registers.
 *
 * Sixteen rows, a tile, are four tables of 81 sums by 16 tokens, 20 KB. A lookup is an addition of a cache line and does the work of 64 multiply-adds,
 * with sums of 16 bits that of 128. Two tiles pass the columns together: half of the tables come from the second-level cache then, but sums are read
 * and written half as often. With vectors of 64 bytes loads are the bound, one a cycle on a Zen 4, and stores of tables, one in two cycles. */
#ifndef TRIT_KERNEL_QUADS_TEMPLATE_H
#define TRIT_KERNEL_QUADS_TEMPLATE_H

#include <string.h>

#include "kernel/turn.h"
#include "kernel/variants.h"

typedef float vec __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef int32_t words __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef uint32_t bits __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef uint16_t shorts __attribute__((vector_size(VECTOR_BYTES), may_alias));

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

/* All sums of four rows, each added, subtracted or left out; vectors of floats or of whole numbers. */
#define MAKE_SUMS(name, type)                                                                                                       \
    static void name(sums table[trit_quad_sums], const float *x) {                                                                   \
        for (size_t v = 0; v < n_vectors; v++) {                                                                                    \
            const type *at = (const type *)x + v, x0 = at[0], x1 = at[n_vectors], x2 = at[2 * n_vectors], x3 = at[3 * n_vectors];   \
            const type zero = {0}, low[n_pairs] = {-x0 - x1, -x1, x0 - x1, -x0, zero, x0, x1 - x0, x1, x0 + x1};                    \
            const type high[n_pairs] = {-x2 - x3, -x3, x2 - x3, -x2, zero, x2, x3 - x2, x3, x2 + x3};                               \
            type *to = (type *)table + v;                                                                                           \
            for (size_t h = 0; h < n_pairs; h++)                                                                                    \
                _Pragma("GCC unroll 9") for (size_t l = 0; l < n_pairs; l++, to += n_vectors) *to = low[l] + high[h];               \
        }                                                                                                                           \
    }
MAKE_SUMS(make_sums, vec)
MAKE_SUMS(make_short_sums, shorts)

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

/* Sixteen tokens' sums, a column every `stride` floats. */
static void write(const trit_quads_mul *p, uint32_t token, const float *from, size_t stride) {
    const uint32_t n_tokens = p->n_tokens - token < n_tokens_at_once ? p->n_tokens - token : n_tokens_at_once;
    for (uint32_t c = 0; c < p->k; c += 16)
        turn(p->y + token * p->y_stride + c, p->y_stride, from + c * stride, stride, p->k - c < 16 ? p->k - c : 16, n_tokens);
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
        write(p, token, p->room, n_tokens_at_once);
    }
}

/* Whole numbers: thirty-two tokens and rows at once. A lane of four bytes has two tokens, the second sixteen after the first. */
enum { n_halves = trit_quad_i16_tokens / n_tokens_at_once, n_tiles_at_once = trit_quad_i16_rows / n_rows_at_once };

/* What numbers of one tile or two are made of. */
typedef struct whole_numbers {
    _Alignas(64) sums tables[n_tiles_at_once][trit_quads_at_once][trit_quad_sums];
    _Alignas(64) sums x[n_halves][trit_quad_i16_rows];
    _Alignas(64) sums step[n_halves];
} whole_numbers;

static inline words larger(words a, words b) {
    const words is_a = a > b;
    return (a & is_a) | (b & ~is_a);
}

/* Sixteen tokens of all rows become whole numbers, whose halves of 16 bits are what counts, and the tokens' steps. */
static void round_rows(sums x[trit_quad_i16_rows], float *step) {
    for (size_t v = 0; v < n_vectors; v++) {
        const words least = (words){0} + 0x0d800000, finite = (words){0} + 0x7f7fffff; /* 2^-100; the largest float */
        const vec magic = (vec){0} + 0x1.8p23f;                                        /* what is added to it is rounded to whole numbers, halves to even */
        words most = least;
        for (size_t r = 0; r < trit_quad_i16_rows; r += 4) {
            const words *at = (const words *)x[r] + v;
            const words a = larger(at[0] & INT32_MAX, at[n_vectors] & INT32_MAX), b = larger(at[2 * n_vectors] & INT32_MAX, at[3 * n_vectors] & INT32_MAX);
            most = larger(larger(a, b), most);
        }
        const vec by = (float)trit_quad_i16_most / (vec)most;
        for (size_t r = 0; r < trit_quad_i16_rows; r++) {
            bits *at = (bits *)x[r] + v;
            *at = (bits)((vec)*at * by + magic) - (bits)magic;
        }
        ((words *)step)[v] = (words)((vec)most / (float)trit_quad_i16_most) | (most > finite);
    }
}

static void make_whole(whole_numbers *w, const trit_quads_mul *p, uint32_t token, uint32_t row, size_t n_tiles) {
    for (uint32_t h = 0; h < n_halves; h++) {
        const bool is_there = token + h * n_tokens_at_once < p->n_tokens;
        if (n_tiles < n_tiles_at_once || !is_there) memset(w->x[h], 0, sizeof w->x[h]);
        for (uint32_t i = 0; i < n_tiles && is_there; i++)
            lay_out(w->x[h] + i * n_rows_at_once, p, token + h * n_tokens_at_once, row + i * n_rows_at_once);
        round_rows(w->x[h], w->step[h]);
    }
    for (size_t r = 0; r < n_tiles * n_rows_at_once; r++)
        for (size_t v = 0; v < n_vectors; v++) ((bits *)w->x[0][r])[v] = (((bits *)w->x[0][r])[v] & 0xffff) | ((bits *)w->x[1][r])[v] << 16;
    for (size_t i = 0; i < n_tiles; i++)
        for (size_t q = 0; q < trit_quads_at_once; q++) make_short_sums(w->tables[i][q], w->x[0][i * n_rows_at_once + q * trit_quad_rows]);
}

static inline __attribute__((always_inline)) void add_whole(float *y, const whole_numbers *w, const uint16_t *quads, uint32_t k, size_t n_tiles) {
    vec step[n_halves][n_vectors];
    memcpy(step, w->step, sizeof step);
    for (uint32_t c = 0; c < k; c++, y += trit_quad_i16_tokens, quads += trit_quads_at_once) {
        shorts sum[n_vectors] = {{0}};
#pragma GCC unroll 2
        for (size_t i = 0; i < n_tiles; i++) {
            uint64_t four;
            memcpy(&four, quads + i * k * trit_quads_at_once, sizeof four);
#pragma GCC unroll 4
            for (size_t q = 0; q < trit_quads_at_once; q++) {
                const size_t at = (i * trit_quads_at_once + q) * trit_quad_sums * n_tokens_at_once + (uint16_t)(four >> 16 * q);
                const shorts *found = (const shorts *)(w->tables[0][0][0] + at);
                for (size_t v = 0; v < n_vectors; v++) sum[v] += found[v];
            }
        }
        for (size_t v = 0; v < n_vectors; v++) {
            const words first = (words)((bits)sum[v] << 16) >> 16, second = (words)sum[v] >> 16;
            ((vec *)y)[v] += __builtin_convertvector(first, vec) * step[0][v];
            ((vec *)y)[n_vectors + v] += __builtin_convertvector(second, vec) * step[1][v];
        }
    }
}

void QUADS_I16_MUL(const trit_quads_mul *p) {
    whole_numbers w;
    for (uint32_t token = 0; token < p->n_tokens; token += trit_quad_i16_tokens) {
        memset(p->room, 0, p->k * n_halves * sizeof(sums));
        for (uint32_t row = 0; row < p->n_rows; row += trit_quad_i16_rows) {
            const uint16_t *quads = p->quads + (size_t)row / n_rows_at_once * p->k * trit_quads_at_once;
            const bool are_two = p->n_rows - row > n_rows_at_once;
            make_whole(&w, p, token, row, are_two ? 2 : 1);
            if (are_two)
                add_whole(p->room, &w, quads, p->k, 2);
            else
                add_whole(p->room, &w, quads, p->k, 1);
        }
        for (uint32_t h = 0; h < n_halves && token + h * n_tokens_at_once < p->n_tokens; h++)
            write(p, token + h * n_tokens_at_once, p->room + h * n_tokens_at_once, trit_quad_i16_tokens);
    }
}

#endif
