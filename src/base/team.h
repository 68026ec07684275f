/* A team of threads that stays together: one thread calls, all of them (the caller included) run the same function. NULL is a team
 * of the caller alone. */
#ifndef TRIT_BASE_TEAM_H
#define TRIT_BASE_TEAM_H

#include <stdint.h>

#include "trit/status.h"

typedef struct trit_team trit_team;

/* *out = n, or where that is 0 what TRIT_THREADS says, else the physical cores. Errors: arg (the variable is no number). */
TRIT_MUST_CHECK trit_status trit_team_choose(unsigned *out, unsigned n, trit_error *err);

/* n >= 1 threads, the caller counted. The caller frees. Errors: memory, fail (the system gives no thread). */
TRIT_MUST_CHECK trit_status trit_team_new(trit_team **out, unsigned n, trit_error *err);
void trit_team_free(trit_team *team);
unsigned trit_team_size(const trit_team *team);

/* Runs fn(arg, i, n) for i = 0..n-1, i = 0 on the calling thread; returns when all are done. Callers from
 * several threads take turns; fn may not run the team again. */
void trit_team_run(trit_team *team, void (*fn)(void *arg, unsigned i, unsigned n), void *arg);

/* Inside a run: waits until all n members have called it; what one wrote before is seen by all after. */
void trit_team_barrier(trit_team *team);

/* Runs fn(arg, i, first, last) over all of [0, n) in pieces of `step`, the last one shorter; member i is the one that was free. What
 * fn makes must not depend on i. */
void trit_team_share(trit_team *team, uint64_t n, uint64_t step, void (*fn)(void *arg, unsigned i, uint64_t first, uint64_t last), void *arg);

/* The part of [0, n) that member i of n_parts takes, in whole multiples of `step` (the last one ragged). */
void trit_team_split(uint64_t n, uint64_t step, unsigned i, unsigned n_parts, uint64_t *first, uint64_t *last);

#endif
