/* The strings of a vocabulary. */
#include "text/pieces.h"

#include "base/alloc.h"

bool trit_pieces_init(trit_pieces *pieces, const trit_str *strings, uint32_t n) {
    size_t total = 0;
    *pieces = (trit_pieces){.n = n};
    for (uint32_t i = 0; i < n; i++) {
        if (!trit_add_size(total, strings[i].n, &total) || total > UINT32_MAX) return false;
        if (strings[i].n > pieces->longest) pieces->longest = (uint32_t)strings[i].n;
    }
    pieces->blob = trit_alloc(total, 1);
    pieces->offset = trit_alloc((size_t)n + 1, sizeof *pieces->offset);
    if (!pieces->blob || !pieces->offset) {
        trit_pieces_fini(pieces);
        return false;
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        pieces->offset[i] = at;
        if (strings[i].n) memcpy(pieces->blob + at, strings[i].p, strings[i].n);
        at += (uint32_t)strings[i].n;
    }
    pieces->offset[n] = at;
    return true;
}

void trit_pieces_fini(trit_pieces *pieces) {
    trit_free(pieces->blob);
    trit_free(pieces->offset);
    *pieces = (trit_pieces){0};
}

static uint64_t mix(uint64_t x) {
    x *= 0x9E3779B97F4A7C15u; /* 2^64 / golden ratio */
    return x ^ x >> 32;
}

uint64_t trit_hash_bytes(const char *s, size_t n) {
    uint64_t hash = mix(n + 1), word;
    for (; n >= 8; s += 8, n -= 8) {
        memcpy(&word, s, 8);
        hash = mix(hash ^ word);
    }
    word = 0;
    for (size_t i = 0; i < n; i++) word |= (uint64_t)(unsigned char)s[i] << (8 * i);
    return mix(mix(hash ^ word));
}

bool trit_piece_map_init(trit_piece_map *map, const trit_pieces *pieces) {
    uint32_t n_slots = 16;
    while (n_slots < 2 * pieces->n) n_slots *= 2;
    map->slot = trit_alloc(n_slots, sizeof *map->slot);
    if (!map->slot) return false;
    for (uint32_t i = 0; i < n_slots; i++) map->slot[i] = (trit_piece_slot){0, -1};
    map->pieces = pieces;
    map->mask = n_slots - 1;
    return true;
}

void trit_piece_map_fini(trit_piece_map *map) {
    trit_free(map->slot);
    *map = (trit_piece_map){0};
}

/* The slot that holds s, or the free one where it would go. The low bits choose the place, the high ones are the tag. */
static trit_piece_slot *locate(const trit_piece_map *map, const char *s, size_t n, uint32_t *tag) {
    uint64_t hash = trit_hash_bytes(s, n);
    *tag = (uint32_t)(hash >> 32);
    for (uint32_t i = (uint32_t)hash & map->mask;; i = (i + 1) & map->mask) {
        trit_piece_slot *slot = &map->slot[i];
        if (slot->id < 0) return slot;
        if (slot->tag == *tag && trit_str_equal(trit_pieces_at(map->pieces, slot->id), (trit_str){s, n})) return slot;
    }
}

int32_t trit_piece_map_add(trit_piece_map *map, int32_t id) {
    trit_str piece = trit_pieces_at(map->pieces, id);
    uint32_t tag;
    trit_piece_slot *slot = locate(map, piece.p, piece.n, &tag);
    if (slot->id < 0) *slot = (trit_piece_slot){tag, id};
    return slot->id;
}

int32_t trit_piece_map_find(const trit_piece_map *map, const char *s, size_t n) {
    uint32_t tag;
    return map->slot ? locate(map, s, n, &tag)->id : -1;
}
