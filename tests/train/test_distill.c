/* Distillation: who is its own teacher has nothing to learn, the gradient is that of the loss, and another vocabulary is refused. */
#include <math.h>

#include "run.h"
#include "tiny.h"
#include "train/distill.h"
#include "train/trainer.h"

enum { n_tokens = 5, vocab = 3840 };

static trit_error err;
static trit_device *device;

/* Tokens of story-256.gguf, one row; the last has no target. */
static const trit_train_batch *words(void) {
    static int32_t token[n_tokens] = {1, 400, 500, 600, 700}, target[n_tokens] = {400, 500, 600, 700, -1};
    static uint32_t position[n_tokens] = {0, 1, 2, 3, 4};
    static int64_t first[n_tokens];
    static const trit_train_batch batch = {.n_rows = 1, .seq_len = n_tokens, .n_targets = n_tokens - 1, .token = token, .target = target,
                                           .position = position, .first = first};
    return &batch;
}

static trit_teacher *teacher_in(double share, double temperature, bool in_bf16) {
    trit_teacher *t;
    const trit_config student = {.vocab_size = vocab};
    const trit_teacher_opts o = {.ref = test_source("tests/model/story-256.gguf"), .student = &student, .temperature = temperature, .share = share,
                                 .in_bf16 = in_bf16};
    assert_ok(trit_teacher_new(&t, device, &o, &err));
    assert_ok(trit_teacher_look(t, words(), &err));
    return t;
}

static trit_teacher *teacher(double share, double temperature) {
    return teacher_in(share, temperature, false);
}

/* The loss of a student, recorded; *sum is not divided. */
static trit_tensor *learn_in(trit_teacher *t, trit_forward *f, const trit_train_batch *rows, bool in_bf16, double *sum) {
    trit_tensor *hidden = NULL, *loss = NULL;
    const trit_loss_opts o = {.target = rows->target, .divisor = (double)rows->n_targets, .sum = sum, .in_bf16 = in_bf16,
                              .block = trit_teacher_block, .user = t};
    *sum = 0;
    assert_ok(trit_teacher_look(t, rows, &err));
    assert_ok(trit_forward_run(&hidden, f, rows, &err));
    assert_ok(trit_head_loss(&loss, hidden, trit_forward_head(f)->master, &o, &err));
    trit_tensor_free(hidden);
    return loss;
}

static trit_tensor *learn_from(trit_teacher *t, trit_forward *f, const trit_train_batch *rows, double *sum) {
    return learn_in(t, f, rows, false, sum);
}

/* The stored ternary weights become masters that are quantized to the same model. */
static void its_own_teacher(void **state) {
    (void)state;
    trit_params *p;
    trit_forward *f;
    trit_teacher *t = teacher(1, 2);
    assert_ok(trit_params_new(&p, device, &(trit_params_opts){.base = test_source("tests/model/story-256.gguf"), .dtype = trit_dtype_f32}, &err));
    assert_ok(trit_forward_new(&f, &(trit_forward_opts){.params = p}, &err));
    double sum;
    trit_tensor *loss = learn_from(t, f, words(), &sum);
    assert_true(fabs(sum) < 1e-6);
    assert_ok(trit_tape_backward(trit_forward_tape(f), loss, NULL, &err));
    for (size_t i = 0; i < p->n; i++) {
        const trit_tensor *g = trit_tape_gradient(trit_forward_tape(f), p->at[i]->master);
        assert_non_null(g);
        for (int64_t e = 0; e < trit_tensor_n_elements(g); e++) {
            const float *x = trit_tensor_data((trit_tensor *)g);
            if (fabsf(x[e]) > 1e-4f) fail_msg("%s, element %lld: gradient %g", p->at[i]->name, (long long)e, (double)x[e]);
        }
    }
    trit_tensor_free(loss);
    trit_forward_free(f);
    trit_params_free(p);
    trit_teacher_free(t);
}

/* A teacher keeps what its file says of activations: the trainer that made it has nothing to learn from it. */
static void float_activations(void **state) {
    (void)state;
    char folder[run_path_bytes], ref[run_path_bytes + 16];
    run_folder(folder, "train-distill");
    snprintf(ref, sizeof ref, "%s/teacher", folder);
    trit_trainer *made = run_new(folder, (const char *const[]){"architecture", "qwen3", "activation_type", "float", NULL});
    run_steps(made, 4);
    assert_ok(trit_trainer_save(made, ref, &err));
    trit_teacher *t;
    const trit_teacher_opts o = {.ref = ref, .student = &made->params->model->config, .temperature = 1, .share = 1};
    assert_ok(trit_teacher_new(&t, made->device, &o, &err));
    double sum;
    trit_tensor *loss = learn_from(t, made->forward, tiny_batch(), &sum);
    if (!(fabs(sum) < 1e-9)) fail_msg("%g", sum);
    trit_tape_clear(trit_forward_tape(made->forward));
    trit_tensor_free(loss);
    trit_teacher_free(t);
    trit_trainer_free(made);
}

static trit_tensor *random_logits(void) {
    trit_tensor *z = NULL;
    assert_ok(trit_tensor_randn(&z, device, trit_dtype_f32, 2, (const int64_t[]){n_tokens, vocab}, 7, &err));
    return z;
}

static double loss_at(trit_teacher *t, const trit_tensor *z, int64_t element, float change) {
    trit_tensor *copy = NULL;
    double sum = 0;
    assert_ok(trit_tensor_copy(&copy, z, &err));
    ((float *)trit_tensor_data(copy))[element] += change;
    assert_ok(trit_teacher_block(t, copy, 0, words()->target, &sum, &err));
    trit_tensor_free(copy);
    return sum;
}

static void gradients_are_the_loss_s(void **state) {
    (void)state;
    static const double shares[] = {0, 0.4, 1}, temperatures[] = {1, 3};
    trit_tensor *z = random_logits();
    for (size_t k = 0; k < 6; k++) {
        trit_teacher *t = teacher(shares[k % 3], temperatures[k / 3]);
        trit_tensor *g = NULL;
        double sum = 0;
        assert_ok(trit_tensor_copy(&g, z, &err));
        assert_ok(trit_teacher_block(t, g, 0, words()->target, &sum, &err));
        const float *x = trit_tensor_data(g);
        for (int64_t row = 0; row < n_tokens; row++)
            for (int64_t c = 0; c < 3; c++) {
                const int64_t e = row * vocab + (c == 0 && row < n_tokens - 1 ? words()->target[row] : 1000 * c + row);
                const float h = 0.25f;
                const double slope = (loss_at(t, z, e, h) - loss_at(t, z, e, -h)) / (2 * (double)h);
                if (fabs(slope - (double)x[e]) > 2e-4 + 0.02 * fabs(slope))
                    fail_msg("share %g, temperature %g, token %lld, logit %lld: %g by differences, %g", shares[k % 3], temperatures[k / 3],
                             (long long)row, (long long)(e % vocab), slope, (double)x[e]);
                if (row == n_tokens - 1) assert_true(x[e] == 0.0f);
            }
        trit_tensor_free(g);
        trit_teacher_free(t);
    }
    trit_tensor_free(z);
}

/* The divergence of story-256 from itself, its products of floats rounded or not. */
static double divergence(bool teacher_rounds, bool student_rounds) {
    trit_params *p;
    trit_forward *f;
    double sum;
    trit_teacher *t = teacher_in(1, 1, teacher_rounds);
    assert_ok(trit_params_new(&p, device, &(trit_params_opts){.base = test_source("tests/model/story-256.gguf"), .dtype = trit_dtype_f32}, &err));
    assert_ok(trit_forward_new(&f, &(trit_forward_opts){.params = p, .in_bf16 = student_rounds}, &err));
    trit_tensor_free(learn_in(t, f, words(), student_rounds, &sum));
    trit_forward_free(f);
    trit_params_free(p);
    trit_teacher_free(t);
    return sum;
}

/* A teacher in bfloat16, attention's products among the rest, says nearly what it says in floats, and who computes as it does has nothing to learn from it. */
static void in_bf16(void **state) {
    (void)state;
    const double own = divergence(true, true), moved = divergence(true, false), moved_too = divergence(false, true);
    trit_tensor *z = random_logits();
    trit_teacher *floats = teacher(1, 1), *rounds = teacher_in(1, 1, true);
    const double a = loss_at(floats, z, 0, 0), b = loss_at(rounds, z, 0, 0);
    assert_true(fabs(own) < 1e-6);
    assert_true(moved > 0 && moved < 1e-2 && moved_too > 0 && moved_too < 1e-2);
    assert_true(a != b && fabs(a - b) < 1e-2 * a);
    trit_tensor_free(z);
    trit_teacher_free(floats);
    trit_teacher_free(rounds);
}

/* Without the teacher's share it is cross-entropy, to the bit. */
static void share_of_nothing(void **state) {
    (void)state;
    trit_teacher *t = teacher(0, 1);
    trit_tensor *a = random_logits(), *b = random_logits();
    double sum_a = 0, sum_b = 0;
    assert_ok(trit_teacher_block(t, a, 0, words()->target, &sum_a, &err));
    assert_ok(trit_cross_entropy(b, words()->target, true, &sum_b, &err));
    assert_true(sum_a == sum_b);
    for (int64_t i = 0; i < trit_tensor_n_elements(a); i++)
        assert_true(((const float *)trit_tensor_data(a))[i] == ((const float *)trit_tensor_data(b))[i]);
    trit_tensor_free(a);
    trit_tensor_free(b);
    trit_teacher_free(t);
}

static void other_models_are_refused(void **state) {
    (void)state;
    trit_teacher *t;
    trit_teacher_opts o = {.ref = test_source("tests/model/story-256.gguf"), .student = &(trit_config){.vocab_size = 11}, .temperature = 1, .share = 1};
    assert_int_equal(trit_teacher_new(&t, device, &o, &err), trit_arg);
    assert_non_null(strstr(err.message, "3840 tokens, but the student has 11"));
    o.student = &(trit_config){.vocab_size = 3840};
    o.context = 513;
    assert_int_equal(trit_teacher_new(&t, device, &o, &err), trit_arg);
    assert_non_null(strstr(err.message, "a context of 512 tokens, but the student's documents have up to 513"));
    o.ref = "absent.gguf";
    assert_int_equal(trit_teacher_new(&t, device, &o, &err), trit_io);
}

static int open_device(void **state) {
    (void)state;
    return trit_device_open(&device, NULL, NULL, &err) != trit_ok;
}

static int close_device(void **state) {
    (void)state;
    trit_device_close(device);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_own_teacher),
        cmocka_unit_test(float_activations),
        cmocka_unit_test(gradients_are_the_loss_s),
        cmocka_unit_test(in_bf16),
        cmocka_unit_test(share_of_nothing),
        cmocka_unit_test(other_models_are_refused),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
