/* See train_report.h. A curve of many steps is drawn as the means of at most `n_buckets` runs of steps. */
#include "train_report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "html.h"
#include "options.h"

enum { n_buckets = 300, left = 70, top = 8, plot_width = 800, plot_height = 240, chart_width = 900, chart_height = 280, n_ticks = 5, n_colours = 6 };

typedef struct curve {
    size_t n;
    double x[n_buckets], y[n_buckets];
} curve;

typedef struct page {
    trit_html html;
    const char *const *dirs;
    trit_train_log *log; /* [n] owned */
    size_t n;
    double last_step;
} page;

/* Means of a column over equal runs of steps; steps that have no such value do not count. None where all are 0: what a run does not have, as
 * codes of float weights. */
static void make_curve(curve *out, const trit_train_log *log, trit_train_column column, double last_step) {
    size_t count[n_buckets] = {0};
    bool is_zero = true;
    *out = (curve){0};
    for (size_t i = 0; i < log->n; i++) {
        const double y = log->point[i].value[column], x = log->point[i].step;
        if (!isfinite(y)) continue;
        size_t bucket = last_step > 0 ? (size_t)((n_buckets - 1) * (x / last_step)) : 0;
        if (bucket >= n_buckets) bucket = n_buckets - 1;
        count[bucket]++;
        is_zero &= y == 0;
        out->x[bucket] += x;
        out->y[bucket] += y;
    }
    for (size_t b = 0; b < n_buckets && !is_zero; b++)
        if (count[b]) {
            out->x[out->n] = out->x[b] / (double)count[b];
            out->y[out->n++] = out->y[b] / (double)count[b];
        }
}

typedef struct range {
    double low, high;
} range;

static void widen(range *r, const curve *c) {
    for (size_t i = 0; i < c->n; i++) {
        r->low = fmin(r->low, c->y[i]);
        r->high = fmax(r->high, c->y[i]);
    }
}

/* Ends at multiples of a round step, so that ticks are round numbers. */
static range rounded(range r, double *step) {
    const double span = r.high > r.low ? r.high - r.low : fmax(fabs(r.high), 1e-9);
    const double rough = span / n_ticks, power = pow(10, floor(log10(rough)));
    *step = rough <= power ? power : rough <= 2 * power ? 2 * power : rough <= 5 * power ? 5 * power : 10 * power;
    return (range){*step * floor(r.low / *step), *step * ceil((r.low < r.high ? r.high : r.low + span) / *step)};
}

static double x_of(const page *p, double step) {
    return left + (p->last_step > 0 ? step / p->last_step * plot_width : 0);
}

static double y_of(range r, double y) {
    return top + (r.high - y) / (r.high - r.low) * plot_height;
}

static void put_axes(page *p, range r, double step) {
    for (int i = 0; r.low + step * i <= r.high + step / 2 && i < 20; i++) {
        const double value = r.low + step * i, y = y_of(r, value);
        trit_html_printf(&p->html, "<line class=\"axis\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", left, y, left + plot_width, y);
        trit_html_printf(&p->html, "<text class=\"dim\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>\n", left - 8, y + 4,
                         fabs(value) < step / 2 ? 0 : value);
    }
    for (int i = 0; i <= 4; i++) {
        const double at = p->last_step * i / 4;
        trit_html_printf(&p->html, "<text class=\"dim\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n", x_of(p, at), top + plot_height + 20, at);
    }
}

static void put_curve(page *p, const curve *c, range r, size_t run, const char *kind) {
    if (!c->n) return;
    trit_html_printf(&p->html, "<path class=\"run%zu%s\" d=\"", run % n_colours, kind);
    for (size_t i = 0; i < c->n; i++) trit_html_printf(&p->html, "%c%.1f %.1f", i ? 'L' : 'M', x_of(p, c->x[i]), y_of(r, c->y[i]));
    trit_html_printf(&p->html, "\"/>\n");
}

/* One chart of a column of all runs; `second` is drawn over it, in the same range: validation over training. */
static trit_status put_chart(page *p, const char *title, trit_train_column column, trit_train_column second, trit_error *err) {
    curve *curves = trit_alloc(2 * p->n, sizeof *curves);
    range r = {INFINITY, -INFINITY};
    double step;
    if (!curves) return trit_error_memory(err, 2 * p->n * sizeof *curves, "the report");
    for (size_t i = 0; i < p->n; i++) {
        make_curve(&curves[2 * i], &p->log[i], column, p->last_step);
        make_curve(&curves[2 * i + 1], &p->log[i], second, p->last_step);
        widen(&r, &curves[2 * i]);
        widen(&r, &curves[2 * i + 1]);
    }
    if (r.low <= r.high) {
        r = rounded(r, &step);
        trit_html_printf(&p->html, "<h2>%s</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n", title, chart_width, chart_height, title);
        put_axes(p, r, step);
        for (size_t i = 0; i < p->n; i++) {
            put_curve(p, &curves[2 * i], r, i, second == column ? "" : " faint");
            if (second != column) put_curve(p, &curves[2 * i + 1], r, i, "");
        }
        trit_html_printf(&p->html, "</svg>\n");
    }
    trit_free(curves);
    return trit_ok;
}

/* The last value of a column; NaN: none. */
static double last_of(const trit_train_log *log, trit_train_column column) {
    for (size_t i = log->n; i > 0; i--)
        if (!isnan(log->point[i - 1].value[column])) return log->point[i - 1].value[column];
    return (double)NAN;
}

static double least_of(const trit_train_log *log, trit_train_column column) {
    double least = (double)NAN;
    for (size_t i = 0; i < log->n; i++) least = fmin(least, log->point[i].value[column]);
    return least;
}

static void put_number(page *p, double x) {
    if (isnan(x)) trit_html_printf(&p->html, "<td>-</td>");
    else trit_html_printf(&p->html, "<td>%.4f</td>", x);
}

static void put_runs(page *p) {
    trit_html_printf(&p->html, "<table>\n<tr><th>run</th><th>steps</th><th>loss</th><th>validation</th><th>its least</th><th>zeros</th></tr>\n");
    for (size_t i = 0; i < p->n; i++) {
        const trit_train_log *log = &p->log[i];
        trit_html_printf(&p->html, "<tr><td><i class=\"key run%zu\"></i>", i % n_colours);
        trit_html_put_text(&p->html, p->dirs[i]);
        trit_html_printf(&p->html, "</td><td>%.0f</td>", log->n ? log->point[log->n - 1].step : 0);
        put_number(p, last_of(log, trit_column_loss));
        put_number(p, last_of(log, trit_column_val_loss));
        put_number(p, least_of(log, trit_column_val_loss));
        put_number(p, last_of(log, trit_column_zeros));
        trit_html_printf(&p->html, "</tr>\n");
    }
    trit_html_printf(&p->html, "</table>\n");
}

static trit_status put_config(page *p, const trit_train_config *config, trit_error *err) {
    static const char *const keys[] = {
#define TRIT_TRAIN_MODEL(kind, key, ...) #key,
#define TRIT_TRAIN_DATA TRIT_TRAIN_MODEL
#define TRIT_TRAIN_OPTIM TRIT_TRAIN_MODEL
#define TRIT_TRAIN_SCHEDULE TRIT_TRAIN_MODEL
#define TRIT_TRAIN_RUN TRIT_TRAIN_MODEL
#include "trit/train.def"
    };
    trit_text value = {0};
    trit_status status = trit_ok;
    trit_html_printf(&p->html, "<h2>Configuration</h2>\n<table>\n");
    for (size_t i = 0; i < TRIT_COUNT(keys) && status == trit_ok; i++) {
        status = trit_train_config_get(&value, config, keys[i], err);
        if (status != trit_ok || !value.n) continue;
        trit_html_printf(&p->html, "<tr><td>%s</td><td>", keys[i]);
        trit_html_put_text(&p->html, value.data);
        trit_html_printf(&p->html, "</td></tr>\n");
    }
    trit_html_printf(&p->html, "</table>\n");
    trit_text_fini(&value);
    return status;
}

static trit_status put_page(page *p, const trit_train_config *config, trit_error *err) {
    static const struct {
        const char *title;
        trit_train_column column, second;
    } charts[] = {
        {"Loss, nats a token", trit_column_loss, trit_column_val_loss},
        {"Learning rate", trit_column_lr, trit_column_lr},
        {"Length of the gradient", trit_column_grad_norm, trit_column_grad_norm},
        {"Share of zeros among ternary weights", trit_column_zeros, trit_column_zeros},
        {"Share of ternary weights that changed in a step", trit_column_flip_rate, trit_column_flip_rate},
    };
    trit_status status = trit_ok;
    trit_html_begin(&p->html, "trit train");
    put_runs(p);
    for (size_t i = 0; i < TRIT_COUNT(charts) && status == trit_ok; i++) status = put_chart(p, charts[i].title, charts[i].column, charts[i].second, err);
    if (status == trit_ok) status = put_config(p, config, err);
    trit_html_end(&p->html, "Faint: training, means of some steps; strong: validation. The configuration is that of the first run.");
    return status;
}

trit_status trit_train_report(const char *path, const char *const *dirs, size_t n, const trit_train_config *config, trit_error *err) {
    page p = {.dirs = dirs, .n = n, .log = trit_alloc_zero(n, sizeof *p.log)};
    trit_status status = p.log ? trit_ok : trit_error_memory(err, n * sizeof *p.log, "the report");
    for (size_t i = 0; i < n && status == trit_ok; i++) {
        status = trit_train_log_read(&p.log[i], dirs[i], err);
        if (status == trit_ok && p.log[i].n) p.last_step = fmax(p.last_step, p.log[i].point[p.log[i].n - 1].step);
    }
    if (status == trit_ok) status = put_page(&p, config, err);
    if (status == trit_ok) status = trit_html_save(&p.html, path, err);
    for (size_t i = 0; i < n && p.log; i++) trit_train_log_fini(&p.log[i]);
    trit_free(p.log);
    trit_html_fini(&p.html);
    return status;
}
