/* Text for training: files -> documents -> tokens -> rows.
 *
 *   data_source.c                  files and the pieces of them           data_build.c   pieces to tokens, by a team
 *   data_encode.c, data_record.c   tokens of text and of records          data_chat.c    conversations: which tokens are answers
 *   data_tokens.c                  the token cache: written and read      data_order.c   a shuffle without memory
 *   data.c                         splits, the order of an epoch, rows    data_tokenizer.c   a vocabulary learned from the same files
 *   data_choose.c                  which tokens of a vocabulary they need
 *
 * The tokens of all documents lie one behind the other in a mapped file, so data may be larger than memory. A row is seq_len tokens of the
 * documents of its epoch, shuffled and joined, and the token behind each as its target. Which tokens a row has follows from (seed, epoch, row)
 * alone: a run that goes on needs no more than the number of the next row. */
#ifndef TRIT_TRAIN_DATA_H
#define TRIT_TRAIN_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/team.h"
#include "trit/status.h"
#include "trit/tokenizer.h"
#include "trit/train.h"

typedef struct trit_dataset trit_dataset;

typedef enum trit_data_format {
    trit_data_auto, /* by the name: .jsonl and .ndjson hold records, everything else is text */
    trit_data_text,
    trit_data_jsonl /* a JSON object a line: "text", "prompt" and "completion", or "messages" */
} trit_data_format;

/* "auto", "text" or "jsonl"; NULL: auto. Errors: arg. */
TRIT_MUST_CHECK trit_status trit_data_format_of(trit_data_format *out, const char *word, trit_error *err);

typedef enum trit_data_split { trit_data_train, trit_data_validation } trit_data_split;

typedef struct trit_dataset_opts {
    const char *const *paths; /* [n_paths] files, or folders for the files in them, by name */
    size_t n_paths;
    const char *const *validation_paths; /* [n_validation_paths]; none: a share of the documents */
    size_t n_validation_paths;
    double validation_share;  /* 0 <= share < 1; 0: no validation split, unless there are validation files */
    trit_data_format format;
    const char *separator;    /* text: what stands between documents; "": empty lines; NULL: a file is one document */
    const char *text_field, *prompt_field, *completion_field, *messages_field; /* of records; NULL: the names above */
    const char *chat_template;        /* Jinja; NULL: none, and conversations are refused */
    bool no_bos, no_eos;              /* documents get no begin token (else where the tokenizer wants one), no end token (else where it has one) */
    bool windows;                     /* rows look across the borders of documents: for one long text */
    uint32_t seq_len;                 /* tokens of a row, at least 1 */
    uint32_t context;                 /* tokens that one sees at most, itself included: longer documents go on as new ones; 0: seq_len */
    uint64_t seed;                    /* of the order; the split does not depend on it */
    const trit_tokenizer *tokenizer;  /* borrowed while the data set is open */
    const char *cache_dir;            /* folder of the token cache, made where missing; NULL: tokens/ in the folder of TRIT_CACHE */
    trit_team *team;                  /* borrowed for the call; NULL: this thread alone */
    trit_train_watch *watch;          /* hears of bytes of text that became tokens ("tokenizing"); false: stop. May be NULL */
    void *watch_self;
} trit_dataset_opts;

/* Opens the token cache, made or made anew where text, tokenizer or options are others than it was made from: the log says so. The caller frees.
 * Errors: arg (no paths; too little text for a row: names the split and its tokens), io, format (names the file and the offset or the line: binary
 * data, broken records, a chat template that cannot be split), memory, cancelled. */
TRIT_MUST_CHECK trit_status trit_dataset_open(trit_dataset **out, const trit_dataset_opts *o, trit_error *err);
void trit_dataset_free(trit_dataset *d); /* NULL is fine */

/* A document that is equal to another falls on the same side of the split. A single document is split at its end. */
uint64_t trit_dataset_n_documents(const trit_dataset *d, trit_data_split split);
uint64_t trit_dataset_n_tokens(const trit_dataset *d, trit_data_split split);
uint64_t trit_dataset_n_rows(const trit_dataset *d, trit_data_split split); /* of an epoch; validation: 0 where there is no such split */

/* Rows of seq_len tokens, one behind the other: T = n_rows * seq_len. Zero-initialise, pass it as often as wanted, release with
 * trit_train_batch_fini. Owner: the caller. */
typedef struct trit_train_batch {
    uint32_t n_rows, seq_len;
    uint64_t n_targets; /* that are not -1 */
    int32_t *token;     /* [T] */
    int32_t *target;    /* [T] the token to foretell; -1: no loss (prompts, ends of documents, padding) */
    uint32_t *position; /* [T] from 0 at the beginning of each row and document */
    int64_t *first;     /* [T] the first token of the batch that this one sees; it sees all from there up to itself */
    size_t capacity;    /* of the lists */
} trit_train_batch;

void trit_train_batch_fini(trit_train_batch *batch);

/* Rows row .. row + n_rows - 1 of `epoch`, counted from 0; rows beyond the last are those of the following epochs, so a run may simply count on.
 * Training rows are shuffled anew in each epoch, and what does not fill a row is another part of the text each time; validation rows stand in
 * the order of the text, are the same in every epoch, and the last one is padded. One thread at a time.
 * Errors: arg (there is no such split), memory. */
TRIT_MUST_CHECK trit_status trit_dataset_fill(trit_dataset *d, trit_data_split split, uint64_t epoch, uint64_t row, uint32_t n_rows,
                                              trit_train_batch *out, trit_error *err);

#endif
