/* Attention over the q8 cache with vectors of 512 bits, for the files kv_q8_avx512.c and kv_q8_avx512vnni.c, which name KERNEL(slot).
 *
 * Products of int16s are added by twos, so the bytes of keys and values have to become words. Shifts make two words out of a word of two bytes where
 * they stand, which takes none of the shuffles that widening would; queries and weights come in the order that this gives.
 *
 * Scores: a tile is sixteen keys by four queries; four columns of all sixteen make a vector, so that sums need not be added up. Values: bytes of
 * four positions become the four bytes of a column. */
#ifndef TRIT_KERNEL_X86_KV_Q8_ZMM_H
#define TRIT_KERNEL_X86_KV_Q8_ZMM_H

#include "kernel/x86/i16_avx512.h"

#include "kernel/kv_q8_rows.h"

enum { tile_keys = 16, tile_queries = 4, block = 64 /* columns */ };

/* The bytes of a row from p on, n of them, no more than a block */
static inline __m512i row_part(const unsigned char *p, size_t n) {
    return n >= block ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi8(((__mmask64)1 << n) - 1, p);
}

static inline __m512i lower_words(__m512i x) {
    return _mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8);
}

static inline __m512i upper_words(__m512i x) {
    return _mm512_srai_epi16(x, 8);
}

/* Four vectors as rows of four parts, and their columns */
static inline void transpose_parts(__m512i v[4]) {
    const __m512i a = _mm512_shuffle_i32x4(v[0], v[1], 0x44), b = _mm512_shuffle_i32x4(v[2], v[3], 0x44);
    const __m512i c = _mm512_shuffle_i32x4(v[0], v[1], 0xee), d = _mm512_shuffle_i32x4(v[2], v[3], 0xee);
    v[0] = _mm512_shuffle_i32x4(a, b, 0x88);
    v[1] = _mm512_shuffle_i32x4(a, b, 0xdd);
    v[2] = _mm512_shuffle_i32x4(c, d, 0x88);
    v[3] = _mm512_shuffle_i32x4(c, d, 0xdd);
}

/* ---- scores ---- */

/* Four vectors as rows of four int32s in each of their parts, and their columns */
static inline void transpose_within_parts(__m512i v[4]) {
    const __m512i a = _mm512_unpacklo_epi32(v[0], v[1]), b = _mm512_unpacklo_epi32(v[2], v[3]);
    const __m512i c = _mm512_unpackhi_epi32(v[0], v[1]), d = _mm512_unpackhi_epi32(v[2], v[3]);
    v[0] = _mm512_unpacklo_epi64(a, b);
    v[1] = _mm512_unpackhi_epi64(a, b);
    v[2] = _mm512_unpacklo_epi64(c, d);
    v[3] = _mm512_unpackhi_epi64(c, d);
}

/* Two int16s in all lanes */
static inline __m512i pair_of(const int16_t *p) {
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    return _mm512_set1_epi32(pair);
}

/* Scores of up to tile_keys keys, the first of them `key` */
ALWAYS_INLINE void score_tile(const trit_kv_scores *a, fetch *soon, uint32_t key, uint32_t query, int n_queries) {
    const uint32_t n = a->keys.n - key < tile_keys ? a->keys.n - key : tile_keys;
    const size_t d = a->keys.d, stride = a->keys.stride;
    const unsigned char *rows = (const unsigned char *)a->keys.rows + key * stride;
    const int16_t *queries = a->q8 + query * a->q_stride + trit_kv_query_columns(a->keys.d);
    float scale[tile_keys];
    for (uint32_t i = 0; i < tile_keys; i++) scale[i] = scale_of(rows + (i < n ? i : n - 1) * stride, a->keys.d);
    __m512i sums[tile_queries][2];
    for (int t = 0; t < n_queries; t++) sums[t][0] = sums[t][1] = _mm512_setzero_si512();
    for (size_t k = 0; k < d; k += block) {
        __m512i keys[4][4], some[4]; /* [of sixteen columns the fours][of keys the fours] */
#pragma GCC unroll 4
        for (uint32_t i = 0; i < tile_keys; i += 4) { /* where there are fewer keys, the last one again and again */
#pragma GCC unroll 4
            for (uint32_t r = 0; r < 4; r++) some[r] = row_part(rows + (i + r < n ? i + r : n - 1) * stride + k, d - k);
            transpose_within_parts(some);
#pragma GCC unroll 4
            for (int c = 0; c < 4; c++) keys[c][i / 4] = some[c];
        }
#pragma GCC unroll 4
        for (size_t c = 0; c < 4; c++) {
            if (query == 0) fetch_step(soon);
            transpose_parts(keys[c]);
#pragma GCC unroll 4
            for (size_t i = 0; i < 4; i++) {
                const __m512i lower = lower_words(keys[c][i]), upper = upper_words(keys[c][i]);
#pragma GCC unroll 4
                for (int t = 0; t < n_queries; t++) {
                    const int16_t *q = queries + (size_t)t * a->q_stride + k + 16 * i + 4 * c;
                    sums[t][0] = i16_dot(sums[t][0], lower, pair_of(q));
                    sums[t][1] = i16_dot(sums[t][1], upper, pair_of(q + 2));
                }
            }
        }
    }
    const __m512 scales = _mm512_loadu_ps(scale);
    for (int t = 0; t < n_queries; t++) {
        const __m512 total = _mm512_cvtepi32_ps(_mm512_add_epi32(sums[t][0], sums[t][1]));
        _mm512_mask_storeu_ps(a->score + (query + (uint32_t)t) * a->score_stride + key, (__mmask16)((1u << n) - 1),
                              _mm512_mul_ps(_mm512_mul_ps(total, scales), _mm512_set1_ps(a->q8_scale[query + (uint32_t)t])));
    }
}

ALWAYS_INLINE void score_queries(const trit_kv_scores *a, uint32_t query, int n_queries) {
    fetch soon = fetch_in_steps(&a->keys, (a->keys.n + tile_keys - 1) / tile_keys * ((a->keys.d + block - 1) / block) * 4);
    for (uint32_t i = 0; i < a->keys.n; i += tile_keys) score_tile(a, &soon, i, query, n_queries);
}

void KERNEL(kv_scores_q8)(const trit_kv_scores *a) {
    uint32_t t = 0;
    for (; t + 4 <= a->n_queries; t += 4) score_queries(a, t, 4);
    for (; t + 2 <= a->n_queries; t += 2) score_queries(a, t, 2);
    if (t < a->n_queries) score_queries(a, t, 1);
}

/* ---- mix ---- */

/* Of the block's sixteens of columns the lower eights, or the upper ones: sums of n_queries, columns 0 to 3 of the eights and 4 to 7. */
ALWAYS_INLINE void mix_eights(const trit_kv_mix *a, const kv_weights *w, fetch *soon, __m512i out[tile_queries][4], uint32_t query, size_t j,
                              size_t columns, int upper_eights, int n_queries) {
    const size_t stride = a->values.stride;
    const unsigned char *row = (const unsigned char *)a->values.rows + j, *last = row + (a->values.n - 1) * stride;
    const int16_t *weight = w->w[query];
    __m512i sums[tile_queries][2];
    for (int t = 0; t < n_queries; t++) sums[t][0] = sums[t][1] = _mm512_setzero_si512();
    for (uint32_t left = a->values.n; left; row += 4 * stride, weight += 4, left -= left < 4 ? left : 4) {
        if (query == 0) fetch_step(soon);
        /* a position that is not there has the last one's values, and the weight 0 */
        const __m512i r0 = row_part(row, columns), r1 = row_part(left > 1 ? row + stride : last, columns);
        const __m512i r2 = row_part(left > 2 ? row + 2 * stride : last, columns), r3 = row_part(left > 3 ? row + 3 * stride : last, columns);
        const __m512i a02 = upper_eights ? _mm512_unpackhi_epi8(r0, r2) : _mm512_unpacklo_epi8(r0, r2);
        const __m512i a13 = upper_eights ? _mm512_unpackhi_epi8(r1, r3) : _mm512_unpacklo_epi8(r1, r3);
        const __m512i four[2] = {_mm512_unpacklo_epi16(a02, a13), _mm512_unpackhi_epi16(a02, a13)};
        const __m512i lower[2] = {lower_words(four[0]), lower_words(four[1])}, upper[2] = {upper_words(four[0]), upper_words(four[1])};
        for (int t = 0; t < n_queries; t++) {
            const __m512i first = pair_of(weight + t * trit_kv_max_positions), second = pair_of(weight + t * trit_kv_max_positions + 2);
            for (int c = 0; c < 2; c++) sums[t][c] = i16_dot(i16_dot(sums[t][c], lower[c], first), upper[c], second);
        }
    }
    for (int t = 0; t < n_queries; t++)
        for (int c = 0; c < 2; c++) out[t][2 * upper_eights + c] = sums[t][c];
}

/* Columns [j, j + block) of n_queries results, or up to the last one. */
ALWAYS_INLINE void mix_columns(const trit_kv_mix *a, const kv_weights *w, fetch *soon, uint32_t query, size_t j, int n_queries) {
    const size_t columns = a->values.d - j < block ? a->values.d - j : block;
    const __mmask64 those = columns < block ? ((__mmask64)1 << columns) - 1 : ~(__mmask64)0;
    __m512i sums[tile_queries][4];
    mix_eights(a, w, soon, sums, query, j, columns, 0, n_queries);
    mix_eights(a, w, soon, sums, query, j, columns, 1, n_queries);
    for (int t = 0; t < n_queries; t++) {
        float *y = a->y + (query + (uint32_t)t) * a->y_stride + j;
        const __m512 unit = _mm512_set1_ps(w->unit[query + (uint32_t)t]);
        transpose_parts(sums[t]);
        for (size_t c = 0; c < 4; c++) {
            const __mmask16 some = (__mmask16)(those >> 16 * c);
            const __m512 part = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[t][c]), unit);
            _mm512_mask_storeu_ps(y + 16 * c, some, _mm512_add_ps(_mm512_maskz_loadu_ps(some, y + 16 * c), part));
        }
    }
}

ALWAYS_INLINE void mix_queries(const trit_kv_mix *a, const kv_weights *w, uint32_t query, int n_queries) {
    const uint32_t n_blocks = (a->values.d + block - 1) / block, n_fours = (a->values.n + 3) / 4;
    fetch soon = fetch_in_steps(&a->values, 2 * n_blocks * n_fours);
    for (uint32_t b = 0; b < n_blocks; b++) mix_columns(a, w, &soon, query, b * (size_t)block, n_queries);
}

void KERNEL(kv_mix_q8)(const trit_kv_mix *a) {
    if (!a->values.n) return;
    float scale[trit_kv_max_positions] = {0};
    kv_weights w;
    for (uint32_t i = 0; i < a->values.n; i++) scale[i] = scale_of((const unsigned char *)a->values.rows + i * a->values.stride, a->values.d);
    for (uint32_t t = 0; t < a->n_queries; t++) w.unit[t] = quantize_weights(w.w[t], a->p + t * a->p_stride, scale, a->values.n);
    uint32_t t = 0;
    for (; t + 4 <= a->n_queries; t += 4) mix_queries(a, &w, t, 4);
    for (; t + 2 <= a->n_queries; t += 2) mix_queries(a, &w, t, 2);
    if (t < a->n_queries) mix_queries(a, &w, t, 1);
}

#endif
