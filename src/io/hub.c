/* Pulling a model: ask the hub for the revision's files, select, make room, fetch, link. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/os.h"
#include "io/hub.h"
#include "io/path.h"

enum { lock_poll_ms = 50 };

typedef struct pull {
    const trit_hub_opts *o;
    trit_hub_ref ref;
    const char *revision;
    char what[400]; /* "hf:org/name", with the revision where one was asked for */
    trit_hub_cache cache;
    trit_http *http;
    trit_hub_tree tree;
    char file[trit_hub_max_file];
    uint64_t n_missing; /* bytes */
    trit_fs_lock lock;  /* of the model, from before the first byte until all is linked */
} pull;

static trit_status connect(pull *p, trit_error *err) {
    trit_text token = {0};
    trit_status status = trit_hub_token(&token, err);
    if (status == trit_ok) status = trit_http_new(&p->http, trit_hub_endpoint(), token.n ? token.data : NULL, err);
    trit_text_fini(&token);
    return status;
}

static trit_status ask_tree(pull *p, trit_error *err) {
    static const char query[] = "?blobs=true";
    trit_text url = {0}, body = {0};
    trit_hub_head head;
    trit_status status = trit_hub_url(&url, "/api/models", p->ref.repo, "/revision/", p->revision, NULL, err);
    if (status == trit_ok && !trit_text_append(&url, query, sizeof query - 1)) status = trit_error_memory(err, url.n, "an address");
    if (status == trit_ok) status = trit_hub_ask(p->http, url.data, p->what, p->o, &head, &body, err);
    if (status == trit_ok) status = trit_hub_tree_parse(&p->tree, body.data ? body.data : "", body.n, p->what, err);
    trit_text_fini(&url);
    trit_text_fini(&body);
    return status;
}

/* The index of shards, from the store or from the hub. */
static trit_status ask_shards(pull *p, trit_error *err) {
    const trit_hub_entry *e = trit_hub_tree_find(&p->tree, TRIT_HUB_INDEX);
    trit_text url = {0}, body = {0};
    trit_hub_head head;
    trit_file_map map = {0};
    char path[trit_hub_max_path];
    trit_status status = trit_hub_path(path, err, "%s/blobs/%s", p->cache.folder, e->hash);
    if (status != trit_ok) return status;
    if (trit_hub_has_blob(&p->cache, e)) {
        status = trit_os_map(&map, path, err);
    } else {
        status = trit_hub_url(&url, "", p->ref.repo, "/resolve/", p->tree.commit, e->name, err);
        if (status == trit_ok) status = trit_hub_ask(p->http, url.data, p->what, p->o, &head, &body, err);
        if (status == trit_ok && !trit_hub_is_whole(e, body.data, body.n))
            status = trit_error_set(err, trit_format, "%s: %s is not what the hub says it is", p->what, e->name);
    }
    const char *text = map.data ? (const char *)map.data : body.data;
    if (status == trit_ok) status = trit_hub_select_shards(&p->tree, &p->ref, text ? text : "", map.data ? map.n : body.n, err);
    trit_os_unmap(&map);
    trit_text_fini(&url);
    trit_text_fini(&body);
    return status;
}

/* Some mirrors list names alone: length and checksum of a file are in the head of its response then. */
static trit_status ask_entry(pull *p, trit_hub_entry *e, trit_error *err) {
    trit_text url = {0};
    trit_hub_head head = {0};
    trit_status status = trit_hub_url(&url, "", p->ref.repo, "/resolve/", p->tree.commit, e->name, err);
    if (status == trit_ok) status = trit_hub_ask(p->http, url.data, p->what, p->o, &head, NULL, err);
    trit_text_fini(&url);
    if (status != trit_ok) return status;
    const bool has_length = head.code == 200 && head.from_hub && head.has_length;
    if (!head.hash[0] || !(head.has_size || has_length))
        return trit_error_set(err, trit_format, "%s: the hub gives no checksum or no length of %.200s", p->what, e->name);
    memcpy(e->hash, head.hash, sizeof e->hash);
    e->n_bytes = head.has_size ? head.n_bytes : head.length;
    return trit_ok;
}

static trit_status ask_entries(pull *p, trit_error *err) {
    trit_status status = trit_ok;
    for (size_t i = 0; i < p->tree.n && status == trit_ok; i++)
        if (p->tree.item[i].wanted && !p->tree.item[i].hash[0]) status = ask_entry(p, &p->tree.item[i], err);
    return status;
}

static trit_status select_files(pull *p, trit_error *err) {
    bool has_index;
    trit_status status = trit_hub_select(&p->tree, &p->ref, p->o, p->file, &has_index, err);
    if (status == trit_ok) status = ask_entries(p, err);
    if (status == trit_ok && has_index) status = ask_shards(p, err);
    if (status == trit_ok && has_index) status = ask_entries(p, err);
    return status;
}

/* Bytes that are still to come, less those of partial files. */
static trit_status count_missing(pull *p, trit_error *err) {
    for (size_t i = 0; i < p->tree.n; i++) {
        const trit_hub_entry *e = &p->tree.item[i];
        char path[trit_hub_max_path];
        if (!e->wanted || trit_hub_has_blob(&p->cache, e) || trit_hub_is_repeat(&p->tree, i)) continue;
        const trit_status status = trit_hub_path(path, err, "%s/blobs/%s.incomplete", p->cache.folder, e->hash);
        if (status != trit_ok) return status;
        const uint64_t n_here = p->o->fresh ? 0 : trit_fs_look(path).n_bytes, n = e->n_bytes - (n_here < e->n_bytes ? n_here : e->n_bytes);
        if (n > UINT64_MAX / 2 - p->n_missing) return trit_error_set(err, trit_format, "%s: the hub says that it has more bytes than can be", p->what);
        p->n_missing += n;
    }
    return trit_ok;
}

/* Whoever removes the model ends that first. Where nothing is to come nothing is locked: the store may be one to read alone. */
static trit_status lock_model(pull *p, trit_error *err) {
    bool held = !p->n_missing;
    while (!held) {
        const trit_status status = trit_hub_cache_lock(p->cache.locks, false, &p->lock, &held, err);
        if (status != trit_ok || held) return status;
        if (p->o->progress && !p->o->progress(p->o->user, 0, 0)) return trit_error_set(err, trit_cancelled, "interrupted");
        trit_os_sleep_ms(lock_poll_ms);
    }
    return trit_ok;
}

static trit_status make_room(pull *p, trit_error *err) {
    char inside[trit_hub_max_path];
    trit_status status = trit_hub_make_room(p->cache.folder, p->n_missing, p->o, err);
    if (status == trit_ok) status = lock_model(p, err);
    if (status == trit_ok) status = trit_hub_cache_make(&p->cache, err);
    if (status == trit_ok) status = trit_hub_path(inside, err, "%s/blobs", p->cache.folder);
    if (status != trit_ok) return status;
    const uint64_t n_free = trit_os_free_bytes(inside);
    if (n_free >= p->n_missing) return trit_ok;
    return trit_error_set(err, trit_io, "%s: %.1f MB are to come, and the disk has room for %.1f MB", p->what, (double)p->n_missing * 1e-6,
                          (double)n_free * 1e-6);
}

/* ---- What was pulled ---- */

static trit_status report_file(trit_hub_snapshot *s, const trit_hub_entry *e, bool was_there, trit_error *err) {
    trit_hub_file *f = &s->files[s->n_files];
    f->name = trit_strndup(e->name, strlen(e->name));
    if (!f->name) return trit_error_memory(err, strlen(e->name), "a file's name");
    s->n_files++;
    memcpy(f->hash, e->hash, sizeof f->hash);
    f->n_bytes = e->n_bytes;
    f->was_there = was_there;
    s->n_bytes += e->n_bytes;
    return trit_ok;
}

/* Before anything is fetched: which files, and which of them are there. */
static trit_status report(trit_hub_snapshot *s, const pull *p, trit_error *err) {
    char path[trit_hub_max_path];
    size_t n = 0;
    const char *only = "";
    for (size_t i = 0; i < p->tree.n; i++) {
        n += p->tree.item[i].wanted;
        if (p->tree.item[i].wanted) only = p->tree.item[i].name;
    }
    memcpy(s->commit, p->tree.commit, sizeof s->commit);
    if (!*p->file && (n != 1 || !trit_ends_with(only, ".gguf"))) only = "";
    trit_status status = trit_hub_path(path, err, "%s/snapshots/%s%s%s", p->cache.folder, s->commit, *only ? "/" : "", only);
    if (status != trit_ok) return status;
    s->name = trit_strndup(p->ref.repo, strlen(p->ref.repo));
    s->revision = trit_strndup(p->revision, strlen(p->revision));
    s->path = trit_strndup(path, strlen(path));
    s->files = trit_alloc_zero(n, sizeof *s->files);
    if (!s->name || !s->revision || !s->path || !s->files) return trit_error_memory(err, n * sizeof *s->files, "the list of files");
    for (size_t i = 0; i < p->tree.n && status == trit_ok; i++)
        if (p->tree.item[i].wanted) status = report_file(s, &p->tree.item[i], trit_hub_has_blob(&p->cache, &p->tree.item[i]), err);
    s->n_bytes_fetched = p->n_missing;
    return status;
}

static void announce(const pull *p) {
    size_t n = 0;
    uint64_t n_bytes = 0;
    for (size_t i = 0; i < p->tree.n; i++) {
        n += p->tree.item[i].wanted;
        n_bytes += p->tree.item[i].wanted && !trit_hub_is_repeat(&p->tree, i) ? p->tree.item[i].n_bytes : 0;
    }
    if (p->n_missing)
        trit_hub_say(p->o, "pulling %s: %zu file%s, %.1f MB%s", p->what, n, n == 1 ? "" : "s", (double)p->n_missing * 1e-6,
                     p->n_missing < n_bytes ? " of them still to come" : "");
}

static trit_status pull_steps(pull *p, trit_hub_snapshot *s, trit_error *err) {
    trit_status status = connect(p, err);
    if (status == trit_ok) status = ask_tree(p, err);
    if (status == trit_ok) status = select_files(p, err);
    if (status == trit_ok) status = count_missing(p, err);
    if (status == trit_ok) status = report(s, p, err);
    if (status != trit_ok || p->o->look) return status;
    status = make_room(p, err);
    if (status == trit_ok) announce(p);
    if (status == trit_ok) status = trit_hub_fetch(p->http, &p->cache, p->ref.repo, &p->tree, p->o, err);
    if (status == trit_ok) status = trit_hub_link(&p->cache, &p->tree, err);
    if (status == trit_ok && !trit_hub_is_commit(trit_str_from(p->revision))) status = trit_hub_cache_put_ref(&p->cache, p->revision, p->tree.commit, err);
    if (status == trit_ok) trit_hub_cache_use(&p->cache);
    return status;
}

static trit_status set_up(pull *p, const char *ref, const trit_hub_opts *o, trit_error *err) {
    p->o = o;
    trit_status status = trit_hub_ref_parse(&p->ref, ref, false, err);
    if (status == trit_ok && o->revision && *p->ref.revision && strcmp(o->revision, p->ref.revision) != 0)
        status = trit_error_set(err, trit_arg, "two revisions: \"%s\" and \"%s\"", p->ref.revision, o->revision);
    if (status == trit_ok && o->n_include && *p->ref.file)
        status = trit_error_set(err, trit_arg, "hf:%s:%s names one file, and --include others: one of them", p->ref.repo, p->ref.file);
    if (status == trit_ok && o->revision && !trit_hub_is_safe_file(trit_str_from(o->revision)))
        status = trit_error_set(err, trit_arg, "\"%s\" is no branch, tag or commit", o->revision);
    if (status == trit_ok && o->revision && strlen(o->revision) >= trit_hub_max_revision)
        status = trit_error_set(err, trit_arg, "\"%.60s...\" is no branch, tag or commit", o->revision);
    if (status != trit_ok) return status;
    if (o->revision) memcpy(p->ref.revision, o->revision, strlen(o->revision) + 1);
    p->revision = *p->ref.revision ? p->ref.revision : "main";
    snprintf(p->what, sizeof p->what, "hf:%s%s%s", p->ref.repo, *p->ref.revision ? "@" : "", p->ref.revision);
    return trit_hub_cache_open(&p->cache, p->ref.repo, err);
}

/* Without the hub: what is there, or the reason why not. */
static trit_status pull_offline(const pull *p, trit_hub_snapshot *s, trit_error *err) {
    char path[trit_hub_max_path];
    trit_status status = trit_hub_cache_find(&p->cache, &p->ref, path, err);
    if (status != trit_ok) return status;
    if (!*path) return trit_error_set(err, trit_io, "%s%s%s: not in the store, and HF_HUB_OFFLINE is set", p->what, *p->ref.file ? ": " : "", p->ref.file);
    s->name = trit_strndup(p->ref.repo, strlen(p->ref.repo));
    s->revision = trit_strndup(p->revision, strlen(p->revision));
    s->path = trit_strndup(path, strlen(path));
    if (!s->name || !s->revision || !s->path) return trit_error_memory(err, sizeof path, "a path");
    (void)trit_hub_cache_commit(&p->cache, p->revision, s->commit);
    trit_hub_cache_use(&p->cache);
    return trit_ok;
}

trit_status trit_hub_pull(trit_hub_snapshot *out, const char *ref, const trit_hub_opts *opts, trit_error *err) {
    static const trit_hub_opts defaults = {0};
    trit_hub_snapshot s = {0};
    pull p = {0};
    trit_status status = set_up(&p, ref, opts ? opts : &defaults, err);
    if (status == trit_ok) status = trit_hub_is_offline() ? pull_offline(&p, &s, err) : pull_steps(&p, &s, err);
    trit_fs_lock_release(&p.lock);
    trit_http_free(p.http);
    trit_hub_tree_fini(&p.tree);
    if (status == trit_ok) *out = s;
    else trit_hub_snapshot_fini(&s);
    return status;
}

trit_status trit_hub_resolve(trit_text *path, const char *ref, const trit_hub_opts *opts, trit_error *err) {
    trit_hub_ref parsed;
    trit_hub_cache cache;
    trit_hub_snapshot s = {0};
    char found[trit_hub_max_path] = "";
    trit_status status = trit_ok;
    const char *result = ref ? ref : "";
    if (trit_hub_is_ref(ref)) {
        status = trit_hub_ref_parse(&parsed, ref, false, err);
        if (status == trit_ok) status = trit_hub_cache_open(&cache, parsed.repo, err);
        if (status == trit_ok) status = trit_hub_cache_find(&cache, &parsed, found, err);
        if (status == trit_ok && *found) trit_hub_cache_use(&cache);
        else if (status == trit_ok) status = trit_hub_pull(&s, ref, opts, err);
        result = *found ? found : s.path;
    }
    path->n = 0;
    if (status == trit_ok && !trit_text_append(path, result, strlen(result))) status = trit_error_memory(err, strlen(result), "a path");
    trit_hub_snapshot_fini(&s);
    return status;
}
