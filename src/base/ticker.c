/* One thread that sleeps on a condition, so that it can be woken and stopped at any time. */
#include "base/ticker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"

struct trit_ticker {
    void (*fn)(void *arg);
    void *arg;
    uint64_t period_ns;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool woken, quit; /* under the lock */
};

/* Waits under the lock until the clock of trit_os_clock_ns shows `end_ns` or something changed. */
static void wait_until(trit_ticker *t, uint64_t end_ns) {
#if defined(__APPLE__) /* no condition there knows the monotonic clock */
    const uint64_t now = trit_os_clock_ns(), rest = end_ns > now ? end_ns - now : 0;
    const struct timespec time = {.tv_sec = (time_t)(rest / 1000000000u), .tv_nsec = (long)(rest % 1000000000u)};
    (void)pthread_cond_timedwait_relative_np(&t->changed, &t->lock, &time);
#else
    const struct timespec time = {.tv_sec = (time_t)(end_ns / 1000000000u), .tv_nsec = (long)(end_ns % 1000000000u)};
    (void)pthread_cond_timedwait(&t->changed, &t->lock, &time);
#endif
}

static void *ticker_main(void *arg) {
    trit_ticker *t = arg;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        const uint64_t next = trit_os_clock_ns() + t->period_ns;
        while (!t->quit && !t->woken && trit_os_clock_ns() < next) wait_until(t, next);
        if (t->quit) break;
        t->woken = false;
        pthread_mutex_unlock(&t->lock);
        t->fn(t->arg);
        pthread_mutex_lock(&t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void change(trit_ticker *t, bool *what) {
    pthread_mutex_lock(&t->lock);
    *what = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

static void release(trit_ticker *t) {
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    trit_free(t);
}

trit_status trit_ticker_new(trit_ticker **out, unsigned period_ms, void (*fn)(void *arg), void *arg, trit_error *err) {
    trit_ticker *t = trit_alloc_zero(1, sizeof *t);
    if (!t) return trit_error_memory(err, sizeof *t, "a ticker");
    *t = (trit_ticker){.fn = fn, .arg = arg, .period_ns = (uint64_t)period_ms * 1000000u};
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
#if !defined(__APPLE__)
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
#endif
    pthread_cond_init(&t->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&t->lock, NULL);
    const int failed = pthread_create(&t->thread, NULL, ticker_main, t);
    if (failed) {
        release(t);
        return trit_error_set(err, trit_fail, "cannot start a thread: %s", strerror(failed));
    }
    *out = t;
    return trit_ok;
}

void trit_ticker_wake(trit_ticker *t) {
    change(t, &t->woken);
}

void trit_ticker_free(trit_ticker *t) {
    if (!t) return;
    change(t, &t->quit);
    pthread_join(t->thread, NULL);
    release(t);
}
