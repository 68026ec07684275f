/* convert of one tier: portable loops that the compiler turns into vectors of whatever instructions the including file is built for;
 * that file names the function in CONVERT. */
#ifndef TRIT_KERNEL_CONVERT_TEMPLATE_H
#define TRIT_KERNEL_CONVERT_TEMPLATE_H

#include "kernel/variants.h"
#include "tensor/half.h"

/* Floats towards zero and within bounds, NaN as 0. Compared before the cast, which has no meaning beyond the bounds. */
static inline int32_t cut_f32(float x, int32_t low, int32_t high) {
    const float a = x > (float)low ? x : (float)low, b = a < (float)high ? a : (float)high;
    return x == x ? (int32_t)b : 0;
}

static inline int32_t cut_f64(double x, int32_t low, int32_t high) {
    const double a = x > (double)low ? x : (double)low, b = a < (double)high ? a : (double)high;
    return x == x ? (int32_t)b : 0;
}

/* The high bounds that are no floats are one less than a power of two, which is. */
static inline int64_t cut64_f32(float x, int64_t low, int64_t high) {
    const float end = high == INT32_MAX ? 0x1p31f : 0x1p63f;
    return x != x ? 0 : x <= -end ? low : x >= end ? high : (int64_t)x;
}

static inline int64_t cut64_f64(double x, int64_t low, int64_t high) {
    const double end = high == INT32_MAX ? 0x1p31 : 0x1p63;
    return x != x ? 0 : x <= -end ? low : x >= end ? high : (int64_t)x;
}

/* A double on its way to a half, as a float with its last bit set where it is not exact: rounding that rounds only once. */
static inline float odd_f64(double x) {
    const float f = (float)x;
    const uint32_t bits = trit_bits_from_f32(f), down = bits - (uint32_t)(x > 0 ? (double)f > x : (double)f < x);
    const int plain = (double)f == x || x != x || (bits & 0x7f800000u) == 0x7f800000u;
    return trit_f32_from_bits(plain ? bits : down | 1u);
}

/* The same for whole numbers that are no doubles: to odd first. */
static inline float odd_i64(int64_t x) {
    const int64_t odd = x >> 10 | (x % 1024 != 0), end = (int64_t)1 << 53;
    return odd_f64(x > -end && x < end ? (double)x : (double)odd * 1024.0);
}

#define CUT(x, low, high) cut_f32(x, low, high)
#define CUT64(x, low, high) cut64_f32(x, low, high)
#define TO_ODD(x) (x)

#define S float
#define VALUE(s) (s)
#define NAME(x) f32_##x
#include "kernel/convert_type.h"

#define S uint16_t
#define VALUE(s) trit_f32_from_f16(s)
#define NAME(x) f16_##x
#include "kernel/convert_type.h"

#define S uint16_t
#define VALUE(s) trit_f32_from_bf16(s)
#define NAME(x) bf16_##x
#include "kernel/convert_type.h"

#undef CUT
#undef CUT64
#undef TO_ODD
#define CUT(x, low, high) cut_f64(x, low, high)
#define CUT64(x, low, high) cut64_f64(x, low, high)
#define TO_ODD(x) odd_f64(x)

#define S double
#define VALUE(s) (s)
#define NAME(x) f64_##x
#include "kernel/convert_type.h"

/* Whole numbers wrap around among each other. */
#undef CUT
#undef CUT64
#undef TO_ODD
#define CUT(x, low, high) (x)
#define CUT64(x, low, high) (x)
#define TO_ODD(x) ((float)(x))

#define S int8_t
#define VALUE(s) (s)
#define NAME(x) i8_##x
#include "kernel/convert_type.h"

#define S int16_t
#define VALUE(s) (s)
#define NAME(x) i16_##x
#include "kernel/convert_type.h"

#define S uint8_t
#define VALUE(s) (s)
#define NAME(x) u8_##x
#include "kernel/convert_type.h"

#define S uint8_t
#define VALUE(s) ((s) != 0)
#define NAME(x) bool_##x
#include "kernel/convert_type.h"

#undef TO_ODD
#define TO_ODD(x) odd_i64(x)

#define S int32_t
#define VALUE(s) (s)
#define NAME(x) i32_##x
#include "kernel/convert_type.h"

#define S int64_t
#define VALUE(s) (s)
#define NAME(x) i64_##x
#include "kernel/convert_type.h"

void CONVERT(trit_dtype to, void *y, trit_dtype from, const void *x, size_t n) {
    switch (from) {
    case trit_dtype_f32: f32_convert(to, y, x, n); break;
    case trit_dtype_f64: f64_convert(to, y, x, n); break;
    case trit_dtype_f16: f16_convert(to, y, x, n); break;
    case trit_dtype_bf16: bf16_convert(to, y, x, n); break;
    case trit_dtype_i8: i8_convert(to, y, x, n); break;
    case trit_dtype_i16: i16_convert(to, y, x, n); break;
    case trit_dtype_i32: i32_convert(to, y, x, n); break;
    case trit_dtype_i64: i64_convert(to, y, x, n); break;
    case trit_dtype_u8: u8_convert(to, y, x, n); break;
    default: bool_convert(to, y, x, n); break;
    }
}

#endif
