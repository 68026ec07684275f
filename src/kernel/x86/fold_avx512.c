/* The folds with AVX-512. */
#define FOLD_RUN trit_fold_run_avx512
#define FOLD_ROWS trit_fold_rows_avx512
#include "kernel/fold_template.h"
