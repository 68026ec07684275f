#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

char trit_ascii_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool trit_str_is_lower(trit_str s, const char *word) {
    if (s.n != strlen(word)) return false;
    for (size_t i = 0; i < s.n; i++)
        if (trit_ascii_lower(s.p[i]) != word[i]) return false;
    return true;
}

bool trit_ends_with(const char *s, const char *end) {
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && memcmp(s + n - m, end, m) == 0;
}

/* The usual backtracking to the last star: linear in the name for each star. */
bool trit_glob(trit_str pattern, const char *name) {
    size_t p = 0, star = SIZE_MAX;
    const char *from = name;
    while (*name) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            from = name;
        } else if (p < pattern.n && (pattern.p[p] == '?' || pattern.p[p] == *name)) {
            p++;
            name++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            name = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*') p++;
    return p == pattern.n;
}

bool trit_parse_bytes(const char *s, uint64_t *out) {
    static const char units[] = "kmgt";
    const size_t n_digits = strspn(s, "0123456789.eE");
    char *end;
    double n = strtod(s, &end);
    if (n_digits == 0 || end != s + n_digits) return false;
    const char *unit = *end ? strchr(units, trit_ascii_lower(*end)) : NULL;
    for (const char *u = units; unit && u <= unit; u++) n *= 1000;
    if (unit) end++;
    if (unit && trit_ascii_lower(*end) == 'b') end++;
    if (*end || !(n < 0x1p63)) return false;
    *out = (uint64_t)n;
    return true;
}

bool trit_parse_int(const char *s, int64_t *out) {
    const char *digits = s + (*s == '-' || *s == '+');
    if (!*digits || digits[strspn(digits, "0123456789")]) return false;
    errno = 0;
    long long value = strtoll(s, NULL, 10);
    if (errno) return false;
    *out = value;
    return true;
}

bool trit_parse_real(const char *s, double *out) {
    if (!*s || s[strspn(s, "0123456789+-.eE")]) return false;
    char *end;
    double value = strtod(s, &end);
    if (*end || !isfinite(value)) return false;
    *out = value;
    return true;
}

bool trit_parse_numbered(const char *s, const char *prefix, uint64_t *out) {
    const size_t n = strlen(prefix);
    int64_t number;
    if (strncmp(s, prefix, n) != 0 || s[n] < '0' || s[n] > '9' || !trit_parse_int(s + n, &number)) return false;
    *out = (uint64_t)number;
    return true;
}

bool trit_str_is_choice(const char *choices, const char *word) {
    size_t n = strlen(word);
    for (const char *p = choices; *p; p += strcspn(p, "|"), p += *p == '|')
        if (strcspn(p, "|") == n && memcmp(p, word, n) == 0) return true;
    return false;
}
