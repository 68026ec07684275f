/* Products over one dimension: all of them are products of matrices on views of the inputs. */
#include <string.h>

#include "base/error.h"
#include "eager/eager.h"
#include "trit/linalg.h"
#include "trit/maps.h"

static trit_status refuse(const char *what, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    char x[trit_shape_text_bytes], y[trit_shape_text_bytes];
    return trit_error_set(err, trit_arg, "%s: shapes %s and %s do not fit together", what, trit_shape_text(x, a->view.n_dims, a->view.shape),
                          trit_shape_text(y, b->view.n_dims, b->view.shape));
}

/* a and b of two dimensions or more. */
static trit_status multiply(trit_tensor **out, const char *what, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    const trit_view *x = &a->view, *y = &b->view;
    if (x->shape[x->n_dims - 1] != y->shape[y->n_dims - 2]) return refuse(what, a, b, err);
    trit_eager_op op = {.kind = trit_op_matmul, .n_in = 2, .in = {a, b}};
    trit_status status = trit_dtype_promote(&op.result, x->dtype, y->dtype, err);
    if (status != trit_ok) return status;
    op.type = op.result == trit_dtype_f16 || op.result == trit_dtype_bf16 ? trit_dtype_f32 : op.result;
    trit_view batch_a = *x, batch_b = *y;
    batch_a.n_dims -= 2;
    batch_b.n_dims -= 2;
    if (trit_shape_broadcast(&op.n_dims, op.shape, &batch_a, &batch_b, what, NULL) != trit_ok) return refuse(what, a, b, err);
    op.shape[op.n_dims++] = x->shape[x->n_dims - 2];
    op.shape[op.n_dims++] = y->shape[y->n_dims - 1];
    return trit_eager_run(out, &op, err);
}

/* Takes the dimensions of size 1 away that the inputs were given. */
static trit_status without_dims(trit_tensor **out, const trit_tensor *full, bool row, bool col, trit_error *err) {
    trit_tensor *one = NULL;
    if (!row || !col) return trit_tensor_squeeze(out, full, row ? -2 : -1, err);
    trit_status status = trit_tensor_squeeze(&one, full, -1, err);
    if (status == trit_ok) status = trit_tensor_squeeze(out, one, -1, err);
    trit_tensor_free(one);
    return status;
}

static trit_status with_dims(trit_tensor **out, const trit_tensor *t, bool row, bool col, trit_error *err) {
    trit_tensor *one = NULL;
    if (!row || !col) return trit_tensor_unsqueeze(out, t, row ? -2 : -1, err);
    trit_status status = trit_tensor_unsqueeze(&one, t, -1, err);
    if (status == trit_ok) status = trit_tensor_unsqueeze(out, one, -1, err);
    trit_tensor_free(one);
    return status;
}

/* a gets a dimension of one row and b one of one column where `row` and `col` say so; the result lacks them. */
static trit_status promoted(trit_tensor **out, const char *what, const trit_tensor *a, const trit_tensor *b, bool row, bool col, trit_error *err) {
    if (!row && !col) return multiply(out, what, a, b, err);
    trit_tensor *x = NULL, *y = NULL, *full = NULL;
    trit_status status = trit_ok;
    if (row) status = trit_tensor_unsqueeze(&x, a, -2, err);
    if (status == trit_ok && col) status = trit_tensor_unsqueeze(&y, b, -1, err);
    if (status == trit_ok && *out) status = with_dims(&full, *out, row, col, err);
    if (status == trit_ok) status = multiply(&full, what, row ? x : a, col ? y : b, err);
    if (status == trit_ok && !*out) status = without_dims(out, full, row, col, err);
    trit_tensor_free(x);
    trit_tensor_free(y);
    trit_tensor_free(full);
    return status;
}

trit_status trit_tensor_matmul(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    const trit_view *x = &a->view, *y = &b->view;
    if (x->n_dims == 0 || y->n_dims == 0 || x->shape[x->n_dims - 1] != y->shape[y->n_dims > 1 ? y->n_dims - 2 : 0])
        return refuse("matmul", a, b, err);
    return promoted(out, "matmul", a, b, x->n_dims == 1, y->n_dims == 1, err);
}

trit_status trit_tensor_matmul_bf16(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    const trit_view *x = &a->view, *y = &b->view;
    if (x->n_dims != 2 || y->n_dims != 2 || x->shape[1] != y->shape[0]) return refuse("matmul_bf16", a, b, err);
    if (x->dtype != trit_dtype_f32 || y->dtype != trit_dtype_f32)
        return trit_error_set(err, trit_arg, "matmul_bf16: types %s and %s, but it takes F32", trit_dtype_label(x->dtype), trit_dtype_label(y->dtype));
    const trit_eager_op op = {.kind = trit_op_matmul_bf16, .n_in = 2, .in = {a, b}, .result = trit_dtype_f32, .type = trit_dtype_f32, .n_dims = 2,
                              .shape = {x->shape[0], y->shape[1]}};
    return trit_eager_run(out, &op, err);
}

/* t, repeated to the shape, as a list of rows. */
static trit_status listed(trit_tensor **out, const trit_tensor *t, uint32_t n_dims, const int64_t *shape, trit_error *err) {
    trit_tensor *wide = NULL;
    int64_t rows = 1;
    for (uint32_t d = 0; d + 1 < n_dims; d++) rows *= shape[d];
    trit_status status = trit_tensor_expand(&wide, t, n_dims, shape, err);
    if (status == trit_ok) status = trit_tensor_reshape(out, wide, 2, (int64_t[]){rows, shape[n_dims - 1]}, err);
    trit_tensor_free(wide);
    return status;
}

/* No room for one dimension more: the batch as a list. */
static trit_status vecdot_of_lists(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    trit_tensor *x = NULL, *y = NULL, *list = NULL, *result = NULL;
    uint32_t n_dims;
    int64_t shape[trit_max_dims];
    trit_status status = trit_shape_broadcast(&n_dims, shape, &a->view, &b->view, "vecdot", err);
    if (status == trit_ok) status = listed(&x, a, n_dims, shape, err);
    if (status == trit_ok) status = listed(&y, b, n_dims, shape, err);
    if (status == trit_ok) status = promoted(&list, "vecdot", x, y, true, true, err);
    if (status == trit_ok) status = trit_tensor_reshape(&result, list, n_dims - 1, shape, err);
    trit_tensor_free(x);
    trit_tensor_free(y);
    trit_tensor_free(list);
    return status == trit_ok ? trit_eager_give(out, result, err) : status;
}

trit_status trit_tensor_vecdot(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    const trit_view *x = &a->view, *y = &b->view;
    if (x->n_dims == 0 || y->n_dims == 0 || x->shape[x->n_dims - 1] != y->shape[y->n_dims - 1]) return refuse("vecdot", a, b, err);
    if (x->n_dims == trit_max_dims || y->n_dims == trit_max_dims) return vecdot_of_lists(out, a, b, err);
    return promoted(out, "vecdot", a, b, true, true, err);
}

trit_status trit_tensor_outer(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    trit_tensor *x = NULL, *y = NULL;
    trit_status status = trit_tensor_reshape(&x, a, 2, (int64_t[]){trit_tensor_n_elements(a), 1}, err);
    if (status == trit_ok) status = trit_tensor_reshape(&y, b, 2, (int64_t[]){1, trit_tensor_n_elements(b)}, err);
    if (status == trit_ok) status = trit_tensor_mul(out, x, y, err);
    trit_tensor_free(x);
    trit_tensor_free(y);
    return status;
}

/* [rows, size of the last dimension], and turned: [size, rows]. */
static trit_status flat_rows(trit_tensor **out, const trit_tensor *t, bool turned, trit_error *err) {
    const int64_t size = t->view.shape[t->view.n_dims - 1];
    int64_t rows = 1;
    for (uint32_t d = 0; d + 1 < t->view.n_dims; d++) rows *= t->view.shape[d];
    trit_tensor *flat = NULL;
    trit_status status = trit_tensor_reshape(&flat, t, 2, (int64_t[]){rows, size}, err);
    if (status != trit_ok || !turned) {
        *out = flat;
        return status;
    }
    status = trit_tensor_permute(out, flat, NULL, err);
    trit_tensor_free(flat);
    return status;
}

/* Over the last dimensions; the result's shape is all the others. */
static trit_status inner(trit_tensor **out, const char *what, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    const trit_view *x = &a->view, *y = &b->view;
    int64_t shape[2 * trit_max_dims];
    uint32_t n_dims = 0;
    for (uint32_t d = 0; d + 1 < x->n_dims; d++) shape[n_dims++] = x->shape[d];
    for (uint32_t d = 0; d + 1 < y->n_dims; d++) shape[n_dims++] = y->shape[d];
    if (n_dims > trit_max_dims)
        return trit_error_set(err, trit_arg, "%s: the result has %u dimensions; %d at most", what, n_dims, trit_max_dims);
    trit_tensor *left = NULL, *right = NULL, *product = NULL, *shaped = NULL;
    trit_status status = flat_rows(&left, a, false, err);
    if (status == trit_ok) status = flat_rows(&right, b, true, err);
    if (status == trit_ok) status = multiply(&product, what, left, right, err);
    if (status == trit_ok) status = trit_tensor_reshape(&shaped, product, n_dims, shape, err);
    trit_tensor_free(left);
    trit_tensor_free(right);
    trit_tensor_free(product);
    if (status != trit_ok) return status;
    return trit_eager_give(out, shaped, err);
}

trit_status trit_tensor_inner(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    const trit_view *x = &a->view, *y = &b->view;
    if (x->n_dims == 0 || y->n_dims == 0) return trit_tensor_mul(out, a, b, err);
    if (x->shape[x->n_dims - 1] != y->shape[y->n_dims - 1]) return refuse("inner", a, b, err);
    return inner(out, "inner", a, b, err);
}

trit_status trit_tensor_dot(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err) {
    const trit_view *x = &a->view, *y = &b->view;
    if (x->n_dims == 0 || y->n_dims == 0) return trit_tensor_mul(out, a, b, err);
    if (x->shape[x->n_dims - 1] != y->shape[y->n_dims > 1 ? y->n_dims - 2 : 0]) return refuse("dot", a, b, err);
    if (y->n_dims == 1) return inner(out, "dot", a, b, err);
    trit_tensor *turned = NULL;
    trit_status status = trit_tensor_transpose(&turned, b, -1, -2, err);
    if (status == trit_ok) status = inner(out, "dot", a, turned, err);
    trit_tensor_free(turned);
    return status;
}
