/* Reports of trit quantize, see quantize_report.h. */
#include "quantize_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/os.h"
#include "base/str.h"
#include "html.h"

void trit_report_init(trit_quantize_report *r, const char *in, const char *out, const trit_conversion *said) {
    *r = (trit_quantize_report){.in = in, .out = out, .said = said};
}

void trit_report_fini(trit_quantize_report *r) {
    trit_free(r->row);
}

void trit_report_add(trit_quantize_report *r, const trit_quantized *t) {
    void *p = r->row;
    if (!trit_grow(&p, &r->capacity, r->n + 1, sizeof *r->row)) {
        r->failed = true;
        return;
    }
    r->row = p;
    trit_report_row *row = &r->row[r->n++];
    row->t = *t;
    snprintf(row->name, sizeof row->name, "%s", t->name);
    snprintf(row->scheme, sizeof row->scheme, "%s", t->scheme);
}

static bool is_kept(const trit_report_row *row) {
    return isinf(row->t.sqnr_db);
}

trit_report_sums trit_report_sum(const trit_quantize_report *r) {
    trit_report_sums s = {.worst_db = INFINITY};
    for (size_t i = 0; i < r->n; i++) {
        const trit_report_row *row = &r->row[i];
        s.bytes += row->t.bytes;
        if (is_kept(row)) continue;
        s.n++;
        s.sqnr_db += row->t.sqnr_db;
        s.cosine += row->t.cosine;
        if (row->t.sqnr_db < s.worst_db) {
            s.worst_db = row->t.sqnr_db;
            s.worst = row->name;
        }
    }
    s.sqnr_db = s.n ? s.sqnr_db / (double)s.n : (double)NAN;
    s.cosine = s.n ? s.cosine / (double)s.n : (double)NAN;
    return s;
}

/* ---- JSON ---- */

static void put_row(trit_jsonw *w, const trit_report_row *row) {
    const trit_quantized *t = &row->t;
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "name", row->name);
    trit_jsonw_put_str(w, "scheme", row->scheme);
    trit_jsonw_put_str(w, "type_in", t->type_in);
    trit_jsonw_put_str(w, "type", t->type);
    trit_jsonw_put_uint(w, "rows", t->n_rows);
    trit_jsonw_put_uint(w, "cols", t->n_cols);
    trit_jsonw_put_uint(w, "bytes_in", t->bytes_in);
    trit_jsonw_put_uint(w, "bytes", t->bytes);
    trit_jsonw_put_f64(w, "mse", t->mse);
    trit_jsonw_put_f64(w, "sqnr_db", t->sqnr_db); /* null: no error */
    trit_jsonw_put_f64(w, "cosine", t->cosine);
    trit_jsonw_put_f64(w, "max_error", t->max_error);
    if (!isnan(t->weighted_sqnr_db)) trit_jsonw_put_f64(w, "weighted_sqnr_db", t->weighted_sqnr_db);
    if (!isnan(t->predicted_sqnr_db)) trit_jsonw_put_f64(w, "predicted_sqnr_db", t->predicted_sqnr_db);
    trit_jsonw_close(w, '}');
}

void trit_report_put_json(const trit_quantize_report *r, trit_jsonw *w) {
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "in", r->in);
    trit_jsonw_put_str(w, "out", r->out);
    trit_jsonw_put_uint(w, "n_tensors", r->total.n_tensors);
    trit_jsonw_put_uint(w, "bytes_in", r->total.bytes_in);
    trit_jsonw_put_uint(w, "bytes_out", r->total.bytes_out);
    trit_jsonw_key(w, "tensors");
    trit_jsonw_array(w);
    for (size_t i = 0; i < r->n; i++) put_row(w, &r->row[i]);
    trit_jsonw_close(w, ']');
    trit_conversion_put_json(r->said, w);
    trit_jsonw_close(w, '}');
}

static trit_status save_json(const trit_quantize_report *r, const char *path, trit_error *err) {
    trit_jsonw w = {0};
    trit_report_put_json(r, &w);
    const bool ok = !w.failed && trit_text_append(&w.text, "\n", 1);
    const trit_status status = ok ? trit_os_write_file(path, w.text.data, w.text.n, err) : trit_error_memory(err, w.text.n, "the report");
    trit_jsonw_fini(&w);
    return status;
}

/* ---- HTML ---- */

static void put_head(trit_html *p, const trit_quantize_report *r) {
    const trit_report_sums s = trit_report_sum(r);
    trit_html_printf(p, "<table>\n<tr><td>From</td><td>");
    trit_html_put_text(p, r->in);
    trit_html_printf(p, "</td></tr>\n<tr><td>To</td><td>");
    trit_html_put_text(p, r->out);
    trit_html_printf(p, "</td></tr>\n<tr><td>Tensors</td><td>%.2f MB from %.2f MB</td></tr>\n", (double)r->total.bytes_out * 1e-6,
                     (double)r->total.bytes_in * 1e-6);
    trit_html_printf(p, "<tr><td>Quantized</td><td>%" PRIu64 " matrices of %zu</td></tr>\n", s.n, r->n);
    if (s.n) trit_html_printf(p, "<tr><td>SQNR, cosine</td><td>%.2f dB, %.5f on average</td></tr>\n", s.sqnr_db, s.cosine);
    trit_html_printf(p, "</table>\n");
}

/* Bytes of each type, largest first. */
static void put_types(trit_html *p, const trit_quantize_report *r) {
    struct { const char *type; uint64_t n, bytes, weights; } sums[64];
    size_t n = 0;
    uint64_t most = 1;
    for (size_t i = 0; i < r->n; i++) {
        const trit_quantized *t = &r->row[i].t;
        size_t k = 0;
        while (k < n && strcmp(sums[k].type, t->type) != 0) k++;
        if (k == TRIT_COUNT(sums)) continue; /* there are fewer types */
        if (k == n) {
            sums[n].type = t->type;
            sums[n].n = sums[n].bytes = sums[n].weights = 0;
            n++;
        }
        sums[k].n++;
        sums[k].bytes += t->bytes;
        sums[k].weights += t->n_rows * t->n_cols;
        if (sums[k].bytes > most) most = sums[k].bytes;
    }
    trit_html_printf(p, "<h2>Types</h2>\n<table>\n<tr><th>type</th><th>matrices</th><th>MB</th><th>bits a weight</th><th>share</th></tr>\n");
    for (size_t k = 0; k < n; k++)
        trit_html_printf(p, "<tr><td>%s</td><td>%" PRIu64 "</td><td>%.2f</td><td>%.3f</td><td class=\"bar\"><i style=\"width:%.1f%%\"></i></td></tr>\n",
                         sums[k].type, sums[k].n, (double)sums[k].bytes * 1e-6, 8 * (double)sums[k].bytes / (double)sums[k].weights,
                         100 * (double)sums[k].bytes / (double)most);
    trit_html_printf(p, "</table>\n");
}

static int worst_first(const void *a, const void *b) {
    const trit_report_row *x = *(const trit_report_row *const *)a, *y = *(const trit_report_row *const *)b;
    return x->t.sqnr_db < y->t.sqnr_db ? -1 : x->t.sqnr_db > y->t.sqnr_db ? 1 : strcmp(x->name, y->name);
}

/* Not a number: it was not measured. */
static void put_db(trit_html *p, double db) {
    if (isnan(db)) trit_html_printf(p, "<td>-</td>");
    else if (isinf(db)) trit_html_printf(p, "<td>exact</td>");
    else trit_html_printf(p, "<td>%.2f</td>", db);
}

/* The bar is the SQNR: 60 dB fill it, and below 20 dB it has the other colour. */
static void put_matrix(trit_html *p, const trit_report_row *row, bool predicted, bool weighted) {
    const trit_quantized *t = &row->t;
    const double share = isinf(t->sqnr_db) || t->sqnr_db > 60 ? 100 : t->sqnr_db < 0 ? 0 : t->sqnr_db / 0.6;
    trit_html_printf(p, "<tr><td>");
    trit_html_put_text(p, row->name);
    trit_html_printf(p, "</td><td>%" PRIu64 " x %" PRIu64 "</td><td>%s</td><td>%s</td><td>%s</td>", t->n_rows, t->n_cols, t->type_in, row->scheme, t->type);
    trit_html_printf(p, "<td>%" PRIu64 "</td><td>%.3f</td><td>%.4g</td>", t->bytes, 8 * (double)t->bytes / ((double)t->n_rows * (double)t->n_cols), t->mse);
    put_db(p, t->sqnr_db);
    trit_html_printf(p, "<td class=\"bar\"><i%s style=\"width:%.1f%%\"></i></td>", t->sqnr_db < 20 ? " class=\"low\"" : "", share);
    trit_html_printf(p, "<td>%.6f</td><td>%.4g</td>", t->cosine, t->max_error);
    if (weighted) put_db(p, t->weighted_sqnr_db);
    if (predicted) put_db(p, t->predicted_sqnr_db);
    trit_html_printf(p, "</tr>\n");
}

static trit_status save_html(const trit_quantize_report *r, const char *path, trit_error *err) {
    trit_html p = {0};
    bool predicted = false, weighted = false;
    const trit_report_row **sorted = trit_alloc(r->n, sizeof *sorted);
    if (!sorted) return trit_error_memory(err, r->n * sizeof *sorted, "the report");
    for (size_t i = 0; i < r->n; i++) {
        sorted[i] = &r->row[i];
        predicted |= !isnan(r->row[i].t.predicted_sqnr_db);
        weighted |= !isnan(r->row[i].t.weighted_sqnr_db);
    }
    qsort(sorted, r->n, sizeof *sorted, worst_first);
    trit_html_begin(&p, "trit quantize");
    put_head(&p, r);
    put_types(&p, r);
    trit_html_printf(&p, "<h2>Matrices, the worst first</h2>\n<table>\n<tr><th>name</th><th>shape</th><th>was</th><th>scheme</th><th>type</th><th>bytes</th>"
                         "<th>bits a weight</th><th>MSE</th><th>SQNR, dB</th><th></th><th>cosine</th><th>largest error</th>%s%s</tr>\n",
                     weighted ? "<th>SQNR weighted</th>" : "", predicted ? "<th>SQNR planned with</th>" : "");
    for (size_t i = 0; i < r->n; i++) put_matrix(&p, sorted[i], predicted, weighted);
    trit_html_printf(&p, "</table>\n");
    trit_html_end(&p, "Errors are those of the values in the file against the values that they stand for. Bars: SQNR, full at 60 dB.");
    trit_free(sorted);
    return trit_html_save(&p, path, err);
}

/* ---- Files ---- */

trit_status trit_report_check(const char *path, trit_error *err) {
    if (trit_ends_with(path, ".html") || trit_ends_with(path, ".json")) return trit_ok;
    return trit_error_set(err, trit_arg, "--report %.200s: the name ends in .html or .json", path);
}

trit_status trit_report_save(const trit_quantize_report *r, const char *path, trit_error *err) {
    return trit_ends_with(path, ".json") ? save_json(r, path, err) : save_html(r, path, err);
}
