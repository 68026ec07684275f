#include "server/conversation.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/utf8.h"
#include "server/ask.h"

static const char mark[] = "\xEF\xB7\x90"; /* U+FDD0 */

enum { mark_bytes = sizeof mark - 1, max_depth = 48, max_messages = 100000 };

typedef struct writer {
    const trit_served *s;
    const trit_json *tools; /* what the template does not tell of them, messages do; NULL: it does */
    bool wants_text;   /* arguments of calls are JSON as text */
    bool wants_object; /* they are taken apart: what is no object is refused */
    trit_jsonw w;
    trit_text buffer;
    trit_refusal *r;
} writer;

/* ---- Spellings of special tokens ---- */

/* How long the special token is that s[0..n) begins with; 0: it begins with none. */
static size_t special_at(const trit_served *s, const char *text, size_t n) {
    size_t longest = 0;
    for (size_t i = 0; i < s->n_special; i++) {
        const trit_str t = s->special[i];
        if (t.n > longest && t.n <= n && *t.p == *text && memcmp(t.p, text, t.n) == 0) longest = t.n;
    }
    return longest;
}

static bool put_marked(trit_text *out, const trit_served *s, trit_str text) {
    size_t plain = 0;
    out->n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (!s->special_begins[(unsigned char)text.p[i]] || !special_at(s, text.p + i, text.n - i)) continue;
        uint32_t first;
        const size_t end = i + (size_t)trit_utf8_decode(text.p + i, text.n - i, &first); /* a character: JSON's texts are whole */
        if (!trit_text_append(out, text.p + plain, end - plain) || !trit_text_append(out, mark, mark_bytes)) return false;
        plain = end;
    }
    return trit_text_append(out, text.n ? text.p + plain : "", text.n - plain);
}

static void put_string(writer *o, trit_str text) {
    if (!put_marked(&o->buffer, o->s, text)) o->w.failed = true;
    else trit_jsonw_strn(&o->w, o->buffer.data, o->buffer.n);
}

static void put_key(writer *o, trit_str key) {
    if (!put_marked(&o->buffer, o->s, key)) o->w.failed = true;
    else trit_jsonw_keyn(&o->w, o->buffer.data, o->buffer.n);
}

/* Any value, its texts marked. */
static bool put_value(writer *o, const trit_json *v, unsigned depth) {
    const trit_json_kind kind = trit_json_kind_of(v);
    if (depth > max_depth) return trit_refuse(o->r, trit_refusal_invalid_value, NULL, "values are nested deeper than %d levels", max_depth);
    if (kind == trit_json_string) {
        put_string(o, trit_json_as_str(v));
    } else if (kind == trit_json_array) {
        trit_jsonw_array(&o->w);
        for (size_t i = 0; i < trit_json_length(v); i++)
            if (!put_value(o, trit_json_at(v, i), depth + 1)) return false;
        trit_jsonw_close(&o->w, ']');
    } else if (kind == trit_json_object) {
        trit_str key;
        const trit_json *value;
        trit_jsonw_object(&o->w);
        for (void *iter = NULL; trit_json_next(v, &iter, &key, &value);) {
            put_key(o, key);
            if (!put_value(o, value, depth + 1)) return false;
        }
        trit_jsonw_close(&o->w, '}');
    } else {
        trit_jsonw_json(&o->w, v);
    }
    return true;
}

/* ---- Messages ---- */

static bool refuse_in(writer *o, trit_refusal_kind kind, size_t message, const char *member, const char *fmt, ...) TRIT_PRINTF(5, 6);

static bool refuse_in(writer *o, trit_refusal_kind kind, size_t message, const char *member, const char *fmt, ...) {
    char param[64], text[300];
    va_list args;
    snprintf(param, sizeof param, "messages[%zu]%s", message, member);
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return trit_refuse(o->r, kind, param, "'%s': %s", param, text);
}

/* A text, or the texts of a list of parts joined: templates of text models know no parts. */
static bool join_content(writer *o, trit_text *joined, const trit_json *v, size_t message) {
    const trit_json_kind kind = trit_json_kind_of(v);
    const trit_str whole = trit_json_as_str(v);
    bool ok = true;
    if (kind == trit_json_null || kind == trit_json_absent) return true;
    if (whole.p) return trit_text_append(joined, whole.p, whole.n) || trit_refuse_memory(o->r);
    if (kind != trit_json_array)
        return refuse_in(o, trit_refusal_invalid_value, message, ".content", "a string or an array of parts is wanted, not %s", trit_json_kind_text(kind));
    for (size_t i = 0; i < trit_json_length(v) && ok; i++) {
        const trit_json *part = trit_json_at(v, i);
        const trit_str type = trit_json_as_str(trit_json_get(part, "type")), text = trit_json_as_str(trit_json_get(part, "text"));
        if (!trit_str_is(type, "text") && !trit_str_is(type, "refusal"))
            ok = refuse_in(o, trit_refusal_unsupported, message, ".content", "part %zu is of type '%.*s'; this model reads text", i, TRIT_STR_ARG(type));
        else if (!text.p && trit_str_is(type, "text")) ok = refuse_in(o, trit_refusal_invalid_value, message, ".content", "part %zu has no 'text'", i);
        else if (!trit_text_append(joined, text.p ? text.p : "", text.n)) o->w.failed = true;
    }
    return ok;
}

/* Arguments are JSON as text to clients and an object to most templates, which get what is no JSON as it is. A text of nothing has no arguments. */
static bool put_call_arguments(writer *o, const trit_json *value, size_t message, size_t call) {
    const trit_str said = trit_json_as_str(value);
    trit_str text = said; /* from its first character that is no blank */
    trit_json *parsed = NULL;
    trit_error err = {0};
    while (text.n && trit_ascii_blank(*text.p)) text = (trit_str){text.p + 1, text.n - 1};
    const bool is_nothing = said.p && !text.n;
    if (is_nothing) text = trit_str_from("{}");
    if (said.p && o->wants_text) {
        put_string(o, is_nothing ? text : said);
        return true;
    }
    if (text.p && trit_json_parse_last(&parsed, text.p, text.n, "arguments", &err) != trit_ok) {
        if (err.status == trit_memory) return trit_refuse_memory(o->r);
        if (o->wants_object) return refuse_in(o, trit_refusal_invalid_value, message, ".tool_calls", "call %zu: %s", call, err.message);
    }
    const trit_json_kind kind = trit_json_kind_of(parsed ? parsed : value);
    bool ok = !o->wants_object || kind == trit_json_object || kind == trit_json_null;
    if (!ok)
        (void)refuse_in(o, trit_refusal_invalid_value, message, ".tool_calls", "call %zu: arguments: an object is wanted, not %s", call,
                        trit_json_kind_text(kind));
    ok = ok && put_value(o, parsed ? parsed : value, 4);
    trit_json_free(parsed);
    return ok;
}

static bool put_function(writer *o, const trit_json *function, size_t message, size_t call) {
    trit_str key;
    const trit_json *value;
    trit_jsonw_object(&o->w);
    for (void *iter = NULL; trit_json_next(function, &iter, &key, &value);) {
        put_key(o, key);
        if (trit_str_is(key, "arguments") ? !put_call_arguments(o, value, message, call) : !put_value(o, value, 4)) return false;
    }
    trit_jsonw_close(&o->w, '}');
    return true;
}

static bool put_calls(writer *o, const trit_json *calls, size_t message) {
    if (trit_json_kind_of(calls) != trit_json_array) return refuse_in(o, trit_refusal_invalid_value, message, ".tool_calls", "an array is wanted");
    trit_jsonw_array(&o->w);
    for (size_t i = 0; i < trit_json_length(calls); i++) {
        const trit_json *call = trit_json_at(calls, i), *value;
        trit_str key;
        if (trit_json_kind_of(trit_json_get(call, "function")) != trit_json_object)
            return refuse_in(o, trit_refusal_invalid_value, message, ".tool_calls", "call %zu has no 'function'", i);
        trit_jsonw_object(&o->w);
        for (void *iter = NULL; trit_json_next(call, &iter, &key, &value);) {
            put_key(o, key);
            if (trit_str_is(key, "function") ? !put_function(o, value, message, i) : !put_value(o, value, 3)) return false;
        }
        trit_jsonw_close(&o->w, '}');
    }
    trit_jsonw_close(&o->w, ']');
    return true;
}

/* Calls as the family writes them, for a template that cannot: the marks are the family's own, and what they hold is marked like any text. */
static bool write_calls(writer *o, trit_text *out, const trit_json *calls, size_t message) {
    const trit_tool_family *family = o->s->ways.family;
    const bool is_json = family->kind == trit_tool_object || family->kind == trit_tool_named; /* then as it was said, blanks and all */
    writer parts = {.s = o->s, .r = o->r, .wants_text = is_json, .wants_object = !is_json};
    trit_json *marked = NULL;
    const bool ok = put_calls(&parts, calls, message);
    const bool room = !ok || (!parts.w.failed && trit_json_parse_last(&marked, parts.w.text.data, parts.w.text.n, "calls", NULL) == trit_ok &&
                              trit_tool_calls_write(out, family, marked));
    o->w.failed = o->w.failed || !room;
    trit_json_free(marked);
    trit_text_fini(&parts.buffer);
    trit_jsonw_fini(&parts.w);
    return ok;
}

/* Words on tools stand behind a system message or before a user's, calls behind an assistant's. */
static bool put_content(writer *o, const trit_json *v, size_t message, bool is_user, const trit_json *tools, const trit_json *calls) {
    const trit_tool_family *family = o->s->ways.family;
    trit_text joined = {0}, written = {0};
    bool room = true;
    if (tools && is_user) room = trit_tools_tell(&joined, family, tools) && trit_text_append(&joined, "\n\n", 2);
    const bool ok = join_content(o, &joined, v, message) && (!calls || write_calls(o, &written, calls, message));
    if (tools && !is_user) room = room && trit_text_append(&joined, "\n\n", 2) && trit_tools_tell(&joined, family, tools);
    room = room && put_marked(&o->buffer, o->s, (trit_str){joined.data ? joined.data : "", joined.n});
    if (written.n) room = room && (!joined.n || trit_text_append(&o->buffer, "\n", 1)) && trit_text_append(&o->buffer, written.data, written.n);
    if (ok && room) trit_jsonw_strn(&o->w, o->buffer.data, o->buffer.n);
    o->w.failed = o->w.failed || !room;
    trit_text_fini(&joined);
    trit_text_fini(&written);
    return ok;
}

static bool put_message(writer *o, const trit_json *v, size_t i) {
    static const char *const roles[] = {"system", "developer", "user", "assistant", "tool", "function"};
    const trit_str role = trit_json_as_str(trit_json_get(v, "role"));
    bool known = false;
    if (trit_json_kind_of(v) != trit_json_object) return refuse_in(o, trit_refusal_invalid_value, i, "", "an object is wanted");
    if (!role.p) return refuse_in(o, trit_refusal_missing, i, ".role", "a string is wanted");
    for (size_t k = 0; k < sizeof roles / sizeof roles[0]; k++) known = known || trit_str_is(role, roles[k]);
    if (!known) return refuse_in(o, trit_refusal_invalid_value, i, ".role", "'%.*s' is none of system, developer, user, assistant, tool", TRIT_STR_ARG(role));
    const bool is_system = trit_str_is(role, "system") || trit_str_is(role, "developer"), is_user = trit_str_is(role, "user");
    const bool is_result = trit_str_is(role, "tool") && o->s->ways.hides_results;
    const trit_json *calls = o->s->ways.hides_calls ? trit_json_get(v, "tool_calls") : NULL, *tools = is_system || is_user ? o->tools : NULL;
    const trit_json_kind calls_kind = trit_json_kind_of(calls);
    if (calls_kind == trit_json_null || (calls_kind == trit_json_array && !trit_json_length(calls))) calls = NULL; /* as clients write "none" */
    if (tools) o->tools = NULL; /* once is enough */
    trit_jsonw_object(&o->w);
    trit_jsonw_key(&o->w, "role");
    if (is_system) trit_jsonw_str(&o->w, "system");
    else if (is_result) trit_jsonw_str(&o->w, "user");
    else trit_jsonw_strn(&o->w, role.p, role.n);
    trit_jsonw_key(&o->w, "content");
    if (!put_content(o, trit_json_get(v, "content"), i, is_user, tools, calls)) return false;
    trit_str key;
    const trit_json *value;
    for (void *iter = NULL; trit_json_next(v, &iter, &key, &value);) {
        const bool is_calls = trit_str_is(key, "tool_calls");
        if (trit_str_is(key, "role") || trit_str_is(key, "content") || trit_json_kind_of(value) == trit_json_null || (is_calls && calls)) continue;
        put_key(o, key);
        if (is_calls ? !put_calls(o, value, i) : !put_value(o, value, 2)) return false;
    }
    trit_jsonw_close(&o->w, '}');
    return true;
}

static bool put_messages(writer *o, const trit_json *messages) {
    const trit_json_kind kind = trit_json_kind_of(messages);
    const size_t n = trit_json_length(messages);
    if (kind == trit_json_absent) return trit_refuse(o->r, trit_refusal_missing, "messages", "'messages' is missing");
    if (kind != trit_json_array)
        return trit_refuse(o->r, trit_refusal_invalid_value, "messages", "'messages': an array is wanted, not %s", trit_json_kind_text(kind));
    if (!n || n > max_messages) return trit_refuse(o->r, trit_refusal_invalid_value, "messages", "'messages': %zu of them", n);
    trit_jsonw_array(&o->w);
    for (size_t i = 0; i < n; i++)
        if (!put_message(o, trit_json_at(messages, i), i)) return false;
    trit_jsonw_close(&o->w, ']');
    return true;
}

/* With tool_choice none there are no tools to the model. */
static const trit_json *shown_tools(const trit_json *body) {
    const trit_json *tools = trit_json_get(body, "tools");
    return trit_json_length(tools) && !trit_str_is(trit_json_as_str(trit_json_get(body, "tool_choice")), "none") ? tools : NULL;
}

/* Members of the conversation that the body gives by other names, and those it gives itself. */
static bool put_rest(writer *o, const trit_json *body) {
    const trit_json *tools = shown_tools(body), *more = trit_json_get(body, "chat_template_kwargs"), *effort = trit_json_get(body, "reasoning_effort"), *value;
    const trit_json_kind kind = trit_json_kind_of(more);
    trit_str key;
    if (trit_json_as_str(effort).p && !trit_json_get(more, "reasoning_effort")) {
        trit_jsonw_key(&o->w, "reasoning_effort");
        if (!put_value(o, effort, 1)) return false;
    }
    if (tools && !o->s->ways.hides_tools) {
        trit_jsonw_key(&o->w, "tools");
        if (!put_value(o, tools, 1)) return false;
    }
    if (kind != trit_json_absent && kind != trit_json_null && kind != trit_json_object)
        return trit_refuse(o->r, trit_refusal_invalid_value, "chat_template_kwargs", "'chat_template_kwargs': an object is wanted");
    bool says = false;
    for (void *iter = NULL; trit_json_next(more, &iter, &key, &value);) {
        if (trit_str_is(key, "messages") || trit_str_is(key, "tools") || trit_str_is(key, "bos_token") || trit_str_is(key, "eos_token"))
            return trit_refuse(o->r, trit_refusal_invalid_value, "chat_template_kwargs", "'chat_template_kwargs': \"%s\" is not for it to say", key.p);
        says = says || trit_str_is(key, "add_generation_prompt");
        put_key(o, key);
        if (!put_value(o, value, 1)) return false;
    }
    if (!says) trit_jsonw_put_bool(&o->w, "add_generation_prompt", trit_json_as_bool(trit_json_get(body, "add_generation_prompt"), true));
    return true;
}

bool trit_conversation_write(const trit_served *s, const trit_json *body, trit_text *conversation, trit_refusal *r) {
    writer o = {.s = s, .r = r, .wants_text = s->ways.wants_text, .tools = s->ways.hides_tools ? shown_tools(body) : NULL};
    trit_jsonw_object(&o.w);
    trit_jsonw_key(&o.w, "messages");
    bool ok = put_messages(&o, trit_json_get(body, "messages")) && put_rest(&o, body);
    trit_jsonw_close(&o.w, '}');
    if (ok && o.w.failed) ok = trit_refuse_memory(r);
    trit_text_fini(&o.buffer);
    if (!ok) {
        trit_jsonw_fini(&o.w);
        return false;
    }
    trit_text_fini(conversation);
    *conversation = o.w.text;
    return true;
}

/* ---- Text and tokens ---- */

static size_t find_mark(const trit_text *text, size_t from) {
    for (size_t i = from; i + mark_bytes <= text->n; i++)
        if (memcmp(text->data + i, mark, mark_bytes) == 0) return i;
    return text->n;
}

static void drop_marks(trit_text *text) {
    size_t n = 0;
    for (size_t at = 0; at < text->n;) {
        const size_t end = find_mark(text, at);
        memmove(text->data + n, text->data + at, end - at);
        n += end - at;
        at = end + mark_bytes;
    }
    text->n = n;
    if (text->data) text->data[n] = '\0';
}

bool trit_conversation_text(const trit_served *s, const trit_json *body, bool marked, trit_text *out, trit_refusal *r) {
    trit_text conversation = {0};
    trit_error err = {0};
    const trit_chat_opts opts = {.bos_token = s->bos, .eos_token = s->eos};
    if (!s->chat_template)
        return trit_refuse(r, trit_refusal_unsupported, "messages", "%s has no chat template: it continues texts (/v1/completions)", s->name);
    bool ok = trit_conversation_write(s, body, &conversation, r);
    if (ok && trit_chat_render(s->chat_template, strlen(s->chat_template), conversation.data, conversation.n, &opts, out, &err) != trit_ok)
        ok = trit_refuse_error(r, "messages", &err);
    if (ok && !marked) drop_marks(out);
    trit_text_fini(&conversation);
    return ok;
}

static bool push_all(trit_ids *out, const int32_t *id, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!trit_ids_push(out, id[i])) return false;
    return true;
}

/* Part by part, and the begin and end tokens once around all of them. A template that writes the begin token gets no second one. */
bool trit_conversation_encode(const trit_served *s, const trit_text *marked, trit_ids *out, trit_refusal *r) {
    const trit_encode_opts opts = {.special = true, .no_bos = true};
    trit_ids part = {0}, around = {0};
    trit_error err = {0};
    trit_status status = trit_tokenizer_encode(s->tokenizer, &around, "", 0, NULL, &err);
    const size_t n_before = around.n && trit_tokenizer_adds_bos(s->tokenizer);
    bool room = true;
    out->n = 0;
    for (size_t at = 0; at <= marked->n && status == trit_ok && room;) {
        const size_t end = find_mark(marked, at);
        status = trit_tokenizer_encode(s->tokenizer, &part, marked->data ? marked->data + at : "", end - at, &opts, &err);
        if (at == 0 && status == trit_ok && !(part.n && n_before && part.data[0] == around.data[0])) room = push_all(out, around.data, n_before);
        room = room && push_all(out, part.data, part.n);
        at = end + mark_bytes;
    }
    room = room && push_all(out, around.data + n_before, around.n - n_before);
    trit_ids_fini(&part);
    trit_ids_fini(&around);
    if (status != trit_ok) return trit_refuse_error(r, "messages", &err);
    return room || trit_refuse_memory(r);
}
