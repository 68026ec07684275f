/* Products of matrices. */
#include "grad/calc.h"
#include "trit/linalg.h"

static trit_tensor *transposed(trit_calc *c, const trit_tensor *t) {
    trit_tensor *y = NULL;
    return t && c->status == trit_ok ? trit_calc_own(c, trit_tensor_transpose(&y, t, -1, -2, c->err), &y) : NULL;
}

/* [..., m, n] as [rows, n]. */
static trit_tensor *rows(trit_calc *c, const trit_tensor *t) {
    const trit_view *v = &t->view;
    int64_t shape[2] = {1, v->shape[v->n_dims - 1]};
    for (uint32_t d = 0; d + 1 < v->n_dims; d++) shape[0] *= v->shape[d];
    trit_tensor *y = NULL;
    return c->status == trit_ok ? trit_calc_own(c, trit_tensor_reshape(&y, t, 2, shape, c->err), &y) : NULL;
}

/* y = a b: gy b' and a' gy. Of one matrix b for a whole batch, as weights are, the second is one product over all rows, and no sum of many. */
trit_tensor *trit_rule_matmul(trit_calc *c, uint32_t i) {
    if (i == 0) return of2(c, trit_tensor_matmul, c->gy, transposed(c, in(c, 1)));
    if (c->record->in[1].form.n_dims == 2) return of2(c, trit_tensor_matmul, transposed(c, rows(c, in(c, 0))), rows(c, c->gy));
    return of2(c, trit_tensor_matmul, transposed(c, in(c, 0)), c->gy);
}
