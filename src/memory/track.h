/* What a pool tells of each block where it was asked to (trit_pool_opts.tracking): the pool calls, track.c remembers. A pool without tracking
 * has no tracker and calls nothing. Any thread calls any of these. */
#ifndef TRIT_MEMORY_TRACK_H
#define TRIT_MEMORY_TRACK_H

#include <stddef.h>

#include "trit/pool.h"
#include "trit/tracking.h"

/* `name` is the pool's and lives as long as the tracker. The pool frees. Errors: memory. */
TRIT_MUST_CHECK trit_status trit_tracker_new(trit_tracker **out, trit_tracking level, const char *name, trit_error *err);
void trit_tracker_free(trit_tracker *tracker); /* NULL is fine */

/* After a block was made, before its taker has it. `bytes` as asked for; tag may be NULL. */
void trit_tracker_allocated(trit_tracker *tracker, const void *p, size_t bytes, const char *tag);

/* Before a block is released: arg (standard level and above) where it is none that lives; the pool then leaves it alone. `bytes` as
 * asked for, 0 where the pool knows of no such block: then the basic level, which has no table, does not count it. */
trit_status trit_tracker_released(trit_tracker *tracker, const void *p, size_t bytes, trit_error *err);

/* The block at `old` is going to have `bytes` at p, which is old where it stays. Before old's bytes are read. Errors as for released: the pool
 * then changes nothing. Handles that are moved come here too. */
trit_status trit_tracker_resized(trit_tracker *tracker, const void *old, size_t old_bytes, const void *p, size_t bytes, trit_error *err);

/* What TRIT_MEMORY_TRACK asks for; none where it is unset. Errors: arg. */
TRIT_MUST_CHECK trit_status trit_tracking_of_env(trit_tracking *out, trit_error *err);

/* Says in the log, line by line, what was counted and, from standard on, which blocks are live: before a pool is freed. */
void trit_tracker_log(trit_tracker *tracker); /* NULL is fine */

#endif
