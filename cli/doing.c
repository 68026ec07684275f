#include "doing.h"

#include <stddef.h>

#include "interrupt.h"

bool trit_doing_update(void *self, const char *what, uint64_t done, uint64_t total) {
    trit_doing *d = self;
    if (d->what != what) {
        trit_doing_end(d);
        trit_progress_init(&d->bar, what, d->shows);
        d->what = what;
    }
    trit_progress_update(&d->bar, done, total);
    return !trit_interrupted();
}

void trit_doing_end(trit_doing *d) {
    if (d->what) trit_progress_fini(&d->bar);
    d->what = NULL;
}
