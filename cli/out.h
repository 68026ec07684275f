/* Standard output, with one discipline for all commands: what is written is buffered until a flush; a reader that has gone away
 * (`trit ... | head`) ends the program quietly with exit 0; any other failure is reported once, at the end, with exit 3. */
#ifndef TRIT_CLI_OUT_H
#define TRIT_CLI_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include "trit/memory.h"
#include "trit/status.h"

void trit_out_write(const char *s, size_t n);
void trit_out_puts(const char *s); /* no newline is added */
void trit_out_printf(const char *fmt, ...) TRIT_PRINTF(1, 2);
void trit_out_escaped(const char *s, size_t n); /* control and broken characters as \xNN: names and pieces from files */
void trit_out_flush(void);
void trit_out_drain(trit_text *text); /* writes and empties it */

/* False once nothing more can be written: long work may stop then. */
bool trit_out_usable(void);

/* The last flush. Errors: io (names the reason; not for a closed pipe). */
TRIT_MUST_CHECK trit_status trit_out_finish(trit_error *err);

#endif
