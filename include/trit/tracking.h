/* Who holds which memory: a pool that was made with tracking (trit_pool_opts.tracking) has a tracker, which watches its blocks, finds
 * what is never released, and catches what is released twice.
 *
 * The level is what it costs and what it tells: basic counts; standard keeps a table of the live blocks, so that leaks, double releases
 * and unknown pointers are found; detailed adds backtraces and a timeline. The tracker's own memory comes from the heap and never from
 * the pool that it watches. Any thread may call anything here; the pool owns its tracker. */
#ifndef TRIT_TRACKING_H
#define TRIT_TRACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/memory.h"
#include "trit/pool.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trit_tracker trit_tracker;

/* NULL: the pool was made without tracking. */
TRIT_API trit_tracker *trit_pool_tracker(const trit_pool *pool);
TRIT_API trit_tracking trit_tracker_level(const trit_tracker *tracker);

/* "standard" and so on; NULL for another value. */
TRIT_API const char *trit_tracking_name(trit_tracking level);
/* The level of that name. Errors: arg. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tracking_parse(trit_tracking *out, const char *name, trit_error *err);

/* From now on the timeline follows one new block of so many, from its allocation to its release; at first every one. 0: none. */
TRIT_API void trit_tracker_sample(trit_tracker *tracker, unsigned every);

typedef struct trit_track_counts {
    uint64_t live_blocks, live_bytes, peak_bytes;
    uint64_t n_allocated, n_released, n_resized;
    uint64_t n_double, n_unknown; /* releases and resizes of blocks released before, and of pointers never seen; standard and above */
    uint64_t n_missed;            /* blocks that the table had no memory for: they are counted, but in no report */
    uint64_t own_bytes;           /* heap memory of the tracker itself */
} trit_track_counts;

/* While other threads allocate, the numbers are of slightly different moments. */
TRIT_API void trit_tracker_count(const trit_tracker *tracker, trit_track_counts *out);

/* A moment: blocks allocated before the call are older than the mark, blocks allocated after it are not. Never 0. */
TRIT_API uint64_t trit_tracker_mark(void);

/* A block that is still there. */
typedef struct trit_leak {
    uint64_t address, bytes;
    uint64_t age_ns;  /* from its allocation to the report */
    uint32_t thread;  /* threads are numbered by their first allocation, from 1 */
    uint32_t place;   /* index in places */
} trit_leak;

/* All blocks of one tag and one backtrace. */
typedef struct trit_leak_place {
    const char *tag;            /* NULL: none was given */
    const void *const *frames;  /* return addresses, innermost first; lives as long as the pool */
    size_t n_frames;            /* 0 below detailed */
    uint64_t n_blocks, bytes;
    uint64_t oldest_ns, youngest_ns; /* ages */
} trit_leak_place;

typedef struct trit_leaks {
    uint64_t bytes;
    size_t n_blocks, n_places;
    trit_leak *blocks;       /* [n_blocks], oldest first */
    trit_leak_place *places; /* [n_places], most bytes first */
} trit_leaks;

/* The live blocks that are older than `mark` (0: all of them, as at the end of a pool). The caller frees, before the pool.
 * Errors: unsupported (the level is below standard), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tracker_leaks(trit_leaks **out, trit_tracker *tracker, uint64_t mark, trit_error *err);
TRIT_API void trit_leaks_free(trit_leaks *leaks); /* NULL is fine */

/* Appends the report: as text a line for each place with its backtrace below, as JSON all blocks too, {"bytes", "n_blocks",
 * "places": [{"tag", "n_blocks", "bytes", "oldest_ms", "youngest_ms", "frames": [..]}], "blocks": [{"address", "bytes", "age_ms",
 * "thread", "place"}]}. Errors: memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_leaks_text(const trit_leaks *leaks, trit_text *out, trit_error *err);
TRIT_API TRIT_MUST_CHECK trit_status trit_leaks_json(const trit_leaks *leaks, trit_text *out, trit_error *err);

/* What happened to a block. A resize is a release and an allocation of one time. */
typedef struct trit_memory_event {
    uint64_t time_ns; /* of the monotonic clock */
    uint64_t address, bytes;
    uint64_t live_bytes; /* of the pool, right after */
    const char *device;  /* name of the pool */
    const char *tag;     /* NULL: none */
    uint32_t thread;
    bool is_release;
} trit_memory_event;

/* The timeline in the order of time: the latest 65536 events, about. The caller frees the array; its strings live as long as the pool.
 * Errors: unsupported (no timeline), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tracker_events(trit_memory_event **out, size_t *n, trit_tracker *tracker, trit_error *err);
TRIT_API void trit_memory_events_free(trit_memory_event *events); /* NULL is fine */

/* Appends events as a Chrome trace, the JSON object format of Google's "Trace Event Format", which Perfetto and chrome://tracing open: a
 * counter "live bytes" for each device and an instant for each event, times in microseconds from the first. Errors: memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_memory_events_json(const trit_memory_event *events, size_t n, trit_text *out, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
