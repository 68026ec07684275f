/* Unicode properties and normalization form C. */
#include "text/unicode.h"

#include <string.h>

#include <utf8proc.h>

#include "base/alloc.h"
#include "base/utf8.h"

bool trit_is_blank(uint32_t cp) {
    if (cp < 0x80) return cp == ' ' || (cp >= 9 && cp <= 13);
    return cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F ||
           cp == 0x205F || cp == 0x3000;
}

bool trit_is_word(uint32_t cp) {
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC: return true;
    default: return cp == 0x200C || cp == 0x200D; /* joiners */
    }
}

size_t trit_valid_bytes(const char *s, size_t n) {
    size_t i = 0;
    while (i < n) {
        uint64_t word;
        if (n - i >= 8 && (memcpy(&word, s + i, 8), !(word & 0x8080808080808080u))) {
            i += 8;
            continue;
        }
        uint32_t cp;
        int length = trit_utf8_decode(s + i, n - i, &cp);
        if (length <= 0) break;
        i += (size_t)length;
    }
    return i;
}

bool trit_append_valid(trit_text *out, const char *s, size_t n) {
    while (n > 0) {
        size_t valid = trit_valid_bytes(s, n);
        if (!trit_text_append(out, s, valid)) return false;
        s += valid;
        n -= valid;
        if (n == 0) break;
        uint32_t cp;
        int length = trit_utf8_decode(s, n, &cp);
        size_t broken = length < 0 ? (size_t)-length : n;
        if (!trit_text_append(out, "\xEF\xBF\xBD", 3)) return false;
        s += broken;
        n -= broken;
    }
    return true;
}

/* Puts a run of combining characters in canonical order: stable, by combining class. A counting sort, since a hostile text
 * is one long run. spare has n elements. */
static void order_run(utf8proc_int32_t *cp, utf8proc_int32_t *spare, size_t n) {
    size_t start[257] = {0};
    for (size_t i = 0; i < n; i++) start[(size_t)utf8proc_get_property(cp[i])->combining_class + 1]++;
    for (size_t c = 0; c < 256; c++) start[c + 1] += start[c];
    for (size_t i = 0; i < n; i++) spare[start[utf8proc_get_property(cp[i])->combining_class]++] = cp[i];
    memcpy(cp, spare, n * sizeof *cp);
}

static bool is_mark(utf8proc_int32_t cp) {
    return utf8proc_get_property(cp)->combining_class != 0;
}

static void order_marks(utf8proc_int32_t *cp, utf8proc_int32_t *spare, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && is_mark(cp[end])) end++;
        if (end - i > 1) order_run(cp + i, spare, end - i);
        i = end == i ? end + 1 : end;
    }
}

/* Canonical decomposition gives at most two characters for each byte of UTF-8: U+0390 makes three of two bytes and U+1F82 four
 * of three. */
enum { decomposed_per_byte = 2 };

static bool append_composed(trit_text *out, const char *s, size_t n) {
    size_t capacity;
    if (!trit_mul_size(n, decomposed_per_byte, &capacity)) return false;
    utf8proc_int32_t *cp = trit_alloc(capacity, sizeof *cp);
    utf8proc_int32_t *spare = trit_alloc(capacity, sizeof *cp);
    bool ok = cp && spare;
    size_t n_cp = 0;
    int last_boundclass = 0;
    for (size_t i = 0; ok && i < n;) {
        uint32_t c;
        i += (size_t)trit_utf8_decode(s + i, n - i, &c);
        utf8proc_ssize_t k = utf8proc_decompose_char((utf8proc_int32_t)c, cp + n_cp, (utf8proc_ssize_t)(capacity - n_cp),
                                                     UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &last_boundclass);
        ok = k > 0 && (size_t)k <= capacity - n_cp;
        if (ok) n_cp += (size_t)k;
    }
    if (ok) {
        order_marks(cp, spare, n_cp);
        utf8proc_ssize_t k = utf8proc_normalize_utf32(cp, (utf8proc_ssize_t)n_cp, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
        ok = k >= 0 && trit_text_reserve(out, out->n + (size_t)k * 4);
        for (utf8proc_ssize_t i = 0; ok && i < k; i++) {
            char bytes[4];
            ok = trit_text_append(out, bytes, trit_utf8_encode((uint32_t)cp[i], bytes));
        }
    }
    trit_free(cp);
    trit_free(spare);
    return ok;
}

bool trit_append_nfc(trit_text *out, const char *s, size_t n) {
    /* Nothing below U+0300 composes or reorders, and 0xCC is the first byte of U+0300. */
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] >= 0xCC) return append_composed(out, s, n);
    return trit_text_append(out, s, n);
}
