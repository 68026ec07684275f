/* Views: the gradient goes back to the places that its elements came from. */
#include "grad/calc.h"

trit_tensor *trit_rule_reshape(trit_calc *c, uint32_t i) {
    const trit_form *form = &c->record->in[i].form;
    trit_tensor *t = NULL;
    return trit_calc_own(c, trit_tensor_reshape(&t, c->gy, form->n_dims, form->shape, c->err), &t);
}

trit_tensor *trit_rule_permute(trit_calc *c, uint32_t i) {
    const uint32_t n = c->record->in[i].form.n_dims;
    const int32_t *order = c->record->view.order;
    int32_t back[trit_max_dims];
    for (uint32_t d = 0; d < n; d++) back[order[d] < 0 ? order[d] + (int32_t)n : order[d]] = (int32_t)d;
    trit_tensor *t = NULL;
    return trit_calc_own(c, trit_tensor_permute(&t, c->gy, back, c->err), &t);
}

/* gy goes into `part` of `whole`. */
static trit_tensor *filled(trit_calc *c, trit_tensor *whole, trit_tensor *part) {
    if (part) c->status = trit_tensor_assign(part, c->gy, c->err);
    return c->status == trit_ok ? whole : NULL;
}

trit_tensor *trit_rule_slice(trit_calc *c, uint32_t i) {
    const trit_view_args *args = &c->record->view;
    trit_tensor *whole = trit_calc_zeros(c, &c->record->in[i].form), *part = NULL;
    if (!whole) return NULL;
    return filled(c, whole, trit_calc_own(c, trit_tensor_slice(&part, whole, args->n_slices, args->slices, c->err), &part));
}

trit_tensor *trit_rule_diagonal(trit_calc *c, uint32_t i) {
    const trit_view_args *args = &c->record->view;
    trit_tensor *whole = trit_calc_zeros(c, &c->record->in[i].form), *part = NULL;
    if (!whole) return NULL;
    return filled(c, whole, trit_calc_own(c, trit_tensor_diagonal(&part, whole, args->offset, args->axis_a, args->axis_b, c->err), &part));
}
