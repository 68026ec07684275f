/* Conversations as text: a model's chat template (Jinja, as Hugging Face runs it) over a list of messages.
 *
 * The rendering holds special tokens written out, so it is encoded with trit_encode_opts.special set, and with no_bos where it
 * begins with the begin token. A message that spells a special token is then taken for one: that is how templates work, so
 * refuse such messages where strangers write them. */
#ifndef TRIT_CHAT_H
#define TRIT_CHAT_H

#include <stddef.h>

#include "trit/memory.h"
#include "trit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The moment that strftime_now(format) tells. */
typedef struct trit_chat_time {
    int year, month, day, hour, minute, second; /* month and day from 1; year 0: now, in the machine's time zone */
} trit_chat_time;

typedef struct trit_chat_opts {
    const char *bos_token, *eos_token; /* for the variables of these names, unless the conversation has them; NULL: not defined */
    trit_chat_time now;
} trit_chat_opts;

/* Replaces `out` by conversation[0..n_conversation), rendered with source[0..n_source).
 *
 * The conversation is a JSON object whose members become the template's variables:
 *   {"messages": [{"role": "user", "content": "Hello"}], "add_generation_prompt": true}
 * and, where the template knows them, "tools", "documents" (none unless given), "bos_token", "enable_thinking" and so on.
 * `opts` may be NULL. A rendering ends after 20 million steps, at 500 levels of nesting, 64 MiB of output or 256 MiB of values.
 *
 * Owner: the caller releases `out`. Threads: any number at once, each with buffers of its own and 256 KiB of stack.
 * Errors: format (the template is broken, fails or reaches a limit: "template line N: ..."; the conversation is no JSON), arg (the
 * conversation is no object, or the template itself refuses it: raise_exception), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_chat_render(const char *source, size_t n_source, const char *conversation, size_t n_conversation,
                                                      const trit_chat_opts *opts, trit_text *out, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
