/* A conversion that runs out of memory, at each allocation in turn: an error, no leak, and nothing left on the disk. */
#include "test.h"

#include "counting_malloc.h"

#include <unistd.h>

#include "trit/trit.h"

#if TRIT_COUNTS_MALLOC
#define OUT(name) TRIT_BINARY_DIR "/memory-" name

static trit_error err;

static trit_status convert(const char *from, const char *to, bool to_folder) {
    /* One thread: the C library's own memory for more does not come back at once. */
    const trit_convert_opts opts = {.hugging_face = to_folder, .type = to_folder ? "hf_ternary" : "iq2_bn", .n_threads = 1};
    return trit_convert(from, to, &opts, NULL, &err);
}

static void fail_each(const char *from, const char *to, bool to_folder) {
    char part[1024];
    snprintf(part, sizeof part, "%s.part", to);
    long before = 0;
    assert_int_equal(convert(from, to, to_folder), trit_ok);
    for (long n = 0;; n++) {
        before = atomic_load(&live);
        atomic_store(&n_calls, 0);
        atomic_store(&fail_at, n);
        const trit_status status = convert(from, to, to_folder);
        const bool reached = atomic_load(&n_calls) > n;
        atomic_store(&fail_at, -1);
        if (atomic_load(&live) != before) fail_msg("%s: allocation %ld fails and %ld blocks stay", to, n, atomic_load(&live) - before);
        if (!reached) {
            print_message("%s: %ld allocations\n", to, n);
            assert_int_equal(status, trit_ok);
            break;
        }
        if (status != trit_ok && status != trit_memory && status != trit_io) fail_msg("allocation %ld: %s", n, err.message);
        if (status != trit_ok && access(part, F_OK) == 0) fail_msg("allocation %ld fails and %s stays", n, part);
    }
}

static void each_allocation(void **state) {
    (void)state;
    require_shared("spec/examples/tiny_i2s.gguf");
    char from[1024];
    snprintf(from, sizeof from, "%s", test_shared("spec/examples/tiny_i2s.gguf"));
    fail_each(from, OUT("a.gguf"), false);
    fail_each(from, OUT("folder"), true);
    fail_each(OUT("folder"), OUT("b.gguf"), false);
}
#else
static void each_allocation(void **state) {
    (void)state;
    print_message("skipped: this C library's malloc cannot be replaced\n");
    skip();
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
