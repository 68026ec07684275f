/* HTTP over libmicrohttpd.
 *
 *     the library's thread                    any thread
 *     on_request: headers, body, handle()     trit_exchange_start, append, end
 *     no answer yet: suspend  ............... wake: resume
 *     read_answer: copies what is there; nothing there: suspend ... wake
 *     on_completed: done(), release
 *
 * One lock guards the states of all exchanges; it is taken before the library's own and held for copies only. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* POLLRDHUP */
#endif
#include "server/httpd.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "base/os.h"
#include "base/str.h"

enum {
    n_threads = 4,
    header_bytes = 64 << 10, /* of a request; more: 431 by the library */
    read_bytes = 16 << 10,
    unseen_ns = 1000000000, /* in which the library has read what there was to read */
    spare_files = 64 /* beside the connections: models, logs, the library's own */
};

typedef struct header {
    const char *name;
    char *value; /* owned */
} header;

typedef struct client {
    struct client *next, **link;
    int fd;
    uint64_t since_ns; /* since when headers, or a body, are waited for; 0: all is here */
} client;

struct trit_exchange_state {
    trit_httpd *h;
    struct MHD_Connection *connection; /* NULL: it is over */
    client *client;
    unsigned n_holders, status;
    const char *type;
    bool streams, ended, dropped, suspended, queued, refused_early, handled;
    header header[trit_exchange_max_headers];
    size_t n_headers;
    trit_text out;
    size_t n_sent; /* of `out` */
    uint64_t n_received;
};

typedef struct exchange {
    trit_exchange x;
    struct trit_exchange_state s;
} exchange;

struct trit_httpd {
    trit_httpd_opts opts;
    struct MHD_Daemon *daemon;
    uint16_t port;
    int quiesced_fd; /* -1: still listening */
    pthread_mutex_t lock;
    client *clients;
    unsigned n_clients;
};

/* ---- The answer ---- */

static void wake(struct trit_exchange_state *s) {
    if (!s->suspended) return;
    s->suspended = false;
    MHD_resume_connection(s->connection);
}

void trit_exchange_keep(trit_exchange *x) {
    pthread_mutex_lock(&x->state->h->lock);
    x->state->n_holders++;
    pthread_mutex_unlock(&x->state->h->lock);
}

void trit_exchange_release(trit_exchange *x) {
    trit_httpd *h = x->state->h;
    pthread_mutex_lock(&h->lock);
    bool last = --x->state->n_holders == 0;
    pthread_mutex_unlock(&h->lock);
    if (!last) return;
    trit_text_fini(&x->body);
    trit_text_fini(&x->state->out);
    for (size_t i = 0; i < x->state->n_headers; i++) trit_free(x->state->header[i].value);
    trit_free(x);
}

void trit_exchange_header(trit_exchange *x, const char *name, const char *value) {
    struct trit_exchange_state *s = x->state;
    if (s->n_headers == trit_exchange_max_headers) return;
    char *copy = trit_strndup(value, strlen(value));
    if (copy) s->header[s->n_headers++] = (header){name, copy};
}

void trit_exchange_start(trit_exchange *x, unsigned status, const char *content_type, bool streams) {
    struct trit_exchange_state *s = x->state;
    pthread_mutex_lock(&s->h->lock);
    if (!s->status) {
        s->status = status;
        s->type = content_type;
        s->streams = streams;
        if (streams) wake(s);
    }
    pthread_mutex_unlock(&s->h->lock);
}

/* An answer that memory is too short for ends with its connection, so that nobody takes it for the whole. */
void trit_exchange_append(trit_exchange *x, const char *data, size_t n) {
    struct trit_exchange_state *s = x->state;
    pthread_mutex_lock(&s->h->lock);
    if (s->connection && !s->ended && !trit_text_append(&s->out, data, n)) s->ended = s->dropped = true;
    if (s->streams || s->ended) wake(s);
    pthread_mutex_unlock(&s->h->lock);
}

static void end(trit_exchange *x, bool drop) {
    struct trit_exchange_state *s = x->state;
    pthread_mutex_lock(&s->h->lock);
    s->ended = true;
    s->dropped = s->dropped || drop;
    wake(s);
    pthread_mutex_unlock(&s->h->lock);
}

void trit_exchange_end(trit_exchange *x) {
    end(x, false);
}

void trit_exchange_drop(trit_exchange *x) {
    end(x, true);
}

/* A further request that waits to be read hides the end, but where poll knows of it. */
static bool has_ended(int fd) {
    char byte;
#ifdef POLLRDHUP
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};
    if (poll(&look, 1, 0) > 0) return true;
#endif
    const ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

bool trit_exchange_is_gone(trit_exchange *x) {
    struct trit_exchange_state *s = x->state;
    pthread_mutex_lock(&s->h->lock);
    const bool gone = !s->connection || has_ended(s->client->fd);
    pthread_mutex_unlock(&s->h->lock);
    return gone;
}

/* ---- The library's side ---- */

static ssize_t read_answer(void *user, uint64_t position, char *buffer, size_t room) {
    struct trit_exchange_state *s = user;
    (void)position;
    pthread_mutex_lock(&s->h->lock);
    size_t n = s->out.n - s->n_sent;
    if (n > room) n = room;
    ssize_t result = (ssize_t)n;
    if (s->dropped) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (n) {
        memcpy(buffer, s->out.data + s->n_sent, n);
        s->n_sent += n;
        if (s->n_sent == s->out.n) s->out.n = s->n_sent = 0;
    } else if (s->ended) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        s->suspended = true;
        MHD_suspend_connection(s->connection);
    }
    pthread_mutex_unlock(&s->h->lock);
    return result;
}

static enum MHD_Result queue(struct trit_exchange_state *s) {
    struct MHD_Response *response = s->streams ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, read_bytes, read_answer, s, NULL)
                                               : MHD_create_response_from_buffer(s->out.n, s->out.data, MHD_RESPMEM_PERSISTENT);
    if (!response) return MHD_NO;
    if (s->type) MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, s->type);
    for (size_t i = 0; i < s->n_headers; i++) MHD_add_response_header(response, s->header[i].name, s->header[i].value);
    s->queued = true;
    enum MHD_Result result = MHD_queue_response(s->connection, s->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Sends the answer if there is one, or waits outside of the loop. */
static enum MHD_Result answer_or_wait(struct trit_exchange_state *s) {
    pthread_mutex_lock(&s->h->lock);
    const bool ready = s->status && (s->streams || s->ended), dropped = s->dropped;
    if (!ready && !dropped) {
        s->suspended = true;
        MHD_suspend_connection(s->connection);
    }
    pthread_mutex_unlock(&s->h->lock);
    return dropped ? MHD_NO : ready ? queue(s) : MHD_YES;
}

static const char *header_of(struct MHD_Connection *c, const char *name) {
    return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static exchange *new_exchange(trit_httpd *h, struct MHD_Connection *c, const char *url, const char *method) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    exchange *e = info && info->socket_context ? trit_alloc_zero(1, sizeof *e) : NULL;
    if (!e) return NULL;
    const char *length = header_of(c, MHD_HTTP_HEADER_CONTENT_LENGTH);
    int64_t announced = 0;
    e->x = (trit_exchange){.method = method,
                           .path = url,
                           .authorization = header_of(c, MHD_HTTP_HEADER_AUTHORIZATION),
                           .origin = header_of(c, "Origin"),
                           .host = header_of(c, MHD_HTTP_HEADER_HOST),
                           .asked_headers = header_of(c, "Access-Control-Request-Headers"),
                           .start_ns = trit_os_clock_ns(),
                           .state = &e->s};
    e->x.n_announced = !length ? 0 : trit_parse_int(length, &announced) && announced >= 0 ? (uint64_t)announced : UINT64_MAX;
    if (header_of(c, MHD_HTTP_HEADER_TRANSFER_ENCODING)) e->x.n_announced = UINT64_MAX;
    e->s = (struct trit_exchange_state){.h = h, .connection = c, .client = info->socket_context, .n_holders = 1};
    pthread_mutex_lock(&h->lock);
    e->s.client->since_ns = e->x.start_ns; /* a connection may have been idle before */
    pthread_mutex_unlock(&h->lock);
    return e;
}

/* A piece of the body: kept while it is wanted. What is refused is read to its end, within reason, so that the client reads why. */
static enum MHD_Result take_piece(exchange *e, const char *data, size_t n) {
    const size_t max = e->s.h->opts.max_body_bytes;
    e->s.n_received += n;
    if (e->s.refused_early) return e->s.n_received > 4 * (uint64_t)max ? MHD_NO : MHD_YES;
    if (e->s.n_received > max) {
        e->x.n_announced = e->s.n_received;
        trit_text_fini(&e->x.body);
        e->s.h->opts.begin(e->s.h->opts.self, &e->x); /* which refuses it by its size */
        e->s.refused_early = true;
        return MHD_YES;
    }
    return trit_text_append(&e->x.body, data, n) ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *c, const char *url, const char *method, const char *version, const char *data,
                                  size_t *n_data, void **context) {
    trit_httpd *h = self;
    exchange *e = *context;
    (void)version;
    if (!e) {
        *context = e = new_exchange(h, c, url, method);
        if (!e) return MHD_NO;
        h->opts.begin(h->opts.self, &e->x);
        e->s.refused_early = e->s.status != 0;
        const bool endless = e->s.refused_early && e->x.n_announced != UINT64_MAX && e->x.n_announced > h->opts.max_body_bytes;
        return endless ? queue(&e->s) : MHD_YES;
    }
    if (*n_data) {
        const size_t n = *n_data;
        *n_data = 0;
        return take_piece(e, data, n);
    }
    if (e->s.queued) return MHD_YES;
    if (!e->s.handled) {
        e->s.handled = true;
        pthread_mutex_lock(&h->lock);
        e->s.client->since_ns = 0;
        pthread_mutex_unlock(&h->lock);
        if (!e->s.refused_early) h->opts.handle(h->opts.self, &e->x);
        trit_text_fini(&e->x.body); /* answers can take long */
    }
    return answer_or_wait(&e->s);
}

static void on_completed(void *self, struct MHD_Connection *c, void **context, enum MHD_RequestTerminationCode why) {
    trit_httpd *h = self;
    exchange *e = *context;
    (void)c;
    (void)why;
    if (!e) return;
    pthread_mutex_lock(&h->lock);
    e->s.connection = NULL;
    e->s.suspended = false;
    e->s.client->since_ns = trit_os_clock_ns();
    pthread_mutex_unlock(&h->lock);
    h->opts.done(h->opts.self, &e->x, e->s.queued && !e->s.dropped ? e->s.status : 0);
    *context = NULL;
    trit_exchange_release(&e->x);
}

static void on_connection(void *self, struct MHD_Connection *c, void **socket_context, enum MHD_ConnectionNotificationCode what) {
    trit_httpd *h = self;
    client *k = *socket_context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        k = trit_alloc_zero(1, sizeof *k);
        *socket_context = k;
        if (!k) return; /* its requests are refused in new_exchange */
        k->fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        k->since_ns = trit_os_clock_ns();
        pthread_mutex_lock(&h->lock);
        k->next = h->clients;
        if (k->next) k->next->link = &k->next;
        k->link = &h->clients;
        h->clients = k;
        h->n_clients++;
    } else if (k) {
        pthread_mutex_lock(&h->lock);
        *k->link = k->next;
        if (k->next) k->next->link = k->link;
        h->n_clients--;
    } else {
        return;
    }
    pthread_mutex_unlock(&h->lock);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) trit_free(k);
}

/* The library does not always see the end of a client who said so while it was answered. */
void trit_httpd_tick(trit_httpd *h) {
    const uint64_t now = trit_os_clock_ns(), limit = (uint64_t)h->opts.receive_s * 1000000000u;
    pthread_mutex_lock(&h->lock);
    for (client *k = h->clients; k; k = k->next) {
        const uint64_t waited = k->since_ns && now > k->since_ns ? now - k->since_ns : 0;
        if (waited > limit || (waited > unseen_ns && has_ended(k->fd))) (void)shutdown(k->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&h->lock);
}

unsigned trit_httpd_n_connections(trit_httpd *h) {
    pthread_mutex_lock(&h->lock);
    const unsigned n = h->n_clients;
    pthread_mutex_unlock(&h->lock);
    return n;
}

uint16_t trit_httpd_port(const trit_httpd *h) {
    return h->port;
}

/* ---- Start and end ---- */

static TRIT_PRINTF(2, 0) void on_library_log(void *self, const char *fmt, va_list args) {
    char line[400];
    (void)self;
    const int n = vsnprintf(line, sizeof line, fmt, args);
    if (n > 0 && (size_t)n < sizeof line && line[n - 1] == '\n') line[n - 1] = '\0';
    trit_logf(trit_log_debug, "http: %s", line);
}

/* A NUL would end a path before its end: it becomes a byte that no path has. */
static size_t unescape(void *self, struct MHD_Connection *c, char *text) {
    (void)self;
    (void)c;
    const size_t n = MHD_http_unescape(text);
    for (size_t i = 0; i < n; i++)
        if (!text[i]) text[i] = '\x7f';
    return n;
}

/* A socket that listens at the first of the host's addresses that can be had. */
static trit_status listen_at(int *out, const char *host, uint16_t port, trit_error *err) {
    char service[8];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
    snprintf(service, sizeof service, "%u", port);
    const int code = getaddrinfo(host, service, &hints, &list);
    if (code) return trit_error_set(err, trit_io, "%s: %s", host, gai_strerror(code));
    int fd = -1, why = 0;
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
        const int one = 1;
        fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 && bind(fd, a->ai_addr, a->ai_addrlen) == 0 &&
            listen(fd, 1024) == 0)
            break;
        why = errno;
        if (fd >= 0) close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    if (fd < 0) return trit_error_set(err, trit_io, "%s port %u: %s", host, port, strerror(why));
    *out = fd;
    return trit_ok;
}

static uint16_t port_of(int fd) {
    struct sockaddr_storage a;
    socklen_t n = sizeof a;
    char service[8];
    int64_t port = 0;
    if (getsockname(fd, (struct sockaddr *)&a, &n) || getnameinfo((struct sockaddr *)&a, n, NULL, 0, service, sizeof service, NI_NUMERICSERV)) return 0;
    return trit_parse_int(service, &port) ? (uint16_t)port : 0;
}

static void want_files(unsigned n) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= n) return;
    limit.rlim_cur = limit.rlim_max < n ? limit.rlim_max : n;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

trit_status trit_httpd_start(trit_httpd **out, const trit_httpd_opts *opts, trit_error *err) {
    int fd = -1;
    trit_status status = listen_at(&fd, opts->host, opts->port, err);
    if (status != trit_ok) return status;
    trit_httpd *h = trit_alloc_zero(1, sizeof *h);
    if (!h) {
        close(fd);
        return trit_error_memory(err, sizeof *h, "the server");
    }
    h->opts = *opts;
    h->port = port_of(fd);
    h->quiesced_fd = -1;
    pthread_mutex_init(&h->lock, NULL);
    want_files(opts->max_connections + spare_files);
    *out = h; /* its threads serve before the call returns */
    h->daemon = MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER,
        on_library_log, NULL, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_CONNECTION_LIMIT, opts->max_connections, MHD_OPTION_CONNECTION_TIMEOUT, opts->idle_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)header_bytes, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)n_threads, MHD_OPTION_END);
    if (!h->daemon) {
        close(fd);
        trit_httpd_free(h);
        *out = NULL;
        return trit_error_set(err, trit_io, "%s port %u: the server does not start", opts->host, opts->port);
    }
    return trit_ok;
}

void trit_httpd_refuse_new(trit_httpd *h) {
    if (h->quiesced_fd < 0) h->quiesced_fd = MHD_quiesce_daemon(h->daemon);
}

void trit_httpd_free(trit_httpd *h) {
    if (!h) return;
    if (h->daemon) MHD_stop_daemon(h->daemon);
    if (h->quiesced_fd >= 0) close(h->quiesced_fd);
    pthread_mutex_destroy(&h->lock);
    trit_free(h);
}
