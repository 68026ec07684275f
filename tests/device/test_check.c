/* device/cpu/check: the self-test behind `trit doctor` passes, and looks at every variant that runs here. */
#include "test.h"

#include "kernel/kernel.h"
#include "trit/device.h"

static void every_variant_agrees(void **state) {
    (void)state;
    trit_error err;
    unsigned n_run, n_here = 0;
    char bad[64];
    size_t n;
    const trit_kernel_row *rows = trit_kernel_rows(&n);
    for (size_t i = 0; i < n; i++) n_here += trit_cpu_has(rows[i].tier);
    assert_ok(trit_kernels_check(&n_run, bad, &err));
    assert_string_equal(bad, "");
    assert_int_equal(n_run, n_here);
}

static void lists_end(void **state) {
    (void)state;
    const char *needs, *tier;
    int runs;
    size_t i = 0;
    assert_string_equal(trit_cpu_tier_at(0, &needs, &runs), "scalar");
    assert_true(runs);
    while (trit_cpu_tier_at(i, NULL, NULL)) i++;
    assert_true(i >= 1 && i <= trit_n_cpu_tiers);
    for (i = 0; trit_kernel_at(i, &tier); i++) assert_true(*tier != '\0');
    size_t n;
    trit_kernel_rows(&n);
    assert_int_equal(i, n);
    assert_string_equal(trit_device_name_at(0), "cpu");
    assert_null(trit_device_name_at(99));
}

static void devices_open_by_name(void **state) {
    (void)state;
    trit_error err;
    trit_device *d;
    trit_device_info info;
    assert_int_equal(trit_device_open(&d, "quantum", NULL, &err), trit_device_error);
    assert_non_null(strstr(err.message, "quantum"));
    assert_int_equal(trit_device_open(&d, "cpu", &(trit_device_opts){.cpu_tier = "z80"}, &err), trit_arg);
    assert_ok(trit_device_open(&d, "auto", &(trit_device_opts){.n_threads = 3, .cpu_tier = "scalar"}, &err));
    trit_device_describe(d, &info);
    assert_int_equal(info.n_threads, 3);
    assert_string_equal(info.tier, "scalar");
    trit_device_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_variant_agrees),
        cmocka_unit_test(lists_end),
        cmocka_unit_test(devices_open_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
