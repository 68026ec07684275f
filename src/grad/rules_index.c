/* Elements chosen, gathered, scattered and joined by position. The inputs of the ops: what is read or changed, indices, what is written. */
#include "grad/calc.h"
#include "trit/index.h"

typedef trit_status fn_read(trit_tensor **out, const trit_tensor *t, const trit_tensor *indices, int32_t axis, trit_error *err);
typedef trit_status fn_write(trit_tensor **out, const trit_tensor *t, const trit_tensor *indices, const trit_tensor *src, int32_t axis,
                             trit_error *err);

/* Along the axis of the op; inputs may be NULL after an error. */
static trit_tensor *read_by(trit_calc *c, fn_read *fn, const trit_tensor *t, const trit_tensor *indices) {
    trit_tensor *y = NULL;
    return c->status == trit_ok ? trit_calc_own(c, fn(&y, t, indices, c->record->attrs.axis, c->err), &y) : NULL;
}

static trit_tensor *write_by(trit_calc *c, fn_write *fn, const trit_tensor *t, const trit_tensor *indices, const trit_tensor *src) {
    trit_tensor *y = NULL;
    return c->status == trit_ok ? trit_calc_own(c, fn(&y, t, indices, src, c->record->attrs.axis, c->err), &y) : NULL;
}

/* 0, 1, 2, ... in a shape. */
static trit_tensor *positions(trit_calc *c, const trit_form *form) {
    int64_t n = 1;
    for (uint32_t d = 0; d < form->n_dims; d++) n *= form->shape[d];
    trit_tensor *flat = NULL, *t = NULL;
    if (c->status == trit_ok)
        trit_calc_own(c, trit_tensor_arange(&flat, c->gy->device, trit_dtype_i64, 0, (double)n, 1, c->err), &flat);
    return c->status == trit_ok ? trit_calc_own(c, trit_tensor_reshape(&t, flat, form->n_dims, form->shape, c->err), &t) : NULL;
}

trit_tensor *trit_rule_where(trit_calc *c, uint32_t i) {
    trit_tensor *condition = in(c, 0);
    if (i == 0) return NULL;
    return trit_calc_only(c, i == 1 ? condition : of(c, trit_tensor_logical_not, condition), c->gy);
}

/* gy's slices are added where they were taken from. */
trit_tensor *trit_rule_take(trit_calc *c, uint32_t i) {
    return write_by(c, trit_tensor_take_add, trit_calc_zeros(c, &c->record->in[i].form), in(c, 1), c->gy);
}

trit_tensor *trit_rule_take_add(trit_calc *c, uint32_t i) {
    return i == 0 ? c->gy : read_by(c, trit_tensor_take, c->gy, in(c, 1));
}

trit_tensor *trit_rule_gather(trit_calc *c, uint32_t i) {
    return write_by(c, trit_tensor_scatter_add, trit_calc_zeros(c, &c->record->in[i].form), in(c, 1), c->gy);
}

trit_tensor *trit_rule_scatter_add(trit_calc *c, uint32_t i) {
    return i == 0 ? c->gy : read_by(c, trit_tensor_gather, c->gy, in(c, 1));
}

/* Elements of src that others were written over have no part in the result: of the position that each would leave behind, the one that stays
 * is found. */
static trit_tensor *is_left(trit_calc *c, trit_tensor *indices) {
    trit_form places = c->record->in[0].form, own = trit_form_of(indices);
    places.dtype = trit_dtype_i64;
    trit_tensor *mine = positions(c, &own);
    trit_tensor *board = write_by(c, trit_tensor_scatter, trit_calc_zeros(c, &places), indices, mine);
    return of2(c, trit_tensor_eq, read_by(c, trit_tensor_gather, board, indices), mine);
}

trit_tensor *trit_rule_scatter(trit_calc *c, uint32_t i) {
    trit_tensor *indices = in(c, 1);
    if (i == 0) return write_by(c, trit_tensor_scatter, c->gy, indices, trit_calc_zeros(c, &c->record->in[2].form));
    return trit_calc_only(c, is_left(c, indices), read_by(c, trit_tensor_gather, c->gy, indices));
}

/* The part of gy that input i became. */
trit_tensor *trit_rule_concat(trit_calc *c, uint32_t i) {
    const trit_record *r = c->record;
    const uint32_t axis = (uint32_t)r->attrs.axis;
    trit_slice slices[trit_max_dims] = {{.kind = trit_slice_full}};
    int64_t first = 0;
    for (uint32_t j = 0; j < i; j++) first += r->in[j].form.shape[axis];
    slices[axis] = (trit_slice){.kind = trit_slice_range, .first = first, .last = first + r->in[i].form.shape[axis], .step = 1,
                                .has_first = true, .has_last = true};
    trit_tensor *t = NULL;
    return trit_calc_own(c, trit_tensor_slice(&t, c->gy, axis + 1, slices, c->err), &t);
}

/* gy's elements go back to the positions that the mask chose. */
trit_tensor *trit_rule_masked_select(trit_calc *c, uint32_t i) {
    const trit_form *form = &c->record->in[i].form;
    trit_tensor *chosen = of2(c, trit_tensor_masked_select, positions(c, form), in(c, 1));
    trit_tensor *whole = trit_calc_zeros(c, form), *flat = NULL, *filled = NULL, *t = NULL;
    if (c->status == trit_ok) trit_calc_own(c, trit_tensor_reshape(&flat, whole, 1, (const int64_t[]){-1}, c->err), &flat);
    if (c->status == trit_ok) trit_calc_own(c, trit_tensor_take_add(&filled, flat, chosen, c->gy, 0, c->err), &filled);
    return c->status == trit_ok ? trit_calc_own(c, trit_tensor_reshape(&t, filled, form->n_dims, form->shape, c->err), &t) : NULL;
}
