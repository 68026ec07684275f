/* The ticker: calls come by the period and by waking, and its end waits for a call in progress and no longer. */
#include "base/ticker.h"

#include <stdatomic.h>

#include "base/os.h"
#include "test.h"

static void count(void *arg) {
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void wait_for(atomic_int *n, int at_least) {
    for (int i = 0; i < 60000 && atomic_load(n) < at_least; i++) trit_os_sleep_ms(1); /* a minute: the machine may be busy */
    assert_true(atomic_load(n) >= at_least);
}

static void ticks(void **state) {
    (void)state;
    trit_error err;
    trit_ticker *ticker = NULL;
    atomic_int n = 0;
    const uint64_t start = trit_os_clock_ns();
    assert_ok(trit_ticker_new(&ticker, 5, count, &n, &err));
    wait_for(&n, 4);
    assert_true(trit_os_clock_ns() - start >= 20000000u);
    trit_ticker_free(ticker);
    const int at_end = atomic_load(&n);
    trit_os_sleep_ms(15);
    assert_int_equal(atomic_load(&n), at_end);
}

static void wakes(void **state) {
    (void)state;
    trit_error err;
    trit_ticker *ticker = NULL;
    atomic_int n = 0;
    const uint64_t start = trit_os_clock_ns();
    assert_ok(trit_ticker_new(&ticker, 100000, count, &n, &err));
    for (int i = 1; i <= 20; i++) {
        trit_ticker_wake(ticker);
        wait_for(&n, i);
    }
    assert_int_equal(atomic_load(&n), 20);
    trit_ticker_free(ticker);
    assert_true(trit_os_clock_ns() - start < 50000000000u); /* the period was not waited for */
}

typedef struct calls {
    atomic_int n_begun, n_ended;
} calls;

static void slow(void *arg) {
    calls *c = arg;
    count(&c->n_begun);
    trit_os_sleep_ms(30);
    count(&c->n_ended);
}

static void ends_after_a_call(void **state) {
    (void)state;
    trit_error err;
    trit_ticker *ticker = NULL;
    calls c = {0};
    assert_ok(trit_ticker_new(&ticker, 1, slow, &c, &err));
    wait_for(&c.n_begun, 1);
    trit_ticker_free(ticker);
    const int n_begun = atomic_load(&c.n_begun);
    assert_int_equal(atomic_load(&c.n_ended), n_begun);
    trit_os_sleep_ms(15);
    assert_int_equal(atomic_load(&c.n_begun), n_begun);
    trit_ticker_free(NULL);
}

static void backtraces(void **state) {
    (void)state;
    void *frames[32];
    const size_t n = trit_os_backtrace(frames, 32, 0);
    if (!n) skip();
    char name[256];
    for (size_t i = 0; i < n; i++) {
        trit_os_frame_name(name, sizeof name, frames[i]);
        assert_true(strlen(name) > 4);
    }
    assert_int_equal(trit_os_backtrace(frames, 2, 0), n < 2 ? n : 2);
    assert_int_equal(trit_os_backtrace(frames, 32, 1), n - 1);
    trit_os_frame_name(name, sizeof name, frames);
    assert_true(strlen(name) > 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks),
        cmocka_unit_test(wakes),
        cmocka_unit_test(ends_after_a_call),
        cmocka_unit_test(backtraces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
