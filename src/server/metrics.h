/* What is counted, under the server's lock. */
#ifndef TRIT_SERVER_METRICS_H
#define TRIT_SERVER_METRICS_H

#include <stdint.h>

#include "trit/engine.h"

enum { trit_histogram_bounds = 12, trit_max_counted_routes = 32 };

typedef struct trit_histogram {
    uint64_t bucket[trit_histogram_bounds + 1]; /* the last one: beyond all bounds */
    double sum;
} trit_histogram;

/* By the status's first digit: 2, 4, 5; the last: the client had left. */
typedef struct trit_answer_counts {
    uint64_t n[4];
} trit_answer_counts;

/* Of a model. */
typedef struct trit_counts {
    uint64_t ends[trit_n_stop_reasons]; /* choices, by trit_stop_reason */
    uint64_t prompt_tokens, cached_tokens, generated_tokens, computed_tokens, embedded_tokens;
    uint64_t steps, step_ns, wait_ns, put_back, shifts, drafted, draft_right, loads; /* as the engines count them */
    trit_histogram first_token, gap, request; /* seconds */
} trit_counts;

void trit_histogram_add(trit_histogram *h, double seconds);

#endif
