/* Persistent threads. A run is announced by its number; each member takes its own part of it, or finds that the caller took it, so that
 * nobody waits for a thread that the system does not let run just now. What passes between the caller and a member stands in a cache line of
 * the member's own: a run costs as much as it has parts, and two of them some 100 ns. Between runs members spin for a while, since ops follow
 * each other in microseconds; then they yield, so that a busy machine is not made busier; then they sleep until a part of theirs comes. */
#include "base/team.h"

#include <assert.h>
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

/* A pause is 25 to 50 ns, a yield half a microsecond where nobody else wants to run; where somebody does it gives a slice of milliseconds away, so ops
 * of a step may end that much apart before one yields. */
enum { spins_before_yield = 4000, yields_before_sleep = 2000 };

/* A run's number and its parts in one word. */
enum { parts_bits = 11, parts_mask = (1 << parts_bits) - 1, most_parts = 1024 };

typedef struct member {
    _Alignas(64) atomic_uint_fast64_t taken; /* number of the last run of which this member's part was taken */
    atomic_uint_fast64_t done;               /* of the last one of which it was done */
    atomic_bool sleeps;
    unsigned index;
    trit_team *team;
    pthread_t thread;
    pthread_cond_t wake;
} member;

struct trit_team {
    unsigned n;
    unsigned n_started; /* threads to join */
    member *members;    /* [n], the first is the caller's and has no thread */
    void (*fn)(void *arg, unsigned i, unsigned n);
    void *arg;
    pthread_mutex_t turn; /* held by the caller of a run; it may take it several times */
    pthread_mutex_t lock; /* of sleep */
    atomic_bool quit;
    _Alignas(64) atomic_uint_fast64_t run; /* number << parts_bits | parts */
};

static inline void pause_cpu(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* One of the member itself and the caller gets it. A member that was away for long may come with the number of a run that is over: its part was
 * taken then, so the number is not below `taken`. */
static bool take_part(member *m, uint64_t number) {
    uint_fast64_t taken = atomic_load_explicit(&m->taken, memory_order_relaxed);
    return taken < number && atomic_compare_exchange_strong_explicit(&m->taken, &taken, number, memory_order_acq_rel, memory_order_relaxed);
}

/* Has a run with a part for the member come since *seen? */
static bool has_come(const member *me, uint64_t *seen, uint64_t run) {
    const bool is_mine = run != *seen && (run & parts_mask) > me->index;
    *seen = run;
    return is_mine;
}

/* Returns when there is a run that has a part for the member; *seen becomes its word. */
static void wait_for_run(member *me, uint64_t *seen) {
    trit_team *team = me->team;
    for (unsigned spins = 0; spins < spins_before_yield + yields_before_sleep; spins++) {
        if (has_come(me, seen, atomic_load_explicit(&team->run, memory_order_acquire))) return;
        if (spins < spins_before_yield)
            pause_cpu();
        else
            sched_yield();
    }
    pthread_mutex_lock(&team->lock);
    for (;;) {
        atomic_store(&me->sleeps, true); /* in one order with `run`: the caller sees this, or the member sees the run */
        if (has_come(me, seen, atomic_load(&team->run))) break;
        pthread_cond_wait(&me->wake, &team->lock);
    }
    atomic_store(&me->sleeps, false);
    pthread_mutex_unlock(&team->lock);
}

static void *member_main(void *arg) {
    member *me = arg;
    trit_team *team = me->team;
    for (uint64_t seen = 0;;) {
        wait_for_run(me, &seen);
        if (atomic_load_explicit(&team->quit, memory_order_relaxed)) return NULL;
        const uint64_t number = seen >> parts_bits;
        if (!take_part(me, number)) continue;
        team->fn(team->arg, me->index, (unsigned)(seen & parts_mask));
        atomic_store_explicit(&me->done, number, memory_order_release);
    }
}

/* Announces a run; returns its number. */
static uint64_t start_run(trit_team *team, unsigned n_parts) {
    const uint64_t number = (atomic_load_explicit(&team->run, memory_order_relaxed) >> parts_bits) + 1;
    atomic_store(&team->run, number << parts_bits | n_parts);
    for (unsigned i = 1; i < n_parts; i++) {
        if (!atomic_load(&team->members[i].sleeps)) continue;
        pthread_mutex_lock(&team->lock);
        atomic_store_explicit(&team->members[i].sleeps, false, memory_order_relaxed); /* once is enough */
        pthread_cond_signal(&team->members[i].wake);
        pthread_mutex_unlock(&team->lock);
    }
    return number;
}

static void wait_for(const member *m, uint64_t number) {
    for (unsigned spins = 0; atomic_load_explicit(&m->done, memory_order_acquire) != number; spins++) {
        if (spins < spins_before_yield)
            pause_cpu();
        else
            sched_yield();
    }
}

static void run_parts(trit_team *team, unsigned n_parts, bool takes_all, void (*fn)(void *arg, unsigned i, unsigned n), void *arg) {
    trit_team_take(team);
    team->fn = fn;
    team->arg = arg;
    const uint64_t number = start_run(team, n_parts);
    fn(arg, 0, n_parts);
    for (unsigned i = 1; takes_all && i < n_parts; i++) {
        if (!take_part(&team->members[i], number)) continue;
        fn(arg, i, n_parts);
        atomic_store_explicit(&team->members[i].done, number, memory_order_relaxed);
    }
    for (unsigned i = 1; i < n_parts; i++) wait_for(&team->members[i], number);
    trit_team_give(team);
}

void trit_team_run(trit_team *team, void (*fn)(void *arg, unsigned i, unsigned n), void *arg) {
    if (trit_team_size(team) == 1)
        fn(arg, 0, 1);
    else
        run_parts(team, team->n, false, fn, arg);
}

void trit_team_parts(trit_team *team, unsigned n_parts, void (*fn)(void *arg, unsigned i, unsigned n), void *arg) {
    assert(n_parts >= 1 && n_parts <= trit_team_size(team));
    if (n_parts == 1)
        fn(arg, 0, 1);
    else
        run_parts(team, n_parts, true, fn, arg);
}

void trit_team_take(trit_team *team) {
    if (trit_team_size(team) > 1) pthread_mutex_lock(&team->turn);
}

void trit_team_give(trit_team *team) {
    if (trit_team_size(team) > 1) pthread_mutex_unlock(&team->turn);
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

/* A mutex that its holder may take again. */
static void init_turn(pthread_mutex_t *turn) {
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(turn, &attr);
    pthread_mutexattr_destroy(&attr);
}

trit_status trit_team_new(trit_team **out, unsigned n, trit_error *err) {
    if (n < 1 || n > most_parts) return trit_error_set(err, trit_arg, "threads: %u is not between 1 and %d", n, most_parts);
    trit_team *team = trit_alloc_aligned(1, sizeof *team);
    member *members = trit_alloc_aligned(n, sizeof *members);
    if (!team || !members) {
        trit_free(team);
        trit_free(members);
        return trit_error_memory(err, sizeof *team + n * sizeof *members, "the thread team");
    }
    memset(team, 0, sizeof *team);
    memset(members, 0, n * sizeof *members);
    team->n = n;
    team->members = members;
    init_turn(&team->turn);
    pthread_mutex_init(&team->lock, NULL);
    for (unsigned i = 0; i < n; i++) {
        members[i].team = team;
        members[i].index = i;
        pthread_cond_init(&members[i].wake, NULL);
    }
    for (unsigned i = 1; i < n; i++) {
        int failed = pthread_create(&members[i].thread, NULL, member_main, &members[i]);
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
    (void)start_run(team, team->n);
    for (unsigned i = 1; i <= team->n_started; i++) pthread_join(team->members[i].thread, NULL);
    for (unsigned i = 0; i < team->n; i++) pthread_cond_destroy(&team->members[i].wake);
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
    trit_team_parts(team, trit_team_size(team), take_pieces, &s);
}

void trit_team_split(uint64_t n, uint64_t step, unsigned i, unsigned n_parts, uint64_t *first, uint64_t *last) {
    uint64_t steps = (n + step - 1) / step;
    *first = steps * i / n_parts * step;
    *last = steps * (i + 1) / n_parts * step;
    if (*first > n) *first = n;
    if (*last > n) *last = n;
}
