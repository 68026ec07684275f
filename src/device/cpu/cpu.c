/* The CPU device: a thread team, the kernels of one instruction-set tier, and runs of op lists. */
#include "device/cpu/cpu.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/env.h"
#include "base/error.h"
#include "base/os.h"
#include "memory/track.h"
#include "quant/layout.h"

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

/* What an op costs, in products of int8: about 0.01 ns with AVX-512 VNNI. What others are worth beside them was measured there on one thread of
 * a small model, whose weights are in the caches. An angle is a sine and a cosine in double. */
enum { per_float_product = 4, per_score = 8, per_element = 32, per_angle = 2048 };

/* What a part costs beside its work, in the same unit: an empty run of two members takes 0.24 us. */
enum { per_part = 1 << 14 };

typedef struct cost {
    uint64_t work;
    uint64_t most_parts; /* more would be empty */
} cost;

static uint64_t positions_seen(const trit_batch *b, const trit_op *op) {
    uint64_t n = 0;
    for (uint32_t t = 0; t < b->n_tokens; t++) n += op->window && op->window <= b->position[t] ? op->window : b->position[t] + 1;
    return n;
}

/* Of rows of elements; `divides`: within rows, too. */
static cost cost_of_rows(const trit_exec *e, const trit_op *op, uint32_t of_one, bool divides) {
    const uint64_t rows = cpu_value_rows(e, op->out), n = rows * e->program->values[op->out].cols;
    return (cost){n * of_one, divides ? n : rows};
}

/* A head and its scan cost the same: what the members leave in one the parts of the other read. */
static cost cost_of(const trit_exec *e, const trit_op *op) {
    const trit_batch *b = e->batch;
    switch (op->kind) {
    case trit_op_linear:
    case trit_op_head_scan:
    case trit_op_head: {
        const uint64_t products = (uint64_t)op->weight->n_rows * op->weight->n_cols * cpu_value_rows(e, op->out);
        return (cost){e->program->values[op->in[0]].type == trit_value_a8 ? products : products * per_float_product, trit_n_tiles(op->weight->n_rows)};
    }
    case trit_op_attention: return (cost){positions_seen(b, op) * op->n_heads * op->head_dim * per_score, (uint64_t)b->n_tokens * op->n_heads};
    case trit_op_kv_store: {
        const uint64_t heads = (uint64_t)b->n_tokens * op->n_heads;
        return (cost){2 * heads * op->head_dim * per_element, heads};
    }
    case trit_op_angles: return cost_of_rows(e, op, per_angle / 2, false);
    case trit_op_add:
    case trit_op_glu:
    case trit_op_scale: return cost_of_rows(e, op, per_element, true);
    default: return cost_of_rows(e, op, per_element, false);
    }
}

/* Into how many parts an op is divided in this batch. P parts take work / P + P per_part, the least where P P per_part = work: two from 0.6 us on,
 * all of sixteen from 40 us on. What one member does alone is handed to nobody, so that a step of a small model runs as with one thread. */
static unsigned parts_of(const trit_exec *e, const trit_op *op) {
    const unsigned n = trit_team_size(e->device->team);
    if (n == 1) return 1;
    const cost c = cost_of(e, op);
    const unsigned most = c.most_parts < n ? (unsigned)c.most_parts : n;
    const double parts = sqrt((double)c.work / per_part);
    return most < 2 || parts < 2 ? 1 : parts < most ? (unsigned)parts : most; /* none: a batch without outputs */
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

/* Ops [first, end), none of which needs another. */
typedef struct region {
    trit_exec *exec;
    size_t first, end;
} region;

static void run_region(void *arg, unsigned i, unsigned n) {
    const region *r = arg;
    for (size_t k = r->first; k < r->end; k++) {
        const trit_op *op = &r->exec->program->ops[k];
        trit_cpu_ops[op->kind](&(cpu_task){r->exec, op, i, n});
    }
}

/* Where the ops end that may be done together with op `first`: in as many parts, and independent of each other. */
static size_t region_end(const trit_exec *e, size_t first, unsigned n_parts) {
    const trit_program *p = e->program;
    size_t end = first + 1;
    for (; end < p->n_ops && !e->trace && parts_of(e, &p->ops[end]) == n_parts; end++)
        for (size_t j = first; j < end; j++)
            if (depends(p, &p->ops[end], &p->ops[j])) return end;
    return end;
}

static void show_trace(const trit_exec *e, const trit_op *op) {
    if (op->out >= 0) e->trace(e->trace_user, op, &e->program->values[op->out], cpu_value(e, op->out), cpu_value_rows(e, op->out));
}

static void run_ops(trit_exec *e) {
    const trit_program *p = e->program;
    bool has_team = false;
    for (region r = {.exec = e}; r.first < p->n_ops; r.first = r.end) {
        const unsigned n_parts = parts_of(e, &p->ops[r.first]);
        r.end = n_parts > 1 ? region_end(e, r.first, n_parts) : r.first + 1;
        if (n_parts > 1 && !has_team) {
            trit_team_take(e->device->team);
            has_team = true;
        }
        trit_team_parts(e->device->team, n_parts, run_region, &r);
        if (e->trace) show_trace(e, &p->ops[r.first]);
    }
    if (has_team) trit_team_give(e->device->team);
}

static trit_status cpu_run(trit_exec *e, const trit_batch *batch, const float **result, size_t *stride, trit_error *err) {
    if (batch->n_tokens > e->max_tokens || batch->n_outputs > e->max_outputs)
        return trit_error_set(err, trit_arg, "a batch of %u tokens and %u outputs is beyond the engine's %u and %u", batch->n_tokens,
                              batch->n_outputs, e->max_tokens, e->max_outputs);
    e->batch = batch;
    run_ops(e);
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
    trit_team *team = ((cpu_device *)d)->team;
    trit_team_parts(team, trit_team_size(team), fn, arg);
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
