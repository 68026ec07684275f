/* What is in the store, whoever put it there. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/os.h"
#include "io/hub.h"
#include "io/path.h"

static const char folder_prefix[] = "models--";

void trit_hub_snapshot_fini(trit_hub_snapshot *s) {
    for (size_t i = 0; i < s->n_files; i++) trit_free(s->files[i].name);
    trit_free(s->files);
    trit_free(s->name);
    trit_free(s->revision);
    trit_free(s->path);
    *s = (trit_hub_snapshot){0};
}

void trit_hub_snapshots_fini(trit_hub_snapshots *list) {
    for (size_t i = 0; i < list->n; i++) trit_hub_snapshot_fini(&list->item[i]);
    trit_free(list->item);
    *list = (trit_hub_snapshots){0};
}

static trit_str last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return trit_str_from(slash ? slash + 1 : path);
}

static void later(int64_t *t, int64_t than) {
    if (than > *t) *t = than;
}

/* ---- A walk through a folder ---- */

typedef struct walk walk;
struct walk {
    trit_status (*each)(walk *w, const char *path, const char *name, trit_error *err); /* name: relative to the start */
    void *user;
    size_t capacity; /* of the list that is made */
};

/* Calls each() for what is no folder, at any depth. */
static trit_status walk_folder(walk *w, const char *folder, const char *name, trit_error *err) {
    trit_fs_names names;
    trit_status status = trit_fs_list(&names, folder, err);
    if (status != trit_ok) return status;
    for (size_t i = 0; i < names.n && status == trit_ok; i++) {
        char path[trit_hub_max_path], inner[trit_hub_max_path];
        status = trit_hub_path(path, err, "%s/%s", folder, names.item[i]);
        if (status == trit_ok) status = trit_hub_path(inner, err, "%s%s%s", name, *name ? "/" : "", names.item[i]);
        if (status != trit_ok) break;
        status = trit_fs_look_here(path).kind == trit_fs_folder ? walk_folder(w, path, inner, err) : w->each(w, path, inner, err);
    }
    trit_fs_names_fini(&names);
    return status;
}

/* ---- Lists ---- */

static trit_status add_file(walk *w, const char *name, uint64_t n_bytes, trit_hub_file **out, trit_error *err) {
    trit_hub_snapshot *s = w->user;
    void *grown = s->files;
    if (!trit_grow(&grown, &w->capacity, s->n_files + 1, sizeof *s->files)) return trit_error_memory(err, s->n_files * sizeof *s->files, "the list of files");
    s->files = grown;
    trit_hub_file *f = &s->files[s->n_files];
    *f = (trit_hub_file){.name = trit_strndup(name, strlen(name)), .n_bytes = n_bytes, .was_there = true};
    if (!f->name) return trit_error_memory(err, strlen(name), "a file's name");
    s->n_files++;
    s->n_bytes += n_bytes;
    *out = f;
    return trit_ok;
}

static trit_status on_file(walk *w, const char *path, const char *name, trit_error *err) {
    trit_hub_snapshot *s = w->user;
    char target[trit_hub_max_path];
    trit_hub_file *f;
    const trit_fs_info info = trit_fs_look(path);
    if (info.kind != trit_fs_file) return trit_ok; /* a link to what is gone */
    later(&s->used_s, info.read_s);
    later(&s->used_s, info.written_s);
    const trit_status status = add_file(w, name, info.n_bytes, &f, err);
    if (status != trit_ok || !trit_fs_read_link(path, target, sizeof target)) return status;
    const trit_str hash = last_part(target);
    if (trit_hub_is_hash(hash)) memcpy(f->hash, hash.p, hash.n);
    return trit_ok;
}

static trit_status on_partial(walk *w, const char *path, const char *name, trit_error *err) {
    trit_hub_snapshot *s = w->user;
    trit_hub_file *f;
    if (!trit_ends_with(name, ".incomplete")) return trit_ok;
    const trit_fs_info info = trit_fs_look_here(path);
    later(&s->used_s, info.written_s);
    const trit_status status = add_file(w, name, info.n_bytes, &f, err);
    if (status == trit_ok) f->is_partial = true;
    return status;
}

/* Adds the name of a ref that means the snapshot's commit. */
static trit_status on_ref(walk *w, const char *path, const char *name, trit_error *err) {
    trit_hub_snapshot *s = w->user;
    trit_file_map map;
    if (trit_os_map(&map, path, NULL) != trit_ok) return trit_ok;
    const bool is_it = map.n >= 40 && memcmp(map.data, s->commit, 40) == 0;
    trit_os_unmap(&map);
    if (!is_it) return trit_ok;
    const size_t n = strlen(s->revision), m = strlen(name);
    char *longer = trit_alloc(n + m + 2, 1);
    if (!longer) return trit_error_memory(err, n + m + 2, "a name");
    snprintf(longer, n + m + 2, "%s%s%s", s->revision, n ? " " : "", name);
    trit_free(s->revision);
    s->revision = longer;
    return trit_ok;
}

static bool is_repo_folder(const char *name) {
    return strncmp(name, folder_prefix, sizeof folder_prefix - 1) == 0 && name[sizeof folder_prefix - 1];
}

/* "models--org--name" as "org/name". NULL: out of memory. */
static char *name_of(const char *folder) {
    const char *after = folder + sizeof folder_prefix - 1;
    char *name = trit_strndup(after, strlen(after));
    char *dashes = name ? strstr(name, "--") : NULL;
    if (!dashes) return name;
    *dashes = '/';
    memmove(dashes + 1, dashes + 2, strlen(dashes + 2) + 1);
    return name;
}

static trit_status add_snapshot(trit_hub_snapshots *list, const char *folder, const char *inner, const char *commit,
                                trit_status (*each)(walk *, const char *, const char *, trit_error *), trit_error *err) {
    char path[trit_hub_max_path], other[trit_hub_max_path];
    trit_hub_snapshot *grown = trit_realloc(list->item, list->n + 1, sizeof *grown);
    if (!grown) return trit_error_memory(err, (list->n + 1) * sizeof *grown, "the list of models");
    list->item = grown;
    trit_hub_snapshot *s = &list->item[list->n++];
    *s = (trit_hub_snapshot){.name = name_of(last_part(folder).p), .revision = trit_strndup("", 0)};
    if (!s->name || !s->revision) return trit_error_memory(err, strlen(folder), "a name");
    memcpy(s->commit, commit, strlen(commit) + 1);
    trit_status status = trit_hub_path(path, err, "%s/%s%s", folder, inner, commit);
    if (status == trit_ok && !(s->path = trit_strndup(path, strlen(path)))) status = trit_error_memory(err, strlen(path), "a path");
    if (status == trit_ok) status = walk_folder(&(walk){.each = each, .user = s}, path, "", err);
    if (status == trit_ok) status = trit_hub_path(other, err, "%s/refs", folder);
    if (status == trit_ok && *commit) status = walk_folder(&(walk){.each = on_ref, .user = s}, other, "", err);
    if (status == trit_ok) status = trit_hub_path(other, err, "%s/.trit", folder);
    if (status != trit_ok) return status;
    const trit_fs_info mark = trit_fs_look(other);
    s->is_ours = mark.kind == trit_fs_file;
    later(&s->used_s, mark.written_s);
    return trit_ok;
}

trit_status trit_hub_list_repo(trit_hub_snapshots *list, const char *folder, trit_error *err) {
    char path[trit_hub_max_path];
    trit_fs_names commits = {0};
    trit_status status = trit_hub_path(path, err, "%s/snapshots", folder);
    if (status == trit_ok) status = trit_fs_list(&commits, path, err);
    for (size_t i = 0; i < commits.n && status == trit_ok; i++) {
        status = trit_hub_path(path, err, "%s/snapshots/%s", folder, commits.item[i]);
        if (status == trit_ok && trit_hub_is_commit(trit_str_from(commits.item[i])) && trit_fs_look_here(path).kind == trit_fs_folder)
            status = add_snapshot(list, folder, "snapshots/", commits.item[i], on_file, err);
    }
    trit_fs_names_fini(&commits);
    if (status == trit_ok) status = add_snapshot(list, folder, "blobs", "", on_partial, err);
    if (status == trit_ok && list->item[list->n - 1].n_files == 0) trit_hub_snapshot_fini(&list->item[--list->n]);
    return status;
}

/* Calls each() with the folder of every model. */
trit_status trit_hub_for_repos(trit_status (*each)(void *user, const char *folder, trit_error *err), void *user, trit_error *err) {
    trit_text store = {0};
    trit_fs_names names = {0};
    trit_status status = trit_hub_folder(&store, err);
    if (status == trit_ok) status = trit_fs_list(&names, store.data, err);
    for (size_t i = 0; i < names.n && status == trit_ok; i++) {
        char folder[trit_hub_max_path];
        status = trit_hub_path(folder, err, "%s/%s", store.data, names.item[i]);
        if (status == trit_ok && is_repo_folder(names.item[i]) && trit_fs_look(folder).kind == trit_fs_folder)
            status = each(user, folder, err);
    }
    trit_fs_names_fini(&names);
    trit_text_fini(&store);
    return status;
}

static trit_status list_each(void *user, const char *folder, trit_error *err) {
    return trit_hub_list_repo(user, folder, err);
}

trit_status trit_hub_list(trit_hub_snapshots *out, trit_error *err) {
    trit_hub_snapshots list = {0};
    const trit_status status = trit_hub_for_repos(list_each, &list, err);
    if (status == trit_ok) *out = list;
    else trit_hub_snapshots_fini(&list);
    return status;
}
