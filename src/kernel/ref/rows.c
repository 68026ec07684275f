/* Scalar twins of what happens to one row of activations: quantization, norm, element-wise work, rotation. */
#include <math.h>
#include <string.h>

#include "kernel/ref/exp.h"
#include "kernel/ref/ints.h"
#include "kernel/ref/lanes.h"
#include "kernel/variants.h"
#include "quant/layout.h"

void trit_a8_quantize_scalar(int8_t *row, const float *x, uint32_t k) {
    float largest = 1e-5f;
    for (uint32_t i = 0; i < k; i++)
        if (fabsf(x[i]) > largest) largest = fabsf(x[i]); /* false for NaN */
    float s = 127.0f / largest, scale = largest / 127.0f;
    memset(row, 0, trit_a8_row_bytes(k));
    for (uint32_t i = 0; i < k; i++) row[i] = trit_int8_from_f32(x[i] * s);

    size_t k256 = trit_k256(k);
    int32_t *sums = (int32_t *)(void *)(row + k256);
    for (size_t b = 0; b < k256 / trit_a8_sum_block; b++)
        for (size_t j = 0; j < trit_a8_sum_block; j++) sums[b] += row[b * trit_a8_sum_block + j];
    memcpy(sums + k256 / trit_a8_sum_block, &scale, sizeof scale);
}

void trit_rms_norm_scalar(float *y, const float *x, const float *w, uint32_t n, float eps) {
    float lane[16] = {0};
    for (uint32_t i = 0; i < n; i++) lane[i % 16] += x[i] * x[i];
    float r = 1.0f / sqrtf(trit_lanes_fold(lane) / (float)n + eps);
    for (uint32_t i = 0; i < n; i++) y[i] = w ? (x[i] * r) * w[i] : x[i] * r;
}

void trit_add_scalar(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

void trit_mul_scalar(float *y, const float *a, const float *b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] * b[i];
}

void trit_scale_scalar(float *y, const float *a, float s, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] * s;
}

void trit_silu_mul_scalar(float *y, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = (g[i] / (1.0f + trit_exp_f32(-g[i]))) * u[i];
}

void trit_relu2_mul_scalar(float *y, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float v = g[i] < 0.0f ? 0.0f : g[i]; /* NaN stays */
        y[i] = (v * v) * u[i];
    }
}

void trit_gelu_mul_scalar(float *y, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float v = g[i], z = trit_gelu_inner * (v + trit_gelu_cubic * ((v * v) * v));
        float tanh = 1.0f - 2.0f / (trit_exp_f32(2.0f * z) + 1.0f);
        y[i] = ((0.5f * v) * (1.0f + tanh)) * u[i];
    }
}

void trit_rope_neox_scalar(float *x, const float *cos, const float *sin, uint32_t d) {
    uint32_t half = d / 2;
    for (uint32_t i = 0; i < half; i++) {
        float a = x[i], b = x[i + half];
        x[i] = a * cos[i] - b * sin[i];
        x[i + half] = b * cos[i] + a * sin[i];
    }
}

void trit_rope_norm_scalar(float *x, const float *cos, const float *sin, uint32_t d) {
    for (uint32_t i = 0; i < d / 2; i++) {
        float a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * cos[i] - b * sin[i];
        x[2 * i + 1] = b * cos[i] + a * sin[i];
    }
}

void trit_norm_grad_scalar(float *dx, float *dw, const float *dy, const float *x, const float *w, uint32_t n, float eps) {
    float squares[16] = {0}, products[16] = {0};
    for (uint32_t i = 0; i < n; i++) {
        squares[i % 16] += x[i] * x[i];
        products[i % 16] += (dy[i] * w[i]) * x[i];
    }
    const float r = 1.0f / sqrtf(trit_lanes_fold(squares) / (float)n + eps), c = ((trit_lanes_fold(products) * r) * r) / (float)n;
    for (uint32_t i = 0; i < n; i++) {
        dw[i] += dy[i] * (x[i] * r);
        dx[i] = ((dy[i] * w[i]) - (x[i] * c)) * r;
    }
}

void trit_silu_grad_scalar(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float s = 1.0f / (1.0f + trit_exp_f32(-g[i])), slope = s * (1.0f + g[i] * (1.0f - s)), of_gate = (dy[i] * u[i]) * slope;
        du[i] = dy[i] * (g[i] * s);
        dg[i] = of_gate;
    }
}

void trit_relu2_grad_scalar(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float v = g[i] < 0.0f ? 0.0f : g[i], of_gate = (dy[i] * u[i]) * (v + v);
        du[i] = dy[i] * (v * v);
        dg[i] = of_gate;
    }
}

void trit_gelu_grad_scalar(float *dg, float *du, const float *dy, const float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float x = g[i], z = trit_gelu_slope * (x + trit_gelu_cubic * ((x * x) * x)), s = 1.0f / (1.0f + trit_exp_f32(-z)), v = x * s;
        const float slope = s + (v * (1.0f - s)) * (trit_gelu_slope * (1.0f + trit_gelu_square * (x * x))), of_gate = (dy[i] * u[i]) * slope;
        du[i] = dy[i] * v;
        dg[i] = of_gate;
    }
}

void trit_a8_round_scalar(float *y, const float *x, size_t n, float lambda) {
    float largest = 1e-5f;
    for (size_t i = 0; i < n; i++)
        if (fabsf(x[i]) > largest) largest = fabsf(x[i]); /* false for NaN */
    const float s = 127.0f / largest, scale = largest / 127.0f;
    for (size_t i = 0; i < n; i++) {
        const float v = ((x[i] * s + trit_whole_shift) - trit_whole_shift) * scale;
        y[i] = lambda == 1.0f ? v : x[i] + lambda * (v - x[i]);
    }
}
