/* Optimisers beside PyTorch's (tools/make_optim_golden.py): lengths of gradients, and parameters after one and five steps, to 1e-6, Muon's
 * also as torch iterates for it in bfloat16; the same bits for any number of threads; states that go on elsewhere. */
#include "test.h"

#include <math.h>

#include "base/json.h"
#include "train/optim_parts.h"
#include "trit/trit.h"

enum { n_params = 2, n_steps = 5 };

static trit_device *device;
static trit_error err;

static double number(const trit_json *object, const char *key) {
    return trit_json_as_real(trit_json_get(object, key), NAN);
}

static trit_tensor *tensor_of(const trit_json *values, const trit_json *shape) {
    int64_t size[2];
    const uint32_t n_dims = (uint32_t)trit_json_length(shape);
    for (uint32_t i = 0; i < n_dims; i++) size[i] = trit_json_as_int(trit_json_at(shape, i), 0);
    trit_tensor *t = NULL;
    assert_ok(trit_tensor_new(&t, device, trit_dtype_f32, n_dims, size, &err));
    assert_int_equal(trit_tensor_n_elements(t), trit_json_length(values));
    for (size_t i = 0; i < trit_json_length(values); i++) ((float *)trit_tensor_data(t))[i] = (float)trit_json_as_real(trit_json_at(values, i), NAN);
    return t;
}

static trit_optim_opts opts_of(const trit_json *doc, const char *kind) {
    trit_train_config *c = NULL;
    assert_ok(trit_train_config_new(&c, &err));
    assert_ok(trit_train_config_set(c, "optimizer", kind, &err));
    trit_optim_opts o = trit_optim_opts_of(c, NULL);
    o.beta1 = number(doc, "beta1");
    o.beta2 = number(doc, "beta2");
    o.eps = number(doc, "eps");
    o.momentum = number(doc, "momentum");
    trit_train_config_free(c);
    return o;
}

static void is_near(const trit_tensor *t, const trit_json *values, const char *kind, int step) {
    const float *x = trit_tensor_data(t);
    for (size_t i = 0; i < trit_json_length(values); i++) {
        const double want = trit_json_as_real(trit_json_at(values, i), NAN);
        if (!(fabs(x[i] - want) <= 1e-6 * (1 + fabs(want)))) fail_msg("%s, step %d, element %zu: %.9g instead of %.9g", kind, step, i, x[i], want);
    }
}

/* torch.optim.Muon iterates in bfloat16 and ours in float32: as far apart as torch's own two runs were, and those less than a 50th of the way. */
static void is_near_bf16(const trit_tensor *t, const trit_json *one, const char *step) {
    const trit_json *values = trit_json_get(trit_json_get(one, "after_bf16"), step);
    const double distance = number(trit_json_get(one, "bf16_distance"), step);
    const float *x = trit_tensor_data(t);
    assert_int_equal(trit_tensor_n_elements(t), trit_json_length(values));
    assert_true(distance < number(trit_json_get(one, "moved"), step) / 50);
    for (size_t i = 0; i < trit_json_length(values); i++) {
        const double want = trit_json_as_real(trit_json_at(values, i), NAN);
        if (!(fabs(x[i] - want) <= distance + 1e-6 * (1 + fabs(want)))) fail_msg("step %s, element %zu: %.9g instead of %.9g", step, i, x[i], want);
    }
}

static void check_case(const trit_json *doc, const trit_json *one) {
    char kind[16];
    snprintf(kind, sizeof kind, "%.*s", TRIT_STR_ARG(trit_json_as_str(trit_json_get(one, "kind"))));
    const trit_optim_opts o = opts_of(doc, kind);
    trit_tensor *param[n_params];
    trit_optim *optim = NULL;
    assert_ok(trit_optim_new(&optim, &o, &err));
    for (int k = 0; k < n_params; k++) {
        const size_t i = (size_t)k;
        param[k] = tensor_of(trit_json_at(trit_json_get(one, "params"), i), trit_json_at(trit_json_get(one, "shapes"), i));
        assert_ok(trit_optim_add(optim, k ? "norm" : "matrix", param[k], !k, !k, &err));
    }
    for (int step = 1; step <= n_steps; step++) {
        const trit_json *grads = trit_json_at(trit_json_get(one, "grads"), (size_t)step - 1);
        char name[4];
        trit_tensor *grad[n_params];
        for (size_t k = 0; k < n_params; k++) grad[k] = tensor_of(trit_json_at(grads, k), trit_json_at(trit_json_get(one, "shapes"), k));
        const double norm = trit_optim_norm(optim, grad), want = trit_json_as_real(trit_json_at(trit_json_get(one, "norms"), (size_t)step - 1), NAN);
        assert_true(fabs(norm - want) <= 1e-6 * want);
        assert_ok(trit_optim_step(optim, grad, trit_optim_clip(norm, number(doc, "clip")), number(doc, "lr"), number(doc, "weight_decay"), &err));
        snprintf(name, sizeof name, "%d", step);
        const trit_json *after = trit_json_get(trit_json_get(one, "after"), name);
        for (size_t k = 0; k < n_params; k++) {
            if (after) is_near(param[k], trit_json_at(after, k), kind, step);
            trit_tensor_free(grad[k]);
        }
        if (after && o.kind == trit_optim_muon) is_near_bf16(param[0], one, name);
    }
    assert_int_equal(trit_optim_steps(optim), n_steps);
    trit_optim_free(optim);
    for (int k = 0; k < n_params; k++) trit_tensor_free(param[k]);
}

static void equals_pytorch(void **state) {
    (void)state;
    size_t n;
    char *text = test_read(test_source("tests/train/optim_golden.json"), &n);
    trit_json *doc = NULL;
    assert_ok(trit_json_parse(&doc, text, n, "optim_golden.json", &err));
    const trit_json *cases = trit_json_get(doc, "cases");
    assert_int_equal(trit_json_length(cases), 8);
    for (size_t i = 0; i < trit_json_length(cases); i++) check_case(doc, trit_json_at(cases, i));
    trit_json_free(doc);
    free(text);
}

/* ---- Threads and checkpoints ---- */

typedef struct run {
    trit_optim *optim;
    trit_tensor *param[3], *grad[3];
} run;

static void run_init(run *r, trit_optim_kind kind, trit_team *team) {
    static const int64_t shapes[3][2] = {{300, 211}, {40001, 1}, {7, 90}};
    const trit_optim_opts o = {.kind = kind, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .momentum = 0.9, .to_bf16 = kind % 2 == 1, .seed = 4, .team = team};
    assert_ok(trit_optim_new(&r->optim, &o, &err));
    for (int k = 0; k < 3; k++) {
        char name[8];
        const uint32_t n_dims = k == 1 ? 1 : 2;
        snprintf(name, sizeof name, "p%d", k);
        r->param[k] = r->grad[k] = NULL;
        assert_ok(trit_tensor_randn(&r->param[k], device, trit_dtype_f32, n_dims, shapes[k], (uint64_t)k + 1, &err));
        assert_ok(trit_tensor_randn(&r->grad[k], device, trit_dtype_f32, n_dims, shapes[k], (uint64_t)k + 9, &err));
        assert_ok(trit_optim_add(r->optim, name, r->param[k], k == 0, k != 1, &err));
    }
}

static void run_steps(run *r, int n) {
    for (int i = 0; i < n; i++) {
        trit_tensor *const grads[3] = {r->grad[0], r->grad[1], i ? r->grad[2] : NULL};
        const double scale = trit_optim_clip(trit_optim_norm(r->optim, grads), 1);
        assert_ok(trit_optim_step(r->optim, grads, scale, 0.01, 0.1, &err));
    }
}

static void run_fini(run *r) {
    trit_optim_free(r->optim);
    for (int k = 0; k < 3; k++) {
        trit_tensor_free(r->param[k]);
        trit_tensor_free(r->grad[k]);
    }
}

static void same_params(const run *a, const run *b) {
    for (int k = 0; k < 3; k++)
        assert_memory_equal(trit_tensor_data(a->param[k]), trit_tensor_data(b->param[k]), (size_t)trit_tensor_n_elements(a->param[k]) * sizeof(float));
}

static void same_bits_for_any_threads(void **state) {
    (void)state;
    trit_team *team = NULL;
    assert_ok(trit_team_new(&team, 3, &err));
    for (trit_optim_kind kind = trit_optim_adamw; kind <= trit_optim_muon; kind++) {
        run one, three;
        run_init(&one, kind, NULL);
        run_init(&three, kind, team);
        run_steps(&one, 3);
        run_steps(&three, 3);
        same_params(&one, &three);
        run_fini(&one);
        run_fini(&three);
    }
    trit_team_free(team);
}

/* Parameters, states and the number of steps are all there is: a second optimiser that gets them goes on with the same bits. */
static void goes_on_from_its_states(void **state) {
    (void)state;
    for (trit_optim_kind kind = trit_optim_adamw; kind <= trit_optim_muon; kind++) {
        run whole, second;
        const char *name, *other;
        trit_tensor *t;
        run_init(&whole, kind, NULL);
        run_init(&second, kind, NULL);
        run_steps(&whole, 2);
        size_t i = 0;
        for (; (t = trit_optim_state_at(whole.optim, i, &name)); i++) {
            trit_tensor *to = trit_optim_state_at(second.optim, i, &other);
            assert_string_equal(name, other);
            assert_ok(trit_tensor_assign(to, t, &err));
        }
        assert_int_equal(i, kind == trit_optim_sgd ? 3 : kind == trit_optim_muon ? 4 : 6);
        for (int k = 0; k < 3; k++) assert_ok(trit_tensor_assign(second.param[k], whole.param[k], &err));
        trit_optim_set_steps(second.optim, trit_optim_steps(whole.optim));
        run_steps(&whole, 2);
        run_steps(&second, 2);
        same_params(&whole, &second);
        run_fini(&whole);
        run_fini(&second);
    }
}

/* Each element goes to one of its two neighbours, and on average stays what it is. */
static void rounds_by_chance(void **state) {
    (void)state;
    enum { n = 100000 };
    static const float values[] = {1.00390625f / 1.0009765625f, -3.3f, 1e-30f, 0.0f, 2.5f};
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
        double sum = 0;
        for (int i = 0; i < n; i++) x[i] = values[v];
        trit_round_bf16(x, n, v, 0);
        for (int i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, &x[i], sizeof bits);
            assert_int_equal(bits & 0xffffu, 0);
            assert_true(fabs(x[i] - values[v]) <= fabs(values[v]) / 128);
            sum += x[i];
        }
        /* Deviation of a mean: at most half a step of 1/128 by the root of n; five of them. */
        assert_true(fabs(sum / n - values[v]) <= 5 * fabs(values[v]) / 256 / sqrt(n));
    }
    free(x);
}

static void clipping_does_not_lengthen(void **state) {
    (void)state;
    assert_true(trit_optim_clip(0.5, 1) == 1);
    assert_true(trit_optim_clip(0, 1) == 1);
    assert_true(trit_optim_clip(8, 0) == 1);
    assert_true(fabs(trit_optim_clip(8, 1) - 0.125) < 1e-7);
}

int main(void) {
    if (trit_device_open(&device, "cpu", &(trit_device_opts){.n_threads = 1}, &err) != trit_ok) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pytorch),
        cmocka_unit_test(same_bits_for_any_threads),
        cmocka_unit_test(goes_on_from_its_states),
        cmocka_unit_test(rounds_by_chance),
        cmocka_unit_test(clipping_does_not_lengthen),
    };
    const int n = cmocka_run_group_tests(tests, NULL, NULL);
    trit_device_close(device);
    return n;
}
