#include "conversation.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/json.h"
#include "input.h"
#include "trit/chat.h"

#define AT(field) offsetof(trit_conversation_choice, field)

const trit_option trit_conversation_options[5] = {
    {"system", 0, trit_opt_text, AT(system), "TEXT", 0, 0, "a system message in front of the prompt"},
    {"messages", 0, trit_opt_file, AT(messages), "FILE", 0, 0,
     "a whole conversation instead of a prompt: a JSON object with \"messages\" and, where the template knows them, \"tools\" and others"},
    {"chat-template", 0, trit_opt_file, AT(chat_template), "FILE", 0, 0, "this Jinja template instead of the model's own"},
    {"date", 0, trit_opt_text, AT(date), "DATE", 0, 0, "the day (and time) that templates are told: 2024-07-26 or 2024-07-26T12:00"},
    {"render-only", 0, trit_opt_flag, AT(render_only), NULL, 0, 0, "print the prompt that the template makes, and stop"},
};

static bool asked(const trit_conversation_choice *c) {
    return c->system || c->messages || c->chat_template || c->render_only;
}

static trit_status read_date(trit_chat_time *t, const char *date, trit_error *err) {
    int used = 0;
    char separator = 'T';
    *t = (trit_chat_time){0};
    if (!date) return trit_ok;
    int n = sscanf(date, "%4d-%2d-%2d%n%c%2d:%2d%n:%2d%n", &t->year, &t->month, &t->day, &used, &separator, &t->hour, &t->minute, &used,
                   &t->second, &used);
    bool whole = (n == 3 || n == 6 || n == 7) && date[used] == '\0' && (separator == 'T' || separator == ' ');
    if (whole && t->year >= 1 && t->month >= 1 && t->month <= 12 && t->day >= 1 && t->day <= 31 && t->hour >= 0 && t->hour <= 23 &&
        t->minute >= 0 && t->minute <= 59 && t->second >= 0 && t->second <= 60)
        return trit_ok;
    return trit_error_set(err, trit_arg, "--date: \"%s\" is no date like 2024-07-26 or 2024-07-26T12:00", date);
}

trit_status trit_conversation_check(const trit_conversation_choice *c, const trit_prompt_choice *p, const trit_prompt *prompt, trit_error *err) {
    trit_chat_time unused;
    if (asked(c) && (p->raw || p->ids))
        return trit_error_set(err, trit_arg, "%s completes text as it stands: it does not go with a conversation", p->raw ? "--raw" : "--ids");
    if (c->messages && !prompt->is_none) return trit_error_set(err, trit_arg, "two prompts: --messages holds the whole conversation");
    if (c->messages && c->system) return trit_error_set(err, trit_arg, "--system does not go with --messages: put the message into the file");
    if (asked(c) && !c->messages && prompt->is_none) return trit_error_set(err, trit_arg, "a conversation needs a prompt or --messages");
    return read_date(&unused, c->date, err);
}

bool trit_conversation_needs_no_model(const trit_conversation_choice *c) {
    return c->render_only && c->chat_template;
}

void trit_conversation_put(trit_jsonw *w, const char *role, const char *content, size_t n) {
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "role", role);
    trit_jsonw_key(w, "content");
    trit_jsonw_strn(w, content, n);
    trit_jsonw_close(w, '}');
}

/* The user's prompt as a conversation that asks for an answer. */
static trit_status write_conversation(trit_text *out, const trit_prompt *prompt, const char *system, trit_error *err) {
    trit_jsonw w = {0};
    trit_jsonw_object(&w);
    trit_jsonw_key(&w, "messages");
    trit_jsonw_array(&w);
    if (system) trit_conversation_put(&w, "system", system, strlen(system));
    trit_conversation_put(&w, "user", prompt->text.data ? prompt->text.data : "", prompt->text.n);
    trit_jsonw_close(&w, ']');
    trit_jsonw_put_bool(&w, "add_generation_prompt", true);
    trit_jsonw_close(&w, '}');
    if (w.failed) {
        trit_jsonw_fini(&w);
        return trit_error_memory(err, prompt->text.n, "the conversation");
    }
    *out = w.text;
    return trit_ok;
}

/* Replaces a conversation that does not say whether an answer is wanted by one that wants it. `what` names it in errors. */
static trit_status complete_conversation(trit_text *text, const char *what, trit_error *err) {
    trit_json *json;
    trit_status status = trit_json_parse(&json, text->data ? text->data : "", text->n, what, err);
    if (status != trit_ok) return status;
    bool is_object = trit_json_kind_of(json) == trit_json_object;
    bool has_messages = trit_json_kind_of(trit_json_get(json, "messages")) == trit_json_array;
    bool says = trit_json_kind_of(trit_json_get(json, "add_generation_prompt")) != trit_json_absent;
    trit_json_free(json);
    if (!is_object || !has_messages) return trit_error_set(err, trit_format, "%s: not an object with a list of \"messages\"", what);
    if (says) return trit_ok;
    static const char addition[] = ", \"add_generation_prompt\": true}";
    /* A parsed object is not empty. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    while (text->data[text->n - 1] != '}') text->n--; /* a parsed object ends in one */
    text->n--;
    return trit_text_append(text, addition, sizeof addition - 1) ? trit_ok : trit_error_memory(err, sizeof addition, "the conversation");
}

static trit_status read_conversation(trit_text *out, const char *path, trit_error *err) {
    trit_status status = trit_input_read(out, path, err);
    return status == trit_ok ? complete_conversation(out, path, err) : status;
}

static trit_status render(trit_text *out, const trit_text *conversation, const trit_conversation_choice *c, const trit_model *model, trit_error *err) {
    trit_chat_opts opts = {0};
    trit_text source = {0};
    trit_status status = read_date(&opts.now, c->date, err);
    if (status == trit_ok && c->chat_template) {
        const trit_text *template = c->read_template ? c->read_template : &source;
        if (!c->read_template) status = trit_input_read(&source, c->chat_template, err);
        if (status == trit_ok)
            status = trit_chat_render(template->data ? template->data : "", template->n, conversation->data, conversation->n, &opts, out, err);
    } else if (status == trit_ok) {
        status = trit_model_chat_render(model, conversation->data, conversation->n, &opts, out, err);
    }
    trit_text_fini(&source);
    return status;
}

/* The prompt becomes what the template makes of the conversation. */
static trit_status put_rendering(trit_prompt *prompt, const trit_text *conversation, const trit_conversation_choice *c, const trit_model *model,
                                 trit_error *err) {
    trit_text rendering = {0};
    trit_status status = render(&rendering, conversation, c, model, err);
    if (status != trit_ok) {
        trit_text_fini(&rendering);
        return status;
    }
    trit_text_fini(&prompt->text);
    prompt->text = rendering;
    prompt->is_none = false;
    prompt->is_rendered = true;
    return trit_ok;
}

trit_status trit_conversation_render(trit_prompt *prompt, const trit_conversation_choice *c, const trit_prompt_choice *p, const trit_model *model,
                                     trit_error *err) {
    bool by_model = model && trit_model_chat_template(model) && !p->raw && !p->ids && !prompt->is_none;
    if (!asked(c) && !by_model) return trit_ok;
    trit_text conversation = {0};
    trit_status status = c->messages ? read_conversation(&conversation, c->messages, err) : write_conversation(&conversation, prompt, c->system, err);
    if (status == trit_ok) status = put_rendering(prompt, &conversation, c, model, err);
    trit_text_fini(&conversation);
    return status;
}

trit_status trit_conversation_render_record(trit_prompt *prompt, const trit_conversation_choice *c, const trit_model *model, const char *what,
                                            trit_error *err) {
    trit_status status = complete_conversation(&prompt->text, what, err);
    return status == trit_ok ? put_rendering(prompt, &prompt->text, c, model, err) : status;
}

trit_status trit_conversation_render_talk(trit_prompt *prompt, const trit_talk *talk, bool is_raw, const trit_conversation_choice *c,
                                          const trit_model *model, trit_error *err) {
    if (!(is_raw ? trit_talk_join(&prompt->text, talk) : trit_talk_write(&prompt->text, talk)))
        return trit_error_set(err, trit_memory, "out of memory: the conversation");
    return is_raw ? trit_ok : trit_conversation_render_record(prompt, c, model, "the conversation", err);
}
