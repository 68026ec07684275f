/* Regular expressions over PCRE2: compiled at open with its JIT where the system allows one, else interpreted. */
#include "text/regex.h"

#include <stdint.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/alloc.h"
#include "base/error.h"

enum {
    max_pattern_bytes = 1 << 16,
    min_match_limit = 1000 * 1000, /* steps; exponential patterns are cut within a second */
    steps_per_byte = 64,           /* on top: honest patterns look at a byte a few times */
    heap_limit_kib = 64 << 10
};

struct trit_regex {
    pcre2_code *code;
};

struct trit_matcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
};

/* White_Space of Unicode. PCRE2's own \s also takes U+180E, which lost that property in Unicode 6.3. */
#define BLANKS "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

static bool append(trit_text *out, const char *s) {
    return trit_text_append(out, s, strlen(s));
}

/* Spells out \s and, outside of classes, \S. */
static bool translate(trit_text *out, trit_str pattern) {
    size_t class_begin = 0; /* where the class that we are in began, plus one; 0 outside */
    for (size_t i = 0; i < pattern.n; i++) {
        const char *p = pattern.p + i;
        bool escaped = *p == '\\' && i + 1 < pattern.n;
        bool done = false;
        if (escaped && p[1] == 's') {
            if (!append(out, class_begin ? BLANKS : "[" BLANKS "]")) return false;
            done = true;
        } else if (escaped && p[1] == 'S' && !class_begin) {
            if (!append(out, "[^" BLANKS "]")) return false;
            done = true;
        } else if (*p == '[' && !class_begin) {
            class_begin = i + 1;
        } else if (*p == ']' && class_begin) {
            /* A bracket right behind the opening one is a member. */
            bool first = i == class_begin || (i == class_begin + 1 && p[-1] == '^');
            if (!first) class_begin = 0;
        }
        if (!done && !trit_text_append(out, p, escaped ? 2 : 1)) return false;
        i += escaped;
    }
    return true;
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

trit_status trit_regex_new(trit_regex **out, trit_str pattern, const char *what, trit_error *err) {
    trit_text spelled = {0};
    trit_regex *regex = trit_alloc(1, sizeof *regex);
    if (!regex || !trit_text_reserve(&spelled, pattern.n) || !translate(&spelled, pattern)) {
        trit_free(regex);
        trit_text_fini(&spelled);
        return trit_error_memory(err, pattern.n, what);
    }
    int code = 0;
    size_t at = 0;
    spelled.data[spelled.n] = '\0'; /* an empty pattern appended nothing */
    regex->code = compile(&spelled, &code, &at);
    trit_text_fini(&spelled);
    if (!regex->code) {
        trit_free(regex);
        /* 121 is "failed to allocate heap memory" while compiling (pcre2api). */
        if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED) return trit_error_memory(err, pattern.n, what);
        char reason[128] = "";
        pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof reason);
        return trit_error_set(err, trit_unsupported, "%s: regular expression \"%.*s\": %s", what, TRIT_STR_ARG(pattern), reason);
    }
    (void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE); /* without it matching is slower, not other */
    *out = regex;
    return trit_ok;
}

void trit_regex_free(trit_regex *regex) {
    if (!regex) return;
    pcre2_code_free(regex->code);
    trit_free(regex);
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

trit_found trit_regex_find(const trit_regex *regex, trit_matcher *matcher, const char *s, size_t n, size_t from, size_t *begin,
                           size_t *end) {
    size_t limit = min_match_limit + (n < UINT32_MAX / 128 ? n : UINT32_MAX / 128) * steps_per_byte;
    pcre2_set_match_limit(matcher->context, (uint32_t)limit);
    while (from < n) {
        uint32_t options = PCRE2_NO_UTF_CHECK;
        PCRE2_SPTR subject = (PCRE2_SPTR)s;
        int rc = pcre2_match(regex->code, subject, n, from, options, matcher->data, matcher->context);
        if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
            rc = pcre2_match(regex->code, subject, n, from, options | PCRE2_NO_JIT, matcher->data, matcher->context);
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
