/* A list: almost everyone goes to its end, and who was put back to near its head. */
#include "engine/queue.h"

int64_t trit_queue_place(uint64_t id, int32_t priority) {
    return (int64_t)id - (int64_t)priority * trit_priority_lead;
}

void trit_queue_put(trit_queue *q, trit_running *r) {
    trit_running **at = q->tail && q->tail->place < r->place ? &q->tail->next : &q->head;
    while (*at && (*at)->place < r->place) at = &(*at)->next;
    r->next = *at;
    *at = r;
    if (!r->next) q->tail = r;
    q->n++;
}

/* Takes the one behind `before`; NULL: the first. */
static trit_running *take_behind(trit_queue *q, trit_running *before) {
    trit_running **at = before ? &before->next : &q->head;
    trit_running *r = *at;
    if (!r) return NULL;
    *at = r->next;
    if (q->tail == r) q->tail = before;
    r->next = NULL;
    q->n--;
    return r;
}

trit_running *trit_queue_take(trit_queue *q) {
    return take_behind(q, NULL);
}

trit_running *trit_queue_take_ended(trit_queue *q, uint64_t now_ns) {
    trit_running *before = NULL, *r = q->head;
    for (; r && !trit_running_is_cancelled(r) && !trit_running_is_late(r, now_ns); r = r->next) before = r;
    return r ? take_behind(q, before) : NULL;
}
