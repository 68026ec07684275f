/* Conversations of requests: checked, worded as chat templates want them, rendered, and turned into tokens.
 *
 * A template's rendering is encoded with special tokens, and a message that spells one must not become one: <|eot_id|> in a user's text would
 * end the user's turn. So a mark is put into such spellings before the template sees them; the rendering is cut at the marks and its parts
 * are encoded apart, in which the spelling is whole nowhere. The mark is U+FDD0, which Unicode keeps for such inner uses. */
#ifndef TRIT_SERVER_CONVERSATION_H
#define TRIT_SERVER_CONVERSATION_H

#include "server/refusal.h"
#include "server/state.h"

/* Replaces *conversation by what the template is given: messages and tools of the body, add_generation_prompt unless it is said, and the members of
 * chat_template_kwargs. */
bool trit_conversation_write(const trit_served *s, const trit_json *body, trit_text *conversation, trit_refusal *r);

/* The template's text of the body's messages; `marked` keeps the marks, for encoding. */
bool trit_conversation_text(const trit_served *s, const trit_json *body, bool marked, trit_text *out, trit_refusal *r);

/* Its tokens. */
bool trit_conversation_encode(const trit_served *s, const trit_text *marked, trit_ids *out, trit_refusal *r);

#endif
