/* engine/schedule: who runs next, what happens where pages run out, and that nobody can tell from the tokens. */
#include "test.h"

#include "base/os.h"
#include "device/device.h"
#include "engine/sampler.h"
#include "engine/schedule.h"
#include "trit/trit.h"

enum { n_vocab = 512, most = 8, longest = 400 };

static trit_model *model; /* synthetic:tiny */

typedef struct answer {
    int32_t token[longest];
    uint32_t n, n_cached, n_ended, seen[longest]; /* seen: how often the logits of a position came */
    trit_stop_reason stop;
    unsigned ended_in; /* step */
} answer;

static answer got[most], alone;

static void count_logits(void *user, uint32_t pos, const float *logits, uint32_t n) {
    answer *a = user;
    assert_true(pos < longest && n == n_vocab && logits);
    a->seen[pos]++;
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

static uint64_t submit(trit_engine *engine, trit_request q, answer *a) {
    trit_error err;
    uint64_t id;
    q.user = a;
    *a = (answer){0};
    assert_ok(trit_engine_submit(engine, &q, &id, &err));
    return id;
}

static void step(trit_engine *engine, unsigned number) {
    trit_error err;
    const trit_event *events;
    size_t n;
    assert_ok(trit_engine_step(engine, &events, &n, &err));
    for (size_t i = 0; i < n; i++) {
        answer *a = events[i].user;
        if (events[i].token >= 0) a->token[a->n++] = events[i].token;
        assert_int_equal(events[i].n_generated, a->n);
        a->n_cached = events[i].n_cached;
        if (events[i].stop == trit_stop_none) continue;
        a->stop = events[i].stop;
        a->ended_in = number;
        a->n_ended++;
    }
}

static void run(trit_engine *engine) {
    for (unsigned i = 1; !trit_engine_idle(engine); i++) step(engine, i);
}

static trit_engine_counters counters(trit_engine *engine) {
    trit_engine_counters c;
    trit_engine_count(engine, &c);
    return c;
}

/* ---- The queue ---- */

static void priorities_have_a_bounded_lead(void **state) {
    (void)state;
    enum { n = 600 };
    static trit_running r[n];
    trit_queue q = {0};
    for (uint32_t i = 0; i < n; i++) {
        r[i] = (trit_running){.id = i + 1, .place = trit_queue_place(i + 1, i == 499 ? 1 : i == 0 ? -1 : 0)};
        trit_queue_put(&q, &r[i]);
    }
    uint32_t at[n];
    for (uint32_t i = 0; i < n; i++) {
        const trit_running *next = trit_queue_take(&q);
        at[next - r] = i;
    }
    assert_null(trit_queue_take(&q));
    assert_true(!q.tail && !q.n);
    assert_in_range(at[499], 499 - trit_priority_lead - 1, 499 - trit_priority_lead + 1); /* it overtook so many, and not those before */
    assert_in_range(at[0], trit_priority_lead - 1, trit_priority_lead + 1);
    for (uint32_t i = 2; i < n; i++)
        if (i != 499 && i != 500) assert_true(at[i] > at[i - 1]); /* the others keep their order */
}

static void higher_priorities_run_first(void **state) {
    (void)state;
    int32_t prompt[4] = {1, 2, 3, 4};
    static const int priority[] = {0, 0, 3, -2, 0};
    static const unsigned order[] = {2, 3, 1, 5, 4};
    trit_engine *engine = new_engine((trit_engine_opts){0});
    for (int i = 0; i < 5; i++) submit(engine, (trit_request){.prompt = prompt, .n_prompt = 4, .prefill_only = true, .priority = priority[i]}, &got[i]);
    run(engine);
    for (int i = 0; i < 5; i++) assert_int_equal(got[i].ended_in, order[i]);
    trit_engine_free(engine);
}

static void a_full_queue_says_so(void **state) {
    (void)state;
    trit_error err;
    int32_t prompt[4] = {1, 2, 3, 4};
    trit_engine *engine = new_engine((trit_engine_opts){.max_queued = 2});
    const trit_request q = {.prompt = prompt, .n_prompt = 4, .max_tokens = 3, .user = &got[3]};
    for (int i = 0; i < 2; i++) submit(engine, q, &got[i]);
    assert_int_equal(trit_engine_submit(engine, &q, NULL, &err), trit_busy);
    assert_non_null(strstr(err.message, "2 requests wait"));
    step(engine, 1); /* one runs now */
    submit(engine, q, &got[2]);
    assert_int_equal(trit_engine_submit(engine, &q, NULL, &err), trit_busy);
    run(engine);
    for (int i = 0; i < 3; i++) assert_int_equal(got[i].stop, trit_stop_length);
    const trit_engine_counters c = counters(engine);
    assert_true(c.n_accepted == 3 && c.n_refused == 2 && c.n_ended[trit_stop_length] == 3 && c.n_generated == 9);
    assert_true(!c.n_waiting && !c.n_running && !c.n_pages_held);
    trit_engine_free(engine);
}

/* False: the first step came after the deadline. */
static bool try_deadline(uint32_t ms) {
    int32_t prompt[4] = {1, 2, 3, 4};
    trit_engine *engine = new_engine((trit_engine_opts){0});
    const trit_request q = {.prompt = prompt, .n_prompt = 4, .max_tokens = 100, .ignore_eog = true};
    trit_request late = q;
    late.deadline_ms = ms;
    const uint64_t start = trit_os_clock_ns(), until_ns = (ms + 1) * 1000000ull;
    submit(engine, late, &got[0]); /* runs */
    submit(engine, late, &got[1]); /* waits */
    submit(engine, q, &got[2]);
    step(engine, 1);
    if (trit_os_clock_ns() - start >= ms * 1000000ull) {
        trit_engine_free(engine);
        return false;
    }
    for (const uint64_t now = trit_os_clock_ns(); trit_os_clock_ns() - now < until_ns;) {}
    step(engine, 2);
    for (int i = 0; i < 2; i++) assert_true(got[i].stop == trit_stop_deadline && got[i].ended_in == 2 && got[i].n_ended == 1);
    assert_int_equal(got[2].n, 1); /* the slot was free in the same step */
    assert_string_equal(trit_stop_reason_text(got[0].stop), "deadline");
    run(engine);
    assert_int_equal(got[2].stop, trit_stop_length);
    trit_engine_free(engine);
    return true;
}

static void deadlines_end_requests(void **state) {
    (void)state;
    uint32_t ms = 20;
    while (!try_deadline(ms) && ms < 60000) ms *= 2; /* where the machine was away for longer */
    assert_true(ms < 60000);
}

/* However many they are, and though the only slot is taken all the time. */
static void all_that_wait_can_be_cancelled(void **state) {
    (void)state;
    enum { n = 150 };
    int32_t prompt[4] = {1, 2, 3, 4};
    static answer waiting[n];
    uint64_t id[n];
    trit_engine *engine = new_engine((trit_engine_opts){0});
    submit(engine, (trit_request){.prompt = prompt, .n_prompt = 4, .max_tokens = 20, .ignore_eog = true}, &got[0]);
    step(engine, 1);
    for (int i = 0; i < n; i++) id[i] = submit(engine, (trit_request){.prompt = prompt, .n_prompt = 4}, &waiting[i]);
    for (int i = 0; i < n; i++) trit_engine_cancel(engine, id[i]);
    for (unsigned i = 2; i <= 4; i++) step(engine, i);
    for (int i = 0; i < n; i++) assert_true(waiting[i].stop == trit_stop_cancelled && waiting[i].n_ended == 1);
    assert_int_equal(waiting[0].ended_in, 2);
    assert_int_equal(got[0].n, 4);
    run(engine);
    assert_int_equal(got[0].n, 20);
    trit_engine_free(engine);
}

/* ---- Room of a step ---- */

static void a_short_prompt_does_not_wait_for_a_long_one(void **state) {
    (void)state;
    int32_t prompt[longest];
    make_prompt(prompt, longest, 1);
    trit_engine *engine = new_engine((trit_engine_opts){.max_sequences = 3, .chunk = 16, .no_prefix_cache = true});
    submit(engine, (trit_request){.prompt = prompt, .n_prompt = 320, .prefill_only = true}, &got[0]);
    submit(engine, (trit_request){.prompt = prompt, .n_prompt = 200, .prefill_only = true}, &got[1]);
    submit(engine, (trit_request){.prompt = prompt + 1, .n_prompt = 24, .prefill_only = true}, &got[2]);
    run(engine);
    assert_int_equal(got[2].ended_in, 3);
    assert_true(got[1].ended_in < got[0].ended_in);
    assert_int_equal(got[0].ended_in, (320 + 200 + 24) / 16); /* no room is wasted */
    trit_engine_free(engine);
}

/* A device may leave out all but the largest logits, and these may be just what a grammar forbids. */
static void a_grammar_sees_all_logits(void **state) {
    (void)state;
    trit_error err;
    const int32_t prompt[4] = {1, 2, 3, 4};
    const trit_request q = {.prompt = prompt, .n_prompt = 4};
    trit_sample_space space;
    trit_grammar *grammar;
    trit_schedule s;
    assert_ok(trit_sample_space_init(&space, n_vocab, 64, &err));
    assert_ok(trit_grammar_from_gbnf(&grammar, "root ::= .*", 11, &err));
    assert_ok(trit_schedule_init(&s, &(trit_schedule_limits){.n_slots = 2, .context = 64, .chunk = 16, .max_outputs = 2, .n_pages = 4}, &err));
    for (int i = 0; i < 2; i++) {
        trit_running *r;
        assert_ok(trit_running_new(&r, &q, NULL, 64, 0, &err));
        assert_ok(trit_sampler_new_in(&r->sampler, &q.sampling, &space, NULL, &err));
        if (i == 1) assert_ok(trit_guide_new(&r->guide, grammar, NULL, &err));
        assert_ok(trit_schedule_submit(&s, r, NULL, &err));
    }
    trit_schedule_plan(&s, 0); /* of a clock behind theirs */
    const trit_batch b = trit_schedule_batch(&s);
    assert_true(b.n_outputs == 2 && b.top[0] == 1 && b.top[1] == 0);
    assert_true(s.wait_ns == 0);
    trit_schedule_fini(&s);
    trit_grammar_free(grammar);
    trit_sample_space_fini(&space);
}

/* Prompts that begin alike and come together are computed once. */
static void twins_share_their_beginning(void **state) {
    (void)state;
    int32_t prompt[110];
    make_prompt(prompt, 110, 2);
    trit_engine *engine = new_engine((trit_engine_opts){.max_sequences = 4, .chunk = 48});
    for (uint32_t i = 0; i < 4; i++) submit(engine, (trit_request){.prompt = prompt, .n_prompt = 104 + i, .max_tokens = 6, .ignore_eog = true}, &got[i]);
    run(engine);
    const trit_engine_counters c = counters(engine);
    assert_int_equal(got[0].n_cached, 0);
    for (int i = 1; i < 4; i++) assert_int_equal(got[i].n_cached, 96);
    assert_true(c.n_cached == 3 * 96 && c.n_computed == 104 + 5 + (9 + 10 + 11) + 3 * 5 && !c.n_put_back);
    trit_engine_free(engine);
    for (uint32_t i = 0; i < 4; i++) {
        engine = new_engine((trit_engine_opts){.no_prefix_cache = true});
        submit(engine, (trit_request){.prompt = prompt, .n_prompt = 104 + i, .max_tokens = 6, .ignore_eog = true}, &alone);
        run(engine);
        assert_memory_equal(alone.token, got[i].token, sizeof alone.token);
        trit_engine_free(engine);
    }
}

/* ---- Pages ---- */

/* Eight sequences in a cache for little more than two: all end as if each were alone, and each position's logits came once. */
static void who_is_put_back_goes_on_where_it_was(void **state) {
    (void)state;
    int32_t prompt[most][64];
    static const trit_engine_opts opts[] = {{.max_sequences = most, .context = 160, .chunk = 64, .cache_tokens = 352},
                                            {.max_sequences = most, .context = 160, .chunk = 64, .cache_tokens = 352, .no_prefix_cache = true},
                                            {.max_sequences = most, .context = 160, .chunk = 24, .cache_tokens = 160}};
    for (size_t k = 0; k < sizeof opts / sizeof opts[0]; k++) {
        trit_engine *engine = new_engine(opts[k]);
        trit_request q[most];
        for (uint32_t i = 0; i < most; i++) {
            make_prompt(prompt[i], 64, i + 5);
            q[i] = (trit_request){.prompt = prompt[i], .n_prompt = 30 + 4 * i, .max_tokens = 90, .ignore_eog = true, .all_logits = i % 2 == 0,
                                  .on_logits = count_logits, .logits_from = 10, .sampling = {.temperature = i % 3 ? 1 : 0, .seed = i, .top_p = 0.9f}};
            submit(engine, q[i], &got[i]);
        }
        run(engine);
        const trit_engine_counters c = counters(engine);
        if (k < 2) assert_true(c.n_put_back > 0);
        assert_true(!c.n_pages_held && c.n_ended[trit_stop_length] == most && c.n_pages == opts[k].cache_tokens / 32);
        trit_engine_free(engine);
        static answer each[most];
        engine = new_engine((trit_engine_opts){.context = 160, .no_prefix_cache = true});
        for (uint32_t i = 0; i < most; i++) {
            if (k == 0) submit(engine, q[i], &each[i]);
            run(engine); /* one after the other */
            assert_memory_equal(each[i].token, got[i].token, sizeof alone.token);
            assert_memory_equal(each[i].seen, got[i].seen, sizeof alone.seen);
            assert_true(got[i].n == 90 && got[i].n_ended == 1);
        }
        trit_engine_free(engine);
    }
}

static void a_cache_holds_a_context_at_least(void **state) {
    (void)state;
    trit_error err;
    trit_engine *engine;
    assert_int_equal(trit_engine_new(&engine, model, &(trit_engine_opts){.context = 100, .cache_tokens = 99}, &err), trit_arg);
    assert_non_null(strstr(err.message, "99"));
    engine = new_engine((trit_engine_opts){.context = 100, .cache_tokens = 100});
    assert_int_equal(counters(engine).n_pages, 4);
    trit_engine_free(engine);
}

/* ---- Shifts ---- */

/* A context that was full goes on as a new request with the tokens that stayed would. */
static void a_shifted_context_is_a_shorter_conversation(void **state) {
    (void)state;
    enum { context = 64, n_keep = 5, n_all = 200 };
    int32_t text[context];
    make_prompt(text, 20, 9);
    for (int cached = 0; cached < 2; cached++) {
        trit_engine *engine = new_engine((trit_engine_opts){.context = context, .chunk = 16, .no_prefix_cache = !cached});
        submit(engine, (trit_request){.prompt = text, .n_prompt = 20, .max_tokens = n_all, .ignore_eog = true, .shift = true, .n_keep = n_keep}, &got[0]);
        run(engine);
        assert_true(got[0].n == n_all && got[0].stop == trit_stop_length);
        assert_int_equal(counters(engine).n_shifts, 6); /* at 44, and then every 30 tokens */
        trit_engine_free(engine);
    }
    trit_engine *fresh = new_engine((trit_engine_opts){.context = context, .no_prefix_cache = true});
    uint32_t n = 20;
    for (uint32_t done = 0; done < n_all;) {
        submit(fresh, (trit_request){.prompt = text, .n_prompt = n, .ignore_eog = true}, &alone);
        run(fresh);
        assert_int_equal(alone.stop, trit_stop_context);
        for (uint32_t i = 0; i < alone.n && done < n_all; i++) assert_int_equal(alone.token[i], got[0].token[done++]);
        memcpy(text + n, alone.token, alone.n * sizeof *text);
        n = context - (context - n_keep + 1) / 2;
        memmove(text + n_keep, text + context - (n - n_keep), (n - n_keep) * sizeof *text);
    }
    trit_engine_free(fresh);
}

static void odd_requests_are_refused(void **state) {
    (void)state;
    trit_error err;
    int32_t prompt[4] = {1, 2, 3, 4};
    trit_engine *engine = new_engine((trit_engine_opts){.context = 64});
    const trit_request odd[] = {{.priority = 101}, {.priority = -101}, {.shift = true, .n_keep = 33}, {.shift = true, .all_logits = true}};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        trit_request q = odd[i];
        q.prompt = prompt;
        q.n_prompt = 4;
        assert_int_equal(trit_engine_submit(engine, &q, NULL, &err), trit_arg);
    }
    trit_engine_free(engine);
}

static int open_model(void **state) {
    (void)state;
    trit_error err;
    return trit_model_open(&model, "synthetic:tiny", NULL, &err) == trit_ok ? 0 : -1;
}

static int close_model(void **state) {
    (void)state;
    trit_model_close(model);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(priorities_have_a_bounded_lead),
        cmocka_unit_test(higher_priorities_run_first),
        cmocka_unit_test(a_full_queue_says_so),
        cmocka_unit_test(deadlines_end_requests),
        cmocka_unit_test(all_that_wait_can_be_cancelled),
        cmocka_unit_test(a_short_prompt_does_not_wait_for_a_long_one),
        cmocka_unit_test(a_grammar_sees_all_logits),
        cmocka_unit_test(twins_share_their_beginning),
        cmocka_unit_test(who_is_put_back_goes_on_where_it_was),
        cmocka_unit_test(a_cache_holds_a_context_at_least),
        cmocka_unit_test(a_shifted_context_is_a_shorter_conversation),
        cmocka_unit_test(odd_requests_are_refused),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
