/* Tensors as batches of matrices for LAPACK, which wants columns one after the other and works in place: inputs are copied so, results
 * are made so and handed out as any tensor. LAPACK runs on the host, so that these are functions of their own and no ops. */
#ifndef TRIT_LINALG_MATRICES_H
#define TRIT_LINALG_MATRICES_H

#include "linalg/lapack.h"
#include "tensor/tensor.h"
#include "trit/linalg.h"

typedef struct trit_matrices {
    const char *what; /* the call, for messages */
    const trit_lapack *lapack;
    trit_dtype type;  /* F32 or F64 */
    size_t size;      /* of an element */
    trit_tensor *t;   /* [..., n, m]: a matrix's columns one after the other; owned */
    char *data;
    int m, n;
    int64_t n_batch;
    uint32_t n_lead;  /* dimensions of the batch */
    const int64_t *lead;
    int threads_before;
} trit_matrices;

enum trit_matrices_kind { trit_any_matrix, trit_square_matrix };

/* The type that calls on a, and b if it is one, are computed in: F32, F64, and F64 for whole numbers and BOOL. Errors: unsupported (no LAPACKE),
 * arg (a half; naming the type). */
trit_status trit_matrices_type(trit_dtype *out, const char *what, const trit_tensor *a, const trit_tensor *b, trit_error *err);

/* A copy of `t` in that type. Until it is closed LAPACK uses the device's threads. Errors: arg (fewer than two dimensions, no square where one is
 * wanted; naming the shape), numeric (NaN or an infinity, naming the place), memory. */
trit_status trit_matrices_open(trit_matrices *out, const char *what, enum trit_matrices_kind kind, const trit_tensor *t, trit_dtype type,
                               trit_error *err);
void trit_matrices_close(trit_matrices *m); /* zeroed ones are fine */

/* The first element of matrix i. */
void *trit_matrix_at(const trit_matrices *m, int64_t i);

/* A result: one matrix [rows, cols] of the batch's for each matrix, or a vector [rows] where cols is -1, or a number where rows is too. */
typedef struct trit_result {
    trit_tensor *t; /* NULL: not wanted */
    char *data;
    int64_t each; /* elements */
    size_t size;
    bool is_matrix;
} trit_result;

trit_status trit_result_new(trit_result *out, const trit_matrices *m, trit_dtype type, int rows, int cols, trit_error *err);
void *trit_result_at(const trit_result *r, int64_t i);
/* Writes the results into *out[i] where it is wanted and frees all, whatever `status` says; returns it, or the first error. A new *out is
 * contiguous. Where one fails, none of the new ones is left. */
trit_status trit_results_give(uint32_t n, trit_tensor ***out, trit_result *results, trit_status status, trit_error *err);

/* "what: " or "what: matrix 3: ", for messages; returns text. */
const char *trit_matrix_text(char text[64], const trit_matrices *m, int64_t i);
/* What LAPACK said of matrix i, where it is no finding of the function's own: memory, or `no convergence`. */
trit_status trit_matrix_failed(const trit_matrices *m, int64_t i, int info, trit_error *err);
/* "singular", with the condition number of matrix i of `t`. */
trit_status trit_matrix_singular(const trit_matrices *m, int64_t i, const trit_tensor *t, int info, trit_error *err);

/* Singular values of every matrix of `t`, [..., min(m, n)] of `type`. */
trit_status trit_singular_values(trit_tensor **out, const char *what, const trit_tensor *t, trit_dtype type, trit_error *err);

/* Element [i, j] of a matrix whose columns have `rows` elements. */
double trit_matrix_get(trit_dtype type, const void *matrix, int rows, int i, int j);
void trit_matrix_set(trit_dtype type, void *matrix, int rows, int i, int j, double value);

#endif
