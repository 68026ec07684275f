/* Values as text: Python's str() and repr(). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jinja/chars.h"
#include "jinja/vm.h"

static bool append(trit_jvm *vm, const char *s) {
    return trit_jappend(vm, s, strlen(s));
}

/* The shortest digits that read back to the same number, as D.DDDe+XX; the host's locale may write another point. */
static void shortest(double f, char digits[24], int *n_digits, int *exponent) {
    char text[40];
    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, f);
        if (strtod(text, NULL) == f) break;
    }
    const char *e = strchr(text, 'e');
    *n_digits = 0;
    for (const char *p = text; p < e; p++)
        if (*p >= '0' && *p <= '9') digits[(*n_digits)++] = *p;
    *exponent = (int)strtol(e + 1, NULL, 10);
}

bool trit_jprint_float(trit_jvm *vm, double f) {
    char digits[24] = "", text[64];
    int n, exponent, at = 0;
    if (isnan(f)) return append(vm, "nan");
    if (isinf(f)) return append(vm, f < 0 ? "-inf" : "inf");
    if (signbit(f)) text[at++] = '-';
    shortest(fabs(f), digits, &n, &exponent);
    if (exponent < -4 || exponent >= 16) { /* where Python changes to powers of ten */
        text[at++] = digits[0];
        if (n > 1) text[at++] = '.';
        for (int i = 1; i < n; i++) text[at++] = digits[i];
        snprintf(text + at, sizeof text - (size_t)at, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return append(vm, text);
    }
    int point = exponent + 1; /* digits that stand before it */
    if (point <= 0) text[at++] = '0';
    for (int i = 0; i < point; i++) text[at++] = i < n ? digits[i] : '0';
    text[at++] = '.';
    for (int i = point; i < 0; i++) text[at++] = '0';
    for (int i = point < 0 ? 0 : point; i < n; i++) text[at++] = digits[i];
    if (n <= point) text[at++] = '0';
    return trit_jappend(vm, text, (size_t)at);
}

static bool print_int(trit_jvm *vm, int64_t i) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)i);
    return append(vm, text);
}

/* In single quotes, or in double ones where that saves escapes. */
static bool print_quoted(trit_jvm *vm, trit_str s) {
    bool has_single = s.n && memchr(s.p, '\'', s.n), has_double = s.n && memchr(s.p, '"', s.n);
    char quote = has_single && !has_double ? '"' : '\'', text[16];
    bool good = trit_jappend(vm, &quote, 1);
    for (size_t at = 0; good && at < s.n;) {
        size_t begin = at;
        uint32_t cp = trit_jnext(s, &at);
        if (cp == (uint32_t)quote || cp == '\\')
            snprintf(text, sizeof text, "\\%c", (char)cp);
        else if (cp == '\n' || cp == '\r' || cp == '\t')
            snprintf(text, sizeof text, "\\%c", cp == '\n' ? 'n' : cp == '\r' ? 'r' : 't');
        else if (trit_jis_printable(cp)) {
            good = trit_jappend(vm, s.p + begin, at - begin);
            continue;
        } else
            snprintf(text, sizeof text, cp < 0x100 ? "\\x%02x" : cp < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)cp);
        good = append(vm, text);
    }
    return good && trit_jappend(vm, &quote, 1);
}

static bool print_list(trit_jvm *vm, const trit_jlist *list, const char *open, const char *close) {
    if (!append(vm, open)) return false;
    for (size_t i = 0; i < list->n; i++)
        if ((i && !append(vm, ", ")) || !trit_jprint_repr(vm, list->at[i])) return false;
    return append(vm, close);
}

static bool print_dict(trit_jvm *vm, const trit_jdict *d) {
    if (!append(vm, "{")) return false;
    for (size_t i = 0; i < d->n; i++)
        if ((i && !append(vm, ", ")) || !trit_jprint_repr(vm, d->keys[i]) || !append(vm, ": ") || !trit_jprint_repr(vm, d->values[i]))
            return false;
    return append(vm, "}");
}

static bool print_kind(trit_jvm *vm, trit_jvalue v) {
    switch (v.kind) {
    case trit_j_none: return append(vm, "None");
    case trit_j_bool: return append(vm, v.as.b ? "True" : "False");
    case trit_j_int: return print_int(vm, v.as.i);
    case trit_j_float: return trit_jprint_float(vm, v.as.f);
    case trit_j_string: return print_quoted(vm, v.as.s);
    case trit_j_list: return print_list(vm, v.as.list, "[", "]");
    case trit_j_tuple: return print_list(vm, v.as.list, "(", v.as.list->n == 1 ? ",)" : ")");
    case trit_j_dict: return print_dict(vm, v.as.dict);
    case trit_j_namespace: return append(vm, "<Namespace ") && print_dict(vm, v.as.dict) && append(vm, ">");
    case trit_j_undefined: return append(vm, "Undefined");
    default: return append(vm, "<") && append(vm, trit_jkind_name(v.kind)) && append(vm, ">");
    }
}

bool trit_jprint_repr(trit_jvm *vm, trit_jvalue v) {
    if (!trit_jenter(vm)) return false;
    bool good = print_kind(vm, v);
    vm->depth--;
    return good;
}

bool trit_jprint(trit_jvm *vm, trit_jvalue v) {
    if (v.kind == trit_j_string) return trit_jappend(vm, v.as.s.p, v.as.s.n);
    return v.kind == trit_j_undefined || trit_jprint_repr(vm, v);
}

bool trit_jto_string(trit_jvm *vm, trit_jvalue v, trit_str *out) {
    size_t mark = vm->text.n;
    if (v.kind != trit_j_string && (!trit_jprint(vm, v) || !trit_jtake(vm, mark, &v))) return false;
    *out = v.as.s;
    return true;
}
