/* trit eval tasks: which of several endings a model finds likeliest, or whether it finds the last word of a text. Figures are those of
 * EleutherAI's lm-evaluation-harness. The endings of one beginning share its pages of the cache. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/math.h"
#include "base/progress.h"
#include "command.h"
#include "input.h"
#include "jsonw.h"
#include "load.h"
#include "out.h"
#include "records.h"
#include "step.h"

typedef struct tasks_opts {
    int64_t limit, batch;
    bool records;
    trit_model_choice model;
    trit_run_choice run;
    trit_output_choice output;
} tasks_opts;

static const trit_option options[] = {
    {"limit", 0, trit_opt_int, offsetof(tasks_opts, limit), "N", 0, 1 << 30, "the first N records only; 0: all"},
    {"batch", 0, trit_opt_int, offsetof(tasks_opts, batch), "N", 1, 256, "records that run together"},
    {"records", 0, trit_opt_flag, offsetof(tasks_opts, records), NULL, 0, 0, "with --json: the log probabilities of every record, too"},
};

typedef struct evaluation {
    const tasks_opts *opts;
    const char *path;
    trit_text text;
    trit_loaded loaded;
    trit_engine *engine;
    trit_records records;
} evaluation;

/* ---- Running ---- */

static void on_logits(void *user, uint32_t pos, const float *logits, uint32_t n_vocab) {
    trit_ending *e = user;
    int32_t next = e->ids[pos + 1];
    e->logprob += (double)logits[next] - trit_log_sum_exp(logits, n_vocab);
    e->greedy = e->greedy && trit_argmax(logits, n_vocab) == (uint32_t)next;
}

/* What is too long loses its beginning, as in the harness. The last token foretells nothing that counts, and does not run. */
static trit_status submit(evaluation *v, trit_ending *e, trit_error *err) {
    trit_engine_info info;
    trit_engine_describe(v->engine, &info);
    if (e->n - 1 > info.context) {
        uint32_t cut = e->n - 1 - info.context;
        if (cut >= e->n_begin)
            return trit_error_set(err, trit_context, "an ending of %u tokens does not fit the context of %u", e->n - e->n_begin, info.context);
        memmove(e->ids, e->ids + cut, (e->n - cut) * sizeof *e->ids);
        e->n -= cut;
        e->n_begin -= cut;
    }
    e->greedy = true;
    trit_request q = {.prompt = e->ids, .n_prompt = e->n - 1, .prefill_only = true, .on_logits = on_logits, .all_logits = true,
                      .logits_from = e->n_begin - 1, .user = e};
    return trit_engine_submit(v->engine, &q, NULL, err);
}

/* The first ending goes alone: when it is through, the others find its pages. */
static trit_status begin_record(evaluation *v, trit_record *r, trit_error *err) {
    r->n_left = r->n;
    return submit(v, &r->ending[0], err);
}

static trit_status take_event(evaluation *v, const trit_event *event, size_t *next, size_t *done, trit_error *err) {
    trit_ending *e = event->user;
    trit_record *r = e->record;
    trit_status status = trit_ok;
    if (e == r->ending)
        for (uint32_t i = 1; i < r->n && status == trit_ok; i++) status = submit(v, &r->ending[i], err);
    if (--r->n_left || status != trit_ok) return status;
    (*done)++;
    return *next < v->records.n ? begin_record(v, &v->records.record[(*next)++], err) : trit_ok;
}

static trit_status drive(evaluation *v, trit_progress *bar, trit_error *err) {
    size_t next = 0, done = 0;
    trit_status status = trit_ok;
    while (next < v->records.n && next < (size_t)v->opts->batch && status == trit_ok) status = begin_record(v, &v->records.record[next++], err);
    while (status == trit_ok && done < v->records.n) {
        const trit_event *events;
        size_t n;
        status = trit_step(v->engine, &events, &n, err);
        for (size_t i = 0; i < n && status == trit_ok; i++) status = take_event(v, &events[i], &next, &done, err);
        trit_progress_update(bar, done, v->records.n);
    }
    return status;
}

static trit_status run_records(evaluation *v, trit_error *err) {
    const tasks_opts *o = v->opts;
    trit_model_info info;
    trit_model_describe(v->loaded.model, &info);
    trit_engine_opts engine_opts = trit_engine_choice(&o->run);
    engine_opts.max_sequences = (uint32_t)o->batch;
    if (!engine_opts.context) engine_opts.context = v->records.longest < info.context_length ? v->records.longest : info.context_length;
    trit_status status = trit_engine_new(&v->engine, v->loaded.model, &engine_opts, err);
    if (status != trit_ok) return status;
    trit_progress bar;
    trit_progress_init(&bar, "tasks", !o->output.quiet);
    status = drive(v, &bar, err);
    trit_progress_fini(&bar);
    return status;
}

/* ---- Figures ---- */

typedef enum measure { by_sum, by_chars, by_bytes } measure;

/* Is the gold ending the likeliest: by the sum of log-probabilities, or by it over the ending's length? The first of equals counts. */
static bool is_right(const trit_record *r, measure m) {
    uint32_t best = 0;
    double best_score = -HUGE_VAL;
    for (uint32_t i = 0; i < r->n; i++) {
        const trit_ending *e = &r->ending[i];
        double score = m == by_sum ? e->logprob : e->logprob / (m == by_chars ? e->n_chars : e->n_bytes);
        if (score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best == r->gold;
}

/* A share of the records, with the standard error of the mean: sqrt(p (1 - p) / (n - 1)). */
typedef struct share {
    double p, error;
} share;

static share share_of(uint64_t n_right, size_t n) {
    double p = (double)n_right / (double)n;
    return (share){p, n > 1 ? sqrt(p * (1 - p) / (double)(n - 1)) : 0};
}

static void put_share(trit_jsonw *w, const char *name, share s) {
    if (w) {
        char key[40];
        trit_jsonw_put_f64(w, name, s.p);
        snprintf(key, sizeof key, "%s_stderr", name);
        trit_jsonw_put_f64(w, key, s.error);
    } else {
        trit_out_printf("%-10s %.4f +/- %.4f\n", name, s.p, s.error);
    }
}

static void report_choice(const evaluation *v, trit_jsonw *w) {
    static const char *const names[] = {[by_sum] = "acc", [by_chars] = "acc_norm", [by_bytes] = "acc_bytes"};
    for (int m = by_sum; m <= by_bytes; m++) {
        uint64_t n_right = 0;
        for (size_t i = 0; i < v->records.n; i++) n_right += is_right(&v->records.record[i], (measure)m);
        put_share(w, names[m], share_of(n_right, v->records.n));
    }
}

/* Perplexity of the last word as a whole: exp of the mean over records of minus its log-probability. */
static void report_word(const evaluation *v, trit_jsonw *w) {
    uint64_t n_right = 0;
    double sum = 0, squares = 0, n = (double)v->records.n;
    for (size_t i = 0; i < v->records.n; i++) {
        const trit_ending *e = v->records.record[i].ending;
        n_right += e->greedy;
        sum -= e->logprob;
        squares += e->logprob * e->logprob;
    }
    double mean = sum / n, variance = squares / n - mean * mean, ppl = trit_exp(mean);
    double error = v->records.n > 1 && variance > 0 ? ppl * sqrt(variance / (n - 1)) : 0;
    put_share(w, "acc", share_of(n_right, v->records.n));
    if (w) {
        trit_jsonw_put_f64(w, "ppl", ppl);
        trit_jsonw_put_f64(w, "ppl_stderr", error);
    } else {
        trit_out_printf("%-10s %.4f +/- %.4f\n", "ppl", ppl, error);
    }
}

static void put_records(const evaluation *v, trit_jsonw *w) {
    trit_jsonw_key(w, "logprobs");
    trit_jsonw_array(w);
    for (size_t i = 0; i < v->records.n; i++) {
        trit_jsonw_array(w);
        for (uint32_t k = 0; k < v->records.record[i].n; k++) trit_jsonw_f64(w, v->records.record[i].ending[k].logprob);
        trit_jsonw_close(w, ']');
    }
    trit_jsonw_close(w, ']');
}

static trit_status report(const evaluation *v, trit_error *err) {
    bool choice = v->records.kind == trit_records_choice;
    trit_jsonw w = {0};
    if (!v->opts->output.json) {
        choice ? report_choice(v, NULL) : report_word(v, NULL);
        trit_out_printf("over %zu records\n", v->records.n);
        return trit_ok;
    }
    trit_jsonw_object(&w);
    trit_jsonw_put_str(&w, "task", choice ? "choice" : "last word");
    trit_jsonw_put_uint(&w, "records", v->records.n);
    choice ? report_choice(v, &w) : report_word(v, &w);
    if (v->opts->records) put_records(v, &w);
    trit_jsonw_close(&w, '}');
    return trit_jsonw_finish(&w, err);
}

static trit_status evaluate(evaluation *v, trit_error *err) {
    const tasks_opts *o = v->opts;
    trit_status status = trit_input_read(&v->text, v->path, err);
    if (status == trit_ok) status = trit_load(&v->loaded, &o->model, &o->run, &o->output, err);
    if (status == trit_ok && !v->loaded.tokenizer) status = trit_error_set(err, trit_arg, "the model has no tokenizer: give a --tokenizer FILE");
    if (status == trit_ok) status = trit_records_read(&v->records, &v->text, v->path, (size_t)o->limit, v->loaded.tokenizer, err);
    if (status == trit_ok) status = run_records(v, err);
    return status == trit_ok ? report(v, err) : status;
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    evaluation v = {.opts = opts};
    trit_status status = trit_args_at_most(args, 1, err);
    if (status != trit_ok) return status;
    if (!args->n) return trit_error_set(err, trit_arg, "eval tasks needs records: FILE, or - for standard input");
    v.path = args->item[0];
    status = evaluate(&v, err);
    trit_engine_free(v.engine);
    trit_unload(&v.loaded);
    trit_records_fini(&v.records);
    trit_text_fini(&v.text);
    return status;
}

static const trit_opt_group groups[] = {
    {"Tasks", options, TRIT_COUNT(options), 0},
    TRIT_MODEL_GROUP(tasks_opts, model),
    TRIT_RUN_GROUP(tasks_opts, run),
    TRIT_OUTPUT_GROUP(tasks_opts, output),
};

static const trit_example examples[] = {
    {"trit eval tasks -m model.gguf choices.jsonl", "multiple choice: acc, acc_norm, acc_bytes"},
    {"trit eval tasks -m model.gguf --limit 200 lambada.jsonl --json", "the last word of the first 200 texts"},
};

static const tasks_opts defaults = {.batch = 8};

const trit_command trit_eval_tasks = {
    .usage = "[options] FILE",
    .about = "Counts right answers over a file of JSON records, one a line, as EleutherAI's evaluation harness counts them.\n\n"
             "{\"query\": \"...\", \"choices\": [\"...\", \"...\"], \"gold\": 0} is a multiple choice: the model's answer is the choice with the "
             "highest log probability behind the query (acc), by the choice's length in characters (acc_norm), or in bytes (acc_bytes). "
             "A space goes between query and choice where neither has one.\n\n"
             "{\"text\": \"...\"} asks for the last word of the text, as LAMBADA does: right if each of its tokens is the most likely one "
             "(acc); ppl is the perplexity of the word as a whole.\n\n"
             "Figures come with their standard error over the records.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
