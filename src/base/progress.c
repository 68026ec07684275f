/* The bar: "loading  [##########..........]  50%  3 s". */
#include "base/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/os.h"

enum { bar_width = 20, redraw_ns = 100000000 };

void trit_progress_init(trit_progress *p, const char *what, bool wanted) {
    const char *term = getenv("TERM");
    bool can_move = term && strcmp(term, "dumb") != 0;
    *p = (trit_progress){.what = what, .shown = wanted && can_move && !trit_env_get("NO_COLOR") && trit_os_is_terminal(2)};
    if (p->shown) p->first_ns = p->last_ns = trit_os_clock_ns();
}

void trit_progress_update(trit_progress *p, uint64_t done, uint64_t total) {
    if (!p->shown || !total) return;
    uint64_t now = trit_os_clock_ns();
    if (now - p->last_ns < redraw_ns) return;
    p->last_ns = now;
    p->drawn = true;
    double part = done < total ? (double)done / (double)total : 1;
    char bar[bar_width + 1];
    memset(bar, '.', bar_width);
    memset(bar, '#', (size_t)(part * bar_width));
    bar[bar_width] = '\0';
    double elapsed = (double)(now - p->first_ns) * 1e-9;
    fprintf(stderr, "\r%s  [%s] %3.0f%%", p->what, bar, part * 100);
    if (part > 0) fprintf(stderr, "  %.0f s left\033[K", elapsed / part - elapsed);
    fflush(stderr);
}

void trit_progress_fini(trit_progress *p) {
    if (!p->drawn) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    p->drawn = false;
}
