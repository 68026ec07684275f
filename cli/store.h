/* Models of the hub as the commands meet them: pulled with a bar, found in the store. */
#ifndef TRIT_CLI_STORE_H
#define TRIT_CLI_STORE_H

#include "base/progress.h"
#include "load.h"
#include "trit/hub.h"

/* Where a pull shows how far it is. Zero-initialise, give it to trit_pulling_start, end it with trit_progress_fini(&bar). */
typedef struct trit_pulling {
    trit_progress bar;
    bool quiet;
} trit_pulling;

/* Fills what a pull tells its user with: the bar and lines on standard error, Ctrl-C stops it. */
void trit_pulling_start(trit_pulling *p, trit_hub_opts *opts, const trit_output_choice *output);

/* *path is where the model of -m lies, which is pulled if it is one of the hub and not there. Errors: those of trit_hub_resolve. */
TRIT_MUST_CHECK trit_status trit_locate(trit_text *path, const char *ref, const trit_output_choice *output, trit_error *err);

#endif
