/* A heap whose best are taken off, one by one, to its end. */
#include "engine/candidates.h"

#include <math.h>

#include "base/math.h"

trit_candidates trit_candidates_from(trit_candidate *memory, const float *logits, uint32_t n) {
    size_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if (logits[i] > -HUGE_VALF) memory[kept++] = (trit_candidate){logits[i], (int32_t)i};
    if (!kept) memory[kept++] = (trit_candidate){0, 0};
    return (trit_candidates){.memory = memory, .n = kept, .end = kept, .temperature = 1};
}

static bool before(trit_candidate a, trit_candidate b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

/* Restores the heap below i: the best on top, or the worst. */
static inline void sift_down(trit_candidate *heap, size_t n, size_t i, bool worst_on_top) {
    trit_candidate moved = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(heap[child + 1], heap[child]) != worst_on_top) child++;
        if (before(heap[child], moved) == worst_on_top) break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

trit_candidate trit_candidates_at(trit_candidates *c, size_t i) {
    if (!c->is_heap)
        for (size_t k = c->n / 2; k-- > 0;) sift_down(c->memory, c->n, k, false);
    c->is_heap = true;
    while (c->n_sorted <= i) {
        size_t last = c->n - ++c->n_sorted;
        trit_candidate best = c->memory[0];
        c->memory[0] = c->memory[last];
        c->memory[last] = best;
        if (last) sift_down(c->memory, last, 0, false);
    }
    return c->memory[c->n - 1 - i];
}

/* Before anything is sorted: one pass over the memory, and a heap of the best n so far with the worst of them on top. */
static void select_best(trit_candidates *c, size_t n) {
    trit_candidate *heap = c->memory;
    for (size_t i = n / 2; i-- > 0;) sift_down(heap, n, i, true);
    for (size_t i = n; i < c->n; i++) {
        if (!before(heap[i], heap[0])) continue;
        heap[0] = heap[i];
        sift_down(heap, n, 0, true);
    }
    c->n = n;
}

void trit_candidates_keep(trit_candidates *c, size_t first, size_t end) {
    if (!c->is_heap && end < c->n) select_best(c, end);
    c->first = first;
    c->end = end;
}

float trit_candidates_best(const trit_candidates *c) {
    if (c->n_sorted > c->first) return c->memory[c->n - 1 - c->first].logit;
    float best = c->memory[0].logit; /* nothing is sorted, or no more than what stands before the rest: it is a heap */
    for (size_t i = 1; i < c->n - c->n_sorted && !c->is_heap; i++)
        if (c->memory[i].logit > best) best = c->memory[i].logit;
    return best;
}

/* Before anything is sorted one pass over the memory does it. */
static void compact(trit_candidates *c, double floor) {
    trit_candidate best = c->memory[0];
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (before(c->memory[i], best)) best = c->memory[i];
        if ((double)c->memory[i].logit >= floor) c->memory[kept++] = c->memory[i];
    }
    if (!kept) c->memory[kept++] = best;
    c->n = c->end = kept;
}

void trit_candidates_keep_above(trit_candidates *c, double floor) {
    if (!c->is_heap && c->end == c->n) {
        compact(c, floor);
        return;
    }
    size_t end = c->first + 1;
    while (end < c->end && (double)trit_candidates_at(c, end).logit >= floor) end++;
    c->end = end;
}

/* Where `end` lies within the heap, that is sorted up to there; then the kept ones stand side by side. */
const trit_candidate *trit_candidates_all(trit_candidates *c, size_t *n) {
    if (c->end < c->n) (void)trit_candidates_at(c, c->end - 1);
    *n = c->end - c->first;
    return c->memory + (c->n - c->end);
}

static float best_kept(trit_candidates *c) {
    return c->is_heap ? trit_candidates_at(c, c->first).logit : trit_candidates_best(c);
}

double trit_candidates_weight(trit_candidates *c, float logit) {
    return trit_exp(((double)logit - (double)trit_candidates_at(c, c->first).logit) / c->temperature);
}

enum { at_once = 256 }; /* weights */

/* The weights of a piece of the list, whose best has the logit `best`. w = exp x. */
static void weigh(const trit_candidates *c, const trit_candidate *piece, size_t n, double best, double *x, double *w) {
    for (size_t i = 0; i < n; i++) x[i] = (double)piece[i].logit - best;
    for (size_t i = 0; i < n && c->temperature != 1; i++) x[i] /= c->temperature; /* a filter sees 1, and divisions are slow */
    trit_exp_each(w, x, n);
}

double trit_candidates_total(trit_candidates *c, double *entropy) {
    double best = (double)best_kept(c), total = 0, mean = 0, x[at_once], w[at_once];
    size_t n;
    const trit_candidate *all = trit_candidates_all(c, &n);
    for (size_t i = 0; i < n; i += at_once) {
        const size_t m = n - i < at_once ? n - i : at_once;
        weigh(c, all + i, m, best, x, w);
        for (size_t k = 0; k < m; k++) {
            total += w[k];
            mean += w[k] * x[k];
        }
    }
    if (entropy) *entropy = trit_log(total) - mean / total; /* -sum p ln p with ln p = x - ln total */
    return total;
}

/* Sorting costs more than weighing: the list is weighed by the distance from its best, in steps of 1/8, and what is farther than
 * the wanted share goes before anything is sorted. */
double trit_candidates_gather(trit_candidates *c, double share) {
    enum { steps_per_unit = 8, n_steps = 512 };
    if (c->is_heap || c->end < c->n) return trit_candidates_total(c, NULL);
    double best = (double)trit_candidates_best(c), total = 0, sum = 0, weight[n_steps] = {0}, x[at_once], w[at_once];
    int step[at_once];
    for (size_t i = 0; i < c->n; i += at_once) {
        const size_t m = c->n - i < at_once ? c->n - i : at_once;
        weigh(c, c->memory + i, m, best, x, w);
        for (size_t k = 0; k < m; k++) step[k] = -x[k] * steps_per_unit < n_steps - 1 ? (int)(-x[k] * steps_per_unit) : n_steps - 1;
        for (size_t k = 0; k < m; k++) weight[step[k]] += w[k];
    }
    for (int i = 0; i < n_steps; i++) total += weight[i];
    int near = 0;
    while (near < n_steps && sum <= share * total) sum += weight[near++];
    /* One step more than it takes: sums in another order differ in their last bits. */
    if (near + 1 < n_steps) compact(c, best - c->temperature * (near + 1) / steps_per_unit);
    return total;
}
