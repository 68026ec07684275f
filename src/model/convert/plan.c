/* Which tensors the output has: those of the graph under the names of the output's container, in a type that was asked for or
 * that holds them exactly. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"
#include "model/convert/convert.h"

static bool to_gguf(const trit_convert_job *job) {
    return !job->o->hugging_face;
}

/* ---- Adding a tensor ---- */

static trit_status add(trit_convert_tensor **out, trit_convert_job *job, const char *name, trit_dtype dtype, uint32_t n_dims,
                       const uint64_t *shape, trit_error *err) {
    void *p = job->tensor;
    uint64_t n_bytes;
    if (!trit_grow(&p, &job->capacity, job->n + 1, sizeof *job->tensor)) return trit_error_memory(err, job->n, "the tensors");
    job->tensor = p;
    trit_file_tensor t = {.dtype = dtype, .n_dims = n_dims};
    for (uint32_t i = 0; i < n_dims; i++) t.shape[i] = shape[i];
    if (!trit_dtype_n_bytes(dtype, trit_file_tensor_n_rows(&t), trit_file_tensor_n_cols(&t), &n_bytes))
        return trit_error_set(err, trit_unsupported, "tensor %s: %" PRIu64 " rows of %" PRIu64 " columns do not fit the blocks of %s", name,
                              trit_file_tensor_n_rows(&t), trit_file_tensor_n_cols(&t), trit_dtype_info(dtype)->label);
    char *copy = trit_strndup(name, strlen(name));
    if (!copy) return trit_error_memory(err, strlen(name), "a tensor's name");
    t.name = trit_str_from(copy);
    t.n_bytes = n_bytes;
    if (dtype == trit_dtype_hf_ternary) { /* in its file a matrix of bytes */
        t.dtype = trit_dtype_u8;
        t.shape[0] = (shape[0] + 3) / 4;
    }
    *out = &job->tensor[job->n++];
    **out = (trit_convert_tensor){.job = job, .out = t, .dtype = dtype, .name = copy, .linear.factor = 1, .predicted = NAN};
    job->report.bytes_out += n_bytes;
    return trit_ok;
}

static trit_status add_copy(trit_convert_job *job, const char *name, const trit_file_tensor *in, trit_error *err) {
    trit_convert_tensor *t;
    const trit_status status = add(&t, job, name, in->dtype, in->n_dims, in->shape, err);
    if (status == trit_ok) t->in = in;
    return status;
}

/* A list of floats of our own. The caller fills them. */
static trit_status add_values(float **values, trit_convert_job *job, const char *name, uint64_t n, trit_error *err) {
    trit_convert_tensor *t;
    float *list = trit_alloc_zero(n, sizeof *list);
    if (!list) return trit_error_memory(err, n * sizeof *list, name);
    const trit_status status = add(&t, job, name, trit_dtype_f32, 1, &n, err);
    if (status != trit_ok) {
        trit_free(list);
        return status;
    }
    t->role = trit_role_values;
    *values = t->values = list;
    return trit_ok;
}

/* A list of floats of the input, as F32: norms and biases. A bias is one column of rows, which may change places. */
static trit_status add_list(trit_convert_job *job, const char *name, const trit_file_tensor *in, uint64_t n, float less,
                            trit_heads heads, trit_error *err) {
    trit_convert_tensor *t;
    trit_quant_matrix matrix;
    trit_status status = trit_matrix_of(&matrix, job->m, in, 1, (uint32_t)n, err);
    if (status == trit_ok) status = add(&t, job, name, trit_dtype_f32, 1, &n, err);
    if (status != trit_ok) return status;
    t->role = in->dtype == trit_dtype_f32 && less == 0 && heads == trit_heads_stay ? trit_role_copy : trit_role_rows;
    if (heads != trit_heads_stay) {
        matrix.n_rows = n;
        matrix.n_cols = 1;
    }
    t->in = in;
    t->linear.matrix = matrix;
    t->heads = heads;
    t->add = less;
    return trit_ok;
}

/* ---- Types ---- */

/* The type that was asked for, or the input's where the container knows it; else the narrowest floats that are exact. */
static trit_status float_type(trit_dtype *out, const trit_convert_tensor *draft, trit_dtype asked, trit_error *err) {
    const trit_convert_job *job = draft->job;
    const trit_dtype_traits *own = trit_dtype_info(draft->in->dtype);
    *out = asked != trit_n_dtypes ? asked : draft->in->dtype;
    if (asked != trit_n_dtypes && trit_quant_format_of(asked)->trits && asked != draft->in->dtype)
        return trit_error_set(err, trit_unsupported, "tensor %.*s: its floats are not ternary, so %s cannot hold them (that would be quantizing)",
                              TRIT_STR_ARG(draft->in->name), trit_dtype_info(asked)->label);
    if (asked != trit_n_dtypes || (to_gguf(job) ? own->gguf_id >= 0 : *own->safetensors != 0)) return trit_ok;
    return trit_convert_exact_type(out, draft, err);
}

/* One scale by the way it is stored. */
static bool has_one_scale(const trit_convert_job *job, const trit_linear *l) {
    return l->is_master ? !job->m->config.master_group : l->format->one_scale;
}

static trit_status ternary_type(trit_dtype *out, const trit_convert_tensor *draft, trit_error *err) {
    const trit_convert_job *job = draft->job;
    const trit_linear *l = &draft->linear;
    *out = job->type;
    if (*out != trit_n_dtypes) return trit_ok;
    *out = draft->in->dtype == trit_dtype_u8 ? trit_dtype_hf_ternary : draft->in->dtype;
    const bool is_apart = l->matrix.tile.rows || *out == trit_dtype_gpu_int2; /* TL1 and TL2 would need their kernel_config.ini */
    if (job->same_container && !is_apart) return trit_ok;
    const trit_dtype usual = to_gguf(job) ? trit_dtype_i2_s : trit_dtype_hf_ternary;
    *out = usual;
    if (has_one_scale(job, l) && trit_convert_can_hold(job, usual) && (!to_gguf(job) || l->matrix.n_rows * l->matrix.n_cols % 128 == 0)) return trit_ok;
    return trit_convert_exact_type(out, draft, err);
}

/* ---- Projections ---- */

/* The scale of packed weights stands beside them. */
static trit_status add_scale(trit_convert_job *job, const char *name, trit_error *err) {
    char scale[160];
    trit_convert_tensor *t;
    snprintf(scale, sizeof scale, "%s_scale", name);
    const trit_status status = add(&t, job, scale, trit_dtype_f32, 1, &(uint64_t){1}, err);
    if (status == trit_ok) t->role = trit_role_scale;
    return status;
}

/* Formats of four levels are ternary where no code is the fourth. */
static trit_status settle_levels(trit_linear *l, const trit_convert_job *job, const trit_file_tensor *in, trit_error *err) {
    const uint64_t n = l->matrix.n_cols;
    if (!l->row || !l->format->four_levels) return trit_ok;
    int8_t *trits = trit_alloc(n, 1);
    float *scales = trit_alloc(n, 2 * sizeof *scales);
    trit_status status = trits && scales ? trit_ok : trit_error_memory(err, n * 9, "a row of weights");
    for (uint64_t r = 0; r < l->matrix.n_rows && status == trit_ok; r++) status = l->row(l, r, trits, scales, scales + n);
    trit_free(trits);
    trit_free(scales);
    if (status == trit_ok || status == trit_memory) return status;
    if (!trit_linear_is_float(l, job->m, status)) return trit_linear_bad_row(status, in, err);
    l->row = NULL;
    return trit_ok;
}

static trit_heads heads_of(const trit_convert_job *job, size_t i) {
    const bool of_gguf = !job->m->config.arch->gguf_rope_neox; /* neighbours, in that form */
    return trit_heads_between(i, of_gguf && job->m->source.gguf, of_gguf && to_gguf(job));
}

/* Master floats stay what they are in a folder, and where the same file format is read the same way. */
static bool stays_master(const trit_convert_job *job, const trit_linear *l, trit_dtype dtype) {
    return l->is_master && trit_dtype_is_float(dtype) && (!to_gguf(job) || job->m->source.gguf);
}

/* Rows that are no whole number of blocks: the message names a type that they fit. */
static trit_status check_fit(const trit_convert_tensor *draft, trit_error *err) {
    const trit_quant_matrix *m = &draft->linear.matrix;
    const trit_dtype_traits *to = trit_dtype_info(draft->dtype);
    uint64_t n_bytes;
    trit_dtype can;
    if (trit_dtype_n_bytes(draft->dtype, m->n_rows, m->n_cols, &n_bytes)) return trit_ok;
    const trit_status status = trit_convert_exact_type(&can, draft, err);
    if (status != trit_ok) return status;
    return trit_error_set(err, trit_unsupported, "tensor %.*s: rows of %" PRIu64 " columns are no whole blocks of %s (%u); %s can hold them",
                          TRIT_STR_ARG(draft->in->name), m->n_cols, to->label, to->block, trit_dtype_info(can)->label);
}

static trit_status choose_type(trit_convert_tensor *draft, trit_error *err) {
    trit_convert_job *job = draft->job;
    const trit_linear *l = &draft->linear;
    draft->role = l->row ? trit_role_ternary : trit_role_rows;
    trit_status status = trit_ok;
    if (job->q) {
        status = trit_convert_by_rules(draft, err);
        if (status != trit_ok || draft->dtype != trit_n_dtypes) return status;
    }
    status = l->row ? ternary_type(&draft->dtype, draft, err) : float_type(&draft->dtype, draft, job->type, err);
    if (status == trit_ok && job->type != trit_n_dtypes) status = check_fit(draft, err);
    if (status != trit_ok) return status;
    if (l->adapted && l->format->trits && trit_dtype_is_float(draft->dtype)) { /* floats hold the sum as it is */
        draft->linear.row = NULL;
        draft->role = trit_role_rows;
        job->merges_trits = true;
    }
    if (stays_master(job, l, draft->dtype)) {
        draft->role = trit_role_rows;
        job->keeps_masters = true;
    }
    const bool same = !l->adapted && draft->in->dtype == draft->dtype && draft->heads == trit_heads_stay && (job->same_container || l->factor == 1) &&
                      (draft->dtype != trit_dtype_i2_s || job->m->i2_s_block == 128);
    if (same && (draft->role == trit_role_rows || job->same_container)) draft->role = trit_role_copy;
    return trit_ok;
}

/* What was decided in a draft. */
static void settle(trit_convert_tensor *t, const trit_convert_tensor *draft) {
    t->in = draft->in;
    t->role = draft->role;
    t->linear = draft->linear;
    t->heads = draft->heads;
    t->rows = draft->rows;
    t->scheme = draft->scheme;
    t->is_free = draft->is_free;
    t->importance = draft->importance;
    memcpy(t->key, draft->key, sizeof t->key);
}

static trit_status add_linear(trit_convert_job *job, const char *name, const char *base, uint32_t layer, size_t i, const trit_projection *p, trit_error *err) {
    char other[160];
    trit_convert_tensor draft = {.job = job, .in = p->weight, .heads = heads_of(job, i)}, *t = NULL;
    snprintf(draft.key, sizeof draft.key, "blk.%u.%s.weight", layer, trit_layer_name(i));
    trit_status status = trit_linear_settle(&draft.linear, job->m, p, err);
    if (status == trit_ok) status = settle_levels(&draft.linear, job, p->weight, err);
    if (job->m->source.is_mapped) trit_os_map_drop(p->weight->data, (size_t)p->weight->n_bytes); /* read for its scale; written later */
    if (status == trit_ok) status = choose_type(&draft, err);
    if (status == trit_ok) status = add(&t, job, name, draft.dtype, 2, (uint64_t[]){p->n_rows, p->n_cols}, err);
    if (status != trit_ok) return status;
    settle(t, &draft);
    job->n_exact += draft.role == trit_role_ternary && draft.linear.is_exact && trit_quant_format_of(draft.dtype)->trits;
    if (draft.dtype == trit_dtype_hf_ternary && draft.role != trit_role_copy) status = add_scale(job, name, err);
    if (status == trit_ok && p->scale && draft.role == trit_role_copy) {
        snprintf(other, sizeof other, "%s%s", base, job->m->source.gguf ? ".scale" : ".weight_scale");
        status = add_copy(job, other, p->scale, err);
    }
    snprintf(other, sizeof other, "%s.bias", base);
    return status == trit_ok && p->bias ? add_list(job, other, p->bias, p->n_rows, 0, draft.heads, err) : status;
}

/* ---- Layers and ends ---- */

static float norm_shift(const trit_convert_job *job, bool is_in_norm) {
    if (job->same_container || is_in_norm || !job->m->config.arch->hf_norms_less_one) return 0;
    return to_gguf(job) ? 1.0f : -1.0f;
}

static trit_status plan_layer_tensor(trit_convert_job *job, uint32_t layer, size_t i, trit_error *err) {
    char base[128], name[144];
    trit_projection p;
    const trit_layer_shape shape = trit_layer_shape_of(&job->m->config, i);
    if (!trit_layer_projection(&p, job->m, layer, i)) {
        if (!(job->m->config.arch->required >> i & 1u)) return trit_ok;
        return trit_error_set(err, trit_format, "tensor blk.%u.%s.weight is missing", layer, trit_layer_name(i));
    }
    const trit_str hf = trit_layer_hf_name(job->m->config.arch, i);
    if (to_gguf(job)) snprintf(base, sizeof base, "blk.%u.%s", layer, trit_layer_name(i));
    else snprintf(base, sizeof base, "model.layers.%u.%.*s", layer, TRIT_STR_ARG(hf));
    snprintf(name, sizeof name, "%s.weight", base);
    if (shape.is_linear) return add_linear(job, name, base, layer, i, &p, err);
    return add_list(job, name, p.weight, p.n_cols, norm_shift(job, shape.is_in_norm), trit_heads_stay, err);
}

/* Embeddings or head. */
static trit_status plan_table(trit_convert_job *job, trit_end end, trit_dtype asked, trit_error *err) {
    const trit_config *c = &job->m->config;
    trit_convert_tensor draft = {.job = job, .in = trit_end_find(job->m, end), .role = trit_role_rows, .linear.factor = 1}, *t = NULL;
    const char *name = trit_end_names[end][to_gguf(job) ? 0 : 1];
    if (!draft.in) return trit_error_set(err, trit_format, "tensor %s is missing", trit_end_names[end][0]);
    trit_status status = trit_matrix_of(&draft.linear.matrix, job->m, draft.in, c->vocab_size, c->dim, err);
    draft.dtype = trit_n_dtypes;
    snprintf(draft.key, sizeof draft.key, "%s", trit_end_names[end][0]);
    if (status == trit_ok) status = trit_convert_prune_rows(&draft, err);
    if (status == trit_ok && job->q) status = trit_convert_by_rules(&draft, err);
    if (status == trit_ok && draft.dtype == trit_n_dtypes) {
        status = float_type(&draft.dtype, &draft, asked, err);
        draft.role = draft.dtype == draft.in->dtype ? trit_role_copy : trit_role_rows;
    }
    if (status == trit_ok) status = add(&t, job, name, draft.dtype, 2, (uint64_t[]){trit_convert_vocab_size(job), c->dim}, err);
    if (status == trit_ok) settle(t, &draft);
    return status;
}

/* Early files of 2B-4T carry the embeddings once more as a head. */
static bool head_repeats(const trit_convert_job *job) {
    const trit_file_tensor *head = trit_end_find(job->m, trit_end_head), *embd = trit_end_find(job->m, trit_end_embd);
    return job->m->source.gguf && head && embd && head->dtype == embd->dtype && head->n_bytes == embd->n_bytes &&
           memcmp(head->data, embd->data, (size_t)head->n_bytes) == 0;
}

static trit_status plan_ends(trit_convert_job *job, trit_error *err) {
    const trit_config *c = &job->m->config;
    const trit_file_tensor *norm = trit_end_find(job->m, trit_end_norm);
    const bool tied = trit_model_is_tied(job->m);
    trit_status status = plan_table(job, trit_end_embd, job->embed_type, err);
    if (status != trit_ok) return status;
    if (!norm) return trit_error_set(err, trit_format, "tensor output_norm.weight is missing");
    job->drops_head = !tied && head_repeats(job);
    if (job->drops_head) trit_convert_say(job, trit_convert_mended, "output.weight repeats token_embd.weight: left out");
    if ((tied || job->drops_head) && job->head_type != trit_n_dtypes)
        return trit_error_set(err, trit_arg, "a type for the head, but the model's head is its embeddings: give the embeddings' type");
    status = add_list(job, trit_end_names[trit_end_norm][to_gguf(job) ? 0 : 1], norm, c->dim, norm_shift(job, false), trit_heads_stay, err);
    return status == trit_ok && !tied && !job->drops_head ? plan_table(job, trit_end_head, job->head_type, err) : status;
}

/* ---- RoPE: tensors in GGUF, numbers of config.json in folders ---- */

static trit_status plan_llama3(trit_convert_job *job, trit_error *err) {
    const trit_config *c = &job->m->config;
    float *values = NULL;
    const trit_status status = add_values(&values, job, trit_end_names[trit_end_rope][0], c->rope_dims / 2, err);
    for (uint32_t i = 0; i < c->rope_dims / 2 && status == trit_ok; i++)
        values[i] = (float)trit_rope_llama3_divisor(&c->rope, trit_pow((double)c->rope_theta, -2.0 * i / c->rope_dims));
    return status;
}

static trit_status plan_long(trit_convert_job *job, trit_end end, const trit_json *list, trit_error *err) {
    float *values = NULL;
    const trit_status status = add_values(&values, job, trit_end_names[end][0], trit_json_length(list), err);
    for (size_t i = 0; i < trit_json_length(list) && status == trit_ok; i++) values[i] = (float)trit_json_as_real(trit_json_at(list, i), 0);
    return status;
}

static trit_status plan_rope(trit_convert_job *job, trit_error *err) {
    const trit_rope_scaling *r = &job->m->config.rope;
    trit_status status = trit_ok;
    trit_rope_scaling found;
    for (size_t end = trit_end_rope; end <= trit_end_rope_short && status == trit_ok; end++) {
        const trit_file_tensor *t = trit_end_find(job->m, end);
        if (t && to_gguf(job)) status = add_list(job, trit_end_names[end][0], t, trit_file_tensor_n_elements(t), 0, trit_heads_stay, err);
        if (t && !to_gguf(job) && end == trit_end_rope && !trit_convert_find_llama3(job->m, &found))
            return trit_error_set(err, trit_unsupported, "rope_freqs.weight: no divisors of \"llama3\", which is all that config.json can say");
    }
    if (status != trit_ok || !to_gguf(job) || job->m->source.gguf) return status;
    if (r->kind == trit_rope_llama3) return plan_llama3(job, err);
    if (r->kind != trit_rope_longrope) return trit_ok;
    status = plan_long(job, trit_end_rope_long, r->long_factors, err);
    return status == trit_ok ? plan_long(job, trit_end_rope_short, r->short_factors, err) : status;
}

static bool has_row_per_token(const trit_convert_job *job, const trit_file_tensor *t) {
    bool any = false;
    for (uint32_t i = 0; i < t->n_dims; i++) any |= t->shape[i] == job->m->config.vocab_size;
    return any;
}

/* What the graph does not read goes along in a file of the same kind; elsewhere it would have no name. */
static trit_status plan_rest(trit_convert_job *job, trit_error *err) {
    char name[160];
    for (size_t i = 0; i < trit_source_n_tensors(&job->m->source); i++) {
        const trit_file_tensor *t = trit_source_tensor_at(&job->m->source, i);
        job->report.bytes_in += t->n_bytes;
        if (trit_model_uses(job->m, t)) continue;
        snprintf(name, sizeof name, "%.*s", TRIT_STR_ARG(t->name));
        if (strstr(name, "rotary_emb.inv_freq")) continue; /* old releases carry it */
        if (!job->same_container)
            return trit_error_set(err, trit_unsupported, "tensor %s is not part of the %s graph, and has no name in the output", name,
                                  job->m->config.arch->name);
        if (job->now && has_row_per_token(job, t))
            return trit_error_set(err, trit_unsupported, "tensor %s has something for each token, but is not part of the %s graph: no token can be left out",
                                  name, job->m->config.arch->name);
        const trit_status status = add_copy(job, name, t, err);
        if (status != trit_ok) return status;
    }
    return trit_ok;
}

trit_status trit_convert_plan(trit_convert_job *job, trit_error *err) {
    trit_status status = plan_ends(job, err);
    for (uint32_t layer = 0; layer < job->m->config.n_layers && status == trit_ok; layer++) {
        for (size_t i = 0; i < trit_n_layer_tensors && status == trit_ok; i++) status = plan_layer_tensor(job, layer, i, err);
        if (status == trit_ok) status = trit_convert_advance(job, 0, err);
    }
    if (status == trit_ok) status = plan_rope(job, err);
    if (status == trit_ok) status = plan_rest(job, err);
    job->report.n_tensors = job->n;
    if (status == trit_ok && job->n_exact)
        trit_convert_say(job, trit_convert_note, "%zu matrices of floats hold trits times a scale already: they become trits without loss", job->n_exact);
    return status;
}

void trit_convert_plan_fini(trit_convert_job *job) {
    for (size_t i = 0; i < job->n; i++) {
        trit_free(job->tensor[i].name);
        trit_free(job->tensor[i].values);
    }
    trit_free(job->tensor);
}

/* ---- Questions about the plan ---- */

static bool is_projection(const trit_convert_tensor *t) {
    return t->linear.format != NULL;
}

trit_dtype trit_convert_main_type(const trit_convert_job *job) {
    size_t count[trit_n_dtypes] = {0};
    int most = trit_dtype_f32;
    for (size_t i = 0; i < job->n; i++) count[job->tensor[i].dtype] += is_projection(&job->tensor[i]);
    for (int d = 0; d < trit_n_dtypes; d++)
        if (count[d] > count[most]) most = d;
    return (trit_dtype)most;
}

bool trit_convert_any_ternary(const trit_convert_job *job) {
    for (size_t i = 0; i < job->n; i++) {
        const trit_convert_tensor *t = &job->tensor[i];
        if (is_projection(t) && (t->linear.row || (t->role == trit_role_scheme && t->scheme.kind == trit_scheme_ternary))) return true;
    }
    return false;
}

bool trit_convert_retype(trit_convert_tensor *t, trit_dtype dtype) {
    uint64_t n_bytes;
    if (!trit_dtype_n_bytes(dtype, t->linear.matrix.n_rows, t->linear.matrix.n_cols, &n_bytes)) return false;
    t->job->report.bytes_out += n_bytes - t->out.n_bytes; /* modulo 2^64 where it shrinks */
    t->out.n_bytes = n_bytes;
    t->out.dtype = t->dtype = dtype;
    t->role = dtype == t->in->dtype && t->heads == trit_heads_stay && t->linear.factor == 1 ? trit_role_copy : trit_role_rows;
    return true;
}
