/* What the engine's room has of an engine beside trit/engine.h. */
#ifndef TRIT_ENGINE_ENGINE_H
#define TRIT_ENGINE_ENGINE_H

#include "device/device.h"
#include "engine/pages.h"
#include "model/model.h"
#include "trit/engine.h"

const trit_program *trit_engine_program(const trit_engine *engine);
void trit_engine_draft_always(trit_engine *engine); /* every guess goes along, whether that pays or not: for tests */
void trit_engine_trace(trit_engine *engine, trit_trace_fn fn, void *user); /* called after each op of a step; NULL: none */

/* What sessions are made of; borrowed. */
typedef struct trit_engine_cache {
    const trit_model *model;
    trit_fingerprint *of; /* the model's, which a session makes when the first one comes: it takes reading the whole file */
    trit_device *device;
    trit_exec *exec;
    trit_pages *pages;
    trit_kv_shape kv;
    uint32_t context;
    bool is_kept; /* pages serve later prompts */
} trit_engine_cache;

trit_engine_cache trit_engine_cache_of(trit_engine *engine);

#endif
