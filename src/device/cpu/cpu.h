/* The CPU device's own parts. */
#ifndef TRIT_DEVICE_CPU_CPU_H
#define TRIT_DEVICE_CPU_CPU_H

#include "base/str.h"
#include "base/team.h"
#include "device/device.h"
#include "kernel/kernel.h"
#include "trit/memory.h"

typedef struct trit_tuner trit_tuner;

typedef struct cpu_device {
    trit_device base; /* first */
    trit_cpu_tier tier;
    const trit_kernels *kernels;
    trit_team *team;
    trit_tuner *tuner;
} cpu_device;

enum { trit_cpu_widened_rows = 4 }; /* of a file form, as floats: what the products of floats take at once */
enum { trit_cpu_max_top = 256, trit_cpu_scan_outputs = 32 /* bits */ }; /* beyond them all rows of a head are computed */

/* What one member knows of one output after the scan of a head, see head.c. */
typedef struct cpu_scan {
    float best[trit_cpu_max_top];   /* products that some of its rows surely have */
    uint32_t row[trit_cpu_max_top]; /* those rows */
    float x_norm, rest_norm;        /* |x|, what the coarse products leave of it out */
} cpu_scan;

struct trit_exec {
    cpu_device *device;
    const trit_program *program;
    trit_kv_shape kv;
    uint32_t max_tokens, max_outputs, context;
    uint8_t *values; /* all slots, one after the other */
    size_t *offset;  /* [n_slots] into values */
    uint8_t *cache;  /* key-value pages */
    float *scratch;  /* [n_threads, scratch_floats]: rows of weights as floats, or a tile of attention */
    size_t values_bytes, cache_bytes, scratch_floats;
    cpu_scan *scan;  /* [n_threads, trit_cpu_scan_outputs], where the program has a head with coarse rows */
    const trit_batch *batch; /* of the run */
    trit_trace_fn trace;
    void *trace_user;
};

/* A part of an op, and nobody else's: what is kept for member i is the part's. */
typedef struct cpu_task {
    trit_exec *exec;
    const trit_op *op;
    unsigned i, n; /* part i of n, at most as many as members */
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
/* Rows [row0, row1) of the product for the first n_tokens of the op's input, weights in a file form. */
void trit_cpu_linear_float(const cpu_task *t, uint32_t row0, uint32_t row1, uint32_t n_tokens);
/* One row for the tokens whose bits are set in `wanted`. */
void trit_cpu_linear_row(const cpu_task *t, uint32_t row, uint32_t wanted);

/* call.c: one op on tensors. */
trit_status trit_cpu_call(trit_device *d, const trit_call *call, trit_error *err);

/* attention.c */
size_t trit_cpu_attention_floats(uint32_t context, uint32_t head_dim); /* of a member's scratch */
void trit_cpu_attention(const cpu_task *t);

/* head.c */
trit_status trit_cpu_prepare_head(trit_device *d, trit_weight *w, trit_error *err);
void trit_cpu_head_scan(const cpu_task *t);
void trit_cpu_head(const cpu_task *t);

/* tune.c: which form ternary weights take. `wish`: "t2", "t3", "auto" or NULL; errors: arg, memory. The device outlives the tuner. */
TRIT_MUST_CHECK trit_status trit_tuner_new(trit_tuner **out, const cpu_device *cpu, const char *wish, trit_error *err);
void trit_tuner_free(trit_tuner *tuner); /* NULL is fine */
trit_dtype trit_tuner_form(trit_tuner *tuner, const trit_ternary_source *source); /* t2 or t3; any thread */
/* Of weights that the caches do not hold, and why. */
trit_dtype trit_tuner_explain(trit_tuner *tuner, char *why, size_t size);

/* What was measured, in ms: one token and several, weights from memory. */
typedef struct trit_tuning {
    double one[2], several[2]; /* T2, T3 */
} trit_tuning;
bool trit_tuning_takes_t3(const trit_tuning *t);
void trit_cpu_machine(const trit_device *d, char *out, size_t size); /* see device.h */

/* limits.c: see device.h */
trit_status trit_cpu_limits(trit_device *d, trit_limits *out, bool *is_quiet, trit_error *err);

/* weights.c */
trit_quant_matrix trit_cpu_matrix_of(const trit_weight *w); /* a file form's, as the quant room sees it */
/* x [n_cols] = a row of it, by a kernel where there is one. */
void trit_cpu_widen_row(const trit_kernels *kernels, const trit_quant_matrix *m, uint64_t row, float *x);
/* One row of a tile of T2; what lies beyond n_cols stands for trit 0. */
void trit_cpu_pack_t2(uint8_t *tile, uint32_t row, const int8_t *trits, uint32_t n_cols);
trit_status trit_cpu_upload_ternary(trit_device *d, trit_weight *out, const trit_ternary_source *source, trit_error *err);
trit_status trit_cpu_upload(trit_device *d, trit_weight *out, const trit_quant_matrix *matrix, trit_error *err);
void trit_cpu_weight_free(trit_device *d, trit_weight *w);

#endif
