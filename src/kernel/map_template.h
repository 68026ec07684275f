/* map1 and map2 of one tier: portable loops that the compiler turns into vectors of whatever instructions the including file is built
 * for; that file names the functions in MAP1, MAP2 and CHOOSE. Every function stands once, in map_type.h. */
#ifndef TRIT_KERNEL_MAP_TEMPLATE_H
#define TRIT_KERNEL_MAP_TEMPLATE_H

#include <math.h>

#include "kernel/ref/exp.h"
#include "kernel/variants.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#define T float
#define U float
#define NAME(x) x##_f32
#define FN(x) x##f
#define REAL 1
#include "kernel/map_type.h"

#define T double
#define U double
#define NAME(x) x##_f64
#define FN(x) x
#define REAL 1
#include "kernel/map_type.h"

#define T int8_t
#define U unsigned
#define NAME(x) x##_i8
#define REAL 0
#include "kernel/map_type.h"

#define T int16_t
#define U unsigned
#define NAME(x) x##_i16
#define REAL 0
#include "kernel/map_type.h"

#define T int32_t
#define U uint32_t
#define NAME(x) x##_i32
#define REAL 0
#include "kernel/map_type.h"

#define T int64_t
#define U uint64_t
#define NAME(x) x##_i64
#define REAL 0
#include "kernel/map_type.h"

#define T uint8_t
#define U unsigned
#define NAME(x) x##_u8
#define REAL 0
#include "kernel/map_type.h"

void MAP1(trit_map map, trit_dtype type, void *y, const void *a, size_t n) {
    switch (type) {
    case trit_dtype_f32: map1_f32(map, y, a, n); break;
    case trit_dtype_f64: map1_f64(map, y, a, n); break;
    case trit_dtype_i8: map1_i8(map, y, a, n); break;
    case trit_dtype_i16: map1_i16(map, y, a, n); break;
    case trit_dtype_i32: map1_i32(map, y, a, n); break;
    case trit_dtype_i64: map1_i64(map, y, a, n); break;
    default: map1_u8(map, y, a, n); break;
    }
}

void MAP2(trit_map map, trit_dtype type, void *y, const void *a, const void *b, size_t n) {
    switch (type) {
    case trit_dtype_f32: map2_f32(map, y, a, b, n); break;
    case trit_dtype_f64: map2_f64(map, y, a, b, n); break;
    case trit_dtype_i8: map2_i8(map, y, a, b, n); break;
    case trit_dtype_i16: map2_i16(map, y, a, b, n); break;
    case trit_dtype_i32: map2_i32(map, y, a, b, n); break;
    case trit_dtype_i64: map2_i64(map, y, a, b, n); break;
    default: map2_u8(map, y, a, b, n); break;
    }
}

static void choose_1(uint8_t *y, const uint8_t *c, const uint8_t *a, const uint8_t *b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = c[i] ? a[i] : b[i];
}

static void choose_2(uint16_t *y, const uint8_t *c, const uint16_t *a, const uint16_t *b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = c[i] ? a[i] : b[i];
}

static void choose_4(uint32_t *y, const uint8_t *c, const uint32_t *a, const uint32_t *b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = c[i] ? a[i] : b[i];
}

static void choose_8(uint64_t *y, const uint8_t *c, const uint64_t *a, const uint64_t *b, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = c[i] ? a[i] : b[i];
}

void CHOOSE(size_t size, void *y, const uint8_t *c, const void *a, const void *b, size_t n) {
    switch (size) {
    case 1: choose_1(y, c, a, b, n); break;
    case 2: choose_2(y, c, a, b, n); break;
    case 4: choose_4(y, c, a, b, n); break;
    default: choose_8(y, c, a, b, n); break;
    }
}

#endif
