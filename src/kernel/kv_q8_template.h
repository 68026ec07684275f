/* Attention over the q8 cache for one tier, in integers: queries and weights as int16, keys and values as int8, products added in
 * int32, whose order is free. A tier's file (x86/kv_q8_avx2.c, ...) includes the headers that implement v16 and i16 with its
 * instructions, names KERNEL(slot), and includes this file. What i16 offers is listed in x86/i16_avx2.h.
 *
 * A tile is four queries by two keys, or two queries or one by four keys: each key is widened once for all queries of the tile. */
#ifndef TRIT_KERNEL_KV_Q8_TEMPLATE_H
#define TRIT_KERNEL_KV_Q8_TEMPLATE_H

#include "kernel/kv_q8_rows.h"

/* ---- scores ---- */

enum { max_sums = 8 };

/* The last, partial vector of a row */
static inline i16_vector widen_part(const unsigned char *p, size_t n) {
    unsigned char buffer[i16_width] = {0};
    memcpy(buffer, p, n);
    return i16_widen(buffer);
}

ALWAYS_INLINE void score_step(i16_sums sums[max_sums], const i16_vector *keys, const int16_t *q, size_t q_stride, int n_keys, int n_queries) {
    for (int t = 0; t < n_queries; t++) {
        i16_vector query = i16_load(q + (size_t)t * q_stride);
        for (int i = 0; i < n_keys; i++) sums[t * n_keys + i] = i16_dot(sums[t * n_keys + i], keys[i], query);
    }
}

ALWAYS_INLINE void score_tile(const trit_kv_scores *a, uint32_t key, uint32_t query, int n_keys, int n_queries) {
    const size_t d = a->keys.d, stride = a->keys.stride;
    const unsigned char *row = (const unsigned char *)a->keys.rows + key * stride;
    const int16_t *q = a->q8 + query * a->q_stride;
    i16_sums sums[max_sums];
    i16_vector keys[4];
    for (int i = 0; i < max_sums; i++) sums[i] = i16_zero();
    size_t k = 0;
    for (; k + i16_width <= d; k += i16_width) {
        for (int i = 0; i < n_keys; i++) keys[i] = i16_widen(row + (size_t)i * stride + k);
        score_step(sums, keys, q + k, a->q_stride, n_keys, n_queries);
    }
    if (k < d) {
        for (int i = 0; i < n_keys; i++) keys[i] = widen_part(row + (size_t)i * stride + k, d - k);
        score_step(sums, keys, q + k, a->q_stride, n_keys, n_queries);
    }
    int32_t total[max_sums];
    for (int i = 0; i < n_keys * n_queries; i += 4) i16_totals(total + i, sums + i);
    for (int i = 0; i < n_keys; i++) {
        const float scale = scale_of(row + (size_t)i * stride, a->keys.d);
        for (int t = 0; t < n_queries; t++)
            a->score[(query + (uint32_t)t) * a->score_stride + key + (uint32_t)i] =
                ((float)total[t * n_keys + i] * scale) * a->q8_scale[query + (uint32_t)t];
    }
}

ALWAYS_INLINE void score_queries(const trit_kv_scores *a, uint32_t query, int n_keys, int n_queries) {
    fetch soon = fetch_in_steps(&a->keys, a->keys.n / (uint32_t)n_keys + 1);
    uint32_t i = 0;
    for (; i + (uint32_t)n_keys <= a->keys.n; i += (uint32_t)n_keys) {
        if (query == 0) fetch_step(&soon);
        score_tile(a, i, query, n_keys, n_queries);
    }
    for (; i < a->keys.n; i++) score_tile(a, i, query, 1, n_queries);
    if (query == 0) fetch_step(&soon);
}

void KERNEL(kv_scores_q8)(const trit_kv_scores *a) {
    uint32_t t = 0;
    for (; t + 4 <= a->n_queries; t += 4) score_queries(a, t, 2, 4);
    for (; t + 2 <= a->n_queries; t += 2) score_queries(a, t, 4, 2);
    if (t < a->n_queries) score_queries(a, t, 4, 1);
}

/* ---- mix ---- */

ALWAYS_INLINE i16_pairs pair_of(const unsigned char *row, const unsigned char *partner, size_t columns) {
    if (columns == 16) return i16_pair(row, partner);
    unsigned char tails[2][16] = {{0}};
    memcpy(tails[0], row, columns);
    memcpy(tails[1], partner, columns);
    return i16_pair(tails[0], tails[1]);
}

/* Columns [j, j + 16) of n_queries results; `columns` < 16: the last ones. */
ALWAYS_INLINE void mix_columns(const trit_kv_mix *a, const kv_weights *w, uint32_t query, size_t j, size_t columns, int n_queries) {
    const unsigned char *row = (const unsigned char *)a->values.rows + j;
    const int16_t *weight = w->w[query];
    const size_t stride = a->values.stride;
    i16_lanes sums[4];
    for (int t = 0; t < n_queries; t++) sums[t] = i16_lanes_zero();
    uint32_t n = a->values.n;
    for (; n >= 2; n -= 2, row += 2 * stride, weight += 2) {
        i16_pairs pairs = pair_of(row, row + stride, columns);
        for (int t = 0; t < n_queries; t++) sums[t] = i16_mul_pairs(sums[t], pairs, weight + t * trit_kv_max_positions);
    }
    if (n) { /* a row without a partner meets itself; the weight is 0 */
        i16_pairs pairs = pair_of(row, row, columns);
        for (int t = 0; t < n_queries; t++) sums[t] = i16_mul_pairs(sums[t], pairs, weight + t * trit_kv_max_positions);
    }
    for (int t = 0; t < n_queries; t++) {
        float *y = a->y + (query + (uint32_t)t) * a->y_stride + j;
        v16 part = v16_mul(i16_to_float(sums[t]), v16_set1(w->unit[query + (uint32_t)t]));
        if (columns < 16) store_part(y, v16_add(load_part(kind_f32, y, columns), part), columns);
        else v16_store(y, v16_add(v16_load(y), part));
    }
}

ALWAYS_INLINE void mix_queries(const trit_kv_mix *a, const kv_weights *w, uint32_t query, int n_queries) {
    const size_t d = a->values.d;
    size_t j = 0;
    fetch soon = fetch_in_steps(&a->values, (uint32_t)(d / 16) + 1);
    for (; j + 16 <= d; j += 16) {
        if (query == 0) fetch_step(&soon);
        mix_columns(a, w, query, j, 16, n_queries);
    }
    if (query == 0) fetch_step(&soon);
    if (j < d) mix_columns(a, w, query, j, d - j, n_queries);
}

void KERNEL(kv_mix_q8)(const trit_kv_mix *a) {
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
