/* Tensors: elements of one type in a box of up to eight dimensions, and views on them.
 *
 * A tensor is a view (type, shape, strides) on storage that several tensors may share, as NumPy's arrays do. Functions take the
 * result first and an optional error last:
 *
 *     trit_tensor *c = NULL;
 *     trit_status status = trit_tensor_add(&c, a, b, &err);
 *
 * The result: where *out is NULL a new tensor is made, which the caller frees. Where *out is a tensor, the result is written into
 * it, as NumPy's `out=`: its shape must be the result's, and its type one that the result may become (a wider one, or a
 * narrower one of the same kind). It may be an input: that is how an operation is done in place. On an error *out is what it was.
 *
 * Types follow NumPy 2: inputs of two types meet in the smallest type that holds both; whole numbers wrap around; quotients and
 * transcendental functions of whole numbers are F64. BF16 stands beside F16: the two meet in F32.
 *
 * Quantized types, Q4_0 to PQ2_0 of trit/dtypes.def, have rows of whole blocks: the last dimension is a multiple of 32 to 256. Such tensors are
 * made by a cast or by trit_tensor_from out of blocks, cast to plain types, copied, written into files, and seen through views that leave blocks
 * whole. No function computes with them: cast to F32 first, it says.
 *
 * Threads: a tensor may be read by several threads at once; who writes must be alone. Counting of owners is atomic. */
#ifndef TRIT_TENSOR_H
#define TRIT_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/device.h"
#include "trit/dtype.h"
#include "trit/memory.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { trit_max_dims = 8 };

typedef struct trit_tensor trit_tensor;

/* Another owner of the same tensor; returns it. NULL gives NULL. */
TRIT_API trit_tensor *trit_tensor_retain(trit_tensor *t);
/* One owner less; the last one frees. NULL is fine. */
TRIT_API void trit_tensor_free(trit_tensor *t);

/* What it is. Strides count elements and may be 0 or negative. */
TRIT_API trit_dtype trit_tensor_dtype(const trit_tensor *t);
TRIT_API uint32_t trit_tensor_n_dims(const trit_tensor *t);
TRIT_API const int64_t *trit_tensor_shape(const trit_tensor *t);   /* [n_dims], slowest first */
TRIT_API const int64_t *trit_tensor_strides(const trit_tensor *t); /* [n_dims] */
TRIT_API int64_t trit_tensor_n_elements(const trit_tensor *t);     /* 1 for n_dims 0 */
TRIT_API size_t trit_tensor_n_bytes(const trit_tensor *t); /* of all elements, where they follow each other */
TRIT_API trit_device *trit_tensor_device(const trit_tensor *t);
TRIT_API bool trit_tensor_is_contiguous(const trit_tensor *t); /* elements one after the other, the last dimension fastest */
TRIT_API bool trit_tensor_shares(const trit_tensor *a, const trit_tensor *b); /* one storage */

/* The first element, where the device's memory is the program's. */
TRIT_API void *trit_tensor_data(const trit_tensor *t);

/* One element by its indices [n_dims], negative ones from the end. Errors: arg (outside). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_get(const trit_tensor *t, const int64_t *index, double *out, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_set(trit_tensor *t, const int64_t *index, double value, trit_error *err);

/* The elements as text, "[[1, 2],\n [3, 4]]"; the middle of large tensors is left out. Replaces what *out held. Errors: memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_text(trit_text *out, const trit_tensor *t, trit_error *err);

/* Creation, of new tensors: new, full, zeros, ones, eye and borrow do not look at *out. A shape is [n_dims] sizes of 0 or more. Errors: arg
 * (a negative size, more than eight dimensions, a type that tensors lack, rows that are no whole blocks, a size beyond the machine's), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_new(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims,
                                                     const int64_t *shape, trit_error *err); /* elements undefined */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_full(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims,
                                                      const int64_t *shape, double value, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_zeros(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims,
                                                       const int64_t *shape, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_ones(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims,
                                                      const int64_t *shape, trit_error *err);
/* Ones where row + offset = column, else zeros. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_eye(trit_tensor **out, trit_device *device, trit_dtype dtype, int64_t n_rows,
                                                     int64_t n_cols, int64_t offset, trit_error *err);
/* first, first + step, ... before last (beyond it where step is negative): ceil((last - first) / step) elements. Errors: arg (a step of 0,
 * bounds that are not finite), as above. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_arange(trit_tensor **out, trit_device *device, trit_dtype dtype, double first, double last,
                                                        double step, trit_error *err);
/* n elements from first to last, both included. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_linspace(trit_tensor **out, trit_device *device, trit_dtype dtype, double first, double last,
                                                          int64_t n, trit_error *err);
/* Random elements: uniform in [0, 1); normal with mean 0 and deviation 1; whole numbers uniform in [low, high). Element i depends on the seed
 * and i alone, so a shape does not matter and every machine gives the same (base/rng.h; normal by Box and Muller, with functions of
 * our own). Floats are made in F64 and rounded. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_rand(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims,
                                                      const int64_t *shape, uint64_t seed, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_randn(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims,
                                                       const int64_t *shape, uint64_t seed, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_randint(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims,
                                                         const int64_t *shape, int64_t low, int64_t high, uint64_t seed, trit_error *err);
/* A copy of `data`, whose elements of `dtype` follow each other. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_from(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims,
                                                      const int64_t *shape, const void *data, trit_error *err);
/* No copy: a tensor on the caller's elements, which stay the caller's and outlive it. Strides NULL: one after the other. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_borrow(trit_tensor **out, trit_device *device, trit_dtype dtype, uint32_t n_dims,
                                                        const int64_t *shape, const int64_t *strides, void *data, trit_error *err);

/* Views share the storage of `t`: what is written into one is seen in the other. They are always new tensors. */

/* The same elements in another shape; one size may be -1, the rest. A view where the strides allow, else a copy, which
 * trit_tensor_shares tells. Errors: arg (other number of elements). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_reshape(trit_tensor **out, const trit_tensor *t, uint32_t n_dims, const int64_t *shape,
                                                         trit_error *err);
/* Dimension i of the result is dimension order[i] of `t`. NULL: reversed. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_permute(trit_tensor **out, const trit_tensor *t, const int32_t *order, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_transpose(trit_tensor **out, const trit_tensor *t, int32_t axis_a, int32_t axis_b,
                                                           trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_squeeze(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_squeeze_all(trit_tensor **out, const trit_tensor *t, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_unsqueeze(trit_tensor **out, const trit_tensor *t, int32_t axis, trit_error *err);
/* Sizes of 1, and dimensions that `t` lacks in front, repeat without memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_expand(trit_tensor **out, const trit_tensor *t, uint32_t n_dims, const int64_t *shape,
                                                        trit_error *err);
/* The elements (i, i + offset) of the dimensions a and b, as a last dimension. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_diagonal(trit_tensor **out, const trit_tensor *t, int64_t offset, int32_t axis_a,
                                                          int32_t axis_b, trit_error *err);

/* A part of one dimension, as Python's brackets have it. */
typedef enum trit_slice_kind { trit_slice_full, trit_slice_index, trit_slice_range } trit_slice_kind;

typedef struct trit_slice {
    trit_slice_kind kind;
    int64_t first, last, step;   /* index: first. range: first, first + step, ... before last; negative ones from the end; step 0 is 1 */
    bool has_first, has_last;    /* of a range; false: from its beginning, to its end */
} trit_slice;

/* slices[n]; dimensions beyond n are taken whole. An index takes its dimension away. Errors: arg (more slices than dimensions, an
 * index outside). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_slice(trit_tensor **out, const trit_tensor *t, uint32_t n, const trit_slice *slices,
                                                       trit_error *err);

/* Copies: contiguous, of the same type; of another type (whole numbers from floats are cut; see trit/cast.h for other ways); into
 * another tensor, broadcast to its shape. To quantized types by way of F32. Errors: unsupported (NVFP4 is only read), numeric (to
 * quantized types NaN, infinities and what their blocks cannot hold). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_copy(trit_tensor **out, const trit_tensor *t, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_cast(trit_tensor **out, const trit_tensor *t, trit_dtype dtype, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_tensor_assign(trit_tensor *to, const trit_tensor *from, trit_error *err);

/* The type that elements of a and b meet in. */
TRIT_API TRIT_MUST_CHECK trit_status trit_dtype_promote(trit_dtype *out, trit_dtype a, trit_dtype b, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
