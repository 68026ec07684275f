/* Hash tables of names. Open addressing with steps of one, at most half full, so that a chain is short. */
#include "io/names.h"

#include "base/alloc.h"
#include "base/os.h"
#include "base/rng.h"
#include "tensor/bytes.h"

static uint64_t rotate(uint64_t x, int by) {
    return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1], v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson, Bernstein: SipHash, a fast short-input PRF, 2012). */
static uint64_t hash_of(const uint64_t key[2], trit_str s) {
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
                     key[1] ^ 0x7465646279746573u};
    for (size_t at = 0;; at += 8) {
        uint8_t block[8] = {0};
        const size_t n = s.n - at < 8 ? s.n - at : 8;
        if (n) memcpy(block, s.p + at, n);
        if (n < 8) block[7] = (uint8_t)s.n; /* the last block has room for the length */
        const uint64_t word = trit_load_u64(block);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
        if (n < 8) break;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static trit_str name_at(const trit_names *names, size_t i) {
    trit_str s;
    memcpy(&s, (const char *)names->items + i * names->stride, sizeof s);
    return s;
}

/* The slot of a name, or the free one where it belongs. */
static uint32_t *slot_of(const trit_names *names, trit_str name) {
    size_t at = (size_t)hash_of(names->key, name) & names->mask;
    while (names->slots[at] && !trit_str_equal(name_at(names, names->slots[at] - 1), name)) at = (at + 1) & names->mask;
    return &names->slots[at];
}

trit_status trit_names_init(trit_names *names, const void *items, size_t n, size_t stride, size_t *twice) {
    size_t size = 8;
    while (size < 2 * n) size *= 2;
    uint32_t *slots = trit_alloc_zero(size, sizeof *slots);
    if (!slots) return trit_memory;
    const uint64_t secret = trit_os_clock_ns() ^ (uint64_t)(uintptr_t)slots; /* what another process cannot know */
    trit_names made = {items, n, stride, slots, size - 1, {trit_rng_u64(secret, 0), trit_rng_u64(secret, 1)}};
    for (size_t i = 0; i < n; i++) {
        uint32_t *slot = slot_of(&made, name_at(&made, i));
        if (*slot) {
            *twice = i;
            trit_names_fini(&made);
            return trit_format;
        }
        *slot = (uint32_t)i + 1;
    }
    *names = made;
    return trit_ok;
}

void trit_names_fini(trit_names *names) {
    trit_free(names->slots);
    *names = (trit_names){0};
}

const void *trit_names_find(const trit_names *names, trit_str name) {
    if (!names->slots) return NULL;
    const uint32_t at = *slot_of(names, name);
    return at ? (const char *)names->items + (at - 1) * names->stride : NULL;
}
