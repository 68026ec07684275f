/* The parameters of a model in training: what trit_masters_list names, as tensors, new or from a file. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "train/train.h"
#include "trit/maps.h"

static trit_param *new_param(trit_params *p, trit_error *err) {
    void *at = p->at;
    trit_param *param = NULL;
    if (trit_grow(&at, &p->capacity, p->n + 1, sizeof(trit_param *))) {
        p->at = at;
        param = trit_alloc_zero(1, sizeof *param);
    }
    if (!param) (void)trit_error_memory(err, (p->n + 1) * sizeof *param, "the parameters");
    else p->at[p->n++] = param;
    return param;
}

static trit_status name(trit_param *param, const char *own, const char *hf, trit_error *err) {
    if (strlen(own) >= sizeof param->name || strlen(hf) >= sizeof param->hf_name)
        return trit_error_set(err, trit_arg, "parameter %s (%s): the name is too long", own, hf);
    memcpy(param->name, own, strlen(own) + 1);
    memcpy(param->hf_name, hf, strlen(hf) + 1);
    return trit_ok;
}

trit_status trit_params_add(trit_param **out, trit_params *p, const char *own, const char *hf, uint32_t n_dims, const int64_t *shape,
                            trit_error *err) {
    trit_param *param = new_param(p, err);
    if (!param) return trit_memory;
    trit_status status = name(param, own, hf, err);
    if (status == trit_ok) status = trit_tensor_zeros(&param->master, p->device, p->dtype, n_dims, shape, err);
    *out = param;
    return status;
}

/* Normal with deviation 0.02; where the output joins the residual stream, less with each of its 2 n_layers summands (GPT-2's). */
static trit_status begin_matrix(trit_param *param, const trit_params *p, uint64_t seed, trit_error *err) {
    const trit_view *v = &param->master->view;
    const double deviation = 0.02 / (param->is_residual ? sqrt(2.0 * p->model->config.n_layers) : 1);
    trit_tensor *normal = NULL, *factor = NULL;
    trit_status status = trit_tensor_randn(&normal, p->device, trit_dtype_f64, v->n_dims, v->shape, trit_rng_named(seed, param->name), err);
    if (status == trit_ok) status = trit_tensor_full(&factor, p->device, trit_dtype_f64, 0, NULL, deviation, err);
    if (status == trit_ok) status = trit_tensor_mul(&param->master, normal, factor, err);
    trit_tensor_free(normal);
    trit_tensor_free(factor);
    return status;
}

static trit_status begin(trit_param *param, const trit_params *p, const trit_master *t, uint64_t seed, trit_error *err) {
    if (t->is_bias || (t->is_norm && t->is_less_one)) return trit_ok; /* zeros */
    if (!t->is_norm) return begin_matrix(param, p, seed, err);
    for (int64_t i = 0; i < param->master->view.shape[0]; i++)
        trit_element_set(p->dtype, (char *)param->master->view.data + (size_t)i * trit_dtype_bytes(p->dtype), 1);
    return trit_ok;
}

static trit_status read(trit_param *param, const trit_params *p, const trit_master *t, uint64_t seed, trit_error *err) {
    const trit_view *v = &param->master->view;
    const size_t n = (size_t)trit_view_n_elements(v);
    float *values = trit_alloc(n, sizeof *values);
    trit_tensor *narrow = NULL;
    trit_status status = values ? trit_master_read(values, p->model, t, err) : trit_error_memory(err, n * sizeof *values, param->name);
    if (status == trit_ok) trit_neurons_split(values, t, trit_rng_named(seed, param->name));
    if (status == trit_ok) status = trit_tensor_borrow(&narrow, p->device, trit_dtype_f32, v->n_dims, v->shape, NULL, values, err);
    if (status == trit_ok) status = trit_tensor_assign(param->master, narrow, err);
    trit_tensor_free(narrow);
    trit_free(values);
    return status;
}

static bool stays_as_it_is(const trit_params_opts *o) {
    return o->base && (o->is_frozen || o->adapters);
}

/* A projection that stays as it is computes as the engine has it. */
static trit_status settle_as_it_is(trit_param *param, const trit_params *p, const trit_master *t, trit_error *err) {
    trit_master_kind kind;
    const trit_status status = trit_master_kind_of(&kind, p->model, t, err);
    if (status != trit_ok) return status;
    param->is_ternary = kind.is_ternary;
    param->had_trits = kind.is_finished;
    param->is_finished = kind.is_finished && !p->model->config.masters; /* else they were read as masters of themselves */
    param->is_grouped = param->is_finished && kind.is_grouped;
    return trit_ok;
}

static trit_status add_master(trit_params *p, const trit_master *t, const trit_params_opts *o, trit_error *err) {
    const uint32_t n_dims = t->is_norm || t->is_bias ? 1 : 2;
    const int64_t shape[] = {n_dims == 2 ? t->n_rows : t->n_cols, t->n_cols};
    trit_param *param;
    trit_status status = trit_params_add(&param, p, t->name, t->hf_name, n_dims, shape, err);
    if (status != trit_ok) return status;
    param->is_frozen = o->is_frozen || o->adapters;
    param->weight = t->place;
    param->is_matrix = t->is_linear;
    param->is_ternary = t->is_linear && !o->is_float;
    param->is_residual = t->is_residual;
    param->is_bias = t->is_bias;
    param->is_less_one = t->is_less_one;
    param->decays = n_dims == 2;
    if (stays_as_it_is(o) && t->is_linear) status = settle_as_it_is(param, p, t, err);
    if (status != trit_ok) return status;
    status = t->source.weight ? read(param, p, t, o->seed, err) : begin(param, p, t, o->seed, err);
    trit_master_place(t, trit_tensor_data(param->master), param->is_ternary);
    return status;
}

/* What the model is, where training decides it. */
static trit_status settle(trit_params *p, const trit_params_opts *o, trit_error *err) {
    trit_config *c = &p->model->config;
    if (c->arch->always_int8 && !o->is_float && o->has_float_inputs)
        return trit_error_set(err, trit_unsupported, "activation_type: float, but architecture %s always has int8", c->arch->name);
    c->masters = !o->is_float;
    c->act_int8 = !o->is_float && !o->has_float_inputs;
    if (o->group) c->master_group = o->group;
    c->scale_sense = o->is_float ? trit_scale_inside : trit_scale_online;
    return trit_ok;
}

/* *out: into how many neurons each of the base is split, so that its feed-forward part is as wide as asked for. */
static trit_status ff_copies(uint32_t *out, const trit_params *p, const trit_params_opts *o, trit_error *err) {
    const uint32_t is = p->model->config.ff_dim;
    *out = 1;
    if (!o->ff_dim || o->ff_dim == is) return trit_ok;
    if (stays_as_it_is(o)) return trit_error_set(err, trit_arg, "ff_dim: %u, but the model has %u and stays as it is", o->ff_dim, is);
    if (o->ff_dim % is) return trit_error_set(err, trit_arg, "ff_dim: %u is no multiple of the model's %u", o->ff_dim, is);
    *out = o->ff_dim / is;
    return trit_ok;
}

static trit_status build(trit_params *p, const trit_params_opts *o, trit_error *err) {
    const trit_model_opts opts = {.device = p->device, .activation = o->activation};
    trit_master *masters = NULL;
    size_t n = 0;
    uint32_t copies;
    if (o->shape) p->shape = *o->shape;
    trit_status status = trit_masters_open(&p->model, o->base, o->base ? NULL : &p->shape, o->adds_sub_norms, &opts, err);
    if (status == trit_ok && !stays_as_it_is(o)) status = settle(p, o, err);
    if (status == trit_ok) status = ff_copies(&copies, p, o, err);
    if (status == trit_ok) status = trit_masters_list(&masters, &n, p->model, copies, err);
    for (size_t i = 0; i < n && status == trit_ok; i++) status = add_master(p, &masters[i], o, err);
    trit_free(masters);
    if (status == trit_ok && o->adapters) status = trit_adapters_add(p, o->adapters, o->seed, err);
    return status == trit_ok ? trit_masters_write(p->model, err) : status;
}

trit_status trit_params_new(trit_params **out, trit_device *device, const trit_params_opts *o, trit_error *err) {
    trit_params *p = trit_alloc_zero(1, sizeof *p);
    if (!p) return trit_error_memory(err, sizeof *p, "the parameters");
    p->device = device;
    p->dtype = o->dtype;
    trit_status status = build(p, o, err);
    if (status == trit_ok)
        *out = p;
    else
        trit_params_free(p);
    return status;
}

void trit_params_free(trit_params *p) {
    if (!p) return;
    for (size_t i = 0; i < p->n; i++) {
        trit_tensor_free(p->at[i]->master);
        trit_free(p->at[i]);
    }
    trit_free(p->at);
    trit_free(p->adapters);
    trit_model_close(p->model);
    trit_free(p);
}

trit_param *trit_params_find(const trit_params *p, const char *own_or_hf) {
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->at[i]->name, own_or_hf) == 0 || strcmp(p->at[i]->hf_name, own_or_hf) == 0) return p->at[i];
    return NULL;
}

trit_param *trit_params_of(const trit_params *p, const trit_weight *weight, bool bias) {
    for (size_t i = 0; i < p->n; i++)
        if (p->at[i]->weight == weight && p->at[i]->is_bias == bias) return p->at[i];
    return NULL;
}

uint64_t trit_params_n_elements(const trit_params *p) {
    uint64_t n = 0;
    for (size_t i = 0; i < p->n; i++) n += (uint64_t)trit_tensor_n_elements(p->at[i]->master);
    return n;
}
