/* Products of floats by OpenBLAS. The team divides a product, and each member calls the BLAS for its part: OpenBLAS's own threads would
 * stand in the way of the team's, so it is told to use none. */
#include <cblas.h>

#include "device/cpu/matmul.h"

/* BLAS counts in int. Larger products are done in parts of this size; strides that large are not for it. */
enum { most = 1 << 30 };

static int part(int64_t n, int64_t at) {
    return (int)(n - at < most ? n - at : most);
}

static const void *at(const void *p, trit_dtype type, int64_t elements) {
    return (const char *)p + elements * (int64_t)trit_dtype_bytes(type);
}

/* y[0..rows) (+)= matrix x: a vector on one side. */
static void by_vector(trit_dtype type, CBLAS_TRANSPOSE turn, int rows, int cols, const void *matrix, int ld, const void *x, int x_step,
                      bool adds, void *y, int y_step) {
    const int n_rows = turn == CblasTrans ? cols : rows, n_cols = turn == CblasTrans ? rows : cols; /* as they are stored */
    if (type == trit_dtype_f32)
        cblas_sgemv(CblasRowMajor, turn, n_rows, n_cols, 1, matrix, ld, x, x_step, adds ? 1 : 0, y, y_step);
    else
        cblas_dgemv(CblasRowMajor, turn, n_rows, n_cols, 1, matrix, ld, x, x_step, adds ? 1 : 0, y, y_step);
}

static void by_matrix(const cpu_product *p, CBLAS_TRANSPOSE turn_a, int lda, CBLAS_TRANSPOSE turn_b, int ldb, int m, int n, int k, bool adds) {
    if (p->type == trit_dtype_f32)
        cblas_sgemm(CblasRowMajor, turn_a, turn_b, m, n, k, 1, p->a, lda, p->b, ldb, adds ? 1 : 0, p->y, (int)p->y_row);
    else
        cblas_dgemm(CblasRowMajor, turn_a, turn_b, m, n, k, 1, p->a, lda, p->b, ldb, adds ? 1 : 0, p->y, (int)p->y_row);
}

/* Sizes that fit. */
static void product(const cpu_product *p, bool adds) {
    const CBLAS_TRANSPOSE turn_a = p->a_col == 1 ? CblasNoTrans : CblasTrans, turn_b = p->b_col == 1 ? CblasNoTrans : CblasTrans;
    const int lda = (int)(p->a_col == 1 ? p->a_row : p->a_col), ldb = (int)(p->b_col == 1 ? p->b_row : p->b_col);
    const int m = (int)p->m, n = (int)p->n, k = (int)p->k;
    if (p->kind == cpu_product_column)
        by_vector(p->type, turn_a, m, k, p->a, lda, p->b, (int)p->b_row, adds, p->y, (int)p->y_row);
    else if (p->kind == cpu_product_row)
        by_vector(p->type, turn_b == CblasTrans ? CblasNoTrans : CblasTrans, n, k, p->b, ldb, p->a, (int)p->a_col, adds, p->y, 1);
    else
        by_matrix(p, turn_a, lda, turn_b, ldb, m, n, k, adds);
}

bool trit_cpu_blas_takes(trit_dtype type) {
    return type == trit_dtype_f32 || type == trit_dtype_f64;
}

bool trit_cpu_blas_product(const cpu_product *p) {
    const int64_t strides[] = {p->a_row, p->a_col, p->b_row, p->b_col, p->y_row};
    if (!trit_cpu_blas_takes(p->type)) return false;
    for (size_t i = 0; i < sizeof strides / sizeof strides[0]; i++)
        if (strides[i] > INT32_MAX) return false;
    if (openblas_get_num_threads() != 1) openblas_set_num_threads(1);
    for (int64_t i = 0; i < p->m; i += most)
        for (int64_t j = 0; j < p->n; j += most)
            for (int64_t l = 0; l < p->k; l += most) {
                cpu_product q = *p;
                q.m = part(p->m, i), q.n = part(p->n, j), q.k = part(p->k, l);
                q.a = at(p->a, p->type, i * p->a_row + l * p->a_col);
                q.b = at(p->b, p->type, l * p->b_row + j * p->b_col);
                q.y = (char *)p->y + (i * p->y_row + j) * (int64_t)trit_dtype_bytes(p->type);
                product(&q, l > 0);
            }
    return true;
}
