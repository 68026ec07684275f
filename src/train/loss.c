/* The head and the loss together, in blocks of rows, so that logits of all tokens never exist at once:
 *
 *     x [T, dim] --- rows of a block ---> logits = x w^T ---> loss, d logits ---> gradient of x: d logits w
 *     w [vocab, dim] --------------------/                                   \--> gradient of w: d logits^T x, summed over blocks
 *
 * Forward and backward are one pass; loss_record.c keeps the two gradients for the walk. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "grad/grad.h"
#include "train/train.h"
#include "trit/linalg.h"
#include "trit/maps.h"
#include "trit/reduce.h"

enum { block_elements = 1 << 21 }; /* of logits: what caches hold, about, and rows enough for the products */

typedef struct head {
    const trit_tensor *x, *w; /* unrecorded */
    trit_tensor *turned;      /* w^T */
    const trit_loss_opts *o;
    bool of_x, of_w;          /* which gradients are wanted */
    trit_tensor *g[2];        /* of x and w, owned: of the undivided sum */
    double sum;
    trit_error *err;
} head;

/* ---- Cross-entropy of a block ---- */

static double element(const trit_tensor *t, int64_t i) {
    const void *data = t->view.data;
    return t->view.dtype == trit_dtype_f32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

/* logits: log p. */
static double sum_losses(const trit_tensor *logits, const int32_t *target) {
    const int64_t n = logits->view.shape[0], vocab = logits->view.shape[1];
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (target[i] >= 0) sum -= element(logits, i * vocab + target[i]);
    return sum;
}

/* logits: p; less one where the target is, and nothing where there is none. */
static void less_targets(trit_tensor *logits, const int32_t *target) {
    const int64_t n = logits->view.shape[0], vocab = logits->view.shape[1];
    const size_t bytes = trit_dtype_bytes(logits->view.dtype);
    for (int64_t i = 0; i < n; i++) {
        char *row = (char *)logits->view.data + (size_t)(i * vocab) * bytes;
        if (target[i] < 0)
            memset(row, 0, (size_t)vocab * bytes);
        else
            trit_element_set(logits->view.dtype, row + (size_t)target[i] * bytes, element(logits, i * vocab + target[i]) - 1);
    }
}

trit_status trit_cross_entropy(trit_tensor *logits, const int32_t *target, bool wants_gradient, double *sum, trit_error *err) {
    trit_status status = trit_tensor_log_softmax(&logits, logits, 1, err);
    if (status != trit_ok) return status;
    *sum = sum_losses(logits, target);
    if (!wants_gradient) return trit_ok;
    status = trit_tensor_exp(&logits, logits, err);
    if (status == trit_ok) less_targets(logits, target);
    return status;
}

/* ---- Blocks ---- */

static trit_status rows(trit_tensor **out, const trit_tensor *t, int64_t first, int64_t n, trit_error *err) {
    const trit_slice range = {.kind = trit_slice_range, .first = first, .last = first + n, .has_first = true, .has_last = true};
    return trit_tensor_slice(out, t, 1, &range, err);
}

/* gw += d^T x, or = at the first block. */
static trit_status add_to_w(head *h, const trit_tensor *d, const trit_tensor *x) {
    trit_tensor *turned = NULL, *gw = NULL;
    trit_status status = trit_tensor_transpose(&turned, d, 0, 1, h->err);
    if (status == trit_ok) status = trit_train_matmul(&gw, turned, x, h->o->in_bf16, h->err);
    trit_tensor_free(turned);
    if (status != trit_ok || !h->g[1]) {
        h->g[1] = gw;
        return status;
    }
    status = trit_tensor_add(&h->g[1], h->g[1], gw, h->err);
    trit_tensor_free(gw);
    return status;
}

static trit_status gradients(head *h, const trit_tensor *d, const trit_tensor *x, int64_t first) {
    trit_tensor *gx = NULL;
    trit_status status = h->of_x ? rows(&gx, h->g[0], first, x->view.shape[0], h->err) : trit_ok;
    if (status == trit_ok && h->of_x) status = trit_train_matmul(&gx, d, h->w, h->o->in_bf16, h->err);
    if (status == trit_ok && h->of_w) status = add_to_w(h, d, x);
    trit_tensor_free(gx);
    return status;
}

static trit_status one_block(head *h, int64_t first, int64_t n) {
    const trit_loss_opts *o = h->o;
    trit_tensor *x = NULL, *logits = NULL;
    double sum = 0;
    trit_status status = rows(&x, h->x, first, n, h->err);
    if (status == trit_ok) status = trit_train_matmul(&logits, x, h->turned, o->in_bf16, h->err);
    if (status == trit_ok)
        status = o->block ? o->block(o->user, logits, first, o->target + first, &sum, h->err)
                          : trit_cross_entropy(logits, o->target + first, h->of_x || h->of_w, &sum, h->err);
    if (status == trit_ok && (h->of_x || h->of_w)) status = gradients(h, logits, x, first);
    h->sum += sum;
    trit_tensor_free(x);
    trit_tensor_free(logits);
    return status;
}

static trit_status all_blocks(head *h) {
    const int64_t n = h->x->view.shape[0], vocab = h->w->view.shape[0];
    const int64_t most = vocab < block_elements / 64 ? block_elements / vocab : 64;
    trit_status status = trit_ok;
    for (int64_t first = 0; first < n && status == trit_ok; first += most) status = one_block(h, first, n - first < most ? n - first : most);
    return status;
}

/* ---- All of it ---- */

static trit_status new_gradients(head *h, const trit_tensor *x, const trit_tensor *w) {
    h->of_x = trit_record_of(x) != NULL;
    h->of_w = trit_record_of(w) != NULL;
    return h->of_x ? trit_tensor_new(&h->g[0], x->device, x->view.dtype, 2, x->view.shape, h->err) : trit_ok;
}

trit_status trit_head_loss(trit_tensor **out, const trit_tensor *x, const trit_tensor *w, const trit_loss_opts *o, trit_error *err) {
    head h = {.o = o, .err = err};
    const trit_tensor *const in[] = {x, w};
    trit_tape *const tape = trit_loss_tape(2, in);
    trit_tensor *plain_x = NULL, *plain_w = NULL, *loss = NULL;
    trit_status status = trit_tape_detach(&plain_x, x, err);
    if (status == trit_ok) status = trit_tape_detach(&plain_w, w, err);
    if (status == trit_ok) status = trit_tensor_transpose(&h.turned, plain_w, 0, 1, err);
    h.x = plain_x;
    h.w = plain_w;
    if (status == trit_ok && tape) status = new_gradients(&h, x, w);
    if (status == trit_ok) status = all_blocks(&h);
    if (status == trit_ok) status = trit_tensor_full(&loss, x->device, x->view.dtype, 0, NULL, h.sum / o->divisor, err);
    if (status == trit_ok && tape)
        status = trit_loss_record(tape, loss, "head_loss", 2, in, h.g, o->divisor, err);
    if (status == trit_ok && o->sum) *o->sum += h.sum;
    trit_tensor_free(h.g[0]);
    trit_tensor_free(h.g[1]);
    trit_tensor_free(plain_x);
    trit_tensor_free(plain_w);
    trit_tensor_free(h.turned);
    if (status == trit_ok)
        *out = loss;
    else
        trit_tensor_free(loss);
    return status;
}
