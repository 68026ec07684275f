/* softmax, log_softmax, logsumexp. With m the largest of a row: s = the sum of exp(x - m), in the order of kernel.h, then exp(x - m) / s,
 * (x - m) - log(s), m + log(s). Rows are divided among the team; where they are few and long, the chunks of each are. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"
#include "device/cpu/tree.h"

enum { chunk = 1 << 16 };

typedef struct softmax_work {
    const cpu_device *cpu;
    const trit_call *call;
    trit_dtype type; /* F32 or F64 */
    cpu_rows in, out;
    int64_t n;        /* elements of a row */
    trit_view x, y;   /* the row, where a row is divided */
    double m, s;      /* of it: the largest element, the sum */
    unsigned char *parts; /* [n_chunks] what its chunks gave */
} softmax_work;

/* A block whose elements are all `value`. */
typedef struct same_block {
    _Alignas(64) unsigned char block[trit_cpu_block_bytes];
} same_block;

static const void *fill(same_block *b, trit_dtype type, double value, int64_t n) {
    const size_t size = trit_dtype_bytes(type), n_bytes = size * (size_t)(n < trit_cpu_block ? n : trit_cpu_block);
    trit_element_set(type, b->block, value);
    for (size_t done = size; done < n_bytes; done *= 2) memcpy(b->block + done, b->block, done < n_bytes - done ? done : n_bytes - done);
    return b->block;
}

static double largest(const softmax_work *w, const trit_view *x, int64_t first, int64_t n) {
    double m;
    trit_cpu_fold_view(w->cpu, trit_fold_max, w->type, &m, x, first, n);
    return trit_element_get(w->type, &m);
}

/* Are exponentials worth keeping in the result? Not where they would be rounded. */
static bool keeps(const softmax_work *w, const trit_view *y) {
    return w->call->kind == trit_op_softmax && y->dtype == w->type;
}

/* The sum of exp(x - m) over elements [first, first + n), kept in y. */
static double exponentials(const softmax_work *w, const trit_view *x, const trit_view *y, double m, int64_t first, int64_t n) {
    cpu_cursor in, out;
    cpu_tree tree;
    same_block same;
    _Alignas(64) unsigned char block[trit_cpu_block_bytes];
    const void *shift = fill(&same, w->type, m, n);
    const bool is_kept = keeps(w, y);
    trit_cpu_cursor_init(&in, w->cpu, x, w->type, first);
    if (is_kept) trit_cpu_cursor_init(&out, w->cpu, y, w->type, first);
    trit_cpu_tree_init(&tree, w->cpu, trit_fold_sum, w->type, 1);
    while (n > 0) {
        const size_t piece = (size_t)(n < trit_cpu_block ? n : trit_cpu_block);
        void *e = is_kept ? trit_cpu_cursor_target(&out) : block;
        w->cpu->kernels->map2(trit_map_sub, w->type, e, trit_cpu_cursor_load(&in, piece), shift, piece);
        w->cpu->kernels->map1(trit_map_exp, w->type, e, e, piece);
        w->cpu->kernels->fold_run(trit_fold_sum, w->type, trit_cpu_tree_next(&tree), e, piece);
        trit_cpu_tree_push(&tree);
        if (is_kept) trit_cpu_cursor_store(&out, piece);
        n -= (int64_t)piece;
    }
    return trit_element_get(w->type, trit_cpu_tree_end(&tree));
}

/* Elements [first, first + n) of the result. */
static void finish(const softmax_work *w, const trit_view *x, const trit_view *y, double m, double s, int64_t first, int64_t n) {
    cpu_cursor in, out;
    same_block shifts, scales;
    const bool is_log = w->call->kind == trit_op_log_softmax, is_kept = keeps(w, y);
    const void *shift = fill(&shifts, w->type, m, n), *scale = fill(&scales, w->type, is_log ? trit_log(s) : s, n);
    trit_cpu_cursor_init(&in, w->cpu, is_kept ? y : x, w->type, first);
    trit_cpu_cursor_init(&out, w->cpu, y, w->type, first);
    while (n > 0) {
        const size_t piece = (size_t)(n < trit_cpu_block ? n : trit_cpu_block);
        const void *p = trit_cpu_cursor_load(&in, piece);
        void *q = trit_cpu_cursor_target(&out);
        if (!is_kept) {
            w->cpu->kernels->map2(trit_map_sub, w->type, q, p, shift, piece);
            if (!is_log) w->cpu->kernels->map1(trit_map_exp, w->type, q, q, piece);
            p = q;
        }
        w->cpu->kernels->map2(is_log ? trit_map_sub : trit_map_div, w->type, q, p, scale, piece);
        trit_cpu_cursor_store(&out, piece);
        n -= (int64_t)piece;
    }
}

/* What is taken off before exp: infinite only where the quotients are NaN by definition. */
static double shift_of(const softmax_work *w, double m) {
    return w->call->kind == trit_op_logsumexp && isinf(m) ? 0 : m;
}

/* m + log(s), rounded twice as NumPy's F32 would be. */
static void put_log(const softmax_work *w, const trit_view *y, double m, double s) {
    cpu_cursor out;
    trit_cpu_cursor_init(&out, w->cpu, y, w->type, 0);
    void *p = trit_cpu_cursor_target(&out);
    trit_element_set(w->type, p, trit_log(s));
    trit_element_set(w->type, p, trit_element_get(w->type, p) + m);
    trit_cpu_cursor_store(&out, 1);
}

static void softmax_rows(void *arg, int64_t first, int64_t last) {
    const softmax_work *w = arg;
    cpu_cursor in, out;
    trit_cpu_cursor_init(&in, w->cpu, &w->in.across, w->in.across.dtype, first);
    trit_cpu_cursor_init(&out, w->cpu, &w->out.across, w->out.across.dtype, first);
    for (; first < last; first++) {
        const trit_view x = trit_cpu_row(&w->in, in.at), y = trit_cpu_row(&w->out, out.at);
        const double m = shift_of(w, largest(w, &x, 0, w->n)), s = w->n ? exponentials(w, &x, &y, m, 0, w->n) : 0;
        if (w->call->kind == trit_op_logsumexp)
            put_log(w, &y, m, s);
        else
            finish(w, &x, &y, m, s, 0, w->n);
        trit_cpu_cursor_advance(&in, 1);
        trit_cpu_cursor_advance(&out, 1);
    }
}

/* The three steps for chunks [first, last) of one row. */
static int64_t chunk_size(const softmax_work *w, int64_t k) {
    return w->n - k * chunk < chunk ? w->n - k * chunk : chunk;
}

static void chunks_largest(void *arg, int64_t first, int64_t last) {
    const softmax_work *w = arg;
    for (int64_t k = first; k < last; k++)
        trit_element_set(w->type, w->parts + (size_t)k * trit_dtype_bytes(w->type), largest(w, &w->x, k * chunk, chunk_size(w, k)));
}

static void chunks_exponentials(void *arg, int64_t first, int64_t last) {
    const softmax_work *w = arg;
    for (int64_t k = first; k < last; k++)
        trit_element_set(w->type, w->parts + (size_t)k * trit_dtype_bytes(w->type),
                         exponentials(w, &w->x, &w->y, w->m, k * chunk, chunk_size(w, k)));
}

static void chunks_finish(void *arg, int64_t first, int64_t last) {
    const softmax_work *w = arg;
    for (int64_t k = first; k < last; k++) finish(w, &w->x, &w->y, w->m, w->s, k * chunk, chunk_size(w, k));
}

static double join(const softmax_work *w, trit_fold fold, int64_t n_chunks) {
    const size_t size = trit_dtype_bytes(w->type);
    cpu_tree t;
    trit_cpu_tree_init(&t, w->cpu, fold, w->type, 1);
    for (int64_t k = 0; k < n_chunks; k++) {
        memcpy(trit_cpu_tree_next(&t), w->parts + (size_t)k * size, size);
        trit_cpu_tree_push(&t);
    }
    return trit_element_get(w->type, trit_cpu_tree_end(&t));
}

static trit_status divided_rows(cpu_device *cpu, softmax_work *w, int64_t n_rows, int64_t n_chunks, trit_error *err) {
    cpu_cursor in, out;
    w->parts = trit_alloc((size_t)n_chunks, trit_dtype_bytes(w->type));
    if (!w->parts) return trit_error_memory(err, (uint64_t)n_chunks * trit_dtype_bytes(w->type), "sums of parts");
    trit_cpu_cursor_init(&in, w->cpu, &w->in.across, w->in.across.dtype, 0);
    trit_cpu_cursor_init(&out, w->cpu, &w->out.across, w->out.across.dtype, 0);
    for (int64_t i = 0; i < n_rows; i++) {
        w->x = trit_cpu_row(&w->in, in.at);
        w->y = trit_cpu_row(&w->out, out.at);
        trit_cpu_parallel(cpu, n_chunks, 1, w->n, chunks_largest, w);
        w->m = shift_of(w, join(w, trit_fold_max, n_chunks));
        trit_cpu_parallel(cpu, n_chunks, 1, w->n, chunks_exponentials, w);
        w->s = join(w, trit_fold_sum, n_chunks);
        if (w->call->kind == trit_op_logsumexp)
            put_log(w, &w->y, w->m, w->s);
        else
            trit_cpu_parallel(cpu, n_chunks, 1, w->n, chunks_finish, w);
        trit_cpu_cursor_advance(&in, 1);
        trit_cpu_cursor_advance(&out, 1);
    }
    trit_free(w->parts);
    return trit_ok;
}

trit_status trit_cpu_call_softmax(cpu_device *cpu, const trit_call *call, trit_error *err) {
    softmax_work w = {.cpu = cpu, .call = call, .type = call->type};
    trit_cpu_rows_init(&w.in, &call->in[0], call->attrs.axes);
    if (call->kind == trit_op_logsumexp) { /* the result has an element for each row */
        trit_cpu_rows_init(&w.out, &call->out, 0);
    } else {
        trit_cpu_rows_init(&w.out, &call->out, call->attrs.axes);
    }
    w.n = trit_view_n_elements(&w.in.along);
    const int64_t n_rows = trit_view_n_elements(&w.in.across), n_chunks = (w.n + chunk - 1) / chunk, n_members = (int64_t)trit_team_size(cpu->team);
    if (n_members > 1 && n_chunks >= n_members && n_rows < 4 * n_members) return divided_rows(cpu, &w, n_rows, n_chunks, err);
    trit_cpu_parallel(cpu, n_rows, 1, trit_cpu_work(n_rows, w.n), softmax_rows, &w);
    return trit_ok;
}
