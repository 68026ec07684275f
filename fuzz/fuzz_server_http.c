/* Any bytes as what a client sends to a server: requests, one behind the other or cut off, whole or in pieces, to one that asks for a key and one that
 * trusts its own machine alone. Nothing behind a key is answered without it, whatever is said has the form of an answer, and when the client has left
 * nothing of it is held. The first byte chooses the server and the manner, the second one where the pieces part. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/os.h"
#include "server/routes.h"
#include "server/state.h"
#include "trit/device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { asks_for_key = 1, in_pieces = 2, leaves_at_once = 4, waits = 8, says_no_more = 16 };
enum { n_answer = 1 << 20, wait_ms = 40, silent_ms = 2, end_ms = 120000 };

static const char key[] = "sesame";

static trit_server *servers[2]; /* without a key, and with one; as long as the process */
static char answer[n_answer + 1];

static trit_server *start(const trit_model *model, const char *key_file) {
    static const char *const cors[] = {"https://friend.example"};
    const trit_server_model served = {.name = "m", .chat_template = "{% for m in messages %}{{ m.content }}{% endfor %}", .model = model};
    const trit_server_opts opts = {.models = &served, .n_models = 1, .engine = {.context = 64, .max_sequences = 2}, .max_waiting = 2, .max_per_key = 4,
                                   .max_body_bytes = 600, .deadline_s = 5, .idle_s = 5, .key_file = key_file, .cors = cors, .n_cors = 1};
    trit_server *s = NULL;
    const trit_status status = trit_server_start(&s, &opts, NULL);
    if (status != trit_ok && status != trit_unsupported) abort();
    return s;
}

/* False: this build has no server. */
static bool have_servers(void) {
    static trit_device *device;
    static trit_model *model;
    static bool tried;
    char path[] = "/tmp/fuzz_server_http_XXXXXX";
    if (tried) return servers[0];
    tried = true;
    const int fd = mkstemp(path);
    const trit_device_opts one = {.n_threads = 1};
    if (fd < 0 || write(fd, key, sizeof key - 1) != (ssize_t)sizeof key - 1 || close(fd)) abort();
    if (trit_device_open(&device, "cpu", &one, NULL) != trit_ok) abort();
    if (trit_model_open(&model, NULL, &(trit_model_opts){.device = device}, NULL) != trit_ok) abort();
    servers[0] = start(model, NULL);
    servers[1] = start(model, path);
    (void)remove(path);
    return servers[0];
}

static int dial(const trit_server *s) {
    const struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(trit_httpd_port(s->httpd)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct linger at_once = {.l_onoff = 1}; /* thousands of connections leave no waiting ports */
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) || connect(fd, (const struct sockaddr *)&at, sizeof at)) abort();
    return fd;
}

/* The server may have refused and closed. */
static void say(int fd, const uint8_t *data, size_t n) {
    for (size_t at = 0; at < n;) {
        const ssize_t sent = send(fd, data + at, n - at, MSG_NOSIGNAL);
        if (sent <= 0) return;
        at += (size_t)sent;
    }
}

/* What comes until the server closes or is silent. */
static size_t hear(int fd, int first_ms) {
    struct pollfd look = {.fd = fd, .events = POLLIN};
    size_t n = 0;
    while (n < n_answer && poll(&look, 1, n ? silent_ms : first_ms) > 0) {
        const ssize_t got = recv(fd, answer + n, n_answer - n, 0);
        if (got <= 0) break;
        n += (size_t)got;
    }
    answer[n] = '\0';
    return n;
}

static uint64_t n_behind_key(trit_server *s) {
    uint64_t sum = 0;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < trit_n_routes; i++)
        if (trit_routes[i].access == trit_route_keyed) sum += s->answers[i + 1].n[0];
    pthread_mutex_unlock(&s->lock);
    return sum;
}

static void require_nothing_held(trit_server *s) {
    for (int ms = 0; ms < end_ms; ms++) {
        pthread_mutex_lock(&s->lock);
        const uint32_t n = s->n_exchanges;
        pthread_mutex_unlock(&s->lock);
        if (!n && !trit_httpd_n_connections(s->httpd)) return;
        trit_os_sleep_ms(1);
    }
    abort();
}

/* A status that a client can have brought about, and with an error of ours the word for it. */
static void require_answer(bool has_body) {
    trit_json *v;
    const char *type = strstr(answer, "\r\nContent-Type: application/json\r\n"), *gap = strstr(answer, "\r\n\r\n");
    const char *length = strstr(answer, "\r\nContent-Length: ");
    const int status = strncmp(answer, "HTTP/1.", 7) == 0 && strlen(answer) > 12 ? atoi(answer + 9) : 0;
    if (status < 100 || status > 505 || status == 500) abort();
    if (status < 400 || !has_body || !gap || !type || type > gap || !length || length > gap) return;
    const size_t n = (size_t)atol(length + 18);
    if (strlen(gap + 4) < n) return; /* the client's other requests have ended the connection */
    if (trit_json_parse(&v, gap + 4, n, "the answer", NULL) != trit_ok) abort();
    if (!trit_json_as_str(trit_json_get(trit_json_get(v, "error"), "message")).n) abort();
    trit_json_free(v);
}

static bool holds(const uint8_t *data, size_t n, const char *word) {
    const size_t n_word = strlen(word);
    for (size_t i = 0; i + n_word <= n; i++)
        if (memcmp(data + i, word, n_word) == 0) return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n < 2 || !have_servers()) return 0;
    const uint8_t manner = data[0];
    trit_server *s = servers[manner & asks_for_key];
    const uint64_t before = n_behind_key(s);
    const size_t first = manner & in_pieces ? data[1] * (n - 2) / 256 : 0;
    const int fd = dial(s);
    data += 2;
    n -= 2;
    say(fd, data, first);
    if (first) trit_os_sleep_ms(1); /* two pieces, most of the time */
    say(fd, data + first, n - first);
    if (manner & says_no_more) (void)shutdown(fd, SHUT_WR);
    if (!(manner & leaves_at_once) && hear(fd, manner & waits ? wait_ms : silent_ms)) require_answer(!holds(data, n, "HEAD"));
    (void)close(fd);
    require_nothing_held(s);
    if ((manner & asks_for_key) && !holds(data, n, key) && n_behind_key(s) != before) abort();
    return 0;
}
