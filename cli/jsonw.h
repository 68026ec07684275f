/* How a command prints its JSON document: base/jsonw.h writes it, and at its end it goes to standard output. */
#ifndef TRIT_CLI_JSONW_H
#define TRIT_CLI_JSONW_H

#include "base/jsonw.h"
#include "trit/status.h"

/* Adds a newline, writes all to standard output and frees the buffer. Errors: memory (nothing is written then, unless the
 * document was a large one). */
TRIT_MUST_CHECK trit_status trit_jsonw_finish(trit_jsonw *w, trit_error *err);

#endif
