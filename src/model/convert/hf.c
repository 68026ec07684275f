/* config.json and generation_config.json of a Hugging Face folder, from the configuration that a model was read to. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"
#include "base/os.h"
#include "model/convert/convert.h"

/* An object under way; what goes wrong is out of memory alone. */
typedef struct object {
    trit_text text;
    bool failed;
    bool has_items;
} object;

static void raw(object *o, const char *s) {
    o->failed |= !trit_text_append(&o->text, s, strlen(s));
}

static void key(object *o, const char *name) {
    raw(o, o->has_items ? ",\n" : "{\n");
    raw(o, "\"");
    raw(o, name);
    raw(o, "\": ");
    o->has_items = true;
}

static void put_int(object *o, const char *name, int64_t v) {
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)v);
    key(o, name);
    raw(o, number);
}

static void put_float(object *o, const char *name, float v) {
    key(o, name);
    o->failed |= !trit_json_write_f32(&o->text, v);
}

static void put_double(object *o, const char *name, double v) {
    key(o, name);
    o->failed |= !trit_json_write_f64(&o->text, v);
}

static void put_str(object *o, const char *name, const char *v) {
    key(o, name);
    o->failed |= !trit_json_write_str(&o->text, v, strlen(v));
}

static void put_bool(object *o, const char *name, bool v) {
    key(o, name);
    raw(o, v ? "true" : "false");
}

static void open_object(object *o, const char *name) {
    key(o, name);
    o->has_items = false;
}

static void close_object(object *o) {
    raw(o, o->has_items ? "\n}" : "{}");
    o->has_items = true;
}

/* ---- RoPE ---- */

/* The floats of a tensor of n elements, owned by the caller; NULL: out of memory or another shape. */
static float *floats_of(const trit_model *m, const trit_file_tensor *t, uint64_t n) {
    trit_error ignored;
    trit_quant_matrix matrix;
    if (trit_matrix_of(&matrix, m, t, 1, (uint32_t)n, &ignored) != trit_ok) return NULL;
    float *values = trit_alloc(n, sizeof *values);
    if (values) trit_quant_format_of(t->dtype)->unpack(&matrix, 0, values);
    return values;
}

static bool made_by(const trit_config *c, const trit_rope_scaling *s, const float *divisors) {
    for (uint32_t i = 0; i < c->rope_dims / 2; i++) {
        const double want = trit_rope_llama3_divisor(s, trit_pow((double)c->rope_theta, -2.0 * i / c->rope_dims));
        if (!(fabs(want - (double)divisors[i]) <= 1e-5 * want)) return false;
    }
    return true;
}

/* All published models have 1 and 4 for the ends of the blend and a power of two for the original context. The longest wave is
 * divided by the whole factor. */
bool trit_convert_find_llama3(const trit_model *m, trit_rope_scaling *out) {
    const uint32_t n = m->config.rope_dims / 2;
    const trit_file_tensor *t = trit_end_find(m, trit_end_rope);
    float *divisors = t ? floats_of(m, t, n) : NULL;
    bool found = false;
    for (uint32_t context = 1 << 5; divisors && !found && context <= 1 << 20; context *= 2) {
        *out = (trit_rope_scaling){.kind = trit_rope_llama3, .factor = (double)divisors[n - 1], .low = 1, .high = 4, .original_context = context,
                                   .magnitude = 1};
        found = made_by(&m->config, out, divisors);
    }
    trit_free(divisors);
    return found;
}

static void put_factors(object *o, const char *name, const trit_model *m, size_t end, const trit_json *list) {
    const uint32_t n = m->config.rope_dims / 2;
    const trit_file_tensor *t = trit_end_find(m, end);
    float *values = t ? floats_of(m, t, n) : NULL;
    if (!list && !values) return;
    key(o, name);
    for (uint32_t i = 0; i < n; i++) {
        raw(o, i ? ", " : "[");
        o->failed |= !(values ? trit_json_write_f32(&o->text, values[i]) : trit_json_write_f64(&o->text, trit_json_as_real(trit_json_at(list, i), 0)));
    }
    raw(o, "]");
    trit_free(values);
}

static void put_rope(object *o, const trit_model *m) {
    static const char *const names[] = {[trit_rope_linear] = "linear", [trit_rope_llama3] = "llama3", [trit_rope_yarn] = "yarn",
                                        [trit_rope_longrope] = "longrope"};
    const trit_config *c = &m->config;
    trit_rope_scaling r = c->rope;
    put_float(o, "rope_theta", c->rope_theta);
    if (c->local_rope_theta > 0) put_float(o, "rope_local_base_freq", c->local_rope_theta);
    if (r.kind == trit_rope_plain && !trit_convert_find_llama3(m, &r)) return;
    open_object(o, "rope_scaling");
    put_str(o, "rope_type", names[r.kind]);
    put_double(o, "factor", r.factor);
    if (r.kind != trit_rope_linear) put_int(o, "original_max_position_embeddings", (int64_t)r.original_context);
    if (r.kind == trit_rope_yarn || r.kind == trit_rope_longrope) put_double(o, "attention_factor", r.magnitude);
    if (r.kind == trit_rope_yarn) {
        put_double(o, "beta_fast", r.high);
        put_double(o, "beta_slow", r.low);
        put_bool(o, "truncate", r.whole_bounds);
    } else if (r.kind == trit_rope_llama3) {
        put_double(o, "low_freq_factor", r.low);
        put_double(o, "high_freq_factor", r.high);
    } else if (r.kind == trit_rope_longrope) {
        put_factors(o, "short_factor", m, trit_end_rope_short, r.short_factors);
        put_factors(o, "long_factor", m, trit_end_rope_long, r.long_factors);
    }
    close_object(o);
}

/* ---- The rest ---- */

static void put_sizes(object *o, const trit_convert_folder *f) {
    const trit_config *c = &f->m->config;
    put_int(o, "hidden_size", c->dim);
    put_int(o, "intermediate_size", c->ff_dim);
    put_int(o, "num_hidden_layers", c->n_layers);
    put_int(o, "num_attention_heads", c->n_heads);
    put_int(o, "num_key_value_heads", c->n_kv_heads);
    put_int(o, "head_dim", c->head_dim);
    put_int(o, "vocab_size", f->pruned ? trit_convert_vocab_size(f->pruned) : c->vocab_size);
    put_int(o, "max_position_embeddings", c->context_length);
    put_float(o, "rms_norm_eps", c->norm_eps);
}

static void put_window(object *o, const trit_config *c) {
    if (!c->window) return;
    put_int(o, "sliding_window", c->window);
    put_bool(o, "use_sliding_window", true);
    key(o, "layer_types");
    for (uint32_t layer = 0; layer < c->n_layers; layer++) {
        raw(o, layer ? ", " : "[");
        raw(o, trit_is_local(c, layer) ? "\"sliding_attention\"" : "\"full_attention\"");
    }
    raw(o, "]");
}

static void put_real(void *o, const char *gguf, const char *hf, double v) {
    (void)gguf;
    if (*hf) put_double(o, hf, v);
}

/* What only some architectures say. */
static void put_own(object *o, const trit_model *m) {
    const trit_config *c = &m->config;
    trit_projection p;
    if (c->arch->write) c->arch->write(c, put_real, o);
    if (trit_layer_projection(&p, m, 0, trit_layer_attn_q)) put_bool(o, "attention_bias", p.bias != NULL);
    if (trit_layer_projection(&p, m, 0, trit_layer_ffn_gate)) put_bool(o, "mlp_bias", p.bias != NULL);
}

static bool any_packed(const trit_convert_job *job) {
    for (size_t i = 0; i < job->n; i++)
        if (job->tensor[i].dtype == trit_dtype_hf_ternary) return true;
    return false;
}

static void put_quantization(object *o, const trit_convert_folder *f) {
    const trit_config *c = &f->m->config;
    const bool own_norms = c->in_norm_eps != c->norm_eps;
    if (f->is_packed || f->has_masters || own_norms) {
        open_object(o, "quantization_config");
        put_str(o, "quant_method", "bitnet");
        put_str(o, "linear_class", "autobitlinear");
        put_str(o, "quantization_mode", f->is_packed ? "offline" : "online");
        if (own_norms) put_bool(o, "use_rms_norm", true);
        if (own_norms) put_float(o, "rms_norm_eps", c->in_norm_eps);
        close_object(o);
    }
    if (f->is_ternary && !c->arch->always_int8) put_str(o, TRIT_KEY_ACTIVATIONS, c->act_int8 ? "int8" : "float");
    if (f->has_masters && c->master_group) put_int(o, TRIT_KEY_MASTER_GROUP, c->master_group);
    if (c->arch->always_int8 && (!c->masters || f->merges_trits)) put_bool(o, TRIT_KEY_MASTERS, false);
}

static int32_t id_now(const trit_convert_folder *f, int32_t id) {
    return f->pruned ? trit_convert_now(f->pruned, id) : id;
}

static void put_tokens(object *o, const trit_convert_folder *f) {
    const trit_tokenizer *t = f->tokenizer;
    bool any = false;
    if (!t) return;
    if (trit_tokenizer_bos(t) >= 0) put_int(o, "bos_token_id", id_now(f, trit_tokenizer_bos(t)));
    for (uint32_t id = 0; id < trit_tokenizer_size(t); id++) {
        char number[16];
        const int32_t now = id_now(f, (int32_t)id);
        if (!trit_tokenizer_is_eog(t, (int32_t)id) || now < 0) continue;
        if (!any) key(o, "eos_token_id");
        snprintf(number, sizeof number, "%s%d", any ? ", " : "[", now);
        raw(o, number);
        any = true;
    }
    if (any) raw(o, "]");
}

/* Writes the object as a file and frees it. */
static trit_status finish(object *o, const char *folder, const char *name, trit_error *err) {
    char path[4096];
    close_object(o);
    raw(o, "\n");
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const trit_status status = o->failed ? trit_error_memory(err, o->text.n, name) : trit_os_write_file(path, o->text.data, o->text.n, err);
    trit_text_fini(&o->text);
    return status;
}

trit_status trit_convert_write_folder(const trit_convert_folder *f, const char *folder, trit_error *err) {
    const trit_config *c = &f->m->config;
    const trit_arch *arch = c->arch;
    static const char *const activations[] = {[trit_act_silu] = "silu", [trit_act_relu2] = "relu2", [trit_act_gelu] = "gelu_pytorch_tanh"};
    object o = {0};
    key(&o, "architectures");
    raw(&o, "[");
    o.failed |= !trit_json_write_str(&o.text, arch->hf[0], strlen(arch->hf[0]));
    raw(&o, "]");
    put_str(&o, "model_type", arch->hf_model_type ? arch->hf_model_type : arch->name);
    put_sizes(&o, f);
    put_str(&o, arch->hf_activation_key ? arch->hf_activation_key : "hidden_act", activations[c->activation]);
    put_bool(&o, "tie_word_embeddings", f->is_tied);
    put_rope(&o, f->m);
    put_window(&o, c);
    put_own(&o, f->m);
    put_quantization(&o, f);
    put_tokens(&o, f);
    return finish(&o, folder, "config.json", err);
}

trit_status trit_convert_write_config(const trit_convert_job *job, const char *folder, trit_error *err) {
    const trit_config *c = &job->m->config;
    const trit_convert_folder f = {.m = job->m, .tokenizer = job->m->tokenizer, .is_tied = trit_model_is_tied(job->m) || job->drops_head,
                                   .is_ternary = trit_convert_any_ternary(job), .is_packed = any_packed(job), .has_masters = job->keeps_masters,
                                   .merges_trits = job->merges_trits,
                                   .pruned = job->now ? job : NULL};
    if (c->pooling != trit_pooling_default)
        trit_convert_say(job, trit_convert_note, "pooling %s: a folder says so in 1_Pooling/config.json, which is not written", trit_pooling_name(c->pooling));
    return trit_convert_write_folder(&f, folder, err);
}
