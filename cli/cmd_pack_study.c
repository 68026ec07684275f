/* trit pack-study: how small a model's ternary weights can be packed, and what that costs. */
#include "command.h"

#include "base/error.h"
#include "pack_study.h"

#define AT(field) offsetof(trit_pack_study_opts, field)

static const trit_option options[] = {
    {"tensor", 0, trit_opt_list, AT(tensors), "PATTERN", 0, 0,
     "only tensors whose names match, with * and ? as in a shell; may be given several times"},
    {"check", 0, trit_opt_flag, AT(check), NULL, 0, 0,
     "compare what comes back with what was packed, and look whether changed bytes are noticed"},
    {"csv", 0, trit_opt_flag, AT(csv), NULL, 0, 0, "print a line of values for each tensor and strategy"},
};

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    trit_pack_study_opts o = *(const trit_pack_study_opts *)opts;
    trit_pack_study study = {0};
    trit_loaded loaded = {0};
    trit_status status = trit_args_at_most(args, 1, err);
    if (status == trit_ok && args->n && o.model.model) status = trit_error_set(err, trit_arg, "two models: \"%s\" and -m %s", args->item[0], o.model.model);
    if (status == trit_ok && o.csv && o.output.json) status = trit_error_set(err, trit_arg, "--csv and --json: only one of them");
    if (status != trit_ok) return status;
    if (args->n) o.model.model = args->item[0];
    status = trit_load(&loaded, &o.model, NULL, &o.output, err);
    if (status == trit_ok) status = trit_pack_study_run(&study, loaded.model, &o, err);
    if (status == trit_ok && o.output.json) status = trit_pack_study_json(&study, err);
    else if (status == trit_ok && o.csv) trit_pack_study_csv(&study);
    else if (status == trit_ok) trit_pack_study_text(&study);
    trit_pack_study_fini(&study);
    trit_unload(&loaded);
    return status;
}

static const trit_opt_group groups[] = {
    {"Study", options, TRIT_COUNT(options), 0},
    TRIT_MODEL_GROUP(trit_pack_study_opts, model),
    TRIT_OUTPUT_GROUP(trit_pack_study_opts, output),
};

static const trit_example examples[] = {
    {"trit pack-study model.gguf", "every ternary tensor by every strategy, and all of them together"},
    {"trit pack-study -m model.gguf --tensor \"blk.0.*\" --check", "the first layer, and whether all of it comes back"},
    {"trit pack-study model.gguf --csv > sizes.csv", "for a spreadsheet"},
};

static const trit_pack_study_opts defaults;

const trit_command trit_cmd_pack_study = {
    .usage = "[options] [MODEL]",
    .about = "Packs the ternary weights of a model's layers by every packing strategy and by the automatic choice, in memory, one tensor at a time: bytes "
             "with header, scales and checksum, bits a weight, how far that is from the entropy of the weights, and the speed of packing and "
             "unpacking. Nothing is written. Without MODEL the model inside the program is studied.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
