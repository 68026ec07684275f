/* What the library has to say beside its results: warnings and traces, never errors that a status already carries. The library
 * itself prints nothing: without a sink the lines are dropped. The program's sink writes them to standard error. */
#ifndef TRIT_BASE_LOG_H
#define TRIT_BASE_LOG_H

#include <stdbool.h>

#include "trit/status.h"

typedef enum trit_log_level { trit_log_none, trit_log_error, trit_log_warn, trit_log_info, trit_log_debug } trit_log_level;

typedef void trit_log_sink(void *user, trit_log_level level, const char *line); /* one line, without a newline */

/* Lines up to `level` go to `sink` (NULL: nowhere). Set it before the threads that log are started. */
void trit_log_to(trit_log_sink *sink, void *user, trit_log_level level);

void trit_log_set_level(trit_log_level level); /* another level, the same sink */

bool trit_log_wants(trit_log_level level); /* for what is costly to say */

/* Cut at 1000 bytes; control bytes are shown as '?', for names come from hostile files. Any thread. */
void trit_logf(trit_log_level level, const char *fmt, ...) TRIT_PRINTF(2, 3);

/* "warn" and so on, as TRIT_LOG spells them; false for another word. */
bool trit_log_level_of(trit_log_level *out, const char *name);

#endif
