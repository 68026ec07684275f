/* Checkpoints of trit train on the disk: a run's folder holds "step-<N>" folders, each of them a checkpoint. */
#ifndef TRIT_CLI_CHECKPOINT_H
#define TRIT_CLI_CHECKPOINT_H

#include <stdbool.h>

#include "trit/memory.h"
#include "trit/status.h"

/* *out = `dir` where it is a checkpoint, else the newest one of the run in it. Errors: format (there is none), io, memory. */
TRIT_MUST_CHECK trit_status trit_checkpoint_find(trit_text *out, const char *dir, trit_error *err);

/* *out = the run's folder: `dir`, or the one above it where `dir` is a checkpoint. Errors: memory. */
TRIT_MUST_CHECK trit_status trit_checkpoint_run(trit_text *out, const char *dir, trit_error *err);

#endif
