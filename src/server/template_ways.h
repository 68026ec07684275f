/* What a chat template can tell a model of tools, found by trying it, and which marks its model makes. What it cannot tell, the conversation says in words. */
#ifndef TRIT_SERVER_TEMPLATE_WAYS_H
#define TRIT_SERVER_TEMPLATE_WAYS_H

#include "server/tools.h"
#include "trit/chat.h"

typedef struct trit_template_ways {
    const trit_tool_family *family;
    const trit_think_marks *marks; /* NULL: no reasoning */
    bool hides_tools, hides_calls, hides_results;
    bool wants_text; /* arguments of calls as JSON in a text, and not as an object */
} trit_template_ways;

trit_template_ways trit_template_look(const char *chat_template, const trit_chat_opts *opts);

/* Is the spelling part of one of the marks? */
bool trit_ways_use(const trit_template_ways *ways, trit_str spelling);

/* Appends what a model must be told of tools where its template does not. False: out of memory. */
bool trit_tools_tell(trit_text *out, const trit_tool_family *family, const trit_json *tools);

#endif
