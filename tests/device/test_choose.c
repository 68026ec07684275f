/* device/choose: the cheapest of those that open, measured once. */
#include <stdlib.h>
#include <unistd.h>

#include "base/env.h"
#include "base/error.h"
#include "device/choose.h"
#include "test.h"

static trit_error err;

/* Devices that have a row and nothing else: one as fast as the test says, one that is slow, one that never opens. */
static struct fake {
    trit_device base; /* first */
    trit_limits limits;
    trit_status says; /* of opening */
    int n_open, n_measured;
    bool is_busy;
} fakes[3];

static trit_status open_fake(size_t i, trit_device **out, const trit_device_vtable *vt, trit_error *e) {
    if (fakes[i].says != trit_ok) return trit_error_set(e, fakes[i].says, "fake %zu does not open", i);
    fakes[i].base = (trit_device){.vt = vt};
    fakes[i].n_open++;
    *out = &fakes[i].base;
    return trit_ok;
}

static void close_fake(trit_device *d) {
    ((struct fake *)d)->n_open--;
}

static void name_machine(const trit_device *d, char *out, size_t size) {
    snprintf(out, size, "a machine with fake %td", (const struct fake *)d - fakes);
}

static trit_status measure_fake(trit_device *d, trit_limits *out, bool *is_quiet, trit_error *e) {
    struct fake *f = (struct fake *)d;
    f->n_measured++;
    if (f->limits.read_bytes_s == 0) return trit_error_set(e, trit_unsupported, "no probe");
    *out = f->limits;
    *is_quiet = !f->is_busy;
    return trit_ok;
}

static trit_status open_a(trit_device **out, const trit_device_opts *opts, trit_error *e);
static trit_status open_b(trit_device **out, const trit_device_opts *opts, trit_error *e);
static trit_status open_c(trit_device **out, const trit_device_opts *opts, trit_error *e);

static const trit_device_vtable a = {.name = "a", .open = open_a, .close = close_fake, .machine = name_machine, .limits = measure_fake};
static const trit_device_vtable b = {.name = "b", .open = open_b, .close = close_fake, .machine = name_machine, .limits = measure_fake};
static const trit_device_vtable c = {.name = "c", .open = open_c, .close = close_fake, .machine = name_machine, .limits = measure_fake};
static const trit_device_vtable *const list[] = {&a, &b, &c};

static trit_status open_a(trit_device **out, const trit_device_opts *opts, trit_error *e) {
    (void)opts;
    return open_fake(0, out, &a, e);
}

static trit_status open_b(trit_device **out, const trit_device_opts *opts, trit_error *e) {
    (void)opts;
    return open_fake(1, out, &b, e);
}

static trit_status open_c(trit_device **out, const trit_device_opts *opts, trit_error *e) {
    (void)opts;
    return open_fake(2, out, &c, e);
}

static char folder[] = "/tmp/trit_choose.XXXXXX", kept[64]; /* of the tests, and the file in it */

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return 1;
    snprintf(kept, sizeof kept, "%s/tune.json", folder);
    return setenv("TRIT_CACHE", folder, 1);
}

static int remove_folder(void **state) {
    (void)state;
    (void)remove(kept);
    return rmdir(folder);
}

static int set_up(void **state) {
    (void)state;
    memset(fakes, 0, sizeof fakes);
    fakes[0].limits = (trit_limits){50e9, 300e9, 80e9};
    fakes[1].limits = (trit_limits){2000e9, 200000e9, 30000e9};
    fakes[2].says = trit_device_error;
    (void)remove(kept);
    return 0;
}

static void the_cheapest(void **state) {
    (void)state;
    trit_device *d = NULL;
    for (int i = 0; i < 2; i++) {
        assert_ok(trit_device_choose(&d, list, 3, NULL, &err));
        assert_ptr_equal(d->vt, &b);
        assert_string_equal(d->why, "least of a 10.6 ms, b 0.144 ms");
        assert_true(fakes[0].n_open == 0 && fakes[1].n_open == 1);
        trit_device_close(d);
        assert_true(fakes[0].n_measured == 1 && fakes[1].n_measured == 1); /* the second time it is known */
    }
    fakes[1].limits = (trit_limits){1e9, 1e9, 1e9}; /* what is kept counts */
    assert_ok(trit_device_choose(&d, list, 3, NULL, &err));
    assert_ptr_equal(d->vt, &b);
    trit_device_close(d);
    (void)remove(kept);
    assert_ok(trit_device_choose(&d, list, 3, NULL, &err));
    assert_ptr_equal(d->vt, &a);
    trit_device_close(d);
    (void)remove(kept);
    fakes[0].limits.read_bytes_s = 0; /* cannot be measured: comes last */
    assert_ok(trit_device_choose(&d, list, 3, NULL, &err));
    assert_ptr_equal(d->vt, &b);
    trit_device_close(d);
}

/* What a busy machine shows is true today only. */
static void measured_again(void **state) {
    (void)state;
    trit_device *d = NULL;
    fakes[0].is_busy = true;
    for (int i = 1; i <= 2; i++) {
        assert_ok(trit_device_choose(&d, list, 3, NULL, &err));
        trit_device_close(d);
        assert_true(fakes[0].n_measured == i && fakes[1].n_measured == 1);
    }
}

static void none_measurable(void **state) {
    (void)state;
    trit_device *d = NULL;
    fakes[0].limits.read_bytes_s = fakes[1].limits.read_bytes_s = 0;
    assert_ok(trit_device_choose(&d, list, 3, NULL, &err));
    assert_ptr_equal(d->vt, &a);
    assert_string_equal(d->why, "the first that opens: none can be measured");
    trit_device_close(d);
}

/* Nobody waits for a choice that is none. */
static void one_alone(void **state) {
    (void)state;
    trit_device *d = NULL;
    fakes[0].says = trit_device_error;
    assert_ok(trit_device_choose(&d, list, 3, NULL, &err));
    assert_ptr_equal(d->vt, &b);
    assert_string_equal(d->why, "the only one here");
    assert_int_equal(fakes[1].n_measured, 0);
    trit_device_close(d);
}

static void errors(void **state) {
    (void)state;
    trit_device *d = NULL;
    fakes[2].says = trit_arg; /* an option that nobody should pass over */
    assert_int_equal(trit_device_choose(&d, list, 3, NULL, &err), trit_arg);
    assert_string_equal(err.message, "fake 2 does not open");
    assert_true(fakes[0].n_open == 0 && fakes[1].n_open == 0);
    fakes[0].says = fakes[1].says = fakes[2].says = trit_device_error;
    assert_int_equal(trit_device_choose(&d, list, 3, NULL, &err), trit_device_error);
    assert_string_equal(err.message, "fake 0 does not open");
    assert_null(d);
}

/* The processor takes part by its row, with limits that are measured. */
static void beside_the_cpu(void **state) {
    (void)state;
    static const trit_device_vtable *const both[] = {&trit_device_cpu, &b};
    trit_device *d = NULL;
    trit_device_info info;
    assert_ok(trit_device_choose(&d, both, 2, &(trit_device_opts){.n_threads = 1}, &err));
    assert_ptr_equal(d->vt, &b);
    assert_non_null(strstr(d->why, "least of cpu "));
    print_message("%s\n", d->why);
    trit_device_close(d);
    assert_ok(trit_device_open(&d, "auto", NULL, &err));
    trit_device_describe(d, &info);
    assert_string_equal(info.name, "cpu");
    assert_string_equal(info.chosen_why, "the only one here");
    trit_device_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_cheapest, set_up), cmocka_unit_test_setup(one_alone, set_up), cmocka_unit_test_setup(errors, set_up),
        cmocka_unit_test_setup(measured_again, set_up), cmocka_unit_test_setup(none_measurable, set_up),
        cmocka_unit_test_setup(beside_the_cpu, set_up),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
