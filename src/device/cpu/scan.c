/* Sums and products up to each element: by definition one after the other along a row, so rows are what is divided. Rows that
 * stand across memory go beside each other. */
#include <string.h>

#include "device/cpu/calls.h"

typedef struct scan_work {
    const cpu_device *cpu;
    const trit_call *call;
    trit_dtype type; /* F32, F64 or I64 */
    bool is_sum, is_across;
    cpu_rows in, out;
    int64_t n;
} scan_work;

/* y[i] = carry meets x[0], ..., x[i]; returns y[n - 1]. */
static float scan_f32(float *y, const float *x, size_t n, float carry, bool is_sum) {
    for (size_t i = 0; i < n; i++) y[i] = carry = is_sum ? carry + x[i] : carry * x[i];
    return carry;
}

static double scan_f64(double *y, const double *x, size_t n, double carry, bool is_sum) {
    for (size_t i = 0; i < n; i++) y[i] = carry = is_sum ? carry + x[i] : carry * x[i];
    return carry;
}

static uint64_t scan_i64(uint64_t *y, const uint64_t *x, size_t n, uint64_t carry, bool is_sum) {
    for (size_t i = 0; i < n; i++) y[i] = carry = is_sum ? carry + x[i] : carry * x[i];
    return carry;
}

static void scan_row(const scan_work *w, const trit_view *x, const trit_view *y) {
    cpu_cursor in, out;
    float f32 = w->is_sum ? -0.0f : 1;
    double f64 = w->is_sum ? -0.0 : 1;
    uint64_t i64 = w->is_sum ? 0 : 1;
    trit_cpu_cursor_init(&in, w->cpu, x, w->type, 0);
    trit_cpu_cursor_init(&out, w->cpu, y, w->type, 0);
    for (int64_t left = w->n; left > 0; left -= trit_cpu_block) {
        const size_t n = (size_t)(left < trit_cpu_block ? left : trit_cpu_block);
        const void *p = trit_cpu_cursor_load(&in, n);
        void *q = trit_cpu_cursor_target(&out);
        if (w->type == trit_dtype_f32)
            f32 = scan_f32(q, p, n, f32, w->is_sum);
        else if (w->type == trit_dtype_f64)
            f64 = scan_f64(q, p, n, f64, w->is_sum);
        else
            i64 = scan_i64(q, p, n, i64, w->is_sum);
        trit_cpu_cursor_store(&out, n);
    }
}

/* `n` neighbours of a view, `step` apart. */
static trit_view neighbours(trit_dtype dtype, void *at, int64_t step, int64_t n) {
    return (trit_view){.data = at, .dtype = dtype, .n_dims = 1, .shape = {n}, .stride = {step}};
}

/* Elements of n rows beside each other, which begin at x and y, and x_step and y_step apart. */
static void scan_columns(const scan_work *w, char *x, int64_t x_step, char *y, int64_t y_step, int64_t n) {
    _Alignas(64) unsigned char carry[trit_cpu_block_bytes];
    const trit_view in = trit_cpu_row(&w->in, x), out = trit_cpu_row(&w->out, y);
    const size_t size = trit_dtype_bytes(w->type);
    cpu_cursor from, to, row;
    trit_cpu_cursor_init(&from, w->cpu, &in, in.dtype, 0);
    trit_cpu_cursor_init(&to, w->cpu, &out, out.dtype, 0);
    for (int64_t i = 0; i < w->n; i++) {
        const trit_view p = neighbours(in.dtype, from.at, x_step, n), q = neighbours(out.dtype, to.at, y_step, n);
        trit_cpu_cursor_init(&row, w->cpu, &p, w->type, 0);
        const void *values = trit_cpu_cursor_load(&row, (size_t)n);
        if (i == 0)
            memcpy(carry, values, (size_t)n * size);
        else
            w->cpu->kernels->map2(w->is_sum ? trit_map_add : trit_map_mul, w->type, carry, carry, values, (size_t)n);
        trit_cpu_cursor_init(&row, w->cpu, &q, w->type, 0);
        memcpy(trit_cpu_cursor_target(&row), carry, (size_t)n * size);
        trit_cpu_cursor_store(&row, (size_t)n);
        trit_cpu_cursor_advance(&from, 1);
        trit_cpu_cursor_advance(&to, 1);
    }
}

static void scan_rows(void *arg, int64_t first, int64_t last) {
    const scan_work *w = arg;
    cpu_cursor in, out;
    trit_cpu_cursor_init(&in, w->cpu, &w->in.across, w->in.across.dtype, first);
    trit_cpu_cursor_init(&out, w->cpu, &w->out.across, w->out.across.dtype, first);
    while (first < last) {
        const uint32_t a = in.view.n_dims - 1, b = out.view.n_dims - 1;
        int64_t n = in.view.shape[a] - in.index[a];
        if (n > out.view.shape[b] - out.index[b]) n = out.view.shape[b] - out.index[b];
        if (n > last - first) n = last - first;
        if (n > trit_cpu_block) n = trit_cpu_block;
        if (!w->is_across) n = 1;
        const trit_view x = trit_cpu_row(&w->in, in.at), y = trit_cpu_row(&w->out, out.at);
        if (w->is_across)
            scan_columns(w, in.at, in.view.stride[a], out.at, out.view.stride[b], n);
        else
            scan_row(w, &x, &y);
        trit_cpu_cursor_advance(&in, n);
        trit_cpu_cursor_advance(&out, n);
        first += n;
    }
}

trit_status trit_cpu_call_scan(cpu_device *cpu, const trit_call *call, trit_error *err) {
    (void)err;
    scan_work w = {.cpu = cpu, .call = call, .type = call->type, .is_sum = call->kind == trit_op_cumsum};
    trit_cpu_rows_init(&w.in, &call->in[0], 1u << call->attrs.axis);
    trit_cpu_rows_init(&w.out, &call->out, 1u << call->attrs.axis);
    w.n = trit_view_n_elements(&w.in.along);
    const int64_t n_rows = trit_view_n_elements(&w.in.across);
    if (n_rows == 0 || w.n == 0) return trit_ok;
    w.is_across = trit_cpu_rows_stand_across(&w.in);
    trit_cpu_parallel(cpu, n_rows, w.is_across ? 64 : 1, trit_cpu_work(n_rows, w.n), scan_rows, &w);
    return trit_ok;
}
