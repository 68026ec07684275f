/* Tensors from the inside: storage with several owners, and views that say where elements stand in it. */
#ifndef TRIT_TENSOR_TENSOR_H
#define TRIT_TENSOR_TENSOR_H

#include <stdatomic.h>

#include "tensor/dtype.h"
#include "trit/tensor.h"

/* Bytes that tensors share. The last owner calls `release`, which frees them and the storage itself. */
typedef struct trit_storage {
    atomic_size_t n_owners;
    void *data;
    size_t n_bytes;
    uint64_t version; /* grows with each write through a function, so that tapes know what they kept is what it was */
    void (*release)(struct trit_storage *s);
    void *user; /* of `release` */
} trit_storage;

void trit_storage_retain(trit_storage *s);
void trit_storage_free(trit_storage *s); /* one owner less; NULL is fine */

/* Storage on bytes that `release` frees, with one owner; and on bytes that are someone else's. Errors: memory. */
trit_status trit_storage_new(trit_storage **out, void *data, size_t n_bytes, void (*release)(trit_storage *s), void *user, trit_error *err);
trit_status trit_storage_borrow(trit_storage **out, void *data, size_t n_bytes, trit_error *err);
bool trit_storage_is_borrowed(const trit_storage *s);

/* Element [i0, i1, ...] of plain type stands at data + size * (i0 * stride[0] + i1 * stride[1] + ...). Of a type of blocks that holds for the
 * first element of a block, `size` being the bytes of a block over its elements: trit_view_check_blocks. */
typedef struct trit_view {
    void *data;
    trit_dtype dtype;
    uint32_t n_dims;
    int64_t shape[trit_max_dims], stride[trit_max_dims];
} trit_view;

/* What a tape knows of a tensor: the head of a record of op/tape.h. Several own it; the last one calls `release`. */
typedef struct trit_node {
    atomic_size_t n_owners;
    void (*release)(struct trit_node *n);
    const char *(*locked)(const struct trit_node *n); /* why the tensor must not be written into; NULL: it may */
} trit_node;

trit_node *trit_node_retain(trit_node *n); /* NULL gives NULL */
void trit_node_free(trit_node *n);         /* one owner less; NULL is fine */

struct trit_tensor {
    atomic_size_t n_owners;
    trit_view view;
    trit_storage *storage;
    trit_device *device; /* borrowed, closed after its tensors */
    trit_node *node;     /* owned; NULL: no gradient is wanted */
};

/* A tensor that becomes another owner of the storage. Errors: memory. */
trit_status trit_tensor_make(trit_tensor **out, trit_device *device, trit_storage *storage, const trit_view *view, trit_error *err);
/* The same elements in a tensor that no tape follows. Errors: memory. */
trit_status trit_tensor_detached(trit_tensor **out, const trit_tensor *t, trit_error *err);

/* May `what` write into it? Errors: arg, where a tape says no. */
trit_status trit_tensor_check_write(const trit_tensor *t, const char *what, trit_error *err);

/* shape.c */
enum { trit_shape_text_bytes = 200 };
/* "[3, 1]", for messages; returns text. */
const char *trit_shape_text(char text[trit_shape_text_bytes], uint32_t n_dims, const int64_t *shape);
/* Elements and bytes of a shape. Errors: arg (negative sizes, too many dimensions, a type that tensors lack, rows that are no whole blocks,
 * too large). */
trit_status trit_shape_check(uint32_t n_dims, const int64_t *shape, trit_dtype dtype, int64_t *n_elements, size_t *n_bytes, trit_error *err);
int64_t trit_view_n_elements(const trit_view *v);
bool trit_view_is_contiguous(const trit_view *v);
bool trit_view_is_distinct(const trit_view *v); /* no two elements in one place; false also for some odd strides where it is so */
void trit_view_set_contiguous(trit_view *v); /* strides from the shape */
size_t trit_dtype_bytes(trit_dtype plain);   /* of one element */
int64_t trit_elements_bytes(trit_dtype dtype, int64_t n); /* of n that follow each other: whole blocks; n < 0: backwards */
/* Blocks lie whole along the last dimension, and nowhere else begins a row inside of one. Plain types: always. Errors: arg, naming `what`. */
trit_status trit_view_check_blocks(const trit_view *v, const char *what, trit_error *err);
/* Refuses what is not plain. `what` names the call. Errors: arg. */
trit_status trit_dtype_check_plain(trit_dtype dtype, const char *what, trit_error *err);
/* Into [0, n_dims). `what` names the call. Errors: arg. */
trit_status trit_axis_check(uint32_t *out, int32_t axis, uint32_t n_dims, const char *what, trit_error *err);
/* The shape that both repeat to. Errors: arg, naming `what` and both shapes. */
trit_status trit_shape_broadcast(uint32_t *n_dims, int64_t shape[trit_max_dims], const trit_view *a, const trit_view *b, const char *what,
                                 trit_error *err);
/* *v as a view of that shape, strides 0 where it repeats. Errors: arg. */
trit_status trit_view_expand(trit_view *out, const trit_view *v, uint32_t n_dims, const int64_t *shape, const char *what, trit_error *err);
/* May elements of the two stand on the same bytes? Never false where they do. */
bool trit_view_overlaps(const trit_view *a, const trit_view *b);
/* The same elements in the same places. */
bool trit_view_equal(const trit_view *a, const trit_view *b);
/* Without dimensions of size 1, neighbours merged where one stride walks both: the fewest dimensions of the same elements in the same
 * order. No elements: one dimension of 0. */
void trit_view_collapse(trit_view *out, const trit_view *v);

/* views.c: the geometry of views, no storage. Errors: arg, with the call's name in `what` where several share one. */
/* False: these strides do not allow the shape, which has as many elements. */
bool trit_view_reshape(trit_view *out, const trit_view *v, uint32_t n_dims, const int64_t *shape);
/* The shape with -1 filled in. */
trit_status trit_shape_fill(int64_t out[trit_max_dims], const trit_view *v, uint32_t n_dims, const int64_t *shape, trit_error *err);
trit_status trit_view_permute(trit_view *out, const trit_view *v, const int32_t *order, trit_error *err);
trit_status trit_view_squeeze(trit_view *out, const trit_view *v, int32_t axis, trit_error *err);
void trit_view_squeeze_all(trit_view *out, const trit_view *v);
trit_status trit_view_unsqueeze(trit_view *out, const trit_view *v, int32_t axis, trit_error *err);
trit_status trit_view_diagonal(trit_view *out, const trit_view *v, int64_t offset, int32_t axis_a, int32_t axis_b, trit_error *err);
trit_status trit_view_slice(trit_view *out, const trit_view *v, uint32_t n, const trit_slice *slices, trit_error *err);

/* The type that the elements of all meet in, whatever their order. Errors: arg. */
trit_status trit_dtype_promote_all(trit_dtype *out, uint32_t n, const trit_tensor *const *tensors, trit_error *err);
/* May results of `from` be written into `to`? Within a kind or into a wider one: bool, whole numbers, floats. */
bool trit_dtype_can_become(trit_dtype from, trit_dtype to);

/* elements.c: one element by its address. Floats are cut to whole numbers, those outside the range and NaN become the nearest bound
 * and 0. */
double trit_element_get(trit_dtype dtype, const void *p);
void trit_element_set(trit_dtype dtype, void *p, double value);

#endif
