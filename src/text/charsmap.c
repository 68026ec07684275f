/* Precompiled character maps. */
#include "text/charsmap.h"

#include <stdint.h>

#include "base/alloc.h"
#include "base/error.h"
#include "text/pieces.h"

/* The longest string that NFKC makes of one character (U+FDFA) has 33 bytes. The limit keeps a small text from growing without
 * bound. */
enum { max_replacement_bytes = 64 };

struct trit_charsmap {
    uint32_t *unit; /* [n_units] */
    size_t n_units;
    char *pool; /* [n_pool], the last byte is NUL */
    size_t n_pool;
};

static const uint32_t leaf_bit = 0x80000000u;

static uint32_t offset_of(uint32_t unit) {
    return unit >> 10 << (unit >> 6 & 8);
}

static uint32_t read_u32(const char *p) {
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static trit_status check(const trit_charsmap *map, const char *what, trit_error *err) {
    for (size_t i = 0; i < map->n_units; i++) {
        uint32_t unit = map->unit[i];
        if (unit & leaf_bit) continue;
        size_t base = i ^ offset_of(unit);
        if (base >= map->n_units)
            return trit_error_set(err, trit_format, "%s: precompiled_charsmap: unit %zu leads to %zu of %zu", what, i, base, map->n_units);
        if (unit & 0x100 && (!(map->unit[base] & leaf_bit) || (map->unit[base] & ~leaf_bit) >= map->n_pool))
            return trit_error_set(err, trit_format, "%s: precompiled_charsmap: unit %zu has a replacement outside the pool of %zu bytes",
                                  what, i, map->n_pool);
    }
    for (size_t i = 0, begin = 0; i < map->n_pool; i++) {
        if (i - begin > max_replacement_bytes)
            return trit_error_set(err, trit_format, "%s: precompiled_charsmap: the replacement at %zu is longer than %d bytes", what, begin,
                                  (int)max_replacement_bytes);
        if (map->pool[i] == '\0') begin = i + 1;
    }
    return trit_ok;
}

static trit_status fill(trit_charsmap *map, trit_str bytes, const char *what, trit_error *err) {
    size_t n_trie = bytes.n >= 4 ? read_u32(bytes.p) : 0;
    if (n_trie == 0 || n_trie % 4 || n_trie > bytes.n - 4)
        return trit_error_set(err, trit_format, "%s: precompiled_charsmap: a trie of %zu bytes in %zu", what, n_trie, bytes.n);
    map->n_units = n_trie / 4;
    map->n_pool = bytes.n - 4 - n_trie + 1;
    map->unit = trit_alloc(map->n_units, sizeof *map->unit);
    map->pool = trit_strndup(bytes.p + 4 + n_trie, map->n_pool - 1);
    if (!map->unit || !map->pool) return trit_error_memory(err, bytes.n, "the character map");
    for (size_t i = 0; i < map->n_units; i++) map->unit[i] = read_u32(bytes.p + 4 + 4 * i);
    return check(map, what, err);
}

trit_status trit_charsmap_new(trit_charsmap **out, trit_str bytes, const char *what, trit_error *err) {
    trit_charsmap *map = trit_alloc_zero(1, sizeof *map);
    trit_status status = map ? fill(map, bytes, what, err) : trit_error_memory(err, sizeof *map, "the character map");
    if (status)
        trit_charsmap_free(map);
    else
        *out = map;
    return status;
}

void trit_charsmap_free(trit_charsmap *map) {
    if (!map) return;
    trit_free(map->unit);
    trit_free(map->pool);
    trit_free(map);
}

uint64_t trit_charsmap_hash(const trit_charsmap *map) {
    return trit_hash_bytes((const char *)map->unit, map->n_units * sizeof *map->unit) ^ trit_hash_bytes(map->pool, map->n_pool);
}

static size_t find(const trit_charsmap *map, trit_str s, bool longest, trit_str *to) {
    size_t at = offset_of(map->unit[0]), found = 0;
    for (size_t i = 0; i < s.n && s.p[i]; i++) {
        unsigned char byte = (unsigned char)s.p[i];
        at ^= byte;
        if (at >= map->n_units || (map->unit[at] & (leaf_bit | 0xFF)) != byte) break;
        uint32_t unit = map->unit[at];
        at ^= offset_of(unit);
        if (!(unit & 0x100)) continue;
        to->p = map->pool + (map->unit[at] & ~leaf_bit);
        to->n = strlen(to->p);
        found = i + 1;
        if (!longest) break;
    }
    return found;
}

size_t trit_charsmap_longest(const trit_charsmap *map, trit_str s, trit_str *to) {
    return find(map, s, true, to);
}

size_t trit_charsmap_shortest(const trit_charsmap *map, trit_str s, trit_str *to) {
    return find(map, s, false, to);
}
