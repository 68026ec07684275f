/* The configuration of a model from GGUF keys or config.json, checked: every number here sizes memory later. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/model.h"

/* The number of heads may be an array with one entry a layer; graphs here want them equal. */
static uint32_t read_kv_heads(trit_reader *r, uint32_t n_heads) {
    static const char key[] = "attention.head_count_kv";
    if (r->source->gguf) {
        char name[160];
        snprintf(name, sizeof name, "%s.%s", r->source->file_arch, key);
        const trit_gguf_kv *kv = trit_gguf_find(r->source->gguf, name);
        int64_t first, v;
        if (kv && kv->type == trit_gguf_array && trit_gguf_int(kv, 0, &first))
            for (uint64_t i = 1; i < kv->n && r->status == trit_ok; i++)
                if (!trit_gguf_int(kv, i, &v) || v != first)
                    r->status = trit_error_set(r->err, trit_unsupported, "%s: differs from layer to layer", name);
    }
    return trit_read_u32(r, key, "num_key_value_heads", 4096, n_heads);
}

static uint32_t read_vocab_size(trit_reader *r) {
    uint32_t n_tokens = 0;
    if (r->source->gguf) {
        const trit_gguf_kv *tokens = trit_gguf_find(r->source->gguf, "tokenizer.ggml.tokens");
        const trit_file_tensor *table = trit_gguf_tensor(r->source->gguf, "token_embd.weight");
        if (tokens && tokens->type == trit_gguf_array && tokens->n <= 1u << 24) n_tokens = (uint32_t)tokens->n;
        if (!n_tokens && table && trit_file_tensor_n_rows(table) <= 1u << 24) n_tokens = (uint32_t)trit_file_tensor_n_rows(table);
    }
    return trit_read_u32(r, "vocab_size", "vocab_size", 1u << 24, n_tokens);
}

static void read_sizes(trit_config *c, trit_reader *r) {
    c->n_layers = trit_read_u32(r, "block_count", "num_hidden_layers", trit_max_layers, 0);
    c->dim = trit_read_u32(r, "embedding_length", "hidden_size", 1u << 20, 0);
    c->ff_dim = trit_read_u32(r, "feed_forward_length", "intermediate_size", 1u << 22, 0);
    c->n_heads = trit_read_u32(r, "attention.head_count", "num_attention_heads", 4096, 0);
    c->n_kv_heads = read_kv_heads(r, c->n_heads);
    c->head_dim = trit_read_u32(r, "attention.key_length", "head_dim", 8192, c->dim / c->n_heads ? c->dim / c->n_heads : 1);
    c->context_length = trit_read_u32(r, "context_length", "max_position_embeddings", 1u << 24, 2048);
    c->rope_dims = trit_read_u32(r, "rope.dimension_count", "", 8192, c->head_dim);
    c->norm_eps = (float)trit_read_real(r, "attention.layer_norm_rms_epsilon", "rms_norm_eps", 0, 1, 1e-5);
    c->vocab_size = read_vocab_size(r);
}

/* BitLinear's own norm has its own epsilon; the norms of "<projection>.norm" have the model's. */
static float read_in_norm_eps(trit_reader *r, float norm_eps) {
    const trit_json *quant = trit_json_get(r->json, "quantization_config");
    if (!trit_json_as_bool(trit_json_get(quant, "use_rms_norm"), false))
        return (float)trit_read_real(r, TRIT_KEY_IN_NORM_EPS, "", 0, 1, (double)norm_eps);
    return (float)trit_json_as_real(trit_json_get(quant, "rms_norm_eps"), 1e-6);
}

static trit_status choose_arch(trit_config *c, const trit_source *s, trit_error *err) {
    c->arch = s->safetensors ? trit_arch_for_hf(s->file_arch) : trit_arch_for_gguf(s->file_arch);
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

static void read_hidden_act(trit_reader *r, char *out, size_t n) {
    trit_str s = trit_read_str(r, "hidden_activation", "hidden_activation");
    if (!s.n) s = trit_read_str(r, "hidden_act", "hidden_act");
    snprintf(out, n, "%.*s", TRIT_STR_ARG(s));
}

/* What the stored scales of a Hugging Face release mean. Without a word from the file, packed weights are "bitlinear": that is
 * what the field's absence has always meant. Floats have no scales. */
static trit_scale_sense scale_sense_of(const trit_source *s, const trit_config *c) {
    if (!s->safetensors) return trit_scale_inside;
    const trit_file_tensor *q = trit_source_find(s, NULL, "model.layers.0.self_attn.q_proj.weight");
    switch (s->hf.quant) {
    case trit_hf_quant_multiply: return trit_scale_multiply;
    case trit_hf_quant_online: return trit_scale_online;
    case trit_hf_quant_divide: return trit_scale_divide;
    case trit_hf_quant_none: break;
    }
    return q && q->dtype == trit_dtype_u8 ? trit_scale_divide : c->masters ? trit_scale_online : trit_scale_inside;
}

/* GGUF numbers its poolings. */
static trit_pooling pooling_of(trit_reader *r) {
    static const trit_pooling numbered[] = {trit_pooling_default, trit_pooling_mean, trit_pooling_cls, trit_pooling_last};
    uint32_t type = (uint32_t)trit_read_real(r, "pooling_type", "", 0, 1e6, 0);
    trit_pooling pooling = type < 4 ? numbered[type] : trit_pooling_default;
    if (r->source->safetensors) (void)trit_pooling_find(&pooling, r->source->hf.pooling);
    return pooling;
}

static trit_status override(trit_config *c, const trit_model_opts *o, trit_error *err) {
    static const char by_user[] = "asked for by the user";
    static const struct {
        const char *name;
        trit_activation activation;
    } activations[] = {{"relu2", trit_act_relu2}, {"silu", trit_act_silu}, {"gelu", trit_act_gelu}};
    if (o->activation) {
        size_t i = 0, n = sizeof activations / sizeof activations[0];
        while (i < n && strcmp(activations[i].name, o->activation) != 0) i++;
        if (i == n) return trit_error_set(err, trit_arg, "activation: \"%s\" is none of relu2, silu, gelu", o->activation);
        c->activation = activations[i].activation;
        c->activation_why = by_user;
    }
    if (o->activations) {
        if (strcmp(o->activations, "int8") != 0 && strcmp(o->activations, "float") != 0)
            return trit_error_set(err, trit_arg, "activations: \"%s\" is none of int8, float", o->activations);
        c->act_int8 = strcmp(o->activations, "int8") == 0;
        c->act_int8_why = by_user;
    }
    if (o->i2_s_block && o->i2_s_block != 4 && o->i2_s_block != 64 && o->i2_s_block != 128)
        return trit_error_set(err, trit_arg, "I2_S block: %u is none of 4, 64, 128", o->i2_s_block);
    return trit_ok;
}

/* What no graph here computes: it would be left out silently. */
static void refuse_unknown(trit_reader *r) {
    static const char *const soft_caps[][2] = {{"attn_logit_softcapping", "attn_logit_softcapping"},
                                               {"final_logit_softcapping", "final_logit_softcapping"}};
    for (size_t i = 0; i < 2; i++)
        if (trit_read_real(r, soft_caps[i][0], soft_caps[i][1], -1e9, 1e9, 0) > 0 && r->status == trit_ok)
            r->status = trit_error_set(r->err, trit_unsupported, "%s: soft-capped logits are not supported", soft_caps[i][0]);
    bool causal = trit_read_bool(r, "attention.causal", "is_causal", true) && !trit_read_bool(r, "", "use_bidirectional_attention", false);
    if (!causal && r->status == trit_ok)
        r->status = trit_error_set(r->err, trit_unsupported, "attention that sees later tokens (attention.causal false) is not supported");
}

static trit_status check(const trit_config *c, trit_error *err) {
    const uint32_t group = c->master_group;
    if (group > 1 && group != 64 && group != 128 && group != 256)
        return trit_error_set(err, trit_unsupported, TRIT_KEY_MASTER_GROUP ": %u is none of 1, 64, 128, 256", group);
    if (c->n_heads % c->n_kv_heads)
        return trit_error_set(err, trit_format, "%u attention heads are no multiple of %u key-value heads", c->n_heads, c->n_kv_heads);
    if (c->rope_dims % 2 || c->rope_dims > c->head_dim)
        return trit_error_set(err, trit_format, "rope dimension count: %u is odd or beyond the head's %u", c->rope_dims, c->head_dim);
    return trit_ok;
}

trit_status trit_config_read(trit_config *c, const trit_source *s, const trit_model_opts *o, trit_error *err) {
    trit_str type;
    *c = (trit_config){.embed_factor = 1, .residual_factor = 1, .output_factor = 1};
    if (s->gguf && trit_gguf_str(trit_gguf_find(s->gguf, "general.type"), &type) && trit_str_is(type, "adapter"))
        return trit_error_set(err, trit_unsupported, "general.type \"adapter\": no model, but a change to one (--lora, beside -m MODEL)");
    char hidden_act[64] = "";
    trit_status status = choose_arch(c, s, err);
    if (status != trit_ok) return status;
    trit_reader r = {.source = s, .json = s->hf.json, .hidden_act = hidden_act, .err = err};
    if (s->synthetic)
        trit_synthetic_config(c, s->synthetic);
    else
        read_sizes(c, &r);
    c->in_norm_eps = read_in_norm_eps(&r, c->norm_eps);
    c->attn_factor = (float)trit_read_real(&r, "attention.scale", "", 1e-6, 1e6, (double)(1.0f / sqrtf((float)c->head_dim)));
    c->rope_neox = s->gguf ? c->arch->gguf_rope_neox : true;
    if (!s->synthetic) trit_rope_read(c, &r);
    if (!o->activation) read_hidden_act(&r, hidden_act, sizeof hidden_act);
    if (r.status == trit_ok) c->arch->configure(c, &r);
    c->scale_sense = scale_sense_of(s, c);
    c->masters |= c->scale_sense == trit_scale_online;
    c->master_group = (uint32_t)trit_read_real(&r, TRIT_KEY_MASTER_GROUP, TRIT_KEY_MASTER_GROUP, 0, 256, 0);
    c->pooling = pooling_of(&r);
    refuse_unknown(&r);
    status = r.status;
    if (status == trit_ok) status = check(c, err);
    return status == trit_ok ? override(c, o, err) : status;
}
