/* The merge table of BPE: a pair of adjacent tokens -> what they become, and how soon.
 *
 * A lower rank merges earlier. Merges that come from a list have its index as rank; those derived from the scores of a
 * SentencePiece vocabulary share one rank where the scores are equal, so that "lowest rank first, leftmost on ties" is the
 * rule of both families. Filled once, read by any number of threads. */
#ifndef TRIT_TEXT_MERGES_H
#define TRIT_TEXT_MERGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct trit_merge {
    uint64_t pair; /* left << 32 | right; all ones: free */
    uint32_t rank;
    int32_t id;
} trit_merge;

typedef struct trit_merges {
    trit_merge *slot; /* [mask + 1], at most half full; NULL while empty */
    uint32_t mask, n;
} trit_merges;

/* Room for n merges, so that the table need not grow. False when out of memory. */
bool trit_merges_reserve(trit_merges *merges, size_t n);

/* The first merge of a pair counts. False when out of memory. */
bool trit_merges_add(trit_merges *merges, int32_t left, int32_t right, uint32_t rank, int32_t id);
void trit_merges_fini(trit_merges *merges);

static inline uint32_t trit_merges_place(uint64_t pair, uint32_t mask) {
    uint64_t hash = pair * 0x9E3779B97F4A7C15u;
    return (uint32_t)(hash >> 32) & mask;
}

/* NULL where the two do not merge. */
static inline const trit_merge *trit_merges_find(const trit_merges *merges, int32_t left, int32_t right) {
    if (!merges->slot) return NULL;
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    for (uint32_t i = trit_merges_place(pair, merges->mask);; i = (i + 1) & merges->mask) {
        const trit_merge *slot = &merges->slot[i];
        if (slot->pair == pair) return slot;
        if (slot->pair == UINT64_MAX) return NULL;
    }
}

#endif
