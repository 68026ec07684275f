/* Who is let in, what a client can hold, what happens when it leaves, sends garbage or says nothing, and how the server ends. */
#include "client.h"

#include <pthread.h>

static const char long_answer[] = "{\"prompt\": \"Once\", \"max_tokens\": 400, \"ignore_eos\": true}";

static const char *write_keys(void) {
    FILE *f = fopen("keys.txt", "w");
    assert_non_null(f);
    fputs("# ours\nfirst-key\r\n\nsecond-key", f);
    fclose(f);
    return "keys.txt";
}

static void keys(void **state) {
    (void)state;
    serving s;
    serve(&s, (trit_server_opts){.key_file = write_keys()});
    expect(get(&s, "/health"), 200, NULL);
    expect(get(&s, "/v1/models"), 401, "invalid_api_key");
    const char *const wrong[] = {"Bearer first-ke", "Bearer first-keyy", "Bearer ", "first-key", "Bearer # ours", "Basic first-key"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char line[100];
        snprintf(line, sizeof line, "Authorization: %s\r\n", wrong[i]);
        expect(ask_with(&s, "GET", "/v1/models", line, ""), 401, "invalid_api_key");
    }
    expect(ask_with(&s, "GET", "/v1/models", "Authorization: Bearer first-key\r\n", ""), 200, NULL);
    expect(ask_with(&s, "GET", "/v1/models", "Authorization: bearer second-key\r\n", ""), 200, NULL);
    stop_serving(&s);
    remove("keys.txt");
}

static void addresses(void **state) {
    (void)state;
    serving s;
    trit_server *other = NULL;
    trit_error err = {0};
    serve(&s, (trit_server_opts){0});
    trit_server_opts o = {.models = &(trit_server_model){.name = "m", .model = s.model}, .n_models = 1, .host = "0.0.0.0"};
    assert_int_equal(trit_server_start(&other, &o, &err), trit_arg);
    o.host = "127.0.0.1";
    o.port = (uint16_t)s.port;
    assert_int_equal(trit_server_start(&other, &o, &err), trit_io); /* taken */
    o.host = "127.example.org"; /* no address, though it looks like one: refused before anyone is asked for it */
    assert_int_equal(trit_server_start(&other, &o, &err), trit_arg);
    o.host = "::g"; /* nor is this, and no name either */
    o.open_to_all = true;
    assert_int_equal(trit_server_start(&other, &o, &err), trit_io);
    assert_null(other);
    stop_serving(&s);
}

static void origins(void **state) {
    (void)state;
    serving s;
    const char *const cors[] = {"https://chat.example.org"};
    serve(&s, (trit_server_opts){.cors = cors, .n_cors = 1});
    expect(ask_with(&s, "GET", "/v1/models", "Origin: https://evil.example\r\n", ""), 403, "origin_not_allowed");
    answer a = ask_with(&s, "GET", "/v1/models", "Origin: https://chat.example.org\r\n", "");
    assert_non_null(strstr(a.head, "Access-Control-Allow-Origin: https://chat.example.org"));
    expect(a, 200, NULL);
    char own[64], names[700] = "Origin: https://chat.example.org\r\nAccess-Control-Request-Headers: x-stainless-os", allowed[700];
    while (strlen(names) < 600) strcat(names, ",x-one-more");
    snprintf(allowed, sizeof allowed, "Access-Control-Allow-Headers: %s\r\n", strstr(names, "x-stainless-os"));
    a = ask_with(&s, "OPTIONS", "/v1/chat/completions", strcat(names, "\r\n"), "");
    assert_int_equal(a.status, 204);
    assert_non_null(strstr(a.head, allowed));
    answer_free(&a);
    static const char *const schemes[] = {"http", "https", "HTTPS"}; /* https: by a proxy before the server */
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        snprintf(own, sizeof own, "Origin: %s://LocalHost:%d\r\n", schemes[i], s.port);
        expect(ask_with(&s, "GET", "/v1/models", own, ""), 200, NULL);
    }
    const int fd = dial(&s); /* a name that a page has pointed at this machine */
    static const char rebound[] = "GET /v1/models HTTP/1.1\r\nHost: evil.example:80\r\nConnection: close\r\n\r\n";
    say(fd, rebound, sizeof rebound - 1);
    expect(hear(fd), 403, "origin_not_allowed");
    close(fd);
    stop_serving(&s);
}

static void sizes(void **state) {
    (void)state;
    serving s;
    serve(&s, (trit_server_opts){.max_body_bytes = 1000});
    char body[3000], request[4000];
    memset(body, ' ', sizeof body);
    body[sizeof body - 1] = '\0';
    expect(post(&s, "/v1/completions", body), 413, "request_too_large");
    body[900] = '\0';
    expect(post(&s, "/v1/completions", body), 400, "invalid_json");
    body[900] = ' ';
    const int fd = dial(&s); /* without a length */
    snprintf(request, sizeof request,
             "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
             strlen(body), body);
    say(fd, request, strlen(request));
    expect(hear(fd), 413, "request_too_large");
    close(fd);
    stop_serving(&s);
}

/* As serve, by the slowest kernels: answers outlast what the tests ask meanwhile, however fast the machine is. */
static void serve_slowly(serving *s, trit_server_opts opts) {
    assert_int_equal(setenv("TRIT_CPU", "scalar", 1), 0);
    serve(s, opts);
    assert_int_equal(unsetenv("TRIT_CPU"), 0);
}

/* One answer is made, one waits, the third comes too late; clients that leave free their places. */
static void queue_and_leave(void **state) {
    (void)state;
    serving s;
    serve_slowly(&s, (trit_server_opts){.engine.max_sequences = 1, .max_waiting = 1});
    const double free_pages = metric(&s, "trit_cache_pages_free{model=\"story\"}");
    const int first = begin_post(&s, long_answer);
    await_metric(&s, "trit_answers_running{model=\"story\"}", 1);
    const int second = begin_post(&s, long_answer);
    await_metric(&s, "trit_answers_waiting{model=\"story\"}", 1);
    answer a = post(&s, "/v1/completions", long_answer);
    assert_non_null(strstr(a.head, "Retry-After: "));
    expect(a, 429, "queue_full");
    close(second);
    close(first);
    await_metric(&s, "trit_answers_running{model=\"story\"}", 0);
    await_metric(&s, "trit_cache_pages_free{model=\"story\"}", free_pages);
    assert_true(metric(&s, "trit_answers_total{reason=\"cancelled\",model=\"story\"}") >= 1);
    expect(post(&s, "/v1/completions", "{\"prompt\": \"Once\", \"max_tokens\": 2}"), 200, NULL);
    stop_serving(&s);
}

static void one_key_at_a_time(void **state) {
    (void)state;
    serving s;
    serve(&s, (trit_server_opts){.key_file = write_keys(), .max_per_key = 1});
    char request[512];
    const int fd = dial(&s);
    const int n = snprintf(request, sizeof request,
                           "POST /v1/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer first-key\r\nContent-Length: %zu\r\n\r\n",
                           strlen(long_answer));
    say(fd, request, (size_t)n);
    say(fd, long_answer, 10); /* at work from its headers on */
    const uint64_t until = trit_os_clock_ns() + 60000000000u;
    answer a = ask_with(&s, "GET", "/v1/models", "Authorization: Bearer first-key\r\n", "");
    while (a.status == 200 && trit_os_clock_ns() < until) {
        answer_free(&a);
        a = ask_with(&s, "GET", "/v1/models", "Authorization: Bearer first-key\r\n", "");
    }
    expect(a, 429, "rate_limit_exceeded");
    expect(ask_with(&s, "GET", "/v1/models", "Authorization: Bearer second-key\r\n", ""), 200, NULL);
    close(fd);
    stop_serving(&s);
    remove("keys.txt");
}

static void send_garbage(const serving *s) {
    static const char *const lines[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "\x16\x03\x01\x02",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /%00%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
    };
    int open[sizeof lines / sizeof lines[0]];
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        open[i] = dial(s);
        say(open[i], lines[i], strlen(lines[i]));
        (void)shutdown(open[i], SHUT_WR);
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        answer a = hear(open[i]);
        if (a.status && a.status < 400) fail_msg("request %zu is answered by %d", i, a.status);
        answer_free(&a);
        close(open[i]);
    }
    char *header = malloc(200000);
    assert_non_null(header);
    memset(header, 'a', 200000);
    memcpy(header, "GET /health HTTP/1.1\r\nX: ", 25);
    const int fd = dial(s);
    say(fd, header, 200000);
    answer a = hear(fd);
    assert_true(a.status == 0 || a.status == 431 || a.status == 400 || a.status == 413);
    answer_free(&a);
    close(fd);
    free(header);
}

/* Connections that say nothing, a byte now and then, or what may still become a request are dropped; others are served meanwhile. */
static void garbage_and_silence(void **state) {
    (void)state;
    enum { n_silent = 100 };
    int fd[n_silent];
    serving s;
    serve(&s, (trit_server_opts){.idle_s = 1});
    for (int i = 0; i < n_silent; i++) {
        fd[i] = dial(&s);
        say(fd[i], "GET /hea", (size_t)i % 9);
    }
    send_garbage(&s);
    expect(get(&s, "/health"), 200, NULL);
    const uint64_t until = trit_os_clock_ns() + 60000000000u;
    char byte;
    while (recv(fd[0], &byte, 1, MSG_DONTWAIT) != 0 && trit_os_clock_ns() < until) {
        say(fd[8], "l", 1); /* drips */
        trit_os_sleep_ms(20);
    }
    for (int i = 0; i < n_silent; i++) {
        while (recv(fd[i], &byte, 1, 0) > 0) {}
        close(fd[i]);
    }
    await_metric(&s, "trit_connections", 1); /* the one that asks */
    stop_serving(&s);
}

static void *stop(void *user) {
    serving *s = user;
    trit_server_stop(s->server, 600000); /* longer than any machine takes */
    return NULL;
}

/* What was begun is answered, whole, while the server ends. */
static void drains(void **state) {
    (void)state;
    serving s;
    pthread_t stopper;
    serve_slowly(&s, (trit_server_opts){0});
    const int fd = begin_post(&s, "{\"prompt\": \"Once\", \"max_tokens\": 60, \"ignore_eos\": true, \"stream\": true}");
    await_answer(fd);
    assert_int_equal(pthread_create(&stopper, NULL, stop, &s), 0);
    answer a = hear(fd);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "data: [DONE]"));
    assert_null(strstr(a.body, "\"error\""));
    answer_free(&a);
    close(fd);
    pthread_join(stopper, NULL);
    trit_model_close(s.model);
    trit_device_close(s.device);
}

/* Clients that say with their request that there will be no other: the connection ends with the answer, or soon after it. */
static void half_closed(void **state) {
    (void)state;
    static const char request[] = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    serving s;
    serve(&s, (trit_server_opts){.idle_s = 600});
    const uint64_t before = trit_os_clock_ns();
    int fd[8];
    for (int i = 0; i < 8; i++) {
        fd[i] = dial(&s);
        say(fd[i], request, sizeof request - 1);
        assert_int_equal(shutdown(fd[i], SHUT_WR), 0);
    }
    for (int i = 0; i < 8; i++) {
        expect(hear(fd[i]), 200, NULL);
        close(fd[i]);
    }
    assert_true(trit_os_clock_ns() - before < 200000000000u); /* milliseconds; each would last as long as idle clients may */
    stop_serving(&s);
}

/* What cannot wait any longer is told so. */
static void cut_short(void **state) {
    (void)state;
    serving s;
    serve_slowly(&s, (trit_server_opts){0});
    const int fd = begin_post(&s, "{\"prompt\": \"Once\", \"max_tokens\": 480, \"ignore_eos\": true}");
    await_metric(&s, "trit_answers_running{model=\"story\"}", 1);
    trit_server_stop(s.server, 0);
    expect(hear(fd), 503, "shutting_down");
    close(fd);
    trit_model_close(s.model);
    trit_device_close(s.device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),    cmocka_unit_test(addresses), cmocka_unit_test(origins), cmocka_unit_test(sizes),     cmocka_unit_test(queue_and_leave),
        cmocka_unit_test(one_key_at_a_time), cmocka_unit_test(garbage_and_silence), cmocka_unit_test(drains), cmocka_unit_test(cut_short),
        cmocka_unit_test(half_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
