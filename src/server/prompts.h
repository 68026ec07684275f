/* Texts of requests for completions and embeddings: a string, token ids, or a list of such. */
#ifndef TRIT_SERVER_PROMPTS_H
#define TRIT_SERVER_PROMPTS_H

#include "base/json.h"
#include "server/refusal.h"
#include "server/served.h"

typedef struct trit_prompts {
    const char *name;  /* of the parameter */
    bool echo;         /* the texts are wanted too */
    bool begins_empty; /* an empty text is the begin token alone; else it is refused */
    trit_ids *ids;     /* [n]; who takes them leaves NULL */
    trit_text *text;   /* [n] where they are wanted */
    size_t n;
} trit_prompts;

/* Reads `v`; release *p with trit_prompts_fini in any case. */
bool trit_prompts_read(trit_prompts *p, const trit_served *m, const trit_json *v, trit_refusal *r);
void trit_prompts_fini(trit_prompts *p);

#endif
