/* Metadata of a GGUF file: those of the input, mended where its release is known to be wrong, or what a folder's configuration
 * says under GGUF's names. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "model/convert/convert.h"

/* general.file_type, LLAMA_FTYPE of llama.cpp and its forks; files of other types go without. */
static const struct {
    trit_dtype dtype;
    uint32_t file_type;
} file_types[] = {
    {trit_dtype_f32, 0},   {trit_dtype_f16, 1},    {trit_dtype_q4_0, 2},   {trit_dtype_q4_1, 3},     {trit_dtype_q8_0, 7},
    {trit_dtype_q5_0, 8},  {trit_dtype_q5_1, 9},   {trit_dtype_q6_k, 18},  {trit_dtype_bf16, 32},    {trit_dtype_tq1_0, 36},
    {trit_dtype_tq2_0, 37}, {trit_dtype_i2_s, 40}, {trit_dtype_iq1_bn, 136}, {trit_dtype_iq2_bn, 137},
};

static trit_status put_file_type(const trit_convert_job *job, trit_gguf_writer *w, trit_error *err) {
    const trit_dtype main = trit_convert_main_type(job);
    for (size_t i = 0; i < sizeof file_types / sizeof file_types[0]; i++)
        if (file_types[i].dtype == main) return trit_gguf_put_u32(w, "general.file_type", file_types[i].file_type, err);
    return trit_ok;
}

/* Values under "<architecture>.<key>"; the first error stays. */
typedef struct put {
    trit_gguf_writer *w;
    const char *arch;
    trit_error *err;
    trit_status status;
    char key[160];
} put;

static const char *key_of(put *p, const char *key) {
    snprintf(p->key, sizeof p->key, "%s.%s", p->arch, key);
    return p->key;
}

static void put_u32(put *p, const char *key, uint32_t v) {
    if (p->status == trit_ok) p->status = trit_gguf_put_u32(p->w, key_of(p, key), v, p->err);
}

static void put_real(put *p, const char *key, double v) {
    if (p->status == trit_ok) p->status = trit_gguf_put_f32(p->w, key_of(p, key), (float)v, p->err);
}

static void put_text(put *p, const char *key, const char *v) {
    if (p->status == trit_ok) p->status = trit_gguf_put_str(p->w, key_of(p, key), trit_str_from(v), p->err);
}

/* How inputs of ternary projections are computed, for architectures of which there are both kinds. */
static void put_activations(put *p, const trit_convert_job *job) {
    if (!trit_convert_any_ternary(job) || job->m->config.arch->always_int8) return;
    put_text(p, TRIT_KEY_ACTIVATIONS, job->m->config.act_int8 ? "int8" : "float");
}

/* Floats are no masters of ternary weights, or none any more. */
static void put_no_masters(put *p, const trit_convert_job *job) {
    if (job->m->config.arch->always_int8 && p->status == trit_ok) p->status = trit_gguf_put_bool(p->w, key_of(p, TRIT_KEY_MASTERS), false, p->err);
}

static const char *activation_of(const trit_convert_job *job) {
    trit_model_info info;
    trit_model_describe(job->m, &info);
    return strcmp(info.activation, "gelu") == 0 ? "gelu_pytorch_tanh" : info.activation;
}

/* The tokenizer of a folder, and its chat template. */
static trit_status put_tokens(const trit_convert_job *job, put *p) {
    const char *template = trit_model_chat_template(job->m);
    if (p->status == trit_ok) p->status = trit_convert_put_vocab(job, p->w, p->err);
    if (template && p->status == trit_ok) p->status = trit_gguf_put_str(p->w, "tokenizer.chat_template", trit_str_from(template), p->err);
    return p->status;
}

/* ---- GGUF to GGUF ---- */

/* What the input's key becomes: left out here because it is written anew. */
static bool is_rewritten(const trit_convert_job *job, trit_str key, const char *activations_key, const char *masters_key) {
    static const char *const always[] = {"general.alignment", "general.file_type", "general.quantization_version"};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (trit_str_is(key, always[i])) return true;
    if (trit_str_is(key, "tokenizer.chat_template")) return trit_model_chat_template(job->m) != job->m->chat_template;
    return trit_str_is(key, activations_key) || (job->merges_trits && trit_str_is(key, masters_key));
}

/* A key settles what the architecture's name leaves open. */
static void mend_activation(put *p, const trit_convert_job *job) {
    const char *activation = activation_of(job);
    if (!job->m->config.arch->activation_is_open) return;
    if (trit_gguf_find(job->m->source.gguf, key_of(p, "hidden_activation")) || trit_gguf_find(job->m->source.gguf, key_of(p, "hidden_act"))) return;
    put_text(p, "hidden_activation", activation);
    trit_convert_say(job, trit_convert_mended, "%s.hidden_activation is missing: %s (%s)", p->arch, activation, job->m->config.activation_why);
}

/* Other engines read no such key: llama.cpp knows one activation for each of these architectures. */
static void warn_of_activation(const put *p, const trit_convert_job *job) {
    const trit_config *c = &job->m->config;
    if (c->arch->activation_is_open || c->activation == c->usual_activation) return;
    trit_convert_say(job, trit_convert_warning, "%s.hidden_activation is %s: engines that take the architecture's usual one for granted, as llama.cpp does, "
                     "compute another model", p->arch, activation_of(job));
}

static void mend_tokenizer(put *p, const trit_convert_job *job) {
    const trit_model *m = job->m;
    const char *pre = m->tokenizer ? trit_tokenizer_pre(m->tokenizer) : "", *template = trit_model_chat_template(m);
    if (*pre && strcmp(pre, "default") != 0 && !trit_gguf_find(m->source.gguf, "tokenizer.ggml.pre") && p->status == trit_ok) {
        p->status = trit_gguf_put_str(p->w, "tokenizer.ggml.pre", trit_str_from(pre), p->err);
        trit_convert_say(job, trit_convert_mended, "tokenizer.ggml.pre is missing: %s", pre);
    }
    if (template && template != m->chat_template && p->status == trit_ok) {
        p->status = trit_gguf_put_str(p->w, "tokenizer.chat_template", trit_str_from(template), p->err);
        trit_convert_say(job, trit_convert_mended, "tokenizer.chat_template is not what bitnet-b1.58-2B-4T was trained with: replaced");
    }
}

static bool ends_a_turn(const trit_tokenizer *t, int32_t id) {
    static const char *const texts[] = {"<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<|end|>"};
    size_t n = 0;
    const char *piece = trit_tokenizer_is_eog(t, id) && id != trit_tokenizer_eos(t) ? trit_tokenizer_piece(t, id, &n) : NULL;
    for (size_t i = 0; piece && i < sizeof texts / sizeof texts[0]; i++)
        if (trit_str_is((trit_str){piece, n}, texts[i])) return true;
    return false;
}

/* An engine that only stops at the ends that a file names would go on past the end of a turn. */
static void mend_end(put *p, const trit_convert_job *job) {
    static const char key[] = "tokenizer.ggml.eot_token_id";
    const trit_tokenizer *t = job->m->tokenizer;
    if (!t || trit_gguf_find(job->m->source.gguf, key)) return;
    for (uint32_t id = 0; id < trit_tokenizer_size(t) && p->status == trit_ok; id++) {
        if (!ends_a_turn(t, (int32_t)id)) continue;
        const int32_t now = trit_convert_now(job, (int32_t)id);
        if (now < 0) continue;
        p->status = trit_gguf_put_u32(p->w, key, (uint32_t)now, p->err);
        trit_convert_say(job, trit_convert_mended, "%s is missing: %d", key, now);
        return;
    }
}

/* A silent file means ids of its family, which are others now. */
static void name_ids(put *p, const trit_convert_job *job) {
    const trit_tokenizer *t = job->m->tokenizer;
    const struct {
        const char *key;
        int32_t id;
    } named[] = {{"tokenizer.ggml.bos_token_id", trit_tokenizer_bos(t)}, {"tokenizer.ggml.eos_token_id", trit_tokenizer_eos(t)}};
    for (size_t i = 0; i < sizeof named / sizeof named[0] && p->status == trit_ok; i++)
        if (named[i].id >= 0 && !trit_gguf_find(job->m->source.gguf, named[i].key))
            p->status = trit_gguf_put_u32(p->w, named[i].key, (uint32_t)trit_convert_now(job, named[i].id), p->err);
}

static trit_status copy_keys(const trit_convert_job *job, put *p) {
    const trit_gguf *g = job->m->source.gguf;
    char activations[160], masters[160];
    snprintf(activations, sizeof activations, "%s.%s", p->arch, TRIT_KEY_ACTIVATIONS);
    snprintf(masters, sizeof masters, "%s.%s", p->arch, TRIT_KEY_MASTERS);
    for (uint64_t i = 0; i < trit_gguf_n_kv(g) && p->status == trit_ok; i++) {
        const trit_gguf_kv *kv = trit_gguf_kv_at(g, i);
        if (is_rewritten(job, kv->key, activations, masters)) continue;
        p->status = job->now ? trit_convert_put_pruned(job, p->w, kv, p->err) : trit_gguf_put_kv(p->w, kv, p->err);
    }
    mend_activation(p, job);
    if (job->merges_trits) put_no_masters(p, job);
    if (job->m->source.folder) return put_tokens(job, p); /* beside a container without one */
    if (job->now) name_ids(p, job);
    mend_tokenizer(p, job);
    mend_end(p, job);
    return p->status;
}

/* ---- Hugging Face to GGUF ---- */

static void put_sizes(put *p, const trit_convert_job *job) {
    const trit_config *c = &job->m->config;
    put_u32(p, "block_count", c->n_layers);
    put_u32(p, "context_length", c->context_length);
    put_u32(p, "embedding_length", c->dim);
    put_u32(p, "feed_forward_length", c->ff_dim);
    put_u32(p, "attention.head_count", c->n_heads);
    put_u32(p, "attention.head_count_kv", c->n_kv_heads);
    put_u32(p, "attention.key_length", c->head_dim);
    put_u32(p, "attention.value_length", c->head_dim);
    put_u32(p, "rope.dimension_count", c->rope_dims);
    put_u32(p, "vocab_size", trit_convert_vocab_size(job));
    put_real(p, "attention.layer_norm_rms_epsilon", (double)c->norm_eps);
    if (!c->masters || c->master_group || job->merges_trits) put_no_masters(p, job);
    if (c->in_norm_eps != c->norm_eps) put_real(p, TRIT_KEY_IN_NORM_EPS, (double)c->in_norm_eps);
    if (c->attn_factor != 1.0f / sqrtf((float)c->head_dim)) put_real(p, "attention.scale", (double)c->attn_factor);
}

static void put_rope(put *p, const trit_config *c) {
    const trit_rope_scaling *r = &c->rope;
    static const char *const names[] = {[trit_rope_linear] = "linear", [trit_rope_yarn] = "yarn", [trit_rope_longrope] = "longrope"};
    put_real(p, "rope.freq_base", (double)c->rope_theta);
    if (c->local_rope_theta > 0) put_real(p, "rope.freq_base_swa", (double)c->local_rope_theta);
    if (r->kind == trit_rope_plain || r->kind == trit_rope_llama3) return; /* llama3: a tensor */
    put_text(p, "rope.scaling.type", names[r->kind]);
    put_real(p, "rope.scaling.factor", r->factor);
    put_u32(p, "rope.scaling.original_context_length", (uint32_t)r->original_context);
    if (r->kind == trit_rope_longrope) put_real(p, "rope.scaling.attn_factor", r->magnitude);
    if (r->kind != trit_rope_yarn) return;
    put_real(p, "rope.scaling.yarn_beta_fast", r->high);
    put_real(p, "rope.scaling.yarn_beta_slow", r->low);
    put_real(p, "rope.scaling.attn_factor", r->magnitude / trit_rope_yarn_magnitude(r->factor, 1));
    if (!r->whole_bounds && p->status == trit_ok) p->status = trit_gguf_put_bool(p->w, key_of(p, TRIT_KEY_YARN_TRUNCATE), false, p->err);
}

static void put_window(put *p, const trit_config *c) {
    bool local[trit_max_layers];
    if (!c->window) return;
    for (uint32_t layer = 0; layer < c->n_layers; layer++) local[layer] = trit_is_local(c, layer);
    put_u32(p, "attention.sliding_window", c->window);
    if (p->status == trit_ok) p->status = trit_gguf_put_bools(p->w, key_of(p, TRIT_KEY_LOCAL_LAYERS), local, c->n_layers, p->err);
}

static void put_own(void *p, const char *gguf, const char *hf, double v) {
    (void)hf;
    if (*gguf) put_real(p, gguf, v);
}

static void put_pooling(put *p, trit_pooling pooling) {
    static const trit_pooling numbered[] = {trit_pooling_default, trit_pooling_mean, trit_pooling_cls, trit_pooling_last};
    for (uint32_t i = 1; i < 4; i++)
        if (numbered[i] == pooling) put_u32(p, "pooling_type", i);
}

/* The folder's last name. */
static trit_str name_of(const char *folder) {
    const char *slash = strrchr(folder, '/');
    return trit_str_from(slash && slash[1] ? slash + 1 : folder);
}

static trit_status put_config(const trit_convert_job *job, put *p) {
    const trit_config *c = &job->m->config;
    p->status = trit_gguf_put_str(p->w, "general.architecture", trit_str_from(p->arch), p->err);
    if (p->status == trit_ok) p->status = trit_gguf_put_str(p->w, "general.name", name_of(job->m->source.folder), p->err);
    put_sizes(p, job);
    put_rope(p, c);
    put_window(p, c);
    if (c->arch->write) c->arch->write(c, put_own, p);
    put_pooling(p, c->pooling);
    put_text(p, "hidden_activation", activation_of(job));
    return put_tokens(job, p);
}

trit_status trit_convert_put_keys(const trit_convert_job *job, trit_gguf_writer *w, trit_error *err) {
    const bool from_gguf = job->m->source.gguf != NULL;
    put p = {.w = w, .arch = trit_arch_gguf_name(job->m), .err = err};
    if (from_gguf) (void)copy_keys(job, &p);
    else (void)put_config(job, &p);
    put_activations(&p, job);
    warn_of_activation(&p, job);
    if (p.status == trit_ok) p.status = put_file_type(job, w, err);
    return p.status == trit_ok ? trit_gguf_put_u32(w, "general.quantization_version", 2, err) : p.status;
}
