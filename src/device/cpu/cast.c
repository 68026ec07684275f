/* Changes of type with a choice of rounding, and counted. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "device/cpu/calls.h"
#include "trit/cast.h"

/* The distance between neighbours of a type at |x|: 1 for whole numbers. */
static double spacing(trit_dtype to, double x) {
    int exponent;
    if (!trit_dtype_is_float(to)) return 1.0;
    const int digits = to == trit_dtype_f16 ? 11 : to == trit_dtype_bf16 ? 8 : to == trit_dtype_f32 ? 24 : 53;
    const int least = to == trit_dtype_f16 ? -13 : to == trit_dtype_f64 ? -1021 : -125; /* exponents of frexp of the smallest normal */
    frexp(x, &exponent);
    return ldexp(1.0, (exponent < least ? least : exponent) - digits);
}

/* A neighbour of x among the values of the type. Both are doubles: no type here has more digits. */
static double round_stochastic(trit_dtype to, double x, double unit) {
    if (!isfinite(x)) return x;
    const double step = spacing(to, x), low = floor(x / step) * step;
    if (low == x) return x;
    return low + (unit < (x - low) / step ? step : 0.0);
}

/* The bounds of whole numbers; those of I64 as far as doubles reach. */
static void bounds(trit_dtype to, double *low, double *high) {
    switch (to) {
    case trit_dtype_i8: *low = INT8_MIN, *high = INT8_MAX; break;
    case trit_dtype_i16: *low = INT16_MIN, *high = INT16_MAX; break;
    case trit_dtype_i32: *low = INT32_MIN, *high = INT32_MAX; break;
    case trit_dtype_i64: *low = -0x1p63, *high = 0x1.fffffffffffffp62; break;
    case trit_dtype_bool: *low = 0, *high = 1; break;
    default: *low = 0, *high = UINT8_MAX; break;
    }
}

typedef struct cast_work {
    const cpu_device *cpu;
    const trit_call *call;
    cpu_cast_counts counts;
} cast_work;

typedef struct block {
    _Alignas(64) unsigned char x[trit_cpu_block_bytes], y[trit_cpu_block_bytes], back[trit_cpu_block_bytes];
    double value[trit_cpu_block], again[trit_cpu_block];
} block;

/* b->x, elements of the input's type, to b->y. `at`: number of the first one. */
static void cast_block(const cast_work *w, block *b, int64_t at, size_t n) {
    const trit_kernels *k = w->cpu->kernels;
    const trit_dtype from = w->call->in[0].dtype, to = w->call->type;
    const trit_attrs *attrs = &w->call->attrs;
    if (attrs->n == trit_cast_usual || !trit_dtype_is_float(from)) {
        k->convert(to, b->y, from, b->x, n);
        return;
    }
    k->convert(trit_dtype_f64, b->value, from, b->x, n);
    for (size_t i = 0; i < n; i++) {
        if (attrs->n == trit_cast_stochastic)
            b->value[i] = round_stochastic(to, b->value[i], trit_rng_unit((uint64_t)attrs->n2, (uint64_t)(at + (int64_t)i)));
        else if (!trit_dtype_is_float(to))
            b->value[i] = rint(b->value[i]);
    }
    k->convert(to, b->y, trit_dtype_f64, b->value, n);
}

static void count_block(const cast_work *w, block *b, size_t n, trit_cast_stats *s) {
    const trit_kernels *k = w->cpu->kernels;
    const trit_dtype from = w->call->in[0].dtype, to = w->call->type;
    const size_t size = trit_dtype_bytes(from);
    double low, high;
    bounds(to, &low, &high);
    k->convert(from, b->back, to, b->y, n);
    k->convert(trit_dtype_f64, b->value, from, b->x, n);
    k->convert(trit_dtype_f64, b->again, to, b->y, n);
    for (size_t i = 0; i < n; i++) {
        const double x = b->value[i], y = b->again[i];
        if (isnan(x)) s->n_nan++;
        if (isfinite(x) && (trit_dtype_is_float(to) ? isinf(y) != 0 : x < low || x > high)) s->n_outside++;
        if (!(isnan(x) && isnan(y)) && (x != y || !trit_dtype_is_float(from)) && memcmp(b->x + i * size, b->back + i * size, size) != 0) s->n_changed++;
        if (isfinite(x) && isfinite(y) && fabs(x - y) > s->max_error) s->max_error = fabs(x - y);
    }
}

void trit_cpu_counts_add(cpu_cast_counts *c, const trit_cast_stats *s) {
    uint64_t bits;
    memcpy(&bits, &s->max_error, sizeof bits);
    atomic_fetch_add(&c->n_changed, s->n_changed);
    atomic_fetch_add(&c->n_outside, s->n_outside);
    atomic_fetch_add(&c->n_nan, s->n_nan);
    uint_fast64_t most = atomic_load(&c->max_error_bits);
    while (bits > most && !atomic_compare_exchange_weak(&c->max_error_bits, &most, bits)) {}
}

void trit_cpu_counts_end(const cpu_cast_counts *c, const trit_call *call) {
    trit_cast_stats *stats = call->attrs.stats;
    const int64_t n = trit_view_n_elements(&call->out);
    const uint64_t bits = c->max_error_bits;
    double max_error;
    memcpy(&max_error, &bits, sizeof bits);
    stats->n_elements += (uint64_t)n;
    stats->n_changed += c->n_changed;
    stats->n_outside += c->n_outside;
    stats->n_nan += c->n_nan;
    stats->bytes_in += (uint64_t)trit_elements_bytes(call->in[0].dtype, n);
    stats->bytes_out += (uint64_t)trit_elements_bytes(call->out.dtype, n);
    if (max_error > stats->max_error) stats->max_error = max_error;
}

static void cast_range(void *arg, int64_t first, int64_t last) {
    cast_work *w = arg;
    const trit_call *call = w->call;
    trit_cast_stats stats = {0};
    cpu_cursor in, out;
    block b;
    trit_cpu_cursor_init(&in, w->cpu, &call->in[0], call->in[0].dtype, first);
    trit_cpu_cursor_init(&out, w->cpu, &call->out, call->type, first);
    for (int64_t at = first; at < last; at += trit_cpu_block) {
        const size_t n = (size_t)(last - at < trit_cpu_block ? last - at : trit_cpu_block);
        memcpy(b.x, trit_cpu_cursor_load(&in, n), n * trit_dtype_bytes(call->in[0].dtype));
        cast_block(w, &b, at, n);
        if (call->attrs.stats) count_block(w, &b, n, &stats);
        memcpy(trit_cpu_cursor_target(&out), b.y, n * trit_dtype_bytes(call->type));
        trit_cpu_cursor_store(&out, n);
    }
    trit_cpu_counts_add(&w->counts, &stats);
}

trit_status trit_cpu_call_cast(cpu_device *cpu, const trit_call *call, trit_error *err) {
    (void)err;
    cast_work w = {.cpu = cpu, .call = call};
    const int64_t n = trit_view_n_elements(&call->out);
    trit_cpu_parallel(cpu, n, trit_cpu_block, 8 * n, cast_range, &w);
    if (call->attrs.stats) trit_cpu_counts_end(&w.counts, call);
    return trit_ok;
}
