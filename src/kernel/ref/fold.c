/* Scalar twins of the folds. */
#define FOLD_RUN trit_fold_run_scalar
#define FOLD_ROWS trit_fold_rows_scalar
#include "kernel/fold_template.h"
