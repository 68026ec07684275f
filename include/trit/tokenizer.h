/* Text to token ids and back. A tokenizer is immutable after open: any number of threads may share one. */
#ifndef TRIT_TOKENIZER_H
#define TRIT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/memory.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trit_tokenizer trit_tokenizer;

/* Opens the tokenizer of `ref`: a tokenizer.json (BPE, Unigram, WordPiece, WordLevel), a SentencePiece tokenizer.model (BPE,
 * Unigram), a folder that holds one of them, a GGUF file (gpt2, llama, t5, bert), or a model of the hub (trit/hub.h). The caller
 * closes it. Errors: io, format, unsupported, memory, and those of trit_hub_pull. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tokenizer_open(trit_tokenizer **out, const char *ref, trit_error *err);
TRIT_API void trit_tokenizer_close(trit_tokenizer *tokenizer); /* NULL is fine */

typedef struct trit_encode_opts {
    bool no_bos;  /* leave out the begin/end tokens that the file asks for */
    bool special; /* special tokens written out in the text count as such; never set it for text from strangers */
} trit_encode_opts;

/* Replaces `ids` by the tokens of text[0..n). Bytes that are not UTF-8 are encoded as U+FFFD, as the Hugging Face tokenizers
 * do. `opts` may be NULL. Errors: memory, format (the vocabulary has no token for a piece of the text and no fall-back). */
TRIT_API TRIT_MUST_CHECK trit_status trit_tokenizer_encode(const trit_tokenizer *tokenizer, trit_ids *ids, const char *text, size_t n,
                                                           const trit_encode_opts *opts, trit_error *err);

/* Replaces `text` by the bytes of ids[0..n). Special tokens are left out unless `special`. Errors: arg (an id outside the
 * vocabulary), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tokenizer_decode(const trit_tokenizer *tokenizer, trit_text *text, const int32_t *ids,
                                                           size_t n, bool special, trit_error *err);

TRIT_API uint32_t trit_tokenizer_size(const trit_tokenizer *tokenizer);    /* tokens in the vocabulary */
TRIT_API const char *trit_tokenizer_kind(const trit_tokenizer *tokenizer); /* "byte-level BPE", "Unigram", ... */
TRIT_API const char *trit_tokenizer_pre(const trit_tokenizer *tokenizer);  /* name of the pre-tokenizer, "" where there is none */
TRIT_API int32_t trit_tokenizer_bos(const trit_tokenizer *tokenizer);      /* -1 where there is none */
TRIT_API int32_t trit_tokenizer_eos(const trit_tokenizer *tokenizer);
TRIT_API bool trit_tokenizer_adds_bos(const trit_tokenizer *tokenizer);
TRIT_API bool trit_tokenizer_is_eog(const trit_tokenizer *tokenizer, int32_t id); /* does generation end at this token? */
TRIT_API bool trit_tokenizer_is_special(const trit_tokenizer *tokenizer, int32_t id);
/* Is it special, or another that stands for its spelling alone, wherever a text has that? */
TRIT_API bool trit_tokenizer_is_added(const trit_tokenizer *tokenizer, int32_t id);

/* The token as the vocabulary spells it (borrowed, *n bytes), or NULL for an id outside it. */
TRIT_API const char *trit_tokenizer_piece(const trit_tokenizer *tokenizer, int32_t id, size_t *n);

/* What the token adds within a text (borrowed, *n bytes), behind another word: at its beginning some decoders drop a space. Special tokens are
 * spelled out, and part of a character is no UTF-8. NULL for an id outside the vocabulary. */
TRIT_API const char *trit_tokenizer_bytes(const trit_tokenizer *tokenizer, int32_t id, size_t *n);

/* The id of a token as the vocabulary spells it, or -1. */
TRIT_API int32_t trit_tokenizer_find(const trit_tokenizer *tokenizer, const char *piece, size_t n);

/* Streaming decoder: bytes of a character that is not whole yet are held back, so what it gives is valid UTF-8 whenever the
 * tokens are. One thread at a time. */
typedef struct trit_detok trit_detok;

TRIT_API TRIT_MUST_CHECK trit_status trit_detok_new(trit_detok **out, const trit_tokenizer *tokenizer, bool special, trit_error *err);
TRIT_API void trit_detok_free(trit_detok *detok);
TRIT_API void trit_detok_reset(trit_detok *detok);

/* Takes one more token; *bytes is borrowed until the next call and may be empty (*n == 0). Allocates nothing.
 * Errors: arg (an id outside the vocabulary). */
TRIT_API TRIT_MUST_CHECK trit_status trit_detok_push(trit_detok *detok, int32_t id, const char **bytes, size_t *n, trit_error *err);

/* What is still held back, with broken characters as U+FFFD. Borrowed until the next call. */
TRIT_API void trit_detok_flush(trit_detok *detok, const char **bytes, size_t *n);

/* ---- Many texts at once ------------------------------------------------------------------------------------------------ */

/* One text, or two that belong together (pair != NULL). Borrowed for the call. */
typedef struct trit_text_pair {
    const char *text; /* [n] */
    size_t n;
    const char *pair; /* [n_pair], or NULL */
    size_t n_pair;
} trit_text_pair;

typedef enum trit_side { trit_side_right, trit_side_left } trit_side;

/* Which of two texts gives tokens up: whichever is longer, or one of them always. A single text is the first. */
typedef enum trit_truncation { trit_truncate_longest_first, trit_truncate_first, trit_truncate_second } trit_truncation;

typedef struct trit_text_batch_opts {
    trit_encode_opts encode;
    size_t max_tokens; /* of a row, with the tokens that the file puts around texts; 0: no limit */
    trit_truncation truncation;
    trit_side truncate_side; /* where tokens are dropped */
    bool pad;                /* rows are filled up to the longest one */
    size_t pad_to;           /* with pad: to this many instead; longer rows stay as they are; 0: the longest */
    size_t pad_multiple;     /* with pad: rounded up to a multiple of this; 0: as it is */
    trit_side pad_side;
    int32_t pad_id;
    uint8_t pad_type;
    unsigned n_threads; /* 0: 1 */
} trit_text_batch_opts;

/* Rows of tokens, one behind the other: row i is [begin[i], begin[i + 1]) of the three lists. Zero-initialise, pass it as often
 * as wanted, release it with trit_text_batch_fini. Owner: the caller. */
typedef struct trit_text_batch {
    size_t n;       /* rows */
    size_t *begin;  /* [n + 1] */
    size_t *length; /* [n] tokens of a row without padding */
    int32_t *ids;   /* [begin[n]] */
    uint8_t *types; /* [begin[n]] 0: the first text, 1: the second, or as the file says */
    uint8_t *mask;  /* [begin[n]] 1: a token, 0: padding */
} trit_text_batch;

/* Replaces `out` by the tokens of texts[0..n), the same for any number of threads; `opts` may be NULL. On an error *out stays as it was.
 * Errors: those of trit_tokenizer_encode and arg (a text is too short for what must go), of the first row that has one. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tokenizer_encode_batch(const trit_tokenizer *tokenizer, trit_text_batch *out, const trit_text_pair *texts,
                                                                 size_t n, const trit_text_batch_opts *opts, trit_error *err);
TRIT_API void trit_text_batch_fini(trit_text_batch *batch);

/* Which positions of a row may look at which: tokens stand at [first, first + length), the rest is padding. A token looks at
 * tokens: with `causal` not at later ones, with `window` > 0 only at those less than `window` positions away. Padding looks at
 * itself alone, so that a softmax over any line has something to sum. */
typedef struct trit_mask_opts {
    size_t first, length;
    bool causal;
    size_t window; /* 0: no limit */
} trit_mask_opts;

TRIT_API void trit_mask_bool(uint8_t *out /* [n, n] query, key: 1 or 0 */, size_t n, const trit_mask_opts *opts);
TRIT_API void trit_mask_f32(float *out /* [n, n] query, key: to be added, 0 or -infinity */, size_t n, const trit_mask_opts *opts);

/* How long rows are. Percentiles lie on the line between the two nearest lengths, as NumPy's do. */
typedef struct trit_length_stats {
    size_t n, min, max, total;
    double mean, p50, p90, p95, p99;
} trit_length_stats;

/* Of lengths[0..n). Errors: arg (n is 0), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_length_stats_of(trit_length_stats *out, const size_t *lengths, size_t n, trit_error *err);

/* ---- Training a tokenizer ---------------------------------------------------------------------------------------------- */

typedef enum trit_tokenizer_train_kind {
    trit_tokenizer_train_bpe,  /* byte-level BPE, as GPT-2 and Llama 3 have it: nothing is unknown */
    trit_tokenizer_train_spm,  /* BPE as SentencePiece has it, Llama 2's: visible spaces, rare characters as bytes */
    trit_tokenizer_train_byte  /* the 256 bytes, nothing merged */
} trit_tokenizer_train_kind;

typedef struct trit_tokenizer_train_opts {
    const char *const *paths;      /* [n_paths] text files, .jsonl files of records, or folders of such */
    size_t n_paths;
    const char *separator;         /* what stands between documents of a text file and is none of it; NULL: nothing does */
    const char *format;            /* of all files: "text", "jsonl"; NULL, "auto": by their names */
    const char *text_field, *prompt_field, *completion_field, *messages_field; /* of records; NULL: by these names. All their texts are read */
    trit_tokenizer_train_kind kind;
    uint32_t vocab_size;           /* tokens in all; fewer where the text has no more pairs. 0: 8192; byte: always what there is */
    uint64_t min_frequency;        /* pairs that are seen less often do not merge; 0: 2 */
    double coverage;               /* spm: share of the text whose characters become tokens of their own; 0: 0.9995 */
    const char *pre;               /* bpe: which words there are, by the names in GGUF files; NULL: "gpt-2" */
    const char *bos, *eos;         /* NULL: <|begin_of_text|>, <|end_of_text|>; spm: <s>, </s>. "": none */
    const char *const *special;    /* [n_special] further special tokens, behind those */
    size_t n_special;
    const char *chat_template;     /* goes into tokenizer_config.json; NULL: none */
    const char *dir;               /* folder that gets tokenizer.json and tokenizer_config.json, made where missing; NULL: none */
    unsigned n_threads;            /* 0: 1; the same tokens with any number */
    bool (*progress)(void *self, const char *doing, uint64_t done, uint64_t total); /* "reading" bytes, "merging"; false: stop. May be NULL */
    void *self;
} trit_tokenizer_train_opts;

/* Learns a vocabulary from texts: the pair of neighbours that is seen most often becomes a token, again and again; of equally frequent
 * pairs the one of smaller ids (arXiv:1508.07909). The caller closes *out. Errors: arg (vocab_size is too small, no text), io, format (binary
 * data, broken records: names the file and the place), unsupported (no such pre-tokenizer), memory, cancelled. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tokenizer_train(trit_tokenizer **out, const trit_tokenizer_train_opts *opts, trit_error *err);

/* ---- Choosing tokens --------------------------------------------------------------------------------------------------- */

typedef struct trit_tokenizer_choose_opts {
    const char *const *paths;  /* [n_paths] as a training of tokenizers has them, */
    size_t n_paths;
    const char *separator, *text_field; /* and these two as well */
    const char *chat_template; /* by which records of messages are read; NULL: they are refused */
    uint32_t n_tokens;         /* at most so many are chosen */
    unsigned n_threads;        /* 0: 1; the same tokens with any number */
    bool (*progress)(void *self, const char *doing, uint64_t done, uint64_t total); /* "tokenizing" bytes; false: stop. May be NULL */
    void *self;
} trit_tokenizer_choose_opts;

/* How well the chosen ones do: tokens of the texts, and how many of those are chosen ones. */
typedef struct trit_tokenizer_cover {
    uint64_t n_tokens, n_covered;
} trit_tokenizer_cover;

/* Replaces `ids` by the tokens that texts need most, in rising order: those that no merge makes (special, user-defined, byte tokens), printable
 * ASCII and the visible space always; then those that are seen most often, of equal ones the smaller id first, each with all that its merges go
 * through, up to the first for which there is no room. A text whose tokens are all among them becomes the same tokens where there are no others.
 * `cover` may be NULL. Errors: arg (n_tokens is less than what always stays, no files), unsupported (no vocabulary of byte-pair encoding), io,
 * format (binary data, broken records: names the file and the place), memory, cancelled. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tokenizer_choose(trit_ids *ids, trit_tokenizer_cover *cover, const trit_tokenizer *tokenizer,
                                                           const trit_tokenizer_choose_opts *opts, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
