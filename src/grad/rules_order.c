/* Elements in order: gradients go where the elements came from. */
#include <math.h>

#include "grad/calc.h"
#include "trit/index.h"
#include "trit/reduce.h"

static trit_tensor *places(trit_calc *c, const trit_tensor *x, int32_t axis, bool is_descending) {
    trit_tensor *t = NULL;
    return x && c->status == trit_ok ? trit_calc_own(c, trit_tensor_argsort(&t, x, axis, is_descending, c->err), &t) : NULL;
}

static trit_tensor *shaped(trit_calc *c, const trit_tensor *x, uint32_t n_dims, const int64_t *shape) {
    trit_tensor *t = NULL;
    return x && c->status == trit_ok ? trit_calc_own(c, trit_tensor_reshape(&t, x, n_dims, shape, c->err), &t) : NULL;
}

static trit_tensor *permuted(trit_calc *c, const trit_tensor *x, const int32_t *order) {
    trit_tensor *t = NULL;
    return x && c->status == trit_ok ? trit_calc_own(c, trit_tensor_permute(&t, x, order, c->err), &t) : NULL;
}

/* Element i of the dimension, which stays with size 1. */
static trit_tensor *at(trit_calc *c, const trit_tensor *x, uint32_t axis, int64_t i) {
    trit_slice slices[2] = {{.kind = trit_slice_full}};
    slices[axis] = (trit_slice){.kind = trit_slice_range, .first = i, .last = i + 1, .has_first = true, .has_last = true};
    trit_tensor *t = NULL;
    return x && c->status == trit_ok ? trit_calc_own(c, trit_tensor_slice(&t, x, axis + 1, slices, c->err), &t) : NULL;
}

trit_tensor *trit_rule_sort(trit_calc *c, uint32_t i) {
    const trit_attrs *attrs = &c->record->attrs;
    trit_tensor *whole = trit_calc_zeros(c, &c->record->in[i].form), *from = places(c, in(c, 0), attrs->axis, attrs->n), *t = NULL;
    return from ? trit_calc_own(c, trit_tensor_scatter(&t, whole, from, c->gy, attrs->axis, c->err), &t) : NULL;
}

/* x as [rows, n], where a row is what the op looks through: its axes come last. `order` and `shape`: on the way there. */
static trit_tensor *as_rows(trit_calc *c, int32_t *order, int64_t *shape, int64_t *n) {
    const trit_form *form = &c->record->in[0].form;
    const uint32_t axes = c->record->attrs.axes;
    uint32_t at = 0;
    *n = 1;
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t d = 0; d < form->n_dims; d++) {
            if ((axes >> d & 1) != pass) continue;
            shape[at] = form->shape[d];
            if (pass) *n *= form->shape[d];
            order[at++] = (int32_t)d;
        }
    }
    return shaped(c, permuted(c, in(c, 0), order), 2, (const int64_t[]){*n ? -1 : 0, *n});
}

/* The gradient of rows back in x's order. */
static trit_tensor *from_rows(trit_calc *c, const trit_tensor *g, const int32_t *order, const int64_t *shape) {
    int32_t back[trit_max_dims] = {0};
    const uint32_t n_dims = c->record->in[0].form.n_dims;
    for (uint32_t d = 0; d < n_dims; d++) back[order[d]] = (int32_t)d;
    return permuted(c, shaped(c, g, n_dims, shape), back);
}

/* A share q of a row of n stands between two elements in order: each has its part of gy, [rows, 1]. */
static trit_tensor *give_share(trit_calc *c, trit_tensor *g, const trit_tensor *from, const trit_tensor *gy, double q, int64_t n) {
    const double position = q * (double)(n - 1), low = floor(position), part = position - low;
    for (int side = 0; side < 2; side++) {
        const double weight = side ? part : 1 - part;
        if (weight == 0) continue;
        trit_tensor *index = at(c, from, 1, (int64_t)low + side), *share = mul(c, gy, number(c, weight)), *t = NULL;
        g = index && share ? trit_calc_own(c, trit_tensor_scatter_add(&t, g, index, share, 1, c->err), &t) : NULL;
    }
    return g;
}

static trit_tensor *shares(trit_calc *c, uint32_t n_q, const trit_tensor *q) {
    int32_t order[trit_max_dims] = {0};
    int64_t shape[trit_max_dims], n;
    trit_tensor *x = as_rows(c, order, shape, &n), *from = places(c, x, 1, false);
    if (!from) return NULL;
    trit_tensor *gy = shaped(c, c->gy, 2, (const int64_t[]){n_q, x->view.shape[0]});
    const trit_form form = trit_form_of(x);
    trit_tensor *g = trit_calc_zeros(c, &form);
    for (int64_t i = 0; i < n_q && c->status == trit_ok; i++) {
        double value = 0.5;
        if (q) c->status = trit_tensor_get(q, &i, &value, c->err);
        g = give_share(c, g, from, shaped(c, at(c, gy, 0, i), 2, (const int64_t[]){x->view.shape[0], 1}), value, n);
    }
    return from_rows(c, g, order, shape);
}

trit_tensor *trit_rule_median(trit_calc *c, uint32_t i) {
    (void)i;
    return shares(c, 1, NULL);
}

trit_tensor *trit_rule_quantile(trit_calc *c, uint32_t i) {
    if (i == 1) return NULL; /* numbers */
    return shares(c, (uint32_t)c->record->in[1].form.shape[0], in(c, 1));
}
