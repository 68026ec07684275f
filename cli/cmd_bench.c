/* trit bench: how fast a model runs here, beside what this machine can do at best. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "bench.h"
#include "command.h"
#include "jsonw.h"
#include "out.h"
#include "trit/model.h"

extern const trit_command trit_bench_compare, trit_bench_regress, trit_bench_report, trit_bench_energy, trit_bench_turns;

static const trit_command_row subs[] = {
    {"compare", &trit_bench_compare, "two runs, row by row: faster, slower, or no difference"},
    {"regress", &trit_bench_regress, "measure again what an earlier run did; fail where it got slower"},
    {"report", &trit_bench_report, "a run as a web page with charts"},
    {"energy", &trit_bench_energy, "joules a token, where the machine can tell"},
    {"turns", &trit_bench_turns, "the other side of regress --baseline-program"},
};

typedef struct bench_opts {
    const char *prompts, *threads, *batches, *depths, *file;
    int64_t n_tokens, repetitions;
    bool kernels, markdown;
    trit_model_choice model;
    trit_run_choice run;
    trit_output_choice output;
} bench_opts;

#define AT(field) offsetof(bench_opts, field)

static const trit_option measure_options[] = {
    {"prompt", 'p', trit_opt_text, AT(prompts), "LIST", 0, 0, "prompts of so many tokens (pp); 0: none; without it 512, or what the model's context holds"},
    {"tokens", 'n', trit_opt_int, AT(n_tokens), "N", 0, 1 << 20, "generate N tokens (tg); 0: no decodes"},
    {"threads", 't', trit_opt_text, AT(threads), "LIST", 0, 0, "numbers of threads; without it one a physical core"},
    {"batch", 'b', trit_opt_text, AT(batches), "LIST", 0, 0, "sequences that are decoded together; the speed is that of all together"},
    {"depth", 0, trit_opt_text, AT(depths), "LIST", 0, 0, "decode behind so many tokens, too"},
    {"repetitions", 'r', trit_opt_int, AT(repetitions), "N", 1, trit_stats_max, "measure everything N times, in rounds, after a round that warms up"},
    {"kernels", 0, trit_opt_flag, AT(kernels), NULL, 0, 0, "instead of a model: every kernel that runs here, on one thread"},
};

static const trit_option run_options[] = {
    {"ctx", 'c', trit_opt_int, offsetof(trit_run_choice, context), "N", 0, 1 << 30, "positions of a sequence; 0: what the test needs"},
    {"kv", 0, trit_opt_choice, offsetof(trit_run_choice, kv), "f32|f16|q8", 0, 0, "number format of the attention cache; f16 without it"},
    {"chunk", 0, trit_opt_int, offsetof(trit_run_choice, chunk), "N", 0, 1 << 20, "tokens of a prompt computed together; 0: the engine chooses"},
    {"device", 0, trit_opt_choice, offsetof(trit_run_choice, device), "cpu|cuda|vulkan|metal|mlx|auto", 0, 0, "where to compute"},
};

static const trit_option result_options[] = {
    {"output", 'o', trit_opt_file, AT(file), "FILE", 0, 0, "write the JSON document to FILE as well"},
    {"markdown", 0, trit_opt_flag, AT(markdown), NULL, 0, 0, "print a table for a document"},
};

static trit_status read_plan(trit_bench_plan *plan, const bench_opts *o, trit_error *err) {
    const struct {
        trit_bench_list *list;
        const char *text, *option;
        uint32_t max;
    } lists[] = {
        {&plan->prompts, o->prompts, "prompt", 1 << 20},
        {&plan->threads, o->threads, "threads", 1024},
        {&plan->batches, o->batches, "batch", 256},
        {&plan->depths, o->depths, "depth", 1 << 20},
    };
    *plan = (trit_bench_plan){.model = o->model, .run = o->run, .n_tokens = (uint32_t)o->n_tokens, .repetitions = (uint32_t)o->repetitions};
    trit_status status = trit_ok;
    for (size_t i = 0; i < TRIT_COUNT(lists) && status == trit_ok; i++)
        if (lists[i].text && strcmp(lists[i].text, "0") != 0)
            status = trit_bench_list_read(lists[i].list, lists[i].text, lists[i].option, 1, lists[i].max, err);
    if (status == trit_ok && !o->kernels && o->prompts && !plan->prompts.n && !plan->n_tokens)
        return trit_error_set(err, trit_arg, "neither a prompt (-p) nor a decode (-n): nothing to measure");
    return status;
}

/* A prompt that any model can take, unless the user named one. */
static trit_status default_prompt(trit_bench_plan *plan, const bench_opts *o, trit_error *err) {
    if (o->prompts) return trit_ok;
    trit_loaded described = {0};
    trit_status status = trit_load(&described, &plan->model, NULL, &o->output, err);
    if (status == trit_ok) {
        trit_model_info info;
        trit_model_describe(described.model, &info);
        plan->prompts = (trit_bench_list){{info.context_length < 512 ? info.context_length : 512}, 1};
    }
    trit_unload(&described);
    return status;
}

static trit_status show(const trit_bench_doc *doc, const bench_opts *o, trit_error *err) {
    trit_status status = o->file ? trit_bench_write(doc, o->file, err) : trit_ok;
    if (status != trit_ok) return status;
    if (o->output.json) {
        trit_jsonw w = {0};
        trit_bench_put(&w, doc);
        return trit_jsonw_finish(&w, err);
    }
    if (o->markdown) trit_bench_print_markdown(doc);
    else trit_bench_print_table(doc);
    return trit_ok;
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    const bench_opts *o = opts;
    if (args->n) return trit_command_unknown(subs, TRIT_COUNT(subs), "bench", args->item[0], err);
    if (o->output.json && o->markdown) return trit_error_set(err, trit_arg, "--markdown does not go with --json");
    trit_bench_doc doc = {.of_kernels = o->kernels};
    trit_bench_machine_read(&doc.machine);
    trit_status status = read_plan(&doc.plan, o, err);
    if (status == trit_ok && !o->kernels) status = default_prompt(&doc.plan, o, err);
    if (status == trit_ok) status = o->kernels ? trit_bench_measure_kernels(&doc, &o->output, err) : trit_bench_measure(&doc, false, &o->output, err);
    size_t n_errors = status == trit_ok ? trit_bench_doubt(&doc) : 0;
    if (status == trit_ok) status = show(&doc, o, err);
    if (status == trit_ok && n_errors) {
        trit_out_flush();
        trit_bench_print_errors(&doc);
        status = trit_error_set(err, trit_fail, "%zu of %zu rows are no results", n_errors, doc.n_rows);
    }
    trit_bench_doc_fini(&doc);
    return status;
}

static const trit_opt_group groups[] = {
    {"Measuring", measure_options, TRIT_COUNT(measure_options), 0},
    TRIT_MODEL_GROUP(bench_opts, model),
    {"Running", run_options, TRIT_COUNT(run_options), offsetof(bench_opts, run)},
    {"Results", result_options, TRIT_COUNT(result_options), 0},
    TRIT_OUTPUT_GROUP(bench_opts, output),
};

static const trit_example examples[] = {
    {"trit bench -m model.gguf", "a prompt and a decode on all cores"},
    {"trit bench -m model.gguf -p 16,128 -n 32 -t 1,2 -b 1,8 --depth 128", "prompts, decodes, batches and a decode behind 128 tokens, on 1 and 2 threads"},
    {"trit bench -m model.gguf -p 64 -n 16 -o run.json --markdown", "a table for a document, and the same as a file"},
    {"trit bench --kernels -r 1", "every kernel beside the processor's own peak"},
};

static const bench_opts defaults = {.n_tokens = 128, .batches = "1", .repetitions = 5};

const trit_command trit_cmd_bench = {
    .usage = "[options]\ncompare [options] A.json B.json\nregress [options] --baseline FILE\nreport FILE --html OUT\nenergy [options]\nturns [options] FILE",
    .about = "Measures prompts (pp) and decodes (tg) in tokens a second: the median of some repetitions, and half the middle range of them in "
             "percent. Beside it stands what the machine can do at best, measured around each repetition: how fast its memory reads, and how many "
             "multiply-adds its processor does. What cannot be true is reported as an error, with exit status 1.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .subs = subs,
    .n_subs = TRIT_COUNT(subs),
    .run = run,
};
