/* A bar for work that goes through several stages and says which one it is in; Ctrl-C ends it. */
#ifndef TRIT_CLI_DOING_H
#define TRIT_CLI_DOING_H

#include "base/progress.h"

typedef struct trit_doing {
    trit_progress bar;
    const char *what; /* the stage at hand, static; NULL: none yet */
    bool shows;
} trit_doing;

/* For the library's callbacks; `self` is a trit_doing. False after Ctrl-C. */
bool trit_doing_update(void *self, const char *what, uint64_t done, uint64_t total);
void trit_doing_end(trit_doing *d);

#endif
