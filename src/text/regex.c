/* Regular expressions over PCRE2: compiled at open with its JIT where the system allows one, else interpreted. */
#include "text/regex.h"

#include <stdint.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/alloc.h"
#include "base/error.h"
#include "text/pieces.h"
#include "text/unicode.h"

enum {
    max_pattern_bytes = 1 << 18, /* spelled out */
    min_match_limit = 1000 * 1000, /* steps; exponential patterns are cut within a second */
    steps_per_byte = 64,           /* on top: honest patterns look at a byte a few times */
    heap_limit_kib = 64 << 10
};

/* Classes with the newer code points are slow, and those are rare: a text without them is matched without. */
struct trit_regex {
    pcre2_code *code;
    pcre2_code *newer; /* or NULL: the same */
    uint64_t hash;
};

struct trit_matcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
    bool newer; /* the text holds code points that the library may not know */
};

/* White_Space of Unicode. PCRE2's own \s also takes U+180E, which lost that property in Unicode 6.3. */
#define BLANKS "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
/* Oniguruma's \w beside the categories: the numbers of Latin-1 and circled letters. */
#define WORD_EXTRAS "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}"

/* Patterns are written for Oniguruma with Unicode 16. What PCRE2 reads otherwise is spelled out, and what cannot be is refused:
 * a pattern that means something else gives wrong ids without a word. */
typedef struct translation {
    trit_text out;
    trit_str pattern;
    size_t at;
    size_t class_begin;  /* where the class that we are in began, plus one; 0 outside */
    const char *refused; /* what cannot be translated, or NULL */
    bool newer;          /* with the newer code points in the categories */
    bool has_categories;
} translation;

static bool append(trit_text *out, const char *s) {
    return trit_text_append(out, s, strlen(s));
}

static bool append_category(translation *t, const char *name, size_t n) {
    t->has_categories = true;
    return append(&t->out, "\\p{") && trit_text_append(&t->out, name, n) && append(&t->out, "}") &&
           (!t->newer || trit_append_newer(&t->out, name, n));
}

static bool append_word(translation *t) {
    static const char *const categories[] = {"L", "M", "Nd", "Nl", "Pc"};
    for (size_t i = 0; i < 5; i++)
        if (!append_category(t, categories[i], strlen(categories[i]))) return false;
    return append(&t->out, WORD_EXTRAS);
}

/* The members of the class that \s, \w, \d and \h (Oniguruma's hexadecimal digit) stand for. */
static bool append_members(translation *t, char kind) {
    switch (kind) {
    case 's': return append(&t->out, BLANKS);
    case 'w': return append_word(t);
    case 'd': return append_category(t, "Nd", 2);
    default: return append(&t->out, "0-9A-Fa-f");
    }
}

/* \p{..} or \P{..}. Names of two letters are categories; scripts and long names are PCRE2's. */
static bool translate_property(translation *t) {
    const char *p = t->pattern.p + t->at, *end = memchr(p, '}', t->pattern.n - t->at);
    if (t->pattern.n - t->at < 5 || p[2] != '{' || !end) {
        t->refused = "a property without braces";
        return true;
    }
    bool caret = p[3] == '^', negated = caret != (p[1] == 'P');
    const char *name = p + 3 + caret;
    size_t n = (size_t)(end - name);
    t->at += (size_t)(end - p) + 1;
    if (n > 2 || (negated && t->class_begin)) return trit_text_append(&t->out, p, (size_t)(end - p) + 1);
    if (t->class_begin) return append_category(t, name, n);
    return append(&t->out, negated ? "[^" : "[") && append_category(t, name, n) && append(&t->out, "]");
}

static bool translate_escape(translation *t) {
    const char *p = t->pattern.p + t->at;
    char lower = (char)(p[1] | 0x20);
    bool negated = lower != p[1];
    if (lower == 'p') return translate_property(t);
    t->at += 2;
    if (!strchr("swdh", lower) || (negated && t->class_begin && lower == 's')) return trit_text_append(&t->out, p, 2);
    if (t->class_begin && negated) t->refused = "a negated escape in a class";
    if (t->class_begin) return append_members(t, lower);
    return append(&t->out, negated ? "[^" : "[") && append_members(t, lower) && append(&t->out, "]");
}

/* Is there an interval {n,m} with a + behind it? To Oniguruma that is a repetition of it, to PCRE2 a possessive one. */
static bool repeats_interval(trit_str rest) {
    size_t i = 1;
    while (i < rest.n && ((rest.p[i] >= '0' && rest.p[i] <= '9') || rest.p[i] == ',')) i++;
    return i > 1 && i + 1 < rest.n && rest.p[i] == '}' && rest.p[i + 1] == '+';
}

static bool translate_char(translation *t) {
    trit_str rest = {t->pattern.p + t->at, t->pattern.n - t->at};
    char c = rest.p[0], next = rest.n > 1 ? rest.p[1] : '\0';
    if (t->class_begin) {
        /* A bracket right behind the opening one is a member. */
        bool first = t->at == t->class_begin || (t->at == t->class_begin + 1 && rest.p[-1] == '^');
        if (c == '[' && next != ':') t->refused = "a class in a class";
        if (c == '&' && next == '&') t->refused = "an intersection of classes";
        const char *end = c == '[' ? memchr(rest.p, ']', rest.n) : NULL; /* [:alpha:] */
        size_t n = end ? (size_t)(end - rest.p) + 1 : 1;
        if (c == ']' && !first) t->class_begin = 0;
        t->at += n;
        return trit_text_append(&t->out, rest.p, n);
    }
    if (c == '{' && repeats_interval(rest)) t->refused = "a + behind an interval";
    t->at++;
    if (c == '[') t->class_begin = t->at;
    return trit_text_append(&t->out, rest.p, 1);
}

static bool translate(translation *t) {
    bool ok = true;
    while (ok && !t->refused && t->at < t->pattern.n)
        ok = t->pattern.p[t->at] == '\\' && t->at + 1 < t->pattern.n ? translate_escape(t) : translate_char(t);
    return ok;
}

static void *give(size_t n, void *data) {
    (void)data;
    return trit_alloc(n, 1);
}

static void take(void *p, void *data) {
    (void)data;
    trit_free(p);
}

static pcre2_code *compile(const trit_text *pattern, int *code, size_t *at) {
    pcre2_general_context *memory = pcre2_general_context_create(give, take, NULL);
    pcre2_compile_context *context = memory ? pcre2_compile_context_create(memory) : NULL;
    pcre2_code *compiled = NULL;
    *code = PCRE2_ERROR_NOMEMORY;
    if (context) {
        pcre2_set_newline(context, PCRE2_NEWLINE_LF);
        pcre2_set_max_pattern_length(context, max_pattern_bytes);
        uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
        compiled = pcre2_compile((PCRE2_SPTR)pattern->data, pattern->n, options, code, at, context);
    }
    pcre2_compile_context_free(context);
    pcre2_general_context_free(memory);
    return compiled;
}

static trit_status refuse(trit_str pattern, const char *reason, const char *what, trit_error *err) {
    return trit_error_set(err, trit_unsupported, "%s: regular expression \"%.*s\": %s", what, TRIT_STR_ARG(pattern), reason);
}

static trit_status build(pcre2_code **out, translation *t, const char *what, trit_error *err) {
    t->at = t->out.n = 0;
    if (!trit_text_reserve(&t->out, t->pattern.n) || !translate(t)) return trit_error_memory(err, t->pattern.n, what);
    if (t->refused) return refuse(t->pattern, t->refused, what, err);
    int code = 0;
    size_t at = 0;
    t->out.data[t->out.n] = '\0'; /* an empty pattern appended nothing */
    *out = compile(&t->out, &code, &at);
    if (*out) {
        (void)pcre2_jit_compile(*out, PCRE2_JIT_COMPLETE); /* without it matching is slower, not other */
        return trit_ok;
    }
    /* 121 is "failed to allocate heap memory" while compiling (pcre2api). */
    if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED) return trit_error_memory(err, t->pattern.n, what);
    char reason[128] = "";
    pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof reason);
    return refuse(t->pattern, reason, what, err);
}

trit_status trit_regex_new(trit_regex **out, trit_str pattern, const char *what, trit_error *err) {
    translation t = {.pattern = pattern};
    trit_regex *regex = trit_alloc_zero(1, sizeof *regex);
    trit_status status = regex ? build(&regex->code, &t, what, err) : trit_error_memory(err, sizeof *regex, what);
    if (!status && t.has_categories) {
        t.newer = true;
        status = build(&regex->newer, &t, what, err);
    }
    trit_text_fini(&t.out);
    if (!status) regex->hash = trit_hash_bytes(pattern.p, pattern.n);
    if (status)
        trit_regex_free(regex);
    else
        *out = regex;
    return status;
}

void trit_regex_free(trit_regex *regex) {
    if (!regex) return;
    pcre2_code_free(regex->code);
    pcre2_code_free(regex->newer);
    trit_free(regex);
}

uint64_t trit_regex_hash(const trit_regex *regex) {
    return regex->hash;
}

trit_matcher *trit_matcher_new(void) {
    trit_matcher *matcher = trit_alloc_zero(1, sizeof *matcher);
    pcre2_general_context *memory = pcre2_general_context_create(give, take, NULL);
    if (matcher && memory) {
        matcher->data = pcre2_match_data_create(1, memory);
        matcher->context = pcre2_match_context_create(memory);
    }
    pcre2_general_context_free(memory);
    if (!matcher || !matcher->data || !matcher->context) {
        trit_matcher_free(matcher);
        return NULL;
    }
    pcre2_set_heap_limit(matcher->context, heap_limit_kib);
    return matcher;
}

void trit_matcher_free(trit_matcher *matcher) {
    if (!matcher) return;
    pcre2_match_data_free(matcher->data);
    pcre2_match_context_free(matcher->context);
    trit_free(matcher);
}

void trit_matcher_look_at(trit_matcher *matcher, const char *s, size_t n) {
    matcher->newer = trit_has_newer(s, n);
}

trit_found trit_regex_find(const trit_regex *regex, trit_matcher *matcher, const char *s, size_t n, size_t from, size_t *begin,
                           size_t *end) {
    size_t limit = min_match_limit + (n < UINT32_MAX / 128 ? n : UINT32_MAX / 128) * steps_per_byte;
    pcre2_set_match_limit(matcher->context, (uint32_t)limit);
    const pcre2_code *code = matcher->newer && regex->newer ? regex->newer : regex->code;
    while (from < n) {
        uint32_t options = PCRE2_NO_UTF_CHECK;
        PCRE2_SPTR subject = (PCRE2_SPTR)s;
        int rc = pcre2_match(code, subject, n, from, options, matcher->data, matcher->context);
        if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
            rc = pcre2_match(code, subject, n, from, options | PCRE2_NO_JIT, matcher->data, matcher->context);
        if (rc == PCRE2_ERROR_NOMATCH) return trit_found_none;
        if (rc < 0) return trit_found_gave_up;
        const size_t *span = pcre2_get_ovector_pointer(matcher->data);
        *begin = span[0];
        *end = span[1];
        /* Look-behinds with \K can put the start outside of what was searched. */
        if (*begin < *end && *begin >= from && *end <= n) return trit_found_match;
        from = *end > from ? *end : from + 1;
        while (from < n && ((unsigned char)s[from] & 0xC0) == 0x80) from++;
    }
    return trit_found_none;
}
