/* A session's file from the inside. All numbers are little-endian; keys and values lie as in the cache (op/op.h).
 *
 *   header   "tritsess", version, what it fits, counts
 *   pages    [n_pages, page_bytes]
 *   index    [n_pages]: sum of the page, place of the page before it + 1 (0: none), its tokens
 *   note     [n_note]
 *   sum      of header, index and note
 *
 * A page stands behind the one that it continues. */
#ifndef TRIT_ENGINE_SESSION_H
#define TRIT_ENGINE_SESSION_H

#include "engine/pages.h"
#include "model/model.h"
#include "trit/session.h"

/* What keys and values depend on. */
typedef struct trit_session_fit {
    trit_fingerprint of;
    trit_kv_shape kv; /* n_pages counts for nothing */
    uint32_t n_vocab;
    bool long_rope;   /* the context is so long that LongRoPE takes its other form */
} trit_session_fit;

/* A file in memory, borrowed. */
typedef struct trit_session {
    uint32_t n_pages;
    size_t page_bytes;
    const uint8_t *pages, *index;
    const char *note;
    size_t n_note;
} trit_session;

enum { trit_session_header_bytes = 80, trit_session_index_bytes = 12 + 4 * trit_page_tokens, trit_session_sum_bytes = 8 };

/* Checks everything, sums included. `what` names the file in errors. Errors: format. */
trit_status trit_session_read(trit_session *out, const uint8_t *data, size_t n, const trit_session_fit *fit, const char *what, trit_error *err);
uint32_t trit_session_above(const trit_session *s, uint32_t i); /* at most i */
void trit_session_tokens(const trit_session *s, uint32_t i, int32_t tokens[trit_page_tokens]);

/* The parts of a file that is written. */
void trit_session_put_header(uint8_t out[trit_session_header_bytes], const trit_session_fit *fit, uint32_t n_pages, size_t n_note);
void trit_session_put_index(uint8_t out[trit_session_index_bytes], const uint8_t *page, size_t page_bytes, uint32_t above,
                            const int32_t tokens[trit_page_tokens]);
void trit_session_put_sum(uint8_t out[trit_session_sum_bytes], const uint8_t header[trit_session_header_bytes], const uint8_t *index, size_t n_index,
                          const char *note, size_t n_note);

#endif
