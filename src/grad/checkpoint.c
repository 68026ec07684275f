/* Gradient checkpointing: a function's inputs are kept instead of what lies between them and its results.
 *
 *     in ---> segment ---> result 0         A record stands for the whole function, and one for each result, which hands its gradient
 *                    \---> result 1         to it. When the walk comes to the segment, the function is called again and recorded at the
 *                                           end of the same tape; that part is walked first, back to where it began.
 *
 * The inputs of the second call have the records of the first one's, so that every gradient is added in the place and order that it would
 * have had: the same bits. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "grad/grad.h"

/* What the segment's record has. */
typedef struct segment {
    trit_tape_fn *fn;
    void *user;
    size_t n_out;
    struct {
        trit_form form;
        trit_tensor *gradient; /* owned; NULL: not reached */
    } out[];
} segment;

static void segment_free(void *user) {
    segment *s = user;
    for (size_t i = 0; i < s->n_out; i++) trit_tensor_free(s->out[i].gradient);
    trit_free(s);
}

static void free_all(trit_tensor **t, size_t n) {
    for (size_t i = 0; t && i < n; i++) trit_tensor_free(t[i]);
    trit_free(t);
}

/* fn's results, each a tensor. */
static trit_status call(trit_tape_fn *fn, void *user, trit_tensor *const *in, size_t n_in, trit_tensor **out, size_t n_out, trit_error *err) {
    for (size_t i = 0; i < n_out; i++) out[i] = NULL;
    trit_status status = fn(user, in, n_in, out, n_out, err);
    for (size_t i = 0; i < n_out && status == trit_ok; i++)
        if (!out[i]) status = trit_error_set(err, trit_arg, "checkpoint: the function gave no result %zu", i);
    for (size_t i = 0; i < n_out && status != trit_ok; i++) {
        trit_tensor_free(out[i]);
        out[i] = NULL;
    }
    return status;
}

/* The inputs as they were, with their records. */
static trit_status inputs_again(trit_tensor **in, const trit_record *r, trit_error *err) {
    trit_status status = trit_ok;
    for (uint32_t i = 0; i < r->n_in && status == trit_ok; i++) {
        const trit_input *from = &r->in[i];
        status = trit_kept_check(&from->kept, r->name, err);
        if (status == trit_ok) status = trit_tape_detach(&in[i], from->kept.tensor, err);
        if (status == trit_ok && from->from) in[i]->node = trit_node_retain(&from->from->node);
    }
    return status;
}

static bool same_form(const trit_form *a, const trit_form *b) {
    return a->dtype == b->dtype && a->n_dims == b->n_dims && memcmp(a->shape, b->shape, a->n_dims * sizeof *a->shape) == 0;
}

/* Gradients of the first call's results become those of the second's. */
static trit_status give_all(segment *s, trit_tensor *const *out, trit_error *err) {
    for (size_t i = 0; i < s->n_out; i++) {
        const trit_form form = trit_form_of(out[i]);
        if (!same_form(&form, &s->out[i].form))
            return trit_error_set(err, trit_arg, "checkpoint: result %zu of the second call has another shape or type", i);
        trit_record *r = trit_record_of(out[i]);
        trit_tensor *g = s->out[i].gradient;
        s->out[i].gradient = NULL;
        trit_status status = trit_ok;
        if (g && r)
            status = trit_walk_give(r, g, err);
        else
            trit_tensor_free(g);
        if (status != trit_ok) return status;
    }
    return trit_ok;
}

static trit_status step_segment(trit_record *r, trit_error *err) {
    segment *s = r->user;
    trit_tape *tape = r->tape;
    trit_tensor **in = trit_alloc_zero(r->n_in, sizeof *in), **out = trit_alloc_zero(s->n_out, sizeof *out);
    trit_status status = in && out ? inputs_again(in, r, err) : trit_error_memory(err, (r->n_in + s->n_out) * sizeof *in, "a checkpoint");
    const uint32_t n_paused = tape->n_paused;
    trit_record *before = tape->last, *dead = NULL;
    trit_node_retain(&before->node);
    tape->n_paused = 0;
    if (status == trit_ok) status = call(s->fn, s->user, in, r->n_in, out, s->n_out, err);
    tape->n_paused = n_paused;
    if (status == trit_ok) status = give_all(s, out, err);
    if (status == trit_ok) status = trit_walk(tape->last, before, false, err);
    for (size_t i = 0; i < s->n_out; i++) { /* after a failure they would enter the next walk */
        trit_tensor_free(s->out[i].gradient);
        s->out[i].gradient = NULL;
    }
    free_all(in, r->n_in);
    free_all(out, s->n_out);
    trit_record_let_go(before, &dead);
    trit_record_bury(dead);
    return status;
}

/* Of a result: its gradient is one of the segment's. */
static trit_status step_result(trit_record *r, trit_error *err) {
    trit_record *from = r->in[0].from;
    if (from->is_spent)
        return trit_error_set(err, trit_arg, "backward of %s: it was walked from another of its results; trit_tape_retain keeps it", r->name);
    segment *s = from->user;
    s->out[r->attrs.n].gradient = trit_tensor_retain(r->gradient);
    trit_walk_reach(from);
    return trit_ok;
}

static trit_status new_segment(trit_record **out, trit_tape *tape, trit_tape_fn *fn, void *user, trit_tensor *const *in, size_t n_in,
                               size_t n_out, trit_error *err) {
    if (n_in > UINT32_MAX) return trit_error_set(err, trit_arg, "checkpoint: %zu inputs", n_in);
    segment *s = trit_alloc_zero(1, sizeof *s + n_out * sizeof *s->out);
    trit_record *r = s ? trit_record_new(tape, "checkpoint", (uint32_t)n_in) : NULL;
    if (!r) {
        trit_free(s);
        return trit_error_memory(err, sizeof *s + n_out * sizeof *s->out, "a checkpoint");
    }
    *s = (segment){fn, user, n_out};
    r->user = s;
    r->user_free = segment_free;
    r->step = step_segment;
    trit_status status = trit_ok;
    for (uint32_t i = 0; i < n_in && status == trit_ok; i++) status = trit_record_input(r, i, in[i], true, err);
    *out = r;
    return status;
}

/* out[i], which fn made, becomes a recorded tensor of the same elements: fn may have given an input back. */
static trit_status record_result(trit_record *r, trit_tensor **out, size_t i, trit_error *err) {
    segment *s = r->user;
    s->out[i].form = trit_form_of(*out);
    if (!trit_dtype_is_float((*out)->view.dtype)) return trit_ok;
    trit_tensor *t;
    trit_status status = trit_tape_detach(&t, *out, err);
    if (status != trit_ok) return status;
    trit_tensor_free(*out);
    *out = t;
    trit_record *result = trit_record_new(r->tape, "checkpoint", 1);
    if (!result) return trit_error_memory(err, sizeof *result, "a record of a tape");
    result->step = step_result;
    result->attrs.n = (int64_t)i;
    result->in[0].from = r;
    trit_node_retain(&r->node);
    trit_record_attach(result, t);
    return trit_ok;
}

trit_status trit_tape_checkpoint(trit_tape *tape, trit_tape_fn *fn, void *user, trit_tensor *const *in, size_t n_in, trit_tensor **out,
                                 size_t n_out, trit_error *err) {
    trit_record *r = NULL, *dead = NULL;
    trit_tensor **made = trit_alloc(n_out, sizeof *made);
    if (!made) return trit_error_memory(err, n_out * sizeof *made, "a checkpoint");
    const bool records = tape->n_paused == 0;
    for (size_t i = 0; i < n_in; i++) {
        const trit_record *from = trit_record_of(in[i]);
        if (!records || !from || from->tape == tape || from->tape->n_paused) continue;
        trit_free(made);
        return trit_error_set(err, trit_arg, "checkpoint: inputs of two tapes");
    }
    trit_status status = records ? new_segment(&r, tape, fn, user, in, n_in, n_out, err) : trit_ok;
    size_t n_made = 0;
    if (status == trit_ok) {
        trit_tape_pause(tape);
        status = call(fn, user, in, n_in, made, n_out, err);
        trit_tape_resume(tape);
        if (status == trit_ok) n_made = n_out;
    }
    for (size_t i = 0; records && i < n_made && status == trit_ok; i++) status = record_result(r, &made[i], i, err);
    for (size_t i = 0; status == trit_ok && i < n_out; i++) out[i] = made[i];
    free_all(made, status == trit_ok ? 0 : n_made);
    trit_record_let_go(r, &dead);
    trit_record_bury(dead);
    return status;
}
