/* The accuracy of the one exp that all kernels share, against libm's double. TRIT_TEST_EVERY=1 takes every float in range. */
#include <float.h>
#include <math.h>

#include "kernel/ref/exp.h"
#include "tensor/half.h"
#include "test.h"

/* |got - exact| in units in the last place of a normal float beside `exact` */
static double ulps(float got, double exact) {
    int exponent;
    frexp(exact, &exponent);
    return fabs((double)got - exact) / ldexp(1.0, exponent - FLT_MANT_DIG);
}

/* The worst error over floats with the bits first, first + step, ... up to last. */
static double worst(float first, float last, uint32_t step) {
    double most = 0;
    for (uint64_t bits = trit_bits_from_f32(first); bits <= trit_bits_from_f32(last); bits += step) {
        float x = trit_f32_from_bits((uint32_t)bits);
        double error = ulps(trit_exp_f32(x), exp((double)x));
        if (error > most) most = error;
    }
    return most;
}

static void test_error(void **unused) {
    (void)unused;
    uint32_t step = getenv("TRIT_TEST_EVERY") ? 1 : 991;
    double above = worst(0.0f, trit_exp_high, step), below = worst(-0.0f, trit_exp_low, step);
    print_message("worst error: %.4f ulp for x > 0, %.4f for x < 0\n", above, below);
    assert_true(above < 0.99);
    assert_true(below < 0.99);
}

static void test_ends(void **unused) {
    (void)unused;
    assert_true(trit_exp_f32(0.0f) == 1.0f);
    assert_true(trit_exp_f32(-0.0f) == 1.0f);
    assert_true(trit_exp_f32(FLT_MIN / 4) == 1.0f);
    assert_true(trit_exp_f32(-INFINITY) == 0.0f);
    assert_true(trit_exp_f32(-FLT_MAX) == 0.0f);
    assert_true(trit_exp_f32(nextafterf(trit_exp_low, -INFINITY)) == 0.0f);
    assert_true(trit_exp_f32(trit_exp_low) >= FLT_MIN);
    assert_true(isfinite(trit_exp_f32(trit_exp_high)));
    assert_true(exp((double)nextafterf(trit_exp_high, INFINITY)) > (double)FLT_MAX);
    assert_true(trit_exp_f32(nextafterf(trit_exp_high, INFINITY)) == INFINITY);
    assert_true(trit_exp_f32(INFINITY) == INFINITY);
    assert_true(isnan(trit_exp_f32(NAN)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_error), cmocka_unit_test(test_ends)};
    return cmocka_run_group_tests_name("exp", tests, NULL, NULL);
}
