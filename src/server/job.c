#include "server/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/os.h"
#include "base/rng.h"
#include "server/notes.h"
#include "server/state.h"

/* ---- Begin ---- */

static void free_job(trit_job *job) {
    for (uint32_t i = 0; job->choice && i < job->n_choices; i++) {
        trit_text_fini(&job->choice[i].text);
        trit_free(job->choice[i].note);
        if (job->choice[i].reply) trit_reply_fini(job->choice[i].reply);
        trit_free(job->choice[i].reply);
    }
    trit_reading_free(job->reading);
    if (job->exchange) trit_exchange_release(job->exchange);
    trit_ids_fini(&job->prompts);
    trit_free(job->choice);
    trit_free(job);
}

/* Choices k * ask->n and following belong to prompt k. */
static bool fill_choices(trit_job *job, const trit_ask *ask, const trit_ids *prompt, const trit_text *text, size_t n) {
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < prompt[k].n; i++)
            if (!trit_ids_push(&job->prompts, prompt[k].data[i])) return false;
    size_t at = 0;
    for (uint32_t i = 0; i < job->n_choices; i++) {
        const size_t k = i / ask->n;
        trit_choice *c = &job->choice[i];
        *c = (trit_choice){.job = job, .index = i, .prompt = job->prompts.data + at, .n_prompt = (uint32_t)prompt[k].n, .is_first = i % ask->n == 0};
        if (i % ask->n == ask->n - 1) at += prompt[k].n;
        if (ask->reading) {
            c->reply = trit_alloc_zero(1, sizeof *c->reply);
            if (!c->reply) return false;
            trit_reply_init(c->reply, ask->reading, trit_rng_u64(trit_rng_named((uint64_t)job->created, job->id), i));
        }
        if (!text) continue;
        if (!trit_text_append(&c->text, text[k].data ? text[k].data : "", text[k].n)) return false;
        if (ask->want_logprobs && c->n_prompt && !trit_note_add(c, c->prompt[0], NULL, 0)) return false;
    }
    return true;
}

static trit_job *new_job(trit_served *m, trit_exchange *x, const trit_form *form, trit_ask *ask, const trit_ids *prompt, const trit_text *text,
                         size_t n) {
    trit_job *job = trit_alloc_zero(1, sizeof *job);
    if (!job) return NULL;
    *job = (trit_job){.served = m, .form = form, .created = (int64_t)time(NULL), .start_ns = x->start_ns, .stream = ask->stream,
                      .include_usage = ask->include_usage, .want_logprobs = ask->want_logprobs, .n_logprobs = ask->n_logprobs, .cut = trit_n_refusals,
                      .n_choices = (uint32_t)n * ask->n};
    snprintf(job->id, sizeof job->id, "%s%016" PRIx64, form->id_prefix, trit_server_unique(m->server));
    job->choice = trit_alloc_zero(job->n_choices, sizeof *job->choice);
    if (!job->choice || !fill_choices(job, ask, prompt, text, n)) {
        free_job(job);
        return NULL;
    }
    trit_exchange_keep(x);
    job->exchange = x;
    job->reading = ask->reading;
    ask->reading = NULL;
    return job;
}

static trit_status submit(trit_choice *c, const trit_ask *ask, uint64_t *id, trit_error *err) {
    trit_request request = {
        .prompt = c->prompt,
        .n_prompt = c->n_prompt,
        .max_tokens = ask->max_tokens,
        .prefill_only = ask->limits_tokens && ask->max_tokens == 0,
        .sampling = ask->sampling,
        .stop = ask->stop,
        .n_stop = ask->n_stop,
        .ignore_eog = ask->ignore_eog,
        .n_logprobs = ask->want_logprobs ? ask->n_logprobs : 0,
        .want_logprob = ask->want_logprobs,
        .on_logits = ask->echo && ask->want_logprobs ? trit_note_prompt : NULL,
        .all_logits = ask->echo && ask->want_logprobs,
        .grammar = ask->grammar,
        .special_text = c->job->reading && c->job->reading->shows_special,
        .user = c,
        .draft = c->job->served->server->opts.draft,
        .draft_max = c->job->served->server->opts.draft_max,
    };
    if (c->index) request.sampling.seed = trit_rng_u64(ask->sampling.seed, c->index); /* answers to the same prompt differ */
    return trit_engine_submit(c->job->served->engine, &request, id, err);
}

/* With the lock held: takes places for n prompts of ask->n answers each, before anything is made for them. */
static bool reserve(trit_served *m, const trit_ask *ask, size_t n, trit_refusal *r) {
    const trit_server *s = m->server;
    const uint64_t room = (uint64_t)m->engine_info.max_sequences + s->opts.max_waiting, wanted = (uint64_t)n * ask->n;
    const char *param = ask->n == 1 ? "prompt" : "n";
    if (s->stopping) return trit_refuse(r, trit_refusal_stopping, NULL, "the server is about to end");
    if (wanted > room)
        return trit_refuse(r, trit_refusal_invalid_value, param, "'%s': %" PRIu64 " answers at once; this server takes %" PRIu64, param, wanted, room);
    if (m->n_choices + wanted > room)
        return trit_refuse(r, trit_refusal_busy, NULL, "%u answers are being made or wait, and no more than %" PRIu64 " may: try again later", m->n_choices,
                           room);
    m->n_choices += (uint32_t)wanted;
    return true;
}

static void link_job(trit_served *m, trit_job *job) {
    if (!m->jobs) pthread_cond_signal(&m->server->look);
    job->next = m->jobs;
    if (job->next) job->next->link = &job->next;
    job->link = &m->jobs;
    m->jobs = job;
    job->n_open = job->n_choices + 1;
}

static void finish(trit_job *job);

/* With the lock held: one choice less, or the end of submitting. */
static void close_one(trit_job *job) {
    if (!--job->n_open) finish(job);
}

static void end_choice(trit_choice *c) {
    c->ended = true;
    c->job->served->n_choices--;
    close_one(c->job);
}

/* The job is linked. Samplers and grammars are made without the lock, while the worker may take the first choices' events already. A job of which
 * a part was refused is let run out without an answer of its own. */
static bool submit_all(trit_served *m, trit_job *job, const trit_ask *ask, trit_refusal *r) {
    trit_error err = {0};
    trit_status status = trit_ok;
    for (uint32_t i = 0; i < job->n_choices; i++) {
        trit_choice *c = &job->choice[i];
        uint64_t id = 0;
        if (status == trit_ok) status = submit(c, ask, &id, &err);
        pthread_mutex_lock(&m->server->lock);
        c->id = id;
        if (status != trit_ok) end_choice(c);
        else if (job->cancelled) trit_engine_cancel(m->engine, id);
        pthread_cond_signal(&m->work);
        pthread_mutex_unlock(&m->server->lock);
    }
    if (status != trit_ok) (void)trit_refuse_error(r, NULL, &err);
    pthread_mutex_lock(&m->server->lock);
    if (status != trit_ok) {
        job->refused = true;
        trit_job_cancel(job);
    }
    close_one(job);
    pthread_mutex_unlock(&m->server->lock);
    return status == trit_ok;
}

bool trit_job_start(trit_served *m, trit_exchange *x, const trit_form *form, trit_ask *ask, const trit_ids *prompt, const trit_text *text, size_t n,
                    trit_refusal *r) {
    trit_server *s = m->server;
    pthread_mutex_lock(&s->lock);
    bool ok = reserve(m, ask, n, r);
    pthread_mutex_unlock(&s->lock);
    if (!ok) return false;
    trit_job *job = new_job(m, x, form, ask, prompt, text, n);
    pthread_mutex_lock(&s->lock);
    if (job && !s->stopping) {
        link_job(m, job);
    } else {
        m->n_choices -= (uint32_t)n * ask->n;
        ok = job ? trit_refuse(r, trit_refusal_stopping, NULL, "the server is about to end") : trit_refuse_memory(r);
        if (job) free_job(job);
    }
    pthread_mutex_unlock(&s->lock);
    return ok && submit_all(m, job, ask, r);
}

/* ---- Answers ---- */

const char *trit_finish_reason(const trit_choice *c) {
    switch (c->stop) {
    case trit_stop_none: return NULL;
    case trit_stop_length:
    case trit_stop_context: return "length";
    default: return c->reply && c->reply->n_calls ? "tool_calls" : "stop";
    }
}

static void put_head(trit_jsonw *w, const trit_job *job, const char *name) {
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "id", job->id);
    trit_jsonw_put_str(w, "object", name);
    trit_jsonw_key(w, "created");
    trit_jsonw_int(w, job->created);
    trit_jsonw_put_str(w, "model", job->served->name);
}

static void put_usage(trit_jsonw *w, const trit_job *job) {
    uint64_t n_prompt = 0, n_cached = 0, n_generated = 0;
    for (uint32_t i = 0; i < job->n_choices; i++) {
        const trit_choice *c = &job->choice[i];
        n_generated += c->n_generated;
        if (!c->is_first) continue;
        n_prompt += c->n_prompt;
        n_cached += c->n_cached;
    }
    trit_jsonw_key(w, "usage");
    trit_jsonw_object(w);
    trit_jsonw_put_uint(w, "prompt_tokens", n_prompt);
    trit_jsonw_put_uint(w, "completion_tokens", n_generated);
    trit_jsonw_put_uint(w, "total_tokens", n_prompt + n_generated);
    trit_jsonw_key(w, "prompt_tokens_details");
    trit_jsonw_object(w);
    trit_jsonw_put_uint(w, "cached_tokens", n_cached);
    trit_jsonw_close(w, '}');
    trit_jsonw_close(w, '}');
}

/* A server-sent event; w is released. */
static void send_event(const trit_job *job, trit_jsonw *w) {
    trit_exchange_start(job->exchange, 200, "text/event-stream", true);
    if (!w->failed) {
        trit_exchange_append(job->exchange, "data: ", 6);
        trit_exchange_append(job->exchange, w->text.data, w->text.n);
        trit_exchange_append(job->exchange, "\n\n", 2);
    }
    trit_jsonw_fini(w);
}

static void send_piece(trit_choice *c) {
    const trit_job *job = c->job;
    trit_jsonw w = {0};
    put_head(&w, job, job->form->piece_name);
    trit_jsonw_key(&w, "choices");
    trit_jsonw_array(&w);
    job->form->put_piece(&w, c);
    trit_jsonw_close(&w, ']');
    if (job->include_usage) trit_jsonw_put_str(&w, "usage", NULL);
    trit_jsonw_close(&w, '}');
    send_event(job, &w);
    c->has_begun = true;
    c->text.n = 0;
    c->n_notes = 0;
    if (c->reply) trit_reply_sent(c->reply);
}

static void send_usage(const trit_job *job) {
    trit_jsonw w = {0};
    put_head(&w, job, job->form->piece_name);
    trit_jsonw_key(&w, "choices");
    trit_jsonw_array(&w);
    trit_jsonw_close(&w, ']');
    put_usage(&w, job);
    trit_jsonw_close(&w, '}');
    send_event(job, &w);
}

static void answer_whole(const trit_job *job) {
    trit_jsonw w = {0};
    put_head(&w, job, job->form->name);
    trit_jsonw_key(&w, "choices");
    trit_jsonw_array(&w);
    for (uint32_t i = 0; i < job->n_choices; i++) job->form->put_choice(&w, &job->choice[i]);
    trit_jsonw_close(&w, ']');
    put_usage(&w, job);
    trit_jsonw_close(&w, '}');
    trit_answer_json(job->exchange, 200, &w);
}

/* Why there is no answer; false: there is one. */
static bool has_failed(const trit_job *job, trit_refusal *r) {
    if (job->error.status != trit_ok) {
        (void)trit_refuse(r, trit_refusal_failed, NULL, "%s", job->error.message);
        return true;
    }
    if (job->cut == trit_n_refusals) return false;
    (void)trit_refuse(r, job->cut, NULL, "%s", trit_refusal_rows[job->cut].meaning);
    return true;
}

static void answer(const trit_job *job) {
    trit_refusal r;
    const bool failed = has_failed(job, &r);
    if (!job->stream) {
        if (failed) trit_answer_refusal(job->exchange, &r);
        else answer_whole(job);
        return;
    }
    if (failed) {
        trit_jsonw w = {0};
        trit_refusal_json(&r, &w);
        send_event(job, &w);
    } else if (job->include_usage) {
        send_usage(job);
    }
    trit_exchange_append(job->exchange, "data: [DONE]\n\n", 14);
    trit_exchange_end(job->exchange);
}

static void finish(trit_job *job) {
    trit_served *m = job->served;
    trit_histogram_add(&m->counts.request, (double)(trit_os_clock_ns() - job->start_ns) * 1e-9);
    if (job->gone) trit_exchange_drop(job->exchange);
    else if (!job->refused) answer(job);
    *job->link = job->next;
    if (job->next) job->next->link = job->link;
    free_job(job);
    if (!m->jobs) pthread_cond_signal(&m->work); /* it may be the last one that the worker has to wait for */
}

void trit_job_cancel(trit_job *job) {
    job->cancelled = true;
    for (uint32_t i = 0; i < job->n_choices; i++)
        if (!job->choice[i].ended) trit_engine_cancel(job->served->engine, job->choice[i].id);
}

static void count(trit_choice *c, const trit_event *e) {
    trit_counts *k = &c->job->served->counts;
    const uint64_t now = trit_os_clock_ns();
    if (e->token >= 0) {
        k->generated_tokens++;
        if (c->last_ns) trit_histogram_add(&k->gap, (double)(now - c->last_ns) * 1e-9);
        else trit_histogram_add(&k->first_token, (double)(now - c->job->start_ns) * 1e-9);
        c->last_ns = now;
    }
    if (e->stop == trit_stop_none) return;
    k->ends[e->stop]++;
    k->prompt_tokens += c->n_prompt;
    k->cached_tokens += e->n_cached;
}

/* Special tokens are shown for the marks among them; the others, and the one that ended the answer, are none of it. */
static size_t without_special(const trit_choice *c, const trit_event *e) {
    const trit_tokenizer *t = c->job->served->tokenizer;
    const trit_reading *reading = c->job->reading;
    size_t n;
    if (!reading->shows_special || !trit_tokenizer_is_special(t, e->token)) return e->n_text;
    const char *piece = trit_tokenizer_piece(t, e->token, &n);
    const trit_template_ways wanted = {.family = reading->family, .marks = reading->marks};
    if (!piece || (e->stop != trit_stop_eog && trit_ways_use(&wanted, (trit_str){piece, n}))) return e->n_text;
    return n <= e->n_text && memcmp(e->text + e->n_text - n, piece, n) == 0 ? e->n_text - n : e->n_text;
}

static bool take_text(trit_choice *c, const trit_event *e) {
    if (c->reply) return trit_reply_add(c->reply, e->text, without_special(c, e), e->stop != trit_stop_none);
    return !e->n_text || trit_text_append(&c->text, e->text, e->n_text);
}

void trit_job_take(const trit_event *e) {
    trit_choice *c = e->user;
    trit_job *job = c->job;
    bool ok = !c->no_memory && take_text(c, e);
    if (job->want_logprobs && e->n_logprobs) ok = ok && trit_note_add(c, e->token, e->logprobs, e->n_logprobs);
    if (!ok && job->cut == trit_n_refusals) {
        job->cut = trit_refusal_no_memory;
        trit_job_cancel(job);
    }
    c->n_cached = e->n_cached;
    c->n_generated = e->n_generated;
    c->stop = e->stop;
    count(c, e);
    if (e->stop == trit_stop_error && e->error) job->error = *e->error;
    const bool cut = e->stop == trit_stop_error || e->stop == trit_stop_cancelled;
    const bool has_news = c->text.n || (c->reply && trit_reply_has_news(c->reply)) || c->n_notes || e->stop != trit_stop_none;
    if (job->stream && !job->gone && !job->refused && !cut && has_news) send_piece(c);
    if (e->stop != trit_stop_none) end_choice(c);
}
