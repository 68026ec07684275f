/* The server: models for many clients, OpenAI's interface over HTTP. */
#ifndef TRIT_SERVER_SERVER_H
#define TRIT_SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "trit/embed.h"
#include "trit/engine.h"
#include "trit/model.h"
#include "trit/status.h"

typedef enum trit_reasoning {
    trit_reasoning_split, /* apart from the answer's text */
    trit_reasoning_keep,  /* in it, with its marks */
    trit_reasoning_none   /* left out */
} trit_reasoning;

/* All texts are borrowed and outlive the server. */
typedef struct trit_server_model {
    const char *name;          /* as clients call it */
    const char *chat_template; /* instead of the model's own; NULL: that */
    const trit_model *model;   /* open, and so it stays; NULL: `open` opens it when it is asked for */
} trit_server_model;

typedef struct trit_server_opts {
    const trit_server_model *models; /* [n_models], at least one; copied. The first is loaded at the start and meant by requests that name none */
    size_t n_models;
    bool may_be_broken; /* a model that cannot be loaded at the start is told in the log, and the next is tried */
    /* Opens model i, which the server closes. Called from a thread of that model's. */
    trit_status (*open)(void *user, size_t i, trit_model **out, trit_error *err);
    void *user;
    uint32_t max_loaded;    /* models at the same time: the one that was asked for longest ago makes room; 0: all */
    trit_engine_opts engine; /* of each */
    trit_pooling pooling;   /* of vectors */
    trit_sampling sampling; /* what a request leaves open; its arrays are not used */
    trit_draft draft;       /* what guesses the next tokens of answers, with `engine.draft_model` */
    uint32_t draft_max;     /* as in trit_request */
    const char *host;       /* NULL: 127.0.0.1 */
    uint16_t port;          /* 0: a free one */
    const char *key_file;   /* a key a line; NULL: no keys are asked for */
    bool open_to_all;       /* a public address without keys is meant */
    const char *const *cors; /* [n_cors] origins whose pages may ask, or "*" */
    size_t n_cors;
    uint32_t max_waiting;   /* answers that wait for a place beside those that are being made; more: 429 */
    uint32_t max_per_key;   /* requests of one key at the same time; 0: no limit */
    uint32_t max_connections; /* 0: 1000 */
    uint32_t deadline_s;    /* of an answer, from its request on; 0: none */
    uint32_t idle_s;        /* clients that neither send nor read for so long are dropped; 0: 60 */
    size_t max_body_bytes;  /* 0: 8 MiB */
    const char *session_dir; /* what was computed is kept in this folder between two lives of the server; NULL: it is not */
    trit_reasoning reasoning; /* where the model's reasoning goes, if its template marks it */
} trit_server_opts;

typedef struct trit_server trit_server;

/* Starts the threads that serve. Errors: arg (a public address without keys), io (address, key file, folder of sessions), unsupported (built
 * without libmicrohttpd), memory, and those of opening the first model and of trit_engine_new. */
TRIT_MUST_CHECK trit_status trit_server_start(trit_server **out, const trit_server_opts *opts, trit_error *err);
const char *trit_server_url(const trit_server *s); /* "http://127.0.0.1:8080" */

/* Takes nothing new, lets what runs end for up to drain_ms, ends the rest with an error, keeps what was computed if there is a folder for
 * it, and frees the server. NULL is fine. */
void trit_server_stop(trit_server *s, uint32_t drain_ms);

#endif
