/* Tools: the functions that a request lets the model call, how the model's family writes such calls, and the marks round its reasoning.
 *
 *   body -> tools (tools.c) -> words of the prompt (conversation.c), grammar (tool_grammar.c)
 *   answer -> reply: reasoning, text, calls (reply.c) */
#ifndef TRIT_SERVER_TOOLS_H
#define TRIT_SERVER_TOOLS_H

#include "base/json.h"
#include "base/str.h"
#include "server/refusal.h"
#include "trit/grammar.h"
#include "trit/tokenizer.h"

typedef enum trit_tool_kind { trit_tool_object, trit_tool_named, trit_tool_tagged, trit_tool_python, trit_tool_quoted } trit_tool_kind;

/* A row of tool_families.def. */
typedef struct trit_tool_family {
    const char *name;
    trit_tool_kind kind;
    const char *sign, *begin, *open, *middle, *close, *between, *end;
    const char *key, *key_end, *value_end; /* tagged */
    const char *quote;                     /* quoted: before and behind a text; else NULL */
} trit_tool_family;

/* The family of a chat template; of one that knows no tools: calls as plain JSON. */
const trit_tool_family *trit_tool_family_of(const char *chat_template);
const trit_tool_family *trit_tool_family_at(size_t i); /* NULL beyond the last */

typedef struct trit_think_marks {
    const char *open, *close;
} trit_think_marks;

const trit_think_marks *trit_think_marks_of(const char *chat_template); /* NULL: the template knows no reasoning */

/* Does a text of the template end where reasoning has begun? */
bool trit_thinks_at_end(const trit_think_marks *marks, trit_str prompt);

enum { trit_tools_max = 256, trit_tool_name_max = 64 };

typedef struct trit_tool {
    trit_str name;
    const trit_json *parameters; /* a JSON schema; NULL: none */
    bool strict;
} trit_tool;

typedef struct trit_tools {
    trit_json *document; /* owned: what the others point into */
    trit_tool *tool;     /* [n] */
    size_t n, chosen;    /* chosen: the one that must be called; n: none in particular */
    bool required, parallel, shown; /* shown: to the template; with tool_choice none they are not */
} trit_tools;

/* Reads tools, tool_choice and parallel_tool_calls. In any case release it with trit_tools_fini. */
bool trit_tools_read(trit_tools *tools, const trit_json *body, trit_refusal *r);
void trit_tools_fini(trit_tools *tools);

const trit_tool *trit_tools_find(const trit_tools *tools, trit_str name); /* NULL: it is none of them */

/* What an answer may be so that its calls are what was asked for; *out NULL: anything. `marks` may be NULL; `thinks`: the prompt ends inside them. Marks
 * that are tokens of the tokenizer are those tokens, and not their letters; NULL: all marks are texts. */
bool trit_tools_grammar(trit_grammar **out, const trit_tools *tools, const trit_tool_family *family, const trit_think_marks *marks, bool thinks,
                        const trit_tokenizer *tokenizer, trit_refusal *r);

/* Appends calls as the family writes them, as far as `calls` are OpenAI's tool_calls. False: out of memory. */
bool trit_tool_calls_write(trit_text *out, const trit_tool_family *family, const trit_json *calls);

#endif
