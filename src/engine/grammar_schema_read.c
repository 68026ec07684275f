/* What single schemas say: keywords, references, types, and whether two of them exclude each other. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "engine/grammar_schema.h"

void trit_schema_fail(trit_schema_reader *r, trit_status status, const char *fmt, ...) {
    char text[300];
    va_list args;
    if (r->status != trit_ok) return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    r->status = trit_error_set(r->err, status, "schema: %s: %s", r->where.data ? r->where.data : "#", text);
}

bool trit_schema_spend(trit_schema_reader *r, size_t effort) {
    r->effort += effort;
    if (r->effort > trit_schema_max_effort) trit_schema_fail(r, trit_unsupported, "too many names and values to compare with each other");
    return r->status == trit_ok;
}

const trit_json *trit_schema_get(trit_schema_reader *r, const trit_json *schema, const char *keyword, trit_json_kind kind) {
    const trit_json *v = trit_json_get(schema, keyword);
    if (!v || trit_json_kind_of(v) == kind) return v;
    static const char *const names[] = {"null", "true or false", "a whole number", "a number", "a string", "an array", "an object"};
    trit_schema_fail(r, trit_format, "\"%s\" is not %s", keyword, names[kind]);
    return NULL;
}

uint32_t trit_schema_count(trit_schema_reader *r, const trit_json *schema, const char *keyword, uint32_t otherwise) {
    const trit_json *v = trit_json_get(schema, keyword);
    if (!v) return otherwise;
    int64_t n = trit_json_as_int(v, -1);
    if (n < 0) trit_schema_fail(r, trit_format, "\"%s\" is no whole number from 0", keyword);
    else if (n > trit_grammar_max_repeat) trit_schema_fail(r, trit_unsupported, "\"%s\" is above %d", keyword, trit_grammar_max_repeat);
    return n < 0 || n > trit_grammar_max_repeat ? otherwise : (uint32_t)n;
}

/* ---- References ---- */

/* The next part of a JSON Pointer (RFC 6901) in a URI fragment, decoded; false: broken. */
static bool next_part(trit_str *pointer, trit_text *part) {
    part->n = 0;
    while (pointer->n && *pointer->p != '/') {
        char c = *pointer->p;
        unsigned code;
        size_t used = 1;
        if (c == '%') {
            char hex[3] = {0};
            if (pointer->n < 3) return false;
            memcpy(hex, pointer->p + 1, 2);
            if (sscanf(hex, "%2x", &code) != 1) return false;
            c = (char)(uint8_t)code;
            used = 3;
        } else if (c == '~') {
            if (pointer->n < 2 || (pointer->p[1] != '0' && pointer->p[1] != '1')) return false;
            c = pointer->p[1] == '0' ? '~' : '/';
            used = 2;
        }
        if (!trit_text_append(part, &c, 1)) return false;
        pointer->p += used;
        pointer->n -= used;
    }
    return true;
}

static const trit_json *follow(const trit_json *root, trit_str pointer) {
    trit_text part = {0};
    while (root && pointer.n) {
        int64_t index;
        pointer.p++; /* the slash */
        pointer.n--;
        if (!next_part(&pointer, &part)) root = NULL;
        const char *name = part.data && part.n ? part.data : "";
        if (trit_json_kind_of(root) == trit_json_array) root = trit_parse_int(name, &index) && index >= 0 ? trit_json_at(root, (size_t)index) : NULL;
        else root = strlen(name) == part.n ? trit_json_get(root, name) : NULL;
    }
    trit_text_fini(&part);
    return root;
}

const trit_json *trit_schema_target(trit_schema_reader *r, const trit_json *schema) {
    const trit_json *ref = trit_schema_get(r, schema, "$ref", trit_json_string);
    trit_str s = trit_json_as_str(ref);
    if (!ref) return NULL;
    if (!s.n || *s.p != '#' || (s.n > 1 && s.p[1] != '/')) {
        trit_schema_fail(r, trit_unsupported, "$ref \"%.*s\": only \"#\" and \"#/...\" are supported", TRIT_STR_ARG(s));
        return NULL;
    }
    const trit_json *target = follow(r->root, (trit_str){s.p + 1, s.n - 1});
    if (!target) trit_schema_fail(r, trit_format, "$ref \"%.*s\" leads nowhere", TRIT_STR_ARG(s));
    return target;
}

/* ---- Types ---- */

static const struct {
    const char *name;
    unsigned types;
} type_names[] = {
    {"null", trit_type_null},     {"boolean", trit_type_bool}, {"integer", trit_type_integer}, {"number", trit_type_integer | trit_type_fraction},
    {"string", trit_type_string}, {"array", trit_type_array},  {"object", trit_type_object},
};

static unsigned type_of_name(trit_schema_reader *r, const trit_json *name) {
    trit_str s = trit_json_as_str(name);
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++)
        if (trit_str_is(s, type_names[i].name)) return type_names[i].types;
    trit_schema_fail(r, trit_format, "type \"%.*s\" is none of JSON's", TRIT_STR_ARG(s));
    return 0;
}

unsigned trit_schema_types(trit_schema_reader *r, const trit_json *schema) {
    const trit_json *type = trit_json_get(schema, "type");
    unsigned types = 0;
    if (!type) return trit_type_all;
    if (trit_json_kind_of(type) != trit_json_array) return type_of_name(r, type);
    for (size_t i = 0; i < trit_json_length(type); i++) types |= type_of_name(r, trit_json_at(type, i));
    return types;
}

unsigned trit_schema_type_of(const trit_json *v) {
    switch (trit_json_kind_of(v)) {
    case trit_json_null: return trit_type_null;
    case trit_json_bool: return trit_type_bool;
    case trit_json_int: return trit_type_integer;
    case trit_json_real: return trit_json_as_int(v, 0) == trit_json_as_int(v, 1) ? trit_type_integer : trit_type_fraction;
    case trit_json_string: return trit_type_string;
    case trit_json_array: return trit_type_array;
    case trit_json_object: return trit_type_object;
    case trit_json_absent: break;
    }
    return 0;
}

/* ---- Schemas that exclude each other ---- */

bool trit_schema_same(trit_schema_reader *r, const trit_json *a, const trit_json *b) {
    trit_text x = {0}, y = {0};
    if (!trit_schema_spend(r, 8)) return false;
    bool same = trit_json_write(&x, a) && trit_json_write(&y, b) && x.n == y.n && memcmp(x.data, y.data, x.n) == 0;
    (void)trit_schema_spend(r, (x.n + y.n) / 16);
    trit_text_fini(&x);
    trit_text_fini(&y);
    return same;
}

/* Value i that "const" or "enum" allows; NULL beyond the last. */
static const trit_json *allowed(const trit_json *schema, size_t i) {
    const trit_json *only = trit_json_get(schema, "const");
    return only ? i ? NULL : only : trit_json_at(trit_json_get(schema, "enum"), i);
}

/* Numbers are compared as they are written, so 1 and 1.0 count as different only where no number is in both lists. */
static bool share_value(trit_schema_reader *r, const trit_json *a, const trit_json *b) {
    for (size_t i = 0; allowed(a, i); i++)
        for (size_t k = 0; allowed(b, k) && r->status == trit_ok; k++) {
            const trit_json *x = allowed(a, i), *y = allowed(b, k);
            unsigned numbers = trit_type_integer | trit_type_fraction;
            if (trit_schema_same(r, x, y) || ((trit_schema_type_of(x) & numbers) && trit_json_as_real(x, 0) == trit_json_as_real(y, 1))) return true;
        }
    return false;
}

static unsigned types_of(trit_schema_reader *r, const trit_json *schema) {
    unsigned types = 0;
    for (size_t i = 0; allowed(schema, i); i++) types |= trit_schema_type_of(allowed(schema, i));
    return types ? types & trit_schema_types(r, schema) : trit_schema_types(r, schema);
}

static bool requires(trit_schema_reader *r, const trit_json *schema, trit_str name) {
    const trit_json *required = trit_json_get(schema, "required");
    for (size_t i = 0; i < trit_json_length(required) && trit_schema_spend(r, 1); i++)
        if (trit_str_equal(trit_json_as_str(trit_json_at(required, i)), name)) return true;
    return false;
}

const trit_json *trit_schema_property(trit_schema_reader *r, const trit_json *schema, trit_str name) {
    const trit_json *properties = trit_json_get(schema, "properties"), *value;
    trit_str key;
    void *iter = NULL;
    if (!memchr(name.p, '\0', name.n)) return trit_json_get(properties, name.p);
    while (trit_schema_spend(r, 1) && trit_json_next(properties, &iter, &key, &value))
        if (trit_str_equal(key, name)) return value;
    return NULL;
}

static bool is_false(const trit_json *v) {
    return trit_json_kind_of(v) == trit_json_bool && !trit_json_as_bool(v, true);
}

/* Does a have a property that tells its objects from those of b? */
static bool told_apart(trit_schema_reader *r, const trit_json *a, const trit_json *b) {
    const trit_json *required = trit_json_get(a, "required");
    for (size_t i = 0; i < trit_json_length(required) && trit_schema_spend(r, 1); i++) {
        trit_str name = trit_json_as_str(trit_json_at(required, i));
        if (!name.p) continue; /* refused where the object is read */
        const trit_json *mine = trit_schema_property(r, a, name), *other = trit_schema_property(r, b, name);
        if (!other && is_false(trit_json_get(b, "additionalProperties"))) return true;
        if (!mine || !other || !requires(r, b, name)) continue;
        if (!(types_of(r, mine) & types_of(r, other)) || (allowed(mine, 0) && allowed(other, 0) && !share_value(r, mine, other))) return true;
    }
    return false;
}

bool trit_schemas_overlap(trit_schema_reader *r, const trit_json *a, const trit_json *b) {
    for (int i = 0; i < 16 && trit_json_get(a, "$ref"); i++) a = trit_schema_target(r, a);
    for (int i = 0; i < 16 && trit_json_get(b, "$ref"); i++) b = trit_schema_target(r, b);
    if (is_false(a) || is_false(b)) return false;
    if (trit_json_kind_of(a) != trit_json_object || trit_json_kind_of(b) != trit_json_object) return true;
    unsigned common = types_of(r, a) & types_of(r, b);
    if (!common || (allowed(a, 0) && allowed(b, 0) && !share_value(r, a, b))) return false;
    return common != trit_type_object || (!told_apart(r, a, b) && !told_apart(r, b, a));
}
