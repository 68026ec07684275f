/* The functions of tensor/maps.def for one element type, and the loops that apply them. Included by map_template.h once for each type,
 * with
 *   T        the type
 *   U        the unsigned type in which whole numbers wrap around; for floats T itself
 *   NAME(x)  x with the type's name behind it
 *   REAL     32 and 64 for floats, 0 for whole numbers
 * map_real.h and map_whole.h have the functions that only one of both has, or has otherwise; map_f32.h and map_f64.h exponentials and
 * the like. */

typedef T NAME(fn1)(T a);
typedef T NAME(fn2)(T a, T b);
typedef bool NAME(is1)(T a);
typedef bool NAME(is2)(T a, T b);

static inline T NAME(neg)(T a) {
#if REAL
    return -a;
#else
    return (T)((U)0 - (U)a);
#endif
}

static inline T NAME(add)(T a, T b) {
    return (T)((U)a + (U)b);
}

static inline T NAME(sub)(T a, T b) {
    return (T)((U)a - (U)b);
}

static inline T NAME(mul)(T a, T b) {
    return (T)((U)a * (U)b);
}

static inline T NAME(square)(T a) {
    return NAME(mul)(a, a);
}

static inline bool NAME(eq)(T a, T b) {
    return a == b;
}

static inline bool NAME(ne)(T a, T b) {
    return a != b;
}

static inline bool NAME(lt)(T a, T b) {
    return a < b;
}

static inline bool NAME(le)(T a, T b) {
    return a <= b;
}

static inline bool NAME(gt)(T a, T b) {
    return a > b;
}

static inline bool NAME(ge)(T a, T b) {
    return a >= b;
}

static inline bool NAME(logical_not)(T a) {
    return a == 0;
}

static inline bool NAME(logical_and)(T a, T b) {
    return (a != 0) & (b != 0);
}

static inline bool NAME(logical_or)(T a, T b) {
    return (a != 0) | (b != 0);
}

static inline bool NAME(logical_xor)(T a, T b) {
    return (a != 0) ^ (b != 0);
}

#if REAL
#include "kernel/map_real.h"
#endif
#if REAL == 32
#include "kernel/map_f32.h"
#elif REAL == 64
#include "kernel/map_f64.h"
#else
#include "kernel/map_whole.h"
#endif

/* The loops take the function as a constant, so that each call is a loop of its own. */
ALWAYS_INLINE void NAME(apply1)(T *y, const T *a, size_t n, NAME(fn1) *fn) {
    for (size_t i = 0; i < n; i++) y[i] = fn(a[i]);
}

ALWAYS_INLINE void NAME(apply2)(T *y, const T *a, const T *b, size_t n, NAME(fn2) *fn) {
    for (size_t i = 0; i < n; i++) y[i] = fn(a[i], b[i]);
}

ALWAYS_INLINE void NAME(test1)(uint8_t *y, const T *a, size_t n, NAME(is1) *fn) {
    for (size_t i = 0; i < n; i++) y[i] = fn(a[i]);
}

ALWAYS_INLINE void NAME(test2)(uint8_t *y, const T *a, const T *b, size_t n, NAME(is2) *fn) {
    for (size_t i = 0; i < n; i++) y[i] = fn(a[i], b[i]);
}

#define HAS_any(line) line
#define HAS_number(line) line
#define HAS_signed(line) line
#if REAL
#define HAS_real(line) line
#define HAS_whole(line)
#define HAS_shift(line)
#else
#define HAS_real(line)
#define HAS_whole(line) line
#define HAS_shift(line) line
#endif
#define DO1_same(name) NAME(apply1)(y, a, n, NAME(name))
#define DO1_bool(name) NAME(test1)(y, a, n, NAME(name))
#define DO2_same(name) NAME(apply2)(y, a, b, n, NAME(name))
#define DO2_bool(name) NAME(test2)(y, a, b, n, NAME(name))

static void NAME(map1)(trit_map map, void *y, const void *a, size_t n) {
    switch (map) {
#define TRIT_MAP1(name, where, types, result, meaning) HAS_##types(case trit_map_##name : DO1_##result(name); break;)
#define TRIT_MAP2(name, where, types, result, meaning)
#include "tensor/maps.def"
#undef TRIT_MAP1
#undef TRIT_MAP2
    default: break;
    }
}

static void NAME(map2)(trit_map map, void *y, const void *a, const void *b, size_t n) {
    switch (map) {
#define TRIT_MAP1(name, where, types, result, meaning)
#define TRIT_MAP2(name, where, types, result, meaning) HAS_##types(case trit_map_##name : DO2_##result(name); break;)
#include "tensor/maps.def"
#undef TRIT_MAP1
#undef TRIT_MAP2
    default: break;
    }
}

#undef HAS_any
#undef HAS_number
#undef HAS_signed
#undef HAS_real
#undef HAS_whole
#undef HAS_shift
#undef DO1_same
#undef DO1_bool
#undef DO2_same
#undef DO2_bool
#undef T
#undef U
#undef NAME
#undef FN
#undef REAL
