/* The tokens that may still be chosen, best first (ties: the smaller id), sorted no further than somebody looked: a vocabulary of
 * 128 thousand is not sorted whole for the best forty.
 *
 *   memory [n]:  | a heap, not looked at yet ... | sorted: worst ... best |
 *                                     n - n_sorted
 *
 * Every filter keeps an interval of the order, [first, end). */
#ifndef TRIT_ENGINE_CANDIDATES_H
#define TRIT_ENGINE_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct trit_candidate {
    float logit; /* finite */
    int32_t id;
} trit_candidate;

typedef struct trit_candidates {
    trit_candidate *memory; /* [n], borrowed */
    size_t n, n_sorted;
    bool is_heap;
    size_t first, end;  /* first < end: there is always one */
    double temperature; /* what the weights are taken at */
} trit_candidates;

/* All tokens whose logits are not -infinity; token 0 where there is none. `memory` has room for n. */
trit_candidates trit_candidates_from(trit_candidate *memory, const float *logits, uint32_t n);

/* The i-th in order, counted from 0 over the whole list and not from `first`; i < n. */
trit_candidate trit_candidates_at(trit_candidates *c, size_t i);

/* Keeps [first, end) of the order. */
void trit_candidates_keep(trit_candidates *c, size_t first, size_t end);

/* The highest logit that is kept; sorts nothing. */
float trit_candidates_best(const trit_candidates *c);

/* Keeps what has a logit of at least `floor`, and the best in any case. */
void trit_candidates_keep_above(trit_candidates *c, double floor);

/* What is kept, as an array of *n in an order that depends on the logits alone. Valid until the next call. */
const trit_candidate *trit_candidates_all(trit_candidates *c, size_t *n);

/* exp((logit - best) / temperature), where `best` is the first that is kept: shares are these divided by their sum. */
double trit_candidates_weight(trit_candidates *c, float logit);

/* The sum of the weights, and the entropy of the shares in nats where that is asked for (else NULL). */
double trit_candidates_total(trit_candidates *c, double *entropy);

/* The sum of the weights, too; where nothing is sorted yet, what lies surely behind the first that make up `share` of it is dropped from the list. */
double trit_candidates_gather(trit_candidates *c, double share);

#endif
