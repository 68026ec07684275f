/* The watching itself: what a pool reports goes into the shard of its address. */
#include "memory/track.h"

#include <string.h>

#include "base/error.h"
#include "base/os.h"
#include "base/rng.h"
#include "memory/track_insides.h"

static const char *const level_names[] = {"none", "basic", "standard", "detailed"};

enum { n_levels = sizeof level_names / sizeof level_names[0] };

const char *trit_tracking_name(trit_tracking level) {
    return (unsigned)level < n_levels ? level_names[level] : NULL;
}

trit_status trit_tracking_parse(trit_tracking *out, const char *name, trit_error *err) {
    for (unsigned i = 0; i < n_levels; i++)
        if (strcmp(level_names[i], name) == 0) {
            *out = (trit_tracking)i;
            return trit_ok;
        }
    return trit_error_set(err, trit_arg, "tracking \"%s\": none, basic, standard and detailed are known", name);
}

static uint32_t thread_number(void) {
    static atomic_uint n_threads;
    static _Thread_local uint32_t number;
    if (!number) number = atomic_fetch_add_explicit(&n_threads, 1, memory_order_relaxed) + 1;
    return number;
}

static void count(atomic_uint_fast64_t *n) {
    atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

static uint64_t counted(const atomic_uint_fast64_t *n) {
    return atomic_load_explicit(n, memory_order_relaxed);
}

static trit_track_shard *shard_of(const trit_tracker *t, const void *p) {
    return &t->shards[trit_mix64((uintptr_t)p) % trit_track_n_shards];
}

static bool has_table(const trit_tracker *t) {
    return t->level >= trit_tracking_standard;
}

/* The pool's live bytes change by added - removed. */
static void change_live(trit_tracker *t, size_t added, size_t removed) {
    const uint64_t change = (uint64_t)added - removed; /* modulo 2^64, as the counter */
    const uint64_t live = atomic_fetch_add_explicit(&t->live_bytes, change, memory_order_relaxed) + change;
    uint64_t peak = counted(&t->peak_bytes);
    while (added > removed && live > peak &&
           !atomic_compare_exchange_weak_explicit(&t->peak_bytes, &peak, live, memory_order_relaxed, memory_order_relaxed))
        continue;
}

/* Under the shard's lock: makes a full ring larger, so that a short recording takes little memory. false: there is none at all. */
static bool has_room(trit_track_shard *shard) {
    void *events = shard->events;
    if (shard->n_written == shard->event_capacity && shard->event_capacity < trit_track_n_events)
        (void)trit_grow(&events, &shard->event_capacity, shard->n_written + 1, sizeof *shard->events);
    shard->events = events;
    return shard->event_capacity;
}

/* Under the shard's lock. */
static void write_event(const trit_tracker *t, trit_track_shard *shard, const trit_track_block *block, uint64_t time_ns, bool is_release) {
    if (!block->is_sampled || !has_room(shard)) return;
    shard->events[shard->n_written++ % shard->event_capacity] = (trit_memory_event){
        .time_ns = time_ns,
        .address = block->address,
        .bytes = block->bytes,
        .live_bytes = counted(&t->live_bytes),
        .device = t->name,
        .tag = block->tag,
        .thread = thread_number(),
        .is_release = is_release,
    };
}

/* Puts a block into the shard of its address. Whether the timeline follows it is decided when it is new. */
static void enter(trit_tracker *t, trit_track_block *block, uint64_t time_ns, bool is_new) {
    const unsigned every = atomic_load_explicit(&t->sample_every, memory_order_relaxed);
    trit_track_shard *shard = shard_of(t, (void *)block->address);
    pthread_mutex_lock(&shard->lock);
    if (is_new) block->is_sampled = t->stacks && every && shard->n_offered++ % every == 0;
    if (!trit_track_add(&shard->table, block)) count(&shard->n_missed);
    write_event(t, shard, block, time_ns, false);
    pthread_mutex_unlock(&shard->lock);
}

void trit_tracker_allocated(trit_tracker *t, const void *p, size_t bytes, const char *tag) {
    count(&shard_of(t, p)->n_allocated);
    change_live(t, bytes, 0);
    if (!has_table(t)) return;
    trit_track_block block = {
        .address = (uintptr_t)p,
        .bytes = bytes,
        .time_ns = trit_os_clock_ns(),
        .tag = tag,
        .thread = thread_number(),
    };
    if (t->stacks) {
        void *frames[trit_track_n_frames];
        block.stack = trit_track_stack_of(t->stacks, frames, trit_os_backtrace(frames, trit_track_n_frames, 1));
    }
    enter(t, &block, block.time_ns, true);
}

/* Under the shard's lock: says what is wrong with a pointer that is not in the table. */
static trit_status refuse(const trit_tracker *t, trit_track_shard *shard, const void *p, trit_error *err) {
    const size_t n = shard->n_remembered < trit_track_n_released ? shard->n_remembered : trit_track_n_released;
    for (size_t i = 1; i <= n; i++) {
        const trit_track_release *r = &shard->released[(shard->n_remembered - i) % trit_track_n_released];
        if (r->address != (uintptr_t)p) continue;
        count(&shard->n_double);
        return trit_error_set(err, trit_arg, "pool %s: the block at %p (%zu bytes, tag %s) was released before, %.3f ms ago by thread %u", t->name,
                              p, r->bytes, r->tag ? r->tag : "none", (double)(trit_os_clock_ns() - r->time_ns) / 1e6, (unsigned)r->thread);
    }
    count(&shard->n_unknown);
    return trit_error_set(err, trit_arg, "pool %s: no live block begins at %p", t->name, p);
}

/* Takes the block at p out of the table into *out, which it leaves alone where a shard that once had no memory for a block cannot call the
 * pointer unknown. */
static trit_status leave(trit_tracker *t, const void *p, size_t bytes, uint64_t now, trit_track_block *out, trit_error *err) {
    trit_track_shard *shard = shard_of(t, p);
    trit_status status = trit_ok;
    pthread_mutex_lock(&shard->lock);
    trit_track_block *block = trit_track_find(&shard->table, (uintptr_t)p);
    if (block) {
        *out = *block;
        trit_track_remove(&shard->table, block);
        shard->released[shard->n_remembered++ % trit_track_n_released] =
            (trit_track_release){(uintptr_t)p, out->bytes, now, out->tag, thread_number()};
    } else if (!counted(&shard->n_missed)) {
        status = refuse(t, shard, p, err);
    }
    if (status == trit_ok && bytes) change_live(t, 0, bytes);
    if (block) write_event(t, shard, out, now, true);
    pthread_mutex_unlock(&shard->lock);
    return status;
}

trit_status trit_tracker_released(trit_tracker *t, const void *p, size_t bytes, trit_error *err) {
    trit_track_block block = {0};
    trit_status status = trit_ok;
    if (!bytes && !has_table(t)) return trit_ok;
    if (has_table(t))
        status = leave(t, p, bytes, trit_os_clock_ns(), &block, err);
    else
        change_live(t, 0, bytes);
    if (status == trit_ok && bytes) count(&shard_of(t, p)->n_released);
    return status;
}

trit_status trit_tracker_resized(trit_tracker *t, const void *old, size_t old_bytes, const void *p, size_t bytes, trit_error *err) {
    if (!has_table(t)) {
        count(&shard_of(t, old)->n_resized);
        change_live(t, bytes, old_bytes);
        return trit_ok;
    }
    const uint64_t now = trit_os_clock_ns();
    trit_track_block block = {.time_ns = now, .thread = thread_number()};
    trit_status status = leave(t, old, old_bytes, now, &block, err);
    if (status != trit_ok) return status;
    count(&shard_of(t, old)->n_resized);
    block.address = (uintptr_t)p; /* what it was made for, where and when stays */
    block.bytes = bytes;
    change_live(t, bytes, 0);
    enter(t, &block, now, false);
    return trit_ok;
}

trit_tracking trit_tracker_level(const trit_tracker *t) {
    return t->level;
}

void trit_tracker_sample(trit_tracker *t, unsigned every) {
    atomic_store_explicit(&t->sample_every, every, memory_order_relaxed);
}

uint64_t trit_tracker_mark(void) {
    const uint64_t mark = trit_os_clock_ns();
    while (trit_os_clock_ns() == mark) continue; /* what comes after the mark has a later time */
    return mark;
}

void trit_tracker_count(const trit_tracker *t, trit_track_counts *out) {
    *out = (trit_track_counts){
        .live_bytes = counted(&t->live_bytes),
        .peak_bytes = counted(&t->peak_bytes),
        .own_bytes = sizeof *t + trit_track_n_shards * sizeof *t->shards,
    };
    for (size_t i = 0; i < trit_track_n_shards; i++) {
        trit_track_shard *shard = &t->shards[i];
        out->n_allocated += counted(&shard->n_allocated);
        out->n_released += counted(&shard->n_released);
        out->n_resized += counted(&shard->n_resized);
        out->n_double += counted(&shard->n_double);
        out->n_unknown += counted(&shard->n_unknown);
        out->n_missed += counted(&shard->n_missed);
        pthread_mutex_lock(&shard->lock);
        out->own_bytes += shard->table.capacity * sizeof *shard->table.slots;
        out->own_bytes += shard->event_capacity * sizeof *shard->events;
        pthread_mutex_unlock(&shard->lock);
    }
    out->live_blocks = out->n_allocated - out->n_released;
    if (t->stacks) out->own_bytes += sizeof *t->stacks + atomic_load_explicit(&t->stacks->bytes, memory_order_relaxed);
}

trit_status trit_tracker_new(trit_tracker **out, trit_tracking level, const char *name, trit_error *err) {
    trit_tracker *t = trit_alloc_aligned(1, sizeof *t);
    trit_track_shard *shards = trit_alloc_aligned(trit_track_n_shards, sizeof *shards);
    trit_track_stacks *stacks = level >= trit_tracking_detailed ? trit_alloc_zero(1, sizeof *stacks) : NULL;
    if (!t || !shards || (level >= trit_tracking_detailed && !stacks)) {
        trit_free(stacks);
        trit_free(shards);
        trit_free(t);
        return trit_error_memory(err, trit_track_n_shards * sizeof *shards, "the tracker of a pool");
    }
    memset(t, 0, sizeof *t);
    memset(shards, 0, trit_track_n_shards * sizeof *shards);
    t->level = level;
    t->name = name;
    t->shards = shards;
    t->stacks = stacks;
    t->sample_every = 1;
    for (size_t i = 0; i < trit_track_n_shards; i++) pthread_mutex_init(&shards[i].lock, NULL);
    *out = t;
    return trit_ok;
}

void trit_tracker_free(trit_tracker *t) {
    if (!t) return;
    for (size_t i = 0; i < trit_track_n_shards; i++) {
        trit_track_table_fini(&t->shards[i].table);
        trit_free(t->shards[i].events);
        pthread_mutex_destroy(&t->shards[i].lock);
    }
    if (t->stacks) trit_track_stacks_fini(t->stacks);
    trit_free(t->stacks);
    trit_free(t->shards);
    trit_free(t);
}
