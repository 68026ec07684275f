/* Schemes: which integers stand for floats, what shares a scale, and how the scale is found. See trit/quant.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "quant/fit.h"
#include "quant/formats.h"
#include "tensor/half.h"
#include "trit/quant.h"

/* ---- Names ---- */

static bool read_kind(trit_scheme *s, const char *word) {
    static const char *const ints[] = {"int4", "int8"};
    if (strcmp(word, "ternary") == 0) {
        *s = (trit_scheme){.kind = trit_scheme_ternary, .bits = 2, .grain = trit_grain_tensor};
        return true;
    }
    *s = (trit_scheme){.kind = trit_scheme_symmetric, .grain = trit_grain_row};
    for (size_t i = 0; i < 2; i++)
        if (strcmp(word, ints[i]) == 0) s->bits = i ? 8 : 4;
    if (word[0] >= '1' && word[0] <= '8' && strcmp(word + 1, "bit") == 0) s->bits = (uint32_t)(word[0] - '0');
    return s->bits != 0;
}

static bool read_group(trit_scheme *s, const char *word) {
    static const char *const names[] = {"g32", "g64", "g128", "g256"};
    for (uint32_t i = 0; i < 4; i++)
        if (strcmp(word, names[i]) == 0) {
            s->grain = trit_grain_group;
            s->group = 32u << i;
            return true;
        }
    return false;
}

static bool read_percentile(trit_scheme *s, const char *word) {
    char *end;
    if (word[0] != 'p' || word[1] < '0' || word[1] > '9' || strspn(word + 1, "0123456789.") != strlen(word + 1)) return false;
    const double p = strtod(word + 1, &end) / 100;
    s->range = trit_range_percentile;
    s->percentile = (float)p;
    return *end == 0 && p > 0.5 && p < 1 && s->percentile < 1;
}

static bool read_word(trit_scheme *s, const char *word) {
    const bool ternary = s->kind == trit_scheme_ternary;
    if (strcmp(word, "sym") == 0) return !ternary && s->kind == trit_scheme_symmetric;
    if (strcmp(word, "asym") == 0) {
        s->kind = trit_scheme_asymmetric;
        return !ternary;
    }
    if (strcmp(word, "tensor") == 0 || strcmp(word, "row") == 0) {
        s->grain = *word == 't' ? trit_grain_tensor : trit_grain_row;
        return true;
    }
    if (strcmp(word, "mse") == 0) {
        s->range = trit_range_mse;
        return true;
    }
    return read_group(s, word) || (!ternary && read_percentile(s, word));
}

trit_status trit_scheme_parse(trit_scheme *out, const char *text, trit_error *err) {
    char copy[trit_scheme_text_max];
    trit_scheme s;
    if (strlen(text) >= sizeof copy) return trit_error_set(err, trit_arg, "scheme \"%.60s\": no such scheme", text);
    snprintf(copy, sizeof copy, "%s", text);
    char *word = copy, *next = strchr(copy, '-');
    for (bool first = true; word; first = false, word = next, next = word ? strchr(word, '-') : NULL) {
        if (next) *next++ = 0;
        if (first ? !read_kind(&s, word) : !read_word(&s, word))
            return trit_error_set(err, trit_arg, "scheme \"%s\": \"%s\" (known: ternary, 1bit to 8bit, int4, int8; then sym, asym; tensor, row, g32, "
                                  "g64, g128, g256; mse, p99.9)", text, word);
    }
    if (s.bits == 1 && s.kind == trit_scheme_symmetric && s.range != trit_range_full)
        return trit_error_set(err, trit_arg, "scheme \"%s\": signs have one best scale, the mean", text);
    *out = s;
    return trit_ok;
}

void trit_scheme_text(const trit_scheme *s, char out[trit_scheme_text_max]) {
    char kind[16], grain[16], range[16] = "";
    if (s->kind == trit_scheme_ternary) snprintf(kind, sizeof kind, "ternary");
    else snprintf(kind, sizeof kind, "%ubit%s", s->bits & 15, s->kind == trit_scheme_asymmetric ? "-asym" : "");
    if (s->grain == trit_grain_group) snprintf(grain, sizeof grain, "g%u", s->group);
    else snprintf(grain, sizeof grain, "%s", s->grain == trit_grain_row ? "row" : "tensor");
    if (s->range == trit_range_mse) snprintf(range, sizeof range, "-mse");
    if (s->range == trit_range_percentile) snprintf(range, sizeof range, "-p%.6g", (double)s->percentile * 100);
    snprintf(out, trit_scheme_text_max, "%.14s-%.8s%.14s", kind, grain, range);
}

/* ---- Sizes ---- */

static bool has_group(const trit_scheme *s) {
    return s->grain != trit_grain_group || s->group == 32 || s->group == 64 || s->group == 128 || s->group == 256;
}

trit_status trit_scheme_check(const trit_scheme *s, trit_error *err) {
    if ((unsigned)s->kind > trit_scheme_asymmetric) return trit_error_set(err, trit_arg, "scheme: kind %d is none", (int)s->kind);
    if ((unsigned)s->grain > trit_grain_group) return trit_error_set(err, trit_arg, "scheme: grain %d is none", (int)s->grain);
    if ((unsigned)s->range > trit_range_mse) return trit_error_set(err, trit_arg, "scheme: range %d is none", (int)s->range);
    if (s->bits < 1 || s->bits > 8) return trit_error_set(err, trit_arg, "scheme: %u bits are not between 1 and 8", s->bits);
    if (!has_group(s)) return trit_error_set(err, trit_arg, "scheme: a group of %u columns is none of 32, 64, 128 and 256", s->group);
    if (s->range == trit_range_percentile && !(s->percentile > 0.5f && s->percentile < 1))
        return trit_error_set(err, trit_arg, "scheme: a percentile of %g is not between 0.5 and 1", (double)s->percentile);
    return trit_ok;
}

void trit_scheme_levels(const trit_scheme *s, int *low, int *high) {
    *low = *high = 0;
    if (trit_scheme_check(s, NULL) != trit_ok) return;
    const int top = 1 << (s->bits - 1);
    *high = s->kind == trit_scheme_asymmetric ? 2 * top - 1 : s->kind == trit_scheme_ternary || top == 1 ? 1 : top - 1;
    *low = s->kind == trit_scheme_asymmetric ? 0 : -*high;
}

uint64_t trit_scheme_n_scales(const trit_scheme *s, uint64_t n_rows, uint64_t n_cols) {
    if (!has_group(s)) return 0;
    if (s->grain == trit_grain_tensor) return 1;
    return s->grain == trit_grain_row ? n_rows : n_rows * ((n_cols + s->group - 1) / s->group);
}

double trit_scheme_bits_per_weight(const trit_scheme *s, uint64_t n_rows, uint64_t n_cols) {
    const double level_bits = s->kind == trit_scheme_ternary ? log2(3) : (double)s->bits;
    const double scale_bits = s->kind == trit_scheme_asymmetric ? 32 : 16;
    if (!n_rows || !n_cols || trit_scheme_check(s, NULL) != trit_ok) return 0;
    return level_bits + scale_bits * (double)trit_scheme_n_scales(s, n_rows, n_cols) / ((double)n_rows * (double)n_cols);
}

/* ---- Scales ---- */

typedef struct span {
    float low, high;
} span;

static span full_span(const float *x, size_t n) {
    span s = {n ? x[0] : 0, n ? x[0] : 0};
    for (size_t i = 1; i < n; i++) {
        s.low = x[i] < s.low ? x[i] : s.low;
        s.high = x[i] > s.high ? x[i] : s.high;
    }
    return s;
}

/* The value below which a share of x[0..n) lies (of |x| where `magnitude`), by a histogram: exact to a bin's width, which is 1/2048 of the
 * whole span. */
static float quantile(const float *x, size_t n, span all, bool magnitude, double share) {
    enum { n_bins = 2048 };
    uint32_t bins[n_bins] = {0};
    const float width = (all.high - all.low) / n_bins;
    uint64_t below = 0, wanted = (uint64_t)ceil(share * (double)n);
    if (!(width > 0) || !isfinite(1 / width)) return all.high;
    for (size_t i = 0; i < n; i++) bins[trit_quant_level(((magnitude ? fabsf(x[i]) : x[i]) - all.low) / width, 0, n_bins - 1)]++;
    int bin = 0;
    while (bin < n_bins && below + bins[bin] < wanted) below += bins[bin++];
    return all.low + width * (float)(bin + 1);
}

static span span_of(const trit_scheme *s, const float *x, size_t n) {
    span all = full_span(x, n);
    const double p = (double)s->percentile;
    if (s->kind == trit_scheme_symmetric) {
        const float most = trit_quant_absmax(x, n);
        all = (span){0, s->range == trit_range_percentile ? quantile(x, n, (span){0, most}, true, p) : most};
        all.low = -all.high;
    } else if (s->range == trit_range_percentile) {
        all = (span){quantile(x, n, all, false, 1 - p), quantile(x, n, all, false, p)};
    }
    return all;
}

trit_scheme_scale trit_scheme_fit(const trit_scheme *s, const float *x, const float *weight, size_t n) {
    int low, high;
    trit_scheme_levels(s, &low, &high);
    if (high == 0) return (trit_scheme_scale){0, 0}; /* no scheme */
    if (s->range == trit_range_mse && s->kind == trit_scheme_asymmetric) {
        const trit_fit f = trit_fit_affine(x, weight, n, high, false);
        return (trit_scheme_scale){f.d, f.offset};
    }
    if (s->range == trit_range_mse) return (trit_scheme_scale){fabsf(trit_fit_scale(x, weight, n, low, high)), 0};
    if (s->kind == trit_scheme_ternary) return (trit_scheme_scale){trit_absmean(x, n), 0};
    if (s->bits == 1 && s->kind == trit_scheme_symmetric) return (trit_scheme_scale){n ? (float)(trit_abs_sum(x, n) / (double)n) : 0, 0};
    const span all = span_of(s, x, n);
    if (s->kind == trit_scheme_symmetric) return (trit_scheme_scale){all.high / (float)high, 0};
    return (trit_scheme_scale){(all.high - all.low) / (float)high, all.low};
}

void trit_scheme_quantize(const trit_scheme *s, trit_scheme_scale by, const float *x, size_t n, int16_t *level) {
    int low, high;
    trit_scheme_levels(s, &low, &high);
    const bool zero = !(by.scale > 0);
    const bool signs = s->bits == 1 && s->kind == trit_scheme_symmetric && high == 1;
    for (size_t i = 0; i < n; i++) {
        if (signs) level[i] = x[i] < 0 ? -1 : 1;
        else level[i] = zero ? 0 : (int16_t)trit_quant_level(trit_quant_nearest((x[i] - by.offset) / by.scale), low, high);
    }
}

void trit_scheme_restore(trit_scheme_scale by, const int16_t *level, size_t n, float *x) {
    for (size_t i = 0; i < n; i++) x[i] = by.scale * (float)level[i] + by.offset;
}

trit_status trit_scheme_quantize_matrix(const trit_scheme *s, const float *x, uint64_t n_rows, uint64_t n_cols, int16_t *level,
                                        trit_scheme_scale *scales, trit_error *err) {
    const trit_status status = trit_scheme_check(s, err);
    if (status != trit_ok) return status;
    const uint64_t n = n_rows * n_cols, row = n_cols ? n_cols : 1;
    const uint64_t step = s->grain == trit_grain_tensor ? n : s->grain == trit_grain_row ? n_cols : s->group;
    for (uint64_t at = 0; at < n;) {
        const uint64_t left = s->grain == trit_grain_tensor ? n : row - at % row, m = left < step ? left : step;
        *scales = trit_scheme_fit(s, x + at, NULL, (size_t)m);
        trit_scheme_quantize(s, *scales++, x + at, (size_t)m, level + at);
        at += m;
    }
    return trit_ok;
}

/* ---- Halves ---- */

void trit_to_f16(const float *x, size_t n, uint16_t *out) {
    for (size_t i = 0; i < n; i++) out[i] = trit_f16_from_f32(x[i]);
}

void trit_from_f16(const uint16_t *x, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) out[i] = trit_f32_from_f16(x[i]);
}
