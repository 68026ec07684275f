/* The pool: which of its parts serves a call, and what is written down of it. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "memory/poison.h"
#include "memory/pool.h"

enum { usual_align = 16, fewest_arena_bytes = 4 << 20, most_arena_bytes = 512 << 20, unit_bytes = 16 << 10 };

/* ---- A pool's life ---- */

static bool is_power_of_two(size_t n) {
    return n && !(n & (n - 1));
}

static trit_status check_opts(trit_pool_opts *o, trit_error *err) {
    if (!o->class_limit) o->class_limit = trit_class_most;
    if (!o->cache_limit) o->cache_limit = o->class_limit < trit_cache_most ? o->class_limit : trit_cache_most;
    if (!o->arena_bytes) o->arena_bytes = 32 << 20;
    if (!o->name) o->name = "pool";
    if (!is_power_of_two(o->class_limit) || o->class_limit < 512 || o->class_limit > trit_class_most)
        return trit_error_set(err, trit_arg, "pool %s: class_limit %zu is not a power of two between 512 and %d", o->name, o->class_limit,
                              trit_class_most);
    if (o->cache_limit > trit_cache_most || o->cache_limit > o->class_limit)
        return trit_error_set(err, trit_arg, "pool %s: cache_limit %zu is beyond %d or class_limit", o->name, o->cache_limit, trit_cache_most);
    if (!is_power_of_two(o->arena_bytes) || o->arena_bytes < fewest_arena_bytes || o->arena_bytes > most_arena_bytes)
        return trit_error_set(err, trit_arg, "pool %s: arena_bytes %zu is not a power of two between %d and %d", o->name, o->arena_bytes,
                              fewest_arena_bytes, most_arena_bytes);
    return trit_ok;
}

static unsigned log2_of(size_t n) {
    return 63 - (unsigned)__builtin_clzll(n);
}

trit_status trit_pool_new(trit_pool **out, const trit_pool_opts *opts, trit_error *err) {
    trit_pool_opts o = opts ? *opts : (trit_pool_opts){0};
    trit_status status = check_opts(&o, err);
    if (status != trit_ok) return status;
    trit_pool *pool = trit_alloc_zero(1, sizeof *pool);
    if (!pool) return trit_error_memory(err, sizeof *pool, "a memory pool");
    const size_t page = trit_os_page_bytes();
    snprintf(pool->name, sizeof pool->name, "%s", o.name);
    pool->first_key = trit_pool_new_key();
    atomic_store(&pool->key, pool->first_key);
    pool->n_cached = trit_class_of(o.cache_limit) + (trit_class_bytes(trit_class_of(o.cache_limit)) == o.cache_limit);
    pool->n_classes = trit_class_of(o.class_limit) + 1;
    pool->unit_shift = log2_of(page > unit_bytes ? page : unit_bytes);
    pool->arena_shift = log2_of(o.arena_bytes);
    pool->huge = o.huge;
    pool->limit = o.limit_bytes;
    pool->metadata = sizeof *pool;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_mutex_init(&pool->handle_lock, NULL);
    if (!trit_arenas_init(pool) || !trit_classes_init(pool)) status = trit_error_memory(err, (size_t)pool->metadata, "a memory pool");
    if (status == trit_ok && o.tracking != trit_tracking_none) status = trit_tracker_new(&pool->tracker, o.tracking, pool->name, err);
    if (status != trit_ok) {
        trit_pool_free(pool);
        return status;
    }
    *out = pool;
    return trit_ok;
}

void trit_pool_free(trit_pool *pool) {
    if (!pool) return;
    trit_tracker_free(pool->tracker);
    trit_handles_fini(pool);
    trit_caches_fini(pool);
    while (pool->directs) trit_direct_give(pool, pool->directs->only);
    trit_arenas_fini(pool);
    trit_classes_fini(pool);
    pthread_mutex_destroy(&pool->handle_lock);
    pthread_mutex_destroy(&pool->lock);
    trit_free(pool);
}

const char *trit_pool_name(const trit_pool *pool) {
    return pool->name;
}

trit_tracker *trit_pool_tracker(const trit_pool *pool) {
    return pool->tracker;
}

/* ---- Taking ---- */

/* From the calling thread's cache; NULL: it has none and gets none. */
static inline void *take_cached(trit_cache *cache, unsigned c, size_t bytes, bool *missed) {
    trit_bin *bin = &cache->bins[c];
    if (!bin->n && !trit_bin_fill(cache, c, missed)) return NULL;
    const trit_cached item = bin->items[--bin->n];
    const size_t held = trit_class_bytes(c);
    *item.slack = (uint16_t)(held - bytes);
    trit_count(&cache->counts.held, (uint64_t)0 - held);
    return item.block;
}

static void *take_of_class(trit_pool *pool, unsigned c, size_t bytes, bool *missed) {
    void *p;
    if (!trit_class_take(pool, c, &p, 1, missed)) return NULL;
    trit_block_set_slack(trit_span_of(pool, p), p, trit_class_bytes(c) - bytes);
    return p;
}

static trit_span *take_run(trit_pool *pool, uint32_t n_units, uint32_t align, bool *missed, bool *is_zero) {
    trit_span *span = trit_alloc_zero(1, sizeof *span);
    if (!span) return NULL;
    span->class_id = trit_class_run;
    span->own_bytes = sizeof *span;
    if (trit_span_place(pool, span, n_units, align, n_units, true, missed, is_zero)) return span;
    trit_free(span);
    return NULL;
}

/* Bytes of the block, with what a sanitizer keeps behind it. */
static size_t usable_of(const trit_pool *pool, const trit_span *span) {
    if (span->class_id < trit_class_run) return trit_class_bytes(span->class_id);
    return span->class_id == trit_class_run ? (size_t)span->n_units << pool->unit_shift : span->region->bytes;
}

static void poison_end(uint8_t *p, size_t from, size_t to) {
    if (TRIT_POISONS) trit_poison(p + from, to - from);
}

/* Too large or too much aligned for a class. */
static void *take_large(trit_pool *pool, trit_cache *cache, size_t need, size_t align, size_t bytes, bool *missed, bool *is_zero) {
    const size_t unit = (size_t)1 << pool->unit_shift, aligned = align > unit ? align : unit;
    trit_span *span;
    if (need <= ((size_t)1 << pool->arena_shift) && need + aligned - unit <= (size_t)1 << pool->arena_shift) {
        span = take_run(pool, trit_pool_units(pool, need), (uint32_t)(aligned >> pool->unit_shift), missed, is_zero);
    } else {
        span = trit_direct_take(pool, need, align);
        *missed = *is_zero = true;
        if (span) trit_count(&cache->counts.n_direct, 1);
    }
    if (!span) return NULL;
    span->requested = bytes;
    poison_end(span->start, bytes, usable_of(pool, span));
    return span->start;
}

/* Bytes that a block of a class must have: blocks of a class are as aligned as their size, so that is rounded up. */
static inline size_t need_of(size_t bytes, size_t align) {
    const size_t need = bytes + trit_redzone;
    return align <= usual_align ? need : (need + align - 1) & ~(align - 1);
}

static inline bool is_of_class(const trit_pool *pool, size_t need, size_t align) {
    return need <= trit_class_bytes(pool->n_classes - 1) && align <= (size_t)1 << pool->unit_shift;
}

static inline void *take(trit_pool *pool, trit_cache *cache, size_t bytes, size_t align, bool is_cached, bool *is_zero) {
    const size_t need = need_of(bytes, align);
    bool missed = false;
    void *p = NULL;
    *is_zero = false;
    if (is_of_class(pool, need, align)) {
        const unsigned c = trit_class_of(need);
        if (is_cached && c < pool->n_cached) p = take_cached(cache, c, bytes, &missed);
        if (!p) p = take_of_class(pool, c, bytes, &missed);
    } else {
        p = take_large(pool, cache, bytes + trit_redzone, align, bytes, &missed, is_zero);
    }
    if (p) trit_count(&cache->counts.requested, bytes);
    if (missed) trit_count(&cache->counts.n_misses, 1);
    if (TRIT_POISONS && p) trit_unpoison(p, bytes);
    return p;
}

void *trit_block_take(trit_pool *pool, size_t bytes, size_t align, bool is_cached, bool *is_zero) {
    trit_cache *cache = trit_cache_of(pool);
    return cache ? take(pool, cache, bytes, align, is_cached, is_zero) : NULL;
}

/* Why an allocation failed; counts it. */
static void *fail(trit_pool *pool, size_t bytes, size_t align, trit_error *err) {
    trit_cache *cache = trit_cache_of(pool);
    if (cache) trit_count(&cache->counts.n_failed, 1);
    pthread_mutex_lock(&pool->lock);
    const uint64_t committed = pool->committed;
    pthread_mutex_unlock(&pool->lock);
    if (align & (align - 1) || align > trit_max_align)
        (void)trit_error_set(err, trit_arg, "pool %s: an alignment of %zu is no power of two up to %d", pool->name, align, trit_max_align);
    else if (bytes >> (trit_address_bits - 1))
        (void)trit_error_set(err, trit_arg, "pool %s: %zu bytes are more than any machine has", pool->name, bytes);
    else if (pool->limit && bytes > pool->limit - committed)
        (void)trit_error_set(err, trit_memory, "pool %s: %zu bytes are beyond its limit of %llu, of which it holds %llu", pool->name, bytes,
                             (unsigned long long)pool->limit, (unsigned long long)committed);
    else
        (void)trit_error_set(err, trit_memory, "pool %s: out of memory: %zu bytes; it holds %llu", pool->name, bytes,
                             (unsigned long long)committed);
    return NULL;
}

static bool is_sane(size_t bytes, size_t align) {
    return !(align & (align - 1)) && align <= trit_max_align && !(bytes >> (trit_address_bits - 1));
}

/* What is idle goes back, then once more. */
static void *take_after_trim(trit_pool *pool, size_t bytes, size_t align, bool *is_zero) {
    (void)trit_pool_trim(pool);
    return trit_block_take(pool, bytes, align, false, is_zero);
}

static inline void *allocate(trit_pool *pool, size_t bytes, size_t align, const char *tag, bool *is_zero, trit_error *err) {
    trit_cache *cache = trit_cache_of(pool);
    bytes += !bytes;
    if (!cache || !is_sane(bytes, align)) return fail(pool, bytes, align, err);
    void *p = take(pool, cache, bytes, align, true, is_zero);
    if (!p) p = take_after_trim(pool, bytes, align, is_zero);
    if (!p) return fail(pool, bytes, align, err);
    trit_count(&cache->counts.n_allocations, 1);
    if (pool->tracker) trit_tracker_allocated(pool->tracker, p, bytes, tag);
    return p;
}

void *trit_pool_alloc(trit_pool *pool, size_t bytes, size_t align, const char *tag, trit_error *err) {
    bool is_zero = false;
    return allocate(pool, bytes, align, tag, &is_zero, err);
}

void *trit_pool_alloc_zero(trit_pool *pool, size_t bytes, size_t align, const char *tag, trit_error *err) {
    bool is_zero = false;
    bytes += !bytes;
    void *p = allocate(pool, bytes, align, tag, &is_zero, err);
    if (p && !is_zero) memset(p, 0, bytes);
    return p;
}

/* ---- Giving ---- */

static trit_status not_ours(const trit_pool *pool, const void *p, trit_error *err) {
    return trit_error_set(err, trit_arg, "pool %s: %p is not the beginning of a live block", pool->name, p);
}

/* A live block of a span; the pool's tables only. `cache` NULL: past the thread's. */
static inline void give(trit_pool *pool, trit_cache *cache, trit_counts *counts, trit_span *span, void *p, size_t slack) {
    const unsigned c = span->class_id;
    if (c >= trit_class_run) {
        trit_count(&counts->requested, (uint64_t)0 - span->requested);
        if (TRIT_POISONS && c == trit_class_run) trit_poison(p, (size_t)span->n_units << pool->unit_shift);
        if (c == trit_class_run)
            trit_span_remove(pool, span);
        else
            trit_direct_give(pool, span);
        return;
    }
    const size_t held = trit_class_bytes(c);
    trit_count(&counts->requested, slack - held);
    if (TRIT_POISONS) trit_poison(p, held);
    trit_block_set_dead(span, p);
    if (cache && c < pool->n_cached) {
        trit_bin *bin = &cache->bins[c];
        if (bin->n == bin->capacity || trit_counted(&counts->held) >= trit_cache_bytes) trit_bin_drain(cache, c);
        if (bin->n < bin->capacity) {
            bin->items[bin->n++] = (trit_cached){p, &span->slack.narrow[trit_block_index(span, p)]};
            trit_count(&counts->held, held);
            return;
        }
    }
    trit_class_give(pool, c, &p, 1);
}

static bool find_block(const trit_pool *pool, const void *p, trit_span **span, size_t *slack) {
    *span = p ? trit_span_of(pool, p) : NULL;
    return *span && trit_block_slack(pool, *span, p, slack);
}

void trit_block_give(trit_pool *pool, void *p, bool is_cached) {
    trit_span *span;
    size_t slack;
    trit_counts alone = {0};
    trit_cache *cache = trit_cache_of(pool);
    if (find_block(pool, p, &span, &slack)) give(pool, is_cached ? cache : NULL, cache ? &cache->counts : &alone, span, p, slack);
    if (!cache) trit_counts_keep(pool, &alone);
}

/* No memory for the thread's first cache: a block is released all the same. */
static trit_status release_alone(trit_pool *pool, trit_span *span, void *p, size_t slack) {
    trit_counts alone = {.n_releases = 1};
    give(pool, NULL, &alone, span, p, slack);
    trit_counts_keep(pool, &alone);
    return trit_ok;
}

trit_status trit_pool_release(trit_pool *pool, void *p, trit_error *err) {
    trit_span *span;
    size_t slack;
    if (!p) return trit_ok;
    const bool is_live = find_block(pool, p, &span, &slack);
    if (pool->tracker) {
        trit_status status = trit_tracker_released(pool->tracker, p, is_live ? usable_of(pool, span) - slack : 0, err);
        if (status != trit_ok) return status;
    }
    if (!is_live) return not_ours(pool, p, err);
    trit_cache *cache = trit_cache_of(pool);
    if (!cache) return release_alone(pool, span, p, slack);
    give(pool, cache, &cache->counts, span, p, slack);
    trit_count(&cache->counts.n_releases, 1);
    return trit_ok;
}

size_t trit_pool_requested(const trit_pool *pool, const void *p) {
    trit_span *span;
    size_t slack;
    return find_block(pool, p, &span, &slack) ? usable_of(pool, span) - slack : 0;
}

size_t trit_pool_usable(const trit_pool *pool, const void *p) {
    trit_span *span;
    size_t slack;
    return find_block(pool, p, &span, &slack) ? usable_of(pool, span) - trit_redzone : 0;
}

size_t trit_pool_trim(trit_pool *pool) {
    atomic_store(&pool->key, trit_pool_new_key());
    (void)trit_cache_of(pool); /* the key is new: it is emptied */
    trit_classes_trim(pool);
    return trit_arenas_trim(pool);
}

/* ---- Resizing ---- */

/* The block where it is, with another size; NULL: it must move. */
static void *resize_in_place(trit_pool *pool, trit_cache *cache, trit_span *span, void *p, size_t bytes, size_t align) {
    const size_t need = bytes + trit_redzone, usable = usable_of(pool, span), arena = (size_t)1 << pool->arena_shift;
    const bool is_class = need <= trit_class_bytes(pool->n_classes - 1);
    if (align && (uintptr_t)p % align) return NULL;
    if (span->class_id < trit_class_run) {
        if (need > usable || (need < usable - usable / 8 && trit_class_of(need) != span->class_id)) return NULL;
        trit_block_set_slack(span, p, usable - bytes);
        return p;
    }
    if (span->class_id == trit_class_run) {
        if (is_class || need > arena) return NULL;
        if (need <= usable) poison_end(p, trit_pool_units(pool, need) << pool->unit_shift, usable); /* before others can have it */
        if (!trit_span_resize(pool, span, trit_pool_units(pool, need))) {
            if (TRIT_POISONS) trit_unpoison(p, span->requested);
            return NULL;
        }
    } else {
        /* A tracker hears of a new address before others can have the old one: then bytes are copied. */
        if (need <= arena || (need > usable && pool->tracker) || !trit_direct_resize(pool, span, need, align)) return NULL;
        if (span->start != p) trit_count(&cache->counts.n_misses, 1);
    }
    span->requested = bytes;
    return span->start;
}

static void *move_block(trit_pool *pool, void *p, size_t old, size_t bytes, size_t align, trit_error *err) {
    bool is_zero;
    void *q = trit_block_take(pool, bytes, align, true, &is_zero);
    if (!q) q = take_after_trim(pool, bytes, align, &is_zero);
    if (!q) return fail(pool, bytes, align, err);
    if (pool->tracker && trit_tracker_resized(pool->tracker, p, old, q, bytes, err) != trit_ok) {
        trit_block_give(pool, q, true);
        return NULL;
    }
    memcpy(q, p, old < bytes ? old : bytes);
    trit_block_give(pool, p, true);
    return q;
}

void *trit_pool_resize(trit_pool *pool, void *p, size_t bytes, size_t align, trit_error *err) {
    trit_span *span;
    size_t slack;
    if (!p) return trit_pool_alloc(pool, bytes, align, NULL, err);
    bytes += !bytes;
    trit_cache *cache = trit_cache_of(pool);
    if (!cache || !is_sane(bytes, align)) return fail(pool, bytes, align, err);
    if (!find_block(pool, p, &span, &slack)) {
        if (!pool->tracker || trit_tracker_released(pool->tracker, p, 0, err) == trit_ok) (void)not_ours(pool, p, err);
        return NULL;
    }
    const size_t old = usable_of(pool, span) - slack;
    void *q = resize_in_place(pool, cache, span, p, bytes, align);
    if (q) {
        trit_count(&cache->counts.requested, bytes - old);
        if (TRIT_POISONS) {
            trit_poison(q, usable_of(pool, span));
            trit_unpoison(q, bytes);
        }
        if (pool->tracker) (void)trit_tracker_resized(pool->tracker, p, old, q, bytes, NULL);
    } else {
        q = move_block(pool, p, old, bytes, align, err);
    }
    if (!q) return NULL;
    trit_count(&cache->counts.n_resizes, 1);
    trit_count(&cache->counts.n_moved, q != p);
    return q;
}
