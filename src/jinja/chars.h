/* Characters as Python sees them. Strings here are valid UTF-8 and are counted in characters (code points). */
#ifndef TRIT_JINJA_CHARS_H
#define TRIT_JINJA_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

bool trit_jis_space(uint32_t cp);     /* str.isspace() */
bool trit_jis_printable(uint32_t cp); /* does repr() show it as it is? Unassigned characters count as printable here. */
bool trit_jis_letter(uint32_t cp);    /* ASCII, and every character beyond it that is no space, punctuation or symbol of Latin-1 */
uint32_t trit_jupper(uint32_t cp);    /* one to one, Latin, Greek, Cyrillic and Armenian */
uint32_t trit_jlower(uint32_t cp);

/* The character at s.p[*at], and *at behind it. *at < s.n. */
uint32_t trit_jnext(trit_str s, size_t *at);
size_t trit_jcount(trit_str s);                /* characters */
size_t trit_joffset(trit_str s, size_t index); /* byte offset of character `index`, s.n where there are fewer */

trit_str trit_jstrip_left(trit_str s);
trit_str trit_jstrip_right(trit_str s);
/* The first place of `part` in s.p[from..], or SIZE_MAX. */
size_t trit_jfind(trit_str s, trit_str part, size_t from);

#endif
