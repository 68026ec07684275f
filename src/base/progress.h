/* A progress bar on standard error, for people only: nothing is drawn unless standard error is a terminal that can move its
 * cursor, NO_COLOR is unset and the caller wants it. It is wiped when done, so the screen keeps results alone. */
#ifndef TRIT_BASE_PROGRESS_H
#define TRIT_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct trit_progress {
    const char *what;  /* "loading", borrowed */
    bool shown;        /* may draw at all */
    bool drawn;        /* something stands on the line */
    uint64_t first_ns; /* start, for the time left */
    uint64_t last_ns;  /* last drawing */
} trit_progress;

void trit_progress_init(trit_progress *p, const char *what, bool wanted);
void trit_progress_update(trit_progress *p, uint64_t done, uint64_t total); /* cheap: draws ten times a second at most */
void trit_progress_fini(trit_progress *p);                                  /* wipes the line */

#endif
