/* trit quantize: a conversion whose types come from a scheme, a policy or a budget, and what that did to every matrix. */
#include "command.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"
#include "conversion.h"
#include "input.h"
#include "out.h"
#include "quantize_report.h"

typedef struct quantize_opts {
    const char *scheme, *policy, *budget, *calibrate;
    trit_opt_texts rules, reports;
    int64_t tokens;
    trit_conversion_choice conversion;
    trit_output_choice output;
} quantize_opts;

#define AT(field) offsetof(quantize_opts, field)

static const trit_option options[] = {
    {"scheme", 0, trit_opt_text, AT(scheme), "SCHEME", 0, 0,
     "what every matrix becomes: a file type (q4_k, q8_0, f16, tq2_0, ...), or integers with a scale: ternary, 1bit to 8bit, int4 or int8, "
     "then -asym; -tensor, -row, -g32, -g64, -g128 or -g256; -mse or -p99.9 (\"3bit-asym-g64-mse\"); @TYPE behind it names the file type that "
     "holds the values"},
    {"rule", 0, trit_opt_list, AT(rules), "PATTERN=SCHEME", 0, 0,
     "what some matrices become, by their names with * and ?: before --scheme and --policy, the first that fits counts; \"keep\" leaves them as they are"},
    {"policy", 0, trit_opt_text, AT(policy), "NAME|FILE", 0, 0,
     TRIT_POLICIES ", or a file of lines \"PATTERN SCHEME\" (without this and --scheme: balanced)"},
    {"budget", 0, trit_opt_text, AT(budget), "BYTES", 0, 0, "the types of least error that fit into so many bytes of tensors (500M, 2.5G: powers of 1000)"},
    {"calibrate", 0, trit_opt_file, AT(calibrate), "FILE", 0, 0, "a text: errors weigh as the model's activations on it do"},
    {"calibrate-tokens", 0, trit_opt_int, AT(tokens), "N", 2, 1 << 24, "of the text, at most"},
    {"report", 0, trit_opt_list, AT(reports), "FILE", 0, 0, "FILE.html or FILE.json: the error of every matrix (both may be given)"},
};

typedef struct work {
    trit_conversion conversion; /* first: its callbacks have it as `user`, and on_tensor finds the rest by that */
    const quantize_opts *o;
    trit_text rules, policy, sample;
    uint64_t budget;
    trit_importance *importance;
    trit_quantize_report report;
} work;

static void on_tensor(void *user, const trit_quantized *t) {
    work *w = user;
    trit_report_add(&w->report, t);
}

/* ---- What was asked for ---- */

static bool append(trit_text *text, const char *s, size_t n) {
    return trit_text_append(text, s, n);
}

static trit_status read_rules(work *w, trit_error *err) {
    bool ok = true;
    for (size_t i = 0; i < w->o->rules.n && ok; i++) {
        const char *rule = w->o->rules.item[i], *equals = strrchr(rule, '=');
        if (!equals || equals == rule || !equals[1] || strpbrk(rule, "\n# "))
            return trit_error_set(err, trit_arg, "--rule \"%.100s\": PATTERN=SCHEME was expected", rule);
        ok = append(&w->rules, rule, (size_t)(equals - rule)) && append(&w->rules, " ", 1) && append(&w->rules, equals + 1, strlen(equals + 1)) &&
             append(&w->rules, "\n", 1);
    }
    return ok ? trit_ok : trit_error_memory(err, w->rules.n, "the rules");
}

static trit_status read_policy(work *w, trit_error *err) {
    const quantize_opts *o = w->o;
    const char *name = o->policy ? o->policy : "balanced", *text = trit_policy_text(name);
    if (o->budget) return trit_ok;
    if (o->scheme) {
        const bool ok = append(&w->policy, "* ", 2) && append(&w->policy, o->scheme, strlen(o->scheme));
        return ok ? trit_ok : trit_error_memory(err, w->policy.n, "the rules");
    }
    if (text) return append(&w->policy, text, strlen(text)) ? trit_ok : trit_error_memory(err, w->policy.n, "the rules");
    const trit_status status = trit_input_read(&w->policy, name, err);
    if (status != trit_ok) return trit_error_set(err, trit_arg, "--policy %.100s: none of " TRIT_POLICIES ", and no file", name);
    return memchr(w->policy.data, 0, w->policy.n) ? trit_error_set(err, trit_arg, "--policy %.100s: no text", name) : trit_ok;
}

static trit_status read_budget(work *w, trit_error *err) {
    const char *s = w->o->budget;
    if (!s || (trit_parse_bytes(s, &w->budget) && w->budget > 0)) return trit_ok;
    return trit_error_set(err, trit_arg, "--budget \"%.40s\": a number of bytes was expected (500M, 2.5G)", s);
}

static trit_status check(const quantize_opts *o, const trit_args *args, trit_error *err) {
    trit_status status = trit_conversion_check(args, err);
    if (status == trit_ok && (o->scheme != NULL) + (o->policy != NULL) + (o->budget != NULL) > 1)
        status = trit_error_set(err, trit_arg, "--scheme, --policy and --budget exclude each other (--rule goes with each)");
    for (size_t i = 0; i < o->reports.n && status == trit_ok; i++) status = trit_report_check(o->reports.item[i], err);
    return status;
}

static trit_status calibrate(work *w, const char *in, const trit_convert_opts *by, trit_error *err) {
    const quantize_opts *o = w->o;
    const trit_model_choice choice = {.model = in};
    const trit_run_choice run = {.threads = o->conversion.threads};
    trit_loaded loaded = {0};
    trit_status status = trit_input_read(&w->sample, o->calibrate, err);
    if (status == trit_ok) status = trit_load(&loaded, &choice, &run, &o->output, err);
    const trit_calibrate_opts opts = {.max_tokens = (uint32_t)o->tokens, .progress = by->progress, .user = by->user};
    trit_conversion_begin(&w->conversion, "calibrating");
    if (status == trit_ok) status = trit_calibrate(&w->importance, loaded.model, w->sample.data, w->sample.n, &opts, err);
    trit_unload(&loaded);
    return status;
}

/* ---- The end ---- */

static void print_text(const trit_quantize_report *r) {
    const trit_report_sums s = trit_report_sum(r);
    trit_out_printf("%s: %.1f MB from %.1f MB, %" PRIu64 " of %zu matrices quantized", r->out, (double)r->total.bytes_out * 1e-6,
                    (double)r->total.bytes_in * 1e-6, s.n, r->n);
    if (s.n) trit_out_printf(", SQNR %.2f dB on average, %.2f dB at worst (%s), cosine %.5f", s.sqnr_db, s.worst_db, s.worst, s.cosine);
    trit_out_puts("\n");
}

static trit_status report(work *w, trit_error *err) {
    trit_status status = w->report.failed ? trit_error_memory(err, w->report.n, "the report") : trit_ok;
    for (size_t i = 0; i < w->o->reports.n && status == trit_ok; i++) status = trit_report_save(&w->report, w->o->reports.item[i], err);
    if (status != trit_ok) return status;
    if (w->o->output.json) {
        trit_jsonw json = {0};
        trit_report_put_json(&w->report, &json);
        return trit_jsonw_finish(&json, err);
    }
    if (!w->o->output.quiet) print_text(&w->report);
    return trit_ok;
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    work w = {.o = opts};
    trit_status status = check(opts, args, err);
    if (status != trit_ok) return status;
    trit_conversion_init(&w.conversion, &w.o->output);
    trit_report_init(&w.report, args->item[0], args->item[1], &w.conversion);
    trit_quantize_opts q = {.convert = trit_conversion_opts(&w.conversion, &w.o->conversion, args->item[1]), .on_tensor = on_tensor};
    status = read_rules(&w, err);
    if (status == trit_ok) status = read_policy(&w, err);
    if (status == trit_ok) status = read_budget(&w, err);
    if (status == trit_ok && w.o->calibrate) status = calibrate(&w, args->item[0], &q.convert, err);
    q.rules = w.rules.data;
    q.policy = w.policy.data;
    q.budget = w.budget;
    q.importance = w.importance;
    trit_conversion_begin(&w.conversion, "quantizing");
    if (status == trit_ok) status = trit_quantize(args->item[0], args->item[1], &q, &w.report.total, err);
    trit_conversion_end(&w.conversion);
    if (status == trit_ok) status = report(&w, err);
    trit_report_fini(&w.report);
    trit_conversion_fini(&w.conversion);
    trit_importance_free(w.importance);
    trit_text_fini(&w.rules);
    trit_text_fini(&w.policy);
    trit_text_fini(&w.sample);
    return status;
}

static const trit_opt_group groups[] = {
    {"Quantization", options, TRIT_COUNT(options), 0},
    TRIT_CONVERSION_GROUP(quantize_opts, conversion),
    TRIT_OUTPUT_GROUP(quantize_opts, output),
};

static const trit_example examples[] = {
    {"trit quantize model.gguf small.gguf --policy aggressive --report small.html", "by a policy, with the error of every matrix"},
    {"trit quantize model.gguf small.gguf --budget 500M --calibrate text.txt", "the best types that fit, judged by activations"},
    {"trit quantize folder small.gguf --scheme q4_k --rule '*attn_v*=q8_0'", "one type for all, but for some"},
    {"trit quantize model.gguf ternary.gguf --scheme ternary-row", "what training would begin with"},
};

static const quantize_opts defaults = {.tokens = 16384};

const trit_command trit_cmd_quantize = {
    .usage = "[options] IN OUT",
    .about = "Makes a float model smaller: each matrix gets a type by a scheme, a policy or a budget of bytes, and what that costs is measured on what "
             "was written (MSE, SQNR, cosine). Weights that are ternary already stay as they are unless a --rule names them; norms and biases stay floats.\n\n"
             "Values of a scheme that no file type has (\"3bit-asym-g64\") stand in the narrowest type that holds them exactly; the file is then larger "
             "than the scheme, and the report says both. A folder holds the values as floats. Float "
             "weights that become ternary without training make a model that does not speak; a "
             "warning says so.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
