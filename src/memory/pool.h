/* The pool's insides, for the files of this room.
 *
 *   address -> region (an arena or a mapping of its own), by a table of two levels
 *           -> span, by the region's table of units
 *
 *   arena, 32 MiB of address space in units of 16 KiB:
 *   | span of class 3 | run (one block) | ...free... | span of class 250    | ...free...            |
 *   | b b b b - - - - |                 |            | b       | -       |~ |                       |
 *
 *   thread A: cache | class 0: b b b - | class 1: b - - - | ...    blocks that it keeps; takes and gives them without a lock
 *
 * All tables stand outside of the memory that they describe, so a block that is overrun spoils no table, and pages may be given back. What is
 * locked: a class's spans by the class, arenas and their units by the pool's lock (taken inside a class's), caches' lists by one lock of the
 * library. */
#ifndef TRIT_MEMORY_POOL_H
#define TRIT_MEMORY_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "memory/buddy.h"
#include "memory/track.h"
#include "trit/pool.h"

enum {
    trit_n_classes = 384,          /* see trit_class_of */
    trit_class_most = 1 << 20,     /* bytes of the last class */
    trit_cache_most = 1 << 16,     /* of the last class that caches have */
    trit_n_cache_bins = 256,       /* classes up to there */
    trit_cache_bytes = 2 << 20,    /* that a thread keeps at most */
    trit_huge_bytes = 2 << 20,     /* of a huge page */
    trit_max_align = 1 << 30,
#if defined(__x86_64__)
    trit_address_bits = 47,        /* of user space */
#else
    trit_address_bits = 48,
#endif
    trit_class_run = 0xfffe,       /* "class" of a span that is one block: a run of units, */
    trit_class_direct = 0xffff     /* or a mapping of its own */
};

typedef struct trit_region trit_region;
typedef struct trit_cache trit_cache;

/* Pages that belong together: blocks of one class, or one larger block. How much less than a block holds was asked for is its slack, with
 * which everything that is counted is exact; all ones: the block is not live. Owner: its region. */
typedef struct trit_span {
    struct trit_span *next, *previous; /* of its class, with a block to take */
    trit_region *region;
    uint8_t *start;
    uint32_t first, n_units;  /* of the region */
    uint32_t n_touched;       /* units from the first on that were committed for it */
    uint16_t class_id;
    uint16_t n_free;          /* blocks that no thread has */
    size_t requested;         /* of a span that is one block */
    size_t own_bytes;         /* of this descriptor */
    uint64_t inverse;         /* of the class's bytes, see trit_block_index */
    union {
        uint16_t *narrow;     /* [n_blocks], classes up to 64 KiB */
        uint32_t *wide;       /* [n_blocks], the others */
    } slack;
    uint64_t free_bits[];     /* [n_blocks / 64, rounded up]: blocks that no thread has */
} trit_span;

enum { trit_narrow_dead = 0xffff };
#define TRIT_WIDE_DEAD UINT32_MAX

/* Address space. An arena is aligned to its size; a mapping of its own begins where an arena could, so that the table finds it. */
struct trit_region {
    trit_region *next; /* by rising address */
    uint8_t *base;
    size_t bytes;      /* of address space */
    bool is_for_runs;
    uint32_t step;     /* units that are committed together: 1, or those of a huge page */
    uint32_t n_units;  /* entries of `spans`: 1 for a mapping of its own */
    trit_span **spans; /* [n_units]: NULL where none is; a run stands at its first unit only */
    trit_span *only;   /* what spans points to in a mapping of its own */
    trit_buddy free;   /* units */
    uint64_t *committed; /* [n_units / 64] bits */
};

typedef struct trit_class {
    pthread_mutex_t lock;
    trit_span *partial; /* spans with a block to take */
    uint32_t bytes;             /* of a block */
    uint16_t n_units, n_blocks; /* of a span */
    _Atomic uint64_t n_out;   /* blocks that threads have: live, or in their caches */
    _Atomic uint64_t n_spans;
} trit_class;

/* Counters of one thread (written by it alone, read by any), and the sum of those that ended. */
typedef struct trit_counts {
    _Atomic uint64_t n_allocations, n_releases, n_resizes, n_moved, n_misses, n_direct, n_failed;
    _Atomic uint64_t requested; /* taken minus released by this thread; sums are right, parts may wrap */
    _Atomic uint64_t held;      /* bytes in its cache */
    _Atomic uint64_t own_bytes; /* of the cache itself */
} trit_counts;

/* A block in a cache, and where its slack is written. */
typedef struct trit_cached {
    void *block;
    uint16_t *slack;
} trit_cached;

typedef struct trit_bin {
    trit_cached *items; /* [capacity], NULL until the first use; grows */
    uint16_t n, capacity, batch;
} trit_bin;

struct trit_cache {
    trit_counts counts;
    uint64_t key;       /* of the pool when this cache was last emptied for a trim */
    trit_pool *pool;
    trit_cache *next, *previous;               /* of the pool */
    trit_cache *next_of_thread, **to_of_thread; /* of the thread: the next, and the pointer to this one */
    trit_bin bins[trit_n_cache_bins];
};

typedef struct trit_handle_slot {
    void *block; /* NULL: the slot is unused */
    size_t bytes, align;
    uint32_t generation, pins;
    size_t next_unused;
} trit_handle_slot;

struct trit_pool {
    _Atomic uint64_t key; /* unique; another one after a trim, by which threads notice */
    trit_tracker *tracker;
    unsigned n_cached, n_classes; /* classes of caches; all */
    unsigned unit_shift, arena_shift, leaf_shift;
    _Atomic(_Atomic(trit_region *) *) *table; /* address / arena -> [leaf] -> region */
    trit_class *classes; /* [trit_n_classes] */
    trit_huge_pages huge;
    uint64_t limit;
    char name[32];
    uint64_t first_key;

    pthread_mutex_t lock; /* of what follows */
    trit_region *arenas, *directs;
    uint64_t committed, reserved, metadata, peak_committed;
    uint64_t large_in_use; /* bytes of runs and of mappings of their own */
    uint64_t n_arenas, n_commits, n_trims, trimmed;

    trit_cache *caches;   /* under the library's lock */
    uint64_t n_caches;
    trit_counts ended;    /* sums of caches that are no more */

    pthread_mutex_t handle_lock;
    trit_handle_slot *slots;
    size_t n_slots, slots_capacity, unused_slot; /* index + 1 of the first unused, 0: none */
};

/* Classes: 16, 32, ... 512 bytes, then 32 to a doubling. */
static inline unsigned trit_class_of(size_t bytes) { /* 1 .. trit_class_most */
    const size_t b = bytes - 1;
    if (b < 512) return (unsigned)(b >> 4);
    const unsigned e = 63 - (unsigned)__builtin_clzll(b);
    return 32 * (e - 9) + (unsigned)(b >> (e - 5));
}

static inline uint32_t trit_class_bytes(unsigned c) {
    if (c < 32) return (c + 1) * 16;
    const unsigned e = c / 32 + 8;
    return (c % 32 + 33) << (e - 5);
}

/* Which block of a span an offset is in: offset / bytes, with inverse = 2^40 / bytes rounded up. Exact: the error is below offset / 2^40, the
 * distance to the next integer at least 1 / bytes, and offset < 2^20 wherever bytes > 2^16, offset * bytes < 2^40 elsewhere. */
static inline uint32_t trit_block_index(const trit_span *span, const void *p) {
    return (uint32_t)((uint64_t)((const uint8_t *)p - span->start) * span->inverse >> 40);
}

static inline void trit_count(_Atomic uint64_t *counter, uint64_t n) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline uint64_t trit_counted(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* arena.c */
bool trit_arenas_init(trit_pool *pool); /* the table; false: no memory */
void trit_arenas_fini(trit_pool *pool); /* the table and all arenas */
/* Under the lock: into the table and out of it (false: no memory); bytes more are committed (false: beyond the limit). */
bool trit_region_enter(trit_pool *pool, trit_region *region, const uint8_t *base, size_t bytes);
void trit_region_leave(trit_pool *pool, const uint8_t *base);
bool trit_pool_commit(trit_pool *pool, uint64_t bytes);
/* Gives the span units; of those n_commit are committed. *missed is set where that took an arena of the system, *is_zero where all of it is
 * new. false: no memory, or the limit. */
bool trit_span_place(trit_pool *pool, trit_span *span, uint32_t n_units, uint32_t align, uint32_t n_commit, bool is_run, bool *missed,
                     bool *is_zero);
bool trit_span_touch(trit_pool *pool, trit_span *span, uint32_t n_units); /* the first n_units are committed */
bool trit_span_resize(trit_pool *pool, trit_span *span, uint32_t n_units); /* a run, in place */
void trit_span_remove(trit_pool *pool, trit_span *span);                   /* and frees it */
size_t trit_arenas_trim(trit_pool *pool); /* bytes given back */
uint32_t trit_pool_units(const trit_pool *pool, size_t bytes);

/* The span of an address; NULL: none of the pool's. */
static inline trit_span *trit_span_of(const trit_pool *pool, const void *p) {
    const uintptr_t at = (uintptr_t)p >> pool->arena_shift;
    if ((uintptr_t)p >> trit_address_bits) return NULL;
    _Atomic(trit_region *) *leaf = atomic_load_explicit(&pool->table[at >> pool->leaf_shift], memory_order_acquire);
    if (!leaf) return NULL;
    const trit_region *region = atomic_load_explicit(&leaf[at & (((uintptr_t)1 << pool->leaf_shift) - 1)], memory_order_acquire);
    if (!region) return NULL;
    const size_t unit = (size_t)((const uint8_t *)p - region->base) >> pool->unit_shift;
    return unit < region->n_units ? region->spans[unit] : NULL;
}

/* classes.c */
bool trit_classes_init(trit_pool *pool); /* false: no memory */
void trit_classes_fini(trit_pool *pool);
/* Up to n blocks of a class; returns how many. */
unsigned trit_class_take(trit_pool *pool, unsigned c, void **out, unsigned n, bool *missed);
void trit_class_give(trit_pool *pool, unsigned c, void *const *blocks, unsigned n);
void trit_classes_trim(trit_pool *pool); /* spans without a block that a thread has go back to their arenas */
void trit_classes_sort(trit_pool *pool); /* so that blocks are taken from the lowest addresses first */
/* Is p the beginning of a live block of the span? Then its slack. */
bool trit_block_slack(const trit_pool *pool, const trit_span *span, const void *p, size_t *slack);
void trit_block_set_slack(trit_span *span, const void *p, size_t slack);
void trit_block_set_dead(trit_span *span, const void *p);

/* direct.c; NULL: no memory, or the limit; then a resized one is as it was */
trit_span *trit_direct_take(trit_pool *pool, size_t bytes, size_t align);
trit_span *trit_direct_resize(trit_pool *pool, trit_span *span, size_t bytes, size_t align); /* may move it */
void trit_direct_give(trit_pool *pool, trit_span *span);

/* cache.c */
typedef struct trit_key_cache {
    uint64_t key;
    trit_cache *cache;
} trit_key_cache;
enum { trit_n_key_caches = 8 };
extern _Thread_local trit_key_cache trit_key_caches[trit_n_key_caches];
trit_cache *trit_cache_find(trit_pool *pool); /* the calling thread's, made or emptied if need be; NULL: no memory */
bool trit_bin_fill(trit_cache *cache, unsigned c, bool *missed); /* at least one block; false: none */
void trit_bin_drain(trit_cache *cache, unsigned c);              /* now there is room for a block, unless there is no memory */
void trit_caches_fini(trit_pool *pool);
uint64_t trit_pool_new_key(void);
void trit_counts_keep(trit_pool *pool, const trit_counts *counts); /* of a call without a cache */
void trit_counts_sum(const trit_pool *pool, trit_counts *sum, uint64_t *n_caches); /* of all threads */

/* The calling thread's cache, if it has one and no trim came between. */
static inline trit_cache *trit_cache_of(trit_pool *pool) {
    const uint64_t key = atomic_load_explicit(&pool->key, memory_order_relaxed);
    const trit_key_cache *k = &trit_key_caches[key % trit_n_key_caches];
    return k->key == key ? k->cache : trit_cache_find(pool);
}

/* pool.c */
/* Without the tracker; `is_cached` false: past the thread's cache, the lowest address there is. */
void *trit_block_take(trit_pool *pool, size_t bytes, size_t align, bool is_cached, bool *is_zero);
void trit_block_give(trit_pool *pool, void *p, bool is_cached);

/* handles.c */
void trit_handles_fini(trit_pool *pool);

#endif
