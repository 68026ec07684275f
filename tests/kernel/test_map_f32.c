/* Functions of floats against the C library's in double: errors in units in the last place over floats of all sizes, and the same signs of
 * zero, infinities and NaN. TRIT_MAP_STEP=1 takes every float (minutes). */
#include <math.h>
#include <stdlib.h>

#include "kernel/kernel.h"
#include "tensor/half.h"
#include "test.h"

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static double silu(double x) {
    return x < -800 ? -0.0 : x * sigmoid(x);
}

static double softplus(double x) {
    return (x < 0 ? 0 : x) + log1p(exp(-fabs(x)));
}

static double gelu(double x) {
    return x < -40 ? -0.0 : x * 0.5 * erfc(-x * sqrt(0.5));
}

static double gelu_tanh(double x) {
    return x < -40 ? -0.0 : x * sigmoid(2 * sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x));
}

static const struct {
    const char *name;
    trit_map map;
    double (*f)(double);
    double ulp; /* as measured over every 257th float, rounded up */
} cases[] = {
    {"exp", trit_map_exp, exp, 1.02},     {"exp2", trit_map_exp2, exp2, 0.504},    {"expm1", trit_map_expm1, expm1, 0.504},
    {"log", trit_map_log, log, 0.82},    {"log2", trit_map_log2, log2, 0.504},    {"log10", trit_map_log10, log10, 0.504},
    {"log1p", trit_map_log1p, log1p, 0.504}, {"sin", trit_map_sin, sin, 1.6},    {"cos", trit_map_cos, cos, 1.6},
    {"tan", trit_map_tan, tan, 0.504},    {"asin", trit_map_asin, asin, 0.504},    {"acos", trit_map_acos, acos, 0.504},
    {"atan", trit_map_atan, atan, 0.504}, {"sinh", trit_map_sinh, sinh, 0.504},    {"cosh", trit_map_cosh, cosh, 0.504},
    {"tanh", trit_map_tanh, tanh, 1.51}, {"erf", trit_map_erf, erf, 0.521},       {"sigmoid", trit_map_sigmoid, sigmoid, 0.504},
    {"silu", trit_map_silu, silu, 0.504}, {"softplus", trit_map_softplus, softplus, 0.504},
    {"gelu", trit_map_gelu, gelu, 0.504}, {"gelu_tanh", trit_map_gelu_tanh, gelu_tanh, 0.504},
};

/* In units of the float next to `want`, those of the smallest normal floats below them; infinite where they have nothing in common. */
static double error_of(float got, double want) {
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : INFINITY;
    if (want == 0 || isinf((float)want) || isinf(got)) return got == (float)want && !signbit(got) == !signbit(want) ? 0 : INFINITY;
    int exponent;
    (void)frexp(fmax(fabs(want), 0x1p-126), &exponent);
    return fabs(got - want) / ldexp(1, exponent - 24);
}

static const trit_kernels *best_kernels(void) {
    trit_cpu_tier tier;
    assert_int_equal(trit_cpu_best(&tier, NULL, NULL), trit_ok);
    return trit_kernels_for(tier);
}

static const float odd[] = {0.0f, -0.0f, 1.0f, -1.0f, 0.5f, -0.5f, 2.0f, -2.0f, 3.0f, -3.0f, 1.5f, 0x1p24f, -0x1p24f, 8388607.0f, 1e-40f,
                            3e38f, -3e38f, 0x1p106f, 0x1p107f, INFINITY, -INFINITY, NAN};
enum { n_odd = sizeof odd / sizeof odd[0] };

static void unary(void **s) {
    (void)s;
    const char *text = getenv("TRIT_MAP_STEP");
    const uint64_t step = text ? strtoull(text, NULL, 10) : 16411;
    enum { n = 1024 };
    static float x[n], y[n];
    const trit_kernels *k = best_kernels();
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        double worst = 0;
        float where = 0, got = 0;
        memcpy(x, odd, sizeof odd);
        for (uint64_t bits = 0; bits < 1ull << 32;) {
            for (size_t i = bits ? 0 : n_odd; i < n; i++, bits += step) x[i] = trit_f32_from_bits((uint32_t)bits);
            k->map1(cases[c].map, trit_dtype_f32, y, x, n);
            for (size_t i = 0; i < n; i++) {
                const double error = error_of(y[i], cases[c].f(x[i]));
                if (error > worst) worst = error, where = x[i], got = y[i];
            }
        }
        if (text) printf("%-10s %.4f\n", cases[c].name, worst);
        if (!(worst <= cases[c].ulp)) fail_msg("%s(%a) is %a, off by %.4f units", cases[c].name, (double)where, (double)got, worst);
    }
}

static void powers(void **s) {
    (void)s;
    enum { n = 4096 };
    static float x[n], y[n], z[n], angle[n], length[n];
    uint64_t state = 99;
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        x[i] = i < n_odd * n_odd ? odd[i / n_odd] : trit_f32_from_bits(0x3b000000u + (uint32_t)(state >> 38));
        y[i] = i < n_odd * n_odd ? odd[i % n_odd] : (float)((int32_t)(state >> 11 & 0xffffff) - 0x800000) * 0x1p-20f;
    }
    const trit_kernels *k = best_kernels();
    k->map2(trit_map_pow, trit_dtype_f32, z, x, y, n);
    k->map2(trit_map_atan2, trit_dtype_f32, angle, x, y, n);
    k->map2(trit_map_hypot, trit_dtype_f32, length, x, y, n);
    static const double most[] = {0.55, 0.504, 0.504};
    for (size_t i = 0; i < n; i++) {
        const double error[] = {error_of(z[i], pow(x[i], y[i])), error_of(angle[i], atan2(x[i], y[i])), error_of(length[i], hypot(x[i], y[i]))};
        for (int f = 0; f < 3; f++)
            if (!(error[f] <= most[f]))
                fail_msg("%s(%a, %a): off by %.4f units", f == 0 ? "pow" : f == 1 ? "atan2" : "hypot", (double)x[i], (double)y[i], error[f]);
    }
}

/* Small exponents, whose loop has no cases. */
static void small_powers(void **s) {
    (void)s;
    enum { n = 1 << 18 };
    static float x[n], y[n], z[n];
    uint64_t state = 7;
    for (size_t i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        x[i] = trit_f32_from_bits(0x00800000u + (uint32_t)(state >> 32) % 0x7f000000u);
        y[i] = (float)((int32_t)(state >> 11 & 0xffffff) - 0x800000) * (7 * 0x1p-23f);
    }
    const trit_kernels *k = best_kernels();
    k->map2(trit_map_pow, trit_dtype_f32, z, x, y, n);
    for (size_t i = 0; i < n; i++)
        if (!(error_of(z[i], pow(x[i], y[i])) <= 0.55)) fail_msg("pow(%a, %a) is %a", (double)x[i], (double)y[i], (double)z[i]);
}

/* Neighbours that need another loop do not change an element's bits. */
static void neighbours(void **s) {
    (void)s;
    static const trit_map maps[] = {trit_map_log, trit_map_sin, trit_map_cos, trit_map_tan, trit_map_pow};
    static const float strange[] = {0.0f, 1e30f, 1e30f, 1e30f, -3.0f};
    enum { n = 1 << 16, apart = 61 };
    static float x[n], y[n], z[n], b[n];
    const trit_kernels *k = best_kernels();
    for (size_t m = 0; m < sizeof maps / sizeof maps[0]; m++) {
        for (size_t i = 0; i < n; i++) x[i] = trit_f32_from_bits(0x00800000u + (uint32_t)i * 19001u), b[i] = (float)(i % 15) - 7.0f;
        for (int with_odd = 0; with_odd < 2; with_odd++) {
            for (size_t i = 0; i < n && with_odd; i += apart) x[i] = strange[m];
            float *const to = with_odd ? z : y;
            if (maps[m] == trit_map_pow)
                k->map2(maps[m], trit_dtype_f32, to, x, b, n);
            else
                k->map1(maps[m], trit_dtype_f32, to, x, n);
        }
        for (size_t i = 0; i < n; i++)
            if (i % apart && memcmp(&y[i], &z[i], sizeof y[i]) != 0) fail_msg("map %zu of %a: %a and %a", m, (double)x[i], (double)y[i], (double)z[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(unary), cmocka_unit_test(powers), cmocka_unit_test(small_powers), cmocka_unit_test(neighbours)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
