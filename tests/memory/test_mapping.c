/* memory/mapping: files for reading and writing, and memory that two processes see. */
#include "test.h"

#include <sys/wait.h>
#include <unistd.h>

#include "trit/mapping.h"

static trit_error err;

static void files(void **state) {
    (void)state;
    trit_mapping *m = NULL;
    remove("mapped");
    assert_int_equal(trit_mapping_file(&m, "mapped", 0, false, &err), trit_io);
    assert_non_null(strstr(err.message, "mapped: "));
    assert_int_equal(trit_mapping_file(&m, "mapped", 10, false, &err), trit_arg);
    assert_int_equal(trit_mapping_file(&m, ".", 0, false, &err), trit_io);
    assert_ok(trit_mapping_file(&m, "mapped", 10000, true, &err));
    assert_int_equal(trit_mapping_bytes(m), 10000);
    memset(trit_mapping_data(m), 'x', 10000);
    assert_ok(trit_mapping_flush(m, &err));
    trit_mapping_close(m);
    size_t n;
    char *text = test_read("mapped", &n);
    assert_int_equal(n, 10000);
    for (size_t i = 0; i < n; i++) assert_int_equal(text[i], 'x');
    free(text);
    assert_ok(trit_mapping_file(&m, "mapped", 0, false, &err));
    assert_int_equal(trit_mapping_bytes(m), 10000);
    assert_int_equal(((char *)trit_mapping_data(m))[9999], 'x');
    assert_ok(trit_mapping_flush(m, &err));
    trit_mapping_close(m);
    assert_ok(trit_mapping_file(&m, "mapped", 5, true, &err)); /* shorter */
    assert_int_equal(trit_mapping_bytes(m), 5);
    trit_mapping_close(m);
    assert_int_equal(truncate("mapped", 0), 0);
    assert_ok(trit_mapping_file(&m, "mapped", 0, false, &err));
    assert_null(trit_mapping_data(m));
    trit_mapping_close(m);
    trit_mapping_close(NULL);
    remove("mapped");
}

static void processes(void **state) {
    (void)state;
    char name[32];
    trit_mapping *m = NULL, *again = NULL;
    snprintf(name, sizeof name, "trit-test-%ld", (long)getpid());
    if (trit_mapping_make(&m, name, 100000, &err) != trit_ok) {
        print_message("skipped: %s\n", err.message); /* a machine without shared memory */
        skip();
    }
    assert_int_equal(trit_mapping_make(&again, name, 100000, &err), trit_io); /* taken */
    volatile unsigned char *p = trit_mapping_data(m);
    assert_int_equal(p[99999], 0);
    p[5] = 7;
    const pid_t child = fork();
    if (child == 0) {
        trit_mapping *theirs = NULL;
        if (trit_mapping_open(&theirs, name, NULL) != trit_ok || trit_mapping_bytes(theirs) != 100000) _exit(1);
        unsigned char *q = trit_mapping_data(theirs);
        if (q[5] != 7) _exit(2);
        q[99999] = 8;
        trit_mapping_close(theirs);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(p[99999], 8);
    assert_ok(trit_mapping_remove(name, &err));
    assert_int_equal(p[5], 7); /* open memory stays */
    trit_mapping_close(m);
    assert_int_equal(trit_mapping_open(&again, name, &err), trit_io);
    assert_int_equal(trit_mapping_remove(name, &err), trit_io);
}

static void names(void **state) {
    (void)state;
    static const char *const bad[] = {"", "a/b", "..", ".", "a b", "12345678901234567890123456789", "\xc3\xa4"};
    trit_mapping *m = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(trit_mapping_make(&m, bad[i], 10, &err), trit_arg);
        assert_int_equal(trit_mapping_open(&m, bad[i], &err), trit_arg);
        assert_int_equal(trit_mapping_remove(bad[i], &err), trit_arg);
    }
    assert_int_equal(trit_mapping_make(&m, "none", 0, &err), trit_arg);
    assert_null(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(files), cmocka_unit_test(processes), cmocka_unit_test(names)};
    return cmocka_run_group_tests_name("memory/mapping", tests, NULL, NULL);
}
