#include "draft.h"

#include <string.h>

#include "base/error.h"
#include "base/progress.h"
#include "interrupt.h"
#include "store.h"

const trit_option trit_draft_options[2] = {
    {"draft", 0, trit_opt_file, offsetof(trit_draft_choice, draft), "ngram|MODEL", 0, 0,
     "guess the next tokens and check several in one step, where that is faster; the answer stays the same. ngram: by what followed the last tokens "
     "earlier in the text, good for copying and editing; MODEL: by a smaller model of the same vocabulary, as -m names it"},
    {"draft-max", 0, trit_opt_int, offsetof(trit_draft_choice, max), "N", 0, trit_most_drafted,
     "guess N tokens in a step at most; 0: 16. Large vocabularies leave room for fewer"},
};

static bool on_progress(void *user, uint64_t done, uint64_t total) {
    trit_progress_update(user, done, total);
    return !trit_interrupted();
}

static trit_status open_model(trit_drafting *d, const char *ref, trit_device *device, const trit_output_choice *output, trit_error *err) {
    trit_progress bar;
    const trit_model_opts opts = {.device = device, .progress = on_progress, .user = &bar};
    trit_text path = {0};
    trit_status status = trit_locate(&path, ref, output, err);
    if (status == trit_ok) {
        trit_progress_init(&bar, "loading the draft model", !output->quiet);
        status = trit_model_open(&d->model, path.data, &opts, err);
        trit_progress_fini(&bar);
    }
    trit_text_fini(&path);
    return status;
}

trit_status trit_drafting_open(trit_drafting *out, const trit_draft_choice *choice, trit_device *device, const trit_output_choice *output, trit_error *err) {
    *out = (trit_drafting){.max = (uint32_t)choice->max};
    if (!choice->draft && choice->max) return trit_error_set(err, trit_arg, "--draft-max goes with --draft");
    if (!choice->draft) return trit_ok;
    const bool looks_up = strcmp(choice->draft, "ngram") == 0;
    out->draft = looks_up ? trit_draft_ngram : trit_draft_model;
    return looks_up ? trit_ok : open_model(out, choice->draft, device, output, err);
}

void trit_drafting_fini(trit_drafting *d) {
    trit_model_close(d->model);
    *d = (trit_drafting){0};
}
