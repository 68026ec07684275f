/* One answer's way through its grammar, and the mask over the vocabulary at each place of it. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/grammar_states.h"
#include "text/text.h"

enum { n_masks = 8, max_work = 1 << 23 /* for one mask, see trit_grammar_states: 0.1 to 0.5 s */ };

/* The tokens that a state lets through: one bit each. */
typedef struct mask {
    uint64_t *bits; /* [n_words] */
    uint32_t state; /* trit_state_unknown: free */
    uint32_t most;  /* bytes that the text needs behind one of these tokens, at most */
    bool any;
} mask;

struct trit_guide {
    trit_grammar *grammar;
    const trit_token_tree *tokens;
    trit_grammar_states states;
    uint32_t *path; /* [depth of the tokens + 1]: the current state, and those behind the bytes of a token */
    size_t n_path;
    mask mask[n_masks + 1]; /* the last one is for narrow room */
    uint32_t next_mask, n_words;
    const mask *current; /* what the next token is checked against; NULL: nothing yet */
    bool may_end;        /* the current mask lets the answer end */
    bool is_full;        /* there were too many ways to read the text, once */
    uint64_t n_seen;     /* nodes of the vocabulary's trees, for this mask */
};

/* The tokens that the grammar names: their bytes stand one behind the other, and no text has the first. */
static trit_status check_names(const trit_grammar *grammar, const trit_token_tree *tokens, trit_error *err) {
    trit_status status = trit_ok;
    for (uint32_t i = 0; i < grammar->n_steps && status == trit_ok; i++) {
        const trit_grammar_step *s = &grammar->step[i];
        if (s->kind != trit_grammar_step_byte || s->low != 0xFF) continue;
        int32_t id = 0;
        for (int k = 1; k < trit_token_name_bytes; k++) {
            s = &grammar->step[s->next];
            id = id * 16 + (s->low <= '9' ? s->low - '0' : s->low - 'A' + 10);
        }
        status = trit_token_tree_check_name(tokens, id, err);
    }
    return status;
}

trit_status trit_guide_new(trit_guide **out, const trit_grammar *grammar, const trit_token_tree *tokens, trit_error *err) {
    const trit_status known = tokens ? check_names(grammar, tokens, err) : trit_ok;
    if (known != trit_ok) return known;
    trit_guide *g = trit_alloc_zero(1, sizeof *g);
    if (!g) return trit_error_memory(err, sizeof *g, "a grammar's place");
    g->grammar = trit_grammar_keep(grammar);
    g->tokens = tokens;
    g->n_words = tokens ? tokens->n_vocab / 64 + 1 : 0;
    g->path = trit_alloc((tokens ? tokens->depth : 0) + (size_t)1, sizeof *g->path);
    bool ok = g->path != NULL;
    for (int i = 0; i <= n_masks && ok && tokens; i++) ok = (g->mask[i].bits = trit_alloc(g->n_words, sizeof(uint64_t))) != NULL;
    trit_status status = ok ? trit_grammar_states_init(&g->states, g->grammar, err) : trit_error_memory(err, n_masks * g->n_words * 8, "a grammar's masks");
    if (status == trit_ok) {
        g->path[g->n_path++] = trit_grammar_states_start(&g->states);
        if (g->states.is_full) status = trit_error_set(err, trit_unsupported, "grammar: too many ways to begin a text");
    }
    if (status == trit_ok) *out = g;
    else trit_guide_free(g);
    return status;
}

void trit_guide_free(trit_guide *g) {
    if (!g) return;
    for (int i = 0; i <= n_masks; i++) trit_free(g->mask[i].bits);
    trit_grammar_states_fini(&g->states);
    trit_grammar_free(g->grammar);
    trit_free(g->path);
    trit_free(g);
}

/* ---- Bytes ---- */

static uint32_t make_room_and_state(trit_guide *g, unsigned class_of_byte) {
    trit_grammar_states_collect(&g->states, g->path, g->n_path);
    for (int i = 0; i <= n_masks; i++) g->mask[i].state = trit_state_unknown;
    return trit_grammar_states_make(&g->states, g->path[g->n_path - 1], class_of_byte);
}

/* The state behind the last one of the path. With is_full it may be unknown. */
static uint32_t make(trit_guide *g, unsigned class_of_byte) {
    uint32_t next = trit_grammar_states_make(&g->states, g->path[g->n_path - 1], class_of_byte);
    if (g->states.is_full) next = make_room_and_state(g, class_of_byte);
    g->is_full = g->is_full || g->states.is_full || g->states.work_done > max_work;
    return next;
}

static inline uint32_t step(trit_guide *g, uint8_t byte) {
    unsigned c = g->grammar->class_of[byte];
    uint32_t next = g->states.move[(size_t)g->path[g->n_path - 1] * g->states.n_moves + c];
    return next == trit_state_unknown ? make(g, c) : next;
}

static const trit_grammar_state *now(const trit_guide *g) {
    return &g->states.state[g->path[0]];
}

bool trit_guide_move(trit_guide *g, const char *s, size_t n, size_t *at) {
    for (size_t i = 0; i < n; i++) {
        g->states.work_done = 0;
        uint32_t next = step(g, (uint8_t)s[i]);
        *at = i;
        if (next < trit_state_first) return false;
        g->path[0] = next;
    }
    return true;
}

bool trit_guide_may_end(const trit_guide *g) {
    return now(g)->may_end;
}

bool trit_guide_must_end(const trit_guide *g) {
    return now(g)->may_end && now(g)->n == 0;
}

bool trit_guide_is_full(const trit_guide *g) {
    return g->is_full;
}

uint64_t trit_guide_work(const trit_guide *g) {
    return g->states.work_done + g->n_seen;
}

/* ---- Tokens ---- */

/* The tokens from..to by their texts. */
static inline void let_through(const trit_token_tree *t, uint32_t from, uint32_t to, uint64_t *bits) {
    for (uint32_t k = from; k < to; k++) bits[t->token[k] / 64] |= 1ull << t->token[k] % 64;
}

static inline const trit_free_count *count_free(trit_guide *g, uint32_t state, int kind) {
    const trit_free_count *f = &g->states.state[state].free[kind];
    if (f->n == UINT32_MAX) trit_grammar_states_count_free(&g->states, state, kind, g->tokens->kind[kind].n_chars);
    return f;
}

/* Walks one of the vocabulary's trees, nodes i to end, and the states side by side. Tokens behind which the text needs more than `room` bytes are
 * left out; where it needs more here, only shortest ways are taken. With is_full it is not done. */
static void walk(trit_guide *g, mask *m, int kind, uint32_t i, uint32_t end, uint32_t room) {
    const trit_token_tree *t = g->tokens;
    const trit_grammar_state *state = g->states.state;
    const uint8_t *class_of = g->grammar->class_of;
    const uint32_t n_moves = g->states.n_moves, *move = g->states.move;
    uint32_t *path = g->path;
    const bool hurries = state[path[0]].least > room;
    uint64_t n_seen = 0;
    for (; i < end && !g->is_full; n_seen++) {
        const trit_token_tree_node *node = &t->node[i];
        uint32_t c = class_of[node->byte], next = move[path[node->depth - 1] * n_moves + c];
        if (next == trit_state_unknown) {
            g->n_path = node->depth;
            next = make(g, c);
        }
        if (next < trit_state_first || (hurries && state[next].least >= state[path[node->depth - 1]].least)) {
            i = node->skip;
            continue;
        }
        path[node->depth] = next;
        uint32_t most = state[next].least;
        bool is_whole = false; /* with all its descendants */
        if (node->n_below != trit_not_free && node->skip > i + 1) {
            const trit_free_count *f = count_free(g, next, kind);
            is_whole = f->n >= node->n_below && f->most <= room;
            if (is_whole) most = f->most;
        }
        i = is_whole ? node->skip : i + 1;
        uint32_t to = t->node[i].first;
        if (node->first == to || most > room) continue;
        if (most > m->most) m->most = most;
        let_through(t, node->first, to, m->bits);
        m->any = true;
    }
    g->n_seen += n_seen;
    g->n_path = 1;
}

static uint32_t n_longer(const trit_token_kind *kind, uint32_t n) {
    return n < kind->n_chars ? kind->n_longer[n] : 0;
}

/* All tokens of a kind but those of more than n characters. */
static void let_kind_through(const trit_guide *g, const trit_token_kind *kind, uint32_t n, mask *m) {
    for (uint32_t w = 0; w < g->n_words; w++) m->bits[w] |= kind->bits[w];
    for (uint32_t i = 0; i < n_longer(kind, n); i++) m->bits[kind->longest[i] / 64] &= ~(1ull << kind->longest[i] % 64);
}

static void fill(trit_guide *g, mask *m, uint32_t room) {
    const trit_token_tree *t = g->tokens;
    uint32_t from = 0;
    memset(m->bits, 0, g->n_words * sizeof *m->bits);
    m->most = 0;
    m->any = false;
    for (int k = 0; k < trit_n_char_kinds; from = t->kind[k++].end) {
        const trit_token_kind *kind = &t->kind[k];
        const trit_free_count *f = count_free(g, g->path[0], k);
        if (f->most > room || (f->n < kind->n_chars && !f->is_all)) {
            walk(g, m, k, from, kind->end, room);
        } else if (kind->n_tokens > n_longer(kind, f->n)) {
            let_kind_through(g, kind, f->n, m);
            m->any = true;
            if (f->most > m->most) m->most = f->most;
        }
    }
    walk(g, m, trit_n_char_kinds, from, t->n_nodes, room);
}

static mask *mask_here(trit_guide *g) {
    for (int i = 0; i < n_masks; i++)
        if (g->mask[i].state == g->path[0]) return &g->mask[i];
    mask *m = &g->mask[g->next_mask];
    g->next_mask = (g->next_mask + 1) % n_masks;
    m->state = trit_state_unknown;
    fill(g, m, UINT32_MAX);
    if (!g->is_full) m->state = g->path[0];
    return m;
}

/* No other text has a bit of these tokens in a mask. */
static void let_end(const trit_guide *g, mask *m) {
    for (uint32_t i = 0; i < g->tokens->n_eog; i++) {
        uint32_t token = g->tokens->eog[i];
        if (g->may_end) m->bits[token / 64] |= 1ull << token % 64;
        else m->bits[token / 64] &= ~(1ull << token % 64);
    }
}

static void apply(const trit_guide *g, float *logits, uint32_t n_vocab) {
    const uint64_t *bits = g->current->bits;
    for (uint32_t w = 0; w * 64 < n_vocab; w++) {
        uint64_t word = w < g->n_words ? bits[w] : 0;
        uint32_t n = n_vocab - w * 64 < 64 ? n_vocab - w * 64 : 64;
        if (word == UINT64_MAX) continue;
        for (uint32_t k = 0; k < n; k++)
            if (!(word >> k & 1)) logits[w * 64 + k] = -HUGE_VALF;
    }
}

/* The mask of the tokens behind which `left` tokens suffice. */
static mask *mask_within(trit_guide *g, uint32_t left) {
    mask *narrow = &g->mask[n_masks];
    bool hurries = now(g)->least > left;
    if (hurries) {
        fill(g, narrow, left);
        if (narrow->any || g->is_full) return narrow;
    }
    mask *m = mask_here(g);
    if (hurries || m->most <= left || g->is_full) return m;
    fill(g, narrow, left);
    return narrow->any || g->may_end ? narrow : m;
}

bool trit_guide_mask(trit_guide *g, float *logits, uint32_t n_vocab, uint32_t room, bool no_end) {
    g->states.work_done = g->n_seen = 0;
    g->may_end = now(g)->may_end && !no_end && g->tokens->n_eog;
    mask *m = mask_within(g, room - 1); /* of 0: no bound */
    if (g->is_full) return false;
    let_end(g, m);
    g->current = m;
    apply(g, logits, n_vocab);
    return m->any || g->may_end;
}

/* As trit_guide_move, but the place stays where the text cannot stand. */
static bool try_move(trit_guide *g, const char *s, size_t n) {
    bool ok = true;
    g->path[1] = g->path[0];
    g->n_path = 2;
    for (size_t i = 0; i < n && ok; i++) {
        g->states.work_done = 0;
        const uint32_t next = step(g, (uint8_t)s[i]);
        ok = next >= trit_state_first;
        if (ok) g->path[1] = next;
    }
    if (ok) g->path[0] = g->path[1];
    g->n_path = 1;
    return ok;
}

/* A token that could stand as its text and by its name stands as its text. */
bool trit_guide_take(trit_guide *g, int32_t token) {
    char name[trit_token_name_bytes];
    for (uint32_t i = 0; i < g->tokens->n_eog; i++)
        if (g->tokens->eog[i] == (uint32_t)token) return g->may_end;
    if ((uint32_t)token >= g->tokens->n_vocab || !(g->current->bits[token / 64] >> token % 64 & 1)) return false;
    trit_str text = trit_tokenizer_token_text(g->tokens->tokenizer, token);
    if (text.n && try_move(g, text.p, text.n)) return true;
    trit_token_name(token, name);
    return try_move(g, name, sizeof name);
}

trit_status trit_grammar_check(const trit_grammar *grammar, const char *text, size_t n, trit_error *err) {
    trit_guide *g;
    size_t at = 0;
    trit_status status = trit_guide_new(&g, grammar, NULL, err);
    if (status != trit_ok) return status;
    if (!trit_guide_move(g, text, n, &at)) {
        if (g->is_full) status = trit_error_set(err, trit_fail, "grammar: too many ways to read the text up to byte %zu", at);
        else status = trit_error_set(err, trit_format, "the grammar allows no byte 0x%02X at byte %zu of the text", (unsigned)(uint8_t)text[at], at);
    } else if (!trit_guide_may_end(g)) {
        status = trit_error_set(err, trit_format, "the grammar wants more behind the text's %zu bytes", n);
    }
    trit_guide_free(g);
    return status;
}
