/* Normalizers: a list of steps, each of which rewrites a text. */
#ifndef TRIT_TEXT_REWRITE_H
#define TRIT_TEXT_REWRITE_H

#include "base/str.h"
#include "text/regex.h"
#include "trit/memory.h"

typedef enum trit_rewrite_kind {
    trit_rewrite_prepend,        /* `to` before any text but the empty one */
    trit_rewrite_prepend_missing, /* the same, unless it is there already */
    trit_rewrite_prepend_first,  /* the same, but only at the very beginning of the input */
    trit_rewrite_replace,        /* every `from`, or every match of `regex`, by `to` */
    trit_rewrite_squeeze,        /* SentencePiece's remove_extra_whitespaces */
    trit_rewrite_nfc
} trit_rewrite_kind;

typedef struct trit_rewrite {
    trit_rewrite_kind kind;
    char *from, *to; /* owned */
    size_t n_from, n_to;
    trit_regex *regex; /* owned; NULL: `from` is literal */
} trit_rewrite;

typedef struct trit_rewrites {
    trit_rewrite *step; /* [n], owned */
    size_t n, capacity;
} trit_rewrites;

/* Appends a step; the strings are copied (at least one byte in `from` where there is one), the regex is taken over, also on
 * failure. False when out of memory. */
bool trit_rewrites_add(trit_rewrites *rewrites, trit_rewrite_kind kind, trit_str from, trit_str to, trit_regex *regex);
void trit_rewrites_fini(trit_rewrites *rewrites);

/* Applies all steps to *text, whose bytes then lie in one of the two buffers or where they were. `first`: the text begins
 * the input. Errors: memory, unsupported (a regular expression gave up). */
TRIT_MUST_CHECK trit_status trit_rewrites_run(const trit_rewrites *rewrites, trit_matcher *matcher, trit_text buffer[2], trit_str *text,
                                              bool first, trit_error *err);

#endif
