/* Calculations of rules. */
#include "grad/calc.h"

#include "base/alloc.h"
#include "base/error.h"
#include "trit/index.h"

trit_tensor *trit_calc_own(trit_calc *c, trit_status status, trit_tensor **t) {
    c->status = status;
    if (status != trit_ok) return NULL;
    void *made = c->made;
    if (!trit_grow(&made, &c->capacity, c->n_made + 1, sizeof(trit_tensor *))) {
        trit_tensor_free(*t);
        c->status = trit_error_memory(c->err, sizeof(trit_tensor *), "a gradient");
        return NULL;
    }
    c->made = made;
    return c->made[c->n_made++] = *t;
}

trit_tensor *trit_calc_1(trit_calc *c, trit_fn1 *f, const trit_tensor *a) {
    trit_tensor *t = NULL;
    return c->status == trit_ok ? trit_calc_own(c, f(&t, a, c->err), &t) : NULL;
}

trit_tensor *trit_calc_2(trit_calc *c, trit_fn2 *f, const trit_tensor *a, const trit_tensor *b) {
    trit_tensor *t = NULL;
    return c->status == trit_ok ? trit_calc_own(c, f(&t, a, b, c->err), &t) : NULL;
}

trit_tensor *trit_calc_number(trit_calc *c, double x) {
    trit_tensor *t = NULL;
    return c->status == trit_ok ? trit_calc_own(c, trit_tensor_full(&t, c->gy->device, c->gy->view.dtype, 0, NULL, x, c->err), &t) : NULL;
}

trit_tensor *trit_calc_zeros(trit_calc *c, const trit_form *f) {
    trit_tensor *t = NULL;
    if (c->status != trit_ok) return NULL;
    return trit_calc_own(c, trit_tensor_zeros(&t, c->gy->device, f->dtype, f->n_dims, f->shape, c->err), &t);
}

trit_tensor *trit_calc_only(trit_calc *c, const trit_tensor *condition, const trit_tensor *t) {
    trit_tensor *zero = trit_calc_number(c, 0), *y = NULL;
    return zero && condition && t ? trit_calc_own(c, trit_tensor_where(&y, condition, t, zero, c->err), &y) : NULL;
}

void trit_calc_end(trit_calc *c) {
    while (c->n_made) trit_tensor_free(c->made[--c->n_made]);
    trit_free(c->made);
}
