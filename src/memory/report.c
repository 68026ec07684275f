/* What a pool tells of itself: its counters, for people and as JSON. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "memory/pool.h"

/* A measurement changes nothing that its caller could see; locks are the exception. */
static trit_pool *locked(const trit_pool *pool) {
    trit_pool *p = (trit_pool *)(uintptr_t)pool;
    pthread_mutex_lock(&p->lock);
    return p;
}

static double ratio(double a, double b, double otherwise) {
    return b > 0 ? a / b : otherwise;
}

/* Units free in arenas, and the longest run of them. */
static uint64_t count_free(const trit_pool *pool, uint64_t *longest) {
    uint64_t n = 0;
    *longest = 0;
    for (const trit_region *r = pool->arenas; r; r = r->next) {
        if (trit_buddy_longest(&r->free) > *longest) *longest = trit_buddy_longest(&r->free);
        for (uint32_t u = 0; u < r->n_units;) {
            const uint32_t run = trit_buddy_run_at(&r->free, u);
            n += run;
            u += run ? run : 1;
        }
    }
    return n;
}

void trit_pool_measure(const trit_pool *pool, trit_pool_metrics *out) {
    trit_counts c;
    uint64_t n_threads, longest;
    trit_counts_sum(pool, &c, &n_threads);
    trit_pool *p = locked(pool);
    const uint64_t n_free = count_free(p, &longest) << p->unit_shift;
    *out = (trit_pool_metrics){.committed = p->committed, .reserved = p->reserved, .metadata = p->metadata,
                               .peak_committed = p->peak_committed, .limit = p->limit, .in_use = p->large_in_use,
                               .n_trims = p->n_trims, .trimmed = p->trimmed, .n_arenas = p->n_arenas, .n_commits = p->n_commits,
                               .largest_free = longest << p->unit_shift};
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < pool->n_classes; i++) out->in_use += trit_counted(&pool->classes[i].n_out) * pool->classes[i].bytes;
    out->in_use -= trit_counted(&c.held);
    out->metadata += trit_counted(&c.own_bytes);
    out->requested = trit_counted(&c.requested);
    out->n_allocations = trit_counted(&c.n_allocations);
    out->n_releases = trit_counted(&c.n_releases);
    out->n_live = out->n_allocations - out->n_releases;
    out->n_resizes = trit_counted(&c.n_resizes);
    out->n_moved = trit_counted(&c.n_moved);
    out->n_misses = trit_counted(&c.n_misses);
    out->n_direct = trit_counted(&c.n_direct);
    out->n_failed = trit_counted(&c.n_failed);
    out->n_threads = n_threads;
    const double requested = (double)out->requested, metadata = (double)out->metadata;
    out->hit_rate = 1 - ratio((double)out->n_misses, (double)(out->n_allocations + out->n_resizes), 0);
    out->fragmentation_internal = 1 - ratio(requested, (double)out->in_use, 1);
    out->fragmentation_external = 1 - ratio((double)out->largest_free, (double)n_free, 1);
    out->overhead = ratio((double)out->in_use + metadata - requested, requested, 0);
    out->overhead_committed = ratio((double)out->committed + metadata - requested, requested, 0);
}

static bool print(trit_text *out, const char *fmt, ...) TRIT_PRINTF(2, 3);

static bool print(trit_text *out, const char *fmt, ...) {
    char line[256];
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    return n >= 0 && trit_text_append(out, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

/* Classes of which threads have blocks or which have spans: fn for each, false stops. */
static bool each_class(const trit_pool *pool, trit_text *out, bool (*fn)(trit_text *out, const trit_class *c, bool is_first)) {
    bool good = true, is_first = true;
    for (unsigned i = 0; good && i < pool->n_classes; i++) {
        if (!trit_counted(&pool->classes[i].n_spans)) continue;
        good = fn(out, &pool->classes[i], is_first);
        is_first = false;
    }
    return good;
}

static bool class_text(trit_text *out, const trit_class *c, bool is_first) {
    const uint64_t n_spans = trit_counted(&c->n_spans);
    return (!is_first || print(out, "  %10s %10s %10s\n", "class", "blocks", "of")) &&
           print(out, "  %10" PRIu32 " %10" PRIu64 " %10" PRIu64 "\n", c->bytes, trit_counted(&c->n_out), n_spans * c->n_blocks);
}

static bool class_json(trit_text *out, const trit_class *c, bool is_first) {
    return print(out, "%s{\"bytes\":%" PRIu32 ",\"blocks\":%" PRIu64 ",\"spans\":%" PRIu64 "}", is_first ? "" : ",", c->bytes,
                 trit_counted(&c->n_out), trit_counted(&c->n_spans));
}

trit_status trit_pool_report(const trit_pool *pool, trit_text *out, trit_error *err) {
    trit_pool_metrics m;
    trit_pool_measure(pool, &m);
    const bool good =
        print(out, "pool %s\n", pool->name) &&
        print(out, "  requested    %14" PRIu64 " bytes in %" PRIu64 " blocks\n", m.requested, m.n_live) &&
        print(out, "  in use       %14" PRIu64 " bytes, overhead %.2f %% with %" PRIu64 " of tables\n", m.in_use, 100 * m.overhead, m.metadata) &&
        print(out, "  committed    %14" PRIu64 " bytes, peak %" PRIu64 ", limit %" PRIu64 "\n", m.committed, m.peak_committed, m.limit) &&
        print(out, "  reserved     %14" PRIu64 " bytes, %" PRIu64 " arenas, longest free run %" PRIu64 "\n", m.reserved, m.n_arenas,
              m.largest_free) &&
        print(out, "  fragmentation  internal %.2f %%, external %.2f %%\n", 100 * m.fragmentation_internal, 100 * m.fragmentation_external) &&
        print(out, "  calls          %" PRIu64 " allocations (%.2f %% hits, %" PRIu64 " mappings of their own, %" PRIu64 " failed), %" PRIu64
                   " releases\n", m.n_allocations, 100 * m.hit_rate, m.n_direct, m.n_failed, m.n_releases) &&
        print(out, "                 %" PRIu64 " resizes (%" PRIu64 " moved), %" PRIu64 " trims of %" PRIu64 " bytes, %" PRIu64 " threads\n",
              m.n_resizes, m.n_moved, m.n_trims, m.trimmed, m.n_threads) &&
        each_class(pool, out, class_text);
    return good ? trit_ok : trit_error_memory(err, out->n, "the report of a pool");
}

static bool numbers(trit_text *out, const trit_pool_metrics *m) {
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"requested", m->requested}, {"in_use", m->in_use}, {"committed", m->committed}, {"reserved", m->reserved},
        {"metadata", m->metadata}, {"peak_committed", m->peak_committed}, {"limit", m->limit}, {"n_live", m->n_live},
        {"n_allocations", m->n_allocations}, {"n_releases", m->n_releases}, {"n_resizes", m->n_resizes}, {"n_moved", m->n_moved},
        {"n_misses", m->n_misses}, {"n_commits", m->n_commits}, {"n_direct", m->n_direct}, {"n_failed", m->n_failed}, {"n_trims", m->n_trims},
        {"trimmed", m->trimmed}, {"n_arenas", m->n_arenas}, {"n_threads", m->n_threads}, {"largest_free", m->largest_free},
    };
    const struct {
        const char *name;
        double value;
    } ratios[] = {
        {"hit_rate", m->hit_rate}, {"fragmentation_internal", m->fragmentation_internal},
        {"fragmentation_external", m->fragmentation_external}, {"overhead", m->overhead}, {"overhead_committed", m->overhead_committed},
    };
    bool good = true;
    for (size_t i = 0; good && i < sizeof counts / sizeof counts[0]; i++) good = print(out, ",\"%s\":%" PRIu64, counts[i].name, counts[i].value);
    for (size_t i = 0; good && i < sizeof ratios / sizeof ratios[0]; i++)
        good = print(out, ",\"%s\":", ratios[i].name) && trit_json_write_f64(out, ratios[i].value);
    return good;
}

trit_status trit_pool_report_json(const trit_pool *pool, trit_text *out, trit_error *err) {
    trit_pool_metrics m;
    trit_pool_measure(pool, &m);
    const trit_str name = trit_str_from(pool->name);
    const bool good = print(out, "{\"pool\":") && trit_json_write_str(out, name.p, name.n) && numbers(out, &m) &&
                      print(out, ",\"classes\":[") && each_class(pool, out, class_json) && print(out, "]}");
    return good ? trit_ok : trit_error_memory(err, out->n, "the report of a pool");
}
