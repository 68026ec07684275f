/* Blocks beyond an arena: a mapping of the system each, given back when released.
 *
 *   table -> region -> only: span      | block, whole pages              |
 *                                      ^ where an arena could begin
 *
 * They are resized by moving pages between addresses and not by copying bytes. */
#include "base/alloc.h"
#include "base/os.h"
#include "memory/poison.h"
#include "memory/pool.h"

static size_t pages_of(size_t bytes) {
    const size_t page = trit_os_page_bytes();
    return (bytes + page - 1) / page * page;
}

static uint8_t *reserve(const trit_pool *pool, size_t bytes, size_t align) {
    const size_t arena = (size_t)1 << pool->arena_shift;
    uint8_t *base = trit_os_reserve(bytes, align > arena ? align : arena);
    if (base && pool->huge != trit_huge_never) trit_os_advise_huge(base, bytes);
    return base;
}

/* Under the lock: the counters have so much more, or less. */
static bool count_bytes(trit_pool *pool, size_t more, size_t less) {
    if (more && !trit_pool_commit(pool, more)) return false;
    pool->committed -= less;
    pool->reserved += more - less;
    pool->large_in_use += more - less;
    return true;
}

static bool enter(trit_pool *pool, trit_region *region) {
    if (!count_bytes(pool, region->bytes, 0)) return false;
    if (trit_region_enter(pool, region, region->base, region->bytes)) return true;
    (void)count_bytes(pool, 0, region->bytes);
    return false;
}

trit_span *trit_direct_take(trit_pool *pool, size_t bytes, size_t align) {
    const size_t own_bytes = sizeof(trit_region) + sizeof(trit_span);
    trit_region *region = trit_alloc_zero(1, own_bytes);
    if (!region) return NULL;
    trit_span *span = (trit_span *)(void *)(region + 1);
    region->bytes = pages_of(bytes);
    region->n_units = 1;
    region->only = span;
    region->spans = &region->only;
    region->base = reserve(pool, region->bytes, align);
    *span = (trit_span){.region = region, .start = region->base, .class_id = trit_class_direct, .own_bytes = own_bytes};
    pthread_mutex_lock(&pool->lock);
    const bool entered = region->base && enter(pool, region);
    if (entered) {
        region->next = pool->directs;
        pool->directs = region;
        pool->metadata += own_bytes;
    }
    pthread_mutex_unlock(&pool->lock);
    if (entered) return span;
    if (region->base) trit_os_unreserve(region->base, region->bytes);
    trit_free(region);
    return NULL;
}

void trit_direct_give(trit_pool *pool, trit_span *span) {
    trit_region *region = span->region;
    pthread_mutex_lock(&pool->lock);
    trit_region **place = &pool->directs;
    while (*place != region) place = &(*place)->next;
    *place = region->next;
    trit_region_leave(pool, region->base);
    (void)count_bytes(pool, 0, region->bytes);
    pool->metadata -= span->own_bytes;
    pthread_mutex_unlock(&pool->lock);
    trit_unpoison(region->base, region->bytes);
    trit_os_unreserve(region->base, region->bytes);
    trit_free(region);
}

static void shrink(trit_pool *pool, trit_region *region, size_t bytes) {
    const size_t less = region->bytes - bytes;
    trit_unpoison(region->base + bytes, less);
    trit_os_unreserve(region->base + bytes, less);
    pthread_mutex_lock(&pool->lock);
    region->bytes = bytes;
    (void)count_bytes(pool, 0, less);
    pthread_mutex_unlock(&pool->lock);
}

/* Under the lock: the pages go to `base`, where `bytes` are reserved; what fails gives them up. */
static bool move_to(trit_pool *pool, trit_region *region, uint8_t *base, size_t bytes) {
    const size_t more = bytes - region->bytes;
    if (!count_bytes(pool, more, 0)) {
        trit_os_unreserve(base, bytes);
        return false;
    }
    trit_unpoison(region->base, region->bytes);
    if (!trit_region_enter(pool, region, base, bytes)) {
        (void)count_bytes(pool, 0, more);
        trit_os_unreserve(base, bytes);
        return false;
    }
    if (!trit_os_move_pages(base, bytes, region->base, region->bytes)) {
        trit_region_leave(pool, base);
        (void)count_bytes(pool, 0, more);
        return false;
    }
    trit_region_leave(pool, region->base);
    region->base = base;
    region->bytes = bytes;
    return true;
}

static bool grow(trit_pool *pool, trit_region *region, size_t bytes, size_t align) {
    uint8_t *base = reserve(pool, bytes, align);
    if (!base) return false;
    pthread_mutex_lock(&pool->lock);
    const bool moved = move_to(pool, region, base, bytes);
    pthread_mutex_unlock(&pool->lock);
    return moved;
}

trit_span *trit_direct_resize(trit_pool *pool, trit_span *span, size_t bytes, size_t align) {
    trit_region *region = span->region;
    bytes = pages_of(bytes);
    if (bytes < region->bytes) shrink(pool, region, bytes);
    if (bytes > region->bytes && !grow(pool, region, bytes, align)) return NULL;
    span->start = region->base;
    return span;
}
