/* The walk: from the loss back to what is watched. Records lie in the order in which they were computed, so that when the walk comes to
 * one, all that was computed from it has handed its gradient on. */
#include <assert.h>
#include <string.h>

#include "base/error.h"
#include "grad/calc.h"
#include "trit/reduce.h"

trit_status trit_kept_check(const trit_kept *kept, const char *op, trit_error *err) {
    if (!kept->tensor || kept->tensor->storage->version == kept->version) return trit_ok;
    char text[trit_shape_text_bytes];
    const trit_view *v = &kept->tensor->view;
    return trit_error_set(err, trit_arg, "backward of %s: elements of %s that it needs were written into after they were recorded", op,
                          trit_shape_text(text, v->n_dims, v->shape));
}

void trit_walk_reach(trit_record *r) {
    if (!r->is_reached) trit_node_retain(&r->node);
    r->is_reached = true;
}

/* Owner and only user of its elements, which lie one after the other. */
static bool is_exclusive(const trit_tensor *t) {
    return atomic_load_explicit(&t->n_owners, memory_order_acquire) == 1 &&
           atomic_load_explicit(&t->storage->n_owners, memory_order_acquire) == 1 && trit_view_is_contiguous(&t->view);
}

/* In place of *t, which is freed: what a call with that status has just made of it, NULL after an error. */
static trit_status replace(trit_tensor **t, trit_status status, trit_tensor *const *by) {
    trit_tensor_free(*t);
    *t = *by;
    return status;
}

/* The gradient of what was repeated or converted becomes that of the original. */
static trit_status fit(trit_tensor **g, const trit_form *form, trit_error *err) {
    trit_tensor *summed = NULL, *cast = NULL;
    const trit_view *v = &(*g)->view;
    trit_status status = trit_ok;
    if (v->n_dims != form->n_dims || memcmp(v->shape, form->shape, v->n_dims * sizeof *v->shape) != 0)
        status = replace(g, trit_tensor_sum_to(&summed, *g, form->n_dims, form->shape, err), &summed);
    if (status == trit_ok && (*g)->view.dtype != form->dtype) status = replace(g, trit_tensor_cast(&cast, *g, form->dtype, err), &cast);
    return status;
}

trit_status trit_walk_give(trit_record *r, trit_tensor *g, trit_error *err) {
    trit_status status = fit(&g, &r->form, err);
    if (status != trit_ok) return status;
    trit_walk_reach(r);
    if (!r->gradient) {
        r->gradient = g;
        return trit_ok;
    }
    if (is_exclusive(r->gradient)) {
        status = trit_tensor_add(&r->gradient, r->gradient, g, err);
    } else {
        trit_tensor *sum = NULL;
        status = replace(&r->gradient, trit_tensor_add(&sum, r->gradient, g, err), &sum);
    }
    trit_tensor_free(g);
    return status;
}

trit_status trit_step_op(trit_record *r, trit_error *err) {
    const trit_rule *rule = &r->tape->rules[r->kind];
    if (!rule->fn) return trit_error_set(err, trit_unsupported, "backward of %s: this function has no gradient", r->name);
    trit_status status = trit_kept_check(&r->result, r->name, err);
    for (uint32_t i = 0; i < r->n_in && status == trit_ok; i++) status = trit_kept_check(&r->in[i].kept, r->name, err);
    if (status != trit_ok) return status;
    trit_calc c = {.record = r, .gy = r->gradient, .err = err};
    trit_tensor *g[trit_call_max_in] = {NULL};
    assert(r->n_in <= trit_call_max_in);
    for (uint32_t i = 0; i < r->n_in && c.status == trit_ok; i++)
        if (r->in[i].from) g[i] = trit_tensor_retain(rule->fn(&c, i));
    trit_calc_end(&c);
    status = c.status;
    for (uint32_t i = 0; i < r->n_in; i++) {
        if (g[i] && status == trit_ok)
            status = trit_walk_give(r->in[i].from, g[i], err);
        else
            trit_tensor_free(g[i]);
    }
    return status;
}

/* The walk is no longer an owner. */
static void leave(trit_record *r, trit_record **dead) {
    trit_tensor_free(r->gradient);
    r->gradient = NULL;
    r->is_reached = false;
    trit_record_let_go(r, dead);
}

trit_status trit_walk(trit_record *from, const trit_record *until, bool retains, trit_error *err) {
    trit_status status = trit_ok;
    for (trit_record *r = from; r != until && status == trit_ok;) {
        trit_record *dead = NULL, *step = r->is_reached && r->step ? r : NULL;
        if (step && r->is_spent)
            return trit_error_set(err, trit_arg, "backward of %s: recorded before the tape was walked or cleared; trit_tape_retain keeps it",
                                  r->name);
        if (step) status = r->step(r, err);
        if (step && status == trit_ok && !retains) trit_record_spend(r, &dead);
        trit_record_bury(dead);
        r = r->earlier;
        dead = NULL;
        /* Watched ones keep their gradient until all is well. */
        if (step && status == trit_ok && !step->is_watched) leave(step, &dead);
        trit_record_bury(dead);
    }
    return status;
}

/* Gradients of what is watched become elements that nobody else has. */
static trit_status prepare(const trit_tape *tape, trit_error *err) {
    trit_status status = trit_ok;
    for (trit_record *r = tape->first; r && status == trit_ok; r = r->later) {
        if (!r->is_reached || !r->is_watched || r->total || is_exclusive(r->gradient)) continue;
        trit_tensor *copy = NULL;
        status = replace(&r->gradient, trit_tensor_copy(&copy, r->gradient, err), &copy);
    }
    return status;
}

/* Ends the walk: gradients are added where it went well, else forgotten. */
static trit_status finish(trit_tape *tape, trit_status status, trit_error *err) {
    trit_record *dead = NULL;
    if (status == trit_ok) status = prepare(tape, err);
    for (trit_record *r = tape->first; r; r = r->later) {
        if (!r->is_reached) continue;
        if (status == trit_ok && r->is_watched && r->total) {
            status = trit_tensor_add(&r->total, r->total, r->gradient, err);
        } else if (status == trit_ok && r->is_watched) {
            r->total = r->gradient;
            r->gradient = NULL;
        }
        leave(r, &dead);
    }
    trit_record_bury(dead);
    return status;
}

/* The gradient of the loss itself: a copy, which the caller does not write into. */
static trit_status start(trit_tensor **out, const trit_tensor *loss, const trit_tensor *seed, trit_error *err) {
    const trit_view *v = &loss->view;
    char text[trit_shape_text_bytes], other[trit_shape_text_bytes];
    if (!seed && trit_view_n_elements(v) != 1)
        return trit_error_set(err, trit_arg, "backward: a loss of shape %s needs a gradient to start from; only one of a single element starts from 1",
                              trit_shape_text(text, v->n_dims, v->shape));
    if (!seed) return trit_tensor_ones(out, loss->device, v->dtype, v->n_dims, v->shape, err);
    if (seed->view.n_dims != v->n_dims || memcmp(seed->view.shape, v->shape, v->n_dims * sizeof *v->shape) != 0)
        return trit_error_set(err, trit_arg, "backward: a gradient of shape %s for a loss of shape %s",
                              trit_shape_text(other, seed->view.n_dims, seed->view.shape), trit_shape_text(text, v->n_dims, v->shape));
    trit_tensor *plain;
    trit_status status = trit_tape_detach(&plain, seed, err);
    if (status != trit_ok) return status;
    status = trit_tensor_cast(out, plain, v->dtype, err);
    trit_tensor_free(plain);
    return status;
}

trit_status trit_tape_backward(trit_tape *tape, const trit_tensor *loss, const trit_tensor *seed, trit_error *err) {
    trit_record *r = trit_record_of(loss);
    if (!r) return trit_error_set(err, trit_arg, "backward: the loss is not recorded; what it came from was not watched, or the tape was paused");
    if (r->tape != tape) return trit_error_set(err, trit_arg, "backward: the loss is recorded on another tape");
    if (tape->is_walking) return trit_error_set(err, trit_arg, "backward: within a walk of the same tape");
    trit_tensor *g = NULL;
    trit_status status = start(&g, loss, seed, err);
    if (status != trit_ok) return status;
    tape->is_walking = true;
    status = trit_walk_give(r, g, err);
    if (status == trit_ok) status = trit_walk(r, NULL, tape->retains, err);
    status = finish(tape, status, err);
    tape->is_walking = false;
    return status;
}
