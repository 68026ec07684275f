#include "step.h"

#include "interrupt.h"

trit_status trit_step(trit_engine *engine, const trit_event **events, size_t *n, trit_error *err) {
    *n = 0;
    trit_status status = trit_interrupted() ? trit_cancelled : trit_engine_step(engine, events, n, err);
    for (size_t i = 0; i < *n && status == trit_ok; i++) {
        const trit_event *e = &(*events)[i];
        if (e->stop != trit_stop_error) continue;
        if (err) *err = *e->error;
        status = e->error->status;
    }
    return status;
}
