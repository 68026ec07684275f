/* The cleaning, and the thread that looks at the rules. Pressure only wakes that thread: its callback comes from threads that may hold
 * locks of their own. */
#include "memory/cleanup.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"

static bool is_of(const char *name, const char *device) {
    return !device || strcmp(name, device) == 0;
}

trit_cleanup_sums trit_cleanup_measure(const trit_cleaner *c, const char *device) {
    trit_cleanup_sums sums = {0};
    for (size_t i = 0; i < c->n_pools; i++) {
        if (!is_of(trit_pool_name(c->pools[i]), device)) continue;
        trit_pool_metrics m;
        trit_pool_measure(c->pools[i], &m);
        sums.committed += m.committed;
        sums.in_use += m.in_use;
        sums.n_calls += m.n_allocations + m.n_releases + m.n_resizes;
    }
    return sums;
}

static uint64_t trim(const trit_cleaner *c, const trit_cleanup_order *order, bool compact) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < c->n_pools; i++)
        if (is_of(trit_pool_name(c->pools[i]), order->device)) bytes += compact ? trit_pool_compact(c->pools[i]) : trit_pool_trim(c->pools[i]);
    return bytes;
}

static uint64_t release(const trit_cleaner *c, const trit_cleanup_order *order, uint64_t bytes) {
    uint64_t released = 0;
    for (size_t i = 0; i < c->n_caches && released < bytes; i++)
        if (is_of(c->caches[i].device, order->device)) released += c->caches[i].fn(c->caches[i].user, bytes - released, order->older_than);
    return released;
}

static void add(trit_cleanup_stats *to, const trit_cleanup_stats *what) {
    if (!to) return;
    to->n_runs += what->n_runs;
    to->asked += what->asked;
    to->released += what->released;
    to->given_back += what->given_back;
    to->ns += what->ns;
}

/* Under the lock. */
static trit_cleanup_stats clean(trit_cleaner *c, const trit_cleanup_order *order) {
    trit_cleanup_stats done = {.n_runs = 1, .asked = order->bytes};
    const uint64_t start = trit_os_clock_ns();
    if (order->bytes != UINT64_MAX) done.given_back = trim(c, order, false);
    if (done.given_back < order->bytes) {
        done.released = release(c, order, order->bytes - done.given_back);
        if (order->bytes == UINT64_MAX) {
            const trit_cleanup_sums sums = trit_cleanup_measure(c, order->device);
            done.asked = sums.committed > sums.in_use ? sums.committed - sums.in_use : 0;
        }
        done.given_back += trim(c, order, order->compact);
    }
    done.ns = trit_os_clock_ns() - start;
    add(&c->total, &done);
    return done;
}

static void look_at(trit_cleaner *c, trit_cleanup_state *s, trit_pressure_level risen, trit_cleanup_stats *done) {
    trit_cleanup_order order = {.device = s->rule.device, .bytes = UINT64_MAX, .older_than = UINT64_MAX, .compact = s->rule.compact};
    if (!trit_cleanup_wants(c, s, trit_os_clock_ns(), risen, &order)) return;
    const trit_cleanup_stats run = clean(c, &order);
    add(&s->stats, &run);
    add(done, &run);
    s->since_ns = trit_os_clock_ns();
    s->is_done = true;
    s->n_calls = trit_cleanup_measure(c, s->rule.device).n_calls; /* what the caches released is no activity */
}

void trit_cleaner_look(trit_cleaner *c, trit_cleanup_stats *done) {
    pthread_mutex_lock(&c->lock);
    const trit_pressure_level risen = (trit_pressure_level)atomic_exchange(&c->risen, trit_pressure_calm);
    for (size_t i = 0; i < c->n_rules; i++) look_at(c, c->rules[i], risen, done);
    pthread_mutex_unlock(&c->lock);
}

void trit_cleaner_run(trit_cleaner *c, const trit_cleanup_order *order, trit_cleanup_stats *done) {
    pthread_mutex_lock(&c->lock);
    const trit_cleanup_stats run = clean(c, order);
    pthread_mutex_unlock(&c->lock);
    add(done, &run);
}

static void tick(void *arg) {
    trit_cleaner_look(arg, NULL);
}

static void rise(trit_cleaner *c, trit_pressure_level level) {
    int before = atomic_load(&c->risen);
    while (before < (int)level && !atomic_compare_exchange_weak(&c->risen, &before, (int)level)) continue;
}

static void hear_pressure(void *user, trit_pressure_level level, bool is_rising, const trit_pressure_state *state) {
    trit_cleaner *c = user;
    (void)state;
    if (!is_rising) return;
    rise(c, level);
    if (c->ticker) trit_ticker_wake(c->ticker);
}

trit_status trit_cleaner_new(trit_cleaner **out, const trit_cleaner_opts *opts, trit_error *err) {
    const trit_cleaner_opts chosen = opts ? *opts : (trit_cleaner_opts){0};
    trit_cleaner *c = trit_alloc_zero(1, sizeof *c);
    if (!c) return trit_error_memory(err, sizeof *c, "a cleaner of memory");
    pthread_mutex_init(&c->lock, NULL);
    atomic_init(&c->generation, 1);
    trit_status status = trit_ok;
    if (!chosen.no_thread) status = trit_ticker_new(&c->ticker, chosen.period_ms ? chosen.period_ms : 50, tick, c, err);
    if (status == trit_ok && chosen.pressure) {
        status = trit_pressure_subscribe(chosen.pressure, hear_pressure, c, err);
        if (status == trit_ok) c->pressure = chosen.pressure;
    }
    if (status != trit_ok) {
        trit_cleaner_free(c);
        return status;
    }
    *out = c;
    return trit_ok;
}

void trit_cleaner_free(trit_cleaner *c) {
    if (!c) return;
    if (c->pressure) trit_pressure_unsubscribe(c->pressure, hear_pressure, c);
    trit_ticker_free(c->ticker);
    for (size_t i = 0; i < c->n_rules; i++) trit_free(c->rules[i]);
    pthread_mutex_destroy(&c->lock);
    trit_free(c->rules);
    trit_free(c->caches);
    trit_free(c->pools);
    trit_free(c);
}

uint64_t trit_cleaner_generation(const trit_cleaner *c) {
    return atomic_load(&c->generation);
}

trit_status trit_cleaner_add_pool(trit_cleaner *c, trit_pool *pool, trit_error *err) {
    pthread_mutex_lock(&c->lock);
    void *grown = c->pools;
    const bool good = trit_grow(&grown, &c->pool_capacity, c->n_pools + 1, sizeof(trit_pool *));
    c->pools = grown;
    if (good) c->pools[c->n_pools++] = pool;
    pthread_mutex_unlock(&c->lock);
    return good ? trit_ok : trit_error_memory(err, sizeof(trit_pool *), "a pool of the cleaner");
}

void trit_cleaner_remove_pool(trit_cleaner *c, trit_pool *pool) {
    pthread_mutex_lock(&c->lock);
    size_t n = 0;
    for (size_t i = 0; i < c->n_pools; i++)
        if (c->pools[i] != pool) c->pools[n++] = c->pools[i];
    c->n_pools = n;
    pthread_mutex_unlock(&c->lock);
}

trit_status trit_cleaner_add_cache(trit_cleaner *c, const char *device, trit_cache_release_fn *fn, void *user, trit_error *err) {
    trit_cleanup_cache cache = {.fn = fn, .user = user};
    snprintf(cache.device, sizeof cache.device, "%s", device);
    pthread_mutex_lock(&c->lock);
    void *grown = c->caches;
    const bool good = trit_grow(&grown, &c->cache_capacity, c->n_caches + 1, sizeof cache);
    c->caches = grown;
    if (good) c->caches[c->n_caches++] = cache;
    pthread_mutex_unlock(&c->lock);
    return good ? trit_ok : trit_error_memory(err, sizeof cache, "a cache of the cleaner");
}

void trit_cleaner_remove_cache(trit_cleaner *c, trit_cache_release_fn *fn, void *user) {
    pthread_mutex_lock(&c->lock);
    size_t n = 0;
    for (size_t i = 0; i < c->n_caches; i++)
        if (c->caches[i].fn != fn || c->caches[i].user != user) c->caches[n++] = c->caches[i];
    c->n_caches = n;
    pthread_mutex_unlock(&c->lock);
}

trit_status trit_cleaner_add_rule(trit_cleaner *c, const trit_cleanup_rule *rule, unsigned *id, trit_error *err) {
    trit_cleanup_rule chosen = *rule;
    trit_status status = trit_cleanup_choose(c, &chosen, err);
    if (status != trit_ok) return status;
    trit_cleanup_state *s = trit_alloc_zero(1, sizeof *s);
    if (!s) return trit_error_memory(err, sizeof *s, "a rule of cleanup");
    snprintf(s->device, sizeof s->device, "%s", rule->device ? rule->device : "");
    s->rule = chosen;
    s->rule.device = rule->device ? s->device : NULL;
    s->since_ns = trit_os_clock_ns();
    pthread_mutex_lock(&c->lock);
    void *grown = c->rules;
    const bool good = trit_grow(&grown, &c->rule_capacity, c->n_rules + 1, sizeof s);
    c->rules = grown;
    if (good) {
        s->n_calls = trit_cleanup_measure(c, s->rule.device).n_calls;
        *id = (unsigned)c->n_rules;
        c->rules[c->n_rules++] = s;
    }
    pthread_mutex_unlock(&c->lock);
    if (good && chosen.kind == trit_cleanup_pressure) rise(c, trit_pressure_check(c->pressure)); /* there may be some already */
    if (good) return trit_ok;
    trit_free(s);
    return trit_error_memory(err, sizeof s, "a rule of cleanup");
}

trit_status trit_cleaner_count(trit_cleaner *c, unsigned id, trit_cleanup_stats *out, trit_error *err) {
    pthread_mutex_lock(&c->lock);
    const bool good = id == UINT32_MAX || id < c->n_rules;
    if (good) *out = id == UINT32_MAX ? c->total : c->rules[id]->stats;
    pthread_mutex_unlock(&c->lock);
    return good ? trit_ok : trit_error_set(err, trit_arg, "there is no rule %u of cleanup", id);
}
