/* What a request for texts asks for, read from its JSON by the rows of params.def. */
#ifndef TRIT_SERVER_ASK_H
#define TRIT_SERVER_ASK_H

#include "base/json.h"
#include "server/refusal.h"
#include "server/reply.h"
#include "trit/grammar.h"
#include "trit/sampling.h"

enum { trit_ask_max_texts = 32, trit_ask_max_bias = 4096 };

/* As bits. */
typedef enum trit_ask_route { trit_ask_none = 0, trit_ask_chat = 1, trit_ask_text = 2, trit_ask_both = 3 } trit_ask_route;

/* Texts are borrowed from the request's JSON. */
typedef struct trit_ask {
    trit_sampling sampling;
    uint32_t n, best_of, max_tokens, n_logprobs, mirostat;
    int32_t top_k, repeat_last_n, dry_last_n;
    bool limits_tokens; /* max_tokens was given */
    bool stream, include_usage, echo, want_logprobs, ignore_eog;
    const char *stop[trit_ask_max_texts];
    size_t n_stop;
    trit_breaker breaker[trit_ask_max_texts];
    trit_logit_bias *bias; /* owned */
    trit_grammar *grammar; /* owned; NULL: any answer will do */
    trit_reading *reading; /* how answers are taken apart; owned until the job takes it. NULL: they are not */
} trit_ask;

typedef struct trit_param {
    const char *name;
    enum { trit_param_flag, trit_param_count, trit_param_whole, trit_param_real, trit_param_read } kind;
    size_t at;
    double least, most;
    bool (*read)(trit_ask *a, const trit_json *v, trit_refusal *r);
    const char *schema; /* JSON; NULL: by the kind */
    trit_ask_route routes;
    const char *text;
} trit_param;

extern const trit_param trit_params[];
extern const size_t trit_n_params;

/* Reads `body` for a route into *a; what it leaves open is as `defaults` has it, and `seed` where it gives none. In any case release it with
 * trit_ask_fini. */
bool trit_ask_read(trit_ask *a, const trit_json *body, trit_ask_route route, const trit_sampling *defaults, uint64_t seed, trit_refusal *r);
void trit_ask_fini(trit_ask *a);

/* Parses a body that must be an object. The caller frees *out. */
bool trit_body_read(trit_json **out, const trit_text *body, trit_refusal *r);

/* "an integer", for messages. */
const char *trit_json_kind_text(trit_json_kind kind);

#endif
