/* Choosing a token: penalties, then top-k, top-p, min-p, temperature, and a draw, in llama.cpp's order. Candidates come off a heap in
 * falling order, as many as are needed: a vocabulary of 128 thousand is never sorted whole. Ties go to the smaller id. */
#include <math.h>

#include "base/math.h"
#include "base/rng.h"
#include "trit/engine.h"

enum { default_penalty_last_n = 64 };

typedef struct candidate {
    float logit;
    int32_t id;
} candidate;

size_t trit_sample_scratch_bytes(uint32_t n) {
    return (size_t)n * sizeof(candidate);
}

static bool before(candidate a, candidate b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static void sift_down(candidate *heap, size_t n, size_t i) {
    candidate moved = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(heap[child + 1], heap[child])) child++;
        if (!before(heap[child], moved)) break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

/* Takes the first in order off heap[0..n) and puts it at heap[n - 1]: after k calls the k best stand, best first, at the end. */
static candidate pop(candidate *heap, size_t n) {
    candidate best = heap[0];
    heap[0] = heap[n - 1];
    heap[n - 1] = best;
    sift_down(heap, n - 1, 0);
    return best;
}

/* Each distinct token of the window once, by how often it stands there; ids outside the vocabulary are passed over. `count` is [n], used as scratch. */
static void penalize(float *logits, uint32_t n, const trit_sampling *s, const int32_t *history, size_t n_history, uint32_t *count) {
    float repeat = s->repeat_penalty == 0 ? 1 : s->repeat_penalty;
    if (repeat == 1 && s->presence_penalty == 0 && s->frequency_penalty == 0) return;
    size_t window = s->penalty_last_n == 0 ? (size_t)default_penalty_last_n : s->penalty_last_n < 0 ? n_history : (size_t)s->penalty_last_n;
    if (window < n_history) {
        history += n_history - window;
        n_history = window;
    }
    for (size_t i = 0; i < n_history; i++)
        if ((uint32_t)history[i] < n) count[history[i]] = 0;
    for (size_t i = 0; i < n_history; i++)
        if ((uint32_t)history[i] < n) count[history[i]]++;
    for (size_t i = 0; i < n_history; i++) {
        int32_t id = history[i];
        if ((uint32_t)id >= n || !count[id]) continue;
        float l = logits[id];
        l = l <= 0 ? l * repeat : l / repeat;
        logits[id] = l - (float)count[id] * s->frequency_penalty - s->presence_penalty;
        count[id] = 0;
    }
}

static int32_t argmax(const float *logits, uint32_t n) {
    uint32_t best = 0;
    for (uint32_t i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return (int32_t)best;
}

/* The candidates that pass top-k, top-p and min-p stand at sorted[0..n), best first in reverse: sorted is the end of the heap. */
typedef struct filtered {
    const candidate *last; /* the best one; the i-th best is last[-i] */
    size_t n;
} filtered;

static double weight(float logit, float max, double temperature) {
    return trit_exp(((double)logit - (double)max) / temperature);
}

/* Each filter narrows what the one before left: k best, then the shortest head of them with share top_p, then those within min_p. */
static filtered filter(candidate *heap, uint32_t n, const trit_sampling *s) {
    size_t k = s->top_k && s->top_k < n ? s->top_k : n, popped = 0, kept = 0;
    bool top_p = s->top_p > 0 && s->top_p < 1;
    const candidate *last = heap + n - 1;
    float max = heap[0].logit;
    double total = 0, sum = 0, floor = s->min_p > 0 ? (double)max + trit_log(s->min_p) : -HUGE_VAL;
    if (top_p && k == n)
        for (uint32_t i = 0; i < n; i++) total += weight(heap[i].logit, max, 1);
    if (top_p && k < n)
        while (popped < k) total += weight(pop(heap, n - popped++).logit, max, 1);
    while (kept < k && (kept == 0 || !top_p || sum < s->top_p * total)) {
        if (kept == popped) {
            if (kept && (double)heap[0].logit < floor) break;
            (void)pop(heap, n - popped++);
        }
        sum += weight(last[-(ptrdiff_t)kept++].logit, max, 1);
    }
    while (kept > 1 && (double)last[-(ptrdiff_t)(kept - 1)].logit < floor) kept--;
    return (filtered){last, kept};
}

/* Smallest i whose running sum exceeds u * total. */
static int32_t draw_from(filtered f, double temperature, double u) {
    double total = 0, sum = 0;
    float max = f.last->logit;
    for (size_t i = 0; i < f.n; i++) total += weight(f.last[-(ptrdiff_t)i].logit, max, temperature);
    for (size_t i = 0; i < f.n; i++) {
        sum += weight(f.last[-(ptrdiff_t)i].logit, max, temperature);
        if (sum > u * total) return f.last[-(ptrdiff_t)i].id;
    }
    return f.last[-(ptrdiff_t)(f.n - 1)].id;
}

static int32_t draw_unfiltered(candidate *heap, uint32_t n, double temperature, double u) {
    double total = 0, sum = 0;
    float max = heap[0].logit;
    for (uint32_t i = 0; i < n; i++) total += weight(heap[i].logit, max, temperature);
    int32_t id = heap[0].id;
    for (uint32_t i = 0; i < n; i++) {
        candidate c = pop(heap, n - i);
        id = c.id;
        sum += weight(c.logit, max, temperature);
        if (sum > u * total) break;
    }
    return id;
}

int32_t trit_sample(float *logits, uint32_t n, const trit_sampling *s, const int32_t *history, size_t n_history, uint64_t draw, void *scratch) {
    penalize(logits, n, s, history, n_history, scratch);
    if (!(s->temperature > 0)) return argmax(logits, n);
    candidate *heap = scratch;
    for (uint32_t i = 0; i < n; i++) heap[i] = (candidate){logits[i], (int32_t)i};
    for (size_t i = n / 2; i-- > 0;) sift_down(heap, n, i);
    double u = trit_rng_unit(s->seed, draw);
    bool any = s->top_k || (s->top_p > 0 && s->top_p < 1) || s->min_p > 0;
    return any ? draw_from(filter(heap, n, s), s->temperature, u) : draw_unfiltered(heap, n, s->temperature, u);
}
