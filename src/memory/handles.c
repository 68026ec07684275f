/* Blocks that may move: a table between a handle and its block.
 *
 *   handle: | generation, 32 bits | slot + 1, 32 bits |
 *   slot:   | block, bytes, align | generation | pins |         unused: block NULL, and the next unused slot
 *
 * A slot's generation rises when its block is freed, so an old handle is known as one. Compaction takes, for each block that
 * nobody has pinned, from the highest address down, the lowest address that there is, and moves the block if that is lower. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "memory/poison.h"
#include "memory/pool.h"

void trit_handles_fini(trit_pool *pool) {
    trit_free(pool->slots);
}

/* Under the handles' lock. NULL: no such handle. */
static trit_handle_slot *slot_of(const trit_pool *pool, trit_handle handle) {
    const size_t i = (handle.id & UINT32_MAX) - 1;
    if (!handle.id || i >= pool->n_slots) return NULL;
    trit_handle_slot *slot = &pool->slots[i];
    return slot->block && slot->generation == handle.id >> 32 ? slot : NULL;
}

static trit_status no_such(const trit_pool *pool, trit_handle handle, trit_error *err) {
    return trit_error_set(err, trit_arg, "pool %s: handle %llx was freed or is none", pool->name, (unsigned long long)handle.id);
}

/* An unused slot, or one more; SIZE_MAX: no memory. */
static size_t free_slot(trit_pool *pool) {
    if (pool->unused_slot) {
        const size_t i = pool->unused_slot - 1;
        pool->unused_slot = pool->slots[i].next_unused;
        return i;
    }
    void *slots = pool->slots;
    if (pool->n_slots >= UINT32_MAX - 1 || !trit_grow(&slots, &pool->slots_capacity, pool->n_slots + 1, sizeof *pool->slots)) return SIZE_MAX;
    pool->slots = slots;
    /* Handles of another pool are seldom valid in this one. */
    pool->slots[pool->n_slots] = (trit_handle_slot){.generation = (uint32_t)(pool->first_key << 16)};
    return pool->n_slots++;
}

trit_status trit_handle_new(trit_pool *pool, trit_handle *out, size_t bytes, size_t align, const char *tag, trit_error *err) {
    trit_error own;
    if (!err) err = &own;
    void *block = trit_pool_alloc(pool, bytes, align, tag, err);
    if (!block) return err->status;
    pthread_mutex_lock(&pool->handle_lock);
    const size_t i = free_slot(pool);
    if (i != SIZE_MAX) {
        trit_handle_slot *slot = &pool->slots[i];
        *slot = (trit_handle_slot){.block = block, .bytes = bytes, .align = align, .generation = slot->generation};
        out->id = (uint64_t)slot->generation << 32 | (i + 1);
    }
    pthread_mutex_unlock(&pool->handle_lock);
    if (i != SIZE_MAX) return trit_ok;
    (void)trit_pool_release(pool, block, NULL);
    return trit_error_memory(err, sizeof *pool->slots, "a handle");
}

trit_status trit_handle_pin(trit_pool *pool, trit_handle handle, void **out, trit_error *err) {
    pthread_mutex_lock(&pool->handle_lock);
    trit_handle_slot *slot = slot_of(pool, handle);
    if (slot) {
        slot->pins++;
        *out = slot->block;
    }
    pthread_mutex_unlock(&pool->handle_lock);
    return slot ? trit_ok : no_such(pool, handle, err);
}

trit_status trit_handle_unpin(trit_pool *pool, trit_handle handle, trit_error *err) {
    pthread_mutex_lock(&pool->handle_lock);
    trit_handle_slot *slot = slot_of(pool, handle);
    const bool was_pinned = slot && slot->pins;
    if (was_pinned) slot->pins--;
    pthread_mutex_unlock(&pool->handle_lock);
    if (was_pinned) return trit_ok;
    if (!slot) return no_such(pool, handle, err);
    return trit_error_set(err, trit_arg, "pool %s: handle %llx is not pinned", pool->name, (unsigned long long)handle.id);
}

trit_status trit_handle_free(trit_pool *pool, trit_handle handle, trit_error *err) {
    void *block = NULL;
    pthread_mutex_lock(&pool->handle_lock);
    trit_handle_slot *slot = slot_of(pool, handle);
    if (slot && !slot->pins) {
        block = slot->block;
        *slot = (trit_handle_slot){.generation = slot->generation + 1, .next_unused = pool->unused_slot};
        pool->unused_slot = (size_t)(slot - pool->slots) + 1;
    }
    pthread_mutex_unlock(&pool->handle_lock);
    if (block) return trit_pool_release(pool, block, err);
    if (!slot) return no_such(pool, handle, err);
    return trit_error_set(err, trit_arg, "pool %s: handle %llx is pinned and cannot be freed", pool->name, (unsigned long long)handle.id);
}

size_t trit_handle_bytes(const trit_pool *pool, trit_handle handle) {
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&pool->handle_lock;
    pthread_mutex_lock(lock);
    const trit_handle_slot *slot = slot_of(pool, handle);
    const size_t bytes = slot ? slot->bytes : 0;
    pthread_mutex_unlock(lock);
    return bytes;
}

static int by_falling_address(const void *a, const void *b) {
    const trit_handle_slot *x = *(trit_handle_slot *const *)a, *y = *(trit_handle_slot *const *)b;
    return (x->block < y->block) - (x->block > y->block);
}

/* Mappings of their own stay: nothing would be gained. */
static bool may_move(const trit_pool *pool, const trit_handle_slot *slot) {
    return slot->block && !slot->pins && trit_span_of(pool, slot->block)->class_id != trit_class_direct;
}

static void move_down(trit_pool *pool, trit_handle_slot *slot) {
    bool is_zero;
    const size_t bytes = slot->bytes + !slot->bytes;
    void *lower = trit_block_take(pool, bytes, slot->align, false, &is_zero);
    if (!lower) return;
    if (lower > slot->block ||
        (pool->tracker && trit_tracker_resized(pool->tracker, slot->block, bytes, lower, bytes, NULL) != trit_ok)) {
        trit_block_give(pool, lower, false);
        return;
    }
    memcpy(lower, slot->block, bytes);
    trit_block_give(pool, slot->block, false);
    slot->block = lower;
}

static uint64_t committed_of(trit_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    const uint64_t bytes = pool->committed;
    pthread_mutex_unlock(&pool->lock);
    return bytes;
}

size_t trit_pool_compact(trit_pool *pool) {
    const uint64_t before = committed_of(pool);
    size_t n = 0;
    (void)trit_pool_trim(pool);
    pthread_mutex_lock(&pool->handle_lock);
    trit_handle_slot **order = trit_alloc(pool->n_slots, sizeof *order);
    for (size_t i = 0; order && i < pool->n_slots; i++)
        if (may_move(pool, &pool->slots[i])) order[n++] = &pool->slots[i];
    if (n) qsort(order, n, sizeof *order, by_falling_address);
    trit_classes_sort(pool);
    for (size_t i = 0; i < n; i++) move_down(pool, order[i]);
    pthread_mutex_unlock(&pool->handle_lock);
    trit_free(order);
    (void)trit_pool_trim(pool);
    const uint64_t after = committed_of(pool);
    return before > after ? (size_t)(before - after) : 0;
}
