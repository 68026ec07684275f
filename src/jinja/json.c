/* Values as JSON, in the spacing of Python's json.dumps: ", " and ": ", or one item a line. */
#include <stdio.h>

#include <math.h>

#include "jinja/chars.h"
#include "jinja/vm.h"

static bool append(trit_jvm *vm, const char *s) {
    return trit_jappend(vm, s, strlen(s));
}

static bool put(trit_jvm *vm, trit_str s) {
    return trit_jappend(vm, s.p, s.n);
}

static bool print_string(trit_jvm *vm, trit_str s, bool ascii) {
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    bool good = append(vm, "\"");
    size_t plain = 0, at = 0; /* s[plain..at) waits to be written as it is */
    while (good && at < s.n) {
        char text[16] = "";
        size_t begin = at;
        uint32_t cp = trit_jnext(s, &at);
        for (const char *p = shorts; *p; p += 2)
            if (cp == (uint32_t)*p) snprintf(text, sizeof text, "\\%c", p[1]);
        if (!*text && (cp < 0x20 || (ascii && cp >= 0x7F && cp < 0x10000 && cp != 0x7F)))
            snprintf(text, sizeof text, "\\u%04x", (unsigned)cp);
        else if (ascii && cp >= 0x10000)
            snprintf(text, sizeof text, "\\u%04x\\u%04x", (unsigned)(0xD7C0 + (cp >> 10)), (unsigned)(0xDC00 + (cp & 0x3FF)));
        if (!*text) continue;
        good = trit_jappend(vm, s.p + plain, begin - plain) && append(vm, text);
        plain = at;
    }
    return good && (plain == s.n || trit_jappend(vm, s.p + plain, s.n - plain)) && append(vm, "\"");
}

static bool print_any(trit_jvm *vm, trit_jvalue v, const trit_jjson_style *style, size_t level);

/* A new line, indented by `level`; nothing where all stands on one line. */
static bool new_line(trit_jvm *vm, const trit_jjson_style *style, size_t level) {
    if (!style->pretty) return true;
    bool good = append(vm, "\n");
    for (size_t i = 0; good && i < level; i++) good = put(vm, style->indent);
    return good;
}

static bool print_array(trit_jvm *vm, const trit_jlist *list, const trit_jjson_style *style, size_t level) {
    if (list->n == 0) return append(vm, "[]");
    bool good = append(vm, "[");
    for (size_t i = 0; good && i < list->n; i++)
        good = (i == 0 || put(vm, style->item_separator)) && new_line(vm, style, level + 1) && print_any(vm, list->at[i], style, level + 1);
    return good && new_line(vm, style, level) && append(vm, "]");
}

/* Keys are strings in JSON; numbers, booleans and none become theirs. */
static bool print_key(trit_jvm *vm, trit_jvalue key, const trit_jjson_style *style) {
    if (key.kind == trit_j_string) return print_string(vm, key.as.s, style->ascii);
    if (!trit_jis_number(key) && key.kind != trit_j_none)
        return trit_jfail(vm, "keys must be str, int, float, bool or None, not %s", trit_jkind_name(key.kind));
    return append(vm, "\"") && print_any(vm, key, style, 0) && append(vm, "\"");
}

/* order[0..n) = the places of the keys in rising order: insertion, for dicts are small. */
static bool sort_keys(trit_jvm *vm, const trit_jdict *d, size_t *order) {
    for (size_t i = 0; i < d->n; i++) {
        size_t at = i;
        for (int way = 0; at > 0; at--) {
            if (!trit_jcharge(vm, 1) || !trit_jorder(vm, d->keys[order[at - 1]], d->keys[i], &way)) return false;
            if (way <= 0) break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
    return true;
}

static bool print_object(trit_jvm *vm, const trit_jdict *d, const trit_jjson_style *style, size_t level) {
    size_t *order = NULL;
    if (d->n == 0) return append(vm, "{}");
    if (style->sort_keys && (!(order = trit_jalloc(vm, d->n, sizeof *order)) || !sort_keys(vm, d, order))) return false;
    bool good = append(vm, "{");
    for (size_t i = 0; good && i < d->n; i++) {
        size_t at = order ? order[i] : i;
        good = (i == 0 || put(vm, style->item_separator)) && new_line(vm, style, level + 1) && print_key(vm, d->keys[at], style) &&
               put(vm, style->key_separator) && print_any(vm, d->values[at], style, level + 1);
    }
    return good && new_line(vm, style, level) && append(vm, "}");
}

static bool print_kind(trit_jvm *vm, trit_jvalue v, const trit_jjson_style *style, size_t level) {
    switch (v.kind) {
    case trit_j_none: return append(vm, "null");
    case trit_j_bool: return append(vm, v.as.b ? "true" : "false");
    case trit_j_int: return trit_jprint(vm, v);
    case trit_j_float:
        if (isnan(v.as.f)) return append(vm, "NaN");
        if (isinf(v.as.f)) return append(vm, v.as.f < 0 ? "-Infinity" : "Infinity");
        return trit_jprint_float(vm, v.as.f);
    case trit_j_string: return print_string(vm, v.as.s, style->ascii);
    case trit_j_list:
    case trit_j_tuple: return print_array(vm, v.as.list, style, level);
    case trit_j_dict: return print_object(vm, v.as.dict, style, level);
    default: return trit_jfail(vm, "Object of type %s is not JSON serializable", trit_jkind_name(v.kind));
    }
}

static bool print_any(trit_jvm *vm, trit_jvalue v, const trit_jjson_style *style, size_t level) {
    if (!trit_jenter(vm)) return false;
    bool good = print_kind(vm, v, style, level);
    vm->depth--;
    return good;
}

bool trit_jprint_json(trit_jvm *vm, trit_jvalue v, const trit_jjson_style *style) {
    return print_any(vm, v, style, 0);
}
