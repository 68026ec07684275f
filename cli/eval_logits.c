/* trit eval logits: what the model answers to given ids, as exact decimals. With --batch the same ids run several times side by
 * side, and the copies must agree bit for bit. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "base/rng.h"
#include "command.h"
#include "ids.h"
#include "jsonw.h"
#include "load.h"
#include "out.h"
#include "step.h"

typedef struct logits_opts {
    const char *ids;
    bool all;
    int64_t batch;
    trit_model_choice model;
    trit_run_choice run;
    trit_output_choice output;
} logits_opts;

static const trit_option options[] = {
    {"ids", 0, trit_opt_text, offsetof(logits_opts, ids), "1,2,3", 0, 0, "the token ids, begin token included"},
    {"all", 0, trit_opt_flag, offsetof(logits_opts, all), NULL, 0, 0, "the logits after every id, not after the last one alone"},
    {"batch", 0, trit_opt_int, offsetof(logits_opts, batch), "N", 1, 256,
     "run N copies together and check that they agree bit for bit"},
};

/* One of the copies: the rows of the first are kept, of the others only what tells a difference. */
typedef struct copy {
    struct evaluation *owner;
    bool is_first;
    uint64_t *digest; /* [n_rows] */
    uint32_t n_seen;
} copy;

typedef struct evaluation {
    const logits_opts *opts;
    trit_ids ids;
    size_t n_rows;
    uint32_t n_vocab;
    float *rows; /* [n_rows, n_vocab], allocated when the first row comes */
    copy *copies;
    bool no_memory;
} evaluation;

static uint64_t digest_of(const float *logits, uint32_t n) {
    uint64_t digest = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &logits[i], sizeof bits);
        digest = trit_mix64(digest + bits);
    }
    return digest;
}

static void on_logits(void *user, uint32_t pos, const float *logits, uint32_t n_vocab) {
    copy *c = user;
    evaluation *e = c->owner;
    size_t row = e->opts->all ? pos : 0;
    if (row >= e->n_rows || e->no_memory) return;
    if (c->is_first) {
        size_t n;
        if (!e->rows && trit_mul_size(e->n_rows, n_vocab, &n)) e->rows = trit_alloc(n, sizeof *e->rows);
        if (!e->rows) {
            e->no_memory = true;
            return;
        }
        e->n_vocab = n_vocab;
        memcpy(e->rows + row * n_vocab, logits, n_vocab * sizeof *logits);
    }
    c->digest[row] = digest_of(logits, n_vocab);
    c->n_seen++;
}

static trit_status compare(const evaluation *e, trit_error *err) {
    for (size_t i = 0; i < (size_t)e->opts->batch; i++) {
        if (e->copies[i].n_seen != e->n_rows)
            return trit_error_set(err, trit_fail, "copy %zu gave %u of %zu rows of logits", i, (unsigned)e->copies[i].n_seen, e->n_rows);
        for (size_t row = 0; row < e->n_rows; row++)
            if (e->copies[i].digest[row] != e->copies[0].digest[row])
                return trit_error_set(err, trit_fail, "copy %zu differs from the first after id %zu", i,
                                      e->opts->all ? row : e->ids.n - 1);
    }
    return trit_ok;
}

static trit_status submit(evaluation *e, trit_engine *engine, trit_error *err) {
    trit_status status = trit_ok;
    for (size_t i = 0; i < (size_t)e->opts->batch && status == trit_ok; i++) {
        copy *c = &e->copies[i];
        *c = (copy){.owner = e, .is_first = i == 0, .digest = trit_alloc_zero(e->n_rows, sizeof *c->digest)};
        if (!c->digest) return trit_error_memory(err, e->n_rows * sizeof *c->digest, "digests");
        uint64_t id;
        trit_request request = {.prompt = e->ids.data,
                                .n_prompt = e->ids.n,
                                .prefill_only = true,
                                .on_logits = on_logits,
                                .all_logits = e->opts->all,
                                .user = c};
        status = trit_engine_submit(engine, &request, &id, err);
    }
    return status;
}

static trit_status drive(const evaluation *e, trit_engine *engine, trit_error *err) {
    trit_status status = trit_ok;
    const trit_event *events;
    size_t n;
    while (status == trit_ok && !trit_engine_idle(engine)) status = trit_step(engine, &events, &n, err);
    if (status == trit_ok && e->no_memory) status = trit_error_set(err, trit_memory, "out of memory: the logits");
    return status;
}

static trit_status print_json(const evaluation *e, trit_error *err) {
    trit_jsonw w = {.drain = trit_out_drain};
    trit_jsonw_object(&w);
    trit_jsonw_key(&w, "logits");
    if (e->opts->all) trit_jsonw_array(&w);
    for (size_t row = 0; row < e->n_rows && trit_out_usable(); row++) {
        trit_jsonw_array(&w);
        for (uint32_t i = 0; i < e->n_vocab; i++) trit_jsonw_f32(&w, e->rows[row * e->n_vocab + i]);
        trit_jsonw_close(&w, ']');
    }
    if (e->opts->all) trit_jsonw_close(&w, ']');
    trit_jsonw_close(&w, '}');
    return trit_jsonw_finish(&w, err);
}

/* A line a position, numbers divided by spaces. */
static trit_status print_plain(const evaluation *e, trit_error *err) {
    trit_text line = {0};
    bool ok = true;
    for (size_t row = 0; row < e->n_rows && ok && trit_out_usable(); row++) {
        for (uint32_t i = 0; i < e->n_vocab && ok; i++)
            ok = (!i || trit_text_append(&line, " ", 1)) && trit_json_write_f32(&line, e->rows[row * e->n_vocab + i]);
        ok = ok && trit_text_append(&line, "\n", 1);
        if (ok) trit_out_drain(&line);
    }
    trit_text_fini(&line);
    return ok ? trit_ok : trit_error_set(err, trit_memory, "out of memory: the logits");
}

static trit_status evaluate(evaluation *e, trit_loaded *loaded, trit_engine **engine, trit_error *err) {
    const logits_opts *o = e->opts;
    trit_status status = trit_load(loaded, &o->model, &o->run, &o->output, err);
    if (status != trit_ok) return status;
    trit_engine_opts engine_opts = trit_engine_choice(&o->run);
    engine_opts.max_sequences = (uint32_t)o->batch;
    engine_opts.no_prefix_cache = true; /* every copy computes everything */
    status = trit_engine_new(engine, loaded->model, &engine_opts, err);
    if (status == trit_ok) status = submit(e, *engine, err);
    if (status == trit_ok) status = drive(e, *engine, err);
    if (status == trit_ok) status = compare(e, err);
    if (status != trit_ok) return status;
    return o->output.json ? print_json(e, err) : print_plain(e, err);
}

static trit_status run(const void *opts, const trit_args *args, trit_error *err) {
    evaluation e = {.opts = opts};
    trit_status status = trit_args_at_most(args, 0, err);
    if (status == trit_ok && !e.opts->ids) status = trit_error_set(err, trit_arg, "eval logits needs --ids (for example --ids 1,2,3)");
    if (status == trit_ok) status = trit_ids_parse(&e.ids, e.opts->ids, strlen(e.opts->ids), "--ids", err);
    if (status == trit_ok && !e.ids.n) status = trit_error_set(err, trit_arg, "--ids: no token id in \"%s\"", e.opts->ids);
    trit_loaded loaded = {0};
    trit_engine *engine = NULL;
    if (status == trit_ok) {
        e.n_rows = e.opts->all ? e.ids.n : 1;
        e.copies = trit_alloc_zero((size_t)e.opts->batch, sizeof *e.copies);
        status = e.copies ? evaluate(&e, &loaded, &engine, err) : trit_error_set(err, trit_memory, "out of memory: the copies");
    }
    trit_engine_free(engine);
    trit_unload(&loaded);
    for (size_t i = 0; e.copies && i < (size_t)e.opts->batch; i++) trit_free(e.copies[i].digest);
    trit_free(e.copies);
    trit_free(e.rows);
    trit_ids_fini(&e.ids);
    return status;
}

static const trit_opt_group groups[] = {
    {"Input", options, TRIT_COUNT(options), 0},
    TRIT_MODEL_GROUP(logits_opts, model),
    TRIT_RUN_GROUP(logits_opts, run),
    TRIT_OUTPUT_GROUP(logits_opts, output),
};

static const trit_example examples[] = {
    {"trit eval logits -m model.gguf --ids 1,2,3", "a line of numbers, one for each token of the vocabulary"},
    {"trit eval logits --ids 1,2,3 --all --batch 4 --json", "after every id, from four copies that must agree"},
};

static const logits_opts defaults = {.batch = 1};

const trit_command trit_eval_logits = {
    .usage = "[options] --ids 1,2,3",
    .about = "Prints the logits after the last of the given token ids (or after each of them) in the shortest decimals that read "
             "back to the same floats. Needs no tokenizer.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = run,
};
