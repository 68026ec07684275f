/* JSON Schema as a grammar. What is compiled is always a view: a set of schemas that must all hold, since references, allOf and the
 * keywords beside anyOf add up. Each view becomes one rule, so schemas may hold themselves. The grammar's texts satisfy the schema, but not all
 * that satisfy it are its texts: properties have one order, numbers a bounded length, and where a schema says nothing of further
 * properties there are none. */
#include "engine/grammar_schema.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* JSON itself, with little space between its parts. */
static const char json_rules[] =
    "value ::= object | array | string | number | boolean | null\n"
    "object ::= \"{\" ws (string \":\" ws value (ws \",\" ws string \":\" ws value)*)? ws \"}\"\n"
    "array ::= \"[\" ws (value (ws \",\" ws value)*)? ws \"]\"\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "char ::= plain-char | \"\\\\\" ([\\\"\\\\/bfnrt] | \"u\" (unit | [dD] [89abAB] hex{2} \"\\\\u\" [dD] [c-fC-F] hex{2}))\n"
    "plain-char ::= [^\\\"\\\\\\x00-\\x1F\\x7F]\n"
    "unit ::= ([0-9a-cA-CeEfF] hex | [dD] [0-7]) hex{2}\n"
    "hex ::= [0-9a-fA-F]\n"
    "number ::= integer (\".\" [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?\n"
    "integer ::= \"-\"? (\"0\" | [1-9] [0-9]{0,15})\n"
    "boolean ::= \"true\" | \"false\"\n"
    "null ::= \"null\"\n"
    "ws ::= (\" \" | \"\\n\" \" \"{0,20})?\n";

enum { done_ref = 1, done_all = 2, done_any = 4, done_one = 8 };

/* Keywords and the types that they speak of; 0: of none. */
static const struct {
    const char *name;
    unsigned types;
} keywords[] = {
    {"$schema", 0}, {"$id", 0}, {"$comment", 0}, {"$defs", 0}, {"definitions", 0}, {"title", 0}, {"description", 0}, {"default", 0},
    {"examples", 0}, {"example", 0}, {"deprecated", 0}, {"readOnly", 0}, {"writeOnly", 0}, {"contentMediaType", 0}, {"contentEncoding", 0},
    {"$ref", 0}, {"allOf", 0}, {"anyOf", 0}, {"oneOf", 0}, {"type", 0}, {"enum", 0}, {"const", 0},
    {"minimum", trit_type_integer | trit_type_fraction}, {"maximum", trit_type_integer | trit_type_fraction},
    {"exclusiveMinimum", trit_type_integer | trit_type_fraction}, {"exclusiveMaximum", trit_type_integer | trit_type_fraction},
    {"minLength", trit_type_string}, {"maxLength", trit_type_string}, {"pattern", trit_type_string}, {"format", trit_type_string},
    {"items", trit_type_array}, {"prefixItems", trit_type_array}, {"minItems", trit_type_array}, {"maxItems", trit_type_array},
    {"uniqueItems", trit_type_array},
    {"properties", trit_type_object}, {"required", trit_type_object}, {"additionalProperties", trit_type_object},
    {"minProperties", trit_type_object}, {"maxProperties", trit_type_object},
};

/* The types of all keywords that stand there; says which is not known. */
static unsigned check_keywords(trit_schema_reader *r, const trit_json *schema) {
    const trit_json *value;
    trit_str key;
    void *iter = NULL;
    unsigned types = 0;
    while (trit_json_next(schema, &iter, &key, &value)) {
        size_t i = 0;
        while (i < sizeof keywords / sizeof keywords[0] && !trit_str_is(key, keywords[i].name)) i++;
        if (i == sizeof keywords / sizeof keywords[0]) trit_schema_fail(r, trit_unsupported, "keyword \"%.*s\" is not supported", TRIT_STR_ARG(key));
        else types |= keywords[i].types;
    }
    return types;
}

/* ---- Views ---- */

void trit_schema_add(trit_schema_reader *r, trit_schema_view *view, const trit_json *schema) {
    if (trit_json_kind_of(schema) == trit_json_bool) {
        view->never = view->never || !trit_json_as_bool(schema, true);
        return;
    }
    if (trit_json_kind_of(schema) != trit_json_object) {
        trit_schema_fail(r, trit_format, "a schema is neither an object nor true nor false");
        return;
    }
    uint32_t at = 0;
    while (at < view->n && view->part[at].schema < schema) at++;
    if (at < view->n && view->part[at].schema == schema) return;
    if (view->n == trit_schema_max_parts) {
        trit_schema_fail(r, trit_unsupported, "more than %d schemas must hold at once", trit_schema_max_parts);
        return;
    }
    memmove(view->part + at + 1, view->part + at, (view->n - at) * sizeof view->part[0]);
    view->part[at] = (trit_schema_part){schema, 0};
    view->n++;
}

uint32_t trit_schema_use(trit_schema_reader *r, const trit_schema_view *view, trit_str name) {
    size_t n_where = r->where.n;
    trit_expr_tree *t = &r->tree;
    if (view->never) return trit_expr_new(t, trit_expr_choice); /* no alternative: no text */
    for (size_t i = 0; i < r->n_rules; i++) {
        const trit_schema_rule *rule = &r->rule[i];
        if (rule->n_parts == view->n && memcmp(rule->part, view->part, view->n * sizeof view->part[0]) == 0) return trit_expr_put_use(t, rule->rule);
    }
    if (r->n_rules == trit_schema_max_rules) trit_schema_fail(r, trit_unsupported, "it has more than %d parts", trit_schema_max_rules);
    trit_schema_part *part = trit_alloc(view->n, sizeof *part);
    if (!part || !trit_grow((void **)&r->rule, &r->capacity, r->n_rules + 1, sizeof *r->rule) || !trit_text_append(&r->where, name.p, name.n))
        t->failed = true;
    uint32_t rule = t->failed ? 0 : trit_expr_put_rule(t, r->where.data, r->where.n);
    r->where.n = n_where;
    if (r->where.data) r->where.data[n_where] = '\0';
    if (t->failed || r->status != trit_ok) {
        trit_free(part);
        return 0;
    }
    if (view->n) memcpy(part, view->part, view->n * sizeof *part);
    r->rule[r->n_rules++] = (trit_schema_rule){part, view->n, rule};
    return trit_expr_put_use(t, rule);
}

uint32_t trit_schema_name(trit_schema_reader *r, const char *rule) {
    return trit_expr_put_use(&r->tree, trit_expr_find_rule(&r->tree, rule, strlen(rule)));
}

/* Follows $ref and allOf until nothing new comes. */
static void expand(trit_schema_reader *r, trit_schema_view *view) {
    for (uint32_t i = 0; i < view->n && r->status == trit_ok; i++) {
        trit_schema_part *p = &view->part[i];
        const trit_json *schema = p->schema, *ref = p->done & done_ref ? NULL : trit_schema_target(r, schema);
        const trit_json *all = p->done & done_all ? NULL : trit_schema_get(r, schema, "allOf", trit_json_array);
        p->done |= (uint64_t)done_ref | done_all;
        if (ref) trit_schema_add(r, view, ref);
        for (size_t k = 0; k < trit_json_length(all); k++) trit_schema_add(r, view, trit_json_at(all, k));
        if (ref || all) i = UINT32_MAX; /* the parts have moved: from the beginning */
    }
}

/* One alternative for each schema of a list, beside all else that must hold. */
static uint32_t put_branches(trit_schema_reader *r, const trit_schema_view *view, const char *keyword, const trit_json *list) {
    uint32_t choice = trit_expr_new(&r->tree, trit_expr_choice);
    if (!trit_json_length(list)) trit_schema_fail(r, trit_format, "\"%s\" is empty", keyword);
    for (size_t i = 0; i < trit_json_length(list) && r->status == trit_ok; i++) {
        trit_schema_view branch = *view;
        char name[48];
        trit_schema_add(r, &branch, trit_json_at(list, i));
        snprintf(name, sizeof name, "/%s/%zu", keyword, i);
        trit_expr_add(&r->tree, choice, trit_schema_use(r, &branch, trit_str_from(name)));
    }
    return choice;
}

/* Exactly one schema must hold: that is sure where no two can. */
static void check_one_of(trit_schema_reader *r, const trit_json *list) {
    for (size_t i = 0; i < trit_json_length(list); i++)
        for (size_t k = i + 1; k < trit_json_length(list) && r->status == trit_ok; k++)
            if (trit_schemas_overlap(r, trit_json_at(list, i), trit_json_at(list, k)))
                trit_schema_fail(r, trit_unsupported, "oneOf: a value may satisfy %zu and %zu both, which is not supported (anyOf is)", i, k);
}

/* ---- Values ---- */

static bool is_listed(trit_schema_reader *r, const trit_json *schema, const trit_json *value) {
    const trit_json *only = trit_json_get(schema, "const"), *list = trit_json_get(schema, "enum");
    if (only || !list) return !only || trit_schema_same(r, only, value);
    for (size_t i = 0; i < trit_json_length(list) && r->status == trit_ok; i++)
        if (trit_schema_same(r, trit_json_at(list, i), value)) return true;
    return false;
}

/* The values of "const" or "enum" of a part that all other parts allow, too. */
static uint32_t put_listed(trit_schema_reader *r, const trit_schema_view *view, const trit_json *schema, unsigned types) {
    const trit_json *only = trit_json_get(schema, "const"), *list = only ? NULL : trit_schema_get(r, schema, "enum", trit_json_array), *v;
    uint32_t choice = trit_expr_new(&r->tree, trit_expr_choice);
    for (size_t i = 0; (v = only ? i ? NULL : only : trit_json_at(list, i)); i++) {
        trit_text text = {0};
        bool ok = (trit_schema_type_of(v) & types) != 0;
        for (uint32_t k = 0; k < view->n && ok; k++) ok = view->part[k].schema == schema || is_listed(r, view->part[k].schema, v);
        if (!trit_json_write(&text, v)) r->tree.failed = true;
        if (ok && !r->tree.failed) trit_expr_add(&r->tree, choice, trit_expr_put_text(&r->tree, text.data, text.n));
        trit_text_fini(&text);
    }
    return choice;
}

static void take_bound(trit_schema_reader *r, trit_bounds *b, const trit_json *schema, const char *keyword, bool is_low, bool is_exclusive) {
    const trit_json *v = trit_json_get(schema, keyword);
    trit_decimal d;
    if (!v) return;
    if (!trit_decimal_of(v, &d)) trit_schema_fail(r, trit_unsupported, "\"%s\" is no number of at most %d digits", keyword, trit_decimal_digits);
    else trit_bounds_add(b, d, is_low, is_exclusive);
}

static uint32_t put_number(trit_schema_reader *r, const trit_schema_view *view, bool only_whole) {
    trit_bounds b = {0};
    for (uint32_t i = 0; i < view->n; i++) {
        const trit_json *schema = view->part[i].schema;
        take_bound(r, &b, schema, "minimum", true, false);
        take_bound(r, &b, schema, "exclusiveMinimum", true, true);
        take_bound(r, &b, schema, "maximum", false, false);
        take_bound(r, &b, schema, "exclusiveMaximum", false, true);
    }
    if (!b.has_low && !b.has_high) return trit_schema_name(r, only_whole ? "integer" : "number");
    return trit_numbers_put(&r->tree, &b, only_whole);
}

static uint32_t put_string(trit_schema_reader *r, const trit_schema_view *view) {
    trit_expr_tree *t = &r->tree;
    trit_str pattern = {NULL, 0};
    uint32_t min = 0, max = trit_grammar_no_max, n_patterns = 0, body;
    for (uint32_t i = 0; i < view->n; i++) {
        const trit_json *schema = view->part[i].schema, *p = trit_schema_get(r, schema, "pattern", trit_json_string);
        trit_str format = trit_json_as_str(trit_schema_get(r, schema, "format", trit_json_string));
        uint32_t low = trit_schema_count(r, schema, "minLength", 0), high = trit_schema_count(r, schema, "maxLength", trit_grammar_no_max);
        if (low > min) min = low;
        if (high < max) max = high;
        if (p) pattern = trit_json_as_str(p);
        if (format.p) pattern = trit_str_from(trit_format_pattern(format));
        if (format.p && !pattern.p) trit_schema_fail(r, trit_unsupported, "format \"%.*s\" is not supported", TRIT_STR_ARG(format));
        n_patterns += (p ? 1u : 0u) + (format.p ? 1u : 0u);
    }
    if (n_patterns > 1 || (n_patterns && (min || max < trit_grammar_no_max)))
        trit_schema_fail(r, trit_unsupported, "a pattern or format together with another one or with a length is not supported");
    if (!n_patterns && !min && max == trit_grammar_no_max) return trit_schema_name(r, "string");
    uint32_t sequence = trit_expr_new(t, trit_expr_sequence);
    if (r->status != trit_ok || min > max) return trit_expr_new(t, trit_expr_choice);
    if (!n_patterns) body = trit_expr_put_repeat(t, trit_schema_name(r, "char"), min, max);
    else r->status = trit_regex_read(t, &body, pattern, r->where.data, r->err);
    if (r->status != trit_ok) return 0;
    trit_expr_add(t, sequence, trit_expr_put_text(t, "\"", 1));
    trit_expr_add(t, sequence, body);
    trit_expr_add(t, sequence, trit_expr_put_text(t, "\"", 1));
    return sequence;
}

static uint32_t put_types(trit_schema_reader *r, const trit_schema_view *view, unsigned types) {
    uint32_t choice = trit_expr_new(&r->tree, trit_expr_choice);
    if (types & trit_type_object) trit_expr_add(&r->tree, choice, trit_schema_object(r, view));
    if (types & trit_type_array) trit_expr_add(&r->tree, choice, trit_schema_array(r, view));
    if (types & trit_type_string) trit_expr_add(&r->tree, choice, put_string(r, view));
    if (types & (trit_type_integer | trit_type_fraction)) trit_expr_add(&r->tree, choice, put_number(r, view, !(types & trit_type_fraction)));
    if (types & trit_type_bool) trit_expr_add(&r->tree, choice, trit_schema_name(r, "boolean"));
    if (types & trit_type_null) trit_expr_add(&r->tree, choice, trit_schema_name(r, "null"));
    return choice;
}

/* ---- A view's rule ---- */

static uint32_t define(trit_schema_reader *r, trit_schema_view *view) {
    unsigned types = trit_type_all, spoken_of = 0;
    const trit_json *listed = NULL;
    bool has_type = false;
    expand(r, view);
    for (uint32_t i = 0; i < view->n && r->status == trit_ok; i++) {
        trit_schema_part *p = &view->part[i];
        const trit_json *any = p->done & done_any ? NULL : trit_schema_get(r, p->schema, "anyOf", trit_json_array);
        const trit_json *one = p->done & done_one || any ? NULL : trit_schema_get(r, p->schema, "oneOf", trit_json_array);
        spoken_of |= check_keywords(r, p->schema);
        if (one) check_one_of(r, one);
        if (any || one) {
            p->done |= any ? (uint64_t)done_any : (uint64_t)done_one;
            return put_branches(r, view, any ? "anyOf" : "oneOf", any ? any : one);
        }
        types &= trit_schema_types(r, p->schema);
        has_type = has_type || trit_json_get(p->schema, "type");
        if (trit_json_get(p->schema, "const") || trit_json_get(p->schema, "enum")) listed = p->schema;
    }
    if (r->status != trit_ok) return 0;
    if (view->never) return trit_expr_new(&r->tree, trit_expr_choice);
    if (listed && (spoken_of & types)) trit_schema_fail(r, trit_unsupported, "\"enum\" or \"const\" beside keywords other than \"type\" is not supported");
    if (listed) return put_listed(r, view, listed, types);
    if (!has_type && !spoken_of) return trit_schema_name(r, "value");
    return put_types(r, view, has_type ? types : spoken_of);
}

/* Makes the rules of views that were used and are not defined yet. */
static void define_rules(trit_schema_reader *r) {
    while (r->status == trit_ok && !r->tree.failed && r->n_read < r->n_rules) {
        trit_schema_rule rule = r->rule[r->n_read++];
        const trit_grammar_rule *named = &r->tree.rule[rule.rule];
        trit_schema_view next = {.n = rule.n_parts};
        if (rule.n_parts) memcpy(next.part, rule.part, rule.n_parts * sizeof *rule.part);
        r->where.n = 0;
        trit_text copy = {0}; /* the name's bytes move when the tree grows */
        if (!trit_text_append(&copy, r->tree.bytes.data + named->name, named->n_name)) r->tree.failed = true;
        trit_text_fini(&r->where);
        r->where = copy;
        uint32_t node = define(r, &next);
        if (r->status == trit_ok && !r->tree.failed) r->tree.rule[rule.rule].node = node;
    }
    r->where.n = 0;
}

/* A use of the rule for a whole schema, whose rules are named after it. */
static uint32_t use_schema(trit_schema_reader *r, const char *name) {
    trit_schema_view view = {0};
    trit_schema_add(r, &view, r->root);
    if (view.never) trit_schema_fail(r, trit_format, "the schema is false: no value satisfies it");
    return trit_schema_use(r, &view, trit_str_from(name));
}

static void read_json(trit_schema_reader *r) {
    if (r->status == trit_ok && !r->tree.failed) r->status = trit_gbnf_read(&r->tree, json_rules, sizeof json_rules - 1, r->err);
}

static trit_status end(trit_schema_reader *r, trit_grammar **out) {
    if (r->status == trit_ok) r->status = trit_grammar_compile(out, &r->tree, r->err);
    for (size_t i = 0; i < r->n_rules; i++) trit_free(r->rule[i].part);
    trit_free(r->rule);
    trit_text_fini(&r->where);
    trit_expr_fini(&r->tree);
    return r->status;
}

static trit_status parse(trit_json **out, const char *json, size_t n, trit_error *err) {
    if (n > trit_grammar_max_text) return trit_error_set(err, trit_unsupported, "schema: its %zu bytes are more than %d", n, trit_grammar_max_text);
    return trit_json_parse(out, json, n, "schema", err);
}

trit_status trit_grammar_from_schema(trit_grammar **out, const char *json, size_t n, const trit_schema_opts *opts, trit_error *err) {
    trit_json *document = NULL;
    trit_status status = parse(&document, json, n, err);
    if (status != trit_ok) return status;
    trit_schema_reader r = {.root = document, .strict = opts && opts->strict, .status = trit_ok, .err = err};
    (void)use_schema(&r, "#");
    read_json(&r);
    define_rules(&r);
    status = end(&r, out);
    trit_json_free(document);
    return status;
}

/* The rule is the schema's; one that the text does not use is not needed. */
static void read_value(trit_schema_reader *r, const trit_grammar_value *value, trit_json **document) {
    uint32_t rule = trit_expr_find_rule(&r->tree, value->name, strlen(value->name));
    if (rule == UINT32_MAX || r->status != trit_ok || r->tree.failed) return;
    r->status = r->tree.rule[rule].node ? trit_error_set(r->err, trit_format, "grammar: a second rule \"%s\"", value->name)
                                        : parse(document, value->json, value->n, r->err);
    if (r->status != trit_ok) return;
    r->root = *document;
    r->strict = value->strict;
    uint32_t node = use_schema(r, value->name);
    define_rules(r);
    if (r->status == trit_ok && !r->tree.failed) r->tree.rule[rule].node = node;
}

trit_status trit_grammar_from_parts(trit_grammar **out, const char *text, size_t n, const trit_grammar_value *values, size_t n_values,
                                    trit_error *err) {
    trit_schema_reader r = {.status = trit_ok, .err = err};
    trit_json **document = trit_alloc_zero(n_values, sizeof *document);
    if (!document) return trit_error_memory(err, n_values * sizeof *document, "the schemas");
    (void)trit_expr_put_rule(&r.tree, "root", 4);
    read_json(&r);
    if (n > trit_grammar_max_text) r.status = trit_error_set(err, trit_unsupported, "grammar: its %zu bytes are more than %d", n, trit_grammar_max_text);
    if (r.status == trit_ok && !r.tree.failed) r.status = trit_gbnf_read(&r.tree, text, n, err);
    if (r.status == trit_ok && !r.tree.failed && !r.tree.rule[0].node)
        r.status = trit_error_set(err, trit_format, "grammar: there is no rule \"root\"");
    for (size_t i = 0; i < n_values; i++) read_value(&r, &values[i], &document[i]);
    trit_status status = end(&r, out);
    for (size_t i = 0; i < n_values; i++) trit_json_free(document[i]);
    trit_free(document);
    return status;
}
