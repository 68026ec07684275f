/* Linear algebra on tensors.
 *
 * The last two dimensions of a tensor are a matrix; those before them are a batch, and the batches of two inputs broadcast as shapes of
 * maps do (trit/maps.h). Errors of all: arg (shapes that do not fit, named), memory.
 *
 * Products of F32 and F64 are OpenBLAS's where the library was built with it (TRIT_BLAS): its bits differ between processors, and not with the
 * number of threads. OpenBLAS has one number of threads for the whole process: products set it to 1, LAPACK's functions to the device's for as
 * long as they run, whoever else uses it there. Without it, and for other types, our own loops add products in the order of k. Halves are
 * computed in F32 and rounded once; whole numbers wrap around; of BOOL the product is `and` and the sum `or`. */
#ifndef TRIT_LINALG_H
#define TRIT_LINALG_H

#include "trit/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* NumPy's matmul: [..., m, k] by [..., k, n] is [..., m, n]. One dimension: a is a row, b a column, and the result lacks that dimension. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_matmul(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
/* The product of two matrices [m, k] and [k, n] of F32 whose elements are rounded to bfloat16 first, halves to even, and magnitudes below 2^-56 to 0.
 * Faster than the other one where the processor multiplies such numbers (AVX512_BF16) and the operands are not mostly zeros, and slower elsewhere. The sums
 * are F32, as long as products are finite with the same bits on every processor. It records no gradient. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_matmul_bf16(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
/* NumPy's dot: over the last dimension of a and the last but one (or only one) of b; the result has all other dimensions of a, then those
 * of b. A number times a tensor where one of them has no dimensions. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_dot(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
/* Over the last dimensions of both; the result has all other dimensions of a, then those of b. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_inner(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
/* Each element of a by each of b: [elements of a, elements of b]. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_outer(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
/* Sums of products along the last dimensions, which are of one size; those before them broadcast. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_vecdot(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);

/* Einstein's sum of 1 to 8 operands, in NumPy's words: "ij,jk->ik" sums products over the letters that the result lacks; without "->" the
 * result has the letters that occur once, in the order of the alphabet; a letter twice in one operand is its diagonal; "..." stands for
 * dimensions that broadcast. Sizes of 1 repeat. Halves are computed in F32. Errors also: arg (the text, or sizes that differ, named; a product
 * on the way of more than eight dimensions). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_einsum(trit_tensor **out, const char *equation, uint32_t n,
                                                        const trit_tensor *const *operands, trit_error *err);

/* Below: by LAPACK, on the host, with the device's number of threads. Matrices are F32 or F64, whole numbers and BOOL become F64; other types
 * are refused (arg). Results of several parts: a part whose place is NULL is not wanted; those of a call that fails are as they were, but
 * for parts that were tensors before. Gradients end here (trit/grad.h). Errors of all also: unsupported (a library without LAPACKE), numeric (NaN or
 * infinity in a matrix, no convergence; and what stands at the function). Every message names the matrix of a batch. */

/* a = u diag(s) vt, s falling. `full`: u [m, m] and vt [n, n], else [m, min(m, n)] and [min(m, n), n]. Singular values alone are cheaper. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_svd(trit_tensor **u, trit_tensor **s, trit_tensor **vt, const trit_tensor *a, bool full,
                                                     trit_error *err);
/* a = q r, the columns of q orthonormal, r upper. `complete`: q [m, m], r [m, n], else [m, min(m, n)] and [min(m, n), n]. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_qr(trit_tensor **q, trit_tensor **r, const trit_tensor *a, bool complete, trit_error *err);
/* a = l l^T with l lower, or u^T u with u upper; the other triangle of a is not read, but for NaN. Errors: numeric (not positive definite, naming
 * the minor). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_cholesky(trit_tensor **out, const trit_tensor *a, bool upper, trit_error *err);
/* a = p l u: a permutation [m, m], l lower with ones on its diagonal [m, min(m, n)], u upper [min(m, n), n]. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_lu(trit_tensor **p, trit_tensor **l, trit_tensor **u, const trit_tensor *a, trit_error *err);
/* a = v diag(w) v^T of a symmetric matrix, of which only one triangle counts; w rising. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_eigh(trit_tensor **w, trit_tensor **v, const trit_tensor *a, bool upper, trit_error *err);
/* a v = v diag(w) of any square matrix. Values and vectors are complex: real parts in wr [n] and vr [n, n], imaginary parts in wi and vi. Complex
 * ones come in pairs of conjugates, the positive imaginary part first. Vectors have length 1. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_eig(trit_tensor **wr, trit_tensor **wi, trit_tensor **vr, trit_tensor **vi,
                                                     const trit_tensor *a, trit_error *err);

/* The inverse. Errors: numeric (singular, with the condition number). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_inv(trit_tensor **out, const trit_tensor *a, trit_error *err);
/* x of a x = b, b [..., n, k], or [n], which is one column. Errors: numeric (singular, with the condition number). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_solve(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
/* The same, or a^T x = b, for a triangle of a; `unit`: as if its diagonal were ones. Errors: numeric (a 0 on the diagonal). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_solve_triangular(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, bool upper,
                                                                  bool transposed, bool unit, trit_error *err);
/* The shortest x with the least |b - a x|, of one matrix a [m, n] and b [m, k] or [m]. residuals: squares of those lengths [k] where m > n, NaN
 * where the rank is below n; rank: I64; s: singular values. Values at most rcond times the largest are zeros; rcond < 0: epsilon max(m, n). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_lstsq(trit_tensor **x, trit_tensor **residuals, trit_tensor **rank, trit_tensor **s,
                                                       const trit_tensor *a, const trit_tensor *b, double rcond, trit_error *err);
/* Moore and Penrose's inverse; rcond as in lstsq. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_pinv(trit_tensor **out, const trit_tensor *a, double rcond, trit_error *err);

/* Determinants; 1 of no rows. slogdet: -1, 0 or 1, and the logarithm of the absolute value, where that itself would overflow. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_det(trit_tensor **out, const trit_tensor *a, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_slogdet(trit_tensor **sign, trit_tensor **log_abs, const trit_tensor *a, trit_error *err);
/* I64: singular values above the tolerance; < 0: max(m, n) epsilon times the largest. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_matrix_rank(trit_tensor **out, const trit_tensor *a, double tolerance, trit_error *err);

/* Norms of matrices: the root of the sum of squares; the sum of singular values; the largest sum of a column's sizes; of a row's; the largest
 * singular value. The second and the last need LAPACK, the others are for every type. */
typedef enum trit_norm { trit_norm_frobenius, trit_norm_nuclear, trit_norm_one, trit_norm_infinity, trit_norm_two } trit_norm;

TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_matrix_norm(trit_tensor **out, const trit_tensor *a, trit_norm kind, trit_error *err);
/* norm(a) norm(inv(a)); two: the largest singular value over the least, of any matrix, infinity where that is 0. Errors: numeric (singular), arg (no
 * elements). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_cond(trit_tensor **out, const trit_tensor *a, trit_norm kind, trit_error *err);
/* (sum |t|^p)^(1/p) over axes as in trit/reduce.h; p may be 0 (how many are not 0), infinity and -infinity (the largest, the least). Of every type. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_vector_norm(trit_tensor **out, const trit_tensor *t, double p, uint32_t n_axes,
                                                             const int32_t *axes, bool keepdims, trit_error *err);
/* The sum of a diagonal, as in trit_tensor_diagonal; of every type. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_trace(trit_tensor **out, const trit_tensor *a, int64_t offset, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
