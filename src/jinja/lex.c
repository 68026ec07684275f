/* The lexer: where tags begin and end, whitespace control, and the words inside of tags.
 *
 * Whitespace rules, as in Hugging Face's set-up of Jinja (trim_blocks, lstrip_blocks):
 *   - the newline behind a block tag or comment goes; "+%}" keeps it
 *   - blanks between the beginning of a line and a block tag or comment go; "{%+" keeps them
 *   - "-" at either end of any tag takes all whitespace on that side
 *   - one newline at the end of the template goes; newlines of all systems count as "\n" */
#include "jinja/lex.h"

#include "base/error.h"
#include "base/utf8.h"
#include "jinja/chars.h"

typedef struct lexer {
    trit_str s;
    size_t at;
    uint32_t line;
    bool line_begins; /* nothing but a line's beginning stands before `at`, as far as lstrip_blocks is concerned */
    trit_jarena *arena;
    trit_jtoken *tokens;
    size_t n_tokens, capacity;
    trit_error *err;
    trit_status status;
} lexer;

static bool fail(lexer *l, const char *what) {
    l->status = trit_error_set(l->err, trit_format, "template line %u: %s", (unsigned)l->line, what);
    return false;
}

static bool fail_memory(lexer *l) {
    l->status = l->arena->limit_hit ? trit_error_set(l->err, trit_format, "template: too large to compile (limit: %zu bytes)", l->arena->max_bytes)
                                    : trit_error_memory(l->err, l->s.n, "the template");
    return false;
}

static bool push(lexer *l, trit_jtoken_kind kind, trit_str text) {
    if (l->n_tokens == l->capacity) {
        size_t capacity = l->capacity ? l->capacity * 2 : 256;
        trit_jtoken *grown = trit_jarena_alloc(l->arena, capacity, sizeof *grown);
        if (!grown) return fail_memory(l);
        if (l->n_tokens) memcpy(grown, l->tokens, l->n_tokens * sizeof *grown);
        l->tokens = grown;
        l->capacity = capacity;
    }
    l->tokens[l->n_tokens++] = (trit_jtoken){.kind = kind, .line = l->line, .text = text};
    return true;
}

static char peek(const lexer *l, size_t ahead) {
    return ahead < l->s.n - l->at ? l->s.p[l->at + ahead] : '\0';
}

static bool looking_at(const lexer *l, const char *word) {
    size_t n = strlen(word);
    return n <= l->s.n - l->at && memcmp(l->s.p + l->at, word, n) == 0;
}

static void advance(lexer *l, size_t n) {
    for (; n > 0; n--) l->line += l->s.p[l->at++] == '\n';
}

static trit_str rest(const lexer *l) {
    return (trit_str){l->s.p + l->at, l->s.n - l->at};
}

static void skip_space(lexer *l) {
    advance(l, rest(l).n - trit_jstrip_left(rest(l)).n);
}

/* Over the end of a tag, of which the sign and the two characters have been recognised. */
static void close_tag(lexer *l, bool takes_newline) {
    char sign = peek(l, 0);
    bool has_sign = sign == '-' || sign == '+';
    advance(l, has_sign ? 3 : 2);
    if (sign == '-')
        skip_space(l);
    else if (!has_sign && takes_newline && peek(l, 0) == '\n')
        advance(l, 1);
    l->line_begins = l->s.p[l->at - 1] == '\n';
}

/* Data that ends before a tag: what the tag's sign and lstrip_blocks leave of it. */
static trit_str cut_data(const lexer *l, trit_str data, char sign, bool is_variable) {
    if (sign == '-') return trit_jstrip_right(data);
    if (sign == '+' || is_variable) return data;
    size_t line = data.n;
    while (line > 0 && data.p[line - 1] != '\n') line--;
    if (line == 0 && !l->line_begins) return data;
    trit_str last = {data.p + line, data.n - line};
    if (trit_jstrip_left(last).n == 0) data.n = line;
    return data;
}

/* Length of "{% raw %}" (or endraw) at `at`, up to its end mark, or 0. */
static size_t match_raw(const lexer *l, const char *word) {
    size_t n = 2, n_word = strlen(word);
    trit_str s = rest(l);
    if (s.n < 2 || s.p[0] != '{' || s.p[1] != '%') return 0;
    if (n < s.n && (s.p[n] == '-' || s.p[n] == '+')) n++;
    while (n < s.n && strchr(" \t\n", s.p[n]) && s.p[n]) n++;
    if (s.n - n < n_word || memcmp(s.p + n, word, n_word) != 0) return 0;
    n += n_word;
    while (n < s.n && strchr(" \t\n", s.p[n]) && s.p[n]) n++;
    size_t mark = n < s.n && (s.p[n] == '-' || s.p[n] == '+') ? n + 1 : n;
    return s.n - mark >= 2 && s.p[mark] == '%' && s.p[mark + 1] == '}' ? n : 0;
}

static bool lex_raw(lexer *l, size_t n_open) {
    advance(l, n_open);
    close_tag(l, false);
    size_t begin = l->at;
    while (l->at < l->s.n) {
        size_t n_close = match_raw(l, "endraw");
        if (!n_close) {
            advance(l, 1);
            continue;
        }
        trit_str data = {l->s.p + begin, l->at - begin};
        data = cut_data(l, data, peek(l, 2), false);
        if (data.n && !push(l, trit_jt_data, data)) return false;
        advance(l, n_close);
        close_tag(l, true);
        return true;
    }
    return fail(l, "{% raw %} without {% endraw %}");
}

static bool lex_comment(lexer *l) {
    uint32_t begin = l->line;
    for (advance(l, 2); l->at < l->s.n; advance(l, 1))
        if (looking_at(l, "#}") || looking_at(l, "-#}") || looking_at(l, "+#}")) {
            close_tag(l, true);
            return true;
        }
    l->line = begin;
    return fail(l, "{# without #}");
}

/* ---- inside of tags ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name_byte(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

/* Up to `max` digits of a base that begin at s.p[i]; returns how many, and their value. */
static size_t read_digits(trit_str s, size_t i, size_t max, int base, uint32_t *value) {
    size_t n = 0;
    for (*value = 0; n < max && i + n < s.n; n++) {
        int digit = trit_hex_digit(s.p[i + n]);
        if (digit < 0 || digit >= base) break;
        *value = *value * (uint32_t)base + (uint32_t)digit;
    }
    return n;
}

/* One escape at s.p[i] (behind the backslash); appends its meaning at *out and returns its length, 0 where it is broken. */
static size_t unescape_one(trit_str s, size_t i, char **out) {
    static const char plain[] = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v";
    uint32_t cp;
    size_t n = 0, wanted = s.p[i] == 'x' ? 2 : s.p[i] == 'u' ? 4 : s.p[i] == 'U' ? 8 : 0;
    if (s.p[i] == '\n') return 1;
    for (const char *p = plain; *p; p += 2)
        if (*p == s.p[i]) {
            *(*out)++ = p[1];
            return 1;
        }
    if (wanted) {
        n = read_digits(s, i + 1, wanted, 16, &cp);
        if (n < wanted || cp > 0x10FFFF) return 0;
        if (cp >= 0xD800 && cp < 0xE000) cp = 0xFFFD; /* half of a pair is no character */
        *out += trit_utf8_encode(cp, *out);
        return n + 1;
    }
    n = read_digits(s, i, 3, 8, &cp);
    if (n) {
        *out += trit_utf8_encode(cp, *out);
        return n;
    }
    *(*out)++ = '\\'; /* unknown escapes stay as they are */
    *(*out)++ = s.p[i];
    return 1;
}

/* No escape means more bytes than it is written with, so the literal's own length is room enough. */
static bool unescape(lexer *l, trit_str s, trit_str *value) {
    char *text = trit_jarena_bytes(l->arena, s.n + 1), *out = text;
    if (!text) return fail_memory(l);
    for (size_t i = 0; i < s.n;) {
        if (s.p[i] != '\\') {
            *out++ = s.p[i++];
            continue;
        }
        size_t n = unescape_one(s, i + 1, &out);
        if (!n) return fail(l, "broken escape in a string");
        i += n + 1;
    }
    *value = (trit_str){text, (size_t)(out - text)};
    return true;
}

static bool lex_string(lexer *l) {
    char quote = peek(l, 0);
    size_t n = 1;
    bool escapes = false;
    trit_str s = rest(l), value;
    for (; n < s.n && s.p[n] != quote; n++)
        if (s.p[n] == '\\') {
            escapes = true;
            n++;
        }
    if (n >= s.n) return fail(l, "a string without its closing quote");
    value = (trit_str){s.p + 1, n - 1};
    if (escapes && !unescape(l, value, &value)) return false;
    if (!push(l, trit_jt_string, value)) return false;
    advance(l, n + 1);
    return true;
}

/* Digits with single underscores between them, from byte i on; returns the byte behind. */
static size_t skip_digits(trit_str s, size_t i) {
    while (i < s.n && (is_digit(s.p[i]) || (s.p[i] == '_' && i + 1 < s.n && is_digit(s.p[i + 1])))) i++;
    return i;
}

static bool push_number(lexer *l, trit_jtoken_kind kind, size_t n) {
    char *digits = trit_jarena_bytes(l->arena, n);
    size_t n_digits = 0;
    if (!digits) return fail_memory(l);
    for (size_t i = 0; i < n; i++)
        if (l->s.p[l->at + i] != '_') digits[n_digits++] = l->s.p[l->at + i];
    if (!push(l, kind, (trit_str){digits, n_digits})) return false;
    advance(l, n);
    return true;
}

static bool lex_number(lexer *l, bool behind_dot) {
    trit_str s = rest(l);
    char second = (char)(peek(l, 1) | 0x20);
    size_t n = skip_digits(s, 0), fraction;
    if (s.p[0] == '0' && (second == 'x' || second == 'o' || second == 'b')) {
        n = 2;
        while (n < s.n && (trit_hex_digit(s.p[n]) >= 0 || s.p[n] == '_')) n++;
        return push_number(l, trit_jt_int, n);
    }
    if (behind_dot) return push_number(l, trit_jt_int, n);
    bool is_float = false;
    if (n + 1 < s.n && s.p[n] == '.' && is_digit(s.p[n + 1])) {
        n = skip_digits(s, n + 1);
        is_float = true;
    }
    if (n < s.n && (s.p[n] | 0x20) == 'e') {
        fraction = n + 1;
        if (fraction < s.n && (s.p[fraction] == '+' || s.p[fraction] == '-')) fraction++;
        if (fraction < s.n && is_digit(s.p[fraction])) {
            n = skip_digits(s, fraction);
            is_float = true;
        }
    }
    return push_number(l, is_float ? trit_jt_float : trit_jt_int, n);
}

static bool lex_operator(lexer *l) {
    static const char *const two[] = {"==", "!=", ">=", "<=", "**", "//"};
    size_t n = 1;
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (looking_at(l, two[i])) n = 2;
    if (n == 1 && (!peek(l, 0) || !strchr("+-/*%~[](){}<>=.:|,;", peek(l, 0)))) return fail(l, "unexpected character in a tag");
    if (!push(l, trit_jt_operator, (trit_str){l->s.p + l->at, n})) return false;
    advance(l, n);
    return true;
}

static bool at_tag_end(const lexer *l, const char *end) {
    size_t sign = peek(l, 0) == '-' || (peek(l, 0) == '+' && end[0] == '%');
    return peek(l, sign) == end[0] && peek(l, sign + 1) == '}';
}

static bool lex_word(lexer *l) {
    char c = peek(l, 0);
    const trit_jtoken *last = &l->tokens[l->n_tokens - 1];
    if (c == '"' || c == '\'') return lex_string(l);
    if (is_digit(c)) return lex_number(l, last->kind == trit_jt_operator && trit_str_is(last->text, "."));
    if (!is_name_byte(c)) return lex_operator(l);
    trit_str name = {l->s.p + l->at, 0};
    while (is_name_byte(peek(l, name.n))) name.n++;
    if (!push(l, trit_jt_name, name)) return false;
    advance(l, name.n);
    return true;
}

/* From behind the opening mark to behind the closing one. A mark inside of brackets is none: {{ {"a": {}} }}. */
static bool lex_tag(lexer *l, bool is_variable) {
    const char *end = is_variable ? "}}" : "%}";
    uint32_t begin = l->line;
    size_t depth = 0;
    for (;;) {
        skip_space(l);
        if (l->at == l->s.n) break;
        if (depth == 0 && at_tag_end(l, end)) {
            if (!push(l, is_variable ? trit_jt_variable_end : trit_jt_block_end, (trit_str){0})) return false;
            close_tag(l, !is_variable);
            return true;
        }
        char c = peek(l, 0);
        if (c == '(' || c == '[' || c == '{') depth++;
        if ((c == ')' || c == ']' || c == '}') && depth-- == 0) return fail(l, "a closing bracket without its opening one");
        if (!lex_word(l)) return false;
    }
    l->line = begin;
    return fail(l, is_variable ? "{{ without }}" : "{% without %}");
}

/* Data up to the next tag, and that tag. */
static bool lex_step(lexer *l) {
    size_t begin = l->at, open = begin;
    uint32_t data_line = l->line;
    while (open < l->s.n && !(l->s.p[open] == '{' && open + 1 < l->s.n && strchr("{%#", l->s.p[open + 1]) && l->s.p[open + 1])) open++;
    trit_str data = {l->s.p + begin, open - begin};
    if (open == l->s.n) {
        advance(l, open - begin);
        return !data.n || push(l, trit_jt_data, data);
    }
    char kind = l->s.p[open + 1], sign = open + 2 < l->s.n ? l->s.p[open + 2] : '\0';
    data = cut_data(l, data, sign, kind == '{');
    if (data.n && !push(l, trit_jt_data, data)) return false;
    advance(l, open - begin);
    if (data.n) l->tokens[l->n_tokens - 1].line = data_line;
    size_t n_raw = match_raw(l, "raw");
    if (n_raw) return lex_raw(l, n_raw);
    if (kind == '#') return lex_comment(l);
    if (!push(l, kind == '{' ? trit_jt_variable_begin : trit_jt_block_begin, (trit_str){0})) return false;
    advance(l, sign == '-' || sign == '+' ? 3 : 2);
    return lex_tag(l, kind == '{');
}

/* A copy whose lines end in "\n", without the last line's end. False: failed. */
static bool normalise(lexer *l, const char *source, size_t n) {
    char *copy = trit_jarena_bytes(l->arena, n + 1);
    size_t n_copy = 0;
    if (!copy) return fail_memory(l);
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        int length = trit_utf8_decode(source + i, n - i, &cp);
        if (length <= 0) return fail(l, "text that is not UTF-8");
        l->line += cp == '\n';
        if (cp == '\r') {
            copy[n_copy++] = '\n';
            i += i + 1 < n && source[i + 1] == '\n' ? 2 : 1;
            continue;
        }
        memcpy(copy + n_copy, source + i, (size_t)length);
        n_copy += (size_t)length;
        i += (size_t)length;
    }
    if (n_copy && copy[n_copy - 1] == '\n') n_copy--;
    l->s = (trit_str){copy, n_copy};
    l->line = 1;
    return true;
}

trit_status trit_jinja_lex(trit_jtoken **out, trit_jarena *arena, const char *source, size_t n, trit_error *err) {
    lexer l = {.s = {"", n}, .line = 1, .line_begins = true, .arena = arena, .err = err};
    bool good = normalise(&l, source, n);
    while (good && l.at < l.s.n) good = lex_step(&l);
    if (good && push(&l, trit_jt_end, (trit_str){0})) {
        *out = l.tokens;
        return trit_ok;
    }
    return l.status;
}
