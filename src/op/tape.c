/* Recording. */
#include "op/tape.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

trit_form trit_form_of(const trit_tensor *t) {
    trit_form form = {.dtype = t->view.dtype, .n_dims = t->view.n_dims};
    memcpy(form.shape, t->view.shape, sizeof form.shape);
    return form;
}

/* A view of the same elements that no tape follows: a record that kept the tensor itself would keep itself. */
static trit_status keep(trit_kept *kept, const trit_tensor *t, trit_error *err) {
    kept->version = t->storage->version;
    return trit_tensor_make(&kept->tensor, t->device, t->storage, &t->view, err);
}

static void drop(trit_tensor **t) {
    trit_tensor_free(*t);
    *t = NULL;
}

void trit_record_let_go(trit_record *r, trit_record **dead) {
    if (!r || atomic_fetch_sub_explicit(&r->node.n_owners, 1, memory_order_acq_rel) != 1) return;
    r->next_dead = *dead;
    *dead = r;
}

void trit_record_spend(trit_record *r, trit_record **dead) {
    drop(&r->result.tensor);
    for (uint32_t i = 0; i < r->n_in; i++) {
        drop(&r->in[i].kept.tensor);
        trit_record_let_go(r->in[i].from, dead);
        r->in[i].from = NULL;
    }
    if (r->user_free) r->user_free(r->user);
    r->user = NULL;
    r->user_free = NULL;
    r->is_spent = r->step != NULL;
}

static void unlink_record(trit_record *r) {
    if (!r->tape) return;
    *(r->earlier ? &r->earlier->later : &r->tape->first) = r->later;
    *(r->later ? &r->later->earlier : &r->tape->last) = r->earlier;
}

void trit_record_bury(trit_record *dead) {
    while (dead) {
        trit_record *r = dead;
        dead = r->next_dead;
        trit_record_spend(r, &dead);
        trit_tensor_free(r->gradient);
        trit_tensor_free(r->total);
        unlink_record(r);
        trit_free(r);
    }
}

static void release(trit_node *n) {
    trit_record *r = (trit_record *)n;
    r->next_dead = NULL;
    trit_record_bury(r);
}

static const char *locked(const trit_node *n) {
    const trit_record *r = (const trit_record *)n;
    if (!r->tape || r->is_spent) return NULL;
    if (r->step) return "a tape has recorded";
    return r->tape->n_paused ? NULL : "a tape watches: pause it first";
}

trit_record *trit_record_of(const trit_tensor *t) {
    trit_record *r = (trit_record *)t->node;
    return r && r->tape ? r : NULL;
}

trit_record *trit_record_new(trit_tape *tape, const char *name, uint32_t n_in) {
    trit_record *r = trit_alloc_zero(1, sizeof *r + n_in * sizeof *r->in);
    if (!r) return NULL;
    atomic_init(&r->node.n_owners, 1);
    r->node.release = release;
    r->node.locked = locked;
    r->tape = tape;
    r->name = name;
    r->n_in = n_in;
    r->earlier = tape->last;
    *(tape->last ? &tape->last->later : &tape->first) = r;
    tape->last = r;
    return r;
}

void trit_record_attach(trit_record *r, trit_tensor *t) {
    r->form = trit_form_of(t);
    r->version = t->storage->version;
    trit_node_free(t->node);
    t->node = &r->node;
}

trit_status trit_record_input(trit_record *r, uint32_t i, const trit_tensor *t, bool keeps, trit_error *err) {
    trit_record *from = trit_record_of(t);
    r->in[i].form = trit_form_of(t);
    if (from && from->tape == r->tape) { /* a paused tape's records are as if nobody had recorded them */
        r->in[i].from = from;
        trit_node_retain(t->node);
    }
    return keeps ? keep(&r->in[i].kept, t, err) : trit_ok;
}

trit_status trit_tape_find(trit_tape **out, trit_op_kind kind, uint32_t n_in, const trit_tensor *const *in, trit_error *err) {
    *out = NULL;
    for (uint32_t i = 0; i < n_in; i++) {
        const trit_record *r = trit_record_of(in[i]);
        if (!r || r->tape->n_paused) continue;
        if (*out && *out != r->tape) return trit_error_set(err, trit_arg, "%s: inputs of two tapes", trit_op_name(kind));
        *out = r->tape;
        if (r->step && r->version != in[i]->storage->version)
            return trit_error_set(err, trit_arg, "%s: input %u, a result of %s, was written into after it was recorded", trit_op_name(kind), i,
                                  r->name);
    }
    return trit_ok;
}

/* NULL: no memory. Keeps what the rule needs for the inputs whose gradients are wanted. */
static trit_record *record(trit_tape *tape, trit_tensor *result, trit_op_kind kind, uint32_t n_in, const trit_tensor *const *in, trit_error *err) {
    trit_record *r = trit_record_new(tape, trit_op_name(kind), n_in);
    if (!r) {
        (void)trit_error_memory(err, sizeof *r, "a record of a tape");
        return NULL;
    }
    r->kind = kind;
    r->step = tape->step;
    unsigned needs = 0;
    for (uint32_t i = 0; i < n_in; i++) {
        const trit_record *from = trit_record_of(in[i]);
        if (from && from->tape == tape) needs |= tape->rules[kind].needs[i];
    }
    trit_status status = needs & trit_needs_result ? keep(&r->result, result, err) : trit_ok;
    for (uint32_t i = 0; i < n_in && status == trit_ok; i++) status = trit_record_input(r, i, in[i], needs >> i & 1, err);
    trit_record_attach(r, result);
    return status == trit_ok ? r : NULL;
}

trit_status trit_tape_record(trit_tape *tape, trit_tensor *result, trit_op_kind kind, const trit_attrs *attrs, uint32_t n_in,
                             const trit_tensor *const *in, trit_error *err) {
    trit_record *r = record(tape, result, kind, n_in, in, err);
    if (r) r->attrs = *attrs;
    return r ? trit_ok : trit_memory;
}

trit_status trit_tape_record_view(trit_tape *tape, trit_tensor *result, trit_op_kind kind, const trit_view_args *args, const trit_tensor *in,
                                  trit_error *err) {
    trit_record *r = record(tape, result, kind, 1, &in, err);
    if (r && args) r->view = *args;
    return r ? trit_ok : trit_memory;
}
