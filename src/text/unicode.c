/* Unicode properties and normalization forms. */
#include "text/unicode.h"

#include <stdio.h>
#include <string.h>

#include <utf8proc.h>

#include "base/alloc.h"
#include "base/utf8.h"

typedef struct newer {
    uint32_t first, last;
    uint8_t version, category;
} newer;

static const newer newers[] = {
#define NEWER(first, last, version, category) {first, last, version, UTF8PROC_CATEGORY_##category},
#include "text/newer.def"
#undef NEWER
};

enum { n_newers = sizeof newers / sizeof newers[0] };

static const newer *find_newer(uint32_t cp) {
    size_t lo = 0, hi = n_newers;
    if (cp < newers[0].first) return NULL;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cp > newers[mid].last)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n_newers && cp >= newers[lo].first ? &newers[lo] : NULL;
}

/* The category by the newest version that we know. */
static int category(uint32_t cp) {
    int known = (int)utf8proc_category((utf8proc_int32_t)cp);
    const newer *later = known == UTF8PROC_CATEGORY_CN ? find_newer(cp) : NULL;
    return later ? later->category : known;
}

/* Does cp have, in Unicode `version`, the properties that it has today? */
static bool known_in(uint32_t cp, unsigned version) {
    const newer *later = find_newer(cp);
    return !later || later->version <= version;
}

bool trit_is_blank(uint32_t cp) {
    if (cp < 0x80) return cp == ' ' || (cp >= 9 && cp <= 13);
    return cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F ||
           cp == 0x205F || cp == 0x3000;
}

static bool is_circled_letter(uint32_t cp) { /* symbols that count as alphabetic */
    return (cp >= 0x24B6 && cp <= 0x24E9) || (cp >= 0x1F130 && cp <= 0x1F149) || (cp >= 0x1F150 && cp <= 0x1F169) ||
           (cp >= 0x1F170 && cp <= 0x1F189);
}

bool trit_is_word(uint32_t cp) {
    switch (category(cp)) {
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
    case UTF8PROC_CATEGORY_PC: return known_in(cp, 16);
    default: return cp == 0x200C || cp == 0x200D || is_circled_letter(cp); /* and the joiners */
    }
}

bool trit_is_letter(uint32_t cp) {
    if (cp < 0x80) return (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z');
    const int c = category(cp);
    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO && known_in(cp, 16);
}

bool trit_is_number(uint32_t cp) {
    if (cp < 0x80) return cp >= '0' && cp <= '9';
    int c = category(cp);
    return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}

bool trit_is_punctuation(uint32_t cp) {
    if (cp < 0x80) return (cp >= 33 && cp <= 47) || (cp >= 58 && cp <= 64) || (cp >= 91 && cp <= 96) || (cp >= 123 && cp <= 126);
    if (cp == 0x166D || cp == 0x111C9) return true; /* were punctuation then */
    int c = category(cp);
    return c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO && known_in(cp, 8);
}

static bool is_any_mark(uint32_t cp) {
    int c = category(cp);
    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_MC || c == UTF8PROC_CATEGORY_ME;
}

bool trit_is_mark(uint32_t cp) {
    if (cp == 0x1CF2 || cp == 0x1CF3 || cp == 0xA9BD) return true; /* were marks then, of whatever kind */
    return is_any_mark(cp) && known_in(cp, 9);
}

bool trit_is_accent(uint32_t cp) {
    if (cp == 0x1734) return true; /* was non-spacing then */
    return category(cp) == UTF8PROC_CATEGORY_MN && known_in(cp, 8);
}

bool trit_is_control(uint32_t cp) {
    if (cp == '\t' || cp == '\n' || cp == '\r') return false;
    int c = category(cp);
    return c == UTF8PROC_CATEGORY_CC || c == UTF8PROC_CATEGORY_CO || (c == UTF8PROC_CATEGORY_CF && known_in(cp, 8));
}

bool trit_is_ideograph(uint32_t cp) {
    return (cp >= 0x3400 && cp <= 0x4DBF) || (cp >= 0x4E00 && cp <= 0x9FFF) || (cp >= 0xF900 && cp <= 0xFAFF) ||
           (cp >= 0x20000 && cp <= 0x2A6DF) || (cp >= 0x2A700 && cp <= 0x2B81F) || (cp >= 0x2B920 && cp <= 0x2CEAF) ||
           (cp >= 0x2F800 && cp <= 0x2FA1F);
}

/* Letters whose case utf8proc may not know yet: Unicode 14 to 17. */
static const struct {
    uint32_t first, last, lower;
} newer_case[] = {
    {0x1C89, 0x1C89, 0x1C8A}, {0xA7CB, 0xA7CB, 0x264},  {0xA7CC, 0xA7CC, 0xA7CD}, {0xA7CE, 0xA7CE, 0xA7CF},    {0xA7D2, 0xA7D2, 0xA7D3},
    {0xA7D4, 0xA7D4, 0xA7D5}, {0xA7DA, 0xA7DA, 0xA7DB}, {0xA7DC, 0xA7DC, 0x19B},  {0x10D50, 0x10D65, 0x10D70}, {0x16EA0, 0x16EB8, 0x16EBB},
};

unsigned trit_lower(uint32_t cp, uint32_t out[2]) {
    if (cp < 0x80) {
        out[0] = cp >= 'A' && cp <= 'Z' ? cp + 32 : cp;
        return 1;
    }
    if (cp == 0x130) { /* the one letter with two: i and a dot above */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    out[0] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
    for (size_t i = 0; i < sizeof newer_case / sizeof newer_case[0]; i++)
        if (cp >= newer_case[i].first && cp <= newer_case[i].last) out[0] = newer_case[i].lower + (cp - newer_case[i].first);
    return 1;
}

bool trit_has_newer(const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        uint64_t word;
        if (n - i >= 8 && (memcpy(&word, s + i, 8), !(word & 0x8080808080808080u))) {
            i += 8;
            continue;
        }
        uint32_t cp;
        int length = trit_utf8_decode(s + i, n - i, &cp);
        const newer *later = length > 2 ? find_newer(cp) : NULL; /* all are beyond U+0800 */
        if (later && later->version == 16) return true;
        i += length > 0 ? (size_t)length : 1;
    }
    return false;
}

/* Indexed by utf8proc's numbers. */
static const char category_names[][3] = {"Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps",
                                         "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co"};

bool trit_append_newer(trit_text *out, const char *name, size_t n) {
    bool ok = true;
    for (size_t i = 0; ok && n <= 2 && i < n_newers; i++) {
        char range[32];
        if (newers[i].version != 16 || memcmp(category_names[newers[i].category], name, n) != 0) continue;
        int length = snprintf(range, sizeof range, "\\x{%X}-\\x{%X}", (unsigned)newers[i].first, (unsigned)newers[i].last);
        ok = trit_text_append(out, range, (size_t)length);
    }
    return ok;
}

bool trit_append_cp(trit_text *out, uint32_t cp) {
    char bytes[4];
    return trit_text_append(out, bytes, trit_utf8_encode(cp, bytes));
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
 * of three. Compatibility decomposition gives six: U+FDFA makes eighteen of three. */
enum { canonical_per_byte = 2, compatible_per_byte = 6 };

typedef struct decomposed {
    utf8proc_int32_t *cp, *spare; /* [capacity] */
    size_t n, capacity;
} decomposed;

static bool decompose(decomposed *d, const char *s, size_t n, trit_form form) {
    bool compatible = form == trit_form_kc || form == trit_form_kd;
    int options = UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | (compatible ? UTF8PROC_COMPAT : 0), last_boundclass = 0;
    if (!trit_mul_size(n, compatible ? compatible_per_byte : canonical_per_byte, &d->capacity)) return false;
    d->cp = trit_alloc(d->capacity, sizeof *d->cp);
    d->spare = trit_alloc(d->capacity, sizeof *d->cp);
    if (!d->cp || !d->spare) return false;
    for (size_t i = 0; i < n;) {
        uint32_t c;
        size_t left = d->capacity - d->n;
        i += (size_t)trit_utf8_decode(s + i, n - i, &c);
        utf8proc_ssize_t k =
            utf8proc_decompose_char((utf8proc_int32_t)c, d->cp + d->n, (utf8proc_ssize_t)left, (utf8proc_option_t)options, &last_boundclass);
        if (k <= 0 || (size_t)k > left) return false;
        d->n += (size_t)k;
    }
    return true;
}

/* Text that version 9 of Unicode knows. */
static bool append_known(trit_text *out, const char *s, size_t n, trit_form form) {
    decomposed d = {0};
    bool ok = decompose(&d, s, n, form);
    if (ok) {
        order_marks(d.cp, d.spare, d.n);
        utf8proc_ssize_t k = (utf8proc_ssize_t)d.n;
        if (form == trit_form_c || form == trit_form_kc) k = utf8proc_normalize_utf32(d.cp, k, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
        ok = k >= 0 && trit_text_reserve(out, out->n + (size_t)k * 4);
        for (utf8proc_ssize_t i = 0; ok && i < k; i++) ok = trit_append_cp(out, (uint32_t)d.cp[i]);
    }
    trit_free(d.cp);
    trit_free(d.spare);
    return ok;
}

/* Code points that came later take no part in normalization, so the text falls into parts between them. */
static bool append_parts(trit_text *out, const char *s, size_t n, trit_form form) {
    size_t begin = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        size_t length = (size_t)trit_utf8_decode(s + i, n - i, &cp);
        if (!known_in(cp, 9)) {
            if (i > begin && !append_known(out, s + begin, i - begin, form)) return false;
            if (!trit_text_append(out, s + i, length)) return false;
            begin = i + length;
        }
        i += length;
    }
    return begin == n || append_known(out, s + begin, n - begin, form);
}

bool trit_append_normalized(trit_text *out, const char *s, size_t n, trit_form form) {
    /* Nothing below U+0300 composes or reorders, and 0xCC is the first byte of U+0300; only ASCII never decomposes. */
    unsigned char first = form == trit_form_c ? 0xCC : 0x80;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] >= first) return append_parts(out, s, n, form);
    return trit_text_append(out, s, n);
}
