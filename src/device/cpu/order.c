/* Rows in order: sort, argsort, topk, and what stands at given shares of the sorted row. Rows are divided among the team. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "device/cpu/sort.h"

typedef struct order_work {
    const trit_call *call;
    cpu_order order;
    cpu_rows in, out;
    size_t n, k;      /* elements of a row and of a result's */
    bool is_few;      /* k of n */
    const double *q;  /* [n_q] */
    unsigned char *memory; /* [members, member_bytes] */
    size_t member_bytes;
    atomic_size_t n_begun; /* members that have their part of it */
} order_work;

/* The rows' work of all kinds: x to y, in a member's memory. */
typedef void row_fn(const order_work *w, const trit_view *x, const trit_view *y, void *memory);

static void order_row(const order_work *w, const trit_view *x, const trit_view *y, void *memory) {
    if (w->call->kind == trit_op_sort)
        trit_cpu_sort_values(&w->order, x, y, w->n, memory);
    else if (w->is_few)
        trit_cpu_sort_few(&w->order, x, w->n, y, w->k, memory);
    else
        trit_cpu_sort_places(&w->order, x, w->n, y, w->k, memory);
}

/* At share q of sorted numbers: between two of them in proportion. */
static double at_share(const double *x, size_t n, double q) {
    const double place = q * (double)(n - 1), below = floor(place), t = place - below;
    const size_t i = (size_t)below;
    if (i + 1 >= n || x[i] == x[i + 1]) return x[i];
    const double step = x[i + 1] - x[i];
    return t < 0.5 ? x[i] + step * t : x[i + 1] - step * (1 - t);
}

static double middle(const double *x, size_t n) {
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* y are the shares of one row, or its median. */
static void share_row(const order_work *w, const trit_view *x, const trit_view *y, void *memory) {
    double *sorted = memory;
    const bool has_nan = trit_cpu_sort_numbers(&w->order, x, sorted, w->n, sorted + w->n) < w->n;
    cpu_cursor out;
    trit_cpu_cursor_init(&out, w->order.cpu, y, trit_dtype_f64, 0);
    for (size_t i = 0; i < w->k; i++) {
        double *to = trit_cpu_cursor_target(&out);
        *to = has_nan || w->n == 0 ? NAN : w->call->kind == trit_op_median ? middle(sorted, w->n) : at_share(sorted, w->n, w->q[i]);
        trit_cpu_cursor_store(&out, 1);
    }
}

static void order_rows(void *arg, int64_t first, int64_t last) {
    order_work *w = arg;
    void *memory = w->memory + atomic_fetch_add(&w->n_begun, 1) * w->member_bytes;
    row_fn *fn = w->call->kind == trit_op_median || w->call->kind == trit_op_quantile ? share_row : order_row;
    cpu_cursor in, out;
    trit_cpu_cursor_init(&in, w->order.cpu, &w->in.across, w->in.across.dtype, first);
    trit_cpu_cursor_init(&out, w->order.cpu, &w->out.across, w->out.across.dtype, first);
    for (; first < last; first++) {
        const trit_view x = trit_cpu_row(&w->in, in.at), y = trit_cpu_row(&w->out, out.at);
        fn(w, &x, &y, memory);
        trit_cpu_cursor_advance(&in, 1);
        trit_cpu_cursor_advance(&out, 1);
    }
}

/* n_bytes for each member that may take part. */
static trit_status run(cpu_device *cpu, order_work *w, bool fits, size_t n_bytes, trit_error *err) {
    const int64_t n_rows = trit_view_n_elements(&w->in.across);
    if (n_rows == 0 || w->k == 0) return trit_ok;
    const size_t n_members = n_rows < (int64_t)trit_team_size(cpu->team) ? (size_t)n_rows : trit_team_size(cpu->team);
    w->member_bytes = (n_bytes + trit_cache_line - 1) / trit_cache_line * trit_cache_line;
    w->memory = fits ? trit_alloc_aligned(n_members, w->member_bytes) : NULL;
    if (!w->memory) return trit_error_memory(err, (uint64_t)n_members * w->member_bytes, "sorting");
    trit_cpu_parallel(cpu, n_rows, 1, trit_cpu_work(n_rows, (int64_t)w->n), order_rows, w);
    trit_free(w->memory);
    return trit_ok;
}

/* Long rows one after the other, each by the whole team. */
static trit_status sort_long_rows(cpu_device *cpu, order_work *w, trit_error *err) {
    const int64_t n_rows = trit_view_n_elements(&w->in.across);
    cpu_cursor in, out;
    bool done = true;
    trit_cpu_cursor_init(&in, cpu, &w->in.across, w->in.across.dtype, 0);
    trit_cpu_cursor_init(&out, cpu, &w->out.across, w->out.across.dtype, 0);
    for (int64_t r = 0; r < n_rows && done; r++) {
        const trit_view x = trit_cpu_row(&w->in, in.at), y = trit_cpu_row(&w->out, out.at);
        done = trit_cpu_sort_long(&w->order, cpu, &x, &y, w->n);
        trit_cpu_cursor_advance(&in, 1);
        trit_cpu_cursor_advance(&out, 1);
    }
    return done ? trit_ok : trit_error_memory(err, (uint64_t)w->n * w->order.n_bytes, "sorting a row");
}

trit_status trit_cpu_call_order(cpu_device *cpu, const trit_call *call, trit_error *err) {
    order_work w = {.call = call};
    trit_cpu_order_init(&w.order, cpu, call->in[0].dtype, call->attrs.n != 0);
    trit_cpu_rows_init(&w.in, &call->in[0], 1u << call->attrs.axis);
    trit_cpu_rows_init(&w.out, &call->out, 1u << call->attrs.axis);
    w.n = (size_t)trit_view_n_elements(&w.in.along);
    w.k = (size_t)trit_view_n_elements(&w.out.along);
    if (call->kind == trit_op_sort && trit_cpu_sort_is_long(&w.order, w.n)) return sort_long_rows(cpu, &w, err);
    w.is_few = w.k <= w.n / 8;
    size_t n_bytes = 0;
    const bool fits = w.is_few ? trit_mul_size(w.k, sizeof(cpu_keyed), &n_bytes)
                               : trit_cpu_sort_bytes(&w.order, w.n, call->kind != trit_op_sort, &n_bytes);
    return run(cpu, &w, fits, n_bytes, err);
}

/* Results are [n_q, rows] or [rows]; in[1] holds the shares. */
trit_status trit_cpu_call_quantile(cpu_device *cpu, const trit_call *call, trit_error *err) {
    order_work w = {.call = call, .k = 1};
    trit_cpu_order_init(&w.order, cpu, call->in[0].dtype, false);
    trit_cpu_rows_init(&w.in, &call->in[0], call->attrs.axes);
    trit_cpu_rows_init(&w.out, &call->out, call->kind == trit_op_quantile ? 1 : 0);
    w.n = (size_t)trit_view_n_elements(&w.in.along);
    if (call->kind == trit_op_quantile) {
        w.k = (size_t)call->in[1].shape[0];
        w.q = call->in[1].data;
    }
    size_t n_bytes = 0, numbers = 0;
    bool fits = trit_cpu_sort_bytes(&w.order, w.n, false, &n_bytes) && trit_mul_size(w.n, sizeof(double), &numbers);
    fits = fits && trit_add_size(n_bytes, numbers, &n_bytes);
    return run(cpu, &w, fits, n_bytes, err);
}
