/* From counted words to a vocabulary: special tokens, the alphabet in the order of its characters, then what merging gives, in its order. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/utf8.h"
#include "text/alphabet.h"
#include "text/parts.h"
#include "text/train.h"

/* Longer words are cut: merging them takes time for nothing, since no piece comes near. And the pieces of SentencePiece's words: letters, one digit,
 * signs, each with the blank before it, or blanks. */
enum { max_word_bytes = 1024, default_vocab = 8192 };

#define SPM_WORDS                                                                                                              \
    TRIT_VISIBLE_SPACE "?[\\p{L}\\p{M}]+|\\p{N}|" TRIT_VISIBLE_SPACE "?[^\\p{L}\\p{M}\\p{N}\\s\\p{C}" TRIT_VISIBLE_SPACE "]+|" \
    TRIT_VISIBLE_SPACE "+(?=" TRIT_VISIBLE_SPACE ")|" TRIT_VISIBLE_SPACE

typedef struct counter {
    trit_counts words;
    trit_matcher *matcher;
    trit_text valid;
} counter;

struct trit_vocab_trainer {
    const trit_tokenizer_train_opts *o;
    trit_splits splits;
    counter *counters; /* [n_threads] */
    unsigned n_threads;
    trit_counts pieces; /* the index is the id */
    trit_ids types;     /* [pieces.n] trit_token_type */
    trit_ids pairs;     /* left, right of each merge */
    trit_merges known;  /* the same as a table */
    trit_text piece;    /* under construction */
    uint32_t n_wanted, n_begin; /* tokens; those before the first merge */
    int32_t bos, eos, unk;
    bool stopped;
};

static bool is_spm(const trit_vocab_trainer *t) {
    return t->o->kind == trit_tokenizer_train_spm;
}

/* ---- words ---- */

static trit_status set_splits(trit_vocab_trainer *t, trit_error *err) {
    const trit_str blank = {" ", 1}, visible = {TRIT_VISIBLE_SPACE, sizeof TRIT_VISIBLE_SPACE - 1};
    trit_pre_info info;
    trit_regex *regex = NULL;
    if (!is_spm(t)) return trit_splits_add_named(&t->splits, t->o->pre ? t->o->pre : "gpt-2", &info, err);
    trit_status status = trit_regex_new(&regex, trit_str_from(SPM_WORDS), "words", err);
    if (status) return status;
    const bool ok = trit_splits_add_rewrite(&t->splits, (trit_rewrite){.kind = trit_rewrite_prepend, .to = visible}) &&
                    trit_splits_add_rewrite(&t->splits, (trit_rewrite){.kind = trit_rewrite_replace, .from = blank, .to = visible});
    if (ok && trit_splits_add(&t->splits, regex, (trit_str){NULL, 0}, trit_split_isolated, false)) return trit_ok;
    if (!ok) trit_regex_free(regex);
    return trit_error_memory(err, sizeof *t->splits.step, "the pre-tokenizer");
}

trit_status trit_vocab_trainer_new(trit_vocab_trainer **out, const trit_tokenizer_train_opts *opts, trit_error *err) {
    trit_vocab_trainer *t = trit_alloc_zero(1, sizeof *t);
    if (!t) return trit_error_memory(err, sizeof *t, "a vocabulary");
    t->o = opts;
    t->n_threads = opts->n_threads ? opts->n_threads : 1;
    t->n_wanted = opts->kind == trit_tokenizer_train_byte ? 0 : opts->vocab_size ? opts->vocab_size : default_vocab;
    t->bos = t->eos = t->unk = -1;
    t->counters = trit_alloc_zero(t->n_threads, sizeof *t->counters);
    trit_status status = t->counters ? trit_ok : trit_error_memory(err, t->n_threads * sizeof *t->counters, "a vocabulary");
    if (!status && (opts->coverage < 0 || opts->coverage > 1))
        status = trit_error_set(err, trit_arg, "coverage %g is not from 0 to 1", opts->coverage);
    if (!status && t->n_wanted > trit_max_tokens) status = trit_error_set(err, trit_arg, "vocab_size %u is more than %d", t->n_wanted, (int)trit_max_tokens);
    if (!status) status = set_splits(t, err);
    for (unsigned i = 0; !status && i < t->n_threads; i++) {
        t->counters[i].matcher = trit_matcher_new();
        if (!t->counters[i].matcher) status = trit_error_memory(err, sizeof(void *), "matching");
    }
    if (status)
        trit_vocab_trainer_free(t);
    else
        *out = t;
    return status;
}

void trit_vocab_trainer_free(trit_vocab_trainer *t) {
    if (!t) return;
    for (unsigned i = 0; t->counters && i < t->n_threads; i++) {
        trit_counts_fini(&t->counters[i].words);
        trit_matcher_free(t->counters[i].matcher);
        trit_text_fini(&t->counters[i].valid);
    }
    trit_free(t->counters);
    trit_splits_fini(&t->splits);
    trit_counts_fini(&t->pieces);
    trit_ids_fini(&t->types);
    trit_ids_fini(&t->pairs);
    trit_merges_fini(&t->known);
    trit_text_fini(&t->piece);
    trit_free(t);
}

static trit_status count_word(void *self, trit_str word, trit_error *err) {
    counter *c = self;
    bool ok = true;
    while (ok && word.n) {
        size_t n = word.n;
        if (n > max_word_bytes)
            for (n = max_word_bytes; ((unsigned char)word.p[n] & 0xC0) == 0x80;) n--;
        ok = trit_counts_add(&c->words, (trit_str){word.p, n}, 1, NULL);
        word = (trit_str){word.p + n, word.n - n};
    }
    return ok ? trit_ok : trit_error_memory(err, c->words.bytes.n, "the words of the text");
}

trit_status trit_vocab_trainer_count(trit_vocab_trainer *t, unsigned member, trit_str text, trit_error *err) {
    counter *c = &t->counters[member];
    trit_matcher_look_at(c->matcher, text.p, text.n);
    if (trit_valid_bytes(text.p, text.n) != text.n) {
        c->valid.n = 0;
        if (!trit_append_valid(&c->valid, text.p, text.n)) return trit_error_memory(err, text.n, "the text");
        text = (trit_str){c->valid.data, c->valid.n};
    }
    return trit_splits_run(&t->splits, c->matcher, text, true, (trit_piece_sink){count_word, c}, err);
}

/* All words in the first counter. */
static bool gather_words(trit_vocab_trainer *t) {
    bool ok = true;
    for (unsigned m = 1; m < t->n_threads; m++) {
        trit_counts *words = &t->counters[m].words;
        for (size_t i = 0; ok && i < words->n; i++) ok = trit_counts_add(&t->counters[0].words, trit_counts_at(words, i), words->item[i].count, NULL);
        trit_counts_fini(words);
    }
    return ok;
}

/* ---- pieces ---- */

/* The id of a new piece, or of the one that is there already; -1: out of memory. */
static int32_t add_piece(trit_vocab_trainer *t, trit_str piece, trit_token_type type) {
    uint32_t id;
    const size_t n = t->pieces.n;
    if (!trit_counts_add(&t->pieces, piece, 1, &id)) return -1;
    if (t->pieces.n > n && !trit_ids_push(&t->types, (int32_t)type)) return -1;
    return (int32_t)id;
}

static bool add_named(trit_vocab_trainer *t, int32_t *id, const char *name, const char *otherwise) {
    if (!name) name = otherwise;
    *id = *name ? add_piece(t, trit_str_from(name), trit_token_control) : -1;
    return *id >= 0 || !*name;
}

static bool add_special(trit_vocab_trainer *t) {
    const trit_tokenizer_train_opts *o = t->o;
    int32_t id;
    if (is_spm(t) && (t->unk = add_piece(t, trit_str_from("<unk>"), trit_token_unknown)) < 0) return false;
    bool ok = add_named(t, &t->bos, o->bos, is_spm(t) ? "<s>" : "<|begin_of_text|>") && add_named(t, &t->eos, o->eos, is_spm(t) ? "</s>" : "<|end_of_text|>");
    for (size_t i = 0; ok && i < o->n_special; i++) ok = add_named(t, &id, o->special[i], "");
    return ok;
}

static bool add_cp(trit_vocab_trainer *t, uint32_t cp) {
    char spelled[4];
    return add_piece(t, (trit_str){spelled, trit_utf8_encode(cp, spelled)}, trit_token_normal) >= 0;
}

static int by_number(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool add_byte_alphabet(trit_vocab_trainer *t) {
    uint32_t cp[256];
    bool ok = true;
    for (unsigned b = 0; b < 256; b++) cp[b] = trit_alphabet_char((uint8_t)b);
    qsort(cp, 256, sizeof *cp, by_number);
    for (unsigned b = 0; ok && b < 256; b++) ok = add_cp(t, cp[b]);
    return ok;
}

static bool add_byte_tokens(trit_vocab_trainer *t) {
    bool ok = true;
    for (unsigned b = 0; ok && b < 256; b++) {
        t->piece.n = 0;
        ok = trit_text_format(&t->piece, "<0x%02X>", b) && add_piece(t, (trit_str){t->piece.data, t->piece.n}, trit_token_byte) >= 0;
    }
    return ok;
}

/* ---- the characters of SentencePiece vocabularies ---- */

typedef struct character {
    uint32_t cp;
    uint64_t count;
} character;

static int by_count(const void *a, const void *b) {
    const character *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return (x->cp > y->cp) - (x->cp < y->cp);
}

/* Control characters and ends of lines are bytes to these vocabularies, and U+FFFD stands for what is broken. */
static bool is_character(uint32_t cp) {
    return cp >= 0x20 && !(cp >= 0x7F && cp < 0xA0) && cp != 0xFFFD && !(trit_is_blank(cp) && cp < 0x3000);
}

static bool count_characters(const trit_counts *words, trit_counts *out) {
    bool ok = true;
    for (size_t i = 0; ok && i < words->n; i++) {
        const trit_str word = trit_counts_at(words, i);
        uint32_t cp;
        for (size_t at = 0; ok && at < word.n;) {
            const int n = trit_utf8_decode(word.p + at, word.n - at, &cp);
            if (is_character(cp)) ok = trit_counts_add(out, (trit_str){word.p + at, (size_t)n}, words->item[i].count, NULL);
            at += (size_t)n;
        }
    }
    return ok;
}

/* The most frequent characters, as many as cover the wanted share of the text. */
static bool choose_characters(trit_vocab_trainer *t, const trit_counts *counted, character *c, uint32_t *chosen) {
    const double coverage = t->o->coverage > 0 ? t->o->coverage : 0.9995;
    uint64_t total = 0, covered = 0;
    size_t n = 0;
    bool ok = true;
    for (size_t i = 0; i < counted->n; i++) {
        const trit_str s = trit_counts_at(counted, i);
        c[i].count = counted->item[i].count;
        (void)trit_utf8_decode(s.p, s.n, &c[i].cp);
        total += c[i].count;
    }
    qsort(c, counted->n, sizeof *c, by_count);
    while (n < counted->n && (double)covered < coverage * (double)total) {
        covered += c[n].count;
        chosen[n] = c[n].cp;
        n++;
    }
    qsort(chosen, n, sizeof *chosen, by_number);
    for (size_t i = 0; ok && i < n; i++) ok = add_cp(t, chosen[i]);
    return ok && add_cp(t, 0x2581);
}

static bool add_characters(trit_vocab_trainer *t) {
    trit_counts counted = {0};
    bool ok = add_byte_tokens(t) && count_characters(&t->counters[0].words, &counted);
    character *c = trit_alloc(counted.n, sizeof *c);
    uint32_t *chosen = trit_alloc(counted.n, sizeof *chosen);
    ok = ok && c && chosen && choose_characters(t, &counted, c, chosen);
    trit_free(c);
    trit_free(chosen);
    trit_counts_fini(&counted);
    return ok;
}

/* ---- merges ---- */

/* Bytes by the alphabet; characters, where those that are not in the vocabulary end a word. */
static bool push_word(const trit_vocab_trainer *t, trit_bpe_words *w, trit_str word, uint64_t count) {
    bool ok = true;
    for (size_t at = 0; ok && at < word.n;) {
        char spelled[4];
        uint32_t cp = 0;
        const int n = is_spm(t) ? trit_utf8_decode(word.p + at, word.n - at, &cp) : 1;
        if (!is_spm(t)) cp = trit_alphabet_char((uint8_t)word.p[at]);
        const int64_t id = trit_counts_find(&t->pieces, (trit_str){spelled, trit_utf8_encode(cp, spelled)});
        ok = id >= 0 && t->types.data[id] == trit_token_normal ? trit_bpe_words_push(w, (int32_t)id) : trit_bpe_words_end(w, count);
        at += (size_t)n;
    }
    return ok && trit_bpe_words_end(w, count);
}

/* What is spelled like a special token or a byte is never made by merging. */
static int32_t merged(void *self, int32_t left, int32_t right) {
    trit_vocab_trainer *t = self;
    const trit_str a = trit_counts_at(&t->pieces, (size_t)left), b = trit_counts_at(&t->pieces, (size_t)right);
    t->piece.n = 0;
    if (a.n + b.n > max_word_bytes) return -1;
    if (!trit_text_append(&t->piece, a.p, a.n) || !trit_text_append(&t->piece, b.p, b.n)) return -2;
    const int32_t id = add_piece(t, (trit_str){t->piece.data, t->piece.n}, trit_token_normal);
    if (id < 0) return -2;
    if (t->types.data[id] != trit_token_normal) return -1;
    if (trit_merges_find(&t->known, left, right)) return id;
    const bool ok = trit_merges_add(&t->known, left, right, 0, id) && trit_ids_push(&t->pairs, left) && trit_ids_push(&t->pairs, right);
    return ok ? id : -2;
}

static bool goes_on(void *self) {
    trit_vocab_trainer *t = self;
    const trit_tokenizer_train_opts *o = t->o;
    const size_t done = t->pieces.n - t->n_begin;
    if (t->pieces.n >= t->n_wanted) return false;
    if (o->progress && done % 64 == 0 && !o->progress(o->self, "merging", done, t->n_wanted - t->n_begin)) t->stopped = true;
    return !t->stopped;
}

static trit_status learn(trit_vocab_trainer *t, trit_error *err) {
    const trit_counts *words = &t->counters[0].words;
    trit_bpe_words w = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < words->n; i++) ok = push_word(t, &w, trit_counts_at(words, i), words->item[i].count);
    trit_status status = ok ? trit_ok : trit_error_memory(err, words->bytes.n, "the words of the text");
    if (!status) status = trit_bpe_learn(&w, t->o->min_frequency ? t->o->min_frequency : 2, (trit_bpe_sink){merged, goes_on, t}, err);
    trit_bpe_words_fini(&w);
    return t->stopped && !status ? trit_error_set(err, trit_cancelled, "interrupted while a vocabulary was learned") : status;
}

/* ---- documents ---- */

/* "left right" of every merge. SentencePiece's way is that any two pieces merge that make a piece, as soon as that one was made: the other cuts of
 * a piece follow the one that made it. */
typedef struct lines {
    trit_text text;
    size_t *end; /* [n] */
    size_t n, capacity;
} lines;

static bool add_line(lines *l, trit_str left, trit_str right) {
    void *end = l->end;
    bool ok = trit_text_append(&l->text, left.p, left.n) && trit_text_append(&l->text, " ", 1) && trit_text_append(&l->text, right.p, right.n) &&
              trit_grow(&end, &l->capacity, l->n + 1, sizeof *l->end);
    l->end = end;
    if (ok) l->end[l->n++] = l->text.n;
    return ok;
}

static bool is_normal(const trit_vocab_trainer *t, int64_t id) {
    return id >= 0 && t->types.data[id] == trit_token_normal;
}

static bool add_other_cuts(trit_vocab_trainer *t, lines *l, trit_str piece) {
    for (size_t cut = 1; cut < piece.n; cut++) {
        const trit_str left = {piece.p, cut}, right = {piece.p + cut, piece.n - cut};
        if (((unsigned char)piece.p[cut] & 0xC0) == 0x80) continue;
        const int64_t a = trit_counts_find(&t->pieces, left), b = trit_counts_find(&t->pieces, right);
        if (!is_normal(t, a) || !is_normal(t, b) || trit_merges_find(&t->known, (int32_t)a, (int32_t)b)) continue;
        if (!trit_merges_add(&t->known, (int32_t)a, (int32_t)b, 0, 0) || !add_line(l, left, right)) return false;
    }
    return true;
}

static bool write_merges(trit_vocab_trainer *t, lines *l) {
    bool ok = true;
    for (size_t i = 0; ok && i < t->pairs.n; i += 2) {
        const trit_str left = trit_counts_at(&t->pieces, (size_t)t->pairs.data[i]), right = trit_counts_at(&t->pieces, (size_t)t->pairs.data[i + 1]);
        ok = add_line(l, left, right);
        if (!ok || !is_spm(t)) continue;
        const trit_merge *merge = trit_merges_find(&t->known, t->pairs.data[i], t->pairs.data[i + 1]);
        ok = add_other_cuts(t, l, trit_counts_at(&t->pieces, (size_t)merge->id));
    }
    return ok;
}

static trit_str piece_or_none(const trit_vocab_trainer *t, int32_t id) {
    return id >= 0 ? trit_counts_at(&t->pieces, (size_t)id) : (trit_str){NULL, 0};
}

static bool write_documents(trit_vocab_trainer *t, trit_text *json, trit_text *config) {
    lines l = {0};
    bool ok = write_merges(t, &l);
    trit_str *token = trit_alloc(t->pieces.n, sizeof *token), *merge = trit_alloc(l.n, sizeof *merge);
    ok = ok && token && merge;
    for (size_t i = 0; ok && i < t->pieces.n; i++) token[i] = trit_counts_at(&t->pieces, i);
    for (size_t i = 0, at = 0; ok && i < l.n; at = l.end[i++]) merge[i] = (trit_str){l.text.data + at, l.end[i] - at};
    const trit_vocab_desc desc = {
        .model = is_spm(t) ? "llama" : "gpt2", .pre = t->o->pre ? t->o->pre : "gpt-2", .n_tokens = (uint32_t)t->pieces.n, .token = token,
        .type = t->types.data, .n_merges = (uint32_t)l.n, .merge = merge, .bos = t->bos, .eos = t->eos, .unk = t->unk, .add_bos = trit_yes,
        .add_eos = trit_no, .add_space_prefix = trit_yes, .ignore_merges = is_spm(t) ? trit_no : trit_unset,
    };
    ok = ok && trit_tokenizer_write_json(json, &desc);
    ok = ok && trit_tokenizer_write_config(config, piece_or_none(t, t->bos), piece_or_none(t, t->eos), t->o->chat_template);
    trit_free(token);
    trit_free(merge);
    trit_free(l.end);
    trit_text_fini(&l.text);
    return ok;
}

trit_status trit_vocab_trainer_finish(trit_vocab_trainer *t, trit_text *json, trit_text *config, trit_error *err) {
    const bool learns = t->o->kind != trit_tokenizer_train_byte;
    bool ok = gather_words(t) && add_special(t) && (is_spm(t) ? add_characters(t) : add_byte_alphabet(t));
    if (!ok) return trit_error_memory(err, t->counters[0].words.bytes.n, "a vocabulary");
    t->n_begin = (uint32_t)t->pieces.n;
    if (learns && !t->counters[0].words.n) return trit_error_set(err, trit_arg, "no text to learn a vocabulary from");
    if (t->n_wanted && t->n_wanted < t->n_begin)
        return trit_error_set(err, trit_arg, "vocab_size %u is too small: the special tokens and the %s alone are %u", t->n_wanted,
                              is_spm(t) ? "bytes and characters" : "bytes", t->n_begin);
    trit_status status = learns ? learn(t, err) : trit_ok;
    if (status) return status;
    return write_documents(t, json, config) ? trit_ok : trit_error_memory(err, t->pieces.bytes.n, "a vocabulary");
}
