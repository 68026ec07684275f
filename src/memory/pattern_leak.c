/* Leak growth: the bytes of blocks that are older than blocks usually become rise steadily (Mann-Kendall test; the rate is Theil and Sen's
 * slope, the median of all pairs, which no single large block moves), and blocks of the middle of the recording survive as often as
 * later ones do. Without the second, blocks that simply live long would look like a leak. The first fifth, where programs load what
 * they keep, is left out. Mann, Econometrica 13 (1945); Sen, J. Amer. Statist. Assoc. 63 (1968). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "memory/patterns.h"

enum { n_windows = 40, first_window = n_windows / 5, n_used = n_windows - first_window };

typedef struct change {
    double time, bytes;
} change;

static int by_time(const void *a, const void *b) {
    const change *x = a, *y = b;
    return (x->time > y->time) - (x->time < y->time);
}

/* The age that nine of ten released blocks did not reach, a quarter of the recording at most. `room`: a number for each block. */
static double usual_age(const trit_trace *trace, double *room) {
    size_t n = 0;
    for (size_t i = 0; i < trace->n; i++)
        if (!trace->blocks[i].is_live && !trace->blocks[i].is_early) room[n++] = trace->blocks[i].death - trace->blocks[i].birth;
    if (!n) return 0;
    qsort(room, n, sizeof *room, trit_compare_doubles);
    return fmin(room[n * 9 / 10], trace->seconds / 4);
}

/* Of the blocks above that age, the lowest bytes of each window. */
static bool old_bytes(const trit_trace *trace, double out[n_windows]) {
    double *room = trit_alloc(trace->n, sizeof *room);
    change *changes = trit_alloc(2 * trace->n, sizeof *changes);
    const double age = room && changes ? usual_age(trace, room) : 0;
    trit_free(room);
    if (!room || !changes) {
        trit_free(changes);
        return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < trace->n; i++) {
        const trit_trace_block *b = &trace->blocks[i];
        const double old = b->is_early ? 0 : b->birth + age;
        if (old >= b->death) continue;
        changes[n++] = (change){old, (double)b->bytes};
        if (!b->is_live) changes[n++] = (change){b->death, -(double)b->bytes};
    }
    qsort(changes, n, sizeof *changes, by_time);
    double live = 0;
    size_t next = 0;
    for (int w = 0; w < n_windows; w++) {
        const double end = trace->seconds * (w + 1) / n_windows;
        out[w] = live;
        for (; next < n && changes[next].time < end; next++) {
            live += changes[next].bytes;
            if (live < out[w]) out[w] = live;
        }
    }
    trit_free(changes);
    return true;
}

/* How many standard deviations the number of rising pairs is above what chance gives. */
static double mann_kendall(const double *x, int n) {
    int score = 0;
    for (int i = 0; i < n; i++)
        for (int k = i + 1; k < n; k++) score += (x[k] > x[i]) - (x[k] < x[i]);
    return (score - 1) / sqrt((double)n * (n - 1) * (2 * n + 5) / 18);
}

/* Per step of the series. */
static double theil_sen(const double *x, int n) {
    double slopes[n_used * (n_used - 1) / 2];
    size_t n_slopes = 0;
    for (int i = 0; i < n; i++)
        for (int k = i + 1; k < n; k++) slopes[n_slopes++] = (x[k] - x[i]) / (k - i);
    qsort(slopes, n_slopes, sizeof *slopes, trit_compare_doubles);
    return slopes[n_slopes / 2];
}

/* Of the blocks born in a part of the recording, how many are live at its end. */
static void survivors(const trit_trace *trace, double from, double to, double *n_born, double *n_live) {
    *n_born = *n_live = 0;
    for (size_t i = 0; i < trace->n; i++) {
        const trit_trace_block *b = &trace->blocks[i];
        if (b->is_early || b->birth < from * trace->seconds || b->birth >= to * trace->seconds) continue;
        ++*n_born;
        *n_live += b->is_live;
    }
}

/* Whether `live` of `born` can be as much as 0.6 of a share; two standard deviations of a small count are allowed for. */
static bool is_near(double live, double born, double share) {
    return born > 0 && (live + 2 * sqrt(live)) / born >= 0.6 * share;
}

/* Blocks of the middle stay as often as later ones: a leak goes on, and age does not end it. */
static bool stays_at_any_age(const trit_trace *trace) {
    double born, live, later_born, later_live;
    survivors(trace, 0.2, 0.5, &born, &live);
    survivors(trace, 0.5, 0.8, &later_born, &later_live);
    return live >= 3 && later_live >= 3 && is_near(live, born, later_live / later_born) && is_near(later_live, later_born, live / born);
}

bool trit_pattern_find_leak(const trit_trace *trace, trit_pattern *out) {
    double low[n_windows];
    if (!old_bytes(trace, low)) return false;
    const double z = mann_kendall(low + first_window, n_used), slope = theil_sen(low + first_window, n_used);
    if (z <= 3.5 || slope * n_used < 0.1 * low[n_windows - 1] || !stays_at_any_age(trace)) return true;
    out->confidence = trit_pattern_between(z, 2.5, 7);
    out->value = slope * n_windows / trace->seconds;
    snprintf(out->advice, sizeof out->advice,
             "live memory grows by %.3g KB a second through blocks that stay: mark a moment and list what is older later (trit_tracker_leaks)",
             out->value / 1e3);
    return true;
}
