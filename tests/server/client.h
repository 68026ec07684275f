/* A server in this process with the built-in model, and a client that speaks HTTP by hand, so that tests can also speak it wrongly. */
#ifndef TRIT_TESTS_SERVER_CLIENT_H
#define TRIT_TESTS_SERVER_CLIENT_H

#include "test.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/os.h"
#include "server/server.h"
#include "trit/device.h"

/* A template for a model that has none. */
static const char chat_template[] =
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}";

typedef struct serving {
    trit_device *device;
    trit_model *model;
    trit_server *server;
    int port;
} serving;

/* Two answers at once and two that wait, greedy, unless `opts` says more. `tokenizer`: another than the model's own, or NULL. */
static inline void serve_with(serving *s, const char *tokenizer, const char *template, trit_server_opts opts) {
    trit_error err = {0};
    trit_device_opts one = {.n_threads = 1};
    (void)signal(SIGPIPE, SIG_IGN); /* who writes to a connection that has ended is told by the call */
    assert_ok(trit_device_open(&s->device, "cpu", &one, &err));
    assert_ok(trit_model_open(&s->model, NULL, &(trit_model_opts){.device = s->device, .tokenizer = tokenizer}, &err));
    opts.models = &(trit_server_model){.name = "story", .chat_template = template, .model = s->model};
    opts.n_models = 1;
    if (!opts.engine.max_sequences) opts.engine.max_sequences = 2;
    if (!opts.max_waiting) opts.max_waiting = 2;
    assert_ok(trit_server_start(&s->server, &opts, &err));
    s->port = atoi(strrchr(trit_server_url(s->server), ':') + 1);
}

static inline void serve_by(serving *s, const char *template, trit_server_opts opts) {
    serve_with(s, NULL, template, opts);
}

static inline void serve(serving *s, trit_server_opts opts) {
    serve_by(s, chat_template, opts);
}

static inline void stop_serving(serving *s) {
    trit_server_stop(s->server, 5000);
    trit_model_close(s->model);
    trit_device_close(s->device);
}

typedef struct answer {
    int status;   /* 0: the connection ended before one */
    char *head;   /* with the status line */
    char *body;   /* whole; chunks are put together */
    size_t n;
} answer;

static inline void answer_free(answer *a) {
    free(a->head);
    free(a->body);
}

static inline int dial(const serving *s) {
    const struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval limit = {.tv_sec = 600}; /* whoever waits for longer has been forgotten */
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static inline void say(int fd, const char *text, size_t n) {
    for (size_t at = 0; at < n;) {
        const ssize_t sent = send(fd, text + at, n - at, 0);
        if (sent <= 0) return; /* the answer tells why */
        at += (size_t)sent;
    }
}

static inline void unchunk(answer *a) {
    char *from = a->body, *to = a->body, *end = a->body + a->n;
    for (;;) {
        char *line;
        const unsigned long n = strtoul(from, &line, 16);
        if (line == from || line + 2 + n > end) break; /* cut */
        memmove(to, line + 2, n);
        to += n;
        from = line + 4 + n;
        if (!n) break;
    }
    a->n = (size_t)(to - a->body);
    *to = '\0';
}

/* All that comes until the server closes. */
static inline answer hear(int fd) {
    answer a = {0};
    char *all = NULL, buffer[4096];
    size_t n = 0;
    for (ssize_t got; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
        all = realloc(all, n + (size_t)got + 1);
        assert_non_null(all);
        memcpy(all + n, buffer, (size_t)got);
        n += (size_t)got;
        all[n] = '\0';
    }
    char *gap = all ? strstr(all, "\r\n\r\n") : NULL;
    if (gap) {
        *gap = '\0';
        a.status = atoi(strchr(all, ' ') + 1);
        a.n = n - (size_t)(gap + 4 - all);
        a.body = malloc(a.n + 1);
        assert_non_null(a.body);
        memcpy(a.body, gap + 4, a.n + 1);
        if (strstr(all, "Transfer-Encoding: chunked")) unchunk(&a);
    }
    a.head = all;
    return a;
}

/* One request on a connection of its own; `headers` are whole lines. */
static inline answer ask_with(const serving *s, const char *method, const char *path, const char *headers, const char *body) {
    char head[1024];
    const int fd = dial(s);
    const int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n", method, path,
                           s->port, headers, strlen(body));
    assert_true(n > 0 && (size_t)n < sizeof head);
    say(fd, head, (size_t)n);
    say(fd, body, strlen(body));
    answer a = hear(fd);
    close(fd);
    return a;
}

static inline answer post(const serving *s, const char *path, const char *body) {
    return ask_with(s, "POST", path, "", body);
}

static inline answer get(const serving *s, const char *path) {
    return ask_with(s, "GET", path, "", "");
}

/* The answer's JSON, which must have this status; decref it. */
static inline json_t *json_of(answer *a, int status) {
    json_error_t error;
    if (a->status != status) fail_msg("status %d instead of %d: %s", a->status, status, a->body ? a->body : "");
    json_t *json = json_loads(a->body, 0, &error);
    if (!json) fail_msg("no JSON (%s): %s", error.text, a->body);
    answer_free(a);
    return json;
}

/* A value by a path like "choices.0.message.content". */
static inline json_t *at(json_t *v, const char *path) {
    char part[64];
    const char *from = path;
    for (size_t n; v && *from; from += n + (from[n] == '.')) {
        n = strcspn(from, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, from);
        v = json_is_array(v) ? json_array_get(v, (size_t)atoi(part)) : json_object_get(v, part);
    }
    return v;
}

static inline const char *text_at(json_t *v, const char *path) {
    const char *s = json_string_value(at(v, path));
    if (!s) fail_msg("no text at %s", path);
    return s;
}

/* The next event of a stream: its data as JSON, NULL for [DONE] or at the end. *from moves on. */
static inline json_t *next_event(const char **from) {
    const char *begin = strstr(*from, "data: "), *end = begin ? strstr(begin, "\n\n") : NULL;
    if (!end) return NULL;
    *from = end + 2;
    if (strncmp(begin + 6, "[DONE]", 6) == 0) return NULL;
    json_t *v = json_loadb(begin + 6, (size_t)(end - begin) - 6, 0, NULL);
    if (!v) fail_msg("an event is no JSON: %s", begin);
    return v;
}

/* The status, and the code of an error (NULL: it does not matter). */
static inline void expect(answer a, int status, const char *code) {
    json_t *v = json_of(&a, status);
    if (code) assert_string_equal(text_at(v, "error.code"), code);
    json_decref(v);
}

/* A value of /metrics. */
static inline double metric(const serving *s, const char *name) {
    answer a = get(s, "/metrics");
    assert_int_equal(a.status, 200);
    char line[128];
    snprintf(line, sizeof line, "\n%s ", name);
    const char *found = strstr(a.body, line);
    if (!found) fail_msg("no %s", name);
    const double x = strtod(found + strlen(line), NULL);
    answer_free(&a);
    return x;
}

static inline void await_metric(const serving *s, const char *name, double x) {
    for (int i = 0; i < 6000; i++) { /* a minute and more: the machine may be busy */
        if (metric(s, name) >= x - 0.5 && metric(s, name) <= x + 0.5) return;
        trit_os_sleep_ms(10);
    }
    fail_msg("%s does not become %g", name, x);
}

/* Begins a request and leaves it open; `headers` are whole lines. */
static inline int begin_post_with(const serving *s, const char *headers, const char *body) {
    char request[1024];
    const int fd = dial(s);
    const int n = snprintf(request, sizeof request, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s",
                           headers, strlen(body), body);
    say(fd, request, (size_t)n);
    return fd;
}

static inline int begin_post(const serving *s, const char *body) {
    return begin_post_with(s, "", body);
}

/* Until the first of an answer has come; nothing of it is taken. */
static inline void await_answer(int fd) {
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_PEEK), 1);
}

#endif
