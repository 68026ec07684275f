/* A large head read in two steps, with the bits of one.
 *
 * A vocabulary of 128 thousand rows is a third of what a step reads, and of its results the sampler mostly wants the largest few.
 * So the head has coarse rows beside its own, of 6 bits (layout C6). A product a of a coarse row with int8 activations differs from the row's
 * own product y by at most a bound that is known: |y - a| <= E. Where the k largest are wanted, each member of the team computes the k rows of
 * its part with the largest a - E from the head's own bytes; the k-th largest of all those is a floor that k rows surely reach. A row with
 * a + E below it is not among the k largest and is given -infinity. All others, of random rows one in 250 for the largest and one in 20 for
 * the 40 largest, are computed as ever.
 *
 *   E = error[row] |x| + norm[row] (|x - t q| + h |t q|),   error = |w - s c| + g |w|,   norm = |s c|
 *
 * by Cauchy and Schwarz: w is the row, s c the coarse one, t q the activations as int8. g |w| |x| bounds what rounding does to y, a sum of
 * K products in 16 lanes: g = n u / (1 - n u) with n = K / 16 + 8 operations in a chain (Higham, Accuracy and Stability of Numerical
 * Algorithms, 3.1); h the same for a, a chain of K / 64 sums of groups, which are whole numbers.
 *
 * Six bits: five would leave seven rows in a hundred for the largest and thirty for the 40 largest, which costs as much as it saves; seven
 * save nothing that six do not. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "device/cpu/cpu.h"
#include "quant/layout.h"
#include "tensor/half.h"

enum { smallest_head = 1 << 22, rows_at_once = 256 };

/* ---- Making the coarse rows ---- */

enum { most_code = 31, most_scale = 255 };

/* The largest |w| of a group. NaN counts for nothing here. */
static float largest(const float w[trit_c6_group]) {
    float most[16] = {0};
    for (uint32_t i = 0; i < trit_c6_group; i += 16)
        for (uint32_t l = 0; l < 16; l++) most[l] = fabsf(w[i + l]) > most[l] ? fabsf(w[i + l]) : most[l];
    for (uint32_t l = 1; l < 16; l++) most[0] = most[l] > most[0] ? most[l] : most[0];
    return most[0];
}

/* A group's codes to their place: of row `row` of a tile, of which `group` is the group. */
static void place_group(uint8_t *group, uint32_t row, const uint8_t codes[trit_c6_group]) {
    for (uint32_t i = 0; i < trit_c6_group / trit_c6_run; i++) {
        const uint8_t *c = codes + i * trit_c6_run;
        uint8_t *run = group + i * trit_c6_run_bytes + 4 * row;
        for (uint32_t b = 0; b < 4; b++) {
            run[b] = (uint8_t)((c[b] & 15) | (c[b + 4] & 15) << 4);
            run[trit_chunk_bytes + b] = (uint8_t)((c[b + 8] & 15) | (c[b + 12] & 15) << 4);
            run[2 * trit_chunk_bytes + b] = (uint8_t)(c[b] >> 4 | c[b + 4] >> 4 << 2 | c[b + 8] >> 4 << 4 | c[b + 12] >> 4 << 6);
        }
    }
}

/* Squares, of a row and of what its coarse one leaves out. Sixteen lanes, so that compilers can use vectors; what they round away is far below
 * the bound's own slack. */
typedef struct squares {
    float row[16], rest[16];
} squares;

/* codes = w / scale to the nearest, within +-31, and 32 more; 32 where scale is 0. Adding 1.5 * 2^23, where floats are whole numbers, rounds, and
 * leaves the code in the low bits. */
static void round_group(uint8_t codes[trit_c6_group], const float w[trit_c6_group], float scale, squares *s) {
    const float by = scale > 0 ? 1 / scale : 0, whole = 0x1.8p23f;
    for (uint32_t i = 0; i < trit_c6_group; i += 16)
        for (uint32_t l = 0; l < 16; l++) {
            const float x = w[i + l], at = x * by + whole, rest = x - scale * (at - whole);
            s->row[l] += x * x;
            s->rest[l] += rest * rest;
            codes[i + l] = (uint8_t)((trit_bits_from_f32(at) + trit_c6_zero) & 63);
        }
}

static double length(const float squares_of[16]) {
    double sum = 0;
    for (uint32_t l = 0; l < 16; l++) sum += (double)squares_of[l];
    return sqrt(sum);
}

/* Rows whose largest entry is below this have squares that may vanish in float: the bound would not hold. */
static const float smallest_entry = 1e-10f;

/* What a chain of n sums rounds away, in parts of the sum of what is added. */
static double rounding(uint32_t n) {
    const double nu = n * 0x1p-24;
    return nu / (1 - nu);
}

static double rounding_of_row(uint32_t n_cols) {
    return rounding(n_cols / 16 + 8);
}

static double rounding_of_coarse(uint32_t n_cols) {
    return rounding(n_cols / trit_c6_group + 8);
}

typedef struct coarse_job {
    const trit_weight *w;
    const trit_kernels *kernels;
    uint8_t *coarse;
    float *scale;        /* [n_tiles, 16] */
    float *error, *norm; /* [n_rows] */
    float *scratch;      /* [n_threads, scratch_floats]: a row, zeros up to whole groups, and the largest of each group */
    size_t stride, scratch_floats;
} coarse_job;

static void make_row(const coarse_job *job, uint64_t r, float *row) {
    const uint32_t n_cols = job->w->n_cols, in_tile = r % trit_tile_rows;
    const double g = rounding_of_row(n_cols);
    float most = 0, *of_groups = row + trit_k256(n_cols);
    for (uint32_t k = 0, i = 0; k < n_cols; k += trit_c6_group, i++) {
        of_groups[i] = largest(row + k);
        most = of_groups[i] > most ? of_groups[i] : most;
    }
    const bool known = (most >= smallest_entry && most <= FLT_MAX / 2) || most == 0;
    const float scale = known ? most / (most_code * most_scale) * 1.000001f : 0; /* a little more: no code is beyond 31 */
    uint8_t *tile = job->coarse + r / trit_tile_rows * job->stride;
    squares s = {0};
    for (uint32_t k = 0, i = 0; k < n_cols && known; k += trit_c6_group, i++) {
        uint8_t codes[trit_c6_group], *block = tile + i / trit_c6_groups * trit_c6_block_bytes;
        const float of_group = scale > 0 ? ceilf(of_groups[i] / (most_code * scale)) : 0;
        round_group(codes, row + k, scale * of_group, &s);
        place_group(block + trit_c6_group_at(i % trit_c6_groups), in_tile, codes);
        block[i % trit_c6_groups * trit_tile_rows + in_tile] = (uint8_t)of_group;
    }
    const double of_row = length(s.row), of_rest = length(s.rest);
    /* 8 g more for the norms' own rounding and that of E. Where no bound is known the row is always computed. */
    job->scale[r] = scale;
    job->error[r] = known ? (float)((of_rest + g * of_row) * (1 + 8 * g)) : INFINITY;
    job->norm[r] = (float)((of_row + of_rest) * (1 + 8 * g));
}

static void coarse_member(void *arg, unsigned i, unsigned n) {
    coarse_job *job = arg;
    const trit_quant_matrix m = trit_cpu_matrix_of(job->w);
    float *row = job->scratch + i * job->scratch_floats;
    uint64_t first, last;
    trit_team_split(m.n_rows, trit_tile_rows, i, n, &first, &last);
    memset(row, 0, job->scratch_floats * sizeof *row);
    for (uint64_t r = first; r < last; r++) {
        trit_cpu_widen_row(job->kernels, &m, r, row);
        make_row(job, r, row);
    }
}

trit_status trit_cpu_prepare_head(trit_device *d, trit_weight *w, trit_error *err) {
    cpu_device *cpu = (cpu_device *)d;
    if (trit_weight_is_ternary(w) || w->bias || (uint64_t)w->n_rows * w->n_cols < smallest_head) return trit_ok;
    const size_t n_tiles = trit_n_tiles(w->n_rows), padded = n_tiles * trit_tile_rows, bounds_bytes = 3 * padded * sizeof(float);
    const size_t k256 = trit_k256(w->n_cols);
    coarse_job job = {.w = w, .kernels = cpu->kernels, .stride = trit_c6_tile_bytes(w->n_cols), .scratch_floats = k256 + k256 / trit_c6_group};
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
    job.coarse = block + bounds_bytes;
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

/* The largest `size` values seen so far, the least of them at [0], and the rows that have them. */
typedef struct best {
    float *value;
    uint32_t *row; /* NULL: nobody asks */
    uint32_t n, size;
} best;

static void best_put(best *b, uint32_t i, float x, uint32_t row) {
    b->value[i] = x;
    if (b->row) b->row[i] = row;
}

static void best_move(best *b, uint32_t to, uint32_t from) {
    best_put(b, to, b->value[from], b->row ? b->row[from] : 0);
}

static void best_add(best *b, float x, uint32_t row) {
    uint32_t i = 0;
    if (isnan(x)) return;
    if (b->n < b->size) {
        for (i = b->n++; i > 0 && b->value[(i - 1) / 2] > x; i = (i - 1) / 2) best_move(b, i, (i - 1) / 2);
    } else {
        if (!(x > b->value[0])) return;
        for (uint32_t child; (child = 2 * i + 1) < b->n; i = child) {
            if (child + 1 < b->n && b->value[child + 1] < b->value[child]) child++;
            if (!(b->value[child] < x)) break;
            best_move(b, i, child);
        }
    }
    best_put(b, i, x, row);
}

static cpu_scan *scan_of(const trit_exec *e, unsigned member, uint32_t output) {
    return &e->scan[(size_t)member * trit_cpu_scan_outputs + output];
}

/* Lengths of an output's activations and of what their int8 form and the sums leave out: a little too long rather than too short. */
static void measure(cpu_scan *s, const float *x, const int8_t *q, uint32_t n) {
    const double scale = (double)*trit_a8_scale(q, n);
    double sum = 0, rest = 0;
    for (uint32_t i = 0; i < n; i++) {
        double v = (double)x[i], d = v - scale * q[i];
        sum += v * v;
        rest += d * d;
    }
    s->x_norm = (float)(sqrt(sum) * (1 + 0x1p-20));
    s->rest_norm = (float)((sqrt(rest) + rounding_of_coarse(n) * (sqrt(sum) + sqrt(rest))) * (1 + 0x1p-20));
}

/* Of n <= 16 rows: so compilers can use vectors, and few rows are looked at one by one. */
typedef struct bounds {
    float least[trit_tile_rows], most[trit_tile_rows]; /* a - E and a + E */
} bounds;

/* E has here, too, what the last few operations round away. */
static void find_bounds(bounds *out, const trit_weight *w, uint32_t row, uint32_t n, const cpu_scan *s, const float *a) {
    const float *error = w->coarse_error + row, *norm = w->coarse_norm + row, x_norm = s->x_norm, rest_norm = s->rest_norm;
    for (uint32_t i = 0; i < n; i++) {
        const float e = error[i] * x_norm + norm[i] * rest_norm + fabsf(a[i]) * 0x1p-20f + FLT_MIN;
        out->least[i] = a[i] - e;
        out->most[i] = a[i] + e;
    }
}

static void my_head_rows(const cpu_task *t, uint32_t *row0, uint32_t *row1) {
    uint64_t first, last;
    trit_team_split(t->op->weight->n_rows, trit_tile_rows, t->i, t->n, &first, &last);
    *row0 = (uint32_t)first;
    *row1 = (uint32_t)last;
}

static uint32_t rows_of_tile(uint32_t row, uint32_t last) {
    return last - row < trit_tile_rows ? last - row : trit_tile_rows;
}

static void find_best(best *found, const trit_weight *w, uint32_t row, uint32_t n, const cpu_scan *s, const float *a) {
    bounds b;
    float most = -INFINITY;
    find_bounds(&b, w, row, n, s, a);
    for (uint32_t i = 0; i < n; i++) most = b.least[i] > most ? b.least[i] : most;
    if (found->n == found->size && !(most > found->value[0])) return;
    for (uint32_t i = 0; i < n; i++) best_add(found, b.least[i], row + i);
}

/* In place of the a - E of the rows that were found: their own products, which also take the place of the coarse ones. -infinity where there are
 * fewer than are wanted. */
static void settle_best(const cpu_task *t, best *b, uint32_t output) {
    for (uint32_t i = 0; i < b->n; i++) {
        trit_cpu_linear_row(t, b->row[i], 1u << output);
        b->value[i] = ((const float *)cpu_value_row(t->exec, t->op->out, output))[b->row[i]];
    }
    while (b->n < b->size) b->value[b->n++] = -INFINITY;
}

/* Coarse products of this member's rows, and for each output the best products that it knows for sure. */
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
        found[o] = (best){s->best, s->row, 0, b->top[o]};
    }
    trit_c6_mul m = {.w = w->coarse, .w_stride = w->coarse_stride, .w_scale = w->coarse_scale, .k = w->n_cols, .x = cpu_value(e, t->op->in[1]),
                     .x_stride = cpu_value_stride(e, t->op->in[1]), .n_tokens = b->n_outputs, .y = cpu_value(e, t->op->out),
                     .y_stride = cpu_value_stride(e, t->op->out) / sizeof(float)};
    for (uint32_t first = row0; first < row1; first += rows_at_once) {
        uint32_t last = row1 - first < rows_at_once ? row1 : first + rows_at_once;
        e->device->kernels->c6_mul(&m, first, last);
        for (uint32_t o = 0; o < b->n_outputs; o++) {
            const float *a = cpu_value_row(e, t->op->out, o);
            for (uint32_t r = first; r < last; r += trit_tile_rows) find_best(&found[o], w, r, rows_of_tile(r, last), scan_of(e, t->i, o), a + r);
        }
    }
    for (uint32_t o = 0; o < b->n_outputs; o++) settle_best(t, &found[o], o);
}

/* The floor that top[output] rows surely reach. NaN never enters it: -infinity then, and all rows are computed. */
static float floor_of(const cpu_task *t, uint32_t output) {
    float all[trit_cpu_max_top] = {-INFINITY}; /* where no member found any */
    best b = {all, NULL, 0, t->exec->batch->top[output]};
    for (unsigned member = 0; member < t->n; member++)
        for (uint32_t i = 0; i < b.size; i++) best_add(&b, scan_of(t->exec, member, output)->best[i], 0);
    return all[0];
}

/* Rows on their way from memory: they lie anywhere, so that the processor cannot guess the next one. */
enum { n_asked = 8 };
typedef struct asked {
    uint32_t row[n_asked], outputs[n_asked]; /* whose bits are set */
    uint32_t n;                              /* in all; the last n_asked of them are to be computed */
} asked;

static void ask(const cpu_task *t, asked *q, uint32_t row, uint32_t outputs) {
    const trit_weight *w = t->op->weight;
    const size_t n_bytes = w->n_bytes / w->n_rows;
    const uintptr_t begin = (uintptr_t)w->data + row * n_bytes;
    const uint32_t at = q->n++ % n_asked;
    if (q->n > n_asked) trit_cpu_linear_row(t, q->row[at], q->outputs[at]);
    for (size_t i = 0; i < n_bytes; i += 64) __builtin_prefetch((const void *)(begin + i));
    q->row[at] = row;
    q->outputs[at] = outputs;
}

static void compute_asked(const cpu_task *t, const asked *q) {
    for (uint32_t i = 0; i < n_asked && i < q->n; i++) trit_cpu_linear_row(t, q->row[i], q->outputs[i]);
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
    asked q = {.n = 0};
    float floor[trit_cpu_scan_outputs];
    for (uint32_t o = 0; o < n_outputs; o++) floor[o] = floor_of(t, o);
    for (uint32_t r = row0; r < row1; r += trit_tile_rows) {
        const uint32_t n = rows_of_tile(r, row1);
        uint32_t wanted[trit_tile_rows] = {0}, any = 0; /* an output a bit */
        for (uint32_t o = 0; o < n_outputs; o++) {
            bounds b;
            float *y = (float *)cpu_value_row(e, t->op->out, o) + r;
            find_bounds(&b, w, r, n, scan_of(e, t->i, o), (const float *)cpu_value_row(e, t->op->in[1], o) + r);
            for (uint32_t i = 0; i < n; i++) {
                const uint32_t reaches = !(b.most[i] < floor[o]);
                wanted[i] |= reaches << o;
                any |= reaches;
                y[i] = -INFINITY;
            }
        }
        for (uint32_t i = 0; i < n && any; i++)
            if (wanted[i]) ask(t, &q, r + i, wanted[i]);
    }
    compute_asked(t, &q);
}
