/* GET /props and /slots: what the server is, and what it is doing. */
#include "base/os.h"
#include "server/models.h"
#include "server/routes.h"
#include "server/state.h"
#include "trit/trit.h"

static void put_float(trit_jsonw *w, const char *key, float x) {
    trit_jsonw_key(w, key);
    trit_jsonw_f32(w, x);
}

static void put_defaults(trit_jsonw *w, const trit_sampling *d) {
    trit_jsonw_key(w, "defaults");
    trit_jsonw_object(w);
    put_float(w, "temperature", d->temperature);
    trit_jsonw_put_uint(w, "top_k", d->top_k);
    put_float(w, "top_p", d->top_p);
    put_float(w, "min_p", d->min_p);
    put_float(w, "repeat_penalty", d->repeat_penalty);
    put_float(w, "presence_penalty", d->presence_penalty);
    put_float(w, "frequency_penalty", d->frequency_penalty);
    trit_jsonw_close(w, '}');
}

/* Of a model that is held. */
static void put_props(trit_jsonw *w, const trit_served *m) {
    trit_jsonw_put_str(w, "architecture", m->info.arch);
    trit_jsonw_put_uint(w, "parameters", m->info.n_params);
    trit_jsonw_put_uint(w, "context_length", m->engine_info.context);
    trit_jsonw_put_str(w, "cache_type", m->engine_info.kv_type);
    trit_jsonw_put_str(w, "chat_template", m->chat_template);
    trit_jsonw_put_str(w, "bos_token", m->bos);
    trit_jsonw_put_str(w, "eos_token", m->eos);
}

/* Of a model that is not loaded, what the server says of all. */
static bool answer_props(trit_served *m, trit_exchange *x) {
    const trit_server_opts *o = &m->server->opts;
    const bool is_loaded = trit_served_hold(m);
    trit_jsonw w = {0};
    trit_jsonw_object(&w);
    trit_jsonw_put_str(&w, "model_alias", m->name);
    trit_jsonw_put_bool(&w, "loaded", is_loaded);
    if (is_loaded) {
        put_props(&w, m);
        trit_served_release(m);
    }
    trit_jsonw_put_uint(&w, "total_slots", o->engine.max_sequences);
    trit_jsonw_put_uint(&w, "queue", o->max_waiting);
    trit_jsonw_put_str(&w, "build_info", trit_version());
    put_defaults(&w, &o->sampling);
    trit_jsonw_close(&w, '}');
    trit_answer_json(x, 200, &w);
    return true;
}

bool trit_serve_props(trit_server *s, trit_exchange *x, trit_refusal *r) {
    (void)r;
    return answer_props(&s->models[0], x);
}

bool trit_serve_model_props(trit_server *s, trit_exchange *x, trit_refusal *r) {
    trit_served *m = trit_served_named(s, trit_str_from(trit_route_rest(&trit_routes[x->route - 1], x->path)), r);
    return m && answer_props(m, x);
}

static void put_slots(trit_jsonw *w, const trit_job *job) {
    for (uint32_t i = 0; i < job->n_choices; i++) {
        const trit_choice *c = &job->choice[i];
        if (c->ended) continue;
        trit_jsonw_object(w);
        trit_jsonw_put_str(w, "id", job->id);
        trit_jsonw_put_str(w, "model", job->served->name);
        trit_jsonw_put_uint(w, "index", i);
        trit_jsonw_put_uint(w, "prompt_tokens", c->n_prompt);
        trit_jsonw_put_uint(w, "completion_tokens", c->n_generated);
        trit_jsonw_put_bool(w, "stream", job->stream);
        trit_jsonw_put_f64(w, "seconds", (double)(trit_os_clock_ns() - job->start_ns) * 1e-9);
        trit_jsonw_close(w, '}');
    }
}

/* Counts and times alone: what others ask is theirs. */
bool trit_serve_slots(trit_server *s, trit_exchange *x, trit_refusal *r) {
    trit_jsonw w = {0};
    (void)r;
    pthread_mutex_lock(&s->lock);
    trit_jsonw_array(&w);
    for (size_t i = 0; i < s->n_models; i++)
        for (const trit_job *job = s->models[i].jobs; job; job = job->next) put_slots(&w, job);
    trit_jsonw_close(&w, ']');
    pthread_mutex_unlock(&s->lock);
    trit_answer_json(x, 200, &w);
    return true;
}
