/* The tree of a template. Nodes and all that they point to live in the template's arena and never change after parsing. */
#ifndef TRIT_JINJA_TREE_H
#define TRIT_JINJA_TREE_H

#include "base/str.h"
#include "jinja/arena.h"
#include "jinja/jinja.h"
#include "jinja/lex.h"
#include "jinja/value.h"

typedef struct trit_jnode trit_jnode;

typedef struct trit_jnodes {
    trit_jnode **at;
    size_t n;
} trit_jnodes;

/* An argument of a call, an item of a dict display, a parameter of a macro. */
typedef struct trit_jarg {
    enum { trit_ja_plain, trit_ja_named, trit_ja_spread, trit_ja_spread_named } kind; /* v, name=v, *v, **v */
    trit_str name;    /* named; parameters */
    trit_jnode *key;  /* of a dict's item */
    trit_jnode *value; /* NULL: a parameter without a default */
} trit_jarg;

typedef struct trit_jargs {
    trit_jarg *at;
    size_t n;
} trit_jargs;

/* Which fields a kind uses stands beside it: a, b, c are subtrees, `list` several, `name` a word, `args` arguments. */
typedef enum trit_jnode_kind {
    /* expressions */
    trit_jn_constant,  /* constant */
    trit_jn_name,      /* name */
    trit_jn_list,      /* list */
    trit_jn_tuple,     /* list */
    trit_jn_dict,      /* args with keys */
    trit_jn_attribute, /* a.name */
    trit_jn_item,      /* a[b] */
    trit_jn_slice,     /* a[list], list of three, NULL where left out */
    trit_jn_call,      /* a(args) */
    trit_jn_filter,    /* a | name(args); a NULL: the filter of a block */
    trit_jn_test,      /* a is name(args); flag: negated */
    trit_jn_unary,     /* op a */
    trit_jn_binary,    /* a op b */
    trit_jn_and,       /* a and b */
    trit_jn_or,        /* a or b */
    trit_jn_compare,   /* list[0] ops[0] list[1] ops[1] ... */
    trit_jn_choice,    /* a if b else c; c may be NULL */
    /* statements */
    trit_jn_data,      /* constant, a string */
    trit_jn_output,    /* {{ a }} */
    trit_jn_if,        /* list: condition, body, condition, body, ...; c: else or NULL */
    trit_jn_for,       /* for a in b if c: list[0] the body, list[1] else or NULL */
    trit_jn_set,       /* a = b */
    trit_jn_set_block, /* a = text of c, through the filters b (NULL: none) */
    trit_jn_macro,     /* name(args): c; flags */
    trit_jn_call_block, /* call a: b is the macro "caller" */
    trit_jn_filter_block, /* text of c through the filters b */
    trit_jn_scope,     /* c in a scope of its own, where args are variables (with, generation) */
    trit_jn_body,      /* list */
    trit_jn_break,
    trit_jn_continue,
    trit_jn_member     /* name.text as the target of a set: a is the name */
} trit_jnode_kind;

typedef enum trit_jop {
    trit_jo_add, trit_jo_subtract, trit_jo_join, trit_jo_multiply, trit_jo_divide, trit_jo_floor_divide, trit_jo_modulo, trit_jo_power,
    trit_jo_not, trit_jo_negate, trit_jo_plus,
    trit_jo_equal, trit_jo_not_equal, trit_jo_less, trit_jo_less_equal, trit_jo_greater, trit_jo_greater_equal, trit_jo_in, trit_jo_not_in
} trit_jop;

struct trit_jnode {
    trit_jnode_kind kind;
    trit_jop op;
    uint32_t line;
    uint32_t depth; /* of the subtree: evaluation recurses no deeper */
    bool negated;   /* of a test */
    bool takes_varargs, takes_kwargs; /* a macro whose body names them */
    trit_jnode *a, *b, *c;
    trit_jnodes list;
    trit_jop *ops; /* [list.n - 1] of a comparison */
    trit_jargs args;
    trit_str name;
    trit_jvalue constant;
};

/* A compiled template. */
struct trit_jinja {
    trit_jarena arena;
    trit_jnode *body;
};

/* Nesting of brackets and blocks in a template, and depth of its tree. */
enum { trit_j_max_nesting = 100, trit_j_max_tree_depth = 250 };

/* The parser, in two files: parse.c statements, parse_expr.c expressions. Functions answer NULL after the first error. */
typedef struct trit_jparser {
    const trit_jtoken *token; /* the next one */
    trit_jarena *arena;
    trit_error *err;
    trit_status status;
    uint32_t nesting, loops; /* loops: enclosing ones, for break and continue */
    bool takes_varargs, takes_kwargs; /* what the macro being parsed names */
} trit_jparser;

trit_jnode *trit_jparse_fail(trit_jparser *p, const char *fmt, ...) TRIT_PRINTF(2, 3);
trit_jnode *trit_jparse_no_memory(trit_jparser *p);
trit_jnode *trit_jnode_new(trit_jparser *p, trit_jnode_kind kind);
/* Takes the depths of a finished node's children into account. */
trit_jnode *trit_jnode_done(trit_jparser *p, trit_jnode *n);
bool trit_jnodes_push(trit_jparser *p, trit_jnodes *list, size_t *capacity, trit_jnode *n);
bool trit_jargs_push(trit_jparser *p, trit_jargs *args, size_t *capacity, trit_jarg arg);

bool trit_jat_operator(const trit_jparser *p, const char *op);
bool trit_jat_name(const trit_jparser *p, const char *name);
bool trit_jaccept_operator(trit_jparser *p, const char *op);
bool trit_jaccept_name(trit_jparser *p, const char *name);
bool trit_jexpect_operator(trit_jparser *p, const char *op);
bool trit_jexpect_name(trit_jparser *p, trit_str *out); /* any name that is no word of the language */

trit_jnode *trit_jparse_expression(trit_jparser *p, bool with_choice); /* with_choice: "a if b else c" may stand there */
trit_jnode *trit_jparse_tuple(trit_jparser *p, bool with_choice);      /* expressions with commas between them */
trit_jnode *trit_jparse_filters(trit_jparser *p, trit_jnode *of, bool bar_first); /* "| f | g(x)", of NULL: of a block */
bool trit_jparse_arguments(trit_jparser *p, trit_jargs *out);          /* behind the opening parenthesis */
trit_jnode *trit_jparse_postfix(trit_jparser *p, trit_jnode *n);
trit_jnode *trit_jparse_primary(trit_jparser *p);

TRIT_MUST_CHECK trit_status trit_jinja_parse(trit_jnode **out, trit_jarena *arena, const trit_jtoken *tokens, trit_error *err);

#endif
