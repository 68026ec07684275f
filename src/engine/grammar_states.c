/* Sets of (step, frame), found by their hashes. Whatever one byte makes possible is followed with a stack, and rules are entered in the
 * order of their ranks, so that all callers of a rule are known when it is. Nothing is allocated after the beginning: a table
 * without room says so, and collecting keeps what a walk still needs. */
#include "engine/grammar_states.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "engine/grammar_program.h"

static const uint32_t unknown = UINT32_MAX;

static inline uint64_t pair(uint32_t step, uint32_t frame) {
    return (uint64_t)step << 32 | frame;
}

static inline uint32_t step_of(uint64_t p) {
    return (uint32_t)(p >> 32);
}

static inline uint32_t frame_of(uint64_t p) {
    return (uint32_t)p;
}

/* ---- Making and freeing ---- */

static bool allocate(trit_grammar_states *s) {
    size_t seen = s->max_seen;
    s->state = trit_alloc(s->max_states, sizeof *s->state);
    s->frame = trit_alloc(s->max_frames, sizeof *s->frame);
    s->place = trit_alloc(s->max_places, sizeof *s->place);
    s->link = trit_alloc(s->max_links, sizeof *s->link);
    s->move = trit_alloc((size_t)s->max_states * s->n_moves, sizeof *s->move);
    s->state_slot = trit_alloc_zero(2 * (size_t)s->max_states, sizeof *s->state_slot);
    s->frame_slot = trit_alloc_zero(2 * (size_t)s->max_frames, sizeof *s->frame_slot);
    s->kept = trit_alloc((size_t)s->max_states + s->max_frames, sizeof *s->kept);
    s->work = trit_alloc(seen, sizeof *s->work);
    s->seen = trit_alloc(2 * seen, sizeof *s->seen);
    s->seen_stamp = trit_alloc_zero(2 * seen, sizeof *s->seen_stamp);
    s->found = trit_alloc(seen, sizeof *s->found);
    s->caller = trit_alloc(seen, sizeof *s->caller);
    s->caller_rule = trit_alloc(seen, sizeof *s->caller_rule);
    s->link_made = trit_alloc(seen, sizeof *s->link_made);
    s->heap = trit_alloc(seen, sizeof *s->heap);
    return s->state && s->frame && s->place && s->link && s->move && s->state_slot && s->frame_slot && s->kept && s->work && s->seen && s->seen_stamp &&
           s->found && s->caller && s->caller_rule && s->link_made && s->heap;
}

/* Small grammars meet few places at once; the sizes are powers of 2, as the tables want them. */
trit_status trit_grammar_states_init(trit_grammar_states *s, const trit_grammar *grammar, trit_error *err) {
    uint32_t seen = 4096;
    while (seen < grammar->n_steps && seen < 65536) seen *= 2;
    *s = (trit_grammar_states){.grammar = grammar, .max_states = 2048, .max_frames = 16384, .max_places = 8 * seen, .max_links = 65536,
                               .max_seen = seen, .n_moves = grammar->n_classes + trit_n_char_kinds, .n_states = trit_state_first, .n_frames = 1};
    for (int i = 255; i >= 0; i--) s->byte_of[grammar->class_of[i]] = (uint8_t)i;
    if (!allocate(s)) {
        trit_grammar_states_fini(s);
        return trit_error_memory(err, (size_t)s->max_states * s->n_moves * sizeof *s->move, "the states of a grammar");
    }
    s->frame[0] = (trit_grammar_frame){0};
    return trit_ok;
}

void trit_grammar_states_fini(trit_grammar_states *s) {
    void *owned[] = {s->state, s->frame, s->place, s->link, s->move, s->state_slot, s->frame_slot, s->kept, s->work, s->seen, s->seen_stamp,
                     s->found, s->caller, s->caller_rule, s->link_made, s->heap};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) trit_free(owned[i]);
    *s = (trit_grammar_states){0};
}

/* ---- Sets ---- */

/* Shell's sort: sets are small, and nothing is allocated. Returns the number without repetitions. */
static uint32_t sort(uint64_t *a, size_t n) {
    for (size_t gap = n / 2; gap; gap = gap == 2 ? 1 : gap * 5 / 11)
        for (size_t i = gap; i < n; i++) {
            uint64_t key = a[i];
            size_t k = i;
            for (; k >= gap && a[k - gap] > key; k -= gap) a[k] = a[k - gap];
            a[k] = key;
        }
    size_t kept = n > 0;
    for (size_t i = 1; i < n; i++)
        if (a[i] != a[i - 1]) a[kept++] = a[i];
    return (uint32_t)kept;
}

static uint64_t hash(const uint64_t *a, uint32_t n, bool flag) {
    uint64_t h = flag;
    for (uint32_t i = 0; i < n; i++) h = trit_mix64(h ^ a[i]);
    return h;
}

static uint32_t least_of(const trit_grammar_states *s, const uint64_t *a, uint32_t n) {
    uint32_t least = trit_least_max;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t here = trit_least_sum(s->grammar->least[step_of(a[i])], s->frame[frame_of(a[i])].least);
        if (here < least) least = here;
    }
    return least;
}

static void note_kinds(const trit_grammar_states *s, trit_grammar_state *q, const uint64_t *a) {
    q->apart = UINT8_MAX;
    for (uint32_t i = 0; i < q->n; i++) {
        const trit_grammar_step *step = &s->grammar->step[step_of(a[i])];
        if (step->kind == trit_grammar_step_byte) q->apart &= step->apart;
        else q->n_kinds = step->high + 1u > q->n_kinds ? (uint8_t)(step->high + 1) : q->n_kinds;
    }
    for (int i = 0; i < trit_n_char_kinds; i++) q->free[i].n = unknown;
}

/* The slot of an equal frame, or the empty one where it belongs. */
static uint32_t *frame_slot(trit_grammar_states *s, const uint64_t *links, uint32_t n) {
    uint32_t mask = 2 * s->max_frames - 1;
    for (uint64_t i = hash(links, n, false);; i++) {
        uint32_t *slot = &s->frame_slot[i & mask];
        const trit_grammar_frame *f = &s->frame[*slot];
        if (!*slot || (f->n == n && memcmp(s->link + f->first, links, n * sizeof *links) == 0)) return slot;
    }
}

static uint32_t *state_slot(trit_grammar_states *s, const uint64_t *places, uint32_t n, bool may_end) {
    uint32_t mask = 2 * s->max_states - 1;
    for (uint64_t i = hash(places, n, may_end);; i++) {
        uint32_t *slot = &s->state_slot[i & mask];
        const trit_grammar_state *q = &s->state[*slot];
        if (!*slot || (q->n == n && q->may_end == may_end && memcmp(s->place + q->first, places, n * sizeof *places) == 0)) return slot;
    }
}

/* The frame with the links of link_made[0..n). */
static uint32_t find_frame(trit_grammar_states *s, size_t n_made) {
    uint32_t n = sort(s->link_made, n_made), depth = 0;
    uint32_t *slot = frame_slot(s, s->link_made, n);
    if (*slot) return *slot;
    if (s->n_frames == s->max_frames || s->n_links + n > s->max_links) {
        s->is_full = true;
        return 0;
    }
    for (uint32_t i = 0; i < n; i++)
        if (s->frame[frame_of(s->link_made[i])].depth >= depth) depth = s->frame[frame_of(s->link_made[i])].depth + 1;
    s->frame[s->n_frames] = (trit_grammar_frame){s->n_links, n, depth, least_of(s, s->link_made, n)};
    memcpy(s->link + s->n_links, s->link_made, n * sizeof *s->link);
    s->n_links += n;
    return *slot = s->n_frames++;
}

static uint32_t find_state(trit_grammar_states *s) {
    if (s->is_full) return trit_state_unknown;
    uint32_t n = sort(s->found, s->n_found);
    if (!n && !s->may_end) return trit_state_dead;
    uint32_t *slot = state_slot(s, s->found, n, s->may_end);
    if (*slot) return *slot;
    if (s->n_states == s->max_states || s->n_places + n > s->max_places) {
        s->is_full = true;
        return trit_state_unknown;
    }
    s->state[s->n_states] = (trit_grammar_state){.first = s->n_places, .n = n, .least = s->may_end ? 0 : least_of(s, s->found, n), .may_end = s->may_end};
    note_kinds(s, &s->state[s->n_states], s->found);
    memcpy(s->place + s->n_places, s->found, n * sizeof *s->place);
    memset(s->move + (size_t)s->n_states * s->n_moves, 0, s->n_moves * sizeof *s->move);
    s->n_places += n;
    return *slot = s->n_states++;
}

/* ---- What is possible without another byte ---- */

static bool mark_seen(trit_grammar_states *s, uint64_t p) {
    uint64_t mask = 2 * (uint64_t)s->max_seen - 1, i = trit_mix64(p);
    for (; s->seen_stamp[i & mask] == s->stamp; i++)
        if (s->seen[i & mask] == p) return false;
    if (s->n_seen == s->max_seen) s->is_full = true;
    if (s->is_full) return false;
    s->seen[i & mask] = p;
    s->seen_stamp[i & mask] = s->stamp;
    s->n_seen++;
    return true;
}

static bool fits(const trit_grammar_states *s, uint32_t step, uint32_t depth) {
    return s->grammar->least[step] != unknown && depth + s->grammar->height[step] <= trit_grammar_max_depth;
}

/* Whatever is taken up here can come to an end, so no state is a dead end. */
static void visit(trit_grammar_states *s, uint32_t step, uint32_t frame) {
    uint64_t p = pair(step, frame);
    s->work_done++;
    if (fits(s, step, s->frame[frame].depth) && mark_seen(s, p)) s->work[s->n_work++] = p;
}

static void add_caller(trit_grammar_states *s, uint32_t rule, uint32_t next, uint32_t frame) {
    if (!fits(s, s->grammar->entry[rule], s->frame[frame].depth + 1)) return;
    trit_heap_push(s->heap, &s->n_heap, (uint64_t)s->grammar->rank[rule] << 32 | s->n_callers);
    s->caller[s->n_callers] = pair(next, frame);
    s->caller_rule[s->n_callers++] = rule;
}

static void expand(trit_grammar_states *s, uint64_t p) {
    const trit_grammar *g = s->grammar;
    const trit_grammar_step *step = &g->step[step_of(p)];
    uint32_t frame = frame_of(p);
    const trit_grammar_frame *f = &s->frame[frame];
    switch ((trit_grammar_step_kind)step->kind) {
    case trit_grammar_step_byte: s->found[s->n_found++] = p; break;
    case trit_grammar_step_free:
        s->found[s->n_found++] = p;
        visit(s, step->other, frame);
        break;
    case trit_grammar_step_split:
        visit(s, step->next, frame);
        visit(s, step->other, frame);
        break;
    case trit_grammar_step_call:
        add_caller(s, step->other, step->next, frame);
        if (g->least[g->entry[step->other]] == 0) visit(s, step->next, frame);
        break;
    case trit_grammar_step_end: /* of a rule entered just now: its callers went on without it */
        if (s->is_fresh) break;
        s->may_end = s->may_end || frame == 0;
        for (uint32_t i = 0; i < f->n; i++) visit(s, step_of(s->link[f->first + i]), frame_of(s->link[f->first + i]));
        break;
    }
}

static void expand_all(trit_grammar_states *s) {
    while (s->n_work && !s->is_full) expand(s, s->work[--s->n_work]);
}

/* Enters the rule with the least rank, for all its callers at once. */
static void enter_rule(trit_grammar_states *s) {
    const trit_grammar *g = s->grammar;
    uint64_t rank = s->heap[0] >> 32;
    uint32_t rule = s->caller_rule[(uint32_t)s->heap[0]];
    size_t n = 0;
    while (s->n_heap && s->heap[0] >> 32 == rank) {
        uint64_t p = s->caller[(uint32_t)trit_heap_pop(s->heap, &s->n_heap)];
        const trit_grammar_frame *f = &s->frame[frame_of(p)];
        bool is_last = g->step[step_of(p)].kind == trit_grammar_step_end && frame_of(p) != 0;
        size_t n_more = is_last ? f->n : 1;
        if (n + n_more > s->max_seen) s->is_full = true;
        if (s->is_full) return;
        memcpy(s->link_made + n, is_last ? s->link + f->first : &p, n_more * sizeof p);
        n += n_more;
    }
    s->work_done += n;
    uint32_t frame = find_frame(s, n);
    if (!s->is_full) visit(s, g->entry[rule], frame);
}

static uint32_t close_state(trit_grammar_states *s) {
    s->is_fresh = false;
    expand_all(s);
    s->is_fresh = true;
    while (s->n_heap && !s->is_full) {
        enter_rule(s);
        expand_all(s);
    }
    return find_state(s);
}

static void begin(trit_grammar_states *s) {
    s->n_work = s->n_seen = s->n_found = s->n_callers = s->n_heap = 0;
    s->may_end = s->is_full = s->is_fresh = false;
    if (++s->stamp == 0) memset(s->seen_stamp, 0, 2 * (size_t)s->max_seen * sizeof *s->seen_stamp);
    s->stamp += s->stamp == 0;
}

uint32_t trit_grammar_states_start(trit_grammar_states *s) {
    begin(s);
    visit(s, s->grammar->entry[0], 0);
    return close_state(s);
}

static bool takes(const trit_grammar_step *step, uint8_t byte, int kind) {
    if (step->kind == trit_grammar_step_free) return 0 <= kind && kind <= step->high;
    return kind < 0 && step->low <= byte && byte <= step->high;
}

uint32_t trit_grammar_states_make(trit_grammar_states *s, uint32_t state, unsigned move) {
    const trit_grammar_state *q = &s->state[state];
    int kind = (int)move - (int)s->grammar->n_classes;
    uint8_t byte = kind < 0 ? s->byte_of[move] : 0;
    begin(s);
    s->work_done += q->n;
    for (uint32_t i = 0; i < q->n; i++) {
        uint64_t p = s->place[q->first + i];
        const trit_grammar_step *step = &s->grammar->step[step_of(p)];
        if (takes(step, byte, kind)) visit(s, step->next, frame_of(p));
    }
    uint32_t next = close_state(s);
    s->move[(size_t)state * s->n_moves + move] = next;
    return next;
}

void trit_grammar_states_count_free(trit_grammar_states *s, uint32_t state, int kind, uint32_t limit) {
    uint32_t n = 0, most = s->state[state].least, here = state, next = here, move = s->grammar->n_classes + (uint32_t)kind;
    const uint64_t last_work = s->work_done + trit_free_max_work;
    unsigned apart = UINT8_MAX;
    while (n < limit && s->work_done < last_work) {
        apart &= s->state[here].apart;
        next = kind < s->state[here].n_kinds ? s->move[(size_t)here * s->n_moves + move] : trit_state_dead;
        if (next == trit_state_unknown) next = trit_grammar_states_make(s, here, move);
        if (next < trit_state_first) break;
        if (s->state[next].least > most) most = s->state[next].least;
        n = next == here ? limit : n + 1;
        here = next;
    }
    s->state[state].free[kind].n = n;
    s->state[state].free[kind].most = most;
    s->state[state].free[kind].is_all = next == trit_state_dead && (apart >> kind & 1);
}

/* ---- Making room ---- */

static void keep_frames(trit_grammar_states *s, const uint64_t *a, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) s->kept[frame_of(a[i])] = 1;
}

static void renumber(const trit_grammar_states *s, uint64_t *a, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) a[i] = pair(step_of(a[i]), s->kept[frame_of(a[i])]);
}

/* A frame stands behind those that it leads to: marking goes down, moving goes up. */
static void collect_frames(trit_grammar_states *s) {
    uint32_t n = 1, n_links = 0;
    s->kept[0] = 0;
    for (uint32_t i = s->n_frames; i-- > 1;)
        if (s->kept[i]) keep_frames(s, s->link + s->frame[i].first, s->frame[i].n);
    s->kept[0] = 0;
    memset(s->frame_slot, 0, 2 * (size_t)s->max_frames * sizeof *s->frame_slot);
    for (uint32_t i = 1; i < s->n_frames; i++) {
        if (!s->kept[i]) continue;
        trit_grammar_frame f = s->frame[i];
        memmove(s->link + n_links, s->link + f.first, f.n * sizeof *s->link);
        renumber(s, s->link + n_links, f.n);
        f.first = n_links;
        n_links += f.n;
        *frame_slot(s, s->link + f.first, f.n) = n;
        s->frame[n] = f;
        s->kept[i] = n++;
    }
    s->n_frames = n;
    s->n_links = n_links;
}

void trit_grammar_states_collect(trit_grammar_states *s, uint32_t *root, size_t n_roots) {
    uint32_t n = trit_state_first, n_places = 0, *is_root = s->kept + s->max_frames;
    memset(s->kept, 0, ((size_t)s->max_frames + s->max_states) * sizeof *s->kept);
    for (size_t i = 0; i < n_roots; i++) {
        is_root[root[i]] = 1;
        keep_frames(s, s->place + s->state[root[i]].first, s->state[root[i]].n);
    }
    collect_frames(s);
    memset(s->state_slot, 0, 2 * (size_t)s->max_states * sizeof *s->state_slot);
    for (uint32_t i = trit_state_first; i < s->n_states; i++) {
        if (!is_root[i]) continue;
        trit_grammar_state q = s->state[i];
        memmove(s->place + n_places, s->place + q.first, q.n * sizeof *s->place);
        renumber(s, s->place + n_places, q.n); /* keeps their order: frames keep theirs */
        q.first = n_places;
        n_places += q.n;
        s->state[n] = q;
        *state_slot(s, s->place + q.first, q.n, q.may_end) = n;
        is_root[i] = n++;
    }
    s->n_states = n;
    s->n_places = n_places;
    memset(s->move, 0, (size_t)n * s->n_moves * sizeof *s->move);
    for (size_t i = 0; i < n_roots; i++) root[i] = is_root[root[i]];
}
