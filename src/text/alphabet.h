/* The alphabet of byte-level vocabularies: every byte is spelled as one printable character. Bytes that are printable in
 * Latin-1 stand for themselves, the other 68 are U+0100, U+0101, ... in ascending order. */
#ifndef TRIT_TEXT_ALPHABET_H
#define TRIT_TEXT_ALPHABET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

uint32_t trit_alphabet_char(uint8_t byte);

/* The byte that a character spells, or -1. */
int trit_alphabet_byte(uint32_t cp);

/* Writes the bytes that s spells to out[0..s.n) and their number to *n; false where a character is not of the alphabet. */
bool trit_alphabet_decode(trit_str s, char *out, size_t *n);

#endif
