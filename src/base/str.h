/* A borrowed run of bytes, not NUL-terminated: names and texts inside a mapped file. And what is asked of texts in several rooms. */
#ifndef TRIT_BASE_STR_H
#define TRIT_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

char trit_ascii_lower(char c); /* of ASCII letters; others stay */

/* What JSON and lines of text take for blank: space, tab, line feed, carriage return. */
static inline bool trit_ascii_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The value of a hexadecimal digit in either case; -1: it is none. */
static inline int trit_hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool trit_str_is_lower(trit_str s, const char *word); /* s in lower case is the word */
bool trit_ends_with(const char *s, const char *end);
bool trit_glob(trit_str pattern, const char *name); /* *: any run of characters; ?: any one */

/* "1500", "1.5G", "50 GB" without the blank, in any case: powers of 1000, below 2^63 bytes. False: no such text. */
bool trit_parse_bytes(const char *s, uint64_t *out);

/* Strict decimal numbers: the whole text or nothing. */
bool trit_parse_int(const char *s, int64_t *out);
bool trit_parse_real(const char *s, double *out);
/* The number behind a prefix, digits alone: "step-12". False: no such text, or a number beyond 2^63. */
bool trit_parse_numbered(const char *s, const char *prefix, uint64_t *out);

bool trit_str_is_choice(const char *choices, const char *word); /* is it one of "f32|f16|q8"? */

/* For printf("%.*s", TRIT_STR_ARG(s)); names longer than 200 bytes are cut. */
#define TRIT_STR_ARG(s) (int)((s).n < 200 ? (s).n : 200), ((s).p ? (s).p : "")

#endif
