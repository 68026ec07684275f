/* The functions of trit_lapack for one type. Included by lapack.c once for each, with
 *   T           the type
 *   NAME(x)     x with LAPACK's letter for it in front
 *   LAPACKE(x)  the function of LAPACKE
 *   EPSILON     from 1 to the next larger number */

static int NAME(svd)(char job, int m, int n, void *a, void *s, void *u, void *vt) {
    const int least = m < n ? m : n;
    T none;
    return LAPACKE(gesdd)(LAPACK_COL_MAJOR, job, m, n, a, m, s, u ? u : &none, m, vt ? vt : &none, job == 'S' ? least : n);
}

static int NAME(qr)(int m, int n, void *a, void *tau) {
    return LAPACKE(geqrf)(LAPACK_COL_MAJOR, m, n, a, m, tau);
}

static int NAME(q)(int m, int n, int k, void *a, const void *tau) {
    return LAPACKE(orgqr)(LAPACK_COL_MAJOR, m, n, k, a, m, tau);
}

static int NAME(cholesky)(char uplo, int n, void *a) {
    return LAPACKE(potrf)(LAPACK_COL_MAJOR, uplo, n, a, n);
}

static int NAME(lu)(int m, int n, void *a, int *pivots) {
    return LAPACKE(getrf)(LAPACK_COL_MAJOR, m, n, a, m, pivots);
}

static int NAME(lu_solve)(int n, int k, const void *lu, const int *pivots, void *b) {
    return LAPACKE(getrs)(LAPACK_COL_MAJOR, 'N', n, k, lu, n, pivots, b, n);
}

static int NAME(lu_inverse)(int n, void *lu, const int *pivots) {
    return LAPACKE(getri)(LAPACK_COL_MAJOR, n, lu, n, pivots);
}

static int NAME(triangular)(char uplo, char trans, char diag, int n, int k, const void *a, void *b) {
    return LAPACKE(trtrs)(LAPACK_COL_MAJOR, uplo, trans, diag, n, k, a, n, b, n);
}

static int NAME(eigh)(char job, char uplo, int n, void *a, void *w) {
    return LAPACKE(syevd)(LAPACK_COL_MAJOR, job, uplo, n, a, n, w);
}

static int NAME(eig)(int n, void *a, void *wr, void *wi, void *vr) {
    T none;
    return LAPACKE(geev)(LAPACK_COL_MAJOR, 'N', vr ? 'V' : 'N', n, a, n, wr, wi, &none, 1, vr ? vr : &none, n);
}

static int NAME(lstsq)(int m, int n, int k, void *a, void *b, void *s, double rcond, int *rank) {
    return LAPACKE(gelsd)(LAPACK_COL_MAJOR, m, n, k, a, m, b, m > n ? m : n, s, (T)rcond, rank);
}

static const trit_lapack NAME(table) = {.svd = NAME(svd),           .qr = NAME(qr),
                                        .q = NAME(q),               .cholesky = NAME(cholesky),
                                        .lu = NAME(lu),             .lu_solve = NAME(lu_solve),
                                        .lu_inverse = NAME(lu_inverse), .triangular = NAME(triangular),
                                        .eigh = NAME(eigh),         .eig = NAME(eig),
                                        .lstsq = NAME(lstsq),       .epsilon = EPSILON};

#undef T
#undef NAME
#undef LAPACKE
#undef EPSILON
