/* Every tensor to its place: found by name, checked against the configuration, handed to the device. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/model.h"

typedef enum tensor_kind { kind_norm, kind_in_norm, kind_linear } tensor_kind;
typedef enum size_name { size_one, size_model, size_q, size_kv, size_ff, size_head } size_name;

static const struct {
    tensor_kind kind;
    size_name rows, cols;
    const char *gguf, *hf;
} layer_tensors[] = {
#define TRIT_LAYER(field, kind, rows, cols, gguf, hf) {kind_##kind, size_##rows, size_##cols, gguf, hf},
#include "model/layer.def"
#undef TRIT_LAYER
};

static uint32_t size_of(const trit_config *c, size_name s) {
    switch (s) {
    case size_one: return 1;
    case size_model: return c->dim;
    case size_q: return c->n_heads * c->head_dim;
    case size_kv: return c->n_kv_heads * c->head_dim;
    case size_ff: return c->ff_dim;
    default: return c->head_dim;
    }
}

trit_layer_shape trit_layer_shape_of(const trit_config *c, size_t i) {
    return (trit_layer_shape){layer_tensors[i].kind == kind_linear, layer_tensors[i].kind == kind_in_norm, size_of(c, layer_tensors[i].rows),
                              size_of(c, layer_tensors[i].cols)};
}

const char *trit_layer_name(size_t i) {
    return layer_tensors[i].gguf;
}

/* The first spelling, but Gemma alone has a norm before the feed-forward part beside the one behind attention. */
trit_str trit_layer_hf_name(const trit_arch *arch, size_t i) {
    const char *names = layer_tensors[i].hf, *bar = strchr(names, '|');
    const bool has_post = (arch->required | arch->optional) & TRIT_LAYER_BIT(attn_post_norm);
    if (i == trit_layer_ffn_norm && bar && !has_post) return trit_str_from(bar + 1);
    return (trit_str){names, bar ? (size_t)(bar - names) : strlen(names)};
}

/* The Hugging Face spellings of a tensor of layer `layer`, '|' between them, each followed by `suffix`. */
static void hf_names(char *out, size_t n, const char *names, uint32_t layer, const char *suffix) {
    size_t at = 0;
    out[0] = '\0';
    while (*names && at < n) {
        const char *bar = strchr(names, '|');
        size_t len = bar ? (size_t)(bar - names) : strlen(names);
        int wrote = snprintf(out + at, n - at, "%smodel.layers.%u.%.*s%s", at ? "|" : "", layer, (int)len, names, suffix);
        at += wrote > 0 ? (size_t)wrote : 0;
        names += len + (bar != NULL);
    }
}

/* NULL: absent, or no part of the architecture's layers. */
static const trit_file_tensor *find(const trit_model *m, uint32_t layer, size_t i, const char *suffix) {
    if (!((m->config.arch->required | m->config.arch->optional) >> i & 1u)) return NULL;
    char gguf[96], hf[256];
    snprintf(gguf, sizeof gguf, "blk.%u.%s%s", layer, layer_tensors[i].gguf, suffix);
    hf_names(hf, sizeof hf, layer_tensors[i].hf, layer, suffix);
    return trit_source_find(&m->source, gguf, hf);
}

bool trit_layer_projection(trit_projection *out, const trit_model *m, uint32_t layer, size_t i) {
    const trit_layer_shape shape = trit_layer_shape_of(&m->config, i);
    const trit_file_tensor *weight = find(m, layer, i, ".weight");
    if (!weight) return false;
    *out = (trit_projection){.weight = weight, .n_rows = shape.n_rows, .n_cols = shape.n_cols,
                             .at = (size_t)layer * trit_n_layer_tensors + i};
    if (shape.is_linear) {
        out->scale = find(m, layer, i, m->source.gguf ? ".scale" : ".weight_scale");
        out->bias = find(m, layer, i, ".bias");
    }
    return true;
}

/* Some architectures' Hugging Face files hold norms less one. */
static trit_status bind_norm(trit_weight *out, trit_model *m, const trit_file_tensor *t, uint32_t n, tensor_kind kind, trit_error *err) {
    trit_status status = trit_plain_bind(out, m, t, 1, n, true, err);
    if (status != trit_ok || m->source.gguf || kind == kind_in_norm || !m->config.arch->hf_norms_less_one) return status;
    float *w = out->owned[0];
    for (uint32_t i = 0; i < n; i++) w[i] += 1.0f;
    return trit_ok;
}

static trit_status bind_layer_tensor(trit_model *m, uint32_t layer, size_t i, trit_weight *out, size_t *n_bound, trit_error *err) {
    trit_projection p;
    if (!trit_layer_projection(&p, m, layer, i)) {
        if (!(m->config.arch->required & 1u << i)) return trit_ok;
        return trit_error_set(err, trit_format, "tensor blk.%u.%s.weight is missing (%s of layer %u)", layer, layer_tensors[i].gguf,
                              layer_tensors[i].hf, layer);
    }
    *n_bound += 1u + (p.scale ? 1u : 0u) + (p.bias ? 1u : 0u);
    if (layer_tensors[i].kind != kind_linear) return bind_norm(out, m, p.weight, p.n_cols, layer_tensors[i].kind, err);
    return trit_linear_bind(out, m, &p, err);
}

size_t trit_layer_weights(trit_model *m, trit_weight **out) {
    *out = (trit_weight *)m->layers;
    return m->layers ? (size_t)m->config.n_layers * trit_n_layer_tensors : 0;
}

/* The tensors outside the layers: GGUF name, Hugging Face name. */
const char *const trit_end_names[trit_n_ends][2] = {[trit_end_embd] = {"token_embd.weight", "model.embed_tokens.weight"},
                                                    [trit_end_norm] = {"output_norm.weight", "model.norm.weight"},
                                                    [trit_end_head] = {"output.weight", "lm_head.weight"},
                                                    [trit_end_rope] = {"rope_freqs.weight", NULL},
                                                    [trit_end_rope_long] = {"rope_factors_long.weight", NULL},
                                                    [trit_end_rope_short] = {"rope_factors_short.weight", NULL}};

const trit_file_tensor *trit_end_find(const trit_model *m, size_t end) {
    return trit_source_find(&m->source, trit_end_names[end][0], trit_end_names[end][1]);
}

bool trit_model_is_tied(const trit_model *m) {
    if (m->source.synthetic) return m->source.synthetic->tied;
    if (!trit_end_find(m, trit_end_head)) return true;
    return !m->source.gguf && trit_json_as_bool(trit_json_get(m->source.hf.json, "tie_word_embeddings"), false);
}

uint64_t trit_model_count_params(const trit_model *m) {
    const trit_config *c = &m->config;
    uint64_t n = (uint64_t)c->vocab_size * c->dim * (trit_model_is_tied(m) ? 1 : 2) + c->dim;
    for (uint32_t layer = 0; layer < c->n_layers; layer++)
        for (size_t i = 0; i < trit_n_layer_tensors; i++) {
            trit_layer_shape s = trit_layer_shape_of(c, i);
            bool there = m->source.synthetic ? c->arch->required >> i & 1u : find(m, layer, i, ".weight") != NULL;
            if (there) n += (uint64_t)s.n_rows * s.n_cols;
        }
    return n;
}

uint64_t trit_model_count_linear(const trit_model *m) {
    uint64_t n = 0;
    for (size_t i = 0; i < trit_n_layer_tensors; i++) {
        const trit_layer_shape s = trit_layer_shape_of(&m->config, i);
        if (s.is_linear && m->config.arch->required >> i & 1u) n += (uint64_t)s.n_rows * s.n_cols;
    }
    return n * m->config.n_layers;
}

static trit_status bind_ends(trit_model *m, size_t *n_bound, trit_error *err) {
    const trit_config *c = &m->config;
    const trit_file_tensor *embd = trit_end_find(m, trit_end_embd), *norm = trit_end_find(m, trit_end_norm), *head = trit_end_find(m, trit_end_head);
    if (!embd) return trit_error_set(err, trit_format, "tensor token_embd.weight is missing (model.embed_tokens)");
    if (!norm) return trit_error_set(err, trit_format, "tensor output_norm.weight is missing (model.norm)");
    for (size_t i = 0; i < trit_n_ends; i++) *n_bound += trit_end_find(m, i) != NULL;
    trit_status status = trit_plain_bind(&m->token_embd, m, embd, c->vocab_size, c->dim, false, err);
    if (status == trit_ok) status = bind_norm(&m->output_norm, m, norm, c->dim, kind_norm, err);
    if (status == trit_ok && !trit_model_is_tied(m)) status = trit_plain_bind(&m->output, m, head, c->vocab_size, c->dim, false, err);
    return status;
}

/* The layer that a tensor's name speaks of: the first number in it. */
static uint32_t layer_in(trit_str name) {
    uint32_t layer = 0;
    size_t i = 0;
    while (i < name.n && (name.p[i] < '0' || name.p[i] > '9')) i++;
    for (; i < name.n && name.p[i] >= '0' && name.p[i] <= '9' && layer < 100000; i++) layer = layer * 10 + (uint32_t)(name.p[i] - '0');
    return layer;
}

bool trit_model_uses(const trit_model *m, const trit_file_tensor *t) {
    uint32_t layer = layer_in(t->name);
    trit_projection p;
    for (size_t i = 0; i < trit_n_ends; i++)
        if (trit_end_find(m, i) == t) return true;
    for (size_t i = 0; i < trit_n_layer_tensors && layer < m->config.n_layers; i++)
        if (trit_layer_projection(&p, m, layer, i) && (p.weight == t || p.scale == t || p.bias == t)) return true;
    return false;
}

/* Tensors that the graph does not use would silently change what the model computes. */
trit_status trit_model_refuse_unused(const trit_model *m, trit_error *err) {
    for (size_t i = 0; i < trit_source_n_tensors(&m->source); i++) {
        const trit_file_tensor *t = trit_source_tensor_at(&m->source, i);
        char name[256];
        snprintf(name, sizeof name, "%.*s", TRIT_STR_ARG(t->name));
        bool derived = strstr(name, "rotary_emb.inv_freq") != NULL; /* old releases carry it */
        if (!derived && !trit_model_uses(m, t))
            return trit_error_set(err, trit_unsupported, "tensor %s is not part of the %s graph: the answer would be wrong without it", name,
                                  m->config.arch->name);
    }
    return trit_ok;
}

trit_status trit_model_bind(trit_model *m, const trit_model_opts *o, trit_error *err) {
    m->layers = trit_alloc_zero(m->config.n_layers, sizeof *m->layers);
    if (!m->layers) return trit_error_memory(err, m->config.n_layers * sizeof *m->layers, "the layers");
    if (m->source.synthetic) return trit_synthetic_bind(m, o, err);
    size_t n_bound = 0;
    trit_status status = bind_ends(m, &n_bound, err);
    for (uint32_t layer = 0; layer < m->config.n_layers && status == trit_ok; layer++) {
        trit_weight *weights = (trit_weight *)&m->layers[layer];
        for (size_t i = 0; i < trit_n_layer_tensors && status == trit_ok; i++)
            status = bind_layer_tensor(m, layer, i, &weights[i], &n_bound, err);
        if (status == trit_ok && o->progress && !o->progress(o->user, layer + 1, m->config.n_layers))
            status = trit_error_set(err, trit_cancelled, "interrupted while opening");
    }
    if (status == trit_ok && n_bound != trit_source_n_tensors(&m->source)) status = trit_model_refuse_unused(m, err);
    return status;
}
