/* Tensor functions: each settles types and shapes, and hands one op to run, which every function ends with. */
#ifndef TRIT_EAGER_EAGER_H
#define TRIT_EAGER_EAGER_H

#include "op/tape.h"

/* An op whose result is known but not made. */
typedef struct trit_eager_op {
    trit_op_kind kind;
    trit_dtype type;   /* computed in */
    trit_dtype result; /* of the elements of the result */
    uint32_t n_in;
    const trit_tensor *in[trit_call_max_in]; /* borrowed */
    trit_device *device; /* of an op without inputs */
    uint32_t n_dims; /* of the result */
    int64_t shape[trit_max_dims];
    bool expands;    /* inputs repeat to the result's shape */
    bool is_plain;   /* the device writes contiguous elements of `result`, and nothing else */
    trit_attrs attrs;
} trit_eager_op;

/* Makes the result or takes *out (include/trit/tensor.h), runs the op, records it where a gradient is wanted. Errors: arg (inputs on
 * two devices; *out of another shape, device or kind), memory, what the device says. */
trit_status trit_eager_run(trit_tensor **out, const trit_eager_op *op, trit_error *err);

/* t itself, one owner more, where it lies contiguous and has the type; else a copy of it that does. */
trit_status trit_eager_contiguous(trit_tensor **out, const trit_tensor *t, trit_dtype dtype, trit_error *err);

/* Functions of single elements, which rows of tensor/maps.def are. Errors: as trit_eager_run's, and arg (types, shapes). */
trit_status trit_eager_map1(trit_tensor **out, trit_op_kind kind, const trit_tensor *a, trit_error *err);
trit_status trit_eager_map2(trit_tensor **out, trit_op_kind kind, const trit_tensor *a, const trit_tensor *b, trit_error *err);

/* reduce.c: axes as a bit each, and the shape that is left of t's when those of op->attrs.axes go; returns how many elements one of the result
 * stands for. `what` names the call. Errors: arg, naming axis and shape. */
trit_status trit_eager_axis(uint32_t *out, const trit_tensor *t, int32_t axis, const char *what, trit_error *err);
trit_status trit_eager_axes(uint32_t *out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, const char *what, trit_error *err);
int64_t trit_eager_reduce_shape(trit_eager_op *op, const trit_tensor *t, bool keepdims);
/* What elements of type t are computed in: F32 for halves. */
trit_dtype trit_eager_computed(trit_dtype t);

/* x, which this takes, as the result: *out becomes it, or gets its elements where it is a tensor that they fit into. */
trit_status trit_eager_give(trit_tensor **out, trit_tensor *x, trit_error *err);
/* Would it fit? Errors: arg. */
trit_status trit_eager_check_out(const trit_tensor *out, const trit_tensor *x, trit_error *err);

/* A new tensor that is another view of t's storage, made by an op of ops.def that computes nothing; recorded like the others. */
trit_status trit_eager_view(trit_tensor **out, const trit_tensor *t, const trit_view *view, trit_op_kind kind, const trit_view_args *args,
                            trit_error *err);

#endif
