/* Persistent threads. Between ops of one run the members meet at a spinning barrier: an op is tens of microseconds long, far
 * less than it costs to sleep and wake. After a while of spinning a member yields, so that a busy machine is not made
 * busier; between runs the members sleep. */
#include "base/team.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/env.h"
#include "base/error.h"
#include "base/os.h"

enum { spins_before_yield = 4000, spins_before_sleep = 40000 };

typedef struct member {
    trit_team *team;
    pthread_t thread;
    unsigned index;
} member;

struct trit_team {
    unsigned n;
    unsigned n_started; /* threads to join */
    member *members;    /* [n], the first is the caller's and has no thread */
    void (*fn)(void *arg, unsigned i, unsigned n);
    void *arg;
    pthread_mutex_t turn; /* held by the caller of a run */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_uint run;     /* number of the current run; rising */
    atomic_bool quit;
    atomic_uint arrived; /* members at the barrier */
    atomic_uint phase;   /* number of barriers passed */
};

static inline void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void trit_team_barrier(trit_team *team) {
    if (team->n == 1) return;
    unsigned phase = atomic_load_explicit(&team->phase, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1 == team->n) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&team->phase, phase + 1, memory_order_release);
        return;
    }
    for (unsigned spins = 0; atomic_load_explicit(&team->phase, memory_order_acquire) == phase; spins++) {
        if (spins < spins_before_yield)
            pause_cpu();
        else
            sched_yield();
    }
}

/* Waits for a run other than `last`; returns its number. */
static unsigned wait_for_run(trit_team *team, unsigned last) {
    for (unsigned spins = 0; spins < spins_before_sleep; spins++) {
        unsigned run = atomic_load_explicit(&team->run, memory_order_acquire);
        if (run != last) return run;
        if (spins < spins_before_yield)
            pause_cpu();
        else
            sched_yield();
    }
    pthread_mutex_lock(&team->lock);
    while (atomic_load_explicit(&team->run, memory_order_acquire) == last) pthread_cond_wait(&team->wake, &team->lock);
    unsigned run = atomic_load_explicit(&team->run, memory_order_acquire);
    pthread_mutex_unlock(&team->lock);
    return run;
}

static void *member_main(void *arg) {
    member *me = arg;
    trit_team *team = me->team;
    for (unsigned last = 0;;) {
        last = wait_for_run(team, last);
        if (atomic_load_explicit(&team->quit, memory_order_relaxed)) return NULL;
        team->fn(team->arg, me->index, team->n);
        trit_team_barrier(team);
    }
}

static void start_run(trit_team *team) {
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add_explicit(&team->run, 1, memory_order_release);
    pthread_cond_broadcast(&team->wake);
    pthread_mutex_unlock(&team->lock);
}

void trit_team_run(trit_team *team, void (*fn)(void *arg, unsigned i, unsigned n), void *arg) {
    if (trit_team_size(team) == 1) {
        fn(arg, 0, 1);
        return;
    }
    pthread_mutex_lock(&team->turn);
    team->fn = fn;
    team->arg = arg;
    start_run(team);
    fn(arg, 0, team->n);
    trit_team_barrier(team);
    pthread_mutex_unlock(&team->turn);
}

trit_status trit_team_choose(unsigned *out, unsigned n, trit_error *err) {
    const char *text = n ? NULL : trit_env_get("TRIT_THREADS");
    *out = n ? n : trit_os_n_cores();
    if (!text) return trit_ok;
    char *end;
    errno = 0;
    const unsigned long given = strtoul(text, &end, 10);
    if (errno || *end || given < 1 || given > 1024)
        return trit_error_set(err, trit_arg, "TRIT_THREADS: \"%s\" is not a number between 1 and 1024", text);
    *out = (unsigned)given;
    return trit_ok;
}

trit_status trit_team_new(trit_team **out, unsigned n, trit_error *err) {
    if (n < 1 || n > 1024) return trit_error_set(err, trit_arg, "threads: %u is not between 1 and 1024", n);
    trit_team *team = trit_alloc_zero(1, sizeof *team);
    if (!team) return trit_error_memory(err, sizeof *team, "the thread team");
    team->n = n;
    team->members = trit_alloc_zero(n, sizeof *team->members);
    if (!team->members) {
        trit_free(team);
        return trit_error_memory(err, n * sizeof *team->members, "the thread team");
    }
    pthread_mutex_init(&team->turn, NULL);
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
    for (unsigned i = 1; i < n; i++) {
        team->members[i] = (member){.team = team, .index = i};
        int failed = pthread_create(&team->members[i].thread, NULL, member_main, &team->members[i]);
        if (failed) {
            trit_team_free(team);
            return trit_error_set(err, trit_fail, "cannot start thread %u of %u: %s", i + 1, n, strerror(failed));
        }
        team->n_started++;
    }
    *out = team;
    return trit_ok;
}

void trit_team_free(trit_team *team) {
    if (!team) return;
    atomic_store_explicit(&team->quit, true, memory_order_relaxed);
    start_run(team);
    for (unsigned i = 1; i <= team->n_started; i++) pthread_join(team->members[i].thread, NULL);
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->lock);
    pthread_mutex_destroy(&team->turn);
    trit_free(team->members);
    trit_free(team);
}

unsigned trit_team_size(const trit_team *team) {
    return team ? team->n : 1;
}

typedef struct shared {
    void (*fn)(void *arg, unsigned i, uint64_t first, uint64_t last);
    void *arg;
    uint64_t n, step;
    atomic_uint_fast64_t next;
} shared;

static void take_pieces(void *arg, unsigned i, unsigned n) {
    shared *s = arg;
    (void)n;
    for (uint64_t first; (first = atomic_fetch_add_explicit(&s->next, s->step, memory_order_relaxed)) < s->n;)
        s->fn(s->arg, i, first, s->n - first < s->step ? s->n : first + s->step);
}

void trit_team_share(trit_team *team, uint64_t n, uint64_t step, void (*fn)(void *arg, unsigned i, uint64_t first, uint64_t last), void *arg) {
    shared s = {.fn = fn, .arg = arg, .n = n, .step = step};
    trit_team_run(team, take_pieces, &s);
}

void trit_team_split(uint64_t n, uint64_t step, unsigned i, unsigned n_parts, uint64_t *first, uint64_t *last) {
    uint64_t steps = (n + step - 1) / step;
    *first = steps * i / n_parts * step;
    *last = steps * (i + 1) / n_parts * step;
    if (*first > n) *first = n;
    if (*last > n) *last = n;
}
