/* A tour of memory: a pool, what it counts, a leak found, blocks that may be moved, memory given back.
 *
 *   cc memory.c $(pkg-config --cflags --libs trit) && ./a.out */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <trit/trit.h>

static trit_error err;

static void need(bool good) {
    if (good) return;
    fprintf(stderr, "%s\n", err.message);
    exit(1);
}

static void show(const trit_pool *pool, const char *when) {
    trit_pool_metrics m;
    trit_pool_measure(pool, &m);
    printf("%-28s %5llu blocks, %6.1f KiB asked for, %7.1f KiB held, %5.2f %% of calls without the system\n", when,
           (unsigned long long)m.n_live, (double)m.requested / 1024, (double)m.committed / 1024, 100 * m.hit_rate);
}

int main(void) {
    trit_pool *pool;
    need(trit_pool_new(&pool, &(trit_pool_opts){.name = "tour", .tracking = trit_tracking_standard}, &err) == trit_ok);

    /* Small and large, released in another order. */
    enum { n = 1000 };
    void *block[n];
    for (size_t i = 0; i < n; i++) {
        block[i] = trit_pool_alloc(pool, 100 + i * 7 % 5000, 64, "block", &err);
        need(block[i] != NULL);
        memset(block[i], (int)i, 100);
    }
    show(pool, "a thousand blocks");
    void *forgotten = trit_pool_alloc(pool, 3000, 0, "forgotten", &err);
    need(forgotten != NULL);
    for (size_t i = 0; i < n; i++) need(trit_pool_release(pool, block[i * 7 % n], &err) == trit_ok);
    show(pool, "released");

    /* Released twice: caught, not a crash. */
    if (trit_pool_release(pool, block[0], &err) != trit_ok) printf("\nonce more: %s\n", err.message);

    /* What is still there. */
    trit_leaks *leaks;
    trit_text text = {0};
    need(trit_tracker_leaks(&leaks, trit_pool_tracker(pool), 0, &err) == trit_ok);
    need(trit_leaks_text(leaks, &text, &err) == trit_ok);
    printf("\n%s\n", text.data);
    trit_leaks_free(leaks);
    trit_text_fini(&text);
    need(trit_pool_release(pool, forgotten, &err) == trit_ok);

    /* Handles: while nobody holds the address, the block may be moved to where it is in nobody's way. */
    trit_handle handle[64];
    for (size_t i = 0; i < 64; i++) need(trit_handle_new(pool, &handle[i], 40000, 0, "handle", &err) == trit_ok);
    for (size_t i = 0; i < 64; i++)
        if (i % 8) need(trit_handle_free(pool, handle[i], &err) == trit_ok);
    show(pool, "an eighth of the handles");
    const size_t given_back = trit_pool_compact(pool);
    printf("compacting gave %zu KiB back\n", given_back / 1024);
    show(pool, "compacted");
    void *p;
    if (trit_handle_pin(pool, handle[1], &p, &err) != trit_ok) printf("\na handle that was freed: %s\n", err.message);

    trit_pool_free(pool);
    return 0;
}
