/* trit run: completes a prompt, streaming. One request on one engine. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "base/progress.h"
#include "beams.h"
#include "command.h"
#include "constraint.h"
#include "conversation.h"
#include "draft.h"
#include "interrupt.h"
#include "jsonw.h"
#include "load.h"
#include "logprobs.h"
#include "out.h"
#include "prompt.h"
#include "sampling.h"
#include "session.h"

typedef struct answer_choice {
    int64_t max_tokens; /* -1: no limit but the context */
    int64_t logprobs;   /* -1: none */
    trit_opt_texts stop;
    bool ignore_eos;
} answer_choice;

typedef struct run_opts {
    trit_prompt_choice prompt;
    trit_conversation_choice conversation;
    trit_session_choice session;
    answer_choice answer;
    trit_constraint_choice constraint;
    trit_sampling_choice sampling;
    trit_beam_choice beam;
    trit_draft_choice draft;
    trit_model_choice model;
    trit_run_choice run;
    trit_output_choice output;
} run_opts;

static const trit_option answer_options[] = {
    {"max-tokens", 'n', trit_opt_int, offsetof(answer_choice, max_tokens), "N", -1, 1 << 30,
     "tokens at most; -1: until an end token comes or the context is full"},
    {"stop", 0, trit_opt_list, offsetof(answer_choice, stop), "TEXT", 0, 0, "end before this text; may be given several times"},
    {"ignore-eos", 0, trit_opt_flag, offsetof(answer_choice, ignore_eos), NULL, 0, 0, "go on after end tokens"},
    {"logprobs", 0, trit_opt_int, offsetof(answer_choice, logprobs), "N", 0, trit_max_logprobs,
     "show each token on a line with its log probability and those of the N most likely ones"},
};

/* What happened so far. */
typedef struct run_state {
    const run_opts *opts;
    trit_loaded loaded;
    trit_drafting drafting;
    trit_prompt prompt;
    trit_grammar *grammar;
    trit_sampling_chosen chosen;
    trit_engine *engine;
    trit_talk talk;      /* of --session */
    trit_ids tokens;
    trit_text text;      /* with --json or --session */
    trit_jsonw logprobs; /* with --json: an open array */
    trit_jsonw beams;    /* with --json: an array */
    trit_progress bar;   /* of a search */
    char last_byte;      /* of what was printed */
    trit_stop_reason stop;
    uint32_t n_prompt, n_cached, n_drafted, n_draft_right;
    uint64_t start_ns, first_ns, last_ns; /* of the request, its first token (or the end of the prompt) and its last */
} run_state;

/* The answer's text as it comes, or the ids where the model has no tokenizer; with --logprobs a line for each token. */
static void print_event(run_state *s, const trit_event *e) {
    if (s->opts->answer.logprobs >= 0) {
        if (e->n_logprobs) trit_logprobs_print(e->logprobs, e->n_logprobs, s->loaded.tokenizer);
    } else if (s->loaded.tokenizer) {
        trit_out_write(e->text, e->n_text);
        if (e->n_text) s->last_byte = e->text[e->n_text - 1];
    } else if (e->token >= 0) {
        trit_out_printf("%s%" PRId32, s->tokens.n > 1 ? " " : "", e->token);
        s->last_byte = '0';
    }
    trit_out_flush();
}

static trit_status take_event(run_state *s, const trit_event *e, trit_error *err) {
    s->last_ns = trit_os_clock_ns();
    if (!s->first_ns) s->first_ns = s->last_ns;
    s->n_prompt = e->n_prompt;
    s->n_cached = e->n_cached;
    s->n_drafted = e->n_drafted;
    s->n_draft_right = e->n_draft_right;
    s->stop = e->stop;
    bool ok = e->token < 0 || trit_ids_push(&s->tokens, e->token);
    if (!s->opts->output.json) print_event(s, e);
    if (s->opts->output.json || s->opts->session.session) ok = ok && trit_text_append(&s->text, e->text ? e->text : "", e->n_text);
    if (!ok) return trit_error_set(err, trit_memory, "out of memory: the answer");
    if (e->n_logprobs && s->opts->output.json) trit_logprobs_json(&s->logprobs, e->logprobs, e->n_logprobs, s->loaded.tokenizer);
    if (e->stop != trit_stop_error) return trit_ok;
    if (e->error && err) *err = *e->error;
    return e->error ? e->error->status : trit_fail;
}

static trit_status generate(run_state *s, trit_error *err) {
    const answer_choice *answer = &s->opts->answer;
    trit_request request = {
        .prompt = s->prompt.ids.data,
        .n_prompt = s->prompt.ids.n,
        .max_tokens = answer->max_tokens > 0 ? (uint32_t)answer->max_tokens : 0,
        .prefill_only = answer->max_tokens == 0,
        .sampling = s->chosen.sampling,
        .stop = answer->stop.item,
        .n_stop = answer->stop.n,
        .ignore_eog = answer->ignore_eos,
        .n_logprobs = answer->logprobs > 0 ? (uint32_t)answer->logprobs : 0,
        .want_logprob = answer->logprobs >= 0,
        .grammar = s->grammar,
        .draft = s->drafting.draft,
        .draft_max = s->drafting.max,
    };
    uint64_t id;
    bool cancelled = false;
    s->start_ns = trit_os_clock_ns();
    trit_status status = trit_engine_submit(s->engine, &request, &id, err);
    while (status == trit_ok && s->stop == trit_stop_none) {
        if (!cancelled && (trit_interrupted() || !trit_out_usable())) {
            trit_engine_cancel(s->engine, id);
            cancelled = true;
        }
        const trit_event *events;
        size_t n_events = 0;
        status = trit_engine_step(s->engine, &events, &n_events, err);
        for (size_t i = 0; i < n_events && status == trit_ok; i++) status = take_event(s, &events[i], err);
        if (status == trit_ok && !n_events && trit_engine_idle(s->engine)) break;
    }
    return status;
}

static bool on_step(void *user, uint32_t n_tokens) {
    run_state *s = user;
    s->last_ns = trit_os_clock_ns();
    if (!s->first_ns) s->first_ns = s->last_ns;
    trit_progress_update(&s->bar, n_tokens, s->opts->answer.max_tokens > 0 ? (uint64_t)s->opts->answer.max_tokens : 0);
    return !trit_interrupted();
}

/* The best answer of a beam search becomes the answer. */
static trit_status take_best(run_state *s, const trit_beam_result *r, trit_error *err) {
    const trit_hypothesis *best = &r->hypothesis[0];
    s->n_prompt = (uint32_t)s->prompt.ids.n;
    s->stop = best->stop;
    for (uint32_t i = 0; i < best->n_tokens; i++)
        if (!trit_ids_push(&s->tokens, best->tokens[i])) return trit_error_memory(err, best->n_tokens * sizeof(int32_t), "the answer");
    trit_status status = trit_ok;
    if (s->loaded.tokenizer) status = trit_beams_text(&s->text, best, &s->prompt.ids, s->loaded.tokenizer, err);
    if (status == trit_ok && s->opts->output.json) return trit_beams_json(&s->beams, r, &s->prompt.ids, s->loaded.tokenizer, err);
    if (status != trit_ok) return status;
    if (s->loaded.tokenizer) print_event(s, &(trit_event){.token = -1, .text = s->text.data ? s->text.data : "", .n_text = s->text.n});
    for (size_t i = 0; i < s->tokens.n && !s->loaded.tokenizer; i++) {
        trit_out_printf("%s%" PRId32, i ? " " : "", s->tokens.data[i]);
        s->last_byte = '0';
    }
    return trit_ok;
}

static trit_status search(run_state *s, trit_error *err) {
    const run_opts *o = s->opts;
    trit_engine_opts run = trit_engine_choice(&o->run);
    trit_beam_opts opts = trit_beams_opts(&o->beam);
    opts.max_tokens = o->answer.max_tokens > 0 ? (uint32_t)o->answer.max_tokens : 0;
    opts.ignore_eog = o->answer.ignore_eos;
    opts.context = run.context;
    opts.chunk = run.chunk;
    opts.kv = run.kv;
    opts.on_step = on_step;
    opts.user = s;
    trit_beam_result result = {0};
    trit_progress_init(&s->bar, "searching", !o->output.quiet);
    s->start_ns = trit_os_clock_ns();
    trit_status status = trit_beam_search(&result, s->loaded.model, s->prompt.ids.data, s->prompt.ids.n, &opts, err);
    trit_progress_fini(&s->bar);
    if (status == trit_ok) status = take_best(s, &result, err);
    trit_beam_result_fini(&result);
    return status;
}

typedef struct run_times {
    double ttft_ms, prompt_tps, decode_tps;
} run_times;

static run_times times_of(const run_state *s) {
    double first = (double)(s->first_ns - s->start_ns) * 1e-9, rest = (double)(s->last_ns - s->first_ns) * 1e-9;
    uint32_t computed = s->n_prompt - s->n_cached;
    return (run_times){
        .ttft_ms = first * 1e3,
        .prompt_tps = first > 0 ? computed / first : 0,
        .decode_tps = rest > 0 && s->tokens.n > 1 ? (double)(s->tokens.n - 1) / rest : 0,
    };
}

static trit_status print_json(run_state *s, trit_error *err) {
    trit_jsonw w = {0};
    run_times t = times_of(s);
    trit_jsonw_object(&w);
    trit_jsonw_put_str(&w, "model", s->opts->model.model);
    trit_jsonw_put_uint(&w, "prompt_tokens", s->n_prompt);
    trit_jsonw_put_uint(&w, "cached_tokens", s->n_cached);
    trit_jsonw_key(&w, "tokens");
    trit_jsonw_ids(&w, s->tokens.data, s->tokens.n);
    trit_jsonw_key(&w, "text");
    if (s->loaded.tokenizer) trit_jsonw_strn(&w, s->text.data, s->text.n);
    else trit_jsonw_null(&w);
    trit_jsonw_put_str(&w, "stop_reason", trit_stop_reason_text(s->stop));
    trit_jsonw_put_uint(&w, "seed", s->chosen.sampling.seed);
    trit_jsonw_put_f64(&w, "prompt_tps", t.prompt_tps);
    trit_jsonw_put_f64(&w, "decode_tps", t.decode_tps);
    trit_jsonw_put_f64(&w, "load_ms", s->loaded.load_ms);
    trit_jsonw_put_f64(&w, "ttft_ms", t.ttft_ms);
    if (s->opts->draft.draft) {
        trit_jsonw_put_uint(&w, "drafted", s->n_drafted);
        trit_jsonw_put_uint(&w, "accepted", s->n_draft_right);
    }
    if (s->opts->answer.logprobs >= 0) {
        trit_jsonw_close(&s->logprobs, ']');
        trit_jsonw_key(&w, "logprobs");
        trit_jsonw_raw(&w, &s->logprobs);
    }
    if (s->opts->beam.beams) {
        trit_jsonw_key(&w, "beams");
        trit_jsonw_raw(&w, &s->beams);
    }
    trit_jsonw_close(&w, '}');
    return trit_jsonw_finish(&w, err);
}

static void print_notes(const run_state *s) {
    run_times t = times_of(s);
    fprintf(stderr, "prompt: %" PRIu32 " tokens, %.1f tok/s; answer: %zu tokens, %.1f tok/s; loaded in %.0f ms, first token after %.0f ms\n",
            s->n_prompt, t.prompt_tps, s->tokens.n, t.decode_tps, s->loaded.load_ms, t.ttft_ms);
    if (s->opts->draft.draft) fprintf(stderr, "drafts: %" PRIu32 " tokens, %" PRIu32 " of them right\n", s->n_drafted, s->n_draft_right);
    if (!s->opts->output.verbose || !s->engine) return;
    trit_engine_info info;
    trit_engine_describe(s->engine, &info);
    fprintf(stderr, "stopped: %s; seed: %" PRIu64 "; context: %" PRIu32 "; attention cache: %.1f MB (%s); scratch: %.1f MB\n",
            trit_stop_reason_text(s->stop), s->chosen.sampling.seed, info.context, (double)info.kv_bytes * 1e-6, info.kv_type,
            (double)info.scratch_bytes * 1e-6);
}

static trit_status finish(run_state *s, trit_error *err) {
    const trit_output_choice *output = &s->opts->output;
    trit_status status = trit_ok;
    if (output->json) {
        status = print_json(s, err);
    } else {
        if (s->last_byte && s->last_byte != '\n') trit_out_puts("\n");
        trit_out_flush();
        if (!output->quiet && trit_out_usable()) print_notes(s);
    }
    return status == trit_ok && trit_interrupted() ? trit_cancelled : status;
}

static bool is_synthetic(const char *ref) {
    return ref && strncmp(ref, "synthetic:", strlen("synthetic:")) == 0;
}

/* What the model would be given, and nothing else. */
static trit_status print_rendering(run_state *s, trit_error *err) {
    const run_opts *o = s->opts;
    trit_status status = trit_ok;
    if (!trit_conversation_needs_no_model(&o->conversation)) status = trit_load(&s->loaded, &o->model, NULL, &o->output, err);
    if (status == trit_ok) status = trit_conversation_render(&s->prompt, &o->conversation, &o->prompt, s->loaded.model, err);
    if (status == trit_ok) trit_out_write(s->prompt.text.data ? s->prompt.text.data : "", s->prompt.text.n);
    return status;
}

/* The session's conversation with the prompt as its next message becomes the prompt. A message without an answer (of -n 0) needs no prompt to
 * get one. */
static trit_status take_up_session(run_state *s, trit_error *err) {
    const run_opts *o = s->opts;
    const char *system = o->conversation.system;
    const bool is_raw = o->prompt.raw || (!o->conversation.chat_template && !trit_model_chat_template(s->loaded.model));
    if (!s->loaded.tokenizer) return trit_error_set(err, trit_arg, "the model has no tokenizer, which --session needs: give a --tokenizer FILE");
    trit_status status = trit_session_begin(&s->talk, s->engine, o->session.session, &o->output, err);
    if (status != trit_ok) return status;
    if (!is_raw && s->prompt.is_none && !trit_talk_unanswered(&s->talk)) return trit_error_set(err, trit_arg, "a conversation needs a prompt");
    if ((system && !trit_talk_instruct(&s->talk, system, strlen(system))) ||
        (!s->prompt.is_none && !trit_talk_say(&s->talk, s->prompt.text.data ? s->prompt.text.data : "", s->prompt.text.n)))
        return trit_error_memory(err, s->prompt.text.n, "the conversation");
    return trit_conversation_render_talk(&s->prompt, &s->talk, is_raw, &o->conversation, s->loaded.model, err);
}

/* The answer belongs to the conversation, as far as it came. */
static trit_status end_session(run_state *s, trit_status ended, trit_error *err) {
    const run_opts *o = s->opts;
    if (o->answer.max_tokens != 0 && !trit_talk_push(&s->talk, "assistant", s->text.data ? s->text.data : "", s->text.n))
        return trit_error_memory(err, s->text.n, "the conversation");
    return trit_session_end(&s->talk, s->engine, o->session.session, &o->output, ended, err);
}

static trit_status complete(run_state *s, trit_error *err) {
    const run_opts *o = s->opts;
    trit_status status = trit_load(&s->loaded, &o->model, &o->run, &o->output, err);
    if (status == trit_ok && !o->beam.beams) {
        trit_engine_opts engine_opts = trit_engine_choice(&o->run);
        status = trit_drafting_open(&s->drafting, &o->draft, s->loaded.device, &o->output, err);
        engine_opts.draft_model = s->drafting.model;
        if (status == trit_ok) status = trit_engine_new(&s->engine, s->loaded.model, &engine_opts, err);
    }
    if (status == trit_ok)
        status = o->session.session ? take_up_session(s, err)
                                    : trit_conversation_render(&s->prompt, &o->conversation, &o->prompt, s->loaded.model, err);
    if (status == trit_ok && s->prompt.is_none && !o->session.session && is_synthetic(o->model.model)) {
        trit_model_info info;
        trit_model_describe(s->loaded.model, &info);
        status = trit_prompt_invent(&s->prompt, info.vocab_size, err);
    }
    if (status == trit_ok) status = trit_prompt_encode(&s->prompt, &o->prompt, s->loaded.tokenizer, err);
    if (status == trit_ok) status = o->beam.beams ? search(s, err) : generate(s, err);
    if (status == trit_ok) {
        status = finish(s, err);
        return o->session.session ? end_session(s, status, err) : status;
    }
    if (!o->output.json && s->last_byte && s->last_byte != '\n') trit_out_puts("\n");
    return status;
}

/* A session has its own conversation, which the prompt goes on with. */
static trit_status check_session(const run_opts *o, trit_error *err) {
    const trit_conversation_choice *c = &o->conversation;
    const char *other = o->beam.beams ? "--beams" : o->prompt.ids ? "--ids" : c->messages ? "--messages" : c->render_only ? "--render-only" : NULL;
    if (!o->session.session || !other) return trit_ok;
    return trit_error_set(err, trit_arg, "--session does not go with %s", other);
}

/* A search has its answers at the end: what belongs to single tokens does not go with it. */
static trit_status check_beams(const run_opts *o, trit_error *err) {
    const char *constraint = trit_constraint_option(&o->constraint);
    const char *other = o->answer.logprobs >= 0 ? "--logprobs" : o->answer.stop.n ? "--stop" : o->answer.max_tokens == 0 ? "-n 0" : constraint;
    if (!other) other = o->draft.draft ? "--draft" : o->draft.max ? "--draft-max" : NULL;
    if (!o->beam.beams || !other) return trit_ok;
    return trit_error_set(err, trit_arg, "--beams does not go with %s", other);
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    run_state s = {.opts = opts};
    const trit_prompt_choice *p = &s.opts->prompt;
    trit_status status = check_beams(s.opts, err);
    if (status == trit_ok) status = check_session(s.opts, err);
    if (status == trit_ok) status = trit_sampling_choose(&s.chosen, &s.opts->sampling, err);
    if (status == trit_ok) status = trit_constraint_make(&s.grammar, &s.opts->constraint, err);
    if (status != trit_ok) return status;
    if (s.opts->answer.logprobs >= 0) trit_jsonw_array(&s.logprobs);
    if (s.opts->conversation.messages && !args->n && !p->prompt && !p->file && !p->ids)
        s.prompt.is_none = true; /* standard input is not asked for one */
    else
        status = trit_prompt_read(&s.prompt, p, args, err);
    const bool needs_none = s.opts->session.session != NULL; /* it knows whether a message waits for its answer */
    if (status == trit_ok)
        status = trit_conversation_check(&s.opts->conversation, p, &(trit_prompt){.is_none = s.prompt.is_none && !needs_none}, err);
    const char *model = s.opts->model.model;
    bool nothing = s.prompt.is_none && !s.opts->conversation.messages && !needs_none;
    if (status == trit_ok && nothing && model && !is_synthetic(model) && trit_os_is_terminal(0))
        status = trit_error_set(err, trit_arg, "no prompt (trit run -m %s \"Once upon a time\")", model);
    if (status == trit_ok) status = s.opts->conversation.render_only ? print_rendering(&s, err) : complete(&s, err);
    trit_engine_free(s.engine);
    trit_drafting_fini(&s.drafting);
    trit_grammar_free(s.grammar);
    trit_unload(&s.loaded);
    trit_prompt_fini(&s.prompt);
    trit_talk_fini(&s.talk);
    trit_ids_fini(&s.tokens);
    trit_text_fini(&s.text);
    trit_jsonw_fini(&s.logprobs);
    trit_jsonw_fini(&s.beams);
    return status;
}

static const trit_opt_group groups[] = {
    TRIT_PROMPT_GROUP(run_opts, prompt),
    TRIT_CONVERSATION_GROUP(run_opts, conversation),
    TRIT_SESSION_GROUP(run_opts, session),
    {"Answer", answer_options, TRIT_COUNT(answer_options), offsetof(run_opts, answer)},
    TRIT_CONSTRAINT_GROUP(run_opts, constraint),
    TRIT_SAMPLING_GROUP(run_opts, sampling),
    TRIT_BEAM_GROUP(run_opts, beam),
    TRIT_DRAFT_GROUP(run_opts, draft),
    TRIT_MODEL_GROUP(run_opts, model),
    TRIT_RUN_GROUP(run_opts, run),
    TRIT_OUTPUT_GROUP(run_opts, output),
};

static const trit_example examples[] = {
    {"trit run", "the model inside the program tells a story"},
    {"trit run -m model.gguf \"The capital of France is\" -n 20", "at most 20 tokens"},
    {"echo \"Once upon a time\" | trit run --temp 0", "the prompt from standard input, always the most likely token"},
    {"trit run -m model.gguf -f prompt.txt --stop END --json", "a prompt from a file; text, ids and timing as JSON"},
    {"trit run -m model.gguf --chat-template chat.jinja -n 20 \"Who are you?\"",
     "a question, in the frame of a template (chat models bring their own)"},
    {"trit run --chat-template chat.jinja --render-only Hello", "the prompt that a template makes"},
    {"trit run --ids 1,2,3 --logprobs 5 --json", "token ids in, the five most likely tokens at every step out"},
    {"trit run --session dog.session -n 20 \"There was a dog.\"", "a conversation that the next run (or chat) goes on with, without computing it again"},
    {"trit run --beams 4 -n 20 \"Once upon a time\"", "the most likely answer that four beams find"},
    {"trit run -m model.gguf -f prompt.txt --draft ngram", "copied passages come faster; the answer is the same"},
    {"trit run --dry-multiplier 0.8 --xtc-probability 0.5 -n 40", "livelier: repetitions punished, the obvious left out now and then"},
};

static const run_opts defaults = {
    .answer = {.max_tokens = -1, .logprobs = -1},
    .sampling = TRIT_SAMPLING_DEFAULTS,
    .beam = TRIT_BEAM_DEFAULTS,
};

const trit_command trit_cmd_run = {
    .usage = "[options] [PROMPT]",
    .about = "Completes a prompt and prints the completion as it is made. The prompt is an argument, --prompt, --file, --ids or "
             "standard input. Where the model has a chat template the prompt becomes a message to it; --raw completes the text as it "
             "stands, which is what happens with models that have none.\n\n"
             "At the end a line on standard error tells speed and times. Ctrl-C stops cleanly and keeps what was printed.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
