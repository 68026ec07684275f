/* Types within a budget of bytes. Each matrix that no rule names is packed by way of trial into every type, a sample of its rows; of the
 * types only those on the lower convex hull of error over bytes are ever best. All begin with the cheapest, and the step that saves
 * most error a byte is taken as long as one fits. The error is that of the matrix's outputs against their own size, sum w (x - y)^2 / sum
 * w x^2 with the importance w of the columns, because what a layer adds to the residual stream errs by that share. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/convert/convert.h"

enum { sample_weights = 1 << 15 };

typedef struct choice {
    trit_dtype dtype;
    uint64_t n_bytes;
    double error;
} choice;

/* What a thread packs a row with. */
typedef struct trial {
    float *row, *back; /* [n_cols] */
    uint8_t *bytes;    /* [4 n_cols]: no candidate is wider */
} trial;

/* What one matrix may become, bytes rising, errors falling; taken[] is the one that it is now. */
typedef struct options {
    trit_convert_tensor *t;
    choice list[trit_n_dtypes];
    size_t n, taken;
    trial *trials; /* [threads], while it is weighed */
} options;

/* ---- Trials ---- */

static void trial_fini(trial *x) {
    trit_free(x->row);
    trit_free(x->back);
    trit_free(x->bytes);
}

static trit_status trial_init(trial *x, uint64_t n_cols, trit_error *err) {
    *x = (trial){trit_alloc(n_cols, sizeof(float)), trit_alloc(n_cols, sizeof(float)), trit_alloc(n_cols, sizeof(float))};
    if (x->row && x->back && x->bytes) return trit_ok;
    return trit_error_memory(err, n_cols * 12, "a row of weights");
}

static double error_of(const trial *x, const trit_convert_tensor *t, trit_dtype dtype) {
    const trit_quant_matrix *in = &t->linear.matrix;
    const trit_quant_format *from = trit_quant_format_of(in->dtype), *to = trit_quant_format_of(dtype);
    const uint64_t n = in->n_cols, wanted = sample_weights / n + 1, step = in->n_rows > wanted ? in->n_rows / wanted : 1;
    const trit_quant_matrix out = {.dtype = dtype, .data = x->bytes, .n_bytes = n * 4, .n_rows = 1, .n_cols = n, .scale = 1};
    trit_quant_error e = {0};
    if (dtype == t->in->dtype) return 0;
    for (uint64_t r = 0; r < in->n_rows; r += step) {
        from->unpack(in, r, x->row);
        if (t->importance && to->pack_by) to->pack_by(x->row, t->importance, n, x->bytes);
        else to->pack(x->row, n, x->bytes);
        to->unpack(&out, 0, x->back);
        trit_quant_error_add_weighted(&e, x->row, x->back, t->importance, n);
    }
    return e.want_square > 0 ? e.error_square / e.want_square : 0;
}

static bool is_candidate(const trit_convert_tensor *t, trit_dtype dtype, uint64_t *n_bytes) {
    const trit_quant_format *f = trit_quant_format_of(dtype);
    const trit_quant_matrix *m = &t->linear.matrix;
    if (!f || !trit_convert_can_hold(t->job, dtype) || !trit_dtype_n_bytes(dtype, m->n_rows, m->n_cols, n_bytes)) return false;
    return dtype == t->in->dtype || (f->pack && !f->trits && *n_bytes < t->out.n_bytes);
}

static int by_bytes(const void *a, const void *b) {
    const choice *x = a, *y = b;
    if (x->n_bytes != y->n_bytes) return x->n_bytes < y->n_bytes ? -1 : 1;
    return x->error < y->error ? -1 : x->error > y->error;
}

/* Saved error a byte, from a to b. */
static double slope(const choice *a, const choice *b) {
    return (a->error - b->error) / (double)(b->n_bytes - a->n_bytes);
}

/* Keeps the lower convex hull of the sorted list. */
static void keep_hull(options *o) {
    size_t n = 0;
    for (size_t i = 0; i < o->n; i++) {
        const choice c = o->list[i];
        if (n && c.error >= o->list[n - 1].error) continue;
        while (n >= 2 && slope(&o->list[n - 1], &c) >= slope(&o->list[n - 2], &o->list[n - 1])) n--;
        o->list[n++] = c;
    }
    o->n = n;
}

static void try_types(void *arg, unsigned i, uint64_t first, uint64_t last) {
    options *o = arg;
    for (uint64_t k = first; k < last; k++) o->list[k].error = error_of(&o->trials[i], o->t, o->list[k].dtype);
}

static trit_status try_all(options *o, trit_error *err) {
    const unsigned n_threads = trit_team_size(o->t->job->team);
    trit_status status = trit_ok;
    o->trials = trit_alloc_zero(n_threads, sizeof *o->trials);
    if (!o->trials) return trit_error_memory(err, n_threads * sizeof *o->trials, "trials");
    for (unsigned i = 0; i < n_threads && status == trit_ok; i++) status = trial_init(&o->trials[i], o->t->linear.matrix.n_cols, err);
    if (status == trit_ok) trit_team_share(o->t->job->team, o->n, 1, try_types, o);
    for (unsigned i = 0; i < n_threads; i++) trial_fini(&o->trials[i]);
    trit_free(o->trials);
    return status;
}

static trit_status weigh(options *o, trit_convert_tensor *t, trit_error *err) {
    uint64_t n_bytes;
    *o = (options){.t = t};
    for (int d = 0; d < trit_n_dtypes; d++)
        if (is_candidate(t, (trit_dtype)d, &n_bytes)) o->list[o->n++] = (choice){(trit_dtype)d, n_bytes, 0};
    const trit_status status = try_all(o, err);
    if (status != trit_ok) return status;
    if (!o->n) o->list[o->n++] = (choice){t->dtype, t->out.n_bytes, 0}; /* the input's type is none that can be written */
    qsort(o->list, o->n, sizeof *o->list, by_bytes);
    keep_hull(o);
    return trit_convert_advance(t->job, 0, err);
}

/* ---- Choosing ---- */

/* The best step that fits into `left` bytes; NULL: none does. */
static options *best_step(options *all, size_t n, uint64_t left) {
    options *best = NULL;
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        const choice *now = &all[i].list[all[i].taken];
        if (all[i].taken + 1 >= all[i].n || now[1].n_bytes - now->n_bytes > left) continue;
        if (best && slope(now, now + 1) <= most) continue;
        most = slope(now, now + 1);
        best = &all[i];
    }
    return best;
}

static trit_status choose(trit_convert_job *job, options *all, size_t n, trit_error *err) {
    uint64_t spent = job->report.bytes_out;
    for (size_t i = 0; i < n; i++) spent += all[i].list[0].n_bytes - all[i].t->out.n_bytes; /* modulo 2^64 on the way */
    if (spent > job->q->budget)
        return trit_error_set(err, trit_arg, "a budget of %" PRIu64 " bytes: the tensors need %" PRIu64 " at least", job->q->budget, spent);
    for (options *o; (o = best_step(all, n, job->q->budget - spent)) != NULL; o->taken++)
        spent += o->list[o->taken + 1].n_bytes - o->list[o->taken].n_bytes;
    for (size_t i = 0; i < n; i++) {
        const choice *c = &all[i].list[all[i].taken];
        all[i].t->predicted = c->error;
        (void)trit_convert_retype(all[i].t, c->dtype); /* it fits: the list has nothing else */
    }
    return trit_ok;
}

trit_status trit_convert_meet_budget(trit_convert_job *job, trit_error *err) {
    size_t n = 0;
    for (size_t i = 0; i < job->n; i++) n += job->tensor[i].is_free;
    options *all = trit_alloc(n, sizeof *all);
    if (!all) return trit_error_memory(err, n * sizeof *all, "the types to choose from");
    trit_status status = trit_ok;
    n = 0;
    for (size_t i = 0; i < job->n && status == trit_ok; i++)
        if (job->tensor[i].is_free) status = weigh(&all[n++], &job->tensor[i], err);
    if (status == trit_ok) status = choose(job, all, n, err);
    trit_free(all);
    return status;
}
