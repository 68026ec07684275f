/* One training run shared by several processes: `mpirun -n 4 trit train ...`. Each has a part of a batch's rows; gradients are summed over
 * all, and every process then takes the same step.
 *
 * Sums are added in the order of ranks, so they are the same bits on every process and from run to run. With one micro batch a process they are
 * those of one process that takes the same rows in as many micro batches; with more, each process adds its own first. Without MPI in the build
 * (TRIT_MPI) there is one process, and a job of more is refused. */
#ifndef TRIT_TRAIN_PARALLEL_H
#define TRIT_TRAIN_PARALLEL_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/tensor.h"
#include "trit/status.h"

typedef struct trit_parallel {
    int rank, size;   /* 0 of 1 where no job was started */
    bool ends_mpi;    /* MPI was begun here */
    void *buffer;     /* owned; of sums */
} trit_parallel;

/* Joins the job that mpirun started, if it did. Errors: unsupported (a job, and a build without MPI), device (MPI's own), memory. */
TRIT_MUST_CHECK trit_status trit_parallel_open(trit_parallel *p, trit_error *err);
void trit_parallel_close(trit_parallel *p); /* of a zeroed one: nothing */

/* All processes come here with what happened to them, and none goes on where one failed: that one gives its own error, the others name the
 * first of them, as errors of its kind: a job ends with one exit code, whichever process ends first. Errors: `own`, that of another process. */
TRIT_MUST_CHECK trit_status trit_parallel_agree(trit_parallel *p, trit_status own, trit_error *err);

/* Each tensor, contiguous F32 or F64 and of the same shape everywhere, becomes the sum over all processes. Errors: device_error, memory. */
TRIT_MUST_CHECK trit_status trit_parallel_sum(trit_parallel *p, trit_tensor *const *t, size_t n, trit_error *err);
TRIT_MUST_CHECK trit_status trit_parallel_sum_f64(trit_parallel *p, double *x, size_t n, trit_error *err);

/* Is this process one of several that a launcher started, as its environment tells? 0: no; else how many. parallel_job.c */
int trit_parallel_job_size(void);

#endif
