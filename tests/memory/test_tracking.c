/* Tracking through a pool: blocks that eight threads leave behind are all found and no other; what is released twice or never came from
 * the pool is refused, and the pool goes on. */
#include "trit/tracking.h"

#include <stdatomic.h>

#include "base/rng.h"
#include "base/team.h"
#include "test.h"
#include "trit/patterns.h"

enum { n_threads = 8, n_steps = 6000, n_slots = 200, leak_every = 61 };

typedef struct work {
    trit_pool *pool;
    void *leaked[n_threads][n_steps];
    size_t bytes[n_threads][n_steps], n_leaked[n_threads];
    atomic_bool failed;
} work;

static void leave_some(void *arg, unsigned who, unsigned n) {
    (void)n;
    work *w = arg;
    void *slots[n_slots] = {0};
    for (uint64_t i = 0; i < n_steps; i++) {
        const uint64_t r = trit_rng_u64(who, i), slot = (r >> 8) % n_slots;
        size_t bytes = (size_t)(1 + (r >> 20) % ((uint64_t)1 << (3 + r % 15)));
        if (slots[slot] && trit_pool_release(w->pool, slots[slot], NULL) != trit_ok) atomic_store(&w->failed, true);
        void *p = trit_pool_alloc(w->pool, bytes, 0, i % 2 ? "odd" : "even", NULL);
        if (p && i % 5 == 0) p = trit_pool_resize(w->pool, p, bytes = bytes * 2 + 7, 0, NULL);
        if (!p) {
            atomic_store(&w->failed, true);
            return;
        }
        slots[slot] = p;
        if (i % leak_every) continue;
        w->leaked[who][w->n_leaked[who]] = p;
        w->bytes[who][w->n_leaked[who]++] = bytes;
        slots[slot] = NULL;
    }
    for (size_t i = 0; i < n_slots; i++)
        if (trit_pool_release(w->pool, slots[i], NULL) != trit_ok) atomic_store(&w->failed, true);
}

static bool was_left(const work *w, const trit_leak *leak) {
    for (size_t who = 0; who < n_threads; who++)
        for (size_t i = 0; i < w->n_leaked[who]; i++)
            if ((uintptr_t)w->leaked[who][i] == leak->address) return w->bytes[who][i] == leak->bytes;
    return false;
}

static void seeded_leaks(void **state) {
    (void)state;
    for (int level = trit_tracking_standard; level <= trit_tracking_detailed; level++) {
        trit_error err;
        trit_team *team = NULL;
        work *w = calloc(1, sizeof *w);
        assert_ok(trit_pool_new(&w->pool, &(trit_pool_opts){.name = "cpu", .tracking = (trit_tracking)level}, &err));
        assert_ok(trit_team_new(&team, n_threads, &err));
        trit_team_run(team, leave_some, w);
        trit_team_free(team);
        assert_false(atomic_load(&w->failed));
        size_t n_left = 0;
        for (size_t who = 0; who < n_threads; who++) n_left += w->n_leaked[who];
        trit_tracker *tracker = trit_pool_tracker(w->pool);
        trit_leaks *leaks = NULL;
        assert_ok(trit_tracker_leaks(&leaks, tracker, 0, &err));
        assert_int_equal(leaks->n_blocks, n_left);
        for (size_t i = 0; i < leaks->n_blocks; i++) assert_true(was_left(w, &leaks->blocks[i]));
        trit_pool_metrics m;
        trit_track_counts counts;
        trit_pool_measure(w->pool, &m);
        trit_tracker_count(tracker, &counts);
        assert_int_equal(m.requested, leaks->bytes); /* the pool counts by itself */
        assert_int_equal(counts.live_bytes, leaks->bytes);
        assert_int_equal(counts.live_blocks, n_left);
        assert_int_equal(counts.n_double + counts.n_unknown + counts.n_missed, 0);
        if (level == trit_tracking_detailed) { /* the recording is one that the patterns can be looked for in */
            trit_memory_event *events = NULL;
            trit_pattern found[trit_n_patterns];
            size_t n = 0;
            assert_ok(trit_tracker_events(&events, &n, tracker, &err));
            assert_true(n > 10000);
            assert_ok(trit_patterns_find(found, events, n, &err));
            trit_memory_events_free(events);
        }
        trit_leaks_free(leaks);
        trit_pool_free(w->pool);
        free(w);
    }
}

static void wrong_pointers(void **state) {
    (void)state;
    for (int level = trit_tracking_standard; level <= trit_tracking_detailed; level++) {
        trit_error err;
        trit_pool *pool = NULL;
        int on_stack = 0;
        assert_ok(trit_pool_new(&pool, &(trit_pool_opts){.name = "cpu", .tracking = (trit_tracking)level}, &err));
        for (size_t bytes = 1; bytes < (size_t)8 << 20; bytes = bytes * 3 + 1) {
            uint8_t *p = trit_pool_alloc(pool, bytes, 0, "twice", &err);
            assert_non_null(p);
            assert_int_equal(trit_pool_release(pool, p + 1, &err), trit_arg);
            assert_int_equal(trit_pool_release(pool, &on_stack, &err), trit_arg);
            assert_null(trit_pool_resize(pool, p + 1, 10, 0, &err));
            assert_int_equal(err.status, trit_arg);
            assert_ok(trit_pool_release(pool, p, &err));
            assert_int_equal(trit_pool_release(pool, p, &err), trit_arg);
            assert_non_null(strstr(err.message, "twice"));
            assert_null(trit_pool_resize(pool, p, 10, 0, &err));
            assert_int_equal(err.status, trit_arg);
        }
        trit_track_counts counts;
        trit_tracker_count(trit_pool_tracker(pool), &counts);
        assert_true(counts.n_double > 10 && counts.n_unknown > 20);
        assert_int_equal(counts.live_bytes, 0);
        trit_pool_free(pool);
    }
}

/* A handle's block moves and stays what it is: one live block of its tag. */
static void handles(void **state) {
    (void)state;
    trit_error err;
    enum { n = 500 };
    trit_handle list[n];
    trit_pool *pool = NULL;
    assert_ok(trit_pool_new(&pool, &(trit_pool_opts){.name = "cpu", .tracking = trit_tracking_standard}, &err));
    for (int i = 0; i < n; i++) assert_ok(trit_handle_new(pool, &list[i], 5000, 0, "handle", &err));
    for (int i = 0; i < n; i++)
        if (i % 7) assert_ok(trit_handle_free(pool, list[i], &err));
    (void)trit_pool_compact(pool);
    trit_leaks *leaks = NULL;
    assert_ok(trit_tracker_leaks(&leaks, trit_pool_tracker(pool), 0, &err));
    assert_int_equal(leaks->n_blocks, (n + 6) / 7);
    assert_int_equal(leaks->n_places, 1);
    assert_string_equal(leaks->places[0].tag, "handle");
    trit_leaks_free(leaks);
    for (int i = 0; i < n; i += 7) assert_ok(trit_handle_free(pool, list[i], &err));
    trit_track_counts counts;
    trit_tracker_count(trit_pool_tracker(pool), &counts);
    assert_int_equal(counts.live_bytes, 0);
    trit_pool_free(pool);
}

static void without(void **state) {
    (void)state;
    trit_error err;
    trit_pool *pool = NULL;
    assert_ok(trit_pool_new(&pool, NULL, &err));
    assert_null(trit_pool_tracker(pool));
    trit_pool_free(pool);
    assert_ok(trit_pool_new(&pool, &(trit_pool_opts){.tracking = trit_tracking_basic}, &err));
    assert_int_equal(trit_tracker_level(trit_pool_tracker(pool)), trit_tracking_basic);
    void *p = trit_pool_alloc(pool, 1000, 0, NULL, &err);
    assert_int_equal(trit_pool_release(pool, (uint8_t *)p + 1, &err), trit_arg);
    trit_track_counts counts;
    trit_tracker_count(trit_pool_tracker(pool), &counts);
    assert_int_equal(counts.live_bytes, 1000);
    assert_int_equal(counts.n_released, 0);
    trit_pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeded_leaks),
        cmocka_unit_test(wrong_pointers),
        cmocka_unit_test(handles),
        cmocka_unit_test(without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
