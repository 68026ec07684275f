#include "server/template_ways.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define TOOLS "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"probe_told\", \"description\": \"d\", \"parameters\": {\"type\": \"object\", " \
              "\"properties\": {\"probe_x\": {\"type\": \"string\", \"description\": \"d\"}}, \"required\": [\"probe_x\"]}}}]"

/* What came of a conversation; empty: the template refuses it. */
static void try(trit_text *out, const char *chat_template, const trit_chat_opts *opts, const char *conversation) {
    if (trit_chat_render(chat_template, strlen(chat_template), conversation, strlen(conversation), opts, out, NULL) != trit_ok) out->n = 0;
}

static bool shows(const trit_text *text, const char *word) {
    return text->n && strstr(text->data, word);
}

/* A call with these arguments, and what came of it. */
static void try_call(trit_text *out, const char *chat_template, const trit_chat_opts *opts, const char *arguments) {
    char conversation[1024];
    snprintf(conversation, sizeof conversation,
             "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, {\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": [{\"id\": \"probe0000\", "
             "\"type\": \"function\", \"function\": {\"name\": \"probe_called\", \"arguments\": %s}}]}, {\"role\": \"tool\", \"name\": \"probe_called\", "
             "\"tool_call_id\": \"probe0000\", \"content\": \"probe_result\"}], " TOOLS ", \"add_generation_prompt\": true}",
             arguments);
    try(out, chat_template, opts, conversation);
}

trit_template_ways trit_template_look(const char *chat_template, const trit_chat_opts *opts) {
    trit_template_ways ways = {.family = trit_tool_family_of(chat_template), .marks = trit_think_marks_of(chat_template)};
    trit_text text = {0}, other = {0};
    try(&text, chat_template, opts, "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}], " TOOLS ", \"add_generation_prompt\": true}");
    ways.hides_tools = !shows(&text, "probe_told");
    try_call(&text, chat_template, opts, "{\"probe_x\": \"y\"}");
    try_call(&other, chat_template, opts, "\"{\\\"probe_x\\\": \\\"y\\\"}\"");
    const bool is_python = shows(&text, "{'probe_x'"); /* an object put into text without tojson */
    ways.wants_text = (!text.n || is_python) && shows(&other, "{\"probe_x\"");
    const trit_text *best = ways.wants_text ? &other : &text;
    ways.hides_calls = !shows(best, "probe_called");
    ways.hides_results = !shows(best, "probe_result");
    trit_text_fini(&text);
    trit_text_fini(&other);
    return ways;
}

static bool holds(const char *mark, trit_str spelling) {
    for (size_t n = mark ? strlen(mark) : 0; n >= spelling.n && spelling.n; mark++, n--)
        if (memcmp(mark, spelling.p, spelling.n) == 0) return true;
    return false;
}

bool trit_ways_use(const trit_template_ways *ways, trit_str spelling) {
    static const trit_tool_family no_calls;
    const trit_tool_family *f = ways->family ? ways->family : &no_calls;
    const trit_think_marks *m = ways->marks;
    const char *const marks[] = {f->begin, f->open,    f->middle,    f->close, f->between,         f->end,
                                 f->key,   f->key_end, f->value_end, f->quote, m ? m->open : NULL, m ? m->close : NULL};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (holds(marks[i], spelling)) return true;
    return false;
}

bool trit_tools_tell(trit_text *out, const trit_tool_family *f, const trit_json *tools) {
    static const char head[] = "You can call functions. There are:\n",
                      how[] = "To call one, answer with nothing but this, its name and its arguments in their places:\n",
                      call[] = "[{\"function\": {\"name\": \"NAME\", \"arguments\": {\"PARAMETER\": \"VALUE\"}}}]";
    trit_json *example = NULL;
    bool ok = trit_json_parse(&example, call, sizeof call - 1, "an example", NULL) == trit_ok && trit_text_append(out, head, sizeof head - 1);
    for (size_t i = 0; i < trit_json_length(tools) && ok; i++) {
        const trit_json *function = trit_json_get(trit_json_at(tools, i), "function");
        ok = !function || (trit_json_write(out, function) && trit_text_append(out, "\n", 1));
    }
    ok = ok && trit_text_append(out, how, sizeof how - 1) && trit_tool_calls_write(out, f, example);
    trit_json_free(example);
    return ok;
}
