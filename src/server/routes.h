/* The table of routes.def. */
#ifndef TRIT_SERVER_ROUTES_H
#define TRIT_SERVER_ROUTES_H

#include "server/ask.h"
#include "server/state.h"

typedef struct trit_route {
    const char *method, *path;
    bool (*handle)(trit_server *s, trit_exchange *x, trit_refusal *r); /* NULL: a model answers */
    bool (*answer)(trit_served *m, trit_exchange *x, const trit_json *body, trit_refusal *r);
    enum { trit_route_open, trit_route_keyed } access;
    unsigned params;               /* trit_ask_route: whose rows of params.def */
    const char *members, *required; /* JSON; NULL: there is no body */
    const char *type, *summary;
} trit_route;

extern const trit_route trit_routes[];
extern const size_t trit_n_routes;

/* What stands in the place of "{model}", for the route's path; "" where there is no such place. */
const char *trit_route_rest(const trit_route *route, const char *path);

/* The number of the route, or -1: fills *allowed with the methods of the path ("" where it is unknown). HEAD is served by GET. */
int trit_route_find(const char *method, const char *path, char *allowed, size_t size);

#endif
