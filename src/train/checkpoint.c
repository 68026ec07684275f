/* Checkpoints: a Hugging Face folder of the masters, which any reader of such folders opens, and beside them what a run needs to go on.
 *
 *      config.json, model.safetensors, tokenizer.json ...       the model
 *      trainer.json                                             version, steps, tokens, what the run was told ("config") and chose ("settled")
 *      optimizer.safetensors                                    the optimiser's states by name
 *
 * Of a run that trains adapters, the folder has those as PEFT writes them, in place of the model.
 *
 * A folder is written beside its place, brought to the disk, and renamed: who looks for the newest one finds a whole one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/math.h"
#include "base/os.h"
#include "base/str.h"
#include "model/convert/convert.h"
#include "train/trainer.h"
#include "trit/arrays.h"

enum { max_path = 4096, version = 1 };

static trit_status path_of(char out[max_path], const char *dir, const char *name, trit_error *err) {
    const int n = snprintf(out, max_path, "%s/%s", dir, name);
    return n > 0 && n < max_path ? trit_ok : trit_error_set(err, trit_io, "%.200s: the path is too long", dir);
}

/* ---- Writing ---- */

static trit_status save_tensors(const char *dir, const char *file, uint32_t n, const char *const *names, const trit_tensor *const *tensors,
                                trit_error *err) {
    char path[max_path];
    trit_status status = path_of(path, dir, file, err);
    return status == trit_ok ? trit_tensors_save(path, n, names, tensors, err) : status;
}

/* Masters that are kept in bfloat16 have nothing that it cannot hold. */
static trit_dtype saved_dtype(const trit_trainer *t) {
    return trit_train_is(t->config->masters, "bf16") ? trit_dtype_bf16 : t->params->dtype;
}

static trit_status save_masters(const trit_trainer *t, const char *dir, trit_error *err) {
    const size_t n = t->params->n;
    const trit_dtype dtype = saved_dtype(t);
    const char **names = trit_alloc(n, sizeof *names);
    trit_tensor **tensors = trit_alloc_zero(n, sizeof(trit_tensor *));
    trit_status status = names && tensors ? trit_ok : trit_error_memory(err, n * sizeof *names, "the names of a checkpoint");
    for (size_t i = 0; i < n && status == trit_ok; i++) {
        trit_tensor *master = t->params->at[i]->master;
        names[i] = t->params->at[i]->hf_name;
        if (dtype == t->params->dtype) tensors[i] = trit_tensor_retain(master);
        else status = trit_tensor_cast(&tensors[i], master, dtype, err);
    }
    if (status == trit_ok) status = save_tensors(dir, "model.safetensors", (uint32_t)n, names, (const trit_tensor *const *)tensors, err);
    for (size_t i = 0; i < n && tensors; i++) trit_tensor_free(tensors[i]);
    trit_free((void *)names);
    trit_free((void *)tensors);
    return status;
}

static size_t n_states(const trit_optim *o) {
    const char *name;
    size_t n = 0;
    while (trit_optim_state_at(o, n, &name)) n++;
    return n;
}

static trit_status save_states(const trit_trainer *t, const char *dir, trit_error *err) {
    const size_t n = n_states(t->optim);
    const char **names = trit_alloc(n, sizeof *names);
    const trit_tensor **tensors = trit_alloc(n, sizeof(trit_tensor *));
    trit_status status = names && tensors ? trit_ok : trit_error_memory(err, n * sizeof *names, "the names of a checkpoint");
    for (size_t i = 0; i < n && status == trit_ok; i++) tensors[i] = trit_optim_state_at(t->optim, i, &names[i]);
    if (status == trit_ok) status = save_tensors(dir, "optimizer.safetensors", (uint32_t)n, names, tensors, err);
    trit_free((void *)names);
    trit_free((void *)tensors);
    return status;
}

static trit_status save_numbers(const trit_trainer *t, const char *dir, trit_error *err) {
    char path[max_path];
    trit_text text = {0};
    trit_status status = path_of(path, dir, "trainer.json", err);
    const bool begun = trit_text_format(&text, "{\"version\": %d,\n\"step\": %" PRIu64 ",\n\"tokens\": %" PRIu64 ",\n\"optimizer_steps\": %" PRIu64
                                               ",\n\"config\": ",
                                        version, t->step, t->tokens, trit_optim_steps(t->optim));
    if (status == trit_ok && !begun) status = trit_error_memory(err, text.n, "trainer.json");
    if (status == trit_ok) status = trit_train_config_to_json(&text, t->told, err);
    if (status == trit_ok && !trit_text_format(&text, ",\n\"settled\": ")) status = trit_error_memory(err, text.n, "trainer.json");
    if (status == trit_ok) status = trit_train_config_to_json(&text, t->config, err);
    if (status == trit_ok && !trit_text_append(&text, "}\n", 2)) status = trit_error_memory(err, text.n, "trainer.json");
    if (status == trit_ok) status = trit_os_write_file(path, text.data, text.n, err);
    trit_text_fini(&text);
    return status;
}

static trit_status save_all(const trit_trainer *t, const char *dir, trit_error *err) {
    const trit_model *m = t->params->model;
    const trit_convert_folder config = {.m = m, .tokenizer = t->tokenizer, .is_tied = trit_model_is_tied(m), .is_ternary = m->config.masters,
                                        .has_masters = m->config.masters};
    trit_status status = m->n_loras ? trit_adapters_save(t->params, dir, t->config->init, err) : save_masters(t, dir, err);
    if (status == trit_ok) status = save_states(t, dir, err);
    if (status == trit_ok && !m->n_loras) status = trit_convert_write_folder(&config, dir, err);
    if (status == trit_ok) status = trit_convert_copy_vocab(t->tokenizer_dir, dir, err);
    if (status == trit_ok) status = save_numbers(t, dir, err);
    return status == trit_ok ? trit_fs_flush_dir(dir, err) : status;
}

static uint64_t n_bytes(const trit_trainer *t) {
    const char *name;
    const uint64_t master = trit_dtype_bytes(saved_dtype(t));
    uint64_t n = 0;
    for (size_t i = 0; i < t->params->n; i++)
        if (!t->params->at[i]->is_frozen) n += (uint64_t)trit_tensor_n_elements(t->params->at[i]->master) * master;
    for (size_t i = 0; trit_optim_state_at(t->optim, i, &name); i++)
        n += (uint64_t)trit_tensor_n_elements(trit_optim_state_at(t->optim, i, &name)) * sizeof(float);
    return n;
}

/* Before anything is written: a full disk is known here, not at its last byte. */
static trit_status check_room(const trit_trainer *t, const char *dir, trit_error *err) {
    enum { slack = 1 << 20 }; /* what is no tensor */
    const uint64_t need = n_bytes(t) + slack, has = trit_os_free_bytes(dir);
    if (need <= has) return trit_ok;
    return trit_error_set(err, trit_io, "%.200s: a checkpoint needs %.1f MB, but the disk has %.1f MB left", dir, (double)need * 1e-6, (double)has * 1e-6);
}

/* A run that goes on, or an engine, could only say so later. */
static trit_status check_masters(const trit_trainer *t, trit_error *err) {
    for (size_t i = 0; i < t->n_trained; i++) {
        const trit_param *p = t->trained[i];
        if (!trit_all_finite(trit_tensor_data(p->master), (size_t)trit_tensor_n_elements(p->master)))
            return trit_error_set(err, trit_numeric, "step %" PRIu64 ": %s is not finite, and no checkpoint is written (a lower learning rate may help)",
                                  t->step, p->name);
    }
    return trit_ok;
}

static trit_status save(const trit_trainer *t, const char *dir, trit_error *err) {
    char place[max_path], part[max_path];
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/') n--;
    snprintf(place, sizeof place, "%.*s", (int)(n < max_path ? n : 0), dir);
    if (!n || n >= max_path || !trit_os_name_beside(part, sizeof part, place)) return trit_error_set(err, trit_io, "\"%.200s\" is no path", dir);
    if (!t->tokenizer_dir) return trit_error_set(err, trit_arg, "output: a run without this folder has no checkpoints");
    if (trit_os_is_file(place)) return trit_error_set(err, trit_arg, "%.200s: is a file, but a checkpoint is a folder", place);
    trit_status status = check_masters(t, err);
    if (status == trit_ok) status = check_room(t, place, err);
    if (status == trit_ok) status = trit_fs_make_dirs(part, err);
    if (status != trit_ok) return status;
    status = save_all(t, part, err);
    if (status == trit_ok) status = trit_fs_replace_dir(part, place, err);
    if (status != trit_ok) trit_os_remove_dir(part);
    return status;
}

/* All processes hold the same: the first one writes, and the others wait for it. */
trit_status trit_trainer_save(trit_trainer *t, const char *dir, trit_error *err) {
    trit_status status = trit_trainer_check(t, err);
    if (status == trit_ok && t->parallel.rank == 0) status = save(t, dir, err);
    return trit_parallel_agree(&t->parallel, status, err);
}

/* ---- A few of them ---- */

static const char prefix[] = "step-";

/* What a writer left behind that was killed. */
static bool is_part(const char *name) {
    return strncmp(name, prefix, sizeof prefix - 1) == 0 && trit_ends_with(name, ".part");
}

/* The `keep`-th largest number; 0: there are fewer. */
static uint64_t oldest_to_keep(const trit_fs_names *names, uint32_t keep) {
    uint64_t bound = UINT64_MAX, step;
    for (uint32_t k = 0; k < keep; k++) {
        uint64_t most = 0;
        for (size_t i = 0; i < names->n; i++)
            if (trit_parse_numbered(names->item[i], prefix, &step) && step < bound && step > most) most = step;
        bound = most;
    }
    return bound;
}

/* Never the one of step `last`, which was written just now. */
static trit_status remove_oldest(const char *dir, uint64_t last, uint32_t keep, trit_error *err) {
    trit_fs_names names = {0};
    char path[max_path];
    uint64_t step;
    trit_status status = trit_fs_list(&names, dir, err);
    const uint64_t oldest = oldest_to_keep(&names, keep);
    for (size_t i = 0; i < names.n && status == trit_ok; i++) {
        const bool goes = trit_parse_numbered(names.item[i], prefix, &step) ? step < oldest && step != last : is_part(names.item[i]);
        if (goes) status = path_of(path, dir, names.item[i], err);
        if (goes && status == trit_ok) status = trit_fs_remove(path, err);
    }
    trit_fs_names_fini(&names);
    return status;
}

trit_status trit_trainer_save_step(trit_trainer *t, const char *dir, uint32_t keep, trit_error *err) {
    char name[40], path[max_path];
    snprintf(name, sizeof name, "%s%" PRIu64, prefix, t->step);
    trit_status status = trit_trainer_check(t, err);
    if (status == trit_ok) status = path_of(path, dir, name, err);
    if (status == trit_ok && t->parallel.rank == 0) {
        status = save(t, path, err);
        if (status == trit_ok && keep) status = remove_oldest(dir, t->step, keep, err);
    }
    return trit_parallel_agree(&t->parallel, status, err);
}

/* ---- Going on ---- */

/* The numbers of trainer.json, and the configuration of the run: what it was told goes to t->told, what it chose to `settled`. */
static trit_status read_numbers(trit_trainer *t, trit_train_config *settled, const char *dir, uint64_t *optimiser_steps, trit_error *err) {
    char path[max_path];
    trit_file_map map = {0};
    trit_json *json = NULL;
    trit_status status = path_of(path, dir, "trainer.json", err);
    if (status == trit_ok) status = trit_os_map(&map, path, err);
    if (status == trit_ok) status = trit_json_parse(&json, (const char *)map.data, map.n, path, err);
    trit_os_unmap(&map);
    if (status != trit_ok) return status;
    const int64_t step = trit_json_as_int(trit_json_get(json, "step"), -1), tokens = trit_json_as_int(trit_json_get(json, "tokens"), -1),
                  steps = trit_json_as_int(trit_json_get(json, "optimizer_steps"), -1);
    if (trit_json_as_int(trit_json_get(json, "version"), 0) != version)
        status = trit_error_set(err, trit_unsupported, "%s: another version than %d", path, version);
    else if (step < 0 || tokens < 0 || steps < 0)
        status = trit_error_set(err, trit_format, "%s: step, tokens and optimizer_steps are not all there", path);
    else
        status = trit_train_config_from_json(t->told, trit_json_get(json, "config"), true, path, err);
    const trit_json *chosen = trit_json_get(json, "settled");
    if (status == trit_ok && chosen) status = trit_train_config_from_json(settled, chosen, false, path, err);
    t->step = (uint64_t)step;
    t->tokens = (uint64_t)tokens;
    *optimiser_steps = (uint64_t)steps;
    trit_json_free(json);
    return status;
}

static bool same_shape(const trit_tensor *a, const trit_tensor *b) {
    const size_t n = trit_tensor_n_dims(a);
    return trit_tensor_dtype(a) == trit_tensor_dtype(b) && trit_tensor_n_dims(b) == n &&
           memcmp(trit_tensor_shape(a), trit_tensor_shape(b), n * sizeof(int64_t)) == 0;
}

static trit_status read_states(trit_trainer *t, const char *dir, trit_error *err) {
    char path[max_path];
    trit_tensors *set;
    trit_tensor *state;
    trit_status status = path_of(path, dir, "optimizer.safetensors", err);
    if (status == trit_ok) status = trit_tensors_load(&set, t->device, path, err);
    if (status != trit_ok) return status;
    const char *name;
    for (size_t i = 0; status == trit_ok && (state = trit_optim_state_at(t->optim, i, &name)); i++) {
        const trit_tensor *saved = trit_tensors_find(set, name);
        if (!saved || !same_shape(saved, state))
            status = trit_error_set(err, trit_format, "%s: %s is missing or of another shape", path, name);
        else
            memcpy(trit_tensor_data(state), trit_tensor_data(saved), (size_t)trit_tensor_n_elements(state) * sizeof(float));
    }
    trit_tensors_free(set);
    return status;
}

/* What the run was told, before and now. */
static trit_status read_told(trit_trainer *t, const char *dir, const trit_train_config *changes, uint64_t *optimiser_steps, trit_error *err) {
    trit_train_config *settled = NULL;
    trit_status status = trit_train_config_new(&t->told, err);
    if (status == trit_ok) status = trit_train_config_new(&settled, err);
    if (status == trit_ok) status = read_numbers(t, settled, dir, optimiser_steps, err);
    if (status == trit_ok && changes) status = trit_train_config_change(t->told, settled, changes, err);
    trit_train_config_free(settled);
    return status;
}

static trit_status resume(trit_trainer *t, const char *dir, const trit_train_config *changes, trit_error *err) {
    uint64_t steps = 0;
    trit_status status = trit_parallel_open(&t->parallel, err);
    if (status == trit_ok) status = trit_trainer_open(t, dir, read_told(t, dir, changes, &steps, err), err);
    if (status == trit_ok) status = trit_parallel_agree(&t->parallel, read_states(t, dir, err), err);
    if (status == trit_ok) trit_optim_set_steps(t->optim, steps);
    return status;
}

trit_status trit_trainer_resume(trit_trainer **out, const char *dir, const trit_train_config *changes, trit_error *err) {
    trit_trainer *t = trit_alloc_zero(1, sizeof *t);
    if (!t) return trit_error_memory(err, sizeof *t, "a trainer");
    trit_status status = resume(t, dir, changes, err);
    if (status == trit_ok)
        *out = t;
    else
        trit_trainer_free(t);
    return status;
}
