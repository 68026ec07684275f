/* The merge table of BPE. */
#include "text/merges.h"

#include "base/alloc.h"

static trit_merge *locate(const trit_merges *merges, uint64_t pair) {
    uint32_t i = trit_merges_place(pair, merges->mask);
    while (merges->slot[i].pair != pair && merges->slot[i].pair != UINT64_MAX) i = (i + 1) & merges->mask;
    return &merges->slot[i];
}

bool trit_merges_reserve(trit_merges *merges, size_t n) {
    size_t n_slots = merges->slot ? (size_t)merges->mask + 1 : 256;
    if (n > UINT32_MAX / 4) return false;
    while (n_slots / 2 < n) n_slots *= 2;
    if (merges->slot && n_slots == (size_t)merges->mask + 1) return true;
    trit_merges bigger = {trit_alloc(n_slots, sizeof *bigger.slot), (uint32_t)n_slots - 1, merges->n};
    if (!bigger.slot) return false;
    for (size_t i = 0; i < n_slots; i++) bigger.slot[i] = (trit_merge){.pair = UINT64_MAX};
    for (size_t i = 0; merges->slot && i <= merges->mask; i++)
        if (merges->slot[i].pair != UINT64_MAX) *locate(&bigger, merges->slot[i].pair) = merges->slot[i];
    trit_free(merges->slot);
    *merges = bigger;
    return true;
}

bool trit_merges_add(trit_merges *merges, int32_t left, int32_t right, uint32_t rank, int32_t id) {
    if (!trit_merges_reserve(merges, (size_t)merges->n + 1)) return false;
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    trit_merge *slot = locate(merges, pair);
    if (slot->pair == pair) return true;
    *slot = (trit_merge){pair, rank, id};
    merges->n++;
    return true;
}

void trit_merges_fini(trit_merges *merges) {
    trit_free(merges->slot);
    *merges = (trit_merges){0};
}
