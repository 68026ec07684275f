/* trit convert: a model file becomes another. */
#include "command.h"

#include "base/error.h"
#include "conversion.h"
#include "out.h"
#include "prune.h"
#include "store.h"

typedef struct convert_opts {
    const char *layout, *kernel_config, *base;
    trit_opt_texts loras;
    trit_type_choice types;
    trit_conversion_choice conversion;
    trit_prune_choice prune;
    trit_output_choice output;
} convert_opts;

#define AT(field) offsetof(convert_opts, field)

static const trit_option options[] = {
    {"layout", 0, trit_opt_choice, AT(layout), "128|64|1x4", 0, 0,
     "layout of I2_S tensors in IN: 64 for files made on some ARM machines, 1x4 for some builds of bitnet.cpp; OUT has 128"},
    {"kernel-config", 0, trit_opt_file, AT(kernel_config), "FILE", 0, 0,
     "bitnet.cpp's .ini of the kernels that a TL1 or TL2 file was made for; without it kernel_config.ini beside IN"},
    {"lora", 0, trit_opt_list, AT(loras), "FILE[:SCALE]", 0, 0,
     "add an adapter to the weights: a PEFT folder or a GGUF file; may be given several times. What the types of OUT lose of it is said"},
    {"base", 0, trit_opt_file, AT(base), "MODEL", 0, 0, "IN is an adapter for MODEL, and so is OUT: a GGUF file or a PEFT folder"},
};

/* An adapter's other form. */
static trit_status convert_adapter(const convert_opts *o, const trit_args *args, trit_error *err) {
    trit_text base = {0};
    const bool to_folder = trit_conversion_to_folder(&o->conversion, args->item[1]);
    const char *form = to_folder ? "PEFT" : "GGUF";
    if (o->types.type || o->types.embed_type || o->types.head_type || o->loras.n || trit_prune_is_set(&o->prune))
        return trit_error_set(err, trit_arg, "--base: of an adapter only the form changes");
    trit_status status = trit_locate(&base, o->base, &o->output, err);
    if (status == trit_ok) status = trit_lora_convert(args->item[0], args->item[1], base.data, to_folder, err);
    trit_text_fini(&base);
    if (status != trit_ok) return status;
    if (o->output.json) {
        trit_jsonw json = {0};
        trit_jsonw_object(&json);
        trit_jsonw_put_str(&json, "format", form);
        trit_jsonw_close(&json, '}');
        return trit_jsonw_finish(&json, err);
    }
    if (!o->output.quiet) trit_out_printf("%s: the adapter in the form of %s\n", args->item[1], form);
    return trit_ok;
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    const convert_opts *o = opts;
    const trit_conversion_wish wish = {&o->types, &o->conversion, &o->output, trit_i2_s_block_of(o->layout), o->kernel_config,
                                       &o->loras, &o->prune};
    trit_text in = {0};
    trit_status status = trit_conversion_check(args, err);
    if (status == trit_ok && o->base) return convert_adapter(o, args, err);
    if (status == trit_ok) status = trit_locate(&in, args->item[0], &o->output, err);
    if (status == trit_ok) status = trit_conversion_run(&wish, in.data, args->item[1], err);
    trit_text_fini(&in);
    return status;
}

static const trit_opt_group groups[] = {
    TRIT_TYPE_GROUP(convert_opts, types),
    {"Input", options, TRIT_COUNT(options), 0},
    TRIT_PRUNE_GROUP(convert_opts, prune),
    TRIT_CONVERSION_GROUP(convert_opts, conversion),
    TRIT_OUTPUT_GROUP(convert_opts, output),
};

static const trit_example examples[] = {
    {"trit convert model.gguf small.gguf --type tq1_0 --embed-type q6_k", "to other types"},
    {"trit convert model.gguf folder", "to a folder with model.safetensors and config.json"},
    {"trit convert folder model-i2_s.gguf --type i2_s", "a Hugging Face folder to GGUF"},
    {"trit convert model.gguf merged.gguf --lora adapter:0.5 --type f16", "with half of an adapter in the weights"},
    {"trit convert model.gguf small.gguf --prune-vocab 4096 --vocab-text stories.txt", "with the 4096 tokens that a text needs"},
    {"trit convert adapter adapter.gguf --base model.gguf", "an adapter of PEFT to GGUF"},
};

static const convert_opts defaults = {0};

const trit_command trit_cmd_convert = {
    .usage = "[options] IN OUT",
    .about = "Turns a model file into another, tensor by tensor: GGUF, Hugging Face folders (also packed and master weights), llama2.c files "
             "and int2 checkpoints for CUDA into GGUF or a Hugging Face folder. Ternary weights stay ternary and exact where the type can hold "
             "their scales; what is lost is said, and what would be wrong is refused. Metadata that known releases have wrong is mended.\n\n"
             "OUT appears, or is replaced, only when it is whole.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
