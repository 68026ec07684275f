/* A conversation as `chat` keeps it: messages of text with the role of who wrote them. As a file it is what `run --messages` reads. */
#ifndef TRIT_CLI_TALK_H
#define TRIT_CLI_TALK_H

#include <stdbool.h>
#include <stddef.h>

#include "trit/memory.h"
#include "trit/status.h"

enum { trit_role_max = 32 };

typedef struct trit_message {
    char role[trit_role_max]; /* "system", "user", "assistant", or what a file says */
    trit_text content;        /* owned */
} trit_message;

typedef struct trit_talk {
    trit_message *item; /* [n], owned */
    size_t n, capacity;
} trit_talk;

/* A message at the end. False when out of memory, or with a role that is too long. */
bool trit_talk_push(trit_talk *talk, const char *role, const char *content, size_t n);
/* The user says this: a message at the end, or a line more of one that has no answer, for templates want the roles in turn. False when out of
 * memory. */
bool trit_talk_say(trit_talk *talk, const char *content, size_t n);
size_t trit_talk_unanswered(const trit_talk *talk);    /* bytes of the user's message at the end; 0: there is none */
void trit_talk_take_back(trit_talk *talk, size_t n);   /* what trit_talk_say added: n is trit_talk_unanswered of before */
void trit_talk_pop(trit_talk *talk);                   /* the last one goes; none: nothing happens */
bool trit_talk_ends_with(const trit_talk *talk, const char *role);
void trit_talk_reset(trit_talk *talk);                 /* all go but a system message at the beginning */
/* The system message at the beginning becomes this one, or none where n is 0. False when out of memory. */
bool trit_talk_instruct(trit_talk *talk, const char *content, size_t n);
void trit_talk_fini(trit_talk *talk);

/* Replaces `out` by {"messages": [...]}. False when out of memory. */
bool trit_talk_write(trit_text *out, const trit_talk *talk);

/* Replaces `out` by the texts one behind the other, each of the person on a line of its own: for models that continue what is there. False when
 * out of memory. */
bool trit_talk_join(trit_text *out, const trit_talk *talk);

/* Reads what trit_talk_write and other programs write: an object with a list of "messages", each a "role" and a "content" of text;
 * "add_generation_prompt" may stand beside them. `out` is replaced on success only. `what` names the document. Errors: format (names the
 * message or key that a conversation of text cannot hold), memory. */
TRIT_MUST_CHECK trit_status trit_talk_read(trit_talk *out, const char *data, size_t n, const char *what, trit_error *err);

#endif
