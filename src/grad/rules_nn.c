/* Layers. Ops of their own compute the gradients of all inputs at once, one after the other in one dimension. */
#include "eager/nn.h"
#include "grad/calc.h"
#include "trit/index.h"

static int64_t size_of(const trit_form *form) {
    int64_t n = 1;
    for (uint32_t d = 0; d < form->n_dims; d++) n *= form->shape[d];
    return n;
}

/* Those of input i, which begin at element `first` of all. */
static trit_tensor *part(trit_calc *c, uint32_t i, int64_t first) {
    const trit_form *form = &c->record->in[i].form;
    const trit_slice range = {.kind = trit_slice_range, .first = first, .last = first + size_of(form), .step = 1, .has_first = true, .has_last = true};
    trit_tensor *flat = NULL, *g = NULL;
    if (c->memo && c->status == trit_ok) trit_calc_own(c, trit_tensor_slice(&flat, c->memo, 1, &range, c->err), &flat);
    if (!flat || c->status != trit_ok) return NULL;
    return trit_calc_own(c, trit_tensor_reshape(&g, flat, form->n_dims, form->shape, c->err), &g);
}

static void compute(trit_calc *c, trit_op_kind kind, uint32_t n_in, const trit_tensor *const *inputs) {
    trit_tensor *t = NULL;
    if (!c->memo && c->status == trit_ok) c->memo = trit_calc_own(c, trit_nn_grad(&t, kind, n_in, inputs, &c->record->attrs, c->err), &t);
}

/* Weights are watched, and would keep the gradient of x alive with their own: they get a copy. */
trit_tensor *trit_rule_rms_norm(trit_calc *c, uint32_t i) {
    compute(c, trit_op_rms_norm_grad, 3, (const trit_tensor *const[]){c->gy, in(c, 0), in(c, 1)});
    return i == 0 ? part(c, 0, 0) : of(c, trit_tensor_copy, part(c, 1, size_of(&c->record->in[0].form)));
}

trit_tensor *trit_rule_rope(trit_calc *c, uint32_t i) {
    trit_tensor *t = NULL;
    if (i > 0 || c->status != trit_ok) return NULL;
    return trit_calc_own(c, trit_nn_rope_back(&t, c->gy, in(c, 1), &c->record->attrs, c->err), &t);
}

trit_tensor *trit_rule_attention(trit_calc *c, uint32_t i) {
    if (i > 2) return NULL;
    compute(c, trit_op_attention_grad, 7,
            (const trit_tensor *const[]){c->gy, result(c), in(c, 0), in(c, 1), in(c, 2), in(c, 3), in(c, 4)});
    int64_t first = 0;
    for (uint32_t j = 0; j < i; j++) first += size_of(&c->record->in[j].form);
    return part(c, i, first);
}

trit_tensor *trit_rule_glu(trit_calc *c, uint32_t i) {
    compute(c, trit_op_glu_grad, 3, (const trit_tensor *const[]){c->gy, in(c, 0), in(c, 1)});
    return part(c, i, i ? size_of(&c->record->in[0].form) : 0);
}
