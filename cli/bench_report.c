/* trit bench report: one HTML page that needs nothing else, with charts as inline SVG. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "bench.h"
#include "command.h"
#include "html.h"

typedef struct report_opts {
    const char *html;
} report_opts;

static void name_of(char out[96], const trit_bench_row *row, bool of_kernels) {
    if (of_kernels) snprintf(out, 96, "%s, %s", row->test, row->tier);
    else if (row->depth) snprintf(out, 96, "%.40s at %" PRIu32 ", %" PRIu32 " thr", row->test, row->depth, row->threads);
    else if (row->batch > 1) snprintf(out, 96, "%.40s x %" PRIu32 ", %" PRIu32 " thr", row->test, row->batch, row->threads);
    else snprintf(out, 96, "%.40s, %" PRIu32 " thr", row->test, row->threads);
}

enum { label_width = 270, bar_width = 520, row_height = 22, chart_width = 900 };

typedef struct bar {
    double value, low, high; /* low == high: no whisker */
} bar;

static bar speed_of(const trit_bench_figures *f) {
    return (bar){f->rate.median, f->rate.q1, f->rate.q3};
}

static bar share_of(const trit_bench_figures *f) {
    double share = 100 * (f->memory_bound ? f->of_read : f->of_macs);
    return (bar){share, share, share};
}

static double higher(double a, double b) {
    return a > b ? a : b;
}

/* One bar with its name before and its value behind it; `scale` is pixels a unit. */
static void put_bar(trit_html *p, const char *name, bar b, size_t y, double scale, const char *unit) {
    trit_html_printf(p, "<text x=\"%d\" y=\"%zu\" text-anchor=\"end\">", label_width - 8, y + 15);
    trit_html_put_text(p, name);
    trit_html_printf(p, "</text><rect x=\"%d\" y=\"%zu\" width=\"%.1f\" height=\"%d\"/>", label_width, y + 4, b.value * scale, row_height - 8);
    if (b.low < b.high)
        trit_html_printf(p, "<line class=\"whisker\" x1=\"%.1f\" y1=\"%zu\" x2=\"%.1f\" y2=\"%zu\"/>", label_width + b.low * scale, y + row_height / 2,
             label_width + b.high * scale, y + row_height / 2);
    trit_html_printf(p, "<text class=\"dim\" x=\"%.1f\" y=\"%zu\">%.4g %s</text>\n", label_width + higher(b.value, b.high) * scale + 8, y + 15, b.value, unit);
}

/* Horizontal bars, one a row, from 0; `full` is the value at the right end at least. */
static void put_chart(trit_html *p, const trit_bench_doc *doc, const char *title, const char *unit, double full, bar (*of)(const trit_bench_figures *f)) {
    size_t n = 0, y = 0;
    for (size_t i = 0; i < doc->n_rows; i++) {
        if (*doc->rows[i].error) continue;
        trit_bench_figures f = trit_bench_figures_of(&doc->rows[i]);
        full = higher(full, higher(of(&f).value, of(&f).high));
        n++;
    }
    if (!n || !(full > 0)) return;
    trit_html_printf(p, "<h2>%s</h2>\n<svg viewBox=\"0 0 %d %zu\" role=\"img\" aria-label=\"%s\">\n", title, chart_width, n * row_height + 4, title);
    trit_html_printf(p, "<line class=\"axis\" x1=\"%d\" y1=\"0\" x2=\"%d\" y2=\"%zu\"/>\n", label_width, label_width, n * row_height);
    for (size_t i = 0; i < doc->n_rows; i++) {
        if (*doc->rows[i].error) continue;
        trit_bench_figures f = trit_bench_figures_of(&doc->rows[i]);
        char name[96];
        name_of(name, &doc->rows[i], doc->of_kernels);
        put_bar(p, name, of(&f), y, bar_width / full, unit);
        y += row_height;
    }
    trit_html_printf(p, "</svg>\n");
}

static void put_machine(trit_html *p, const trit_bench_doc *doc) {
    const trit_bench_machine *m = &doc->machine;
    const struct {
        const char *name, *text;
    } lines[] = {{"Processor", m->cpu}, {"Instruction set", m->tier}, {"trit", m->version},
                 {"Revision", m->revision}, {"Compiler", m->compiler}, {"Date", m->date}};
    trit_html_printf(p, "<table>\n");
    if (!doc->of_kernels) {
        trit_html_printf(p, "<tr><td>Model</td><td>");
        trit_html_put_text(p, trit_model_choice_name(&doc->plan.model));
        trit_html_printf(p, "</td></tr>\n");
    }
    for (size_t i = 0; i < TRIT_COUNT(lines); i++) {
        if (!*lines[i].text) continue;
        trit_html_printf(p, "<tr><td>%s</td><td>", lines[i].name);
        trit_html_put_text(p, lines[i].text);
        trit_html_printf(p, "</td></tr>\n");
    }
    trit_html_printf(p, "<tr><td>Cores, memory</td><td>%" PRIu64 ", %.1f GB</td></tr>\n</table>\n", m->cores, (double)m->memory_bytes * 1e-9);
}

static void put_table(trit_html *p, const trit_bench_doc *doc) {
    trit_html_printf(p, "<h2>Figures</h2>\n<table>\n<tr><th>test</th><th>%s</th><th>quartiles</th><th>GB/s</th><th>of read limit</th><th>GMAC/s</th>"
            "<th>of peak</th></tr>\n",
         doc->of_kernels ? "calls/s" : "tokens/s");
    for (size_t i = 0; i < doc->n_rows; i++) {
        const trit_bench_row *row = &doc->rows[i];
        trit_bench_figures f = trit_bench_figures_of(row);
        char name[96];
        name_of(name, row, doc->of_kernels);
        trit_html_printf(p, "<tr><td>");
        trit_html_put_text(p, name);
        if (*row->error) {
            trit_html_printf(p, "</td><td colspan=\"6\">");
            trit_html_put_text(p, row->error);
            trit_html_printf(p, "</td></tr>\n");
            continue;
        }
        trit_html_printf(p, "</td><td>%.4g</td><td>%.4g to %.4g</td><td>%.2f</td><td>%.0f %%</td><td>%.4g</td><td>%.0f %%</td></tr>\n", f.rate.median,
                         f.rate.q1, f.rate.q3, f.gb_s, 100 * f.of_read, f.gmac_s, 100 * f.of_macs);
    }
    trit_html_printf(p, "</table>\n");
}

static void put_page(trit_html *p, const trit_bench_doc *doc) {
    trit_html_begin(p, "trit bench");
    put_machine(p, doc);
    put_chart(p, doc, doc->of_kernels ? "Calls a second" : "Tokens a second", "", 0, speed_of);
    put_chart(p, doc, "Share of the machine&#39;s nearer limit", "%", 100, share_of);
    put_table(p, doc);
    trit_html_end(p, "Bars are medians, lines across them the middle half of the samples. Limits were measured in the same run.");
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    const report_opts *o = opts;
    trit_bench_doc doc = {0};
    trit_html p = {0};
    trit_status status = trit_args_at_most(args, 1, err);
    if (status == trit_ok && !args->n) status = trit_error_set(err, trit_arg, "bench report needs a file of trit bench --output");
    if (status == trit_ok && !o->html) status = trit_error_set(err, trit_arg, "bench report needs --html OUT");
    if (status == trit_ok) status = trit_bench_read(&doc, args->item[0], err);
    if (status == trit_ok) put_page(&p, &doc);
    if (status == trit_ok) status = trit_html_save(&p, o->html, err);
    trit_html_fini(&p);
    trit_bench_doc_fini(&doc);
    return status;
}

static const trit_option options[] = {
    {"html", 0, trit_opt_file, offsetof(report_opts, html), "OUT", 0, 0, "where to write the page"},
};

static const trit_opt_group groups[] = {{"Report", options, TRIT_COUNT(options), 0}};

static const trit_example examples[] = {
    {"trit bench report run.json --html run.html", "a page with charts; it needs no other file"},
};

static const report_opts defaults;

const trit_command trit_bench_report = {
    .usage = "FILE --html OUT",
    .about = "Writes a file of \"trit bench --output\" as one HTML page with charts: speeds with their spread, shares of the machine's limits, and the table. "
             "The page has no scripts and loads nothing.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
