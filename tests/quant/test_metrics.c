/* Error metrics against numpy 2.4.6 in double: X, Y, W are the floats below, mse = mean((X-Y)^2), sqnr = 10 log10(sum X^2 / sum (X-Y)^2),
 * cosine = X.Y / |X| / |Y|, and with W as weights of the squares. */
#include "test.h"

#include <math.h>

#include "trit/quant.h"

enum { n = 1000 };

static float x[n], y[n], w[n];

static float draw(uint32_t *seed) {
    return (float)test_lcg(seed) / 65536 - 0.5f;
}

static void fill(void) {
    uint32_t seed = 7;
    for (int i = 0; i < n; i++) x[i] = draw(&seed);
    for (int i = 0; i < n; i++) y[i] = x[i] + draw(&seed) * 0.125f;
    for (int i = 0; i < n; i++) w[i] = (float)(test_lcg(&seed) + 1) / 65536;
}

static bool is_near(double a, double b) {
    return fabs(a - b) <= 1e-12 * fabs(b);
}

static void as_numpy(void **state) {
    (void)state;
    trit_quant_error e = {0}, weighted = {0};
    fill();
    trit_quant_error_add(&e, x, y, 300);
    trit_quant_error_add(&e, x + 300, y + 300, n - 300);
    trit_quant_error_add_weighted(&weighted, x, y, w, n);
    assert_int_equal(e.n, n);
    assert_true(is_near(trit_quant_mse(&e), 0.0012572979723299794));
    assert_true(is_near(trit_quant_sqnr_db(&e), 18.347041382911573));
    assert_true(is_near(trit_quant_cosine(&e), 0.9927510566649227));
    assert_true(e.largest == 0.062469482421875);
    assert_true(is_near(trit_quant_sqnr_db(&weighted), 18.221799512493263));
}

static void ends(void **state) {
    (void)state;
    const float one[2] = {1, -2}, zero[2] = {0}, broken[2] = {NAN, 0};
    trit_quant_error e = {0};
    assert_true(trit_quant_mse(&e) == 0 && isinf(trit_quant_sqnr_db(&e)) && trit_quant_cosine(&e) == 1);
    trit_quant_error_add(&e, one, one, 2);
    assert_true(trit_quant_mse(&e) == 0 && isinf(trit_quant_sqnr_db(&e)) && is_near(trit_quant_cosine(&e), 1));
    e = (trit_quant_error){0};
    trit_quant_error_add(&e, one, zero, 2);
    assert_true(trit_quant_sqnr_db(&e) == 0 && trit_quant_cosine(&e) == 0 && e.largest == 2);
    trit_quant_error_add(&e, one, broken, 2);
    assert_true(isnan(trit_quant_mse(&e)) && isnan(e.largest));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_numpy), cmocka_unit_test(ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
