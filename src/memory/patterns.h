/* A recording made ready for the searches, and the searches: pure functions, one file each. */
#ifndef TRIT_MEMORY_PATTERNS_H
#define TRIT_MEMORY_PATTERNS_H

#include "trit/patterns.h"

enum { trit_trace_max_devices = 16 };

typedef struct trit_trace_block {
    uint64_t address, bytes;
    double birth, death; /* seconds from the begin of the recording; 0 and its end where they were not recorded */
    unsigned device;
    bool is_early, is_live; /* born before, not dead at the end */
} trit_trace_block;

typedef struct trit_trace {
    trit_trace_block *blocks; /* [n], by birth */
    size_t n;
    double seconds;           /* from the first event to the last */
    const char *devices[trit_trace_max_devices]; /* names; what is beyond counts as the last */
    unsigned n_devices;
} trit_trace;

/* Each fills confidence, value and advice where it finds its pattern, and leaves *out alone where not. false: no memory. */
bool trit_pattern_find_sizes(const trit_trace *trace, trit_pattern *out);
bool trit_pattern_find_device(const trit_trace *trace, trit_pattern *out);
bool trit_pattern_find_fragmentation(const trit_trace *trace, trit_pattern *out);
bool trit_pattern_find_period(const trit_trace *trace, trit_pattern *out);
bool trit_pattern_find_leak(const trit_trace *trace, trit_pattern *out);

/* From `low` on there is some confidence, from `high` on there is no doubt. */
static inline double trit_pattern_between(double x, double low, double high) {
    return x <= low ? 0 : x >= high ? 1 : (x - low) / (high - low);
}

int trit_compare_doubles(const void *a, const void *b); /* for qsort */

#endif
