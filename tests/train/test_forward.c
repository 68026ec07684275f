/* Gradients of whole models: every parameter's by finite differences in double, the same bits with gradient checkpointing and for any
 * number of threads, and what quantization changes. */
#include <math.h>

#include "logits.h"
#include "run.h"
#include "tiny.h"

static trit_device *device;
static trit_error err;

static trit_params *new_params(const char *arch, trit_dtype dtype, bool is_float) {
    const trit_synthetic shape = tiny_shape(arch);
    trit_params *p;
    assert_ok(trit_params_new(&p, device, &(trit_params_opts){.shape = &shape, .is_float = is_float, .dtype = dtype, .seed = 1}, &err));
    tiny_spread(p);
    return p;
}

static trit_forward *forward_in(trit_params *p, bool checkpoints, bool in_bf16) {
    trit_forward *f;
    assert_ok(trit_forward_new(&f, &(trit_forward_opts){.params = p, .checkpoints = checkpoints, .in_bf16 = in_bf16}, &err));
    return f;
}

static trit_forward *new_forward(trit_params *p, bool checkpoints) {
    return forward_in(p, checkpoints, false);
}

static void backward(trit_forward *f) {
    trit_tensor *loss = tiny_loss(f, tiny_batch(), 10, NULL);
    assert_ok(trit_tape_backward(trit_forward_tape(f), loss, NULL, &err));
    trit_tensor_free(loss);
}

static double loss_at(trit_forward *f, double *element, double value) {
    const double before = *element;
    *element = value;
    trit_forward_changed(f);
    trit_tape_pause(trit_forward_tape(f));
    trit_tensor *loss = tiny_loss(f, tiny_batch(), 10, NULL);
    trit_tape_resume(trit_forward_tape(f));
    const double x = tiny_value(loss);
    trit_tensor_free(loss);
    *element = before;
    return x;
}

/* Every `step`-th element of every parameter. */
static void check_differences(trit_params *p, trit_forward *f, int64_t step) {
    const double h = 1e-5;
    trit_forward_begin(f, 0);
    backward(f);
    for (size_t i = 0; i < p->n; i++) {
        const trit_tensor *gradient = trit_tape_gradient(trit_forward_tape(f), p->at[i]->master);
        double *x = trit_tensor_data(p->at[i]->master), *g = trit_tensor_data(gradient);
        assert_non_null(gradient);
        for (int64_t e = 0; e < trit_tensor_n_elements(gradient); e += step) {
            const double slope = (loss_at(f, &x[e], x[e] + h) - loss_at(f, &x[e], x[e] - h)) / (2 * h);
            if (!(fabs(slope - g[e]) <= 1e-8 + 1e-6 * fabs(slope)))
                fail_msg("%s[%lld]: gradient %.12g, by differences %.12g", p->at[i]->name, (long long)e, g[e], slope);
        }
    }
}

static void finite_differences(void **state) {
    (void)state;
    trit_params *p = new_params("bitnet", trit_dtype_f64, false); /* lambda 0: nothing is quantized */
    trit_forward *f = new_forward(p, false);
    check_differences(p, f, 1);
    trit_forward_free(f);
    trit_params_free(p);
}

/* Whatever graph there is can be trained. */
static void every_architecture(void **state) {
    static const char *const archs[] = {
#define TRIT_ARCH(name) #name,
#include "model/archs.def"
#undef TRIT_ARCH
    };
    (void)state;
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        trit_params *p = new_params(archs[i], trit_dtype_f64, true);
        trit_forward *f = new_forward(p, i % 2);
        check_differences(p, f, 13);
        trit_forward_free(f);
        trit_params_free(p);
    }
}

static void assert_same_gradients(const trit_params *a, const trit_forward *fa, const trit_params *b, const trit_forward *fb) {
    for (size_t i = 0; i < a->n; i++) {
        const trit_tensor *x = trit_tape_gradient(trit_forward_tape(fa), a->at[i]->master), *y = trit_tape_gradient(trit_forward_tape(fb), b->at[i]->master);
        assert_non_null(x);
        assert_non_null(y);
        const size_t n = (size_t)trit_tensor_n_elements(x) * trit_dtype_bytes(trit_tensor_dtype(x));
        if (memcmp(trit_tensor_data(x), trit_tensor_data(y), n) != 0) fail_msg("%s: other bits", a->at[i]->name);
    }
}

/* A pass forward and back of both gives the same gradients, to the bit. Frees them. */
static void expect_same(trit_params *p, trit_forward *f, trit_params *q, trit_forward *g) {
    backward(f);
    backward(g);
    assert_same_gradients(p, f, q, g);
    trit_forward_free(f);
    trit_forward_free(g);
    trit_params_free(p);
    trit_params_free(q);
}

/* In bfloat16, too, and with floats for trits, where all of a layer's products are. */
static void checkpoints_same_bits(void **state) {
    (void)state;
    for (int way = 0; way < 4; way++) {
        const bool is_float = way & 1, in_bf16 = way & 2;
        trit_params *p = new_params("bitnet", trit_dtype_f32, is_float), *q = new_params("bitnet", trit_dtype_f32, is_float);
        expect_same(p, forward_in(p, false, in_bf16), q, forward_in(q, true, in_bf16));
    }
}

/* Doubles stay doubles. */
static void no_bf16_of_doubles(void **state) {
    (void)state;
    trit_params *p = new_params("bitnet", trit_dtype_f64, true), *q = new_params("bitnet", trit_dtype_f64, true);
    expect_same(p, forward_in(p, false, false), q, forward_in(q, false, true));
}

static void threads_same_bits(void **state) {
    (void)state;
    trit_device *const usual = device, *other;
    assert_ok(trit_device_open(&other, NULL, &(trit_device_opts){.n_threads = 3}, &err));
    trit_params *p = new_params("bitnet", trit_dtype_f32, false);
    device = other;
    trit_params *q = new_params("bitnet", trit_dtype_f32, false);
    expect_same(p, new_forward(p, false), q, new_forward(q, false));
    trit_device_close(other);
    device = usual;
}

static double squares_of(const float *x, const float *y, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += ((double)x[i] - (y ? (double)y[i] : 0)) * ((double)x[i] - (y ? (double)y[i] : 0));
    return sum;
}

/* Products in bfloat16, which has 8 bits, move each gradient by less than a sixteenth of its length where layers are ternary, since attention's results
 * move and some int8 inputs with them, and by less than an eighth where they are float and all activations move; those of the layers' matrices by
 * something. */
static void in_bf16(void **state) {
    (void)state;
    for (int is_float = 0; is_float < 2; is_float++) {
        trit_params *p = new_params("bitnet", trit_dtype_f32, is_float), *q = new_params("bitnet", trit_dtype_f32, is_float);
        trit_forward *f = new_forward(p, false), *g = forward_in(q, false, true);
        backward(f);
        backward(g);
        for (size_t i = 0; i < p->n; i++) {
            const trit_tensor *x = trit_tape_gradient(trit_forward_tape(f), p->at[i]->master), *y = trit_tape_gradient(trit_forward_tape(g), q->at[i]->master);
            const int64_t n = trit_tensor_n_elements(x);
            const double whole = squares_of(trit_tensor_data((trit_tensor *)x), NULL, n);
            const double moved = squares_of(trit_tensor_data((trit_tensor *)x), trit_tensor_data((trit_tensor *)y), n);
            if (!(moved <= whole * (is_float ? 1.0 / 64 : 1.0 / 256)) || (p->at[i]->is_matrix && moved == 0))
                fail_msg("%s: a gradient of squared length %g moved by %g", p->at[i]->name, whole, moved);
        }
        trit_forward_free(f);
        trit_forward_free(g);
        trit_params_free(p);
        trit_params_free(q);
    }
}

/* Quantized weights hold three values, and the gradient reaches the masters. */
static void ternary(void **state) {
    (void)state;
    trit_params *p = new_params("bitnet", trit_dtype_f64, false);
    trit_forward *f = new_forward(p, false);
    trit_param *up = trit_params_find(p, "blk.1.ffn_up.weight");
    trit_tensor *w;
    assert_non_null(up);
    assert_true(up->is_ternary && up->is_matrix && up->decays);
    assert_ptr_equal(trit_params_find(p, "model.layers.1.mlp.up_proj.weight"), up);
    trit_forward_begin(f, 1);
    assert_ok(trit_forward_weight(&w, f, up, &err));
    double sum = 0;
    const int64_t n = trit_tensor_n_elements(w);
    const double *q = trit_tensor_data(w), *x = trit_tensor_data(up->master);
    for (int64_t e = 0; e < n; e++) sum += fabs(x[e]);
    for (int64_t e = 0; e < n; e++) assert_true(q[e] == 0 || fabs(fabs(q[e]) - sum / (double)n) < 1e-15);
    backward(f);
    assert_non_null(trit_tape_gradient(trit_forward_tape(f), up->master));
    trit_forward_free(f);
    trit_params_free(p);
}

/* A frozen parameter has no gradient, and the others' stay what they are. */
static void frozen(void **state) {
    (void)state;
    trit_params *p = new_params("bitnet", trit_dtype_f32, false), *q = new_params("bitnet", trit_dtype_f32, false);
    trit_param *still = trit_params_find(q, "blk.0.attn_q.weight");
    still->is_frozen = true;
    trit_forward *f = new_forward(p, false), *g = new_forward(q, false);
    backward(f);
    backward(g);
    assert_null(trit_tape_gradient(trit_forward_tape(g), still->master));
    for (size_t i = 0; i < p->n; i++) {
        const trit_tensor *x = trit_tape_gradient(trit_forward_tape(f), p->at[i]->master), *y = trit_tape_gradient(trit_forward_tape(g), q->at[i]->master);
        if (q->at[i] != still) assert_memory_equal(trit_tensor_data(x), trit_tensor_data(y), (size_t)trit_tensor_n_elements(x) * sizeof(float));
    }
    trit_forward_free(f);
    trit_forward_free(g);
    trit_params_free(p);
    trit_params_free(q);
}

/* No file could say that it takes floats. */
static void bitnet_takes_int8(void **state) {
    (void)state;
    const trit_synthetic shape = tiny_shape("bitnet");
    const trit_params_opts o = {.shape = &shape, .has_float_inputs = true, .dtype = trit_dtype_f32};
    trit_params *p;
    assert_int_equal(trit_params_new(&p, device, &o, &err), trit_unsupported);
    assert_string_equal(err.message, "activation_type: float, but architecture bitnet always has int8");
}

/* Trits with a scale for each row are the same trits again as masters with a scale for each row, however many zeros the rows have. */
static void trits_of_rows(void **state) {
    (void)state;
    static float want[n_ids * n_vocab], got[n_ids * n_vocab];
    char folder[run_path_bytes], made[run_path_bytes + 16], base[run_path_bytes + 16];
    run_folder(folder, "train-rows");
    snprintf(made, sizeof made, "%s/made", folder);
    snprintf(base, sizeof base, "%s/base.gguf", folder);
    /* rows of 256, which are the blocks of TQ2_0 */
    trit_trainer *t = run_new(folder, (const char *const[]){"dim", "256", "ff_dim", "256", "n_layers", "1", "weight_group", "row", NULL});
    run_steps(t, 6);
    assert_ok(trit_trainer_save(t, made, &err));
    trit_trainer_free(t);
    assert_ok(trit_convert(made, base, &(trit_convert_opts){.type = "tq2_0"}, NULL, &err));
    t = run_new(folder, (const char *const[]){"init", base, "weight_group", "row", NULL});
    engine_logits(base, NULL, want);
    trainer_logits(t, got);
    for (size_t k = 0; k < n_ids * n_vocab; k++)
        if (!(fabsf(want[k] - got[k]) <= 5e-5f)) fail_msg("logit %zu is %.9g, the engine's %.9g", k, (double)got[k], (double)want[k]);
    trit_trainer_free(t);
}

int main(void) {
    assert_int_equal(trit_device_open(&device, NULL, &(trit_device_opts){.n_threads = 1}, &err), trit_ok);
    const struct CMUnitTest tests[] = {cmocka_unit_test(finite_differences), cmocka_unit_test(every_architecture), cmocka_unit_test(checkpoints_same_bits),
                                       cmocka_unit_test(threads_same_bits),  cmocka_unit_test(ternary),            cmocka_unit_test(frozen),
                                       cmocka_unit_test(bitnet_takes_int8),  cmocka_unit_test(trits_of_rows), cmocka_unit_test(in_bf16),
                                       cmocka_unit_test(no_bf16_of_doubles)};
    const int n = cmocka_run_group_tests(tests, NULL, NULL);
    trit_device_close(device);
    return n;
}
