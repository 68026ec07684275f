/* What a recording of allocations shows, and what to do about it: five patterns, each found or not, with a confidence and a line of advice.
 *
 * The functions look at the events alone, keep nothing, and may be called from any thread. A recording comes from
 * trit_tracker_events; those of several pools may be put together in the order of time. */
#ifndef TRIT_PATTERNS_H
#define TRIT_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>

#include "trit/status.h"
#include "trit/tracking.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum trit_pattern_kind {
    trit_pattern_sizes,         /* many blocks of few sizes; value: their share of all blocks */
    trit_pattern_device,        /* one device holds more than its part; value: its share of bytes times time */
    trit_pattern_fragmentation, /* few bytes keep many regions of 64 KiB in use; value: the share of these that is live */
    trit_pattern_period,        /* allocations come in a rhythm; value: seconds */
    trit_pattern_leak           /* memory grows by blocks that stay; value: bytes a second */
} trit_pattern_kind;

enum { trit_n_patterns = 5 };

typedef struct trit_pattern {
    trit_pattern_kind kind;
    bool is_found;
    double confidence; /* 0 to 1; 0 where it is not found */
    double value;      /* 0 where it is not found */
    char advice[240];  /* one line; "none" where it is not found */
} trit_pattern;

/* "sizes" and so on; NULL for another value. */
TRIT_API const char *trit_pattern_name(trit_pattern_kind kind);

/* Fills out[0..trit_n_patterns), in the order of the kinds. `events` in the order of time, as far as they are known: blocks whose
 * allocation or release is not among them count as older or as still live. Below 64 blocks nothing is found. Lifetimes beyond a quarter
 * of the recording cannot be told from leaks. n log n, and some ten million steps for the rhythm. Errors: arg (times fall), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_patterns_find(trit_pattern out[trit_n_patterns], const trit_memory_event *events, size_t n,
                                                        trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
