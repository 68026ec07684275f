/* Elements one by one, as doubles. */
#include <string.h>

#include "tensor/tensor.h"

static int64_t get_integer(trit_dtype dtype, const void *p) {
    switch (dtype) {
    case trit_dtype_i8: return *(const int8_t *)p;
    case trit_dtype_i16: return *(const int16_t *)p;
    case trit_dtype_i32: return *(const int32_t *)p;
    case trit_dtype_i64: return *(const int64_t *)p;
    case trit_dtype_bool: return *(const uint8_t *)p != 0;
    default: return *(const uint8_t *)p;
    }
}

double trit_element_get(trit_dtype dtype, const void *p) {
    switch (dtype) {
    case trit_dtype_f64: return *(const double *)p;
    case trit_dtype_f32: return *(const float *)p;
    case trit_dtype_f16: return trit_f32_from_f16(*(const uint16_t *)p);
    case trit_dtype_bf16: return trit_f32_from_bf16(*(const uint16_t *)p);
    default: return (double)get_integer(dtype, p);
    }
}

static void set_integer(trit_dtype dtype, void *p, int64_t v) {
    switch (dtype) {
    case trit_dtype_i8: *(int8_t *)p = (int8_t)v; break;
    case trit_dtype_i16: *(int16_t *)p = (int16_t)v; break;
    case trit_dtype_i32: *(int32_t *)p = (int32_t)v; break;
    case trit_dtype_i64: *(int64_t *)p = v; break;
    case trit_dtype_bool: *(uint8_t *)p = v != 0; break;
    default: *(uint8_t *)p = (uint8_t)v; break;
    }
}

/* Towards zero, within [low, high]; NaN is 0. high + 1 is a power of two, which a double holds. */
static int64_t cut(double x, int64_t low, int64_t high) {
    if (!(x == x)) return 0;
    if (x <= (double)low) return low;
    return x >= (double)high + 1.0 ? high : (int64_t)x;
}

/* A float to a half by way of F32 would round twice: to odd first, which loses nothing that the second rounding looks at. */
static float to_odd(double x) {
    float f = (float)x;
    uint32_t bits = trit_bits_from_f32(f);
    if ((double)f == x || !(x == x) || (bits & 0x7f800000u) == 0x7f800000u) return f;
    if (((double)f > x) == (x > 0)) bits--; /* away from zero: step back */
    return trit_f32_from_bits(bits | 1u);
}

void trit_element_set(trit_dtype dtype, void *p, double value) {
    switch (dtype) {
    case trit_dtype_f64: *(double *)p = value; break;
    case trit_dtype_f32: *(float *)p = (float)value; break;
    case trit_dtype_f16: *(uint16_t *)p = trit_f16_from_f32(to_odd(value)); break;
    case trit_dtype_bf16: *(uint16_t *)p = trit_bf16_from_f32(to_odd(value)); break;
    case trit_dtype_i8: set_integer(dtype, p, cut(value, INT8_MIN, INT8_MAX)); break;
    case trit_dtype_i16: set_integer(dtype, p, cut(value, INT16_MIN, INT16_MAX)); break;
    case trit_dtype_i32: set_integer(dtype, p, cut(value, INT32_MIN, INT32_MAX)); break;
    case trit_dtype_i64: set_integer(dtype, p, cut(value, INT64_MIN, INT64_MAX)); break;
    case trit_dtype_bool: *(uint8_t *)p = value != 0; break;
    default: set_integer(dtype, p, cut(value, 0, UINT8_MAX)); break;
    }
}
