/* POST /v1/embeddings: vectors of texts, as `trit embed` has them. */
#include "server/embeddings.h"

#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "server/ask.h"
#include "server/prompts.h"
#include "server/state.h"

enum { max_together = 8 }; /* texts in one step */

static void free_embedding(trit_embedding *e) {
    for (size_t i = 0; e->text && i < e->n; i++) trit_ids_fini(&e->text[i]);
    trit_free(e->text);
    trit_free(e->vector);
    trit_jsonw_fini(&e->answer);
    trit_exchange_release(e->exchange);
    trit_free(e);
}

/* ---- The request ---- */

static bool read_form(trit_embedding *e, const trit_served *m, const trit_json *body, trit_refusal *r) {
    const trit_json *dims = trit_json_get(body, "dimensions"), *format = trit_json_get(body, "encoding_format");
    const trit_json_kind kind = trit_json_kind_of(dims);
    const trit_str word = trit_json_as_str(format);
    const int64_t n = trit_json_as_int(dims, m->info.dim);
    if (kind != trit_json_int && kind != trit_json_absent && kind != trit_json_null)
        return trit_refuse(r, trit_refusal_invalid_value, "dimensions", "'dimensions': an integer is wanted, not %s", trit_json_kind_text(kind));
    if (n < 1 || n > m->info.dim)
        return trit_refuse(r, trit_refusal_invalid_value, "dimensions", "'dimensions': %lld is not between 1 and the model's %u", (long long)n, m->info.dim);
    e->dims = (uint32_t)n;
    e->base64 = trit_str_is(word, "base64");
    if (e->base64 || trit_str_is(word, "float") || !format || trit_json_kind_of(format) == trit_json_null) return true;
    return trit_refuse(r, trit_refusal_invalid_value, "encoding_format", "'encoding_format': float or base64 is wanted");
}

/* With the lock held. */
static bool enqueue(trit_served *m, trit_embedding *e, trit_refusal *r) {
    const trit_server *s = m->server;
    trit_embedding **end = &m->embeddings;
    uint32_t n = 0;
    for (; *end; end = &(*end)->next) n++;
    if (s->stopping) return trit_refuse(r, trit_refusal_stopping, NULL, "the server is about to end");
    if (n > s->opts.max_waiting) return trit_refuse(r, trit_refusal_busy, NULL, "%u requests for vectors are at work or wait: try again later", n);
    *end = e;
    pthread_cond_signal(&m->work);
    pthread_cond_signal(&m->server->look);
    return true;
}

bool trit_serve_embeddings(trit_served *m, trit_exchange *x, const trit_json *body, trit_refusal *r) {
    trit_prompts p = {.name = "input"};
    trit_embedding *e = trit_alloc_zero(1, sizeof *e);
    if (!e) return trit_refuse_memory(r);
    *e = (trit_embedding){.exchange = x, .cut = trit_n_refusals};
    trit_exchange_keep(x);
    bool ok = read_form(e, m, body, r) && trit_prompts_read(&p, m, trit_json_get(body, "input"), r);
    if (ok) {
        e->text = p.ids;
        e->n = p.n;
        p.ids = NULL; /* its own from here on */
        pthread_mutex_lock(&m->server->lock);
        ok = enqueue(m, e, r);
        pthread_mutex_unlock(&m->server->lock);
    }
    trit_prompts_fini(&p);
    if (!ok) free_embedding(e);
    return ok;
}

/* ---- The answer ---- */

static uint64_t count_tokens(const trit_embedding *e) {
    uint64_t n = 0;
    for (size_t i = 0; i < e->n; i++) n += e->text[i].n;
    return n;
}

/* Its bytes by rising address, little-endian numbers. */
static void put_base64(trit_jsonw *w, const float *v, uint32_t n) {
    trit_text bytes = {0}, code = {0};
    bool ok = true;
    for (uint32_t i = 0; i < n && ok; i++) {
        uint32_t bits;
        memcpy(&bits, &v[i], sizeof bits);
        const char four[4] = {(char)(bits & 255), (char)(bits >> 8 & 255), (char)(bits >> 16 & 255), (char)(bits >> 24)};
        ok = trit_text_append(&bytes, four, sizeof four);
    }
    if (ok && trit_base64_append(&code, bytes.data, bytes.n)) trit_jsonw_strn(w, code.data, code.n);
    else w->failed = true;
    trit_text_fini(&bytes);
    trit_text_fini(&code);
}

static void put_vector(trit_jsonw *w, const trit_embedding *e, size_t i) {
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "object", "embedding");
    trit_jsonw_put_uint(w, "index", i);
    trit_jsonw_key(w, "embedding");
    if (e->base64) {
        put_base64(w, e->vector, e->dims);
    } else {
        trit_jsonw_array(w);
        for (uint32_t k = 0; k < e->dims; k++) trit_jsonw_f32(w, e->vector[k]);
        trit_jsonw_close(w, ']');
    }
    trit_jsonw_close(w, '}');
}

/* The answer is made with the vectors, a group of them a step, so that answers of the engine do not wait for all of it. */
static void begin_answer(trit_jsonw *w) {
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "object", "list");
    trit_jsonw_key(w, "data");
    trit_jsonw_array(w);
}

static void end_answer(const trit_served *m, trit_embedding *e) {
    const uint64_t n_tokens = count_tokens(e);
    trit_jsonw *w = &e->answer;
    trit_jsonw_close(w, ']');
    trit_jsonw_put_str(w, "model", m->name);
    trit_jsonw_key(w, "usage");
    trit_jsonw_object(w);
    trit_jsonw_put_uint(w, "prompt_tokens", n_tokens);
    trit_jsonw_put_uint(w, "total_tokens", n_tokens);
    trit_jsonw_close(w, '}');
    trit_jsonw_close(w, '}');
    trit_answer_json(e->exchange, 200, w);
}

/* ---- At work ---- */

static trit_status open_embedder(trit_served *m, trit_error *err) {
    const trit_server_opts *o = &m->server->opts;
    const trit_embed_opts opts = {.pooling = o->pooling, .max_sequences = max_together, .context = o->engine.context, .chunk = o->engine.chunk,
                                  .kv = o->engine.kv};
    return m->embedder ? trit_ok : trit_embedder_new(&m->embedder, m->model, &opts, err);
}

static trit_status begin_group(const trit_served *m, trit_embedding *e, trit_error *err) {
    const size_t n = e->n - e->n_done < max_together ? e->n - e->n_done : max_together;
    const trit_status status = trit_embed_begin(m->embedder, e->text + e->n_done, n, err);
    if (status == trit_ok) e->n_running = n;
    return status;
}

/* What the group at work has become. */
static trit_status take_group(const trit_served *m, trit_embedding *e, trit_error *err) {
    trit_status status = trit_ok;
    if (!e->n_done) begin_answer(&e->answer);
    for (size_t i = 0; i < e->n_running && status == trit_ok; i++) {
        status = trit_embed_take(m->embedder, e->vector, i, e->dims, err);
        if (status == trit_ok) put_vector(&e->answer, e, e->n_done + i);
    }
    e->n_done += e->n_running;
    e->n_running = 0;
    return status;
}

/* A step of the group that is at work, or the first one of the next. */
static trit_status compute(trit_served *m, trit_embedding *e, trit_error *err) {
    bool over = false;
    trit_status status = open_embedder(m, err);
    if (!e->vector) e->vector = trit_alloc(e->dims, sizeof *e->vector);
    if (!e->vector) return trit_error_memory(err, e->dims * sizeof *e->vector, "a vector");
    if (status == trit_ok && !e->n_running) status = begin_group(m, e, err);
    if (status == trit_ok) status = trit_embed_step(m->embedder, &over, err);
    return status == trit_ok && over ? take_group(m, e, err) : status;
}

static void refuse(const trit_embedding *e, trit_refusal_kind kind) {
    trit_refusal r;
    (void)trit_refuse(&r, kind, NULL, "%s", trit_refusal_rows[kind].meaning);
    trit_answer_refusal(e->exchange, &r);
}

static void end_early(trit_embedding *e, bool gone, trit_refusal_kind cut) {
    if (gone) trit_exchange_drop(e->exchange);
    else refuse(e, cut);
}

static void end_badly(trit_embedding *e, const trit_error *err) {
    trit_refusal r;
    (void)trit_refuse_error(&r, "input", err);
    trit_answer_refusal(e->exchange, &r);
}

void trit_embeddings_step(trit_served *m) {
    trit_embedding *e = m->embeddings;
    trit_error err = {0};
    const bool gone = e->gone, early = gone || e->cut != trit_n_refusals;
    const trit_refusal_kind cut = e->cut;
    e->at_work = true;
    pthread_mutex_unlock(&m->server->lock);
    const trit_status status = early ? trit_ok : compute(m, e, &err);
    const bool over = early || status != trit_ok || e->n_done == e->n;
    if (early) end_early(e, gone, cut);
    else if (status != trit_ok) end_badly(e, &err);
    else if (over) end_answer(m, e);
    if (over && e->n_running) { /* of no use to anybody */
        trit_embedder_free(m->embedder);
        m->embedder = NULL;
    }
    pthread_mutex_lock(&m->server->lock);
    if (!over) return;
    if (!early && status == trit_ok) m->counts.embedded_tokens += count_tokens(e);
    m->embeddings = e->next;
    free_embedding(e);
}

/* The one at work is the worker's, which sees what it is told. */
void trit_embeddings_look_after(trit_served *m) {
    for (trit_embedding **at = &m->embeddings; *at;) {
        trit_embedding *e = *at;
        e->gone = e->gone || trit_exchange_is_gone(e->exchange);
        if (trit_served_is_late(m, e->exchange->start_ns) && e->cut == trit_n_refusals) e->cut = trit_refusal_late;
        if (e->at_work || (!e->gone && e->cut == trit_n_refusals)) {
            at = &e->next;
            continue;
        }
        end_early(e, e->gone, e->cut);
        *at = e->next;
        free_embedding(e);
    }
}

void trit_embeddings_give_up(trit_served *m) {
    for (trit_embedding *e = m->embeddings; e; e = e->next)
        if (e->cut == trit_n_refusals) e->cut = trit_refusal_stopping;
}
