/* I2_S, the form of the published BitNet models: 2 bits a weight, one scale for the tensor.
 *
 * The tensor is packed flat, row after row, in blocks of 128 elements and 32 bytes:
 *
 *      byte j of a block (j = 0..31):   bits 7:6    5:4       3:2       1:0
 *      code of element                  j           j + 32    j + 64    j + 96        (code = trit + 1; 3 is none)
 *
 *      codes [n / 4] | float scale | 28 bytes of padding (zeros here; other writers leave anything)
 *
 * So a row starts inside a block where n_cols is no multiple of 128 (8640 is not), and everything addresses by flat index.
 * Files of some ARM builds have blocks of 64 elements and 16 bytes with the same drawing, and builds without ACT_PARALLEL four
 * rows at once: byte (r / 4) n_cols + c has column c of rows r (bits 7:6) to r + 3. Nothing in the file tells.
 * Where n is no multiple of a block, n / 4 bytes cut the last block short: the elements in the missing bytes are lost. */
#include <string.h>

#include "quant/formats.h"

enum { tail_bytes = 32 };

/* 0..2 to -1..1, and 3 to 0: code - 1 - 2 where both bits are set. */
static int8_t trit_of(unsigned code) {
    return (int8_t)((int)code - 1 - 2 * (int)(code & code >> 1));
}

/* One whole block. Returns non-zero where a code is 3. */
static unsigned decode_block(const uint8_t *p, unsigned lanes, int8_t *trits) {
    unsigned bad = 0;
    for (unsigned j = 0; j < lanes; j++) {
        unsigned b = p[j];
        trits[j] = trit_of(b >> 6);
        trits[j + lanes] = trit_of(b >> 4 & 3);
        trits[j + 2 * lanes] = trit_of(b >> 2 & 3);
        trits[j + 3 * lanes] = trit_of(b & 3);
        bad |= b & b >> 1 & 0x55;
    }
    return bad;
}

static bool decode_of_four_rows(const trit_quant_matrix *m, uint64_t first, uint64_t n, int8_t *trits) {
    const uint64_t row = first / m->n_cols;
    const uint8_t *p = m->data + row / 4 * m->n_cols + first % m->n_cols;
    const bool whole = m->n_rows % 4 == 0;
    unsigned bad = !whole;
    for (uint64_t k = 0; k < n; k++) {
        const unsigned code = whole ? p[k] >> (6 - 2 * (row % 4)) & 3u : 3;
        bad |= code & code >> 1;
        trits[k] = trit_of(code);
    }
    return !bad;
}

/* trits[0..n) = elements first..first+n of the flat tensor, of one row. False: one of them is code 3 or lost. */
static bool decode(const trit_quant_matrix *m, uint64_t first, uint64_t n, int8_t *trits) {
    if (m->i2_s_block == 4) return decode_of_four_rows(m, first, n, trits);
    const unsigned block = m->i2_s_block == 64 ? 64 : 128, lanes = block / 4;
    const uint64_t n_code_bytes = m->n_rows * m->n_cols / 4;
    bool good = true;
    for (uint64_t k = 0; k < n;) {
        uint64_t i = first + k, base = i / block * lanes;
        unsigned at = (unsigned)(i % block);
        if (at == 0 && n - k >= block && n_code_bytes - base >= lanes) {
            good &= !decode_block(m->data + base, lanes, trits + k);
            k += block;
            continue;
        }
        uint64_t byte = base + at % lanes;
        unsigned code = byte < n_code_bytes ? m->data[byte] >> (6 - 2 * (at / lanes)) & 3u : 3;
        good &= code != 3;
        trits[k++] = trit_of(code);
    }
    return good;
}

static float scale_of(const trit_quant_matrix *m) {
    return trit_load_f32(m->data + m->n_rows * m->n_cols / 4);
}

static bool i2_s_trits(const trit_quant_matrix *m, uint64_t row, int8_t *trits, float *scales) {
    assert(row < m->n_rows);
    scales[0] = scale_of(m);
    return decode(m, row * m->n_cols, m->n_cols, trits);
}

static void i2_s_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    assert(row < m->n_rows);
    const float scale = scale_of(m);
    int8_t trits[128];
    uint64_t first = row * m->n_cols, n;
    for (uint64_t c = 0; c < m->n_cols; c += n) {
        n = 128 - (first + c) % 128; /* up to the next block, from where decode takes whole ones */
        if (n > m->n_cols - c) n = m->n_cols - c;
        (void)decode(m, first + c, n, trits);
        for (uint64_t i = 0; i < n; i++) dst[c + i] = scale * (float)trits[i];
    }
}

bool trit_i2_s_pack(const int8_t *trits, uint64_t n_elements, float scale, uint8_t *dst) {
    if (n_elements % 128) return false;
    for (uint64_t b = 0; b < n_elements / 128; b++) {
        const int8_t *t = trits + 128 * b;
        for (int j = 0; j < 32; j++)
            dst[32 * b + (unsigned)j] =
                (uint8_t)((t[j] + 1) << 6 | (t[j + 32] + 1) << 4 | (t[j + 64] + 1) << 2 | (t[j + 96] + 1));
    }
    uint8_t *tail = dst + n_elements / 4;
    memset(tail, 0, tail_bytes);
    trit_store_f32(tail, scale);
    return true;
}

static bool i2_s_pack_trits(const int8_t *trits, uint64_t n_rows, uint64_t n_cols, float scale, uint8_t *dst) {
    return trit_i2_s_pack(trits, n_rows * n_cols, scale, dst);
}

const trit_quant_format trit_quant_i2_s = {
    .dtype = trit_dtype_i2_s, .unpack = i2_s_unpack, .trits = i2_s_trits, .pack_trits = i2_s_pack_trits, .one_scale = true};
