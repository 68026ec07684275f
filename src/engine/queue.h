/* Requests that wait, in the order in which they are served: by their places, which are the numbers in which they came, less what their priority lets
 * them overtake. So a priority is worth a bounded lead, and nobody waits for ever. */
#ifndef TRIT_ENGINE_QUEUE_H
#define TRIT_ENGINE_QUEUE_H

#include "engine/request.h"

/* Owns what is in it. One thread at a time. */
typedef struct trit_queue {
    trit_running *head, *tail;
    uint32_t n;
} trit_queue;

int64_t trit_queue_place(uint64_t id, int32_t priority);

void trit_queue_put(trit_queue *q, trit_running *r); /* at its place */
trit_running *trit_queue_take(trit_queue *q);        /* the first; NULL: none */

/* Takes the first that was cancelled, or whose deadline is not after now; NULL: none. */
trit_running *trit_queue_take_ended(trit_queue *q, uint64_t now_ns);

#endif
