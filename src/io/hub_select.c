/* Which files of a repository make a model: one GGUF file, or a folder of Hugging Face. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "io/hub.h"
#include "io/path.h"

/* What trit reads of a folder beside the weights. */
static const char *const folder_files[] = {
    "config.json",        "generation_config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json",  "vocab.json",             "merges.txt",     "vocab.txt",       "chat_template.jinja",   "chat_template.json",
    "1_Pooling/config.json", "modules.json",        TRIT_HUB_INDEX,   "model.safetensors",
};

enum { n_folder_files = sizeof folder_files / sizeof folder_files[0] };

static bool want(const trit_hub_tree *tree, const char *name) {
    trit_hub_entry *e = trit_hub_tree_find(tree, name);
    if (e) e->wanted = true;
    return e != NULL;
}

/* Does the name end in -TAG.gguf (or _TAG, .TAG), in any case? Every GGUF file does where there is no tag. */
static bool has_tag(const char *name, const char *tag) {
    if (!trit_ends_with(name, ".gguf")) return false;
    const size_t n = strlen(name) - 5, m = strlen(tag);
    if (m == 0) return true;
    if (n <= m || !strchr("-_.", name[n - m - 1])) return false;
    for (size_t i = 0; i < m; i++)
        if (trit_ascii_lower(name[n - m + i]) != trit_ascii_lower(tag[i])) return false;
    return true;
}

const char *trit_hub_tagged(const char *const *names, size_t n, const char *tag) {
    const char *found = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!has_tag(names[i], tag)) continue;
        if (found) return NULL;
        found = names[i];
    }
    return found;
}

/* "a.gguf (1.2 GB), b.gguf (0.7 GB)": GGUF files, or where there are none all of them; what fits into a message. */
static void describe(char *out, size_t size, const trit_hub_tree *tree, bool gguf) {
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < tree->n; i++) {
        const trit_hub_entry *e = &tree->item[i];
        if (gguf && !has_tag(e->name, "")) continue;
        const int k = snprintf(out + n, size - n, "%s%s (%.1f MB)", n ? ", " : "", e->name, (double)e->n_bytes * 1e-6);
        if (k < 0 || (size_t)k >= size - n) {
            snprintf(out + n, size - n, "%s", n ? " ..." : "...");
            return;
        }
        n += (size_t)k;
    }
}

static trit_status select_included(trit_hub_tree *tree, const trit_hub_ref *ref, const trit_hub_opts *o, trit_error *err) {
    char list[280];
    size_t n = 0;
    for (size_t i = 0; i < tree->n; i++)
        for (size_t k = 0; k < o->n_include && !tree->item[i].wanted; k++)
            n += tree->item[i].wanted = trit_glob(trit_str_from(o->include[k]), tree->item[i].name);
    if (n) return trit_ok;
    describe(list, sizeof list, tree, false);
    return trit_error_set(err, trit_arg, "hf:%s: no file matches %s; there are %s", ref->repo, o->include[0], list);
}

/* The file that was asked for, or the only GGUF file. */
static trit_status select_file(trit_hub_tree *tree, const trit_hub_ref *ref, char file[trit_hub_max_file], trit_error *err) {
    char list[280];
    const char *found = *ref->file && trit_hub_tree_find(tree, ref->file) ? ref->file : NULL;
    size_t n_tagged = 0, n_gguf = 0;
    for (size_t i = 0; i < tree->n && !found; i++) n_gguf += has_tag(tree->item[i].name, "");
    for (size_t i = 0, left = n_gguf; i < tree->n && left; i++) n_tagged += has_tag(tree->item[i].name, ref->file);
    for (size_t i = 0; i < tree->n && n_tagged == 1; i++)
        if (has_tag(tree->item[i].name, ref->file)) found = tree->item[i].name;
    describe(list, sizeof list, tree, n_gguf > 0);
    if (!found && *ref->file) return trit_error_set(err, trit_io, "hf:%s: no file \"%s\"; there are %s", ref->repo, ref->file, list);
    if (!found && n_gguf) return trit_error_set(err, trit_arg, "hf:%s: which one? add :FILE; there are %s", ref->repo, list);
    if (!found) return trit_error_set(err, trit_unsupported, "hf:%s: neither a GGUF file nor config.json with safetensors; there are %s", ref->repo, list);
    if (strlen(found) >= trit_hub_max_file) return trit_error_set(err, trit_format, "hf:%s: a file's name is too long", ref->repo);
    memmove(file, found, strlen(found) + 1);
    (void)want(tree, file);
    return trit_ok;
}

trit_status trit_hub_select(trit_hub_tree *tree, const trit_hub_ref *ref, const trit_hub_opts *o, char file[trit_hub_max_file], bool *has_index,
                            trit_error *err) {
    *file = '\0';
    *has_index = false;
    trit_status status;
    const bool has_single = trit_hub_tree_find(tree, "model.safetensors") != NULL;
    if (o->n_include) status = select_included(tree, ref, o, err);
    else if (!*ref->file && trit_hub_tree_find(tree, "config.json") && (has_single || trit_hub_tree_find(tree, TRIT_HUB_INDEX))) {
        for (size_t i = 0; i < n_folder_files; i++) (void)want(tree, folder_files[i]);
        *has_index = !has_single;
        status = trit_ok;
    } else status = select_file(tree, ref, file, err);
    for (size_t i = 0; i < tree->n && status == trit_ok; i++) {
        const trit_hub_entry *e = &tree->item[i];
        if (!e->wanted) continue;
        if (!trit_hub_is_safe_file(trit_str_from(e->name)))
            status = trit_error_set(err, trit_format, "hf:%s: \"%.200s\" is no name for a file of this machine", ref->repo, e->name);
        else if (trit_hub_tree_find(tree, e->name) != e)
            status = trit_error_set(err, trit_format, "hf:%s: \"%.200s\" is there twice", ref->repo, e->name);
    }
    return status;
}

trit_status trit_hub_select_shards(trit_hub_tree *tree, const trit_hub_ref *ref, const char *index, size_t n, trit_error *err) {
    trit_json *json;
    trit_status status = trit_json_parse(&json, index, n, TRIT_HUB_INDEX, err);
    if (status != trit_ok) return status;
    const trit_json *shards = trit_json_get(json, "weight_map"), *value;
    void *iter = NULL;
    trit_str key;
    if (!trit_json_length(shards)) status = trit_error_set(err, trit_format, "hf:%s: %s names no shards", ref->repo, TRIT_HUB_INDEX);
    while (status == trit_ok && trit_json_next(shards, &iter, &key, &value)) {
        const trit_str name = trit_json_as_str(value);
        char shard[trit_hub_max_file];
        if (!trit_hub_is_safe_file(name)) {
            status = trit_error_set(err, trit_format, "hf:%s: \"%.*s\" is no name for a shard", ref->repo, TRIT_STR_ARG(name));
            break;
        }
        memcpy(shard, name.p, name.n);
        shard[name.n] = '\0';
        if (!want(tree, shard)) status = trit_error_set(err, trit_format, "hf:%s: no shard \"%s\", which %s names", ref->repo, shard, TRIT_HUB_INDEX);
    }
    trit_json_free(json);
    return status;
}
