/* Adapters into files: a folder as PEFT writes it, or GGUF as llama.cpp reads it. All matrices are F32. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/lora.h"
#include "model/model.h"
#include "tensor/bytes.h"

/* Makes the bytes of one matrix. */
typedef struct fill {
    const trit_lora_part *part;
    int which;
    trit_heads heads; /* of B's rows */
    uint32_t head_dim;
    float factor; /* of B */
} fill;

static trit_status fill_matrix(void *context, const trit_file_tensor *t, uint8_t *dst, trit_error *err) {
    const fill *f = context;
    const uint64_t n_rows = t->shape[0], n_cols = t->shape[1];
    const float *src = f->part->matrix[f->which];
    (void)err;
    for (uint64_t r = 0; r < n_rows; r++) {
        const float *row = src + trit_heads_row(f->heads, f->head_dim, r) * n_cols;
        for (uint64_t c = 0; c < n_cols; c++) trit_store_f32(dst + 4 * (r * n_cols + c), row[c] * f->factor);
    }
    return trit_ok;
}

/* ---- Both forms ---- */

typedef trit_status put_tensor(void *writer, const trit_file_tensor *t, fill *f, trit_error *err);

/* "model.layers.0.self_attn.q_proj"; a model without a head has no "model." */
static void module_name(char *out, size_t n, const trit_model *m, uint32_t layer, size_t layer_tensor) {
    const trit_str hf = trit_layer_hf_name(m->config.arch, layer_tensor);
    const bool no_head = m->source.safetensors && trit_ends_with(m->source.file_arch, "Model");
    snprintf(out, n, "%slayers.%u.%.*s", no_head ? "" : "model.", layer, TRIT_STR_ARG(hf));
}

void trit_lora_name(char *out, size_t n, const trit_model *m, uint32_t layer, size_t layer_tensor, int which, bool is_gguf) {
    char module[128];
    module_name(module, sizeof module, m, layer, layer_tensor);
    if (is_gguf) snprintf(out, n, "blk.%u.%s.weight.lora_%c", layer, trit_layer_name(layer_tensor), "ab"[which]);
    else snprintf(out, n, "base_model.model.%s.lora_%c.weight", module, "AB"[which]);
}

static double alpha_of(const trit_lora_part *part) {
    return part->scaling * part->rank;
}

/* GGUF has one alpha: that of the first part. B of the others makes up for it. */
static void prepare(fill f[2], const trit_lora_out *o, const trit_lora_part *part, bool is_gguf) {
    const bool to_neighbours = is_gguf && !o->model->config.arch->gguf_rope_neox;
    for (int which = 0; which < 2; which++)
        f[which] = (fill){.part = part, .which = which, .head_dim = o->model->config.head_dim, .factor = 1};
    f[trit_lora_b].heads = trit_heads_between(part->layer_tensor, !o->model->config.rope_neox, to_neighbours);
    if (is_gguf) f[trit_lora_b].factor = (float)(alpha_of(part) / alpha_of(&o->part[0]));
}

/* `fills` [n][2] outlives the writing. */
static trit_status put_parts(const trit_lora_out *o, fill (*fills)[2], bool is_gguf, put_tensor *put, void *writer, trit_error *err) {
    trit_status status = trit_ok;
    char name[192];
    for (size_t i = 0; i < o->n && status == trit_ok; i++) {
        const trit_lora_part *part = &o->part[i];
        const trit_layer_shape shape = trit_layer_shape_of(&o->model->config, part->layer_tensor);
        prepare(fills[i], o, part, is_gguf);
        for (int which = 0; which < 2 && status == trit_ok; which++) {
            trit_lora_name(name, sizeof name, o->model, part->layer, part->layer_tensor, which, is_gguf);
            trit_file_tensor t = {.name = trit_str_from(name), .dtype = trit_dtype_f32, .n_dims = 2};
            t.shape[0] = which == trit_lora_a ? part->rank : shape.n_rows;
            t.shape[1] = which == trit_lora_a ? shape.n_cols : part->rank;
            t.n_bytes = t.shape[0] * t.shape[1] * sizeof(float);
            status = put(writer, &t, &fills[i][which], err);
        }
    }
    return status;
}

static trit_status put_safetensors(void *w, const trit_file_tensor *t, fill *f, trit_error *err) {
    return trit_safetensors_put_tensor(w, t, fill_matrix, f, 0, err);
}

static trit_status put_gguf(void *w, const trit_file_tensor *t, fill *f, trit_error *err) {
    return trit_gguf_put_tensor_later(w, t, fill_matrix, f, 0, err);
}

/* ---- PEFT ---- */

static bool text(trit_text *out, const char *s) {
    return trit_text_append(out, s, strlen(s));
}

static bool same_number(double a, double b) {
    return fabs(a - b) <= 1e-9 * fabs(b);
}

/* The parts whose value is not the first one's, each by its module's whole name. */
static bool put_pattern(trit_text *out, const trit_lora_out *o, const char *key, double (*value)(const trit_lora_part *)) {
    char module[128];
    bool good = trit_text_format(out, "  \"%s\": {", key), any = false;
    for (size_t i = 0; i < o->n && good; i++) {
        if (same_number(value(&o->part[i]), value(&o->part[0]))) continue;
        module_name(module, sizeof module, o->model, o->part[i].layer, o->part[i].layer_tensor);
        good = text(out, any ? ", " : "") && trit_json_write_str(out, module, strlen(module)) && text(out, ": ") &&
               trit_json_write_f64(out, value(&o->part[i]));
        any = true;
    }
    return good && text(out, "},\n");
}

static double rank_of(const trit_lora_part *part) {
    return part->rank;
}

static bool put_targets(trit_text *out, const trit_lora_out *o) {
    bool good = text(out, "  \"target_modules\": ["), any = false;
    for (size_t k = 0; k < trit_n_layer_tensors && good; k++) {
        trit_str name = trit_layer_hf_name(o->model->config.arch, k); /* "self_attn.q_proj", of which the last word is told */
        size_t i = 0;
        while (i < o->n && o->part[i].layer_tensor != k) i++;
        if (i == o->n) continue;
        for (const char *dot; (dot = memchr(name.p, '.', name.n));) name = (trit_str){dot + 1, name.n - (size_t)(dot + 1 - name.p)};
        good = text(out, any ? ", " : "") && trit_json_write_str(out, name.p, name.n);
        any = true;
    }
    return good && text(out, "],\n");
}

static bool put_config(trit_text *out, const trit_lora_out *o) {
    bool good = text(out, "{\n  \"peft_type\": \"LORA\",\n  \"task_type\": \"CAUSAL_LM\",\n  \"base_model_name_or_path\": ");
    good = good && (o->base ? trit_json_write_str(out, o->base, strlen(o->base)) : text(out, "null"));
    good = good && trit_text_format(out, ",\n  \"r\": %u,\n  \"lora_alpha\": ", o->part[0].rank);
    good = good && trit_json_write_f64(out, alpha_of(&o->part[0])) && text(out, ",\n") && put_targets(out, o);
    good = good && put_pattern(out, o, "rank_pattern", rank_of) && put_pattern(out, o, "alpha_pattern", alpha_of);
    if (o->is_inside) good = good && text(out, "  \"" TRIT_PEFT_INSIDE "\": true,\n");
    return good && text(out, "  \"bias\": \"none\",\n  \"lora_dropout\": 0.0,\n  \"fan_in_fan_out\": false,\n  \"use_rslora\": false,\n"
                             "  \"use_dora\": false,\n  \"modules_to_save\": null,\n  \"init_lora_weights\": true,\n  \"inference_mode\": true\n}\n");
}

static trit_status write_config(const trit_lora_out *o, const char *path, trit_error *err) {
    trit_text json = {0};
    const trit_status status = put_config(&json, o) ? trit_os_write_file(path, json.data, json.n, err) : trit_error_memory(err, json.n, "adapter_config.json");
    trit_text_fini(&json);
    return status;
}

trit_status trit_lora_write_peft(const trit_lora_out *o, const char *folder, trit_error *err) {
    trit_text path = {0};
    trit_safetensors_writer *w = NULL;
    fill(*fills)[2] = trit_alloc(o->n, sizeof *fills);
    trit_status status = fills ? trit_safetensors_writer_new(&w, err) : trit_error_memory(err, o->n * sizeof *fills, "an adapter");
    if (status == trit_ok) status = put_parts(o, fills, false, put_safetensors, w, err);
    if (status == trit_ok) status = trit_peft_path(&path, folder, TRIT_PEFT_WEIGHTS, err);
    if (status == trit_ok) status = trit_safetensors_write(w, path.data, err);
    if (status == trit_ok) status = trit_peft_path(&path, folder, TRIT_PEFT_CONFIG, err);
    if (status == trit_ok) status = write_config(o, path.data, err);
    trit_text_fini(&path);
    trit_safetensors_writer_free(w);
    trit_free(fills);
    return status;
}

/* ---- GGUF ---- */

static trit_status put_keys(const trit_lora_out *o, trit_gguf_writer *w, trit_error *err) {
    trit_status status = trit_gguf_put_str(w, "general.architecture", trit_str_from(trit_arch_gguf_name(o->model)), err);
    if (status == trit_ok) status = trit_gguf_put_str(w, "general.type", trit_str_from("adapter"), err);
    if (status == trit_ok) status = trit_gguf_put_str(w, "adapter.type", trit_str_from("lora"), err);
    if (status == trit_ok) status = trit_gguf_put_f32(w, "adapter.lora.alpha", (float)alpha_of(&o->part[0]), err);
    if (status == trit_ok && o->is_inside) status = trit_gguf_put_bool(w, "adapter.lora." TRIT_PEFT_INSIDE, true, err);
    return status;
}

trit_status trit_lora_write_gguf(const trit_lora_out *o, const char *path, trit_error *err) {
    trit_gguf_writer *w = NULL;
    fill(*fills)[2] = trit_alloc(o->n, sizeof *fills);
    trit_status status = fills ? trit_gguf_writer_new(&w, err) : trit_error_memory(err, o->n * sizeof *fills, "an adapter");
    if (status == trit_ok) status = put_keys(o, w, err);
    if (status == trit_ok) status = put_parts(o, fills, true, put_gguf, w, err);
    if (status == trit_ok) status = trit_gguf_write(w, path, err);
    trit_gguf_writer_free(w);
    trit_free(fills);
    return status;
}

/* ---- Conversion ---- */

static trit_status write_folder(const trit_lora_out *o, const char *out, trit_error *err) {
    char part[4000];
    if (!trit_os_name_beside(part, sizeof part, out)) return trit_error_set(err, trit_io, "%.200s: the path is too long", out);
    trit_status status = trit_os_make_dir(part, err);
    if (status != trit_ok) return status;
    status = trit_lora_write_peft(o, part, err);
    if (status == trit_ok) status = trit_os_move_dir(part, out, err);
    if (status != trit_ok) trit_os_remove_dir(part);
    return status;
}

/* The adapter's parts as they were opened; the caller frees the list. */
static trit_status parts_of(trit_lora_part **out, const trit_lora *l, trit_error *err) {
    trit_lora_part *list = trit_alloc(l->n_pairs, sizeof *list);
    if (!list) return trit_error_memory(err, l->n_pairs * sizeof *list, "an adapter");
    for (size_t i = 0, n = 0; n < l->n_pairs; i++) {
        const trit_lora_pair *pair = &l->pair[i];
        if (!pair->tensor[trit_lora_a]) continue;
        list[n++] = (trit_lora_part){.layer = (uint32_t)(i / trit_n_layer_tensors), .layer_tensor = i % trit_n_layer_tensors,
                                     .rank = (uint32_t)pair->matrix[trit_lora_a].n_rows, .matrix = {pair->own[trit_lora_a], pair->own[trit_lora_b]},
                                     .scaling = pair->scaling};
    }
    *out = list;
    return trit_ok;
}

trit_status trit_lora_convert(const char *in, const char *out, const char *base, bool to_folder, trit_error *err) {
    trit_model *m;
    trit_lora l = {0};
    trit_lora_part *parts = NULL;
    if (trit_os_same_file(in, out)) return trit_error_set(err, trit_arg, "%.200s: input and output are the same", out);
    if (trit_os_same_file(base, out)) return trit_error_set(err, trit_arg, "%.200s: the base model and the output are the same", out);
    trit_status status = trit_model_open(&m, base, &(trit_model_opts){.no_weights = true}, err);
    if (status != trit_ok) return status;
    if (m->problem) status = trit_error_set(err, trit_unsupported, "%.100s: %s", base, m->problem);
    if (status == trit_ok) status = trit_lora_open(&l, m, &(trit_lora_opts){.path = in}, true, err);
    if (status == trit_ok) status = parts_of(&parts, &l, err);
    const trit_lora_out o = {.model = m, .part = parts, .n = l.n_pairs, .is_inside = l.is_inside, .base = base};
    if (status == trit_ok) status = to_folder ? write_folder(&o, out, err) : trit_lora_write_gguf(&o, out, err);
    trit_free(parts);
    trit_lora_close(&l, m);
    trit_model_close(m);
    return status;
}
