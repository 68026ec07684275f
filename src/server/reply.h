/* An answer taken apart while it comes: reasoning, text, and calls of tools. Whatever the pieces are in which it comes, their sum is the same: what could
 * still become a mark is held back, and what only looked like a call is text. */
#ifndef TRIT_SERVER_REPLY_H
#define TRIT_SERVER_REPLY_H

#include "server/reply_scan.h"
#include "server/reply_values.h"
#include "server/server.h"
#include "server/tools.h"
#include "trit/memory.h"

/* How the answers to a request are read; shared by them. */
typedef struct trit_reading {
    trit_tools tools;
    const trit_tool_family *family; /* NULL: no calls */
    const trit_think_marks *marks;  /* NULL: no reasoning */
    trit_reasoning reasoning;
    bool thinks; /* answers begin inside the marks */
    bool shows_special; /* texts have special tokens in them, for some of the marks are such */
} trit_reading;

void trit_reading_free(trit_reading *reading); /* NULL is fine */

typedef struct trit_reply_call {
    const trit_tool *tool;
    char id[10];
    trit_text arguments; /* JSON, as the model wrote it; what was not sent yet */
    bool is_told;        /* its name was sent */
    bool has_arguments;
} trit_reply_call;

enum { trit_reply_max_calls = 128 };

typedef struct trit_reply {
    const trit_reading *reading;
    uint64_t seed; /* of ids */
    int state;     /* what comes next: see reply.c */
    bool failed;   /* no memory */
    bool has_text; /* more than blanks */
    bool after_mark; /* blanks that come now are nobody's */
    trit_text pending; /* what was not understood before pending.data + at */
    size_t at;
    trit_text reasoning, content; /* what was not sent yet */
    trit_reply_call *call;        /* [n_calls] */
    size_t n_calls, capacity;
    trit_tool_kind kind;          /* of the latest call */
    trit_nesting nesting;         /* inside its arguments, where they are JSON */
    trit_values values;           /* where they are not */
    size_t n_name, n_value;       /* of a tagged argument: bytes in which its end was looked for, and is not */
} trit_reply;

void trit_reply_init(trit_reply *reply, const trit_reading *reading, uint64_t seed);
void trit_reply_fini(trit_reply *reply);

/* The next piece; `last`: there will be no other. False: out of memory. */
TRIT_MUST_CHECK bool trit_reply_add(trit_reply *reply, const char *text, size_t n, bool last);

bool trit_reply_has_news(const trit_reply *reply);
void trit_reply_sent(trit_reply *reply); /* what there is was sent */

#endif
