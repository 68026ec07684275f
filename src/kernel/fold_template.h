/* fold_run and fold_rows of one tier: portable loops that the compiler turns into vectors of whatever instructions the including file is
 * built for; that file names the functions in FOLD_RUN and FOLD_ROWS. What is folded stands once, in fold_type.h. */
#ifndef TRIT_KERNEL_FOLD_TEMPLATE_H
#define TRIT_KERNEL_FOLD_TEMPLATE_H

#include <math.h>
#include <string.h>

#include "kernel/variants.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

#define T float
#define WIDE float
#define NAME(x) x##_f32
#define REAL 1
#define LOWEST (-INFINITY)
#define HIGHEST INFINITY
#include "kernel/fold_type.h"

#define T double
#define WIDE double
#define NAME(x) x##_f64
#define REAL 1
#define LOWEST (-(double)INFINITY)
#define HIGHEST ((double)INFINITY)
#include "kernel/fold_type.h"

#define T int8_t
#define WIDE int64_t
#define NAME(x) x##_i8
#define REAL 0
#define LOWEST INT8_MIN
#define HIGHEST INT8_MAX
#include "kernel/fold_type.h"

#define T int16_t
#define WIDE int64_t
#define NAME(x) x##_i16
#define REAL 0
#define LOWEST INT16_MIN
#define HIGHEST INT16_MAX
#include "kernel/fold_type.h"

#define T int32_t
#define WIDE int64_t
#define NAME(x) x##_i32
#define REAL 0
#define LOWEST INT32_MIN
#define HIGHEST INT32_MAX
#include "kernel/fold_type.h"

#define T int64_t
#define WIDE int64_t
#define NAME(x) x##_i64
#define REAL 0
#define LOWEST INT64_MIN
#define HIGHEST INT64_MAX
#include "kernel/fold_type.h"

#define T uint8_t
#define WIDE int64_t
#define NAME(x) x##_u8
#define REAL 0
#define LOWEST 0
#define HIGHEST UINT8_MAX
#include "kernel/fold_type.h"

void FOLD_RUN(trit_fold fold, trit_dtype type, void *y, const void *x, size_t n) {
    switch (type) {
    case trit_dtype_f32: fold_run_f32(fold, y, x, n); break;
    case trit_dtype_f64: fold_run_f64(fold, y, x, n); break;
    case trit_dtype_i8: fold_run_i8(fold, y, x, n); break;
    case trit_dtype_i16: fold_run_i16(fold, y, x, n); break;
    case trit_dtype_i32: fold_run_i32(fold, y, x, n); break;
    case trit_dtype_i64: fold_run_i64(fold, y, x, n); break;
    default: fold_run_u8(fold, y, x, n); break;
    }
}

void FOLD_ROWS(trit_fold fold, trit_dtype type, void *y, const void *const *x, size_t n_rows, size_t n) {
    switch (type) {
    case trit_dtype_f32: fold_rows_f32(fold, y, x, n_rows, n); break;
    case trit_dtype_f64: fold_rows_f64(fold, y, x, n_rows, n); break;
    case trit_dtype_i8: fold_rows_i8(fold, y, x, n_rows, n); break;
    case trit_dtype_i16: fold_rows_i16(fold, y, x, n_rows, n); break;
    case trit_dtype_i32: fold_rows_i32(fold, y, x, n_rows, n); break;
    case trit_dtype_i64: fold_rows_i64(fold, y, x, n_rows, n); break;
    default: fold_rows_u8(fold, y, x, n_rows, n); break;
    }
}

#endif
