/* Base64 (RFC 4648, with padding), for bytes that are not text. */
#ifndef TRIT_BASE_BASE64_H
#define TRIT_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "trit/memory.h"

/* Appends the code of s[0..n). False when out of memory. */
bool trit_base64_append(trit_text *out, const char *s, size_t n);

#endif
