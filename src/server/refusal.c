#include "server/refusal.h"

#include <stdarg.h>
#include <stdio.h>

const trit_refusal_row trit_refusal_rows[trit_n_refusals] = {
#define TRIT_REFUSAL(name, status, type, code, meaning) {status, type, code, meaning},
#include "server/refusals.def"
#undef TRIT_REFUSAL
};

bool trit_refuse(trit_refusal *r, trit_refusal_kind kind, const char *param, const char *fmt, ...) {
    va_list args;
    r->kind = kind;
    snprintf(r->param, sizeof r->param, "%s", param ? param : "");
    va_start(args, fmt);
    vsnprintf(r->message, sizeof r->message, fmt, args);
    va_end(args);
    return false;
}

bool trit_refuse_error(trit_refusal *r, const char *param, const trit_error *err) {
    trit_refusal_kind kind = trit_refusal_failed;
    if (err->status == trit_arg || err->status == trit_format) kind = trit_refusal_invalid_value;
    if (err->status == trit_unsupported) kind = trit_refusal_unsupported;
    if (err->status == trit_context) kind = trit_refusal_context;
    if (err->status == trit_memory) kind = trit_refusal_no_memory;
    return trit_refuse(r, kind, param, "%s", err->message);
}

bool trit_refuse_memory(trit_refusal *r) {
    return trit_refuse(r, trit_refusal_no_memory, NULL, "out of memory");
}

void trit_refusal_json(const trit_refusal *r, trit_jsonw *w) {
    const trit_refusal_row *row = &trit_refusal_rows[r->kind];
    trit_jsonw_object(w);
    trit_jsonw_key(w, "error");
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "message", r->message);
    trit_jsonw_put_str(w, "type", row->type);
    trit_jsonw_put_str(w, "param", *r->param ? r->param : NULL);
    trit_jsonw_put_str(w, "code", row->code);
    trit_jsonw_close(w, '}');
    trit_jsonw_close(w, '}');
}
