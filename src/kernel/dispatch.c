/* One table of kernels per tier, filled from kernels.def at the first call. A table is written by one thread and published
 * by a release store; the others wait for the few hundred stores that takes. */
#include <stdatomic.h>
#include <string.h>

#include "kernel/kernel.h"
#include "kernel/variants.h"

static const trit_kernel_row rows[] = {
#define TRIT_KERNEL(slot, tier) {#slot, trit_cpu_##tier, offsetof(trit_kernels, slot), (void (*)(void))trit_##slot##_##tier},
#include "kernel/kernels.def"
#undef TRIT_KERNEL
};

enum { n_rows = sizeof rows / sizeof rows[0] };

const trit_kernel_row *trit_kernel_rows(size_t *n) {
    *n = n_rows;
    return rows;
}

enum family { family_any, family_x86, family_arm };

static const enum family families[trit_n_cpu_tiers] = {
#define TRIT_CPU_TIER(name, family, text) family_##family,
#include "base/cpu_tiers.def"
#undef TRIT_CPU_TIER
};

/* May a processor of `tier` run a variant of `row`? Tiers rise within their family, but AVX-VNNI is a side branch: processors
 * with AVX-512 may lack it. */
static bool runs(trit_cpu_tier row, trit_cpu_tier tier) {
    if (row == trit_cpu_scalar || row == tier) return true;
    return families[row] == families[tier] && row < tier && row != trit_cpu_avxvnni;
}

static void fill(trit_kernels *table, trit_cpu_tier tier) {
    trit_cpu_tier best[sizeof(trit_kernels) / sizeof rows[0].fn] = {0};
    for (size_t i = 0; i < n_rows; i++) {
        size_t slot = rows[i].offset / sizeof rows[i].fn;
        if (!runs(rows[i].tier, tier) || rows[i].tier < best[slot]) continue;
        best[slot] = rows[i].tier;
        memcpy((char *)table + rows[i].offset, &rows[i].fn, sizeof rows[i].fn);
    }
}

const trit_kernels *trit_kernels_for(trit_cpu_tier tier) {
    enum { empty, filling, full };
    static trit_kernels tables[trit_n_cpu_tiers];
    static atomic_int states[trit_n_cpu_tiers];

    int state = atomic_load_explicit(&states[tier], memory_order_acquire);
    if (state == full) return &tables[tier];
    state = empty;
    if (atomic_compare_exchange_strong(&states[tier], &state, filling)) {
        fill(&tables[tier], tier);
        atomic_store_explicit(&states[tier], full, memory_order_release);
    }
    while (atomic_load_explicit(&states[tier], memory_order_acquire) != full) {}
    return &tables[tier];
}
