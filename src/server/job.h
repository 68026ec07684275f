/* A job: one request for texts at work in the engine, as one or several choices. The engine's thread (the worker) takes the events of its
 * choices and writes the answer, at once or in pieces; what differs between endpoints is a form.
 *
 * Places and deadlines are the server's and not the engine's (max_queued, deadline_ms): a request of several choices is taken whole or not at
 * all, and its time runs from its arrival, reading and tokenizing included. */
#ifndef TRIT_SERVER_JOB_H
#define TRIT_SERVER_JOB_H

#include "base/jsonw.h"
#include "server/ask.h"
#include "server/httpd.h"
#include "trit/engine.h"

typedef struct trit_served trit_served;
typedef struct trit_job trit_job;

/* A token with its log probability and those of the likeliest ones. */
typedef struct trit_note {
    trit_logprob p[1 + trit_max_logprobs]; /* [n]: first the token itself */
    uint32_t n;        /* 0 for a prompt's first token: nothing is before it */
    int32_t token;
    uint32_t offset;   /* in characters of the choice's text */
} trit_note;

typedef struct trit_choice {
    trit_job *job;
    uint32_t index;
    uint64_t id;      /* the engine's */
    uint64_t last_ns; /* when its last token came; 0: none has */
    const int32_t *prompt; /* [n_prompt]; of the job */
    uint32_t n_prompt, n_cached, n_generated;
    bool is_first;    /* of its prompt: its prompt's tokens count */
    bool has_begun;   /* a piece was sent */
    bool ended, no_memory;
    trit_stop_reason stop;
    trit_reply *reply; /* the text taken apart; NULL: it stays what it is */
    trit_text text;   /* what was not sent yet; without streaming all of it */
    trit_note *note;  /* the same */
    size_t n_notes, notes_capacity;
    uint32_t n_chars; /* so far, for offsets */
} trit_choice;

/* How an endpoint words its answers. */
typedef struct trit_form {
    const char *name, *piece_name, *id_prefix; /* "chat.completion", "chat.completion.chunk", "chatcmpl-" */
    /* The choice's member of "choices": the whole of it, or what has come since the last piece. */
    void (*put_choice)(trit_jsonw *w, const trit_choice *c);
    void (*put_piece)(trit_jsonw *w, const trit_choice *c);
} trit_form;

struct trit_job {
    trit_job *next, **link;
    trit_served *served;
    trit_exchange *exchange; /* kept */
    const trit_form *form;
    char id[48];
    int64_t created;
    uint64_t start_ns;
    bool stream, include_usage, want_logprobs;
    uint32_t n_logprobs;
    trit_refusal_kind cut; /* why it was cancelled by us; trit_n_refusals: it was not */
    bool gone, refused;    /* its client has left; a part of it was refused, which was the answer */
    bool cancelled;        /* choices that the engine gets from now on end at once */
    trit_error error;      /* of the engine; status ok: none */
    trit_choice *choice;   /* [n_choices] */
    uint32_t n_choices, n_open; /* n_open: those that have not ended, and one while they are being submitted */
    trit_reading *reading; /* NULL: texts are not taken apart */
    trit_ids prompts;      /* the tokens of all, one behind the other */
};

/* Starts a job for prompts, ask->n choices each. `text` [n]: the prompts as text, which the answers begin with; NULL: they do not. The exchange is
 * answered later, and ask->reading is taken. All else is borrowed for the call. */
bool trit_job_start(trit_served *m, trit_exchange *x, const trit_form *form, trit_ask *ask, const trit_ids *prompt, const trit_text *text, size_t n,
                    trit_refusal *r);

/* With the server's lock held: what the engine tells its worker; the end of all choices. */
void trit_job_take(const trit_event *e);
void trit_job_cancel(trit_job *job);

/* "stop", "length" or "tool_calls"; NULL while it goes on. */
const char *trit_finish_reason(const trit_choice *c);

#endif
