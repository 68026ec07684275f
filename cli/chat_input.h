/* What a person types into a conversation: messages of one line or several. */
#ifndef TRIT_CLI_CHAT_INPUT_H
#define TRIT_CLI_CHAT_INPUT_H

#include <stdbool.h>

#include "editor.h"
#include "trit/memory.h"
#include "trit/status.h"

typedef struct trit_chat_input {
    bool is_terminal;    /* prompts are shown, lines edited */
    trit_editor *editor; /* owned; NULL: lines come as they are */
    trit_text line;      /* owned */
} trit_chat_input;

typedef enum trit_chat_said {
    trit_said_message,
    trit_said_command,     /* a line that begins with one slash */
    trit_said_end,         /* nothing more comes */
    trit_said_interruption /* Ctrl-C at a terminal: what was typed is dropped */
} trit_chat_said;

void trit_chat_input_start(trit_chat_input *in);
void trit_chat_input_end(trit_chat_input *in); /* remembers the lines */

/* Replaces `text` by what is said next; blank lines are passed over. A line that ends in a backslash goes on; a line that begins with three
 * quotes opens a block that ends with them; two slashes begin a message with one. Errors: format (the input ends in a block), io, memory,
 * cancelled. */
TRIT_MUST_CHECK trit_status trit_chat_input_next(trit_chat_input *in, trit_text *text, trit_chat_said *said, trit_error *err);

#endif
