/* trit convert: a model file becomes another. */
#include "command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/progress.h"
#include "interrupt.h"
#include "jsonw.h"
#include "load.h"
#include "out.h"
#include "store.h"
#include "trit/convert.h"

typedef struct convert_opts {
    const char *type, *embed_type, *head_type, *format, *layout, *kernel_config;
    bool force;
    trit_output_choice output;
} convert_opts;

#define AT(field) offsetof(convert_opts, field)

static const trit_option options[] = {
    {"type", 0, trit_opt_text, AT(type), "TYPE", 0, 0,
     "type of the ternary projections (i2_s, tq1_0, tq2_0, q2_0, iq2_bn, f16, q8_0, ...); without it as in IN, or the first type that "
     "holds them exactly"},
    {"embed-type", 0, trit_opt_text, AT(embed_type), "TYPE", 0, 0, "type of the embeddings; without it as in IN"},
    {"head-type", 0, trit_opt_text, AT(head_type), "TYPE", 0, 0, "type of a head that is not the embeddings; without it as in IN"},
    {"format", 0, trit_opt_choice, AT(format), "gguf|safetensors", 0, 0,
     "what OUT becomes: a GGUF file, or a Hugging Face folder; without it gguf where OUT ends in .gguf, else a folder"},
    {"layout", 0, trit_opt_choice, AT(layout), "128|64|1x4", 0, 0,
     "layout of I2_S tensors in IN: 64 for files made on some ARM machines, 1x4 for some builds of bitnet.cpp; OUT has 128"},
    {"kernel-config", 0, trit_opt_file, AT(kernel_config), "FILE", 0, 0,
     "bitnet.cpp's .ini of the kernels that a TL1 or TL2 file was made for; without it kernel_config.ini beside IN"},
    {"force", 0, trit_opt_flag, AT(force), NULL, 0, 0, "scales that the type cannot hold become the nearest ones, instead of an error"},
};

/* What the conversion said, for the end. */
typedef struct work {
    const convert_opts *opts;
    trit_progress bar;
    trit_jsonw mended, notes;
} work;

static bool on_progress(void *user, uint64_t done, uint64_t total) {
    work *w = user;
    trit_progress_update(&w->bar, done, total);
    return !trit_interrupted();
}

static void on_word(void *user, trit_convert_word word, const char *text) {
    work *w = user;
    trit_jsonw_str(word == trit_convert_mended ? &w->mended : &w->notes, text);
    if (!w->opts->output.quiet) fprintf(stderr, "trit: %s: %s\n", word == trit_convert_mended ? "mended" : "note", text);
}

static trit_status print_json(work *w, const trit_convert_report *r, trit_error *err) {
    trit_jsonw json = {0};
    trit_jsonw_close(&w->mended, ']');
    trit_jsonw_close(&w->notes, ']');
    trit_jsonw_object(&json);
    trit_jsonw_put_uint(&json, "tensors", r->n_tensors);
    trit_jsonw_put_uint(&json, "bytes_in", r->bytes_in);
    trit_jsonw_put_uint(&json, "bytes_out", r->bytes_out);
    trit_jsonw_put_f64(&json, "max_error", r->max_error);
    trit_jsonw_put_bool(&json, "lossless", r->lossless);
    trit_jsonw_key(&json, "mended");
    trit_jsonw_raw(&json, &w->mended);
    trit_jsonw_key(&json, "notes");
    trit_jsonw_raw(&json, &w->notes);
    trit_jsonw_close(&json, '}');
    return trit_jsonw_finish(&json, err);
}

static void print_text(const char *out, const trit_convert_report *r) {
    trit_out_printf("%s: %" PRIu64 " tensors, %.1f MB from %.1f MB, ", out, r->n_tensors, (double)r->bytes_out * 1e-6, (double)r->bytes_in * 1e-6);
    if (r->lossless) trit_out_puts("the same weights to the bit\n");
    else trit_out_printf("weights differ by %.2g of their row's largest at most\n", r->max_error);
}

static bool to_folder(const convert_opts *o, const char *out) {
    const size_t n = strlen(out);
    if (o->format) return strcmp(o->format, "safetensors") == 0;
    return n < 5 || strcmp(out + n - 5, ".gguf") != 0;
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    work w = {.opts = opts};
    const convert_opts *o = opts;
    trit_convert_report report;
    trit_status status = trit_args_at_most(args, 2, err);
    if (status == trit_ok && args->n < 2) status = trit_error_set(err, trit_arg, "two names are needed: the model IN and the file or folder OUT");
    if (status != trit_ok) return status;
    const trit_convert_opts convert = {
        .type = o->type, .embed_type = o->embed_type, .head_type = o->head_type, .hugging_face = to_folder(o, args->item[1]), .force = o->force,
        .i2_s_block = trit_i2_s_block_of(o->layout), .kernel_config = o->kernel_config, .progress = on_progress, .say = on_word, .user = &w,
    };
    trit_jsonw_array(&w.mended);
    trit_jsonw_array(&w.notes);
    trit_text in = {0};
    status = trit_locate(&in, args->item[0], &o->output, err);
    trit_progress_init(&w.bar, "converting", !o->output.quiet);
    if (status == trit_ok) status = trit_convert(in.data, args->item[1], &convert, &report, err);
    trit_progress_fini(&w.bar);
    trit_text_fini(&in);
    if (status == trit_ok && o->output.json) status = print_json(&w, &report, err);
    else if (status == trit_ok && !o->output.quiet) print_text(args->item[1], &report);
    trit_jsonw_fini(&w.mended);
    trit_jsonw_fini(&w.notes);
    return status;
}

static const trit_opt_group groups[] = {
    {"Conversion", options, TRIT_COUNT(options), 0},
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
