/* Scalar twin of c6_mul. */
#include "kernel/variants.h"
#include "quant/layout.h"

/* The code of a row of a tile, see quant/layout.h. */
static int32_t code_at(const uint8_t *tile, uint32_t row, uint32_t k) {
    const uint32_t vector = k % trit_c6_run / 4, byte = 4 * row + k % 4;
    const uint8_t *group = tile + k / (trit_c6_groups * trit_c6_group) * trit_c6_block_bytes + trit_c6_group_at(k / trit_c6_group % trit_c6_groups);
    const uint8_t *run = group + k % trit_c6_group / trit_c6_run * trit_c6_run_bytes;
    const unsigned low = run[vector / 2 * trit_chunk_bytes + byte] >> 4 * (vector % 2) & 15, high = run[2 * trit_chunk_bytes + byte] >> 2 * vector & 3;
    return (int32_t)(low | high << 4);
}

static float row_dot(const trit_c6_mul *a, uint32_t row, const int8_t *q) {
    const uint8_t *tile = a->w + row / trit_tile_rows * a->w_stride;
    float total = 0;
    for (uint32_t first = 0; first < a->k; first += trit_c6_group) {
        const uint8_t *block = tile + first / (trit_c6_groups * trit_c6_group) * trit_c6_block_bytes;
        const uint32_t group = first / trit_c6_group % trit_c6_groups;
        int32_t sum = 0;
        for (uint32_t k = first; k < a->k && k < first + trit_c6_group; k++) sum += (code_at(tile, row % trit_tile_rows, k) - trit_c6_zero) * q[k];
        total += (float)sum * (float)block[group * trit_tile_rows + row % trit_tile_rows];
    }
    return total;
}

void trit_c6_mul_scalar(const trit_c6_mul *a, uint32_t row0, uint32_t row1) {
    for (uint32_t t = 0; t < a->n_tokens; t++) {
        const int8_t *q = a->x + t * a->x_stride;
        const float x_scale = *trit_a8_scale(q, a->k);
        for (uint32_t r = row0; r < row1; r++) a->y[t * a->y_stride + r] = row_dot(a, r, q) * a->w_scale[r] * x_scale;
    }
}
