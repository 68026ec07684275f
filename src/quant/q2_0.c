/* Q1_0, Q2_0 and PQ2_0: one or two bits a weight, consecutive, behind a half as scale d for each block.
 *
 *      Q1_0    18 bytes for 128   d, bits[16]     byte j: elements 8 j (bit 0) to 8 j + 7 (bit 7)    x = bit ? d : -d
 *      Q2_0    18 bytes for 64    d, codes[16]    byte j: elements 4 j (bits 1:0) to 4 j + 3         x = d (code - 1)
 *      PQ2_0   34 bytes for 128   d, codes[32]    the same
 *
 * Code 3 is a value of ggml's Q2_0, 2 d, which no ternary model has: unpack reads it, trits say that it is none. Q1_0 has no
 * zero and cannot keep a ternary row. PQ2_0 is how PrismML's first models filled type 42, before ggml gave
 * that number to blocks of 64 (see io/gguf_type.c). Source: ggml, which tests/quant/test_golden.c holds us to. */
#include "quant/formats.h"

enum { head = 2, most = 128 };

static bool q1_0_trits(const trit_quant_matrix *m, uint64_t row, int8_t *trits, float *scales) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / 128; b++, p += head + 16) {
        scales[b] = trit_load_f16(p);
        for (int j = 0; j < 16; j++, trits += 8)
            for (int k = 0; k < 8; k++) trits[k] = (int8_t)(2 * (p[head + j] >> k & 1) - 1);
    }
    return true;
}

static void q1_0_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / 128; b++, p += head + 16) {
        const float d = trit_load_f16(p);
        for (int j = 0; j < 16; j++, dst += 8)
            for (int k = 0; k < 8; k++) dst[k] = p[head + j] >> k & 1 ? d : -d;
    }
}

/* Elements a block of Q2_0 or PQ2_0. */
static unsigned block_of(const trit_quant_matrix *m) {
    return trit_dtype_info(m->dtype)->block;
}

static bool q2_0_trits(const trit_quant_matrix *m, uint64_t row, int8_t *trits, float *scales) {
    const unsigned block = block_of(m);
    const uint8_t *p = trit_quant_row(m, row);
    unsigned bad = 0;
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += head + block / 4) {
        scales[b] = trit_load_f16(p);
        for (unsigned j = 0; j < block / 4; j++, trits += 4)
            for (int k = 0; k < 4; k++) {
                const unsigned code = p[head + j] >> 2 * k & 3u, none = code & code >> 1;
                bad |= none;
                trits[k] = (int8_t)((int)code - 1 - 2 * (int)none);
            }
    }
    return !bad;
}

static void q2_0_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const unsigned block = block_of(m);
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += head + block / 4) {
        const float d = trit_load_f16(p);
        for (unsigned j = 0; j < block / 4; j++, dst += 4)
            for (int k = 0; k < 4; k++) dst[k] = d * (float)((p[head + j] >> 2 * k & 3) - 1);
    }
}

/* The mean of |x| is the scale of least error for signs (XNOR-Net, arXiv:1603.05279). */
static void q1_0_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t b = 0; b < n_cols / 128; b++, dst += head + 16, src += 128) {
        trit_store_f16(dst, (float)(trit_abs_sum(src, 128) / 128));
        for (int j = 0; j < 16; j++) {
            unsigned bits = 0;
            for (int k = 0; k < 8; k++) bits |= (unsigned)(src[8 * j + k] >= 0) << k;
            dst[head + j] = (uint8_t)bits;
        }
    }
}

static void pack(const float *src, uint64_t n_cols, uint8_t *dst, unsigned block) {
    int8_t trits[most];
    for (uint64_t b = 0; b < n_cols / block; b++, dst += head + block / 4) {
        const float d = trit_quant_absmax(src + b * block, block);
        trit_quant_ternarize(src + b * block, block, d, trits);
        trit_store_f16(dst, d);
        for (unsigned j = 0; j < block / 4; j++) {
            const int8_t *t = trits + 4 * j;
            dst[head + j] = (uint8_t)((t[0] + 1) | (t[1] + 1) << 2 | (t[2] + 1) << 4 | (t[3] + 1) << 6);
        }
    }
}

static void q2_0_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    pack(src, n_cols, dst, 64);
}

static void pq2_0_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    pack(src, n_cols, dst, 128);
}

const trit_quant_format trit_quant_q1_0 = {
    .dtype = trit_dtype_q1_0, .unpack = q1_0_unpack, .trits = q1_0_trits, .scale_group = 128, .pack = q1_0_pack};
const trit_quant_format trit_quant_q2_0 = {
    .dtype = trit_dtype_q2_0, .unpack = q2_0_unpack, .trits = q2_0_trits, .scale_group = 64, .four_levels = true,
    .pack = q2_0_pack};
const trit_quant_format trit_quant_pq2_0 = {
    .dtype = trit_dtype_pq2_0, .unpack = q2_0_unpack, .trits = q2_0_trits, .scale_group = 128, .four_levels = true,
    .pack = pq2_0_pack};
