/* Giving memory back: a cleaner knows pools, caches that hold blocks of them, and rules that say when to clean what. A thread of its own
 * looks at the rules; or the program does, with trit_cleaner_look.
 *
 * To clean is: the caches release what the rule asks them for, then the pools give their idle pages back to the system (trit_pool_trim, or
 * trit_pool_compact, which moves handles together first). A rule that wants a certain number of bytes asks the pools first and the
 * caches for the rest. What is counted as given back is what `committed` of the pools fell by.
 *
 * Any thread may call anything but new and free. Callbacks come from the cleaner's thread, or from whoever calls look or run, one at a
 * time; they may use the pools, and of this header trit_cleaner_generation only. */
#ifndef TRIT_CLEANUP_H
#define TRIT_CLEANUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/pool.h"
#include "trit/pressure.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trit_cleaner trit_cleaner;

typedef struct trit_cleaner_opts {
    trit_pressure *pressure; /* borrowed, freed after the cleaner; NULL: rules of pressure are refused */
    unsigned period_ms;      /* in which the thread looks at the rules, 0: 50 */
    bool no_thread;          /* nobody looks but trit_cleaner_look */
} trit_cleaner_opts;

/* `opts` may be NULL. The caller frees. Errors: memory, fail (no thread). */
TRIT_API TRIT_MUST_CHECK trit_status trit_cleaner_new(trit_cleaner **out, const trit_cleaner_opts *opts, trit_error *err);
/* Waits for a cleaning in progress, for nothing longer. NULL is fine. */
TRIT_API void trit_cleaner_free(trit_cleaner *cleaner);

/* Pools are borrowed; their names are the devices of the rules. remove: before the pool is freed; waits for a cleaning in progress.
 * Errors: memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_cleaner_add_pool(trit_cleaner *cleaner, trit_pool *pool, trit_error *err);
TRIT_API void trit_cleaner_remove_pool(trit_cleaner *cleaner, trit_pool *pool);

/* Releases blocks to their pool: those last used in a generation below `older_than`, the oldest first, until `bytes` are released.
 * Returns the bytes released. */
typedef uint64_t trit_cache_release_fn(void *user, uint64_t bytes, uint64_t older_than);

/* `device`: name of the pool that its blocks come from, copied (31 bytes at most). Errors: memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_cleaner_add_cache(trit_cleaner *cleaner, const char *device, trit_cache_release_fn *fn, void *user,
                                                            trit_error *err);
TRIT_API void trit_cleaner_remove_cache(trit_cleaner *cleaner, trit_cache_release_fn *fn, void *user);

/* The generation now, from 1; a cache writes it beside what it uses. */
TRIT_API uint64_t trit_cleaner_generation(const trit_cleaner *cleaner);

typedef enum trit_cleanup_kind {
    trit_cleanup_idle,         /* once nothing was allocated or released for a while */
    trit_cleanup_pressure,     /* when a level of memory pressure is reached */
    trit_cleanup_periodic,     /* every so often */
    trit_cleanup_generational, /* every so often a generation ends, and caches release what was not used for some of them */
    trit_cleanup_device,       /* when the pools of a device hold more than a limit */
    trit_cleanup_custom        /* when a callback says so, and what it says */
} trit_cleanup_kind;

enum { trit_cleanup_n_kinds = 6 };

/* "idle" and so on; NULL for another value. */
TRIT_API const char *trit_cleanup_name(trit_cleanup_kind kind);

/* What to clean. */
typedef struct trit_cleanup_order {
    const char *device;  /* NULL: all */
    uint64_t bytes;      /* wanted; UINT64_MAX: as many as there are */
    uint64_t older_than; /* of what caches hold: generations below; UINT64_MAX: any */
    bool compact;
} trit_cleanup_order;

/* Asked whenever the rules are looked at; *order is filled with everything of the rule's device, and may be changed. */
typedef bool trit_cleanup_custom_fn(void *user, trit_cleanup_order *order);

typedef struct trit_cleanup_rule {
    trit_cleanup_kind kind;
    const char *device;         /* copied (31 bytes at most); NULL: all, which the kind device does not take */
    bool compact;               /* moves handles together first */
    unsigned period_ms;         /* idle: how long, 0: 2000; periodic and generational: 0: 10000 */
    trit_pressure_level level;  /* pressure: calm: high */
    unsigned keep_generations;  /* generational: how many stay besides the one that ends, 0: 2 */
    uint64_t limit_bytes;       /* device: committed bytes of its pools together; not 0 */
    trit_cleanup_custom_fn *fn; /* custom */
    void *user;
} trit_cleanup_rule;

/* *id counts from 0. Errors: arg (what the kind needs is missing), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_cleaner_add_rule(trit_cleaner *cleaner, const trit_cleanup_rule *rule, unsigned *id, trit_error *err);

typedef struct trit_cleanup_stats {
    uint64_t n_runs;
    uint64_t asked;      /* bytes wanted; of a rule without a number the idle bytes of the pools once the caches had released theirs */
    uint64_t released;   /* bytes that caches released to the pools */
    uint64_t given_back; /* bytes that the pools gave back to the system */
    uint64_t ns;         /* time that it took */
} trit_cleanup_stats;

/* Looks at all rules now and cleans what they want; adds what was done to *done (NULL is fine). */
TRIT_API void trit_cleaner_look(trit_cleaner *cleaner, trit_cleanup_stats *done);

/* Cleans now, whatever the rules say. */
TRIT_API void trit_cleaner_run(trit_cleaner *cleaner, const trit_cleanup_order *order, trit_cleanup_stats *done);

/* What the rule did so far; with `id` = UINT32_MAX all rules and runs together. Errors: arg (no such rule). */
TRIT_API TRIT_MUST_CHECK trit_status trit_cleaner_count(trit_cleaner *cleaner, unsigned id, trit_cleanup_stats *out, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
