/* Text work that filters and methods share: splitting, replacing, case, numbers in text, dates. */
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "jinja/chars.h"
#include "jinja/vm.h"

static bool push_part(trit_jvm *vm, trit_jvalue list, trit_str s, size_t begin, size_t end) {
    return trit_jlist_push(vm, list.as.list, trit_jstring((trit_str){s.p + begin, end - begin}));
}

static bool split_blanks(trit_jvm *vm, trit_str s, int64_t max, trit_jvalue *out) {
    for (s = trit_jstrip_left(s); s.n; s = trit_jstrip_left(s)) {
        size_t end = 0, at = 0;
        if (max >= 0 && (int64_t)out->as.list->n >= max) return push_part(vm, *out, s, 0, s.n); /* the rest as it is */
        while (at < s.n && !trit_jis_space(trit_jnext(s, &at))) end = at;
        if (!push_part(vm, *out, s, 0, end)) return false;
        s.p += end;
        s.n -= end;
    }
    return true;
}

bool trit_jsplit(trit_jvm *vm, trit_str s, const trit_str *separator, int64_t max, trit_jvalue *out) {
    if (!trit_jlist_new(vm, trit_j_list, 0, out) || !trit_jcharge(vm, s.n / 32)) return false;
    if (!separator) return split_blanks(vm, s, max, out);
    if (separator->n == 0) return trit_jfail(vm, "empty separator");
    size_t begin = 0;
    for (; max < 0 || (int64_t)out->as.list->n < max;) {
        size_t end = trit_jfind(s, *separator, begin);
        if (end == SIZE_MAX) break;
        if (!push_part(vm, *out, s, begin, end)) return false;
        begin = end + separator->n;
    }
    return push_part(vm, *out, s, begin, s.n);
}

bool trit_jreplace(trit_jvm *vm, trit_str s, trit_str from, trit_str to, int64_t max, trit_jvalue *out) {
    size_t mark = vm->text.n, at = 0;
    if (!trit_jcharge(vm, s.n / 32)) return false;
    for (int64_t done = 0; max < 0 || done < max; done++) {
        size_t hit = trit_jfind(s, from, at), end = hit;
        if (hit == SIZE_MAX) break;
        if (!trit_jcharge(vm, 1) || !trit_jappend(vm, s.p + at, hit - at) || !trit_jappend(vm, to.p, to.n)) return false;
        at = hit + from.n;
        if (from.n) continue;
        /* Nothing is found before each character and at the end. */
        if (at == s.n) return trit_jtake(vm, mark, out);
        (void)trit_jnext(s, &end);
        if (!trit_jappend(vm, s.p + at, end - at)) return false;
        at = end;
    }
    return trit_jappend(vm, s.p + at, s.n - at) && trit_jtake(vm, mark, out);
}

bool trit_jrecase(trit_jvm *vm, trit_str s, trit_jcase how, trit_jvalue *out) {
    size_t mark = vm->text.n;
    bool in_word = false;
    for (size_t at = 0; at < s.n;) {
        uint32_t cp = trit_jnext(s, &at);
        bool upper = how == trit_jcase_upper || (how != trit_jcase_lower && !in_word);
        in_word = how == trit_jcase_capital || trit_jis_letter(cp);
        if (cp == 0xDF && upper) { /* sharp s has no upper-case form of its own */
            if (!trit_jappend(vm, how == trit_jcase_upper ? "SS" : "Ss", 2)) return false;
        } else if (!trit_jappend_char(vm, upper ? trit_jupper(cp) : trit_jlower(cp)))
            return false;
    }
    return trit_jcharge(vm, s.n / 16) && trit_jtake(vm, mark, out);
}

bool trit_jread_int(trit_str s, int base, int64_t *out) {
    s = trit_jstrip_right(trit_jstrip_left(s));
    bool minus = s.n && s.p[0] == '-';
    size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+');
    if (base == 16 && s.n - i > 2 && s.p[i] == '0' && (s.p[i + 1] | 0x20) == 'x') i += 2;
    if (i == s.n) return false;
    for (*out = 0; i < s.n; i++) {
        int low = s.p[i] | 0x20, digit = s.p[i] >= '0' && s.p[i] <= '9' ? s.p[i] - '0' : low >= 'a' && low <= 'z' ? low - 'a' + 10 : base;
        if (s.p[i] == '_' && i > 0 && s.p[i - 1] != '_' && i + 1 < s.n) continue;
        if (digit >= base || *out > (INT64_MAX - digit) / base) return false;
        *out = *out * base + digit;
    }
    if (minus) *out = -*out;
    return true;
}

/* The JSON room reads numbers alike in every locale; what Python takes beyond JSON's grammar is brought into it first. */
bool trit_jread_float(trit_jvm *vm, trit_str s, double *out, bool *good) {
    char text[340];
    size_t n = 0;
    trit_json *number = NULL;
    *good = false;
    s = trit_jstrip_right(trit_jstrip_left(s));
    bool minus = s.n && s.p[0] == '-';
    size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+');
    trit_str rest = {s.p + i, s.n - i};
    if (trit_str_is(rest, "inf") || trit_str_is(rest, "nan")) {
        *out = rest.p[0] == 'n' ? (double)NAN : minus ? -(double)INFINITY : (double)INFINITY;
        *good = true;
        return true;
    }
    if (i == s.n || s.n > 300 || !((s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.')) return true;
    if (s.p[i] == '.') text[n++] = '0';
    while (i + 1 < s.n && s.p[i] == '0' && s.p[i + 1] >= '0' && s.p[i + 1] <= '9') i++;
    for (; i < s.n; i++) {
        text[n++] = s.p[i];
        bool bare_point = s.p[i] == '.' && (i + 1 == s.n || (s.p[i + 1] | 0x20) == 'e');
        if (bare_point) text[n++] = '0';
    }
    trit_error err;
    trit_status status = trit_json_parse(&number, text, n, "number", &err);
    if (status == trit_memory) {
        if (vm->err) *vm->err = err;
        vm->status = trit_memory;
        return false;
    }
    trit_json_kind kind = trit_json_kind_of(number);
    *good = status == trit_ok && (kind == trit_json_int || kind == trit_json_real);
    if (*good) *out = minus ? -trit_json_as_real(number, 0) : trit_json_as_real(number, 0);
    trit_json_free(number);
    return true;
}

/* ---- "%s" % values ---- */

typedef struct conversion {
    char flags[8], kind;
    int width, precision;
} conversion;

/* Behind the "%"; returns the bytes used, 0 where it is broken. */
static size_t read_conversion(trit_str s, conversion *c) {
    size_t i = 0, n_flags = 0;
    *c = (conversion){.precision = -1};
    while (i < s.n && s.p[i] && strchr("-+ #0", s.p[i]) && n_flags < 6) c->flags[n_flags++] = s.p[i++];
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && c->width < 1000; i++) c->width = c->width * 10 + s.p[i] - '0';
    if (i < s.n && s.p[i] == '.')
        for (c->precision = 0, i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && c->precision < 100; i++)
            c->precision = c->precision * 10 + s.p[i] - '0';
    if (i >= s.n) return 0;
    c->kind = s.p[i];
    return i + 1;
}

static bool print_padded(trit_jvm *vm, const conversion *c, trit_str s) {
    if (c->precision >= 0) s.n = trit_joffset(s, (size_t)c->precision);
    size_t n = trit_jcount(s), fill = (size_t)c->width > n ? (size_t)c->width - n : 0;
    bool left = strchr(c->flags, '-') != NULL, good = !left || trit_jappend(vm, s.p, s.n);
    for (; good && fill > 0; fill--) good = trit_jappend(vm, " ", 1);
    return good && (left || trit_jappend(vm, s.p, s.n));
}

static bool print_number(trit_jvm *vm, const conversion *c, trit_jvalue v) {
    char format[32], text[1600];
    bool is_real = strchr("eEfFgG", c->kind) != NULL;
    if (!trit_jis_number(v)) return trit_jfail(vm, "%%%c format: a number is required, not %s", c->kind, trit_jkind_name(v.kind));
    if (!is_real && v.kind == trit_j_float) {
        if (!(v.as.f > -0x1p63 && v.as.f < 0x1p63)) return trit_jfail(vm, "%%%c format: the number is too large", c->kind);
        v = trit_jint((int64_t)v.as.f);
    }
    int precision = is_real && c->precision < 0 ? 6 : c->precision;
    snprintf(format, sizeof format, "%%%s*.*%s%c", c->flags, is_real ? "" : "ll", c->kind == 'i' ? 'd' : c->kind);
    /* The format is made of checked parts; the compiler cannot see that. */
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#endif
    int n = is_real ? snprintf(text, sizeof text, format, c->width, precision, trit_jreal(v))
                    : snprintf(text, sizeof text, format, c->width, precision, (long long)trit_jwhole(v));
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
    return n > 0 && (size_t)n < sizeof text ? trit_jappend(vm, text, (size_t)n) : trit_jfail(vm, "%%%c format: too wide", c->kind);
}

static bool print_converted(trit_jvm *vm, const conversion *c, trit_jvalue v) {
    size_t mark = vm->text.n;
    trit_jvalue text;
    if (c->kind != 's' && c->kind != 'r') return print_number(vm, c, v);
    if (!(c->kind == 's' ? trit_jprint(vm, v) : trit_jprint_repr(vm, v)) || !trit_jtake(vm, mark, &text)) return false;
    return print_padded(vm, c, text.as.s);
}

bool trit_jformat(trit_jvm *vm, trit_str format, const trit_jvalue *args, size_t n, trit_jvalue *out) {
    size_t mark = vm->text.n, n_used = 0;
    for (size_t i = 0; i < format.n;) {
        const char *percent = memchr(format.p + i, '%', format.n - i);
        size_t end = percent ? (size_t)(percent - format.p) : format.n;
        if (!trit_jappend(vm, format.p + i, end - i)) return false;
        i = end + 1;
        if (!percent) break;
        conversion c;
        size_t used = i <= format.n ? read_conversion((trit_str){format.p + i, format.n - i}, &c) : 0;
        if (!used || !c.kind || !strchr("%srdixXoeEfFgG", c.kind)) return trit_jfail(vm, "broken format: a \"%%\" without a known letter");
        i += used;
        if (c.kind == '%') {
            if (!trit_jappend(vm, "%", 1)) return false;
            continue;
        }
        if (n_used == n) return trit_jfail(vm, "not enough arguments for format string");
        if (!print_converted(vm, &c, args[n_used++])) return false;
    }
    if (n_used < n) return trit_jfail(vm, "not all arguments converted during string formatting");
    return trit_jtake(vm, mark, out);
}

/* ---- dates, in English ---- */

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

/* 0 is Sunday. Zeller's rule with March as the first month. */
static int weekday(const trit_jinja_time *t) {
    int m = t->month < 3 ? t->month + 12 : t->month, y = t->month < 3 ? t->year - 1 : t->year;
    return ((t->day + 13 * (m + 1) / 5 + y + y / 4 - y / 100 + y / 400 - 1) % 7 + 7) % 7;
}

static int day_of_year(const trit_jinja_time *t) {
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool leap = (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;
    return before[t->month - 1] + t->day + (leap && t->month > 2);
}

static bool print_part(trit_jvm *vm, char letter, bool no_zeros) {
    const trit_jinja_time *t = &vm->now;
    char text[64] = "";
    int hour12 = t->hour % 12 ? t->hour % 12 : 12, value = -1, width = 2;
    switch (letter) {
    case 'Y': snprintf(text, sizeof text, "%d", t->year); break;
    case 'y': value = t->year % 100; break;
    case 'm': value = t->month; break;
    case 'd': value = t->day; break;
    case 'H': value = t->hour; break;
    case 'I': value = hour12; break;
    case 'M': value = t->minute; break;
    case 'S': value = t->second; break;
    case 'j': value = day_of_year(t), width = 3; break;
    case 'w': value = weekday(t), width = 1; break;
    case 'e': snprintf(text, sizeof text, "%2d", t->day); break;
    case 'B': snprintf(text, sizeof text, "%s", months[t->month - 1]); break;
    case 'b':
    case 'h': snprintf(text, sizeof text, "%.3s", months[t->month - 1]); break;
    case 'A': snprintf(text, sizeof text, "%s", days[weekday(t)]); break;
    case 'a': snprintf(text, sizeof text, "%.3s", days[weekday(t)]); break;
    case 'p': snprintf(text, sizeof text, "%s", t->hour < 12 ? "AM" : "PM"); break;
    case 'F': snprintf(text, sizeof text, "%d-%02d-%02d", t->year, t->month, t->day); break;
    case 'D': snprintf(text, sizeof text, "%02d/%02d/%02d", t->month, t->day, t->year % 100); break;
    case 'T': snprintf(text, sizeof text, "%02d:%02d:%02d", t->hour, t->minute, t->second); break;
    case 'R': snprintf(text, sizeof text, "%02d:%02d", t->hour, t->minute); break;
    case 'n': snprintf(text, sizeof text, "\n"); break;
    case 't': snprintf(text, sizeof text, "\t"); break;
    case 'Z':
    case 'z': break; /* a time without a zone has none to tell */
    case '%': snprintf(text, sizeof text, "%%"); break;
    default: return trit_jfail(vm, "strftime_now: \"%%%c\" is not supported", letter);
    }
    if (value >= 0) snprintf(text, sizeof text, "%0*d", no_zeros ? 1 : width, value);
    return trit_jappend(vm, text, strlen(text));
}

bool trit_jstrftime(trit_jvm *vm, trit_str format, trit_jvalue *out) {
    size_t mark = vm->text.n;
    const trit_jinja_time *t = &vm->now;
    if (t->month < 1 || t->month > 12 || t->day < 1 || t->day > 31) return trit_jfail(vm, "strftime_now: there is no such date");
    for (size_t i = 0; i < format.n; i++) {
        if (format.p[i] != '%' || i + 1 == format.n) {
            if (!trit_jappend(vm, format.p + i, 1)) return false;
            continue;
        }
        bool no_zeros = format.p[++i] == '-' && i + 1 < format.n;
        i += no_zeros;
        if (!print_part(vm, format.p[i], no_zeros)) return false;
    }
    return trit_jtake(vm, mark, out);
}
