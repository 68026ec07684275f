/* HTTP, the one place that knows libmicrohttpd: connections, limits, bodies in, answers out. What a request means is the handler's.
 *
 * A few threads of the library serve all connections. An exchange (a request and its answer) that waits for its answer is taken out of their
 * loop, so a thousand waiting clients cost no thread; whoever appends to the answer, from any thread, puts it back. */
#ifndef TRIT_SERVER_HTTPD_H
#define TRIT_SERVER_HTTPD_H

#include <stdbool.h>
#include <stdint.h>

#include "trit/memory.h"
#include "trit/status.h"

typedef struct trit_httpd trit_httpd;

/* Held by the connection and by whoever keeps it. The request does not change until the handler returns. */
typedef struct trit_exchange {
    const char *method, *path;                        /* valid in the handler's calls only, like the headers */
    const char *authorization, *origin, *host, *asked_headers; /* NULL: no such header */
    uint64_t n_announced; /* bytes of the body by Content-Length; UINT64_MAX: it comes in chunks */
    trit_text body; /* goes when the handler returns */
    uint64_t start_ns;
    int route, key; /* the handler's own; 0 at the beginning */
    struct trit_exchange_state *state;
} trit_exchange;

typedef struct trit_httpd_opts {
    const char *host; /* an address or a name */
    uint16_t port;    /* 0: a free one */
    unsigned max_connections, idle_s; /* idle_s: a client that neither sends nor reads for so long is dropped */
    unsigned receive_s;               /* headers arrive in this time, and then the body, however slowly they drip */
    size_t max_body_bytes;
    void *self;
    /* The headers have arrived, the body has not: may answer already, and the body is not waited for. */
    void (*begin)(void *self, trit_exchange *x);
    /* All has arrived: answers, now or later. Called from several threads. */
    void (*handle)(void *self, trit_exchange *x);
    /* The exchange is over, well or badly; `status` is 0 where the client went before there was any. */
    void (*done)(void *self, trit_exchange *x, unsigned status);
} trit_httpd_opts;

/* Errors: io (the address is taken or is none), unsupported (this build has no server), memory. */
TRIT_MUST_CHECK trit_status trit_httpd_start(trit_httpd **out, const trit_httpd_opts *opts, trit_error *err);
uint16_t trit_httpd_port(const trit_httpd *h);
void trit_httpd_refuse_new(trit_httpd *h); /* no further connections */
void trit_httpd_tick(trit_httpd *h);       /* about once a second: drops those who drip, or have left unnoticed */
unsigned trit_httpd_n_connections(trit_httpd *h);
void trit_httpd_free(trit_httpd *h); /* all exchanges have been ended. NULL is fine */

/* ---- The answer, from any thread ---- */

void trit_exchange_keep(trit_exchange *x); /* it lives until release, though its client may be gone */
void trit_exchange_release(trit_exchange *x);

/* Before `start`; at most trit_exchange_max_headers. `name` is static, `value` is copied. */
enum { trit_exchange_max_headers = 8 };
void trit_exchange_header(trit_exchange *x, const char *name, const char *value);

/* A streaming answer is sent as it is appended; else all of it when it has ended. Only the first start counts. */
void trit_exchange_start(trit_exchange *x, unsigned status, const char *content_type, bool streams);
void trit_exchange_append(trit_exchange *x, const char *data, size_t n);
void trit_exchange_end(trit_exchange *x);
void trit_exchange_drop(trit_exchange *x); /* closes the connection as it is: nobody reads the answer */

/* Has the client left? Looks at its connection. */
bool trit_exchange_is_gone(trit_exchange *x);

#endif
