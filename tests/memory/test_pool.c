/* memory/pool: sizes, alignments, contents, limits, counters, what is given back. */
#include "test.h"

#include "memory/poison.h"
#include "memory/pool.h"

static trit_error err;

static trit_pool *pool_with(trit_pool_opts o) {
    trit_pool *pool = NULL;
    assert_ok(trit_pool_new(&pool, &o, &err));
    return pool;
}

static void *take(trit_pool *pool, size_t bytes, size_t align) {
    memset(&err, 0, sizeof err);
    void *p = trit_pool_alloc(pool, bytes, align, "test", &err);
    if (!p) fail_msg("%zu bytes aligned to %zu: %s", bytes, align, err.message);
    return p;
}

static trit_pool_metrics measure(const trit_pool *pool) {
    trit_pool_metrics m;
    trit_pool_measure(pool, &m);
    return m;
}

/* All is released and nothing is left: not a byte committed, and the books are even. */
static void assert_idle(trit_pool *pool) {
    const uint64_t before = measure(pool).committed;
    assert_int_equal(trit_pool_trim(pool), before);
    const trit_pool_metrics m = measure(pool);
    assert_int_equal(m.requested, 0);
    assert_int_equal(m.in_use, 0);
    assert_int_equal(m.n_live, 0);
    assert_int_equal(m.committed, 0);
    assert_int_equal(m.reserved, 0);
    assert_int_equal(m.n_arenas, 0);
}

/* Writes to both ends, as far as the block was asked for. */
static void touch(void *p, size_t n) {
    ((unsigned char *)p)[0] = 0x5a;
    ((unsigned char *)p)[n - 1] = 0xa5;
}

static void every_size(void **state) {
    (void)state;
    trit_pool *pool = pool_with((trit_pool_opts){0});
    for (size_t n = 1; n <= 70000; n++) {
        void *p = take(pool, n, 0);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_int_equal(trit_pool_requested(pool, p), n);
        assert_true(trit_pool_usable(pool, p) >= n);
        /* Of a block at most 15 bytes or 1/32 were not asked for; beyond, the last page. */
        if (!TRIT_POISONS) assert_true(trit_pool_usable(pool, p) - n <= (n < 512 ? 15 : n / 32));
        touch(p, n);
        assert_ok(trit_pool_release(pool, p, &err));
        assert_int_equal(trit_pool_requested(pool, p), 0);
    }
    assert_idle(pool);
    trit_pool_free(pool);
}

static void powers_of_two(void **state) {
    (void)state;
    trit_pool *pool = pool_with((trit_pool_opts){0});
    for (unsigned e = 0; e <= 30; e++)
        for (int d = -1; d <= 1; d++) {
            const size_t n = ((size_t)1 << e) + (size_t)d;
            void *p = take(pool, n, 0), *q = take(pool, n, 64);
            const size_t asked = n ? n : 1;
            assert_ptr_not_equal(p, q);
            assert_int_equal(trit_pool_requested(pool, p), asked);
            if (!TRIT_POISONS) assert_true(trit_pool_usable(pool, p) - asked <= (asked < 512 ? 15 : asked / 32));
            touch(p, asked);
            touch(q, asked);
            assert_ok(trit_pool_release(pool, p, &err));
            assert_ok(trit_pool_release(pool, q, &err));
        }
    assert_idle(pool);
    trit_pool_free(pool);
}

static void alignments(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 15, 16, 17, 100, 513, 1000, 4095, 4097, 40000, 65536, 65537, 300000, 1 << 20, (1 << 20) + 1, 5 << 20,
                                   70 << 20};
    trit_pool *pool = pool_with((trit_pool_opts){0});
    for (size_t align = 1; align <= (size_t)1 << 30; align *= 2)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            void *p = take(pool, sizes[i], align), *q = take(pool, sizes[i], align);
            assert_int_equal((uintptr_t)p % align, 0);
            assert_int_equal((uintptr_t)q % align, 0);
            touch(p, sizes[i]);
            touch(q, sizes[i]);
            assert_int_equal(trit_pool_requested(pool, q), sizes[i]);
            assert_ok(trit_pool_release(pool, p, &err));
            assert_ok(trit_pool_release(pool, q, &err));
        }
    assert_idle(pool);
    trit_pool_free(pool);
}

/* Blocks that live together do not overlap, in every class. */
static void apart(void **state) {
    (void)state;
    trit_pool *pool = pool_with((trit_pool_opts){0});
    static unsigned char *blocks[trit_n_classes][5];
    for (int round = 0; round < 2; round++) {
        for (unsigned c = 0; c < trit_n_classes; c++)
            for (unsigned k = 0; k < 5; k++) {
                const size_t n = trit_class_bytes(c) - trit_redzone;
                blocks[c][k] = n ? take(pool, n, 0) : NULL;
                if (n) memset(blocks[c][k], (int)(c + k), n);
            }
        for (unsigned c = 0; c < trit_n_classes; c++)
            for (unsigned k = 0; k < 5; k++) {
                const size_t n = trit_class_bytes(c) - trit_redzone;
                for (size_t i = 0; i < n; i += i + 64 < n ? 61 : 1) assert_int_equal(blocks[c][k][i], (unsigned char)(c + k));
                assert_ok(trit_pool_release(pool, blocks[c][k], &err));
            }
    }
    assert_idle(pool);
    trit_pool_free(pool);
}

static void classes_are_dense(void **state) {
    (void)state;
    uint32_t before = 0;
    for (unsigned c = 0; c < trit_n_classes; c++) {
        const uint32_t n = trit_class_bytes(c);
        assert_int_equal(trit_class_of(n), c);
        assert_int_equal(trit_class_of(before + 1), c);
        assert_true(n - before <= 16 || (n - before) * 33 <= n);
        before = n;
    }
    assert_int_equal(before, trit_class_most);
}

static void resize_keeps(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 20, 33, 500, 513, 530, 9000, 60000, 66000, 200000, (1 << 20) - 5, (1 << 20) + 100, 3 << 20, 4 << 20,
                                   (4 << 20) - 9000, 40 << 20, 65 << 20, 130 << 20, 90 << 20, 2 << 20, 1000, 7};
    trit_pool *pool = pool_with((trit_pool_opts){0});
    for (size_t align = 16; align <= 4096; align *= 16) {
        unsigned char *p = take(pool, 1, align);
        size_t n = 1;
        p[0] = 1;
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            unsigned char *q = trit_pool_resize(pool, p, sizes[i], align, &err);
            const size_t kept = n < sizes[i] ? n : sizes[i];
            assert_non_null(q);
            assert_int_equal((uintptr_t)q % align, 0);
            assert_int_equal(trit_pool_requested(pool, q), sizes[i]);
            for (size_t k = 0; k < kept; k += k + 8192 < kept ? 4099 : 1) assert_int_equal(q[k], (unsigned char)(k * 7 + 1));
            for (size_t k = kept; k < sizes[i]; k++) q[k] = (unsigned char)(k * 7 + 1);
            p = q;
            n = sizes[i];
        }
        assert_ok(trit_pool_release(pool, p, &err));
    }
    void *p = trit_pool_resize(pool, NULL, 10, 0, &err);
    assert_non_null(p);
    assert_ptr_equal(trit_pool_resize(pool, p, 11, 0, &err), p); /* in place */
    assert_ok(trit_pool_release(pool, p, &err));
    unsigned char *run = take(pool, 2 << 20, 0);
    assert_ptr_equal(trit_pool_resize(pool, run, 30 << 20, 0, &err), run); /* nobody stands behind it */
    assert_ok(trit_pool_release(pool, run, &err));
    assert_int_equal(measure(pool).n_live, 0);
    assert_idle(pool);
    trit_pool_free(pool);
}

static void zeroes(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 100, 5000, 60000, 100000, 900000, 3 << 20, 80 << 20};
    trit_pool *pool = pool_with((trit_pool_opts){0});
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            unsigned char *p = trit_pool_alloc_zero(pool, sizes[i], 32, NULL, &err);
            assert_non_null(p);
            for (size_t k = 0; k < sizes[i]; k++)
                if (p[k]) fail_msg("byte %zu of %zu is %d", k, sizes[i], p[k]);
            memset(p, 0xee, sizes[i]);
            assert_ok(trit_pool_release(pool, p, &err));
            if (round == 1) (void)trit_pool_trim(pool);
        }
    unsigned char *p = trit_pool_alloc_zero(pool, 0, 0, NULL, &err); /* counts as 1, and is one of those above again */
    assert_int_equal(p[0], 0);
    assert_ok(trit_pool_release(pool, p, &err));
    assert_idle(pool);
    trit_pool_free(pool);
}

static void limits(void **state) {
    (void)state;
    trit_pool *pool = pool_with((trit_pool_opts){.name = "narrow", .huge = trit_huge_never, .limit_bytes = 8 << 20});
    void *p = take(pool, 5 << 20, 0);
    assert_null(trit_pool_alloc(pool, 4 << 20, 0, NULL, &err));
    assert_int_equal(err.status, trit_memory);
    assert_non_null(strstr(err.message, "pool narrow: 4194304 bytes are beyond its limit of 8388608"));
    assert_null(trit_pool_alloc(pool, 100 << 20, 0, NULL, &err));
    assert_null(trit_pool_resize(pool, p, 9 << 20, 0, &err));
    assert_int_equal(trit_pool_requested(pool, p), 5 << 20);
    void *small[2000];
    size_t n = 0;
    while (n < 2000 && (small[n] = trit_pool_alloc(pool, 60000, 0, NULL, &err))) n++;
    assert_true(n > 40 && n < 60); /* 3 MB of them */
    assert_true(measure(pool).committed <= 8 << 20);
    assert_int_equal(measure(pool).n_failed, 4);
    for (size_t i = 0; i < n; i++) assert_ok(trit_pool_release(pool, small[i], &err));
    assert_ok(trit_pool_release(pool, p, &err));
    p = take(pool, 7 << 20, 0); /* what was idle is given back for it */
    assert_ok(trit_pool_release(pool, p, &err));
    assert_idle(pool);
    trit_pool_free(pool);
}

static void refused(trit_pool *pool, size_t bytes, size_t align, const char *words) {
    memset(&err, 0, sizeof err);
    assert_null(trit_pool_alloc(pool, bytes, align, NULL, &err));
    assert_int_equal(err.status, trit_arg);
    if (!strstr(err.message, words)) fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static void bad_input(void **state) {
    (void)state;
    static const trit_pool_opts bad[] = {{.class_limit = 1000}, {.class_limit = 2 << 20}, {.class_limit = 256}, {.cache_limit = 1 << 17},
                                         {.class_limit = 1024, .cache_limit = 2048}, {.arena_bytes = 3 << 20}, {.arena_bytes = 1u << 30}};
    trit_pool *pool = NULL, *other = pool_with((trit_pool_opts){0});
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(trit_pool_new(&pool, &bad[i], &err), trit_arg);
        assert_null(pool);
    }
    pool = pool_with((trit_pool_opts){0});
    refused(pool, SIZE_MAX, 0, "18446744073709551615 bytes are more than any machine has");
    refused(pool, SIZE_MAX - 20, 64, "more than any machine has");
    refused(pool, (size_t)1 << 47, 0, "more than any machine has");
    refused(pool, 10, 3, "alignment of 3");
    refused(pool, 10, (size_t)1 << 31, "alignment of 2147483648");
    assert_null(trit_pool_alloc(pool, 10, 3, NULL, NULL));
    assert_ok(trit_pool_release(pool, NULL, &err));
    int local;
    assert_int_equal(trit_pool_release(pool, &local, &err), trit_arg);
    assert_int_equal(trit_pool_release(pool, (void *)(uintptr_t)1, &err), trit_arg);
    assert_int_equal(trit_pool_release(pool, (void *)UINTPTR_MAX, &err), trit_arg);
    static const size_t sizes[] = {24, 5000, 100000, 3 << 20, 100 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *p = take(pool, sizes[i], 0);
        assert_int_equal(trit_pool_release(pool, p + 1, &err), trit_arg);
        assert_int_equal(trit_pool_release(pool, p + 16, &err), trit_arg);
        assert_int_equal(trit_pool_release(other, p, &err), trit_arg);
        assert_null(trit_pool_resize(pool, p + 16, 10, 0, &err));
        assert_int_equal(err.status, trit_arg);
        assert_ok(trit_pool_release(pool, p, &err));
        assert_int_equal(trit_pool_release(pool, p, &err), trit_arg); /* nobody has taken it since */
        assert_non_null(strstr(err.message, "is not the beginning of a live block"));
    }
    trit_pool_free(NULL);
    trit_pool_free(other);
    assert_idle(pool);
    trit_pool_free(pool);
}

static void thresholds(void **state) {
    (void)state;
    static const trit_pool_opts all[] = {{.class_limit = 512, .cache_limit = 100}, {.class_limit = 4096, .cache_limit = 16},
                                         {.cache_limit = 1, .arena_bytes = 4 << 20}, {.arena_bytes = 512 << 20, .huge = trit_huge_always},
                                         {.huge = trit_huge_never}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        trit_pool *pool = pool_with(all[i]);
        void *blocks[300];
        uint32_t seed = 5;
        for (int round = 0; round < 4; round++) {
            for (size_t k = 0; k < 300; k++) {
                const size_t n = (size_t)1 << test_lcg(&seed) % 23, more = test_lcg(&seed) % n;
                blocks[k] = take(pool, n + more, (size_t)1 << test_lcg(&seed) % 8);
                touch(blocks[k], n + more);
            }
            for (size_t k = 0; k < 300; k++) assert_ok(trit_pool_release(pool, blocks[k * 77 % 300], &err));
        }
        assert_idle(pool);
        trit_pool_free(pool);
    }
}

/* Live blocks go with the pool; a thread's cache does too. */
static void freed_with_blocks(void **state) {
    (void)state;
    trit_pool *pool = pool_with((trit_pool_opts){0});
    static const size_t sizes[] = {1, 100, 70000, 2 << 20, 100 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) (void)take(pool, sizes[i], 0);
    trit_pool_free(pool);
}

static void counters(void **state) {
    (void)state;
    trit_pool *pool = pool_with((trit_pool_opts){.name = "a \"pool\""});
    void *small = take(pool, 100, 0), *run = take(pool, 2000000, 0), *direct = take(pool, 100000000, 0);
    trit_pool_metrics m = measure(pool);
    assert_int_equal(m.requested, 102000100);
    assert_int_equal(m.n_live, 3);
    assert_int_equal(m.n_allocations, 3);
    assert_int_equal(m.n_misses, 3);
    assert_int_equal(m.n_direct, 1);
    assert_int_equal(m.n_threads, 1);
    if (!TRIT_POISONS) assert_int_equal(m.in_use, 112 + 123 * 16384 + 100003840);
    assert_true(m.committed >= m.in_use && m.peak_committed >= m.committed && m.reserved >= m.committed);
    assert_true(m.overhead > 0 && m.overhead < 0.01 && m.overhead_committed >= m.overhead);
    for (int i = 0; i < 100; i++) { /* from now on nothing is asked of the system */
        void *again = take(pool, 100, 0);
        assert_ok(trit_pool_release(pool, again, &err));
    }
    assert_ptr_equal(trit_pool_resize(pool, small, 104, 0, &err), small);
    m = measure(pool);
    assert_int_equal(m.n_misses, 3);
    assert_int_equal(m.n_allocations, 103);
    assert_int_equal(m.n_releases, 100);
    assert_int_equal(m.n_resizes, 1);
    assert_int_equal(m.n_moved, 0);
    assert_int_equal(m.requested, 102000104);
    trit_text text = {0}, json = {0};
    assert_ok(trit_pool_report(pool, &text, &err));
    assert_non_null(strstr(text.data, "requested         102000104 bytes in 3 blocks"));
    assert_ok(trit_pool_report_json(pool, &json, &err));
    assert_non_null(strstr(json.data, "{\"pool\":\"a \\\"pool\\\"\",\"requested\":102000104,"));
    trit_text_fini(&text);
    trit_text_fini(&json);
    assert_ok(trit_pool_release(pool, small, &err));
    assert_ok(trit_pool_release(pool, run, &err));
    assert_ok(trit_pool_release(pool, direct, &err));
    assert_idle(pool);
    trit_pool_free(pool);
}

/* What a trim says it gave back, the books and the system confirm. */
static void given_back(void **state) {
    (void)state;
    for (int huge = trit_huge_auto; huge <= trit_huge_always; huge++) {
        trit_pool *pool = pool_with((trit_pool_opts){.huge = (trit_huge_pages)huge});
        void *blocks[64];
        for (size_t i = 0; i < 64; i++) {
            blocks[i] = take(pool, i % 2 ? 3 << 20 : 50000, 0);
            memset(blocks[i], 1, i % 2 ? 3 << 20 : 50000);
        }
        for (size_t i = 0; i < 64; i++)
            if (i % 3) assert_ok(trit_pool_release(pool, blocks[i], &err));
        const trit_pool_metrics before = measure(pool);
        const uint64_t given = trit_pool_trim(pool);
        const trit_pool_metrics after = measure(pool);
        assert_true(given > (huge == trit_huge_never ? 60 << 20 : 20 << 20)); /* whole huge pages only */
        assert_int_equal(before.committed - after.committed, given);
        assert_int_equal(after.trimmed, given);
        assert_int_equal(trit_pool_trim(pool), 0);
        for (size_t i = 0; i < 64; i += 3) {
            assert_int_equal(((unsigned char *)blocks[i])[1000], 1); /* what lives is untouched */
            assert_ok(trit_pool_release(pool, blocks[i], &err));
        }
        assert_idle(pool);
        trit_pool_free(pool);
    }
}

/* What a sanitizer would complain about. */
static bool is_poisoned(const void *p, size_t at) {
#if TRIT_POISONS
    return __asan_address_is_poisoned((const uint8_t *)p + at);
#else
    (void)p, (void)at;
    return true;
#endif
}

/* Behind a mapping's end, and what a run gave up. */
static void poisoned_ends(void **state) {
    (void)state;
    enum { mb = 1 << 20 };
    trit_pool *pool = pool_with((trit_pool_opts){0});
    void *own = take(pool, 70 * mb + 5, 0), *run = take(pool, 8 * mb, 0);
    assert_true(is_poisoned(own, 70 * mb + 5));
    touch(run, 8 * mb);
    assert_ptr_equal(trit_pool_resize(pool, run, 3 * mb, 0, &err), run);
    assert_true(is_poisoned(run, 3 * mb) && is_poisoned(run, 7 * mb));
    assert_ptr_equal(trit_pool_resize(pool, run, 6 * mb, 0, &err), run);
    touch(run, 6 * mb);
    assert_true(is_poisoned(run, 7 * mb));
    assert_ok(trit_pool_release(pool, own, &err));
    assert_ok(trit_pool_release(pool, run, &err));
    assert_idle(pool);
    trit_pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size),        cmocka_unit_test(powers_of_two), cmocka_unit_test(alignments), cmocka_unit_test(apart),
        cmocka_unit_test(classes_are_dense), cmocka_unit_test(resize_keeps),  cmocka_unit_test(zeroes),     cmocka_unit_test(limits),
        cmocka_unit_test(bad_input),         cmocka_unit_test(thresholds),    cmocka_unit_test(freed_with_blocks),
        cmocka_unit_test(counters),          cmocka_unit_test(given_back),    cmocka_unit_test(poisoned_ends),
    };
    return cmocka_run_group_tests_name("memory/pool", tests, NULL, NULL);
}
