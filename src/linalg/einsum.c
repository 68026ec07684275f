/* Einstein's sums: dimensions of size 1 go, repeated ones become diagonals, and then two operands at a time, those with the smallest
 * product first, become one: by a product of matrices, or of elements where nothing is summed. */
#include <string.h>

#include "base/error.h"
#include "linalg/equation.h"
#include "trit/linalg.h"
#include "trit/maps.h"
#include "trit/reduce.h"

/* A tensor whose dimensions have labels, each once. */
typedef struct factor {
    trit_tensor *t; /* owned */
    trit_labels labels;
} factor;

typedef struct sum {
    const trit_equation *q;
    uint32_t n; /* factors left */
    factor f[trit_einsum_max_operands];
} sum;

static bool has(const trit_labels *labels, uint8_t label) {
    return memchr(labels->label, label, labels->n) != NULL;
}

static uint32_t place(const trit_labels *labels, uint8_t label) {
    uint32_t d = 0;
    while (labels->label[d] != label) d++;
    return d;
}

/* Takes `made` in place of f's tensor. */
static void replace(factor *f, trit_tensor *made) {
    trit_tensor_free(f->t);
    f->t = made;
}

static void drop_label(trit_labels *labels, uint32_t d) {
    labels->n--;
    memmove(labels->label + d, labels->label + d + 1, labels->n - d);
}

/* Without dimensions of size 1, repeated labels as diagonals. */
static trit_status simplify(factor *f, trit_error *err) {
    for (uint32_t d = f->labels.n; d-- > 0;) {
        if (f->t->view.shape[d] != 1) continue;
        trit_tensor *made = NULL;
        trit_status status = trit_tensor_squeeze(&made, f->t, (int32_t)d, err);
        if (status != trit_ok) return status;
        replace(f, made);
        drop_label(&f->labels, d);
    }
    for (uint32_t d = 0; d < f->labels.n;) {
        const uint8_t label = f->labels.label[d];
        const uint8_t *again = memchr(f->labels.label + d + 1, label, f->labels.n - d - 1);
        if (!again) {
            d++;
            continue;
        }
        const uint32_t e = (uint32_t)(again - f->labels.label);
        trit_tensor *made = NULL;
        trit_status status = trit_tensor_diagonal(&made, f->t, 0, (int32_t)d, (int32_t)e, err);
        if (status != trit_ok) return status;
        replace(f, made);
        drop_label(&f->labels, e);
        drop_label(&f->labels, d);
        f->labels.label[f->labels.n++] = label;
    }
    return trit_ok;
}

/* Is the label wanted by the result or by a factor other than these two? */
static bool is_wanted(const sum *s, uint8_t label, uint32_t a, uint32_t b) {
    if (has(&s->q->result, label)) return true;
    for (uint32_t i = 0; i < s->n; i++)
        if (i != a && i != b && has(&s->f[i].labels, label)) return true;
    return false;
}

/* Sums over dimensions that no one else has. The type stays. */
static trit_status sum_alone(sum *s, uint32_t i, trit_error *err) {
    factor *f = &s->f[i];
    int32_t axes[trit_max_dims];
    uint32_t n = 0;
    trit_labels left = {.n = 0};
    for (uint32_t d = 0; d < f->labels.n; d++) {
        if (is_wanted(s, f->labels.label[d], i, i))
            left.label[left.n++] = f->labels.label[d];
        else
            axes[n++] = (int32_t)d;
    }
    if (n == 0) return trit_ok;
    trit_tensor *made = NULL, *cast = NULL;
    trit_status status = trit_tensor_sum(&made, f->t, n, axes, false, err);
    if (status == trit_ok && made->view.dtype != f->t->view.dtype) {
        status = trit_tensor_cast(&cast, made, f->t->view.dtype, err);
        trit_tensor_free(made);
        made = cast;
    }
    if (status != trit_ok) return status;
    replace(f, made);
    f->labels = left;
    return trit_ok;
}

/* f's tensor with the dimensions in this order; those it lacks have size 1. */
static trit_status arranged(trit_tensor **out, const factor *f, const trit_labels *order, trit_error *err) {
    int32_t places[trit_max_dims] = {0};
    int64_t shape[trit_max_dims];
    uint32_t n = 0;
    for (uint32_t d = 0; d < order->n; d++) {
        shape[d] = 1;
        if (!has(&f->labels, order->label[d])) continue;
        places[n] = (int32_t)place(&f->labels, order->label[d]);
        shape[d] = trit_tensor_shape(f->t)[places[n++]];
    }
    trit_tensor *turned = NULL;
    trit_status status = trit_tensor_permute(&turned, f->t, places, err);
    if (status == trit_ok) status = trit_tensor_reshape(out, turned, order->n, shape, err);
    trit_tensor_free(turned);
    return status;
}

/* The dimensions of two factors, by what becomes of them. */
typedef struct parts {
    trit_labels both, left, right, summed;
    int64_t n_both, n_left, n_right, n_summed; /* elements */
} parts;

static void add_label(trit_labels *labels, int64_t *n, uint8_t label, int64_t size) {
    labels->label[labels->n++] = label;
    *n *= size;
}

static void divide(parts *p, const sum *s, uint32_t a, uint32_t b) {
    const trit_labels *x = &s->f[a].labels, *y = &s->f[b].labels;
    *p = (parts){.n_both = 1, .n_left = 1, .n_right = 1, .n_summed = 1};
    for (uint32_t d = 0; d < x->n; d++) {
        const uint8_t label = x->label[d];
        const int64_t size = s->q->size[label];
        if (!has(y, label))
            add_label(&p->left, &p->n_left, label, size);
        else if (is_wanted(s, label, a, b))
            add_label(&p->both, &p->n_both, label, size);
        else
            add_label(&p->summed, &p->n_summed, label, size);
    }
    for (uint32_t d = 0; d < y->n; d++)
        if (!has(x, y->label[d])) add_label(&p->right, &p->n_right, y->label[d], s->q->size[y->label[d]]);
}

static trit_status join(trit_labels *out, const trit_labels *a, const trit_labels *b, const trit_labels *c, trit_error *err) {
    const trit_labels *all[] = {a, b, c};
    out->n = 0;
    for (size_t i = 0; i < 3; i++)
        for (uint32_t d = 0; d < all[i]->n; d++) {
            if (out->n == trit_max_dims)
                return trit_error_set(err, trit_arg, "einsum: a product of two operands has more than %d dimensions", trit_max_dims);
            out->label[out->n++] = all[i]->label[d];
        }
    return trit_ok;
}

/* As matrices [both, rows, cols], whatever dimensions these are made of. */
static trit_status as_matrices(trit_tensor **out, const factor *f, const trit_labels *both, const trit_labels *rows, const trit_labels *cols,
                               const int64_t shape[3], trit_error *err) {
    trit_labels order;
    trit_tensor *t = NULL;
    trit_status status = join(&order, both, rows, cols, err);
    if (status == trit_ok) status = arranged(&t, f, &order, err);
    if (status == trit_ok) status = trit_tensor_reshape(out, t, 3, shape, err);
    trit_tensor_free(t);
    return status;
}

static trit_status by_matrices(trit_tensor **out, const sum *s, const parts *p, const trit_labels *order, uint32_t a, uint32_t b, trit_error *err) {
    trit_tensor *x = NULL, *y = NULL, *product = NULL;
    int64_t shape[trit_max_dims];
    for (uint32_t d = 0; d < order->n; d++) shape[d] = s->q->size[order->label[d]];
    const int64_t left[] = {p->n_both, p->n_left, p->n_summed}, right[] = {p->n_both, p->n_summed, p->n_right};
    trit_status status = as_matrices(&x, &s->f[a], &p->both, &p->left, &p->summed, left, err);
    if (status == trit_ok) status = as_matrices(&y, &s->f[b], &p->both, &p->summed, &p->right, right, err);
    if (status == trit_ok) status = trit_tensor_matmul(&product, x, y, err);
    if (status == trit_ok) status = trit_tensor_reshape(out, product, order->n, shape, err);
    trit_tensor_free(x);
    trit_tensor_free(y);
    trit_tensor_free(product);
    return status;
}

static trit_status by_elements(trit_tensor **out, const sum *s, const trit_labels *order, uint32_t a, uint32_t b, trit_error *err) {
    trit_tensor *x = NULL, *y = NULL;
    trit_status status = arranged(&x, &s->f[a], order, err);
    if (status == trit_ok) status = arranged(&y, &s->f[b], order, err);
    if (status == trit_ok) status = trit_tensor_mul(out, x, y, err);
    trit_tensor_free(x);
    trit_tensor_free(y);
    return status;
}

/* Two factors become one. */
static trit_status contract(sum *s, uint32_t a, uint32_t b, trit_error *err) {
    trit_status status = sum_alone(s, a, err);
    if (status == trit_ok) status = sum_alone(s, b, err);
    if (status != trit_ok) return status;
    parts p;
    divide(&p, s, a, b);
    trit_labels order;
    trit_tensor *made = NULL;
    status = join(&order, &p.both, &p.left, &p.right, err);
    if (status == trit_ok)
        status = p.summed.n ? by_matrices(&made, s, &p, &order, a, b, err) : by_elements(&made, s, &order, a, b, err);
    if (status != trit_ok) return status;
    replace(&s->f[a], made);
    s->f[a].labels = order;
    trit_tensor_free(s->f[b].t);
    s->f[b] = s->f[--s->n];
    return trit_ok;
}

/* The two whose product is smallest. */
static void choose(const sum *s, uint32_t *a, uint32_t *b) {
    double least = -1;
    for (uint32_t i = 0; i < s->n; i++)
        for (uint32_t j = i + 1; j < s->n; j++) {
            parts p;
            divide(&p, s, i, j);
            const double n = (double)p.n_both * (double)p.n_left * (double)p.n_right;
            if (least >= 0 && n >= least) continue;
            least = n;
            *a = i;
            *b = j;
        }
}

/* Into the order of the result, with the sizes of 1 that were taken away. A result is never a view of an operand. */
static trit_status finish(trit_tensor **out, sum *s, trit_dtype type, const trit_tensor *const *operands, trit_error *err) {
    trit_tensor *t = NULL;
    trit_status status = sum_alone(s, 0, err);
    if (status == trit_ok) status = arranged(&t, &s->f[0], &s->q->result, err);
    if (status != trit_ok) return status;
    bool is_own = !*out && t->view.dtype == type;
    for (uint32_t i = 0; i < s->q->n_operands; i++) is_own = is_own && !trit_tensor_shares(t, operands[i]);
    if (is_own) {
        *out = t;
        return trit_ok;
    }
    status = trit_tensor_cast(out, t, type, err);
    trit_tensor_free(t);
    return status;
}

trit_status trit_tensor_einsum(trit_tensor **out, const char *equation, uint32_t n, const trit_tensor *const *operands, trit_error *err) {
    trit_equation q;
    trit_dtype result;
    trit_status status = trit_equation_read(&q, equation, n, operands, err);
    if (status == trit_ok) status = trit_dtype_promote_all(&result, n, operands, err);
    if (status != trit_ok) return status;
    const trit_dtype inner = result == trit_dtype_f16 || result == trit_dtype_bf16 ? trit_dtype_f32 : result; /* of the sums */
    sum s = {.q = &q, .n = n};
    for (uint32_t i = 0; i < n; i++) {
        const trit_view *v = &operands[i]->view;
        s.f[i].labels = q.operand[i];
        if (status != trit_ok) continue;
        if (v->dtype == inner)
            status = trit_tensor_reshape(&s.f[i].t, operands[i], v->n_dims, v->shape, err);
        else
            status = trit_tensor_cast(&s.f[i].t, operands[i], inner, err);
        if (status == trit_ok) status = simplify(&s.f[i], err);
    }
    while (status == trit_ok && s.n > 1) {
        uint32_t a = 0, b = 1;
        choose(&s, &a, &b);
        status = contract(&s, a, b, err);
    }
    if (status == trit_ok) status = finish(out, &s, result, operands, err);
    for (uint32_t i = 0; i < s.n; i++) trit_tensor_free(s.f[i].t);
    return status;
}
