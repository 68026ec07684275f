/* A trainer from its configuration: tokenizer, data, model, optimiser, in the order in which they need each other. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/os.h"
#include "model/convert/convert.h"
#include "train/config_keys.h"
#include "train/trainer.h"

/* ---- The tokenizer ---- */

/* Its files stand in the run's folder, from where each checkpoint gets them; *dir: NULL where the run has no folder. */
static trit_status tokenizer_dir(trit_trainer *t, trit_error *err) {
    char dir[4096];
    if (!*t->config->output) return trit_ok;
    const int n = snprintf(dir, sizeof dir, "%s/tokenizer", t->config->output);
    if (n < 0 || (size_t)n >= sizeof dir) return trit_error_set(err, trit_io, "%.200s: the path is too long", t->config->output);
    t->tokenizer_dir = trit_strndup(dir, (size_t)n);
    return t->tokenizer_dir ? trit_fs_make_dirs(dir, err) : trit_error_memory(err, (size_t)n, "a path");
}

static trit_status train_tokenizer(trit_trainer *t, trit_tokenizer_train_kind kind, trit_error *err) {
    const trit_train_config *c = t->config;
    const trit_tokenizer_train_opts o = {.paths = (const char *const *)c->data.item, .n_paths = c->data.n, .kind = kind,
                                         .separator = *c->separator ? c->separator : NULL, .format = c->format, .text_field = c->text_field,
                                         .prompt_field = c->prompt_field, .completion_field = c->completion_field, .messages_field = c->messages_field,
                                         .vocab_size = (uint32_t)c->vocab_size, .dir = t->tokenizer_dir,
                                         .n_threads = trit_team_size(t->team), .progress = c->watch, .self = c->watch_self};
    return trit_tokenizer_train(&t->tokenizer, &o, err);
}

/* Is there a tokenizer in this folder, which may be NULL? */
static bool has_tokenizer(const char *dir) {
    static const char *const names[] = {"tokenizer.json", "tokenizer.model"};
    char path[4200];
    for (size_t i = 0; dir && i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (trit_os_is_file(path)) return true;
    }
    return false;
}

/* Of a model's file: its lists as tokenizer.json. A checkpoint without it would be no model; adapters have their model's. */
static trit_status write_tokenizer(trit_trainer *t, const char *ref, trit_error *err) {
    trit_model *m = NULL;
    trit_status status = trit_model_open(&m, ref, &(trit_model_opts){.no_weights = true}, err);
    if (status == trit_ok) status = trit_convert_write_vocab(&(trit_convert_job){.m = m, .o = &(trit_convert_opts){0}}, t->tokenizer_dir, err);
    trit_model_close(m);
    if (status == trit_ok && !t->config->lora_rank && !has_tokenizer(t->tokenizer_dir))
        status = trit_error_set(err, trit_unsupported, "%.200s: its tokenizer (%s) cannot be written to tokenizer.json, which checkpoints need; "
                                "--tokenizer names a folder that has it", ref, trit_tokenizer_kind(t->tokenizer));
    return status;
}

/* Does this process write what the others read? */
static bool writes_tokenizer(const trit_trainer *t) {
    return t->tokenizer_dir && t->parallel.rank == 0;
}

static trit_status file_tokenizer(trit_trainer *t, const char *ref, trit_error *err) {
    const bool is_model = !trit_os_is_dir(ref) && !trit_ends_with(ref, ".json") && !trit_ends_with(ref, ".model");
    char folder[4096];
    const char *slash = strrchr(ref, '/');
    const int n = trit_os_is_dir(ref) ? snprintf(folder, sizeof folder, "%s", ref)
                                      : snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - ref) : 1, slash ? ref : ".");
    if (n < 0 || (size_t)n >= sizeof folder) return trit_error_set(err, trit_io, "%.200s: the path is too long", ref);
    trit_status status = trit_tokenizer_open(&t->tokenizer, ref, err);
    if (status != trit_ok || !writes_tokenizer(t)) return status;
    return is_model ? write_tokenizer(t, ref, err) : trit_convert_copy_vocab(folder, t->tokenizer_dir, err);
}

/* An adapter reads what its model reads. When its run goes on, a template of its own comes with the checkpoint. */
static trit_status adapter_tokenizer(trit_trainer *t, const char *ref, const char *dir, trit_error *err) {
    const trit_status status = file_tokenizer(t, ref, err);
    return status == trit_ok && dir && writes_tokenizer(t) ? trit_convert_copy_vocab(dir, t->tokenizer_dir, err) : status;
}

static trit_status find_tokenizer(trit_trainer *t, const char *dir, trit_error *err) {
    static const struct {
        const char *word;
        trit_tokenizer_train_kind kind;
    } kinds[] = {{"bpe", trit_tokenizer_train_bpe}, {"spm", trit_tokenizer_train_spm}, {"byte", trit_tokenizer_train_byte}};
    const trit_train_config *c = t->config;
    const size_t n_kinds = sizeof kinds / sizeof kinds[0];
    size_t kind = 0;
    while (kind < n_kinds && !trit_train_is(c->tokenizer, kinds[kind].word)) kind++;
    const bool is_file = kind == n_kinds;
    if (c->lora_rank) return adapter_tokenizer(t, is_file ? c->tokenizer : c->init, dir, err);
    if (dir) return file_tokenizer(t, dir, err);
    if (*c->init && !t->told->is_set[trit_train_key_tokenizer]) return file_tokenizer(t, c->init, err);
    if (!is_file) return train_tokenizer(t, kinds[kind].kind, err);
    return file_tokenizer(t, c->tokenizer, err);
}

/* The first process puts it into the run's folder, and the others read what it wrote. The template of the configuration stands beside the
 * tokenizer then, and goes with it into each checkpoint. */
static trit_status open_tokenizer(trit_trainer *t, const char *dir, trit_error *err) {
    const char *template = t->config->chat_template;
    char path[4200], *text = NULL;
    trit_status status = tokenizer_dir(t, err);
    if (status != trit_ok) return status;
    if (t->parallel.rank > 0 && has_tokenizer(t->tokenizer_dir)) return trit_tokenizer_open(&t->tokenizer, t->tokenizer_dir, err);
    status = find_tokenizer(t, dir, err);
    if (status != trit_ok || dir || !*template || !writes_tokenizer(t)) return status;
    snprintf(path, sizeof path, "%s/chat_template.jinja", t->tokenizer_dir);
    status = trit_chat_template_read_file(&text, template, err);
    if (status == trit_ok) status = trit_os_write_file(path, text, strlen(text), err);
    trit_free(text);
    return status;
}

/* ---- The data ---- */

static trit_status open_data(trit_trainer *t, trit_error *err) {
    const trit_train_config *c = t->config;
    char cache[4096] = "", *template = NULL;
    trit_data_format format = trit_data_auto;
    if (*c->cache) snprintf(cache, sizeof cache, "%s", c->cache);
    else if (*c->output) snprintf(cache, sizeof cache, "%.4000s/tokens", c->output);
    trit_status status = trit_data_format_of(&format, c->format, err);
    if (status == trit_ok && t->tokenizer_dir) status = trit_chat_template_read_folder(&template, t->tokenizer_dir, err);
    else if (status == trit_ok && *c->chat_template) status = trit_chat_template_read_file(&template, c->chat_template, err);
    const trit_dataset_opts o = {
        .paths = (const char *const *)c->data.item, .n_paths = c->data.n, .validation_paths = (const char *const *)c->validation.item,
        .n_validation_paths = c->validation.n, .validation_share = c->validation_share, .format = format,
        .separator = *c->separator ? c->separator : NULL, .text_field = c->text_field, .prompt_field = c->prompt_field,
        .completion_field = c->completion_field, .messages_field = c->messages_field, .chat_template = template, .windows = c->windows,
        .seq_len = (uint32_t)c->seq_len, .context = (uint32_t)c->context, .seed = (uint64_t)c->seed, .tokenizer = t->tokenizer,
        .cache_dir = *cache ? cache : NULL, .team = t->team, .watch = c->watch, .watch_self = c->watch_self};
    if (status == trit_ok) status = trit_dataset_open(&t->data, &o, err);
    trit_free(template);
    return status;
}

/* ---- The model ---- */

static trit_synthetic shape_of(const trit_trainer *t) {
    const trit_train_config *c = t->config;
    return (trit_synthetic){.name = "new", .what = "", .arch = c->architecture, .n_layers = (uint32_t)c->n_layers, .dim = (uint32_t)c->dim,
                            .ff_dim = (uint32_t)c->ff_dim, .n_heads = (uint32_t)c->n_heads, .n_kv_heads = (uint32_t)c->n_kv_heads,
                            .head_dim = (uint32_t)(c->dim / c->n_heads), .vocab_size = trit_tokenizer_size(t->tokenizer),
                            .context_length = (uint32_t)c->context, .norm_eps = 1e-5f, .rope_theta = (float)c->rope_theta, .tied = c->tied};
}

/* Where the weights are from: a checkpoint, a model; NULL: from nowhere. */
static const char *base_of(const trit_trainer *t, const char *dir) {
    if (dir && !t->told->lora_rank) return dir;
    return *t->told->init ? t->told->init : NULL;
}

/* A model that is there says its shape itself, and the context with it; another one that a new run was told is a mistake, but for a multiple of the
 * feed-forward part's width, which splits neurons. `told` has what it was told; NULL: the run goes on. `bitnet` for an architecture means sub-norms for
 * a model that has none. */
static trit_status take_shape(trit_train_config *c, const trit_model *m, const trit_train_config *told, trit_error *err) {
    trit_model_info x;
    trit_model_describe(m, &x);
    const struct {
        const char *name;
        size_t key;
        int64_t *at, is;
    } sizes[] = {{"n_layers", trit_train_key_n_layers, &c->n_layers, x.n_layers}, {"dim", trit_train_key_dim, &c->dim, x.dim},
                 {"ff_dim", trit_train_key_ff_dim, &c->ff_dim, x.ff_dim},         {"n_heads", trit_train_key_n_heads, &c->n_heads, x.n_heads},
                 {"n_kv_heads", trit_train_key_n_kv_heads, &c->n_kv_heads, x.n_kv_heads},
                 {"context", trit_train_key_context, &c->context, x.context_length}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const bool may_grow = sizes[i].key == trit_train_key_ff_dim && told && !told->lora_rank;
        if (may_grow && told->is_set[sizes[i].key] && *sizes[i].at && *sizes[i].at % sizes[i].is == 0) continue;
        if (told && told->is_set[sizes[i].key] && *sizes[i].at && *sizes[i].at != sizes[i].is)
            return trit_error_set(err, trit_arg, "%s: %lld, but the model of init has %lld%s", sizes[i].name, (long long)*sizes[i].at, (long long)sizes[i].is,
                                  may_grow ? ", and only multiples of it split neurons" : "");
        *sizes[i].at = sizes[i].is;
    }
    const struct {
        const char *key;
        bool differs;
    } others[] = {{"tied", told && told->is_set[trit_train_key_tied] && c->tied != x.tied_embeddings},
                  {"rope_theta", told && told->is_set[trit_train_key_rope_theta] && fabs(c->rope_theta - (double)x.rope_theta) > 1e-6 * c->rope_theta},
                  {"activation", told && told->is_set[trit_train_key_activation] && !trit_train_is(c->activation, "auto") &&
                                     !trit_train_is(c->activation, x.activation)},
                  {"architecture", told && told->is_set[trit_train_key_architecture] && !trit_train_is(c->architecture, x.arch) &&
                                       !trit_train_is(c->architecture, "bitnet")}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (others[i].differs) return trit_error_set(err, trit_arg, "%s: the model of init has another, and keeps it", others[i].key);
    c->tied = x.tied_embeddings;
    c->rope_theta = (double)x.rope_theta;
    return trit_ok;
}

static trit_status read_shape(trit_trainer *t, const char *dir, trit_error *err) {
    trit_model *m = NULL;
    const char *base = base_of(t, dir);
    trit_status status = base ? trit_model_open(&m, base, &(trit_model_opts){.no_weights = true}, err) : trit_ok;
    if (status == trit_ok && base) status = take_shape(t->config, m, dir ? NULL : t->told, err);
    trit_model_close(m);
    return status;
}

/* What a model that stays as it is decides itself. */
static trit_status check_adapter(const trit_train_config *told, trit_error *err) {
    static const struct {
        int key;
        const char *name;
    } own[] = {{trit_train_key_architecture, "architecture"},       {trit_train_key_weight_type, "weight_type"},
               {trit_train_key_weight_group, "weight_group"},       {trit_train_key_activation_type, "activation_type"},
               {trit_train_key_lambda, "lambda"}};
    for (size_t i = 0; i < sizeof own / sizeof own[0] && told->lora_rank; i++)
        if (told->is_set[own[i].key]) return trit_error_set(err, trit_arg, "%s: an adapter's model stays as it is (lora_rank)", own[i].name);
    return trit_ok;
}

/* Of a new model; NULL: the architecture's usual one. Files of bitnet have either; new ones have that of bitnet-b1.58-2B-4T. */
static const char *activation_of(const trit_train_config *c) {
    if (!trit_train_is(c->activation, "auto")) return c->activation;
    return trit_train_is(c->architecture, "bitnet") ? "relu2" : NULL;
}

/* The one that the model has now. */
static trit_status settle_activation(trit_trainer *t, trit_error *err) {
    trit_model_info info;
    trit_model_describe(t->params->model, &info);
    return trit_train_set_text(t->config, trit_train_key_activation, trit_str_from(info.activation), err);
}

static trit_status open_params(trit_trainer *t, const char *dir, trit_error *err) {
    const trit_train_config *c = t->config;
    const trit_synthetic shape = shape_of(t);
    const trit_adapter_opts adapters = {(uint32_t)c->lora_rank, c->lora_alpha, c->lora_targets, c->lora_inside};
    const char *base = base_of(t, dir);
    const trit_params_opts o = {.base = base, .shape = base ? NULL : &shape, .activation = base ? NULL : activation_of(c),
                                .is_float = trit_train_is(c->weight_type, "float"),
                                .has_float_inputs = trit_train_is(c->activation_type, "float"),
                                .ff_dim = base && !dir ? (uint32_t)c->ff_dim : 0,
                                .adds_sub_norms = *c->init && !dir && t->told->is_set[trit_train_key_architecture] &&
                                                  trit_train_is(c->architecture, "bitnet"),
                                .dtype = trit_dtype_f32, .seed = (uint64_t)c->seed, .group = trit_train_config_group(c),
                                .adapters = c->lora_rank ? &adapters : NULL};
    trit_status status = dir ? trit_ok : check_adapter(t->told, err);
    if (status == trit_ok) status = trit_params_new(&t->params, t->device, &o, err);
    if (status == trit_ok) status = settle_activation(t, err);
    if (status == trit_ok && dir && o.adapters) status = trit_adapters_load(t->params, dir, err);
    if (status != trit_ok) return status;
    const uint32_t n = trit_tokenizer_size(t->tokenizer), vocab = t->params->model->config.vocab_size;
    if (n > vocab) return trit_error_set(err, trit_arg, "tokenizer: %u tokens, but the model has %u", n, vocab);
    const uint32_t tapped = c->distill_attention > 0 ? (uint32_t)c->distill_layer : 0;
    const trit_forward_opts f = {.params = t->params, .in_bf16 = trit_train_in_bf16(c), .checkpoints = c->recompute,
                                 .tapped = tapped};
    return trit_forward_new(&t->forward, &f, err);
}

static trit_status open_teacher(trit_trainer *t, trit_error *err) {
    const trit_train_config *c = t->config;
    if (!*c->teacher) return trit_ok;
    const trit_teacher_opts o = {.ref = c->teacher, .tokenizer = t->tokenizer, .student = &t->params->model->config,
                                 .context = (uint32_t)(c->seq_len < c->context ? c->seq_len : c->context),
                                 .temperature = c->temperature, .share = c->distill, .in_bf16 = trit_train_in_bf16(c),
                                 .attention = c->distill_attention, .layer = (uint32_t)c->distill_layer, .n_heads = (uint32_t)c->distill_heads};
    return trit_teacher_new(&t->teacher, t->device, &o, err);
}

static trit_status open_optimiser(trit_trainer *t, trit_error *err) {
    const trit_optim_opts o = trit_optim_opts_of(t->config, t->team);
    t->gradient = trit_alloc_zero(t->params->n, sizeof *t->gradient);
    t->trained = trit_alloc_zero(t->params->n, sizeof *t->trained);
    t->reached = trit_alloc_zero(t->params->n, sizeof *t->reached);
    if (!t->gradient || !t->trained || !t->reached) return trit_error_memory(err, t->params->n * sizeof *t->trained, "the parameters");
    trit_status status = trit_optim_new(&t->optim, &o, err);
    for (size_t i = 0; i < t->params->n && status == trit_ok; i++) {
        trit_param *p = t->params->at[i];
        if (p->is_frozen) continue;
        t->trained[t->n_trained++] = p;
        status = trit_optim_add(t->optim, p->name, p->master, p->decays, p->is_matrix, err);
    }
    return status;
}

/* Steps of the run in all. Where epochs or tokens say it, they are of what rows are left after the steps so far. */
static uint64_t count_steps(const trit_trainer *t) {
    const trit_train_config *c = t->config;
    const double row = (double)c->seq_len, none = 1e-9; /* of a step: what rounding adds */
    double rows = (double)c->tokens / row;
    if (c->epochs > 0) rows = c->epochs * (double)trit_dataset_n_rows(t->data, trit_data_train);
    else if (!c->tokens) return (uint64_t)c->steps;
    const double left = ceil((rows - (double)t->tokens / row) / (double)c->batch_rows - none), n = (double)t->step + (left > 0 ? left : 0);
    return n > 1 ? (uint64_t)n : 1;
}

/* How long quantization sets in is decided once: a longer run does not turn it back. */
static trit_status settle_lambda(trit_trainer *t, trit_error *err) {
    trit_train_config *c = t->config;
    if (trit_train_is(c->lambda, "none")) return trit_ok;
    if (!c->lambda_steps) c->lambda_steps = t->told->lambda_steps = (int64_t)(t->n_steps / 2 + t->n_steps % 2);
    if ((uint64_t)c->lambda_steps <= t->n_steps) return trit_ok;
    return trit_error_set(err, trit_arg, "lambda_steps: the run has %" PRIu64 " steps, so quantization would not set in within %lld", t->n_steps,
                          (long long)c->lambda_steps);
}

/* Prompts alone, and empty answers, leave nothing to learn: the loss would be 0. */
static trit_status check_targets(trit_trainer *t, trit_data_split split, uint64_t n_rows, const char *part, trit_error *err) {
    const uint64_t most = (uint64_t)t->config->micro_rows;
    trit_status status = trit_ok;
    for (uint64_t row = 0; row < n_rows && status == trit_ok; row += most) {
        status = trit_dataset_fill(t->data, split, 0, row, (uint32_t)(n_rows - row < most ? n_rows - row : most), &t->batch, err);
        if (status == trit_ok && t->batch.n_targets) return trit_ok;
    }
    if (status != trit_ok || !n_rows) return status;
    return trit_error_set(err, trit_arg, "data: no token of the %s part counts in the loss", part);
}

static trit_status check_data(trit_trainer *t, trit_error *err) {
    const uint64_t all = trit_dataset_n_rows(t->data, trit_data_validation), most = (uint64_t)t->config->eval_rows;
    const trit_status status = check_targets(t, trit_data_train, trit_dataset_n_rows(t->data, trit_data_train), "training", err);
    return status == trit_ok ? check_targets(t, trit_data_validation, most && most < all ? most : all, "validation", err) : status;
}

/* Every process has as many micro batches of a step; those that are larger than its share become its share. */
static trit_status share_rows(trit_trainer *t, trit_error *err) {
    trit_train_config *c = t->config;
    const int64_t size = t->parallel.size;
    if (c->batch_rows % size == 0 && c->micro_rows > c->batch_rows / size) c->micro_rows = c->batch_rows / size;
    if (c->batch_rows / c->micro_rows % size == 0) return trit_ok;
    return trit_error_set(err, trit_arg, "batch_rows: %lld rows in parts of %lld (micro_rows) cannot be shared by %lld processes",
                          (long long)c->batch_rows, (long long)c->micro_rows, (long long)size);
}

/* What lies in the run's folder: the first process makes it, then the others find it. */
static trit_status open_files(trit_trainer *t, const char *dir, trit_error *err) {
    trit_status status = trit_ok;
    for (int turn = 0; turn < 2 && status == trit_ok; turn++) {
        if (turn == (t->parallel.rank > 0)) {
            status = open_tokenizer(t, dir, err);
            if (status == trit_ok) status = open_data(t, err);
        }
        status = trit_parallel_agree(&t->parallel, status, err);
    }
    return status;
}

/* What there is before the files of the run. */
static trit_status open_basics(trit_trainer *t, const char *dir, trit_error *err) {
    trit_status status = trit_train_config_copy(&t->config, t->told, err);
    if (status == trit_ok) status = read_shape(t, dir, err);
    if (status == trit_ok) status = trit_train_config_settle(t->config, err);
    if (status == trit_ok) status = share_rows(t, err);
    if (status == trit_ok) status = trit_device_open(&t->device, NULL, &(trit_device_opts){.n_threads = (unsigned)t->config->threads}, err);
    return status == trit_ok ? trit_team_new(&t->team, t->device->n_threads, err) : status;
}

static trit_status open_model(trit_trainer *t, const char *dir, trit_error *err) {
    double flips, zeros;
    t->n_steps = count_steps(t);
    trit_status status = settle_lambda(t, err);
    if (status == trit_ok) status = check_data(t, err);
    if (status == trit_ok) status = open_params(t, dir, err);
    if (status == trit_ok) status = open_teacher(t, err);
    if (status == trit_ok) status = open_optimiser(t, err);
    return status == trit_ok ? trit_flips_count(&t->flips, t, &flips, &zeros, err) : status;
}

trit_status trit_trainer_open(trit_trainer *t, const char *dir, trit_status own, trit_error *err) {
    if (own == trit_ok) own = open_basics(t, dir, err);
    trit_status status = trit_parallel_agree(&t->parallel, own, err);
    if (status == trit_ok) status = open_files(t, dir, err);
    return status == trit_ok ? trit_parallel_agree(&t->parallel, open_model(t, dir, err), err) : status;
}
