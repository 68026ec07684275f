/* engine: the same bits whatever stands around a sequence; stops, limits, reuse, cancelling. */
#include "test.h"

#include "base/error.h"
#include "model/model.h"
#include "trit/trit.h"

enum { max_tokens = 64, n_vocab = 512 };

static trit_model *model; /* synthetic:tiny, shared by the tests */

typedef struct trace {
    int32_t tokens[max_tokens];
    float logits[256][n_vocab];
    uint32_t n_tokens, n_logits, n_cached;
    trit_stop_reason stop;
    char text[4096];
    size_t n_text;
} trace;

static void keep_logits(void *user, uint32_t pos, const float *logits, uint32_t n) {
    trace *t = user;
    assert_true(pos < 256 && n == n_vocab);
    memcpy(t->logits[pos], logits, n * sizeof *logits);
    t->n_logits++;
}

static void take_event(const trit_event *e) {
    trace *t = e->user;
    assert_int_not_equal(e->stop, trit_stop_error);
    if (e->token >= 0) t->tokens[t->n_tokens++] = e->token;
    memcpy(t->text + t->n_text, e->text, e->n_text);
    t->n_text += e->n_text;
    t->stop = e->stop;
    t->n_cached = e->n_cached;
}

static void run_until_idle(trit_engine *engine) {
    trit_error err;
    const trit_event *events;
    size_t n;
    while (!trit_engine_idle(engine)) {
        assert_ok(trit_engine_step(engine, &events, &n, &err));
        for (size_t i = 0; i < n; i++) take_event(&events[i]);
    }
}

static void make_prompt(int32_t *ids, size_t n, uint32_t seed) {
    for (size_t i = 0; i < n; i++) ids[i] = (int32_t)(test_lcg(&seed) % n_vocab);
}

static trit_engine *new_engine(trit_engine_opts o) {
    trit_error err;
    trit_engine *engine;
    assert_ok(trit_engine_new(&engine, model, &o, &err));
    return engine;
}

static void complete(trit_engine *engine, const int32_t *prompt, size_t n, trace *t) {
    trit_error err;
    memset(t, 0, sizeof *t);
    trit_request q = {.prompt = prompt, .n_prompt = n, .max_tokens = 12, .all_logits = true, .on_logits = keep_logits, .user = t};
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    run_until_idle(engine);
}

static void assert_same(const trace *a, const trace *b, size_t n_prompt) {
    assert_int_equal(a->n_tokens, b->n_tokens);
    assert_memory_equal(a->tokens, b->tokens, a->n_tokens * sizeof a->tokens[0]);
    assert_memory_equal(a->logits, b->logits, (n_prompt + 11) * sizeof a->logits[0]);
}

static trace whole, other[8];

static void any_chunk_gives_the_same_bits(void **state) {
    (void)state;
    int32_t prompt[100];
    make_prompt(prompt, 100, 1);
    static const trit_kv_type kvs[] = {trit_kv_f32, trit_kv_f16, trit_kv_q8};
    for (int k = 0; k < 3; k++) {
        trit_engine *engine = new_engine((trit_engine_opts){.kv = kvs[k], .chunk = 128, .no_prefix_cache = true});
        complete(engine, prompt, 100, &whole);
        trit_engine_free(engine);
        static const uint32_t chunks[] = {1, 7, 32, 99};
        for (int i = 0; i < 4; i++) {
            engine = new_engine((trit_engine_opts){.kv = kvs[k], .chunk = chunks[i], .no_prefix_cache = true});
            complete(engine, prompt, 100, &other[0]);
            assert_same(&whole, &other[0], 100);
            trit_engine_free(engine);
        }
    }
}

static void any_batch_gives_the_same_bits(void **state) {
    (void)state;
    trit_error err;
    int32_t prompt[8][60];
    trit_engine *batch = new_engine((trit_engine_opts){.max_sequences = 8, .chunk = 40});
    for (uint32_t i = 0; i < 8; i++) {
        make_prompt(prompt[i], 60, i + 10);
        memset(&other[i], 0, sizeof other[i]);
        trit_request q = {.prompt = prompt[i], .n_prompt = 20 + 5 * i, .max_tokens = 12, .all_logits = true, .on_logits = keep_logits, .user = &other[i]};
        assert_ok(trit_engine_submit(batch, &q, NULL, &err));
    }
    run_until_idle(batch);
    trit_engine_free(batch);
    for (uint32_t i = 0; i < 8; i++) {
        trit_engine *alone = new_engine((trit_engine_opts){0});
        complete(alone, prompt[i], 20 + 5 * i, &whole);
        assert_same(&whole, &other[i], 20 + 5 * i);
        trit_engine_free(alone);
    }
}

static void any_number_of_threads_gives_the_same_bits(void **state) {
    (void)state;
    trit_error err;
    int32_t prompt[50];
    make_prompt(prompt, 50, 3);
    for (unsigned n = 1; n <= 4; n++) {
        trit_device *device;
        trit_model *m;
        trit_engine *engine;
        assert_ok(trit_device_open(&device, "cpu", &(trit_device_opts){.n_threads = n}, &err));
        assert_ok(trit_model_open(&m, "synthetic:tiny", &(trit_model_opts){.device = device}, &err));
        assert_ok(trit_engine_new(&engine, m, NULL, &err));
        complete(engine, prompt, 50, n == 1 ? &whole : &other[0]);
        if (n > 1) assert_same(&whole, &other[0], 50);
        trit_engine_free(engine);
        trit_model_close(m);
        trit_device_close(device);
    }
}

/* Eight sequences drawn by up to three threads, and each alone. */
static void any_number_of_threads_draws_the_same(void **state) {
    (void)state;
    trit_error err;
    int32_t prompt[50];
    make_prompt(prompt, 50, 4);
    for (unsigned n = 1; n <= 3; n++) {
        trit_device *device;
        trit_model *m;
        trit_engine *engine;
        assert_ok(trit_device_open(&device, "cpu", &(trit_device_opts){.n_threads = n}, &err));
        assert_ok(trit_model_open(&m, "synthetic:tiny", &(trit_model_opts){.device = device}, &err));
        assert_ok(trit_engine_new(&engine, m, &(trit_engine_opts){.max_sequences = n == 1 ? 1 : 8}, &err));
        static trace drawn[2][8];
        for (uint32_t i = 0; i < 8; i++) {
            trace *t = &drawn[n > 1][i];
            memset(t, 0, sizeof *t);
            trit_request q = {.prompt = prompt, .n_prompt = 20 + i, .max_tokens = 12, .user = t};
            q.sampling = (trit_sampling){.temperature = 1.5f, .top_p = 0.95f, .repeat_penalty = 1.1f, .seed = i};
            assert_ok(trit_engine_submit(engine, &q, NULL, &err));
        }
        run_until_idle(engine);
        for (int i = 0; i < 8 && n > 1; i++) assert_memory_equal(drawn[0][i].tokens, drawn[1][i].tokens, 12 * sizeof(int32_t));
        trit_engine_free(engine);
        trit_model_close(m);
        trit_device_close(device);
    }
}

static void earlier_prompts_are_reused(void **state) {
    (void)state;
    trit_error err;
    int32_t prompt[100];
    make_prompt(prompt, 100, 5);
    trit_engine *engine = new_engine((trit_engine_opts){0});
    for (int turn = 0; turn < 3; turn++) {
        trace *t = turn == 0 ? &whole : &other[turn];
        memset(t, 0, sizeof *t);
        trit_request q = {.prompt = prompt, .n_prompt = turn == 2 ? 70 : 100, .max_tokens = 8, .on_logits = keep_logits, .user = t};
        assert_ok(trit_engine_submit(engine, &q, NULL, &err));
        run_until_idle(engine);
    }
    assert_int_equal(whole.n_cached, 0);
    assert_int_equal(other[1].n_cached, 96); /* three pages of 32; the last tokens are computed */
    assert_int_equal(other[2].n_cached, 64);
    assert_memory_equal(whole.tokens, other[1].tokens, 8 * sizeof whole.tokens[0]);
    assert_memory_equal(whole.logits[99], other[1].logits[99], sizeof whole.logits[0]);
    trit_engine_info info;
    trit_engine_describe(engine, &info);
    assert_int_equal(info.n_pages_free, info.n_pages); /* nothing leaks */
    trit_engine_free(engine);
}

/* When room is needed, the end of an old prompt goes before its beginning, without which the rest could not be found. */
static void the_end_of_an_old_prompt_is_given_up_first(void **state) {
    (void)state;
    trit_error err;
    int32_t old[100], fresh[40];
    make_prompt(old, 100, 21);
    make_prompt(fresh, 40, 22);
    trit_engine *engine = new_engine((trit_engine_opts){.context = 128}); /* four pages */
    for (int turn = 0; turn < 3; turn++) {
        memset(&other[turn], 0, sizeof other[turn]);
        trit_request q = {.prompt = turn == 1 ? fresh : old, .n_prompt = turn == 1 ? 40 : 100, .prefill_only = true, .user = &other[turn]};
        assert_ok(trit_engine_submit(engine, &q, NULL, &err));
        run_until_idle(engine);
    }
    assert_int_equal(other[1].n_cached, 0);
    assert_int_equal(other[2].n_cached, 64); /* of 96: `fresh` took the page that was not full and one more */
    trit_engine_free(engine);
}

/* A long prompt goes on though shorter ones keep coming into a place before its own. */
static void old_prompts_go_first(void **state) {
    (void)state;
    trit_error err;
    const trit_event *events;
    size_t n;
    int32_t prompt[200];
    bool done = false;
    make_prompt(prompt, 200, 31);
    trit_engine *engine = new_engine((trit_engine_opts){.max_sequences = 2, .chunk = 16, .no_prefix_cache = true});
    trit_request longer = {.prompt = prompt, .n_prompt = 200, .prefill_only = true, .user = &done};
    trit_request shorter = {.prompt = prompt, .n_prompt = 40, .prefill_only = true};
    assert_ok(trit_engine_submit(engine, &shorter, NULL, &err));
    assert_ok(trit_engine_submit(engine, &longer, NULL, &err));
    for (int step = 0; step < 30 && !done; step++) {
        assert_ok(trit_engine_submit(engine, &shorter, NULL, &err));
        assert_ok(trit_engine_step(engine, &events, &n, &err));
        for (size_t i = 0; i < n; i++) done = done || events[i].user == &done;
    }
    assert_true(done);
    trit_engine_free(engine);
}

static void limits_are_named(void **state) {
    (void)state;
    trit_error err;
    int32_t prompt[600] = {0};
    trit_engine *engine = new_engine((trit_engine_opts){.context = 64});
    trit_request q = {.prompt = prompt, .n_prompt = 65};
    assert_int_equal(trit_engine_submit(engine, &q, NULL, &err), trit_context);
    assert_non_null(strstr(err.message, "65"));
    assert_non_null(strstr(err.message, "64"));
    q.n_prompt = 0;
    assert_int_equal(trit_engine_submit(engine, &q, NULL, &err), trit_arg);
    q.n_prompt = 3;
    prompt[1] = n_vocab;
    assert_int_equal(trit_engine_submit(engine, &q, NULL, &err), trit_arg);
    assert_non_null(strstr(err.message, "512"));
    prompt[1] = 0;
    memset(&whole, 0, sizeof whole);
    q.user = &whole;
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    run_until_idle(engine);
    assert_int_equal(whole.stop, trit_stop_context);
    assert_int_equal(whole.n_tokens, 61);
    trit_engine_free(engine);
    trit_engine *none;
    assert_int_equal(trit_engine_new(&none, model, &(trit_engine_opts){.context = 100000}, &err), trit_arg);
}

static void requests_can_be_cancelled(void **state) {
    (void)state;
    trit_error err;
    const trit_event *events;
    size_t n;
    int32_t prompt[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    uint64_t id[3];
    trit_engine *engine = new_engine((trit_engine_opts){.max_sequences = 1});
    for (int i = 0; i < 3; i++) {
        memset(&other[i], 0, sizeof other[i]);
        trit_request q = {.prompt = prompt, .n_prompt = 10, .max_tokens = 5, .user = &other[i]};
        assert_ok(trit_engine_submit(engine, &q, &id[i], &err));
    }
    assert_ok(trit_engine_step(engine, &events, &n, &err));
    for (size_t i = 0; i < n; i++) take_event(&events[i]);
    trit_engine_cancel(engine, id[0]); /* running */
    trit_engine_cancel(engine, id[1]); /* queued */
    trit_engine_cancel(engine, 999);
    run_until_idle(engine);
    assert_int_equal(other[0].stop, trit_stop_cancelled);
    assert_int_equal(other[0].n_tokens, 1);
    assert_int_equal(other[1].stop, trit_stop_cancelled);
    assert_int_equal(other[1].n_tokens, 0);
    assert_int_equal(other[2].stop, trit_stop_length);
    assert_int_equal(other[2].n_tokens, 5);
    trit_engine_free(engine);
}

/* A queued request that is cancelled ends in the next step, however long the queue before it. */
static void cancelled_in_the_queue(void **state) {
    (void)state;
    trit_error err;
    const trit_event *events;
    size_t n;
    int32_t prompt[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    uint64_t id[6];
    trit_engine *engine = new_engine((trit_engine_opts){.max_sequences = 1});
    for (int i = 0; i < 6; i++) {
        trit_request q = {.prompt = prompt, .n_prompt = 10, .max_tokens = 5, .user = &other[i]};
        memset(&other[i], 0, sizeof other[i]);
        assert_ok(trit_engine_submit(engine, &q, &id[i], &err));
    }
    assert_ok(trit_engine_step(engine, &events, &n, &err));
    for (size_t i = 0; i < n; i++) take_event(&events[i]);
    trit_engine_cancel(engine, id[3]);
    trit_engine_cancel(engine, id[5]); /* the last one: what is submitted next goes behind the fourth */
    for (int step = 0; step < 2; step++) { /* one for each slot in a step */
        assert_ok(trit_engine_step(engine, &events, &n, &err));
        for (size_t i = 0; i < n; i++) take_event(&events[i]);
    }
    assert_int_equal(other[3].stop, trit_stop_cancelled);
    assert_int_equal(other[5].stop, trit_stop_cancelled);
    trit_request q = {.prompt = prompt, .n_prompt = 10, .max_tokens = 5, .user = &other[6]};
    memset(&other[6], 0, sizeof other[6]);
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    run_until_idle(engine);
    static const int served[] = {0, 1, 2, 4, 6};
    for (int i = 0; i < 5; i++) assert_int_equal(other[served[i]].n_tokens, 5);
    trit_engine_free(engine);
}

static const trit_device_vtable *sound; /* the device's own table */
static int n_failures;

static trit_status failing_run(trit_exec *e, const trit_batch *batch, const float **logits, size_t *stride, trit_error *err) {
    if (n_failures-- > 0) return trit_error_set(err, trit_device_error, "the device is away");
    return sound->run(e, batch, logits, stride, err);
}

/* Steps that fail leave every sequence where it was, and lose no event. */
static void a_failed_step_can_be_tried_again(void **state) {
    (void)state;
    trit_error err;
    const trit_event *events;
    size_t n;
    int32_t prompt[40];
    make_prompt(prompt, 40, 41);
    trit_engine *engine = new_engine((trit_engine_opts){.chunk = 16, .no_prefix_cache = true});
    complete(engine, prompt, 40, &whole);
    sound = model->device->vt;
    trit_device_vtable failing = *sound;
    failing.run = failing_run;
    model->device->vt = &failing;
    trit_request q = {.prompt = prompt, .n_prompt = 40, .max_tokens = 12, .all_logits = true, .on_logits = keep_logits, .user = &other[0]};
    uint64_t id;
    memset(other, 0, 2 * sizeof other[0]);
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    q.user = &other[1];
    assert_ok(trit_engine_submit(engine, &q, &id, &err));
    trit_engine_cancel(engine, id); /* its event belongs to the first step, which fails */
    for (int step = 0; !trit_engine_idle(engine) && step < 100; step++) {
        n_failures = step % 3 == 0;
        trit_status status = trit_engine_step(engine, &events, &n, &err);
        assert_true(status == trit_ok || status == trit_device_error);
        for (size_t i = 0; status == trit_ok && i < n; i++) take_event(&events[i]);
    }
    model->device->vt = sound;
    assert_same(&whole, &other[0], 40);
    assert_int_equal(other[1].stop, trit_stop_cancelled);
    trit_engine_free(engine);
}

/* Logits from a position on: what stands before it may come from the cache. */
static void logits_from_a_position(void **state) {
    (void)state;
    trit_error err;
    int32_t prompt[100];
    make_prompt(prompt, 100, 51);
    trit_engine *engine = new_engine((trit_engine_opts){0});
    complete(engine, prompt, 100, &whole);
    static const uint32_t from[] = {64, 63, 99, 0, 200};
    static const uint32_t cached[] = {64, 32, 96, 0, 96};
    for (int i = 0; i < 5; i++) {
        memset(&other[i], 0, sizeof other[i]);
        trit_request q = {.prompt = prompt, .n_prompt = 100, .prefill_only = true, .all_logits = true, .logits_from = from[i],
                          .on_logits = keep_logits, .user = &other[i]};
        assert_ok(trit_engine_submit(engine, &q, NULL, &err));
        run_until_idle(engine);
        uint32_t first = from[i] < 99 ? from[i] : 99;
        assert_int_equal(other[i].n_cached, cached[i]);
        assert_int_equal(other[i].n_logits, 100 - first);
        assert_memory_equal(whole.logits[first], other[i].logits[first], (100 - first) * sizeof whole.logits[0]);
    }
    trit_engine_free(engine);
}

static void logprobs_are_the_distribution(void **state) {
    (void)state;
    trit_error err;
    const trit_event *events;
    size_t n;
    int32_t prompt[4] = {3, 1, 4, 1};
    trit_engine *engine = new_engine((trit_engine_opts){0});
    trit_request q = {.prompt = prompt, .n_prompt = 4, .max_tokens = 1, .n_logprobs = 5, .user = &whole};
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    assert_ok(trit_engine_step(engine, &events, &n, &err));
    assert_int_equal(n, 1);
    assert_int_equal(events[0].n_logprobs, 6);
    assert_int_equal(events[0].logprobs[0].token, events[0].token);
    assert_int_equal(events[0].logprobs[1].token, events[0].token); /* greedy: the chosen one is the likeliest */
    for (int i = 2; i < 6; i++) assert_true(events[0].logprobs[i].logprob <= events[0].logprobs[i - 1].logprob);
    assert_true(events[0].logprobs[0].logprob < 0 && events[0].logprobs[0].logprob > -20);
    trit_engine_free(engine);
}

static int open_model(void **state) {
    (void)state;
    trit_error err;
    return trit_model_open(&model, "synthetic:tiny", NULL, &err) != trit_ok;
}

static int close_model(void **state) {
    (void)state;
    trit_model_close(model);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_chunk_gives_the_same_bits),
        cmocka_unit_test(any_batch_gives_the_same_bits),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(any_number_of_threads_draws_the_same),
        cmocka_unit_test(earlier_prompts_are_reused),
        cmocka_unit_test(the_end_of_an_old_prompt_is_given_up_first),
        cmocka_unit_test(old_prompts_go_first),
        cmocka_unit_test(limits_are_named),
        cmocka_unit_test(requests_can_be_cancelled),
        cmocka_unit_test(cancelled_in_the_queue),
        cmocka_unit_test(a_failed_step_can_be_tried_again),
        cmocka_unit_test(logits_from_a_position),
        cmocka_unit_test(logprobs_are_the_distribution),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
