/* trit eval ppl: perplexity, exp of the mean negative log likelihood of the scored tokens. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "base/math.h"
#include "base/progress.h"
#include "command.h"
#include "ids.h"
#include "input.h"
#include "interrupt.h"
#include "jsonw.h"
#include "load.h"
#include "out.h"
#include "windows.h"

typedef struct ppl_opts {
    const char *ids_file, *ids_key, *score;
    int64_t window, stride, batch;
    trit_model_choice model;
    trit_run_choice run;
    trit_output_choice output;
} ppl_opts;

#define AT(field) offsetof(ppl_opts, field)

static const trit_option options[] = {
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

typedef struct slot {
    const int32_t *ids; /* [window->n] */
    trit_window *window;
} slot;

typedef struct measurement {
    const ppl_opts *opts;
    trit_loaded loaded;
    trit_text text;
    trit_json *json;
    trit_windows windows;
    trit_engine *engine;
    slot *slots; /* [batch] */
} measurement;

/* -log softmax(logits)[token], summed in double: the order is fixed, so the bits are too. */
static double nll_of(const float *logits, uint32_t n, int32_t token) {
    float max = logits[0];
    for (uint32_t i = 1; i < n; i++)
        if (logits[i] > max) max = logits[i];
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += trit_exp((double)logits[i] - (double)max);
    return trit_log(sum) + (double)max - (double)logits[token];
}

static void on_logits(void *user, uint32_t pos, const float *logits, uint32_t n_vocab) {
    slot *s = user;
    uint32_t next = pos + 1;
    if (next < s->window->first || next >= s->window->n) return;
    double nll = nll_of(logits, n_vocab, s->ids[next]);
    s->window->nll += nll;
    s->window->nll_squared += nll * nll;
}

static trit_status cut(measurement *m, const int32_t *ids, size_t n, trit_error *err) {
    const ppl_opts *o = m->opts;
    const trit_tokenizer *t = m->loaded.tokenizer;
    int32_t bos = t && trit_tokenizer_adds_bos(t) ? trit_tokenizer_bos(t) : -1;
    uint32_t window = (uint32_t)o->window;
    if (o->stride) return trit_windows_stride(&m->windows, ids, n, window, (uint32_t)o->stride, err);
    if (strcmp(o->score, "half") == 0) return trit_windows_half(&m->windows, ids, n, window, bos, err);
    if (t && bos < 0) bos = trit_tokenizer_bos(t); /* asked for: "all" means behind a begin token where there is one */
    return trit_windows_all(&m->windows, ids, n, window, bos, err);
}

static trit_status cut_text(measurement *m, trit_error *err) {
    if (!m->loaded.tokenizer)
        return trit_error_set(err, trit_arg, "the model has no tokenizer: give --ids-file, or a --tokenizer FILE");
    trit_ids ids = {0};
    /* "all" puts begin tokens in front of every window, so none comes from here. */
    trit_encode_opts opts = {.no_bos = !m->opts->stride && strcmp(m->opts->score, "all") == 0};
    trit_status status =
        trit_tokenizer_encode(m->loaded.tokenizer, &ids, m->text.data ? m->text.data : "", m->text.n, &opts, err);
    if (status == trit_ok) status = cut(m, ids.data, ids.n, err);
    trit_ids_fini(&ids);
    return status;
}

static trit_status cut_array(measurement *m, const trit_json *array, trit_error *err) {
    trit_ids ids = {0};
    trit_status status = trit_ids_from_json(&ids, array, m->opts->ids_file, err);
    if (status == trit_ok) status = cut(m, ids.data, ids.n, err);
    trit_ids_fini(&ids);
    return status;
}

static trit_status cut_json(measurement *m, trit_error *err) {
    const char *key = m->opts->ids_key;
    const trit_json *v = key ? trit_json_get(m->json, key) : m->json;
    if (key && !v) return trit_error_set(err, trit_format, "%s: no member \"%s\"", m->opts->ids_file, key);
    if (trit_json_kind_of(v) == trit_json_object)
        return trit_error_set(err, trit_arg, "%s: an object; name the member with the ids by --ids-key", m->opts->ids_file);
    if (trit_json_kind_of(trit_json_at(v, 0)) != trit_json_array) return cut_array(m, v, err);
    trit_status status = trit_ok;
    for (size_t i = 0; i < trit_json_length(v) && status == trit_ok; i++) status = cut_array(m, trit_json_at(v, i), err);
    return status;
}

static trit_status check_ids(const measurement *m, trit_error *err) {
    trit_model_info info;
    trit_model_describe(m->loaded.model, &info);
    for (size_t i = 0; i < m->windows.ids.n; i++)
        if ((uint32_t)m->windows.ids.data[i] >= info.vocab_size)
            return trit_error_set(err, trit_arg, "token id %" PRId32 " is outside the model's vocabulary of %" PRIu32,
                                  m->windows.ids.data[i], info.vocab_size);
    return trit_ok;
}

static trit_status submit(measurement *m, slot *s, trit_window *window, trit_error *err) {
    *s = (slot){m->windows.ids.data + window->at, window};
    trit_request request = {.prompt = s->ids,
                            .n_prompt = window->n,
                            .prefill_only = true,
                            .on_logits = on_logits,
                            .all_logits = true,
                            .user = s};
    uint64_t id;
    return trit_engine_submit(m->engine, &request, &id, err);
}

/* Keeps all slots busy until every window is through. */
static trit_status drive(measurement *m, trit_error *err) {
    trit_progress bar;
    trit_progress_init(&bar, "perplexity", !m->opts->output.quiet);
    trit_status status = trit_ok;
    size_t next = 0, done = 0;
    for (; next < m->windows.n && next < (size_t)m->opts->batch && status == trit_ok; next++)
        status = submit(m, &m->slots[next], &m->windows.window[next], err);
    while (status == trit_ok && done < m->windows.n) {
        const trit_event *events;
        size_t n = 0;
        status = trit_interrupted() ? trit_cancelled : trit_engine_step(m->engine, &events, &n, err);
        for (size_t i = 0; i < n && status == trit_ok; i++) {
            const trit_event *e = &events[i];
            if (e->stop == trit_stop_error) {
                if (e->error && err) *err = *e->error;
                status = e->error ? e->error->status : trit_fail;
            } else if (e->stop != trit_stop_none) {
                done++;
                if (next < m->windows.n) status = submit(m, e->user, &m->windows.window[next++], err);
            }
        }
        trit_progress_update(&bar, done, m->windows.n);
    }
    trit_progress_fini(&bar);
    return status;
}

static trit_status report(const measurement *m, trit_error *err) {
    double sum = 0, squares = 0;
    uint64_t n = 0;
    for (size_t i = 0; i < m->windows.n; i++) { /* in the order of the text, whatever ran first */
        const trit_window *w = &m->windows.window[i];
        sum += w->nll;
        squares += w->nll_squared;
        n += w->n - w->first;
    }
    double nll = sum / (double)n, ppl = trit_exp(nll);
    double variance = squares / (double)n - nll * nll;
    double stderr_nll = n > 1 && variance > 0 ? sqrt(variance / (double)(n - 1)) : 0;
    if (!m->opts->output.json) {
        trit_out_printf("ppl %.5f +/- %.5f, nll %.6f over %" PRIu64 " tokens in %zu windows\n", ppl, stderr_nll * ppl, nll, n, m->windows.n);
        return trit_ok;
    }
    trit_jsonw w = {0};
    trit_jsonw_object(&w);
    trit_jsonw_put_f64(&w, "ppl", ppl);
    trit_jsonw_put_f64(&w, "stderr", stderr_nll * ppl); /* of ppl */
    trit_jsonw_put_f64(&w, "nll", nll);
    trit_jsonw_put_uint(&w, "tokens", n);
    trit_jsonw_put_uint(&w, "windows", m->windows.n);
    trit_jsonw_put_uint(&w, "window", (uint64_t)m->opts->window);
    trit_jsonw_put_uint(&w, "stride", (uint64_t)(m->opts->stride ? m->opts->stride : m->opts->window));
    trit_jsonw_put_str(&w, "score", m->opts->stride ? "new" : m->opts->score);
    trit_jsonw_close(&w, '}');
    return trit_jsonw_finish(&w, err);
}

static trit_status read_input(measurement *m, const trit_args *args, trit_error *err) {
    const ppl_opts *o = m->opts;
    trit_status status = trit_args_at_most(args, 1, err);
    if (status != trit_ok) return status;
    if ((args->n > 0) == (o->ids_file != NULL))
        return trit_error_set(err, trit_arg, args->n ? "two texts: give FILE or --ids-file, not both"
                                                     : "eval ppl needs a text: FILE, - for standard input, or --ids-file");
    if (o->stride > o->window) return trit_error_set(err, trit_arg, "--stride: %" PRId64 " is longer than --window %" PRId64, o->stride, o->window);
    if (o->ids_key && !o->ids_file) return trit_error_set(err, trit_arg, "--ids-key needs --ids-file");
    status = trit_input_read(&m->text, o->ids_file ? o->ids_file : args->item[0], err);
    if (status == trit_ok && o->ids_file)
        status = trit_json_parse(&m->json, m->text.data ? m->text.data : "", m->text.n, o->ids_file, err);
    return status;
}

static trit_status measure(measurement *m, trit_error *err) {
    const ppl_opts *o = m->opts;
    trit_status status = trit_load(&m->loaded, &o->model, &o->run, &o->output, err);
    if (status == trit_ok) status = o->ids_file ? cut_json(m, err) : cut_text(m, err);
    if (status == trit_ok) status = check_ids(m, err);
    if (status == trit_ok && !m->windows.n)
        status = trit_error_set(err, trit_arg, "the text is too short for one window of %" PRId64 " tokens (--window N)", o->window);
    if (status != trit_ok) return status;
    trit_engine_opts engine_opts = trit_engine_choice(&o->run);
    engine_opts.max_sequences = (uint32_t)o->batch;
    engine_opts.no_prefix_cache = true;
    if (!engine_opts.context) engine_opts.context = (uint32_t)o->window;
    status = trit_engine_new(&m->engine, m->loaded.model, &engine_opts, err);
    m->slots = trit_alloc_zero((size_t)o->batch, sizeof *m->slots);
    if (status == trit_ok && !m->slots) status = trit_error_memory(err, (size_t)o->batch * sizeof *m->slots, "windows");
    if (status == trit_ok) status = drive(m, err);
    return status == trit_ok ? report(m, err) : status;
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    measurement m = {.opts = opts};
    trit_status status = read_input(&m, args, err);
    if (status == trit_ok) status = measure(&m, err);
    trit_engine_free(m.engine);
    trit_unload(&m.loaded);
    trit_free(m.slots);
    trit_windows_fini(&m.windows);
    trit_json_free(m.json);
    trit_text_fini(&m.text);
    return status;
}

static const trit_opt_group groups[] = {
    {"Perplexity", options, TRIT_COUNT(options), 0},
    TRIT_MODEL_GROUP(ppl_opts, model),
    TRIT_RUN_GROUP(ppl_opts, run),
    TRIT_OUTPUT_GROUP(ppl_opts, output),
};

static const trit_example examples[] = {
    {"trit eval ppl -m model.gguf wiki.test.raw", "windows of 512 tokens, the second half of each scored, as llama.cpp counts"},
    {"trit eval ppl -m model.gguf --stride 256 wiki.test.raw", "overlapping windows, as Hugging Face's guide counts"},
    {"trit eval ppl -m model.gguf --score all --ids-file tokens.json --json", "token ids instead of a text, every one scored"},
};

static const ppl_opts defaults = {.window = 512, .score = "half", .batch = 4};

const trit_command trit_eval_ppl = {
    .usage = "[options] FILE",
    .about = "Measures how well the model foresees a text: the exponential of the mean negative log likelihood of its tokens, with "
             "its standard error. Lower is better. Figures compare only between models with the same tokenizer and the same windows.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
