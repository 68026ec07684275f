/* Finds things by name in O(1): a hash table over the caller's array, whose items begin with a trit_str. Names come from hostile
 * files, so the hash is keyed with a secret of the process: nobody can prepare a file whose names all collide. */
#ifndef TRIT_IO_NAMES_H
#define TRIT_IO_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "trit/status.h"

/* Zero-initialise; owner: whoever owns the items, which must not move while it is used. */
typedef struct trit_names {
    const void *items; /* [n] structures of `stride` bytes, trit_str first */
    size_t n, stride;
    uint32_t *slots; /* [mask + 1] index + 1 of an item, 0 where free */
    size_t mask;
    uint64_t key[2];
} trit_names;

/* trit_memory, or trit_format where two items have one name: then *twice is the index of the second. n < 2^31. */
TRIT_MUST_CHECK trit_status trit_names_init(trit_names *names, const void *items, size_t n, size_t stride, size_t *twice);
void trit_names_fini(trit_names *names);

/* The item, or NULL. */
const void *trit_names_find(const trit_names *names, trit_str name);

#endif
