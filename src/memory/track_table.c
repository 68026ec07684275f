/* Removal moves later blocks of the same run back, so that there are no tombstones and a table stays as quick as on its first day.
 * Knuth, The Art of Computer Programming 3, 6.4, algorithm R. */
#include "memory/track_table.h"

#include "base/alloc.h"
#include "base/rng.h"

enum { first_capacity = 8 };

/* The low bits of the mixed address choose the shard, these the slot. */
static size_t home_of(const trit_track_table *t, uintptr_t address) {
    return (size_t)(trit_mix64(address) >> 16) & (t->capacity - 1);
}

/* The slot that has the address, or the free one where it would go. */
static trit_track_block *slot_of(const trit_track_table *t, uintptr_t address) {
    size_t i = home_of(t, address);
    while (t->slots[i].address && t->slots[i].address != address) i = (i + 1) & (t->capacity - 1);
    return &t->slots[i];
}

static bool grow(trit_track_table *t) {
    trit_track_table larger = {.capacity = t->capacity ? t->capacity * 2 : first_capacity, .n = t->n};
    larger.slots = trit_alloc_zero(larger.capacity, sizeof *larger.slots);
    if (!larger.slots) return false;
    for (size_t i = 0; i < t->capacity; i++)
        if (t->slots[i].address) *slot_of(&larger, t->slots[i].address) = t->slots[i];
    trit_free(t->slots);
    *t = larger;
    return true;
}

trit_track_block *trit_track_find(const trit_track_table *t, uintptr_t address) {
    if (!t->n) return NULL;
    trit_track_block *slot = slot_of(t, address);
    return slot->address ? slot : NULL;
}

bool trit_track_add(trit_track_table *t, const trit_track_block *block) {
    if (t->n >= t->capacity / 4 * 3 && !grow(t)) return false;
    trit_track_block *slot = slot_of(t, block->address);
    if (!slot->address) t->n++;
    *slot = *block;
    return true;
}

void trit_track_remove(trit_track_table *t, trit_track_block *block) {
    const size_t mask = t->capacity - 1;
    size_t hole = (size_t)(block - t->slots);
    for (size_t i = (hole + 1) & mask; t->slots[i].address; i = (i + 1) & mask) {
        /* A block may move back to the hole if its home is not behind it, going round from the home to where it stands. */
        const size_t home = home_of(t, t->slots[i].address);
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        t->slots[hole] = t->slots[i];
        hole = i;
    }
    t->slots[hole].address = 0;
    t->n--;
}

void trit_track_table_fini(trit_track_table *t) {
    trit_free(t->slots);
    *t = (trit_track_table){0};
}
