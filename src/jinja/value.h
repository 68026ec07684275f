/* Values of the language. A value is small and copied; lists, dicts and the like are shared by reference, as in Python. All that
 * values point to lives in the render's arena, in the template's, or in the document of variables. */
#ifndef TRIT_JINJA_VALUE_H
#define TRIT_JINJA_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

typedef enum trit_jkind {
    trit_j_missing,   /* no value at all: an argument that was left out */
    trit_j_undefined, /* as.s: the name that led to nothing */
    trit_j_none,
    trit_j_bool,
    trit_j_int,
    trit_j_float,
    trit_j_string,
    trit_j_list,
    trit_j_tuple,
    trit_j_stream,    /* what lazy filters give: can be walked once, has no length; as.list */
    trit_j_dict,
    trit_j_namespace, /* as.dict */
    trit_j_loop,
    trit_j_macro,
    trit_j_function,  /* built in; bound to a value where it is a method */
    trit_n_jkinds
} trit_jkind;

typedef struct trit_jlist trit_jlist;
typedef struct trit_jdict trit_jdict;
typedef struct trit_jloop trit_jloop;
typedef struct trit_jmacro trit_jmacro;
typedef struct trit_jbound trit_jbound;

typedef struct trit_jvalue {
    trit_jkind kind;
    trit_jkind owner; /* undefined: of what kind the value was that lacks the attribute; missing: a variable */
    union {
        bool b;
        int64_t i;
        double f;
        trit_str s; /* valid UTF-8 */
        trit_jlist *list;
        trit_jdict *dict;
        trit_jloop *loop;
        trit_jmacro *macro;
        trit_jbound *bound;
    } as;
} trit_jvalue;

struct trit_jlist {
    trit_jvalue *at;
    size_t n, capacity;
};

/* In order of insertion. Dicts of templates are small: look-ups walk, and the walk is charged as steps. */
struct trit_jdict {
    trit_jvalue *keys, *values;
    size_t n, capacity;
};

static inline trit_jvalue trit_jnone(void) {
    return (trit_jvalue){.kind = trit_j_none};
}

static inline trit_jvalue trit_jbool(bool b) {
    return (trit_jvalue){.kind = trit_j_bool, .as.b = b};
}

static inline trit_jvalue trit_jint(int64_t i) {
    return (trit_jvalue){.kind = trit_j_int, .as.i = i};
}

static inline trit_jvalue trit_jfloat(double f) {
    return (trit_jvalue){.kind = trit_j_float, .as.f = f};
}

static inline trit_jvalue trit_jstring(trit_str s) {
    return (trit_jvalue){.kind = trit_j_string, .as.s = s};
}

static inline trit_jvalue trit_jundefined(trit_str name, trit_jkind owner) {
    return (trit_jvalue){.kind = trit_j_undefined, .owner = owner, .as.s = name};
}

static inline bool trit_jis_number(trit_jvalue v) {
    return v.kind == trit_j_bool || v.kind == trit_j_int || v.kind == trit_j_float;
}

static inline bool trit_jis_whole(trit_jvalue v) {
    return v.kind == trit_j_bool || v.kind == trit_j_int;
}

/* Of numbers: true is 1. */
static inline int64_t trit_jwhole(trit_jvalue v) {
    return v.kind == trit_j_bool ? v.as.b : v.as.i;
}

static inline double trit_jreal(trit_jvalue v) {
    return v.kind == trit_j_float ? v.as.f : (double)trit_jwhole(v);
}

bool trit_jtruth(trit_jvalue v);
const char *trit_jkind_name(trit_jkind kind); /* as Python calls it: "str", "NoneType" */

#endif
