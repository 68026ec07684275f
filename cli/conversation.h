/* Prompts as conversations: a prompt becomes the user's message in the model's chat template. */
#ifndef TRIT_CLI_CONVERSATION_H
#define TRIT_CLI_CONVERSATION_H

#include "base/jsonw.h"
#include "load.h"
#include "prompt.h"
#include "talk.h"

typedef struct trit_conversation_choice {
    const char *system, *messages, *chat_template, *date;
    bool render_only;
    const trit_text *read_template; /* no option: the file of chat_template, for who renders many; NULL: it is read */
} trit_conversation_choice;

extern const trit_option trit_conversation_options[5];

#define TRIT_CONVERSATION_GROUP(type, member) \
    {"Conversation", trit_conversation_options, TRIT_COUNT(trit_conversation_options), offsetof(type, member)}

/* Writes one message, an object of "role" and "content". */
void trit_conversation_put(trit_jsonw *w, const char *role, const char *content, size_t n);

/* Refuses what does not go together, before anything is opened: a conversation with --raw or --ids, a prompt with --messages,
 * a bad --date. Errors: arg. */
TRIT_MUST_CHECK trit_status trit_conversation_check(const trit_conversation_choice *c, const trit_prompt_choice *p, const trit_prompt *prompt,
                                                    trit_error *err);

/* Can the rendering be made without a model? */
bool trit_conversation_needs_no_model(const trit_conversation_choice *c);

/* Replaces prompt->text by the rendering where there is a conversation: asked for by an option, or because the model (NULL: none)
 * has a chat template. Leaves it alone with --raw, with --ids, and where there is no prompt. Errors: io, format, arg, unsupported
 * (a conversation is asked for, and there is no template), memory. */
TRIT_MUST_CHECK trit_status trit_conversation_render(trit_prompt *prompt, const trit_conversation_choice *c, const trit_prompt_choice *p,
                                                     const trit_model *model, trit_error *err);

/* prompt->text is a conversation, an object as in --messages, and becomes its rendering. `what` names it in errors, which are the same. */
TRIT_MUST_CHECK trit_status trit_conversation_render_record(trit_prompt *prompt, const trit_conversation_choice *c, const trit_model *model,
                                                            const char *what, trit_error *err);

/* prompt->text becomes the conversation: its texts as they stand (is_raw), or its rendering, which asks for an answer. The same errors. */
TRIT_MUST_CHECK trit_status trit_conversation_render_talk(trit_prompt *prompt, const trit_talk *talk, bool is_raw, const trit_conversation_choice *c,
                                                          const trit_model *model, trit_error *err);

#endif
