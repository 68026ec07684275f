/* Tensor functions that make few elements of many, and those that follow a dimension. Results, types and *out: trit/tensor.h.
 *
 * Axes are dimensions, negative ones counted from the end. Lists of axes, [n_axes], may be in any order and name each axis once; NULL
 * are all of them, and a list of none leaves every element alone. With `keepdims` they stay in the result with size 1, so that it repeats
 * to the shape of t; without they go.
 *
 * Sums of floats have one order: the same elements give the same bits whatever the strides, the threads and the processor, and n of them are
 * wrong by less than log2(n) + 13 roundings of the sum of their magnitudes. Halves are summed in F32 and rounded once.
 *
 * Errors of all: arg (an axis outside, twice, a result that does not fit into *out), memory. */
#ifndef TRIT_REDUCE_H
#define TRIT_REDUCE_H

#include "trit/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Over nothing: 0 and 1. Whole numbers and BOOL: I64, which wraps around. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_sum(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes,
                                                     bool keepdims, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_prod(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes,
                                                      bool keepdims, trit_error *err);
/* Whole numbers and BOOL: F64. Over nothing: NaN. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_mean(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes,
                                                      bool keepdims, trit_error *err);
/* The variance, and its square root, the deviation: squares of what is left without the mean, summed, over n - ddof. Types as mean. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_var(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes,
                                                     double ddof, bool keepdims, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_std(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes,
                                                     double ddof, bool keepdims, trit_error *err);
/* The square root of the sum of squares. Types as mean. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_norm(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes,
                                                      bool keepdims, trit_error *err);
/* NaN where there is one. Errors: arg (of nothing). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_min(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes,
                                                     bool keepdims, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_max(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes,
                                                     bool keepdims, trit_error *err);
/* BOOL: is any not 0, are all? NaN is not 0. Over nothing: false and true. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_any(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes,
                                                     bool keepdims, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_all(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes,
                                                     bool keepdims, trit_error *err);
/* I64: how many are not 0. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_count_nonzero(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes,
                                                               bool keepdims, trit_error *err);
/* log(sum(exp(t))) without overflow; whole numbers as F64. Over nothing: -infinity. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_logsumexp(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes,
                                                           bool keepdims, trit_error *err);

/* The opposite of repeating: sums over the dimensions that `shape`, which repeats to t's, lacks in front or has with size 1. Errors: arg (it
 * does not repeat to t's). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_sum_to(trit_tensor **out, const trit_tensor *t, uint32_t n_dims, const int64_t *shape,
                                                        trit_error *err);

/* exp(t) over its sum along the axis, and the logarithm of that; whole numbers as F64. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_softmax(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_log_softmax(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err);

/* Sums and products of the elements up to each, along the axis, one after the other. Whole numbers and BOOL: I64. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_cumsum(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_cumprod(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err);

/* Where the smallest or largest element stands along the axis: I64, the first of equal ones, the first NaN before all. Over all axes it is
 * the position in the order of elements. Errors: arg (of nothing). */
enum { trit_all_axes = INT32_MIN };
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_argmin(trit_tensor **out, const trit_tensor *t, int32_t axis, bool keepdims, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_argmax(trit_tensor **out, const trit_tensor *t, int32_t axis, bool keepdims, trit_error *err);

/* Along the axis in rising or falling order; NaN are last in both. argsort: I64, where in t the elements stand; equal ones in the order of t. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_sort(trit_tensor **out, const trit_tensor *t, int32_t axis, bool is_descending,
                                                      trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_argsort(trit_tensor **out, const trit_tensor *t, int32_t axis, bool is_descending,
                                                         trit_error *err);
/* The first k of those, the largest falling or the smallest rising, and where they stand. Either result may be left out (NULL). Errors: arg (k
 * beyond the axis). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_topk(trit_tensor **values, trit_tensor **indices, const trit_tensor *t, int64_t k,
                                                      int32_t axis, bool is_largest, trit_error *err);

/* The middle of the elements in order, or the mean of the two there; NaN where there is one, and over nothing. Types as mean. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_median(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes,
                                                        bool keepdims, trit_error *err);
/* What stands at the share q of n elements in order, at place q (n - 1): between two of them in proportion. Types as mean. Errors: arg (q
 * outside 0..1, of nothing). Of several shares q[n_q]: the result has them as a dimension in front. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_quantile(trit_tensor **out, const trit_tensor *t, double q, uint32_t n_axes,
                                                          const int32_t *axes, bool keepdims, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_quantiles(trit_tensor **out, const trit_tensor *t, uint32_t n_q, const double *q,
                                                           uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
