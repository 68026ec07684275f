#include "model_list.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/os.h"

static bool ends_in(const char *text, const char *end) {
    const size_t n = strlen(text), k = strlen(end);
    return n > k && strcmp(text + n - k, end) == 0;
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* "models/story.gguf" -> "story"; a reference of the hub stays as it is. */
static char *name_of(const char *ref) {
    static const char *const endings[] = {".gguf", ".safetensors", ".bin", ".pt"};
    const char *name = !*ref ? "trit" : strncmp(ref, "hf:", 3) == 0 ? ref + 3 : last_part(ref);
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (ends_in(name, endings[i])) n = strlen(name) - strlen(endings[i]);
    return trit_strndup(name, n);
}

static trit_status add(trit_model_list *list, const char *ref, const char *alias, trit_error *err) {
    void *grown = list->item;
    const bool has_room = trit_grow(&grown, &list->capacity, list->n + 1, sizeof *list->item);
    list->item = grown;
    if (!has_room) return trit_error_memory(err, sizeof *list->item, "the models");
    if (alias && !*alias) return trit_error_set(err, trit_arg, "--alias: the name of %s is empty", ref);
    trit_model_entry *e = &list->item[list->n];
    *e = (trit_model_entry){.name = alias ? trit_strndup(alias, strlen(alias)) : name_of(ref), .ref = trit_strndup(ref, strlen(ref))};
    list->n++;
    if (!e->name || !e->ref) return trit_error_memory(err, strlen(ref), "the models");
    for (size_t i = 0; i + 1 < list->n; i++)
        if (strcmp(list->item[i].name, e->name) == 0)
            return trit_error_set(err, trit_arg, "%s and %s are both called \"%s\": tell them apart by --alias, or name one otherwise", list->item[i].ref, ref,
                                  e->name);
    return trit_ok;
}

/* "story-00002-of-00003.gguf": the first names the others. */
static bool is_later_part(const char *path) {
    unsigned part, n;
    int end = 0;
    const size_t length = strlen(path), tail = strlen("-00002-of-00003.gguf");
    return length > tail && sscanf(path + length - tail, "-%5u-of-%5u.gguf%n", &part, &n, &end) == 2 && end == (int)tail && part > 1;
}

static bool is_model(const char *path) {
    char inside[8192];
    if (ends_in(path, ".gguf")) return trit_os_is_file(path) && !is_later_part(path);
    const int n = snprintf(inside, sizeof inside, "%s/config.json", path);
    return n > 0 && n < (int)sizeof inside && trit_os_is_file(inside);
}

static bool has_file(const trit_model_list *list, const char *path) {
    for (size_t i = 0; i < list->n; i++)
        if (trit_os_same_file(list->item[i].ref, path)) return true;
    return false;
}

static trit_status add_folder(trit_model_list *list, const char *folder, trit_error *err) {
    trit_fs_names names = {0};
    char path[8192];
    bool any = false;
    trit_status status = trit_fs_list(&names, folder, err);
    for (size_t i = 0; i < names.n && status == trit_ok; i++) {
        const int n = snprintf(path, sizeof path, "%s/%s", folder, names.item[i]);
        if (n <= 0 || n >= (int)sizeof path || !is_model(path)) continue;
        any = true;
        if (!has_file(list, path)) status = add(list, path, NULL, err);
    }
    trit_fs_names_fini(&names);
    if (status == trit_ok && !any) return trit_error_set(err, trit_io, "%s: no model lies there", folder);
    return status;
}

trit_status trit_model_list_make(trit_model_list *out, const trit_opt_texts *models, const trit_opt_texts *aliases, const char *folder, trit_error *err) {
    trit_status status = trit_ok;
    const bool none = !models->n && !folder;
    const size_t n = none ? 1 : models->n;
    *out = (trit_model_list){0};
    if (aliases->n > n) return trit_error_set(err, trit_arg, "--alias: %zu names for %zu models", aliases->n, n);
    for (size_t i = 0; i < n && status == trit_ok; i++) status = add(out, none ? "" : models->item[i], i < aliases->n ? aliases->item[i] : NULL, err);
    return status == trit_ok && folder ? add_folder(out, folder, err) : status;
}

void trit_model_list_fini(trit_model_list *list) {
    for (size_t i = 0; i < list->n; i++) {
        trit_free(list->item[i].name);
        trit_free(list->item[i].ref);
    }
    trit_free(list->item);
    *list = (trit_model_list){0};
}
