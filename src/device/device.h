/* A device: what runs op lists. The table below grows with machines, never with models.
 *
 * A device is opened once and shared by the models on it, and by any number of threads: the device itself sees to it that runs
 * follow each other. One exec belongs to one thread at a time. */
#ifndef TRIT_DEVICE_DEVICE_H
#define TRIT_DEVICE_DEVICE_H

#include <stdbool.h>

#include "op/call.h"
#include "op/op.h"
#include "quant/quant.h"
#include "trit/device.h"
#include "trit/pool.h"

/* Ternary weights on their way into a device's memory form, row by row. `row` may be called from several threads at once, each
 * with its own scratch of n_cols floats; it answers ok, format (a code that is no trit) or numeric (a scale that is not finite). */
typedef struct trit_ternary_source {
    uint32_t n_rows, n_cols;
    uint32_t group; /* inputs that share a scale: 64, 128 or 256; 0: the whole row */
    bool is_int8;      /* the inputs will be int8 alone */
    uint64_t n_model;  /* ternary weights of the whole model, about; 0: unknown, many */
    trit_status (*row)(const void *ctx, uint64_t row, int8_t *trits, float *scales, float *scratch);
    const void *ctx;
} trit_ternary_source;

/* What one engine owns on a device: storage of a program's values, and the cache. */
typedef struct trit_exec trit_exec;

typedef struct trit_exec_opts {
    const trit_program *program; /* borrowed */
    trit_kv_shape kv;
    uint32_t max_tokens, max_outputs; /* of one run */
    uint32_t context;                 /* positions of a sequence at most; also chooses between the two forms of LongRoPE */
} trit_exec_opts;

/* Called after each op of a run: the op's label and layer, and its output as [rows, cols] floats, or A8 rows. */
typedef void (*trit_trace_fn)(void *user, const trit_op *op, const trit_value_desc *value, const void *rows, uint32_t n_rows);

typedef struct trit_device_vtable {
    const char *name;
    trit_status (*open)(trit_device **out, const trit_device_opts *opts, trit_error *err);
    void (*close)(trit_device *d);
    void (*describe)(const trit_device *d, trit_device_info *out); /* all but chosen_why */
    /* What measurements of it depend on, in words: the machine, the settings, the build. */
    void (*machine)(const trit_device *d, char *out, size_t size);
    /* What it does at best, measured now: some 100 ms; *is_quiet: measurements agree, nothing else disturbed them. Errors: memory, unsupported. */
    trit_status (*limits)(trit_device *d, trit_limits *out, bool *is_quiet, trit_error *err);

    /* Weights: ternary ones are repacked into the form that the device prefers, others are used where they lie if they may. The
     * device fills *out with storage of its own, released by weight_free. */
    trit_status (*upload_ternary)(trit_device *d, trit_weight *out, const trit_ternary_source *source, trit_error *err);
    trit_status (*upload)(trit_device *d, trit_weight *out, const trit_quant_matrix *matrix, trit_error *err);
    void (*weight_free)(trit_device *d, trit_weight *w);
    /* The uploaded weight is a model's head, of whose products often only the largest matter: the device may add to it what finds
     * them with less reading. Results stay the same bits. */
    trit_status (*prepare_head)(trit_device *d, trit_weight *w, trit_error *err);

    trit_status (*exec_new)(trit_device *d, trit_exec **out, const trit_exec_opts *opts, trit_error *err);
    void (*exec_free)(trit_exec *e);
    size_t (*exec_bytes)(const trit_exec *e, size_t *kv_bytes);
    void (*exec_trace)(trit_exec *e, trit_trace_fn fn, void *user); /* NULL: none */

    /* Runs the program; *result [n_outputs, stride floats] is borrowed until the next run. Allocates nothing. */
    trit_status (*run)(trit_exec *e, const trit_batch *batch, const float **result, size_t *stride, trit_error *err);

    /* A page of the cache to and from the host's memory, between runs: trit_kv_page_bytes of them, laid out as op/op.h says. */
    trit_status (*page_out)(const trit_exec *e, uint32_t page, uint8_t *to, trit_error *err);
    trit_status (*page_in)(trit_exec *e, uint32_t page, const uint8_t *from, trit_error *err);

    /* The host's work between runs: fn(arg, i, n) for i = 0..n-1 by as many threads at most, n = n_threads, as trit_team_parts. */
    void (*together)(trit_device *d, void (*fn)(void *arg, unsigned i, unsigned n), void *arg);

    /* Tensors: storage of the device, and one op on views of such storage. */
    trit_status (*storage_new)(trit_device *d, trit_storage **out, size_t n_bytes, trit_error *err);
    trit_status (*call)(trit_device *d, const trit_call *call, trit_error *err);
} trit_device_vtable;

struct trit_device {
    const trit_device_vtable *vt; /* first member of every device */
    trit_pool *pool;              /* the device's memory: weights, caches, values, tensors. Owner: the device; any thread */
    unsigned n_threads;           /* that work together on an op */
    char why[96];                 /* it was opened: "asked for", or what "auto" found */
};

/* n * size bytes of the device's memory on a cache line; NULL: no memory. Released to the pool, at the latest by weight_free. */
void *trit_device_take(const trit_device *d, size_t n, size_t size, const char *tag);

#define TRIT_DEVICE(name) extern const trit_device_vtable trit_device_##name;
#include "device/devices.def"
#undef TRIT_DEVICE

#endif
