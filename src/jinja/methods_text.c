/* Methods of strings, as Python has them. */
#include "jinja/chars.h"
#include "jinja/vm.h"

static bool as_bool(trit_jvalue *out, bool b) {
    *out = trit_jbool(b);
    return true;
}

/* Is the character at s.p[begin..end) one of `set`? */
static bool is_one_of(trit_str s, size_t begin, size_t end, trit_str set) {
    return trit_jfind(set, (trit_str){s.p + begin, end - begin}, 0) != SIZE_MAX;
}

static trit_str strip_left(trit_str s, const trit_str *set) {
    if (!set) return trit_jstrip_left(s);
    for (size_t end = 0; s.n; end = 0) {
        (void)trit_jnext(s, &end);
        if (!is_one_of(s, 0, end, *set)) break;
        s.p += end;
        s.n -= end;
    }
    return s;
}

static trit_str strip_right(trit_str s, const trit_str *set) {
    if (!set) return trit_jstrip_right(s);
    while (s.n) {
        size_t begin = s.n - 1;
        while (begin > 0 && ((unsigned char)s.p[begin] & 0xC0) == 0x80) begin--;
        if (!is_one_of(s, begin, s.n, *set)) break;
        s.n = begin;
    }
    return s;
}

static bool strip(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, bool left, bool right, trit_jvalue *out) {
    trit_str set, s = v.as.s;
    if (!trit_jarg_string(vm, call, 0, (trit_str){0}, &set) || !trit_jcharge(vm, s.n / 64)) return false;
    const trit_str *only = call->at[0].kind == trit_j_string ? &set : NULL;
    if (left) s = strip_left(s, only);
    if (right) s = strip_right(s, only);
    *out = trit_jstring(s);
    return true;
}

static bool method_strip(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return strip(vm, v, call, true, true, out);
}

static bool method_lstrip(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return strip(vm, v, call, true, false, out);
}

static bool method_rstrip(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return strip(vm, v, call, false, true, out);
}

static bool method_split(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str separator;
    int64_t max;
    if (!trit_jarg_string(vm, call, 0, (trit_str){0}, &separator) || !trit_jarg_int(vm, call, 1, -1, &max)) return false;
    return trit_jsplit(vm, v.as.s, call->at[0].kind == trit_j_string ? &separator : NULL, max, out);
}

/* Splits everywhere, then joins the first pieces again until at most max + 1 are left. */
static bool method_rsplit(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str separator;
    int64_t max;
    trit_jvalue all;
    if (!trit_jarg_string(vm, call, 0, (trit_str){0}, &separator) || !trit_jarg_int(vm, call, 1, -1, &max)) return false;
    if (!trit_jsplit(vm, v.as.s, call->at[0].kind == trit_j_string ? &separator : NULL, -1, &all)) return false;
    size_t n = all.as.list->n, n_joined = max >= 0 && n > (size_t)max ? n - (size_t)max : 1;
    if (n < 2 || n_joined < 2) {
        *out = all;
        return true;
    }
    const char *begin = all.as.list->at[0].as.s.p;
    trit_str last = all.as.list->at[n_joined - 1].as.s;
    if (!trit_jlist_new(vm, trit_j_list, n, out)) return false;
    if (!trit_jlist_push(vm, out->as.list, trit_jstring((trit_str){begin, (size_t)(last.p + last.n - begin)}))) return false;
    for (size_t i = n_joined; i < n; i++)
        if (!trit_jlist_push(vm, out->as.list, all.as.list->at[i])) return false;
    return true;
}

static bool method_splitlines(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str s = v.as.s;
    bool keep = trit_jarg_truth(call, 0, false);
    if (!trit_jlist_new(vm, trit_j_list, 0, out)) return false;
    for (size_t at = 0; at < s.n;) {
        size_t end = at;
        while (end < s.n && s.p[end] != '\n' && s.p[end] != '\r') end++;
        size_t next = end + (end < s.n) + (end + 1 < s.n && s.p[end] == '\r' && s.p[end + 1] == '\n');
        if (!trit_jlist_push(vm, out->as.list, trit_jstring((trit_str){s.p + at, (keep ? next : end) - at}))) return false;
        at = next;
    }
    return true;
}

/* Does s begin (or end) with v, or with one of a tuple? */
static bool touches(trit_jvm *vm, trit_str s, trit_jvalue v, bool at_end, bool *out) {
    if (v.kind == trit_j_tuple) {
        *out = false;
        for (size_t i = 0; i < v.as.list->n && !*out; i++) {
            if (v.as.list->at[i].kind == trit_j_tuple) return trit_jfail(vm, "startswith/endswith: a tuple of strings is needed");
            if (!touches(vm, s, v.as.list->at[i], at_end, out)) return false;
        }
        return true;
    }
    if (v.kind == trit_j_undefined) return trit_jfail_undefined(vm, v);
    if (v.kind != trit_j_string) return trit_jfail(vm, "startswith/endswith: str or a tuple of str is needed, not %s", trit_jkind_name(v.kind));
    trit_str part = v.as.s;
    *out = part.n <= s.n && (part.n == 0 || memcmp(s.p + (at_end ? s.n - part.n : 0), part.p, part.n) == 0);
    return true;
}

static bool method_startswith(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    bool holds;
    return touches(vm, v.as.s, call->at[0], false, &holds) && as_bool(out, holds);
}

static bool method_endswith(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    bool holds;
    return touches(vm, v.as.s, call->at[0], true, &holds) && as_bool(out, holds);
}

static bool method_upper(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return trit_jrecase(vm, v.as.s, trit_jcase_upper, out);
}

static bool method_lower(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return trit_jrecase(vm, v.as.s, trit_jcase_lower, out);
}

static bool method_title(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return trit_jrecase(vm, v.as.s, trit_jcase_title, out);
}

static bool method_capitalize(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return trit_jrecase(vm, v.as.s, trit_jcase_capital, out);
}

static bool method_replace(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str from, to;
    int64_t max;
    return trit_jarg_string(vm, call, 0, (trit_str){0}, &from) && trit_jarg_string(vm, call, 1, (trit_str){0}, &to) &&
           trit_jarg_int(vm, call, 2, -1, &max) && trit_jreplace(vm, v.as.s, from, to, max, out);
}

static bool method_join(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    const trit_jvalue *items;
    size_t n, mark = vm->text.n;
    if (!trit_jiterate(vm, call->at[0], &items, &n)) return false;
    for (size_t i = 0; i < n; i++) {
        if (items[i].kind != trit_j_string) return trit_jfail(vm, "join: item %zu is no str, but %s", i, trit_jkind_name(items[i].kind));
        if ((i && !trit_jprint(vm, v)) || !trit_jprint(vm, items[i])) return false;
    }
    return trit_jtake(vm, mark, out);
}

/* The place of the first or last occurrence, in characters; -1: none. */
static bool place_of(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, bool last, int64_t *out) {
    trit_str part, s = v.as.s;
    size_t found = SIZE_MAX, next;
    if (!trit_jarg_string(vm, call, 0, (trit_str){0}, &part) || !trit_jcharge(vm, s.n / 16)) return false;
    next = trit_jfind(s, part, 0);
    while (next != SIZE_MAX && (found == SIZE_MAX || last)) {
        found = next;
        next = trit_jfind(s, part, found + 1);
    }
    *out = found == SIZE_MAX ? -1 : (int64_t)trit_jcount((trit_str){s.p, found});
    return true;
}

static bool method_find(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    int64_t at;
    if (!place_of(vm, v, call, false, &at)) return false;
    *out = trit_jint(at);
    return true;
}

static bool method_rfind(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    int64_t at;
    if (!place_of(vm, v, call, true, &at)) return false;
    *out = trit_jint(at);
    return true;
}

static bool method_index(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    int64_t at;
    if (!place_of(vm, v, call, false, &at)) return false;
    *out = trit_jint(at);
    return at >= 0 || trit_jfail(vm, "index: substring not found");
}

static bool method_count(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str part;
    int64_t n = 0;
    if (!trit_jarg_string(vm, call, 0, (trit_str){0}, &part) || !trit_jcharge(vm, v.as.s.n / 16)) return false;
    if (part.n == 0)
        n = (int64_t)trit_jcount(v.as.s) + 1;
    else
        for (size_t at = trit_jfind(v.as.s, part, 0); at != SIZE_MAX; at = trit_jfind(v.as.s, part, at + part.n)) n++;
    *out = trit_jint(n);
    return true;
}

/* Do all characters, of which there must be one, belong to a class? */
static bool all_are(trit_str s, bool (*member)(uint32_t cp), trit_jvalue *out) {
    bool holds = s.n > 0;
    for (size_t at = 0; at < s.n && holds;) holds = member(trit_jnext(s, &at));
    return as_bool(out, holds);
}

static bool is_digit(uint32_t cp) {
    return (cp >= '0' && cp <= '9') || cp == 0xB2 || cp == 0xB3 || cp == 0xB9 || (cp >= 0xFF10 && cp <= 0xFF19);
}

static bool is_letter_or_digit(uint32_t cp) {
    return trit_jis_letter(cp) || is_digit(cp);
}

static bool method_isdigit(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return all_are(v.as.s, is_digit, out);
}

static bool method_isalpha(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return all_are(v.as.s, trit_jis_letter, out);
}

static bool method_isalnum(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return all_are(v.as.s, is_letter_or_digit, out);
}

static bool method_isspace(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)vm, (void)call;
    return all_are(v.as.s, trit_jis_space, out);
}

static bool method_isupper(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return trit_jbuiltin_run(vm, trit_jtest_find(trit_str_from("upper")), v, &(trit_jcall){0}, out);
}

static bool method_islower(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return trit_jbuiltin_run(vm, trit_jtest_find(trit_str_from("lower")), v, &(trit_jcall){0}, out);
}

static bool method_removeprefix(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    bool holds = false;
    *out = v;
    if (!touches(vm, v.as.s, call->at[0], false, &holds)) return false;
    if (holds && call->at[0].kind == trit_j_string) {
        out->as.s.p += call->at[0].as.s.n;
        out->as.s.n -= call->at[0].as.s.n;
    }
    return true;
}

static bool method_removesuffix(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    bool holds = false;
    *out = v;
    if (!touches(vm, v.as.s, call->at[0], true, &holds)) return false;
    if (holds && call->at[0].kind == trit_j_string) out->as.s.n -= call->at[0].as.s.n;
    return true;
}

/* (before, separator, after), around the first or last separator. */
static bool partition(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, bool last, trit_jvalue *out) {
    trit_str separator, s = v.as.s, part[3] = {s, {s.p, 0}, {s.p, 0}};
    size_t found = SIZE_MAX, next;
    if (!trit_jarg_string(vm, call, 0, (trit_str){0}, &separator)) return false;
    if (separator.n == 0) return trit_jfail(vm, "empty separator");
    next = trit_jfind(s, separator, 0);
    while (next != SIZE_MAX && (found == SIZE_MAX || last)) {
        found = next;
        next = trit_jfind(s, separator, found + 1);
    }
    if (found != SIZE_MAX) {
        size_t behind = found + separator.n;
        part[0].n = found;
        part[1] = separator;
        part[2] = (trit_str){s.p + behind, s.n - behind};
    } else if (last) {
        part[2] = s;
        part[0].n = 0;
    }
    if (!trit_jlist_new(vm, trit_j_tuple, 3, out)) return false;
    for (size_t i = 0; i < 3; i++)
        if (!trit_jlist_push(vm, out->as.list, trit_jstring(part[i]))) return false;
    return true;
}

static bool method_partition(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return partition(vm, v, call, false, out);
}

static bool method_rpartition(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return partition(vm, v, call, true, out);
}

static bool fill(trit_jvm *vm, size_t n, trit_str with) {
    for (; n > 0; n--)
        if (!trit_jcharge(vm, 1) || !trit_jappend(vm, with.p, with.n)) return false;
    return true;
}

/* share: how many of two parts of the filling stand on the left. */
static bool justify(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, int share, trit_jvalue *out) {
    int64_t width;
    trit_str with = trit_str_from(" ");
    size_t n = trit_jcount(v.as.s), mark = vm->text.n;
    if (!trit_jarg_int(vm, call, 0, 0, &width)) return false;
    if (call->n > 1 && !trit_jarg_string(vm, call, 1, with, &with)) return false;
    size_t total = width > 0 && (uint64_t)width > n ? (size_t)width - n : 0;
    /* An odd blank of a centred text goes to the left where the width is odd. */
    size_t left = share == 0 ? 0 : share == 2 ? total : total / 2 + (total & (size_t)width & 1);
    return fill(vm, left, with) && trit_jprint(vm, v) && fill(vm, total - left, with) && trit_jtake(vm, mark, out);
}

static bool method_ljust(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return justify(vm, v, call, 0, out);
}

static bool method_center(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return justify(vm, v, call, 1, out);
}

static bool method_rjust(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    return justify(vm, v, call, 2, out);
}

static bool method_zfill(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    int64_t width;
    trit_str s = v.as.s;
    size_t n = trit_jcount(s), mark = vm->text.n, sign = s.n && (s.p[0] == '-' || s.p[0] == '+');
    if (!trit_jarg_int(vm, call, 0, 0, &width)) return false;
    size_t total = width > 0 && (uint64_t)width > n ? (size_t)width - n : 0;
    return trit_jappend(vm, s.p, sign) && fill(vm, total, trit_str_from("0")) && trit_jappend(vm, s.p + sign, s.n - sign) && trit_jtake(vm, mark, out);
}

const trit_jbuiltin *trit_jstring_method_find(trit_str name) {
    static const trit_jbuiltin table[] = {
        {"capitalize", "", 0, method_capitalize},
        {"casefold", "", 0, method_lower},
        {"center", "width fillchar", 1, method_center},
        {"count", "sub", 1, method_count},
        {"endswith", "suffix", 1, method_endswith},
        {"find", "sub", 1, method_find},
        {"index", "sub", 1, method_index},
        {"isalnum", "", 0, method_isalnum},
        {"isalpha", "", 0, method_isalpha},
        {"isdigit", "", 0, method_isdigit},
        {"islower", "", 0, method_islower},
        {"isnumeric", "", 0, method_isdigit},
        {"isspace", "", 0, method_isspace},
        {"isupper", "", 0, method_isupper},
        {"join", "iterable", 1, method_join},
        {"ljust", "width fillchar", 1, method_ljust},
        {"lower", "", 0, method_lower},
        {"lstrip", "chars", 0, method_lstrip},
        {"partition", "sep", 1, method_partition},
        {"removeprefix", "prefix", 1, method_removeprefix},
        {"removesuffix", "suffix", 1, method_removesuffix},
        {"replace", "old new count", 2, method_replace},
        {"rfind", "sub", 1, method_rfind},
        {"rjust", "width fillchar", 1, method_rjust},
        {"rpartition", "sep", 1, method_rpartition},
        {"rsplit", "sep maxsplit", 0, method_rsplit},
        {"rstrip", "chars", 0, method_rstrip},
        {"split", "sep maxsplit", 0, method_split},
        {"splitlines", "keepends", 0, method_splitlines},
        {"startswith", "prefix", 1, method_startswith},
        {"strip", "chars", 0, method_strip},
        {"title", "", 0, method_title},
        {"upper", "", 0, method_upper},
        {"zfill", "width", 1, method_zfill},
    };
    return trit_jbuiltin_find(table, sizeof table / sizeof *table, name);
}
