/* GET /v1/models and /v1/models/{model}; GET /health. */
#include "server/ask.h"
#include "server/models.h"
#include "server/routes.h"
#include "server/state.h"

trit_served *trit_served_named(trit_server *s, trit_str name, trit_refusal *r) {
    for (size_t i = 0; i < s->n_models; i++)
        if (trit_str_is(name, s->models[i].name)) return &s->models[i];
    const char *more = s->n_models == 1 ? "" : " and others (/v1/models)";
    (void)trit_refuse(r, trit_refusal_no_model, "model", "there is no model '%.*s'; this server has '%s'%s", TRIT_STR_ARG(name), s->models[0].name, more);
    return NULL;
}

trit_served *trit_served_find(trit_server *s, const trit_json *body, trit_refusal *r) {
    const trit_json *v = trit_json_get(body, "model");
    const trit_json_kind kind = trit_json_kind_of(v);
    if (kind == trit_json_absent || kind == trit_json_null) return &s->models[0];
    if (kind == trit_json_string) return trit_served_named(s, trit_json_as_str(v), r);
    (void)trit_refuse(r, trit_refusal_invalid_value, "model", "'model': a string is wanted, not %s", trit_json_kind_text(kind));
    return NULL;
}

/* With the lock held. */
static void put_model(trit_jsonw *w, const trit_served *m) {
    static const char *const states[] = {[trit_served_absent] = "unloaded", [trit_served_loading] = "loading", [trit_served_ready] = "loaded"};
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "id", m->name);
    trit_jsonw_put_str(w, "object", "model");
    trit_jsonw_key(w, "created");
    trit_jsonw_int(w, (int64_t)m->server->start_time);
    trit_jsonw_put_str(w, "owned_by", "trit");
    trit_jsonw_put_str(w, "status", states[m->state]);
    if (m->state == trit_served_ready) trit_jsonw_put_uint(w, "context_length", m->engine_info.context);
    trit_jsonw_close(w, '}');
}

bool trit_serve_models(trit_server *s, trit_exchange *x, trit_refusal *r) {
    trit_jsonw w = {0};
    (void)r;
    trit_jsonw_object(&w);
    trit_jsonw_put_str(&w, "object", "list");
    trit_jsonw_key(&w, "data");
    trit_jsonw_array(&w);
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n_models; i++) put_model(&w, &s->models[i]);
    pthread_mutex_unlock(&s->lock);
    trit_jsonw_close(&w, ']');
    trit_jsonw_close(&w, '}');
    trit_answer_json(x, 200, &w);
    return true;
}

bool trit_serve_model(trit_server *s, trit_exchange *x, trit_refusal *r) {
    trit_jsonw w = {0};
    const trit_served *m = trit_served_named(s, trit_str_from(trit_route_rest(&trit_routes[x->route - 1], x->path)), r);
    if (!m) return false;
    pthread_mutex_lock(&s->lock);
    put_model(&w, m);
    pthread_mutex_unlock(&s->lock);
    trit_answer_json(x, 200, &w);
    return true;
}

bool trit_serve_health(trit_server *s, trit_exchange *x, trit_refusal *r) {
    trit_jsonw w = {0};
    pthread_mutex_lock(&s->lock);
    const bool stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    if (stopping) return trit_refuse(r, trit_refusal_stopping, NULL, "the server is about to end");
    trit_jsonw_object(&w);
    trit_jsonw_put_str(&w, "status", "ok");
    trit_jsonw_close(&w, '}');
    trit_answer_json(x, 200, &w);
    return true;
}
