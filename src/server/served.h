/* A model that is served: what its file says, its engine, and the thread that loads it, steps it and lets it go.
 *
 *     absent --- a request waits, and there is room ---> loading ---> ready --- another wants the room, and nobody uses it ---> absent
 *
 * Requests for a model that is not ready are parked, read but not understood, and handled by the model's thread when it is. */
#ifndef TRIT_SERVER_SERVED_H
#define TRIT_SERVER_SERVED_H

#include <pthread.h>

#include "base/json.h"
#include "base/str.h"
#include "server/embeddings.h"
#include "server/httpd.h"
#include "server/job.h"
#include "server/metrics.h"
#include "server/refusal.h"
#include "server/server.h"
#include "server/template_ways.h"
#include "trit/embed.h"

typedef enum trit_served_state { trit_served_absent, trit_served_loading, trit_served_ready } trit_served_state;

/* A request that waits for its model. */
typedef struct trit_parked {
    struct trit_parked *next;
    trit_exchange *exchange; /* kept */
    trit_json *body;         /* owned */
} trit_parked;

struct trit_served {
    trit_server *server;
    size_t index; /* among the server's */
    trit_server_model asked;
    const char *name;
    pthread_t worker;
    bool has_worker;

    /* Of a ready model, which does not change while it is held or has jobs. */
    const trit_model *model;
    trit_model *opened;           /* NULL: the model is not ours to close */
    trit_model_info info;
    const trit_tokenizer *tokenizer;
    trit_engine *engine;
    trit_engine_info engine_info; /* as it was at the start: its pages change */
    const char *chat_template;    /* NULL: there is none */
    char *bos, *eos;              /* as templates are told them; NULL: there is none */
    trit_str *special;            /* [n_special] spellings of the special tokens; of the tokenizer */
    size_t n_special;
    trit_template_ways ways;      /* of the chat template */
    bool marks_are_special;       /* some of those that `ways` knows: texts must show special tokens for them */
    bool special_begins[256];     /* which bytes they begin with */
    trit_embedder *embedder;      /* the worker's alone; NULL: nobody has asked for vectors */

    /* Under the server's lock. */
    pthread_cond_t work;     /* something for the worker: a request, a job, room, the end */
    trit_served_state state;
    bool leaving;            /* its room is wanted: nothing new begins */
    uint32_t n_held;         /* handlers at work with it */
    uint64_t used_ns;        /* when it was last asked for */
    trit_parked *parked;     /* the oldest first */
    uint32_t n_parked;
    trit_embedding *embeddings; /* the oldest first */
    trit_job *jobs;          /* all that the engine works on */
    uint32_t n_choices;      /* of theirs, not ended */
    trit_counts counts;
    trit_engine_counters seen; /* of the engine, which are in `counts` */
};

/* Begins with what the server's options say of model `index`: absent, and without a thread. */
void trit_served_init(trit_served *m, trit_server *s, size_t index);
/* The calling thread loads the model, before the worker is there. Errors: arg (no tokenizer), memory, those of opening and of trit_engine_new. */
TRIT_MUST_CHECK trit_status trit_served_load(trit_served *m, trit_error *err);
TRIT_MUST_CHECK trit_status trit_served_start(trit_served *m, trit_error *err); /* the worker */
void trit_served_join(trit_served *m); /* the worker ends when the server is `ending` and the last job has ended */
void trit_served_fini(trit_served *m);

/* Lets the request's handler answer, now or when the model is ready. Takes the body. */
bool trit_served_handle(trit_served *m, trit_exchange *x, trit_json *body, trit_refusal *r);

/* Between these a ready model stays; false: it is not ready. */
bool trit_served_hold(trit_served *m);
void trit_served_release(trit_served *m);

/* With the lock held: cancels what nobody waits for any more. True: there is something to come back for. */
bool trit_served_look_after(trit_served *m);
/* With the lock held: nothing waits any more, and with `jobs` what is being made ends without an answer. */
void trit_served_give_up(trit_served *m, bool jobs);
bool trit_served_has_work(const trit_served *m); /* with the lock held: jobs, or requests for vectors */
bool trit_served_is_used(const trit_served *m); /* with the lock held: work, or a handler */
bool trit_served_is_late(const trit_served *m, uint64_t start_ns); /* more than the deadline has passed */

#endif
