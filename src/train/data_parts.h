/* What a data set is made of, for the files data*.c only.
 *
 *   files -> pieces                              (data_source.c)
 *   a piece -> tokens, and which of them count   (data_encode.c, data_record.c, data_chat.c)
 *   tokens -> the cache file, and back           (data_tokens.c)
 */
#ifndef TRIT_TRAIN_DATA_PARTS_H
#define TRIT_TRAIN_DATA_PARTS_H

#include "base/json.h"
#include "base/os.h"
#include "base/str.h"
#include "text/text.h"
#include "train/data.h"
#include "trit/memory.h"

/* ---- data_source.c: files and their pieces ---- */

typedef struct trit_data_file {
    char *path; /* owned */
    bool is_records;
    uint64_t n_bytes;
} trit_data_file;

typedef struct trit_data_files {
    trit_data_file *item; /* [n], owned */
    size_t n, capacity;
    uint64_t n_bytes;
} trit_data_files;

/* The files that paths[0..n) lead to; of folders the files in them but hidden ones, by name. Errors: arg (no files), io, memory. */
TRIT_MUST_CHECK trit_status trit_data_files_list(trit_data_files *out, const char *const *paths, size_t n, trit_data_format format, trit_error *err);
void trit_data_files_fini(trit_data_files *files);

/* A sum over the bytes of all files, the same for any team. Errors: io, memory. */
TRIT_MUST_CHECK trit_status trit_data_files_hash(uint64_t *out, const trit_data_files *files, trit_team *team, trit_error *err);

/* What is turned into tokens by itself: a record, a document, or a part of a long one. */
typedef struct trit_data_piece {
    trit_str text;     /* in the mapped file */
    size_t file;
    uint64_t at;       /* records: number of the line, from 1; text: offset in the file */
    bool begins, ends; /* a document */
} trit_data_piece;

/* Longer documents are cut. At a blank between two letters that changes no token; where there is none, tokens beside the cut may be others than those
 * of the whole, and a tokenizer that spells a blank before each text begins the next part with one. */
enum { trit_data_piece_bytes = 1 << 18 };

typedef struct trit_data_reader {
    const trit_data_files *files; /* borrowed */
    const char *separator;
    bool drops_blank; /* at a cut between words the blank is the tokenizer's own */
    size_t file;      /* the one at hand */
    trit_file_map *map; /* [n_maps], owned: files whose pieces are in use, the one at hand is the last */
    size_t n_maps, map_capacity;
    bool is_open, in_document;
    uint64_t at, document_end, line, dropped, done; /* in the file at hand: next byte, end of the document, lines; read of all files */
} trit_data_reader;

/* The next piece. Its text stays until trit_data_reader_release. Empty documents and lines are passed over; *more is false at the end. Errors: io,
 * memory. */
TRIT_MUST_CHECK trit_status trit_data_reader_next(trit_data_reader *r, trit_data_piece *out, bool *more, trit_error *err);
/* Gives back what was read so far. */
void trit_data_reader_release(trit_data_reader *r);
void trit_data_reader_fini(trit_data_reader *r);

/* Bytes of a piece of text that are not UTF-8. */
typedef struct trit_data_broken {
    uint64_t n, first; /* first: offset in the file */
} trit_data_broken;

/* Refuses binary data by a zero byte. Errors: format (names the file and the offset). */
TRIT_MUST_CHECK trit_status trit_data_find_broken(trit_data_broken *out, const char *path, const trit_data_piece *piece, trit_error *err);

/* Pieces of one file that stand beside one another, some KB of them: what is much of a short document may be little of the text. */
typedef struct trit_data_text_check {
    size_t file;
    uint64_t at, n_bytes, n_broken, first; /* offsets in the file: of the first of these pieces, of the first broken byte */
} trit_data_text_check;

/* Refuses binary data by more than one byte in a hundred outside UTF-8; pieces come in the order of the text. Zero-initialise. Errors: format (names
 * the file, the offset and the share). */
TRIT_MUST_CHECK trit_status trit_data_check_text(trit_data_text_check *c, const char *path, const trit_data_piece *piece, const trit_data_broken *broken,
                                                 trit_error *err);

/* ---- data_encode.c: pieces to tokens ---- */

/* Shared by all threads. */
typedef struct trit_data_encoder {
    const trit_dataset_opts *o; /* borrowed, as the tokenizer in it */
    int32_t bos, eos;           /* that documents get; -1: none */
    char bos_text[256], eos_text[256]; /* of the tokenizer's, for templates; "": none */
    trit_chat_template *chat;   /* owned; NULL: none */
    bool drops_blank;           /* "a b" is "a" and "b", and not "a" and " b" */
} trit_data_encoder;

/* Asks the tokenizer, compiles the template. Call fini in any case. Errors: format (a broken template), those of trit_tokenizer_encode. */
TRIT_MUST_CHECK trit_status trit_data_encoder_init(trit_data_encoder *e, const trit_dataset_opts *o, trit_error *err);
void trit_data_encoder_fini(trit_data_encoder *e);

/* Tokens, and for each a byte: 1 where it counts in the loss. An empty mask: all of them do. */
typedef struct trit_data_tokens {
    trit_ids ids;
    trit_text mask; /* [ids.n] or n == 0 */
} trit_data_tokens;

void trit_data_tokens_fini(trit_data_tokens *t);
/* Those from the last marked one up to token n do or do not count. False: out of memory. */
bool trit_data_tokens_mark(trit_data_tokens *t, size_t n, bool counts);
/* Puts a token before and one behind; -1: none. False: out of memory. */
bool trit_data_dress(trit_ids *ids, int32_t bos, int32_t eos);

/* Replaces `out`. `what` names the piece in errors: "FILE, line N". Errors: format, those of trit_tokenizer_encode. */
TRIT_MUST_CHECK trit_status trit_data_encode(const trit_data_encoder *e, const trit_data_piece *piece, bool is_record, const char *what,
                                             trit_data_tokens *out, trit_error *err);
/* data_record.c */
TRIT_MUST_CHECK trit_status trit_data_encode_record(const trit_data_encoder *e, trit_str line, const char *what, trit_data_tokens *out, trit_error *err);
/* data_chat.c: a record with messages. Errors: format (the template cannot be split: says where), those of trit_chat_render. */
TRIT_MUST_CHECK trit_status trit_data_encode_chat(const trit_data_encoder *e, const trit_json *record, const trit_json *messages, const char *what,
                                                  trit_data_tokens *out, trit_error *err);

/* The texts of a record, for those who learn a vocabulary: appended to `out`, each on a line of its own. Errors: format. */
TRIT_MUST_CHECK trit_status trit_data_record_text(const trit_dataset_opts *o, trit_str line, const char *what, trit_text *out, trit_error *err);

/* ---- data_tokens.c: the cache file ---- */

/* What a cache was made from. */
typedef struct trit_token_key {
    uint64_t text, tokenizer, options;
} trit_token_key;

/*   header | tokens, 2 or 4 bytes each | zeros up to a multiple of 8 | begin[n_documents + 1] | mask, a bit a token, or nothing
 *
 * in this machine's order of bytes: a cache is made again where it is needed. */
typedef struct trit_token_file {
    trit_file_map map; /* owned where trit_token_file_open made it */
    trit_token_key key;
    uint32_t n_vocab;
    uint64_t n_documents, n_tokens;
    const uint16_t *narrow; /* [n_tokens], or NULL: */
    const uint32_t *wide;
    const uint64_t *begin;  /* [n_documents + 1] */
    const uint8_t *mask;    /* bit i % 8 of byte i / 8; NULL: all tokens count */
} trit_token_file;

/* Reads bytes that stay the caller's. Errors: format (not a token cache, damaged: says what). */
TRIT_MUST_CHECK trit_status trit_token_file_read(trit_token_file *out, const uint8_t *data, size_t n, const char *what, trit_error *err);
TRIT_MUST_CHECK trit_status trit_token_file_open(trit_token_file *out, const char *path, trit_error *err); /* and io, memory */
void trit_token_file_close(trit_token_file *f);

static inline int32_t trit_token_at(const trit_token_file *f, uint64_t i) {
    return f->narrow ? (int32_t)f->narrow[i] : (int32_t)f->wide[i];
}

static inline bool trit_token_counts(const trit_token_file *f, uint64_t i) {
    return !f->mask || (f->mask[i / 8] >> i % 8 & 1);
}

/* Writes a file beside `path` and gives it that name at the end. */
typedef struct trit_token_writer trit_token_writer;
TRIT_MUST_CHECK trit_status trit_token_writer_new(trit_token_writer **out, const char *path, const trit_token_key *key, uint32_t n_vocab, trit_error *err);
TRIT_MUST_CHECK trit_status trit_token_writer_add(trit_token_writer *w, const trit_data_tokens *t, bool ends_document, trit_error *err);
TRIT_MUST_CHECK trit_status trit_token_writer_finish(trit_token_writer *w, trit_error *err);
void trit_token_writer_free(trit_token_writer *w); /* what is not finished is gone; NULL is fine */

/* ---- data_build.c ---- */

/* Takes the tokens of one piece after the other, in the order of the text; an error ends the reading. */
typedef trit_status trit_data_sink(void *self, const trit_data_tokens *tokens, bool ends_document, trit_error *err);

/* The tokens of all documents. Errors: those of trit_dataset_open, and the sink's. */
TRIT_MUST_CHECK trit_status trit_data_tokenize(const trit_dataset_opts *o, const trit_data_files *files, trit_data_sink *sink, void *self, trit_error *err);

/* Opens the cache of these files, or makes it. Errors: those of trit_dataset_open. */
TRIT_MUST_CHECK trit_status trit_token_file_make(trit_token_file *out, const trit_dataset_opts *o, const trit_data_files *files, trit_error *err);

/* ---- data_order.c ---- */

/* Where i goes when 0..n-1 are shuffled: a permutation that needs no memory. i < n. */
uint64_t trit_shuffled(uint64_t i, uint64_t n, uint64_t seed);

#endif
