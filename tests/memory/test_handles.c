/* memory/handles: pins, old handles, and blocks that move together with what they hold. */
#include "test.h"

#include "memory/pool.h"

static trit_error err;

static void fill(trit_pool *pool, trit_handle h, size_t n, uint32_t seed) {
    void *p;
    assert_ok(trit_handle_pin(pool, h, &p, &err));
    for (size_t i = 0; i < n; i++) ((unsigned char *)p)[i] = (unsigned char)test_lcg(&seed);
    assert_ok(trit_handle_unpin(pool, h, &err));
}

static void check(trit_pool *pool, trit_handle h, size_t n, uint32_t seed) {
    void *p;
    assert_int_equal(trit_handle_bytes(pool, h), n);
    assert_ok(trit_handle_pin(pool, h, &p, &err));
    for (size_t i = 0; i < n; i++) assert_int_equal(((unsigned char *)p)[i], (unsigned char)test_lcg(&seed));
    assert_ok(trit_handle_unpin(pool, h, &err));
}

static void refused(trit_status status, const char *words) {
    assert_int_equal(status, trit_arg);
    if (!strstr(err.message, words)) fail_msg("\"%s\" does not say \"%s\"", err.message, words);
}

static void old_handles(void **state) {
    (void)state;
    trit_pool *pool = NULL, *other = NULL;
    trit_handle h, again, none = {0};
    void *p = NULL;
    assert_ok(trit_pool_new(&pool, NULL, &err));
    assert_ok(trit_pool_new(&other, NULL, &err));
    assert_ok(trit_handle_new(pool, &h, 100, 64, "test", &err));
    refused(trit_handle_unpin(pool, h, &err), "is not pinned");
    assert_ok(trit_handle_pin(pool, h, &p, &err));
    assert_int_equal((uintptr_t)p % 64, 0);
    refused(trit_handle_free(pool, h, &err), "is pinned and cannot be freed");
    assert_ok(trit_handle_unpin(pool, h, &err));
    refused(trit_handle_pin(other, h, &p, &err), "was freed or is none");
    assert_ok(trit_handle_free(pool, h, &err));
    assert_ok(trit_handle_new(pool, &again, 100, 64, NULL, &err)); /* in the same slot */
    assert_true(again.id != h.id);
    refused(trit_handle_free(pool, h, &err), "was freed or is none");
    refused(trit_handle_pin(pool, h, &p, &err), "was freed or is none");
    refused(trit_handle_unpin(pool, h, &err), "was freed or is none");
    refused(trit_handle_pin(pool, none, &p, &err), "was freed or is none");
    assert_int_equal(trit_handle_bytes(pool, h), 0);
    assert_int_equal(trit_handle_new(pool, &h, SIZE_MAX, 0, NULL, &err), trit_arg);
    assert_int_equal(trit_handle_new(pool, &h, 1, 3, NULL, NULL), trit_arg);
    for (uint64_t id = 1, i = 0; i < 1000; i++, id *= 3) (void)trit_handle_bytes(pool, (trit_handle){id});
    assert_ok(trit_handle_free(pool, again, &err));
    trit_pool_free(other);
    trit_pool_free(pool);
}

enum { n_handles = 600 };

/* Every fourth block is left: scattered, then together, and what they held is as it was. */
static void compaction(void **state) {
    (void)state;
    for (int tracking = trit_tracking_none; tracking <= trit_tracking_standard; tracking += 2) {
        trit_pool *pool = NULL;
        static trit_handle h[n_handles];
        static size_t size[n_handles];
        trit_pool_metrics before, after;
        uint32_t seed = 9;
        void *pinned = NULL, *still = NULL;
        assert_ok(trit_pool_new(&pool, &(trit_pool_opts){.huge = trit_huge_never, .tracking = (trit_tracking)tracking}, &err));
        for (uint32_t i = 0; i < n_handles; i++) {
            size[i] = i % 3 == 0 ? 3000 : i % 3 == 1 ? 40000 + test_lcg(&seed) % 100 : (1 << 20) + test_lcg(&seed) * 3;
            assert_ok(trit_handle_new(pool, &h[i], size[i], 0, "test", &err));
            fill(pool, h[i], size[i], i);
        }
        for (uint32_t i = 0; i < n_handles; i++)
            if (i % 4) assert_ok(trit_handle_free(pool, h[i], &err));
        assert_ok(trit_handle_pin(pool, h[n_handles - 4], &pinned, &err));
        (void)trit_pool_trim(pool);
        trit_pool_measure(pool, &before);
        const size_t given = trit_pool_compact(pool);
        trit_pool_measure(pool, &after);
        print_message("%zu bytes given back by compaction, %.0f %% of what was committed\n", given,
                      100.0 * (double)given / (double)before.committed);
        assert_int_equal(before.committed - after.committed, given);
        assert_true(given > 0);
        assert_int_equal(after.requested, before.requested);
        assert_true(after.overhead_committed < 0.05);
        assert_ok(trit_handle_pin(pool, h[n_handles - 4], &still, &err));
        assert_ptr_equal(pinned, still);
        assert_ok(trit_handle_unpin(pool, h[n_handles - 4], &err));
        assert_ok(trit_handle_unpin(pool, h[n_handles - 4], &err));
        for (uint32_t i = 0; i < n_handles; i += 4) {
            check(pool, h[i], size[i], i);
            assert_ok(trit_handle_free(pool, h[i], &err));
        }
        (void)trit_pool_trim(pool);
        trit_pool_measure(pool, &after);
        assert_int_equal(after.committed, 0);
        assert_int_equal(after.requested, 0);
        trit_pool_free(pool);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(old_handles), cmocka_unit_test(compaction)};
    return cmocka_run_group_tests_name("memory/handles", tests, NULL, NULL);
}
