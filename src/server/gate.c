#include "server/gate.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/os.h"
#include "server/models.h"
#include "server/routes.h"
#include "server/state.h"

/* ---- Answers that are whole ---- */

void trit_answer_json(trit_exchange *x, unsigned status, trit_jsonw *w) {
    static const char no_memory[] = "{\"error\": {\"message\": \"out of memory\", \"type\": \"server_error\", \"param\": null, \"code\": \"out_of_memory\"}}";
    if (w->failed) {
        trit_exchange_append(x, no_memory, sizeof no_memory - 1);
        status = trit_refusal_rows[trit_refusal_no_memory].status;
    } else {
        trit_exchange_append(x, w->text.data, w->text.n);
    }
    trit_jsonw_fini(w);
    trit_exchange_start(x, status, "application/json", false);
    trit_exchange_end(x);
}

void trit_answer_refusal(trit_exchange *x, const trit_refusal *r) {
    trit_jsonw w = {0};
    const unsigned status = trit_refusal_rows[r->kind].status;
    if (status == 429 || status == 503) trit_exchange_header(x, "Retry-After", r->kind == trit_refusal_stopping ? "10" : "1");
    if (status == 401) trit_exchange_header(x, "WWW-Authenticate", "Bearer");
    trit_refusal_json(r, &w);
    trit_answer_json(x, status, &w);
}

/* ---- Who may ask from where ---- */

/* "localhost:8080" -> "localhost", "[::1]:8080" -> "::1" */
static trit_str host_alone(const char *host) {
    if (*host == '[') return (trit_str){host + 1, strcspn(host + 1, "]")};
    return (trit_str){host, strcspn(host, ":")};
}

static bool is_own_host(const trit_server *s, const char *host) {
    static const char *const own[] = {"localhost", "127.0.0.1", "::1"};
    const trit_str h = host_alone(host);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (trit_str_is_lower(h, own[i])) return true;
    return trit_str_is(h, s->opts.host);
}

/* "https://h" -> "h": where a proxy in front has the TLS, the page's scheme is not ours. */
static const char *without_scheme(const char *origin) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strncasecmp(origin, schemes[i], strlen(schemes[i])) == 0) return origin + strlen(schemes[i]);
    return origin;
}

static const char *allowed_origin(const trit_server *s, const char *origin) {
    for (size_t i = 0; i < s->opts.n_cors; i++)
        if (strcmp(s->opts.cors[i], "*") == 0 || strcasecmp(s->opts.cors[i], origin) == 0) return s->opts.cors[i];
    return NULL;
}

/* Pages of other origins may not ask, unless they were let in; and where the machine itself is trusted, so that there are no keys, a name that a
 * page has pointed at it (DNS rebinding) is not taken for the machine. */
static bool check_origin(const trit_server *s, trit_exchange *x, trit_refusal *r) {
    if (s->is_loopback && !s->keys.n && x->host && !is_own_host(s, x->host))
        return trit_refuse(r, trit_refusal_foreign, NULL, "host \"%.100s\" is not this server", x->host);
    if (!x->origin) return true;
    const char *allowed = allowed_origin(s, x->origin);
    if (!allowed && x->host && strcasecmp(without_scheme(x->origin), x->host) == 0) return true;
    if (!allowed) return trit_refuse(r, trit_refusal_foreign, NULL, "origin \"%.100s\" may not ask here (--cors lets it in)", x->origin);
    trit_exchange_header(x, "Access-Control-Allow-Origin", allowed);
    trit_exchange_header(x, "Vary", "Origin");
    return true;
}

/* As many of a list's names as there is room for, whole. */
static void copy_names(char *out, size_t size, const char *names) {
    size_t n = strlen(names);
    if (n >= size)
        for (n = size - 1; n && names[n] != ','; n--) {}
    snprintf(out, size, "%.*s", (int)n, names);
}

/* What a browser asks before it lets a page ask. */
static bool answer_preflight(trit_exchange *x) {
    char names[1024];
    if (strcmp(x->method, "OPTIONS") != 0 || !x->origin) return false;
    trit_exchange_header(x, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    copy_names(names, sizeof names, x->asked_headers ? x->asked_headers : "Authorization, Content-Type");
    trit_exchange_header(x, "Access-Control-Allow-Headers", names);
    trit_exchange_header(x, "Access-Control-Max-Age", "600");
    trit_exchange_start(x, 204, NULL, false);
    trit_exchange_end(x);
    return true;
}

static bool find_route(trit_exchange *x, trit_refusal *r) {
    char allowed[64];
    const int route = trit_route_find(x->method, x->path, allowed, sizeof allowed);
    x->route = route + 1;
    if (route >= 0) return true;
    if (!*allowed) return trit_refuse(r, trit_refusal_no_route, NULL, "there is no %.200s", x->path);
    trit_exchange_header(x, "Allow", allowed);
    return trit_refuse(r, trit_refusal_wrong_method, NULL, "%.200s has no %.20s: %s", x->path, x->method, allowed);
}

/* A request counts for its key until its answer is sent. */
static bool check_key(trit_server *s, trit_exchange *x, trit_refusal *r) {
    if (!s->keys.n || trit_routes[x->route - 1].access == trit_route_open) return true;
    const int key = trit_keys_find(&s->keys, x->authorization);
    if (key < 0)
        return trit_refuse(r, trit_refusal_no_key, NULL, x->authorization ? "the API key is wrong" : "an API key is wanted (Authorization: Bearer KEY)");
    pthread_mutex_lock(&s->lock);
    const bool busy = s->opts.max_per_key && s->key_active[key] >= s->opts.max_per_key;
    if (!busy) {
        s->key_active[key]++;
        x->key = key + 1;
    }
    pthread_mutex_unlock(&s->lock);
    return !busy || trit_refuse(r, trit_refusal_key_busy, NULL, "%u requests of this key are at work: try again later", s->opts.max_per_key);
}

static bool check_size(const trit_server *s, const trit_exchange *x, trit_refusal *r) {
    if (x->n_announced == UINT64_MAX || x->n_announced <= s->opts.max_body_bytes) return true;
    return trit_refuse(r, trit_refusal_too_large, NULL, "the body's %llu bytes are more than %zu", (unsigned long long)x->n_announced, s->opts.max_body_bytes);
}

/* Called again, with the size, where a body without one has grown too large. */
void trit_gate_begin(void *server, trit_exchange *x) {
    trit_server *s = server;
    trit_refusal r;
    if (x->route) {
        if (!check_size(s, x, &r)) trit_answer_refusal(x, &r);
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->n_exchanges++;
    pthread_mutex_unlock(&s->lock);
    bool ok = check_origin(s, x, &r);
    if (ok && answer_preflight(x)) return;
    ok = ok && find_route(x, &r) && check_key(s, x, &r) && check_size(s, x, &r);
    if (!ok) trit_answer_refusal(x, &r);
}

static bool ask_model(trit_server *s, trit_exchange *x, const trit_route *route, trit_refusal *r) {
    trit_json *body = NULL;
    if (route->members && !trit_body_read(&body, &x->body, r)) return false;
    trit_served *m = trit_served_find(s, body, r);
    if (m) return trit_served_handle(m, x, body, r);
    trit_json_free(body);
    return false;
}

void trit_gate_handle(void *server, trit_exchange *x) {
    const trit_route *route = &trit_routes[x->route - 1];
    trit_refusal r;
    if (!(route->handle ? route->handle(server, x, &r) : ask_model(server, x, route, &r))) trit_answer_refusal(x, &r);
}

void trit_gate_done(void *server, trit_exchange *x, unsigned status) {
    trit_server *s = server;
    pthread_mutex_lock(&s->lock);
    s->n_exchanges--;
    if (x->key) s->key_active[x->key - 1]--;
    s->answers[x->route].n[!status ? 3 : status < 400 ? 0 : status < 500 ? 1 : 2]++;
    pthread_mutex_unlock(&s->lock);
    if (trit_log_wants(trit_log_info))
        trit_logf(trit_log_info, "%u %.1f ms %s", status, (double)(trit_os_clock_ns() - x->start_ns) * 1e-6,
                  x->route ? trit_routes[x->route - 1].path : "(no route)");
}
