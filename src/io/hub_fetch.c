/* Files of the hub into the store: several at once, resumed, checked, retried.
 *
 *   waiting --lock--> running --whole--> checked --> HASH.incomplete becomes HASH, done
 *      ^                | short, refused for now
 *      '---- rest ------'
 *
 * The lock of a blob is held from the first byte to its name, so two processes never write one file; the one that comes second finds
 * the blob. Bytes count only when the checksum over all of them is the hub's. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/os.h"
#include "base/sha.h"
#include "io/hub.h"

enum { default_parallel = 4, max_restarts = 3, lock_poll_ms = 200, step_ms = 50, read_back_bytes = 1 << 20 };

typedef struct fetch fetch;

typedef enum job_state { job_waiting, job_resting, job_running, job_done } job_state;

typedef struct job {
    trit_http_transfer t;
    fetch *all;
    const trit_hub_entry *entry;
    trit_text url;
    job_state state;
    trit_hub_patience patience;
    trit_fs_lock lock;
    trit_fs_grow file;  /* HASH.incomplete */
    trit_sha sum;       /* of the file so far */
    uint64_t best;      /* most bytes that the file has had */
    bool has_begun;     /* bytes of this attempt have arrived */
    bool is_patched;    /* the file is made of several attempts */
    unsigned n_restarts; /* with nothing, since what was there was wrong */
    bool has_waited;    /* for another process */
    trit_status fault;  /* of body(), with `error` */
    trit_error error;
} job;

struct fetch {
    trit_http *http;
    const trit_hub_cache *cache;
    const char *repo;
    const trit_hub_tree *tree;
    const trit_hub_opts *o;
    job *jobs;
    size_t n_jobs, n_active, n_left;
    uint64_t n_total;
};

static void name_job(const job *j, char out[300]) {
    snprintf(out, 300, "hf:%s: %.190s", j->all->repo, j->entry->name);
}

static trit_status blob_path(const trit_hub_cache *c, const trit_hub_entry *e, const char *suffix, char out[trit_hub_max_path], trit_error *err) {
    return trit_hub_path(out, err, "%s/blobs/%s%s", c->folder, e->hash, suffix);
}

bool trit_hub_has_blob(const trit_hub_cache *c, const trit_hub_entry *e) {
    char path[trit_hub_max_path];
    if (!e->hash[0] || blob_path(c, e, "", path, NULL) != trit_ok) return false;
    const trit_fs_info info = trit_fs_look(path);
    return info.kind == trit_fs_file && info.n_bytes == e->n_bytes;
}

bool trit_hub_is_repeat(const trit_hub_tree *tree, size_t i) {
    for (size_t k = 0; k < i; k++)
        if (tree->item[k].wanted && strcmp(tree->item[k].hash, tree->item[i].hash) == 0) return true;
    return false;
}

/* Git's name of bytes is the SHA-1 of "blob LENGTH", a NUL, and the bytes. */
static void start_sum(trit_sha *sum, const trit_hub_entry *e) {
    if (strlen(e->hash) == 64) {
        trit_sha256_init(sum);
        return;
    }
    char head[40];
    const int n = snprintf(head, sizeof head, "blob %" PRIu64, e->n_bytes);
    trit_sha1_init(sum);
    trit_sha_add(sum, head, (size_t)n + 1);
}

bool trit_hub_is_whole(const trit_hub_entry *e, const void *data, size_t n) {
    trit_sha sum;
    char hex[trit_sha_hex_max];
    start_sum(&sum, e);
    trit_sha_add(&sum, data, n);
    trit_sha_hex(&sum, hex);
    return n == e->n_bytes && strcmp(hex, e->hash) == 0;
}

static trit_status start_again(job *j, const char *path, trit_error *err) {
    start_sum(&j->sum, j->entry);
    j->is_patched = false;
    return trit_fs_grow_cut(&j->file, 0, path, err);
}

static bool keep_going(const fetch *f) {
    if (!f->o->progress) return true;
    uint64_t done = 0;
    for (size_t i = 0; i < f->n_jobs; i++) done += f->jobs[i].state == job_done ? f->jobs[i].entry->n_bytes : f->jobs[i].file.n;
    return f->o->progress(f->o->user, done, f->n_total);
}

/* ---- Bytes ---- */

static bool fault(job *j, trit_status status, const char *what) {
    char name[300];
    name_job(j, name);
    j->fault = trit_error_set(&j->error, status, "%s: %s", name, what);
    return false;
}

/* Is the response that begins here one of our file, from where ours ends or from its start? */
static bool check_head(job *j, const char *path) {
    const trit_hub_head *h = &j->t.head;
    if (h->hash[0] && strcmp(h->hash, j->entry->hash) != 0) return fault(j, trit_format, "the hub gives two checksums for it");
    if (h->commit[0] && strcmp(h->commit, j->all->tree->commit) != 0) return fault(j, trit_format, "the hub sends it from another commit");
    if (h->has_size && h->n_bytes != j->entry->n_bytes) return fault(j, trit_format, "the hub gives two lengths for it");
    if (h->code == 206) {
        if (h->has_range && h->range_first == j->file.n && h->range_total == j->entry->n_bytes) return true;
        return fault(j, trit_format, "the server sends another part than it was asked for");
    }
    if (j->file.n == 0) return true;
    j->fault = start_again(j, path, &j->error);
    return j->fault == trit_ok;
}

static bool take_bytes(trit_http_transfer *t, const char *data, size_t n) {
    job *j = t->user;
    char path[trit_hub_max_path];
    j->fault = blob_path(j->all->cache, j->entry, ".incomplete", path, &j->error);
    if (j->fault != trit_ok || (!j->has_begun && !check_head(j, path))) return false;
    j->has_begun = true;
    if (n > j->entry->n_bytes - j->file.n) return fault(j, trit_format, "more bytes arrive than the hub says it has");
    j->fault = trit_fs_grow_add(&j->file, data, n, path, &j->error);
    trit_sha_add(&j->sum, data, n);
    return j->fault == trit_ok;
}

/* Takes the bytes of an earlier pull into the sum. */
static trit_status read_back(job *j, const char *path, trit_error *err) {
    char *buffer = trit_alloc(read_back_bytes, 1);
    trit_status status = buffer ? trit_ok : trit_error_memory(err, read_back_bytes, "a buffer");
    for (uint64_t at = 0; at < j->file.n && status == trit_ok;) {
        const size_t n = j->file.n - at < read_back_bytes ? (size_t)(j->file.n - at) : read_back_bytes;
        status = trit_fs_grow_read(&j->file, at, buffer, n, path, err);
        if (status == trit_ok) trit_sha_add(&j->sum, buffer, n);
        at += n;
        if (status == trit_ok && !keep_going(j->all)) status = trit_error_set(err, trit_cancelled, "interrupted");
    }
    trit_free(buffer);
    return status;
}

/* ---- Steps of a job ---- */

static void leave(job *j) {
    j->all->n_active -= j->state != job_waiting;
    j->all->n_left--;
    j->state = job_done;
    trit_fs_grow_close(&j->file);
    trit_fs_lock_release(&j->lock);
}

static trit_status start_transfer(job *j, trit_error *err) {
    j->t = (trit_http_transfer){.url = j->url.data, .first = j->file.n, .body = take_bytes, .user = j};
    j->has_begun = false;
    j->fault = trit_ok;
    j->is_patched |= j->file.n > 0;
    j->state = job_running;
    return trit_http_start(j->all->http, &j->t, err);
}

/* What is there is wrong: once more without it, if it was put together from several attempts; else `otherwise` is the end. */
static trit_status restart(job *j, const char *path, const char *why, const trit_error *otherwise, trit_error *err) {
    char name[300];
    if (!j->is_patched || j->n_restarts == max_restarts) {
        (void)remove(path);
        return trit_error_set(err, otherwise->status, "%s", otherwise->message);
    }
    name_job(j, name);
    trit_hub_say(j->all->o, "%s: %s; once more from the start", name, why);
    j->n_restarts++;
    const trit_status status = start_again(j, path, err);
    return status == trit_ok ? start_transfer(j, err) : status;
}

/* All bytes are there: they get their name, or are thrown away. */
static trit_status check(job *j, trit_error *err) {
    char name[300], path[trit_hub_max_path], blob[trit_hub_max_path], sum[trit_sha_hex_max];
    trit_status status = blob_path(j->all->cache, j->entry, ".incomplete", path, err);
    if (status == trit_ok) status = blob_path(j->all->cache, j->entry, "", blob, err);
    if (status != trit_ok) return status;
    trit_sha_hex(&j->sum, sum);
    if (strcmp(sum, j->entry->hash) == 0) {
        status = trit_fs_grow_flush(&j->file, path, err);
        if (status == trit_ok) status = trit_fs_rename(path, blob, err);
        if (status == trit_ok) leave(j);
        return status;
    }
    trit_error otherwise;
    name_job(j, name);
    (void)trit_error_set(&otherwise, trit_format, "%s: the checksum of what arrived is %.12s..., the hub says %.12s...", name, sum, j->entry->hash);
    return restart(j, path, "the parts do not make the whole", &otherwise, err);
}

static trit_status open_file(job *j, trit_error *err) {
    char path[trit_hub_max_path];
    trit_status status = blob_path(j->all->cache, j->entry, ".incomplete", path, err);
    if (status == trit_ok) status = trit_fs_grow_open(&j->file, path, err);
    if (status != trit_ok) return status;
    start_sum(&j->sum, j->entry);
    if (j->all->o->fresh || j->file.n > j->entry->n_bytes) return trit_fs_grow_cut(&j->file, 0, path, err);
    j->best = j->file.n;
    j->is_patched = j->file.n > 0;
    return read_back(j, path, err);
}

static trit_status begin(job *j, trit_error *err) {
    char path[trit_hub_max_path], name[300];
    bool held = false;
    trit_status status = trit_hub_path(path, err, "%s/%s.lock", j->all->cache->locks, j->entry->hash);
    if (status == trit_ok) status = trit_fs_lock_try(&j->lock, path, &held, err);
    if (status != trit_ok) return status;
    if (!held) {
        name_job(j, name);
        if (!j->has_waited) trit_hub_say(j->all->o, "%s: somebody else is fetching it; waiting", name);
        j->has_waited = true;
        j->patience.rest_until_ns = trit_os_clock_ns() + (uint64_t)lock_poll_ms * 1000000;
        return trit_ok;
    }
    if (trit_hub_has_blob(j->all->cache, j->entry)) {
        leave(j);
        return trit_ok;
    }
    j->state = job_resting;
    j->all->n_active++;
    status = open_file(j, err);
    if (status != trit_ok) return status;
    return j->file.n == j->entry->n_bytes ? check(j, err) : start_transfer(j, err);
}

/* An attempt has ended. */
static trit_status after(job *j, trit_error *err) {
    char name[300], path[trit_hub_max_path];
    const int code = j->t.head.code;
    name_job(j, name);
    trit_status status = blob_path(j->all->cache, j->entry, ".incomplete", path, err);
    if (status != trit_ok) return status;
    if (j->fault == trit_format) return restart(j, path, "what the server sends does not fit", &j->error, err);
    if (j->fault != trit_ok) return trit_error_set(err, j->fault, "%s", j->error.message);
    if (code == 416) {
        (void)trit_error_set(&j->error, trit_format, "%s: the server has no bytes of it (416)", name);
        return restart(j, path, "the server has no such part", &j->error, err);
    }
    if ((code == 200 || code == 206) && j->file.n == j->entry->n_bytes) return check(j, err);
    const bool gained = j->file.n > j->best;
    if (gained) j->best = j->file.n;
    j->state = job_resting;
    return trit_hub_again(&j->patience, &j->t, gained, name, j->all->o, err);
}

static trit_status step(job *j, trit_error *err) {
    const fetch *f = j->all;
    const size_t n_parallel = f->o->n_parallel ? f->o->n_parallel : default_parallel;
    if (j->state == job_done) return trit_ok;
    if (j->state == job_running) return j->t.done ? after(j, err) : trit_ok;
    if (trit_os_clock_ns() < j->patience.rest_until_ns) return trit_ok;
    if (j->state == job_resting) return start_transfer(j, err);
    return f->n_active < n_parallel ? begin(j, err) : trit_ok;
}

/* ---- All of them ---- */

static trit_status run(fetch *f, trit_error *err) {
    while (f->n_left) {
        bool is_running = false;
        for (size_t i = 0; i < f->n_jobs; i++) {
            const trit_status status = step(&f->jobs[i], err);
            if (status != trit_ok) return status;
            is_running |= f->jobs[i].state == job_running;
        }
        if (!keep_going(f)) return trit_error_set(err, trit_cancelled, "interrupted");
        if (is_running) {
            const trit_status status = trit_http_run(f->http, step_ms, err);
            if (status != trit_ok) return status;
        } else if (f->n_left) {
            trit_os_sleep_ms(step_ms);
        }
    }
    return trit_ok;
}

static trit_status add_jobs(fetch *f, trit_error *err) {
    f->jobs = trit_alloc_zero(f->tree->n, sizeof *f->jobs);
    if (!f->jobs) return trit_error_memory(err, f->tree->n * sizeof *f->jobs, "the files");
    for (size_t i = 0; i < f->tree->n; i++) {
        const trit_hub_entry *e = &f->tree->item[i];
        if (!e->wanted || trit_hub_has_blob(f->cache, e) || trit_hub_is_repeat(f->tree, i)) continue;
        job *j = &f->jobs[f->n_jobs++];
        j->all = f;
        j->entry = e;
        f->n_total += e->n_bytes;
        const trit_status status = trit_hub_url(&j->url, "", f->repo, "/resolve/", f->tree->commit, e->name, err);
        if (status != trit_ok) return status;
    }
    f->n_left = f->n_jobs;
    return trit_ok;
}

static trit_status link_some(const trit_hub_cache *c, const trit_hub_tree *tree, bool config, trit_error *err) {
    trit_status status = trit_ok;
    for (size_t i = 0; i < tree->n && status == trit_ok; i++) {
        const trit_hub_entry *e = &tree->item[i];
        if (e->wanted && (strcmp(e->name, "config.json") == 0) == config) status = trit_hub_cache_link(c, tree->commit, e->name, e->hash, err);
    }
    return status;
}

trit_status trit_hub_link(const trit_hub_cache *c, const trit_hub_tree *tree, trit_error *err) {
    const trit_status status = link_some(c, tree, false, err);
    return status == trit_ok ? link_some(c, tree, true, err) : status;
}

trit_status trit_hub_fetch(trit_http *h, const trit_hub_cache *c, const char *repo, const trit_hub_tree *tree, const trit_hub_opts *o,
                           trit_error *err) {
    fetch f = {.http = h, .cache = c, .repo = repo, .tree = tree, .o = o};
    trit_status status = add_jobs(&f, err);
    if (status == trit_ok) status = run(&f, err);
    for (size_t i = 0; i < f.n_jobs; i++) {
        if (f.jobs[i].state == job_running) trit_http_stop(h, &f.jobs[i].t);
        trit_fs_grow_close(&f.jobs[i].file);
        trit_fs_lock_release(&f.jobs[i].lock);
        trit_text_fini(&f.jobs[i].url);
    }
    trit_free(f.jobs);
    return status;
}
