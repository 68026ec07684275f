/* Folders, links, locks and growing files: what a store of files needs of the system, beside the few calls of os.h. Paths are
 * NUL-terminated; errors name the path and the system's reason. */
#ifndef TRIT_BASE_FS_H
#define TRIT_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/status.h"

typedef enum trit_fs_kind { trit_fs_absent, trit_fs_file, trit_fs_folder, trit_fs_link, trit_fs_other } trit_fs_kind;

typedef struct trit_fs_info {
    trit_fs_kind kind;
    uint64_t n_bytes;
    int64_t read_s, written_s; /* last access and last change of the bytes, in seconds since 1970 */
} trit_fs_info;

trit_fs_info trit_fs_look(const char *path);      /* what the path leads to; absent for a link that leads nowhere */
trit_fs_info trit_fs_look_here(const char *path); /* links are links */

/* Creates the folder and those above it. Errors: io. */
TRIT_MUST_CHECK trit_status trit_fs_make_dirs(const char *path, trit_error *err);

/* What a folder holds, sorted by bytes. Release with trit_fs_names_fini. An absent folder holds nothing. Errors: io, memory. */
typedef struct trit_fs_names {
    char **item; /* [n] owned */
    size_t n, capacity;
} trit_fs_names;

TRIT_MUST_CHECK trit_status trit_fs_list(trit_fs_names *out, const char *folder, trit_error *err);
void trit_fs_names_fini(trit_fs_names *names);

/* Makes `path` a symbolic link to `target`, in the place of a link or file that stands there. Errors: io. */
TRIT_MUST_CHECK trit_status trit_fs_make_link(const char *target, const char *path, trit_error *err);
bool trit_fs_read_link(const char *path, char *out, size_t size); /* false: no link, or longer than size - 1 */

/* Removes a file, a link, or a folder with all that is in it; links are not followed. What is absent is removed already.
 * Errors: io. */
TRIT_MUST_CHECK trit_status trit_fs_remove(const char *path, trit_error *err);

TRIT_MUST_CHECK trit_status trit_fs_rename(const char *from, const char *to, trit_error *err); /* replaces `to` */
/* To the disk: the files of a folder and their names. Errors: io. */
TRIT_MUST_CHECK trit_status trit_fs_flush_dir(const char *folder, trit_error *err);
/* The folder `from` takes the place of `to`, which may be a folder already and is removed then: at every moment one of them stands there whole
 * (where the system can exchange two names; else there is a moment without either). Errors: io; then `to` is what it was. */
TRIT_MUST_CHECK trit_status trit_fs_replace_dir(const char *from, const char *to, trit_error *err);
bool trit_fs_touch(const char *path); /* creates an empty file, or sets the times of one to now */

/* A file that grows at its end and can be read back. Zero-initialise; closing one that is not open does nothing. */
typedef struct trit_fs_grow {
    int fd; /* + 1; 0: closed */
    uint64_t n;
} trit_fs_grow;

TRIT_MUST_CHECK trit_status trit_fs_grow_open(trit_fs_grow *f, const char *path, trit_error *err); /* creates it, or goes on at its end */
/* Begins an empty one, which the user alone may read, in the place of a file or link that stands there. */
TRIT_MUST_CHECK trit_status trit_fs_grow_begin(trit_fs_grow *f, const char *path, trit_error *err);
TRIT_MUST_CHECK trit_status trit_fs_grow_read(trit_fs_grow *f, uint64_t at, void *data, size_t n, const char *path, trit_error *err);
/* All of it or nothing, so that a file of lines has whole ones where the disk became full. */
TRIT_MUST_CHECK trit_status trit_fs_grow_add(trit_fs_grow *f, const void *data, size_t n, const char *path, trit_error *err);
TRIT_MUST_CHECK trit_status trit_fs_grow_cut(trit_fs_grow *f, uint64_t n, const char *path, trit_error *err);
TRIT_MUST_CHECK trit_status trit_fs_grow_flush(trit_fs_grow *f, const char *path, trit_error *err); /* to the disk */
void trit_fs_grow_close(trit_fs_grow *f);

/* A lock between processes: flock on a file of its own, gone with the process. Not two by one process for one path. */
typedef struct trit_fs_lock {
    int fd; /* + 1; 0: not held */
} trit_fs_lock;

/* *held tells whether it was free; it does not wait. Errors: io. */
TRIT_MUST_CHECK trit_status trit_fs_lock_try(trit_fs_lock *lock, const char *path, bool *held, trit_error *err);
/* The same beside others that share it; who has it by trit_fs_lock_try has it alone. */
TRIT_MUST_CHECK trit_status trit_fs_lock_share(trit_fs_lock *lock, const char *path, bool *held, trit_error *err);
void trit_fs_lock_release(trit_fs_lock *lock);

#endif
