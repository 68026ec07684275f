#include "jsonw.h"

#include "base/alloc.h"
#include "base/error.h"
#include "out.h"

trit_status trit_jsonw_finish(trit_jsonw *w, trit_error *err) {
    bool failed = w->failed || !trit_text_append(&w->text, "\n", 1);
    if (!failed) trit_out_drain(&w->text);
    trit_out_flush();
    trit_jsonw_fini(w);
    return failed ? trit_error_set(err, trit_memory, "out of memory: the JSON answer") : trit_ok;
}
