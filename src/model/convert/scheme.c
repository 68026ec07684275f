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

typedef struct work {
    trit_convert_tensor *t;
    uint64_t n_cols, n_together, group; /* rows that share a scale; columns that do, or all */
    float *x, *back;           /* [n_together, n_cols]; [n_cols] */
    float *weight;             /* [n_together, n_cols] or NULL: all alike */
    int16_t *level;            /* [n_together, n_cols] */
    float *scale, *offset;     /* [n_cols / group]: of a row */
} work;

static void work_fini(work *w) {
    trit_free(w->x);
    trit_free(w->back);
    trit_free(w->weight);
    trit_free(w->level);
    trit_free(w->scale);
    trit_free(w->offset);
}

static trit_status work_init(work *w, trit_convert_tensor *t, trit_error *err) {
    const trit_quant_matrix *m = &t->linear.matrix;
    const trit_scheme *s = &t->scheme;
    *w = (work){.t = t, .n_cols = m->n_cols, .n_together = s->grain == trit_grain_tensor ? m->n_rows : 1, .group = m->n_cols};
    if (s->grain == trit_grain_group) w->group = s->group;
    const uint64_t n = w->n_together * w->n_cols, n_groups = (w->n_cols + w->group - 1) / w->group;
    w->x = trit_alloc(n, sizeof *w->x);
    w->back = trit_alloc(w->n_cols, sizeof *w->back);
    w->level = trit_alloc(n, sizeof *w->level);
    w->scale = trit_alloc(n_groups, sizeof *w->scale);
    w->offset = trit_alloc(n_groups, sizeof *w->offset);
    if (t->importance && s->range == trit_range_mse) w->weight = trit_alloc(n, sizeof *w->weight);
    bool ok = w->x && w->back && w->level && w->scale && w->offset && (w->weight || !t->importance || s->range != trit_range_mse);
    for (uint64_t r = 0; ok && w->weight && r < w->n_together; r++) memcpy(w->weight + r * w->n_cols, t->importance, w->n_cols * sizeof *w->weight);
    if (ok) return trit_ok;
    work_fini(w);
    return trit_error_memory(err, n * (sizeof *w->x + sizeof *w->level), "a tensor's levels");
}

/* Levels of the rows that share a scale, or of one row with its groups. */
static void quantize(work *w) {
    const trit_scheme *s = &w->t->scheme;
    const uint64_t step = w->n_together > 1 || w->group == w->n_cols ? w->n_together * w->n_cols : w->group;
    for (uint64_t at = 0, g = 0; at < w->n_together * w->n_cols; at += step, g++) {
        const uint64_t left = w->n_together * w->n_cols - at, n = left < step ? left : step;
        const trit_scheme_scale by = trit_scheme_fit(s, w->x + at, w->weight ? w->weight + at : NULL, n);
        trit_scheme_quantize(s, by, w->x + at, n, w->level + at);
        w->scale[g] = by.scale;
        w->offset[g] = by.offset;
    }
}

static void write_row(const work *w, uint64_t r, uint8_t *dst) {
    const trit_quant_format *f = trit_quant_format_of(w->t->dtype);
    const int16_t *level = w->level + r * w->n_cols;
    if (f->put) {
        f->put(&(trit_quant_levels){level, w->scale, f->put_offset ? w->offset : NULL, w->group}, w->n_cols, dst);
        return;
    }
    for (uint64_t at = 0, g = 0; at < w->n_cols; at += w->group, g++) {
        const uint64_t left = w->n_cols - at;
        trit_scheme_restore((trit_scheme_scale){w->scale[g], w->offset[g]}, level + at, left < w->group ? left : w->group, w->back + at);
    }
    f->pack(w->back, w->n_cols, dst);
}

/* I2_S and its like take all trits at once; the levels' own memory has room for them. */
static void write_trits(const work *w, uint8_t *dst) {
    int8_t *trits = (int8_t *)w->level;
    for (uint64_t i = 0; i < w->n_together * w->n_cols; i++) trits[i] = (int8_t)w->level[i];
    (void)trit_quant_format_of(w->t->dtype)->pack_trits(trits, w->n_together, w->n_cols, w->scale[0], dst); /* `holds` saw that it fits */
    w->t->job->scale = w->scale[0];
}

static trit_status fill(work *w, uint8_t *dst, trit_convert_difference *d, trit_error *err) {
    const trit_convert_tensor *t = w->t;
    const trit_quant_matrix *in = &t->linear.matrix;
    const uint64_t row_bytes = t->out.n_bytes / in->n_rows;
    const trit_quant_format *from = trit_quant_format_of(in->dtype), *to = trit_quant_format_of(t->dtype);
    trit_status status = trit_ok;
    for (uint64_t first = 0; first < in->n_rows && status == trit_ok; first += w->n_together) {
        for (uint64_t r = 0; r < w->n_together; r++) from->unpack(in, trit_convert_source_row(t, first + r), w->x + r * w->n_cols);
        for (uint64_t i = 0; i < w->n_together * w->n_cols; i++) w->x[i] *= t->linear.factor;
        quantize(w);
        if (to->pack_trits) write_trits(w, dst);
        else
            for (uint64_t r = 0; r < w->n_together; r++) write_row(w, r, dst + (first + r) * row_bytes);
        const trit_quant_matrix out = trit_convert_view(t, t->dtype, dst, t->out.n_bytes, w->scale[0]);
        for (uint64_t r = 0; r < w->n_together; r++) {
            to->unpack(&out, first + r, w->back);
            trit_convert_compare(d, w->x + r * w->n_cols, w->back, w->n_cols);
        }
        status = trit_convert_advance(t->job, w->n_together * row_bytes, err);
    }
    return status;
}

trit_status trit_convert_fill_scheme(trit_convert_tensor *t, uint8_t *dst, trit_convert_difference *d, trit_error *err) {
    work w;
    trit_status status = work_init(&w, t, err);
    if (status != trit_ok) return status;
    status = fill(&w, dst, d, err);
    work_fini(&w);
    return status;
}
