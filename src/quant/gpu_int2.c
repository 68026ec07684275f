/* GPU_INT2, the weights of Microsoft's CUDA kernels (W2A8): two bits a weight, code = trit + 2, of which 0 is none. The scale is a
 * tensor of its own, which the reader put into the matrix.
 *
 *   Tiles of 16 rows and 32 columns, one band of 16 rows after the other: 128 bytes, 32 words of 32 bits, low byte first.
 *
 *      word 16 h + 8 g + r   (h = 0, 1   g = 0, 1   r = 0..7):   row 8 h + r, columns 16 g to 16 g + 15
 *
 *      byte o % 4 of it, bits 2 (o / 4) and up:   column 16 g + o
 *
 *   so that (word >> 2 i) & 0x03030303 are the codes of four neighbours. */
#include <string.h>

#include "quant/formats.h"
#include "tensor/int2.h"

static bool int2_trits(const trit_quant_matrix *m, uint64_t row, int8_t *trits, float *scales) {
    assert(row < m->n_rows);
    bool good = true;
    scales[0] = m->scale;
    for (uint64_t c = 0; c < m->n_cols; c += 16) {
        const uint8_t *word = m->data + trit_int2_word_at(m->n_cols, row, c);
        for (unsigned o = 0; o < 16; o++) {
            const int code = word[o % 4] >> 2 * (o / 4) & 3;
            good &= code != 0;
            trits[c + o] = (int8_t)(code ? code - 2 : 0);
        }
    }
    return good;
}

static void int2_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    assert(row < m->n_rows);
    const float values[4] = {0, -m->scale, 0, m->scale};
    for (uint64_t c = 0; c < m->n_cols; c += 16) {
        const uint8_t *word = m->data + trit_int2_word_at(m->n_cols, row, c);
        for (unsigned o = 0; o < 16; o++) dst[c + o] = values[word[o % 4] >> 2 * (o / 4) & 3];
    }
}

bool trit_gpu_int2_pack(const int8_t *trits, uint64_t n_rows, uint64_t n_cols, uint8_t *dst) {
    if (n_rows % trit_int2_rows || n_cols % trit_int2_cols) return false;
    memset(dst, 0, (size_t)(n_rows * n_cols / 4));
    for (uint64_t r = 0; r < n_rows; r++)
        for (uint64_t c = 0; c < n_cols; c++) {
            uint8_t *byte = dst + trit_int2_word_at(n_cols, r, c - c % 16) + c % 4;
            *byte = (uint8_t)(*byte | (trits[r * n_cols + c] + 2) << 2 * (c % 16 / 4));
        }
    return true;
}

const trit_quant_format trit_quant_gpu_int2 = {.dtype = trit_dtype_gpu_int2, .unpack = int2_unpack, .trits = int2_trits, .one_scale = true};
