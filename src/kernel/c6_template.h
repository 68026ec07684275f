/* c6_mul of one tier, written once over bytes in vectors. A tier's file includes the header of its t2 kernels for vectors, loads and int32
 * lanes, provides these and includes this file:
 *
 *      C6_MUL                          the name of the tier's function
 *      c6_dot(sums, codes, x)          sums += codes[0..3], of inputs 0 to 15, times x[0..15]; codes are at most 63
 *      c6_scales(p)                    a scale of each row as floats
 *      C6_TOKENS                       as many at once as the registers hold sums of
 *
 * Sums of a group are of integers, so their order is free; those of groups are of floats and have one. */
#ifndef TRIT_KERNEL_C6_TEMPLATE_H
#define TRIT_KERNEL_C6_TEMPLATE_H

#include <assert.h>
#include <string.h>

#include "kernel/variants.h"
#include "quant/layout.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { rows_a_vector = T2_BYTES / 4, vectors_a_tile = trit_chunk_bytes / T2_BYTES, runs_a_group = trit_c6_group / trit_c6_run };

/* Several tokens keep the processor so long between loads that it sees too few of the next ones: eight do 80 thousand million products a second, 120
 * when the next lines are asked for one level at a time, 160 when asked for both. One token needs no help, which costs it a sixth. Addresses beyond the
 * weights do no harm. */
enum { near_bytes = 8192, far_bytes = 16384 };

ALWAYS_INLINE void ask_ahead(const uint8_t *run) {
    for (uintptr_t c = 0; c < trit_c6_run_bytes; c += trit_chunk_bytes) {
        __builtin_prefetch((const void *)((uintptr_t)run + c + near_bytes));
        __builtin_prefetch((const void *)((uintptr_t)run + c + far_bytes), 0, 2);
    }
}

enum { max_sums = (int)C6_TOKENS > (int)runs_a_group ? (int)C6_TOKENS : (int)runs_a_group };

/* A row a lane. */
typedef int32_t c6_ints __attribute__((vector_size(T2_BYTES)));
typedef float c6_floats __attribute__((vector_size(T2_BYTES)));
typedef uint16_t c6_pairs __attribute__((vector_size(T2_BYTES))); /* of bytes: what shifts drag over from the other byte is masked away */

/* The codes of a run of 16 inputs, four a vector. */
ALWAYS_INLINE void unpack(t2_bytes codes[4], const uint8_t *w) {
    const c6_pairs low = (c6_pairs)t2_load(w), next = (c6_pairs)t2_load(w + trit_chunk_bytes), high = (c6_pairs)t2_load(w + 2 * trit_chunk_bytes);
    codes[0] = (t2_bytes)((low & 0x0f0f) | (high << 4 & 0x3030));
    codes[1] = (t2_bytes)((low >> 4 & 0x0f0f) | (high << 2 & 0x3030));
    codes[2] = (t2_bytes)((next & 0x0f0f) | (high & 0x3030));
    codes[3] = (t2_bytes)((next >> 4 & 0x0f0f) | (high >> 2 & 0x3030));
}

/* Products of vector v of a tile with n_tokens tokens, group after group. */
ALWAYS_INLINE void products(c6_floats total[C6_TOKENS], const uint8_t *w, uint32_t v, const int8_t *x, const trit_c6_mul *a, int n_tokens) {
    const size_t n_groups = (a->k + trit_c6_group - 1) / trit_c6_group;
    const int n_sums = n_tokens == 1 ? runs_a_group : n_tokens; /* one token has one for each run, to hide the latency of c6_dot */
    const int32_t *sum[C6_TOKENS];
    for (int j = 0; j < n_tokens; j++) {
        sum[j] = trit_a8_sums(x + (size_t)j * a->x_stride, a->k);
        total[j] = (c6_floats){0};
    }
    for (size_t g = 0; g < n_groups; g++) {
        const uint8_t *block = w + g / trit_c6_groups * trit_c6_block_bytes;
        const uint8_t *of_group = block + trit_c6_group_at(g % trit_c6_groups) + v * T2_BYTES;
        const c6_floats scale = c6_scales(block + g % trit_c6_groups * trit_tile_rows + v * rows_a_vector);
        t2_wide sums[max_sums];
        for (int j = 0; j < n_sums; j++) sums[j] = t2_wide_zero();
        for (int i = 0; i < runs_a_group; i++) {
            const uint8_t *run = of_group + i * trit_c6_run_bytes;
            t2_bytes codes[4];
            unpack(codes, run);
            if (v == 0 && n_tokens > 1) ask_ahead(run);
            for (int j = 0; j < n_tokens; j++) {
                t2_wide *of_token = &sums[n_tokens == 1 ? i : j];
                *of_token = c6_dot(*of_token, codes, x + (size_t)j * a->x_stride + g * trit_c6_group + (size_t)i * trit_c6_run);
            }
        }
        for (int j = 0; j < n_tokens; j++) {
            c6_ints ints = (c6_ints)sums[n_tokens == 1 ? 0 : j];
            for (int i = 1; n_tokens == 1 && i < n_sums; i++) ints += (c6_ints)sums[i];
            total[j] += __builtin_convertvector(ints - trit_c6_zero * sum[j][g], c6_floats) * scale;
        }
    }
}

/* Results of one tile of rows, those from row1 on not written, and tokens [token, token + n_tokens). */
ALWAYS_INLINE void tile(const trit_c6_mul *a, uint32_t row, uint32_t row1, uint32_t token, int n_tokens) {
    const int8_t *x = a->x + token * a->x_stride;
    const uint8_t *w = a->w + row / trit_tile_rows * a->w_stride;
    for (uint32_t v = 0; v < vectors_a_tile && row < row1; v++, row += rows_a_vector) {
        c6_floats total[C6_TOKENS], of_rows;
        products(total, w, v, x, a, n_tokens);
        memcpy(&of_rows, a->w_scale + row, sizeof of_rows);
        for (int j = 0; j < n_tokens; j++) {
            const c6_floats result = total[j] * of_rows * *trit_a8_scale(x + (size_t)j * a->x_stride, a->k);
            float *y = a->y + (token + (uint32_t)j) * a->y_stride + row;
            memcpy(y, &result, (row1 - row < rows_a_vector ? row1 - row : rows_a_vector) * sizeof *y);
        }
    }
}

/* A tile is read from memory once and met by all tokens while it is in the cache. */
void C6_MUL(const trit_c6_mul *a, uint32_t row0, uint32_t row1) {
    assert(row0 % trit_tile_rows == 0);
    for (uint32_t r = row0; r < row1; r += trit_tile_rows) {
        uint32_t t = 0;
        for (; t + C6_TOKENS <= a->n_tokens; t += C6_TOKENS) tile(a, r, row1, t, C6_TOKENS);
        for (; C6_TOKENS > 4 && t + 4 <= a->n_tokens; t += 4) tile(a, r, row1, t, 4);
        for (; C6_TOKENS > 2 && t + 2 <= a->n_tokens; t += 2) tile(a, r, row1, t, 2);
        for (; t < a->n_tokens; t++) tile(a, r, row1, t, 1);
    }
}

#endif
