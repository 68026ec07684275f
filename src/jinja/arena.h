/* Memory that is released all at once: a tree's nodes live as long as its template, values as long as their render. */
#ifndef TRIT_JINJA_ARENA_H
#define TRIT_JINJA_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct trit_jblock trit_jblock;

/* All zero but for max_bytes at the beginning. */
typedef struct trit_jarena {
    trit_jblock *last;
    size_t n_bytes, max_bytes; /* handed out so far, and at most */
    bool limit_hit;            /* why an allocation failed: the limit, or else the system */
} trit_jarena;

void *trit_jarena_alloc(trit_jarena *arena, size_t n, size_t size); /* zeroed, aligned for any value; NULL: see limit_hit */
char *trit_jarena_bytes(trit_jarena *arena, size_t n);              /* unaligned, not zeroed */
void trit_jarena_fini(trit_jarena *arena);

/* n more bytes right behind `end`, where that is the end of the latest allocation: a text that grows piece by piece is then not
 * copied each time. False: not possible, allocate anew. */
bool trit_jarena_extend(trit_jarena *arena, const char *end, size_t n);

#endif
