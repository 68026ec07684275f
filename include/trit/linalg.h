/* Linear algebra on tensors.
 *
 * The last two dimensions of a tensor are a matrix; those before them are a batch, and the batches of two inputs broadcast as shapes of
 * maps do (trit/maps.h). Errors of all: arg (shapes that do not fit, named), memory.
 *
 * Products of F32 and F64 are OpenBLAS's where the library was built with it (TRIT_BLAS): its bits differ between processors, and not with the
 * number of threads. Without it, and for other types, our own loops add products in the order of k. Halves are computed in F32 and rounded
 * once; whole numbers wrap around; of BOOL the product is `and` and the sum `or`. */
#ifndef TRIT_LINALG_H
#define TRIT_LINALG_H

#include "trit/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* NumPy's matmul: [..., m, k] by [..., k, n] is [..., m, n]. One dimension: a is a row, b a column, and the result lacks that dimension. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_matmul(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
/* NumPy's dot: over the last dimension of a and the last but one (or only one) of b; the result has all other dimensions of a, then those
 * of b. A number times a tensor where one of them has no dimensions. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_dot(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
/* Over the last dimensions of both; the result has all other dimensions of a, then those of b. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_inner(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
/* Each element of a by each of b: [elements of a, elements of b]. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_outer(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);
/* Sums of products along the last dimensions, which are of one size; those before them broadcast. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_vecdot(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
