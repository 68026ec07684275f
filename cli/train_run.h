/* A training run at work: steps, its log, validation losses, checkpoints, and what people see of it. */
#ifndef TRIT_CLI_TRAIN_RUN_H
#define TRIT_CLI_TRAIN_RUN_H

#include "load.h"
#include "trit/train.h"

/* Runs what is left of the trainer's run, into the folder that its configuration names. Ctrl-C saves and ends it (cancelled). Errors: those of the
 * trainer and of its folder. */
TRIT_MUST_CHECK trit_status trit_train_run(trit_trainer *t, const trit_output_choice *output, trit_error *err);

#endif
