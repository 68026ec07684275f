/* Layers: shapes and types are settled here, and inputs laid out as contiguous rows. */
#include "trit/nn.h"

#include <string.h>

#include "base/error.h"
#include "eager/nn.h"

/* An op whose result has the type and shape of x. */
static trit_eager_op op_like(trit_op_kind kind, const trit_tensor *x) {
    trit_eager_op op = {.kind = kind, .type = x->view.dtype, .result = x->view.dtype, .n_in = 1, .in = {x}, .n_dims = x->view.n_dims,
                        .is_plain = true};
    memcpy(op.shape, x->view.shape, sizeof op.shape);
    return op;
}

static trit_status check_types(const trit_eager_op *op, uint32_t n, trit_error *err) {
    const char *name = trit_op_name(op->kind);
    if (op->type != trit_dtype_f32 && op->type != trit_dtype_f64)
        return trit_error_set(err, trit_arg, "%s: elements of %s; F32 and F64 are what it takes", name, trit_dtype_label(op->type));
    for (uint32_t i = 1; i < n; i++)
        if (op->in[i]->view.dtype != op->type)
            return trit_error_set(err, trit_arg, "%s: elements of %s beside those of %s", name, trit_dtype_label(op->in[i]->view.dtype),
                                  trit_dtype_label(op->type));
    return trit_ok;
}

/* Inputs contiguous, whole numbers as I64; then the op, then what was made is freed. */
static trit_status run(trit_tensor **out, trit_eager_op *op, trit_error *err) {
    trit_tensor *own[trit_call_max_in] = {NULL};
    trit_status status = trit_ok;
    for (uint32_t i = 0; i < op->n_in && status == trit_ok; i++) {
        const trit_dtype dtype = op->in[i]->view.dtype;
        status = trit_eager_contiguous(&own[i], op->in[i], trit_dtype_is_float(dtype) ? dtype : trit_dtype_i64, err);
        op->in[i] = own[i];
    }
    if (status == trit_ok) status = trit_eager_run(out, op, err);
    for (uint32_t i = 0; i < op->n_in; i++) trit_tensor_free(own[i]);
    return status;
}

static int64_t last_of(const trit_tensor *t) {
    return t->view.n_dims ? t->view.shape[t->view.n_dims - 1] : -1;
}

/* "x [4, 3] and w [2]" for messages. */
static trit_status refuse(trit_op_kind kind, const char *a, const trit_tensor *x, const char *b, const trit_tensor *y, const char *why,
                          trit_error *err) {
    char s[trit_shape_text_bytes], t[trit_shape_text_bytes];
    return trit_error_set(err, trit_arg, "%s: %s %s and %s %s: %s", trit_op_name(kind), a, trit_shape_text(s, x->view.n_dims, x->view.shape), b,
                          trit_shape_text(t, y->view.n_dims, y->view.shape), why);
}

/* Parts of equal size? */
static trit_status check_parts(trit_op_kind kind, const char *what, const trit_tensor *x, const char *parts, int64_t n, trit_error *err) {
    char text[trit_shape_text_bytes];
    if (x->view.n_dims > 0 && n > 0 && last_of(x) % n == 0) return trit_ok;
    return trit_error_set(err, trit_arg, "%s: rows of %s %s do not divide into %lld %s", trit_op_name(kind), what,
                          trit_shape_text(text, x->view.n_dims, x->view.shape), (long long)n, parts);
}

trit_status trit_tensor_rms_norm(trit_tensor **out, const trit_tensor *x, const trit_tensor *w, int64_t n_parts, double eps, trit_error *err) {
    trit_eager_op op = op_like(trit_op_rms_norm, x);
    op.in[op.n_in++] = w;
    op.attrs.n = n_parts;
    op.attrs.a = eps;
    trit_status status = check_types(&op, 2, err);
    if (status == trit_ok) status = check_parts(op.kind, "x", x, "parts", n_parts, err);
    if (status != trit_ok) return status;
    if (w->view.n_dims != 1 || last_of(w) != last_of(x) / n_parts)
        return refuse(op.kind, "x", x, "w", w, "w has an element for each of a part", err);
    return run(out, &op, err);
}

trit_status trit_tensor_rope(trit_tensor **out, const trit_tensor *x, const trit_tensor *angles, int64_t n_heads, bool neox, trit_error *err) {
    trit_eager_op op = op_like(trit_op_rope, x);
    op.in[op.n_in++] = angles;
    op.attrs.n = n_heads;
    op.attrs.n2 = neox;
    op.attrs.a = 1;
    trit_status status = check_types(&op, 2, err);
    if (status == trit_ok) status = check_parts(op.kind, "x", x, "heads", n_heads, err);
    if (status != trit_ok) return status;
    if (x->view.n_dims != 2 || angles->view.n_dims != 2 || x->view.shape[0] != angles->view.shape[0])
        return refuse(op.kind, "x", x, "angles", angles, "both have a row for each position", err);
    if (last_of(angles) % 2 || last_of(angles) > last_of(x) / n_heads)
        return refuse(op.kind, "x", x, "angles", angles, "a row has cosines and as many sines, a head no fewer elements", err);
    return run(out, &op, err);
}

trit_status trit_nn_rope_back(trit_tensor **out, const trit_tensor *gy, const trit_tensor *angles, const trit_attrs *attrs, trit_error *err) {
    trit_eager_op op = op_like(trit_op_rope, gy);
    op.in[op.n_in++] = angles;
    op.attrs = *attrs;
    op.attrs.a = -attrs->a;
    return run(out, &op, err);
}

/* [T, n_heads d] beside q. */
static trit_status check_heads(const trit_tensor *q, const char *name, const trit_tensor *t, int64_t n_heads, int64_t d, trit_error *err) {
    if (t->view.n_dims != 2 || t->view.shape[0] != q->view.shape[0])
        return refuse(trit_op_attention, "q", q, name, t, "both have a row for each position", err);
    if (n_heads > INT64_MAX / (d + 1) || last_of(t) != n_heads * d)
        return refuse(trit_op_attention, "q", q, name, t, "heads are of one size", err);
    return trit_ok;
}

static trit_status check_attention(const trit_eager_op *op, int64_t n_heads, int64_t n_kv_heads, trit_error *err) {
    const trit_tensor *q = op->in[0], *first = op->in[3];
    trit_status status = check_types(op, 3, err);
    if (status == trit_ok) status = check_parts(op->kind, "q", q, "heads", n_heads, err);
    if (status != trit_ok) return status;
    if (n_kv_heads <= 0 || n_heads % n_kv_heads)
        return trit_error_set(err, trit_arg, "attention: %lld heads do not share %lld heads of keys and values", (long long)n_heads,
                              (long long)n_kv_heads);
    if (q->view.n_dims != 2) return refuse(op->kind, "q", q, "k", op->in[1], "both have two dimensions", err);
    status = check_heads(q, "k", op->in[1], n_kv_heads, last_of(q) / n_heads, err);
    if (status == trit_ok) status = check_heads(q, "v", op->in[2], n_kv_heads, last_of(q) / n_heads, err);
    if (status != trit_ok) return status;
    if (!trit_dtype_is_integer(first->view.dtype))
        return trit_error_set(err, trit_arg, "attention: first positions of %s are no whole numbers", trit_dtype_label(first->view.dtype));
    if (first->view.n_dims != 1 || first->view.shape[0] != q->view.shape[0])
        return refuse(op->kind, "q", q, "first", first, "both have a row for each position", err);
    return trit_ok;
}

static trit_status attention(trit_tensor **out, const trit_tensor *q, const trit_tensor *k, const trit_tensor *v, const trit_tensor *first,
                             int64_t n_heads, int64_t n_kv_heads, double factor, bool in_bf16, trit_error *err) {
    trit_eager_op op = op_like(trit_op_attention, q);
    op.in[1] = k;
    op.in[2] = v;
    op.in[3] = first;
    op.n_in = 5;
    op.attrs.n = n_heads;
    op.attrs.n2 = n_kv_heads;
    op.attrs.n3 = in_bf16;
    op.attrs.a = factor;
    trit_status status = check_attention(&op, n_heads, n_kv_heads, err);
    if (status == trit_ok && in_bf16 && op.type != trit_dtype_f32)
        return trit_error_set(err, trit_arg, "attention: elements of %s; in bfloat16 it takes F32", trit_dtype_label(op.type));
    if (status != trit_ok) return status;
    trit_tensor *sums = NULL;
    status = trit_tensor_new(&sums, q->device, op.type, 2, (int64_t[]){q->view.shape[0], n_heads}, err);
    op.in[4] = sums;
    if (status == trit_ok) status = run(out, &op, err);
    trit_tensor_free(sums);
    return status;
}

trit_status trit_tensor_attention(trit_tensor **out, const trit_tensor *q, const trit_tensor *k, const trit_tensor *v, const trit_tensor *first,
                                  int64_t n_heads, int64_t n_kv_heads, double factor, trit_error *err) {
    return attention(out, q, k, v, first, n_heads, n_kv_heads, factor, false, err);
}

trit_status trit_tensor_attention_bf16(trit_tensor **out, const trit_tensor *q, const trit_tensor *k, const trit_tensor *v, const trit_tensor *first,
                                       int64_t n_heads, int64_t n_kv_heads, double factor, trit_error *err) {
    return attention(out, q, k, v, first, n_heads, n_kv_heads, factor, true, err);
}

trit_status trit_tensor_glu(trit_tensor **out, const trit_tensor *gate, const trit_tensor *up, trit_activation activation, trit_error *err) {
    trit_eager_op op = op_like(trit_op_glu, gate);
    op.in[op.n_in++] = up;
    op.attrs.n = activation;
    trit_status status = check_types(&op, 2, err);
    if (status != trit_ok) return status;
    if (activation < trit_act_silu || activation > trit_act_gelu)
        return trit_error_set(err, trit_arg, "glu: there is no activation %d", (int)activation);
    if (up->view.n_dims != gate->view.n_dims || memcmp(up->view.shape, gate->view.shape, op.n_dims * sizeof *op.shape) != 0)
        return refuse(op.kind, "gate", gate, "up", up, "they have one shape", err);
    return run(out, &op, err);
}

static trit_status check_lambda(const trit_eager_op *op, trit_error *err) {
    if (op->attrs.a >= 0 && op->attrs.a <= 1) return trit_ok;
    return trit_error_set(err, trit_arg, "%s: lambda is %g, not within 0 ... 1", trit_op_name(op->kind), op->attrs.a);
}

trit_status trit_tensor_absmax_int8(trit_tensor **out, const trit_tensor *x, double lambda, trit_error *err) {
    trit_eager_op op = op_like(trit_op_absmax_int8, x);
    op.attrs.a = lambda;
    trit_status status = check_types(&op, 1, err);
    if (status == trit_ok) status = check_lambda(&op, err);
    return status == trit_ok ? run(out, &op, err) : status;
}

trit_status trit_tensor_absmean_ternary(trit_tensor **out, const trit_tensor *w, int64_t group, double lambda, trit_error *err) {
    trit_eager_op op = op_like(trit_op_absmean_ternary, w);
    char text[trit_shape_text_bytes];
    op.attrs.a = lambda;
    op.attrs.n = group;
    trit_status status = check_types(&op, 1, err);
    if (status == trit_ok) status = check_lambda(&op, err);
    if (status != trit_ok) return status;
    if (w->view.n_dims != 2 || group < 0)
        return trit_error_set(err, trit_arg, "absmean_ternary: w %s in groups of %lld: a matrix in groups of 0 or more is what it takes",
                              trit_shape_text(text, w->view.n_dims, w->view.shape), (long long)group);
    return run(out, &op, err);
}

/* Columns of x meet dimension `met` of w. */
static trit_status ternary(trit_tensor **out, trit_op_kind kind, const trit_tensor *x, const char *name, const trit_tensor *w, uint32_t met,
                           const char *what, trit_error *err) {
    const trit_view *a = &x->view, *b = &w->view;
    trit_eager_op op = {.kind = kind, .type = trit_dtype_f32, .result = trit_dtype_f32, .n_in = 2, .in = {x, w}, .n_dims = 2,
                        .shape = {a->shape[0], b->shape[1 - met]}, .is_plain = true};
    if (a->dtype != trit_dtype_f32 || b->dtype != trit_dtype_f32)
        return trit_error_set(err, trit_arg, "%s: elements of %s and %s; F32 is what it takes", trit_op_name(kind), trit_dtype_label(a->dtype),
                              trit_dtype_label(b->dtype));
    const bool fits = a->n_dims == 2 && b->n_dims == 2 && a->shape[1] == b->shape[met] && a->shape[1] > 0 && b->shape[1] <= 1 << 22;
    return fits ? run(out, &op, err) : refuse(kind, name, x, "w", w, what, err);
}

trit_status trit_tensor_ternary_product(trit_tensor **out, const trit_tensor *x, const trit_tensor *w, trit_error *err) {
    return ternary(out, trit_op_ternary_product, x, "x", w, 1, "matrices with rows of one length, 4194304 at most, are what it takes", err);
}

static const char what_gradients_take[] = "matrices, w with as many rows as gy has columns, rows of 4194304 at most, are what it takes";

trit_status trit_tensor_ternary_product_grad(trit_tensor **out, const trit_tensor *gy, const trit_tensor *w, trit_error *err) {
    return ternary(out, trit_op_ternary_product_grad, gy, "gy", w, 0, what_gradients_take, err);
}

trit_status trit_tensor_ternary_product_grad_i16(trit_tensor **out, const trit_tensor *gy, const trit_tensor *w, trit_error *err) {
    return ternary(out, trit_op_ternary_product_grad_i16, gy, "gy", w, 0, what_gradients_take, err);
}

trit_status trit_nn_grad(trit_tensor **out, trit_op_kind kind, uint32_t n_in, const trit_tensor *const *in, const trit_attrs *attrs,
                         trit_error *err) {
    const trit_dtype dtype = in[0]->view.dtype;
    trit_eager_op op = {.kind = kind, .type = dtype, .result = dtype, .n_in = n_in, .n_dims = 1, .is_plain = true, .attrs = *attrs};
    memcpy(op.in, in, n_in * sizeof *in);
    if (kind == trit_op_attention_grad)
        for (uint32_t i = 2; i < 5; i++) op.shape[0] += trit_tensor_n_elements(in[i]);
    else
        for (uint32_t i = 1; i < 3; i++) op.shape[0] += trit_tensor_n_elements(in[i]);
    return run(out, &op, err);
}
