/* A tracker's insides, for the files that write its reports. */
#ifndef TRIT_MEMORY_TRACK_INSIDES_H
#define TRIT_MEMORY_TRACK_INSIDES_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "memory/track.h"
#include "memory/track_stacks.h"
#include "memory/track_table.h"

enum {
    trit_track_n_shards = 64,    /* far more than threads, so that two rarely meet */
    trit_track_n_released = 16,  /* that a shard remembers, to tell a second release from an unknown pointer */
    trit_track_n_events = 1024,  /* of a shard's part of the timeline, once it has grown */
    trit_track_n_frames = 8      /* innermost: from the pool to about what the program called; more are slow to find */
};

typedef struct trit_track_release {
    uintptr_t address;
    size_t bytes;
    uint64_t time_ns;
    const char *tag;
    uint32_t thread;
} trit_track_release;

/* All that concerns an address is in one shard, which a hash of the address chooses; so what happens to one address has an order. */
typedef struct trit_track_shard {
    _Alignas(trit_cache_line) pthread_mutex_t lock; /* of all below but the counters; not taken at basic */
    trit_track_table table;
    trit_track_release released[trit_track_n_released]; /* the last ones, a ring */
    size_t n_remembered;       /* ever written to it */
    trit_memory_event *events; /* [event_capacity], a ring; NULL below detailed and at first */
    size_t event_capacity;     /* grows to trit_track_n_events as far as there is memory */
    size_t n_written;          /* ever written to it */
    size_t n_offered;          /* blocks that sampling decided on */
    atomic_uint_fast64_t n_allocated, n_released, n_resized, n_double, n_unknown, n_missed;
} trit_track_shard;

struct trit_tracker {
    trit_tracking level;
    const char *name;
    trit_track_shard *shards;  /* [trit_track_n_shards] */
    trit_track_stacks *stacks; /* NULL below detailed */
    atomic_uint sample_every;
    _Alignas(trit_cache_line) atomic_uint_fast64_t live_bytes, peak_bytes; /* of all threads: a peak has no parts */
};

#endif
