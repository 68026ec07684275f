/* Log probabilities of a choice's tokens. */
#ifndef TRIT_SERVER_NOTES_H
#define TRIT_SERVER_NOTES_H

#include "server/job.h"

/* p[0..n): the token itself and the likeliest ones; n 0: nothing was before it. False: memory. */
bool trit_note_add(trit_choice *c, int32_t token, const trit_logprob *p, uint32_t n);

/* on_logits of a request whose prompt is measured; `choice` is its user. */
void trit_note_prompt(void *choice, uint32_t position, const float *logits, uint32_t n_vocab);

/* The member "logprobs" of a choice: {"content": [...]} of chats, {"tokens", ...} of completions, null where it was not asked for. */
void trit_put_logprobs_chat(trit_jsonw *w, const trit_choice *c);
void trit_put_logprobs_text(trit_jsonw *w, const trit_choice *c);

#endif
