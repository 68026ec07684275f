/* Opening a model: file, configuration, weights, op list, tokenizer; and telling what it is. */
#include "model/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "trit/hub.h"

static trit_status copy_text(char **out, trit_str s, trit_error *err) {
    *out = trit_strndup(s.p ? s.p : "", s.n);
    return *out ? trit_ok : trit_error_memory(err, s.n, "a text of the model");
}

static trit_status read_texts(trit_model *m, trit_error *err) {
    trit_str name = {0};
    if (m->source.gguf) {
        (void)trit_gguf_str(trit_gguf_find(m->source.gguf, "general.name"), &name);
    } else if (m->source.synthetic) {
        name = trit_str_from(m->source.synthetic->what);
    }
    trit_status status = copy_text(&m->name, name, err);
    return status == trit_ok ? trit_chat_template_read(m, err) : status;
}

static trit_status name_tensors(trit_model *m, trit_error *err) {
    size_t n = trit_source_n_tensors(&m->source);
    m->tensor_names = trit_alloc_zero(n, sizeof *m->tensor_names);
    if (!m->tensor_names) return trit_error_memory(err, n * sizeof *m->tensor_names, "the tensors' names");
    m->n_tensors = n;
    for (size_t i = 0; i < n; i++) {
        const trit_file_tensor *t = trit_source_tensor_at(&m->source, i);
        trit_status status = copy_text(&m->tensor_names[i], t->name, err);
        if (status != trit_ok) return status;
    }
    return trit_ok;
}

static void count_bytes(trit_model *m) {
    trit_weight *layers;
    size_t n = trit_layer_weights(m, &layers);
    const trit_weight *ends[] = {&m->token_embd, &m->output_norm, &m->output};
    for (size_t i = 0; i < n + 3; i++) {
        const trit_weight *w = i < n ? &layers[i] : ends[i - n];
        if (trit_has(w)) m->weight_bytes += trit_weight_bytes(w) + trit_coarse_bytes(w);
    }
    for (size_t i = 0; i < m->n_loras * n; i++)
        for (int which = 0; which < 2; which++) m->weight_bytes += m->loras[i / n].pair[i % n].weight[which].n_bytes;
}

static trit_status open_tokenizer(trit_model *m, const char *other, trit_error *err) {
    trit_status status = trit_ok;
    if (other)
        status = trit_tokenizer_open(&m->tokenizer, other, err);
    else if (m->source.gguf && trit_gguf_has_tokenizer(m->source.gguf))
        status = trit_tokenizer_from_gguf(&m->tokenizer, m->source.gguf, err);
    else if (m->source.folder)
        status = trit_tokenizer_from_folder(&m->tokenizer, m->source.folder, m->source.safetensors ? &m->source.hf : NULL, err);
    if (status != trit_ok || !m->tokenizer) return status;
    uint32_t n = trit_tokenizer_size(m->tokenizer);
    if (n <= m->config.vocab_size) return trit_ok;
    return trit_error_set(err, trit_format, "the tokenizer has %u tokens, but the model's vocabulary has %u", n, m->config.vocab_size);
}

static trit_status open_loras(trit_model *m, const trit_model_opts *o, trit_error *err) {
    if (!o->n_loras) return trit_ok;
    m->loras = trit_alloc_zero(o->n_loras, sizeof *m->loras);
    if (!m->loras) return trit_error_memory(err, o->n_loras * sizeof *m->loras, "the adapters");
    trit_status status = trit_ok;
    while (m->n_loras < o->n_loras && status == trit_ok) {
        status = trit_lora_open(&m->loras[m->n_loras], m, &o->loras[m->n_loras], o->merge_loras, err);
        m->n_loras += status == trit_ok;
        if (status == trit_ok) status = trit_lora_check(&m->loras[m->n_loras - 1], m, err);
    }
    return status;
}

static trit_status bind_loras(trit_model *m, trit_error *err) {
    trit_status status = trit_ok;
    for (size_t i = 0; i < m->n_loras && status == trit_ok; i++) status = trit_lora_bind(&m->loras[i], m, err);
    return status;
}

static trit_weight *head_of(trit_model *m) {
    return trit_has(&m->output) ? &m->output : &m->token_embd;
}

static trit_status prepare_head(trit_model *m, trit_error *err) {
    trit_status status = m->device->vt->prepare_head(m->device, head_of(m), err);
    trit_drop_pages(m, trit_has(&m->output) ? "output.weight" : "token_embd.weight", trit_has(&m->output) ? "lm_head.weight" : "model.embed_tokens.weight");
    return status;
}

static trit_status write_programs(trit_model *m, trit_error *err) {
    trit_program *p = &m->program;
    trit_value hidden = m->config.arch->forward(m, p);
    if (m->config.output_factor != 1.0f) hidden = trit_emit_scale(p, hidden, m->config.output_factor);
    trit_value logits = trit_emit_head(p, hidden, head_of(m));
    trit_status status = trit_program_finish(p, logits, err);
    if (status != trit_ok) return status;
    return trit_program_finish(&m->embedder, m->config.arch->forward(m, &m->embedder), err);
}

/* What the file says of itself. Whoever only wants to know what a file is gets an answer for files that cannot be run too: the
 * reason is kept as the model's problem. */
static trit_status read_description(trit_model *m, const trit_model_opts *o, trit_error *err) {
    trit_error why = {0};
    trit_status status = trit_config_read(&m->config, &m->source, o, &why);
    if (status == trit_ok) status = open_tokenizer(m, o->tokenizer, &why);
    if (o->no_weights && (status == trit_format || status == trit_unsupported)) {
        m->problem = trit_strndup(why.message, strlen(why.message));
        return m->problem ? trit_ok : trit_error_memory(err, sizeof why, "a message");
    }
    if (status != trit_ok && err) *err = why;
    return status;
}

/* The file that the user names, or the one that bitnet.cpp leaves beside a model of TL1 or TL2. */
static trit_status open_kernels(trit_model *m, const char *ref, const char *path, trit_error *err) {
    char beside[4096];
    bool any = false;
    if (path) return trit_kernel_config_open(&m->kernels, path, err);
    for (size_t i = 0; i < trit_source_n_tensors(&m->source); i++) {
        const trit_dtype dtype = trit_source_tensor_at(&m->source, i)->dtype;
        any |= dtype == trit_dtype_tl1 || dtype == trit_dtype_tl2;
    }
    const char *slash = any ? strrchr(ref, '/') : NULL;
    const int n = snprintf(beside, sizeof beside, "%.*skernel_config.ini", slash ? (int)(slash - ref + 1) : 0, any ? ref : "");
    if (!any || n >= (int)sizeof beside || !trit_os_is_file(beside)) return trit_ok;
    return trit_kernel_config_open(&m->kernels, beside, err);
}

/* From a path, or from where the store has what `ref` names. */
static trit_status open_source(trit_model *m, const char *ref, const trit_model_opts *o, trit_error *err) {
    trit_text path = {0};
    const trit_hub_opts hub = {.progress = o->progress, .user = o->user};
    trit_status status = trit_hub_resolve(&path, ref, &hub, err);
    if (status == trit_ok) status = trit_source_open(&m->source, path.data, err);
    if (status == trit_ok) status = open_kernels(m, path.data, o->kernel_config, err);
    trit_text_fini(&path);
    return status;
}

/* The source is open. */
static trit_status open_steps(trit_model *m, const trit_model_opts *o, trit_error *err) {
    trit_status status = read_description(m, o, err);
    if (status == trit_ok) status = read_texts(m, err);
    if (status == trit_ok) status = name_tensors(m, err);
    if (status == trit_ok) status = trit_notes_read(m, err);
    if (status == trit_ok && !m->problem) m->n_params = trit_model_count_params(m);
    if (status == trit_ok && !m->problem) status = open_loras(m, o, err);
    if (status != trit_ok || o->no_weights) return status;
    if (!m->device) {
        status = trit_device_open(&m->device, NULL, NULL, err);
        m->owns_device = status == trit_ok;
    }
    if (status == trit_ok) status = trit_model_bind(m, o, err);
    if (status == trit_ok) status = bind_loras(m, err);
    if (status == trit_ok && !o->embeddings) status = prepare_head(m, err);
    if (status == trit_ok) status = trit_rope_bind(m, err);
    if (status == trit_ok) status = write_programs(m, err);
    if (status == trit_ok) count_bytes(m);
    return status;
}

/* NULL: no memory. */
static trit_model *new_model(const trit_model_opts *o, trit_error *err) {
    trit_model *m = trit_alloc_zero(1, sizeof *m);
    if (!m) {
        (void)trit_error_memory(err, sizeof *m, "the model");
        return NULL;
    }
    m->device = o->device;
    m->i2_s_block = o->i2_s_block ? o->i2_s_block : 128;
    trit_program_init(&m->program);
    trit_program_init(&m->embedder);
    return m;
}

/* The model, or its end. */
static trit_status give(trit_model **out, trit_model *m, trit_status status) {
    if (status == trit_ok)
        *out = m;
    else
        trit_model_close(m);
    return status;
}

trit_status trit_model_open(trit_model **out, const char *ref, const trit_model_opts *opts, trit_error *err) {
    static const trit_model_opts defaults = {0};
    const trit_model_opts *o = opts ? opts : &defaults;
    trit_model *m = new_model(o, err);
    if (!m) return trit_memory;
    trit_status status = open_source(m, ref, o, err);
    if (status == trit_ok) status = open_steps(m, o, err);
    return give(out, m, status);
}

trit_status trit_model_open_shape(trit_model **out, const trit_synthetic *shape, const trit_model_opts *o, trit_error *err) {
    trit_model *m = new_model(o, err);
    if (!m) return trit_memory;
    trit_status status = trit_source_of_shape(&m->source, shape, err);
    if (status == trit_ok) status = open_steps(m, o, err);
    return give(out, m, status);
}

void trit_model_close(trit_model *m) {
    if (!m) return;
    trit_weight *layers;
    size_t n = trit_layer_weights(m, &layers);
    for (size_t i = 0; i < n; i++) m->device->vt->weight_free(m->device, &layers[i]);
    if (m->device) {
        m->device->vt->weight_free(m->device, &m->token_embd);
        m->device->vt->weight_free(m->device, &m->output_norm);
        m->device->vt->weight_free(m->device, &m->output);
    }
    trit_free(m->layers);
    for (size_t i = 0; i < m->n_loras; i++) trit_lora_close(&m->loras[i], m);
    trit_free(m->loras);
    trit_program_fini(&m->program);
    trit_program_fini(&m->embedder);
    trit_tokenizer_close(m->tokenizer);
    trit_rope_fini(m);
    for (size_t i = 0; i < m->n_tensors; i++) trit_free(m->tensor_names[i]);
    trit_free(m->tensor_names);
    trit_free(m->name);
    trit_free(m->chat_template);
    trit_free(m->problem);
    trit_notes_fini(m);
    if (m->owns_device) trit_device_close(m->device);
    trit_source_close(&m->source);
    trit_free(m);
}

const trit_tokenizer *trit_model_tokenizer(const trit_model *m) {
    return m->tokenizer;
}

void trit_model_describe(const trit_model *m, trit_model_info *out) {
    static const char *const activations[] = {[trit_act_silu] = "silu", [trit_act_relu2] = "relu2", [trit_act_gelu] = "gelu"};
    static const char *const senses[] = {
        [trit_scale_inside] = "",
        [trit_scale_multiply] = "multiply (autobitlinear)",
        [trit_scale_divide] = "divide (bitlinear)",
        [trit_scale_online] = "none stored: weights are quantized at load (absmean)",
    };
    const trit_config *c = &m->config;
    *out = (trit_model_info){
        .format = m->source.format, .arch = c->arch ? c->arch->name : "", .file_arch = m->source.file_arch, .name = m->name,
        .activation = activations[c->activation], .activation_why = c->activation_why ? c->activation_why : "",
        .activations = c->act_int8 ? "int8" : "float", .activations_why = c->act_int8_why ? c->act_int8_why : "", .scale_sense = senses[c->scale_sense],
        .n_params = m->n_params, .weight_bytes = m->weight_bytes,
        .n_layers = c->n_layers, .dim = c->dim, .ff_dim = c->ff_dim, .n_heads = c->n_heads, .n_kv_heads = c->n_kv_heads,
        .head_dim = c->head_dim, .vocab_size = c->vocab_size, .context_length = c->context_length,
        .norm_eps = c->norm_eps, .rope_theta = c->rope_theta, .tied_embeddings = trit_model_is_tied(m),
        .pooling = trit_pooling_name(c->pooling), .chat_template = m->chat_template, .problem = m->problem,
    };
}

bool trit_model_lora_at(const trit_model *m, size_t i, trit_lora_info *out) {
    if (i >= m->n_loras) return false;
    trit_lora_describe(&m->loras[i], out);
    return true;
}

bool trit_model_tensor_at(const trit_model *m, size_t i, trit_tensor_info *out) {
    if (i >= m->n_tensors) return false;
    const trit_file_tensor *t = trit_source_tensor_at(&m->source, i);
    *out = (trit_tensor_info){.name = m->tensor_names[i], .type = trit_dtype_info(t->dtype)->label, .n_dims = t->n_dims, .n_bytes = t->n_bytes};
    for (uint32_t d = 0; d < t->n_dims; d++) out->shape[d] = t->shape[d];
    return true;
}

/* Rows of one tensor, looked at for what is no number and, in ternary ones, for what is no trit. */
static trit_status check_rows(const trit_quant_matrix *matrix, const char *name, float *row, int8_t *trits, float *scales, trit_error *err) {
    const trit_quant_format *format = trit_quant_format_of(matrix->dtype);
    for (uint64_t r = 0; r < matrix->n_rows; r++) {
        if (format->trits && !format->four_levels && !format->trits(matrix, r, trits, scales))
            return trit_error_set(err, trit_format, "tensor %s: row %llu holds a code that is no trit", name, (unsigned long long)r);
        format->unpack(matrix, r, row);
        for (uint64_t c = 0; c < matrix->n_cols; c++)
            if (!(fabsf(row[c]) <= 1e6f))
                return trit_error_set(err, trit_numeric, "tensor %s: element [%llu, %llu] is %s", name, (unsigned long long)r, (unsigned long long)c,
                                      isfinite(row[c]) ? "beyond 10^6, which no weight is" : "not finite");
    }
    return trit_ok;
}

trit_status trit_model_check_tensor(const trit_model *m, size_t i, trit_error *err) {
    if (i >= m->n_tensors) return trit_error_set(err, trit_arg, "tensor %zu: the model has %zu", i, m->n_tensors);
    const trit_file_tensor *t = trit_source_tensor_at(&m->source, i);
    if (!trit_quant_format_of(t->dtype)) return trit_ok; /* integers */
    trit_quant_matrix matrix;
    trit_status status = trit_matrix_view(&matrix, m, t, err);
    if (status != trit_ok) return status;
    float *row = trit_alloc(matrix.n_cols, sizeof *row), *scales = trit_alloc(matrix.n_cols, sizeof *scales);
    int8_t *trits = trit_alloc(matrix.n_cols, sizeof *trits);
    status = row && trits && scales ? check_rows(&matrix, m->tensor_names[i], row, trits, scales, err)
                                                : trit_error_memory(err, matrix.n_cols * 9, "a row of weights");
    trit_free(row);
    trit_free(trits);
    trit_free(scales);
    return status;
}
