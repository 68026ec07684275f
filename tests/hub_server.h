/* A hub on this machine for tests: one repository, served over HTTP by threads of the test, with every fault that a test asks for.
 * Each answer ends its connection. */
#ifndef TRIT_TESTS_HUB_SERVER_H
#define TRIT_TESTS_HUB_SERVER_H

#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sha.h"

enum { hub_max_files = 16 };

typedef struct hub_file {
    char name[128]; /* as the hub lists it */
    char *data;
    size_t n;
    bool is_large; /* named by sha256, sent by another server */
    char hash[65];
} hub_file;

typedef struct hub_server {
    int fd, port;
    pthread_t thread;
    hub_file file[hub_max_files];
    size_t n_files;
    const char *commit;  /* 40 digits */
    const char *api;     /* this text instead of the list of files */
    bool no_blobs;       /* the list has names alone */
    /* Faults of the files' bytes; those with a number happen so many times. */
    atomic_int n_drops;  /* the connection ends after up to `drop_bytes` of the body */
    unsigned drop_bytes, seed;
    bool drop_politely;  /* ... with a Content-Length that says so */
    atomic_int n_codes;  /* `code` instead of the bytes, with these lines */
    int code;
    const char *lines;
    bool api_too;        /* the list of files has the faults of codes too */
    bool wrong_byte, ignore_range, wrong_range, refuse_range, extra_bytes, wrong_etag;
    const char *redirect; /* where the bytes are: "http://localhost:%d" is this server again; NULL: here */
    unsigned slow_us;    /* between pieces of 4 KiB */
    atomic_ullong held_at; /* 0, or: each answer with a file's bytes waits here until this is 0 or its client is gone */
    /* What happened. */
    atomic_int n_open;   /* connections that are being served */
    atomic_int n_requests, n_tokens_at_hub, n_tokens_elsewhere, n_ranges;
    atomic_ullong n_sent; /* bytes of files */
} hub_server;

static inline void hub_add(hub_server *s, const char *name, const void *data, size_t n, bool is_large) {
    assert_true(s->n_files < hub_max_files);
    hub_file *f = &s->file[s->n_files++];
    trit_sha sum;
    char head[40];
    *f = (hub_file){.data = malloc(n + 1), .n = n, .is_large = is_large};
    assert_non_null(f->data);
    if (n) memcpy(f->data, data, n);
    snprintf(f->name, sizeof f->name, "%s", name);
    if (is_large) trit_sha256_init(&sum);
    else {
        trit_sha1_init(&sum);
        trit_sha_add(&sum, head, (size_t)snprintf(head, sizeof head, "blob %zu", n) + 1);
    }
    trit_sha_add(&sum, data, n);
    trit_sha_hex(&sum, f->hash);
}

/* n bytes of the reference generator. */
static inline void hub_add_random(hub_server *s, const char *name, size_t n, uint32_t seed, bool is_large) {
    char *data = malloc(n + 1);
    assert_non_null(data);
    for (size_t i = 0; i < n; i++) data[i] = (char)test_lcg(&seed);
    hub_add(s, name, data, n, is_large);
    free(data);
}

typedef struct hub_request {
    hub_server *s;
    int fd;
    char text[8192]; /* the head */
    bool is_head, has_token, has_range;
    char path[2048], host[256];
    unsigned long long first; /* of the range */
} hub_request;

static inline bool hub_send(int fd, const void *data, size_t n) {
    for (size_t done = 0; done < n;) {
        const ssize_t k = send(fd, (const char *)data + done, n - done, MSG_NOSIGNAL);
        if (k <= 0) return false;
        done += (size_t)k;
    }
    return true;
}

/* The client has closed its end: it sends nothing behind its request. */
static inline bool hub_is_left(int fd) {
    char byte;
    const ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static inline void hub_answer(const hub_request *r, int code, const char *lines, const char *body, size_t n) {
    char head[2048];
    snprintf(head, sizeof head, "HTTP/1.1 %d Word\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n", code, lines, n);
    if (hub_send(r->fd, head, strlen(head)) && !r->is_head) (void)hub_send(r->fd, body, n);
}

static inline bool hub_read(hub_request *r) {
    size_t n = 0;
    while (n < sizeof r->text - 1) {
        const ssize_t k = recv(r->fd, r->text + n, sizeof r->text - 1 - n, 0);
        if (k <= 0) return false;
        n += (size_t)k;
        r->text[n] = '\0';
        if (strstr(r->text, "\r\n\r\n")) break;
    }
    char method[16];
    if (sscanf(r->text, "%15s %2047s", method, r->path) != 2) return false;
    r->is_head = strcmp(method, "HEAD") == 0;
    for (char *line = r->text; (line = strstr(line, "\r\n")) && line[2] != '\r';) {
        line += 2;
        if (strncasecmp(line, "authorization: bearer secret", 28) == 0) r->has_token = true;
        if (strncasecmp(line, "host: ", 6) == 0) sscanf(line + 6, "%255s", r->host);
        if (strncasecmp(line, "range: bytes=", 13) == 0) r->has_range = sscanf(line + 13, "%llu", &r->first) == 1;
    }
    return true;
}

static inline void hub_send_list(const hub_request *r) {
    const hub_server *s = r->s;
    char *text = malloc(1 << 16);
    size_t n = (size_t)snprintf(text, 1 << 16, "{\"id\": \"org/name\", \"sha\": \"%s\", \"siblings\": [", s->commit);
    for (size_t i = 0; i < s->n_files; i++) {
        const hub_file *f = &s->file[i];
        char escaped[256];
        size_t m = 0;
        for (const char *c = f->name; *c; c++)
            m += (size_t)snprintf(escaped + m, sizeof escaped - m, strchr("\\\"", *c) ? "\\%c" : *c < ' ' ? "\\u%04x" : "%c", *c);
        n += (size_t)snprintf(text + n, (1 << 16) - n, "%s{\"rfilename\": \"%s\"", i ? ", " : "", escaped);
        if (!s->no_blobs && f->is_large)
            n += (size_t)snprintf(text + n, (1 << 16) - n, ", \"size\": %zu, \"blobId\": \"%040d\", \"lfs\": {\"sha256\": \"%s\", \"size\": %zu}", f->n, 1,
                                  f->hash, f->n);
        else if (!s->no_blobs) n += (size_t)snprintf(text + n, (1 << 16) - n, ", \"size\": %zu, \"blobId\": \"%s\"", f->n, f->hash);
        n += (size_t)snprintf(text + n, (1 << 16) - n, "}");
    }
    n += (size_t)snprintf(text + n, (1 << 16) - n, "]}");
    hub_answer(r, 200, "Content-Type: application/json\r\n", s->api ? s->api : text, s->api ? strlen(s->api) : n);
    free(text);
}

static inline void hub_send_bytes(hub_request *r, const hub_file *f, const char *lines) {
    hub_server *s = r->s;
    char head[2048], range[128] = "";
    size_t first = r->has_range && !s->ignore_range ? (size_t)r->first : 0;
    if (r->has_range) atomic_fetch_add(&s->n_ranges, 1);
    if (r->has_range && (s->refuse_range || first >= f->n)) {
        hub_answer(r, 416, lines, "", 0);
        return;
    }
    const bool is_part = r->has_range && !s->ignore_range;
    if (is_part) snprintf(range, sizeof range, "Content-Range: bytes %zu-%zu/%zu\r\n", s->wrong_range ? first - 1 : first, f->n - 1, f->n);
    size_t n = f->n - first, stop = n;
    if (s->drop_bytes && atomic_fetch_sub(&s->n_drops, 1) > 0) {
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        pthread_mutex_lock(&lock);
        const size_t k = (test_lcg(&s->seed) << 8 ^ test_lcg(&s->seed)) % s->drop_bytes;
        pthread_mutex_unlock(&lock);
        if (k < stop) stop = k;
    }
    const size_t said = s->drop_politely ? stop : n + (s->extra_bytes ? 7 : 0);
    snprintf(head, sizeof head, "HTTP/1.1 %d Word\r\nConnection: close\r\n%s%sContent-Length: %zu\r\n\r\n", is_part ? 206 : 200, lines, range, said);
    if (!hub_send(r->fd, head, strlen(head)) || r->is_head) return;
    for (size_t done = 0; done < stop;) {
        while (atomic_load(&s->held_at) && done >= atomic_load(&s->held_at) && !hub_is_left(r->fd)) usleep(1000);
        char piece[4096];
        const size_t k = stop - done < sizeof piece ? stop - done : sizeof piece;
        memcpy(piece, f->data + first + done, k);
        if (s->wrong_byte && first + done + k == f->n) piece[k - 1] ^= 1;
        if (!hub_send(r->fd, piece, k)) return;
        atomic_fetch_add(&s->n_sent, k);
        done += k;
        if (s->slow_us) usleep(s->slow_us);
    }
    if (s->extra_bytes) (void)hub_send(r->fd, "garbage", 7);
}

/* The file that the end of a path names. */
static inline const hub_file *hub_find(const hub_server *s, const char *path) {
    for (size_t i = 0; i < s->n_files; i++) {
        const size_t n = strlen(path), m = strlen(s->file[i].name);
        if (n > m && path[n - m - 1] == '/' && strcmp(path + n - m, s->file[i].name) == 0) return &s->file[i];
    }
    return NULL;
}

static inline void hub_resolve(hub_request *r) {
    hub_server *s = r->s;
    char lines[1024], where[600] = "";
    const hub_file *f = hub_find(s, r->path);
    const bool is_cdn = strncmp(r->path, "/cdn/", 5) == 0;
    if (!f) {
        hub_answer(r, 404, "X-Error-Code: EntryNotFound\r\nX-Error-Message: Entry not found\r\n", "", 0);
    } else if (is_cdn) {
        hub_send_bytes(r, f, "ETag: \"something-else\"\r\n");
    } else {
        const bool leads_on = f->is_large && s->redirect;
        if (leads_on) {
            char base[300];
            snprintf(base, sizeof base, s->redirect, s->port);
            snprintf(where, sizeof where, "Location: %s/cdn/%s\r\n", base, f->name);
        }
        snprintf(lines, sizeof lines, "X-Repo-Commit: %s\r\n%sETag: \"%s%s\"\r\n%s", s->commit, f->is_large ? "X-Linked-" : "", f->hash + s->wrong_etag,
                 s->wrong_etag ? "0" : "", where);
        if (f->is_large) snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "X-Linked-Size: %zu\r\n", f->n);
        if (leads_on) hub_answer(r, 302, lines, "moved", 5);
        else hub_send_bytes(r, f, lines);
    }
}

static inline void *hub_serve_one(void *arg) {
    hub_request *r = arg;
    hub_server *s = r->s;
    if (hub_read(r)) {
        atomic_fetch_add(&s->n_requests, 1);
        char hub_host[64];
        snprintf(hub_host, sizeof hub_host, "127.0.0.1:%d", s->port);
        if (r->has_token) atomic_fetch_add(strcmp(r->host, hub_host) == 0 ? &s->n_tokens_at_hub : &s->n_tokens_elsewhere, 1);
        const bool is_api = strncmp(r->path, "/api/models/org/name/revision/", 30) == 0;
        const bool has_fault = (is_api == s->api_too) && s->code && atomic_fetch_sub(&s->n_codes, 1) > 0;
        if (has_fault) hub_answer(r, s->code, s->lines ? s->lines : "", "no", 2);
        else if (is_api) hub_send_list(r);
        else if (strstr(r->path, "/resolve/") || strncmp(r->path, "/cdn/", 5) == 0) hub_resolve(r);
        else hub_answer(r, 404, "X-Error-Code: RepoNotFound\r\n", "", 0);
    }
    shutdown(r->fd, SHUT_WR);
    char rest[256];
    while (recv(r->fd, rest, sizeof rest, 0) > 0) continue;
    close(r->fd);
    free(r);
    atomic_fetch_sub(&s->n_open, 1);
    return NULL;
}

static inline void *hub_serve(void *arg) {
    hub_server *s = arg;
    for (int fd; (fd = accept(s->fd, NULL, NULL)) >= 0;) {
        hub_request *r = calloc(1, sizeof *r);
        pthread_t thread;
        if (!r) break;
        r->s = s;
        r->fd = fd;
        /* A client that goes away without a word holds its thread for a while only. */
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 5}, sizeof(struct timeval));
        atomic_fetch_add(&s->n_open, 1);
        assert_int_equal(pthread_create(&thread, NULL, hub_serve_one, r), 0);
        pthread_detach(thread);
    }
    return NULL;
}

/* Until all that was begun has ended; clients that said nothing are waited for no longer than their time. */
static inline void hub_rest(const hub_server *s) {
    for (int i = 0; i < 60000 && atomic_load(&s->n_open); i++) usleep(1000);
    assert_int_equal(atomic_load(&s->n_open), 0);
}

/* Listens and makes HF_ENDPOINT its address. */
static inline void hub_start(hub_server *s) {
    char endpoint[64];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    if (!s->commit) s->commit = "0123456789abcdef0123456789abcdef01234567";
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(s->fd >= 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(s->fd, 64), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &n), 0);
    s->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, hub_serve, s), 0);
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", s->port);
    setenv("HF_ENDPOINT", endpoint, 1);
}

static inline void hub_stop(hub_server *s) {
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    atomic_store(&s->held_at, 0);
    hub_rest(s);
    for (size_t i = 0; i < s->n_files; i++) free(s->file[i].data);
    s->n_files = 0;
}

#endif
