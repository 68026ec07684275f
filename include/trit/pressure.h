/* Memory pressure: who asks is told when memory gets scarce, once for each level that is crossed, up or down.
 *
 * What counts is the share of the limit of our cgroup (version 2 or 1, the fullest of those above us) that is used, or of the machine's
 * memory where no cgroup sets a limit; files' pages that the system can drop at once are not counted. Where the kernel tells how
 * long programs wait for memory (PSI), long waits alone make the level high. Linux only.
 *
 * Any thread may call anything but new and free; callbacks come from the watcher's thread or from within trit_pressure_check, one at a
 * time. A callback may allocate, release and check; it may not subscribe, unsubscribe or ask for the state. */
#ifndef TRIT_PRESSURE_H
#define TRIT_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trit_pressure trit_pressure;

typedef enum trit_pressure_level {
    trit_pressure_calm,
    trit_pressure_low,     /* from 70 % on */
    trit_pressure_medium,  /* 80 % */
    trit_pressure_high,    /* 90 % */
    trit_pressure_critical /* 95 % */
} trit_pressure_level;

enum { trit_pressure_n_levels = 4 }; /* above calm */

/* "critical" and so on; NULL for another value. */
TRIT_API const char *trit_pressure_level_name(trit_pressure_level level);

typedef struct trit_pressure_opts {
    double thresholds[trit_pressure_n_levels]; /* shares at which the levels begin: rising, above 0.5, at most 1; each 0: as above */
    double hysteresis;    /* a level ends this much below its threshold, 0: 0.03; at most 0.2 */
    double stall_percent; /* of time that something waits for memory, from which on the level is at least high until it is half of it;
                             0: 20; negative: no matter */
    unsigned period_ms;   /* of the thread that looks by itself, 0: 100 */
    bool no_thread;       /* nobody looks but trit_pressure_check */
    const char *root;     /* folder that stands for /, for tests with files of their own; NULL: this machine */
} trit_pressure_opts;

typedef struct trit_pressure_state {
    trit_pressure_level level;
    uint64_t used, limit; /* bytes */
    double stall_percent; /* of the last ten seconds; -1: unknown */
    const char *source;   /* "cgroup v2", "cgroup v1", "system" */
    uint64_t n_checks, n_crossings;
} trit_pressure_state;

/* `opts` may be NULL. The caller frees. Errors: arg (thresholds), unsupported (no such system files), memory, fail (no thread). */
TRIT_API TRIT_MUST_CHECK trit_status trit_pressure_new(trit_pressure **out, const trit_pressure_opts *opts, trit_error *err);
/* Waits for a callback in progress, for nothing longer. NULL is fine. */
TRIT_API void trit_pressure_free(trit_pressure *pressure);

/* `level` was crossed: upwards, now it holds, or downwards, now it does not. From calm to critical at once is four calls. */
typedef void trit_pressure_fn(void *user, trit_pressure_level level, bool is_rising, const trit_pressure_state *state);

/* Crossings from now on. Errors: memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_pressure_subscribe(trit_pressure *pressure, trit_pressure_fn *fn, void *user, trit_error *err);
/* No call for this pair is in progress or comes after it returned. */
TRIT_API void trit_pressure_unsubscribe(trit_pressure *pressure, trit_pressure_fn *fn, void *user);

/* Looks now and calls back what was crossed; for those who just took much memory. Some microseconds. Where another thread is
 * looking, or from within a callback, it only returns the level known so far. */
TRIT_API trit_pressure_level trit_pressure_check(trit_pressure *pressure);

TRIT_API void trit_pressure_describe(trit_pressure *pressure, trit_pressure_state *out);

#ifdef __cplusplus
}
#endif
#endif
