/* The CPU device: a thread team, the kernels of one instruction-set tier, and runs of op lists. */
#include "device/cpu/cpu.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/env.h"
#include "base/error.h"
#include "base/os.h"
#include "memory/track.h"

static void cpu_close(trit_device *d) {
    cpu_device *cpu = (cpu_device *)d;
    trit_tuner_free(cpu->tuner);
    trit_team_free(cpu->team);
    if (cpu->base.pool) trit_tracker_log(trit_pool_tracker(cpu->base.pool));
    trit_pool_free(cpu->base.pool);
    trit_free(cpu);
}

/* Of address space at a time. Activations of training are tens of megabytes; beyond an arena each would be mapped, cleared and unmapped anew. */
enum { device_arena_bytes = 128 << 20 };

/* A step reads every weight once, in order: with pages of 4 KB the processor would spend part of that time on finding them. */
static trit_status new_pool(trit_pool **out, trit_error *err) {
    trit_pool_opts o = {.name = trit_device_cpu.name, .huge = trit_huge_always, .arena_bytes = device_arena_bytes};
    trit_status status = trit_tracking_of_env(&o.tracking, err);
    return status == trit_ok ? trit_pool_new(out, &o, err) : status;
}

static trit_status cpu_open(trit_device **out, const trit_device_opts *opts, trit_error *err) {
    unsigned n_threads;
    trit_status status = trit_team_choose(&n_threads, opts->n_threads, err);
    if (status != trit_ok) return status;
    cpu_device *cpu = trit_alloc_zero(1, sizeof *cpu);
    if (!cpu) return trit_error_memory(err, sizeof *cpu, "the CPU device");
    cpu->base.vt = &trit_device_cpu;
    cpu->base.n_threads = n_threads;
    status = new_pool(&cpu->base.pool, err);
    if (status == trit_ok) status = trit_cpu_best(&cpu->tier, opts->cpu_tier ? opts->cpu_tier : trit_env_get("TRIT_CPU"), err);
    if (status == trit_ok) status = trit_team_new(&cpu->team, n_threads, err);
    if (status == trit_ok) {
        cpu->kernels = trit_kernels_for(cpu->tier);
        status = trit_tuner_new(&cpu->tuner, cpu, opts->weights ? opts->weights : trit_env_get("TRIT_WEIGHTS"), err);
    }
    if (status != trit_ok) {
        cpu_close(&cpu->base);
        return status;
    }
    *out = &cpu->base;
    return trit_ok;
}

static void cpu_describe(const trit_device *d, trit_device_info *out) {
    const cpu_device *cpu = (const cpu_device *)d;
    *out = (trit_device_info){.n_threads = trit_team_size(cpu->team), .memory_bytes = trit_os_memory_bytes()};
    snprintf(out->name, sizeof out->name, "%s", trit_device_cpu.name);
    snprintf(out->description, sizeof out->description, "%s", trit_cpu_name());
    snprintf(out->tier, sizeof out->tier, "%s", trit_cpu_tier_name(cpu->tier));
    const trit_dtype form = trit_tuner_explain(cpu->tuner, out->weights_why, sizeof out->weights_why);
    snprintf(out->weights, sizeof out->weights, "%s", trit_dtype_info(form)->label);
}

static void cpu_exec_free(trit_exec *e) {
    if (!e) return;
    void *owned[] = {e->values, e->cache, e->scratch, e->scan};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) trit_pool_release(e->device->base.pool, owned[i], NULL);
    trit_free(e->offset);
    trit_free(e);
}

/* The widest need of one thread: rows of a weight as floats, or a tile of attention. */
static size_t scratch_floats_of(const trit_program *p, uint32_t context) {
    size_t n = 0;
    for (size_t i = 0; i < p->n_ops; i++) {
        const trit_op *op = &p->ops[i];
        size_t need = op->weight                      ? (size_t)trit_cpu_widened_rows * op->weight->n_cols
                      : op->kind == trit_op_attention ? trit_cpu_attention_floats(context, op->head_dim)
                                                      : 0;
        if (need > n) n = need;
    }
    return (n + 15) / 16 * 16;
}

static bool has_coarse_head(const trit_program *p) {
    for (size_t i = 0; i < p->n_ops; i++)
        if (p->ops[i].kind == trit_op_head) return true;
    return false;
}

static bool place_slots(trit_exec *e) {
    size_t total = 0;
    for (size_t i = 0; i < e->program->n_slots; i++) {
        const trit_slot *s = &e->program->slots[i];
        size_t bytes;
        e->offset[i] = total;
        if (!trit_mul_size(s->row_bytes, s->rows == trit_rows_tokens ? e->max_tokens : e->max_outputs, &bytes)) return false;
        if (!trit_add_size(total, bytes, &total)) return false;
    }
    e->values_bytes = total;
    return true;
}

static trit_status cpu_exec_new(trit_device *d, trit_exec **out, const trit_exec_opts *o, trit_error *err) {
    trit_exec *e = trit_alloc_zero(1, sizeof *e);
    if (!e) return trit_error_memory(err, sizeof *e, "the engine's storage");
    *e = (trit_exec){.device = (cpu_device *)d, .program = o->program, .kv = o->kv, .max_tokens = o->max_tokens,
                     .max_outputs = o->max_outputs, .context = o->context};
    e->scratch_floats = scratch_floats_of(o->program, o->context);
    e->offset = trit_alloc(o->program->n_slots, sizeof *e->offset);
    bool fits = e->offset && place_slots(e) && trit_kv_n_bytes(&e->kv, &e->cache_bytes);
    if (fits) {
        e->values = trit_device_take(d, e->values_bytes, 1, "values");
        e->cache = trit_device_take(d, e->cache_bytes, 1, "key-value cache");
        e->scratch = trit_device_take(d, trit_team_size(e->device->team) * e->scratch_floats, sizeof(float), "scratch");
    }
    if (fits && has_coarse_head(o->program)) {
        e->scan = trit_device_take(d, (size_t)trit_team_size(e->device->team) * trit_cpu_scan_outputs, sizeof *e->scan, "scratch");
        fits = e->scan != NULL;
    }
    if (!fits || !e->values || !e->cache || !e->scratch) {
        size_t bytes = e->values_bytes + e->cache_bytes;
        cpu_exec_free(e);
        return trit_error_memory(err, bytes, "the key-value cache and the engine's storage");
    }
    *out = e;
    return trit_ok;
}

static size_t cpu_exec_bytes(const trit_exec *e, size_t *kv_bytes) {
    *kv_bytes = e->cache_bytes;
    return e->values_bytes + trit_team_size(e->device->team) * e->scratch_floats * sizeof(float);
}

static void cpu_exec_trace(trit_exec *e, trit_trace_fn fn, void *user) {
    e->trace = fn;
    e->trace_user = user;
}

/* Work below which an op is done by the first member alone: a few microseconds, about what it costs to divide it. */
enum { serial_products = 1 << 19, serial_scores = 1 << 17, serial_elements = 1 << 14 };

/* Is the op too small to be divided in this batch? All members must answer alike, so only the batch and the list count. */
static bool is_serial(const trit_exec *e, const trit_op *op) {
    const trit_batch *b = e->batch;
    switch (op->kind) {
    case trit_op_linear: return (uint64_t)op->weight->n_rows * op->weight->n_cols * cpu_value_rows(e, op->out) < serial_products;
    case trit_op_attention: {
        uint64_t seen = 0;
        for (uint32_t t = 0; t < b->n_tokens; t++) seen += b->position[t] + 1;
        return seen * op->n_heads * op->head_dim < serial_scores;
    }
    case trit_op_kv_store: return (uint64_t)b->n_tokens * op->n_heads * op->head_dim < serial_elements;
    default: return (uint64_t)cpu_value_rows(e, op->out) * e->program->values[op->out].cols < serial_elements;
    }
}

static bool share_slot(const trit_program *p, trit_value a, trit_value b) {
    return a >= 0 && b >= 0 && p->values[a].slot == p->values[b].slot;
}

/* Must `later` see what `earlier` did, or keep out of its way? Slots stand for their values: who reads a value reads its slot. */
static bool depends(const trit_program *p, const trit_op *later, const trit_op *earlier) {
    for (int i = 0; i < 2; i++)
        if (share_slot(p, later->in[i], earlier->out) || share_slot(p, later->out, earlier->in[i])) return true;
    bool by_cache = (earlier->kind == trit_op_kv_store && later->kind == trit_op_attention) ||
                    (earlier->kind == trit_op_attention && later->kind == trit_op_kv_store);
    return by_cache || share_slot(p, later->out, earlier->out);
}

/* Must all members meet before op k, ops [since, k) having begun after they last met? Ops of the first member alone follow each
 * other by themselves. */
static bool must_meet(const trit_exec *e, size_t since, size_t k, bool serial) {
    const trit_op *ops = e->program->ops;
    for (size_t j = since; j < k; j++)
        if (!(serial && is_serial(e, &ops[j])) && depends(e->program, &ops[k], &ops[j])) return true;
    return false;
}

static void show_trace(trit_exec *e, const trit_op *op, unsigned i) {
    trit_team_barrier(e->device->team);
    if (i == 0 && op->out >= 0) e->trace(e->trace_user, op, &e->program->values[op->out], cpu_value(e, op->out), cpu_value_rows(e, op->out));
    trit_team_barrier(e->device->team);
}

/* Every member walks the whole list and does its part of each op; they meet only where an op needs what others did. */
static void run_member(void *arg, unsigned i, unsigned n) {
    trit_exec *e = arg;
    const trit_program *p = e->program;
    for (size_t k = 0, since = 0; k < p->n_ops; k++) {
        const trit_op *op = &p->ops[k];
        bool serial = is_serial(e, op);
        if (n > 1 && must_meet(e, since, k, serial)) {
            trit_team_barrier(e->device->team);
            since = k;
        }
        if (!serial)
            trit_cpu_ops[op->kind](&(cpu_task){e, op, i, n});
        else if (i == 0)
            trit_cpu_ops[op->kind](&(cpu_task){e, op, 0, 1});
        if (e->trace) show_trace(e, op, i);
    }
}

static trit_status cpu_run(trit_exec *e, const trit_batch *batch, const float **result, size_t *stride, trit_error *err) {
    if (batch->n_tokens > e->max_tokens || batch->n_outputs > e->max_outputs)
        return trit_error_set(err, trit_arg, "a batch of %u tokens and %u outputs is beyond the engine's %u and %u", batch->n_tokens,
                              batch->n_outputs, e->max_tokens, e->max_outputs);
    e->batch = batch;
    trit_team_run(e->device->team, run_member, e);
    e->batch = NULL;
    *result = cpu_value(e, e->program->result);
    *stride = cpu_value_stride(e, e->program->result) / sizeof(float);
    return trit_ok;
}

static trit_status cpu_page_out(const trit_exec *e, uint32_t page, uint8_t *to, trit_error *err) {
    (void)err;
    memcpy(to, e->cache + trit_kv_offset(&e->kv, page, 0, 0, 0, 0), trit_kv_page_bytes(&e->kv));
    return trit_ok;
}

static trit_status cpu_page_in(trit_exec *e, uint32_t page, const uint8_t *from, trit_error *err) {
    (void)err;
    memcpy(e->cache + trit_kv_offset(&e->kv, page, 0, 0, 0, 0), from, trit_kv_page_bytes(&e->kv));
    return trit_ok;
}

static void cpu_together(trit_device *d, void (*fn)(void *arg, unsigned i, unsigned n), void *arg) {
    trit_team_run(((cpu_device *)d)->team, fn, arg);
}

static void release_storage(trit_storage *s) {
    trit_pool_release(s->user, s->data, NULL);
    trit_free(s);
}

static trit_status cpu_storage_new(trit_device *d, trit_storage **out, size_t n_bytes, trit_error *err) {
    void *data = trit_device_take(d, n_bytes, 1, "tensor");
    if (!data) return trit_error_memory(err, n_bytes, "a tensor");
    trit_status status = trit_storage_new(out, data, n_bytes, release_storage, d->pool, err);
    if (status != trit_ok) trit_pool_release(d->pool, data, NULL);
    return status;
}

const trit_device_vtable trit_device_cpu = {
    .name = "cpu",
    .open = cpu_open,
    .close = cpu_close,
    .describe = cpu_describe,
    .machine = trit_cpu_machine,
    .limits = trit_cpu_limits,
    .upload_ternary = trit_cpu_upload_ternary,
    .upload = trit_cpu_upload,
    .weight_free = trit_cpu_weight_free,
    .prepare_head = trit_cpu_prepare_head,
    .exec_new = cpu_exec_new,
    .exec_free = cpu_exec_free,
    .exec_bytes = cpu_exec_bytes,
    .exec_trace = cpu_exec_trace,
    .run = cpu_run,
    .page_out = cpu_page_out,
    .page_in = cpu_page_in,
    .together = cpu_together,
    .storage_new = cpu_storage_new,
    .call = trit_cpu_call,
};
