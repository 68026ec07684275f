/* The texts of a vocabulary as trees, laid out in the order in which they are walked: a node's descendants stand right behind it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/utf8.h"
#include "engine/grammar.h"
#include "text/text.h"

void trit_token_name(int32_t id, char out[trit_token_name_bytes]) {
    char digits[16];
    snprintf(digits, sizeof digits, "%06X", (unsigned)id & trit_token_name_max);
    out[0] = '\xFF';
    memcpy(out + 1, digits, trit_token_name_bytes - 1);
}

typedef struct entry {
    trit_str text;
    int32_t id;
    int kind;         /* the last one of its characters' */
    uint32_t n_chars; /* where all are of a kind */
} entry;

/* Texts that are not of these kinds alone, or long, are of none. */
static void look_at_chars(entry *e) {
    uint32_t c = 0;
    e->kind = 0;
    for (size_t at = 0; at < e->text.n; e->n_chars++) {
        int length = trit_utf8_decode(e->text.p + at, e->text.n - at, &c), kind = length > 0 ? trit_char_kind(c) : -1;
        if (kind > e->kind) e->kind = kind;
        if (kind < 0 || e->n_chars + 1 == trit_not_free) {
            e->kind = trit_n_char_kinds;
            return;
        }
        at += (size_t)length;
    }
}

static int by_text(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    int order = memcmp(x->text.p, y->text.p, x->text.n < y->text.n ? x->text.n : y->text.n);
    if (order) return order;
    return x->text.n == y->text.n ? (x->id > y->id) - (x->id < y->id) : x->text.n < y->text.n ? -1 : 1;
}

static bool has_name(const trit_token_tree *t, int32_t id) {
    return id <= trit_token_name_max && trit_tokenizer_is_added(t->tokenizer, id) && !trit_tokenizer_is_eog(t->tokenizer, id);
}

trit_status trit_token_tree_check_name(const trit_token_tree *t, int32_t id, trit_error *err) {
    if (id < 0 || (uint32_t)id >= t->n_vocab)
        return trit_error_set(err, trit_format, "grammar: token %d is outside of the vocabulary of %u", (int)id, t->n_vocab);
    if (has_name(t, id)) return trit_ok;
    if (trit_tokenizer_is_eog(t->tokenizer, id)) return trit_error_set(err, trit_format, "grammar: token %d ends an answer and cannot stand in it", (int)id);
    return trit_error_set(err, trit_format, "grammar: token %d is neither special nor added", (int)id);
}

static void add(trit_token_tree *t, entry *entries, trit_str text, int32_t id, size_t *n_bytes) {
    entry *e = &entries[t->n_tokens++];
    if (text.n > t->depth) t->depth = (uint32_t)text.n;
    *e = (entry){.text = text, .id = id};
    look_at_chars(e);
    *n_bytes += text.n;
}

/* The texts that an answer may be made of and the names of tokens, sorted, and the tokens that end it. A byte that begins names is in no text of a
 * grammar, and so its token is in none either. */
static trit_status list(trit_token_tree *t, entry *entries, char (*name)[trit_token_name_bytes], size_t *n_bytes, trit_error *err) {
    for (uint32_t i = 0; i < t->n_vocab; i++) {
        int32_t id = (int32_t)i;
        trit_str text = trit_tokenizer_token_text(t->tokenizer, id);
        bool ends = trit_tokenizer_is_eog(t->tokenizer, id);
        if (ends) t->eog[t->n_eog++] = i;
        if (has_name(t, id)) {
            trit_token_name(id, *name);
            add(t, entries, (trit_str){*name++, trit_token_name_bytes}, id, n_bytes);
        }
        if (ends || !text.n || memchr(text.p, 0xFF, text.n)) continue;
        if (text.n > INT16_MAX) return trit_error_set(err, trit_unsupported, "token %d: grammars take no texts of %zu bytes", (int)id, text.n);
        add(t, entries, text, id, n_bytes);
    }
    qsort(entries, t->n_tokens, sizeof *entries, by_text);
    return trit_ok;
}

static size_t common(trit_str a, trit_str b) {
    size_t n = 0;
    while (n < a.n && n < b.n && a.p[n] == b.p[n]) n++;
    return n;
}

/* Tells the nodes of a text, open[0 ..), how many characters of it are below them. */
static void note_chars(trit_token_tree *t, const entry *e, const uint32_t *open) {
    trit_token_kind *kind = &t->kind[e->kind];
    uint32_t left = e->n_chars;
    if (left > kind->n_chars) kind->n_chars = left;
    for (size_t d = 0; d < e->text.n; d++) {
        trit_token_tree_node *node = &t->node[open[d]];
        if (d + 1 < e->text.n && ((uint8_t)e->text.p[d + 1] & 0xC0) == 0x80) continue; /* in the middle of a character */
        left--;
        if (node->n_below == trit_not_free || node->n_below < left) node->n_below = (uint8_t)left;
    }
    kind->bits[(uint32_t)e->id / 64] |= 1ull << e->id % 64;
    for (uint32_t n = 0; n < e->n_chars; n++) kind->n_longer[n]++;
}

/* Sorts the tokens of each kind by their lengths. */
static void list_longest(trit_token_tree *t, const entry *entries) {
    for (int k = 0; k < trit_n_char_kinds; entries += t->kind[k++].n_tokens) {
        trit_token_kind *kind = &t->kind[k];
        uint32_t at[trit_not_free] = {0}; /* [n]: where the next token of n characters goes */
        memcpy(at + 1, kind->n_longer + 1, sizeof at - sizeof at[0]);
        for (uint32_t i = 0; i < kind->n_tokens; i++) kind->longest[at[entries[i].n_chars]++] = entries[i].id;
    }
}

static bool allocate_kinds(trit_token_tree *t, const entry *entries) {
    for (uint32_t i = 0; i < t->n_tokens; i++)
        if (entries[i].kind < trit_n_char_kinds) t->kind[entries[i].kind].n_tokens++;
    for (int k = 0; k < trit_n_char_kinds; k++) {
        t->kind[k].bits = trit_alloc_zero(t->n_vocab / 64 + (size_t)1, sizeof *t->kind[k].bits);
        t->kind[k].longest = trit_alloc(t->kind[k].n_tokens, sizeof *t->kind[k].longest);
        if (!t->kind[k].bits || !t->kind[k].longest) return false;
    }
    return true;
}

/* A text stands before those that it begins, so a node's first token is either one that ends there or the first of its descendants'. */
static void build(trit_token_tree *t, const entry *entries, uint32_t *open) {
    trit_str before = {NULL, 0};
    int kind = 0;
    for (uint32_t i = 0; i < t->n_tokens; i++) {
        trit_str text = entries[i].text;
        size_t shared = kind == entries[i].kind ? common(before, text) : 0;
        for (size_t d = shared; d < before.n; d++) t->node[open[d]].skip = t->n_nodes;
        for (; kind < entries[i].kind; kind++) t->kind[kind].end = t->n_nodes;
        for (size_t d = shared; d < text.n; d++) {
            open[d] = t->n_nodes;
            t->node[t->n_nodes++] = (trit_token_tree_node){.first = i, .depth = (uint16_t)(d + 1), .byte = (uint8_t)text.p[d], .n_below = trit_not_free};
        }
        t->token[i] = entries[i].id;
        if (kind < trit_n_char_kinds) note_chars(t, &entries[i], open);
        before = text;
    }
    for (size_t d = 0; d < before.n; d++) t->node[open[d]].skip = t->n_nodes;
    for (; kind < trit_n_char_kinds; kind++) t->kind[kind].end = t->n_nodes;
    t->node[t->n_nodes] = (trit_token_tree_node){.first = t->n_tokens};
    list_longest(t, entries);
}

static trit_status make(trit_token_tree *t, trit_error *err) {
    size_t n_bytes = 0, n_names = 0;
    for (uint32_t i = 0; i < t->n_vocab; i++) n_names += has_name(t, (int32_t)i);
    entry *entries = trit_alloc(t->n_vocab + n_names, sizeof *entries);
    char(*name)[trit_token_name_bytes] = trit_alloc(n_names, sizeof *name);
    uint32_t *open = NULL;
    t->eog = trit_alloc(t->n_vocab, sizeof *t->eog);
    const bool has_memory = entries && name && t->eog;
    trit_status status = has_memory ? list(t, entries, name, &n_bytes, err) : trit_error_memory(err, t->n_vocab * sizeof *entries, "the tree of tokens");
    if (status == trit_ok) {
        open = trit_alloc(t->depth + (size_t)1, sizeof *open);
        t->token = trit_alloc(t->n_tokens, sizeof *t->token);
        t->node = trit_alloc(n_bytes + 1, sizeof *t->node);
        if (open && t->token && t->node && allocate_kinds(t, entries)) build(t, entries, open);
        else status = trit_error_memory(err, n_bytes * sizeof *t->node, "the tree of tokens");
    }
    trit_token_tree_node *fitting = status == trit_ok ? trit_realloc(t->node, t->n_nodes + (size_t)1, sizeof *t->node) : NULL;
    if (fitting) t->node = fitting;
    trit_free(entries);
    trit_free(name);
    trit_free(open);
    return status;
}

trit_status trit_token_tree_new(trit_token_tree **out, const struct trit_tokenizer *tokenizer, trit_error *err) {
    trit_token_tree *t = trit_alloc_zero(1, sizeof *t);
    if (!t) return trit_error_memory(err, sizeof *t, "the tree of tokens");
    t->tokenizer = tokenizer;
    t->n_vocab = trit_tokenizer_size(tokenizer);
    trit_status status = make(t, err);
    if (status == trit_ok) *out = t;
    else trit_token_tree_free(t);
    return status;
}

void trit_token_tree_free(trit_token_tree *t) {
    if (!t) return;
    trit_free(t->node);
    trit_free(t->token);
    trit_free(t->eog);
    for (int i = 0; i < trit_n_char_kinds; i++) {
        trit_free(t->kind[i].bits);
        trit_free(t->kind[i].longest);
    }
    trit_free(t);
}
