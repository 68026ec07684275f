/* Reading a text from its beginning to its end: what the languages of grammars have in common. */
#ifndef TRIT_ENGINE_GRAMMAR_READ_H
#define TRIT_ENGINE_GRAMMAR_READ_H

#include <string.h>

#include "base/str.h"
#include "engine/grammar.h"

typedef struct trit_reading {
    const char *s; /* [n] */
    size_t n, at;
} trit_reading;

static inline int trit_peek(const trit_reading *in) { /* -1: the end */
    return in->at < in->n ? (uint8_t)in->s[in->at] : -1;
}

static inline bool trit_take(trit_reading *in, const char *word) {
    size_t n = strlen(word);
    if (in->n - in->at < n || memcmp(in->s + in->at, word, n) != 0) return false;
    in->at += n;
    return true;
}

/* So many hexadecimal digits; false: there are fewer. */
static inline bool trit_take_hex(trit_reading *in, int n_digits, uint32_t *out) {
    *out = 0;
    for (; n_digits > 0; n_digits--, in->at++) {
        const int c = trit_peek(in), digit = c < 0 ? -1 : trit_hex_digit((char)c);
        if (digit < 0) return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

/* Decimal digits; false: there are none. Above what limits there are it is any number that is. */
static inline bool trit_take_number(trit_reading *in, uint32_t *out) {
    const size_t from = in->at;
    *out = 0;
    for (int c; (c = trit_peek(in)) >= '0' && c <= '9'; in->at++)
        if (*out < UINT32_MAX / 16) *out = *out * 10 + (uint32_t)(c - '0');
    return in->at > from;
}

#endif
