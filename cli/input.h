/* Texts from files and standard input. */
#ifndef TRIT_CLI_INPUT_H
#define TRIT_CLI_INPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "trit/memory.h"
#include "trit/status.h"

/* Replaces `text` by all of the file, or of standard input for "-". Errors: io, memory, cancelled (Ctrl-C). */
TRIT_MUST_CHECK trit_status trit_input_read(trit_text *text, const char *path, trit_error *err);

/* Replaces `text` by the next line of `f` without its newline; *end when there is none. Errors: io, memory, cancelled. */
TRIT_MUST_CHECK trit_status trit_input_line(trit_text *text, FILE *f, const char *what, bool *end, trit_error *err);

/* Takes one newline (or CR LF) off the end: what editors and `echo` add and nobody means as part of a prompt. */
void trit_input_trim(trit_text *text);

#endif
