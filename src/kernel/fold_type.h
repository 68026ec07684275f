/* The functions of tensor/folds.def for one element type: what an element counts as (enter_<name>), how two of those meet
 * (<name>), and what changes nothing (NOTHING_<name>). Included by fold_template.h once for each type, with
 *   T              the type
 *   WIDE           what its sums are in
 *   NAME(x)        x with the type's name behind it
 *   REAL           1 for floats
 *   LOWEST, HIGHEST  no element is below, above */

#if !REAL
static inline WIDE NAME(enter_wide)(T x) {
    return (WIDE)x;
}
#endif

/* A zero has no sign, so that the order of +0 and -0 does not matter. */
static inline T NAME(enter_same)(T x) {
    return (T)(x + 0);
}

static inline int64_t NAME(enter_count)(T x) {
    return x != 0;
}

static inline WIDE NAME(sum)(WIDE a, WIDE b) {
#if REAL
    return a + b;
#else
    return (WIDE)((uint64_t)a + (uint64_t)b);
#endif
}

static inline WIDE NAME(prod)(WIDE a, WIDE b) {
#if REAL
    return a * b;
#else
    return (WIDE)((uint64_t)a * (uint64_t)b);
#endif
}

/* The second where neither is less: a NaN that is the second stays so, and one that is the first is looked for. */
static inline T NAME(min)(T a, T b) {
    const T least = a < b ? a : b;
#if REAL
    return a != a ? a : least;
#else
    return least;
#endif
}

static inline T NAME(max)(T a, T b) {
    const T most = a > b ? a : b;
#if REAL
    return a != a ? a : most;
#else
    return most;
#endif
}

static inline int64_t NAME(any)(int64_t a, int64_t b) {
    return a | b;
}

static inline int64_t NAME(all)(int64_t a, int64_t b) {
    return a & b;
}

static inline int64_t NAME(count_nonzero)(int64_t a, int64_t b) {
    return a + b;
}

#if REAL
#define NOTHING_sum ((WIDE)-0.0) /* adding +0 would change -0 */
#else
#define NOTHING_sum 0
#endif
#define NOTHING_prod 1
#define NOTHING_min HIGHEST
#define NOTHING_max LOWEST
#define NOTHING_any 0
#define NOTHING_all 1
#define NOTHING_count_nonzero 0

#define INTO T
#define LOOP(x) NAME(x##_same)
#include "kernel/fold_any_order.h"
#define INTO int64_t
#define LOOP(x) NAME(x##_count)
#include "kernel/fold_any_order.h"
#if REAL
#define LOOP(x) NAME(x##_wide)
#include "kernel/fold_loops.h"
#define RUN_wide(name) NAME(run_wide)(y, x, n, NOTHING_##name, NAME(name))
#define ROWS_wide(name) NAME(rows_wide)(y, x, n_rows, n, NAME(name))
#else
#define INTO WIDE
#define LOOP(x) NAME(x##_wide)
#include "kernel/fold_any_order.h"
#define RUN_wide(name) NAME(run_wide)(y, x, n, NOTHING_##name, NAME(enter_wide), NAME(name))
#define ROWS_wide(name) NAME(rows_wide)(y, x, n_rows, n, NAME(enter_wide), NAME(name))
#endif
#define RUN_same(name) NAME(run_same)(y, x, n, NOTHING_##name, NAME(enter_same), NAME(name))
#define ROWS_same(name) NAME(rows_same)(y, x, n_rows, n, NAME(enter_same), NAME(name))
#define RUN_count(name) NAME(run_count)(y, x, n, NOTHING_##name, NAME(enter_count), NAME(name))
#define ROWS_count(name) NAME(rows_count)(y, x, n_rows, n, NAME(enter_count), NAME(name))

static void NAME(fold_run)(trit_fold fold, void *y, const void *x, size_t n) {
    switch (fold) {
#define TRIT_FOLD(name, into, meaning) case trit_fold_##name: RUN_##into(name); break;
#include "tensor/folds.def"
#undef TRIT_FOLD
    default: break;
    }
}

static void NAME(fold_rows)(trit_fold fold, void *y, const void *const *x, size_t n_rows, size_t n) {
    switch (fold) {
#define TRIT_FOLD(name, into, meaning) case trit_fold_##name: ROWS_##into(name); break;
#include "tensor/folds.def"
#undef TRIT_FOLD
    default: break;
    }
}

#undef RUN_wide
#undef ROWS_wide
#undef RUN_same
#undef ROWS_same
#undef RUN_count
#undef ROWS_count
#undef NOTHING_sum
#undef NOTHING_prod
#undef NOTHING_min
#undef NOTHING_max
#undef NOTHING_any
#undef NOTHING_all
#undef NOTHING_count_nonzero
#undef T
#undef WIDE
#undef NAME
#undef REAL
#undef LOWEST
#undef HIGHEST
