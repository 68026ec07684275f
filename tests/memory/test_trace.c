/* memory/pool on what programs really ask for. The traces (tools/memory/record.c says what they are made of): run.trace is
 * `trit run -t 1 -n 64` of a model of 3 million weights in a folder of safetensors when all of its memory came from malloc; large.trace
 * the same of the shape bitnet-large, 730 million; train.trace is tools/memory/train.py. TRIT_TRACE_ROUNDS=N: the times beside malloc's
 * and, where there is a libmimalloc.so, mimalloc's, too. */
#include "test.h"

#include <dlfcn.h>

#include "base/os.h"
#include "memory/poison.h"
#include "memory/pool.h"

static trit_error err;

typedef struct event {
    uint8_t kind;    /* 0: take, 1: release, 2: resize */
    uint32_t block;
    size_t bytes;
} event;

typedef struct trace {
    event *events;
    size_t n, n_blocks;
} trace;

static uint64_t number_at(const uint8_t **p, const uint8_t *end) {
    uint64_t v = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        const uint8_t b = *(*p)++;
        v |= (uint64_t)(b & 127) << shift;
        if (b < 128) return v;
    }
    fail_msg("the trace ends within a number");
    return 0;
}

static trace read_trace(const char *path) {
    size_t n;
    char *file = test_read(test_source(path), &n);
    trace t = {.events = calloc(n, sizeof *t.events)};
    const uint8_t *p = (const uint8_t *)file + 8, *end = (const uint8_t *)file + n;
    assert_true(n > 8 && memcmp(file, "TRITMEM1", 8) == 0);
    while (p < end) {
        const uint64_t v = number_at(&p, end);
        event e = {.kind = (uint8_t)(v & 3), .bytes = (size_t)(v >> 2), .block = (uint32_t)t.n_blocks};
        if (e.kind) {
            assert_true(v >> 2 >= 1 && v >> 2 <= t.n_blocks);
            e.block -= (uint32_t)(v >> 2);
            e.bytes = e.kind == 2 ? (size_t)number_at(&p, end) : 0;
        } else {
            t.n_blocks++;
        }
        t.events[t.n++] = e;
    }
    free(file);
    return t;
}

/* Who serves a trace. */
typedef struct server {
    const char *name;
    void *(*take)(void *self, size_t n);
    void *(*resize)(void *self, void *p, size_t n);
    void (*release)(void *self, void *p);
    void *self;
} server;

static void *pool_take(void *self, size_t n) {
    return trit_pool_alloc(self, n, 0, NULL, NULL);
}

static void *pool_resize(void *self, void *p, size_t n) {
    return trit_pool_resize(self, p, n, 0, NULL);
}

static void pool_release(void *self, void *p) {
    (void)trit_pool_release(self, p, NULL);
}

static void serve(const server *s, const trace *t, size_t from, size_t to, void **blocks) {
    for (size_t i = from; i < to; i++) {
        const event *e = &t->events[i];
        void **p = &blocks[e->block];
        if (e->kind == 0)
            *p = s->take(s->self, e->bytes);
        else if (e->kind == 2)
            *p = s->resize(s->self, *p, e->bytes);
        else
            s->release(s->self, *p), *p = NULL;
    }
}

static void release_all(const server *s, const trace *t, void **blocks) {
    for (size_t i = 0; i < t->n_blocks; i++)
        if (blocks[i]) s->release(s->self, blocks[i]), blocks[i] = NULL;
}

/* Where most bytes were live at once. */
static size_t peak_of(const trace *t) {
    size_t *bytes = calloc(t->n_blocks, sizeof *bytes), live = 0, most = 0, at = 0;
    for (size_t i = 0; i < t->n; i++) {
        const event *e = &t->events[i];
        live += e->bytes - bytes[e->block];
        bytes[e->block] = e->bytes;
        if (live > most) {
            most = live;
            at = i + 1;
        }
    }
    free(bytes);
    return at;
}

/* Live blocks may cost 3.2 % beyond what was asked for, where they are many times the pool's tables (some 200 KB). */
static void check_costs(const char *path, double most_overhead) {
    trace t = read_trace(path);
    const size_t peak = peak_of(&t);
    void **blocks = calloc(t.n_blocks, sizeof *blocks);
    trit_pool_metrics m, end;
    server s = {"pool", pool_take, pool_resize, pool_release, NULL};
    trit_pool *pool = NULL;
    assert_ok(trit_pool_new(&pool, &(trit_pool_opts){.huge = trit_huge_never}, &err));
    s.self = pool;
    serve(&s, &t, 0, peak, blocks);
    trit_pool_measure(pool, &m);
    serve(&s, &t, peak, t.n, blocks);
    trit_pool_measure(pool, &end);
    print_message("%s: %zu calls, %zu blocks; at the peak %.2f MB asked for, overhead %.2f %% of live blocks, %.2f %% of all that is "
                  "committed; hits %.2f %%, %.2f %% on pages committed before\n",
                  path, t.n, t.n_blocks, (double)m.requested / 1e6, 100 * m.overhead, 100 * m.overhead_committed,
                  100 * end.hit_rate,
                  100 * (1 - (double)end.n_commits / (double)(end.n_allocations + end.n_resizes)));
    assert_true(end.hit_rate >= 0.98);
    if (!TRIT_POISONS) assert_true(m.overhead <= most_overhead);
    release_all(&s, &t, blocks);
    (void)trit_pool_trim(pool);
    trit_pool_measure(pool, &end);
    assert_int_equal(end.committed, 0);
    assert_int_equal(end.requested, 0);
    trit_pool_free(pool);
    free(blocks);
    free(t.events);
}

static void costs(void **state) {
    (void)state;
    check_costs("tests/memory/traces/run.trace", 0.05);
    check_costs("tests/memory/traces/large.trace", 0.032);
    check_costs("tests/memory/traces/train.trace", 0.032);
}

/* ---- Times ---- */

static void *heap_take(void *self, size_t n) {
    (void)self;
    return malloc(n);
}

static void *heap_resize(void *self, void *p, size_t n) {
    (void)self;
    return realloc(p, n ? n : 1);
}

static void heap_release(void *self, void *p) {
    (void)self;
    free(p);
}

static struct {
    void *(*take)(size_t n);
    void *(*resize)(void *p, size_t n);
    void (*release)(void *p);
} mi;

static void *mi_take(void *self, size_t n) {
    (void)self;
    return mi.take(n);
}

static void *mi_resize(void *self, void *p, size_t n) {
    (void)self;
    return mi.resize(p, n);
}

static void mi_release(void *self, void *p) {
    (void)self;
    mi.release(p);
}

static bool find_mimalloc(void) {
    void *library = dlopen("libmimalloc.so", RTLD_NOW);
    if (!library) library = dlopen("libmimalloc.so.2", RTLD_NOW);
    if (!library) return false;
    *(void **)&mi.take = dlsym(library, "mi_malloc");
    *(void **)&mi.resize = dlsym(library, "mi_realloc");
    *(void **)&mi.release = dlsym(library, "mi_free");
    return mi.take && mi.resize && mi.release;
}

static inline uint64_t ticks(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return trit_os_clock_ns();
#endif
}

static int by_size(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

typedef struct times {
    uint32_t *all;   /* ticks of each call */
    size_t n;
    double best_ns;  /* of a call, over a whole round */
} times;

/* One round; each call is timed by itself, and every other round as a whole. */
static void run_round(const server *s, const trace *t, void **blocks, times *out, bool is_whole) {
    const uint64_t begin = trit_os_thread_ns();
    if (is_whole) {
        serve(s, t, 0, t->n, blocks);
        release_all(s, t, blocks);
        const double ns = (double)(trit_os_thread_ns() - begin) / (double)t->n;
        if (out->best_ns == 0 || ns < out->best_ns) out->best_ns = ns;
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        const uint64_t from = ticks();
        serve(s, t, i, i + 1, blocks);
        const uint64_t n = ticks() - from;
        if (t->events[i].bytes <= 1024) out->all[out->n++] = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    }
    release_all(s, t, blocks);
}

static double ns_of_tick(void) {
    const uint64_t ns = trit_os_clock_ns(), from = ticks();
    while (trit_os_clock_ns() - ns < 20000000) continue;
    return (double)(trit_os_clock_ns() - ns) / (double)(ticks() - from);
}

static void measure(const char *path, size_t n_rounds) {
    trace t = read_trace(path);
    void **blocks = calloc(t.n_blocks, sizeof *blocks);
    const double ns = ns_of_tick();
    trit_pool *pool = NULL;
    assert_ok(trit_pool_new(&pool, NULL, &err));
    server servers[] = {{"pool", pool_take, pool_resize, pool_release, pool}, {"malloc", heap_take, heap_resize, heap_release, NULL},
                        {"mimalloc", mi_take, mi_resize, mi_release, NULL}};
    const size_t n_servers = find_mimalloc() ? 3 : 2;
    times found[3] = {{0}};
    for (size_t k = 0; k < n_servers; k++) found[k].all = calloc(n_rounds * t.n, sizeof *found[k].all);
    for (size_t round = 0; round < 2 * n_rounds; round++) /* in turns, so that the machine's moods meet all alike */
        for (size_t k = 0; k < n_servers; k++) run_round(&servers[k], &t, blocks, &found[k], round % 2);
    uint64_t empty = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        const uint64_t from = ticks(), n = ticks() - from;
        if (n < empty) empty = n;
    }
    print_message("%s, calls of at most 1 KiB, each timed (the clock itself: %.0f ns, taken off); all calls, the best round of %zu:\n", path,
                  (double)empty * ns, n_rounds);
    for (size_t k = 0; k < n_servers; k++) {
        times *f = &found[k];
        qsort(f->all, f->n, sizeof *f->all, by_size);
        print_message("  %-9s p50 %6.0f ns  p99 %6.0f ns  p99.9 %6.0f ns   %7.1f ns a call\n", servers[k].name,
                      ((double)f->all[f->n / 2] - (double)empty) * ns, ((double)f->all[f->n * 99 / 100] - (double)empty) * ns,
                      ((double)f->all[f->n * 999 / 1000] - (double)empty) * ns, f->best_ns);
        free(f->all);
    }
    trit_pool_free(pool);
    free(blocks);
    free(t.events);
}

static void beside_others(void **state) {
    (void)state;
    const char *text = getenv("TRIT_TRACE_ROUNDS");
    if (!text) skip();
    measure("tests/memory/traces/run.trace", strtoul(text, NULL, 10));
    measure("tests/memory/traces/large.trace", strtoul(text, NULL, 10));
    measure("tests/memory/traces/train.trace", strtoul(text, NULL, 10));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(costs), cmocka_unit_test(beside_others)};
    return cmocka_run_group_tests_name("memory/trace", tests, NULL, NULL);
}
