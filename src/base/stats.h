/* Statistics of repeated measurements, for benchmarks: what is typical, how sure a ratio is, whether one of many got slower. All of it
 * is deterministic. Samples are finite and positive; a list has 1 to trit_stats_max of them. */
#ifndef TRIT_BASE_STATS_H
#define TRIT_BASE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { trit_stats_max = 100 };

typedef struct trit_summary {
    double median, q1, q3; /* quartiles between samples are interpolated: position q (n - 1) of the sorted list */
    double min, max;
} trit_summary;

trit_summary trit_stats_summary(const double *x, size_t n);

/* An interval for median(b) / median(a) that holds the true ratio with probability `level`, by percentiles of a bootstrap: both
 * lists are drawn anew from themselves 2000 times. Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13. */
void trit_stats_ratio_interval(const double *a, size_t n_a, const double *b, size_t n_b, double level, double *low, double *high);

/* Probability that list b would be as low against list a as it is, if both came from one source: the Mann-Whitney test, one-sided,
 * exact; of equal values the one of b counts as the higher. Mann, Whitney, Ann. Math. Statist. 18 (1947). */
double trit_stats_lower_p(const double *a, size_t n_a, const double *b, size_t n_b);

/* The same of samples taken in pairs, given as ratios b / a: the signed-rank test of their logarithms, one-sided, exact; zeros count
 * against. What hits both of a pair alike takes no part in it. Wilcoxon, Biometrics Bulletin 1 (1945). */
double trit_stats_paired_lower_p(const double *ratio, size_t n);

/* A row of a benchmark, measured before and after a change: rates, higher is better. */
typedef struct trit_stats_pair {
    const double *before, *after; /* [n_before], [n_after] */
    size_t n_before, n_after;
    bool in_turns; /* before[i] and after[i] were measured together; n_before == n_after */
} trit_stats_pair;

typedef struct trit_stats_verdict {
    double ratio; /* of medians, after / before; in turns the median of the ratios */
    double p;     /* trit_stats_lower_p, trit_stats_paired_lower_p */
    bool slower;
} trit_stats_verdict;

enum { trit_stats_max_pairs = 256 };

/* Which rows got slower: those whose ratio is below 1 - threshold and that are significant after Holm's correction for the number of
 * rows, so that where nothing changed any row at all is named with probability `alpha` at most. n <= trit_stats_max_pairs.
 * Holm, Scand. J. Statist. 6 (1979). Returns how many are slower. */
size_t trit_stats_judge(const trit_stats_pair *pairs, size_t n, double threshold, double alpha, trit_stats_verdict *out);

#endif
