/* All that differs between operating systems stands behind this header: os_posix.c implements it for Linux and macOS. */
#ifndef TRIT_BASE_OS_H
#define TRIT_BASE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "trit/status.h"

/* A file mapped for reading. Owner: whoever called map; data is NULL for an empty file. */
typedef struct trit_file_map {
    const uint8_t *data; /* [n] */
    size_t n;
} trit_file_map;

/* Errors: io (with the system's reason), memory. Folders and other non-files are refused. */
TRIT_MUST_CHECK trit_status trit_os_map(trit_file_map *out, const char *path, trit_error *err);
void trit_os_unmap(trit_file_map *map);

/* Will-need and not-needed hints for part of a map; they may do nothing. */
void trit_os_map_drop(const void *p, size_t n);
void trit_os_advise_huge(void *p, size_t n);

/* Address space of n bytes at a multiple of `align` (a power of two, at least a page); NULL: the system has none. It reads as zero, and costs
 * memory only where it was touched. discard gives what was touched in [p, p + n) back: it is as at the beginning; p and n are whole pages. */
size_t trit_os_page_bytes(void);
void *trit_os_reserve(size_t n, size_t align);
void trit_os_unreserve(void *p, size_t n);
bool trit_os_discard(void *p, size_t n);
/* Moves the pages of [from, from + n) to the beginning of [to, to + to_n), to_n >= n, and ends the old reservation, without a copy. False: it
 * cannot be done, the old one is as it was, and `to` is not the caller's any more. */
bool trit_os_move_pages(void *to, size_t to_n, void *from, size_t n);

/* Part or all of a file, or memory under a name that other processes can open: mapped, written through if `writes`. */
typedef enum trit_os_source { trit_os_file, trit_os_shared } trit_os_source;
/* bytes 0: as long as it is; else `path` is made (must_make: it may not exist) or, if a file, set to that length. *n is what was mapped. Errors:
 * io (with the system's reason), memory. */
TRIT_MUST_CHECK trit_status trit_os_map_named(void **out, size_t *n, trit_os_source source, const char *path, size_t bytes, bool must_make,
                                              bool writes, trit_error *err);
TRIT_MUST_CHECK trit_status trit_os_map_flush(void *p, size_t n, trit_error *err); /* of a file: returns when the disk has it */
TRIT_MUST_CHECK trit_status trit_os_shared_remove(const char *name, trit_error *err);

bool trit_os_is_dir(const char *path);
bool trit_os_is_file(const char *path);

uint64_t trit_os_clock_ns(void); /* monotonic */
uint64_t trit_os_thread_ns(void); /* processor time of the calling thread */
void trit_os_sleep_ms(unsigned ms); /* or less, if a signal arrives */
unsigned trit_os_n_cores(void);  /* physical cores this process may use, at least 1 */
unsigned trit_os_n_cpus(void);   /* logical ones */
uint64_t trit_os_memory_bytes(void);   /* of the machine or the cgroup, 0 if unknown */
uint64_t trit_os_resident_bytes(void); /* of this process now, 0 if unknown */
uint64_t trit_os_cache_bytes(void);    /* of all last-level caches together, 0 if unknown */
bool trit_os_is_terminal(int fd);

/* Return addresses of the calling function and those above it, innermost first; `skip` frames are left out. Returns how many of
 * `room` there are, 0 where they cannot be found. Some microseconds; allocates nothing. */
size_t trit_os_backtrace(void **frames, size_t room, size_t skip);
void trit_os_frame_name(char *out, size_t size, const void *frame); /* "libtrit.so.0(trit_model_open+0x1c)", as far as known */

/* Room on the disk that a new file named `path` would be on; UINT64_MAX if unknown. */
uint64_t trit_os_free_bytes(const char *path);
bool trit_os_same_file(const char *a, const char *b); /* one file or folder under two names; false where either is absent */

/* Folders of plain files. make_dir takes one that exists; remove_dir says nothing; move_dir gives `from` the name `to`, or where
 * that is a folder already moves the files into it, each replacing its namesake at once. Errors: io. */
TRIT_MUST_CHECK trit_status trit_os_make_dir(const char *path, trit_error *err);
TRIT_MUST_CHECK trit_status trit_os_move_dir(const char *from, const char *to, trit_error *err);
void trit_os_remove_dir(const char *path);

/* A name in the folder of `path` for what is to take its place: PATH.PID-N.part, another one each time. false: too long. */
bool trit_os_name_beside(char *out, size_t size, const char *path);

/* Replaces `path` by data[0..n) at once: written beside it, flushed, renamed. Errors: io. */
TRIT_MUST_CHECK trit_status trit_os_write_file(const char *path, const void *data, size_t n, trit_error *err);

/* The path of the running program. Errors: io. */
TRIT_MUST_CHECK trit_status trit_os_program(char *out, size_t n, trit_error *err);

/* Another program at work: we write its standard input and read its standard output; its standard error is ours. */
typedef struct trit_os_child {
    FILE *to, *from;
    int pid;
} trit_os_child;

/* argv[0]: its path, or a name that PATH knows; the last one is NULL. Errors: io. */
TRIT_MUST_CHECK trit_status trit_os_start(trit_os_child *out, const char *const argv[], trit_error *err);
int trit_os_end(trit_os_child *child); /* closes both ends and waits: its exit code, or 128 + signal */

#endif
