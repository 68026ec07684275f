/* trit pull: models of the Hugging Face hub into the store. */
#include "command.h"

#include <string.h>

#include "base/error.h"
#include "jsonw.h"
#include "out.h"
#include "store.h"

typedef struct pull_opts {
    const char *revision;
    trit_opt_texts include;
    bool resume, fresh, look;
    int64_t parallel, tries;
    trit_output_choice output;
} pull_opts;

#define AT(field) offsetof(pull_opts, field)

static const trit_option options[] = {
    {"revision", 0, trit_opt_text, AT(revision), "NAME", 0, 0, "branch, tag or commit; main without it"},
    {"include", 0, trit_opt_list, AT(include), "PATTERN", 0, 0,
     "pull the files that match, with * and ?, instead of those that a model needs; may be given several times"},
    {"resume", 0, trit_opt_flag, AT(resume), NULL, 0, 0, "go on with what an interrupted pull left; so it does anyway"},
    {"fresh", 0, trit_opt_flag, AT(fresh), NULL, 0, 0, "throw away what an interrupted pull left"},
    {"dry-run", 0, trit_opt_flag, AT(look), NULL, 0, 0, "list the files and fetch none"},
    {"parallel", 0, trit_opt_int, AT(parallel), "N", 1, 64, "files at once"},
    {"tries", 0, trit_opt_int, AT(tries), "N", 1, 1000, "attempts in a row without a byte gained, before a pull gives up"},
};

static void put_file(trit_jsonw *w, const trit_hub_file *f) {
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "name", f->name);
    trit_jsonw_put_uint(w, "bytes", f->n_bytes);
    trit_jsonw_put_str(w, "hash", f->hash);
    trit_jsonw_put_bool(w, "was_there", f->was_there);
    trit_jsonw_close(w, '}');
}

static void put_json(trit_jsonw *w, const char *ref, const trit_hub_snapshot *s) {
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "ref", ref);
    trit_jsonw_put_str(w, "name", s->name);
    trit_jsonw_put_str(w, "revision", s->revision);
    trit_jsonw_put_str(w, "commit", s->commit);
    trit_jsonw_put_str(w, "path", s->path);
    trit_jsonw_put_uint(w, "bytes", s->n_bytes);
    trit_jsonw_put_uint(w, "bytes_fetched", s->n_bytes_fetched);
    trit_jsonw_key(w, "files");
    trit_jsonw_array(w);
    for (size_t i = 0; i < s->n_files; i++) put_file(w, &s->files[i]);
    trit_jsonw_close(w, ']');
    trit_jsonw_close(w, '}');
}

static void print_files(const trit_hub_snapshot *s) {
    for (size_t i = 0; i < s->n_files; i++) {
        trit_out_printf("%12.1f MB  ", (double)s->files[i].n_bytes * 1e-6);
        trit_out_escaped(s->files[i].name, strlen(s->files[i].name));
        trit_out_puts(s->files[i].was_there ? "  (there)\n" : "\n");
    }
}

/* The path alone on a line, for scripts; what it is goes before it. */
static void print_text(const pull_opts *o, const trit_hub_snapshot *s) {
    if (o->look) print_files(s);
    if (!o->output.quiet && s->n_files)
        trit_out_printf("%s %.8s: %zu file%s, %.1f MB, %s%.1f MB\n", s->name, s->commit, s->n_files, s->n_files == 1 ? "" : "s", (double)s->n_bytes * 1e-6,
                        o->look ? "to fetch " : "fetched ", (double)s->n_bytes_fetched * 1e-6);
    if (o->look) return;
    trit_out_puts(s->path);
    trit_out_puts("\n");
    trit_out_flush();
}

static trit_status pull_one(const pull_opts *o, const char *ref, trit_jsonw *w, trit_error *err) {
    trit_pulling pulling = {0};
    trit_hub_snapshot s = {0};
    trit_hub_opts hub = {
        .revision = o->revision,
        .include = o->include.item,
        .n_include = o->include.n,
        .fresh = o->fresh,
        .look = o->look,
        .n_parallel = (unsigned)o->parallel,
        .n_tries = (unsigned)o->tries,
    };
    trit_pulling_start(&pulling, &hub, &o->output);
    const trit_status status = trit_hub_pull(&s, ref, &hub, err);
    trit_progress_fini(&pulling.bar);
    if (status == trit_ok && o->output.json) put_json(w, ref, &s);
    else if (status == trit_ok) print_text(o, &s);
    trit_hub_snapshot_fini(&s);
    return status;
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    const pull_opts *o = opts;
    trit_jsonw w = {0};
    trit_status status = trit_ok;
    if (!args->n) return trit_error_set(err, trit_arg, "which model? hf:org/name, or a name of \"trit list --aliases\"");
    if (o->resume && o->fresh) return trit_error_set(err, trit_arg, "--resume and --fresh: one of them");
    trit_jsonw_object(&w);
    trit_jsonw_key(&w, "models");
    trit_jsonw_array(&w);
    for (size_t i = 0; i < args->n && status == trit_ok; i++) status = pull_one(o, args->item[i], &w, err);
    trit_jsonw_close(&w, ']');
    trit_jsonw_close(&w, '}');
    if (status == trit_ok && o->output.json) status = trit_jsonw_finish(&w, err);
    trit_jsonw_fini(&w);
    return status;
}

static const trit_opt_group groups[] = {
    {"Pulling", options, TRIT_COUNT(options), 0},
    TRIT_OUTPUT_GROUP(pull_opts, output),
};

static const trit_example examples[] = {
    {"trit pull bitnet-2b4t", "a published model by its alias"},
    {"trit pull hf:microsoft/bitnet-b1.58-2B-4T-gguf", "the same by its name on the hub"},
    {"trit pull hf:prism-ml/Ternary-Bonsai-8B-gguf:PQ2_0", "the GGUF file whose name ends in PQ2_0"},
    {"trit pull hf:tiiuae/Falcon-E-1B-Instruct@prequantized --json", "one revision, and what was done as JSON"},
};

static const pull_opts defaults = {.parallel = 4, .tries = 6};

const trit_command trit_cmd_pull = {
    .usage = "[options] hf:ORG/NAME[:FILE][@REVISION]|ALIAS...",
    .about = "Fetches models from the Hugging Face hub into the folder that all its tools share, and prints where they lie. Of a repository with "
             "one GGUF file that file is fetched; of a Hugging Face model the configuration, the tokenizer and the weights. What arrives is "
             "checked against the hub's own checksums. An interrupted pull is gone on from.\n\n"
             "HF_TOKEN, HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE and TRIT_CACHE_LIMIT say who asks whom, where the models lie, and "
             "how much room they may take (trit info --env).",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
