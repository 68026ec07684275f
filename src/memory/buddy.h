/* Which units of an arena are free, see buddy.c. The caller's lock guards it. */
#ifndef TRIT_MEMORY_BUDDY_H
#define TRIT_MEMORY_BUDDY_H

#include <stdbool.h>
#include <stdint.h>

/* Of the units below a node: free ones at the front, at the back, and in the longest run anywhere. */
typedef struct trit_buddy_node {
    uint16_t front, back, longest;
} trit_buddy_node;

typedef struct trit_buddy {
    uint32_t n;             /* units, a power of two up to 32768 */
    trit_buddy_node *nodes; /* [2 n], borrowed; the root is node 1 */
} trit_buddy;

void trit_buddy_init(trit_buddy *b, uint32_t n, trit_buddy_node *nodes); /* all free */

/* The first of the leftmost n free units that begin at a multiple of `align`; a run aligned by chance may be overlooked where align
 * is above 1, none is where n + align - 1 are free in a row. */
bool trit_buddy_find(const trit_buddy *b, uint32_t n, uint32_t align, uint32_t *first);
void trit_buddy_set(trit_buddy *b, uint32_t first, uint32_t n, bool is_free);

static inline uint32_t trit_buddy_longest(const trit_buddy *b) {
    return b->nodes[1].longest;
}

/* Free units from `first` on, up to the next one taken. */
uint32_t trit_buddy_run_at(const trit_buddy *b, uint32_t first);

#endif
