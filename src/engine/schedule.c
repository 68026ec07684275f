/* Slots, pages and the room of a step. Pages are promised to who is admitted and given when a step needs them; nobody reserves a whole
 * context. That works out because the oldest always gets what it needs: everyone younger can be put back. */
#include "engine/schedule.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/sampler.h"

/* ---- Making and freeing ---- */

trit_status trit_schedule_init(trit_schedule *s, const trit_schedule_limits *limit, trit_error *err) {
    *s = (trit_schedule){.limit = *limit, .max_pages = (limit->context + trit_page_tokens - 1) / trit_page_tokens};
    pthread_mutex_init(&s->lock, NULL);
    s->slot = trit_alloc_zero(limit->n_slots, sizeof *s->slot);
    s->order = trit_alloc(limit->n_slots, sizeof *s->order);
    s->token = trit_alloc(limit->chunk, sizeof *s->token);
    s->position = trit_alloc(limit->chunk, sizeof *s->position);
    s->sequence = trit_alloc(limit->chunk, sizeof *s->sequence);
    s->output = trit_alloc(limit->max_outputs, sizeof *s->output);
    s->top = trit_alloc(limit->max_outputs, sizeof *s->top);
    s->output_slot = trit_alloc(limit->max_outputs, sizeof *s->output_slot);
    s->page_table = trit_alloc_zero((size_t)limit->n_slots * s->max_pages, sizeof *s->page_table);
    if (!s->slot || !s->order || !s->token || !s->position || !s->sequence || !s->output || !s->top || !s->output_slot || !s->page_table)
        return trit_error_memory(err, (size_t)limit->n_slots * s->max_pages * sizeof *s->page_table, "the engine");
    return trit_pages_init(&s->pages, limit->n_pages, err);
}

void trit_schedule_fini(trit_schedule *s) {
    if (!s->limit.n_slots) return; /* never made */
    for (uint32_t i = 0; s->slot && i < s->limit.n_slots; i++) trit_running_free(s->slot[i]);
    for (trit_running *r; (r = trit_queue_take(&s->queue));) trit_running_free(r);
    trit_pages_fini(&s->pages);
    void *owned[] = {s->slot, s->order, s->token, s->position, s->sequence, s->output, s->top, s->output_slot, s->page_table};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) trit_free(owned[i]);
    pthread_mutex_destroy(&s->lock);
    *s = (trit_schedule){0};
}

/* ---- Any thread ---- */

/* The lock is held. */
static trit_status check_room(trit_schedule *s, trit_error *err) {
    const uint32_t n = s->queue.n, most = s->limit.max_queued;
    if (!most || n < most) return trit_ok;
    s->n_refused++;
    return trit_error_set(err, trit_busy, "%u requests wait, as many as may", n);
}

trit_status trit_schedule_check_room(trit_schedule *s, trit_error *err) {
    pthread_mutex_lock(&s->lock);
    trit_status status = check_room(s, err);
    pthread_mutex_unlock(&s->lock);
    return status;
}

trit_status trit_schedule_submit(trit_schedule *s, trit_running *r, uint64_t *id, trit_error *err) {
    pthread_mutex_lock(&s->lock);
    trit_status status = check_room(s, err);
    if (status == trit_ok) {
        r->id = ++s->last_id;
        r->place = trit_queue_place(r->id, r->asked.priority);
        if (id) *id = r->id;
        trit_queue_put(&s->queue, r);
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

void trit_schedule_cancel(trit_schedule *s, uint64_t id) {
    pthread_mutex_lock(&s->lock);
    for (trit_running *r = s->queue.head; r; r = r->next)
        if (r->id == id) atomic_store(&r->cancelled, true);
    for (uint32_t i = 0; i < s->limit.n_slots; i++)
        if (s->slot[i] && s->slot[i]->id == id) atomic_store(&s->slot[i]->cancelled, true);
    pthread_mutex_unlock(&s->lock);
}

bool trit_schedule_is_idle(trit_schedule *s) {
    pthread_mutex_lock(&s->lock);
    bool idle = !s->queue.head;
    for (uint32_t i = 0; i < s->limit.n_slots; i++) idle = idle && !s->slot[i];
    pthread_mutex_unlock(&s->lock);
    return idle;
}

/* ---- Pages ---- */

static uint32_t pages_for(const trit_schedule *s, uint32_t n_tokens) {
    const uint32_t n = (n_tokens + trit_page_tokens - 1) / trit_page_tokens;
    return n < s->max_pages ? n : s->max_pages;
}

/* Pages of earlier sequences that begin alike, up to the first position whose logits are wanted: that is computed. */
static void reuse_prefix(trit_schedule *s, trit_running *r) {
    const uint32_t until = trit_running_logits_from(r), before = r->n_done;
    if (!s->limit.prefix_cache || r->n_done % trit_page_tokens) return; /* in the middle of a page of its own */
    while (r->n_done + trit_page_tokens <= until) {
        int32_t page = trit_pages_find(&s->pages, r->serial, r->tokens + r->n_done);
        if (page < 0) break;
        while (r->n_pages > r->n_done / trit_page_tokens) trit_pages_release(&s->pages, r->pages[--r->n_pages]); /* of a step that failed */
        r->serial = s->pages.page[page].serial;
        r->pages[r->n_pages++] = (uint32_t)page;
        r->n_done += trit_page_tokens;
    }
    s->n_cached += r->n_done - before;
    if (!r->n_generated) r->n_cached += r->n_done - before;
}

static void release_pages(trit_schedule *s, trit_running *r) {
    while (r->n_pages) trit_pages_release(&s->pages, r->pages[--r->n_pages]); /* the last one is the first to be reused */
    r->n_done = 0;
    r->serial = 0;
}

void trit_schedule_advance(trit_schedule *s, uint32_t slot, uint32_t n_done) {
    trit_running *r = s->slot[slot];
    const uint32_t before = r->n_done;
    r->n_done = n_done;
    if (!s->limit.prefix_cache) return;
    for (uint32_t p = before / trit_page_tokens; p < n_done / trit_page_tokens; p++)
        r->serial = trit_pages_register(&s->pages, r->pages[p], r->serial, r->tokens + (size_t)p * trit_page_tokens);
}

void trit_schedule_restart(trit_schedule *s, uint32_t slot) {
    release_pages(s, s->slot[slot]);
}

/* ---- In and out of slots ---- */

static void set_slot(trit_schedule *s, uint32_t slot, trit_running *r) {
    pthread_mutex_lock(&s->lock);
    s->slot[slot] = r;
    pthread_mutex_unlock(&s->lock);
}

trit_running *trit_schedule_leave(trit_schedule *s, uint32_t slot) {
    trit_running *r = s->slot[slot];
    set_slot(s, slot, NULL);
    release_pages(s, r);
    return r;
}

trit_running *trit_schedule_drop(trit_schedule *s, uint64_t now_ns) {
    pthread_mutex_lock(&s->lock);
    trit_running *r = trit_queue_take_ended(&s->queue, now_ns);
    pthread_mutex_unlock(&s->lock);
    return r;
}

/* What it will find in the cache then may be its own. */
static void wait_again(trit_schedule *s, trit_running *r) {
    release_pages(s, r);
    if (!r->n_generated) r->n_cached = 0;
}

static void put_back(trit_schedule *s, uint32_t slot) {
    trit_running *r = s->slot[slot];
    wait_again(s, r);
    s->n_put_back++;
    pthread_mutex_lock(&s->lock);
    s->slot[slot] = NULL;
    trit_queue_put(&s->queue, r);
    pthread_mutex_unlock(&s->lock);
}

/* Pages that the running sequences will need for the tokens they have, the next one counted, and one more for each that may still grow. */
static uint32_t promised_pages(const trit_schedule *s, uint32_t *n_running) {
    uint32_t n = *n_running = 0;
    for (uint32_t i = 0; i < s->limit.n_slots; i++) {
        const trit_running *r = s->slot[i];
        if (!r) continue;
        const uint32_t all = pages_for(s, r->n_tokens + 1);
        n += (all > r->n_pages ? all - r->n_pages : 0) + (all < s->max_pages);
        (*n_running)++;
    }
    return n;
}

/* Is there room for its tokens, and a page for each of the others to grow? Nobody runs: always, for the cache holds a whole context. */
static bool fits(trit_schedule *s, trit_running *r) {
    uint32_t n_running, promised = promised_pages(s, &n_running);
    reuse_prefix(s, r);
    const uint64_t needed = (uint64_t)pages_for(s, r->n_tokens + 1) - r->n_pages + promised;
    if (!n_running || needed <= s->pages.n_free) return true;
    s->n_cached -= r->n_done;
    wait_again(s, r);
    return false;
}

/* Nobody overtakes one for whom there are too few pages: it would never be served. */
static void admit(trit_schedule *s, uint64_t now_ns) {
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < s->limit.n_slots && s->queue.head; i++) {
        if (s->slot[i]) continue;
        if (!fits(s, s->queue.head)) break;
        trit_running *r = s->slot[i] = trit_queue_take(&s->queue);
        if (!r->was_admitted && now_ns > r->submitted_ns) s->wait_ns += now_ns - r->submitted_ns; /* it may have come during this step */
        r->was_admitted = true;
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- The next step ---- */

static bool is_prompt(const trit_running *r) {
    return r->n_tokens - r->n_done > 1;
}

static void sort_running(trit_schedule *s) {
    s->n_order = 0;
    for (uint32_t i = 0; i < s->limit.n_slots; i++) {
        if (!s->slot[i]) continue;
        uint32_t at = s->n_order++;
        for (; at && s->slot[s->order[at - 1]]->place > s->slot[i]->place; at--) s->order[at] = s->order[at - 1];
        s->order[at] = i;
    }
}

/* Does an older prompt, of order[0..k), compute the next page that this one needs? */
static bool waits_for_twin(const trit_schedule *s, uint32_t k) {
    const trit_running *r = s->slot[s->order[k]];
    const uint32_t end = r->n_done + trit_page_tokens;
    if (!s->limit.prefix_cache || r->n_done % trit_page_tokens || end > trit_running_logits_from(r)) return false;
    for (uint32_t i = 0; i < k; i++) {
        const trit_running *older = s->slot[s->order[i]];
        if (is_prompt(older) && older->n_tokens >= end && older->n_done < end && memcmp(older->tokens, r->tokens, end * sizeof *r->tokens) == 0)
            return true;
    }
    return false;
}

static uint32_t give(trit_running *r, uint32_t room) {
    const uint32_t wanted = r->n_tokens - r->n_done - r->n_planned, n = wanted < room ? wanted : room;
    r->n_planned += n;
    return n;
}

/* How many tokens of each sequence the step takes. */
static void share_room(trit_schedule *s) {
    uint32_t room = s->limit.chunk;
    trit_running *oldest = NULL, *shortest = NULL;
    for (uint32_t k = 0; k < s->n_order; k++) {
        trit_running *r = s->slot[s->order[k]];
        r->n_planned = 0;
        if (is_prompt(r)) reuse_prefix(s, r);
        if (!is_prompt(r)) room -= give(r, 1);
        r->waits = is_prompt(r) && waits_for_twin(s, k);
        if (!is_prompt(r) || r->waits) continue;
        if (!oldest) oldest = r;
        if (!shortest || r->n_tokens - r->n_done < shortest->n_tokens - shortest->n_done) shortest = r;
    }
    if (!oldest) return;
    room -= give(oldest, room - room / 2);
    room -= give(shortest, room);
    for (uint32_t k = 0; k < s->n_order; k++) {
        trit_running *r = s->slot[s->order[k]];
        if (is_prompt(r) && !r->waits) room -= give(r, room);
    }
}

/* Pages for what was planned, the oldest first. Where none is left the youngest is put back, be it the one that needs it. */
static void take_pages(trit_schedule *s) {
    for (uint32_t k = 0; k < s->n_order; k++) {
        trit_running *r = s->slot[s->order[k]];
        const uint32_t wanted = pages_for(s, r->n_done + r->n_planned);
        while (r->n_pages < wanted && k < s->n_order) {
            const int32_t page = trit_pages_take(&s->pages);
            if (page >= 0)
                r->pages[r->n_pages++] = (uint32_t)page;
            else
                put_back(s, s->order[--s->n_order]);
        }
    }
}

/* Who only lets a token be chosen needs the largest logits only; everyone else, and a grammar that may forbid just those, sees all. */
static uint32_t reach_of(const trit_running *r, uint32_t n_history) {
    bool seen = r->asked.on_logits || r->asked.n_logprobs || r->asked.want_logprob || r->guide;
    return seen || !r->sampler ? 0 : trit_sampler_reach(r->sampler, n_history);
}

static void add_tokens(trit_schedule *s, trit_batch *b, uint32_t slot) {
    trit_running *r = s->slot[slot];
    const uint32_t first_output = trit_running_logits_from(r);
    memcpy(s->page_table + (size_t)slot * s->max_pages, r->pages, r->n_pages * sizeof *r->pages);
    for (uint32_t p = r->n_done; p < r->n_done + r->n_planned; p++) {
        if (p >= first_output) {
            if (b->n_outputs == s->limit.max_outputs) return; /* the rest waits for the next step */
            s->output[b->n_outputs] = b->n_tokens;
            s->top[b->n_outputs] = reach_of(r, p + 1);
            s->output_slot[b->n_outputs++] = slot;
        }
        s->token[b->n_tokens] = r->tokens[p];
        s->position[b->n_tokens] = p;
        s->sequence[b->n_tokens++] = slot;
    }
}

void trit_schedule_plan(trit_schedule *s, uint64_t now_ns) {
    admit(s, now_ns);
    sort_running(s);
    share_room(s);
    take_pages(s);
}

uint32_t trit_schedule_stretch(trit_schedule *s, trit_running *r, uint32_t n) {
    const uint32_t end = r->n_done + r->n_planned, wanted = pages_for(s, end + n);
    uint32_t n_running;
    while (r->n_pages < wanted && s->pages.n_free > promised_pages(s, &n_running)) r->pages[r->n_pages++] = (uint32_t)trit_pages_take(&s->pages);
    const uint32_t room = r->n_pages * trit_page_tokens - end;
    if (n > room) n = room;
    r->n_planned += n;
    return n;
}

trit_batch trit_schedule_batch(trit_schedule *s) {
    trit_batch b = {.token = s->token, .position = s->position, .sequence = s->sequence, .output = s->output, .top = s->top,
                    .page_table = s->page_table, .max_pages = s->max_pages};
    for (int prompts = 0; prompts < 2; prompts++) /* decodes first: all of them have an output */
        for (uint32_t k = 0; k < s->n_order; k++)
            if (is_prompt(s->slot[s->order[k]]) == (prompts == 1)) add_tokens(s, &b, s->order[k]);
    assert(b.n_tokens || !s->n_order); /* the oldest always goes on */
    return b;
}
