/* Several models: which one a request means, loading when one is asked for while others are served, room, and what ends a wait. */
#include "client.h"

#include <pthread.h>
#include <stdatomic.h>

#define ASK(name) "{\"model\": \"" name "\", \"prompt\": \"Once upon a time\", \"temperature\": 0, \"max_tokens\": 12}"

enum { n_models = 3 };

/* Three models of the same file, which are opened when the test lets them be. */
static struct {
    trit_device *device;
    atomic_int n_opened[n_models];
    atomic_bool held, broken; /* opening waits; opening fails */
    atomic_bool first_broken; /* opening the first fails */
} shelf;

static trit_status open_model(void *user, size_t i, trit_model **out, trit_error *err) {
    assert_ptr_equal(user, &shelf);
    assert_true(i < n_models);
    while (atomic_load(&shelf.held)) trit_os_sleep_ms(1);
    if (atomic_load(&shelf.broken) || (i == 0 && atomic_load(&shelf.first_broken))) {
        *err = (trit_error){.status = trit_io, .message = "b.gguf: cannot be opened"};
        return trit_io;
    }
    atomic_fetch_add(&shelf.n_opened[i], 1);
    return trit_model_open(out, NULL, &(trit_model_opts){.device = shelf.device}, err);
}

/* tier: NULL, or "scalar", whose answers outlast what a test asks meanwhile, however fast the machine is. */
static trit_status try_to_begin(serving *s, trit_server_opts opts, bool first_broken, const char *tier) {
    static const trit_server_model models[n_models] = {{.name = "a"}, {.name = "b", .chat_template = chat_template}, {.name = "c \"quoted\""}};
    trit_error err = {0};
    memset(&shelf, 0, sizeof shelf);
    shelf.first_broken = first_broken;
    *s = (serving){0};
    (void)signal(SIGPIPE, SIG_IGN);
    assert_ok(trit_device_open(&shelf.device, "cpu", &(trit_device_opts){.n_threads = 1, .cpu_tier = tier}, &err));
    opts.models = models;
    opts.n_models = n_models;
    opts.open = open_model;
    opts.user = &shelf;
    if (!opts.engine.max_sequences) opts.engine.max_sequences = 2;
    if (!opts.max_waiting) opts.max_waiting = 2;
    const trit_status status = trit_server_start(&s->server, &opts, &err);
    if (status == trit_ok) s->port = atoi(strrchr(trit_server_url(s->server), ':') + 1);
    return status;
}

static void begin(serving *s, trit_server_opts opts) {
    assert_int_equal(try_to_begin(s, opts, false, NULL), trit_ok);
}

static void begin_slowly(serving *s, trit_server_opts opts) {
    assert_int_equal(try_to_begin(s, opts, false, "scalar"), trit_ok);
}

static void end(serving *s) {
    trit_server_stop(s->server, 5000);
    trit_device_close(shelf.device);
}

static bool has_status(const serving *s, const char *path, const char *status) {
    answer a = get(s, path);
    json_t *v = json_of(&a, 200);
    const bool has = strcmp(text_at(v, "status"), status) == 0;
    json_decref(v);
    return has;
}

static void expect_status(const serving *s, const char *path, const char *status) {
    if (!has_status(s, path, status)) fail_msg("%s is not %s", path, status);
}

static void expect_props(const serving *s, const char *path, bool is_loaded) {
    answer a = get(s, path);
    json_t *v = json_of(&a, 200);
    assert_int_equal(json_is_true(at(v, "loaded")), is_loaded);
    assert_int_equal(json_integer_value(at(v, "context_length")) > 0, is_loaded);
    assert_true(json_integer_value(at(v, "total_slots")) == 2 && at(v, "defaults"));
    json_decref(v);
}

static char *text_of(const serving *s, const char *body) {
    answer a = post(s, "/v1/completions", body);
    json_t *v = json_of(&a, 200);
    char *text = strdup(text_at(v, "choices.0.text"));
    assert_non_null(text);
    json_decref(v);
    return text;
}

static void loaded_by_need(void **state) {
    (void)state;
    serving s;
    begin(&s, (trit_server_opts){0});
    assert_int_equal(shelf.n_opened[0], 1);
    assert_int_equal(shelf.n_opened[1], 0);
    expect_status(&s, "/v1/models/a", "loaded");
    expect_status(&s, "/v1/models/b", "unloaded");
    expect_props(&s, "/props/b", false);
    char *first = text_of(&s, "{\"prompt\": \"Once upon a time\", \"temperature\": 0, \"max_tokens\": 12}"), *second = text_of(&s, ASK("b"));
    assert_string_equal(first, second); /* it is the same file */
    expect_status(&s, "/v1/models/b", "loaded");
    expect_props(&s, "/props/b", true);
    expect_props(&s, "/props", true);
    assert_int_equal(shelf.n_opened[1], 1);
    assert_int_equal(shelf.n_opened[2], 0);
    expect(post(&s, "/v1/completions", ASK("d")), 404, "model_not_found");
    expect(get(&s, "/v1/models/d"), 404, "model_not_found");
    expect(get(&s, "/props/d"), 404, "model_not_found");
    /* What is the model's own: its template. Tokens are asked of models too. */
    static const char hello[] = "{\"model\": \"b\", \"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}";
    answer a = post(&s, "/apply-template", hello);
    json_t *v = json_of(&a, 200);
    assert_string_equal(text_at(v, "prompt"), "<s>[user] Hi\n[assistant]");
    json_decref(v);
    expect(post(&s, "/apply-template", "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}"), 400, "unsupported_value");
    expect(post(&s, "/tokenize", "{\"model\": \"c \\\"quoted\\\"\", \"content\": \"a\"}"), 200, NULL);
    assert_int_equal(shelf.n_opened[2], 1);
    assert_true(metric(&s, "trit_model_loaded{model=\"c \\\"quoted\\\"\"}") == 1);
    free(first);
    free(second);
    end(&s);
}

/* While a model is loaded others answer; who waits for it is served in the end, or told that too many wait. */
static void waits_while_others_answer(void **state) {
    (void)state;
    serving s;
    begin(&s, (trit_server_opts){0});
    atomic_store(&shelf.held, true);
    int fd[4];
    for (int i = 0; i < 4; i++) {
        fd[i] = begin_post(&s, ASK("b"));
        await_metric(&s, "trit_answers_waiting{model=\"b\"}", i + 1);
    }
    for (int i = 0; i < 6000 && !has_status(&s, "/v1/models/b", "loading"); i++) trit_os_sleep_ms(10); /* its thread is told, and wakes when it may */
    expect_status(&s, "/v1/models/b", "loading");
    expect(post(&s, "/v1/completions", ASK("b")), 429, "queue_full");
    expect(post(&s, "/v1/completions", ASK("a")), 200, NULL);
    close(fd[3]); /* leaves */
    await_metric(&s, "trit_answers_waiting{model=\"b\"}", 3);
    atomic_store(&shelf.held, false);
    for (int i = 0; i < 3; i++) {
        static const char hang_up[] = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        say(fd[i], hang_up, sizeof hang_up - 1);
        answer a = hear(fd[i]);
        assert_int_equal(a.status, 200);
        assert_non_null(strstr(a.body, "\"text_completion\""));
        answer_free(&a);
        close(fd[i]);
    }
    end(&s);
}

static void cannot_be_loaded(void **state) {
    (void)state;
    serving s;
    begin(&s, (trit_server_opts){0});
    atomic_store(&shelf.broken, true);
    answer a = post(&s, "/v1/completions", ASK("b"));
    json_t *v = json_of(&a, 500);
    assert_string_equal(text_at(v, "error.code"), "model_not_loaded");
    assert_non_null(strstr(text_at(v, "error.message"), "b.gguf: cannot be opened"));
    json_decref(v);
    atomic_store(&shelf.broken, false);
    expect(post(&s, "/v1/completions", ASK("b")), 200, NULL);
    end(&s);
}

/* A folder's first file keeps the others from nobody. */
static void broken_at_the_start(void **state) {
    (void)state;
    serving s;
    assert_int_equal(try_to_begin(&s, (trit_server_opts){0}, true, NULL), trit_io);
    trit_device_close(shelf.device);
    assert_int_equal(try_to_begin(&s, (trit_server_opts){.may_be_broken = true}, true, NULL), trit_ok);
    expect_status(&s, "/v1/models/a", "unloaded");
    expect_status(&s, "/v1/models/b", "loaded");
    expect_status(&s, "/v1/models/c \"quoted\"", "unloaded");
    expect(post(&s, "/v1/completions", ASK("a")), 500, "model_not_loaded");
    atomic_store(&shelf.first_broken, false);
    expect(post(&s, "/v1/completions", ASK("a")), 200, NULL);
    end(&s);
}

/* Room for one: who is asked for comes, after the answers that are being made. */
static void room_for_one(void **state) {
    (void)state;
    serving s;
    begin_slowly(&s, (trit_server_opts){.max_loaded = 1});
    const int busy = begin_post(&s, "{\"model\": \"a\", \"prompt\": \"Once\", \"max_tokens\": 60, \"ignore_eos\": true, \"stream\": true}");
    await_answer(busy);
    char *of_b = text_of(&s, ASK("b")), *of_a = text_of(&s, ASK("a"));
    assert_string_equal(of_a, of_b);
    answer a = get(&s, "/v1/models");
    json_t *v = json_of(&a, 200);
    assert_string_equal(text_at(v, "data.0.status"), "loaded");
    assert_string_equal(text_at(v, "data.1.status"), "unloaded");
    json_decref(v);
    assert_int_equal(shelf.n_opened[0], 2);
    assert_true(metric(&s, "trit_model_loads_total{model=\"a\"}") == 1 && metric(&s, "trit_cache_pages{model=\"b\"}") == 0);
    assert_true(metric(&s, "trit_generated_tokens_total{model=\"a\"}") == 72 && metric(&s, "trit_generated_tokens_total{model=\"b\"}") == 12);
    static const char hang_up[] = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    say(busy, hang_up, sizeof hang_up - 1);
    a = hear(busy);
    assert_non_null(strstr(a.body, "[DONE]"));
    assert_null(strstr(a.body, "\"error\""));
    answer_free(&a);
    close(busy);
    free(of_a);
    free(of_b);
    end(&s);
}

typedef struct eager {
    const serving *s;
    atomic_bool *over;
    const char *body;
} eager;

static void *ask_again(void *user) {
    const eager *e = user;
    while (!atomic_load(e->over)) expect(post(e->s, "/v1/completions", e->body), 200, NULL);
    return NULL;
}

/* Who waits for longest gets the room, however busy the model is that had it. */
static void nobody_starves(void **state) {
    (void)state;
    serving s;
    pthread_t thread[3];
    atomic_bool over = false;
    begin(&s, (trit_server_opts){.max_loaded = 1, .max_waiting = 8, .deadline_s = 300}); /* it ends the test, not the machine's mood */
    const eager e[] = {
        {&s, &over, ASK("a")},
        {&s, &over, "{\"model\": \"a\", \"prompt\": \"Once\", \"max_tokens\": 31, \"ignore_eos\": true}"},
        {&s, &over, "{\"model\": \"a\", \"prompt\": \"Once\", \"max_tokens\": 47, \"ignore_eos\": true}"},
    };
    for (size_t i = 0; i < 3; i++) assert_int_equal(pthread_create(&thread[i], NULL, ask_again, (void *)&e[i]), 0);
    await_metric(&s, "trit_answers_running{model=\"a\"}", 2);
    answer a = post(&s, "/v1/completions", ASK("b"));
    atomic_store(&over, true);
    for (size_t i = 0; i < 3; i++) pthread_join(thread[i], NULL);
    expect(a, 200, NULL);
    assert_int_equal(shelf.n_opened[1], 1);
    end(&s);
}

/* Whose room is wanted no more stays, and goes on with what waits for it. */
static void stays_when_nobody_waits(void **state) {
    (void)state;
    serving s;
    begin_slowly(&s, (trit_server_opts){.max_loaded = 1, .max_waiting = 8});
    const int busy = begin_post(&s, "{\"model\": \"a\", \"prompt\": \"Once\", \"max_tokens\": 480, \"n\": 8, \"ignore_eos\": true}");
    await_metric(&s, "trit_answers_running{model=\"a\"}", 2);
    const int other = begin_post(&s, ASK("b"));
    await_metric(&s, "trit_answers_waiting{model=\"b\"}", 1);
    const int again = begin_post(&s, ASK("a"));
    await_metric(&s, "trit_answers_waiting{model=\"a\"}", 7);
    close(other);
    await_metric(&s, "trit_answers_waiting{model=\"b\"}", 0);
    close(busy);
    static const char hang_up[] = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    say(again, hang_up, sizeof hang_up - 1);
    answer a = hear(again);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    close(again);
    assert_int_equal(shelf.n_opened[0], 1);
    assert_int_equal(shelf.n_opened[1], 0);
    end(&s);
}

/* What a model answers without a body loads it, too. */
static void tokenizer_of_an_absent_one(void **state) {
    (void)state;
    serving s;
    begin(&s, (trit_server_opts){.max_loaded = 1});
    expect(post(&s, "/v1/completions", ASK("b")), 200, NULL);
    expect_status(&s, "/v1/models/a", "unloaded");
    expect(get(&s, "/tokenizer_info"), 200, NULL);
    expect_status(&s, "/v1/models/a", "loaded");
    end(&s);
}

/* The one that was asked for longest ago goes. */
static void longest_unused_goes(void **state) {
    (void)state;
    serving s;
    begin(&s, (trit_server_opts){.max_loaded = 2});
    expect(post(&s, "/v1/completions", ASK("b")), 200, NULL);
    expect(post(&s, "/v1/completions", ASK("a")), 200, NULL);
    expect(post(&s, "/v1/completions", ASK("c \\\"quoted\\\"")), 200, NULL);
    expect_status(&s, "/v1/models/a", "loaded");
    expect_status(&s, "/v1/models/b", "unloaded");
    end(&s);
}

typedef struct crowd {
    const serving *s;
    char *wanted;
    int number;
} crowd;

static void *ask_in_turn(void *user) {
    static const char *const bodies[n_models] = {ASK("a"), ASK("b"), ASK("c \\\"quoted\\\"")};
    const crowd *c = user;
    for (int i = 0; i < 2; i++) {
        char *text = text_of(c->s, bodies[(c->number + i) % n_models]);
        assert_string_equal(text, c->wanted);
        free(text);
    }
    return NULL;
}

/* All want all, and there is room for one: everybody is served, with the same text. */
static void everybody_is_served(void **state) {
    (void)state;
    serving s;
    enum { n_clients = 3 };
    pthread_t thread[n_clients];
    crowd c[n_clients];
    begin(&s, (trit_server_opts){.max_loaded = 1, .max_waiting = 8});
    char *wanted = text_of(&s, ASK("a"));
    for (int i = 0; i < n_clients; i++) {
        c[i] = (crowd){&s, wanted, i};
        assert_int_equal(pthread_create(&thread[i], NULL, ask_in_turn, &c[i]), 0);
    }
    for (int i = 0; i < n_clients; i++) pthread_join(thread[i], NULL);
    free(wanted);
    end(&s);
}

static void *stop(void *user) {
    serving *s = user;
    trit_server_stop(s->server, 600000); /* longer than any machine takes */
    return NULL;
}

/* A wait ends by the deadline, and with the server. */
static void waits_end(void **state) {
    (void)state;
    serving s;
    pthread_t thread;
    begin(&s, (trit_server_opts){.deadline_s = 1});
    atomic_store(&shelf.held, true);
    expect(post(&s, "/v1/completions", ASK("b")), 504, "deadline_exceeded");
    atomic_store(&shelf.held, false);
    end(&s);
    begin(&s, (trit_server_opts){0}); /* without a deadline that could come first */
    atomic_store(&shelf.held, true);
    const int fd = begin_post_with(&s, "Connection: close\r\n", ASK("b"));
    await_metric(&s, "trit_answers_waiting{model=\"b\"}", 1);
    assert_int_equal(pthread_create(&thread, NULL, stop, &s), 0);
    expect(hear(fd), 503, "shutting_down");
    atomic_store(&shelf.held, false); /* the end waits for a model that is being opened */
    pthread_join(thread, NULL);
    close(fd);
    trit_device_close(shelf.device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loaded_by_need),
        cmocka_unit_test(waits_while_others_answer),
        cmocka_unit_test(cannot_be_loaded),
        cmocka_unit_test(broken_at_the_start),
        cmocka_unit_test(room_for_one),
        cmocka_unit_test(nobody_starves),
        cmocka_unit_test(stays_when_nobody_waits),
        cmocka_unit_test(tokenizer_of_an_absent_one),
        cmocka_unit_test(longest_unused_goes),
        cmocka_unit_test(everybody_is_served),
        cmocka_unit_test(waits_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
