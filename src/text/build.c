/* Building a tokenizer: the steps that all its sources (GGUF, tokenizer.json, tokenizer.model) share. */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "text/alphabet.h"
#include "text/parts.h"

trit_tokenizer *trit_tokenizer_blank(void) {
    trit_tokenizer *t = trit_alloc_zero(1, sizeof *t);
    if (!t) return NULL;
    t->unk = t->bos = t->eos = -1;
    t->kind = "";
    for (int b = 0; b < 256; b++) t->byte_id[b] = -1;
    for (int b = 0; b < 128; b++) t->ascii_id[b] = -1;
    return t;
}

void trit_tokenizer_close(trit_tokenizer *tokenizer) {
    if (!tokenizer) return;
    trit_pieces_fini(&tokenizer->pieces);
    trit_pieces_fini(&tokenizer->bytes);
    trit_pieces_fini(&tokenizer->first_bytes);
    trit_pieces_fini(&tokenizer->last_bytes);
    trit_free(tokenizer->flags);
    trit_piece_map_fini(&tokenizer->by_piece);
    trit_piece_map_fini(&tokenizer->by_bytes);
    trit_merges_fini(&tokenizer->merges);
    trit_added_set_fini(&tokenizer->raw_added);
    trit_added_set_fini(&tokenizer->normalized_added);
    trit_rewrites_fini(&tokenizer->normalizer);
    trit_splits_fini(&tokenizer->splits);
    trit_trie_fini(&tokenizer->trie);
    trit_free(tokenizer->unigram.score);
    trit_free(tokenizer);
}

static trit_status check_sizes(const trit_str *strings, size_t n, const char *what, trit_error *err) {
    if (n == 0) return trit_error_set(err, trit_format, "%s: the vocabulary is empty", what);
    if (n > trit_max_tokens)
        return trit_error_set(err, trit_format, "%s: %zu tokens are more than %d", what, n, (int)trit_max_tokens);
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        if (strings[i].n > trit_max_piece_bytes)
            return trit_error_set(err, trit_format, "%s: token %zu is %zu bytes long, at most %d", what, i, strings[i].n,
                                  (int)trit_max_piece_bytes);
        total += strings[i].n;
    }
    /* What a token decodes to may be up to three times as long as its piece; offsets have 32 bits. */
    if (total > UINT32_MAX / 4) return trit_error_set(err, trit_format, "%s: the tokens hold %zu bytes, too many", what, total);
    return trit_ok;
}

trit_status trit_tokenizer_set_pieces(trit_tokenizer *t, const trit_str *strings, size_t n, const char *what, trit_error *err) {
    trit_status status = check_sizes(strings, n, what, err);
    if (status) return status;
    t->flags = trit_alloc_zero(n, 1);
    if (!t->flags || !trit_pieces_init(&t->pieces, strings, (uint32_t)n) || !trit_piece_map_init(&t->by_piece, &t->pieces))
        return trit_error_memory(err, n * sizeof *strings, "the vocabulary");
    for (size_t i = 0; i < n; i++) {
        int32_t id = (int32_t)i;
        if (!strings[i].p) continue;
        t->flags[i] = trit_token_present;
        if (strings[i].n == 0) continue; /* some files pad their vocabulary with empty tokens; no text leads to them */
        int32_t other = trit_piece_map_add(&t->by_piece, id);
        if (other != id)
            return trit_error_set(err, trit_format, "%s: tokens %d and %d are both \"%.*s\"", what, (int)other, (int)id,
                                  TRIT_STR_ARG(strings[i]));
    }
    return trit_ok;
}

trit_status trit_tokenizer_add_merge(trit_tokenizer *t, trit_str left, trit_str right, uint32_t rank, const char *what,
                                     trit_error *err) {
    char joined[512];
    trit_str mark = trit_str_from(t->subword_prefix), rest = right;
    if (mark.n && rest.n >= mark.n && memcmp(rest.p, mark.p, mark.n) == 0) rest = (trit_str){rest.p + mark.n, rest.n - mark.n};
    trit_str both = {joined, left.n + rest.n};
    if (left.n == 0 || right.n == 0 || both.n > trit_max_piece_bytes)
        return trit_error_set(err, trit_format, "%s: merge %u has a side of 0 or too many bytes", what, rank);
    char *big = both.n > sizeof joined ? trit_alloc(both.n, 1) : joined;
    if (!big) return trit_error_memory(err, both.n, "a merge");
    memcpy(big, left.p, left.n);
    memcpy(big + left.n, rest.p, rest.n);
    int32_t left_id = trit_piece_map_find(&t->by_piece, left.p, left.n);
    int32_t right_id = trit_piece_map_find(&t->by_piece, right.p, right.n);
    int32_t id = trit_piece_map_find(&t->by_piece, big, both.n);
    if (big != joined) trit_free(big);
    if (left_id < 0 || right_id < 0 || id < 0)
        return trit_error_set(err, trit_format, "%s: merge %u \"%.*s %.*s\": %s is not in the vocabulary", what, rank,
                              TRIT_STR_ARG(left), TRIT_STR_ARG(right),
                              left_id < 0    ? "the left side"
                              : right_id < 0 ? "the right side"
                                             : "what it makes");
    if (!trit_merges_add(&t->merges, left_id, right_id, rank, id)) return trit_error_memory(err, sizeof(trit_merge), "the merges");
    return trit_ok;
}

trit_status trit_tokenizer_add_merge_line(trit_tokenizer *t, trit_str line, uint32_t rank, const char *what, trit_error *err) {
    /* From the second byte on: a side may begin with a space, but not be one. */
    const char *space = line.n > 1 ? memchr(line.p + 1, ' ', line.n - 1) : NULL;
    if (!space) return trit_error_set(err, trit_format, "%s: merge %u \"%.*s\" is not a pair", what, rank, TRIT_STR_ARG(line));
    size_t n_left = (size_t)(space - line.p);
    return trit_tokenizer_add_merge(t, (trit_str){line.p, n_left}, (trit_str){space + 1, line.n - n_left - 1}, rank, what, err);
}

typedef struct scored {
    float score;
    int32_t id;
} scored;

static int best_score_first(const void *left, const void *right) {
    const scored *a = left, *b = right;
    if (a->score > b->score) return -1;
    if (a->score < b->score) return 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

/* The work of searching grows with the length of the pieces, hence a limit that no trained one comes near. */
enum { max_searched_bytes = 1024 };

static trit_status check_length(const trit_tokenizer *t, uint32_t id, const char *what, trit_error *err) {
    size_t n = trit_pieces_at(&t->pieces, (int32_t)id).n;
    if (n <= max_searched_bytes) return trit_ok;
    return trit_error_set(err, trit_format, "%s: token %u is %zu bytes long, at most %d", what, id, n, (int)max_searched_bytes);
}

/* Every way to cut a piece into two pieces that can be merged. */
static trit_status add_cuts(trit_tokenizer *t, int32_t id, uint32_t rank, const uint8_t *mergeable, trit_error *err) {
    trit_str piece = trit_pieces_at(&t->pieces, id);
    for (size_t cut = 1; cut < piece.n; cut++) {
        if (((unsigned char)piece.p[cut] & 0xC0) == 0x80) continue;
        int32_t left = trit_piece_map_find(&t->by_piece, piece.p, cut);
        if (left < 0 || !mergeable[left]) continue;
        int32_t right = trit_piece_map_find(&t->by_piece, piece.p + cut, piece.n - cut);
        if (right < 0 || !mergeable[right]) continue;
        if (!trit_merges_add(&t->merges, left, right, rank, id)) return trit_error_memory(err, sizeof(trit_merge), "the merges");
    }
    return trit_ok;
}

trit_status trit_tokenizer_merges_from_scores(trit_tokenizer *t, const float *score, const uint8_t *mergeable, const char *what,
                                              trit_error *err) {
    uint32_t n = 0;
    scored *order = trit_alloc(t->pieces.n, sizeof *order);
    if (!order) return trit_error_memory(err, t->pieces.n * sizeof *order, "the scores");
    trit_status status = trit_ok;
    for (uint32_t i = 0; !status && i < t->pieces.n; i++) {
        if (!mergeable[i]) continue;
        order[n++] = (scored){score ? score[i] : 0, (int32_t)i};
        if (score && isnan(score[i])) status = trit_error_set(err, trit_format, "%s: the score of token %u is not a number", what, i);
        if (!status) status = check_length(t, i, what, err);
    }
    if (!status && n) qsort(order, n, sizeof *order, best_score_first);
    for (uint32_t i = 0, rank = 0; !status && i < n; i++) {
        if (i && order[i].score < order[i - 1].score) rank++;
        status = add_cuts(t, order[i].id, rank, mergeable, err);
    }
    trit_free(order);
    return status;
}

trit_status trit_tokenizer_build_trie(trit_tokenizer *t, const uint8_t *wanted, const char *what, trit_error *err) {
    trit_status status = trit_ok;
    for (uint32_t i = 0; !status && i < t->pieces.n; i++)
        if (wanted[i]) status = check_length(t, i, what, err);
    if (status) return status;
    return trit_trie_init(&t->trie, &t->pieces, wanted) ? trit_ok : trit_error_memory(err, t->pieces.n, "the tree of pieces");
}

/* The byte of "<0xHH>", or -1. */
static int byte_of(trit_str piece) {
    if (piece.n != 6 || memcmp(piece.p, "<0x", 3) != 0 || piece.p[5] != '>') return -1;
    int high = trit_hex_digit(piece.p[3]), low = trit_hex_digit(piece.p[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

void trit_tokenizer_find_byte_tokens(trit_tokenizer *t) {
    for (uint32_t i = 0; i < t->pieces.n; i++) {
        int byte = byte_of(trit_pieces_at(&t->pieces, (int32_t)i));
        if (byte < 0 || t->byte_id[byte] >= 0) continue;
        t->byte_id[byte] = (int32_t)i;
        t->flags[i] |= trit_token_is_byte;
    }
}

/* A growing text that holds the decoded tokens one behind the other, and where each begins. */
typedef struct decoded {
    trit_text text;
    size_t *begin; /* [n + 1] */
} decoded;

static trit_status store_decoded(const trit_tokenizer *t, trit_pieces *out, decoded *d, bool ok, trit_error *err) {
    trit_str *strings = ok ? trit_alloc(t->pieces.n, sizeof *strings) : NULL;
    ok = strings != NULL;
    for (uint32_t i = 0; ok && i < t->pieces.n; i++)
        strings[i] = (trit_str){d->text.data + d->begin[i], d->begin[i + 1] - d->begin[i]};
    ok = ok && trit_pieces_init(out, strings, t->pieces.n);
    trit_free(strings);
    trit_free(d->begin);
    trit_text_fini(&d->text);
    return ok ? trit_ok : trit_error_memory(err, t->pieces.offset[t->pieces.n], "the decoded tokens");
}

static bool open_decoded(const trit_tokenizer *t, decoded *d) {
    *d = (decoded){.begin = trit_alloc((size_t)t->pieces.n + 1, sizeof(size_t))};
    return d->begin && trit_text_reserve(&d->text, t->pieces.offset[t->pieces.n]);
}

trit_status trit_tokenizer_decode_alphabet(trit_tokenizer *t, trit_error *err) {
    decoded d;
    bool ok = open_decoded(t, &d);
    for (uint32_t i = 0; ok && i < t->pieces.n; i++) {
        trit_str piece = trit_pieces_at(&t->pieces, (int32_t)i);
        size_t n = piece.n;
        char *out = d.text.data + d.text.n; /* never longer than the piece */
        d.begin[i] = d.text.n;
        if (!(t->flags[i] & trit_token_literal) && trit_alphabet_decode(piece, out, &n)) {
            t->flags[i] |= trit_token_in_alphabet;
        } else {
            n = piece.n;
            if (n) memcpy(out, piece.p, n);
        }
        d.text.n += n;
    }
    if (ok) d.begin[t->pieces.n] = d.text.n;
    return store_decoded(t, &t->bytes, &d, ok, err);
}

/* One form of all tokens. */
static trit_status decode_form(const trit_tokenizer *t, trit_pieces *out, const trit_rewrites *rewrites, trit_error *err) {
    decoded d;
    trit_text buffer[2] = {{0}, {0}};
    trit_matcher *matcher = trit_matcher_new();
    bool ok = open_decoded(t, &d) && matcher;
    trit_status status = trit_ok;
    for (uint32_t i = 0; ok && !status && i < t->pieces.n; i++) {
        trit_str piece = trit_pieces_at(&t->pieces, (int32_t)i);
        char byte;
        d.begin[i] = d.text.n;
        if (t->decode_bytes && t->flags[i] & trit_token_is_byte) {
            byte = (char)byte_of(piece);
            piece = (trit_str){&byte, 1};
        } else {
            status = trit_rewrites_run(rewrites, matcher, buffer, &piece, true, err);
        }
        ok = trit_text_append(&d.text, piece.p, piece.n);
    }
    if (ok) d.begin[t->pieces.n] = d.text.n;
    trit_matcher_free(matcher);
    trit_text_fini(&buffer[0]);
    trit_text_fini(&buffer[1]);
    trit_status stored = store_decoded(t, out, &d, ok && !status, status ? NULL : err);
    return status ? status : stored;
}

trit_status trit_tokenizer_decode_rewriting(trit_tokenizer *t, const trit_rewrites *rewrites, const trit_rewrites *first,
                                            const trit_rewrites *last, trit_error *err) {
    trit_status status = decode_form(t, &t->bytes, rewrites, err);
    if (!status && first) status = decode_form(t, &t->first_bytes, first, err);
    if (!status && last) status = decode_form(t, &t->last_bytes, last, err);
    return status;
}

static trit_status add_charsmap(trit_tokenizer *t, trit_str bytes, const char *what, trit_error *err) {
    trit_charsmap *map = NULL;
    trit_status status = trit_charsmap_new(&map, bytes, what, err);
    if (status) return status;
    bool ok = trit_rewrites_add(&t->normalizer, (trit_rewrite){.kind = trit_rewrite_charsmap, .charsmap = map});
    return ok ? trit_ok : trit_error_memory(err, sizeof(trit_rewrite), "the normalizer");
}

trit_status trit_tokenizer_set_sentencepiece(trit_tokenizer *t, bool add_prefix, bool squeeze, trit_str charsmap, const char *what,
                                             trit_error *err) {
    const trit_rewrite visible = {.kind = trit_rewrite_replace, .from = {" ", 1}, .to = {TRIT_VISIBLE_SPACE, sizeof TRIT_VISIBLE_SPACE - 1}};
    const trit_rewrite plain = {.kind = trit_rewrite_replace, .from = visible.to, .to = visible.from};
    trit_status status = charsmap.n ? add_charsmap(t, charsmap, what, err) : trit_ok;
    if (status) return status;
    bool ok = !squeeze || trit_rewrites_add(&t->normalizer, (trit_rewrite){.kind = trit_rewrite_squeeze});
    ok = ok && (!add_prefix || trit_rewrites_add(&t->normalizer, (trit_rewrite){.kind = trit_rewrite_prepend, .to = visible.to}));
    ok = ok && trit_rewrites_add(&t->normalizer, visible);
    t->byte_fallback = t->fuse_unk = t->decode_bytes = true;
    t->strip = ' ';
    t->n_strip = add_prefix ? 1 : 0;
    trit_tokenizer_find_byte_tokens(t);
    trit_rewrites decoding = {0};
    ok = ok && trit_rewrites_add(&decoding, plain);
    status = ok ? trit_tokenizer_decode_rewriting(t, &decoding, NULL, NULL, err) : trit_error_memory(err, sizeof visible, "the normalizer");
    trit_rewrites_fini(&decoding);
    return status;
}

bool trit_tokenizer_add_bert(trit_tokenizer *t, trit_bert bert) {
    trit_rewrites *list = &t->normalizer;
    return (!bert.clean || trit_rewrites_add(list, (trit_rewrite){.kind = trit_rewrite_clean})) &&
           (!bert.ideographs || trit_rewrites_add(list, (trit_rewrite){.kind = trit_rewrite_ideographs})) &&
           (!bert.accents || (trit_rewrites_add(list, (trit_rewrite){.kind = trit_rewrite_normalize, .form = trit_form_d}) &&
                              trit_rewrites_add(list, (trit_rewrite){.kind = trit_rewrite_no_accents}))) &&
           (!bert.lower || trit_rewrites_add(list, (trit_rewrite){.kind = trit_rewrite_lower}));
}

void trit_tokenizer_pair_as_singles(trit_tokenizer *t) {
    trit_pair_form *p = &t->pair;
    *p = (trit_pair_form){.before = t->prefix, .between = t->suffix, .behind = t->suffix, .type_b = 1};
    for (uint32_t i = 0; i < t->prefix.n && p->between.n < trit_max_affixes; i++) {
        p->between.type[p->between.n] = 1;
        p->between.id[p->between.n++] = t->prefix.id[i];
    }
    for (uint32_t i = 0; i < p->behind.n; i++) p->behind.type[i] = 1;
}
