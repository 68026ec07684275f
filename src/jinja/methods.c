/* Methods of dicts, lists and the loop. Lists and dicts belong to the render, so a template may change them. */
#include "jinja/vm.h"

static trit_jvalue given(const trit_jcall *call, size_t i, trit_jvalue otherwise) {
    return call->at[i].kind == trit_j_missing ? otherwise : call->at[i];
}

/* ---- dicts ---- */

static bool dict_get(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    size_t at;
    if (!trit_jdict_find(vm, v.as.dict, call->at[0], &at)) return false;
    *out = at < v.as.dict->n ? v.as.dict->values[at] : given(call, 1, trit_jnone());
    return true;
}

static bool list_of(trit_jvm *vm, const trit_jvalue *items, size_t n, trit_jvalue *out) {
    if (!trit_jlist_new(vm, trit_j_list, n, out)) return false;
    for (size_t i = 0; i < n; i++)
        if (!trit_jlist_push(vm, out->as.list, items[i])) return false;
    return true;
}

static bool dict_keys(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return list_of(vm, v.as.dict->keys, v.as.dict->n, out);
}

static bool dict_values(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return list_of(vm, v.as.dict->values, v.as.dict->n, out);
}

static bool dict_items(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    const trit_jdict *d = v.as.dict;
    (void)call;
    if (!trit_jlist_new(vm, trit_j_list, d->n, out)) return false;
    for (size_t i = 0; i < d->n; i++) {
        trit_jvalue pair;
        if (!trit_jlist_new(vm, trit_j_tuple, 2, &pair) || !trit_jlist_push(vm, pair.as.list, d->keys[i]) ||
            !trit_jlist_push(vm, pair.as.list, d->values[i]) || !trit_jlist_push(vm, out->as.list, pair))
            return false;
    }
    return true;
}

static bool dict_pop(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_jdict *d = v.as.dict;
    size_t at;
    if (!trit_jdict_find(vm, d, call->at[0], &at) || !trit_jcharge(vm, d->n / 8)) return false;
    if (at == d->n) {
        *out = call->at[1];
        return call->at[1].kind != trit_j_missing || trit_jfail(vm, "pop: there is no such key");
    }
    *out = d->values[at];
    d->n--;
    memmove(d->keys + at, d->keys + at + 1, (d->n - at) * sizeof *d->keys);
    memmove(d->values + at, d->values + at + 1, (d->n - at) * sizeof *d->values);
    return true;
}

static bool dict_setdefault(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    size_t at;
    if (!trit_jdict_find(vm, v.as.dict, call->at[0], &at)) return false;
    *out = at < v.as.dict->n ? v.as.dict->values[at] : given(call, 1, trit_jnone());
    return at < v.as.dict->n || trit_jdict_set(vm, v.as.dict, call->at[0], *out);
}

static bool dict_update(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_jvalue more;
    const trit_jbuiltin *make = trit_jfunction_find(trit_str_from("dict"));
    if (!trit_jbuiltin_run(vm, make, trit_jnone(), call, &more)) return false;
    for (size_t i = 0; i < more.as.dict->n; i++)
        if (!trit_jdict_set(vm, v.as.dict, more.as.dict->keys[i], more.as.dict->values[i])) return false;
    *out = trit_jnone();
    return true;
}

static bool dict_copy(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return trit_jbuiltin_run(vm, trit_jfunction_find(trit_str_from("dict")), trit_jnone(), &(trit_jcall){.at = &v, .n = 1}, out);
}

static bool dict_clear(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    v.as.dict->n = 0;
    *out = trit_jnone();
    return true;
}

/* ---- lists ---- */

static bool list_append(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    *out = trit_jnone();
    return trit_jlist_push(vm, v.as.list, call->at[0]);
}

static bool list_extend(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    const trit_jvalue *items;
    size_t n;
    *out = trit_jnone();
    if (!trit_jiterate(vm, call->at[0], &items, &n)) return false;
    for (size_t i = 0; i < n; i++)
        if (!trit_jlist_push(vm, v.as.list, items[i])) return false;
    return true;
}

static bool list_insert(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_jlist *l = v.as.list;
    int64_t at, n = (int64_t)l->n;
    *out = trit_jnone();
    if (!trit_jarg_int(vm, call, 0, 0, &at) || !trit_jcharge(vm, l->n / 8) || !trit_jlist_push(vm, l, call->at[1])) return false;
    at = at < -n ? 0 : at < 0 ? at + n : at > n ? n : at;
    memmove(l->at + at + 1, l->at + at, (size_t)(n - at) * sizeof *l->at);
    l->at[at] = call->at[1];
    return true;
}

static bool list_pop(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_jlist *l = v.as.list;
    int64_t at;
    if (!trit_jarg_int(vm, call, 0, -1, &at) || !trit_jcharge(vm, l->n / 8)) return false;
    if (at < 0) at += (int64_t)l->n;
    if (at < 0 || (uint64_t)at >= l->n) return trit_jfail(vm, "pop: index out of range");
    *out = l->at[at];
    l->n--;
    memmove(l->at + at, l->at + at + 1, (l->n - (size_t)at) * sizeof *l->at);
    return true;
}

static bool list_count(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    int64_t n = 0;
    for (size_t i = 0; i < v.as.list->n; i++) {
        bool same;
        if (!trit_jcharge(vm, 1) || !trit_jequal(vm, v.as.list->at[i], call->at[0], &same)) return false;
        n += same;
    }
    *out = trit_jint(n);
    return true;
}

static bool list_index(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    for (size_t i = 0; i < v.as.list->n; i++) {
        bool same;
        if (!trit_jcharge(vm, 1) || !trit_jequal(vm, v.as.list->at[i], call->at[0], &same)) return false;
        if (!same) continue;
        *out = trit_jint((int64_t)i);
        return true;
    }
    return trit_jfail(vm, "index: the item is not in the list");
}

static bool list_copy(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return list_of(vm, v.as.list->at, v.as.list->n, out);
}

static bool list_clear(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    v.as.list->n = 0;
    *out = trit_jnone();
    return true;
}

static bool list_reverse(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_jlist *l = v.as.list;
    (void)call;
    *out = trit_jnone();
    for (size_t i = 0; i < l->n / 2; i++) {
        trit_jvalue first = l->at[i];
        l->at[i] = l->at[l->n - 1 - i];
        l->at[l->n - 1 - i] = first;
    }
    return trit_jcharge(vm, l->n / 8);
}

/* ---- the loop ---- */

static bool loop_cycle(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    if (call->n == 0) return trit_jfail(vm, "loop.cycle: no items to cycle through");
    *out = call->at[v.as.loop->index % call->n];
    return true;
}

static bool loop_changed(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_jvalue now;
    bool same = false;
    if (!trit_jlist_new(vm, trit_j_tuple, call->n, &now)) return false;
    for (size_t i = 0; i < call->n; i++)
        if (!trit_jlist_push(vm, now.as.list, call->at[i])) return false;
    if (!trit_jequal(vm, now, v.as.loop->changed, &same)) return false;
    v.as.loop->changed = now;
    *out = trit_jbool(!same);
    return true;
}

const trit_jbuiltin *trit_jmethod_find(trit_jvalue v, trit_str name) {
    static const trit_jbuiltin dicts[] = {
        {"clear", "", 0, dict_clear},   {"copy", "", 0, dict_copy},           {"get", "key default", 1, dict_get},
        {"items", "", 0, dict_items},   {"keys", "", 0, dict_keys},           {"pop", "key default", 1, dict_pop},
        {"update", NULL, 0, dict_update}, {"setdefault", "key default", 1, dict_setdefault}, {"values", "", 0, dict_values},
    };
    static const trit_jbuiltin lists[] = {
        {"append", "item", 1, list_append}, {"clear", "", 0, list_clear},             {"copy", "", 0, list_copy},
        {"count", "item", 1, list_count},   {"extend", "items", 1, list_extend},      {"index", "item", 1, list_index},
        {"insert", "index item", 2, list_insert}, {"pop", "index", 0, list_pop},      {"reverse", "", 0, list_reverse},
    };
    static const trit_jbuiltin tuples[] = {{"count", "item", 1, list_count}, {"index", "item", 1, list_index}};
    static const trit_jbuiltin loops[] = {{"changed", NULL, 0, loop_changed}, {"cycle", NULL, 0, loop_cycle}};
    switch (v.kind) {
    case trit_j_string: return trit_jstring_method_find(name);
    case trit_j_dict: return trit_jbuiltin_find(dicts, sizeof dicts / sizeof *dicts, name);
    case trit_j_list: return trit_jbuiltin_find(lists, sizeof lists / sizeof *lists, name);
    case trit_j_tuple: return trit_jbuiltin_find(tuples, sizeof tuples / sizeof *tuples, name);
    case trit_j_loop: return trit_jbuiltin_find(loops, sizeof loops / sizeof *loops, name);
    default: return NULL;
    }
}
