/* What the engine's room has of an engine beside trit/engine.h. */
#ifndef TRIT_ENGINE_ENGINE_H
#define TRIT_ENGINE_ENGINE_H

#include "device/device.h"
#include "trit/engine.h"

const trit_program *trit_engine_program(const trit_engine *engine);
void trit_engine_trace(trit_engine *engine, trit_trace_fn fn, void *user); /* called after each op of a step; NULL: none */

#endif
