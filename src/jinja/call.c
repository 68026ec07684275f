/* Calls: arguments, macros, built-in functions, and the tables' look-up. */
#include "jinja/vm.h"

static bool collect_spread(trit_jvm *vm, trit_jvalue v, trit_jlist *positional) {
    const trit_jvalue *items;
    size_t n;
    if (!trit_jiterate(vm, v, &items, &n)) return false;
    for (size_t i = 0; i < n; i++)
        if (!trit_jlist_push(vm, positional, items[i])) return false;
    return true;
}

static bool add_named(trit_jvm *vm, trit_jcall *call, size_t *capacity, trit_str name, trit_jvalue v) {
    if (call->n_named == *capacity) {
        size_t wanted = *capacity ? *capacity * 2 : 4;
        trit_jnamed *grown = trit_jalloc(vm, wanted, sizeof *grown);
        if (!grown) return false;
        if (call->n_named) memcpy(grown, call->named, call->n_named * sizeof *grown);
        call->named = grown;
        *capacity = wanted;
    }
    call->named[call->n_named++] = (trit_jnamed){name, v};
    return true;
}

static bool collect_spread_named(trit_jvm *vm, trit_jvalue v, trit_jcall *call, size_t *capacity) {
    if (v.kind != trit_j_dict) return trit_jfail(vm, "what stands behind \"**\" must be a dict, not %s", trit_jkind_name(v.kind));
    for (size_t i = 0; i < v.as.dict->n; i++) {
        if (v.as.dict->keys[i].kind != trit_j_string) return trit_jfail(vm, "names of arguments must be strings");
        if (!add_named(vm, call, capacity, v.as.dict->keys[i].as.s, v.as.dict->values[i])) return false;
    }
    return true;
}

bool trit_jcollect(trit_jvm *vm, const trit_jargs *args, trit_jcall *out) {
    trit_jvalue positional;
    size_t capacity = 0;
    *out = (trit_jcall){0};
    if (args->n == 0) return true;
    if (!trit_jlist_new(vm, trit_j_list, args->n, &positional)) return false;
    for (size_t i = 0; i < args->n; i++) {
        const trit_jarg *arg = &args->at[i];
        trit_jvalue v;
        bool good = trit_jeval(vm, arg->value, &v);
        if (good) switch (arg->kind) {
            case trit_ja_plain: good = trit_jlist_push(vm, positional.as.list, v); break;
            case trit_ja_named: good = add_named(vm, out, &capacity, arg->name, v); break;
            case trit_ja_spread: good = collect_spread(vm, v, positional.as.list); break;
            case trit_ja_spread_named: good = collect_spread_named(vm, v, out, &capacity); break;
            }
        if (!good) return false;
    }
    out->at = positional.as.list->at;
    out->n = positional.as.list->n;
    return true;
}

/* ---- macros ---- */

/* The named argument, and that it has been used; NULL: not given. */
static const trit_jnamed *take_named(const trit_jcall *call, trit_str name, size_t *n_used) {
    for (size_t i = 0; i < call->n_named; i++)
        if (trit_str_equal(call->named[i].name, name)) {
            ++*n_used;
            return &call->named[i];
        }
    return NULL;
}

static bool is_parameter(const trit_jnode *macro, trit_str name) {
    for (size_t i = 0; i < macro->args.n; i++)
        if (trit_str_equal(macro->args.at[i].name, name)) return true;
    return false;
}

static bool bind_rest(trit_jvm *vm, const trit_jnode *macro, const trit_jcall *call) {
    trit_jvalue v;
    if (macro->takes_varargs) {
        if (!trit_jlist_new(vm, trit_j_tuple, 0, &v)) return false;
        for (size_t i = macro->args.n; i < call->n; i++)
            if (!trit_jlist_push(vm, v.as.list, call->at[i])) return false;
        if (!trit_jassign(vm, trit_str_from("varargs"), v)) return false;
    }
    if (macro->takes_kwargs) {
        if (!trit_jdict_new(vm, trit_j_dict, 0, &v)) return false;
        for (size_t i = 0; i < call->n_named; i++)
            if (!is_parameter(macro, call->named[i].name) &&
                !trit_jdict_set(vm, v.as.dict, trit_jstring(call->named[i].name), call->named[i].value))
                return false;
        if (!trit_jassign(vm, trit_str_from("kwargs"), v)) return false;
    }
    return !call->caller || trit_jassign(vm, trit_str_from("caller"), *call->caller);
}

/* Parameters as variables of the innermost frame, which is the macro's own: defaults see the parameters before them. */
static bool bind_parameters(trit_jvm *vm, const trit_jnode *macro, const trit_jcall *call) {
    size_t n_used = 0;
    if (call->n > macro->args.n && !macro->takes_varargs)
        return trit_jfail(vm, "macro '%.*s' takes not more than %zu argument(s)", TRIT_STR_ARG(macro->name), macro->args.n);
    for (size_t i = 0; i < macro->args.n; i++) {
        const trit_jarg *p = &macro->args.at[i];
        const trit_jnamed *named = take_named(call, p->name, &n_used);
        trit_jvalue v = trit_jundefined(p->name, trit_j_missing);
        if (named && i < call->n) return trit_jfail(vm, "macro '%.*s' got two values for '%.*s'", TRIT_STR_ARG(macro->name), TRIT_STR_ARG(p->name));
        if (i < call->n)
            v = call->at[i];
        else if (named)
            v = named->value;
        else if (p->value && !trit_jeval(vm, p->value, &v))
            return false;
        if (!trit_jassign(vm, p->name, v)) return false;
    }
    if (n_used < call->n_named && !macro->takes_kwargs) {
        size_t i = 0;
        while (is_parameter(macro, call->named[i].name)) i++;
        return trit_jfail(vm, "macro '%.*s' takes no argument '%.*s'", TRIT_STR_ARG(macro->name), TRIT_STR_ARG(call->named[i].name));
    }
    return bind_rest(vm, macro, call);
}

static bool call_macro(trit_jvm *vm, const trit_jmacro *macro, const trit_jcall *call, trit_jvalue *out) {
    trit_jframe *caller = vm->frame;
    size_t mark = vm->text.n;
    if (!trit_jenter(vm) || !(vm->frame = trit_jframe_new(vm, macro->frame))) return false;
    bool good = bind_parameters(vm, macro->node, call) && trit_jexec(vm, macro->node->c) != trit_jflow_error && trit_jtake(vm, mark, out);
    trit_jframe_leave(vm, caller);
    vm->depth--;
    return good;
}

bool trit_jcall_value(trit_jvm *vm, trit_jvalue callee, const trit_jcall *call, trit_jvalue *out) {
    switch (callee.kind) {
    case trit_j_macro: return call_macro(vm, callee.as.macro, call, out);
    case trit_j_function: return trit_jbuiltin_run(vm, callee.as.bound->builtin, callee.as.bound->self, call, out);
    case trit_j_undefined: return trit_jfail_undefined(vm, callee);
    default: return trit_jfail(vm, "'%s' object is not callable", trit_jkind_name(callee.kind));
    }
}

/* ---- built-in functions ---- */

const trit_jbuiltin *trit_jbuiltin_find(const trit_jbuiltin *table, size_t n, trit_str name) {
    for (size_t i = 0; i < n; i++)
        if (trit_str_is(name, table[i].name)) return &table[i];
    return NULL;
}

/* The place of `name` among the words of `parameters`, or -1. */
static int parameter_at(const char *parameters, trit_str name) {
    for (int i = 0; *parameters; i++) {
        size_t n = strcspn(parameters, " ");
        if (trit_str_equal((trit_str){parameters, n}, name)) return i;
        parameters += n + (parameters[n] == ' ');
    }
    return -1;
}

bool trit_jbuiltin_run(trit_jvm *vm, const trit_jbuiltin *b, trit_jvalue self, const trit_jcall *call, trit_jvalue *out) {
    trit_jvalue at[trit_j_max_parameters] = {{.kind = trit_j_missing}};
    size_t n_parameters = 0;
    if (!b->parameters) return trit_jcharge(vm, 1) && b->run(vm, self, call, out);
    for (const char *p = b->parameters; *p; n_parameters++) {
        p += strcspn(p, " ");
        p += *p == ' ';
    }
    if (call->n > n_parameters) return trit_jfail(vm, "%s: takes %zu argument(s), not %zu", b->name, n_parameters, call->n);
    for (size_t i = 0; i < call->n; i++) at[i] = call->at[i];
    for (size_t i = 0; i < call->n_named; i++) {
        int place = parameter_at(b->parameters, call->named[i].name);
        if (place < 0 || at[place].kind != trit_j_missing)
            return trit_jfail(vm, "%s: unexpected argument '%.*s'", b->name, TRIT_STR_ARG(call->named[i].name));
        at[place] = call->named[i].value;
    }
    for (size_t i = 0; i < b->n_required; i++)
        if (at[i].kind == trit_j_missing) return trit_jfail(vm, "%s: takes at least %zu argument(s)", b->name, b->n_required);
    trit_jcall placed = {.at = at, .n = n_parameters};
    return trit_jcharge(vm, 1) && b->run(vm, self, &placed, out);
}

bool trit_japply_filter(trit_jvm *vm, trit_str name, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    const trit_jbuiltin *filter = trit_jfilter_find(name);
    if (!filter) filter = trit_jtext_filter_find(name);
    if (!filter) filter = trit_jpick_filter_find(name);
    if (!filter) return trit_jfail(vm, "no filter named '%.*s'", TRIT_STR_ARG(name));
    return trit_jbuiltin_run(vm, filter, v, call, out);
}

bool trit_japply_test(trit_jvm *vm, trit_str name, trit_jvalue v, const trit_jcall *call, bool *out) {
    const trit_jbuiltin *test = trit_jtest_find(name);
    trit_jvalue result;
    if (!test) return trit_jfail(vm, "no test named '%.*s'", TRIT_STR_ARG(name));
    if (!trit_jbuiltin_run(vm, test, v, call, &result)) return false;
    *out = trit_jtruth(result);
    return true;
}

static bool is_given(const trit_jcall *call, size_t i) {
    return i < call->n && call->at[i].kind != trit_j_missing && call->at[i].kind != trit_j_none;
}

bool trit_jarg_string(trit_jvm *vm, const trit_jcall *call, size_t i, trit_str otherwise, trit_str *out) {
    *out = otherwise;
    if (!is_given(call, i)) return true;
    if (call->at[i].kind == trit_j_undefined) return trit_jfail_undefined(vm, call->at[i]);
    if (call->at[i].kind != trit_j_string) return trit_jfail(vm, "an argument must be str, not %s", trit_jkind_name(call->at[i].kind));
    *out = call->at[i].as.s;
    return true;
}

bool trit_jarg_int(trit_jvm *vm, const trit_jcall *call, size_t i, int64_t otherwise, int64_t *out) {
    *out = otherwise;
    if (!is_given(call, i)) return true;
    if (!trit_jis_whole(call->at[i])) return trit_jfail(vm, "an argument must be int, not %s", trit_jkind_name(call->at[i].kind));
    *out = trit_jwhole(call->at[i]);
    return true;
}

bool trit_jarg_truth(const trit_jcall *call, size_t i, bool otherwise) {
    return i < call->n && call->at[i].kind != trit_j_missing ? trit_jtruth(call->at[i]) : otherwise;
}
