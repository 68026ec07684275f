/* The fast loops: raw pointers and ranges, no memory, no threads, no errors. One table of function pointers per instruction-set
 * tier, filled from kernels.def; the scalar twin of each (kernel/ref) is the specification, and every other variant gives
 * the same bits.
 *
 * How floats stay the same bits everywhere. A sum over n values uses 16 lanes: lane l adds values l, l + 16, l + 32, ... in
 * this order (missing ones at the end count as +0.0f), each product rounded before it is added; then the lanes fold by halves:
 * lane l += lane l + 8, then 4, 2, 1. One AVX-512 register, two AVX ones, four SSE or NEON ones hold the 16 lanes. The
 * compiler may not contract (-ffp-contract=off). A maximum needs no order and passes over NaN. exp is our own polynomial, the
 * same steps in every variant (kernel/numbers.h). Which NaN a NaN is (sign, payload) is left open. */
#ifndef TRIT_KERNEL_KERNEL_H
#define TRIT_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "trit/dtype.h"

/* The functions of tensor/maps.def. */
typedef enum trit_map {
#define TRIT_MAP1(name, where, types, result, meaning) trit_map_##name,
#define TRIT_MAP2(name, where, types, result, meaning) trit_map_##name,
#include "tensor/maps.def"
#undef TRIT_MAP1
#undef TRIT_MAP2
    trit_n_maps
} trit_map;

/* The functions of tensor/folds.def. Sums and products of floats have one order, whatever the tier: blocks of 256; in a block, lane l takes
 * elements l, l + 16, l + 32, ...; then the lanes fold by halves, lane l with lane l + 8, 4, 2, 1. Blocks meet in pairs, pairs in pairs of
 * pairs: block b, for each bit that is 1 at the low end of b, meets the group before it; the groups that are left at the end meet from the
 * last on. So 2^k blocks, folded apart, are one group of the whole. A sum of n floats is wrong by less than log2(n) + 13 roundings. The
 * other folds do not depend on an order; the sign of a zero that is the smallest or largest is +. */
typedef enum trit_fold {
#define TRIT_FOLD(name, into, meaning) trit_fold_##name,
#include "tensor/folds.def"
#undef TRIT_FOLD
    trit_n_folds
} trit_fold;

/* Levels: one more than bits of a number of blocks. Columns: lanes of them fit the first-level cache. */
enum { trit_fold_lanes = 16, trit_fold_block = 256, trit_fold_levels = 57, trit_fold_columns = 128 };

/* Ternary weights by int8 activations (layouts T2 or T3, and A8, of quant/layout.h), rows [row0, row1) of the result, row0 a multiple of 16:
 *
 *   group == 0:  y[t][r] = ((float)acc * w_scale[r]) * x_scale[t],   acc = sum_k q[t][k] * trit[r][k] in int32
 *   else:        y[t][r] = (sum over groups g in rising order of (float)acc_g * w_scale[r][g]) * x_scale[t], starting at 0.0f
 *
 * K is at most 2^22, so that |acc| and eight times as much on the way fit; (float)acc rounds to nearest even (exact below 2^24). */
typedef struct trit_t2_mul {
    const uint8_t *w;     /* T2 or T3 [n_tiles, w_stride bytes], 64-byte aligned */
    size_t w_stride;
    const float *w_scale; /* [n_tiles, n_groups, 16], n_groups = ceil(k / group), 1 for group 0 */
    uint32_t k;           /* inputs */
    uint32_t group;       /* 0, 64, 128 or 256 */
    const int8_t *x;      /* A8 [n_tokens, x_stride bytes], 64-byte aligned, as a8_quantize writes them */
    size_t x_stride;
    uint32_t n_tokens;
    float *y;             /* [n_tokens, y_stride floats] */
    size_t y_stride;
} trit_t2_mul;

/* Float weights by float activations: y[t][r] = 16-lane sum of w[r][k] * x[t][k], w widened to float exactly. */
typedef struct trit_float_mul {
    const void *w; /* f32, f16 or bf16 [n_rows, w_stride bytes], element-aligned only */
    size_t w_stride;
    uint32_t k;
    const float *x; /* [n_tokens, x_stride floats] */
    size_t x_stride;
    uint32_t n_tokens;
    float *y; /* [n_tokens, y_stride floats] */
    size_t y_stride;
} trit_float_mul;

/* Ternary weights (T2) by float activations, rows [row0, row1) of the result, row0 a multiple of 16: y[t][r] = 16-lane sum of
 * (trit * scale) * x[t][k], scale = w_scale[r][k / group]. */
typedef struct trit_t2_float_mul {
    const uint8_t *w; /* w to group as in trit_t2_mul */
    size_t w_stride;
    const float *w_scale;
    uint32_t k;
    uint32_t group;
    const float *x; /* [n_tokens, x_stride floats] */
    size_t x_stride;
    uint32_t n_tokens;
    float *y; /* [n_tokens, y_stride floats] */
    size_t y_stride;
} trit_t2_float_mul;

/* Coarse weights of 6 bits by int8 activations, rows [row0, row1) of the result, row0 a multiple of 16: y[t][r] = (total * w_scale[r]) *
 * x_scale[t]. total is a float to which each group of 64 inputs adds, in their order, (float)acc * (float)s: s its scale, acc the sum of c[r][k] *
 * q[t][k] in int32, which floats hold exactly: |acc| <= 64 * 32 * 128. */
typedef struct trit_c6_mul {
    const uint8_t *w;     /* C6 [n_tiles, w_stride bytes], 64-byte aligned */
    size_t w_stride;
    const float *w_scale; /* [n_tiles, 16] */
    uint32_t k;
    const int8_t *x; /* A8 [n_tokens, x_stride bytes] */
    size_t x_stride;
    uint32_t n_tokens;
    float *y; /* [n_tokens, y_stride floats] */
    size_t y_stride;
} trit_c6_mul;

/* Positions of the key or value cache of one head, `stride` bytes apart. q8 rows are: int8 [d], then one float scale at byte
 * (d + 3) / 4 * 4; x = q * scale. Pages are too short for the processor to see where the next one lies, so a kernel fetches one that is
 * wanted soon. */
typedef struct trit_kv_span {
    const void *rows; /* n rows of d elements */
    const void *next; /* n_next rows that are wanted soon; NULL: unknown */
    size_t stride;    /* bytes */
    uint32_t n, d, n_next;
} trit_kv_span;

/* What attention takes at once: query vectors that share keys and values, and positions of q8 values. */
enum { trit_kv_max_queries = 16, trit_kv_max_positions = 32 };

/* Scores of queries. f32, f16: score[t][i] = 16-lane sum of q[t][j] * k[i][j].
 * q8: score[t][i] = ((float)acc * scale of key i) * q8_scale[t], acc = sum_j q8[t][j] * k[i][j] in int32;
 *     |q8| <= trit_kv_query_limit(d), so that |acc| <= 128 d |q8| < 2^31. */
typedef struct trit_kv_scores {
    trit_kv_span keys;
    const float *q;        /* [n_queries, q_stride]; f32, f16 */
    const int16_t *q8;     /* [n_queries, q_stride], q_stride = trit_kv_query_width(d), as kv_query_q8 writes them; q8 */
    const float *q8_scale; /* [n_queries] */
    size_t q_stride;
    uint32_t n_queries;
    float *score; /* [n_queries, score_stride] */
    size_t score_stride;
} trit_kv_scores;

/* Weighted sums of values for up to trit_kv_max_queries queries. */
typedef struct trit_kv_mix {
    trit_kv_span values;
    const float *p; /* [n_queries, p_stride]: weights of the span's positions */
    size_t p_stride;
    uint32_t n_queries;
    float *y; /* [n_queries, y_stride] */
    size_t y_stride;
} trit_kv_mix;

/* A quantized query, int16s: n = trit_kv_query_columns(d) of them, whole vectors of every tier, zeros from d on; then the same n once more, of
 * each four the two at even places first, for kernels that multiply the bytes at even places of a key by themselves. */
static inline size_t trit_kv_query_columns(uint32_t d) {
    return ((size_t)d + 63) / 64 * 64;
}

static inline size_t trit_kv_query_width(uint32_t d) {
    return 2 * trit_kv_query_columns(d);
}

static inline float trit_kv_query_limit(uint32_t d) {
    return d <= 512 ? 32767.0f : (float)(INT32_MAX / 128 / d);
}

/* A product of matrices: y[i][j] += a[i][l] * b[l][j] for l = 0, 1, ... in this order. Strides count elements. */
typedef struct trit_matmul {
    trit_dtype type;
    int64_t m, n, k;
    const void *a; /* [m, k] */
    int64_t a_row, a_col;
    const void *b; /* [k, n], columns side by side */
    int64_t b_row;
    void *y; /* [m, n], columns side by side; neither a nor b */
    int64_t y_row;
    bool from_zero; /* y began at 0: what stands there is not read */
} trit_matmul;

/* The product of matrices whose elements are rounded to bfloat16, two of a row of a and of a column of b to a 32-bit word, the first one in its lower half:
 * a trit_matmul of words, of which k counts the pairs, by floats y. For l = 0, 1, ... in this order
 *
 *   y[i][j] += odd(a[i][l]) * odd(b[l][j]), then y[i][j] += even(a[i][l]) * even(b[l][j])
 *
 * each product and each sum rounded: the order of VDPBF16PS, which rounds sums alone and has no numbers below the normal floats. bf16_round leaves multiples
 * of 2^-63, so products are floats and multiples of 2^-126, and no sum that began at 0 is below the normal ones: as long as products are finite, the bits
 * are the same with that instruction and without it.
 *
 * bf16_round: to the nearest, halves to even; magnitudes below 2^-56 become 0 with their sign. */

/* The same of 64 columns of a, of which only those count whose bits are set: y[i][j] += a[i][l] * b[l][j] for each bit l of bits[i] | always, in rising
 * order. Where the other elements of a are 0, b is finite and y began at 0.0f, that is the whole product, to the bit. */
enum { trit_sparse_depth = 64, trit_sparse_width = 96 };

typedef struct trit_sparse_mul {
    uint32_t m, width;    /* width: of b, a multiple of 16, at most trit_sparse_width: 24 KB of b stay in the first-level cache */
    const float *a;       /* [m, trit_sparse_depth] */
    const uint64_t *bits; /* [m]; bit l is that of column l */
    uint64_t always;
    const float *b;       /* [trit_sparse_depth, width], 64-byte aligned; rows that no bit asks for are not read */
    float *y;             /* [m, y_row], 64-byte aligned */
    size_t y_row;         /* a multiple of 16 */
} trit_sparse_mul;

/* The way back through ternary weights, y = x W, four rows of W at a time: what these add to a column is one of 81 sums of a token's four numbers, so
 * the sums are made once and looked up for all columns (tables in place of products: arXiv:2407.00088). With x_r = x[t][r] * scale[r]:
 *
 *   y[t][c] = sum over r = 0, 4, 8, ... in this order of (trit[r][c] x_r + trit[r + 1][c] x_r+1) + (trit[r + 2][c] x_r+2 + trit[r + 3][c] x_r+3)
 *
 * starting at 0.0f, where a trit of 0 adds 0.0f whatever x_r is. `quads` are those four trits: sum over i < 4 of (trit[r + i][c] + 1) * 3^i. */
enum { trit_quad_rows = 4, trit_quad_sums = 81, trit_quad_tokens = 16, trit_quads_at_once = 4 };

typedef struct trit_quads_mul {
    const uint16_t *quads; /* [ceil(n_rows / 16), k, 4] times 16, so that they say where sums of 16 tokens stand; 40 beyond n_rows: no trits */
    const float *scale;    /* [n_rows] */
    uint32_t n_rows, k;
    const float *x; /* [n_tokens, x_stride floats] */
    size_t x_stride;
    uint32_t n_tokens;
    float *y; /* [n_tokens, y_stride floats] */
    size_t y_stride;
    float *room; /* [k, 16], of quads_i16_mul [k, 32], 64-byte aligned */
} trit_quads_mul;

/* quads_i16_mul is the same with x_r rounded: a token's numbers of 32 rows become whole ones of 11 bits, so that any sum of them fits 16 bits and a
 * lookup serves 32 tokens. Of rows 32 b ... 32 b + 31, with m the largest |x_r| and 2^-100 at least:
 *
 *   y[t][c] = sum over b, rising, of (float)(sum of trit[r][c] q_r) * (m / 1023),   q_r = x_r * (1023 / m) to the nearest whole number, halves to even
 *
 * starting at 0.0f. Where an x_r is not finite, y[t][c] is NaN for all c. */
enum { trit_quad_i16_rows = 32, trit_quad_i16_tokens = 32, trit_quad_i16_most = 1023 };

/* A block of scores of attention, queries beside each other, on the way to weights and back. n is a multiple of 16. */
typedef struct trit_attend {
    float *s; /* [n_keys, stride] */
    size_t stride;
    uint32_t n_keys, n;
    float *most, *by, *sum;        /* [n]; attend_softmax */
    float *ds;                     /* [n_keys, stride]; attend_grad */
    const float *log_sum, *delta;  /* [n]; attend_grad */
    float factor;                  /* attend_grad */
} trit_attend;

typedef struct trit_kernels {
    /* Rows [row0, row1) of a product. */
    void (*t2_mul)(const trit_t2_mul *a, uint32_t row0, uint32_t row1);
    void (*t3_mul)(const trit_t2_mul *a, uint32_t row0, uint32_t row1); /* weights in T3 */
    void (*t2_float_mul)(const trit_t2_float_mul *a, uint32_t row0, uint32_t row1);
    void (*c6_mul)(const trit_c6_mul *a, uint32_t row0, uint32_t row1);
    void (*f32_mul)(const trit_float_mul *a, uint32_t row0, uint32_t row1);
    void (*f16_mul)(const trit_float_mul *a, uint32_t row0, uint32_t row1);
    void (*bf16_mul)(const trit_float_mul *a, uint32_t row0, uint32_t row1);

    /* A8 row of x[0..k): a = max(max|x|, 1e-5f); s = 127.0f / a; q = RNE(x * s) clamped to -128..127; scale = a / 127.0f.
     * NaN becomes 0. Writes the whole row, zeros in the padding. */
    void (*a8_quantize)(int8_t *row, const float *x, uint32_t k);

    /* y = (x * r) * w, r = 1.0f / sqrtf(sum(x * x) / (float)n + eps), the sum in 16 lanes. y may be x; w NULL means ones. */
    void (*rms_norm)(float *y, const float *x, const float *w, uint32_t n, float eps);

    void (*add)(float *y, const float *a, const float *b, size_t n);   /* y = a + b; y may be a or b */
    void (*mul)(float *y, const float *a, const float *b, size_t n);   /* y = a * b; y may be a or b */
    void (*scale)(float *y, const float *a, float s, size_t n);        /* y = a * s; y may be a */
    void (*silu_mul)(float *y, const float *g, const float *u, size_t n);  /* y = (g / (1 + exp(-g))) * u; y may be g or u */
    void (*relu2_mul)(float *y, const float *g, const float *u, size_t n); /* y = (max(g, 0) * max(g, 0)) * u; NaN stays */
    /* tanh form: y = ((0.5 g) (1 + tanh(0.7978845608 (g + 0.044715 ((g g) g))))) * u with tanh(z) = 1 - 2 / (exp(2 z) + 1) */
    void (*gelu_mul)(float *y, const float *g, const float *u, size_t n);

    /* Gradients, y the result's: r as in rms_norm, c = ((sum((dy * w) * x) * r) * r) / (float)n, sums in 16 lanes: dx = ((dy * w) - (x * c)) * r,
     * dw += dy * (x * r). */
    void (*norm_grad)(float *dx, float *dw, const float *dy, const float *x, const float *w, uint32_t n, float eps);
    /* s = 1 / (1 + exp(-g)): du = dy * (g * s), dg = (dy * u) * (s * (1 + g * (1 - s))) */
    void (*silu_grad)(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n);
    /* v = max(g, 0): du = dy * (v * v), dg = (dy * u) * (v + v); NaN stays */
    void (*relu2_grad)(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n);
    /* Of the tanh form, which is g sigmoid(z): z = a (g + 0.044715 ((g g) g)), a = 1.5957691216; s = 1 / (1 + exp(-z)), v = g * s:
     * du = dy * v, dg = (dy * u) * (s + (v * (1 - s)) * (a * (1 + 0.134145 (g g)))) */
    void (*gelu_grad)(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n);

    /* What a8_quantize makes of x[0..n), as floats: v = RNE(x * s) * scale; y = v where lambda is 1, else x + lambda * (v - x). NaN stays. */
    void (*a8_round)(float *y, const float *x, size_t n, float lambda);

    /* Column by column, keys in rising order: m = max(most, max s), o = 0 where m is -infinity, else m; by = exp(most - o), most = m;
     * s = exp(s - o), sum = sum * by + s + s + ... */
    void (*attend_softmax)(const trit_attend *a);
    /* p = exp(s - log_sum), ds = (p * (ds - delta)) * factor, s = p */
    void (*attend_grad)(const trit_attend *a);

    /* Rotates one head in place by tables cos, sin [d / 2]: pairs (i, i + d/2) (neox) or (2i, 2i + 1) (norm):
     * a' = a * cos - b * sin, b' = b * cos + a * sin, each product rounded. */
    void (*rope_neox)(float *x, const float *cos, const float *sin, uint32_t d);
    void (*rope_norm)(float *x, const float *cos, const float *sin, uint32_t d);

    /* In place: p = exp(x s - max (x s)) for x[0..n); returns the 16-lane sum. n > 0. exp(x) is 0 below -87.3; -infinity masks a
     * position out, and where all are masked the result is NaN. */
    float (*softmax_exp)(float *x, size_t n, float s);

    /* A query for q8 keys: a = max|x|, L = trit_kv_query_limit(d), q = RNE(x * (L / a)), 0 for a == 0, NaN becomes 0, and
     * what follows them in a quantized query, trit_kv_query_width(d) in all. Returns the scale a / L. */
    float (*kv_query_q8)(int16_t *q, const float *x, uint32_t d);

    void (*kv_scores_f32)(const trit_kv_scores *a);
    void (*kv_scores_f16)(const trit_kv_scores *a);
    void (*kv_scores_q8)(const trit_kv_scores *a);

    /* f32, f16: y[t][0..d) += p[t][i] * v_i, positions in rising order, each product rounded.
     * q8: w_i = p[t][i] * scale_i; m = max|w|; c_i = RNE(w_i * (32767 / m)) within +-32767, 0 for m == 0, NaN becomes 0;
     *     y[t][j] += (float)(sum_i c_i v_i[j] in int32) * (m / 32767); n <= trit_kv_max_positions, so a sum is below 2^27. */
    void (*kv_mix_f32)(const trit_kv_mix *a);
    void (*kv_mix_f16)(const trit_kv_mix *a);
    void (*kv_mix_q8)(const trit_kv_mix *a);

    /* One row of a key or value into the cache. f16 rounds to nearest even; q8: scale = max|x| / 127.0f, q = RNE(x / scale) with
     * x / scale computed as x * (127.0f / max|x|), all zeros for max|x| == 0, NaN becomes 0, zeros between q and the scale. */
    void (*kv_store_f32)(void *row, const float *x, uint32_t d);
    void (*kv_store_f16)(void *row, const float *x, uint32_t d);
    void (*kv_store_q8)(void *row, const float *x, uint32_t d);

    /* Packed trits of files to int8 -1, 0, +1: layouts two-bit and base-3 of quant/layout.h, ceil(n / 4) and ceil(n / 5) bytes. False:
     * some two-bit code is 3, and its trit 2. */
    bool (*unpack_two_bit)(int8_t *trits, const uint8_t *packed, size_t n);
    void (*unpack_base3)(int8_t *trits, const uint8_t *packed, size_t n);
    void (*unpack_q6_k)(float *x, const uint8_t *blocks, size_t n_blocks); /* what most heads in files are, of 256 elements a block */

    /* CRC-32C (Castagnoli: polynomial 0x1EDC6F41, reflected, all ones before and after) of what `crc` stands for, 0 for nothing,
     * followed by p[0..n). */
    uint32_t (*crc32c)(uint32_t crc, const void *p, size_t n);

    /* Tensors, element by element: y[i] = f(a[i]) and f(a[i], b[i]) for i < n. Elements are of `type`, F32 F64 I8 I16 I32 I64 U8, and
     * those of y too, or bytes 0 and 1 where the row says `bool`; y may be a or b where elements are as wide. A map whose row says
     * `real` knows F32 and F64 only, one that says `whole` or `shift` no floats. F32: kernel/map_f32.h, exp the same bits as above where
     * results are normal floats; F64: what the C library gives; whole numbers wrap around. */
    void (*map1)(trit_map map, trit_dtype type, void *y, const void *a, size_t n);
    void (*map2)(trit_map map, trit_dtype type, void *y, const void *a, const void *b, size_t n);
    /* y[i] = c[i] ? a[i] : b[i], elements of `size` bytes, 1, 2, 4 or 8; y may be a or b. */
    void (*choose)(size_t size, void *y, const uint8_t *c, const void *a, const void *b, size_t n);
    /* y[i] = x[i] as another plain type. To floats: nearest, even of two. Floats to whole numbers: towards zero, the nearest bound
     * where they lie outside, 0 for NaN. Whole numbers among each other wrap around. To BOOL: is it not 0? */
    void (*convert)(trit_dtype to, void *y, trit_dtype from, const void *x, size_t n);

    /* Tensors, many elements into one: *y = the fold of x[0..n), of `type` as in maps. *y: for sum and prod of floats, and for min and
     * max, of `type`, else I64. n = 0: 0, 1 (prod, all); +-infinity or the type's bounds (min, max). */
    void (*fold_run)(trit_fold fold, trit_dtype type, void *y, const void *x, size_t n);
    /* Of columns: y[j] = the fold of x[0][j], x[1][j], ..., x[n_rows - 1][j] for j < n; 1 <= n_rows <= trit_fold_block, n <=
     * trit_fold_columns. */
    void (*fold_rows)(trit_fold fold, trit_dtype type, void *y, const void *const *x, size_t n_rows, size_t n);

    /* Floats: each product rounded, then each sum. Whole numbers wrap around. BOOL: y |= a & b. */
    void (*matmul)(const trit_matmul *p);
    void (*bf16_matmul)(const trit_matmul *p);                                          /* of words; type does not count */
    void (*bf16_round)(uint16_t *y, const float *x, size_t n);                          /* neighbours make pairs */
    void (*bf16_pairs)(uint32_t *y, const float *even, const float *odd, size_t n);     /* pairs from two rows */
    /* bits[i]: which of x[i][0..trit_sparse_depth) are not 0, of n rows; NaN is not. */
    void (*nonzeros)(uint64_t *bits, const float *x, size_t n);
    void (*sparse_mul)(const trit_sparse_mul *p);
    void (*quads_mul)(const trit_quads_mul *p);
    void (*quads_i16_mul)(const trit_quads_mul *p);

    /* Probes of the processor, for benchmarks: how fast the tier reads and multiplies at best. The results are exact in any order.
     * read: exclusive or of the 64-bit words of p[0..n), p and n multiples of 64.
     * int8: n times the sum of the four products of two rows of codes 0..3 w[2][64] by two of x[2][64], wrapping around: 256
     *       multiply-adds a step.
     * float: n times the sum of x[l] * x[l], l = 0..15, as separate products and sums: 16 multiply-adds a step. x are whole
     *        numbers and the result stays below 2^24. */
    uint64_t (*probe_read)(const void *p, size_t n);
    int32_t (*probe_int8)(const uint8_t *w, const int8_t *x, uint32_t n);
    float (*probe_float)(const float *x, uint32_t n);
} trit_kernels;

/* The table of a tier: for each slot the best variant at or below it that the tier's processors can run. Any thread; the tables are
 * constant after the first call. */
const trit_kernels *trit_kernels_for(trit_cpu_tier tier);

/* Every variant that was compiled in, for tests, benchmarks and `trit info`. */
typedef struct trit_kernel_row {
    const char *slot; /* "t2_mul" */
    trit_cpu_tier tier;
    size_t offset;    /* of the slot in trit_kernels */
    void (*fn)(void); /* cast to the slot's type */
} trit_kernel_row;

const trit_kernel_row *trit_kernel_rows(size_t *n);

#endif
