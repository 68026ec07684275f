/* The engine: the step. The schedule makes one batch of what the running sequences need, the model's program runs once, and a token is
 * chosen where a sequence's next one is due. Since every row of the batch is computed on its own terms, what stands beside a sequence
 * never changes its bits. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "engine/choose.h"
#include "engine/draft.h"
#include "engine/engine.h"
#include "engine/schedule.h"
#include "model/model.h"

enum { default_chunk = 256, default_context = 4096, max_logits_bytes = 8 << 20, max_priority = 100, max_dropped = 64 };

struct trit_engine {
    const trit_model *model;
    trit_fingerprint of;         /* 0: no session was made or read */
    const trit_program *program; /* of the model: to logits, or to embeddings */
    uint32_t n_result;           /* numbers of an output: the vocabulary, or the model's width */
    trit_device *device;
    trit_exec *exec;
    trit_kv_shape kv;
    size_t max_piece;
    trit_schedule schedule;
    trit_running *finished; /* their events are still borrowed; freed by the next step */
    trit_event *events;     /* [n_slots + max_outputs + max_dropped]: in a step a slot may end one request and serve another */
    size_t n_events;
    bool undelivered;       /* the events are of a step that failed */
    trit_choice *choice;    /* [max_outputs] */
    trit_chooser chooser;
    trit_drafter drafter;
    pthread_mutex_t tokens_lock;
    trit_token_tree *tokens; /* for grammars; made when the first one comes */
    trit_engine_counters count; /* of the thread that steps */
    trit_engine_counters shown; /* of the last step; the schedule's lock is held */
};

const trit_program *trit_engine_program(const trit_engine *e) {
    return e->program;
}

void trit_engine_draft_always(trit_engine *e) {
    e->drafter.always = true;
}

void trit_engine_trace(trit_engine *e, trit_trace_fn fn, void *user) {
    e->device->vt->exec_trace(e->exec, fn, user);
}

trit_engine_cache trit_engine_cache_of(trit_engine *e) {
    return (trit_engine_cache){.model = e->model, .of = &e->of, .device = e->device, .exec = e->exec, .pages = &e->schedule.pages, .kv = e->kv,
                               .context = e->schedule.limit.context, .is_kept = e->schedule.limit.prefix_cache};
}

const char *trit_stop_reason_text(trit_stop_reason reason) {
    static const char *const texts[] = {"none", "eos", "stop", "length", "context", "cancelled", "error", "deadline"};
    return (unsigned)reason < sizeof texts / sizeof texts[0] ? texts[reason] : "unknown";
}

/* ---- Making and freeing ---- */

static trit_status settle_sizes(trit_engine *e, trit_schedule_limits *l, const trit_engine_opts *o, trit_error *err) {
    const trit_config *c = &e->model->config;
    *l = (trit_schedule_limits){.n_slots = o->max_sequences ? o->max_sequences : 1, .chunk = o->chunk ? o->chunk : default_chunk,
                                .max_queued = o->max_queued, .prefix_cache = !o->no_prefix_cache};
    l->context = o->context ? o->context : c->context_length < default_context ? c->context_length : default_context;
    if (l->n_slots > 4096) return trit_error_set(err, trit_arg, "sequences: %u is not between 1 and 4096", l->n_slots);
    if (l->context > c->context_length)
        return trit_error_set(err, trit_arg, "context: %u is beyond the model's %u", l->context, c->context_length);
    if (l->chunk > 65536) return trit_error_set(err, trit_arg, "chunk: %u is not between 1 and 65536", l->chunk);
    if (l->chunk < l->n_slots) l->chunk = l->n_slots; /* every decoding sequence has a place in the step */
    const size_t n_more = max_logits_bytes / ((size_t)e->n_result * sizeof(float)); /* of guesses and prompts, beside each sequence's own */
    l->max_outputs = n_more > l->chunk - l->n_slots ? l->chunk : l->n_slots + (uint32_t)n_more;
    uint64_t max_pages = (l->context + trit_page_tokens - 1) / trit_page_tokens, n_pages = l->n_slots * max_pages;
    if (o->cache_tokens && o->cache_tokens < l->context)
        return trit_error_set(err, trit_arg, "cache: %" PRIu64 " positions do not hold the context of %u", o->cache_tokens, l->context);
    if (o->cache_tokens && o->cache_tokens / trit_page_tokens < n_pages)
        n_pages = o->cache_tokens / trit_page_tokens > max_pages ? o->cache_tokens / trit_page_tokens : max_pages;
    if (n_pages > INT32_MAX / 4) return trit_error_set(err, trit_memory, "context: %u positions for %u sequences are too many", l->context, l->n_slots);
    l->n_pages = (uint32_t)n_pages;
    e->kv = (trit_kv_shape){trit_kv_form_of(o->kv), l->n_pages, c->n_layers, c->n_kv_heads, c->head_dim};
    return trit_ok;
}

static trit_status allocate(trit_engine *e, const trit_schedule_limits *l, const trit_model *draft_model, trit_error *err) {
    const size_t n_events = (size_t)l->n_slots + l->max_outputs + max_dropped;
    e->events = trit_alloc_zero(n_events, sizeof *e->events);
    e->choice = trit_alloc(l->max_outputs, sizeof *e->choice);
    if (!e->events || !e->choice) return trit_error_memory(err, n_events * sizeof *e->events, "the engine");
    trit_status status = trit_schedule_init(&e->schedule, l, err);
    const uint32_t n_choices = e->program == &e->model->embedder ? 0 : e->model->config.vocab_size; /* embeddings are only looked at */
    if (status == trit_ok) status = trit_chooser_init(&e->chooser, e->device, n_choices, l->n_slots, l->context, err);
    if (status == trit_ok && draft_model && n_choices) status = trit_guesser_new(&e->drafter.guesser, draft_model, e->model, l, e->kv.form, err);
    trit_exec_opts o = {.program = e->program, .kv = e->kv, .max_tokens = l->chunk, .max_outputs = l->max_outputs, .context = l->context};
    return status == trit_ok ? e->device->vt->exec_new(e->device, &e->exec, &o, err) : status;
}

static size_t longest_piece(const trit_tokenizer *t) {
    size_t longest = 0, n;
    for (uint32_t i = 0; t && i < trit_tokenizer_size(t); i++)
        if (trit_tokenizer_piece(t, (int32_t)i, &n) && n > longest) longest = n;
    return longest;
}

trit_status trit_engine_new(trit_engine **out, const trit_model *model, const trit_engine_opts *opts, trit_error *err) {
    static const trit_engine_opts defaults = {0};
    const trit_engine_opts *o = opts ? opts : &defaults;
    if (model->program.result < 0) return trit_error_set(err, trit_arg, "the model was opened without its weights");
    trit_engine *e = trit_alloc_zero(1, sizeof *e);
    if (!e) return trit_error_memory(err, sizeof *e, "the engine");
    e->model = model;
    e->program = o->embeddings ? &model->embedder : &model->program;
    e->n_result = o->embeddings ? model->config.dim : model->config.vocab_size;
    e->device = model->device;
    e->max_piece = longest_piece(model->tokenizer);
    pthread_mutex_init(&e->tokens_lock, NULL);
    trit_schedule_limits limit;
    trit_status status = settle_sizes(e, &limit, o, err);
    if (status == trit_ok) status = allocate(e, &limit, o->draft_model, err);
    if (status != trit_ok) {
        trit_engine_free(e);
        return status;
    }
    *out = e;
    return trit_ok;
}

static void free_list(trit_running *r) {
    while (r) {
        trit_running *next = r->next;
        trit_running_free(r);
        r = next;
    }
}

void trit_engine_free(trit_engine *e) {
    if (!e) return;
    trit_schedule_fini(&e->schedule);
    free_list(e->finished);
    if (e->exec) e->device->vt->exec_free(e->exec);
    trit_chooser_fini(&e->chooser);
    trit_drafter_fini(&e->drafter);
    trit_free(e->events);
    trit_free(e->choice);
    trit_token_tree_free(e->tokens);
    pthread_mutex_destroy(&e->tokens_lock);
    trit_free(e);
}

/* ---- Requests in and out ---- */

static trit_status check_request(const trit_engine *e, const trit_request *q, trit_error *err) {
    const uint32_t n_vocab = e->model->config.vocab_size, context = e->schedule.limit.context;
    if (q->n_prompt == 0) return trit_error_set(err, trit_arg, "the prompt has no tokens");
    if (q->n_prompt > context || (q->n_prompt == context && !q->prefill_only))
        return trit_error_set(err, trit_context, "the prompt's %zu tokens do not fit the context of %u", q->n_prompt, context);
    for (size_t i = 0; i < q->n_prompt; i++)
        if (q->prompt[i] < 0 || (uint32_t)q->prompt[i] >= n_vocab)
            return trit_error_set(err, trit_arg, "token %zu of the prompt: id %d is outside the vocabulary of %u", i, (int)q->prompt[i], n_vocab);
    if (e->program == &e->model->embedder && !q->prefill_only)
        return trit_error_set(err, trit_arg, "an engine for embeddings generates no tokens");
    if (q->n_logprobs > trit_max_logprobs)
        return trit_error_set(err, trit_arg, "logprobs: %u is more than %d", q->n_logprobs, trit_max_logprobs);
    if ((unsigned)q->draft > trit_draft_model) return trit_error_set(err, trit_arg, "draft: %d is not a kind of guessing", (int)q->draft);
    if (q->draft == trit_draft_model && !e->drafter.guesser) return trit_error_set(err, trit_arg, "the engine has no draft model");
    if (q->draft_max > trit_most_drafted)
        return trit_error_set(err, trit_arg, "tokens to draft: %u are more than %d", q->draft_max, trit_most_drafted);
    if (q->priority < -max_priority || q->priority > max_priority)
        return trit_error_set(err, trit_arg, "priority: %d is not between %d and %d", (int)q->priority, -max_priority, max_priority);
    if (q->shift && q->n_keep > context / 2)
        return trit_error_set(err, trit_arg, "tokens to keep: %u are more than half of the context of %u", q->n_keep, context);
    if (q->shift && q->all_logits) return trit_error_set(err, trit_arg, "all logits are wanted, and the context may shift");
    return trit_ok;
}

static trit_status make_guide(trit_engine *e, trit_guide **out, const trit_grammar *grammar, trit_error *err) {
    trit_status status = trit_ok;
    if (!e->model->tokenizer) return trit_error_set(err, trit_arg, "a grammar wants a model with a tokenizer");
    pthread_mutex_lock(&e->tokens_lock);
    if (!e->tokens) status = trit_token_tree_new(&e->tokens, e->model->tokenizer, err);
    pthread_mutex_unlock(&e->tokens_lock);
    return status == trit_ok ? trit_guide_new(out, grammar, e->tokens, err) : status;
}

trit_status trit_engine_submit(trit_engine *e, const trit_request *request, uint64_t *id, trit_error *err) {
    trit_running *r;
    trit_status status = check_request(e, request, err);
    if (status == trit_ok) status = trit_schedule_check_room(&e->schedule, err);
    if (status == trit_ok) status = trit_running_new(&r, request, e->model->tokenizer, e->schedule.limit.context, e->max_piece, err);
    if (status != trit_ok) return status;
    status = trit_sampler_new_in(&r->sampler, &request->sampling, e->chooser.space, e->model->tokenizer, err);
    if (status == trit_ok && request->grammar) status = make_guide(e, &r->guide, request->grammar, err);
    trit_draft_begin(r);
    if (status == trit_ok) status = trit_schedule_submit(&e->schedule, r, id, err);
    if (status != trit_ok) trit_running_free(r);
    return status;
}

void trit_engine_cancel(trit_engine *e, uint64_t id) {
    trit_schedule_cancel(&e->schedule, id);
}

bool trit_engine_idle(trit_engine *e) {
    return trit_schedule_is_idle(&e->schedule);
}

/* `choice` is that of the event's token; NULL: it has none. */
static void emit(trit_engine *e, trit_running *r, const trit_choice *choice, trit_stop_reason stop) {
    e->events[e->n_events++] = (trit_event){
        .request = r->id, .user = r->asked.user, .token = choice ? choice->token : -1,
        .text = r->shown.data ? r->shown.data + r->n_emitted : "", .n_text = r->shown.n - r->n_emitted,
        .logprobs = choice ? choice->logprobs : NULL, .n_logprobs = choice ? choice->n_logprobs : 0, .stop = stop,
        .error = stop == trit_stop_error ? &r->error : NULL,
        .n_prompt = r->n_prompt, .n_cached = r->n_cached, .n_generated = r->n_generated, .n_drafted = r->n_drafted, .n_draft_right = r->n_right,
    };
    r->n_emitted = r->shown.n;
}

/* The request's last event. The caller has taken it from where it was. */
static void end(trit_engine *e, trit_running *r, const trit_choice *choice, trit_stop_reason stop) {
    if (stop != trit_stop_text) trit_running_flush_text(r);
    emit(e, r, choice, stop);
    e->count.n_ended[stop]++;
    r->next = e->finished;
    e->finished = r;
}

static void finish(trit_engine *e, uint32_t slot, const trit_choice *choice, trit_stop_reason stop) {
    end(e, trit_schedule_leave(&e->schedule, slot), choice, stop);
}

/* ---- Choosing ---- */

/* The begin token is another text's: models of llama2.c end their stories with it. (Beam search is Hugging Face's, which goes on.) */
static bool is_end(const trit_engine *e, const trit_running *r, int32_t token) {
    const trit_tokenizer *t = e->model->tokenizer;
    if (!t || r->asked.ignore_eog || (uint32_t)token >= trit_tokenizer_size(t)) return false;
    return trit_tokenizer_is_eog(t, token) || token == trit_tokenizer_bos(t);
}

static trit_stop_reason reason_to_stop(const trit_engine *e, const trit_running *r, bool end, bool stop_text) {
    if (stop_text) return trit_stop_text;
    if (end) return trit_stop_eog;
    if (r->asked.max_tokens && r->n_generated >= r->asked.max_tokens) return trit_stop_length;
    if (r->n_tokens >= e->schedule.limit.context && !r->asked.shift) return trit_stop_context;
    return trit_stop_none;
}

/* The sequence goes on by the token that was chosen, or ends. */
static void take_token(trit_engine *e, uint32_t slot, const trit_choice *choice) {
    trit_running *r = e->schedule.slot[slot];
    const int32_t token = choice->token;
    trit_draft_learn(r, token);
    r->tokens[r->n_tokens++] = token;
    r->n_generated++;
    e->count.n_generated++;
    const bool end = is_end(e, r, token), silent = end && !r->asked.special_text;
    const trit_stop_reason stop = reason_to_stop(e, r, end || choice->is_complete, !silent && trit_running_add_text(r, token));
    if (stop != trit_stop_none) {
        finish(e, slot, choice, stop);
        return;
    }
    emit(e, r, choice, stop);
    if (r->n_tokens < e->schedule.limit.context) return;
    trit_running_shift(r);
    trit_draft_forget(r);
    trit_schedule_restart(&e->schedule, slot);
    e->count.n_shifts++;
}

/* What came of one output. */
static void take_choice(trit_engine *e, uint32_t slot, uint32_t position, const trit_choice *c) {
    trit_running *r = e->schedule.slot[slot];
    if (c->is_void) return;
    if (c->n_guesses) {
        r->n_right++;
        e->count.n_draft_right++;
        trit_schedule_advance(&e->schedule, slot, position + 1);
    }
    if (c->is_broken) {
        (void)trit_error_set(&r->error, trit_numeric, "the logits after position %u are not finite: the weights are broken or overflow", position);
        finish(e, slot, NULL, trit_stop_error);
        return;
    }
    if (r->asked.on_logits) r->asked.on_logits(r->asked.user, position, c->logits, e->n_result);
    r->n_seen = position + 1;
    if (c->is_stuck) {
        const char *why = trit_guide_is_full(r->guide) ? "the grammar has too many ways to read the text"
                                                       : "no token of the vocabulary (or none that the logit bias leaves) continues the grammar's text";
        (void)trit_error_set(&r->error, trit_fail, "%s", why);
        finish(e, slot, NULL, trit_stop_error);
        return;
    }
    if (position + 1 < r->n_tokens) return;
    if (r->asked.prefill_only)
        finish(e, slot, NULL, trit_stop_length);
    else
        take_token(e, slot, c);
}

/* ---- The step ---- */

static trit_stop_reason reason_to_drop(const trit_running *r, uint64_t now_ns) {
    return trit_running_is_cancelled(r) ? trit_stop_cancelled : trit_running_is_late(r, now_ns) ? trit_stop_deadline : trit_stop_none;
}

static void begin_step(trit_engine *e, uint64_t now_ns) {
    free_list(e->finished);
    e->finished = NULL;
    e->n_events = 0;
    for (uint32_t i = 0; i < e->schedule.limit.n_slots; i++) {
        trit_running *r = e->schedule.slot[i];
        if (!r) continue;
        r->shown.n = r->n_emitted = 0;
        trit_stop_reason stop = reason_to_drop(r, now_ns);
        if (stop != trit_stop_none) finish(e, i, NULL, stop);
    }
    trit_running *waiting;
    for (int i = 0; i < max_dropped && (waiting = trit_schedule_drop(&e->schedule, now_ns)); i++) {
        waiting->shown.n = waiting->n_emitted = 0;
        end(e, waiting, NULL, reason_to_drop(waiting, now_ns));
    }
}

static bool is_guess(const trit_schedule *s, const trit_batch *b, uint32_t t) {
    return b->position[t] >= s->slot[b->sequence[t]]->n_tokens;
}

/* Runs the batch. Where the device fails every sequence stays at its position, and the step may be tried again. */
static trit_status run_batch(trit_engine *e, const trit_batch *b, trit_error *err) {
    trit_schedule *s = &e->schedule;
    const uint64_t start_ns = trit_os_clock_ns();
    const float *logits;
    size_t stride;
    trit_status status = e->device->vt->run(e->exec, b, &logits, &stride, err);
    if (status != trit_ok) return status;
    for (uint32_t t = 0; t < b->n_tokens; t++) /* the last token of each sequence that is no guess */
        if (!is_guess(s, b, t) && (t + 1 == b->n_tokens || b->sequence[t + 1] != b->sequence[t] || is_guess(s, b, t + 1)))
            trit_schedule_advance(s, b->sequence[t], b->position[t] + 1);
    for (uint32_t i = 0; i < b->n_outputs; i++) {
        trit_running *r = s->slot[s->output_slot[i]];
        const uint32_t n_history = b->position[b->output[i]] + 1;
        e->choice[i] = (trit_choice){.running = r, .logits = logits + i * stride, .n_logits = e->n_result, .all = b->top[i] == 0,
                                     .wants_token = n_history >= r->n_tokens && !r->asked.prefill_only,
                                     .n_guesses = n_history > r->n_tokens ? n_history - r->n_tokens : 0};
        r->n_drafted += n_history > r->n_tokens;
        e->count.n_drafted += n_history > r->n_tokens;
    }
    trit_choose(&e->chooser, e->choice, b->n_outputs);
    if (b->n_outputs == b->n_tokens) trit_draft_time(&e->drafter, b->n_tokens, trit_os_clock_ns() - start_ns); /* no prompts in it */
    for (uint32_t i = 0; i < b->n_outputs; i++) /* an error may have ended a sequence before its last output */
        if (s->slot[s->output_slot[i]]) take_choice(e, s->output_slot[i], b->position[b->output[i]], &e->choice[i]);
    return trit_ok;
}

static void publish_counters(trit_engine *e, uint64_t start_ns, uint32_t n_computed) {
    trit_schedule *s = &e->schedule;
    if (n_computed) {
        e->count.n_steps++;
        e->count.n_computed += n_computed;
        e->count.step_ns += trit_os_clock_ns() - start_ns;
    }
    pthread_mutex_lock(&s->lock);
    e->shown = e->count;
    e->shown.n_cached = s->n_cached;
    e->shown.n_put_back = s->n_put_back;
    e->shown.wait_ns = s->wait_ns;
    e->shown.n_pages_held = s->pages.n - s->pages.n_free;
    pthread_mutex_unlock(&s->lock);
}

trit_status trit_engine_step(trit_engine *e, const trit_event **events, size_t *n_events, trit_error *err) {
    if (!e->undelivered) {
        const uint64_t now_ns = trit_os_clock_ns();
        begin_step(e, now_ns);
        trit_schedule_plan(&e->schedule, now_ns);
        trit_draft_plan(&e->drafter, &e->schedule);
        trit_batch batch = trit_schedule_batch(&e->schedule);
        trit_status status = batch.n_tokens ? run_batch(e, &batch, err) : trit_ok;
        e->undelivered = status != trit_ok && e->n_events;
        publish_counters(e, now_ns, status == trit_ok ? batch.n_tokens : 0);
        if (status != trit_ok) return status;
    }
    e->undelivered = false;
    *events = e->events;
    *n_events = e->n_events;
    return trit_ok;
}

void trit_engine_count(trit_engine *e, trit_engine_counters *out) {
    trit_schedule *s = &e->schedule;
    pthread_mutex_lock(&s->lock);
    *out = e->shown;
    out->n_accepted = s->last_id;
    out->n_refused = s->n_refused;
    out->n_waiting = s->queue.n;
    out->n_pages = s->pages.n;
    for (uint32_t i = 0; i < s->limit.n_slots; i++) out->n_running += s->slot[i] != NULL;
    pthread_mutex_unlock(&s->lock);
}

void trit_engine_describe(trit_engine *e, trit_engine_info *out) {
    static const char *const forms[] = {[trit_kv_form_f32] = "f32", [trit_kv_form_f16] = "f16", [trit_kv_form_q8] = "q8"};
    size_t kv_bytes, draft_kv_bytes = 0;
    size_t scratch = e->device->vt->exec_bytes(e->exec, &kv_bytes);
    if (e->drafter.guesser) scratch += trit_guesser_bytes(e->drafter.guesser, &draft_kv_bytes);
    trit_schedule *s = &e->schedule;
    pthread_mutex_lock(&s->lock);
    const uint32_t n_pages_held = e->shown.n_pages_held;
    pthread_mutex_unlock(&s->lock);
    *out = (trit_engine_info){.context = s->limit.context, .max_sequences = s->limit.n_slots, .chunk = s->limit.chunk, .kv_bytes = kv_bytes + draft_kv_bytes,
                              .scratch_bytes = scratch, .n_pages = s->pages.n, .n_pages_free = s->pages.n - n_pages_held,
                              .page_tokens = trit_page_tokens, .kv_type = forms[e->kv.form]};
}
