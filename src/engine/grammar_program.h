/* What the files that make programs share. */
#ifndef TRIT_ENGINE_GRAMMAR_PROGRAM_H
#define TRIT_ENGINE_GRAMMAR_PROGRAM_H

#include "engine/grammar.h"

enum { trit_least_max = 1 << 30 }; /* where sums of bytes stop */

static inline uint32_t trit_least_sum(uint32_t a, uint32_t b) { /* neither is above the bound */
    return a + b < trit_least_max ? a + b : trit_least_max;
}

/* Fills g->least, height and rank. `tree` names the rules. Errors: format, unsupported, memory. */
TRIT_MUST_CHECK trit_status trit_grammar_measure(trit_grammar *g, const trit_expr_tree *tree, trit_error *err);

/* A heap of keys, the least on top; the caller's array has room. */
static inline void trit_heap_push(uint64_t *heap, size_t *n, uint64_t key) {
    size_t i = (*n)++;
    for (; i > 0 && heap[(i - 1) / 2] > key; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = key;
}

static inline uint64_t trit_heap_pop(uint64_t *heap, size_t *n) {
    uint64_t top = heap[0], key = heap[--*n];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < *n; i = child) {
        if (child + 1 < *n && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= key) break;
        heap[i] = heap[child];
    }
    heap[i] = key;
    return top;
}

#endif
