/* Tensors by position: choosing, gathering, scattering, joining. Indices are whole numbers of any type, negative ones count from the
 * end; an index outside is an error that names it. Results and *out: trit/tensor.h. Errors of all: arg, memory. */
#ifndef TRIT_INDEX_H
#define TRIT_INDEX_H

#include "trit/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* a where the condition is not 0, else b; the three repeat to a common shape. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_where(trit_tensor **out, const trit_tensor *condition, const trit_tensor *a,
                                                       const trit_tensor *b, trit_error *err);

/* Whole slices: the shape of t with dimension `axis` replaced by that of the indices, as NumPy's take. Rows of an embedding: axis 0. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_take(trit_tensor **out, const trit_tensor *t, const trit_tensor *indices, int32_t axis,
                                                      trit_error *err);
/* t with src added to the slices that take would give; those taken twice are added twice, in order. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_take_add(trit_tensor **out, const trit_tensor *t, const trit_tensor *indices,
                                                          const trit_tensor *src, int32_t axis, trit_error *err);

/* Single elements along one dimension: out[i][j][k] = t[i][indices[i][j][k]][k] for axis 1. Indices have the shape of t but
 * for the axis. NumPy's take_along_axis, PyTorch's gather. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_gather(trit_tensor **out, const trit_tensor *t, const trit_tensor *indices, int32_t axis,
                                                        trit_error *err);
/* t with its elements at those places replaced by src, or src added to them, in order. src: shape of the indices. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_scatter(trit_tensor **out, const trit_tensor *t, const trit_tensor *indices,
                                                         const trit_tensor *src, int32_t axis, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_scatter_add(trit_tensor **out, const trit_tensor *t, const trit_tensor *indices,
                                                             const trit_tensor *src, int32_t axis, trit_error *err);

/* The elements whose mask is not 0, in order, as one dimension. The mask repeats to t's shape. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_masked_select(trit_tensor **out, const trit_tensor *t, const trit_tensor *mask,
                                                               trit_error *err);
/* Where elements are not 0: I64 [count, n_dims], in order. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_nonzero(trit_tensor **out, const trit_tensor *t, trit_error *err);

/* One after the other along an axis that exists (concat), or along a new one (stack). n >= 1 tensors of shapes that agree. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_concat(trit_tensor **out, uint32_t n, const trit_tensor *const *tensors, int32_t axis,
                                                        trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_stack(trit_tensor **out, uint32_t n, const trit_tensor *const *tensors, int32_t axis,
                                                       trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
