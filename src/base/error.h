/* How the library's rooms report an error: set it where it is found, pass the status up. */
#ifndef TRIT_BASE_ERROR_H
#define TRIT_BASE_ERROR_H

#include <stddef.h>

#include "trit/status.h"

/* Fills *err (may be NULL) and returns `status`, so that `return trit_error_set(err, trit_format, "...", ...)` reads as one
 * step. The text is cut at the size of the message and control bytes in it are shown as '?': names come from hostile files. */
trit_status trit_error_set(trit_error *err, trit_status status, const char *fmt, ...) TRIT_PRINTF(3, 4);

/* "out of memory: N bytes for WHAT". */
trit_status trit_error_memory(trit_error *err, size_t n_bytes, const char *what);

#endif
