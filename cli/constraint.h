/* What answers may be: the options for grammars, shared by all commands that generate. */
#ifndef TRIT_CLI_CONSTRAINT_H
#define TRIT_CLI_CONSTRAINT_H

#include "options.h"
#include "trit/grammar.h"

typedef struct trit_constraint_choice {
    const char *grammar, *schema; /* one at most; NULL, both: anything */
} trit_constraint_choice;

extern const trit_option trit_constraint_options[2];

#define TRIT_CONSTRAINT_GROUP(type, member) \
    {"Form of answers", trit_constraint_options, TRIT_COUNT(trit_constraint_options), offsetof(type, member)}

/* The option that was given, or NULL. */
const char *trit_constraint_option(const trit_constraint_choice *choice);

/* *out is NULL where nothing was asked for; the caller frees it. Errors: arg (both), io, those of trit/grammar.h. */
TRIT_MUST_CHECK trit_status trit_constraint_make(trit_grammar **out, const trit_constraint_choice *choice, trit_error *err);

#endif
