/* Q2_K to Q6_K, ggml's types with blocks of 256 elements whose sub-blocks have small integer scales. The encoders are our own: each
 * sub-block gets its scale by least squares (fit.h), the block a scale for the scales, and then every element its level.
 *
 *      Q2_K   84 bytes   s[16], q[64], d, dmin          x = d sc q - dmin mn      16 sub-blocks of 16, s: sc low, mn high
 *      Q3_K  110 bytes   h[32], q[64], scales[12], d    x = d (sc - 32) (q - 4)   16 sub-blocks of 16, q of 3 bits
 *      Q4_K  144 bytes   d, dmin, scales[12], q[128]            x = d sc q - dmin mn      8 sub-blocks of 32
 *      Q5_K  176 bytes   d, dmin, scales[12], qh[32], q[128]    the same with 5-bit q
 *      Q6_K  210 bytes   ql[128], qh[64], int8 sc[16], d        x = d sc (q - 32)         16 sub-blocks of 16
 *
 * Q2_K and Q3_K: bits 2 k + 1:2 k of bytes 32 half .. 32 half + 31 of q hold elements 128 half + 32 k and on. Bit i / 32 of
 * h[i % 32] is the third bit of element i. scales[12] of Q3_K: sc 0..7 in the low and 8..15 in the high nibbles of bytes 0..7,
 * and bits 5:4 of sc 4 k .. 4 k + 3 in bits 2 k + 1:2 k of bytes 8..11.
 *
 * Nibbles of Q4_K and Q5_K: bytes 32 k .. 32 k + 31 hold sub-block 2 k low and 2 k + 1 high; bit j of qh[i] is the fifth bit of
 * element i of sub-block j. scales[12] holds eight 6-bit pairs (sc, mn):
 *
 *      bytes 0..3     sc 0..3 in bits 5:0, bits 5:4 of sc 4..7 in bits 7:6
 *      bytes 4..7     mn 0..3 in bits 5:0, bits 5:4 of mn 4..7 in bits 7:6
 *      bytes 8..11    bits 3:0 of sc 4..7 low, of mn 4..7 high */
#include <string.h>

#include "quant/fit.h"
#include "quant/formats.h"
#include "quant/q6_k.h"

enum { block = 256, q2_k_bytes = 84, q3_k_bytes = 110, q4_k_bytes = 144, q5_k_bytes = 176, q6_k_bytes = trit_q6_k_bytes };

static void q2_k_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += q2_k_bytes) {
        const float d = trit_load_f16(p + 80), dmin = trit_load_f16(p + 82);
        for (int s = 0; s < 16; s++, dst += 16) { /* sub-blocks: two for each shift, four shifts in each half */
            const uint8_t *q = p + 16 + 32 * (s / 8) + 16 * (s % 2);
            const int shift = s / 2 % 4 * 2;
            const float scale = d * (float)(p[s] & 15), min = dmin * (float)(p[s] >> 4);
            for (int i = 0; i < 16; i++) dst[i] = scale * (float)(q[i] >> shift & 3) - min;
        }
    }
}

static void q3_k_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += q3_k_bytes) {
        const uint8_t *scales = p + 96;
        const float d = trit_load_f16(p + 108);
        for (int s = 0; s < 16; s++, dst += 16) {
            const uint8_t *high = p + 16 * (s % 2), *q = p + 32 + 32 * (s / 8) + 16 * (s % 2);
            const int shift = s / 2 % 4 * 2, bit = s / 2;
            const int six = (scales[s % 8] >> 4 * (s / 8) & 15) | (scales[8 + s % 4] >> 2 * (s / 4) & 3) << 4;
            const float scale = d * (float)(six - 32);
            for (int i = 0; i < 16; i++) dst[i] = scale * (float)((q[i] >> shift & 3) - (high[i] >> bit & 1 ? 0 : 4));
        }
    }
}

static void scale_and_min(const uint8_t *s, int j, float *scale, float *min) {
    if (j < 4) {
        *scale = (float)(s[j] & 63);
        *min = (float)(s[j + 4] & 63);
    } else {
        *scale = (float)((s[j + 4] & 15) | s[j - 4] >> 6 << 4);
        *min = (float)(s[j + 4] >> 4 | s[j] >> 6 << 4);
    }
}

/* One block of Q4_K (fifth == NULL) or Q5_K. */
static void unpack_block(const uint8_t *p, const uint8_t *fifth, const uint8_t *nibbles, float *dst) {
    const float d = trit_load_f16(p), dmin = trit_load_f16(p + 2);
    for (int j = 0; j < 8; j++) {
        float scale, min;
        scale_and_min(p + 4, j, &scale, &min);
        scale *= d;
        min *= dmin;
        for (int i = 0; i < 32; i++) {
            int q = nibbles[32 * (j / 2) + i] >> 4 * (j % 2) & 15;
            if (fifth) q |= (fifth[i] >> j & 1) << 4;
            *dst++ = scale * (float)q - min;
        }
    }
}

static void q4_k_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += q4_k_bytes) unpack_block(p, NULL, p + 16, dst + b * block);
}

static void q5_k_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += q5_k_bytes) unpack_block(p, p + 16, p + 48, dst + b * block);
}

static void q6_k_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / block; b++) trit_q6_k_unpack_block(dst + b * block, p + b * q6_k_bytes);
}

/* ---- Encoders. `w` weighs the squares of the errors of a block; NULL: all alike ---- */

static const float *part_of(const float *w, int at) {
    return w ? w + at : NULL;
}

static float inverse_of(float d) {
    return d != 0 && isfinite(1 / d) ? 1 / d : 0;
}

static int level_of(float x, float scale, int lo, int hi) {
    return trit_quant_level(trit_quant_nearest(x * inverse_of(scale)), lo, hi);
}

/* Scales of 16 sub-blocks of 16 elements with levels lo..hi, as integers of small_lo..-small_lo - 1 and the block's scale, which is
 * stored at `at`. Returns what a reader will see as the scale. */
static float fit_sixteen(const float *x, const float *w, int lo, int hi, int small_lo, int small[16], uint8_t *at) {
    float scales[16], furthest = 0;
    for (int s = 0; s < 16; s++) {
        scales[s] = trit_fit_scale(x + 16 * s, part_of(w, 16 * s), 16, lo, hi);
        if (fabsf(scales[s]) > fabsf(furthest)) furthest = scales[s];
    }
    trit_store_f16(at, furthest / (float)small_lo);
    const float d = trit_load_f16(at);
    for (int s = 0; s < 16; s++) small[s] = level_of(scales[s], d, small_lo, -small_lo - 1);
    return d;
}

/* Scales and mins of n sub-blocks with levels 0..hi, as integers of 0..most; d and dmin are stored at `at`. */
typedef struct affine {
    float d, dmin;
    int scale[16], min[16];
} affine;

static void fit_affine(affine *a, const float *x, const float *w, int n, int hi, int most, uint8_t *at) {
    const int size = block / n;
    float largest = 0, deepest = 0;
    trit_fit fit[16];
    for (int s = 0; s < n; s++) {
        fit[s] = trit_fit_affine(x + size * s, part_of(w, size * s), (size_t)size, hi, true);
        largest = fit[s].d > largest ? fit[s].d : largest;
        deepest = -fit[s].offset > deepest ? -fit[s].offset : deepest;
    }
    trit_store_f16(at, largest / (float)most);
    trit_store_f16(at + 2, deepest / (float)most);
    a->d = trit_load_f16(at);
    a->dmin = trit_load_f16(at + 2);
    for (int s = 0; s < n; s++) {
        a->scale[s] = level_of(fit[s].d, a->d, 0, most);
        a->min[s] = level_of(-fit[s].offset, a->dmin, 0, most);
    }
}

static int affine_level(const affine *a, int s, float x, int hi) {
    return level_of(x + a->dmin * (float)a->min[s], a->d * (float)a->scale[s], 0, hi);
}

static void q2_k_pack_block(const float *x, const float *w, uint8_t *p) {
    affine a;
    memset(p, 0, q2_k_bytes);
    fit_affine(&a, x, w, 16, 3, 15, p + 80);
    for (int s = 0; s < 16; s++) {
        uint8_t *q = p + 16 + 32 * (s / 8) + 16 * (s % 2);
        p[s] = (uint8_t)(a.scale[s] | a.min[s] << 4);
        for (int i = 0; i < 16; i++) q[i] = (uint8_t)(q[i] | affine_level(&a, s, x[16 * s + i], 3) << s / 2 % 4 * 2);
    }
}

static void q3_k_pack_block(const float *x, const float *w, uint8_t *p) {
    int small[16];
    memset(p, 0, q3_k_bytes);
    const float d = fit_sixteen(x, w, -4, 3, -32, small, p + 108);
    for (int s = 0; s < 16; s++) {
        uint8_t *high = p + 16 * (s % 2), *q = p + 32 + 32 * (s / 8) + 16 * (s % 2), *scales = p + 96;
        const int six = small[s] + 32;
        scales[s % 8] = (uint8_t)(scales[s % 8] | (six & 15) << 4 * (s / 8));
        scales[8 + s % 4] = (uint8_t)(scales[8 + s % 4] | six >> 4 << 2 * (s / 4));
        for (int i = 0; i < 16; i++) {
            const int level = level_of(x[16 * s + i], d * (float)small[s], -4, 3) + 4;
            q[i] = (uint8_t)(q[i] | (level & 3) << s / 2 % 4 * 2);
            high[i] = (uint8_t)(high[i] | level >> 2 << s / 2);
        }
    }
}

/* One block of Q4_K or of Q5_K, which has a fifth bit; see unpack_block. */
static void pack_block(const float *x, const float *w, uint8_t *p, bool has_fifth, size_t n_bytes) {
    const int hi = has_fifth ? 31 : 15;
    uint8_t *small = p + 4, *fifth = p + 16, *nibbles = p + (has_fifth ? 48 : 16);
    affine a;
    memset(p, 0, n_bytes);
    fit_affine(&a, x, w, 8, hi, 63, p);
    for (int j = 0; j < 8; j++) {
        const int k = j % 4;
        small[k] = (uint8_t)(small[k] | (j < 4 ? a.scale[j] : a.scale[j] >> 4 << 6));
        small[k + 4] = (uint8_t)(small[k + 4] | (j < 4 ? a.min[j] : a.min[j] >> 4 << 6));
        if (j >= 4) small[k + 8] = (uint8_t)((a.scale[j] & 15) | (a.min[j] & 15) << 4);
        for (int i = 0; i < 32; i++) {
            const int q = affine_level(&a, j, x[32 * j + i], hi);
            uint8_t *nibble = &nibbles[32 * (j / 2) + i];
            *nibble = (uint8_t)(*nibble | (q & 15) << 4 * (j % 2));
            if (has_fifth) fifth[i] = (uint8_t)(fifth[i] | q >> 4 << j);
        }
    }
}

static void q4_k_pack_block(const float *x, const float *w, uint8_t *p) {
    pack_block(x, w, p, false, q4_k_bytes);
}

static void q5_k_pack_block(const float *x, const float *w, uint8_t *p) {
    pack_block(x, w, p, true, q5_k_bytes);
}

/* Where the six bits of element i of a Q6_K block stand: 4 in ql, 2 in qh. */
typedef struct q6_place {
    int low, low_shift, high, high_shift;
} q6_place;

static q6_place q6_place_of(int i) {
    const int half = i / 128, quarter = i % 128 / 32, lane = i % 32;
    return (q6_place){64 * half + 32 * (quarter & 1) + lane, 4 * (quarter >> 1), 128 + 32 * half + lane, 2 * quarter};
}

static void q6_k_pack_block(const float *x, const float *w, uint8_t *p) {
    int small[16];
    memset(p, 0, q6_k_bytes);
    const float d = fit_sixteen(x, w, -32, 31, -128, small, p + 208);
    for (int s = 0; s < 16; s++) p[192 + s] = (uint8_t)small[s];
    for (int i = 0; i < block; i++) {
        const int s = i / 16, q = 32 + level_of(x[i], d * (float)small[s], -32, 31);
        const q6_place at = q6_place_of(i);
        p[at.low] = (uint8_t)(p[at.low] | (q & 15) << at.low_shift);
        p[at.high] = (uint8_t)(p[at.high] | q >> 4 << at.high_shift);
    }
}

/* ---- Rows ---- */

typedef void (*block_packer)(const float *x, const float *w, uint8_t *p);

static void pack_blocks(block_packer pack, size_t block_bytes, const float *src, const float *w, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t i = 0; i < n_cols; i += block, dst += block_bytes) pack(src + i, w ? w + i : NULL, dst);
}

static void q2_k_pack_by(const float *src, const float *w, uint64_t n_cols, uint8_t *dst) {
    pack_blocks(q2_k_pack_block, q2_k_bytes, src, w, n_cols, dst);
}

static void q2_k_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    q2_k_pack_by(src, NULL, n_cols, dst);
}

static void q3_k_pack_by(const float *src, const float *w, uint64_t n_cols, uint8_t *dst) {
    pack_blocks(q3_k_pack_block, q3_k_bytes, src, w, n_cols, dst);
}

static void q3_k_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    q3_k_pack_by(src, NULL, n_cols, dst);
}

static void q4_k_pack_by(const float *src, const float *w, uint64_t n_cols, uint8_t *dst) {
    pack_blocks(q4_k_pack_block, q4_k_bytes, src, w, n_cols, dst);
}

static void q4_k_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    q4_k_pack_by(src, NULL, n_cols, dst);
}

static void q5_k_pack_by(const float *src, const float *w, uint64_t n_cols, uint8_t *dst) {
    pack_blocks(q5_k_pack_block, q5_k_bytes, src, w, n_cols, dst);
}

static void q5_k_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    q5_k_pack_by(src, NULL, n_cols, dst);
}

static void q6_k_pack_by(const float *src, const float *w, uint64_t n_cols, uint8_t *dst) {
    pack_blocks(q6_k_pack_block, q6_k_bytes, src, w, n_cols, dst);
}

static void q6_k_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    q6_k_pack_by(src, NULL, n_cols, dst);
}

const trit_quant_format trit_quant_q2_k = {.dtype = trit_dtype_q2_k, .unpack = q2_k_unpack, .pack = q2_k_pack, .pack_by = q2_k_pack_by};
const trit_quant_format trit_quant_q3_k = {.dtype = trit_dtype_q3_k, .unpack = q3_k_unpack, .pack = q3_k_pack, .pack_by = q3_k_pack_by};
const trit_quant_format trit_quant_q4_k = {.dtype = trit_dtype_q4_k, .unpack = q4_k_unpack, .pack = q4_k_pack, .pack_by = q4_k_pack_by};
const trit_quant_format trit_quant_q5_k = {.dtype = trit_dtype_q5_k, .unpack = q5_k_unpack, .pack = q5_k_pack, .pack_by = q5_k_pack_by};
const trit_quant_format trit_quant_q6_k = {.dtype = trit_dtype_q6_k, .unpack = q6_k_unpack, .pack = q6_k_pack, .pack_by = q6_k_pack_by};
