/* What functions of single elements share: the types that a row of tensor/maps.def asks for, the shape that both inputs repeat to. */
#include <string.h>

#include "base/error.h"
#include "eager/eager.h"

/* See tensor/maps.def. */
typedef enum map_types { takes_any, takes_number, takes_signed, takes_whole, takes_shift, takes_real } map_types;

typedef struct map_row {
    map_types types;
    bool is_test;
} map_row;

static const map_row rows[trit_n_op_kinds] = {
#define IS_same false
#define IS_bool true
#define TRIT_MAP1(name, where, types, result, meaning) [trit_op_##name] = {takes_##types, IS_##result},
#define TRIT_MAP2(name, where, types, result, meaning) [trit_op_##name] = {takes_##types, IS_##result},
#include "tensor/maps.def"
#undef TRIT_MAP1
#undef TRIT_MAP2
};

/* The type of the result and the one computed in, for inputs that meet in `t`. */
static trit_status settle_types(trit_eager_op *op, trit_dtype t, trit_error *err) {
    const map_types types = rows[op->kind].types;
    const bool is_bool = t == trit_dtype_bool, is_float = trit_dtype_is_float(t);
    if ((is_bool && types == takes_signed) || (is_float && (types == takes_whole || types == takes_shift)))
        return trit_error_set(err, trit_arg, "%s: not for elements of type %s", trit_op_name(op->kind), trit_dtype_label(t));
    if (types == takes_real && !is_float) t = trit_dtype_f64;
    if (is_bool && (types == takes_number || types == takes_shift)) t = trit_dtype_i8;
    op->result = rows[op->kind].is_test ? trit_dtype_bool : t;
    op->type = t == trit_dtype_f16 || t == trit_dtype_bf16 ? trit_dtype_f32 : t == trit_dtype_bool ? trit_dtype_u8 : t;
    return trit_ok;
}

trit_status trit_eager_map1(trit_tensor **out, trit_op_kind kind, const trit_tensor *a, trit_error *err) {
    trit_eager_op op = {.kind = kind, .n_in = 1, .in = {a}, .n_dims = a->view.n_dims, .expands = true};
    memcpy(op.shape, a->view.shape, sizeof op.shape);
    trit_status status = settle_types(&op, a->view.dtype, err);
    return status == trit_ok ? trit_eager_run(out, &op, err) : status;
}

trit_status trit_eager_map2(trit_tensor **out, trit_op_kind kind, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    trit_eager_op op = {.kind = kind, .n_in = 2, .in = {a, b}, .expands = true};
    trit_dtype t;
    trit_status status = trit_dtype_promote(&t, a->view.dtype, b->view.dtype, err);
    if (status == trit_ok) status = trit_shape_broadcast(&op.n_dims, op.shape, &a->view, &b->view, trit_op_name(kind), err);
    if (status == trit_ok) status = settle_types(&op, t, err);
    return status == trit_ok ? trit_eager_run(out, &op, err) : status;
}
