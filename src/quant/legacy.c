/* Q4_0, Q4_1, Q8_0 and Q8_1, ggml's first types: blocks of 32 elements with a half as scale d, and in Q4_1 a half as offset m.
 *
 *      Q4_0  18 bytes   d, q[16]        x = d (q - 8)      nibble q: element j low, j + 16 high
 *      Q4_1  20 bytes   d, m, q[16]     x = d q + m        the same
 *      Q8_0  34 bytes   d, int8 q[32]   x = d q
 *      Q8_1  36 bytes   d, half s = d sum(q), int8 q[32]   x = d q      (ggml's form of activations)
 *
 * The encoders take the levels with the scale before its rounding to half, as ggml's do: the same bytes. */
#include "quant/fit.h"
#include "quant/formats.h"

enum { block = 32, q4_0_bytes = 18, q4_1_bytes = 20, q8_0_bytes = 34, q8_1_bytes = 36 };

static void q4_0_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += q4_0_bytes, dst += block) {
        const float d = trit_load_f16(p);
        for (int j = 0; j < block / 2; j++) {
            dst[j] = d * (float)((p[2 + j] & 15) - 8);
            dst[j + block / 2] = d * (float)((p[2 + j] >> 4) - 8);
        }
    }
}

static void q4_1_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += q4_1_bytes, dst += block) {
        const float d = trit_load_f16(p), offset = trit_load_f16(p + 2);
        for (int j = 0; j < block / 2; j++) {
            dst[j] = d * (float)(p[4 + j] & 15) + offset;
            dst[j + block / 2] = d * (float)(p[4 + j] >> 4) + offset;
        }
    }
}

static void q8_0_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += q8_0_bytes, dst += block) {
        const float d = trit_load_f16(p);
        for (int j = 0; j < block; j++) dst[j] = d * (float)(int8_t)p[2 + j];
    }
}

static void q8_1_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += q8_1_bytes, dst += block) {
        const float d = trit_load_f16(p);
        for (int j = 0; j < block; j++) dst[j] = d * (float)(int8_t)p[4 + j];
    }
}

static float inverse_of(float d) {
    return d != 0 ? 1.0f / d : 0;
}

static void store_nibbles(const int *level, uint8_t *dst) {
    for (int j = 0; j < block / 2; j++) dst[j] = (uint8_t)(level[j] | level[j + block / 2] << 4);
}

/* The value furthest from zero, with its sign, becomes level 0 of 0..15, where the range reaches furthest. */
static void q4_0_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t b = 0; b < n_cols / block; b++, dst += q4_0_bytes, src += block) {
        float furthest = 0;
        int level[block];
        for (int j = 0; j < block; j++)
            if (fabsf(src[j]) > fabsf(furthest)) furthest = src[j];
        const float d = furthest / -8, inverse = inverse_of(d);
        for (int j = 0; j < block; j++) level[j] = trit_quant_level(src[j] * inverse + 8.5f, 0, 15);
        trit_store_f16(dst, d);
        store_nibbles(level, dst + 2);
    }
}

static void q4_0_pack_by(const float *src, const float *w, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t b = 0; b < n_cols / block; b++, dst += q4_0_bytes, src += block, w += block) {
        int level[block];
        trit_store_f16(dst, trit_fit_scale(src, w, block, -8, 7));
        const float inverse = inverse_of(trit_load_f16(dst));
        for (int j = 0; j < block; j++) level[j] = trit_quant_level(trit_quant_nearest(src[j] * inverse), -8, 7) + 8;
        store_nibbles(level, dst + 2);
    }
}

static void q4_0_put(const trit_quant_levels *row, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t at = 0; at < n_cols; at += block, dst += q4_0_bytes) {
        int level[block];
        for (int j = 0; j < block; j++) level[j] = row->level[at + (unsigned)j] + 8;
        trit_quant_put_scales(row, at, dst);
        store_nibbles(level, dst + 2);
    }
}

static void q4_1_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t b = 0; b < n_cols / block; b++, dst += q4_1_bytes, src += block) {
        float min = src[0], max = src[0];
        int level[block];
        for (int j = 1; j < block; j++) {
            min = src[j] < min ? src[j] : min;
            max = src[j] > max ? src[j] : max;
        }
        const float d = (max - min) / 15, inverse = inverse_of(d);
        for (int j = 0; j < block; j++) level[j] = trit_quant_level((src[j] - min) * inverse + 0.5f, 0, 15);
        trit_store_f16(dst, d);
        trit_store_f16(dst + 2, min);
        store_nibbles(level, dst + 4);
    }
}

static void q4_1_pack_by(const float *src, const float *w, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t b = 0; b < n_cols / block; b++, dst += q4_1_bytes, src += block, w += block) {
        const trit_fit fit = trit_fit_affine(src, w, block, 15, false);
        int level[block];
        trit_store_f16(dst, fit.d);
        trit_store_f16(dst + 2, fit.offset);
        const float inverse = inverse_of(trit_load_f16(dst)), offset = trit_load_f16(dst + 2);
        for (int j = 0; j < block; j++) level[j] = trit_quant_level(trit_quant_nearest((src[j] - offset) * inverse), 0, 15);
        store_nibbles(level, dst + 4);
    }
}

static void q4_1_put(const trit_quant_levels *row, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t at = 0; at < n_cols; at += block, dst += q4_1_bytes) {
        int level[block];
        for (int j = 0; j < block; j++) level[j] = row->level[at + (unsigned)j];
        trit_quant_put_scales(row, at, dst);
        store_nibbles(level, dst + 4);
    }
}

static void q8_0_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t b = 0; b < n_cols / block; b++, dst += q8_0_bytes, src += block) {
        const float d = trit_quant_absmax(src, block) / 127, inverse = inverse_of(d);
        trit_store_f16(dst, d);
        for (int j = 0; j < block; j++) dst[2 + j] = (uint8_t)trit_quant_round(src[j] * inverse, -127, 127);
    }
}

static void q8_1_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t b = 0; b < n_cols / block; b++, dst += q8_1_bytes, src += block) {
        const float d = trit_quant_absmax(src, block) / 127, inverse = inverse_of(d);
        int sum = 0;
        for (int j = 0; j < block; j++) {
            const int q = trit_quant_round(src[j] * inverse, -127, 127);
            sum += q;
            dst[4 + j] = (uint8_t)q;
        }
        trit_store_f16(dst, d);
        trit_store_f16(dst + 2, d * (float)sum);
    }
}

static void q8_0_put(const trit_quant_levels *row, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t at = 0; at < n_cols; at += block, dst += q8_0_bytes) {
        trit_quant_put_scales(row, at, dst);
        for (unsigned j = 0; j < block; j++) dst[2 + j] = (uint8_t)row->level[at + j];
    }
}

const trit_quant_format trit_quant_q4_0 = {.dtype = trit_dtype_q4_0, .unpack = q4_0_unpack, .pack = q4_0_pack, .pack_by = q4_0_pack_by,
                                           .put = q4_0_put, .put_low = -8, .put_high = 7};
const trit_quant_format trit_quant_q4_1 = {.dtype = trit_dtype_q4_1, .unpack = q4_1_unpack, .pack = q4_1_pack, .pack_by = q4_1_pack_by,
                                           .put = q4_1_put, .put_low = 0, .put_high = 15, .put_offset = true};
const trit_quant_format trit_quant_q8_0 = {.dtype = trit_dtype_q8_0, .unpack = q8_0_unpack, .pack = q8_0_pack,
                                           .put = q8_0_put, .put_low = -128, .put_high = 127};
const trit_quant_format trit_quant_q8_1 = {.dtype = trit_dtype_q8_1, .unpack = q8_1_unpack, .pack = q8_1_pack};
