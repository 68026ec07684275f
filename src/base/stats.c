/* Sorting, drawing and counting; the formulas stand at their functions. */
#include "base/stats.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t n, double q) {
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    if (i + 1 >= n) return sorted[n - 1];
    double part = at - (double)i;
    return sorted[i] * (1 - part) + sorted[i + 1] * part;
}

static double median(double *x, size_t n) {
    qsort(x, n, sizeof *x, compare);
    return quantile(x, n, 0.5);
}

trit_summary trit_stats_summary(const double *x, size_t n) {
    double sorted[trit_stats_max];
    assert(n >= 1 && n <= trit_stats_max);
    memcpy(sorted, x, n * sizeof *x);
    double middle = median(sorted, n);
    return (trit_summary){middle, quantile(sorted, n, 0.25), quantile(sorted, n, 0.75), sorted[0], sorted[n - 1]};
}

/* Median of n draws from x with replacement. */
static double redrawn(const double *x, size_t n, uint64_t *counter) {
    double drawn[trit_stats_max];
    for (size_t i = 0; i < n; i++) drawn[i] = x[(size_t)(trit_rng_unit(1, (*counter)++) * (double)n)];
    return median(drawn, n);
}

void trit_stats_ratio_interval(const double *a, size_t n_a, const double *b, size_t n_b, double level, double *low, double *high) {
    enum { n_draws = 2000 };
    double ratio[n_draws];
    uint64_t counter = 0;
    assert(n_a >= 1 && n_a <= trit_stats_max && n_b >= 1 && n_b <= trit_stats_max);
    for (int i = 0; i < n_draws; i++) {
        double before = redrawn(a, n_a, &counter);
        ratio[i] = redrawn(b, n_b, &counter) / before;
    }
    qsort(ratio, n_draws, sizeof ratio[0], compare);
    *low = quantile(ratio, n_draws, (1 - level) / 2);
    *high = quantile(ratio, n_draws, (1 + level) / 2);
}

/* U counts the pairs in which b is not below a. How many of the orders of n_a + n_b values give each U are the coefficients of the Gaussian
 * binomial prod_{i=1..n_b} (1 - q^(n_a + i)) / (1 - q^i): a factor is a subtraction, a divisor a running sum. */
double trit_stats_lower_p(const double *a, size_t n_a, const double *b, size_t n_b) {
    double orders[trit_stats_max * trit_stats_max + 1] = {1};
    size_t u = 0, most = n_a * n_b;
    assert(n_a <= trit_stats_max && n_b <= trit_stats_max);
    for (size_t i = 0; i < n_a; i++)
        for (size_t j = 0; j < n_b; j++) u += b[j] >= a[i];
    for (size_t i = 1; i <= n_b; i++) {
        for (size_t k = most; k >= n_a + i; k--) orders[k] -= orders[k - n_a - i];
        for (size_t k = i; k <= most; k++) orders[k] += orders[k - i];
    }
    double as_low = 0, all = 0;
    for (size_t k = 0; k <= most; k++) {
        all += orders[k];
        if (k <= u) as_low += orders[k];
    }
    return as_low / all;
}

static int nearer_to_zero(const void *a, const void *b) {
    double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
    return (x > y) - (x < y);
}

/* W is the sum of the ranks of the pairs that are not lower. Under chance each rank is in it or not: how many of the 2^n choices give
 * each sum are the coefficients of prod_{i=1..n} (1 + q^i), here as shares. Equal distances take their ranks in the order that
 * makes W larger. */
double trit_stats_paired_lower_p(const double *ratio, size_t n) {
    double change[trit_stats_max], share[trit_stats_max * (trit_stats_max + 1) / 2 + 1] = {1};
    size_t w = 0, most = n * (n + 1) / 2;
    assert(n >= 1 && n <= trit_stats_max);
    for (size_t i = 0; i < n; i++) change[i] = log(ratio[i]);
    qsort(change, n, sizeof *change, nearer_to_zero);
    for (size_t i = 0; i < n;) {
        size_t last = i, n_higher = 0;
        for (; last < n && !(fabs(change[last]) > fabs(change[i])); last++) n_higher += change[last] >= 0;
        for (size_t k = last - n_higher; k < last; k++) w += k + 1;
        i = last;
    }
    for (size_t i = 1; i <= n; i++)
        for (size_t k = most + 1; k-- > 0;) share[k] = (share[k] + (k >= i ? share[k - i] : 0)) / 2;
    double p = 0;
    for (size_t k = 0; k <= w; k++) p += share[k];
    return p;
}

static void weigh(const trit_stats_pair *p, trit_stats_verdict *out) {
    out->slower = false;
    if (!p->in_turns) {
        out->ratio = trit_stats_summary(p->after, p->n_after).median / trit_stats_summary(p->before, p->n_before).median;
        out->p = trit_stats_lower_p(p->before, p->n_before, p->after, p->n_after);
        return;
    }
    double ratio[trit_stats_max];
    assert(p->n_before == p->n_after && p->n_after <= trit_stats_max);
    for (size_t i = 0; i < p->n_after; i++) ratio[i] = p->after[i] / p->before[i];
    out->ratio = trit_stats_summary(ratio, p->n_after).median;
    out->p = trit_stats_paired_lower_p(ratio, p->n_after);
}

size_t trit_stats_judge(const trit_stats_pair *pairs, size_t n, double threshold, double alpha, trit_stats_verdict *out) {
    bool taken[trit_stats_max_pairs] = {false};
    size_t n_slower = 0;
    assert(n <= trit_stats_max_pairs);
    for (size_t i = 0; i < n; i++) weigh(&pairs[i], &out[i]);
    /* From the least p upwards, each against what is left; the first that fails ends it. */
    for (size_t left = n; left; left--) {
        size_t least = n;
        for (size_t i = 0; i < n; i++)
            if (!taken[i] && (least == n || out[i].p < out[least].p)) least = i;
        if (out[least].p > alpha / (double)left) break;
        taken[least] = true;
        out[least].slower = out[least].ratio < 1 - threshold;
        n_slower += out[least].slower;
    }
    return n_slower;
}
