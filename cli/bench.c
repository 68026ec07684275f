/* What the parts of `trit bench` share: rows, the figures that follow from them, the machine. */
#include "bench.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/env.h"
#include "base/error.h"
#include "base/json.h"
#include "base/os.h"
#include "base/str.h"
#include "revision.h"
#include "trit/trit.h"

/* More than this share of a limit cannot be: the measurement, not the machine, is wrong. */
static const double believable = 1.15;
/* The same of multiply-adds. Builds with assertions are not optimized, or are instrumented, and their limits are so too: some kernels are far ahead. */
#ifdef NDEBUG
static const double believable_macs = 1.15;
#else
static const double believable_macs = 20;
#endif

trit_bench_row *trit_bench_add_row(trit_bench_doc *doc) {
    void *rows = doc->rows;
    if (!trit_grow(&rows, &doc->capacity, doc->n_rows + 1, sizeof *doc->rows)) return NULL;
    doc->rows = rows;
    memset(&doc->rows[doc->n_rows], 0, sizeof *doc->rows);
    return &doc->rows[doc->n_rows++];
}

void trit_bench_doc_fini(trit_bench_doc *doc) {
    trit_free(doc->rows);
    trit_json_free(doc->source);
    *doc = (trit_bench_doc){0};
}

/* Seconds that the multiply-adds of a unit take at best. */
static double mac_seconds(const trit_bench_row *row, const trit_limits *l) {
    double int8 = row->int8_macs > 0 ? row->int8_macs / l->int8_macs_s : 0;
    return int8 + (row->float_macs > 0 ? row->float_macs / l->float_macs_s : 0);
}

double trit_bench_best_rate(const trit_bench_row *row, const trit_limits *limits) {
    double macs = mac_seconds(row, limits), bytes = row->bytes / limits->read_bytes_s;
    return 1 / (macs > bytes ? macs : bytes);
}

trit_bench_figures trit_bench_figures_of(const trit_bench_row *row) {
    if (*row->error || !row->n) return (trit_bench_figures){0};
    trit_bench_figures f = {.rate = trit_stats_summary(row->rate, row->n)};
    double macs = row->int8_macs + row->float_macs, seconds = mac_seconds(row, &row->limits);
    f.gb_s = f.rate.median * row->bytes * 1e-9;
    f.limit_gb_s = row->limits.read_bytes_s * 1e-9;
    f.of_read = f.gb_s / f.limit_gb_s;
    if (macs > 0) {
        f.gmac_s = f.rate.median * macs * 1e-9;
        f.limit_gmac_s = macs / seconds * 1e-9;
        f.of_macs = f.gmac_s / f.limit_gmac_s;
    }
    f.memory_bound = f.of_read >= f.of_macs;
    return f;
}

void trit_bench_keep_best(trit_limits *best, const trit_limits *l) {
    if (l->read_bytes_s > best->read_bytes_s) best->read_bytes_s = l->read_bytes_s;
    if (l->int8_macs_s > best->int8_macs_s) best->int8_macs_s = l->int8_macs_s;
    if (l->float_macs_s > best->float_macs_s) best->float_macs_s = l->float_macs_s;
}

void trit_bench_sample(trit_bench_row *row, double units, double seconds, const trit_limits *limits) {
    if (!(seconds > 0)) {
        snprintf(row->error, sizeof row->error, "%.0f units in %g seconds: the clock cannot be right", units, seconds);
    } else if (row->n < trit_stats_max) {
        row->rate[row->n] = units / seconds;
        row->share[row->n] = row->rate[row->n] / trit_bench_best_rate(row, limits);
        row->n++;
    }
}

size_t trit_bench_doubt(trit_bench_doc *doc) {
    size_t n_errors = 0;
    for (size_t i = 0; i < doc->n_rows; i++) {
        trit_bench_row *row = &doc->rows[i];
        trit_bench_figures f = trit_bench_figures_of(row);
        if (row->beyond_caches && f.of_read > believable)
            snprintf(row->error, sizeof row->error, "%.1f GB/s from memory that reads at %.1f GB/s at best cannot be: measure again on a quiet machine",
                     f.gb_s, f.limit_gb_s);
        else if (f.of_macs > believable_macs)
            snprintf(row->error, sizeof row->error, "%.1f GMAC/s where the processor does %.1f at best cannot be: measure again on a quiet machine", f.gmac_s,
                     f.limit_gmac_s);
        n_errors += *row->error != '\0';
    }
    return n_errors;
}

void trit_bench_machine_read(trit_bench_machine *out) {
    *out = (trit_bench_machine){.cores = trit_os_n_cores(), .cpus = trit_os_n_cpus(), .memory_bytes = trit_os_memory_bytes(),
                                .cache_bytes = trit_os_cache_bytes()};
    trit_cpu_tier tier;
    if (trit_cpu_best(&tier, trit_env_get("TRIT_CPU"), NULL) == trit_ok) snprintf(out->tier, sizeof out->tier, "%s", trit_cpu_tier_name(tier));
    snprintf(out->cpu, sizeof out->cpu, "%s", trit_cpu_name());
    snprintf(out->version, sizeof out->version, "%s", trit_version());
    snprintf(out->revision, sizeof out->revision, "%s", TRIT_REVISION);
#if defined(__clang__)
    snprintf(out->compiler, sizeof out->compiler, "%s", __VERSION__);
#else
    snprintf(out->compiler, sizeof out->compiler, "gcc %s", __VERSION__);
#endif
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc)) (void)strftime(out->date, sizeof out->date, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

trit_status trit_bench_list_read(trit_bench_list *out, const char *text, const char *option, uint32_t min, uint32_t max, trit_error *err) {
    trit_bench_list list = {0};
    for (const char *p = text;; p++) {
        char word[16] = "";
        size_t n = strcspn(p, ",");
        int64_t x;
        if (n < sizeof word) memcpy(word, p, n);
        if (!trit_parse_int(word, &x) || x < min || x > max)
            return trit_error_set(err, trit_arg, "--%s: \"%.*s\" is not a number from %" PRIu32 " to %" PRIu32, option, n < 40 ? (int)n : 40, p, min, max);
        if (list.n == trit_bench_max_list) return trit_error_set(err, trit_arg, "--%s: more than %d numbers", option, trit_bench_max_list);
        list.item[list.n++] = (uint32_t)x;
        p += n;
        if (!*p) break;
    }
    *out = list;
    return trit_ok;
}
