/* Who runs: the queue, the slots of running sequences, their pages of the cache, and what each does in the next step.
 *
 *   submit -> queue -> slot: prompt in chunks -> slot: a token a step -> leaves
 *                ^------------- put back, where pages run out: the youngest first; computed anew later
 *
 * A step takes one token of every sequence that is decoding. The rest of its room goes to prompts: half of it to the oldest, half to
 * the one that needs the least, so that neither a long prompt nor many short ones hold up the others; then to the oldest. A prompt that
 * begins as an older one does waits for the older one's pages. */
#ifndef TRIT_ENGINE_SCHEDULE_H
#define TRIT_ENGINE_SCHEDULE_H

#include <pthread.h>

#include "engine/queue.h"

typedef struct trit_schedule_limits {
    uint32_t n_slots, context, chunk, max_outputs, n_pages;
    uint32_t max_queued; /* 0: any number */
    bool prefix_cache;
} trit_schedule_limits;

typedef struct trit_schedule {
    trit_schedule_limits limit;
    uint32_t max_pages; /* of a sequence */
    trit_pages pages;
    trit_running **slot; /* [n_slots], NULL: free */
    uint32_t *order;     /* [n_order] slots of running sequences by their places */
    uint32_t n_order;
    int32_t *token;      /* the batch, [chunk] */
    uint32_t *position, *sequence, *page_table;
    uint32_t *output, *top, *output_slot; /* [max_outputs]; output_slot: whose they are */
    uint64_t n_put_back, n_cached, wait_ns; /* counters, see trit/engine.h */
    pthread_mutex_t lock; /* of what submit and cancel touch: the queue, and who is in a slot */
    trit_queue queue;
    uint64_t last_id, n_refused;
} trit_schedule;

TRIT_MUST_CHECK trit_status trit_schedule_init(trit_schedule *s, const trit_schedule_limits *limit, trit_error *err);
void trit_schedule_fini(trit_schedule *s); /* drops all requests */

/* ---- Any thread ---- */

/* May one more wait? Asked before a request is made, which with a grammar takes megabytes. Errors: fail, and counts it as refused. */
TRIT_MUST_CHECK trit_status trit_schedule_check_room(trit_schedule *s, trit_error *err);

/* Gives `r` away on success. Errors: fail (too many wait). */
TRIT_MUST_CHECK trit_status trit_schedule_submit(trit_schedule *s, trit_running *r, uint64_t *id, trit_error *err);
void trit_schedule_cancel(trit_schedule *s, uint64_t id);
bool trit_schedule_is_idle(trit_schedule *s);

/* ---- The thread that steps ---- */

/* Takes from the queue one that was cancelled or is late; NULL: none. */
trit_running *trit_schedule_drop(trit_schedule *s, uint64_t now_ns);

/* Fills free slots and says how many tokens of each sequence the next step takes, in their n_planned. */
void trit_schedule_plan(trit_schedule *s, uint64_t now_ns);

/* Plans up to n tokens more of a running sequence, as far as that takes no page that another one may need; returns how many. */
uint32_t trit_schedule_stretch(trit_schedule *s, trit_running *r, uint32_t n);

/* What was planned. Nothing to do: no tokens. */
trit_batch trit_schedule_batch(trit_schedule *s);

/* The sequence's positions before n_done are in the cache now. */
void trit_schedule_advance(trit_schedule *s, uint32_t slot, uint32_t n_done);

/* The sequence's tokens have changed: it keeps its slot, and is computed from its beginning. */
void trit_schedule_restart(trit_schedule *s, uint32_t slot);

/* Takes the sequence from its slot. */
trit_running *trit_schedule_leave(trit_schedule *s, uint32_t slot);

#endif
