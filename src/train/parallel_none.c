/* In the place of parallel.c where MPI is not built in: one process. A job of several would be as many runs that write over each other. */
#include "base/error.h"
#include "train/parallel.h"

trit_status trit_parallel_open(trit_parallel *p, trit_error *err) {
    const int size = trit_parallel_job_size();
    *p = (trit_parallel){.rank = 0, .size = 1};
    if (size <= 1) return trit_ok;
    return trit_error_set(err, trit_unsupported, "started as one of %d processes, but this trit was built without MPI (cmake -DTRIT_MPI=ON)", size);
}

void trit_parallel_close(trit_parallel *p) {
    *p = (trit_parallel){0};
}

trit_status trit_parallel_agree(trit_parallel *p, trit_status own, trit_error *err) {
    (void)p;
    (void)err;
    return own;
}

trit_status trit_parallel_sum(trit_parallel *p, trit_tensor *const *t, size_t n, trit_error *err) {
    (void)p;
    (void)t;
    (void)n;
    (void)err;
    return trit_ok;
}

trit_status trit_parallel_sum_f64(trit_parallel *p, double *x, size_t n, trit_error *err) {
    (void)p;
    (void)x;
    (void)n;
    (void)err;
    return trit_ok;
}
