/* Measures a model: for each number of threads prompts and decodes, all tests once a round, so that noise hits all alike, with the
 * machine's limits measured around each round. The first round warms up and does not count. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "base/progress.h"
#include "base/rng.h"
#include "bench.h"
#include "step.h"
#include "trit/engine.h"

enum { max_tests = 3 * trit_bench_max_list };

/* One test of one team of threads. */
typedef struct bench_test {
    size_t row;         /* in doc->rows */
    uint32_t n_prompt;  /* 0: a decode */
    trit_decode decode;
} bench_test;

/* What runs on one number of threads: a device, the model on it, its tests. */
typedef struct bench_team {
    trit_loaded loaded;
    trit_probe *probe;
    trit_engine *prompts;
    int32_t *prompt; /* [longest prompt] */
    bench_test tests[max_tests];
    size_t n_tests;
    trit_limits best;
    bool own_time; /* as in trit_decode */
} bench_team;

typedef struct bench_run {
    trit_bench_doc *doc;
    const trit_output_choice *output;
    bool in_turns; /* another program measures too */
    bench_team *teams;
    size_t n_teams;
    trit_progress bar;
    uint64_t done, total;
} bench_run;

static void fill_prompt(int32_t *ids, size_t n, uint32_t vocab_size, uint64_t seed) {
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)(trit_rng_u64(seed, i) % vocab_size);
}

static uint64_t now_ns(bool own_time) {
    return own_time ? trit_os_thread_ns() : trit_os_clock_ns();
}

/* One step of the engine. Counts new tokens and ended requests. */
static trit_status step(trit_engine *engine, uint32_t *n_tokens, uint32_t *n_ended, trit_error *err) {
    const trit_event *events;
    size_t n;
    trit_status status = trit_step(engine, &events, &n, err);
    for (size_t i = 0; i < n && status == trit_ok; i++) {
        *n_tokens += events[i].token >= 0;
        *n_ended += events[i].stop != trit_stop_none;
    }
    return status;
}

static trit_status run_prompt(trit_engine *engine, const int32_t *ids, uint32_t n, bool own_time, double *seconds, trit_error *err) {
    trit_request request = {.prompt = ids, .n_prompt = n, .prefill_only = true};
    uint64_t id, begin = now_ns(own_time);
    uint32_t n_tokens = 0, n_ended = 0;
    trit_status status = trit_engine_submit(engine, &request, &id, err);
    while (status == trit_ok && !n_ended) status = step(engine, &n_tokens, &n_ended, err);
    *seconds = (double)(now_ns(own_time) - begin) * 1e-9;
    return status;
}

/* Steps that may pass before the last sequence of a batch has its first token: prompts share chunks. */
static uint32_t lead_of(const trit_decode *d) {
    enum { least_chunk = 16 };
    return d->batch * (d->depth / least_chunk + 2);
}

trit_status trit_decode_init(trit_decode *d, const trit_model *model, const trit_run_choice *run, trit_error *err) {
    trit_model_info info;
    trit_model_describe(model, &info);
    if (!d->depth) d->depth = 1;
    d->vocab_size = info.vocab_size;
    d->prompt = trit_alloc(d->depth, sizeof *d->prompt);
    if (!d->prompt) return trit_error_memory(err, d->depth * sizeof *d->prompt, "a prompt");
    uint64_t context = (uint64_t)d->depth + d->n_tokens + lead_of(d);
    if (context > info.context_length) context = info.context_length;
    if ((uint64_t)d->depth + d->n_tokens + 1 > context)
        return trit_error_set(err, trit_arg, "%" PRIu32 " tokens behind %" PRIu32 " are more than the model's context of %" PRIu32, d->n_tokens,
                              d->depth, info.context_length);
    trit_engine_opts opts = trit_engine_choice(run);
    opts.max_sequences = d->batch;
    if (opts.context < context) opts.context = (uint32_t)context;
    return trit_engine_new(&d->engine, model, &opts, err);
}

void trit_decode_fini(trit_decode *d) {
    trit_engine_free(d->engine);
    trit_free(d->prompt);
    *d = (trit_decode){0};
}

/* Sequences differ, so that none shares the cache of another. Their prompts are the same in each repetition: the engine then takes
 * deep ones from its cache of prefixes, and only the decode takes time. */
static trit_status submit_all(trit_decode *d, uint64_t *ids, trit_error *err) {
    trit_status status = trit_ok;
    for (uint32_t i = 0; i < d->batch && status == trit_ok; i++) {
        fill_prompt(d->prompt, d->depth, d->vocab_size, 1 + i);
        trit_request request = {.prompt = d->prompt, .n_prompt = d->depth, .ignore_eog = true};
        status = trit_engine_submit(d->engine, &request, &ids[i], err);
    }
    return status;
}

trit_status trit_decode_run(trit_decode *d, double *seconds, trit_error *err) {
    uint64_t ids[256] = {0}, begin;
    uint32_t n_tokens = 0, n_ended = 0;
    trit_status status = submit_all(d, ids, err);
    for (uint32_t last = 0; status == trit_ok && last < d->batch && !n_ended;) { /* until a step gives a token to each */
        uint32_t before = n_tokens;
        status = step(d->engine, &n_tokens, &n_ended, err);
        last = n_tokens - before;
    }
    begin = now_ns(d->own_time);
    n_tokens = 0;
    for (uint32_t i = 0; status == trit_ok && i < d->n_tokens; i++) status = step(d->engine, &n_tokens, &n_ended, err);
    *seconds = (double)(now_ns(d->own_time) - begin) * 1e-9;
    if (status == trit_ok && (n_ended || n_tokens != d->batch * d->n_tokens))
        return trit_error_set(err, trit_fail, "a batch of %" PRIu32 " gave %" PRIu32 " tokens in %" PRIu32 " steps", d->batch, n_tokens, d->n_tokens);
    for (uint32_t i = 0; i < d->batch; i++) trit_engine_cancel(d->engine, ids[i]);
    while (status == trit_ok && !trit_engine_idle(d->engine)) status = step(d->engine, &n_tokens, &n_ended, err);
    return status;
}

static uint32_t longest(const trit_bench_list *list) {
    uint32_t most = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->item[i] > most) most = list->item[i];
    return most;
}

static bool has_q8_cache(const trit_run_choice *run) {
    return run->kv && strcmp(run->kv, "q8") == 0;
}

static double cache_value_bytes(const trit_run_choice *run, uint32_t head_dim) {
    if (run->kv && strcmp(run->kv, "f32") == 0) return 4;
    return has_q8_cache(run) ? 1 + 4.0 / head_dim : 2;
}

/* The work of one token of a test of `batch` sequences whose tokens stand at [first, last); `per_step` tokens share the weights. */
static void count_work(trit_bench_row *row, const bench_team *team, const trit_run_choice *run, uint32_t first, uint32_t last, double per_step,
                       bool every_logits) {
    trit_model_info info;
    trit_model_work w;
    trit_model_describe(team->loaded.model, &info);
    double value_bytes = cache_value_bytes(run, info.head_dim), attention = 0, cache = 0, n = last - first;
    for (uint32_t at = first; at < last; at++) {
        trit_model_count_work(team->loaded.model, at, &w);
        attention += (double)w.attention_macs;
        cache += (double)w.cache_values * value_bytes;
    }
    trit_model_count_work(team->loaded.model, first, &w);
    double logits = every_logits ? 1 : 1 / n, head_reads = every_logits ? 1 / per_step : 1 / n;
    row->bytes = (double)w.token.weight_bytes / per_step + (double)w.logits.weight_bytes * head_reads + (every_logits ? cache / n : 0);
    row->int8_macs = (double)w.token.int8_macs + (double)w.logits.int8_macs * logits;
    row->float_macs = (double)w.token.float_macs + (double)w.logits.float_macs * logits;
    *(has_q8_cache(run) ? &row->int8_macs : &row->float_macs) += attention / n;
    row->beyond_caches = w.token.weight_bytes + w.logits.weight_bytes > trit_os_cache_bytes();
}

static trit_status add_test(bench_run *run, bench_team *team, uint32_t n_prompt, uint32_t batch, uint32_t depth, trit_error *err) {
    const trit_bench_plan *plan = &run->doc->plan;
    trit_device_info device;
    trit_device_describe(team->loaded.device, &device);
    trit_bench_row *row = trit_bench_add_row(run->doc);
    bench_test *test = &team->tests[team->n_tests++];
    if (!row) return trit_error_memory(err, sizeof *row, "the results");
    *test = (bench_test){.row = run->doc->n_rows - 1, .n_prompt = n_prompt,
                         .decode = {.batch = batch, .depth = depth, .n_tokens = plan->n_tokens, .own_time = team->own_time}};
    row->threads = device.n_threads;
    row->batch = batch;
    row->depth = depth;
    snprintf(row->tier, sizeof row->tier, "%s", device.tier);
    snprintf(row->test, sizeof row->test, "%s%" PRIu32, n_prompt ? "pp" : "tg", n_prompt ? n_prompt : plan->n_tokens);
    if (n_prompt) {
        trit_engine_info engine;
        trit_engine_describe(team->prompts, &engine);
        uint32_t n_steps = (n_prompt + engine.chunk - 1) / engine.chunk;
        count_work(row, team, &plan->run, 0, n_prompt, (double)n_prompt / n_steps, false);
        return trit_ok;
    }
    trit_status status = trit_decode_init(&test->decode, team->loaded.model, &plan->run, err);
    if (status == trit_ok) count_work(row, team, &plan->run, test->decode.depth, test->decode.depth + plan->n_tokens, batch, true);
    return status;
}

static trit_status open_prompts(bench_team *team, const trit_bench_plan *plan, trit_error *err) {
    trit_model_info info;
    uint32_t most = longest(&plan->prompts);
    trit_model_describe(team->loaded.model, &info);
    if (most > info.context_length)
        return trit_error_set(err, trit_arg, "a prompt of %" PRIu32 " tokens is more than the model's context of %" PRIu32, most, info.context_length);
    trit_engine_opts opts = trit_engine_choice(&plan->run);
    opts.no_prefix_cache = true;
    if (opts.context < most) opts.context = most;
    team->prompt = trit_alloc(most, sizeof *team->prompt);
    if (!team->prompt) return trit_error_memory(err, most * sizeof *team->prompt, "a prompt");
    fill_prompt(team->prompt, most, info.vocab_size, 0);
    return trit_engine_new(&team->prompts, team->loaded.model, &opts, err);
}

static trit_status open_tests(bench_run *run, bench_team *team, trit_error *err) {
    const trit_bench_plan *plan = &run->doc->plan;
    trit_status status = run->in_turns ? trit_ok : trit_probe_new(&team->probe, team->loaded.device, err);
    if (status == trit_ok && plan->prompts.n) status = open_prompts(team, plan, err);
    for (size_t i = 0; i < plan->prompts.n && status == trit_ok; i++) status = add_test(run, team, plan->prompts.item[i], 1, 0, err);
    if (!plan->n_tokens) return status;
    for (size_t i = 0; i < plan->batches.n && status == trit_ok; i++) status = add_test(run, team, 0, plan->batches.item[i], 0, err);
    for (size_t i = 0; i < plan->depths.n && status == trit_ok; i++) status = add_test(run, team, 0, 1, plan->depths.item[i], err);
    return status;
}

static void close_team(bench_team *team) {
    for (size_t i = 0; i < team->n_tests; i++) trit_decode_fini(&team->tests[i].decode);
    trit_engine_free(team->prompts);
    trit_free(team->prompt);
    trit_probe_free(team->probe);
    trit_unload(&team->loaded);
}

static trit_limits middle(const trit_limits *a, const trit_limits *b) {
    return (trit_limits){(a->read_bytes_s + b->read_bytes_s) / 2, (a->int8_macs_s + b->int8_macs_s) / 2, (a->float_macs_s + b->float_macs_s) / 2};
}

static trit_status run_tests(bench_run *run, bench_team *team, double seconds[max_tests], trit_error *err) {
    trit_status status = trit_ok;
    for (size_t i = 0; i < team->n_tests && status == trit_ok; i++) {
        bench_test *t = &team->tests[i];
        status = t->n_prompt ? run_prompt(team->prompts, team->prompt, t->n_prompt, team->own_time, &seconds[i], err)
                             : trit_decode_run(&t->decode, &seconds[i], err);
        trit_progress_update(&run->bar, ++run->done, run->total);
    }
    return status;
}

static double units_of(const bench_test *t) {
    return t->n_prompt ? t->n_prompt : (double)t->decode.batch * t->decode.n_tokens;
}

static trit_status run_round(bench_run *run, bench_team *team, bool counts, trit_error *err) {
    trit_limits before, after;
    double seconds[max_tests] = {0};
    trit_probe_run(team->probe, false, &before);
    trit_status status = run_tests(run, team, seconds, err);
    if (status != trit_ok || !counts) return status;
    trit_probe_run(team->probe, false, &after);
    trit_bench_keep_best(&team->best, &before);
    trit_bench_keep_best(&team->best, &after);
    trit_limits limits = middle(&before, &after);
    for (size_t i = 0; i < team->n_tests; i++) trit_bench_sample(&run->doc->rows[team->tests[i].row], units_of(&team->tests[i]), seconds[i], &limits);
    return trit_ok;
}

/* In turns: no limits, which would only put time between the two programs. */
static trit_status run_turn(bench_run *run, bench_team *team, bool *last, trit_error *err) {
    double rates[max_tests] = {0};
    *last = !trit_bench_await_turn();
    if (*last) return trit_ok;
    trit_status status = run_tests(run, team, rates, err);
    for (size_t i = 0; i < team->n_tests; i++) rates[i] = units_of(&team->tests[i]) / rates[i];
    if (status == trit_ok) trit_bench_end_turn(rates, team->n_tests);
    return status;
}

static trit_status run_rounds(bench_run *run, trit_error *err) {
    trit_status status = trit_ok;
    bool last = false;
    for (uint32_t round = 0; round <= run->doc->plan.repetitions && status == trit_ok && !last; round++)
        for (size_t i = 0; i < run->n_teams && status == trit_ok && !last; i++)
            status = run->in_turns ? run_turn(run, &run->teams[i], &last, err) : run_round(run, &run->teams[i], round > 0, err);
    for (size_t i = 0; i < run->n_teams; i++)
        for (size_t t = 0; t < run->teams[i].n_tests; t++) run->doc->rows[run->teams[i].tests[t].row].limits = run->teams[i].best;
    return status;
}

static trit_status open_team(bench_run *run, bench_team *team, uint32_t threads, trit_error *err) {
    const trit_bench_plan *plan = &run->doc->plan;
    trit_run_choice choice = plan->run;
    choice.threads = threads;
    trit_status status = trit_load(&team->loaded, &plan->model, &choice, run->output, err);
    team->own_time = run->in_turns && threads == 1;
    return status == trit_ok ? open_tests(run, team, err) : status;
}

/* Teams [first, last) side by side. A team has a copy of the weights: see how many fit. */
static trit_status run_teams(bench_run *run, size_t first, size_t *last, trit_error *err) {
    const trit_bench_list *threads = &run->doc->plan.threads;
    size_t wanted = threads->n ? threads->n : 1;
    trit_status status = trit_ok;
    run->n_teams = 0;
    for (size_t i = first; i < wanted && status == trit_ok; i++) {
        status = open_team(run, &run->teams[run->n_teams++], threads->n ? threads->item[i] : 0, err);
        uint64_t memory = trit_os_memory_bytes();
        if (memory && trit_os_resident_bytes() / run->n_teams * (run->n_teams + 1) > memory / (run->in_turns ? 4 : 2)) break;
    }
    *last = first + run->n_teams;
    if (status == trit_ok && run->in_turns && *last < wanted)
        status = trit_error_set(err, trit_memory, "copies of the model for %zu numbers of threads do not fit into memory beside another program's: "
                                "compare one at a time (-t)", wanted);
    run->total = run->done;
    for (size_t i = 0; i < run->n_teams; i++) run->total += run->teams[i].n_tests * (run->doc->plan.repetitions + 1);
    trit_progress_init(&run->bar, "measuring", !run->output->quiet);
    if (status == trit_ok) status = run_rounds(run, err);
    trit_progress_fini(&run->bar);
    for (size_t i = 0; i < run->n_teams; i++) close_team(&run->teams[i]);
    memset(run->teams, 0, wanted * sizeof *run->teams);
    return status;
}

trit_status trit_bench_measure(trit_bench_doc *doc, bool in_turns, const trit_output_choice *output, trit_error *err) {
    size_t n = doc->plan.threads.n ? doc->plan.threads.n : 1;
    bench_run run = {.doc = doc, .output = output, .in_turns = in_turns, .teams = trit_alloc_zero(n, sizeof *run.teams)};
    if (!run.teams) return trit_error_memory(err, n * sizeof *run.teams, "the benchmark");
    trit_status status = trit_ok;
    for (size_t first = 0; first < n && status == trit_ok;) status = run_teams(&run, first, &first, err);
    trit_free(run.teams);
    return status;
}
