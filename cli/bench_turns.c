/* Two programs measure turn by turn, so that what the machine does beside them hits both alike. Each is a child that runs
 * `trit bench turns FILE`: a line on its standard input is its turn, a line of speeds on its standard output the end of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "bench.h"
#include "command.h"
#include "interrupt.h"
#include "out.h"

/* --- the children ------------------------------------------------------------------------------------------------------ */

bool trit_bench_await_turn(void) {
    int c;
    while ((c = getchar()) != '\n' && c != EOF) continue;
    return c == '\n';
}

void trit_bench_end_turn(const double *rates, size_t n) {
    for (size_t i = 0; i < n; i++) trit_out_printf("%.9g%c", rates[i], i + 1 < n ? ' ' : '\n');
    trit_out_flush();
}

typedef struct turns_opts {
    const char *model;
} turns_opts;

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    static const trit_output_choice output = {.quiet = true};
    const turns_opts *o = opts;
    trit_bench_doc plan = {0}, doc = {0};
    trit_status status = trit_args_at_most(args, 1, err);
    if (status == trit_ok && !args->n) status = trit_error_set(err, trit_arg, "bench turns needs a file of trit bench --output");
    if (status == trit_ok) status = trit_bench_read(&plan, args->item[0], err);
    if (status == trit_ok && plan.of_kernels) status = trit_error_set(err, trit_arg, "%s: a run of kernels takes no turns", args->item[0]);
    if (status == trit_ok) {
        doc.plan = plan.plan;
        doc.plan.repetitions = trit_stats_max;
        if (o->model) doc.plan.model.model = o->model;
        status = trit_bench_measure(&doc, true, &output, err);
    }
    trit_bench_doc_fini(&doc);
    trit_bench_doc_fini(&plan);
    return status;
}

/* --- who lets them run ------------------------------------------------------------------------------------------------- */

typedef struct side {
    const char *program;
    trit_os_child child;
    bool runs;
} side;

enum { max_line = 4096 };

static trit_status start(side *s, const trit_bench_duel *duel, trit_error *err) {
    const char *argv[] = {s->program, "bench", "turns", duel->path, duel->model ? "-m" : NULL, duel->model, NULL};
    trit_status status = trit_os_start(&s->child, argv, err);
    s->runs = status == trit_ok;
    return status;
}

/* The speeds of one round of one team: [n]. */
static trit_status take_turn(side *s, double *rates, size_t n, trit_error *err) {
    char line[max_line];
    bool told = fputc('\n', s->child.to) != EOF && fflush(s->child.to) == 0;
    if (!told || !fgets(line, sizeof line, s->child.from)) {
        if (trit_interrupted()) return trit_cancelled;
        return trit_error_set(err, trit_fail, "%s took no turn: is it a trit that knows \"bench turns\"?", s->program);
    }
    char *p = line;
    for (size_t i = 0; i < n; i++) {
        const char *word = p;
        rates[i] = strtod(word, &p);
        if (p == word || !(rates[i] > 0 && rates[i] < 1e30)) return trit_error_set(err, trit_format, "%s: not %zu speeds in its answer", s->program, n);
    }
    return trit_ok;
}

/* Who begins changes from turn to turn; the first round warms up. */
static trit_status take_turns(side sides[2], const trit_bench_duel *duel, double *rates[2], trit_error *err) {
    size_t n_teams = duel->plan->plan.threads.n ? duel->plan->plan.threads.n : 1, n_rows = duel->plan->n_rows, n_tests = n_rows / n_teams;
    trit_status status = trit_ok;
    if (n_rows % n_teams) return trit_error_set(err, trit_format, "%s: %zu rows for %zu numbers of threads", duel->path, n_rows, n_teams);
    for (size_t t = 0; t < 2 * n_teams * (duel->n_rounds + 1) && status == trit_ok; t++) {
        size_t team = t / 2 % n_teams, round = t / 2 / n_teams, who = (t + t / 2) % 2;
        status = take_turn(&sides[who], rates[who] + round * n_rows + team * n_tests, n_tests, err);
    }
    return status;
}

/* The median of each row as one more sample; rates: [n_rounds, n_rows]. */
static trit_status add_samples(trit_bench_doc *doc, const trit_bench_duel *duel, const double *rates, trit_error *err) {
    const trit_bench_doc *plan = duel->plan;
    for (size_t i = 0; i < plan->n_rows; i++) {
        double of_row[trit_stats_max];
        trit_bench_row *row = i < doc->n_rows ? &doc->rows[i] : trit_bench_add_row(doc);
        if (!row) return trit_error_memory(err, sizeof *row, "the results");
        if (!row->n) *row = plan->rows[i], row->n = 0, row->error[0] = '\0';
        for (size_t k = 0; k < duel->n_rounds; k++) of_row[k] = rates[k * plan->n_rows + i];
        if (row->n < trit_stats_max) row->rate[row->n++] = trit_stats_summary(of_row, duel->n_rounds).median;
    }
    return trit_ok;
}

trit_status trit_bench_run_block(const trit_bench_duel *duel, trit_bench_doc *before, trit_bench_doc *after, trit_error *err) {
    char own[4096];
    trit_bench_doc *docs[2] = {before, after};
    side sides[2] = {{.program = duel->before}, {.program = own}};
    size_t n_rows = duel->plan->n_rows, n = n_rows * (duel->n_rounds + 1);
    double *all = trit_alloc(2 * n, sizeof *all), *rates[2] = {all, all + n};
    if (!all) return trit_error_memory(err, 2 * n * sizeof *all, "the speeds");
    trit_status status = trit_os_program(own, sizeof own, err);
    for (int i = 0; i < 2 && status == trit_ok; i++) status = start(&sides[i], duel, err);
    if (status == trit_ok) status = take_turns(sides, duel, rates, err);
    for (int i = 0; i < 2; i++) {
        if (sides[i].runs) (void)trit_os_end(&sides[i].child);
        if (status == trit_ok) status = add_samples(docs[i], duel, rates[i] + n_rows, err);
    }
    trit_free(all);
    return status;
}

static const trit_option options[] = {
    {"model", 'm', trit_opt_file, offsetof(turns_opts, model), "MODEL", 0, 0, "the model, if it lies elsewhere now"},
};

static const trit_opt_group groups[] = {{"Measuring", options, TRIT_COUNT(options), 0}};

static const trit_example examples[] = {
    {"printf '\\n\\n\\n' | trit bench turns before.json", "three turns"},
};

const trit_command trit_bench_turns = {
    .usage = "[options] FILE",
    .about = "Measures what a file of \"trit bench --output\" holds, a round for each line of standard input, and answers each by a line of speeds in "
             "tokens a second. This is how \"trit bench regress --baseline-program\" lets two programs take turns.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .opts_bytes = sizeof(turns_opts),
    .run = run,
};
