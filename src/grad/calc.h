/* Rules read as formulas: the functions below take tensors and give new ones, which the calculation owns and frees at its end. After an error
 * they give NULL and take it.
 *
 *     static trit_tensor *rule_sin(trit_calc *c, uint32_t i) {
 *         return mul(c, c->gy, of(c, trit_tensor_cos, in(c, 0)));
 *     }
 *
 * The gradient that a rule gives may have the shape that inputs were repeated to; it may be a tensor that it was given. */
#ifndef TRIT_GRAD_CALC_H
#define TRIT_GRAD_CALC_H

#include "grad/grad.h"
#include "trit/maps.h"

typedef struct trit_calc {
    const trit_record *record;
    trit_tensor *gy;   /* the result's gradient */
    trit_tensor *memo; /* of the rule, for its further inputs; NULL at first */
    trit_status status;
    trit_error *err;
    trit_tensor **made; /* [n_made] */
    size_t n_made, capacity;
} trit_calc;

typedef trit_status trit_fn1(trit_tensor **out, const trit_tensor *a, trit_error *err);
typedef trit_status trit_fn2(trit_tensor **out, const trit_tensor *a, const trit_tensor *b, trit_error *err);

/* *t, which a call with that status has just made. */
trit_tensor *trit_calc_own(trit_calc *c, trit_status status, trit_tensor **t);
trit_tensor *trit_calc_1(trit_calc *c, trit_fn1 *f, const trit_tensor *a);
trit_tensor *trit_calc_2(trit_calc *c, trit_fn2 *f, const trit_tensor *a, const trit_tensor *b);
trit_tensor *trit_calc_number(trit_calc *c, double x); /* of the gradient's type */
trit_tensor *trit_calc_zeros(trit_calc *c, const trit_form *form);
/* t where the condition is not 0, else 0. */
trit_tensor *trit_calc_only(trit_calc *c, const trit_tensor *condition, const trit_tensor *t);
void trit_calc_end(trit_calc *c);

#define TRIT_RULE(op, rule, a, b, c) trit_rule_fn trit_rule_##rule;
#define TRIT_ENDS(op)
#define TRIT_FLAT(op)
#define TRIT_NONE(op)
#include "grad/rules.def"
#undef TRIT_RULE
#undef TRIT_ENDS
#undef TRIT_FLAT
#undef TRIT_NONE

static inline trit_tensor *in(const trit_calc *c, uint32_t i) {
    return c->record->in[i].kept.tensor;
}

static inline trit_tensor *result(const trit_calc *c) {
    return c->record->result.tensor;
}

static inline trit_tensor *of(trit_calc *c, trit_fn1 *f, const trit_tensor *a) {
    return trit_calc_1(c, f, a);
}

static inline trit_tensor *of2(trit_calc *c, trit_fn2 *f, const trit_tensor *a, const trit_tensor *b) {
    return trit_calc_2(c, f, a, b);
}

static inline trit_tensor *number(trit_calc *c, double x) {
    return trit_calc_number(c, x);
}

static inline trit_tensor *neg(trit_calc *c, const trit_tensor *a) {
    return trit_calc_1(c, trit_tensor_neg, a);
}

static inline trit_tensor *add(trit_calc *c, const trit_tensor *a, const trit_tensor *b) {
    return trit_calc_2(c, trit_tensor_add, a, b);
}

static inline trit_tensor *sub(trit_calc *c, const trit_tensor *a, const trit_tensor *b) {
    return trit_calc_2(c, trit_tensor_sub, a, b);
}

static inline trit_tensor *mul(trit_calc *c, const trit_tensor *a, const trit_tensor *b) {
    return trit_calc_2(c, trit_tensor_mul, a, b);
}

static inline trit_tensor *over(trit_calc *c, const trit_tensor *a, const trit_tensor *b) {
    return trit_calc_2(c, trit_tensor_div, a, b);
}

#endif
