/* Q5_0 and Q5_1, ggml's blocks of 32 elements with five bits each: the fifth bits of all stand together in a word.
 *
 *      Q5_0  22 bytes   d, u32 h, q[16]      x = d (level - 16)    level = nibble | (bit j of h) << 4
 *      Q5_1  24 bytes   d, m, u32 h, q[16]   x = d level + m       nibble of q: element j low, j + 16 high
 *
 * The encoders take the levels with the scale before its rounding to half, as ggml's do: the same bytes. */
#include "quant/fit.h"
#include "quant/formats.h"

enum { block = 32, q5_0_bytes = 22, q5_1_bytes = 24 };

static int level_of(const uint8_t *nibbles, uint32_t h, int j) {
    const int low = j < block / 2 ? nibbles[j] & 15 : nibbles[j - block / 2] >> 4;
    return low | (int)(h >> j & 1) << 4;
}

static void store_levels(uint8_t *nibbles, uint8_t *h, const int *level) {
    uint32_t bits = 0;
    for (int j = 0; j < block; j++) bits |= (uint32_t)level[j] >> 4 << j;
    for (int j = 0; j < block / 2; j++) nibbles[j] = (uint8_t)((level[j] & 15) | (level[j + block / 2] & 15) << 4);
    for (int i = 0; i < 4; i++) h[i] = (uint8_t)(bits >> 8 * i);
}

static uint32_t load_bits(const uint8_t *h) {
    return (uint32_t)h[0] | (uint32_t)h[1] << 8 | (uint32_t)h[2] << 16 | (uint32_t)h[3] << 24;
}

static void q5_0_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += q5_0_bytes, dst += block) {
        const float d = trit_load_f16(p);
        const uint32_t h = load_bits(p + 2);
        for (int j = 0; j < block; j++) dst[j] = d * (float)(level_of(p + 6, h, j) - 16);
    }
}

static void q5_1_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += q5_1_bytes, dst += block) {
        const float d = trit_load_f16(p), offset = trit_load_f16(p + 2);
        const uint32_t h = load_bits(p + 4);
        for (int j = 0; j < block; j++) dst[j] = d * (float)level_of(p + 8, h, j) + offset;
    }
}

/* The value furthest from zero, with its sign, becomes level 0 of 0..31. */
static void q5_0_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t b = 0; b < n_cols / block; b++, dst += q5_0_bytes, src += block) {
        float furthest = 0;
        for (int j = 0; j < block; j++)
            if (fabsf(src[j]) > fabsf(furthest)) furthest = src[j];
        const float d = furthest / -16, inverse = d != 0 ? 1.0f / d : 0;
        int level[block];
        for (int j = 0; j < block; j++) level[j] = trit_quant_level(src[j] * inverse + 16.5f, 0, 31);
        trit_store_f16(dst, d);
        store_levels(dst + 6, dst + 2, level);
    }
}

static void q5_1_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t b = 0; b < n_cols / block; b++, dst += q5_1_bytes, src += block) {
        float min = src[0], max = src[0];
        for (int j = 1; j < block; j++) {
            min = src[j] < min ? src[j] : min;
            max = src[j] > max ? src[j] : max;
        }
        const float d = (max - min) / 31, inverse = d != 0 ? 1.0f / d : 0;
        int level[block];
        for (int j = 0; j < block; j++) level[j] = trit_quant_level((src[j] - min) * inverse + 0.5f, 0, 31);
        trit_store_f16(dst, d);
        trit_store_f16(dst + 2, min);
        store_levels(dst + 8, dst + 4, level);
    }
}

static void q5_0_pack_by(const float *src, const float *w, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t b = 0; b < n_cols / block; b++, dst += q5_0_bytes, src += block, w += block) {
        int level[block];
        trit_store_f16(dst, trit_fit_scale(src, w, block, -16, 15));
        const float d = trit_load_f16(dst), inverse = d != 0 ? 1.0f / d : 0;
        for (int j = 0; j < block; j++) level[j] = trit_quant_level(trit_quant_nearest(src[j] * inverse), -16, 15) + 16;
        store_levels(dst + 6, dst + 2, level);
    }
}

static void q5_1_pack_by(const float *src, const float *w, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t b = 0; b < n_cols / block; b++, dst += q5_1_bytes, src += block, w += block) {
        const trit_fit fit = trit_fit_affine(src, w, block, 31, false);
        int level[block];
        trit_store_f16(dst, fit.d);
        trit_store_f16(dst + 2, fit.offset);
        const float d = trit_load_f16(dst), offset = trit_load_f16(dst + 2), inverse = d != 0 ? 1.0f / d : 0;
        for (int j = 0; j < block; j++) level[j] = trit_quant_level(trit_quant_nearest((src[j] - offset) * inverse), 0, 31);
        store_levels(dst + 8, dst + 4, level);
    }
}

static void q5_0_put(const trit_quant_levels *row, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t at = 0; at < n_cols; at += block, dst += q5_0_bytes) {
        int level[block];
        for (int j = 0; j < block; j++) level[j] = row->level[at + (unsigned)j] + 16;
        trit_quant_put_scales(row, at, dst);
        store_levels(dst + 6, dst + 2, level);
    }
}

static void q5_1_put(const trit_quant_levels *row, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t at = 0; at < n_cols; at += block, dst += q5_1_bytes) {
        int level[block];
        for (int j = 0; j < block; j++) level[j] = row->level[at + (unsigned)j];
        trit_quant_put_scales(row, at, dst);
        store_levels(dst + 8, dst + 4, level);
    }
}

const trit_quant_format trit_quant_q5_0 = {.dtype = trit_dtype_q5_0, .unpack = q5_0_unpack, .pack = q5_0_pack, .pack_by = q5_0_pack_by,
                                           .put = q5_0_put, .put_low = -16, .put_high = 15};
const trit_quant_format trit_quant_q5_1 = {.dtype = trit_dtype_q5_1, .unpack = q5_1_unpack, .pack = q5_1_pack, .pack_by = q5_1_pack_by,
                                           .put = q5_1_put, .put_low = 0, .put_high = 31, .put_offset = true};
