/* Scalar twins of the ternary products, in the order of kernel.h. */
#include "kernel/ref/lanes.h"
#include "kernel/variants.h"
#include "quant/layout.h"

/* The trit of a row of a tile, see quant/layout.h. */
static int32_t trit_at(const uint8_t *tile, uint32_t row, uint32_t k) {
    uint8_t byte = tile[(size_t)(k / trit_t2_chunk) * trit_chunk_bytes + 4 * row + k % 4];
    return (byte >> 2 * (k % trit_t2_chunk / 4) & 3) - 1;
}

/* Scales of a row: 16 floats apart. */
static const float *scales_of(const float *w_scale, uint32_t row, uint32_t n_groups) {
    return w_scale + (size_t)(row / trit_tile_rows) * n_groups * trit_tile_rows + row % trit_tile_rows;
}

static float row_dot(const trit_t2_mul *a, uint32_t row, const int8_t *q) {
    const uint8_t *tile = a->w + row / trit_tile_rows * a->w_stride;
    const uint32_t group = a->group ? a->group : a->k, n_groups = a->group ? (a->k + group - 1) / group : 1;
    const float *scale = scales_of(a->w_scale, row, n_groups);
    float total = a->group ? 0.0f : -0.0f; /* to which the first product adds nothing but itself */
    for (uint32_t g = 0; g < n_groups; g++) {
        int32_t sum = 0;
        for (uint32_t k = g * group; k < a->k && k < (g + 1) * group; k++) sum += trit_at(tile, row % trit_tile_rows, k) * q[k];
        total += (float)sum * scale[g * trit_tile_rows];
    }
    return total;
}

void trit_t2_mul_scalar(const trit_t2_mul *a, uint32_t row0, uint32_t row1) {
    for (uint32_t t = 0; t < a->n_tokens; t++) {
        const int8_t *q = a->x + t * a->x_stride;
        float x_scale = *trit_a8_scale(q, a->k);
        for (uint32_t r = row0; r < row1; r++) a->y[t * a->y_stride + r] = row_dot(a, r, q) * x_scale;
    }
}

static float float_row_dot(const trit_t2_float_mul *a, uint32_t row, const float *x) {
    const uint8_t *tile = a->w + row / trit_tile_rows * a->w_stride;
    const uint32_t n_groups = a->group ? (a->k + a->group - 1) / a->group : 1;
    const float *scale = scales_of(a->w_scale, row, n_groups);
    float lane[16] = {0};
    for (uint32_t k = 0; k < a->k; k++) {
        float trit = (float)trit_at(tile, row % trit_tile_rows, k);
        lane[k % 16] += (trit * scale[(a->group ? k / a->group : 0) * trit_tile_rows]) * x[k];
    }
    return trit_lanes_fold(lane);
}

void trit_t2_float_mul_scalar(const trit_t2_float_mul *a, uint32_t row0, uint32_t row1) {
    for (uint32_t t = 0; t < a->n_tokens; t++)
        for (uint32_t r = row0; r < row1; r++) a->y[t * a->y_stride + r] = float_row_dot(a, r, a->x + t * a->x_stride);
}
