/* Values of a scheme in a file: the narrowest type whose blocks hold its integers exactly (scales are rounded to half there), else
 * floats. The file is then larger than the scheme would be; what it computes with is the scheme's. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/convert/convert.h"

/* ---- Which type ---- */

/* Do the type's blocks hold the scheme's levels, and does no block reach over what shares a scale? HF_TERNARY has its scale in a tensor
 * beside it, which only projections have a name for. */
static bool holds(trit_dtype dtype, const trit_scheme *s, const trit_linear *l) {
    const trit_quant_matrix *m = &l->matrix;
    const trit_quant_format *f = trit_quant_format_of(dtype);
    const uint32_t block = trit_dtype_info(dtype)->block;
    int low, high;
    trit_scheme_levels(s, &low, &high);
    const bool trits = s->kind != trit_scheme_asymmetric && high == 1;
    if (dtype == trit_dtype_hf_ternary && !l->format) return false;
    if (f->pack_trits) return trits && s->grain == trit_grain_tensor && s->bits != 1 && m->n_rows * m->n_cols % 128 == 0;
    if (trit_dtype_is_float(dtype)) return f->pack != NULL;
    if (m->n_cols % block || (s->grain == trit_grain_group && s->group % block)) return false;
    if (f->put) return low >= f->put_low && high <= f->put_high && f->put_offset == (s->kind == trit_scheme_asymmetric);
    if (!f->trits || !f->pack || !trits) return false;
    return (dtype == trit_dtype_q1_0) == (s->bits == 1);
}

trit_status trit_convert_carrier(trit_dtype *out, const trit_convert_tensor *t, const trit_target *target, trit_error *err) {
    static const trit_dtype order[] = {trit_dtype_q1_0, trit_dtype_tq2_0, trit_dtype_q2_0, trit_dtype_i2_s, trit_dtype_q4_0, trit_dtype_q4_1,
                                       trit_dtype_q5_0, trit_dtype_q5_1,  trit_dtype_q8_0};
    char text[trit_scheme_text_max];
    trit_scheme_text(&target->scheme, text);
    if (target->dtype != trit_n_dtypes && !target->is_type) {
        *out = target->dtype;
        if (holds(*out, &target->scheme, &t->linear) && trit_convert_can_hold(t->job, *out)) return trit_ok;
        return trit_error_set(err, trit_unsupported, "tensor %s: %" PRIu64 " rows of %" PRIu64 " columns as %s: %s cannot hold them", t->key,
                              t->linear.matrix.n_rows, t->linear.matrix.n_cols, text, trit_dtype_info(*out)->label);
    }
    if (target->is_type && holds(target->dtype, &target->scheme, &t->linear) && trit_convert_can_hold(t->job, target->dtype)) {
        *out = target->dtype;
        return trit_ok;
    }
    *out = trit_dtype_f16;
    for (size_t i = sizeof order / sizeof order[0]; i-- > 0;)
        if (trit_convert_can_hold(t->job, order[i]) && holds(order[i], &target->scheme, &t->linear)) *out = order[i];
    t->job->n_widened += target->is_type;
    return trit_ok;
}

/* ---- Bytes ---- */

/* Where one scale is for the whole tensor, its rows are read at once, to be seen together; else each where it is needed. */
typedef struct work {
    const trit_convert_tensor *t;
    const trit_quant_format *from, *to;
    uint64_t n_cols, group;    /* columns of a row that share a scale, or all */
    uint8_t *dst;
    trit_quant_matrix out;     /* the rows that are made, at dst */
    uint64_t first, row_bytes; /* of them in the tensor */
    float *x;                  /* [n_rows, n_cols] or NULL */
    float *weight;             /* [n_rows, n_cols] or NULL: all alike */
    trit_scheme_scale by;      /* of x */
    int8_t *trits;             /* [n_rows, n_cols]; NULL: the type is packed row by row */
} work;

static void work_fini(work *w) {
    trit_free(w->x);
    trit_free(w->weight);
    trit_free(w->trits);
}

static trit_status work_init(work *w, const trit_convert_tensor *t, uint8_t *dst, uint64_t n_bytes, trit_error *err) {
    const trit_quant_matrix *in = &t->linear.matrix;
    const trit_scheme *s = &t->scheme;
    const uint64_t n = in->n_rows * in->n_cols, row_bytes = t->out.n_bytes / in->n_rows;
    *w = (work){.t = t, .from = trit_quant_format_of(in->dtype), .to = trit_quant_format_of(t->dtype), .n_cols = in->n_cols,
                .group = s->grain == trit_grain_group ? s->group : in->n_cols, .dst = dst, .out = trit_convert_view(t, t->dtype, dst, n_bytes, 1),
                .first = t->made / row_bytes, .row_bytes = row_bytes};
    if (s->grain != trit_grain_tensor) return trit_ok;
    const bool weighs = t->importance && s->range == trit_range_mse;
    w->x = trit_alloc(n, sizeof *w->x);
    if (weighs) w->weight = trit_alloc(n, sizeof *w->weight);
    if (w->to->pack_trits) w->trits = trit_alloc(n, sizeof *w->trits);
    if (w->x && (w->weight || !weighs) && (w->trits || !w->to->pack_trits)) return trit_ok;
    work_fini(w);
    return trit_error_memory(err, n * sizeof *w->x, "a tensor's weights");
}

static void read(const work *w, uint64_t r, float *x) {
    w->from->unpack(&w->t->linear.matrix, trit_convert_source_row(w->t, w->first + r), x);
    for (uint64_t c = 0; c < w->n_cols; c++) x[c] *= w->t->linear.factor;
}

static trit_status read_row(void *ctx, uint64_t r, float *scratch, trit_convert_difference *d) {
    const work *w = ctx;
    (void)scratch;
    (void)d;
    read(w, r, w->x + r * w->n_cols);
    if (w->weight) memcpy(w->weight + r * w->n_cols, w->t->importance, w->n_cols * sizeof *w->weight);
    return trit_ok;
}

/* A row in integers. */
typedef struct row {
    const float *x;        /* [n_cols] */
    float *back;           /* [n_cols], scratch */
    float *scale, *offset; /* [n_cols / group] */
    int16_t *level;        /* [n_cols] */
} row;

enum { row_floats = 5 }; /* that its lists are, of n_cols each */

static void quantize(const work *w, const row *q) {
    const trit_convert_tensor *t = w->t;
    for (uint64_t at = 0, g = 0; at < w->n_cols; at += w->group, g++) {
        const uint64_t left = w->n_cols - at, n = left < w->group ? left : w->group;
        const float *weight = t->importance && t->scheme.range == trit_range_mse ? t->importance + at : NULL;
        const trit_scheme_scale by = w->x ? w->by : trit_scheme_fit(&t->scheme, q->x + at, weight, n);
        trit_scheme_quantize(&t->scheme, by, q->x + at, n, q->level + at);
        q->scale[g] = by.scale;
        q->offset[g] = by.offset;
    }
}

static void write_row(const work *w, const row *q, uint8_t *dst) {
    if (w->to->put) {
        w->to->put(&(trit_quant_levels){q->level, q->scale, w->to->put_offset ? q->offset : NULL, w->group}, w->n_cols, dst);
        return;
    }
    for (uint64_t at = 0, g = 0; at < w->n_cols; at += w->group, g++) {
        const uint64_t left = w->n_cols - at;
        trit_scheme_restore((trit_scheme_scale){q->scale[g], q->offset[g]}, q->level + at, left < w->group ? left : w->group, q->back + at);
    }
    w->to->pack(q->back, w->n_cols, dst);
}

static trit_status compare_row(void *ctx, uint64_t r, float *scratch, trit_convert_difference *d) {
    const work *w = ctx;
    w->to->unpack(&w->out, r, scratch);
    trit_convert_compare(d, w->x + r * w->n_cols, scratch, w->n_cols);
    return trit_ok;
}

static trit_status make_row(void *ctx, uint64_t r, float *scratch, trit_convert_difference *d) {
    const work *w = ctx;
    const uint64_t n = w->n_cols;
    const row q = {w->x ? w->x + r * n : scratch, scratch + n, scratch + 2 * n, scratch + 3 * n, (int16_t *)(void *)(scratch + 4 * n)};
    if (!w->x) read(w, r, scratch);
    quantize(w, &q);
    if (w->trits) {
        for (uint64_t c = 0; c < n; c++) w->trits[r * n + c] = (int8_t)q.level[c];
        return trit_ok;
    }
    write_row(w, &q, w->dst + r * w->row_bytes);
    w->to->unpack(&w->out, r, q.back);
    trit_convert_compare(d, q.x, q.back, n);
    return trit_ok;
}

static trit_status make_rows(work *w, uint64_t n_rows, trit_convert_difference *d, trit_error *err) {
    const trit_convert_tensor *t = w->t;
    trit_status status = w->x ? trit_convert_rows(t->job, n_rows, read_row, w, 0, d, err) : trit_ok;
    if (status == trit_ok && w->x) w->by = trit_scheme_fit(&t->scheme, w->x, w->weight, n_rows * w->n_cols);
    if (status == trit_ok) status = trit_convert_rows(t->job, n_rows, make_row, w, row_floats * w->n_cols, d, err);
    if (status != trit_ok || !w->trits) return status;
    (void)w->to->pack_trits(w->trits, n_rows, w->n_cols, w->by.scale, w->dst); /* `holds` saw that it fits */
    t->job->scale = w->by.scale;
    w->out = trit_convert_view(t, t->dtype, w->dst, w->out.n_bytes, w->by.scale);
    return trit_convert_rows(t->job, n_rows, compare_row, w, w->n_cols, d, err);
}

trit_status trit_convert_fill_scheme(const trit_convert_tensor *t, uint8_t *dst, uint64_t n_bytes, trit_convert_difference *d, trit_error *err) {
    work w;
    trit_status status = work_init(&w, t, dst, n_bytes, err);
    if (status != trit_ok) return status;
    status = make_rows(&w, n_bytes / w.row_bytes, d, err);
    work_fini(&w);
    return status == trit_ok ? trit_convert_advance(t->job, n_bytes, err) : status;
}
