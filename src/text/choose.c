/* Which tokens of a vocabulary a text needs, for models with fewer of them.
 *
 * A token that merges make in some text is made in the same way where its own spelling is the whole text, for no merge crosses its ends. So it
 * needs what its own spelling goes through, no more; and a text whose tokens all stay merges as before, since every pair that it merged is left
 * and no new pair has come. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "text/parts.h"

typedef struct choice {
    const trit_tokenizer *t;
    trit_tokenizer merging; /* a view of *t that always merges, also words that stand in the vocabulary */
    const uint64_t *count;  /* [n] */
    uint8_t *stays;         /* [n], owned */
    uint32_t n_stay;
    trit_bpe bpe;
    trit_ids path, ids; /* of the token at hand */
} choice;

static void choice_fini(choice *c) {
    trit_free(c->stays);
    trit_bpe_fini(&c->bpe);
    trit_ids_fini(&c->path);
    trit_ids_fini(&c->ids);
}

static bool stays(const choice *c, int32_t id) {
    return id < 0 || c->stays[id];
}

static void keep(choice *c, int32_t id) {
    if (stays(c, id)) return;
    c->stays[id] = 1;
    c->n_stay++;
}

static bool is_kept_spelling(trit_str piece) {
    return (piece.n == 1 && piece.p[0] >= ' ' && piece.p[0] <= '~') || trit_str_is(piece, TRIT_VISIBLE_SPACE);
}

static void keep_affix(choice *c, const trit_affix *affix) {
    for (uint32_t i = 0; i < affix->n; i++) keep(c, affix->id[i]);
}

static void keep_added(choice *c, const trit_added_set *set) {
    for (size_t i = 0; i < set->n; i++) keep(c, set->token[i].id);
}

static void keep_always(choice *c) {
    const trit_tokenizer *t = c->t;
    const unsigned apart = trit_token_special | trit_token_ends | trit_token_is_byte | trit_token_literal;
    for (uint32_t i = 0; i < t->pieces.n; i++) {
        const int32_t id = (int32_t)i;
        if (trit_token_has(t, id, apart) || is_kept_spelling(trit_pieces_at(&t->pieces, id))) keep(c, id);
    }
    for (int b = 0; b < 256; b++) keep(c, t->byte_id[b]);
    keep(c, t->unk);
    keep(c, t->bos);
    keep(c, t->eos);
    keep_affix(c, &t->prefix);
    keep_affix(c, &t->suffix);
    keep_added(c, &t->raw_added);
    keep_added(c, &t->normalized_added);
}

/* What the token's own spelling goes through, into c->path; *arrives: at the token. */
static trit_status find_path(choice *c, int32_t id, bool *arrives, trit_error *err) {
    const trit_tokenizer *t = c->t;
    *arrives = false;
    c->path.n = c->ids.n = 0;
    if (t->byte_level && !trit_token_has(t, id, trit_token_in_alphabet)) return trit_ok;
    c->bpe.path = &c->path;
    const trit_status status = trit_bpe_encode(&c->merging, &c->bpe, trit_pieces_at(t->byte_level ? &t->bytes : &t->pieces, id), &c->ids, err);
    *arrives = status == trit_ok && c->ids.n == 1 && c->ids.data[0] == id;
    if (!*arrives && t->ignore_merges) { /* only a word by itself becomes it */
        *arrives = true;
        c->path.n = 0;
        if (!trit_ids_push(&c->path, id)) return trit_error_memory(err, sizeof id, "a token");
    }
    return status == trit_format ? trit_ok : status; /* a character without token */
}

/* *fits false: there is no room for the token and what it needs; then nothing has changed. */
static trit_status take(choice *c, int32_t id, uint32_t n_tokens, bool *fits, trit_error *err) {
    bool arrives;
    size_t n_new = 0;
    const trit_status status = find_path(c, id, &arrives, err);
    if (status != trit_ok || !arrives) return status;
    for (size_t i = 0; i < c->path.n; i++) { /* the new ones to the front, each once */
        const int32_t new = c->path.data[i];
        if (stays(c, new)) continue;
        c->stays[new] = 1;
        c->path.data[n_new++] = new;
    }
    *fits = n_new <= n_tokens - c->n_stay;
    for (size_t i = 0; i < n_new && !*fits; i++) c->stays[c->path.data[i]] = 0;
    if (*fits) c->n_stay += (uint32_t)n_new;
    return trit_ok;
}

typedef struct seen {
    uint64_t count;
    int32_t id;
} seen;

static int most_seen_first(const void *left, const void *right) {
    const seen *a = left, *b = right;
    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    return (a->id > b->id) - (a->id < b->id);
}

static trit_status take_seen(choice *c, uint32_t n_tokens, trit_error *err) {
    const uint32_t n = c->t->pieces.n;
    seen *order = trit_alloc(n, sizeof *order);
    trit_status status = order ? trit_ok : trit_error_memory(err, n * sizeof *order, "the tokens of a text");
    uint32_t n_seen = 0;
    bool fits = true;
    for (uint32_t i = 0; i < n && status == trit_ok; i++)
        if (c->count[i]) order[n_seen++] = (seen){c->count[i], (int32_t)i};
    if (n_seen) qsort(order, n_seen, sizeof *order, most_seen_first);
    for (uint32_t i = 0; i < n_seen && fits && status == trit_ok; i++)
        if (!stays(c, order[i].id)) status = take(c, order[i].id, n_tokens, &fits, err);
    trit_free(order);
    return status;
}

static trit_status check(const choice *c, uint32_t n_tokens, trit_error *err) {
    if (c->n_stay <= n_tokens) return trit_ok;
    return trit_error_set(err, trit_arg, "a vocabulary of %u tokens: too few, for %u always stay (special ones, bytes, printable ASCII)", n_tokens,
                          c->n_stay);
}

trit_status trit_vocab_choose(trit_ids *out, const trit_tokenizer *tokenizer, const uint64_t *count, uint32_t n_tokens, trit_error *err) {
    const trit_tokenizer *t = tokenizer;
    if (t->model != trit_model_bpe || t->subword_prefix[0] || t->word_suffix[0])
        return trit_error_set(err, trit_unsupported, "a vocabulary of the kind %s: tokens can be left out of byte-level and SentencePiece BPE only", t->kind);
    choice c = {.t = t, .merging = *t, .count = count, .stays = trit_alloc_zero(t->pieces.n, 1)};
    if (!c.stays) return trit_error_memory(err, t->pieces.n, "the tokens of a text");
    c.merging.ignore_merges = false;
    keep_always(&c);
    trit_status status = check(&c, n_tokens, err);
    if (status == trit_ok) status = take_seen(&c, n_tokens, err);
    out->n = 0;
    for (uint32_t i = 0; i < t->pieces.n && status == trit_ok; i++)
        if (c.stays[i] && !trit_ids_push(out, (int32_t)i)) status = trit_error_memory(err, c.n_stay * sizeof(int32_t), "the tokens of a text");
    choice_fini(&c);
    return status;
}
