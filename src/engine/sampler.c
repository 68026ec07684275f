/* The chain: which steps there are and in which order, and the draw at its end. */
#include "engine/sampler.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"
#include "base/rng.h"

static trit_sample_adjust *const adjusts[] = {trit_adjust_bias, trit_adjust_penalties, trit_adjust_dry};
static trit_sample_filter *const filters[] = {trit_filter_top_n_sigma, trit_filter_top_k, trit_filter_typical, trit_filter_top_p,
                                              trit_filter_min_p,       trit_filter_xtc,   trit_filter_temperature};
static trit_sample_filter *const mirostat_filters[] = {trit_filter_temperature, trit_filter_mirostat};

enum { n_adjusts = sizeof adjusts / sizeof adjusts[0], n_filters = sizeof filters / sizeof filters[0] };

/* ---- Settings ---- */

trit_status trit_sample_space_init(trit_sample_space *space, uint32_t n_vocab, uint32_t max_history, trit_error *err) {
    *space = (trit_sample_space){.n_vocab = n_vocab, .max_history = max_history};
    space->candidates = trit_alloc(n_vocab, sizeof *space->candidates);
    space->matches = trit_alloc(max_history, sizeof *space->matches);
    if (space->candidates && space->matches) return trit_ok;
    trit_sample_space_fini(space);
    return trit_error_memory(err, n_vocab * sizeof *space->candidates, "the sampler");
}

void trit_sample_space_fini(trit_sample_space *space) {
    trit_free(space->candidates);
    trit_free(space->matches);
    *space = (trit_sample_space){0};
}

static void fill_defaults(trit_sampling *s) {
    struct {
        float *value, when_zero;
    } reals[] = {{&s->top_p, 1}, {&s->typical_p, 1}, {&s->repeat_penalty, 1}, {&s->xtc_threshold, 0.1f}, {&s->dynatemp_exponent, 1},
                 {&s->dry_base, 1.75f}, {&s->mirostat_tau, 5}, {&s->mirostat_eta, 0.1f}};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++)
        if (*reals[i].value == 0) *reals[i].value = reals[i].when_zero;
    if (s->penalty_last_n == 0) s->penalty_last_n = 64;
    if (s->dry_allowed_length == 0) s->dry_allowed_length = 2;
    if (s->dry_last_n == 0) s->dry_last_n = -1;
}

static trit_status check(const trit_sampling *s, uint32_t n_vocab, trit_error *err) {
    const float most = 1e30f; /* so that sums stay finite */
    const struct {
        const char *name;
        float value, min, max;
    } rows[] = {
        {"temperature", s->temperature, -most, most},
        {"top-p", s->top_p, 0, most},
        {"min-p", s->min_p, 0, 1},
        {"typical-p", s->typical_p, 0, most},
        {"top-n-sigma", s->top_n_sigma, -most, most},
        {"repeat penalty", s->repeat_penalty, 1e-6f, most},
        {"presence penalty", s->presence_penalty, -most, most},
        {"frequency penalty", s->frequency_penalty, -most, most},
        {"XTC probability", s->xtc_probability, 0, 1},
        {"XTC threshold", s->xtc_threshold, 0, most},
        {"dynamic temperature's range", s->dynatemp_range, 0, most},
        {"dynamic temperature's exponent", s->dynatemp_exponent, 0, most},
        {"DRY multiplier", s->dry_multiplier, 0, most},
        {"DRY base", s->dry_base, 1, most},
        {"mirostat's tau", s->mirostat_tau, 0, most},
        {"mirostat's eta", s->mirostat_eta, 0, most},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (!(rows[i].value >= rows[i].min && rows[i].value <= rows[i].max)) /* NaN is in no range */
            return trit_error_set(err, trit_arg, "%s: %g is out of its range", rows[i].name, (double)rows[i].value);
    if (s->mirostat > trit_mirostat_v2) return trit_error_set(err, trit_arg, "mirostat: there is no version %d", (int)s->mirostat);
    for (size_t i = 0; i < s->n_logit_bias; i++) {
        const trit_logit_bias *b = &s->logit_bias[i];
        if ((uint32_t)b->token >= n_vocab)
            return trit_error_set(err, trit_arg, "logit bias: id %d is outside the vocabulary of %u", (int)b->token, n_vocab);
        if (!(b->bias <= most)) return trit_error_set(err, trit_arg, "logit bias of id %d: %g is out of its range", (int)b->token, (double)b->bias);
    }
    return trit_ok;
}

static trit_status copy_bias(trit_sampler *s, trit_error *err) {
    size_t n = s->s.n_logit_bias;
    s->bias = trit_alloc(n, sizeof *s->bias);
    if (!s->bias) return trit_error_memory(err, n * sizeof *s->bias, "the logit bias");
    if (n) memcpy(s->bias, s->s.logit_bias, n * sizeof *s->bias);
    return trit_ok;
}

trit_status trit_sampler_new_in(trit_sampler **out, const trit_sampling *sampling, trit_sample_space *space, const trit_tokenizer *tokenizer,
                                trit_error *err) {
    trit_sampling settings = *sampling;
    fill_defaults(&settings);
    trit_status status = check(&settings, space->n_vocab, err);
    if (status != trit_ok) return status;
    trit_sampler *s = trit_alloc_zero(1, sizeof *s);
    if (!s) return trit_error_memory(err, sizeof *s, "the sampler");
    *s = (trit_sampler){.s = settings, .mu = 2 * (double)settings.mirostat_tau, .space = space};
    status = copy_bias(s, err);
    if (status == trit_ok && settings.dry_multiplier > 0) status = trit_breakers_init(&s->breakers, &settings, space->n_vocab, tokenizer, err);
    if (status != trit_ok) {
        trit_sampler_free(s);
        return status;
    }
    s->s.logit_bias = NULL; /* borrowed until here */
    s->s.dry_breakers = NULL;
    *out = s;
    return trit_ok;
}

trit_status trit_sampler_new(trit_sampler **out, const trit_sampling *sampling, uint32_t n_vocab, uint32_t max_history,
                             const trit_tokenizer *tokenizer, trit_error *err) {
    if (!n_vocab) return trit_error_set(err, trit_arg, "a sampler for no tokens");
    trit_sampler *s = NULL;
    trit_sample_space space;
    trit_status status = trit_sample_space_init(&space, n_vocab, max_history, err);
    if (status != trit_ok) return status;
    status = trit_sampler_new_in(&s, sampling, &space, tokenizer, err);
    if (status != trit_ok) {
        trit_sample_space_fini(&space);
        return status;
    }
    s->own = space;
    s->space = &s->own;
    *out = s;
    return trit_ok;
}

void trit_sampler_free(trit_sampler *s) {
    if (!s) return;
    trit_sample_space_fini(&s->own);
    trit_breakers_fini(&s->breakers);
    trit_free(s->bias);
    trit_free(s);
}

/* Every step before top-k may move a few tokens down; each lets at most one more of the others in. What moves tokens up, or looks at
 * all of them before top-k, needs all. */
uint32_t trit_sampler_reach(const trit_sampler *s, size_t n_history) {
    const trit_sampling *o = &s->s;
    size_t reach = o->temperature > 0 ? o->top_k : 1;
    bool penalties = o->repeat_penalty != 1 || o->presence_penalty != 0 || o->frequency_penalty != 0;
    if (!reach || o->mirostat || o->dry_multiplier > 0 || o->top_n_sigma > 0) return 0;
    if (o->repeat_penalty < 1 || o->presence_penalty < 0 || o->frequency_penalty < 0) return 0;
    for (size_t i = 0; i < o->n_logit_bias; i++)
        if (s->bias[i].bias > 0) return 0;
    reach += o->n_logit_bias;
    if (penalties) reach += o->penalty_last_n < 0 || n_history < (size_t)o->penalty_last_n ? n_history : (size_t)o->penalty_last_n;
    return reach < s->space->n_vocab ? (uint32_t)reach : 0;
}

/* ---- A step ---- */

/* The smallest i of the order with w[first] + ... + w[i] > u * total. */
static size_t draw(trit_candidates *c, double u) {
    double aim = u * trit_candidates_gather(c, u), sum = 0;
    for (size_t i = c->first; i + 1 < c->end; i++) {
        sum += trit_candidates_weight(c, trit_candidates_at(c, i).logit);
        if (sum > aim) return i;
    }
    return c->end - 1;
}

int32_t trit_sampler_pick(trit_sampler *s, float *logits, const int32_t *history, size_t n_history) {
    for (size_t i = 0; i < n_adjusts; i++) adjusts[i](s, logits, history, n_history);
    uint64_t number = s->n_drawn;
    int32_t token;
    if (s->s.temperature > 0) {
        trit_candidates c = trit_candidates_from(s->space->candidates, logits, s->space->n_vocab);
        bool mirostat = s->s.mirostat != trit_mirostat_off;
        size_t n = mirostat ? sizeof mirostat_filters / sizeof mirostat_filters[0] : (size_t)n_filters;
        for (size_t i = 0; i < n; i++) (mirostat ? mirostat_filters : filters)[i](s, &c);
        size_t index = draw(&c, trit_rng_unit(s->s.seed, number));
        if (mirostat) trit_mirostat_learn(s, &c, index);
        token = trit_candidates_at(&c, index).id;
    } else {
        token = (int32_t)trit_argmax(logits, s->space->n_vocab);
    }
    s->n_drawn = number + 1;
    return token;
}
