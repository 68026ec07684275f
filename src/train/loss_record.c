/* The record of a loss whose gradients were made in the same pass as itself: it keeps them, and its step does no more than multiply them. */
#include "base/alloc.h"
#include "base/error.h"
#include "grad/grad.h"
#include "train/train.h"
#include "trit/maps.h"

typedef struct made {
    trit_tensor *gradient[trit_loss_max_in]; /* owned; NULL: not wanted, or handed on */
    double divisor;
} made;

static void made_free(void *user) {
    made *m = user;
    for (size_t i = 0; i < trit_loss_max_in; i++) trit_tensor_free(m->gradient[i]);
    trit_free(m);
}

/* *g, times the gradient of the loss, goes to input i. */
static trit_status hand_on(trit_record *r, uint32_t i, trit_tensor **g, double by, trit_error *err) {
    trit_tensor *divisor = NULL, *factor = NULL, *gradient = *g;
    if (!gradient) return trit_ok;
    trit_status status = trit_tensor_full(&divisor, gradient->device, gradient->view.dtype, 0, NULL, by, err);
    if (status == trit_ok) status = trit_tensor_div(&factor, r->gradient, divisor, err);
    if (status == trit_ok) status = trit_tensor_mul(&gradient, gradient, factor, err);
    trit_tensor_free(divisor);
    trit_tensor_free(factor);
    if (status != trit_ok) return status;
    *g = NULL;
    return trit_walk_give(r->in[i].from, gradient, err);
}

static trit_status step_loss(trit_record *r, trit_error *err) {
    made *m = r->user;
    trit_status status = trit_ok;
    if (r->tape->retains) return trit_error_set(err, trit_unsupported, "backward of %s: on a tape that retains", r->name);
    for (uint32_t i = 0; i < r->n_in && status == trit_ok; i++) status = hand_on(r, i, &m->gradient[i], m->divisor, err);
    return status;
}

trit_tape *trit_loss_tape(uint32_t n, const trit_tensor *const *in) {
    for (uint32_t i = 0; i < n; i++) {
        const trit_record *r = trit_record_of(in[i]);
        if (r && r->tape->n_paused == 0) return r->tape;
    }
    return NULL;
}

trit_status trit_loss_record(trit_tape *tape, trit_tensor *loss, const char *name, uint32_t n, const trit_tensor *const *in, trit_tensor **gradient,
                             double divisor, trit_error *err) {
    trit_status status = trit_ok;
    made *m = trit_alloc_zero(1, sizeof *m);
    trit_record *r = m ? trit_record_new(tape, name, n) : NULL;
    if (!r) {
        trit_free(m);
        return trit_error_memory(err, sizeof *r, "a record of a tape");
    }
    m->divisor = divisor;
    r->step = step_loss;
    r->user = m;
    r->user_free = made_free;
    trit_record_attach(r, loss);
    for (uint32_t i = 0; i < n && status == trit_ok; i++) status = trit_record_input(r, i, in[i], false, err);
    for (uint32_t i = 0; i < n; i++) {
        m->gradient[i] = gradient[i];
        gradient[i] = NULL;
    }
    return status;
}
