/* Device imbalance: one device holds clearly more than its part of all bytes times time. Large or lasting blocks weigh much, so few of
 * them look like an imbalance by chance; the number of blocks that count equally (Kish: Survey Sampling, 1965, 11.7) says how far. */
#include <math.h>
#include <stdio.h>

#include "memory/patterns.h"

bool trit_pattern_find_device(const trit_trace *trace, trit_pattern *out) {
    if (trace->n_devices < 2) return true;
    double held[trit_trace_max_devices] = {0}, sum = 0, squares = 0;
    for (size_t i = 0; i < trace->n; i++) {
        const trit_trace_block *b = &trace->blocks[i];
        const double weight = (double)b->bytes * (b->death - b->birth);
        held[b->device] += weight;
        sum += weight;
        squares += weight * weight;
    }
    if (sum <= 0) return true;
    unsigned most = 0;
    for (unsigned i = 1; i < trace->n_devices; i++)
        if (held[i] > held[most]) most = i;
    const double fair = 1.0 / trace->n_devices, share = held[most] / sum;
    const double chance = sqrt(fair * (1 - fair) * squares) / sum; /* standard deviation of a share without imbalance */
    if (share - fair < 4.5 * chance) return true;
    out->confidence = trit_pattern_between((share - fair) / (1 - fair), 0.2, 0.6);
    if (out->confidence <= 0) return true;
    out->value = share;
    snprintf(out->advice, sizeof out->advice, "%.40s holds %.0f %% of the memory of %u devices: move some of its blocks to the others", trace->devices[most],
             100 * share, trace->n_devices);
    return true;
}
