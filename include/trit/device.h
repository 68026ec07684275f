/* Devices: what runs a model's ops. Only the CPU exists so far. A device is opened once, shared by the models on it, and
 * closed after them. */
#ifndef TRIT_DEVICE_H
#define TRIT_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/pool.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trit_device trit_device;

typedef struct trit_device_opts {
    unsigned n_threads;   /* 0: TRIT_THREADS, else the physical cores */
    const char *cpu_tier; /* cap of the instruction set ("avx2"); NULL: TRIT_CPU, else what the processor has */
    const char *weights;  /* form of ternary weights in memory: "t2", "t3", "auto"; NULL: TRIT_WEIGHTS, else "auto" */
} trit_device_opts;

typedef struct trit_device_info {
    char name[16];          /* "cpu" */
    char description[128];  /* brand of the processor */
    char tier[16];          /* instruction-set tier in use */
    unsigned n_threads;
    uint64_t memory_bytes;  /* of the machine, 0 if unknown */
    char weights[16];       /* form that ternary weights of models larger than the caches take */
    char weights_why[96];   /* in words */
    char chosen_why[96];    /* why this device: "asked for", "the only one here", or what each would cost */
} trit_device_info;

/* `name`: "cpu", "auto" or NULL (TRIT_DEVICE, else "auto"). "auto" is the device whose measured limits promise the least time for a token
 * (some 100 ms for each of several devices, once a machine; a device that is alone is not measured). `opts` may be NULL. The caller closes.
 * Errors: device (no such device here), arg (unknown tier or form), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_device_open(trit_device **out, const char *name, const trit_device_opts *opts,
                                                      trit_error *err);
TRIT_API void trit_device_close(trit_device *device); /* NULL is fine */
/* Where the form of weights is still to be measured, this does it (some 100 ms, once a machine, or again where that was busy). */
TRIT_API void trit_device_describe(const trit_device *device, trit_device_info *out);
/* Where weights, caches and values on this device come from. The device owns it: it is there until the device is closed. */
TRIT_API trit_pool *trit_device_pool(const trit_device *device);

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

/* What the machine can do at best, all threads of a device together. */
typedef struct trit_limits {
    double read_bytes_s; /* reading of memory, far more than the caches hold */
    double int8_macs_s;  /* multiply-adds of codes by int8, operands in registers, by the instructions that the tier's kernels use */
    double float_macs_s; /* multiply-adds of floats, in registers, as the kernels do them: a product and a sum, not fused */
} trit_limits;

typedef struct trit_probe trit_probe;

/* Makes ready to measure the limits of a CPU device (memory: four times the last-level caches, at least 256 MB). `device` is
 * borrowed; the caller frees. Errors: unsupported (another kind of device), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_probe_new(trit_probe **out, trit_device *device, trit_error *err);
TRIT_API void trit_probe_free(trit_probe *probe); /* NULL is fine */
/* Some 100 ms; the best of three passes each. `own_time` counts the processor time of the threads, as if no other program ran, which
 * is exact for a device of one thread; else by the clock. */
TRIT_API void trit_probe_run(trit_probe *probe, bool own_time, trit_limits *out);

/* Names of the cases that kernels of `slot` are measured on, "128 tokens"; NULL beyond the last. */
TRIT_API const char *trit_kernel_case_at(const char *slot, size_t i);

/* One kernel variant on one case, with data of its own; runs on the calling thread. */
typedef struct trit_kernel_bench trit_kernel_bench;

typedef struct trit_kernel_work { /* of one call */
    uint64_t int8_macs, float_macs; /* both 0: no product, only bytes count */
    uint64_t bytes;     /* read and written, weights once however many tokens there are */
    bool is_from_memory; /* the weights are more than the caches hold */
} trit_kernel_work;

/* `tier` as trit_kernel_at names it. The caller frees. Errors: arg (no such variant or case), unsupported (this processor cannot
 * run the tier), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_kernel_bench_new(trit_kernel_bench **out, const char *slot, const char *tier, size_t i,
                                                           trit_error *err);
TRIT_API void trit_kernel_bench_free(trit_kernel_bench *bench); /* NULL is fine */
TRIT_API void trit_kernel_bench_describe(const trit_kernel_bench *bench, trit_kernel_work *out);

/* Calls the kernel for some 5 ms of the thread's own time, so that other programs count little; returns the seconds of one call. */
TRIT_API double trit_kernel_bench_run(trit_kernel_bench *bench);

#ifdef __cplusplus
}
#endif
#endif
