/* See train_run.h. */
#include "train_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/progress.h"
#include "base/str.h"
#include "interrupt.h"
#include "out.h"
#include "train_log.h"

typedef struct run {
    trit_trainer *trainer;
    const trit_output_choice *output;
    trit_text dir; /* owned */
    trit_fs_grow log;
    uint64_t first, n_steps, eval_every, save_every, keep;
    uint64_t done, saved; /* steps: the last one, that of the last checkpoint */
    bool is_stopped; /* Ctrl-C */
    bool validates, is_first; /* of the processes of a job the first one tells and writes */
    trit_progress bar;
    char doing[96]; /* the bar's text */
    double loss_sum; /* of the steps since the last line for people */
    uint64_t loss_n;
} run;

/* ---- What the configuration says ---- */

static trit_status get_number(double *out, const run *r, const char *key, trit_error *err) {
    trit_text text = {0};
    trit_status status = trit_train_config_get(&text, trit_trainer_config(r->trainer), key, err);
    if (status == trit_ok && !trit_parse_real(text.data, out)) status = trit_error_set(err, trit_fail, "%s: no number", key);
    trit_text_fini(&text);
    return status;
}

static trit_status get_count(uint64_t *out, const run *r, const char *key, trit_error *err) {
    double x = 0;
    const trit_status status = get_number(&x, r, key, err);
    *out = (uint64_t)x;
    return status;
}

/* Is there text for a validation loss? */
static trit_status get_validates(run *r, trit_error *err) {
    trit_text files = {0};
    double share = 0;
    trit_status status = trit_train_config_get(&files, trit_trainer_config(r->trainer), "validation", err);
    if (status == trit_ok) status = get_number(&share, r, "validation_share", err);
    r->validates = files.n || share > 0;
    trit_text_fini(&files);
    return status;
}

static trit_status open_run(run *r, trit_error *err) {
    r->first = r->done = r->saved = trit_trainer_step_at(r->trainer);
    r->n_steps = trit_trainer_n_steps(r->trainer);
    trit_status status = get_count(&r->eval_every, r, "eval_every", err);
    if (status == trit_ok) status = get_count(&r->save_every, r, "save_every", err);
    if (status == trit_ok) status = get_count(&r->keep, r, "keep", err);
    if (status == trit_ok) status = get_validates(r, err);
    if (status == trit_ok) status = trit_train_config_get(&r->dir, trit_trainer_config(r->trainer), "output", err);
    r->is_first = trit_trainer_is_first(r->trainer);
    trit_progress_init(&r->bar, r->doing, !r->output->quiet && r->is_first);
    if (status == trit_ok && r->is_first) status = trit_fs_make_dirs(r->dir.data, err);
    if (status == trit_ok && r->is_first) status = trit_train_log_open(&r->log, r->dir.data, r->first, err);
    return trit_trainer_agree(r->trainer, status, &r->is_stopped, err);
}

static void close_run(run *r) {
    trit_progress_fini(&r->bar);
    trit_fs_grow_close(&r->log);
    trit_text_fini(&r->dir);
}

/* ---- What it tells ---- */

/* Lines for people on standard output? */
static bool tells(const run *r) {
    return r->is_first && !r->output->json && !r->output->quiet;
}

/* A line of the log, which --json prints too. */
static trit_status put_line(run *r, trit_jsonw *line, trit_error *err) {
    trit_status status = r->is_first ? trit_train_log_add(&r->log, r->dir.data, line, err) : trit_ok;
    if (status == trit_ok && r->output->json && r->is_first) {
        status = trit_jsonw_finish(line, err);
        trit_out_flush();
    }
    trit_jsonw_fini(line);
    return status;
}

static void show_progress(run *r, const trit_train_stats *s) {
    snprintf(r->doing, sizeof r->doing, "step %" PRIu64 "/%" PRIu64 "  loss %.3f  %.0f tok/s", s->step, s->n_steps, s->loss, s->tokens_s);
    trit_progress_update(&r->bar, s->step - r->first, s->n_steps - r->first);
}

/* For people, each time a validation is due: means since the last such line. */
static void print_line(run *r, const trit_train_stats *s, double validation) {
    const double loss = r->loss_sum / (double)r->loss_n;
    r->loss_sum = 0;
    r->loss_n = 0;
    if (!tells(r)) return;
    trit_progress_fini(&r->bar);
    trit_out_printf("step %-7" PRIu64 " loss %.4f", s->step, loss);
    if (!isnan(validation)) trit_out_printf("  validation %.4f", validation);
    trit_out_printf("  lr %.3g", s->lr);
    if (s->zeros > 0) trit_out_printf("  zeros %.1f %%  flips %.3f %%", 100 * s->zeros, 100 * s->flip_rate); /* else all are floats */
    trit_out_printf("  %.0f tokens/s\n", s->tokens_s);
    trit_out_flush();
}

static void print_head(const run *r) {
    if (!tells(r)) return;
    trit_out_printf("%.2f M parameters, steps %" PRIu64 " to %" PRIu64 " -> %s\n", (double)trit_trainer_n_params(r->trainer) * 1e-6, r->first + 1,
                    r->n_steps, r->dir.data);
    trit_out_flush();
}

/* ---- Steps ---- */

static trit_status save(run *r, uint64_t step, trit_error *err) {
    if (step == r->saved) return trit_ok;
    const trit_status status = trit_trainer_save_step(r->trainer, r->dir.data, (uint32_t)r->keep, err);
    if (status == trit_ok) r->saved = step;
    return status;
}

/* The lines of a step; of a validation, too, where one was due. */
static trit_status tell(run *r, const trit_train_stats *s, bool is_due, double validation, trit_error *err) {
    trit_jsonw line = {0};
    trit_train_put_step(&line, s);
    trit_status status = put_line(r, &line, err);
    if (is_due) print_line(r, s, validation);
    if (status != trit_ok || isnan(validation)) return status;
    trit_train_put_validation(&line, s->step, validation);
    return put_line(r, &line, err);
}

static bool is_due(uint64_t step, uint64_t every) {
    return every && step % every == 0;
}

/* Steps, validations and checkpoints are made by all processes of a job together; what only the first one does is agreed on between them. */
static trit_status step(run *r, trit_error *err) {
    trit_train_stats s = {0};
    double validation = (double)NAN;
    trit_status status = trit_trainer_step(r->trainer, &s, err);
    if (status != trit_ok) return status;
    r->done = s.step;
    r->loss_sum += s.loss;
    r->loss_n++;
    show_progress(r, &s);
    const bool is_last = s.step >= r->n_steps, validates = is_last || is_due(s.step, r->eval_every);
    if (validates && r->validates) status = trit_trainer_evaluate(r->trainer, &validation, err);
    if (status != trit_ok) return status;
    r->is_stopped = trit_interrupted();
    status = trit_trainer_agree(r->trainer, tell(r, &s, validates, validation, err), &r->is_stopped, err);
    if (status == trit_ok && (is_due(s.step, r->save_every) || is_last || r->is_stopped)) status = save(r, s.step, err);
    return status;
}

/* A run that began with another folder's checkpoint has none of its own at first. */
static bool has_saved(const run *r) {
    char path[1100];
    snprintf(path, sizeof path, "%.1000s/step-%" PRIu64 "/trainer.json", r->dir.data, r->saved);
    return r->saved && trit_fs_look(path).kind != trit_fs_absent;
}

/* Adds where a run that failed can go on. */
static trit_status tell_saved(const run *r, trit_status status, trit_error *err) {
    if (status == trit_cancelled || !err || !has_saved(r)) return status;
    const trit_error why = *err;
    return trit_error_set(err, status, "%.300s; saved: %.150s/step-%" PRIu64, why.message, r->dir.data, r->saved);
}

static void tell_interrupted(run *r) {
    trit_progress_fini(&r->bar);
    if (!r->output->quiet && r->is_first && r->saved)
        fprintf(stderr, "trit: note: interrupted; step %" PRIu64 " is saved, and goes on with --resume %s\n", r->saved, r->dir.data);
}

static void tell_finished(const run *r) {
    if (!r->output->quiet && r->is_first)
        fprintf(stderr, "trit: note: %s: all %" PRIu64 " steps are done; a larger --steps makes the run longer\n", r->dir.data, r->n_steps);
}

trit_status trit_train_run(trit_trainer *t, const trit_output_choice *output, trit_error *err) {
    run r = {.trainer = t, .output = output};
    trit_status status = open_run(&r, err);
    if (status == trit_ok && r.done < r.n_steps) print_head(&r);
    else if (status == trit_ok) tell_finished(&r);
    while (status == trit_ok && r.done < r.n_steps && !r.is_stopped) status = step(&r, err);
    if (status == trit_ok && r.done < r.n_steps) {
        status = trit_error_set(err, trit_cancelled, "interrupted");
        tell_interrupted(&r);
    } else if (status != trit_ok) {
        status = tell_saved(&r, status, err);
    }
    close_run(&r);
    return status;
}
