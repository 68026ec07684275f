/* Scalar twins of attention over spans of the key-value cache, in its three forms. */
#include <math.h>
#include <string.h>

#include "kernel/ref/exp.h"
#include "kernel/ref/int8.h"
#include "kernel/ref/lanes.h"
#include "kernel/variants.h"
#include "tensor/half.h"

static const unsigned char *row_of(const trit_kv_span *s, uint32_t i) {
    return (const unsigned char *)s->rows + i * s->stride;
}

/* Element j of a row; rows are aligned to their elements, and memcpy asks for no more. */
static float f32_at(const unsigned char *row, uint32_t j) {
    float v;
    memcpy(&v, row + j * sizeof v, sizeof v);
    return v;
}

static float f16_at(const unsigned char *row, uint32_t j) {
    uint16_t v;
    memcpy(&v, row + j * sizeof v, sizeof v);
    return trit_f32_from_f16(v);
}

static float q8_at(const unsigned char *row, uint32_t j) {
    return (float)(int8_t)row[j];
}

static float q8_scale(const unsigned char *row, uint32_t d) {
    return f32_at(row + (d + 3) / 4 * 4, 0);
}

void trit_kv_scores_f32_scalar(float *score, const float *q, const trit_kv_span *keys, float s) {
    for (uint32_t i = 0; i < keys->n; i++) {
        float lane[16] = {0};
        for (uint32_t j = 0; j < keys->d; j++) lane[j % 16] += q[j] * f32_at(row_of(keys, i), j);
        score[i] = trit_lanes_fold(lane) * s;
    }
}

void trit_kv_scores_f16_scalar(float *score, const float *q, const trit_kv_span *keys, float s) {
    for (uint32_t i = 0; i < keys->n; i++) {
        float lane[16] = {0};
        for (uint32_t j = 0; j < keys->d; j++) lane[j % 16] += q[j] * f16_at(row_of(keys, i), j);
        score[i] = trit_lanes_fold(lane) * s;
    }
}

void trit_kv_scores_q8_scalar(float *score, const float *q, const trit_kv_span *keys, float s) {
    for (uint32_t i = 0; i < keys->n; i++) {
        const unsigned char *row = row_of(keys, i);
        float lane[16] = {0};
        for (uint32_t j = 0; j < keys->d; j++) lane[j % 16] += q[j] * q8_at(row, j);
        score[i] = (trit_lanes_fold(lane) * q8_scale(row, keys->d)) * s;
    }
}

float trit_softmax_exp_scalar(float *x, size_t n) {
    float largest = -INFINITY, lane[16] = {0};
    for (size_t i = 0; i < n; i++)
        if (x[i] > largest) largest = x[i]; /* false for NaN */
    for (size_t i = 0; i < n; i++) {
        x[i] = trit_exp_f32(x[i] - largest);
        lane[i % 16] += x[i];
    }
    return trit_lanes_fold(lane);
}

void trit_kv_mix_f32_scalar(float *y, const float *p, const trit_kv_span *values) {
    for (uint32_t i = 0; i < values->n; i++)
        for (uint32_t j = 0; j < values->d; j++) y[j] += p[i] * f32_at(row_of(values, i), j);
}

void trit_kv_mix_f16_scalar(float *y, const float *p, const trit_kv_span *values) {
    for (uint32_t i = 0; i < values->n; i++)
        for (uint32_t j = 0; j < values->d; j++) y[j] += p[i] * f16_at(row_of(values, i), j);
}

void trit_kv_mix_q8_scalar(float *y, const float *p, const trit_kv_span *values) {
    for (uint32_t i = 0; i < values->n; i++) {
        const unsigned char *row = row_of(values, i);
        float scale = q8_scale(row, values->d);
        for (uint32_t j = 0; j < values->d; j++) y[j] += p[i] * (q8_at(row, j) * scale);
    }
}

void trit_kv_store_f32_scalar(void *row, const float *x, uint32_t d) {
    memcpy(row, x, d * sizeof *x);
}

void trit_kv_store_f16_scalar(void *row, const float *x, uint32_t d) {
    uint16_t *h = row;
    for (uint32_t j = 0; j < d; j++) h[j] = trit_f16_from_f32(x[j]);
}

void trit_kv_store_q8_scalar(void *row, const float *x, uint32_t d) {
    float largest = 0.0f;
    for (uint32_t j = 0; j < d; j++)
        if (fabsf(x[j]) > largest) largest = fabsf(x[j]); /* false for NaN */
    float s = largest > 0.0f ? 127.0f / largest : 0.0f, scale = largest / 127.0f;
    int8_t *q = row;
    memset(q, 0, (d + 3) / 4 * 4);
    for (uint32_t j = 0; j < d; j++) q[j] = trit_int8_from_f32(x[j] * s);
    memcpy(q + (d + 3) / 4 * 4, &scale, sizeof scale);
}
