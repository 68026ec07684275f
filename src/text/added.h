/* Added tokens: strings that are found in the text before anything else is done with it. */
#ifndef TRIT_TEXT_ADDED_H
#define TRIT_TEXT_ADDED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* lstrip and rstrip take the blanks beside the token, single_word wants no letter beside it. */
typedef struct trit_added_flags {
    bool lstrip, rstrip, single_word;
    bool always; /* also in text in which special tokens do not count */
} trit_added_flags;

typedef struct trit_added {
    char *text; /* [n], owned */
    size_t n;
    int32_t id;
    trit_added_flags flags;
} trit_added;

/* Sorted by text after trit_added_set_sort, so that the tokens which begin like the text at hand are one shrinking range. */
typedef struct trit_added_set {
    trit_added *token; /* [n] */
    size_t n, capacity;
    uint32_t first[257]; /* token[first[b]..first[b + 1]) begin with byte b */
} trit_added_set;

bool trit_added_set_add(trit_added_set *set, trit_str text, int32_t id, trit_added_flags flags); /* false: out of memory */
void trit_added_set_sort(trit_added_set *set);
void trit_added_set_fini(trit_added_set *set);

/* One occurrence: the text before it ends at begin, the text behind it starts at end. */
typedef struct trit_added_hit {
    size_t begin, end;
    int32_t id;
} trit_added_hit;

/* The leftmost occurrence that starts in s[from..n), the longest one there. `taken`: what lies before it is spoken for, so
 * that lstrip stops there. Without `special` only tokens marked `always` count. */
bool trit_added_set_find(const trit_added_set *set, trit_str s, size_t taken, size_t from, bool special, trit_added_hit *hit);

#endif
