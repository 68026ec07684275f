/* The render's errors, limits and memory, and the way in: compile and render. */
#include "jinja/vm.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/utf8.h"

enum { max_tree_bytes = 64 << 20 };

bool trit_jfail(trit_jvm *vm, const char *fmt, ...) {
    char text[400];
    va_list args;
    if (vm->status != trit_ok) return false;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    vm->status = trit_error_set(vm->err, trit_format, "template line %u: %s", (unsigned)vm->line, text);
    return false;
}

bool trit_jcharge(trit_jvm *vm, uint64_t steps) {
    if (steps <= vm->limits.steps - vm->steps) {
        vm->steps += steps;
        return true;
    }
    return trit_jfail(vm, "the template runs too long (limit: %llu steps)", (unsigned long long)vm->limits.steps);
}

static void *no_memory(trit_jvm *vm, size_t n) {
    if (vm->arena.limit_hit)
        trit_jfail(vm, "the template's values take too much memory (limit: %zu bytes)", vm->limits.memory_bytes);
    else if (vm->status == trit_ok)
        vm->status = trit_error_memory(vm->err, n, "the template's values");
    return NULL;
}

void *trit_jalloc(trit_jvm *vm, size_t n, size_t size) {
    void *p = trit_jarena_alloc(&vm->arena, n, size);
    return p ? p : no_memory(vm, n * size);
}

bool trit_jenter(trit_jvm *vm) {
    if (vm->depth >= vm->limits.depth) return trit_jfail(vm, "the template calls itself too deeply (limit: %u levels)", (unsigned)vm->limits.depth);
    vm->depth++;
    return trit_jcharge(vm, 1);
}

bool trit_jappend(trit_jvm *vm, const char *s, size_t n) {
    if (n > vm->limits.output_bytes - vm->text.n)
        return trit_jfail(vm, "the template writes too much (limit: %zu bytes)", vm->limits.output_bytes);
    if (!trit_jcharge(vm, n / 64)) return false;
    if (trit_text_append(&vm->text, s, n)) return true;
    if (vm->status == trit_ok) vm->status = trit_error_memory(vm->err, vm->text.n + n, "the rendering");
    return false;
}

bool trit_jappend_char(trit_jvm *vm, uint32_t cp) {
    char bytes[4];
    return trit_jappend(vm, bytes, trit_utf8_encode(cp, bytes));
}

bool trit_jtake(trit_jvm *vm, size_t mark, trit_jvalue *out) {
    size_t n = vm->text.n - mark;
    char *s = trit_jarena_bytes(&vm->arena, n);
    if (!s) {
        no_memory(vm, n);
        return false;
    }
    if (n) memcpy(s, vm->text.data + mark, n);
    vm->text.n = mark;
    *out = trit_jstring((trit_str){s, n});
    return true;
}

bool trit_jconcat(trit_jvm *vm, trit_str a, trit_str b, trit_jvalue *out) {
    size_t n = a.n + b.n; /* both lie in memory, so the sum fits */
    if (!trit_jcharge(vm, n / 64)) return false;
    /* A text that a loop makes longer and longer grows where it stands. Whoever holds its beginning still sees just that. */
    if (a.n && trit_jarena_extend(&vm->arena, a.p + a.n, b.n)) {
        if (b.n) memmove((char *)a.p + a.n, b.p, b.n);
        *out = trit_jstring((trit_str){a.p, n});
        return true;
    }
    char *s = trit_jarena_bytes(&vm->arena, n);
    if (!s) {
        no_memory(vm, n);
        return false;
    }
    if (a.n) memcpy(s, a.p, a.n);
    if (b.n) memcpy(s + a.n, b.p, b.n);
    *out = trit_jstring((trit_str){s, n});
    return true;
}

static bool from_json_array(trit_jvm *vm, const trit_json *json, trit_jvalue *out) {
    size_t n = trit_json_length(json);
    if (!trit_jlist_new(vm, trit_j_list, n, out)) return false;
    for (size_t i = 0; i < n; i++) {
        trit_jvalue v;
        if (!trit_jfrom_json(vm, trit_json_at(json, i), &v) || !trit_jlist_push(vm, out->as.list, v)) return false;
    }
    return true;
}

static bool from_json_object(trit_jvm *vm, const trit_json *json, trit_jvalue *out) {
    trit_str key;
    const trit_json *member;
    void *iter = NULL;
    if (!trit_jdict_new(vm, trit_j_dict, trit_json_length(json), out)) return false;
    trit_jdict *d = out->as.dict;
    while (trit_json_next(json, &iter, &key, &member)) { /* keys differ from each other: the JSON room sees to it */
        if (!trit_jfrom_json(vm, member, &d->values[d->n])) return false;
        d->keys[d->n++] = trit_jstring(key);
    }
    return true;
}

bool trit_jfrom_json(trit_jvm *vm, const trit_json *json, trit_jvalue *out) {
    bool good = trit_jenter(vm);
    if (!good) return false;
    switch (trit_json_kind_of(json)) {
    case trit_json_bool: *out = trit_jbool(trit_json_as_bool(json, false)); break;
    case trit_json_int: *out = trit_jint(trit_json_as_int(json, 0)); break;
    case trit_json_real: *out = trit_jfloat(trit_json_as_real(json, 0)); break;
    case trit_json_string: *out = trit_jstring(trit_json_as_str(json)); break;
    case trit_json_array: good = from_json_array(vm, json, out); break;
    case trit_json_object: good = from_json_object(vm, json, out); break;
    default: *out = trit_jnone();
    }
    vm->depth--;
    return good;
}

trit_status trit_jinja_compile(trit_jinja **out, const char *source, size_t n, trit_error *err) {
    trit_jinja *t = trit_alloc_zero(1, sizeof *t);
    trit_jtoken *tokens = NULL;
    if (!t) return trit_error_memory(err, sizeof *t, "the template");
    t->arena.max_bytes = max_tree_bytes;
    trit_status status = trit_jinja_lex(&tokens, &t->arena, source, n, err);
    if (status == trit_ok) status = trit_jinja_parse(&t->body, &t->arena, tokens, err);
    if (status != trit_ok) {
        trit_jinja_free(t);
        return status;
    }
    *out = t;
    return trit_ok;
}

void trit_jinja_free(trit_jinja *t) {
    if (!t) return;
    trit_jarena_fini(&t->arena);
    trit_free(t);
}

static trit_jinja_time time_of_clock(void) {
    time_t seconds = time(NULL);
    struct tm t = {.tm_year = 70, .tm_mday = 1};
    (void)localtime_r(&seconds, &t);
    return (trit_jinja_time){t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec};
}

static void set_up(trit_jvm *vm, const trit_jinja_opts *o) {
    trit_jinja_limits l = o->limits;
    vm->limits = (trit_jinja_limits){
        .steps = l.steps ? l.steps : 20000000,
        .depth = l.depth ? l.depth : 500,
        .output_bytes = l.output_bytes ? l.output_bytes : (size_t)64 << 20,
        .memory_bytes = l.memory_bytes ? l.memory_bytes : (size_t)256 << 20,
    };
    vm->arena.max_bytes = vm->limits.memory_bytes;
    vm->now = o->now.year ? o->now : time_of_clock();
    vm->line = 1;
}

static bool bind_variables(trit_jvm *vm, const trit_json *variables, const trit_jinja_opts *o) {
    trit_str key;
    const trit_json *member;
    void *iter = NULL;
    vm->frame = trit_jframe_new(vm, NULL);
    if (!vm->frame) return false;
    /* A name that is bound again takes the later value, so the document's own tokens win. */
    for (const char *const *name = o->none; name && *name; name++)
        if (!trit_jassign(vm, trit_str_from(*name), trit_jnone())) return false;
    if (o->bos_token && !trit_jassign(vm, trit_str_from("bos_token"), trit_jstring(trit_str_from(o->bos_token)))) return false;
    if (o->eos_token && !trit_jassign(vm, trit_str_from("eos_token"), trit_jstring(trit_str_from(o->eos_token)))) return false;
    while (trit_json_next(variables, &iter, &key, &member)) {
        trit_jvalue v;
        if (!trit_jfrom_json(vm, member, &v) || !trit_jassign(vm, key, v)) return false;
    }
    vm->frame = trit_jframe_new(vm, vm->frame);
    return vm->frame != NULL;
}

trit_status trit_jinja_render(const trit_jinja *template, trit_text *out, const trit_json *variables, const trit_jinja_opts *opts,
                              trit_error *err) {
    static const trit_jinja_opts defaults = {0};
    trit_jvm vm = {.err = err};
    if (variables && trit_json_kind_of(variables) != trit_json_object) return trit_error_set(err, trit_arg, "the template's variables: not an object");
    set_up(&vm, opts ? opts : &defaults);
    bool good = bind_variables(&vm, variables, opts ? opts : &defaults) && trit_jexec(&vm, template->body) != trit_jflow_error &&
                trit_jappend(&vm, "", 0); /* an empty rendering ends in a NUL too */
    trit_jarena_fini(&vm.arena);
    if (!good) {
        trit_text_fini(&vm.text);
        return vm.status;
    }
    trit_text_fini(out);
    *out = vm.text;
    return trit_ok;
}
