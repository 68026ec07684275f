/* A number for what a tokenizer does: two that give other tokens for some text differ in it, by all that they are made of. */
#include "base/rng.h"
#include "text/parts.h"

static uint64_t add_number(uint64_t sum, uint64_t v) {
    return trit_mix64(sum ^ trit_mix64(v + 0x9e3779b97f4a7c15u));
}

static uint64_t add_bytes(uint64_t sum, const void *p, size_t n) {
    return add_number(sum, n ? trit_hash_bytes(p, n) : 0);
}

static uint64_t add_text(uint64_t sum, const char *s) {
    return add_bytes(sum, s, strlen(s));
}

static uint64_t add_rewrites(uint64_t sum, const trit_rewrites *r) {
    sum = add_number(sum, r->n);
    for (size_t i = 0; i < r->n; i++) {
        const trit_rewrite *step = &r->step[i];
        sum = add_bytes(add_bytes(add_number(sum, step->kind), step->from.p, step->from.n), step->to.p, step->to.n);
        sum = add_number(add_number(add_number(sum, step->form), step->left), step->right);
        sum = add_number(add_number(sum, step->regex ? trit_regex_hash(step->regex) : 0), step->charsmap ? trit_charsmap_hash(step->charsmap) : 0);
    }
    return sum;
}

/* The kinds of characters that steps look for are few, and each stands with another rule. */
static uint64_t add_splits(uint64_t sum, const trit_splits *s) {
    sum = add_number(sum, s->n);
    for (size_t i = 0; i < s->n; i++) {
        const trit_split *step = &s->step[i];
        const unsigned kind = step->is == trit_is_blank ? 1 : step->is == trit_is_punctuation ? 2 : step->is == trit_is_number ? 3 : step->is ? 4 : 0;
        sum = add_bytes(add_number(sum, step->regex ? trit_regex_hash(step->regex) : 0), step->literal, step->n_literal);
        sum = add_rewrites(add_number(sum, kind | (uint64_t)step->how << 8 | (uint64_t)step->invert << 16), &step->rewrites);
    }
    return sum;
}

static uint64_t add_added(uint64_t sum, const trit_added_set *set) {
    sum = add_number(sum, set->n);
    for (size_t i = 0; i < set->n; i++) {
        const trit_added *a = &set->token[i];
        const trit_added_flags f = a->flags;
        const unsigned bits = (f.lstrip ? 1u : 0) | (f.rstrip ? 2u : 0) | (f.single_word ? 4u : 0) | (f.always ? 8u : 0);
        sum = add_number(add_bytes(sum, a->text, a->n), (uint64_t)a->id << 4 | bits);
    }
    return sum;
}

/* The table's places follow from what was added, in which order, alone. */
static uint64_t add_merges(uint64_t sum, const trit_merges *m) {
    for (size_t i = 0; m->slot && i <= m->mask; i++)
        if (m->slot[i].pair != UINT64_MAX) sum = add_number(add_number(sum, m->slot[i].pair), (uint64_t)m->slot[i].rank << 32 | (uint32_t)m->slot[i].id);
    return add_number(sum, m->n);
}

uint64_t trit_tokenizer_fingerprint(const trit_tokenizer *t) {
    const unsigned bits = (t->byte_level ? 1u : 0) | (t->byte_fallback ? 2u : 0) | (t->fuse_unk ? 4u : 0) | (t->ignore_merges ? 8u : 0) |
                          (t->unigram.single ? 16u : 0);
    uint64_t sum = add_number(add_number(1, t->model), bits);
    sum = add_bytes(sum, t->pieces.offset, ((size_t)t->pieces.n + 1) * sizeof *t->pieces.offset);
    sum = add_bytes(add_bytes(sum, t->pieces.blob, t->pieces.offset[t->pieces.n]), t->flags, t->pieces.n);
    sum = add_added(add_added(add_merges(sum, &t->merges), &t->raw_added), &t->normalized_added);
    sum = add_splits(add_rewrites(sum, &t->normalizer), &t->splits);
    sum = add_bytes(sum, t->prefix.id, t->prefix.n * sizeof *t->prefix.id);
    sum = add_bytes(sum, t->suffix.id, t->suffix.n * sizeof *t->suffix.id);
    if (t->unigram.score) sum = add_bytes(sum, t->unigram.score, t->pieces.n * sizeof *t->unigram.score);
    sum = add_text(add_text(sum, t->word_piece.first), t->word_piece.next);
    sum = add_text(add_text(add_number(sum, t->word_piece.max_chars), t->subword_prefix), t->word_suffix);
    return add_number(sum, (uint64_t)(uint32_t)t->unk ^ (uint64_t)(uint32_t)t->bos << 20 ^ (uint64_t)(uint32_t)t->eos << 40);
}
