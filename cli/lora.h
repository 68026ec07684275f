/* Adapters on the command line: --lora FILE[:SCALE], given as often as there are adapters. */
#ifndef TRIT_CLI_LORA_H
#define TRIT_CLI_LORA_H

#include "options.h"
#include "trit/lora.h"

/* Zero-initialise; end it with trit_loras_fini in any case. */
typedef struct trit_loras {
    trit_lora_opts item[trit_opt_max_texts];
    size_t n;
} trit_loras;

/* Errors: arg (a scale that is 0 or no number), memory. */
TRIT_MUST_CHECK trit_status trit_loras_parse(trit_loras *out, const trit_opt_texts *texts, trit_error *err);
void trit_loras_fini(trit_loras *l);

#endif
