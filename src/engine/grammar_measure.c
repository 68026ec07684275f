/* What is known of a program before any text: how many bytes and how many rules inside each other the way to the end takes at least,
 * and that no rule begins with itself.
 *
 * Least values over rules that call each other: D. E. Knuth, "A generalization of Dijkstra's algorithm", Information Processing
 * Letters 6 (1977). A step's value is final when it is the least of those not final yet. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/grammar_program.h"

static const uint32_t unknown = UINT32_MAX;

typedef struct measure {
    trit_grammar *g;
    uint32_t *from, *user; /* steps that lead to step i: user[from[i]] ... user[from[i + 1] - 1] */
    uint64_t *heap;        /* value << 32 | step, the least on top */
    size_t n_heap;
    uint32_t *value;       /* [n_steps] what is being measured */
    bool *is_final;
    bool of_height;
} measure;

/* ---- Who leads to a step ---- */

static uint32_t targets(const trit_grammar *g, uint32_t i, uint32_t out[2]) {
    const trit_grammar_step *s = &g->step[i];
    if (s->kind == trit_grammar_step_end || (s->kind == trit_grammar_step_byte && s->low > s->high)) return 0;
    out[0] = s->kind == trit_grammar_step_free ? s->other : s->next;
    if (s->kind == trit_grammar_step_free) return 1;
    out[1] = s->kind == trit_grammar_step_call ? g->entry[s->other] : s->other;
    return s->kind == trit_grammar_step_byte ? 1 : 2;
}

static void list_users(measure *m) {
    uint32_t n = m->g->n_steps, to[2];
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = targets(m->g, i, to); k-- > 0;) m->from[to[k] + 2]++;
    for (uint32_t i = 1; i < n + 1; i++) m->from[i + 1] += m->from[i];
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = targets(m->g, i, to); k-- > 0;) m->user[m->from[to[k] + 1]++] = i;
}

/* ---- Least values ---- */

/* A step's value by what is final of those it leads to; unknown: not yet. */
static uint32_t value_of(const measure *m, uint32_t i, uint32_t newest) {
    const trit_grammar *g = m->g;
    const trit_grammar_step *s = &g->step[i];
    if (s->kind == trit_grammar_step_split || s->kind == trit_grammar_step_free) return m->value[newest];
    if (!m->is_final[s->next]) return unknown;
    uint32_t next = m->value[s->next];
    if (s->kind == trit_grammar_step_byte) return m->of_height ? next : trit_least_sum(next, 1);
    uint32_t entry = g->entry[s->other];
    if (m->of_height && g->least[entry] == 0) return next; /* nobody must go in there */
    if (!m->is_final[entry]) return unknown;
    uint32_t inside = m->value[entry];
    if (!m->of_height) return trit_least_sum(next, inside);
    return next > inside + 1 ? next : inside + 1;
}

static void run(measure *m, uint32_t *value, bool of_height) {
    const trit_grammar *g = m->g;
    m->value = value;
    m->of_height = of_height;
    m->n_heap = 0;
    memset(value, 0xFF, g->n_steps * sizeof *value);
    memset(m->is_final, 0, g->n_steps * sizeof *m->is_final);
    for (uint32_t i = 0; i < g->n_steps; i++)
        if (g->step[i].kind == trit_grammar_step_end) trit_heap_push(m->heap, &m->n_heap, i);
    while (m->n_heap) {
        uint64_t top = trit_heap_pop(m->heap, &m->n_heap);
        uint32_t i = (uint32_t)top;
        if (m->is_final[i]) continue;
        m->is_final[i] = true;
        value[i] = (uint32_t)(top >> 32);
        for (uint32_t k = m->from[i]; k < m->from[i + 1]; k++) {
            uint32_t v = m->is_final[m->user[k]] ? unknown : value_of(m, m->user[k], i);
            if (v != unknown) trit_heap_push(m->heap, &m->n_heap, (uint64_t)v << 32 | m->user[k]);
        }
    }
}

static trit_status rule_error(const trit_expr_tree *tree, uint32_t rule, trit_status status, const char *what, trit_error *err) {
    const trit_grammar_rule *r = &tree->rule[rule];
    const char *name = tree->bytes.data + r->name;
    if (!r->line) return trit_error_set(err, status, "grammar: %.*s %s", (int)r->n_name, name, what);
    return trit_error_set(err, status, "grammar: rule \"%.*s\" (line %u) %s", (int)r->n_name, name, r->line, what);
}

static trit_status check_values(const measure *m, const trit_expr_tree *tree, trit_error *err) {
    for (uint32_t i = 0; i < tree->n_rules; i++) {
        uint32_t entry = m->g->entry[i];
        if (i && !tree->rule[i].line) continue; /* no person's: an alternative that can never be */
        if (m->g->least[entry] == unknown)
            return rule_error(tree, i, trit_format, "has no text: whatever it begins with never comes to an end", err);
        if (m->g->least[entry] >= trit_least_max) return rule_error(tree, i, trit_unsupported, "has no text shorter than a gigabyte", err);
        if (m->g->height[entry] >= trit_grammar_max_depth) return rule_error(tree, i, trit_unsupported, "nests too deeply", err);
    }
    return trit_ok;
}

/* ---- Rules that begin with each other ---- */

typedef struct ranking {
    trit_grammar *g;
    uint32_t *stack;           /* [2 n_steps] */
    bool *seen;                /* [n_steps] */
    uint32_t *edge, *from;     /* rule r may begin with edge[from[r]] ... edge[from[r + 1] - 1] */
    uint32_t *n_before;        /* [n_rules]: rules without a rank that may begin with this one */
} ranking;

/* All rules that may be the first to be called in rule r. A step is of one rule alone. */
static void list_firsts(ranking *k, uint32_t r) {
    const trit_grammar *g = k->g;
    size_t n = 0;
    k->from[r + 1] = k->from[r];
    k->stack[n++] = g->entry[r];
    while (n) {
        uint32_t i = k->stack[--n];
        const trit_grammar_step *s = &g->step[i];
        if (k->seen[i] || s->kind == trit_grammar_step_byte || s->kind == trit_grammar_step_end) continue;
        k->seen[i] = true;
        if (s->kind == trit_grammar_step_call) k->edge[k->from[r + 1]++] = s->other;
        if (s->kind == trit_grammar_step_free) continue; /* its bytes */
        if (s->kind == trit_grammar_step_split) k->stack[n++] = s->other;
        if (s->kind == trit_grammar_step_split || g->least[g->entry[s->other]] == 0) k->stack[n++] = s->next;
    }
}

/* One of the rules that begin with themselves, with a name: behind any that has no rank, backwards, until the way must be a circle. */
static uint32_t find_loop(const ranking *k, const trit_expr_tree *tree) {
    const trit_grammar *g = k->g;
    uint32_t at = 0, *user = k->stack;
    for (uint32_t r = 0; r < g->n_rules; r++)
        for (uint32_t e = k->from[r]; e < k->from[r + 1] && k->n_before[r]; e++) user[k->edge[e]] = r;
    while (!k->n_before[at]) at++;
    for (uint32_t i = 0; i < g->n_rules || at >= tree->n_rules; i++) at = user[at];
    return at;
}

static trit_status rank(ranking *k, const trit_expr_tree *tree, trit_error *err) {
    trit_grammar *g = k->g;
    uint32_t n_ranked = 0, n_ready = 0;
    for (uint32_t r = 0; r < g->n_rules; r++) list_firsts(k, r);
    for (uint32_t e = 0; e < k->from[g->n_rules]; e++) k->n_before[k->edge[e]]++;
    for (uint32_t r = 0; r < g->n_rules; r++)
        if (!k->n_before[r]) k->stack[n_ready++] = r;
    while (n_ready) {
        uint32_t r = k->stack[--n_ready];
        g->rank[r] = n_ranked++;
        for (uint32_t e = k->from[r]; e < k->from[r + 1]; e++)
            if (--k->n_before[k->edge[e]] == 0) k->stack[n_ready++] = k->edge[e];
    }
    if (n_ranked == g->n_rules) return trit_ok;
    return rule_error(tree, find_loop(k, tree), trit_format, "begins with itself (left recursion)", err);
}

static trit_status rank_rules(trit_grammar *g, const trit_expr_tree *tree, trit_error *err) {
    ranking k = {
        .g = g,
        .stack = trit_alloc(2 * (size_t)g->n_steps + 2, sizeof *k.stack),
        .seen = trit_alloc_zero(g->n_steps, sizeof *k.seen),
        .edge = trit_alloc(g->n_steps, sizeof *k.edge),
        .from = trit_alloc_zero((size_t)g->n_rules + 1, sizeof *k.from),
        .n_before = trit_alloc_zero(g->n_rules, sizeof *k.n_before),
    };
    trit_status status = k.stack && k.seen && k.edge && k.from && k.n_before
                             ? rank(&k, tree, err)
                             : trit_error_memory(err, 4 * (size_t)g->n_steps * sizeof *k.stack, "a grammar");
    void *owned[] = {k.stack, k.seen, k.edge, k.from, k.n_before};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) trit_free(owned[i]);
    return status;
}

trit_status trit_grammar_measure(trit_grammar *g, const trit_expr_tree *tree, trit_error *err) {
    size_t n = g->n_steps;
    measure m = {
        .g = g,
        .from = trit_alloc_zero(n + 2, sizeof *m.from),
        .user = trit_alloc(2 * n, sizeof *m.user),
        .heap = trit_alloc(3 * n, sizeof *m.heap),
        .is_final = trit_alloc(n, sizeof *m.is_final),
    };
    g->least = trit_alloc(n, sizeof *g->least);
    g->height = trit_alloc(n, sizeof *g->height);
    g->rank = trit_alloc(g->n_rules, sizeof *g->rank);
    trit_status status = trit_ok;
    if (m.from && m.user && m.heap && m.is_final && g->least && g->height && g->rank) {
        list_users(&m);
        run(&m, g->least, false);
        run(&m, g->height, true);
        status = check_values(&m, tree, err);
    } else {
        status = trit_error_memory(err, 8 * n * sizeof *m.user, "a grammar");
    }
    trit_free(m.from);
    trit_free(m.user);
    trit_free(m.heap);
    trit_free(m.is_final);
    return status == trit_ok ? rank_rules(g, tree, err) : status;
}
