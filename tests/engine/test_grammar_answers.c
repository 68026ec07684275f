/* Requests with grammars: what comes is a text of the grammar, whatever the model would say. */
#include "test.h"

#include <math.h>

#include "trit/trit.h"

static const char word_list[] = "root ::= \"[\" word (\", \" word){0,5} \"]\"\nword ::= [a-z]{3,8} | \"\\\"\" [^\\\"]{1,20} \"\\\"\"";

typedef struct answer {
    char text[8192];
    size_t n_text;
    uint32_t n_tokens;
    trit_stop_reason stop;
    char error[512];
} answer;

static trit_model *model;

static int open_model(void **state) {
    (void)state;
    trit_error err = {0};
    if (test_shared("spec/examples/tiny_i2s.gguf")) assert_ok(trit_model_open(&model, test_shared("spec/examples/tiny_i2s.gguf"), NULL, &err));
    return 0;
}

static int close_model(void **state) {
    (void)state;
    trit_model_close(model);
    return 0;
}

static trit_engine_counters complete_in(trit_engine_opts opts, answer *answers, const trit_request *requests, size_t n) {
    trit_error err = {0};
    trit_engine *engine;
    assert_ok(trit_engine_new(&engine, model, &opts, &err));
    for (size_t i = 0; i < n; i++) {
        trit_request q = requests[i];
        q.user = &answers[i];
        answers[i] = (answer){0};
        assert_ok(trit_engine_submit(engine, &q, NULL, &err));
    }
    while (!trit_engine_idle(engine)) {
        const trit_event *events;
        size_t n_events;
        assert_ok(trit_engine_step(engine, &events, &n_events, &err));
        for (size_t i = 0; i < n_events; i++) {
            answer *a = events[i].user;
            assert_true(a->n_text + events[i].n_text < sizeof a->text);
            memcpy(a->text + a->n_text, events[i].text, events[i].n_text);
            a->n_text += events[i].n_text;
            a->n_tokens += events[i].token >= 0;
            a->stop = events[i].stop;
            if (events[i].error) snprintf(a->error, sizeof a->error, "%s", events[i].error->message);
        }
    }
    trit_engine_counters count;
    trit_engine_count(engine, &count);
    trit_engine_free(engine);
    return count;
}

static void complete(answer *answers, const trit_request *requests, size_t n, uint32_t parallel) {
    (void)complete_in((trit_engine_opts){.max_sequences = parallel}, answers, requests, n);
}

static trit_grammar *compile(const char *text) {
    trit_error err = {0};
    trit_grammar *g;
    assert_ok(trit_grammar_from_gbnf(&g, text, strlen(text), &err));
    return g;
}

enum { n_answers = 24 };
static answer alone[n_answers], together[n_answers];

/* Hot and cold, many and few tokens, beside each other and alone: always whole, always the same. */
static void answers_are_texts_of_the_grammar(void **state) {
    (void)state;
    trit_error err = {0};
    if (!model) skip();
    trit_grammar *g = compile(word_list);
    trit_request q[n_answers];
    static const int32_t prompt[] = {'a', 'b'};
    for (uint32_t i = 0; i < n_answers; i++)
        q[i] = (trit_request){.prompt = prompt, .n_prompt = 2, .max_tokens = 5 + i % 7 * 6, .grammar = g, .ignore_eog = i % 5 == 4,
                              .sampling = {.temperature = i % 4 ? 2.0f * (float)(i % 4) : 0, .seed = i, .top_p = i % 3 ? 0.9f : 0, .repeat_penalty = 1.1f}};
    for (size_t i = 0; i < n_answers; i++) {
        complete(&alone[i], &q[i], 1, 1);
        trit_status status = trit_grammar_check(g, alone[i].text, alone[i].n_text, &err);
        if (status != trit_ok) fail_msg("answer %zu, \"%s\": %s", i, alone[i].text, err.message);
        assert_true(alone[i].stop == trit_stop_eog || alone[i].stop == trit_stop_length);
        assert_true(alone[i].n_tokens <= q[i].max_tokens);
    }
    complete(together, q, n_answers, 8);
    for (size_t i = 0; i < n_answers; i++) {
        assert_string_equal(together[i].text, alone[i].text);
        assert_int_equal(together[i].stop, alone[i].stop);
    }
    trit_grammar_free(g);
}

/* What may not end goes on over end tokens; what must end does, with the last of its text shown. */
static void ends(void **state) {
    (void)state;
    if (!model) skip();
    static const int32_t prompt[] = {'a'};
    static const trit_logit_bias to_the_end = {257, 1000};
    static const struct {
        const char *grammar, *text;
    } cases[] = {{"root ::= \"hello world\"", "hello world"}, {"root ::= \"hello\" \" world\"*", "hello"}, {"root ::= \"x\"?", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_grammar *g = compile(cases[i].grammar);
        trit_request q = {.prompt = prompt, .n_prompt = 1, .grammar = g, .sampling = {.logit_bias = &to_the_end, .n_logit_bias = 1}};
        complete(alone, &q, 1, 1);
        assert_string_equal(alone[0].text, cases[i].text);
        assert_int_equal(alone[0].stop, trit_stop_eog);
        trit_grammar_free(g);
    }
}

static void a_bias_that_leaves_nothing_is_an_error(void **state) {
    (void)state;
    if (!model) skip();
    static const int32_t prompt[] = {'a'};
    trit_logit_bias never_x = {'x', -HUGE_VALF};
    trit_grammar *g = compile("root ::= \"x\"");
    trit_request q = {.prompt = prompt, .n_prompt = 1, .grammar = g, .sampling = {.logit_bias = &never_x, .n_logit_bias = 1}};
    complete(alone, &q, 1, 1);
    assert_int_equal(alone[0].stop, trit_stop_error);
    assert_non_null(strstr(alone[0].error, "logit bias"));
    trit_grammar_free(g);
}

/* Who is put back goes on in its grammar and with its penalties; a context that shifts forgets tokens, not the place in the grammar. */
static void grammars_outlast_what_the_schedule_does(void **state) {
    (void)state;
    enum { n = 8 };
    trit_error err = {0};
    int32_t prompt[30];
    trit_request q[n];
    if (!model) skip();
    trit_grammar *g = compile("root ::= ([a-z]{3} [0-9]){16}");
    for (int i = 0; i < 30; i++) prompt[i] = 'a' + i % 7;
    for (uint32_t i = 0; i < n; i++)
        q[i] = (trit_request){.prompt = prompt + i % 3, .n_prompt = 27, .grammar = g,
                              .sampling = {.temperature = i % 2 ? 1.0f : 0, .seed = i, .repeat_penalty = 1.3f}};
    (void)complete_in((trit_engine_opts){.context = 96}, alone, q, n);
    assert_true(complete_in((trit_engine_opts){.max_sequences = n, .context = 96, .cache_tokens = 256}, together, q, n).n_put_back > 0);
    for (int i = 0; i < n; i++) {
        assert_ok(trit_grammar_check(g, together[i].text, together[i].n_text, &err));
        assert_memory_equal(together[i].text, alone[i].text, alone[i].n_text + 1);
        q[i].shift = true;
    }
    assert_true(complete_in((trit_engine_opts){.max_sequences = n, .context = 48}, together, q, n).n_shifts >= n);
    for (int i = 0; i < n; i++) assert_ok(trit_grammar_check(g, together[i].text, together[i].n_text, &err));
    trit_grammar_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_texts_of_the_grammar),
        cmocka_unit_test(ends),
        cmocka_unit_test(a_bias_that_leaves_nothing_is_an_error),
        cmocka_unit_test(grammars_outlast_what_the_schedule_does),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
