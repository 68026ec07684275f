/* Whole runs: they learn, they repeat to the bit whatever the threads, and what goes wrong stops them by name. */
#include <math.h>

#include "run.h"
#include "train/trainer.h"
#include "tiny.h"

static trit_error err;
static char folder[run_path_bytes];

static void assert_same_masters(const trit_trainer *a, const trit_trainer *b) {
    assert_int_equal(a->params->n, b->params->n);
    for (size_t i = 0; i < a->params->n; i++) {
        const trit_tensor *x = a->params->at[i]->master, *y = b->params->at[i]->master;
        if (memcmp(trit_tensor_data(x), trit_tensor_data(y), (size_t)trit_tensor_n_elements(x) * sizeof(float)) != 0)
            fail_msg("%s: other bits", a->params->at[i]->name);
    }
}

/* A model of some thousand weights learns one batch by heart. */
static void overfits(void **state) {
    (void)state;
    trit_device *device;
    trit_params *p;
    trit_forward *f;
    trit_optim *optim;
    const trit_synthetic shape = {.name = "tiny", .what = "", .arch = "bitnet", .n_layers = 2, .dim = 32, .ff_dim = 64, .n_heads = 2, .n_kv_heads = 2,
                                  .head_dim = 16, .vocab_size = tiny_vocab, .context_length = 16, .norm_eps = 1e-5f, .rope_theta = 100, .tied = true};
    double loss = 9;
    assert_ok(trit_device_open(&device, NULL, &(trit_device_opts){.n_threads = 1}, &err));
    assert_ok(trit_params_new(&p, device, &(trit_params_opts){.shape = &shape, .dtype = trit_dtype_f32, .seed = 1}, &err));
    assert_ok(trit_forward_new(&f, &(trit_forward_opts){.params = p}, &err));
    assert_ok(trit_optim_new(&optim, &(trit_optim_opts){.kind = trit_optim_adamw, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8}, &err));
    trit_tensor **g = calloc(p->n, sizeof(trit_tensor *));
    assert_non_null(g);
    for (size_t i = 0; i < p->n; i++) assert_ok(trit_optim_add(optim, p->at[i]->name, p->at[i]->master, p->at[i]->decays, p->at[i]->is_matrix, &err));
    for (size_t step = 0; step < 150; step++) {
        trit_tensor *t = tiny_loss(f, tiny_batch(), 10, NULL);
        assert_ok(trit_tape_backward(trit_forward_tape(f), t, NULL, &err));
        loss = tiny_value(t);
        trit_tensor_free(t);
        for (size_t i = 0; i < p->n; i++) g[i] = trit_tape_gradient(trit_forward_tape(f), p->at[i]->master);
        assert_ok(trit_optim_step(optim, g, 1, 0.01, 0, &err));
        trit_tape_clear(trit_forward_tape(f));
        trit_forward_changed(f);
    }
    assert_true(loss < 0.1);
    free(g);
    trit_optim_free(optim);
    trit_forward_free(f);
    trit_params_free(p);
    trit_device_close(device);
}

static void learns(void **state) {
    (void)state;
    double before, after;
    trit_trainer *t = run_new(folder, NULL);
    assert_ok(trit_trainer_evaluate(t, &before, &err));
    assert_true(fabs(before - log(28)) < 0.1); /* a new model knows nothing */
    trit_train_stats s = run_steps(t, 1);
    assert_true(fabs(s.loss - log(28)) < 0.1);
    assert_int_equal(s.step_tokens, 64);
    assert_true(s.grad_norm > 0 && s.zeros > 0.2 && s.zeros < 0.4 && s.lr < 0.02 && s.lambda == 1);
    s = run_steps(t, 19);
    assert_true(s.flip_rate > 0 && s.flip_rate < 0.2);
    s = run_steps(t, 20);
    assert_true(s.step == 40 && s.n_steps == 40 && s.tokens == 40 * 64);
    assert_ok(trit_trainer_evaluate(t, &after, &err));
    assert_true(after < before - 0.8);
    trit_trainer_free(t);
}

static void same_bits(void **state) {
    static const char *const ways[][5] = {{"threads", "1", NULL}, {"threads", "3", NULL}, {"threads", "2", "recompute", "yes", NULL}};
    (void)state;
    trit_trainer *first = run_new(folder, NULL);
    const double loss = run_steps(first, 5).loss;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        trit_trainer *t = run_new(folder, ways[i]);
        assert_true(run_steps(t, 5).loss == loss);
        assert_same_masters(first, t);
        trit_trainer_free(t);
    }
    trit_trainer_free(first);
}

/* Steps that are large enough for threads to share the work of every kernel. */
static void same_bits_of(const char *precision, trit_trainer **out) {
    static const char *const threads[] = {"1", "2", "3"};
    trit_trainer *first = NULL;
    double loss = 0;
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        trit_trainer *t = run_new(folder, (const char *const[]){"n_layers", "1", "dim", "128", "ff_dim", "256", "context", "128", "threads", threads[i],
                                                                     "precision", precision, NULL});
        const trit_train_stats s = run_steps(t, 3);
        assert_int_equal(s.step_tokens, 512);
        if (!first) {
            first = t;
            loss = s.loss;
            continue;
        }
        assert_true(s.loss == loss);
        assert_same_masters(first, t);
        trit_trainer_free(t);
    }
    *out = first;
}

static void same_bits_shared(void **state) {
    (void)state;
    trit_trainer *exact, *rounded;
    same_bits_of("f32", &exact);
    same_bits_of("bf16", &rounded);
    const double a = run_steps(exact, 1).loss, b = run_steps(rounded, 1).loss;
    assert_true(a != b);
    assert_true(fabs(a - b) <= 0.1 * (log(28) - a)); /* a tenth of what was learnt; trits that flip let runs part */
    trit_trainer_free(exact);
    trit_trainer_free(rounded);
}

/* Four parts of a batch are the batch, up to the order of sums. */
static void accumulates(void **state) {
    (void)state;
    trit_trainer *whole = run_new(folder, NULL), *parts = run_new(folder, (const char *const[]){"micro_rows", "1", NULL});
    const trit_train_stats a = run_steps(whole, 1), b = run_steps(parts, 1);
    assert_true(fabs(a.loss - b.loss) <= 1e-6);
    assert_true(fabs(a.grad_norm - b.grad_norm) <= 1e-6 * a.grad_norm);
    trit_trainer_free(whole);
    trit_trainer_free(parts);
}

/* Quantization that sets in slowly; ternary weights with float inputs; the same model in float; groups; other optimisers. */
static void ways_to_train(void **state) {
    static const char *const ways[][5] = {{"lambda", "linear", "lambda_steps", "8", NULL},
                                          {"activation_type", "float", "architecture", "qwen3", NULL},
                                          {"weight_type", "float", NULL}, {"weight_group", "row", NULL},     {"optimizer", "muon", NULL},
                                          {"optimizer", "sgd", NULL},     {"tied", "no", NULL},              {"architecture", "llama", NULL},
                                          {"activation", "silu", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        trit_trainer *t = run_new(folder, ways[i]);
        const double first = run_steps(t, 1).loss;
        const trit_train_stats s = run_steps(t, 11);
        if (!(s.loss < first)) fail_msg("%s: loss %g, then %g", ways[i][1], first, s.loss);
        if (i == 0) assert_true(s.lambda == 1);
        if (i == 2) assert_true(s.zeros == 0);
        trit_trainer_free(t);
    }
}

static void stops_at_nan(void **state) {
    (void)state;
    trit_train_stats s;
    trit_trainer *t = run_new(folder, NULL), *other = run_new(folder, NULL);
    run_steps(t, 2);
    run_steps(other, 2);
    float *w = trit_tensor_data(trit_params_find(t->params, "output_norm.weight")->master), kept = *w;
    *w = NAN;
    assert_int_equal(trit_trainer_step(t, &s, &err), trit_numeric);
    assert_string_equal(err.message, "step 3: the loss is not finite (a lower learning rate may help)");
    *w = kept;
    assert_int_equal(trit_trainer_step_at(t), 2);
    run_steps(t, 1); /* nothing else was changed */
    run_steps(other, 1);
    assert_same_masters(t, other);
    trit_trainer_free(t);
    trit_trainer_free(other);
}

static void fill(const trit_trainer *t, const char *name, float value) {
    trit_tensor *master = trit_params_find(t->params, name)->master;
    for (int64_t i = 0; i < trit_tensor_n_elements(master); i++) ((float *)trit_tensor_data(master))[i] = value;
}

/* The loss may be finite where gradients are not: huge factors of what is zero. */
static void names_the_gradient(void **state) {
    (void)state;
    trit_train_stats s;
    trit_trainer *t = run_new(folder, (const char *const[]){"weight_type", "float", NULL});
    fill(t, "blk.1.ffn_gate.weight", 0);
    fill(t, "blk.1.ffn_sub_norm.weight", 1e30f);
    fill(t, "blk.1.ffn_down.weight", 1e30f);
    const trit_status status = trit_trainer_step(t, &s, &err);
    assert_int_equal(status, trit_numeric);
    assert_string_equal(err.message, "step 1: the gradient of token_embd.weight is not finite (a lower learning rate may help)");
    trit_trainer_free(t);
}

/* What failed between the first changed weight and the last goes nowhere from there. */
static void breaks(void **state) {
    (void)state;
    trit_train_stats s;
    trit_trainer *t = run_new(folder, NULL);
    run_steps(t, 1);
    t->is_broken = true;
    assert_int_equal(trit_trainer_step(t, &s, &err), trit_fail);
    assert_non_null(strstr(err.message, "step 2 failed halfway"));
    assert_int_equal(trit_trainer_save_step(t, folder, 0, &err), trit_fail);
    trit_trainer_free(t);
}

static void nothing_counts(void **state) {
    static const char one[] = "{\"prompt\": \"the cat sat on a mat and saw the dog. \", \"completion\": \"\"}\n";
    (void)state;
    char path[run_path_bytes + 32], text[40 * sizeof one] = "";
    trit_trainer *t;
    for (int i = 0; i < 40; i++) strcat(text, one);
    snprintf(path, sizeof path, "%s/prompts.jsonl", folder);
    run_write(path, text, strlen(text));
    trit_train_config *c = run_config(folder, (const char *const[]){"validation", path, NULL});
    assert_int_equal(trit_trainer_new(&t, c, &err), trit_arg);
    assert_string_equal(err.message, "data: no token of the validation part counts in the loss");
    trit_train_config_free(c);
}

static void bad_input(void **state) {
    static const struct {
        const char *const more[5];
        const char *says;
    } cases[] = {{{"architecture", "nonesuch", NULL}, "nonesuch"}, {{"data", "/nowhere.txt", NULL}, "/nowhere.txt"},
                 {{"init", "/nowhere.gguf", NULL}, "/nowhere.gguf"}, {{"tokenizer", "/nowhere.json", NULL}, "/nowhere.json"},
                 {{"lambda", "linear", "lambda_steps", "41", NULL}, "lambda_steps: the run has 40 steps"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trit_trainer *t;
        trit_train_config *c = run_config(folder, cases[i].more);
        assert_int_not_equal(trit_trainer_new(&t, c, &err), trit_ok);
        if (!strstr(err.message, cases[i].says)) fail_msg("%s: %s", cases[i].says, err.message);
        trit_train_config_free(c);
    }
}

int main(void) {
    run_folder(folder, "train-trainer");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overfits),      cmocka_unit_test(learns),       cmocka_unit_test(same_bits),          cmocka_unit_test(accumulates),
        cmocka_unit_test(ways_to_train), cmocka_unit_test(stops_at_nan), cmocka_unit_test(names_the_gradient), cmocka_unit_test(bad_input),
        cmocka_unit_test(same_bits_shared), cmocka_unit_test(breaks),        cmocka_unit_test(nothing_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
