/* `convert --prune-vocab`: which tokens of a model texts need. */
#ifndef TRIT_CLI_PRUNE_H
#define TRIT_CLI_PRUNE_H

#include <stdbool.h>

#include "conversion.h"

typedef struct trit_prune_choice {
    int64_t n_tokens; /* 0: all stay */
    trit_opt_texts texts;
    const char *text_field, *separator;
} trit_prune_choice;

extern const trit_option trit_prune_options[4];
bool trit_prune_is_set(const trit_prune_choice *choice); /* any of them */
#define TRIT_PRUNE_GROUP(type, member) {"Vocabulary", trit_prune_options, TRIT_COUNT(trit_prune_options), offsetof(type, member)}

/* Replaces `ids` by the tokens to keep of the model `in`; empty: all. What they cover is said by way of `c`. Errors: arg, and those of
 * trit_model_open and trit_tokenizer_choose. */
TRIT_MUST_CHECK trit_status trit_prune_choose(trit_ids *ids, const trit_prune_choice *choice, const trit_convert_opts *opts, const char *in,
                                              trit_conversion *c, trit_error *err);

#endif
