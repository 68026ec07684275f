/* One step of an engine as the commands take it. */
#ifndef TRIT_CLI_STEP_H
#define TRIT_CLI_STEP_H

#include "trit/engine.h"

/* trit_engine_step, where a request that ends in an error is one of the step. Errors: cancelled (Ctrl-C, before the step), those of
 * the engine and of requests. */
TRIT_MUST_CHECK trit_status trit_step(trit_engine *engine, const trit_event **events, size_t *n, trit_error *err);

#endif
