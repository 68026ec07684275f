/* Values: truth, equality, order, membership, and the boxes that hold several. */
#include "jinja/vm.h"

#include "jinja/chars.h"

const char *trit_jkind_name(trit_jkind kind) {
    static const char *const names[trit_n_jkinds] = {
        "missing", "Undefined", "NoneType", "bool", "int", "float", "str", "list", "tuple", "generator", "dict", "Namespace", "LoopContext",
        "Macro", "function",
    };
    return names[kind];
}

bool trit_jtruth(trit_jvalue v) {
    switch (v.kind) {
    case trit_j_missing:
    case trit_j_undefined:
    case trit_j_none: return false;
    case trit_j_bool: return v.as.b;
    case trit_j_int: return v.as.i != 0;
    case trit_j_float: return v.as.f != 0;
    case trit_j_string: return v.as.s.n != 0;
    case trit_j_list:
    case trit_j_tuple: return v.as.list->n != 0;
    case trit_j_dict: return v.as.dict->n != 0;
    default: return true;
    }
}

bool trit_jlist_new(trit_jvm *vm, trit_jkind kind, size_t capacity, trit_jvalue *out) {
    trit_jlist *list = trit_jalloc(vm, 1, sizeof *list);
    if (!list || !(list->at = trit_jalloc(vm, capacity, sizeof *list->at))) return false;
    list->capacity = capacity;
    *out = (trit_jvalue){.kind = kind, .as.list = list};
    return true;
}

bool trit_jlist_push(trit_jvm *vm, trit_jlist *list, trit_jvalue v) {
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 4;
        trit_jvalue *at = trit_jalloc(vm, capacity, sizeof *at);
        if (!at) return false;
        if (list->n) memcpy(at, list->at, list->n * sizeof *at);
        list->at = at;
        list->capacity = capacity;
    }
    list->at[list->n++] = v;
    return trit_jcharge(vm, 1);
}

bool trit_jdict_new(trit_jvm *vm, trit_jkind kind, size_t capacity, trit_jvalue *out) {
    trit_jdict *d = trit_jalloc(vm, 1, sizeof *d);
    if (!d || !(d->keys = trit_jalloc(vm, capacity, sizeof *d->keys)) || !(d->values = trit_jalloc(vm, capacity, sizeof *d->values))) return false;
    d->capacity = capacity;
    *out = (trit_jvalue){.kind = kind, .as.dict = d};
    return true;
}

static bool is_hashable(trit_jvm *vm, trit_jvalue key) {
    if (key.kind != trit_j_list && key.kind != trit_j_dict) return true;
    return trit_jfail(vm, "unhashable type: '%s'", trit_jkind_name(key.kind));
}

bool trit_jdict_find(trit_jvm *vm, const trit_jdict *d, trit_jvalue key, size_t *at) {
    bool same = false;
    if (!is_hashable(vm, key) || !trit_jcharge(vm, d->n / 8)) return false;
    for (*at = 0; *at < d->n; ++*at) {
        if (!trit_jequal(vm, d->keys[*at], key, &same)) return false;
        if (same) break;
    }
    return true;
}

const trit_jvalue *trit_jdict_get(const trit_jdict *d, trit_str key) {
    for (size_t i = 0; i < d->n; i++)
        if (d->keys[i].kind == trit_j_string && trit_str_equal(d->keys[i].as.s, key)) return &d->values[i];
    return NULL;
}

bool trit_jdict_set(trit_jvm *vm, trit_jdict *d, trit_jvalue key, trit_jvalue v) {
    size_t at;
    if (!trit_jdict_find(vm, d, key, &at)) return false;
    if (at < d->n) {
        d->values[at] = v;
        return true;
    }
    if (d->n == d->capacity) {
        size_t capacity = d->capacity ? d->capacity * 2 : 4;
        trit_jvalue *keys = trit_jalloc(vm, capacity, sizeof *keys), *values = keys ? trit_jalloc(vm, capacity, sizeof *values) : NULL;
        if (!values) return false;
        if (d->n) {
            memcpy(keys, d->keys, d->n * sizeof *keys);
            memcpy(values, d->values, d->n * sizeof *values);
        }
        d->keys = keys;
        d->values = values;
        d->capacity = capacity;
    }
    d->keys[d->n] = key;
    d->values[d->n++] = v;
    return true;
}

static bool lists_equal(trit_jvm *vm, const trit_jlist *a, const trit_jlist *b, bool *out) {
    *out = a->n == b->n;
    for (size_t i = 0; *out && i < a->n && i < b->n; i++)
        if (!trit_jequal(vm, a->at[i], b->at[i], out)) return false;
    return true;
}

static bool dicts_equal(trit_jvm *vm, const trit_jdict *a, const trit_jdict *b, bool *out) {
    *out = a->n == b->n;
    for (size_t i = 0; *out && i < a->n; i++) {
        size_t at;
        if (!trit_jdict_find(vm, b, a->keys[i], &at)) return false;
        *out = at < b->n;
        if (*out && !trit_jequal(vm, a->values[i], b->values[at], out)) return false;
    }
    return true;
}

static bool numbers_equal(trit_jvalue a, trit_jvalue b) {
    return trit_jis_whole(a) && trit_jis_whole(b) ? trit_jwhole(a) == trit_jwhole(b) : trit_jreal(a) == trit_jreal(b);
}

bool trit_jequal(trit_jvm *vm, trit_jvalue a, trit_jvalue b, bool *out) {
    bool good = true;
    if (trit_jis_number(a) && trit_jis_number(b)) {
        *out = numbers_equal(a, b);
        return true;
    }
    *out = a.kind == b.kind;
    if (!*out) return true;
    switch (a.kind) {
    case trit_j_string: *out = trit_str_equal(a.as.s, b.as.s); break;
    case trit_j_list:
    case trit_j_tuple:
    case trit_j_dict: /* may hold themselves, so depth counts */
        if (!trit_jenter(vm)) return false;
        good = a.kind == trit_j_dict ? dicts_equal(vm, a.as.dict, b.as.dict, out) : lists_equal(vm, a.as.list, b.as.list, out);
        vm->depth--;
        break;
    case trit_j_stream: *out = a.as.list == b.as.list; break;
    case trit_j_namespace: *out = a.as.dict == b.as.dict; break;
    case trit_j_loop: *out = a.as.loop == b.as.loop; break;
    case trit_j_macro: *out = a.as.macro == b.as.macro; break;
    case trit_j_function: *out = a.as.bound->builtin == b.as.bound->builtin; break;
    default: break;
    }
    return good;
}

static bool order_lists(trit_jvm *vm, const trit_jlist *a, const trit_jlist *b, int *out) {
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        bool same;
        if (!trit_jequal(vm, a->at[i], b->at[i], &same)) return false;
        if (!same) return trit_jorder(vm, a->at[i], b->at[i], out);
    }
    *out = (a->n > b->n) - (a->n < b->n);
    return true;
}

bool trit_jorder(trit_jvm *vm, trit_jvalue a, trit_jvalue b, int *out) {
    if (trit_jis_whole(a) && trit_jis_whole(b)) {
        *out = (trit_jwhole(a) > trit_jwhole(b)) - (trit_jwhole(a) < trit_jwhole(b));
        return true;
    }
    if (trit_jis_number(a) && trit_jis_number(b)) {
        *out = (trit_jreal(a) > trit_jreal(b)) - (trit_jreal(a) < trit_jreal(b));
        return true;
    }
    if (a.kind == trit_j_string && b.kind == trit_j_string) { /* bytes of UTF-8 are ordered as their characters are */
        size_t n = a.as.s.n < b.as.s.n ? a.as.s.n : b.as.s.n;
        int first = n ? memcmp(a.as.s.p, b.as.s.p, n) : 0;
        *out = first ? first : (a.as.s.n > b.as.s.n) - (a.as.s.n < b.as.s.n);
        return true;
    }
    if (a.kind == b.kind && (a.kind == trit_j_list || a.kind == trit_j_tuple)) {
        if (!trit_jenter(vm)) return false;
        bool good = order_lists(vm, a.as.list, b.as.list, out);
        vm->depth--;
        return good;
    }
    if (a.kind == trit_j_undefined) return trit_jfail_undefined(vm, a);
    if (b.kind == trit_j_undefined) return trit_jfail_undefined(vm, b);
    return trit_jfail(vm, "'%s' and '%s' have no order", trit_jkind_name(a.kind), trit_jkind_name(b.kind));
}

bool trit_jcontains(trit_jvm *vm, trit_jvalue box, trit_jvalue v, bool *out) {
    const trit_jvalue *items;
    size_t n, at;
    if (box.kind == trit_j_string) {
        if (v.kind == trit_j_undefined) return trit_jfail_undefined(vm, v);
        if (v.kind != trit_j_string) return trit_jfail(vm, "'in <string>' requires string as left operand, not %s", trit_jkind_name(v.kind));
        if (!trit_jcharge(vm, box.as.s.n / 64)) return false;
        *out = trit_jfind(box.as.s, v.as.s, 0) != SIZE_MAX;
        return true;
    }
    if (box.kind == trit_j_dict) {
        if (!trit_jdict_find(vm, box.as.dict, v, &at)) return false;
        *out = at < box.as.dict->n;
        return true;
    }
    if (!trit_jiterate(vm, box, &items, &n)) return false;
    *out = false;
    for (size_t i = 0; i < n && !*out; i++)
        if (!trit_jequal(vm, items[i], v, out)) return false;
    return true;
}

bool trit_jlength(trit_jvm *vm, trit_jvalue v, size_t *out) {
    switch (v.kind) {
    case trit_j_undefined: *out = 0; return true;
    case trit_j_string: *out = trit_jcount(v.as.s); return trit_jcharge(vm, v.as.s.n / 64);
    case trit_j_list:
    case trit_j_tuple: *out = v.as.list->n; return true;
    case trit_j_dict: *out = v.as.dict->n; return true;
    default: return trit_jfail(vm, "object of type '%s' has no len()", trit_jkind_name(v.kind));
    }
}

static bool characters(trit_jvm *vm, trit_str s, const trit_jvalue **items, size_t *n) {
    size_t count = trit_jcount(s), at = 0;
    trit_jvalue *all = trit_jalloc(vm, count, sizeof *all);
    if (!all) return false;
    for (*n = 0; at < s.n && *n < count; ++*n) {
        size_t begin = at;
        (void)trit_jnext(s, &at);
        all[*n] = trit_jstring((trit_str){s.p + begin, at - begin});
    }
    *items = all;
    return trit_jcharge(vm, count);
}

bool trit_jiterate(trit_jvm *vm, trit_jvalue v, const trit_jvalue **items, size_t *n) {
    *items = NULL;
    *n = 0;
    switch (v.kind) {
    case trit_j_undefined: return true;
    case trit_j_string: return characters(vm, v.as.s, items, n);
    case trit_j_list:
    case trit_j_tuple:
    case trit_j_stream:
        *items = v.as.list->at;
        *n = v.as.list->n;
        if (v.kind == trit_j_stream) v.as.list->n = 0;
        break;
    case trit_j_dict:
        *items = v.as.dict->keys;
        *n = v.as.dict->n;
        break;
    default: return trit_jfail(vm, "'%s' object is not iterable", trit_jkind_name(v.kind));
    }
    return trit_jcharge(vm, *n);
}
