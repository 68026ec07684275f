/* Statements, and what both halves of the parser share. */
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "jinja/tree.h"

trit_jnode *trit_jparse_fail(trit_jparser *p, const char *fmt, ...) {
    char text[300];
    va_list args;
    if (p->status != trit_ok) return NULL;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    p->status = trit_error_set(p->err, trit_format, "template line %u: %s", (unsigned)p->token->line, text);
    return NULL;
}

trit_jnode *trit_jparse_no_memory(trit_jparser *p) {
    if (p->arena->limit_hit) return trit_jparse_fail(p, "the template is too large to compile (limit: %zu bytes)", p->arena->max_bytes);
    if (p->status == trit_ok) p->status = trit_error_memory(p->err, p->arena->n_bytes, "the template");
    return NULL;
}

trit_jnode *trit_jnode_new(trit_jparser *p, trit_jnode_kind kind) {
    trit_jnode *n = trit_jarena_alloc(p->arena, 1, sizeof *n);
    if (!n) return trit_jparse_no_memory(p);
    n->kind = kind;
    n->line = p->token->line;
    n->depth = 1;
    return n;
}

static void deepen(trit_jnode *n, const trit_jnode *child) {
    if (child && child->depth >= n->depth) n->depth = child->depth + 1;
}

trit_jnode *trit_jnode_done(trit_jparser *p, trit_jnode *n) {
    deepen(n, n->a);
    deepen(n, n->b);
    deepen(n, n->c);
    for (size_t i = 0; i < n->list.n; i++) deepen(n, n->list.at[i]);
    for (size_t i = 0; i < n->args.n; i++) {
        deepen(n, n->args.at[i].key);
        deepen(n, n->args.at[i].value);
    }
    if (n->depth > trit_j_max_tree_depth) return trit_jparse_fail(p, "too many operations in one expression (limit: %d deep)", trit_j_max_tree_depth);
    return n;
}

/* A larger home for n elements that the arena holds; the old one stays there until all is freed. */
static void *grown(trit_jparser *p, const void *old, size_t n, size_t *capacity, size_t size) {
    size_t wanted = *capacity ? *capacity * 2 : 4;
    void *home = trit_jarena_alloc(p->arena, wanted, size);
    if (!home) return trit_jparse_no_memory(p);
    if (n) memcpy(home, old, n * size);
    *capacity = wanted;
    return home;
}

bool trit_jnodes_push(trit_jparser *p, trit_jnodes *list, size_t *capacity, trit_jnode *n) {
    if (list->n == *capacity) {
        trit_jnode **home = grown(p, list->at, list->n, capacity, sizeof *home);
        if (!home) return false;
        list->at = home;
    }
    list->at[list->n++] = n;
    return n != NULL;
}

bool trit_jargs_push(trit_jparser *p, trit_jargs *args, size_t *capacity, trit_jarg arg) {
    if (args->n == *capacity) {
        trit_jarg *home = grown(p, args->at, args->n, capacity, sizeof *home);
        if (!home) return false;
        args->at = home;
    }
    args->at[args->n++] = arg;
    return true;
}

bool trit_jat_operator(const trit_jparser *p, const char *op) {
    return p->token->kind == trit_jt_operator && trit_str_is(p->token->text, op);
}

bool trit_jat_name(const trit_jparser *p, const char *name) {
    return p->token->kind == trit_jt_name && trit_str_is(p->token->text, name);
}

bool trit_jaccept_operator(trit_jparser *p, const char *op) {
    if (!trit_jat_operator(p, op)) return false;
    p->token++;
    return true;
}

bool trit_jaccept_name(trit_jparser *p, const char *name) {
    if (!trit_jat_name(p, name)) return false;
    p->token++;
    return true;
}

static trit_str token_text(const trit_jtoken *t) {
    static const char *const names[] = {
        [trit_jt_end] = "the end of the template", [trit_jt_data] = "text", [trit_jt_variable_begin] = "{{", [trit_jt_variable_end] = "}}",
        [trit_jt_block_begin] = "{%", [trit_jt_block_end] = "%}",
    };
    return t->kind <= trit_jt_block_end ? trit_str_from(names[t->kind]) : t->text;
}

bool trit_jexpect_operator(trit_jparser *p, const char *op) {
    if (trit_jaccept_operator(p, op)) return true;
    trit_jparse_fail(p, "expected \"%s\", not \"%.*s\"", op, TRIT_STR_ARG(token_text(p->token)));
    return false;
}

bool trit_jexpect_name(trit_jparser *p, trit_str *out) {
    static const char *const words[] = {"and", "or", "not", "in", "is", "if", "else", "elif"};
    bool is_name = p->token->kind == trit_jt_name;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (trit_jat_name(p, words[i])) is_name = false;
    if (!is_name) {
        trit_jparse_fail(p, "expected a name, not \"%.*s\"", TRIT_STR_ARG(token_text(p->token)));
        return false;
    }
    *out = (p->token++)->text;
    return true;
}

static bool expect_kind(trit_jparser *p, trit_jtoken_kind kind) {
    trit_jtoken wanted = {.kind = kind};
    if (p->token->kind == kind) {
        p->token++;
        return true;
    }
    trit_jparse_fail(p, "expected \"%s\", not \"%.*s\"", token_text(&wanted).p, TRIT_STR_ARG(token_text(p->token)));
    return false;
}

/* ---- statements ---- */

static trit_jnode *parse_statement(trit_jparser *p);

/* Is the next tag one of the words of `ends` ("|endif|else|")? */
static bool at_end_tag(const trit_jparser *p, const char *ends) {
    const trit_jtoken *word = p->token + 1;
    if (p->token->kind != trit_jt_block_begin || word->kind != trit_jt_name) return false;
    for (const char *at = ends; *at == '|' && at[1]; at += 1 + strcspn(at + 1, "|"))
        if (strcspn(at + 1, "|") == word->text.n && memcmp(at + 1, word->text.p, word->text.n) == 0) return true;
    return false;
}

static trit_jnode *parse_piece(trit_jparser *p) {
    trit_jnode *n = NULL;
    switch (p->token->kind) {
    case trit_jt_data:
        n = trit_jnode_new(p, trit_jn_data);
        if (n) n->constant = trit_jstring(p->token->text);
        p->token++;
        return n;
    case trit_jt_variable_begin:
        p->token++;
        n = trit_jnode_new(p, trit_jn_output);
        if (!n || !(n->a = trit_jparse_tuple(p, true)) || !expect_kind(p, trit_jt_variable_end)) return NULL;
        return trit_jnode_done(p, n);
    default: /* between tags the lexer gives nothing else */
        p->token++;
        return parse_statement(p);
    }
}

/* Everything up to a tag of `ends`, whose word is the next token then; NULL: up to the end of the template. */
static trit_jnode *parse_body(trit_jparser *p, const char *ends) {
    trit_jnode *body = trit_jnode_new(p, trit_jn_body);
    size_t capacity = 0;
    if (!body) return NULL;
    if (++p->nesting > trit_j_max_nesting) return trit_jparse_fail(p, "nested too deeply (limit: %d)", trit_j_max_nesting);
    while (!ends || !at_end_tag(p, ends)) {
        if (p->token->kind == trit_jt_end) {
            if (!ends) break;
            return trit_jparse_fail(p, "the template ends within a block; \"%.*s\" is missing", (int)strcspn(ends + 1, "|"), ends + 1);
        }
        if (!trit_jnodes_push(p, &body->list, &capacity, parse_piece(p))) return NULL;
    }
    p->nesting--;
    if (ends) p->token++;
    return trit_jnode_done(p, body);
}

/* The rest of a tag, the body behind it, and the tag that ends it. */
static trit_jnode *parse_block(trit_jparser *p, const char *end) {
    if (!expect_kind(p, trit_jt_block_end)) return NULL;
    trit_jnode *body = parse_body(p, end);
    if (!body) return NULL;
    p->token++;
    return body;
}

static trit_jnode *parse_if(trit_jparser *p) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_if), *body;
    size_t capacity = 0;
    if (!n) return NULL;
    do {
        if (!trit_jnodes_push(p, &n->list, &capacity, trit_jparse_tuple(p, false)) || !expect_kind(p, trit_jt_block_end)) return NULL;
        body = parse_body(p, "|elif|else|endif|");
        if (!body || !trit_jnodes_push(p, &n->list, &capacity, body)) return NULL;
    } while (trit_jaccept_name(p, "elif"));
    if (trit_jaccept_name(p, "else"))
        n->c = parse_block(p, "|endif|");
    else
        p->token++; /* endif */
    return p->status == trit_ok ? trit_jnode_done(p, n) : NULL;
}

/* A name, several with commas, a tuple of them in parentheses, or, for set, namespace.attribute. */
static trit_jnode *parse_target(trit_jparser *p, bool members) {
    trit_jnode *tuple = NULL;
    size_t capacity = 0;
    bool parentheses = trit_jaccept_operator(p, "(");
    for (;;) {
        trit_jnode *n = trit_jnode_new(p, trit_jn_name);
        if (!n || !trit_jexpect_name(p, &n->name)) return NULL;
        if (members && trit_jaccept_operator(p, ".")) {
            trit_jnode *member = trit_jnode_new(p, trit_jn_member);
            if (!member || !trit_jexpect_name(p, &member->name)) return NULL;
            member->a = n;
            n = member;
        }
        if (!tuple && !trit_jat_operator(p, ",")) return !parentheses || trit_jexpect_operator(p, ")") ? n : NULL;
        if (!tuple && !(tuple = trit_jnode_new(p, trit_jn_tuple))) return NULL;
        if (!trit_jnodes_push(p, &tuple->list, &capacity, n)) return NULL;
        if (!trit_jaccept_operator(p, ",") || p->token->kind != trit_jt_name || trit_jat_name(p, "in")) break;
    }
    return !parentheses || trit_jexpect_operator(p, ")") ? trit_jnode_done(p, tuple) : NULL;
}

static trit_jnode *parse_for(trit_jparser *p) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_for), *body;
    size_t capacity = 0;
    if (!n || !(n->a = parse_target(p, false))) return NULL;
    if (!trit_jaccept_name(p, "in")) return trit_jparse_fail(p, "expected \"in\"");
    if (!(n->b = trit_jparse_tuple(p, false))) return NULL;
    if (trit_jaccept_name(p, "if") && !(n->c = trit_jparse_expression(p, true))) return NULL;
    if (trit_jat_name(p, "recursive")) return trit_jparse_fail(p, "recursive loops are not supported");
    if (!expect_kind(p, trit_jt_block_end)) return NULL;
    p->loops++;
    body = parse_body(p, "|else|endfor|");
    p->loops--;
    if (!body || !trit_jnodes_push(p, &n->list, &capacity, body)) return NULL;
    if (trit_jaccept_name(p, "else")) {
        if (!(body = parse_block(p, "|endfor|")) || !trit_jnodes_push(p, &n->list, &capacity, body)) return NULL;
    } else {
        p->token++; /* endfor */
    }
    return trit_jnode_done(p, n);
}

static trit_jnode *parse_set(trit_jparser *p) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_set);
    if (!n || !(n->a = parse_target(p, true))) return NULL;
    if (trit_jaccept_operator(p, "=")) {
        n->b = trit_jparse_tuple(p, true);
        return n->b ? trit_jnode_done(p, n) : NULL;
    }
    n->kind = trit_jn_set_block;
    n->b = trit_jparse_filters(p, NULL, true);
    if (p->status != trit_ok || !(n->c = parse_block(p, "|endset|"))) return NULL;
    return trit_jnode_done(p, n);
}

/* "(a, b=1)" */
static bool parse_parameters(trit_jparser *p, trit_jargs *out) {
    size_t capacity = 0;
    if (!trit_jexpect_operator(p, "(")) return false;
    while (!trit_jaccept_operator(p, ")")) {
        trit_jarg arg = {.kind = trit_ja_plain};
        if (out->n && !trit_jexpect_operator(p, ",")) return false;
        if (trit_jaccept_operator(p, ")")) break;
        if (!trit_jexpect_name(p, &arg.name)) return false;
        if (trit_jaccept_operator(p, "=") && !(arg.value = trit_jparse_expression(p, true))) return false;
        if (!trit_jargs_push(p, out, &capacity, arg)) return false;
    }
    return true;
}

/* The body of a macro, with a look-out for the names that change what it takes. */
static trit_jnode *parse_macro_body(trit_jparser *p, trit_jnode *macro, const char *end) {
    bool varargs = p->takes_varargs, kwargs = p->takes_kwargs;
    uint32_t loops = p->loops;
    p->takes_varargs = p->takes_kwargs = false;
    p->loops = 0;
    macro->c = parse_block(p, end);
    macro->takes_varargs = p->takes_varargs;
    macro->takes_kwargs = p->takes_kwargs;
    p->takes_varargs = varargs;
    p->takes_kwargs = kwargs;
    p->loops = loops;
    return macro->c ? trit_jnode_done(p, macro) : NULL;
}

static trit_jnode *parse_macro(trit_jparser *p) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_macro);
    if (!n || !trit_jexpect_name(p, &n->name) || !parse_parameters(p, &n->args)) return NULL;
    return parse_macro_body(p, n, "|endmacro|");
}

static trit_jnode *parse_call_block(trit_jparser *p) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_call_block), *caller = trit_jnode_new(p, trit_jn_macro);
    if (!n || !caller) return NULL;
    caller->name = trit_str_from("caller");
    if (trit_jat_operator(p, "(") && !parse_parameters(p, &caller->args)) return NULL;
    if (!(n->a = trit_jparse_expression(p, true))) return NULL;
    if (n->a->kind != trit_jn_call) return trit_jparse_fail(p, "\"call\" needs the call of a macro");
    if (!(n->b = parse_macro_body(p, caller, "|endcall|"))) return NULL;
    return trit_jnode_done(p, n);
}

static trit_jnode *parse_filter_block(trit_jparser *p) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_filter_block);
    if (!n || !(n->b = trit_jparse_filters(p, NULL, false)) || !(n->c = parse_block(p, "|endfilter|"))) return NULL;
    return trit_jnode_done(p, n);
}

/* {% with a = 1, b = a %} */
static trit_jnode *parse_with(trit_jparser *p) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_scope);
    size_t capacity = 0;
    while (n && p->token->kind != trit_jt_block_end) {
        trit_jarg arg = {.kind = trit_ja_named};
        if (n->args.n && !trit_jexpect_operator(p, ",")) return NULL;
        if (!trit_jexpect_name(p, &arg.name) || !trit_jexpect_operator(p, "=")) return NULL;
        if (!(arg.value = trit_jparse_expression(p, true)) || !trit_jargs_push(p, &n->args, &capacity, arg)) return NULL;
    }
    if (!n || !(n->c = parse_block(p, "|endwith|"))) return NULL;
    return trit_jnode_done(p, n);
}

/* {% generation %} marks what the model itself said, for training; rendered it is a scope. */
static trit_jnode *parse_generation(trit_jparser *p) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_scope);
    if (!n || !(n->c = parse_block(p, "|endgeneration|"))) return NULL;
    return trit_jnode_done(p, n);
}

static trit_jnode *parse_jump(trit_jparser *p, trit_jnode_kind kind) {
    if (p->loops == 0) return trit_jparse_fail(p, "break and continue stand inside of loops only");
    return trit_jnode_new(p, kind);
}

static trit_jnode *parse_break(trit_jparser *p) {
    return parse_jump(p, trit_jn_break);
}

static trit_jnode *parse_continue(trit_jparser *p) {
    return parse_jump(p, trit_jn_continue);
}

/* {% do f() %}: evaluated for what it does. */
static trit_jnode *parse_do(trit_jparser *p) {
    trit_jnode *n = trit_jnode_new(p, trit_jn_set);
    return n && (n->b = trit_jparse_tuple(p, true)) ? trit_jnode_done(p, n) : NULL;
}

static trit_jnode *parse_statement(trit_jparser *p) {
    static const struct {
        const char *word;
        trit_jnode *(*parse)(trit_jparser *p);
    } statements[] = {
        {"if", parse_if},           {"for", parse_for},       {"set", parse_set},     {"macro", parse_macro},
        {"call", parse_call_block}, {"filter", parse_filter_block}, {"with", parse_with}, {"generation", parse_generation},
        {"break", parse_break},     {"continue", parse_continue}, {"do", parse_do},
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (trit_jaccept_name(p, statements[i].word)) {
            trit_jnode *n = statements[i].parse(p);
            return n && expect_kind(p, trit_jt_block_end) ? n : NULL;
        }
    return trit_jparse_fail(p, "unknown tag \"%.*s\"", TRIT_STR_ARG(token_text(p->token)));
}

trit_status trit_jinja_parse(trit_jnode **out, trit_jarena *arena, const trit_jtoken *tokens, trit_error *err) {
    trit_jparser p = {.token = tokens, .arena = arena, .err = err};
    trit_jnode *body = parse_body(&p, NULL);
    if (!body) return p.status;
    *out = body;
    return trit_ok;
}
