/* The strategies: when each kind of rule wants a cleaning. */
#include "base/error.h"
#include "memory/cleanup.h"

typedef bool wants_fn(trit_cleaner *c, trit_cleanup_state *s, uint64_t now_ns, trit_pressure_level risen, trit_cleanup_order *order);

static bool is_over(const trit_cleanup_state *s, uint64_t now_ns) {
    return now_ns - s->since_ns >= (uint64_t)s->rule.period_ms * 1000000u;
}

static bool wants_idle(trit_cleaner *c, trit_cleanup_state *s, uint64_t now_ns, trit_pressure_level risen, trit_cleanup_order *order) {
    (void)risen;
    const uint64_t n_calls = trit_cleanup_measure(c, order->device).n_calls;
    if (n_calls != s->n_calls) {
        s->n_calls = n_calls;
        s->since_ns = now_ns;
        s->is_done = false;
    }
    return !s->is_done && is_over(s, now_ns);
}

static bool wants_pressure(trit_cleaner *c, trit_cleanup_state *s, uint64_t now_ns, trit_pressure_level risen, trit_cleanup_order *order) {
    (void)c;
    (void)now_ns;
    (void)order;
    return risen >= s->rule.level;
}

static bool wants_periodic(trit_cleaner *c, trit_cleanup_state *s, uint64_t now_ns, trit_pressure_level risen, trit_cleanup_order *order) {
    (void)c;
    (void)risen;
    (void)order;
    return is_over(s, now_ns);
}

static bool wants_generational(trit_cleaner *c, trit_cleanup_state *s, uint64_t now_ns, trit_pressure_level risen, trit_cleanup_order *order) {
    (void)risen;
    if (!is_over(s, now_ns)) return false;
    const uint64_t ended = atomic_fetch_add(&c->generation, 1);
    order->older_than = ended > s->rule.keep_generations ? ended - s->rule.keep_generations : 0;
    return true;
}

static bool wants_device(trit_cleaner *c, trit_cleanup_state *s, uint64_t now_ns, trit_pressure_level risen, trit_cleanup_order *order) {
    (void)now_ns;
    (void)risen;
    const uint64_t committed = trit_cleanup_measure(c, order->device).committed, before = s->committed;
    s->committed = committed;
    if (committed <= s->rule.limit_bytes) return false;
    if (committed <= before && before > s->rule.limit_bytes) return false; /* what was left is in use */
    order->bytes = committed - s->rule.limit_bytes;
    return true;
}

static bool wants_custom(trit_cleaner *c, trit_cleanup_state *s, uint64_t now_ns, trit_pressure_level risen, trit_cleanup_order *order) {
    (void)c;
    (void)now_ns;
    (void)risen;
    return s->rule.fn(s->rule.user, order);
}

static const struct {
    const char *name;
    wants_fn *wants;
    unsigned period_ms;
} kinds[trit_cleanup_n_kinds] = {
    [trit_cleanup_idle] = {"idle", wants_idle, 2000},
    [trit_cleanup_pressure] = {"pressure", wants_pressure, 0},
    [trit_cleanup_periodic] = {"periodic", wants_periodic, 10000},
    [trit_cleanup_generational] = {"generational", wants_generational, 10000},
    [trit_cleanup_device] = {"device", wants_device, 0},
    [trit_cleanup_custom] = {"custom", wants_custom, 0},
};

const char *trit_cleanup_name(trit_cleanup_kind kind) {
    return (unsigned)kind < trit_cleanup_n_kinds ? kinds[kind].name : NULL;
}

bool trit_cleanup_wants(trit_cleaner *c, trit_cleanup_state *s, uint64_t now_ns, trit_pressure_level risen, trit_cleanup_order *order) {
    return kinds[s->rule.kind].wants(c, s, now_ns, risen, order);
}

trit_status trit_cleanup_choose(const trit_cleaner *c, trit_cleanup_rule *rule, trit_error *err) {
    const char *name = trit_cleanup_name(rule->kind);
    if (!name) return trit_error_set(err, trit_arg, "a rule of cleanup has the unknown kind %d", (int)rule->kind);
    if (rule->kind == trit_cleanup_pressure && !c->pressure)
        return trit_error_set(err, trit_arg, "a rule of cleanup by pressure needs trit_cleaner_opts.pressure");
    if (rule->kind == trit_cleanup_device && (!rule->device || !rule->limit_bytes))
        return trit_error_set(err, trit_arg, "a rule of cleanup by device needs a device and a limit");
    if (rule->kind == trit_cleanup_custom && !rule->fn) return trit_error_set(err, trit_arg, "a custom rule of cleanup needs a function");
    if (!rule->period_ms) rule->period_ms = kinds[rule->kind].period_ms;
    if (rule->level == trit_pressure_calm) rule->level = trit_pressure_high;
    if (!rule->keep_generations) rule->keep_generations = 2;
    return trit_ok;
}
