/* Adam and AdamW, in the order of operations of PyTorch's, so that bits differ by roundings alone:
 *
 *   m = b1 m + (1 - b1) g     v = b2 v + (1 - b2) g^2     p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 *   adamw before that: p *= 1 - lr wd                     adam: g += wd p */
#include "train/optim_parts.h"

#include <math.h>

#include "base/math.h"

/* 1 - beta^t. */
static double bias(double beta, uint64_t t) {
    return beta > 0 ? 1 - trit_pow(beta, (double)t) : 1;
}

trit_adam_numbers trit_adam_numbers_of(const trit_optim_opts *o, uint64_t t, double scale, double lr, double wd) {
    const bool is_l2 = o->kind == trit_optim_adam;
    return (trit_adam_numbers){
        .scale = (float)scale,
        .keep = (float)(is_l2 ? 1 : 1 - lr * wd),
        .l2 = (float)(is_l2 ? wd : 0),
        .beta1 = (float)o->beta1,
        .beta2 = (float)o->beta2,
        .one_less_beta1 = (float)(1 - o->beta1),
        .one_less_beta2 = (float)(1 - o->beta2),
        .rate = (float)(lr / bias(o->beta1, t)),
        .root_bias2 = (float)sqrt(bias(o->beta2, t)),
        .eps = (float)o->eps,
    };
}

/* Vector code, for which the build has sqrtf leave errno alone and the numbers are a copy that no store can reach. */
void trit_adam_update(float *restrict p, const float *restrict g, float *restrict m, float *restrict v, int64_t n, const trit_adam_numbers *numbers) {
    const trit_adam_numbers a = *numbers;
    for (int64_t i = 0; i < n; i++) {
        const float gi = a.scale * g[i] + a.l2 * p[i];
        m[i] = a.beta1 * m[i] + a.one_less_beta1 * gi;
        v[i] = a.beta2 * v[i] + a.one_less_beta2 * (gi * gi);
        p[i] = a.keep * p[i] - a.rate * (m[i] / (sqrtf(v[i]) / a.root_bias2 + a.eps));
    }
}
