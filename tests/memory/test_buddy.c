/* memory/buddy: against an array of flags, for every question, on random histories. */
#include "test.h"

#include "memory/buddy.h"

enum { n_units = 64 };

static uint32_t longest_of(const bool *free, uint32_t *leftmost, uint32_t want) {
    uint32_t longest = 0, run = 0;
    *leftmost = n_units;
    for (uint32_t u = 0; u < n_units; u++) {
        run = free[u] ? run + 1 : 0;
        if (run > longest) longest = run;
        if (run == want && *leftmost == n_units) *leftmost = u + 1 - want;
    }
    return longest;
}

static void random_histories(void **state) {
    (void)state;
    static trit_buddy_node nodes[2 * n_units];
    bool free[n_units];
    trit_buddy b;
    uint32_t seed = 1, leftmost, first;
    for (int history = 0; history < 50; history++) {
        trit_buddy_init(&b, n_units, nodes);
        memset(free, 1, sizeof free);
        for (int step = 0; step < 400; step++) {
            const uint32_t at = test_lcg(&seed) % n_units, n = 1 + test_lcg(&seed) % (n_units - at);
            const bool is_free = test_lcg(&seed) % 2;
            trit_buddy_set(&b, at, n, is_free);
            for (uint32_t u = at; u < at + n; u++) free[u] = is_free;
            const uint32_t want = 1 + test_lcg(&seed) % 20, align = 1u << test_lcg(&seed) % 4;
            assert_int_equal(trit_buddy_longest(&b), longest_of(free, &leftmost, want));
            const bool found = trit_buddy_find(&b, want, 1, &first);
            assert_int_equal(found, leftmost < n_units);
            if (found) assert_int_equal(first, leftmost);
            if (trit_buddy_find(&b, want, align, &first)) {
                assert_int_equal(first % align, 0);
                for (uint32_t u = first; u < first + want; u++) assert_true(free[u]);
            } else {
                assert_true(longest_of(free, &leftmost, want) < want + align - 1);
            }
            for (uint32_t u = 0; u <= n_units; u++) {
                uint32_t run = 0;
                while (u + run < n_units && free[u + run]) run++;
                assert_int_equal(trit_buddy_run_at(&b, u), run);
            }
        }
    }
}

/* Whatever the order in which all is given back, it is one run again at once. */
static void coalesces(void **state) {
    (void)state;
    static trit_buddy_node nodes[2 * 4096];
    trit_buddy b;
    trit_buddy_init(&b, 4096, nodes);
    for (uint32_t stride = 1; stride < 4096; stride += 2) {
        trit_buddy_set(&b, 0, 4096, false);
        assert_int_equal(trit_buddy_longest(&b), 0);
        for (uint32_t i = 0, u = 0; i < 4096 && stride % 100 == 1; i++, u = (u + stride) % 4096) trit_buddy_set(&b, u, 1, true);
        if (stride % 100 == 1) assert_int_equal(trit_buddy_longest(&b), 4096);
        trit_buddy_set(&b, 0, 4096, true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_histories), cmocka_unit_test(coalesces)};
    return cmocka_run_group_tests_name("memory/buddy", tests, NULL, NULL);
}
