/* The pool's insides that other files of this room use. */
#ifndef TRIT_MEMORY_POOL_H
#define TRIT_MEMORY_POOL_H

#include "memory/track.h"
#include "trit/pool.h"

/* NULL: the pool was made without tracking. Owner: the pool. */
trit_tracker *trit_pool_tracker(const trit_pool *pool);

#endif
