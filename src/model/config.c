/* The configuration of a model from GGUF keys or config.json, checked: every number here sizes memory later. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/model.h"

/* A reader of numbers by their two spellings; keeps the first error. */
typedef struct reader {
    const trit_source *source;
    trit_error *err;
    trit_status status;
} reader;

/* "%s" in a GGUF key stands for the architecture. */
static const trit_gguf_kv *gguf_key(const reader *r, const char *key, char *full, size_t n) {
    snprintf(full, n, "%s.%s", r->source->file_arch, key);
    return trit_gguf_find(r->source->gguf, full);
}

static bool read_int(const reader *r, const char *gguf, const char *hf, char *name, size_t n, int64_t *out) {
    if (r->source->gguf) {
        const trit_gguf_kv *kv = gguf_key(r, gguf, name, n);
        return kv && trit_gguf_int(kv, 0, out);
    }
    snprintf(name, n, "config.json: %s", hf);
    const trit_json *v = trit_json_get(r->source->hf.json, hf);
    if (trit_json_kind_of(v) != trit_json_int) return false;
    *out = trit_json_as_int(v, 0);
    return true;
}

static bool read_real(const reader *r, const char *gguf, const char *hf, char *name, size_t n, double *out) {
    if (r->source->gguf) {
        const trit_gguf_kv *kv = gguf_key(r, gguf, name, n);
        return kv && trit_gguf_real(kv, 0, out);
    }
    snprintf(name, n, "config.json: %s", hf);
    const trit_json *v = trit_json_get(r->source->hf.json, hf);
    if (trit_json_kind_of(v) != trit_json_real && trit_json_kind_of(v) != trit_json_int) return false;
    *out = trit_json_as_real(v, 0);
    return true;
}

/* A whole number in [1, max]. Absent: `otherwise`, or an error where that is 0. */
static uint32_t get_u32(reader *r, const char *gguf, const char *hf, uint32_t max, uint32_t otherwise) {
    char name[160];
    int64_t v;
    if (r->status != trit_ok) return 1;
    if (!read_int(r, gguf, hf, name, sizeof name, &v)) {
        if (otherwise) return otherwise;
        r->status = trit_error_set(r->err, trit_format, "%s: missing or not a whole number", name);
        return 1;
    }
    if (v < 1 || v > max) {
        r->status = trit_error_set(r->err, trit_format, "%s: %lld is not between 1 and %u", name, (long long)v, max);
        return 1;
    }
    return (uint32_t)v;
}

static float get_f32(reader *r, const char *gguf, const char *hf, double min, double max, double otherwise) {
    char name[160];
    double v;
    if (r->status != trit_ok) return 1;
    if (!read_real(r, gguf, hf, name, sizeof name, &v)) {
        if (otherwise >= 0) return (float)otherwise;
        r->status = trit_error_set(r->err, trit_format, "%s: missing or not a number", name);
        return 1;
    }
    if (!(v >= min && v <= max)) {
        r->status = trit_error_set(r->err, trit_format, "%s: %g is not between %g and %g", name, v, min, max);
        return 1;
    }
    return (float)v;
}

static trit_str gguf_text(const reader *r, const char *key) {
    char name[160];
    trit_str s = {0};
    const trit_gguf_kv *kv = gguf_key(r, key, name, sizeof name);
    if (!kv || !trit_gguf_str(kv, &s)) s = (trit_str){0};
    return s;
}

/* The number of heads may be an array with one entry a layer; graphs here want them equal. */
static uint32_t get_kv_heads(reader *r, uint32_t n_heads) {
    char name[160];
    if (r->source->gguf) {
        const trit_gguf_kv *kv = gguf_key(r, "attention.head_count_kv", name, sizeof name);
        int64_t first, v;
        if (kv && kv->type == trit_gguf_array && trit_gguf_int(kv, 0, &first))
            for (uint64_t i = 1; i < kv->n; i++)
                if (!trit_gguf_int(kv, i, &v) || v != first)
                    r->status = trit_error_set(r->err, trit_unsupported, "%s: differs from layer to layer", name);
    }
    return get_u32(r, "attention.head_count_kv", "num_key_value_heads", 4096, n_heads);
}

static void read_vocab_size(reader *r, trit_config *c) {
    uint32_t n_tokens = 0;
    if (r->source->gguf) {
        const trit_gguf_kv *tokens = trit_gguf_find(r->source->gguf, "tokenizer.ggml.tokens");
        const trit_tensor *table = trit_gguf_tensor(r->source->gguf, "token_embd.weight");
        if (tokens && tokens->type == trit_gguf_array && tokens->n <= 1u << 24) n_tokens = (uint32_t)tokens->n;
        if (!n_tokens && table && trit_tensor_n_rows(table) <= 1u << 24) n_tokens = (uint32_t)trit_tensor_n_rows(table);
    }
    c->vocab_size = get_u32(r, "vocab_size", "vocab_size", 1u << 24, n_tokens);
}

/* Where config.json speaks of RoPE: rope_scaling, or since version 5 of the transformers library rope_parameters, which holds
 * rope_theta too. NULL: neither. */
static const trit_json *hf_rope(const trit_source *s) {
    const trit_json *scaling = trit_json_get(s->hf.json, "rope_scaling");
    return trit_json_kind_of(scaling) == trit_json_object ? scaling : trit_json_get(s->hf.json, "rope_parameters");
}

static void read_rope_theta(reader *r, trit_config *c) {
    double theta = r->source->gguf ? 10000 : trit_json_as_real(trit_json_get(hf_rope(r->source), "rope_theta"), 10000);
    c->rope_theta = get_f32(r, "rope.freq_base", "rope_theta", 1, 1e12, theta);
    if (r->status == trit_ok && !(c->rope_theta >= 1 && c->rope_theta <= 1e12f))
        r->status = trit_error_set(r->err, trit_format, "rope_theta: %g is not between 1 and 1e12", (double)c->rope_theta);
}

static void read_llama3(reader *r, trit_config *c, const trit_json *scaling) {
    int64_t original = trit_json_as_int(trit_json_get(scaling, "original_max_position_embeddings"), 8192);
    c->rope_llama3.low = (float)trit_json_as_real(trit_json_get(scaling, "low_freq_factor"), 1);
    c->rope_llama3.high = (float)trit_json_as_real(trit_json_get(scaling, "high_freq_factor"), 4);
    c->rope_llama3.original_context = (uint32_t)original;
    if (original < 1 || original > 1 << 24)
        r->status = trit_error_set(r->err, trit_format, "rope scaling: original_max_position_embeddings %lld is not between 1 and %d",
                                   (long long)original, 1 << 24);
    else if (!(c->rope_llama3.low > 0 && c->rope_llama3.high > c->rope_llama3.low))
        r->status = trit_error_set(r->err, trit_format, "rope scaling: low_freq_factor %g must be positive and below high_freq_factor %g",
                                   (double)c->rope_llama3.low, (double)c->rope_llama3.high);
}

/* RoPE scaling: "linear" divides positions, "llama3" (Hugging Face) divides frequencies by wavelength; GGUF stores the latter's
 * result in rope_freqs.weight, and means "linear" where it has a factor and no type. */
static void read_rope_scaling(reader *r, trit_config *c) {
    c->rope_linear_factor = 1;
    char name[160];
    trit_str type = {0};
    const trit_json *scaling = NULL;
    if (r->status != trit_ok) return;
    if (r->source->gguf) {
        type = gguf_text(r, "rope.scaling.type");
        if (!type.n && gguf_key(r, "rope.scaling.factor", name, sizeof name)) type = trit_str_from("linear");
    } else {
        scaling = hf_rope(r->source);
        type = trit_json_as_str(trit_json_get(scaling, "rope_type"));
        if (!type.n) type = trit_json_as_str(trit_json_get(scaling, "type"));
    }
    if (!type.n || trit_str_is(type, "none") || trit_str_is(type, "default")) return;
    double factor = r->source->gguf ? get_f32(r, "rope.scaling.factor", "", 0, 1e6, 1) : trit_json_as_real(trit_json_get(scaling, "factor"), 1);
    if (!(factor >= 1 && factor <= 1e6)) {
        r->status = trit_error_set(r->err, trit_format, "rope scaling factor: %g is not between 1 and 1e6", factor);
    } else if (trit_str_is(type, "linear")) {
        c->rope_linear_factor = (float)factor;
    } else if (trit_str_is(type, "llama3") && scaling) {
        c->rope_llama3.factor = (float)factor;
        read_llama3(r, c, scaling);
    } else if (factor != 1) {
        r->status = trit_error_set(r->err, trit_unsupported, "rope scaling \"%.*s\" is not supported", TRIT_STR_ARG(type));
    }
}

static trit_status choose_arch(trit_config *c, const trit_source *s, trit_error *err) {
    c->arch = s->gguf ? trit_arch_for_gguf(s->file_arch) : trit_arch_for_hf(s->file_arch);
    if (c->arch) return trit_ok;
    const char *key = s->gguf ? "general.architecture" : "config.json: architectures";
    if (!*s->file_arch) return trit_error_set(err, trit_format, "%s: the file does not name its architecture", key);
    static const char known[] = ""
#define TRIT_ARCH(name) " " #name
#include "model/archs.def"
#undef TRIT_ARCH
        ;
    return trit_error_set(err, trit_unsupported, "architecture \"%s\" is not supported (known graphs:%s)", s->file_arch, known);
}

static void read_hidden_act(const reader *r, char *out, size_t n) {
    trit_str s;
    if (r->source->gguf) {
        s = gguf_text(r, "hidden_activation");
        if (!s.n) s = gguf_text(r, "hidden_act");
    } else {
        s = trit_json_as_str(trit_json_get(r->source->hf.json, "hidden_act"));
    }
    snprintf(out, n, "%.*s", TRIT_STR_ARG(s));
}

/* What the stored scales of a Hugging Face release mean. Without a word from the file, packed weights are "bitlinear": that is
 * what the field's absence has always meant. Floats have no scales; they are masters where the architecture is ternary. */
static void read_scale_sense(const trit_source *s, trit_config *c) {
    if (s->gguf) return;
    const trit_tensor *q = trit_source_find(s, NULL, "model.layers.0.self_attn.q_proj.weight");
    bool packed = q && q->dtype == trit_dtype_u8;
    switch (s->hf.quant) {
    case trit_hf_quant_multiply: c->scale_sense = trit_scale_multiply; break;
    case trit_hf_quant_online: c->scale_sense = trit_scale_online; break;
    case trit_hf_quant_divide: c->scale_sense = trit_scale_divide; break;
    default: c->scale_sense = packed ? trit_scale_divide : c->arch->always_ternary ? trit_scale_online : trit_scale_inside; break;
    }
}

static trit_status override(trit_config *c, const trit_model_opts *o, trit_error *err) {
    static const struct {
        const char *name;
        trit_activation activation;
    } activations[] = {{"relu2", trit_act_relu2}, {"silu", trit_act_silu}, {"gelu", trit_act_gelu}};
    if (o->activation) {
        size_t i = 0, n = sizeof activations / sizeof activations[0];
        while (i < n && strcmp(activations[i].name, o->activation) != 0) i++;
        if (i == n) return trit_error_set(err, trit_arg, "activation: \"%s\" is none of relu2, silu, gelu", o->activation);
        c->activation = activations[i].activation;
        c->activation_why = "asked for by the user";
    }
    if (o->activations) {
        if (strcmp(o->activations, "int8") != 0 && strcmp(o->activations, "float") != 0)
            return trit_error_set(err, trit_arg, "activations: \"%s\" is none of int8, float", o->activations);
        c->act_int8 = strcmp(o->activations, "int8") == 0;
    }
    if (o->i2_s_block && o->i2_s_block != 64 && o->i2_s_block != 128)
        return trit_error_set(err, trit_arg, "I2_S block: %u is none of 64, 128", o->i2_s_block);
    return trit_ok;
}

static trit_status check(const trit_config *c, trit_error *err) {
    if (c->n_heads % c->n_kv_heads)
        return trit_error_set(err, trit_format, "%u attention heads are no multiple of %u key-value heads", c->n_heads, c->n_kv_heads);
    if (c->rope_dims % 2 || c->rope_dims > c->head_dim)
        return trit_error_set(err, trit_format, "rope dimension count: %u is odd or beyond the head's %u", c->rope_dims, c->head_dim);
    return trit_ok;
}

trit_status trit_config_read(trit_config *c, const trit_source *s, const trit_model_opts *o, trit_error *err) {
    *c = (trit_config){0};
    char hidden_act[64] = "";
    trit_status status;
    if (s->synthetic) {
        trit_synthetic_config(c, s->synthetic);
        status = c->arch->configure(c, s->file_arch, hidden_act, err);
        return status == trit_ok ? override(c, o, err) : status;
    }
    status = choose_arch(c, s, err);
    if (status != trit_ok) return status;
    reader r = {s, err, trit_ok};
    c->n_layers = get_u32(&r, "block_count", "num_hidden_layers", 1024, 0);
    c->dim = get_u32(&r, "embedding_length", "hidden_size", 1u << 20, 0);
    c->ff_dim = get_u32(&r, "feed_forward_length", "intermediate_size", 1u << 22, 0);
    c->n_heads = get_u32(&r, "attention.head_count", "num_attention_heads", 4096, 0);
    c->n_kv_heads = get_kv_heads(&r, c->n_heads);
    c->head_dim = get_u32(&r, "attention.key_length", "head_dim", 8192, c->dim / c->n_heads ? c->dim / c->n_heads : 1);
    c->context_length = get_u32(&r, "context_length", "max_position_embeddings", 1u << 24, 2048);
    c->rope_dims = get_u32(&r, "rope.dimension_count", "", 8192, c->head_dim);
    c->norm_eps = get_f32(&r, "attention.layer_norm_rms_epsilon", "rms_norm_eps", 0, 1, 1e-5);
    read_rope_theta(&r, c);
    c->rope_neox = s->gguf ? c->arch->gguf_rope_neox : true;
    read_vocab_size(&r, c);
    read_rope_scaling(&r, c);
    read_hidden_act(&r, hidden_act, sizeof hidden_act);
    read_scale_sense(s, c);
    status = r.status;
    if (status == trit_ok) status = check(c, err);
    if (status == trit_ok) status = c->arch->configure(c, s->file_arch, o->activation ? "" : hidden_act, err);
    return status == trit_ok ? override(c, o, err) : status;
}
