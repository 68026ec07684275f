/* Expressions, made from the leaves up. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/grammar.h"
#include "text/pieces.h"

enum { last_char = 0x10FFFF };

void trit_expr_fini(trit_expr_tree *t) {
    trit_free(t->node);
    trit_free(t->range);
    trit_free(t->rule);
    trit_free(t->slot);
    trit_text_fini(&t->bytes);
    *t = (trit_expr_tree){0};
}

static uint32_t put(trit_expr_tree *t, trit_expr node) {
    size_t n = t->n_nodes ? t->n_nodes : 1;
    if (n >= UINT32_MAX || !trit_grow((void **)&t->node, &t->node_capacity, n + 1, sizeof *t->node)) t->failed = true;
    if (t->failed) return 0;
    if (n == 1) t->node[0] = (trit_expr){0};
    t->node[n] = node;
    t->n_nodes = n + 1;
    return (uint32_t)n;
}

static uint32_t put_bytes(trit_expr_tree *t, const char *s, size_t n) {
    size_t at = t->bytes.n;
    if (at + n >= UINT32_MAX || !trit_text_append(&t->bytes, s, n)) t->failed = true;
    return (uint32_t)at;
}

uint32_t trit_expr_new(trit_expr_tree *t, trit_expr_kind kind) {
    return put(t, (trit_expr){.kind = kind});
}

void trit_expr_add(trit_expr_tree *t, uint32_t parent, uint32_t child) {
    if (t->failed) return;
    t->node[child].before = t->node[parent].last;
    t->node[parent].last = child;
}

uint32_t trit_expr_put_repeat(trit_expr_tree *t, uint32_t child, uint32_t min, uint32_t max) {
    return put(t, (trit_expr){.kind = trit_expr_repeat, .last = child, .min = min, .max = max});
}

uint32_t trit_expr_put_text(trit_expr_tree *t, const char *s, size_t n) {
    return put(t, (trit_expr){.kind = trit_expr_text, .at = put_bytes(t, s, n), .n = (uint32_t)n});
}

uint32_t trit_expr_put_use(trit_expr_tree *t, uint32_t rule) {
    return put(t, (trit_expr){.kind = trit_expr_rule, .at = rule});
}

/* Where the rule of a name stands (its number + 1), or the empty slot where it belongs. */
static uint32_t *rule_slot(const trit_expr_tree *t, const char *name, size_t n) {
    for (uint64_t i = trit_hash_bytes(name, n);; i++) {
        uint32_t *slot = &t->slot[i & (t->n_slots - 1)];
        if (!*slot) return slot;
        const trit_grammar_rule *rule = &t->rule[*slot - 1];
        if (rule->n_name == n && memcmp(t->bytes.data + rule->name, name, n) == 0) return slot;
    }
}

static void note_rule(trit_expr_tree *t, uint32_t rule) {
    uint32_t *slot = rule_slot(t, t->bytes.data + t->rule[rule].name, t->rule[rule].n_name);
    if (!*slot) *slot = rule + 1;
}

/* The table is at most half full. */
static bool grow_slots(trit_expr_tree *t) {
    size_t n = t->n_slots ? 2 * t->n_slots : 64;
    uint32_t *slot = trit_alloc_zero(n, sizeof *slot);
    if (!slot) return false;
    trit_free(t->slot);
    t->slot = slot;
    t->n_slots = n;
    for (uint32_t i = 0; i < t->n_rules; i++) note_rule(t, i);
    return true;
}

uint32_t trit_expr_put_rule(trit_expr_tree *t, const char *name, size_t n) {
    if (!trit_grow((void **)&t->rule, &t->rule_capacity, t->n_rules + 1, sizeof *t->rule)) t->failed = true;
    if (2 * (t->n_rules + 1) > t->n_slots && !grow_slots(t)) t->failed = true;
    uint32_t at = put_bytes(t, name, n);
    if (t->failed) return 0;
    t->rule[t->n_rules] = (trit_grammar_rule){.name = at, .n_name = (uint32_t)n};
    note_rule(t, (uint32_t)t->n_rules);
    return (uint32_t)t->n_rules++;
}

uint32_t trit_expr_find_rule(const trit_expr_tree *t, const char *name, size_t n) {
    return t->n_slots ? *rule_slot(t, name, n) - 1 : UINT32_MAX; /* an empty slot is 0 */
}

/* ---- Sets of characters ---- */

static int by_first(const void *a, const void *b) {
    uint32_t x = ((const trit_char_range *)a)->first, y = ((const trit_char_range *)b)->first;
    return (x > y) - (x < y);
}

/* [first, last] without the surrogates. */
static void put_range(trit_expr_tree *t, uint32_t first, uint32_t last) {
    if (first < 0xD800 && last > 0xDFFF) put_range(t, first, 0xD7FF);
    if (first < 0xD800 && last > 0xDFFF) first = 0xE000;
    if (first >= 0xD800 && first <= 0xDFFF) first = 0xE000;
    if (last >= 0xD800 && last <= 0xDFFF) last = 0xD7FF;
    if (first > last) return;
    if (!trit_grow((void **)&t->range, &t->range_capacity, t->n_ranges + 1, sizeof *t->range)) t->failed = true;
    else t->range[t->n_ranges++] = (trit_char_range){first, last};
}

/* The ranges, sorted and joined, or what lies between them. */
static void put_ranges(trit_expr_tree *t, const trit_char_range *sorted, size_t n, bool others) {
    uint32_t from = 0; /* the first character behind what was seen */
    for (size_t i = 0; i < n;) {
        uint32_t first = sorted[i].first, last = sorted[i].last;
        for (; i < n && sorted[i].first <= (last < last_char ? last + 1 : last); i++)
            if (sorted[i].last > last) last = sorted[i].last;
        if (!others) put_range(t, first, last);
        else if (first > from) put_range(t, from, first - 1);
        from = last + 1;
    }
    if (others && from <= last_char) put_range(t, from, last_char);
}

static const struct {
    trit_char_range range;
    int kind;
} free_chars[] = {
    {{' ', ' '}, trit_char_blank},  {{'!', '!'}, trit_char_mark},         {{'#', '/'}, trit_char_mark},
    {{'0', '9'}, trit_char_alnum},  {{':', '@'}, trit_char_mark},         {{'A', 'Z'}, trit_char_alnum},
    {{'[', '['}, trit_char_mark},   {{']', '`'}, trit_char_mark},         {{'a', 'z'}, trit_char_alnum},
    {{'{', '~'}, trit_char_mark},   {{0xA0, 0x2027}, trit_char_mark},     {{0x202A, 0xD7FF}, trit_char_mark},
    {{0xE000, last_char}, trit_char_mark},
};
enum { n_free_chars = sizeof free_chars / sizeof free_chars[0] };

int trit_char_kind(uint32_t c) {
    for (int i = 0; i < n_free_chars; i++)
        if (free_chars[i].range.first <= c && c <= free_chars[i].range.last) return free_chars[i].kind;
    return -1;
}

/* The expression's ranges are sorted and joined: one of them holds a range, or none does. A tree without ranges has no array of them. */
int trit_expr_kinds(const trit_expr_tree *t, const trit_expr *chars) {
    int kinds = trit_n_char_kinds - 1;
    for (uint32_t i = 0, k = 0; i < n_free_chars; i++) {
        while (k < chars->n && t->range[chars->at + k].last < free_chars[i].range.last) k++;
        bool is_there = k < chars->n && t->range[chars->at + k].first <= free_chars[i].range.first;
        if (!is_there && kinds >= free_chars[i].kind) kinds = free_chars[i].kind - 1;
    }
    return kinds;
}

uint32_t trit_expr_put_chars(trit_expr_tree *t, const trit_char_range *range, size_t n, bool others) {
    trit_char_range *sorted = trit_alloc(n, sizeof *sorted);
    size_t at = t->n_ranges;
    if (!sorted) {
        t->failed = true;
        return 0;
    }
    if (n) memcpy(sorted, range, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_first);
    put_ranges(t, sorted, n, others);
    trit_free(sorted);
    return put(t, (trit_expr){.kind = trit_expr_chars, .at = (uint32_t)at, .n = (uint32_t)(t->n_ranges - at)});
}
