/* Arrays and objects. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "engine/grammar_schema.h"

enum { max_prefix = 256, max_key = 128 };

static void put(trit_schema_reader *r, uint32_t parent, uint32_t child) {
    if (r->status == trit_ok) trit_expr_add(&r->tree, parent, child);
}

static void put_text(trit_schema_reader *r, uint32_t parent, const char *s) {
    put(r, parent, trit_expr_put_text(&r->tree, s, strlen(s)));
}

static void put_name(trit_schema_reader *r, uint32_t parent, const char *rule) {
    put(r, parent, trit_schema_name(r, rule));
}

static uint32_t new_sequence(trit_schema_reader *r) {
    return trit_expr_new(&r->tree, trit_expr_sequence);
}

/* A comma with space on both sides. */
static void put_comma(trit_schema_reader *r, uint32_t parent) {
    put_name(r, parent, "ws");
    put_text(r, parent, ",");
    put_name(r, parent, "ws");
}

/* ---- Arrays ---- */

typedef struct array_facts {
    uint32_t min, max, n_prefix;
} array_facts;

static array_facts facts_of(trit_schema_reader *r, const trit_schema_view *view) {
    array_facts f = {0, trit_grammar_no_max, 0};
    for (uint32_t i = 0; i < view->n; i++) {
        const trit_json *schema = view->part[i].schema, *items = trit_json_get(schema, "items");
        size_t n_prefix = trit_json_length(trit_schema_get(r, schema, "prefixItems", trit_json_array));
        uint32_t min = trit_schema_count(r, schema, "minItems", 0), max = trit_schema_count(r, schema, "maxItems", trit_grammar_no_max);
        if (n_prefix > max_prefix) trit_schema_fail(r, trit_unsupported, "prefixItems: %zu are more than %d", n_prefix, max_prefix);
        if (trit_json_kind_of(items) == trit_json_bool && !trit_json_as_bool(items, true) && n_prefix < max) max = (uint32_t)n_prefix;
        if (min > f.min) f.min = min;
        if (max < f.max) f.max = max;
        if (n_prefix > f.n_prefix) f.n_prefix = (uint32_t)n_prefix;
    }
    for (uint32_t i = 0; i < view->n; i++)
        if (f.max > 1 && trit_json_as_bool(trit_schema_get(r, view->part[i].schema, "uniqueItems", trit_json_bool), false))
            trit_schema_fail(r, trit_unsupported, "\"uniqueItems\" is not supported");
    return f;
}

/* Item `at` of an array; behind the prefixes all are alike. */
static uint32_t put_item(trit_schema_reader *r, const trit_schema_view *view, size_t at) {
    trit_schema_view item = {0};
    char name[40];
    for (uint32_t i = 0; i < view->n; i++) {
        const trit_json *schema = view->part[i].schema, *own = trit_json_at(trit_json_get(schema, "prefixItems"), at), *items = trit_json_get(schema, "items");
        if (own || items) trit_schema_add(r, &item, own ? own : items);
    }
    snprintf(name, sizeof name, at < max_prefix ? "/prefixItems/%zu" : "/items", at);
    return trit_schema_use(r, &item, trit_str_from(name));
}

/* Items behind the prefixes, `from` to `to` of them, the first behind a comma unless it is the array's first. */
static uint32_t put_rest(trit_schema_reader *r, const trit_schema_view *view, uint32_t from, uint32_t to, bool is_first) {
    trit_expr_tree *t = &r->tree;
    if (!to) return new_sequence(r);
    uint32_t more = new_sequence(r);
    put_comma(r, more);
    put(r, more, put_item(r, view, max_prefix));
    bool endless = to >= trit_grammar_no_max;
    if (!is_first) return trit_expr_put_repeat(t, more, from, to);
    uint32_t all = new_sequence(r);
    put(r, all, put_item(r, view, max_prefix));
    put(r, all, trit_expr_put_repeat(t, more, from ? from - 1 : 0, endless ? to : to - 1));
    return from ? all : trit_expr_put_repeat(t, all, 0, 1);
}

uint32_t trit_schema_array(trit_schema_reader *r, const trit_schema_view *view) {
    array_facts f = facts_of(r, view);
    trit_expr_tree *t = &r->tree;
    if (f.min > f.max || r->status != trit_ok) return trit_expr_new(t, trit_expr_choice);
    uint32_t n = f.n_prefix < f.max ? f.n_prefix : f.max, whole = new_sequence(r);
    uint32_t max_rest = f.max >= trit_grammar_no_max ? f.max : f.max - n;
    uint32_t tail = f.max > n ? put_rest(r, view, f.min > n ? f.min - n : 0, max_rest, n == 0) : new_sequence(r);
    for (uint32_t i = n; i-- > 0;) { /* each further item and all behind it may be left out from minItems on */
        uint32_t item = new_sequence(r);
        if (i) put_comma(r, item);
        put(r, item, put_item(r, view, i));
        put(r, item, tail);
        tail = i >= f.min ? trit_expr_put_repeat(t, item, 0, 1) : item;
    }
    put_text(r, whole, "[");
    put_name(r, whole, "ws");
    put(r, whole, tail);
    put_name(r, whole, "ws");
    put_text(r, whole, "]");
    return whole;
}

/* ---- Objects ---- */

typedef struct property {
    trit_str name;
    bool required;
} property;

typedef struct object {
    property *property; /* [n], in order */
    size_t n, capacity;
    bool more;          /* others are allowed */
} object;

static property *find(trit_schema_reader *r, object *o, trit_str name) {
    for (size_t i = 0; i < o->n && trit_schema_spend(r, 1); i++)
        if (trit_str_equal(o->property[i].name, name)) return &o->property[i];
    return NULL;
}

static void add_property(trit_schema_reader *r, object *o, trit_str name, bool required) {
    property *p = find(r, o, name);
    if (!p && !trit_grow((void **)&o->property, &o->capacity, o->n + 1, sizeof *o->property)) r->tree.failed = true;
    else if (!p) o->property[o->n++] = (property){name, required};
    else p->required = p->required || required;
}

static void list_properties(trit_schema_reader *r, object *o, const trit_schema_view *view) {
    bool closed = false, open = false, has_properties = false;
    for (uint32_t i = 0; i < view->n; i++) {
        const trit_json *schema = view->part[i].schema, *value, *more = trit_json_get(schema, "additionalProperties");
        const trit_json *properties = trit_schema_get(r, schema, "properties", trit_json_object);
        trit_str key;
        void *iter = NULL;
        has_properties = has_properties || properties;
        while (trit_json_next(properties, &iter, &key, &value)) add_property(r, o, key, false);
        if (more && trit_json_kind_of(more) == trit_json_bool && !trit_json_as_bool(more, true)) closed = true;
        else open = open || more;
    }
    for (uint32_t i = 0; i < view->n; i++) {
        const trit_json *required = trit_schema_get(r, view->part[i].schema, "required", trit_json_array);
        for (size_t k = 0; k < trit_json_length(required); k++) {
            trit_str name = trit_json_as_str(trit_json_at(required, k));
            if (!name.p) trit_schema_fail(r, trit_format, "\"required\" is no list of strings");
            else add_property(r, o, name, true);
        }
    }
    o->more = !closed && (open || !has_properties);
    for (size_t i = 0; i < o->n && r->strict; i++)
        if (!o->property[i].required)
            trit_schema_fail(r, trit_format, "strict: property \"%.*s\" is not required", TRIT_STR_ARG(o->property[i].name));
    if (r->strict && !closed) trit_schema_fail(r, trit_format, "strict: an object without \"additionalProperties\": false");
}

/* The value of a property, or (name.p NULL) of one that has no name in the schema. */
static uint32_t put_value(trit_schema_reader *r, const trit_schema_view *view, trit_str name, bool *never) {
    trit_schema_view value = {0};
    trit_text path = {0};
    for (uint32_t i = 0; i < view->n; i++) {
        const trit_json *schema = view->part[i].schema;
        const trit_json *own = name.p ? trit_schema_property(r, schema, name) : NULL;
        if (!own) own = trit_json_get(schema, "additionalProperties");
        if (own) trit_schema_add(r, &value, own);
    }
    *never = value.never;
    if (!trit_text_append(&path, name.p ? "/properties/" : "/additionalProperties", name.p ? 12 : 21) || !trit_text_append(&path, name.p, name.n))
        r->tree.failed = true;
    uint32_t node = r->tree.failed ? 0 : trit_schema_use(r, &value, (trit_str){path.data, path.n});
    trit_text_fini(&path);
    return node;
}

/* "name": value. *never: there is no such value. */
static uint32_t put_member(trit_schema_reader *r, const trit_schema_view *view, trit_str name, bool *never) {
    uint32_t member = new_sequence(r);
    trit_text key = {0};
    if (!trit_json_write_str(&key, name.p, name.n)) r->tree.failed = true;
    else put(r, member, trit_expr_put_text(&r->tree, key.data, key.n));
    trit_text_fini(&key);
    put_text(r, member, ":");
    put_name(r, member, "ws");
    put(r, member, put_value(r, view, name, never));
    return member;
}

/* ---- Names that a schema does not have ---- */

static int by_bytes(const void *a, const void *b) {
    const trit_str *x = a, *y = b;
    int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* What follows the first `at` bytes, which all of name[0..n) share, in a key that is none of them. */
static uint32_t put_other_key(trit_schema_reader *r, const trit_str *name, size_t n, size_t at) {
    static const trit_char_range special[] = {{0, 0x1F}, {'"', '"'}, {'\\', '\\'}, {0x7F, 0x7F}};
    trit_expr_tree *t = &r->tree;
    uint32_t choice = trit_expr_new(t, trit_expr_choice), other = new_sequence(r);
    trit_char_range *taken = trit_alloc(n + 4, sizeof *taken);
    size_t n_taken = 4, first = n && name[0].n == at;
    if (!taken) {
        t->failed = true;
        return 0;
    }
    memcpy(taken, special, sizeof special);
    if (!first) put_text(r, choice, "\"");
    for (size_t i = first; i < n;) {
        uint32_t c;
        size_t length = (size_t)trit_utf8_decode(name[i].p + at, name[i].n - at, &c), same = i;
        while (same < n && name[same].n >= at + length && memcmp(name[same].p + at, name[i].p + at, length) == 0) same++;
        uint32_t next = new_sequence(r);
        put(r, next, trit_expr_put_text(t, name[i].p + at, length));
        put(r, next, put_other_key(r, name + i, same - i, at + length));
        put(r, choice, next);
        taken[n_taken++] = (trit_char_range){c, c};
        i = same;
    }
    put(r, other, trit_expr_put_chars(t, taken, n_taken, true));
    put(r, other, trit_expr_put_repeat(t, trit_schema_name(r, "plain-char"), 0, trit_grammar_no_max));
    put_text(r, other, "\"");
    put(r, choice, other);
    trit_free(taken);
    return choice;
}

static bool is_plain(trit_str s) {
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] < 0x20 || s.p[i] == '"' || s.p[i] == '\\' || s.p[i] == 0x7F) return false;
    return true;
}

/* A member whose name is none of the schema's; such names are written without escapes, so those that need them cannot be met. */
static uint32_t put_other_member(trit_schema_reader *r, const trit_schema_view *view, const object *o, bool *never) {
    uint32_t member = new_sequence(r);
    size_t n = 0;
    trit_str *names = trit_alloc(o->n, sizeof *names);
    if (!names) r->tree.failed = true;
    for (size_t i = 0; i < o->n && names; i++) {
        if (o->property[i].name.n > max_key) trit_schema_fail(r, trit_unsupported, "names of more than %d bytes beside further ones", max_key);
        else if (is_plain(o->property[i].name)) names[n++] = o->property[i].name;
    }
    if (names && n) qsort(names, n, sizeof *names, by_bytes);
    put_text(r, member, "\"");
    if (names && r->status == trit_ok) put(r, member, put_other_key(r, names, n, 0));
    put_text(r, member, ":");
    put_name(r, member, "ws");
    put(r, member, put_value(r, view, (trit_str){NULL, 0}, never));
    trit_free(names);
    return member;
}

/* ---- Members in order ---- */

/* Rule i: what may follow when members have been written and property i is the next; rule n: further ones. */
static void define_tails(trit_schema_reader *r, const trit_schema_view *view, const object *o, uint32_t first_rule) {
    trit_expr_tree *t = &r->tree;
    for (size_t i = 0; i <= o->n && r->status == trit_ok && !t->failed; i++) {
        uint32_t tail = new_sequence(r), member = new_sequence(r);
        bool never = false;
        put_comma(r, member);
        if (i < o->n) {
            put(r, member, put_member(r, view, o->property[i].name, &never));
            if (o->property[i].required) put(r, tail, member);
            else if (!never) put(r, tail, trit_expr_put_repeat(t, member, 0, 1));
            put(r, tail, trit_expr_put_use(t, first_rule + (uint32_t)i + 1));
        } else if (o->more) {
            put(r, member, put_other_member(r, view, o, &never));
            put(r, tail, trit_expr_put_repeat(t, member, 0, trit_grammar_no_max));
        }
        if (!t->failed) t->rule[first_rule + i].node = tail;
    }
}

/* The first member, whichever it is, and what follows it; or nothing. */
static uint32_t put_members(trit_schema_reader *r, const trit_schema_view *view, const object *o) {
    trit_expr_tree *t = &r->tree;
    uint32_t choice = trit_expr_new(t, trit_expr_choice), first_rule = (uint32_t)t->n_rules;
    bool never = false, may_be_empty = true;
    for (size_t i = 0; i <= o->n; i++) (void)trit_expr_put_rule(t, "an object's members", 19);
    for (size_t i = 0; i < o->n && may_be_empty && r->status == trit_ok; i++) {
        uint32_t sequence = new_sequence(r);
        put(r, sequence, put_member(r, view, o->property[i].name, &never));
        put(r, sequence, trit_expr_put_use(t, first_rule + (uint32_t)i + 1));
        put(r, choice, sequence);
        may_be_empty = !o->property[i].required;
    }
    if (may_be_empty && o->more) {
        uint32_t sequence = new_sequence(r);
        put(r, sequence, put_other_member(r, view, o, &never));
        put(r, sequence, trit_expr_put_use(t, first_rule + (uint32_t)o->n));
        put(r, choice, sequence);
    }
    if (may_be_empty) put(r, choice, new_sequence(r));
    define_tails(r, view, o, first_rule);
    return choice;
}

/* Bounds on the number of members hold by themselves, or are not supported. */
static void check_counts(trit_schema_reader *r, const trit_schema_view *view, const object *o) {
    uint32_t n_required = 0;
    for (size_t i = 0; i < o->n; i++) n_required += o->property[i].required;
    for (uint32_t i = 0; i < view->n; i++) {
        if (trit_schema_count(r, view->part[i].schema, "minProperties", 0) > n_required)
            trit_schema_fail(r, trit_unsupported, "\"minProperties\" above the number of required properties is not supported");
        if (trit_schema_count(r, view->part[i].schema, "maxProperties", trit_grammar_no_max) < (o->more ? trit_grammar_no_max : o->n))
            trit_schema_fail(r, trit_unsupported, "\"maxProperties\" below the number of properties is not supported");
    }
}

uint32_t trit_schema_object(trit_schema_reader *r, const trit_schema_view *view) {
    object o = {0};
    uint32_t whole = new_sequence(r);
    list_properties(r, &o, view);
    check_counts(r, view, &o);
    put_text(r, whole, "{");
    put_name(r, whole, "ws");
    if (r->status == trit_ok && !r->tree.failed) put(r, whole, put_members(r, view, &o));
    put_name(r, whole, "ws");
    put_text(r, whole, "}");
    trit_free(o.property);
    return whole;
}
