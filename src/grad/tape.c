/* Tapes as users have them: what is watched, and what a walk brought. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "grad/grad.h"

trit_status trit_tape_new(trit_tape **out, trit_error *err) {
    trit_tape *tape = trit_alloc_zero(1, sizeof *tape);
    if (!tape) return trit_error_memory(err, sizeof *tape, "a tape");
    tape->rules = trit_rules;
    tape->step = trit_step_op;
    *out = tape;
    return trit_ok;
}

void trit_tape_clear(trit_tape *tape) {
    trit_record *dead = NULL;
    for (trit_record *r = tape->first; r; r = r->later) {
        trit_record_spend(r, &dead);
        trit_tensor_free(r->total);
        r->total = NULL;
    }
    trit_record_bury(dead);
}

void trit_tape_free(trit_tape *tape) {
    if (!tape) return;
    trit_tape_clear(tape);
    for (trit_record *r = tape->first; r; r = r->later) r->tape = NULL;
    trit_free(tape);
}

trit_status trit_tape_watch(trit_tape *tape, trit_tensor *t, trit_error *err) {
    trit_record *r = trit_record_of(t);
    if (r && r->tape != tape) return trit_error_set(err, trit_arg, "watch: the tensor is on another tape");
    if (r && r->is_spent) return trit_error_set(err, trit_arg, "watch: a result of %s from before the tape was walked or cleared", r->name);
    if (!trit_dtype_is_float(t->view.dtype))
        return trit_error_set(err, trit_arg, "watch: a tensor of %s; only floats have gradients", trit_dtype_label(t->view.dtype));
    if (!r) {
        r = trit_record_new(tape, "watch", 0);
        if (!r) return trit_error_memory(err, sizeof *r, "a record of a tape");
        trit_record_attach(r, t);
    }
    r->is_watched = true;
    return trit_ok;
}

void trit_tape_pause(trit_tape *tape) {
    tape->n_paused++;
}

void trit_tape_resume(trit_tape *tape) {
    if (tape->n_paused) tape->n_paused--;
}

void trit_tape_retain(trit_tape *tape, bool retains) {
    tape->retains = retains;
}

trit_status trit_tape_detach(trit_tensor **out, const trit_tensor *t, trit_error *err) {
    return trit_tensor_detached(out, t, err);
}

trit_tensor *trit_tape_gradient(const trit_tape *tape, const trit_tensor *t) {
    const trit_record *r = trit_record_of(t);
    return r && r->tape == tape ? r->total : NULL;
}

static size_t n_kept(const trit_record *r, const trit_storage **list) {
    size_t n = 0;
    for (uint32_t i = 0; i <= r->n_in; i++) {
        const trit_tensor *t = i < r->n_in ? r->in[i].kept.tensor : r->result.tensor;
        if (t && list) list[n] = t->storage;
        n += t != NULL;
    }
    return n;
}

static int by_address(const void *a, const void *b) {
    const trit_storage *const *x = a, *const *y = b;
    return (*x > *y) - (*x < *y);
}

trit_status trit_tape_bytes(const trit_tape *tape, size_t *out, trit_error *err) {
    size_t n = 0, n_bytes = 0;
    for (const trit_record *r = tape->first; r; r = r->later) n += n_kept(r, NULL);
    const trit_storage **list = trit_alloc(n, sizeof(trit_storage *));
    if (!list) return trit_error_memory(err, n * sizeof(trit_storage *), "the list of what a tape keeps");
    n = 0;
    for (const trit_record *r = tape->first; r; r = r->later) n += n_kept(r, list + n);
    qsort(list, n, sizeof(trit_storage *), by_address);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || list[i] != list[i - 1]) n_bytes += list[i]->n_bytes;
    trit_free(list);
    *out = n_bytes;
    return trit_ok;
}
