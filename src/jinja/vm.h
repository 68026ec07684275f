/* One render: its values, its output, its limits and its first error. Functions that can fail answer false after the first
 * error, which is then in the vm; outputs are written only on success. */
#ifndef TRIT_JINJA_VM_H
#define TRIT_JINJA_VM_H

#include "jinja/arena.h"
#include "jinja/jinja.h"
#include "jinja/tree.h"
#include "jinja/value.h"

/* Variables of one scope. Assignments go to the innermost frame, look-ups walk outwards. */
typedef struct trit_jbinding {
    trit_str name;
    trit_jvalue value;
    struct trit_jbinding *next;
} trit_jbinding;

typedef struct trit_jframe {
    struct trit_jframe *parent;
    trit_jbinding *first;
    bool captured; /* a macro was defined in it or in a frame within: it may be looked into later */
} trit_jframe;

struct trit_jloop {
    const trit_jvalue *items; /* [n] */
    size_t n, index;
    trit_jvalue changed; /* what loop.changed was called with last */
};

struct trit_jmacro {
    const trit_jnode *node;
    trit_jframe *frame; /* where it was defined */
};

typedef struct trit_jvm {
    trit_jarena arena;
    trit_text text; /* the output so far, and behind it texts in the making: they are taken out again before the output goes on */
    trit_jframe *frame;
    trit_jframe *spare_frames; /* left ones, by parent, to be used again: a loop's rounds need no more memory each */
    trit_jbinding *spare_bindings;
    trit_jinja_limits limits;
    trit_jinja_time now;
    uint64_t steps;
    uint32_t depth, line;
    trit_status status;
    trit_error *err;
} trit_jvm;

/* vm.c: errors, limits, memory. */
bool trit_jfail(trit_jvm *vm, const char *fmt, ...) TRIT_PRINTF(2, 3); /* status format; always false */
bool trit_jcharge(trit_jvm *vm, uint64_t steps);                       /* false: over the limit */
void *trit_jalloc(trit_jvm *vm, size_t n, size_t size);                /* NULL: failed */
bool trit_jenter(trit_jvm *vm);                                        /* one level deeper; pairs with vm->depth-- */
bool trit_jappend(trit_jvm *vm, const char *s, size_t n);              /* to vm->text */
bool trit_jappend_char(trit_jvm *vm, uint32_t cp);
/* What stands in vm->text from `mark` on, as a string value of its own; the text ends at the mark again. */
bool trit_jtake(trit_jvm *vm, size_t mark, trit_jvalue *out);
bool trit_jfrom_json(trit_jvm *vm, const trit_json *json, trit_jvalue *out); /* strings stay in the document */

/* value.c: the same rules as Python's. */
bool trit_jlist_new(trit_jvm *vm, trit_jkind kind, size_t capacity, trit_jvalue *out);
bool trit_jlist_push(trit_jvm *vm, trit_jlist *list, trit_jvalue v);
bool trit_jdict_new(trit_jvm *vm, trit_jkind kind, size_t capacity, trit_jvalue *out);
bool trit_jdict_set(trit_jvm *vm, trit_jdict *dict, trit_jvalue key, trit_jvalue v);
bool trit_jdict_find(trit_jvm *vm, const trit_jdict *dict, trit_jvalue key, size_t *at); /* *at = n: not there */
const trit_jvalue *trit_jdict_get(const trit_jdict *dict, trit_str key);                 /* NULL: not there */
bool trit_jequal(trit_jvm *vm, trit_jvalue a, trit_jvalue b, bool *out);
bool trit_jorder(trit_jvm *vm, trit_jvalue a, trit_jvalue b, int *out); /* <0, 0, >0; fails on values without an order */
bool trit_jcontains(trit_jvm *vm, trit_jvalue box, trit_jvalue v, bool *out);
bool trit_jlength(trit_jvm *vm, trit_jvalue v, size_t *out);
/* What a loop over v would give: [*n]. Uses a stream up. */
bool trit_jiterate(trit_jvm *vm, trit_jvalue v, const trit_jvalue **items, size_t *n);

/* print.c: values as text, appended to vm->text. */
bool trit_jprint(trit_jvm *vm, trit_jvalue v);         /* str() */
bool trit_jprint_repr(trit_jvm *vm, trit_jvalue v);    /* repr() */
bool trit_jprint_float(trit_jvm *vm, double f);
bool trit_jto_string(trit_jvm *vm, trit_jvalue v, trit_str *out); /* str() as a string of its own */

/* json.c */
typedef struct trit_jjson_style {
    bool ascii, sort_keys, pretty; /* pretty: one item a line */
    trit_str indent, item_separator, key_separator;
} trit_jjson_style;
bool trit_jprint_json(trit_jvm *vm, trit_jvalue v, const trit_jjson_style *style);

/* What a built-in function is called with. */
typedef struct trit_jnamed {
    trit_str name;
    trit_jvalue value;
} trit_jnamed;

typedef struct trit_jcall {
    trit_jvalue *at; /* [n] positional ones */
    size_t n;
    trit_jnamed *named; /* [n_named] */
    size_t n_named;
    const trit_jvalue *caller; /* the body of a call block, NULL elsewhere */
} trit_jcall;

/* A filter, a test, a method or a function: `self` is what it is applied to. With `parameters` the arguments come in their
 * order, named ones in their places and left-out ones as `missing`; without, as they were written. */
enum { trit_j_max_parameters = 6 };

typedef struct trit_jbuiltin {
    const char *name;
    const char *parameters; /* "d default_value boolean"; NULL: takes anything */
    size_t n_required;
    bool (*run)(trit_jvm *vm, trit_jvalue self, const trit_jcall *call, trit_jvalue *out);
} trit_jbuiltin;

struct trit_jbound {
    const trit_jbuiltin *builtin;
    trit_jvalue self;
};

const trit_jbuiltin *trit_jbuiltin_find(const trit_jbuiltin *table, size_t n, trit_str name);
bool trit_jbuiltin_run(trit_jvm *vm, const trit_jbuiltin *b, trit_jvalue self, const trit_jcall *call, trit_jvalue *out);
const trit_jbuiltin *trit_jfilter_find(trit_str name);         /* filters.c and its neighbours */
const trit_jbuiltin *trit_jtext_filter_find(trit_str name);    /* filters_text.c */
const trit_jbuiltin *trit_jpick_filter_find(trit_str name);    /* filters_pick.c */
const trit_jbuiltin *trit_jtest_find(trit_str name);           /* tests.c */
const trit_jbuiltin *trit_jstring_method_find(trit_str name);  /* methods_text.c */
const trit_jbuiltin *trit_jmethod_find(trit_jvalue v, trit_str name); /* methods.c: of any kind of value */
const trit_jbuiltin *trit_jfunction_find(trit_str name);       /* functions.c: global ones */

/* Applies a filter or test by its name; errors where there is none. */
bool trit_japply_filter(trit_jvm *vm, trit_str name, trit_jvalue v, const trit_jcall *call, trit_jvalue *out);
bool trit_japply_test(trit_jvm *vm, trit_str name, trit_jvalue v, const trit_jcall *call, bool *out);

/* Arguments of built-ins. */
bool trit_jarg_string(trit_jvm *vm, const trit_jcall *call, size_t i, trit_str otherwise, trit_str *out);
bool trit_jarg_int(trit_jvm *vm, const trit_jcall *call, size_t i, int64_t otherwise, int64_t *out);
bool trit_jarg_truth(const trit_jcall *call, size_t i, bool otherwise);

/* Text work that filters and methods share (text.c). */
bool trit_jsplit(trit_jvm *vm, trit_str s, const trit_str *separator, int64_t max, trit_jvalue *out); /* NULL: by whitespace */
bool trit_jreplace(trit_jvm *vm, trit_str s, trit_str from, trit_str to, int64_t max, trit_jvalue *out);
bool trit_jformat(trit_jvm *vm, trit_str format, const trit_jvalue *args, size_t n, trit_jvalue *out); /* "%s" % ... */
typedef enum trit_jcase { trit_jcase_upper, trit_jcase_lower, trit_jcase_title, trit_jcase_capital } trit_jcase;
bool trit_jrecase(trit_jvm *vm, trit_str s, trit_jcase how, trit_jvalue *out);
bool trit_jread_int(trit_str s, int base, int64_t *out);
bool trit_jread_float(trit_jvm *vm, trit_str s, double *out, bool *good); /* false: out of memory */
bool trit_jstrftime(trit_jvm *vm, trit_str format, trit_jvalue *out);

/* eval.c */
bool trit_jeval(trit_jvm *vm, const trit_jnode *n, trit_jvalue *out);
bool trit_jget_attribute(trit_jvm *vm, trit_jvalue v, trit_str name, trit_jvalue *out);
bool trit_jget_item(trit_jvm *vm, trit_jvalue v, trit_jvalue key, trit_jvalue *out);
bool trit_jbinary(trit_jvm *vm, trit_jop op, trit_jvalue a, trit_jvalue b, trit_jvalue *out); /* arithmetic.c */
bool trit_junary(trit_jvm *vm, trit_jop op, trit_jvalue a, trit_jvalue *out);
bool trit_jconcat(trit_jvm *vm, trit_str a, trit_str b, trit_jvalue *out);
/* "'x' is undefined" and so on; always false. */
bool trit_jfail_undefined(trit_jvm *vm, trit_jvalue v);

/* call.c */
bool trit_jcall_value(trit_jvm *vm, trit_jvalue callee, const trit_jcall *call, trit_jvalue *out);
bool trit_jcollect(trit_jvm *vm, const trit_jargs *args, trit_jcall *out);

/* exec.c */
typedef enum trit_jflow { trit_jflow_error, trit_jflow_next, trit_jflow_break, trit_jflow_continue } trit_jflow;
trit_jflow trit_jexec(trit_jvm *vm, const trit_jnode *n);
trit_jframe *trit_jframe_new(trit_jvm *vm, trit_jframe *parent); /* NULL: failed */
void trit_jframe_leave(trit_jvm *vm, trit_jframe *outer);        /* the innermost frame, which becomes `outer` */
bool trit_jassign(trit_jvm *vm, trit_str name, trit_jvalue v);   /* in the innermost frame */

#endif
