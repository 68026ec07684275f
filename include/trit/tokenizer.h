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

/* Opens the tokenizer of `ref`: a tokenizer.json, a SentencePiece tokenizer.model, a folder that holds one of them, or a
 * GGUF file. The caller closes it. Errors: io, format, unsupported, memory. */
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
TRIT_API const char *trit_tokenizer_kind(const trit_tokenizer *tokenizer); /* "byte-level BPE", "SentencePiece BPE", ... */
TRIT_API const char *trit_tokenizer_pre(const trit_tokenizer *tokenizer);  /* name of the pre-tokenizer, "" where there is none */
TRIT_API int32_t trit_tokenizer_bos(const trit_tokenizer *tokenizer);      /* -1 where there is none */
TRIT_API int32_t trit_tokenizer_eos(const trit_tokenizer *tokenizer);
TRIT_API bool trit_tokenizer_adds_bos(const trit_tokenizer *tokenizer);
TRIT_API bool trit_tokenizer_is_eog(const trit_tokenizer *tokenizer, int32_t id); /* does generation end at this token? */
TRIT_API bool trit_tokenizer_is_special(const trit_tokenizer *tokenizer, int32_t id);

/* The token as the vocabulary spells it (borrowed, *n bytes), or NULL for an id outside it. */
TRIT_API const char *trit_tokenizer_piece(const trit_tokenizer *tokenizer, int32_t id, size_t *n);

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

#ifdef __cplusplus
}
#endif
#endif
