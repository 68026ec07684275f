/* Devices: what runs a model's ops. Only the CPU exists so far. A device is opened once, shared by the models on it, and
 * closed after them. */
#ifndef TRIT_DEVICE_H
#define TRIT_DEVICE_H

#include <stddef.h>
#include <stdint.h>

#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trit_device trit_device;

typedef struct trit_device_opts {
    unsigned n_threads;   /* 0: TRIT_THREADS, else the physical cores */
    const char *cpu_tier; /* cap of the instruction set ("avx2"); NULL: TRIT_CPU, else what the processor has */
} trit_device_opts;

typedef struct trit_device_info {
    char name[16];          /* "cpu" */
    char description[128];  /* brand of the processor */
    char tier[16];          /* instruction-set tier in use */
    unsigned n_threads;
    uint64_t memory_bytes;  /* of the machine, 0 if unknown */
} trit_device_info;

/* `name`: "cpu", "auto" or NULL (TRIT_DEVICE, else the best there is). `opts` may be NULL. The caller closes.
 * Errors: device (no such device here), arg (unknown tier), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_device_open(trit_device **out, const char *name, const trit_device_opts *opts,
                                                      trit_error *err);
TRIT_API void trit_device_close(trit_device *device); /* NULL is fine */
TRIT_API void trit_device_describe(const trit_device *device, trit_device_info *out);

/* Names of the devices that this build knows, NULL beyond the last. */
TRIT_API const char *trit_device_name_at(size_t i);

/* Instruction-set tiers that this build has kernels for: name, what it needs, and whether this processor can run it. NULL
 * beyond the last. */
TRIT_API const char *trit_cpu_tier_at(size_t i, const char **needs, int *runs_here);

/* Compiled kernel variants: slot and tier. NULL beyond the last. */
TRIT_API const char *trit_kernel_at(size_t i, const char **tier);

/* Runs every kernel variant that this processor can run against its scalar twin on random data. Fills *n_run and the name of
 * the first that differs (`slot/tier`, "" if none). Errors: memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_kernels_check(unsigned *n_run, char first_bad[64], trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
