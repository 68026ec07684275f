/* Where the smallest or largest element of a row is: the first of equal ones, the first NaN before all. The blocks of a row are folded, and only
 * the one that wins is searched. Rows are divided among the team; where they are few and long, the chunks of each are. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "device/cpu/tree.h"

enum { chunk = 1 << 16, direct_block = 4 * trit_cpu_block };

/* The winner of a part of a row. */
typedef struct best {
    int64_t at;     /* in the row */
    uint64_t bits;  /* of the element, zeros above */
    double f;       /* its value: of floats */
    int64_t i;      /* of whole numbers */
} best;

typedef struct arg_work {
    const cpu_device *cpu;
    const trit_call *call;
    trit_fold fold;
    cpu_rows rows;
    int64_t n, n_chunks;
    best *parts; /* [rows, n_chunks] */
} arg_work;

static best value_of(const arg_work *w, const uint64_t *bits, int64_t at) {
    best b = {.at = at, .bits = *bits};
    if (trit_dtype_is_float(w->call->type))
        b.f = trit_element_get(w->call->type, bits);
    else
        w->cpu->kernels->convert(trit_dtype_i64, &b.i, w->call->type, bits, 1);
    return b;
}

/* Does b, which stands later, win against a? */
static bool beats(const arg_work *w, const best *b, const best *a) {
    if (a->f != a->f) return false;
    if (b->f != b->f) return true;
    return w->fold == trit_fold_max ? b->f > a->f || b->i > a->i : b->f < a->f || b->i < a->i;
}

static int64_t find_f32(const float *x, float value) {
    int64_t i = 0;
    while (value == value ? x[i] != value : x[i] == x[i]) i++;
    return i;
}

static int64_t find_f64(const double *x, double value) {
    int64_t i = 0;
    while (value == value ? x[i] != value : x[i] == x[i]) i++;
    return i;
}

static int64_t find_bytes(const char *x, const uint64_t *bits, size_t size) {
    const char *p = x;
    while (memcmp(p, bits, size) != 0) p += size;
    return (p - x) / (int64_t)size;
}

/* The first place of the value in a block that has it. */
static int64_t find(const arg_work *w, const void *block, const best *b) {
    const trit_dtype type = w->call->type;
    if (type == trit_dtype_f32) return find_f32(block, (float)b->f);
    if (type == trit_dtype_f64) return find_f64(block, b->f);
    switch (trit_dtype_bytes(type)) { /* constants, so that memcmp is a comparison */
    case 1: return find_bytes(block, &b->bits, 1);
    case 2: return find_bytes(block, &b->bits, 2);
    case 4: return find_bytes(block, &b->bits, 4);
    default: return find_bytes(block, &b->bits, 8);
    }
}

/* Of elements [first, last) of a row. */
static best search(const arg_work *w, const trit_view *row, int64_t first, int64_t last) {
    const trit_dtype type = w->call->type;
    cpu_cursor c;
    best winner = {.at = -1};
    trit_cpu_cursor_init(&c, w->cpu, row, type, first);
    const int64_t step = c.is_direct ? direct_block : trit_cpu_block;
    for (int64_t at = first; at < last; at += step) {
        const size_t n = (size_t)(last - at < step ? last - at : step);
        uint64_t value = 0;
        w->cpu->kernels->fold_run(w->fold, type, &value, trit_cpu_cursor_load(&c, n), n);
        const best b = value_of(w, &value, at);
        if (winner.at < 0 || beats(w, &b, &winner)) winner = b;
    }
    trit_cpu_cursor_init(&c, w->cpu, row, type, winner.at);
    winner.at += find(w, trit_cpu_cursor_load(&c, (size_t)(last - winner.at < step ? last - winner.at : step)), &winner);
    return winner;
}

static void arg_rows(void *arg, int64_t first, int64_t last) {
    const arg_work *w = arg;
    cpu_cursor in, out;
    trit_cpu_cursor_init(&in, w->cpu, &w->rows.across, w->rows.across.dtype, first);
    trit_cpu_cursor_init(&out, w->cpu, &w->call->out, trit_dtype_i64, first);
    for (; first < last; first++) {
        const trit_view row = trit_cpu_row(&w->rows, in.at);
        const int64_t at = search(w, &row, 0, w->n).at;
        memcpy(trit_cpu_cursor_target(&out), &at, sizeof at);
        trit_cpu_cursor_store(&out, 1);
        trit_cpu_cursor_advance(&in, 1);
    }
}

static void arg_chunks(void *arg, int64_t first, int64_t last) {
    const arg_work *w = arg;
    cpu_cursor in;
    trit_cpu_cursor_init(&in, w->cpu, &w->rows.across, w->rows.across.dtype, first / w->n_chunks);
    for (; first < last; first++) {
        const trit_view row = trit_cpu_row(&w->rows, in.at);
        const int64_t begin = first % w->n_chunks * chunk, end = w->n - begin < chunk ? w->n : begin + chunk;
        w->parts[first] = search(w, &row, begin, end);
        if (end == w->n) trit_cpu_cursor_advance(&in, 1);
    }
}

static void join(const arg_work *w, int64_t n_rows) {
    cpu_cursor out;
    trit_cpu_cursor_init(&out, w->cpu, &w->call->out, trit_dtype_i64, 0);
    for (int64_t r = 0; r < n_rows; r++) {
        best winner = w->parts[r * w->n_chunks];
        for (int64_t k = 1; k < w->n_chunks; k++)
            if (beats(w, &w->parts[r * w->n_chunks + k], &winner)) winner = w->parts[r * w->n_chunks + k];
        memcpy(trit_cpu_cursor_target(&out), &winner.at, sizeof winner.at);
        trit_cpu_cursor_store(&out, 1);
    }
}

trit_status trit_cpu_call_arg(cpu_device *cpu, const trit_call *call, trit_error *err) {
    arg_work w = {.cpu = cpu, .call = call, .fold = call->kind == trit_op_argmax ? trit_fold_max : trit_fold_min};
    trit_cpu_rows_init(&w.rows, &call->in[0], call->attrs.axes);
    w.n = trit_view_n_elements(&w.rows.along);
    w.n_chunks = (w.n + chunk - 1) / chunk;
    const int64_t n_rows = trit_view_n_elements(&w.rows.across), n_members = (int64_t)trit_team_size(cpu->team);
    if (n_members == 1 || w.n_chunks < 2 || n_rows >= 4 * n_members) {
        trit_cpu_parallel(cpu, n_rows, 1, trit_cpu_work(n_rows, w.n), arg_rows, &w);
        return trit_ok;
    }
    const int64_t n_parts = n_rows * w.n_chunks;
    w.parts = trit_alloc((size_t)n_parts, sizeof *w.parts);
    if (!w.parts) return trit_error_memory(err, (uint64_t)n_parts * sizeof *w.parts, "the best of parts");
    trit_cpu_parallel(cpu, n_parts, 1, trit_cpu_work(n_rows, w.n), arg_chunks, &w);
    join(&w, n_rows);
    trit_free(w.parts);
    return trit_ok;
}
