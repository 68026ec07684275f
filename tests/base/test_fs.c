/* Folders, links, locks and growing files. */
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"

static trit_error err;

static int set_up(void **state) {
    (void)state;
    return system("rm -rf top");
}

static void folders(void **state) {
    (void)state;
    trit_fs_names names;
    assert_ok(trit_fs_make_dirs("top/a/b/c", &err));
    assert_ok(trit_fs_make_dirs("top/a/b/c", &err));
    assert_true(trit_fs_touch("top/a/file"));
    assert_int_equal(trit_fs_make_dirs("top/a/file/x", &err), trit_io);
    assert_int_equal(trit_fs_look("top/a/file").kind, trit_fs_file);
    assert_int_equal(trit_fs_look("top/a/b").kind, trit_fs_folder);
    assert_int_equal(trit_fs_look("top/none").kind, trit_fs_absent);
    assert_ok(trit_fs_list(&names, "top/a", &err));
    assert_int_equal(names.n, 2);
    assert_string_equal(names.item[0], "b");
    assert_string_equal(names.item[1], "file");
    trit_fs_names_fini(&names);
    assert_ok(trit_fs_list(&names, "top/none", &err));
    assert_int_equal(names.n, 0);
    assert_int_equal(trit_fs_list(&names, "top/a/file", &err), trit_io);
}

/* Links are replaced, and not followed when a tree is removed. */
static void links(void **state) {
    (void)state;
    char target[64];
    assert_ok(trit_fs_make_dirs("top/kept", &err));
    assert_true(trit_fs_touch("top/kept/file"));
    assert_ok(trit_fs_make_dirs("top/gone", &err));
    assert_ok(trit_fs_make_link("nowhere", "top/gone/link", &err));
    assert_int_equal(trit_fs_look("top/gone/link").kind, trit_fs_absent);
    assert_int_equal(trit_fs_look_here("top/gone/link").kind, trit_fs_link);
    assert_ok(trit_fs_make_link("../kept", "top/gone/link", &err));
    assert_true(trit_fs_read_link("top/gone/link", target, sizeof target));
    assert_string_equal(target, "../kept");
    assert_false(trit_fs_read_link("top/gone/link", target, 7));
    assert_false(trit_fs_read_link("top/kept/file", target, sizeof target));
    assert_int_equal(trit_fs_look("top/gone/link").kind, trit_fs_folder);
    assert_ok(trit_fs_remove("top/gone", &err));
    assert_ok(trit_fs_remove("top/gone", &err));
    assert_int_equal(trit_fs_look_here("top/gone").kind, trit_fs_absent);
    assert_int_equal(trit_fs_look("top/kept/file").kind, trit_fs_file);
}

static void *link_often(void *arg) {
    trit_error own_error;
    bool *failed = arg;
    for (int i = 0; i < 500; i++) *failed |= trit_fs_make_link("target", "top/link", &own_error) != trit_ok;
    return NULL;
}

/* Threads that make one link get in nobody's way, and leave nothing beside it. */
static void one_link_by_threads(void **state) {
    (void)state;
    enum { n_threads = 4 };
    pthread_t thread[n_threads];
    bool failed[n_threads] = {false};
    trit_fs_names names;
    assert_ok(trit_fs_make_dirs("top", &err));
    for (int i = 0; i < n_threads; i++) assert_int_equal(pthread_create(&thread[i], NULL, link_often, &failed[i]), 0);
    for (int i = 0; i < n_threads; i++) {
        pthread_join(thread[i], NULL);
        assert_false(failed[i]);
    }
    assert_ok(trit_fs_list(&names, "top", &err));
    assert_int_equal(names.n, 1);
    trit_fs_names_fini(&names);
}

static void growing(void **state) {
    (void)state;
    trit_fs_grow f = {0};
    char data[8] = "";
    assert_ok(trit_fs_make_dirs("top", &err));
    assert_ok(trit_fs_grow_open(&f, "top/f", &err));
    assert_ok(trit_fs_grow_add(&f, "abcdef", 6, "top/f", &err));
    trit_fs_grow_close(&f);
    trit_fs_grow_close(&f);
    assert_ok(trit_fs_grow_open(&f, "top/f", &err));
    assert_int_equal(f.n, 6);
    assert_ok(trit_fs_grow_cut(&f, 3, "top/f", &err));
    assert_ok(trit_fs_grow_add(&f, "XY", 2, "top/f", &err));
    assert_ok(trit_fs_grow_read(&f, 1, data, 4, "top/f", &err));
    assert_string_equal(data, "bcXY");
    assert_int_equal(trit_fs_grow_read(&f, 3, data, 4, "top/f", &err), trit_io);
    assert_ok(trit_fs_grow_flush(&f, "top/f", &err));
    trit_fs_grow_close(&f);
    assert_ok(trit_fs_rename("top/f", "top/g", &err));
    assert_int_equal(trit_fs_look("top/g").n_bytes, 5);
    /* A link in the place of the file is not written through; a folder is no file. */
    assert_ok(trit_fs_make_link("g", "top/f", &err));
    assert_int_equal(trit_fs_grow_open(&f, "top/f", &err), trit_io);
    assert_int_equal(trit_fs_grow_open(&f, "top", &err), trit_io);
    /* One that begins is empty, whatever stood there, and nobody else's to read. */
    struct stat st;
    assert_ok(trit_fs_grow_begin(&f, "top/f", &err));
    assert_int_equal(f.n, 0);
    assert_ok(trit_fs_grow_add(&f, "Z", 1, "top/f", &err));
    trit_fs_grow_close(&f);
    assert_int_equal(stat("top/f", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_ok(trit_fs_grow_begin(&f, "top/f", &err));
    trit_fs_grow_close(&f);
    assert_int_equal(trit_fs_look_here("top/f").kind, trit_fs_file);
    assert_int_equal(trit_fs_look("top/f").n_bytes, 0);
    assert_int_equal(trit_fs_look("top/g").n_bytes, 5);
    assert_int_equal(trit_fs_grow_begin(&f, "top", &err), trit_io);
}

/* A disk that becomes full in the middle of what is added: nothing of it stays, and what comes later stands behind what was there. */
static void growing_on_a_full_disk(void **state) {
    (void)state;
    struct rlimit before, small;
    trit_fs_grow f = {0};
    char data[8] = "";
    assert_ok(trit_fs_make_dirs("top", &err));
    assert_ok(trit_fs_grow_open(&f, "top/f", &err));
    assert_ok(trit_fs_grow_add(&f, "abc", 3, "top/f", &err));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 5;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const trit_status status = trit_fs_grow_add(&f, "defg", 4, "top/f", &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, trit_io);
    assert_memory_equal(err.message, "top/f: ", 7);
    assert_int_equal(trit_fs_look("top/f").n_bytes, 3);
    assert_ok(trit_fs_grow_add(&f, "XY", 2, "top/f", &err));
    assert_ok(trit_fs_grow_read(&f, 0, data, 5, "top/f", &err));
    assert_string_equal(data, "abcXY");
    trit_fs_grow_close(&f);
}

static void locks(void **state) {
    (void)state;
    trit_fs_lock a = {0};
    bool held = false;
    int status, ready[2];
    char byte;
    assert_ok(trit_fs_make_dirs("top", &err));
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    if (child == 0) {
        trit_fs_lock mine = {0};
        bool got = false;
        if (trit_fs_lock_try(&mine, "top/lock", &got, NULL) != trit_ok || !got || write(ready[1], "x", 1) != 1) _exit(1);
        pause(); /* the lock goes with the process */
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_ok(trit_fs_lock_try(&a, "top/lock", &held, &err));
    assert_false(held);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_ok(trit_fs_lock_try(&a, "top/lock", &held, &err));
    assert_true(held);
    trit_fs_lock_release(&a);
    trit_fs_lock_release(&a);
    assert_int_equal(trit_fs_lock_try(&a, "top/none/lock", &held, &err), trit_io);
    close(ready[0]);
    close(ready[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(folders, set_up),
        cmocka_unit_test_setup(links, set_up),
        cmocka_unit_test_setup(one_link_by_threads, set_up),
        cmocka_unit_test_setup(growing, set_up),
        cmocka_unit_test_setup(growing_on_a_full_disk, set_up),
        cmocka_unit_test_setup(locks, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
