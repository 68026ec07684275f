/* F32, F16, BF16, F64: values one after another. F64 is only read. */
#include "quant/formats.h"

static void f32_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t c = 0; c < m->n_cols; c++) dst[c] = trit_load_f32(p + 4 * c);
}

static void f16_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t c = 0; c < m->n_cols; c++) dst[c] = trit_load_f16(p + 2 * c);
}

static void bf16_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t c = 0; c < m->n_cols; c++) dst[c] = trit_f32_from_bf16(trit_load_u16(p + 2 * c));
}

/* A double beyond the floats' range becomes an infinity: C leaves that conversion undefined, IEEE does not. */
static float f32_from_f64(double x) {
    if (fabs(x) > 3.4028235677973366e38) return x > 0 ? INFINITY : -INFINITY; /* 2^128 - 2^103: rounds to 2^128 */
    return (float)x;
}

static void f64_unpack(const trit_quant_matrix *m, uint64_t row, float *dst) {
    const uint8_t *p = trit_quant_row(m, row);
    for (uint64_t c = 0; c < m->n_cols; c++) dst[c] = f32_from_f64(trit_load_f64(p + 8 * c));
}

static void f32_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t c = 0; c < n_cols; c++) trit_store_f32(dst + 4 * c, src[c]);
}

static void f16_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t c = 0; c < n_cols; c++) trit_store_f16(dst + 2 * c, src[c]);
}

static void bf16_pack(const float *src, uint64_t n_cols, uint8_t *dst) {
    for (uint64_t c = 0; c < n_cols; c++) trit_store_u16(dst + 2 * c, trit_bf16_from_f32(src[c]));
}

const trit_quant_format trit_quant_f32 = {.dtype = trit_dtype_f32, .unpack = f32_unpack, .pack = f32_pack};
const trit_quant_format trit_quant_f16 = {.dtype = trit_dtype_f16, .unpack = f16_unpack, .pack = f16_pack};
const trit_quant_format trit_quant_bf16 = {.dtype = trit_dtype_bf16, .unpack = bf16_unpack, .pack = bf16_pack};
const trit_quant_format trit_quant_f64 = {.dtype = trit_dtype_f64, .unpack = f64_unpack};
