/* trit bench compare and regress: two runs, row by row. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/progress.h"
#include "bench.h"
#include "command.h"
#include "jsonw.h"
#include "out.h"

/* A row of both runs. */
typedef struct match {
    const trit_bench_row *before, *after;
    double ratio, low, high; /* of medians after / before, and its interval */
    const char *verdict;
} match;

typedef struct matches {
    match *item; /* [n], owned */
    size_t n;
    bool in_turns;  /* sample i of both runs was measured together */
    size_t n_alone; /* rows of either run that the other lacks, or that are errors */
} matches;

static bool same_test(const trit_bench_row *a, const trit_bench_row *b, bool of_kernels) {
    return strcmp(a->test, b->test) == 0 && a->threads == b->threads && a->batch == b->batch && a->depth == b->depth &&
           (!of_kernels || strcmp(a->tier, b->tier) == 0);
}

static trit_status match_rows(matches *out, const trit_bench_doc *before, const trit_bench_doc *after, trit_error *err) {
    *out = (matches){.item = trit_alloc(before->n_rows, sizeof *out->item)};
    if (!out->item) return trit_error_memory(err, before->n_rows * sizeof *out->item, "the comparison");
    for (size_t i = 0; i < before->n_rows; i++) {
        const trit_bench_row *a = &before->rows[i], *b = NULL;
        for (size_t k = 0; k < after->n_rows && !b; k++)
            if (same_test(a, &after->rows[k], before->of_kernels)) b = &after->rows[k];
        if (b && a->n && b->n && !*a->error && !*b->error) out->item[out->n++] = (match){.before = a, .after = b};
    }
    out->n_alone = before->n_rows + after->n_rows - 2 * out->n;
    return out->n ? trit_ok : trit_error_set(err, trit_format, "the two runs have no row in common");
}

static void name_of(char out[128], const trit_bench_row *row, bool of_kernels) {
    if (of_kernels) snprintf(out, 128, "%s, %s", row->test, row->tier);
    else
        snprintf(out, 128, "%s, %" PRIu32 " thread%s, batch %" PRIu32 ", depth %" PRIu32, row->test, row->threads, row->threads == 1 ? "" : "s",
                 row->batch, row->depth);
}

static void put_matches(trit_jsonw *w, const matches *m) {
    trit_jsonw_key(w, "rows");
    trit_jsonw_array(w);
    for (size_t i = 0; i < m->n; i++) {
        const match *row = &m->item[i];
        trit_jsonw_object(w);
        trit_jsonw_put_str(w, "test", row->before->test);
        trit_jsonw_put_str(w, "tier", row->after->tier);
        trit_jsonw_put_uint(w, "threads", row->before->threads);
        trit_jsonw_put_uint(w, "batch", row->before->batch);
        trit_jsonw_put_uint(w, "depth", row->before->depth);
        trit_jsonw_put_f64(w, "before", trit_stats_summary(row->before->rate, row->before->n).median);
        trit_jsonw_put_f64(w, "after", trit_stats_summary(row->after->rate, row->after->n).median);
        trit_jsonw_put_f64(w, "ratio", row->ratio);
        trit_jsonw_put_f64(w, "low", row->low);
        trit_jsonw_put_f64(w, "high", row->high);
        trit_jsonw_put_str(w, "verdict", row->verdict);
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, ']');
    trit_jsonw_put_uint(w, "unmatched", m->n_alone);
}

static void print_matches(const matches *m, bool of_kernels) {
    for (size_t i = 0; i < m->n; i++) {
        const match *row = &m->item[i];
        char name[128];
        name_of(name, row->before, of_kernels);
        trit_out_escaped(name, strlen(name));
        trit_out_printf("%*s  %9.4g -> %9.4g  x%.3f [%.3f, %.3f]  %s\n", strlen(name) < 44 ? (int)(44 - strlen(name)) : 0, "",
                        trit_stats_summary(row->before->rate, row->before->n).median, trit_stats_summary(row->after->rate, row->after->n).median,
                        row->ratio, row->low, row->high, row->verdict);
    }
    if (m->n_alone) trit_out_printf("%zu rows stand in one run alone, or hold no result\n", m->n_alone);
}

static void weigh(match *m, bool in_turns, double level) {
    double ratio[trit_stats_max], one = 1;
    for (size_t i = 0; in_turns && i < m->after->n; i++) ratio[i] = m->after->rate[i] / m->before->rate[i];
    if (in_turns) {
        m->ratio = trit_stats_summary(ratio, m->after->n).median;
        trit_stats_ratio_interval(&one, 1, ratio, m->after->n, level, &m->low, &m->high);
    } else {
        m->ratio = trit_stats_summary(m->after->rate, m->after->n).median / trit_stats_summary(m->before->rate, m->before->n).median;
        trit_stats_ratio_interval(m->before->rate, m->before->n, m->after->rate, m->after->n, level, &m->low, &m->high);
    }
    m->verdict = m->low > 1 ? "faster" : m->high < 1 ? "slower" : "no difference";
}

/* --- compare ----------------------------------------------------------------------------------------------------------- */

typedef struct compare_opts {
    double level;
    trit_output_choice output;
} compare_opts;

static trit_status compare_docs(const compare_opts *o, const trit_bench_doc *a, const trit_bench_doc *b, trit_error *err) {
    matches m = {0};
    if (a->of_kernels != b->of_kernels) return trit_error_set(err, trit_format, "one run is of kernels and the other of a model");
    trit_status status = match_rows(&m, a, b, err);
    for (size_t i = 0; i < m.n; i++) weigh(&m.item[i], false, o->level / 100);
    if (status == trit_ok && o->output.json) {
        trit_jsonw w = {0};
        trit_jsonw_object(&w);
        trit_jsonw_put_f64(&w, "level", o->level / 100);
        trit_jsonw_put_bool(&w, "same_machine", strcmp(a->machine.cpu, b->machine.cpu) == 0);
        put_matches(&w, &m);
        trit_jsonw_close(&w, '}');
        status = trit_jsonw_finish(&w, err);
    } else if (status == trit_ok) {
        if (strcmp(a->machine.cpu, b->machine.cpu) != 0) trit_out_puts("note: the runs are from different machines\n");
        print_matches(&m, a->of_kernels);
        trit_out_printf("ratio of medians, with its interval at %g %%, row by row (bootstrap)\n", o->level);
    }
    trit_free(m.item);
    return status;
}

static trit_status run_compare(const void *opts, const trit_args *args, trit_error *err) {
    trit_bench_doc a = {0}, b = {0};
    trit_status status = trit_args_at_most(args, 2, err);
    if (status == trit_ok && args->n < 2) status = trit_error_set(err, trit_arg, "bench compare needs two files: A.json B.json");
    if (status == trit_ok) status = trit_bench_read(&a, args->item[0], err);
    if (status == trit_ok) status = trit_bench_read(&b, args->item[1], err);
    if (status == trit_ok) status = compare_docs(opts, &a, &b, err);
    trit_bench_doc_fini(&a);
    trit_bench_doc_fini(&b);
    return status;
}

static const trit_option compare_options[] = {
    {"level", 0, trit_opt_real, offsetof(compare_opts, level), "X", 0.1, 99.9, "how sure an interval is, in percent"},
};

static const trit_opt_group compare_groups[] = {
    {"Comparing", compare_options, TRIT_COUNT(compare_options), 0},
    TRIT_OUTPUT_GROUP(compare_opts, output),
};

static const trit_example compare_examples[] = {
    {"trit bench compare before.json after.json", "row by row, at 95 %"},
};

static const compare_opts compare_defaults = {.level = 95};

const trit_command trit_bench_compare = {
    .usage = "[options] A.json B.json",
    .about = "Compares two files of \"trit bench --output\": rows with the same test, threads, batch and depth. The ratio of the medians (B over A) stands "
             "with an interval from a bootstrap over the samples; a row is faster or slower where the interval lies wholly above or below 1. Each row "
             "stands for itself: of twenty rows without a difference about one leaves its interval at 95 %.",
    .groups = compare_groups,
    .n_groups = TRIT_COUNT(compare_groups),
    .examples = compare_examples,
    .n_examples = TRIT_COUNT(compare_examples),
    .defaults = &compare_defaults,
    .opts_bytes = sizeof compare_defaults,
    .run = run_compare,
};

/* --- regress ----------------------------------------------------------------------------------------------------------- */

typedef struct regress_opts {
    const char *baseline, *program, *model;
    double threshold;
    int64_t repetitions;
    trit_output_choice output;
} regress_opts;

/* All rows of a run together are wrong at most so often. */
static const double family_level = 0.05;

/* A row is slower when its speed is, and its share of what the machine could do at that moment is too: the first alone would also
 * blame a build for a machine that is busier today. (Limits are those of a tier: a build that no longer uses the same one is
 * judged by speed alone; and so is what was measured in turns.) `slower` goes by the rows of the baseline. */
static size_t judge(const matches *m, const trit_bench_doc *baseline, double threshold, bool slower[trit_stats_max_pairs]) {
    trit_stats_pair pairs[trit_stats_max_pairs];
    trit_stats_verdict by_rate[trit_stats_max_pairs], by_share[trit_stats_max_pairs];
    size_t n_slower = 0;
    for (size_t i = 0; i < m->n; i++)
        pairs[i] = (trit_stats_pair){m->item[i].before->rate, m->item[i].after->rate, m->item[i].before->n, m->item[i].after->n, m->in_turns};
    (void)trit_stats_judge(pairs, m->n, threshold, family_level, by_rate);
    for (size_t i = 0; i < m->n && !m->in_turns; i++)
        if (strcmp(m->item[i].before->tier, m->item[i].after->tier) == 0) pairs[i].before = m->item[i].before->share, pairs[i].after = m->item[i].after->share;
    (void)trit_stats_judge(pairs, m->n, threshold, family_level, by_share);
    memset(slower, 0, trit_stats_max_pairs * sizeof *slower);
    for (size_t i = 0; i < m->n; i++) n_slower += slower[m->item[i].before - baseline->rows] = by_rate[i].slower && by_share[i].slower;
    return n_slower;
}

/* One run by the baseline's plan; rows that are no results are named. */
static trit_status measure(trit_bench_doc *now, const trit_bench_doc *baseline, const regress_opts *o, trit_error *err) {
    *now = (trit_bench_doc){.of_kernels = baseline->of_kernels, .plan = baseline->plan};
    if (o->model) now->plan.model.model = o->model;
    if (o->repetitions) now->plan.repetitions = (uint32_t)o->repetitions;
    trit_status status = now->of_kernels ? trit_bench_measure_kernels(now, &o->output, err) : trit_bench_measure(now, false, &o->output, err);
    if (status != trit_ok) return status;
    (void)trit_bench_doubt(now);
    trit_bench_print_errors(now);
    return trit_ok;
}

/* The samples of a second run behind those of the first. */
static void add_samples(trit_bench_doc *to, const trit_bench_doc *from) {
    for (size_t i = 0; i < to->n_rows; i++) {
        trit_bench_row *row = &to->rows[i];
        for (size_t k = 0; k < from->n_rows; k++) {
            const trit_bench_row *more = &from->rows[k];
            if (*more->error || !same_test(row, more, to->of_kernels)) continue;
            for (size_t s = 0; s < more->n && row->n < trit_stats_max; s++, row->n++) row->rate[row->n] = more->rate[s], row->share[row->n] = more->share[s];
        }
    }
}

static trit_status tell(const matches *m, const bool *slower, size_t n_slower, const trit_bench_doc *baseline, const regress_opts *o, trit_error *err) {
    for (size_t i = 0; i < m->n; i++) {
        weigh(&m->item[i], m->in_turns, 0.95);
        bool unclear = m->in_turns && m->item[i].low < 1 - o->threshold / 100;
        m->item[i].verdict = slower[m->item[i].before - baseline->rows] ? "SLOWER" : unclear ? "unclear" : "ok";
    }
    trit_status status = trit_ok;
    if (o->output.json) {
        trit_jsonw w = {0};
        trit_jsonw_object(&w);
        trit_jsonw_put_f64(&w, "threshold", o->threshold / 100);
        trit_jsonw_put_f64(&w, "level", family_level);
        trit_jsonw_put_uint(&w, "slower", n_slower);
        put_matches(&w, m);
        trit_jsonw_close(&w, '}');
        status = trit_jsonw_finish(&w, err);
    } else {
        print_matches(m, baseline->of_kernels);
    }
    if (status == trit_ok && n_slower)
        status = trit_error_set(err, trit_fail, "%zu of %zu rows are more than %g %% slower than %s", n_slower, m->n, o->threshold,
                               o->program ? o->program : o->baseline);
    return status;
}

static trit_status regress(const trit_bench_doc *baseline, const regress_opts *o, trit_error *err) {
    bool slower[trit_stats_max_pairs] = {false};
    trit_bench_doc now = {0}, again = {0};
    matches m = {0};
    trit_status status = measure(&now, baseline, o, err);
    if (status == trit_ok) status = match_rows(&m, baseline, &now, err);
    size_t n_slower = status == trit_ok ? judge(&m, baseline, o->threshold / 100, slower) : 0;
    if (n_slower) { /* a suspicion is measured again: noise that lasts for one run seldom lasts for two */
        status = measure(&again, baseline, o, err);
        add_samples(&now, &again);
        if (status == trit_ok) n_slower = judge(&m, baseline, o->threshold / 100, slower);
    }
    if (status == trit_ok) status = tell(&m, slower, n_slower, baseline, o, err);
    trit_free(m.item);
    trit_bench_doc_fini(&now);
    trit_bench_doc_fini(&again);
    return status;
}

/* In turns: blocks, for which both programs are started anew, since where a program lies in memory makes a difference that lasts as long as
 * it runs. */
enum { least_blocks = 8, most_blocks = 60, rounds_of_block = 5 };

/* Is every ratio known to half the threshold, up and down? */
static bool is_clear(matches *m, double threshold) {
    bool clear = true;
    for (size_t i = 0; i < m->n; i++) {
        weigh(&m->item[i], true, 0.95);
        clear = clear && m->item[i].high - m->item[i].low <= threshold * m->item[i].ratio;
    }
    return clear;
}

static trit_status run_blocks(trit_bench_doc *before, trit_bench_doc *after, matches *m, const trit_bench_duel *duel, const regress_opts *o, trit_error *err) {
    trit_progress bar;
    trit_status status = trit_ok;
    trit_progress_init(&bar, "measuring", !o->output.quiet);
    for (uint32_t k = 1; k <= most_blocks && status == trit_ok; k++) {
        status = trit_bench_run_block(duel, before, after, err);
        trit_progress_update(&bar, k, most_blocks);
        if (k == 1 && status == trit_ok) status = match_rows(m, before, after, err);
        m->in_turns = true;
        if (status == trit_ok && k >= least_blocks && is_clear(m, o->threshold / 100)) break;
    }
    trit_progress_fini(&bar);
    return status;
}

static trit_status regress_in_turns(const trit_bench_doc *plan, const regress_opts *o, trit_error *err) {
    bool slower[trit_stats_max_pairs] = {false};
    trit_bench_doc before = {0}, after = {0};
    matches m = {0};
    trit_bench_duel duel = {o->program, o->baseline, o->model, plan, o->repetitions ? (uint32_t)o->repetitions : rounds_of_block};
    trit_status status = plan->of_kernels ? trit_error_set(err, trit_arg, "%s: a run of kernels takes no turns", o->baseline) : trit_ok;
    if (status == trit_ok) status = run_blocks(&before, &after, &m, &duel, o, err);
    if (status == trit_ok) {
        size_t n_slower = judge(&m, &before, o->threshold / 100, slower);
        status = tell(&m, slower, n_slower, &before, o, err);
    }
    trit_free(m.item);
    trit_bench_doc_fini(&before);
    trit_bench_doc_fini(&after);
    return status;
}

static trit_status run_regress(const void *opts, const trit_args *args, trit_error *err) {
    const regress_opts *o = opts;
    trit_bench_doc baseline = {0};
    trit_bench_machine here;
    trit_bench_machine_read(&here);
    trit_status status = trit_args_at_most(args, 0, err);
    if (status == trit_ok && !o->baseline) status = trit_error_set(err, trit_arg, "bench regress needs --baseline FILE");
    if (status == trit_ok && o->program && strcmp(o->baseline, "-") == 0)
        status = trit_error_set(err, trit_arg, "--baseline -: two programs cannot read one standard input");
    if (status == trit_ok) status = trit_bench_read(&baseline, o->baseline, err);
    if (status == trit_ok && !o->program && strcmp(baseline.machine.cpu, here.cpu) != 0)
        status = trit_error_set(err, trit_format, "%s: measured on \"%s\", this machine is \"%s\"", o->baseline, baseline.machine.cpu, here.cpu);
    if (status == trit_ok) status = o->program ? regress_in_turns(&baseline, o, err) : regress(&baseline, o, err);
    trit_bench_doc_fini(&baseline);
    return status;
}

static const trit_option regress_options[] = {
    {"baseline", 0, trit_opt_file, offsetof(regress_opts, baseline), "FILE", 0, 0, "the earlier run: a file of trit bench --output"},
    {"baseline-program", 0, trit_opt_file, offsetof(regress_opts, program), "PROGRAM", 0, 0,
     "the earlier trit itself: it measures again, in turns with this one, instead of what FILE says it once did"},
    {"threshold", 0, trit_opt_real, offsetof(regress_opts, threshold), "X", 0, 90, "rows may be so much slower, in percent"},
    {"model", 'm', trit_opt_file, offsetof(regress_opts, model), "MODEL", 0, 0, "the model, if it lies elsewhere now"},
    {"repetitions", 'r', trit_opt_int, offsetof(regress_opts, repetitions), "N", 0, trit_stats_max,
     "repetitions; 0: as many as the baseline has; in turns, rounds of a block; 0: 5"},
};

static const trit_opt_group regress_groups[] = {
    {"Comparing", regress_options, TRIT_COUNT(regress_options), 0},
    TRIT_OUTPUT_GROUP(regress_opts, output),
};

static const trit_example regress_examples[] = {
    {"trit bench regress --baseline before.json", "measure as then, and fail where it got slower"},
};

static const regress_opts regress_defaults = {.threshold = 5};

const trit_command trit_bench_regress = {
    .usage = "[options] --baseline FILE",
    .about = "Measures what the baseline measured, with the same options, and fails with exit status 1 where it got slower: where the median is below "
             "the threshold, and one-sided Mann-Whitney tests of the speed and of the share of the machine's limits both are significant at 5 % for "
             "all rows together (Holm). A suspicion is measured again and judged by both runs. The baseline must be of this processor.\n\nTake a baseline with "
             "twenty repetitions (-r 20): where they spread by 6 %, a build that is 10 % slower is then caught, and of 200 equal ones two are blamed at most. "
             "With fewer than five no row can be significant.\n\nOn a machine whose load changes give the earlier program too: with --baseline-program "
             "both measure in turns, in blocks for which they are started anew, until the 95 % interval of every ratio is no wider than the threshold; "
             "rows are judged by the ratios of blocks (signed-rank test), and are unclear where the interval reaches below the threshold. Of the file only "
             "the plan counts then, and a team of one thread is timed by its own processor time.",
    .groups = regress_groups,
    .n_groups = TRIT_COUNT(regress_groups),
    .examples = regress_examples,
    .n_examples = TRIT_COUNT(regress_examples),
    .defaults = &regress_defaults,
    .opts_bytes = sizeof regress_defaults,
    .run = run_regress,
};
