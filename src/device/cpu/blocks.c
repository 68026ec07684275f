/* Copies from and to quantized tensors, in pieces of a row that are whole blocks: by way of floats, but between two of one type. What blocks
 * mean is quant/'s. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "device/cpu/calls.h"
#include "trit/cast.h"

/* trit_cpu_block elements are whole blocks of every type. */
typedef struct blocks_work {
    const cpu_device *cpu;
    const trit_call *call;
    int64_t n_cols, n_pieces; /* of a row */
    atomic_bool is_odd;       /* NaN or an infinity was seen */
    atomic_uint_fast32_t beyond_bits; /* the largest magnitude that blocks were too small for, 0: none; magnitudes rise as their bits do */
    cpu_cast_counts counts;
} blocks_work;

typedef struct piece {
    int64_t row, col;
    size_t n;
} piece;

static piece piece_at(const blocks_work *w, int64_t i) {
    const int64_t col = i % w->n_pieces * trit_cpu_block, left = w->n_cols - col;
    return (piece){i / w->n_pieces, col, (size_t)(left < trit_cpu_block ? left : trit_cpu_block)};
}

/* Where it stands in a view of blocks. */
static uint8_t *place_of(const trit_view *v, piece p) {
    int64_t at = p.col;
    for (uint32_t d = v->n_dims - 1; d-- > 0;) {
        at += p.row % v->shape[d] * v->stride[d];
        p.row /= v->shape[d];
    }
    return (uint8_t *)v->data + trit_elements_bytes(v->dtype, at);
}

static void unpack(trit_dtype dtype, const uint8_t *data, size_t n, float *x) {
    const trit_quant_matrix m = {.dtype = dtype, .data = data, .n_bytes = (uint64_t)trit_elements_bytes(dtype, (int64_t)n), .n_rows = 1,
                                 .n_cols = n, .scale = 1};
    trit_quant_format_of(dtype)->unpack(&m, 0, x);
}

static void load(const blocks_work *w, piece p, float *x) {
    const trit_view *in = &w->call->in[0];
    cpu_cursor c;
    if (trit_dtype_is_blocks(in->dtype)) {
        unpack(in->dtype, place_of(in, p), p.n, x);
        return;
    }
    trit_cpu_cursor_init(&c, w->cpu, in, trit_dtype_f32, p.row * w->n_cols + p.col);
    memcpy(x, trit_cpu_cursor_load(&c, p.n), p.n * sizeof *x);
}

static void store(const blocks_work *w, piece p, const float *x) {
    const trit_view *out = &w->call->out;
    cpu_cursor c;
    if (trit_dtype_is_blocks(out->dtype)) {
        trit_quant_format_of(out->dtype)->pack(x, p.n, place_of(out, p));
        return;
    }
    trit_cpu_cursor_init(&c, w->cpu, out, trit_dtype_f32, p.row * w->n_cols + p.col);
    memcpy(trit_cpu_cursor_target(&c), x, p.n * sizeof *x);
    trit_cpu_cursor_store(&c, p.n);
}

/* From here on the scale of a block may overflow where it is a half; below, no format's does. */
static const float suspicious = 32768;

/* Are blocks of x as finite as it is? */
static bool fits(trit_dtype dtype, const float *x, size_t n) {
    _Alignas(64) uint8_t packed[trit_cpu_block * sizeof(float)];
    float back[trit_cpu_block];
    bool is_finite = true;
    trit_quant_format_of(dtype)->pack(x, n, packed);
    unpack(dtype, packed, n, back);
    for (size_t k = 0; k < n; k++) is_finite &= isfinite(back[k]) != 0;
    return is_finite;
}

static void note_beyond(blocks_work *w, float largest) {
    uint32_t bits;
    memcpy(&bits, &largest, sizeof bits);
    uint_fast32_t before = atomic_load(&w->beyond_bits);
    while (before < bits && !atomic_compare_exchange_weak(&w->beyond_bits, &before, bits)) continue;
}

static void check_range(void *arg, int64_t first, int64_t last) {
    blocks_work *w = arg;
    float x[trit_cpu_block];
    for (int64_t i = first; i < last; i++) {
        const piece p = piece_at(w, i);
        load(w, p, x);
        bool is_odd = false;
        float largest = 0;
        for (size_t k = 0; k < p.n; k++) {
            is_odd |= !isfinite(x[k]);
            largest = fabsf(x[k]) > largest ? fabsf(x[k]) : largest;
        }
        if (is_odd) atomic_store(&w->is_odd, true);
        else if (largest >= suspicious && !fits(w->call->out.dtype, x, p.n)) note_beyond(w, largest);
    }
}

static void count(const float *x, const float *y, size_t n, trit_cast_stats *s) {
    for (size_t i = 0; i < n; i++) {
        const double error = fabs((double)x[i] - (double)y[i]);
        s->n_changed += x[i] != y[i];
        if (error > s->max_error) s->max_error = error;
    }
}

static void copy_range(void *arg, int64_t first, int64_t last) {
    blocks_work *w = arg;
    const trit_view *in = &w->call->in[0], *out = &w->call->out;
    trit_cast_stats stats = {0};
    float x[trit_cpu_block], back[trit_cpu_block];
    for (int64_t i = first; i < last; i++) {
        const piece p = piece_at(w, i);
        if (in->dtype == out->dtype) {
            memmove(place_of(out, p), place_of(in, p), (size_t)trit_elements_bytes(in->dtype, (int64_t)p.n)); /* they may be the same */
            continue;
        }
        load(w, p, x);
        store(w, p, x);
        if (!w->call->attrs.stats) continue;
        unpack(out->dtype, place_of(out, p), p.n, back);
        count(x, back, p.n, &stats);
    }
    trit_cpu_counts_add(&w->counts, &stats);
}

trit_status trit_cpu_copy_blocks(cpu_device *cpu, const trit_call *call, trit_error *err) {
    const trit_view *in = &call->in[0], *out = &call->out;
    const int64_t n = trit_view_n_elements(out), n_cols = out->shape[out->n_dims - 1];
    const bool packs = trit_dtype_is_blocks(out->dtype) && in->dtype != out->dtype;
    if (packs && !trit_quant_format_of(out->dtype)->pack)
        return trit_error_set(err, trit_unsupported, "cast: %s is read and not written", trit_dtype_label(out->dtype));
    if (n == 0) return trit_ok;
    blocks_work w = {.cpu = cpu, .call = call, .n_cols = n_cols, .n_pieces = (n_cols + trit_cpu_block - 1) / trit_cpu_block};
    const int64_t n_pieces = n / n_cols * w.n_pieces;
    if (packs) trit_cpu_parallel(cpu, n_pieces, 1, n, check_range, &w);
    if (w.is_odd) return trit_error_set(err, trit_numeric, "cast: NaN and infinities have no place in blocks of %s", trit_dtype_label(out->dtype));
    if (w.beyond_bits) {
        const uint32_t bits = (uint32_t)w.beyond_bits;
        float largest;
        memcpy(&largest, &bits, sizeof largest);
        return trit_error_set(err, trit_numeric, "cast: a magnitude of %g is beyond what blocks of %s hold", (double)largest,
                              trit_dtype_label(out->dtype));
    }
    trit_cpu_parallel(cpu, n_pieces, 1, 4 * n, copy_range, &w);
    if (call->attrs.stats) trit_cpu_counts_end(&w.counts, call);
    return trit_ok;
}
