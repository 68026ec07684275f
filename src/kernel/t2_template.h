/* t2_mul of one tier, written once over bytes in vectors. A tier's file (x86/t2_avx2.c, ...) provides these and includes this
 * file:
 *
 *      T2_MUL                              the name of the tier's function
 *      T2_BYTES                            of a vector: four of each row, so T2_BYTES / 4 rows
 *      t2_bytes, t2_load(p)                weights of one chunk (layout T2)
 *      t2_low(w), t2_second(w)             bits 1:0 of each byte; bits 3:2 where they stand, which is the code times four
 *      t2_upper(w)                         bits 7:4 moved to 3:0; what comes with them is masked away by the two above
 *      t2_part(w, i)                       bits 2 i + 1 : 2 i of each byte
 *      t2_four(p)                          four activations, again and again
 *      t2_sums, t2_zero()                  partial sums in any lanes
 *      t2_dot(sums, codes, four)           sums += codes * four
 *      t2_wide, t2_wide_zero()             int32 lanes, one a row
 *      t2_widen(wide, sums)                wide += sums
 *      t2_whole(ones, fours)               ones + fours / 4
 *      t2_store(p, wide)
 *      T2_GEMV_SPAN, T2_GEMM_SPAN          chunks whose codes, also times four, t2_sums can hold: multiples of four
 *      T2_GEMV_SETS                        1, 2 or 4 sets of sums for one token, to hide the latency of t2_dot
 *      T2_VECTORS, T2_TOKENS               the tile for many tokens: as many sums as the registers hold
 *
 * Where T2_BYTES is a whole chunk a tier may bring its own sums of one token, and then needs no T2_GEMV_..., t2_second, t2_upper, t2_whole:
 *
 *      T2_ONE_TOKEN(w, x, n_chunks)        t2_wide of codes * activations
 *
 * A trit is code - 1, so dot(q, trit) = dot(q, code) - sum(q), and the layout A8 keeps sum(q). Sums of codes times four stay
 * within 2^31 up to K = 2^22, which is 1 << 18 chunks. */
#ifndef TRIT_KERNEL_T2_TEMPLATE_H
#define TRIT_KERNEL_T2_TEMPLATE_H

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "kernel/variants.h"
#include "quant/layout.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { chunks_a_sum = trit_a8_sum_block / trit_t2_chunk };
enum { rows_a_vector = T2_BYTES / 4, vectors_a_tile = trit_chunk_bytes / T2_BYTES };
enum { max_vectors = (int)vectors_a_tile > (int)T2_VECTORS ? (int)vectors_a_tile : (int)T2_VECTORS };

/* A row a lane. Said as vectors, because compilers make of loops over lanes now a few instructions and now a hundred. */
typedef int32_t t2_ints __attribute__((vector_size(T2_BYTES)));
typedef float t2_floats __attribute__((vector_size(T2_BYTES)));

/* Several tiles at once are short streams that the processor does not read ahead of by itself: two tokens got half of what memory gives. So far
 * ahead are the next tiles rather than these. Addresses beyond the weights do no harm. */
enum { has_streams = (int)T2_VECTORS > (int)vectors_a_tile, ahead_bytes = 32768 };

/* One row vector or several by one token or several: where their bytes are, and the products so far. */
typedef struct tile {
    const uint8_t *w[max_vectors];
    const int8_t *x[T2_TOKENS];
    t2_wide wide[max_vectors][T2_TOKENS];
} tile;

#ifdef T2_ONE_TOKEN
ALWAYS_INLINE void add_one_token(tile *restrict t, size_t chunk, size_t end) {
    t->wide[0][0] = T2_ONE_TOKEN(t->w[0] + chunk * trit_chunk_bytes, t->x[0] + chunk * trit_t2_chunk, end - chunk);
}
#else
enum { chunks_a_turn = T2_GEMV_SETS > 2 ? 2 : 1 }; /* a chunk takes two sets */

/* One token by all vectors of a tile of rows. Codes are used where they stand: what bits 3:2 give is four times too much. */
ALWAYS_INLINE void add_one_token(tile *restrict t, size_t chunk, size_t end) {
    const int n = vectors_a_tile;
    t2_wide ones[vectors_a_tile], fours[vectors_a_tile];
    for (int v = 0; v < n; v++) ones[v] = fours[v] = t2_wide_zero();
    while (chunk < end) {
        size_t stop = end - chunk < T2_GEMV_SPAN ? end : chunk + T2_GEMV_SPAN;
        t2_sums one[T2_GEMV_SETS][vectors_a_tile], four[T2_GEMV_SETS][vectors_a_tile];
        for (int s = 0; s < T2_GEMV_SETS; s++)
            for (int v = 0; v < n; v++) one[s][v] = four[s][v] = t2_zero();
        for (; chunk < stop; chunk += chunks_a_turn)
            for (size_t c = 0; c < chunks_a_turn; c++) {
                const uint8_t *w = t->w[0] + (chunk + c) * trit_chunk_bytes;
                const int8_t *x = t->x[0] + (chunk + c) * trit_t2_chunk;
                const size_t lower = 2 * c % T2_GEMV_SETS, upper = (2 * c + 1) % T2_GEMV_SETS;
                for (int v = 0; v < n; v++) {
                    t2_bytes low = t2_load(w + v * T2_BYTES), high = t2_upper(low);
                    one[lower][v] = t2_dot(one[lower][v], t2_low(low), t2_four(x));
                    four[lower][v] = t2_dot(four[lower][v], t2_second(low), t2_four(x + 4));
                    one[upper][v] = t2_dot(one[upper][v], t2_low(high), t2_four(x + 8));
                    four[upper][v] = t2_dot(four[upper][v], t2_second(high), t2_four(x + 12));
                }
            }
        for (int s = 0; s < T2_GEMV_SETS; s++)
            for (int v = 0; v < n; v++) {
                ones[v] = t2_widen(ones[v], one[s][v]);
                fours[v] = t2_widen(fours[v], four[s][v]);
            }
    }
    for (int v = 0; v < n; v++) t->wide[v][0] = t2_whole(ones[v], fours[v]);
}
#endif

/* Several tokens by some vectors: codes are unpacked once for all tokens. */
ALWAYS_INLINE void add_tokens(tile *restrict t, size_t chunk, size_t end, int n_vectors, int n_tokens) {
    for (int v = 0; v < n_vectors; v++)
        for (int j = 0; j < n_tokens; j++) t->wide[v][j] = t2_wide_zero();
    while (chunk < end) {
        size_t stop = end - chunk < T2_GEMM_SPAN ? end : chunk + T2_GEMM_SPAN;
        t2_sums sums[T2_VECTORS][T2_TOKENS];
        for (int v = 0; v < n_vectors; v++)
            for (int j = 0; j < n_tokens; j++) sums[v][j] = t2_zero();
        for (; chunk < stop; chunk++) {
            t2_bytes codes[T2_VECTORS][4];
            for (int v = 0; v < n_vectors; v++) {
                const uint8_t *w = t->w[v] + chunk * trit_chunk_bytes;
                t2_bytes packed = t2_load(w);
                if (has_streams) __builtin_prefetch((const void *)((uintptr_t)w + ahead_bytes), 0, 2); /* into the second-level cache */
                for (int i = 0; i < 4; i++) codes[v][i] = t2_part(packed, i);
            }
            for (int j = 0; j < n_tokens; j++)
                for (int i = 0; i < 4; i++)
                    for (int v = 0; v < n_vectors; v++)
                        sums[v][j] = t2_dot(sums[v][j], codes[v][i], t2_four(t->x[j] + chunk * trit_t2_chunk + 4 * i));
        }
        for (int v = 0; v < n_vectors; v++)
            for (int j = 0; j < n_tokens; j++) t->wide[v][j] = t2_widen(t->wide[v][j], sums[v][j]);
    }
}

ALWAYS_INLINE t2_floats load_floats(const float *p) {
    t2_floats x;
    memcpy(&x, p, sizeof x);
    return x;
}

/* (float)(wide - sum) * scale */
ALWAYS_INLINE t2_floats scaled(t2_wide wide, int32_t sum, const float scale[rows_a_vector]) {
    int32_t lane[rows_a_vector];
    t2_ints ints;
    t2_store(lane, wide);
    memcpy(&ints, lane, sizeof ints);
    return __builtin_convertvector(ints - sum, t2_floats) * load_floats(scale);
}

/* The sum of q over a group of 64, 128 or 256 that begins with this one of the sums; rows are padded so that the last group is whole. */
ALWAYS_INLINE int32_t sum_of_group(const int32_t *sums, uint32_t group) {
    int32_t sum = sums[0];
    if (group >= 128) sum += sums[1];
    if (group >= 256) sum += sums[2] + sums[3];
    return sum;
}

/* Results of vectors [vector, vector + n_vectors) of the matrix and tokens [token, token + n_tokens), whose sums of q are `sum`. Rows
 * from row1 on are not written. */
ALWAYS_INLINE void products(const trit_t2_mul *a, uint32_t vector, uint32_t token, const int32_t *sum, uint32_t row1, int n_vectors, int n_tokens) {
    const size_t n_chunks = trit_t2_tile_bytes(a->k) / trit_chunk_bytes, group = a->group ? a->group / trit_t2_chunk : n_chunks;
    const size_t n_groups = (n_chunks + group - 1) / group;
    tile t;
    t2_floats total[max_vectors][T2_TOKENS];
    const float *scale[max_vectors];
    for (int v = 0; v < n_vectors; v++) {
        const uint32_t u = vector + (uint32_t)v, in_tile = u % vectors_a_tile;
        t.w[v] = a->w + u / vectors_a_tile * a->w_stride + in_tile * T2_BYTES;
        scale[v] = a->w_scale + u / vectors_a_tile * n_groups * trit_tile_rows + in_tile * rows_a_vector;
    }
    for (int j = 0; j < n_tokens; j++) t.x[j] = a->x + (token + (uint32_t)j) * a->x_stride;
    for (int v = 0; v < n_vectors; v++)
        for (int j = 0; j < n_tokens; j++) total[v][j] = (t2_floats){0};

    for (size_t g = 0, chunk = 0; g < n_groups; g++, chunk += group) {
        const size_t end = n_chunks - chunk < group ? n_chunks : chunk + group;
        if (n_tokens == 1 && n_vectors == vectors_a_tile)
            add_one_token(&t, chunk, end);
        else
            add_tokens(&t, chunk, end, n_vectors, n_tokens);
        for (int j = 0; j < n_tokens; j++) {
            const int32_t of_group = a->group ? sum_of_group(trit_a8_sums(t.x[j], a->k) + chunk / chunks_a_sum, a->group) : sum[j];
            for (int v = 0; v < n_vectors; v++) {
                const t2_floats part = scaled(t.wide[v][j], of_group, scale[v] + g * trit_tile_rows);
                total[v][j] = a->group ? total[v][j] + part : part;
            }
        }
    }

    for (int j = 0; j < n_tokens; j++) {
        const float x_scale = *trit_a8_scale(t.x[j], a->k);
        float *y = a->y + (token + (uint32_t)j) * a->y_stride;
        for (int v = 0; v < n_vectors; v++) {
            const uint32_t row = (vector + (uint32_t)v) * rows_a_vector;
            const t2_floats result = total[v][j] * x_scale;
            if (row + rows_a_vector <= row1)
                memcpy(y + row, &result, sizeof result);
            else
                for (uint32_t r = 0; row + r < row1; r++) y[row + r] = result[r];
        }
    }
}

/* Sums of q of tokens [token, token + n_tokens). */
ALWAYS_INLINE void sum_tokens(int32_t *sum, const trit_t2_mul *a, uint32_t token, int n_tokens) {
    for (int j = 0; j < n_tokens; j++)
        sum[j] = trit_a8_sum(a->x + (token + (uint32_t)j) * a->x_stride, a->k, 0, trit_k256(a->k) / trit_a8_sum_block);
}

static void mul_one(const trit_t2_mul *a, uint32_t row0, uint32_t row1, uint32_t token) {
    int32_t sum;
    sum_tokens(&sum, a, token, 1);
    for (uint32_t v = row0 / rows_a_vector; v * rows_a_vector < row1; v += vectors_a_tile) products(a, v, token, &sum, row1, vectors_a_tile, 1);
}

ALWAYS_INLINE void mul_tokens(const trit_t2_mul *a, uint32_t row0, uint32_t row1, uint32_t token, int n_tokens) {
    uint32_t v = row0 / rows_a_vector, end = (row1 + rows_a_vector - 1) / rows_a_vector;
    int32_t sum[T2_TOKENS];
    sum_tokens(sum, a, token, n_tokens);
    for (; v + T2_VECTORS <= end; v += T2_VECTORS) products(a, v, token, sum, row1, T2_VECTORS, n_tokens);
    for (; v < end; v++) products(a, v, token, sum, row1, 1, n_tokens);
}

static void mul_many(const trit_t2_mul *a, uint32_t row0, uint32_t row1, uint32_t token) {
    mul_tokens(a, row0, row1, token, T2_TOKENS);
}

static void mul_two(const trit_t2_mul *a, uint32_t row0, uint32_t row1, uint32_t token) {
    mul_tokens(a, row0, row1, token, 2);
}

/* Rows go in blocks that stay in the second-level cache while the tokens pass by; a tile's tokens stay in the first level. */
void T2_MUL(const trit_t2_mul *a, uint32_t row0, uint32_t row1) {
    assert(row0 % trit_tile_rows == 0);
    const size_t block_bytes = 256 * 1024, tiles = a->w_stride && a->w_stride < block_bytes ? block_bytes / a->w_stride : 1;
    const uint32_t rows = a->n_tokens == 1 ? row1 - row0 : (uint32_t)tiles * trit_tile_rows;
    for (uint32_t first = row0; first < row1;) {
        uint32_t last = row1 - first < rows ? row1 : first + rows, t = 0;
        for (; t + T2_TOKENS <= a->n_tokens; t += T2_TOKENS) mul_many(a, first, last, t);
        for (; t + 2 <= a->n_tokens; t += 2) mul_two(a, first, last, t);
        if (t < a->n_tokens) mul_one(a, first, last, t);
        first = last;
    }
}

#endif
