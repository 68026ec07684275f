/* What every way of attention over the q8 cache begins with, for one tier: queries and weights as int16. The including file has chosen v16 and i16
 * and named KERNEL(slot). */
#ifndef TRIT_KERNEL_KV_Q8_ROWS_H
#define TRIT_KERNEL_KV_Q8_ROWS_H

#include <math.h>

#include "kernel/elements.h"
#include "kernel/kv_query.h"
#include "kernel/variants.h"

static inline float scale_of(const unsigned char *row, uint32_t d) {
    float scale;
    memcpy(&scale, row + (d + 3) / 4 * 4, sizeof scale);
    return scale;
}

/* ---- queries ---- */

static inline v16 part_of(const float *x, size_t i, size_t n) {
    return i + 16 <= n ? v16_load(x + i) : load_part(kind_f32, x + i, n - i);
}

/* sixteen int16s of x * factor within +-limit, NaN as 0 */
static inline void store_scaled(int16_t *p, v16 x, v16 factor, float limit) {
    v16 v = v16_mul(x, factor);
    i16_store(p, v16_min(v16_max(v16_where_nan(v, v16_zero(), v), v16_set1(-limit)), v16_set1(limit)));
}

float KERNEL(kv_query_q8)(int16_t *q, const float *x, uint32_t d) {
    const float limit = trit_kv_query_limit(d);
    v16 m = v16_zero();
    for (size_t i = 0; i < d; i += 16) m = v16_max(v16_abs(part_of(x, i, d)), m); /* passes over NaN */
    const float largest = v16_largest(m);
    const v16 factor = v16_set1(largest > 0.0f ? limit / largest : 0.0f);
    memset(q, 0, trit_kv_query_columns(d) * sizeof *q);
    for (size_t i = 0; i < d; i += 16) store_scaled(q + i, part_of(x, i, d), factor, limit);
    trit_kv_query_complete(q, d);
    return largest / limit;
}

/* ---- weights ---- */

typedef struct kv_weights {
    int16_t w[trit_kv_max_queries][trit_kv_max_positions];
    float unit[trit_kv_max_queries]; /* what 1 of w is worth */
} kv_weights;

/* The weights p * scale of n <= trit_kv_max_positions positions as int16; returns what one unit of them is worth. */
static float quantize_weights(int16_t w[trit_kv_max_positions], const float *p, const float scale[trit_kv_max_positions], uint32_t n) {
    enum { n_parts = trit_kv_max_positions / 16 };
    v16 part[n_parts], m = v16_zero();
    for (uint32_t c = 0; c < n_parts; c++) {
        v16 weight = 16 * c < n ? part_of(p, 16 * c, n) : v16_zero();
        part[c] = v16_mul(weight, v16_load(scale + 16 * c));
        m = v16_max(v16_abs(part[c]), m);
    }
    const float largest = v16_largest(m);
    const v16 factor = v16_set1(largest > 0.0f ? 32767.0f / largest : 0.0f);
    for (uint32_t c = 0; c < n_parts; c++) store_scaled(w + 16 * c, part[c], factor, 32767.0f);
    return largest / 32767.0f;
}

#endif
