/* What a projection is: the one place that decides how its weights become a device's.
 *
 *   ternary bytes (I2_S, TQ, HF packed)             -> trits and scales
 *   floats of a model that was trained ternary      -> trits by absmean, or as they are where they are ternary already
 *   floats that are ternary by rows or groups       -> trits and scales, exactly (TriLM, BitCPM, unpacked Bonsai)
 *   all else                                        -> used as the file has them
 *
 * Adapters that belong to the weights are added before that is decided; to trits as floats, whose nearest trits they become then.
 *
 * Trits take int8 or float activations, by what the model was trained with (config.c) or its user asks. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "model/model.h"

/* The layout of TL1 and TL2. */
static trit_status find_tile(trit_quant_matrix *out, const trit_model *m, const trit_file_tensor *t, trit_error *err) {
    if (!trit_kernel_config_find(&m->kernels, t->dtype, out->n_rows, out->n_cols, &out->tile))
        return trit_error_set(err, trit_unsupported, "tensor %.*s: %s is laid out for one kernel, and nothing tells the sizes of that for [%llu, %llu]: a "
                              "kernel_config.ini is wanted", TRIT_STR_ARG(t->name), trit_dtype_info(t->dtype)->label,
                              (unsigned long long)out->n_rows, (unsigned long long)out->n_cols);
    if (trit_tl_fits(t->dtype, out->tile, out->n_rows, out->n_cols)) return trit_ok;
    return trit_error_set(err, trit_format, "tensor %.*s: the sizes %u, %u, %u of kernel_config.ini do not fit %s of [%llu, %llu]", TRIT_STR_ARG(t->name),
                          out->tile.rows, out->tile.cols, out->tile.lanes, trit_dtype_info(t->dtype)->label, (unsigned long long)out->n_rows,
                          (unsigned long long)out->n_cols);
}

trit_status trit_matrix_view(trit_quant_matrix *out, const trit_model *m, const trit_file_tensor *t, trit_error *err) {
    if (!trit_quant_format_of(t->dtype))
        return trit_error_set(err, trit_unsupported, "tensor %.*s: type %s is no type of weights", TRIT_STR_ARG(t->name),
                              trit_dtype_info(t->dtype)->label);
    *out = trit_quant_matrix_of(t);
    out->i2_s_block = m->i2_s_block;
    return t->dtype == trit_dtype_tl1 || t->dtype == trit_dtype_tl2 ? find_tile(out, m, t, err) : trit_ok;
}

trit_status trit_matrix_of(trit_quant_matrix *out, const trit_model *m, const trit_file_tensor *t, uint32_t n_rows, uint32_t n_cols, trit_error *err) {
    if (trit_file_tensor_n_rows(t) != n_rows || trit_file_tensor_n_cols(t) != n_cols)
        return trit_error_set(err, trit_format, "tensor %.*s: shape [%llu, %llu], but the model's is [%u, %u]", TRIT_STR_ARG(t->name),
                              (unsigned long long)trit_file_tensor_n_rows(t), (unsigned long long)trit_file_tensor_n_cols(t), n_rows, n_cols);
    return trit_matrix_view(out, m, t, err);
}

/* The single float of a scale tensor. */
static trit_status read_scalar(float *out, const trit_file_tensor *t, trit_error *err) {
    const trit_quant_format *format = trit_quant_format_of(t->dtype);
    if (!format || !trit_dtype_is_float(t->dtype) || trit_file_tensor_n_elements(t) != 1)
        return trit_error_set(err, trit_format, "tensor %.*s: a scale of one number was expected", TRIT_STR_ARG(t->name));
    trit_quant_matrix one = {.dtype = t->dtype, .data = t->data, .n_bytes = t->n_bytes, .n_rows = 1, .n_cols = 1, .scale = 1.0f};
    format->unpack(&one, 0, out);
    if (isfinite(*out)) return trit_ok;
    return trit_error_set(err, trit_numeric, "tensor %.*s: the scale is not finite", TRIT_STR_ARG(t->name));
}

/* A block whose scale is 0 holds zeros whatever its codes say: it takes the row's scale, so that equal scales can be joined. */
static void mend_zero_scales(int8_t *trits, float *scales, uint64_t n_cols, uint32_t group) {
    uint64_t n_groups = (n_cols + group - 1) / group;
    float usual = 0;
    for (uint64_t g = 0; g < n_groups && usual == 0; g++) usual = scales[g];
    for (uint64_t g = 0; g < n_groups; g++) {
        if (scales[g] != 0) continue;
        scales[g] = usual;
        uint64_t end = (g + 1) * group < n_cols ? (g + 1) * group : n_cols;
        memset(trits + g * group, 0, end - g * group);
    }
}

static trit_status row_of_trits(const void *ctx, uint64_t row, int8_t *trits, float *scales, float *scratch) {
    const trit_linear *r = ctx;
    (void)scratch;
    if (!r->format->trits(&r->matrix, row, trits, scales)) return trit_format;
    uint32_t group = r->format->scale_group;
    uint64_t n_groups = group ? (r->matrix.n_cols + group - 1) / group : 1;
    for (uint64_t g = 0; g < n_groups; g++) {
        scales[g] *= r->factor;
        if (!isfinite(scales[g])) return trit_numeric;
    }
    if (group) mend_zero_scales(trits, scales, r->matrix.n_cols, group);
    return trit_ok;
}

void trit_linear_unpack(const trit_linear *l, uint64_t row, float *dst) {
    trit_quant_format_of(l->matrix.dtype)->unpack(&l->matrix, row, dst);
    if (!l->adapted) return;
    for (uint64_t c = 0; c < l->matrix.n_cols; c++) dst[c] *= l->before;
    trit_lora_add(l->adapted, l->at, row, dst, l->matrix.n_cols);
}

static trit_status row_of_masters(const void *ctx, uint64_t row, int8_t *trits, float *scales, float *scratch) {
    const trit_linear *r = ctx;
    trit_linear_unpack(r, row, scratch);
    trit_absmean_trits(scratch, r->matrix.n_cols, r->absmean, trits);
    *scales = r->absmean * r->factor;
    return trit_ok;
}

/* Each group of a row, or the row, by an absmean of its own. */
static trit_status row_of_grouped_masters(const void *ctx, uint64_t row, int8_t *trits, float *scales, float *scratch) {
    const trit_linear *r = ctx;
    const uint64_t n_cols = r->matrix.n_cols, group = r->group ? r->group : n_cols;
    trit_linear_unpack(r, row, scratch);
    for (uint64_t at = 0; at < n_cols; at += group, scales++) {
        const uint64_t n = n_cols - at < group ? n_cols - at : group;
        const float g = trit_absmean(scratch + at, n);
        if (!isfinite(g)) return trit_numeric;
        trit_absmean_trits(scratch + at, n, g, trits + at);
        *scales = g * r->factor;
    }
    return trit_ok;
}

static trit_status row_of_floats(const void *ctx, uint64_t row, int8_t *trits, float *scales, float *scratch) {
    const trit_linear *r = ctx;
    trit_linear_unpack(r, row, scratch);
    if (!trit_ternary_row(scratch, r->matrix.n_cols, r->group, trits, scales)) return trit_format;
    uint64_t n_groups = r->group ? (r->matrix.n_cols + r->group - 1) / r->group : 1;
    for (uint64_t g = 0; g < n_groups; g++) scales[g] *= r->factor;
    return trit_ok;
}

/* ---- Trits that adapters changed ---- */

/* For the scale g that the trits had: the trits nearest to w[0..n), and their sums w t and t t, whose quotient is the scale that fits them
 * best. A group that had zeros alone takes its absmean. */
static void fit_trits(const float *w, uint64_t n, float g, int8_t *trits, double *product, double *square) {
    trit_absmean_trits(w, n, g == 0 ? trit_absmean(w, n) : fabsf(g), trits);
    *product = *square = 0;
    for (uint64_t i = 0; i < n; i++) {
        *product += (double)w[i] * trits[i];
        *square += trits[i] != 0;
    }
}

/* What shares a scale keeps sharing one: the tensor (`absmean`), a row, or a group of it. */
static trit_status row_of_adapted(const void *ctx, uint64_t row, int8_t *trits, float *scales, float *scratch) {
    const trit_linear *r = ctx;
    const uint64_t n = r->matrix.n_cols, group = r->group ? r->group : n;
    const trit_status status = row_of_trits(ctx, row, trits, scales, scratch);
    if (status != trit_ok) return status;
    trit_linear_unpack(r, row, scratch);
    for (uint64_t at = 0, g = 0; at < n; at += group, g++) {
        double product, square;
        fit_trits(scratch + at, n - at < group ? n - at : group, scales[g] * r->before, trits + at, &product, &square);
        scales[g] = r->format->one_scale ? r->absmean : square > 0 ? (float)(product / square) : 0;
        if (!isfinite(scales[g])) return trit_numeric;
    }
    return trit_ok;
}

/* ---- What floats are ---- */

enum { rows_at_once = 16 };

/* Rows of floats on their way through the team's threads. */
typedef struct search {
    const trit_linear *r;
    float *row;    /* [threads, n_cols] */
    float *scales; /* [threads, n_cols] */
    int8_t *trits; /* [threads, n_cols] */
    double *sums;  /* [n_rows]: of |w| */
    float *values; /* [n_rows]: the one |w| that is not 0; 0: there is none */
    atomic_bool fails; /* a row is not ternary */
} search;

static void search_fini(search *s) {
    trit_free(s->row);
    trit_free(s->scales);
    trit_free(s->trits);
    trit_free(s->sums);
    trit_free(s->values);
}

static trit_status search_init(search *s, const trit_linear *r, const trit_model *m, trit_error *err) {
    const uint64_t n_rows = r->matrix.n_rows, n = trit_team_size(m->team) * r->matrix.n_cols;
    *s = (search){.r = r, .row = trit_alloc(n, sizeof *s->row), .scales = trit_alloc(n, sizeof *s->scales), .trits = trit_alloc(n, 1),
                  .sums = trit_alloc(n_rows, sizeof *s->sums), .values = trit_alloc(n_rows, sizeof *s->values)};
    if (s->row && s->scales && s->trits && s->sums && s->values) return trit_ok;
    search_fini(s);
    return trit_error_memory(err, n * 9 + n_rows * 12, "rows of weights");
}

static void look_for_groups(void *arg, unsigned i, uint64_t first, uint64_t last) {
    search *s = arg;
    const trit_quant_matrix *m = &s->r->matrix;
    const uint64_t at = i * m->n_cols;
    for (uint64_t k = first; k < last && !atomic_load(&s->fails); k++) {
        trit_linear_unpack(s->r, k, s->row + at);
        if (!trit_ternary_row(s->row + at, m->n_cols, s->r->group, s->trits + at, s->scales + at)) atomic_store(&s->fails, true);
    }
}

/* Are the floats ternary already, each row or each group of a row with a scale of its own? Most that are not show it in the first
 * row. The widest group that fits is taken. */
static trit_status find_group(trit_linear *r, const trit_model *m, bool *found, trit_error *err) {
    static const uint32_t groups[] = {0, 256, 128, 64};
    search s;
    trit_status status = search_init(&s, r, m, err);
    *found = false;
    if (status != trit_ok) return status;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0] && !*found; i++) {
        r->group = groups[i];
        atomic_store(&s.fails, false);
        trit_team_share(m->team, r->matrix.n_rows, rows_at_once, look_for_groups, &s);
        *found = r->is_exact = !atomic_load(&s.fails);
    }
    search_fini(&s);
    return trit_ok;
}

static void look_for_absmean(void *arg, unsigned i, uint64_t first, uint64_t last) {
    search *s = arg;
    const trit_quant_matrix *m = &s->r->matrix;
    float *row = s->row + i * m->n_cols;
    for (uint64_t k = first; k < last; k++) {
        trit_linear_unpack(s->r, k, row);
        s->sums[k] = trit_abs_sum(row, m->n_cols);
        s->values[k] = 0;
        if (s->sums[k] == 0 || atomic_load(&s->fails)) continue;
        if (!trit_is_ternary(row, m->n_cols, &s->values[k])) atomic_store(&s->fails, true);
    }
}

/* The one value of all rows; 0: they have several, or are zeros. */
static float common_value(const search *s) {
    float value = 0;
    for (uint64_t k = 0; k < s->r->matrix.n_rows; k++) {
        if (value == 0) value = s->values[k];
        if (s->values[k] != 0 && s->values[k] != value) return 0;
    }
    return value;
}

/* The scale of float masters: the one value that ternary weights in floats have, or the absmean, whose sum is joined row by row. */
static trit_status find_absmean(trit_linear *r, const trit_model *m, const trit_file_tensor *t, trit_error *err) {
    const uint64_t n_rows = r->matrix.n_rows;
    search s;
    trit_status status = search_init(&s, r, m, err);
    if (status != trit_ok) return status;
    trit_team_share(m->team, n_rows, rows_at_once, look_for_absmean, &s);
    double sum = 0;
    for (uint64_t k = 0; k < n_rows; k++) sum += s.sums[k];
    const float value = atomic_load(&s.fails) ? 0 : common_value(&s);
    search_fini(&s);
    const double mean = sum / ((double)n_rows * (double)r->matrix.n_cols);
    if (!isfinite(mean)) return trit_error_set(err, trit_numeric, "tensor %.*s: holds a value that is not finite", TRIT_STR_ARG(t->name));
    r->is_exact = value != 0;
    r->absmean = value != 0 ? value : mean < 1e-5 ? 1e-5f : (float)mean;
    return trit_ok;
}

static void fit_rows(void *arg, unsigned i, uint64_t first, uint64_t last) {
    search *s = arg;
    const uint64_t n = s->r->matrix.n_cols, at = i * n;
    for (uint64_t k = first; k < last && !atomic_load(&s->fails); k++) {
        double count;
        if (row_of_trits(s->r, k, s->trits + at, s->scales + at, NULL) != trit_ok) atomic_store(&s->fails, true);
        trit_linear_unpack(s->r, k, s->row + at);
        fit_trits(s->row + at, n, s->scales[at] * s->r->before, s->trits + at, &s->sums[k], &count);
        s->values[k] = (float)count;
    }
}

/* The one scale that fits the trits of all rows best. Rows that hold no trits are found again, and told, by their reader. */
static trit_status find_common_scale(trit_linear *r, const trit_model *m, trit_error *err) {
    search s;
    double product = 0, count = 0;
    const trit_status status = search_init(&s, r, m, err);
    if (status != trit_ok) return status;
    trit_team_share(m->team, r->matrix.n_rows, rows_at_once, fit_rows, &s);
    for (uint64_t k = 0; k < r->matrix.n_rows; k++) {
        product += s.sums[k];
        count += (double)s.values[k];
    }
    r->absmean = atomic_load(&s.fails) || count == 0 ? 0 : (float)(product / count);
    search_fini(&s);
    return trit_ok;
}

/* Gives up the file's pages of a tensor that is used in another form now. */
static void drop_file_pages(const trit_model *m, const trit_file_tensor *t) {
    if (m->source.is_mapped) trit_os_map_drop(t->data, (size_t)t->n_bytes);
}

void trit_drop_pages(const trit_model *m, const char *gguf_name, const char *hf_name) {
    const trit_file_tensor *t = trit_source_find(&m->source, gguf_name, hf_name);
    if (t) drop_file_pages(m, t);
}

/* How rows become trits. */
static trit_status choose_rows(trit_linear *r, const trit_model *m, const trit_file_tensor *t, trit_error *err) {
    r->is_master = !r->format->trits && m->config.masters;
    r->row = r->format->trits ? row_of_trits : r->is_master ? row_of_masters : row_of_floats;
    if (r->format->trits) r->group = r->format->scale_group;
    if (r->format->trits && r->adapted) {
        r->row = row_of_adapted;
        return r->format->one_scale ? find_common_scale(r, m, err) : trit_ok;
    }
    if (!r->is_master) return trit_ok;
    if (!m->config.master_group) return find_absmean(r, m, t, err);
    r->row = row_of_grouped_masters;
    r->group = m->config.master_group == 1 ? 0 : m->config.master_group;
    return trit_ok;
}

static trit_status upload_ternary(trit_weight *out, trit_model *m, trit_linear *r, const trit_file_tensor *t, trit_error *err) {
    const trit_ternary_source source = {.n_rows = (uint32_t)r->matrix.n_rows, .n_cols = (uint32_t)r->matrix.n_cols, .group = r->group,
                                        .is_int8 = m->config.act_int8, .n_model = trit_model_count_linear(m), .row = r->row, .ctx = r};
    trit_status status = m->device->vt->upload_ternary(m->device, out, &source, err);
    drop_file_pages(m, t);
    return status == trit_ok ? trit_ok : trit_linear_bad_row(status, t, err);
}

/* A tensor as floats of our own, which are also looked at for values that are not finite. */
static trit_status upload_floats(trit_weight *out, const trit_device *d, const trit_linear *l, const trit_file_tensor *t, trit_error *err) {
    const uint64_t n_rows = l->matrix.n_rows, n_cols = l->matrix.n_cols;
    float *copy = trit_device_take(d, n_rows * n_cols, sizeof *copy, "weight");
    if (!copy) return trit_error_memory(err, n_rows * n_cols * sizeof *copy, "a weight");
    for (uint64_t r = 0; r < n_rows; r++) trit_linear_unpack(l, r, copy + r * n_cols);
    for (uint64_t i = 0; i < n_rows * n_cols; i++) {
        if (isfinite(copy[i])) continue;
        trit_pool_release(d->pool, copy, NULL);
        return trit_error_set(err, trit_numeric, "tensor %.*s: element %llu is not finite", TRIT_STR_ARG(t->name), (unsigned long long)i);
    }
    *out = (trit_weight){.dtype = trit_dtype_f32, .n_rows = (uint32_t)n_rows, .n_cols = (uint32_t)n_cols, .data = copy,
                         .stride = n_cols * sizeof *copy, .n_bytes = n_rows * n_cols * sizeof *copy, .factor = 1.0f, .owned = {copy, NULL, NULL}};
    return trit_ok;
}

/* Packed uint8 [ceil(n_rows / 4), n_cols] of a Hugging Face release, with its scale beside it. */
static trit_status packed_matrix(trit_quant_matrix *out, const trit_model *m, const trit_projection *p, float scale, trit_error *err) {
    const trit_file_tensor *t = p->weight;
    uint64_t packed_rows = ((uint64_t)p->n_rows + 3) / 4;
    if (trit_file_tensor_n_rows(t) != packed_rows || trit_file_tensor_n_cols(t) != p->n_cols)
        return trit_error_set(err, trit_format, "tensor %.*s: packed shape [%llu, %llu], but the model's is [%llu, %u]", TRIT_STR_ARG(t->name),
                              (unsigned long long)trit_file_tensor_n_rows(t), (unsigned long long)trit_file_tensor_n_cols(t),
                              (unsigned long long)packed_rows, p->n_cols);
    if (!p->scale)
        return trit_error_set(err, trit_format, "tensor %.*s: packed, but there is no %.*s_scale beside it", TRIT_STR_ARG(t->name), TRIT_STR_ARG(t->name));
    if (m->config.scale_sense == trit_scale_divide) {
        if (scale == 0) return trit_error_set(err, trit_numeric, "tensor %.*s: the scale is 0", TRIT_STR_ARG(p->scale->name));
        scale = 1.0f / scale;
    }
    *out = (trit_quant_matrix){.dtype = trit_dtype_hf_ternary, .data = t->data, .n_bytes = t->n_bytes, .n_rows = p->n_rows,
                               .n_cols = p->n_cols, .scale = scale};
    return trit_ok;
}

static trit_status bind_bias(trit_weight *out, trit_model *m, const trit_projection *p, trit_error *err) {
    trit_weight bias;
    trit_status status = trit_plain_bind(&bias, m, p->bias, 1, p->n_rows, true, err);
    if (status != trit_ok) return status;
    out->bias = bias.data;
    out->owned[2] = bias.owned[0];
    return trit_ok;
}

trit_status trit_linear_settle(trit_linear *r, const trit_model *m, const trit_projection *p, trit_error *err) {
    float scale = 1.0f;
    *r = (trit_linear){.factor = 1.0f};
    trit_status status = p->scale ? read_scalar(&scale, p->scale, err) : trit_ok;
    if (status != trit_ok) return status;
    if (p->weight->dtype == trit_dtype_u8) {
        status = packed_matrix(&r->matrix, m, p, scale, err);
    } else {
        status = trit_matrix_of(&r->matrix, m, p->weight, p->n_rows, p->n_cols, err);
        r->factor = scale;
    }
    if (status != trit_ok) return status;
    if (trit_lora_changes(m, p->at)) {
        r->adapted = m;
        r->at = p->at;
        r->before = r->factor;
        r->factor = 1;
    }
    r->format = trit_quant_format_of(r->matrix.dtype);
    bool ternary = r->format->trits != NULL;
    if (trit_dtype_is_float(r->matrix.dtype)) {
        ternary = m->config.masters;
        if (!ternary) status = find_group(r, m, &ternary, err);
    }
    return status == trit_ok && ternary ? choose_rows(r, m, p->weight, err) : status;
}

trit_status trit_linear_bad_row(trit_status status, const trit_file_tensor *t, trit_error *err) {
    if (status == trit_format) return trit_error_set(err, status, "tensor %.*s: a code that is no trit", TRIT_STR_ARG(t->name));
    if (status == trit_numeric) return trit_error_set(err, status, "tensor %.*s: a scale is not finite", TRIT_STR_ARG(t->name));
    return status;
}

bool trit_linear_is_float(const trit_linear *r, const trit_model *m, trit_status of_rows) {
    return !r->row || (of_rows == trit_format && !m->config.act_int8 && r->format->four_levels);
}

trit_status trit_linear_bind(trit_weight *out, trit_model *m, const trit_projection *p, trit_error *err) {
    trit_linear r;
    trit_status status = trit_linear_settle(&r, m, p, err);
    if (status != trit_ok) return status;
    if (r.row) status = upload_ternary(out, m, &r, p->weight, err);
    if (trit_linear_is_float(&r, m, status)) {
        r.matrix.scale *= r.factor;
        status = r.adapted ? upload_floats(out, m->device, &r, p->weight, err) : m->device->vt->upload(m->device, out, &r.matrix, err);
    }
    if (status == trit_ok && p->bias) {
        status = bind_bias(out, m, p, err);
        if (status != trit_ok) m->device->vt->weight_free(m->device, out);
    }
    return status;
}

trit_status trit_plain_bind(trit_weight *out, trit_model *m, const trit_file_tensor *t, uint32_t n_rows, uint32_t n_cols, bool as_f32, trit_error *err) {
    trit_quant_matrix matrix;
    trit_status status = trit_matrix_of(&matrix, m, t, n_rows, n_cols, err);
    if (status != trit_ok) return status;
    /* A small table in blocks is widened once instead of at every step: the same values, and so the same bits. */
    enum { small_bytes = 8 << 20 };
    bool in_blocks = !trit_dtype_is_float(matrix.dtype);
    bool is_small = (uint64_t)n_rows * n_cols <= small_bytes / sizeof(float);
    if (as_f32 || (in_blocks && is_small) || matrix.tile.rows) return upload_floats(out, m->device, &(trit_linear){.matrix = matrix}, t, err);
    return m->device->vt->upload(m->device, out, &matrix, err);
}
