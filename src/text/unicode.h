/* The few Unicode properties that tokenizers ask for, and normalization form C. Over utf8proc. */
#ifndef TRIT_TEXT_UNICODE_H
#define TRIT_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/memory.h"

bool trit_is_blank(uint32_t cp); /* White_Space */
bool trit_is_word(uint32_t cp);  /* \w: letters, marks, decimal digits and letter numbers, connectors */

/* Appends s[0..n), valid UTF-8, in normalization form C. False when out of memory. */
bool trit_append_nfc(trit_text *out, const char *s, size_t n);

/* Appends s[0..n) with every maximal broken part as U+FFFD. False when out of memory. */
bool trit_append_valid(trit_text *out, const char *s, size_t n);

/* The length of the valid beginning of s[0..n). */
size_t trit_valid_bytes(const char *s, size_t n);

#endif
