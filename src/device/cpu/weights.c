/* Weights in the CPU's memory forms: ternary ones as T2 or T3, repacked once and in parallel; all others where they lie in the file. */
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "device/cpu/cpu.h"
#include "quant/formats.h"
#include "quant/layout.h"
#include "quant/q6_k.h"

trit_quant_matrix trit_cpu_matrix_of(const trit_weight *w) {
    return (trit_quant_matrix){.dtype = w->dtype, .data = w->data, .n_bytes = w->n_bytes, .n_rows = w->n_rows, .n_cols = w->n_cols,
                               .scale = w->factor, .i2_s_block = w->i2_s_block};
}

void trit_cpu_widen_row(const trit_kernels *kernels, const trit_quant_matrix *m, uint64_t row, float *x) {
    if (m->dtype == trit_dtype_q6_k) kernels->unpack_q6_k(x, trit_quant_row(m, row), m->n_cols / trit_q6_k_block);
    else if (m->dtype == trit_dtype_f16 || m->dtype == trit_dtype_bf16) kernels->convert(trit_dtype_f32, x, m->dtype, trit_quant_row(m, row), m->n_cols);
    else trit_quant_format_of(m->dtype)->unpack(m, row, x);
}

/* Eight trits as eight codes: each byte plus one, the sign bits kept out of the carry. */
static uint64_t codes_of(const int8_t *trits) {
    const uint64_t sign = 0x8080808080808080u, one = 0x0101010101010101u;
    uint64_t t;
    memcpy(&t, trits, sizeof t);
    return ((t & ~sign) + one) ^ (t & sign);
}

/* The 16 trits of a row in a chunk, drawn in quant/layout.h. */
static void pack_chunk(uint8_t *dst, const int8_t *trits) {
    const uint64_t low = codes_of(trits), high = codes_of(trits + 8);
    const uint32_t bytes = (uint32_t)low | (uint32_t)(low >> 32) << 2 | (uint32_t)high << 4 | (uint32_t)(high >> 32) << 6;
    memcpy(dst, &bytes, sizeof bytes);
}

void trit_cpu_pack_t2(uint8_t *tile, uint32_t row, const int8_t *trits, uint32_t n_cols) {
    const size_t n_chunks = trit_t2_tile_bytes(n_cols) / trit_chunk_bytes, whole = n_cols / trit_t2_chunk;
    uint8_t *dst = tile + 4 * row;
    for (size_t c = 0; c < whole; c++) pack_chunk(dst + c * trit_chunk_bytes, trits + c * trit_t2_chunk);
    int8_t last[trit_t2_chunk] = {0};
    memcpy(last, trits + whole * trit_t2_chunk, n_cols % trit_t2_chunk);
    for (size_t c = whole; c < n_chunks; c++) {
        pack_chunk(dst + c * trit_chunk_bytes, last);
        memset(last, 0, sizeof last);
    }
}

/* The 320 trits of a row in a block of T3: v * 256 / 243 to the nearest, which is never a tie, in units of 2^-15. */
static void pack_block(uint8_t *dst, const int8_t *trits) {
    enum { n = trit_a8_sum_block, unit = 34521 /* 256 / 243 * 2^15 */, middle = (128 << 15) + (1 << 14) };
    uint8_t bytes[n];
    for (int i = 0; i < n; i++) {
        const int v = 81 * trits[i] + 27 * trits[n + i] + 9 * trits[2 * n + i] + 3 * trits[3 * n + i] + trits[4 * n + i];
        bytes[i] = (uint8_t)((v * unit + middle) >> 15);
    }
    for (int c = 0; c < n / 4; c++) memcpy(dst + c * trit_chunk_bytes, bytes + 4 * c, 4);
}

static void pack_row_t3(uint8_t *tile, uint32_t row, const int8_t *trits, uint32_t n_cols) {
    uint8_t *dst = tile + 4 * row;
    for (; n_cols >= trit_t3_block; n_cols -= trit_t3_block, trits += trit_t3_block, dst += trit_t3_block_bytes) pack_block(dst, trits);
    if (!n_cols) return;
    int8_t last[trit_t3_block] = {0};
    memcpy(last, trits, n_cols);
    pack_block(dst, last);
}

/* Where the scale of a row's group stands. */
static size_t scale_at(uint64_t row, size_t group, size_t n_groups) {
    return (row / trit_tile_rows * n_groups + group) * trit_tile_rows + row % trit_tile_rows;
}

typedef struct repack_job {
    const trit_ternary_source *source;
    void (*pack_row)(uint8_t *tile, uint32_t row, const int8_t *trits, uint32_t n_cols);
    uint8_t *data;
    float *scale;
    size_t stride, n_groups;
    int8_t *trits;  /* [n_threads, n_cols] */
    float *scratch; /* [n_threads, n_cols] */
    float *scales;  /* [n_threads, n_groups] */
    atomic_int status; /* of the first row that failed */
} repack_job;

static void repack_member(void *arg, unsigned i, unsigned n) {
    repack_job *job = arg;
    const trit_ternary_source *s = job->source;
    int8_t *trits = job->trits + (size_t)i * s->n_cols;
    float *scratch = job->scratch + (size_t)i * s->n_cols, *scales = job->scales + (size_t)i * job->n_groups;
    uint64_t first, last;
    trit_team_split(s->n_rows, trit_tile_rows, i, n, &first, &last);
    for (uint64_t r = first; r < last; r++) {
        trit_status status = s->row(s->ctx, r, trits, scales, scratch);
        if (status != trit_ok) {
            atomic_store(&job->status, (int)status);
            return;
        }
        job->pack_row(job->data + r / trit_tile_rows * job->stride, r % trit_tile_rows, trits, s->n_cols);
        for (size_t g = 0; g < job->n_groups; g++) job->scale[scale_at(r, g, job->n_groups)] = scales[g];
    }
}

/* Many files repeat one scale for every block of a row. Then the row needs one only, which is the faster form. */
static void join_equal_scales(trit_weight *w, float *scale, size_t n_groups) {
    const size_t n_tiles = trit_n_tiles(w->n_rows), tile_scales = n_groups * trit_tile_rows, row_scales = trit_tile_rows * sizeof *scale;
    for (size_t t = 0; t < n_tiles; t++)
        for (size_t g = 1; g < n_groups; g++)
            for (size_t r = 0; r < trit_tile_rows; r++)
                if (scale[t * tile_scales + g * trit_tile_rows + r] != scale[t * tile_scales + r]) return;
    for (size_t t = 1; t < n_tiles; t++) memmove(scale + t * trit_tile_rows, scale + t * tile_scales, row_scales);
    w->group = 0;
}

trit_status trit_cpu_upload_ternary(trit_device *d, trit_weight *out, const trit_ternary_source *source, trit_error *err) {
    cpu_device *cpu = (cpu_device *)d;
    unsigned n = trit_team_size(cpu->team);
    const size_t n_tiles = trit_n_tiles(source->n_rows);
    const bool is_t3 = trit_tuner_form(cpu->tuner, source) == trit_dtype_t3;
    repack_job job = {.source = source, .pack_row = is_t3 ? pack_row_t3 : trit_cpu_pack_t2,
                      .stride = is_t3 ? trit_t3_tile_bytes(source->n_cols) : trit_t2_tile_bytes(source->n_cols)};
    job.n_groups = source->group ? (source->n_cols + source->group - 1) / source->group : 1;
    const size_t n_scales = n_tiles * job.n_groups * trit_tile_rows;
    job.data = trit_device_take(d, n_tiles, job.stride, "weight");
    job.scale = trit_device_take(d, n_scales, sizeof *job.scale, "weight");
    job.trits = trit_alloc((size_t)n * source->n_cols, sizeof *job.trits);
    job.scratch = trit_alloc((size_t)n * source->n_cols, sizeof *job.scratch);
    job.scales = trit_alloc((size_t)n * job.n_groups, sizeof *job.scales);
    trit_status status = trit_ok;
    if (!job.data || !job.scale || !job.trits || !job.scratch || !job.scales) {
        status = trit_error_memory(err, n_tiles * job.stride, "a weight");
    } else {
        memset(job.scale, 0, n_scales * sizeof *job.scale);
        trit_team_run(cpu->team, repack_member, &job);
    }
    trit_free(job.trits);
    trit_free(job.scratch);
    trit_free(job.scales);
    if (status == trit_ok) status = (trit_status)atomic_load(&job.status);
    if (status != trit_ok) {
        trit_pool_release(d->pool, job.data, NULL);
        trit_pool_release(d->pool, job.scale, NULL);
        return status;
    }
    *out = (trit_weight){.dtype = is_t3 ? trit_dtype_t3 : trit_dtype_t2, .n_rows = source->n_rows, .n_cols = source->n_cols, .data = job.data,
                         .stride = job.stride, .n_bytes = n_tiles * job.stride, .scale = job.scale, .group = source->group,
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
    const trit_dtype_traits *traits = trit_dtype_info(m->dtype);
    *out = (trit_weight){.dtype = m->dtype, .n_rows = (uint32_t)m->n_rows, .n_cols = (uint32_t)m->n_cols, .data = m->data,
                         .n_bytes = (size_t)m->n_bytes, .factor = m->scale, .i2_s_block = m->i2_s_block};
    if (trit_dtype_is_float(m->dtype)) out->stride = (size_t)m->n_cols * traits->block_bytes;
    if ((uintptr_t)m->data % element_align(m->dtype) == 0) return trit_ok;
    void *copy = trit_device_take(d, out->n_bytes, 1, "weight");
    if (!copy) return trit_error_memory(err, out->n_bytes, "a weight that is not aligned in its file");
    memcpy(copy, m->data, out->n_bytes);
    out->data = out->owned[0] = copy;
    return trit_ok;
}

void trit_cpu_weight_free(trit_device *d, trit_weight *w) {
    for (size_t i = 0; i < sizeof w->owned / sizeof w->owned[0]; i++) trit_pool_release(d->pool, w->owned[i], NULL);
    *w = (trit_weight){0};
}
