/* engine/pages: holding, registering, finding, reusing. */
#include "test.h"

#include <time.h>

#include "engine/pages.h"

static void fill(int32_t *tokens, int32_t first) {
    for (int i = 0; i < trit_page_tokens; i++) tokens[i] = first + i;
}

static void pages_are_taken_and_given_back(void **state) {
    (void)state;
    trit_error err;
    trit_pages p;
    assert_ok(trit_pages_init(&p, 3, &err));
    int32_t a = trit_pages_take(&p), b = trit_pages_take(&p), c = trit_pages_take(&p);
    assert_true(a >= 0 && b >= 0 && c >= 0 && a != b && b != c && a != c);
    assert_int_equal(trit_pages_take(&p), -1);
    trit_pages_release(&p, (uint32_t)b);
    assert_int_equal(p.n_free, 1);
    assert_int_equal(trit_pages_take(&p), b);
    trit_pages_hold(&p, (uint32_t)b);
    trit_pages_release(&p, (uint32_t)b);
    assert_int_equal(p.n_free, 0); /* one holder is left */
    trit_pages_release(&p, (uint32_t)b);
    assert_int_equal(p.n_free, 1);
    trit_pages_fini(&p);
}

static void registered_pages_are_found_by_their_tokens(void **state) {
    (void)state;
    trit_error err;
    trit_pages p;
    int32_t x[trit_page_tokens], y[trit_page_tokens];
    fill(x, 0);
    fill(y, 100);
    assert_ok(trit_pages_init(&p, 4, &err));
    uint32_t a = (uint32_t)trit_pages_take(&p), b = (uint32_t)trit_pages_take(&p);
    uint64_t sa = trit_pages_register(&p, a, 0, x), sb = trit_pages_register(&p, b, sa, y);
    assert_true(sa && sb && sa != sb);
    assert_int_equal(trit_pages_find(&p, 0, y), -1);  /* right tokens, wrong place */
    assert_int_equal(trit_pages_find(&p, sb, x), -1);
    assert_int_equal(trit_pages_find(&p, 0, x), (int32_t)a); /* held twice now */
    trit_pages_release(&p, a);
    trit_pages_release(&p, a);
    trit_pages_release(&p, b);
    assert_int_equal(p.n_free, 4);
    assert_int_equal(trit_pages_find(&p, 0, x), (int32_t)a); /* still there though nobody held it */
    assert_int_equal(trit_pages_find(&p, sa, y), (int32_t)b);
    trit_pages_release(&p, b);
    trit_pages_release(&p, a);
    /* Unregistered pages go first, then b, released before a. */
    int32_t first = trit_pages_take(&p), second = trit_pages_take(&p);
    assert_true(first != (int32_t)a && first != (int32_t)b && second != (int32_t)a && second != (int32_t)b);
    assert_int_equal(trit_pages_take(&p), (int32_t)b);
    assert_int_equal(trit_pages_find(&p, sa, y), -1);
    assert_int_equal(trit_pages_find(&p, 0, x), (int32_t)a);
    trit_pages_fini(&p);
}

static void a_twin_answers_with_the_first_serial(void **state) {
    (void)state;
    trit_error err;
    trit_pages p;
    int32_t x[trit_page_tokens];
    fill(x, 5);
    assert_ok(trit_pages_init(&p, 2, &err));
    uint32_t a = (uint32_t)trit_pages_take(&p), b = (uint32_t)trit_pages_take(&p);
    uint64_t sa = trit_pages_register(&p, a, 0, x);
    assert_int_equal(trit_pages_register(&p, b, 0, x), sa);
    assert_int_equal(p.page[b].serial, 0);
    trit_pages_fini(&p);
}

/* Every beginning of the list is whole, the latest used stand in front, and what hangs on a page that is gone is left out. */
static void registered_pages_are_listed(void **state) {
    (void)state;
    trit_error err;
    trit_pages p;
    trit_pages_list list;
    int32_t x[trit_page_tokens], y[trit_page_tokens], z[trit_page_tokens];
    fill(x, 0);
    fill(y, 100);
    fill(z, 200);
    assert_ok(trit_pages_init(&p, 5, &err));
    assert_ok(trit_pages_list_all(&list, &p, &err));
    assert_int_equal(list.n, 0);
    trit_pages_list_fini(&list);
    const uint32_t a = (uint32_t)trit_pages_take(&p), b = (uint32_t)trit_pages_take(&p), c = (uint32_t)trit_pages_take(&p);
    const uint64_t sa = trit_pages_register(&p, a, 0, x);
    (void)trit_pages_register(&p, b, sa, y);
    (void)trit_pages_register(&p, c, sa, z);
    trit_pages_release(&p, a); /* the first page was used longest ago, as where a twin of it served */
    trit_pages_release(&p, c);
    trit_pages_release(&p, b);
    assert_ok(trit_pages_list_all(&list, &p, &err));
    assert_int_equal(list.n, 3);
    const uint32_t wanted[] = {a, b, c}, above[] = {0, 1, 1};
    assert_memory_equal(list.page, wanted, sizeof wanted);
    assert_memory_equal(list.above, above, sizeof above);
    trit_pages_list_fini(&list);
    for (int i = 0; i < 3; i++) (void)trit_pages_take(&p); /* the two that were never used, and a */
    assert_ok(trit_pages_list_all(&list, &p, &err));
    assert_int_equal(list.n, 0);
    trit_pages_list_fini(&list);
    trit_pages_fini(&p);
}

/* A long chain that lost its beginning: each page is followed to the loss once, not all the way each time. */
static void orphans_are_left_out_at_once(void **state) {
    (void)state;
    enum { n = 100000 };
    trit_error err;
    trit_pages p;
    trit_pages_list list;
    int32_t x[trit_page_tokens];
    uint64_t serial = 0;
    assert_ok(trit_pages_init(&p, n, &err));
    static uint32_t page[n];
    for (int32_t i = 0; i < n; i++) {
        fill(x, i);
        page[i] = (uint32_t)trit_pages_take(&p);
        serial = trit_pages_register(&p, page[i], serial, x);
    }
    for (int i = 0; i < n; i++) trit_pages_release(&p, page[i]);
    assert_int_equal(trit_pages_take(&p), page[0]);
    const clock_t start = clock();
    assert_ok(trit_pages_list_all(&list, &p, &err));
    assert_true(clock() - start < 20 * CLOCKS_PER_SEC); /* milliseconds, and minutes otherwise */
    assert_int_equal(list.n, 0);
    trit_pages_list_fini(&list);
    trit_pages_fini(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_taken_and_given_back),
        cmocka_unit_test(registered_pages_are_found_by_their_tokens),
        cmocka_unit_test(a_twin_answers_with_the_first_serial),
        cmocka_unit_test(registered_pages_are_listed),
        cmocka_unit_test(orphans_are_left_out_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
