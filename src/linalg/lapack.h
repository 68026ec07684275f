/* LAPACK for one type of floats: functions on single matrices whose columns lie one after the other, each of as many elements as the matrix
 * has rows. They work in place. Sizes are at least 1. Each returns LAPACK's `info`: 0, what the function says above it, or
 * trit_lapack_no_memory. */
#ifndef TRIT_LINALG_LAPACK_H
#define TRIT_LINALG_LAPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "trit/dtype.h"

enum { trit_lapack_no_memory = -1010 }; /* and below */

typedef struct trit_lapack {
    /* s [min(m, n)]. job 'A': all of u [m, m], vt [n, n]; 'S': u [m, min], vt [min, n]; 'N': neither. > 0: no convergence. */
    int (*svd)(char job, int m, int n, void *a, void *s, void *u, void *vt);
    /* a becomes r, and reflections below it, which tau [min(m, n)] belongs to. */
    int (*qr)(int m, int n, void *a, void *tau);
    /* The first n <= m columns of q from k reflections. */
    int (*q)(int m, int n, int k, void *a, const void *tau);
    /* uplo 'L' or 'U'; the other triangle stays. i > 0: the leading minor of order i is not positive. */
    int (*cholesky)(char uplo, int n, void *a);
    /* a becomes l without its diagonal of ones, and u; row i was exchanged with pivots[i] - 1. i > 0: u[i - 1, i - 1] is 0. */
    int (*lu)(int m, int n, void *a, int *pivots);
    int (*lu_solve)(int n, int k, const void *lu, const int *pivots, void *b); /* b [n, k] becomes x */
    int (*lu_inverse)(int n, void *lu, const int *pivots);
    /* trans 'N' or 'T', diag 'N' or 'U'. i > 0: element i - 1 of the diagonal is 0. */
    int (*triangular)(char uplo, char trans, char diag, int n, int k, const void *a, void *b);
    /* w [n]; job 'V': a becomes the vectors, 'N': lost. > 0: no convergence. */
    int (*eigh)(char job, char uplo, int n, void *a, void *w);
    /* Real and imaginary parts; vr [n, n] or NULL, pairs of columns as LAPACK has them. > 0: no convergence. */
    int (*eig)(int n, void *a, void *wr, void *wi, void *vr);
    /* b [max(m, n), k]: its first n rows become x; s [min(m, n)]. > 0: no convergence. */
    int (*lstsq)(int m, int n, int k, void *a, void *b, void *s, double rcond, int *rank);
    double epsilon;
} trit_lapack;

/* F32 or F64; NULL where the library was built without LAPACKE. */
const trit_lapack *trit_lapack_for(trit_dtype dtype);

/* How many threads it may use; returns how many it did before. */
int trit_lapack_threads(int n);

#endif
