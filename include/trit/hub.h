/* The store of models: what is fetched from the Hugging Face hub, kept in the folder that other tools of the hub share.
 *
 * A reference is "hf:org/name", with ":FILE" behind it for one file and "@REVISION" for a branch, tag or commit; or an alias
 * (trit_hub_alias_at). The hub is HF_ENDPOINT, the folder HF_HUB_CACHE or HF_HOME/hub, the token HF_TOKEN or a file. With
 * HF_HUB_OFFLINE nothing is fetched. Whatever arrives is checked against the hub's own checksum before it gets its name; what an
 * interrupted pull left is gone on from. Functions may be called from any thread, and by several processes at once. */
#ifndef TRIT_HUB_H
#define TRIT_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/memory.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero means "you choose". */
typedef struct trit_hub_opts {
    const char *revision;       /* where the reference names none; NULL: main */
    const char *const *include; /* [n_include] patterns (* ? and names) of the files to pull, instead of those that a model needs */
    size_t n_include;
    bool fresh;                 /* partial files of earlier pulls are not gone on from */
    bool look;                  /* only tell what would be pulled */
    unsigned n_parallel;        /* files at once; 0: 4 */
    unsigned n_tries;           /* of a file without a byte gained; 0: 6 */
    unsigned rest_ms;           /* after the first failure, doubled with each; 0: 1000 */
    /* Called several times a second from the calling thread, with bytes that are there and all; false stops (status cancelled,
     * what has arrived is kept). May be NULL. */
    bool (*progress)(void *user, uint64_t done, uint64_t total);
    void (*say)(void *user, const char *line); /* what is pulled, and why it takes longer; may be NULL */
    void *user;
} trit_hub_opts;

typedef struct trit_hub_file {
    char *name; /* in the repository: "tokenizer.json", "sub/folder/x.gguf" */
    uint64_t n_bytes;
    char hash[65];   /* sha256 of large files, git's sha1 of small ones: 64 or 40 digits */
    bool is_partial; /* in lists: fetched in part only */
    bool was_there;  /* after a pull: it was not fetched again */
} trit_hub_file;

/* One revision of one repository as it lies in the store. Owner: the caller; trit_hub_snapshot_fini. */
typedef struct trit_hub_snapshot {
    char *name;     /* "org/name" */
    char *revision; /* branches and tags that mean it, blanks between them; "" where there are none */
    char commit[41];
    char *path;     /* after a pull what trit_model_open takes: a file or the folder; in lists the folder */
    trit_hub_file *files; /* [n_files] */
    size_t n_files;
    uint64_t n_bytes; /* of the files */
    uint64_t n_bytes_fetched;
    int64_t used_s;   /* last use, seconds since 1970 */
    bool is_ours;     /* pulled by trit: may be removed to keep TRIT_CACHE_LIMIT */
} trit_hub_snapshot;

TRIT_API void trit_hub_snapshot_fini(trit_hub_snapshot *snapshot);

/* Is this a reference to the hub (or an alias), and not a path? What exists as a path is a path. */
TRIT_API bool trit_hub_is_ref(const char *ref);

/* Fetches what a model needs and the store lacks: the one GGUF file, or configuration, tokenizer and safetensors with their
 * shards. `opts` may be NULL. Errors: arg (a reference that is none; several files to choose from), io (network, disk, what the
 * hub refuses), format (what arrives is not what the hub names), unsupported (built without libcurl; a repository without a
 * model), memory, cancelled. */
TRIT_API TRIT_MUST_CHECK trit_status trit_hub_pull(trit_hub_snapshot *out, const char *ref, const trit_hub_opts *opts, trit_error *err);

/* Replaces `path` by where the model of a reference lies, which is pulled only where the store has none of it; other texts, also
 * NULL ("" then), stay as they are. Errors: those of trit_hub_pull. */
TRIT_API TRIT_MUST_CHECK trit_status trit_hub_resolve(trit_text *path, const char *ref, const trit_hub_opts *opts, trit_error *err);

/* All revisions of all models in the store, whoever put them there, by name. Errors: io, memory. */
typedef struct trit_hub_snapshots {
    trit_hub_snapshot *item; /* [n] */
    size_t n;
} trit_hub_snapshots;

TRIT_API TRIT_MUST_CHECK trit_status trit_hub_list(trit_hub_snapshots *out, trit_error *err);
TRIT_API void trit_hub_snapshots_fini(trit_hub_snapshots *snapshots);

/* Removes a model from the store: all revisions of "org/name", or one ("@REVISION"), or one file of it (":FILE"), with the bytes
 * that nothing else in the store uses; *n_bytes says how many. Errors: arg, io (it is not there; it is being pulled). */
TRIT_API TRIT_MUST_CHECK trit_status trit_hub_remove(const char *ref, uint64_t *n_bytes, trit_error *err);

/* Removes what interrupted pulls have left, in all models. Errors: io. */
TRIT_API TRIT_MUST_CHECK trit_status trit_hub_remove_partial(uint64_t *n_bytes, trit_error *err);

/* Names for published models; NULL beyond the last. */
TRIT_API const char *trit_hub_alias_at(size_t i, const char **ref, const char **what);

/* The folder of the store, whether it exists or not. Errors: memory, arg (no home folder to put it in). */
TRIT_API TRIT_MUST_CHECK trit_status trit_hub_folder(trit_text *path, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
