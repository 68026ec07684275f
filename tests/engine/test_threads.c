/* engine: submit and cancel come from other threads while one steps; engines on one model may step at the same time. */
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "trit/trit.h"

enum { n_clients = 3, n_requests = 12, n_tokens = 6, n_prompt = 40, n_vocab = 512 };

static trit_device *device; /* of two threads, whatever the machine has */
static trit_model *model;

/* What a client knows of one of its requests. Written by the client before it submits, then by the thread that steps. */
typedef struct asked {
    int32_t prompt[n_prompt];
    uint64_t id;
    uint32_t n_tokens, n_ends;
    trit_stop_reason stop;
    bool cancels;
} asked;

typedef struct client {
    trit_engine *engine;
    pthread_t thread;
    uint32_t seed;
    asked request[n_requests];
    unsigned n_refused;
} client;

static atomic_uint n_clients_done;

/* Submits all, and cancels every third one: some while they wait, some while they run, some when they are gone. */
static void *submit_and_cancel(void *arg) {
    client *c = arg;
    for (unsigned i = 0; i < n_requests; i++) {
        asked *a = &c->request[i];
        a->cancels = i % 3 == 2;
        for (unsigned k = 0; k < n_prompt; k++) a->prompt[k] = (int32_t)(test_lcg(&c->seed) % n_vocab);
        trit_request q = {.prompt = a->prompt, .n_prompt = n_prompt, .max_tokens = n_tokens, .user = a, .draft = trit_draft_ngram};
        trit_error err;
        if (trit_engine_submit(c->engine, &q, &a->id, &err) != trit_ok) c->n_refused++;
        if (i % 4 == 0) sched_yield();
        if (a->cancels) trit_engine_cancel(c->engine, a->id);
        if (i > 2 && c->request[i - 1].cancels) trit_engine_cancel(c->engine, c->request[i - 1].id); /* once more */
    }
    atomic_fetch_add(&n_clients_done, 1);
    return NULL;
}

static void requests_come_from_other_threads(void **state) {
    (void)state;
    trit_error err;
    trit_engine *engine;
    const trit_event *events;
    size_t n;
    static client clients[n_clients];
    assert_ok(trit_engine_new(&engine, model, &(trit_engine_opts){.max_sequences = 4, .context = 64, .chunk = 24}, &err));
    for (unsigned i = 0; i < n_clients; i++) {
        clients[i] = (client){.engine = engine, .seed = i + 1};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, submit_and_cancel, &clients[i]), 0);
    }
    while (atomic_load(&n_clients_done) < n_clients || !trit_engine_idle(engine)) {
        assert_ok(trit_engine_step(engine, &events, &n, &err));
        for (size_t i = 0; i < n; i++) {
            asked *a = events[i].user;
            assert_int_equal(events[i].request, a->id);
            assert_int_equal(a->n_ends, 0); /* nothing follows the last event */
            if (events[i].token >= 0) a->n_tokens++;
            if (events[i].stop == trit_stop_none) continue;
            a->n_ends++;
            a->stop = events[i].stop;
        }
        if (n == 0) sched_yield();
    }
    for (unsigned i = 0; i < n_clients; i++) {
        assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
        assert_int_equal(clients[i].n_refused, 0);
        for (unsigned k = 0; k < n_requests; k++) {
            const asked *a = &clients[i].request[k];
            assert_int_equal(a->n_ends, 1);
            if (!a->cancels) assert_int_equal(a->stop, trit_stop_length);
            if (a->stop == trit_stop_length)
                assert_int_equal(a->n_tokens, n_tokens);
            else
                assert_int_equal(a->stop, trit_stop_cancelled);
        }
    }
    trit_engine_info info;
    trit_engine_describe(engine, &info);
    assert_int_equal(info.n_pages_free, info.n_pages);
    trit_engine_free(engine);
}

/* One engine of its own, stepped to the end. */
typedef struct run {
    pthread_t thread;
    uint32_t seed;
    int32_t tokens[n_tokens];
    uint32_t n;
    trit_status status;
} run;

static void *run_alone(void *arg) {
    run *r = arg;
    trit_error err;
    trit_engine *engine;
    const trit_event *events;
    size_t n;
    uint32_t seed = r->seed;
    int32_t prompt[n_prompt];
    for (unsigned k = 0; k < n_prompt; k++) prompt[k] = (int32_t)(test_lcg(&seed) % n_vocab);
    r->n = 0;
    r->status = trit_engine_new(&engine, model, &(trit_engine_opts){.context = 64, .chunk = 16}, &err);
    if (r->status != trit_ok) return NULL;
    trit_request q = {.prompt = prompt, .n_prompt = n_prompt, .max_tokens = n_tokens};
    r->status = trit_engine_submit(engine, &q, NULL, &err);
    while (r->status == trit_ok && !trit_engine_idle(engine)) {
        r->status = trit_engine_step(engine, &events, &n, &err);
        for (size_t i = 0; r->status == trit_ok && i < n; i++)
            if (events[i].token >= 0) r->tokens[r->n++] = events[i].token;
    }
    trit_engine_free(engine);
    return NULL;
}

static void engines_share_a_model(void **state) {
    (void)state;
    enum { n_runs = 3 };
    run alone[n_runs], together[n_runs];
    for (unsigned i = 0; i < n_runs; i++) {
        alone[i] = (run){.seed = i + 50};
        (void)run_alone(&alone[i]);
        assert_int_equal(alone[i].status, trit_ok);
        assert_int_equal(alone[i].n, n_tokens);
    }
    for (int turn = 0; turn < 5; turn++) {
        for (unsigned i = 0; i < n_runs; i++) {
            together[i] = (run){.seed = i + 50};
            assert_int_equal(pthread_create(&together[i].thread, NULL, run_alone, &together[i]), 0);
        }
        for (unsigned i = 0; i < n_runs; i++) assert_int_equal(pthread_join(together[i].thread, NULL), 0);
        for (unsigned i = 0; i < n_runs; i++) {
            assert_int_equal(together[i].status, trit_ok);
            assert_int_equal(together[i].n, n_tokens);
            assert_memory_equal(together[i].tokens, alone[i].tokens, sizeof alone[i].tokens);
        }
    }
}

static int open_model(void **state) {
    (void)state;
    trit_error err;
    if (trit_device_open(&device, "cpu", &(trit_device_opts){.n_threads = 2}, &err) != trit_ok) return 1;
    return trit_model_open(&model, "synthetic:tiny", &(trit_model_opts){.device = device}, &err) != trit_ok;
}

static int close_model(void **state) {
    (void)state;
    trit_model_close(model);
    trit_device_close(device);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_come_from_other_threads),
        cmocka_unit_test(engines_share_a_model),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
