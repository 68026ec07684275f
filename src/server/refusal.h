/* Why a request gets no answer: what a handler fills in place of a trit_error, for clients read status, code and parameter too. */
#ifndef TRIT_SERVER_REFUSAL_H
#define TRIT_SERVER_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/jsonw.h"
#include "trit/status.h"

typedef enum trit_refusal_kind {
#define TRIT_REFUSAL(name, status, type, code, meaning) trit_refusal_##name,
#include "server/refusals.def"
#undef TRIT_REFUSAL
    trit_n_refusals
} trit_refusal_kind;

typedef struct trit_refusal_row {
    unsigned status;
    const char *type, *code, *meaning;
} trit_refusal_row;

extern const trit_refusal_row trit_refusal_rows[trit_n_refusals];

typedef struct trit_refusal {
    trit_refusal_kind kind;
    char param[64]; /* "": of none in particular */
    char message[512];
} trit_refusal;

/* Fills *r and answers false, so that `return trit_refuse(r, ...)` reads as one step. `param` may be NULL. */
bool trit_refuse(trit_refusal *r, trit_refusal_kind kind, const char *param, const char *fmt, ...) TRIT_PRINTF(4, 5);

/* The library's own error: what the client's values caused is the client's. */
bool trit_refuse_error(trit_refusal *r, const char *param, const trit_error *err);

bool trit_refuse_memory(trit_refusal *r);

/* {"error": {"message", "type", "param", "code"}} */
void trit_refusal_json(const trit_refusal *r, trit_jsonw *w);

#endif
