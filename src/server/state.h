/* The server's inside, shared by its files. `lock` guards what stands below it; it is taken before the engine's and the exchanges' own. */
#ifndef TRIT_SERVER_STATE_H
#define TRIT_SERVER_STATE_H

#include <pthread.h>
#include <time.h>

#include "base/str.h"
#include "server/httpd.h"
#include "server/keys.h"
#include "server/served.h"

struct trit_server {
    trit_server_opts opts;
    trit_served *models; /* [n_models] */
    size_t n_models;
    trit_httpd *httpd;
    trit_keys keys;
    time_t start_time;
    bool is_loopback;
    char url[300];
    pthread_t keeper;
    bool has_keeper;

    pthread_mutex_t lock;
    pthread_cond_t look;   /* something for the keeper: a client to look after, the end */
    uint32_t n_exchanges;  /* requests without a whole answer */
    uint32_t *key_active;  /* [keys.n] requests */
    bool stopping, ending; /* nothing new; the threads end with their last job */
    uint64_t n_ids;        /* for names and seeds */
    trit_answer_counts answers[trit_max_counted_routes]; /* of a route (0: none) */
};

/* A number that no two requests have in common, and nobody guesses by chance. */
uint64_t trit_server_unique(trit_server *s);

/* Answers `x` by a whole document, or by a refusal. w is released. */
void trit_answer_json(trit_exchange *x, unsigned status, trit_jsonw *w);
void trit_answer_refusal(trit_exchange *x, const trit_refusal *r);

/* The handlers of routes.def: they answer, or let a job answer, or refuse. */
#define TRIT_ROUTE(method, path, handler, access, params, members, required, type, summary) \
    bool handler(trit_server *s, trit_exchange *x, trit_refusal *r);
#define TRIT_ROUTE_MODEL(method, path, handler, access, params, members, required, type, summary) \
    bool handler(trit_served *m, trit_exchange *x, const trit_json *body, trit_refusal *r);
#include "server/routes.def"
#undef TRIT_ROUTE
#undef TRIT_ROUTE_MODEL

#endif
