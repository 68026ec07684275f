/* memory/pool under threads: random steps of all sizes on blocks that any thread may release, each filled with a pattern of its own. No block
 * changes while it lives, and at the end nothing is left. TRIT_STRESS_STEPS: how many steps (1000000: the long form). */
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/rng.h"
#include "memory/poison.h"
#include "memory/pool.h"

enum { n_threads = 8, n_shared = 512, pattern_step = 4096, touched_most = 1 << 17 };

/* Blocks wait here for whoever takes them: a thread swaps its own for another's. */
typedef struct parcel {
    unsigned char *p;
    size_t n;
    uint64_t seed;
} parcel;

static struct {
    trit_pool *pool;
    pthread_mutex_t lock[n_shared];
    parcel parcels[n_shared];
    uint64_t n_steps;
    atomic_uint n_bad, n_refused;
} shared;

/* Bytes of the block that hold the pattern: all of a small one; the ends and a byte in each page of a large one, up to its first 128 KiB, so that
 * a block of 1 GiB is there without its memory. */
static bool walk(const parcel *b, size_t n, bool writes) {
    for (size_t i = 0; i < n;) {
        const unsigned char v = (unsigned char)trit_rng_u64(b->seed, i);
        if (writes)
            b->p[i] = v;
        else if (b->p[i] != v)
            return false;
        i += n <= 2048 ? 1 : i + pattern_step < n && i < touched_most ? pattern_step : i < n - 1 ? n - 1 - i : 1;
    }
    return true;
}

/* Log-uniform in 1 B .. 1 GiB; the largest are rare enough for the machine. */
static size_t size_of(uint64_t r) {
    const unsigned e = (unsigned)(r % 31);
    const size_t n = (size_t)1 << e;
    return n + (size_t)(r >> 8) % n > (size_t)1 << 30 ? (size_t)1 << 30 : n + (size_t)(r >> 8) % n;
}

static void check(const parcel *b, size_t n) {
    if (!walk(b, n, false)) atomic_fetch_add(&shared.n_bad, 1);
}

/* After a resize the first bytes are those of before: the pattern of the old length is a prefix only where every byte was written. */
static void resize(parcel *b, uint64_t r) {
    const size_t n = size_of(r);
    void *p = trit_pool_resize(shared.pool, b->p, n, 16, NULL);
    if (!p) {
        atomic_fetch_add(&shared.n_refused, 1);
        return;
    }
    b->p = p;
    if (b->n <= 2048) check(b, n < b->n ? n : b->n);
    b->n = n;
    (void)walk(b, n, true);
}

static void step(parcel *b, uint64_t r, uint64_t seed) {
    if (b->p && r % 4 == 0) {
        check(b, b->n);
        resize(b, r >> 16);
        return;
    }
    if (b->p) {
        check(b, b->n);
        if (trit_pool_release(shared.pool, b->p, NULL) != trit_ok) atomic_fetch_add(&shared.n_bad, 1);
    }
    *b = (parcel){.n = size_of(r >> 16), .seed = seed};
    b->p = trit_pool_alloc(shared.pool, b->n, (size_t)1 << (r >> 3) % 8, "stress", NULL);
    if (b->p)
        (void)walk(b, b->n, true);
    else
        atomic_fetch_add(&shared.n_refused, 1);
}

static void *worker(void *arg) {
    const uint64_t me = (uint64_t)(uintptr_t)arg;
    for (uint64_t i = 0; i < shared.n_steps / n_threads; i++) {
        const uint64_t r = trit_rng_u64(me, i), k = trit_rng_u64(me + 100, i) % n_shared;
        pthread_mutex_lock(&shared.lock[k]);
        step(&shared.parcels[k], r, r ^ me);
        pthread_mutex_unlock(&shared.lock[k]);
        if (me == 0 && i % 1000 == 999) (void)trit_pool_trim(shared.pool);
        if (me == 1 && i % 100 == 99) {
            trit_pool_metrics m;
            trit_pool_measure(shared.pool, &m);
        }
    }
    return NULL;
}

static void stress(void **state) {
    (void)state;
    const char *text = getenv("TRIT_STRESS_STEPS");
    trit_error err;
    pthread_t threads[n_threads];
    trit_pool_metrics m;
    shared.n_steps = text ? strtoull(text, NULL, 10) : TRIT_POISONS ? 1500 : 6000;
    assert_ok(trit_pool_new(&shared.pool, &(trit_pool_opts){.huge = trit_huge_never}, &err));
    for (size_t i = 0; i < n_shared; i++) pthread_mutex_init(&shared.lock[i], NULL);
    for (uintptr_t i = 0; i < n_threads; i++) assert_int_equal(pthread_create(&threads[i], NULL, worker, (void *)i), 0);
    for (size_t i = 0; i < n_threads; i++) pthread_join(threads[i], NULL);
    trit_pool_measure(shared.pool, &m);
    print_message("%llu steps, %u refused; at the end %llu blocks of %.1f GiB, committed %.1f GiB, overhead %.2f %%, hits %.1f %%\n",
                  (unsigned long long)shared.n_steps, atomic_load(&shared.n_refused), (unsigned long long)m.n_live,
                  (double)m.requested / (1 << 30), (double)m.committed / (1 << 30), 100 * m.overhead, 100 * m.hit_rate);
    uint64_t requested = 0, n_live = 0;
    for (size_t i = 0; i < n_shared; i++) {
        parcel *b = &shared.parcels[i];
        if (!b->p) continue;
        requested += b->n;
        n_live++;
        check(b, b->n);
    }
    assert_int_equal(m.requested, requested);
    assert_int_equal(m.n_live, n_live);
    for (size_t i = 0; i < n_shared; i++) {
        assert_ok(trit_pool_release(shared.pool, shared.parcels[i].p, &err));
        pthread_mutex_destroy(&shared.lock[i]);
    }
    assert_int_equal(atomic_load(&shared.n_bad), 0);
    (void)trit_pool_trim(shared.pool);
    trit_pool_measure(shared.pool, &m);
    assert_int_equal(m.requested, 0);
    assert_int_equal(m.in_use, 0);
    assert_int_equal(m.committed, 0);
    assert_int_equal(m.reserved, 0);
    assert_int_equal(m.n_threads, 1); /* those that ended took their caches with them */
    trit_pool_free(shared.pool);
}

/* One makes, another releases: blocks do not pile up on either side. */
enum { n_passed = 200000, n_ring = 1024 };
static struct {
    trit_pool *pool;
    _Atomic(void *) ring[n_ring];
} pass;

static void *maker(void *unused) {
    for (size_t i = 0; i < n_passed; i++) {
        void *p = trit_pool_alloc(pass.pool, 16 + i % 500, 16, NULL, NULL), *empty = NULL;
        while (!atomic_compare_exchange_weak(&pass.ring[i % n_ring], &empty, p)) {
            empty = NULL;
            sched_yield();
        }
    }
    return unused;
}

static void *taker(void *unused) {
    for (size_t i = 0; i < n_passed; i++) {
        void *p;
        while (!(p = atomic_exchange(&pass.ring[i % n_ring], NULL))) sched_yield();
        (void)trit_pool_release(pass.pool, p, NULL);
    }
    return unused;
}

static void passed_on(void **state) {
    (void)state;
    trit_error err;
    pthread_t a, b;
    trit_pool_metrics m;
    assert_ok(trit_pool_new(&pass.pool, NULL, &err));
    assert_int_equal(pthread_create(&a, NULL, maker, NULL), 0);
    assert_int_equal(pthread_create(&b, NULL, taker, NULL), 0);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    trit_pool_measure(pass.pool, &m);
    assert_int_equal(m.n_live, 0);
    assert_int_equal(m.in_use, 0);
    assert_true(m.peak_committed < 16 << 20);
    (void)trit_pool_trim(pass.pool);
    trit_pool_measure(pass.pool, &m);
    assert_int_equal(m.committed, 0);
    trit_pool_free(pass.pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(stress), cmocka_unit_test(passed_on)};
    return cmocka_run_group_tests_name("memory/stress", tests, NULL, NULL);
}
