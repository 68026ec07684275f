/* Filters on values of any kind and on lists; those on text stand in filters_text.c, those that pick items in filters_pick.c. */
#include <math.h>

#include "jinja/chars.h"
#include "jinja/vm.h"

static bool filter_abs(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    if (!trit_jis_number(v)) return trit_jfail(vm, "abs: a number is needed, not %s", trit_jkind_name(v.kind));
    if (v.kind != trit_j_float && trit_jwhole(v) < 0) return trit_junary(vm, trit_jo_negate, v, out);
    *out = v.kind == trit_j_float ? trit_jfloat(fabs(v.as.f)) : trit_jint(trit_jwhole(v));
    return true;
}

static bool filter_attr(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str name;
    return trit_jarg_string(vm, call, 0, (trit_str){0}, &name) && trit_jget_attribute(vm, v, name, out);
}

static bool filter_default(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    bool use = v.kind == trit_j_undefined || (trit_jarg_truth(call, 1, false) && !trit_jtruth(v));
    (void)vm;
    *out = !use ? v : call->at[0].kind == trit_j_missing ? trit_jstring(trit_str_from("")) : call->at[0];
    return true;
}

static bool filter_length(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    size_t n;
    (void)call;
    if (!trit_jlength(vm, v, &n)) return false;
    *out = trit_jint((int64_t)n);
    return true;
}

static bool filter_first(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    const trit_jvalue *items;
    size_t n;
    (void)call;
    if (!trit_jiterate(vm, v, &items, &n)) return false;
    *out = n ? items[0] : trit_jundefined(trit_str_from("the first item of an empty sequence"), trit_j_missing);
    return true;
}

static bool filter_last(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    const trit_jvalue *items;
    size_t n;
    (void)call;
    if (!trit_jiterate(vm, v, &items, &n)) return false;
    *out = n ? items[n - 1] : trit_jundefined(trit_str_from("the last item of an empty sequence"), trit_j_missing);
    return true;
}

static bool copy_items(trit_jvm *vm, trit_jvalue v, trit_jvalue *out) {
    const trit_jvalue *items;
    size_t n;
    if (!trit_jiterate(vm, v, &items, &n) || !trit_jlist_new(vm, trit_j_list, n, out)) return false;
    for (size_t i = 0; i < n; i++)
        if (!trit_jlist_push(vm, out->as.list, items[i])) return false;
    return true;
}

static bool filter_list(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    return copy_items(vm, v, out);
}

static bool filter_items(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    (void)call;
    if (v.kind == trit_j_undefined) return trit_jlist_new(vm, trit_j_stream, 0, out);
    if (v.kind != trit_j_dict) return trit_jfail(vm, "Can only get item pairs from a mapping.");
    const trit_jbuiltin *items = trit_jmethod_find(v, trit_str_from("items"));
    return trit_jbuiltin_run(vm, items, v, &(trit_jcall){0}, out);
}

static bool filter_reverse(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    const trit_jvalue *items;
    size_t n, mark = vm->text.n;
    (void)call;
    if (!trit_jiterate(vm, v, &items, &n)) return false;
    if (v.kind == trit_j_string) {
        while (n > 0)
            if (!trit_jprint(vm, items[--n])) return false;
        return trit_jtake(vm, mark, out);
    }
    if (!trit_jlist_new(vm, trit_j_stream, n, out)) return false;
    while (n > 0)
        if (!trit_jlist_push(vm, out->as.list, items[--n])) return false;
    return true;
}

static bool filter_int(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    int64_t base, whole = 0;
    double real;
    bool good = false;
    if (v.kind == trit_j_undefined) return trit_jfail_undefined(vm, v);
    if (!trit_jarg_int(vm, call, 1, 10, &base)) return false;
    if (trit_jis_whole(v)) {
        *out = trit_jint(trit_jwhole(v));
        return true;
    }
    if (v.kind == trit_j_string && base >= 2 && base <= 36) {
        if (trit_jread_int(v.as.s, (int)base, &whole)) {
            *out = trit_jint(whole);
            return true;
        }
        if (!trit_jread_float(vm, v.as.s, &real, &good)) return false;
    } else if (v.kind == trit_j_float) {
        real = v.as.f;
        good = true;
    }
    if (good && real > -0x1p63 && real < 0x1p63)
        *out = trit_jint((int64_t)real);
    else
        *out = call->at[0].kind == trit_j_missing ? trit_jint(0) : call->at[0];
    return true;
}

static bool filter_float(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    double real = 0;
    bool good = trit_jis_number(v);
    if (v.kind == trit_j_undefined) return trit_jfail_undefined(vm, v);
    if (good) real = trit_jreal(v);
    if (v.kind == trit_j_string && !trit_jread_float(vm, v.as.s, &real, &good)) return false;
    *out = good ? trit_jfloat(real) : call->at[0].kind == trit_j_missing ? trit_jfloat(0) : call->at[0];
    return true;
}

static bool filter_round(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    int64_t places;
    trit_str method;
    if (!trit_jis_number(v)) return trit_jfail(vm, "round: a number is needed, not %s", trit_jkind_name(v.kind));
    if (!trit_jarg_int(vm, call, 0, 0, &places) || !trit_jarg_string(vm, call, 1, trit_str_from("common"), &method)) return false;
    if (places < -300 || places > 300) return trit_jfail(vm, "round: %lld places", (long long)places);
    double x = trit_jreal(v), unit = 1;
    for (int64_t i = places < 0 ? -places : places; i > 0; i--) unit *= 10;
    double scaled = places < 0 ? x / unit : x * unit, whole;
    if (trit_str_is(method, "ceil"))
        whole = ceil(scaled);
    else if (trit_str_is(method, "floor"))
        whole = floor(scaled);
    else if (trit_str_is(method, "common"))
        whole = nearbyint(scaled); /* ties to even, as in Python */
    else
        return trit_jfail(vm, "round: method must be common, ceil or floor");
    double rounded = !isfinite(scaled) ? x : places < 0 ? whole * unit : whole / unit;
    bool stays_whole = trit_jis_whole(v) && trit_str_is(method, "common") && fabs(rounded) < 0x1p63;
    *out = !stays_whole ? trit_jfloat(rounded) : trit_jint(places < 0 ? (int64_t)rounded : trit_jwhole(v));
    return true;
}

static bool filter_tojson(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    size_t mark = vm->text.n;
    int64_t width = 0;
    trit_jjson_style style = {.ascii = trit_jarg_truth(call, 0, false), .sort_keys = trit_jarg_truth(call, 3, false)};
    trit_jvalue indent = call->at[1], separators = call->at[2];
    style.pretty = indent.kind != trit_j_missing && indent.kind != trit_j_none;
    style.item_separator = trit_str_from(style.pretty ? "," : ", ");
    style.key_separator = trit_str_from(": ");
    if (indent.kind == trit_j_string)
        style.indent = indent.as.s;
    else if (style.pretty) {
        static const char blanks[] = "                                                                ";
        if (!trit_jarg_int(vm, call, 1, 0, &width)) return false;
        if (width >= (int64_t)sizeof blanks) return trit_jfail(vm, "tojson: indent %lld", (long long)width);
        style.indent = (trit_str){blanks, width > 0 ? (size_t)width : 0};
    }
    if (separators.kind == trit_j_tuple || separators.kind == trit_j_list) {
        const trit_jlist *two = separators.as.list;
        if (two->n != 2 || two->at[0].kind != trit_j_string || two->at[1].kind != trit_j_string)
            return trit_jfail(vm, "tojson: separators must be two strings");
        style.item_separator = two->at[0].as.s;
        style.key_separator = two->at[1].as.s;
    }
    return trit_jprint_json(vm, v, &style) && trit_jtake(vm, mark, out);
}

static bool add_up(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    const trit_jvalue *items;
    size_t n;
    trit_str attribute;
    if (!trit_jarg_string(vm, call, 0, (trit_str){0}, &attribute) || !trit_jiterate(vm, v, &items, &n)) return false;
    *out = call->at[1].kind == trit_j_missing ? trit_jint(0) : call->at[1];
    for (size_t i = 0; i < n; i++) {
        trit_jvalue item = items[i];
        if (attribute.n && !trit_jget_item(vm, items[i], trit_jstring(attribute), &item)) return false;
        if (!trit_jbinary(vm, trit_jo_add, *out, item, out)) return false;
    }
    return true;
}

static bool filter_safe(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    trit_str s;
    (void)call;
    if (!trit_jto_string(vm, v, &s)) return false;
    *out = trit_jstring(s);
    return true;
}

/* Lists of `n` items each; the last one is filled up where a filler is given. */
static bool filter_batch(trit_jvm *vm, trit_jvalue v, const trit_jcall *call, trit_jvalue *out) {
    const trit_jvalue *items;
    size_t n;
    int64_t width;
    trit_jvalue row = {0};
    if (!trit_jarg_int(vm, call, 0, 1, &width) || !trit_jiterate(vm, v, &items, &n) || !trit_jlist_new(vm, trit_j_stream, 0, out)) return false;
    if (width < 1) return trit_jfail(vm, "batch: %lld items a row", (long long)width);
    for (size_t i = 0; i < n; i++) {
        if (i % (uint64_t)width == 0 && (!trit_jlist_new(vm, trit_j_list, 0, &row) || !trit_jlist_push(vm, out->as.list, row))) return false;
        if (!trit_jlist_push(vm, row.as.list, items[i])) return false;
    }
    while (call->at[1].kind > trit_j_none && row.kind == trit_j_list && (int64_t)row.as.list->n < width)
        if (!trit_jlist_push(vm, row.as.list, call->at[1])) return false;
    return true;
}

const trit_jbuiltin *trit_jfilter_find(trit_str name) {
    static const trit_jbuiltin table[] = {
        {"abs", "", 0, filter_abs},
        {"attr", "name", 1, filter_attr},
        {"batch", "linecount fill_with", 1, filter_batch},
        {"count", "", 0, filter_length},
        {"d", "default_value boolean", 0, filter_default},
        {"default", "default_value boolean", 0, filter_default},
        {"first", "", 0, filter_first},
        {"float", "default", 0, filter_float},
        {"int", "default base", 0, filter_int},
        {"items", "", 0, filter_items},
        {"last", "", 0, filter_last},
        {"length", "", 0, filter_length},
        {"list", "", 0, filter_list},
        {"reverse", "", 0, filter_reverse},
        {"round", "precision method", 0, filter_round},
        {"safe", "", 0, filter_safe},
        {"string", "", 0, filter_safe},
        {"sum", "attribute start", 0, add_up},
        {"tojson", "ensure_ascii indent separators sort_keys", 0, filter_tojson},
    };
    return trit_jbuiltin_find(table, sizeof table / sizeof *table, name);
}
