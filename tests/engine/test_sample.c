/* engine/sample: the filters against the reference vectors, and draws against the distribution. */
#include "test.h"

#include <math.h>

#include "base/math.h"
#include "trit/engine.h"

enum { n_vocab = 8 };

/* The vectors of ../shared/spec/examples/sampling_vectors.json (llama.cpp's definitions), repeated here so that the test means
 * something without them. */
static const float reference[n_vocab] = {2.0f, 1.5f, 1.0f, 0.5f, 0.0f, -1.0f, -2.0f, -4.0f};
static const double probs[n_vocab] = {0.416067356, 0.252357608, 0.153062626, 0.092837176, 0.056308593, 0.020714774, 0.007620539, 0.001031328};
static const double probs_half[n_vocab] = {0.635268403, 0.233702185, 0.085974229, 0.031628151, 0.011635347, 0.001574673, 0.000213109, 3.903e-06};

static int32_t draw(const trit_sampling *s, uint64_t i) {
    float logits[n_vocab];
    char scratch[256];
    memcpy(logits, reference, sizeof logits);
    assert_true(trit_sample_scratch_bytes(n_vocab) <= sizeof scratch);
    return trit_sample(logits, n_vocab, s, NULL, 0, i, scratch);
}

/* Draws many times; tokens outside `kept` must not come, and the others come with p as chi-square has it. */
static void check_draws(trit_sampling s, unsigned kept, const double *p) {
    enum { n_draws = 200000 };
    double count[n_vocab] = {0}, total = 0, chi = 0;
    int degrees = -1;
    s.seed = 42;
    for (uint64_t i = 0; i < n_draws; i++) count[draw(&s, i)]++;
    for (int t = 0; t < n_vocab; t++)
        if (kept >> t & 1) total += p[t];
    for (int t = 0; t < n_vocab; t++) {
        if (!(kept >> t & 1)) {
            assert_true(count[t] == 0);
            continue;
        }
        double expected = n_draws * p[t] / total;
        if (expected < 5) continue;
        chi += (count[t] - expected) * (count[t] - expected) / expected;
        degrees++;
    }
    /* 99.99% quantile of chi-square, Wilson and Hilferty's approximation. */
    double k = degrees > 0 ? degrees : 1, z = 1 - 2 / (9 * k) + 3.719 * sqrt(2 / (9 * k));
    assert_true(chi < k * z * z * z);
}

static void filters_keep_the_reference_sets(void **state) {
    (void)state;
    check_draws((trit_sampling){.temperature = 1}, 0xff, probs);
    check_draws((trit_sampling){.temperature = 0.5f}, 0xff, probs_half);
    check_draws((trit_sampling){.temperature = 1, .top_k = 3}, 0x07, probs);
    check_draws((trit_sampling){.temperature = 1, .top_p = 0.9f}, 0x0f, probs);
    check_draws((trit_sampling){.temperature = 1, .min_p = 0.05f}, 0x1f, probs);
    check_draws((trit_sampling){.temperature = 0.5f, .top_p = 0.9f}, 0x0f, probs_half); /* filters see untempered shares */
    check_draws((trit_sampling){.temperature = 1, .top_k = 3, .top_p = 0.5f}, 0x01, probs); /* .416 / .8215 = .506 of the top three */
    check_draws((trit_sampling){.temperature = 1, .top_k = 100, .top_p = 0.9f, .min_p = 0.3f}, 0x07, probs);
    check_draws((trit_sampling){.temperature = 1, .top_k = 1}, 0x01, probs);
}

static void penalties_follow_the_reference(void **state) {
    (void)state;
    static const float expected[n_vocab] = {1.118182f, 1.5f, 1, -0.045455f, 0, -1, -2, -4.9f};
    const int32_t history[] = {0, 0, 3, 7};
    trit_sampling s = {.repeat_penalty = 1.1f, .frequency_penalty = 0.2f, .presence_penalty = 0.3f};
    float logits[n_vocab];
    char scratch[256];
    memcpy(logits, reference, sizeof logits);
    assert_int_equal(trit_sample(logits, n_vocab, &s, history, 4, 0, scratch), 1); /* token 0 fell behind 1 */
    for (int i = 0; i < n_vocab; i++) assert_true(fabsf(logits[i] - expected[i]) < 1e-5f);
    memcpy(logits, reference, sizeof logits);
    s.penalty_last_n = 1; /* sees token 7 only */
    assert_int_equal(trit_sample(logits, n_vocab, &s, history, 4, 0, scratch), 0);
    assert_true(logits[0] == 2.0f && fabsf(logits[7] - -4.9f) < 1e-5f);
}

static void history_outside_the_vocabulary_counts_nothing(void **state) {
    (void)state;
    const int32_t history[] = {-1, n_vocab, 7, INT32_MAX, INT32_MIN};
    trit_sampling s = {.presence_penalty = 1};
    float logits[n_vocab];
    char scratch[256];
    memcpy(logits, reference, sizeof logits);
    assert_int_equal(trit_sample(logits, n_vocab, &s, history, 5, 0, scratch), 0);
    for (int i = 0; i < n_vocab; i++) assert_true(logits[i] == reference[i] - (i == 7));
}

static void greedy_takes_the_smallest_of_equals(void **state) {
    (void)state;
    float logits[4] = {1, 3, 3, 2};
    char scratch[64];
    assert_int_equal(trit_sample(logits, 4, &(trit_sampling){0}, NULL, 0, 0, scratch), 1);
}

static void the_same_seed_draws_the_same(void **state) {
    (void)state;
    trit_sampling s = {.temperature = 1, .seed = 9}, other = {.temperature = 1, .seed = 10};
    int same = 0;
    for (uint64_t i = 0; i < 200; i++) {
        assert_int_equal(draw(&s, i), draw(&s, i));
        same += draw(&s, i) == draw(&other, i);
    }
    assert_true(same < 150);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_keep_the_reference_sets),
        cmocka_unit_test(penalties_follow_the_reference),
        cmocka_unit_test(history_outside_the_vocabulary_counts_nothing),
        cmocka_unit_test(greedy_takes_the_smallest_of_equals),
        cmocka_unit_test(the_same_seed_draws_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
