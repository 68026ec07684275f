/* What a thread keeps of a pool's small blocks, so that most calls take no lock.
 *
 *   trit_key_caches, of the thread: | key, cache | key, cache | ...          found by the pool's key
 *
 *   cache | counts | bin 0: items, n | bin 1 | ... bin 255 |
 *                      |
 *                      [ (block, slack) (block, slack) ... ]                 taken and given at the end
 *
 * A bin takes more blocks of its class each time, and gives half back when it is full. A block may come back to another thread
 * than it was taken by: it goes into that one's bin, and on to the class.
 *
 * A pool's key changes with each trim: a thread whose key is old finds its cache again by the slow way, and empties it there. Nobody
 * ever looks into another's bins. Caches are in two lists, of their pool and of their thread, for whichever ends first. */
#include <string.h>

#include "base/alloc.h"
#include "memory/pool.h"

enum { most_items = 64, fewest_items = 4, bin_bytes = 16 << 10, first_bytes = 2 << 10 };

_Thread_local trit_key_cache trit_key_caches[trit_n_key_caches];
static _Thread_local trit_cache *of_thread;

static pthread_mutex_t lists_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_end;
static _Atomic uint64_t last_key;

uint64_t trit_pool_new_key(void) {
    return atomic_fetch_add(&last_key, 1) + 1;
}

/* Both are lists of counters in one order. */
static void add_counts(trit_counts *sum, const trit_counts *c) {
    trit_count(&sum->n_allocations, trit_counted(&c->n_allocations));
    trit_count(&sum->n_releases, trit_counted(&c->n_releases));
    trit_count(&sum->n_resizes, trit_counted(&c->n_resizes));
    trit_count(&sum->n_moved, trit_counted(&c->n_moved));
    trit_count(&sum->n_misses, trit_counted(&c->n_misses));
    trit_count(&sum->n_direct, trit_counted(&c->n_direct));
    trit_count(&sum->n_failed, trit_counted(&c->n_failed));
    trit_count(&sum->requested, trit_counted(&c->requested));
    trit_count(&sum->held, trit_counted(&c->held));
    trit_count(&sum->own_bytes, trit_counted(&c->own_bytes));
}

void trit_counts_keep(trit_pool *pool, const trit_counts *counts) {
    pthread_mutex_lock(&lists_lock);
    add_counts(&pool->ended, counts);
    pthread_mutex_unlock(&lists_lock);
}

void trit_counts_sum(const trit_pool *pool, trit_counts *sum, uint64_t *n_caches) {
    *sum = (trit_counts){0};
    pthread_mutex_lock(&lists_lock);
    add_counts(sum, &pool->ended);
    for (const trit_cache *c = pool->caches; c; c = c->next) add_counts(sum, &c->counts);
    *n_caches = pool->n_caches;
    pthread_mutex_unlock(&lists_lock);
}

/* ---- Bins ---- */

/* The first n items go back to their class, the rest to the front. */
static void give_first(trit_cache *cache, unsigned c, unsigned n) {
    trit_bin *bin = &cache->bins[c];
    void *blocks[most_items];
    if (!n) return;
    for (unsigned i = 0; i < n; i++) blocks[i] = bin->items[i].block;
    trit_class_give(cache->pool, c, blocks, n);
    memmove(bin->items, bin->items + n, (bin->n - n) * sizeof *bin->items);
    bin->n = (uint16_t)(bin->n - n);
    trit_count(&cache->counts.held, (uint64_t)0 - (uint64_t)n * trit_class_bytes(c));
}

static void empty(trit_cache *cache) {
    for (unsigned c = 0; c < cache->pool->n_cached; c++) give_first(cache, c, cache->bins[c].n);
}

static unsigned most_of(unsigned c) {
    const unsigned n = bin_bytes / trit_class_bytes(c);
    return n > most_items ? most_items : n < fewest_items ? fewest_items : n;
}

/* Room for n items, where there is memory; most classes of a program are seldom used. */
static void grow(trit_cache *cache, trit_bin *bin, unsigned n) {
    trit_cached *items = trit_alloc(n, sizeof *items);
    if (!items) return;
    if (bin->n) memcpy(items, bin->items, bin->n * sizeof *items);
    trit_free(bin->items);
    trit_count(&cache->counts.own_bytes, (uint64_t)(n - bin->capacity) * sizeof *items);
    bin->items = items;
    bin->capacity = (uint16_t)n;
}

static bool has_items(trit_cache *cache, unsigned c) {
    trit_bin *bin = &cache->bins[c];
    if (bin->items) return true;
    const unsigned most = most_of(c), batch = first_bytes / trit_class_bytes(c);
    bin->batch = (uint16_t)(batch > most / 4 ? most / 4 : batch ? batch : 1);
    grow(cache, bin, bin->batch < fewest_items ? fewest_items : bin->batch);
    return bin->items != NULL;
}

bool trit_bin_fill(trit_cache *cache, unsigned c, bool *missed) {
    trit_bin *bin = &cache->bins[c];
    void *blocks[most_items];
    if (!has_items(cache, c)) return false;
    if (bin->capacity < bin->batch) grow(cache, bin, bin->batch);
    const unsigned most = trit_counted(&cache->counts.held) < trit_cache_bytes ? bin->batch : 1;
    const unsigned wanted = most < bin->capacity ? most : bin->capacity;
    const unsigned n = trit_class_take(cache->pool, c, blocks, wanted, missed);
    for (unsigned i = 0; i < n; i++) { /* the lowest is taken first */
        trit_span *span = trit_span_of(cache->pool, blocks[i]);
        bin->items[n - 1 - i] = (trit_cached){blocks[i], &span->slack.narrow[trit_block_index(span, blocks[i])]};
    }
    bin->n = (uint16_t)n;
    if (bin->batch < most_of(c) / 2) bin->batch = (uint16_t)(2 * bin->batch);
    trit_count(&cache->counts.held, (uint64_t)n * trit_class_bytes(c));
    return n > 0;
}

void trit_bin_drain(trit_cache *cache, unsigned c) {
    trit_bin *bin = &cache->bins[c];
    if (!has_items(cache, c)) return;
    if (trit_counted(&cache->counts.held) >= trit_cache_bytes)
        empty(cache);
    else if (bin->capacity < most_of(c))
        grow(cache, bin, 2 * bin->capacity < most_of(c) ? 2u * bin->capacity : most_of(c));
    if (bin->n == bin->capacity) give_first(cache, c, bin->n - bin->n / 2);
}

/* ---- Lives ---- */

/* Under the lists' lock. */
static void end_cache(trit_cache *cache) {
    trit_pool *pool = cache->pool;
    *cache->to_of_thread = cache->next_of_thread;
    if (cache->next_of_thread) cache->next_of_thread->to_of_thread = cache->to_of_thread;
    if (cache->previous)
        cache->previous->next = cache->next;
    else
        pool->caches = cache->next;
    if (cache->next) cache->next->previous = cache->previous;
    pool->n_caches--;
    trit_count(&cache->counts.own_bytes, (uint64_t)0 - trit_counted(&cache->counts.own_bytes));
    add_counts(&pool->ended, &cache->counts);
    for (unsigned c = 0; c < trit_n_cache_bins; c++) trit_free(cache->bins[c].items);
    trit_free(cache);
}

static void on_thread_end(void *unused) {
    (void)unused;
    pthread_mutex_lock(&lists_lock);
    while (of_thread) {
        empty(of_thread);
        end_cache(of_thread);
    }
    pthread_mutex_unlock(&lists_lock);
    memset(trit_key_caches, 0, sizeof trit_key_caches);
}

static bool has_key;

static void make_key(void) {
    has_key = pthread_key_create(&thread_end, on_thread_end) == 0;
}

static trit_cache *new_cache(trit_pool *pool) {
    trit_cache *cache = trit_alloc_zero(1, sizeof *cache);
    if (!cache) return NULL;
    (void)pthread_once(&once, make_key);
    /* Anything but NULL: then on_thread_end is called. A cache that nobody ends would be worse than none. */
    if (!has_key || pthread_setspecific(thread_end, trit_key_caches) != 0) {
        trit_free(cache);
        return NULL;
    }
    cache->pool = pool;
    trit_count(&cache->counts.own_bytes, sizeof *cache);
    pthread_mutex_lock(&lists_lock);
    cache->next = pool->caches;
    if (cache->next) cache->next->previous = cache;
    pool->caches = cache;
    cache->next_of_thread = of_thread;
    if (of_thread) of_thread->to_of_thread = &cache->next_of_thread;
    cache->to_of_thread = &of_thread;
    of_thread = cache;
    pool->n_caches++;
    pthread_mutex_unlock(&lists_lock);
    return cache;
}

trit_cache *trit_cache_find(trit_pool *pool) {
    pthread_mutex_lock(&lists_lock);
    trit_cache *cache = of_thread;
    while (cache && cache->pool != pool) cache = cache->next_of_thread;
    pthread_mutex_unlock(&lists_lock);
    if (!cache) cache = new_cache(pool);
    if (!cache) return NULL;
    const uint64_t key = atomic_load_explicit(&pool->key, memory_order_relaxed);
    if (cache->key != key) empty(cache);
    cache->key = key;
    trit_key_caches[key % trit_n_key_caches] = (trit_key_cache){key, cache};
    return cache;
}

void trit_caches_fini(trit_pool *pool) {
    pthread_mutex_lock(&lists_lock);
    while (pool->caches) end_cache(pool->caches);
    pthread_mutex_unlock(&lists_lock);
}
