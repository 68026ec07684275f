/* Learning a vocabulary (trit_tokenizer_train), for the files train_*.c and whoever reads the texts.
 *
 *   texts -> words and how often      (train_words.c)   the words within which tokens stay are those of the pre-tokenizer
 *   words -> pairs -> merges          (train_bpe.c)
 *   merges -> pieces -> documents     (train_vocab.c, to_json.c)
 *
 * What is learned depends on the counts alone, not on their order, so texts may be counted by any number of threads. */
#ifndef TRIT_TEXT_TRAIN_H
#define TRIT_TEXT_TRAIN_H

#include "text/text.h"

/* ---- train_words.c ---- */

/* Different strings in the order of their first appearance, with a count each. Zero-initialise. */
typedef struct trit_counted {
    size_t at, n; /* bytes[at..at + n) */
    uint64_t count;
} trit_counted;

typedef struct trit_counts {
    trit_text bytes;
    trit_counted *item; /* [n] */
    size_t n, capacity;
    uint32_t *slot; /* [mask + 1], 0: free, else index + 1 */
    size_t mask;
} trit_counts;

/* Adds to the count of a string; *index is its place. False: out of memory, or four billion of them. */
bool trit_counts_add(trit_counts *c, trit_str s, uint64_t count, uint32_t *index);
int64_t trit_counts_find(const trit_counts *c, trit_str s); /* -1: it is not there */
void trit_counts_fini(trit_counts *c);

static inline trit_str trit_counts_at(const trit_counts *c, size_t i) {
    return (trit_str){c->bytes.data + c->item[i].at, c->item[i].n};
}

/* ---- train_bpe.c ---- */

/* Words as symbols; merging shortens them. Owned lists. */
typedef struct trit_bpe_words {
    int32_t *symbol;   /* [n_symbols] of all words, one behind the other */
    size_t n_symbols, symbol_capacity;
    size_t *begin;     /* [n] */
    uint32_t *length;  /* [n] */
    uint64_t *count;   /* [n] */
    size_t n, begin_capacity, length_capacity, count_capacity;
} trit_bpe_words;

/* Appends a word of the last n symbols that were pushed. False: out of memory. */
bool trit_bpe_words_push(trit_bpe_words *w, int32_t symbol);
bool trit_bpe_words_end(trit_bpe_words *w, uint64_t count);
void trit_bpe_words_fini(trit_bpe_words *w);

/* What becomes of a pair: its token's id, -1: the two may not merge, -2: out of memory. Called in the order of the merges. */
typedef struct trit_bpe_sink {
    int32_t (*merged)(void *self, int32_t left, int32_t right);
    bool (*goes_on)(void *self); /* asked before each merge */
    void *self;
} trit_bpe_sink;

/* Merges the most frequent pair (of equal ones that of the smaller ids, left before right) until none is seen min_count times or the sink wants no
 * more. Errors: memory. */
TRIT_MUST_CHECK trit_status trit_bpe_learn(trit_bpe_words *words, uint64_t min_count, trit_bpe_sink sink, trit_error *err);

/* ---- train_vocab.c ---- */

typedef struct trit_vocab_trainer trit_vocab_trainer;

/* `opts` is borrowed until the end. The caller frees. Errors: arg, unsupported, memory. */
TRIT_MUST_CHECK trit_status trit_vocab_trainer_new(trit_vocab_trainer **out, const trit_tokenizer_train_opts *opts, trit_error *err);
void trit_vocab_trainer_free(trit_vocab_trainer *t); /* NULL is fine */
/* Counts the words of a text; `member` is the thread's, below opts.n_threads. Errors: memory, unsupported (the pre-tokenizer gave up). */
TRIT_MUST_CHECK trit_status trit_vocab_trainer_count(trit_vocab_trainer *t, unsigned member, trit_str text, trit_error *err);
/* Learns, and writes tokenizer.json and tokenizer_config.json. Errors: arg (no text, vocab_size is too small), memory, cancelled. */
TRIT_MUST_CHECK trit_status trit_vocab_trainer_finish(trit_vocab_trainer *t, trit_text *json, trit_text *config, trit_error *err);

#endif
