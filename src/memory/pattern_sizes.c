/* Size clusters: sizes that are far more frequent than those around them. Sizes fall into sixteen bins to a doubling (4.4 % each); a bin
 * stands out if it has four times the mean of the doubling around it, and more than chance gives. */
#include <math.h>
#include <stdio.h>

#include "memory/patterns.h"

enum { bins_per_doubling = 16, half_window = bins_per_doubling / 2, n_bins = 64 * bins_per_doubling };

static unsigned bin_of(uint64_t bytes) {
    return bytes < 2 ? 0 : (unsigned)(log2((double)bytes) * bins_per_doubling);
}

static double mean_around(const unsigned *counts, int bin) {
    unsigned sum = 0;
    for (int i = bin - half_window; i <= bin + half_window; i++)
        if (i >= 0 && i < n_bins) sum += counts[i];
    return (double)sum / (2 * half_window + 1);
}

bool trit_pattern_find_sizes(const trit_trace *trace, trit_pattern *out) {
    unsigned counts[n_bins + 1] = {0};
    for (size_t i = 0; i < trace->n; i++) counts[bin_of(trace->blocks[i].bytes)]++;
    double excess = 0;
    unsigned n_clusters = 0, last = n_bins, top_bin = 0;
    for (unsigned bin = 0; bin < n_bins; bin++) {
        const double usual = mean_around(counts, (int)bin), here = counts[bin];
        if (here < 4 * usual || here < usual + 5 * sqrt(usual) || here < 0.02 * (double)trace->n) continue;
        excess += here - usual;
        if (!n_clusters || bin > last + 2) n_clusters++; /* neighbours are one cluster */
        if (counts[bin] > counts[top_bin]) top_bin = bin;
        last = bin;
    }
    const double share = excess / (double)trace->n;
    out->confidence = trit_pattern_between(share, 0.3, 0.8);
    if (out->confidence <= 0) return true;
    out->value = share;
    snprintf(out->advice, sizeof out->advice,
             "%.0f %% of the blocks have one of %u sizes, most often about %.0f bytes: keep released ones of these sizes for the next", 100 * share,
             n_clusters, exp2((top_bin + 0.5) / bins_per_doubling));
    return true;
}
