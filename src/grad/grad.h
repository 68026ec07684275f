/* Inside gradients: the walk and what steps of it share. */
#ifndef TRIT_GRAD_GRAD_H
#define TRIT_GRAD_GRAD_H

#include "op/tape.h"
#include "trit/grad.h"

/* rules.c: of every op; those without `fn` have no gradient. */
extern const trit_rule trit_rules[trit_n_op_kinds];

/* From record `from` back to the one before `until` (NULL: to the beginning): each that was reached hands its gradient on. */
trit_status trit_walk(trit_record *from, const trit_record *until, bool retains, trit_error *err);

/* The walk reaches r with a gradient, of which it takes the ownership; summed to the shape that was repeated, converted, added to those
 * that came before. */
trit_status trit_walk_give(trit_record *r, trit_tensor *gradient, trit_error *err);
void trit_walk_reach(trit_record *r);

/* Are the elements still what they were? Errors: arg. */
trit_status trit_kept_check(const trit_kept *kept, const char *op, trit_error *err);

/* The step of ops: their rule. */
trit_status trit_step_op(trit_record *r, trit_error *err);

#endif
