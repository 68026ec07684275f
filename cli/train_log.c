/* See train_log.h. */
#include "train_log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "base/os.h"

static const char *const column_keys[trit_n_columns] = {
    [trit_column_loss] = "loss",           [trit_column_val_loss] = "val_loss", [trit_column_lr] = "lr",
    [trit_column_wd] = "wd",               [trit_column_grad_norm] = "grad_norm", [trit_column_zeros] = "zeros",
    [trit_column_flip_rate] = "flip_rate",
};

static trit_status set_path(char out[4096], const char *dir, trit_error *err) {
    const int n = snprintf(out, 4096, "%s/log.jsonl", dir);
    return n > 0 && n < 4096 ? trit_ok : trit_error_set(err, trit_arg, "%.200s...: the name is too long", dir);
}

/* ---- Reading ---- */

static trit_status add_line(trit_train_log *log, const char *line, size_t n, size_t end, size_t number, const char *what, trit_error *err) {
    trit_json *doc = NULL;
    void *points = log->point;
    const trit_status status = trit_json_parse(&doc, line, n, "a line", NULL);
    if (status == trit_memory) return trit_error_memory(err, n, "the log");
    const double step = trit_json_as_real(trit_json_get(doc, "step"), -1), last = log->n ? log->point[log->n - 1].step : 0;
    if (!(step >= last && step < 1e15)) {
        trit_json_free(doc);
        return trit_error_set(err, trit_format, "%.300s: line %zu is none of a training log", what, number);
    }
    if (!trit_grow(&points, &log->capacity, log->n + 1, sizeof *log->point)) {
        trit_json_free(doc);
        return trit_error_memory(err, log->n * sizeof *log->point, "the log");
    }
    log->point = points;
    trit_train_point *p = &log->point[log->n++];
    *p = (trit_train_point){.step = step, .end = end};
    for (int c = 0; c < trit_n_columns; c++) p->value[c] = trit_json_as_real(trit_json_get(doc, column_keys[c]), (double)NAN);
    trit_json_free(doc);
    return trit_ok;
}

trit_status trit_train_log_parse(trit_train_log *out, const char *data, size_t n, const char *what, trit_error *err) {
    trit_train_log log = {0};
    trit_status status = trit_ok;
    size_t at = 0;
    for (size_t number = 1; at < n && status == trit_ok; number++) {
        const char *end = memchr(data + at, '\n', n - at);
        if (!end) break;
        const size_t length = (size_t)(end - (data + at));
        status = add_line(&log, data + at, length, at + length + 1, number, what, err);
        at += length + 1;
    }
    if (status == trit_ok) *out = log;
    else trit_train_log_fini(&log);
    return status;
}

trit_status trit_train_log_read(trit_train_log *out, const char *dir, trit_error *err) {
    char path[4096];
    trit_file_map map;
    trit_status status = set_path(path, dir, err);
    if (status == trit_ok) status = trit_os_map(&map, path, err);
    if (status != trit_ok) return status;
    status = trit_train_log_parse(out, (const char *)map.data, map.n, path, err);
    trit_os_unmap(&map);
    return status;
}

void trit_train_log_fini(trit_train_log *log) {
    trit_free(log->point);
    *log = (trit_train_log){0};
}

/* ---- Writing ---- */

/* How much of the log is of steps up to `done`. */
static trit_status find_end(uint64_t *out, const char *dir, const char *path, uint64_t done, trit_error *err) {
    trit_train_log log = {0};
    *out = 0;
    if (!done || !trit_os_is_file(path)) return trit_ok;
    const trit_status status = trit_train_log_read(&log, dir, err);
    for (size_t i = 0; i < log.n && log.point[i].step <= (double)done; i++) *out = log.point[i].end;
    trit_train_log_fini(&log);
    return status;
}

trit_status trit_train_log_open(trit_fs_grow *out, const char *dir, uint64_t done, trit_error *err) {
    char path[4096];
    uint64_t end = 0;
    trit_fs_grow file = {0};
    trit_status status = set_path(path, dir, err);
    if (status == trit_ok) status = find_end(&end, dir, path, done, err);
    if (status == trit_ok) status = trit_fs_grow_open(&file, path, err);
    if (status == trit_ok) status = trit_fs_grow_cut(&file, end, path, err);
    if (status == trit_ok) *out = file;
    else trit_fs_grow_close(&file);
    return status;
}

trit_status trit_train_log_add(trit_fs_grow *log, const char *dir, const trit_jsonw *line, trit_error *err) {
    char path[4096];
    trit_text text = {0};
    trit_status status = set_path(path, dir, err);
    if (status != trit_ok) return status;
    const bool ok = !line->failed && trit_text_append(&text, line->text.data, line->text.n) && trit_text_append(&text, "\n", 1);
    status = ok ? trit_fs_grow_add(log, text.data, text.n, path, err) : trit_error_memory(err, line->text.n, "the log");
    trit_text_fini(&text);
    return status;
}

void trit_train_put_step(trit_jsonw *w, const trit_train_stats *s) {
    trit_jsonw_object(w);
    trit_jsonw_put_uint(w, "step", s->step);
    trit_jsonw_put_uint(w, "tokens", s->tokens);
    trit_jsonw_put_f64(w, "loss", s->loss);
    trit_jsonw_put_f64(w, "lr", s->lr);
    trit_jsonw_put_f64(w, "wd", s->weight_decay);
    trit_jsonw_put_f64(w, "lambda", s->lambda);
    trit_jsonw_put_f64(w, "grad_norm", s->grad_norm);
    trit_jsonw_put_f64(w, "flip_rate", s->flip_rate);
    trit_jsonw_put_f64(w, "zeros", s->zeros);
    trit_jsonw_put_f64(w, "tok_s", s->tokens_s);
    trit_jsonw_close(w, '}');
}

void trit_train_put_validation(trit_jsonw *w, uint64_t step, double loss) {
    trit_jsonw_object(w);
    trit_jsonw_put_uint(w, "step", step);
    trit_jsonw_put_f64(w, "val_loss", loss);
    trit_jsonw_close(w, '}');
}
