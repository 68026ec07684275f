/* Expressions, by binding power:
 *
 *   a if b else c  <  or  <  and  <  not  <  comparisons, in  <  + -  <  ~  <  * / // %  <  **  <  unary - +  <  . [] () | is
 *
 * "~" binds tighter than "+", and a sign tighter than "**": both are Jinja's own order, not Python's. */
#include <stdlib.h>

#include "jinja/chars.h"
#include "jinja/tree.h"

/* ---- what stands by itself ---- */

static trit_jnode *constant(trit_jparser *p, trit_jvalue v) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_constant);
    if (n) n->constant = v;
    return n;
}

/* Digits that the lexer has checked, in base 10 or behind 0x, 0o, 0b. */
static trit_jnode *parse_int(trit_jparser *p) {
    trit_str s = p->token->text;
    int base = s.n > 2 && (s.p[1] | 0x20) == 'x' ? 16 : s.n > 2 && (s.p[1] | 0x20) == 'o' ? 8 : s.n > 2 && (s.p[1] | 0x20) == 'b' ? 2 : 10;
    int64_t value = 0;
    for (size_t i = base == 10 ? 0 : 2; i < s.n; i++) {
        int low = s.p[i] | 0x20, digit = s.p[i] <= '9' ? s.p[i] - '0' : low - 'a' + 10;
        if (digit >= base) return trit_jparse_fail(p, "%.*s: not a number", TRIT_STR_ARG(s));
        if (value > (INT64_MAX - digit) / base) return trit_jparse_fail(p, "%.*s: the number does not fit in 64 bits", TRIT_STR_ARG(s));
        value = value * base + digit;
    }
    p->token++;
    return constant(p, trit_jint(value));
}

/* The JSON room reads numbers alike in every locale; it wants no zeros in front. */
static trit_jnode *parse_float(trit_jparser *p) {
    trit_str s = p->token->text;
    trit_json *number = NULL;
    while (s.n > 1 && s.p[0] == '0' && s.p[1] >= '0' && s.p[1] <= '9') {
        s.p++;
        s.n--;
    }
    trit_error err;
    trit_status status = trit_json_parse(&number, s.p, s.n, "number", &err);
    if (status == trit_memory) return trit_jparse_no_memory(p);
    if (status != trit_ok) return trit_jparse_fail(p, "%.*s: not a number that fits", TRIT_STR_ARG(s));
    double value = trit_json_as_real(number, 0);
    trit_json_free(number);
    p->token++;
    return constant(p, trit_jfloat(value));
}

/* Literals side by side are one string. */
static trit_jnode *parse_string(trit_jparser *p) {
    trit_str s = p->token->text;
    for (p->token++; p->token->kind == trit_jt_string; p->token++) {
        char *text = trit_jarena_bytes(p->arena, s.n + p->token->text.n);
        if (!text) return trit_jparse_no_memory(p);
        if (s.n) memcpy(text, s.p, s.n);
        if (p->token->text.n) memcpy(text + s.n, p->token->text.p, p->token->text.n);
        s = (trit_str){text, s.n + p->token->text.n};
    }
    return constant(p, trit_jstring(s));
}

static trit_jnode *parse_name(trit_jparser *p) {
    static const struct {
        const char *name;
        trit_jvalue value;
    } words[] = {
        {"true", {.kind = trit_j_bool, .as.b = true}}, {"True", {.kind = trit_j_bool, .as.b = true}}, {"false", {.kind = trit_j_bool}},
        {"False", {.kind = trit_j_bool}}, {"none", {.kind = trit_j_none}}, {"None", {.kind = trit_j_none}},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (trit_jaccept_name(p, words[i].name)) return constant(p, words[i].value);
    trit_jnode *n = trit_jnode_new(p, trit_jn_name);
    if (!n || !trit_jexpect_name(p, &n->name)) return NULL;
    p->takes_varargs = p->takes_varargs || trit_str_is(n->name, "varargs");
    p->takes_kwargs = p->takes_kwargs || trit_str_is(n->name, "kwargs");
    return n;
}

/* ---- brackets ---- */

static trit_jnode *parse_list(trit_jparser *p) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_list);
    size_t capacity = 0;
    while (n && !trit_jaccept_operator(p, "]")) {
        if (n->list.n && !trit_jexpect_operator(p, ",")) return NULL;
        if (trit_jaccept_operator(p, "]")) break;
        if (!trit_jnodes_push(p, &n->list, &capacity, trit_jparse_expression(p, true))) return NULL;
    }
    return n ? trit_jnode_done(p, n) : NULL;
}

static trit_jnode *parse_dict(trit_jparser *p) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_dict);
    size_t capacity = 0;
    while (n && !trit_jaccept_operator(p, "}")) {
        if (n->args.n && !trit_jexpect_operator(p, ",")) return NULL;
        if (trit_jaccept_operator(p, "}")) break;
        trit_jarg item = {.key = trit_jparse_expression(p, true)};
        if (!item.key || !trit_jexpect_operator(p, ":")) return NULL;
        item.value = trit_jparse_expression(p, true);
        if (!item.value || !trit_jargs_push(p, &n->args, &capacity, item)) return NULL;
    }
    return n ? trit_jnode_done(p, n) : NULL;
}

static trit_jnode *parse_parentheses(trit_jparser *p) {
    if (trit_jaccept_operator(p, ")")) return trit_jnode_new(p, trit_jn_tuple);
    trit_jnode *n = trit_jparse_tuple(p, true);
    return n && trit_jexpect_operator(p, ")") ? n : NULL;
}

trit_jnode *trit_jparse_primary(trit_jparser *p) {
    trit_jnode *n = NULL;
    if (++p->nesting > trit_j_max_nesting) return trit_jparse_fail(p, "nested too deeply (limit: %d)", trit_j_max_nesting);
    switch (p->token->kind) {
    case trit_jt_string: n = parse_string(p); break;
    case trit_jt_int: n = parse_int(p); break;
    case trit_jt_float: n = parse_float(p); break;
    case trit_jt_name: n = parse_name(p); break;
    default:
        if (trit_jaccept_operator(p, "("))
            n = parse_parentheses(p);
        else if (trit_jaccept_operator(p, "["))
            n = parse_list(p);
        else if (trit_jaccept_operator(p, "{"))
            n = parse_dict(p);
        else
            n = trit_jparse_fail(p, "an expression is missing");
    }
    p->nesting--;
    return n;
}

/* ---- what follows a value: attributes, items, calls, filters, tests ---- */

bool trit_jparse_arguments(trit_jparser *p, trit_jargs *out) {
    size_t capacity = 0;
    while (!trit_jaccept_operator(p, ")")) {
        if (out->n && !trit_jexpect_operator(p, ",")) return false;
        if (trit_jaccept_operator(p, ")")) break;
        trit_jarg arg = {.kind = trit_ja_plain};
        const trit_jtoken *next = p->token + 1; /* the last token is no name, so there is one more */
        if (trit_jaccept_operator(p, "*"))
            arg.kind = trit_ja_spread;
        else if (trit_jaccept_operator(p, "**"))
            arg.kind = trit_ja_spread_named;
        else if (p->token->kind == trit_jt_name && next->kind == trit_jt_operator && trit_str_is(next->text, "=")) {
            arg.kind = trit_ja_named;
            arg.name = p->token->text;
            p->token += 2;
        }
        arg.value = trit_jparse_expression(p, true);
        if (!arg.value || !trit_jargs_push(p, out, &capacity, arg)) return false;
    }
    return true;
}

/* Behind "[": an index, or a slice with up to three parts. */
static trit_jnode *parse_subscript(trit_jparser *p, trit_jnode *of) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_item), *part[3] = {0};
    size_t n_colons = 0, capacity = 0;
    if (!n) return NULL;
    n->a = of;
    if (!trit_jat_operator(p, ":")) {
        n->b = trit_jparse_tuple(p, true);
        if (!n->b) return NULL;
    }
    part[0] = n->b;
    while (n_colons < 2 && trit_jaccept_operator(p, ":")) {
        n_colons++;
        if (trit_jat_operator(p, ":") || trit_jat_operator(p, "]")) continue;
        part[n_colons] = trit_jparse_expression(p, true);
        if (!part[n_colons]) return NULL;
    }
    if (!trit_jexpect_operator(p, "]")) return NULL;
    if (n_colons == 0) return trit_jnode_done(p, n);
    n->kind = trit_jn_slice;
    n->b = NULL;
    for (size_t i = 0; i < 3; i++)
        if (!trit_jnodes_push(p, &n->list, &capacity, part[i]) && p->status != trit_ok) return NULL;
    return trit_jnode_done(p, n);
}

static trit_jnode *parse_attribute(trit_jparser *p, trit_jnode *of) {
    bool is_index = p->token->kind == trit_jt_int; /* a.0 is a[0] */
    trit_jnode *n = trit_jnode_new(p, is_index ? trit_jn_item : trit_jn_attribute);
    if (!n) return NULL;
    n->a = of;
    if (is_index) {
        n->b = parse_int(p);
        if (!n->b) return NULL;
    } else {
        if (p->token->kind != trit_jt_name) return trit_jparse_fail(p, "a name is missing behind \".\"");
        n->name = (p->token++)->text;
    }
    return trit_jnode_done(p, n);
}

static trit_jnode *parse_call(trit_jparser *p, trit_jnode *of) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_call);
    if (!n || !trit_jparse_arguments(p, &n->args)) return NULL;
    n->a = of;
    return trit_jnode_done(p, n);
}

trit_jnode *trit_jparse_postfix(trit_jparser *p, trit_jnode *n) {
    while (n) {
        if (trit_jaccept_operator(p, "."))
            n = parse_attribute(p, n);
        else if (trit_jaccept_operator(p, "["))
            n = parse_subscript(p, n);
        else if (trit_jaccept_operator(p, "("))
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

static trit_jnode *parse_filter(trit_jparser *p, trit_jnode *of) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_filter);
    if (!n || !trit_jexpect_name(p, &n->name)) return NULL;
    if (trit_jaccept_operator(p, "(") && !trit_jparse_arguments(p, &n->args)) return NULL;
    n->a = of;
    return trit_jnode_done(p, n);
}

trit_jnode *trit_jparse_filters(trit_jparser *p, trit_jnode *of, bool bar_first) {
    if (!bar_first) of = parse_filter(p, of);
    while ((of || bar_first) && p->status == trit_ok && trit_jaccept_operator(p, "|")) {
        of = parse_filter(p, of);
        bar_first = false;
    }
    return of;
}

/* Can an argument of a test without parentheses begin here? "x is divisibleby 3", but "x is defined and ..." */
static bool at_test_argument(const trit_jparser *p) {
    switch (p->token->kind) {
    case trit_jt_string:
    case trit_jt_int:
    case trit_jt_float: return true;
    case trit_jt_operator: return trit_jat_operator(p, "(") || trit_jat_operator(p, "[") || trit_jat_operator(p, "{");
    case trit_jt_name:
        return !trit_jat_name(p, "else") && !trit_jat_name(p, "or") && !trit_jat_name(p, "and") && !trit_jat_name(p, "is") &&
               !trit_jat_name(p, "if") && !trit_jat_name(p, "in") && !trit_jat_name(p, "not");
    default: return false;
    }
}

static trit_jnode *parse_test(trit_jparser *p, trit_jnode *of) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_test);
    size_t capacity = 0;
    if (!n) return NULL;
    n->a = of;
    n->negated = trit_jaccept_name(p, "not");
    if (p->token->kind != trit_jt_name) return trit_jparse_fail(p, "the name of a test is missing");
    n->name = (p->token++)->text; /* "none", "true" and "in" are names of tests too */
    if (trit_jaccept_operator(p, "(")) {
        if (!trit_jparse_arguments(p, &n->args)) return NULL;
    } else if (at_test_argument(p)) {
        trit_jarg arg = {.value = trit_jparse_postfix(p, trit_jparse_primary(p))};
        if (!arg.value || !trit_jargs_push(p, &n->args, &capacity, arg)) return NULL;
    }
    return trit_jnode_done(p, n);
}

static trit_jnode *parse_filters_and_tests(trit_jparser *p, trit_jnode *n) {
    while (n) {
        if (trit_jaccept_operator(p, "|"))
            n = parse_filter(p, n);
        else if (trit_jaccept_name(p, "is"))
            n = parse_test(p, n);
        else if (trit_jaccept_operator(p, "("))
            n = parse_call(p, n);
        else
            break;
    }
    return n;
}

static trit_jnode *parse_unary(trit_jparser *p, bool with_filters) {
    trit_jnode *n;
    bool minus = trit_jat_operator(p, "-");
    if (minus || trit_jat_operator(p, "+")) {
        p->token++;
        if (++p->nesting > trit_j_max_nesting) return trit_jparse_fail(p, "nested too deeply (limit: %d)", trit_j_max_nesting);
        n = trit_jnode_new(p, trit_jn_unary);
        if (!n) return NULL;
        n->op = minus ? trit_jo_negate : trit_jo_plus;
        n->a = parse_unary(p, false);
        p->nesting--;
        if (!n->a) return NULL;
        n = trit_jnode_done(p, n);
    } else {
        n = trit_jparse_postfix(p, trit_jparse_primary(p));
    }
    return with_filters ? parse_filters_and_tests(p, n) : n;
}

/* ---- operators between values ---- */

static const struct {
    const char *text;
    trit_jop op;
    int power;
} binaries[] = {
    {"+", trit_jo_add, 1},      {"-", trit_jo_subtract, 1},      {"~", trit_jo_join, 2},   {"*", trit_jo_multiply, 3},
    {"/", trit_jo_divide, 3},   {"//", trit_jo_floor_divide, 3}, {"%", trit_jo_modulo, 3}, {"**", trit_jo_power, 4},
};

enum { n_binaries = sizeof binaries / sizeof *binaries };

/* Operators that bind at least as tightly as `power`; all of them group to the left. */
static trit_jnode *parse_binary(trit_jparser *p, int power) {
    trit_jnode *left = parse_unary(p, true);
    while (left) {
        size_t i = 0;
        while (i < n_binaries && !(binaries[i].power >= power && trit_jat_operator(p, binaries[i].text))) i++;
        if (i == n_binaries) break;
        p->token++;
        trit_jnode *n = trit_jnode_new(p, trit_jn_binary);
        if (!n) return NULL;
        n->op = binaries[i].op;
        n->a = left;
        n->b = parse_binary(p, binaries[i].power + 1);
        left = n->b ? trit_jnode_done(p, n) : NULL;
    }
    return left;
}

static bool accept_comparison(trit_jparser *p, trit_jop *op) {
    static const struct {
        const char *text;
        trit_jop op;
    } all[] = {{"==", trit_jo_equal}, {"!=", trit_jo_not_equal},     {"<", trit_jo_less},
               {"<=", trit_jo_less_equal}, {">", trit_jo_greater}, {">=", trit_jo_greater_equal}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (trit_jaccept_operator(p, all[i].text)) {
            *op = all[i].op;
            return true;
        }
    *op = trit_jo_in;
    if (trit_jaccept_name(p, "in")) return true;
    const trit_jtoken *next = p->token + 1;
    if (!trit_jat_name(p, "not") || next->kind != trit_jt_name || !trit_str_is(next->text, "in")) return false;
    p->token += 2;
    *op = trit_jo_not_in;
    return true;
}

static trit_jnode *parse_comparison(trit_jparser *p) {
    trit_jnode *first = parse_binary(p, 1), *n = NULL;
    size_t capacity = 0, n_ops = 0;
    trit_jop op;
    while (first && accept_comparison(p, &op)) {
        if (!n) {
            n = trit_jnode_new(p, trit_jn_compare);
            if (!n || !trit_jnodes_push(p, &n->list, &capacity, first)) return NULL;
        }
        trit_jop *ops = trit_jarena_alloc(p->arena, n_ops + 1, sizeof *ops);
        if (!ops) return trit_jparse_no_memory(p);
        if (n_ops) memcpy(ops, n->ops, n_ops * sizeof *ops);
        ops[n_ops++] = op;
        n->ops = ops;
        if (n_ops > 16) return trit_jparse_fail(p, "more than 16 comparisons in a chain");
        if (!trit_jnodes_push(p, &n->list, &capacity, parse_binary(p, 1))) return NULL;
    }
    return n ? trit_jnode_done(p, n) : first;
}

static trit_jnode *parse_not(trit_jparser *p) {
    if (!trit_jaccept_name(p, "not")) return parse_comparison(p);
    trit_jnode *n = trit_jnode_new(p, trit_jn_unary);
    if (!n) return NULL;
    if (++p->nesting > trit_j_max_nesting) return trit_jparse_fail(p, "nested too deeply (limit: %d)", trit_j_max_nesting);
    n->op = trit_jo_not;
    n->a = parse_not(p);
    p->nesting--;
    return n->a ? trit_jnode_done(p, n) : NULL;
}

static trit_jnode *parse_logic(trit_jparser *p, bool is_or) {
    trit_jnode *left = is_or ? parse_logic(p, false) : parse_not(p);
    while (left && trit_jaccept_name(p, is_or ? "or" : "and")) {
        trit_jnode *n = trit_jnode_new(p, is_or ? trit_jn_or : trit_jn_and);
        if (!n) return NULL;
        n->a = left;
        n->b = is_or ? parse_logic(p, false) : parse_not(p);
        left = n->b ? trit_jnode_done(p, n) : NULL;
    }
    return left;
}

trit_jnode *trit_jparse_expression(trit_jparser *p, bool with_choice) {
    if (++p->nesting > trit_j_max_nesting) return trit_jparse_fail(p, "nested too deeply (limit: %d)", trit_j_max_nesting);
    trit_jnode *n = parse_logic(p, true);
    while (n && with_choice && trit_jaccept_name(p, "if")) {
        trit_jnode *choice = trit_jnode_new(p, trit_jn_choice);
        if (!choice) return NULL;
        choice->a = n;
        choice->b = parse_logic(p, true);
        if (!choice->b) return NULL;
        if (trit_jaccept_name(p, "else") && !(choice->c = trit_jparse_expression(p, true))) return NULL;
        n = trit_jnode_done(p, choice);
    }
    p->nesting--;
    return n;
}

trit_jnode *trit_jparse_tuple(trit_jparser *p, bool with_choice) {
    trit_jnode *first = trit_jparse_expression(p, with_choice);
    size_t capacity = 0;
    if (!first || !trit_jat_operator(p, ",")) return first;
    trit_jnode *n = trit_jnode_new(p, trit_jn_tuple);
    if (!n || !trit_jnodes_push(p, &n->list, &capacity, first)) return NULL;
    while (trit_jaccept_operator(p, ",")) {
        bool ends = p->token->kind == trit_jt_variable_end || p->token->kind == trit_jt_block_end || trit_jat_operator(p, ")") ||
                    trit_jat_operator(p, "]") || trit_jat_operator(p, "=") || trit_jat_name(p, "in");
        if (ends) break;
        if (!trit_jnodes_push(p, &n->list, &capacity, trit_jparse_expression(p, with_choice))) return NULL;
    }
    return trit_jnode_done(p, n);
}
