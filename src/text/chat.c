/* Conversations as text: the way to the template language. */
#include "trit/chat.h"

#include "base/json.h"
#include "jinja/jinja.h"
#include "text/text.h"

trit_status trit_chat_template_new(trit_chat_template **out, const char *source, size_t n, trit_error *err) {
    return trit_jinja_compile(out, source, n, err);
}

void trit_chat_template_free(trit_chat_template *template) {
    trit_jinja_free(template);
}

trit_status trit_chat_template_render(const trit_chat_template *template, const char *conversation, size_t n, const trit_chat_opts *o,
                                      trit_text *out, trit_error *err) {
    /* Hugging Face passes these two always, and templates that ask "is not none" count on it. */
    static const char *const none[] = {"tools", "documents", NULL};
    trit_json *variables = NULL;
    trit_jinja_opts opts = {.none = none};
    if (o) {
        opts.bos_token = o->bos_token;
        opts.eos_token = o->eos_token;
        opts.now = (trit_jinja_time){o->now.year, o->now.month, o->now.day, o->now.hour, o->now.minute, o->now.second};
    }
    trit_status status = trit_json_parse(&variables, conversation, n, "conversation", err);
    if (status != trit_ok) return status;
    status = trit_jinja_render(template, out, variables, &opts, err);
    trit_json_free(variables);
    return status;
}

trit_status trit_chat_render(const char *source, size_t n_source, const char *conversation, size_t n_conversation, const trit_chat_opts *opts,
                             trit_text *out, trit_error *err) {
    trit_chat_template *template = NULL;
    trit_status status = trit_chat_template_new(&template, source, n_source, err);
    if (status == trit_ok) status = trit_chat_template_render(template, conversation, n_conversation, opts, out, err);
    trit_chat_template_free(template);
    return status;
}
