/* Cleaning: each kind of rule acts when it must and not before, what it says that it gave back is what the pools' committed bytes fell by,
 * and live blocks stay as they are. */
#include "trit/cleanup.h"

#include <stdatomic.h>
#include <sys/stat.h>

#include "base/os.h"
#include "base/rng.h"
#include "base/team.h"
#include "counting_malloc.h"
#include "memory/cleanup.h"
#include "test.h"

enum { n_live = 50, n_idle = 400 };

/* A pool with live blocks, full of a pattern, among idle memory. */
typedef struct scene {
    trit_pool *pool;
    uint8_t *live[n_live];
    size_t bytes[n_live];
} scene;

static void make_idle(trit_pool *pool, uint64_t seed) {
    trit_error err;
    void *blocks[n_idle];
    for (uint64_t i = 0; i < n_idle; i++) {
        const uint64_t r = trit_rng_u64(seed, i);
        blocks[i] = trit_pool_alloc(pool, 1 + (r >> 20) % ((uint64_t)1 << (4 + r % 17)), 0, "idle", &err);
        assert_non_null(blocks[i]);
    }
    for (int i = 0; i < n_idle; i++) assert_ok(trit_pool_release(pool, blocks[i], &err));
}

static void set_scene(scene *s, const char *name) {
    trit_error err;
    assert_ok(trit_pool_new(&s->pool, &(trit_pool_opts){.name = name}, &err));
    for (int i = 0; i < n_live; i++) {
        if (i % 10 == 0) make_idle(s->pool, (uint64_t)i);
        s->bytes[i] = (size_t)(1 + i * i * 40);
        s->live[i] = trit_pool_alloc(s->pool, s->bytes[i], 0, "live", &err);
        assert_non_null(s->live[i]);
        memset(s->live[i], i + 1, s->bytes[i]);
    }
    make_idle(s->pool, 1000);
}

static void end_scene(scene *s) {
    trit_error err;
    for (int i = 0; i < n_live; i++) {
        for (size_t k = 0; k < s->bytes[i]; k++) assert_int_equal(s->live[i][k], i + 1);
        assert_ok(trit_pool_release(s->pool, s->live[i], &err));
    }
    trit_pool_free(s->pool);
}

static uint64_t committed(const trit_pool *pool) {
    trit_pool_metrics m;
    trit_pool_measure(pool, &m);
    return m.committed;
}

static trit_cleaner *cleaner_of(const trit_cleaner_opts *more, trit_pool *pool) {
    trit_error err;
    trit_cleaner_opts opts = more ? *more : (trit_cleaner_opts){.no_thread = true};
    trit_cleaner *c = NULL;
    assert_ok(trit_cleaner_new(&c, &opts, &err));
    if (pool) assert_ok(trit_cleaner_add_pool(c, pool, &err));
    return c;
}

static unsigned add_rule(trit_cleaner *c, trit_cleanup_rule rule) {
    trit_error err;
    unsigned id = 99;
    assert_ok(trit_cleaner_add_rule(c, &rule, &id, &err));
    return id;
}

/* Looks; the pool's committed bytes must fall by what is said. Returns how often was cleaned. */
static uint64_t looks(trit_cleaner *c, const trit_pool *pool) {
    trit_cleanup_stats done = {0};
    const uint64_t before = committed(pool);
    trit_cleaner_look(c, &done);
    assert_int_equal(before - committed(pool), done.given_back);
    return done.n_runs;
}

enum { hour_ms = 3600000 };

/* As if an hour had passed since whatever the rules remember, so that no test depends on how long it takes. */
static void let_an_hour_pass(trit_cleaner *c) {
    for (size_t i = 0; i < c->n_rules; i++) c->rules[i]->since_ns -= (uint64_t)hour_ms * 1000000u;
}

static void runs_now(void **state) {
    (void)state;
    scene s;
    set_scene(&s, "cpu");
    trit_cleaner *c = cleaner_of(NULL, s.pool);
    trit_cleanup_stats done = {0};
    const uint64_t before = committed(s.pool);
    const trit_cleanup_order all = {.bytes = UINT64_MAX, .older_than = UINT64_MAX};
    trit_cleaner_run(c, &all, &done);
    assert_true(done.given_back > 100000);
    assert_int_equal(before - committed(s.pool), done.given_back);
    assert_true(done.asked >= done.given_back);
    trit_cleaner_run(c, &all, &done); /* nothing is left to give */
    assert_int_equal(before - committed(s.pool), done.given_back);
    assert_int_equal(done.n_runs, 2);
    trit_cleanup_stats total;
    assert_int_equal(trit_cleaner_count(c, UINT32_MAX, &total, NULL), trit_ok);
    assert_memory_equal(&total, &done, sizeof total);
    assert_int_equal(trit_cleaner_count(c, 0, &total, NULL), trit_arg);
    trit_cleaner_free(c);
    end_scene(&s);
}

static void idle(void **state) {
    (void)state;
    scene s;
    set_scene(&s, "cpu");
    trit_cleaner *c = cleaner_of(NULL, s.pool);
    const unsigned id = add_rule(c, (trit_cleanup_rule){.kind = trit_cleanup_idle, .period_ms = hour_ms});
    for (int round = 0; round < 3; round++) {
        make_idle(s.pool, 7);
        assert_int_equal(looks(c, s.pool), 0); /* it has just been used */
        assert_int_equal(looks(c, s.pool), 0);
        let_an_hour_pass(c);
        assert_int_equal(looks(c, s.pool), 1);
        let_an_hour_pass(c);
        assert_int_equal(looks(c, s.pool), 0); /* it was cleaned and not used since */
    }
    trit_cleanup_stats stats;
    assert_int_equal(trit_cleaner_count(c, id, &stats, NULL), trit_ok);
    assert_int_equal(stats.n_runs, 3);
    assert_true(stats.given_back > 100000);
    trit_cleaner_free(c);
    end_scene(&s);
}

static void periodic(void **state) {
    (void)state;
    scene s;
    set_scene(&s, "cpu");
    trit_cleaner *c = cleaner_of(NULL, s.pool);
    (void)add_rule(c, (trit_cleanup_rule){.kind = trit_cleanup_periodic, .period_ms = hour_ms});
    assert_int_equal(looks(c, s.pool), 0);
    let_an_hour_pass(c);
    assert_int_equal(looks(c, s.pool), 1);
    assert_int_equal(looks(c, s.pool), 0);
    let_an_hour_pass(c);
    assert_int_equal(looks(c, s.pool), 1);
    trit_cleaner_free(c);
    end_scene(&s);
}

static void set_used(const char *kb_free) {
    mkdir("machine", 0777);
    mkdir("machine/proc", 0777);
    FILE *f = fopen("machine/proc/meminfo", "w");
    assert_non_null(f);
    fprintf(f, "MemTotal: 1000 kB\nMemAvailable: %s kB\n", kb_free);
    fclose(f);
}

static void pressure(void **state) {
    (void)state;
    trit_error err;
    scene s;
    trit_pressure *p = NULL;
    set_scene(&s, "cpu");
    set_used("900");
    assert_ok(trit_pressure_new(&p, &(trit_pressure_opts){.no_thread = true, .root = "machine"}, &err));
    trit_cleaner *c = cleaner_of(&(trit_cleaner_opts){.no_thread = true, .pressure = p}, s.pool);
    (void)add_rule(c, (trit_cleanup_rule){.kind = trit_cleanup_pressure});
    (void)add_rule(c, (trit_cleanup_rule){.kind = trit_cleanup_pressure, .level = trit_pressure_critical});
    assert_int_equal(looks(c, s.pool), 0);
    static const struct {
        const char *kb_free;
        uint64_t n_runs;
    } steps[] = {{"150", 0}, {"90", 1}, {"85", 0}, {"40", 1}, {"900", 0}, {"10", 2}, {"900", 0}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        make_idle(s.pool, i);
        set_used(steps[i].kb_free);
        (void)trit_pressure_check(p);
        /* From high to critical only the second rule's level is crossed, but the first one's is reached too. */
        assert_int_equal(looks(c, s.pool), i == 3 ? 2 : steps[i].n_runs);
        assert_int_equal(looks(c, s.pool), 0); /* once a crossing */
    }
    trit_cleaner_free(c);
    trit_pressure_free(p);
    end_scene(&s);
}

/* A cache of blocks, each with the generation in which it was used last. */
enum { n_cached = 16, cached_bytes = 2 << 20 }; /* blocks that have pages of their own, so that each can be given back */

typedef struct block_cache {
    trit_pool *pool;
    trit_cleaner *cleaner;
    void *blocks[n_cached];
    uint64_t used[n_cached];
    uint64_t asked;
} block_cache;

static void use(block_cache *cache, int i) {
    trit_error err;
    if (!cache->blocks[i]) cache->blocks[i] = trit_pool_alloc(cache->pool, cached_bytes, 0, "cache", &err);
    assert_non_null(cache->blocks[i]);
    cache->used[i] = trit_cleaner_generation(cache->cleaner);
}

static uint64_t release_cache(void *user, uint64_t bytes, uint64_t older_than) {
    block_cache *cache = user;
    uint64_t released = 0;
    cache->asked += bytes;
    for (uint64_t used = 0; used < older_than && used <= trit_cleaner_generation(cache->cleaner); used++)
        for (int i = 0; i < n_cached && released < bytes; i++)
            if (cache->blocks[i] && cache->used[i] == used) {
                (void)trit_pool_release(cache->pool, cache->blocks[i], NULL);
                cache->blocks[i] = NULL;
                released += cached_bytes;
            }
    return released;
}

static int count_cached(const block_cache *cache) {
    int n = 0;
    for (int i = 0; i < n_cached; i++) n += cache->blocks[i] != NULL;
    return n;
}

static void generational(void **state) {
    (void)state;
    trit_error err;
    scene s;
    set_scene(&s, "cpu");
    trit_cleaner *c = cleaner_of(NULL, s.pool);
    block_cache cache = {.pool = s.pool, .cleaner = c};
    assert_ok(trit_cleaner_add_cache(c, "cpu", release_cache, &cache, &err));
    (void)add_rule(c, (trit_cleanup_rule){.kind = trit_cleanup_generational, .period_ms = hour_ms, .keep_generations = 2});
    assert_int_equal(trit_cleaner_generation(c), 1);
    for (int i = 0; i < n_cached; i++) use(&cache, i);
    for (uint64_t ended = 1; ended <= 6; ended++) { /* block 0 is used in each generation, block 1 up to the third */
        use(&cache, 0);
        if (ended <= 3) use(&cache, 1);
        let_an_hour_pass(c);
        assert_int_equal(looks(c, s.pool), 1);
        assert_int_equal(trit_cleaner_generation(c), ended + 1);
        assert_int_equal(count_cached(&cache), ended <= 3 ? n_cached : ended <= 5 ? 2 : 1);
        if (ended == 3) assert_non_null(cache.blocks[5]);
    }
    trit_cleanup_stats total;
    assert_ok(trit_cleaner_count(c, UINT32_MAX, &total, &err));
    assert_int_equal(total.released, (n_cached - 1) * cached_bytes);
    assert_true(total.given_back >= total.released);
    (void)release_cache(&cache, UINT64_MAX, UINT64_MAX);
    trit_cleaner_free(c);
    end_scene(&s);
}

static void device(void **state) {
    (void)state;
    trit_error err;
    scene cpu, gpu;
    set_scene(&cpu, "cpu");
    set_scene(&gpu, "gpu0");
    trit_cleaner *c = cleaner_of(NULL, cpu.pool);
    assert_ok(trit_cleaner_add_pool(c, gpu.pool, &err));
    block_cache of_cpu = {.pool = cpu.pool, .cleaner = c}, of_gpu = {.pool = gpu.pool, .cleaner = c};
    assert_ok(trit_cleaner_add_cache(c, "cpu", release_cache, &of_cpu, &err));
    assert_ok(trit_cleaner_add_cache(c, "gpu0", release_cache, &of_gpu, &err));
    for (int i = 0; i < n_cached; i++) {
        use(&of_cpu, i);
        use(&of_gpu, i);
    }
    (void)trit_pool_trim(gpu.pool); /* so that the caches must give */
    const uint64_t limit = committed(gpu.pool) - 5 * cached_bytes, cpu_before = committed(cpu.pool);
    const unsigned id = add_rule(c, (trit_cleanup_rule){.kind = trit_cleanup_device, .device = "gpu0", .limit_bytes = limit});
    assert_int_equal(looks(c, gpu.pool), 1);
    assert_true(committed(gpu.pool) <= limit);
    assert_int_equal(committed(cpu.pool), cpu_before);
    assert_int_equal(of_cpu.asked, 0);
    assert_int_equal(of_gpu.asked, 5 * cached_bytes);
    assert_int_equal(count_cached(&of_gpu), n_cached - 5);
    assert_int_equal(looks(c, gpu.pool), 0);
    trit_cleanup_stats stats;
    assert_ok(trit_cleaner_count(c, id, &stats, &err));
    assert_int_equal(stats.asked, 5 * cached_bytes);
    assert_int_equal(stats.released, 5 * cached_bytes);

    trit_cleaner_remove_cache(c, release_cache, &of_gpu); /* what is gone is not asked */
    trit_cleaner_remove_pool(c, gpu.pool);
    make_idle(gpu.pool, 3);
    trit_cleanup_stats done = {0};
    trit_cleaner_run(c, &(trit_cleanup_order){.device = "gpu0", .bytes = UINT64_MAX, .older_than = UINT64_MAX}, &done);
    assert_int_equal(done.given_back + done.released, 0);
    (void)release_cache(&of_cpu, UINT64_MAX, UINT64_MAX);
    (void)release_cache(&of_gpu, UINT64_MAX, UINT64_MAX);
    trit_cleaner_free(c);
    end_scene(&cpu);
    end_scene(&gpu);
}

/* Cleans every third time it is asked, half a megabyte. */
static bool every_third(void *user, trit_cleanup_order *order) {
    order->bytes = 500000;
    order->compact = true;
    return ++*(int *)user % 3 == 0;
}

static void custom(void **state) {
    (void)state;
    scene s;
    int n_asked = 0;
    set_scene(&s, "cpu");
    trit_cleaner *c = cleaner_of(NULL, s.pool);
    (void)add_rule(c, (trit_cleanup_rule){.kind = trit_cleanup_custom, .fn = every_third, .user = &n_asked});
    for (int i = 1; i <= 9; i++) {
        make_idle(s.pool, 11);
        assert_int_equal(looks(c, s.pool), i % 3 == 0);
    }
    assert_int_equal(n_asked, 9);
    trit_cleaner_free(c);
    end_scene(&s);
}

static void compaction(void **state) {
    (void)state;
    trit_error err;
    enum { n = 4000, bytes = 3000 };
    static trit_handle handles[n];
    scene s;
    set_scene(&s, "cpu");
    for (int i = 0; i < n; i++) {
        void *p;
        assert_ok(trit_handle_new(s.pool, &handles[i], bytes, 0, "handle", &err));
        assert_ok(trit_handle_pin(s.pool, handles[i], &p, &err));
        memset(p, i % 251, bytes);
        assert_ok(trit_handle_unpin(s.pool, handles[i], &err));
    }
    for (int i = 0; i < n; i++)
        if (i % 8) assert_ok(trit_handle_free(s.pool, handles[i], &err));
    trit_cleaner *c = cleaner_of(NULL, s.pool);
    trit_cleanup_stats trimmed = {0}, compacted = {0};
    trit_cleaner_run(c, &(trit_cleanup_order){.bytes = UINT64_MAX, .older_than = UINT64_MAX}, &trimmed);
    const uint64_t before = committed(s.pool);
    trit_cleaner_run(c, &(trit_cleanup_order){.bytes = UINT64_MAX, .older_than = UINT64_MAX, .compact = true}, &compacted);
    assert_true(compacted.given_back > (uint64_t)n * bytes / 2);
    assert_int_equal(before - committed(s.pool), compacted.given_back);
    for (int i = 0; i < n; i += 8) {
        void *p;
        assert_ok(trit_handle_pin(s.pool, handles[i], &p, &err));
        for (int k = 0; k < bytes; k++) assert_int_equal(((uint8_t *)p)[k], i % 251);
        assert_ok(trit_handle_unpin(s.pool, handles[i], &err));
        assert_ok(trit_handle_free(s.pool, handles[i], &err));
    }
    trit_cleaner_free(c);
    end_scene(&s);
}

/* The cleaner's thread works while eight threads use the pool, and pressure rises and falls. */
typedef struct busy {
    trit_pool *pool;
    trit_cleaner *cleaner;
    trit_pressure *pressure;
    atomic_bool failed;
} busy;

static void be_busy(void *arg, unsigned who, unsigned n) {
    (void)n;
    busy *b = arg;
    for (uint64_t i = 0; i < 300; i++) {
        const uint64_t bytes = 1 + trit_rng_u64(who, i) % (i % 10 ? 5000 : 500000);
        uint8_t *p = trit_pool_alloc(b->pool, bytes, 0, "busy", NULL);
        if (!p) {
            atomic_store(&b->failed, true);
            return;
        }
        memset(p, (int)who, bytes);
        (void)trit_pressure_check(b->pressure);
        if (i % 50 == who) trit_cleaner_look(b->cleaner, NULL);
        for (size_t k = 0; k < bytes; k += 100)
            if (p[k] != who) atomic_store(&b->failed, true);
        if (trit_pool_release(b->pool, p, NULL) != trit_ok) atomic_store(&b->failed, true);
        if (who == 0 && i % 20 == 0) set_used(i % 40 ? "10" : "900");
    }
}

static void threads(void **state) {
    (void)state;
    trit_error err;
    busy b = {0};
    trit_team *team = NULL;
    set_used("900");
    assert_ok(trit_pool_new(&b.pool, &(trit_pool_opts){.name = "cpu", .tracking = trit_tracking_standard}, &err));
    assert_ok(trit_pressure_new(&b.pressure, &(trit_pressure_opts){.period_ms = 1, .root = "machine"}, &err));
    b.cleaner = cleaner_of(&(trit_cleaner_opts){.pressure = b.pressure, .period_ms = 1}, b.pool);
    (void)add_rule(b.cleaner, (trit_cleanup_rule){.kind = trit_cleanup_pressure, .level = trit_pressure_low});
    (void)add_rule(b.cleaner, (trit_cleanup_rule){.kind = trit_cleanup_periodic, .period_ms = 2, .compact = true});
    (void)add_rule(b.cleaner, (trit_cleanup_rule){.kind = trit_cleanup_idle, .period_ms = 1});
    (void)add_rule(b.cleaner, (trit_cleanup_rule){.kind = trit_cleanup_device, .device = "cpu", .limit_bytes = 1 << 20});
    assert_ok(trit_team_new(&team, 8, &err));
    trit_team_run(team, be_busy, &b);
    trit_team_free(team);
    assert_false(atomic_load(&b.failed));
    trit_cleanup_stats total;
    assert_ok(trit_cleaner_count(b.cleaner, UINT32_MAX, &total, &err));
    for (int i = 0; i < 60000 && total.n_runs <= 5; i++) { /* its own thread goes on, as soon as the machine lets it */
        trit_os_sleep_ms(1);
        assert_ok(trit_cleaner_count(b.cleaner, UINT32_MAX, &total, &err));
    }
    assert_true(total.n_runs > 5);
    trit_cleaner_free(b.cleaner);
    trit_pressure_free(b.pressure);
    trit_pool_free(b.pool);
}

/* Neither a sleeping thread nor a callback of pressure delays the end. */
static void ends_at_once(void **state) {
    (void)state;
    const uint64_t start = trit_os_clock_ns();
    for (int i = 0; i < 10; i++) trit_cleaner_free(cleaner_of(&(trit_cleaner_opts){.period_ms = hour_ms}, NULL));
    assert_true(trit_os_clock_ns() - start < (uint64_t)hour_ms / 10 * 1000000u); /* milliseconds; ten hours where periods are waited for */
    trit_cleaner_free(NULL);
}

static void wrong_rules(void **state) {
    (void)state;
    trit_error err;
    trit_cleaner *c = cleaner_of(NULL, NULL);
    static const trit_cleanup_rule wrong[] = {
        {.kind = trit_cleanup_pressure}, {.kind = trit_cleanup_device}, {.kind = trit_cleanup_device, .device = "cpu"},
        {.kind = trit_cleanup_custom},   {.kind = (trit_cleanup_kind)9},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        unsigned id = 99;
        assert_int_equal(trit_cleaner_add_rule(c, &wrong[i], &id, &err), trit_arg);
        assert_int_equal(id, 99);
    }
    assert_string_equal(trit_cleanup_name(trit_cleanup_generational), "generational");
    assert_null(trit_cleanup_name((trit_cleanup_kind)trit_cleanup_n_kinds));
    trit_cleaner_free(c);
}

/* Each allocation fails once: an error, nothing lost. */
static void without_memory(void **state) {
    (void)state;
#if TRIT_COUNTS_MALLOC
    trit_error err;
    trit_pool *pool = NULL;
    set_used("900");
    assert_ok(trit_pool_new(&pool, NULL, &err));
    for (long i = 0;; i++) {
        trit_pressure *p = NULL;
        trit_cleaner *c = NULL;
        unsigned id;
        const long before = atomic_load(&live);
        atomic_store(&n_calls, 0);
        atomic_store(&fail_at, i);
        trit_status status = trit_pressure_new(&p, &(trit_pressure_opts){.no_thread = true, .root = "machine"}, &err);
        if (status == trit_ok) status = trit_cleaner_new(&c, &(trit_cleaner_opts){.no_thread = true, .pressure = p}, &err);
        if (status == trit_ok) status = trit_cleaner_add_pool(c, pool, &err);
        if (status == trit_ok) status = trit_cleaner_add_cache(c, "cpu", release_cache, NULL, &err);
        if (status == trit_ok) status = trit_cleaner_add_rule(c, &(trit_cleanup_rule){.kind = trit_cleanup_idle}, &id, &err);
        atomic_store(&fail_at, -1);
        trit_cleaner_free(c);
        trit_pressure_free(p);
        assert_int_equal(atomic_load(&live), before);
        if (status == trit_ok) break;
        assert_int_equal(status, trit_memory);
        assert_true(i < 100);
    }
    trit_pool_free(pool);
#else
    skip();
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_now),     cmocka_unit_test(idle),    cmocka_unit_test(periodic),   cmocka_unit_test(pressure),
        cmocka_unit_test(generational), cmocka_unit_test(device),  cmocka_unit_test(custom),     cmocka_unit_test(compaction),
        cmocka_unit_test(threads),      cmocka_unit_test(ends_at_once), cmocka_unit_test(wrong_rules),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
