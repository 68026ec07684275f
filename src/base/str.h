/* A borrowed run of bytes, not NUL-terminated: names and texts inside a mapped file. */
#ifndef TRIT_BASE_STR_H
#define TRIT_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct trit_str {
    const char *p; /* [n], may be NULL when n == 0 */
    size_t n;
} trit_str;

static inline trit_str trit_str_from(const char *s) {
    return (trit_str){s, s ? strlen(s) : 0};
}

static inline bool trit_str_equal(trit_str a, trit_str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool trit_str_is(trit_str a, const char *s) {
    return trit_str_equal(a, trit_str_from(s));
}

/* For printf("%.*s", TRIT_STR_ARG(s)); names longer than 200 bytes are cut. */
#define TRIT_STR_ARG(s) (int)((s).n < 200 ? (s).n : 200), ((s).p ? (s).p : "")

#endif
