/* A cleaner's insides, for the rules. */
#ifndef TRIT_MEMORY_CLEANUP_H
#define TRIT_MEMORY_CLEANUP_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/ticker.h"
#include "trit/cleanup.h"

typedef struct trit_cleanup_cache {
    char device[32];
    trit_cache_release_fn *fn;
    void *user;
} trit_cleanup_cache;

/* A rule and what it remembers. */
typedef struct trit_cleanup_state {
    trit_cleanup_rule rule; /* all chosen; device NULL or the copy below */
    char device[32];
    uint64_t since_ns;   /* of the last run; idle: of the last activity seen */
    uint64_t n_calls;    /* idle: of the pools, when looked at last */
    uint64_t committed;  /* device: the same */
    bool is_done;        /* idle: cleaned since the last activity */
    trit_cleanup_stats stats;
} trit_cleanup_state;

struct trit_cleaner {
    pthread_mutex_t lock; /* of all below; held while cleaning */
    trit_pool **pools;
    trit_cleanup_cache *caches;
    trit_cleanup_state **rules; /* each allocated by itself: their devices are pointed to */
    size_t n_pools, n_caches, n_rules, pool_capacity, cache_capacity, rule_capacity;
    trit_cleanup_stats total;
    trit_pressure *pressure;
    trit_ticker *ticker;            /* NULL: no thread */
    atomic_uint_fast64_t generation;
    atomic_int risen;               /* highest level of pressure crossed upwards since the rules were looked at */
};

/* Whether the rule wants a cleaning now, and which. Under the lock; *order is filled with everything of the rule's device. */
bool trit_cleanup_wants(trit_cleaner *cleaner, trit_cleanup_state *state, uint64_t now_ns, trit_pressure_level risen, trit_cleanup_order *order);

/* Fills in what was left open. Errors: arg. */
trit_status trit_cleanup_choose(const trit_cleaner *cleaner, trit_cleanup_rule *rule, trit_error *err);

/* Of the pools of a device (NULL: all), under the lock. */
typedef struct trit_cleanup_sums {
    uint64_t committed, in_use, n_calls;
} trit_cleanup_sums;

trit_cleanup_sums trit_cleanup_measure(const trit_cleaner *cleaner, const char *device);

#endif
