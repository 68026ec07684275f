#include "eval_text.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/progress.h"
#include "command.h"
#include "ids.h"
#include "input.h"
#include "step.h"

#define AT(field) offsetof(trit_eval_choice, field)

const trit_option trit_eval_options[6] = {
    {"window", 0, trit_opt_int, AT(window), "N", 2, 1 << 20, "tokens that are seen together"},
    {"stride", 0, trit_opt_int, AT(stride), "N", 0, 1 << 20,
     "windows begin every N tokens and score what is new in them, as Hugging Face's guide does; 0: windows side by side"},
    {"score", 0, trit_opt_choice, AT(score), "half|all", 0, 0,
     "side by side: score the second half of each window, as llama.cpp does, or all tokens behind a begin token"},
    {"batch", 0, trit_opt_int, AT(batch), "N", 1, 256, "windows that run together"},
    {"ids-file", 0, trit_opt_file, AT(ids_file), "FILE", 0, 0,
     "instead of a text: a JSON array of token ids, or an array of such arrays, each a text of its own"},
    {"ids-key", 0, trit_opt_text, AT(ids_key), "KEY", 0, 0, "the ids are the member KEY of the object in --ids-file"},
};

trit_status trit_eval_read(trit_eval_text *out, const trit_eval_choice *c, const trit_args *args, const char *command, trit_error *err) {
    out->choice = c;
    trit_status status = trit_args_at_most(args, 1, err);
    if (status != trit_ok) return status;
    if (args->n && c->ids_file) return trit_error_set(err, trit_arg, "two texts: give FILE or --ids-file, not both");
    if (!args->n && !c->ids_file) return trit_error_set(err, trit_arg, "%s needs a text: FILE, - for standard input, or --ids-file", command);
    if (c->stride > c->window) return trit_error_set(err, trit_arg, "--stride: %" PRId64 " is longer than --window %" PRId64, c->stride, c->window);
    if (c->ids_key && !c->ids_file) return trit_error_set(err, trit_arg, "--ids-key needs --ids-file");
    status = trit_input_read(&out->text, c->ids_file ? c->ids_file : args->item[0], err);
    if (status == trit_ok && c->ids_file)
        status = trit_json_parse(&out->json, out->text.data ? out->text.data : "", out->text.n, c->ids_file, err);
    return status;
}

void trit_eval_fini(trit_eval_text *t) {
    trit_windows_fini(&t->windows);
    trit_json_free(t->json);
    trit_text_fini(&t->text);
}

/* ---- Windows ---- */

static trit_status cut_ids(trit_eval_text *e, const trit_tokenizer *t, const int32_t *ids, size_t n, trit_error *err) {
    const trit_eval_choice *c = e->choice;
    int32_t bos = t && trit_tokenizer_adds_bos(t) ? trit_tokenizer_bos(t) : -1;
    uint32_t window = (uint32_t)c->window;
    if (c->stride) return trit_windows_stride(&e->windows, ids, n, window, (uint32_t)c->stride, err);
    if (strcmp(c->score, "half") == 0) return trit_windows_half(&e->windows, ids, n, window, bos, err);
    if (t && bos < 0) bos = trit_tokenizer_bos(t); /* asked for: "all" means behind a begin token where there is one */
    return trit_windows_all(&e->windows, ids, n, window, bos, err);
}

static trit_status cut_text(trit_eval_text *e, const trit_tokenizer *t, trit_error *err) {
    if (!t) return trit_error_set(err, trit_arg, "the model has no tokenizer: give --ids-file, or a --tokenizer FILE");
    trit_ids ids = {0};
    /* "all" puts begin tokens in front of every window, so none comes from here. */
    trit_encode_opts opts = {.no_bos = !e->choice->stride && strcmp(e->choice->score, "all") == 0};
    trit_status status = trit_tokenizer_encode(t, &ids, e->text.data ? e->text.data : "", e->text.n, &opts, err);
    if (status == trit_ok) status = cut_ids(e, t, ids.data, ids.n, err);
    trit_ids_fini(&ids);
    return status;
}

static trit_status cut_array(trit_eval_text *e, const trit_tokenizer *t, const trit_json *array, trit_error *err) {
    trit_ids ids = {0};
    trit_status status = trit_ids_from_json(&ids, array, e->choice->ids_file, err);
    if (status == trit_ok) status = cut_ids(e, t, ids.data, ids.n, err);
    trit_ids_fini(&ids);
    return status;
}

static trit_status cut_json(trit_eval_text *e, const trit_tokenizer *t, trit_error *err) {
    const char *key = e->choice->ids_key, *file = e->choice->ids_file;
    const trit_json *v = key ? trit_json_get(e->json, key) : e->json;
    if (key && !v) return trit_error_set(err, trit_format, "%s: no member \"%s\"", file, key);
    if (trit_json_kind_of(v) == trit_json_object)
        return trit_error_set(err, trit_arg, "%s: an object; name the member with the ids by --ids-key", file);
    if (trit_json_kind_of(trit_json_at(v, 0)) != trit_json_array) return cut_array(e, t, v, err);
    trit_status status = trit_ok;
    for (size_t i = 0; i < trit_json_length(v) && status == trit_ok; i++) status = cut_array(e, t, trit_json_at(v, i), err);
    return status;
}

trit_status trit_eval_cut(trit_eval_text *e, const trit_model *model, trit_error *err) {
    const trit_tokenizer *t = trit_model_tokenizer(model);
    trit_status status = e->json ? cut_json(e, t, err) : cut_text(e, t, err);
    if (status != trit_ok) return status;
    if (!e->windows.n)
        return trit_error_set(err, trit_arg, "the text is too short for one window of %" PRId64 " tokens (--window N)", e->choice->window);
    trit_model_info info;
    trit_model_describe(model, &info);
    for (size_t i = 0; i < e->windows.ids.n; i++)
        if ((uint32_t)e->windows.ids.data[i] >= info.vocab_size)
            return trit_error_set(err, trit_arg, "token id %" PRId32 " is outside the model's vocabulary of %" PRIu32, e->windows.ids.data[i],
                                  info.vocab_size);
    return trit_ok;
}

/* ---- The loop ---- */

typedef struct listener {
    trit_eval_slot slot;
    trit_eval_take *take;
} listener;

static void on_logits(void *user, uint32_t pos, const float *logits, uint32_t n_vocab) {
    listener *l = user;
    l->take(&l->slot, pos, logits, n_vocab);
}

/* The next window goes to every engine, into the listeners that stand at [0], [batch] ... Its last token foretells nothing. */
static trit_status submit(trit_eval_text *t, trit_eval_pass *pass, size_t n_passes, listener *l, size_t index, size_t *n_before, trit_error *err) {
    trit_window *window = &t->windows.window[index];
    trit_status status = trit_ok;
    for (size_t p = 0; p < n_passes && status == trit_ok; p++, l += t->choice->batch) {
        l->take = pass[p].take;
        l->slot.ids = t->windows.ids.data + window->at;
        l->slot.window = window;
        l->slot.n_before = *n_before;
        trit_request request = {.prompt = l->slot.ids, .n_prompt = window->n - 1, .prefill_only = true, .on_logits = on_logits, .all_logits = true,
                                .logits_from = window->first - 1, .user = l};
        status = trit_engine_submit(pass[p].engine, &request, NULL, err);
    }
    *n_before += window->n - window->first;
    return status;
}

static trit_status step(trit_eval_pass *pass, size_t n_passes, const trit_event **events, size_t *n, trit_error *err) {
    trit_status status = trit_ok;
    for (size_t p = 0; p < n_passes && status == trit_ok; p++) status = trit_step(pass[p].engine, events, n, err);
    return status;
}

/* Keeps all slots busy until every window is through. The last pass's events tell which are. */
static trit_status drive(trit_eval_text *t, trit_eval_pass *pass, size_t n_passes, listener *listeners, trit_progress *bar, trit_error *err) {
    size_t next = 0, done = 0, n_before = 0, total = t->windows.n, batch = (size_t)t->choice->batch;
    trit_status status = trit_ok;
    for (; next < total && next < batch && status == trit_ok; next++) status = submit(t, pass, n_passes, &listeners[next], next, &n_before, err);
    while (status == trit_ok && done < total) {
        const trit_event *events;
        size_t n = 0;
        status = step(pass, n_passes, &events, &n, err);
        for (size_t i = 0; i < n && status == trit_ok; i++) {
            if (events[i].stop == trit_stop_none) continue;
            done++;
            listener *l = events[i].user;
            if (next < total) status = submit(t, pass, n_passes, l - (n_passes - 1) * batch, next++, &n_before, err);
        }
        trit_progress_update(bar, done, total);
    }
    return status;
}

trit_status trit_eval_run(trit_eval_text *t, trit_eval_pass *pass, size_t n_passes, void *owner, const trit_run_choice *run, const char *what,
                          bool shown, trit_error *err) {
    size_t n = n_passes * (size_t)t->choice->batch;
    listener *listeners = trit_alloc_zero(n, sizeof *listeners);
    trit_status status = listeners ? trit_ok : trit_error_memory(err, n * sizeof *listeners, "windows");
    for (size_t i = 0; i < n && listeners; i++) listeners[i].slot.owner = owner;
    trit_engine_opts o = trit_engine_choice(run);
    o.max_sequences = (uint32_t)t->choice->batch;
    o.no_prefix_cache = true;
    if (!o.context) o.context = (uint32_t)t->choice->window;
    for (size_t p = 0; p < n_passes && status == trit_ok; p++) status = trit_engine_new(&pass[p].engine, pass[p].model, &o, err);
    trit_progress bar;
    trit_progress_init(&bar, what, shown);
    if (status == trit_ok) status = drive(t, pass, n_passes, listeners, &bar, err);
    trit_progress_fini(&bar);
    for (size_t p = 0; p < n_passes; p++) trit_engine_free(pass[p].engine);
    trit_free(listeners);
    return status;
}

/* ---- Sums ---- */

trit_eval_nll trit_eval_nll_of(const trit_windows *w) {
    double sum = 0, squares = 0;
    uint64_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        sum += w->window[i].nll;
        squares += w->window[i].nll_squared;
        n += w->window[i].n - w->window[i].first;
    }
    double mean = sum / (double)n, variance = squares / (double)n - mean * mean;
    return (trit_eval_nll){mean, n > 1 && variance > 0 ? sqrt(variance / (double)(n - 1)) : 0, n};
}

void trit_eval_put(trit_jsonw *w, const trit_eval_text *t, uint64_t n_tokens) {
    const trit_eval_choice *c = t->choice;
    trit_jsonw_put_uint(w, "tokens", n_tokens);
    trit_jsonw_put_uint(w, "windows", t->windows.n);
    trit_jsonw_put_uint(w, "window", (uint64_t)c->window);
    trit_jsonw_put_uint(w, "stride", (uint64_t)(c->stride ? c->stride : c->window));
    trit_jsonw_put_str(w, "score", c->stride ? "new" : c->score);
}
