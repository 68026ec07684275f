/* Backtraces, each kept once: blocks from one place point to one stack, so comparing pointers compares places. */
#ifndef TRIT_MEMORY_TRACK_STACKS_H
#define TRIT_MEMORY_TRACK_STACKS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef struct trit_track_stack trit_track_stack;

struct trit_track_stack {
    trit_track_stack *next; /* in its bucket */
    uint64_t hash;
    size_t n;
    void *frames[]; /* [n], innermost first */
};

enum { trit_track_max_stacks = 1 << 16, trit_track_n_buckets = 1024 };

typedef struct trit_track_stacks {
    _Atomic(trit_track_stack *) buckets[trit_track_n_buckets];
    atomic_size_t n, bytes;
} trit_track_stacks;

/* The stack with these frames; NULL where there is no memory for another, or there are too many. Any thread, no lock. */
const trit_track_stack *trit_track_stack_of(trit_track_stacks *stacks, void *const *frames, size_t n);
void trit_track_stacks_fini(trit_track_stacks *stacks);

#endif
