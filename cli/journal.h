/* The journal of a batch: what is done, beside the output, so that an interrupted run goes on where it was.
 *
 *   line 1   {"trit_batch": 1, "run": "sha256 of what was asked", "seed": N, "date": "..."}
 *   others   one answer each, in the order in which they ended
 *
 * A line that was cut off by a crash is dropped. One process at a time has it: it is locked. */
#ifndef TRIT_CLI_JOURNAL_H
#define TRIT_CLI_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fs.h"
#include "jsonw.h"
#include "trit/memory.h"

/* An answer, or an error in its place. */
typedef struct trit_answer {
    bool is_done;
    char *text;  /* [n_text], owned */
    size_t n_text;
    char *error; /* owned; NULL: none */
    char stop[16];
    uint32_t n_prompt, n_tokens;
} trit_answer;

typedef struct trit_journal {
    trit_fs_grow file;
    trit_fs_lock lock;
    trit_text path, lock_path;
    uint64_t seed;
    char date[32]; /* what templates are told */
    bool is_open;
    trit_answer *answer; /* [n], owned by the caller */
    size_t n, n_done;    /* n_done: of those that the journal holds */
} trit_journal;

/* Opens or makes OUT.part for a run of `n` answers that `run` (64 digits) identifies, and fills answer[n] with those that are there. A run that is
 * resumed keeps the seed and the date that it began with; a new one has these. Errors: arg (the journal of another run, or in use), format, io,
 * memory. Call trit_journal_close in any case. */
TRIT_MUST_CHECK trit_status trit_journal_open(trit_journal *j, const char *out, const char *run, uint64_t seed, const char *date,
                                              trit_answer *answer, size_t n, trit_error *err);
/* Answer i has come. Errors: io, memory. */
TRIT_MUST_CHECK trit_status trit_journal_add(trit_journal *j, size_t i, trit_error *err);
/* Not kept, it is removed. */
void trit_journal_close(trit_journal *j, bool keep);

#endif
