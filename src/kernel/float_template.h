/* The float kernels of one tier, written once over v16, a value of sixteen float lanes. A tier's file (x86/float_avx2.c, ...)
 * includes the header that implements v16 with its instructions, names the tier and the tile shapes, and includes this file:
 *
 *      KERNEL(slot)                 the name of the tier's function for a slot
 *      GEMV_ROWS                    rows at once for one token: enough chains of additions to hide their latency
 *      GEMM_ROWS, GEMM_TOKENS       the tile for many tokens: as many sums as the registers hold
 *
 * What v16 offers is listed in x86/v16_avx512.h. Tails shorter than 16 go through a zeroed buffer of 16 elements. Each function
 * takes the steps of its scalar twin in kernel/ref, in the same order. */
#ifndef TRIT_KERNEL_FLOAT_TEMPLATE_H
#define TRIT_KERNEL_FLOAT_TEMPLATE_H

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "kernel/elements.h"
#include "kernel/numbers.h"
#include "kernel/variants.h"
#include "quant/layout.h"

/* The first n < 16 lanes, the others +0.0f. */
static inline v16 first_lanes(v16 v, size_t n) {
    float buffer[16] = {0};
    store_part(buffer, v, n);
    return v16_load(buffer);
}

/* ---- products ---- */

enum { max_tile = 8 };

/* The R x T sums of rows w, w + stride, ... with vectors x, x + x_stride, ...: sum[i][j] of row i and vector j. */
ALWAYS_INLINE void dots(enum kind kind, float sum[max_tile][max_tile], const void *rows, size_t stride, const float *x, size_t x_stride,
                        size_t n, int n_rows, int n_vectors) {
    const unsigned char *w = rows;
    const size_t bytes = kind_bytes(kind);
    v16 acc[max_tile][max_tile];
    for (int i = 0; i < n_rows; i++)
        for (int j = 0; j < n_vectors; j++) acc[i][j] = v16_zero();

    size_t k = 0;
    for (; k + 16 <= n; k += 16) {
        for (int i = 0; i < n_rows; i++) {
            const unsigned char *p = w + (size_t)i * stride + k * bytes;
            v16 v = load(kind, p);
            /* The rows after these, which the next call wants; beyond the matrix a prefetch does no harm. */
            if (n_vectors == 1) __builtin_prefetch(p + (size_t)n_rows * stride);
            for (int j = 0; j < n_vectors; j++) acc[i][j] = v16_add(acc[i][j], v16_mul(v, v16_load(x + (size_t)j * x_stride + k)));
        }
    }
    if (k < n)
        for (int j = 0; j < n_vectors; j++) {
            v16 xs = load_part(kind_f32, x + (size_t)j * x_stride + k, n - k);
            for (int i = 0; i < n_rows; i++)
                acc[i][j] = v16_add(acc[i][j], v16_mul(load_part(kind, w + (size_t)i * stride + k * bytes, n - k), xs));
        }
    for (int i = 0; i < n_rows; i++)
        for (int j = 0; j < n_vectors; j++) sum[i][j] = v16_sum(acc[i][j]);
}

ALWAYS_INLINE void tile(enum kind kind, const trit_float_mul *a, uint32_t row, uint32_t token, int n_rows, int n_tokens) {
    float sum[max_tile][max_tile];
    dots(kind, sum, (const unsigned char *)a->w + row * a->w_stride, a->w_stride, a->x + token * a->x_stride, a->x_stride, a->k, n_rows,
         n_tokens);
    for (int j = 0; j < n_tokens; j++)
        for (int i = 0; i < n_rows; i++) a->y[(token + (uint32_t)j) * a->y_stride + row + (uint32_t)i] = sum[i][j];
}

ALWAYS_INLINE void rows_of_tokens(enum kind kind, const trit_float_mul *a, uint32_t first, uint32_t last, uint32_t token, int n_tokens) {
    uint32_t r = first;
    for (; r + GEMM_ROWS <= last; r += GEMM_ROWS) tile(kind, a, r, token, GEMM_ROWS, n_tokens);
    for (; r < last; r++) tile(kind, a, r, token, 1, n_tokens);
}

/* Rows in blocks that stay in the second-level cache while the tokens pass by; a token tile stays in the first level. */
ALWAYS_INLINE void product(enum kind kind, const trit_float_mul *a, uint32_t row0, uint32_t row1) {
    const size_t block_bytes = 128 * 1024;
    size_t rows = a->w_stride ? block_bytes / a->w_stride : row1;
    rows = rows < 16 ? 16 : rows - rows % 8;
    for (uint32_t first = row0; first < row1;) {
        uint32_t last = row1 - first < rows ? row1 : first + (uint32_t)rows, t = 0;
        for (; t + GEMM_TOKENS <= a->n_tokens; t += GEMM_TOKENS) rows_of_tokens(kind, a, first, last, t, GEMM_TOKENS);
        for (; t + 2 <= a->n_tokens; t += 2) rows_of_tokens(kind, a, first, last, t, 2);
        uint32_t r = first;
        if (t < a->n_tokens) {
            for (; r + GEMV_ROWS <= last; r += GEMV_ROWS) tile(kind, a, r, t, GEMV_ROWS, 1);
            for (; r < last; r++) tile(kind, a, r, t, 1, 1);
        }
        first = last;
    }
}

void KERNEL(f32_mul)(const trit_float_mul *a, uint32_t row0, uint32_t row1) {
    product(kind_f32, a, row0, row1);
}

void KERNEL(f16_mul)(const trit_float_mul *a, uint32_t row0, uint32_t row1) {
    product(kind_f16, a, row0, row1);
}

void KERNEL(bf16_mul)(const trit_float_mul *a, uint32_t row0, uint32_t row1) {
    product(kind_bf16, a, row0, row1);
}

/* ---- ternary weights ---- */

enum { t2_rows = GEMM_ROWS > 4 ? 4 : GEMM_ROWS }; /* rows at once are of one tile */
_Static_assert(trit_tile_rows % t2_rows == 0 && trit_tile_rows % GEMV_ROWS == 0, "rows at once are of one tile");

/* Rows of one tile, whose inputs come in chunks of 16: four bytes a row. */
ALWAYS_INLINE void t2_tile(const trit_t2_float_mul *a, uint32_t row, uint32_t token, int n_rows, int n_tokens) {
    const uint32_t group = a->group ? a->group : a->k, n_groups = (a->k + group - 1) / group, in_tile = row % trit_tile_rows;
    const uint8_t *w = a->w + row / trit_tile_rows * a->w_stride + 4 * in_tile;
    const float *x = a->x + token * a->x_stride;
    const float *scale = a->w_scale + (size_t)(row / trit_tile_rows) * n_groups * trit_tile_rows + in_tile;
    v16 acc[max_tile][max_tile];
    for (int i = 0; i < n_rows; i++)
        for (int j = 0; j < n_tokens; j++) acc[i][j] = v16_zero();
    for (uint32_t k = 0; k < a->k; k += trit_t2_chunk, w += trit_chunk_bytes) {
        const float *of_group = scale + k / group * trit_tile_rows;
        const uint32_t n = a->k - k;
        v16 xs[max_tile];
        for (int j = 0; j < n_tokens; j++) {
            const float *p = x + (size_t)j * a->x_stride + k;
            xs[j] = n >= 16 ? v16_load(p) : load_part(kind_f32, p, n);
        }
        for (int i = 0; i < n_rows; i++) {
            v16 v = v16_mul(v16_load_trits(w + 4 * i), v16_set1(of_group[i]));
            if (n < 16) v = first_lanes(v, n); /* no trit times an infinite scale is not nothing */
            for (int j = 0; j < n_tokens; j++) acc[i][j] = v16_add(acc[i][j], v16_mul(v, xs[j]));
        }
    }
    for (int j = 0; j < n_tokens; j++)
        for (int i = 0; i < n_rows; i++) a->y[(token + (uint32_t)j) * a->y_stride + row + (uint32_t)i] = v16_sum(acc[i][j]);
}

void KERNEL(t2_float_mul)(const trit_t2_float_mul *a, uint32_t row0, uint32_t row1) {
    assert(row0 % trit_tile_rows == 0);
    for (uint32_t t = 0; t < a->n_tokens;) {
        uint32_t r = row0;
        if (a->n_tokens - t >= GEMM_TOKENS) {
            for (; r + t2_rows <= row1; r += t2_rows) t2_tile(a, r, t, t2_rows, GEMM_TOKENS);
            for (; r < row1; r++) t2_tile(a, r, t, 1, GEMM_TOKENS);
            t += GEMM_TOKENS;
        } else {
            for (; r + GEMV_ROWS <= row1; r += GEMV_ROWS) t2_tile(a, r, t, GEMV_ROWS, 1);
            for (; r < row1; r++) t2_tile(a, r, t, 1, 1);
            t++;
        }
    }
}

/* ---- rows of activations ---- */

/* max(least, max|x|), passing over NaN */
static float largest_magnitude(const float *x, size_t n, float least) {
    v16 m = v16_set1(least);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) m = v16_max(v16_abs(v16_load(x + i)), m);
    if (i < n) m = v16_max(v16_abs(load_part(kind_f32, x + i, n - i)), m);
    return v16_largest(m);
}

/* int8 of x * s: NaN to 0, clamped, rounded to nearest even */
static void to_int8(int8_t *q, const float *x, float s, size_t n) {
    const v16 factor = v16_set1(s), low = v16_set1(-128.0f), high = v16_set1(127.0f);
    for (size_t i = 0; i < n; i += 16) {
        bool whole = i + 16 <= n;
        v16 v = v16_mul(whole ? v16_load(x + i) : load_part(kind_f32, x + i, n - i), factor);
        v = v16_min(v16_max(v16_where_nan(v, v16_zero(), v), low), high);
        int8_t tail[16];
        v16_store_i8(whole ? q + i : tail, v);
        if (!whole) memcpy(q + i, tail, n - i);
    }
}

void KERNEL(a8_quantize)(int8_t *row, const float *x, uint32_t k) {
    float largest = largest_magnitude(x, k, 1e-5f), scale = largest / 127.0f;
    size_t k256 = trit_k256(k), n_sums = k256 / trit_a8_sum_block;
    int32_t *sums = (int32_t *)(void *)(row + k256);
    memset(row + k, 0, trit_a8_row_bytes(k) - k);
    to_int8(row, x, 127.0f / largest, k);
    for (size_t b = 0; b < n_sums; b++) {
        int32_t sum = 0;
        for (size_t j = 0; j < trit_a8_sum_block; j++) sum += row[b * trit_a8_sum_block + j];
        sums[b] = sum;
    }
    memcpy(sums + n_sums, &scale, sizeof scale);
}

void KERNEL(rms_norm)(float *y, const float *x, const float *w, uint32_t n, float eps) {
    v16 sum = v16_zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        v16 v = v16_load(x + i);
        sum = v16_add(sum, v16_mul(v, v));
    }
    if (i < n) {
        v16 v = load_part(kind_f32, x + i, n - i);
        sum = v16_add(sum, v16_mul(v, v));
    }
    const v16 r = v16_set1(1.0f / sqrtf(v16_sum(sum) / (float)n + eps));
    for (i = 0; i + 16 <= n; i += 16) {
        v16 v = v16_mul(v16_load(x + i), r);
        v16_store(y + i, w ? v16_mul(v, v16_load(w + i)) : v);
    }
    if (i < n) {
        v16 v = v16_mul(load_part(kind_f32, x + i, n - i), r);
        store_part(y + i, w ? v16_mul(v, load_part(kind_f32, w + i, n - i)) : v, n - i);
    }
}

ALWAYS_INLINE v16 add_step(v16 a, v16 b) {
    return v16_add(a, b);
}

ALWAYS_INLINE v16 mul_step(v16 a, v16 b) {
    return v16_mul(a, b);
}

/* See kernel/numbers.h. Lanes out of range hold nonsense until the last three lines. */
ALWAYS_INLINE v16 exp16(v16 x) {
    const v16 shift = v16_set1(trit_exp_shift);
    v16 shifted = v16_add(v16_mul(x, v16_set1(trit_exp_log2e)), shift);
    v16 k = v16_sub(shifted, shift);
    v16 r = v16_sub(x, v16_mul(k, v16_set1(trit_exp_ln2_hi)));
    r = v16_sub(r, v16_mul(k, v16_set1(trit_exp_ln2_lo)));
    v16 p = v16_set1(trit_exp_c6);
    p = v16_add(v16_mul(p, r), v16_set1(trit_exp_c5));
    p = v16_add(v16_mul(p, r), v16_set1(trit_exp_c4));
    p = v16_add(v16_mul(p, r), v16_set1(trit_exp_c3));
    p = v16_add(v16_mul(p, r), v16_set1(trit_exp_c2));
    p = v16_add(v16_add(v16_mul(p, v16_mul(r, r)), r), v16_set1(1.0f));
    p = v16_add_exponent(p, shifted);
    p = v16_where_less(x, v16_set1(trit_exp_low), v16_zero(), p);
    p = v16_where_less(v16_set1(trit_exp_high), x, v16_set1(INFINITY), p);
    return v16_where_nan(x, x, p);
}

ALWAYS_INLINE v16 silu_step(v16 g, v16 u) {
    const v16 one = v16_set1(1.0f);
    return v16_mul(v16_div(g, v16_add(one, exp16(v16_sub(v16_zero(), g)))), u);
}

ALWAYS_INLINE v16 relu2_step(v16 g, v16 u) {
    g = v16_max(v16_zero(), g); /* NaN stays: max gives its second operand */
    return v16_mul(v16_mul(g, g), u);
}

ALWAYS_INLINE v16 gelu_step(v16 g, v16 u) {
    const v16 one = v16_set1(1.0f), two = v16_set1(2.0f);
    v16 cube = v16_mul(v16_mul(g, g), g);
    v16 z = v16_mul(v16_set1(trit_gelu_inner), v16_add(g, v16_mul(v16_set1(trit_gelu_cubic), cube)));
    v16 tanh = v16_sub(one, v16_div(two, v16_add(exp16(v16_mul(two, z)), one)));
    return v16_mul(v16_mul(v16_mul(v16_set1(0.5f), g), v16_add(one, tanh)), u);
}

/* y = step(a, b) element by element; `step` is a constant and becomes part of the loop. */
ALWAYS_INLINE void each(float *y, const float *a, const float *b, size_t n, v16 (*step)(v16, v16)) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(y + i, step(v16_load(a + i), v16_load(b + i)));
    if (i < n) store_part(y + i, step(load_part(kind_f32, a + i, n - i), load_part(kind_f32, b + i, n - i)), n - i);
}

void KERNEL(add)(float *y, const float *a, const float *b, size_t n) {
    each(y, a, b, n, add_step);
}

void KERNEL(mul)(float *y, const float *a, const float *b, size_t n) {
    each(y, a, b, n, mul_step);
}

void KERNEL(silu_mul)(float *y, const float *g, const float *u, size_t n) {
    each(y, g, u, n, silu_step);
}

void KERNEL(relu2_mul)(float *y, const float *g, const float *u, size_t n) {
    each(y, g, u, n, relu2_step);
}

void KERNEL(gelu_mul)(float *y, const float *g, const float *u, size_t n) {
    each(y, g, u, n, gelu_step);
}

/* ---- gradients of rows ---- */

void KERNEL(norm_grad)(float *dx, float *dw, const float *dy, const float *x, const float *w, uint32_t n, float eps) {
    v16 squares = v16_zero(), products = v16_zero();
    for (size_t i = 0; i < n; i += 16) {
        const bool whole = i + 16 <= n;
        const v16 xs = whole ? v16_load(x + i) : load_part(kind_f32, x + i, n - i), ws = whole ? v16_load(w + i) : load_part(kind_f32, w + i, n - i);
        const v16 ys = whole ? v16_load(dy + i) : load_part(kind_f32, dy + i, n - i);
        squares = v16_add(squares, v16_mul(xs, xs));
        products = v16_add(products, v16_mul(v16_mul(ys, ws), xs));
    }
    const float r = 1.0f / sqrtf(v16_sum(squares) / (float)n + eps), c = ((v16_sum(products) * r) * r) / (float)n;
    const v16 rs = v16_set1(r), cs = v16_set1(c);
    for (size_t i = 0; i < n; i += 16) {
        const bool whole = i + 16 <= n;
        const v16 xs = whole ? v16_load(x + i) : load_part(kind_f32, x + i, n - i), ws = whole ? v16_load(w + i) : load_part(kind_f32, w + i, n - i);
        const v16 ys = whole ? v16_load(dy + i) : load_part(kind_f32, dy + i, n - i);
        const v16 sums = v16_add(whole ? v16_load(dw + i) : load_part(kind_f32, dw + i, n - i), v16_mul(ys, v16_mul(xs, rs)));
        const v16 slopes = v16_mul(v16_sub(v16_mul(ys, ws), v16_mul(xs, cs)), rs);
        if (whole) {
            v16_store(dw + i, sums);
            v16_store(dx + i, slopes);
        } else {
            store_part(dw + i, sums, n - i);
            store_part(dx + i, slopes, n - i);
        }
    }
}

/* An activation and its derivative. */
typedef struct slope16 {
    v16 value, slope;
} slope16;

ALWAYS_INLINE slope16 silu_slope(v16 g) {
    const v16 one = v16_set1(1.0f), s = v16_div(one, v16_add(one, exp16(v16_sub(v16_zero(), g))));
    return (slope16){v16_mul(g, s), v16_mul(s, v16_add(one, v16_mul(g, v16_sub(one, s))))};
}

ALWAYS_INLINE slope16 relu2_slope(v16 g) {
    g = v16_max(v16_zero(), g);
    return (slope16){v16_mul(g, g), v16_add(g, g)};
}

ALWAYS_INLINE slope16 gelu_slope(v16 g) {
    const v16 one = v16_set1(1.0f), a = v16_set1(trit_gelu_slope), square = v16_mul(g, g);
    const v16 z = v16_mul(a, v16_add(g, v16_mul(v16_set1(trit_gelu_cubic), v16_mul(square, g))));
    const v16 s = v16_div(one, v16_add(one, exp16(v16_sub(v16_zero(), z)))), v = v16_mul(g, s);
    const v16 steep = v16_mul(a, v16_add(one, v16_mul(v16_set1(trit_gelu_square), square)));
    return (slope16){v, v16_add(s, v16_mul(v16_mul(v, v16_sub(one, s)), steep))};
}

/* `slope` is a constant and becomes part of the loop. */
ALWAYS_INLINE void each_slope(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n, slope16 (*slope)(v16)) {
    for (size_t i = 0; i < n; i += 16) {
        const bool whole = i + 16 <= n;
        const v16 ys = whole ? v16_load(dy + i) : load_part(kind_f32, dy + i, n - i), us = whole ? v16_load(u + i) : load_part(kind_f32, u + i, n - i);
        const slope16 at = slope(whole ? v16_load(g + i) : load_part(kind_f32, g + i, n - i));
        const v16 of_up = v16_mul(ys, at.value), of_gate = v16_mul(v16_mul(ys, us), at.slope);
        if (whole) {
            v16_store(du + i, of_up);
            v16_store(dg + i, of_gate);
        } else {
            store_part(du + i, of_up, n - i);
            store_part(dg + i, of_gate, n - i);
        }
    }
}

void KERNEL(silu_grad)(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n) {
    each_slope(dg, du, dy, g, u, n, silu_slope);
}

void KERNEL(relu2_grad)(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n) {
    each_slope(dg, du, dy, g, u, n, relu2_slope);
}

void KERNEL(gelu_grad)(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n) {
    each_slope(dg, du, dy, g, u, n, gelu_slope);
}

void KERNEL(a8_round)(float *y, const float *x, size_t n, float lambda) {
    const float largest = largest_magnitude(x, n, 1e-5f);
    const v16 s = v16_set1(127.0f / largest), scale = v16_set1(largest / 127.0f), shift = v16_set1(trit_whole_shift), share = v16_set1(lambda);
    for (size_t i = 0; i < n; i += 16) {
        const bool whole = i + 16 <= n;
        const v16 xs = whole ? v16_load(x + i) : load_part(kind_f32, x + i, n - i);
        v16 v = v16_mul(v16_sub(v16_add(v16_mul(xs, s), shift), shift), scale);
        if (lambda != 1.0f) v = v16_add(xs, v16_mul(share, v16_sub(v, xs)));
        if (whole)
            v16_store(y + i, v);
        else
            store_part(y + i, v, n - i);
    }
}

void KERNEL(scale)(float *y, const float *a, float s, size_t n) {
    const v16 factor = v16_set1(s);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) v16_store(y + i, v16_mul(v16_load(a + i), factor));
    if (i < n) store_part(y + i, v16_mul(load_part(kind_f32, a + i, n - i), factor), n - i);
}

void KERNEL(rope_neox)(float *x, const float *cos, const float *sin, uint32_t d) {
    float *x2 = x + d / 2;
    for (size_t i = 0, half = d / 2; i < half; i += 16) {
        bool whole = i + 16 <= half;
        size_t n = half - i;
        v16 a = whole ? v16_load(x + i) : load_part(kind_f32, x + i, n), b = whole ? v16_load(x2 + i) : load_part(kind_f32, x2 + i, n);
        v16 c = whole ? v16_load(cos + i) : load_part(kind_f32, cos + i, n), s = whole ? v16_load(sin + i) : load_part(kind_f32, sin + i, n);
        v16 ya = v16_sub(v16_mul(a, c), v16_mul(b, s)), yb = v16_add(v16_mul(b, c), v16_mul(a, s));
        if (whole) {
            v16_store(x + i, ya);
            v16_store(x2 + i, yb);
        } else {
            store_part(x + i, ya, n);
            store_part(x2 + i, yb, n);
        }
    }
}

/* ---- attention ---- */

float KERNEL(softmax_exp)(float *x, size_t n, float s) {
    const v16 factor = v16_set1(s);
    v16 m = v16_set1(-INFINITY), sum = v16_zero();
    size_t i = 0;
    for (; i + 16 <= n; i += 16) m = v16_max(v16_mul(v16_load(x + i), factor), m);
    float largest = v16_largest(m);
    for (size_t j = i; j < n; j++)
        if (x[j] * s > largest) largest = x[j] * s;

    m = v16_set1(largest);
    for (i = 0; i + 16 <= n; i += 16) {
        v16 p = exp16(v16_sub(v16_mul(v16_load(x + i), factor), m));
        v16_store(x + i, p);
        sum = v16_add(sum, p);
    }
    if (i < n) { /* the lanes beyond the end count as 0 in the sum, so the exponentials are loaded again */
        store_part(x + i, exp16(v16_sub(v16_mul(load_part(kind_f32, x + i, n - i), factor), m)), n - i);
        sum = v16_add(sum, load_part(kind_f32, x + i, n - i));
    }
    return v16_sum(sum);
}

void KERNEL(attend_softmax)(const trit_attend *a) {
    for (uint32_t c = 0; c < a->n; c += 16) {
        float *s = a->s + c;
        const v16 before = v16_load(a->most + c);
        v16 m = before;
        for (uint32_t i = 0; i < a->n_keys; i++) m = v16_max(v16_load(s + i * a->stride), m);
        const v16 off = v16_where_less(m, v16_set1(-FLT_MAX), v16_zero(), m), by = exp16(v16_sub(before, off));
        v16_store(a->most + c, m);
        v16_store(a->by + c, by);
        v16 sum = v16_mul(v16_load(a->sum + c), by);
        for (uint32_t i = 0; i < a->n_keys; i++) {
            const v16 p = exp16(v16_sub(v16_load(s + i * a->stride), off));
            v16_store(s + i * a->stride, p);
            sum = v16_add(sum, p);
        }
        v16_store(a->sum + c, sum);
    }
}

void KERNEL(attend_grad)(const trit_attend *a) {
    const v16 factor = v16_set1(a->factor);
    for (uint32_t c = 0; c < a->n; c += 16) {
        const v16 log_sum = v16_load(a->log_sum + c), delta = v16_load(a->delta + c);
        for (uint32_t i = 0; i < a->n_keys; i++) {
            float *s = a->s + i * a->stride + c, *ds = a->ds + i * a->stride + c;
            const v16 p = exp16(v16_sub(v16_load(s), log_sum));
            v16_store(s, p);
            v16_store(ds, v16_mul(v16_mul(p, v16_sub(v16_load(ds), delta)), factor));
        }
    }
}

/* As many sums as hide the latency of additions: each key or value is widened once for all queries of a tile. */
enum { attention_sums = GEMV_ROWS, mix_sums = GEMM_ROWS * GEMM_TOKENS >= 2 * GEMV_ROWS ? 2 * GEMV_ROWS : GEMV_ROWS };

ALWAYS_INLINE void score_tile(enum kind kind, const trit_kv_scores *a, uint32_t key, uint32_t query, int n_keys, int n_queries) {
    float sum[max_tile][max_tile];
    dots(kind, sum, (const unsigned char *)a->keys.rows + key * a->keys.stride, a->keys.stride, a->q + query * a->q_stride, a->q_stride,
         a->keys.d, n_keys, n_queries);
    for (int t = 0; t < n_queries; t++)
        for (int i = 0; i < n_keys; i++) a->score[(query + (uint32_t)t) * a->score_stride + key + (uint32_t)i] = sum[i][t];
}

ALWAYS_INLINE void score_queries(enum kind kind, const trit_kv_scores *a, uint32_t query, int n_queries) {
    const int n_keys = attention_sums / n_queries;
    fetch soon = fetch_in_steps(&a->keys, a->keys.n / (uint32_t)n_keys + 1);
    uint32_t i = 0;
    for (; i + (uint32_t)n_keys <= a->keys.n; i += (uint32_t)n_keys) {
        if (query == 0) fetch_step(&soon);
        score_tile(kind, a, i, query, n_keys, n_queries);
    }
    for (; i < a->keys.n; i++) score_tile(kind, a, i, query, 1, n_queries);
    if (query == 0) fetch_step(&soon);
}

ALWAYS_INLINE void scores(enum kind kind, const trit_kv_scores *a) {
    uint32_t t = 0;
    if (attention_sums >= 4)
        for (; t + 4 <= a->n_queries; t += 4) score_queries(kind, a, t, 4);
    for (; t + 2 <= a->n_queries; t += 2) score_queries(kind, a, t, 2);
    if (t < a->n_queries) score_queries(kind, a, t, 1);
}

void KERNEL(kv_scores_f32)(const trit_kv_scores *a) {
    scores(kind_f32, a);
}

void KERNEL(kv_scores_f16)(const trit_kv_scores *a) {
    scores(kind_f16, a);
}

/* Columns [j, j + 16 n_parts) of n_queries results: they stay in registers while all positions pass. */
ALWAYS_INLINE void mix_tile(enum kind kind, const trit_kv_mix *a, fetch *soon, uint32_t query, size_t j, int n_queries, int n_parts) {
    const unsigned char *row = (const unsigned char *)a->values.rows + j * kind_bytes(kind);
    const float *p = a->p + query * a->p_stride;
    float *y = a->y + query * a->y_stride + j;
    v16 acc[max_tile][max_tile];
    for (int t = 0; t < n_queries; t++)
        for (int c = 0; c < n_parts; c++) acc[t][c] = v16_load(y + (size_t)t * a->y_stride + 16 * c);
    for (uint32_t i = 0; i < a->values.n; i++, row += a->values.stride) {
        if (query == 0) fetch_step(soon);
        for (int c = 0; c < n_parts; c++) {
            v16 v = load(kind, row + 16 * (size_t)c * kind_bytes(kind));
            for (int t = 0; t < n_queries; t++) acc[t][c] = v16_add(acc[t][c], v16_mul(v16_set1(p[(size_t)t * a->p_stride + i]), v));
        }
    }
    for (int t = 0; t < n_queries; t++)
        for (int c = 0; c < n_parts; c++) v16_store(y + (size_t)t * a->y_stride + 16 * c, acc[t][c]);
}

/* The last columns, fewer than 16 */
static inline void mix_tail(enum kind kind, const trit_kv_mix *a, uint32_t query, size_t j) {
    const unsigned char *row = (const unsigned char *)a->values.rows + j * kind_bytes(kind);
    const float *p = a->p + query * a->p_stride;
    float *y = a->y + query * a->y_stride + j;
    size_t n = a->values.d - j;
    v16 acc = load_part(kind_f32, y, n);
    for (uint32_t i = 0; i < a->values.n; i++, row += a->values.stride) acc = v16_add(acc, v16_mul(v16_set1(p[i]), load_part(kind, row, n)));
    store_part(y, acc, n);
}

ALWAYS_INLINE void mix_queries(enum kind kind, const trit_kv_mix *a, uint32_t query, int n_queries) {
    const int n_parts = mix_sums / n_queries < max_tile ? mix_sums / n_queries : max_tile;
    const size_t d = a->values.d, step = 16 * (size_t)n_parts;
    size_t j = 0;
    fetch soon = fetch_in_steps(&a->values, (uint32_t)(d / 16 + 1) * (a->values.n + 1) / (uint32_t)n_parts);
    for (; j + step <= d; j += step) mix_tile(kind, a, &soon, query, j, n_queries, n_parts);
    for (; j + 16 <= d; j += 16) mix_tile(kind, a, &soon, query, j, n_queries, 1);
    for (int t = 0; j < d && t < n_queries; t++) mix_tail(kind, a, query + (uint32_t)t, j);
}

ALWAYS_INLINE void mix(enum kind kind, const trit_kv_mix *a) {
    uint32_t t = 0;
    if (attention_sums >= 4)
        for (; t + 4 <= a->n_queries; t += 4) mix_queries(kind, a, t, 4);
    for (; t + 2 <= a->n_queries; t += 2) mix_queries(kind, a, t, 2);
    if (t < a->n_queries) mix_queries(kind, a, t, 1);
}

void KERNEL(kv_mix_f32)(const trit_kv_mix *a) {
    mix(kind_f32, a);
}

void KERNEL(kv_mix_f16)(const trit_kv_mix *a) {
    mix(kind_f16, a);
}

void KERNEL(kv_store_f16)(void *row, const float *x, uint32_t d) {
    uint16_t *h = row;
    size_t i = 0;
    for (; i + 16 <= d; i += 16) v16_store_f16(h + i, v16_load(x + i));
    if (i < d) {
        uint16_t tail[16];
        v16_store_f16(tail, load_part(kind_f32, x + i, d - i));
        memcpy(h + i, tail, (d - i) * sizeof *h);
    }
}

void KERNEL(kv_store_q8)(void *row, const float *x, uint32_t d) {
    float largest = largest_magnitude(x, d, 0.0f), s = largest > 0.0f ? 127.0f / largest : 0.0f, scale = largest / 127.0f;
    int8_t *q = row;
    size_t end = (d + 3) / 4 * 4;
    memset(q + d, 0, end - d);
    to_int8(q, x, s, d);
    memcpy(q + end, &scale, sizeof scale);
}

#endif
