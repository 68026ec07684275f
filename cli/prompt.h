/* Where a prompt comes from: an argument, --prompt, --file, standard input or --ids. Read before the model is loaded, so that a
 * mistake shows at once; turned into tokens after. */
#ifndef TRIT_CLI_PROMPT_H
#define TRIT_CLI_PROMPT_H

#include "command.h"
#include "trit/memory.h"
#include "trit/tokenizer.h"

typedef struct trit_prompt_choice {
    const char *prompt, *file, *ids;
    bool special, raw;
} trit_prompt_choice;

extern const trit_option trit_prompt_options[5];

#define TRIT_PROMPT_GROUP(type, member) {"Prompt", trit_prompt_options, TRIT_COUNT(trit_prompt_options), offsetof(type, member)}

typedef struct trit_prompt {
    trit_text text;
    trit_ids ids;
    bool is_ids;  /* --ids: `text` means nothing */
    bool is_none; /* nobody gave one */
    bool is_rendered; /* by a chat template: special tokens written out in it count */
} trit_prompt;

/* Errors: arg (two prompts, bad ids, too many words), io, memory, cancelled. */
TRIT_MUST_CHECK trit_status trit_prompt_read(trit_prompt *prompt, const trit_prompt_choice *choice, const trit_args *args,
                                             trit_error *err);

/* A made-up prompt, for random weights: they have no words, and are run for their speed. Errors: memory. */
TRIT_MUST_CHECK trit_status trit_prompt_invent(trit_prompt *prompt, uint32_t n_vocab, trit_error *err);

/* Fills prompt->ids; an empty prompt becomes the begin token alone. Errors: arg (no tokenizer, no begin token), memory, format. */
TRIT_MUST_CHECK trit_status trit_prompt_encode(trit_prompt *prompt, const trit_prompt_choice *choice, const trit_tokenizer *tokenizer,
                                               trit_error *err);
void trit_prompt_fini(trit_prompt *prompt);

#endif
