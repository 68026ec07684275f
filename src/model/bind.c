/* Every tensor to its place: found by name, checked against the configuration, handed to the device. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/model.h"

typedef enum tensor_kind { kind_norm, kind_linear } tensor_kind;
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
    return (trit_layer_shape){layer_tensors[i].kind == kind_linear, size_of(c, layer_tensors[i].rows), size_of(c, layer_tensors[i].cols)};
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

static const trit_tensor *find(const trit_model *m, uint32_t layer, size_t i, const char *suffix) {
    char gguf[96], hf[256];
    snprintf(gguf, sizeof gguf, "blk.%u.%s%s", layer, layer_tensors[i].gguf, suffix);
    hf_names(hf, sizeof hf, layer_tensors[i].hf, layer, suffix);
    return trit_source_find(&m->source, gguf, hf);
}

static trit_status bind_layer_tensor(trit_model *m, uint32_t layer, size_t i, trit_weight *out, size_t *n_bound, trit_error *err) {
    trit_layer_shape shape = trit_layer_shape_of(&m->config, i);
    const trit_tensor *t = find(m, layer, i, ".weight");
    if (!t) {
        if (!(m->config.arch->required & 1u << i)) return trit_ok;
        return trit_error_set(err, trit_format, "tensor blk.%u.%s.weight is missing (%s of layer %u)", layer, layer_tensors[i].gguf,
                              layer_tensors[i].hf, layer);
    }
    *n_bound += 1;
    if (!shape.is_linear) return trit_plain_bind(out, m, t, shape.n_rows, shape.n_cols, true, err);
    trit_projection p = {.weight = t, .scale = find(m, layer, i, m->source.gguf ? ".scale" : ".weight_scale"),
                         .bias = find(m, layer, i, ".bias"), .n_rows = shape.n_rows, .n_cols = shape.n_cols};
    *n_bound += (p.scale ? 1u : 0u) + (p.bias ? 1u : 0u);
    return trit_linear_bind(out, m, &p, err);
}

size_t trit_layer_weights(trit_model *m, trit_weight **out) {
    *out = (trit_weight *)m->layers;
    return m->layers ? (size_t)m->config.n_layers * trit_n_layer_tensors : 0;
}

static trit_status bind_ends(trit_model *m, size_t *n_bound, trit_error *err) {
    const trit_config *c = &m->config;
    const trit_tensor *embd = trit_source_find(&m->source, "token_embd.weight", "model.embed_tokens.weight");
    const trit_tensor *norm = trit_source_find(&m->source, "output_norm.weight", "model.norm.weight");
    const trit_tensor *head = trit_source_find(&m->source, "output.weight", "lm_head.weight");
    if (!embd) return trit_error_set(err, trit_format, "tensor token_embd.weight is missing (model.embed_tokens)");
    if (!norm) return trit_error_set(err, trit_format, "tensor output_norm.weight is missing (model.norm)");
    bool tied = !m->source.gguf && trit_json_as_bool(trit_json_get(m->source.hf.json, "tie_word_embeddings"), false);
    *n_bound += head ? 3 : 2;
    if (trit_source_find(&m->source, "rope_freqs.weight", NULL)) *n_bound += 1;
    trit_status status = trit_plain_bind(&m->token_embd, m, embd, c->vocab_size, c->dim, false, err);
    if (status == trit_ok) status = trit_plain_bind(&m->output_norm, m, norm, 1, c->dim, true, err);
    if (status == trit_ok && head && !tied) status = trit_plain_bind(&m->output, m, head, c->vocab_size, c->dim, false, err);
    return status;
}

/* Tensors that the graph does not use would silently change what the model computes. */
static trit_status refuse_unused(const trit_model *m, trit_error *err) {
    for (size_t i = 0; i < trit_source_n_tensors(&m->source); i++) {
        const trit_tensor *t = trit_source_tensor_at(&m->source, i);
        char name[256];
        snprintf(name, sizeof name, "%.*s", TRIT_STR_ARG(t->name));
        bool known = strstr(name, "rotary_emb.inv_freq") != NULL; /* derived; old releases carry it */
        static const char *const ends[] = {"token_embd.weight", "output_norm.weight", "output.weight", "rope_freqs.weight",
                                           "embed_tokens.weight", "norm.weight", "lm_head.weight"};
        for (size_t j = 0; j < sizeof ends / sizeof ends[0] && !known; j++)
            known = strcmp(name, ends[j]) == 0 || (strncmp(name, "model.", 6) == 0 && strcmp(name + 6, ends[j]) == 0);
        for (uint32_t layer = 0; layer < m->config.n_layers && !known; layer++)
            for (size_t k = 0; k < trit_n_layer_tensors && !known; k++)
                for (size_t s = 0; s < 4 && !known; s++) {
                    static const char *const suffixes[] = {".weight", ".scale", ".weight_scale", ".bias"};
                    known = find(m, layer, k, suffixes[s]) == t;
                }
        if (!known)
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
    if (status == trit_ok && n_bound != trit_source_n_tensors(&m->source)) status = refuse_unused(m, err);
    return status;
}
