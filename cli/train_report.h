/* The page of a training run: curves of losses, learning rate, gradients and codes, of several runs in the same charts. */
#ifndef TRIT_CLI_TRAIN_REPORT_H
#define TRIT_CLI_TRAIN_REPORT_H

#include "train_log.h"

/* Reads the logs of the runs in dirs[n], n >= 1, and writes the page; `config` is that of the first. Errors: io, format, memory. */
TRIT_MUST_CHECK trit_status trit_train_report(const char *path, const char *const *dirs, size_t n, const trit_train_config *config, trit_error *err);

#endif
