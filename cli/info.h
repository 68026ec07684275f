/* The two halves of `trit info`. */
#ifndef TRIT_CLI_INFO_H
#define TRIT_CLI_INFO_H

#include "load.h"

typedef struct trit_info_opts {
    bool tensors, check, env, devices, kernels, synthetic;
    trit_model_choice model;
    trit_output_choice output;
} trit_info_opts;

TRIT_MUST_CHECK trit_status trit_info_model(const trit_info_opts *opts, trit_error *err);
TRIT_MUST_CHECK trit_status trit_info_machine(const trit_info_opts *opts, trit_error *err);

#endif
