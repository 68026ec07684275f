/* Filters on text. What is no string is made one first, as str() does. */
#include "jinja/chars.h"
#include "jinja/vm.h"

static bool recase(trit_jvm *vm, trit_jvalue v, trit_jcase how, trit_jvalue *out) {
    trit_str s;
    return trit_jto_string(vm, v, &s) && trit_jrecase(vm, s, how, out);
}

static bool filter_upper(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return recase(vm, v, trit_jcase_upper, out);
}

static bool filter_lower(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return recase(vm, v, trit_jcase_lower, out);
}

static bool filter_capitalize(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return recase(vm, v, trit_jcase_capital, out);
}

/* Other than the method, this one takes words to begin behind blanks, hyphens and opening brackets only. */
static bool filter_title(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str s;
    size_t mark;
    bool begins = true;
    (void)call;
    if (!trit_jto_string(vm, v, &s)) return false;
    mark = vm->text.n;
    for (size_t at = 0; at < s.n;) {
        uint32_t cp = trit_jnext(s, &at);
        if (!trit_jappend_char(vm, begins ? trit_jupper(cp) : trit_jlower(cp))) return false;
        begins = trit_jis_space(cp) || (cp < 0x80 && cp && strchr("-({[<", (int)cp));
    }
    return trit_jtake(vm, mark, out);
}

static bool filter_trim(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str s;
    if (!trit_jto_string(vm, v, &s)) return false;
    return trit_jbuiltin_run(vm, trit_jstring_method_find(trit_str_from("strip")), trit_jstring(s), &(trit_jcall){.at = call->at, .n = 1}, out);
}

static bool filter_replace(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str s, from, to;
    int64_t max;
    return trit_jto_string(vm, v, &s) && trit_jto_string(vm, call->at[0], &from) && trit_jto_string(vm, call->at[1], &to) &&
           trit_jarg_int(vm, call, 2, -1, &max) && trit_jreplace(vm, s, from, to, max, out);
}

static bool is_line_end(char c) {
    return c == '\n' || c == '\r';
}

/* The margin: a text, or so many blanks. */
static bool put_margin(trit_jvm *vm, trit_str unit, int64_t width) {
    if (unit.p) return trit_jappend(vm, unit.p, unit.n);
    for (int64_t i = 0; i < width; i++)
        if (!trit_jappend(vm, " ", 1)) return false;
    return true;
}

/* Every line but the first (unless `first`) and empty ones (unless `blank`) moves to the right. */
static bool filter_indent(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str s, unit = {0};
    int64_t width = 4;
    bool first = trit_jarg_truth(call, 1, false), blank = trit_jarg_truth(call, 2, false);
    if (v.kind == trit_j_undefined) return trit_jfail_undefined(vm, v);
    if (v.kind != trit_j_string) return trit_jfail(vm, "indent: a string is needed, not %s", trit_jkind_name(v.kind));
    s = v.as.s;
    if (call->at[0].kind == trit_j_string)
        unit = call->at[0].as.s;
    else if (!trit_jarg_int(vm, call, 0, 4, &width))
        return false;
    size_t mark = vm->text.n;
    if (s.n == 0 && first && !put_margin(vm, unit, width)) return false;
    for (size_t at = 0, line = 0; at < s.n; line++) {
        size_t end = at;
        while (end < s.n && !is_line_end(s.p[end])) end++;
        if ((line == 0 ? first : (end > at || blank)) && !put_margin(vm, unit, width)) return false;
        if (!trit_jappend(vm, s.p + at, end - at)) return false;
        if (end < s.n && !trit_jappend(vm, "\n", 1)) return false;
        at = end + (end < s.n) + (end + 1 < s.n && s.p[end] == '\r' && s.p[end + 1] == '\n');
    }
    /* Behind a newline at the end stands one more line, an empty one. */
    if (blank && s.n && is_line_end(s.p[s.n - 1]) && !put_margin(vm, unit, width)) return false;
    return trit_jtake(vm, mark, out);
}

static bool filter_center(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str s;
    trit_jvalue width = call->at[0].kind == trit_j_missing ? trit_jint(80) : call->at[0];
    return trit_jto_string(vm, v, &s) &&
           trit_jbuiltin_run(vm, trit_jstring_method_find(trit_str_from("center")), trit_jstring(s), &(trit_jcall){.at = &width, .n = 1}, out);
}

static bool filter_escape(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    static const char *const entities[] = {"&&amp;", "<&lt;", ">&gt;", "'&#39;", "\"&#34;"};
    trit_str s;
    size_t mark;
    (void)call;
    if (!trit_jto_string(vm, v, &s)) return false;
    mark = vm->text.n;
    for (size_t i = 0; i < s.n; i++) {
        const char *text = NULL;
        for (size_t k = 0; k < sizeof entities / sizeof *entities; k++)
            if (entities[k][0] == s.p[i]) text = entities[k] + 1;
        if (!trit_jappend(vm, text ? text : s.p + i, text ? strlen(text) : 1)) return false;
    }
    return trit_jtake(vm, mark, out);
}

static bool filter_format(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str s;
    return trit_jto_string(vm, v, &s) && trit_jformat(vm, s, call->at, call->n, out);
}

static bool filter_wordcount(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str s;
    int64_t n = 0;
    bool in_word = false;
    (void)call;
    if (!trit_jto_string(vm, v, &s)) return false;
    for (size_t at = 0; at < s.n;) {
        uint32_t cp = trit_jnext(s, &at);
        bool letter = trit_jis_letter(cp) || cp == '_' || (cp >= '0' && cp <= '9');
        n += letter && !in_word;
        in_word = letter;
    }
    *out = trit_jint(n);
    return true;
}

const trit_jbuiltin *trit_jtext_filter_find(trit_str name) {
    static const trit_jbuiltin table[] = {
        {"capitalize", "", 0, filter_capitalize},
        {"center", "width", 0, filter_center},
        {"e", "", 0, filter_escape},
        {"escape", "", 0, filter_escape},
        {"forceescape", "", 0, filter_escape},
        {"format", NULL, 0, filter_format},
        {"indent", "width first blank", 0, filter_indent},
        {"lower", "", 0, filter_lower},
        {"replace", "old new count", 2, filter_replace},
        {"title", "", 0, filter_title},
        {"trim", "chars", 0, filter_trim},
        {"upper", "", 0, filter_upper},
        {"wordcount", "", 0, filter_wordcount},
    };
    return trit_jbuiltin_find(table, sizeof table / sizeof *table, name);
}
