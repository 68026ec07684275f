/* What a quantization makes of which tensor: rules, read from lines. */
#ifndef TRIT_MODEL_CONVERT_RECIPE_H
#define TRIT_MODEL_CONVERT_RECIPE_H

#include "base/str.h"
#include "tensor/dtype.h"
#include "trit/quant.h"

typedef struct trit_target {
    trit_dtype dtype; /* trit_n_dtypes: the narrowest that holds the scheme's values */
    bool has_scheme, keep;
    bool is_type; /* a file type was named: what is ternary already goes over as it is */
    trit_scheme scheme;
} trit_target;

typedef struct trit_recipe_rule {
    trit_str pattern; /* borrowed from the text */
    trit_target target;
    bool is_named;    /* reaches ternary weights too */
} trit_recipe_rule;

typedef struct trit_recipe {
    trit_recipe_rule *rules; /* owned, [n] */
    size_t n, capacity;
} trit_recipe;

/* Adds the rules of a text, which outlives the recipe; `what` names it in errors. */
TRIT_MUST_CHECK trit_status trit_recipe_add(trit_recipe *recipe, const char *text, bool named, const char *what, trit_error *err);
void trit_recipe_fini(trit_recipe *recipe);

/* The first rule for one of the names (NULL: none), of those that are named only where `only_named`; NULL: none. */
const trit_recipe_rule *trit_recipe_find(const trit_recipe *recipe, const char *const names[3], bool only_named);

#endif
