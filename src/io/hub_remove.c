/* Removing from the store: what is named, what interrupted pulls left, and what has to go for the limit. Models that other tools keep
 * here go only when they are named. Links go before the bytes behind them, so that nobody finds one that leads nowhere. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "io/hub.h"
#include "io/path.h"

static uint64_t blob_bytes(const char *folder) {
    char path[trit_hub_max_path];
    trit_fs_names names;
    uint64_t n = 0;
    if (trit_hub_path(path, NULL, "%s/blobs", folder) != trit_ok || trit_fs_list(&names, path, NULL) != trit_ok) return 0;
    for (size_t i = 0; i < names.n; i++)
        if (trit_hub_path(path, NULL, "%s/blobs/%s", folder, names.item[i]) == trit_ok) n += trit_fs_look_here(path).n_bytes;
    trit_fs_names_fini(&names);
    return n;
}

/* The folder of a model's locks: STORE/.locks/NAME beside STORE/NAME. */
static trit_status locks_of(const char *folder, char out[trit_hub_max_path], trit_error *err) {
    const trit_str store = trit_path_folder(folder);
    return trit_hub_path(out, err, "%.*s/.locks/%s", (int)store.n, store.p, folder + store.n + 1);
}

static bool is_locked(const char *path) {
    trit_fs_lock lock = {0};
    bool held = false;
    if (trit_fs_look(path).kind != trit_fs_file || trit_fs_lock_try(&lock, path, &held, NULL) != trit_ok) return false;
    trit_fs_lock_release(&lock);
    return !held;
}

/* Is somebody fetching a file of this model? */
static bool is_busy(const char *folder) {
    char locks[trit_hub_max_path], path[trit_hub_max_path];
    trit_fs_names names;
    bool busy = false;
    if (locks_of(folder, locks, NULL) != trit_ok || trit_fs_list(&names, locks, NULL) != trit_ok) return false;
    for (size_t i = 0; i < names.n && !busy; i++) busy = trit_hub_path(path, NULL, "%s/%s", locks, names.item[i]) == trit_ok && is_locked(path);
    trit_fs_names_fini(&names);
    return busy;
}

/* Takes the model's lock, so that no pull begins while it goes; *held is false where one is under way. */
static trit_status hold(const char *folder, trit_fs_lock *lock, bool *held, trit_error *err) {
    char locks[trit_hub_max_path];
    *held = false;
    if (is_busy(folder)) return trit_ok;
    const trit_status status = locks_of(folder, locks, err);
    return status == trit_ok ? trit_hub_cache_lock(locks, true, lock, held, err) : status;
}

static trit_status remove_inside(const char *folder, const char *name, trit_error *err) {
    char path[trit_hub_max_path];
    const trit_status status = trit_hub_path(path, err, "%s/%s", folder, name);
    return status == trit_ok ? trit_fs_remove(path, err) : status;
}

static trit_status remove_repo(const char *folder, trit_error *err) {
    char locks[trit_hub_max_path];
    trit_status status = remove_inside(folder, "refs", err);
    if (status == trit_ok) status = remove_inside(folder, "snapshots", err);
    if (status == trit_ok) status = trit_fs_remove(folder, err);
    if (status == trit_ok) status = locks_of(folder, locks, err);
    return status == trit_ok ? trit_fs_remove(locks, err) : status;
}

/* ---- One revision, one file ---- */

static bool is_meant(const trit_hub_file *f, const trit_hub_ref *ref) {
    return !*ref->file || strcmp(f->name, ref->file) == 0 || trit_hub_tagged((const char *const *)&f->name, 1, ref->file);
}

/* A revision without files: its folder and the names that mean it. */
static trit_status remove_snapshot(const char *folder, const trit_hub_snapshot *s, trit_error *err) {
    const char *name = s->revision;
    trit_status status = trit_ok;
    while (*name && status == trit_ok) {
        char path[trit_hub_max_path];
        const size_t n = strcspn(name, " ");
        status = trit_hub_path(path, err, "%s/refs/%.*s", folder, (int)n, name);
        if (status == trit_ok) status = trit_fs_remove(path, err);
        name += n + (name[n] == ' ');
    }
    return status == trit_ok ? trit_fs_remove(s->path, err) : status;
}

static bool is_used(const trit_hub_snapshots *list, const char *hash) {
    for (size_t i = 0; i < list->n; i++)
        for (size_t k = 0; k < list->item[i].n_files; k++)
            if (strcmp(list->item[i].files[k].hash, hash) == 0) return true;
    return false;
}

/* Removes the links that are meant; *n counts them. */
static trit_status remove_links(const trit_hub_snapshots *list, const trit_hub_ref *ref, const char *commit, size_t *n, trit_error *err) {
    trit_status status = trit_ok;
    for (size_t i = 0; i < list->n; i++) {
        const trit_hub_snapshot *s = &list->item[i];
        if (!*s->commit || (*commit && strcmp(s->commit, commit) != 0)) continue;
        for (size_t k = 0; k < s->n_files && status == trit_ok; k++) {
            if (!is_meant(&s->files[k], ref)) continue;
            status = remove_inside(s->path, s->files[k].name, err);
            ++*n;
        }
    }
    return status;
}

/* After links have gone: the bytes that only they used, revisions without files, the model without revisions. */
static trit_status sweep(const trit_hub_snapshots *before, const char *folder, trit_error *err) {
    trit_hub_snapshots now = {0};
    size_t n_left = 0;
    trit_status status = trit_hub_list_repo(&now, folder, err);
    for (size_t i = 0; i < before->n && status == trit_ok; i++)
        for (size_t k = 0; k < before->item[i].n_files && status == trit_ok; k++) {
            const char *hash = before->item[i].files[k].hash;
            char path[trit_hub_max_path];
            if (!*hash || is_used(&now, hash)) continue;
            status = trit_hub_path(path, err, "%s/blobs/%s", folder, hash);
            if (status == trit_ok) status = trit_fs_remove(path, err);
        }
    for (size_t i = 0; i < now.n && status == trit_ok; i++) {
        n_left += now.item[i].n_files > 0;
        if (now.item[i].n_files == 0) status = remove_snapshot(folder, &now.item[i], err);
    }
    trit_hub_snapshots_fini(&now);
    return status == trit_ok && !n_left ? remove_repo(folder, err) : status;
}

static trit_status remove_part(const trit_hub_cache *c, const trit_hub_ref *ref, const char *text, trit_error *err) {
    char commit[trit_hub_commit_size] = "";
    trit_hub_snapshots before = {0};
    size_t n = 0;
    if (*ref->revision && !trit_hub_cache_commit(c, ref->revision, commit)) return trit_error_set(err, trit_io, "%s: not in the store", text);
    trit_status status = trit_hub_list_repo(&before, c->folder, err);
    if (status == trit_ok) status = remove_links(&before, ref, commit, &n, err);
    if (status == trit_ok && !n) status = trit_error_set(err, trit_io, "%s: not in the store", text);
    if (status == trit_ok) status = sweep(&before, c->folder, err);
    trit_hub_snapshots_fini(&before);
    return status;
}

trit_status trit_hub_remove(const char *text, uint64_t *n_bytes, trit_error *err) {
    trit_hub_ref ref;
    trit_hub_cache c;
    trit_status status = trit_hub_ref_parse(&ref, text, true, err);
    if (status == trit_ok) status = trit_hub_cache_open(&c, ref.repo, err);
    if (status != trit_ok) return status;
    if (trit_fs_look(c.folder).kind != trit_fs_folder) return trit_error_set(err, trit_io, "%s: not in the store", text);
    trit_fs_lock lock = {0};
    bool held;
    status = hold(c.folder, &lock, &held, err);
    if (status == trit_ok && !held) status = trit_error_set(err, trit_io, "%s: is being pulled right now", text);
    if (status != trit_ok) return status;
    const uint64_t before = blob_bytes(c.folder);
    status = *ref.file || *ref.revision ? remove_part(&c, &ref, text, err) : remove_repo(c.folder, err);
    trit_fs_lock_release(&lock);
    const uint64_t after = blob_bytes(c.folder);
    if (status == trit_ok) *n_bytes = before > after ? before - after : 0; /* others may have added some */
    return status;
}

/* ---- Partial files ---- */

static trit_status remove_partial_of(void *user, const char *folder, trit_error *err) {
    uint64_t *n_bytes = user;
    char blobs[trit_hub_max_path], locks[trit_hub_max_path], path[trit_hub_max_path];
    trit_fs_names names = {0};
    trit_status status = trit_hub_path(blobs, err, "%s/blobs", folder);
    if (status == trit_ok) status = locks_of(folder, locks, err);
    if (status == trit_ok) status = trit_fs_list(&names, blobs, err);
    for (size_t i = 0; i < names.n && status == trit_ok; i++) {
        if (!trit_ends_with(names.item[i], ".incomplete")) continue;
        trit_fs_lock lock = {0}; /* so that no pull opens the file while it goes */
        bool held = false;
        status = trit_hub_path(path, err, "%s/%.*s.lock", locks, (int)strcspn(names.item[i], "."), names.item[i]);
        if (status == trit_ok) status = trit_fs_make_dirs(locks, err);
        if (status == trit_ok) status = trit_fs_lock_try(&lock, path, &held, err);
        if (status != trit_ok || !held) continue;
        status = trit_hub_path(path, err, "%s/%s", blobs, names.item[i]);
        const uint64_t n = trit_fs_look_here(path).n_bytes;
        if (status == trit_ok) status = trit_fs_remove(path, err);
        if (status == trit_ok) *n_bytes += n;
        trit_fs_lock_release(&lock);
    }
    trit_fs_names_fini(&names);
    return status;
}

trit_status trit_hub_remove_partial(uint64_t *n_bytes, trit_error *err) {
    *n_bytes = 0;
    return trit_hub_for_repos(remove_partial_of, n_bytes, err);
}

/* ---- The limit ---- */

/* The models that trit pulled, and the longest unused of them. */
typedef struct own_models {
    const char *keep;
    uint64_t n_bytes, oldest_bytes;
    uint64_t n_stays; /* of n_bytes: `keep`, and what is being pulled */
    int64_t oldest_s;
    char oldest[trit_hub_max_path]; /* "": none that may go */
} own_models;

static trit_status look_at_own(void *user, const char *folder, trit_error *err) {
    own_models *own = user;
    char mark[trit_hub_max_path];
    const trit_status status = trit_hub_path(mark, err, "%s/.trit", folder);
    if (status != trit_ok) return status;
    const trit_fs_info info = trit_fs_look(mark);
    if (info.kind != trit_fs_file) return trit_ok;
    const uint64_t n = blob_bytes(folder);
    own->n_bytes += n;
    const bool stays = strcmp(folder, own->keep) == 0 || is_busy(folder);
    if (stays) own->n_stays += n;
    if (stays || (*own->oldest && info.written_s >= own->oldest_s)) return trit_ok;
    own->oldest_s = info.written_s;
    own->oldest_bytes = n;
    return trit_hub_path(own->oldest, err, "%s", folder);
}

/* Leaves it if somebody has begun to pull it: the next look at the store tells. */
static trit_status evict(const own_models *own, const trit_hub_opts *o, trit_error *err) {
    trit_fs_lock lock = {0};
    bool held;
    trit_status status = hold(own->oldest, &lock, &held, err);
    if (status != trit_ok || !held) return status;
    trit_hub_say(o, "TRIT_CACHE_LIMIT: %s (%.1f MB), the longest unused, is removed", own->oldest, (double)own->oldest_bytes * 1e-6);
    status = remove_repo(own->oldest, err);
    trit_fs_lock_release(&lock);
    return status;
}

trit_status trit_hub_make_room(const char *keep, uint64_t n_more, const trit_hub_opts *o, trit_error *err) {
    uint64_t limit;
    trit_status status = trit_hub_limit(&limit, err);
    while (status == trit_ok && limit != UINT64_MAX && n_more) {
        own_models own = {.keep = keep};
        status = trit_hub_for_repos(look_at_own, &own, err);
        if (status != trit_ok || (n_more <= limit && own.n_bytes <= limit - n_more)) return status;
        /* Before the first goes: would all that may go be enough? */
        if (n_more > limit || own.n_stays > limit - n_more)
            return trit_error_set(err, trit_io, "%.1f MB are to come, and TRIT_CACHE_LIMIT leaves room for %.1f MB", (double)n_more * 1e-6,
                                  own.n_stays < limit ? (double)(limit - own.n_stays) * 1e-6 : 0.0);
        status = evict(&own, o, err);
    }
    return status;
}
