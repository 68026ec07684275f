/* engine/draft: answers are the same to the bit with drafts and without, whatever stands around them; what guesses cost, and when they go along. */
#include "test.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "device/device.h"
#include "engine/draft.h"
#include "engine/engine.h"
#include "trit/trit.h"

enum { n_vocab = 512, most = 6, longest = 300, longest_prompt = 120 };

/* What a caller sees of an answer. */
typedef struct answer {
    int32_t token[longest];
    uint32_t n, n_logits;
    uint64_t logits, logprobs; /* hashes */
    trit_stop_reason stop;
    char text[4096], error[512];
    size_t n_text;
} answer;

typedef struct asked {
    trit_request q;
    int32_t prompt[longest_prompt];
    bool sees_logits;
} asked;

static trit_model *model, *other; /* of the test at hand */

/* Of n words of four bytes. */
static uint64_t mix(uint64_t h, const void *data, size_t n) {
    const unsigned char *bytes = data;
    for (size_t i = 0; i < n; i++) {
        uint32_t word;
        memcpy(&word, bytes + i * sizeof word, sizeof word);
        h = trit_mix64(h ^ word);
    }
    return h;
}

static void hash_logits(void *user, uint32_t pos, const float *logits, uint32_t n) {
    answer *a = user;
    a->logits = mix(mix(a->logits, &pos, 1), logits, n);
    a->n_logits++;
}

static void take_event(const trit_event *e) {
    answer *a = e->user;
    assert_int_equal(a->stop, trit_stop_none); /* nothing follows the last event */
    if (e->token >= 0) a->token[a->n++] = e->token;
    assert_int_equal(e->n_generated, a->n);
    assert_true(e->n_draft_right <= e->n_drafted);
    for (uint32_t i = 0; i < e->n_logprobs; i++) {
        a->logprobs = mix(a->logprobs, &e->logprobs[i].token, 1);
        a->logprobs = mix(a->logprobs, &e->logprobs[i].logprob, 1);
    }
    memcpy(a->text + a->n_text, e->text, e->n_text);
    a->n_text += e->n_text;
    a->stop = e->stop;
    if (e->error) snprintf(a->error, sizeof a->error, "%s", e->error->message);
}

typedef enum drafting { no_drafts, drafts_that_pay, all_drafts } drafting;

static trit_engine_counters run(trit_engine_opts opts, answer *answers, asked *ask, uint32_t n, drafting how) {
    trit_error err;
    trit_engine *engine;
    const trit_event *events;
    size_t n_events;
    assert_ok(trit_engine_new(&engine, model, &opts, &err));
    if (how == all_drafts) trit_engine_draft_always(engine);
    memset(answers, 0, n * sizeof *answers);
    for (uint32_t i = 0; i < n; i++) {
        trit_request q = ask[i].q;
        q.prompt = ask[i].prompt;
        q.user = &answers[i];
        if (ask[i].sees_logits) q.on_logits = hash_logits;
        if (how == no_drafts) q.draft = trit_draft_none;
        assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    }
    while (!trit_engine_idle(engine)) {
        assert_ok(trit_engine_step(engine, &events, &n_events, &err));
        for (size_t i = 0; i < n_events; i++) take_event(&events[i]);
    }
    trit_engine_counters count;
    trit_engine_count(engine, &count);
    assert_int_equal(count.n_pages_held, 0);
    trit_engine_free(engine);
    return count;
}

static void assert_same(const answer *a, const answer *b, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(a[i].n, b[i].n);
        assert_memory_equal(a[i].token, b[i].token, sizeof a[i].token);
        assert_int_equal(a[i].stop, b[i].stop);
        assert_int_equal(a[i].n_logits, b[i].n_logits);
        assert_true(a[i].logits == b[i].logits);
        assert_true(a[i].logprobs == b[i].logprobs);
        assert_int_equal(a[i].n_text, b[i].n_text);
        assert_memory_equal(a[i].text, b[i].text, a[i].n_text);
        assert_string_equal(a[i].error, b[i].error);
    }
}

static void open_model(const char *ref) {
    trit_error err;
    assert_ok(trit_model_open(&model, ref, NULL, &err));
}

static void close_model(void) {
    trit_model_close(model);
    model = NULL;
}

/* ---- The same bits ---- */

static float one_of(uint32_t *seed, const float *values, uint32_t n) {
    return values[test_lcg(seed) % n];
}

static trit_sampling some_sampling(uint32_t *seed) {
    if (test_lcg(seed) % 3 == 0) return (trit_sampling){0};
    trit_sampling s = {.temperature = one_of(seed, (float[]){0, 0.05f, 0.3f, 1}, 4), .top_k = test_lcg(seed) % 3 * 20, .seed = test_lcg(seed)};
    s.top_p = one_of(seed, (float[]){0, 0.9f}, 2);
    s.repeat_penalty = one_of(seed, (float[]){0, 0, 1.1f}, 3);
    s.presence_penalty = one_of(seed, (float[]){0, 0, 0.5f, -0.5f}, 4);
    s.dry_multiplier = one_of(seed, (float[]){0, 0, 0.4f}, 3);
    s.dry_no_breakers = true;
    s.xtc_probability = one_of(seed, (float[]){0, 0, 0.5f}, 3);
    s.mirostat = (trit_mirostat)(test_lcg(seed) % 6 < 4 ? 0 : 1 + test_lcg(seed) % 2);
    return s;
}

/* A few tokens, most of them again and again, so that there is much to be guessed. */
static void make_prompt(int32_t *ids, size_t n, uint32_t *seed) {
    const uint32_t period = 3 + test_lcg(seed) % 12;
    for (size_t i = 0; i < n; i++) ids[i] = i >= period && test_lcg(seed) % 16 ? ids[i - period] : (int32_t)(test_lcg(seed) % n_vocab);
}

static void some_request(asked *a, uint32_t *seed, uint32_t context) {
    trit_request *q = &a->q;
    *q = (trit_request){.draft_max = test_lcg(seed) % 20, .sampling = some_sampling(seed), .ignore_eog = true};
    q->draft = test_lcg(seed) % 2 ? trit_draft_ngram : trit_draft_model;
    q->n_prompt = 1 + test_lcg(seed) % (context / 2);
    q->max_tokens = 1 + test_lcg(seed) % 80;
    q->n_logprobs = test_lcg(seed) % 3 * 2;
    q->want_logprob = test_lcg(seed) % 2;
    q->shift = test_lcg(seed) % 4 == 0;
    q->n_keep = q->shift ? test_lcg(seed) % 8 : 0;
    a->sees_logits = test_lcg(seed) % 3 == 0;
    q->all_logits = a->sees_logits && !q->shift && test_lcg(seed) % 2;
    make_prompt(a->prompt, q->n_prompt, seed);
}

static void one_round(uint32_t seed, trit_engine_counters *sum) {
    static answer plain[most], drafted[most];
    static asked ask[most];
    const uint32_t context = 50 + test_lcg(&seed) % 90, n = 1 + test_lcg(&seed) % most;
    trit_engine_opts o = {.max_sequences = 1 + test_lcg(&seed) % 4, .context = context, .kv = (trit_kv_type)(test_lcg(&seed) % 4)};
    o.chunk = test_lcg(&seed) % 3 == 0 ? 1 + test_lcg(&seed) % 40 : 0;
    o.no_prefix_cache = test_lcg(&seed) % 2;
    o.draft_model = test_lcg(&seed) % 2 ? model : other;
    o.cache_tokens = test_lcg(&seed) % 4 ? context : 0;
    for (uint32_t i = 0; i < n; i++) some_request(&ask[i], &seed, context < longest_prompt ? context : longest_prompt);
    run(o, plain, ask, n, no_drafts);
    const trit_engine_counters c = run(o, drafted, ask, n, test_lcg(&seed) % 4 ? all_drafts : drafts_that_pay);
    assert_same(plain, drafted, n);
    sum->n_drafted += c.n_drafted;
    sum->n_draft_right += c.n_draft_right;
    sum->n_put_back += c.n_put_back;
    sum->n_shifts += c.n_shifts;
}

/* TRIT_DRAFT_ROUNDS=1000 for a longer look. */
static void any_answer_is_the_same(void **state) {
    (void)state;
    static const char *const refs[] = {"synthetic:tiny", "synthetic:tiny-llama", "synthetic:tiny-gemma3"};
    const char *wanted = getenv("TRIT_DRAFT_ROUNDS");
    const uint32_t n_rounds = wanted ? (uint32_t)atoi(wanted) : 3;
    trit_engine_counters sum = {0};
    for (uint32_t m = 0; m < 3; m++) {
        open_model(refs[(m + 1) % 3]);
        other = model;
        open_model(refs[m]);
        for (uint32_t i = 0; i < n_rounds; i++) one_round(1000 * m + i, &sum);
        close_model();
        trit_model_close(other);
    }
    print_message("%u guesses, %u right; %u put back, %u shifts\n", (unsigned)sum.n_drafted, (unsigned)sum.n_draft_right, (unsigned)sum.n_put_back,
                  (unsigned)sum.n_shifts);
    assert_true(sum.n_draft_right > 50 && sum.n_draft_right < sum.n_drafted && sum.n_shifts);
}

/* Two sequences have room at the beginning, and one at the end. */
static void who_is_put_back_goes_on_the_same(void **state) {
    (void)state;
    static answer plain[4], drafted[4];
    static asked ask[4];
    uint32_t seed = 5;
    open_model("synthetic:tiny");
    for (uint32_t i = 0; i < 4; i++) {
        ask[i] = (asked){.q = {.n_prompt = 10, .max_tokens = 60, .draft_max = 6, .ignore_eog = true, .n_logprobs = 1}};
        ask[i].q.draft = i % 2 ? trit_draft_model : trit_draft_ngram;
        if (i > 1) ask[i].q.sampling = (trit_sampling){.temperature = 0.5f, .seed = i};
        ask[i].sees_logits = i > 1;
        make_prompt(ask[i].prompt, 10, &seed);
    }
    const trit_engine_opts o = {.max_sequences = 4, .context = 96, .cache_tokens = 96, .draft_model = model};
    run(o, plain, ask, 4, no_drafts);
    const trit_engine_counters c = run(o, drafted, ask, 4, all_drafts);
    assert_same(plain, drafted, 4);
    assert_true(c.n_put_back > 0 && c.n_draft_right > 20);
    close_model();
}

/* A story that was just told, and its beginning again: what comes is told in part as it was. */
static void tell_again(trit_ids *ids) {
    static answer told[1];
    static asked ask[1];
    ask[0] = (asked){.q = {.n_prompt = ids->n, .max_tokens = 50}};
    memcpy(ask[0].prompt, ids->data, ids->n * sizeof *ids->data);
    run((trit_engine_opts){0}, told, ask, 1, no_drafts);
    for (uint32_t i = 0; i < told[0].n; i++) assert_true(trit_ids_push(ids, told[0].token[i]));
    for (size_t i = 0; i < ask[0].q.n_prompt; i++) assert_true(trit_ids_push(ids, ask[0].prompt[i]));
}

/* Stops, ends of grammars and of the length among guesses. Of so many guesses more than `least` are right. */
static void ends_among(trit_draft kind, const trit_ids *ids, uint64_t least) {
    trit_error err;
    static const char *const stops[] = {"Lily", "outside in", ".", "ed to p", "nobody says this"};
    static const char *const grammars[] = {"root ::= [^.]{30,}", "root ::= ([a-z ,]* \"named\" | [a-z]*) [^x]{1,40}", "root ::= \" a\" [a-z ]{9}"};
    enum { n_stops = 5, n_grammars = 3, n = n_stops + n_grammars };
    static answer plain[n], drafted[n];
    static asked ask[n];
    trit_grammar *grammar[n_grammars];
    assert_true(ids->n < longest_prompt);
    for (uint32_t i = 0; i < n; i++) {
        trit_request *q = &ask[i].q;
        ask[i] = (asked){.q = {.n_prompt = ids->n, .max_tokens = 30, .draft = kind, .draft_max = 6, .n_logprobs = i % 2}, .sees_logits = i % 2};
        memcpy(ask[i].prompt, ids->data, ids->n * sizeof *ids->data);
        if (i < n_stops) {
            q->stop = &stops[i];
            q->n_stop = 1;
            continue;
        }
        assert_ok(trit_grammar_from_gbnf(&grammar[i - n_stops], grammars[i - n_stops], strlen(grammars[i - n_stops]), &err));
        q->grammar = grammar[i - n_stops];
    }
    const trit_engine_opts o = {.max_sequences = 3, .context = 192, .draft_model = kind == trit_draft_model ? model : NULL};
    run(o, plain, ask, n, no_drafts);
    const trit_engine_counters c = run(o, drafted, ask, n, all_drafts);
    assert_same(plain, drafted, n);
    assert_true(c.n_draft_right > least);
    for (int i = 0; i < n_grammars; i++) trit_grammar_free(grammar[i]);
}

static void ends_are_the_same(void **state) {
    (void)state;
    trit_error err;
    trit_ids ids = {0};
    const char text[] = "Once upon a time, there was";
    open_model(test_source("tests/model/story-256.gguf"));
    assert_ok(trit_tokenizer_encode(trit_model_tokenizer(model), &ids, text, strlen(text), NULL, &err));
    ends_among(trit_draft_model, &ids, 40);
    tell_again(&ids);
    ends_among(trit_draft_ngram, &ids, 10);
    trit_ids_fini(&ids);
    close_model();
}

/* A model that drafts for itself is right whatever it is asked, and another one's guesses are wrong almost always. */
static void models_guess_for_models(void **state) {
    (void)state;
    static answer plain[3], drafted[3];
    static asked ask[3];
    uint32_t seed = 3;
    open_model("synthetic:tiny-llama");
    other = model;
    open_model("synthetic:tiny");
    for (uint32_t i = 0; i < 3; i++) {
        ask[i] = (asked){.q = {.n_prompt = 20 + 40 * i, .max_tokens = 60, .draft = trit_draft_model, .draft_max = 7, .ignore_eog = true}};
        make_prompt(ask[i].prompt, ask[i].q.n_prompt, &seed);
    }
    trit_engine_opts o = {.max_sequences = 2, .chunk = 48, .draft_model = model};
    run(o, plain, ask, 3, no_drafts);
    trit_engine_counters c = run(o, drafted, ask, 3, all_drafts);
    assert_same(plain, drafted, 3);
    assert_true(c.n_drafted > 120 && c.n_draft_right == c.n_drafted);
    o.draft_model = other;
    c = run(o, drafted, ask, 3, all_drafts);
    assert_same(plain, drafted, 3);
    assert_true(c.n_drafted > 300 && c.n_draft_right < c.n_drafted / 2);
    trit_model_close(other);
    close_model();
}

static void draft_models_have_the_same_vocabulary(void **state) {
    (void)state;
    trit_error err;
    trit_engine *engine;
    const int32_t prompt[] = {1, 2};
    open_model("synthetic:tiny");
    other = model;
    open_model(NULL);
    assert_int_equal(trit_engine_new(&engine, model, &(trit_engine_opts){.draft_model = other}, &err), trit_arg);
    assert_non_null(strstr(err.message, "512 tokens"));
    assert_ok(trit_engine_new(&engine, model, NULL, &err));
    trit_request q = {.prompt = prompt, .n_prompt = 2, .draft = trit_draft_model};
    assert_int_equal(trit_engine_submit(engine, &q, NULL, &err), trit_arg);
    q = (trit_request){.prompt = prompt, .n_prompt = 2, .draft = trit_draft_ngram, .draft_max = trit_most_drafted + 1};
    assert_int_equal(trit_engine_submit(engine, &q, NULL, &err), trit_arg);
    assert_non_null(strstr(err.message, "65"));
    q = (trit_request){.prompt = prompt, .n_prompt = 2, .draft = (trit_draft)7};
    assert_int_equal(trit_engine_submit(engine, &q, NULL, &err), trit_arg);
    assert_non_null(strstr(err.message, "7"));
    trit_engine_free(engine);
    trit_model_close(other);
    close_model();
}

/* ---- Devices that fail, and that count ---- */

static const trit_device_vtable *sound;
static uint32_t n_runs, n_read;

static trit_status run_that_fails(trit_exec *e, const trit_batch *b, const float **result, size_t *stride, trit_error *err) {
    return n_runs++ % 2 ? trit_error_set(err, trit_device_error, "not now") : sound->run(e, b, result, stride, err);
}

static trit_status run_that_counts(trit_exec *e, const trit_batch *b, const float **result, size_t *stride, trit_error *err) {
    n_read += b->n_tokens;
    return sound->run(e, b, result, stride, err);
}

static void answer_one(trit_engine *engine, answer *out, const asked *ask) {
    trit_error err;
    trit_request q = ask->q;
    memset(out, 0, sizeof *out);
    q.prompt = ask->prompt;
    q.user = out;
    if (ask->sees_logits) q.on_logits = hash_logits;
    assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    while (!trit_engine_idle(engine)) {
        const trit_event *events;
        size_t n = 0;
        if (trit_engine_step(engine, &events, &n, &err) != trit_ok) continue;
        for (size_t i = 0; i < n; i++) take_event(&events[i]);
    }
}

/* A model on a device of its own, and a copy of the device's functions to change. */
static void open_model_on(trit_model **out, trit_device **device, trit_device_vtable *vt, const char *ref) {
    trit_error err;
    assert_ok(trit_device_open(device, "cpu", NULL, &err));
    assert_ok(trit_model_open(out, ref, &(trit_model_opts){.device = *device}, &err));
    *vt = *(*device)->vt;
    sound = (*device)->vt;
}

/* Neither the answer nor the guesses: a draft model, too, stays where it was. */
static void failed_steps_change_nothing(void **state) {
    (void)state;
    trit_error err;
    static answer plain[1], drafted[1];
    static asked ask[1];
    for (int i = 0; i < 2; i++) {
        trit_device *device;
        trit_device_vtable broken;
        trit_engine *engine;
        trit_engine_counters count;
        uint32_t seed = 7;
        ask[0] = (asked){.q = {.n_prompt = 60, .max_tokens = 50, .draft_max = 6, .ignore_eog = true}, .sees_logits = true};
        ask[0].q.draft = i ? trit_draft_model : trit_draft_ngram;
        ask[0].q.sampling = (trit_sampling){.temperature = i ? 0.5f : 0, .seed = 3}; /* so that the model is wrong about itself now and then */
        make_prompt(ask[0].prompt, 60, &seed);
        open_model("synthetic:tiny");
        other = model;
        open_model_on(&model, &device, &broken, "synthetic:tiny");
        const trit_engine_opts o = {.draft_model = other};
        const trit_engine_counters c = run(o, plain, ask, 1, all_drafts);
        assert_ok(trit_engine_new(&engine, model, &o, &err));
        trit_engine_draft_always(engine);
        broken.run = run_that_fails;
        device->vt = &broken;
        answer_one(engine, drafted, &ask[0]);
        device->vt = sound;
        assert_same(plain, drafted, 1);
        trit_engine_count(engine, &count);
        assert_int_equal(count.n_drafted, c.n_drafted);
        assert_int_equal(count.n_draft_right, c.n_draft_right);
        assert_true(c.n_draft_right && c.n_draft_right < c.n_drafted);
        trit_engine_free(engine);
        close_model();
        trit_model_close(other);
        trit_device_close(device);
    }
}

/* The next turn of a conversation: the draft model reads what is new in it. */
static void draft_models_read_a_conversation_once(void **state) {
    (void)state;
    trit_error err;
    static answer told[1];
    static asked ask[1];
    trit_device *device;
    trit_device_vtable counting;
    trit_engine *engine;
    trit_engine_info with, without;
    uint32_t seed = 9;
    open_model("synthetic:tiny");
    open_model_on(&other, &device, &counting, "synthetic:tiny");
    assert_ok(trit_engine_new(&engine, model, NULL, &err));
    trit_engine_describe(engine, &without);
    trit_engine_free(engine);
    assert_ok(trit_engine_new(&engine, model, &(trit_engine_opts){.draft_model = other}, &err));
    trit_engine_describe(engine, &with);
    assert_true(with.kv_bytes > without.kv_bytes && with.scratch_bytes > without.scratch_bytes);
    trit_engine_draft_always(engine);
    counting.run = run_that_counts;
    device->vt = &counting;
    ask[0] = (asked){.q = {.n_prompt = 80, .max_tokens = 10, .draft = trit_draft_model, .ignore_eog = true}};
    make_prompt(ask[0].prompt, 80, &seed);
    n_read = 0;
    answer_one(engine, told, ask);
    assert_in_range(n_read, 80, 100);
    memcpy(ask[0].prompt + 80, told[0].token, 10 * sizeof *told[0].token);
    ask[0].q.n_prompt = 90;
    n_read = 0;
    answer_one(engine, told, ask);
    assert_in_range(n_read, 8, 20);
    ask[0].prompt[0]++; /* another conversation */
    n_read = 0;
    answer_one(engine, told, ask);
    assert_in_range(n_read, 90, 110);
    device->vt = sound;
    trit_engine_free(engine);
    close_model();
    trit_model_close(other);
    trit_device_close(device);
}

/* ---- What is guessed, and when ---- */

/* A schedule with one sequence that is to make its next token. */
typedef struct scene {
    trit_schedule s;
    trit_running *r;
    trit_drafter d;
    int32_t prompt[longest_prompt];
} scene;

static void begin(scene *c, const char *letters) {
    trit_error err;
    *c = (scene){.d.always = true};
    const size_t n = strlen(letters);
    for (size_t i = 0; i < n; i++) c->prompt[i] = letters[i];
    const trit_request q = {.prompt = c->prompt, .n_prompt = n, .draft = trit_draft_ngram, .max_tokens = 20};
    assert_ok(trit_schedule_init(&c->s, &(trit_schedule_limits){.n_slots = 1, .context = 128, .chunk = 32, .max_outputs = 32, .n_pages = 4}, &err));
    assert_ok(trit_running_new(&c->r, &q, NULL, 128, 0, &err));
    trit_draft_begin(c->r);
    c->r->n_done = c->r->n_tokens - 1;
    assert_ok(trit_schedule_submit(&c->s, c->r, NULL, &err));
}

/* The guesses of the next step, as letters. */
static const char *guess(scene *c) {
    static char text[longest];
    trit_schedule_plan(&c->s, 0);
    trit_draft_plan(&c->d, &c->s);
    const trit_batch b = trit_schedule_batch(&c->s);
    for (uint32_t i = 1; i < b.n_tokens; i++) text[i - 1] = (char)b.token[i];
    text[b.n_tokens - 1] = '\0';
    assert_int_equal(b.n_tokens, b.n_outputs);
    return text;
}

static void take(scene *c, char letter) {
    trit_draft_learn(c->r, letter);
    c->r->tokens[c->r->n_tokens++] = letter;
    c->r->n_done++;
    c->r->n_generated++;
}

static void the_longest_match_is_continued(void **state) {
    (void)state;
    static const struct {
        const char *text, *guess;
    } cases[] = {
        {"abcdefg", ""},                                    /* nothing came twice */
        {"one two", ""},                                    /* one letter alone is no match */
        {"the cat sat. the ca", "t sat. the cat s"},          /* as far as the text goes, and on into the guess */
        {"xabc1 yabc2 zbc3 xabc", "1 yabc2 zbc3 xab"},      /* 'xabc' is longer than 'abc' and 'bc', which came later */
        {"abc1 abc2 abc", "2 abc2 abc2 abc2"},              /* of equals the latest */
        {"aaaa", "aaaaaaaaaaaaaaaa"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scene c;
        begin(&c, cases[i].text);
        const char *got = guess(&c);
        assert_true(strncmp(got, cases[i].guess, 16) == 0 && (cases[i].guess[0] != '\0') == (got[0] != '\0'));
        trit_schedule_fini(&c.s);
    }
}

/* One token in a copied text may be another: the text goes on behind it. Not so two of them, or behind a short match. */
static void edits_are_followed(void **state) {
    (void)state;
    scene c;
    begin(&c, "the cat sat. the cat");
    take(&c, ' ');
    guess(&c);
    take(&c, 'r');
    assert_int_equal(strncmp(guess(&c), "at. the cat", 11), 0);
    take(&c, 'o');
    assert_string_equal(guess(&c), "");
    trit_schedule_fini(&c.s);
    begin(&c, "the cat sat. cat");
    guess(&c);
    take(&c, 'x');
    assert_string_equal(guess(&c), "");
    trit_schedule_fini(&c.s);
}

/* No further than to the end of a page that is free, and of the tokens that may still come. */
static void guesses_have_limits(void **state) {
    (void)state;
    scene c;
    begin(&c, "aaaa");
    c.r->n_generated = c.r->max_answer - 5;
    assert_int_equal(strlen(guess(&c)), 4); /* the fifth token is chosen behind them */
    c.r->n_generated = c.r->max_answer - 1;
    assert_int_equal(strlen(guess(&c)), 0);
    trit_schedule_fini(&c.s);
    begin(&c, "aaaaaaaaaaaaaaaaaaaaaaaaaa"); /* 26: six places are left in its page */
    c.s.pages.n_free = 1;
    assert_int_equal(strlen(guess(&c)), 6);
    c.s.pages.n_free = 3;
    assert_int_equal(strlen(guess(&c)), 16);
    trit_schedule_fini(&c.s);
}

/* A step of one token takes 1000, each token more costs `price`. */
static void time_steps(trit_drafter *d, uint32_t n, uint64_t price) {
    for (uint32_t i = 0; i < n; i++) trit_draft_time(d, 1 + i % 4, 1000 + price * (i % 4));
}

/* Guesses that were right before are trusted, those that were wrong are not; and only for what they cost. */
static void guesses_go_along_where_they_pay(void **state) {
    (void)state;
    scene c;
    begin(&c, "abcabcabc");
    c.d.always = false;
    time_steps(&c.d, 200, 100); /* a token more costs a tenth of a step */
    assert_in_range(strlen(guess(&c)), 3, 16);
    for (int i = 0; i < 9; i++) take(&c, "abc"[i % 3]);
    assert_in_range(strlen(guess(&c)), 6, 10); /* of 10 that may still come */
    time_steps(&c.d, 200, 1200);
    assert_int_equal(strlen(guess(&c)), 0); /* more than a step of its own */
    time_steps(&c.d, 200, 100);
    assert_in_range(strlen(guess(&c)), 6, 10);
    trit_schedule_fini(&c.s);
    begin(&c, "abcabcab");
    c.d.always = false;
    time_steps(&c.d, 200, 500);
    for (int i = 0; i < 5; i++) { /* ab is followed by something else each time */
        guess(&c);
        take(&c, (char)('p' + i));
        take(&c, 'a');
        take(&c, 'b');
    }
    assert_string_equal(guess(&c), "");
    trit_schedule_fini(&c.s);
}

static uint32_t wanted_of_model(scene *c) {
    trit_schedule_plan(&c->s, 0);
    trit_draft_plan(&c->d, &c->s);
    return c->r->guess.n_wanted;
}

static void models_are_asked_where_that_pays(void **state) {
    (void)state;
    scene c;
    begin(&c, "abc");
    trit_guess *g = &c.r->guess;
    c.r->asked.draft = trit_draft_model;
    c.d.always = false;
    c.d.guess_ns = 100;
    time_steps(&c.d, 200, 100);
    assert_in_range(wanted_of_model(&c), 2, 4);
    c.d.guess_ns = 1000; /* as much as a step */
    assert_int_equal(wanted_of_model(&c), 0);
    c.d.guess_ns = 300;
    time_steps(&c.d, 200, 500);
    for (int i = 0; i < 8; i++) { /* a wrong guess each */
        g->from = c.r->n_tokens;
        g->end = g->from + 1;
        c.r->tokens[g->from] = 'x';
        take(&c, 'y');
    }
    assert_int_equal(wanted_of_model(&c), 0);
    trit_schedule_fini(&c.s);
}

/* Steps of one token do not tell what a second one costs, and one that was held up does not count for what it took. */
static void one_slow_step_changes_little(void **state) {
    (void)state;
    scene c;
    begin(&c, "abcabcabcabcabcabcabcabc");
    c.d.always = false;
    time_steps(&c.d, 50, 200);
    const size_t before = strlen(guess(&c));
    trit_draft_time(&c.d, 4, 1000000);
    trit_draft_time(&c.d, 1, 1000);
    const size_t after = strlen(guess(&c));
    assert_true(before >= 4 && after >= 2);
    trit_schedule_fini(&c.s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_answer_is_the_same),
        cmocka_unit_test(who_is_put_back_goes_on_the_same),
        cmocka_unit_test(ends_are_the_same),
        cmocka_unit_test(models_guess_for_models),
        cmocka_unit_test(draft_models_have_the_same_vocabulary),
        cmocka_unit_test(failed_steps_change_nothing),
        cmocka_unit_test(draft_models_read_a_conversation_once),
        cmocka_unit_test(the_longest_match_is_continued),
        cmocka_unit_test(edits_are_followed),
        cmocka_unit_test(guesses_have_limits),
        cmocka_unit_test(guesses_go_along_where_they_pay),
        cmocka_unit_test(models_are_asked_where_that_pays),
        cmocka_unit_test(one_slow_step_changes_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
