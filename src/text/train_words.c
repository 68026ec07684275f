/* Strings and how often they were seen: the words of a text, the pieces of a vocabulary. */
#include "base/alloc.h"
#include "text/pieces.h"
#include "text/train.h"

void trit_counts_fini(trit_counts *c) {
    trit_text_fini(&c->bytes);
    trit_free(c->item);
    trit_free(c->slot);
    *c = (trit_counts){0};
}

/* Where s stands, or the free slot where it would. */
static uint32_t *locate(const trit_counts *c, trit_str s) {
    for (size_t i = trit_hash_bytes(s.p, s.n) & c->mask;; i = (i + 1) & c->mask) {
        uint32_t *slot = &c->slot[i];
        if (!*slot || trit_str_equal(trit_counts_at(c, *slot - 1), s)) return slot;
    }
}

/* At most half full. */
static bool make_room(trit_counts *c) {
    const size_t n_slots = c->slot ? c->mask + 1 : 0;
    void *item = c->item;
    if (c->n >= UINT32_MAX - 1 || !trit_grow(&item, &c->capacity, c->n + 1, sizeof *c->item)) return false;
    c->item = item;
    if (2 * (c->n + 1) <= n_slots) return true;
    trit_counts bigger = *c;
    bigger.mask = n_slots ? 2 * n_slots - 1 : 1023;
    bigger.slot = trit_alloc_zero(bigger.mask + 1, sizeof *bigger.slot);
    if (!bigger.slot) return false;
    for (size_t i = 0; i < c->n; i++) *locate(&bigger, trit_counts_at(c, i)) = (uint32_t)i + 1;
    trit_free(c->slot);
    *c = bigger;
    return true;
}

bool trit_counts_add(trit_counts *c, trit_str s, uint64_t count, uint32_t *index) {
    if (!make_room(c)) return false;
    uint32_t *slot = locate(c, s);
    if (!*slot) {
        const size_t at = c->bytes.n;
        if (!trit_text_append(&c->bytes, s.p, s.n)) return false;
        c->item[c->n] = (trit_counted){at, s.n, 0};
        *slot = (uint32_t)++c->n;
    }
    c->item[*slot - 1].count += count;
    if (index) *index = *slot - 1;
    return true;
}

int64_t trit_counts_find(const trit_counts *c, trit_str s) {
    return c->slot ? (int64_t)*locate(c, s) - 1 : -1;
}
