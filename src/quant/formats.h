/* What the files of the formats share with the table that lists them. */
#ifndef TRIT_QUANT_FORMATS_H
#define TRIT_QUANT_FORMATS_H

#include <assert.h>
#include <math.h>

#include "quant/quant.h"
#include "tensor/bytes.h"

/* Every row of dtypes.def whose role is `weight` declares `extern const trit_quant_format trit_quant_<name>`. */
#define TRIT_FORMAT_weight(name) extern const trit_quant_format trit_quant_##name;
#define TRIT_FORMAT_number(name)
#define TRIT_FORMAT_memory(name)
#define TRIT_DTYPE(name, label, block, bytes, head, gguf, safetensors, role) TRIT_FORMAT_##role(name)
#include "trit/dtypes.def"
#undef TRIT_DTYPE
#undef TRIT_FORMAT_weight
#undef TRIT_FORMAT_number
#undef TRIT_FORMAT_memory

/* Start of a row of a format that packs row by row: its head, then its blocks. */
static inline const uint8_t *trit_quant_row(const trit_quant_matrix *m, uint64_t row) {
    const trit_dtype_traits *t = trit_dtype_info(m->dtype);
    assert(row < m->n_rows && m->n_cols % t->block == 0);
    return m->data + row * (t->head_bytes + m->n_cols / t->block * t->block_bytes);
}

/* x cut to lo..hi and to an integer, by leaving out the fraction and by rounding half away from zero (exactly: the sum is one
 * of doubles). A NaN gives lo, and so never reaches a conversion that C leaves undefined. */
static inline int trit_quant_level(float x, int lo, int hi) {
    return x >= (float)hi ? hi : x > (float)lo ? (int)x : lo;
}

static inline int trit_quant_round(float x, int lo, int hi) {
    return x >= (float)hi ? hi : x > (float)lo ? (int)((double)x + (x < 0 ? -0.5 : 0.5)) : lo;
}

/* Nearest integer, half to even, for |x| < 2^22: there floats of 1.5 * 2^23 are 1 apart. Larger values stay large. */
static inline float trit_quant_nearest(float x) {
    return (x + 12582912.0f) - 12582912.0f;
}

/* The scale and the offset of the block that begins at column `at`, rounded to half as the block stores them at p and p + 2. */
static inline void trit_quant_put_scales(const trit_quant_levels *row, uint64_t at, uint8_t *p) {
    trit_store_f16(p, row->scale[at / row->group]);
    if (row->offset) trit_store_f16(p + 2, row->offset[at / row->group]);
}

static inline float trit_quant_absmax(const float *x, uint64_t n) {
    float amax = 0;
    for (uint64_t i = 0; i < n; i++) amax = fabsf(x[i]) > amax ? fabsf(x[i]) : amax;
    return amax;
}

/* trits[0..n) = x / d rounded half away from zero and cut to -1..1; a NaN is 0. With d = max|x| that is exact for what is
 * ternary already. */
static inline void trit_quant_ternarize(const float *x, unsigned n, float d, int8_t *trits) {
    const float half = 0.5f * d;
    for (unsigned i = 0; i < n; i++) trits[i] = (int8_t)((x[i] >= half) - (x[i] <= -half)); /* both where d is 0 */
}

#endif
