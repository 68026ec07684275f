/* trit chat: a conversation at the terminal, or from a script. One engine, whose pages keep what was said. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "chat.h"
#include "command.h"
#include "input.h"
#include "interrupt.h"

#define AT(field) offsetof(trit_chat_choice, field)

static const trit_option answer_options[] = {
    {"max-tokens", 'n', trit_opt_int, AT(max_tokens), "N", -1, 1 << 30, "tokens of an answer at most; -1: until an end token or the context's end"},
    {"stop", 0, trit_opt_list, AT(stop), "TEXT", 0, 0, "end an answer before this text; may be given several times"},
    {"raw", 0, trit_opt_flag, AT(raw), NULL, 0, 0, "continue the text as it stands, also where the model has a chat template"},
};

/* A conversation is read or begun. */
static trit_status begin(trit_chat *c, trit_error *err) {
    const trit_conversation_choice *o = &c->opts->conversation;
    trit_status status = trit_ok;
    if (o->messages && c->opts->session.session)
        return trit_error_set(err, trit_arg, "two conversations: --messages does not go with --session");
    if (o->messages) {
        trit_text in = {0};
        status = trit_input_read(&in, o->messages, err);
        if (status == trit_ok) status = trit_talk_read(&c->talk, in.data, in.n, o->messages, err);
        trit_text_fini(&in);
    }
    return status == trit_ok && o->chat_template ? trit_input_read(&c->template, o->chat_template, err) : status;
}

static trit_status open_model(trit_chat *c, trit_error *err) {
    const trit_chat_choice *o = c->opts;
    trit_status status = trit_load(&c->loaded, &o->model, &o->run, &o->output, err);
    if (status != trit_ok) return status;
    if (!c->loaded.tokenizer)
        return trit_error_set(err, trit_arg, "%s has no tokenizer: give a --tokenizer FILE", trit_model_choice_name(&o->model));
    const bool has_template = o->conversation.chat_template || trit_model_chat_template(c->loaded.model);
    c->is_raw = o->raw || !has_template;
    if (!has_template && !o->raw && (o->conversation.system || o->conversation.messages))
        return trit_error_set(err, trit_unsupported, "%s has no chat template, which --%s needs (--chat-template FILE gives one)",
                              trit_model_choice_name(&o->model), o->conversation.system ? "system" : "messages");
    if (!has_template && !o->raw && !o->output.quiet)
        fprintf(stderr, "%s has no chat template: it continues what you write (--raw does the same without this line)\n",
                trit_model_choice_name(&o->model));
    trit_engine_opts engine_opts = trit_engine_choice(&o->run);
    status = trit_drafting_open(&c->drafting, &o->draft, c->loaded.device, &o->output, err);
    engine_opts.draft_model = c->drafting.model;
    return status != trit_ok ? status : trit_engine_new(&c->engine, c->loaded.model, &engine_opts, err);
}

/* What was said before, and the system message that is to be from now on. */
static trit_status take_up(trit_chat *c, trit_error *err) {
    const char *system = c->opts->conversation.system, *session = c->opts->session.session;
    const trit_status status = session ? trit_session_begin(&c->talk, c->engine, session, &c->opts->output, err) : trit_ok;
    if (status == trit_ok && system && !trit_talk_instruct(&c->talk, system, strlen(system)))
        return trit_error_memory(err, strlen(system), "the system message");
    return status;
}

/* A message or a command. The question that gets no answer is taken back. */
static trit_status reply(trit_chat *c, const trit_text *text, trit_chat_said said, trit_error *err) {
    if (said == trit_said_command) return trit_chat_command(c, text->data, err);
    const size_t before = trit_talk_unanswered(&c->talk);
    if (!trit_talk_say(&c->talk, text->data, text->n)) return trit_error_memory(err, text->n, "a message");
    trit_status status = trit_chat_answer(c, err);
    if (status != trit_ok) trit_talk_take_back(&c->talk, before);
    if (status == trit_ok && c->opts->output.verbose) status = trit_chat_command(c, "/stats", err);
    return status;
}

/* At a terminal a mistake is told and the conversation goes on; in a script it ends the program. */
static bool is_forgiven(const trit_chat *c, trit_status status) {
    return c->input.is_terminal && status != trit_cancelled && status != trit_memory && status != trit_device_error;
}

static trit_status converse(trit_chat *c, trit_error *err) {
    trit_text text = {0};
    trit_status status = trit_ok;
    bool was_interrupted = false;
    while (status == trit_ok && !c->is_done) {
        trit_chat_said said;
        status = trit_chat_input_next(&c->input, &text, &said, err);
        if (status == trit_ok && said == trit_said_end) {
            if (c->input.is_terminal) fputs("\n", stderr);
            break;
        }
        if (status == trit_ok && said == trit_said_interruption) {
            if (was_interrupted) status = trit_cancelled;
            else fputs("(Ctrl-C once more ends, and so does Ctrl-D)\n", stderr);
            was_interrupted = true;
            continue;
        }
        was_interrupted = false;
        if (status == trit_ok) status = reply(c, &text, said, err);
        if (status != trit_ok && is_forgiven(c, status)) {
            fprintf(stderr, "trit: %s\n", err->message);
            status = trit_ok;
        }
    }
    trit_text_fini(&text);
    return status;
}

static trit_status chat(const void *opts, const trit_args *args, trit_error *err) {
    trit_chat c = {.opts = opts};
    const trit_conversation_choice *o = &c.opts->conversation;
    trit_status status = trit_args_at_most(args, 0, err);
    if (status == trit_ok)
        status = trit_conversation_check(o, &(trit_prompt_choice){.raw = c.opts->raw}, &(trit_prompt){.is_none = o->messages != NULL}, err);
    if (status == trit_ok) status = trit_sampling_choose(&c.chosen, &c.opts->sampling, err);
    if (status == trit_ok) status = begin(&c, err);
    if (status == trit_ok) status = open_model(&c, err);
    if (status == trit_ok) status = take_up(&c, err);
    if (status == trit_ok) {
        trit_chat_input_start(&c.input);
        if (c.input.is_terminal && !c.opts->output.quiet) fputs("/help lists the commands, Ctrl-D ends\n", stderr);
        status = converse(&c, err);
        trit_chat_input_end(&c.input);
        const char *session = c.opts->session.session;
        if (session) status = trit_session_end(&c.talk, c.engine, session, &c.opts->output, status, err);
    }
    trit_engine_free(c.engine);
    trit_drafting_fini(&c.drafting);
    trit_unload(&c.loaded);
    trit_talk_fini(&c.talk);
    trit_text_fini(&c.template);
    return status;
}

static const trit_opt_group groups[] = {
    {"Conversation", trit_conversation_options, TRIT_COUNT(trit_conversation_options) - 1, AT(conversation)}, /* all but --render-only */
    TRIT_SESSION_GROUP(trit_chat_choice, session),
    {"Answers", answer_options, TRIT_COUNT(answer_options), 0},
    TRIT_SAMPLING_GROUP(trit_chat_choice, sampling),
    TRIT_DRAFT_GROUP(trit_chat_choice, draft),
    TRIT_MODEL_GROUP(trit_chat_choice, model),
    TRIT_RUN_GROUP(trit_chat_choice, run),
    TRIT_OUTPUT_GROUP(trit_chat_choice, output),
};

static const trit_example examples[] = {
    {"trit chat", "the model inside the program, which continues what you write"},
    {"trit chat -m model.gguf --chat-template chat.jinja --system \"Be brief.\"", "a conversation in the frame of a template (chat models bring their own)"},
    {"echo \"Who are you?\" | trit chat -m model.gguf -n 20 --json", "from a script: an object a line for each answer"},
};

static const trit_chat_choice defaults = {.max_tokens = -1, .sampling = TRIT_SAMPLING_DEFAULTS};

const trit_command trit_cmd_chat = {
    .usage = "[options]",
    .about = "A conversation: each line is a message, and the answer is printed as it is made. A line that ends in a backslash goes on; "
             "three quotes (\"\"\") begin and end a message of several lines; /help lists the commands, such as /save FILE, /retry and "
             "/undo. Ctrl-C stops an answer and not the program; Ctrl-D ends. Each turn computes its new tokens alone.\n\n"
             "Where standard input is no terminal nothing but answers is printed, and the first mistake ends the program. Models without "
             "a chat template continue the text as it stands, as with --raw.",
    .groups = groups,
    .n_groups = TRIT_COUNT(groups),
    .examples = examples,
    .n_examples = TRIT_COUNT(examples),
    .defaults = &defaults,
    .opts_bytes = sizeof defaults,
    .run = chat,
};
