/* A rhythm: the autocorrelation of the number of blocks allocated, in bins of time, has a peak at some lag and another at twice the lag.
 * Square roots make the noise of large and small numbers alike (Anscombe). For bins without a rhythm the coefficients are about
 * normal with variance 1 / bins (Bartlett). Fine bins see short periods, coarse ones see through jitter. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "memory/patterns.h"

enum { most_bins = 4096, fewest_lag = 4, fewest_periods = 4 };

typedef struct rhythm {
    double strength, seconds;
} rhythm;

/* x[0..n) becomes the roots of the numbers of each bin, without their linear trend. Returns the variance times n. */
static double series(const trit_trace *trace, double *x, size_t n) {
    memset(x, 0, n * sizeof *x);
    for (size_t i = 0; i < trace->n; i++) {
        const trit_trace_block *b = &trace->blocks[i];
        const size_t bin = (size_t)(b->birth / trace->seconds * (double)n);
        if (!b->is_early) x[bin < n ? bin : n - 1] += 1;
    }
    double mean = 0, slope = 0, squares = 0;
    const double middle = (double)(n - 1) / 2;
    for (size_t i = 0; i < n; i++) {
        x[i] = sqrt(x[i]);
        mean += x[i] / (double)n;
        slope += x[i] * ((double)i - middle);
    }
    slope /= (double)n * ((double)n * (double)n - 1) / 12; /* the sum of (i - middle)^2 */
    for (size_t i = 0; i < n; i++) {
        x[i] -= mean + slope * ((double)i - middle);
        squares += x[i] * x[i];
    }
    return squares;
}

static double correlation(const double *x, size_t n, size_t lag, double squares) {
    double sum = 0;
    for (size_t i = 0; i + lag < n; i++) sum += x[i] * x[i + lag];
    return sum / squares * (double)n / (double)(n - lag);
}

/* The strongest lag whose coefficient is a peak, rises over a valley before it, and comes back at its double. r: room for n. */
static rhythm search(const trit_trace *trace, double *x, double *r, size_t n) {
    rhythm best = {0};
    const double squares = series(trace, x, n);
    const size_t n_lags = n / fewest_periods;
    if (squares <= 0) return best;
    for (size_t lag = 1; lag <= 2 * n_lags; lag++) r[lag] = correlation(x, n, lag, squares);
    double valley = r[1];
    for (size_t lag = 2; lag < n_lags; lag++) {
        if (r[lag] < valley) valley = r[lag];
        const bool is_peak = lag >= fewest_lag && r[lag] >= r[lag - 1] && r[lag] >= r[lag + 1];
        if (!is_peak || r[lag] - valley < 0.6 * r[lag] || r[lag] <= best.strength * 1.1) continue;
        double again = 0; /* about twice the lag */
        for (size_t twice = 2 * lag - lag / 8; twice <= 2 * lag + lag / 8 && twice <= 2 * n_lags; twice++)
            if (r[twice] > again) again = r[twice];
        if (again < 0.5 * r[lag] || r[lag] < 10 / sqrt((double)n)) continue;
        best = (rhythm){r[lag], (double)lag * trace->seconds / (double)n};
    }
    return best;
}

bool trit_pattern_find_period(const trit_trace *trace, trit_pattern *out) {
    double *x = trit_alloc(2 * most_bins, sizeof *x);
    if (!x) return false;
    rhythm best = {0};
    for (size_t n = 64; n <= most_bins && n <= trace->n; n *= 4) {
        const rhythm found = search(trace, x, x + most_bins, n);
        if (found.strength > best.strength) best = found;
    }
    trit_free(x);
    out->confidence = trit_pattern_between(best.strength, 0.2, 0.7);
    if (out->confidence <= 0) return true;
    out->value = best.seconds;
    snprintf(out->advice, sizeof out->advice,
             "allocations repeat every %.3g ms: take what a period needs once and keep it, or trim between the bursts and not in them",
             1e3 * best.seconds);
    return true;
}
