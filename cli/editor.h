/* Line editing with history, by libedit where the build has it (editor.c; editor_none.c else). Draws on standard error: standard
 * output holds answers alone. */
#ifndef TRIT_CLI_EDITOR_H
#define TRIT_CLI_EDITOR_H

#include <stdbool.h>

#include "trit/memory.h"

typedef struct trit_editor trit_editor;

/* NULL: there is none, and lines are read as they come. `history` is the file of earlier lines (NULL: none), read now and written at the end. */
trit_editor *trit_editor_new(const char *history);
void trit_editor_free(trit_editor *editor); /* NULL is fine */

/* Replaces `line` by the next one without its newline. False: the end of input, or Ctrl-C (trit_interrupted). */
bool trit_editor_line(trit_editor *editor, const char *prompt, trit_text *line);

#endif
