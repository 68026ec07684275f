/* trit convert: a model file becomes another. */
#include "command.h"

#include <inttypes.h>

#include "conversion.h"
#include "out.h"
#include "store.h"

typedef struct convert_opts {
    const char *type, *embed_type, *head_type, *layout, *kernel_config;
    bool force;
    trit_conversion_choice conversion;
    trit_output_choice output;
} convert_opts;

#define AT(field) offsetof(convert_opts, field)

static const trit_option options[] = {
    {"type", 0, trit_opt_text, AT(type), "TYPE", 0, 0,
     "type of the ternary projections (i2_s, tq1_0, tq2_0, q2_0, iq2_bn, f16, q8_0, ...); without it as in IN, or the first type that "
     "holds them exactly"},
    {"embed-type", 0, trit_opt_text, AT(embed_type), "TYPE", 0, 0, "type of the embeddings; without it as in IN"},
    {"head-type", 0, trit_opt_text, AT(head_type), "TYPE", 0, 0, "type of a head that is not the embeddings; without it as in IN"},
    {"layout", 0, trit_opt_choice, AT(layout), "128|64|1x4", 0, 0,
     "layout of I2_S tensors in IN: 64 for files made on some ARM machines, 1x4 for some builds of bitnet.cpp; OUT has 128"},
    {"kernel-config", 0, trit_opt_file, AT(kernel_config), "FILE", 0, 0,
     "bitnet.cpp's .ini of the kernels that a TL1 or TL2 file was made for; without it kernel_config.ini beside IN"},
    {"force", 0, trit_opt_flag, AT(force), NULL, 0, 0, "scales that the type cannot hold become the nearest ones, instead of an error"},
};

static trit_status print_json(const trit_conversion *c, const trit_convert_report *r, trit_error *err) {
    trit_jsonw json = {0};
    trit_jsonw_object(&json);
    trit_jsonw_put_uint(&json, "tensors", r->n_tensors);
    trit_jsonw_put_uint(&json, "bytes_in", r->bytes_in);
    trit_jsonw_put_uint(&json, "bytes_out", r->bytes_out);
    trit_jsonw_put_f64(&json, "max_error", r->max_error);
    trit_jsonw_put_bool(&json, "lossless", r->lossless);
    trit_conversion_put_json(c, &json);
    trit_jsonw_close(&json, '}');
    return trit_jsonw_finish(&json, err);
}

static void print_text(const char *out, const trit_convert_report *r) {
    trit_out_printf("%s: %" PRIu64 " tensors, %.1f MB from %.1f MB, ", out, r->n_tensors, (double)r->bytes_out * 1e-6, (double)r->bytes_in * 1e-6);
    if (r->lossless) trit_out_puts("the same weights to the bit\n");
    else trit_out_printf("weights differ by %.2g of their row's largest at most\n", r->max_error);
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    const convert_opts *o = opts;
    trit_convert_report report;
    trit_conversion c;
    trit_text in = {0};
    trit_status status = trit_conversion_check(args, err);
    if (status != trit_ok) return status;
    trit_conversion_init(&c, &o->output);
    trit_convert_opts convert = trit_conversion_opts(&c, &o->conversion, args->item[1]);
    convert.type = o->type;
    convert.embed_type = o->embed_type;
    convert.head_type = o->head_type;
    convert.force = o->force;
    convert.i2_s_block = trit_i2_s_block_of(o->layout);
    convert.kernel_config = o->kernel_config;
    status = trit_locate(&in, args->item[0], &o->output, err);
    trit_conversion_begin(&c, "converting");
    if (status == trit_ok) status = trit_convert(in.data, args->item[1], &convert, &report, err);
    trit_conversion_end(&c);
    if (status == trit_ok && o->output.json) status = print_json(&c, &report, err);
    else if (status == trit_ok && !o->output.quiet) print_text(args->item[1], &report);
    trit_text_fini(&in);
    trit_conversion_fini(&c);
    return status;
}

static const trit_opt_group groups[] = {
    {"Conversion", options, TRIT_COUNT(options), 0},
    TRIT_CONVERSION_GROUP(convert_opts, conversion),
    TRIT_OUTPUT_GROUP(convert_opts, output),
};

static const trit_example examples[] = {
    {"trit convert model.gguf small.gguf --type tq1_0 --embed-type q6_k", "to other types"},
    {"trit convert model.gguf folder", "to a folder with model.safetensors and config.json"},
    {"trit convert folder model-i2_s.gguf --type i2_s", "a Hugging Face folder to GGUF"},
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
