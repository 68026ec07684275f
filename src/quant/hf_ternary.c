/* HF_TERNARY, the packed form of Hugging Face releases: a U8 tensor [R, n_cols] with R = ceil(n_rows / 4), whose bytes hold the
 * same column of four rows that are R apart. The scale is a tensor of its own, which the reader put into the matrix.
 *
 *      packed[r][c]:          bits 1:0    3:2         5:4          7:6
 *      code of W's row        r           r + R       r + 2R       r + 3R       (code = trit + 1; 3 is none) */
#include <string.h>

#include "quant/formats.h"

static uint64_t n_packed_rows(uint64_t n_rows) {
    return n_rows / 4 + (n_rows % 4 != 0);
}

static bool hf_ternary_trits(const trit_quant_matrix *m, uint64_t row, int8_t *trits, float *scales) {
    assert(row < m->n_rows);
    const uint64_t n_packed = n_packed_rows(m->n_rows);
    const uint8_t *p = m->data + row % n_packed * m->n_cols;
    const unsigned shift = 2 * (unsigned)(row / n_packed);
    unsigned bad = 0;
    for (uint64_t c = 0; c < m->n_cols; c++) {
        unsigned code = p[c] >> shift & 3u;
        bad |= code & code >> 1;
        trits[c] = (int8_t)((int)code - 1);
    }
    scales[0] = m->scale;
    return !bad;
}

static void hf_ternary_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    assert(row < m->n_rows);
    const uint64_t n_packed = n_packed_rows(m->n_rows);
    const uint8_t *p = m->data + row % n_packed * m->n_cols;
    const unsigned shift = 2 * (unsigned)(row / n_packed);
    const float values[4] = {-m->scale, 0, m->scale, 0};
    for (uint64_t c = 0; c < m->n_cols; c++) dst[c] = values[p[c] >> shift & 3];
}

void trit_hf_ternary_pack(const int8_t *trits, uint64_t n_rows, uint64_t n_cols, uint8_t *dst) {
    const uint64_t n_packed = n_packed_rows(n_rows);
    memset(dst, 0, (size_t)(n_packed * n_cols)); /* rows that are not there leave code 0, as the reference packer does */
    for (uint64_t row = 0; row < n_rows; row++) {
        uint8_t *p = dst + row % n_packed * n_cols;
        for (uint64_t c = 0; c < n_cols; c++)
            p[c] = (uint8_t)(p[c] | (trits[row * n_cols + c] + 1) << 2 * (row / n_packed));
    }
}

static bool hf_ternary_pack_trits(const int8_t *trits, uint64_t n_rows, uint64_t n_cols, float scale, uint8_t *dst) {
    (void)scale;
    trit_hf_ternary_pack(trits, n_rows, n_cols, dst);
    return true;
}

const trit_quant_format trit_quant_hf_ternary = {
    .dtype = trit_dtype_hf_ternary, .unpack = hf_ternary_unpack, .trits = hf_ternary_trits, .pack_trits = hf_ternary_pack_trits, .one_scale = true};
