/* engine/grammar: what masks cost on Llama 3's vocabulary of 128,256 tokens. Prints the time, and counts the work, which is the same on every
 * machine: it may not be ten times what it was.
 *
 *   TRIT_SCHEMAS=FILE    a JSON Schema a line (tests/e2e/schemas.py writes them): the masks along a random answer to each, three times */
#include "test.h"

#include <math.h>
#include <time.h>

#include "base/alloc.h"
#include "engine/grammar.h"
#include "text/text.h"

static trit_tokenizer *tokenizer;
static trit_token_tree *tree;
static uint32_t n_vocab;
static float *logits; /* [n_vocab] */

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static trit_grammar *compile(const char *text) {
    trit_error err;
    trit_grammar *g;
    assert_ok(trit_grammar_from_gbnf(&g, text, strlen(text), &err));
    return g;
}

/* The time for one mask, in ms. */
static double mask_ms(trit_guide *guide, uint32_t room) {
    memset(logits, 0, n_vocab * sizeof *logits);
    double start = seconds();
    bool any = trit_guide_mask(guide, logits, n_vocab, room, false);
    double took = 1e3 * (seconds() - start);
    assert_true(any);
    return took;
}

/* Of masks that were made several times, in the same order each time: what is least, since others use the machine, too. */
typedef struct times {
    double *ms; /* [n] */
    size_t n, at, capacity;
} times;

static void note(times *t, double ms) {
    if (t->at == t->n) {
        assert_true(trit_grow((void **)&t->ms, &t->capacity, t->n + 1, sizeof *t->ms));
        t->ms[t->n++] = ms;
    }
    if (ms < t->ms[t->at]) t->ms[t->at] = ms;
    t->at++;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Frees them. */
static void tell(times *t, const char *what) {
    qsort(t->ms, t->n, sizeof *t->ms, by_value);
    double average = 0;
    for (size_t i = 0; i < t->n; i++) average += t->ms[i] / (double)t->n;
    print_message("%s: %zu masks: %.3f ms on average, half below %.3f, 99 %% below %.3f, 99.9 %% below %.3f, %.3f at most\n", what, t->n, average,
                  t->ms[t->n / 2], t->ms[t->n * 99 / 100], t->ms[t->n * 999 / 1000], t->ms[t->n - 1]);
    trit_free(t->ms);
}

static void json(void **state) {
    (void)state;
    trit_error err;
    trit_guide *guide;
    enum { json_work = 1530 }; /* as counted when it was written */
    times t = {0};
    size_t at;
    uint64_t work = 0;
    trit_grammar *g;
    static const char text[] = "{\"name\": \"Some text, with words in it\", \"list\": [1, 2.5, {\"a\": [true, \"x\"]}], \"other\": \"and more\"}";
    if (!tree) skip();
    assert_ok(trit_grammar_from_schema(&g, "{}", 2, NULL, &err));
    assert_ok(trit_guide_new(&guide, g, tree, &err));
    for (const char *p = text; *p; p++) {
        note(&t, mask_ms(guide, 100000));
        work += trit_guide_work(guide);
        assert_true(trit_guide_move(guide, p, 1, &at));
    }
    tell(&t, "JSON, byte by byte");
    print_message("%.0f steps of work for each\n", (double)work / (double)(sizeof text - 1));
    assert_true(work / (sizeof text - 1) < 10 * json_work);
    trit_guide_free(guide);
    trit_grammar_free(g);
}

/* A token that the last mask let through: that of a random weights' model. */
static int32_t random_token(uint32_t *seed) {
    for (;;) {
        uint32_t from = (test_lcg(seed) << 8 ^ test_lcg(seed)) % n_vocab;
        for (uint32_t i = 0; i < 64 && from + i < n_vocab; i++)
            if (logits[from + i] == 0) return (int32_t)(from + i);
        uint32_t n = 0, k;
        for (uint32_t i = 0; i < n_vocab; i++) n += logits[i] == 0;
        k = (test_lcg(seed) << 8 ^ test_lcg(seed)) % n;
        for (uint32_t i = 0; i < n_vocab; i++)
            if (logits[i] == 0 && k-- == 0) return (int32_t)i;
    }
}

static void answer(times *t, const char *schema, size_t n, uint32_t seed) {
    trit_error err = {0};
    trit_guide *guide;
    trit_grammar *g;
    trit_text text = {0};
    enum { room = 300 };
    trit_status status = trit_grammar_from_schema(&g, schema, n, NULL, &err);
    if (status != trit_ok) fail_msg("%s: %.*s", err.message, (int)n, schema);
    assert_ok(trit_guide_new(&guide, g, tree, &err));
    for (uint32_t k = 0; k < room && !trit_guide_must_end(guide); k++) {
        note(t, mask_ms(guide, room - k));
        int32_t id = random_token(&seed);
        trit_str s = trit_tokenizer_token_text(tokenizer, id);
        assert_true(trit_guide_take(guide, id));
        if (trit_tokenizer_is_eog(tokenizer, id)) break;
        assert_true(trit_text_append(&text, s.p, s.n));
    }
    assert_ok(trit_grammar_check(g, text.data, text.n, &err));
    trit_text_fini(&text);
    trit_guide_free(guide);
    trit_grammar_free(g);
}

static void schemas(void **state) {
    (void)state;
    const char *path = getenv("TRIT_SCHEMAS");
    times t = {0};
    uint32_t n_schemas = 0;
    size_t n;
    if (!tree || !path) skip();
    char *file = test_read(path, &n);
    for (int turn = 0; turn < 3; turn++) {
        n_schemas = 0;
        t.at = 0;
        for (char *line = file, *end; (end = memchr(line, '\n', (size_t)(file + n - line))); line = end + 1)
            answer(&t, line, (size_t)(end - line), ++n_schemas);
    }
    print_message("%u schemas\n", n_schemas);
    tell(&t, "random answers");
    free(file);
}

/* 100 rules of 80 classes, each of which may be left out: a thousand places behind every byte, and hardly a state twice. */
static trit_grammar *compile_ambiguous(void) {
    trit_text text = {0};
    char part[64];
    uint32_t seed = 3;
    assert_true(trit_text_append(&text, "root ::= (", 10));
    for (int i = 0; i < 100; i++) assert_true(trit_text_append(&text, part, (size_t)snprintf(part, sizeof part, "%s r%d", i ? " |" : "", i)));
    assert_true(trit_text_append(&text, ")+\n", 3));
    for (int i = 0; i < 100; i++) {
        assert_true(trit_text_append(&text, part, (size_t)snprintf(part, sizeof part, "r%d ::= \"\" ", i)));
        for (int k = 0; k < 80; k++) assert_true(trit_text_append(&text, "(", 1));
        for (int k = 0; k < 80; k++) {
            const unsigned a = 'a' + test_lcg(&seed) % 26, b = 'A' + test_lcg(&seed) % 26, c = 'a' + test_lcg(&seed) % 26;
            assert_true(trit_text_append(&text, part, (size_t)snprintf(part, sizeof part, "[%c%c%c ])?", (int)a, (int)b, (int)c)));
        }
        assert_true(trit_text_append(&text, " [a-z]\n", 7));
    }
    trit_grammar *g = compile(text.data);
    trit_text_fini(&text);
    return g;
}

static void a_mask_that_is_given_up(void **state) {
    (void)state;
    trit_error err;
    trit_guide *guide;
    if (!tree) skip();
    trit_grammar *g = compile_ambiguous();
    assert_ok(trit_guide_new(&guide, g, tree, &err));
    double start = seconds();
    assert_false(trit_guide_mask(guide, logits, n_vocab, 100000, false));
    assert_true(trit_guide_is_full(guide));
    print_message("a mask that is given up: %.0f ms, %llu steps of work\n", 1e3 * (seconds() - start), (unsigned long long)trit_guide_work(guide));
    assert_true(trit_guide_work(guide) < 2 << 23); /* max_work, and what one more state may cost */
    trit_guide_free(guide);
    trit_grammar_free(g);
}

static int read_vocabulary(void **state) {
    (void)state;
    trit_error err;
    size_t n_file;
    char *file = test_unpack("data/tokenizers/llama3/tokenizer.json.xz", &n_file);
    if (!file) {
        print_message("skipped: ../shared/data/tokenizers/llama3 or the program xz is not present\n");
        return 0;
    }
    trit_status status = trit_tokenizer_from_json(&tokenizer, (trit_str){file, n_file}, (trit_str){NULL, 0}, "llama3", &err);
    free(file);
    if (status != trit_ok) return 1;
    double start = seconds();
    if (trit_token_tree_new(&tree, tokenizer, &err) != trit_ok) return 1;
    print_message("%u nodes for %u tokens in %.1f ms\n", tree->n_nodes, tree->n_tokens, 1e3 * (seconds() - start));
    n_vocab = trit_tokenizer_size(tokenizer);
    return !(logits = malloc(n_vocab * sizeof *logits));
}

static int forget_vocabulary(void **state) {
    (void)state;
    free(logits);
    trit_token_tree_free(tree);
    trit_tokenizer_close(tokenizer);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(json), cmocka_unit_test(schemas), cmocka_unit_test(a_mask_that_is_given_up)};
    return cmocka_run_group_tests(tests, read_vocabulary, forget_vocabulary);
}
