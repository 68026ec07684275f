/* Rows of a tensor, shared by the team's threads, which take a few at a time. What is told of them is kept apart for each few and joined
 * in the order of the rows: a report has the same bits for any number of threads. */
#include <math.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/convert/convert.h"

enum { few = 16 };

/* What became of a few rows. */
typedef struct outcome {
    trit_status status; /* of the first one that failed */
    trit_convert_difference d;
} outcome;

typedef struct work {
    trit_convert_row *row;
    void *ctx;
    float *scratch; /* [threads, n_scratch] */
    uint64_t n_scratch;
    outcome *outcomes; /* [n_rows / few] */
} work;

static void take_few(void *arg, unsigned i, uint64_t first, uint64_t last) {
    work *w = arg;
    outcome *o = &w->outcomes[first / few];
    for (uint64_t r = first; r < last && o->status == trit_ok; r++) o->status = w->row(w->ctx, r, w->scratch + i * w->n_scratch, &o->d);
}

static void join_error(trit_quant_error *to, const trit_quant_error *from) {
    to->n += from->n;
    to->error_square += from->error_square;
    to->want_square += from->want_square;
    to->got_square += from->got_square;
    to->product += from->product;
    to->largest = trit_convert_larger(to->largest, from->largest);
}

static void join(trit_convert_difference *to, const trit_convert_difference *from) {
    to->largest = trit_convert_larger(to->largest, from->largest);
    to->beyond |= from->beyond;
    join_error(&to->error, &from->error);
    join_error(&to->weighted, &from->weighted);
    to->change_square += from->change_square;
}

trit_status trit_convert_rows(const trit_convert_job *job, uint64_t n, trit_convert_row *row, void *ctx, uint64_t n_scratch,
                              trit_convert_difference *d, trit_error *err) {
    const uint64_t n_few = (n + few - 1) / few, n_threads = trit_team_size(job->team);
    work w = {row, ctx, trit_alloc(n_threads * n_scratch, sizeof *w.scratch), n_scratch, trit_alloc_zero(n_few, sizeof *w.outcomes)};
    trit_status status = w.scratch && w.outcomes ? trit_ok : trit_error_memory(err, n_threads * n_scratch * sizeof *w.scratch, "rows of weights");
    for (uint64_t i = 0; i < n_few && status == trit_ok; i++) w.outcomes[i].d = (trit_convert_difference){.detailed = d->detailed, .importance = d->importance};
    if (status == trit_ok) trit_team_share(job->team, n, few, take_few, &w);
    for (uint64_t i = 0; i < n_few && status == trit_ok; i++) {
        status = w.outcomes[i].status;
        join(d, &w.outcomes[i].d);
    }
    trit_free(w.scratch);
    trit_free(w.outcomes);
    return status;
}
