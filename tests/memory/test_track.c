/* Tracking without a pool: the hooks are told of made-up blocks, so that what a report must say is known. Seeded leaks are all found and
 * none is invented, on eight threads; second releases and unknown pointers are refused. */
#include "memory/track.h"

#include "base/json.h"
#include "base/log.h"
#include "base/os.h"
#include "base/rng.h"
#include "base/team.h"
#include "counting_malloc.h"
#include "test.h"

static trit_tracker *tracker_of(trit_tracking level) {
    trit_error err;
    trit_tracker *t = NULL;
    assert_ok(trit_tracker_new(&t, level, "cpu", &err));
    return t;
}

static void *block_at(uint64_t i) {
    return (void *)(uintptr_t)(0x10000 + i * 64);
}

static void levels(void **state) {
    (void)state;
    trit_error err;
    for (int i = trit_tracking_none; i <= trit_tracking_detailed; i++) {
        trit_tracking level = trit_tracking_none;
        assert_ok(trit_tracking_parse(&level, trit_tracking_name((trit_tracking)i), &err));
        assert_int_equal(level, i);
    }
    assert_null(trit_tracking_name((trit_tracking)4));
    trit_tracking level = trit_tracking_basic;
    assert_int_equal(trit_tracking_parse(&level, "full", &err), trit_arg);
    assert_non_null(strstr(err.message, "full"));
    assert_int_equal(level, trit_tracking_basic);
}

static void counts(void **state) {
    (void)state;
    for (int level = trit_tracking_basic; level <= trit_tracking_detailed; level++) {
        trit_error err;
        trit_tracker *t = tracker_of((trit_tracking)level);
        for (uint64_t i = 0; i < 1000; i++) trit_tracker_allocated(t, block_at(i), 100, "a");
        for (uint64_t i = 0; i < 400; i++) assert_ok(trit_tracker_released(t, block_at(i), 100, &err));
        assert_ok(trit_tracker_resized(t, block_at(999), 100, block_at(999), 50, &err));
        trit_track_counts c;
        trit_tracker_count(t, &c);
        assert_int_equal(c.live_blocks, 600);
        assert_int_equal(c.live_bytes, 59950);
        assert_int_equal(c.peak_bytes, 100000);
        assert_int_equal(c.n_allocated, 1000);
        assert_int_equal(c.n_released, 400);
        assert_int_equal(c.n_resized, 1);
        assert_int_equal(c.n_double + c.n_unknown + c.n_missed, 0);
        assert_true(c.own_bytes > 1000);
        trit_leaks *leaks = NULL;
        if (level == trit_tracking_basic) assert_int_equal(trit_tracker_leaks(&leaks, t, 0, &err), trit_unsupported);
        trit_memory_event *events = NULL;
        size_t n;
        if (level < trit_tracking_detailed) assert_int_equal(trit_tracker_events(&events, &n, t, &err), trit_unsupported);
        trit_tracker_free(t);
    }
}

/* Eight threads churn through their own addresses; what each leaves live is known by its own generator. */
enum { n_threads = 8, n_steps = 20000, n_slots = 500, leak_every = 97 };

typedef struct churn {
    trit_tracker *t;
    uint64_t first_address;
    struct {
        uint64_t address, bytes; /* [n_leaked[thread]] */
    } leaked[n_threads][n_steps / leak_every + 1];
    size_t n_leaked[n_threads];
    bool failed[n_threads];
} churn;

static const char *const tags[] = {"kv", "weights", NULL};

static void churn_thread(void *arg, unsigned who, unsigned n) {
    (void)n;
    churn *c = arg;
    uint64_t slots[n_slots] = {0}, sizes[n_slots] = {0}, next = (uint64_t)who << 32;
    for (uint64_t i = 0; i < n_steps; i++) {
        const uint64_t slot = trit_rng_u64(who, i) % n_slots, bytes = 1 + trit_rng_u64(who + 100, i) % 10000;
        if (slots[slot] && trit_tracker_released(c->t, block_at(slots[slot]), sizes[slot], NULL) != trit_ok) c->failed[who] = true;
        slots[slot] = slots[slot] && i % 3 ? slots[slot] : ++next; /* addresses are used again, as by a pool */
        sizes[slot] = bytes;
        trit_tracker_allocated(c->t, block_at(slots[slot]), bytes, tags[i % 3]);
        if (i % leak_every == 0) {
            c->leaked[who][c->n_leaked[who]].address = (uintptr_t)block_at(slots[slot]);
            c->leaked[who][c->n_leaked[who]++].bytes = bytes;
            slots[slot] = 0;
        } else if (i % 5 == 0) { /* a resize that moves */
            if (trit_tracker_resized(c->t, block_at(slots[slot]), bytes, block_at(next + 1), bytes / 2 + 1, NULL) != trit_ok)
                c->failed[who] = true;
            slots[slot] = ++next;
            sizes[slot] = bytes / 2 + 1;
        }
    }
    for (size_t s = 0; s < n_slots; s++)
        if (slots[s] && trit_tracker_released(c->t, block_at(slots[s]), sizes[s], NULL) != trit_ok) c->failed[who] = true;
}

static bool is_seeded(const churn *c, const trit_leak *leak) {
    for (size_t who = 0; who < n_threads; who++)
        for (size_t i = 0; i < c->n_leaked[who]; i++)
            if (c->leaked[who][i].address == leak->address) return c->leaked[who][i].bytes == leak->bytes;
    return false;
}

static void seeded_leaks(void **state) {
    (void)state;
    for (int level = trit_tracking_standard; level <= trit_tracking_detailed; level++) {
        trit_error err;
        trit_team *team = NULL;
        churn *c = calloc(1, sizeof *c);
        c->t = tracker_of((trit_tracking)level);
        assert_ok(trit_team_new(&team, n_threads, &err));
        trit_team_run(team, churn_thread, c);
        trit_team_free(team);
        size_t n_seeded = 0;
        uint64_t bytes = 0;
        for (size_t who = 0; who < n_threads; who++) {
            assert_false(c->failed[who]);
            n_seeded += c->n_leaked[who];
            for (size_t i = 0; i < c->n_leaked[who]; i++) bytes += c->leaked[who][i].bytes;
        }
        trit_leaks *leaks = NULL;
        assert_ok(trit_tracker_leaks(&leaks, c->t, 0, &err));
        assert_true(n_seeded > 1000);
        assert_int_equal(leaks->n_blocks, n_seeded);
        assert_int_equal(leaks->bytes, bytes);
        uint64_t in_places = 0;
        for (size_t i = 0; i < leaks->n_blocks; i++) {
            assert_true(is_seeded(c, &leaks->blocks[i]));
            assert_in_range(leaks->blocks[i].place, 0, leaks->n_places - 1);
            assert_true(!i || leaks->blocks[i].age_ns <= leaks->blocks[i - 1].age_ns);
        }
        for (size_t i = 0; i < leaks->n_places; i++) {
            in_places += leaks->places[i].n_blocks;
            assert_true(!i || leaks->places[i].bytes <= leaks->places[i - 1].bytes);
            assert_true((leaks->places[i].n_frames > 0) == (level == trit_tracking_detailed));
        }
        assert_int_equal(in_places, n_seeded);
        trit_track_counts counted;
        trit_tracker_count(c->t, &counted);
        assert_int_equal(counted.live_blocks, n_seeded);
        assert_int_equal(counted.live_bytes, bytes);
        assert_int_equal(counted.n_double + counted.n_unknown + counted.n_missed, 0);
        trit_leaks_free(leaks);
        trit_tracker_free(c->t);
        free(c);
    }
}

static void wrong_releases(void **state) {
    (void)state;
    trit_error err;
    trit_tracker *t = tracker_of(trit_tracking_standard);
    for (uint64_t i = 0; i < 3000; i++) trit_tracker_allocated(t, block_at(i), 48, "kv");
    for (uint64_t i = 0; i < 3000; i++) {
        assert_ok(trit_tracker_released(t, block_at(i), 48, &err));
        assert_int_equal(trit_tracker_released(t, block_at(i), 48, &err), trit_arg);
        assert_non_null(strstr(err.message, "released before"));
        assert_non_null(strstr(err.message, "48 bytes, tag kv"));
        assert_int_equal(trit_tracker_resized(t, block_at(i), 48, block_at(i), 20, &err), trit_arg);
        assert_int_equal(trit_tracker_released(t, block_at(i + 5000), 48, &err), trit_arg);
        assert_non_null(strstr(err.message, "pool cpu: no live block"));
    }
    trit_track_counts c;
    trit_tracker_count(t, &c);
    assert_int_equal(c.n_double, 6000);
    assert_int_equal(c.n_unknown, 3000);
    assert_int_equal(c.n_released, 3000);
    assert_int_equal(c.n_resized, 0);
    assert_int_equal(c.live_bytes, 0);
    /* An address that lives again is released like any other. */
    trit_tracker_allocated(t, block_at(7), 10, NULL);
    assert_ok(trit_tracker_released(t, block_at(7), 10, &err));
    trit_tracker_free(t);
}

static void marks(void **state) {
    (void)state;
    trit_error err;
    trit_tracker *t = tracker_of(trit_tracking_standard);
    for (uint64_t i = 0; i < 10; i++) trit_tracker_allocated(t, block_at(i), 10, "before");
    const uint64_t mark = trit_tracker_mark();
    for (uint64_t i = 10; i < 30; i++) trit_tracker_allocated(t, block_at(i), 10, "after");
    assert_ok(trit_tracker_resized(t, block_at(3), 10, block_at(90), 1000, &err)); /* as old as it was */
    trit_leaks *leaks = NULL;
    assert_ok(trit_tracker_leaks(&leaks, t, mark, &err));
    assert_int_equal(leaks->n_blocks, 10);
    assert_int_equal(leaks->n_places, 1);
    assert_string_equal(leaks->places[0].tag, "before");
    assert_int_equal(leaks->bytes, 1090);
    trit_leaks_free(leaks);
    assert_ok(trit_tracker_leaks(&leaks, t, 0, &err));
    assert_int_equal(leaks->n_blocks, 30);
    assert_int_equal(leaks->n_places, 2);
    trit_leaks_free(leaks);
    trit_tracker_free(t);
}

__attribute__((noinline)) static void one_place(trit_tracker *t, uint64_t i) {
    trit_tracker_allocated(t, block_at(i), 100, "same");
}

__attribute__((noinline)) static void other_place(trit_tracker *t, uint64_t i) {
    trit_tracker_allocated(t, block_at(i + 1000), 10, "same");
}

static void reports(void **state) {
    (void)state;
    trit_error err;
    trit_tracker *t = tracker_of(trit_tracking_detailed);
    volatile uint64_t n = 20; /* unknown to the compiler: a loop that it unrolls calls from many places */
    for (uint64_t i = 0; i < n; i++) {
        one_place(t, i);
        other_place(t, i);
    }
    trit_leaks *leaks = NULL;
    assert_ok(trit_tracker_leaks(&leaks, t, 0, &err));
    assert_int_equal(leaks->n_places, 2);
    assert_int_equal(leaks->places[0].bytes, 2000);
    trit_text text = {0};
    assert_ok(trit_leaks_text(leaks, &text, &err));
    assert_non_null(strstr(text.data, "40 blocks are live, 2200 bytes, from 2 places"));
    assert_non_null(strstr(text.data, "2000 bytes in     20 blocks"));
    assert_non_null(strstr(text.data, "track(")); /* the program's name */
    text.n = 0;
    assert_ok(trit_leaks_json(leaks, &text, &err));
    trit_json *doc = NULL;
    assert_ok(trit_json_parse(&doc, text.data, text.n, "leaks", &err));
    assert_int_equal(trit_json_as_int(trit_json_get(doc, "n_blocks"), 0), 40);
    const trit_json *places = trit_json_get(doc, "places"), *blocks = trit_json_get(doc, "blocks");
    assert_int_equal(trit_json_length(places), 2);
    assert_int_equal(trit_json_length(blocks), 40);
    assert_true(trit_json_length(trit_json_get(trit_json_at(places, 0), "frames")) > 0);
    assert_true(trit_json_as_real(trit_json_get(trit_json_at(blocks, 0), "age_ms"), -1) >= 0);
    trit_json_free(doc);
    trit_leaks_free(leaks);
    for (uint64_t i = 0; i < 20; i++) {
        assert_ok(trit_tracker_released(t, block_at(i), 100, &err));
        assert_ok(trit_tracker_released(t, block_at(i + 1000), 10, &err));
    }
    assert_ok(trit_tracker_leaks(&leaks, t, 0, &err));
    text.n = 0;
    assert_ok(trit_leaks_text(leaks, &text, &err));
    assert_string_equal(text.data, "no block is live\n");
    trit_text_fini(&text);
    trit_leaks_free(leaks);
    trit_tracker_free(t);
}

static void keep_line(void *user, trit_log_level level, const char *line) {
    trit_text *text = user;
    assert_int_equal(level, trit_log_warn);
    text->n += (size_t)snprintf(text->data + text->n, text->capacity - text->n, "%s\n", line);
}

static void logs(void **state) {
    (void)state;
    trit_error err;
    char said[4096] = "";
    trit_text text = {said, 0, sizeof said};
    trit_log_to(keep_line, &text, trit_log_warn);
    for (int level = trit_tracking_basic; level <= trit_tracking_standard; level++) {
        trit_tracker *t = tracker_of((trit_tracking)level);
        text.n = 0;
        trit_tracker_allocated(t, block_at(1), 3000000, "kv");
        trit_tracker_log(t);
        assert_non_null(strstr(said, "memory of cpu: 1 blocks taken, 0 released, at most 3.0 MB; 1 are live"));
        assert_int_equal(strstr(said, "tag kv\n") != NULL, level == trit_tracking_standard);
        assert_ok(trit_tracker_released(t, block_at(1), 3000000, &err));
        text.n = 0;
        trit_tracker_log(t);
        assert_non_null(strstr(said, "1 released, at most 3.0 MB; 0 are live"));
        assert_null(strstr(said, "tag"));
        trit_tracker_free(t);
    }
    trit_tracker_log(NULL);
    trit_log_to(NULL, NULL, trit_log_none);

    trit_tracking level;
    setenv("TRIT_MEMORY_TRACK", "detailed", 1);
    assert_ok(trit_tracking_of_env(&level, &err));
    assert_int_equal(level, trit_tracking_detailed);
    setenv("TRIT_MEMORY_TRACK", "all", 1);
    assert_int_equal(trit_tracking_of_env(&level, &err), trit_arg);
    unsetenv("TRIT_MEMORY_TRACK");
    assert_ok(trit_tracking_of_env(&level, &err));
    assert_int_equal(level, trit_tracking_none);
}

static void timeline(void **state) {
    (void)state;
    trit_error err;
    trit_tracker *t = tracker_of(trit_tracking_detailed);
    for (uint64_t i = 0; i < 500; i++) trit_tracker_allocated(t, block_at(i), 10 + i, "kv");
    for (uint64_t i = 0; i < 500; i++) assert_ok(trit_tracker_released(t, block_at(i), 10 + i, &err));
    trit_memory_event *events = NULL;
    size_t n = 0;
    assert_ok(trit_tracker_events(&events, &n, t, &err));
    assert_int_equal(n, 1000);
    uint64_t held = 0;
    for (size_t i = 0; i < n; i++) {
        held = events[i].is_release ? held - events[i].bytes : held + events[i].bytes;
        assert_int_equal(events[i].live_bytes, held);
        assert_int_equal(events[i].bytes, 10 + i % 500);
        assert_int_equal(events[i].is_release, i >= 500);
        assert_string_equal(events[i].device, "cpu");
    }
    trit_text text = {0};
    assert_ok(trit_memory_events_json(events, n, &text, &err));
    trit_json *doc = NULL;
    assert_ok(trit_json_parse(&doc, text.data, text.n, "timeline", &err));
    const trit_json *list = trit_json_get(doc, "traceEvents");
    assert_int_equal(trit_json_length(list), 2000);
    for (size_t i = 0; i < 2000; i++) { /* what the format asks of these kinds */
        const trit_json *e = trit_json_at(list, i);
        assert_true(trit_str_is(trit_json_as_str(trit_json_get(e, "ph")), i % 2 ? "C" : "i"));
        assert_int_equal(trit_json_kind_of(trit_json_get(e, "name")), trit_json_string);
        assert_true(trit_json_as_real(trit_json_get(e, "ts"), -1) >= 0);
        assert_int_equal(trit_json_as_int(trit_json_get(e, "pid"), 0), 1);
        assert_int_equal(trit_json_kind_of(trit_json_get(e, "args")), trit_json_object);
    }
    trit_json_free(doc);
    trit_memory_events_free(events);

    /* The ring keeps the latest; sampled blocks have both of their events. */
    for (uint64_t i = 0; i < 100000; i++) trit_tracker_allocated(t, block_at(1000 + i), 1, NULL);
    assert_ok(trit_tracker_events(&events, &n, t, &err));
    assert_in_range(n, 60000, 65536);
    assert_int_equal(events[n - 1].address, (uintptr_t)block_at(1000 + 99999));
    trit_memory_events_free(events);
    trit_tracker_free(t);

    t = tracker_of(trit_tracking_detailed);
    trit_tracker_sample(t, 10);
    for (uint64_t i = 0; i < 20000; i++) trit_tracker_allocated(t, block_at(i), 1, NULL);
    for (uint64_t i = 0; i < 20000; i++) assert_ok(trit_tracker_released(t, block_at(i), 1, &err));
    assert_ok(trit_tracker_events(&events, &n, t, &err));
    assert_in_range(n, 3900, 4200);
    assert_int_equal(n % 2, 0);
    trit_memory_events_free(events);
    text.n = 0;
    assert_ok(trit_memory_events_json(NULL, 0, &text, &err));
    assert_ok(trit_json_parse(&doc, text.data, text.n, "timeline", &err));
    trit_json_free(doc);
    trit_text_fini(&text);
    trit_tracker_free(t);
}

/* A block that the table has no memory for is counted as missed, and its release is believed; nothing else changes. */
static void without_memory(void **state) {
    (void)state;
#if TRIT_COUNTS_MALLOC
    trit_error err;
    for (long i = 0;; i++) {
        trit_tracker *t = NULL;
        const long before = atomic_load(&live);
        atomic_store(&n_calls, 0);
        atomic_store(&fail_at, i);
        const bool made = trit_tracker_new(&t, trit_tracking_detailed, "cpu", &err) == trit_ok;
        for (uint64_t k = 0; k < 100 && made; k++) trit_tracker_allocated(t, block_at(k), 8, "x");
        trit_leaks *leaks = NULL;
        trit_text text = {0};
        const bool listed = made && trit_tracker_leaks(&leaks, t, 0, &err) == trit_ok;
        const bool told = listed && trit_leaks_json(leaks, &text, &err) == trit_ok;
        const bool complete = atomic_load(&n_calls) <= i;
        atomic_store(&fail_at, -1);
        if (!made || !listed || !told) assert_int_equal(err.status, trit_memory);
        if (made) {
            trit_track_counts c;
            trit_tracker_count(t, &c);
            if (listed) assert_int_equal(leaks->n_blocks + c.n_missed, 100);
            for (uint64_t k = 0; k < 100; k++) assert_ok(trit_tracker_released(t, block_at(k), 8, &err));
            trit_tracker_count(t, &c);
            assert_int_equal(c.live_bytes, 0);
        }
        trit_text_fini(&text);
        trit_leaks_free(leaks);
        trit_tracker_free(t);
        assert_int_equal(atomic_load(&live), before);
        if (complete) break;
    }
#else
    skip();
#endif
}

/* What watching costs, for the record; no limit, for machines differ. */
static void cost(void **state) {
    (void)state;
    for (int level = trit_tracking_basic; level <= trit_tracking_detailed; level++) {
        enum { n = 50000 };
        trit_tracker *t = tracker_of((trit_tracking)level);
        const uint64_t start = trit_os_thread_ns();
        for (uint64_t i = 0; i < n; i++) {
            trit_tracker_allocated(t, block_at(i % 1000), 64, "x");
            assert_int_equal(trit_tracker_released(t, block_at(i % 1000), 64, NULL), trit_ok);
        }
        print_message("%s: %.0f ns for a block's allocation and release\n", trit_tracking_name((trit_tracking)level),
                      (double)(trit_os_thread_ns() - start) / n);
        trit_tracker_free(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels), cmocka_unit_test(counts),   cmocka_unit_test(seeded_leaks),   cmocka_unit_test(wrong_releases),
        cmocka_unit_test(marks),  cmocka_unit_test(reports),  cmocka_unit_test(timeline),       cmocka_unit_test(without_memory),
        cmocka_unit_test(logs),   cmocka_unit_test(cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
