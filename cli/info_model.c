/* What a model file is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/progress.h"
#include "base/str.h"
#include "info.h"
#include "interrupt.h"
#include "jsonw.h"
#include "out.h"

enum { max_types = 64 };

typedef struct type_count {
    const char *name;
    uint64_t n_tensors, n_bytes;
} type_count;

typedef struct type_counts {
    type_count type[max_types];
    size_t n;
    uint64_t n_tensors, n_bytes;
} type_counts;

/* Of a file that cannot be run, by the shapes in it: bytes of packed Hugging Face tensors hold four, stored scales are none. */
static uint64_t n_params_of(const trit_model_info *info, const trit_model *model) {
    uint64_t sum = info->n_params;
    trit_tensor_info t;
    for (size_t i = 0; !info->n_params && trit_model_tensor_at(model, i, &t); i++) {
        if (trit_ends_with(t.name, "_scale") || trit_ends_with(t.name, "rope_freqs.weight")) continue;
        uint64_t n = strcmp(t.type, "U8") == 0 ? 4 : 1;
        for (uint32_t d = 0; d < t.n_dims; d++) n *= t.shape[d];
        sum += n;
    }
    return sum;
}

static type_counts count_types(const trit_model *model) {
    type_counts c = {.n = 0};
    trit_tensor_info t;
    for (size_t i = 0; trit_model_tensor_at(model, i, &t); i++) {
        size_t k = 0;
        while (k < c.n && strcmp(c.type[k].name, t.type) != 0) k++;
        if (k == c.n && c.n < max_types) c.type[c.n++].name = t.type;
        if (k < max_types) {
            c.type[k].n_tensors++;
            c.type[k].n_bytes += t.n_bytes;
        }
        c.n_tensors++;
        c.n_bytes += t.n_bytes;
    }
    return c;
}

/* Every tensor is looked at; *first_bad names the first that fails. Errors: memory, cancelled. */
static trit_status check_tensors(const trit_info_opts *o, const trit_model *model, uint64_t *n_bad, trit_error *first_bad, trit_error *err) {
    trit_progress bar;
    trit_tensor_info t;
    trit_status status = trit_ok;
    size_t n = 0;
    while (trit_model_tensor_at(model, n, &t)) n++;
    trit_progress_init(&bar, "checking", !o->output.quiet);
    for (size_t i = 0; i < n && status == trit_ok; i++) {
        trit_error bad = {0};
        status = trit_interrupted() ? trit_cancelled : trit_model_check_tensor(model, i, &bad);
        if (status == trit_format || status == trit_numeric || status == trit_unsupported) {
            if (!(*n_bad)++) *first_bad = bad;
            status = trit_ok;
        } else if (status != trit_ok && err) {
            *err = bad;
        }
        trit_progress_update(&bar, i + 1, n);
    }
    trit_progress_fini(&bar);
    return status;
}

static void put_tensors(trit_jsonw *w, const trit_model *model) {
    trit_tensor_info t;
    trit_jsonw_key(w, "tensors");
    trit_jsonw_array(w);
    for (size_t i = 0; trit_model_tensor_at(model, i, &t); i++) {
        trit_jsonw_object(w);
        trit_jsonw_put_str(w, "name", t.name);
        trit_jsonw_put_str(w, "type", t.type);
        trit_jsonw_key(w, "shape");
        trit_jsonw_array(w);
        for (uint32_t d = 0; d < t.n_dims; d++) trit_jsonw_uint(w, t.shape[d]);
        trit_jsonw_close(w, ']');
        trit_jsonw_put_uint(w, "bytes", t.n_bytes);
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, ']');
}

static void put_types(trit_jsonw *w, const type_counts *c) {
    trit_jsonw_key(w, "types");
    trit_jsonw_object(w);
    for (size_t i = 0; i < c->n; i++) trit_jsonw_put_uint(w, c->type[i].name, c->type[i].n_tensors);
    trit_jsonw_close(w, '}');
    trit_jsonw_key(w, "type_bytes");
    trit_jsonw_object(w);
    for (size_t i = 0; i < c->n; i++) trit_jsonw_put_uint(w, c->type[i].name, c->type[i].n_bytes);
    trit_jsonw_close(w, '}');
}

static void put_id(trit_jsonw *w, const char *key, int32_t id) {
    trit_jsonw_key(w, key);
    if (id < 0) trit_jsonw_null(w);
    else trit_jsonw_int(w, id);
}

static void put_tokenizer(trit_jsonw *w, const trit_model *model, const trit_tokenizer *t) {
    trit_jsonw_key(w, "tokenizer");
    if (t) {
        trit_jsonw_object(w);
        trit_jsonw_put_str(w, "kind", trit_tokenizer_kind(t));
        trit_jsonw_put_str(w, "pre", trit_tokenizer_pre(t));
        trit_jsonw_put_uint(w, "size", trit_tokenizer_size(t));
        put_id(w, "bos", trit_tokenizer_bos(t));
        put_id(w, "eos", trit_tokenizer_eos(t));
        trit_jsonw_put_bool(w, "adds_bos", trit_tokenizer_adds_bos(t));
        trit_jsonw_close(w, '}');
    } else {
        trit_jsonw_null(w);
    }
    trit_jsonw_key(w, "eos_ids");
    trit_jsonw_array(w);
    for (uint32_t id = 0; t && id < trit_tokenizer_size(t); id++)
        if (trit_tokenizer_is_eog(t, (int32_t)id)) trit_jsonw_uint(w, id);
    trit_jsonw_close(w, ']');
    trit_jsonw_key(w, "eos_why");
    trit_jsonw_array(w);
    for (uint32_t id = 0; t && id < trit_tokenizer_size(t); id++)
        if (trit_tokenizer_is_eog(t, (int32_t)id)) trit_jsonw_str(w, trit_model_end_why(model, (int32_t)id));
    trit_jsonw_close(w, ']');
}

static void put_sizes(trit_jsonw *w, const trit_model_info *m) {
    trit_jsonw_put_uint(w, "layers", m->n_layers);
    trit_jsonw_put_uint(w, "dim", m->dim);
    trit_jsonw_put_uint(w, "ff_dim", m->ff_dim);
    trit_jsonw_put_uint(w, "heads", m->n_heads);
    trit_jsonw_put_uint(w, "kv_heads", m->n_kv_heads);
    trit_jsonw_put_uint(w, "head_dim", m->head_dim);
    trit_jsonw_put_uint(w, "vocab_size", m->vocab_size);
    trit_jsonw_put_uint(w, "context_length", m->context_length);
    trit_jsonw_key(w, "norm_eps");
    trit_jsonw_f32(w, m->norm_eps);
    trit_jsonw_key(w, "rope_theta");
    trit_jsonw_f32(w, m->rope_theta);
    trit_jsonw_put_bool(w, "tied_embeddings", m->tied_embeddings);
}

static void put_loras(trit_jsonw *w, const trit_model *model) {
    trit_lora_info l;
    trit_jsonw_key(w, "loras");
    trit_jsonw_array(w);
    for (size_t i = 0; trit_model_lora_at(model, i, &l); i++) {
        trit_jsonw_object(w);
        trit_jsonw_put_str(w, "path", l.path);
        trit_jsonw_put_str(w, "format", l.format);
        trit_jsonw_put_f64(w, "scale", l.scale);
        trit_jsonw_put_f64(w, "alpha_over_rank", l.max_scaling);
        trit_jsonw_put_uint(w, "min_rank", l.min_rank);
        trit_jsonw_put_uint(w, "max_rank", l.max_rank);
        trit_jsonw_put_uint(w, "projections", l.n_projections);
        trit_jsonw_put_uint(w, "params", l.n_params);
        trit_jsonw_put_bool(w, "inside", l.is_inside);
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, ']');
}

static const char *template_why(const trit_model *model, const trit_model_info *m) {
    const char *used = trit_model_chat_template(model);
    return !used ? "none in the file" : used == m->chat_template ? "in the file" : "of the release's Hugging Face folder instead of the file's";
}

static trit_status print_json(const trit_info_opts *o, const trit_loaded *loaded, uint64_t n_bad, const char *first_bad, trit_error *err) {
    trit_model_info m;
    trit_model_describe(loaded->model, &m);
    type_counts c = count_types(loaded->model);
    trit_jsonw w = {0};
    trit_jsonw_object(&w);
    trit_jsonw_put_str(&w, "format", m.format);
    trit_jsonw_put_str(&w, "arch", m.arch);
    trit_jsonw_put_str(&w, "file_arch", m.file_arch);
    trit_jsonw_put_str(&w, "name", m.name);
    trit_jsonw_put_str(&w, "activation", m.activation);
    trit_jsonw_put_str(&w, "activation_why", m.activation_why);
    trit_jsonw_put_str(&w, "activations", m.activations);
    trit_jsonw_put_str(&w, "activations_why", m.activations_why);
    if (*m.pooling) trit_jsonw_put_str(&w, "pooling", m.pooling);
    trit_jsonw_put_str(&w, "scale_sense", m.scale_sense);
    trit_jsonw_put_uint(&w, "params", n_params_of(&m, loaded->model));
    trit_jsonw_put_uint(&w, "file_bytes", c.n_bytes);
    put_sizes(&w, &m);
    put_types(&w, &c);
    put_tokenizer(&w, loaded->model, loaded->tokenizer);
    trit_jsonw_put_str(&w, "chat_template", m.chat_template);
    trit_jsonw_put_str(&w, "chat_template_why", template_why(loaded->model, &m));
    trit_jsonw_key(&w, "concluded");
    trit_jsonw_array(&w);
    for (size_t i = 0; trit_model_note_at(loaded->model, i); i++) trit_jsonw_str(&w, trit_model_note_at(loaded->model, i));
    trit_jsonw_close(&w, ']');
    put_loras(&w, loaded->model);
    trit_jsonw_put_str(&w, "problem", m.problem);
    if (o->check) {
        trit_jsonw_key(&w, "check");
        trit_jsonw_object(&w);
        trit_jsonw_put_bool(&w, "ok", n_bad == 0);
        trit_jsonw_put_uint(&w, "wrong", n_bad);
        trit_jsonw_put_str(&w, "first", n_bad ? first_bad : NULL);
        trit_jsonw_close(&w, '}');
    }
    put_tensors(&w, loaded->model);
    trit_jsonw_close(&w, '}');
    return trit_jsonw_finish(&w, err);
}

/* A line of the description; text that came from the file is shown without control bytes. */
static void line(const char *label, const char *text) {
    trit_out_printf("%-16s", label);
    trit_out_escaped(text, strlen(text));
    trit_out_puts("\n");
}

/* What speaks against the file apart from its tensors: that it cannot be run, or a template that is broken. */
static trit_status check_rest(const trit_model *model, uint64_t *n_bad, trit_error *first_bad, trit_error *err) {
    trit_model_info m;
    trit_error bad = {0};
    trit_model_describe(model, &m);
    const trit_status status = m.problem ? trit_error_set(&bad, trit_unsupported, "%s", m.problem) : trit_model_check_template(model, &bad);
    if (status == trit_memory && err) *err = bad;
    if (status == trit_ok || status == trit_memory) return status;
    if (!(*n_bad)++) *first_bad = bad;
    return trit_ok;
}

static void print_token(const trit_tokenizer *t, int32_t id) {
    size_t n = 0;
    const char *piece = trit_tokenizer_piece(t, id, &n);
    trit_out_printf("%" PRId32 " ", id);
    if (piece) trit_out_escaped(piece, n);
}

static void print_tokenizer(const trit_model *model, const trit_tokenizer *t) {
    if (!t) {
        line("tokenizer", "none in the file");
        return;
    }
    const char *pre = trit_tokenizer_pre(t);
    trit_out_printf("%-16s%s, %" PRIu32 " tokens%s%s\n", "tokenizer", trit_tokenizer_kind(t), trit_tokenizer_size(t), *pre ? ", pre-tokenizer " : "", pre);
    if (trit_tokenizer_bos(t) >= 0) {
        trit_out_printf("%-16s", "begin token");
        print_token(t, trit_tokenizer_bos(t));
        trit_out_puts(trit_tokenizer_adds_bos(t) ? ", put in front of a text\n" : ", not added\n");
    }
    trit_out_printf("%-16s", "end tokens");
    bool any = false;
    for (uint32_t id = 0; id < trit_tokenizer_size(t); id++) {
        if (!trit_tokenizer_is_eog(t, (int32_t)id)) continue;
        if (any) trit_out_puts(", ");
        print_token(t, (int32_t)id);
        trit_out_printf(" (%s)", trit_model_end_why(model, (int32_t)id));
        any = true;
    }
    trit_out_puts(any ? "\n" : "none\n");
}

static void print_types(const type_counts *c) {
    for (size_t i = 0; i < c->n; i++)
        trit_out_printf("%-16s%-8s %4" PRIu64 " tensors, %.1f MB\n", i ? "" : "types", c->type[i].name, c->type[i].n_tensors,
                        (double)c->type[i].n_bytes * 1e-6);
}

static void print_tensors(const trit_model *model) {
    trit_tensor_info t;
    trit_out_puts("\n");
    for (size_t i = 0; trit_model_tensor_at(model, i, &t); i++) {
        trit_out_printf("%-8s %12" PRIu64 " bytes  ", t.type, t.n_bytes);
        trit_out_escaped(t.name, strlen(t.name));
        trit_out_puts(" [");
        for (uint32_t d = 0; d < t.n_dims; d++) trit_out_printf("%s%" PRIu64, d ? ", " : "", t.shape[d]);
        trit_out_puts("]\n");
    }
}

static void print_graph(const trit_model_info *m) {
    trit_out_printf("%-16s%s (", "architecture", m->arch);
    trit_out_escaped(m->file_arch, strlen(m->file_arch));
    trit_out_printf(" in the file)\n%-16s%s: ", "activation", m->activation);
    trit_out_escaped(m->activation_why, strlen(m->activation_why));
    trit_out_printf("\n%-16s%s inputs of ternary layers: %s\n", "arithmetic", m->activations, m->activations_why);
    if (*m->pooling) trit_out_printf("%-16s%s\n", "pooling", m->pooling);
    if (*m->scale_sense) line("scales", m->scale_sense);
    trit_out_printf("%-16s%" PRIu32 " layers, %" PRIu32 " wide, feed-forward %" PRIu32 "\n", "shape", m->n_layers, m->dim, m->ff_dim);
    trit_out_printf("%-16s%" PRIu32 " heads of %" PRIu32 ", %" PRIu32 " for keys and values\n", "attention", m->n_heads, m->head_dim, m->n_kv_heads);
    trit_out_printf("%-16s%" PRIu32 " positions, RoPE theta %g\n", "context", m->context_length, (double)m->rope_theta);
    trit_out_printf("%-16s%" PRIu32 " tokens, %s\n", "vocabulary", m->vocab_size, m->tied_embeddings ? "embeddings tied" : "separate output layer");
    trit_out_printf("%-16seps %g\n", "norm", (double)m->norm_eps);
}

static void print_loras(const trit_model *model) {
    trit_lora_info l;
    for (size_t i = 0; trit_model_lora_at(model, i, &l); i++) {
        trit_out_printf("%-16s", i ? "" : "adapters");
        trit_out_escaped(l.path, strlen(l.path));
        trit_out_printf(" (%s): %" PRIu32 " projections, rank %" PRIu32, l.format, l.n_projections, l.min_rank);
        if (l.max_rank != l.min_rank) trit_out_printf(" to %" PRIu32, l.max_rank);
        trit_out_printf(", %.2f million parameters, alpha / rank %g, scale %g%s\n", (double)l.n_params * 1e-6, l.max_scaling, l.scale,
                        l.is_inside ? ", inside the quantizer" : "");
    }
}

/* Of a file that cannot be run only what the container tells, and why. */
static void print_text(const trit_info_opts *o, const trit_loaded *loaded) {
    trit_model_info m;
    trit_model_describe(loaded->model, &m);
    type_counts c = count_types(loaded->model);
    line("model", *m.name ? m.name : trit_model_choice_name(&o->model));
    line("format", m.format);
    if (m.problem) line("cannot be run", m.problem);
    else print_graph(&m);
    trit_out_printf("%-16s%.1f million in %" PRIu64 " tensors, %.1f MB in the file\n", "parameters", (double)n_params_of(&m, loaded->model) * 1e-6, c.n_tensors,
                    (double)c.n_bytes * 1e-6);
    print_types(&c);
    if (!m.problem) print_tokenizer(loaded->model, loaded->tokenizer);
    if (!m.problem) line("chat template", template_why(loaded->model, &m));
    for (size_t i = 0; trit_model_note_at(loaded->model, i); i++) line(i ? "" : "concluded", trit_model_note_at(loaded->model, i));
    print_loras(loaded->model);
    if (o->tensors) print_tensors(loaded->model);
}

trit_status trit_info_model(const trit_info_opts *o, trit_error *err) {
    trit_loaded loaded = {0};
    uint64_t n_bad = 0;
    trit_error first_bad = {0};
    trit_status status = trit_load(&loaded, &o->model, NULL, &o->output, err);
    if (status == trit_ok && o->check) status = check_tensors(o, loaded.model, &n_bad, &first_bad, err);
    if (status == trit_ok && o->check) status = check_rest(loaded.model, &n_bad, &first_bad, err);
    if (status == trit_ok && o->output.json) status = print_json(o, &loaded, n_bad, first_bad.message, err);
    else if (status == trit_ok) print_text(o, &loaded);
    if (status == trit_ok && o->check && !o->output.json && !n_bad) line("check", "every tensor decodes to finite numbers; tokenizer and template load");
    trit_unload(&loaded);
    if (status == trit_ok && n_bad)
        return trit_error_set(err, first_bad.status, "%" PRIu64 " thing%s wrong, first: %.400s", n_bad, n_bad == 1 ? " is" : "s are", first_bad.message);
    return status;
}
