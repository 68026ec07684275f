/* The filters: each keeps an interval of the candidates in falling order. Sources and settings: trit/sampling.h. */
#include <math.h>

#include "base/math.h"
#include "base/rng.h"
#include "engine/sampler.h"

static size_t n_kept(const trit_candidates *c) {
    return c->end - c->first;
}

void trit_filter_top_n_sigma(const trit_sampler *s, trit_candidates *c) {
    if (!(s->s.top_n_sigma > 0)) return;
    size_t n;
    const trit_candidate *all = trit_candidates_all(c, &n);
    double best = (double)all[0].logit, sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)all[i].logit;
        if ((double)all[i].logit > best) best = (double)all[i].logit;
    }
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) squares += ((double)all[i].logit - mean) * ((double)all[i].logit - mean);
    trit_candidates_keep_above(c, best - (double)s->s.top_n_sigma * sqrt(squares / (double)n)); /* sqrt rounds alike everywhere */
}

void trit_filter_top_k(const trit_sampler *s, trit_candidates *c) {
    if (s->s.top_k && s->s.top_k < n_kept(c)) trit_candidates_keep(c, c->first, c->first + s->s.top_k);
}

/* Surprise, -ln of the share, grows along the order: what lies nearest to the entropy, its mean, is an interval round the place where
 * that is passed. It grows to the side that is nearer until its share exceeds typical_p. */
void trit_filter_typical(const trit_sampler *s, trit_candidates *c) {
    if (s->s.typical_p >= 1) return;
    double entropy, total = trit_candidates_total(c, &entropy), best = (double)trit_candidates_at(c, c->first).logit, sum = 0;
    double turn = best + trit_log(total) - entropy; /* the logit whose surprise is the entropy; at temperature 1, as always here */
    size_t left = c->first;
    while (left < c->end && (double)trit_candidates_at(c, left).logit >= turn) left++;
    size_t right = left;
    while (sum <= (double)s->s.typical_p * total && (left > c->first || right < c->end)) {
        double above = left > c->first ? (double)trit_candidates_at(c, left - 1).logit - turn : HUGE_VAL;
        double below = right < c->end ? turn - (double)trit_candidates_at(c, right).logit : HUGE_VAL;
        size_t next = above <= below ? --left : right++;
        sum += trit_candidates_weight(c, trit_candidates_at(c, next).logit);
    }
    trit_candidates_keep(c, left, right);
}

void trit_filter_top_p(const trit_sampler *s, trit_candidates *c) {
    if (s->s.top_p >= 1) return;
    double enough = (double)s->s.top_p * trit_candidates_gather(c, (double)s->s.top_p), sum = 0;
    size_t end = c->first;
    do sum += trit_candidates_weight(c, trit_candidates_at(c, end++).logit);
    while (end < c->end && sum < enough);
    trit_candidates_keep(c, c->first, end);
}

/* share >= min_p * best share is logit >= best + ln min_p. Where nothing is sorted the best is found by the pass that sorts the heap. */
void trit_filter_min_p(const trit_sampler *s, trit_candidates *c) {
    if (s->s.min_p > 0) trit_candidates_keep_above(c, (double)trit_candidates_best(c) + trit_log((double)s->s.min_p));
}

/* "Exclude top choices" (p-e-w, text-generation-webui #6335). Its coin comes from a stream of its own, so that it does not depend on the draw. */
void trit_filter_xtc(const trit_sampler *s, trit_candidates *c) {
    if (s->s.xtc_probability <= 0 || s->s.xtc_threshold > 0.5f || n_kept(c) < 2) return;
    if (trit_rng_unit(~s->s.seed, s->n_drawn) >= (double)s->s.xtc_probability) return;
    double threshold = (double)s->s.xtc_threshold * trit_candidates_total(c, NULL);
    size_t likely = c->first;
    while (likely < c->end && trit_candidates_weight(c, trit_candidates_at(c, likely).logit) >= threshold) likely++;
    if (likely > c->first) trit_candidates_keep(c, likely - 1, c->end);
}

/* With a range the temperature follows the entropy: low where the model is sure, high where it is not (kalomaze's dynamic temperature). */
void trit_filter_temperature(const trit_sampler *s, trit_candidates *c) {
    double t = (double)s->s.temperature, range = (double)s->s.dynatemp_range;
    if (range > 0 && n_kept(c) > 1) {
        double low = t > range ? t - range : 0, high = t + range, entropy;
        (void)trit_candidates_total(c, &entropy);
        double share = entropy / trit_log((double)n_kept(c));
        t = low + (high - low) * (share > 0 ? trit_pow(share < 1 ? share : 1, (double)s->s.dynatemp_exponent) : 0);
    }
    enum { coldest_inverse = 1 << 20 }; /* colder than this nothing but the best has a share; T = 0 would divide 0 by 0 */
    c->temperature = t * coldest_inverse > 1 ? t : 1.0 / coldest_inverse;
}
