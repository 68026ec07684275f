/* The strings of a vocabulary, and the hash that finds one.
 *
 *   offset  [ 0 | 5 | 9 | 9 | ... ]        one more than tokens
 *   blob    hello lloĠ     ...             piece i is blob[offset[i] .. offset[i + 1])
 *   slot    [ tag id | - - | tag id | ... ] open addressing, at most half full; the tag spares most comparisons
 *
 * Both are filled once and read by any number of threads afterwards. */
#ifndef TRIT_TEXT_PIECES_H
#define TRIT_TEXT_PIECES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
    trit_max_tokens = 1 << 24,     /* ids beyond come from broken files only */
    trit_max_piece_bytes = 1 << 16 /* of one token */
};

typedef struct trit_pieces {
    char *blob;
    uint32_t *offset; /* [n + 1] */
    uint32_t n, longest;
} trit_pieces;

/* Copies strings [n]. False when out of memory, or when they sum up to more than 4 GiB. */
bool trit_pieces_init(trit_pieces *pieces, const trit_str *strings, uint32_t n);
void trit_pieces_fini(trit_pieces *pieces);

static inline trit_str trit_pieces_at(const trit_pieces *pieces, int32_t id) {
    uint32_t begin = pieces->offset[id];
    return (trit_str){pieces->blob + begin, pieces->offset[id + 1] - begin};
}

typedef struct trit_piece_slot {
    uint32_t tag;
    int32_t id; /* -1: free */
} trit_piece_slot;

typedef struct trit_piece_map {
    const trit_pieces *pieces; /* borrowed */
    trit_piece_slot *slot;     /* [mask + 1] */
    uint32_t mask;
} trit_piece_map;

/* Room for every piece; nothing is in it yet. False when out of memory. */
bool trit_piece_map_init(trit_piece_map *map, const trit_pieces *pieces);
void trit_piece_map_fini(trit_piece_map *map);

/* Adds one piece and returns its id, or the id of the equal piece that is there already. */
int32_t trit_piece_map_add(trit_piece_map *map, int32_t id);

/* -1 where there is none; also for a map that was never initialised. */
int32_t trit_piece_map_find(const trit_piece_map *map, const char *s, size_t n);

/* Good enough for tables that only we fill. */
uint64_t trit_hash_bytes(const char *s, size_t n);

#endif
