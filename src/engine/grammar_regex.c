/* Regular expressions of JSON Schema. A class is a set of characters; what a JSON string must escape is spelled escaped. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/utf8.h"
#include "engine/grammar_read.h"
#include "engine/grammar_schema.h"

typedef struct reader {
    trit_expr_tree *tree;
    trit_reading in;
    const char *where;
    uint32_t depth;
    trit_char_range *range; /* of the class being read */
    size_t n_ranges, capacity;
    trit_status status;
    trit_error *err;
} reader;

static bool fail(reader *r, trit_status status, const char *what) {
    const trit_str pattern = {r->in.s, r->in.n};
    if (r->status == trit_ok)
        r->status = trit_error_set(r->err, status, "%s: pattern \"%.*s\", byte %zu: %s", r->where, TRIT_STR_ARG(pattern), r->in.at, what);
    return false;
}

/* ---- Characters as JSON spells them ---- */

static void put_escaped(trit_expr_tree *tree, uint32_t choice, uint32_t c) {
    static const char letters[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    char escape[8];
    const char *letter = c ? strchr(letters, (int)c) : NULL;
    if (letter) snprintf(escape, sizeof escape, "\\%c", names[letter - letters]);
    else snprintf(escape, sizeof escape, "\\u%04x", c & 0xFF);
    trit_expr_add(tree, choice, trit_expr_put_text(tree, escape, strlen(escape)));
}

uint32_t trit_json_chars(trit_expr_tree *tree, const trit_char_range *range, size_t n, bool others) {
    static const trit_char_range plain[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}};
    static const trit_char_range special[] = {{0, 0x1F}, {'"', '"'}, {'\\', '\\'}};
    uint32_t all = trit_expr_put_chars(tree, range, n, others), choice = trit_expr_new(tree, trit_expr_choice);
    if (tree->failed) return 0;
    const trit_expr set = tree->node[all];
    trit_char_range *raw = trit_alloc(3 * (size_t)set.n, sizeof *raw);
    size_t n_raw = 0;
    if (!raw) tree->failed = true;
    for (uint32_t i = 0; i < set.n && raw; i++) {
        trit_char_range r = tree->range[set.at + i];
        for (int k = 0; k < 3; k++) {
            uint32_t first = r.first > plain[k].first ? r.first : plain[k].first, last = r.last < plain[k].last ? r.last : plain[k].last;
            if (first <= last) raw[n_raw++] = (trit_char_range){first, last};
            for (uint32_t c = special[k].first; c <= special[k].last; c++)
                if (r.first <= c && c <= r.last) put_escaped(tree, choice, c);
            r = tree->failed ? r : tree->range[set.at + i];
        }
    }
    if (raw) trit_expr_add(tree, choice, trit_expr_put_chars(tree, raw, n_raw, false));
    trit_free(raw);
    return choice;
}

/* ---- Classes ---- */

static void add_range(reader *r, uint32_t first, uint32_t last) {
    if (!trit_grow((void **)&r->range, &r->capacity, r->n_ranges + 1, sizeof *r->range)) r->tree->failed = true;
    else r->range[r->n_ranges++] = (trit_char_range){first, last};
}

/* \d \w \s and, with a capital, all other ASCII characters. */
static bool add_named(reader *r, int letter) {
    static const struct {
        char letter;
        trit_char_range range[4];
        int n;
    } classes[] = {
        {'d', {{'0', '9'}}, 1},
        {'w', {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}, 4},
        {'s', {{'\t', '\r'}, {' ', ' '}}, 2},
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        uint32_t from = 0;
        if ((letter | 32) != classes[i].letter) continue;
        for (int k = 0; k < classes[i].n; k++) {
            trit_char_range c = classes[i].range[k];
            if (letter & 32) add_range(r, c.first, c.last);
            else if (c.first > from) add_range(r, from, c.first - 1);
            from = c.last + 1;
        }
        if (!(letter & 32)) add_range(r, from, 0x7F);
        return true;
    }
    return false;
}

static bool read_hex(reader *r, int n_digits, uint32_t *out) {
    if (!trit_take_hex(&r->in, n_digits, out)) return fail(r, trit_format, "an escape with too few hexadecimal digits");
    return (*out < 0xD800 || *out > 0xDFFF) || fail(r, trit_unsupported, "an escape that is no character by itself");
}

/* Behind a backslash: one character. */
static bool read_escape(reader *r, uint32_t *out) {
    static const char letters[] = "nrtfv0", meanings[] = "\n\r\t\f\v";
    int c = trit_peek(&r->in);
    if (c < 0) return fail(r, trit_format, "a backslash at the end");
    r->in.at++;
    if (c == 'x') return read_hex(r, 2, out);
    if (c == 'u') return read_hex(r, 4, out);
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter) *out = (uint8_t)meanings[letter - letters];
    else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '1' && c <= '9'))
        return fail(r, trit_unsupported, "this escape is not supported");
    else *out = (uint8_t)c;
    return true;
}

static bool read_char(reader *r, uint32_t *out) {
    if (trit_take(&r->in, "\\")) return read_escape(r, out);
    int length = r->in.at < r->in.n ? trit_utf8_decode(r->in.s + r->in.at, r->in.n - r->in.at, out) : 0;
    if (length <= 0) return fail(r, trit_format, "it ends too early");
    r->in.at += (size_t)length;
    return true;
}

/* One character or named set of a class; *is_char says which. */
static bool read_class_atom(reader *r, uint32_t *out, bool *is_char) {
    *is_char = true;
    if (trit_peek(&r->in) == '\\' && r->in.at + 1 < r->in.n) {
        if (add_named(r, (uint8_t)r->in.s[r->in.at + 1])) {
            r->in.at += 2;
            *is_char = false;
            return true;
        }
        if (r->in.s[r->in.at + 1] == 'b') {
            r->in.at += 2;
            *out = '\b';
            return true;
        }
    }
    return read_char(r, out);
}

/* Behind "[". Whatever is no blank or no letter in all dialects is ASCII: a named set takes all beyond it out of the others. */
static uint32_t read_class(reader *r) {
    bool others = trit_take(&r->in, "^"), has_set = false;
    r->n_ranges = 0;
    while (!trit_take(&r->in, "]")) {
        uint32_t first = 0, last = 0;
        bool is_char, is_last_char = true;
        if (!read_class_atom(r, &first, &is_char)) return 0;
        last = first;
        if (is_char && trit_peek(&r->in) == '-' && r->in.at + 1 < r->in.n && r->in.s[r->in.at + 1] != ']') {
            r->in.at++;
            if (!read_class_atom(r, &last, &is_last_char)) return 0;
            if (!is_last_char || last < first) return fail(r, trit_format, "a range of characters without an order");
        }
        if (is_char) add_range(r, first, last);
        has_set = has_set || !is_char;
        if (r->tree->failed) return 0;
    }
    if (others && has_set) add_range(r, 0x80, 0x10FFFF);
    if (r->tree->failed) return 0;
    return trit_json_chars(r->tree, r->range, r->n_ranges, others);
}

/* ---- Expressions ---- */

static uint32_t any_text(trit_expr_tree *tree) {
    return trit_expr_put_repeat(tree, trit_expr_put_use(tree, trit_expr_find_rule(tree, "char", 4)), 0, trit_grammar_no_max);
}

static bool read_number(reader *r, uint32_t *out) {
    if (!trit_take_number(&r->in, out)) return fail(r, trit_format, "a number is wanted in {m,n}");
    return *out <= trit_grammar_max_repeat || fail(r, trit_unsupported, "a repetition of more than 65536 times");
}

static bool read_bounds(reader *r, uint32_t *min, uint32_t *max) {
    if (!read_number(r, min)) return false;
    *max = *min;
    if (trit_take(&r->in, ",")) {
        *max = trit_grammar_no_max;
        if (trit_peek(&r->in) != '}' && !read_number(r, max)) return false;
    }
    if (!trit_take(&r->in, "}")) return fail(r, trit_format, "{m,n} without its end");
    return *min <= *max || fail(r, trit_format, "{m,n} with m above n");
}

static bool at_repeat(const reader *r) {
    int c = trit_peek(&r->in);
    return c == '*' || c == '+' || c == '?' || c == '{';
}

static uint32_t read_repeat(reader *r, uint32_t node) {
    uint32_t min = 0, max = trit_grammar_no_max;
    if (trit_take(&r->in, "+")) min = 1;
    else if (trit_take(&r->in, "?")) max = 1;
    else if (trit_take(&r->in, "{")) (void)read_bounds(r, &min, &max);
    else if (!trit_take(&r->in, "*")) return node;
    (void)trit_take(&r->in, "?"); /* lazy: the same texts */
    if (at_repeat(r)) (void)fail(r, trit_format, "a repetition of a repetition");
    return r->status == trit_ok ? trit_expr_put_repeat(r->tree, node, min, max) : 0;
}

static uint32_t read_choice(reader *r, bool is_whole);

/* Behind "(". */
static uint32_t read_group(reader *r) {
    const char *s = r->in.s + r->in.at;
    bool is_named = r->in.n - r->in.at > 2 && s[0] == '?' && s[1] == '<' && s[2] != '=' && s[2] != '!';
    while (is_named && trit_peek(&r->in) >= 0 && !trit_take(&r->in, ">")) r->in.at++;
    if (!is_named && !trit_take(&r->in, "?:") && trit_peek(&r->in) == '?') return fail(r, trit_unsupported, "look-around is not supported");
    if (++r->depth > trit_grammar_max_groups) return fail(r, trit_unsupported, "groups more than 100 deep");
    uint32_t node = read_choice(r, false);
    if (r->status == trit_ok && !trit_take(&r->in, ")")) return fail(r, trit_format, "a group without its end");
    r->depth--;
    return node;
}

static uint32_t read_atom(reader *r) {
    static const trit_char_range line_ends[] = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
    trit_char_range c = {0};
    if (trit_take(&r->in, "(")) return read_group(r);
    if (trit_take(&r->in, "[")) return read_class(r);
    if (trit_take(&r->in, ".")) return trit_json_chars(r->tree, line_ends, 3, true);
    if (trit_peek(&r->in) == '^' || trit_peek(&r->in) == '$') return fail(r, trit_unsupported, "^ and $ are supported at the ends of alternatives only");
    if (at_repeat(r)) return fail(r, trit_format, "a repetition of nothing");
    r->n_ranges = 0;
    if (trit_peek(&r->in) == '\\' && r->in.at + 1 < r->in.n && add_named(r, (uint8_t)r->in.s[r->in.at + 1])) {
        r->in.at += 2;
        return r->tree->failed ? 0 : trit_json_chars(r->tree, r->range, r->n_ranges, false);
    }
    if (!read_char(r, &c.first)) return 0;
    c.last = c.first;
    return trit_json_chars(r->tree, &c, 1, false);
}

static bool at_end(const reader *r) {
    return r->in.at == r->in.n || trit_peek(&r->in) == '|' || trit_peek(&r->in) == ')';
}

/* An alternative; those of the whole pattern may match anywhere unless they are anchored. */
static uint32_t read_sequence(reader *r, bool is_whole) {
    uint32_t sequence = trit_expr_new(r->tree, trit_expr_sequence);
    if (is_whole && !trit_take(&r->in, "^")) trit_expr_add(r->tree, sequence, any_text(r->tree));
    while (r->status == trit_ok && !r->tree->failed) {
        if (is_whole && trit_peek(&r->in) == '$') {
            r->in.at++;
            if (!at_end(r)) (void)fail(r, trit_unsupported, "$ is supported at the end of alternatives only");
            return sequence;
        }
        if (at_end(r)) break;
        uint32_t atom = read_atom(r);
        if (r->status == trit_ok) trit_expr_add(r->tree, sequence, read_repeat(r, atom));
    }
    if (is_whole) trit_expr_add(r->tree, sequence, any_text(r->tree));
    return sequence;
}

static uint32_t read_choice(reader *r, bool is_whole) {
    uint32_t choice = trit_expr_new(r->tree, trit_expr_choice);
    do trit_expr_add(r->tree, choice, read_sequence(r, is_whole));
    while (r->status == trit_ok && trit_take(&r->in, "|"));
    return choice;
}

trit_status trit_regex_read(trit_expr_tree *tree, uint32_t *out, trit_str pattern, const char *where, trit_error *err) {
    reader r = {.tree = tree, .in = {pattern.p, pattern.n, 0}, .where = where, .status = trit_ok, .err = err};
    *out = read_choice(&r, true);
    if (r.status == trit_ok && !tree->failed && r.in.at < r.in.n) (void)fail(&r, trit_format, "a parenthesis without its beginning");
    trit_free(r.range);
    return r.status;
}
