/* A teacher's attention as part of the loss: gradients by finite differences (PyTorch's are in test_golden.c), the same bits however they are
 * computed, nothing to learn from oneself, models of other widths, and what is refused. */
#include <math.h>

#include "run.h"
#include "tiny.h"
#include "train/trainer.h"

enum { n_heads = 2 };

static const double weight = 3;
static trit_error err;
static trit_device *device;

static trit_params *new_params(const char *arch, trit_dtype dtype, bool is_float) {
    const trit_synthetic shape = tiny_shape(arch);
    trit_params *p;
    assert_ok(trit_params_new(&p, device, &(trit_params_opts){.shape = &shape, .is_float = is_float, .dtype = dtype, .seed = 1}, &err));
    tiny_spread(p);
    return p;
}

static trit_tensor *loss_of(trit_forward *f) {
    trit_tensor *loss = tiny_loss(f, tiny_batch(), 10, NULL);
    assert_ok(tiny_add_attention(&loss, f, n_heads, weight, &err));
    return loss;
}

static double loss_at(trit_forward *f, double *element, double value) {
    const double before = *element;
    *element = value;
    trit_forward_changed(f);
    trit_tape_pause(trit_forward_tape(f));
    trit_tensor *loss = loss_of(f);
    trit_tape_resume(trit_forward_tape(f));
    const double x = tiny_value(loss);
    trit_tensor_free(loss);
    *element = before;
    return x;
}

static void check_differences(const char *arch, uint32_t layer, int64_t step) {
    const double h = 1e-5;
    trit_params *p = new_params(arch, trit_dtype_f64, true);
    trit_forward *f;
    assert_ok(trit_forward_new(&f, &(trit_forward_opts){.params = p, .tapped = layer}, &err));
    trit_tensor *loss = loss_of(f);
    assert_ok(trit_tape_backward(trit_forward_tape(f), loss, NULL, &err));
    trit_tensor_free(loss);
    for (size_t i = 0; i < p->n; i++) {
        const trit_tensor *gradient = trit_tape_gradient(trit_forward_tape(f), p->at[i]->master);
        double *x = trit_tensor_data(p->at[i]->master), *g = trit_tensor_data(gradient);
        assert_non_null(gradient);
        for (int64_t e = 0; e < trit_tensor_n_elements(gradient); e += step) {
            const double slope = (loss_at(f, &x[e], x[e] + h) - loss_at(f, &x[e], x[e] - h)) / (2 * h);
            if (!(fabs(slope - g[e]) <= 1e-8 + 1e-6 * fabs(slope)))
                fail_msg("%s %s[%lld]: gradient %.12g, by differences %.12g", arch, p->at[i]->name, (long long)e, g[e], slope);
        }
    }
    trit_forward_free(f);
    trit_params_free(p);
}

static void finite_differences(void **state) {
    (void)state;
    check_differences("bitnet", 1, 3);
    check_differences("bitnet", 2, 7);
    check_differences("qwen3", 2, 7);
}

/* Gradients of all parameters, one behind the other; the caller frees. */
static float *gradients(uint32_t tapped, bool checkpoints, unsigned n_threads, size_t *n) {
    trit_device *const usual = device;
    trit_forward *f;
    float *out = NULL;
    assert_ok(trit_device_open(&device, NULL, &(trit_device_opts){.n_threads = n_threads}, &err));
    trit_params *p = new_params("bitnet", trit_dtype_f32, false);
    assert_ok(trit_forward_new(&f, &(trit_forward_opts){.params = p, .checkpoints = checkpoints, .tapped = tapped}, &err));
    trit_tensor *loss = loss_of(f);
    assert_ok(trit_tape_backward(trit_forward_tape(f), loss, NULL, &err));
    trit_tensor_free(loss);
    *n = 0;
    out = malloc(trit_params_n_elements(p) * sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < p->n; i++) {
        trit_tensor *g = trit_tape_gradient(trit_forward_tape(f), p->at[i]->master);
        assert_non_null(g);
        memcpy(out + *n, trit_tensor_data(g), (size_t)trit_tensor_n_elements(g) * sizeof *out);
        *n += (size_t)trit_tensor_n_elements(g);
    }
    trit_forward_free(f);
    trit_params_free(p);
    trit_device_close(device);
    device = usual;
    return out;
}

static void check_bits(uint32_t tapped) {
    size_t n, n_other;
    float *usual = gradients(tapped, false, 1, &n), *others[] = {gradients(tapped, true, 1, &n_other), gradients(tapped, false, 3, &n_other)};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(n_other, n);
        assert_memory_equal(others[i], usual, n * sizeof *usual);
        free(others[i]);
    }
    free(usual);
}

/* The last layer's attention is tapped beside its loss, another's before the layers behind it. */
static void same_bits(void **state) {
    (void)state;
    check_bits(1);
    check_bits(2);
}

/* The same relations: no loss. Twice as long a vector of one token: a loss that only relations with it make. */
static void own_relations(void **state) {
    (void)state;
    trit_tensor *own[3] = {0}, *loss = NULL;
    double sum = 0;
    const trit_relation_opts o = {.rows = tiny_batch(), .n_heads = n_heads, .weight = 1, .divisor = 1, .sum = &sum};
    assert_ok(tiny_teacher(own, device, trit_dtype_f64, &err));
    assert_ok(trit_relation_loss(&loss, own, own, &o, &err));
    assert_true(sum == 0 && tiny_value(loss) == 0);
    trit_tensor_free(loss);
    trit_tensor *other = NULL;
    assert_ok(trit_tensor_copy(&other, own[2], &err));
    for (int64_t e = 0; e < 6; e++) ((double *)trit_tensor_data(other))[11 * 6 + e] *= 2; /* the last token, which has no target */
    assert_ok(trit_relation_loss(&loss, own, (trit_tensor *[]){own[0], own[1], other}, &o, &err));
    assert_true(sum == 0);
    trit_tensor_free(loss);
    for (int64_t e = 0; e < 6; e++) ((double *)trit_tensor_data(other))[8 * 6 + e] *= 2; /* the first of the last document */
    assert_ok(trit_relation_loss(&loss, own, (trit_tensor *[]){own[0], own[1], other}, &o, &err));
    assert_true(sum > 1e-4);
    trit_tensor_free(loss);
    trit_tensor_free(other);
    for (size_t i = 0; i < 3; i++) trit_tensor_free(own[i]);
}

/* ---- Runs ---- */

static char folder[run_path_bytes], teacher[run_path_bytes + 16];

static void save_teacher(void) {
    run_folder(folder, "train-relations");
    snprintf(teacher, sizeof teacher, "%s/teacher", folder);
    trit_trainer *t = run_new(folder, (const char *const[]){"n_layers", "3", "dim", "24", "n_kv_heads", "2", NULL});
    run_steps(t, 10);
    assert_ok(trit_trainer_save(t, teacher, &err));
    trit_trainer_free(t);
}

/* A student comes nearer to the attention of a teacher that is deeper and wider. Its logits are learnt, too, but they are too small a part of the
 * loss to make it fall so far. */
static void learns(void **state) {
    (void)state;
    const char *const more[] = {"teacher", teacher, "distill", "1", "distill_attention", "1000", "distill_heads", "4", "seed", "3", NULL};
    const char *const logits[] = {"teacher", teacher, "distill", "1", "seed", "3", NULL};
    save_teacher();
    trit_trainer *t = run_new(folder, more), *other = run_new(folder, logits);
    const double of_logits = run_steps(other, 1).loss, before = run_steps(t, 1).loss, after = run_steps(t, 39).loss;
    if (!(of_logits < 0.1 * before && after < 0.7 * before)) fail_msg("%g of logits, %g, then %g", of_logits, before, after);
    trit_trainer_free(other);
    trit_trainer_free(t);
}

static void is_refused(const char *const *more, const char *words) {
    trit_trainer *t;
    trit_train_config *c = run_config(folder, more);
    assert_int_equal(trit_trainer_new(&t, c, &err), trit_arg);
    if (!strstr(err.message, words)) fail_msg("\"%s\" does not say \"%s\"", err.message, words);
    trit_train_config_free(c);
}

static void refusals(void **state) {
    (void)state;
    save_teacher();
    is_refused((const char *const[]){"distill_attention", "1", NULL}, "distill_attention: there is no teacher");
    is_refused((const char *const[]){"teacher", teacher, "distill_heads", "2", NULL}, "distill_heads: no attention is learnt");
    is_refused((const char *const[]){"teacher", teacher, "distill_layer", "1", NULL}, "distill_layer: no attention is learnt");
    is_refused((const char *const[]){"teacher", teacher, "distill_attention", "1", "distill_layer", "3", NULL},
               "distill_layer: 3, but the model has 2 layers");
    is_refused((const char *const[]){"teacher", teacher, "distill_attention", "1", "distill_heads", "3", NULL},
               "distill_heads: 3 do not divide the width of the student's keys, 8");
    is_refused((const char *const[]){"teacher", teacher, "distill_attention", "1", "n_heads", "4", "n_kv_heads", "4", "distill_heads", "16", NULL},
               "distill_heads: 16 do not divide the width of the teacher's keys, 24");
    is_refused((const char *const[]){"teacher", teacher, "context", "32", NULL}, "a context of 16 tokens, but the student's documents have up to 32");
    trit_trainer_free(run_new(folder, (const char *const[]){"teacher", teacher, "context", "32", "seq_len", "16", NULL}));
    trit_trainer_free(run_new(folder, (const char *const[]){"teacher", teacher, "seq_len", "32", NULL}));
}

static int open_device(void **state) {
    (void)state;
    return trit_device_open(&device, NULL, &(trit_device_opts){.n_threads = 1}, &err) != trit_ok;
}

static int close_device(void **state) {
    (void)state;
    trit_device_close(device);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finite_differences), cmocka_unit_test(same_bits), cmocka_unit_test(own_relations),
        cmocka_unit_test(learns),             cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
