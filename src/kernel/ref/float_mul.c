/* Scalar twins of the float products: one 16-lane sum per output. */
#include "kernel/ref/lanes.h"
#include "kernel/variants.h"
#include "tensor/half.h"

void trit_f32_mul_scalar(const trit_float_mul *a, uint32_t row0, uint32_t row1) {
    for (uint32_t t = 0; t < a->n_tokens; t++) {
        const float *x = a->x + t * a->x_stride;
        for (uint32_t r = row0; r < row1; r++) {
            const unsigned char *w = (const unsigned char *)a->w + r * a->w_stride;
            float lane[16] = {0};
            for (uint32_t k = 0; k < a->k; k++) {
                float v;
                memcpy(&v, w + k * sizeof v, sizeof v);
                lane[k % 16] += v * x[k];
            }
            a->y[t * a->y_stride + r] = trit_lanes_fold(lane);
        }
    }
}

void trit_f16_mul_scalar(const trit_float_mul *a, uint32_t row0, uint32_t row1) {
    for (uint32_t t = 0; t < a->n_tokens; t++) {
        const float *x = a->x + t * a->x_stride;
        for (uint32_t r = row0; r < row1; r++) {
            const unsigned char *w = (const unsigned char *)a->w + r * a->w_stride;
            float lane[16] = {0};
            for (uint32_t k = 0; k < a->k; k++) {
                uint16_t v;
                memcpy(&v, w + k * sizeof v, sizeof v);
                lane[k % 16] += trit_f32_from_f16(v) * x[k];
            }
            a->y[t * a->y_stride + r] = trit_lanes_fold(lane);
        }
    }
}

void trit_bf16_mul_scalar(const trit_float_mul *a, uint32_t row0, uint32_t row1) {
    for (uint32_t t = 0; t < a->n_tokens; t++) {
        const float *x = a->x + t * a->x_stride;
        for (uint32_t r = row0; r < row1; r++) {
            const unsigned char *w = (const unsigned char *)a->w + r * a->w_stride;
            float lane[16] = {0};
            for (uint32_t k = 0; k < a->k; k++) {
                uint16_t v;
                memcpy(&v, w + k * sizeof v, sizeof v);
                lane[k % 16] += trit_f32_from_bf16(v) * x[k];
            }
            a->y[t * a->y_stride + r] = trit_lanes_fold(lane);
        }
    }
}
