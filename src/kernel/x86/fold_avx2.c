/* The folds with AVX2. */
#define FOLD_RUN trit_fold_run_avx2
#define FOLD_ROWS trit_fold_rows_avx2
#include "kernel/fold_template.h"
