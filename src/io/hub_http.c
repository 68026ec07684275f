/* Requests to the hub, several at once in the calling thread: libcurl's multi interface, and the only file that knows it.
 *
 * Redirects are followed here and not by libcurl, because they are where a token leaks: it goes to the hub's own origin alone, and
 * over plain http to this machine alone. The way never leads from https to http. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <curl/curl.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "io/hub.h"

enum { max_hops = 8, connect_s = 20, stall_s = 30, max_dropped_bytes = 1 << 20 };

/* Where a URL leads. */
typedef struct origin {
    char scheme[8], host[256], port[8];
    bool is_loopback;
} origin;

/* One transfer under way, with the hops behind it. */
typedef struct running {
    struct running *next;
    trit_http *session;
    trit_http_transfer *t;
    CURL *easy;
    struct curl_slist *lines;
    unsigned n_hops;
    uint64_t n_dropped; /* bytes of error pages */
    bool was_stopped;   /* by the caller's body() */
    char why[CURL_ERROR_SIZE];
} running;

struct trit_http {
    CURLM *multi;
    origin hub;
    char *authorization; /* the line of the request, NULL: none */
    running *first;
};

/* libcurl's own start is not thread-safe everywhere; nobody ends it, since others in the process may use it. */
static bool start_curl(void) {
    static atomic_int state; /* 0: not yet, 1: being done, 2: done, 3: failed */
    int expected = 0;
    if (atomic_compare_exchange_strong(&state, &expected, 1)) atomic_store(&state, curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 2 : 3);
    while (atomic_load(&state) == 1) continue;
    return atomic_load(&state) == 2;
}

static bool get_part(CURLU *u, CURLUPart what, unsigned flags, char *out, size_t size) {
    char *part = NULL;
    const bool found = curl_url_get(u, what, &part, flags) == CURLUE_OK && part && strlen(part) < size;
    if (found) memcpy(out, part, strlen(part) + 1);
    curl_free(part);
    return found;
}

/* By its name or its address; 127.example.org is a name like others. */
static bool is_this_machine(const char *host) {
    struct in_addr at;
    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0) return true;
    return inet_pton(AF_INET, host, &at) == 1 && ntohl(at.s_addr) >> 24 == 127;
}

static bool read_origin(origin *o, const char *url) {
    CURLU *u = curl_url();
    const bool read = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK && get_part(u, CURLUPART_SCHEME, 0, o->scheme, sizeof o->scheme) &&
                      get_part(u, CURLUPART_HOST, 0, o->host, sizeof o->host) && get_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, o->port, sizeof o->port);
    curl_url_cleanup(u);
    if (!read) return false;
    o->is_loopback = is_this_machine(o->host);
    return true;
}

static bool is_same(const origin *a, const origin *b) {
    return strcasecmp(a->scheme, b->scheme) == 0 && strcasecmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

/* https anywhere; plain http only where the user chose an endpoint that has it: there, and on this machine. */
static bool may_go(const trit_http *h, const origin *to) {
    if (strcasecmp(to->scheme, "https") == 0) return true;
    return strcasecmp(to->scheme, "http") == 0 && strcasecmp(h->hub.scheme, "http") == 0 && (to->is_loopback || is_same(to, &h->hub));
}

trit_status trit_http_new(trit_http **out, const char *endpoint, const char *token, trit_error *err) {
    trit_http *h = trit_alloc_zero(1, sizeof *h);
    if (!h || !start_curl() || !(h->multi = curl_multi_init())) {
        trit_free(h);
        return trit_error_memory(err, sizeof *h, "the connection");
    }
    trit_status status = trit_ok;
    if (!read_origin(&h->hub, endpoint) || !may_go(h, &h->hub))
        status = trit_error_set(err, trit_arg, "HF_ENDPOINT: \"%s\" is no address (https://...)", endpoint);
    const bool is_safe = strcasecmp(h->hub.scheme, "https") == 0 || h->hub.is_loopback;
    if (status == trit_ok && token && *token && !is_safe) trit_logf(trit_log_warn, "%s: the token is not sent over plain http", endpoint);
    if (status == trit_ok && token && *token && is_safe) {
        const size_t n = strlen(token) + sizeof "Authorization: Bearer ";
        h->authorization = trit_alloc(n, 1);
        if (h->authorization) snprintf(h->authorization, n, "Authorization: Bearer %s", token);
        else status = trit_error_memory(err, n, "the token");
    }
    if (status == trit_ok) *out = h;
    else trit_http_free(h);
    return status;
}

static void unlink_running(running *r) {
    running **at = &r->session->first;
    while (*at != r) at = &(*at)->next;
    *at = r->next;
    if (r->easy) {
        curl_multi_remove_handle(r->session->multi, r->easy);
        curl_easy_cleanup(r->easy);
    }
    curl_slist_free_all(r->lines);
    trit_free(r);
}

void trit_http_free(trit_http *h) {
    if (!h) return;
    while (h->first) unlink_running(h->first);
    curl_multi_cleanup(h->multi);
    trit_free(h->authorization);
    trit_free(h);
}

static size_t on_line(char *line, size_t size, size_t n, void *user) {
    running *r = user;
    trit_hub_head_line(&r->t->head, line, size * n);
    return size * n;
}

static size_t on_bytes(char *data, size_t size, size_t n, void *user) {
    running *r = user;
    const int code = r->t->head.code;
    n *= size;
    if (code == 200 || code == 206) {
        r->was_stopped = !r->t->body(r->t, data, n);
        return r->was_stopped ? 0 : n;
    }
    r->n_dropped += n;
    return r->n_dropped > max_dropped_bytes ? 0 : n;
}

static bool add_line(running *r, const char *line) {
    struct curl_slist *more = curl_slist_append(r->lines, line);
    if (more) r->lines = more;
    return more != NULL;
}

static bool set_up(running *r, const char *url, const origin *to) {
    CURL *c = r->easy;
    char range[32];
    curl_slist_free_all(r->lines);
    r->lines = NULL;
    /* The bytes as they are: their number and checksum are what the hub promised. */
    if (!add_line(r, "Accept-Encoding: identity")) return false;
    if (r->t->head.from_hub && r->session->authorization && !add_line(r, r->session->authorization)) return false;
    snprintf(range, sizeof range, "%llu-", (unsigned long long)r->t->first);
    /* A proxy of the environment would see the token of a plain request to this machine. */
    const char *proxy = to->is_loopback ? "" : NULL;
    return curl_easy_setopt(c, CURLOPT_PROXY, proxy) == CURLE_OK && curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK && curl_easy_setopt(c, CURLOPT_HTTPHEADER, r->lines) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_USERAGENT, "trit/" TRIT_VERSION) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_RANGE, r->t->first ? range : NULL) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOBODY, r->t->head_only ? 1L : 0L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)connect_s) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)stall_s) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_ERRORBUFFER, r->why) == CURLE_OK && curl_easy_setopt(c, CURLOPT_PRIVATE, (void *)r) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_line) == CURLE_OK && curl_easy_setopt(c, CURLOPT_HEADERDATA, (void *)r) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK && curl_easy_setopt(c, CURLOPT_WRITEDATA, (void *)r) == CURLE_OK;
}

/* Asks for `url`, which is the transfer's own or where a redirect leads. */
static trit_status hop(running *r, const char *url, trit_error *err) {
    trit_http *h = r->session;
    origin to;
    if (!read_origin(&to, url)) return trit_error_set(err, trit_format, "\"%s\", where the hub leads to, is no address", url);
    if (!may_go(h, &to)) return trit_error_set(err, trit_format, "%s://%s, where the hub leads to, is not safe", to.scheme, to.host);
    r->t->head.from_hub = is_same(&to, &h->hub);
    r->n_dropped = 0;
    r->why[0] = '\0';
    if (!set_up(r, url, &to) || curl_multi_add_handle(h->multi, r->easy) != CURLM_OK)
        return trit_error_memory(err, sizeof *r, "the connection");
    return trit_ok;
}

trit_status trit_http_start(trit_http *h, trit_http_transfer *t, trit_error *err) {
    running *r = trit_alloc_zero(1, sizeof *r);
    if (!r) return trit_error_memory(err, sizeof *r, "the connection");
    *r = (running){.next = h->first, .session = h, .t = t, .easy = curl_easy_init()};
    h->first = r;
    t->head = (trit_hub_head){0};
    t->done = t->is_unreachable = false;
    const trit_status status = r->easy ? hop(r, t->url, err) : trit_error_memory(err, sizeof *r, "the connection");
    if (status != trit_ok) unlink_running(r);
    return status;
}

void trit_http_stop(trit_http *h, trit_http_transfer *t) {
    for (running *r = h->first; r; r = r->next) {
        if (r->t != t) continue;
        unlink_running(r);
        return;
    }
}

/* What no second attempt mends. */
static bool is_final(CURLcode code) {
    return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_PEER_FAILED_VERIFICATION ||
           code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM || code == CURLE_OUT_OF_MEMORY;
}

static void finish(running *r, CURLcode code) {
    trit_http_transfer *t = r->t;
    t->done = true;
    t->is_unreachable = code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT;
    /* An error page that was too long to be read to its end is an answer. */
    const bool is_answer = code == CURLE_OK || (code == CURLE_WRITE_ERROR && !r->was_stopped && t->head.code >= 300);
    t->status = is_answer ? trit_ok : trit_error_set(&t->error, is_final(code) ? trit_fail : trit_io, "%s", r->why[0] ? r->why : curl_easy_strerror(code));
    unlink_running(r);
}

static void end_of_hop(running *r, CURLcode code) {
    char *next = NULL;
    const int answer = r->t->head.code;
    const bool is_redirect = answer == 301 || answer == 302 || answer == 303 || answer == 307 || answer == 308;
    /* Who asks for the head alone has it all where the hub itself names the bytes. */
    const bool is_known = r->t->head_only && r->t->head.hash[0];
    if (code != CURLE_OK || !is_redirect || is_known || curl_easy_getinfo(r->easy, CURLINFO_REDIRECT_URL, &next) != CURLE_OK || !next) {
        finish(r, code);
        return;
    }
    trit_status status;
    char *url = trit_strndup(next, strlen(next));
    curl_multi_remove_handle(r->session->multi, r->easy);
    if (!url) status = trit_error_memory(&r->t->error, strlen(next), "an address");
    else if (++r->n_hops > max_hops) status = trit_error_set(&r->t->error, trit_format, "redirected more than %d times", max_hops);
    else status = hop(r, url, &r->t->error);
    trit_free(url);
    if (status == trit_ok) return;
    r->t->done = true;
    r->t->status = status;
    unlink_running(r);
}

trit_status trit_http_run(trit_http *h, unsigned wait_ms, trit_error *err) {
    int n_running = 0, n_left = 0;
    CURLMcode code = h->first ? curl_multi_poll(h->multi, NULL, 0, (int)wait_ms, NULL) : CURLM_OK;
    if (code == CURLM_OK) code = curl_multi_perform(h->multi, &n_running);
    if (code != CURLM_OK) return trit_error_set(err, trit_fail, "the connections: %s", curl_multi_strerror(code));
    for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &n_left));) {
        char *owner = NULL;
        const CURLcode result = m->data.result;
        if (m->msg == CURLMSG_DONE && curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &owner) == CURLE_OK) end_of_hop((running *)(void *)owner, result);
    }
    return trit_ok;
}
