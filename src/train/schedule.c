/* Learning rate, weight decay and the share of quantization of a step.
 *
 *   left = (T - t) / (T - W)       T steps, W of them warm-up: the share that is left, 1 until the warm-up ends
 *   linear       end + (1 - end) left
 *   cosine       end + (1 - end) (1 + cos(pi (1 - left))) / 2
 *   wsd          1, then linear in the last D steps (arXiv:2404.06395)
 *   two-stage    lr left, from step S on lr2 left; or there lr2 (T - t) / (T - S): the training tips of BitNet b1.58 allow both readings */
#include "train/schedule.h"

#include "base/math.h"

static double min(double a, double b) {
    return a < b ? a : b;
}

/* From 1 at `first` down to 0 at n_steps and beyond; 1 before. */
static double left_of(double t, double first, double n_steps) {
    if (t > n_steps) return 0;
    return t <= first || first >= n_steps ? 1 : (n_steps - t) / (n_steps - first);
}

static bool is_two_stage(const trit_train_config *c) {
    return trit_train_is(c->schedule, "two-stage") || trit_train_is(c->schedule, "two-stage-restart");
}

static bool is_second_stage(const trit_train_config *c, double t, double n_steps) {
    return t >= c->switch_at * n_steps;
}

static double two_stage(const trit_train_config *c, double t, double warmup, double n_steps) {
    if (!is_second_stage(c, t, n_steps)) return c->lr * left_of(t, warmup, n_steps);
    const double first = trit_train_is(c->schedule, "two-stage-restart") ? c->switch_at * n_steps : warmup;
    return c->lr2 * left_of(t, first, n_steps);
}

static double fall(const trit_train_config *c, double left) {
    return c->lr * (c->lr_end + (1 - c->lr_end) * left);
}

static double cosine(double left) {
    double sine, cosine;
    trit_sincos(3.141592653589793 * (1 - left), &sine, &cosine);
    return (1 + cosine) / 2;
}

double trit_schedule_lr(const trit_train_config *c, uint64_t step, uint64_t n_steps) {
    const double t = (double)step, n = (double)n_steps, warmup = min((double)c->warmup, n);
    const double rise = t < warmup ? (t + 1) / warmup : 1, left = left_of(t, warmup, n);
    double lr = c->lr;
    if (is_two_stage(c)) lr = two_stage(c, t, warmup, n);
    else if (trit_train_is(c->schedule, "linear")) lr = fall(c, left);
    else if (trit_train_is(c->schedule, "cosine")) lr = fall(c, cosine(left));
    else if (trit_train_is(c->schedule, "wsd")) lr = fall(c, left_of(t, n - c->decay_share * n, n));
    return rise * lr;
}

double trit_schedule_weight_decay(const trit_train_config *c, uint64_t step, uint64_t n_steps) {
    return is_two_stage(c) && is_second_stage(c, (double)step, (double)n_steps) ? c->weight_decay2 : c->weight_decay;
}

double trit_schedule_lambda(const trit_train_config *c, uint64_t step) {
    if (trit_train_is(c->lambda, "none") || step >= (uint64_t)c->lambda_steps) return 1;
    const double x = (double)step / (double)c->lambda_steps, k = c->lambda_rate;
    if (trit_train_is(c->lambda, "sigmoid")) return 1 / (1 + trit_exp(-k * (x - 0.5)));
    if (trit_train_is(c->lambda, "exponential")) return (1 - trit_exp(-k * x)) / (1 - trit_exp(-k));
    return x;
}
