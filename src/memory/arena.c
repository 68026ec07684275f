/* Address space by the arena, handed out by the unit, and the count of what is committed.
 *
 *   units      [ span of a class ][ run      ][ free             ][ run ][ free ]
 *   taken       1 1 1 1 1 1 1 1 1  1 1 1 1 1 1  . . . . . . . . . .  1 1 1  . . .     buddy tree
 *   committed   1 1 1 - - - - - -  1 1 1 1 1 1  1 1 1 1 - - - - - -  1 1 1  - - -     bits
 *
 * Committed is what was handed out since it was last given back: the system counts it when it is first touched, the pool before. A span of
 * small blocks commits its units as their blocks are taken. A trim gives back units that are free and committed. In an arena of huge pages
 * the units of one page are committed, and given back, together. */
#include "base/alloc.h"
#include "base/os.h"
#include "memory/poison.h"
#include "memory/pool.h"

enum { word_bits = 64 };

bool trit_arenas_init(trit_pool *pool) {
    const unsigned bits = trit_address_bits - pool->arena_shift;
    pool->leaf_shift = bits / 2;
    pool->table = trit_alloc_zero((size_t)1 << (bits - pool->leaf_shift), sizeof *pool->table);
    pool->metadata += ((size_t)1 << (bits - pool->leaf_shift)) * sizeof *pool->table;
    return pool->table != NULL;
}

static void unmap(trit_pool *pool, trit_region *region) {
    trit_region_leave(pool, region->base);
    trit_unpoison(region->base, region->bytes);
    trit_os_unreserve(region->base, region->bytes);
    pool->reserved -= region->bytes;
}

void trit_arenas_fini(trit_pool *pool) {
    while (pool->arenas) {
        trit_region *region = pool->arenas;
        pool->arenas = region->next;
        for (uint32_t u = 0; u < region->n_units;) { /* spans with live blocks: their memory goes with the pool */
            trit_span *span = region->spans[u];
            u += span ? span->n_units : 1;
            trit_free(span);
        }
        unmap(pool, region);
        trit_free(region);
    }
    const size_t n = pool->table ? (size_t)1 << (trit_address_bits - pool->arena_shift - pool->leaf_shift) : 0;
    for (size_t i = 0; i < n; i++) trit_free((void *)pool->table[i]);
    trit_free((void *)pool->table);
}

bool trit_region_enter(trit_pool *pool, trit_region *region, const uint8_t *base, size_t bytes) {
    const uintptr_t at = (uintptr_t)base >> pool->arena_shift;
    const size_t n = (size_t)1 << pool->leaf_shift;
    if (((uintptr_t)base + bytes - 1) >> trit_address_bits) return false;
    _Atomic(trit_region *) *leaf = pool->table[at >> pool->leaf_shift];
    if (!leaf) {
        leaf = trit_alloc_zero(n, sizeof *leaf);
        if (!leaf) return false;
        pool->metadata += n * sizeof *leaf;
        atomic_store_explicit(&pool->table[at >> pool->leaf_shift], leaf, memory_order_release);
    }
    atomic_store_explicit(&leaf[at & (n - 1)], region, memory_order_release);
    return true;
}

void trit_region_leave(trit_pool *pool, const uint8_t *base) {
    const uintptr_t at = (uintptr_t)base >> pool->arena_shift;
    _Atomic(trit_region *) *leaf = pool->table[at >> pool->leaf_shift];
    atomic_store_explicit(&leaf[at & (((uintptr_t)1 << pool->leaf_shift) - 1)], NULL, memory_order_release);
}

bool trit_pool_commit(trit_pool *pool, uint64_t bytes) {
    if (pool->limit && bytes > pool->limit - pool->committed) return false;
    pool->committed += bytes;
    if (pool->committed > pool->peak_committed) pool->peak_committed = pool->committed;
    return true;
}

uint32_t trit_pool_units(const trit_pool *pool, size_t bytes) {
    return (uint32_t)((bytes + ((size_t)1 << pool->unit_shift) - 1) >> pool->unit_shift);
}

/* An arena and its tables in one piece: spans, committed, nodes. */
static size_t arena_own_bytes(uint32_t n_units) {
    return sizeof(trit_region) + n_units * sizeof(trit_span *) + n_units / 8 + 2 * (size_t)n_units * sizeof(trit_buddy_node);
}

static bool has_huge_pages(const trit_pool *pool, bool is_for_runs) {
    return pool->huge == trit_huge_always || (pool->huge == trit_huge_auto && is_for_runs);
}

static trit_region *add_arena(trit_pool *pool, bool is_for_runs) {
    const size_t bytes = (size_t)1 << pool->arena_shift;
    const uint32_t n_units = (uint32_t)(bytes >> pool->unit_shift);
    trit_region *region = trit_alloc_zero(1, arena_own_bytes(n_units));
    if (!region) return NULL;
    region->base = trit_os_reserve(bytes, bytes);
    region->bytes = bytes;
    if (!region->base || !trit_region_enter(pool, region, region->base, bytes)) {
        if (region->base) trit_os_unreserve(region->base, bytes);
        trit_free(region);
        return NULL;
    }
    region->is_for_runs = is_for_runs;
    region->step = 1;
    if (has_huge_pages(pool, is_for_runs)) {
        trit_os_advise_huge(region->base, bytes);
        region->step = trit_pool_units(pool, trit_huge_bytes);
    }
    region->n_units = n_units;
    region->spans = (trit_span **)(void *)(region + 1);
    region->committed = (uint64_t *)(void *)(region->spans + n_units);
    trit_buddy_init(&region->free, n_units, (trit_buddy_node *)(void *)(region->committed + n_units / word_bits));
    trit_poison(region->base, bytes);
    trit_region **place = &pool->arenas;
    while (*place && (*place)->base < region->base) place = &(*place)->next;
    region->next = *place;
    *place = region;
    pool->n_arenas++;
    pool->reserved += bytes;
    pool->metadata += arena_own_bytes(n_units);
    return region;
}

static bool is_committed(const trit_region *region, uint32_t unit) {
    return region->committed[unit / word_bits] >> unit % word_bits & 1;
}

/* How many of units [first, last) are not committed; then they are, if asked. */
static uint32_t mark_committed(trit_region *region, uint32_t first, uint32_t last, bool sets) {
    uint32_t n = 0;
    for (uint32_t w = first / word_bits; first < last; w++, first = w * word_bits) {
        const uint32_t end = last - w * word_bits < word_bits ? last - w * word_bits : word_bits;
        const uint64_t mask = (end < word_bits ? ((uint64_t)1 << end) - 1 : UINT64_MAX) & UINT64_MAX << first % word_bits;
        n += (uint32_t)__builtin_popcountll(mask & ~region->committed[w]);
        if (sets) region->committed[w] |= mask;
    }
    return n;
}

/* Commits units [first, first + n), and the rest of their huge pages. *n_new: how many of the n were not. */
static bool commit_units(trit_pool *pool, trit_region *region, uint32_t first, uint32_t n, uint32_t *n_new) {
    const uint32_t step = region->step, from = first / step * step, to = (first + n + step - 1) / step * step;
    const uint64_t all = mark_committed(region, from, to, false);
    *n_new = mark_committed(region, first, first + n, false);
    if (!all) return true;
    if (!trit_pool_commit(pool, all << pool->unit_shift)) return false;
    pool->n_commits++;
    (void)mark_committed(region, from, to, true);
    return true;
}

/* Under the lock: an arena with the room, and where. Runs stand apart from small blocks where only they have huge pages. */
static trit_region *find_room(trit_pool *pool, uint32_t n_units, uint32_t align, bool is_run, uint32_t *first) {
    const bool is_apart = pool->huge == trit_huge_auto;
    for (trit_region *r = pool->arenas; r; r = r->next)
        if ((!is_apart || r->is_for_runs == is_run) && trit_buddy_find(&r->free, n_units, align, first)) return r;
    trit_region *added = add_arena(pool, is_run);
    return added && trit_buddy_find(&added->free, n_units, align, first) ? added : NULL;
}

bool trit_span_place(trit_pool *pool, trit_span *span, uint32_t n_units, uint32_t align, uint32_t n_commit, bool is_run, bool *missed,
                     bool *is_zero) {
    uint32_t first, n_new = 0;
    pthread_mutex_lock(&pool->lock);
    const uint64_t n_arenas = pool->n_arenas;
    trit_region *region = find_room(pool, n_units, align, is_run, &first);
    const bool placed = region && commit_units(pool, region, first, n_commit, &n_new);
    if (placed) {
        trit_buddy_set(&region->free, first, n_units, false);
        span->region = region;
        span->start = region->base + ((size_t)first << pool->unit_shift);
        span->first = first;
        span->n_units = n_units;
        span->n_touched = n_commit;
        for (uint32_t u = 0; u < (is_run ? 1 : n_units); u++) region->spans[first + u] = span;
        if (is_run) pool->large_in_use += (uint64_t)n_units << pool->unit_shift;
        pool->metadata += span->own_bytes;
        *missed = *missed || pool->n_arenas != n_arenas;
        *is_zero = n_commit && n_new == n_commit;
    }
    pthread_mutex_unlock(&pool->lock);
    return placed;
}

bool trit_span_touch(trit_pool *pool, trit_span *span, uint32_t n_units) {
    uint32_t n_new = 0;
    pthread_mutex_lock(&pool->lock);
    const bool done = commit_units(pool, span->region, span->first + span->n_touched, n_units - span->n_touched, &n_new);
    if (done) span->n_touched = n_units;
    pthread_mutex_unlock(&pool->lock);
    return done;
}

bool trit_span_resize(trit_pool *pool, trit_span *span, uint32_t n_units) {
    uint32_t n_new = 0;
    pthread_mutex_lock(&pool->lock);
    trit_region *region = span->region;
    const uint32_t end = span->first + span->n_units;
    bool done = true;
    if (n_units < span->n_units) {
        trit_buddy_set(&region->free, span->first + n_units, span->n_units - n_units, true);
    } else if (n_units > span->n_units) {
        const uint32_t more = n_units - span->n_units;
        done = trit_buddy_run_at(&region->free, end) >= more && commit_units(pool, region, end, more, &n_new);
        if (done) trit_buddy_set(&region->free, end, more, false);
    }
    if (done) {
        pool->large_in_use += (uint64_t)n_units << pool->unit_shift;
        pool->large_in_use -= (uint64_t)span->n_units << pool->unit_shift;
        span->n_units = n_units;
    }
    pthread_mutex_unlock(&pool->lock);
    return done;
}

void trit_span_remove(trit_pool *pool, trit_span *span) {
    const bool is_run = span->class_id == trit_class_run;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t u = 0; u < (is_run ? 1 : span->n_units); u++) span->region->spans[span->first + u] = NULL;
    trit_buddy_set(&span->region->free, span->first, span->n_units, true);
    if (is_run) pool->large_in_use -= (uint64_t)span->n_units << pool->unit_shift;
    pool->metadata -= span->own_bytes;
    pthread_mutex_unlock(&pool->lock);
    trit_free(span);
}

/* Gives back the committed ones of free units [first, last); returns how many. */
static uint64_t discard_units(const trit_pool *pool, trit_region *region, uint32_t first, uint32_t last) {
    uint64_t n = 0;
    first = (first + region->step - 1) / region->step * region->step;
    last = last / region->step * region->step;
    for (uint32_t u = first; u < last; u++) {
        uint32_t end = u;
        while (end < last && is_committed(region, end)) end++;
        if (end == u) continue;
        if (trit_os_discard(region->base + ((size_t)u << pool->unit_shift), (size_t)(end - u) << pool->unit_shift)) {
            for (uint32_t k = u; k < end; k++) region->committed[k / word_bits] &= ~((uint64_t)1 << k % word_bits);
            n += end - u;
        }
        u = end;
    }
    return n;
}

static uint64_t discard_free(const trit_pool *pool, trit_region *region) {
    uint64_t n = 0;
    for (uint32_t u = 0; u < region->n_units;) {
        const uint32_t run = trit_buddy_run_at(&region->free, u);
        n += discard_units(pool, region, u, u + run);
        u += run ? run : 1;
    }
    return n;
}

size_t trit_arenas_trim(trit_pool *pool) {
    uint64_t n_units = 0;
    pthread_mutex_lock(&pool->lock);
    for (trit_region **place = &pool->arenas, *r; (r = *place);) {
        n_units += discard_free(pool, r);
        if (trit_buddy_longest(&r->free) < r->n_units) {
            place = &r->next;
            continue;
        }
        *place = r->next;
        for (uint32_t u = 0; u < r->n_units; u++) n_units += is_committed(r, u); /* what could not be discarded goes with the arena */
        unmap(pool, r);
        pool->n_arenas--;
        pool->metadata -= arena_own_bytes(r->n_units);
        trit_free(r);
    }
    const uint64_t bytes = n_units << pool->unit_shift;
    pool->committed -= bytes;
    pool->n_trims++;
    pool->trimmed += bytes;
    pthread_mutex_unlock(&pool->lock);
    return (size_t)bytes;
}
