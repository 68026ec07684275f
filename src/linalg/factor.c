/* Factorizations. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "linalg/matrices.h"

static int least_of(const trit_matrices *a) {
    return a->m < a->n ? a->m : a->n;
}

/* A result only where the caller wants it. */
static trit_status wanted(trit_result *r, bool is_wanted, const trit_matrices *a, int rows, int cols, trit_error *err) {
    return is_wanted ? trit_result_new(r, a, a->type, rows, cols, err) : trit_ok;
}

static void set_identity(trit_dtype type, void *matrix, int n) {
    for (int j = 0; j < n; j++)
        for (int i = 0; i < n; i++) trit_matrix_set(type, matrix, n, i, j, i == j);
}

/* Matrix i: a matrix without elements has identities. */
static trit_status one_svd(const trit_matrices *a, int64_t i, const trit_result r[3], bool full, trit_error *err) {
    void *u = trit_result_at(&r[0], i), *vt = trit_result_at(&r[2], i);
    if (least_of(a) == 0) {
        if (u && full) set_identity(a->type, u, a->m);
        if (vt && full) set_identity(a->type, vt, a->n);
        return trit_ok;
    }
    const int info = a->lapack->svd(u ? (full ? 'A' : 'S') : 'N', a->m, a->n, trit_matrix_at(a, i), trit_result_at(&r[1], i), u, vt);
    return info ? trit_matrix_failed(a, i, info, err) : trit_ok;
}

trit_status trit_tensor_svd(trit_tensor **u, trit_tensor **s, trit_tensor **vt, const trit_tensor *t, bool full, trit_error *err) {
    trit_dtype type;
    trit_matrices a = {.t = NULL};
    trit_result r[3] = {{.t = NULL}};
    trit_status status = trit_matrices_type(&type, "svd", t, NULL, err);
    if (status == trit_ok) status = trit_matrices_open(&a, "svd", trit_any_matrix, t, type, err);
    if (status != trit_ok) return status;
    const int least = least_of(&a);
    const bool vectors = u || vt; /* LAPACK gives both or none */
    status = wanted(&r[0], vectors, &a, a.m, full ? a.m : least, err);
    if (status == trit_ok) status = trit_result_new(&r[1], &a, type, least, -1, err);
    if (status == trit_ok) status = wanted(&r[2], vectors, &a, full ? a.n : least, a.n, err);
    for (int64_t i = 0; i < a.n_batch && status == trit_ok; i++) status = one_svd(&a, i, r, full, err);
    status = trit_results_give(3, (trit_tensor **[]){u, s, vt}, r, status, err);
    trit_matrices_close(&a);
    return status;
}

/* The upper triangle of a matrix of `from_rows` rows. */
static void copy_upper(trit_dtype type, void *to, int rows, int cols, const void *from, int from_rows) {
    for (int j = 0; j < cols; j++)
        for (int i = 0; i < rows; i++) trit_matrix_set(type, to, rows, i, j, i <= j ? trit_matrix_get(type, from, from_rows, i, j) : 0);
}

/* Matrix i, its q with `cols` columns; tau has least(m, n) elements. */
static trit_status one_qr(const trit_matrices *a, int64_t i, const trit_result r[2], int cols, void *tau, trit_error *err) {
    const int least = least_of(a);
    void *matrix = trit_matrix_at(a, i), *q = trit_result_at(&r[0], i), *upper = trit_result_at(&r[1], i);
    if (least == 0) {
        if (q) set_identity(a->type, q, cols); /* complete: [m, m]; else no columns */
        return trit_ok;
    }
    int info = a->lapack->qr(a->m, a->n, matrix, tau);
    if (info == 0 && upper) copy_upper(a->type, upper, cols, a->n, matrix, a->m);
    if (info == 0 && q) {
        const int shared = cols < a->n ? cols : a->n;
        memset(q, 0, (size_t)a->m * (size_t)cols * a->size); /* LAPACKE looks for NaN in columns that are only written */
        memcpy(q, matrix, (size_t)a->m * (size_t)shared * a->size);
        info = a->lapack->q(a->m, cols, least, q, tau);
    }
    return info ? trit_matrix_failed(a, i, info, err) : trit_ok;
}

trit_status trit_tensor_qr(trit_tensor **q, trit_tensor **upper, const trit_tensor *t, bool complete, trit_error *err) {
    trit_dtype type;
    trit_matrices a = {.t = NULL};
    trit_result r[2] = {{.t = NULL}};
    trit_status status = trit_matrices_type(&type, "qr", t, NULL, err);
    if (status == trit_ok) status = trit_matrices_open(&a, "qr", trit_any_matrix, t, type, err);
    if (status != trit_ok) return status;
    const int cols = complete ? a.m : least_of(&a);
    void *tau = trit_alloc((size_t)least_of(&a), a.size);
    if (!tau) status = trit_error_memory(err, (size_t)least_of(&a) * a.size, "qr");
    if (status == trit_ok) status = wanted(&r[0], q, &a, a.m, cols, err);
    if (status == trit_ok) status = wanted(&r[1], upper, &a, cols, a.n, err);
    for (int64_t i = 0; i < a.n_batch && status == trit_ok; i++) status = one_qr(&a, i, r, cols, tau, err);
    status = trit_results_give(2, (trit_tensor **[]){q, upper}, r, status, err);
    trit_free(tau);
    trit_matrices_close(&a);
    return status;
}

/* LAPACK leaves the other triangle as it was. */
static trit_status one_cholesky(const trit_matrices *a, int64_t k, const trit_result *r, bool upper, trit_error *err) {
    void *matrix = trit_matrix_at(a, k), *to = trit_result_at(r, k);
    const int n = a->n, info = n ? a->lapack->cholesky(upper ? 'U' : 'L', n, matrix) : 0;
    char text[64];
    if (info > 0)
        return trit_error_set(err, trit_numeric, "%s is not positive definite: its leading minor of order %d is not positive",
                              trit_matrix_text(text, a, k), info);
    if (info) return trit_matrix_failed(a, k, info, err);
    for (int j = 0; j < n; j++)
        for (int i = 0; i < n; i++) trit_matrix_set(a->type, to, n, i, j, (upper ? i <= j : i >= j) ? trit_matrix_get(a->type, matrix, n, i, j) : 0);
    return trit_ok;
}

trit_status trit_tensor_cholesky(trit_tensor **out, const trit_tensor *t, bool upper, trit_error *err) {
    trit_dtype type;
    trit_matrices a = {.t = NULL};
    trit_result r = {.t = NULL};
    trit_status status = trit_matrices_type(&type, "cholesky", t, NULL, err);
    if (status == trit_ok) status = trit_matrices_open(&a, "cholesky", trit_square_matrix, t, type, err);
    if (status != trit_ok) return status;
    status = trit_result_new(&r, &a, type, a.n, a.n, err);
    for (int64_t i = 0; i < a.n_batch && status == trit_ok; i++) status = one_cholesky(&a, i, &r, upper, err);
    status = trit_results_give(1, (trit_tensor **[]){out}, &r, status, err);
    trit_matrices_close(&a);
    return status;
}

/* p moves row i of l u to where the exchanges took it from. */
static void write_permutation(const trit_matrices *a, void *p, int *rows, const int *pivots) {
    const int m = a->m, least = least_of(a);
    for (int i = 0; i < m; i++) rows[i] = i;
    for (int i = 0; i < least; i++) {
        const int other = pivots[i] - 1, row = rows[i];
        rows[i] = rows[other];
        rows[other] = row;
    }
    memset(p, 0, (size_t)m * (size_t)m * a->size);
    for (int i = 0; i < m; i++) trit_matrix_set(a->type, p, m, rows[i], i, 1);
}

/* A zero on the diagonal of u is no error. */
static trit_status one_lu(const trit_matrices *a, int64_t k, const trit_result r[3], int *work, trit_error *err) {
    const int m = a->m, least = least_of(a);
    void *matrix = trit_matrix_at(a, k), *p = trit_result_at(&r[0], k), *l = trit_result_at(&r[1], k), *u = trit_result_at(&r[2], k);
    const int info = least ? a->lapack->lu(m, a->n, matrix, work) : 0;
    if (info < 0) return trit_matrix_failed(a, k, info, err);
    if (p) write_permutation(a, p, work + least, work);
    for (int j = 0; l && j < least; j++)
        for (int i = 0; i < m; i++) trit_matrix_set(a->type, l, m, i, j, i > j ? trit_matrix_get(a->type, matrix, m, i, j) : i == j);
    if (u) copy_upper(a->type, u, least, a->n, matrix, m);
    return trit_ok;
}

trit_status trit_tensor_lu(trit_tensor **p, trit_tensor **l, trit_tensor **u, const trit_tensor *t, trit_error *err) {
    trit_dtype type;
    trit_matrices a = {.t = NULL};
    trit_result r[3] = {{.t = NULL}};
    trit_status status = trit_matrices_type(&type, "lu", t, NULL, err);
    if (status == trit_ok) status = trit_matrices_open(&a, "lu", trit_any_matrix, t, type, err);
    if (status != trit_ok) return status;
    const int least = least_of(&a);
    int *work = trit_alloc((size_t)least + (size_t)a.m, sizeof *work); /* pivots, rows */
    if (!work) status = trit_error_memory(err, ((size_t)least + (size_t)a.m) * sizeof *work, "lu");
    if (status == trit_ok) status = wanted(&r[0], p, &a, a.m, a.m, err);
    if (status == trit_ok) status = wanted(&r[1], l, &a, a.m, least, err);
    if (status == trit_ok) status = wanted(&r[2], u, &a, least, a.n, err);
    for (int64_t i = 0; i < a.n_batch && status == trit_ok; i++) status = one_lu(&a, i, r, work, err);
    status = trit_results_give(3, (trit_tensor **[]){p, l, u}, r, status, err);
    trit_free(work);
    trit_matrices_close(&a);
    return status;
}

trit_status trit_tensor_eigh(trit_tensor **w, trit_tensor **v, const trit_tensor *t, bool upper, trit_error *err) {
    trit_dtype type;
    trit_matrices a = {.t = NULL};
    trit_result r[2] = {{.t = NULL}};
    trit_status status = trit_matrices_type(&type, "eigh", t, NULL, err);
    if (status == trit_ok) status = trit_matrices_open(&a, "eigh", trit_square_matrix, t, type, err);
    if (status != trit_ok) return status;
    status = trit_result_new(&r[0], &a, type, a.n, -1, err);
    if (status == trit_ok) status = wanted(&r[1], v, &a, a.n, a.n, err);
    for (int64_t i = 0; i < a.n_batch && status == trit_ok && a.n; i++) {
        const int info = a.lapack->eigh(v ? 'V' : 'N', upper ? 'U' : 'L', a.n, trit_matrix_at(&a, i), trit_result_at(&r[0], i));
        if (info) status = trit_matrix_failed(&a, i, info, err);
    }
    if (status == trit_ok && v) memcpy(r[1].data, a.data, (size_t)a.n_batch * (size_t)r[1].each * a.size);
    status = trit_results_give(2, (trit_tensor **[]){w, v}, r, status, err);
    trit_matrices_close(&a);
    return status;
}

/* LAPACK puts a pair of conjugate vectors x + iy, x - iy into two columns x, y. */
static void split_pairs(const trit_matrices *a, const void *wi, void *vr, void *vi) {
    const int n = a->n;
    memset(vi, 0, (size_t)n * (size_t)n * a->size);
    for (int j = 0; j + 1 < n; j++) {
        if (trit_matrix_get(a->type, wi, n, j, 0) == 0) continue;
        for (int i = 0; i < n; i++) {
            const double x = trit_matrix_get(a->type, vr, n, i, j), y = trit_matrix_get(a->type, vr, n, i, j + 1);
            trit_matrix_set(a->type, vr, n, i, j + 1, x);
            trit_matrix_set(a->type, vi, n, i, j, y);
            trit_matrix_set(a->type, vi, n, i, j + 1, -y);
        }
        j++;
    }
}

trit_status trit_tensor_eig(trit_tensor **wr, trit_tensor **wi, trit_tensor **vr, trit_tensor **vi, const trit_tensor *t, trit_error *err) {
    trit_dtype type;
    trit_matrices a = {.t = NULL};
    trit_result r[4] = {{.t = NULL}};
    trit_status status = trit_matrices_type(&type, "eig", t, NULL, err);
    if (status == trit_ok) status = trit_matrices_open(&a, "eig", trit_square_matrix, t, type, err);
    if (status != trit_ok) return status;
    const bool vectors = vr || vi;
    status = trit_result_new(&r[0], &a, type, a.n, -1, err);
    if (status == trit_ok) status = trit_result_new(&r[1], &a, type, a.n, -1, err);
    if (status == trit_ok) status = wanted(&r[2], vectors, &a, a.n, a.n, err);
    if (status == trit_ok) status = wanted(&r[3], vectors, &a, a.n, a.n, err);
    for (int64_t i = 0; i < a.n_batch && status == trit_ok && a.n; i++) {
        void *imaginary = trit_result_at(&r[1], i), *x = trit_result_at(&r[2], i);
        const int info = a.lapack->eig(a.n, trit_matrix_at(&a, i), trit_result_at(&r[0], i), imaginary, x);
        if (info)
            status = trit_matrix_failed(&a, i, info, err);
        else if (vectors)
            split_pairs(&a, imaginary, x, trit_result_at(&r[3], i));
    }
    status = trit_results_give(4, (trit_tensor **[]){wr, wi, vr, vi}, r, status, err);
    trit_matrices_close(&a);
    return status;
}
