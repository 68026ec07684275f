#include "chat_input.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/env.h"
#include "base/error.h"
#include "base/os.h"
#include "base/str.h"
#include "input.h"
#include "interrupt.h"

static const char quotes[] = "\"\"\"";
enum { n_quotes = sizeof quotes - 1 };

void trit_chat_input_start(trit_chat_input *in) {
    char path[PATH_MAX];
    in->is_terminal = trit_os_is_terminal(0) && trit_os_is_terminal(2);
    if (!in->is_terminal) return;
    static const char name[] = "/chat_history";
    const bool has_folder = trit_env_state_folder(path, sizeof path - sizeof name, true);
    if (has_folder) memcpy(path + strlen(path), name, sizeof name);
    in->editor = trit_editor_new(has_folder ? path : NULL);
}

void trit_chat_input_end(trit_chat_input *in) {
    trit_editor_free(in->editor);
    trit_text_fini(&in->line);
}

static trit_status read_line(trit_chat_input *in, const char *prompt, trit_chat_said *said, trit_error *err) {
    bool end = false;
    *said = trit_said_message;
    trit_status status = trit_ok;
    if (in->editor) {
        end = !trit_editor_line(in->editor, prompt, &in->line);
    } else {
        if (in->is_terminal) fputs(prompt, stderr);
        status = trit_input_line(&in->line, stdin, "standard input", &end, err);
    }
    if (in->is_terminal && trit_interrupt_take()) {
        clearerr(stdin);
        fputs("\n", stderr);
        *said = trit_said_interruption;
        return trit_ok;
    }
    if (status == trit_ok && trit_interrupted()) return trit_cancelled;
    if (end) *said = trit_said_end;
    return status;
}

static bool append(trit_text *text, const char *s, size_t n) {
    return trit_text_append(text, s, n);
}

/* A block whose opening line is in->line. Quotes alone on a line are no line of it. */
static trit_status read_block(trit_chat_input *in, trit_text *text, trit_chat_said *said, trit_error *err) {
    bool has_lines = false;
    for (size_t skip = n_quotes;; skip = 0) {
        const char *s = in->line.data + skip;
        const size_t n = in->line.n - skip;
        const bool closes = n >= n_quotes && memcmp(s + n - n_quotes, quotes, n_quotes) == 0;
        const size_t n_kept = closes ? n - n_quotes : n;
        if (n_kept || (!skip && !closes)) {
            if (!append(text, "\n", has_lines) || !append(text, s, n_kept)) return trit_error_memory(err, n, "a message");
            has_lines = true;
        }
        if (closes) return trit_ok;
        trit_status status = read_line(in, "... ", said, err);
        if (status != trit_ok || *said == trit_said_interruption) return status;
        if (*said == trit_said_end) return trit_error_set(err, trit_format, "standard input ends in a block: no closing %s", quotes);
    }
}

/* in->line and, where it ends in a backslash, those behind it. */
static trit_status read_lines(trit_chat_input *in, trit_text *text, trit_chat_said *said, trit_error *err) {
    for (;;) {
        const bool goes_on = in->line.n && in->line.data[in->line.n - 1] == '\\';
        if (!append(text, in->line.data, in->line.n - goes_on) || (goes_on && !append(text, "\n", 1)))
            return trit_error_memory(err, in->line.n, "a message");
        if (!goes_on) return trit_ok;
        trit_status status = read_line(in, "... ", said, err);
        if (status != trit_ok || *said == trit_said_interruption) return status;
        if (*said == trit_said_end) { /* what came is the message; the end comes again */
            *said = trit_said_message;
            return trit_ok;
        }
    }
}

static bool is_blank(const trit_text *text) {
    return strspn(text->data, " \t\r\n") == text->n;
}

trit_status trit_chat_input_next(trit_chat_input *in, trit_text *text, trit_chat_said *said, trit_error *err) {
    do {
        trit_status status = read_line(in, "> ", said, err);
        if (status != trit_ok || *said != trit_said_message) return status;
        text->n = 0;
        if (!append(text, "", 0)) return trit_error_memory(err, 1, "a message");
        if (in->line.n && in->line.data[in->line.n - 1] == '\r') in->line.data[--in->line.n] = '\0';
        const bool has_slash = in->line.data[0] == '/', has_two = has_slash && in->line.data[1] == '/';
        if (has_slash && !has_two) {
            *said = trit_said_command;
            return append(text, in->line.data, in->line.n) ? trit_ok : trit_error_memory(err, in->line.n, "a command");
        }
        const bool is_block = strncmp(in->line.data, quotes, n_quotes) == 0;
        status = is_block ? read_block(in, text, said, err) : read_lines(in, text, said, err);
        if (status != trit_ok || *said != trit_said_message) return status;
        if (has_two) memmove(text->data, text->data + 1, text->n--); /* with the NUL */
    } while (is_blank(text));
    return trit_ok;
}
