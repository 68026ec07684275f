/* map1 and map2 of one tier: portable loops that the compiler turns into vectors of whatever instructions the including file is built
 * for; that file names the functions in MAP1, MAP2 and CHOOSE. Every function stands once, in map_type.h. */
#ifndef TRIT_KERNEL_MAP_TEMPLATE_H
#define TRIT_KERNEL_MAP_TEMPLATE_H

#include <math.h>
#include <string.h>

#include "kernel/numbers.h"
#include "kernel/variants.h"
#include "tensor/half.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#define T float
#define U float
#define NAME(x) x##_f32
#define FN(x) x##f
#define REAL 32
#include "kernel/map_type.h"

#define T double
#define U double
#define NAME(x) x##_f64
#define FN(x) x
#define REAL 64
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

/* Angles beyond angle_far are rare: a loop takes those in the same steps and these by the C library, in double. */
static float any_angle(trit_map map, float a) {
    const bool is_far = fabsf(a) > angle_far;
    if (map == trit_map_sin) return is_far ? (float)sin((double)a) : sin_f32(a);
    if (map == trit_map_cos) return is_far ? (float)cos((double)a) : cos_f32(a);
    return is_far ? (float)tan((double)a) : tan_f32(a);
}

static bool has_far_angle(const float *a, size_t n) {
    int found = 0;
    for (size_t i = 0; i < n; i++) found |= fabsf(a[i]) > angle_far;
    return found;
}

/* What a loop looks at before it computes: a first-level cache holds it. */
enum { looked_at = 1024 };

static bool are_normal_positive(const float *a, size_t n) {
    int found = 0;
    for (size_t i = 0; i < n; i++) found |= !is_normal_positive(a[i]);
    return !found;
}

static bool are_power_near(const float *a, size_t n) {
    int found = 0;
    for (size_t i = 0; i < n; i++) found |= !(fabsf(a[i]) <= power_near);
    return !found;
}

/* Logarithms and powers of numbers as most are need no cases; where the others are among them, a loop that has the cases gives these the same bits. */
static void map1_float(trit_map map, float *y, const float *a, size_t n) {
    const bool is_angle = map == trit_map_sin || map == trit_map_cos || map == trit_map_tan;
    if (!is_angle && map != trit_map_log) {
        map1_f32(map, y, a, n);
        return;
    }
    for (size_t at = 0; at < n; at += looked_at) {
        const size_t m = n - at < looked_at ? n - at : looked_at;
        if (map == trit_map_log && are_normal_positive(a + at, m))
            apply1_f32(y + at, a + at, m, log_normal_f32);
        else if (!is_angle || !has_far_angle(a + at, m))
            map1_f32(map, y + at, a + at, m);
        else
            for (size_t i = at; i < at + m; i++) y[i] = any_angle(map, a[i]);
    }
}

static void map2_float(trit_map map, float *y, const float *a, const float *b, size_t n) {
    if (map != trit_map_pow) {
        map2_f32(map, y, a, b, n);
        return;
    }
    for (size_t at = 0; at < n; at += looked_at) {
        const size_t m = n - at < looked_at ? n - at : looked_at;
        if (are_normal_positive(a + at, m) && are_power_near(b + at, m))
            apply2_f32(y + at, a + at, b + at, m, pow_near_f32);
        else
            map2_f32(map, y + at, a + at, b + at, m);
    }
}

void MAP1(trit_map map, trit_dtype type, void *y, const void *a, size_t n) {
    switch (type) {
    case trit_dtype_f32: map1_float(map, y, a, n); break;
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
    case trit_dtype_f32: map2_float(map, y, a, b, n); break;
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
