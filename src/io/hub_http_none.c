/* In the place of hub_http.c where there is no libcurl: the store works, fetching says why it does not. */
#include "base/error.h"
#include "io/hub.h"

trit_status trit_http_new(trit_http **out, const char *endpoint, const char *token, trit_error *err) {
    (void)out;
    (void)token;
    return trit_error_set(err, trit_unsupported, "%s: this trit was built without libcurl and cannot fetch models", endpoint);
}

/* Without a session only trit_http_free is called, with NULL. */

void trit_http_free(trit_http *h) {
    (void)h;
}

trit_status trit_http_start(trit_http *h, trit_http_transfer *t, trit_error *err) {
    (void)h;
    (void)t;
    return trit_error_set(err, trit_unsupported, "built without libcurl");
}

void trit_http_stop(trit_http *h, trit_http_transfer *t) {
    (void)h;
    (void)t;
}

trit_status trit_http_run(trit_http *h, unsigned wait_ms, trit_error *err) {
    (void)h;
    (void)wait_ms;
    return trit_error_set(err, trit_unsupported, "built without libcurl");
}
