/* Expressions over values. */
#include "jinja/chars.h"
#include "jinja/vm.h"

bool trit_jfail_undefined(trit_jvm *vm, trit_jvalue v) {
    if (v.owner == trit_j_missing) return trit_jfail(vm, "'%.*s' is undefined", TRIT_STR_ARG(v.as.s));
    return trit_jfail(vm, "'%s object' has no attribute '%.*s'", trit_jkind_name(v.owner), TRIT_STR_ARG(v.as.s));
}

static bool bind(trit_jvm *vm, const trit_jbuiltin *b, trit_jvalue self, trit_jvalue *out) {
    trit_jbound *bound = trit_jalloc(vm, 1, sizeof *bound);
    if (!bound) return false;
    *bound = (trit_jbound){b, self};
    *out = (trit_jvalue){.kind = trit_j_function, .as.bound = bound};
    return true;
}

static bool look_up(trit_jvm *vm, trit_str name, trit_jvalue *out) {
    for (const trit_jframe *f = vm->frame; f; f = f->parent)
        for (const trit_jbinding *b = f->first; b; b = b->next)
            if (trit_str_equal(b->name, name)) {
                *out = b->value;
                return true;
            }
    const trit_jbuiltin *function = trit_jfunction_find(name);
    if (function) return bind(vm, function, trit_jnone(), out);
    *out = trit_jundefined(name, trit_j_missing);
    return true;
}

/* ---- attributes and items ---- */

static bool loop_attribute(const trit_jloop *l, trit_str name, trit_jvalue *out) {
    const struct {
        const char *name;
        trit_jvalue value;
    } all[] = {
        {"index0", trit_jint((int64_t)l->index)},
        {"index", trit_jint((int64_t)l->index + 1)},
        {"revindex0", trit_jint((int64_t)(l->n - l->index) - 1)},
        {"revindex", trit_jint((int64_t)(l->n - l->index))},
        {"first", trit_jbool(l->index == 0)},
        {"last", trit_jbool(l->index + 1 == l->n)},
        {"length", trit_jint((int64_t)l->n)},
        {"depth0", trit_jint(0)}, /* of recursion, which there is none of */
        {"depth", trit_jint(1)},
        {"previtem", l->index > 0 ? l->items[l->index - 1] : trit_jundefined(trit_str_from("there is no previous item"), trit_j_missing)},
        {"nextitem", l->index + 1 < l->n ? l->items[l->index + 1] : trit_jundefined(trit_str_from("there is no next item"), trit_j_missing)},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (trit_str_is(name, all[i].name)) {
            *out = all[i].value;
            return true;
        }
    return false;
}

/* What belongs to the kind of value: methods, and members that are no items. *found: there is one. */
static bool own_attribute(trit_jvm *vm, trit_jvalue v, trit_str name, trit_jvalue *out, bool *found) {
    *found = true;
    if (v.kind == trit_j_loop && loop_attribute(v.as.loop, name, out)) return true;
    if (v.kind == trit_j_macro && trit_str_is(name, "name")) {
        *out = trit_jstring(v.as.macro->node->name);
        return true;
    }
    const trit_jvalue *member = v.kind == trit_j_namespace ? trit_jdict_get(v.as.dict, name) : NULL;
    if (member) {
        *out = *member;
        return true;
    }
    const trit_jbuiltin *method = trit_jmethod_find(v, name);
    if (method) return bind(vm, method, v, out);
    *found = false;
    return true;
}

/* v.name: what belongs to the value before what lies in it. */
bool trit_jget_attribute(trit_jvm *vm, trit_jvalue v, trit_str name, trit_jvalue *out) {
    bool found;
    if (v.kind == trit_j_undefined) return trit_jfail_undefined(vm, v);
    if (!own_attribute(vm, v, name, out, &found)) return false;
    if (found) return true;
    const trit_jvalue *item = v.kind == trit_j_dict ? trit_jdict_get(v.as.dict, name) : NULL;
    if (v.kind == trit_j_dict && !trit_jcharge(vm, v.as.dict->n / 16)) return false;
    *out = item ? *item : trit_jundefined(name, v.kind);
    return true;
}

static bool item_at(trit_jvm *vm, trit_jvalue v, int64_t index, trit_jvalue *out) {
    size_t n;
    if (!trit_jlength(vm, v, &n)) return false;
    if (index < 0) index += (int64_t)n;
    if (index < 0 || (uint64_t)index >= n) {
        *out = trit_jundefined(trit_str_from("item beyond the end"), v.kind);
        return true;
    }
    if (v.kind != trit_j_string) {
        *out = v.as.list->at[index];
        return true;
    }
    size_t begin = trit_joffset(v.as.s, (size_t)index), end = begin;
    (void)trit_jnext(v.as.s, &end);
    *out = trit_jstring((trit_str){v.as.s.p + begin, end - begin});
    return true;
}

/* v[key]: what lies in the value before what belongs to it. */
bool trit_jget_item(trit_jvm *vm, trit_jvalue v, trit_jvalue key, trit_jvalue *out) {
    bool indexed = v.kind == trit_j_string || v.kind == trit_j_list || v.kind == trit_j_tuple, found;
    size_t at;
    if (v.kind == trit_j_undefined) return trit_jfail_undefined(vm, v);
    if (indexed && trit_jis_whole(key)) return item_at(vm, v, trit_jwhole(key), out);
    if (v.kind == trit_j_dict && key.kind != trit_j_list && key.kind != trit_j_dict) {
        if (!trit_jdict_find(vm, v.as.dict, key, &at)) return false;
        if (at < v.as.dict->n) {
            *out = v.as.dict->values[at];
            return true;
        }
    }
    trit_str name = key.kind == trit_j_string ? key.as.s : trit_str_from(trit_jkind_name(key.kind));
    if (key.kind == trit_j_string) {
        if (!own_attribute(vm, v, name, out, &found)) return false;
        if (found) return true;
    }
    *out = trit_jundefined(name, v.kind);
    return true;
}

/* One end of a slice as Python clips it; `otherwise` where it is left out. */
static bool slice_end(trit_jvm *vm, trit_jvalue v, int64_t n, int64_t step, int64_t otherwise, int64_t *out) {
    if (v.kind == trit_j_none || v.kind == trit_j_missing) {
        *out = otherwise;
        return true;
    }
    if (!trit_jis_whole(v)) return trit_jfail(vm, "slice indices must be integers or None");
    int64_t i = trit_jwhole(v), low = step < 0 ? -1 : 0, high = step < 0 ? n - 1 : n;
    if (i < 0) i = i < -n ? low : i + n;
    *out = i < low ? low : i > high ? high : i;
    return true;
}

static bool slice_items(trit_jvm *vm, trit_jvalue v, int64_t first, int64_t end, int64_t step, trit_jvalue *out) {
    const trit_jvalue *items;
    size_t n, mark = vm->text.n;
    if (v.kind == trit_j_string && step == 1) { /* the usual case needs no copy */
        size_t from = trit_joffset(v.as.s, (size_t)first), to = trit_joffset(v.as.s, end > first ? (size_t)end : (size_t)first);
        *out = trit_jstring((trit_str){v.as.s.p + from, to - from});
        return true;
    }
    if (!trit_jiterate(vm, v, &items, &n) || (v.kind != trit_j_string && !trit_jlist_new(vm, v.kind, 0, out))) return false;
    for (int64_t i = first; step > 0 ? i < end : i > end;) {
        if (!(v.kind == trit_j_string ? trit_jprint(vm, items[i]) : trit_jlist_push(vm, out->as.list, items[i]))) return false;
        if (step > 0 ? step > end - i : step < end - i) break;
        i += step;
    }
    return v.kind != trit_j_string || trit_jtake(vm, mark, out);
}

static bool eval_slice(trit_jvm *vm, const trit_jnode *node, trit_jvalue *out) {
    trit_jvalue v, part[3] = {{.kind = trit_j_missing}};
    int64_t step = 1, first = 0, end = 0;
    size_t n;
    if (!trit_jeval(vm, node->a, &v)) return false;
    for (size_t i = 0; i < 3; i++)
        if (node->list.at[i] && !trit_jeval(vm, node->list.at[i], &part[i])) return false;
    if (v.kind == trit_j_undefined) return trit_jfail_undefined(vm, v);
    if (v.kind != trit_j_string && v.kind != trit_j_list && v.kind != trit_j_tuple)
        return trit_jfail(vm, "'%s' object cannot be sliced", trit_jkind_name(v.kind));
    if (!trit_jlength(vm, v, &n)) return false;
    if (part[2].kind != trit_j_missing && part[2].kind != trit_j_none) {
        if (!trit_jis_whole(part[2])) return trit_jfail(vm, "slice indices must be integers or None");
        step = trit_jwhole(part[2]);
    }
    if (step == 0) return trit_jfail(vm, "slice step cannot be zero");
    return slice_end(vm, part[0], (int64_t)n, step, step < 0 ? (int64_t)n - 1 : 0, &first) &&
           slice_end(vm, part[1], (int64_t)n, step, step < 0 ? -1 : (int64_t)n, &end) && slice_items(vm, v, first, end, step, out);
}

/* ---- displays, comparisons, calls ---- */

static bool eval_list(trit_jvm *vm, const trit_jnode *n, trit_jvalue *out) {
    if (!trit_jlist_new(vm, n->kind == trit_jn_list ? trit_j_list : trit_j_tuple, n->list.n, out)) return false;
    for (size_t i = 0; i < n->list.n; i++) {
        trit_jvalue v;
        if (!trit_jeval(vm, n->list.at[i], &v) || !trit_jlist_push(vm, out->as.list, v)) return false;
    }
    return true;
}

static bool eval_dict(trit_jvm *vm, const trit_jnode *n, trit_jvalue *out) {
    if (!trit_jdict_new(vm, trit_j_dict, n->args.n, out)) return false;
    for (size_t i = 0; i < n->args.n; i++) {
        trit_jvalue key, v;
        if (!trit_jeval(vm, n->args.at[i].key, &key) || !trit_jeval(vm, n->args.at[i].value, &v) || !trit_jdict_set(vm, out->as.dict, key, v))
            return false;
    }
    return true;
}

static bool compare(trit_jvm *vm, trit_jop op, trit_jvalue a, trit_jvalue b, bool *out) {
    int order = 0;
    switch (op) {
    case trit_jo_equal:
    case trit_jo_not_equal:
        if (!trit_jequal(vm, a, b, out)) return false;
        break;
    case trit_jo_in:
    case trit_jo_not_in:
        if (!trit_jcontains(vm, b, a, out)) return false;
        break;
    default:
        if (!trit_jorder(vm, a, b, &order)) return false;
        *out = op == trit_jo_less ? order < 0 : op == trit_jo_less_equal ? order <= 0 : op == trit_jo_greater ? order > 0 : order >= 0;
    }
    if (op == trit_jo_not_equal || op == trit_jo_not_in) *out = !*out;
    return true;
}

static bool eval_comparison(trit_jvm *vm, const trit_jnode *n, trit_jvalue *out) {
    trit_jvalue left, right;
    bool holds = true;
    if (!trit_jeval(vm, n->list.at[0], &left)) return false;
    for (size_t i = 1; holds && i < n->list.n; i++) {
        if (!trit_jeval(vm, n->list.at[i], &right) || !compare(vm, n->ops[i - 1], left, right, &holds)) return false;
        left = right;
    }
    *out = trit_jbool(holds);
    return true;
}

static bool eval_call(trit_jvm *vm, const trit_jnode *n, trit_jvalue *out) {
    trit_jvalue callee;
    trit_jcall call;
    return trit_jeval(vm, n->a, &callee) && trit_jcollect(vm, &n->args, &call) && trit_jcall_value(vm, callee, &call, out);
}

static bool eval_filter(trit_jvm *vm, const trit_jnode *n, trit_jvalue *out) {
    trit_jvalue v;
    trit_jcall call;
    return trit_jeval(vm, n->a, &v) && trit_jcollect(vm, &n->args, &call) && trit_japply_filter(vm, n->name, v, &call, out);
}

static bool eval_test(trit_jvm *vm, const trit_jnode *n, trit_jvalue *out) {
    trit_jvalue v;
    trit_jcall call;
    bool holds;
    if (!trit_jeval(vm, n->a, &v) || !trit_jcollect(vm, &n->args, &call) || !trit_japply_test(vm, n->name, v, &call, &holds)) return false;
    *out = trit_jbool(holds != n->negated);
    return true;
}

static bool eval_choice(trit_jvm *vm, const trit_jnode *n, trit_jvalue *out) {
    trit_jvalue condition;
    if (!trit_jeval(vm, n->b, &condition)) return false;
    if (trit_jtruth(condition)) return trit_jeval(vm, n->a, out);
    if (n->c) return trit_jeval(vm, n->c, out);
    *out = trit_jundefined(trit_str_from("the inline if-expression without else"), trit_j_missing);
    return true;
}

static bool eval_kind(trit_jvm *vm, const trit_jnode *n, trit_jvalue *out) {
    trit_jvalue a, b;
    switch (n->kind) {
    case trit_jn_constant: *out = n->constant; return true;
    case trit_jn_name: return look_up(vm, n->name, out);
    case trit_jn_list:
    case trit_jn_tuple: return eval_list(vm, n, out);
    case trit_jn_dict: return eval_dict(vm, n, out);
    case trit_jn_attribute: return trit_jeval(vm, n->a, &a) && trit_jget_attribute(vm, a, n->name, out);
    case trit_jn_item: return trit_jeval(vm, n->a, &a) && trit_jeval(vm, n->b, &b) && trit_jget_item(vm, a, b, out);
    case trit_jn_slice: return eval_slice(vm, n, out);
    case trit_jn_call: return eval_call(vm, n, out);
    case trit_jn_filter: return eval_filter(vm, n, out);
    case trit_jn_test: return eval_test(vm, n, out);
    case trit_jn_unary: return trit_jeval(vm, n->a, &a) && trit_junary(vm, n->op, a, out);
    case trit_jn_binary: return trit_jeval(vm, n->a, &a) && trit_jeval(vm, n->b, &b) && trit_jbinary(vm, n->op, a, b, out);
    case trit_jn_and:
    case trit_jn_or:
        if (!trit_jeval(vm, n->a, out)) return false;
        return trit_jtruth(*out) == (n->kind == trit_jn_or) || trit_jeval(vm, n->b, out);
    case trit_jn_compare: return eval_comparison(vm, n, out);
    case trit_jn_choice: return eval_choice(vm, n, out);
    default: return trit_jfail(vm, "a statement where a value should be"); /* the parser builds no such tree */
    }
}

bool trit_jeval(trit_jvm *vm, const trit_jnode *n, trit_jvalue *out) {
    if (!trit_jenter(vm)) return false;
    uint32_t line = vm->line;
    vm->line = n->line;
    bool good = eval_kind(vm, n, out);
    vm->line = line;
    vm->depth--;
    return good;
}
