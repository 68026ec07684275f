/* From the tree to the program. A node is emitted in front of what follows it, so the steps are made from the end to the beginning
 * and every `next` is known; only loops are closed afterwards. */
#include "engine/grammar_program.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/utf8.h"

typedef struct maker {
    trit_grammar *g;
    const trit_expr_tree *tree;
    size_t step_capacity, entry_capacity;
    bool no_memory, too_large;
} maker;

/* What an alternative begins with; none: no alternative yet. */
static const uint32_t none = UINT32_MAX;

static uint32_t put_step(maker *m, trit_grammar_step step) {
    trit_grammar *g = m->g;
    if (g->n_steps >= trit_grammar_max_steps) m->too_large = true;
    else if (!trit_grow((void **)&g->step, &m->step_capacity, g->n_steps + 1, sizeof *g->step)) m->no_memory = true;
    if (m->too_large || m->no_memory) return 0;
    g->step[g->n_steps] = step;
    return g->n_steps++;
}

/* A byte of a class of characters that holds all up to kind `held`. */
static uint32_t put_byte(maker *m, unsigned low, unsigned high, int held, uint32_t next) {
    int first = trit_n_char_kinds; /* kind of a byte's character */
    for (unsigned c = low; c <= high; c++) {
        int kind = c < 0x80 ? trit_char_kind(c) : trit_char_mark;
        if (kind >= 0 && kind < first) first = kind;
    }
    unsigned apart = 0;
    for (int k = 0; k < trit_n_char_kinds; k++) apart |= (unsigned)(k < first || k <= held) << k;
    return put_step(m, (trit_grammar_step){trit_grammar_step_byte, (uint8_t)low, (uint8_t)high, (uint8_t)apart, next, 0});
}

static uint32_t put_choice(maker *m, uint32_t one, uint32_t other) {
    return other == none ? one : put_step(m, (trit_grammar_step){.kind = trit_grammar_step_split, .next = one, .other = other});
}

static uint32_t put_call(maker *m, uint32_t rule, uint32_t next) {
    return put_step(m, (trit_grammar_step){.kind = trit_grammar_step_call, .next = next, .other = rule});
}

/* ---- Characters as bytes ---- */

typedef struct char_maker {
    maker *m;
    int held; /* kinds of the characters: up to this one */
    uint32_t next;
    uint32_t rest[4]; /* rest[k]: any k bytes of a character behind its first, then next */
} char_maker;

static uint32_t any_rest(char_maker *c, size_t k) {
    if (c->rest[k] == none) c->rest[k] = put_byte(c->m, 0x80, 0xBF, c->held, any_rest(c, k - 1));
    return c->rest[k];
}

static bool all_are(const char *s, size_t n, unsigned byte) {
    while (n && (uint8_t)s[n - 1] == byte) n--;
    return n == 0;
}

/* Characters of n bytes from `low` to `high`, in front of the alternative `other`. */
static uint32_t put_chars(char_maker *c, const char *low, const char *high, size_t n, uint32_t other) {
    static const char first[] = "\x80\x80\x80", last[] = "\xBF\xBF\xBF";
    unsigned from = (uint8_t)low[0], to = (uint8_t)high[0];
    if (n == 1) return put_choice(c->m, put_byte(c->m, from, to, c->held, c->next), other);
    if (from == to) return put_choice(c->m, put_byte(c->m, from, to, c->held, put_chars(c, low + 1, high + 1, n - 1, none)), other);
    if (!all_are(low + 1, n - 1, 0x80)) {
        other = put_choice(c->m, put_byte(c->m, from, from, c->held, put_chars(c, low + 1, last, n - 1, none)), other);
        from++;
    }
    if (!all_are(high + 1, n - 1, 0xBF)) {
        other = put_choice(c->m, put_byte(c->m, to, to, c->held, put_chars(c, first, high + 1, n - 1, none)), other);
        to--;
    }
    return from > to ? other : put_choice(c->m, put_byte(c->m, from, to, c->held, any_rest(c, n - 1)), other);
}

static uint32_t emit_chars(maker *m, const trit_expr *node, uint32_t next) {
    static const uint32_t last_of_length[] = {0x7F, 0x7FF, 0xFFFF, 0x10FFFF};
    int held = trit_expr_kinds(m->tree, node);
    char_maker c = {m, held, next, {next, none, none, none}};
    uint32_t entry = none;
    for (uint32_t i = 0; i < node->n; i++) {
        trit_char_range r = m->tree->range[node->at + i];
        for (size_t n = 1; n <= 4 && r.first <= r.last; n++) {
            char low[4], high[4];
            uint32_t last = last_of_length[n - 1];
            if (r.first > last) continue;
            (void)trit_utf8_encode(r.first, low);
            (void)trit_utf8_encode(r.last < last ? r.last : last, high);
            entry = put_chars(&c, low, high, n, entry);
            r.first = last + 1;
        }
    }
    if (entry == none) return put_byte(m, 1, 0, -1, next); /* no byte is one of no characters */
    return held < 0 ? entry : put_step(m, (trit_grammar_step){.kind = trit_grammar_step_free, .high = (uint8_t)held, .next = next, .other = entry});
}

/* ---- Nodes ---- */

static uint32_t emit(maker *m, uint32_t number, uint32_t next);

static uint32_t put_rule(maker *m, uint32_t entry) {
    trit_grammar *g = m->g;
    if (!trit_grow((void **)&g->entry, &m->entry_capacity, g->n_rules + 1, sizeof *g->entry)) m->no_memory = true;
    if (m->no_memory) return 0;
    g->entry[g->n_rules] = entry;
    return g->n_rules++;
}

static uint32_t emit_rule(maker *m, uint32_t node) {
    return emit(m, node, put_step(m, (trit_grammar_step){.kind = trit_grammar_step_end}));
}

/* What stands several times becomes a rule, so that repetitions inside each other add up instead of multiplying. */
static uint32_t emit_repeat(maker *m, const trit_expr *node, uint32_t next) {
    bool endless = node->max >= trit_grammar_no_max;
    uint32_t child = node->last, min = node->min, n_copies = endless ? min : node->max, rule = none, entry = next;
    const trit_expr *what = &m->tree->node[child];
    if (what->kind == trit_expr_rule) rule = what->at;
    else if (n_copies > 1) rule = put_rule(m, emit_rule(m, child));
    if (endless) {
        uint32_t loop = put_step(m, (trit_grammar_step){.kind = trit_grammar_step_split, .other = next});
        uint32_t body = rule == none ? emit(m, child, loop) : put_call(m, rule, loop);
        if (m->no_memory || m->too_large) return 0;
        m->g->step[loop].next = body;
        entry = min ? body : loop;
        n_copies = min ? min - 1 : 0;
    }
    for (uint32_t i = n_copies; i-- > 0;) {
        entry = rule == none ? emit(m, child, entry) : put_call(m, rule, entry);
        if (!endless && i >= min) entry = put_choice(m, entry, next);
        if (m->no_memory || m->too_large) break;
    }
    return entry;
}

static uint32_t emit(maker *m, uint32_t number, uint32_t next) {
    const trit_expr *node = &m->tree->node[number];
    uint32_t entry = next;
    if (m->no_memory || m->too_large) return 0;
    switch (node->kind) {
    case trit_expr_sequence:
        for (uint32_t i = node->last; i; i = m->tree->node[i].before) entry = emit(m, i, entry);
        return entry;
    case trit_expr_choice:
        entry = none;
        for (uint32_t i = node->last; i; i = m->tree->node[i].before) entry = put_choice(m, emit(m, i, next), entry);
        return entry == none ? put_byte(m, 1, 0, -1, next) : entry;
    case trit_expr_text:
        for (uint32_t i = node->n; i-- > 0;) {
            unsigned byte = (uint8_t)m->tree->bytes.data[node->at + i];
            entry = put_byte(m, byte, byte, -1, entry);
        }
        return entry;
    case trit_expr_repeat: return emit_repeat(m, node, next);
    case trit_expr_chars: return emit_chars(m, node, next);
    case trit_expr_rule: return put_call(m, node->at, next);
    }
    return next;
}

static void find_classes(trit_grammar *g) {
    bool begins[257] = {[0] = true};
    for (uint32_t i = 0; i < g->n_steps; i++)
        if (g->step[i].kind == trit_grammar_step_byte && g->step[i].low <= g->step[i].high) begins[g->step[i].low] = begins[g->step[i].high + 1] = true;
    for (int i = 0; i < 256; i++) {
        g->n_classes += begins[i];
        g->class_of[i] = (uint8_t)(g->n_classes - 1);
    }
}

static trit_status make(maker *m, trit_error *err) {
    const trit_expr_tree *tree = m->tree;
    for (uint32_t i = 0; i < tree->n_rules; i++) {
        const trit_grammar_rule *r = &tree->rule[i];
        if (!r->node)
            return trit_error_set(err, trit_format, "grammar: rule \"%.*s\" (line %u) is not defined", (int)r->n_name, tree->bytes.data + r->name, r->line);
        (void)put_rule(m, 0);
    }
    for (uint32_t i = 0; i < tree->n_rules && !m->no_memory; i++) {
        uint32_t entry = emit_rule(m, tree->rule[i].node);
        m->g->entry[i] = entry;
    }
    if (m->no_memory) return trit_error_memory(err, m->g->n_steps * sizeof *m->g->step, "a grammar");
    if (m->too_large) return trit_error_set(err, trit_unsupported, "grammar: it has more than %d steps", trit_grammar_max_steps);
    find_classes(m->g);
    return trit_grammar_measure(m->g, tree, err);
}

trit_status trit_grammar_compile(trit_grammar **out, const trit_expr_tree *tree, trit_error *err) {
    maker m = {.g = trit_alloc_zero(1, sizeof *m.g), .tree = tree};
    if (!m.g || tree->failed) {
        trit_free(m.g);
        return trit_error_memory(err, tree->n_nodes * sizeof *tree->node, "a grammar");
    }
    atomic_init(&m.g->n_owners, 1);
    trit_status status = make(&m, err);
    if (status == trit_ok) *out = m.g;
    else trit_grammar_free(m.g);
    return status;
}

trit_grammar *trit_grammar_keep(const trit_grammar *grammar) {
    trit_grammar *g = (trit_grammar *)(uintptr_t)grammar; /* the count alone changes */
    atomic_fetch_add(&g->n_owners, 1);
    return g;
}

void trit_grammar_free(trit_grammar *g) {
    if (!g || atomic_fetch_sub(&g->n_owners, 1) > 1) return;
    trit_free(g->step);
    trit_free(g->entry);
    trit_free(g->rank);
    trit_free(g->least);
    trit_free(g->height);
    trit_free(g);
}
