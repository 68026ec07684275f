/* Characters: classes, case, counting. The tables hold what chat templates meet; they are not all of Unicode. */
#include "jinja/chars.h"

#include "base/utf8.h"

bool trit_jis_space(uint32_t cp) {
    if (cp < 0x80) return cp == ' ' || (cp >= 9 && cp <= 13) || (cp >= 28 && cp <= 31);
    return cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F ||
           cp == 0x205F || cp == 0x3000;
}

bool trit_jis_printable(uint32_t cp) {
    if (cp < 0x7F) return cp >= ' ';
    if (cp <= 0xA0 || cp == 0xAD || trit_jis_space(cp)) return false;
    /* Format characters, private use, and the ends of the planes. */
    bool format = (cp >= 0x600 && cp <= 0x605) || cp == 0x61C || cp == 0x6DD || cp == 0x70F || cp == 0x180E || (cp >= 0x200B && cp <= 0x200F) ||
                  (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2060 && cp <= 0x206F) || cp == 0xFEFF || (cp >= 0xFFF0 && cp <= 0xFFFB) ||
                  (cp >= 0xE0000 && cp <= 0xE007F);
    bool private_use = (cp >= 0xE000 && cp <= 0xF8FF) || cp >= 0xF0000;
    return !format && !private_use && (cp & 0xFFFE) != 0xFFFE;
}

bool trit_jis_letter(uint32_t cp) {
    if (cp < 0x80) return (cp | 0x20) >= 'a' && (cp | 0x20) <= 'z';
    if (cp < 0xC0) return cp == 0xAA || cp == 0xB5 || cp == 0xBA;
    return cp != 0xD7 && cp != 0xF7 && !trit_jis_space(cp) && !(cp >= 0x2000 && cp <= 0x206F) && !(cp >= 0x2190 && cp <= 0x2BFF) &&
           !(cp >= 0x3000 && cp <= 0x3004) && !(cp >= 0x3008 && cp <= 0x3020) && !(cp >= 0xFF00 && cp <= 0xFF20) && cp < 0x1F000;
}

/* Ranges of lower-case letters. `distance` below the letter stands its upper-case one; 1: pairs, the upper-case one on the same
 * parity as `first` - 1. */
static const struct cases {
    uint32_t first, last, distance;
} cases[] = {
    {'a', 'z', 32},         {0xE0, 0xF6, 32},      {0xF8, 0xFE, 32},   {0x101, 0x12F, 1},   {0x133, 0x137, 1},
    {0x13A, 0x148, 1},      {0x14B, 0x177, 1},     {0x17A, 0x17E, 1},  {0x1CE, 0x1DC, 1},   {0x1DF, 0x1EF, 1},
    {0x1F9, 0x21F, 1},      {0x223, 0x233, 1},     {0x3B1, 0x3C1, 32}, {0x3C3, 0x3CB, 32},  {0x430, 0x44F, 32},
    {0x450, 0x45F, 80},     {0x461, 0x481, 1},     {0x48B, 0x4BF, 1},  {0x4D1, 0x52F, 1},   {0x561, 0x586, 48},
    {0x1E01, 0x1E95, 1},    {0x1EA1, 0x1EFF, 1},   {0xFF41, 0xFF5A, 32},
};

uint32_t trit_jupper(uint32_t cp) {
    if (cp == 0xFF) return 0x178;
    if (cp == 0xB5) return 0x39C;
    if (cp == 0x3C2) return 0x3A3;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cases *c = &cases[i];
        if (cp >= c->first && cp <= c->last && (c->distance > 1 || (cp - c->first) % 2 == 0)) return cp - c->distance;
    }
    return cp;
}

uint32_t trit_jlower(uint32_t cp) {
    if (cp == 0x178) return 0xFF;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct cases *c = &cases[i];
        uint32_t low = cp + c->distance;
        if (low >= c->first && low <= c->last && (c->distance > 1 || (low - c->first) % 2 == 0)) return low;
    }
    return cp;
}

uint32_t trit_jnext(trit_str s, size_t *at) {
    uint32_t cp = 0xFFFD;
    int length = trit_utf8_decode(s.p + *at, s.n - *at, &cp);
    *at += length > 0 ? (size_t)length : length < 0 ? (size_t)-length : s.n - *at;
    return cp;
}

size_t trit_jcount(trit_str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

size_t trit_joffset(trit_str s, size_t index) {
    size_t at = 0;
    while (at < s.n && index-- > 0) {
        at++;
        while (at < s.n && ((unsigned char)s.p[at] & 0xC0) == 0x80) at++;
    }
    return at;
}

trit_str trit_jstrip_left(trit_str s) {
    for (size_t at = 0; s.n; at = 0) {
        if (!trit_jis_space(trit_jnext(s, &at))) break;
        s.p += at;
        s.n -= at;
    }
    return s;
}

trit_str trit_jstrip_right(trit_str s) {
    while (s.n) {
        size_t begin = s.n - 1, at;
        while (begin > 0 && ((unsigned char)s.p[begin] & 0xC0) == 0x80) begin--;
        at = begin;
        if (!trit_jis_space(trit_jnext(s, &at))) break;
        s.n = begin;
    }
    return s;
}

size_t trit_jfind(trit_str s, trit_str part, size_t from) {
    if (part.n == 0) return from <= s.n ? from : SIZE_MAX;
    while (from < s.n && part.n <= s.n - from) {
        const char *p = memchr(s.p + from, part.p[0], s.n - from - part.n + 1);
        if (!p) break;
        if (memcmp(p, part.p, part.n) == 0) return (size_t)(p - s.p);
        from = (size_t)(p - s.p) + 1;
    }
    return SIZE_MAX;
}
