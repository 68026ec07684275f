/* Steps: rows of a batch through the forward pass in parts, their gradients added up, clipped, and handed to the optimiser. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/math.h"
#include "base/os.h"
#include "train/schedule.h"
#include "train/trainer.h"
#include "trit/maps.h"

/* Rows first ... first + n_rows - 1 of a batch, borrowed; only `first` of tokens counts from elsewhere. */
static trit_status take_rows(trit_train_batch *micro, const trit_train_batch *b, uint32_t first, uint32_t n_rows, trit_error *err) {
    const size_t at = (size_t)first * b->seq_len, n = (size_t)n_rows * b->seq_len;
    void *seen = micro->first;
    if (!trit_grow(&seen, &micro->capacity, n, sizeof *micro->first)) return trit_error_memory(err, n * sizeof *micro->first, "rows of a batch");
    micro->first = seen;
    for (size_t i = 0; i < n; i++) micro->first[i] = b->first[at + i] - (int64_t)at;
    micro->n_rows = n_rows;
    micro->seq_len = b->seq_len;
    micro->token = b->token + at;
    micro->target = b->target + at;
    micro->position = b->position + at;
    return trit_ok;
}

/* *loss, and what the teacher's attention adds to it, as far as that is learnt. */
static trit_status add_attention(trit_tensor **loss, trit_trainer *t, const trit_train_batch *rows, double divisor, double *sum, trit_error *err) {
    trit_tensor *own[3], *more = NULL, *both = NULL;
    trit_forward_take(t->forward, own);
    trit_status status = trit_teacher_attention(&more, t->teacher, own, rows, divisor, sum, err);
    if (more) status = trit_tensor_add(&both, *loss, more, err);
    for (size_t i = 0; i < 3; i++) trit_tensor_free(own[i]);
    trit_tensor_free(more);
    if (!both) return status;
    trit_tensor_free(*loss);
    *loss = both;
    return status;
}

/* The loss of rows, by the teacher, if there is one: NULL, or the trainer's. *sum is what it adds before the division. */
static trit_status loss_of(trit_tensor **out, trit_trainer *t, const trit_train_batch *rows, trit_teacher *teacher, double divisor, double *sum,
                           trit_error *err) {
    trit_tensor *hidden = NULL;
    const trit_loss_opts o = {.target = rows->target, .divisor = divisor, .sum = sum, .in_bf16 = trit_train_in_bf16(t->config),
                              .block = teacher ? trit_teacher_block : NULL, .user = teacher};
    trit_status status = teacher ? trit_teacher_look(teacher, rows, err) : trit_ok;
    if (status == trit_ok) status = trit_forward_run(&hidden, t->forward, rows, err);
    if (status == trit_ok) status = trit_head_loss(out, hidden, trit_forward_head(t->forward)->master, &o, err);
    if (status == trit_ok && teacher) status = add_attention(out, t, rows, divisor, sum, err);
    trit_tensor_free(hidden);
    return status;
}

static trit_status add_gradients(trit_trainer *t, const trit_train_batch *rows, double divisor, double *sum, trit_error *err) {
    trit_tensor *loss = NULL;
    trit_status status = loss_of(&loss, t, rows, t->teacher, divisor, sum, err);
    if (status == trit_ok) status = trit_tape_backward(trit_forward_tape(t->forward), loss, NULL, err);
    trit_tensor_free(loss);
    return status;
}

/* Rows follow each other whatever the size of a batch was in steps before. */
static trit_status fill_batch(trit_trainer *t, trit_error *err) {
    const trit_train_config *c = t->config;
    return trit_dataset_fill(t->data, trit_data_train, 0, t->tokens / (uint64_t)c->seq_len, (uint32_t)c->batch_rows, &t->batch, err);
}

/* The gradients of the batch's mean loss, as far as this process's rows make them; *loss is all of it. */
static trit_status run_batch(trit_trainer *t, double *loss, trit_error *err) {
    const trit_train_config *c = t->config;
    const trit_train_batch *b = &t->batch;
    trit_status status = fill_batch(t, err);
    const double divisor = b->n_targets ? (double)b->n_targets : 1;
    const uint32_t share = b->n_rows / (uint32_t)t->parallel.size, begin = share * (uint32_t)t->parallel.rank;
    double sum = 0;
    for (uint32_t row = begin; row < begin + share && status == trit_ok; row += (uint32_t)c->micro_rows) {
        status = take_rows(&t->micro, b, row, (uint32_t)c->micro_rows, err);
        if (status == trit_ok) status = add_gradients(t, &t->micro, divisor, &sum, err);
        if (status == trit_ok && !isfinite(sum))
            status = trit_error_set(err, trit_numeric, "step %" PRIu64 ": the loss is not finite (a lower learning rate may help)", t->step + 1);
    }
    status = trit_parallel_agree(&t->parallel, status, err);
    if (status == trit_ok) status = trit_parallel_sum_f64(&t->parallel, &sum, 1, err);
    *loss = sum / divisor;
    return status;
}

/* The gradients of all processes' rows, in the optimiser's order; those that no row reaches are none. */
static trit_status collect_gradients(trit_trainer *t, trit_error *err) {
    size_t n = 0;
    for (size_t i = 0; i < t->n_trained; i++) {
        t->gradient[i] = trit_tape_gradient(trit_forward_tape(t->forward), t->trained[i]->master);
        if (t->gradient[i]) t->reached[n++] = t->gradient[i];
    }
    return trit_parallel_sum(&t->parallel, t->reached, n, err);
}

static bool is_finite(const trit_tensor *gradient) {
    return trit_all_finite(trit_tensor_data(gradient), (size_t)trit_tensor_n_elements(gradient));
}

/* Gradients are finite where the sum of their squares is; that may overflow though they are. */
static trit_status check_gradients(const trit_trainer *t, double norm, trit_error *err) {
    if (isfinite(norm)) return trit_ok;
    for (size_t i = 0; i < t->n_trained; i++)
        if (t->gradient[i] && !is_finite(t->gradient[i]))
            return trit_error_set(err, trit_numeric, "step %" PRIu64 ": the gradient of %s is not finite (a lower learning rate may help)", t->step + 1,
                                  t->trained[i]->name);
    return trit_error_set(err, trit_numeric, "step %" PRIu64 ": gradients are too large for a length", t->step + 1);
}

static trit_status measure_step(trit_trainer *t, trit_train_stats *s, trit_error *err) {
    const trit_status status = collect_gradients(t, err);
    if (status != trit_ok) return status;
    s->grad_norm = trit_optim_norm(t->optim, t->gradient);
    s->lr = trit_schedule_lr(t->config, t->step, t->n_steps);
    s->weight_decay = trit_schedule_weight_decay(t->config, t->step, t->n_steps);
    return check_gradients(t, s->grad_norm, err);
}

static trit_status change_params(trit_trainer *t, trit_train_stats *s, trit_error *err) {
    trit_status status = trit_optim_step(t->optim, t->gradient, trit_optim_clip(s->grad_norm, t->config->clip), s->lr, s->weight_decay, err);
    trit_forward_changed(t->forward);
    trit_tape_clear(trit_forward_tape(t->forward));
    if (status == trit_ok) status = trit_flips_count(&t->flips, t, &s->flip_rate, &s->zeros, err);
    return trit_parallel_agree(&t->parallel, status, err);
}

trit_status trit_trainer_check(const trit_trainer *t, trit_error *err) {
    if (!t->is_broken) return trit_ok;
    return trit_error_set(err, trit_fail, "step %" PRIu64 " failed halfway: the run goes on from a checkpoint only", t->step + 1);
}

trit_status trit_trainer_step(trit_trainer *t, trit_train_stats *out, trit_error *err) {
    const trit_train_config *c = t->config;
    const uint64_t began = trit_os_clock_ns();
    trit_train_stats s = {.n_steps = t->n_steps, .lambda = trit_schedule_lambda(c, t->step)};
    trit_status status = trit_trainer_check(t, err);
    if (status != trit_ok) return status;
    trit_forward_begin(t->forward, s.lambda);
    status = run_batch(t, &s.loss, err);
    if (status == trit_ok) status = measure_step(t, &s, err);
    if (status == trit_ok) {
        status = change_params(t, &s, err);
        t->is_broken = status != trit_ok;
    }
    trit_tape_clear(trit_forward_tape(t->forward));
    if (status != trit_ok) return status;
    s.step_tokens = (uint64_t)c->batch_rows * t->batch.seq_len;
    s.targets = t->batch.n_targets;
    s.step = ++t->step;
    s.tokens = t->tokens += s.step_tokens;
    s.tokens_s = (double)s.step_tokens / ((double)(trit_os_clock_ns() - began) * 1e-9 + 1e-9);
    *out = s;
    return trit_ok;
}

/* ---- Validation ---- */

/* Micro batches in turn to each process. */
static trit_status evaluate(trit_trainer *t, uint64_t n_rows, double *sum, double *targets, trit_error *err) {
    const uint32_t most = (uint32_t)t->config->micro_rows;
    const uint64_t step = (uint64_t)most * (uint64_t)t->parallel.size;
    trit_status status = trit_ok;
    for (uint64_t row = (uint64_t)most * (uint64_t)t->parallel.rank; row < n_rows && status == trit_ok; row += step) {
        const uint32_t n = n_rows - row < most ? (uint32_t)(n_rows - row) : most;
        trit_tensor *loss = NULL;
        status = trit_dataset_fill(t->data, trit_data_validation, 0, row, n, &t->batch, err);
        if (status == trit_ok) status = loss_of(&loss, t, &t->batch, NULL, 1, sum, err);
        trit_tensor_free(loss);
        *targets += (double)t->batch.n_targets;
    }
    double sums[2] = {*sum, *targets};
    status = trit_parallel_agree(&t->parallel, status, err);
    if (status == trit_ok) status = trit_parallel_sum_f64(&t->parallel, sums, 2, err);
    *sum = sums[0];
    *targets = sums[1];
    return status;
}

trit_status trit_trainer_evaluate(trit_trainer *t, double *loss, trit_error *err) {
    const uint64_t all = trit_dataset_n_rows(t->data, trit_data_validation), most = (uint64_t)t->config->eval_rows;
    double sum = 0, targets = 0;
    if (!all) return trit_error_set(err, trit_arg, "validation: there is no text for it");
    trit_forward_begin(t->forward, 1);
    trit_tape_pause(trit_forward_tape(t->forward));
    trit_status status = evaluate(t, most && most < all ? most : all, &sum, &targets, err);
    trit_tape_resume(trit_forward_tape(t->forward));
    if (status == trit_ok && !isfinite(sum)) status = trit_error_set(err, trit_numeric, "validation: the loss is not finite");
    if (status == trit_ok) *loss = sum / (targets > 0 ? targets : 1);
    return status;
}

/* ---- The rest ---- */

trit_status trit_trainer_new(trit_trainer **out, const trit_train_config *c, trit_error *err) {
    trit_trainer *t = trit_alloc_zero(1, sizeof *t);
    if (!t) return trit_error_memory(err, sizeof *t, "a trainer");
    trit_status status = trit_parallel_open(&t->parallel, err);
    if (status == trit_ok) status = trit_trainer_open(t, NULL, trit_train_config_copy(&t->told, c, err), err);
    if (status == trit_ok)
        *out = t;
    else
        trit_trainer_free(t);
    return status;
}

void trit_trainer_free(trit_trainer *t) {
    if (!t) return;
    trit_flips_fini(&t->flips);
    trit_free(t->micro.first); /* its other lists are the batch's */
    trit_train_batch_fini(&t->batch);
    trit_free(t->reached);
    trit_free(t->gradient);
    trit_free(t->trained);
    trit_optim_free(t->optim);
    trit_teacher_free(t->teacher);
    trit_forward_free(t->forward);
    trit_params_free(t->params);
    trit_dataset_free(t->data);
    trit_tokenizer_close(t->tokenizer);
    trit_free(t->tokenizer_dir);
    trit_team_free(t->team);
    trit_device_close(t->device);
    trit_parallel_close(&t->parallel);
    trit_train_config_free(t->config);
    trit_train_config_free(t->told);
    trit_free(t);
}

const trit_train_config *trit_trainer_config(const trit_trainer *t) {
    return t->config;
}

bool trit_trainer_is_first(const trit_trainer *t) {
    return t->parallel.rank == 0;
}

trit_status trit_trainer_agree(trit_trainer *t, trit_status own, bool *stops, trit_error *err) {
    double n = *stops;
    trit_status status = trit_parallel_agree(&t->parallel, own, err);
    if (status == trit_ok) status = trit_parallel_sum_f64(&t->parallel, &n, 1, err);
    *stops = n > 0;
    return status;
}

uint64_t trit_trainer_n_steps(const trit_trainer *t) {
    return t->n_steps;
}

uint64_t trit_trainer_n_params(const trit_trainer *t) {
    return trit_params_n_elements(t->params);
}

uint64_t trit_trainer_step_at(const trit_trainer *t) {
    return t->step;
}
