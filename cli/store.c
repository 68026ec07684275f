#include "store.h"

#include <stdio.h>

#include "interrupt.h"

static bool on_progress(void *user, uint64_t done, uint64_t total) {
    trit_pulling *p = user;
    trit_progress_update(&p->bar, done, total);
    return !trit_interrupted();
}

static void on_line(void *user, const char *line) {
    trit_pulling *p = user;
    trit_progress_fini(&p->bar);
    if (!p->quiet) fprintf(stderr, "trit: %s\n", line);
}

void trit_pulling_start(trit_pulling *p, trit_hub_opts *opts, const trit_output_choice *output) {
    p->quiet = output->quiet;
    trit_progress_init(&p->bar, "pulling", !output->quiet);
    opts->progress = on_progress;
    opts->say = on_line;
    opts->user = p;
}

trit_status trit_locate(trit_text *path, const char *ref, const trit_output_choice *output, trit_error *err) {
    trit_hub_opts opts = {0};
    trit_pulling pulling = {0};
    trit_pulling_start(&pulling, &opts, output);
    const trit_status status = trit_hub_resolve(path, ref, &opts, err);
    trit_progress_fini(&pulling.bar);
    return status;
}
