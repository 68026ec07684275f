/* The engine: a queue, a few running sequences, and the step.
 *
 * A step fills one batch with a token of every sequence that is decoding and with pieces of prompts (chunked prefill), runs the model's
 * program once, and samples where a sequence's next token is due. Since every row of the batch is computed on its own terms, what
 * stands beside a sequence never changes its bits. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"
#include "engine/engine.h"
#include "engine/request.h"
#include "engine/sampler.h"
#include "model/model.h"

enum { default_chunk = 256, default_context = 4096, max_logits_bytes = 8 << 20 };

struct trit_engine {
    const trit_model *model;
    const trit_program *program; /* of the model: to logits, or to embeddings */
    uint32_t n_result;           /* numbers of an output: the vocabulary, or the model's width */
    trit_device *device;
    trit_exec *exec;
    uint32_t n_slots, context, chunk, max_outputs, max_pages;
    trit_kv_shape kv;
    bool prefix_cache;
    size_t max_piece;
    trit_pages pages;
    trit_running **slot;    /* [n_slots], NULL: free */
    trit_running *finished; /* their events are still borrowed; freed by the next step */
    trit_event *events;     /* [3 n_slots]: in a step a slot may end one request and serve another, and n_slots leave the queue */
    size_t n_events;
    bool undelivered;       /* the events are of a step that failed */
    /* The batch: */
    int32_t *token;
    uint32_t *position, *sequence, *output, *page_table;
    uint32_t *output_slot; /* [max_outputs] whose logits they are */
    uint32_t *top;         /* [max_outputs] how many of the largest logits matter */
    float *logits;         /* [vocab] of the token being chosen */
    trit_sample_space space;
    /* Shared with submit and cancel: */
    pthread_mutex_t lock;
    trit_running *queue_head, *queue_tail;
    uint64_t last_id;
};

const trit_program *trit_engine_program(const trit_engine *e) {
    return e->program;
}

void trit_engine_trace(trit_engine *e, trit_trace_fn fn, void *user) {
    e->device->vt->exec_trace(e->exec, fn, user);
}

const char *trit_stop_reason_text(trit_stop_reason reason) {
    static const char *const texts[] = {"none", "eos", "stop", "length", "context", "cancelled", "error"};
    return (unsigned)reason < sizeof texts / sizeof texts[0] ? texts[reason] : "unknown";
}

/* ---- Making and freeing ---- */

static trit_status settle_sizes(trit_engine *e, const trit_engine_opts *o, trit_error *err) {
    const trit_config *c = &e->model->config;
    e->n_slots = o->max_sequences ? o->max_sequences : 1;
    e->context = o->context ? o->context : c->context_length < default_context ? c->context_length : default_context;
    e->chunk = o->chunk ? o->chunk : default_chunk;
    if (e->n_slots > 4096) return trit_error_set(err, trit_arg, "sequences: %u is not between 1 and 4096", e->n_slots);
    if (e->context > c->context_length)
        return trit_error_set(err, trit_arg, "context: %u is beyond the model's %u", e->context, c->context_length);
    if (e->chunk > 65536) return trit_error_set(err, trit_arg, "chunk: %u is not between 1 and 65536", e->chunk);
    if (e->chunk < e->n_slots) e->chunk = e->n_slots; /* every decoding sequence has a place in the step */
    uint32_t affordable = (uint32_t)(max_logits_bytes / ((size_t)e->n_result * sizeof(float)));
    e->max_outputs = affordable < e->n_slots ? e->n_slots : affordable > e->chunk ? e->chunk : affordable;
    e->max_pages = (e->context + trit_page_tokens - 1) / trit_page_tokens;
    uint64_t n_pages = (uint64_t)e->n_slots * e->max_pages;
    if (n_pages > INT32_MAX / 4) return trit_error_set(err, trit_memory, "context: %u positions for %u sequences are too many", e->context, e->n_slots);
    e->kv = (trit_kv_shape){trit_kv_form_of(o->kv), (uint32_t)n_pages, c->n_layers, c->n_kv_heads, c->head_dim};
    return trit_ok;
}

static trit_status allocate(trit_engine *e, trit_error *err) {
    uint32_t n_vocab = e->model->config.vocab_size;
    e->slot = trit_alloc_zero(e->n_slots, sizeof *e->slot);
    e->events = trit_alloc_zero((size_t)e->n_slots * 3, sizeof *e->events);
    e->token = trit_alloc(e->chunk, sizeof *e->token);
    e->position = trit_alloc(e->chunk, sizeof *e->position);
    e->sequence = trit_alloc(e->chunk, sizeof *e->sequence);
    e->output = trit_alloc(e->max_outputs, sizeof *e->output);
    e->output_slot = trit_alloc(e->max_outputs, sizeof *e->output_slot);
    e->top = trit_alloc(e->max_outputs, sizeof *e->top);
    e->page_table = trit_alloc_zero((size_t)e->n_slots * e->max_pages, sizeof *e->page_table);
    e->logits = trit_alloc(n_vocab, sizeof *e->logits);
    if (!e->slot || !e->events || !e->token || !e->position || !e->sequence || !e->output || !e->output_slot || !e->top || !e->page_table ||
        !e->logits)
        return trit_error_memory(err, (size_t)n_vocab * sizeof *e->logits, "the engine");
    trit_status status = trit_sample_space_init(&e->space, n_vocab, e->context, err);
    if (status == trit_ok) status = trit_pages_init(&e->pages, e->kv.n_pages, err);
    trit_exec_opts o = {.program = e->program, .kv = e->kv, .max_tokens = e->chunk, .max_outputs = e->max_outputs,
                        .context = e->context};
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
    e->prefix_cache = !o->no_prefix_cache;
    e->max_piece = longest_piece(model->tokenizer);
    pthread_mutex_init(&e->lock, NULL);
    trit_status status = settle_sizes(e, o, err);
    if (status == trit_ok) status = allocate(e, err);
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
    for (uint32_t i = 0; e->slot && i < e->n_slots; i++) trit_running_free(e->slot[i]);
    free_list(e->finished);
    free_list(e->queue_head);
    if (e->exec) e->device->vt->exec_free(e->exec);
    trit_pages_fini(&e->pages);
    trit_sample_space_fini(&e->space);
    void *owned[] = {e->slot, e->events, e->token, e->position, e->sequence, e->output, e->output_slot, e->top, e->page_table, e->logits};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) trit_free(owned[i]);
    pthread_mutex_destroy(&e->lock);
    trit_free(e);
}

/* ---- Requests in and out ---- */

static trit_status check_request(const trit_engine *e, const trit_request *q, trit_error *err) {
    uint32_t n_vocab = e->model->config.vocab_size;
    if (q->n_prompt == 0) return trit_error_set(err, trit_arg, "the prompt has no tokens");
    if (q->n_prompt > e->context || (q->n_prompt == e->context && !q->prefill_only))
        return trit_error_set(err, trit_context, "the prompt's %zu tokens do not fit the context of %u", q->n_prompt, e->context);
    for (size_t i = 0; i < q->n_prompt; i++)
        if (q->prompt[i] < 0 || (uint32_t)q->prompt[i] >= n_vocab)
            return trit_error_set(err, trit_arg, "token %zu of the prompt: id %d is outside the vocabulary of %u", i, (int)q->prompt[i], n_vocab);
    if (e->program == &e->model->embedder && !q->prefill_only)
        return trit_error_set(err, trit_arg, "an engine for embeddings generates no tokens");
    if (q->n_logprobs > trit_max_logprobs)
        return trit_error_set(err, trit_arg, "logprobs: %u is more than %d", q->n_logprobs, trit_max_logprobs);
    return trit_ok;
}

trit_status trit_engine_submit(trit_engine *e, const trit_request *request, uint64_t *id, trit_error *err) {
    trit_running *r;
    trit_status status = check_request(e, request, err);
    if (status == trit_ok) status = trit_running_new(&r, request, e->model->tokenizer, e->context, e->max_piece, err);
    if (status != trit_ok) return status;
    status = trit_sampler_new_in(&r->sampler, &request->sampling, &e->space, e->model->tokenizer, err);
    if (status != trit_ok) {
        trit_running_free(r);
        return status;
    }
    pthread_mutex_lock(&e->lock);
    r->id = ++e->last_id;
    if (id) *id = r->id;
    if (e->queue_tail)
        e->queue_tail->next = r;
    else
        e->queue_head = r;
    e->queue_tail = r;
    pthread_mutex_unlock(&e->lock);
    return trit_ok;
}

void trit_engine_cancel(trit_engine *e, uint64_t id) {
    pthread_mutex_lock(&e->lock);
    for (trit_running *r = e->queue_head; r; r = r->next)
        if (r->id == id) atomic_store(&r->cancelled, true);
    for (uint32_t i = 0; i < e->n_slots; i++)
        if (e->slot[i] && e->slot[i]->id == id) atomic_store(&e->slot[i]->cancelled, true);
    pthread_mutex_unlock(&e->lock);
}

bool trit_engine_idle(trit_engine *e) {
    pthread_mutex_lock(&e->lock);
    bool idle = !e->queue_head;
    for (uint32_t i = 0; i < e->n_slots; i++) idle = idle && !e->slot[i];
    pthread_mutex_unlock(&e->lock);
    return idle;
}

static void emit(trit_engine *e, trit_running *r, int32_t token, trit_stop_reason stop) {
    e->events[e->n_events++] = (trit_event){
        .request = r->id, .user = r->asked.user, .token = token, .text = r->shown.data ? r->shown.data : "", .n_text = r->shown.n,
        .logprobs = r->logprobs, .n_logprobs = token >= 0 ? r->n_logprobs : 0, .stop = stop,
        .error = stop == trit_stop_error ? &r->error : NULL,
        .n_prompt = r->n_prompt, .n_cached = r->n_cached, .n_generated = r->n_tokens - r->n_prompt,
    };
}

/* The request's last event. The caller has taken it from where it was. */
static void end(trit_engine *e, trit_running *r, int32_t token, trit_stop_reason stop) {
    if (stop != trit_stop_text) trit_running_flush_text(r);
    emit(e, r, token, stop);
    while (r->n_pages) trit_pages_release(&e->pages, r->pages[--r->n_pages]); /* the last one is the first to be reused */
    r->next = e->finished;
    e->finished = r;
}

static void finish(trit_engine *e, uint32_t slot, int32_t token, trit_stop_reason stop) {
    trit_running *r = e->slot[slot];
    pthread_mutex_lock(&e->lock);
    e->slot[slot] = NULL;
    pthread_mutex_unlock(&e->lock);
    end(e, r, token, stop);
}

/* Pages of an earlier prompt that begins alike, up to the first position whose logits are wanted: that is computed. */
static void reuse_prefix(trit_engine *e, trit_running *r, uint32_t slot) {
    uint32_t until = trit_running_logits_from(r);
    while (e->prefix_cache && r->n_done + trit_page_tokens <= until) {
        int32_t page = trit_pages_find(&e->pages, r->serial, r->tokens + r->n_done);
        if (page < 0) break;
        r->serial = e->pages.page[page].serial;
        e->page_table[(size_t)slot * e->max_pages + r->n_pages] = (uint32_t)page;
        r->pages[r->n_pages++] = (uint32_t)page;
        r->n_done += trit_page_tokens;
    }
    r->n_cached = r->n_done;
}

static trit_running *pop_queue(trit_engine *e, uint32_t slot) {
    pthread_mutex_lock(&e->lock);
    trit_running *r = e->queue_head;
    if (r) {
        e->queue_head = r->next;
        if (!e->queue_head) e->queue_tail = NULL;
        r->next = NULL;
        e->slot[slot] = r;
    }
    pthread_mutex_unlock(&e->lock);
    return r;
}

static void admit(trit_engine *e) {
    for (uint32_t i = 0; i < e->n_slots; i++) {
        if (e->slot[i]) continue;
        trit_running *r = pop_queue(e, i);
        if (!r) return;
        reuse_prefix(e, r, i);
    }
}

/* The first cancelled request of the queue, taken from it; NULL: none. */
static trit_running *take_cancelled(trit_engine *e) {
    pthread_mutex_lock(&e->lock);
    trit_running *before = NULL, *r = e->queue_head;
    for (; r && !atomic_load(&r->cancelled); r = r->next) before = r;
    if (r) {
        *(before ? &before->next : &e->queue_head) = r->next;
        if (e->queue_tail == r) e->queue_tail = before;
        r->next = NULL;
    }
    pthread_mutex_unlock(&e->lock);
    return r;
}

/* ---- The batch ---- */

/* Every sequence can always have its whole context: pages number slots * max_pages, and only unheld ones are kept for reuse. */
static void ensure_page(trit_engine *e, trit_running *r, uint32_t slot, uint32_t position) {
    if (position / trit_page_tokens < r->n_pages) return;
    uint32_t page = (uint32_t)trit_pages_take(&e->pages);
    e->page_table[(size_t)slot * e->max_pages + r->n_pages] = page;
    r->pages[r->n_pages++] = page;
}

/* Who only lets a token be chosen needs the largest logits only; everyone else sees all of them. */
static uint32_t reach_of(const trit_running *r) {
    bool seen = r->asked.on_logits || r->asked.n_logprobs || r->asked.want_logprob;
    return seen || !r->sampler ? 0 : trit_sampler_reach(r->sampler, r->n_tokens);
}

/* Adds up to `room` of the sequence's waiting tokens; they are done when the batch has run. */
static void add_tokens(trit_engine *e, trit_batch *b, uint32_t slot, uint32_t room) {
    trit_running *r = e->slot[slot];
    uint32_t until = r->n_tokens - r->n_done > room ? r->n_done + room : r->n_tokens;
    for (uint32_t p = r->n_done; p < until; p++) {
        bool wanted = p >= trit_running_logits_from(r);
        if (wanted && b->n_outputs == e->max_outputs) return;
        ensure_page(e, r, slot, p);
        if (wanted) {
            e->output[b->n_outputs] = b->n_tokens;
            e->top[b->n_outputs] = reach_of(r);
            e->output_slot[b->n_outputs++] = slot;
        }
        e->token[b->n_tokens] = r->tokens[p];
        e->position[b->n_tokens] = p;
        e->sequence[b->n_tokens++] = slot;
    }
}

static bool is_waiting(const trit_running *r, bool prompt) {
    return r && (r->n_tokens - r->n_done > 1) == prompt;
}

/* The slot of the oldest prompt that is younger than `id`; n_slots: none. */
static uint32_t next_prompt(const trit_engine *e, uint64_t id) {
    uint32_t next = e->n_slots;
    for (uint32_t i = 0; i < e->n_slots; i++)
        if (is_waiting(e->slot[i], true) && e->slot[i]->id > id && (next == e->n_slots || e->slot[i]->id < e->slot[next]->id)) next = i;
    return next;
}

/* Decoding sequences first, one token each; what room is left goes to prompts, the oldest first. */
static trit_batch make_batch(trit_engine *e) {
    trit_batch b = {.token = e->token, .position = e->position, .sequence = e->sequence, .output = e->output, .top = e->top,
                    .page_table = e->page_table, .max_pages = e->max_pages};
    for (uint32_t i = 0; i < e->n_slots; i++)
        if (is_waiting(e->slot[i], false)) add_tokens(e, &b, i, 1);
    uint64_t id = 0;
    for (uint32_t i; b.n_tokens < e->chunk && (i = next_prompt(e, id)) < e->n_slots;) {
        id = e->slot[i]->id;
        add_tokens(e, &b, i, e->chunk - b.n_tokens);
    }
    return b;
}

/* The positions up to n_done are in the cache now: full pages may serve others. */
static void advance(trit_engine *e, trit_running *r, uint32_t n_done) {
    uint32_t before = r->n_done;
    r->n_done = n_done;
    if (!e->prefix_cache) return;
    for (uint32_t p = before / trit_page_tokens; p < n_done / trit_page_tokens; p++)
        r->serial = trit_pages_register(&e->pages, r->pages[p], r->serial, r->tokens + (size_t)p * trit_page_tokens);
}

/* ---- Choosing ---- */

/* The chosen token's log-probability and those of the most likely ones, of the model's own distribution. */
static void fill_logprobs(trit_running *r, const float *logits, uint32_t n, int32_t chosen) {
    r->n_logprobs = 0;
    if (!r->asked.n_logprobs && !r->asked.want_logprob) return;
    double log_sum = trit_log_sum_exp(logits, n);
    trit_logprob *top = r->logprobs + 1;
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        float lp = (float)((double)logits[i] - log_sum);
        if (k == r->asked.n_logprobs && (k == 0 || lp <= top[k - 1].logprob)) continue;
        uint32_t at = k < r->asked.n_logprobs ? k++ : k - 1;
        for (; at > 0 && top[at - 1].logprob < lp; at--) top[at] = top[at - 1];
        top[at] = (trit_logprob){(int32_t)i, lp};
    }
    r->logprobs[0] = (trit_logprob){chosen, (float)((double)logits[chosen] - log_sum)};
    r->n_logprobs = k + 1;
}

static trit_stop_reason reason_to_stop(const trit_engine *e, const trit_running *r, int32_t token, bool stop_text) {
    const trit_tokenizer *t = e->model->tokenizer;
    if (stop_text) return trit_stop_text;
    if (t && !r->asked.ignore_eog && (uint32_t)token < trit_tokenizer_size(t) && trit_tokenizer_is_eog(t, token)) return trit_stop_eog;
    if (r->asked.max_tokens && r->n_tokens - r->n_prompt >= r->asked.max_tokens) return trit_stop_length;
    if (r->n_tokens >= e->context) return trit_stop_context;
    return trit_stop_none;
}

static void choose(trit_engine *e, uint32_t slot, const float *logits) {
    trit_running *r = e->slot[slot];
    uint32_t n = e->model->config.vocab_size;
    memcpy(e->logits, logits, n * sizeof *logits);
    int32_t token = trit_sampler_pick(r->sampler, e->logits, r->tokens, r->n_tokens);
    fill_logprobs(r, logits, n, token);
    r->tokens[r->n_tokens++] = token;
    trit_stop_reason stop = reason_to_stop(e, r, token, false);
    bool silent = stop == trit_stop_eog && !r->asked.special_text;
    if (!silent && trit_running_add_text(r, token)) stop = trit_stop_text;
    if (stop != trit_stop_none)
        finish(e, slot, token, stop);
    else
        emit(e, r, token, stop);
}

/* The results of one output; where only the largest were asked for, the others are -infinity. */
static void take_logits(trit_engine *e, uint32_t slot, uint32_t position, const float *logits, bool all) {
    trit_running *r = e->slot[slot];
    uint32_t n = e->n_result;
    if (all ? !trit_all_finite(logits, n) : trit_any_nan(logits, n)) {
        (void)trit_error_set(&r->error, trit_numeric, "the logits after position %u are not finite: the weights are broken or overflow", position);
        finish(e, slot, -1, trit_stop_error);
        return;
    }
    if (r->asked.on_logits) r->asked.on_logits(r->asked.user, position, logits, n);
    if (position + 1 < r->n_tokens) return;
    if (r->asked.prefill_only)
        finish(e, slot, -1, trit_stop_length);
    else
        choose(e, slot, logits);
}

/* ---- The step ---- */

static void begin_step(trit_engine *e) {
    free_list(e->finished);
    e->finished = NULL;
    e->n_events = 0;
    for (uint32_t i = 0; i < e->n_slots; i++) {
        if (!e->slot[i]) continue;
        e->slot[i]->shown.n = 0;
        if (atomic_load(&e->slot[i]->cancelled)) finish(e, i, -1, trit_stop_cancelled);
    }
    trit_running *waiting;
    for (uint32_t i = 0; i < e->n_slots && (waiting = take_cancelled(e)); i++) end(e, waiting, -1, trit_stop_cancelled);
}

/* Runs the batch. Where the device fails every sequence stays at its position, and the step may be tried again. */
static trit_status run_batch(trit_engine *e, const trit_batch *b, trit_error *err) {
    const float *logits;
    size_t stride;
    trit_status status = e->device->vt->run(e->exec, b, &logits, &stride, err);
    if (status != trit_ok) return status;
    for (uint32_t t = 0; t < b->n_tokens; t++) /* the last token of each sequence */
        if (t + 1 == b->n_tokens || e->sequence[t + 1] != e->sequence[t]) advance(e, e->slot[e->sequence[t]], e->position[t] + 1);
    for (uint32_t i = 0; i < b->n_outputs; i++)
        if (e->slot[e->output_slot[i]]) take_logits(e, e->output_slot[i], e->position[e->output[i]], logits + i * stride, e->top[i] == 0);
    return trit_ok;
}

trit_status trit_engine_step(trit_engine *e, const trit_event **events, size_t *n_events, trit_error *err) {
    if (!e->undelivered) {
        begin_step(e);
        admit(e);
        trit_batch batch = make_batch(e);
        trit_status status = batch.n_tokens ? run_batch(e, &batch, err) : trit_ok;
        e->undelivered = status != trit_ok && e->n_events;
        if (status != trit_ok) return status;
    }
    e->undelivered = false;
    *events = e->events;
    *n_events = e->n_events;
    return trit_ok;
}

void trit_engine_describe(trit_engine *e, trit_engine_info *out) {
    static const char *const forms[] = {[trit_kv_form_f32] = "f32", [trit_kv_form_f16] = "f16", [trit_kv_form_q8] = "q8"};
    size_t kv_bytes;
    size_t scratch = e->device->vt->exec_bytes(e->exec, &kv_bytes);
    *out = (trit_engine_info){.context = e->context, .max_sequences = e->n_slots, .chunk = e->chunk, .kv_bytes = kv_bytes,
                              .scratch_bytes = scratch, .n_pages = e->pages.n, .n_pages_free = e->pages.n_free,
                              .page_tokens = trit_page_tokens, .kv_type = forms[e->kv.form]};
}
