/* A turn of a conversation: the messages become a prompt, the engine answers. The whole conversation is the prompt each time; what the
 * engine still has of it costs nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/env.h"
#include "base/error.h"
#include "base/os.h"
#include "chat.h"
#include "interrupt.h"
#include "jsonw.h"
#include "out.h"
#include "server/reply.h"

typedef struct turn {
    trit_chat *chat;
    trit_prompt prompt;
    trit_text answer;
    trit_chat_counts counts;
    trit_stop_reason stop;
    uint64_t start_ns, first_ns, last_ns;
    trit_reading reading; /* of what is shown; without marks it is shown as it comes */
    trit_reply reply;
    bool has_thought;     /* and nothing was shown behind it */
} turn;

static trit_status make_prompt(turn *t, trit_error *err) {
    trit_chat *c = t->chat;
    const trit_prompt_choice as_text = {.raw = c->is_raw};
    trit_conversation_choice how = c->opts->conversation;
    how.read_template = &c->template;
    trit_status status = trit_conversation_render_talk(&t->prompt, &c->talk, c->is_raw, &how, c->loaded.model, err);
    return status == trit_ok ? trit_prompt_encode(&t->prompt, &as_text, c->loaded.tokenizer, err) : status;
}

/* At a terminal what a model thinks is dim. The conversation keeps the answer as it came: the template knows what to make of it. */
static void begin_showing(turn *t) {
    const trit_chat *c = t->chat;
    const char *source = c->is_raw ? NULL : c->template.n ? c->template.data : trit_model_chat_template(c->loaded.model);
    if (source && trit_os_is_terminal(1) && !trit_env_get("NO_COLOR")) t->reading.marks = trit_think_marks_of(source);
    t->reading.thinks = t->reading.marks && trit_thinks_at_end(t->reading.marks, (trit_str){t->prompt.text.data, t->prompt.text.n});
    trit_reply_init(&t->reply, &t->reading, 0);
}

static bool show(turn *t, const trit_event *e) {
    trit_reply *r = &t->reply;
    if (!t->reading.marks) {
        trit_out_write(e->text, e->n_text);
        return true;
    }
    if (!trit_reply_add(r, e->text, e->n_text, e->stop != trit_stop_none)) return false;
    if (r->reasoning.n) {
        trit_out_puts("\033[2m");
        trit_out_write(r->reasoning.data, r->reasoning.n);
        trit_out_puts("\033[22m");
        t->has_thought = true;
    }
    if (r->content.n) {
        if (t->has_thought) trit_out_puts("\n\n");
        trit_out_write(r->content.data, r->content.n);
        t->has_thought = false;
    }
    trit_reply_sent(r);
    return true;
}

static trit_status take(turn *t, const trit_event *e, trit_error *err) {
    t->last_ns = trit_os_clock_ns();
    if (!t->first_ns) t->first_ns = t->last_ns;
    t->counts.n_prompt = e->n_prompt;
    t->counts.n_cached = e->n_cached;
    t->counts.n_drafted = e->n_drafted;
    t->counts.n_draft_right = e->n_draft_right;
    t->counts.n_generated = e->n_generated;
    t->stop = e->stop;
    if (!t->chat->opts->output.json) {
        if (!show(t, e)) return trit_error_memory(err, e->n_text, "the answer");
        trit_out_flush();
    }
    if (!trit_text_append(&t->answer, e->text, e->n_text)) return trit_error_memory(err, e->n_text, "the answer");
    if (e->stop != trit_stop_error) return trit_ok;
    if (err) *err = *e->error;
    return e->error->status;
}

static trit_status generate(turn *t, trit_error *err) {
    trit_chat *c = t->chat;
    const trit_chat_choice *o = c->opts;
    trit_request request = {
        .prompt = t->prompt.ids.data,
        .n_prompt = t->prompt.ids.n,
        .max_tokens = o->max_tokens > 0 ? (uint32_t)o->max_tokens : 0,
        .sampling = c->chosen.sampling,
        .stop = o->stop.item,
        .n_stop = o->stop.n,
        .draft = c->drafting.draft,
        .draft_max = c->drafting.max,
    };
    request.sampling.seed += c->n_asked++;
    uint64_t id;
    bool is_cancelled = false;
    t->start_ns = trit_os_clock_ns();
    trit_status status = trit_engine_submit(c->engine, &request, &id, err);
    if (status != trit_ok) return status;
    while (status == trit_ok && t->stop == trit_stop_none) {
        if (!is_cancelled && (trit_interrupted() || !trit_out_usable())) {
            trit_engine_cancel(c->engine, id);
            is_cancelled = true;
        }
        const trit_event *events;
        size_t n_events = 0;
        status = trit_engine_step(c->engine, &events, &n_events, err);
        for (size_t i = 0; i < n_events && status == trit_ok; i++)
            if (events[i].request == id) status = take(t, &events[i], err); /* the end of a turn that failed may come here */
    }
    if (status != trit_ok) trit_engine_cancel(c->engine, id);
    return status;
}

static trit_status print_json(const turn *t, trit_error *err) {
    trit_jsonw w = {0};
    trit_jsonw_object(&w);
    trit_jsonw_key(&w, "text");
    trit_jsonw_strn(&w, t->answer.data, t->answer.n);
    trit_jsonw_put_str(&w, "stop_reason", trit_stop_reason_text(t->stop));
    trit_jsonw_put_uint(&w, "prompt_tokens", t->counts.n_prompt);
    trit_jsonw_put_uint(&w, "cached_tokens", t->counts.n_cached);
    trit_jsonw_put_uint(&w, "completion_tokens", t->counts.n_generated);
    trit_jsonw_put_f64(&w, "ttft_ms", t->counts.prompt_s * 1e3);
    if (t->chat->drafting.draft) {
        trit_jsonw_put_uint(&w, "drafted", t->counts.n_drafted);
        trit_jsonw_put_uint(&w, "accepted", t->counts.n_draft_right);
    }
    trit_jsonw_close(&w, '}');
    trit_status status = trit_jsonw_finish(&w, err);
    trit_out_flush();
    return status;
}

static void print_end(const turn *t) {
    trit_engine_info info;
    trit_engine_describe(t->chat->engine, &info);
    if (!t->answer.n || t->answer.data[t->answer.n - 1] != '\n') trit_out_puts("\n");
    trit_out_flush();
    if (t->chat->opts->output.quiet) return;
    if (t->stop == trit_stop_cancelled) fputs("(stopped; /retry answers again, /undo takes it back)\n", stderr);
    if (t->stop == trit_stop_length) fprintf(stderr, "(ended after %" PRIu64 " tokens: -n)\n", t->counts.n_generated);
    if (t->stop == trit_stop_context)
        fprintf(stderr, "(the context of %" PRIu32 " tokens is full: /reset begins anew, /undo takes a question back, --ctx gives more)\n", info.context);
}

static void count(turn *t) {
    trit_chat_counts *all = &t->chat->all, *last = &t->counts;
    last->prompt_s = (double)(t->first_ns - t->start_ns) * 1e-9;
    last->answer_s = (double)(t->last_ns - t->first_ns) * 1e-9;
    t->chat->last = *last;
    all->n_prompt += last->n_prompt;
    all->n_cached += last->n_cached;
    all->n_drafted += last->n_drafted;
    all->n_draft_right += last->n_draft_right;
    all->n_generated += last->n_generated;
    all->prompt_s += last->prompt_s;
    all->answer_s += last->answer_s;
}

/* What the engine says of a prompt that does not fit, and the way out of it. */
static trit_status too_long(trit_error *err) {
    const trit_error said = *err;
    return trit_error_set(err, trit_context, "%.150s: /reset begins anew, /undo takes a question back, --ctx gives more", said.message);
}

trit_status trit_chat_answer(trit_chat *c, trit_error *err) {
    turn t = {.chat = c};
    trit_status status = make_prompt(&t, err);
    begin_showing(&t);
    if (status == trit_ok) status = generate(&t, err);
    if (status == trit_context) status = too_long(err);
    if (status == trit_ok && !trit_talk_push(&c->talk, "assistant", t.answer.data, t.answer.n))
        status = trit_error_memory(err, t.answer.n, "the answer");
    if (status == trit_ok) {
        count(&t);
        if (c->opts->output.json) status = print_json(&t, err);
        else print_end(&t);
    } else if (t.answer.n && !c->opts->output.json) {
        trit_out_puts("\n");
    }
    if (status == trit_ok && trit_interrupted() && !(c->input.is_terminal && trit_interrupt_take())) status = trit_cancelled;
    trit_prompt_fini(&t.prompt);
    trit_text_fini(&t.answer);
    trit_reply_fini(&t.reply);
    return status;
}
