/* What every test file starts with: cmocka in the order that it demands, and the few helpers that all share. */
#ifndef TRIT_TESTS_TEST_H
#define TRIT_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trit/status.h"

/* Fails with the library's own words. */
#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        trit_status status_ = (call);                                                                        \
        if (status_ != trit_ok) fail_msg("%s: %s (%s)", #call, trit_status_text(status_), err.message);      \
    } while (0)

/* Path of a file of the reference data (the folder that TRIT_SHARED names, by default ../shared beside the source tree), or
 * NULL when the data is absent. The string is static and lives until the next call but three. */
const char *test_shared(const char *relative);

/* Path of a file of this source tree. */
const char *test_source(const char *relative);

/* For tests of reference data: skips loudly where it is absent. */
#define require_shared(relative)                                            \
    do {                                                                    \
        if (!test_shared(relative)) {                                       \
            print_message("skipped: ../shared/%s not present\n", relative); \
            skip();                                                         \
        }                                                                   \
    } while (0)

/* The whole file in a fresh buffer, NUL-terminated; free() it. Fails the test when it cannot be read. */
char *test_read(const char *path, size_t *n);

/* The same for a file of the reference data, unpacked when its name ends in .xz; NULL where the data or the xz program is absent. */
char *test_unpack(const char *relative, size_t *n);

/* The generator of the reference vectors: s = s*1664525 + 1013904223 mod 2^32, value s >> 16. */
static inline uint32_t test_lcg(uint32_t *s) {
    *s = *s * 1664525u + 1013904223u;
    return *s >> 16;
}

#endif
