/* GBNF: rules "name ::= alternatives", as llama.cpp reads them. A line ends a rule, except inside parentheses, behind ::= and round |.
 * Everything is read as UTF-8; \xHH is the character U+00HH. */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/utf8.h"
#include "engine/grammar_read.h"
#include "engine/grammar_schema.h"

typedef struct reader {
    trit_expr_tree *tree;
    trit_reading in;
    uint32_t line, depth;
    trit_char_range *range; /* of the class being read */
    size_t n_ranges, range_capacity;
    trit_status status;
    trit_error *err;
} reader;

static bool fail(reader *r, const char *what) {
    if (r->status == trit_ok) r->status = trit_error_set(r->err, trit_format, "grammar: line %u: %s", r->line, what);
    return false;
}

static void skip_blanks(reader *r, bool lines) {
    for (int c; (c = trit_peek(&r->in)) == ' ' || c == '\t' || c == '#' || (lines && (c == '\n' || c == '\r'));) {
        if (c == '#')
            while (trit_peek(&r->in) >= 0 && trit_peek(&r->in) != '\n' && trit_peek(&r->in) != '\r') r->in.at++;
        else
            r->line += r->in.s[r->in.at++] == '\n';
    }
}

static bool is_name(int c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static const uint32_t none = UINT32_MAX;
enum { max_rules = 5000, max_repeats = 10 };

/* The rule of the name at this place; a new one where it is the first time. none: there is no name. */

static uint32_t read_name(reader *r) {
    const char *name = r->in.s + r->in.at;
    size_t n = 0;
    while (is_name(trit_peek(&r->in))) {
        r->in.at++;
        n++;
    }
    if (!n) return none;
    if (r->tree->n_rules > max_rules) (void)fail(r, "more than 5000 rules");
    uint32_t known = trit_expr_find_rule(r->tree, name, n);
    if (known != none) return known;
    uint32_t rule = trit_expr_put_rule(r->tree, name, n);
    if (!r->tree->failed) r->tree->rule[rule].line = r->line;
    return rule;
}

/* ---- Characters ---- */

static bool read_hex(reader *r, int n_digits, uint32_t *out) {
    if (!trit_take_hex(&r->in, n_digits, out)) return fail(r, "an escape with too few hexadecimal digits");
    if (*out > 0x10FFFF || (*out >= 0xD800 && *out <= 0xDFFF)) return fail(r, "an escape that is no Unicode character");
    return true;
}

static bool read_escape(reader *r, uint32_t *out) {
    static const char letters[] = "nrt\"\\[]^-/", meanings[] = "\n\r\t\"\\[]^-/";
    int c = trit_peek(&r->in);
    const char *letter = c > 0 ? strchr(letters, c) : NULL;
    r->in.at += c >= 0;
    if (c == 'x') return read_hex(r, 2, out);
    if (c == 'u') return read_hex(r, 4, out);
    if (c == 'U') return read_hex(r, 8, out);
    if (!letter) return fail(r, "an unknown escape (\\n \\r \\t \\\" \\\\ \\[ \\] \\xHH \\uHHHH \\UHHHHHHHH are known)");
    *out = (uint8_t)meanings[letter - letters];
    return true;
}

static bool read_char(reader *r, uint32_t *out) {
    int c = trit_peek(&r->in);
    if (c < 0 || c == '\n') return fail(r, "a text or class without its end");
    if (trit_take(&r->in, "\\")) return read_escape(r, out);
    int length = trit_utf8_decode(r->in.s + r->in.at, r->in.n - r->in.at, out);
    if (length <= 0) return fail(r, "bytes that are not UTF-8");
    r->in.at += (size_t)length;
    return true;
}

/* Behind the opening quote. */
static uint32_t read_text(reader *r) {
    trit_text text = {0};
    while (!trit_take(&r->in, "\"")) {
        uint32_t cp = 0;
        char bytes[4];
        if (!read_char(r, &cp)) break;
        if (!trit_text_append(&text, bytes, trit_utf8_encode(cp, bytes))) r->tree->failed = true;
        if (r->tree->failed) break;
    }
    uint32_t node = trit_expr_put_text(r->tree, text.data ? text.data : "", text.n);
    trit_text_fini(&text);
    return node;
}

/* Behind the opening bracket. A '-' at the end stands for itself. */
static uint32_t read_class(reader *r) {
    bool others = trit_take(&r->in, "^");
    r->n_ranges = 0;
    while (!trit_take(&r->in, "]")) {
        trit_char_range range = {0};
        if (!read_char(r, &range.first)) return 0;
        range.last = range.first;
        if (trit_peek(&r->in) == '-' && r->in.at + 1 < r->in.n && r->in.s[r->in.at + 1] != ']') {
            r->in.at++;
            if (!read_char(r, &range.last)) return 0;
        }
        if (range.last < range.first) return fail(r, "a range of characters that runs backwards");
        if (!trit_grow((void **)&r->range, &r->range_capacity, r->n_ranges + 1, sizeof range)) {
            r->tree->failed = true;
            return 0;
        }
        r->range[r->n_ranges++] = range;
    }
    return trit_expr_put_chars(r->tree, r->range, r->n_ranges, others);
}

/* ---- Expressions ---- */

static bool read_number(reader *r, uint32_t *out) {
    if (!trit_take_number(&r->in, out)) return fail(r, "a number is wanted in {m,n}");
    return *out <= trit_grammar_max_repeat || fail(r, "a repetition of more than 65536 times");
}

/* Behind "{". */
static bool read_bounds(reader *r, uint32_t *min, uint32_t *max) {
    skip_blanks(r, false);
    *min = 0;
    if (trit_peek(&r->in) != ',' && !read_number(r, min)) return false;
    *max = *min;
    skip_blanks(r, false);
    if (trit_take(&r->in, ",")) {
        skip_blanks(r, false);
        *max = trit_grammar_no_max;
        if (trit_peek(&r->in) != '}' && !read_number(r, max)) return false;
        skip_blanks(r, false);
    }
    if (!trit_take(&r->in, "}")) return fail(r, "{m,n} without its end");
    return *min <= *max || fail(r, "{m,n} with m above n");
}

/* What may stand behind an item, several times: each one is an expression round the one before. */
static uint32_t read_repeats(reader *r, uint32_t node) {
    for (int n = 0; n <= max_repeats; n++) {
        uint32_t min = 0, max = trit_grammar_no_max;
        skip_blanks(r, r->depth > 0);
        if (trit_take(&r->in, "+")) min = 1;
        else if (trit_take(&r->in, "?")) max = 1;
        else if (trit_take(&r->in, "{")) (void)read_bounds(r, &min, &max);
        else if (!trit_take(&r->in, "*")) return node;
        if (r->status != trit_ok) return 0;
        node = trit_expr_put_repeat(r->tree, node, min, max);
    }
    return fail(r, "more than 10 repetitions behind one item");
}

static uint32_t read_choice(reader *r);

static uint32_t read_group(reader *r) {
    if (++r->depth > trit_grammar_max_groups) return fail(r, "parentheses more than 100 deep");
    uint32_t node = read_choice(r);
    skip_blanks(r, true);
    if (r->status == trit_ok && !trit_take(&r->in, ")")) return fail(r, "a parenthesis without its end");
    r->depth--;
    return node;
}

/* Does a rule begin here? */
static bool is_rule(const reader *r) {
    reader ahead = *r;
    while (is_name(trit_peek(&ahead.in))) ahead.in.at++;
    skip_blanks(&ahead, false);
    return ahead.in.at > r->in.at && trit_take(&ahead.in, "::=");
}

/* Behind "<". */
static uint32_t read_token(reader *r) {
    uint32_t id = 0;
    char name[trit_token_name_bytes];
    if (!trit_take(&r->in, "[") || !trit_take_number(&r->in, &id) || !trit_take(&r->in, "]>")) return fail(r, "a token is named by its number, <[123]>");
    if (id > trit_token_name_max) return fail(r, "a token above 16777215");
    trit_token_name((int32_t)id, name);
    return trit_expr_put_text(r->tree, name, sizeof name);
}

/* One item; 0: there is none, or it is broken. */
static uint32_t read_item(reader *r) {
    static const trit_char_range no_range = {0, 0};
    if (trit_take(&r->in, "\"")) return read_text(r);
    if (trit_take(&r->in, "[")) return read_class(r);
    if (trit_take(&r->in, "(")) return read_group(r);
    if (trit_take(&r->in, ".")) return trit_expr_put_chars(r->tree, &no_range, 0, true);
    if (trit_take(&r->in, "<")) return read_token(r);
    if (trit_peek(&r->in) == '!') return fail(r, "any token but one (!<...>) is not supported");
    if (!is_name(trit_peek(&r->in)) || is_rule(r)) return 0;
    return trit_expr_put_use(r->tree, read_name(r));
}

static uint32_t read_sequence(reader *r) {
    uint32_t sequence = trit_expr_new(r->tree, trit_expr_sequence), item;
    for (;;) {
        skip_blanks(r, r->depth > 0);
        if (!(item = read_item(r))) return sequence;
        if (!(item = read_repeats(r, item))) return sequence;
        trit_expr_add(r->tree, sequence, item);
    }
}

/* Is there a '|' here, or on a line to come before anything else? */
static bool take_bar(reader *r) {
    reader ahead = *r;
    skip_blanks(&ahead, true);
    if (r->status != trit_ok || r->tree->failed || trit_peek(&ahead.in) != '|') return false;
    r->in.at = ahead.in.at + 1;
    r->line = ahead.line;
    return true;
}

static uint32_t read_choice(reader *r) {
    uint32_t choice = trit_expr_new(r->tree, trit_expr_choice);
    do {
        skip_blanks(r, true);
        trit_expr_add(r->tree, choice, read_sequence(r));
    } while (take_bar(r));
    return choice;
}

static void read_rule(reader *r) {
    uint32_t rule = read_name(r), line = r->line;
    if (rule == none) {
        (void)fail(r, "a rule's name is wanted (letters, digits, - and _)");
        return;
    }
    skip_blanks(r, false);
    if (!trit_take(&r->in, "::=")) {
        (void)fail(r, "\"::=\" is wanted behind a rule's name");
        return;
    }
    if (!r->tree->failed && r->tree->rule[rule].node) {
        (void)fail(r, "a second rule of this name");
        return;
    }
    uint32_t node = read_choice(r);
    if (r->status != trit_ok || r->tree->failed) return;
    r->tree->rule[rule].node = node;
    r->tree->rule[rule].line = line;
    if (trit_peek(&r->in) >= 0 && trit_peek(&r->in) != '\n' && trit_peek(&r->in) != '\r' && !is_rule(r)) (void)fail(r, "a character that begins nothing");
}

trit_status trit_gbnf_read(trit_expr_tree *tree, const char *text, size_t n, trit_error *err) {
    reader r = {.tree = tree, .in = {text, n, 0}, .line = 1, .status = trit_ok, .err = err};
    (void)trit_take(&r.in, "\xEF\xBB\xBF");
    for (skip_blanks(&r, true); r.in.at < n && r.status == trit_ok && !tree->failed; skip_blanks(&r, true)) read_rule(&r);
    trit_free(r.range);
    return r.status;
}

trit_status trit_grammar_from_gbnf(trit_grammar **out, const char *text, size_t n, trit_error *err) {
    trit_expr_tree tree = {0};
    if (n > trit_grammar_max_text) return trit_error_set(err, trit_unsupported, "grammar: its %zu bytes are more than %d", n, trit_grammar_max_text);
    (void)trit_expr_put_rule(&tree, "root", 4);
    trit_status status = trit_gbnf_read(&tree, text, n, err);
    if (status == trit_ok && !tree.failed && !tree.rule[0].node) status = trit_error_set(err, trit_format, "grammar: there is no rule \"root\"");
    if (status == trit_ok) status = trit_grammar_compile(out, &tree, err);
    trit_expr_fini(&tree);
    return status;
}
