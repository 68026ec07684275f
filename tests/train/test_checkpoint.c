/* Checkpoints: a run that goes on is the run that never stopped, our engine reads them, and what interrupts their writing leaves the last one
 * whole. */
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os.h"
#include "base/alloc.h"
#include "logits.h"
#include "run.h"
#include "train/trainer.h"

static trit_error err;
static char folder[run_path_bytes];

static const char *at(const char *name) {
    static char paths[4][run_path_bytes + 64];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static trit_trainer *resume(const char *dir) {
    trit_trainer *t;
    assert_ok(trit_trainer_resume(&t, dir, NULL, &err));
    return t;
}

static void assert_same_state(const trit_trainer *a, const trit_trainer *b) {
    const char *name;
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->tokens, b->tokens);
    for (size_t i = 0; i < a->params->n; i++) {
        const trit_tensor *x = a->params->at[i]->master, *y = b->params->at[i]->master;
        assert_memory_equal(trit_tensor_data(x), trit_tensor_data(y), (size_t)trit_tensor_n_elements(x) * sizeof(float));
    }
    for (size_t i = 0; trit_optim_state_at(a->optim, i, &name); i++) {
        const trit_tensor *x = trit_optim_state_at(a->optim, i, &name), *y = trit_optim_state_at(b->optim, i, &name);
        assert_memory_equal(trit_tensor_data(x), trit_tensor_data(y), (size_t)trit_tensor_n_elements(x) * sizeof(float));
    }
}

static void goes_on(void **state) {
    static const char *const ways[][5] = {{"optimizer", "adamw", NULL}, {"optimizer", "muon", NULL}, {"weight_type", "float", NULL},
                                          {"tied", "no", NULL},         {"masters", "bf16", NULL},   {"precision", "bf16", NULL},
                                          {"precision", "bf16", "weight_type", "float", NULL}};
    (void)state;
    double usual = 0;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const size_t stop = 1 + (size_t)trit_rng_u64(i, 7) % 6;
        trit_trainer *whole = run_new(folder, ways[i]), *part = run_new(folder, ways[i]);
        const trit_train_stats a = run_steps(whole, 7);
        run_steps(part, stop);
        assert_ok(trit_trainer_save(part, at("out/stop"), &err));
        trit_trainer_free(part);
        part = resume(at("out/stop"));
        assert_int_equal(trit_trainer_step_at(part), stop);
        const trit_train_stats b = run_steps(part, 7 - stop);
        assert_true(a.loss == b.loss && a.flip_rate == b.flip_rate && a.zeros == b.zeros && a.grad_norm == b.grad_norm && a.tokens == b.tokens);
        assert_same_state(whole, part);
        if (i == 0) usual = a.loss;
        else assert_true(a.loss != usual); /* each way is one */
        trit_trainer_free(whole);
        trit_trainer_free(part);
    }
}

static trit_trainer *go_on(const char *dir, const char *const *changes) {
    trit_trainer *t;
    trit_train_config *c;
    assert_ok(trit_train_config_new(&c, &err));
    for (size_t i = 0; changes[i]; i += 2) assert_ok(trit_train_config_set(c, changes[i], changes[i + 1], &err));
    assert_ok(trit_trainer_resume(&t, dir, c, &err));
    trit_train_config_free(c);
    return t;
}

/* Batches of another size go on with the row behind the last one. */
static void other_batches(void **state) {
    (void)state;
    trit_trainer *t = run_new(folder, (const char *const[]){"steps", "0", "epochs", "2", NULL});
    trit_train_batch want = {0};
    run_steps(t, 3);
    const uint64_t n_rows = trit_dataset_n_rows(t->data, trit_data_train);
    assert_int_equal(t->n_steps, (2 * n_rows + 3) / 4);
    assert_ok(trit_trainer_save(t, at("out/batch"), &err));
    trit_trainer_free(t);
    t = go_on(at("out/batch"), (const char *const[]){"batch_rows", "2", NULL});
    assert_int_equal(t->config->micro_rows, 2); /* as the first run chose its own */
    assert_int_equal(t->n_steps, 3 + (2 * n_rows - 12 + 1) / 2);
    run_steps(t, 1);
    assert_ok(trit_dataset_fill(t->data, trit_data_train, 0, 12, 2, &want, &err));
    assert_memory_equal(t->batch.token, want.token, 2 * 16 * sizeof *want.token);
    trit_train_batch_fini(&want);
    trit_trainer_free(t);
}

/* What a run chose it chooses again, by what it is told then. */
static void chooses_again(void **state) {
    (void)state;
    trit_trainer *t = run_new(folder, (const char *const[]){"schedule", "two-stage", "lr", "0.03", "lambda", "linear", NULL});
    assert_int_equal(t->config->lambda_steps, 20);
    assert_ok(trit_trainer_save(t, at("out/told"), &err));
    trit_trainer_free(t);
    t = go_on(at("out/told"), (const char *const[]){"lr", "0.003", "epochs", "3", NULL});
    assert_true(fabs(t->config->lr2 - 0.002) < 1e-12);
    assert_true(t->config->steps == 0 && t->n_steps == (3 * trit_dataset_n_rows(t->data, trit_data_train) + 3) / 4);
    assert_int_equal(t->config->lambda_steps, 20); /* but not this */
    trit_trainer_free(t);
}

/* A run that was not told its activation has the one that others take an architecture's files for, and stays with what it was begun with. */
static void usual_activation(void **state) {
    static const struct {
        const char *architecture, *told, *is, *other;
    } runs[] = {{"bitnet", "auto", "relu2", "silu"}, {"llama", "auto", "silu", "relu2"},   {"qwen3", "auto", "silu", "gelu"},
                {"gemma3", "auto", "gelu", "silu"},  {"llama", "relu2", "relu2", "silu"}, {"bitnet", "silu", "silu", "auto"}};
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
        trit_trainer *t = run_new(folder, (const char *const[]){"architecture", runs[i].architecture, "activation", runs[i].told, NULL});
        trit_model_info info;
        const double first = run_steps(t, 1).loss;
        assert_true(run_steps(t, 9).loss < first);
        assert_string_equal(t->config->activation, runs[i].is);
        assert_ok(trit_trainer_save(t, at("out/usual"), &err));
        trit_trainer_free(t);
        t = go_on(at("out/usual"), (const char *const[]){"activation", runs[i].is, NULL});
        trit_model_describe(t->params->model, &info);
        assert_string_equal(info.activation, runs[i].is);
        assert_string_equal(t->config->activation, runs[i].is);
        assert_string_equal(t->told->activation, runs[i].told);
        trit_trainer_free(t);
        trit_train_config *changes;
        assert_ok(trit_train_config_new(&changes, &err));
        assert_ok(trit_train_config_set(changes, "activation", runs[i].other, &err));
        assert_int_equal(trit_trainer_resume(&t, at("out/usual"), changes, &err), trit_arg);
        assert_string_equal(err.message, "activation: cannot change in a run that goes on");
        trit_train_config_free(changes);
    }
    trit_train_config *c = run_config(folder, (const char *const[]){"init", at("out/usual"), "activation", "auto", NULL}); /* the last one's */
    trit_trainer *t = NULL;
    assert_ok(trit_trainer_new(&t, c, &err));
    assert_string_equal(t->config->activation, "silu");
    trit_trainer_free(t);
    trit_train_config_free(c);
}

/* A model that a run begins with says its own shape. */
static void shape_of_init(void **state) {
    static const char *const wrong[][3] = {{"n_layers", "3", "n_layers: 3, but the model of init has 2"}, {"context", "32", "context: 32, but the model"},
                                           {"tied", "no", "tied: the model"}, {"activation", "silu", "activation: the model"},
                                           {"rope_theta", "500", "rope_theta: the model"}, {"architecture", "llama", "architecture: the model"}};
    (void)state;
    trit_trainer *t = run_new(folder, NULL);
    trit_train_config *c;
    assert_ok(trit_trainer_save(t, at("out/base"), &err));
    trit_trainer_free(t);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        c = run_config(folder, (const char *const[]){"init", at("out/base"), wrong[i][0], wrong[i][1], NULL});
        assert_int_equal(trit_trainer_new(&t, c, &err), trit_arg);
        if (!strstr(err.message, wrong[i][2])) fail_msg("%s: %s", wrong[i][0], err.message);
        trit_train_config_free(c);
    }
    c = run_config(folder, (const char *const[]){"init", at("out/base"), NULL});
    assert_ok(trit_trainer_new(&t, c, &err));
    assert_true(t->config->n_layers == 2 && t->config->dim == 16 && t->config->context == 16 && t->config->seq_len == 16);
    trit_train_config_free(c);
    trit_trainer_free(t);
}

/* The weights of a plain decoder under the name of another architecture: each master is what `t` has, or one of a new sub-norm, which is ones. */
static void assert_sub_norms_alone(const trit_trainer *t, const trit_params *plain) {
    size_t n_new = 0;
    for (size_t i = 0; i < t->params->n; i++) {
        const trit_param *p = t->params->at[i], *before = trit_params_find(plain, p->name);
        const float *x = trit_tensor_data(p->master);
        const int64_t n = trit_tensor_n_elements(p->master);
        if (before) {
            assert_memory_equal(x, trit_tensor_data(before->master), (size_t)n * sizeof *x);
            continue;
        }
        n_new++;
        assert_non_null(strstr(p->name, "sub_norm"));
        assert_int_equal(n, strstr(p->name, "ffn") ? t->config->ff_dim : t->config->dim);
        for (int64_t e = 0; e < n; e++) assert_true(x[e] == 1.0f);
    }
    assert_int_equal(n_new, 2 * t->config->n_layers);
    assert_int_equal(t->params->n, plain->n + n_new);
    assert_non_null(trit_params_find(t->params, "blk.1.attn_sub_norm.weight"));
    assert_non_null(trit_params_find(t->params, "blk.1.ffn_sub_norm.weight"));
}

static void assert_like_the_engine(trit_trainer *t, const char *ref) {
    static float want[n_ids * n_vocab], got[n_ids * n_vocab];
    trainer_logits(t, want);
    engine_logits(ref, NULL, got);
    for (size_t k = 0; k < n_ids * n_vocab; k++)
        if (!(fabsf(want[k] - got[k]) <= 2e-5f)) fail_msg("%s: logit %zu is %.9g, the trainer's %.9g", ref, k, (double)got[k], (double)want[k]);
}

/* A float llama becomes a ternary bitnet: sub-norms come in as ones, learn, stop and go on with the rest, and the engine reads them. */
static void gets_sub_norms(void **state) {
    (void)state;
    trit_trainer *plain = run_new(folder, (const char *const[]){"architecture", "llama", "weight_type", "float", "activation", "silu", "tied", "no", NULL});
    run_steps(plain, 4);
    assert_ok(trit_trainer_save(plain, at("out/plain"), &err));
    const char *const more[] = {"init", at("out/plain"), "architecture", "bitnet", NULL};
    trit_trainer *whole = run_new(folder, more), *t = run_new(folder, more);
    assert_string_equal(t->params->model->config.arch->name, "bitnet");
    assert_sub_norms_alone(t, plain->params);
    trit_trainer_free(plain);
    const trit_train_stats a = run_steps(whole, 5);
    run_steps(t, 3);
    const trit_tensor *norm = trit_params_find(t->params, "blk.0.ffn_sub_norm.weight")->master;
    assert_true(*(const float *)trit_tensor_data((trit_tensor *)norm) != 1.0f);
    assert_ok(trit_trainer_save(t, at("out/subnorm"), &err));
    trit_trainer_free(t);
    t = resume(at("out/subnorm"));
    const trit_train_stats b = run_steps(t, 2);
    assert_true(a.loss == b.loss && a.grad_norm == b.grad_norm);
    assert_same_state(whole, t);
    trit_trainer_free(whole);
    assert_ok(trit_trainer_save(t, at("out/subnorm"), &err));
    assert_ok(trit_convert(at("out/subnorm"), at("subnorm.gguf"), NULL, NULL, &err));
    assert_like_the_engine(t, at("out/subnorm"));
    assert_like_the_engine(t, at("subnorm.gguf"));
    trit_trainer_free(t);
}

/* What has norms of its own gets no others: no program knows such a model. */
static void sub_norms_are_for_plain_models(void **state) {
    static const char *const archs[] = {"qwen3", "gemma3"};
    (void)state;
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        char says[64];
        trit_trainer *t = run_new(folder, (const char *const[]){"architecture", archs[i], "weight_type", "float", NULL});
        assert_ok(trit_trainer_save(t, at("out/other"), &err));
        trit_trainer_free(t);
        trit_train_config *c = run_config(folder, (const char *const[]){"init", at("out/other"), "architecture", "bitnet", NULL});
        snprintf(says, sizeof says, "architecture %s: with sub-norms", archs[i]);
        assert_int_equal(trit_trainer_new(&t, c, &err), trit_unsupported);
        if (!strstr(err.message, says)) fail_msg("%s", err.message);
        trit_train_config_free(c);
    }
}

/* Weights of the neurons' copies: together they are what one was, none is what it was, and none changes its sign. */
static void assert_split(const float *was, const float *is, int64_t n_rows, int64_t n_cols, int64_t by_rows, int64_t by_cols) {
    for (int64_t r = 0; r < n_rows; r++)
        for (int64_t c = 0; c < n_cols; c++) {
            const float w = was[r * n_cols + c], *first = is + r * by_cols * n_cols + c;
            double sum = 0;
            for (int64_t k = 0; k < by_rows * by_cols; k++) {
                const float x = by_rows > 1 ? first[k * n_rows * n_cols] : first[k * n_cols];
                if (w != 0) assert_true(x * w > 0 && fabsf(x * (float)by_cols - w) > 0.09f * fabsf(w));
                sum += (double)x;
            }
            assert_true(fabs(sum - (double)w * (double)by_rows) <= 1e-6 * fabs((double)w));
        }
}

/* A feed-forward part twice as wide has each neuron twice; it learns, stops and goes on, and the engine reads it. */
static void splits_neurons(void **state) {
    (void)state;
    trit_trainer *narrow = run_new(folder, (const char *const[]){"ff_dim", "24", NULL});
    run_steps(narrow, 4);
    assert_ok(trit_trainer_save(narrow, at("out/narrow"), &err));
    const char *const more[] = {"init", at("out/narrow"), "ff_dim", "48", NULL};
    trit_trainer *whole = run_new(folder, more), *t = run_new(folder, more);
    assert_true(t->config->ff_dim == 48 && t->params->model->config.ff_dim == 48 && t->params->n == narrow->params->n);
    for (size_t i = 0; i < t->params->n; i++) {
        const trit_param *is = t->params->at[i], *was = trit_params_find(narrow->params, is->name);
        const trit_view *a = &was->master->view, *b = &is->master->view;
        if (is->is_matrix && strstr(is->name, "ffn"))
            assert_split(a->data, b->data, a->shape[0], a->shape[1], b->shape[0] / a->shape[0], b->shape[1] / a->shape[1]);
        else
            for (int64_t e = 0; e < trit_tensor_n_elements(is->master); e++)
                assert_true(((float *)b->data)[e] == ((float *)a->data)[e % trit_tensor_n_elements(was->master)]);
    }
    trit_trainer_free(narrow);
    const trit_train_stats a = run_steps(whole, 5);
    run_steps(t, 3);
    assert_ok(trit_trainer_save(t, at("out/wide"), &err));
    trit_trainer_free(t);
    t = resume(at("out/wide"));
    const trit_train_stats b = run_steps(t, 2);
    assert_true(a.loss == b.loss && a.grad_norm == b.grad_norm);
    assert_same_state(whole, t);
    trit_trainer_free(whole);
    assert_ok(trit_trainer_save(t, at("out/wide"), &err));
    assert_like_the_engine(t, at("out/wide"));
    trit_trainer_free(t);
}

/* The greatest difference of logits that more width makes, beside the greatest logit. */
static double distance_of_wide(const char *ff_dim, const char *const *keys) {
    static float narrow[n_ids * n_vocab], wide[n_ids * n_vocab];
    double most = 0, largest = 0;
    trit_trainer *t = run_new(folder, keys);
    run_steps(t, 4);
    assert_ok(trit_trainer_save(t, at("out/narrow"), &err));
    trainer_logits(t, narrow);
    const bool is_float = trit_train_is(t->config->weight_type, "float");
    trit_trainer_free(t);
    t = run_new(folder, (const char *const[]){"init", at("out/narrow"), "ff_dim", ff_dim, "weight_type", is_float ? "float" : "ternary", NULL});
    trainer_logits(t, wide);
    trit_trainer_free(t);
    for (size_t k = 0; k < n_ids * n_vocab; k++) {
        most = fmax(most, fabs((double)(narrow[k] - wide[k])));
        largest = fmax(largest, fabs((double)narrow[k]));
    }
    return most / largest;
}

/* What two copies differ in is felt in second order alone, where nothing is rounded. */
static void wide_says_the_same(void **state) {
    (void)state;
    static const char *const llama[] = {"ff_dim", "24", "architecture", "llama", "activation", "silu", "weight_type", "float", NULL},
                             *const bitnet[] = {"ff_dim", "24", "weight_type", "float", NULL}, *const ternary[] = {"ff_dim", "24", NULL};
    assert_true(distance_of_wide("48", llama) < 0.01 && distance_of_wide("72", llama) < 0.01); /* a tenth squared */
    assert_true(distance_of_wide("96", bitnet) < 0.01);
    assert_true(distance_of_wide("48", ternary) < 0.1); /* trits within a tenth of a border change */
}

static void only_multiples_split(void **state) {
    (void)state;
    trit_trainer *t = run_new(folder, (const char *const[]){"ff_dim", "24", NULL});
    assert_ok(trit_trainer_save(t, at("out/narrow"), &err));
    trit_trainer_free(t);
    static const char *const wrong[][4] = {{"ff_dim", "36", NULL, NULL}, {"ff_dim", "48", "lora_rank", "2"}};
    static const char *const says[] = {"ff_dim: 36, but the model of init has 24, and only multiples", "ff_dim: 48, but the model of init has 24"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        trit_train_config *c = run_config(folder, (const char *const[]){"init", at("out/narrow"), wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3], NULL});
        assert_int_equal(trit_trainer_new(&t, c, &err), trit_arg);
        if (!strstr(err.message, says[i])) fail_msg("%s", err.message);
        trit_train_config_free(c);
    }
}

/* Its context may be longer than any that a new model can be told. */
static void long_context(void **state) {
    static const char key[] = "\"max_position_embeddings\": ";
    (void)state;
    size_t n;
    trit_trainer *t = run_new(folder, NULL);
    assert_ok(trit_trainer_save(t, at("out/long"), &err));
    trit_trainer_free(t);
    char *config = test_read(at("out/long/config.json"), &n), *place = strstr(config, key);
    assert_non_null(place);
    trit_text longer = {0};
    const size_t n_before = (size_t)(place - config) + sizeof key - 1;
    assert_true(trit_text_append(&longer, config, n_before) && trit_text_append(&longer, "20000", 5)); /* 16 -> 2000016 */
    assert_true(trit_text_append(&longer, config + n_before, n - n_before));
    run_write(at("out/long/config.json"), longer.data, longer.n);
    trit_text_fini(&longer);
    free(config);
    t = run_new(folder, (const char *const[]){"init", at("out/long"), NULL});
    assert_int_equal(t->config->context, 2000016);
    assert_int_equal(t->config->seq_len, 256);
    assert_ok(trit_trainer_save(t, at("out/longer"), &err));
    trit_trainer_free(t);
    t = resume(at("out/longer"));
    assert_int_equal(t->config->context, 2000016);
    trit_trainer_free(t);
}

/* The template that a run was told stays its own, also beside a model that has one. */
static void keeps_template(void **state) {
    (void)state;
    size_t n;
    trit_trainer *t = run_new(folder, NULL);
    assert_ok(trit_trainer_save(t, at("out/talks"), &err));
    trit_trainer_free(t);
    run_write(at("out/talks/chat_template.jinja"), "theirs", 6);
    run_write(at("own.jinja"), "own", 3);
    t = run_new(folder, (const char *const[]){"init", at("out/talks"), "lora_rank", "2", "chat_template", at("own.jinja"), NULL});
    assert_ok(trit_trainer_save(t, at("out/adapter"), &err));
    trit_trainer_free(t);
    trit_trainer_free(resume(at("out/adapter")));
    char *text = test_read(at("out/tokenizer/chat_template.jinja"), &n);
    assert_true(n == 3 && memcmp(text, "own", n) == 0);
    free(text);
    assert_ok(trit_fs_remove(at("out/tokenizer"), &err));
}

/* ---- The engine ---- */

/* The folder, and a GGUF file that was made of it, give what the trainer's forward pass gives. */
static void engine_reads(void **state) {
    static const char *const ways[][5] = {{"architecture", "bitnet", NULL}, {"architecture", "llama", "tied", "no", NULL},
                                          {"architecture", "qwen3", "activation_type", "float", NULL}, {"weight_type", "float", NULL},
                                          {"architecture", "llama", "weight_type", "float", NULL}, {"architecture", "gemma3", NULL},
                                          {"weight_group", "row", NULL},                           {"weight_group", "64", "dim", "80", NULL},
                                          {"architecture", "llama", "weight_group", "64", NULL},   {"masters", "bf16", NULL}};
    static float want[n_ids * n_vocab], got[n_ids * n_vocab];
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        trit_trainer *t = run_new(folder, ways[i]);
        run_steps(t, 5);
        assert_ok(trit_trainer_save(t, at("out/engine"), &err));
        trainer_logits(t, want);
        trit_trainer_free(t);
        assert_ok(trit_convert(at("out/engine"), at("engine.gguf"), NULL, NULL, &err));
        for (int file = 0; file < 2; file++) {
            engine_logits(file ? at("engine.gguf") : at("out/engine"), NULL, got);
            for (size_t k = 0; k < n_ids * n_vocab; k++)
                if (!(fabsf(want[k] - got[k]) <= 2e-5f))
                    fail_msg("%s, %s: logit %zu is %.9g, the trainer's %.9g", ways[i][1], file ? "GGUF" : "folder", k, (double)got[k], (double)want[k]);
        }
    }
}

/* The projections' types; all of them. */
static void assert_projections(const char *file, const char *type) {
    trit_model *m;
    trit_tensor_info info;
    size_t n = 0;
    assert_ok(trit_model_open(&m, file, &(trit_model_opts){.no_weights = true}, &err));
    for (size_t i = 0; trit_model_tensor_at(m, i, &info); i++) {
        if (strncmp(info.name, "blk.", 4) != 0 || strstr(info.name, "norm")) continue;
        assert_string_equal(info.type, type);
        n++;
    }
    assert_int_equal(n, 2 * 7);
    trit_model_close(m);
}

/* What export writes for other programs. A file whose scales are floats computes what the trainer does, to the bits of I2_S; one with scales in half
 * precision is the one that is made of those trits, and its weights are as far off as halves are. */
static void exported_types(void **state) {
    static const struct {
        const char *type;
        bool is_exact;
    } files[] = {{"iq2_bn", true}, {"tq1_0", false}, {"tq2_0", false}, {"q2_0", false}};
    static float want[n_ids * n_vocab], exact[n_ids * n_vocab], got[n_ids * n_vocab], twice[n_ids * n_vocab];
    (void)state;
    trit_trainer *t = run_new(folder, (const char *const[]){"dim", "256", "ff_dim", "512", NULL});
    run_steps(t, 3);
    assert_ok(trit_trainer_save(t, at("out/types"), &err));
    trainer_logits(t, want);
    trit_trainer_free(t);
    assert_ok(trit_convert(at("out/types"), at("i2_s.gguf"), &(trit_convert_opts){.type = "i2_s"}, NULL, &err));
    assert_projections(at("i2_s.gguf"), "I2_S");
    engine_logits(at("i2_s.gguf"), NULL, exact);
    for (size_t k = 0; k < n_ids * n_vocab; k++) assert_true(fabsf(want[k] - exact[k]) <= 2e-5f);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const trit_convert_opts o = {.type = files[i].type};
        trit_convert_report report;
        char type[16];
        for (size_t k = 0; k <= strlen(o.type); k++) type[k] = (char)(o.type[k] >= 'a' && o.type[k] <= 'z' ? o.type[k] - 'a' + 'A' : o.type[k]);
        assert_ok(trit_convert(at("out/types"), at("direct.gguf"), &o, &report, &err));
        assert_projections(at("direct.gguf"), type);
        engine_logits(at("direct.gguf"), NULL, got);
        assert_int_equal(report.lossless, files[i].is_exact);
        assert_true(report.max_error <= (files[i].is_exact ? 0 : 0x1p-11));
        if (files[i].is_exact) {
            assert_memory_equal(got, exact, sizeof got);
        } else {
            for (size_t k = 0; k < n_ids * n_vocab; k++) assert_true(fabsf(want[k] - got[k]) <= 0.02f);
            assert_ok(trit_convert(at("i2_s.gguf"), at("twice.gguf"), &o, NULL, &err));
            engine_logits(at("twice.gguf"), NULL, twice);
            assert_memory_equal(got, twice, sizeof got);
        }
    }
}

/* A run may begin with either: rows that RoPE turns stand elsewhere in GGUF, and Gemma's norms are one more. */
static void begins_with_gguf(void **state) {
    static const char *const ways[][7] = {{"architecture", "llama", "weight_type", "float", "tied", "no", NULL},
                                          {"architecture", "qwen3", "weight_type", "float", NULL},
                                          {"architecture", "gemma3", "weight_type", "float", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        trit_params *p;
        trit_trainer *t = run_new(folder, ways[i]);
        run_steps(t, 3);
        assert_ok(trit_trainer_save(t, at("out/begin"), &err));
        assert_ok(trit_convert(at("out/begin"), at("begin.gguf"), NULL, NULL, &err));
        assert_ok(trit_params_new(&p, t->device, &(trit_params_opts){.base = at("begin.gguf"), .is_float = true, .dtype = trit_dtype_f32}, &err));
        assert_int_equal(p->n, t->params->n);
        for (size_t k = 0; k < p->n; k++) {
            const float *want = trit_tensor_data(t->params->at[k]->master), *got = trit_tensor_data(p->at[k]->master);
            assert_string_equal(p->at[k]->hf_name, t->params->at[k]->hf_name);
            for (int64_t e = 0; e < trit_tensor_n_elements(p->at[k]->master); e++)
                if (!(fabsf(want[e] - got[e]) <= (p->at[k]->is_less_one ? 1e-7f : 0))) fail_msg("%s: %s[%lld]", ways[i][1], p->at[k]->name, (long long)e);
        }
        trit_params_free(p);
        trit_trainer_free(t);
    }
}

/* A GGUF file with two more keys, as many bytes as keep its tensors aligned: one that tokenizer.json has no words for, one that fills up. */
static void add_keys(const char *path) {
    static const char more[] = "\x27\0\0\0\0\0\0\0tokenizer.ggml.remove_extra_whitespaces\x07\0\0\0\x01"
                               "\x01\0\0\0\0\0\0\0x\x08\0\0\0\x17\0\0\0\0\0\0\0.......................";
    enum { n_more = sizeof more - 1, at_keys = 16, head = 24 };
    size_t n;
    char *file = test_read(path, &n), *longer = malloc(n + n_more);
    assert_non_null(longer);
    assert_int_equal(n_more % 32, 0);
    memcpy(longer, file, head);
    longer[at_keys] = (char)(longer[at_keys] + 2);
    memcpy(longer + head, more, n_more);
    memcpy(longer + head + n_more, file + head, n - head);
    run_write(path, longer, n + n_more);
    free(longer);
    free(file);
}

/* A tokenizer that cannot be written is known before the first step; an adapter needs none of its own. */
static void needs_a_tokenizer(void **state) {
    (void)state;
    trit_trainer *t = run_new(folder, (const char *const[]){"tokenizer", "spm", "vocab_size", "300", NULL});
    assert_ok(trit_trainer_save(t, at("out/spm"), &err));
    trit_trainer_free(t);
    assert_ok(trit_convert(at("out/spm"), at("spm.gguf"), NULL, NULL, &err));
    add_keys(at("spm.gguf"));
    assert_ok(trit_fs_remove(at("out/tokenizer"), &err));
    trit_train_config *c = run_config(folder, (const char *const[]){"init", at("spm.gguf"), "tokenizer", at("spm.gguf"), NULL});
    assert_int_equal(trit_trainer_new(&t, c, &err), trit_unsupported);
    assert_non_null(strstr(err.message, "spm.gguf: its tokenizer (SentencePiece BPE) cannot be written to tokenizer.json"));
    assert_ok(trit_train_config_set(c, "lora_rank", "2", &err));
    assert_ok(trit_trainer_new(&t, c, &err));
    assert_ok(trit_trainer_save(t, at("out/adapter"), &err));
    trit_trainer_free(t);
    trit_trainer_free(resume(at("out/adapter")));
    trit_train_config_free(c);
}

/* ---- Which are kept, and what goes wrong ---- */

static bool exists(const char *path) {
    return trit_fs_look(path).kind != trit_fs_absent;
}

static size_t count_entries(const char *dir) {
    trit_fs_names names;
    assert_ok(trit_fs_list(&names, dir, &err));
    const size_t n = names.n;
    trit_fs_names_fini(&names);
    return n;
}

static void keeps_some(void **state) {
    (void)state;
    trit_trainer *t = run_new(folder, NULL);
    assert_ok(trit_fs_remove(at("kept"), &err));
    assert_ok(trit_fs_make_dirs(at("kept/step-x"), &err)); /* not ours */
    assert_ok(trit_fs_make_dirs(at("kept/step-3.77-0.part"), &err));
    for (size_t i = 0; i < 11; i++) {
        run_steps(t, 1);
        assert_ok(trit_trainer_save_step(t, at("kept"), 2, &err));
    }
    assert_int_equal(count_entries(at("kept")), 3);
    assert_true(exists(at("kept/step-10")) && exists(at("kept/step-11")) && exists(at("kept/step-x")));
    trit_trainer_free(t);
}

/* One that goes on beside later ones, of another past, does not lose what it writes. */
static void keeps_the_new_one(void **state) {
    (void)state;
    trit_trainer *t = run_new(folder, NULL);
    assert_ok(trit_fs_remove(at("past"), &err));
    assert_ok(trit_fs_make_dirs(at("past/step-900"), &err));
    assert_ok(trit_fs_make_dirs(at("past/step-1000"), &err));
    run_steps(t, 1);
    assert_ok(trit_trainer_save_step(t, at("past"), 2, &err));
    assert_true(exists(at("past/step-1/trainer.json")) && exists(at("past/step-1000")));
    trit_trainer_free(t);
}

/* Each file may grow to 2 kB only. */
static void full_disk(void **state) {
    struct rlimit before, small;
    (void)state;
    trit_trainer *t = run_new(folder, NULL);
    run_steps(t, 1);
    assert_ok(trit_trainer_save(t, at("full/last"), &err));
    run_steps(t, 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 2048;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const trit_status status = trit_trainer_save(t, at("full/last"), &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, trit_io);
    assert_int_equal(count_entries(at("full")), 1);
    trit_trainer_free(t);
    t = resume(at("full/last"));
    assert_int_equal(trit_trainer_step_at(t), 1);
    trit_trainer_free(t);
}

static void save_for_ever(void) {
    trit_trainer *t = resume(at("killed/last"));
    for (;;) {
        run_steps(t, 1);
        assert_ok(trit_trainer_save(t, at("killed/last"), &err));
    }
}

/* A writer that is killed, over and over, at whatever moment: the checkpoint is always one of those that it wrote. */
static void killed_writer(void **state) {
    (void)state;
    trit_trainer *t = run_new(folder, NULL);
    uint64_t step = 0;
    assert_ok(trit_trainer_save(t, at("killed/last"), &err));
    trit_trainer_free(t);
    for (unsigned i = 0; i < 5; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) save_for_ever();
        trit_os_sleep_ms(60 + 17 * i);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        t = resume(at("killed/last"));
        assert_true(trit_trainer_step_at(t) >= step);
        step = trit_trainer_step_at(t);
        run_steps(t, 1);
        trit_trainer_free(t);
    }
}

static void refuse(const char *file, const char *text, const char *says) {
    trit_trainer *t;
    size_t n;
    char path[run_path_bytes + 64], *before;
    snprintf(path, sizeof path, "%s/%s", at("broken"), file);
    before = test_read(path, &n);
    if (text) run_write(path, text, strlen(text));
    else assert_int_equal(remove(path), 0);
    assert_int_not_equal(trit_trainer_resume(&t, at("broken"), NULL, &err), trit_ok);
    if (!strstr(err.message, says)) fail_msg("%s: %s", file, err.message);
    run_write(path, before, n);
    free(before);
}

static void broken(void **state) {
    (void)state;
    trit_trainer *t = run_new(folder, NULL);
    trit_train_config *c;
    assert_int_equal(trit_trainer_save(t, "", &err), trit_io);
    assert_int_equal(trit_trainer_save(t, at("story.txt"), &err), trit_arg);
    assert_ok(trit_trainer_save(t, at("broken"), &err));
    *(float *)trit_tensor_data(trit_params_find(t->params, "blk.1.ffn_up.weight")->master) = NAN;
    assert_int_equal(trit_trainer_save(t, at("broken"), &err), trit_numeric);
    assert_string_equal(err.message, "step 0: blk.1.ffn_up.weight is not finite, and no checkpoint is written (a lower learning rate may help)");
    trit_trainer_free(t);
    refuse("trainer.json", NULL, "trainer.json");
    refuse("trainer.json", "{", "trainer.json");
    refuse("trainer.json", "{\"version\": 2}", "another version");
    refuse("trainer.json", "{\"version\": 1, \"step\": 1}", "are not all there");
    refuse("trainer.json", "{\"version\": 1, \"step\": 1, \"tokens\": 1, \"optimizer_steps\": 1, \"config\": {\"dimm\": 3}}", "dim");
    refuse("optimizer.safetensors", NULL, "optimizer.safetensors");
    refuse("model.safetensors", NULL, "model.safetensors");
    refuse("model.safetensors", "12345678", "model.safetensors");
    assert_ok(trit_train_config_new(&c, &err));
    assert_ok(trit_train_config_set(c, "dim", "32", &err));
    assert_int_equal(trit_trainer_resume(&t, at("broken"), c, &err), trit_arg);
    assert_non_null(strstr(err.message, "dim"));
    trit_train_config_free(c);
    trit_trainer_free(resume(at("broken")));
}

int main(void) {
    run_folder(folder, "train-checkpoint");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on),      cmocka_unit_test(other_batches),    cmocka_unit_test(chooses_again), cmocka_unit_test(usual_activation),
        cmocka_unit_test(exported_types),
        cmocka_unit_test(shape_of_init),
        cmocka_unit_test(gets_sub_norms), cmocka_unit_test(sub_norms_are_for_plain_models), cmocka_unit_test(splits_neurons),
        cmocka_unit_test(wide_says_the_same), cmocka_unit_test(only_multiples_split), cmocka_unit_test(long_context),
        cmocka_unit_test(keeps_template), cmocka_unit_test(needs_a_tokenizer),
        cmocka_unit_test(engine_reads), cmocka_unit_test(begins_with_gguf), cmocka_unit_test(keeps_some),    cmocka_unit_test(keeps_the_new_one),
        cmocka_unit_test(full_disk),    cmocka_unit_test(killed_writer),    cmocka_unit_test(broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
