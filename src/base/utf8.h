/* UTF-8, strictly: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef TRIT_BASE_UTF8_H
#define TRIT_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Decodes the character at s[0..n). Returns its length in bytes (1..4) and sets *cp; for a broken one returns the negated
 * length of the maximal broken part (-1..-3; Unicode's "maximal subpart" practice, one U+FFFD for each) with *cp = 0xFFFD;
 * for a beginning that more bytes could complete returns 0. n > 0. */
int trit_utf8_decode(const char *s, size_t n, uint32_t *cp);

/* Writes cp to out[0..4) and returns the number of bytes. cp must be a valid scalar value. */
size_t trit_utf8_encode(uint32_t cp, char out[4]);

#endif
