/* device/cpu/tune: what figures decide, what users may ask for, and that either form takes up the same weights. */
#include "device/cpu/cpu.h"
#include "quant/layout.h"
#include "test.h"

static void figures_decide(void **state) {
    (void)state;
    static const struct {
        trit_tuning t;
        bool takes_t3;
    } cases[] = {
        {{{10, 8}, {1, 1}}, true},     {{{10, 9.8}, {1, 1}}, false}, /* gains 2 % */
        {{{10, 9.6}, {1, 1.05}}, true}, {{{10, 8}, {1, 1.2}}, false}, /* prompts lose a fifth */
        {{{10, 15}, {1, 0.5}}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) assert_int_equal(trit_tuning_takes_t3(&cases[i].t), cases[i].takes_t3);
}

static trit_status some_row(const void *ctx, uint64_t row, int8_t *trits, float *scales, float *scratch) {
    (void)ctx, (void)scratch;
    for (size_t i = 0; i < 700; i++) trits[i] = (int8_t)((i * 7 + row * 5) % 11 % 3) - 1;
    *scales = 0.5f;
    return trit_ok;
}

static void forms_may_be_asked_for(void **state) {
    (void)state;
    static const char *const forms[] = {"t2", "t3"};
    float y[2][40];
    trit_error err;
    trit_device *d;
    assert_int_equal(trit_device_open(&d, "cpu", &(trit_device_opts){.weights = "t4"}, &err), trit_arg);
    assert_non_null(strstr(err.message, "t4"));
    for (size_t f = 0; f < 2; f++) {
        trit_weight w;
        trit_device_info info;
        trit_ternary_source source = {.n_rows = 40, .n_cols = 700, .row = some_row};
        assert_ok(trit_device_open(&d, "cpu", &(trit_device_opts){.n_threads = 2, .weights = forms[f]}, &err));
        trit_device_describe(d, &info);
        assert_string_equal(info.weights, f ? "T3" : "T2");
        assert_ok(d->vt->upload_ternary(d, &w, &source, &err));
        assert_int_equal(w.dtype, trit_dtype_t2); /* floats may come */
        d->vt->weight_free(d, &w);
        source.is_int8 = true;
        assert_ok(d->vt->upload_ternary(d, &w, &source, &err));
        assert_int_equal(w.dtype, f ? trit_dtype_t3 : trit_dtype_t2);

        const trit_kernels *k = trit_kernels_for(trit_cpu_scalar);
        float x[700];
        int8_t *a8 = aligned_alloc(64, trit_a8_row_bytes(700));
        for (size_t i = 0; i < 700; i++) x[i] = (float)((int)(i * 31 % 200) - 100);
        k->a8_quantize(a8, x, 700);
        const trit_t2_mul a = {.w = w.data, .w_stride = w.stride, .w_scale = w.scale, .k = 700, .x = a8, .x_stride = trit_a8_row_bytes(700),
                               .n_tokens = 1, .y = y[f], .y_stride = 40};
        (f ? k->t3_mul : k->t2_mul)(&a, 0, 40);
        free(a8);
        d->vt->weight_free(d, &w);
        trit_device_close(d);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
}

/* What the caches hold stays T2, and nothing is measured for it. */
static void small_models_keep_t2(void **state) {
    (void)state;
    trit_error err;
    trit_device *d;
    trit_weight w;
    const trit_ternary_source source = {.n_rows = 40, .n_cols = 700, .is_int8 = true, .n_model = 28000, .row = some_row};
    assert_ok(trit_device_open(&d, "cpu", NULL, &err));
    assert_ok(d->vt->upload_ternary(d, &w, &source, &err));
    assert_int_equal(w.dtype, trit_dtype_t2);
    d->vt->weight_free(d, &w);
    trit_device_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_decide),
        cmocka_unit_test(forms_may_be_asked_for),
        cmocka_unit_test(small_models_keep_t2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
