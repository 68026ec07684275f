/* Stacks are only ever added, so each bucket is a list that grows at its head by compare-and-swap: readers need no lock. */
#include "memory/track_stacks.h"

#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"

static uint64_t hash_of(void *const *frames, size_t n) {
    uint64_t hash = n;
    for (size_t i = 0; i < n; i++) hash = trit_mix64(hash * 0x9e3779b97f4a7c15u + (uintptr_t)frames[i]);
    return hash;
}

/* Searches the list from `from` up to `end`, which was searched already. */
static trit_track_stack *search(trit_track_stack *from, const trit_track_stack *end, uint64_t hash, void *const *frames, size_t n) {
    for (trit_track_stack *s = from; s != end; s = s->next)
        if (s->hash == hash && s->n == n && memcmp(s->frames, frames, n * sizeof *frames) == 0) return s;
    return NULL;
}

const trit_track_stack *trit_track_stack_of(trit_track_stacks *stacks, void *const *frames, size_t n) {
    const uint64_t hash = hash_of(frames, n);
    _Atomic(trit_track_stack *) *bucket = &stacks->buckets[hash % trit_track_n_buckets];
    trit_track_stack *head = atomic_load_explicit(bucket, memory_order_acquire);
    trit_track_stack *found = search(head, NULL, hash, frames, n);
    if (found || atomic_load_explicit(&stacks->n, memory_order_relaxed) >= trit_track_max_stacks) return found;

    const size_t bytes = sizeof *found + n * sizeof *frames;
    trit_track_stack *added = trit_alloc(1, bytes);
    if (!added) return NULL;
    added->hash = hash;
    added->n = n;
    memcpy(added->frames, frames, n * sizeof *frames);
    added->next = head;
    while (!atomic_compare_exchange_weak_explicit(bucket, &head, added, memory_order_release, memory_order_acquire)) {
        found = search(head, added->next, hash, frames, n);
        if (found) { /* another thread was quicker */
            trit_free(added);
            return found;
        }
        added->next = head;
    }
    atomic_fetch_add_explicit(&stacks->n, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&stacks->bytes, bytes, memory_order_relaxed);
    return added;
}

void trit_track_stacks_fini(trit_track_stacks *stacks) {
    for (size_t i = 0; i < trit_track_n_buckets; i++)
        for (trit_track_stack *s = atomic_load(&stacks->buckets[i]), *next; s; s = next) {
            next = s->next;
            trit_free(s);
        }
}
