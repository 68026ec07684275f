/* What a tokenizer is made of, for the files of this room only.
 *
 *   text -> raw added tokens -> normalizer -> added tokens -> splits -> model -> ids       (encode.c)
 *   ids -> bytes of each token -> broken byte runs -> strip -> text                        (decode.c)
 *
 * One machine serves all families; the model is what a piece of text goes through in the end. Byte-level BPE works on the bytes
 * of the text; its pieces are spelled in an alphabet of 256 characters. SentencePiece BPE works on characters and spells a
 * character that the vocabulary lacks as <0xHH> tokens, as Unigram may. WordPiece and WordLevel look up words. */
#ifndef TRIT_TEXT_PARTS_H
#define TRIT_TEXT_PARTS_H

#include "text/added.h"
#include "text/merges.h"
#include "text/pieces.h"
#include "text/rewrite.h"
#include "text/split.h"
#include "text/text.h"
#include "text/trie.h"

/* U+2581 LOWER ONE EIGHTH BLOCK, SentencePiece's visible space. */
#define TRIT_VISIBLE_SPACE "\xE2\x96\x81"

enum trit_token_flag {
    trit_token_present = 1,    /* the id is in use */
    trit_token_special = 2,    /* left out on decode, never made from text from strangers */
    trit_token_ends = 4,       /* generation ends here */
    trit_token_is_byte = 8,    /* <0xHH> */
    trit_token_literal = 16,   /* an added token: its spelling is its text */
    trit_token_in_alphabet = 32 /* byte-level: its spelling stands for other bytes */
};

enum { trit_max_affixes = 8 };

/* Tokens that the file wants before or behind a text, and their type ids. */
typedef struct trit_affix {
    int32_t id[trit_max_affixes];
    uint32_t n;
    uint8_t type[trit_max_affixes];
} trit_affix;

/* What becomes of two texts A and B: before, A, between, B, behind. */
typedef struct trit_pair_form {
    trit_affix before, between, behind;
    uint8_t type_a, type_b;
} trit_pair_form;

typedef enum trit_text_model { trit_model_bpe, trit_model_unigram, trit_model_word_piece, trit_model_word_level } trit_text_model;

typedef struct trit_unigram {
    double *score; /* [pieces.n], owned */
    double unknown_score;
    bool single; /* sums are rounded to float */
} trit_unigram;

typedef struct trit_word_piece {
    char first[16], next[16]; /* what the vocabulary spells before the first and the other pieces of a word */
    size_t max_chars;         /* longer words are unknown */
} trit_word_piece;

struct trit_tokenizer {
    trit_pieces pieces; /* as the vocabulary spells them */
    trit_pieces bytes;  /* as they are decoded */
    trit_pieces first_bytes, last_bytes; /* the same for the first and the last token of a text; n == 0: no difference */
    uint8_t *flags;     /* [pieces.n] */
    trit_piece_map by_piece;
    trit_piece_map by_bytes; /* byte-level with ignore_merges only */
    trit_merges merges;

    trit_added_set raw_added, normalized_added;
    trit_rewrites normalizer;
    trit_splits splits;
    trit_affix prefix, suffix;
    trit_pair_form pair;

    trit_text_model model;
    trit_trie trie; /* Unigram, WordPiece: the pieces that text may become */
    trit_unigram unigram;
    trit_word_piece word_piece;
    char subword_prefix[16], word_suffix[16]; /* BPE: how the vocabulary marks characters inside a word, and its last one */

    bool byte_level, byte_fallback, fuse_unk, ignore_merges;
    bool words_apart;      /* no merge joins the end of a word with the visible space of the next one ... */
    bool glued[128];       /* ... unless the word ends in one of these */
    int32_t byte_id[256];  /* token of each byte, or -1 */
    int32_t ascii_id[128]; /* token of each ASCII character, or -1 */
    int32_t unk, bos, eos; /* or -1 */

    bool decode_bytes; /* <0xHH> tokens decode to their bytes */
    bool drop_repeats; /* equal tokens in a row decode as one (CTC) */
    uint32_t n_strip; /* up to so many `strip` characters at the beginning of a decoded text are dropped */
    char strip;

    const char *kind; /* static */
    char pre[64];
};

static inline bool trit_token_has(const trit_tokenizer *t, int32_t id, unsigned flag) {
    return id >= 0 && (uint32_t)id < t->pieces.n && (t->flags[id] & flag);
}

/* Construction, in this order; a source closes the half-made tokenizer with trit_tokenizer_close on any error. */

trit_tokenizer *trit_tokenizer_blank(void); /* NULL: out of memory */

/* Takes the strings [n]; a NULL p means that the id is not in use. Errors: format (duplicates, sizes), memory. */
TRIT_MUST_CHECK trit_status trit_tokenizer_set_pieces(trit_tokenizer *t, const trit_str *strings, size_t n, const char *what,
                                                      trit_error *err);

/* Merge number `rank`: both sides and what they make must be pieces. Errors: format, memory. */
TRIT_MUST_CHECK trit_status trit_tokenizer_add_merge(trit_tokenizer *t, trit_str left, trit_str right, uint32_t rank, const char *what,
                                                     trit_error *err);

/* The same from "left right". */
TRIT_MUST_CHECK trit_status trit_tokenizer_add_merge_line(trit_tokenizer *t, trit_str line, uint32_t rank, const char *what,
                                                          trit_error *err);

/* All merges that lead to a piece which can be merged[id], best score[id] first. Errors: format (a score is NaN), memory. */
TRIT_MUST_CHECK trit_status trit_tokenizer_merges_from_scores(trit_tokenizer *t, const float *score, const uint8_t *mergeable,
                                                              const char *what, trit_error *err);

/* The tree of the pieces with wanted[id]. Errors: format (a long piece), memory. */
TRIT_MUST_CHECK trit_status trit_tokenizer_build_trie(trit_tokenizer *t, const uint8_t *wanted, const char *what, trit_error *err);

/* Marks every <0xHH> piece as a byte token. */
void trit_tokenizer_find_byte_tokens(trit_tokenizer *t);

/* What tokens decode to: by the alphabet of bytes, or each piece rewritten. `first` and `last` are for the first and the last
 * token of a text, NULL where they are no different. Errors: memory, those of rewriting. */
TRIT_MUST_CHECK trit_status trit_tokenizer_decode_alphabet(trit_tokenizer *t, trit_error *err);
TRIT_MUST_CHECK trit_status trit_tokenizer_decode_rewriting(trit_tokenizer *t, const trit_rewrites *rewrites, const trit_rewrites *first,
                                                            const trit_rewrites *last, trit_error *err);

/* The SentencePiece way of rewriting and decoding: character map, prefix, visible spaces, byte tokens. Errors: memory, format. */
TRIT_MUST_CHECK trit_status trit_tokenizer_set_sentencepiece(trit_tokenizer *t, bool add_prefix, bool squeeze, trit_str charsmap,
                                                             const char *what, trit_error *err);

/* trit_tokenizer_from_vocab with a name for the errors: what a tokenizer.model holds is a vocabulary of the same kind. */
TRIT_MUST_CHECK trit_status trit_tokenizer_from_desc(trit_tokenizer **out, const trit_vocab_desc *desc, const char *what,
                                                     trit_error *err);

/* What BertNormalizer does. False when out of memory. */
typedef struct trit_bert {
    bool clean, ideographs, accents, lower;
} trit_bert;
bool trit_tokenizer_add_bert(trit_tokenizer *t, trit_bert bert);

/* Two texts, each between the prefix and the suffix of one. */
void trit_tokenizer_pair_as_singles(trit_tokenizer *t);

/* Tables that follow from the parts, and end tokens by their well-known names. Errors: memory. */
TRIT_MUST_CHECK trit_status trit_tokenizer_finish(trit_tokenizer *t, trit_error *err);

/* Merges one piece of text and appends its ids. The scratch belongs to one call of encode; zero-initialise it. */
typedef struct trit_symbol {
    int32_t id;
    uint32_t rank;  /* of the merge with the next symbol; UINT32_MAX: none */
    int32_t merged; /* what that merge gives */
    uint32_t prev, next;
} trit_symbol;

typedef struct trit_bpe {
    trit_symbol *symbol;
    size_t n_symbols, symbol_capacity;
    uint64_t *heap; /* rank << 32 | position */
    size_t n_heap, heap_capacity;
    trit_ids *path; /* borrowed; gets each token that merging begins with or goes through. NULL: nobody wants them */
} trit_bpe;

/* The models: each appends the ids of one piece of text. Errors: memory, format (a character without token and without
 * fall-back). */
TRIT_MUST_CHECK trit_status trit_bpe_encode(const trit_tokenizer *t, trit_bpe *bpe, trit_str piece, trit_ids *ids, trit_error *err);
void trit_bpe_fini(trit_bpe *bpe);

typedef struct trit_lattice_node {
    double sum;      /* of the best way to here */
    uint32_t length; /* of its last step in bytes; 0: none yet */
    int32_t id;      /* of its last step; -1: an unknown character */
} trit_lattice_node;

typedef struct trit_lattice {
    trit_lattice_node *node; /* one for each byte position; zero-initialise, free */
    size_t capacity;
} trit_lattice;

/* Builds the tree of the pieces with wanted[id], whose scores are in unigram.score; `worst` is the lowest score that counts.
 * Errors: format (a long piece), memory. */
TRIT_MUST_CHECK trit_status trit_unigram_init(trit_tokenizer *t, const uint8_t *wanted, double worst, const char *what, trit_error *err);
TRIT_MUST_CHECK trit_status trit_unigram_encode(const trit_tokenizer *t, trit_lattice *lattice, trit_str piece, trit_ids *ids,
                                                trit_error *err);

TRIT_MUST_CHECK trit_status trit_word_level_encode(const trit_tokenizer *t, trit_str word, trit_ids *ids, trit_error *err);

/* Builds the tree of all pieces but special ones. Errors: format (a long piece), memory. */
TRIT_MUST_CHECK trit_status trit_word_piece_init(trit_tokenizer *t, const char *what, trit_error *err);
TRIT_MUST_CHECK trit_status trit_word_piece_encode(const trit_tokenizer *t, trit_str word, trit_ids *ids, trit_error *err);

#endif
