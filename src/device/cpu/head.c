/* A large head read in two steps, with the bits of one.
 *
 * A vocabulary of 128 thousand rows is a third of what a step reads, and of its results the sampler mostly wants the largest few.
 * So the head has coarse rows beside its own: int8 by absmax, half the bytes of f16. A product a of a coarse row with int8 activations
 * differs from the row's own product y by at most a bound that is known: |y - a| <= E. Where the k largest are wanted, the k-th largest
 * a - E is a floor that k rows surely reach; a row with a + E below it is not among the k largest and is given -infinity. All others,
 * about two in a hundred, are computed from the head's own bytes as ever.
 *
 *   E = error[row] |x| + norm[row] |x - t q|,   error = |w - s c| + g |w|,   norm = |s c|
 *
 * by Cauchy and Schwarz: w is the row, s c the coarse one, t q the activations as int8. g |w| |x| bounds what rounding does to y, a sum of
 * K products in 16 lanes: g = n u / (1 - n u) with n = K / 16 + 8 operations in a chain (Higham, Accuracy and Stability of Numerical
 * Algorithms, 3.1); a is a sum of integers. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "device/cpu/cpu.h"
#include "quant/layout.h"

enum { smallest_head = 1 << 22, widest_head = 1 << 16 /* sums of int8 products fit int32 */, rows_at_once = 256 };

/* ---- Making the coarse rows ---- */

/* The int8 form that the key cache has (kernel/kernel.h): int8 [n_cols], zeros up to a multiple of four, then the scale. */
static size_t int8_row_bytes(uint32_t n_cols) {
    return ((size_t)n_cols + 3) / 4 * 4 + sizeof(float);
}

/* Such a row to its place in a tile (layout Q8). */
static void place_row(int8_t *tile, uint32_t row, const int8_t *c, uint32_t n_cols) {
    for (size_t k = 0; k < n_cols; k += trit_q8_chunk)
        memcpy(tile + k / trit_q8_chunk * trit_chunk_bytes + 4 * row, c + k, trit_q8_chunk);
}

/* |w| and |w - s c|. Sixteen lanes, so that compilers can use vectors; what they round away is far below the bound's own slack. */
static void norms(const float *w, const int8_t *c, float scale, uint32_t n, double *of_row, double *of_rest) {
    float row[16] = {0}, rest[16] = {0};
    uint32_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (uint32_t l = 0; l < 16; l++) {
            float d = w[i + l] - scale * (float)c[i + l];
            row[l] += w[i + l] * w[i + l];
            rest[l] += d * d;
        }
    double row_sum = 0, rest_sum = 0;
    for (; i < n; i++) {
        double d = (double)w[i] - (double)scale * c[i];
        row_sum += (double)w[i] * (double)w[i];
        rest_sum += d * d;
    }
    for (uint32_t l = 0; l < 16; l++) {
        row_sum += (double)row[l];
        rest_sum += (double)rest[l];
    }
    *of_row = sqrt(row_sum);
    *of_rest = sqrt(rest_sum);
}

/* Squares of values below this may vanish in float: the bound would not hold. */
static const float smallest_scale = 1e-16f;

static bool all_zero(const float *w, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (w[i] != 0) return false;
    return true;
}

static double rounding_of(uint32_t n_cols) {
    uint32_t n = n_cols / 16 + 8;
    double nu = n * 0x1p-24;
    return nu / (1 - nu);
}

typedef struct coarse_job {
    const trit_weight *w;
    const trit_kernels *kernels;
    int8_t *coarse;
    float *scale;        /* [n_tiles, 16] */
    float *error, *norm; /* [n_rows] */
    float *scratch;      /* [n_threads, scratch_floats]: a row of weights, and its int8 form */
    size_t stride, scratch_floats;
} coarse_job;

static void coarse_member(void *arg, unsigned i, unsigned n) {
    coarse_job *job = arg;
    uint32_t n_cols = job->w->n_cols;
    trit_quant_matrix m = trit_cpu_matrix_of(job->w);
    const trit_quant_format *format = trit_quant_format_of(m.dtype);
    float *row = job->scratch + i * job->scratch_floats, scale;
    int8_t *c = (int8_t *)(row + n_cols);
    double g = rounding_of(n_cols), of_row, of_rest;
    uint64_t first, last;
    trit_team_split(m.n_rows, trit_tile_rows, i, n, &first, &last);
    for (uint64_t r = first; r < last; r++) {
        format->unpack(&m, r, row);
        job->kernels->kv_store_q8(c, row, n_cols);
        memcpy(&scale, (const char *)c + int8_row_bytes(n_cols) - sizeof scale, sizeof scale);
        place_row(job->coarse + r / trit_tile_rows * job->stride, r % trit_tile_rows, c, n_cols);
        job->scale[r] = scale;
        norms(row, c, scale, n_cols, &of_row, &of_rest);
        /* 8 g more for the norms' own rounding and that of E. Where no bound is known the row is always computed. */
        bool known = scale >= smallest_scale || all_zero(row, n_cols);
        job->error[r] = known ? (float)((of_rest + g * of_row) * (1 + 8 * g)) : INFINITY;
        job->norm[r] = (float)((of_row + of_rest) * (1 + 8 * g));
    }
}

trit_status trit_cpu_prepare_head(trit_device *d, trit_weight *w, trit_error *err) {
    cpu_device *cpu = (cpu_device *)d;
    bool worth = (uint64_t)w->n_rows * w->n_cols >= smallest_head && w->n_cols <= widest_head;
    if (trit_weight_is_ternary(w) || w->bias || !worth) return trit_ok;
    const size_t n_tiles = trit_n_tiles(w->n_rows), padded = n_tiles * trit_tile_rows, bounds_bytes = 3 * padded * sizeof(float);
    coarse_job job = {.w = w, .kernels = cpu->kernels, .stride = trit_q8_tile_bytes(w->n_cols)};
    job.scratch_floats = w->n_cols + int8_row_bytes(w->n_cols) / sizeof(float);
    uint8_t *block = trit_device_take(d, bounds_bytes + n_tiles * job.stride, 1, "head");
    job.scratch = trit_alloc(trit_team_size(cpu->team) * job.scratch_floats, sizeof *job.scratch);
    if (!block || !job.scratch) {
        trit_pool_release(d->pool, block, NULL);
        trit_free(job.scratch);
        return trit_error_memory(err, n_tiles * job.stride, "the head's coarse rows");
    }
    memset(block, 0, bounds_bytes);
    job.scale = (float *)(void *)block;
    job.error = job.scale + padded;
    job.norm = job.error + padded;
    job.coarse = (int8_t *)block + bounds_bytes;
    trit_team_run(cpu->team, coarse_member, &job);
    trit_free(job.scratch);
    w->coarse = job.coarse;
    w->coarse_stride = job.stride;
    w->coarse_scale = job.scale;
    w->coarse_error = job.error;
    w->coarse_norm = job.norm;
    w->owned[3] = block;
    return trit_ok;
}

/* ---- Using them ---- */

/* Do all outputs of the batch want so few results that scanning pays? */
static bool scans(const trit_batch *b) {
    if (!b->top || b->n_outputs > trit_cpu_scan_outputs) return false;
    for (uint32_t i = 0; i < b->n_outputs; i++)
        if (b->top[i] == 0 || b->top[i] > trit_cpu_max_top) return false;
    return true;
}

/* The largest `size` values seen so far, the least of them at [0]. */
typedef struct best {
    float *value;
    uint32_t n, size;
} best;

static void best_add(best *b, float x) {
    uint32_t i = 0;
    if (isnan(x)) return;
    if (b->n < b->size) {
        for (i = b->n++; i > 0 && b->value[(i - 1) / 2] > x; i = (i - 1) / 2) b->value[i] = b->value[(i - 1) / 2];
    } else {
        if (!(x > b->value[0])) return;
        for (uint32_t child; (child = 2 * i + 1) < b->n; i = child) {
            if (child + 1 < b->n && b->value[child + 1] < b->value[child]) child++;
            if (!(b->value[child] < x)) break;
            b->value[i] = b->value[child];
        }
    }
    b->value[i] = x;
}

static cpu_scan *scan_of(const trit_exec *e, unsigned member, uint32_t output) {
    return &e->scan[(size_t)member * trit_cpu_scan_outputs + output];
}

/* Lengths of an output's activations and of what their int8 form leaves out: a little too long rather than too short. */
static void measure(cpu_scan *s, const float *x, const int8_t *q, uint32_t n) {
    const double scale = (double)*trit_a8_scale(q, n);
    double sum = 0, rest = 0;
    for (uint32_t i = 0; i < n; i++) {
        double v = (double)x[i], d = v - scale * q[i];
        sum += v * v;
        rest += d * d;
    }
    s->x_norm = (float)(sqrt(sum) * (1 + 0x1p-20));
    s->rest_norm = (float)(sqrt(rest) * (1 + 0x1p-20));
}

/* E, with what the last few operations round away. */
static float bound(const trit_weight *w, uint32_t row, const cpu_scan *s, float a) {
    return w->coarse_error[row] * s->x_norm + w->coarse_norm[row] * s->rest_norm + fabsf(a) * 0x1p-20f + FLT_MIN;
}

static void my_head_rows(const cpu_task *t, uint32_t *row0, uint32_t *row1) {
    uint64_t first, last;
    trit_team_split(t->op->weight->n_rows, trit_tile_rows, t->i, t->n, &first, &last);
    *row0 = (uint32_t)first;
    *row1 = (uint32_t)last;
}

/* Coarse products of this member's rows, and for each output its best a - E; -infinity where there are fewer than are wanted. */
void trit_cpu_head_scan(const cpu_task *t) {
    const trit_exec *e = t->exec;
    const trit_weight *w = t->op->weight;
    const trit_batch *b = e->batch;
    if (!scans(b)) return;
    uint32_t row0, row1;
    best found[trit_cpu_scan_outputs];
    my_head_rows(t, &row0, &row1);
    for (uint32_t o = 0; o < b->n_outputs; o++) {
        cpu_scan *s = scan_of(e, t->i, o);
        measure(s, cpu_value_row(e, t->op->in[0], o), cpu_value_row(e, t->op->in[1], o), w->n_cols);
        found[o] = (best){s->best, 0, b->top[o]};
    }
    trit_q8_mul m = {.w = w->coarse, .w_stride = w->coarse_stride, .w_scale = w->coarse_scale, .k = w->n_cols, .x = cpu_value(e, t->op->in[1]),
                     .x_stride = cpu_value_stride(e, t->op->in[1]), .n_tokens = b->n_outputs, .y = cpu_value(e, t->op->out),
                     .y_stride = cpu_value_stride(e, t->op->out) / sizeof(float)};
    for (uint32_t first = row0; first < row1; first += rows_at_once) {
        uint32_t last = row1 - first < rows_at_once ? row1 : first + rows_at_once;
        e->device->kernels->q8_mul(&m, first, last);
        for (uint32_t o = 0; o < b->n_outputs; o++) {
            const float *a = cpu_value_row(e, t->op->out, o);
            for (uint32_t r = first; r < last; r++) best_add(&found[o], a[r] - bound(w, r, scan_of(e, t->i, o), a[r]));
        }
    }
    for (uint32_t o = 0; o < b->n_outputs; o++)
        while (found[o].n < found[o].size) best_add(&found[o], -INFINITY);
}

/* The floor that top[output] rows surely reach. NaN never enters it: -infinity then, and all rows are computed. */
static float floor_of(const cpu_task *t, uint32_t output) {
    float all[trit_cpu_max_top] = {-INFINITY}; /* where no member found any */
    best b = {all, 0, t->exec->batch->top[output]};
    for (unsigned member = 0; member < t->n; member++)
        for (uint32_t i = 0; i < b.size; i++) best_add(&b, scan_of(t->exec, member, output)->best[i]);
    return all[0];
}

void trit_cpu_head(const cpu_task *t) {
    const trit_exec *e = t->exec;
    const trit_weight *w = t->op->weight;
    uint32_t row0, row1, n_outputs = e->batch->n_outputs;
    my_head_rows(t, &row0, &row1);
    if (!scans(e->batch)) {
        if (row0 < row1) trit_cpu_linear_float(t, row0, row1, n_outputs);
        return;
    }
    float floor[trit_cpu_scan_outputs];
    for (uint32_t o = 0; o < n_outputs; o++) floor[o] = floor_of(t, o);
    for (uint32_t r = row0; r < row1; r++) {
        bool wanted[trit_cpu_scan_outputs], any = false;
        for (uint32_t o = 0; o < n_outputs; o++) {
            const float a = ((const float *)cpu_value_row(e, t->op->in[1], o))[r];
            wanted[o] = !(a + bound(w, r, scan_of(e, t->i, o), a) < floor[o]);
            any |= wanted[o];
            if (!wanted[o]) ((float *)cpu_value_row(e, t->op->out, o))[r] = -INFINITY;
        }
        if (any) trit_cpu_linear_row(t, r, wanted, n_outputs);
    }
}
