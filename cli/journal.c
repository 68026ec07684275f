#include "journal.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"

static trit_status append_line(trit_journal *j, trit_jsonw *w, trit_error *err) {
    bool ok = !w->failed && trit_text_append(&w->text, "\n", 1);
    trit_status status = ok ? trit_fs_grow_add(&j->file, w->text.data, w->text.n, j->path.data, err) : trit_error_memory(err, w->text.n, "the journal");
    trit_jsonw_fini(w);
    return status;
}

static trit_status put_head(trit_journal *j, const char *run, trit_error *err) {
    trit_jsonw w = {0};
    trit_jsonw_object(&w);
    trit_jsonw_put_uint(&w, "trit_batch", 1);
    trit_jsonw_put_str(&w, "run", run);
    trit_jsonw_put_uint(&w, "seed", j->seed);
    trit_jsonw_put_str(&w, "date", j->date);
    trit_jsonw_close(&w, '}');
    return append_line(j, &w, err);
}

static trit_status refuse(const trit_journal *j, trit_error *err) {
    return trit_error_set(err, trit_format, "%s: no journal of a batch; remove it or name another output", j->path.data);
}

static trit_status check_head(trit_journal *j, const trit_json *json, const char *run, trit_error *err) {
    const int64_t seed = trit_json_as_int(trit_json_get(json, "seed"), -1);
    const trit_str date = trit_json_as_str(trit_json_get(json, "date"));
    if (trit_json_as_int(trit_json_get(json, "trit_batch"), 0) != 1 || seed < 0 || date.n >= sizeof j->date) return refuse(j, err);
    if (!trit_str_is(trit_json_as_str(trit_json_get(json, "run")), run))
        return trit_error_set(err, trit_arg, "%s: of a run with another input, model or other options; remove it or name another output", j->path.data);
    j->seed = (uint64_t)seed;
    snprintf(j->date, sizeof j->date, "%.*s", TRIT_STR_ARG(date));
    return trit_ok;
}

static bool copy(char **to, size_t *n, trit_str s) {
    *to = trit_strndup(s.p ? s.p : "", s.n);
    if (n) *n = s.n;
    return *to != NULL;
}

static trit_status take(trit_journal *j, const trit_json *json, size_t line, trit_error *err) {
    const int64_t i = trit_json_as_int(trit_json_get(json, "index"), -1);
    if (i < 0 || (uint64_t)i >= j->n || j->answer[i].is_done)
        return trit_error_set(err, trit_format, "%s, line %zu: no answer that this run can have", j->path.data, line);
    trit_answer *a = &j->answer[i];
    trit_str error = trit_json_as_str(trit_json_get(json, "error")), stop = trit_json_as_str(trit_json_get(json, "stop_reason"));
    bool ok = copy(&a->text, &a->n_text, trit_json_as_str(trit_json_get(json, "completion")));
    if (error.p) ok = ok && copy(&a->error, NULL, error);
    snprintf(a->stop, sizeof a->stop, "%.*s", TRIT_STR_ARG(stop));
    a->n_prompt = (uint32_t)trit_json_as_int(trit_json_get(json, "prompt_tokens"), 0);
    a->n_tokens = (uint32_t)trit_json_as_int(trit_json_get(json, "completion_tokens"), 0);
    a->is_done = true;
    j->n_done++;
    return ok ? trit_ok : trit_error_memory(err, a->n_text, "an answer");
}

/* A head that was cut off? Whatever else has no whole line is not ours to cut. */
static bool is_torn_head(const char *data, size_t n) {
    static const char begin[] = "{\"trit_batch\": 1, \"run\": \"";
    return memcmp(data, begin, n < sizeof begin - 1 ? n : sizeof begin - 1) == 0;
}

/* All whole lines; what follows the last of them is cut away. */
static trit_status read_lines(trit_journal *j, const char *data, size_t n, const char *run, trit_error *err) {
    size_t at = 0, line = 0;
    trit_status status = trit_ok;
    for (const char *newline; status == trit_ok && at < n && (newline = memchr(data + at, '\n', n - at)); at = (size_t)(newline - data) + 1) {
        trit_json *json;
        char what[300];
        snprintf(what, sizeof what, "%.250s, line %zu", j->path.data, ++line);
        status = trit_json_parse(&json, data + at, (size_t)(newline - data) - at, what, err);
        if (status != trit_ok) return status;
        status = line == 1 ? check_head(j, json, run, err) : take(j, json, line, err);
        trit_json_free(json);
    }
    if (status == trit_ok && !line && !is_torn_head(data, n)) status = refuse(j, err);
    if (status == trit_ok && at < n) status = trit_fs_grow_cut(&j->file, at, j->path.data, err);
    return status == trit_ok && !line ? put_head(j, run, err) : status;
}

static trit_status resume(trit_journal *j, const char *run, trit_error *err) {
    const size_t n = (size_t)j->file.n;
    if (!n) return put_head(j, run, err);
    char *data = trit_alloc(n, 1);
    if (!data) return trit_error_memory(err, n, "the journal");
    trit_status status = trit_fs_grow_read(&j->file, 0, data, n, j->path.data, err);
    if (status == trit_ok) status = read_lines(j, data, n, run, err);
    trit_free(data);
    return status;
}

trit_status trit_journal_open(trit_journal *j, const char *out, const char *run, uint64_t seed, const char *date, trit_answer *answer, size_t n,
                              trit_error *err) {
    *j = (trit_journal){.seed = seed, .answer = answer, .n = n};
    snprintf(j->date, sizeof j->date, "%s", date);
    if (!trit_text_format(&j->path, "%s.part", out) || !trit_text_format(&j->lock_path, "%s.part.lock", out))
        return trit_error_memory(err, strlen(out), "a path");
    bool held = false;
    trit_status status = trit_fs_lock_try(&j->lock, j->lock_path.data, &held, err);
    if (status == trit_ok && !held) status = trit_error_set(err, trit_arg, "%s: another run writes it now", out);
    if (status == trit_ok) status = trit_fs_grow_open(&j->file, j->path.data, err);
    if (status == trit_ok) status = resume(j, run, err);
    j->is_open = status == trit_ok;
    return status;
}

trit_status trit_journal_add(trit_journal *j, size_t i, trit_error *err) {
    const trit_answer *a = &j->answer[i];
    trit_jsonw w = {0};
    trit_jsonw_object(&w);
    trit_jsonw_put_uint(&w, "index", i);
    trit_jsonw_key(&w, "completion");
    trit_jsonw_strn(&w, a->text ? a->text : "", a->n_text);
    if (a->error) trit_jsonw_put_str(&w, "error", a->error);
    trit_jsonw_put_str(&w, "stop_reason", a->stop);
    trit_jsonw_put_uint(&w, "prompt_tokens", a->n_prompt);
    trit_jsonw_put_uint(&w, "completion_tokens", a->n_tokens);
    trit_jsonw_close(&w, '}');
    return append_line(j, &w, err);
}

void trit_journal_close(trit_journal *j, bool keep) {
    const bool is_ours = j->lock.fd != 0;
    trit_fs_grow_close(&j->file);
    if (j->is_open && !keep) (void)remove(j->path.data); /* what was refused may be another run's */
    if (is_ours) (void)remove(j->lock_path.data);
    trit_fs_lock_release(&j->lock);
    trit_text_fini(&j->path);
    trit_text_fini(&j->lock_path);
}
