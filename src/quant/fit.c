/* Scales by search: from each of several first guesses the levels follow, and for given levels the best scale has a closed form. The
 * guesses stretch and shrink the range, because cutting the outermost values off often pays. */
#include "quant/fit.h"

#include <math.h>

#include "quant/formats.h"

/* Sums over values and the levels that a guess gives them; q is the level, x the value, w the weight. */
typedef struct sums {
    double w, wq, wqq, wx, wxq;
} sums;

enum { n_lanes = 4 };

typedef struct lanes {
    float w[n_lanes], wq[n_lanes], wqq[n_lanes], wx[n_lanes], wxq[n_lanes];
} lanes;

static inline void add(lanes *l, int lane, float x, float weight, float inverse, float offset, float lo, float hi) {
    const float near = trit_quant_nearest((x - offset) * inverse), over = near < lo ? lo : near, q = over > hi ? hi : over, wq = weight * q;
    l->w[lane] += weight;
    l->wq[lane] += wq;
    l->wqq[lane] += wq * q;
    l->wx[lane] += weight * x;
    l->wxq[lane] += wq * x;
}

/* Inline, so that there is a loop with weights and one without. */
static inline void add_run(lanes *l, const float *x, const float *w, size_t n, float inverse, float offset, float lo, float hi) {
    const size_t whole = n / n_lanes * n_lanes;
    for (size_t i = 0; i < whole; i += n_lanes)
        for (int lane = 0; lane < n_lanes; lane++) add(l, lane, x[i + (size_t)lane], w ? w[i + (size_t)lane] : 1, inverse, offset, lo, hi);
    for (size_t i = whole; i < n; i++) add(l, (int)(i - whole), x[i], w ? w[i] : 1, inverse, offset, lo, hi);
}

static double join(const float *lane) {
    return ((double)lane[0] + (double)lane[1]) + ((double)lane[2] + (double)lane[3]);
}

/* Floats in lanes, so that compilers make vectors of them, over short runs, which doubles add up. */
static sums sums_of(const float *x, const float *w, size_t n, float inverse, float offset, int lo, int hi) {
    enum { run = 64 };
    const float low = (float)lo, high = (float)hi;
    sums s = {0};
    for (size_t at = 0; at < n; at += run) {
        const size_t m = n - at < run ? n - at : run;
        lanes l = {0};
        if (w) add_run(&l, x + at, w + at, m, inverse, offset, low, high);
        else add_run(&l, x + at, NULL, m, inverse, offset, low, high);
        s.w += join(l.w);
        s.wq += join(l.wq);
        s.wqq += join(l.wqq);
        s.wx += join(l.wx);
        s.wxq += join(l.wxq);
    }
    return s;
}

/* By how much a guess stretches the levels: from the furthest value on the last level to much of the range cut off, which pays with few
 * levels and many values. */
enum { n_guesses = 16, many = 64 };

static float stretch(int guess, size_t n, int hi) {
    const float low = (float)hi / (float)(hi + 1), high = n > many ? 5 : 1 + 2 / (float)hi, t = (float)guess / (n_guesses - 1);
    return low + (high - low) * t * t;
}

/* Weights that are all zero, of columns that a calibration never saw in use, say nothing: then all values count alike. */
static const float *that_weigh(const float *w, size_t n) {
    for (size_t i = 0; w && i < n; i++)
        if (w[i] > 0) return w;
    return NULL;
}

typedef struct best_scale {
    double explained; /* of the sum of w x^2 */
    float d;
} best_scale;

/* For given levels the best scale is sum(w x q) / sum(w q^2), and it explains sum(w x q)^2 / sum(w q^2) of the square. */
static void try_scale(best_scale *best, const float *x, const float *w, size_t n, float inverse, int lo, int hi) {
    for (int round = 0; round < 2; round++) {
        const sums s = sums_of(x, w, n, inverse, 0, lo, hi);
        if (!(s.wqq > 0) || s.wxq == 0) return;
        const float d = (float)(s.wxq / s.wqq);
        const double explained = s.wxq * s.wxq / s.wqq;
        if (!(explained > best->explained)) return;
        *best = (best_scale){explained, d};
        inverse = 1 / d;
        if (!isfinite(inverse)) return;
    }
}

float trit_fit_scale(const float *x, const float *w, size_t n, int lo, int hi) {
    best_scale best = {0};
    float furthest = 0;
    for (size_t i = 0; i < n; i++)
        if (fabsf(x[i]) > fabsf(furthest)) furthest = x[i];
    if (furthest == 0 || !isfinite(1 / furthest)) return 0;
    w = that_weigh(w, n);
    for (int guess = 0; guess < n_guesses; guess++) {
        const float more = stretch(guess, n, hi);
        try_scale(&best, x, w, n, (float)hi * more / furthest, lo, hi);
        if (lo != -hi) try_scale(&best, x, w, n, (float)lo * more / furthest, lo, hi);
    }
    return best.d;
}

typedef struct best_fit {
    double error; /* less the sum of w x^2 */
    trit_fit fit;
} best_fit;

/* Two unknowns: the normal equations of d and offset. */
static void try_affine(best_fit *best, const float *x, const float *w, size_t n, trit_fit guess, int hi, bool below) {
    for (int round = 0; round < 2; round++) {
        if (!(guess.d > 0) || !isfinite(1 / guess.d)) return;
        const sums s = sums_of(x, w, n, 1 / guess.d, guess.offset, 0, hi);
        const double det = s.w * s.wqq - s.wq * s.wq;
        if (!(s.wqq > 0)) return;
        double d = det > 0 ? (s.w * s.wxq - s.wq * s.wx) / det : 0, offset = det > 0 ? (s.wqq * s.wx - s.wq * s.wxq) / det : 0;
        if (det <= 0 || (below && offset > 0)) {
            offset = 0;
            d = s.wxq / s.wqq;
        }
        const double error = d * d * s.wqq + 2 * d * offset * s.wq + offset * offset * s.w - 2 * d * s.wxq - 2 * offset * s.wx;
        if (!(d >= 0) || !(error < best->error)) return;
        guess = (trit_fit){(float)d, (float)offset};
        *best = (best_fit){error, guess};
    }
}

trit_fit trit_fit_affine(const float *x, const float *w, size_t n, int hi, bool below) {
    float min = n ? x[0] : 0, max = min;
    double weight = 0, mean = 0;
    w = that_weigh(w, n);
    for (size_t i = 0; i < n; i++) {
        min = x[i] < min ? x[i] : min;
        max = x[i] > max ? x[i] : max;
        weight += w ? (double)w[i] : 1;
        mean += (w ? (double)w[i] : 1) * (double)x[i];
    }
    if (below && min > 0) min = 0;
    if (!(max > min) || !(weight > 0)) return (trit_fit){0, min};
    mean /= weight;
    best_fit best = {.error = INFINITY, .fit = {0, min}};
    for (int guess = 0; guess < n_guesses; guess++)
        for (int ends = 1; ends <= 3; ends++) { /* the low end moves towards the mean, or away from it; the high end; both */
            const float less = 1 / stretch(guess, n, hi), low = (float)mean + (min - (float)mean) * (ends & 1 ? less : 1);
            const float high = (float)mean + (max - (float)mean) * (ends & 2 ? less : 1);
            try_affine(&best, x, w, n, (trit_fit){(high - low) / (float)hi, low}, hi, below);
        }
    return best.fit;
}
