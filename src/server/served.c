#include "server/served.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "base/os.h"
#include "base/utf8.h"
#include "server/room.h"
#include "server/routes.h"
#include "server/session.h"
#include "server/state.h"

enum { device_retry_ms = 100 };

static void lock(trit_served *m) {
    pthread_mutex_lock(&m->server->lock);
}

static void unlock(trit_served *m) {
    pthread_mutex_unlock(&m->server->lock);
}

/* ---- Loading ---- */

static trit_status find_specials(trit_served *m, trit_error *err) {
    const uint32_t n = trit_tokenizer_size(m->tokenizer);
    for (uint32_t id = 0; id < n; id++) m->n_special += trit_tokenizer_is_special(m->tokenizer, (int32_t)id);
    m->special = trit_alloc_zero(m->n_special, sizeof *m->special);
    if (!m->special) return trit_error_memory(err, m->n_special * sizeof *m->special, "the special tokens");
    m->n_special = 0;
    for (uint32_t id = 0; id < n; id++) {
        trit_str piece;
        if (!trit_tokenizer_is_special(m->tokenizer, (int32_t)id)) continue;
        piece.p = trit_tokenizer_piece(m->tokenizer, (int32_t)id, &piece.n);
        uint32_t first;
        const int n_first = piece.p && piece.n ? trit_utf8_decode(piece.p, piece.n, &first) : 0;
        if (n_first <= 0 || (size_t)n_first == piece.n) continue; /* a mark goes behind its first character */
        m->special[m->n_special++] = piece;
        m->special_begins[(unsigned char)*piece.p] = true;
        m->marks_are_special = m->marks_are_special || trit_ways_use(&m->ways, piece);
    }
    return trit_ok;
}

static char *spelling(const trit_tokenizer *t, int32_t id) {
    size_t n;
    const char *piece = trit_tokenizer_piece(t, id, &n);
    return piece ? trit_strndup(piece, n) : NULL;
}

/* The first grammar makes a tree of the whole vocabulary, while everybody waits: better now, when nobody does. A vocabulary that can spell no
 * such letter says so to who asks for a grammar: here it is no error. */
static trit_status warm_up(trit_served *m, trit_error *err) {
    static const char any[] = "root ::= [a-z]";
    const trit_event *events;
    const int32_t prompt = 0;
    trit_request request = {.prompt = &prompt, .n_prompt = 1};
    trit_grammar *grammar;
    uint64_t id;
    size_t n;
    trit_status status = trit_grammar_from_gbnf(&grammar, any, sizeof any - 1, err);
    if (status != trit_ok) return status;
    request.grammar = grammar;
    if (trit_engine_submit(m->engine, &request, &id, NULL) == trit_ok) trit_engine_cancel(m->engine, id);
    trit_grammar_free(grammar);
    while (status == trit_ok && !trit_engine_idle(m->engine)) status = trit_engine_step(m->engine, &events, &n, err);
    return status;
}

static trit_status load_steps(trit_served *m, trit_error *err) {
    const trit_server_opts *o = &m->server->opts;
    trit_status status = m->asked.model ? trit_ok : o->open(o->user, m->index, &m->opened, err);
    if (status != trit_ok) return status;
    m->model = m->asked.model ? m->asked.model : m->opened;
    trit_model_describe(m->model, &m->info);
    m->tokenizer = trit_model_tokenizer(m->model);
    if (!m->tokenizer) return trit_error_set(err, trit_arg, "the model has no tokenizer; give one with --tokenizer");
    m->chat_template = m->asked.chat_template ? m->asked.chat_template : trit_model_chat_template(m->model);
    m->bos = spelling(m->tokenizer, trit_tokenizer_bos(m->tokenizer));
    m->eos = spelling(m->tokenizer, trit_tokenizer_eos(m->tokenizer));
    if (m->chat_template) m->ways = trit_template_look(m->chat_template, &(trit_chat_opts){.bos_token = m->bos, .eos_token = m->eos});
    status = find_specials(m, err);
    if (status == trit_ok) status = trit_engine_new(&m->engine, m->model, &o->engine, err);
    if (status == trit_ok) status = warm_up(m, err);
    if (status != trit_ok) return status;
    if (o->session_dir) trit_server_restore(m->engine, o->session_dir, m->name);
    trit_engine_describe(m->engine, &m->engine_info);
    trit_engine_count(m->engine, &m->seen);
    return trit_ok;
}

/* What a server has computed that began to serve. */
static void keep_session(trit_served *m) {
    const trit_server *s = m->server;
    if (s->opts.session_dir && s->has_keeper && m->engine) trit_server_save(m->engine, s->opts.session_dir, m->name);
}

static void unload(trit_served *m) {
    trit_embedder_free(m->embedder);
    trit_engine_free(m->engine);
    trit_free(m->special);
    trit_free(m->bos);
    trit_free(m->eos);
    trit_model_close(m->opened);
    m->embedder = NULL;
    m->engine = NULL;
    m->special = NULL;
    m->bos = m->eos = NULL;
    m->model = m->opened = NULL;
    m->tokenizer = NULL;
    m->n_special = 0;
    memset(m->special_begins, 0, sizeof m->special_begins);
    m->ways = (trit_template_ways){0};
    m->marks_are_special = false;
}

trit_status trit_served_load(trit_served *m, trit_error *err) {
    const trit_status status = load_steps(m, err);
    if (status == trit_ok) m->state = trit_served_ready;
    else unload(m);
    return status;
}

/* ---- Requests that wait ---- */

static void free_parked(trit_parked *p) {
    trit_exchange_release(p->exchange);
    trit_json_free(p->body);
    trit_free(p);
}

/* With the lock held. */
static bool park(trit_served *m, trit_exchange *x, trit_json *body, trit_refusal *r) {
    trit_server *s = m->server;
    const uint32_t most = s->opts.engine.max_sequences + s->opts.max_waiting;
    if (s->stopping) return trit_refuse(r, trit_refusal_stopping, NULL, "the server is about to end");
    if (m->n_parked >= most) return trit_refuse(r, trit_refusal_busy, NULL, "%u requests wait for model '%s': try again later", m->n_parked, m->name);
    trit_parked *p = trit_alloc_zero(1, sizeof *p), **end = &m->parked;
    if (!p) return trit_refuse_memory(r);
    trit_exchange_keep(x);
    *p = (trit_parked){.exchange = x, .body = body};
    while (*end) end = &(*end)->next;
    *end = p;
    m->n_parked++;
    pthread_cond_signal(&m->work);
    pthread_cond_signal(&s->look);
    return true;
}

/* With the lock held: takes *at out of the list and ends it. */
static void end_parked(trit_served *m, trit_parked **at, const trit_refusal *r) {
    trit_parked *p = *at;
    *at = p->next;
    m->n_parked--;
    if (r) trit_answer_refusal(p->exchange, r);
    else trit_exchange_drop(p->exchange);
    free_parked(p);
    trit_room_changed(m->server);
}

static void refuse_parked(trit_served *m, const trit_refusal *r) {
    while (m->parked) end_parked(m, &m->parked, r);
}

static void begin_use(trit_served *m) {
    m->n_held++;
    m->used_ns = trit_os_clock_ns();
}

static void end_use(trit_served *m) {
    if (!--m->n_held && m->leaving) pthread_cond_signal(&m->work);
}

bool trit_served_hold(trit_served *m) {
    lock(m);
    const bool ready = m->state == trit_served_ready;
    if (ready) m->n_held++;
    unlock(m);
    return ready;
}

void trit_served_release(trit_served *m) {
    lock(m);
    end_use(m);
    unlock(m);
}

static bool handle(trit_served *m, trit_exchange *x, const trit_json *body, trit_refusal *r) {
    return trit_routes[x->route - 1].answer(m, x, body, r);
}

bool trit_served_handle(trit_served *m, trit_exchange *x, trit_json *body, trit_refusal *r) {
    lock(m);
    const bool now = m->state == trit_served_ready && !m->leaving;
    bool ok = true;
    if (now) begin_use(m);
    else ok = park(m, x, body, r);
    unlock(m);
    if (now) {
        ok = handle(m, x, body, r);
        trit_served_release(m);
    }
    if (now || !ok) trit_json_free(body);
    return ok;
}

/* ---- The worker: its parts are entered and left with the lock held ---- */

static void handle_parked(trit_served *m) {
    trit_parked *list = m->parked;
    trit_refusal r;
    m->parked = NULL;
    m->n_parked = 0;
    begin_use(m);
    unlock(m);
    for (trit_parked *p; (p = list);) {
        list = p->next;
        if (trit_exchange_is_gone(p->exchange)) trit_exchange_drop(p->exchange);
        else if (!handle(m, p->exchange, p->body, &r)) trit_answer_refusal(p->exchange, &r);
        free_parked(p);
    }
    lock(m);
    end_use(m);
}

/* The device has failed: whoever waits is told, and the engine may recover. */
static void give_up_jobs(trit_served *m, const trit_error *err) {
    trit_logf(trit_log_error, "%s", err->message);
    for (trit_job *job = m->jobs; job; job = job->next) {
        job->error = *err;
        trit_job_cancel(job);
    }
    unlock(m);
    trit_os_sleep_ms(device_retry_ms);
    lock(m);
}

/* What the engine counted since the last look: an engine begins at nothing whenever its model is loaded, the server's counts do not. */
static void take_counters(trit_served *m) {
    trit_engine_counters now;
    trit_counts *c = &m->counts;
    trit_engine_count(m->engine, &now);
    c->steps += now.n_steps - m->seen.n_steps;
    c->step_ns += now.step_ns - m->seen.step_ns;
    c->computed_tokens += now.n_computed - m->seen.n_computed;
    c->put_back += now.n_put_back - m->seen.n_put_back;
    c->shifts += now.n_shifts - m->seen.n_shifts;
    c->drafted += now.n_drafted - m->seen.n_drafted;
    c->draft_right += now.n_draft_right - m->seen.n_draft_right;
    c->wait_ns += now.wait_ns - m->seen.wait_ns;
    m->seen = now;
}

static void step(trit_served *m) {
    const trit_event *events;
    size_t n = 0;
    trit_error err = {0};
    unlock(m);
    const trit_status status = trit_engine_step(m->engine, &events, &n, &err);
    lock(m);
    if (status != trit_ok) {
        give_up_jobs(m, &err);
        return;
    }
    take_counters(m);
    for (size_t i = 0; i < n; i++) trit_job_take(&events[i]);
}

static void load(trit_served *m) {
    trit_error err = {0};
    const uint64_t start = trit_os_clock_ns();
    m->state = trit_served_loading;
    unlock(m);
    const trit_status status = load_steps(m, &err);
    if (status != trit_ok) unload(m);
    lock(m);
    m->state = status == trit_ok ? trit_served_ready : trit_served_absent;
    if (status == trit_ok) {
        m->counts.loads++;
        trit_logf(trit_log_info, "%s is loaded (%.0f ms)", m->name, (double)(trit_os_clock_ns() - start) * 1e-6);
        handle_parked(m); /* before another can ask it to leave */
    } else {
        trit_refusal r;
        trit_logf(trit_log_error, "%s is not loaded: %s", m->name, err.message);
        (void)trit_refuse(&r, trit_refusal_not_loaded, "model", "model '%s' cannot be loaded: %s", m->name, err.message);
        refuse_parked(m, &r);
    }
    trit_room_changed(m->server);
}

static void leave(trit_served *m) {
    m->state = trit_served_loading; /* nobody may touch it, and it still takes its room */
    unlock(m);
    keep_session(m);
    unload(m);
    lock(m);
    m->state = trit_served_absent;
    m->leaving = false;
    trit_logf(trit_log_info, "%s is unloaded", m->name);
    trit_room_changed(m->server);
}

/* A step for answers and one for vectors. */
static void run(trit_served *m) {
    if (!trit_engine_idle(m->engine)) step(m);
    if (m->embeddings) trit_embeddings_step(m);
}

static void *work(void *user) {
    trit_served *m = user;
    trit_server *s = m->server;
    lock(m);
    while (!s->ending || trit_served_has_work(m)) {
        const bool ready = m->state == trit_served_ready;
        if (!ready && m->parked && trit_room_for(m)) load(m);
        else if (ready && m->parked && !m->leaving) handle_parked(m); /* it was to leave, and stays */
        else if (ready && (m->embeddings || !trit_engine_idle(m->engine))) run(m);
        else if (ready && m->leaving && !trit_served_is_used(m)) leave(m);
        else pthread_cond_wait(&m->work, &s->lock);
    }
    unlock(m);
    return NULL;
}

/* ---- Its life ---- */

void trit_served_init(trit_served *m, trit_server *s, size_t index) {
    *m = (trit_served){.server = s, .index = index, .asked = s->opts.models[index]};
    m->name = m->asked.name;
    pthread_cond_init(&m->work, NULL);
}

trit_status trit_served_start(trit_served *m, trit_error *err) {
    m->has_worker = pthread_create(&m->worker, NULL, work, m) == 0;
    return m->has_worker ? trit_ok : trit_error_set(err, trit_memory, "out of memory: the worker's thread");
}

void trit_served_join(trit_served *m) {
    if (m->has_worker) pthread_join(m->worker, NULL);
}

void trit_served_fini(trit_served *m) {
    keep_session(m);
    unload(m);
    pthread_cond_destroy(&m->work);
}

bool trit_served_has_work(const trit_served *m) {
    return m->jobs || m->embeddings;
}

bool trit_served_is_used(const trit_served *m) {
    return trit_served_has_work(m) || m->n_held;
}

bool trit_served_is_late(const trit_served *m, uint64_t start_ns) {
    const uint64_t deadline = (uint64_t)m->server->opts.deadline_s * 1000000000u;
    return deadline && trit_os_clock_ns() > start_ns + deadline;
}

bool trit_served_look_after(trit_served *m) {
    trit_refusal late;
    (void)trit_refuse(&late, trit_refusal_late, NULL, "%s", trit_refusal_rows[trit_refusal_late].meaning);
    for (trit_job *job = m->jobs; job; job = job->next) {
        if (job->gone || job->refused || job->cut != trit_n_refusals) continue;
        job->gone = trit_exchange_is_gone(job->exchange);
        if (trit_served_is_late(m, job->start_ns)) job->cut = trit_refusal_late;
        if (job->gone || job->cut != trit_n_refusals) trit_job_cancel(job);
    }
    for (trit_parked **at = &m->parked; *at;) {
        const bool is_over = trit_served_is_late(m, (*at)->exchange->start_ns);
        if (is_over || trit_exchange_is_gone((*at)->exchange)) end_parked(m, at, is_over ? &late : NULL);
        else at = &(*at)->next;
    }
    trit_embeddings_look_after(m);
    return trit_served_has_work(m) || m->parked;
}

void trit_served_give_up(trit_served *m, bool jobs) {
    trit_refusal r;
    (void)trit_refuse(&r, trit_refusal_stopping, NULL, "the server is about to end");
    refuse_parked(m, &r);
    if (!jobs) return;
    trit_embeddings_give_up(m);
    for (trit_job *job = m->jobs; job; job = job->next) {
        if (job->cut == trit_n_refusals) job->cut = trit_refusal_stopping;
        trit_job_cancel(job);
    }
}
