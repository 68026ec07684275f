/* Tests: "x is defined" and the like. */
#include "jinja/chars.h"
#include "jinja/vm.h"

static bool answer(trit_jvalue *out, bool holds) {
    *out = trit_jbool(holds);
    return true;
}

static bool is_defined(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, v.kind != trit_j_undefined);
}

static bool is_undefined(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, v.kind == trit_j_undefined);
}

static bool is_none(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, v.kind == trit_j_none);
}

static bool is_boolean(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, v.kind == trit_j_bool);
}

static bool is_true(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, v.kind == trit_j_bool && v.as.b);
}

static bool is_false(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, v.kind == trit_j_bool && !v.as.b);
}

static bool is_integer(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, v.kind == trit_j_int);
}

static bool is_float(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, v.kind == trit_j_float);
}

static bool is_number(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, trit_jis_number(v));
}

static bool is_string(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, v.kind == trit_j_string);
}

static bool is_mapping(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, v.kind == trit_j_dict);
}

static bool is_callable(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, v.kind == trit_j_macro || v.kind == trit_j_function);
}

/* What has a length and items by number; Python's dict and Jinja's undefined answer to both. */
static bool is_sequence(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, v.kind == trit_j_undefined || v.kind == trit_j_string || v.kind == trit_j_list || v.kind == trit_j_tuple ||
                           v.kind == trit_j_dict);
}

static bool is_iterable(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return v.kind == trit_j_stream || v.kind == trit_j_loop ? answer(out, true) : is_sequence(vm, v, call, out);
}

static bool is_sameas(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_jvalue other = call->at[0];
    bool same = v.kind == other.kind;
    if (same && (v.kind == trit_j_list || v.kind == trit_j_tuple)) return answer(out, v.as.list == other.as.list);
    if (same && v.kind == trit_j_dict) return answer(out, v.as.dict == other.as.dict);
    return (!same || trit_jequal(vm, v, other, &same)) && answer(out, same);
}

static bool leaves_rest(trit_jvm *vm, trit_jvalue v, trit_jvalue divisor, int64_t wanted, trit_jvalue *out) {
    trit_jvalue rest;
    bool same;
    return trit_jbinary(vm, trit_jo_modulo, v, divisor, &rest) && trit_jequal(vm, rest, trit_jint(wanted), &same) && answer(out, same);
}

static bool is_even(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return leaves_rest(vm, v, trit_jint(2), 0, out);
}

static bool is_odd(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return leaves_rest(vm, v, trit_jint(2), 1, out);
}

static bool is_divisibleby(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return leaves_rest(vm, v, call->at[0], 0, out);
}

static bool is_equal(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    bool same;
    return trit_jequal(vm, v, call->at[0], &same) && answer(out, same);
}

static bool is_unequal(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    bool same;
    return trit_jequal(vm, v, call->at[0], &same) && answer(out, !same);
}

static bool is_less(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    int way = 0;
    return trit_jorder(vm, v, call->at[0], &way) && answer(out, way < 0);
}

static bool is_at_most(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    int way = 0;
    return trit_jorder(vm, v, call->at[0], &way) && answer(out, way <= 0);
}

static bool is_greater(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    int way = 0;
    return trit_jorder(vm, v, call->at[0], &way) && answer(out, way > 0);
}

static bool is_at_least(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    int way = 0;
    return trit_jorder(vm, v, call->at[0], &way) && answer(out, way >= 0);
}

static bool is_in(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    bool holds;
    return trit_jcontains(vm, call->at[0], v, &holds) && answer(out, holds);
}

/* At least one letter, and none of the other case. */
static bool has_case(trit_jvm *vm, trit_jvalue v, bool upper, trit_jvalue *out) {
    trit_str s;
    bool some = false, other = false;
    if (!trit_jto_string(vm, v, &s)) return false;
    for (size_t at = 0; at < s.n;) {
        uint32_t cp = trit_jnext(s, &at);
        some = some || (upper ? trit_jlower(cp) != cp : trit_jupper(cp) != cp);
        other = other || (upper ? trit_jupper(cp) != cp : trit_jlower(cp) != cp);
    }
    return answer(out, some && !other);
}

static bool is_upper(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return has_case(vm, v, true, out);
}

static bool is_lower(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return has_case(vm, v, false, out);
}

static bool is_filter(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    trit_str name = v.kind == trit_j_string ? v.as.s : (trit_str){0};
    return answer(out, trit_jfilter_find(name) || trit_jtext_filter_find(name) || trit_jpick_filter_find(name));
}

static bool is_test(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return answer(out, v.kind == trit_j_string && trit_jtest_find(v.as.s));
}

const trit_jbuiltin *trit_jtest_find(trit_str name) {
    static const trit_jbuiltin table[] = {
        {"defined", "", 0, is_defined},
        {"undefined", "", 0, is_undefined},
        {"none", "", 0, is_none},
        {"boolean", "", 0, is_boolean},
        {"true", "", 0, is_true},
        {"false", "", 0, is_false},
        {"integer", "", 0, is_integer},
        {"float", "", 0, is_float},
        {"number", "", 0, is_number},
        {"string", "", 0, is_string},
        {"mapping", "", 0, is_mapping},
        {"callable", "", 0, is_callable},
        {"sequence", "", 0, is_sequence},
        {"iterable", "", 0, is_iterable},
        {"sameas", "other", 1, is_sameas},
        {"even", "", 0, is_even},
        {"odd", "", 0, is_odd},
        {"divisibleby", "num", 1, is_divisibleby},
        {"==", "other", 1, is_equal},
        {"eq", "other", 1, is_equal},
        {"equalto", "other", 1, is_equal},
        {"!=", "other", 1, is_unequal},
        {"ne", "other", 1, is_unequal},
        {"<", "other", 1, is_less},
        {"lt", "other", 1, is_less},
        {"lessthan", "other", 1, is_less},
        {"<=", "other", 1, is_at_most},
        {"le", "other", 1, is_at_most},
        {">", "other", 1, is_greater},
        {"gt", "other", 1, is_greater},
        {"greaterthan", "other", 1, is_greater},
        {">=", "other", 1, is_at_least},
        {"ge", "other", 1, is_at_least},
        {"in", "seq", 1, is_in},
        {"upper", "", 0, is_upper},
        {"lower", "", 0, is_lower},
        {"filter", "", 0, is_filter},
        {"test", "", 0, is_test},
    };
    return trit_jbuiltin_find(table, sizeof table / sizeof *table, name);
}
