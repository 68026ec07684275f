/* Half and bfloat16: all 65536 values both ways, and rounding judged against arithmetic in double. */
#include "test.h"

#include <math.h>

#include "tensor/bytes.h"
#include "tensor/dtype.h"

/* The value of a finite half by its definition. */
static double half_value(unsigned h) {
    const int exponent = (int)(h >> 10 & 31), mantissa = (int)(h & 1023);
    const double v = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
    return h & 0x8000 ? -v : v;
}

static void every_half(void **state) {
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const float x = trit_f32_from_f16((uint16_t)h);
        const unsigned magnitude = h & 0x7fff;
        if (magnitude > 0x7c00) {
            assert_true(isnan(x));
            assert_int_equal(trit_bits_from_f32(x), (h & 0x8000) << 16 | 0x7fc00000 | (h & 1023) << 13);
            assert_int_equal(trit_f16_from_f32(x), h | 0x200); /* made quiet, as the processors do */
            continue;
        }
        if (magnitude == 0x7c00) assert_true(isinf(x) && (x < 0) == (h >> 15));
        else assert_true((double)x == half_value(h));
        assert_int_equal(signbit(x) != 0, h >> 15);
        assert_int_equal(trit_f16_from_f32(x), h);
    }
}

/* Between each two neighbours: below the middle, the middle (to even), above it. */
static void half_rounding(void **state) {
    (void)state;
    for (unsigned h = 0; h < 0x7bff; h++) {
        const double low = half_value(h), high = half_value(h + 1);
        const float middle = (float)((low + high) / 2); /* exact: one bit more than a half has */
        const unsigned even = h & 1 ? h + 1 : h;
        assert_int_equal(trit_f16_from_f32(middle), even);
        assert_int_equal(trit_f16_from_f32(-middle), even | 0x8000);
        assert_int_equal(trit_f16_from_f32(nextafterf(middle, 0)), h);
        assert_int_equal(trit_f16_from_f32(nextafterf(middle, INFINITY)), h + 1);
    }
    assert_int_equal(trit_f16_from_f32(65504.0f), 0x7bff);
    assert_int_equal(trit_f16_from_f32(nextafterf(65520.0f, 0)), 0x7bff);
    assert_int_equal(trit_f16_from_f32(65520.0f), 0x7c00);
    assert_int_equal(trit_f16_from_f32(3e38f), 0x7c00);
    assert_int_equal(trit_f16_from_f32(-INFINITY), 0xfc00);
    assert_int_equal(trit_f16_from_f32(0x1p-149f), 0);
    assert_int_equal(trit_f16_from_f32(-0.0f), 0x8000);
    assert_int_equal(trit_f16_from_f32(1e-34f), 0); /* what dead neurons of real models hold */
}

static void every_bf16(void **state) {
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const float x = trit_f32_from_bf16((uint16_t)h);
        const bool nan = (h & 0x7fff) > 0x7f80;
        assert_int_equal(trit_bits_from_f32(x), h << 16);
        assert_int_equal(trit_bf16_from_f32(x), nan ? h | 0x40 : h);
        if (nan || (h & 0x7fff) == 0x7f80) continue;
        const float middle = trit_f32_from_bits(h << 16 | 0x8000);
        assert_int_equal(trit_bf16_from_f32(middle), h & 1 ? h + 1 : h);
        assert_int_equal(trit_bf16_from_f32(trit_f32_from_bits(h << 16 | 0x7fff)), h);
        assert_int_equal(trit_bf16_from_f32(trit_f32_from_bits(h << 16 | 0x8001)), h + 1);
    }
    assert_int_equal(trit_bf16_from_f32(1.0f), 0x3f80);
    assert_int_equal(trit_bf16_from_f32(3.14159265f), 0x4049);
    assert_int_equal(trit_bf16_from_f32(1.00390625f), 0x3f80);
    assert_int_equal(trit_bf16_from_f32(1.01171875f), 0x3f82);
    assert_int_equal(trit_bf16_from_f32(trit_f32_from_bits(0x7f800001)), 0x7fc0); /* a NaN whose upper bits are an infinity's */
}

static void bytes(void **state) {
    (void)state;
    uint8_t p[9] = {0};
    trit_store_u64(p + 1, 0x8877665544332211u);
    for (unsigned i = 0; i < 8; i++) assert_int_equal(p[1 + i], 0x11 * (i + 1));
    assert_int_equal(trit_load_u16(p + 1), 0x2211);
    assert_int_equal(trit_load_u32(p + 1), 0x44332211);
    assert_true(trit_load_u64(p + 1) == 0x8877665544332211u);
    trit_store_f32(p + 1, -2.5f);
    assert_true(trit_load_f32(p + 1) == -2.5f);
    trit_store_f16(p + 3, 0.75f);
    assert_true(trit_load_f16(p + 3) == 0.75f);
    trit_store_u64(p + 1, 0x3ff8000000000000u);
    assert_true(trit_load_f64(p + 1) == 1.5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half),
        cmocka_unit_test(half_rounding),
        cmocka_unit_test(every_bf16),
        cmocka_unit_test(bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
