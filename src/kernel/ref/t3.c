/* Scalar twin of the product with base-3 weights, in the order of kernel.h. */
#include "kernel/variants.h"
#include "quant/layout.h"

/* The trit of a row of a tile, see quant/layout.h. */
static int32_t trit_at(const uint8_t *tile, uint32_t row, uint32_t k) {
    static const uint8_t pow3[trit_t3_planes] = {1, 3, 9, 27, 81};
    const uint32_t plane = k / trit_a8_sum_block, input = k % trit_a8_sum_block;
    const uint8_t *block = tile + (size_t)(plane / trit_t3_planes) * trit_t3_block_bytes;
    const uint8_t f = (uint8_t)(block[input / 4 * trit_chunk_bytes + 4 * row + input % 4] * pow3[plane % trit_t3_planes]);
    return (f * 3 >> 8) - 1;
}

static float row_dot(const trit_t2_mul *a, uint32_t row, const int8_t *q) {
    const uint8_t *tile = a->w + row / trit_tile_rows * a->w_stride;
    const uint32_t group = a->group ? a->group : a->k, n_groups = a->group ? (a->k + group - 1) / group : 1;
    const float *scale = a->w_scale + (size_t)(row / trit_tile_rows) * n_groups * trit_tile_rows + row % trit_tile_rows;
    float total = a->group ? 0.0f : -0.0f; /* to which the first product adds nothing but itself */
    for (uint32_t g = 0; g < n_groups; g++) {
        int32_t sum = 0;
        for (uint32_t k = g * group; k < a->k && k < (g + 1) * group; k++) sum += trit_at(tile, row % trit_tile_rows, k) * q[k];
        total += (float)sum * scale[g * trit_tile_rows];
    }
    return total;
}

void trit_t3_mul_scalar(const trit_t2_mul *a, uint32_t row0, uint32_t row1) {
    for (uint32_t t = 0; t < a->n_tokens; t++) {
        const int8_t *q = a->x + t * a->x_stride;
        const float x_scale = *trit_a8_scale(q, a->k);
        for (uint32_t r = row0; r < row1; r++) a->y[t * a->y_stride + r] = row_dot(a, r, q) * x_scale;
    }
}
