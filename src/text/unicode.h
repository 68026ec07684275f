/* The few Unicode properties that tokenizers ask for, and the normalization forms. Over utf8proc.
 *
 * The Hugging Face tokenizers, whose ids count, take their properties from several libraries that know different versions of
 * Unicode: regular expressions 16, letter case and digits 17, marks and normalization 9, punctuation and BERT's rules 8. A code
 * point that came later is to each of them a character without properties. newer.def lists where that shows. */
#ifndef TRIT_TEXT_UNICODE_H
#define TRIT_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trit/memory.h"

bool trit_is_blank(uint32_t cp);       /* White_Space */
bool trit_is_word(uint32_t cp);        /* \w: letters, marks, decimal digits and letter numbers, connectors */
bool trit_is_letter(uint32_t cp);      /* L */
bool trit_is_number(uint32_t cp);      /* N */
bool trit_is_punctuation(uint32_t cp); /* P, and the symbols of ASCII */
bool trit_is_mark(uint32_t cp);        /* M, as StripAccents sees it */
bool trit_is_accent(uint32_t cp);      /* Mn, as BertNormalizer sees it */
bool trit_is_control(uint32_t cp);     /* Cc, Cf and private use, but not tab and line ends */
bool trit_is_ideograph(uint32_t cp);   /* the blocks of CJK ideographs that BERT sets apart */

/* The lower case of cp: one or two code points. */
unsigned trit_lower(uint32_t cp, uint32_t out[2]);

/* Is there a code point in s[0..n) that came with Unicode 15 or 16? */
bool trit_has_newer(const char *s, size_t n);

/* The code points of a category ("L", "Nd", ...) that came with Unicode 15 and 16, as ranges of a regular expression's class:
 * the system's PCRE2 may be older. False when out of memory. */
bool trit_append_newer(trit_text *out, const char *category, size_t n);

typedef enum trit_form { trit_form_c, trit_form_d, trit_form_kc, trit_form_kd } trit_form;

/* Appends s[0..n), valid UTF-8, in a normalization form. False when out of memory. */
bool trit_append_normalized(trit_text *out, const char *s, size_t n, trit_form form);

/* Appends one code point. False when out of memory. */
bool trit_append_cp(trit_text *out, uint32_t cp);

/* Appends s[0..n) with every maximal broken part as U+FFFD. False when out of memory. */
bool trit_append_valid(trit_text *out, const char *s, size_t n);

/* The length of the valid beginning of s[0..n). */
size_t trit_valid_bytes(const char *s, size_t n);

#endif
