/* Where every tensor function ends: a place for the result, the device, the record. */
#include <string.h>

#include "base/error.h"
#include "device/device.h"
#include "eager/eager.h"

static trit_device *device_of(const trit_eager_op *op) {
    return op->n_in ? op->in[0]->device : op->device;
}

static trit_status new_result(trit_tensor **out, const trit_eager_op *op, trit_error *err) {
    return trit_tensor_new(out, device_of(op), op->result, op->n_dims, op->shape, err);
}

/* May the result be written into *out? */
static trit_status check_out(const trit_tensor *out, const trit_eager_op *op, trit_error *err) {
    const trit_view *v = &out->view;
    const char *name = trit_op_name(op->kind);
    if (out->device != device_of(op)) return trit_error_set(err, trit_arg, "%s: the result is on another device", name);
    if (v->n_dims != op->n_dims || memcmp(v->shape, op->shape, op->n_dims * sizeof *op->shape) != 0) {
        char have[trit_shape_text_bytes], want[trit_shape_text_bytes];
        return trit_error_set(err, trit_arg, "%s: the result %s does not fit into a tensor %s", name,
                              trit_shape_text(want, op->n_dims, op->shape), trit_shape_text(have, v->n_dims, v->shape));
    }
    if (!trit_dtype_can_become(op->result, v->dtype))
        return trit_error_set(err, trit_arg, "%s: results of %s cannot be written as %s", name, trit_dtype_label(op->result),
                              trit_dtype_label(v->dtype));
    if (!trit_view_is_distinct(v)) return trit_error_set(err, trit_arg, "%s: several elements of the result stand in one place", name);
    return trit_ok;
}

static trit_status call_device(const trit_view *out, const trit_eager_op *op, trit_error *err) {
    trit_call call = {.kind = op->kind, .type = op->type, .n_in = op->n_in, .out = *out, .attrs = op->attrs};
    for (uint32_t i = 0; i < op->n_in; i++) {
        call.in[i] = op->in[i]->view;
        if (!op->expands) continue;
        trit_status status = trit_view_expand(&call.in[i], &op->in[i]->view, op->n_dims, op->shape, trit_op_name(op->kind), err);
        if (status != trit_ok) return status;
    }
    trit_device *d = device_of(op);
    return d->vt->call(d, &call, err);
}

/* Would the result be written over elements that are still to be read? Element by element, one and the same view is in order. */
static bool writes_inputs(const trit_view *out, const trit_eager_op *op) {
    for (uint32_t i = 0; i < op->n_in; i++) {
        const trit_view *in = &op->in[i]->view;
        if (trit_view_overlaps(out, in) && !(op->expands && trit_view_equal(out, in))) return true;
    }
    return false;
}

/* Can the device write into these places? */
static bool takes_result(const trit_view *out, const trit_eager_op *op) {
    return out->dtype == op->result && !writes_inputs(out, op) && (!op->is_plain || trit_view_is_contiguous(out));
}

/* Into *out, by way of a new tensor where the result is of another type or would be written over its inputs. */
static trit_status run_into(trit_tensor *out, const trit_eager_op *op, trit_error *err) {
    trit_status status = trit_tensor_check_write(out, trit_op_name(op->kind), err);
    if (status == trit_ok) status = check_out(out, op, err);
    if (status != trit_ok) return status;
    if (!takes_result(&out->view, op)) {
        trit_tensor *result;
        status = new_result(&result, op, err);
        if (status != trit_ok) return status;
        status = call_device(&result->view, op, err);
        if (status == trit_ok) status = trit_tensor_assign(out, result, err);
        trit_tensor_free(result);
        return status;
    }
    out->storage->version++;
    return call_device(&out->view, op, err);
}

/* Quantized tensors are copied and cast, and that is all. */
static trit_status check_types(const trit_eager_op *op, trit_error *err) {
    trit_status status = trit_ok;
    if (op->kind == trit_op_copy) return trit_ok;
    for (uint32_t i = 0; i < op->n_in && status == trit_ok; i++) status = trit_dtype_check_plain(op->in[i]->view.dtype, trit_op_name(op->kind), err);
    return status == trit_ok ? trit_dtype_check_plain(op->result, trit_op_name(op->kind), err) : status;
}

trit_status trit_eager_run(trit_tensor **out, const trit_eager_op *op, trit_error *err) {
    trit_status status = check_types(op, err);
    if (status != trit_ok) return status;
    for (uint32_t i = 1; i < op->n_in; i++)
        if (op->in[i]->device != op->in[0]->device)
            return trit_error_set(err, trit_arg, "%s: inputs on two devices", trit_op_name(op->kind));
    trit_tape *tape;
    status = trit_tape_find(&tape, op->kind, op->n_in, op->in, err);
    if (status != trit_ok) return status;
    if (*out && tape && trit_dtype_is_float(op->result))
        return trit_error_set(err, trit_arg, "%s: what a tape records needs a new tensor for its result", trit_op_name(op->kind));
    if (*out) return run_into(*out, op, err);
    trit_tensor *result;
    status = new_result(&result, op, err);
    if (status != trit_ok) return status;
    status = call_device(&result->view, op, err);
    if (status == trit_ok && tape && trit_dtype_is_float(op->result))
        status = trit_tape_record(tape, result, op->kind, &op->attrs, op->n_in, op->in, err);
    if (status == trit_ok)
        *out = result;
    else
        trit_tensor_free(result);
    return status;
}

/* x, as it is, as the result of a function. */
static trit_eager_op copy_of(const trit_tensor *x) {
    trit_eager_op op = {.kind = trit_op_copy, .type = x->view.dtype, .result = x->view.dtype, .n_in = 1, .in = {x}, .n_dims = x->view.n_dims,
                        .expands = true};
    memcpy(op.shape, x->view.shape, sizeof op.shape);
    return op;
}

trit_status trit_eager_check_out(const trit_tensor *out, const trit_tensor *x, trit_error *err) {
    const trit_eager_op op = copy_of(x);
    return check_out(out, &op, err);
}

trit_status trit_eager_give(trit_tensor **out, trit_tensor *x, trit_error *err) {
    if (!*out) {
        *out = x;
        return trit_ok;
    }
    const trit_eager_op op = copy_of(x);
    trit_status status = trit_eager_run(out, &op, err);
    trit_tensor_free(x);
    return status;
}

trit_status trit_eager_view(trit_tensor **out, const trit_tensor *t, const trit_view *view, trit_op_kind kind, const trit_view_args *args,
                            trit_error *err) {
    trit_tape *tape;
    trit_tensor *result;
    trit_status status = trit_view_check_blocks(view, trit_op_name(kind), err);
    if (status == trit_ok) status = trit_tape_find(&tape, kind, 1, &t, err);
    if (status == trit_ok) status = trit_tensor_make(&result, t->device, t->storage, view, err);
    if (status != trit_ok) return status;
    if (tape) status = trit_tape_record_view(tape, result, kind, args, t, err);
    if (status == trit_ok)
        *out = result;
    else
        trit_tensor_free(result);
    return status;
}
