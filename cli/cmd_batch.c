/* trit batch: completes all prompts of a file, many at once. The answers are the same whatever runs beside them, so neither --parallel nor
 * an interruption changes a byte of the output. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/sha.h"
#include "command.h"
#include "constraint.h"
#include "conversation.h"
#include "draft.h"
#include "input.h"
#include "interrupt.h"
#include "journal.h"
#include "jsonw.h"
#include "load.h"
#include "out.h"
#include "prompt_file.h"
#include "sampling.h"
#include "step.h"

typedef struct batch_opts {
    const char *field, *format, *system, *chat_template, *date;
    int64_t parallel, samples, max_tokens;
    bool raw, ignore_eos;
    trit_opt_texts stop;
    trit_constraint_choice constraint;
    trit_sampling_choice sampling;
    trit_draft_choice draft;
    trit_model_choice model;
    trit_run_choice run;
    trit_output_choice output;
} batch_opts;

#define AT(field) offsetof(batch_opts, field)

static const trit_option prompts_options[] = {
    {"format", 0, trit_opt_choice, AT(format), "txt|csv|jsonl", 0, 0, "of IN: a prompt a line, a row or an object; without it by the file's name"},
    {"field", 0, trit_opt_text, AT(field), "NAME", 0, 0, "the column or key that holds the prompt; without it \"prompt\""},
    {"system", 0, trit_opt_text, AT(system), "TEXT", 0, 0, "a system message in front of each prompt; conversations bring their own"},
    {"chat-template", 0, trit_opt_file, AT(chat_template), "FILE", 0, 0, "this Jinja template instead of the model's own"},
    {"date", 0, trit_opt_text, AT(date), "DATE", 0, 0,
     "the day (and time) that templates are told: 2024-07-26 or 2024-07-26T12:00; without it when the run begins"},
    {"raw", 0, trit_opt_flag, AT(raw), NULL, 0, 0, "complete the texts as they stand, also where the model has a chat template"},
};

static const trit_option answers_options[] = {
    {"max-tokens", 'n', trit_opt_int, AT(max_tokens), "N", -1, 1 << 30, "tokens of an answer at most; -1: until an end token or the context's end"},
    {"samples", 0, trit_opt_int, AT(samples), "N", 1, 1 << 24, "answers to each prompt"},
    {"stop", 0, trit_opt_list, AT(stop), "TEXT", 0, 0, "end before this text; may be given several times"},
    {"ignore-eos", 0, trit_opt_flag, AT(ignore_eos), NULL, 0, 0, "go on after end tokens"},
    {"parallel", 0, trit_opt_int, AT(parallel), "N", 1, 1024, "answers at the same time"},
};

typedef struct batch {
    const batch_opts *opts;
    const char *out;
    trit_text input, template; /* files */
    trit_prompt_items prompts;
    trit_loaded loaded;
    trit_drafting drafting;
    trit_engine *engine;
    trit_grammar *grammar;
    trit_sampling_chosen chosen;
    trit_answer *answer; /* [n]: answer i is sample i % samples of prompt i / samples */
    size_t n, next, n_ended;
    uint32_t n_running;
    trit_text *text; /* [n]: of those that run */
    trit_journal journal;
    size_t n_resumed;
    uint64_t n_prompt, n_tokens, n_drafted, n_draft_right; /* of this process */
    trit_progress bar;
    bool is_written; /* the output is */
} batch;

/* ---- What was asked ---- */

static void add_text(trit_sha *sha, const char *s) {
    trit_sha_add(sha, s ? s : "", s ? strlen(s) : 0);
    trit_sha_add(sha, s ? "\1" : "\0", 1);
}

/* All that the answers depend on, but for the model's bytes: its name stands for them. */
static void fingerprint(const batch *b, char out[trit_sha_hex_max]) {
    const batch_opts *o = b->opts;
    const trit_sampling_choice *s = &o->sampling;
    trit_sha sha;
    char numbers[600];
    trit_sha256_init(&sha);
    for (size_t i = 0; i < b->prompts.n; i++) {
        add_text(&sha, b->prompts.item[i].text.data);
        add_text(&sha, b->prompts.item[i].is_conversation ? "conversation" : "prompt");
    }
    const char *const texts[] = {o->system, o->chat_template ? b->template.data : NULL, o->date, o->model.model, o->model.tokenizer, o->model.activation,
                                 o->model.activations, o->model.i2_s_block, o->constraint.grammar,
                                 o->constraint.schema, o->model.kernel_config, o->run.kv, o->run.device};
    for (size_t i = 0; i < TRIT_COUNT(texts); i++) add_text(&sha, texts[i]);
    const trit_opt_texts *const lists[] = {&o->stop, &o->model.loras, &s->logit_bias, &s->dry_breakers};
    for (size_t i = 0; i < TRIT_COUNT(lists); i++)
        for (size_t k = 0; k <= lists[i]->n; k++) add_text(&sha, k < lists[i]->n ? lists[i]->item[k] : NULL);
    snprintf(numbers, sizeof numbers,
             "%d %d %" PRId64 " %" PRId64 " %" PRId64 " %a %a %a %a %a %a %a %a %a %a %a %a %a %a %a %a %" PRId64 " %" PRId64 " %" PRId64
             " %" PRId64 " %" PRId64 " %" PRId64,
             o->raw, o->ignore_eos, o->max_tokens, o->samples, o->run.context, s->temperature, s->dynatemp_range, s->dynatemp_exp, s->top_p,
             s->min_p, s->typical, s->top_n_sigma, s->xtc_probability, s->xtc_threshold, s->repeat_penalty, s->presence_penalty,
             s->frequency_penalty, s->dry_multiplier, s->dry_base, s->mirostat_tau, s->mirostat_eta, s->top_k, s->repeat_last_n,
             s->dry_allowed_length, s->dry_last_n, s->mirostat, s->seed);
    add_text(&sha, numbers);
    trit_sha_hex(&sha, out);
}

static trit_status read_prompts(batch *b, const char *in, trit_error *err) {
    const batch_opts *o = b->opts;
    trit_status status = trit_input_read(&b->input, in, err);
    if (status == trit_ok)
        status = trit_prompt_items_read(&b->prompts, b->input.data, b->input.n, in, trit_prompt_format_of(o->format, in), o->field, err);
    trit_text_fini(&b->input);
    if (status != trit_ok) return status;
    b->n = b->prompts.n * (size_t)o->samples;
    b->answer = trit_alloc_zero(b->n, sizeof *b->answer);
    b->text = trit_alloc_zero(b->n, sizeof *b->text);
    return b->answer && b->text ? trit_ok : trit_error_memory(err, b->n * (sizeof *b->answer + sizeof *b->text), "the answers");
}

/* One moment for all prompts, and for what a later process adds. */
static void choose_date(char *out, size_t n, const char *asked) {
    const time_t now = time(NULL);
    struct tm local;
    if (asked) snprintf(out, n, "%s", asked);
    else if (!localtime_r(&now, &local) || !strftime(out, n, "%Y-%m-%dT%H:%M:%S", &local)) snprintf(out, n, "1970-01-01");
}

static trit_status open_model(batch *b, trit_error *err) {
    const batch_opts *o = b->opts;
    trit_status status = trit_load(&b->loaded, &o->model, &o->run, &o->output, err);
    if (status != trit_ok) return status;
    if (!b->loaded.tokenizer)
        return trit_error_set(err, trit_arg, "%s: the model has no tokenizer; give one with --tokenizer", trit_model_choice_name(&o->model));
    trit_engine_opts engine = trit_engine_choice(&o->run);
    engine.max_sequences = (uint32_t)((uint64_t)o->parallel < b->n ? (uint64_t)o->parallel : b->n);
    status = trit_drafting_open(&b->drafting, &o->draft, b->loaded.device, &o->output, err);
    engine.draft_model = b->drafting.model;
    return status != trit_ok ? status : trit_engine_new(&b->engine, b->loaded.model, &engine, err);
}

/* ---- One answer ---- */

static trit_status end_answer(batch *b, size_t i, const char *stop, const char *error, trit_error *err) {
    trit_answer *a = &b->answer[i];
    snprintf(a->stop, sizeof a->stop, "%s", stop);
    a->text = b->text[i].data;
    a->n_text = b->text[i].n;
    b->text[i] = (trit_text){0};
    if (error && !(a->error = trit_strndup(error, strlen(error)))) return trit_error_memory(err, strlen(error), "an answer");
    a->is_done = true;
    b->n_ended++;
    trit_progress_update(&b->bar, b->n_ended, b->n);
    return trit_journal_add(&b->journal, i, err);
}

static trit_status make_prompt(batch *b, trit_prompt *prompt, size_t i, trit_error *err) {
    const batch_opts *o = b->opts;
    const trit_prompt_item *item = &b->prompts.item[i / (size_t)o->samples];
    const trit_conversation_choice c = {.system = item->is_conversation ? NULL : o->system, .chat_template = o->chat_template,
                                        .date = b->journal.date, .read_template = &b->template};
    const trit_prompt_choice p = {.raw = o->raw};
    if (item->is_conversation && o->raw) return trit_error_set(err, trit_arg, "a conversation, and --raw completes text as it stands");
    if (!trit_text_append(&prompt->text, item->text.data ? item->text.data : "", item->text.n)) return trit_error_memory(err, item->text.n, "a prompt");
    trit_status status = item->is_conversation ? trit_conversation_render_record(prompt, &c, b->loaded.model, "the record", err)
                                               : trit_conversation_render(prompt, &c, &p, b->loaded.model, err);
    return status == trit_ok ? trit_prompt_encode(prompt, &p, b->loaded.tokenizer, err) : status;
}

/* A prompt that the model cannot take is an answer, too: the others go on. */
static trit_status start_answer(batch *b, size_t i, trit_error *err) {
    const batch_opts *o = b->opts;
    trit_prompt prompt = {0};
    trit_status status = make_prompt(b, &prompt, i, err);
    if (status == trit_ok) {
        trit_request request = {.prompt = prompt.ids.data, .n_prompt = prompt.ids.n, .sampling = b->chosen.sampling, .stop = o->stop.item,
                                .n_stop = o->stop.n, .ignore_eog = o->ignore_eos, .prefill_only = o->max_tokens == 0,
                                .max_tokens = o->max_tokens > 0 ? (uint32_t)o->max_tokens : 0, .user = (void *)(uintptr_t)i,
                                .grammar = b->grammar, .draft = b->drafting.draft, .draft_max = b->drafting.max};
        uint64_t id;
        request.sampling.seed = trit_rng_u64(b->journal.seed, i) >> 32;
        status = trit_engine_submit(b->engine, &request, &id, err);
    }
    trit_prompt_fini(&prompt);
    if (status == trit_ok) b->n_running++;
    if (status == trit_ok || status == trit_memory || status == trit_cancelled) return status;
    trit_error inner = *err;
    return end_answer(b, i, "error", inner.message, err);
}

static trit_status take_event(batch *b, const trit_event *e, trit_error *err) {
    const size_t i = (size_t)(uintptr_t)e->user;
    trit_answer *a = &b->answer[i];
    if (!trit_text_append(&b->text[i], e->text ? e->text : "", e->n_text)) return trit_error_memory(err, e->n_text, "an answer");
    if (e->token >= 0) b->n_tokens++;
    if (e->stop == trit_stop_none) return trit_ok;
    a->n_prompt = e->n_prompt;
    a->n_tokens = e->n_generated;
    b->n_prompt += e->n_prompt;
    b->n_drafted += e->n_drafted;
    b->n_draft_right += e->n_draft_right;
    b->n_running--;
    return end_answer(b, i, trit_stop_reason_text(e->stop), NULL, err);
}

static trit_status run_all(batch *b, trit_error *err) {
    trit_status status = trit_ok;
    while (status == trit_ok) {
        while (status == trit_ok && b->next < b->n && b->n_running < (uint32_t)b->opts->parallel && !trit_interrupted()) {
            if (!b->answer[b->next].is_done) status = start_answer(b, b->next, err);
            b->next++;
        }
        const trit_event *events;
        size_t n = 0;
        if (status == trit_ok) status = trit_step(b->engine, &events, &n, err);
        for (size_t i = 0; i < n && status == trit_ok; i++) status = take_event(b, &events[i], err);
        if (status == trit_ok && b->next == b->n && !b->n_running) break;
    }
    return status;
}

/* ---- The output ---- */

static bool put_jsonl(const batch *b, size_t i, trit_text *out) {
    const trit_answer *a = &b->answer[i];
    const trit_prompt_item *item = &b->prompts.item[i / (size_t)b->opts->samples];
    trit_jsonw w = {.text = *out};
    trit_jsonw_object(&w);
    trit_jsonw_put_uint(&w, "index", i / (size_t)b->opts->samples);
    if (b->opts->samples > 1) trit_jsonw_put_uint(&w, "sample", i % (size_t)b->opts->samples);
    if (!item->is_conversation) {
        trit_jsonw_key(&w, "prompt");
        trit_jsonw_strn(&w, item->text.data ? item->text.data : "", item->text.n);
    }
    trit_jsonw_key(&w, "completion");
    trit_jsonw_strn(&w, a->text ? a->text : "", a->n_text);
    trit_jsonw_put_str(&w, "stop_reason", a->stop);
    if (a->error) trit_jsonw_put_str(&w, "error", a->error);
    trit_jsonw_put_uint(&w, "prompt_tokens", a->n_prompt);
    trit_jsonw_put_uint(&w, "completion_tokens", a->n_tokens);
    trit_jsonw_close(&w, '}');
    *out = w.text;
    return !w.failed && trit_text_append(out, "\n", 1);
}

static bool put_csv(const batch *b, size_t i, trit_text *out) {
    const trit_answer *a = &b->answer[i];
    const trit_text *prompt = &b->prompts.item[i / (size_t)b->opts->samples].text;
    bool ok = i || trit_text_format(out, "prompt,completion,stop_reason\r\n");
    ok = ok && trit_csv_put(out, prompt->data ? prompt->data : "", prompt->n) && trit_text_append(out, ",", 1);
    return ok && trit_csv_put(out, a->text ? a->text : "", a->n_text) && trit_text_format(out, ",%s\r\n", a->stop);
}

/* One line an answer: line breaks and backslashes in it are escaped. */
static bool put_txt(const batch *b, size_t i, trit_text *out) {
    const trit_answer *a = &b->answer[i];
    bool ok = true;
    for (size_t k = 0; k < a->n_text && ok; k++) {
        const char *c = &a->text[k];
        const char *escaped = *c == '\n' ? "\\n" : *c == '\r' ? "\\r" : *c == '\\' ? "\\\\" : NULL;
        ok = trit_text_append(out, escaped ? escaped : c, escaped ? 2 : 1);
    }
    return ok && trit_text_append(out, "\n", 1);
}

static trit_status write_output(const batch *b, trit_error *err) {
    trit_text text = {0};
    const trit_prompt_format format = trit_prompt_format_of(NULL, b->out);
    bool ok = true;
    for (size_t i = 0; i < b->n && ok; i++)
        ok = format == trit_prompts_csv ? put_csv(b, i, &text) : format == trit_prompts_jsonl ? put_jsonl(b, i, &text) : put_txt(b, i, &text);
    trit_status status = ok ? trit_os_write_file(b->out, text.data, text.n, err) : trit_error_memory(err, text.n, "the output");
    trit_text_fini(&text);
    return status;
}

static trit_status report(const batch *b, double seconds, trit_error *err) {
    size_t n_failed = 0;
    const trit_answer *first = NULL;
    for (size_t i = 0; i < b->n; i++) {
        if (!b->answer[i].error) continue;
        if (!n_failed++) first = &b->answer[i];
    }
    const double tps = seconds > 0 ? (double)b->n_tokens / seconds : 0;
    trit_status status = trit_ok;
    if (b->opts->output.json) {
        trit_jsonw w = {0};
        trit_jsonw_object(&w);
        trit_jsonw_put_str(&w, "output", b->out);
        trit_jsonw_put_uint(&w, "prompts", b->prompts.n);
        trit_jsonw_put_uint(&w, "answers", b->n);
        trit_jsonw_put_uint(&w, "resumed", b->n_resumed);
        trit_jsonw_put_uint(&w, "failed", n_failed);
        trit_jsonw_put_uint(&w, "prompt_tokens", b->n_prompt);
        trit_jsonw_put_uint(&w, "tokens", b->n_tokens);
        trit_jsonw_put_uint(&w, "seed", b->journal.seed);
        trit_jsonw_put_f64(&w, "tps", tps);
        if (b->opts->draft.draft) {
            trit_jsonw_put_uint(&w, "drafted", b->n_drafted);
            trit_jsonw_put_uint(&w, "accepted", b->n_draft_right);
        }
        trit_jsonw_close(&w, '}');
        status = trit_jsonw_finish(&w, err);
    } else if (!b->opts->output.quiet) {
        fprintf(stderr, "%zu answers%s, %" PRIu64 " tokens, %.1f tok/s\n", b->n - b->n_resumed, b->n_resumed ? " more" : "", b->n_tokens, tps);
    }
    if (status != trit_ok || !n_failed) return status;
    return trit_error_set(err, trit_fail, "%zu of %zu prompts have no answer; the first: %s", n_failed, b->n, first->error);
}

static trit_status work(batch *b, trit_error *err) {
    const batch_opts *o = b->opts;
    char run[trit_sha_hex_max];
    char date[32];
    fingerprint(b, run);
    choose_date(date, sizeof date, o->date);
    trit_status status = trit_journal_open(&b->journal, b->out, run, b->chosen.sampling.seed, date, b->answer, b->n, err);
    b->n_resumed = b->n_ended = b->journal.n_done;
    if (status == trit_ok && b->n_resumed < b->n) status = open_model(b, err);
    if (status != trit_ok) return status;
    const uint64_t start = trit_os_clock_ns();
    trit_progress_init(&b->bar, "completing", !o->output.quiet);
    if (b->n_resumed < b->n) status = run_all(b, err);
    trit_progress_fini(&b->bar);
    if (status == trit_ok) status = write_output(b, err);
    b->is_written = status == trit_ok;
    if (status == trit_cancelled && !o->output.quiet)
        fprintf(stderr, "%zu of %zu answers are in %s; the same command goes on from there\n", b->n_ended, b->n, b->journal.path.data);
    return status == trit_ok ? report(b, (double)(trit_os_clock_ns() - start) * 1e-9, err) : status;
}

/* What does not go together, before anything is read. */
static trit_status check(const batch_opts *o, const trit_args *args, trit_error *err) {
    if (args->n != 2) return trit_error_set(err, trit_arg, "an input and an output are wanted (trit batch prompts.txt answers.jsonl)");
    if (trit_os_same_file(args->item[0], args->item[1]))
        return trit_error_set(err, trit_arg, "%s: the output would replace the prompts", args->item[1]);
    const trit_prompt_choice p = {.raw = o->raw};
    return trit_conversation_check(&(trit_conversation_choice){.system = o->system, .chat_template = o->chat_template, .date = o->date}, &p,
                                   &(trit_prompt){0}, err);
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    batch b = {.opts = opts};
    trit_status status = check(b.opts, args, err);
    if (status != trit_ok) return status;
    b.out = args->item[1];
    status = trit_sampling_choose(&b.chosen, &b.opts->sampling, err);
    if (status == trit_ok) status = trit_constraint_make(&b.grammar, &b.opts->constraint, err);
    if (status == trit_ok && b.opts->chat_template) status = trit_input_read(&b.template, b.opts->chat_template, err);
    if (status == trit_ok) status = read_prompts(&b, args->item[0], err);
    if (status == trit_ok) {
        status = work(&b, err);
        trit_journal_close(&b.journal, !b.is_written && b.n_ended);
    }
    trit_engine_free(b.engine);
    trit_drafting_fini(&b.drafting);
    trit_grammar_free(b.grammar);
    trit_unload(&b.loaded);
    for (size_t i = 0; b.answer && b.text && i < b.n; i++) {
        trit_free(b.answer[i].text);
        trit_free(b.answer[i].error);
        trit_text_fini(&b.text[i]);
    }
    trit_free(b.answer);
    trit_free(b.text);
    trit_prompt_items_fini(&b.prompts);
    trit_text_fini(&b.input);
    trit_text_fini(&b.template);
    return status;
}

static const trit_opt_group groups[] = {
    {"Prompts", prompts_options, TRIT_COUNT(prompts_options), 0},
    {"Answers", answers_options, TRIT_COUNT(answers_options), 0},
    TRIT_CONSTRAINT_GROUP(batch_opts, constraint),
    TRIT_SAMPLING_GROUP(batch_opts, sampling),
    TRIT_DRAFT_GROUP(batch_opts, draft),
    TRIT_MODEL_GROUP(batch_opts, model),
    TRIT_RUN_GROUP(batch_opts, run),
    TRIT_OUTPUT_GROUP(batch_opts, output),
};

static const trit_example examples[] = {
    {"trit batch prompts.txt answers.jsonl -n 100", "the built-in model completes each line"},
    {"trit batch -m model.gguf questions.csv answers.csv --field question", "a column of a table"},
    {"trit batch -m model.gguf chats.jsonl out.jsonl --chat-template chat.jinja", "a conversation ({\"messages\": [...]}) a line"},
    {"trit batch starts.txt stories.jsonl --samples 5 -n 50 --temp 1 --seed 1", "five different answers to each prompt"},
};

static const batch_opts defaults = {.parallel = 8, .samples = 1, .max_tokens = -1, .sampling = TRIT_SAMPLING_DEFAULTS};

const trit_command trit_cmd_batch = {
    .usage = "[options] IN OUT",
    .about = "Completes all prompts of a file, many at the same time, and writes the answers in the order of the prompts. OUT's name says the form: "
             ".jsonl (prompt, completion, stop_reason, token counts), .csv, or one answer a line with \\n for line breaks.\n\n"
             "What is done is kept beside the output, in OUT.part: after an interruption the same command goes on where it was. The answers are the "
             "same with any --parallel.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
