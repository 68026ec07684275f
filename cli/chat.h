/* trit chat: what its parts share. cmd_chat.c opens and loops, chat_turn.c answers, chat_slash.c has the commands. */
#ifndef TRIT_CLI_CHAT_H
#define TRIT_CLI_CHAT_H

#include "chat_input.h"
#include "conversation.h"
#include "draft.h"
#include "load.h"
#include "prompt.h"
#include "sampling.h"
#include "session.h"
#include "talk.h"

typedef struct trit_chat_choice {
    trit_conversation_choice conversation;
    trit_session_choice session;
    int64_t max_tokens; /* -1: no limit but the context */
    trit_opt_texts stop;
    bool raw;
    trit_sampling_choice sampling;
    trit_draft_choice draft;
    trit_model_choice model;
    trit_run_choice run;
    trit_output_choice output;
} trit_chat_choice;

/* Of one answer, or of all together. */
typedef struct trit_chat_counts {
    uint64_t n_prompt, n_cached, n_generated; /* tokens; n_cached: of the prompt, kept from earlier turns */
    uint64_t n_drafted, n_draft_right;
    double prompt_s, answer_s;                /* until the first token, and from there on */
} trit_chat_counts;

typedef struct trit_chat {
    const trit_chat_choice *opts;
    trit_chat_input input;
    trit_loaded loaded;
    trit_drafting drafting;
    trit_engine *engine;
    trit_sampling_chosen chosen;
    trit_talk talk;
    trit_text template; /* the file of --chat-template */
    bool is_raw;        /* the texts are continued as they stand */
    bool is_done;       /* /exit */
    uint64_t n_asked;   /* answers begun: each has a seed of its own */
    trit_chat_counts last, all;
} trit_chat;

/* Lets the model answer the conversation as it stands, prints the answer and adds it; one that Ctrl-C stopped too. Without an answer the
 * conversation is as it was. Errors: context (the conversation is too long: says what to do), arg, format (the template refuses it),
 * cancelled (not at a terminal, or SIGTERM), memory, those of the engine. */
TRIT_MUST_CHECK trit_status trit_chat_answer(trit_chat *c, trit_error *err);

/* A line that begins with a slash. Errors: arg (an unknown command names the nearest one), io, format, those of trit_chat_answer. */
TRIT_MUST_CHECK trit_status trit_chat_command(trit_chat *c, const char *line, trit_error *err);

#endif
