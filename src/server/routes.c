#include "server/routes.h"

#include <stdio.h>
#include <string.h>

const trit_route trit_routes[] = {
#define TRIT_ROUTE(method, path, handler, access, params, members, required, type, summary) \
    {#method, path, handler, NULL, trit_route_##access, trit_ask_##params, members, required, type, summary},
#define TRIT_ROUTE_MODEL(method, path, handler, access, params, members, required, type, summary) \
    {#method, path, NULL, handler, trit_route_##access, trit_ask_##params, members, required, type, summary},
#include "server/routes.def"
#undef TRIT_ROUTE
#undef TRIT_ROUTE_MODEL
};
const size_t trit_n_routes = sizeof trit_routes / sizeof trit_routes[0];
_Static_assert(sizeof trit_routes / sizeof trit_routes[0] < trit_max_counted_routes, "more routes than are counted");

/* Bytes of the path before "{", or all of it. */
static size_t fixed_part(const trit_route *route) {
    return strcspn(route->path, "{");
}

static bool matches(const trit_route *route, const char *path) {
    const size_t n = fixed_part(route);
    return route->path[n] ? strncmp(path, route->path, n) == 0 && path[n] : strcmp(path, route->path) == 0;
}

const char *trit_route_rest(const trit_route *route, const char *path) {
    const size_t n = fixed_part(route);
    return route->path[n] ? path + n : "";
}

int trit_route_find(const char *method, const char *path, char *allowed, size_t size) {
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    size_t n = 0;
    *allowed = '\0';
    for (size_t i = 0; i < trit_n_routes; i++) {
        if (!matches(&trit_routes[i], path)) continue;
        if (strcmp(trit_routes[i].method, wanted) == 0) return (int)i;
        if (n < size) n += (size_t)snprintf(allowed + n, size - n, "%s%s", n ? ", " : "", trit_routes[i].method);
    }
    return -1;
}
