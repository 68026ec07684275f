/* Operators on values: Python's arithmetic on 64-bit integers (an error where Python would go on with larger ones) and doubles. */
#include <math.h>

#include "jinja/vm.h"

static bool too_large(trit_jvm *vm) {
    return trit_jfail(vm, "an integer does not fit in 64 bits");
}

static bool add_ints(int64_t a, int64_t b, int64_t *out) {
    if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b) return false;
    *out = a + b;
    return true;
}

static bool multiply_ints(int64_t a, int64_t b, int64_t *out) {
    if (a == 0 || b == 0) {
        *out = 0;
        return true;
    }
    if ((a == -1 && b == INT64_MIN) || (b == -1 && a == INT64_MIN)) return false;
    if (a > 0 ? (b > 0 ? a > INT64_MAX / b : b < INT64_MIN / a) : (b > 0 ? a < INT64_MIN / b : b < INT64_MAX / a)) return false;
    *out = a * b;
    return true;
}

/* Rounds towards minus infinity, as the remainder takes the divisor's sign. b is neither 0 nor, with INT64_MIN, -1. */
static int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static bool power_ints(int64_t base, int64_t exponent, int64_t *out) {
    *out = 1;
    if (base == 0 || base == 1 || base == -1) { /* a long way to the same few values */
        *out = exponent == 0 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : base;
        return true;
    }
    for (; exponent > 0; exponent--)
        if (!multiply_ints(*out, base, out)) return false;
    return true;
}

static bool whole_numbers(trit_jvm *vm, trit_jop op, int64_t a, int64_t b, trit_jvalue *out) {
    int64_t r = 0;
    bool fits = true;
    switch (op) {
    case trit_jo_add: fits = add_ints(a, b, &r); break;
    case trit_jo_subtract: fits = b != INT64_MIN ? add_ints(a, -b, &r) : a < 0 && add_ints(a + 1, INT64_MAX, &r); break;
    case trit_jo_multiply: fits = multiply_ints(a, b, &r); break;
    case trit_jo_power: fits = power_ints(a, b, &r); break;
    default: /* floor division and remainder */
        if (b == 0) return trit_jfail(vm, "integer division or modulo by zero");
        fits = b != -1 || a != INT64_MIN || op == trit_jo_modulo;
        if (fits && b != -1) r = op == trit_jo_modulo ? a - floor_divide(a, b) * b : floor_divide(a, b);
        if (fits && b == -1) r = op == trit_jo_modulo ? 0 : -a;
    }
    if (!fits) return too_large(vm);
    *out = trit_jint(r);
    return true;
}

static bool real_numbers(trit_jvm *vm, trit_jop op, double a, double b, trit_jvalue *out) {
    bool divides = op == trit_jo_divide || op == trit_jo_floor_divide || op == trit_jo_modulo;
    if (divides && b == 0) return trit_jfail(vm, "division by zero");
    double r = 0;
    switch (op) {
    case trit_jo_add: r = a + b; break;
    case trit_jo_subtract: r = a - b; break;
    case trit_jo_multiply: r = a * b; break;
    case trit_jo_divide: r = a / b; break;
    case trit_jo_floor_divide: r = floor(a / b); break;
    case trit_jo_power: r = pow(a, b); break;
    default:
        r = fmod(a, b);
        if (r != 0 && (r < 0) != (b < 0)) r += b;
    }
    *out = trit_jfloat(r);
    return true;
}

static bool repeat(trit_jvm *vm, trit_jvalue v, int64_t times, trit_jvalue *out) {
    if (times < 0) times = 0;
    if (v.kind == trit_j_string) {
        size_t mark = vm->text.n;
        for (int64_t i = 0; i < times && v.as.s.n; i++)
            if (!trit_jcharge(vm, 1) || !trit_jappend(vm, v.as.s.p, v.as.s.n)) return false;
        return trit_jtake(vm, mark, out);
    }
    if (!trit_jlist_new(vm, v.kind, 0, out)) return false;
    size_t n = v.as.list->n;
    for (int64_t i = 0; i < times && n; i++)
        for (size_t k = 0; k < n; k++)
            if (!trit_jlist_push(vm, out->as.list, v.as.list->at[k])) return false;
    return true;
}

static bool is_list(trit_jvalue v) {
    return v.kind == trit_j_list || v.kind == trit_j_tuple;
}

static bool join_lists(trit_jvm *vm, trit_jvalue a, trit_jvalue b, trit_jvalue *out) {
    if (!trit_jlist_new(vm, a.kind, a.as.list->n + b.as.list->n, out)) return false;
    for (size_t i = 0; i < a.as.list->n; i++)
        if (!trit_jlist_push(vm, out->as.list, a.as.list->at[i])) return false;
    for (size_t i = 0; i < b.as.list->n; i++)
        if (!trit_jlist_push(vm, out->as.list, b.as.list->at[i])) return false;
    return true;
}

static bool numbers(trit_jvm *vm, trit_jop op, trit_jvalue a, trit_jvalue b, trit_jvalue *out) {
    bool whole = trit_jis_whole(a) && trit_jis_whole(b) && op != trit_jo_divide && !(op == trit_jo_power && trit_jwhole(b) < 0);
    if (whole) return whole_numbers(vm, op, trit_jwhole(a), trit_jwhole(b), out);
    return real_numbers(vm, op, trit_jreal(a), trit_jreal(b), out);
}

bool trit_jbinary(trit_jvm *vm, trit_jop op, trit_jvalue a, trit_jvalue b, trit_jvalue *out) {
    static const char *const names[] = {"+", "-", "~", "*", "/", "//", "%", "**"};
    trit_str left, right;
    if (op == trit_jo_join)
        return trit_jto_string(vm, a, &left) && trit_jto_string(vm, b, &right) && trit_jconcat(vm, left, right, out);
    if (op == trit_jo_modulo && a.kind == trit_j_string) {
        /* A list or dict may go unused, as in Python, where the format could have named its members. */
        bool unused = (b.kind == trit_j_list || b.kind == trit_j_dict) && (a.as.s.n == 0 || !memchr(a.as.s.p, '%', a.as.s.n));
        size_t n = b.kind == trit_j_tuple ? b.as.list->n : !unused;
        return trit_jformat(vm, a.as.s, b.kind == trit_j_tuple ? b.as.list->at : &b, n, out);
    }
    if (trit_jis_number(a) && trit_jis_number(b)) return numbers(vm, op, a, b, out);
    if (op == trit_jo_add && a.kind == trit_j_string && b.kind == trit_j_string) return trit_jconcat(vm, a.as.s, b.as.s, out);
    if (op == trit_jo_add && is_list(a) && a.kind == b.kind) return join_lists(vm, a, b, out);
    if (op == trit_jo_multiply && (a.kind == trit_j_string || is_list(a)) && trit_jis_whole(b)) return repeat(vm, a, trit_jwhole(b), out);
    if (op == trit_jo_multiply && (b.kind == trit_j_string || is_list(b)) && trit_jis_whole(a)) return repeat(vm, b, trit_jwhole(a), out);
    if (a.kind == trit_j_undefined) return trit_jfail_undefined(vm, a);
    if (b.kind == trit_j_undefined) return trit_jfail_undefined(vm, b);
    if (op == trit_jo_add && a.kind == trit_j_string)
        return trit_jfail(vm, "can only concatenate str (not \"%s\") to str", trit_jkind_name(b.kind));
    return trit_jfail(vm, "unsupported operand type(s) for %s: '%s' and '%s'", names[op], trit_jkind_name(a.kind), trit_jkind_name(b.kind));
}

bool trit_junary(trit_jvm *vm, trit_jop op, trit_jvalue a, trit_jvalue *out) {
    if (op == trit_jo_not) {
        *out = trit_jbool(!trit_jtruth(a));
        return true;
    }
    if (a.kind == trit_j_undefined) return trit_jfail_undefined(vm, a);
    if (!trit_jis_number(a)) return trit_jfail(vm, "bad operand type for unary %c: '%s'", op == trit_jo_plus ? '+' : '-', trit_jkind_name(a.kind));
    bool minus = op == trit_jo_negate;
    if (a.kind == trit_j_float)
        *out = trit_jfloat(minus ? -a.as.f : a.as.f);
    else if (minus && trit_jwhole(a) == INT64_MIN)
        return too_large(vm);
    else
        *out = trit_jint(minus ? -trit_jwhole(a) : trit_jwhole(a));
    return true;
}
