/* TQ1_0 and TQ2_0, ggml's ternary types: blocks of 256 elements, a half as scale in each; and PTQ1_0, PrismML's TQ1_0 for 128.
 *
 * TQ2_0, 66 bytes: two halves of 128 elements and 32 bytes, then the scale d.
 *
 *      byte j of half h:      bits 7:6        5:4        3:2        1:0
 *      code of element        j + 96          j + 64     j + 32     j           (+ 128 h; code = trit + 1; 3 is none)
 *
 * TQ1_0, 54 bytes: five trits in a byte, for 3^5 = 243 fits 256.
 *
 *      bytes      hold codes of elements                         first element = highest power of 3
 *      0..31      j + 32 n         n = 0..4    (0..159)
 *      32..47     160 + j + 16 n   n = 0..4    (160..239)
 *      48..51     240 + j + 4 n    n = 0..3    (240..255)        as if a fifth, zero, followed
 *      52..53     scale d
 *
 * PTQ1_0, 28 bytes: the same in smaller parts, 16 bytes (0..79), 8 (80..119) and 2 (120..127), then the scale.
 *
 *      A byte is ceil(v * 256 / 243) of the number v that the codes make: the fraction v / 243 in 8 bits, so that multiplying by
 *      3 pushes one code after another out at the top. All 256 bytes decode to codes 0..2: nothing can be broken there. */
#include <string.h>

#include "quant/formats.h"

enum { block = 256, tq2_bytes = 66, tq2_scale = 64 };

/* A block of five trits in a byte: its parts are n_bytes bytes with n_trits codes each, from element `first` on. */
typedef struct tq1_layout {
    uint16_t n, n_bytes, scale; /* elements, bytes, where the scale stands */
    struct {
        uint8_t at, n_bytes, n_trits, first;
    } part[3];
} tq1_layout;

static const tq1_layout tq1 = {256, 54, 52, {{0, 32, 5, 0}, {32, 16, 5, 160}, {48, 4, 4, 240}}};
static const tq1_layout ptq1 = {128, 28, 26, {{0, 16, 5, 0}, {16, 8, 5, 80}, {24, 2, 4, 120}}};

static void tq1_decode(const tq1_layout *l, const uint8_t *p, int8_t *trits) {
    static const uint8_t pow3[5] = {1, 3, 9, 27, 81};
    for (int k = 0; k < 3; k++) {
        const unsigned n = l->part[k].n_bytes;
        int8_t *out = trits + l->part[k].first;
        for (unsigned t = 0; t < l->part[k].n_trits; t++)
            for (unsigned j = 0; j < n; j++) {
                unsigned fraction = (uint8_t)(p[l->part[k].at + j] * pow3[t]);
                out[t * n + j] = (int8_t)((int)(fraction * 3 >> 8) - 1);
            }
    }
}

static void tq1_encode(const tq1_layout *l, const int8_t *trits, uint8_t *p) {
    for (int k = 0; k < 3; k++) {
        const unsigned n = l->part[k].n_bytes;
        const int8_t *in = trits + l->part[k].first;
        for (unsigned j = 0; j < n; j++) {
            unsigned v = 0;
            for (unsigned t = 0; t < 5; t++) v = 3 * v + (t < l->part[k].n_trits ? (unsigned)(in[t * n + j] + 1) : 0);
            p[l->part[k].at + j] = (uint8_t)((v * 256 + 242) / 243);
        }
    }
}

/* Returns non-zero where a code is 3, which reads as 0. */
static unsigned tq2_decode(const uint8_t *p, int8_t *trits) {
    unsigned bad = 0;
    for (unsigned half = 0; half < 2; half++, p += 32)
        for (unsigned t = 0; t < 4; t++)
            for (unsigned j = 0; j < 32; j++) {
                unsigned code = p[j] >> 2 * t & 3u, none = code & code >> 1;
                bad |= none;
                *trits++ = (int8_t)((int)code - 1 - 2 * (int)none);
            }
    return bad;
}

static void tq2_encode(const int8_t *trits, uint8_t *p) {
    for (unsigned half = 0; half < 2; half++, p += 32, trits += 128)
        for (unsigned j = 0; j < 32; j++)
            p[j] = (uint8_t)((trits[j] + 1) | (trits[j + 32] + 1) << 2 | (trits[j + 64] + 1) << 4 | (trits[j + 96] + 1) << 6);
}

static const tq1_layout *layout_of(const trit_quant_matrix *m) {
    return m->dtype == trit_dtype_ptq1_0 ? &ptq1 : &tq1;
}

static bool tq1_trits(const trit_quant_matrix *m, uint64_t row, int8_t *trits, float *scales) {
    const tq1_layout *l = layout_of(m);
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t b = 0; b < m->n_cols / l->n; b++, p += l->n_bytes) {
        tq1_decode(l, p, trits + b * l->n);
        scales[b] = trit_load_f16(p + l->scale);
    }
    return true;
}

static bool tq2_trits(const trit_quant_matrix *m, uint64_t row, int8_t *trits, float *scales) {
    const uint8_t *p = trit_quant_row(m, row);
    unsigned bad = 0;
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += tq2_bytes) {
        bad |= tq2_decode(p, trits + b * block);
        scales[b] = trit_load_f16(p + tq2_scale);
    }
    return !bad;
}

static void tq1_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const tq1_layout *l = layout_of(m);
    const uint8_t *p = trit_quant_row(m, row);
    int8_t trits[block];
    for (uint64_t b = 0; b < m->n_cols / l->n; b++, p += l->n_bytes) {
        tq1_decode(l, p, trits);
        const float d = trit_load_f16(p + l->scale);
        /* The parts cover the whole block, which the analyzer does not see. NOLINTNEXTLINE(clang-analyzer-core.*) */
        for (unsigned i = 0; i < l->n; i++) dst[b * l->n + i] = d * (float)trits[i];
    }
}

static void tq2_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    int8_t trits[block];
    for (uint64_t b = 0; b < m->n_cols / block; b++, p += tq2_bytes) {
        (void)tq2_decode(p, trits);
        const float d = trit_load_f16(p + tq2_scale);
        for (unsigned i = 0; i < block; i++) dst[b * block + i] = d * (float)trits[i];
    }
}

static void pack_in(const tq1_layout *l, const float *src, uint64_t n_cols, uint8_t *dst) {
    int8_t trits[block];
    for (uint64_t b = 0; b < n_cols / l->n; b++, src += l->n, dst += l->n_bytes) {
        const float d = trit_quant_absmax(src, l->n);
        trit_quant_ternarize(src, l->n, d, trits);
        trit_store_f16(dst + l->scale, d);
        tq1_encode(l, trits, dst);
    }
}

static void tq1_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    pack_in(&tq1, src, n_cols, dst);
}

static void ptq1_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    pack_in(&ptq1, src, n_cols, dst);
}

static void tq2_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    int8_t trits[block];
    for (uint64_t b = 0; b < n_cols / block; b++, dst += tq2_bytes) {
        const float d = trit_quant_absmax(src + b * block, block);
        trit_quant_ternarize(src + b * block, block, d, trits);
        trit_store_f16(dst + tq2_scale, d);
        tq2_encode(trits, dst);
    }
}

const trit_quant_format trit_quant_tq1_0 = {
    .dtype = trit_dtype_tq1_0, .unpack = tq1_unpack, .trits = tq1_trits, .scale_group = block, .pack = tq1_pack};
const trit_quant_format trit_quant_ptq1_0 = {
    .dtype = trit_dtype_ptq1_0, .unpack = tq1_unpack, .trits = tq1_trits, .scale_group = 128, .pack = ptq1_pack};
const trit_quant_format trit_quant_tq2_0 = {
    .dtype = trit_dtype_tq2_0, .unpack = tq2_unpack, .trits = tq2_trits, .scale_group = block, .pack = tq2_pack};
