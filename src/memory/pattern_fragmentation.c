/* Fragmentation: blocks that are left over from a time when memory was well filled keep whole regions from being given back. Looked at in
 * 32 moments: the share of the regions with a live block that is live, and how many of these regions would be free without the blocks
 * from before the best moment. Blocks of a region's size or more fill their own and are left out. */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "memory/patterns.h"

enum { region_bytes = 64 << 10, n_moments = 32, first_late = 21, fewest_regions = 8 };

static int by_number(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

typedef struct moment {
    double live;      /* bytes */
    size_t n_regions; /* that have some of them */
} moment;

/* The live blocks of a moment, as far as they were born until `born_until`. `regions` is room for two numbers a block. */
static moment look(const trit_trace *trace, double time, double born_until, uint64_t *regions) {
    moment m = {0};
    size_t n = 0;
    for (size_t i = 0; i < trace->n && trace->blocks[i].birth <= time && trace->blocks[i].birth <= born_until; i++) {
        const trit_trace_block *b = &trace->blocks[i];
        if (b->death <= time && !b->is_live) continue;
        if (b->bytes >= region_bytes || !b->bytes) continue;
        const uint64_t device = (uint64_t)b->device << 48;
        m.live += (double)b->bytes;
        regions[n++] = device + b->address / region_bytes;
        regions[n++] = device + (b->address + b->bytes - 1) / region_bytes;
    }
    if (n) qsort(regions, n, sizeof *regions, by_number);
    for (size_t i = 0; i < n; i++) m.n_regions += !i || regions[i] != regions[i - 1];
    return m;
}

static double filled(moment m) {
    return m.live / ((double)m.n_regions * region_bytes);
}

/* The best filled moment before the last third: its filling, and *when it was. */
static double best_moment(const trit_trace *trace, uint64_t *regions, double *when) {
    double best = 0;
    for (int i = 1; i <= first_late; i++) {
        const double time = trace->seconds * i / n_moments;
        const moment m = look(trace, time, time, regions);
        if (m.n_regions < fewest_regions || filled(m) < best) continue;
        best = filled(m);
        *when = time;
    }
    return best;
}

bool trit_pattern_find_fragmentation(const trit_trace *trace, trit_pattern *out) {
    uint64_t *regions = trit_alloc(2 * trace->n, sizeof *regions);
    if (!regions) return false;
    double when = 0, late[n_moments], kept[n_moments];
    size_t n_late = 0;
    const double best = best_moment(trace, regions, &when);
    for (int i = first_late + 1; i <= n_moments && best >= 0.4; i++) {
        const double time = trace->seconds * i / n_moments;
        const moment all = look(trace, time, time, regions), old = look(trace, time, when, regions);
        if (all.n_regions < fewest_regions) continue;
        late[n_late] = filled(all);
        kept[n_late++] = (double)old.n_regions / (double)all.n_regions;
    }
    trit_free(regions);
    if (n_late < (n_moments - first_late) / 2) return true;
    qsort(late, n_late, sizeof *late, trit_compare_doubles);
    qsort(kept, n_late, sizeof *kept, trit_compare_doubles);
    const double usual = late[n_late / 2], by_old = kept[n_late / 2];
    if (by_old < 0.4) return true;
    out->confidence = trit_pattern_between(1 - usual / best, 0.3, 0.8);
    if (out->confidence <= 0) return true;
    out->value = usual;
    snprintf(out->advice, sizeof out->advice,
             "live blocks fill %.0f %% of the regions that they keep in use, once %.0f %%, and old blocks keep %.0f %% of these: a pool of their own for "
             "lasting blocks, or handles and trit_pool_compact",
             100 * usual, 100 * best, 100 * by_old);
    return true;
}
