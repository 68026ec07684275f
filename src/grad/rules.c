/* The table of rules.def. */
#include "grad/calc.h"

static trit_tensor *zero(trit_calc *c, uint32_t i) {
    (void)c;
    (void)i;
    return NULL;
}

enum { A = 1, B = 2, C = 4, D = 8, E = 16, Y = trit_needs_result };

const trit_rule trit_rules[trit_n_op_kinds] = {
#define TRIT_RULE(op, rule, a, b, c) [trit_op_##op] = {trit_rule_##rule, {a, b, c}},
#define TRIT_ENDS(op) [trit_op_##op] = {zero, {0}},
#define TRIT_FLAT(op) [trit_op_##op] = {zero, {0}},
#define TRIT_NONE(op)
#include "grad/rules.def"
#undef TRIT_RULE
#undef TRIT_ENDS
#undef TRIT_FLAT
#undef TRIT_NONE
};
