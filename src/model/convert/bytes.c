/* The bytes of one tensor of the output. Ternary weights go from trits and scales to trits and scales; all else goes through
 * floats, row by row. What was packed is unpacked again and compared, so the report tells what the output holds. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/convert/convert.h"
#include "tensor/bytes.h"

/* A scale rounded to half (11 bits) differs by 2^-11 of itself at most; with room for the float arithmetic. */
static const float rounding = 0x1.01p-11f;

void trit_convert_compare(trit_convert_difference *d, const float *want, const float *got, uint64_t n) {
    float most = 0, off = 0;
    if (d->detailed) trit_quant_error_add(&d->error, want, got, n);
    if (d->detailed && d->importance) trit_quant_error_add_weighted(&d->weighted, want, got, d->importance, n);
    if (memcmp(want, got, (size_t)n * sizeof *want) == 0) return;
    for (uint64_t i = 0; i < n; i++) {
        const float a = fabsf(want[i]), e = fabsf(got[i] - want[i]);
        if (a > most) most = a;
        if (!(e <= off)) off = e;
        if (!(e <= rounding * a)) d->beyond = true;
    }
    const double relative = off == 0 ? 0 : most > 0 ? (double)off / (double)most : 1;
    d->largest = trit_convert_larger(d->largest, relative);
}

uint64_t trit_convert_source_row(const trit_convert_tensor *t, uint64_t row) {
    if (t->rows) return (uint64_t)t->rows[row];
    return trit_heads_row(t->heads, t->job->m->config.head_dim, row);
}

uint64_t trit_convert_n_rows(const trit_convert_tensor *t) {
    return t->rows ? t->out.shape[0] : t->linear.matrix.n_rows;
}

trit_status trit_convert_advance(trit_convert_job *job, uint64_t n_bytes, trit_error *err) {
    job->bytes_done += n_bytes;
    const trit_convert_opts *o = job->o;
    if (!o->progress || o->progress(o->user, job->bytes_done, job->report.bytes_out)) return trit_ok;
    return trit_error_set(err, trit_cancelled, "interrupted while converting");
}

/* The packed bytes as a matrix again. */
trit_quant_matrix trit_convert_view(const trit_convert_tensor *t, trit_dtype dtype, const uint8_t *bytes, uint64_t n_bytes, float scale) {
    return (trit_quant_matrix){.dtype = dtype, .data = bytes, .n_bytes = n_bytes, .n_rows = trit_convert_n_rows(t),
                               .n_cols = t->linear.matrix.n_cols, .scale = dtype == trit_dtype_hf_ternary ? scale : 1};
}

/* ---- Rows of floats ---- */

typedef struct floats {
    const trit_convert_tensor *t;
    const trit_quant_format *to;
    uint8_t *dst;
    trit_quant_matrix out;     /* the rows that are made, at dst */
    uint64_t first, row_bytes; /* of them in the tensor */
} floats;

/* What a norm less one misses is added when a model is opened, so that the weight compared is the one with it. */
static trit_status convert_row(void *ctx, uint64_t r, float *row, trit_convert_difference *d) {
    const floats *f = ctx;
    const trit_convert_tensor *t = f->t;
    const uint64_t n = t->linear.matrix.n_cols;
    const float more = t->add > 0 ? t->add : 0, less = t->add < 0 ? -t->add : 0;
    float *back = row + n;
    const uint64_t source = trit_convert_source_row(t, f->first + r);
    trit_linear_unpack(&t->linear, source, row);
    if (t->linear.adapted) d->change_square += trit_convert_change(&t->linear, source, row, back);
    for (uint64_t c = 0; c < n; c++) back[c] = row[c] = row[c] * t->linear.factor + more;
    for (uint64_t c = 0; c < n; c++) back[c] -= less;
    if (t->importance && f->to->pack_by) f->to->pack_by(back, t->importance, n, f->dst + r * f->row_bytes);
    else f->to->pack(back, n, f->dst + r * f->row_bytes);
    f->to->unpack(&f->out, r, back);
    for (uint64_t c = 0; c < n; c++) back[c] += less;
    trit_convert_compare(d, row, back, n);
    return trit_ok;
}

static trit_status fill_rows(const trit_convert_tensor *t, uint8_t *dst, uint64_t n_bytes, trit_convert_difference *d, trit_error *err) {
    const trit_quant_matrix *in = &t->linear.matrix;
    const uint64_t row_bytes = t->out.n_bytes / trit_convert_n_rows(t);
    floats f = {t, trit_quant_format_of(t->dtype), dst, trit_convert_view(t, t->dtype, dst, n_bytes, 1), t->made / row_bytes, row_bytes};
    const trit_status status = trit_convert_rows(t->job, n_bytes / row_bytes, convert_row, &f, 2 * in->n_cols, d, err);
    return status == trit_ok ? trit_convert_advance(t->job, n_bytes, err) : status;
}

/* ---- Ternary ---- */

typedef struct ternary {
    const trit_convert_tensor *t;
    int8_t *trits; /* [n_rows, n_cols] */
    float *scales; /* [n_rows, n_groups] */
    uint64_t n_rows, n_cols, n_groups, group;
} ternary;

static void ternary_fini(ternary *x) {
    trit_free(x->trits);
    trit_free(x->scales);
}

static trit_status read_row(void *ctx, uint64_t r, float *scratch, trit_convert_difference *d) {
    const ternary *x = ctx;
    const trit_linear *l = &x->t->linear;
    (void)d;
    return l->row(l, trit_convert_source_row(x->t, r), x->trits + r * x->n_cols, x->scales + r * x->n_groups, scratch);
}

static trit_status ternary_init(ternary *x, const trit_convert_tensor *t, trit_error *err) {
    const trit_linear *l = &t->linear;
    *x = (ternary){.t = t, .n_rows = l->matrix.n_rows, .n_cols = l->matrix.n_cols, .n_groups = 1, .group = l->group ? l->group : l->matrix.n_cols};
    x->n_groups = (x->n_cols + x->group - 1) / x->group;
    x->trits = trit_alloc(x->n_rows * x->n_cols, 1);
    x->scales = trit_alloc(x->n_rows * x->n_groups, sizeof *x->scales);
    trit_convert_difference none = {0};
    trit_status status = x->trits && x->scales ? trit_ok : trit_error_memory(err, x->n_rows * x->n_cols, "a ternary tensor");
    if (status == trit_ok) status = trit_linear_bad_row(trit_convert_rows(t->job, x->n_rows, read_row, x, x->n_cols, &none, err), t->in, err);
    if (status != trit_ok) ternary_fini(x);
    return status;
}

static void floats_of(const ternary *x, uint64_t r, float *row) {
    const int8_t *trits = x->trits + r * x->n_cols;
    for (uint64_t g = 0, c = 0; g < x->n_groups; g++) {
        const float scale = x->scales[r * x->n_groups + g];
        const uint64_t end = c + x->group < x->n_cols ? c + x->group : x->n_cols;
        for (; c < end; c++) row[c] = (float)trits[c] * scale;
    }
}

/* The one scale of the tensor, or where there are several the one that is nearest to all: the mean over the weights that it
 * multiplies. Groups of zeros have no say. */
static float scale_of(const ternary *x) {
    double sum = 0, count = 0;
    float first = x->scales[0];
    bool equal = true;
    for (uint64_t i = 1; i < x->n_rows * x->n_groups && equal; i++) equal = x->scales[i] == first;
    if (equal) return first;
    equal = true;
    for (uint64_t i = 0; i < x->n_rows * x->n_groups; i++) {
        const uint64_t row = i / x->n_groups, at = i % x->n_groups * x->group;
        const uint64_t end = at + x->group < x->n_cols ? at + x->group : x->n_cols;
        uint64_t n = 0;
        for (uint64_t c = at; c < end; c++) n += x->trits[row * x->n_cols + c] != 0;
        if (!n) continue;
        if (count > 0 && x->scales[i] != first) equal = false;
        if (count == 0) first = x->scales[i];
        sum += (double)n * fabs((double)x->scales[i]);
        count += (double)n;
    }
    return count == 0 ? x->scales[0] : equal ? first : (float)(sum / count);
}

/* Their bytes in a type. */
typedef struct packing {
    const ternary *x;
    const trit_quant_format *to;
    uint8_t *dst; /* [out.n_bytes] */
    trit_quant_matrix out;
} packing;

/* Trits that adapters changed: what the type cannot hold is judged by the new trits, errors by the sum of weights and adapters. */
static void compare_adapted(trit_convert_difference *d, const trit_convert_tensor *t, uint64_t r, float *row, float *back) {
    const uint64_t n = t->linear.matrix.n_cols, source = trit_convert_source_row(t, r);
    trit_convert_difference packed = {0}, merged = *d;
    trit_convert_compare(&packed, row, back, n);
    trit_linear_unpack(&t->linear, source, row);
    trit_convert_compare(&merged, row, back, n);
    merged.beyond = d->beyond || packed.beyond;
    merged.change_square += trit_convert_change(&t->linear, source, row, back);
    *d = merged;
}

/* Types of integers take trits for what they are: their own search for a scale would spread the levels over all of the range, and -1, 0 and
 * 1 then lie between levels. */
static bool takes_trits(const packing *p) {
    const trit_quant_format *to = p->to;
    if (!to->put || to->put_high - to->put_low < 2) return false;
    return p->x->n_groups == 1 || p->x->group % trit_dtype_info(to->dtype)->block == 0;
}

/* scratch[n_cols] */
static void put_trits(const packing *p, uint64_t r, float *scratch, uint8_t *dst) {
    const ternary *x = p->x;
    const float *scales = x->scales + r * x->n_groups;
    const int up = p->to->put_offset ? 1 : 0; /* -1, 0, 1 are levels 0, 1, 2 above an offset of -scale */
    int16_t *level = (int16_t *)scratch;
    float *offset = scratch + (x->n_cols + 1) / 2;
    for (uint64_t c = 0; c < x->n_cols; c++) level[c] = (int16_t)(x->trits[r * x->n_cols + c] + up);
    for (uint64_t g = 0; g < x->n_groups; g++) offset[g] = -scales[g];
    p->to->put(&(trit_quant_levels){level, scales, up ? offset : NULL, x->group}, x->n_cols, dst);
}

static trit_status pack_row(void *ctx, uint64_t r, float *row, trit_convert_difference *d) {
    const packing *p = ctx;
    const ternary *x = p->x;
    float *back = row + x->n_cols;
    uint8_t *dst = p->dst + r * (p->out.n_bytes / x->n_rows);
    floats_of(x, r, row);
    if (takes_trits(p)) put_trits(p, r, back, dst);
    else if (p->to->pack) p->to->pack(row, x->n_cols, dst);
    p->to->unpack(&p->out, r, back);
    if (x->t->linear.adapted) compare_adapted(d, x->t, r, row, back);
    else trit_convert_compare(d, row, back, x->n_cols);
    return trit_ok;
}

/* *fits false: the shape does not fit the type. */
static trit_status pack(bool *fits, const ternary *x, trit_dtype dtype, uint8_t *dst, uint64_t n_bytes, float *scale, trit_convert_difference *d,
                        trit_error *err) {
    packing p = {.x = x, .to = trit_quant_format_of(dtype), .dst = dst};
    *scale = p.to->pack_trits ? scale_of(x) : 1;
    *fits = !p.to->pack_trits || p.to->pack_trits(x->trits, x->n_rows, x->n_cols, *scale, dst);
    if (!*fits) return trit_ok;
    p.out = trit_convert_view(x->t, dtype, dst, n_bytes, *scale);
    return trit_convert_rows(x->t->job, x->n_rows, pack_row, &p, 2 * x->n_cols, d, err);
}

bool trit_convert_can_hold(const trit_convert_job *job, trit_dtype dtype) {
    const trit_dtype_traits *traits = trit_dtype_info(dtype);
    if (!trit_quant_can_pack(trit_quant_format_of(dtype))) return false;
    if (!job->o->hugging_face) return traits->gguf_id >= 0;
    return *traits->safetensors || (dtype == trit_dtype_hf_ternary && job->m->config.act_int8); /* packed ones take int8 inputs */
}

/* Does the type hold the weights without an error? */
static trit_status holds(bool *yes, const ternary *x, trit_dtype dtype, trit_error *err) {
    uint64_t n_bytes;
    float scale;
    trit_convert_difference d = {0};
    *yes = false;
    if (!trit_convert_can_hold(x->t->job, dtype) || !trit_dtype_n_bytes(dtype, x->n_rows, x->n_cols, &n_bytes)) return trit_ok;
    uint8_t *bytes = trit_alloc(n_bytes, 1);
    if (!bytes) return trit_error_memory(err, n_bytes, "a tensor in another type");
    const trit_status status = pack(yes, x, dtype, bytes, n_bytes, &scale, &d, err);
    *yes = *yes && d.largest == 0;
    trit_free(bytes);
    return status;
}

/* Whole-tensor types first: I2_S is what published models have, HF_TERNARY what folders have. Floats are the last resort. */
static bool comes_in_round(const trit_quant_format *f, int round) {
    return round == 0 ? f->pack_trits != NULL : round == 1 ? f->trits && f->pack : trit_dtype_is_float(f->dtype) && f->pack;
}

static trit_status exact_type_of(trit_dtype *out, const ternary *x, trit_error *err) {
    *out = trit_dtype_f32;
    for (int round = 0; round < 3; round++)
        for (int d = 0; d < trit_n_dtypes; d++) {
            const trit_quant_format *f = trit_quant_format_of((trit_dtype)d);
            bool yes;
            if (!trit_quant_can_pack(f) || !comes_in_round(f, round) || d == trit_dtype_f32) continue;
            const trit_status status = holds(&yes, x, (trit_dtype)d, err);
            if (status != trit_ok) return status;
            if (!yes) continue;
            *out = (trit_dtype)d;
            return trit_ok;
        }
    return trit_ok;
}

/* Floats of the fewest bytes that hold those of the input; rows are looked at until one fails. */
static trit_status exact_float(trit_dtype *out, const trit_convert_tensor *t, trit_error *err) {
    static const trit_dtype narrow[] = {trit_dtype_bf16, trit_dtype_f16};
    const trit_quant_matrix *in = &t->linear.matrix;
    float *row = trit_alloc(in->n_cols, sizeof *row), *back = trit_alloc(in->n_cols, sizeof *back);
    uint8_t *bytes = trit_alloc(in->n_cols, 2);
    trit_status status = row && back && bytes ? trit_ok : trit_error_memory(err, in->n_cols * 10, "a row of weights");
    *out = trit_dtype_f32;
    for (size_t i = 0; i < 2 && *out == trit_dtype_f32 && status == trit_ok; i++) {
        const trit_quant_format *to = trit_quant_format_of(narrow[i]);
        const trit_quant_matrix view = {.dtype = narrow[i], .data = bytes, .n_bytes = in->n_cols * 2, .n_rows = 1, .n_cols = in->n_cols, .scale = 1};
        trit_convert_difference d = {0};
        for (uint64_t r = 0; r < in->n_rows && d.largest == 0; r++) {
            trit_linear_unpack(&t->linear, r, row);
            to->pack(row, in->n_cols, bytes);
            to->unpack(&view, 0, back);
            trit_convert_compare(&d, row, back, in->n_cols);
        }
        if (d.largest == 0) *out = narrow[i];
    }
    trit_free(row);
    trit_free(back);
    trit_free(bytes);
    return status;
}

trit_status trit_convert_exact_type(trit_dtype *out, const trit_convert_tensor *t, trit_error *err) {
    ternary x;
    if (t->role == trit_role_rows) return exact_float(out, t, err);
    trit_status status = ternary_init(&x, t, err);
    if (status != trit_ok) return status;
    status = exact_type_of(out, &x, err);
    ternary_fini(&x);
    return status;
}

static trit_status refuse(const ternary *x, const char *why, trit_error *err) {
    trit_dtype can;
    const trit_status status = exact_type_of(&can, x, err);
    if (status != trit_ok) return status;
    return trit_error_set(err, trit_unsupported, "tensor %.*s: %s cannot hold %s; %s can", TRIT_STR_ARG(x->t->in->name),
                          trit_dtype_info(x->t->dtype)->label, why, trit_dtype_info(can)->label);
}

static trit_status fill_ternary(trit_convert_tensor *t, uint8_t *dst, trit_convert_difference *d, trit_error *err) {
    ternary x;
    char why[96];
    bool fits;
    trit_status status = ternary_init(&x, t, err);
    if (status != trit_ok) return status;
    snprintf(why, sizeof why, "%" PRIu64 " rows of %" PRIu64 " columns", x.n_rows, x.n_cols);
    const bool is_ternary = trit_quant_format_of(t->dtype)->trits != NULL;
    status = pack(&fits, &x, t->dtype, dst, t->out.n_bytes, &t->job->scale, d, err);
    if (status == trit_ok && !fits) status = refuse(&x, why, err);
    else if (status == trit_ok && is_ternary && d->beyond && !t->job->o->force) status = refuse(&x, "its scales (with --force the nearest are taken)", err);
    ternary_fini(&x);
    return status == trit_ok ? trit_convert_advance(t->job, t->out.n_bytes, err) : status;
}

static void copy_rows(const trit_convert_tensor *t, uint8_t *dst, uint64_t n_bytes) {
    const uint64_t row_bytes = t->out.n_bytes / trit_convert_n_rows(t), first = t->made / row_bytes;
    for (uint64_t r = 0; r < n_bytes / row_bytes; r++)
        memcpy(dst + r * row_bytes, t->in->data + trit_convert_source_row(t, first + r) * row_bytes, (size_t)row_bytes);
}

static void store_floats(uint8_t *dst, const float *values, size_t n) {
    for (size_t i = 0; i < n; i++) trit_store_f32(dst + 4 * i, values[i]);
}

uint64_t trit_convert_piece(const trit_convert_tensor *t) {
    enum { wanted = 4 << 20 };
    if (t->role == trit_role_copy && !t->rows) return wanted;
    const bool by_rows = t->role == trit_role_copy || t->role == trit_role_rows || (t->role == trit_role_scheme && t->scheme.grain != trit_grain_tensor);
    if (!by_rows) return 0;
    const uint64_t row_bytes = t->out.n_bytes / trit_convert_n_rows(t);
    return row_bytes < wanted ? wanted / row_bytes * row_bytes : row_bytes;
}

trit_status trit_convert_fill(void *tensor, const trit_file_tensor *out, uint8_t *dst, trit_error *err) {
    trit_convert_tensor *t = tensor;
    const size_t n = (size_t)out->n_bytes;
    trit_convert_difference *d = &t->difference;
    trit_status status = trit_ok;
    d->detailed = (t->job->q && *t->key) || t->linear.adapted;
    d->importance = t->importance;
    switch (t->role) {
    case trit_role_copy: t->rows ? copy_rows(t, dst, n) : (void)memcpy(dst, t->in->data + t->made, n); break;
    case trit_role_values: store_floats(dst, t->values, n / sizeof *t->values); break;
    case trit_role_scale: store_floats(dst, &t->job->scale, 1); break;
    case trit_role_rows: status = fill_rows(t, dst, n, d, err); break;
    case trit_role_ternary: status = fill_ternary(t, dst, d, err); break;
    case trit_role_scheme: status = trit_convert_fill_scheme(t, dst, n, d, err); break;
    }
    t->made += n;
    if (t->role == trit_role_copy) status = trit_convert_advance(t->job, n, err);
    t->job->report.max_error = trit_convert_larger(t->job->report.max_error, d->largest);
    if (status == trit_ok && d->detailed && t->made == t->out.n_bytes) (t->job->q ? trit_convert_tell : trit_convert_tell_merged)(t->job, t, d);
    if (t->in && t->job->m->source.is_mapped) trit_os_map_drop(t->in->data, (size_t)t->in->n_bytes);
    return status;
}
