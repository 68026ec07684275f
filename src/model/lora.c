/* See lora.h. An adapter's file is hostile like any other: every tensor must have its place in the model, with the shape that the place has, and
 * both matrices of a pair must be there. */
#include "model/lora.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/model.h"

/* ---- Names ---- */

static bool take(trit_str *s, const char *word) {
    const size_t n = strlen(word);
    if (s->n < n || memcmp(s->p, word, n) != 0) return false;
    *s = (trit_str){s->p + n, s->n - n};
    return true;
}

static bool drop_end(trit_str *s, const char *word) {
    const size_t n = strlen(word);
    if (s->n < n || memcmp(s->p + s->n - n, word, n) != 0) return false;
    s->n -= n;
    return true;
}

/* "12." */
static bool take_layer(trit_str *s, uint32_t *layer) {
    size_t i = 0;
    for (*layer = 0; i < s->n && i < 6 && s->p[i] >= '0' && s->p[i] <= '9'; i++) *layer = *layer * 10 + (uint32_t)(s->p[i] - '0');
    *s = (trit_str){s->p + i, s->n - i};
    return i > 0 && take(s, ".");
}

typedef struct place {
    uint32_t layer;
    size_t layer_tensor;
    int which;       /* trit_lora_a or trit_lora_b */
    trit_str module; /* of PEFT: "model.layers.0.self_attn.q_proj" */
} place;

/* Reads a tensor's name: "blk.0.attn_q.weight.lora_a" or "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight". */
static bool find_place(place *out, const trit_lora *l, const trit_model *m, trit_str name) {
    const bool is_gguf = l->gguf != NULL;
    trit_str s = name;
    out->which = drop_end(&s, is_gguf ? ".weight.lora_a" : ".lora_A.weight") ? trit_lora_a : trit_lora_b;
    if (out->which == trit_lora_b && !drop_end(&s, is_gguf ? ".weight.lora_b" : ".lora_B.weight")) return false;
    if (!take(&s, is_gguf ? "blk." : "base_model.model.")) return false;
    out->module = s;
    if (!is_gguf) {
        (void)take(&s, "model."); /* not there where the base is a model without a head */
        if (!take(&s, "layers.")) return false;
    }
    if (!take_layer(&s, &out->layer) || out->layer >= m->config.n_layers) return false;
    for (size_t i = 0; i < trit_n_layer_tensors; i++) {
        trit_projection p;
        const trit_str own = is_gguf ? trit_str_from(trit_layer_name(i)) : trit_layer_hf_name(m->config.arch, i);
        if (!trit_layer_shape_of(&m->config, i).is_linear || !trit_str_equal(s, own)) continue;
        out->layer_tensor = i;
        return m->source.synthetic ? m->config.arch->required >> i & 1u : trit_layer_projection(&p, m, out->layer, i);
    }
    return false;
}

/* ---- Tensors ---- */

static size_t n_tensors(const trit_lora *l) {
    return (size_t)(l->gguf ? trit_gguf_n_tensors(l->gguf) : trit_safetensors_n_tensors(l->safetensors));
}

static const trit_file_tensor *tensor_at(const trit_lora *l, size_t i) {
    return l->gguf ? trit_gguf_tensor_at(l->gguf, i) : trit_safetensors_tensor_at(l->safetensors, i);
}

/* A [rank, n_cols], B [n_rows, rank]: the side that the model knows, and a rank that can be one. */
static trit_status check_shape(const trit_file_tensor *t, const trit_layer_shape *shape, int which, trit_error *err) {
    const trit_quant_format *format = trit_quant_format_of(t->dtype);
    const uint64_t rank = t->shape[which == trit_lora_a ? 0 : 1], side = t->shape[which == trit_lora_a ? 1 : 0];
    const uint32_t want = which == trit_lora_a ? shape->n_cols : shape->n_rows;
    if (!format || !format->pack)
        return trit_error_set(err, trit_unsupported, "tensor %.*s: type %s is none of adapters", TRIT_STR_ARG(t->name), trit_dtype_info(t->dtype)->label);
    if (t->n_dims != 2 || side != want)
        return trit_error_set(err, trit_format, "tensor %.*s: shape [%llu, %llu], but the model's projection is [%u, %u]", TRIT_STR_ARG(t->name),
                              (unsigned long long)(t->n_dims == 2 ? t->shape[0] : trit_file_tensor_n_elements(t)),
                              (unsigned long long)(t->n_dims == 2 ? t->shape[1] : 1), shape->n_rows, shape->n_cols);
    if (rank < 1 || rank > trit_max_lora_rank)
        return trit_error_set(err, trit_format, "tensor %.*s: rank %llu is not between 1 and %d", TRIT_STR_ARG(t->name), (unsigned long long)rank,
                              trit_max_lora_rank);
    return trit_ok;
}

/* alpha / rank. GGUF has one alpha for all; without it, or if it is 0, the product is not scaled. */
static double gguf_scaling(const trit_lora *l, uint32_t rank) {
    double alpha = 0;
    (void)trit_gguf_real(trit_gguf_find(l->gguf, "adapter.lora.alpha"), 0, &alpha);
    return alpha == 0 ? 1 : alpha / rank;
}

static trit_status check_pair(trit_lora *l, trit_lora_pair *pair, trit_str module, trit_error *err) {
    const trit_file_tensor *a = pair->tensor[trit_lora_a], *b = pair->tensor[trit_lora_b];
    const uint32_t rank = (uint32_t)a->shape[0];
    if (b->shape[1] != rank)
        return trit_error_set(err, trit_format, "tensor %.*s: rank %llu, but its other half has %u", TRIT_STR_ARG(b->name),
                              (unsigned long long)b->shape[1], rank);
    if (l->safetensors && trit_peft_rank(&l->config, module) != rank)
        return trit_error_set(err, trit_format, "tensor %.*s: rank %u, but adapter_config.json says %u", TRIT_STR_ARG(a->name), rank,
                              trit_peft_rank(&l->config, module));
    pair->scaling = l->gguf ? gguf_scaling(l, rank) : trit_peft_scaling(&l->config, module);
    pair->factor = (float)(l->scale * pair->scaling);
    l->n_pairs++;
    if (isfinite(pair->factor)) return trit_ok;
    return trit_error_set(err, trit_numeric, "%.200s: a scale of %g is beyond all floats", l->path, l->scale * pair->scaling);
}

static trit_status take_tensor(trit_lora *l, const trit_model *m, const trit_file_tensor *t, trit_error *err) {
    place at = {0};
    if (!find_place(&at, l, m, t->name))
        return trit_error_set(err, trit_unsupported, "tensor %.*s: belongs to no projection of the model's layers; nothing else can be adapted",
                              TRIT_STR_ARG(t->name));
    const trit_layer_shape shape = trit_layer_shape_of(&m->config, at.layer_tensor);
    trit_lora_pair *pair = &l->pair[at.layer * trit_n_layer_tensors + at.layer_tensor];
    if (pair->tensor[at.which]) return trit_error_set(err, trit_format, "tensor %.*s: there is another one for the same place", TRIT_STR_ARG(t->name));
    pair->tensor[at.which] = t;
    const trit_status status = check_shape(t, &shape, at.which, err);
    return status == trit_ok && pair->tensor[!at.which] ? check_pair(l, pair, at.module, err) : status;
}

static trit_status check_row(const trit_lora_pair *pair, int which, const float *row, uint64_t r, trit_error *err) {
    const uint64_t n_cols = pair->matrix[which].n_cols;
    for (uint64_t c = 0; c < n_cols; c++)
        if (!isfinite(row[c]))
            return trit_error_set(err, trit_numeric, "tensor %.*s: element [%llu, %llu] is not finite", TRIT_STR_ARG(pair->tensor[which]->name),
                                  (unsigned long long)r, (unsigned long long)c);
    return trit_ok;
}

/* Floats that stay in the file. */
static trit_status check_floats(const trit_lora_pair *pair, int which, trit_error *err) {
    const trit_quant_matrix *matrix = &pair->matrix[which];
    float *row = trit_alloc(matrix->n_cols, sizeof *row);
    trit_status status = row ? trit_ok : trit_error_memory(err, matrix->n_cols * sizeof *row, "an adapter");
    for (uint64_t r = 0; r < matrix->n_rows && status == trit_ok; r++) {
        trit_quant_format_of(matrix->dtype)->unpack(matrix, r, row);
        status = check_row(pair, which, row, r, err);
    }
    trit_free(row);
    return status;
}

/* The tensor as floats of our own, its rows moved as `heads` says. */
static trit_status own_floats(trit_lora_pair *pair, int which, trit_heads heads, uint32_t head_dim, trit_error *err) {
    trit_quant_matrix *matrix = &pair->matrix[which];
    const trit_quant_format *format = trit_quant_format_of(matrix->dtype);
    const uint64_t n_cols = matrix->n_cols;
    float *own = trit_alloc(matrix->n_rows * n_cols, sizeof *own);
    if (!own) return trit_error_memory(err, matrix->n_rows * n_cols * sizeof *own, "an adapter");
    pair->own[which] = own;
    for (uint64_t r = 0; r < matrix->n_rows; r++) {
        const uint64_t from = trit_heads_row(heads, head_dim, r);
        format->unpack(matrix, from, own + r * n_cols);
        const trit_status status = check_row(pair, which, own + r * n_cols, from, err);
        if (status != trit_ok) return status;
    }
    *matrix = (trit_quant_matrix){.dtype = trit_dtype_f32, .data = (const uint8_t *)own, .n_bytes = matrix->n_rows * n_cols * sizeof *own,
                                  .n_rows = matrix->n_rows, .n_cols = n_cols, .scale = 1};
    return trit_ok;
}

/* The file's bytes serve as they are where they are floats in the right order for products. */
static trit_status settle_pair(trit_lora_pair *pair, trit_heads heads, uint32_t head_dim, bool to_weights, trit_error *err) {
    trit_status status = trit_ok;
    for (int i = 0; i < 2 && status == trit_ok; i++) {
        const trit_heads moved = i == trit_lora_b ? heads : trit_heads_stay;
        pair->matrix[i] = trit_quant_matrix_of(pair->tensor[i]);
        if (to_weights || moved != trit_heads_stay || !trit_dtype_is_float(pair->tensor[i]->dtype))
            status = own_floats(pair, i, moved, head_dim, err);
        else
            status = check_floats(pair, i, err);
    }
    return status;
}

static trit_heads heads_of(const trit_lora *l, const trit_model *m, size_t layer_tensor) {
    return trit_heads_between(layer_tensor, l->gguf && !m->config.arch->gguf_rope_neox, !m->config.rope_neox);
}

static trit_status take_tensors(trit_lora *l, const trit_model *m, trit_error *err) {
    const size_t n_places = (size_t)m->config.n_layers * trit_n_layer_tensors;
    trit_status status = trit_ok;
    l->pair = trit_alloc_zero(n_places, sizeof *l->pair);
    if (!l->pair) return trit_error_memory(err, n_places * sizeof *l->pair, "an adapter");
    for (size_t i = 0; i < n_tensors(l) && status == trit_ok; i++) status = take_tensor(l, m, tensor_at(l, i), err);
    for (size_t i = 0; i < n_places && status == trit_ok; i++) {
        trit_lora_pair *pair = &l->pair[i];
        const trit_file_tensor *one = pair->tensor[trit_lora_a] ? pair->tensor[trit_lora_a] : pair->tensor[trit_lora_b];
        if (!one) continue;
        if (!pair->tensor[trit_lora_a] || !pair->tensor[trit_lora_b])
            return trit_error_set(err, trit_format, "tensor %.*s: its other half is missing", TRIT_STR_ARG(one->name));
        status = settle_pair(pair, heads_of(l, m, i % trit_n_layer_tensors), m->config.head_dim, l->to_weights, err);
    }
    if (status == trit_ok && !l->n_pairs) return trit_error_set(err, trit_format, "%.200s: there is no adapter in it", l->path);
    return status;
}

/* ---- Files ---- */

static trit_str key_text(const trit_gguf *g, const char *key) {
    trit_str s = {0};
    (void)trit_gguf_str(trit_gguf_find(g, key), &s);
    return s;
}

static trit_status check_gguf(const trit_lora *l, const trit_model *m, trit_error *err) {
    const trit_str type = key_text(l->gguf, "general.type"), kind = key_text(l->gguf, "adapter.type"), arch = key_text(l->gguf, "general.architecture");
    const trit_gguf_kv *key = trit_gguf_find(l->gguf, "adapter.lora.alpha");
    double alpha;
    char name[64];
    if (!trit_str_is(type, "adapter")) return trit_error_set(err, trit_format, "%.200s: general.type \"%.*s\" is no adapter", l->path, TRIT_STR_ARG(type));
    if (!trit_str_is(kind, "lora") || trit_gguf_find(l->gguf, "adapter.alora.invocation_tokens"))
        return trit_error_set(err, trit_unsupported, "%.200s: adapter.type \"%.*s\": only plain \"lora\" is supported", l->path, TRIT_STR_ARG(kind));
    snprintf(name, sizeof name, "%.*s", TRIT_STR_ARG(arch));
    if (trit_arch_for_gguf(name) != m->config.arch)
        return trit_error_set(err, trit_unsupported, "%.200s: is an adapter of architecture \"%s\", but the model is \"%s\"", l->path, name,
                              m->config.arch->name);
    if (!key || (trit_gguf_real(key, 0, &alpha) && fabs(alpha) <= 1e9)) return trit_ok;
    return trit_error_set(err, trit_format, "%.200s: adapter.lora.alpha is no number", l->path);
}

static trit_status open_gguf(trit_lora *l, const trit_model *m, trit_error *err) {
    trit_status status = trit_gguf_open(&l->gguf, l->path, err);
    if (status == trit_ok) status = check_gguf(l, m, err);
    if (status != trit_ok) return status;
    (void)trit_gguf_bool_value(trit_gguf_find(l->gguf, "adapter.lora." TRIT_PEFT_INSIDE), &l->is_inside);
    snprintf(l->format, sizeof l->format, "GGUF v%u", trit_gguf_version(l->gguf));
    return trit_ok;
}

static trit_status open_peft(trit_lora *l, trit_error *err) {
    trit_text path = {0};
    trit_status status = trit_peft_config_open(&l->config, l->path, err);
    if (status == trit_ok) status = trit_peft_path(&path, l->path, TRIT_PEFT_WEIGHTS, err);
    if (status == trit_ok) status = trit_safetensors_open(&l->safetensors, path.data, err);
    trit_text_fini(&path);
    l->is_inside = l->config.is_inside;
    snprintf(l->format, sizeof l->format, "PEFT");
    return status;
}

trit_status trit_lora_open(trit_lora *out, const trit_model *m, const trit_lora_opts *o, bool to_weights, trit_error *err) {
    trit_lora l = {.path = trit_strndup(o->path, strlen(o->path)), .scale = o->scale == 0 ? 1 : o->scale};
    if (!l.path) return trit_error_memory(err, strlen(o->path), "an adapter's path");
    trit_status status = trit_os_is_dir(o->path) ? open_peft(&l, err) : open_gguf(&l, m, err);
    l.to_weights = l.is_inside || to_weights;
    if (status == trit_ok) status = take_tensors(&l, m, err);
    if (status == trit_ok) *out = l;
    else trit_lora_close(&l, m);
    return status;
}

void trit_lora_close(trit_lora *l, const trit_model *m) {
    const size_t n = l->pair ? (size_t)m->config.n_layers * trit_n_layer_tensors : 0;
    for (size_t i = 0; i < n; i++)
        for (int which = 0; which < 2; which++) {
            if (m->device) m->device->vt->weight_free(m->device, &l->pair[i].weight[which]);
            trit_free(l->pair[i].own[which]);
        }
    trit_free(l->pair);
    trit_free(l->path);
    trit_gguf_close(l->gguf);
    trit_safetensors_close(l->safetensors);
    trit_peft_config_fini(&l->config);
    *l = (trit_lora){0};
}

void trit_lora_describe(const trit_lora *l, trit_lora_info *out) {
    *out = (trit_lora_info){.path = l->path, .format = l->format, .scale = l->scale, .is_inside = l->is_inside};
    for (size_t i = 0; out->n_projections < l->n_pairs; i++) {
        const trit_lora_pair *pair = &l->pair[i];
        if (!pair->tensor[trit_lora_a]) continue;
        const trit_quant_matrix *a = &pair->matrix[trit_lora_a], *b = &pair->matrix[trit_lora_b];
        const uint32_t rank = (uint32_t)a->n_rows;
        const bool first = out->n_projections++ == 0;
        if (first || rank < out->min_rank) out->min_rank = rank;
        if (rank > out->max_rank) out->max_rank = rank;
        if (first || pair->scaling < out->min_scaling) out->min_scaling = pair->scaling;
        if (first || pair->scaling > out->max_scaling) out->max_scaling = pair->scaling;
        out->n_params += a->n_rows * a->n_cols + b->n_rows * b->n_cols;
    }
}

/* ---- Use ---- */

trit_status trit_lora_check(const trit_lora *l, const trit_model *m, trit_error *err) {
    if (l->to_weights && m->source.synthetic)
        return trit_error_set(err, trit_unsupported, "%.200s: belongs inside the weights, but random ones have no masters", l->path);
    for (size_t i = 0, n = 0; n < l->n_pairs && l->is_inside; i++) {
        trit_projection p;
        if (!l->pair[i].tensor[trit_lora_a]) continue;
        n++;
        if (!trit_layer_projection(&p, m, (uint32_t)(i / trit_n_layer_tensors), i % trit_n_layer_tensors)) continue;
        const trit_quant_format *format = trit_quant_format_of(p.weight->dtype);
        if (!format || format->trits) /* packed bytes of Hugging Face are of no format of their own */
            return trit_error_set(err, trit_unsupported, "%.200s: was trained inside the quantizer, but tensor %.*s holds trits already, and no master",
                                  l->path, TRIT_STR_ARG(p.weight->name));
    }
    return trit_ok;
}

trit_status trit_lora_bind(trit_lora *l, const trit_model *m, trit_error *err) {
    trit_status status = trit_ok;
    for (size_t i = 0; i < (size_t)m->config.n_layers * trit_n_layer_tensors && !l->to_weights; i++)
        for (int which = 0; which < 2 && l->pair[i].tensor[which] && status == trit_ok; which++)
            status = m->device->vt->upload(m->device, &l->pair[i].weight[which], &l->pair[i].matrix[which], err);
    return status;
}

bool trit_lora_changes(const trit_model *m, size_t at) {
    for (size_t i = 0; i < m->n_loras; i++)
        if (m->loras[i].to_weights && m->loras[i].pair[at].tensor[0]) return true;
    return false;
}

/* Blocks of columns, so that the sums stay in registers while the rows of A pass. */
void trit_lora_add(const trit_model *m, size_t at, uint64_t row, float *values, uint64_t n_cols) {
    enum { block = 32 };
    for (uint64_t c = 0; c < n_cols; c += block) {
        const uint64_t n = n_cols - c < block ? n_cols - c : block;
        double sum[block];
        for (uint64_t k = 0; k < n; k++) sum[k] = (double)values[c + k];
        for (size_t i = 0; i < m->n_loras; i++) {
            const trit_lora_pair *pair = &m->loras[i].pair[at];
            if (!m->loras[i].to_weights || !pair->tensor[0]) continue;
            const uint64_t rank = pair->matrix[trit_lora_a].n_rows;
            const float *a = pair->own[trit_lora_a] + c, *b = pair->own[trit_lora_b] + row * rank;
            for (uint64_t j = 0; j < rank; j++, a += n_cols) {
                const double by = (double)pair->factor * (double)b[j];
                for (uint64_t k = 0; k < n; k++) sum[k] += by * (double)a[k];
            }
        }
        for (uint64_t k = 0; k < n; k++) values[c + k] = (float)sum[k];
    }
}
