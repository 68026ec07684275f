/* trit rm: models out of the store. */
#include "command.h"

#include "base/error.h"
#include "jsonw.h"
#include "load.h"
#include "out.h"
#include "trit/hub.h"

typedef struct rm_opts {
    bool partial;
    trit_output_choice output;
} rm_opts;

static const trit_option options[] = {
    {"partial", 0, trit_opt_flag, offsetof(rm_opts, partial), NULL, 0, 0, "remove what interrupted pulls have left, in all models"},
};

static void tell(const rm_opts *o, trit_jsonw *w, const char *what, uint64_t n_bytes) {
    if (o->output.json) {
        trit_jsonw_object(w);
        trit_jsonw_put_str(w, "ref", what);
        trit_jsonw_put_uint(w, "bytes", n_bytes);
        trit_jsonw_close(w, '}');
    } else if (!o->output.quiet) {
        trit_out_printf("%s: %.1f MB removed\n", what, (double)n_bytes * 1e-6);
        trit_out_flush();
    }
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    const rm_opts *o = opts;
    trit_jsonw w = {0};
    trit_status status = trit_ok;
    uint64_t n_bytes = 0;
    if (!args->n && !o->partial) return trit_error_set(err, trit_arg, "which model? org/name or hf:org/name (trit list)");
    trit_jsonw_object(&w);
    trit_jsonw_key(&w, "removed");
    trit_jsonw_array(&w);
    for (size_t i = 0; i < args->n && status == trit_ok; i++) {
        status = trit_hub_remove(args->item[i], &n_bytes, err);
        if (status == trit_ok) tell(o, &w, args->item[i], n_bytes);
    }
    if (status == trit_ok && o->partial) {
        status = trit_hub_remove_partial(&n_bytes, err);
        if (status == trit_ok) tell(o, &w, "partial files", n_bytes);
    }
    trit_jsonw_close(&w, ']');
    trit_jsonw_close(&w, '}');
    if (status == trit_ok && o->output.json) status = trit_jsonw_finish(&w, err);
    trit_jsonw_fini(&w);
    return status;
}

static const trit_opt_group groups[] = {
    {"Removal", options, TRIT_COUNT(options), 0},
    TRIT_OUTPUT_GROUP(rm_opts, output),
};

static const trit_example examples[] = {
    {"trit rm microsoft/bitnet-b1.58-2B-4T-gguf", "a model with all its revisions"},
    {"trit rm hf:tiiuae/Falcon-E-1B-Instruct@prequantized", "one revision; files that others use stay"},
    {"trit rm --partial", "what interrupted pulls have left"},
};

static const rm_opts defaults;

const trit_command trit_cmd_rm = {
    .usage = "[options] [hf:]ORG/NAME[:FILE][@REVISION]|ALIAS...",
    .about = "Removes models from the store, also such as other tools have put there: all revisions, or one, or one file. Bytes that another "
             "revision uses stay.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
