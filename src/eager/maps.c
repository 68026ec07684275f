/* Functions of single elements: the types that a row of tensor/maps.def asks for, the shape that both inputs repeat to. */
#include "trit/maps.h"

#include <string.h>

#include "base/error.h"
#include "eager/eager.h"

typedef struct map_row {
    bool is_real, is_test;
} map_row;

static const map_row rows[trit_n_op_kinds] = {
#define IS_any false
#define IS_real true
#define IS_same false
#define IS_bool true
#define TRIT_MAP1(name, where, types, result, meaning) [trit_op_##name] = {IS_##types, IS_##result},
#define TRIT_MAP2(name, where, types, result, meaning) [trit_op_##name] = {IS_##types, IS_##result},
#include "tensor/maps.def"
#undef TRIT_MAP1
#undef TRIT_MAP2
};

/* The type of the result and the one computed in, for inputs that meet in `t`. */
static void settle_types(trit_eager_op *op, trit_dtype t) {
    const map_row *row = &rows[op->kind];
    if (row->is_real && !trit_dtype_is_float(t)) t = trit_dtype_f64;
    op->result = row->is_test ? trit_dtype_bool : t;
    op->type = t == trit_dtype_f16 || t == trit_dtype_bf16 ? trit_dtype_f32 : t == trit_dtype_bool ? trit_dtype_u8 : t;
}

static trit_status map1(trit_tensor **out, trit_op_kind kind, const trit_tensor *a, trit_error *err) {
    trit_eager_op op = {.kind = kind, .n_in = 1, .in = {a}, .n_dims = a->view.n_dims, .expands = true};
    memcpy(op.shape, a->view.shape, sizeof op.shape);
    settle_types(&op, a->view.dtype);
    return trit_eager_run(out, &op, err);
}

static trit_status map2(trit_tensor **out, trit_op_kind kind, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    trit_eager_op op = {.kind = kind, .n_in = 2, .in = {a, b}, .expands = true};
    trit_dtype t;
    trit_status status = trit_dtype_promote(&t, a->view.dtype, b->view.dtype, err);
    if (status == trit_ok) status = trit_shape_broadcast(&op.n_dims, op.shape, &a->view, &b->view, trit_op_name(kind), err);
    if (status != trit_ok) return status;
    settle_types(&op, t);
    return trit_eager_run(out, &op, err);
}

trit_status trit_tensor_neg(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return map1(out, trit_op_neg, a, err);
}

trit_status trit_tensor_abs(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return map1(out, trit_op_abs, a, err);
}

trit_status trit_tensor_sqrt(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return map1(out, trit_op_sqrt, a, err);
}

trit_status trit_tensor_exp(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return map1(out, trit_op_exp, a, err);
}

trit_status trit_tensor_isnan(trit_tensor **out, const trit_tensor *a, trit_error *err) {
    return map1(out, trit_op_isnan, a, err);
}

trit_status trit_tensor_add(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return map2(out, trit_op_add, a, b, err);
}

trit_status trit_tensor_sub(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return map2(out, trit_op_sub, a, b, err);
}

trit_status trit_tensor_mul(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return map2(out, trit_op_mul, a, b, err);
}

trit_status trit_tensor_div(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return map2(out, trit_op_div, a, b, err);
}

trit_status trit_tensor_lt(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    return map2(out, trit_op_lt, a, b, err);
}
