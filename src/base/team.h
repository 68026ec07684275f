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

/* Runs fn(arg, i, n) for i = 0..n-1 on a thread each, i = 0 on the calling one; returns when all are done. Callers from several threads take
 * turns; fn may not run the team again. */
void trit_team_run(trit_team *team, void (*fn)(void *arg, unsigned i, unsigned n), void *arg);

/* Runs fn(arg, i, n_parts) for i = 0..n_parts-1, n_parts <= the team's size, where no part waits for another: the caller does the first, and those
 * whose thread has not come by then, so that a busy machine costs no more than its threads. Else as trit_team_run. */
void trit_team_parts(trit_team *team, unsigned n_parts, void (*fn)(void *arg, unsigned i, unsigned n_parts), void *arg);

/* Several runs in one turn: from take to give other callers wait. */
void trit_team_take(trit_team *team);
void trit_team_give(trit_team *team);

/* Runs fn(arg, i, first, last) over all of [0, n) in pieces of `step`, the last one shorter; member i is the one that was free. What
 * fn makes must not depend on i. */
void trit_team_share(trit_team *team, uint64_t n, uint64_t step, void (*fn)(void *arg, unsigned i, uint64_t first, uint64_t last), void *arg);

/* The part of [0, n) that member i of n_parts takes, in whole multiples of `step` (the last one ragged). */
void trit_team_split(uint64_t n, uint64_t step, unsigned i, unsigned n_parts, uint64_t *first, uint64_t *last);

#endif
