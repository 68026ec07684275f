/* POST /v1/chat/completions: the next message of a conversation. */
#include "base/alloc.h"
#include "base/json.h"
#include "server/conversation.h"
#include "server/notes.h"
#include "server/state.h"

static void put_end(trit_jsonw *w, const trit_choice *c) {
    trit_put_logprobs_chat(w, c);
    trit_jsonw_put_str(w, "finish_reason", trit_finish_reason(c));
    trit_jsonw_close(w, '}');
}

static void put_call(trit_jsonw *w, const trit_reply_call *call, const size_t *index, bool is_whole) {
    trit_jsonw_object(w);
    if (index) trit_jsonw_put_uint(w, "index", *index);
    if (is_whole) {
        trit_jsonw_put_str(w, "id", call->id);
        trit_jsonw_put_str(w, "type", "function");
    }
    trit_jsonw_key(w, "function");
    trit_jsonw_object(w);
    if (is_whole) {
        trit_jsonw_key(w, "name");
        trit_jsonw_strn(w, call->tool->name.p, call->tool->name.n);
    }
    trit_jsonw_key(w, "arguments");
    trit_jsonw_strn(w, call->arguments.data, call->arguments.n);
    trit_jsonw_close(w, '}');
    trit_jsonw_close(w, '}');
}

static void put_text(trit_jsonw *w, const char *key, const trit_text *text) {
    trit_jsonw_key(w, key);
    trit_jsonw_strn(w, text->data, text->n);
}

static void put_choice(trit_jsonw *w, const trit_choice *c) {
    const trit_reply *reply = c->reply;
    const trit_text *text = reply ? &reply->content : &c->text;
    trit_jsonw_object(w);
    trit_jsonw_put_uint(w, "index", c->index);
    trit_jsonw_key(w, "message");
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "role", "assistant");
    if (reply && reply->n_calls && !text->n) trit_jsonw_put_str(w, "content", NULL);
    else put_text(w, "content", text);
    if (reply && reply->reasoning.n) put_text(w, "reasoning_content", &reply->reasoning);
    trit_jsonw_put_str(w, "refusal", NULL);
    if (reply && reply->n_calls) {
        trit_jsonw_key(w, "tool_calls");
        trit_jsonw_array(w);
        for (size_t i = 0; i < reply->n_calls; i++) put_call(w, &reply->call[i], NULL, true);
        trit_jsonw_close(w, ']');
    }
    trit_jsonw_close(w, '}');
    put_end(w, c);
}

/* What came of calls since the last piece. */
static void put_call_pieces(trit_jsonw *w, const trit_reply *reply) {
    bool any = false;
    for (size_t i = 0; i < reply->n_calls; i++) {
        const trit_reply_call *call = &reply->call[i];
        if (call->is_told && !call->arguments.n) continue;
        if (!any) {
            trit_jsonw_key(w, "tool_calls");
            trit_jsonw_array(w);
        }
        any = true;
        put_call(w, call, &i, !call->is_told);
    }
    if (any) trit_jsonw_close(w, ']');
}

static void put_piece(trit_jsonw *w, const trit_choice *c) {
    const trit_reply *reply = c->reply;
    const trit_text *text = reply ? &reply->content : &c->text;
    trit_jsonw_object(w);
    trit_jsonw_put_uint(w, "index", c->index);
    trit_jsonw_key(w, "delta");
    trit_jsonw_object(w);
    if (!c->has_begun) trit_jsonw_put_str(w, "role", "assistant");
    if (text->n || (!c->has_begun && !(reply && trit_reply_has_news(reply)))) put_text(w, "content", text);
    if (reply && reply->reasoning.n) put_text(w, "reasoning_content", &reply->reasoning);
    if (reply) put_call_pieces(w, reply);
    trit_jsonw_close(w, '}');
    put_end(w, c);
}

static const trit_form form = {"chat.completion", "chat.completion.chunk", "chatcmpl-", put_choice, put_piece};

static bool read_tools(const trit_json *body, trit_ask *ask, trit_refusal *r) {
    ask->reading = trit_alloc_zero(1, sizeof *ask->reading);
    if (!ask->reading) return trit_refuse_memory(r);
    if (!trit_tools_read(&ask->reading->tools, body, r)) return false;
    return !ask->grammar || !ask->reading->tools.required ||
           trit_refuse(r, trit_refusal_invalid_value, "tool_choice", "'tool_choice': a call cannot be required where the answer has another form");
}

/* How answers are to be read, which the prompt's end decides too. An answer that has a form is text alone. */
static bool settle_reading(const trit_served *s, const trit_text *prompt, trit_ask *ask, trit_refusal *r) {
    trit_reading *reading = ask->reading;
    reading->marks = ask->grammar ? NULL : s->ways.marks;
    reading->family = reading->tools.n && reading->tools.shown && !ask->grammar ? s->ways.family : NULL;
    reading->reasoning = s->server->opts.reasoning;
    reading->thinks = reading->marks && trit_thinks_at_end(reading->marks, (trit_str){prompt->data, prompt->n});
    reading->shows_special = s->marks_are_special;
    if (reading->family)
        return trit_tools_grammar(&ask->grammar, &reading->tools, reading->family, reading->marks, reading->thinks, s->tokenizer, r);
    if (reading->marks) return true;
    trit_reading_free(reading);
    ask->reading = NULL;
    return true;
}

static bool start(trit_served *s, trit_exchange *x, const trit_json *body, trit_ask *ask, trit_refusal *r) {
    trit_text text = {0};
    trit_ids ids = {0};
    const bool ok = read_tools(body, ask, r) && trit_conversation_text(s, body, true, &text, r) && settle_reading(s, &text, ask, r) &&
                    trit_conversation_encode(s, &text, &ids, r) && trit_job_start(s, x, &form, ask, &ids, NULL, 1, r);
    trit_text_fini(&text);
    trit_ids_fini(&ids);
    return ok;
}

bool trit_serve_chat(trit_served *s, trit_exchange *x, const trit_json *body, trit_refusal *r) {
    trit_ask ask = {0};
    const bool ok = trit_ask_read(&ask, body, trit_ask_chat, &s->server->opts.sampling, trit_server_unique(s->server), r) && start(s, x, body, &ask, r);
    trit_ask_fini(&ask);
    return ok;
}
