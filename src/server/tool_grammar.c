/* What an answer may be where a tool must be called, or where one that is strict may be: the family's marks as a grammar (GBNF), with each function's
 * schema for its arguments.
 *
 *   root ::= thoughts? calls                    required
 *   root ::= thoughts? free calls?              a strict function among others: free is any text in which no call begins */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "server/tools.h"

enum { max_parallel = 16 };

static const char any_object[] = "{\"type\": \"object\"}", no_members[] = "{\"type\": \"object\", \"properties\": {}, \"additionalProperties\": false}";

typedef struct writer {
    const trit_tools *tools;
    const trit_tool_family *family;
    const trit_tokenizer *tokenizer; /* NULL: marks are texts */
    trit_text text;                  /* of the grammar */
    trit_grammar_value *value; /* [n_values]; their texts are owned */
    size_t n_values, capacity;
    bool failed;
} writer;

static void put(writer *w, const char *s) {
    if (!trit_text_append(&w->text, s, strlen(s))) w->failed = true;
}

static void put_number(writer *w, const char *before, size_t n, const char *after) {
    char text[64];
    snprintf(text, sizeof text, "%s%zu%s", before, n, after);
    put(w, text);
}

/* A text in quotes; '*' in a mark: an id. */
static void put_literal(writer *w, trit_str s, bool is_mark) {
    put(w, "\"");
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        char escape[8];
        if (c == '*' && is_mark) {
            put(w, "\" [a-z0-9]{9} \"");
        } else if ((unsigned char)c < ' ' || c == '"' || c == '\\') {
            snprintf(escape, sizeof escape, "\\x%02X", (unsigned)c);
            put(w, escape);
        } else if (!trit_text_append(&w->text, &c, 1)) {
            w->failed = true;
        }
    }
    put(w, "\" ");
}

/* The longest token that s begins with and that is one by its spelling; 0 bytes: there is none. */
static size_t token_at(const writer *w, trit_str s, int32_t *id) {
    for (size_t n = w->tokenizer ? s.n : 0; n; n--) {
        *id = trit_tokenizer_find(w->tokenizer, s.p, n);
        if (*id >= 0 && trit_tokenizer_is_added(w->tokenizer, *id) && !trit_tokenizer_is_eog(w->tokenizer, *id)) return n;
    }
    return 0;
}

static void put_mark(writer *w, const char *mark) {
    trit_str s = trit_str_from(mark);
    size_t plain = 0; /* bytes before the next token */
    while (plain < s.n) {
        int32_t id = 0;
        const size_t n = token_at(w, (trit_str){s.p + plain, s.n - plain}, &id);
        if (!n) {
            plain++;
            continue;
        }
        if (plain) put_literal(w, (trit_str){s.p, plain}, true);
        put_number(w, "<[", (size_t)id, "]> ");
        s = (trit_str){s.p + plain + n, s.n - plain - n};
        plain = 0;
    }
    if (s.n) put_literal(w, s, true);
}

/* ---- Texts that do not hold a mark ---- */

/* Of the mark as much as has its first character only once, so that what follows a beginning of it is either more of it, or another
 * beginning, or neither. A text without that is one without the mark. */
static trit_str core(const char *mark) {
    uint32_t first = 0, cp = 0;
    while (*mark == '\n' || *mark == ' ') mark++;
    trit_str s = {mark, 0};
    for (size_t n = strlen(mark); s.n < n;) {
        const int length = trit_utf8_decode(mark + s.n, n - s.n, &cp);
        if (length <= 0 || (s.n && cp == first) || cp == '\n' || cp == ' ' || cp == '*') break;
        if (!s.n) first = cp;
        s.n += (size_t)length;
    }
    return s;
}

/* rule ::= ([^a] | p* q)* p*    p: "a" | "ab" | "abc"    q: "a" [^ab] | "ab" [^ac] | "abc" [^ad]     for the mark abcd */
static void put_without(writer *w, const char *rule, const char *mark) {
    char text[160];
    uint32_t first = 0, next = 0;
    const trit_str s = core(mark);
    size_t at = (size_t)trit_utf8_decode(s.p, s.n, &first);
    snprintf(text, sizeof text, "%s ::= ([^\\U%08" PRIX32 "] | %s-p* %s-q)* %s-p*\n", rule, first, rule, rule, rule);
    put(w, text);
    for (int is_q = 0; is_q < 2; is_q++) {
        put(w, rule);
        put(w, is_q ? "-q ::= " : "-p ::= ");
        for (size_t end = at; end < s.n; end += (size_t)trit_utf8_decode(s.p + end, s.n - end, &next)) {
            (void)trit_utf8_decode(s.p + end, s.n - end, &next);
            if (end > at) put(w, "| ");
            put_literal(w, (trit_str){s.p, end}, false);
            snprintf(text, sizeof text, "[^\\U%08" PRIX32 "\\U%08" PRIX32 "] ", first, next);
            if (is_q) put(w, text);
        }
        put(w, "\n");
    }
}

/* ---- Arguments ---- */

/* A rule for a schema; `json` is taken. */
static void put_schema(writer *w, const char *name, trit_text *json, bool strict) {
    char *copy = trit_strndup(name, strlen(name));
    if (!copy || !json->data || !trit_grow((void **)&w->value, &w->capacity, w->n_values + 1, sizeof *w->value)) {
        w->failed = true;
        trit_free(copy);
        trit_text_fini(json);
        return;
    }
    w->value[w->n_values++] = (trit_grammar_value){copy, json->data, json->n, strict};
    *json = (trit_text){0};
    put(w, name);
    put(w, " ");
}

/* The schema of arguments: an object, whatever else it says. What is not strict and not supported may be any object. */
static void put_parameters(writer *w, size_t i) {
    const trit_tool *tool = &w->tools->tool[i];
    const bool is_free = !tool->strict && !w->tools->required;
    const char *plain = is_free ? any_object : !tool->parameters ? no_members : NULL;
    char name[48];
    trit_text json = {0};
    trit_grammar *trial = NULL;
    bool ok;
    snprintf(name, sizeof name, "tools-%zu-parameters", i);
    if (plain) {
        ok = trit_text_append(&json, plain, strlen(plain));
    } else if (trit_json_get(tool->parameters, "type")) {
        ok = trit_json_write(&json, tool->parameters);
    } else {
        static const char head[] = "{\"type\": \"object\", ";
        const size_t n_head = sizeof head - (trit_json_length(tool->parameters) ? 1 : 3);
        trit_text rest = {0};
        ok = trit_json_write(&rest, tool->parameters) && trit_text_append(&json, head, n_head) && trit_text_append(&json, rest.data + 1, rest.n - 1);
        trit_text_fini(&rest);
    }
    if (ok && !plain && !tool->strict && trit_grammar_from_schema(&trial, json.data, json.n, NULL, NULL) != trit_ok) {
        json.n = 0;
        ok = trit_text_append(&json, any_object, sizeof any_object - 1);
    }
    trit_grammar_free(trial);
    w->failed = w->failed || !ok;
    put_schema(w, name, &json, tool->strict && !plain);
}

static bool is_required(const trit_tool *tool, trit_str name) {
    const trit_json *required = trit_json_get(tool->parameters, "required");
    for (size_t i = 0; i < trit_json_length(required); i++)
        if (trit_str_equal(trit_json_as_str(trit_json_at(required, i)), name)) return true;
    return false;
}

/* The value of an argument that stands alone: texts are there as they are, but Python's; everything else is JSON. */
static void put_value(writer *w, size_t tool, size_t i, const trit_json *schema) {
    const trit_json *list = trit_json_get(schema, "enum"), *defs = trit_json_get(w->tools->tool[tool].parameters, "$defs");
    const trit_str type = trit_json_as_str(trit_json_get(schema, "type"));
    const bool is_python = w->family->kind == trit_tool_python, is_text = !is_python && trit_str_is(type, "string");
    trit_text json = {0};
    trit_grammar *trial = NULL;
    char name[64];
    if (is_text && !trit_json_length(list)) {
        put(w, "plain ");
        return;
    }
    if (is_python && !list && !trit_json_get(schema, "const") && (trit_str_is(type, "boolean") || trit_str_is(type, "null"))) {
        put(w, trit_str_is(type, "null") ? "\"None\" " : "( \"True\" | \"False\" ) ");
        return;
    }
    put(w, is_text ? "( " : "");
    for (size_t k = 0; is_text && k < trit_json_length(list); k++) {
        put(w, k ? "| " : "");
        put_literal(w, trit_json_as_str(trit_json_at(list, k)), false);
    }
    put(w, is_text ? ") " : "");
    if (is_text) return;
    bool ok = trit_json_kind_of(schema) == trit_json_object && trit_json_write(&json, schema);
    if (ok && defs) { /* what the schema refers to */
        json.n--;
        ok = trit_text_append(&json, trit_json_length(schema) ? ", " : " ", trit_json_length(schema) ? 2 : 1) && trit_text_append(&json, "\"$defs\": ", 9) &&
             trit_json_write(&json, defs) && trit_text_append(&json, "}", 1);
    }
    if (!ok || (!w->tools->tool[tool].strict && trit_grammar_from_schema(&trial, json.data, json.n, NULL, NULL) != trit_ok)) {
        json.n = 0;
        ok = trit_text_append(&json, "{}", 2);
    }
    trit_grammar_free(trial);
    w->failed = w->failed || !ok;
    snprintf(name, sizeof name, "tools-%zu-parameters-%zu", tool, i);
    put_schema(w, name, &json, w->tools->tool[tool].strict);
}

static void put_tagged(writer *w, size_t tool) {
    const trit_tool_family *f = w->family;
    const trit_json *properties = trit_json_get(w->tools->tool[tool].parameters, "properties"), *schema;
    trit_str key;
    size_t i = 0;
    for (void *iter = NULL; trit_json_next(properties, &iter, &key, &schema); i++) {
        put(w, "( ");
        put_mark(w, f->key);
        put_literal(w, key, false);
        put_mark(w, f->key_end);
        put_value(w, tool, i, schema);
        put_mark(w, f->value_end);
        put(w, is_required(&w->tools->tool[tool], key) ? ") " : ")? ");
    }
}

/* NAME=VALUE, with a mark round texts where the family has one. */
static void put_key(writer *w, size_t tool, size_t i, trit_str key, const trit_json *schema) {
    const char *quote = trit_str_is(trit_json_as_str(trit_json_get(schema, "type")), "string") ? w->family->quote : NULL;
    put_literal(w, key, false);
    put(w, w->family->quote ? "\":\" " : "\"=\" ");
    if (quote) put_mark(w, quote);
    put_value(w, tool, i, schema);
    if (quote) put_mark(w, quote);
}

/* The arguments of call-T between their brackets, where some may be left out but commas stand between the others:
 *
 *   arguments-T ::= "(" ( key-T-0 keys-T-1 | key-T-1 keys-T-2 ) ")"        up to the first one that is required; of none also ""
 *   key-T-0 ::= "a" "=" ...
 *   keys-T-1 ::= ( ", " key-T-1 )? keys-T-2                                without ? where it is required */
static void put_keywords(writer *w, size_t tool) {
    const trit_json *properties = trit_json_get(w->tools->tool[tool].parameters, "properties"), *schema;
    const size_t n = trit_json_length(properties);
    trit_str key;
    bool must = false; /* one that is required was met */
    size_t i = 0;
    put_number(w, "arguments-", tool, w->family->quote ? " ::= \"{\" ( " : " ::= \"(\" ( ");
    for (void *iter = NULL; !must && trit_json_next(properties, &iter, &key, &schema); i++) {
        if (i) put(w, "| ");
        put_number(w, "key-", tool, "-");
        put_number(w, "", i, " ");
        put_number(w, "keys-", tool, "-");
        put_number(w, "", i + 1, " ");
        must = is_required(&w->tools->tool[tool], key);
    }
    put(w, must ? ") " : n ? "| \"\" ) " : "\"\" ) ");
    put(w, w->family->quote ? "\"}\"\n" : "\")\"\n");
    i = 0;
    for (void *iter = NULL; trit_json_next(properties, &iter, &key, &schema); i++) {
        put_number(w, "key-", tool, "-");
        put_number(w, "", i, " ::= ");
        put_key(w, tool, i, key, schema);
        put_number(w, "\nkeys-", tool, "-");
        put_number(w, "", i, w->family->quote ? " ::= ( \",\" key-" : " ::= ( \", \" key-");
        put_number(w, "", tool, "-");
        put_number(w, "", i, is_required(&w->tools->tool[tool], key) ? " ) keys-" : " )? keys-");
        put_number(w, "", tool, "-");
        put_number(w, "", i + 1, "\n");
    }
    put_number(w, "keys-", tool, "-");
    put_number(w, "", n, " ::= \"\"\n");
}

/* ---- The answer ---- */

static void put_calls(writer *w) {
    const trit_tool_family *f = w->family;
    const trit_tools *t = w->tools;
    const bool has_keywords = f->kind == trit_tool_python || f->kind == trit_tool_quoted;
    put(w, "calls ::= ");
    put_mark(w, f->begin);
    put(w, "call ");
    if (t->parallel && t->chosen == t->n) {
        put(w, "( ");
        put_mark(w, f->between);
        put_number(w, "call ){0,", max_parallel - 1, "} ");
    }
    put_mark(w, f->end);
    put(w, "\ncall ::= ");
    for (size_t i = 0; i < t->n; i++)
        if (t->chosen == t->n || t->chosen == i) put_number(w, i && t->chosen == t->n ? "| call-" : "call-", i, " ");
    put(w, "\n");
    for (size_t i = 0; i < t->n; i++) {
        if (t->chosen != t->n && t->chosen != i) continue;
        put_number(w, "call-", i, " ::= ");
        put_mark(w, f->open);
        put_literal(w, t->tool[i].name, false);
        put_mark(w, f->middle);
        if (has_keywords) put_number(w, "arguments-", i, " ");
        else if (f->kind == trit_tool_tagged) put_tagged(w, i);
        else put_parameters(w, i);
        put_mark(w, f->close);
        put(w, "\n");
        if (has_keywords) put_keywords(w, i);
    }
}

static void put_thoughts(writer *w, const trit_think_marks *marks, bool thinks) {
    put(w, "thoughts ::= ");
    if (!thinks) put_mark(w, marks->open);
    put(w, "thought ");
    put_mark(w, marks->close);
    put(w, "\"\\n\"{0,2}\n");
    put_without(w, "thought", marks->close);
}

static void put_root(writer *w, const trit_think_marks *marks, bool thinks) {
    const trit_tool_family *f = w->family;
    const char *trigger = *f->begin ? f->begin : f->open;
    const bool is_bracket = *trigger == '[' && !trigger[1];
    put(w, "root ::= ");
    if (marks) put(w, thinks ? "thoughts " : "thoughts? ");
    if (w->tools->required) put(w, "calls\n");
    else if (*trigger == '{') put(w, "( calls | [^{ \\t\\r\\n] .* | \"\" )\n");
    else if (is_bracket) put(w, "( calls | [^\\[ \\t\\r\\n] .* | \"\" )\n");
    else put(w, "free calls?\n");
    if (!w->tools->required && *trigger != '{' && !is_bracket) put_without(w, "free", trigger);
    if (f->kind == trit_tool_tagged) put_without(w, "plain", f->value_end);
    if (f->kind == trit_tool_quoted) put_without(w, "plain", f->quote);
    if (marks) put_thoughts(w, marks, thinks);
}

static bool is_wanted(const trit_tools *tools) {
    for (size_t i = 0; i < tools->n; i++)
        if (tools->tool[i].strict && tools->shown) return true;
    return tools->required;
}

bool trit_tools_grammar(trit_grammar **out, const trit_tools *tools, const trit_tool_family *family, const trit_think_marks *marks, bool thinks,
                        const trit_tokenizer *tokenizer, trit_refusal *r) {
    writer w = {.tools = tools, .family = family, .tokenizer = tokenizer};
    trit_error err = {0};
    trit_status status = trit_ok;
    *out = NULL;
    if (!is_wanted(tools)) return true;
    put_root(&w, marks, thinks);
    put_calls(&w);
    if (!w.failed) status = trit_grammar_from_parts(out, w.text.data, w.text.n, w.value, w.n_values, &err);
    for (size_t i = 0; i < w.n_values; i++) {
        trit_free((void *)(uintptr_t)w.value[i].name);
        trit_free((void *)(uintptr_t)w.value[i].json);
    }
    trit_free(w.value);
    trit_text_fini(&w.text);
    if (w.failed) return trit_refuse_memory(r);
    return status == trit_ok || trit_refuse_error(r, "tools", &err);
}
