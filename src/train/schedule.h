/* What changes from step to step, as pure functions of the step: a run that goes on needs no state for it. Steps count from 0; n_steps is the
 * length of the run, 1 or more. */
#ifndef TRIT_TRAIN_SCHEDULE_H
#define TRIT_TRAIN_SCHEDULE_H

#include "train/config.h"

double trit_schedule_lr(const trit_train_config *c, uint64_t step, uint64_t n_steps);
double trit_schedule_weight_decay(const trit_train_config *c, uint64_t step, uint64_t n_steps);

/* The share of quantization, 0 to 1. */
double trit_schedule_lambda(const trit_train_config *c, uint64_t step);

#endif
