/* What launchers of MPI jobs tell their processes: Open MPI, then Hydra's (MPICH, Intel MPI), then Slurm's. */
#include <stdlib.h>

#include "base/str.h"
#include "train/parallel.h"

int trit_parallel_job_size(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_SIZE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = getenv(names[i]);
        int64_t n;
        if (text && trit_parse_int(text, &n) && n > 0 && n < 1 << 20) return (int)n;
    }
    return 0;
}
