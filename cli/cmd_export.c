/* trit export: the newest checkpoint of a training run becomes a model file, by the conversion of `trit convert`. */
#include "command.h"

#include "checkpoint.h"
#include "conversion.h"

typedef struct export_opts {
    trit_type_choice types;
    trit_conversion_choice conversion;
    trit_output_choice output;
} export_opts;

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    const export_opts *o = opts;
    const trit_conversion_wish wish = {.types = &o->types, .files = &o->conversion, .output = &o->output};
    trit_text checkpoint = {0};
    trit_status status = trit_conversion_check(args, err);
    if (status == trit_ok) status = trit_checkpoint_find(&checkpoint, args->item[0], err);
    if (status == trit_ok) status = trit_conversion_run(&wish, checkpoint.data, args->item[1], err);
    trit_text_fini(&checkpoint);
    return status;
}

static const trit_opt_group groups[] = {
    TRIT_TYPE_GROUP(export_opts, types),
    TRIT_CONVERSION_GROUP(export_opts, conversion),
    TRIT_OUTPUT_GROUP(export_opts, output),
};

static const trit_example examples[] = {
    {"trit export run model.gguf", "the newest checkpoint of a run, as small as it is exact"},
    {"trit export run model-i2_s.gguf --type i2_s", "of the type that an engine wants"},
    {"trit export run/step-8 folder", "one checkpoint, as a Hugging Face folder without the state of its training"},
};

static const export_opts defaults = {0};

const trit_command trit_cmd_export = {
    .usage = "[options] IN OUT",
    .about = "Turns a checkpoint of trit train into a model file: IN is a run's folder, of which the newest checkpoint is taken, or a checkpoint. The "
             "masters become what they stand for, ternary weights with their scales. All that \"trit convert\" writes can be had.\n\n"
             "OUT appears, or is replaced, only when it is whole.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
