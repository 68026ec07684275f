/* model/rope: frequencies with Llama 3's, linear and the file's own scaling, and the rotation of part of a head. */
#include "test.h"

#include <math.h>

#include "base/alloc.h"
#include "base/json.h"
#include "model/model.h"

static const double pi = 3.14159265358979323846;

static double plain(double theta, uint32_t dims, uint32_t i) {
    return pow(theta, -2.0 * i / dims);
}

/* The model owns what rope.c allocates; nothing else of it is needed. */
static trit_model *bound(trit_config c) {
    trit_error err;
    static trit_model m;
    m = (trit_model){.config = c};
    assert_ok(trit_rope_bind(&m, &err));
    assert_ptr_equal(m.rope.inv_freq, m.inv_freq);
    assert_int_equal(m.rope.half, c.rope_dims / 2);
    assert_int_equal(m.rope.neox, c.rope_neox);
    return &m;
}

static void unscaled(void **state) {
    (void)state;
    static const uint32_t dims[] = {2, 64, 100, 128, 256};
    static const float thetas[] = {10000, 500000, 1000042};
    for (size_t d = 0; d < 5; d++)
        for (size_t t = 0; t < 3; t++) {
            trit_model *m = bound((trit_config){.head_dim = dims[d], .rope_dims = dims[d], .rope_theta = thetas[t], .rope_linear_factor = 1});
            for (uint32_t i = 0; i < dims[d] / 2; i++) {
                double want = plain((double)thetas[t], dims[d], i);
                assert_true(fabs(m->inv_freq[i] - want) <= 1e-14 * want);
            }
            trit_free(m->inv_freq);
        }
}

static const trit_config llama3 = {.head_dim = 128, .rope_dims = 128, .rope_theta = 500000, .rope_linear_factor = 1, .rope_neox = true,
                                   .rope_llama3 = {.factor = 8, .low = 1, .high = 4, .original_context = 8192}};

static void llama3_follows_the_reference(void **state) {
    (void)state;
    require_shared("spec/examples/vectors.json");
    trit_error err;
    trit_json *json;
    size_t n;
    char *text = test_read(test_shared("spec/examples/vectors.json"), &n);
    assert_ok(trit_json_parse(&json, text, n, "vectors.json", &err));
    const trit_json *want = trit_json_get(json, "llama3_rope_factors_d128_b5e5_f8_lo1_hi4_o8192");
    assert_int_equal(trit_json_length(want), 64);
    trit_model *m = bound(llama3);
    for (uint32_t i = 0; i < 64; i++) {
        double divisor = plain(500000, 128, i) / m->inv_freq[i], w = trit_json_as_real(trit_json_at(want, i), NAN);
        if (!(fabs(divisor - w) <= 1e-6 * w)) fail_msg("factor %u is %.9g, expected %.9g", i, divisor, w);
    }
    trit_free(m->inv_freq);
    trit_json_free(json);
    free(text);
}

/* The same numbers as the vectors have, so that the test means something without them. */
static void llama3_in_short(void **state) {
    (void)state;
    static const double middle[] = {1.207484, 1.553415, 2.026313, 2.69453, 3.684253, 5.257327}; /* of i = 29..34 */
    trit_model *m = bound(llama3);
    for (uint32_t i = 0; i < 64; i++) {
        double divisor = plain(500000, 128, i) / m->inv_freq[i], w = i < 29 ? 1 : i < 35 ? middle[i - 29] : 8;
        assert_true(fabs(divisor - w) < 1e-5);
        double wavelength = 2 * pi / plain(500000, 128, i);
        if (wavelength < 8192.0 / 4) assert_true(fabs(divisor - 1) < 1e-13);
        if (wavelength > 8192.0) assert_true(fabs(divisor - 8) < 1e-12);
    }
    trit_free(m->inv_freq);
}

static void linear(void **state) {
    (void)state;
    trit_model *m = bound((trit_config){.head_dim = 64, .rope_dims = 64, .rope_theta = 10000, .rope_linear_factor = 4});
    for (uint32_t i = 0; i < 32; i++) {
        double want = plain(10000, 64, i) / 4;
        assert_true(fabs(m->inv_freq[i] - want) <= 1e-14 * want);
    }
    trit_free(m->inv_freq);
}

/* Of a head of 80, 20 dimensions turn: the exponent counts the rotated ones. */
static void partial(void **state) {
    (void)state;
    trit_model *m = bound((trit_config){.head_dim = 80, .rope_dims = 20, .rope_theta = 10000, .rope_linear_factor = 1});
    assert_int_equal(m->rope.half, 10);
    for (uint32_t i = 0; i < 10; i++) {
        double want = plain(10000, 20, i);
        assert_true(fabs(m->inv_freq[i] - want) <= 1e-14 * want);
    }
    trit_free(m->inv_freq);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unscaled),        cmocka_unit_test(llama3_follows_the_reference),
        cmocka_unit_test(llama3_in_short), cmocka_unit_test(linear),
        cmocka_unit_test(partial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
