/* Line editing by libedit. Its own handling of signals would send them to the whole process group again, so that Ctrl-C is seen here: bytes
 * are read by a function of ours, which ends at an interruption. */
#include "editor.h"

#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/os.h"
#include "interrupt.h"

enum { n_remembered = 1000 }; /* lines */

struct trit_editor {
    EditLine *line;
    History *history;
    char *path; /* owned; NULL: the history goes with the program */
    const char *prompt;
};

static char *prompt_of(EditLine *line) {
    void *editor;
    el_get(line, EL_CLIENTDATA, &editor);
    return (char *)(uintptr_t)((trit_editor *)editor)->prompt; /* libedit does not write to it */
}

/* The next character: 1, 0 at the end of input, -1 when interrupted. Broken ones are left out. */
static int read_character(EditLine *line, wchar_t *out) {
    mbstate_t state = {0};
    (void)line;
    for (;;) {
        char byte;
        if (!trit_interrupt_wait(STDIN_FILENO)) return -1;
        const ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return (int)n;
        const bool goes_on = !mbsinit(&state);
        size_t used = mbrtowc(out, &byte, 1, &state);
        if (used == (size_t)-1) { /* what came before it was broken, not always this one */
            state = (mbstate_t){0};
            if (goes_on) used = mbrtowc(out, &byte, 1, &state);
        }
        if (used == (size_t)-1) state = (mbstate_t){0};
        else if (used != (size_t)-2) return 1;
    }
}

static void read_history(trit_editor *e, const char *path) {
    HistEvent event;
    history(e->history, &event, H_SETSIZE, n_remembered);
    history(e->history, &event, H_SETUNIQUE, 1);
    el_set(e->line, EL_HIST, history, e->history);
    e->path = path ? trit_strndup(path, strlen(path)) : NULL;
    if (e->path) history(e->history, &event, H_LOAD, e->path);
}

trit_editor *trit_editor_new(const char *history_path) {
    trit_editor *e = trit_alloc_zero(1, sizeof *e);
    if (!e) return NULL;
    /* libedit works with characters: of UTF-8 also where the locale is "C". */
    setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
    e->line = el_init("trit", stdin, stderr, stderr);
    e->history = history_init();
    if (!e->line || !e->history) {
        trit_editor_free(e);
        return NULL;
    }
    el_set(e->line, EL_CLIENTDATA, e);
    el_set(e->line, EL_EDITOR, "emacs");
    el_set(e->line, EL_PROMPT, prompt_of);
    el_set(e->line, EL_GETCFN, read_character);
    el_set(e->line, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(e->line, NULL); /* ~/.editrc: the user's own keys */
    read_history(e, history_path);
    return e;
}

/* Beside it and renamed, so that two programs that end together leave one whole file. What fails is not worth a word. */
static void write_history(const trit_editor *e) {
    HistEvent event;
    char beside[PATH_MAX];
    trit_error unused;
    if (!trit_os_name_beside(beside, sizeof beside, e->path)) return;
    if (history(e->history, &event, H_SAVE, beside) < 0 || trit_fs_rename(beside, e->path, &unused) != trit_ok) (void)unlink(beside);
}

void trit_editor_free(trit_editor *e) {
    if (!e) return;
    if (e->path && e->history) write_history(e);
    if (e->history) history_end(e->history);
    if (e->line) el_end(e->line);
    trit_free(e->path);
    trit_free(e);
}

bool trit_editor_line(trit_editor *e, const char *prompt, trit_text *line) {
    int n = 0;
    HistEvent event;
    e->prompt = prompt;
    el_resize(e->line);
    el_set(e->line, EL_PREP_TERM, 1); /* before the prompt is seen: a Ctrl-D that is typed at once must not be the line discipline's */
    const char *typed = el_gets(e->line, &n);
    if (!typed || n <= 0 || trit_interrupted()) return false;
    line->n = 0;
    size_t length = (size_t)n;
    if (typed[length - 1] == '\n') length--;
    if (!trit_text_append(line, typed, length)) return false;
    if (length) history(e->history, &event, H_ENTER, line->data);
    return true;
}
