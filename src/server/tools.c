#include "server/tools.h"

#include <string.h>

#include "base/alloc.h"
#include "server/ask.h"

/* ---- Families ---- */

static const trit_tool_family families[] = {
#define TRIT_TOOL_FAMILY(name, kind, sign, begin, open, middle, close, between, end) \
    {#name, trit_tool_##kind, sign, begin, open, middle, close, between, end, NULL, NULL, NULL, NULL},
#define TRIT_TOOL_FAMILY_TAGGED(name, sign, begin, open, middle, close, between, end, key, key_end, value_end) \
    {#name, trit_tool_tagged, sign, begin, open, middle, close, between, end, key, key_end, value_end, NULL},
#define TRIT_TOOL_FAMILY_QUOTED(name, sign, begin, open, middle, close, between, end, quote) \
    {#name, trit_tool_quoted, sign, begin, open, middle, close, between, end, NULL, NULL, NULL, quote},
#include "server/tool_families.def"
#undef TRIT_TOOL_FAMILY
#undef TRIT_TOOL_FAMILY_TAGGED
#undef TRIT_TOOL_FAMILY_QUOTED
};

enum { n_families = sizeof families / sizeof families[0] };

const trit_tool_family *trit_tool_family_at(size_t i) {
    return i < n_families ? &families[i] : NULL;
}

const trit_tool_family *trit_tool_family_of(const char *chat_template) {
    size_t i = 0;
    while (i + 1 < n_families && !strstr(chat_template, families[i].sign)) i++;
    return &families[i];
}

/* Marks of reasoning, each told by its end in the template. */
static const trit_think_marks think_marks[] = {
    {"<seed:think>", "</seed:think>"},
    {"<|START_THINKING|>", "<|END_THINKING|>"},
    {"<|inner_prefix|>", "<|inner_suffix|>"},
    {"<|channel>thought\n", "<channel|>"},
    {"[THINK]", "[/THINK]"},
    {"Here are my reasoning steps:\n", "[BEGIN FINAL RESPONSE]"},
    {"<think>", "</think>"},
};

const trit_think_marks *trit_think_marks_of(const char *chat_template) {
    for (size_t i = 0; i < sizeof think_marks / sizeof think_marks[0]; i++)
        if (strstr(chat_template, think_marks[i].close)) return &think_marks[i];
    return NULL;
}

bool trit_thinks_at_end(const trit_think_marks *marks, trit_str prompt) {
    size_t n = strlen(marks->open);
    while (n && strchr(" \n", marks->open[n - 1])) n--;
    while (prompt.n && strchr(" \r\n\t", prompt.p[prompt.n - 1])) prompt.n--;
    return prompt.n >= n && memcmp(prompt.p + prompt.n - n, marks->open, n) == 0;
}

/* ---- A request's ---- */

static bool is_name(trit_str name) {
    for (size_t i = 0; i < name.n; i++) {
        const char c = trit_ascii_lower(name.p[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '.') return false;
    }
    return name.n > 0 && name.n <= trit_tool_name_max;
}

static bool read_tool(trit_tools *tools, size_t i, trit_refusal *r) {
    const trit_json *v = trit_json_at(tools->document, i), *function = trit_json_get(v, "function"), *parameters = trit_json_get(function, "parameters");
    const trit_str type = trit_json_as_str(trit_json_get(v, "type")), name = trit_json_as_str(trit_json_get(function, "name"));
    const trit_json *shape = trit_json_get(parameters, "type");
    const trit_json_kind kind = trit_json_kind_of(parameters);
    if (!trit_str_is(type, "function"))
        return trit_refuse(r, trit_refusal_invalid_value, "tools", "'tools': entry %zu is of type '%.*s'; functions alone are there", i, TRIT_STR_ARG(type));
    if (!is_name(name))
        return trit_refuse(r, trit_refusal_invalid_value, "tools", "'tools': entry %zu: 'function.name' is no text of 1 to %d letters, digits, _, - and .", i,
                           trit_tool_name_max);
    if (kind != trit_json_object && kind != trit_json_absent && kind != trit_json_null)
        return trit_refuse(r, trit_refusal_invalid_value, "tools", "'tools': %.*s: 'parameters' is no object", TRIT_STR_ARG(name));
    if (shape && !trit_str_is(trit_json_as_str(shape), "object"))
        return trit_refuse(r, trit_refusal_invalid_value, "tools", "'tools': %.*s: the 'type' of 'parameters' is not \"object\"", TRIT_STR_ARG(name));
    if (trit_tools_find(tools, name)) return trit_refuse(r, trit_refusal_invalid_value, "tools", "'tools': two are named %.*s", TRIT_STR_ARG(name));
    tools->tool[tools->n++] = (trit_tool){name, kind == trit_json_object ? parameters : NULL, trit_json_as_bool(trit_json_get(function, "strict"), false)};
    return true;
}

static bool read_list(trit_tools *tools, const trit_json *list, trit_refusal *r) {
    const size_t n = trit_json_length(list);
    trit_text text = {0};
    if (trit_json_kind_of(list) != trit_json_array)
        return trit_refuse(r, trit_refusal_invalid_value, "tools", "'tools': an array is wanted, not %s", trit_json_kind_text(trit_json_kind_of(list)));
    if (n > trit_tools_max) return trit_refuse(r, trit_refusal_invalid_value, "tools", "'tools': %zu of them, at most %d", n, trit_tools_max);
    const bool ok = trit_json_write(&text, list) && trit_json_parse(&tools->document, text.data, text.n, "tools", NULL) == trit_ok;
    trit_text_fini(&text);
    tools->tool = trit_alloc_zero(n, sizeof *tools->tool);
    if (!ok || !tools->tool) return trit_refuse_memory(r);
    for (size_t i = 0; i < n; i++)
        if (!read_tool(tools, i, r)) return false;
    return true;
}

static bool read_choice(trit_tools *tools, const trit_json *choice, trit_refusal *r) {
    const trit_str word = trit_json_as_str(choice), name = trit_json_as_str(trit_json_get(trit_json_get(choice, "function"), "name"));
    const trit_json_kind kind = trit_json_kind_of(choice);
    tools->shown = !trit_str_is(word, "none");
    if (kind == trit_json_absent || kind == trit_json_null || !tools->shown || trit_str_is(word, "auto")) return true;
    tools->required = true;
    if (kind == trit_json_object && name.p) {
        const trit_tool *tool = trit_tools_find(tools, name);
        if (!tool) return trit_refuse(r, trit_refusal_invalid_value, "tool_choice", "'tool_choice': %.*s is none of the tools", TRIT_STR_ARG(name));
        tools->chosen = (size_t)(tool - tools->tool);
        return true;
    }
    if (!trit_str_is(word, "required"))
        return trit_refuse(r, trit_refusal_invalid_value, "tool_choice",
                           "'tool_choice': none, auto, required or {\"type\": \"function\", \"function\": {\"name\": ...}} is wanted");
    return tools->n > 0 || trit_refuse(r, trit_refusal_missing, "tools", "'tool_choice' is required, and there are no 'tools'");
}

bool trit_tools_read(trit_tools *tools, const trit_json *body, trit_refusal *r) {
    const trit_json *list = trit_json_get(body, "tools"), *parallel = trit_json_get(body, "parallel_tool_calls");
    const trit_json_kind kind = trit_json_kind_of(list), parallel_kind = trit_json_kind_of(parallel);
    *tools = (trit_tools){.parallel = trit_json_as_bool(parallel, true)};
    if (parallel_kind != trit_json_absent && parallel_kind != trit_json_null && parallel_kind != trit_json_bool)
        return trit_refuse(r, trit_refusal_invalid_value, "parallel_tool_calls", "'parallel_tool_calls': a boolean is wanted, not %s",
                           trit_json_kind_text(parallel_kind));
    if (kind != trit_json_absent && kind != trit_json_null && !read_list(tools, list, r)) return false;
    tools->chosen = tools->n;
    return read_choice(tools, trit_json_get(body, "tool_choice"), r);
}

void trit_tools_fini(trit_tools *tools) {
    trit_json_free(tools->document);
    trit_free(tools->tool);
    *tools = (trit_tools){0};
}

const trit_tool *trit_tools_find(const trit_tools *tools, trit_str name) {
    for (size_t i = 0; i < tools->n; i++)
        if (trit_str_equal(tools->tool[i].name, name)) return &tools->tool[i];
    return NULL;
}

/* ---- Calls as the family writes them ---- */

static bool put_mark(trit_text *out, const char *mark, const char *filler) {
    for (; *mark; mark++)
        if (!(*mark == '*' ? trit_text_append(out, filler, strlen(filler)) : trit_text_append(out, mark, 1))) return false;
    return true;
}

static bool put_value(trit_text *out, const trit_json *v) {
    const trit_str text = trit_json_as_str(v);
    return text.p ? trit_text_append(out, text.p, text.n) : trit_json_write(out, v);
}

static bool put_tagged(trit_text *out, const trit_tool_family *f, trit_str key, const trit_json *value) {
    return put_mark(out, f->key, "") && trit_text_append(out, key.p, key.n) && put_mark(out, f->key_end, "") && put_value(out, value) &&
           put_mark(out, f->value_end, "");
}

/* As reply_values.c reads it; what is inside an object or a list is JSON, which it reads, too. */
static bool put_keyword(trit_text *out, const trit_tool_family *f, bool is_first, trit_str key, const trit_json *value) {
    const bool is_python = f->kind == trit_tool_python, is_bool = trit_json_kind_of(value) == trit_json_bool;
    const trit_str text = trit_json_as_str(value);
    if (!is_first && !put_mark(out, is_python ? ", " : ",", "")) return false;
    if (!trit_text_append(out, key.p, key.n) || !trit_text_append(out, is_python ? "=" : ":", 1)) return false;
    if (text.p && !is_python) return put_mark(out, f->quote, "") && trit_text_append(out, text.p, text.n) && put_mark(out, f->quote, "");
    if (is_python && is_bool) return put_mark(out, trit_json_as_bool(value, false) ? "True" : "False", "");
    if (is_python && trit_json_kind_of(value) == trit_json_null) return put_mark(out, "None", "");
    return trit_json_write(out, value);
}

static bool put_arguments(trit_text *out, const trit_tool_family *f, const trit_json *arguments) {
    const trit_str text = trit_json_as_str(arguments);
    const bool is_tagged = f->kind == trit_tool_tagged, is_python = f->kind == trit_tool_python;
    const trit_json *value;
    trit_json *parsed = NULL;
    trit_str key;
    bool ok = true, is_first = true;
    if (!is_tagged && !is_python && f->kind != trit_tool_quoted) return arguments ? put_value(out, arguments) : trit_text_append(out, "{}", 2);
    if (text.p && trit_json_parse(&parsed, text.p, text.n, "arguments", NULL) != trit_ok) parsed = NULL;
    if (!is_tagged) ok = trit_text_append(out, is_python ? "(" : "{", 1);
    for (void *iter = NULL; ok && trit_json_next(parsed ? parsed : arguments, &iter, &key, &value); is_first = false)
        ok = is_tagged ? put_tagged(out, f, key, value) : put_keyword(out, f, is_first, key, value);
    trit_json_free(parsed);
    return ok && (is_tagged || trit_text_append(out, is_python ? ")" : "}", 1));
}

bool trit_tool_calls_write(trit_text *out, const trit_tool_family *f, const trit_json *calls) {
    bool ok = put_mark(out, f->begin, "");
    for (size_t i = 0; i < trit_json_length(calls) && ok; i++) {
        const trit_json *function = trit_json_get(trit_json_at(calls, i), "function");
        const trit_str name = trit_json_as_str(trit_json_get(function, "name"));
        ok = (!i || put_mark(out, f->between, "")) && put_mark(out, f->open, "0") && trit_text_append(out, name.p ? name.p : "", name.n) &&
             put_mark(out, f->middle, "0") && put_arguments(out, f, trit_json_get(function, "arguments")) && put_mark(out, f->close, "0");
    }
    return ok && put_mark(out, f->end, "");
}
