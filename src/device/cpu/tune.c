/* Which form ternary weights take: T2, or T3 with a fifth fewer bytes and more arithmetic. That depends on how a machine's memory and
 * its vector units compare, so it is measured: when the first model opens that the caches do not hold, for some 100 ms, most of which
 * the system takes to give the memory. What was found on a quiet machine is kept (device/measured.h) for the same processor, caches,
 * memory, tier, number of threads and version. Either form gives the same bits. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/env.h"
#include "base/error.h"
#include "base/os.h"
#include "device/cpu/cpu.h"
#include "device/measured.h"
#include "quant/layout.h"
#include "trit/trit.h"

enum wish { wish_auto, wish_t2, wish_t3, n_wishes };

static const char *const wishes[n_wishes] = {"auto", "t2", "t3"};

enum state { unknown, busy, measured, remembered, given_up };

struct trit_tuner {
    const cpu_device *cpu;
    enum wish wish;
    uint64_t cache_bytes;
    atomic_int state;   /* enum state */
    trit_tuning tuning; /* written by whoever is busy */
};

trit_status trit_tuner_new(trit_tuner **out, const cpu_device *cpu, const char *wish, trit_error *err) {
    size_t w = 0;
    while (wish && *wish && w < n_wishes && strcmp(wish, wishes[w]) != 0) w++;
    if (w == n_wishes) return trit_error_set(err, trit_arg, "form of weights: \"%s\" is none of auto, t2, t3", wish);
    trit_tuner *t = trit_alloc_zero(1, sizeof *t);
    if (!t) return trit_error_memory(err, sizeof *t, "the CPU device");
    t->cpu = cpu;
    t->wish = (enum wish)w;
    t->cache_bytes = t->wish == wish_auto ? trit_os_cache_bytes() : 0;
    *out = t;
    return trit_ok;
}

void trit_tuner_free(trit_tuner *t) {
    trit_free(t);
}

/* ---- measuring ---- */

enum { n_inputs = 2560, n_several = 8 /* sequences at once */, least_rounds = 2, most_rounds = 5, enough_ns = 20000000 };

typedef struct trial {
    const cpu_device *cpu;
    uint8_t *w; /* [n_bytes]: any bytes are weights of either form */
    int8_t *x;  /* A8 [n_several] */
    float *y, *scale;
    size_t n_bytes;
    uint32_t n_rows, n_tokens; /* of the pass */
    bool is_t3;
} trial;

/* Each member writes what it will read, so that the system places the pages near it. */
static void touch_member(void *arg, unsigned i, unsigned n) {
    trial *t = arg;
    uint64_t first, end;
    trit_team_split(t->n_bytes, 4096, i, n, &first, &end);
    memset(t->w + first, 0x15, (size_t)(end - first));
}

static void multiply_member(void *arg, unsigned i, unsigned n) {
    trial *t = arg;
    const trit_kernels *k = t->cpu->kernels;
    const trit_t2_mul a = {.w = t->w, .w_stride = t->is_t3 ? trit_t3_tile_bytes(n_inputs) : trit_t2_tile_bytes(n_inputs), .w_scale = t->scale,
                           .k = n_inputs, .x = t->x, .x_stride = trit_a8_row_bytes(n_inputs), .n_tokens = t->n_tokens, .y = t->y, .y_stride = t->n_rows};
    uint64_t row0, row1;
    trit_team_split(t->n_rows, trit_tile_rows, i, n, &row0, &row1);
    if (row0 < row1) (t->is_t3 ? k->t3_mul : k->t2_mul)(&a, (uint32_t)row0, (uint32_t)row1);
}

static double pass_ms(trial *t, uint32_t n_rows, uint32_t n_tokens, bool is_t3) {
    t->n_rows = n_rows;
    t->n_tokens = n_tokens;
    t->is_t3 = is_t3;
    const uint64_t begin = trit_os_clock_ns();
    trit_team_run(t->cpu->team, multiply_member, t);
    return (double)(trit_os_clock_ns() - begin) * 1e-6;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The least of several times: what else the machine does only adds to them. Where it does little, the least two are close. */
static double least_of(double *x, size_t n, bool *quiet) {
    qsort(x, n, sizeof *x, by_size);
    *quiet = *quiet && x[1] <= 1.25 * x[0];
    return x[0];
}

/* Both forms in turns. */
static void run_rounds(trial *t, uint32_t n_rows, trit_tuning *out, bool *quiet) {
    double one[2][most_rounds], several[2][most_rounds];
    const uint64_t begin = trit_os_clock_ns();
    size_t n = 0;
    do {
        for (size_t f = 0; f < 2; f++) one[f][n] = pass_ms(t, n_rows, 1, f == 1);
        for (size_t f = 0; f < 2; f++) several[f][n] = pass_ms(t, n_rows, n_several, f == 1);
    } while (++n < least_rounds || (n < most_rounds && trit_os_clock_ns() - begin < enough_ns));
    *quiet = true;
    for (size_t f = 0; f < 2; f++) {
        out->one[f] = least_of(one[f], n, quiet);
        out->several[f] = least_of(several[f], n, quiet);
    }
}

/* Would a pass of one token, or of several, take longer than any memory lets it? Then arithmetic is the bound, of which T2 takes less. So the
 * whole measurement is bounded, too. */
static bool is_slow(trial *t, uint32_t all_rows) {
    enum { part = 64 };
    const double most_ms = 2.0 * enough_ns * 1e-6 / part;
    return pass_ms(t, all_rows / part, 1, false) > most_ms || pass_ms(t, all_rows / part, n_several, false) > 2 * most_ms;
}

/* Weights of twice the caches, within what takes some milliseconds. */
static bool measure(const cpu_device *cpu, trit_tuning *out, bool *quiet) {
    const uint64_t least = 16u << 20, most = 96u << 20, twice = 2 * trit_os_cache_bytes();
    const uint32_t row_bytes = (uint32_t)trit_t2_tile_bytes(n_inputs) / trit_tile_rows;
    trial t = {.cpu = cpu, .n_bytes = (size_t)(twice < least ? least : twice > most ? most : twice)};
    const uint32_t all_rows = (uint32_t)(t.n_bytes / row_bytes / trit_tile_rows * trit_tile_rows);
    t.w = trit_alloc_aligned(t.n_bytes, 1);
    t.x = trit_alloc_aligned(n_several, trit_a8_row_bytes(n_inputs));
    t.y = trit_alloc_zero(n_several, all_rows * sizeof *t.y);
    t.scale = trit_alloc_zero(all_rows, sizeof *t.scale);
    bool done = t.w && t.x && t.y && t.scale;
    if (done) {
        memset(t.x, 0, n_several * trit_a8_row_bytes(n_inputs));
        trit_team_run(cpu->team, touch_member, &t);
        done = !is_slow(&t, all_rows);
    }
    if (done) run_rounds(&t, all_rows, out, quiet);
    trit_free(t.w);
    trit_free(t.x);
    trit_free(t.y);
    trit_free(t.scale);
    return done;
}

/* ---- remembering ---- */

void trit_cpu_machine(const trit_device *d, char *out, size_t size) {
    const cpu_device *cpu = (const cpu_device *)d;
    snprintf(out, size, "%s, %llu KB of caches, %llu GB of memory, %s, %u threads, trit %s", trit_cpu_name(),
             (unsigned long long)(trit_os_cache_bytes() >> 10), (unsigned long long)(trit_os_memory_bytes() >> 30), trit_cpu_tier_name(cpu->tier),
             trit_team_size(cpu->team), trit_version());
}

enum { n_figures = 4 };

static void key_of(const cpu_device *cpu, char out[320]) {
    char machine[256];
    trit_cpu_machine(&cpu->base, machine, sizeof machine);
    snprintf(out, 320, "1 token and %d in T2, in T3, ms: %s", (int)n_several, machine);
}

static bool recall(const cpu_device *cpu, trit_tuning *out) {
    char key[320];
    double x[n_figures];
    key_of(cpu, key);
    if (!trit_measured_recall(key, x, n_figures)) return false;
    *out = (trit_tuning){.one = {x[0], x[2]}, .several = {x[1], x[3]}};
    return true;
}

static void keep(const cpu_device *cpu, const trit_tuning *t) {
    char key[320];
    key_of(cpu, key);
    (void)trit_measured_keep(key, (const double[n_figures]){t->one[0], t->several[0], t->one[1], t->several[1]}, n_figures);
}

/* ---- deciding ---- */

/* A path that gains less than 3 % is not worth another form; and sequences beside each other and prompts, which use the same
 * weights, may not lose a tenth. */
bool trit_tuning_takes_t3(const trit_tuning *t) {
    return t->one[1] * 1.03 <= t->one[0] && t->several[1] <= t->several[0] * 1.1;
}

static enum state find_out(trit_tuner *t) {
    bool quiet;
    if (recall(t->cpu, &t->tuning)) return remembered;
    if (!measure(t->cpu, &t->tuning, &quiet)) return given_up;
    if (quiet) keep(t->cpu, &t->tuning); /* a busy machine may mislead today only */
    return measured;
}

/* The first caller finds out, others wait. */
static enum state settle(trit_tuner *t) {
    int state = unknown;
    if (atomic_compare_exchange_strong(&t->state, &state, busy)) atomic_store(&t->state, find_out(t));
    while ((state = atomic_load(&t->state)) == busy) trit_os_sleep_ms(1);
    return (enum state)state;
}

static trit_dtype form_of(trit_tuner *t) {
    if (t->wish != wish_auto) return t->wish == wish_t3 ? trit_dtype_t3 : trit_dtype_t2;
    return settle(t) != given_up && trit_tuning_takes_t3(&t->tuning) ? trit_dtype_t3 : trit_dtype_t2;
}

trit_dtype trit_tuner_form(trit_tuner *t, const trit_ternary_source *source) {
    if (!source->is_int8) return trit_dtype_t2; /* there is no product of T3 and floats */
    if (t->wish == wish_auto && source->n_model && source->n_model / 4 <= t->cache_bytes) return trit_dtype_t2;
    return form_of(t);
}

trit_dtype trit_tuner_explain(trit_tuner *t, char *why, size_t size) {
    const trit_dtype form = form_of(t);
    const trit_tuning *u = &t->tuning;
    if (t->wish != wish_auto) snprintf(why, size, "asked for");
    else if (t->state == given_up) snprintf(why, size, "arithmetic is the bound, or there is no memory to measure");
    else snprintf(why, size, "%s: 1 token %.2f ms in T2, %.2f in T3; %d tokens %.2f, %.2f", t->state == measured ? "measured" : "measured before",
                  u->one[0], u->one[1], (int)n_several, u->several[0], u->several[1]);
    return form;
}
