/* SentencePiece's precompiled character maps: strings and what they become, as a double array (darts-clone) and a pool.
 *
 *   u32  bytes of the trie (a multiple of 4)
 *   u32  units of the trie:  31 leaf?   leaf: 30..0 offset of the replacement in the pool
 *                            else:      30..10 offset, 9 offset is times 256, 8 a leaf belongs to this node, 7..0 label
 *   ...  the pool: strings that end in NUL
 *
 * A node stands at p; its children are at p ^ offset ^ byte, its leaf at p ^ offset. All of it is checked at open or where it
 * is read: the bytes are hostile. */
#ifndef TRIT_TEXT_CHARSMAP_H
#define TRIT_TEXT_CHARSMAP_H

#include <stdbool.h>

#include "base/str.h"
#include "trit/status.h"

typedef struct trit_charsmap trit_charsmap; /* immutable */

/* Copies the bytes. Errors: format (names the place), memory. */
TRIT_MUST_CHECK trit_status trit_charsmap_new(trit_charsmap **out, trit_str bytes, const char *what, trit_error *err);
void trit_charsmap_free(trit_charsmap *map);
uint64_t trit_charsmap_hash(const trit_charsmap *map);

/* What a beginning of s becomes: the longest one that the map holds, or the shortest. Returns its length, 0 where there is none. */
size_t trit_charsmap_longest(const trit_charsmap *map, trit_str s, trit_str *to);
size_t trit_charsmap_shortest(const trit_charsmap *map, trit_str s, trit_str *to);

#endif
