/* LAPACK by LAPACKE, and OpenBLAS's number of threads. */
#include "linalg/lapack.h"

#include <cblas.h>
#include <float.h>
#include <lapacke.h>

#define T float
#define NAME(x) s##x
#define LAPACKE(x) LAPACKE_s##x
#define EPSILON FLT_EPSILON
#include "linalg/lapack_type.h"

#define T double
#define NAME(x) d##x
#define LAPACKE(x) LAPACKE_d##x
#define EPSILON DBL_EPSILON
#include "linalg/lapack_type.h"

const trit_lapack *trit_lapack_for(trit_dtype dtype) {
    return dtype == trit_dtype_f32 ? &stable : &dtable;
}

int trit_lapack_threads(int n) {
    const int before = openblas_get_num_threads();
    if (before != n) openblas_set_num_threads(n);
    return before;
}
