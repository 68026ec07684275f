/* Weights in the CPU's memory forms: ternary ones as T2, repacked once and in parallel; all others where they lie in the file. */
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "device/cpu/cpu.h"
#include "quant/layout.h"

/* Eight trits as eight codes: each byte plus one, the sign bits kept out of the carry. */
static uint64_t codes_of(const int8_t *trits) {
    const uint64_t sign = 0x8080808080808080u, one = 0x0101010101010101u;
    uint64_t t;
    memcpy(&t, trits, sizeof t);
    return ((t & ~sign) + one) ^ (t & sign);
}

/* A whole block of 256 trits, drawn in quant/layout.h. */
static void pack_block(uint8_t *dst, const int8_t *trits) {
    for (size_t j = 0; j < trit_t2_block_bytes; j += 8) {
        uint64_t bytes = codes_of(trits + j) | codes_of(trits + j + 64) << 2 | codes_of(trits + j + 128) << 4 | codes_of(trits + j + 192) << 6;
        memcpy(dst + j, &bytes, sizeof bytes);
    }
}

/* One row; what lies beyond n_cols in the last block stands for trit 0. */
static void pack_row(uint8_t *dst, const int8_t *trits, uint32_t n_cols) {
    uint32_t whole = n_cols / trit_t2_block * trit_t2_block;
    for (uint32_t at = 0; at < whole; at += trit_t2_block, dst += trit_t2_block_bytes) pack_block(dst, trits + at);
    if (whole == n_cols) return;
    int8_t last[trit_t2_block] = {0};
    memcpy(last, trits + whole, n_cols - whole);
    pack_block(dst, last);
}

typedef struct repack_job {
    const trit_ternary_source *source;
    uint8_t *data;
    float *scale;
    size_t stride, n_groups;
    int8_t *trits;  /* [n_threads, n_cols] */
    float *scratch; /* [n_threads, n_cols] */
    atomic_int status; /* of the first row that failed */
} repack_job;

static void repack_member(void *arg, unsigned i, unsigned n) {
    repack_job *job = arg;
    const trit_ternary_source *s = job->source;
    int8_t *trits = job->trits + (size_t)i * s->n_cols;
    float *scratch = job->scratch + (size_t)i * s->n_cols;
    uint64_t first, last;
    trit_team_split(s->n_rows, 1, i, n, &first, &last);
    for (uint64_t r = first; r < last; r++) {
        trit_status status = s->row(s->ctx, r, trits, job->scale + r * job->n_groups, scratch);
        if (status != trit_ok) {
            atomic_store(&job->status, (int)status);
            return;
        }
        pack_row(job->data + r * job->stride, trits, s->n_cols);
    }
}

/* Many files repeat one scale for every block of a row. Then the row needs one only, which is the faster form. */
static void join_equal_scales(trit_weight *w, float *scale, size_t n_groups) {
    for (size_t r = 0; r < w->n_rows; r++)
        for (size_t g = 1; g < n_groups; g++)
            if (scale[r * n_groups + g] != scale[r * n_groups]) return;
    for (size_t r = 0; r < w->n_rows; r++) scale[r] = scale[r * n_groups];
    w->group = 0;
}

trit_status trit_cpu_upload_ternary(trit_device *d, trit_weight *out, const trit_ternary_source *source, trit_error *err) {
    cpu_device *cpu = (cpu_device *)d;
    unsigned n = trit_team_size(cpu->team);
    repack_job job = {.source = source, .stride = trit_t2_row_bytes(source->n_cols)};
    job.n_groups = source->group ? (source->n_cols + source->group - 1) / source->group : 1;
    job.data = trit_slabs_alloc(&cpu->slabs, source->n_rows, job.stride);
    job.scale = trit_alloc_aligned((size_t)source->n_rows * job.n_groups, sizeof *job.scale);
    job.trits = trit_alloc((size_t)n * source->n_cols, sizeof *job.trits);
    job.scratch = trit_alloc((size_t)n * source->n_cols, sizeof *job.scratch);
    trit_status status = trit_ok;
    if (!job.data || !job.scale || !job.trits || !job.scratch)
        status = trit_error_memory(err, source->n_rows * job.stride, "a weight");
    else
        trit_team_run(cpu->team, repack_member, &job);
    trit_free(job.trits);
    trit_free(job.scratch);
    if (status == trit_ok) status = (trit_status)atomic_load(&job.status);
    if (status != trit_ok) {
        trit_slabs_release(&cpu->slabs, job.data);
        trit_free(job.scale);
        return status;
    }
    *out = (trit_weight){.dtype = trit_dtype_t2, .n_rows = source->n_rows, .n_cols = source->n_cols, .data = job.data,
                         .stride = job.stride, .n_bytes = source->n_rows * job.stride, .scale = job.scale, .group = source->group,
                         .factor = 1.0f, .owned = {job.data, job.scale, NULL}};
    if (out->group) join_equal_scales(out, job.scale, job.n_groups);
    return trit_ok;
}

/* Bytes that an element must be aligned to for the kernels; 1 where rows are decoded byte by byte. */
static size_t element_align(trit_dtype dtype) {
    const trit_dtype_traits *t = trit_dtype_info(dtype);
    return trit_dtype_is_float(dtype) ? t->block_bytes : 1;
}

trit_status trit_cpu_upload(trit_device *d, trit_weight *out, const trit_quant_matrix *m, trit_error *err) {
    (void)d;
    const trit_dtype_traits *traits = trit_dtype_info(m->dtype);
    *out = (trit_weight){.dtype = m->dtype, .n_rows = (uint32_t)m->n_rows, .n_cols = (uint32_t)m->n_cols, .data = m->data,
                         .n_bytes = (size_t)m->n_bytes, .factor = m->scale, .i2_s_block = m->i2_s_block};
    if (trit_dtype_is_float(m->dtype)) out->stride = (size_t)m->n_cols * traits->block_bytes;
    if ((uintptr_t)m->data % element_align(m->dtype) == 0) return trit_ok;
    void *copy = trit_alloc_aligned(out->n_bytes, 1);
    if (!copy) return trit_error_memory(err, out->n_bytes, "a weight that is not aligned in its file");
    memcpy(copy, m->data, out->n_bytes);
    out->data = out->owned[0] = copy;
    return trit_ok;
}

void trit_cpu_weight_free(trit_device *d, trit_weight *w) {
    cpu_device *cpu = (cpu_device *)d;
    if (w->dtype == trit_dtype_t2) { /* its data come from a slab */
        trit_slabs_release(&cpu->slabs, w->owned[0]);
        w->owned[0] = NULL;
    }
    for (size_t i = 0; i < sizeof w->owned / sizeof w->owned[0]; i++) trit_free(w->owned[i]);
    *w = (trit_weight){0};
}
