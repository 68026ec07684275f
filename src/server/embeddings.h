/* Requests for vectors: the model's worker computes them one request behind the other, a step of theirs between two of the answers'. */
#ifndef TRIT_SERVER_EMBEDDINGS_H
#define TRIT_SERVER_EMBEDDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/jsonw.h"
#include "server/httpd.h"
#include "server/refusal.h"
#include "trit/memory.h"

typedef struct trit_served trit_served;

typedef struct trit_embedding {
    struct trit_embedding *next;
    trit_exchange *exchange; /* kept */
    trit_ids *text;          /* [n] owned */
    size_t n, n_done, n_running;
    uint32_t dims;
    bool base64;
    float *vector;           /* [dims] the one at hand; NULL: not begun */
    trit_jsonw answer;       /* as far as it is made */
    bool at_work;            /* the worker has it in hand; others only mark it: */
    bool gone;               /* its client has left */
    trit_refusal_kind cut;   /* why it ends early; trit_n_refusals: it does not */
} trit_embedding;

/* With the server's lock held, which the step gives up while it computes. */
void trit_embeddings_step(trit_served *m);
void trit_embeddings_look_after(trit_served *m);
void trit_embeddings_give_up(trit_served *m);

#endif
