/* What guesses the next tokens of answers: the options, shared by all commands that generate. */
#ifndef TRIT_CLI_DRAFT_H
#define TRIT_CLI_DRAFT_H

#include "load.h"
#include "trit/engine.h"

typedef struct trit_draft_choice {
    const char *draft; /* "ngram" or a model reference; NULL: nothing guesses */
    int64_t max;       /* 0: the engine chooses */
} trit_draft_choice;

extern const trit_option trit_draft_options[2];

#define TRIT_DRAFT_GROUP(type, member) {"Drafts", trit_draft_options, TRIT_COUNT(trit_draft_options), offsetof(type, member)}

/* For requests and, where there is a model, for engine options. */
typedef struct trit_drafting {
    trit_draft draft;
    uint32_t max;
    trit_model *model; /* NULL: none */
} trit_drafting;

/* Opens the model, where one is meant, on the device; release with trit_drafting_fini in any case, after the engine and before the device. Errors: arg
 * (--draft-max alone), those of trit_model_open, cancelled (Ctrl-C). */
TRIT_MUST_CHECK trit_status trit_drafting_open(trit_drafting *out, const trit_draft_choice *choice, trit_device *device,
                                               const trit_output_choice *output, trit_error *err);
void trit_drafting_fini(trit_drafting *d);

#endif
