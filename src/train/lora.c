/* Adapters in training (arXiv:2106.09685): two small matrices for each projection, and nothing else learns. Beside a projection they are weights of
 * the model's own adapters, so the op list has them like any others; inside the quantizer they are part of what is quantized (forward.c). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/rng.h"
#include "train/train.h"
#include "trit/arrays.h"

/* The next of the names with commas between them; false: there are no more. */
static bool next_name(trit_str *out, const char **list) {
    *out = (trit_str){*list, strcspn(*list, ",")};
    *list += out->n + ((*list)[out->n] == ',');
    return out->n > 0;
}

/* Of "blk.0.attn_q.weight" or "model.layers.0.self_attn.q_proj.weight" the word before the last. */
static bool ends_with_name(const char *name, trit_str word) {
    const char *end = strrchr(name, '.'), *begin = end;
    while (begin > name && begin[-1] != '.') begin--;
    return trit_str_equal((trit_str){begin, (size_t)(end - begin)}, word);
}

static bool is_named(const trit_param *p, trit_str word) {
    return p->is_matrix && (ends_with_name(p->name, word) || ends_with_name(p->hf_name, word));
}

static bool is_target(const trit_param *p, const char *targets) {
    trit_str word;
    if (!*targets) return p->is_matrix;
    while (next_name(&word, &targets))
        if (is_named(p, word)) return true;
    return false;
}

static trit_status check_targets(const trit_params *p, const char *targets, trit_error *err) {
    trit_str word;
    while (next_name(&word, &targets)) {
        size_t i = 0;
        while (i < p->n && !is_named(p->at[i], word)) i++;
        if (i == p->n)
            return trit_error_set(err, trit_arg, "lora_targets: \"%.*s\" names no projection of the model (q_proj, up_proj, ...)", TRIT_STR_ARG(word));
    }
    return trit_ok;
}

/* A: Kaiming's uniform with a = sqrt(5), as PEFT begins: within 1 / sqrt(inputs). B stays zero, so that training begins with the model as it is. */
static void begin(trit_param *a, trit_dtype dtype, uint64_t seed) {
    const int64_t n = trit_tensor_n_elements(a->master);
    const double bound = 1 / sqrt((double)a->master->view.shape[1]);
    const uint64_t own = trit_rng_named(seed, a->name);
    for (int64_t i = 0; i < n; i++)
        trit_element_set(dtype, (char *)a->master->view.data + (size_t)i * trit_dtype_bytes(dtype), bound * (2 * trit_rng_unit(own, (uint64_t)i) - 1));
}

/* Where a projection stands in the model's adapters. */
static size_t place_of(const trit_params *p, const trit_param *of) {
    return (size_t)(of->weight - (const trit_weight *)p->model->layers);
}

static trit_status add_half(trit_param **out, trit_params *p, const trit_param *of, int which, int64_t n_rows, int64_t n_cols, trit_error *err) {
    const size_t at = place_of(p, of), layer_tensor = at % trit_n_layer_tensors;
    const uint32_t layer = (uint32_t)(at / trit_n_layer_tensors);
    char own[80], hf[128];
    trit_lora_name(own, sizeof own, p->model, layer, layer_tensor, which, true);
    trit_lora_name(hf, sizeof hf, p->model, layer, layer_tensor, which, false);
    const trit_status status = trit_params_add(out, p, own, hf, 2, (int64_t[]){n_rows, n_cols}, err);
    if (status == trit_ok) (*out)->decays = true;
    return status;
}

static void place(trit_params *p, const trit_param *of, trit_adapter *adapter) {
    trit_lora_pair *pair = &p->model->loras[0].pair[place_of(p, of)];
    trit_param *halves[] = {adapter->a, adapter->b};
    pair->factor = (float)adapter->scale;
    for (int which = 0; which < 2; which++) {
        const int64_t *shape = halves[which]->master->view.shape;
        halves[which]->weight = &pair->weight[which];
        pair->weight[which] = (trit_weight){.dtype = trit_dtype_f32, .n_rows = (uint32_t)shape[0], .n_cols = (uint32_t)shape[1],
                                            .data = trit_tensor_data(halves[which]->master), .factor = 1.0f};
    }
}

static trit_status add_adapter(trit_params *p, size_t i, const trit_adapter_opts *o, uint64_t seed, trit_error *err) {
    trit_param *of = p->at[i];
    const int64_t *shape = of->master->view.shape;
    trit_adapter *adapter = &p->adapters[p->n_adapters++];
    *adapter = (trit_adapter){.of = of, .scale = o->alpha / o->rank, .is_inside = o->is_inside};
    trit_status status = add_half(&adapter->a, p, of, trit_lora_a, o->rank, shape[1], err);
    if (status == trit_ok) status = add_half(&adapter->b, p, of, trit_lora_b, shape[0], o->rank, err);
    if (status != trit_ok) return status;
    begin(adapter->a, p->dtype, seed);
    of->adapter = adapter;
    if (!o->is_inside) place(p, of, adapter);
    return trit_ok;
}

trit_status trit_adapters_add(trit_params *p, const trit_adapter_opts *o, uint64_t seed, trit_error *err) {
    const size_t n = p->n, n_places = (size_t)p->model->config.n_layers * trit_n_layer_tensors;
    trit_status status = check_targets(p, o->targets, err);
    if (status != trit_ok) return status;
    p->adapters = trit_alloc_zero(n, sizeof *p->adapters);
    p->model->loras = trit_alloc_zero(1, sizeof *p->model->loras);
    if (p->model->loras) p->model->loras->pair = trit_alloc_zero(n_places, sizeof *p->model->loras->pair);
    if (!p->adapters || !p->model->loras || !p->model->loras->pair) return trit_error_memory(err, n_places * sizeof(trit_lora_pair), "the adapters");
    p->model->n_loras = 1;
    for (size_t i = 0; i < n && status == trit_ok; i++) {
        if (!is_target(p->at[i], o->targets)) continue;
        if (o->is_inside && p->at[i]->had_trits)
            status = trit_error_set(err, trit_unsupported, "lora_inside: %s holds trits already, and no master that an adapter could change", p->at[i]->name);
        else
            status = add_adapter(p, i, o, seed, err);
    }
    return status;
}

/* ---- Files ---- */

trit_status trit_adapters_save(const trit_params *p, const char *folder, const char *base, trit_error *err) {
    trit_lora_part *parts = trit_alloc(p->n_adapters, sizeof *parts);
    if (!parts) return trit_error_memory(err, p->n_adapters * sizeof *parts, "the adapters");
    for (size_t i = 0; i < p->n_adapters; i++) {
        const trit_adapter *x = &p->adapters[i];
        const size_t at = place_of(p, x->of);
        parts[i] = (trit_lora_part){.layer = (uint32_t)(at / trit_n_layer_tensors), .layer_tensor = at % trit_n_layer_tensors,
                                    .rank = (uint32_t)x->a->master->view.shape[0], .scaling = x->scale,
                                    .matrix = {trit_tensor_data(x->a->master), trit_tensor_data(x->b->master)}};
    }
    const trit_lora_out o = {.model = p->model, .part = parts, .n = p->n_adapters, .is_inside = p->adapters[0].is_inside, .base = base};
    const trit_status status = trit_lora_write_peft(&o, folder, err);
    trit_free(parts);
    return status;
}

trit_status trit_adapters_load(trit_params *p, const char *folder, trit_error *err) {
    trit_text path = {0};
    trit_tensors *set = NULL;
    trit_status status = trit_peft_path(&path, folder, TRIT_PEFT_WEIGHTS, err);
    if (status == trit_ok) status = trit_tensors_load(&set, p->device, path.data, err);
    for (size_t i = 0; i < p->n_adapters && status == trit_ok; i++)
        for (int which = 0; which < 2 && status == trit_ok; which++) {
            trit_param *half = which == trit_lora_a ? p->adapters[i].a : p->adapters[i].b;
            const trit_tensor *saved = trit_tensors_find(set, half->hf_name);
            const bool fits = saved && trit_tensor_n_dims(saved) == 2 &&
                              memcmp(trit_tensor_shape(saved), trit_tensor_shape(half->master), 2 * sizeof(int64_t)) == 0;
            status = fits ? trit_tensor_assign(half->master, saved, err)
                          : trit_error_set(err, trit_format, "%s: %s is missing or of another shape", path.data, half->hf_name);
        }
    trit_tensors_free(set);
    trit_text_fini(&path);
    return status;
}
