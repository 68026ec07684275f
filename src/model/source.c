/* A model's file, whatever its container, as tensors by name. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/builtin.h"
#include "model/model.h"

static const char synthetic_prefix[] = "synthetic:";

/* The folder that `path` is, or that the file stands in. */
static char *folder_of(const char *path) {
    if (trit_os_is_dir(path)) return trit_strndup(path, strlen(path));
    const char *slash = strrchr(path, '/');
    return slash ? trit_strndup(path, slash == path ? 1 : (size_t)(slash - path)) : trit_strndup(".", 1);
}

/* `presented`: the container's name where it is no GGUF file but presented like one. */
static trit_status settle_gguf(trit_source *s, const char *presented, trit_error *err) {
    trit_str arch = {0};
    (void)trit_gguf_str(trit_gguf_find(s->gguf, "general.architecture"), &arch); /* its absence is the configuration's to refuse */
    s->file_arch = trit_strndup(arch.p, arch.n);
    if (!s->file_arch) return trit_error_memory(err, arch.n, "the architecture's name");
    const uint32_t version = trit_gguf_version(s->gguf);
    snprintf(s->format_text, sizeof s->format_text, "GGUF v%u", version);
    s->format = version ? s->format_text : presented;
    return trit_ok;
}

static trit_status open_hugging_face(trit_source *s, const char *path, trit_error *err) {
    trit_status status = trit_safetensors_open(&s->safetensors, path, err);
    if (status == trit_ok) status = trit_hf_config_open(&s->hf, path, err);
    if (status != trit_ok) return status;
    s->folder = folder_of(path);
    s->file_arch = s->folder ? trit_strndup(s->hf.architecture, strlen(s->hf.architecture)) : NULL;
    if (!s->file_arch) return trit_error_memory(err, strlen(path), "the model's path");
    s->format = "safetensors";
    s->is_mapped = true;
    return trit_ok;
}

/* Not mapped, for some of its rows are in memory. A tokenizer.json beside it is its tokenizer; the release's own file of tokens is
 * not read. */
static trit_status open_pt(trit_source *s, const char *path, trit_error *err) {
    char beside[4096];
    trit_status status = trit_pt_open(&s->gguf, path, err);
    if (status == trit_ok) status = settle_gguf(s, "PyTorch", err);
    if (status != trit_ok) return status;
    s->folder = folder_of(path);
    if (!s->folder) return trit_error_memory(err, strlen(path), "the model's path");
    const int n = snprintf(beside, sizeof beside, "%s/tokenizer.json", s->folder);
    if (n < (int)sizeof beside && trit_os_is_file(beside)) return trit_ok;
    trit_free(s->folder);
    s->folder = NULL;
    return trit_ok;
}

trit_status trit_source_of_shape(trit_source *s, const trit_synthetic *shape, trit_error *err) {
    s->synthetic = shape;
    s->format = "synthetic";
    s->file_arch = trit_strndup(shape->arch, strlen(shape->arch));
    return s->file_arch ? trit_ok : trit_error_memory(err, 32, "the architecture's name");
}

static trit_status open_synthetic(trit_source *s, const char *name, trit_error *err) {
    const trit_synthetic *shape = trit_synthetic_find(name);
    if (shape) return trit_source_of_shape(s, shape, err);
    const char *known = trit_synthetic_at(0, NULL);
    return trit_error_set(err, trit_arg, "%s%s: no such shape (for example %s%s)", synthetic_prefix, name, synthetic_prefix, known);
}

static trit_status open_any(trit_source *s, const char *ref, trit_error *err) {
    trit_status status;
    if (!ref || !*ref) {
        if (!trit_builtin_model_size) return trit_error_set(err, trit_unsupported, "this build has no model inside; name one with -m");
        status = trit_gguf_open_memory(&s->gguf, trit_builtin_model, trit_builtin_model_size, "the built-in model", err);
        return status == trit_ok ? settle_gguf(s, "", err) : status;
    }
    if (strncmp(ref, synthetic_prefix, sizeof synthetic_prefix - 1) == 0) return open_synthetic(s, ref + sizeof synthetic_prefix - 1, err);
    if (trit_os_is_dir(ref) || trit_ends_with(ref, ".safetensors") || trit_ends_with(ref, ".safetensors.index.json"))
        return open_hugging_face(s, ref, err);
    if (trit_ends_with(ref, ".pt")) return open_pt(s, ref, err);
    status = trit_ends_with(ref, ".bin") ? trit_llama2c_open(&s->gguf, ref, err) : trit_gguf_open(&s->gguf, ref, err);
    s->is_mapped = status == trit_ok;
    return status == trit_ok ? settle_gguf(s, "llama2.c", err) : status;
}

trit_status trit_source_open(trit_source *out, const char *ref, trit_error *err) {
    *out = (trit_source){0};
    trit_status status = open_any(out, ref, err);
    if (status != trit_ok) trit_source_close(out);
    return status;
}

void trit_source_close(trit_source *s) {
    trit_gguf_close(s->gguf);
    trit_safetensors_close(s->safetensors);
    trit_hf_config_fini(&s->hf);
    trit_free(s->folder);
    trit_free(s->file_arch);
    *s = (trit_source){0};
}

/* Some releases leave out the "model." in front. */
static const trit_file_tensor *find_hf(const trit_safetensors *f, const char *name, size_t n) {
    char full[160];
    if (n + sizeof ".weight" > sizeof full) return NULL;
    snprintf(full, sizeof full, "%.*s", (int)n, name);
    const trit_file_tensor *t = trit_safetensors_tensor(f, full);
    if (!t && strncmp(full, "model.", 6) == 0) t = trit_safetensors_tensor(f, full + 6);
    return t;
}

const trit_file_tensor *trit_source_find(const trit_source *s, const char *gguf_name, const char *hf_names) {
    if (s->gguf) return gguf_name ? trit_gguf_tensor(s->gguf, gguf_name) : NULL;
    while (s->safetensors && hf_names && *hf_names) {
        const char *bar = strchr(hf_names, '|');
        size_t n = bar ? (size_t)(bar - hf_names) : strlen(hf_names);
        const trit_file_tensor *t = find_hf(s->safetensors, hf_names, n);
        if (t) return t;
        hf_names += n + (bar != NULL);
    }
    return NULL;
}

size_t trit_source_n_tensors(const trit_source *s) {
    return s->gguf ? (size_t)trit_gguf_n_tensors(s->gguf) : s->safetensors ? (size_t)trit_safetensors_n_tensors(s->safetensors) : 0;
}

const trit_file_tensor *trit_source_tensor_at(const trit_source *s, size_t i) {
    if (i >= trit_source_n_tensors(s)) return NULL;
    return s->gguf ? trit_gguf_tensor_at(s->gguf, i) : trit_safetensors_tensor_at(s->safetensors, i);
}
