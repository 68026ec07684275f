/* Small BitNet models in training whose loss and gradients PyTorch computed (tools/make_train_golden.py): every parameter's gradient, with
 * quantization whole, in part and absent, and with a teacher's attention. */
#include <math.h>

#include "base/json.h"
#include "tiny.h"

static trit_error err;
static const trit_json *golden;

static double number(const trit_json *object, const char *key) {
    return trit_json_as_real(trit_json_get(object, key), NAN);
}

static void compare_gradient(const trit_param *p, const trit_tensor *gradient, const trit_json *want, double most) {
    assert_non_null(gradient);
    assert_int_equal(trit_json_length(want), trit_tensor_n_elements(gradient));
    double largest = 0;
    for (size_t e = 0; e < trit_json_length(want); e++) largest = fmax(largest, fabs(trit_json_as_real(trit_json_at(want, e), NAN)));
    for (size_t e = 0; e < trit_json_length(want); e++) {
        const trit_dtype dtype = trit_tensor_dtype(gradient);
        const double w = trit_json_as_real(trit_json_at(want, e), NAN);
        const double g = trit_element_get(dtype, (char *)trit_tensor_data(gradient) + e * trit_dtype_bytes(dtype));
        if (!(fabs(g - w) <= most * largest)) fail_msg("%s[%zu]: %.12g, PyTorch's %.12g", p->name, e, g, w);
    }
}

static void compare(const trit_json *c, trit_dtype dtype, double most) {
    trit_device *device;
    trit_params *p;
    trit_forward *f;
    const trit_synthetic shape = tiny_shape("bitnet");
    char activation[16];
    snprintf(activation, sizeof activation, "%.*s", TRIT_STR_ARG(trit_json_as_str(trit_json_get(c, "activation"))));
    assert_ok(trit_device_open(&device, NULL, &(trit_device_opts){.n_threads = 1}, &err));
    assert_ok(trit_params_new(&p, device, &(trit_params_opts){.shape = &shape, .activation = activation, .dtype = dtype,
                                                                .group = (uint32_t)number(c, "group")}, &err));
    tiny_spread(p);
    const trit_json *attention = trit_json_get(c, "attention");
    const uint32_t layer = (uint32_t)trit_json_as_int(trit_json_get(attention, "layer"), 0);
    assert_ok(trit_forward_new(&f, &(trit_forward_opts){.params = p, .tapped = layer}, &err));
    trit_forward_begin(f, number(c, "lambda"));
    trit_tensor *loss = tiny_loss(f, tiny_batch(), 10, NULL);
    if (layer) assert_ok(tiny_add_attention(&loss, f, (uint32_t)number(attention, "heads"), number(attention, "weight"), &err));
    assert_true(fabs(tiny_value(loss) - number(c, "loss")) <= most);
    assert_ok(trit_tape_backward(trit_forward_tape(f), loss, NULL, &err));
    trit_tensor_free(loss);
    const trit_json *gradients = trit_json_get(c, "gradients");
    assert_int_equal(trit_json_length(gradients), p->n);
    for (size_t i = 0; i < p->n; i++)
        compare_gradient(p->at[i], trit_tape_gradient(trit_forward_tape(f), p->at[i]->master), trit_json_get(gradients, p->at[i]->name), most);
    trit_forward_free(f);
    trit_params_free(p);
    trit_device_close(device);
}

static void in_double(void **state) {
    (void)state;
    for (size_t i = 0; i < trit_json_length(golden); i++) compare(trit_json_at(golden, i), trit_dtype_f64, 1e-9);
}

static void in_float(void **state) {
    (void)state;
    for (size_t i = 0; i < trit_json_length(golden); i++) compare(trit_json_at(golden, i), trit_dtype_f32, 1e-5);
}

int main(void) {
    size_t n;
    trit_json *file;
    char *text = test_read(test_source("tests/train/golden.json"), &n);
    assert_int_equal(trit_json_parse(&file, text, n, "golden.json", &err), trit_ok);
    golden = trit_json_get(file, "cases");
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_double), cmocka_unit_test(in_float)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    trit_json_free(file);
    free(text);
    return failed;
}
