/* One repository's folder in the store; hub.h draws it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/os.h"
#include "io/hub.h"
#include "io/path.h"

trit_status trit_hub_path(char out[trit_hub_max_path], trit_error *err, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(out, trit_hub_max_path, fmt, args);
    va_end(args);
    if (n >= 0 && n < trit_hub_max_path) return trit_ok;
    return trit_error_set(err, trit_io, "%.200s...: the path is too long", out);
}

trit_status trit_hub_cache_open(trit_hub_cache *c, const char *repo, trit_error *err) {
    trit_text store = {0};
    trit_status status = trit_hub_folder(&store, err);
    const char *slash = strchr(repo, '/');
    const int n = slash ? (int)(slash - repo) : 0;
    const char *name = slash ? slash + 1 : repo, *between = slash ? "--" : "";
    if (status == trit_ok) status = trit_hub_path(c->folder, err, "%s/models--%.*s%s%s", store.data, n, repo, between, name);
    if (status == trit_ok) status = trit_hub_path(c->locks, err, "%s/.locks/models--%.*s%s%s", store.data, n, repo, between, name);
    trit_text_fini(&store);
    return status;
}

trit_status trit_hub_cache_make(const trit_hub_cache *c, trit_error *err) {
    char path[trit_hub_max_path];
    const bool is_new = trit_fs_look(c->folder).kind == trit_fs_absent;
    trit_status status = trit_hub_path(path, err, "%s/blobs", c->folder);
    if (status == trit_ok) status = trit_fs_make_dirs(path, err);
    if (status == trit_ok) status = trit_fs_make_dirs(c->locks, err);
    if (status == trit_ok) status = trit_hub_path(path, err, "%s/.trit", c->folder);
    if (status == trit_ok && is_new && !trit_fs_touch(path)) status = trit_error_set(err, trit_io, "%s: cannot be written", path);
    return status;
}

trit_status trit_hub_cache_lock(const char *locks, bool alone, trit_fs_lock *lock, bool *held, trit_error *err) {
    char path[trit_hub_max_path];
    trit_status status = trit_hub_path(path, err, "%s/model.lock", locks);
    if (status == trit_ok) status = trit_fs_make_dirs(locks, err);
    if (status != trit_ok) return status;
    return alone ? trit_fs_lock_try(lock, path, held, err) : trit_fs_lock_share(lock, path, held, err);
}

void trit_hub_cache_use(const trit_hub_cache *c) {
    char path[trit_hub_max_path];
    /* A store that cannot be written is as good to read. */
    if (trit_hub_path(path, NULL, "%s/.trit", c->folder) == trit_ok && trit_os_is_file(path)) (void)trit_fs_touch(path);
}

bool trit_hub_cache_commit(const trit_hub_cache *c, const char *revision, char out[trit_hub_commit_size]) {
    char path[trit_hub_max_path];
    trit_file_map map;
    if (trit_hub_is_commit(trit_str_from(revision))) {
        memcpy(out, revision, trit_hub_commit_size);
        return true;
    }
    if (trit_hub_path(path, NULL, "%s/refs/%s", c->folder, revision) != trit_ok || trit_os_map(&map, path, NULL) != trit_ok) return false;
    trit_str text = {(const char *)map.data, map.n};
    while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r')) text.n--;
    const bool is_commit = trit_hub_is_commit(text);
    if (is_commit) memcpy(out, text.p, text.n);
    out[is_commit ? text.n : 0] = '\0';
    trit_os_unmap(&map);
    return is_commit;
}

/* Creates the folders above a path. */
static trit_status make_folder_of(const char *path, trit_error *err) {
    char folder[trit_hub_max_path];
    const trit_str above = trit_path_folder(path);
    const trit_status status = trit_hub_path(folder, err, "%.*s", (int)above.n, above.p);
    return status == trit_ok ? trit_fs_make_dirs(folder, err) : status;
}

trit_status trit_hub_cache_put_ref(const trit_hub_cache *c, const char *revision, const char *commit, trit_error *err) {
    char path[trit_hub_max_path], known[trit_hub_commit_size];
    if (trit_hub_cache_commit(c, revision, known) && strcmp(known, commit) == 0) return trit_ok;
    trit_status status = trit_hub_path(path, err, "%s/refs/%s", c->folder, revision);
    if (status == trit_ok) status = make_folder_of(path, err);
    return status == trit_ok ? trit_os_write_file(path, commit, strlen(commit), err) : status;
}

trit_status trit_hub_cache_link(const trit_hub_cache *c, const char *commit, const char *name, const char *hash, trit_error *err) {
    char path[trit_hub_max_path], target[trit_hub_max_path], old[trit_hub_max_path];
    char up[trit_hub_max_file * 3 / 2 + 1] = ""; /* "../" for each part of the name but the last, which has two bytes at least each */
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) memcpy(up + strlen(up), "../", 4);
    trit_status status = trit_hub_path(path, err, "%s/snapshots/%s/%s", c->folder, commit, name);
    if (status == trit_ok) status = trit_hub_path(target, err, "../../%sblobs/%s", up, hash);
    if (status == trit_ok && trit_fs_read_link(path, old, sizeof old) && strcmp(old, target) == 0) return trit_ok;
    if (status == trit_ok) status = make_folder_of(path, err);
    return status == trit_ok ? trit_fs_make_link(target, path, err) : status;
}

/* Does the folder hold a Hugging Face model whole? Its links are made when the blobs are whole, and the configuration's last. */
static bool is_model(const char *folder) {
    static const char index[] = TRIT_HUB_INDEX;
    char path[trit_hub_max_path];
    trit_file_map map = {0};
    trit_json *json = NULL;
    if (trit_hub_path(path, NULL, "%s/config.json", folder) != trit_ok || !trit_os_is_file(path)) return false;
    if (trit_hub_path(path, NULL, "%s/model.safetensors", folder) == trit_ok && trit_os_is_file(path)) return true;
    if (trit_hub_path(path, NULL, "%s/%s", folder, index) != trit_ok || trit_os_map(&map, path, NULL) != trit_ok) return false;
    const bool parsed = trit_json_parse(&json, (const char *)map.data, map.n, index, NULL) == trit_ok;
    trit_os_unmap(&map);
    if (!parsed) return false;
    void *iter = NULL;
    trit_str key;
    const trit_json *value, *shards = trit_json_get(json, "weight_map");
    bool whole = trit_json_length(shards) > 0;
    while (whole && trit_json_next(shards, &iter, &key, &value)) {
        const trit_str name = trit_json_as_str(value);
        whole = trit_hub_is_safe_file(name) && trit_hub_path(path, NULL, "%s/%.*s", folder, (int)name.n, name.p) == trit_ok && trit_os_is_file(path);
    }
    trit_json_free(json);
    return whole;
}

/* The file that `ref` names, or where it names none the only GGUF file. */
static trit_status find_file(const char *folder, const trit_hub_ref *ref, char out[trit_hub_max_path], trit_error *err) {
    trit_fs_names names;
    *out = '\0';
    if (*ref->file) {
        char path[trit_hub_max_path];
        const trit_status status = trit_hub_path(path, err, "%s/%s", folder, ref->file);
        if (status != trit_ok) return status;
        if (trit_os_is_file(path)) {
            memcpy(out, path, sizeof path);
            return trit_ok;
        }
    }
    trit_status status = trit_fs_list(&names, folder, err);
    if (status != trit_ok) return status;
    const char *only = trit_hub_tagged((const char *const *)names.item, names.n, ref->file);
    if (only) status = trit_hub_path(out, err, "%s/%s", folder, only);
    if (status == trit_ok && only && !trit_os_is_file(out)) *out = '\0'; /* a link to what is gone */
    trit_fs_names_fini(&names);
    return status;
}

trit_status trit_hub_cache_find(const trit_hub_cache *c, const trit_hub_ref *ref, char out[trit_hub_max_path], trit_error *err) {
    char commit[trit_hub_commit_size], folder[trit_hub_max_path];
    *out = '\0';
    if (!trit_hub_cache_commit(c, *ref->revision ? ref->revision : "main", commit)) return trit_ok;
    trit_status status = trit_hub_path(folder, err, "%s/snapshots/%s", c->folder, commit);
    if (status != trit_ok) return status;
    if (!*ref->file && is_model(folder)) {
        memcpy(out, folder, sizeof folder);
        return trit_ok;
    }
    return find_file(folder, ref, out, err);
}
