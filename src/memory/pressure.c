/* A reading becomes a level, a change of level becomes calls. */
#include "trit/pressure.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/memory_load.h"
#include "base/ticker.h"

typedef struct subscriber {
    trit_pressure_fn *fn;
    void *user;
} subscriber;

struct trit_pressure {
    trit_pressure_opts opts; /* all chosen */
    trit_memory_source *source;
    trit_ticker *ticker;   /* NULL: no thread */
    pthread_mutex_t lock;  /* of all below; held while calls are made */
    trit_pressure_state state;
    subscriber *subscribers;
    size_t n_subscribers, capacity;
    atomic_int level;      /* state.level, for those who cannot wait */
};

static const char *const level_names[] = {"calm", "low", "medium", "high", "critical"};

const char *trit_pressure_level_name(trit_pressure_level level) {
    return (unsigned)level <= trit_pressure_n_levels ? level_names[level] : NULL;
}

static trit_status choose(trit_pressure_opts *o, trit_error *err) {
    static const double usual[trit_pressure_n_levels] = {0.70, 0.80, 0.90, 0.95};
    double last = 0.5;
    for (int i = 0; i < trit_pressure_n_levels; i++) {
        double *t = &o->thresholds[i];
        if (*t == 0) *t = usual[i];
        if (!(*t > last && *t <= 1))
            return trit_error_set(err, trit_arg, "thresholds of pressure: %g is not between %g and 1", *t, last);
        last = *t;
    }
    if (o->hysteresis == 0) o->hysteresis = 0.03;
    if (!(o->hysteresis > 0 && o->hysteresis <= 0.2))
        return trit_error_set(err, trit_arg, "hysteresis of pressure: %g is not between 0 and 0.2", o->hysteresis);
    if (o->stall_percent == 0) o->stall_percent = 20;
    if (!o->period_ms) o->period_ms = 100;
    if (!o->root) o->root = "";
    return trit_ok;
}

/* The level that a reading means when `before` was the level. */
static int level_of(const trit_pressure_opts *o, const trit_memory_load *load, int before) {
    const double share = (double)load->used / (double)load->limit;
    int level = 0;
    while (level < trit_pressure_n_levels) {
        const bool holds = level < before; /* the next level up does already */
        if (share < o->thresholds[level] - (holds ? o->hysteresis : 0)) break;
        level++;
    }
    const double stall = before >= trit_pressure_high ? o->stall_percent / 2 : o->stall_percent;
    if (o->stall_percent > 0 && load->stall_percent >= stall && level < trit_pressure_high) level = trit_pressure_high;
    return level;
}

/* Under the lock: one level up or down, everybody told. */
static void cross(trit_pressure *p, bool is_rising) {
    const trit_pressure_level crossed = is_rising ? p->state.level + 1 : p->state.level;
    p->state.level = is_rising ? crossed : crossed - 1;
    p->state.n_crossings++;
    atomic_store(&p->level, (int)p->state.level);
    for (size_t i = 0; i < p->n_subscribers; i++) p->subscribers[i].fn(p->subscribers[i].user, crossed, is_rising, &p->state);
}

trit_pressure_level trit_pressure_check(trit_pressure *p) {
    if (pthread_mutex_trylock(&p->lock) != 0) return (trit_pressure_level)atomic_load(&p->level);
    trit_memory_load load;
    if (trit_memory_source_read(p->source, &load)) {
        p->state.used = load.used;
        p->state.limit = load.limit;
        p->state.stall_percent = load.stall_percent;
        p->state.source = load.kind;
        p->state.n_checks++;
        const int level = level_of(&p->opts, &load, (int)p->state.level);
        while ((int)p->state.level != level) cross(p, level > (int)p->state.level);
    }
    const trit_pressure_level level = p->state.level;
    pthread_mutex_unlock(&p->lock);
    return level;
}

static void look(void *arg) {
    (void)trit_pressure_check(arg);
}

trit_status trit_pressure_new(trit_pressure **out, const trit_pressure_opts *opts, trit_error *err) {
    trit_pressure *p = trit_alloc_zero(1, sizeof *p);
    if (!p) return trit_error_memory(err, sizeof *p, "a watch of memory pressure");
    if (opts) p->opts = *opts;
    pthread_mutex_init(&p->lock, NULL);
    trit_status status = choose(&p->opts, err);
    if (status == trit_ok) status = trit_memory_source_open(&p->source, p->opts.root, err);
    p->opts.root = NULL; /* the caller's */
    if (status == trit_ok) {
        (void)trit_pressure_check(p);
        if (!p->opts.no_thread) status = trit_ticker_new(&p->ticker, p->opts.period_ms, look, p, err);
    }
    if (status != trit_ok) {
        trit_pressure_free(p);
        return status;
    }
    *out = p;
    return trit_ok;
}

void trit_pressure_free(trit_pressure *p) {
    if (!p) return;
    trit_ticker_free(p->ticker);
    trit_memory_source_close(p->source);
    pthread_mutex_destroy(&p->lock);
    trit_free(p->subscribers);
    trit_free(p);
}

trit_status trit_pressure_subscribe(trit_pressure *p, trit_pressure_fn *fn, void *user, trit_error *err) {
    pthread_mutex_lock(&p->lock);
    void *grown = p->subscribers;
    const bool good = trit_grow(&grown, &p->capacity, p->n_subscribers + 1, sizeof *p->subscribers);
    p->subscribers = grown;
    if (good) p->subscribers[p->n_subscribers++] = (subscriber){fn, user};
    pthread_mutex_unlock(&p->lock);
    return good ? trit_ok : trit_error_memory(err, sizeof(subscriber), "a subscriber of memory pressure");
}

void trit_pressure_unsubscribe(trit_pressure *p, trit_pressure_fn *fn, void *user) {
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n_subscribers; i++)
        if (p->subscribers[i].fn == fn && p->subscribers[i].user == user) {
            p->n_subscribers--;
            for (size_t k = i; k < p->n_subscribers; k++) p->subscribers[k] = p->subscribers[k + 1];
            break;
        }
    pthread_mutex_unlock(&p->lock);
}

void trit_pressure_describe(trit_pressure *p, trit_pressure_state *out) {
    pthread_mutex_lock(&p->lock);
    *out = p->state;
    pthread_mutex_unlock(&p->lock);
}
