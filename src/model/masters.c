/* Models for training: configuration, RoPE and op list as of any model, but the weights are floats that somebody else keeps. A master is
 * one of them: its names, its shape, where the file has it, and the trit_weight that stands for it in the op list.
 *
 * Masters are as Hugging Face's files have them: pairs of RoPE are halves of a head, Gemma's norms are less one. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/model.h"

/* ---- The model ---- */

/* Sub-norms in front of the output projections make a ternary model of a plain decoder. */
static trit_status add_sub_norms(trit_model *m, trit_error *err) {
    const trit_arch *bitnet = trit_arch_for_gguf("bitnet"), *arch = m->config.arch;
    if (arch == bitnet) return trit_ok;
    if ((arch->required & ~bitnet->required) || arch->hf_norms_less_one || arch->write)
        return trit_error_set(err, trit_unsupported, "architecture %s: with sub-norms it would be no model that other programs know", arch->name);
    m->config.arch = bitnet;
    return trit_ok;
}

static trit_status prepare(trit_model *m, bool sub_norms, trit_error *err) {
    if (m->problem) return trit_error_set(err, trit_unsupported, "%s", m->problem);
    trit_status status = sub_norms ? add_sub_norms(m, err) : trit_ok;
    if (status != trit_ok) return status;
    status = trit_model_refuse_unused(m, err);
    if (status != trit_ok) return status;
    m->config.rope_neox = true;
    m->layers = trit_alloc_zero(m->config.n_layers, sizeof *m->layers);
    if (!m->layers) return trit_error_memory(err, m->config.n_layers * sizeof *m->layers, "the layers");
    return trit_rope_bind(m, err);
}

trit_status trit_masters_open(trit_model **out, const char *ref, const trit_synthetic *shape, bool sub_norms, const trit_model_opts *opts,
                              trit_error *err) {
    trit_model_opts o = *opts;
    trit_model *m;
    o.no_weights = true;
    trit_status status = shape ? trit_model_open_shape(&m, shape, &o, err) : trit_model_open(&m, ref, &o, err);
    if (status != trit_ok) return status;
    status = prepare(m, sub_norms, err);
    if (status == trit_ok)
        *out = m;
    else
        trit_model_close(m);
    return status;
}

trit_status trit_masters_write(trit_model *m, trit_error *err) {
    return trit_program_finish(&m->embedder, m->config.arch->forward(m, &m->embedder), err);
}

/* ---- The list ---- */

typedef struct list {
    trit_model *m;
    trit_config own; /* of the model that the masters make; m's is the file's */
    trit_master *at;
    size_t n, capacity;
} list;

static trit_master *add(list *l) {
    void *at = l->at;
    if (!trit_grow(&at, &l->capacity, l->n + 1, sizeof *l->at)) return NULL;
    l->at = at;
    l->at[l->n] = (trit_master){0};
    return &l->at[l->n++];
}

/* A tensor of the file, or of none. */
static bool add_end(list *l, trit_end end, trit_weight *place, uint32_t n_rows) {
    const trit_config *c = &l->m->config;
    trit_master *t = add(l);
    if (!t) return false;
    *t = (trit_master){.source = {.weight = trit_end_find(l->m, end), .n_rows = n_rows, .n_cols = c->dim}, .place = place,
                       .n_rows = n_rows, .n_cols = c->dim, .is_norm = end == trit_end_norm, .is_less_one = end == trit_end_norm && c->arch->hf_norms_less_one};
    snprintf(t->name, sizeof t->name, "%s", trit_end_names[end][0]);
    snprintf(t->hf_name, sizeof t->hf_name, "%s", trit_end_names[end][1]);
    return true;
}

static void name(trit_master *t, const trit_arch *arch, uint32_t layer, size_t i, const char *what) {
    const trit_str hf = trit_layer_hf_name(arch, i);
    snprintf(t->name, sizeof t->name, "blk.%u.%s.%s", layer, trit_layer_name(i), what);
    snprintf(t->hf_name, sizeof t->hf_name, "model.layers.%u.%.*s.%s", layer, TRIT_STR_ARG(hf), what);
}

static bool add_layer_tensor(list *l, uint32_t layer, size_t i) {
    const trit_config *c = &l->m->config;
    const trit_layer_shape shape = trit_layer_shape_of(c, i), own = trit_layer_shape_of(&l->own, i);
    trit_projection p;
    const bool has = trit_layer_projection(&p, l->m, layer, i);
    if (!has && !(c->arch->required >> i & 1u)) return true;
    if (!has) p = (trit_projection){.n_rows = shape.n_rows, .n_cols = shape.n_cols};
    trit_weight *place = (trit_weight *)&l->m->layers[layer] + i;
    trit_master *t = add(l);
    if (!t) return false;
    *t = (trit_master){.source = p, .n_rows = own.n_rows, .n_cols = own.n_cols, .place = place, .is_linear = shape.is_linear, .is_norm = !shape.is_linear,
                       .is_residual = i == trit_layer_attn_output || i == trit_layer_ffn_down,
                       .is_less_one = !shape.is_linear && !shape.is_in_norm && c->arch->hf_norms_less_one,
                       .turns = trit_heads_between(i, l->m->source.gguf && !c->arch->gguf_rope_neox, false) != trit_heads_stay};
    name(t, c->arch, layer, i, "weight");
    if (!p.bias) return true;
    const bool turns = t->turns;
    t = add(l);
    if (!t) return false;
    *t = (trit_master){.source = {.weight = p.bias, .n_rows = 1, .n_cols = p.n_rows}, .n_rows = 1, .n_cols = own.n_rows, .place = place, .is_bias = true,
                       .turns = turns};
    name(t, c->arch, layer, i, "bias");
    return true;
}

trit_status trit_masters_list(trit_master **out, size_t *n, trit_model *m, uint32_t ff_copies, trit_error *err) {
    list l = {.m = m, .own = m->config};
    l.own.ff_dim *= ff_copies;
    bool ok = add_end(&l, trit_end_embd, &m->token_embd, m->config.vocab_size);
    for (uint32_t layer = 0; layer < m->config.n_layers && ok; layer++)
        for (size_t i = 0; i < trit_n_layer_tensors && ok; i++) ok = add_layer_tensor(&l, layer, i);
    ok = ok && add_end(&l, trit_end_norm, &m->output_norm, 1);
    if (ok && !trit_model_is_tied(m)) ok = add_end(&l, trit_end_head, &m->output, m->config.vocab_size);
    if (ok) {
        m->config.ff_dim = l.own.ff_dim;
        *out = l.at;
        *n = l.n;
        return trit_ok;
    }
    trit_free(l.at);
    return trit_error_memory(err, (l.n + 1) * sizeof *l.at, "the list of weights");
}

/* ---- Reading ---- */

/* Rows of floats, as they are, or trits times their scales. */
static trit_status read_rows(float *out, const trit_model *m, const trit_master *t, const trit_linear *l, trit_error *err) {
    const uint64_t n_cols = l->matrix.n_cols;
    int8_t *trits = trit_alloc(n_cols, 1);
    float *scales = trit_alloc(n_cols, 2 * sizeof *scales);
    trit_status status = trits && scales ? trit_ok : trit_error_memory(err, n_cols * 9, "a row of weights");
    for (uint64_t r = 0; r < l->matrix.n_rows && status == trit_ok; r++) {
        const uint64_t from = t->turns ? trit_rope_row_of_half(m->config.head_dim, r) : r;
        float *row = out + r * n_cols;
        if (!l->format->trits) {
            l->format->unpack(&l->matrix, from, row);
            for (uint64_t c = 0; c < n_cols; c++) row[c] *= l->factor;
            continue;
        }
        status = trit_linear_bad_row(l->row(l, from, trits, scales, scales + n_cols), t->source.weight, err);
        for (uint64_t c = 0; c < n_cols && status == trit_ok; c++) row[c] = (float)trits[c] * scales[l->group ? c / l->group : 0];
    }
    trit_free(trits);
    trit_free(scales);
    return status;
}

/* Norms, biases, embeddings: plain floats. A bias is one column of rows, which may change places. */
static trit_status settle_plain(trit_linear *l, const trit_model *m, const trit_master *t, trit_error *err) {
    *l = (trit_linear){.factor = 1};
    trit_status status = trit_matrix_of(&l->matrix, m, t->source.weight, t->source.n_rows, t->source.n_cols, err);
    if (status != trit_ok) return status;
    l->format = trit_quant_format_of(l->matrix.dtype);
    if (l->format->trits)
        return trit_error_set(err, trit_unsupported, "tensor %.*s: ternary, where floats were expected", TRIT_STR_ARG(t->source.weight->name));
    if (t->is_bias && t->turns) {
        l->matrix.n_rows = t->source.n_cols;
        l->matrix.n_cols = 1;
    }
    return trit_ok;
}

/* Trits times a scale, whose mean magnitude is less than the scale by the share of zeros: as much larger, quantizing them gives the same again. w[0..n)
 * will share a scale. */
static void become_masters(float *w, uint64_t n) {
    uint64_t n_zeros = 0;
    for (uint64_t i = 0; i < n; i++) n_zeros += w[i] == 0;
    const double factor = n_zeros < n ? (double)n / (double)(n - n_zeros) : 1;
    for (uint64_t i = 0; i < n; i++) w[i] = (float)((double)w[i] * factor);
}

/* group: a configuration's master_group. */
static void become_masters_by_scale(float *w, uint64_t n_rows, uint64_t n_cols, uint32_t group) {
    const uint64_t step = group > 1 ? group : n_cols;
    if (!group) become_masters(w, n_rows * n_cols);
    for (uint64_t r = 0; r < n_rows && group; r++)
        for (uint64_t at = 0; at < n_cols; at += step) become_masters(w + r * n_cols + at, n_cols - at < step ? n_cols - at : step);
}

trit_status trit_master_read(float *out, const trit_model *m, const trit_master *t, trit_error *err) {
    trit_linear l;
    const uint64_t n = (uint64_t)t->source.n_rows * t->source.n_cols;
    trit_status status = t->is_linear ? trit_linear_settle(&l, m, &t->source, err) : settle_plain(&l, m, t, err);
    if (status == trit_ok) status = read_rows(out, m, t, &l, err);
    if (status != trit_ok) return status;
    if (t->is_linear && m->config.masters && (l.format->trits || l.is_exact))
        become_masters_by_scale(out, t->source.n_rows, t->source.n_cols, m->config.master_group);
    const float less = t->is_less_one && m->source.gguf ? 1.0f : 0.0f;
    for (uint64_t i = 0; i < n; i++) {
        out[i] -= less;
        if (!isfinite(out[i]))
            return trit_error_set(err, trit_numeric, "tensor %.*s: element %llu is not finite", TRIT_STR_ARG(t->source.weight->name),
                                  (unsigned long long)i);
    }
    return trit_ok;
}

trit_status trit_master_kind_of(trit_master_kind *out, const trit_model *m, const trit_master *t, trit_error *err) {
    trit_linear l;
    const trit_status status = trit_linear_settle(&l, m, &t->source, err);
    if (status == trit_ok) *out = (trit_master_kind){l.row != NULL, l.row && (l.format->trits || l.is_exact), l.row && l.group};
    return status;
}

void trit_master_place(const trit_master *t, const void *data, bool is_ternary) {
    if (t->is_bias) {
        t->place->bias = data;
        return;
    }
    *t->place = (trit_weight){.dtype = is_ternary ? trit_dtype_t2 : trit_dtype_f32, .n_rows = t->n_rows, .n_cols = t->n_cols,
                              .data = data, .factor = 1.0f, .bias = t->place->bias};
}
