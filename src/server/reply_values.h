/* Arguments in a language of their own, made a JSON object while they come: keywords and literals of Python, (city='Paris', days=3), or names without
 * quotes and texts in a mark, {city:<|"|>Paris<|"|>,days:3}. */
#ifndef TRIT_SERVER_REPLY_VALUES_H
#define TRIT_SERVER_REPLY_VALUES_H

#include "server/reply_scan.h"
#include "trit/memory.h"

enum { trit_values_max_depth = 64, trit_values_max_word = 1024 }; /* brackets inside each other; bytes of a name, a number or a text without quotes */

typedef struct trit_values {
    const char *quote; /* round texts; NULL: Python's */
    char close[trit_values_max_depth]; /* [depth] */
    uint64_t has; /* a bit for each of them: something stands in it */
    uint64_t *name; /* [n_names] hashes of the names in the objects that are open; owned */
    size_t n_names, capacity, first[trit_values_max_depth]; /* [depth] where those of each begin */
    uint8_t depth, state;
    char in_quote; /* ', ", or 0: the mark */
    bool is_triple, is_key;
    bool failed; /* no memory */
} trit_values;

void trit_values_init(trit_values *v, const char *quote);
void trit_values_fini(trit_values *v);

/* Appends what s is, as far as that is certain, and says how many bytes of it are done. yes: the object is whole; no: s goes on with nothing that could be
 * part of it or, with `last`, it ends too early. */
trit_match trit_values_take(trit_values *v, trit_str s, bool last, trit_text *out, size_t *used);

/* Ends an object that does not go on. */
void trit_values_end(trit_values *v, trit_text *out);

#endif
