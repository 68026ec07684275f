/* What an answer's text begins with. All of it is asked again when more has come, so each question has three answers, and a certain one never changes. */
#ifndef TRIT_SERVER_REPLY_SCAN_H
#define TRIT_SERVER_REPLY_SCAN_H

#include "server/tools.h"

typedef enum trit_match { trit_match_no, trit_match_partial, trit_match_yes } trit_match;

size_t trit_blanks(trit_str s); /* how many it begins with */

static inline trit_str trit_behind(trit_str s, size_t n) {
    return (trit_str){s.p + n, s.n - n};
}

/* A mark of tool_families.def. `last`: nothing comes behind s. *used: bytes of it. */
trit_match trit_match_mark(trit_str mark, trit_str s, bool last, size_t *used);

/* A JSON value; of objects and arrays only the brackets are looked at. */
trit_match trit_match_value(trit_str s, bool last, size_t *used);

/* The inside of brackets, byte by byte. */
typedef struct trit_nesting {
    uint32_t depth;
    bool in_string, escaped;
} trit_nesting;

bool trit_nesting_add(trit_nesting *n, char c); /* true: c was the last bracket */

/* A member's name and its colon, with what stands before the value. */
trit_match trit_match_member(trit_str s, bool last, trit_str *name, size_t *used);
bool trit_is_arguments(trit_str member);

/* A call from its `open` up to its arguments or, of an object, up to behind its name's value. */
typedef struct trit_call_head {
    size_t used;
    const trit_tool *tool;
    trit_tool_kind kind; /* an object also where the family has a language of its own */
    trit_str arguments; /* of an object where they stand before its name */
} trit_call_head;

trit_match trit_match_head(const trit_tool_family *family, const trit_tools *tools, trit_str s, bool last, trit_call_head *head);

#endif
