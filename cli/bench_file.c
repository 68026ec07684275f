/* The file of a run: one JSON document, from which everything that a table shows can be worked out again. Files come from anywhere:
 * every value is checked. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "base/os.h"
#include "bench.h"
#include "input.h"
#include "jsonw.h"

enum { file_version = 1 };

static void put_list(trit_jsonw *w, const char *key, const trit_bench_list *list) {
    trit_jsonw_key(w, key);
    trit_jsonw_array(w);
    for (size_t i = 0; i < list->n; i++) trit_jsonw_uint(w, list->item[i]);
    trit_jsonw_close(w, ']');
}

static void put_reals(trit_jsonw *w, const char *key, const double *x, size_t n) {
    trit_jsonw_key(w, key);
    trit_jsonw_array(w);
    for (size_t i = 0; i < n; i++) trit_jsonw_f64(w, x[i]);
    trit_jsonw_close(w, ']');
}

/* Limits of each number of threads and tier, once. */
static void put_limits(trit_jsonw *w, const trit_bench_doc *doc) {
    trit_jsonw_key(w, "limits");
    trit_jsonw_array(w);
    for (size_t i = 0; i < doc->n_rows; i++) {
        const trit_bench_row *row = &doc->rows[i];
        size_t first = 0;
        while (doc->rows[first].threads != row->threads || strcmp(doc->rows[first].tier, row->tier) != 0) first++;
        if (first < i) continue;
        trit_jsonw_object(w);
        trit_jsonw_put_uint(w, "threads", row->threads);
        trit_jsonw_put_str(w, "tier", row->tier);
        trit_jsonw_put_f64(w, "read_gb_s", row->limits.read_bytes_s * 1e-9);
        trit_jsonw_put_f64(w, "int8_gmac_s", row->limits.int8_macs_s * 1e-9);
        trit_jsonw_put_f64(w, "float_gmac_s", row->limits.float_macs_s * 1e-9);
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, ']');
}

static void put_machine(trit_jsonw *w, const trit_bench_doc *doc) {
    const trit_bench_machine *m = &doc->machine;
    trit_jsonw_key(w, "machine");
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "cpu", m->cpu);
    trit_jsonw_put_str(w, "tier", m->tier);
    trit_jsonw_put_uint(w, "cores", m->cores);
    trit_jsonw_put_uint(w, "cpus", m->cpus);
    trit_jsonw_put_uint(w, "memory_bytes", m->memory_bytes);
    trit_jsonw_put_uint(w, "cache_bytes", m->cache_bytes);
    trit_jsonw_put_str(w, "version", m->version);
    trit_jsonw_put_str(w, "compiler", m->compiler);
    trit_jsonw_put_str(w, "revision", *m->revision ? m->revision : NULL);
    trit_jsonw_put_str(w, "date", m->date);
    put_limits(w, doc);
    trit_jsonw_close(w, '}');
}

static void put_plan(trit_jsonw *w, const trit_bench_plan *plan) {
    trit_jsonw_key(w, "plan");
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "model", plan->model.model);
    trit_jsonw_put_str(w, "activations", plan->model.activations);
    trit_jsonw_put_str(w, "device", plan->run.device);
    trit_jsonw_put_str(w, "kv", plan->run.kv);
    trit_jsonw_put_uint(w, "ctx", (uint64_t)plan->run.context);
    trit_jsonw_put_uint(w, "chunk", (uint64_t)plan->run.chunk);
    put_list(w, "prompts", &plan->prompts);
    trit_jsonw_put_uint(w, "tokens", plan->n_tokens);
    put_list(w, "threads", &plan->threads);
    put_list(w, "batches", &plan->batches);
    put_list(w, "depths", &plan->depths);
    trit_jsonw_put_uint(w, "repetitions", plan->repetitions);
    trit_jsonw_close(w, '}');
}

static void put_row(trit_jsonw *w, const trit_bench_row *row, bool of_kernels) {
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "test", row->test);
    trit_jsonw_put_str(w, "tier", row->tier);
    trit_jsonw_put_uint(w, "threads", row->threads);
    trit_jsonw_put_uint(w, "batch", row->batch);
    trit_jsonw_put_uint(w, "depth", row->depth);
    if (*row->error) {
        trit_jsonw_put_str(w, "error", row->error);
    } else {
        trit_bench_figures f = trit_bench_figures_of(row);
        trit_jsonw_put_f64(w, of_kernels ? "calls_s" : "tps", f.rate.median);
        trit_jsonw_put_f64(w, "iqr", f.rate.q3 - f.rate.q1);
        trit_jsonw_put_f64(w, "gb_s", f.gb_s);
        trit_jsonw_put_f64(w, "limit_gb_s", f.limit_gb_s);
        trit_jsonw_put_f64(w, "of_limit", f.of_read);
        trit_jsonw_put_f64(w, "gmac_s", f.gmac_s);
        trit_jsonw_put_f64(w, "limit_gmac_s", f.limit_gmac_s);
        trit_jsonw_put_f64(w, "of_limit_gmac", f.of_macs);
        trit_jsonw_put_str(w, "bound", f.memory_bound ? "memory" : "compute");
    }
    trit_jsonw_put_f64(w, "bytes", row->bytes);
    trit_jsonw_put_f64(w, "int8_macs", row->int8_macs);
    trit_jsonw_put_f64(w, "float_macs", row->float_macs);
    trit_jsonw_put_bool(w, "beyond_caches", row->beyond_caches);
    put_reals(w, "samples", row->rate, row->n);
    put_reals(w, "shares", row->share, row->n);
    put_reals(w, "limits", (double[]){row->limits.read_bytes_s, row->limits.int8_macs_s, row->limits.float_macs_s}, 3);
    trit_jsonw_close(w, '}');
}

void trit_bench_put(trit_jsonw *w, const trit_bench_doc *doc) {
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "format", "trit-bench");
    trit_jsonw_put_uint(w, "version", file_version);
    trit_jsonw_put_str(w, "kind", doc->of_kernels ? "kernels" : "model");
    if (!doc->of_kernels) trit_jsonw_put_str(w, "model", trit_model_choice_name(&doc->plan.model));
    put_machine(w, doc);
    put_plan(w, &doc->plan);
    trit_jsonw_key(w, "rows");
    trit_jsonw_array(w);
    for (size_t i = 0; i < doc->n_rows; i++) put_row(w, &doc->rows[i], doc->of_kernels);
    trit_jsonw_close(w, ']');
    trit_jsonw_close(w, '}');
}

trit_status trit_bench_write(const trit_bench_doc *doc, const char *path, trit_error *err) {
    trit_jsonw w = {0};
    trit_bench_put(&w, doc);
    if (!w.failed && !trit_text_append(&w.text, "\n", 1)) w.failed = true;
    trit_status status = w.failed ? trit_error_set(err, trit_memory, "out of memory: the results") : trit_os_write_file(path, w.text.data, w.text.n, err);
    trit_jsonw_fini(&w);
    return status;
}

/* Reading keeps the first error. */
typedef struct reader {
    const char *path;
    trit_status status;
    trit_error *err;
} reader;

static void refuse(reader *r, const char *what, const char *key, size_t row) {
    if (r->status != trit_ok) return;
    if (row != SIZE_MAX) r->status = trit_error_set(r->err, trit_format, "%s: row %zu: %s \"%s\"", r->path, row, what, key);
    else r->status = trit_error_set(r->err, trit_format, "%s: %s \"%s\"", r->path, what, key);
}

static void get_text(reader *r, const trit_json *object, const char *key, size_t row, char *out, size_t n) {
    trit_str s = trit_json_as_str(trit_json_get(object, key));
    if (!s.p || s.n >= n || memchr(s.p, '\0', s.n)) {
        refuse(r, "no text of fitting length in", key, row);
        return;
    }
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
}

static double get_real(reader *r, const trit_json *object, const char *key, size_t row, double max) {
    double x = trit_json_as_real(trit_json_get(object, key), -1);
    if (x >= 0 && x <= max) return x;
    refuse(r, "no fitting number in", key, row);
    return 0;
}

static size_t get_reals(reader *r, const trit_json *object, const char *key, size_t row, double *out, size_t max) {
    const trit_json *list = trit_json_get(object, key);
    size_t n = trit_json_length(list);
    if (trit_json_kind_of(list) != trit_json_array || n > max) {
        refuse(r, "no list of fitting length in", key, row);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = trit_json_as_real(trit_json_at(list, i), -1);
        if (!(out[i] > 0 && out[i] < 1e30)) refuse(r, "no positive numbers in", key, row);
    }
    return n;
}

/* A text of the document itself, which ends with a NUL, or NULL. */
static const char *borrow(const trit_json *object, const char *key) {
    trit_str s = trit_json_as_str(trit_json_get(object, key));
    return s.p && !memchr(s.p, '\0', s.n) ? s.p : NULL;
}

static void read_list(reader *r, const trit_json *plan, const char *key, uint32_t max, trit_bench_list *out) {
    double x[trit_bench_max_list] = {0};
    out->n = get_reals(r, plan, key, SIZE_MAX, x, trit_bench_max_list);
    for (size_t i = 0; i < out->n; i++) {
        if (x[i] < 1 || x[i] > max) refuse(r, "a number out of range in", key, SIZE_MAX);
        else out->item[i] = (uint32_t)x[i];
    }
}

static void read_plan(reader *r, const trit_json *plan, trit_bench_plan *out) {
    out->model = (trit_model_choice){.model = borrow(plan, "model"), .activations = borrow(plan, "activations")};
    out->run = (trit_run_choice){.device = borrow(plan, "device"), .kv = borrow(plan, "kv")};
    out->run.context = (int64_t)get_real(r, plan, "ctx", SIZE_MAX, 1 << 30);
    out->run.chunk = (int64_t)get_real(r, plan, "chunk", SIZE_MAX, 1 << 20);
    out->n_tokens = (uint32_t)get_real(r, plan, "tokens", SIZE_MAX, 1 << 20);
    out->repetitions = (uint32_t)get_real(r, plan, "repetitions", SIZE_MAX, trit_stats_max);
    if (!out->repetitions) refuse(r, "no fitting number in", "repetitions", SIZE_MAX);
    read_list(r, plan, "prompts", 1 << 20, &out->prompts);
    read_list(r, plan, "threads", 1024, &out->threads);
    read_list(r, plan, "batches", 256, &out->batches);
    read_list(r, plan, "depths", 1 << 20, &out->depths);
}

static void read_machine(reader *r, const trit_json *machine, trit_bench_machine *out) {
    get_text(r, machine, "cpu", SIZE_MAX, out->cpu, sizeof out->cpu);
    get_text(r, machine, "tier", SIZE_MAX, out->tier, sizeof out->tier);
    get_text(r, machine, "version", SIZE_MAX, out->version, sizeof out->version);
    get_text(r, machine, "compiler", SIZE_MAX, out->compiler, sizeof out->compiler);
    get_text(r, machine, "date", SIZE_MAX, out->date, sizeof out->date);
    if (trit_json_kind_of(trit_json_get(machine, "revision")) == trit_json_string)
        get_text(r, machine, "revision", SIZE_MAX, out->revision, sizeof out->revision);
    out->cores = (uint64_t)get_real(r, machine, "cores", SIZE_MAX, 1e6);
    out->cpus = (uint64_t)get_real(r, machine, "cpus", SIZE_MAX, 1e6);
    out->memory_bytes = (uint64_t)get_real(r, machine, "memory_bytes", SIZE_MAX, 1e18);
    out->cache_bytes = (uint64_t)get_real(r, machine, "cache_bytes", SIZE_MAX, 1e15);
}

static void read_row(reader *r, const trit_json *v, size_t i, trit_bench_row *row) {
    double limits[3] = {0};
    get_text(r, v, "test", i, row->test, sizeof row->test);
    get_text(r, v, "tier", i, row->tier, sizeof row->tier);
    row->threads = (uint32_t)get_real(r, v, "threads", i, 1e6);
    row->batch = (uint32_t)get_real(r, v, "batch", i, 1e6);
    row->depth = (uint32_t)get_real(r, v, "depth", i, 1e9);
    row->bytes = get_real(r, v, "bytes", i, 1e18);
    row->int8_macs = get_real(r, v, "int8_macs", i, 1e18);
    row->float_macs = get_real(r, v, "float_macs", i, 1e18);
    row->beyond_caches = trit_json_as_bool(trit_json_get(v, "beyond_caches"), false);
    if (trit_json_get(v, "error")) {
        get_text(r, v, "error", i, row->error, sizeof row->error);
        return;
    }
    row->n = get_reals(r, v, "samples", i, row->rate, trit_stats_max);
    bool paired = get_reals(r, v, "shares", i, row->share, trit_stats_max) == row->n;
    if (!paired || !row->n) refuse(r, "not a number for each repetition in", "shares", i);
    if (get_reals(r, v, "limits", i, limits, 3) != 3) refuse(r, "three numbers are not in", "limits", i);
    row->limits = (trit_limits){limits[0], limits[1], limits[2]};
}

static void read_doc(reader *r, const trit_json *v, trit_bench_doc *doc) {
    const trit_json *rows = trit_json_get(v, "rows");
    if (!trit_str_is(trit_json_as_str(trit_json_get(v, "format")), "trit-bench")) {
        r->status = trit_error_set(r->err, trit_format, "%s: not a file of `trit bench --output`", r->path);
        return;
    }
    int64_t version = trit_json_as_int(trit_json_get(v, "version"), -1);
    if (version != file_version) {
        r->status = trit_error_set(r->err, trit_format, "%s: version %" PRId64 " of the file, this program reads %d", r->path, version, file_version);
        return;
    }
    if (trit_json_kind_of(rows) != trit_json_array || !trit_json_length(rows) || trit_json_length(rows) > trit_stats_max_pairs) {
        r->status = trit_error_set(r->err, trit_format, "%s: \"rows\" is not a list of 1 to %d rows", r->path, trit_stats_max_pairs);
        return;
    }
    doc->of_kernels = trit_str_is(trit_json_as_str(trit_json_get(v, "kind")), "kernels");
    read_machine(r, trit_json_get(v, "machine"), &doc->machine);
    read_plan(r, trit_json_get(v, "plan"), &doc->plan);
    for (size_t i = 0; i < trit_json_length(rows) && r->status == trit_ok; i++) {
        trit_bench_row *row = trit_bench_add_row(doc);
        if (!row) r->status = trit_error_memory(r->err, sizeof *row, r->path);
        else read_row(r, trit_json_at(rows, i), i, row);
    }
    if (r->status == trit_ok) (void)trit_bench_doubt(doc);
}

trit_status trit_bench_parse(trit_bench_doc *doc, const trit_text *text, const char *name, trit_error *err) {
    trit_bench_doc read = {0};
    reader r = {name, trit_json_parse(&read.source, text->data ? text->data : "", text->n, name, err), err};
    if (r.status == trit_ok) read_doc(&r, read.source, &read);
    if (r.status == trit_ok) *doc = read;
    else trit_bench_doc_fini(&read);
    return r.status;
}

trit_status trit_bench_read(trit_bench_doc *doc, const char *path, trit_error *err) {
    trit_text text = {0};
    trit_status status = trit_input_read(&text, path, err);
    if (status == trit_ok) status = trit_bench_parse(doc, &text, path, err);
    trit_text_fini(&text);
    return status;
}
