/* Layers, row by row: norms, rotations, GLUs, and what quantizes. Inputs and results lie contiguous. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "device/cpu/calls.h"
#include "quant/quant.h"

/* Doubles, which no program has: the same in plain loops. */

static void norm_f64(double *y, const double *x, const double *w, int64_t n, double eps) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
    const double r = 1 / sqrt(sum / (double)n + eps);
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * r * w[i];
}

/* dx = r (dn - n mean(dn n)), n = x r, dn = dy w; dw += dy n. */
static void norm_grad_f64(double *dx, double *dw, const double *dy, const double *x, const double *w, int64_t n, double eps) {
    double squares = 0, products = 0;
    for (int64_t i = 0; i < n; i++) {
        squares += x[i] * x[i];
        products += dy[i] * w[i] * x[i];
    }
    const double r = 1 / sqrt(squares / (double)n + eps), c = products * r * r / (double)n;
    for (int64_t i = 0; i < n; i++) {
        dx[i] = r * (dy[i] * w[i] - x[i] * c);
        dw[i] += dy[i] * (x[i] * r);
    }
}

/* *slope: the derivative. */
static double activate(trit_activation activation, double x, double *slope) {
    const double positive = x < 0 ? 0 : x, steep = 1.5957691216057308, cubic = 0.044715; /* 2 sqrt(2 / pi): tanh z = 2 sigmoid(2 z) - 1 */
    if (activation == trit_act_relu2) {
        *slope = 2 * positive;
        return positive * positive;
    }
    const bool is_gelu = activation == trit_act_gelu;
    const double z = is_gelu ? steep * (x + cubic * x * x * x) : x, s = 1 / (1 + exp(-z));
    *slope = s + x * s * (1 - s) * (is_gelu ? steep * (1 + 3 * cubic * x * x) : 1);
    return x * s;
}

static void glu_f64(trit_activation activation, double *y, const double *gate, const double *up, int64_t n) {
    double slope;
    for (int64_t i = 0; i < n; i++) y[i] = activate(activation, gate[i], &slope) * up[i];
}

static void glu_grad_f64(trit_activation activation, double *dgate, double *dup, const double *dy, const double *gate, const double *up, int64_t n) {
    double slope;
    for (int64_t i = 0; i < n; i++) {
        dup[i] = dy[i] * activate(activation, gate[i], &slope);
        dgate[i] = dy[i] * up[i] * slope;
    }
}

static void a8_round_f64(double *y, const double *x, int64_t n, double lambda) {
    double largest = 1e-5;
    for (int64_t i = 0; i < n; i++)
        if (fabs(x[i]) > largest) largest = fabs(x[i]);
    for (int64_t i = 0; i < n; i++) {
        const double v = rint(x[i] * (127 / largest)) * (largest / 127);
        y[i] = lambda == 1 ? v : x[i] + lambda * (v - x[i]);
    }
}

#define T float
#define NAME(x) x##_f32
#include "device/cpu/nn_type.h"

#define T double
#define NAME(x) x##_f64
#include "device/cpu/nn_type.h"

typedef struct rows_work {
    const cpu_device *cpu;
    const trit_call *call;
    bool is_f32;
    int64_t n_rows, n; /* rows of n elements; a norm's, parts of them */
    unsigned char *sums; /* [n_chunks, n] of a norm's weights' gradients */
    double *means;       /* [n_rows] or [1] */
} rows_work;

/* Rows that one member sums up alone, whatever the number of members. */
enum { chunk_rows = 64 };

/* x is [..., n]. */
static rows_work rows_of(const cpu_device *cpu, const trit_call *call, const trit_view *x, int64_t n) {
    return (rows_work){.cpu = cpu, .call = call, .is_f32 = call->type == trit_dtype_f32, .n_rows = n ? trit_view_n_elements(x) / n : 0, .n = n};
}

static int64_t last_of(const trit_view *v) {
    return v->n_dims ? v->shape[v->n_dims - 1] : 1;
}

/* Row i of a tensor of such rows, which begins at element `first`. */
static void *row(const rows_work *w, const trit_view *v, int64_t first, int64_t i) {
    return (char *)v->data + (first + i * w->n) * (w->is_f32 ? 4 : 8);
}

/* ---- norms ---- */

static void norm_rows(void *arg, int64_t first, int64_t last) {
    const rows_work *w = arg;
    const trit_call *c = w->call;
    for (int64_t i = first; i < last; i++) {
        if (w->is_f32)
            w->cpu->kernels->rms_norm(row(w, &c->out, 0, i), row(w, &c->in[0], 0, i), c->in[1].data, (uint32_t)w->n, (float)c->attrs.a);
        else
            norm_f64(row(w, &c->out, 0, i), row(w, &c->in[0], 0, i), c->in[1].data, w->n, c->attrs.a);
    }
}

static void norm_grad_chunks(void *arg, int64_t first, int64_t last) {
    const rows_work *w = arg;
    const trit_call *c = w->call;
    for (int64_t k = first; k < last; k++) {
        void *sum = w->sums + k * w->n * (w->is_f32 ? 4 : 8);
        memset(sum, 0, (size_t)w->n * (w->is_f32 ? 4 : 8));
        for (int64_t i = k * chunk_rows; i < w->n_rows && i < (k + 1) * chunk_rows; i++) {
            void *dx = row(w, &c->out, 0, i);
            const void *dy = row(w, &c->in[0], 0, i), *x = row(w, &c->in[1], 0, i);
            if (w->is_f32)
                w->cpu->kernels->norm_grad(dx, sum, dy, x, c->in[2].data, (uint32_t)w->n, (float)c->attrs.a);
            else
                norm_grad_f64(dx, sum, dy, x, c->in[2].data, w->n, c->attrs.a);
        }
    }
}

static trit_status norm_grad(cpu_device *cpu, rows_work *w, trit_error *err) {
    const trit_call *c = w->call;
    const int64_t n_chunks = (w->n_rows + chunk_rows - 1) / chunk_rows, size = w->is_f32 ? 4 : 8;
    void *dw = row(w, &c->out, w->n_rows * w->n, 0);
    memset(dw, 0, (size_t)(w->n * size));
    if (n_chunks == 0) return trit_ok;
    w->sums = trit_alloc((size_t)(n_chunks * w->n), (size_t)size);
    if (!w->sums) return trit_error_memory(err, (uint64_t)(n_chunks * w->n * size), "sums of parts");
    trit_cpu_share(cpu, n_chunks, 1, trit_cpu_work(w->n_rows, w->n), norm_grad_chunks, w);
    for (int64_t k = 0; k < n_chunks; k++) cpu->kernels->map2(trit_map_add, c->type, dw, dw, w->sums + k * w->n * size, (size_t)w->n);
    trit_free(w->sums);
    return trit_ok;
}

trit_status trit_cpu_call_nn_norm(cpu_device *cpu, const trit_call *call, trit_error *err) {
    const bool is_grad = call->kind == trit_op_rms_norm_grad;
    rows_work w = rows_of(cpu, call, &call->in[is_grad ? 1 : 0], last_of(&call->in[is_grad ? 2 : 1]));
    if (is_grad) return norm_grad(cpu, &w, err);
    trit_cpu_share(cpu, w.n_rows, 1, trit_cpu_work(w.n_rows, w.n), norm_rows, &w);
    return trit_ok;
}

/* ---- rotations ---- */

static void rope_rows(void *arg, int64_t first, int64_t last) {
    const rows_work *w = arg;
    const trit_call *c = w->call;
    const int64_t n_heads = c->attrs.n, d = w->n / n_heads, half = last_of(&c->in[1]) / 2, size = w->is_f32 ? 4 : 8;
    for (int64_t i = first; i < last; i++) {
        char *y = row(w, &c->out, 0, i);
        const char *cosines = (const char *)c->in[1].data + 2 * half * i * size, *sines = cosines + half * size;
        memcpy(y, row(w, &c->in[0], 0, i), (size_t)(w->n * size));
        for (int64_t h = 0; h < n_heads; h++, y += d * size) {
            if (w->is_f32)
                rotate_f32((float *)(void *)y, (const float *)(const void *)cosines, (const float *)(const void *)sines, half, c->attrs.n2, (float)c->attrs.a);
            else
                rotate_f64((double *)(void *)y, (const double *)(const void *)cosines, (const double *)(const void *)sines, half, c->attrs.n2, c->attrs.a);
        }
    }
}

trit_status trit_cpu_call_nn_rope(cpu_device *cpu, const trit_call *call, trit_error *err) {
    (void)err;
    rows_work w = rows_of(cpu, call, &call->in[0], last_of(&call->in[0]));
    trit_cpu_share(cpu, w.n_rows, 1, trit_cpu_work(w.n_rows, w.n), rope_rows, &w);
    return trit_ok;
}

/* ---- GLUs: rows of one element ---- */

static void glu_part(void *arg, int64_t first, int64_t last) {
    const rows_work *w = arg;
    const trit_call *c = w->call;
    const trit_kernels *k = w->cpu->kernels;
    const trit_activation act = (trit_activation)c->attrs.n;
    const void *gate = row(w, &c->in[0], 0, first), *up = row(w, &c->in[1], 0, first);
    if (!w->is_f32)
        glu_f64(act, row(w, &c->out, 0, first), gate, up, last - first);
    else
        (act == trit_act_silu    ? k->silu_mul
         : act == trit_act_relu2 ? k->relu2_mul
                                 : k->gelu_mul)(row(w, &c->out, 0, first), gate, up, (size_t)(last - first));
}

static void glu_grad_part(void *arg, int64_t first, int64_t last) {
    const rows_work *w = arg;
    const trit_call *c = w->call;
    const trit_kernels *k = w->cpu->kernels;
    const trit_activation act = (trit_activation)c->attrs.n;
    const void *dy = row(w, &c->in[0], 0, first), *gate = row(w, &c->in[1], 0, first), *up = row(w, &c->in[2], 0, first);
    void *dgate = row(w, &c->out, 0, first), *dup = row(w, &c->out, w->n_rows, first);
    if (!w->is_f32)
        glu_grad_f64(act, dgate, dup, dy, gate, up, last - first);
    else
        (act == trit_act_silu    ? k->silu_grad
         : act == trit_act_relu2 ? k->relu2_grad
                                 : k->gelu_grad)(dgate, dup, dy, gate, up, (size_t)(last - first));
}

trit_status trit_cpu_call_nn_glu(cpu_device *cpu, const trit_call *call, trit_error *err) {
    (void)err;
    rows_work w = rows_of(cpu, call, &call->in[0], 1);
    trit_cpu_share(cpu, w.n_rows, trit_cpu_block, w.n_rows, call->kind == trit_op_glu ? glu_part : glu_grad_part, &w);
    return trit_ok;
}

/* ---- int8 and trits ---- */

static void int8_rows(void *arg, int64_t first, int64_t last) {
    const rows_work *w = arg;
    const trit_call *c = w->call;
    for (int64_t i = first; i < last; i++) {
        if (w->is_f32)
            w->cpu->kernels->a8_round(row(w, &c->out, 0, i), row(w, &c->in[0], 0, i), (size_t)w->n, (float)c->attrs.a);
        else
            a8_round_f64(row(w, &c->out, 0, i), row(w, &c->in[0], 0, i), w->n, c->attrs.a);
    }
}

static double abs_sum(const rows_work *w, const void *x, int64_t n) {
    if (w->is_f32) return trit_abs_sum(x, (uint64_t)n);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += fabs(((const double *)x)[i]);
    return sum;
}

static void sum_rows(void *arg, int64_t first, int64_t last) {
    const rows_work *w = arg;
    for (int64_t i = first; i < last; i++) w->means[i] = abs_sum(w, row(w, &w->call->in[0], 0, i), w->n);
}

/* Elements [at, at + n) of row i. */
static void ternary_part(const rows_work *w, int64_t i, int64_t at, int64_t n, double mean) {
    const trit_call *c = w->call;
    const double g = mean < 1e-5 ? 1e-5 : mean; /* NaN stays */
    if (w->is_f32)
        ternary_row_f32((float *)row(w, &c->out, at, i), (const float *)row(w, &c->in[0], at, i), n, mean < 1e-5 ? 1e-5f : (float)g, (float)c->attrs.a);
    else
        ternary_row_f64((double *)row(w, &c->out, at, i), (const double *)row(w, &c->in[0], at, i), n, g, c->attrs.a);
}

static void ternary_rows(void *arg, int64_t first, int64_t last) {
    const rows_work *w = arg;
    const int64_t group = w->call->attrs.n;
    for (int64_t i = first; i < last; i++) {
        if (group == 0) ternary_part(w, i, 0, w->n, *w->means);
        for (int64_t at = 0; group && at < w->n; at += group) {
            const int64_t n = w->n - at < group ? w->n - at : group;
            ternary_part(w, i, at, n, abs_sum(w, row(w, &w->call->in[0], at, i), n) / (double)n);
        }
    }
}

trit_status trit_cpu_call_nn_quantize(cpu_device *cpu, const trit_call *call, trit_error *err) {
    rows_work w = rows_of(cpu, call, &call->in[0], last_of(&call->in[0]));
    const int64_t work = trit_cpu_work(w.n_rows, w.n);
    const bool is_int8 = call->kind == trit_op_absmax_int8;
    if (w.n_rows == 0) return trit_ok;
    if (!is_int8 && call->attrs.n == 0) { /* the mean of all, row by row, as masters are quantized when a model is opened */
        w.means = trit_alloc((size_t)w.n_rows, sizeof *w.means);
        if (!w.means) return trit_error_memory(err, (uint64_t)w.n_rows * sizeof *w.means, "sums of rows");
        trit_cpu_share(cpu, w.n_rows, 1, work, sum_rows, &w);
        for (int64_t i = 1; i < w.n_rows; i++) w.means[0] += w.means[i];
        w.means[0] /= (double)w.n_rows * (double)w.n;
    }
    trit_cpu_share(cpu, w.n_rows, 1, work, is_int8 ? int8_rows : ternary_rows, &w);
    trit_free(w.means);
    return trit_ok;
}
