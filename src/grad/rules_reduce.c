/* Many elements into one, softmax, and running sums. */
#include "grad/calc.h"
#include "trit/reduce.h"

/* A result, or its gradient, with the dimensions that went as size 1; it then repeats to the input's shape. */
static trit_tensor *kept(trit_calc *c, const trit_tensor *t) {
    trit_form form = c->record->in[0].form;
    trit_tensor *y = NULL;
    for (uint32_t d = 0; d < form.n_dims; d++)
        if (c->record->attrs.axes >> d & 1) form.shape[d] = 1;
    return t && c->status == trit_ok ? trit_calc_own(c, trit_tensor_reshape(&y, t, form.n_dims, form.shape, c->err), &y) : NULL;
}

typedef trit_status fn_fold(trit_tensor **out, const trit_tensor *t, uint32_t n_axes, const int32_t *axes, bool keepdims, trit_error *err);

/* Over the axes of the op. */
static trit_tensor *fold(trit_calc *c, fn_fold *fn, const trit_tensor *t) {
    int32_t axes[trit_max_dims];
    uint32_t n = 0;
    for (int32_t d = 0; d < trit_max_dims; d++)
        if (c->record->attrs.axes >> d & 1) axes[n++] = d;
    trit_tensor *y = NULL;
    return t && c->status == trit_ok ? trit_calc_own(c, fn(&y, t, n, axes, true, c->err), &y) : NULL;
}

static trit_tensor *sum(trit_calc *c, const trit_tensor *t) {
    return fold(c, trit_tensor_sum, t);
}

trit_tensor *trit_rule_sum(trit_calc *c, uint32_t i) {
    const trit_form *form = &c->record->in[i].form;
    const trit_tensor *gy = kept(c, c->gy);
    trit_tensor *t = NULL;
    return gy ? trit_calc_own(c, trit_tensor_expand(&t, gy, form->n_dims, form->shape, c->err), &t) : NULL;
}

/* The product of the others: y / x, but where factors are 0. A single 0 gets the product of the rest, beside several zeros all get 0. */
trit_tensor *trit_rule_prod(trit_calc *c, uint32_t i) {
    (void)i;
    trit_tensor *x = in(c, 0), *zero = number(c, 0), *one = number(c, 1);
    trit_tensor *is_zero = of2(c, trit_tensor_eq, x, zero), *n = sum(c, is_zero);
    trit_tensor *safe = add(c, x, is_zero), *p = fold(c, trit_tensor_prod, safe); /* 1 in place of 0 */
    trit_tensor *others = trit_calc_only(c, of2(c, trit_tensor_eq, n, zero), over(c, p, safe));
    trit_tensor *rest = trit_calc_only(c, is_zero, trit_calc_only(c, of2(c, trit_tensor_eq, n, one), p));
    return mul(c, kept(c, c->gy), add(c, others, rest));
}

/* Equal shares of all that are the extreme. */
trit_tensor *trit_rule_extreme(trit_calc *c, uint32_t i) {
    (void)i;
    trit_tensor *chosen = of2(c, trit_tensor_eq, in(c, 0), kept(c, result(c))), *n = NULL;
    trit_tensor *total = chosen ? sum(c, chosen) : NULL;
    if (total) trit_calc_own(c, trit_tensor_cast(&n, total, c->gy->view.dtype, c->err), &n);
    return trit_calc_only(c, chosen, over(c, kept(c, c->gy), n));
}

/* y (gy - sum(gy y)) */
trit_tensor *trit_rule_softmax(trit_calc *c, uint32_t i) {
    (void)i;
    return mul(c, result(c), sub(c, c->gy, sum(c, mul(c, c->gy, result(c)))));
}

/* gy - exp(y) sum(gy) */
trit_tensor *trit_rule_log_softmax(trit_calc *c, uint32_t i) {
    (void)i;
    return sub(c, c->gy, mul(c, of(c, trit_tensor_exp, result(c)), sum(c, c->gy)));
}

/* exp(x - y) */
trit_tensor *trit_rule_logsumexp(trit_calc *c, uint32_t i) {
    (void)i;
    return mul(c, kept(c, c->gy), of(c, trit_tensor_exp, sub(c, in(c, 0), kept(c, result(c)))));
}

static trit_tensor *running(trit_calc *c, trit_status (*fn)(trit_tensor **, const trit_tensor *, int32_t, trit_error *), const trit_tensor *t) {
    trit_tensor *y = NULL;
    return t && c->status == trit_ok ? trit_calc_own(c, fn(&y, t, c->record->attrs.axis, c->err), &y) : NULL;
}

/* The other way round along the axis of the op. */
static trit_tensor *turned(trit_calc *c, const trit_tensor *t) {
    const uint32_t axis = (uint32_t)c->record->attrs.axis;
    trit_slice slices[trit_max_dims] = {{.kind = trit_slice_full}};
    slices[axis] = (trit_slice){.kind = trit_slice_range, .step = -1};
    trit_tensor *y = NULL;
    return t && c->status == trit_ok ? trit_calc_own(c, trit_tensor_slice(&y, t, axis + 1, slices, c->err), &y) : NULL;
}

/* Sums of each element and those behind it. */
static trit_tensor *sums_from(trit_calc *c, const trit_tensor *t) {
    return turned(c, running(c, trit_tensor_cumsum, turned(c, t)));
}

trit_tensor *trit_rule_cumsum(trit_calc *c, uint32_t i) {
    (void)i;
    return sums_from(c, c->gy);
}

/* Sums of gy y from each element on, over x, before the first 0; that 0 itself has the products that would be without it, up to the next;
 * what stands behind it has no part in anything. */
trit_tensor *trit_rule_cumprod(trit_calc *c, uint32_t i) {
    (void)i;
    trit_tensor *x = in(c, 0), *zero = number(c, 0), *one = number(c, 1);
    trit_tensor *is_zero = of2(c, trit_tensor_eq, x, zero), *n = running(c, trit_tensor_cumsum, is_zero);
    trit_tensor *is_first = of2(c, trit_tensor_logical_and, is_zero, of2(c, trit_tensor_eq, n, one));
    trit_tensor *without = running(c, trit_tensor_cumprod, add(c, x, is_first));
    trit_tensor *before = over(c, sums_from(c, mul(c, c->gy, result(c))), add(c, x, is_zero));
    return add(c, trit_calc_only(c, of2(c, trit_tensor_eq, n, zero), before),
               trit_calc_only(c, is_first, sums_from(c, mul(c, c->gy, without))));
}
