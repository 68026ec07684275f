/* base: the team of threads. */
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/team.h"

typedef struct meeting {
    atomic_uint n_here;
    unsigned sum[8];
    pthread_t who[8];
} meeting;

/* Waits for all: each has a thread of its own. */
static void meet(void *arg, unsigned i, unsigned n) {
    meeting *m = arg;
    atomic_fetch_add(&m->n_here, 1);
    while (atomic_load(&m->n_here) % n != 0) sched_yield();
    m->sum[i] += i + 1; /* plain: runs alone order it */
    m->who[i] = pthread_self();
}

static void team_runs_all_members(void **state) {
    (void)state;
    trit_error err;
    for (unsigned n = 1; n <= 5; n++) {
        meeting m = {0};
        trit_team *team;
        assert_ok(trit_team_new(&team, n, &err));
        for (int run = 0; run < 20; run++) trit_team_run(team, meet, &m);
        for (unsigned i = 0; i < n; i++) {
            assert_int_equal(m.sum[i], 20 * (i + 1));
            assert_int_equal(pthread_equal(m.who[i], pthread_self()) != 0, i == 0);
        }
        trit_team_free(team);
    }
    trit_team *none;
    assert_int_equal(trit_team_new(&none, 0, &err), trit_arg);
    assert_int_equal(trit_team_new(&none, 1025, &err), trit_arg);
}

enum { most_parts = 5 };

typedef struct done {
    unsigned seen[most_parts], n; /* plain, as above */
    pthread_t who[most_parts];
} done;

static void do_part(void *arg, unsigned i, unsigned n) {
    done *p = arg;
    if (i >= n || n != p->n) return; /* what is not seen tells */
    p->seen[i]++;
    p->who[i] = pthread_self();
}

/* Each part once, whoever does it, whatever their number was before; the first one is the caller's. */
static void team_does_parts(void **state) {
    (void)state;
    trit_error err;
    for (unsigned size = 1; size <= most_parts; size++) {
        trit_team *team;
        assert_ok(trit_team_new(&team, size, &err));
        for (unsigned run = 0; run < 3000; run++) {
            done p = {.n = 1 + run * 7 % 11 % size};
            trit_team_parts(team, p.n, do_part, &p);
            for (unsigned i = 0; i < most_parts; i++) assert_int_equal(p.seen[i], i < p.n);
            assert_true(pthread_equal(p.who[0], pthread_self()));
            if (run % 1000) continue;
            p = (done){.n = size};
            trit_team_run(team, do_part, &p);
            for (unsigned i = 0; i < size; i++) assert_int_equal(p.seen[i], 1);
        }
        trit_team_free(team);
    }
    trit_team_parts(NULL, 1, do_part, &(done){.n = 1});
}

/* Who sleeps does not come as soon as the caller is through with parts that are nothing. */
static void caller_waits_for_nobody(void **state) {
    (void)state;
    trit_error err;
    trit_team *team;
    bool found = false;
    assert_ok(trit_team_new(&team, most_parts, &err));
    for (int run = 0; run < 200 && !found; run++) {
        done p = {.n = most_parts};
        usleep(20000);
        trit_team_parts(team, most_parts, do_part, &p);
        for (unsigned i = 1; i < most_parts; i++) found = found || pthread_equal(p.who[i], pthread_self());
    }
    assert_true(found);
    trit_team_free(team);
}

typedef struct turns {
    trit_team *team;
    atomic_bool over;
} turns;

static void *run_in_turn(void *arg) {
    turns *t = arg;
    trit_team_parts(t->team, 2, do_part, &(done){.n = 2});
    atomic_store(&t->over, true);
    return NULL;
}

static void a_turn_is_several_runs(void **state) {
    (void)state;
    trit_error err;
    pthread_t other;
    turns t = {0};
    assert_ok(trit_team_new(&t.team, 2, &err));
    trit_team_take(t.team);
    assert_int_equal(pthread_create(&other, NULL, run_in_turn, &t), 0);
    for (int run = 0; run < 20; run++) {
        usleep(500);
        trit_team_parts(t.team, 2, do_part, &(done){.n = 2});
        assert_false(atomic_load(&t.over));
    }
    trit_team_give(t.team);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_true(atomic_load(&t.over));
    trit_team_free(t.team);
    trit_team_take(NULL); /* a team of the caller alone has no turns */
    trit_team_give(NULL);
}

enum { most_items = 70 };

typedef struct visits {
    unsigned n, step, n_threads;
    atomic_uint seen[most_items];
} visits;

static void visit(void *arg, unsigned i, uint64_t first, uint64_t last) {
    visits *v = arg;
    assert_true(i < v->n_threads && first % v->step == 0 && first < last && last <= v->n && (last - first == v->step || last == v->n));
    for (uint64_t k = first; k < last; k++) atomic_fetch_add(&v->seen[k], 1);
}

/* Each item once, by a whole team and by none. */
static void team_shares_all(void **state) {
    (void)state;
    trit_error err;
    for (unsigned n_threads = 0; n_threads <= 4; n_threads += 2) {
        trit_team *team = NULL;
        if (n_threads) assert_ok(trit_team_new(&team, n_threads, &err));
        for (unsigned n = 0; n <= most_items; n += 7) {
            visits v = {.n = n, .step = 1 + n % 9, .n_threads = trit_team_size(team)};
            trit_team_share(team, n, v.step, visit, &v);
            for (unsigned k = 0; k < most_items; k++) assert_int_equal(atomic_load(&v.seen[k]), k < n);
        }
        trit_team_free(team);
    }
}

static void team_sizes(void **state) {
    (void)state;
    trit_error err;
    unsigned n;
    assert_int_equal(setenv("TRIT_THREADS", "3", 1), 0);
    assert_ok(trit_team_choose(&n, 0, &err));
    assert_int_equal(n, 3);
    assert_ok(trit_team_choose(&n, 5, &err));
    assert_int_equal(n, 5);
    assert_int_equal(setenv("TRIT_THREADS", "3x", 1), 0);
    assert_int_equal(trit_team_choose(&n, 0, &err), trit_arg);
    assert_string_equal(err.message, "TRIT_THREADS: \"3x\" is not a number between 1 and 1024");
    assert_int_equal(unsetenv("TRIT_THREADS"), 0);
    assert_ok(trit_team_choose(&n, 0, &err));
    assert_true(n >= 1);
}

static void team_splits_cover(void **state) {
    (void)state;
    for (uint64_t n = 0; n < 70; n++)
        for (unsigned parts = 1; parts < 6; parts++) {
            uint64_t at = 0, first, last;
            for (unsigned i = 0; i < parts; i++) {
                trit_team_split(n, 16, i, parts, &first, &last);
                assert_true(first == at && last >= first);
                at = last;
            }
            assert_int_equal(at, n);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(team_runs_all_members), cmocka_unit_test(team_does_parts), cmocka_unit_test(caller_waits_for_nobody),
        cmocka_unit_test(a_turn_is_several_runs), cmocka_unit_test(team_shares_all), cmocka_unit_test(team_sizes),
        cmocka_unit_test(team_splits_cover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
