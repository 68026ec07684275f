/* Pools of memory: one for each device, so that what a device holds is known, bounded and given back.
 *
 *   bytes asked for        served by                                              costs
 *   1 B .. cache_limit     a size class, from the calling thread's own cache      a few nanoseconds, no lock
 *       .. class_limit     a size class, shared by the threads                    a lock of that class
 *       .. arena_bytes     a run of pages in an arena; neighbours join again      the lock of the pool
 *   beyond                 a mapping of its own                                   a call of the system
 *
 * Classes lie 16 bytes apart up to 512 bytes, then 32 to a doubling, so that at most 1/32 (3.1 %) of a block is not asked for. cache_limit
 * (64 KiB) bounds what a thread may keep idle: larger blocks are rare, and take long to use beside a lock. class_limit (1 MiB) is
 * where rounding to pages (16 KiB) costs less than 1/32 and classes would only divide the room.
 *
 * Any thread may call anything but trit_pool_free; a block may be released by another thread than the one that took it. Memory that is
 * released stays with the pool until trit_pool_trim.
 *
 * After fork() the child has a copy of pool and blocks, copied page by page as either writes. It may go on with the copy if no other thread was in
 * a call at that moment: a lock that was held stays held in the child. What such threads kept in their caches is theirs for good there. */
#ifndef TRIT_POOL_H
#define TRIT_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "trit/memory.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trit_pool trit_pool;

typedef enum trit_huge_pages {
    trit_huge_auto,  /* for arenas of blocks above class_limit and for mappings of their own */
    trit_huge_never,
    trit_huge_always /* for all arenas: a pool of weights */
} trit_huge_pages;

/* What is written down of each block. */
typedef enum trit_tracking {
    trit_tracking_none,
    trit_tracking_basic,    /* counts and bytes by tag */
    trit_tracking_standard, /* each live block; a block released twice or unknown is refused */
    trit_tracking_detailed  /* and who, when, from where */
} trit_tracking;

typedef struct trit_pool_opts {
    const char *name;     /* of the device or the purpose, copied (31 bytes at most); NULL: "pool" */
    size_t class_limit;   /* largest size of a class: a power of two, 512 to 1 MiB; 0: 1 MiB */
    size_t cache_limit;   /* largest size that threads keep: at most 64 KiB and class_limit; 0: the largest it may be */
    size_t arena_bytes;   /* a power of two, 4 MiB to 512 MiB, of address space at a time; 0: 32 MiB */
    trit_huge_pages huge;
    size_t limit_bytes;   /* the pool never holds more (committed); 0: no limit */
    trit_tracking tracking;
} trit_pool_opts;

/* `opts` may be NULL. The caller frees. Errors: arg (a threshold out of its range), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_pool_new(trit_pool **out, const trit_pool_opts *opts, trit_error *err);
/* Gives everything back, live blocks too. No other thread may be using the pool. NULL is fine. */
TRIT_API void trit_pool_free(trit_pool *pool);

/* A block of at least `bytes` (0 counts as 1), its address a multiple of `align`: a power of two up to 1 GiB, 0: 16. `tag` says what it is
 * for, in reports: borrowed as long as the pool lives (a literal), NULL: none. NULL: err->status is memory (the system
 * or the limit says no) or arg (an alignment that is none, a size beyond any machine). */
TRIT_API TRIT_MUST_CHECK void *trit_pool_alloc(trit_pool *pool, size_t bytes, size_t align, const char *tag, trit_error *err);
/* The same, all bytes zero. */
TRIT_API TRIT_MUST_CHECK void *trit_pool_alloc_zero(trit_pool *pool, size_t bytes, size_t align, const char *tag, trit_error *err);

/* The block with another size: in place where it fits, else moved with its first min(old, new) bytes. `align` as at its allocation.
 * p NULL: a new block. NULL on failure: the old block is as it was. Errors: as for alloc, and arg (not a block of this pool). */
TRIT_API TRIT_MUST_CHECK void *trit_pool_resize(trit_pool *pool, void *p, size_t bytes, size_t align, trit_error *err);

/* The pool knows a block's size by its address, so callers need not carry it: two table look-ups, and no caller can lie. NULL is fine.
 * Errors, which may be ignored: arg (not the beginning of a live block: nothing is changed). A block that was released and taken again by
 * another looks alive; a release by the first is told from that only by tracking, and not always then. */
TRIT_API trit_status trit_pool_release(trit_pool *pool, void *p, trit_error *err);

/* Bytes that the block was asked to hold, and that it could hold in place; 0: not of this pool. */
TRIT_API size_t trit_pool_requested(const trit_pool *pool, const void *p);
TRIT_API size_t trit_pool_usable(const trit_pool *pool, const void *p);

/* Gives all pages back that belong to no live block, nor to blocks of one class among which one is live; where an arena has huge pages, whole
 * ones of 2 MiB alone (they are committed, and count for a limit, as a whole too). Returns their bytes, by which
 * `committed` falls exactly. What other living threads keep in their caches (about 2 MiB each) follows after their next call. */
TRIT_API size_t trit_pool_trim(trit_pool *pool);

/* Real counters, read while other threads go on: exact when they rest. */
typedef struct trit_pool_metrics {
    uint64_t requested;       /* bytes that live blocks were asked to hold */
    uint64_t in_use;          /* bytes of live blocks: requested, and what rounding adds */
    uint64_t committed;       /* bytes taken from the system and not given back: live blocks, idle ones, pages around them */
    uint64_t reserved;        /* bytes of address space */
    uint64_t metadata;        /* bytes of the pool's own tables, which are not in `committed` */
    uint64_t peak_committed;
    uint64_t limit;           /* 0: none */
    uint64_t n_live, n_allocations, n_releases, n_resizes, n_moved; /* n_moved: resizes that were not in place */
    uint64_t n_misses;        /* calls that asked the system: for address space */
    uint64_t n_commits;       /* times that pages were committed, which the system gives when they are touched */
    uint64_t n_direct;        /* allocations with a mapping of their own */
    uint64_t n_failed;
    uint64_t n_trims, trimmed; /* and bytes given back by them */
    uint64_t n_arenas, n_threads; /* now: arenas; threads that have a cache */
    uint64_t largest_free;    /* longest free run in an arena, bytes */
    double hit_rate;          /* 1 - n_misses / (n_allocations + n_resizes) */
    double fragmentation_internal; /* 1 - requested / in_use */
    double fragmentation_external; /* 1 - largest_free / all bytes free in arenas */
    double overhead;          /* (in_use + metadata - requested) / requested: what live blocks cost beyond what was asked for */
    double overhead_committed; /* (committed + metadata - requested) / requested: the same with all that is idle */
} trit_pool_metrics;

TRIT_API void trit_pool_measure(const trit_pool *pool, trit_pool_metrics *out);
TRIT_API const char *trit_pool_name(const trit_pool *pool);

/* The state for people, or as one JSON object; appended to *out. Errors: memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_pool_report(const trit_pool *pool, trit_text *out, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_pool_report_json(const trit_pool *pool, trit_text *out, trit_error *err);

/* A block that may be moved while nobody holds its address. The number of a freed one is never valid again. */
typedef struct trit_handle {
    uint64_t id; /* 0: none */
} trit_handle;

/* Errors: as for alloc. The caller frees. */
TRIT_API TRIT_MUST_CHECK trit_status trit_handle_new(trit_pool *pool, trit_handle *out, size_t bytes, size_t align, const char *tag,
                                                     trit_error *err);
/* *out is the address until the last unpin. Pins are counted. Errors: arg (freed, or none of this pool; unpin: not pinned; free: still
 * pinned). */
TRIT_API TRIT_MUST_CHECK trit_status trit_handle_pin(trit_pool *pool, trit_handle handle, void **out, trit_error *err);
TRIT_API trit_status trit_handle_unpin(trit_pool *pool, trit_handle handle, trit_error *err);
TRIT_API trit_status trit_handle_free(trit_pool *pool, trit_handle handle, trit_error *err);
TRIT_API size_t trit_handle_bytes(const trit_pool *pool, trit_handle handle); /* 0: freed, or none of this pool */

/* Moves blocks of handles that are not pinned together, then trims. Returns by how many bytes `committed` fell. */
TRIT_API size_t trit_pool_compact(trit_pool *pool);

#ifdef __cplusplus
}
#endif
#endif
