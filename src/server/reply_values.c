#include "server/reply_values.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/utf8.h"

enum { state_start, state_key, state_colon, state_value, state_string, state_after };

enum { max_blanks = 64 }; /* between a quote and what makes it the end of its text */

void trit_values_init(trit_values *v, const char *quote) {
    *v = (trit_values){.quote = quote, .state = state_start};
}

void trit_values_fini(trit_values *v) {
    trit_free(v->name);
    v->name = NULL;
    v->n_names = v->capacity = 0;
}

static void put(trit_values *v, trit_text *out, const char *s, size_t n) {
    if (n && !trit_text_append(out, s, n)) v->failed = true;
}

static trit_match end_of(bool last) {
    return last ? trit_match_no : trit_match_partial;
}

static trit_match go_on(trit_values *v, int state, size_t n, size_t *used) {
    v->state = (uint8_t)state;
    *used = n;
    return trit_match_yes;
}

/* ---- Brackets ---- */

static bool is_mapping(const trit_values *v) {
    return v->close[v->depth - 1] == '}' || (v->depth == 1 && !v->quote);
}

static trit_match open_bracket(trit_values *v, char bracket, trit_text *out, size_t *used) {
    if (v->depth == trit_values_max_depth) return trit_match_no;
    v->has &= ~(1ull << v->depth);
    v->first[v->depth] = v->n_names;
    v->close[v->depth++] = bracket == '(' ? ')' : bracket == '[' ? ']' : '}';
    put(v, out, is_mapping(v) ? "{" : "[", 1);
    return go_on(v, is_mapping(v) ? state_key : state_value, 1, used);
}

static trit_match close_bracket(trit_values *v, trit_text *out, size_t *used) {
    put(v, out, is_mapping(v) ? "}" : "]", 1);
    v->n_names = v->first[--v->depth];
    return go_on(v, state_after, 1, used);
}

/* What stands before an element: nothing, or what parts it from the one before. */
static void begin_element(trit_values *v, trit_text *out) {
    const uint64_t bit = 1ull << (v->depth - 1);
    if (v->has & bit) put(v, out, ", ", 2);
    v->has |= bit;
}

void trit_values_end(trit_values *v, trit_text *out) {
    size_t used;
    if (v->state == state_string) put(v, out, "\"", 1);
    if (v->state == state_colon) put(v, out, ": ", 2);
    if (v->depth && is_mapping(v) && (v->state == state_value || v->state == state_colon)) put(v, out, "null", 4);
    while (v->depth) (void)close_bracket(v, out, &used);
}

/* ---- Words: names, numbers, constants, texts without quotes ---- */

static size_t n_digits(trit_str s, size_t at) {
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9') n++;
    return n;
}

static bool is_number(trit_str s) {
    size_t at = s.n && *s.p == '-', n = n_digits(s, at);
    if (!n || (n > 1 && s.p[at] == '0')) return false;
    at += n;
    if (at < s.n && s.p[at] == '.') {
        if (!(n = n_digits(s, at + 1))) return false;
        at += n + 1;
    }
    if (at < s.n && (s.p[at] == 'e' || s.p[at] == 'E')) {
        at += at + 1 < s.n && (s.p[at + 1] == '+' || s.p[at + 1] == '-') ? 2 : 1;
        if (!(n = n_digits(s, at))) return false;
        at += n;
    }
    return at == s.n;
}

/* A number as Python may have it, as JSON has it: 1_000, +1, .5, 1. */
static trit_str plain_number(trit_str s, char buffer[static 64]) {
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < 60; i++) {
        const bool is_digit_before = i && n_digits(s, i - 1), is_digit_behind = n_digits(s, i + 1);
        if (s.p[i] == '_' && is_digit_before && is_digit_behind) continue;
        if (s.p[i] == '+' && !i && (is_digit_behind || (s.n > 1 && s.p[1] == '.'))) continue;
        if (s.p[i] == '.' && !is_digit_before && !is_digit_behind) return s;
        if (s.p[i] == '.' && !is_digit_before) buffer[n++] = '0';
        buffer[n++] = s.p[i];
        if (s.p[i] == '.' && !is_digit_behind) buffer[n++] = '0';
    }
    const trit_str plain = {buffer, n};
    return s.n < 60 && is_number(plain) ? plain : s;
}

/* One that 64 bits cannot hold (1e999) is none: whoever reads the JSON would refuse all of it. */
static bool fits(trit_str number) {
    trit_json *parsed = NULL;
    const bool ok = trit_json_parse(&parsed, number.p, number.n, "a number", NULL) == trit_ok;
    trit_json_free(parsed);
    return ok;
}

static void put_word(trit_values *v, trit_text *out, trit_str s) {
    char buffer[64];
    const trit_str number = plain_number(s, buffer);
    if (!s.n || trit_str_is(s, "None") || trit_str_is(s, "null")) put(v, out, "null", 4);
    else if (trit_str_is(s, "True") || trit_str_is(s, "true")) put(v, out, "true", 4);
    else if (trit_str_is(s, "False") || trit_str_is(s, "false")) put(v, out, "false", 5);
    else if (is_number(number) && fits(number)) put(v, out, number.p, number.n);
    else if (!trit_json_write_str(out, s.p, s.n)) v->failed = true;
}

/* Up to one of `ends`, without the blanks before it. */
static trit_match match_word(trit_str s, const char *ends, bool last, trit_str *word, size_t *used) {
    size_t n = 0;
    while (n < s.n && n <= trit_values_max_word && !strchr(ends, s.p[n])) n++;
    if (n > trit_values_max_word) return trit_match_no;
    if (n == s.n && !last) return trit_match_partial;
    *used = n;
    while (n && trit_blanks((trit_str){s.p + n - 1, 1})) n--;
    *word = (trit_str){s.p, n};
    return trit_match_yes;
}

/* A value without brackets or quotes. One that holds them (a call, a text with a letter before it) would be cut at their commas: it is none. */
static trit_match match_bare(trit_str s, bool last, trit_str *word, size_t *used) {
    const trit_match m = match_word(s, ",)]}([{'\"", last, word, used);
    return m == trit_match_yes && *used < s.n && strchr("([{'\"", s.p[*used]) ? trit_match_no : m;
}

static bool begins_text(const trit_values *v, char c) {
    return c == '"' || (c == '\'' && !v->quote) || (v->quote && c == *v->quote);
}

/* Behind a name: can a value be read? It is looked at before the name is put. */
static trit_match match_begin(const trit_values *v, trit_str s, bool last) {
    trit_str word;
    size_t used;
    s = trit_behind(s, trit_blanks(s));
    if (!s.n) return last ? trit_match_yes : trit_match_partial;
    if (*s.p == '[' || *s.p == '{' || (*s.p == '(' && !v->quote)) return v->depth < trit_values_max_depth ? trit_match_yes : trit_match_no;
    if (begins_text(v, *s.p)) return trit_match_yes;
    const trit_match m = match_bare(s, last, &word, &used);
    return m;
}

/* ---- Texts ---- */

static trit_match begin_string(trit_values *v, trit_str s, bool last, trit_text *out, size_t *used) {
    const char c = *s.p;
    size_t n = 1;
    if (v->quote && c == *v->quote) {
        const trit_match m = trit_match_mark(trit_str_from(v->quote), s, last, &n);
        if (m != trit_match_yes) return m;
    } else if (c != '"' && (c != '\'' || v->quote)) {
        return trit_match_no;
    }
    v->in_quote = v->quote && c == *v->quote ? 0 : c;
    v->is_triple = false;
    if (v->in_quote && !v->quote) { /* three quotes begin a text of lines; two are an empty one */
        if (s.n < 3 && !last && (s.n < 2 || s.p[1] == c)) return trit_match_partial;
        v->is_triple = s.n >= 3 && s.p[1] == c && s.p[2] == c;
        if (v->is_triple) n = 3;
    }
    put(v, out, "\"", 1);
    return go_on(v, state_string, n, used);
}

static void put_char(trit_values *v, trit_text *out, uint32_t cp) {
    char bytes[8];
    if (cp == '"' || cp == '\\') put(v, out, bytes, (size_t)snprintf(bytes, sizeof bytes, "\\%c", (char)cp));
    else if (cp == '\n' || cp == '\t') put(v, out, cp == '\n' ? "\\n" : "\\t", 2);
    else if (cp < ' ' || cp == 0x7F) put(v, out, bytes, (size_t)snprintf(bytes, sizeof bytes, "\\u%04x", (unsigned)cp));
    else put(v, out, bytes, trit_utf8_encode(cp, bytes));
}

static bool read_hex(trit_str s, size_t n, uint32_t *out) {
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        const int digit = trit_hex_digit(s.p[i]);
        if (digit < 0) return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

/* Up to three digits, as many as there are. */
static trit_match put_octal(trit_values *v, trit_str s, bool last, trit_text *out, size_t *used) {
    uint32_t cp = 0;
    size_t n = 1;
    for (; n < 4 && n < s.n && s.p[n] >= '0' && s.p[n] <= '7'; n++) cp = cp * 8 + (uint32_t)(s.p[n] - '0');
    if (n == s.n && n < 4 && !last) return trit_match_partial;
    put_char(v, out, cp);
    *used = n;
    return trit_match_yes;
}

/* A pair of surrogates is one character; half a pair is none. s is the first of them, which is cp. */
static trit_match put_surrogate(trit_values *v, trit_str s, uint32_t cp, bool last, trit_text *out, size_t *used) {
    uint32_t low;
    if (cp < 0xDC00) {
        if (s.n < 12 && !last && (s.n < 7 || s.p[6] == '\\') && (s.n < 8 || s.p[7] == 'u')) return trit_match_partial;
        if (s.n >= 12 && s.p[6] == '\\' && s.p[7] == 'u' && read_hex(trit_behind(s, 8), 4, &low) && low >= 0xDC00 && low <= 0xDFFF) {
            put(v, out, s.p, 12);
            *used = 12;
            return trit_match_yes;
        }
    }
    put_char(v, out, 0xFFFD);
    return trit_match_yes;
}

/* Python's escapes and JSON's "\/". One that is neither is a backslash and a letter. */
static trit_match put_escape(trit_values *v, trit_str s, bool last, trit_text *out, size_t *used) {
    static const char letters[] = "ntrbfav'\"\\/", meanings[] = "\n\t\r\b\f\a\v'\"\\/";
    if (s.n < 2) return end_of(last);
    const char c = s.p[1], *letter = c ? strchr(letters, c) : NULL;
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    uint32_t cp;
    *used = 2;
    if (c == '\n') return trit_match_yes;
    if (letter) {
        put_char(v, out, (uint8_t)meanings[letter - letters]);
        return trit_match_yes;
    }
    if (c >= '0' && c <= '7') return put_octal(v, s, last, out, used);
    if (s.n < digits + 2 && !last) return trit_match_partial;
    if (digits && s.n >= digits + 2 && read_hex(trit_behind(s, 2), digits, &cp) && cp <= 0x10FFFF) {
        *used = digits + 2;
        if (digits == 4 && cp >= 0xD800 && cp <= 0xDFFF) return put_surrogate(v, s, cp, last, out, used);
        if (digits == 4) put(v, out, s.p, 6);
        else put_char(v, out, cp < 0xD800 || cp > 0xDFFF ? cp : 0xFFFD);
        return trit_match_yes;
    }
    *used = 1;
    put_char(v, out, '\\');
    return trit_match_yes;
}

/* A quote inside a text that nothing of the language follows is a letter: templates put texts between quotes as they are. */
static trit_match ends_here(const trit_values *v, trit_str s, bool last, size_t *used) {
    if (!v->in_quote) return trit_match_mark(trit_str_from(v->quote), s, last, used);
    *used = v->is_triple ? 3 : 1;
    for (size_t i = 0; i < *used; i++) {
        if (i == s.n) return end_of(last);
        if (s.p[i] != v->in_quote) return trit_match_no;
    }
    if (v->is_triple) return trit_match_yes;
    const size_t n = trit_blanks(trit_behind(s, 1));
    if (n > max_blanks) return trit_match_no;
    if (n + 1 == s.n) return last ? trit_match_yes : trit_match_partial;
    return strchr(v->is_key ? ":=" : ",)]}", s.p[n + 1]) && s.p[n + 1] ? trit_match_yes : trit_match_no;
}

static trit_match step_string(trit_values *v, trit_str s, bool last, trit_text *out, size_t *used) {
    const char quote = v->in_quote ? v->in_quote : *v->quote;
    size_t n = 0;
    *used = 0;
    while (n < s.n && s.p[n] != quote && s.p[n] != '\\' && s.p[n] != '"' && (unsigned char)s.p[n] >= ' ' && s.p[n] != 0x7F) n++;
    put(v, out, s.p, n);
    *used = n;
    if (n == s.n) return end_of(last);
    s = trit_behind(s, n);
    trit_match m = trit_match_no;
    size_t more = 1;
    if (*s.p == quote) {
        m = ends_here(v, s, last, &more);
        if (m == trit_match_partial) return m;
        if (m == trit_match_yes) {
            put(v, out, "\"", 1);
            v->state = v->is_key ? state_colon : state_after;
            *used += more;
            return m;
        }
        more = 1;
    }
    if (*s.p == '\\' && v->in_quote) {
        m = put_escape(v, s, last, out, &more);
        if (m != trit_match_yes) return m;
    } else {
        put_char(v, out, (uint8_t)*s.p);
    }
    *used += more;
    return trit_match_yes;
}

/* ---- Names ---- */

/* A name that its object has already, or one with a NUL, would make JSON that is refused. */
static bool add_name(trit_values *v, trit_str name) {
    uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a */
    if (name.n && memchr(name.p, 0, name.n)) return false;
    for (size_t i = 0; i < name.n; i++) hash = (hash ^ (uint8_t)name.p[i]) * 0x100000001B3u;
    for (size_t i = v->first[v->depth - 1]; i < v->n_names; i++)
        if (v->name[i] == hash) return false;
    if (trit_grow((void **)&v->name, &v->capacity, v->n_names + 1, sizeof *v->name)) v->name[v->n_names++] = hash;
    else v->failed = true;
    return true;
}

/* A name in quotes, whole: out is its JSON. */
static trit_match match_quoted_name(trit_values *v, trit_str s, bool last, trit_text *out, size_t *used) {
    trit_values trial = *v;
    trial.is_key = true;
    trit_match m = begin_string(&trial, s, last, out, used);
    while (m == trit_match_yes && trial.state == state_string && *used <= trit_values_max_word) {
        size_t n;
        m = step_string(&trial, trit_behind(s, *used), last, out, &n);
        *used += n;
    }
    v->failed = v->failed || trial.failed;
    return *used > trit_values_max_word ? trit_match_no : m;
}

static trit_match take_quoted_name(trit_values *v, trit_str s, bool last, trit_text *out, size_t *used) {
    trit_text text = {0};
    trit_json *name = NULL;
    trit_match m = match_quoted_name(v, s, last, &text, used);
    if (m == trit_match_yes && trit_json_parse(&name, text.data, text.n, "a name", NULL) != trit_ok) m = trit_match_no;
    if (m == trit_match_yes && !add_name(v, trit_json_as_str(name))) m = trit_match_no;
    if (m == trit_match_yes) {
        begin_element(v, out);
        put(v, out, text.data, text.n);
        v->state = state_colon;
    }
    trit_json_free(name);
    trit_text_fini(&text);
    return m;
}

/* ---- Steps; no: see trit_values_take ---- */

static trit_match step_key(trit_values *v, trit_str s, bool last, trit_text *out, size_t *used) {
    const char end = v->depth == 1 && !v->quote ? '=' : ':';
    trit_str word;
    size_t n;
    if (*s.p == v->close[v->depth - 1]) return close_bracket(v, out, used);
    if (begins_text(v, *s.p)) return take_quoted_name(v, s, last, out, used);
    trit_match m = match_word(s, "=:,()[]{}", last, &word, &n);
    if (m != trit_match_yes) return m;
    if (!word.n || n == s.n || s.p[n] != end) return trit_match_no;
    m = match_begin(v, trit_behind(s, n + 1), last);
    if (m != trit_match_yes) return m;
    if (!add_name(v, word)) return trit_match_no;
    begin_element(v, out);
    if (!trit_json_write_str(out, word.p, word.n)) v->failed = true;
    return go_on(v, state_colon, n, used);
}

static trit_match step_colon(trit_values *v, trit_str s, trit_text *out, size_t *used) {
    if (*s.p != ':' && *s.p != '=') return trit_match_no;
    put(v, out, ": ", 2);
    return go_on(v, state_value, 1, used);
}

static trit_match step_value(trit_values *v, trit_str s, bool last, trit_text *out, size_t *used) {
    const bool in_mapping = is_mapping(v);
    trit_str word;
    if (!in_mapping && *s.p == v->close[v->depth - 1]) return close_bracket(v, out, used);
    if (*s.p == '[' || *s.p == '{' || (*s.p == '(' && !v->quote)) {
        if (v->depth == trit_values_max_depth) return trit_match_no;
        if (!in_mapping) begin_element(v, out);
        return open_bracket(v, *s.p, out, used);
    }
    v->is_key = false;
    if (begins_text(v, *s.p)) {
        trit_text text = {0};
        const trit_match m = begin_string(v, s, last, &text, used);
        if (m == trit_match_yes) {
            if (!in_mapping) begin_element(v, out);
            put(v, out, text.data, text.n);
        }
        trit_text_fini(&text);
        return m;
    }
    const trit_match m = match_bare(s, last, &word, used);
    if (m != trit_match_yes) return m;
    if (!in_mapping) begin_element(v, out);
    put_word(v, out, word);
    v->state = state_after;
    return trit_match_yes;
}

static trit_match step_after(trit_values *v, trit_str s, trit_text *out, size_t *used) {
    if (*s.p == v->close[v->depth - 1]) return close_bracket(v, out, used);
    if (*s.p != ',') return trit_match_no;
    return go_on(v, is_mapping(v) ? state_key : state_value, 1, used);
}

static trit_match step(trit_values *v, trit_str s, bool last, trit_text *out, size_t *used) {
    *used = 0;
    if (v->state == state_string) return step_string(v, s, last, out, used);
    const size_t blanks = trit_blanks(s);
    trit_match m = trit_match_no;
    size_t n = 0;
    s = trit_behind(s, blanks);
    if (!s.n) {
        *used = blanks;
        return end_of(last);
    }
    switch (v->state) {
    case state_start: m = *s.p == (v->quote ? '{' : '(') ? open_bracket(v, *s.p, out, &n) : trit_match_no; break;
    case state_key: m = step_key(v, s, last, out, &n); break;
    case state_colon: m = step_colon(v, s, out, &n); break;
    case state_value: m = step_value(v, s, last, out, &n); break;
    default: m = step_after(v, s, out, &n); break;
    }
    if (m == trit_match_yes) *used = blanks + n;
    return m;
}

trit_match trit_values_take(trit_values *v, trit_str s, bool last, trit_text *out, size_t *used) {
    trit_match m = trit_match_yes;
    *used = 0;
    while (m == trit_match_yes && (v->depth || v->state == state_start)) {
        size_t n;
        if (*used == s.n && !last) return trit_match_partial;
        if (*used == s.n) return trit_match_no;
        m = step(v, trit_behind(s, *used), last, out, &n);
        *used += n;
    }
    return m;
}
