/* Scalar twins of attention over spans of the key-value cache, in its three forms. */
#include <math.h>
#include <string.h>

#include "kernel/kv_query.h"
#include "kernel/ref/exp.h"
#include "kernel/ref/ints.h"
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

static int8_t q8_at(const unsigned char *row, uint32_t j) {
    return (int8_t)row[j];
}

static float q8_scale(const unsigned char *row, uint32_t d) {
    return f32_at(row + (d + 3) / 4 * 4, 0);
}

static float largest_magnitude(const float *x, uint32_t n) {
    float largest = 0.0f;
    for (uint32_t i = 0; i < n; i++)
        if (fabsf(x[i]) > largest) largest = fabsf(x[i]); /* false for NaN */
    return largest;
}

float trit_softmax_exp_scalar(float *x, size_t n, float s) {
    float largest = -INFINITY, lane[16] = {0};
    for (size_t i = 0; i < n; i++)
        if (x[i] * s > largest) largest = x[i] * s; /* false for NaN */
    for (size_t i = 0; i < n; i++) {
        x[i] = trit_exp_f32(x[i] * s - largest);
        lane[i % 16] += x[i];
    }
    return trit_lanes_fold(lane);
}

float trit_kv_query_q8_scalar(int16_t *q, const float *x, uint32_t d) {
    const float limit = trit_kv_query_limit(d), largest = largest_magnitude(x, d), factor = largest > 0.0f ? limit / largest : 0.0f;
    memset(q, 0, trit_kv_query_columns(d) * sizeof *q);
    for (uint32_t j = 0; j < d; j++) q[j] = trit_int16_from_f32(x[j] * factor, limit);
    trit_kv_query_complete(q, d);
    return largest / limit;
}

static float dot(const float *q, const unsigned char *row, uint32_t d, float (*at)(const unsigned char *row, uint32_t j)) {
    float lane[16] = {0};
    for (uint32_t j = 0; j < d; j++) lane[j % 16] += q[j] * at(row, j);
    return trit_lanes_fold(lane);
}

void trit_kv_scores_f32_scalar(const trit_kv_scores *a) {
    for (uint32_t t = 0; t < a->n_queries; t++)
        for (uint32_t i = 0; i < a->keys.n; i++)
            a->score[t * a->score_stride + i] = dot(a->q + t * a->q_stride, row_of(&a->keys, i), a->keys.d, f32_at);
}

void trit_kv_scores_f16_scalar(const trit_kv_scores *a) {
    for (uint32_t t = 0; t < a->n_queries; t++)
        for (uint32_t i = 0; i < a->keys.n; i++)
            a->score[t * a->score_stride + i] = dot(a->q + t * a->q_stride, row_of(&a->keys, i), a->keys.d, f16_at);
}

void trit_kv_scores_q8_scalar(const trit_kv_scores *a) {
    for (uint32_t t = 0; t < a->n_queries; t++)
        for (uint32_t i = 0; i < a->keys.n; i++) {
            const unsigned char *row = row_of(&a->keys, i);
            int32_t acc = 0;
            for (uint32_t j = 0; j < a->keys.d; j++) acc += a->q8[t * a->q_stride + j] * q8_at(row, j);
            a->score[t * a->score_stride + i] = ((float)acc * q8_scale(row, a->keys.d)) * a->q8_scale[t];
        }
}

static void mix(const trit_kv_mix *a, float (*at)(const unsigned char *row, uint32_t j)) {
    for (uint32_t t = 0; t < a->n_queries; t++)
        for (uint32_t i = 0; i < a->values.n; i++)
            for (uint32_t j = 0; j < a->values.d; j++) a->y[t * a->y_stride + j] += a->p[t * a->p_stride + i] * at(row_of(&a->values, i), j);
}

void trit_kv_mix_f32_scalar(const trit_kv_mix *a) {
    mix(a, f32_at);
}

void trit_kv_mix_f16_scalar(const trit_kv_mix *a) {
    mix(a, f16_at);
}

void trit_kv_mix_q8_scalar(const trit_kv_mix *a) {
    const uint32_t n = a->values.n, d = a->values.d;
    for (uint32_t t = 0; t < a->n_queries; t++) {
        float w[trit_kv_max_positions];
        for (uint32_t i = 0; i < n; i++) w[i] = a->p[t * a->p_stride + i] * q8_scale(row_of(&a->values, i), d);
        const float largest = largest_magnitude(w, n), factor = largest > 0.0f ? 32767.0f / largest : 0.0f;
        for (uint32_t j = 0; j < d; j++) {
            int32_t acc = 0;
            for (uint32_t i = 0; i < n; i++) acc += trit_int16_from_f32(w[i] * factor, 32767.0f) * q8_at(row_of(&a->values, i), j);
            a->y[t * a->y_stride + j] += (float)acc * (largest / 32767.0f);
        }
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
    float largest = largest_magnitude(x, d), s = largest > 0.0f ? 127.0f / largest : 0.0f, scale = largest / 127.0f;
    int8_t *q = row;
    memset(q, 0, (d + 3) / 4 * 4);
    for (uint32_t j = 0; j < d; j++) q[j] = trit_int8_from_f32(x[j] * s);
    memcpy(q + (d + 3) / 4 * 4, &scale, sizeof scale);
}

void trit_attend_softmax_scalar(const trit_attend *a) {
    for (uint32_t c = 0; c < a->n; c++) {
        float m = a->most[c];
        for (uint32_t i = 0; i < a->n_keys; i++)
            if (a->s[i * a->stride + c] > m) m = a->s[i * a->stride + c]; /* false for NaN */
        const float off = m == -INFINITY ? 0.0f : m;
        a->by[c] = trit_exp_f32(a->most[c] - off);
        a->most[c] = m;
        a->sum[c] *= a->by[c];
        for (uint32_t i = 0; i < a->n_keys; i++) {
            float *p = &a->s[i * a->stride + c];
            *p = trit_exp_f32(*p - off);
            a->sum[c] += *p;
        }
    }
}

void trit_attend_grad_scalar(const trit_attend *a) {
    for (uint32_t i = 0; i < a->n_keys; i++)
        for (uint32_t c = 0; c < a->n; c++) {
            float *p = &a->s[i * a->stride + c], *d = &a->ds[i * a->stride + c];
            *p = trit_exp_f32(*p - a->log_sum[c]);
            *d = (*p * (*d - a->delta[c])) * a->factor;
        }
}
