/* See conversion.h. */
#include "conversion.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "command.h"
#include "interrupt.h"

const trit_option trit_conversion_options[2] = {
    {"format", 0, trit_opt_choice, offsetof(trit_conversion_choice, format), "gguf|safetensors", 0, 0,
     "what OUT becomes: a GGUF file, or a Hugging Face folder; without it gguf where OUT ends in .gguf, else a folder"},
    {"threads", 't', trit_opt_int, offsetof(trit_conversion_choice, threads), "N", 0, 1024, "threads; 0: one a physical core"},
};

trit_status trit_conversion_check(const trit_args *args, trit_error *err) {
    const trit_status status = trit_args_at_most(args, 2, err);
    if (status != trit_ok || args->n == 2) return status;
    return trit_error_set(err, trit_arg, "two names are needed: the model IN and the file or folder OUT");
}

void trit_conversion_init(trit_conversion *c, const trit_output_choice *output) {
    *c = (trit_conversion){.quiet = output->quiet};
    trit_jsonw_array(&c->mended);
    trit_jsonw_array(&c->notes);
    trit_jsonw_array(&c->warnings);
}

void trit_conversion_fini(trit_conversion *c) {
    trit_progress_fini(&c->bar);
    trit_jsonw_fini(&c->mended);
    trit_jsonw_fini(&c->notes);
    trit_jsonw_fini(&c->warnings);
}

void trit_conversion_begin(trit_conversion *c, const char *doing) {
    trit_progress_fini(&c->bar);
    trit_progress_init(&c->bar, doing, !c->quiet);
}

static bool on_progress(void *user, uint64_t done, uint64_t total) {
    trit_conversion *c = user;
    trit_progress_update(&c->bar, done, total);
    return !trit_interrupted();
}

static void on_word(void *user, trit_convert_word word, const char *text) {
    static const char *const names[] = {[trit_convert_mended] = "mended", [trit_convert_note] = "note", [trit_convert_warning] = "warning"};
    trit_conversion *c = user;
    trit_jsonw *lists[] = {&c->mended, &c->notes, &c->warnings};
    trit_jsonw_str(lists[word], text);
    if (!c->quiet) fprintf(stderr, "trit: %s: %s\n", names[word], text);
}

trit_convert_opts trit_conversion_opts(trit_conversion *c, const trit_conversion_choice *choice, const char *out) {
    const bool to_folder = choice->format ? strcmp(choice->format, "safetensors") == 0 : !trit_ends_with(out, ".gguf");
    return (trit_convert_opts){.hugging_face = to_folder, .n_threads = (unsigned)choice->threads, .progress = on_progress, .say = on_word, .user = c};
}

void trit_conversion_end(trit_conversion *c) {
    trit_progress_fini(&c->bar);
    trit_jsonw_close(&c->mended, ']');
    trit_jsonw_close(&c->notes, ']');
    trit_jsonw_close(&c->warnings, ']');
}

void trit_conversion_put_json(const trit_conversion *c, trit_jsonw *w) {
    trit_jsonw_key(w, "mended");
    trit_jsonw_raw(w, &c->mended);
    trit_jsonw_key(w, "notes");
    trit_jsonw_raw(w, &c->notes);
    trit_jsonw_key(w, "warnings");
    trit_jsonw_raw(w, &c->warnings);
}
