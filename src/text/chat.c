/* Conversations as text: the public way to the template language. */
#include "trit/chat.h"

#include "base/json.h"
#include "jinja/jinja.h"

static trit_status render(const trit_jinja *template, const char *conversation, size_t n, const trit_chat_opts *o, trit_text *out, trit_error *err) {
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
    trit_jinja *template = NULL;
    trit_status status = trit_jinja_compile(&template, source, n_source, err);
    if (status == trit_ok) status = render(template, conversation, n_conversation, opts, out, err);
    trit_jinja_free(template);
    return status;
}
