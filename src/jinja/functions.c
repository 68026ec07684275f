/* Functions that every template can call. */
#include "base/error.h"
#include "jinja/vm.h"

/* As the sandbox that Hugging Face renders in has it. */
enum { max_range = 100000 };

static bool range(trit_jvm *vm, trit_jvalue self, const trit_jcall *call, trit_jvalue *out) {
    int64_t first = 0, end, step, next;
    (void)self;
    if (!trit_jis_whole(call->at[0])) return trit_jfail(vm, "range: an argument must be int, not %s", trit_jkind_name(call->at[0].kind));
    end = trit_jwhole(call->at[0]);
    if (call->at[1].kind != trit_j_missing) {
        first = end;
        if (!trit_jarg_int(vm, call, 1, 0, &end)) return false;
    }
    if (!trit_jarg_int(vm, call, 2, 1, &step)) return false;
    if (step == 0) return trit_jfail(vm, "range: the step is zero");
    if (!trit_jlist_new(vm, trit_j_list, 0, out)) return false;
    for (next = first; step > 0 ? next < end : next > end;) {
        if (out->as.list->n == max_range) return trit_jfail(vm, "range: too long (limit: %d)", max_range);
        if (!trit_jlist_push(vm, out->as.list, trit_jint(next))) return false;
        if (step > 0 ? next > INT64_MAX - step : next < INT64_MIN - step) break;
        next += step;
    }
    return true;
}

/* dict(d, a=1) and namespace(d, a=1): copies of d with more members. */
static bool make_box(trit_jvm *vm, trit_jkind kind, const trit_jcall *call, trit_jvalue *out) {
    if (!trit_jdict_new(vm, kind, call->n_named, out)) return false;
    if (call->n > 1) return trit_jfail(vm, "expected at most 1 argument, got %zu", call->n);
    if (call->n == 1 && call->at[0].kind != trit_j_dict) { /* pairs */
        const trit_jvalue *pairs, *pair;
        size_t n, two;
        if (!trit_jiterate(vm, call->at[0], &pairs, &n)) return false;
        for (size_t i = 0; i < n; i++) {
            if (!trit_jiterate(vm, pairs[i], &pair, &two)) return false;
            if (two != 2) return trit_jfail(vm, "expected pairs of a key and a value");
            if (!trit_jdict_set(vm, out->as.dict, pair[0], pair[1])) return false;
        }
    } else if (call->n == 1) {
        for (size_t i = 0; i < call->at[0].as.dict->n; i++)
            if (!trit_jdict_set(vm, out->as.dict, call->at[0].as.dict->keys[i], call->at[0].as.dict->values[i])) return false;
    }
    for (size_t i = 0; i < call->n_named; i++)
        if (!trit_jdict_set(vm, out->as.dict, trit_jstring(call->named[i].name), call->named[i].value)) return false;
    return true;
}

static bool make_dict(trit_jvm *vm, trit_jvalue self, const trit_jcall *call, trit_jvalue *out) {
    (void)self;
    return make_box(vm, trit_j_dict, call, out);
}

static bool make_namespace(trit_jvm *vm, trit_jvalue self, const trit_jcall *call, trit_jvalue *out) {
    (void)self;
    return make_box(vm, trit_j_namespace, call, out);
}

/* The template says that it cannot render this conversation: the caller's mistake, not the template's. */
static bool raise_exception(trit_jvm *vm, trit_jvalue self, const trit_jcall *call, trit_jvalue *out) {
    trit_str s;
    (void)self, (void)out;
    if (!trit_jto_string(vm, call->at[0], &s)) return false;
    vm->status = trit_error_set(vm->err, trit_arg, "template line %u: %.*s", (unsigned)vm->line, TRIT_STR_ARG(s));
    return false;
}

static bool strftime_now(trit_jvm *vm, trit_jvalue self, const trit_jcall *call, trit_jvalue *out) {
    trit_str format;
    (void)self;
    return trit_jarg_string(vm, call, 0, (trit_str){0}, &format) && trit_jstrftime(vm, format, out);
}

const trit_jbuiltin *trit_jfunction_find(trit_str name) {
    static const trit_jbuiltin table[] = {
        {"range", "first end step", 1, range},
        {"dict", NULL, 0, make_dict},
        {"namespace", NULL, 0, make_namespace},
        {"raise_exception", "message", 1, raise_exception},
        {"strftime_now", "format", 1, strftime_now},
    };
    return trit_jbuiltin_find(table, sizeof table / sizeof *table, name);
}
