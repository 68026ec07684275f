/* A finished tokenizer: the tables that follow from its parts, the end tokens, and what the public header asks. */
#include "text/parts.h"

#include "base/alloc.h"
#include "base/error.h"
#include "text/alphabet.h"

/* Tokens at which generation ends wherever they are control tokens: turns and texts end so in all the families we know. */
static const char *const end_names[] = {"<|eot_id|>",      "<|im_end|>",      "<|end|>",    "<end_of_turn>", "<|endoftext|>",
                                        "<|end_of_text|>", "<|eom_id|>",      "<EOT>",      "</s>",          "<eos>",
                                        "<|end_of_turn|>", "<\xEF\xBD\x9C\x65nd\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>"};

static void find_end_tokens(trit_tokenizer *t) {
    if (t->eos >= 0) t->flags[t->eos] |= trit_token_ends;
    for (size_t i = 0; i < sizeof end_names / sizeof end_names[0]; i++) {
        int32_t id = trit_piece_map_find(&t->by_piece, end_names[i], strlen(end_names[i]));
        if (trit_token_has(t, id, trit_token_special)) t->flags[id] |= trit_token_ends;
    }
}

static void find_first_symbols(trit_tokenizer *t) {
    for (unsigned b = 0; t->byte_level && b < 256; b++) {
        uint32_t cp = trit_alphabet_char((uint8_t)b); /* below U+0800: one or two bytes of UTF-8 */
        char spelled[2] = {(char)(0xC0 | cp >> 6), (char)(0x80 | (cp & 0x3F))};
        char ascii = (char)cp;
        t->byte_id[b] = cp < 0x80 ? trit_piece_map_find(&t->by_piece, &ascii, 1) : trit_piece_map_find(&t->by_piece, spelled, 2);
    }
    for (int b = 0; b < 128; b++) {
        char ascii = (char)b;
        t->ascii_id[b] = trit_piece_map_find(&t->by_piece, &ascii, 1);
    }
}

static bool begins_visible(trit_str s) {
    return s.n >= 3 && memcmp(s.p, TRIT_VISIBLE_SPACE, 3) == 0;
}

static bool ends_visible(trit_str s) {
    return s.n >= 3 && memcmp(s.p + s.n - 3, TRIT_VISIBLE_SPACE, 3) == 0;
}

/* Words can be merged one by one, whatever the pieces are, if no merge reaches from one into the next. That the visible space
 * is a token itself keeps it from running into an unknown character before it. Characters that do merge with a visible space
 * behind them are glued to it (Gemma 3 has "> "); there may be few of them, in ASCII. */
static bool words_are_apart(trit_tokenizer *t) {
    if (t->model != trit_model_bpe || t->byte_level || t->ignore_merges || t->subword_prefix[0] || t->word_suffix[0]) return false;
    if (!t->merges.slot) return false;
    if (trit_piece_map_find(&t->by_piece, TRIT_VISIBLE_SPACE, 3) < 0) return false;
    for (size_t i = 0; i <= t->merges.mask; i++) {
        uint64_t pair = t->merges.slot[i].pair;
        if (pair == UINT64_MAX) continue;
        int32_t left_id = (int32_t)(pair >> 32);
        trit_str left = trit_pieces_at(&t->pieces, left_id);
        trit_str right = trit_pieces_at(&t->pieces, (int32_t)(pair & 0x7FFFFFFF));
        if (ends_visible(left) || !begins_visible(right)) continue;
        unsigned char last = (unsigned char)left.p[left.n - 1];
        if (last >= 0x80 || trit_token_has(t, left_id, trit_token_is_byte)) return false;
        t->glued[last] = true;
    }
    return true;
}

trit_status trit_tokenizer_finish(trit_tokenizer *t, trit_error *err) {
    find_first_symbols(t);
    find_end_tokens(t);
    trit_added_set_sort(&t->raw_added);
    trit_added_set_sort(&t->normalized_added);
    t->words_apart = words_are_apart(t);
    if (!t->byte_level || !t->ignore_merges) return trit_ok;
    if (!trit_piece_map_init(&t->by_bytes, &t->bytes)) return trit_error_memory(err, t->pieces.n, "the vocabulary");
    for (uint32_t i = 0; i < t->pieces.n; i++)
        if ((t->flags[i] & trit_token_in_alphabet) && !(t->flags[i] & trit_token_special) && trit_pieces_at(&t->bytes, (int32_t)i).n)
            (void)trit_piece_map_add(&t->by_bytes, (int32_t)i);
    return trit_ok;
}

trit_status trit_tokenizer_add_eog(trit_tokenizer *tokenizer, const int32_t *ids, size_t n, trit_error *err) {
    for (size_t i = 0; i < n; i++)
        if (!trit_token_has(tokenizer, ids[i], trit_token_present))
            return trit_error_set(err, trit_format, "end token %d is not in the vocabulary of %u", (int)ids[i], tokenizer->pieces.n);
    for (size_t i = 0; i < n; i++) tokenizer->flags[ids[i]] |= trit_token_ends;
    return trit_ok;
}

uint32_t trit_tokenizer_size(const trit_tokenizer *tokenizer) {
    return tokenizer->pieces.n;
}

const char *trit_tokenizer_kind(const trit_tokenizer *tokenizer) {
    return tokenizer->kind;
}

const char *trit_tokenizer_pre(const trit_tokenizer *tokenizer) {
    return tokenizer->pre;
}

int32_t trit_tokenizer_bos(const trit_tokenizer *tokenizer) {
    return tokenizer->bos;
}

int32_t trit_tokenizer_eos(const trit_tokenizer *tokenizer) {
    return tokenizer->eos;
}

bool trit_tokenizer_adds_bos(const trit_tokenizer *tokenizer) {
    return tokenizer->prefix.n > 0;
}

bool trit_tokenizer_is_eog(const trit_tokenizer *tokenizer, int32_t id) {
    return trit_token_has(tokenizer, id, trit_token_ends);
}

bool trit_tokenizer_is_special(const trit_tokenizer *tokenizer, int32_t id) {
    return trit_token_has(tokenizer, id, trit_token_special);
}

bool trit_tokenizer_is_added(const trit_tokenizer *tokenizer, int32_t id) {
    return trit_token_has(tokenizer, id, trit_token_present) && trit_token_has(tokenizer, id, trit_token_special | trit_token_literal);
}

const char *trit_tokenizer_piece(const trit_tokenizer *tokenizer, int32_t id, size_t *n) {
    if (!trit_token_has(tokenizer, id, trit_token_present)) return NULL;
    trit_str piece = trit_pieces_at(&tokenizer->pieces, id);
    if (n) *n = piece.n;
    return piece.p;
}

int32_t trit_tokenizer_find(const trit_tokenizer *tokenizer, const char *piece, size_t n) {
    return n ? trit_piece_map_find(&tokenizer->by_piece, piece, n) : -1;
}
