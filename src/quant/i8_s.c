/* I8_S, bitnet.cpp's eight-bit companion of I2_S (VibeVoice-ASR): n int8, then one float scale for the tensor and 28 bytes of
 * padding. Not ternary; only read. */
#include "quant/formats.h"

static void i8_s_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    assert(row < m->n_rows);
    const float scale = trit_load_f32(m->data + m->n_rows * m->n_cols);
    const int8_t *q = (const int8_t *)m->data + row * m->n_cols;
    for (uint64_t c = 0; c < m->n_cols; c++) dst[c] = scale * (float)q[c];
}

const trit_quant_format trit_quant_i8_s = {.dtype = trit_dtype_i8_s, .unpack = i8_s_unpack};
