/* The server's life, and the thread that looks after clients. */
#include "server/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/os.h"
#include "base/rng.h"
#include "server/gate.h"
#include "server/state.h"

enum { look_ns = 100000000, tick_ns = 1000000000, end_answers_ms = 2000 };

uint64_t trit_server_unique(trit_server *s) {
    pthread_mutex_lock(&s->lock);
    const uint64_t n = ++s->n_ids;
    pthread_mutex_unlock(&s->lock);
    return trit_rng_u64(trit_os_clock_ns() ^ (uint64_t)s->start_time << 32, n);
}

/* ---- The keeper ---- */

static struct timespec after(uint64_t ns) {
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    ns += (uint64_t)t.tv_nsec;
    t.tv_sec += (time_t)(ns / 1000000000u);
    t.tv_nsec = (long)(ns % 1000000000u);
    return t;
}

/* Looks for clients that have left, and answers that are late, while there are any. */
static void *keep(void *user) {
    trit_server *s = user;
    uint64_t ticked = 0;
    pthread_mutex_lock(&s->lock);
    while (!s->ending) {
        bool busy = false;
        for (size_t i = 0; i < s->n_models; i++) busy = trit_served_look_after(&s->models[i]) || busy;
        const struct timespec until = after(busy ? look_ns : tick_ns);
        (void)pthread_cond_timedwait(&s->look, &s->lock, &until);
        const uint64_t now = trit_os_clock_ns();
        if (now < ticked + tick_ns) continue;
        ticked = now;
        pthread_mutex_unlock(&s->lock);
        trit_httpd_tick(s->httpd);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- Start ---- */

/* By the address and not by its looks: 127.example.org is a name that anyone may have. */
static bool is_loopback(const char *host) {
    unsigned char v4[4];
    struct in6_addr v6;
    if (inet_pton(AF_INET, host, v4) == 1) return v4[0] == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(host, "localhost") == 0;
}

static trit_status settle(trit_server *s, trit_error *err) {
    trit_server_opts *o = &s->opts;
    if (!o->host) o->host = "127.0.0.1";
    if (!o->max_connections) o->max_connections = 1000;
    if (!o->idle_s) o->idle_s = 60;
    if (!o->max_body_bytes) o->max_body_bytes = 8 << 20;
    if (!o->engine.max_sequences) o->engine.max_sequences = 1;
    s->is_loopback = is_loopback(o->host);
    if (!s->is_loopback && !o->key_file && !o->open_to_all)
        return trit_error_set(err, trit_arg, "%s can be reached from other machines: give an --api-key-file, or say --no-keys", o->host);
    if (!o->key_file) return trit_ok;
    const trit_status status = trit_keys_read(&s->keys, o->key_file, err);
    if (status != trit_ok) return status;
    s->key_active = trit_alloc_zero(s->keys.n, sizeof *s->key_active);
    return s->key_active ? trit_ok : trit_error_memory(err, s->keys.n * sizeof *s->key_active, "the API keys");
}

static trit_status init_models(trit_server *s, trit_error *err) {
    const size_t n = s->opts.n_models;
    s->models = trit_alloc_zero(n, sizeof *s->models);
    if (!s->models) return trit_error_memory(err, n * sizeof *s->models, "the models");
    for (; s->n_models < n; s->n_models++) trit_served_init(&s->models[s->n_models], s, s->n_models);
    s->opts.models = NULL; /* the caller's */
    return trit_ok;
}

/* The first, and those that are open already. */
static trit_status load_first(trit_server *s, trit_error *err) {
    bool any = false;
    for (size_t i = 0; i < s->n_models; i++) {
        trit_served *m = &s->models[i];
        if (any && !m->asked.model) continue;
        const trit_status status = trit_served_load(m, err);
        if (status != trit_ok && !s->opts.may_be_broken) return status;
        if (status != trit_ok) trit_logf(trit_log_error, "%s is not loaded: %s", m->name, err->message);
        any = any || status == trit_ok;
    }
    return trit_ok;
}

static trit_status open_httpd(trit_server *s, trit_error *err) {
    const trit_server_opts *o = &s->opts;
    const trit_httpd_opts http = {.host = o->host, .port = o->port, .max_connections = o->max_connections, .idle_s = o->idle_s, .receive_s = o->idle_s,
                                  .max_body_bytes = o->max_body_bytes, .self = s, .begin = trit_gate_begin, .handle = trit_gate_handle,
                                  .done = trit_gate_done};
    trit_status status = trit_httpd_start(&s->httpd, &http, err);
    if (status != trit_ok) return status;
    const bool is_v6 = strchr(o->host, ':');
    snprintf(s->url, sizeof s->url, "http://%s%s%s:%u", is_v6 ? "[" : "", o->host, is_v6 ? "]" : "", trit_httpd_port(s->httpd));
    return trit_ok;
}

static trit_status start_keeper(trit_server *s, trit_error *err) {
    s->has_keeper = pthread_create(&s->keeper, NULL, keep, s) == 0;
    return s->has_keeper ? trit_ok : trit_error_set(err, trit_memory, "out of memory: the keeper's thread");
}

trit_status trit_server_start(trit_server **out, const trit_server_opts *opts, trit_error *err) {
    trit_server *s = trit_alloc_zero(1, sizeof *s);
    if (!s) return trit_error_memory(err, sizeof *s, "the server");
    s->opts = *opts;
    s->start_time = time(NULL);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->look, NULL);
    trit_status status = settle(s, err);
    if (status == trit_ok && opts->session_dir) status = trit_fs_make_dirs(opts->session_dir, err);
    if (status == trit_ok) status = init_models(s, err);
    if (status == trit_ok) status = load_first(s, err);
    for (size_t i = 0; i < s->n_models && status == trit_ok; i++) status = trit_served_start(&s->models[i], err);
    if (status == trit_ok) status = open_httpd(s, err);
    if (status == trit_ok) status = start_keeper(s, err);
    if (status == trit_ok) *out = s;
    else trit_server_stop(s, 0);
    return status;
}

const char *trit_server_url(const trit_server *s) {
    return s->url;
}

/* ---- End ---- */

/* Waits until a count is down to nothing, or until the time has passed. */
static bool wait_for(trit_server *s, uint32_t wait_ms, bool (*is_over)(const trit_server *)) {
    const uint64_t until = trit_os_clock_ns() + (uint64_t)wait_ms * 1000000u;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        const bool over = is_over(s);
        pthread_mutex_unlock(&s->lock);
        if (over || trit_os_clock_ns() >= until) return over;
        trit_os_sleep_ms(10);
    }
}

static bool no_work(const trit_server *s) {
    for (size_t i = 0; i < s->n_models; i++)
        if (trit_served_has_work(&s->models[i])) return false;
    return true;
}

static bool no_exchanges(const trit_server *s) {
    return !s->n_exchanges;
}

static void give_up(trit_server *s, bool jobs) {
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    for (size_t i = 0; i < s->n_models; i++) trit_served_give_up(&s->models[i], jobs);
    pthread_mutex_unlock(&s->lock);
}

static void end_threads(trit_server *s) {
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    for (size_t i = 0; i < s->n_models; i++) pthread_cond_signal(&s->models[i].work);
    pthread_cond_signal(&s->look);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < s->n_models; i++) trit_served_join(&s->models[i]);
    if (s->has_keeper) pthread_join(s->keeper, NULL);
}

void trit_server_stop(trit_server *s, uint32_t drain_ms) {
    if (!s) return;
    if (s->httpd) trit_httpd_refuse_new(s->httpd);
    give_up(s, false);
    if (!wait_for(s, drain_ms, no_work)) give_up(s, true);
    end_threads(s);
    (void)wait_for(s, end_answers_ms, no_exchanges);
    trit_httpd_free(s->httpd);
    for (size_t i = 0; i < s->n_models; i++) trit_served_fini(&s->models[i]);
    trit_free(s->models);
    trit_keys_fini(&s->keys);
    trit_free(s->key_active);
    pthread_cond_destroy(&s->look);
    pthread_mutex_destroy(&s->lock);
    trit_free(s);
}
