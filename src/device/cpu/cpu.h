/* The CPU device's own parts. */
#ifndef TRIT_DEVICE_CPU_CPU_H
#define TRIT_DEVICE_CPU_CPU_H

#include "base/team.h"
#include "device/device.h"
#include "kernel/kernel.h"

typedef struct cpu_device {
    trit_device base; /* first */
    trit_cpu_tier tier;
    const trit_kernels *kernels;
    trit_team *team;
} cpu_device;

struct trit_exec {
    cpu_device *device;
    const trit_program *program;
    trit_kv_shape kv;
    uint32_t max_tokens, max_outputs, context;
    uint8_t *values; /* all slots, one after the other */
    size_t *offset;  /* [n_slots] into values */
    uint8_t *cache;  /* key-value pages */
    float *scratch;  /* [n_threads, scratch_floats]: a row of weights as floats, or the scores of a head */
    size_t values_bytes, cache_bytes, scratch_floats;
    const trit_batch *batch; /* of the run */
    trit_trace_fn trace;
    void *trace_user;
};

/* One member's part of an op. */
typedef struct cpu_task {
    trit_exec *exec;
    const trit_op *op;
    unsigned i, n; /* member i of n */
} cpu_task;

static inline void *cpu_value(const trit_exec *e, trit_value v) {
    return e->values + e->offset[e->program->values[v].slot];
}

static inline size_t cpu_value_stride(const trit_exec *e, trit_value v) {
    return e->program->values[v].row_bytes;
}

static inline void *cpu_value_row(const trit_exec *e, trit_value v, size_t row) {
    return (uint8_t *)cpu_value(e, v) + row * cpu_value_stride(e, v);
}

static inline uint32_t cpu_value_rows(const trit_exec *e, trit_value v) {
    return e->program->values[v].rows == trit_rows_tokens ? e->batch->n_tokens : e->batch->n_outputs;
}

static inline float *cpu_scratch(const cpu_task *t) {
    return t->exec->scratch + (size_t)t->i * t->exec->scratch_floats;
}

/* ops.c: one function per op, in the order of ops.def. */
typedef void (*cpu_op_fn)(const cpu_task *t);
extern const cpu_op_fn trit_cpu_ops[trit_n_op_kinds];

/* weights.c */
trit_status trit_cpu_upload_ternary(trit_device *d, trit_weight *out, const trit_ternary_source *source, trit_error *err);
trit_status trit_cpu_upload(trit_device *d, trit_weight *out, const trit_quant_matrix *matrix, trit_error *err);
void trit_cpu_weight_free(trit_device *d, trit_weight *w);

#endif
