/* A build without libedit: the terminal's own line discipline is all the editing there is. */
#include <stddef.h>

#include "editor.h"

trit_editor *trit_editor_new(const char *history) {
    (void)history;
    return NULL;
}

void trit_editor_free(trit_editor *editor) {
    (void)editor;
}

bool trit_editor_line(trit_editor *editor, const char *prompt, trit_text *line) {
    (void)editor;
    (void)prompt;
    (void)line;
    return false;
}
