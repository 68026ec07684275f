/* What the engine takes from the heap: nothing in a step, and every allocation that fails is survived. */
#include "test.h"

#include "counting_malloc.h"
#include "engine/engine.h"
#include "trit/trit.h"

#if TRIT_COUNTS_MALLOC
/* Of the C library, and of the device's pool, which may serve a call without it. */
static long calls(const trit_device *device) {
    trit_pool_metrics m;
    trit_pool_measure(trit_device_pool(device), &m);
    return atomic_load(&n_calls) + (long)(m.n_allocations + m.n_resizes);
}

/* Opens a model, makes an engine, takes three tokens, closes all. */
static trit_status three_tokens(const char *ref, long *calls_in_steps, trit_error *err) {
    trit_device *device = NULL;
    trit_model *model = NULL;
    trit_engine *engine = NULL;
    static const char *const stops[] = {"never this"};
    static const int32_t ids[] = {1, 2};
    static const trit_logit_bias bias = {2, 1};
    const trit_breaker breakers[] = {{.ids = ids, .n_ids = 1}, {.ids = ids, .n_ids = 2}, {.text = "a b"}}; /* the last needs a tokenizer */
    const int32_t prompt[] = {1, 2, 3, 1, 2, 3, 1, 2}; /* something to guess */
    const trit_event *events;
    size_t n;
    trit_request q = {.prompt = prompt, .n_prompt = 8, .max_tokens = 3, .stop = stops, .n_stop = 1, .n_logprobs = 2, .ignore_eog = true,
                      .draft = trit_draft_ngram,
                      .sampling = {.temperature = 1, .top_p = 0.9f, .repeat_penalty = 1.1f, .logit_bias = &bias, .n_logit_bias = 1,
                                   .typical_p = 0.9f, .top_n_sigma = 2, .xtc_probability = 1, .dynatemp_range = 0.1f,
                                   .dry_multiplier = 1, .dry_breakers = breakers, .n_dry_breakers = 2}};
    trit_status status = trit_device_open(&device, "cpu", &(trit_device_opts){.n_threads = 1}, err);
    if (status == trit_ok) status = trit_model_open(&model, ref, &(trit_model_opts){.device = device}, err);
    if (status == trit_ok) status = trit_engine_new(&engine, model, &(trit_engine_opts){.context = 64}, err);
    if (status == trit_ok) trit_engine_draft_always(engine);
    if (status == trit_ok && trit_model_tokenizer(model)) q.sampling.n_dry_breakers++;
    if (status == trit_ok) status = trit_engine_submit(engine, &q, NULL, err);
    const long before = status == trit_ok ? calls(device) : 0;
    for (int i = 0; i < 3 && status == trit_ok; i++) status = trit_engine_step(engine, &events, &n, err);
    if (calls_in_steps) *calls_in_steps = status == trit_ok ? calls(device) - before : 0;
    trit_engine_free(engine);
    trit_model_close(model);
    trit_device_close(device);
    return status;
}

typedef struct beam_calls {
    const trit_device *device;
    long calls[4];
} beam_calls;

static bool keep_count(void *user, uint32_t n_tokens) {
    beam_calls *b = user;
    b->calls[n_tokens - 1] = calls(b->device);
    return true;
}

/* Opens a model and searches with three beams. `calls_in_steps` are those between the first step's end and the last one's. */
static trit_status beams(const char *ref, long *calls_in_steps, trit_error *err) {
    trit_device *device = NULL;
    trit_model *model = NULL;
    trit_beam_result r = {0};
    const int32_t prompt[] = {1, 2, 3};
    beam_calls b = {0};
    trit_beam_opts o = {.n_beams = 3, .max_tokens = 4, .ignore_eog = true, .on_step = keep_count, .user = &b};
    trit_status status = trit_device_open(&device, "cpu", &(trit_device_opts){.n_threads = 1}, err);
    if (status == trit_ok) status = trit_model_open(&model, ref, &(trit_model_opts){.device = device}, err);
    b.device = device;
    if (status == trit_ok) status = trit_beam_search(&r, model, prompt, 3, &o, err);
    if (calls_in_steps) *calls_in_steps = b.calls[3] - b.calls[0];
    trit_beam_result_fini(&r);
    trit_model_close(model);
    trit_device_close(device);
    return status;
}

/* Opens a model, computes two pages, saves them, and restores them into another engine, which takes a token. */
static trit_status session(const char *ref, long *calls_in_steps, trit_error *err) {
    trit_device *device = NULL;
    trit_model *model = NULL;
    trit_engine *engine[2] = {NULL, NULL};
    trit_text note = {0};
    const trit_event *events;
    size_t n;
    int32_t prompt[70] = {0};
    const trit_request q = {.prompt = prompt, .n_prompt = 70, .max_tokens = 1};
    trit_status status = trit_device_open(&device, "cpu", &(trit_device_opts){.n_threads = 1}, err);
    if (status == trit_ok) status = trit_model_open(&model, ref, &(trit_model_opts){.device = device}, err);
    for (int i = 0; i < 2 && status == trit_ok; i++) {
        status = trit_engine_new(&engine[i], model, &(trit_engine_opts){.context = 128}, err);
        if (status == trit_ok && i == 1) status = trit_engine_save(engine[0], "a.session", "note", 4, NULL, err);
        if (status == trit_ok && i == 1) status = trit_engine_restore(engine[1], "a.session", &note, NULL, err);
        if (status == trit_ok) status = trit_engine_submit(engine[i], &q, NULL, err);
        const long before = status == trit_ok ? calls(device) : 0;
        if (status == trit_ok) status = trit_engine_step(engine[i], &events, &n, err);
        if (calls_in_steps) *calls_in_steps = status == trit_ok ? calls(device) - before : 0;
    }
    trit_text_fini(&note);
    for (int i = 0; i < 2; i++) trit_engine_free(engine[i]);
    trit_model_close(model);
    trit_device_close(device);
    return status;
}

typedef trit_status work(const char *ref, long *calls_in_steps, trit_error *err);

static void check_work(work *f, const char *what, const char *ref) {
    trit_error err = {0};
    long in_steps;
    assert_ok(f(ref, &in_steps, &err)); /* also what the C library allocates once */
    assert_int_equal(in_steps, 0);
    const long base = atomic_load(&live);
    long mapped = atomic_load(&mapped_bytes);
    unsigned n_late = 0;
    atomic_store(&n_calls, 0);
    assert_ok(f(ref, NULL, &err));
    assert_int_equal(atomic_load(&live), base);
    const long n = atomic_load(&n_calls);
    print_message("%s, %s: %ld allocations, none in a step\n", ref, what, n);
    for (long i = 0; i < n; i++) {
        memset(&err, 0, sizeof err);
        atomic_store(&n_calls, 0);
        atomic_store(&fail_at, i);
        trit_status status = f(ref, NULL, &err);
        atomic_store(&fail_at, -1);
        if (atomic_load(&live) != base) fail_msg("allocation %ld of %ld fails: %ld blocks leak", i, n, atomic_load(&live) - base);
        /* A library may map a buffer for itself, once and at its leisure (OpenBLAS takes 128 MB); a leak is one each time. */
        const long more = atomic_load(&mapped_bytes) - mapped;
        if (more && ++n_late > 1) fail_msg("allocation %ld of %ld fails: %ld bytes stay mapped", i, n, more);
        mapped += more;
        if (status == trit_ok) continue; /* a library did without */
        if (status != trit_memory) fail_msg("allocation %ld of %ld fails: status %d (%s)", i, n, (int)status, err.message);
        assert_true(err.message[0] != '\0');
    }
}

static void check(const char *ref) {
    check_work(three_tokens, "three tokens", ref);
}
#endif

static void synthetic(void **state) {
    (void)state;
#if TRIT_COUNTS_MALLOC
    check("synthetic:tiny");
    check_work(beams, "beams", "synthetic:tiny");
    check_work(session, "a session", "synthetic:tiny");
    (void)remove("a.session");
#else
    skip();
#endif
}

static void gguf_with_tokenizer(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_i2s.gguf");
#if TRIT_COUNTS_MALLOC
    check(test_shared("spec/examples/tiny_i2s.gguf"));
#else
    skip();
#endif
}

static void spm_gguf(void **state) {
    (void)state;
    require_shared("data/models/bitllama/bitllama-3M.TQ2_0.gguf");
#if TRIT_COUNTS_MALLOC
    check(test_shared("data/models/bitllama/bitllama-3M.TQ2_0.gguf"));
#else
    skip();
#endif
}

static void safetensors(void **state) {
    (void)state;
    require_shared("data/models/bitllama/hf-3M");
#if TRIT_COUNTS_MALLOC
    check(test_shared("data/models/bitllama/hf-3M"));
#else
    skip();
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synthetic),
        cmocka_unit_test(gguf_with_tokenizer),
        cmocka_unit_test(spm_gguf),
        cmocka_unit_test(safetensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
