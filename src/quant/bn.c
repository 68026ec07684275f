/* IQ1_BN, IQ2_BN and IQ2_BN_R4, ik_llama.cpp's ternary types: one scale a row, in front of blocks of 64 elements.
 *
 * IQ2_BN, float scale, then 16 bytes a block:
 *
 *      byte j (j = 0..15):   bits 7:6    5:4       3:2       1:0
 *      code of element       j + 48      j + 32    j + 16    j           (code = trit + 1; 3 is none)
 *
 * IQ2_BN_R4, four rows at once: their four float scales, then 64 bytes for each 64 columns. No conversion writes it.
 *
 *      byte 16 l + 4 k + i (k = row 0..3, i, l = 0..3):   bits 7:6    5:4       3:2       1:0
 *      code of element 16 l + i +                         12          8         4         0
 *
 * IQ1_BN, half scale, then 13 bytes a block: four groups of 16 elements, of which three bytes hold five codes each and the last
 * byte of the block the sixteenth of each group, first element = lowest power of 3.
 *
 *      byte 3 g + k    elements 16 g + 5 k + 0..4     (g = 0..3, k = 0..2)
 *      byte 12         elements 16 g + 15
 *
 *      A byte is ceil(v * 256 / 243) of the number v that the codes make, as in TQ1_0 (see tq.c) with the order reversed: the
 *      power of 3 that brings a code to the top falls from element to element. All 256 bytes decode to codes 0..2. */
#include <string.h>

#include "quant/formats.h"

enum { block = 64, iq1_bytes = 13, iq1_head = 2, iq2_bytes = 16, iq2_head = 4 };

static int8_t iq1_trit(uint8_t byte, int i) {
    static const uint8_t pow3[5] = {81, 27, 9, 3, 1};
    const unsigned fraction = (uint8_t)(byte * pow3[i]);
    return (int8_t)((int)(fraction * 3 >> 8) - 1);
}

static void iq1_decode(const uint8_t *p, int8_t *trits) {
    for (int g = 0; g < 4; g++) {
        for (int i = 0; i < 15; i++) trits[16 * g + i] = iq1_trit(p[3 * g + i / 5], i % 5);
        trits[16 * g + 15] = iq1_trit(p[12], g);
    }
}

/* ceil of the number that n trits `step` apart make, in 256 / 243. */
static uint8_t iq1_byte(const int8_t *trits, int n, int step) {
    unsigned v = 0;
    for (int i = n - 1; i >= 0; i--) v = 3 * v + (unsigned)(trits[step * i] + 1);
    return (uint8_t)((v * 256 + 242) / 243);
}

static void iq1_encode(const int8_t *trits, uint8_t *p) {
    for (int g = 0; g < 4; g++)
        for (int k = 0; k < 3; k++) p[3 * g + k] = iq1_byte(trits + 16 * g + 5 * k, 5, 1);
    p[12] = iq1_byte(trits + 15, 4, 16);
}

/* The codes of one shift in n bytes; non-zero where one is 3, which reads as 0. */
static unsigned decode_codes(const uint8_t *p, int n, int shift, int8_t *trits) {
    unsigned bad = 0;
    for (int j = 0; j < n; j++) {
        const unsigned code = p[j] >> shift & 3u, none = code & code >> 1;
        bad |= none;
        trits[j] = (int8_t)((int)code - 1 - 2 * (int)none);
    }
    return bad;
}

/* Block b of a row. */
static unsigned decode(const trit_quant_matrix *m, uint64_t row, uint64_t b, int8_t *trits) {
    unsigned bad = 0;
    if (m->dtype == trit_dtype_iq1_bn) {
        iq1_decode(trit_quant_row(m, row) + iq1_head + b * iq1_bytes, trits);
    } else if (m->dtype == trit_dtype_iq2_bn) {
        const uint8_t *p = trit_quant_row(m, row) + iq2_head + b * iq2_bytes;
        for (int t = 0; t < 4; t++) bad |= decode_codes(p, 16, 2 * t, trits + 16 * t);
    } else {
        const uint8_t *p = trit_quant_row(m, row & ~3ull) + 4 * iq2_head + 4 * b * iq2_bytes + 4 * (row & 3);
        for (int l = 0; l < 4; l++)
            for (int t = 0; t < 4; t++) bad |= decode_codes(p + 16 * l, 4, 2 * t, trits + 16 * l + 4 * t);
    }
    return bad;
}

static float scale_of(const trit_quant_matrix *m, uint64_t row) {
    if (m->dtype == trit_dtype_iq1_bn) return trit_load_f16(trit_quant_row(m, row));
    if (m->dtype == trit_dtype_iq2_bn) return trit_load_f32(trit_quant_row(m, row));
    return trit_load_f32(trit_quant_row(m, row & ~3ull) + iq2_head * (row & 3));
}

static bool bn_trits(const trit_quant_matrix *m, uint64_t row, int8_t *trits, float *scales) {
    unsigned bad = 0;
    scales[0] = scale_of(m, row);
    for (uint64_t b = 0; b < m->n_cols / block; b++) bad |= decode(m, row, b, trits + b * block);
    return !bad;
}

static void bn_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const float scale = scale_of(m, row);
    int8_t trits[block];
    for (uint64_t b = 0; b < m->n_cols / block; b++) {
        (void)decode(m, row, b, trits);
        for (unsigned i = 0; i < block; i++) dst[b * block + i] = scale * (float)trits[i];
    }
}

static void iq1_bn_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    const float scale = trit_quant_absmax(src, n_cols);
    int8_t trits[block];
    trit_store_f16(dst, scale);
    dst += iq1_head;
    for (uint64_t b = 0; b < n_cols / block; b++, dst += iq1_bytes) {
        trit_quant_ternarize(src + b * block, block, scale, trits);
        iq1_encode(trits, dst);
    }
}

static void iq2_bn_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    const float scale = trit_quant_absmax(src, n_cols);
    int8_t t[block];
    trit_store_f32(dst, scale);
    dst += iq2_head;
    for (uint64_t b = 0; b < n_cols / block; b++, dst += iq2_bytes) {
        trit_quant_ternarize(src + b * block, block, scale, t);
        for (int j = 0; j < iq2_bytes; j++)
            dst[j] = (uint8_t)((t[j] + 1) | (t[j + 16] + 1) << 2 | (t[j + 32] + 1) << 4 | (t[j + 48] + 1) << 6);
    }
}

bool trit_iq2_bn_r4_pack(const int8_t *trits, const float *scales, uint64_t n_rows, uint64_t n_cols, uint8_t *dst) {
    uint64_t n_bytes;
    if (!trit_dtype_n_bytes(trit_dtype_iq2_bn_r4, n_rows, n_cols, &n_bytes)) return false;
    memset(dst, 0, (size_t)n_bytes);
    for (uint64_t r = 0; r < n_rows; r++) {
        uint8_t *four = dst + r / 4 * 4 * (iq2_head + n_cols / 4), *codes = four + 4 * iq2_head + 4 * (r % 4);
        trit_store_f32(four + iq2_head * (r % 4), scales[r]);
        for (uint64_t c = 0; c < n_cols; c++) {
            uint8_t *p = codes + c / 16 * 16 + c % 4;
            *p = (uint8_t)(*p | (trits[r * n_cols + c] + 1) << c % 16 / 4 * 2);
        }
    }
    return true;
}

const trit_quant_format trit_quant_iq1_bn = {.dtype = trit_dtype_iq1_bn, .unpack = bn_unpack, .trits = bn_trits, .pack = iq1_bn_pack};
const trit_quant_format trit_quant_iq2_bn = {.dtype = trit_dtype_iq2_bn, .unpack = bn_unpack, .trits = bn_trits, .pack = iq2_bn_pack};
const trit_quant_format trit_quant_iq2_bn_r4 = {.dtype = trit_dtype_iq2_bn_r4, .unpack = bn_unpack, .trits = bn_trits};
