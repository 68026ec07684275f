/* Filters that pick, order and regroup items: map, select and its kin, sort, unique, dictsort, min, max, groupby. */
#include "jinja/chars.h"
#include "jinja/vm.h"

static trit_jvalue named(const trit_jcall *call, const char *name) {
    for (size_t i = 0; i < call->n_named; i++)
        if (trit_str_is(call->named[i].name, name)) return call->named[i].value;
    return (trit_jvalue){.kind = trit_j_missing};
}

/* item.a.b or item.0, of a dotted path; another kind of path is an index. `otherwise`: instead of undefined. */
static bool dig(trit_jvm *vm, trit_jvalue v, trit_jvalue path, trit_jvalue otherwise, trit_jvalue *out) {
    if (path.kind != trit_j_string) return trit_jget_item(vm, v, path, out);
    trit_str rest = path.as.s;
    for (bool more = true; more;) {
        const char *dot = rest.n ? memchr(rest.p, '.', rest.n) : NULL;
        trit_str part = {rest.p, dot ? (size_t)(dot - rest.p) : rest.n};
        int64_t index;
        bool is_index = part.n && part.p[0] >= '0' && part.p[0] <= '9' && trit_jread_int(part, 10, &index);
        if (!trit_jget_item(vm, v, is_index ? trit_jint(index) : trit_jstring(part), &v)) return false;
        if (v.kind == trit_j_undefined && otherwise.kind != trit_j_missing) v = otherwise;
        more = dot != NULL;
        rest.p += part.n + more;
        rest.n -= part.n + more;
    }
    *out = v;
    return true;
}

/* map(attribute="a", default=x) or map("filter", arguments) */
static bool filter_map(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    const trit_jvalue *items;
    size_t n;
    trit_jvalue attribute = named(call, "attribute"), otherwise = named(call, "default");
    bool by_filter = attribute.kind == trit_j_missing;
    if (by_filter && (call->n == 0 || call->at[0].kind != trit_j_string)) return trit_jfail(vm, "map: needs a filter's name or attribute=");
    if (!trit_jiterate(vm, v, &items, &n) || !trit_jlist_new(vm, trit_j_stream, n, out)) return false;
    for (size_t i = 0; i < n; i++) {
        trit_jvalue item;
        trit_jcall inner = {.at = call->at + 1, .n = by_filter ? call->n - 1 : 0, .named = call->named, .n_named = call->n_named};
        if (!(by_filter ? trit_japply_filter(vm, call->at[0].as.s, items[i], &inner, &item) : dig(vm, items[i], attribute, otherwise, &item)))
            return false;
        if (!trit_jlist_push(vm, out->as.list, item)) return false;
    }
    return true;
}

/* The items, or an attribute of each, that pass the test named by the next argument (none: that are true). */
static bool pick(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, bool by_attribute, bool wanted, trit_jvalue *out) {
    const trit_jvalue *items;
    size_t n, first = by_attribute;
    if (by_attribute && call->n == 0) return trit_jfail(vm, "selectattr: the attribute's name is missing");
    if (call->n > first && call->at[first].kind != trit_j_string) return trit_jfail(vm, "select: the test's name must be a string");
    if (!trit_jiterate(vm, v, &items, &n) || !trit_jlist_new(vm, trit_j_stream, 0, out)) return false;
    for (size_t i = 0; i < n; i++) {
        trit_jvalue judged = items[i];
        if (by_attribute && !dig(vm, items[i], call->at[0], (trit_jvalue){.kind = trit_j_missing}, &judged)) return false;
        bool passes = trit_jtruth(judged);
        if (call->n > first) {
            trit_jcall inner = {.at = call->at + first + 1, .n = call->n - first - 1, .named = call->named, .n_named = call->n_named};
            if (!trit_japply_test(vm, call->at[first].as.s, judged, &inner, &passes)) return false;
        }
        if (passes == wanted && !trit_jlist_push(vm, out->as.list, items[i])) return false;
    }
    return true;
}

static bool filter_select(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return pick(vm, v, call, false, true, out);
}

static bool filter_reject(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return pick(vm, v, call, false, false, out);
}

static bool filter_selectattr(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return pick(vm, v, call, true, true, out);
}

static bool filter_rejectattr(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return pick(vm, v, call, true, false, out);
}

/* What an item is compared by: itself or an attribute, letters of both cases alike unless `case_sensitive`. */
static bool key_of(trit_jvm *vm, trit_jvalue item, trit_jvalue attribute, bool case_sensitive, trit_jvalue *out) {
    *out = item;
    if (attribute.kind > trit_j_none && !dig(vm, item, attribute, (trit_jvalue){.kind = trit_j_missing}, out)) return false;
    return case_sensitive || out->kind != trit_j_string || trit_jrecase(vm, out->as.s, trit_jcase_lower, out);
}

typedef struct entry {
    trit_jvalue key, item;
} entry;

/* Stable merge sort of e[0..n) with room for as many in `spare`. */
static bool sort_entries(trit_jvm *vm, entry *e, entry *spare, size_t n, bool reverse) {
    size_t half = n / 2, i = 0, k = half, at = 0;
    if (n < 2) return true;
    if (!sort_entries(vm, e, spare, half, reverse) || !sort_entries(vm, e + half, spare, n - half, reverse)) return false;
    while (i < half && k < n) {
        int way = 0;
        if (!trit_jcharge(vm, 1) || !trit_jorder(vm, e[k].key, e[i].key, &way)) return false;
        spare[at++] = (reverse ? way > 0 : way < 0) ? e[k++] : e[i++];
    }
    while (i < half) spare[at++] = e[i++];
    memcpy(e, spare, at * sizeof *e); /* what is left of the second half stands in its place */
    return true;
}

static bool make_entries(trit_jvm *vm, trit_jvalue v, trit_jvalue attribute, bool case_sensitive, entry **out, size_t *n) {
    const trit_jvalue *items;
    if (!trit_jiterate(vm, v, &items, n) || !(*out = trit_jalloc(vm, *n * 2, sizeof **out))) return false; /* twice: room to sort */
    for (size_t i = 0; i < *n; i++) {
        (*out)[i].item = items[i];
        if (!key_of(vm, items[i], attribute, case_sensitive, &(*out)[i].key)) return false;
    }
    return true;
}

static bool filter_sort(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    entry *e;
    size_t n;
    if (!make_entries(vm, v, call->at[2], trit_jarg_truth(call, 1, false), &e, &n)) return false;
    if (!sort_entries(vm, e, e + n, n, trit_jarg_truth(call, 0, false)) || !trit_jlist_new(vm, trit_j_list, n, out)) return false;
    for (size_t i = 0; i < n; i++)
        if (!trit_jlist_push(vm, out->as.list, e[i].item)) return false;
    return true;
}

static bool pair_of(trit_jvm *vm, trit_jvalue a, trit_jvalue b, trit_jvalue *out) {
    return trit_jlist_new(vm, trit_j_tuple, 2, out) && trit_jlist_push(vm, out->as.list, a) && trit_jlist_push(vm, out->as.list, b);
}

static bool filter_dictsort(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str by;
    if (v.kind == trit_j_undefined) return trit_jfail_undefined(vm, v);
    if (v.kind != trit_j_dict) return trit_jfail(vm, "dictsort: a dict is needed, not %s", trit_jkind_name(v.kind));
    if (!trit_jarg_string(vm, call, 1, trit_str_from("key"), &by)) return false;
    bool by_value = trit_str_is(by, "value");
    if (!by_value && !trit_str_is(by, "key")) return trit_jfail(vm, "dictsort: by must be \"key\" or \"value\"");
    const trit_jdict *d = v.as.dict;
    entry *e = trit_jalloc(vm, d->n * 2, sizeof *e);
    if (!e) return false;
    for (size_t i = 0; i < d->n; i++) {
        trit_jvalue none = {.kind = trit_j_missing};
        if (!pair_of(vm, d->keys[i], d->values[i], &e[i].item)) return false;
        if (!key_of(vm, by_value ? d->values[i] : d->keys[i], none, trit_jarg_truth(call, 0, false), &e[i].key)) return false;
    }
    if (!sort_entries(vm, e, e + d->n, d->n, trit_jarg_truth(call, 2, false)) || !trit_jlist_new(vm, trit_j_list, d->n, out)) return false;
    for (size_t i = 0; i < d->n; i++)
        if (!trit_jlist_push(vm, out->as.list, e[i].item)) return false;
    return true;
}

static bool filter_unique(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    entry *e;
    size_t n;
    if (!make_entries(vm, v, call->at[1], trit_jarg_truth(call, 0, false), &e, &n) || !trit_jlist_new(vm, trit_j_stream, 0, out)) return false;
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        if (!trit_jcharge(vm, i)) return false;
        for (size_t k = 0; k < i && !seen; k++)
            if (!trit_jequal(vm, e[k].key, e[i].key, &seen)) return false;
        if (!seen && !trit_jlist_push(vm, out->as.list, e[i].item)) return false;
    }
    return true;
}

static bool extreme(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, bool largest, trit_jvalue *out) {
    entry *e;
    size_t n, best = 0;
    if (!make_entries(vm, v, call->at[1], trit_jarg_truth(call, 0, false), &e, &n)) return false;
    for (size_t i = 1; i < n; i++) {
        int way = 0;
        if (!trit_jorder(vm, e[i].key, e[best].key, &way)) return false;
        if (largest ? way > 0 : way < 0) best = i;
    }
    *out = n ? e[best].item : trit_jundefined(trit_str_from("an item of an empty sequence"), trit_j_missing);
    return true;
}

static bool filter_min(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return extreme(vm, v, call, false, out);
}

static bool filter_max(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return extreme(vm, v, call, true, out);
}

/* Pairs (key, items with that key), in the order of the keys. */
static bool filter_groupby(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    entry *e;
    size_t n;
    if (!make_entries(vm, v, call->at[0], true, &e, &n) || !sort_entries(vm, e, e + n, n, false) || !trit_jlist_new(vm, trit_j_list, 0, out))
        return false;
    for (size_t i = 0; i < n;) {
        trit_jvalue group, pair;
        bool same = true;
        size_t first = i;
        if (!trit_jlist_new(vm, trit_j_list, 0, &group)) return false;
        while (same && i < n) {
            if (!trit_jlist_push(vm, group.as.list, e[i++].item)) return false;
            if (i < n && !trit_jequal(vm, e[first].key, e[i].key, &same)) return false;
        }
        if (!pair_of(vm, e[first].key, group, &pair) || !trit_jlist_push(vm, out->as.list, pair)) return false;
    }
    return true;
}

/* attribute= and the separator between the items' texts. */
static bool filter_join(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    const trit_jvalue *items;
    size_t n, mark;
    trit_str separator = {0};
    if (call->at[0].kind != trit_j_missing && !trit_jto_string(vm, call->at[0], &separator)) return false;
    if (!trit_jiterate(vm, v, &items, &n)) return false;
    mark = vm->text.n;
    for (size_t i = 0; i < n; i++) {
        trit_jvalue item = items[i];
        if (call->at[1].kind > trit_j_none && !dig(vm, item, call->at[1], (trit_jvalue){.kind = trit_j_missing}, &item)) return false;
        if ((i && !trit_jappend(vm, separator.p, separator.n)) || !trit_jprint(vm, item)) return false;
    }
    return trit_jtake(vm, mark, out);
}

const trit_jbuiltin *trit_jpick_filter_find(trit_str name) {
    static const trit_jbuiltin table[] = {
        {"dictsort", "case_sensitive by reverse", 0, filter_dictsort},
        {"groupby", "attribute", 1, filter_groupby},
        {"join", "d attribute", 0, filter_join},
        {"map", NULL, 0, filter_map},
        {"max", "case_sensitive attribute", 0, filter_max},
        {"min", "case_sensitive attribute", 0, filter_min},
        {"reject", NULL, 0, filter_reject},
        {"rejectattr", NULL, 0, filter_rejectattr},
        {"select", NULL, 0, filter_select},
        {"selectattr", NULL, 0, filter_selectattr},
        {"sort", "reverse case_sensitive attribute", 0, filter_sort},
        {"unique", "case_sensitive attribute", 0, filter_unique},
    };
    return trit_jbuiltin_find(table, sizeof table / sizeof *table, name);
}
