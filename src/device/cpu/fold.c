/* Many elements into one. Each result is a row folded in the order of kernel.h: where rows lie along memory, one after the other;
 * where they stand across it, many at once, a row of memory being one element of each. Both give the same bits, and so do
 * any number of threads: they divide the results, or, where these are few, the rows into chunks that are whole groups of blocks. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "device/cpu/tree.h"

static const trit_fold fold_of[trit_n_op_kinds] = {
#define TRIT_FOLD(name, into, meaning) [trit_op_##name] = trit_fold_##name,
#include "tensor/folds.def"
#undef TRIT_FOLD
};

/* Elements of a row that one member takes at once, 256 blocks. Elements that are gathered at once: so many columns of a whole block, or more
 * of a short row. */
enum { chunk = 1 << 16, gathered_columns = 32, gathered_elements = gathered_columns * trit_fold_block };

typedef struct fold_work {
    const cpu_device *cpu;
    const trit_call *call;
    trit_fold fold;
    trit_dtype type, into;
    cpu_rows rows;
    int64_t n, n_results; /* elements of a row; rows */
    size_t size;          /* of a value */
    bool is_across;       /* many at once */
    unsigned char *parts; /* [n_chunks, n_results] values of chunks */
} fold_work;

/* Elements [first, last) of the rows of n_columns neighbouring results, which begin `step` apart from `at` on. */
static const void *fold_columns(const fold_work *w, cpu_tree *t, char *at, int64_t step, size_t n_columns, int64_t first, int64_t last) {
    _Alignas(64) unsigned char gathered[gathered_elements * sizeof(int64_t)], raw[trit_fold_columns * sizeof(int64_t)];
    const void *rows[trit_fold_block];
    const trit_view along = trit_cpu_row(&w->rows, at);
    const bool has_type = along.dtype == w->type, is_direct = step == 1 && has_type;
    const size_t size = trit_dtype_bytes(along.dtype);
    cpu_cursor c;
    trit_cpu_cursor_init(&c, w->cpu, &along, along.dtype, first);
    trit_cpu_tree_init(t, w->cpu, w->fold, w->type, n_columns);
    while (first < last) {
        const size_t n = (size_t)(last - first < trit_fold_block ? last - first : trit_fold_block);
        for (size_t r = 0; r < n; r++) {
            unsigned char *row = gathered + r * n_columns * sizeof(int64_t);
            rows[r] = is_direct ? (void *)c.at : row;
            if (!is_direct) trit_cpu_copy_strided((char *)(has_type ? row : raw), 1, c.at, step, n_columns, size);
            if (!has_type) w->cpu->kernels->convert(w->type, row, along.dtype, raw, n_columns);
            trit_cpu_cursor_advance(&c, 1);
        }
        w->cpu->kernels->fold_rows(w->fold, w->type, trit_cpu_tree_next(t), rows, n, n_columns);
        trit_cpu_tree_push(t);
        first += (int64_t)n;
    }
    return trit_cpu_tree_end(t);
}

/* Elements [first, last) of the rows of as many results as go together, from where c stands on; `most` at most. Writes their values and
 * returns their number. */
static size_t fold_some(const fold_work *w, cpu_cursor *c, int64_t most, int64_t first, int64_t last, unsigned char *values) {
    const uint32_t d = c->view.n_dims - 1;
    if (!w->is_across || last == first) {
        const trit_view along = trit_cpu_row(&w->rows, c->at);
        trit_cpu_fold_view(w->cpu, w->fold, w->type, values, &along, first, last - first);
        trit_cpu_cursor_advance(c, 1);
        return 1;
    }
    const int64_t step = c->view.stride[d], left = c->view.shape[d] - c->index[d];
    const bool is_direct = step == 1 && w->rows.along.dtype == w->type;
    const int64_t widest = is_direct || w->n <= gathered_elements / trit_fold_columns ? trit_fold_columns : gathered_columns;
    int64_t n = left < most ? left : most;
    if (n > widest) n = widest;
    cpu_tree t;
    memcpy(values, fold_columns(w, &t, c->at, step, (size_t)n, first, last), (size_t)n * w->size);
    trit_cpu_cursor_advance(c, n);
    return (size_t)n;
}

/* Results [first, last), each of its whole row. */
static void fold_results(void *arg, int64_t first, int64_t last) {
    const fold_work *w = arg;
    cpu_cursor in, out;
    trit_cpu_cursor_init(&in, w->cpu, &w->rows.across, w->rows.across.dtype, first);
    trit_cpu_cursor_init(&out, w->cpu, &w->call->out, w->into, first);
    while (first < last) {
        const int64_t n = last - first < trit_cpu_block ? last - first : trit_cpu_block;
        unsigned char *values = trit_cpu_cursor_target(&out);
        for (int64_t i = 0; i < n;) i += (int64_t)fold_some(w, &in, n - i, 0, w->n, values + (size_t)i * w->size);
        trit_cpu_cursor_store(&out, (size_t)n);
        first += n;
    }
}

/* Chunks [first, last) of every row. */
static void fold_chunks(void *arg, int64_t first, int64_t last) {
    const fold_work *w = arg;
    for (int64_t k = first; k < last; k++) {
        const int64_t begin = k * chunk, end = begin + chunk < w->n ? begin + chunk : w->n;
        cpu_cursor in;
        trit_cpu_cursor_init(&in, w->cpu, &w->rows.across, w->rows.across.dtype, 0);
        for (int64_t i = 0; i < w->n_results;)
            i += (int64_t)fold_some(w, &in, w->n_results - i, begin, end, w->parts + (size_t)(k * w->n_results + i) * w->size);
    }
}

/* Puts the chunks together. */
static void join_chunks(const fold_work *w, int64_t n_chunks) {
    cpu_cursor out;
    cpu_tree t;
    trit_cpu_cursor_init(&out, w->cpu, &w->call->out, w->into, 0);
    for (int64_t i = 0; i < w->n_results; i += trit_fold_columns) {
        const size_t n = (size_t)(w->n_results - i < trit_fold_columns ? w->n_results - i : trit_fold_columns);
        trit_cpu_tree_init(&t, w->cpu, w->fold, w->type, n);
        for (int64_t k = 0; k < n_chunks; k++) {
            memcpy(trit_cpu_tree_next(&t), w->parts + (size_t)(k * w->n_results + i) * w->size, n * w->size);
            trit_cpu_tree_push(&t);
        }
        memcpy(trit_cpu_cursor_target(&out), trit_cpu_tree_end(&t), n * w->size);
        trit_cpu_cursor_store(&out, n);
    }
}

/* A bool's byte is any but 0 where it is true, so it cannot be added. */
static trit_fold fold_of_bools(trit_fold fold) {
    return fold == trit_fold_sum ? trit_fold_count_nonzero : fold == trit_fold_prod ? trit_fold_all : fold;
}

trit_status trit_cpu_call_fold(cpu_device *cpu, const trit_call *call, trit_error *err) {
    trit_view in = call->in[0];
    fold_work w = {.cpu = cpu, .call = call, .fold = fold_of[call->kind], .type = call->type};
    if (in.dtype == trit_dtype_bool) {
        w.fold = fold_of_bools(w.fold);
        w.type = in.dtype = trit_dtype_u8;
    }
    w.into = trit_cpu_fold_into(w.fold, w.type);
    w.size = trit_dtype_bytes(w.into);
    trit_cpu_rows_init(&w.rows, &in, call->attrs.axes);
    w.n = trit_view_n_elements(&w.rows.along);
    w.n_results = trit_view_n_elements(&w.rows.across);
    if (w.n_results == 0) return trit_ok;
    w.is_across = trit_cpu_rows_stand_across(&w.rows);
    const int64_t n_chunks = (w.n + chunk - 1) / chunk, step = w.is_across ? trit_fold_columns : 1, n_members = (int64_t)trit_team_size(cpu->team);
    if (n_members == 1 || n_chunks < 2 || w.n_results / step >= 4 * n_members) {
        trit_cpu_parallel(cpu, w.n_results, step, trit_cpu_work(w.n_results, w.n), fold_results, &w);
        return trit_ok;
    }
    w.parts = trit_alloc((size_t)(n_chunks * w.n_results), w.size);
    if (!w.parts) return trit_error_memory(err, (uint64_t)(n_chunks * w.n_results) * w.size, "sums of parts");
    trit_cpu_parallel(cpu, n_chunks, 1, trit_cpu_work(w.n_results, w.n), fold_chunks, &w);
    join_chunks(&w, n_chunks);
    trit_free(w.parts);
    return trit_ok;
}
