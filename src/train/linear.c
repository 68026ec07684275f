/* y = x W^T as training wants it: one record instead of four, whose walk makes the gradient of W in the order in which W stands. And where W was
 * quantized, that gradient goes to the master as if it had not been (straight through, arXiv:2402.17764). */
#include "base/error.h"
#include "grad/grad.h"
#include "train/train.h"
#include "trit/linalg.h"
#include "trit/nn.h"

trit_status trit_train_matmul(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, bool in_bf16, trit_error *err) {
    return (in_bf16 && a->view.dtype == trit_dtype_f32 ? trit_tensor_matmul_bf16 : trit_tensor_matmul)(out, a, b, err);
}

/* a b^T, or a^T b. */
static trit_status product(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, bool turns_a, bool in_bf16, trit_error *err) {
    trit_tensor *turned = NULL;
    trit_status status = trit_tensor_transpose(&turned, turns_a ? a : b, 0, 1, err);
    if (status == trit_ok) status = trit_train_matmul(out, turns_a ? turned : a, turns_a ? b : turned, in_bf16, err);
    trit_tensor_free(turned);
    return status;
}

/* What a record says of itself in attrs.n. */
enum { is_ternary = 1, in_bf16 = 2 };

/* in: x, W as it was used, the master. */
static trit_status step_linear(trit_record *r, trit_error *err) {
    const bool rounds = r->attrs.n & in_bf16;
    const trit_input *x = &r->in[0], *w = &r->in[1], *master = &r->in[2];
    trit_tensor *gx = NULL, *gw = NULL;
    trit_status status = trit_kept_check(&x->kept, r->name, err);
    if (status == trit_ok) status = trit_kept_check(&w->kept, r->name, err);
    if (status == trit_ok && x->from)
        status = !(r->attrs.n & is_ternary) ? trit_train_matmul(&gx, r->gradient, w->kept.tensor, rounds, err)
                 : rounds                   ? trit_tensor_ternary_product_grad_i16(&gx, r->gradient, w->kept.tensor, err)
                                            : trit_tensor_ternary_product_grad(&gx, r->gradient, w->kept.tensor, err);
    if (status == trit_ok && gx) status = trit_walk_give(x->from, gx, err);
    if (status == trit_ok && master->from) status = product(&gw, r->gradient, x->kept.tensor, true, rounds, err);
    if (status == trit_ok && gw) status = trit_walk_give(master->from, gw, err);
    return status;
}

static trit_status record(trit_tape *tape, trit_tensor *y, const trit_tensor *const in[3], trit_linear_opts o, trit_error *err) {
    trit_record *r = trit_record_new(tape, "linear", 3);
    if (!r) return trit_error_memory(err, sizeof *r, "a record of a tape");
    r->step = step_linear;
    r->attrs.n = (o.is_ternary ? is_ternary : 0) | (o.in_bf16 ? in_bf16 : 0);
    trit_record_attach(r, y);
    trit_status status = trit_ok;
    for (uint32_t i = 0; i < 3 && status == trit_ok; i++) status = trit_record_input(r, i, in[i], i < 2, err);
    return status;
}

trit_status trit_linear_apply(trit_tensor **out, trit_tape *tape, const trit_tensor *x, const trit_tensor *w, const trit_tensor *master,
                              trit_linear_opts o, trit_error *err) {
    trit_tensor *plain_x = NULL, *plain_w = NULL, *y = NULL;
    trit_status status = trit_tape_detach(&plain_x, x, err);
    if (status == trit_ok) status = trit_tape_detach(&plain_w, w, err);
    if (status == trit_ok) status = o.is_ternary ? trit_tensor_ternary_product(&y, plain_x, plain_w, err)
                                                 : product(&y, plain_x, plain_w, false, o.in_bf16, err);
    if (status == trit_ok && tape->n_paused == 0 && (trit_record_of(x) || trit_record_of(master)))
        status = record(tape, y, (const trit_tensor *[]){x, plain_w, master}, o, err);
    trit_tensor_free(plain_x);
    trit_tensor_free(plain_w);
    if (status == trit_ok)
        *out = y;
    else
        trit_tensor_free(y);
    return status;
}
