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
    if (!(relative <= d->largest)) d->largest = relative;
}

uint64_t trit_convert_source_row(const trit_convert_tensor *t, uint64_t row) {
    const uint64_t d = t->job->m->config.head_dim, half = d / 2;
    if (t->heads == trit_heads_stay) return row;
    const uint64_t first = row - row % d, i = row % d;
    if (t->heads == trit_heads_to_neighbours) return first + i / 2 + (i % 2 ? half : 0);
    return first + (i < half ? 2 * i : 2 * (i - half) + 1);
}

trit_status trit_convert_advance(trit_convert_job *job, uint64_t n_bytes, trit_error *err) {
    job->bytes_done += n_bytes;
    const trit_convert_opts *o = job->o;
    if (!o->progress || o->progress(o->user, job->bytes_done, job->report.bytes_out)) return trit_ok;
    return trit_error_set(err, trit_cancelled, "interrupted while converting");
}

/* The packed bytes as a matrix again. */
trit_quant_matrix trit_convert_view(const trit_convert_tensor *t, trit_dtype dtype, const uint8_t *bytes, uint64_t n_bytes, float scale) {
    return (trit_quant_matrix){.dtype = dtype, .data = bytes, .n_bytes = n_bytes, .n_rows = t->linear.matrix.n_rows,
                               .n_cols = t->linear.matrix.n_cols, .scale = dtype == trit_dtype_hf_ternary ? scale : 1};
}

/* ---- Rows of floats ---- */

/* What a norm less one misses is added when a model is opened, so that the weight compared is the one with it. */
static trit_status fill_rows(trit_convert_tensor *t, uint8_t *dst, uint64_t n_bytes, trit_convert_difference *d, trit_error *err) {
    const trit_quant_matrix *in = &t->linear.matrix;
    const trit_quant_format *from = trit_quant_format_of(in->dtype), *to = trit_quant_format_of(t->dtype);
    const uint64_t n = in->n_cols, row_bytes = t->out.n_bytes / in->n_rows, first = t->made / row_bytes;
    const trit_quant_matrix out = trit_convert_view(t, t->dtype, dst, n_bytes, 1);
    const float more = t->add > 0 ? t->add : 0, less = t->add < 0 ? -t->add : 0;
    float *row = trit_alloc(n, sizeof *row), *back = trit_alloc(n, sizeof *back);
    trit_status status = row && back ? trit_ok : trit_error_memory(err, n * 2 * sizeof *row, "a row of weights");
    for (uint64_t r = 0; r < n_bytes / row_bytes && status == trit_ok; r++) {
        from->unpack(in, trit_convert_source_row(t, first + r), row);
        for (uint64_t c = 0; c < n; c++) back[c] = row[c] = row[c] * t->linear.factor + more;
        for (uint64_t c = 0; c < n; c++) back[c] -= less;
        if (t->importance && to->pack_by) to->pack_by(back, t->importance, n, dst + r * row_bytes);
        else to->pack(back, n, dst + r * row_bytes);
        to->unpack(&out, r, back);
        for (uint64_t c = 0; c < n; c++) back[c] += less;
        trit_convert_compare(d, row, back, n);
        status = trit_convert_advance(t->job, row_bytes, err);
    }
    trit_free(row);
    trit_free(back);
    return status;
}

/* ---- Ternary ---- */

typedef struct ternary {
    int8_t *trits; /* [n_rows, n_cols] */
    float *scales; /* [n_rows, n_groups] */
    float *row, *back; /* [n_cols], scratch */
    uint64_t n_rows, n_cols, n_groups, group;
} ternary;

static void ternary_fini(ternary *x) {
    trit_free(x->trits);
    trit_free(x->scales);
    trit_free(x->row);
    trit_free(x->back);
}

static trit_status ternary_init(ternary *x, const trit_convert_tensor *t, trit_error *err) {
    const trit_linear *l = &t->linear;
    *x = (ternary){.n_rows = l->matrix.n_rows, .n_cols = l->matrix.n_cols, .n_groups = 1, .group = l->group ? l->group : l->matrix.n_cols};
    x->n_groups = (x->n_cols + x->group - 1) / x->group;
    x->trits = trit_alloc(x->n_rows * x->n_cols, 1);
    x->scales = trit_alloc(x->n_rows * x->n_groups, sizeof *x->scales);
    x->row = trit_alloc(x->n_cols, sizeof *x->row);
    x->back = trit_alloc(x->n_cols, sizeof *x->back);
    trit_status status = x->trits && x->scales && x->row && x->back ? trit_ok : trit_error_memory(err, x->n_rows * x->n_cols, "a ternary tensor");
    for (uint64_t r = 0; r < x->n_rows && status == trit_ok; r++) {
        status = l->row(l, trit_convert_source_row(t, r), x->trits + r * x->n_cols, x->scales + r * x->n_groups, x->row);
        if (status != trit_ok) status = trit_linear_bad_row(status, t->in, err);
    }
    if (status != trit_ok) ternary_fini(x);
    return status;
}

static const float *floats_of(const ternary *x, uint64_t r) {
    const int8_t *trits = x->trits + r * x->n_cols;
    for (uint64_t g = 0, c = 0; g < x->n_groups; g++) {
        const float scale = x->scales[r * x->n_groups + g];
        const uint64_t end = c + x->group < x->n_cols ? c + x->group : x->n_cols;
        for (; c < end; c++) x->row[c] = (float)trits[c] * scale;
    }
    return x->row;
}

/* The one scale of the tensor, or where there are several the one that is nearest to all: the mean over the weights that it
 * multiplies. Groups of zeros have no say. */
static float scale_of(const ternary *x) {
    double sum = 0, count = 0;
    float first = 0;
    bool equal = true;
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

/* False: the shape does not fit the type. */
static bool pack(const ternary *x, const trit_convert_tensor *t, trit_dtype dtype, uint8_t *dst, uint64_t n_bytes, float *scale, trit_convert_difference *d) {
    const trit_quant_format *to = trit_quant_format_of(dtype);
    *scale = to->pack_trits ? scale_of(x) : 1;
    if (to->pack_trits && !to->pack_trits(x->trits, x->n_rows, x->n_cols, *scale, dst)) return false;
    const trit_quant_matrix out = trit_convert_view(t, dtype, dst, n_bytes, *scale);
    for (uint64_t r = 0; r < x->n_rows; r++) {
        const float *row = floats_of(x, r);
        if (to->pack) to->pack(row, x->n_cols, dst + r * (n_bytes / x->n_rows));
        to->unpack(&out, r, x->back);
        trit_convert_compare(d, row, x->back, x->n_cols);
    }
    return true;
}

bool trit_convert_can_hold(const trit_convert_job *job, trit_dtype dtype) {
    const trit_dtype_traits *traits = trit_dtype_info(dtype);
    if (!trit_quant_can_pack(trit_quant_format_of(dtype))) return false;
    if (!job->o->hugging_face) return traits->gguf_id >= 0;
    return *traits->safetensors || (dtype == trit_dtype_hf_ternary && job->m->config.act_int8); /* packed ones take int8 inputs */
}

/* Does the type hold the weights without an error? */
static trit_status holds(bool *yes, const ternary *x, const trit_convert_tensor *t, trit_dtype dtype, trit_error *err) {
    uint64_t n_bytes;
    float scale;
    trit_convert_difference d = {0};
    *yes = false;
    if (!trit_convert_can_hold(t->job, dtype) || !trit_dtype_n_bytes(dtype, x->n_rows, x->n_cols, &n_bytes)) return trit_ok;
    uint8_t *bytes = trit_alloc(n_bytes, 1);
    if (!bytes) return trit_error_memory(err, n_bytes, "a tensor in another type");
    *yes = pack(x, t, dtype, bytes, n_bytes, &scale, &d) && d.largest == 0;
    trit_free(bytes);
    return trit_ok;
}

/* Whole-tensor types first: I2_S is what published models have, HF_TERNARY what folders have. Floats are the last resort. */
static bool comes_in_round(const trit_quant_format *f, int round) {
    return round == 0 ? f->pack_trits != NULL : round == 1 ? f->trits && f->pack : trit_dtype_is_float(f->dtype) && f->pack;
}

static trit_status exact_type_of(trit_dtype *out, const ternary *x, const trit_convert_tensor *t, trit_error *err) {
    *out = trit_dtype_f32;
    for (int round = 0; round < 3; round++)
        for (int d = 0; d < trit_n_dtypes; d++) {
            const trit_quant_format *f = trit_quant_format_of((trit_dtype)d);
            bool yes;
            if (!trit_quant_can_pack(f) || !comes_in_round(f, round) || d == trit_dtype_f32) continue;
            const trit_status status = holds(&yes, x, t, (trit_dtype)d, err);
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
    const trit_quant_format *from = trit_quant_format_of(in->dtype);
    float *row = trit_alloc(in->n_cols, sizeof *row), *back = trit_alloc(in->n_cols, sizeof *back);
    uint8_t *bytes = trit_alloc(in->n_cols, 2);
    trit_status status = row && back && bytes ? trit_ok : trit_error_memory(err, in->n_cols * 10, "a row of weights");
    *out = trit_dtype_f32;
    for (size_t i = 0; i < 2 && *out == trit_dtype_f32 && status == trit_ok; i++) {
        const trit_quant_format *to = trit_quant_format_of(narrow[i]);
        const trit_quant_matrix view = {.dtype = narrow[i], .data = bytes, .n_bytes = in->n_cols * 2, .n_rows = 1, .n_cols = in->n_cols, .scale = 1};
        trit_convert_difference d = {0};
        for (uint64_t r = 0; r < in->n_rows && d.largest == 0; r++) {
            from->unpack(in, r, row);
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
    status = exact_type_of(out, &x, t, err);
    ternary_fini(&x);
    return status;
}

static trit_status refuse(const ternary *x, const trit_convert_tensor *t, const char *why, trit_error *err) {
    trit_dtype can;
    const trit_status status = exact_type_of(&can, x, t, err);
    if (status != trit_ok) return status;
    return trit_error_set(err, trit_unsupported, "tensor %.*s: %s cannot hold %s; %s can", TRIT_STR_ARG(t->in->name),
                          trit_dtype_info(t->dtype)->label, why, trit_dtype_info(can)->label);
}

static trit_status fill_ternary(trit_convert_tensor *t, uint8_t *dst, trit_convert_difference *d, trit_error *err) {
    ternary x;
    char why[96];
    trit_status status = ternary_init(&x, t, err);
    if (status != trit_ok) return status;
    snprintf(why, sizeof why, "%" PRIu64 " rows of %" PRIu64 " columns", x.n_rows, x.n_cols);
    const bool is_ternary = trit_quant_format_of(t->dtype)->trits != NULL;
    if (!pack(&x, t, t->dtype, dst, t->out.n_bytes, &t->job->scale, d)) status = refuse(&x, t, why, err);
    else if (is_ternary && d->beyond && !t->job->o->force) status = refuse(&x, t, "its scales (with --force the nearest are taken)", err);
    ternary_fini(&x);
    return status == trit_ok ? trit_convert_advance(t->job, t->out.n_bytes, err) : status;
}

static void store_floats(uint8_t *dst, const float *values, size_t n) {
    for (size_t i = 0; i < n; i++) trit_store_f32(dst + 4 * i, values[i]);
}

uint64_t trit_convert_piece(const trit_convert_tensor *t) {
    enum { wanted = 4 << 20 };
    if (t->role == trit_role_copy) return wanted;
    if (t->role != trit_role_rows) return 0;
    const uint64_t row_bytes = t->out.n_bytes / t->linear.matrix.n_rows;
    return row_bytes < wanted ? wanted / row_bytes * row_bytes : row_bytes;
}

trit_status trit_convert_fill(void *tensor, const trit_file_tensor *out, uint8_t *dst, trit_error *err) {
    trit_convert_tensor *t = tensor;
    const size_t n = (size_t)out->n_bytes;
    trit_convert_difference *d = &t->difference;
    trit_status status = trit_ok;
    d->detailed = t->job->q && *t->key;
    d->importance = t->importance;
    switch (t->role) {
    case trit_role_copy: memcpy(dst, t->in->data + t->made, n); break;
    case trit_role_values: store_floats(dst, t->values, n / sizeof *t->values); break;
    case trit_role_scale: store_floats(dst, &t->job->scale, 1); break;
    case trit_role_rows: status = fill_rows(t, dst, n, d, err); break;
    case trit_role_ternary: status = fill_ternary(t, dst, d, err); break;
    case trit_role_scheme: status = trit_convert_fill_scheme(t, dst, d, err); break;
    }
    t->made += n;
    if (t->role == trit_role_copy) status = trit_convert_advance(t->job, n, err);
    if (!(d->largest <= t->job->report.max_error)) t->job->report.max_error = d->largest;
    if (status == trit_ok && d->detailed && t->made == t->out.n_bytes) trit_convert_tell(t->job, t, d);
    if (t->in && t->job->m->source.is_mapped) trit_os_map_drop(t->in->data, (size_t)t->in->n_bytes);
    return status;
}
