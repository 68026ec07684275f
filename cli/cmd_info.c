/* trit info: what a model file is; without a model, what this machine and this build offer. */
#include "command.h"
#include "info.h"

#include "base/error.h"
#include "out.h"

#define AT(field) offsetof(trit_info_opts, field)

static const trit_option model_parts[] = {
    {"tensors", 0, trit_opt_flag, AT(tensors), NULL, 0, 0, "list the tensors"},
    {"check", 0, trit_opt_flag, AT(check), NULL, 0, 0, "decode every block of every tensor and look for values that are no numbers"},
};

static const trit_option machine_parts[] = {
    {"env", 0, trit_opt_flag, AT(env), NULL, 0, 0, "environment variables and their values"},
    {"devices", 0, trit_opt_flag, AT(devices), NULL, 0, 0, "devices and instruction-set tiers"},
    {"kernels", 0, trit_opt_flag, AT(kernels), NULL, 0, 0, "compiled kernels"},
    {"synthetic", 0, trit_opt_flag, AT(synthetic), NULL, 0, 0, "shapes for -m synthetic:SHAPE"},
};

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    trit_info_opts o = *(const trit_info_opts *)opts;
    trit_status status = trit_args_at_most(args, 1, err);
    if (status == trit_ok && args->n && o.model.model) status = trit_error_set(err, trit_arg, "two models: \"%s\" and -m %s", args->item[0], o.model.model);
    if (status != trit_ok) return status;
    if (args->n) o.model.model = args->item[0];
    bool machine = o.env || o.devices || o.kernels || o.synthetic, model = o.tensors || o.check;
    if (machine && (model || o.model.model))
        return trit_error_set(err, trit_arg, "--env, --devices, --kernels and --synthetic tell about this machine: give them without a model");
    return model || o.model.model ? trit_info_model(&o, err) : trit_info_machine(&o, err);
}

static const trit_opt_group groups[] = {
    {"About a model", model_parts, TRIT_COUNT(model_parts), 0},
    {"About this machine (without a model)", machine_parts, TRIT_COUNT(machine_parts), 0},
    TRIT_MODEL_GROUP(trit_info_opts, model),
    TRIT_OUTPUT_GROUP(trit_info_opts, output),
};

static const trit_example examples[] = {
    {"trit info model.gguf", "architecture, sizes, tokenizer, end tokens"},
    {"trit info -m model.gguf --tensors --check", "every tensor, and whether all of them decode"},
    {"trit info -m \"\"", "the model inside the program"},
    {"trit info", "processor, kernels, devices, environment variables"},
};

static const trit_info_opts defaults;

const trit_command trit_cmd_info = {
    .usage = "[options] [MODEL]",
    .about = "Tells what a model file is. Without a model it tells what this machine and this build offer.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
