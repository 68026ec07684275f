/* Scalar twin of q8_mul. */
#include "kernel/variants.h"
#include "quant/layout.h"

static int32_t row_dot(const trit_q8_mul *a, uint32_t row, const int8_t *q) {
    const int8_t *tile = a->w + row / trit_tile_rows * a->w_stride;
    int32_t sum = 0;
    for (uint32_t k = 0; k < a->k; k++) sum += tile[k / trit_q8_chunk * trit_chunk_bytes + 4 * (row % trit_tile_rows) + k % 4] * q[k];
    return sum;
}

void trit_q8_mul_scalar(const trit_q8_mul *a, uint32_t row0, uint32_t row1) {
    for (uint32_t t = 0; t < a->n_tokens; t++) {
        const int8_t *q = a->x + t * a->x_stride;
        float x_scale = *trit_a8_scale(q, a->k);
        for (uint32_t r = row0; r < row1; r++) a->y[t * a->y_stride + r] = ((float)row_dot(a, r, q) * a->w_scale[r]) * x_scale;
    }
}
