/* Adapters in training: their gradients, runs that train them alone, and that the engine computes with them what the trainer does. */
#include <math.h>

#include "logits.h"
#include "model/lora.h"
#include "run.h"
#include "tiny.h"

static trit_device *device;
static trit_error err;
static char folder[run_path_bytes];

/* ---- Gradients ---- */

static trit_params *new_params(bool is_float, const trit_adapter_opts *adapters) {
    const trit_synthetic shape = tiny_shape("bitnet");
    const trit_params_opts o = {.shape = &shape, .is_float = is_float, .dtype = trit_dtype_f64, .seed = 1, .adapters = adapters};
    trit_params *p;
    assert_ok(trit_params_new(&p, device, &o, &err));
    tiny_spread(p);
    return p;
}

static trit_forward *new_forward(trit_params *p) {
    trit_forward *f;
    assert_ok(trit_forward_new(&f, &(trit_forward_opts){.params = p}, &err));
    return f;
}

static double loss_of(trit_forward *f, bool walks_back) {
    trit_tape *tape = trit_forward_tape(f);
    trit_forward_changed(f);
    if (!walks_back) trit_tape_pause(tape);
    trit_tensor *loss = tiny_loss(f, tiny_batch(), 10, NULL);
    const double x = tiny_value(loss);
    if (walks_back) assert_ok(trit_tape_backward(tape, loss, NULL, &err));
    else trit_tape_resume(tape);
    trit_tensor_free(loss);
    return x;
}

static double *numbers(const trit_tensor *t) {
    return trit_tensor_data(t);
}

/* Of a float model, where the loss is smooth: A's and B's by finite differences; nothing else has any. */
static void finite_differences(void **state) {
    (void)state;
    for (int is_inside = 0; is_inside < 2; is_inside++) {
        const trit_adapter_opts o = {.rank = 2, .alpha = 3, .targets = "q_proj,attn_v,down_proj", .is_inside = is_inside};
        trit_params *p = new_params(true, &o);
        trit_forward *f = new_forward(p);
        assert_int_equal(p->n_adapters, 6);
        (void)loss_of(f, true);
        for (size_t i = 0; i < p->n; i++) {
            const trit_tensor *g = trit_tape_gradient(trit_forward_tape(f), p->at[i]->master);
            assert_true((g == NULL) == p->at[i]->is_frozen);
            for (int64_t e = 0; g && e < trit_tensor_n_elements(g); e++) {
                double *x = numbers(p->at[i]->master) + e;
                const double h = 1e-5, at = *x;
                *x = at + h;
                const double above = loss_of(f, false);
                *x = at - h;
                const double slope = (above - loss_of(f, false)) / (2 * h), got = numbers(g)[e];
                *x = at;
                if (!(fabs(slope - got) <= 1e-8 + 1e-6 * fabs(slope)))
                    fail_msg("%s[%lld]: gradient %.12g, by differences %.12g", p->at[i]->name, (long long)e, got, slope);
            }
        }
        trit_forward_free(f);
        trit_params_free(p);
    }
}

/* Inside the quantizer the gradients are those of the master W + s B A, straight through, by the chain rule: s B^T G and s G A^T. */
static void straight_through(void **state) {
    (void)state;
    const trit_adapter_opts o = {.rank = 2, .alpha = 1, .targets = "up_proj", .is_inside = true};
    trit_params *p = new_params(false, &o), *q = new_params(false, NULL);
    for (size_t k = 0; k < p->n_adapters; k++) {
        const trit_adapter *x = &p->adapters[k];
        double *w = numbers(trit_params_find(q, x->of->name)->master);
        const int64_t n = x->of->master->view.shape[1], m = x->of->master->view.shape[0];
        for (int64_t r = 0; r < m; r++)
            for (int64_t c = 0; c < n; c++)
                for (int64_t j = 0; j < 2; j++) w[r * n + c] += x->scale * numbers(x->b->master)[r * 2 + j] * numbers(x->a->master)[j * n + c];
    }
    trit_forward *f = new_forward(p), *g = new_forward(q);
    assert_true(fabs(loss_of(f, true) - loss_of(g, true)) < 1e-12);
    for (size_t k = 0; k < p->n_adapters; k++) {
        const trit_adapter *x = &p->adapters[k];
        const double *whole = numbers(trit_tape_gradient(trit_forward_tape(g), trit_params_find(q, x->of->name)->master));
        const double *ga = numbers(trit_tape_gradient(trit_forward_tape(f), x->a->master));
        const int64_t n = x->of->master->view.shape[1], m = x->of->master->view.shape[0];
        for (int64_t j = 0; j < 2; j++)
            for (int64_t c = 0; c < n; c++) {
                double want = 0;
                for (int64_t r = 0; r < m; r++) want += x->scale * numbers(x->b->master)[r * 2 + j] * whole[r * n + c];
                assert_true(fabs(want - ga[j * n + c]) <= 1e-10 * (1 + fabs(want)));
            }
    }
    trit_forward_free(f);
    trit_forward_free(g);
    trit_params_free(p);
    trit_params_free(q);
}

/* ---- Runs ---- */

static const char *at(const char *name) {
    static char paths[4][run_path_bytes + 64];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* A model that was trained a little, in out/base. */
static void make_base(const char *const *more) {
    trit_trainer *t = run_new(folder, more);
    run_steps(t, 6);
    assert_ok(trit_trainer_save(t, at("out/base"), &err));
    trit_trainer_free(t);
}

static trit_trainer *new_run(const char *inside, const char *targets, const char *threads) {
    char base[run_path_bytes + 64];
    snprintf(base, sizeof base, "%s/out/base", folder);
    return run_new(folder, (const char *const[]){"init", base, "lora_rank", "4", "lora_inside", inside, "lora_targets", targets, "threads", threads,
                                                 "steps", "80", "schedule", "cosine", "weight_decay", "0", NULL});
}

static void expect_near(const float *want, const float *got, const char *what) {
    for (size_t k = 0; k < n_ids * n_vocab; k++)
        if (!(fabsf(want[k] - got[k]) <= 5e-5f)) fail_msg("%s: logit %zu is %.9g, the trainer's %.9g", what, k, (double)got[k], (double)want[k]);
}

/* Bases of every kind: the trainer computes with an adapter beside them what the engine does. */
static void every_base(void **state) {
    static const char *const types[] = {NULL, "i2_s", "tq2_0", "f16", "float"};
    static float want[n_ids * n_vocab], got[n_ids * n_vocab];
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const bool is_float = types[i] && strcmp(types[i], "float") == 0;
        /* rows of 256 and 128 weights, for the blocks of TQ2_0 */
        make_base((const char *const[]){"dim", "256", "ff_dim", "256", "n_layers", "1", "weight_type", is_float ? "float" : "ternary", NULL});
        const char *base = types[i] && !is_float ? at("base.gguf") : at("out/base");
        const trit_convert_opts o = {.type = types[i]};
        if (types[i] && !is_float) assert_ok(trit_convert(at("out/base"), base, &o, NULL, &err));
        trit_trainer *t = run_new(folder, (const char *const[]){"init", base, "lora_rank", "2", "lora_targets", "attn_q,down_proj", NULL});
        run_steps(t, 3);
        assert_ok(trit_trainer_save(t, at("out/adapter"), &err));
        trainer_logits(t, want);
        engine_logits(base, at("out/adapter"), got);
        expect_near(want, got, types[i] ? types[i] : "masters");
        trit_trainer_free(t);
    }
}

/* Only the adapter learns; the engine with it, beside or merged, computes what the trainer does. */
static void learns(void **state) {
    static float want[n_ids * n_vocab], got[n_ids * n_vocab], merged[n_ids * n_vocab];
    (void)state;
    make_base(NULL);
    for (int is_inside = 0; is_inside < 2; is_inside++) {
        trit_trainer *base, *t = new_run(is_inside ? "yes" : "no", "", "1");
        assert_ok(trit_trainer_resume(&base, at("out/base"), NULL, &err));
        double before, begun, after;
        assert_ok(trit_trainer_evaluate(base, &before, &err));
        assert_ok(trit_trainer_evaluate(t, &begun, &err));
        assert_true(before == begun); /* B is zero */
        assert_int_equal(t->n_trained, 2 * t->params->n_adapters);
        assert_int_equal(t->params->n_adapters, 14);
        run_steps(t, 80);
        assert_ok(trit_trainer_evaluate(t, &after, &err));
        print_message("%s: validation loss %.4f, was %.4f\n", is_inside ? "inside" : "beside", after, before);
        assert_true(after < before - 0.02);
        for (size_t i = 0; i < base->params->n; i++) {
            const trit_tensor *x = base->params->at[i]->master, *y = t->params->at[i]->master;
            assert_memory_equal(trit_tensor_data(x), trit_tensor_data(y), (size_t)trit_tensor_n_elements(x) * sizeof(float));
        }
        assert_ok(trit_trainer_save(t, at("out/adapter"), &err));
        assert_true(trit_fs_look(at("out/adapter/adapter_model.safetensors")).kind == trit_fs_file);
        assert_true(trit_fs_look(at("out/adapter/model.safetensors")).kind == trit_fs_absent);
        trainer_logits(t, want);
        engine_logits(at("out/base"), at("out/adapter"), got);
        expect_near(want, got, is_inside ? "inside" : "beside");
        if (is_inside) {
            const trit_lora_opts lora = {.path = at("out/adapter")};
            assert_ok(trit_convert(at("out/base"), at("merged.gguf"), &(trit_convert_opts){.loras = &lora, .n_loras = 1}, NULL, &err));
            engine_logits(at("merged.gguf"), NULL, merged);
            assert_memory_equal(got, merged, sizeof got);
        }
        trit_trainer_free(base);
        trit_trainer_free(t);
    }
}

static void same_bits(void **state) {
    (void)state;
    make_base(NULL);
    for (int is_inside = 0; is_inside < 2; is_inside++) {
        const char *inside = is_inside ? "yes" : "no";
        trit_trainer *whole = new_run(inside, "q_proj,up_proj", "1"), *part = new_run(inside, "q_proj,up_proj", "2");
        const trit_train_stats a = run_steps(whole, 6);
        run_steps(part, 4);
        assert_ok(trit_trainer_save(part, at("out/stop"), &err));
        trit_trainer_free(part);
        assert_ok(trit_trainer_resume(&part, at("out/stop"), NULL, &err));
        const trit_train_stats b = run_steps(part, 2);
        assert_true(a.loss == b.loss && a.grad_norm == b.grad_norm && a.flip_rate == b.flip_rate && a.zeros == b.zeros);
        for (size_t i = 0; i < whole->n_trained; i++) {
            const trit_tensor *x = whole->trained[i]->master, *y = part->trained[i]->master;
            assert_memory_equal(trit_tensor_data(x), trit_tensor_data(y), (size_t)trit_tensor_n_elements(x) * sizeof(float));
        }
        trit_trainer_free(whole);
        trit_trainer_free(part);
    }
}

/* A folder without a head calls its projections "layers.0. ...", also when the run goes on. */
static void headless(void **state) {
    (void)state;
    char text[8192];
    make_base((const char *const[]){"architecture", "qwen3", "tied", "yes", NULL});
    FILE *f = fopen(at("out/base/config.json"), "rb");
    assert_non_null(f);
    const size_t n = fread(text, 1, sizeof text - 1, f);
    assert_int_equal(fclose(f), 0);
    text[n] = '\0';
    char *class = strstr(text, "Qwen3ForCausalLM\"");
    assert_non_null(class);
    memcpy(class, "Qwen3Model\"      ", strlen("Qwen3ForCausalLM\""));
    run_write(at("out/base/config.json"), text, n);
    trit_trainer *t = new_run("no", "", "1");
    run_steps(t, 2);
    assert_non_null(trit_params_find(t->params, "base_model.model.layers.1.mlp.up_proj.lora_B.weight"));
    assert_ok(trit_trainer_save(t, at("out/stop"), &err));
    trit_trainer_free(t);
    assert_ok(trit_trainer_resume(&t, at("out/stop"), NULL, &err));
    run_steps(t, 1);
    trit_trainer_free(t);
}

static void refuses(trit_status want, const char *const *more, const char *says) {
    trit_trainer *t;
    trit_train_config *c = run_config(folder, more);
    const trit_status got = trit_trainer_new(&t, c, &err);
    if (got != want || !strstr(err.message, says)) fail_msg("%s: %s", trit_status_text(got), err.message);
    trit_train_config_free(c);
}

static void bad_runs(void **state) {
    (void)state;
    make_base(NULL);
    refuses(trit_arg, (const char *const[]){"lora_rank", "4", NULL}, "init");
    refuses(trit_arg, (const char *const[]){"init", at("out/base"), "lora_rank", "4", "lora_targets", "q_proj,w_proj", NULL}, "w_proj");
    refuses(trit_arg, (const char *const[]){"init", at("out/base"), "lora_rank", "4", "weight_type", "float", NULL}, "weight_type");
    assert_ok(trit_convert(at("out/base"), at("base.gguf"), NULL, NULL, &err));
    refuses(trit_unsupported, (const char *const[]){"init", at("base.gguf"), "lora_rank", "4", "lora_inside", "yes", NULL}, "holds trits already");
}

int main(void) {
    assert_int_equal(trit_device_open(&device, NULL, &(trit_device_opts){.n_threads = 1}, &err), trit_ok);
    run_folder(folder, "train-lora");
    const struct CMUnitTest tests[] = {cmocka_unit_test(finite_differences), cmocka_unit_test(straight_through),
                                       cmocka_unit_test(every_base),         cmocka_unit_test(learns),
                                       cmocka_unit_test(same_bits),          cmocka_unit_test(headless),
                                       cmocka_unit_test(bad_runs)};
    const int n = cmocka_run_group_tests(tests, NULL, NULL);
    trit_device_close(device);
    return n;
}
