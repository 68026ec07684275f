/* The store from the inside; include/trit/hub.h is what users see.
 *
 *   hub_ref     references and names                     hub_env    the environment: folder, token, limit
 *   hub_api     what the hub answers: JSON, headers
 *   hub_cache   one repository's folder in the store     hub_store  the whole store; hub_remove: less of it
 *   hub_select  which files of a repository are a model  hub_http   requests (libcurl; _none: without)
 *   hub_fetch   files: resumed, checked, retried         hub        pull = ask, select, fetch
 *
 *   HF_HUB_CACHE/models--org--name/blobs/HASH             the bytes, by sha256 or git's sha1
 *                                 /blobs/HASH.incomplete  ... that have arrived so far
 *                                 /snapshots/COMMIT/FILE  a relative link to a blob
 *                                 /refs/main              the commit
 *                                 /.trit                  made by trit; its time is the last use
 *   HF_HUB_CACHE/.locks/models--org--name/HASH.lock       held by who writes the bytes
 *                                        /model.lock      shared by pulls, alone for who removes the model
 *
 * Every name and number of the hub is hostile: it is checked here before it becomes part of a path or a size of anything. */
#ifndef TRIT_IO_HUB_H
#define TRIT_IO_HUB_H

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "trit/hub.h"

enum { trit_hub_max_repo = 97, trit_hub_max_file = 513, trit_hub_max_revision = 257, trit_hub_max_path = 4096, trit_hub_commit_size = 41 };

/* ---- hub_ref.c ---- */

typedef struct trit_hub_ref {
    char repo[trit_hub_max_repo];
    char file[trit_hub_max_file];         /* "": none */
    char revision[trit_hub_max_revision]; /* "": none */
} trit_hub_ref;

/* "hf:org/name[:file][@revision]", an alias, or where `bare` "org/name" too. Errors: arg. */
TRIT_MUST_CHECK trit_status trit_hub_ref_parse(trit_hub_ref *out, const char *text, bool bare, trit_error *err);

bool trit_hub_is_safe_file(trit_str name); /* a relative path that is one on every system and leads nowhere else */
bool trit_hub_is_commit(trit_str s);       /* 40 hexadecimal digits in lower case */
bool trit_hub_is_hash(trit_str s);         /* 40 or 64 of them */

const char *trit_hub_endpoint(void);                               /* without a slash at its end */
TRIT_MUST_CHECK trit_status trit_hub_token(trit_text *out, trit_error *err); /* empty: none */
bool trit_hub_is_offline(void);
TRIT_MUST_CHECK trit_status trit_hub_limit(uint64_t *out, trit_error *err);  /* UINT64_MAX: none */

/* ---- hub_api.c ---- */

typedef struct trit_hub_entry {
    char *name; /* as the hub spells it: not safe until asked */
    uint64_t n_bytes;
    char hash[65]; /* "": the hub did not say */
    bool wanted;   /* hub_select.c */
} trit_hub_entry;

typedef struct trit_hub_tree {
    char commit[trit_hub_commit_size];
    trit_hub_entry *item; /* [n] */
    size_t n;
} trit_hub_tree;

/* The answer to api/models/REPO/revision/REVISION?blobs=true. Errors: format, memory. */
TRIT_MUST_CHECK trit_status trit_hub_tree_parse(trit_hub_tree *out, const char *json, size_t n, const char *what, trit_error *err);
void trit_hub_tree_fini(trit_hub_tree *tree);
trit_hub_entry *trit_hub_tree_find(const trit_hub_tree *tree, const char *name); /* NULL: absent */

/* The lines of a response's head that matter. Those that tell of the file and of errors are believed only of the hub itself, and not
 * of the servers that it sends us to. Zero-initialise. */
typedef struct trit_hub_head {
    bool from_hub; /* the response that is being read */
    int code;
    char hash[65];   /* X-Linked-Etag, or ETag of the hub where it is one; "" else */
    bool has_size;
    uint64_t n_bytes; /* X-Linked-Size */
    char commit[trit_hub_commit_size];
    bool has_range;
    uint64_t range_first, range_total; /* Content-Range */
    bool has_length;
    uint64_t length;                   /* Content-Length of the response */
    uint64_t rest_s;                   /* Retry-After */
    char error_code[64], error_text[200];
} trit_hub_head;

void trit_hub_head_line(trit_hub_head *h, const char *line, size_t n);

/* ---- hub_cache.c ---- */

/* The folder of a repository. `path`s are trit_hub_max_path long. */
typedef struct trit_hub_cache {
    char folder[trit_hub_max_path]; /* of the repository */
    char locks[trit_hub_max_path];
} trit_hub_cache;

TRIT_MUST_CHECK trit_status trit_hub_cache_open(trit_hub_cache *c, const char *repo, trit_error *err);
TRIT_MUST_CHECK trit_status trit_hub_cache_make(const trit_hub_cache *c, trit_error *err); /* on the disk, marked as ours if it is new */
/* Takes the model's lock if it is free; a pull shares it with others. The folder of locks is made. Errors: io. */
TRIT_MUST_CHECK trit_status trit_hub_cache_lock(const char *locks, bool alone, trit_fs_lock *lock, bool *held, trit_error *err);
void trit_hub_cache_use(const trit_hub_cache *c);                                           /* it is in use now */
TRIT_MUST_CHECK trit_status trit_hub_path(char out[trit_hub_max_path], trit_error *err, const char *fmt, ...) TRIT_PRINTF(3, 4);
bool trit_hub_cache_commit(const trit_hub_cache *c, const char *revision, char out[trit_hub_commit_size]); /* false: unknown here */
TRIT_MUST_CHECK trit_status trit_hub_cache_put_ref(const trit_hub_cache *c, const char *revision, const char *commit, trit_error *err);
/* Links snapshots/COMMIT/NAME to the blob. NAME is safe. */
TRIT_MUST_CHECK trit_status trit_hub_cache_link(const trit_hub_cache *c, const char *commit, const char *name, const char *hash, trit_error *err);
/* Where the model of `ref` lies if it is there whole; "" if not. */
TRIT_MUST_CHECK trit_status trit_hub_cache_find(const trit_hub_cache *c, const trit_hub_ref *ref, char out[trit_hub_max_path], trit_error *err);

/* ---- hub_store.c ---- */

/* Calls each() with the folder of every model in the store. */
TRIT_MUST_CHECK trit_status trit_hub_for_repos(trit_status (*each)(void *user, const char *folder, trit_error *err), void *user, trit_error *err);
/* Adds the revisions of one model; what it has of partial files is one more, without a commit. */
TRIT_MUST_CHECK trit_status trit_hub_list_repo(trit_hub_snapshots *list, const char *folder, trit_error *err);

/* ---- hub_remove.c ---- */

/* Removes models that trit pulled, the longest unused first, until `n_more` bytes fit under TRIT_CACHE_LIMIT; never the folder `keep`. */
TRIT_MUST_CHECK trit_status trit_hub_make_room(const char *keep, uint64_t n_more, const trit_hub_opts *o, trit_error *err);

/* ---- hub_select.c ---- */

/* Marks the entries that are wanted. The second step is for when the index of shards has arrived: it names the shards. `file` becomes
 * the one file that is the model, or "" for the folder. Errors: arg (several to choose from: names them), io, unsupported. */
TRIT_MUST_CHECK trit_status trit_hub_select(trit_hub_tree *tree, const trit_hub_ref *ref, const trit_hub_opts *o,
                                            char file[trit_hub_max_file], bool *has_index, trit_error *err);
TRIT_MUST_CHECK trit_status trit_hub_select_shards(trit_hub_tree *tree, const trit_hub_ref *ref, const char *index, size_t n, trit_error *err);
#define TRIT_HUB_INDEX "model.safetensors.index.json"

/* The one file of a list that ":TAG" means where it is no file's name: NAME-TAG.gguf. NULL: none or several. */
const char *trit_hub_tagged(const char *const *names, size_t n, const char *tag);

/* ---- hub_http.c ---- */

typedef struct trit_http trit_http;

/* One transfer. The caller's structure lives until the transfer is done or the session freed. */
typedef struct trit_http_transfer {
    const char *url;
    bool head_only;
    uint64_t first;       /* byte to begin with; a server may pass over it: see head.has_range */
    trit_hub_head head;   /* written here */
    /* Bytes of a 200 or 206 response in order; false ends the transfer. */
    bool (*body)(struct trit_http_transfer *t, const char *data, size_t n);
    void *user;
    bool done;            /* ended, with what follows */
    trit_status status;   /* ok: an answer arrived whole, whatever its code; io: it may be tried again; other: that is no use */
    bool is_unreachable;  /* no connection came about */
    trit_error error;
} trit_http_transfer;

/* A session against one hub; `token` (NULL: none) is for it alone. Errors: unsupported (built without libcurl), memory, arg. */
TRIT_MUST_CHECK trit_status trit_http_new(trit_http **out, const char *endpoint, const char *token, trit_error *err);
void trit_http_free(trit_http *h);
TRIT_MUST_CHECK trit_status trit_http_start(trit_http *h, trit_http_transfer *t, trit_error *err);
void trit_http_stop(trit_http *h, trit_http_transfer *t); /* one that runs */
TRIT_MUST_CHECK trit_status trit_http_run(trit_http *h, unsigned wait_ms, trit_error *err); /* moves bytes, waits for some */

/* ---- hub_ask.c ---- */

/* How often a thing failed without any gain, and until when it rests. Zero-initialise. */
typedef struct trit_hub_patience {
    unsigned n_failed;
    uint64_t rest_until_ns;
} trit_hub_patience;

/* After an attempt that brought an answer without the wanted bytes, or none: trit_ok, and `p` says until when to rest, or the reason to
 * give up. `what` names the thing: "hf:org/name: config.json". */
TRIT_MUST_CHECK trit_status trit_hub_again(trit_hub_patience *p, const trit_http_transfer *t, bool gained, const char *what, const trit_hub_opts *o,
                                           trit_error *err);
void trit_hub_say(const trit_hub_opts *o, const char *fmt, ...) TRIT_PRINTF(2, 3);

/* GET of a small document, or HEAD where `body` is NULL, with retries. Errors as trit_hub_pull has them. */
TRIT_MUST_CHECK trit_status trit_hub_ask(trit_http *h, const char *url, const char *what, const trit_hub_opts *o, trit_hub_head *head,
                                         trit_text *body, trit_error *err);
/* *url = ENDPOINT BEFORE / REPO KIND REVISION [/FILE] with escapes: kind is "/resolve/". Errors: memory. */
TRIT_MUST_CHECK trit_status trit_hub_url(trit_text *url, const char *before, const char *repo, const char *kind, const char *revision,
                                         const char *file, trit_error *err);

/* ---- hub_fetch.c ---- */

/* Fetches the blobs of the wanted files that the store lacks. */
TRIT_MUST_CHECK trit_status trit_hub_fetch(trit_http *h, const trit_hub_cache *c, const char *repo, const trit_hub_tree *tree,
                                           const trit_hub_opts *o, trit_error *err);
bool trit_hub_is_repeat(const trit_hub_tree *tree, size_t i); /* the bytes of file i are those of a wanted one before it */
bool trit_hub_has_blob(const trit_hub_cache *c, const trit_hub_entry *e);                /* whole */
bool trit_hub_is_whole(const trit_hub_entry *e, const void *data, size_t n);             /* are these the bytes of the file? */
/* Links the wanted files, whose blobs are there; config.json last, so that a folder with it is whole. */
TRIT_MUST_CHECK trit_status trit_hub_link(const trit_hub_cache *c, const trit_hub_tree *tree, trit_error *err);

#endif
