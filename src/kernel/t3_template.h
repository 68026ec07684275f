/* t3_mul of one tier, written once over bytes in vectors. A tier's file (x86/t3_avx2.c, ...) includes the header of its t2 kernels for
 * vectors, loads and int32 lanes, provides these and includes this file:
 *
 *      T3_MUL                              the name of the tier's function
 *      t3_load(p)                          bytes of a chunk (layout T3), as the two below want them
 *      t3_times3(f)                        the bytes times 3, modulo 256: the next trits come to the top
 *      t3_code(f)                          the top trit of each byte as a code
 *      T3_OFFSET                           code = trit + T3_OFFSET, 0 or 1, in t3_add too
 *      t3_sums, t3_zero()                  partial sums of one token, in any lanes
 *      t3_add(sums, f, next, four)         sums += code of f * four; next = t3_times3(f) may help
 *      t3_settle(wide, sums)               wide += sums
 *      T3_SPAN                             blocks of 16 chunks that t3_sums can hold
 *      t3_dots, t3_dots_zero()             partial sums of several tokens
 *      t3_dot(dots, codes, four)           dots += codes * four
 *      t3_widen(wide, dots)                wide += dots
 *      T3_PLANES                           of the 64 inputs, that t3_dots can hold: 1 to 5
 *      T3_VECTORS, T3_TOKENS               the tile for many tokens: as many dots as the registers hold
 *      T3_FEW                              if defined: up to so many tokens, by rows of one scale, go without a table of codes; t3_dots are
 *                                          int32 then
 *
 * One token: bytes are used as they come. Many: a block of 320 inputs is unpacked once into codes, which all tokens then meet. Few: codes meet them as
 * soon as they are there, so that unpacking and products fill the processor's units together. */
#ifndef TRIT_KERNEL_T3_TEMPLATE_H
#define TRIT_KERNEL_T3_TEMPLATE_H

#include <assert.h>
#include <stdbool.h>

#include "kernel/variants.h"
#include "quant/layout.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { planes = trit_t3_planes, plane_chunks = trit_t3_block_bytes / trit_chunk_bytes, plane_inputs = trit_a8_sum_block };
enum { rows_a_vector = T2_BYTES / 4, vectors_a_tile = trit_chunk_bytes / T2_BYTES, max_tokens = 64 };
enum { chunks_a_turn = 4 }; /* of a loop: the compiler moves sums about at each turn */

/* A matrix in 64s of inputs, which are the planes of its blocks. */
typedef struct extent {
    size_t n_planes, n_blocks, n_groups, group; /* group: planes that share a scale */
} extent;

static extent extent_of(const trit_t2_mul *a) {
    const size_t n = (a->k + plane_inputs - 1) / plane_inputs, group = a->group ? a->group / plane_inputs : n;
    return (extent){n, trit_t3_tile_bytes(a->k) / trit_t3_block_bytes, (n + group - 1) / group, group};
}

/* Is plane i the last one that shares its scale? */
static bool ends_group(const extent *e, size_t i) {
    return i + 1 == e->n_planes || (i + 1) % e->group == 0;
}

/* total += (float)(wide - T3_OFFSET * sum of q) * scale, over the group that ends with plane i */
ALWAYS_INLINE void add_group(float total[rows_a_vector], t2_wide wide, const trit_t2_mul *a, const extent *e, const int8_t *q, size_t i,
                             const float *scale) {
    int32_t lane[rows_a_vector];
    const size_t g = i / e->group;
    const int32_t sum = T3_OFFSET ? trit_a8_sum(q, a->k, g * e->group, i + 1) : 0;
    t2_store(lane, wide);
    for (int r = 0; r < rows_a_vector; r++) total[r] += (float)(lane[r] - sum) * scale[g * trit_tile_rows + (size_t)r];
}

/* -0 is what adding changes nothing. */
ALWAYS_INLINE void clear(float total[rows_a_vector], const trit_t2_mul *a) {
    for (int r = 0; r < rows_a_vector; r++) total[r] = a->group ? 0.0f : -0.0f;
}

/* Rows from row1 on are not written. */
ALWAYS_INLINE void store(const trit_t2_mul *a, const float total[rows_a_vector], uint32_t row, uint32_t row1, uint32_t token) {
    const float x_scale = *trit_a8_scale(a->x + token * a->x_stride, a->k);
    float *y = a->y + token * a->y_stride;
    if (row + rows_a_vector <= row1)
        for (uint32_t r = 0; r < rows_a_vector; r++) y[row + r] = total[r] * x_scale;
    else
        for (uint32_t r = 0; row + r < row1; r++) y[row + r] = total[r] * x_scale;
}

/* ---- one token ---- */

/* Where the activations of a block's planes stand; of those that do not exist: zeros. */
ALWAYS_INLINE void find_planes(const int8_t *x[planes], const int8_t *q, size_t block, const extent *e) {
    static const int8_t none[plane_inputs];
    for (size_t k = 0; k < planes; k++) x[k] = planes * block + k < e->n_planes ? q + (planes * block + k) * plane_inputs : none;
}

ALWAYS_INLINE void add_block(t3_sums sums[planes], const uint8_t *w, const int8_t *const x[planes]) {
    for (size_t c = 0; c < plane_chunks; c += chunks_a_turn)
        for (size_t i = c; i < c + chunks_a_turn; i++) {
            t2_bytes f = t3_load(w + i * trit_chunk_bytes);
            for (int k = 0; k < planes; k++) {
                const t2_bytes next = t3_times3(f);
                sums[k] = t3_add(sums[k], f, next, t2_four(x[k] + 4 * i));
                f = next;
            }
        }
}

/* A tile of rows by one token. Grouped scales want the sum of each plane; else all planes of many blocks may go together. */
static void mul_tile(const trit_t2_mul *a, uint32_t tile, uint32_t row1, uint32_t token) {
    const extent e = extent_of(a);
    const int8_t *q = a->x + token * a->x_stride;
    const uint8_t *w = a->w + tile * a->w_stride;
    const float *scale = a->w_scale + tile * e.n_groups * trit_tile_rows;
    float total[vectors_a_tile][rows_a_vector];
    t2_wide wide[vectors_a_tile];
    for (int v = 0; v < vectors_a_tile; v++) {
        clear(total[v], a);
        wide[v] = t2_wide_zero();
    }
    for (size_t first = 0, span = a->group ? 1 : T3_SPAN; first < e.n_blocks; first += span) {
        const size_t stop = e.n_blocks - first < span ? e.n_blocks : first + span;
        t3_sums sums[vectors_a_tile][planes];
        for (int v = 0; v < vectors_a_tile; v++)
            for (int k = 0; k < planes; k++) sums[v][k] = t3_zero();
        for (size_t block = first; block < stop; block++) {
            const int8_t *x[planes];
            find_planes(x, q, block, &e);
            for (int v = 0; v < vectors_a_tile; v++) add_block(sums[v], w + block * trit_t3_block_bytes + v * T2_BYTES, x);
        }
        for (size_t k = 0; k < planes; k++) {
            const size_t i = planes * first + k;
            for (int v = 0; v < vectors_a_tile; v++) wide[v] = t3_settle(wide[v], sums[v][k]);
            if (!a->group || i >= e.n_planes || !ends_group(&e, i)) continue;
            for (int v = 0; v < vectors_a_tile; v++) {
                add_group(total[v], wide[v], a, &e, q, i, scale + v * rows_a_vector);
                wide[v] = t2_wide_zero();
            }
        }
    }
    for (int v = 0; v < vectors_a_tile; v++) {
        if (!a->group) add_group(total[v], wide[v], a, &e, q, e.n_planes - 1, scale + v * rows_a_vector);
        store(a, total[v], tile * trit_tile_rows + (uint32_t)v * rows_a_vector, row1, token);
    }
}

/* ---- several tokens ---- */

/* The products of several tokens leave the processor no time to see the next loads by itself. So far ahead it is asked for them; addresses beyond the
 * weights do no harm. */
enum { near_bytes = 8192, far_bytes = 16384 };

/* Some vectors of rows by up to max_tokens tokens. */
typedef struct panel {
    const trit_t2_mul *a;
    extent e;
    const float *scale[T3_VECTORS];
    t2_bytes codes[planes * plane_chunks][T3_VECTORS]; /* of a block, in the order of its inputs */
    t2_wide wide[max_tokens][T3_VECTORS];
    float total[max_tokens][T3_VECTORS][rows_a_vector];
} panel;

ALWAYS_INLINE void unpack(panel *p, const uint8_t *const w[T3_VECTORS], size_t block, int n_vectors) {
    for (int v = 0; v < n_vectors; v++)
        for (size_t c = 0; c < plane_chunks; c++) {
            const uint8_t *chunk = w[v] + block * trit_t3_block_bytes + c * trit_chunk_bytes;
            __builtin_prefetch((const void *)((uintptr_t)chunk + near_bytes), 0, 2);
            t2_bytes f = t3_load(chunk);
            for (size_t k = 0; k < planes; k++, f = t3_times3(f)) p->codes[k * plane_chunks + c][v] = t3_code(f);
        }
}

/* Planes [first, end) of the block by tokens [token, token + n_tokens); q: the block's activations of the first of them. */
ALWAYS_INLINE void add_planes(panel *p, const int8_t *q, size_t first, size_t end, size_t token, int n_vectors, int n_tokens) {
    const size_t x_stride = p->a->x_stride;
    t3_dots dots[T3_VECTORS][T3_TOKENS];
    for (int v = 0; v < n_vectors; v++)
        for (int j = 0; j < n_tokens; j++) dots[v][j] = t3_dots_zero();
    for (size_t c = first * plane_chunks; c < end * plane_chunks; c += chunks_a_turn)
        for (size_t i = c; i < c + chunks_a_turn; i++)
            for (int j = 0; j < n_tokens; j++)
                for (int v = 0; v < n_vectors; v++) dots[v][j] = t3_dot(dots[v][j], p->codes[i][v], t2_four(q + (size_t)j * x_stride + 4 * i));
    for (int v = 0; v < n_vectors; v++)
        for (int j = 0; j < n_tokens; j++) p->wide[token + (size_t)j][v] = t3_widen(p->wide[token + (size_t)j][v], dots[v][j]);
}

/* The group that ends with plane i is complete for all tokens, the first of which is q. */
ALWAYS_INLINE void end_group(panel *p, const int8_t *q, size_t i, uint32_t n_tokens, int n_vectors) {
    for (uint32_t j = 0; j < n_tokens; j++)
        for (int v = 0; v < n_vectors; v++) {
            add_group(p->total[j][v], p->wide[j][v], p->a, &p->e, q + j * p->a->x_stride, i, p->scale[v]);
            p->wide[j][v] = t2_wide_zero();
        }
}

static inline size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* One block by tokens that begin at q, as many planes at a time as sums can hold and share a scale. */
ALWAYS_INLINE void add_block_tokens(panel *p, const int8_t *q, size_t block, uint32_t n_tokens, int n_vectors) {
    const extent *e = &p->e;
    const size_t x_stride = p->a->x_stride, first = planes * block, end = least(first + planes, e->n_planes);
    const int8_t *x = q + first * plane_inputs;
    for (size_t i = first, stop; i < end; i = stop) {
        uint32_t j = 0;
        stop = least(least(i + T3_PLANES, end), i - i % e->group + e->group);
        for (; j + T3_TOKENS <= n_tokens; j += T3_TOKENS) add_planes(p, x + j * x_stride, i - first, stop - first, j, n_vectors, T3_TOKENS);
        for (; j + 2 <= n_tokens; j += 2) add_planes(p, x + j * x_stride, i - first, stop - first, j, n_vectors, 2);
        for (; j < n_tokens; j++) add_planes(p, x + j * x_stride, i - first, stop - first, j, n_vectors, 1);
        if (ends_group(e, stop - 1)) end_group(p, q, stop - 1, n_tokens, n_vectors);
    }
}

/* Results of vectors [vector, vector + n_vectors) of the matrix and tokens [token, token + n_tokens). */
ALWAYS_INLINE void mul_panel(const trit_t2_mul *a, uint32_t vector, uint32_t row1, uint32_t token, uint32_t n_tokens, int n_vectors) {
    const uint8_t *w[T3_VECTORS];
    panel p;
    p.a = a;
    p.e = extent_of(a);
    for (int v = 0; v < n_vectors; v++) {
        const uint32_t u = vector + (uint32_t)v, in_tile = u % vectors_a_tile;
        w[v] = a->w + u / vectors_a_tile * a->w_stride + in_tile * T2_BYTES;
        p.scale[v] = a->w_scale + u / vectors_a_tile * p.e.n_groups * trit_tile_rows + in_tile * rows_a_vector;
        for (uint32_t j = 0; j < n_tokens; j++) {
            p.wide[j][v] = t2_wide_zero();
            clear(p.total[j][v], a);
        }
    }
    for (size_t block = 0; block < p.e.n_blocks; block++) {
        unpack(&p, w, block, n_vectors);
        add_block_tokens(&p, a->x + token * a->x_stride, block, n_tokens, n_vectors);
    }
    for (uint32_t j = 0; j < n_tokens; j++)
        for (int v = 0; v < n_vectors; v++) store(a, p.total[j][v], (vector + (uint32_t)v) * rows_a_vector, row1, token + j);
}

static void mul_tokens(const trit_t2_mul *a, uint32_t row0, uint32_t row1, uint32_t token, uint32_t n_tokens) {
    uint32_t v = row0 / rows_a_vector, end = (row1 + rows_a_vector - 1) / rows_a_vector;
    for (; v + T3_VECTORS <= end; v += T3_VECTORS) mul_panel(a, v, row1, token, n_tokens, T3_VECTORS);
    for (; v < end; v++) mul_panel(a, v, row1, token, n_tokens, 1);
}

#ifdef T3_FEW
/* Chunks of a block, of which n_planes exist, by tokens that begin at x, where the block's activations are. */
ALWAYS_INLINE void add_few(t3_dots dots[T3_TOKENS][T3_VECTORS], const uint8_t *const w[T3_VECTORS], const int8_t *x, size_t x_stride, size_t n_planes,
                           int n_vectors, int n_tokens) {
    for (size_t c = 0; c < plane_chunks; c++) {
        t2_bytes f[T3_VECTORS];
        for (int v = 0; v < n_vectors; v++) {
            const uint8_t *chunk = w[v] + c * trit_chunk_bytes;
            __builtin_prefetch((const void *)((uintptr_t)chunk + near_bytes));
            __builtin_prefetch((const void *)((uintptr_t)chunk + far_bytes), 0, 2);
            f[v] = t3_load(chunk);
        }
        for (size_t k = 0; k < n_planes; k++) {
            t2_bytes codes[T3_VECTORS];
            for (int v = 0; v < n_vectors; v++) {
                codes[v] = t3_code(f[v]);
                f[v] = t3_times3(f[v]);
            }
            for (int j = 0; j < n_tokens; j++) {
                const t2_bytes four = t2_four(x + (size_t)j * x_stride + k * plane_inputs + 4 * c);
                for (int v = 0; v < n_vectors; v++) dots[j][v] = t3_dot(dots[j][v], codes[v], four);
            }
        }
    }
}

ALWAYS_INLINE void mul_few(const trit_t2_mul *a, uint32_t vector, uint32_t row1, uint32_t token, int n_vectors, int n_tokens) {
    const extent e = extent_of(a);
    const int8_t *x = a->x + token * a->x_stride;
    const uint8_t *w[T3_VECTORS];
    t3_dots dots[T3_TOKENS][T3_VECTORS];
    for (int v = 0; v < n_vectors; v++) {
        const uint32_t u = vector + (uint32_t)v;
        w[v] = a->w + u / vectors_a_tile * a->w_stride + u % vectors_a_tile * T2_BYTES;
        for (int j = 0; j < n_tokens; j++) dots[j][v] = t3_dots_zero();
    }
    for (size_t block = 0; block < e.n_blocks; block++) {
        const size_t left = e.n_planes - planes * block;
        const int8_t *of_block = x + planes * block * plane_inputs;
        if (left >= planes) add_few(dots, w, of_block, a->x_stride, planes, n_vectors, n_tokens);
        else add_few(dots, w, of_block, a->x_stride, left, n_vectors, n_tokens);
        for (int v = 0; v < n_vectors; v++) w[v] += trit_t3_block_bytes;
    }
    for (int j = 0; j < n_tokens; j++)
        for (int v = 0; v < n_vectors; v++) {
            const uint32_t row = (vector + (uint32_t)v) * rows_a_vector;
            float total[rows_a_vector];
            clear(total, a);
            add_group(total, t3_widen(t2_wide_zero(), dots[j][v]), a, &e, x + (size_t)j * a->x_stride, e.n_planes - 1, a->w_scale + row);
            store(a, total, row, row1, token + (uint32_t)j);
        }
}

ALWAYS_INLINE void mul_few_rows(const trit_t2_mul *a, uint32_t row0, uint32_t row1, uint32_t token, int n_tokens) {
    uint32_t v = row0 / rows_a_vector, end = (row1 + rows_a_vector - 1) / rows_a_vector;
    for (; v + T3_VECTORS <= end; v += T3_VECTORS) mul_few(a, v, row1, token, T3_VECTORS, n_tokens);
    for (; v < end; v++) mul_few(a, v, row1, token, 1, n_tokens);
}

static void mul_few_tokens(const trit_t2_mul *a, uint32_t row0, uint32_t row1) {
    uint32_t t = 0;
    for (; t + T3_TOKENS <= a->n_tokens; t += T3_TOKENS) mul_few_rows(a, row0, row1, t, T3_TOKENS);
    for (; t + 4 <= a->n_tokens; t += 4) mul_few_rows(a, row0, row1, t, 4);
    for (; t + 2 <= a->n_tokens; t += 2) mul_few_rows(a, row0, row1, t, 2);
    for (uint32_t r = row0; t < a->n_tokens && r < row1; r += trit_tile_rows) mul_tile(a, r / trit_tile_rows, row1, t);
}
#endif

void T3_MUL(const trit_t2_mul *a, uint32_t row0, uint32_t row1) {
    assert(row0 % trit_tile_rows == 0);
    if (a->n_tokens == 1)
        for (uint32_t tile = row0 / trit_tile_rows; tile * trit_tile_rows < row1; tile++) mul_tile(a, tile, row1, 0);
#ifdef T3_FEW
    else if (a->n_tokens <= T3_FEW && !a->group)
        mul_few_tokens(a, row0, row1);
#endif
    else
        for (uint32_t t = 0; t < a->n_tokens; t += max_tokens)
            mul_tokens(a, row0, row1, t, a->n_tokens - t < max_tokens ? a->n_tokens - t : max_tokens);
}

#endif
