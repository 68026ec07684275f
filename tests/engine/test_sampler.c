/* engine/sampler: every number of the reference vectors; draws against distributions that the test computes in its own plain way;
 * odd cases. */
#include "test.h"

#include <math.h>

#include "../text/tiny.h"
#include "base/json.h"
#include "base/rng.h"
#include "engine/sampler.h"

enum { n_reference = 8 };

/* ../shared/spec/examples/sampling_vectors.json (llama.cpp's definitions), repeated here so that the test means something without it. */
static const float reference[n_reference] = {2.0f, 1.5f, 1.0f, 0.5f, 0.0f, -1.0f, -2.0f, -4.0f};

static trit_sampler *new_sampler(trit_sampling s, uint32_t n_vocab) {
    trit_error err;
    trit_sampler *sampler;
    assert_ok(trit_sampler_new(&sampler, &s, n_vocab, 256, NULL, &err));
    return sampler;
}

/* What one filter leaves of the reference logits. */
static trit_candidates filtered(trit_sample_filter *filter, trit_sampling s) {
    static trit_candidate memory[n_reference];
    trit_sampler *sampler = new_sampler(s, n_reference);
    trit_candidates c = trit_candidates_from(memory, reference, n_reference);
    filter(sampler, &c);
    trit_sampler_free(sampler);
    return c;
}

static void expect_interval(trit_sample_filter *filter, trit_sampling s, size_t first, size_t end) {
    trit_candidates c = filtered(filter, s);
    for (size_t i = first; i < end; i++) assert_int_equal(trit_candidates_at(&c, c.first + i - first).id, i);
    assert_int_equal(c.end - c.first, end - first);
}

static void filters_keep_the_reference_sets(void **state) {
    (void)state;
    expect_interval(trit_filter_top_p, (trit_sampling){.top_p = 0.9f}, 0, 4);
    expect_interval(trit_filter_min_p, (trit_sampling){.min_p = 0.05f}, 0, 5);
    expect_interval(trit_filter_top_k, (trit_sampling){.top_k = 3}, 0, 3);
    expect_interval(trit_filter_typical, (trit_sampling){.typical_p = 0.5f}, 0, 3);
    expect_interval(trit_filter_typical, (trit_sampling){.typical_p = 0.2f}, 1, 2); /* the order is 1 2 0 3 ... */
    expect_interval(trit_filter_typical, (trit_sampling){.typical_p = 0.4f}, 1, 3);
    expect_interval(trit_filter_typical, (trit_sampling){.typical_p = 0.9f}, 0, 4);
    expect_interval(trit_filter_xtc, (trit_sampling){.xtc_probability = 1, .xtc_threshold = 0.1f}, 2, n_reference);
    expect_interval(trit_filter_xtc, (trit_sampling){.xtc_probability = 1, .xtc_threshold = 0.51f}, 0, n_reference);
    expect_interval(trit_filter_top_n_sigma, (trit_sampling){.top_n_sigma = 1}, 0, 4);
    /* Off, and wider than the list. */
    expect_interval(trit_filter_top_k, (trit_sampling){.top_k = 100}, 0, n_reference);
    trit_sample_filter *const all[] = {trit_filter_top_n_sigma, trit_filter_top_k, trit_filter_typical, trit_filter_top_p, trit_filter_min_p,
                                       trit_filter_xtc, trit_filter_temperature};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) expect_interval(all[i], (trit_sampling){.temperature = 1}, 0, n_reference);
}

static void expect_near(double a, double b, double tolerance) {
    if (!(fabs(a - b) <= tolerance)) fail_msg("%.12g instead of %.12g", a, b);
}

static double share(trit_candidates *c, float logit) {
    return trit_candidates_weight(c, logit) / trit_candidates_total(c, NULL);
}

static void expect_shares(double temperature, const double *p) {
    trit_candidates c = filtered(trit_filter_temperature, (trit_sampling){.temperature = (float)temperature});
    for (int i = 0; i < n_reference; i++) expect_near(share(&c, reference[i]), p[i], 1e-8);
}

static void shares_are_the_reference_shares(void **state) {
    (void)state;
    static const double one[] = {0.416067356, 0.252357608, 0.153062626, 0.092837176, 0.056308593, 0.020714774, 0.007620539, 0.001031328};
    static const double half[] = {0.635268403, 0.233702185, 0.085974229, 0.031628151, 0.011635347, 0.001574673, 0.000213109, 3.903e-06};
    expect_shares(1, one);
    expect_shares(0.5, half);
    trit_candidates c = filtered(trit_filter_temperature, (trit_sampling){.temperature = 1});
    double entropy;
    (void)trit_candidates_total(&c, &entropy);
    expect_near(entropy, 1.506836946303733, 1e-12);
    /* T = low + (high - low) (H / ln n)^exponent */
    c = filtered(trit_filter_temperature, (trit_sampling){.temperature = 1, .dynatemp_range = 0.5f, .dynatemp_exponent = 2});
    expect_near(c.temperature, 0.5 + pow(1.506836946303733 / log(8), 2), 1e-12);
}

static void penalties_follow_the_reference(void **state) {
    (void)state;
    static const float expected[n_reference] = {1.118182f, 1.5f, 1, -0.045455f, 0, -1, -2, -4.9f};
    const int32_t history[] = {0, 0, 3, 7, -1, n_reference, INT32_MAX, INT32_MIN}; /* ids outside the vocabulary count nothing */
    trit_sampling s = {.repeat_penalty = 1.1f, .frequency_penalty = 0.2f, .presence_penalty = 0.3f};
    float logits[n_reference];
    memcpy(logits, reference, sizeof logits);
    trit_sampler *sampler = new_sampler(s, n_reference);
    assert_int_equal(trit_sampler_pick(sampler, logits, history, 8), 1); /* token 0 fell behind 1 */
    for (int i = 0; i < n_reference; i++) expect_near((double)logits[i], (double)expected[i], 1e-6);
    trit_sampler_free(sampler);
    memcpy(logits, reference, sizeof logits);
    s.penalty_last_n = 1; /* sees token 7 only */
    sampler = new_sampler(s, n_reference);
    assert_int_equal(trit_sampler_pick(sampler, logits, history, 4), 0);
    assert_true(logits[0] == 2.0f && fabsf(logits[7] - -4.9f) < 1e-6f);
    trit_sampler_free(sampler);
}

static void bias_bans_and_forces(void **state) {
    (void)state;
    const trit_logit_bias bias[] = {{0, -INFINITY}, {7, 100}, {3, 0.25f}};
    float logits[n_reference];
    memcpy(logits, reference, sizeof logits);
    trit_sampler *sampler = new_sampler((trit_sampling){.temperature = 1, .logit_bias = bias, .n_logit_bias = 3}, n_reference);
    assert_int_equal(trit_sampler_pick(sampler, logits, NULL, 0), 7);
    assert_true(logits[0] == -INFINITY && logits[7] == 96 && logits[3] == 0.75f);
    trit_sampler_free(sampler);
}

static void mirostat_follows_the_reference(void **state) {
    (void)state;
    trit_candidate memory[n_reference];
    trit_sampler *s = new_sampler((trit_sampling){.temperature = 1, .mirostat = trit_mirostat_v2, .mirostat_tau = 3, .mirostat_eta = 0.1f}, n_reference);
    assert_true(s->mu == 6);
    trit_candidates c = trit_candidates_from(memory, reference, n_reference);
    trit_filter_mirostat(s, &c);
    assert_int_equal(c.end, 6);
    trit_mirostat_learn(s, &c, 1);
    expect_near(s->mu, 6.102607780059795, 1e-7); /* eta is a float */
    trit_sampler_free(s);
    /* Version 1 by its formula, in libm's arithmetic. */
    double tb = 0, tt = 0;
    for (int i = 0; i + 1 < n_reference; i++) {
        double t = log((i + 2.0) / (i + 1.0));
        tb += t * ((double)reference[i] - (double)reference[i + 1]);
        tt += t * t;
    }
    double zipf = tb / tt, e = zipf - 1;
    for (float tau = 0.5f; tau < 3; tau += 0.5f) {
        s = new_sampler((trit_sampling){.temperature = 1, .mirostat = trit_mirostat_v1, .mirostat_tau = tau}, n_reference);
        double k = pow(e * pow(2, s->mu) / (1 - pow(n_reference, -e)), 1 / zipf);
        c = trit_candidates_from(memory, reference, n_reference);
        trit_filter_mirostat(s, &c);
        assert_int_equal(c.end, k < 1 ? 1 : k < n_reference ? (size_t)k : n_reference);
        double mu = s->mu, total = 0;
        for (size_t i = 0; i < c.end; i++) total += exp((double)reference[i]);
        trit_mirostat_learn(s, &c, 0);
        expect_near(s->mu, mu - (double)0.1f * (-log2(exp(2) / total) - (double)tau), 1e-9);
        trit_sampler_free(s);
    }
}

static void the_vectors_of_the_file(void **state) {
    (void)state;
    require_shared("spec/examples/sampling_vectors.json");
    trit_error err;
    trit_json *v;
    size_t n;
    char *text = test_read(test_shared("spec/examples/sampling_vectors.json"), &n);
    assert_ok(trit_json_parse(&v, text, n, "vectors", &err));
    trit_candidates c = filtered(trit_filter_temperature, (trit_sampling){.temperature = 1});
    trit_candidates half = filtered(trit_filter_temperature, (trit_sampling){.temperature = 0.5f});
    for (size_t i = 0; i < n_reference; i++) {
        assert_true((float)trit_json_as_real(trit_json_at(trit_json_get(v, "logits"), i), NAN) == reference[i]);
        expect_near(share(&c, reference[i]), trit_json_as_real(trit_json_at(trit_json_get(v, "probs"), i), NAN), 1e-8);
        expect_near(share(&half, reference[i]), trit_json_as_real(trit_json_at(trit_json_get(v, "temp_0.5_probs"), i), NAN), 1e-8);
    }
    expect_interval(trit_filter_top_p, (trit_sampling){.top_p = 0.9f}, 0, (size_t)trit_json_as_int(trit_json_get(v, "top_p_0.9_keep"), 0));
    expect_interval(trit_filter_min_p, (trit_sampling){.min_p = 0.05f}, 0, (size_t)trit_json_as_int(trit_json_get(v, "min_p_0.05_keep"), 0));
    expect_interval(trit_filter_top_k, (trit_sampling){.top_k = 3}, 0, trit_json_length(trit_json_get(v, "top_k_3")));
    expect_interval(trit_filter_typical, (trit_sampling){.typical_p = 0.5f}, 0, trit_json_length(trit_json_get(v, "typical_0.5_keep")));
    expect_interval(trit_filter_xtc, (trit_sampling){.xtc_probability = 1}, trit_json_length(trit_json_get(v, "xtc_thr_0.1_removed")), n_reference);
    expect_interval(trit_filter_top_n_sigma, (trit_sampling){.top_n_sigma = 1}, 0, trit_json_length(trit_json_get(v, "top_n_sigma_1_keep")));
    trit_json_free(v);
    free(text);
}

/* ---- DRY ---- */

static const trit_breaker breakers[] = {{.ids = (const int32_t[]){0}, .n_ids = 1}, {.ids = (const int32_t[]){1, 2}, .n_ids = 2}};

/* By the definition, in cubic time: the penalties of all tokens. */
static void plain_dry(const trit_sampling *s, const int32_t *t, size_t n, double *penalty, uint32_t n_vocab) {
    size_t limit = n;
    for (size_t behind = 0; behind < n && limit == n; behind++) { /* the last place behind which a breaker ended */
        size_t at = n - behind;
        for (size_t i = 0; i < s->n_dry_breakers; i++) {
            const trit_breaker *b = &s->dry_breakers[i];
            if (b->n_ids <= at && memcmp(t + at - b->n_ids, b->ids, b->n_ids * sizeof *t) == 0) limit = behind;
        }
    }
    for (uint32_t token = 0; token < n_vocab; token++) {
        size_t longest = 0;
        for (size_t at = 1; at < n; at++) {
            size_t m = 0;
            if (t[at] != (int32_t)token) continue;
            while (m < at && m < limit && t[at - 1 - m] == t[n - 1 - m]) m++;
            if (m > longest) longest = m;
        }
        bool single = s->n_dry_breakers && token == 0;
        bool counts = longest >= s->dry_allowed_length && !single;
        penalty[token] = counts ? (double)s->dry_multiplier * pow((double)s->dry_base, (double)(longest - s->dry_allowed_length)) : 0;
    }
}

static void dry_follows_the_reference(void **state) {
    (void)state;
    const int32_t context[] = {5, 1, 2, 3, 9, 1, 2, 3};
    float logits[10] = {0};
    trit_sampler *s = new_sampler((trit_sampling){.dry_multiplier = 0.8f, .dry_base = 1.75f, .dry_allowed_length = 2, .dry_no_breakers = true}, 10);
    assert_int_equal(trit_sampler_pick(s, logits, context, 8), 0);
    for (int i = 0; i < 10; i++) expect_near((double)logits[i], i == 9 ? -1.4 : 0, 1e-6);
    trit_sampler_free(s);
}

static void dry_is_its_definition(void **state) {
    (void)state;
    enum { n_vocab = 4 };
    uint32_t seed = 3;
    size_t n_hit = 0;
    for (int round = 0; round < 3000; round++) {
        int32_t tokens[60];
        size_t n = test_lcg(&seed) % 60;
        for (size_t i = 0; i < n; i++) tokens[i] = (int32_t)(test_lcg(&seed) % (round % 3 ? n_vocab : 2));
        trit_sampling s = {.dry_multiplier = 0.5f, .dry_base = 1.25f, .dry_allowed_length = 1 + test_lcg(&seed) % 3, .dry_last_n = round % 5 ? -1 : 20};
        s.dry_no_breakers = round % 2;
        if (!s.dry_no_breakers) {
            s.dry_breakers = breakers;
            s.n_dry_breakers = 2;
        }
        float logits[n_vocab] = {0};
        double penalty[n_vocab];
        size_t window = s.dry_last_n == 20 && n > 20 ? 20 : n;
        plain_dry(&s, tokens + n - window, window, penalty, n_vocab);
        trit_sampler *sampler = new_sampler(s, n_vocab);
        (void)trit_sampler_pick(sampler, logits, tokens, n);
        for (int i = 0; i < n_vocab; i++) {
            expect_near((double)logits[i], -penalty[i], 1e-4 * (1 + penalty[i]));
            n_hit += penalty[i] > 0;
        }
        trit_sampler_free(sampler);
    }
    assert_true(n_hit > 1000);
}

/* A text breaks where a token holds it, and where the row of tokens that it is encoded as ends. */
static void dry_reads_breakers_as_text(void **state) {
    (void)state;
    static tiny_vocab vocab;
    trit_error err;
    trit_tokenizer *t;
    tiny_byte_level(&vocab);
    assert_ok(trit_tokenizer_from_vocab(&t, &vocab.desc, &err));
    int32_t hell = trit_tokenizer_find(t, "hell", 4), x = trit_tokenizer_find(t, "x", 1), y = trit_tokenizer_find(t, "y", 1);
    uint32_t n_vocab = trit_tokenizer_size(t);
    const int32_t history[] = {x, y, hell, x, y, y, y, x, y, hell, x, y};
    const struct {
        const char *breaker;
        bool punished;
    } cases[] = {{"q", true}, {"hell", false}, {"ell", false}, {"l", false}, {"ello", true}, {"yx", true}, {"yy", true}, {"xy", false}};
    float *logits = calloc(n_vocab, sizeof *logits);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_breaker b = {.text = cases[i].breaker};
        trit_sampling s = {.dry_multiplier = 1, .dry_allowed_length = 3, .dry_breakers = &b, .n_dry_breakers = 1};
        trit_sampler *sampler;
        assert_ok(trit_sampler_new(&sampler, &s, n_vocab, 64, t, &err));
        memset(logits, 0, n_vocab * sizeof *logits);
        (void)trit_sampler_pick(sampler, logits, history, 12);
        if ((logits[y] < 0) != cases[i].punished) fail_msg("breaker \"%s\": %g", cases[i].breaker, (double)logits[y]);
        trit_sampler_free(sampler);
    }
    free(logits);
    trit_tokenizer_close(t);
}

/* ---- Draws ---- */

enum { n_vocab = 20, n_draws = 1000000 };

static float drawn_from[n_vocab];
static double best_logit;

static int by_logit(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    if (drawn_from[x] != drawn_from[y]) return drawn_from[x] > drawn_from[y] ? -1 : 1;
    return x - y;
}

/* Shares of the listed tokens. */
static void plain_softmax(const int32_t *id, size_t n, double temperature, double *p) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += p[i] = exp(((double)drawn_from[id[i]] - best_logit) / temperature);
    for (size_t i = 0; i < n; i++) p[i] /= sum;
}

static void plain_remove(int32_t *id, size_t *n, const bool *gone) {
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++)
        if (!gone[i]) id[kept++] = id[i];
    *n = kept;
}

/* The distribution that `s` asks for, step by step over a sorted list, by the definitions. XTC happens or does not. */
static void plain_distribution(const trit_sampling *s, bool xtc, double *out) {
    int32_t id[n_vocab];
    double p[n_vocab], t = (double)s->temperature;
    size_t n = n_vocab;
    for (int i = 0; i < n_vocab; i++) id[i] = i;
    qsort(id, n, sizeof id[0], by_logit);
    best_logit = (double)drawn_from[id[0]];
    if (s->top_n_sigma > 0) {
        double mean = 0, var = 0;
        for (int i = 0; i < n_vocab; i++) mean += (double)drawn_from[i] / n_vocab;
        for (int i = 0; i < n_vocab; i++) var += ((double)drawn_from[i] - mean) * ((double)drawn_from[i] - mean) / n_vocab;
        while ((double)drawn_from[id[n - 1]] < best_logit - (double)s->top_n_sigma * sqrt(var)) n--;
    }
    if (s->top_k && s->top_k < n) n = s->top_k;
    if (s->typical_p > 0) {
        double entropy = 0, sum = 0;
        bool gone[n_vocab];
        plain_softmax(id, n, 1, p);
        for (size_t i = 0; i < n; i++) entropy -= p[i] * log(p[i]);
        for (size_t i = 0; i < n; i++) gone[i] = true;
        while (sum <= (double)s->typical_p) {
            size_t near = n;
            for (size_t i = 0; i < n; i++)
                if (gone[i] && (near == n || fabs(-log(p[i]) - entropy) < fabs(-log(p[near]) - entropy))) near = i;
            if (near == n) break;
            gone[near] = false;
            sum += p[near];
        }
        plain_remove(id, &n, gone);
    }
    if (s->top_p > 0) {
        double sum = 0;
        size_t kept = 0;
        plain_softmax(id, n, 1, p);
        while (kept < n && sum < (double)s->top_p) sum += p[kept++];
        n = kept;
    }
    plain_softmax(id, n, 1, p);
    while (p[n - 1] < (double)s->min_p * p[0]) n--;
    if (xtc) {
        bool gone[n_vocab] = {false};
        plain_softmax(id, n, 1, p);
        for (size_t i = 0; i + 1 < n; i++) gone[i] = p[i + 1] >= (double)s->xtc_threshold;
        plain_remove(id, &n, gone);
    }
    if (s->dynatemp_range > 0) {
        double entropy = 0;
        plain_softmax(id, n, 1, p);
        for (size_t i = 0; i < n; i++) entropy -= p[i] * log(p[i]);
        double low = fmax(0, t - (double)s->dynatemp_range);
        t = low + (t + (double)s->dynatemp_range - low) * entropy / log((double)n);
    }
    plain_softmax(id, n, t, p);
    if (s->mirostat == trit_mirostat_v2) {
        while (n > 1 && -log2(p[n - 1]) > 2 * (double)s->mirostat_tau) n--;
        plain_softmax(id, n, t, p);
    }
    for (int i = 0; i < n_vocab; i++) out[i] = 0;
    for (size_t i = 0; i < n; i++) out[id[i]] = p[i];
}

/* A million draws: what has no share never comes, the rest comes as chi-square has it. */
static void check_draws(trit_sampling s) {
    double p[n_vocab], other[n_vocab], count[n_vocab] = {0}, chi = 0;
    int degrees = -1;
    s.seed = 42;
    plain_distribution(&s, false, p);
    plain_distribution(&s, true, other);
    for (int t = 0; t < n_vocab; t++) p[t] += (double)s.xtc_probability * (other[t] - p[t]);
    trit_sampler *sampler = new_sampler(s, n_vocab);
    for (uint64_t i = 0; i < n_draws; i++) {
        float logits[n_vocab];
        memcpy(logits, drawn_from, sizeof logits);
        count[trit_sampler_pick(sampler, logits, NULL, 0)]++;
    }
    trit_sampler_free(sampler);
    for (int t = 0; t < n_vocab; t++) {
        double expected = n_draws * p[t];
        if (p[t] == 0 && count[t] > 0) fail_msg("token %d came %g times", t, count[t]);
        if (expected < 5) continue;
        chi += (count[t] - expected) * (count[t] - expected) / expected;
        degrees++;
    }
    /* 99.99% quantile of chi-square, Wilson and Hilferty's approximation. */
    double k = degrees > 0 ? degrees : 1, z = 1 - 2 / (9 * k) + 3.719 * sqrt(2 / (9 * k));
    if (chi >= k * z * z * z) fail_msg("chi-square %g with %d degrees", chi, degrees);
}

static void draws_follow_the_distribution(void **state) {
    (void)state;
    for (uint32_t i = 0, seed = 5; i < n_vocab; i++) drawn_from[i] = (float)(test_lcg(&seed) % 64) / 10; /* with equals among them */
    static const trit_sampling cases[] = {
        {.temperature = 1},
        {.temperature = 0.5f},
        {.temperature = 1, .top_n_sigma = 0.8f},
        {.temperature = 1, .top_k = 5},
        {.temperature = 1, .typical_p = 0.7f},
        {.temperature = 1, .top_p = 0.8f},
        {.temperature = 1, .min_p = 0.1f},
        {.temperature = 1, .xtc_probability = 0.5f, .xtc_threshold = 0.1f},
        {.temperature = 1, .dynatemp_range = 0.7f},
        {.temperature = 1.5f, .mirostat = trit_mirostat_v2, .mirostat_tau = 2, .mirostat_eta = 1e-30f}, /* mu stays */
        {.temperature = 0.7f, .top_n_sigma = 2, .top_k = 12, .typical_p = 0.95f, .top_p = 0.9f, .min_p = 0.05f, .xtc_probability = 0.3f,
         .xtc_threshold = 0.15f},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_draws(cases[i]);
}

/* Mirostat holds the mean surprise at its target. */
static void mirostat_meets_its_target(void **state) {
    (void)state;
    enum { n = 2000, n_steps = 4000 };
    static float logits[n], copy[n];
    for (int i = 0; i < n; i++) logits[i] = (float)(-1.2 * log(i + 1)); /* Zipf */
    for (int version = 1; version <= 2; version++) {
        trit_sampler *s = new_sampler((trit_sampling){.temperature = 1, .mirostat = (trit_mirostat)version, .mirostat_tau = 4, .seed = 1}, n);
        double sum = 0;
        for (int step = 0; step < n_steps; step++) {
            double mu = s->mu;
            memcpy(copy, logits, sizeof copy);
            (void)trit_sampler_pick(s, copy, NULL, 0);
            sum += (mu - s->mu) / (double)0.1f + 4;
        }
        expect_near(sum / n_steps, 4, 0.1);
        trit_sampler_free(s);
    }
}

/* ---- Odd cases ---- */

/* Of a large vocabulary only the head is sorted. */
static void large_lists_are_not_sorted_whole(void **state) {
    (void)state;
    enum { n = 100000 };
    static float logits[n];
    static trit_candidate memory[n];
    uint32_t seed = 8;
    for (int i = 0; i < n; i++) logits[i] = (float)(test_lcg(&seed) % 1000) / 100;
    trit_sampling s = {.temperature = 0.8f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f};
    trit_sampler *sampler = new_sampler(s, n);
    trit_candidates c = trit_candidates_from(memory, logits, n);
    trit_filter_top_k(sampler, &c);
    trit_filter_top_p(sampler, &c);
    trit_filter_min_p(sampler, &c);
    assert_int_equal(c.n, 40);
    for (size_t i = 1; i < c.end; i++) {
        trit_candidate a = trit_candidates_at(&c, i - 1), b = trit_candidates_at(&c, i);
        assert_true(a.logit > b.logit || (a.logit == b.logit && a.id < b.id));
    }
    c = trit_candidates_from(memory, logits, n); /* alone, the threshold needs one pass */
    trit_filter_min_p(sampler, &c);
    assert_int_equal(c.n_sorted, 0);
    size_t above = 0;
    for (int i = 0; i < n; i++) above += (double)logits[i] >= 9.99 + log(0.05f);
    assert_int_equal(c.n, above);
    trit_sampler_free(sampler);
}

static int falling(const void *a, const void *b) {
    const trit_candidate *x = a, *y = b;
    return x->logit != y->logit ? (x->logit < y->logit) - (x->logit > y->logit) : (x->id > y->id) - (x->id < y->id);
}

/* The nucleus is that of the whole sorted list, and the draw goes through it in its order, though only a head is sorted. */
static void the_nucleus_is_that_of_the_sorted_list(void **state) {
    (void)state;
    enum { n = 5000 };
    static float logits[n];
    static trit_candidate memory[n], sorted[n];
    uint32_t seed = 12;
    static const float shares[] = {0.01f, 0.3f, 0.5f, 0.9f, 0.95f, 0.999f, 0.9999999f}, widths[] = {0, 0.01f, 1, 3, 100, 1e6f};
    for (size_t k = 0; k < sizeof widths / sizeof widths[0]; k++) {
        double total = 0;
        for (int i = 0; i < n; i++) {
            logits[i] = widths[k] * ((float)(test_lcg(&seed) % 4096) / 256 - 8);
            sorted[i] = (trit_candidate){logits[i], i};
        }
        qsort(sorted, n, sizeof sorted[0], falling);
        for (int i = 0; i < n; i++) total += exp((double)sorted[i].logit - (double)sorted[0].logit);
        for (size_t p = 0; p < sizeof shares / sizeof shares[0]; p++) {
            trit_sampler *sampler = new_sampler((trit_sampling){.temperature = 1, .top_p = shares[p]}, n);
            trit_candidates c = trit_candidates_from(memory, logits, n);
            trit_filter_top_p(sampler, &c);
            double before = 0, last = 0;
            for (size_t i = 0; i < c.end; i++) {
                assert_int_equal(trit_candidates_at(&c, i).id, sorted[i].id);
                before += last;
                last = exp((double)sorted[i].logit - (double)sorted[0].logit);
            }
            assert_true(before < (double)shares[p] * total * (1 + 1e-12)); /* without the last one it is too small, */
            assert_true(before + last > (double)shares[p] * total * (1 - 1e-12)); /* with it large enough */
            trit_sampler_free(sampler);
        }
        trit_sampler *sampler = new_sampler((trit_sampling){.temperature = 0.7f, .seed = 3}, n);
        for (uint64_t number = 0; number < 20; number++) {
            double aim = 0, sum = 0;
            for (int i = 0; i < n; i++) aim += exp(((double)sorted[i].logit - (double)sorted[0].logit) / (double)0.7f);
            aim *= trit_rng_unit(3, number);
            int at = 0;
            while (at + 1 < n && (sum += exp(((double)sorted[at].logit - (double)sorted[0].logit) / (double)0.7f)) <= aim) at++;
            static float copy[n];
            memcpy(copy, logits, sizeof copy);
            assert_int_equal(trit_sampler_pick(sampler, copy, NULL, 0), sorted[at].id);
        }
        trit_sampler_free(sampler);
    }
}

static const trit_sampling everything = {
    .temperature = 0.9f, .top_k = 1000, .top_p = 0.9f, .min_p = 0.01f, .repeat_penalty = 1.2f, .presence_penalty = 0.1f, .frequency_penalty = 0.1f,
    .typical_p = 0.9f, .top_n_sigma = 3, .xtc_probability = 1, .dynatemp_range = 0.5f, .dry_multiplier = 1, .dry_no_breakers = true,
};

static void odd_lists(void **state) {
    (void)state;
    const int32_t history[] = {0, 0, 0, 0};
    for (int m = 0; m <= 2; m++) {
        trit_sampling all = everything;
        all.mirostat = (trit_mirostat)m;
        trit_sampler *s = new_sampler(all, 1);
        for (size_t n = 0; n < 4; n++) assert_int_equal(trit_sampler_pick(s, &(float){3}, history, n), 0);
        trit_sampler_free(s);
        s = new_sampler(all, 5);
        for (int i = 0; i < 20; i++) {
            float one[5] = {-INFINITY, -INFINITY, -INFINITY, -8, -INFINITY}, none[5] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY};
            float equal[5] = {1, 1, 1, 1, 1};
            assert_int_equal(trit_sampler_pick(s, one, history, 4), 3);
            assert_int_equal(trit_sampler_pick(s, none, history, 4), 0);
            assert_in_range(trit_sampler_pick(s, equal, history, 4), 0, 4);
        }
        trit_sampler_free(s);
    }
    trit_sampler *cold = new_sampler((trit_sampling){.temperature = 1e-30f}, 3);
    assert_int_equal(trit_sampler_pick(cold, (float[]){1, 9, 8}, NULL, 0), 1);
    trit_sampler_free(cold);
    trit_sampler *greedy = new_sampler((trit_sampling){0}, 4);
    assert_int_equal(trit_sampler_pick(greedy, (float[]){1, 3, 3, 2}, NULL, 0), 1); /* the smallest of equals */
    trit_sampler_free(greedy);
}

static void the_same_seed_draws_the_same(void **state) {
    (void)state;
    const trit_sampling nine = {.temperature = 1, .seed = 9}, ten = {.temperature = 1, .seed = 10};
    trit_sampler *a = new_sampler(nine, n_reference), *b = new_sampler(nine, n_reference), *c = new_sampler(ten, n_reference);
    int same = 0;
    for (int i = 0; i < 200; i++) {
        int32_t id[3];
        trit_sampler *const all[] = {a, b, c};
        for (int k = 0; k < 3; k++) {
            float logits[n_reference];
            memcpy(logits, reference, sizeof logits);
            id[k] = trit_sampler_pick(all[k], logits, NULL, 0);
        }
        assert_int_equal(id[0], id[1]);
        same += id[0] == id[2];
    }
    assert_true(same < 150);
    trit_sampler_free(a);
    trit_sampler_free(b);
    trit_sampler_free(c);
}

static void settings_out_of_range_are_refused(void **state) {
    (void)state;
    static const int32_t far_ids[] = {3, 8};
    static const trit_breaker empty = {.text = ""}, text = {.text = "a"}, far = {.ids = far_ids, .n_ids = 2};
    static const trit_logit_bias outside = {8, 1}, nothing = {0, NAN};
    const struct {
        trit_sampling s;
        const char *says;
    } cases[] = {
        {{.temperature = NAN}, "temperature"},
        {{.top_p = -1}, "top-p"},
        {{.min_p = 2}, "min-p"},
        {{.repeat_penalty = -1}, "repeat penalty"},
        {{.xtc_probability = 1.5f}, "XTC"},
        {{.dry_multiplier = 1, .dry_base = 0.5f}, "DRY base"},
        {{.mirostat = (trit_mirostat)3}, "version 3"},
        {{.logit_bias = &outside, .n_logit_bias = 1}, "id 8"},
        {{.logit_bias = &nothing, .n_logit_bias = 1}, "bias of id 0: nan"},
        {{.dry_multiplier = 1, .dry_breakers = &empty, .n_dry_breakers = 1}, "empty"},
        {{.dry_multiplier = 1, .dry_breakers = &text, .n_dry_breakers = 1}, "no tokenizer"},
        {{.dry_multiplier = 1, .dry_breakers = &far, .n_dry_breakers = 1}, "id 8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_error err;
        trit_sampler *s;
        assert_int_equal(trit_sampler_new(&s, &cases[i].s, n_reference, 8, NULL, &err), trit_arg);
        if (!strstr(err.message, cases[i].says)) fail_msg("no \"%s\" in: %s", cases[i].says, err.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_keep_the_reference_sets),
        cmocka_unit_test(shares_are_the_reference_shares),
        cmocka_unit_test(penalties_follow_the_reference),
        cmocka_unit_test(bias_bans_and_forces),
        cmocka_unit_test(mirostat_follows_the_reference),
        cmocka_unit_test(the_vectors_of_the_file),
        cmocka_unit_test(dry_follows_the_reference),
        cmocka_unit_test(dry_is_its_definition),
        cmocka_unit_test(dry_reads_breakers_as_text),
        cmocka_unit_test(draws_follow_the_distribution),
        cmocka_unit_test(mirostat_meets_its_target),
        cmocka_unit_test(large_lists_are_not_sorted_whole),
        cmocka_unit_test(the_nucleus_is_that_of_the_sorted_list),
        cmocka_unit_test(odd_lists),
        cmocka_unit_test(the_same_seed_draws_the_same),
        cmocka_unit_test(settings_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
